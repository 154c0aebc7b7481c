# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# pins.sh -- who pins, in a program where that is known (programs/pinner.c): sampled, and page by page; and
# that what living blocks use is what the allocator says of itself.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi

# Where every call is recorded a busy machine may drop some, and count them; then it is done again.
record() { # INTERVAL MEGABYTES
    for record_try in 1 2 3 4 5; do
        rm -f trace*.zst run.db
        env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL="$1" \
            "$bin/real_pinner" 5 "$2" 120 $((record_try * -500 + 3000)) >pinner.out 2>&1
        "$MEMANALYZE" import trace.zst -o run.db >import.log 2>&1
        [ "$(value "SELECT COALESCE(SUM(count), 0) FROM loss WHERE kind LIKE 'dropped%'")" != 0 ] || break
    done
    [ -s run.db ] || fails "interval $1" "cannot import: $(cat import.log)"
}

value() { # SQL
    "$MEMANALYZE" query --format csv run.db "$1" 2>/dev/null | tail -n 1
}

for interval in 64K 1; do
    record $interval 48
    checks=$((checks + 1))
    first=$("$MEMANALYZE" report pins run.db --moment end --limit 1 --format csv 2>/dev/null | tail -n 1 | cut -d, -f2,3)
    [ "$first" = filled,remember_session ] || fails "interval $interval" "the first that pins is $first"
    checks=$((checks + 1))
    "$MEMANALYZE" report fragmentation run.db --moment end --format csv >areas.csv 2>/dev/null
    advice= # a sample may miss which of the two is more: nearly empty, or empty
    [ $interval != 1 ] || advice='Split lifetimes.*remember_session'
    grep -q "^area,.*,fragmented,.*$advice" areas.csv ||
        fails "interval $interval" "the heap is not said to be fragmented: $(cat areas.csv)"
    # usable bytes, beside what the C library counts with its headers
    checks=$((checks + 1))
    value "SELECT SUM(used_bytes_low), SUM(used_bytes_high) FROM address_area WHERE moment = 'end'" >used
    awk -v truth="$(cut -d' ' -f1 pinner.out)" -F, '
        { exit !(truth == 0 || ($1 < truth && $2 > truth * 0.85)) }' used ||
        fails "interval $interval" "used is $(cat used), but the heap $(cat pinner.out)"
done
checks=$((checks + 1))
value "SELECT pinned_bytes, region_pinned_bytes, live_bytes, blocks FROM pin WHERE moment = 'end' AND rank = 1" |
    awk -F, '{ exit !($1 > 10 * $3 && $1 < $4 * 4096 && $2 > 4000000) }' ||
    fails "every page" "a session pins about a page: $(value 'SELECT * FROM pin LIMIT 1')"
checks=$((checks + 1))
value "SELECT SUM(reserved_bytes), SUM(used_bytes) + SUM(empty_bytes) + SUM(sparse_bytes) FROM address_area
        WHERE moment = 'end'" | awk -F, '{ exit !($2 <= $1 && $2 > $1 / 2) }' ||
    fails "every page" "used, empty and sparse do not fit into what is reserved"
finish
