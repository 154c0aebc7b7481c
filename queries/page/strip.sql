-- SPDX-License-Identifier: Apache-2.0
-- strip: each frame, or the longest of each of 1200 steps, per stream.
--
-- Reads:    run, frame_mark, frame_stream
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   stream          TEXT   name of the stream
--   budget_ns       NS     what a frame may take
--   number          COUNT  of the frame in its stream
--   begin_ns        NS     when it began, since the start of the run
--   duration_ns     NS     how long it took
--   gc_ns           NS     of that, the program stood for collections
--   alloc_bytes     BYTES  allocated in it, exact
--   overflow_count  COUNT  pool overflows in it
--   why             TEXT   why it broke the budget; empty: it did not
--   frames          COUNT  in this step
--   over_budget     COUNT  of these, over budget
SELECT stream, budget_ns, number, begin_ns, duration_ns, gc_ns, alloc_bytes, overflow_count, why, frames, over_budget
  FROM (
        SELECT s.name AS stream, s.budget_ns, f.number, f.begin_ns, f.duration_ns, f.gc_ns, f.alloc_bytes,
               f.overflow_count, f.why,
               COUNT(*) OVER (PARTITION BY f.stream_id, f.begin_ns / (r.duration_ns / 1200 + 1)) AS frames,
               COUNT(f.over_ns) OVER (PARTITION BY f.stream_id, f.begin_ns / (r.duration_ns / 1200 + 1))
                   AS over_budget,
               ROW_NUMBER() OVER (
                   PARTITION BY f.stream_id, f.begin_ns / (r.duration_ns / 1200 + 1)
                   ORDER BY f.duration_ns DESC, f.id
               ) AS place
          FROM frame_mark f
          JOIN run r ON r.id = f.run_id
          JOIN frame_stream s ON s.id = f.stream_id
         WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
           AND f.duration_ns IS NOT NULL
       ) AS numbered
 WHERE place = 1
 ORDER BY stream, begin_ns
