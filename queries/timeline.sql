-- SPDX-License-Identifier: Apache-2.0
-- timeline: live bytes, allocations and resident memory over time, in equal steps.
--
-- Reads:    run, timeline, timeline_interval, process_tick, gc_pause, mark
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 steps  COUNT  rows to make (default: 20)
-- Columns:
--   start_ns          NS     start of the step, since the start of the run
--   end_ns            NS     its end
--   live_bytes        BYTES  alive at its end
--   live_bytes_low    BYTES
--   live_bytes_high   BYTES
--   live_blocks       COUNT  alive at its end
--   live_blocks_low   COUNT
--   live_blocks_high  COUNT
--   alloc_bytes       BYTES  allocated during it
--   alloc_bytes_low   BYTES
--   alloc_bytes_high  BYTES
--   freed_bytes       BYTES  freed during it
--   freed_bytes_low   BYTES
--   freed_bytes_high  BYTES
--   rss_bytes         BYTES  resident set, as last read before its end; empty: not read yet
--   samples           COUNT  allocations sampled in it
--   gc_ns             NS     the program stood for collections, in pauses that began in it; empty: none
--                            are told
--   mark              TEXT   first mark in it, and how many more
-- Table:    end_ns live_bytes alloc_bytes rss_bytes gc_ns mark
-- Bar:      live_bytes
-- Caveat:   a peak inside a step does not show; peak has it.
WITH RECURSIVE chosen AS (
    SELECT r.id, r.bucket_ns, r.duration_ns,
           CASE
               WHEN r.duration_ns > r.bucket_ns THEN (r.duration_ns + r.bucket_ns - 1) / r.bucket_ns
               ELSE 1
           END AS buckets,
           COALESCE(CAST($2 AS BIGINT), 20) AS steps
      FROM run r
     WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND r.bucket_ns > 0
),
-- never more steps than buckets
counted AS (
    SELECT c.id, c.bucket_ns, c.duration_ns, c.buckets,
           CASE WHEN c.steps < c.buckets THEN c.steps ELSE c.buckets END AS steps
      FROM chosen c
     WHERE c.steps > 0
),
step (number, steps) AS (
    SELECT CAST(0 AS BIGINT), steps FROM counted
     UNION ALL
    SELECT number + 1, steps FROM step WHERE number + 1 < steps
),
bordered AS (
    SELECT c.id AS run_id, s.number,
           s.number * c.buckets / c.steps AS first_bucket,
           CASE
               WHEN s.number + 1 = c.steps THEN c.buckets
               ELSE (s.number + 1) * c.buckets / c.steps - 1
           END AS last_bucket,
           s.number * c.buckets / c.steps * c.bucket_ns AS start_ns,
           CASE
               WHEN s.number + 1 = c.steps THEN c.duration_ns
               ELSE (s.number + 1) * c.buckets / c.steps * c.bucket_ns
           END AS end_ns
      FROM step s
     CROSS JOIN counted c
),
-- what happened during a step
flow AS (
    SELECT b.number,
           SUM(t.samples) AS samples,
           SUM(t.alloc_bytes) AS alloc, SUM(t.alloc_bytes_sq) AS alloc_sq, SUM(t.alloc_bytes_var)
               AS alloc_var,
           SUM(t.freed_bytes) AS freed, SUM(t.freed_bytes_sq) AS freed_sq, SUM(t.freed_bytes_var)
               AS freed_var
      FROM bordered b
      JOIN timeline t ON t.run_id = b.run_id AND t.bucket BETWEEN b.first_bucket AND b.last_bucket
     GROUP BY b.number
),
-- what was there at its end
summed AS (
    SELECT b.number, b.start_ns, b.end_ns,
           f.samples, f.alloc, f.freed,
           t.live_bytes, t.live_bytes_low, t.live_bytes_high,
           t.live_blocks, t.live_blocks_low, t.live_blocks_high,
           f.alloc * f.alloc / NULLIF(f.alloc_sq, 0) AS alloc_n,
           SQRT(f.alloc_var / NULLIF(f.alloc_sq, 0)) AS alloc_spread,
           f.freed * f.freed / NULLIF(f.freed_sq, 0) AS freed_n,
           SQRT(f.freed_var / NULLIF(f.freed_sq, 0)) AS freed_spread,
           (SELECT p.rss_bytes
              FROM process_tick p
             WHERE p.run_id = b.run_id
               AND p.time_ns <= b.end_ns
               AND p.rss_bytes IS NOT NULL
             ORDER BY p.time_ns DESC
             LIMIT 1) AS rss_bytes
      FROM bordered b
      LEFT JOIN flow f ON f.number = b.number
      LEFT JOIN timeline_interval t
        ON t.run_id = b.run_id
       AND t.bucket = (SELECT MAX(u.bucket)
                         FROM timeline u
                        WHERE u.run_id = b.run_id
                          AND u.bucket <= b.last_bucket)
),
pause AS (
    SELECT p.begin_ns / c.bucket_ns AS bucket, SUM(p.duration_ns) AS ns
      FROM gc_pause p
      JOIN counted c ON c.id = p.run_id
     GROUP BY p.begin_ns / c.bucket_ns
),
paused AS (
    SELECT b.number, COALESCE(SUM(p.ns), 0) AS gc_ns
      FROM bordered b
      LEFT JOIN pause p ON p.bucket BETWEEN b.first_bucket AND b.last_bucket
     WHERE EXISTS (SELECT 1 FROM pause)
     GROUP BY b.number
),
marked AS (
    SELECT b.number, m.name,
           ROW_NUMBER() OVER (PARTITION BY b.number ORDER BY m.time_ns, m.id) AS place,
           COUNT(*) OVER (PARTITION BY b.number) AS marks
      FROM bordered b
      JOIN mark m
        ON m.run_id = b.run_id
       AND m.time_ns >= b.start_ns
       AND (m.time_ns < b.end_ns OR b.number + 1 = (SELECT steps FROM counted))
),
-- the interval of views.sql, for sums over buckets
bounded AS (
    SELECT s.*,
           POWER(1 - 1 / (9 * alloc_n) - 1.96 / (3 * SQRT(alloc_n)), 3) AS alloc_low,
           (alloc_n + 1) / alloc_n
               * POWER(1 - 1 / (9 * (alloc_n + 1)) + 1.96 / (3 * SQRT(alloc_n + 1)), 3) AS alloc_high,
           POWER(1 - 1 / (9 * freed_n) - 1.96 / (3 * SQRT(freed_n)), 3) AS freed_low,
           (freed_n + 1) / freed_n
               * POWER(1 - 1 / (9 * (freed_n + 1)) + 1.96 / (3 * SQRT(freed_n + 1)), 3) AS freed_high
      FROM summed s
)
SELECT start_ns,
       end_ns,
       CAST(ROUND(COALESCE(live_bytes, 0)) AS BIGINT) AS live_bytes,
       CAST(ROUND(COALESCE(live_bytes_low, 0)) AS BIGINT) AS live_bytes_low,
       CAST(ROUND(COALESCE(live_bytes_high, 0)) AS BIGINT) AS live_bytes_high,
       CAST(ROUND(COALESCE(live_blocks, 0)) AS BIGINT) AS live_blocks,
       CAST(ROUND(COALESCE(live_blocks_low, 0)) AS BIGINT) AS live_blocks_low,
       CAST(ROUND(COALESCE(live_blocks_high, 0)) AS BIGINT) AS live_blocks_high,
       CAST(ROUND(COALESCE(alloc, 0)) AS BIGINT) AS alloc_bytes,
       CAST(ROUND(COALESCE(alloc * (1 - (1 - alloc_low) * alloc_spread), 0)) AS BIGINT)
           AS alloc_bytes_low,
       CAST(ROUND(COALESCE(alloc * (1 + (alloc_high - 1) * alloc_spread), 0)) AS BIGINT)
           AS alloc_bytes_high,
       CAST(ROUND(COALESCE(freed, 0)) AS BIGINT) AS freed_bytes,
       CAST(ROUND(COALESCE(freed * (1 - (1 - freed_low) * freed_spread), 0)) AS BIGINT)
           AS freed_bytes_low,
       CAST(ROUND(COALESCE(freed * (1 + (freed_high - 1) * freed_spread), 0)) AS BIGINT)
           AS freed_bytes_high,
       rss_bytes,
       CAST(COALESCE(samples, 0) AS BIGINT) AS samples,
       CAST(p.gc_ns AS BIGINT) AS gc_ns,
       m.name || CASE WHEN m.marks > 1 THEN ' +' || CAST(m.marks - 1 AS TEXT) ELSE '' END AS mark
  FROM bounded b
  LEFT JOIN paused p ON p.number = b.number
  LEFT JOIN marked m ON m.number = b.number AND m.place = 1
 ORDER BY b.number
