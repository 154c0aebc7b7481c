-- SPDX-License-Identifier: Apache-2.0
-- history: the last minute, hour or ten hours, or the whole run, each as fine as it was kept.
--
-- Reads:    run, history
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 range  TEXT   1m|5m|1h|10h|all: so much before its end (default: all)
--   $3 steps  COUNT  rows to make (default: 30)
-- Columns:
--   start_ns         NS     start of the step, since the start of the run
--   end_ns           NS     its end
--   live_bytes       BYTES  alive at its end
--   live_bytes_low   BYTES
--   live_bytes_high  BYTES
--   highest_bytes    BYTES  most that was alive at the end of a kept step in it
--   live_blocks      COUNT  alive at its end
--   alloc_bytes      BYTES  allocated in it
--   alloc_bytes_low  BYTES
--   alloc_bytes_high BYTES
--   alloc_blocks     COUNT  allocations in it
--   freed_bytes      BYTES  freed in it
--   freed_blocks     COUNT  frees in it
--   rss_bytes        BYTES  highest resident set in it; empty: not read yet
--   gc_ns            NS     the program stood for collections in it; empty: none are told
--   gc_count         COUNT  pauses that began in it
--   frames           COUNT  that ended in it; empty: none are told
--   frames_over      COUNT  of these, over their budget
--   samples          COUNT  allocations sampled in it
--   kept_ns          NS     step in which this range is kept: no more than that is known of it
-- Table:    end_ns live_bytes alloc_bytes rss_bytes gc_ns frames_over
-- Bar:      live_bytes
-- Footer:   {rows} rows, out of steps of {kept_ns}
-- Caveat:   the last minute is kept in steps of 100 ms, the last hour of 1 s, ten hours of 10 s, all of 1 min.
WITH RECURSIVE chosen AS (
    SELECT r.id, r.duration_ns,
           CASE COALESCE(CAST($2 AS TEXT), 'all')
               WHEN '1m' THEN 60000000000
               WHEN '5m' THEN 300000000000
               WHEN '1h' THEN 3600000000000
               WHEN '10h' THEN 36000000000000
               ELSE r.duration_ns + 1
           END AS range_ns,
           COALESCE(CAST($3 AS BIGINT), 30) AS steps
      FROM run r
     WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
-- by way of the key: each of these is a step or two in it
step (run_id, step_ns) AS (
    SELECT c.id, (SELECT MIN(h.step_ns) FROM history h WHERE h.run_id = c.id)
      FROM chosen c
     UNION ALL
    SELECT s.run_id, (SELECT MIN(h.step_ns)
                        FROM history h
                       WHERE h.run_id = s.run_id AND h.step_ns > s.step_ns)
      FROM step s
     WHERE s.step_ns IS NOT NULL
),
-- in each list one step follows the other
list AS (
    SELECT s.step_ns,
           (SELECT MIN(h.start_ns) FROM history h WHERE h.run_id = s.run_id AND h.step_ns = s.step_ns)
               AS first_ns,
           (SELECT MAX(h.start_ns) FROM history h WHERE h.run_id = s.run_id AND h.step_ns = s.step_ns)
               AS last_ns
      FROM step s
     WHERE s.step_ns IS NOT NULL
),
ranged AS (
    SELECT c.*, CASE WHEN c.duration_ns > c.range_ns THEN c.duration_ns - c.range_ns ELSE 0 END AS from_ns
      FROM chosen c
     WHERE c.steps > 0
),
-- the finest list that reaches back so far
kept AS (
    SELECT r.id, r.duration_ns, r.steps, l.step_ns, l.last_ns,
           CASE
               WHEN r.from_ns / l.step_ns * l.step_ns > l.first_ns THEN r.from_ns / l.step_ns * l.step_ns
               ELSE l.first_ns
           END AS first_ns
      FROM ranged r
      JOIN list l
        ON l.step_ns = (SELECT MIN(m.step_ns)
                          FROM list m
                         WHERE m.first_ns <= CASE WHEN r.from_ns > 0 THEN r.from_ns + m.step_ns ELSE 0 END)
),
counted AS (
    SELECT k.*, (k.last_ns - k.first_ns) / k.step_ns + 1 AS numbers,
           CASE
               WHEN k.steps < (k.last_ns - k.first_ns) / k.step_ns + 1 THEN k.steps
               ELSE (k.last_ns - k.first_ns) / k.step_ns + 1
           END AS places
      FROM kept k
),
numbered AS (
    SELECT h.*, c.duration_ns, c.places, c.numbers, (h.start_ns - c.first_ns) / c.step_ns AS number
      FROM counted c
      JOIN history h
        ON h.run_id = c.id AND h.step_ns = c.step_ns AND h.start_ns >= c.first_ns
),
grouped AS (
    SELECT n.*, number * places / numbers AS place,
           CASE WHEN (number + 1) * places / numbers > number * places / numbers THEN 1 ELSE 0 END
               AS is_last
      FROM numbered n
),
bounded AS (
    SELECT place, step_ns, duration_ns,
           MIN(start_ns) AS start_ns, MAX(start_ns) AS last_ns,
           SUM(samples) AS samples,
           SUM(alloc_bytes) AS alloc,
           SUM(alloc_bytes) * SUM(alloc_bytes) / NULLIF(SUM(alloc_bytes_sq), 0) AS alloc_n,
           SQRT(SUM(alloc_bytes_var) / NULLIF(SUM(alloc_bytes_sq), 0)) AS alloc_spread,
           SUM(alloc_blocks) AS alloc_blocks,
           SUM(freed_bytes) AS freed, SUM(freed_blocks) AS freed_blocks,
           MAX(live_bytes) AS highest, MAX(rss_bytes) AS rss,
           SUM(CASE WHEN is_last = 1 THEN live_bytes ELSE 0 END) AS live_bytes,
           SUM(CASE WHEN is_last = 1 THEN live_blocks ELSE 0 END) AS live_blocks,
           SUM(CASE WHEN is_last = 1 THEN live_bytes * live_bytes / NULLIF(live_bytes_sq, 0) END) AS live_n,
           SUM(CASE WHEN is_last = 1 THEN SQRT(live_bytes_var / NULLIF(live_bytes_sq, 0)) END)
               AS live_spread,
           SUM(gc_ns) AS gc, SUM(gc_count) AS gcs, SUM(frames) AS frames, SUM(frames_over) AS over
      FROM grouped
     GROUP BY place, step_ns, duration_ns
),
-- the interval of views.sql
ends AS (
    SELECT b.*,
           POWER(1 - 1 / (9 * live_n) - 1.96 / (3 * SQRT(live_n)), 3) AS live_low,
           (live_n + 1) / live_n
               * POWER(1 - 1 / (9 * (live_n + 1)) + 1.96 / (3 * SQRT(live_n + 1)), 3) AS live_high,
           POWER(1 - 1 / (9 * alloc_n) - 1.96 / (3 * SQRT(alloc_n)), 3) AS alloc_low,
           (alloc_n + 1) / alloc_n
               * POWER(1 - 1 / (9 * (alloc_n + 1)) + 1.96 / (3 * SQRT(alloc_n + 1)), 3) AS alloc_high
      FROM bounded b
)
SELECT CAST(start_ns AS BIGINT) AS start_ns,
       CAST(CASE WHEN last_ns + step_ns < duration_ns THEN last_ns + step_ns ELSE duration_ns END
            AS BIGINT) AS end_ns,
       CAST(ROUND(live_bytes) AS BIGINT) AS live_bytes,
       CAST(ROUND(COALESCE(live_bytes * (1 - (1 - live_low) * live_spread), 0)) AS BIGINT)
           AS live_bytes_low,
       CAST(ROUND(COALESCE(live_bytes * (1 + (live_high - 1) * live_spread), 0)) AS BIGINT)
           AS live_bytes_high,
       CAST(ROUND(highest) AS BIGINT) AS highest_bytes,
       CAST(ROUND(live_blocks) AS BIGINT) AS live_blocks,
       CAST(ROUND(alloc) AS BIGINT) AS alloc_bytes,
       CAST(ROUND(COALESCE(alloc * (1 - (1 - alloc_low) * alloc_spread), 0)) AS BIGINT)
           AS alloc_bytes_low,
       CAST(ROUND(COALESCE(alloc * (1 + (alloc_high - 1) * alloc_spread), 0)) AS BIGINT)
           AS alloc_bytes_high,
       CAST(ROUND(alloc_blocks) AS BIGINT) AS alloc_blocks,
       CAST(ROUND(freed) AS BIGINT) AS freed_bytes,
       CAST(ROUND(freed_blocks) AS BIGINT) AS freed_blocks,
       CAST(rss AS BIGINT) AS rss_bytes,
       CAST(gc AS BIGINT) AS gc_ns,
       CAST(gcs AS BIGINT) AS gc_count,
       CAST(frames AS BIGINT) AS frames,
       CAST(over AS BIGINT) AS frames_over,
       CAST(samples AS BIGINT) AS samples,
       CAST(step_ns AS BIGINT) AS kept_ns
  FROM ends
 ORDER BY start_ns
