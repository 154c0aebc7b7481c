-- SPDX-License-Identifier: Apache-2.0
-- loads: how many spans of a kind are in flight, and what one of them holds.
--
-- Reads:    run, span_load, span
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   kind           TEXT   of the spans
--   spans          COUNT  that began
--   in_flight      VALUE  on average
--   in_flight_max  COUNT  at most
--   span_bytes     BYTES  allocated in one, estimate
SELECT l.kind, l.spans, l.in_flight, l.in_flight_max,
       (SELECT CAST(ROUND(SUM(s.bytes) / COUNT(*)) AS BIGINT)
          FROM span s
         WHERE s.run_id = l.run_id
           AND s.kind = l.kind) AS span_bytes
  FROM span_load l
 WHERE l.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
 ORDER BY l.spans DESC, l.kind
