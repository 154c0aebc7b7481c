-- SPDX-License-Identifier: Apache-2.0
-- occupancy: how full each pool was, and for how long.
--
-- Reads:    run, pool_occupancy, pool
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   pool_id     ID     pool.id
--   size_bytes  BYTES  up to so much, and more than the row before; connections: slots
--   held_ns     NS     time in which so much was used
--   looks       COUNT  tenths of a second in which so much was wanted
SELECT o.pool_id, o.size_bytes, o.held_ns, o.looks
  FROM pool_occupancy o
 WHERE o.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
 ORDER BY o.pool_id, o.size_bytes
