# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# guile.sh [CLIENT] -- an unmodified Guile does the same with the adapter as without, and the adapter tells what
# Guile and its collector count themselves. CLIENT is a program on the collector with callbacks of its own.
. "$SOURCE_DIR/tests/real/lib.sh"

guile=$(command -v guile || command -v guile3.0)
if ! "${guile:-false}" -c '(dynamic-func "GC_get_gc_no" (dynamic-link))' >/dev/null 2>&1; then
    echo "skipped: Guile 3.0 is not installed, or not on the Boehm collector as a shared library"
    exit 77
fi
client=${1:-}
export GUILE_AUTO_COMPILE=0
program=$SOURCE_DIR/tests/programs/guile_told.scm
adapter=$(dirname "$LIBMEMREC")/memrec/adapters/memrec_boehm.so

# ask SELECT: its rows, without the header.
ask() {
    "$MEMANALYZE" query --format csv run.db "$(echo "$1" | tr '\n' ' ')" | sed 1d
}

# is NAME GOT WANTED
is() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fails "$1" "got '$2', not '$3'"
}

# record COMMAND...: leaves run.db, out and err.
record() {
    rm -f run.zst run.db
    "$MEMANALYZE" record -o run.zst -- "$@" >out 2>err || fails "$1" "exit code $?: $(cat out err)"
    "$MEMANALYZE" import run.zst -o run.db >import.log 2>&1 || fails "$1" "$(cat import.log)"
}

# What holds for every program on the collector; $1: its name.
holds() {
    is "$1: is recognised" "$(head -n 1 err)" "memanalyze: using the adapter boehm; --adapter none leaves it out"
    is "$1: all of them ended" "$(ask "SELECT count(*) FROM gc WHERE kind <> 'full' OR end_ns IS NULL OR begin_ns IS NULL")" 0
    is "$1: one pause in each" "$(ask "SELECT count(*) FROM gc WHERE pause_count = 1 AND pause_ns > 0
        AND pause_ns <= duration_ns AND pause_max_ns = pause_ns")" "$(ask "SELECT count(*) FROM gc")"
    is "$1: all but the last are trued up" "$(ask "SELECT sum(trued_up), sum(approximate) FROM gc")" \
        "$(ask "SELECT count(*) - 1, 1 FROM gc")"
    is "$1: before, after, gone" "$(ask "SELECT count(*) FROM gc WHERE used_after_bytes IS NULL
        OR used_before_bytes < used_after_bytes OR claimed_bytes IS NULL")" 0
    is "$1: what was claimed is gone" "$(ask "SELECT sum(claimed_bytes) BETWEEN 0.8 * sum(reclaimed_bytes)
        AND 1.25 * sum(reclaimed_bytes) AND sum(claimed_bytes) > 10000000 FROM gc")" 1
    is "$1: the heap grew" "$(ask "SELECT count(DISTINCT total_bytes) > 2 AND min(total_bytes) < max(total_bytes) / 2
        AND max(used_bytes) <= max(total_bytes) FROM heap_usage")" 1
    is "$1: nothing that it cannot tell" "$(ask "SELECT count(*) FROM gc WHERE objects_before IS NOT NULL
        OR objects_after IS NOT NULL OR promoted_bytes IS NOT NULL")$(ask "SELECT alloc_calls, capacity_bytes FROM heap")" "0,"
}

settings="LD_PRELOAD=$LIBMEMREC:$adapter"
same "guile" "$guile" "$program"
same "guile, failing" "$guile" -c '(display (iota 20000)) (display "no" (current-error-port)) (exit 7)'
same "not guile" sh -c 'echo out; exit 3'
settings=

ASK=1 record "$guile" "$program"
holds guile
# Guile may collect on its way out.
counted=$(ask "SELECT count(*) FROM gc")
# shellcheck disable=SC2046  # three numbers
set -- $(sed -n '3s/[()]//gp' out)
is "memrec_collect collects" "$(sed -n 2p out)" 0
is "collections" "$counted" "$1"
is "asked for" "$(ask "SELECT count(*) FROM gc WHERE reason = 'explicit'")" 3
is "why else" "$(ask "SELECT count(*) FROM gc WHERE reason IS NULL")" "$((counted - 3))"
is "the size of the heap" "$(ask "SELECT total_bytes FROM heap_usage ORDER BY time_ns DESC LIMIT 1")" "$3"

ASK=1 "$MEMANALYZE" record -q -f -o run.zst --adapter none -- "$guile" "$program" >out 2>err
rm run.db
"$MEMANALYZE" import run.zst -o run.db >import.log 2>&1
is "--adapter none" "$(cat err; ask "SELECT count(*) FROM heap")" 0

if [ -n "$client" ]; then
    same "callbacks of its own" "$client"
    export ASK=1
    plain=$("$client")
    record "$client"
    holds "callbacks of its own"
    seen=$(cat out)
    is "callbacks of its own: collections" "$(ask "SELECT count(*) FROM gc")" "$seen"
    # The recorder's own data is not scanned: with it there would be half as many.
    checks=$((checks + 1))
    if [ "$seen" -lt $((plain * 9 / 10)) ] || [ "$seen" -gt $((plain * 11 / 10)) ]; then
        fails "callbacks of its own" "$seen collections, and $plain without the recorder"
    fi
fi
finish
