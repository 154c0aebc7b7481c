-- SPDX-License-Identifier: Apache-2.0
-- losses: what this run does not know: drops, gaps, cut stacks, missing names.
--
-- Reads:    run, loss, gap, frame_stream, eval, span, gc, gc_survivor, pool, class, retained_set
-- Params:
--   $1 run    ID    the run's id (default: the first)
--   $2 kinds  TEXT  occurred|all: all adds what was watched and did not occur (default: occurred)
-- Columns:
--   kind      TEXT   what is missing; not_told: the program does not speak of it
--   count     COUNT  how often; empty: cannot be told
--   bytes     BYTES  estimated bytes concerned; empty: cannot be told
--   first_ns  NS     start of the stretch that is missing, since the start of the run
--   last_ns   NS     its end; empty: until the end
--   detail    PROSE  what it means and what to do
--   all_rows  TOTAL  kinds that were watched
-- Table:    kind count bytes first_ns last_ns
-- Footer:   {rows} of {all_rows} kinds of loss that were watched
-- Empty:    nothing is known to be missing; --kinds all lists what was watched
-- Caveat:   a kind that --kinds all does not list was not watched.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id
),
-- what a program may tell of itself; one that tells nothing at all is not reminded of it
family (kind, told, detail) AS (
    SELECT 'not_told_frames',
           CASE WHEN EXISTS (SELECT 1 FROM frame_stream f WHERE f.run_id = c.id) THEN 1 ELSE 0 END,
           'Frames: not told by this program; memrec_frame_begin does.'
      FROM chosen c
     UNION ALL
    SELECT 'not_told_evals',
           CASE WHEN EXISTS (SELECT 1 FROM eval e WHERE e.run_id = c.id) THEN 1 ELSE 0 END,
           'Evaluations: not told by this program; memrec_eval_begin does.'
      FROM chosen c
     UNION ALL
    SELECT 'not_told_spans',
           CASE WHEN EXISTS (SELECT 1 FROM span s WHERE s.run_id = c.id) THEN 1 ELSE 0 END,
           'Spans of work: not told by this program; memrec_span_begin does.'
      FROM chosen c
     UNION ALL
    SELECT 'not_told_collections',
           CASE WHEN EXISTS (SELECT 1 FROM gc g WHERE g.run_id = c.id) THEN 1 ELSE 0 END,
           'Collections: not told by this program; memrec_gc_begin does.'
      FROM chosen c
     UNION ALL
    SELECT 'not_told_survivors',
           CASE WHEN EXISTS (SELECT 1 FROM gc_survivor v WHERE v.run_id = c.id) THEN 1 ELSE 0 END,
           'Survivors of collections: not told by this program; memrec_gc_survivors does. The report'
               || ' survival knows those of sampled objects.'
      FROM chosen c
     UNION ALL
    SELECT 'not_told_pools',
           CASE WHEN EXISTS (SELECT 1 FROM pool p WHERE p.run_id = c.id) THEN 1 ELSE 0 END,
           'Pools: not told by this program; memrec_pool_state does.'
      FROM chosen c
     UNION ALL
    SELECT 'not_told_classes',
           CASE WHEN EXISTS (SELECT 1 FROM class k WHERE k.run_id = c.id) THEN 1 ELSE 0 END,
           'Classes: not told by this program; memrec_class_profile does.'
      FROM chosen c
     UNION ALL
    SELECT 'not_told_retained',
           CASE WHEN EXISTS (SELECT 1 FROM retained_set r WHERE r.run_id = c.id) THEN 1 ELSE 0 END,
           'Retained sets: not told by this program; memrec_retained does.'
      FROM chosen c
),
told AS (
    SELECT SUM(told) AS told FROM family
),
listed AS (
    SELECT l.kind, l.count, l.bytes,
           CAST(NULL AS BIGINT) AS first_ns, CAST(NULL AS BIGINT) AS last_ns,
           l.detail, CAST(0 AS BIGINT) AS tie, 0 AS hushed
      FROM loss l
      JOIN chosen c ON c.id = l.run_id
     UNION ALL
    SELECT 'gap_in_trace', g.lost_events, NULL,
           g.first_ns, g.last_ns,
           g.reason, g.id, 0
      FROM gap g
      JOIN chosen c ON c.id = g.run_id
     UNION ALL
    SELECT f.kind, NULL, NULL, NULL, NULL, f.detail, 0, CASE WHEN t.told = 0 THEN 1 ELSE 0 END
      FROM family f
     CROSS JOIN told t
     WHERE f.told = 0
),
counted AS (
    SELECT l.*,
           COUNT(*) FILTER (WHERE hushed = 0 OR CAST($2 AS TEXT) = 'all') OVER () AS all_rows
      FROM listed l
)
SELECT kind,
       count,
       bytes,
       first_ns,
       last_ns,
       detail,
       all_rows
  FROM counted
 WHERE CAST($2 AS TEXT) = 'all'
    OR count > 0
    OR (count IS NULL AND hushed = 0)
 ORDER BY CASE WHEN count = 0 THEN 1 ELSE 0 END, kind, tie
