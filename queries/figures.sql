-- SPDX-License-Identifier: Apache-2.0
-- figures: every scalar answer of a run by its name, as budgets, diff and check know it.
--
-- Reads:    run, figure
-- Params:
--   $1 run   ID    the run's id (default: the first)
--   $2 name  TEXT  only figures whose name begins so: peak, frame.alloc_bytes
-- Columns:
--   name        TEXT   dotted; what it ends in may be a stream, kind, heap or pool of the program
--   value       MIXED  the figure, in its unit
--   value_low   MIXED  95 % interval of an estimate, and of where a quantile would lie in a longer
--                      run; an exact figure repeats itself; empty: cannot be told
--   value_high  MIXED
--   unit        UNIT   bytes, count, ns, ratio, bytes_per_second, bytes_per_hour
--   per         TEXT   what it is counted by: frame, span, eval, gc, second, hour; empty: of the run
-- Table:    name value per
-- Empty:    no figure has such a name
-- Caveat:   what a program does not tell has no row; losses says what it does not tell.
SELECT name,
       CAST(ROUND(CAST(value AS NUMERIC), 4) AS DOUBLE PRECISION) AS value,
       CAST(ROUND(CAST(low AS NUMERIC), 4) AS DOUBLE PRECISION) AS value_low,
       CAST(ROUND(CAST(high AS NUMERIC), 4) AS DOUBLE PRECISION) AS value_high,
       unit,
       per
  FROM figure
 WHERE run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
   AND SUBSTR(name, 1, LENGTH(COALESCE(CAST($2 AS TEXT), ''))) = COALESCE(CAST($2 AS TEXT), '')
 ORDER BY name
