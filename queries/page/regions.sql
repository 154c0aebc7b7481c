-- SPDX-License-Identifier: Apache-2.0
-- regions: how full the stretches of addresses were in which blocks lay, of those with most free bytes.
--
-- Reads:    run, region
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   moment          TEXT   late: at nine tenths of the run; end
--   address         TEXT   where it begins
--   state           TEXT   empty, nearly empty, partly, full; undecided: too few samples
--   reserved_bytes  BYTES  held for blocks
--   used_bytes      BYTES  in living ones
--   used_bytes_low  BYTES
--   used_bytes_high BYTES
--   free_bytes      BYTES  reserved and not used
SELECT g.moment, CAST(g.start_address AS TEXT) AS address, g.state, g.reserved_bytes,
       CAST(ROUND(g.used_bytes) AS BIGINT) AS used_bytes,
       CAST(ROUND(g.used_bytes_low) AS BIGINT) AS used_bytes_low,
       CAST(ROUND(g.used_bytes_high) AS BIGINT) AS used_bytes_high,
       CAST(ROUND(g.free_bytes) AS BIGINT) AS free_bytes
  FROM region g
 WHERE g.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
 ORDER BY g.moment DESC, g.start_address
