-- SPDX-License-Identifier: Apache-2.0
-- sizes: how large the requested blocks are, and what rounding them up costs.
--
-- Reads:    run, size_stat_interval
-- Params:
--   $1 run      ID    the run's id (default: the first)
--   $2 measure  TEXT  allocated|live: everything, or what is alive at the end (default: allocated)
-- Columns:
--   low_bytes         BYTES  requested sizes from here ...
--   high_bytes        BYTES  ... up to and with here
--   blocks            COUNT  of such a size
--   blocks_low        COUNT
--   blocks_high       COUNT
--   blocks_share      RATIO  blocks over all blocks
--   total_bytes       BYTES  requested by them
--   total_bytes_low   BYTES
--   total_bytes_high  BYTES
--   bytes_share       RATIO  total_bytes over those of all sizes
--   waste_bytes       BYTES  given by the allocator beyond the request
--   waste_bytes_low   BYTES
--   waste_bytes_high  BYTES
--   waste_share       RATIO  waste_bytes over what the allocator gave
--   samples           COUNT  sampled allocations behind this row
-- Table:    low_bytes high_bytes blocks blocks_share total_bytes waste_share
-- Bar:      total_bytes
-- Caveat:   the allocator's headers are not in waste_bytes; rss has them.
WITH chosen AS (
    SELECT *
      FROM size_stat_interval
     WHERE run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND measure = COALESCE(CAST($2 AS TEXT), 'allocated')
       AND samples > 0
)
SELECT low_bytes,
       high_bytes,
       CAST(ROUND(blocks) AS BIGINT) AS blocks,
       CAST(ROUND(blocks_low) AS BIGINT) AS blocks_low,
       CAST(ROUND(blocks_high) AS BIGINT) AS blocks_high,
       CAST(ROUND(CAST(blocks / NULLIF(SUM(blocks) OVER (), 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS blocks_share,
       CAST(ROUND(bytes) AS BIGINT) AS total_bytes,
       CAST(ROUND(bytes_low) AS BIGINT) AS total_bytes_low,
       CAST(ROUND(bytes_high) AS BIGINT) AS total_bytes_high,
       CAST(ROUND(CAST(bytes / NULLIF(SUM(bytes) OVER (), 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS bytes_share,
       CAST(ROUND(waste_bytes) AS BIGINT) AS waste_bytes,
       CAST(ROUND(waste_bytes * blocks_low / NULLIF(blocks, 0)) AS BIGINT) AS waste_bytes_low,
       CAST(ROUND(waste_bytes * blocks_high / NULLIF(blocks, 0)) AS BIGINT) AS waste_bytes_high,
       CAST(ROUND(CAST(waste_bytes / NULLIF(bytes + waste_bytes, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS waste_share,
       samples
  FROM chosen
 ORDER BY low_bytes
