-- SPDX-License-Identifier: Apache-2.0
-- work: spans and evaluations; where there are many, the longest of each of 400 steps of their kind.
--
-- Reads:    run, span, eval
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   family       TEXT   span, eval
--   name         TEXT   kind of the span, label of the evaluation
--   label        TEXT   of the span
--   begin_ns     NS     when it began, since the start of the run
--   duration_ns  NS     how long it took
--   gc_ns        NS     of that, the program stood for collections
--   alloc_bytes  BYTES  allocated by the thread that ran it, exact
--   left_bytes   BYTES  of what it allocated, alive at the end of the run, estimate
--   ended        TEXT   how it ended
--   count        COUNT  of its kind in this step
SELECT family, name, label, begin_ns, duration_ns, gc_ns, alloc_bytes,
       CAST(ROUND(left_bytes) AS BIGINT) AS left_bytes, ended, count
  FROM (
        SELECT u.*,
               COUNT(*) OVER (PARTITION BY family, name, begin_ns / step_ns) AS count,
               ROW_NUMBER() OVER (PARTITION BY family, name, begin_ns / step_ns ORDER BY duration_ns DESC, id) AS place
          FROM (
                SELECT 'span' AS family, s.id, s.kind AS name, s.label, s.begin_ns, s.duration_ns, s.gc_ns,
                       s.alloc_bytes, s.left_bytes, s.ended, r.duration_ns / 400 + 1 AS step_ns
                  FROM span s
                  JOIN run r ON r.id = s.run_id
                 WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
                   AND s.duration_ns IS NOT NULL
                 UNION ALL
                SELECT 'eval', e.id, COALESCE(e.label, ''), NULL, e.begin_ns, e.duration_ns, e.gc_ns, e.alloc_bytes,
                       e.left_bytes, NULL, r.duration_ns / 400 + 1
                  FROM eval e
                  JOIN run r ON r.id = e.run_id
                 WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
                   AND e.duration_ns IS NOT NULL
               ) AS u
       ) AS numbered
 WHERE place = 1
 ORDER BY duration_ns DESC
 LIMIT 3000
