-- SPDX-License-Identifier: Apache-2.0
-- rss: what the resident set consists of, at its peak and at the end.
--
-- Reads:    run, process_tick, allocator_tick, timeline_interval
-- Params:
--   $1 run     ID    the run's id (default: the first)
--   $2 moment  TEXT  peak|end: only this one (default: both)
-- Columns:
--   moment      GROUP  peak: the resident set was largest; end: its last reading
--   time_ns     NS     when, since the start of the run
--   component   TEXT   part of the resident set
--   bytes       BYTES  its size; empty: this process could not report it
--   bytes_low   BYTES
--   bytes_high  BYTES
--   share       RATIO  bytes over rss_bytes
--   note        NOTE   what it is
--   rss_bytes   TOTAL  resident set at the moment
-- Table:    moment component bytes share note
-- Bar:      bytes
-- Caveat:   the rows of a moment add up to its resident set; the process is read at intervals, so a
--           shorter peak is missed. Memory mapped without the allocator counts against what was
--           never touched, when there is any.
WITH chosen AS (
    SELECT id, bucket_ns
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND bucket_ns > 0
),
reading AS (
    SELECT p.*
      FROM process_tick p
      JOIN chosen c ON c.id = p.run_id
     WHERE p.rss_bytes IS NOT NULL
),
moment (number, moment, time_ns) AS (
    SELECT 1, 'peak', MIN(time_ns)
      FROM reading
     WHERE rss_bytes = (SELECT MAX(rss_bytes) FROM reading)
     UNION ALL
    SELECT 2, 'end', MAX(time_ns) FROM reading
),
-- the kinds of mapping and the allocator are read less often: their nearest reading counts
kinds AS (
    SELECT p.*, m.number,
           ROW_NUMBER() OVER (PARTITION BY m.number ORDER BY ABS(p.time_ns - m.time_ns), p.time_ns)
               AS place
      FROM process_tick p
      JOIN chosen c ON c.id = p.run_id
     CROSS JOIN moment m
     WHERE p.anon_rss_bytes IS NOT NULL
),
allocator AS (
    SELECT a.*, m.number,
           ROW_NUMBER() OVER (PARTITION BY m.number ORDER BY ABS(a.time_ns - m.time_ns), a.time_ns)
               AS place
      FROM allocator_tick a
      JOIN chosen c ON c.id = a.run_id
     CROSS JOIN moment m
     WHERE a.used_bytes IS NOT NULL
),
live AS (
    SELECT t.*, m.number,
           ROW_NUMBER() OVER (PARTITION BY m.number ORDER BY t.bucket DESC) AS place
      FROM timeline_interval t
      JOIN chosen c ON c.id = t.run_id
      JOIN moment m ON t.bucket <= m.time_ns / c.bucket_ns
),
measured AS (
    SELECT m.number, m.moment, m.time_ns,
           r.rss_bytes AS rss,
           COALESCE(k.heap_rss_bytes + k.anon_rss_bytes, r.rss_bytes - r.shared_bytes) AS anonymous,
           COALESCE(k.file_rss_bytes, r.shared_bytes) AS files,
           k.shmem_rss_bytes AS shared,
           k.stack_rss_bytes AS main_stack,
           k.recorder_rss_bytes AS recorder,
           a.used_bytes AS used,
           a.free_bytes AS free,
           CAST(ROUND(l.live_bytes) AS BIGINT) AS live,
           CAST(ROUND(l.live_bytes_low) AS BIGINT) AS live_low,
           CAST(ROUND(l.live_bytes_high) AS BIGINT) AS live_high,
           CAST(ROUND(l.live_usable_bytes) AS BIGINT) AS usable,
           CAST(ROUND(l.live_usable_bytes * l.live_bytes_low / NULLIF(l.live_bytes, 0)) AS BIGINT)
               AS usable_low,
           CAST(ROUND(l.live_usable_bytes * l.live_bytes_high / NULLIF(l.live_bytes, 0)) AS BIGINT)
               AS usable_high
      FROM moment m
      JOIN reading r ON r.time_ns = m.time_ns
      LEFT JOIN kinds k ON k.number = m.number AND k.place = 1
      LEFT JOIN allocator a ON a.number = m.number AND a.place = 1
      LEFT JOIN live l ON l.number = m.number AND l.place = 1
     WHERE COALESCE(CAST($2 AS TEXT), m.moment) = m.moment
),
-- what the heap takes in address space; more than is resident means pages never written
footed AS (
    SELECT m.*,
           COALESCE(used, usable, 0) + COALESCE(free, 0) AS footprint
      FROM measured m
),
split AS (
    SELECT f.*,
           CASE WHEN anonymous < footprint THEN anonymous - footprint ELSE 0 END AS untouched
      FROM footed f
),
component (place, component, note) AS (
    VALUES (1, 'live blocks', 'requested by the program and not freed'),
           (2, 'rounding waste', 'given beyond the request'),
           (3, 'allocator overhead', 'headers, thread caches; below 0: live estimate is high'),
           (4, 'free in allocator', 'freed, but not given back to the system'),
           (5, 'never touched', 'allocated, but no page behind it yet'),
           (6, 'files', 'code, data and mapped files'),
           (7, 'main stack', 'of the first thread'),
           (8, 'shared memory', 'shared mappings without a file'),
           (9, 'recorder', 'what recording itself holds'),
           (10, 'unexplained', 'mappings that are no heap''s: thread stacks, direct mmap')
),
valued AS (
    SELECT s.number, s.moment, s.time_ns, s.rss, c.place, c.component, c.note,
           CASE c.place
               WHEN 1 THEN live
               WHEN 2 THEN usable - live
               WHEN 3 THEN used - usable
               WHEN 4 THEN free
               WHEN 5 THEN untouched
               WHEN 6 THEN files
               WHEN 7 THEN main_stack
               WHEN 8 THEN shared
               WHEN 9 THEN recorder
               ELSE rss - footprint - untouched - COALESCE(files, 0) - COALESCE(main_stack, 0)
                   - COALESCE(shared, 0) - COALESCE(recorder, 0)
           END AS bytes,
           CASE c.place
               WHEN 1 THEN live - live_low
               WHEN 2 THEN (usable - live) - (usable_low - live_low)
               WHEN 3 THEN usable_high - usable
               WHEN 10 THEN CASE WHEN used IS NULL THEN usable_high - usable END
           END AS below,
           CASE c.place
               WHEN 1 THEN live_high - live
               WHEN 2 THEN (usable_high - live_high) - (usable - live)
               WHEN 3 THEN usable - usable_low
               WHEN 10 THEN CASE WHEN used IS NULL THEN usable - usable_low END
           END AS above
      FROM split s
     CROSS JOIN component c
)
SELECT moment,
       time_ns,
       component,
       bytes,
       bytes - COALESCE(below, 0) AS bytes_low,
       bytes + COALESCE(above, 0) AS bytes_high,
       CAST(ROUND(CAST(bytes * 1.0 / NULLIF(rss, 0) AS NUMERIC), 4) AS DOUBLE PRECISION) AS share,
       note,
       rss AS rss_bytes
  FROM valued
 ORDER BY number, place
