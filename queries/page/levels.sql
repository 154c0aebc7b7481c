-- SPDX-License-Identifier: Apache-2.0
-- levels: how high memory, heaps and pools were, and how high they will be over a next period as long.
--
-- Reads:    run, capacity, heap, pool, pool_tick
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   measure                    TEXT   rss, live, heap, pool
--   subject_id                 ID     of the heap or pool
--   name                       TEXT   of the heap or pool
--   kind                       TEXT   of the pool
--   capacity_bytes             BYTES  of the heap or pool; connections: slots
--   overflow_count             COUNT  requests that did not fit in the pool
--   wait_count                 COUNT  requests that had to wait for a place in it
--   maximum                    BYTES  the highest there was
--   next_bytes                 BYTES  the highest of the next period
--   next_low_bytes             BYTES  lower end of its 95 % interval
--   next_high_bytes            BYTES  upper end
--   trend                      TEXT   level, grows, falls
--   explained                  COUNT  1: leaks account for the growth, so it will go on
--   slope_bytes_per_hour       RATE   how fast it grows
--   slope_bytes_per_hour_low   RATE
--   slope_bytes_per_hour_high  RATE
SELECT c.measure, c.subject_id, COALESCE(h.name, p.name) AS name, p.kind,
       CASE
           WHEN c.measure = 'heap' THEN h.capacity_bytes
           WHEN p.kind = 'connection' THEN p.capacity_slots
           ELSE COALESCE(p.capacity_bytes, p.capacity_slots * p.slot_bytes)
       END AS capacity_bytes,
       (SELECT MAX(t.overflow_count) FROM pool_tick t WHERE c.measure = 'pool' AND t.run_id = c.run_id AND t.pool_id = p.id)
           AS overflow_count,
       (SELECT MAX(t.wait_count) FROM pool_tick t WHERE c.measure = 'pool' AND t.run_id = c.run_id AND t.pool_id = p.id)
           AS wait_count,
       c.maximum, c.next_bytes, c.next_low_bytes, c.next_high_bytes, c.trend, c.explained,
       c.slope_bytes_per_hour, c.slope_bytes_per_hour_low, c.slope_bytes_per_hour_high
  FROM capacity c
  LEFT JOIN heap h ON c.measure = 'heap' AND h.id = c.subject_id
  LEFT JOIN pool p ON c.measure = 'pool' AND p.id = c.subject_id
 WHERE c.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
 ORDER BY c.measure, c.subject_id
