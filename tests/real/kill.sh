# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# kill.sh ROUNDS -- kill -9 at random points: no published event is lost. The program counts its calls in a
# file after each has returned, so the trace and the rings must tell at least as many.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk od
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi
if ! [ -d /dev/shm ] || ! [ -w /dev/shm ]; then
    echo "skipped: no shared memory at /dev/shm"
    exit 77
fi

least=999999999
recovered_rounds=0
round=0
while [ $round -lt "${1:-100}" ]; do
    round=$((round + 1))
    checks=$((checks + 1))
    rm -f trace*.zst run.db progress
    threads=$((round % 4 + 1))
    env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL=1 \
        "$bin/real_publisher" "$PWD/progress" $threads $((round % 3 * 400 + 50)) &
    victim=$!
    # 0 to 1.5 s, so that some die before the first block and some between two.
    sleep "$(awk -v seed="$round" 'BEGIN { srand(seed * 7919); r = rand(); printf "%.3f", 0.02 + r * r * 1.5 }')"
    kill -9 $victim
    wait $victim 2>/dev/null
    rings=$(ls -d /dev/shm/memrec-*-$victim-* 2>/dev/null)
    published=$(od -An -v -t u8 -w128 progress 2>/dev/null | awk '{ for (i = 1; i <= NF; i++) n += $i } END { print n + 0 }')
    if ! [ -e trace.zst ]; then
        [ "$published" -eq 0 ] || fails "round $round" "no trace, but $published events were published"
        continue
    fi
    "$MEMANALYZE" import trace.zst -o run.db >import.log 2>&1
    code=$?
    if [ $code -ne 0 ] && [ $code -ne 3 ]; then
        [ "$published" -eq 0 ] && continue
        fails "round $round" "cannot import ($code): $(cat import.log)"
        continue
    fi
    # The rings stay for `memanalyze recover`; here nobody needs them any more.
    # shellcheck disable=SC2086  # at most one
    rm -f $rings
    told=$("$MEMANALYZE" query --format csv run.db "
        SELECT event_count, recovered_events,
               coalesce((SELECT sum(count) FROM loss WHERE kind LIKE 'dropped%'), 0) FROM run" |
        tail -n 1 | tr ',' ' ')
    # shellcheck disable=SC2086  # three numbers
    set -- $told "$@"
    events=$1 recovered=$2 dropped=$3
    shift 3
    [ "$recovered" -gt 0 ] && recovered_rounds=$((recovered_rounds + 1))
    if [ $((events + dropped)) -lt "$published" ]; then
        fails "round $round" "$published events were published, $events read ($recovered of them from the rings, $dropped dropped)"
    fi
    [ "$published" -lt "$least" ] && least=$published
done
echo "$round kills; the fewest events at one were $least; events were recovered from the rings in $recovered_rounds rounds"
[ "$recovered_rounds" -gt $((round / 3)) ] || fails "all rounds" "too few recovered anything: the test does not test"
finish
