-- SPDX-License-Identifier: Apache-2.0
-- marks: points in time that the program named.
--
-- Reads:    run, mark
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   time_ns  NS    when, since the start of the run
--   name     TEXT  what it was called
SELECT time_ns, name
  FROM mark
 WHERE run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
 ORDER BY time_ns, id
 LIMIT 500
