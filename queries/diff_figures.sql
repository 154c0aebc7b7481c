-- SPDX-License-Identifier: Apache-2.0
-- diff_figures: the figures of two runs side by side, and which changed by more than chance.
--
-- Reads:    run, work, work_end, timeline, process_tick, figure
-- With:     base
-- Params:
--   $1 run        ID     the later run's id (default: the first)
--   $2 base-run   ID     the earlier run's, in base (default: the first)
--   $3 per        TEXT   auto|frame|span|eval|gc|second|run: what counts as equal work (default: auto,
--                        the first of frame, span and eval of which both ran 10; else second)
--   $4 tolerance  COUNT  parts in a hundred that a figure may change; the resident set 1 MiB more
--                        (default: 5)
--   $5 changes    TEXT   main|real|all: main adds what one looks at first (default: main)
-- Columns:
--   name         TEXT   as in figures
--   change       TEXT   more, less: beyond chance and the tolerance; same: within the tolerance; noise:
--                       chance explains it; timing: a time that changed, which another machine or
--                       moment may explain; new, gone: only one run tells it; empty: not judged
--   was          MIXED  in the earlier run; what was allocated per unit of work: by equal work
--   was_low      MIXED  95 % interval; empty: cannot be told
--   was_high     MIXED
--   now          MIXED  in the later run
--   now_low      MIXED
--   now_high     MIXED
--   ratio_change RATIO  (now - was) / was; empty: was is 0
--   unit         UNIT   bytes, count, ns, ratio, bytes_per_second, bytes_per_hour
--   per          TEXT   what it is counted by; empty: of the run
--   work         TEXT   frame, span, eval, gc, second, run: what counted as equal work
--   was_work     COUNT  units of it, in the earlier run
--   now_work     COUNT  in the later run
-- Table:    name change was now ratio_change
-- Empty:    no figure changed by more than chance and the tolerance explain
-- Caveat:   an exact figure is exact for its run; another run of the same program may have another.
WITH chosen AS (
    SELECT n.id AS now_id, w.id AS was_id,
           n.duration_ns AS now_ns, w.duration_ns AS was_ns,
           n.bucket_ns AS now_bucket_ns, w.bucket_ns AS was_bucket_ns
      FROM run n
      JOIN base.run w
        ON w.id = COALESCE(CAST($2 AS BIGINT), (SELECT MIN(id) FROM base.run))
     WHERE n.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
offered AS (
    SELECT n.unit, w.units AS was_units, n.units AS now_units,
           CASE n.unit WHEN 'frame' THEN 1 WHEN 'span' THEN 2 WHEN 'eval' THEN 3 ELSE 4 END AS place
      FROM chosen c
      JOIN work n ON n.run_id = c.now_id
      JOIN base.work w ON w.run_id = c.was_id AND w.unit = n.unit
     WHERE CASE COALESCE(CAST($3 AS TEXT), 'auto')
               WHEN 'auto' THEN n.unit = 'second'
                             OR (n.unit <> 'gc' AND w.units >= 10 AND n.units >= 10)
               ELSE n.unit = CAST($3 AS TEXT)
           END
),
-- without a unit that was asked for, seconds may be work or may be waiting: then a change must show both ways
unit AS (
    SELECT c.*,
           COALESCE(o.unit, 'run') AS unit,
           COALESCE(o.was_units, 1) AS was_units,
           COALESCE(o.now_units, 1) AS now_units,
           CASE WHEN o.unit = 'second' AND COALESCE(CAST($3 AS TEXT), 'auto') = 'auto' THEN 1 ELSE 0 END
               AS doubtful
      FROM chosen c
      LEFT JOIN (SELECT * FROM offered ORDER BY place LIMIT 1) o ON TRUE
),
-- when the longer run had done as much as the other one; NULL: it is the shorter
cut AS MATERIALIZED (
    SELECT u.*,
           CASE
               WHEN was_units > now_units AND unit = 'second' THEN now_ns
               WHEN was_units > now_units
               THEN (SELECT MAX(e.end_ns)
                       FROM base.work_end e
                      WHERE e.run_id = was_id AND e.unit = u.unit AND e.number <= now_units)
           END AS was_cut_ns,
           CASE
               WHEN now_units > was_units AND unit = 'second' THEN was_ns
               WHEN now_units > was_units
               THEN (SELECT MAX(e.end_ns)
                       FROM work_end e
                      WHERE e.run_id = now_id AND e.unit = u.unit AND e.number <= was_units)
           END AS now_cut_ns
      FROM unit u
),
-- the part of the run's allocations before the cut, as samples tell, and how far it may be off
part AS (
    SELECT later, part, 1.96 * SQRT((part * (1 - part) + 0.25 / n) / n) * spread AS reach
      FROM (
           SELECT later,
                  SUM(alloc_bytes * CASE
                      WHEN cut_ns >= start_ns + bucket_ns THEN 1.0
                      WHEN cut_ns <= start_ns THEN 0.0
                      ELSE (cut_ns - start_ns) * 1.0 / bucket_ns
                  END) / NULLIF(SUM(alloc_bytes), 0) AS part,
                  SUM(alloc_bytes) * SUM(alloc_bytes) / NULLIF(SUM(alloc_bytes_sq), 0) AS n,
                  SQRT(SUM(alloc_bytes_var) / NULLIF(SUM(alloc_bytes_sq), 0)) AS spread
             FROM (
                  SELECT 0 AS later, c.was_cut_ns AS cut_ns, c.was_bucket_ns AS bucket_ns,
                         t.start_ns, t.alloc_bytes, t.alloc_bytes_sq, t.alloc_bytes_var
                    FROM cut c
                    JOIN base.timeline t ON t.run_id = c.was_id
                   WHERE c.was_cut_ns IS NOT NULL
                   UNION ALL
                  SELECT 1, c.now_cut_ns, c.now_bucket_ns, t.start_ns, t.alloc_bytes, t.alloc_bytes_sq, t.alloc_bytes_var
                    FROM cut c
                    JOIN timeline t ON t.run_id = c.now_id
                   WHERE c.now_cut_ns IS NOT NULL
             ) bucket
            GROUP BY later
      ) p
),
-- levels at the cut, beside those of the whole run
was_level AS (
    SELECT (SELECT t.live_bytes FROM base.timeline t
             WHERE t.run_id = c.was_id AND t.start_ns < c.was_cut_ns ORDER BY t.start_ns DESC LIMIT 1)
               / NULLIF((SELECT t.live_bytes FROM base.timeline t
                          WHERE t.run_id = c.was_id ORDER BY t.start_ns DESC LIMIT 1), 0) AS end_live,
           (SELECT MAX(CASE WHEN t.start_ns < c.was_cut_ns THEN t.live_bytes END) / NULLIF(MAX(t.live_bytes), 0)
              FROM base.timeline t WHERE t.run_id = c.was_id) AS peak_live,
           (SELECT k.rss_bytes FROM base.process_tick k
             WHERE k.run_id = c.was_id AND k.time_ns <= c.was_cut_ns AND k.rss_bytes > 0
             ORDER BY k.time_ns DESC LIMIT 1) * 1.0
               / (SELECT k.rss_bytes FROM base.process_tick k
                   WHERE k.run_id = c.was_id AND k.rss_bytes > 0 ORDER BY k.time_ns DESC LIMIT 1) AS end_rss,
           (SELECT MAX(CASE WHEN k.time_ns <= c.was_cut_ns THEN k.rss_bytes END) * 1.0 / NULLIF(MAX(k.rss_bytes), 0)
              FROM base.process_tick k WHERE k.run_id = c.was_id) AS peak_rss
      FROM cut c
     WHERE c.was_cut_ns IS NOT NULL
),
now_level AS (
    SELECT (SELECT t.live_bytes FROM timeline t
             WHERE t.run_id = c.now_id AND t.start_ns < c.now_cut_ns ORDER BY t.start_ns DESC LIMIT 1)
               / NULLIF((SELECT t.live_bytes FROM timeline t
                          WHERE t.run_id = c.now_id ORDER BY t.start_ns DESC LIMIT 1), 0) AS end_live,
           (SELECT MAX(CASE WHEN t.start_ns < c.now_cut_ns THEN t.live_bytes END) / NULLIF(MAX(t.live_bytes), 0)
              FROM timeline t WHERE t.run_id = c.now_id) AS peak_live,
           (SELECT k.rss_bytes FROM process_tick k
             WHERE k.run_id = c.now_id AND k.time_ns <= c.now_cut_ns AND k.rss_bytes > 0
             ORDER BY k.time_ns DESC LIMIT 1) * 1.0
               / (SELECT k.rss_bytes FROM process_tick k
                   WHERE k.run_id = c.now_id AND k.rss_bytes > 0 ORDER BY k.time_ns DESC LIMIT 1) AS end_rss,
           (SELECT MAX(CASE WHEN k.time_ns <= c.now_cut_ns THEN k.rss_bytes END) * 1.0 / NULLIF(MAX(k.rss_bytes), 0)
              FROM process_tick k WHERE k.run_id = c.now_id) AS peak_rss
      FROM cut c
     WHERE c.now_cut_ns IS NOT NULL
),
paired AS (
    SELECT COALESCE(n.name, w.name) AS name, COALESCE(n.unit, w.unit) AS unit, COALESCE(n.per, w.per) AS per,
           w.value AS was, w.low AS was_low, w.high AS was_high,
           n.value AS now, n.low AS now_low, n.high AS now_high
      FROM (SELECT f.* FROM chosen c JOIN figure f ON f.run_id = c.now_id) n
      FULL JOIN (SELECT f.* FROM chosen c JOIN base.figure f ON f.run_id = c.was_id) w
        ON w.name = n.name
),
-- what the longer run allocated until it had done as much work, by unit of it: of the shorter nothing is cut off
scaled AS (
    SELECT p.*, c.unit AS work, c.was_units, c.now_units,
           -- by equal work
           CASE WHEN p.name LIKE 'alloc.bytes_per_%' AND p.per = c.unit AND c.was_cut_ns IS NOT NULL
                THEN a.part * c.was_units / c.now_units ELSE 1.0 END AS was_factor,
           CASE WHEN p.name LIKE 'alloc.bytes_per_%' AND p.per = c.unit AND c.was_cut_ns IS NOT NULL
                THEN a.reach * c.was_units / c.now_units ELSE 0.0 END AS was_reach,
           CASE WHEN p.name LIKE 'alloc.bytes_per_%' AND p.per = c.unit AND c.now_cut_ns IS NOT NULL
                THEN b.part * c.now_units / c.was_units ELSE 1.0 END AS now_factor,
           CASE WHEN p.name LIKE 'alloc.bytes_per_%' AND p.per = c.unit AND c.now_cut_ns IS NOT NULL
                THEN b.reach * c.now_units / c.was_units ELSE 0.0 END AS now_reach,
           c.doubtful,
           -- the other reading: of levels, as they were by equal work; of calls, which cannot be cut, and of seconds in
           -- doubt, that the whole run is the work
           CASE
               WHEN p.name LIKE 'alloc.%' AND p.per = c.unit AND (c.doubtful = 1 OR p.name LIKE 'alloc.calls%')
               THEN c.was_units / c.now_units
               WHEN p.name LIKE 'end.live_%' THEN COALESCE(d.end_live, 1.0)
               WHEN p.name LIKE 'peak.live_%' THEN COALESCE(d.peak_live, 1.0)
               WHEN p.name = 'end.rss_bytes' THEN COALESCE(d.end_rss, 1.0)
               WHEN p.name = 'peak.rss_bytes' THEN COALESCE(d.peak_rss, 1.0)
               ELSE 1.0
           END AS other_was,
           CASE
               WHEN p.name LIKE 'end.live_%' THEN COALESCE(e.end_live, 1.0)
               WHEN p.name LIKE 'peak.live_%' THEN COALESCE(e.peak_live, 1.0)
               WHEN p.name = 'end.rss_bytes' THEN COALESCE(e.end_rss, 1.0)
               WHEN p.name = 'peak.rss_bytes' THEN COALESCE(e.peak_rss, 1.0)
               ELSE 1.0
           END AS other_now,
           CASE
               WHEN p.name LIKE '%.max' OR p.name LIKE '%.max.%' OR p.name LIKE 'recorder.%' THEN 'unjudged'
               WHEN p.unit IN ('ns', 'ratio') THEN 'timing'
               -- of the moment that samples take for the peak of bytes: another one may have as many bytes in half the blocks
               WHEN p.name = 'peak.live_blocks' AND (p.was_low < p.was_high OR p.now_low < p.now_high) THEN 'unjudged'
               WHEN p.name LIKE 'alloc.%'
               THEN CASE WHEN p.per = c.unit OR (c.unit = 'run' AND p.per IS NULL) THEN 'judged' ELSE 'unjudged' END
               -- what a program does of itself; not what is left over, foreseen, a verdict, or counts its work
               WHEN p.name IN ('peak.live_bytes', 'peak.live_blocks', 'end.live_bytes', 'end.live_blocks', 'peak.rss_bytes',
                               'end.rss_bytes')
                   OR p.name LIKE 'frame.%' OR p.name LIKE 'span.bytes%' OR p.name LIKE 'span.alloc_bytes.%'
                   OR p.name LIKE 'eval.alloc_bytes.%' OR p.name LIKE 'pool.%'
               THEN CASE WHEN p.name LIKE '%.count' THEN 'unjudged' ELSE 'judged' END
               ELSE 'unjudged'
           END AS kind
      FROM paired p
     CROSS JOIN cut c
      LEFT JOIN part a ON a.later = 0
      LEFT JOIN part b ON b.later = 1
      LEFT JOIN was_level d ON TRUE
      LEFT JOIN now_level e ON TRUE
),
-- the two readings of a figure
reading AS (
    SELECT name, kind,
           was * was_factor AS was, was_low * (was_factor - was_reach) AS was_low, was_high * (was_factor + was_reach) AS was_high,
           now * now_factor AS now, now_low * (now_factor - now_reach) AS now_low, now_high * (now_factor + now_reach) AS now_high
      FROM scaled
     UNION ALL
    SELECT name, kind, was * other_was, was_low * other_was, was_high * other_was,
           now * other_now, now_low * other_now, now_high * other_now
      FROM scaled
     WHERE other_was <> 1.0
        OR other_now <> 1.0
),
scored AS (
    SELECT r.*,
           now - was AS delta,
           -- what pages of files, stacks and the recorder itself move a resident set by
           CASE WHEN name LIKE '%.rss_bytes' THEN 1048576 ELSE 0 END AS slack,
           -- the bounds that face each other: Zou and Donner, Statistics in Medicine 27 (2008)
           CASE
               WHEN now >= was THEN (now - now_low) * (now - now_low) + (was_high - was) * (was_high - was)
               ELSE (now_high - now) * (now_high - now) + (was - was_low) * (was - was_low)
           END AS reach_sq
      FROM reading r
     WHERE kind <> 'unjudged'
       AND was IS NOT NULL
       AND now IS NOT NULL
),
sized AS (
    SELECT s.*,
           CASE
               WHEN delta = 0 OR reach_sq IS NULL THEN 0.0
               WHEN reach_sq <= 0.000001 * delta * delta THEN 37.0
               ELSE 1.96 * ABS(delta) / SQRT(reach_sq)
           END AS size
      FROM scored s
),
judged AS (
    SELECT name,
           CASE
               WHEN MIN(delta) > 0 OR MAX(delta) < 0
               THEN MIN(CASE WHEN size > 37 THEN 37.0 ELSE size END)
               ELSE 0.0
           END AS z,
           CASE
               WHEN MIN(delta - COALESCE(CAST($4 AS BIGINT), 5) / 100.0 * was - slack) > 0 THEN 'more'
               WHEN MAX(delta + COALESCE(CAST($4 AS BIGINT), 5) / 100.0 * was + slack) < 0 THEN 'less'
               ELSE 'same'
           END AS direction
      FROM sized
     GROUP BY name
),
-- the normal tail: Karagiannidis and Lioumpas, IEEE Communications Letters 11 (2007)
tailed AS (
    SELECT j.*,
           CASE
               WHEN z > 0.1 THEN 2 * (1 - EXP(-1.4 * z)) * EXP(-z * z / 2) / (1.135 * 2.5066282746 * z)
               ELSE 1.0
           END AS p,
           COUNT(*) OVER () AS compared,
           ROW_NUMBER() OVER (ORDER BY z DESC, name) AS p_place
      FROM judged j
),
-- false discoveries: Benjamini and Hochberg (1995)
controlled AS (
    SELECT t.*, MIN(p * compared / p_place) OVER (ORDER BY p_place DESC ROWS UNBOUNDED PRECEDING) AS q
      FROM tailed t
),
decided AS (
    SELECT s.*,
           CASE
               WHEN s.was IS NULL THEN 'new'
               WHEN s.now IS NULL THEN 'gone'
               WHEN k.name IS NULL THEN NULL
               WHEN k.direction = 'same' THEN 'same'
               WHEN k.q > 0.01 THEN 'noise'
               WHEN s.kind = 'timing' THEN 'timing'
               ELSE k.direction
           END AS change
      FROM scaled s
      LEFT JOIN controlled k ON k.name = s.name
),
named AS (
    SELECT d.*,
           -- in doubt, as they are
           CASE doubtful WHEN 1 THEN was ELSE was * was_factor END AS shown_was,
           CASE doubtful WHEN 1 THEN was_low ELSE was_low * (was_factor - was_reach) END AS shown_was_low,
           CASE doubtful WHEN 1 THEN was_high ELSE was_high * (was_factor + was_reach) END AS shown_was_high,
           CASE doubtful WHEN 1 THEN now ELSE now * now_factor END AS shown_now,
           CASE doubtful WHEN 1 THEN now_low ELSE now_low * (now_factor - now_reach) END AS shown_now_low,
           CASE doubtful WHEN 1 THEN now_high ELSE now_high * (now_factor + now_reach) END AS shown_now_high,
           CASE
               WHEN name IN ('peak.live_bytes', 'end.live_bytes', 'peak.rss_bytes', 'alloc.bytes',
                             'leak.count', 'frame.duration_ns.p99', 'frame.alloc_bytes.p99', 'gc.pause_ns.p99',
                             'run.duration_ns')
                   OR name LIKE 'span.bytes.%'
                   OR name IN ('alloc.bytes_per_' || work, 'alloc.calls_per_' || work)
               THEN 1 ELSE 0
           END AS is_main
      FROM decided d
)
SELECT name, change,
       CAST(ROUND(CAST(shown_was AS NUMERIC), 4) AS DOUBLE PRECISION) AS was,
       CAST(ROUND(CAST(shown_was_low AS NUMERIC), 4) AS DOUBLE PRECISION) AS was_low,
       CAST(ROUND(CAST(shown_was_high AS NUMERIC), 4) AS DOUBLE PRECISION) AS was_high,
       CAST(ROUND(CAST(shown_now AS NUMERIC), 4) AS DOUBLE PRECISION) AS now,
       CAST(ROUND(CAST(shown_now_low AS NUMERIC), 4) AS DOUBLE PRECISION) AS now_low,
       CAST(ROUND(CAST(shown_now_high AS NUMERIC), 4) AS DOUBLE PRECISION) AS now_high,
       CAST(ROUND(CAST((shown_now - shown_was) * 1.0 / NULLIF(shown_was, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS ratio_change,
       unit, per, work,
       CAST(ROUND(CAST(was_units AS NUMERIC), 3) AS DOUBLE PRECISION) AS was_work,
       CAST(ROUND(CAST(now_units AS NUMERIC), 3) AS DOUBLE PRECISION) AS now_work
  FROM named
 WHERE CASE COALESCE(CAST($5 AS TEXT), 'main')
           WHEN 'all' THEN TRUE
           WHEN 'real' THEN change IN ('more', 'less')
           ELSE is_main = 1 OR change IN ('more', 'less')
       END
 ORDER BY CASE change WHEN 'more' THEN 1 WHEN 'less' THEN 2 ELSE 3 END, name
