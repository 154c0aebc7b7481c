-- SPDX-License-Identifier: Apache-2.0
-- diff_classes: which classes of managed objects hold more than in an earlier run.
--
-- Reads:    run, heap, class, class_profile, survival_stat
-- With:     base
-- Params:
--   $1 run        ID     the later run's id (default: the first)
--   $2 base-run   ID     the earlier run's, in base (default: the first)
--   $3 limit      COUNT  rows to show (default: 20)
--   $4 tolerance  COUNT  parts in a hundred that a class may change (default: 5)
--   $5 changes    TEXT   real|all: all adds what did not change (default: real)
-- Columns:
--   class         TEXT   its name
--   heap          TEXT   name of the managed heap
--   change        TEXT   grew, new, shrank, gone; same: within the tolerance; noise: chance explains it
--   was_bytes     BYTES  of the earlier run's last profile; without one, alive at its end as samples tell
--   was_bytes_low BYTES
--   was_bytes_high BYTES
--   now_bytes     BYTES  of the later run's
--   now_bytes_low BYTES
--   now_bytes_high BYTES
--   delta_bytes   BYTES  now_bytes - was_bytes
--   was_objects   COUNT  that held them
--   now_objects   COUNT  the same of the later run
--   source        TEXT   profile: as the runtime told; samples
--   all_rows      TOTAL  rows before the limit
-- Table:    class heap change was_bytes now_bytes delta_bytes was_objects now_objects
-- Footer:   {rows} of {all_rows} classes
-- Empty:    no class of managed objects changed, or none is told
-- Caveat:   what classes hold is compared as it is, not by work; diff has the sites by work.
WITH chosen AS (
    SELECT n.id AS now_id, w.id AS was_id
      FROM run n
      JOIN base.run w ON w.id = COALESCE(CAST($2 AS BIGINT), (SELECT MIN(id) FROM base.run))
     WHERE n.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
entry AS (
    SELECT 0 AS later, h.name AS heap, t.name AS class, 'profile' AS source,
           SUM(COALESCE(p.new_bytes, 0) + COALESCE(p.old_bytes, 0)) * 1.0 AS bytes,
           CAST(0 AS DOUBLE PRECISION) AS bytes_sq, CAST(0 AS DOUBLE PRECISION) AS bytes_var,
           SUM(COALESCE(p.new_objects, 0) + COALESCE(p.old_objects, 0)) * 1.0 AS objects
      FROM chosen c
      JOIN base.class_profile p ON p.run_id = c.was_id
      JOIN base.class t ON t.id = p.class_id
      JOIN base.heap h ON h.id = p.heap_id
     WHERE p.profile = (SELECT MAX(l.profile) FROM base.class_profile l WHERE l.run_id = c.was_id AND l.heap_id = p.heap_id)
     GROUP BY h.name, t.name
     UNION ALL
    SELECT 1, h.name, t.name, 'profile',
           SUM(COALESCE(p.new_bytes, 0) + COALESCE(p.old_bytes, 0)) * 1.0, 0, 0,
           SUM(COALESCE(p.new_objects, 0) + COALESCE(p.old_objects, 0)) * 1.0
      FROM chosen c
      JOIN class_profile p ON p.run_id = c.now_id
      JOIN class t ON t.id = p.class_id
      JOIN heap h ON h.id = p.heap_id
     WHERE p.profile = (SELECT MAX(l.profile) FROM class_profile l WHERE l.run_id = c.now_id AND l.heap_id = p.heap_id)
     GROUP BY h.name, t.name
     UNION ALL
    SELECT 0, h.name, t.name, 'samples', SUM(v.bytes), SUM(v.bytes_sq), SUM(v.bytes_var), SUM(v.blocks)
      FROM chosen c
      JOIN base.survival_stat v ON v.run_id = c.was_id
      JOIN base.class t ON t.id = v.class_id
      JOIN base.heap h ON h.id = v.heap_id
     GROUP BY h.name, t.name
     UNION ALL
    SELECT 1, h.name, t.name, 'samples', SUM(v.bytes), SUM(v.bytes_sq), SUM(v.bytes_var), SUM(v.blocks)
      FROM chosen c
      JOIN survival_stat v ON v.run_id = c.now_id
      JOIN class t ON t.id = v.class_id
      JOIN heap h ON h.id = v.heap_id
     GROUP BY h.name, t.name
),
-- what both told by the same source, the runtime before samples
side AS (
    SELECT later, source FROM entry GROUP BY later, source
),
source AS (
    SELECT MIN(source) AS source
      FROM (SELECT source FROM side GROUP BY source HAVING COUNT(*) = 2) s
),
paired AS (
    SELECT heap, class, e.source, MIN(later) AS first_side, MAX(later) AS last_side,
           SUM(CASE later WHEN 0 THEN bytes ELSE 0.0 END) AS was, SUM(CASE later WHEN 1 THEN bytes ELSE 0.0 END) AS now,
           SUM(CASE later WHEN 0 THEN bytes_sq ELSE 0.0 END) AS was_sq,
           SUM(CASE later WHEN 1 THEN bytes_sq ELSE 0.0 END) AS now_sq,
           SUM(CASE later WHEN 0 THEN bytes_var ELSE 0.0 END) AS was_var,
           SUM(CASE later WHEN 1 THEN bytes_var ELSE 0.0 END) AS now_var,
           SUM(CASE later WHEN 0 THEN objects END) AS was_objects, SUM(CASE later WHEN 1 THEN objects END) AS now_objects
      FROM entry e
      JOIN source s ON s.source = e.source
     GROUP BY heap, class, e.source
),
bounded AS MATERIALIZED (
    SELECT p.*,
           CASE WHEN was_sq > 0 THEN was * was / was_sq ELSE 1.0 END AS was_n,
           CASE WHEN now_sq > 0 THEN now * now / now_sq ELSE 1.0 END AS now_n,
           CASE WHEN was_sq > 0 THEN SQRT(was_var / was_sq) ELSE 0.0 END AS was_spread,
           CASE WHEN now_sq > 0 THEN SQRT(now_var / now_sq) ELSE 0.0 END AS now_spread
      FROM paired p
),
ranged AS MATERIALIZED (
    SELECT b.*,
           was * (1 - (1 - POWER(1 - 1 / (9 * was_n) - 1.96 / (3 * SQRT(was_n)), 3)) * was_spread) AS was_low,
           CASE WHEN was > 0
                THEN was * (1 + ((was_n + 1) / was_n * POWER(1 - 1 / (9 * (was_n + 1)) + 1.96 / (3 * SQRT(was_n + 1)), 3)
                    - 1) * was_spread)
                ELSE 3.689 * now_sq / NULLIF(now, 0) * now_spread END AS was_high,
           now * (1 - (1 - POWER(1 - 1 / (9 * now_n) - 1.96 / (3 * SQRT(now_n)), 3)) * now_spread) AS now_low,
           CASE WHEN now > 0
                THEN now * (1 + ((now_n + 1) / now_n * POWER(1 - 1 / (9 * (now_n + 1)) + 1.96 / (3 * SQRT(now_n + 1)), 3)
                    - 1) * now_spread)
                ELSE 3.689 * was_sq / NULLIF(was, 0) * was_spread END AS now_high
      FROM bounded b
),
scored AS (
    SELECT r.*,
           CASE
               WHEN now = was THEN 0.0
               WHEN now > was
               THEN 1.96 * (now - was) / NULLIF(SQRT((now - now_low) * (now - now_low) + (was_high - was) * (was_high - was)), 0)
               ELSE 1.96 * (was - now) / NULLIF(SQRT((now_high - now) * (now_high - now) + (was - was_low) * (was - was_low)), 0)
           END AS size
      FROM ranged r
),
-- the normal tail: Karagiannidis and Lioumpas, IEEE Communications Letters 11 (2007); NULL is exact
tailed AS (
    SELECT s.*,
           CASE
               WHEN size IS NULL OR size > 37 THEN 0.0
               WHEN size > 0.1 THEN 2 * (1 - EXP(-1.4 * size)) * EXP(-size * size / 2) / (1.135 * 2.5066282746 * size)
               ELSE 1.0
           END AS p
      FROM scored s
),
-- family-wise: Bonferroni, as classes are few
decided AS (
    SELECT t.*,
           CASE
               WHEN now = was THEN 'same'
               WHEN p * COUNT(*) OVER () > 0.01 THEN 'noise'
               WHEN ABS(now - was) <= COALESCE(CAST($4 AS BIGINT), 5) / 100.0 * was THEN 'same'
               WHEN first_side = 1 THEN 'new'
               WHEN last_side = 0 THEN 'gone'
               WHEN now > was THEN 'grew'
               ELSE 'shrank'
           END AS change
      FROM tailed t
),
ranked AS (
    SELECT d.*,
           COUNT(*) OVER () AS all_rows,
           ROW_NUMBER() OVER (
               ORDER BY CASE WHEN change IN ('same', 'noise') THEN 2 ELSE 1 END,
                        CASE WHEN now > was THEN 1 ELSE 2 END, ABS(now - was) DESC, class, heap
           ) AS place
      FROM decided d
     WHERE COALESCE(CAST($5 AS TEXT), 'real') = 'all'
        OR change NOT IN ('same', 'noise')
)
SELECT class, heap, change,
       CAST(ROUND(was) AS BIGINT) AS was_bytes,
       CAST(ROUND(was_low) AS BIGINT) AS was_bytes_low,
       CAST(ROUND(was_high) AS BIGINT) AS was_bytes_high,
       CAST(ROUND(now) AS BIGINT) AS now_bytes,
       CAST(ROUND(now_low) AS BIGINT) AS now_bytes_low,
       CAST(ROUND(now_high) AS BIGINT) AS now_bytes_high,
       CAST(ROUND(now - was) AS BIGINT) AS delta_bytes,
       CAST(ROUND(was_objects) AS BIGINT) AS was_objects,
       CAST(ROUND(now_objects) AS BIGINT) AS now_objects,
       source, all_rows
  FROM ranked
 WHERE place <= COALESCE(CAST($3 AS BIGINT), 20)
 ORDER BY place
