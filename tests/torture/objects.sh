# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# objects.sh ROUNDS -- managed objects of many threads: the exact counters of each thread and heap are what it
# counted itself, and every sampled object ends exactly when it was freed, wherever it was moved and whoever freed
# it, though malloc gave out the same addresses meanwhile.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk timeout
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi

for interval in 64K 1K 1; do
    checks=$((checks + 1))
    rm -f trace*.zst run.db truth
    rounds=$1
    [ $interval = 1 ] && rounds=$((rounds / 20)) # what the rings can hold
    timeout 110 env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL=$interval \
        "$bin/torture_objects" "$PWD/truth" "$rounds" >out 2>err
    code=$?
    if [ $code -ne 0 ] || [ -s err ]; then
        fails "interval $interval" "exit code $code: $(cat err)"
        continue
    fi
    # The last row of each thread and heap; the first thread has the program's name.
    "$bin/trace_dump" trace.zst >dump
    awk '
        $1 == "thread" { split($0, part, "name=\""); sub(/".*/, "", part[2]); name[$2] = part[2] }
        $1 == "heap_counters" {
            gsub(/[a-z]+=/, "")
            last[$3 "," $2] = $5 "," $6 "," $7 "," $8
        }
        END {
            for (key in last) {
                split(key, id, ",")
                who = name[id[1]] ~ /^w[0-9]/ ? name[id[1]] : "w0"
                print who "," id[2] "," last[key]
            }
        }' dump | sort >told
    sort truth >wanted
    cmp -s wanted told || fails "interval $interval" "counters differ: $(diff wanted told | head -n 6)"

    if ! "$MEMANALYZE" import trace.zst -o run.db >import.log 2>&1; then
        fails "interval $interval" "cannot import: $(cat import.log)"
        continue
    fi
    figures=$("$MEMANALYZE" query --format csv run.db "
        SELECT (SELECT count(*) FROM sample WHERE kind = 'object') AS objects,
               (SELECT count(*) FROM sample
                WHERE kind = 'object' AND (death_ns IS NULL) != (size_bytes = 5000)) AS wrong,
               (SELECT count(*) FROM sample WHERE kind = 'object' AND size_bytes = 5000) AS leaked,
               (SELECT count(*) FROM sample WHERE kind = 'object' AND heap_id IS NULL) AS homeless,
               (SELECT coalesce(sum(count), 0) FROM loss
                WHERE kind IN ('unmatched_free', 'dropped_frees')) AS lost,
               (SELECT complete FROM run) AS complete" | tail -n 1)
    echo "interval $interval: objects, wrong, leaked, homeless, lost, complete: $figures"
    case $interval,$figures in
    1,*) wanted="$(awk -F, '{ n += $3 } END { print n }' truth),0,$((5 * ((rounds + 1999) / 2000))),0,0,1" ;;
    *) wanted="${figures%%,*},0,$(echo "$figures" | cut -d, -f3),0,0,1" ;;
    esac
    [ "$figures" = "$wanted" ] || fails "interval $interval" "$figures instead of $wanted"
    [ "${figures%%,*}" -gt 100 ] || fails "interval $interval" "hardly any sample: $figures"
done
finish
