# shellcheck shell=sh disable=SC1091,SC2086,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# hook_overhead.sh -- what one malloc and one free cost more.
#
# Expected: 20 instructions a pair when nothing is sampled, of which 2 are the way through the
# linkage table; 5 to 10 % of the time in a loop that does nothing but malloc and free. jemalloc's own
# profiler sits inside the allocator and is compared with jemalloc without it.
. "$SOURCE_DIR/benches/lib.sh"

churn=$bin/bench_churn
rounds=${ROUNDS:-7}
jemalloc=$(find_jemalloc)
heaptrack=$(find_heaptrack)

line "" ours peer ratio goal ""

# Two lengths, so that all else cancels out. The interval is so long that nothing is sampled.
steps() {
    "$bin/bench_step" "$@" 2>/dev/null | tail -n 1
}
few=100 many=1100
plain_pair=$(calculate "($(steps "$churn" step $many) - $(steps "$churn" step $few)) / ($many - $few)")
record_steps() {
    rm -f "$work"/step*.zst
    steps env "LD_PRELOAD=$LIBMEMREC" "MEMREC_TRACE=$work/step.zst" MEMREC_INTERVAL=1G "$churn" step "$1"
    [ -s "$work/step.zst" ] || { echo "nothing was recorded" >&2; exit 1; }
}
pair=$(calculate "($(record_steps $many) - $(record_steps $few)) / ($many - $few)")
added=$(calculate "$pair - $plain_pair")
line "instructions a pair, unsampled" "$pair" "$plain_pair" "+$added" 20 "$(verdict "$added" 20)"

# The loops. The peer is plain glibc; then the others, each against the allocator it profiles.
for shape in pair mixed large; do
    case $shape in
    pair) count=20000000 ;;
    mixed) count=8000000 ;;
    large) count=3000000 ;;
    esac
    set -- "$bin/bench_interleave" "$rounds" plain "$(plain "$churn" $shape $count)" \
        ours "$(recorded churn -- "$churn" $shape $count)" \
        unsampled "$(recorded churn MEMREC_INTERVAL=1G -- "$churn" $shape $count)"
    if [ -n "$jemalloc" ]; then
        set -- "$@" jemalloc "exec env LD_PRELOAD=$jemalloc A=B $churn $shape $count" \
            jemalloc-512K "exec env LD_PRELOAD=$jemalloc MALLOC_CONF=prof:true,lg_prof_sample:19 \
                           $churn $shape $count" \
            jemalloc-64K "exec env LD_PRELOAD=$jemalloc MALLOC_CONF=prof:true,lg_prof_sample:16 \
                          $churn $shape $count"
    fi
    "$@" >"$work/table" 2>"$work/errors" || { cat "$work/errors" "$work/table" >&2; exit 1; }
    ratio=$(field "$work/table" ours 4)
    line "churn $shape: ours, glibc (ms)" "$(field "$work/table" ours 2)" \
        "$(field "$work/table" plain 2)" "$ratio" 1.10 \
        "$(verdict "$ratio" 1.10) (median $(field "$work/table" ours 5))"
    line "  of this, without any sample" "$(field "$work/table" unsampled 2)" \
        "$(field "$work/table" plain 2)" "$(field "$work/table" unsampled 4)" "" ""
    for interval in 512K 64K; do
        [ -n "$jemalloc" ] || continue
        theirs=$(calculate "$(field "$work/table" jemalloc-$interval 2) / $(field "$work/table" jemalloc 2)" 3)
        line "  added: ours 64K, jemalloc $interval" "$(calculate "$ratio - 1" 3)" \
            "$(calculate "$theirs - 1" 3)" \
            "$(calculate "($ratio - 1) / ($theirs - 1 > 0.001 ? $theirs - 1 : 0.001)")" 1.00 ""
    done
done
[ -n "$jemalloc" ] || echo "(jemalloc is not installed: not compared)"

if [ -n "$heaptrack" ]; then
    "$bin/bench_interleave" 2 plain "$(plain "$churn" mixed 1000000)" \
        ours "$(recorded churn -- "$churn" mixed 1000000)" \
        heaptrack "exec env LD_PRELOAD=$heaptrack DUMP_HEAPTRACK_OUTPUT=$work/heaptrack \
                   $churn mixed 1000000" >"$work/table" 2>/dev/null
    line "churn mixed: ours, heaptrack (ms)" "$(field "$work/table" ours 2)" \
        "$(field "$work/table" heaptrack 2)" \
        "$(calculate "$(field "$work/table" ours 2) / $(field "$work/table" heaptrack 2)")" 1.00 ""
else
    echo "(heaptrack is not installed: not compared)"
fi
