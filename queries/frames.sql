-- SPDX-License-Identifier: Apache-2.0
-- frames: per stream: how long frames took, how many broke the budget, what they cost.
--
-- Reads:    run, frame_stream, frame_mark, quantile, pool, pool_stale
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   stream                TEXT   name of the stream
--   frames                COUNT  that ended
--   frames_per_second     PACE   from the first begin to the last
--   budget_ns             NS     what a frame may take; empty: no budget
--   p50_ns                NS     half of the frames took no longer
--   p95_ns                NS     95 % took no longer
--   p99_ns                NS     99 % took no longer
--   max_ns                NS     the longest
--   over_budget           COUNT  frames that took longer than it
--   over_share            RATIO  over_budget, of the frames
--   over_gc               COUNT  of these, because of collections
--   over_allocation       COUNT  because of what they allocated
--   over_faults           COUNT  because of page faults
--   over_other            COUNT  none of these explains it: the code itself
--   over_unknown          COUNT  nothing was told that could explain it
--   gc_share              RATIO  time that stood for collections, of all frames' time; empty: no
--                                collections are told
--   gc_none               COUNT  frames that did not stand for a collection
--   gc_0_1_ms             COUNT  frames that did, for less than 1 ms
--   gc_1_5_ms             COUNT  1 ms to 5 ms
--   gc_5_10_ms            COUNT  5 ms to 10 ms
--   gc_10_16_ms           COUNT  10 ms to 16 ms
--   gc_16_ms              COUNT  16 ms and more
--   alloc_p50_bytes       BYTES  half of the frames allocated no more: exact, of the frame's thread
--   alloc_p99_bytes       BYTES  99 % allocated no more
--   heap_alloc_p50_bytes  BYTES  the same for managed heaps; empty: they tell no objects
--   heap_alloc_p99_bytes  BYTES  99 % allocated no more
--   overflow_frames       COUNT  frames in which a pool overflowed; empty: no pools are told
--   overflow_bytes        BYTES  that did not fit into pools
--   forgotten_resets      COUNT  arenas that a frame left full; empty: no arena belongs to the stream
--   major_faults          COUNT  page faults that waited for a disk; empty: too short to be asked
--   cut_short             COUNT  frames that ended because the next one began
--   unfinished            COUNT  frames that did not end
--   verdict               PROSE  what to look at
-- Table:    stream frames budget_ns p50_ns p95_ns p99_ns max_ns over_budget over_share
-- Empty:    this program told no frames; memrec_frame_begin and memrec_frame_end do
-- Caveat:   bytes are those of the thread the frame ran on; frame_causes has the frames over budget.
WITH stream AS (
    SELECT *
      FROM frame_stream
     WHERE run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
counted AS (
    SELECT f.stream_id,
           COUNT(f.duration_ns) AS frames,
           COUNT(*) - COUNT(f.duration_ns) AS unfinished,
           MAX(f.begin_ns) - MIN(f.begin_ns) AS apart_ns,
           COUNT(*) - 1 AS steps,
           SUM(f.duration_ns) AS frame_ns,
           COUNT(f.over_ns) AS over_count,
           COUNT(f.over_ns) FILTER (WHERE f.why = 'gc') AS over_gc,
           COUNT(f.over_ns) FILTER (WHERE f.why = 'allocation') AS over_allocation,
           COUNT(f.over_ns) FILTER (WHERE f.why = 'faults') AS over_faults,
           COUNT(f.over_ns) FILTER (WHERE f.why = 'other') AS over_other,
           COUNT(f.over_ns) FILTER (WHERE f.why = 'unknown') AS over_unknown,
           COUNT(f.gc_ns) AS gc_told,
           SUM(f.gc_ns) AS gc_ns,
           COUNT(*) FILTER (WHERE f.gc_ns = 0) AS gc_none,
           COUNT(*) FILTER (WHERE f.gc_ns > 0 AND f.gc_ns < 1000000) AS gc_0_1,
           COUNT(*) FILTER (WHERE f.gc_ns >= 1000000 AND f.gc_ns < 5000000) AS gc_1_5,
           COUNT(*) FILTER (WHERE f.gc_ns >= 5000000 AND f.gc_ns < 10000000) AS gc_5_10,
           COUNT(*) FILTER (WHERE f.gc_ns >= 10000000 AND f.gc_ns < 16000000) AS gc_10_16,
           COUNT(*) FILTER (WHERE f.gc_ns >= 16000000) AS gc_16,
           COUNT(f.overflow_count) AS overflow_told,
           COUNT(*) FILTER (WHERE f.overflow_count > 0) AS overflow_frames,
           SUM(f.overflow_bytes) AS overflow_bytes,
           SUM(f.major_faults) AS major_faults,
           COUNT(*) FILTER (WHERE f.ended_by = 'begin') AS cut_short
      FROM frame_mark f
      JOIN stream s ON s.run_id = f.run_id AND s.id = f.stream_id
     GROUP BY f.stream_id
),
arena AS (
    SELECT p.stream_id, COUNT(e.time_ns) AS forgotten
      FROM stream s
      JOIN pool p ON p.run_id = s.run_id AND p.stream_id = s.id
      LEFT JOIN pool_stale e ON e.run_id = p.run_id AND e.pool_id = p.id
     GROUP BY p.stream_id
),
joined AS (
    SELECT s.id, s.name, s.budget_ns, s.number, c.*,
           d.p50 AS p50_ns, d.p95 AS p95_ns, d.p99 AS p99_ns, d.maximum AS max_ns,
           b.p50 AS alloc_p50, b.p99 AS alloc_p99,
           h.p50 AS heap_p50, h.p99 AS heap_p99,
           a.forgotten
      FROM stream s
      LEFT JOIN counted c ON c.stream_id = s.id
      LEFT JOIN arena a ON a.stream_id = s.id
      LEFT JOIN quantile d
        ON d.run_id = s.run_id
       AND d.measure = 'frame_mark.duration_ns'
       AND d.subject_id = s.id
      LEFT JOIN quantile b
        ON b.run_id = s.run_id
       AND b.measure = 'frame_mark.alloc_bytes'
       AND b.subject_id = s.id
      LEFT JOIN quantile h
        ON h.run_id = s.run_id
       AND h.measure = 'frame_mark.heap_alloc_bytes'
       AND h.subject_id = s.id
),
-- ', 3 by collections' and so on; nothing for none
worded AS (
    SELECT j.*,
           CASE WHEN over_gc > 0 THEN ', ' || CAST(over_gc AS TEXT) || ' by collections' ELSE '' END
               || CASE
                      WHEN over_allocation > 0
                      THEN ', ' || CAST(over_allocation AS TEXT) || ' by allocation'
                      ELSE ''
                  END
               || CASE
                      WHEN over_faults > 0
                      THEN ', ' || CAST(over_faults AS TEXT) || ' by page faults'
                      ELSE ''
                  END
               || CASE
                      WHEN over_other > 0
                      THEN ', ' || CAST(over_other AS TEXT) || ' by none of these'
                      ELSE ''
                  END
               || CASE
                      WHEN over_unknown > 0
                      THEN ', ' || CAST(over_unknown AS TEXT) || ' for unknown reasons'
                      ELSE ''
                  END AS causes
      FROM joined j
)
SELECT name AS stream,
       COALESCE(frames, 0) AS frames,
       CAST(ROUND(CAST(steps * 1000000000.0 / NULLIF(apart_ns, 0) AS NUMERIC), 3)
           AS DOUBLE PRECISION) AS frames_per_second,
       budget_ns,
       p50_ns,
       p95_ns,
       p99_ns,
       max_ns,
       CASE WHEN budget_ns IS NOT NULL THEN COALESCE(over_count, 0) END AS over_budget,
       CASE
           WHEN budget_ns IS NOT NULL
           THEN CAST(ROUND(CAST(over_count * 1.0 / NULLIF(frames, 0) AS NUMERIC), 4)
               AS DOUBLE PRECISION)
       END AS over_share,
       CASE WHEN budget_ns IS NOT NULL THEN over_gc END AS over_gc,
       CASE WHEN budget_ns IS NOT NULL THEN over_allocation END AS over_allocation,
       CASE WHEN budget_ns IS NOT NULL THEN over_faults END AS over_faults,
       CASE WHEN budget_ns IS NOT NULL THEN over_other END AS over_other,
       CASE WHEN budget_ns IS NOT NULL THEN over_unknown END AS over_unknown,
       CASE
           WHEN gc_told > 0
           THEN CAST(ROUND(CAST(gc_ns * 1.0 / NULLIF(frame_ns, 0) AS NUMERIC), 4)
               AS DOUBLE PRECISION)
       END AS gc_share,
       CASE WHEN gc_told > 0 THEN gc_none END AS gc_none,
       CASE WHEN gc_told > 0 THEN gc_0_1 END AS gc_0_1_ms,
       CASE WHEN gc_told > 0 THEN gc_1_5 END AS gc_1_5_ms,
       CASE WHEN gc_told > 0 THEN gc_5_10 END AS gc_5_10_ms,
       CASE WHEN gc_told > 0 THEN gc_10_16 END AS gc_10_16_ms,
       CASE WHEN gc_told > 0 THEN gc_16 END AS gc_16_ms,
       alloc_p50 AS alloc_p50_bytes,
       alloc_p99 AS alloc_p99_bytes,
       heap_p50 AS heap_alloc_p50_bytes,
       heap_p99 AS heap_alloc_p99_bytes,
       CASE WHEN overflow_told > 0 THEN overflow_frames END AS overflow_frames,
       CAST(overflow_bytes AS BIGINT) AS overflow_bytes,
       forgotten AS forgotten_resets,
       CAST(major_faults AS BIGINT) AS major_faults,
       cut_short,
       unfinished,
       CASE
           WHEN frames IS NULL OR frames = 0 THEN 'No frame ended.'
           WHEN budget_ns IS NULL THEN 'No budget was told.'
           WHEN over_count = 0 THEN 'Every frame kept its budget.'
           ELSE CAST(over_count AS TEXT) || ' of ' || CAST(frames AS TEXT)
               || ' frames broke the budget: ' || SUBSTR(causes, 3)
               || '; report frame_causes has the worst.'
       END
           || CASE
                  WHEN forgotten > 0
                  THEN ' Arenas still full at the end of a frame: ' || CAST(forgotten AS TEXT) || '.'
                  ELSE ''
              END
           || CASE
                  WHEN overflow_frames > 0
                  THEN ' Frames in which a pool overflowed: ' || CAST(overflow_frames AS TEXT) || '.'
                  ELSE ''
              END AS verdict
  FROM worded
 ORDER BY COALESCE(over_count, 0) DESC, number
