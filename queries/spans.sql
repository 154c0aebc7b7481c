-- SPDX-License-Identifier: Apache-2.0
-- spans: per kind of work: how long it took, how fast it came, what it cost, what it left.
--
-- Reads:    run, span, span_leftover, quantile
-- Params:
--   $1 run          ID     the run's id (default: the first)
--   $2 spans-after  COUNT  spans of its kind that must have begun after its end, before what is alive is
--                          left behind (default: 10)
-- Columns:
--   kind                  TEXT   what the spans are: request, load, ...
--   spans                 COUNT  that ended
--   failed                COUNT  of these, failed or out of time
--   cancelled             COUNT  of these, cancelled
--   spans_per_second      PACE   from the first begin to the last
--   p50_ns                NS     latency: half of the spans took no longer
--   p95_ns                NS     95 % took no longer
--   p99_ns                NS     99 % took no longer
--   max_ns                NS     the longest
--   first_p50_ns          NS     from begin to first result; empty: none was told
--   first_p95_ns          NS     95 % had theirs no later
--   items                 COUNT  tokens, rows, files of all spans; empty: none were told
--   items_per_second      PACE   items over the time of the spans that told some
--   regressed             COUNT  spans whose progress went back; empty: no progress was told
--   progress_regressions  COUNT  how often it did, in all
--   gc_share              RATIO  time that stood for collections, of the time of all spans
--   alloc_bytes           BYTES  allocated per span, exact; empty: no span began and ended on one thread
--   heap_alloc_bytes      BYTES  of managed heaps per span, exact
--   span_bytes            BYTES  allocated per span on all its threads
--   span_bytes_low        BYTES
--   span_bytes_high       BYTES
--   samples               COUNT  sampled allocations behind this
--   leaving               COUNT  spans that left something sampled behind
--   left_bytes            BYTES  that they left behind: allocated in them, alive at the end of the run
--   left_bytes_low        BYTES
--   left_bytes_high       BYTES
--   unfinished            COUNT  spans that did not end
--   verdict               PROSE  what to look at
-- Table:    kind spans failed p50_ns p95_ns p99_ns first_p50_ns items_per_second span_bytes left_bytes
-- Empty:    this program told no spans; memrec_span_begin and memrec_span_end do
-- Caveat:   bytes of a span are those of the threads that were in it; what a cache keeps is left too.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id
),
told AS (
    SELECT s.*
      FROM span s
      JOIN chosen c ON c.id = s.run_id
),
counted AS (
    SELECT run_id, kind,
           COUNT(duration_ns) AS spans,
           COUNT(*) - COUNT(duration_ns) AS unfinished,
           COUNT(*) FILTER (WHERE ended IN ('failed', 'timed_out')) AS failed,
           COUNT(*) FILTER (WHERE ended = 'cancelled') AS cancelled,
           MAX(begin_ns) - MIN(begin_ns) AS apart_ns,
           COUNT(*) AS begun,
           SUM(duration_ns) AS all_ns,
           SUM(items) AS items,
           SUM(CASE WHEN items IS NOT NULL THEN duration_ns END) AS items_ns,
           COUNT(progress_regressions) AS progress_told,
           COUNT(*) FILTER (WHERE progress_regressions > 0) AS regressed,
           SUM(progress_regressions) AS regressions,
           SUM(gc_ns) AS gc_ns,
           SUM(CASE WHEN gc_ns IS NOT NULL THEN duration_ns END) AS gc_of_ns,
           AVG(alloc_bytes * 1.0) AS alloc_bytes,
           AVG(heap_alloc_bytes * 1.0) AS heap_alloc_bytes,
           SUM(samples) AS samples,
           SUM(bytes) AS bytes,
           SUM(bytes) * SUM(bytes) / NULLIF(SUM(bytes_sq), 0) AS n,
           SQRT(SUM(bytes_var) / NULLIF(SUM(bytes_sq), 0)) AS spread
      FROM told
     GROUP BY run_id, kind
),
-- what is left behind, summed over stacks
left_behind AS (
    SELECT s.kind,
           COUNT(DISTINCT l.span_id) AS leaving,
           SUM(l.bytes) AS bytes,
           SUM(l.bytes) * SUM(l.bytes) / NULLIF(SUM(l.bytes_sq), 0) AS n,
           SQRT(SUM(l.bytes_var) / NULLIF(SUM(l.bytes_sq), 0)) AS spread
      FROM span_leftover l
      JOIN chosen c ON c.id = l.run_id
      JOIN span s ON s.id = l.span_id
     WHERE l.spans_after >= COALESCE(CAST($2 AS BIGINT), 10)
     GROUP BY s.kind
)
SELECT c.kind,
       spans,
       failed,
       cancelled,
       CAST(ROUND(CAST((begun - 1) * 1000000000.0 / NULLIF(apart_ns, 0) AS NUMERIC), 3)
           AS DOUBLE PRECISION) AS spans_per_second,
       d.p50 AS p50_ns,
       d.p95 AS p95_ns,
       d.p99 AS p99_ns,
       d.maximum AS max_ns,
       f.p50 AS first_p50_ns,
       f.p95 AS first_p95_ns,
       CAST(items AS BIGINT) AS items,
       CAST(ROUND(CAST(items * 1000000000.0 / NULLIF(items_ns, 0) AS NUMERIC), 3)
           AS DOUBLE PRECISION) AS items_per_second,
       CASE WHEN progress_told > 0 THEN regressed END AS regressed,
       CAST(regressions AS BIGINT) AS progress_regressions,
       CAST(ROUND(CAST(gc_ns * 1.0 / NULLIF(gc_of_ns, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS gc_share,
       CAST(ROUND(alloc_bytes) AS BIGINT) AS alloc_bytes,
       CAST(ROUND(heap_alloc_bytes) AS BIGINT) AS heap_alloc_bytes,
       CAST(ROUND(c.bytes / begun) AS BIGINT) AS span_bytes,
       CAST(ROUND(COALESCE(c.bytes / begun
           * (1 - (1 - POWER(1 - 1 / (9 * c.n) - 1.96 / (3 * SQRT(c.n)), 3)) * c.spread), 0))
           AS BIGINT) AS span_bytes_low,
       CAST(ROUND(COALESCE(c.bytes / begun
           * (1 + ((c.n + 1) / c.n
               * POWER(1 - 1 / (9 * (c.n + 1)) + 1.96 / (3 * SQRT(c.n + 1)), 3) - 1) * c.spread), 0))
           AS BIGINT) AS span_bytes_high,
       CAST(samples AS BIGINT) AS samples,
       COALESCE(leaving, 0) AS leaving,
       CAST(ROUND(COALESCE(l.bytes, 0)) AS BIGINT) AS left_bytes,
       CAST(ROUND(COALESCE(l.bytes
           * (1 - (1 - POWER(1 - 1 / (9 * l.n) - 1.96 / (3 * SQRT(l.n)), 3)) * l.spread), 0))
           AS BIGINT) AS left_bytes_low,
       CAST(ROUND(COALESCE(l.bytes
           * (1 + ((l.n + 1) / l.n
               * POWER(1 - 1 / (9 * (l.n + 1)) + 1.96 / (3 * SQRT(l.n + 1)), 3) - 1) * l.spread), 0))
           AS BIGINT) AS left_bytes_high,
       unfinished,
       CASE
           WHEN leaving > 0
           THEN 'At least ' || CAST(leaving AS TEXT) || ' of ' || CAST(spans AS TEXT)
               || ' left memory behind; report span_leftovers says where it was allocated.'
           WHEN c.bytes > 0 THEN 'Nothing that was sampled in them was left behind.'
           ELSE 'Nothing was sampled in them.'
       END
           || CASE
                  WHEN failed > 0
                  THEN ' ' || CAST(failed AS TEXT) || ' failed.'
                  ELSE ''
              END
           || CASE
                  WHEN regressed > 0
                  THEN ' The progress of ' || CAST(regressed AS TEXT) || ' went back.'
                  ELSE ''
              END AS verdict
  FROM counted c
  LEFT JOIN left_behind l ON l.kind = c.kind
  LEFT JOIN quantile d
    ON d.run_id = c.run_id
   AND d.measure = 'span.duration_ns'
   AND d.subject_id = 0
   AND d.part = c.kind
  LEFT JOIN quantile f
    ON f.run_id = c.run_id
   AND f.measure = 'span.first_result_ns'
   AND f.subject_id = 0
   AND f.part = c.kind
 ORDER BY COALESCE(l.bytes, 0) DESC, all_ns DESC, c.kind
