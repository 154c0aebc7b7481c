-- SPDX-License-Identifier: Apache-2.0
-- frame_causes: the worst frames over budget: why, and who allocated what forced the collection.
--
-- Reads:    run, frame_stream, frame_mark, phase, gc, heap, gc_site, stack
-- Params:
--   $1 run     ID     the run's id (default: the first)
--   $2 limit   COUNT  rows to show (default: 20)
--   $3 stream  TEXT   only frames of this stream
--   $4 why     TEXT   gc|allocation|faults|other|unknown: only those
-- Columns:
--   stream            TEXT   name of the stream
--   frame             ID     number of the frame in it, from 1
--   begin_ns          NS     when it began, since the start of the run
--   duration_ns       NS     how long it took
--   over_ns           NS     beyond the budget
--   why               TEXT   what can explain half of what is over: gc: collections, as measured;
--                            faults: at 1 us a page, 1 ms one from disk; allocation: at 200 ns each
--                            and 0.25 ns a byte; other: none of these, the code itself; unknown:
--                            nothing was told that could explain it
--   gc_ns             NS     it stood for collections; empty: no collections are told
--   gc_count          COUNT  collections begun inside it
--   alloc_bytes       BYTES  allocated in it, exact; empty: it began and ended on two threads
--   alloc_calls       COUNT  allocations
--   heap_alloc_bytes  BYTES  of managed heaps; empty: they tell no objects
--   overflow_count    COUNT  requests that did not fit into pools
--   minor_faults      COUNT  page faults; empty: too short to be asked
--   major_faults      COUNT  page faults that waited for a disk
--   phase             TEXT   its longest phase; empty: none was told
--   phase_ns          NS     how long that took
--   gc                TEXT   heap, kind and number of the collection that stood longest in it
--   site              TEXT   who allocated most before that collection; empty: nothing was sampled
--   site_share        RATIO  site, of all that was sampled since the collection before
--   site_bytes        BYTES  site, allocated since then
--   site_bytes_low    BYTES
--   site_bytes_high   BYTES
--   reason            PROSE  the same in words, with the sites that follow
--   stack             STACK  of site: innermost call first
--   all_rows          TOTAL  frames over budget
-- Table:    stream frame begin_ns duration_ns over_ns why gc_ns alloc_bytes site
-- Footer:   {rows} of {all_rows} frames over budget
-- Empty:    no frame broke its budget
-- Caveat:   a site that allocated before a collection did not cause it alone.
WITH slow AS (
    SELECT f.*, s.name AS stream
      FROM frame_mark f
      JOIN frame_stream s ON s.id = f.stream_id
     WHERE f.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND f.over_ns IS NOT NULL
       AND s.name = COALESCE(CAST($3 AS TEXT), s.name)
       AND f.why = COALESCE(CAST($4 AS TEXT), f.why)
),
worst AS (
    SELECT s.*, (SELECT COUNT(*) FROM slow) AS all_rows
      FROM slow s
     ORDER BY s.over_ns DESC, s.begin_ns, s.id
     LIMIT COALESCE(CAST($2 AS BIGINT), 20)
),
-- from all phases to the few frames, so that no index is needed
part AS (
    SELECT p.frame_id, p.name, p.duration_ns,
           ROW_NUMBER() OVER (PARTITION BY p.frame_id ORDER BY p.duration_ns DESC, p.begin_ns, p.id)
               AS place
      FROM phase p
     WHERE p.frame_id IN (SELECT id FROM worst)
       AND p.depth = 0
       AND p.duration_ns IS NOT NULL
),
site AS (
    SELECT g.gc_id, g.rank, g.share, g.bytes,
           COALESCE(k.function, '?') AS function, k.text AS stack,
           g.bytes * g.bytes / NULLIF(g.bytes_sq, 0) AS n,
           SQRT(g.bytes_var / NULLIF(g.bytes_sq, 0)) AS spread
      FROM gc_site g
      LEFT JOIN stack k ON k.id = g.stack_id
     WHERE g.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND g.gc_id IN (SELECT gc_id FROM worst)
),
-- 'parse_line (61 %), cache_insert (20 %)'
sites AS (
    SELECT gc_id,
           MAX(function) FILTER (WHERE rank = 1) AS function,
           MAX(stack) FILTER (WHERE rank = 1) AS stack,
           MAX(share) FILTER (WHERE rank = 1) AS share,
           MAX(bytes) FILTER (WHERE rank = 1) AS bytes,
           MAX(n) FILTER (WHERE rank = 1) AS n,
           MAX(spread) FILTER (WHERE rank = 1) AS spread,
           MAX(function || ' (' || CAST(CAST(ROUND(share * 100) AS BIGINT) AS TEXT) || ' %)')
               FILTER (WHERE rank = 1)
               || COALESCE(MAX(', ' || function || ' ('
                   || CAST(CAST(ROUND(share * 100) AS BIGINT) AS TEXT) || ' %)')
                   FILTER (WHERE rank = 2), '')
               || COALESCE(MAX(', ' || function || ' ('
                   || CAST(CAST(ROUND(share * 100) AS BIGINT) AS TEXT) || ' %)')
                   FILTER (WHERE rank = 3), '') AS words
      FROM site
     GROUP BY gc_id
),
joined AS (
    SELECT w.*, p.name AS phase, p.duration_ns AS phase_ns,
           c.kind AS gc_kind, h.name AS heap,
           h.name || ' ' || c.kind || ' ' || CAST(c.number AS TEXT) AS gc,
           s.function, s.stack, s.share, s.bytes, s.words, s.n, s.spread,
           CAST(w.gc_ns / 1000000 AS TEXT) || '.' || CAST(w.gc_ns / 100000 % 10 AS TEXT) AS gc_ms
      FROM worst w
      LEFT JOIN part p ON p.frame_id = w.id AND p.place = 1
      LEFT JOIN gc c ON c.id = w.gc_id
      LEFT JOIN heap h ON h.id = c.heap_id
      LEFT JOIN sites s ON s.gc_id = w.gc_id
)
SELECT stream,
       number AS frame,
       begin_ns,
       duration_ns,
       over_ns,
       why,
       gc_ns,
       gc_count,
       alloc_bytes,
       alloc_calls,
       heap_alloc_bytes,
       overflow_count,
       minor_faults,
       major_faults,
       phase,
       phase_ns,
       gc,
       function AS site,
       CAST(ROUND(CAST(share AS NUMERIC), 4) AS DOUBLE PRECISION) AS site_share,
       CAST(ROUND(bytes) AS BIGINT) AS site_bytes,
       CAST(ROUND(bytes * (1 - (1 - POWER(1 - 1 / (9 * n) - 1.96 / (3 * SQRT(n)), 3)) * spread))
           AS BIGINT) AS site_bytes_low,
       CAST(ROUND(bytes * (1 + ((n + 1) / n
           * POWER(1 - 1 / (9 * (n + 1)) + 1.96 / (3 * SQRT(n + 1)), 3) - 1) * spread)) AS BIGINT)
           AS site_bytes_high,
       CASE why
           WHEN 'gc' THEN 'It stood ' || gc_ms || ' ms for collections'
               || COALESCE(', longest for a ' || gc_kind || ' one of heap ' || heap, '')
               || COALESCE('; before that allocated ' || words, '') || '.'
           WHEN 'allocation' THEN 'What it allocated can explain half of the excess or more'
               || COALESCE(', most of its time in ' || phase, '') || '.'
           WHEN 'faults' THEN 'Its page faults can explain half of the excess or more'
               || COALESCE(', most of its time in ' || phase, '') || '.'
           WHEN 'other' THEN 'Neither collections, allocation nor page faults explain it'
               || COALESCE('; it spent most of its time in ' || phase, '') || '.'
           ELSE 'Nothing was told that could explain it'
               || COALESCE('; it spent most of its time in ' || phase, '') || '.'
       END AS reason,
       stack,
       all_rows
  FROM joined
 ORDER BY over_ns DESC, begin_ns, id
