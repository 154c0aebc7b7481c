# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# fork.sh COUNT -- children of a process with threads, ending in every way: each that allocated has a whole trace
# of its own that names its parent's, with exact counters since the fork, and no ring stays behind.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk timeout
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi

round() {
    interval=$1 count=$2
    checks=$((checks + 1))
    rm -rf traces run.db truth
    mkdir traces
    : >truth.begin
    timeout 110 env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/traces/%p.zst" MEMREC_INTERVAL="$interval" \
        "$bin/torture_fork" "$PWD/truth" "$count" >out 2>err
    code=$?
    cat out
    if [ $code -ne 0 ] || [ -s err ]; then
        fails "interval $interval" "exit code $code: $(cat err)"
        return
    fi
    if ! "$MEMANALYZE" import traces/*.zst -o run.db >import.log 2>&1; then
        fails "interval $interval" "cannot import: $(tail -n 3 import.log)"
        return
    fi
    # The system gives numbers of processes again, soon where it has few: what two of them told under one
    # number cannot be held against either. Two traces of one process would show as many such numbers.
    "$MEMANALYZE" query --format csv run.db "
        SELECT r.pid, r.alloc_calls, r.alloc_bytes, r.free_calls, r.complete, r.start_reason, r.end_reason,
               p.pid AS parent, coalesce(s.samples, 0) AS samples
        FROM run r LEFT JOIN run p ON p.trace_id = r.parent_trace_id
        LEFT JOIN (SELECT run_id, count(*) AS samples FROM sample GROUP BY run_id) s ON s.run_id = r.id" | tail -n +2 | tr -d '\r' >told
    awk -F, '
        NR == FNR {
            if ($1 in calls) twice[$1] = 1
            calls[$1] = $2; bytes[$1] = $3; frees[$1] = $4; complete[$1] = $5; why[$1] = $6; parent[$1] = $8
            samples[$1] = $9
            next
        }
        {
            children++
            if ($1 in twice || $1 in named) { again++; next }
            named[$1] = 1
            if ($3 == "silent") {
                if ($1 in calls && samples[$1] == 0) print "a trace of process " $1 ", which allocated nothing"
                silent[$1] = 1
                next
            }
            if (!($1 in calls)) { print "no trace of process " $1 " (" $3 ")"; next }
            if (complete[$1] != 1) print "process " $1 ": not complete"
            if (why[$1] != "fork") print "process " $1 ": started by " why[$1]
            # A parent that was never recorded itself leaves its own parent as the nearest one that was.
            if (parent[$1] == "") print "process " $1 ": its parent is not known"
            else if (parent[$1] != $2 && $2 in calls) print "process " $1 ": parent " parent[$1] ", not " $2
            if (samples[$1] < 1) print "process " $1 ": no sample"
            exact = calls[$1] == $4 && bytes[$1] == $5 && frees[$1] == $6
            least = calls[$1] >= $4 && bytes[$1] >= $5 && frees[$1] >= $6
            if (!($3 == "exact" ? exact : least))
                print "process " $1 " (" $3 "): " calls[$1] "," bytes[$1] "," frees[$1] ", not " $4 "," $5 "," $6
        }
        END {
            if (again > children / 20) print again " of " children " processes have two traces"
            print children " processes, " again + 0 " numbers given twice" > "/dev/stderr"
        }' told truth >wrong
    if [ -s wrong ]; then
        fails "interval $interval" "$(wc -l <wrong) of $(wc -l <truth) processes:"
        head -n 6 wrong
    fi
    # A process of before may have had the same number; its rings are older than this round.
    find /dev/shm -maxdepth 1 -newer truth.begin -name 'memrec-*' 2>/dev/null |
        awk -F- 'NR == FNR { split($1, field, ","); mine[field[1]] = 1; next } $3 in mine' told - >behind
    if [ -s behind ]; then
        fails "interval $interval" "rings stayed behind: $(head -n 3 behind)"
    fi
}

round 16K "$1"
round 1 $(($1 / 4))
finish
