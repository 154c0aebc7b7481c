-- SPDX-License-Identifier: Apache-2.0
-- live: live bytes and what was allocated and freed, over time.
--
-- Reads:    run, timeline_interval
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   start_ns         NS     start of the step, since the start of the run
--   end_ns           NS     its end
--   live_bytes       BYTES  alive at its end
--   live_bytes_low   BYTES
--   live_bytes_high  BYTES
--   alloc_bytes      BYTES  allocated during it
--   freed_bytes      BYTES  freed during it
--   samples          COUNT  allocations sampled in it
SELECT t.start_ns,
       CASE WHEN t.start_ns + r.bucket_ns < r.duration_ns THEN t.start_ns + r.bucket_ns ELSE r.duration_ns END
           AS end_ns,
       CAST(ROUND(t.live_bytes) AS BIGINT) AS live_bytes,
       CAST(ROUND(t.live_bytes_low) AS BIGINT) AS live_bytes_low,
       CAST(ROUND(t.live_bytes_high) AS BIGINT) AS live_bytes_high,
       CAST(ROUND(t.alloc_bytes) AS BIGINT) AS alloc_bytes,
       CAST(ROUND(t.freed_bytes) AS BIGINT) AS freed_bytes,
       t.samples
  FROM timeline_interval t
  JOIN run r ON r.id = t.run_id
 WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
 ORDER BY t.start_ns
