-- SPDX-License-Identifier: Apache-2.0
-- diff_kept: what appeared from a baseline to an action and was still there after it: candidates for a leak.
--
-- Reads:    run, stack, stack_stat
-- With:     base, action
-- Params:
--   $1 run       ID     the run after the action (default: the first)
--   $2 base-run  ID     the run before it, in base (default: the first)
--   $3 limit     COUNT  rows to show (default: 20)
--   $4 by        TEXT   stack|function: what makes a row (default: stack)
--   $5 changes   TEXT   real|all: all adds what chance explains (default: real)
-- Columns:
--   change             TEXT   kept: beyond chance both times; part: kept, but less than half of it; noise:
--                             chance explains one of the two
--   function           TEXT   innermost function that is not an allocator's
--   base_bytes         BYTES  alive at the end of the baseline
--   base_bytes_low     BYTES
--   base_bytes_high    BYTES
--   action_bytes       BYTES  alive at the end of the action
--   action_bytes_low   BYTES
--   action_bytes_high  BYTES
--   after_bytes        BYTES  alive at the end of what came after
--   after_bytes_low    BYTES
--   after_bytes_high   BYTES
--   kept_bytes         BYTES  after_bytes - base_bytes
--   kept_share         RATIO  of what the action added
--   q                  RATIO  part of false ones to expect among rows as clear as this
--   stack              STACK  of those merged the largest, innermost call first
--   stack_key          KEY    the same for this stack on every machine
--   all_rows           TOTAL  rows before the limit
-- Table:    change function base_bytes action_bytes after_bytes kept_bytes kept_share
-- Footer:   {rows} of {all_rows} sites
-- Empty:    nothing that appeared in the action stayed, beyond what chance explains
-- Caveat:   a cache that the action fills stays, too: do the action twice, and record the second time.
WITH entry AS (
    SELECT 1 AS moment, x.samples, x.bytes, x.bytes_sq, x.bytes_var, s.names_key, s.function, s.text, s.key
      FROM base.run r
      JOIN base.stack_stat x ON x.run_id = r.id AND x.measure = 'live'
      LEFT JOIN base.stack s ON s.id = x.stack_id
     WHERE r.id = COALESCE(CAST($2 AS BIGINT), (SELECT MIN(id) FROM base.run))
     UNION ALL
    SELECT 2, x.samples, x.bytes, x.bytes_sq, x.bytes_var, s.names_key, s.function, s.text, s.key
      FROM action.run r
      JOIN action.stack_stat x ON x.run_id = r.id AND x.measure = 'live'
      LEFT JOIN action.stack s ON s.id = x.stack_id
     WHERE r.id = (SELECT MIN(id) FROM action.run)
     UNION ALL
    SELECT 3, x.samples, x.bytes, x.bytes_sq, x.bytes_var, s.names_key, s.function, s.text, s.key
      FROM run r
      JOIN stack_stat x ON x.run_id = r.id AND x.measure = 'live'
      LEFT JOIN stack s ON s.id = x.stack_id
     WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
identified AS (
    SELECT e.*,
           CASE COALESCE(CAST($4 AS TEXT), 'stack') WHEN 'function' THEN COALESCE(function, '?')
               ELSE COALESCE(names_key, '') END AS identity
      FROM entry e
),
placed AS (
    SELECT i.*, ROW_NUMBER() OVER (PARTITION BY identity ORDER BY moment DESC, bytes DESC, key) AS place
      FROM identified i
),
summed AS (
    SELECT identity, MAX(CASE WHEN place = 1 THEN COALESCE(function, '?') END) AS function,
           MAX(CASE WHEN place = 1 THEN text END) AS stack, MAX(CASE WHEN place = 1 THEN key END) AS stack_key,
           SUM(CASE moment WHEN 1 THEN bytes ELSE 0.0 END) AS x1, SUM(CASE moment WHEN 1 THEN bytes_sq ELSE 0.0 END) AS sq1,
           SUM(CASE moment WHEN 1 THEN bytes_var ELSE 0.0 END) AS var1,
           SUM(CASE moment WHEN 2 THEN bytes ELSE 0.0 END) AS x2, SUM(CASE moment WHEN 2 THEN bytes_sq ELSE 0.0 END) AS sq2,
           SUM(CASE moment WHEN 2 THEN bytes_var ELSE 0.0 END) AS var2,
           SUM(CASE moment WHEN 3 THEN bytes ELSE 0.0 END) AS x3, SUM(CASE moment WHEN 3 THEN bytes_sq ELSE 0.0 END) AS sq3,
           SUM(CASE moment WHEN 3 THEN bytes_var ELSE 0.0 END) AS var3
      FROM placed
     GROUP BY identity
),
-- from the baseline to the action, and to what came after
step AS (
    SELECT s.*, t.step, x1 AS was, sq1 AS was_sq, var1 AS was_var,
           CASE t.step WHEN 2 THEN x2 ELSE x3 END AS now, CASE t.step WHEN 2 THEN sq2 ELSE sq3 END AS now_sq,
           CASE t.step WHEN 2 THEN var2 ELSE var3 END AS now_var,
           (SELECT SUM(bytes_sq) / SUM(bytes) FROM entry WHERE moment = 1)
               / (SELECT SUM(bytes_sq) / SUM(bytes) FROM entry WHERE moment = t.step) AS coarser
      FROM summed s
     CROSS JOIN (SELECT 2 AS step UNION ALL SELECT 3) t
     WHERE x2 > 0 AND x3 > 0
),
-- the same test as diff's
weighed AS (
    SELECT s.*, now / (now_sq / now) AS now_n,
           CASE WHEN was > 0 THEN was / (was_sq / was) ELSE 0.0 END AS was_n,
           now_sq / now AS now_weight,
           CASE WHEN was > 0 THEN was_sq / was ELSE now_sq / now * COALESCE(coarser, 1.0) END AS was_weight,
           SQRT((was_var + now_var) / (was_sq + now_sq)) AS spread
      FROM step s
),
expected AS (
    SELECT w.*, (was_n + now_n) * was_weight / (was_weight + now_weight) AS now_expected,
           (was_n + now_n) * now_weight / (was_weight + now_weight) AS was_expected
      FROM weighed w
),
scored AS (
    SELECT e.*,
           CASE
               WHEN now_n - now_expected <= 0.5 AND spread >= 0.000001 THEN 0.0
               WHEN spread < 0.000001 THEN CASE WHEN now > was * 1.000000001 THEN 37.0 ELSE 0.0 END
               ELSE SQRT(ABS(2 * ((now_n - 0.5) * LN((now_n - 0.5) / now_expected)
                   + (was_n + 0.5) * LN((was_n + 0.5) / was_expected)))) / spread
           END AS size
      FROM expected e
),
judged AS (
    SELECT s.*,
           MIN(CASE WHEN size > 37 THEN 37.0 ELSE size END) OVER same AS z,
           CASE WHEN MIN(was_n + now_n) OVER same >= 6 OR MAX(spread) OVER same < 0.000001 THEN 1 ELSE 0 END AS testable
      FROM scored s
    WINDOW same AS (PARTITION BY identity)
),
tailed AS MATERIALIZED (
    SELECT j.*,
           CASE
               WHEN testable = 0 THEN NULL
               WHEN z > 0.1 THEN (1 - EXP(-1.4 * z)) * EXP(-z * z / 2) / (1.135 * 2.5066282746 * z)
               ELSE 1.0
           END AS p
      FROM judged j
     WHERE step = 3
),
counted AS (
    SELECT t.*, COUNT(p) OVER () AS compared, ROW_NUMBER() OVER (ORDER BY testable DESC, p, identity) AS p_place
      FROM tailed t
),
controlled AS (
    SELECT k.*, MIN(p * compared / p_place) OVER (ORDER BY p_place DESC ROWS UNBOUNDED PRECEDING) AS q
      FROM counted k
),
decided AS MATERIALIZED (
    SELECT k.*,
           CASE
               WHEN testable = 0 OR q > 0.01 THEN 'noise'
               WHEN (x3 - x1) * 2 < x2 - x1 THEN 'part'
               ELSE 'kept'
           END AS change,
           CASE WHEN sq1 > 0 THEN x1 * x1 / sq1 ELSE 1.0 END AS n1, CASE WHEN sq1 > 0 THEN SQRT(var1 / sq1) ELSE 0.0 END AS s1,
           x2 * x2 / sq2 AS n2, SQRT(var2 / sq2) AS s2, x3 * x3 / sq3 AS n3, SQRT(var3 / sq3) AS s3
      FROM controlled k
),
ranked AS (
    SELECT d.*, COUNT(*) OVER () AS all_rows,
           ROW_NUMBER() OVER (
               ORDER BY CASE change WHEN 'kept' THEN 1 WHEN 'part' THEN 2 ELSE 3 END, x3 - x1 DESC, identity
           ) AS place
      FROM decided d
     WHERE COALESCE(CAST($5 AS TEXT), 'real') = 'all'
        OR change <> 'noise'
)
SELECT change, function,
       CAST(ROUND(x1) AS BIGINT) AS base_bytes,
       CAST(ROUND(x1 * (1 - (1 - POWER(1 - 1 / (9 * n1) - 1.96 / (3 * SQRT(n1)), 3)) * s1)) AS BIGINT) AS base_bytes_low,
       CAST(ROUND(CASE WHEN x1 > 0
                       THEN x1 * (1 + ((n1 + 1) / n1 * POWER(1 - 1 / (9 * (n1 + 1)) + 1.96 / (3 * SQRT(n1 + 1)), 3) - 1) * s1)
                       ELSE 3.689 * was_weight * s3 END) AS BIGINT) AS base_bytes_high,
       CAST(ROUND(x2) AS BIGINT) AS action_bytes,
       CAST(ROUND(x2 * (1 - (1 - POWER(1 - 1 / (9 * n2) - 1.96 / (3 * SQRT(n2)), 3)) * s2)) AS BIGINT) AS action_bytes_low,
       CAST(ROUND(x2 * (1 + ((n2 + 1) / n2 * POWER(1 - 1 / (9 * (n2 + 1)) + 1.96 / (3 * SQRT(n2 + 1)), 3) - 1) * s2))
           AS BIGINT) AS action_bytes_high,
       CAST(ROUND(x3) AS BIGINT) AS after_bytes,
       CAST(ROUND(x3 * (1 - (1 - POWER(1 - 1 / (9 * n3) - 1.96 / (3 * SQRT(n3)), 3)) * s3)) AS BIGINT) AS after_bytes_low,
       CAST(ROUND(x3 * (1 + ((n3 + 1) / n3 * POWER(1 - 1 / (9 * (n3 + 1)) + 1.96 / (3 * SQRT(n3 + 1)), 3) - 1) * s3))
           AS BIGINT) AS after_bytes_high,
       CAST(ROUND(x3 - x1) AS BIGINT) AS kept_bytes,
       CAST(ROUND(CAST((x3 - x1) / NULLIF(x2 - x1, 0) AS NUMERIC), 4) AS DOUBLE PRECISION) AS kept_share,
       CAST(ROUND(CAST(q AS NUMERIC), 6) AS DOUBLE PRECISION) AS q,
       stack, stack_key, all_rows
  FROM ranked
 WHERE place <= COALESCE(CAST($3 AS BIGINT), 20)
 ORDER BY place
