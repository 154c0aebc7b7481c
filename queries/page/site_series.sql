-- SPDX-License-Identifier: Apache-2.0
-- site_series: what the largest stacks allocated and freed over time, in at most 120 steps.
--
-- Reads:    run, stack_stat, stack_time
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   stack_id        ID     stack.id
--   step            COUNT  number of the step, from 0
--   step_ns         NS     its length
--   alloc_bytes     BYTES  allocated in it
--   freed_bytes     BYTES  freed in it
--   survivor_bytes  BYTES  of what was allocated in it, alive at the end
WITH chosen AS (
    SELECT id, bucket_ns,
           bucket_ns * (duration_ns / bucket_ns / 120 + 1) AS step_ns
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND bucket_ns > 0
),
large AS (
    SELECT s.stack_id
      FROM stack_stat s
      JOIN chosen c ON c.id = s.run_id
     WHERE s.measure IN ('live', 'allocated', 'peak')
     GROUP BY s.stack_id
     ORDER BY MAX(CASE WHEN s.measure = 'live' THEN s.bytes * 4 ELSE s.bytes END) DESC
     LIMIT 150
)
SELECT t.stack_id,
       t.bucket * c.bucket_ns / c.step_ns AS step,
       MAX(c.step_ns) AS step_ns,
       CAST(ROUND(SUM(t.alloc_bytes)) AS BIGINT) AS alloc_bytes,
       CAST(ROUND(SUM(t.freed_bytes)) AS BIGINT) AS freed_bytes,
       CAST(ROUND(SUM(t.survivor_bytes)) AS BIGINT) AS survivor_bytes
  FROM stack_time t
  JOIN chosen c ON c.id = t.run_id
 WHERE t.stack_id IN (SELECT stack_id FROM large)
 GROUP BY t.stack_id, t.bucket * c.bucket_ns / c.step_ns
 ORDER BY 1, 2
