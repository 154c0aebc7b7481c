# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# rss_closure.sh -- how much of the resident set stays unexplained: churning programs and real ones, on glibc and on every
# other allocator there is. The goal, 3 %, is for the peak and for the end. That the parts close proves little, so what the
# shapes know of themselves is compared, too: the largest error of a part that is measured (mappings, stacks, .bss), in
# shares of the resident set, which has the same goal, and that of live bytes, which are estimated: `out` where
# their interval and half a percent for the program's own start does not hold the truth, which is to be expected once in 20 times.
. "$SOURCE_DIR/benches/lib.sh"

find_library() {
    for library in /usr/lib/*/"$1" /usr/lib/"$1" /usr/lib64/"$1"; do
        [ ! -e "$library" ] || { echo "$library"; return; }
    done
}

missed=0

# close NAME COMMAND...: one row. The allocator is $allocator, its library $library (none: glibc's).
close() {
    close_name=$1
    shift
    rm -f "$work"/rss.zst*
    env LD_PRELOAD="$LIBMEMREC${library:+ $library}" MEMREC_TRACE="$work/rss.zst" MEMREC_CHILDREN=0 \
        MEMREC_MEMORY_MS=500 "$@" >"$work/truth" 2>/dev/null || true
    "$MEMANALYZE" import "$work/rss.zst" -o "$work/rss.zst.db" >/dev/null 2>&1 || true
    "$MEMANALYZE" query --format csv "$work/rss.zst.db" "
        SELECT m.rss_bytes, SUM(p.bytes * (p.part = 'unexplained')) * 100.0 / m.rss_bytes,
               SUM(p.bytes) = m.rss_bytes, MAX(m.is_peak)
          FROM rss_moment m JOIN rss_part p USING (run_id, time_ns)
         WHERE m.is_peak = 1 OR m.is_end = 1
         GROUP BY m.time_ns ORDER BY m.is_peak DESC" 2>/dev/null | sed 1d | tr ',' ' ' >"$work/rows"
    close_verdict=$(awk '{ worst = $2 > worst ? $2 : worst; open = open || $3 != 1 }
        END { print NR == 0 ? "NO TRACE" : open ? "OPEN" : worst <= 3 ? "met" : "MISSED" }' "$work/rows")
    [ "$close_verdict" = met ] || missed=$((missed + 1))
    close_row=$(awk 'NR == 1 { rss = $1; peak = $2; end = $2 } NR == 2 { end = $2 }
        END { printf "%8.1f %9.2f %9.2f", rss / 1048576, peak, end }' "$work/rows")
    close_errors=
    if [ "$judge" = yes ]; then
        close_errors=$("$MEMANALYZE" query --format csv "$work/rss.zst.db" "
            SELECT r.rss_bytes, MAX(p.bytes * (p.part = 'mapped')), MAX(p.bytes * (p.part = 'thread_stacks')),
                   MAX(p.bytes * (p.part = 'static')), MAX(p.bytes * (p.part = 'live')),
                   MAX(p.bytes_low * (p.part = 'live')), MAX(p.bytes_high * (p.part = 'live'))
              FROM rss_moment r JOIN rss_part p USING (run_id, time_ns)
             WHERE r.is_end = 1" | sed 1d | tr ',' ' ' | awk -v truth="$(tail -n 1 "$work/truth")" '
            function share(a, b) { return (a > b ? a - b : b - a) * 100 / $1 }
            { split(truth, true_of, " "); worst = share($2, true_of[2])
              if (share($3, true_of[3]) > worst) worst = share($3, true_of[3])
              if (share($4, true_of[4]) > worst) worst = share($4, true_of[4])
              printf "%9.2f %9.2f  %s", worst, share($5, true_of[1]),
                     (true_of[1] < $6 - $1 / 200 || true_of[1] > $7 + $1 / 200 ? "out" : "in") }')
        [ "$(calculate "($(echo "$close_errors" | awk '{ print $1 }') > 3)" 0)" = 0 ] || missed=$((missed + 1))
    fi
    printf '%-26s %s %6s  %-7s %s\n' "$allocator $close_name" "$close_row" 3 "$close_verdict" "$close_errors"
}

printf '%-26s %8s %9s %9s %6s  %-7s %9s %9s\n' "unexplained share of RSS" "peak MiB" "peak %" "end %" "goal" "" "measured" "live"
for allocator in ${ALLOCATORS:-glibc jemalloc mimalloc tcmalloc}; do
    case $allocator in
    glibc) library= ;;
    jemalloc) library=$(find_library libjemalloc.so.2) ;;
    mimalloc) library=$(find_library libmimalloc.so.2) ;;
    tcmalloc) library=$(find_library libtcmalloc_minimal.so.4) ;;
    esac
    if [ $allocator != glibc ] && [ -z "$library" ]; then
        echo "$allocator: skipped, it is not installed"
        continue
    fi
    judge=yes
    for shape in small mixed fragmented emptied threads large stacks mapped statics; do
        close $shape "$bin/bench_rss_shapes" $shape 64
    done
    judge=no
    if command -v python3 >/dev/null; then
        python3=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
        close python3 "$python3" -c 'import time; a = [{str(i): [i] * 10} for i in range(150000)]; del a[::3]; time.sleep(0.3)'
        PYTHONMALLOC=malloc close "python3 (malloc)" "$python3" -c \
            'import time; a = [{str(i): [i] * 10} for i in range(150000)]; del a[::3]; time.sleep(0.3)'
    fi
    if command -v sqlite3 >/dev/null; then
        close sqlite3 sqlite3 :memory: "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL
            SELECT i + 1 FROM n WHERE i < 400000) INSERT INTO t SELECT i, hex(randomblob(40)) FROM n;
            CREATE INDEX b ON t (b); DELETE FROM t WHERE a % 3 = 0; SELECT COUNT(*) FROM t;"
    fi
    if command -v lua5.4 >/dev/null; then
        close lua5.4 lua5.4 -e 'local t = {} for i = 1, 400000 do t[i] = {i, tostring(i)} end for i = 1, 400000, 3 do t[i] = nil end
            for i = 1, 200000 do t[i] = {} end'
    fi
    if command -v git >/dev/null && git -C "$SOURCE_DIR" rev-parse >/dev/null 2>&1; then
        close "git log -p" git -C "$SOURCE_DIR" --no-pager log -p
    fi
    if command -v jq >/dev/null; then
        [ -e "$work/big.json" ] || awk 'BEGIN { print "["; for (i = 0; i < 150000; i++)
            printf "%s{\"id\": %d, \"name\": \"n%d\", \"tags\": [1, 2, %d]}\n", i ? "," : "", i, i, i; print "]" }' >"$work/big.json"
        close jq jq 'map(.id) | add' "$work/big.json"
    fi
done
[ $missed -eq 0 ] || echo "$missed beyond the goal"
