# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# told.sh ROUNDS -- kill -9 at random points of a program that tells about itself: no mark and no definition is
# lost. The program counts in a file what it has told, so trace and rings must tell at least as much;
# and the recovered trace must tell the same as the two did.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk od jq
if ! [ -d /dev/shm ] || ! [ -w /dev/shm ]; then
    echo "skipped: no shared memory at /dev/shm"
    exit 77
fi

least=999999999
objects=0
round=0
while [ $round -lt "${1:-30}" ]; do
    round=$((round + 1))
    checks=$((checks + 1))
    rm -f trace*.zst progress
    interval=4096
    [ $((round % 3)) -ne 0 ] || interval=1 # every object
    env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL=$interval \
        "$bin/real_teller" "$PWD/progress" $((round % 3 * 100 + 20)) &
    victim=$!
    # 0 to 0.8 s, so that some die before the first block and some between two.
    sleep "$(awk -v seed="$round" 'BEGIN { srand(seed * 7919); r = rand(); printf "%.3f", 0.03 + r * r * 0.8 }')"
    kill -9 $victim
    wait $victim 2>/dev/null
    told=$(od -An -v -t u8 -w32 progress 2>/dev/null)
    [ -n "$told" ] || told="0 0 0 0"
    if ! "$MEMANALYZE" info --format json trace.zst >info.json 2>info.err; then
        case "$told" in
        *[1-9]*) fails "round $round" "$told were told; $(cat info.err)" ;;
        esac
        continue
    fi
    got=$(jq -r '"\(.told.frames) \(.told.spans) \(.told.collections) \(.defined.names)"' info.json)
    dropped=$(jq -r '.dropped_marks // 0' info.json)
    # shellcheck disable=SC2086  # two times four numbers
    set -- $told $got "$@"
    if [ $(($1 + $2 + $3)) -gt $(($5 + $6 + $7 + dropped)) ] || [ "$4" -gt "$8" ]; then
        fails "round $round" "frames, spans, collections, names: $told told, $got read, $dropped dropped"
    fi
    [ $(($1 + $2 + $3)) -lt $least ] && least=$(($1 + $2 + $3))
    shift 8
    objects=$((objects + $(jq .told.managed_objects info.json)))
    "$MEMANALYZE" recover trace.zst >recover.log 2>&1 || fails "round $round" "$(cat recover.log)"
    "$MEMANALYZE" info --format json trace.whole.zst >whole.json 2>&1 || fails "round $round" "$(cat whole.json)"
    for member in told defined event_count alloc_calls heap_alloc_calls heap_freed_bytes dropped_marks; do
        [ "$(jq -c .$member info.json)" = "$(jq -c .$member whole.json)" ] ||
            fails "round $round" "$member: $(jq -c .$member info.json), recovered $(jq -c .$member whole.json)"
    done
done
echo "$round kills; the least that was told at one were $least; $objects managed objects"
[ "$objects" -gt 0 ] || fails "all rounds" "no managed object was seen: the test does not test"
finish
