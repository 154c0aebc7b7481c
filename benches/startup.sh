# shellcheck shell=sh disable=SC1091,SC2086,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# startup.sh -- what a very short program pays for being recorded: the library's loading, the rings, the
# thread, the trace and its end. Expected: under 1 ms, in CPU time and by the clock. Fifty runs are
# one measurement.
. "$SOURCE_DIR/benches/lib.sh"

rounds=${ROUNDS:-9}
cd "$work" || exit 1
run() {
    run_name=$1
    shift
    loop="i=0; while [ \$i -lt 50 ]; do i=\$((i + 1)); env A=B C=D $*; done"
    recorded_loop="rm -f start*.zst; i=0; while [ \$i -lt 50 ]; do i=\$((i + 1)); env LD_PRELOAD=$LIBMEMREC MEMREC_TRACE=$work/start.zst MEMREC_ONLY=\${run_only} $*; done"
    idle_loop="i=0; while [ \$i -lt 50 ]; do i=\$((i + 1)); env LD_PRELOAD=$LIBMEMREC A=B $*; done"
    for clock in "" -w; do
        "$bin/bench_interleave" $clock "$rounds" plain "$loop" idle "$idle_loop" \
            ours "run_only=$(basename "$1"); $recorded_loop" >table
        added=$(calculate "($(field table ours 2) - $(field table plain 2)) / 50" 3)
        idle=$(calculate "($(field table idle 2) - $(field table plain 2)) / 50" 3)
        line "$run_name$([ -n "$clock" ] && echo ", by the clock" || echo ", CPU")" "+$added" "" "" 1.00 \
            "$(verdict "$added" 1.0) (loaded but not asked to record: +$idle)"
    done
}
line "ms" ours "" "" goal ""
run /bin/true /bin/true
command -v perl >/dev/null && run "perl -e 1" perl -e 1
