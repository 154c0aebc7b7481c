-- SPDX-License-Identifier: Apache-2.0
-- stability: what memory falls back to, hour by hour, and whether that floor rises.
--
-- Reads:    run, process_tick, timeline, heap, gc
-- Params:
--   $1 run      ID     the run's id (default: the first)
--   $2 by       TEXT   measure|step: a row for each measure, or for each of its steps (default: measure)
--   $3 minutes  COUNT  length of a step (default: 60; a run of less than 8 hours: an eighth of it)
-- Columns:
--   measure                     TEXT   resident; live: blocks of malloc; heap and a name: after collections
--   start_ns                    NS     start of the step; of the first
--   end_ns                      NS     end of it; of the last
--   steps                       COUNT  that have a value, without the first, which is the start
--   floor_bytes                 BYTES  the least in the step; in the first after the start
--   last_floor_bytes            BYTES  the least in the last step
--   trend_bytes_per_hour        RATE   slope of a line through the floors, by least squares; empty:
--                                      fewer than 4 steps
--   trend_bytes_per_hour_low    RATE   95 %, by Student's t
--   trend_bytes_per_hour_high   RATE
--   verdict                     TEXT   rises: the interval is above 0, and more than 1 % of the floor over
--                                      the run; falls; stable; short: fewer than 4 steps
--   sentence                    PROSE  the same in words
-- Table:    measure start_ns end_ns steps floor_bytes last_floor_bytes trend_bytes_per_hour verdict
-- Empty:    nothing was read during this run
-- Caveat:   a floor that rises may be a cache that fills; leaks and classes say what rises.
WITH chosen AS (
    SELECT id, duration_ns,
           CASE
               WHEN CAST($3 AS BIGINT) > 0 THEN CAST($3 AS BIGINT) * 60000000000
               WHEN duration_ns >= 28800000000000 THEN 3600000000000
               WHEN duration_ns >= 8 THEN (duration_ns + 7) / 8
               ELSE 1
           END AS step_ns
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
reading (place, measure, step, value) AS (
    SELECT 1, 'resident', p.time_ns / c.step_ns, p.rss_bytes * 1.0
      FROM process_tick p
      JOIN chosen c ON c.id = p.run_id
     WHERE p.rss_bytes IS NOT NULL
     UNION ALL
    SELECT 2, 'live', t.start_ns / c.step_ns, t.live_bytes
      FROM timeline t
      JOIN chosen c ON c.id = t.run_id
     UNION ALL
    SELECT 2 + h.number, 'heap ' || h.name, g.end_ns / c.step_ns, g.used_after_bytes * 1.0
      FROM gc g
      JOIN chosen c ON c.id = g.run_id
      JOIN heap h ON h.id = g.heap_id
     WHERE g.used_after_bytes IS NOT NULL
       AND g.end_ns IS NOT NULL
),
-- the end of a run that is not a whole step belongs to the step before
floor_of AS (
    SELECT r.place, r.measure,
           CASE
               WHEN r.step > 0 AND (r.step + 1) * c.step_ns > c.duration_ns + c.step_ns / 2 THEN r.step - 1
               ELSE r.step
           END AS step,
           MIN(r.value) AS floor
      FROM reading r
     CROSS JOIN chosen c
     GROUP BY r.place, r.measure,
              CASE
                  WHEN r.step > 0 AND (r.step + 1) * c.step_ns > c.duration_ns + c.step_ns / 2 THEN r.step - 1
                  ELSE r.step
              END
),
counted AS (
    SELECT f.*, c.step_ns, c.duration_ns,
           (f.step + 0.5) * c.step_ns / 3600000000000.0 AS hours,
           ROW_NUMBER() OVER (PARTITION BY f.place ORDER BY f.step DESC) AS last_place,
           ROW_NUMBER() OVER (PARTITION BY f.place ORDER BY f.step) AS first_place
      FROM floor_of f
     CROSS JOIN chosen c
     WHERE f.step > 0
),
moment AS (
    SELECT place, measure, COUNT(*) AS n,
           AVG(hours) AS hours, AVG(floor) AS floor,
           MIN(step * step_ns) AS start_ns, MAX((step + 1) * step_ns) AS end_ns,
           MAX(duration_ns) AS duration_ns,
           MAX(floor) FILTER (WHERE first_place = 1) AS first_floor,
           MAX(floor) FILTER (WHERE last_place = 1) AS last_floor
      FROM counted
     GROUP BY place, measure
),
squares AS (
    SELECT m.place,
           SUM((c.hours - m.hours) * (c.hours - m.hours)) AS tt,
           SUM((c.hours - m.hours) * (c.floor - m.floor)) AS tf,
           SUM((c.floor - m.floor) * (c.floor - m.floor)) AS ff
      FROM counted c
      JOIN moment m ON m.place = c.place
     GROUP BY m.place
),
-- Student's t for 95 %, by the first terms of Cornish and Fisher's series in 1 / degrees of freedom
sloped AS (
    SELECT m.*,
           CASE WHEN m.n >= 4 THEN q.tf / NULLIF(q.tt, 0) END AS slope,
           CASE
               WHEN m.n >= 4 AND q.tt > 0
               THEN (1.96 + 2.372 / (m.n - 2) + 2.822 / ((m.n - 2) * (m.n - 2))
                        + 2.556 / ((m.n - 2) * (m.n - 2) * (m.n - 2)))
                   * SQRT(CASE WHEN q.ff > q.tf * q.tf / q.tt
                               THEN (q.ff - q.tf * q.tf / q.tt) / (m.n - 2) / q.tt
                               ELSE 0 END)
           END AS around
      FROM moment m
      JOIN squares q ON q.place = m.place
),
judged AS (
    SELECT s.*,
           CASE
               WHEN slope IS NULL THEN 'short'
               WHEN slope - around > 0
                    AND slope * duration_ns / 3600000000000.0 > 0.01 * first_floor THEN 'rises'
               WHEN slope + around < 0
                    AND -slope * duration_ns / 3600000000000.0 > 0.01 * first_floor THEN 'falls'
               ELSE 'stable'
           END AS verdict
      FROM sloped s
)
SELECT j.measure,
       j.start_ns,
       CASE WHEN j.end_ns > j.duration_ns THEN j.duration_ns ELSE j.end_ns END AS end_ns,
       j.n AS steps,
       CAST(ROUND(j.first_floor) AS BIGINT) AS floor_bytes,
       CAST(ROUND(j.last_floor) AS BIGINT) AS last_floor_bytes,
       CAST(ROUND(j.slope) AS BIGINT) AS trend_bytes_per_hour,
       CAST(ROUND(j.slope - j.around) AS BIGINT) AS trend_bytes_per_hour_low,
       CAST(ROUND(j.slope + j.around) AS BIGINT) AS trend_bytes_per_hour_high,
       j.verdict,
       'The floor of '
           || CASE j.measure WHEN 'resident' THEN 'resident memory' WHEN 'live' THEN 'live blocks'
                             ELSE j.measure END
           || CASE j.verdict
                  WHEN 'short' THEN ' cannot be judged: the run is too short.'
                  WHEN 'rises' THEN ' rises from step to step.'
                  WHEN 'falls' THEN ' sinks from step to step.'
                  ELSE ' neither rises nor sinks for certain.'
       END AS sentence
  FROM judged j
 WHERE COALESCE(CAST($2 AS TEXT), 'measure') = 'measure'
 UNION ALL
SELECT c.measure,
       c.step * c.step_ns,
       CASE WHEN (c.step + 1) * c.step_ns > c.duration_ns OR c.last_place = 1
            THEN c.duration_ns ELSE (c.step + 1) * c.step_ns END,
       1,
       CAST(ROUND(c.floor) AS BIGINT),
       CAST(ROUND(c.floor) AS BIGINT),
       NULL,
       NULL,
       NULL,
       NULL,
       NULL
  FROM counted c
 WHERE CAST($2 AS TEXT) = 'step'
 ORDER BY 1, 2
