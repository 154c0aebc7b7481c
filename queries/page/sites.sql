-- SPDX-License-Identifier: Apache-2.0
-- sites: the stacks that matter, by any measure, with their verdict.
--
-- Reads:    run, stack, stack_stat, leak
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   stack_id               ID     stack.id
--   function               TEXT   the site
--   folded                 STACK  the stack, outermost function first
--   live_bytes             BYTES  alive at the end
--   peak_bytes             BYTES  alive when most was
--   allocated_bytes        BYTES  allocated in the run
--   allocated_blocks       COUNT  the same in blocks
--   temporary_bytes        BYTES  of these, freed almost at once
--   verdict                TEXT   leak, growing, cache, startup, steady, undecided; empty: not judged alone
--   rate_bytes_per_hour    RATE   of the leak
WITH summed AS (
    SELECT s.stack_id,
           SUM(CASE WHEN s.measure = 'live' THEN s.bytes ELSE 0 END) AS live_bytes,
           SUM(CASE WHEN s.measure = 'peak' THEN s.bytes ELSE 0 END) AS peak_bytes,
           SUM(CASE WHEN s.measure = 'allocated' THEN s.bytes ELSE 0 END) AS allocated_bytes,
           SUM(CASE WHEN s.measure = 'allocated' THEN s.blocks ELSE 0 END) AS allocated_blocks,
           SUM(CASE WHEN s.measure = 'temporary' THEN s.bytes ELSE 0 END) AS temporary_bytes
      FROM stack_stat s
     WHERE s.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
     GROUP BY s.stack_id
),
-- what is a thousandth of everything by no measure goes into one row
placed AS (
    SELECT t.*,
           CASE
               WHEN live_bytes * 1000 >= SUM(live_bytes) OVER () AND live_bytes > 0 THEN stack_id
               WHEN peak_bytes * 1000 >= SUM(peak_bytes) OVER () AND peak_bytes > 0 THEN stack_id
               WHEN allocated_bytes * 1000 >= SUM(allocated_bytes) OVER () THEN stack_id
               WHEN temporary_bytes * 1000 >= SUM(temporary_bytes) OVER () AND temporary_bytes > 0 THEN stack_id
           END AS kept_id
      FROM summed t
),
kept AS MATERIALIZED (
    SELECT kept_id AS stack_id,
           SUM(live_bytes) AS live_bytes,
           SUM(peak_bytes) AS peak_bytes,
           SUM(allocated_bytes) AS allocated_bytes,
           SUM(allocated_blocks) AS allocated_blocks,
           SUM(temporary_bytes) AS temporary_bytes
      FROM placed
     GROUP BY kept_id
     ORDER BY SUM(live_bytes) DESC, SUM(allocated_bytes) DESC, kept_id
     LIMIT 1500
),
verdicts AS MATERIALIZED (
    SELECT l.stack_id, MIN(l.rank) AS rank
      FROM leak l
     WHERE l.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
     GROUP BY l.stack_id
)
SELECT t.stack_id,
       CASE
           WHEN t.stack_id IS NULL THEN 'other sites, each below 0.1 %'
           ELSE COALESCE(k.function, 'lost stacks')
       END AS function,
       CASE WHEN t.stack_id IS NULL THEN '(other)' ELSE COALESCE(k.folded, '(lost stacks)') END AS folded,
       CAST(ROUND(t.live_bytes) AS BIGINT) AS live_bytes,
       CAST(ROUND(t.peak_bytes) AS BIGINT) AS peak_bytes,
       CAST(ROUND(t.allocated_bytes) AS BIGINT) AS allocated_bytes,
       CAST(ROUND(t.allocated_blocks) AS BIGINT) AS allocated_blocks,
       CAST(ROUND(t.temporary_bytes) AS BIGINT) AS temporary_bytes,
       l.verdict,
       l.leak_rate_bytes_per_hour AS rate_bytes_per_hour
  FROM kept t
  LEFT JOIN stack k ON k.id = t.stack_id
  LEFT JOIN verdicts v ON v.stack_id = t.stack_id
  LEFT JOIN leak l
    ON l.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
   AND l.stack_id = t.stack_id
   AND l.rank = v.rank
 ORDER BY t.live_bytes DESC, t.allocated_bytes DESC, t.stack_id
