# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# control.sh WHAT -- one part of programs/control.c, and what it left in its traces.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk timeout
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi

# run INTERVAL: the program, recorded from its start; traces beside it. Interval 0: not recorded.
run() {
    checks=$((checks + 1))
    rm -f ./*.zst ./*.db
    if [ "$1" = 0 ]; then
        timeout 70 env MEMREC_INTERVAL=1 LD_PRELOAD="$LIBMEMREC" "$bin/real_control" "$what" 2>err
    else
        timeout 70 env MEMREC_INTERVAL="$1" MEMREC_TRACE="$PWD/trace.zst" LD_PRELOAD="$LIBMEMREC" \
            "$bin/real_control" "$what" 2>err
    fi
    code=$?
    [ $code -eq 0 ] && [ ! -s err ] || fails "$what $1" "exit code $code: $(cat err)"
}

# is TRACE EXPECTED SQL: the answer, one row as CSV.
is() {
    checks=$((checks + 1))
    if [ ! -e "$1.db" ] && ! "$MEMANALYZE" import "$1" -o "$1.db" >import.log 2>&1; then
        fails "$what" "cannot import $1: $(cat import.log)"
        return
    fi
    is_answer=$("$MEMANALYZE" query --format csv "$1.db" "$3" 2>&1 | tail -n +2 | tr -d '\r"' | tr '\n' ' ')
    [ "$is_answer" = "$2 " ] || fails "$what" "$1: $is_answer instead of $2: $3"
}

what=$1
lost="SELECT coalesce(sum(count), 0) AS n FROM loss WHERE kind IN ('unmatched_free', 'dropped_samples', 'dropped_frees', 'dropped_marks')"
case $what in
pauses)
    run 1
    is trace.zst 10,1,0,10 "
        SELECT count(*) FILTER (WHERE size_bytes = 3001) AS a,
               count(*) FILTER (WHERE size_bytes = 3001 AND death_ns IS NOT NULL) AS b,
               count(*) FILTER (WHERE size_bytes = 3002) AS c,
               count(*) FILTER (WHERE size_bytes = 3003) AS d FROM sample WHERE kind = 'malloc'"
    # The object that moved in the pause has ended, as its move could not be told.
    is trace.zst 3101,1,3103,0,3105,1 "
        SELECT group_concat(size_bytes || ',' || (death_ns IS NOT NULL)) AS n
        FROM (SELECT * FROM sample WHERE kind = 'object' ORDER BY size_bytes)"
    is trace.zst 1,1,1 "
        SELECT (SELECT count(*) FROM pause WHERE end_ns > begin_ns) AS a, (SELECT count(*) FROM pause) AS b,
               (SELECT count(*) FROM frame_mark) AS c"
    is trace.zst 1,4,4 "
        SELECT exact, (SELECT alloc_calls FROM heap) AS a,
               (SELECT alloc_calls - free_calls FROM heap) + 1 AS b FROM thread WHERE number = 1"
    run 64K # and no mark is missing where little is sampled
    is trace.zst 1,1 "SELECT (SELECT count(*) FROM pause) AS a, (SELECT count(*) FROM frame_mark) AS b"
    ;;
intervals)
    run 64K
    "$bin/trace_dump" trace.zst >dump || fails intervals "cannot be read"
    codes=$(awk '$1 == "interval" { sub(/.*=/, ""); printf "%s ", $0 }' dump)
    [ "$codes" = "36 11 38 31 1 " ] || fails intervals "codes $codes"
    # 128 and 256 samples expected, five sigma; one of 64 MiB or none.
    is trace.zst 1,1,1,1,1 "
        SELECT sum(size_bytes = 500) BETWEEN 71 AND 185 AS a,
               sum(size_bytes = 501) BETWEEN 176 AND 336 AS b,
               sum(size_bytes = 502) < 6 AS c,
               sum(size_bytes = 700) < 2 AS d,
               sum(size_bytes = 701) BETWEEN 330 AND 620 AS e FROM sample"
    is trace.zst 65536,4096 "
        SELECT (SELECT max(interval_bytes) FROM sample WHERE size_bytes = 500) AS a,
               (SELECT min(interval_bytes) FROM sample WHERE size_bytes = 501) AS b"
    is trace.zst 1,0 "SELECT exact, ($lost) AS n FROM thread WHERE number = 1"
    ;;
starts)
    run 0
    second=$(ls first.*.zst) third=$(ls memrec.*.zst)
    for trace in first.zst "$second" "$third"; do
        [ "$trace" = "$third" ] && reason=0 || reason=2
        "$bin/trace_dump" "$trace" >dump
        grep -q '^header .* reason=2' dump || fails starts "$trace: not started by the program"
        grep -q "^end .*reason=$reason" dump || fails starts "$trace: end: $(grep '^end' dump)"
        is "$trace" 1 'SELECT complete FROM run'
    done
    sizes="SELECT group_concat(kind || ' ' || size_bytes || ' ' || n || ' ' || alive, '; ') AS n
           FROM (SELECT kind, size_bytes, count(*) AS n, sum(death_ns IS NULL) AS alive FROM sample
                 WHERE size_bytes BETWEEN 2000 AND 2010 OR size_bytes BETWEEN 4000 AND 4010
                 GROUP BY 1, 2 ORDER BY 2)"
    is first.zst 'malloc 2002 10 0; object 4001 1 1' "$sizes"
    is "$second" 'malloc 2004 10 10; object 4002 1 0' "$sizes"
    is "$third" 'malloc 2005 10 10' "$sizes"
    [ ! -e other.zst ] || fails starts "a second recording was begun inside the first"
    ;;
collects)
    run 64K
    ;;
pulls)
    run 64K
    is trace.zst memory,4,1,0,500 "
        SELECT kind, calls, failures, slow, interval_ns / 1000000 AS ms FROM pull WHERE kind = 'memory'"
    is trace.zst classes,1,0,1,10000 "
        SELECT kind, calls, failures, slow, interval_ns / 1000000 AS ms FROM pull WHERE kind = 'classes'"
    is trace.zst 1001,1002,1003,1004 "
        SELECT group_concat(used_bytes) AS n FROM (SELECT used_bytes FROM heap_usage ORDER BY time_ns)"
    is trace.zst 1,1 "SELECT (SELECT count(*) FROM thread WHERE name = 'memrec-pull') AS a, (SELECT sum(count) FROM loss WHERE kind = 'refused_calls') AS b"
    ;;
forks)
    run 1
    child=$(for file in trace.*.zst; do
        "$bin/trace_dump" "$file" | grep -q '^header .*parent_trace' && echo "$file"
    done)
    is trace.zst 4000,1 "SELECT size_bytes, death_ns IS NOT NULL AS ended FROM sample WHERE kind = 'object'"
    is "$child" 4001,1,4002,0 "
        SELECT group_concat(size_bytes || ',' || (death_ns IS NOT NULL)) AS n
        FROM (SELECT * FROM sample WHERE kind = 'object' ORDER BY size_bytes)"
    is "$child" 2,8003,2,8001 "SELECT alloc_calls, alloc_bytes, free_calls, freed_bytes FROM heap"
    is "$child" 1,1 "SELECT (SELECT calls >= 1 FROM pull) AS a, (SELECT used_bytes = pid FROM heap_usage, run LIMIT 1) AS b"
    is grandchild.zst 4004 "SELECT size_bytes FROM sample WHERE kind = 'object'"
    ;;
signals)
    run 64K
    run 1
    run 64
    is trace.zst 0,4 "
        SELECT (SELECT count(*) FROM sample WHERE kind = 'object' AND death_ns IS NULL) > 5 AS a,
               (SELECT sum(count) FROM loss WHERE kind = 'refused_calls') AS b"
    ;;
provides)
    run 1
    stack="SELECT group_concat(function || coalesce(':' || line, ''), ' < ') FROM (
               SELECT f.function, CASE f.kind WHEN 'interpreted' THEN f.line END AS line FROM stack_frame AS p
               JOIN frame AS f ON f.id = p.frame_id
               WHERE p.stack_id = (SELECT stack_id FROM sample WHERE size_bytes = SIZE LIMIT 1) AND f.kind != 'allocator' AND p.position < 5 ORDER BY p.position)"
    starts() {
        checks=$((checks + 1))
        starts_answer=$("$MEMANALYZE" query --format csv trace.zst "$(echo "$stack" | sed "s/SIZE/$1/")" | tail -n 1)
        # shellcheck disable=SC2254  # a pattern
        case $starts_answer in
        $2) ;;
        *) fails provides "$1: $starts_answer instead of $2" ;;
        esac
    }
    starts 6001 'keep < native < provides < *'
    starts 6002 'inner:11 < outer:22 < keep < native < provides*'
    starts 6003 'inner:11 < outer:22 < provides < main < *'
    starts 6004 'inner:11 < outer:22'
    starts 6005 'inner:11 < outer:22'
    starts 6006 'keep < native < provides < *'
    starts 6007 'f0 < f1:1 < f2:2 < f3:3 < f4:4'
    starts 6009 'keep < native < provides < *'
    depth="SELECT depth, truncated FROM sample JOIN stack ON stack.id = stack_id WHERE size_bytes"
    is trace.zst 128,1 "$depth = 6007"
    is trace.zst 1,1 "SELECT depth > 98, truncated FROM sample JOIN stack ON stack.id = stack_id WHERE size_bytes = 6008"
    is trace.zst 3,1,3,1 "
        SELECT sum(size_bytes = 6010) AS a, count(DISTINCT CASE size_bytes WHEN 6010 THEN stack_id END) AS b,
               sum(size_bytes = 6011) AS c, count(DISTINCT CASE size_bytes WHEN 6011 THEN stack_id END) AS d
        FROM sample WHERE size_bytes IN (6010, 6011)"
    starts 6010 'inner:11 < outer:22 < keep < native*'
    starts 6011 'keep < native < provides*'
    ;;
esac
finish
