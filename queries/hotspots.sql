-- SPDX-License-Identifier: Apache-2.0
-- hotspots: who allocates most, in bytes or in calls, whether freed or not.
--
-- Reads:    run, stack, function_stat_interval, stack_stat_interval
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 limit  COUNT  rows to show (default: 20)
--   $3 by     TEXT   function|stack: what makes a row (default: function)
--   $4 order  TEXT   bytes|calls: what comes first (default: bytes)
-- Columns:
--   alloc_bytes       BYTES  requested
--   alloc_bytes_low   BYTES
--   alloc_bytes_high  BYTES
--   bytes_share       RATIO  alloc_bytes over those of all sites
--   alloc_calls       COUNT  allocations
--   alloc_calls_low   COUNT
--   alloc_calls_high  COUNT
--   calls_share       RATIO  alloc_calls over those of all sites
--   mean_bytes        BYTES  alloc_bytes over alloc_calls
--   samples           COUNT  sampled allocations behind this row
--   first_ns          NS     first of them, since the start of the run
--   last_ns           NS     last of them
--   site              TEXT   who allocated: innermost call first; ? is a lost stack
--   all_rows          TOTAL  sites before the limit
--   all_alloc_bytes   TOTAL  alloc_bytes of these
-- Table:    alloc_bytes bytes_share alloc_calls calls_share site
-- Footer:   {rows} of {all_rows} sites: {share alloc_bytes} of {all_alloc_bytes} allocated
-- Caveat:   sampling favours bytes: many small calls have wide intervals; summary has exact totals.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id
),
sites AS (
    SELECT f.function AS site, '' AS stack_key, f.first_ns, f.last_ns,
           f.samples, f.bytes, f.bytes_low, f.bytes_high, f.blocks, f.blocks_low, f.blocks_high
      FROM function_stat_interval f
      JOIN chosen c ON c.id = f.run_id
     WHERE f.measure = 'allocated'
       AND COALESCE(CAST($3 AS TEXT), 'function') <> 'stack'
     UNION ALL
    SELECT COALESCE(k.text, '?'), COALESCE(k.key, ''), s.first_ns, s.last_ns,
           s.samples, s.bytes, s.bytes_low, s.bytes_high, s.blocks, s.blocks_low, s.blocks_high
      FROM stack_stat_interval s
      JOIN chosen c ON c.id = s.run_id
      LEFT JOIN stack k ON k.id = s.stack_id
     WHERE s.measure = 'allocated'
       AND CAST($3 AS TEXT) = 'stack'
)
SELECT CAST(ROUND(bytes) AS BIGINT) AS alloc_bytes,
       CAST(ROUND(bytes_low) AS BIGINT) AS alloc_bytes_low,
       CAST(ROUND(bytes_high) AS BIGINT) AS alloc_bytes_high,
       CAST(ROUND(CAST(bytes / NULLIF(SUM(bytes) OVER (), 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS bytes_share,
       CAST(ROUND(blocks) AS BIGINT) AS alloc_calls,
       CAST(ROUND(blocks_low) AS BIGINT) AS alloc_calls_low,
       CAST(ROUND(blocks_high) AS BIGINT) AS alloc_calls_high,
       CAST(ROUND(CAST(blocks / NULLIF(SUM(blocks) OVER (), 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS calls_share,
       CAST(ROUND(bytes / NULLIF(blocks, 0)) AS BIGINT) AS mean_bytes,
       CAST(samples AS BIGINT) AS samples,
       first_ns,
       last_ns,
       site,
       COUNT(*) OVER () AS all_rows,
       CAST(ROUND(SUM(bytes) OVER ()) AS BIGINT) AS all_alloc_bytes
  FROM sites
 ORDER BY CASE WHEN CAST($4 AS TEXT) = 'calls' THEN blocks ELSE bytes END DESC, site, stack_key
 LIMIT COALESCE(CAST($2 AS BIGINT), 20)
