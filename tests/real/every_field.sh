# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# every_field.sh -- each figure that every_field.c tells arrives in its column, exactly, and in a cell of a report. Which
# columns there are is read from schema.sql: one that is never told fails the test. Recorded twice: some are exact
# only when everything is recorded.
. "$SOURCE_DIR/tests/real/lib.sh"
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze is not built"
    exit 77
fi

ask() {
    "$MEMANALYZE" query --format csv "$1.db" "$2" | sed 1d
}

# is DATABASE SQL VALUE: the one row it gives.
is() {
    checks=$((checks + 1))
    is_told=$(ask "$1" "$2" | tr -d '"')
    [ "$is_told" = "$3" ] || fails "$1" "$2: '$is_told', not '$3'"
}

# cells DATABASE REPORT [OPTION...] -- COLUMN=VALUE...: one row of the report has all these values; COLUMN+COLUMN: their sum.
cells() {
    checks=$((checks + 1))
    cells_db=$1 cells_report=$2 cells_options=
    shift 2
    while [ "$1" != -- ]; do
        cells_options="$cells_options $1"
        shift
    done
    shift
    # shellcheck disable=SC2086
    "$MEMANALYZE" report "$cells_report" "$cells_db.db" --format csv $cells_options >cells.csv 2>cells.err ||
        fails "$cells_db" "report $cells_report: $(cat cells.err)"
    python3 - "$@" <<'P' || fails "$cells_db" "report $cells_report has no row with $*; it has $(cat cells.csv)"
import csv, sys
wanted = dict(word.split("=", 1) for word in sys.argv[1:])
def cell(row, name):
    return row[name] if name in row else str(sum(int(row[part]) for part in name.split("+")))
sys.exit(not any(all(cell(row, name) == value for name, value in wanted.items()) for row in csv.DictReader(open("cells.csv"))))
P
}
need python3

for interval in 1 4096; do
    MEMREC_INTERVAL=$interval MEMREC_TRACE=$PWD/$interval.zst LD_PRELOAD=$LIBMEMREC \
        "$bin/real_every_field" >out 2>&1 || fails program "exit code $?: $(cat out)"
    grep -q "^recording 1, paused 0, pulled 3 and [1-9]" out || fails program "said: $(cat out)"
    "$MEMANALYZE" import $interval.zst -o $interval.db >import.log 2>&1 || fails import "$(cat import.log)"
done

# Every column of every table that speaks of what a program told.
tables=$(sed -n '/^-- What the program itself told/,/^CREATE TABLE survival_stat/s/^CREATE TABLE \([a-z_]*\) .*/\1/p' "$SOURCE_DIR/schema/schema.sql")
[ "$(echo "$tables" | wc -l)" -ge 22 ] || fails schema "found only the tables $tables"
for table in $tables sample; do
    columns=$(ask 1 "PRAGMA table_info($table)" | cut -d, -f2)
    [ $table != sample ] || columns=$(echo "$columns" | sed -n '/^heap_id$/,$p')
    for column in $columns; do
        checks=$((checks + 1))
        [ "$(ask 1 "SELECT count($column) FROM $table")" -gt 0 ] ||
            [ "$(ask 4096 "SELECT count($column) FROM $table")" -gt 0 ] ||
            fails "$table" "no row has a $column"
    done
done

for db in 1 4096; do
    is $db "SELECT name FROM mark" "before the experiment"
    is $db "SELECT count(*), min(end_ns - begin_ns) BETWEEN 5000000 AND 900000000 FROM pause" 1,1
    is $db "SELECT name, budget_ns FROM frame_stream" "every stream,5000000"
    is $db "SELECT count(*), min(number), max(number) FROM frame_mark" 6,1,6
    is $db "SELECT group_concat(ended_by, ' ') FROM (SELECT ended_by FROM frame_mark ORDER BY number)" \
        "end end end end begin nothing"
    is $db "SELECT DISTINCT alloc_bytes, alloc_calls, free_calls, heap_alloc_bytes, heap_alloc_calls, heap_freed_bytes,
        heap_free_calls, gc_count, overflow_count, overflow_bytes FROM frame_mark WHERE number < 5" \
        3333,3,2,444,2,222,1,5,2,1554
    is $db "SELECT min(minor_faults) >= 5, max(major_faults) FROM frame_mark WHERE number BETWEEN 2 AND 4" 1,0
    is $db "SELECT DISTINCT why, over_ns = f.duration_ns - 5000000, f.gc_ns >= 6000000, gc.kind IN ('major', 'concurrent')
        FROM frame_mark f JOIN gc ON gc.id = gc_id WHERE f.number < 5" gc,1,1,1
    is $db "SELECT DISTINCT name, depth, alloc_bytes, alloc_calls, free_calls, heap_alloc_bytes, heap_alloc_calls,
        gc_ns > 0 FROM phase WHERE name = 'logic'" logic,0,2222,2,2,444,2,1
    is $db "SELECT DISTINCT name, depth, alloc_bytes, heap_alloc_bytes, heap_alloc_calls FROM phase WHERE name = 'inner'" \
        inner,1,0,444,2
    is $db "SELECT group_concat(f.number, ' ') FROM phase p JOIN frame_mark f ON f.id = p.frame_id AND p.depth = 0" "1 2 3 4"

    is $db "SELECT heap_before_bytes, heap_after_bytes, net_bytes, heap_after_gc_bytes, arena_high_water_bytes, gc_count,
        alloc_bytes, alloc_calls, free_calls, heap_alloc_bytes, heap_alloc_calls FROM eval WHERE label = '(+ 1 2)'" \
        70001,70123,122,500003,4567,5,30303,1,1,444,1
    is $db "SELECT p.label, e.heap_before_bytes FROM eval e JOIN eval p ON p.id = e.parent_id" "(+ 1 2),70002"

    is $db "SELECT e.label, l.evals_after, l.gcs_after > 5, l.samples, l.bytes FROM eval_leftover l JOIN eval e ON e.id = eval_id
        WHERE l.bytes > 100000" "(keep),0,1,1,1048576"
    is $db "SELECT ended, items, progress, progress_total, progress_regressions, progress_regression_max,
        first_result_ns BETWEEN 2000000 AND duration_ns, heap_alloc_bytes, heap_alloc_calls, alloc_bytes > 1068778,
        left_samples > 0, left_bytes >= 1048576 FROM span WHERE label = 'GET /every'" ok,21,700,1000,1,200,1,333,1,1,1,1
    is $db "SELECT s.ended, s.label, p.label, s.samples, s.bytes > 50000 FROM span s JOIN span p ON p.id = s.parent_id
        WHERE s.kind = 'job'" "cancelled,by another thread,GET /every,1,1"
    is $db "SELECT ended, label IS NULL FROM span WHERE kind = 'query'" failed,1
    is $db "SELECT ended FROM span WHERE label = 'later'" timed_out
    is $db "SELECT s.label, spans_after, gcs_after, l.samples, l.bytes FROM span_leftover l JOIN span s ON s.id = span_id
        WHERE l.bytes > 100000" "GET /every,1,10,1,1048576"

    is $db "SELECT name, capacity_bytes, generations FROM heap" "every heap,123456789,3"
    is $db "SELECT alloc_calls, alloc_bytes, free_calls, freed_bytes FROM heap" 22,12585465,11,1051129
    is $db "SELECT count(*), min(used_bytes), max(total_bytes), max(objects) FROM heap_usage" 3,60606,808080,77
    is $db "SELECT reason, used_before_bytes, used_after_bytes, objects_before, objects_after, reclaimed_bytes, claimed_bytes,
        promoted_bytes, approximate, trued_up, pause_ns = duration_ns, pause_count FROM gc WHERE kind = 'minor' LIMIT 1" \
        "the nursery is full,900001,500003,901,503,399998,2404,10005,0,0,1,1"
    is $db "SELECT used_after_bytes, trued_up, approximate, allocated_bytes, pause_count, pause_max_ns > 3000000 FROM gc
        WHERE kind = 'major' LIMIT 1" 600006,1,0,399998,1,1
    is $db "SELECT used_before_bytes, used_after_bytes, allocated_bytes, claimed_bytes IS NULL FROM gc
        WHERE kind = 'concurrent' LIMIT 1" 700007,300003,100001,1
    is $db "SELECT count(used_before_bytes), count(claimed_bytes), count(*) FROM gc WHERE kind = 'incremental'" 0,0,6
    is $db "SELECT reason, duration_ns, pause_ns, claimed_bytes FROM gc WHERE kind = 'full' LIMIT 1" "told at its end,1234567,345678,2404"
    is $db "SELECT count(*) FROM gc_pause WHERE gc_id IS NULL" 6
    is $db "SELECT generation, and_older, objects, bytes FROM gc_survivor WHERE gc_id = 1 AND class_id <> 0" 2,1,1201,12010
    is $db "SELECT generation, and_older, objects, bytes FROM gc_survivor WHERE gc_id = 1 AND class_id = 0 AND generation = 1" \
        1,0,1101,11010
    is $db "SELECT rank, share > 0.5 FROM gc_site ORDER BY bytes DESC LIMIT 1" 1,1

    is $db "SELECT name, module FROM class" EveryClass,every.module
    is $db "SELECT DISTINCT new_objects, new_bytes, old_objects, old_bytes FROM class_profile" 31,3100,41,4100
    is $db "SELECT DISTINCT root, bytes, objects FROM retained_set WHERE rank = 1" "a global,5050,55"
    is $db "SELECT DISTINCT root, bytes, objects FROM retained_set WHERE rank = 2" "a binding,4040,44"
    is $db "SELECT calls, failures, slow, max_ns >= 80000000, total_ns >= max_ns, interval_ns FROM pull WHERE kind = 'memory'" \
        3,1,1,1,1,2000000000
    is $db "SELECT calls >= 1, failures FROM pull WHERE kind = 'classes'" 1,0

    is $db "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM pool ORDER BY number)" "arena slab arena tier buffer connection"
    is $db "SELECT slot_bytes, capacity_bytes, capacity_slots FROM pool WHERE name = 'a slab'" 160,161616,1010
    is $db "SELECT s.name, p.capacity_slots IS NULL FROM pool p JOIN frame_stream s ON s.id = p.stream_id" "every stream,1"
    is $db "SELECT used_bytes, reserved_bytes, high_water_bytes, overflow_count, overflow_bytes, wait_count, wait_ns, exhausted_count
        FROM pool_tick t JOIN pool p ON p.id = pool_id WHERE name = 'a slab' ORDER BY time_ns DESC LIMIT 1" \
        8008,10010,9009,1,707,1,12345,3
    is $db "SELECT used_bytes, overflow_count, overflow_bytes, reset_count FROM pool_tick t JOIN pool p ON p.id = pool_id
        WHERE name = 'every arena' ORDER BY time_ns DESC LIMIT 1" 0,8,6216,2
    # a reset every second frame: until then 4 overflows of 777 lie beside what it holds; the slab is never reset
    is $db "SELECT max(highest_bytes), max(wanted_bytes) FROM pool_tick t JOIN pool p ON p.id = pool_id
        WHERE name = 'every arena'" 4096,7204
    is $db "SELECT max(highest_bytes), count(CASE WHEN overflow_count = 1 THEN wanted_bytes END)
        FROM pool_tick t JOIN pool p ON p.id = pool_id WHERE name = 'a slab'" 9009,0
    is $db "SELECT group_concat(f.number, ' '), min(used_bytes) FROM pool_stale JOIN frame_mark f ON f.id = frame_id" "1 3,4096"
    is $db "SELECT slots, used_slots, free_runs, longest_free_run, cells FROM pool_map" 6,4,2,1,ff0ff0

    is $db "SELECT count(*), min(c.name), max(generations) FROM sample s JOIN class c ON c.id = class_id WHERE size_bytes = 1048576
        AND kind = 'object'" 12,EveryClass,5
    is $db "SELECT birth_gc_id IS NOT NULL, death_gc_id - birth_gc_id, generations FROM sample WHERE size_bytes = 3145728" 1,5,5
    is $db "SELECT function, file, line FROM sample s JOIN stack_frame x ON x.stack_id = s.stack_id JOIN frame ON frame.id = x.frame_id
        WHERE size_bytes = 3145728 AND position = 0" inner_function,script.every,42
    is $db "SELECT count(*) FROM survival_stat WHERE generation = 5 AND samples > 0" "$(
        ask $db "SELECT count(*) FROM survival_stat WHERE generation = 5")"

    cells $db frames -- stream="every stream" frames=5 budget_ns=5000000 over_budget=4 over_gc=4 gc_5_10_ms+gc_10_16_ms+gc_16_ms=4 alloc_p50_bytes=3333 \
        heap_alloc_p50_bytes=444 overflow_frames=4 overflow_bytes=6216 forgotten_resets=2 major_faults=0 cut_short=1 unfinished=1
    cells $db frame_causes -- frame=2 why=gc gc_count=5 alloc_bytes=3333 alloc_calls=3 heap_alloc_bytes=444 overflow_count=2 \
        phase=logic minor_faults="$(ask $db "SELECT minor_faults FROM frame_mark WHERE number = 2")" \
        gc_ns="$(ask $db "SELECT gc_ns FROM frame_mark WHERE number = 2")" \
        phase_ns="$(ask $db "SELECT p.duration_ns FROM phase p JOIN frame_mark f ON f.id = frame_id
            WHERE f.number = 2 AND name = 'logic'")"
    cells $db evals -- label="(+ 1 2)" runs=1 grew=1 net_bytes=122 after_gc_bytes=430002 alloc_bytes=30303 alloc_calls=1 \
        heap_alloc_bytes=444 arena_high_water_bytes=4567 gc_count=5 unfinished=0
    cells $db spans --spans-after 1 -- kind=request spans=2 failed=1 cancelled=0 items=21 regressed=1 progress_regressions=1 \
        heap_alloc_bytes=167 leaving=1 first_p50_ns="$(ask $db "SELECT first_result_ns FROM span WHERE items = 21")"
    cells $db spans -- kind=job cancelled=1
    cells $db span_leftovers --spans-after 1 -- kind=request function=block left_bytes=1048576 left_blocks=1 gcs_after=10 samples=1
    cells $db gc -- heap="every heap" kind=all collections=30 reclaimed_bytes=8999970 promoted_bytes=180090 pauses=30 \
        pause_p50_ns=345678 wrong_claims=18 claims=18 claimed_bytes=43272 unfinished=0
    cells $db gc -- kind=full collections=6 pauses=6 pause_max_ns=345678 reclaimed_bytes=2399988
    cells $db gc -- kind=major collections=6 reclaimed_bytes=1799970 promoted_bytes=60030
    cells $db survival -- heap="every heap" survived="1 to 5" source=told objects=2203 bytes=22030
    cells $db survival -- heap="every heap" survived="1 to 5" source=sampled objects=11 bytes=11534336
    cells $db survivors --survived 2 -- class=EveryClass source=told old_objects=1201 old_bytes=12010
    cells $db survivors --survived 5 --by site -- heap="every heap" source=sampled old_objects=11
    cells $db pools -- pool="a slab" kind=slab used=8008 capacity=161616 high_water=9009 reserved=10010 overflow_count=1 \
        overflow_bytes=707 wait_count=1 wait_mean_ns=12345 exhausted_count=3 slots=6 free_slots=2 free_runs=2 longest_free_run=1
    cells $db pools -- pool="every arena" used=0 high_water=4096 overflow_count=8 overflow_bytes=6216 reset_count=2 forgotten_resets=2
    cells $db pools -- pool=connections kind=connection
    cells $db classes -- class=EveryClass module=every.module objects=72 bytes=7200 new_objects=31 new_bytes=3100 old_objects=41 \
        old_bytes=4100 sampled_objects=11 sampled_bytes=11534336
    cells $db retained -- root="a global" rank=1 bytes=5050 objects=55 profiles=3
    cells $db retained -- root="a binding" rank=2 bytes=4040 objects=44
    cells $db losses -- kind=begin_inside count=1
    is $db "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM loss WHERE count > 0 AND kind NOT LIKE '%stack%' AND kind NOT LIKE
        '%symbol%' AND kind NOT LIKE '%module%' ORDER BY kind)" "begin_inside paused_ms unclosed"
    cells $db losses -- kind=paused_ms
done
is 1 "SELECT DISTINCT freed_bytes FROM frame_mark WHERE number < 5" 2222
is 4096 "SELECT count(freed_bytes) FROM frame_mark" 0
finish
