-- SPDX-License-Identifier: Apache-2.0
-- facts: which run this is, and what it does not know.
--
-- Reads:    run, loss
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   executable       TEXT   path
--   command_line     TEXT   its arguments
--   pid              ID     of the system
--   host             TEXT   where it ran
--   started_unix_ns  VALUE  when it began, ns since 1970
--   duration_ns      NS     how long it was recorded
--   mode             TEXT   sampled, full
--   interval_bytes   BYTES  mean distance between samples
--   complete         COUNT  1: nothing is missing
--   lost_events      COUNT  events that were lost
SELECT r.executable, r.command_line, r.pid, r.host, r.started_unix_ns, r.duration_ns, r.mode, r.interval_bytes,
       r.complete,
       (SELECT COALESCE(SUM(l.count), 0)
          FROM loss l
         WHERE l.run_id = r.id
           AND l.kind IN ('dropped_samples', 'dropped_frees', 'dropped_marks', 'gap_events')) AS lost_events
  FROM run r
 WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
