-- SPDX-License-Identifier: Apache-2.0
-- collections: each collection, or the one with the longest pause of each of 2000 steps.
--
-- Reads:    run, gc, heap
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   begin_ns           NS     when it began, since the start of the run
--   heap               TEXT   name of the managed heap
--   kind               TEXT   full, minor, major, incremental, concurrent; other
--   reason             TEXT   why, as the runtime told
--   pause_ns           NS     the program stood for it
--   used_before_bytes  BYTES  heap use before
--   used_after_bytes   BYTES  heap use after
--   collections        COUNT  in this step
SELECT begin_ns, heap, kind, reason, pause_ns, used_before_bytes, used_after_bytes, collections
  FROM (
        SELECT COALESCE(g.begin_ns, g.end_ns) AS begin_ns, h.name AS heap, g.kind, g.reason, g.pause_ns,
               g.used_before_bytes, g.used_after_bytes,
               COUNT(*) OVER (PARTITION BY g.heap_id, COALESCE(g.begin_ns, g.end_ns) / (r.duration_ns / 2000 + 1))
                   AS collections,
               ROW_NUMBER() OVER (
                   PARTITION BY g.heap_id, COALESCE(g.begin_ns, g.end_ns) / (r.duration_ns / 2000 + 1)
                   ORDER BY COALESCE(g.pause_ns, g.duration_ns, 0) DESC, g.id
               ) AS place
          FROM gc g
          JOIN run r ON r.id = g.run_id
          LEFT JOIN heap h ON h.id = g.heap_id
         WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       ) AS numbered
 WHERE place = 1 AND begin_ns IS NOT NULL
 ORDER BY begin_ns
