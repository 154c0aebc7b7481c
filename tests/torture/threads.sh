# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# threads.sh COUNT -- many short threads, libraries that come and go, signals: the program ends as it should,
# no thread is missing in the trace, and the exact counters of each are what it counted itself.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk timeout
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi
plugin=$BUILD_DIR/lib/real_plugin.so

# Recorded in full, the rings cannot hold what so many threads do at once: samples are dropped and said to be.
# The counters are exact all the same.
for interval in 64K 1K 1; do
    checks=$((checks + 1))
    rm -f trace*.zst run.db truth
    timeout 100 env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL=$interval \
        "$bin/torture_threads" "$PWD/truth" "$plugin" "$1" >out 2>err
    code=$?
    cat out
    if [ $code -ne 0 ] || [ -s err ]; then
        fails "interval $interval" "exit code $code: $(cat err)"
        continue
    fi
    if ! "$MEMANALYZE" import trace.zst -o run.db >import.log 2>&1; then
        fails "interval $interval" "cannot import: $(cat import.log)"
        continue
    fi
    "$MEMANALYZE" query --format csv run.db "
        SELECT name, alloc_calls, alloc_bytes, free_calls FROM thread
        WHERE name LIKE 'w%' AND exact AND ended_ns IS NOT NULL" | tail -n +2 | tr -d '\r' | sort >told
    sort truth >wanted
    if ! cmp -s wanted told; then
        fails "interval $interval" "$(wc -l <wanted) threads counted, $(wc -l <told) told; first differences:"
        diff wanted told | head -n 6
    fi
    losses=$("$MEMANALYZE" query --format csv run.db "
        SELECT sum(count) FILTER (WHERE kind = 'inexact_thread'),
               sum(count) FILTER (WHERE kind = 'unmatched_free'),
               sum(count) FILTER (WHERE kind = 'dropped_samples'),
               (SELECT count(*) FROM sample), (SELECT complete FROM run) FROM loss" | tail -n 1)
    echo "interval $interval: inexact threads, unmatched frees, dropped samples, samples, complete: $losses"
    case $interval,$losses in
    1,0,*,1 | *K,0,0,*,1) ;;
    *) fails "interval $interval" "something is missing: $losses" ;;
    esac
done
finish
