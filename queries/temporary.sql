-- SPDX-License-Identifier: Apache-2.0
-- temporary: blocks freed almost at once, the candidates for reuse or for the stack.
--
-- Reads:    run, stack, stack_stat, function_stat_interval, stack_stat_interval
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 limit  COUNT  rows to show (default: 20)
--   $3 by     TEXT   function|stack: what makes a row (default: function)
-- Columns:
--   temporary_calls       COUNT  allocations that were freed almost at once
--   temporary_calls_low   COUNT
--   temporary_calls_high  COUNT
--   temporary_share       RATIO  temporary_calls over all allocations of this site
--   temporary_bytes       BYTES  requested by them
--   temporary_bytes_low   BYTES
--   temporary_bytes_high  BYTES
--   mean_bytes            BYTES  temporary_bytes over temporary_calls
--   samples               COUNT  sampled allocations behind this row
--   temporary_ns          NS     freed sooner than this is temporary
--   site                  TEXT   who allocated: innermost call first; ? is a lost stack
--   all_rows              TOTAL  sites before the limit
--   all_temporary_bytes   TOTAL  temporary_bytes of these
-- Table:    temporary_calls temporary_share temporary_bytes mean_bytes site
-- Footer:   {rows} of {all_rows} sites: {share temporary_bytes} of {all_temporary_bytes} freed
--           within {temporary_ns}
-- Caveat:   a block counts whether or not another allocation came between.
WITH chosen AS (
    SELECT id, temporary_ns
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
-- per site, what was freed almost at once beside everything it allocated
sites AS (
    SELECT f.function AS site, '' AS stack_key, c.temporary_ns, a.blocks AS all_blocks,
           f.samples, f.bytes, f.bytes_low, f.bytes_high, f.blocks, f.blocks_low, f.blocks_high
      FROM chosen c
      JOIN function_stat_interval f ON f.run_id = c.id AND f.measure = 'temporary'
      LEFT JOIN function_stat_interval a
        ON a.run_id = c.id
       AND a.measure = 'allocated'
       AND a.function = f.function
     WHERE COALESCE(CAST($3 AS TEXT), 'function') <> 'stack'
     UNION ALL
    SELECT COALESCE(k.text, '?'), COALESCE(k.key, ''), c.temporary_ns, a.blocks,
           s.samples, s.bytes, s.bytes_low, s.bytes_high, s.blocks, s.blocks_low, s.blocks_high
      FROM chosen c
      JOIN stack_stat_interval s ON s.run_id = c.id AND s.measure = 'temporary'
      LEFT JOIN stack_stat a
        ON a.run_id = c.id
       AND a.measure = 'allocated'
       AND a.stack_id = s.stack_id
      LEFT JOIN stack k ON k.id = s.stack_id
     WHERE CAST($3 AS TEXT) = 'stack'
)
SELECT CAST(ROUND(blocks) AS BIGINT) AS temporary_calls,
       CAST(ROUND(blocks_low) AS BIGINT) AS temporary_calls_low,
       CAST(ROUND(blocks_high) AS BIGINT) AS temporary_calls_high,
       CAST(ROUND(CAST(blocks / NULLIF(all_blocks, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS temporary_share,
       CAST(ROUND(bytes) AS BIGINT) AS temporary_bytes,
       CAST(ROUND(bytes_low) AS BIGINT) AS temporary_bytes_low,
       CAST(ROUND(bytes_high) AS BIGINT) AS temporary_bytes_high,
       CAST(ROUND(bytes / NULLIF(blocks, 0)) AS BIGINT) AS mean_bytes,
       CAST(samples AS BIGINT) AS samples,
       temporary_ns,
       site,
       COUNT(*) OVER () AS all_rows,
       CAST(ROUND(SUM(bytes) OVER ()) AS BIGINT) AS all_temporary_bytes
  FROM sites
 ORDER BY blocks DESC, site, stack_key
 LIMIT COALESCE(CAST($2 AS BIGINT), 20)
