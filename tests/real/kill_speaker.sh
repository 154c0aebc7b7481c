# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# kill_speaker.sh ROUNDS -- kill -9 at random points: nothing that a program told is lost, not its last frame and not
# the name it registered just before.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk od
if ! [ -d /dev/shm ] || ! [ -w /dev/shm ]; then
    echo "skipped: no shared memory at /dev/shm"
    exit 77
fi

# One number from the database.
number() {
    "$MEMANALYZE" query --format csv run.db "$1" | tail -n 1
}

round=0
in_rings=0
while [ $round -lt "${1:-20}" ]; do
    round=$((round + 1))
    checks=$((checks + 1))
    rm -f trace*.zst run.db progress
    env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" \
        "$bin/real_speaker" "$PWD/progress" $((round % 5 * 30 + 1)) &
    victim=$!
    sleep "$(awk -v seed="$round" 'BEGIN { srand(seed * 7919); r = rand(); printf "%.3f", 0.02 + r * r * 1.5 }')"
    kill -9 $victim
    wait $victim 2>/dev/null
    rings=$(ls -d /dev/shm/memrec-*-$victim-* 2>/dev/null)
    rounds=$(od -An -v -t u8 progress 2>/dev/null | awk '{ print $1 + 0 }')
    if ! [ -e trace.zst ]; then
        [ "${rounds:-0}" -eq 0 ] || fails "round $round" "no trace, but $rounds rounds were told"
        continue
    fi
    "$MEMANALYZE" import trace.zst -o run.db >import.log 2>&1
    code=$?
    # shellcheck disable=SC2086  # at most one
    rm -f $rings
    if [ $code -ne 0 ] && [ $code -ne 3 ]; then
        fails "round $round" "cannot import ($code): $(cat import.log)"
        continue
    fi
    dropped=$(number "SELECT coalesce(max(value), 0) FROM gauge WHERE name = 'recorder.dropped_marks'")
    [ "$dropped" -eq 0 ] || continue # the rings were full: counted, and not what is tested here
    for told in "SELECT count(*) FROM frame_mark WHERE duration_ns IS NOT NULL" \
        "SELECT count(DISTINCT name) FROM phase WHERE duration_ns IS NOT NULL AND name LIKE 'phase %'" \
        "SELECT count(DISTINCT label) FROM span WHERE ended = 'ok'" \
        "SELECT count(*) FROM gc WHERE used_before_bytes = 2 * used_after_bytes" \
        "SELECT max(alloc_calls) FROM heap"; do
        got=$(number "$told")
        [ "$got" -ge "$rounds" ] || fails "round $round" "$rounds rounds were told, but: $told: $got"
    done
    [ "$(number 'SELECT recovered_events FROM run')" -gt 0 ] && in_rings=$((in_rings + 1))
done
echo "$round kills; events were recovered from the rings in $in_rings rounds"
finish
