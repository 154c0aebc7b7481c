-- SPDX-License-Identifier: Apache-2.0
-- process: what the operating system said of the process, the largest of each of 600 steps.
--
-- Reads:    run, process_tick
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   time_ns             NS     the last reading of the step, since the start of the run
--   rss_bytes           BYTES  resident set
--   pss_bytes           BYTES  shared pages divided by their users
--   swap_bytes          BYTES  swapped out
--   cgroup_bytes        BYTES  memory.current of its cgroup
--   cgroup_limit_bytes  BYTES  memory.max; empty: none
--   minor_faults        COUNT  since the process began
--   major_faults        COUNT  since the process began, from disk
SELECT MAX(p.time_ns) AS time_ns,
       MAX(p.rss_bytes) AS rss_bytes,
       MAX(p.pss_bytes) AS pss_bytes,
       MAX(p.swap_bytes) AS swap_bytes,
       MAX(p.cgroup_bytes) AS cgroup_bytes,
       MIN(p.cgroup_limit_bytes) AS cgroup_limit_bytes,
       MAX(p.minor_faults) AS minor_faults,
       MAX(p.major_faults) AS major_faults
  FROM process_tick p
  JOIN run r ON r.id = p.run_id
 WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
 GROUP BY p.time_ns / (r.duration_ns / 600 + 1)
 ORDER BY 1
