-- SPDX-License-Identifier: Apache-2.0
-- risks: what the highest of the next period exceeds with a certain chance.
--
-- Reads:    run, capacity_risk
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   measure     TEXT   rss, live, heap, pool
--   subject_id  ID     of the heap or pool
--   risk        RATIO  chance that it is exceeded
--   bytes       BYTES  by the highest of the next period
SELECT measure, subject_id, risk, bytes
  FROM capacity_risk
 WHERE run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
 ORDER BY measure, subject_id, risk DESC
