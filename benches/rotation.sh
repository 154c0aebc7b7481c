# shellcheck shell=sh disable=SC1091  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# rotation.sh -- what changing files costs, where every allocation is recorded: CPU of the drain thread and bytes of trace, with
# one file, with another after each 4 MiB, and with the last two of these kept; once with 4,096 blocks alive, once with
# 262,144. Expected: following what is alive costs the drain thread half as much again, and with hundreds of thousands alive, which no
# cache holds, three times as much; a change of files 10 bytes for each block that is alive. The host waits for none of it. Sampled
# traces have 2,000 events a second: there it is nothing.
set -eu
: "${BUILD_DIR:?}" "${LIBMEMREC:?}" "${MEMANALYZE:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

once() { # SHAPE NAME SETTING...: one line of numbers
    shape=$1
    name=$2
    shift 2
    rm -f trace*.zst
    env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL=1 "$@" \
        "$BUILD_DIR/bin/bench_churn" "$shape" "${COUNT:-1000000}" >/dev/null
    "$MEMANALYZE" import trace.zst -f --max-size 1M -o run.db 2>/dev/null
    "$MEMANALYZE" query --format csv run.db "
        SELECT '$shape, $name', (SELECT MAX(recorded_ns > 0) + MAX(position) FROM segment), event_count,
               (SELECT MAX(cpu_ns) FROM recorder_tick), trace_bytes,
               (SELECT COALESCE(SUM(count), 0) FROM loss WHERE kind LIKE 'dropped_samples') FROM run" | tail -n 1
}
for round in 1 2 3; do
    for shape in mixed large; do
        once $shape "one file"
        once $shape "many files" MEMREC_ROTATE=4M
        once $shape "the last two" MEMREC_ROTATE=4M MEMREC_KEEP=2
    done
done | sed 's/"//g' | awk -F, '
    {
        name = $1 "," $2; cpu = $5 / 1e6
        if (!(name in best) || cpu < best[name]) { best[name] = cpu; files[name] = $3; events[name] = $4; bytes[name] = $6; lost[name] = $7 }
    }
    END {
        for (name in best)
            printf "%-20s %2d files, drain thread %7.1f ms CPU, %6.0f KiB, %d events, %d dropped\n", name, files[name],
                   best[name], bytes[name] / 1024, events[name], lost[name]
    }' | sort
