-- SPDX-License-Identifier: Apache-2.0
-- capacity_pools: what if a pool were larger or smaller: how often it would be full, by size.
--
-- Reads:    run, pool, pool_tick, pool_size, pool_occupancy, pool_wait, capacity_risk, span_load
-- Params:
--   $1 run      ID     the run's id (default: the first)
--   $2 pool     TEXT   only the pool of this name (default: all)
--   $3 steps    COUNT  sizes to show of each pool, at most 64 (default: 10)
--   $4 one-in   COUNT  accepted: that the recommended size is exceeded in one of so many periods as
--                      long as the run (default: 10)
-- Columns:
--   pool           GROUP  its name
--   size           MIXED  if it were so large
--   unit           UNIT   bytes, or count for connections
--   mark           TEXT   now: as it is; recommended
--   over_share     RATIO  part of the time in which more was used, as seen ten times a second
--   short_share    RATIO  part of the tenths of a second in which more was wanted, if only for a moment
--   short_looks    COUNT  these tenths
--   waiting_share  RATIO  of the requests, those that would find all places taken, and wait; empty:
--                         they take no places
--   refused_share  RATIO  ... and go away
--   risk           RATIO  chance, at most, that a next period wants more; empty: no prediction, or it
--                         could not hold all that was wanted
--   note           NOTE   now: what happened; recommended: what not to conclude
-- Table:    pool size mark over_share short_share waiting_share risk note
-- Empty:    this program told no pools; memrec_pool and memrec_pool_state do
-- Caveat:   what would have been wanted beyond the capacity is known where overflows are told and the
--           pool is reset; else nothing above the capacity was ever seen. Waiting and refusals are
--           Erlang's formulas for requests that come at random; as many connections as spans were
--           ever in flight are enough.
WITH grid (risk) AS (
    VALUES (0.5), (0.25), (0.1), (0.05), (0.025), (0.01), (0.001), (0.0001)
),
chosen AS (
    SELECT id,
           COALESCE((SELECT MAX(risk)
                       FROM grid
                      WHERE risk * COALESCE(CAST($4 AS BIGINT), 10) < 1.000001), 0.0001) AS risk
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
pooled AS MATERIALIZED (
    SELECT s.*, p.name, p.number,
           -- no more connections are asked for than spans are in flight
           CASE
               WHEN p.kind = 'connection'
               THEN (SELECT MAX(l.in_flight_max)
                       FROM span_load l
                      WHERE l.run_id = s.run_id
                        AND l.in_flight_max >= s.wanted)
           END AS most,
           -- beyond these hardly any request finds no place
           (SELECT MAX(w.slots) FROM pool_wait w WHERE w.run_id = s.run_id AND w.pool_id = s.pool_id)
               AS last_slots
      FROM pool_size s
      JOIN chosen c ON c.id = s.run_id AND c.risk = s.risk
      JOIN pool p ON p.id = s.pool_id
     WHERE p.name = COALESCE(CAST($2 AS TEXT), p.name)
),
candidate AS (
    SELECT p.pool_id, o.size_bytes AS size, 0 AS is_now, 0 AS is_best
      FROM pooled p
      JOIN pool_occupancy o ON o.run_id = p.run_id AND o.pool_id = p.pool_id
     WHERE o.size_bytes > 0
     UNION ALL
    SELECT p.pool_id, w.slots * p.slot, 0, 0
      FROM pooled p
      JOIN pool_wait w ON w.run_id = p.run_id AND w.pool_id = p.pool_id
     WHERE w.waiting_share BETWEEN 0.0001 AND 0.9999
       AND w.slots <= COALESCE(p.most, w.slots)
     UNION ALL
    SELECT pool_id, capacity, 1, 0 FROM pooled WHERE capacity IS NOT NULL
     UNION ALL
    SELECT pool_id, size, 0, 1 FROM pooled
),
distinct_size AS (
    SELECT pool_id, size, MAX(is_now) AS is_now, MAX(is_best) AS is_best,
           ROW_NUMBER() OVER (PARTITION BY pool_id ORDER BY size) AS place,
           COUNT(*) OVER (PARTITION BY pool_id) AS sizes
      FROM candidate
     GROUP BY pool_id, size
),
wanted AS (
    SELECT COALESCE(CAST($3 AS BIGINT), 10) AS steps
),
shown AS (
    SELECT d.pool_id, d.size, d.is_now, d.is_best
      FROM distinct_size d
     CROSS JOIN wanted w
     WHERE d.is_now = 1
        OR d.is_best = 1
        OR d.sizes <= w.steps
        OR d.place * w.steps / d.sizes > (d.place - 1) * w.steps / d.sizes
),
total AS (
    SELECT o.run_id, o.pool_id, SUM(o.held_ns) AS held_ns, SUM(o.looks) AS looks
      FROM pool_occupancy o
     GROUP BY o.run_id, o.pool_id
),
tried AS (
    SELECT p.*, s.size AS tried, s.is_now, s.is_best, t.held_ns, t.looks,
           (SELECT SUM(o.held_ns)
              FROM pool_occupancy o
             WHERE o.run_id = p.run_id
               AND o.pool_id = p.pool_id
               AND o.size_bytes > s.size) AS over_ns,
           (SELECT SUM(o.looks)
              FROM pool_occupancy o
             WHERE o.run_id = p.run_id
               AND o.pool_id = p.pool_id
               AND o.size_bytes > s.size) AS short_looks
      FROM shown s
      JOIN pooled p ON p.pool_id = s.pool_id
      LEFT JOIN total t ON t.run_id = p.run_id AND t.pool_id = p.pool_id
)
SELECT t.name AS pool,
       t.tried AS size,
       t.unit,
       CASE
           WHEN t.is_now = 1 AND t.is_best = 1 THEN 'now, recommended'
           WHEN t.is_now = 1 THEN 'now'
           WHEN t.is_best = 1 THEN 'recommended'
           ELSE ''
       END AS mark,
       CAST(ROUND(CAST(COALESCE(t.over_ns, 0) * 1.0 / NULLIF(t.held_ns, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS over_share,
       CAST(ROUND(CAST(COALESCE(t.short_looks, 0) * 1.0 / NULLIF(t.looks, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS short_share,
       CAST(COALESCE(t.short_looks, 0) AS BIGINT) AS short_looks,
       CASE
           WHEN t.tried / t.slot >= t.most OR t.tried / t.slot > t.last_slots THEN 0.0
           ELSE CAST(ROUND(CAST(w.waiting_share AS NUMERIC), 4) AS DOUBLE PRECISION)
       END AS waiting_share,
       CASE
           WHEN t.tried / t.slot >= t.most OR t.tried / t.slot > t.last_slots THEN 0.0
           ELSE CAST(ROUND(CAST(w.refused_share AS NUMERIC), 4) AS DOUBLE PRECISION)
       END AS refused_share,
       CASE
           WHEN t.censored = 0
            AND EXISTS (SELECT 1
                          FROM capacity_risk r
                         WHERE r.run_id = t.run_id
                           AND r.measure = 'pool'
                           AND r.subject_id = t.pool_id)
           THEN COALESCE((SELECT MIN(r.risk)
                            FROM capacity_risk r
                           WHERE r.run_id = t.run_id
                             AND r.measure = 'pool'
                             AND r.subject_id = t.pool_id
                             AND r.bytes <= t.tried), 1.0)
       END AS risk,
       CASE
           WHEN t.is_best = 1 AND t.basis = 'spans'
           THEN 'a place for every span that was in flight at once'
           WHEN t.is_best = 1 AND t.censored = 1
           THEN 'what found no place is not known: measure again at this size'
           WHEN t.is_best = 1 AND t.basis = 'short'
           THEN 'a fifth more than it wanted: too short to predict'
           WHEN t.is_now = 1
           THEN COALESCE(
               SUBSTR(
                   CASE WHEN k.overflow_count > 0
                       THEN ', overflows: ' || CAST(k.overflow_count AS TEXT) ELSE '' END
                       || CASE WHEN k.wait_count > 0
                              THEN ', waits: ' || CAST(k.wait_count AS TEXT) ELSE '' END
                       || CASE WHEN k.exhausted_count > 0
                              THEN ', refusals: ' || CAST(k.exhausted_count AS TEXT) ELSE '' END, 3), '')
           ELSE ''
       END AS note
  FROM tried t
  LEFT JOIN pool_tick k
    ON k.run_id = t.run_id
   AND k.pool_id = t.pool_id
   AND k.time_ns = (SELECT MAX(m.time_ns)
                      FROM pool_tick m
                     WHERE m.run_id = t.run_id
                       AND m.pool_id = t.pool_id)
  LEFT JOIN pool_wait w
    ON w.run_id = t.run_id
   AND w.pool_id = t.pool_id
   AND w.slots = t.tried / t.slot
 ORDER BY t.number, t.tried
