-- SPDX-License-Identifier: Apache-2.0
-- evals: per evaluated expression: what it allocated, what stayed, which grow run after run.
--
-- Reads:    run, eval_verdict, quantile
-- Params:
--   $1 run      ID     the run's id (default: the first)
--   $2 limit    COUNT  rows to show (default: 20)
--   $3 verdict  TEXT   suspect|growing|collected|steady|undecided|untold: only this one
-- Columns:
--   verdict                 TEXT   suspect: what it allocated stayed, again and again, or the heap grew in
--                                  at least 9 of 10 runs and was still larger after the collection that
--                                  followed; growing: it grew, and nothing told what stays; collected: it
--                                  grew, and collections took it back; steady: it did not grow;
--                                  undecided: fewer than 5 runs; untold: the heap's use was not told
--   label                   TEXT   the expression
--   runs                    COUNT  that ended
--   grew                    COUNT  of these, runs that left the heap larger than they found it
--   net_p50_bytes           BYTES  heap after less heap before, of the run in the middle
--   net_bytes               BYTES  the same over all runs
--   after_gc_bytes          BYTES  mean of heap after the next collection less heap before; empty: no
--                                  collection followed
--   kept                    COUNT  runs whose heap was larger after the next collection than before them
--   kept_told               COUNT  runs that a collection followed
--   left_bytes              BYTES  of all runs, alive at the end of the recording, and after a collection
--                                  where there are any
--   left_bytes_low          BYTES  lower end of its 95 % interval
--   left_bytes_high         BYTES  upper end
--   leaving                 COUNT  runs of which a sample was left: at least so many left something
--   samples                 COUNT  taken in its runs
--   alloc_bytes             BYTES  allocated per run, exact, without managed heaps
--   alloc_calls             COUNT  allocations per run
--   heap_alloc_bytes        BYTES  allocated per run in managed heaps; empty: they tell no objects
--   arena_high_water_bytes  BYTES  the most an arena held in any run
--   gc_share                RATIO  time that stood for collections, of the time of all runs
--   gc_count                COUNT  collections in all runs
--   p50_ns                  NS     half of the runs took no longer
--   p95_ns                  NS     95 % took no longer
--   max_ns                  NS     the longest run
--   total_ns                NS     all runs
--   first_ns                NS     begin of the first run, since the start of the run
--   last_ns                 NS     begin of the last
--   unfinished              COUNT  evaluations that did not end
--   warning                 PROSE  why it is suspected
--   all_rows                TOTAL  labels before the limit
--   suspects                TOTAL  of these, suspected
-- Table:    verdict label runs net_p50_bytes left_bytes alloc_bytes arena_high_water_bytes gc_share
--           p50_ns
-- Footer:   {rows} of {all_rows} labels, {suspects} suspected
-- Empty:    this program told no evaluations; memrec_eval_begin and memrec_eval_end do
-- Caveat:   heap use is the whole heap's: what other threads or inner evaluations keep counts too.
WITH ranked AS (
    SELECT j.*,
           COUNT(*) OVER () AS all_rows,
           COUNT(*) FILTER (WHERE verdict = 'suspect') OVER () AS suspects,
           CASE verdict
               WHEN 'suspect' THEN 1
               WHEN 'growing' THEN 2
               WHEN 'undecided' THEN 3
               ELSE 4
           END AS urgency
      FROM eval_verdict j
     WHERE run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND verdict = COALESCE(CAST($3 AS TEXT), verdict)
)
SELECT verdict,
       NULLIF(name, '') AS label,
       runs,
       CASE WHEN net_told > 0 THEN grew END AS grew,
       n.p50 AS net_p50_bytes,
       net_bytes,
       CAST(ROUND(after_gc_bytes) AS BIGINT) AS after_gc_bytes,
       CASE WHEN kept_told > 0 THEN kept END AS kept,
       kept_told,
       CASE WHEN samples > 0 THEN CAST(ROUND(left_bytes) AS BIGINT) END AS left_bytes,
       CAST(ROUND(left_bytes
           * (1 - (1 - POWER(1 - 1 / (9 * left_n) - 1.96 / (3 * SQRT(left_n)), 3)) * left_spread))
           AS BIGINT) AS left_bytes_low,
       CAST(ROUND(left_bytes
           * (1 + ((left_n + 1) / left_n
               * POWER(1 - 1 / (9 * (left_n + 1)) + 1.96 / (3 * SQRT(left_n + 1)), 3) - 1) * left_spread))
           AS BIGINT) AS left_bytes_high,
       CASE WHEN samples > 0 THEN leaving END AS leaving,
       samples,
       CAST(ROUND(alloc_bytes) AS BIGINT) AS alloc_bytes,
       CAST(ROUND(alloc_calls) AS BIGINT) AS alloc_calls,
       CAST(ROUND(heap_alloc_bytes) AS BIGINT) AS heap_alloc_bytes,
       arena_high_water_bytes,
       CAST(ROUND(CAST(gc_ns * 1.0 / NULLIF(gc_of_ns, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS gc_share,
       gc_count,
       d.p50 AS p50_ns,
       d.p95 AS p95_ns,
       d.maximum AS max_ns,
       total_ns,
       first_ns,
       last_ns,
       unfinished,
       CASE
           WHEN verdict = 'suspect' AND leaving >= 5 AND leaving_spread
           THEN 'What it allocated stays: of ' || CAST(leaving AS TEXT) || ' of ' || CAST(runs AS TEXT)
               || ' runs at least, from the first to the last.'
           WHEN verdict = 'suspect'
           THEN 'It grew in ' || CAST(grew AS TEXT) || ' of ' || CAST(net_told AS TEXT)
               || ' runs, and was larger than before after the next collection in '
               || CAST(kept AS TEXT) || ' of ' || CAST(kept_told AS TEXT) || '.'
           WHEN verdict = 'growing'
           THEN 'It grew in ' || CAST(grew AS TEXT) || ' of ' || CAST(net_told AS TEXT)
               || ' runs; '
               || CASE
                      WHEN kept_told = 0 THEN 'no collection followed that would tell what stays.'
                      ELSE 'what collections left grew with it, whoever keeps it.'
                  END
       END AS warning,
       all_rows,
       suspects
  FROM ranked r
  LEFT JOIN quantile d
    ON d.run_id = r.run_id
   AND d.measure = 'eval.duration_ns'
   AND d.subject_id = 0
   AND d.part = r.name
  LEFT JOIN quantile n
    ON n.run_id = r.run_id
   AND n.measure = 'eval.net_bytes'
   AND n.subject_id = 0
   AND n.part = r.name
 ORDER BY urgency, CASE WHEN urgency < 3 THEN net_bytes END DESC NULLS LAST,
          COALESCE(total_ns, 0) DESC, name
 LIMIT COALESCE(CAST($2 AS BIGINT), 20)
