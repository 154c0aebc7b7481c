-- SPDX-License-Identifier: Apache-2.0
-- diff_work: what counts as equal work of two runs, and how much of it each did.
--
-- Reads:    run, work, work_end
-- With:     base
-- Params:
--   $1 run        ID    the later run's id (default: the first)
--   $2 base-run   ID    the earlier run's, in base (default: the first)
--   $3 per        TEXT  auto|frame|span|eval|gc|second|run: the unit (default: auto, the first of frame,
--                       span and eval of which both ran 10; else second)
-- Columns:
--   unit        TEXT   frame: of the first stream; span, eval: that run in no other; gc, second, run
--   was_units   COUNT  what the earlier run did of it
--   now_units   COUNT  what the later run did
--   was_cut_ns  NS     when the earlier run had done as much as the later one; empty: it never did more
--   now_cut_ns  NS     when the later run had done as much as the earlier one
--   doubtful    COUNT  1: nobody asked for seconds and nothing better is told, so a change counts
--                      only where it shows by second and by run
-- Caveat:   collections are never chosen by themselves: there are more of them when more is allocated.
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
)
SELECT unit,
       CAST(ROUND(CAST(was_units AS NUMERIC), 3) AS DOUBLE PRECISION) AS was_units,
       CAST(ROUND(CAST(now_units AS NUMERIC), 3) AS DOUBLE PRECISION) AS now_units,
       was_cut_ns,
       now_cut_ns,
       doubtful
  FROM cut
