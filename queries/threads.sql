-- SPDX-License-Identifier: Apache-2.0
-- threads: what each thread allocated: exact counters beside the estimates from samples.
--
-- Reads:    run, thread, thread_stat_interval
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 limit  COUNT  rows to show (default: 20)
-- Columns:
--   thread                ID     number of the thread in its run, from 1
--   tid                   ID     the system's number, which may be reused
--   alloc_bytes           BYTES  requested, exact; empty: not told
--   alloc_calls           COUNT  allocations, exact
--   free_calls            COUNT  frees by this thread, exact
--   exact                 COUNT  1: these three miss nothing
--   sampled_bytes         BYTES  the same alloc_bytes, estimated from the samples
--   sampled_bytes_low     BYTES
--   sampled_bytes_high    BYTES
--   live_bytes            BYTES  of what it allocated, alive at the end; empty: never sampled
--   live_bytes_low        BYTES
--   live_bytes_high       BYTES
--   samples               COUNT  sampled allocations behind the estimates
--   first_ns              NS     first seen, since the start of the run
--   ended_ns              NS     when it ended; empty: lived to the end
--   name                  TEXT   its last name
--   all_rows              TOTAL  threads before the limit
--   all_alloc_bytes       TOTAL  alloc_bytes of these
-- Table:    thread alloc_bytes alloc_calls free_calls sampled_bytes live_bytes name
-- Footer:   {rows} of {all_rows} threads: {share alloc_bytes} of {all_alloc_bytes} allocated
-- Caveat:   a block counts for the thread that allocated it, whoever frees it.
WITH chosen AS (
    SELECT *
      FROM thread
     WHERE run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
)
SELECT c.number AS thread,
       c.tid,
       c.alloc_bytes,
       c.alloc_calls,
       c.free_calls,
       c.exact,
       CAST(ROUND(a.bytes) AS BIGINT) AS sampled_bytes,
       CAST(ROUND(a.bytes_low) AS BIGINT) AS sampled_bytes_low,
       CAST(ROUND(a.bytes_high) AS BIGINT) AS sampled_bytes_high,
       CAST(ROUND(CASE WHEN a.bytes IS NOT NULL THEN COALESCE(l.bytes, 0) END) AS BIGINT)
           AS live_bytes,
       CAST(ROUND(CASE WHEN a.bytes IS NOT NULL THEN COALESCE(l.bytes_low, 0) END) AS BIGINT)
           AS live_bytes_low,
       CAST(ROUND(CASE WHEN a.bytes IS NOT NULL THEN COALESCE(l.bytes_high, 0) END) AS BIGINT)
           AS live_bytes_high,
       a.samples,
       c.first_ns,
       c.ended_ns,
       c.name,
       COUNT(*) OVER () AS all_rows,
       CAST(SUM(c.alloc_bytes) OVER () AS BIGINT) AS all_alloc_bytes
  FROM chosen c
  LEFT JOIN thread_stat_interval a
    ON a.run_id = c.run_id
   AND a.thread_id = c.id
   AND a.measure = 'allocated'
  LEFT JOIN thread_stat_interval l
    ON l.run_id = c.run_id
   AND l.thread_id = c.id
   AND l.measure = 'live'
 ORDER BY COALESCE(c.alloc_bytes, a.bytes, 0) DESC, c.number
 LIMIT COALESCE(CAST($2 AS BIGINT), 20)
