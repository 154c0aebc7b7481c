-- SPDX-License-Identifier: Apache-2.0
--
-- Statements that return what violates them: memanalyze check run.zst --budget budget.sql. $1 is the run; the first
-- line of the comment right before a statement is its name.

-- no pool refuses or overflows
SELECT p.name, MAX(t.overflow_count) AS overflows, MAX(t.exhausted_count) AS refusals
  FROM pool_tick t
  JOIN pool p ON p.id = t.pool_id
 WHERE t.run_id = $1
 GROUP BY p.name
HAVING MAX(t.overflow_count) > 0
    OR MAX(t.exhausted_count) > 0;

-- no site keeps more than half of what is alive at the end, beyond a mebibyte
SELECT f.function, f.bytes_low AS at_least_bytes
  FROM function_stat_interval f
  JOIN run_stat_interval r ON r.run_id = f.run_id AND r.measure = f.measure
 WHERE f.run_id = $1
   AND f.measure = 'live'
   AND f.bytes_low > 1048576
   AND f.bytes_low * 2 > r.bytes_high;
