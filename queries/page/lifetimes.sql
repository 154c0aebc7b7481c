-- SPDX-License-Identifier: Apache-2.0
-- lifetimes: how long freed blocks lived, by their size.
--
-- Reads:    run, lifetime_stat
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   low_ns      NS     they lived from so long ...
--   high_ns     NS     ... to so long
--   low_bytes   BYTES  of a size from ...
--   high_bytes  BYTES  ... to
--   bytes       BYTES  freed, estimate
--   blocks      COUNT  the same in blocks
SELECT l.low_ns, l.high_ns, l.low_bytes, l.high_bytes, CAST(ROUND(l.bytes) AS BIGINT) AS bytes,
       CAST(ROUND(l.blocks) AS BIGINT) AS blocks
  FROM lifetime_stat l
 WHERE l.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
 ORDER BY l.low_ns, l.low_bytes
