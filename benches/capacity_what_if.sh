# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# capacity_what_if.sh -- how long the reports of capacity take after a day of looks at a pool, ten a second. Best of seven, process start included. Expected: the what-if of 64 sizes reads 64 rows
# per pool, not 864,000 looks, so it takes no more than 50 ms; that is the goal for each of the three.
. "$SOURCE_DIR/benches/lib.sh"

: "${MEMANALYZE:?memanalyze is not built}"
cd "$work" || exit 1
{
    cat <<END
run full exe /bin/x page 4096
thread 1 main
define pool 1 "scratch" kind arena capacity 60000
define pool 2 "database" kind connection slot 1 slots 60 capacity 60
END
    awk 'BEGIN {
        srand(3)
        for (look = 0; look < 864000; look++) {
            level = level * 0.9 + rand() * 10
            used = int(level * 1000)
            printf "at %d00ms pool-state 1 used %d reserved 100000 high-water 100000 overflows %d overflow-bytes 0 waits 0 wait-ns 0 exhausted 0 resets 9 highest %d wanted %d\n", look, used / 2, look, used, used
            if (look % 10 == 0) {
                printf "at %d00ms pool-state 2 used %d reserved 60 high-water 60 overflows 0 overflow-bytes 0 waits %d wait-ns %d00000 exhausted 0 resets 0 highest %d wanted %d\n", look, level / 2, look, look, level / 2, level / 2
                printf "at %d00ms gauge process.rss_bytes %d\n", look, 20000000 + 4096 * int(level)
            }
            if (look % 10000 == 9999) {
                printf "at %d00ms block\n", look
            }
        }
        print "at 86400s end exit"
    }'
} >day.trace
"$bin/mktrace" day.trace day.zst
rm day.trace
"$bin/bench_interleave" 3 import "$MEMANALYZE import --force day.zst -o $work/day.db" >table
line "" "best ms" "median ms" "" goal ""
line "import" "$(field table import 2)" "$(field table import 3)" "" "" ""
for report in "capacity_pools day.db --steps 64" "capacity day.db --limit 64M" "capacity_config day.db"; do
    "$bin/bench_interleave" -w 7 report "$MEMANALYZE report $report" >table
    best=$(field table report 2)
    line "report ${report%% *}" "$best" "$(field table report 3)" "" 50 "$(verdict "$best" 50)"
done
rows=$("$MEMANALYZE" report capacity_pools day.db --steps 64 --pool scratch --format csv | wc -l)
[ "$rows" -ge 40 ] || { echo "only $rows rows: too few sizes were tried"; exit 1; }
