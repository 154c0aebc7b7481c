-- SPDX-License-Identifier: Apache-2.0
-- resident: what the resident set consisted of, over time; the parts of a moment add up to it.
--
-- Reads:    run, rss_moment, rss_part
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   time_ns    NS     when, since the start of the run
--   rss_bytes  BYTES  all that was resident
--   place      COUNT  order of the part, from the bottom
--   part       TEXT   what it is
--   bytes      BYTES  its size; empty: this process could not tell, so it is in another part
SELECT m.time_ns, m.rss_bytes, p.place, p.part, p.bytes
  FROM rss_moment m
  JOIN rss_part p ON p.run_id = m.run_id AND p.time_ns = m.time_ns
 WHERE m.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
 ORDER BY m.time_ns, p.place
