-- SPDX-License-Identifier: Apache-2.0
-- slots: the latest slot map of each pool.
--
-- Reads:    run, pool, pool_map
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   pool              TEXT   its name
--   time_ns           NS     when the map was told, since the start of the run
--   slots             COUNT  in all
--   used_slots        COUNT  taken
--   longest_free_run  COUNT  free slots side by side, at most
--   cells             TEXT   equal stretches of slots: 0 all free ... f all taken
SELECT p.name AS pool, m.time_ns, m.slots, m.used_slots, m.longest_free_run, m.cells
  FROM pool_map m
  JOIN pool p ON p.id = m.pool_id
 WHERE m.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
   AND m.time_ns = (SELECT MAX(l.time_ns) FROM pool_map l WHERE l.run_id = m.run_id AND l.pool_id = m.pool_id)
 ORDER BY p.number
