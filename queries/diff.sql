-- SPDX-License-Identifier: Apache-2.0
-- diff: which sites allocate or keep more than in an earlier run, by equal work, beyond chance.
--
-- Reads:    run, work, work_end, stack, stack_stat, stack_time
-- With:     base
-- Params:
--   $1 run        ID     the later run's id (default: the first)
--   $2 base-run   ID     the earlier run's, in base (default: the first)
--   $3 limit      COUNT  rows of each measure to show (default: 20)
--   $4 by         TEXT   auto|stack|caller|function: what makes a row; auto: stacks, and what only
--                        many stacks together show by caller or function (default: auto)
--   $5 per        TEXT   auto|frame|span|eval|gc|second|run: what counts as equal work (default:
--                        auto, the first of frame, span and eval of which both ran 10; else second)
--   $6 tolerance  COUNT  parts in a hundred that a site may change (default: 5)
--   $7 changes    TEXT   real|all: all adds what changed no more than chance or the tolerance
--                        explain (default: real)
--   $8 measure    TEXT   both|allocated|live|peak (default: both, allocated and live)
-- Columns:
--   measure           GROUP  alive at the end, alive at the peak, allocated
--   change            TEXT   grew, new, shrank, gone; same: within the tolerance; noise: chance explains it
--   function          TEXT   innermost function that is not an allocator's
--   was_bytes         BYTES  in the earlier run; allocated: until it had done as much work as the other,
--                            when the unit is certain
--   was_bytes_low     BYTES
--   was_bytes_high    BYTES
--   now_bytes         BYTES  in the later run, likewise
--   now_bytes_low     BYTES
--   now_bytes_high    BYTES
--   delta_bytes       BYTES  now_bytes - was_bytes
--   delta_bytes_low   BYTES
--   delta_bytes_high  BYTES
--   per_unit_bytes    BYTES  what changed for each unit of work; empty: no unit is certain
--   unit              TEXT   frame, span, eval, gc, second, run
--   was_samples       COUNT  of the earlier run, of all its work
--   now_samples       COUNT  of the later run
--   stacks            COUNT  merged here, of both runs
--   matched           TEXT   key: the same code; names: the same functions, in a renamed or rebuilt
--                            program; function, caller: all stacks of it; none: only one run has it
--   q                 RATIO  part of false ones to expect among changes as clear as this
--   stack             STACK  of those merged the largest, innermost call first
--   stack_key         KEY    the same for this stack on every machine
--   all_rows          TOTAL  rows before the limit
--   compared          TOTAL  comparisons made
-- Table:    measure change function was_bytes now_bytes delta_bytes per_unit_bytes matched
-- Footer:   {rows} of {all_rows} changes, found by {compared} comparisons
-- Empty:    no site changed by more than chance and the tolerance explain
-- Caveat:   two runs of a program that does not repeat itself differ, and that is no chance of sampling.
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
     WHERE CASE COALESCE(CAST($5 AS TEXT), 'auto')
               WHEN 'auto' THEN n.unit = 'second'
                             OR (n.unit <> 'gc' AND w.units >= 10 AND n.units >= 10)
               ELSE n.unit = CAST($5 AS TEXT)
           END
),
-- without a unit that was asked for, seconds may be work or may be waiting: then a change must show both ways
unit AS (
    SELECT c.*,
           COALESCE(o.unit, 'run') AS unit,
           COALESCE(o.was_units, 1) AS was_units,
           COALESCE(o.now_units, 1) AS now_units,
           CASE WHEN o.unit = 'second' AND COALESCE(CAST($5 AS TEXT), 'auto') = 'auto' THEN 1 ELSE 0 END
               AS doubtful
      FROM chosen c
      LEFT JOIN (SELECT * FROM offered ORDER BY place LIMIT 1) o ON TRUE
),
-- when the longer run had done as much as the other one; NULL: it is the shorter
cut_at AS (
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
-- and the time bucket it lies in, with the part of that which lies behind it
cut AS MATERIALIZED (
    SELECT c.*,
           was_cut_ns / was_bucket_ns AS was_bucket,
           1.0 - (was_cut_ns - was_cut_ns / was_bucket_ns * was_bucket_ns) * 1.0 / was_bucket_ns AS was_share,
           now_cut_ns / now_bucket_ns AS now_bucket,
           1.0 - (now_cut_ns - now_cut_ns / now_bucket_ns * now_bucket_ns) * 1.0 / now_bucket_ns AS now_share
      FROM cut_at c
),
wanted (measure) AS (
    SELECT m.measure
      FROM (SELECT 'allocated' AS measure UNION ALL SELECT 'live' UNION ALL SELECT 'peak') m
     WHERE CASE COALESCE(CAST($8 AS TEXT), 'both')
               WHEN 'both' THEN m.measure <> 'peak'
               ELSE m.measure = CAST($8 AS TEXT)
           END
),
-- the stacks of both, the same code in one row
keyed AS (
    SELECT key, MAX(names_key) AS names_key,
           MAX(CASE later WHEN 0 THEN stack_id END) AS was_stack, MAX(CASE later WHEN 1 THEN stack_id END) AS now_stack,
           MAX(CASE later WHEN 0 THEN function END) AS was_function, MAX(CASE later WHEN 1 THEN function END) AS now_function,
           MAX(CASE later WHEN 0 THEN caller END) AS was_caller, MAX(CASE later WHEN 1 THEN caller END) AS now_caller
      FROM (SELECT 0 AS later, x.stack_id, COALESCE(s.key, '') AS key, COALESCE(s.names_key, '') AS names_key,
                   COALESCE(s.function, '?') AS function, COALESCE(s.caller, '') AS caller
              FROM cut c
              JOIN base.stack_stat x ON x.run_id = c.was_id AND x.measure = 'allocated' AND x.bytes > 0
              LEFT JOIN base.stack s ON s.id = x.stack_id
             UNION ALL
            SELECT 1, x.stack_id, COALESCE(s.key, ''), COALESCE(s.names_key, ''),
                   COALESCE(s.function, '?'), COALESCE(s.caller, '')
              FROM cut c
              JOIN stack_stat x ON x.run_id = c.now_id AND x.measure = 'allocated' AND x.bytes > 0
              LEFT JOIN stack s ON s.id = x.stack_id) e
     GROUP BY key
),
-- of those that one run has, the same functions
alike AS MATERIALIZED (
    SELECT names_key, MIN(now_stack) AS now_stack, MAX(now_function) AS function, MAX(now_caller) AS caller
      FROM keyed
     WHERE was_stack IS NULL
        OR now_stack IS NULL
     GROUP BY names_key
    HAVING COUNT(was_stack) > 0
       AND COUNT(now_stack) > 0
),
matched AS MATERIALIZED (
    SELECT k.was_stack, k.now_stack,
           CASE
               WHEN k.was_stack IS NOT NULL AND k.now_stack IS NOT NULL THEN 'key'
               WHEN a.names_key IS NOT NULL THEN 'names'
               ELSE 'function'
           END AS matched,
           COALESCE(a.now_stack, k.now_stack) AS site,
           k.was_function, COALESCE(k.now_function, a.function) AS now_function,
           k.was_caller, COALESCE(k.now_caller, a.caller) AS now_caller
      FROM keyed k
      LEFT JOIN alike a
        ON a.names_key = k.names_key
       AND (k.was_stack IS NULL OR k.now_stack IS NULL)
),
-- what the later run calls a function: where there are no symbols, its name has the program's name in it
called AS MATERIALIZED (
    SELECT m.was_stack, m.now_stack, m.matched, m.site,
           COALESCE(m.now_function, f.now_function, m.was_function) AS function,
           COALESCE(m.now_caller, c.now_caller, m.was_caller) AS caller
      FROM matched m
      LEFT JOIN (SELECT was_function, MAX(now_function) AS now_function FROM matched GROUP BY was_function) f
        ON f.was_function = m.was_function
      LEFT JOIN (SELECT was_caller, MAX(now_caller) AS now_caller FROM matched GROUP BY was_caller) c
        ON c.was_caller = m.was_caller
),
-- by equal work counts `part` of a sum, or what was `live` at the cut: what is left when the rest of the time is taken
-- away. A peak is taken to rise with the work
was_sum AS MATERIALIZED (
    SELECT k.matched, k.site, k.function, k.caller, a.stack_id, m.measure, COALESCE(x.samples, 0) AS samples, COALESCE(x.bytes, 0.0) AS bytes,
           COALESCE(x.bytes_sq, 0.0) AS bytes_sq, COALESCE(x.bytes_var, 0.0) AS bytes_var,
           a.bytes_sq / a.bytes AS weight, a.bytes_var / a.bytes AS unsure,
           CASE
               WHEN c.was_cut_ns IS NULL THEN 1.0
               WHEN m.measure = 'peak' THEN c.now_units / c.was_units
               WHEN m.measure = 'allocated'
               THEN 1.0 - COALESCE((SELECT SUM(t.alloc_bytes * CASE WHEN t.bucket = c.was_bucket THEN c.was_share ELSE 1.0 END)
                           FROM base.stack_time t
                          WHERE t.run_id = a.run_id AND t.stack_id = a.stack_id AND t.bucket >= c.was_bucket), 0.0) / a.bytes
           END AS part,
           CASE
               WHEN c.was_cut_ns IS NOT NULL AND m.measure = 'live'
               THEN COALESCE(x.bytes, 0.0)
                   - COALESCE((SELECT SUM((t.alloc_bytes - t.freed_bytes) * CASE WHEN t.bucket = c.was_bucket THEN c.was_share ELSE 1.0 END)
                           FROM base.stack_time t
                          WHERE t.run_id = a.run_id AND t.stack_id = a.stack_id AND t.bucket >= c.was_bucket), 0.0)
           END AS live
      FROM cut c
     CROSS JOIN called k
     CROSS JOIN base.stack_stat a
     CROSS JOIN wanted m
      LEFT JOIN base.stack_stat x ON x.run_id = a.run_id AND x.measure = m.measure AND x.stack_id = a.stack_id
     WHERE a.run_id = c.was_id
       AND a.measure = 'allocated'
       AND a.stack_id = k.was_stack
),
now_sum AS MATERIALIZED (
    SELECT k.matched, k.site, k.function, k.caller, a.stack_id, m.measure, COALESCE(x.samples, 0) AS samples, COALESCE(x.bytes, 0.0) AS bytes,
           COALESCE(x.bytes_sq, 0.0) AS bytes_sq, COALESCE(x.bytes_var, 0.0) AS bytes_var,
           a.bytes_sq / a.bytes AS weight, a.bytes_var / a.bytes AS unsure,
           CASE
               WHEN c.now_cut_ns IS NULL THEN 1.0
               WHEN m.measure = 'peak' THEN c.was_units / c.now_units
               WHEN m.measure = 'allocated'
               THEN 1.0 - COALESCE((SELECT SUM(t.alloc_bytes * CASE WHEN t.bucket = c.now_bucket THEN c.now_share ELSE 1.0 END)
                           FROM stack_time t
                          WHERE t.run_id = a.run_id AND t.stack_id = a.stack_id AND t.bucket >= c.now_bucket), 0.0) / a.bytes
           END AS part,
           CASE
               WHEN c.now_cut_ns IS NOT NULL AND m.measure = 'live'
               THEN COALESCE(x.bytes, 0.0)
                   - COALESCE((SELECT SUM((t.alloc_bytes - t.freed_bytes) * CASE WHEN t.bucket = c.now_bucket THEN c.now_share ELSE 1.0 END)
                           FROM stack_time t
                          WHERE t.run_id = a.run_id AND t.stack_id = a.stack_id AND t.bucket >= c.now_bucket), 0.0)
           END AS live
      FROM cut c
     CROSS JOIN called k
     CROSS JOIN stack_stat a
     CROSS JOIN wanted m
      LEFT JOIN stack_stat x ON x.run_id = a.run_id AND x.measure = m.measure AND x.stack_id = a.stack_id
     WHERE a.run_id = c.now_id
       AND a.measure = 'allocated'
       AND a.stack_id = k.now_stack
),
entry AS MATERIALIZED (
    SELECT later, matched, site, function, caller, stack_id, measure, samples, bytes, bytes_sq, bytes_var,
           COALESCE(bytes * part, CASE WHEN live > 0 THEN live ELSE 0.0 END) AS equal,
           COALESCE(bytes_sq * part * CASE measure WHEN 'peak' THEN part ELSE 1.0 END,
                    CASE WHEN live > 0 THEN live * weight ELSE 0.0 END) AS equal_sq,
           COALESCE(bytes_var * part * CASE measure WHEN 'peak' THEN part ELSE 1.0 END,
                    CASE WHEN live > 0 THEN live * unsure ELSE 0.0 END) AS equal_var
      FROM (SELECT 0 AS later, w.* FROM was_sum w UNION ALL SELECT 1, n.* FROM now_sum n) x
     WHERE bytes > 0
        OR (part IS NULL AND live > 0)
),
-- each stack is in one row of each level: 1 stacks, or what is left of a function; 2 callers; 3 functions
level (level, name, matched) AS (
    SELECT 1, 'stack', 'key' UNION ALL SELECT 1, 'stack', 'names' UNION ALL SELECT 1, 'stack', 'function'
     UNION ALL SELECT 2, 'caller', 'caller' UNION ALL SELECT 3, 'function', 'function'
),
member AS MATERIALIZED (
    SELECT e.*, l.level, l.matched AS by_what,
           CASE WHEN l.level = 1 AND l.matched <> 'function' THEN site END AS by_site,
           CASE WHEN l.level = 2 OR (l.level = 1 AND l.matched <> 'function') THEN caller END AS by_caller
      FROM entry e
      JOIN level l
        ON COALESCE(CAST($4 AS TEXT), 'auto') IN ('auto', l.name)
       AND (l.level > 1 OR l.matched = e.matched)
),
summed AS MATERIALIZED (
    SELECT ROW_NUMBER() OVER (ORDER BY by_site, function, by_caller, level, measure, by_what) AS id,
           measure, level, by_what AS matched, by_site AS site, function, by_caller AS caller,
           COUNT(*) AS stacks,
           MIN(later) AS first_side, MAX(later) AS last_side,
           SUM(CASE later WHEN 0 THEN samples ELSE 0 END) AS was_samples,
           SUM(CASE later WHEN 0 THEN bytes ELSE 0.0 END) AS was_bytes,
           SUM(CASE later WHEN 0 THEN bytes_sq ELSE 0.0 END) AS was_bytes_sq,
           SUM(CASE later WHEN 0 THEN bytes_var ELSE 0.0 END) AS was_bytes_var,
           SUM(CASE later WHEN 0 THEN equal ELSE 0.0 END) AS was_equal,
           SUM(CASE later WHEN 0 THEN equal_sq ELSE 0.0 END) AS was_equal_sq,
           SUM(CASE later WHEN 0 THEN equal_var ELSE 0.0 END) AS was_equal_var,
           SUM(CASE later WHEN 1 THEN samples ELSE 0 END) AS now_samples,
           SUM(CASE later WHEN 1 THEN bytes ELSE 0.0 END) AS now_bytes,
           SUM(CASE later WHEN 1 THEN bytes_sq ELSE 0.0 END) AS now_bytes_sq,
           SUM(CASE later WHEN 1 THEN bytes_var ELSE 0.0 END) AS now_bytes_var,
           SUM(CASE later WHEN 1 THEN equal ELSE 0.0 END) AS now_equal,
           SUM(CASE later WHEN 1 THEN equal_sq ELSE 0.0 END) AS now_equal_sq,
           SUM(CASE later WHEN 1 THEN equal_var ELSE 0.0 END) AS now_equal_var
      FROM member
     GROUP BY by_site, function, by_caller, level, measure, by_what
),
-- how much more a sample of the earlier run stands for, where one of the two has none of a site
grain AS MATERIALIZED (
    SELECT measure,
           SUM(CASE later WHEN 0 THEN bytes_sq END) / SUM(CASE later WHEN 0 THEN bytes END)
               / (SUM(CASE later WHEN 1 THEN bytes_sq END) / SUM(CASE later WHEN 1 THEN bytes END)) AS coarser
      FROM entry
     WHERE bytes > 0
     GROUP BY measure
),
-- 1 by equal work; 2 at the end of both, where what is alive may have been given back, or the unit is in doubt
reading AS (
    SELECT s.*, c.unit, c.doubtful, r.reading,
           CASE WHEN c.was_units < c.now_units THEN c.was_units ELSE c.now_units END AS units,
           CASE WHEN (c.was_cut_ns IS NOT NULL OR c.now_cut_ns IS NOT NULL) AND (s.measure <> 'allocated' OR c.doubtful = 1)
                THEN 2 ELSE 1 END AS readings,
           COALESCE(g.coarser, 1.0) AS coarser,
           CASE r.reading WHEN 1 THEN was_equal ELSE was_bytes END AS was,
           CASE r.reading WHEN 1 THEN was_equal_sq ELSE was_bytes_sq END AS was_sq,
           CASE r.reading WHEN 1 THEN was_equal_var ELSE was_bytes_var END AS was_var,
           CASE r.reading WHEN 1 THEN now_equal ELSE now_bytes END AS now,
           CASE r.reading WHEN 1 THEN now_equal_sq ELSE now_bytes_sq END AS now_sq,
           CASE r.reading WHEN 1 THEN now_equal_var ELSE now_bytes_var END AS now_var
      FROM summed s
     CROSS JOIN cut c
      LEFT JOIN grain g ON g.measure = s.measure
     CROSS JOIN (SELECT 1 AS reading UNION ALL SELECT 2) r
),
-- bytes that one effective sample stands for; of a run without any, as in the other one
weighed AS (
    SELECT r.*,
           CASE WHEN was > 0 THEN was_sq / was ELSE now_sq / now * coarser END AS was_weight,
           CASE WHEN now > 0 THEN now_sq / now ELSE was_sq / was / coarser END AS now_weight,
           SQRT((was_var + now_var) / (was_sq + now_sq)) AS spread
      FROM reading r
     WHERE reading <= readings
       AND was_sq + now_sq > 0
),
-- given how many there are of both, how many are of the later run
expected AS (
    SELECT w.*,
           was / was_weight AS was_n, now / now_weight AS now_n,
           (was / was_weight + now / now_weight) * was_weight / (was_weight + now_weight) AS now_expected,
           (was / was_weight + now / now_weight) * now_weight / (was_weight + now_weight) AS was_expected
      FROM weighed w
),
-- half a sample nearer to what was expected: the correction for continuity
corrected AS (
    SELECT e.*,
           CASE WHEN now_n > now_expected THEN 1 ELSE -1 END AS sign,
           CASE
               WHEN now_n - now_expected > 0.5 THEN now_n - 0.5
               WHEN now_expected - now_n > 0.5 THEN now_n + 0.5
               ELSE now_expected
           END AS now_near,
           CASE
               WHEN now_n - now_expected > 0.5 THEN was_n + 0.5
               WHEN now_expected - now_n > 0.5 THEN was_n - 0.5
               ELSE was_expected
           END AS was_near
      FROM expected e
),
-- the signed root of the deviance of a binomial count, narrowed as the intervals are; exact sums have no chance in them
scored AS (
    SELECT k.*,
           CASE
               WHEN spread < 0.000001
               THEN CASE WHEN ABS(now - was) > 0.000000001 * (now + was) THEN 37.0 ELSE 0.0 END
               ELSE SQRT(ABS(2 * (
                   CASE WHEN now_near > 0 THEN now_near * LN(now_near / now_expected) ELSE 0 END
                   + CASE WHEN was_near > 0 THEN was_near * LN(was_near / was_expected) ELSE 0 END))) / spread
           END AS size
      FROM corrected k
),
-- what both readings say; one in which neither run has anything tells of no change
judged AS (
    SELECT s.*,
           CASE
               WHEN COUNT(*) OVER same < readings THEN 0.0
               WHEN MIN(sign * size) OVER same > 0 OR MAX(sign * size) OVER same < 0
               THEN MIN(CASE WHEN size > 37 THEN 37.0 ELSE size END) OVER same
               ELSE 0.0
           END AS z,
           CASE
               WHEN MIN(now - was - COALESCE(CAST($6 AS BIGINT), 5) / 100.0 * was) OVER same > 0
                   OR MAX(now - was + COALESCE(CAST($6 AS BIGINT), 5) / 100.0 * was) OVER same < 0
               THEN 1 ELSE 0
           END AS beyond,
           -- fewer can prove nothing
           CASE WHEN MIN(was_n + now_n) OVER same >= 6 OR MAX(spread) OVER same < 0.000001 THEN 1 ELSE 0 END AS testable
      FROM scored s
    WINDOW same AS (PARTITION BY id)
),
-- the normal tail: Karagiannidis and Lioumpas, IEEE Communications Letters 11 (2007)
tailed AS MATERIALIZED (
    SELECT j.*,
           CASE
               WHEN testable = 0 THEN NULL
               WHEN z > 0.1 THEN 2 * (1 - EXP(-1.4 * z)) * EXP(-z * z / 2) / (1.135 * 2.5066282746 * z)
               ELSE 1.0
           END AS p
      FROM judged j
     WHERE reading = 1
),
counted AS (
    SELECT t.*,
           COUNT(p) OVER () AS compared,
           ROW_NUMBER() OVER (ORDER BY testable DESC, p, id) AS p_place
      FROM tailed t
),
-- false discoveries: Benjamini and Hochberg (1995)
controlled AS (
    SELECT k.*, MIN(p * compared / p_place) OVER (ORDER BY p_place DESC ROWS UNBOUNDED PRECEDING) AS q
      FROM counted k
),
decided AS MATERIALIZED (
    SELECT k.*,
           CASE WHEN testable = 1 AND q <= 0.01 AND beyond = 1 THEN 1 ELSE 0 END AS is_real,
           CASE
               WHEN testable = 0 OR q > 0.01 THEN 'noise'
               WHEN beyond = 0 THEN 'same'
               WHEN first_side = 1 THEN 'new'
               WHEN last_side = 0 THEN 'gone'
               WHEN now_equal > was_equal THEN 'grew'
               ELSE 'shrank'
           END AS change
      FROM controlled k
),
changed AS MATERIALIZED (
    SELECT measure, level, function, caller
      FROM decided
     WHERE is_real = 1
),
-- what fewer stacks of the same already say is not said again
speaking AS MATERIALIZED (
    SELECT d.*
      FROM decided d
     WHERE (COALESCE(CAST($7 AS TEXT), 'real') = 'all' AND (level = 1 OR COALESCE(CAST($4 AS TEXT), 'auto') <> 'auto'))
        OR (is_real = 1
            AND NOT EXISTS (SELECT 1
                              FROM changed r
                             WHERE r.level < d.level
                               AND r.measure = d.measure
                               AND r.function = d.function
                               AND (d.level = 3 OR r.caller IS NULL OR r.caller = d.caller)))
),
-- levels as they are, flows by equal work when that is certain
shown AS MATERIALIZED (
    SELECT s.*,
           CASE WHEN measure = 'allocated' AND doubtful = 0 THEN was_equal ELSE was_bytes END AS a,
           CASE WHEN measure = 'allocated' AND doubtful = 0 THEN was_equal_sq ELSE was_bytes_sq END AS a_sq,
           CASE WHEN measure = 'allocated' AND doubtful = 0 THEN was_equal_var ELSE was_bytes_var END AS a_var,
           CASE WHEN measure = 'allocated' AND doubtful = 0 THEN now_equal ELSE now_bytes END AS b,
           CASE WHEN measure = 'allocated' AND doubtful = 0 THEN now_equal_sq ELSE now_bytes_sq END AS b_sq,
           CASE WHEN measure = 'allocated' AND doubtful = 0 THEN now_equal_var ELSE now_bytes_var END AS b_var
      FROM speaking s
),
numbered AS MATERIALIZED (
    SELECT s.*,
           CASE WHEN a_sq > 0 THEN a * a / a_sq ELSE 1.0 END AS a_n,
           CASE WHEN b_sq > 0 THEN b * b / b_sq ELSE 1.0 END AS b_n,
           CASE WHEN a_sq > 0 THEN SQRT(a_var / a_sq) ELSE 0.0 END AS a_spread,
           CASE WHEN b_sq > 0 THEN SQRT(b_var / b_sq) ELSE 0.0 END AS b_spread
      FROM shown s
),
-- as in views.sql; of nothing sampled, Garwood's bound for a count of 0
bounded AS MATERIALIZED (
    SELECT n.*,
           a * (1 - (1 - POWER(1 - 1 / (9 * a_n) - 1.96 / (3 * SQRT(a_n)), 3)) * a_spread) AS a_low,
           CASE WHEN a_sq > 0
                THEN a * (1 + ((a_n + 1) / a_n * POWER(1 - 1 / (9 * (a_n + 1)) + 1.96 / (3 * SQRT(a_n + 1)), 3) - 1)
                    * a_spread)
                ELSE 3.689 * b_sq / NULLIF(b, 0) * b_spread * coarser END AS a_high,
           b * (1 - (1 - POWER(1 - 1 / (9 * b_n) - 1.96 / (3 * SQRT(b_n)), 3)) * b_spread) AS b_low,
           CASE WHEN b_sq > 0
                THEN b * (1 + ((b_n + 1) / b_n * POWER(1 - 1 / (9 * (b_n + 1)) + 1.96 / (3 * SQRT(b_n + 1)), 3) - 1)
                    * b_spread)
                ELSE 3.689 * a_sq / NULLIF(a, 0) * a_spread / coarser END AS b_high
      FROM numbered n
),
ranked AS MATERIALIZED (
    SELECT x.*,
           COUNT(*) OVER () AS all_rows,
           ROW_NUMBER() OVER (
               PARTITION BY measure
               ORDER BY is_real DESC, CASE WHEN b > a THEN 1 ELSE 2 END, ABS(b - a) DESC, function, id
           ) AS place
      FROM bounded x
),
-- the largest of its stacks speaks for a row, one of the later run before one of the earlier
voiced AS (
    SELECT r.id, m.later, m.stack_id,
           ROW_NUMBER() OVER (PARTITION BY r.id ORDER BY m.later DESC, m.bytes DESC, m.stack_id) AS loudest
      FROM ranked r
      JOIN member m
        ON m.measure = r.measure
       AND m.function = r.function
       AND m.level = r.level
       AND m.by_what = r.matched
       AND COALESCE(m.by_site, -1) = COALESCE(r.site, -1)
       AND COALESCE(m.by_caller, '') = COALESCE(r.caller, '')
     WHERE r.place <= COALESCE(CAST($3 AS BIGINT), 20)
)
SELECT CASE measure WHEN 'live' THEN 'alive at the end' WHEN 'peak' THEN 'alive at the peak' ELSE 'allocated' END
           AS measure,
       change,
       CASE level WHEN 2 THEN r.function || ' < ' || r.caller ELSE r.function END AS function,
       CAST(ROUND(a) AS BIGINT) AS was_bytes,
       CAST(ROUND(a_low) AS BIGINT) AS was_bytes_low,
       CAST(ROUND(a_high) AS BIGINT) AS was_bytes_high,
       CAST(ROUND(b) AS BIGINT) AS now_bytes,
       CAST(ROUND(b_low) AS BIGINT) AS now_bytes_low,
       CAST(ROUND(b_high) AS BIGINT) AS now_bytes_high,
       CAST(ROUND(b - a) AS BIGINT) AS delta_bytes,
       CAST(ROUND(b - a - SQRT((b - b_low) * (b - b_low) + (a_high - a) * (a_high - a))) AS BIGINT)
           AS delta_bytes_low,
       CAST(ROUND(b - a + SQRT((b_high - b) * (b_high - b) + (a - a_low) * (a - a_low))) AS BIGINT)
           AS delta_bytes_high,
       CASE WHEN doubtful = 0 AND unit <> 'run'
            THEN CAST(ROUND(CAST((now_equal - was_equal) / NULLIF(units, 0) AS NUMERIC), 1) AS DOUBLE PRECISION)
       END AS per_unit_bytes,
       unit,
       CAST(ROUND(was_samples) AS BIGINT) AS was_samples,
       CAST(ROUND(now_samples) AS BIGINT) AS now_samples,
       stacks,
       CASE WHEN first_side = last_side THEN 'none' ELSE matched END AS matched,
       CAST(ROUND(CAST(q AS NUMERIC), 6) AS DOUBLE PRECISION) AS q,
       COALESCE(n.text, w.text, '') AS stack,
       COALESCE(n.key, w.key, '') AS stack_key,
       all_rows,
       compared
  FROM ranked r
  JOIN voiced v ON v.id = r.id AND v.loudest = 1
  LEFT JOIN stack n ON n.id = v.stack_id AND v.later = 1
  LEFT JOIN base.stack w ON w.id = v.stack_id AND v.later = 0
 WHERE place <= COALESCE(CAST($3 AS BIGINT), 20)
 ORDER BY CASE measure WHEN 'live' THEN 1 WHEN 'peak' THEN 2 ELSE 3 END, place
