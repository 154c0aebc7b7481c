# shellcheck shell=sh disable=SC1091  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# capacity.sh -- what report capacity_config recommends for the pools of tests/examples is enough: run again with
# it, nothing overflows, waits or is refused. Where what was refused cannot be known it takes some rounds.
. "$SOURCE_DIR/tests/real/lib.sh"
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze is not built"
    exit 77
fi

# record PROGRAM ARGUMENT...: leaves PROGRAM.db
record() {
    record_name=$1
    shift
    rm -f "$record_name".zst "$record_name".db
    MEMREC_TRACE=$PWD/$record_name.zst LD_PRELOAD=$LIBMEMREC "$bin/example_${record_name}_header" "$@" >/dev/null ||
        fails "$record_name" "exit code $?"
    "$MEMANALYZE" import "$record_name.zst" -o "$record_name.db" >import.log 2>&1 ||
        fails "$record_name" "not imported: $(cat import.log)"
}

# lacked PROGRAM: requests that its pool could not serve at once, by the counts of the recorder
lacked() {
    "$MEMANALYZE" query "$1.db" "SELECT MAX(overflow_count) + MAX(wait_count) + MAX(exhausted_count) FROM pool_tick" -f plain
}

# recommended PROGRAM KEY
recommended() {
    "$MEMANALYZE" report capacity_config "$1.db" --format env | sed -n "s/^$2=//p"
}

# expect NAME CONDITION...
expect() {
    expect_name=$1
    shift
    checks=$((checks + 1))
    [ "$@" ] || fails "$expect_name" "not so: $*"
}

# The arena: exactly what was wanted is known, so the size is enough at once, and not twice as much as was wanted.
record game 180 fast
expect game "$(lacked game)" -gt 0
bytes=$(recommended game POOL_SCRATCH_BYTES)
wanted=$("$MEMANALYZE" query game.db "SELECT MAX(wanted_bytes) FROM pool_tick" -f plain)
expect game "$bytes" -ge "$wanted"
expect game "$bytes" -le $((wanted * 4))
record game 180 fast "arena=$bytes"
expect "game, arena=$bytes" "$(lacked game)" -eq 0

# Connections: as many as requests were ever at work at once.
record server 1200
expect server "$(lacked server)" -gt 0
slots=$(recommended server POOL_DATABASE_SLOTS)
record server 1200 "connections=$slots"
expect "server, connections=$slots" "$(lacked server)" -eq 0

# Blocks for keys and values: who was refused goes away, so what would have been enough is not told.
slots=20
round=0
record inference 16 200
expect inference "$(lacked inference)" -gt 0
while [ "$(lacked inference)" -gt 0 ] && [ $round -lt 4 ]; do
    round=$((round + 1))
    before=$slots
    slots=$(recommended inference POOL_KV_SLOTS)
    expect "inference, round $round" "$slots" -gt "$before"
    record inference 16 200 "$slots"
done
expect "inference, blocks $slots" "$(lacked inference)" -eq 0
echo "inference took $round rounds, to $slots blocks; game $bytes bytes where $wanted were wanted"

finish
