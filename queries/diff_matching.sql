-- SPDX-License-Identifier: Apache-2.0
-- diff_matching: how the stacks of two runs were matched, and how much of what they allocated.
--
-- Reads:    run, stack, stack_stat
-- With:     base
-- Params:
--   $1 run       ID  the later run's id (default: the first)
--   $2 base-run  ID  the earlier run's, in base (default: the first)
-- Columns:
--   matched    TEXT   key: the same code; names: the same functions, in a renamed or rebuilt program;
--                     function: what is left of a site in both; none: of a site that only one has
--   was_share  RATIO  of what the earlier run allocated
--   now_share  RATIO  of what the later run allocated
--   was_stacks COUNT  of the earlier run
--   now_stacks COUNT  of the later run
-- Caveat:   a rebuilt program without symbols has other places and no names: nothing of it matches.
WITH chosen AS (
    SELECT n.id AS now_id, w.id AS was_id
      FROM run n
      JOIN base.run w ON w.id = COALESCE(CAST($2 AS BIGINT), (SELECT MIN(id) FROM base.run))
     WHERE n.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
entry AS (
    SELECT 0 AS later, x.bytes, COALESCE(s.key, '') AS key, COALESCE(s.names_key, '') AS names_key,
           COALESCE(s.function, '?') AS function
      FROM chosen c
      JOIN base.stack_stat x ON x.run_id = c.was_id AND x.measure = 'allocated'
      LEFT JOIN base.stack s ON s.id = x.stack_id
     UNION ALL
    SELECT 1, x.bytes, COALESCE(s.key, ''), COALESCE(s.names_key, ''), COALESCE(s.function, '?')
      FROM chosen c
      JOIN stack_stat x ON x.run_id = c.now_id AND x.measure = 'allocated'
      LEFT JOIN stack s ON s.id = x.stack_id
),
keyed AS (
    SELECT e.*, MAX(later) OVER same - MIN(later) OVER same AS by_key
      FROM entry e
    WINDOW same AS (PARTITION BY key)
),
named AS (
    SELECT k.*, CASE WHEN by_key = 0 THEN MAX(later) OVER same - MIN(later) OVER same ELSE 0 END AS by_names
      FROM keyed k
    WINDOW same AS (PARTITION BY by_key, names_key)
),
sited AS (
    SELECT n.*,
           CASE WHEN by_key + by_names = 0 THEN MAX(later) OVER same - MIN(later) OVER same ELSE 0 END AS by_function
      FROM named n
    WINDOW same AS (PARTITION BY by_key + by_names, function)
),
matching AS (
    SELECT s.*,
           CASE
               WHEN by_key = 1 THEN 'key'
               WHEN by_names = 1 THEN 'names'
               WHEN by_function = 1 THEN 'function'
               ELSE 'none'
           END AS matched
      FROM sited s
),
level (matched, place) AS (
    SELECT 'key', 1 UNION ALL SELECT 'names', 2 UNION ALL SELECT 'function', 3 UNION ALL SELECT 'none', 4
),
total AS (
    SELECT SUM(CASE WHEN later = 0 THEN bytes END) AS was_bytes, SUM(CASE WHEN later = 1 THEN bytes END) AS now_bytes
      FROM entry
)
SELECT l.matched,
       CAST(ROUND(CAST(COALESCE(SUM(CASE WHEN m.later = 0 THEN m.bytes END), 0) / NULLIF(t.was_bytes, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS was_share,
       CAST(ROUND(CAST(COALESCE(SUM(CASE WHEN m.later = 1 THEN m.bytes END), 0) / NULLIF(t.now_bytes, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS now_share,
       COUNT(CASE WHEN m.later = 0 THEN 1 END) AS was_stacks,
       COUNT(CASE WHEN m.later = 1 THEN 1 END) AS now_stacks
  FROM level l
 CROSS JOIN total t
  LEFT JOIN matching m ON m.matched = l.matched
 GROUP BY l.matched, l.place, t.was_bytes, t.now_bytes
 ORDER BY l.place
