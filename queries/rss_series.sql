-- SPDX-License-Identifier: Apache-2.0
-- rss_series: what the resident set consisted of over time, in equal steps.
--
-- Reads:    run, rss_moment, rss_part, process_tick
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 steps  COUNT  rows to make at most (default: 20)
-- Columns:
--   time_ns           NS     when, since the start of the run: the largest reading of the step
--   rss_bytes         BYTES  resident set; the next nine add up to it
--   live_bytes        BYTES  requested by the program and not freed
--   live_bytes_low    BYTES
--   live_bytes_high   BYTES
--   overhead_bytes    BYTES  rounding, headers and books of the allocator
--   free_bytes        BYTES  free inside the allocator
--   unused_bytes      BYTES  unused in pools and managed heaps, and garbage
--   mapped_bytes      BYTES  mapped by the program
--   stack_bytes       BYTES  stacks of all threads
--   file_bytes        BYTES  files, static data and shared memory
--   recorder_bytes    BYTES  what recording itself holds
--   unexplained_bytes BYTES  the rest
--   pss_bytes         BYTES  resident set, with shared pages divided by their users; empty: not read
--   cgroup_bytes      BYTES  memory of its cgroup, as last read; empty: not read
-- Table:    time_ns rss_bytes live_bytes overhead_bytes free_bytes unused_bytes mapped_bytes
--           stack_bytes file_bytes unexplained_bytes
-- Bar:      rss_bytes
-- Empty:    the resident set was never read
-- Caveat:   an empty part is in another one: see rss.
WITH chosen AS (
    SELECT r.id, r.duration_ns, COALESCE(CAST($2 AS BIGINT), 20) AS steps
      FROM run r
     WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND COALESCE(CAST($2 AS BIGINT), 20) > 0
),
stepped AS (
    SELECT m.run_id, m.time_ns, m.rss_bytes,
           ROW_NUMBER() OVER (
               PARTITION BY CAST(FLOOR(m.time_ns * 1.0 * c.steps / (c.duration_ns + 1)) AS BIGINT)
               ORDER BY m.rss_bytes DESC, m.time_ns
           ) AS place
      FROM rss_moment m
      JOIN chosen c ON c.id = m.run_id
),
summed AS (
    SELECT s.run_id, s.time_ns, s.rss_bytes,
           SUM(CASE WHEN p.part = 'live' THEN p.bytes END) AS live_bytes,
           SUM(CASE WHEN p.part = 'live' THEN p.bytes_low END) AS live_bytes_low,
           SUM(CASE WHEN p.part = 'live' THEN p.bytes_high END) AS live_bytes_high,
           SUM(CASE WHEN p.part IN ('rounding', 'headers') THEN p.bytes END) AS overhead_bytes,
           SUM(CASE
                   WHEN p.part IN ('thread_caches', 'free_partial', 'free_dirty', 'free_top')
                       THEN p.bytes
               END) AS free_bytes,
           SUM(CASE WHEN p.part IN ('pool_free', 'heap_free', 'heap_garbage') THEN p.bytes END)
               AS unused_bytes,
           SUM(CASE WHEN p.part = 'mapped' THEN p.bytes END) AS mapped_bytes,
           SUM(CASE WHEN p.part IN ('thread_stacks', 'main_stack') THEN p.bytes END) AS stack_bytes,
           SUM(CASE WHEN p.part IN ('static', 'files', 'shared') THEN p.bytes END) AS file_bytes,
           SUM(CASE WHEN p.part = 'recorder' THEN p.bytes END) AS recorder_bytes,
           SUM(CASE WHEN p.part = 'unexplained' THEN p.bytes END) AS unexplained_bytes
      FROM stepped s
      JOIN rss_part p ON p.run_id = s.run_id AND p.time_ns = s.time_ns
     WHERE s.place = 1
     GROUP BY s.run_id, s.time_ns, s.rss_bytes
)
SELECT s.time_ns,
       s.rss_bytes,
       s.live_bytes,
       s.live_bytes_low,
       s.live_bytes_high,
       s.overhead_bytes,
       s.free_bytes,
       s.unused_bytes,
       s.mapped_bytes,
       s.stack_bytes,
       s.file_bytes,
       s.recorder_bytes,
       s.unexplained_bytes,
       t.pss_bytes,
       (SELECT g.cgroup_bytes
          FROM process_tick g
         WHERE g.run_id = s.run_id
           AND g.time_ns <= s.time_ns
           AND g.cgroup_bytes IS NOT NULL
         ORDER BY g.time_ns DESC
         LIMIT 1) AS cgroup_bytes
  FROM summed s
  LEFT JOIN process_tick t ON t.run_id = s.run_id AND t.time_ns = s.time_ns
 ORDER BY s.time_ns
