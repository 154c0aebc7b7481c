-- SPDX-License-Identifier: Apache-2.0
-- diff_within: what was allocated between two moments of one run, and what of it stayed.
--
-- Reads:    run, sample, stack
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 from   NS     the first moment, since the start of the run (default: its start)
--   $3 to     NS     the second (default: the end of the run)
--   $4 after  NS     when it is looked at what stayed (default: the end of the run)
--   $5 limit  COUNT  rows to show (default: 20)
--   $6 by     TEXT   stack|function: what makes a row (default: stack)
-- Columns:
--   function         TEXT   innermost function that is not an allocator's
--   stayed_bytes     BYTES  allocated between the two moments and alive afterwards
--   stayed_bytes_low BYTES
--   stayed_bytes_high BYTES
--   stayed_share     RATIO  of what the site allocated between them
--   appeared_bytes   BYTES  allocated between them and alive at the second
--   allocated_bytes  BYTES  allocated between them
--   freed_bytes      BYTES  of what was alive at the first moment, freed until the second
--   samples          COUNT  that stayed
--   stack            STACK  innermost call first; by function: the largest
--   stack_key        KEY    the same for this stack on every machine
--   all_rows         TOTAL  rows before the limit
--   all_stayed_bytes TOTAL  stayed_bytes of these
-- Table:    function stayed_bytes stayed_share appeared_bytes allocated_bytes freed_bytes
-- Footer:   {rows} of {all_rows} sites: {share stayed_bytes} of {all_stayed_bytes} that stayed
-- Empty:    nothing that was allocated in between stayed
-- Caveat:   what stayed is what a leak leaves, and what a cache keeps; leaks says which.
WITH chosen AS (
    SELECT id,
           COALESCE(CAST($2 AS BIGINT), 0) AS from_ns,
           COALESCE(CAST($3 AS BIGINT), duration_ns) AS to_ns,
           COALESCE(CAST($4 AS BIGINT), duration_ns) AS after_ns
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
-- what stayed, by stacks: few of all that was allocated
stayed AS (
    SELECT COALESCE(x.stack_id, 0) AS stack_id, COUNT(*) AS samples,
           SUM(x.weight * x.size_bytes) AS bytes,
           SUM(x.weight * x.size_bytes * x.weight * x.size_bytes) AS bytes_sq,
           SUM(x.weight * x.size_bytes * x.weight * x.size_bytes * (1 - 1 / x.weight)) AS bytes_var
      FROM sample x
     CROSS JOIN chosen c
     WHERE x.run_id = c.id
       AND x.birth_ns >= c.from_ns
       AND x.birth_ns < c.to_ns
       AND (x.death_ns IS NULL OR (x.death_ns > c.to_ns AND x.death_ns > c.after_ns))
     GROUP BY COALESCE(x.stack_id, 0)
),
placed AS (
    SELECT t.*, COALESCE(s.function, '?') AS function, s.text, s.key,
           CASE COALESCE(CAST($6 AS TEXT), 'stack') WHEN 'function' THEN COALESCE(s.function, '?')
               ELSE CAST(t.stack_id AS TEXT) END AS identity
      FROM stayed t
      LEFT JOIN stack s ON s.id = t.stack_id
),
largest AS (
    SELECT p.*, ROW_NUMBER() OVER (PARTITION BY identity ORDER BY bytes DESC, stack_id) AS place
      FROM placed p
),
summed AS (
    SELECT identity, MIN(stack_id) AS stack_id, MAX(CASE WHEN place = 1 THEN function END) AS function,
           MAX(CASE WHEN place = 1 THEN text END) AS stack, MAX(CASE WHEN place = 1 THEN key END) AS stack_key,
           SUM(samples) AS samples, SUM(bytes) AS stayed, SUM(bytes_sq) AS stayed_sq, SUM(bytes_var) AS stayed_var
      FROM largest
     GROUP BY identity
    HAVING SUM(bytes) > 0
),
ranked AS (
    SELECT s.*, COUNT(*) OVER () AS all_rows, SUM(stayed) OVER () AS all_stayed,
           ROW_NUMBER() OVER (ORDER BY stayed DESC, identity) AS place
      FROM summed s
),
shown AS MATERIALIZED (
    SELECT *
      FROM ranked
     WHERE place <= COALESCE(CAST($5 AS BIGINT), 20)
),
-- all stacks of the rows to show
member AS (
    SELECT stack_id
      FROM shown
     UNION
    SELECT s.id
      FROM stack s
     WHERE COALESCE(CAST($6 AS TEXT), 'stack') = 'function'
       AND s.function IN (SELECT function FROM shown)
),
-- what else they allocated and freed in between
flow AS (
    SELECT COALESCE(x.stack_id, 0) AS stack_id,
           SUM(CASE WHEN x.birth_ns >= c.from_ns AND (x.death_ns IS NULL OR x.death_ns > c.to_ns)
                    THEN x.weight * x.size_bytes ELSE 0.0 END) AS appeared,
           SUM(CASE WHEN x.birth_ns >= c.from_ns THEN x.weight * x.size_bytes ELSE 0.0 END) AS allocated,
           SUM(CASE WHEN x.birth_ns < c.from_ns AND x.death_ns <= c.to_ns
                    THEN x.weight * x.size_bytes ELSE 0.0 END) AS freed
      FROM sample x
     CROSS JOIN chosen c
     WHERE x.run_id = c.id
       AND x.birth_ns < c.to_ns
       AND (x.death_ns IS NULL OR x.death_ns > c.from_ns)
       AND COALESCE(x.stack_id, 0) IN (SELECT stack_id FROM member)
     GROUP BY COALESCE(x.stack_id, 0)
),
part AS (
    SELECT identity, place, function, stack, stack_key, samples, stayed, stayed_sq, stayed_var, all_rows, all_stayed,
           0.0 AS appeared, 0.0 AS allocated, 0.0 AS freed
      FROM shown
     UNION ALL
    SELECT CASE COALESCE(CAST($6 AS TEXT), 'stack') WHEN 'function' THEN COALESCE(s.function, '?')
               ELSE CAST(f.stack_id AS TEXT) END,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, f.appeared, f.allocated, f.freed
      FROM flow f
      LEFT JOIN stack s ON s.id = f.stack_id
),
whole AS (
    SELECT MAX(place) AS place, MAX(function) AS function, MAX(stack) AS stack, MAX(stack_key) AS stack_key,
           MAX(samples) AS samples, MAX(stayed) AS stayed, MAX(all_rows) AS all_rows, MAX(all_stayed) AS all_stayed,
           MAX(stayed) * MAX(stayed) / MAX(stayed_sq) AS n, SQRT(MAX(stayed_var) / MAX(stayed_sq)) AS spread,
           SUM(appeared) AS appeared, SUM(allocated) AS allocated, SUM(freed) AS freed
      FROM part
     GROUP BY identity
)
SELECT function,
       CAST(ROUND(stayed) AS BIGINT) AS stayed_bytes,
       CAST(ROUND(stayed * (1 - (1 - POWER(1 - 1 / (9 * n) - 1.96 / (3 * SQRT(n)), 3)) * spread)) AS BIGINT)
           AS stayed_bytes_low,
       CAST(ROUND(stayed * (1 + ((n + 1) / n * POWER(1 - 1 / (9 * (n + 1)) + 1.96 / (3 * SQRT(n + 1)), 3) - 1) * spread))
           AS BIGINT) AS stayed_bytes_high,
       CAST(ROUND(CAST(stayed / NULLIF(allocated, 0) AS NUMERIC), 4) AS DOUBLE PRECISION) AS stayed_share,
       CAST(ROUND(appeared) AS BIGINT) AS appeared_bytes,
       CAST(ROUND(allocated) AS BIGINT) AS allocated_bytes,
       CAST(ROUND(freed) AS BIGINT) AS freed_bytes,
       CAST(samples AS BIGINT) AS samples,
       stack, stack_key, all_rows,
       CAST(ROUND(all_stayed) AS BIGINT) AS all_stayed_bytes
  FROM whole
 ORDER BY place
