-- SPDX-License-Identifier: Apache-2.0
-- peak: what was alive at the moment when most was.
--
-- Reads:    run, stack, function_stat_interval, stack_stat_interval
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 limit  COUNT  rows to show (default: 20)
--   $3 by     TEXT   function|stack: what makes a row (default: function)
-- Columns:
--   peak_bytes        BYTES  alive at the peak
--   peak_bytes_low    BYTES
--   peak_bytes_high   BYTES
--   share             RATIO  peak_bytes over everything alive then
--   peak_blocks       COUNT  alive at the peak
--   peak_blocks_low   COUNT
--   peak_blocks_high  COUNT
--   samples           COUNT  sampled allocations behind this row
--   peak_ns           NS     when the peak was, since the start of the run
--   site              TEXT   who allocated it: innermost call first; ? is a lost stack
--   all_rows          TOTAL  sites before the limit
--   all_peak_bytes    TOTAL  peak_bytes of these
-- Table:    peak_bytes share peak_blocks samples site
-- Footer:   {rows} of {all_rows} sites: {share peak_bytes} of {all_peak_bytes} live at {peak_ns}
-- Caveat:   the peak of live bytes; the resident set may peak later, see rss.
WITH chosen AS (
    SELECT id, peak_ns
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
sites AS (
    SELECT f.function AS site, '' AS stack_key,
           f.samples, f.bytes, f.bytes_low, f.bytes_high, f.blocks, f.blocks_low, f.blocks_high
      FROM function_stat_interval f
      JOIN chosen c ON c.id = f.run_id
     WHERE f.measure = 'peak'
       AND COALESCE(CAST($3 AS TEXT), 'function') <> 'stack'
     UNION ALL
    SELECT COALESCE(k.text, '?'), COALESCE(k.key, ''),
           s.samples, s.bytes, s.bytes_low, s.bytes_high, s.blocks, s.blocks_low, s.blocks_high
      FROM stack_stat_interval s
      JOIN chosen c ON c.id = s.run_id
      LEFT JOIN stack k ON k.id = s.stack_id
     WHERE s.measure = 'peak'
       AND CAST($3 AS TEXT) = 'stack'
)
SELECT CAST(ROUND(s.bytes) AS BIGINT) AS peak_bytes,
       CAST(ROUND(s.bytes_low) AS BIGINT) AS peak_bytes_low,
       CAST(ROUND(s.bytes_high) AS BIGINT) AS peak_bytes_high,
       CAST(ROUND(CAST(s.bytes / NULLIF(SUM(s.bytes) OVER (), 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS share,
       CAST(ROUND(s.blocks) AS BIGINT) AS peak_blocks,
       CAST(ROUND(s.blocks_low) AS BIGINT) AS peak_blocks_low,
       CAST(ROUND(s.blocks_high) AS BIGINT) AS peak_blocks_high,
       CAST(s.samples AS BIGINT) AS samples,
       c.peak_ns,
       s.site,
       COUNT(*) OVER () AS all_rows,
       CAST(ROUND(SUM(s.bytes) OVER ()) AS BIGINT) AS all_peak_bytes
  FROM sites s
 CROSS JOIN chosen c
 ORDER BY s.bytes DESC, s.site, s.stack_key
 LIMIT COALESCE(CAST($2 AS BIGINT), 20)
