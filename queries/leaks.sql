-- SPDX-License-Identifier: Apache-2.0
-- leaks: which sites leak, how fast, since when, and why it is not a cache.
--
-- Reads:    run, leak, stack
-- Params:
--   $1 run      ID     the run's id (default: the first)
--   $2 limit    COUNT  rows to show (default: 20)
--   $3 verdict  TEXT   leak|growing|undecided|cache|startup|steady|all: only this one
--                      (default: all but steady)
-- Columns:
--   rank                           COUNT  1 is the most urgent
--   verdict                        TEXT   leak; growing: never shrank, may be unbounded; undecided:
--                                         too few samples or too short a run; cache, startup,
--                                         steady: no leak
--   function                       TEXT   innermost function that is not an allocator's
--   live_bytes                     BYTES  alive at the end
--   live_bytes_low                 BYTES
--   live_bytes_high                BYTES
--   live_blocks                    COUNT  alive at the end
--   live_blocks_low                COUNT
--   live_blocks_high               COUNT
--   leak_rate_bytes_per_hour       RATE   survivors per hour since the onset; empty: no leak seen
--   leak_rate_bytes_per_hour_low   RATE
--   leak_rate_bytes_per_hour_high  RATE
--   leaked_share                   RATIO  of what was allocated since the onset and is old enough to
--                                         judge, the part never freed
--   leaked_share_low               RATIO
--   leaked_share_high              RATIO
--   onset_ns                       NS     when the leak began, since the start of the run
--   oldest_ns                      NS     age of the oldest survivor
--   samples                        COUNT  sampled allocations behind this row
--   reason                         PROSE  why this verdict and not another
--   stack                          STACK  innermost call first
--   stack_key                      KEY    the same for this stack on every machine
--   all_rows                       TOTAL  sites before the limit
--   all_live_bytes                 TOTAL  live_bytes of these
--   steady_rows                    TOTAL  sites judged steady
-- Table:    rank verdict function live_bytes leak_rate_bytes_per_hour leaked_share
-- Footer:   {rows} of {all_rows} sites: {share live_bytes} of {all_live_bytes};
--           steady and not listed: {steady_rows}
-- Empty:    no site leaks, grows or keeps what it allocated; --verdict steady lists the others
-- Caveat:   a cache that never evicted anything during the run looks like a leak.
WITH judged AS (
    SELECT l.*,
           CASE l.verdict
               WHEN 'leak' THEN 1
               WHEN 'growing' THEN 2
               WHEN 'undecided' THEN 3
               WHEN 'cache' THEN 4
               WHEN 'startup' THEN 5
               ELSE 6
           END AS urgency,
           COUNT(*) FILTER (WHERE l.verdict = 'steady') OVER () AS steady_rows
      FROM leak l
     WHERE l.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
ranked AS (
    SELECT j.*,
           ROW_NUMBER() OVER (
               ORDER BY urgency, COALESCE(leak_rate_bytes_per_hour, 0) DESC, live_bytes DESC, id
           ) AS place
      FROM judged j
),
kept AS (
    SELECT r.*,
           COUNT(*) OVER () AS all_rows,
           SUM(live_bytes) OVER () AS all_live_bytes
      FROM ranked r
     WHERE CASE COALESCE(CAST($3 AS TEXT), '')
               WHEN '' THEN verdict <> 'steady'
               WHEN 'all' THEN TRUE
               ELSE verdict = CAST($3 AS TEXT)
           END
     ORDER BY place
     LIMIT COALESCE(CAST($2 AS BIGINT), 20)
)
SELECT place AS rank,
       verdict,
       k.function,
       CAST(ROUND(live_bytes) AS BIGINT) AS live_bytes,
       CAST(ROUND(live_bytes_low) AS BIGINT) AS live_bytes_low,
       CAST(ROUND(live_bytes_high) AS BIGINT) AS live_bytes_high,
       CAST(ROUND(live_blocks) AS BIGINT) AS live_blocks,
       CAST(ROUND(live_blocks_low) AS BIGINT) AS live_blocks_low,
       CAST(ROUND(live_blocks_high) AS BIGINT) AS live_blocks_high,
       CAST(ROUND(leak_rate_bytes_per_hour) AS BIGINT) AS leak_rate_bytes_per_hour,
       CAST(ROUND(leak_rate_bytes_per_hour_low) AS BIGINT) AS leak_rate_bytes_per_hour_low,
       CAST(ROUND(leak_rate_bytes_per_hour_high) AS BIGINT) AS leak_rate_bytes_per_hour_high,
       CAST(ROUND(CAST(leaked_share AS NUMERIC), 4) AS DOUBLE PRECISION) AS leaked_share,
       CAST(ROUND(CAST(leaked_share_low AS NUMERIC), 4) AS DOUBLE PRECISION) AS leaked_share_low,
       CAST(ROUND(CAST(leaked_share_high AS NUMERIC), 4) AS DOUBLE PRECISION) AS leaked_share_high,
       onset_ns,
       oldest_ns,
       samples,
       reason,
       s.text AS stack,
       s.key AS stack_key,
       all_rows,
       CAST(ROUND(all_live_bytes) AS BIGINT) AS all_live_bytes,
       steady_rows
  FROM kept k
  LEFT JOIN stack s ON s.id = k.stack_id
 ORDER BY place
