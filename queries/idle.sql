-- SPDX-License-Identifier: Apache-2.0
-- idle: what the program holds and allocates while it does nothing, and while it works.
--
-- Reads:    run, timeline, process_tick, mark
-- Params:
--   $1 run      ID     the run's id (default: the first)
--   $2 percent  COUNT  idle is a step in which less was allocated than so many percent of the mean of all
--                      (default: 5); a step is 100 ms, or as long as ten samples take on the average
-- Columns:
--   state                        TEXT   idle, active; all
--   told_by                      TEXT   marks: the program told marks whose names begin with idle and
--                                       active; allocation: see percent
--   time_ns                      NS     in this state
--   time_share                   RATIO  of the run
--   stretches                    COUNT  times it came into it
--   rss_p50_bytes                BYTES  resident: half of the readings in it were no larger; idle: the
--                                       baseline; empty: not read then
--   rss_first_bytes              BYTES  at the first reading
--   rss_last_bytes               BYTES  at the last
--   rss_max_bytes                BYTES  at most
--   live_bytes                   BYTES  alive, the mean over its steps
--   alloc_bytes_per_second       FLOW   allocated
--   alloc_bytes_per_second_low   FLOW
--   alloc_bytes_per_second_high  FLOW
--   freed_bytes_per_second       FLOW   freed
--   faults_per_second            PACE   page faults, from reading to reading
--   samples                      COUNT  sampled allocations
--   verdict                      PROSE  what to look at
-- Table:    state time_ns time_share rss_p50_bytes rss_last_bytes live_bytes alloc_bytes_per_second
-- Empty:    this run was too short to be cut into steps
-- Caveat:   memory that idles is not what a leak is: leaks tells who does not free.
WITH chosen AS (
    SELECT id, bucket_ns, duration_ns, mode
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND bucket_ns > 0
),
told AS (
    SELECT m.time_ns, CASE WHEN LOWER(m.name) LIKE 'idle%' THEN 'idle' ELSE 'active' END AS state
      FROM mark m
      JOIN chosen c ON c.id = m.run_id
     WHERE LOWER(m.name) LIKE 'idle%'
        OR LOWER(m.name) LIKE 'active%'
),
-- steps of so many buckets: 100 ms, and so long that each has ten samples on the average, when not all are recorded
width AS (
    SELECT c.id, c.duration_ns, c.bucket_ns,
           CASE
               WHEN c.mode <> 'full'
                    AND COUNT(*) * 10 > SUM(t.samples) * ((100000000 + c.bucket_ns - 1) / c.bucket_ns)
               THEN CAST(CEIL(COUNT(*) * 10.0 / CASE WHEN SUM(t.samples) > 0 THEN SUM(t.samples) ELSE 1 END)
                   AS BIGINT)
               ELSE (100000000 + c.bucket_ns - 1) / c.bucket_ns
           END AS buckets
      FROM timeline t
      JOIN chosen c ON c.id = t.run_id
     GROUP BY c.id, c.duration_ns, c.bucket_ns, c.mode
),
wide AS (
    SELECT t.bucket / w.buckets AS step,
           MIN(t.start_ns) AS start_ns,
           CASE
               WHEN MIN(t.start_ns) + w.buckets * w.bucket_ns > w.duration_ns
               THEN w.duration_ns - MIN(t.start_ns)
               ELSE w.buckets * w.bucket_ns
           END AS step_ns,
           SUM(t.samples) AS samples, AVG(t.live_bytes) AS live_bytes,
           SUM(t.alloc_bytes) AS alloc_bytes, SUM(t.alloc_bytes_sq) AS alloc_bytes_sq,
           SUM(t.alloc_bytes_var) AS alloc_bytes_var, SUM(t.freed_bytes) AS freed_bytes
      FROM timeline t
      JOIN width w ON w.id = t.run_id
     GROUP BY t.bucket / w.buckets, w.buckets * w.bucket_ns, w.duration_ns
),
mean AS (
    SELECT SUM(alloc_bytes) / NULLIF(SUM(step_ns), 0) * COALESCE(CAST($2 AS BIGINT), 5) / 100 AS little
      FROM wide
),
step AS (
    SELECT t.*,
           CASE
               WHEN EXISTS (SELECT 1 FROM told)
               THEN COALESCE((SELECT o.state
                                FROM told o
                               WHERE o.time_ns <= t.start_ns + t.step_ns / 2
                               ORDER BY o.time_ns DESC, o.state
                               LIMIT 1), 'active')
               WHEN t.alloc_bytes < m.little * t.step_ns OR m.little = 0 THEN 'idle'
               ELSE 'active'
           END AS state
      FROM wide t
     CROSS JOIN mean m
),
turned AS (
    SELECT s.*,
           CASE
               WHEN LAG(state) OVER (ORDER BY step) = state THEN 0
               ELSE 1
           END AS turn
      FROM step s
),
reading AS (
    SELECT p.time_ns, p.rss_bytes, p.minor_faults + COALESCE(p.major_faults, 0) AS faults,
           p.time_ns / (w.buckets * w.bucket_ns) AS step,
           p.time_ns - LAG(p.time_ns) OVER (ORDER BY p.time_ns) AS since_ns,
           p.minor_faults + COALESCE(p.major_faults, 0)
               - LAG(p.minor_faults + COALESCE(p.major_faults, 0)) OVER (ORDER BY p.time_ns) AS faulted
      FROM process_tick p
      JOIN width w ON w.id = p.run_id
     WHERE p.rss_bytes IS NOT NULL
),
stated AS (
    SELECT s.state, r.*
      FROM reading r
      JOIN step s ON s.step = r.step
     UNION ALL
    SELECT 'all', r.*
      FROM reading r
),
placed AS (
    SELECT d.*,
           ROW_NUMBER() OVER (PARTITION BY state ORDER BY rss_bytes, time_ns) AS place,
           ROW_NUMBER() OVER (PARTITION BY state ORDER BY time_ns) AS first_place,
           ROW_NUMBER() OVER (PARTITION BY state ORDER BY time_ns DESC) AS last_place,
           COUNT(*) OVER (PARTITION BY state) AS readings
      FROM stated d
),
resident AS (
    SELECT state,
           MAX(rss_bytes) FILTER (WHERE place = (readings + 1) / 2) AS p50,
           MAX(rss_bytes) FILTER (WHERE first_place = 1) AS first_bytes,
           MAX(rss_bytes) FILTER (WHERE last_place = 1) AS last_bytes,
           MAX(rss_bytes) AS max_bytes,
           SUM(faulted) AS faults, SUM(CASE WHEN faulted IS NOT NULL THEN since_ns END) AS faults_ns
      FROM placed
     GROUP BY state
),
every_step AS (
    SELECT state, turn, step_ns, samples, live_bytes, alloc_bytes, alloc_bytes_sq, alloc_bytes_var,
           freed_bytes
      FROM turned
     UNION ALL
    SELECT 'all', CASE WHEN step = 0 THEN 1 ELSE 0 END, step_ns, samples, live_bytes, alloc_bytes,
           alloc_bytes_sq, alloc_bytes_var, freed_bytes
      FROM turned
),
summed AS (
    SELECT state,
           SUM(step_ns) AS time_ns, SUM(turn) AS stretches,
           SUM(samples) AS samples,
           SUM(live_bytes * step_ns) / NULLIF(SUM(step_ns), 0) AS live_bytes,
           SUM(alloc_bytes) AS alloc_bytes,
           SUM(alloc_bytes) * SUM(alloc_bytes) / NULLIF(SUM(alloc_bytes_sq), 0) AS n,
           SQRT(SUM(alloc_bytes_var) / NULLIF(SUM(alloc_bytes_sq), 0)) AS spread,
           SUM(freed_bytes) AS freed_bytes
      FROM every_step
     GROUP BY state
),
paced AS (
    SELECT s.*, s.time_ns / 1000000000.0 AS seconds, c.duration_ns,
           r.p50, r.first_bytes, r.last_bytes, r.max_bytes, r.faults, r.faults_ns,
           (SELECT COUNT(*) FROM told) AS marks
      FROM summed s
     CROSS JOIN chosen c
      LEFT JOIN resident r ON r.state = s.state
     WHERE s.time_ns > 0
)
SELECT state,
       CASE WHEN marks > 0 THEN 'marks' ELSE 'allocation' END AS told_by,
       CAST(time_ns AS BIGINT) AS time_ns,
       CAST(ROUND(CAST(time_ns * 1.0 / NULLIF(duration_ns, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS time_share,
       CAST(stretches AS BIGINT) AS stretches,
       p50 AS rss_p50_bytes,
       first_bytes AS rss_first_bytes,
       last_bytes AS rss_last_bytes,
       max_bytes AS rss_max_bytes,
       CAST(ROUND(live_bytes) AS BIGINT) AS live_bytes,
       CAST(ROUND(alloc_bytes / seconds) AS BIGINT) AS alloc_bytes_per_second,
       CAST(ROUND(COALESCE(alloc_bytes / seconds
           * (1 - (1 - POWER(1 - 1 / (9 * n) - 1.96 / (3 * SQRT(n)), 3)) * spread), 0)) AS BIGINT)
           AS alloc_bytes_per_second_low,
       CAST(ROUND(COALESCE(alloc_bytes / seconds
           * (1 + ((n + 1) / n * POWER(1 - 1 / (9 * (n + 1)) + 1.96 / (3 * SQRT(n + 1)), 3) - 1)
               * spread), 0)) AS BIGINT) AS alloc_bytes_per_second_high,
       CAST(ROUND(freed_bytes / seconds) AS BIGINT) AS freed_bytes_per_second,
       CAST(ROUND(CAST(faults * 1000000000.0 / NULLIF(faults_ns, 0) AS NUMERIC), 3)
           AS DOUBLE PRECISION) AS faults_per_second,
       CAST(samples AS BIGINT) AS samples,
       CASE
           WHEN state = 'idle'
           THEN 'Idle for ' || CAST(CAST(ROUND(time_ns * 100.0 / NULLIF(duration_ns, 0)) AS BIGINT) AS TEXT)
               || ' % of the time, in ' || CAST(CAST(stretches AS BIGINT) AS TEXT)
               || CASE stretches WHEN 1 THEN ' stretch' ELSE ' stretches' END
               || CASE
                      WHEN p50 IS NULL THEN '; nobody read the resident set then.'
                      WHEN last_bytes > first_bytes * 1.05
                      THEN '; its baseline rose by '
                          || CAST(CAST(ROUND((last_bytes - first_bytes) * 100.0 / first_bytes) AS BIGINT)
                              AS TEXT) || ' % from the first to the last of them.'
                      WHEN last_bytes < first_bytes * 0.95
                      THEN '; its baseline fell by '
                          || CAST(CAST(ROUND((first_bytes - last_bytes) * 100.0 / first_bytes) AS BIGINT)
                              AS TEXT) || ' % from the first to the last of them.'
                      ELSE '; its baseline stayed where it was, within 5 %.'
                  END
       END AS verdict
  FROM paced
 ORDER BY CASE state WHEN 'idle' THEN 1 WHEN 'active' THEN 2 ELSE 3 END
