-- SPDX-License-Identifier: Apache-2.0
-- pools: per arena, slab, tier, buffer or connection pool: how full, what did not fit.
--
-- Reads:    run, pool, pool_tick, pool_stale, pool_map, quantile
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   pool                  TEXT   its name
--   kind                  TEXT   slab, arena, tier, buffer, connection; other
--   used                  MIXED  at the end
--   capacity              MIXED  empty: no limit
--   used_share            RATIO  used over capacity
--   high_water            MIXED  the most that was ever used
--   high_share            RATIO  high_water over capacity
--   reserved              MIXED  taken from the system or the parent allocator, at the end
--   unit                  UNIT   of these: bytes, or count for connections
--   overflow_count        COUNT  requests that did not fit and went elsewhere
--   overflow_bytes        BYTES  of these
--   overflows_per_second  PACE   over the run
--   wait_count            COUNT  requests that had to wait for a place
--   wait_mean_ns          NS     how long, on average
--   exhausted_count       COUNT  requests that were refused
--   reset_count           COUNT  times it was emptied at once
--   forgotten_resets      COUNT  frames that ended with it not reset and not empty; empty: no stream's
--   forgotten_share       RATIO  forgotten_resets over the frames of its stream that ended
--   slots                 COUNT  of its latest slot map; empty: none was told
--   free_slots            COUNT  of these, free
--   free_runs             COUNT  stretches of free slots
--   longest_free_run      COUNT  slots of the longest of them
--   unusable_share        RATIO  free slots outside the longest run, of the free slots
--   last_ns               NS     when its state last moved, since the start of the run
--   verdict               PROSE  what to change
-- Table:    pool kind used capacity used_share high_water high_share overflow_count exhausted_count
-- Empty:    this program told no pools; memrec_pool and memrec_pool_state do
-- Caveat:   the state is written about ten times a second; counts and high water miss nothing.
WITH chosen AS (
    SELECT id, duration_ns
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
-- connections are counted: their slots have no size
pooled AS (
    SELECT p.*, c.duration_ns,
           COALESCE(p.capacity_bytes, p.capacity_slots * COALESCE(p.slot_bytes, 1)) AS capacity,
           CASE WHEN p.kind = 'connection' AND COALESCE(p.slot_bytes, 1) = 1 THEN 'count' ELSE 'bytes' END
               AS unit,
           (SELECT MAX(t.time_ns)
              FROM pool_tick t
             WHERE t.run_id = p.run_id
               AND t.pool_id = p.id) AS last_ns,
           (SELECT MAX(m.time_ns)
              FROM pool_map m
             WHERE m.run_id = p.run_id
               AND m.pool_id = p.id) AS mapped_ns,
           (SELECT COUNT(*)
              FROM pool_stale e
             WHERE e.run_id = p.run_id
               AND e.pool_id = p.id) AS forgotten
      FROM pool p
      JOIN chosen c ON c.id = p.run_id
),
joined AS (
    SELECT p.*, t.used_bytes, t.reserved_bytes, t.high_water_bytes, t.overflow_count,
           t.overflow_bytes, t.wait_count, t.wait_ns, t.exhausted_count, t.reset_count,
           m.slots, m.slots - m.used_slots AS free_slots, m.free_runs, m.longest_free_run,
           CASE WHEN p.stream_id IS NOT NULL THEN p.forgotten END AS forgotten_resets,
           f.told AS frames
      FROM pooled p
      LEFT JOIN pool_tick t ON t.run_id = p.run_id AND t.pool_id = p.id AND t.time_ns = p.last_ns
      LEFT JOIN pool_map m ON m.run_id = p.run_id AND m.pool_id = p.id AND m.time_ns = p.mapped_ns
      LEFT JOIN quantile f
        ON f.run_id = p.run_id
       AND f.measure = 'frame_mark.duration_ns'
       AND f.subject_id = p.stream_id
),
worded AS (
    SELECT j.*,
           CASE
               WHEN exhausted_count > 0
               THEN ' It ran out; requests refused: ' || CAST(exhausted_count AS TEXT) || '.'
               ELSE ''
           END
               || CASE
                      WHEN overflow_count > 0
                      THEN ' It is too small; requests that went elsewhere: '
                          || CAST(overflow_count AS TEXT) || '.'
                      ELSE ''
                  END
               || CASE
                      WHEN wait_count > 0
                      THEN ' Requests that had to wait: ' || CAST(wait_count AS TEXT) || '.'
                      ELSE ''
                  END
               || CASE
                      WHEN forgotten_resets > 0
                      THEN ' Frames that ended without resetting it: '
                          || CAST(forgotten_resets AS TEXT) || '.'
                      ELSE ''
                  END
               || CASE
                      WHEN free_slots > 0 AND longest_free_run * 2 < free_slots
                      THEN ' It is fragmented: half of the free slots and more lie outside the longest'
                          || ' free run.'
                      ELSE ''
                  END AS complaints
      FROM joined j
)
SELECT name AS pool,
       kind,
       used_bytes AS used,
       capacity,
       CAST(ROUND(CAST(used_bytes * 1.0 / NULLIF(capacity, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS used_share,
       high_water_bytes AS high_water,
       CAST(ROUND(CAST(high_water_bytes * 1.0 / NULLIF(capacity, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS high_share,
       reserved_bytes AS reserved,
       unit,
       overflow_count,
       overflow_bytes,
       CAST(ROUND(CAST(overflow_count * 1000000000.0 / NULLIF(duration_ns, 0) AS NUMERIC), 3)
           AS DOUBLE PRECISION) AS overflows_per_second,
       wait_count,
       CAST(ROUND(wait_ns * 1.0 / NULLIF(wait_count, 0)) AS BIGINT) AS wait_mean_ns,
       exhausted_count,
       reset_count,
       forgotten_resets,
       CAST(ROUND(CAST(forgotten_resets * 1.0 / NULLIF(frames, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS forgotten_share,
       slots,
       free_slots,
       free_runs,
       longest_free_run,
       CAST(ROUND(CAST(1 - longest_free_run * 1.0 / NULLIF(free_slots, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS unusable_share,
       last_ns,
       CASE
           WHEN complaints <> '' THEN SUBSTR(complaints, 2)
           WHEN high_water_bytes * 4 < capacity
           THEN 'It never filled a quarter of its capacity.'
           WHEN high_water_bytes * 10 > capacity * 9
           THEN 'It held everything, but came within a tenth of its capacity.'
           WHEN last_ns IS NULL THEN 'Its state was never told.'
           ELSE 'It held everything.'
       END AS verdict
  FROM worded
 ORDER BY CASE
              WHEN exhausted_count > 0 THEN 0
              WHEN overflow_count > 0 OR forgotten_resets > 0 THEN 1
              WHEN complaints <> '' THEN 2
              ELSE 3
          END, number
