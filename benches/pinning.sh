# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# pinning.sh -- whether `pins` names the site that pins. Runs pinning_program with a hundred seeds, recorded as by
# default, on glibc and on jemalloc: each seed draws what 40 sites do and makes another one leave small blocks
# behind, one in 4 to 12 KiB of what is freed. Goal: that site is the first in at least 90 of 100 runs.
#
#     pinning.sh [SEEDS [MEGABYTES]]
. "$SOURCE_DIR/benches/lib.sh"

: "${MEMANALYZE:?memanalyze is not built}"
seeds=${1:-100}
megabytes=${2:-64}
cd "$work" || exit 1

runs() { # NAME LIBRARY: prints one line
    first=0
    three=0
    seed=1
    while [ "$seed" -le "$seeds" ]; do
        rm -f run.zst run.db
        env LD_PRELOAD="$LIBMEMREC${2:+:$2}" MEMREC_TRACE="$work/run.zst" \
            "$bin/bench_pinning_program" "$seed" "$megabytes" >truth
        "$MEMANALYZE" import run.zst -o run.db >import.log 2>&1 || { cat import.log; exit 1; }
        "$MEMANALYZE" report pins run.db --moment end --limit 3 --format csv 2>/dev/null | sed 1d |
            cut -d, -f2 >named
        place=$(grep -nxFf truth named | head -n 1 | cut -d: -f1)
        [ "${place:-9}" != 1 ] || first=$((first + 1))
        [ "${place:-9}" = 9 ] || three=$((three + 1))
        [ "${place:-9}" = 1 ] || echo "# $1, seed $seed: $(cat truth) is not first: $(tr '\n' ' ' <named)"
        seed=$((seed + 1))
    done
    line "$1: first; in the top three" "$first" "$three" "$(calculate "$first / $seeds")" 0.90 \
        "$(verdict 0.90 "$(calculate "$first / $seeds")")"
}

line "of $seeds runs" "" "" share goal ""
runs glibc ""
jemalloc=$(find_jemalloc)
[ -z "$jemalloc" ] || runs jemalloc "$jemalloc"
