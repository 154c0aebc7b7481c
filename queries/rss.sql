-- SPDX-License-Identifier: Apache-2.0
-- rss: what the resident set consists of, at its peak and at the end: parts that add up to it.
--
-- Reads:    run, rss_moment, rss_part
-- Params:
--   $1 run     ID    the run's id (default: the first)
--   $2 moment  TEXT  peak, end, or seconds since the start of the run: only this (default: peak and end)
-- Columns:
--   moment      GROUP  peak: the resident set was largest; end: its last reading; at: the reading
--                      nearest to the time that was asked for
--   time_ns     NS     when, since the start of the run
--   component   TEXT   part of the resident set; those of no bytes are left out
--   bytes       BYTES  its size; empty: this process could not tell, so it is in another part
--   bytes_low   BYTES
--   bytes_high  BYTES
--   share       RATIO  bytes over rss_bytes
--   note        NOTE   what it is; of the unexplained part: what it may be
--   rss_bytes   TOTAL  resident set at the moment
-- Table:    moment component bytes share note
-- Bar:      bytes
-- Empty:    the resident set was never read
-- Caveat:   the process is read at intervals, and whenever it reaches a new peak, as far as the cost
--           allows; a peak between two readings is in process_tick.rss_bytes only. Pools and managed
--           heaps are told by the program, and how much of what they do not use was ever touched is
--           not known.
WITH chosen AS (
    SELECT id
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
-- the reading nearest to a time
nearest AS (
    SELECT r.time_ns
      FROM rss_moment r
      JOIN chosen c ON c.id = r.run_id
     WHERE CAST($2 AS TEXT) NOT IN ('peak', 'end')
     ORDER BY ABS(r.time_ns - CASE
                                  WHEN CAST($2 AS TEXT) IN ('peak', 'end') THEN 0
                                  ELSE CAST(CAST($2 AS TEXT) AS DOUBLE PRECISION)
                              END * 1000000000),
              r.time_ns
     LIMIT 1
),
moment (number, moment, run_id, time_ns, rss_bytes, reason) AS (
    SELECT 1, 'peak', r.run_id, r.time_ns, r.rss_bytes, r.reason
      FROM rss_moment r
      JOIN chosen c ON c.id = r.run_id
     WHERE r.is_peak = 1
       AND COALESCE(CAST($2 AS TEXT), 'peak') = 'peak'
     UNION ALL
    SELECT 2, 'end', r.run_id, r.time_ns, r.rss_bytes, r.reason
      FROM rss_moment r
      JOIN chosen c ON c.id = r.run_id
     WHERE r.is_end = 1
       AND COALESCE(CAST($2 AS TEXT), 'end') = 'end'
     UNION ALL
    SELECT 3, 'at', r.run_id, r.time_ns, r.rss_bytes, r.reason
      FROM rss_moment r
      JOIN chosen c ON c.id = r.run_id
      JOIN nearest n ON n.time_ns = r.time_ns
),
component (part, component, note) AS (
    VALUES ('live', 'live blocks', 'requested by the program and not freed'),
           ('rounding', 'rounding waste', 'given beyond the request'),
           ('headers', 'headers', 'in front of blocks, and the allocator''s own books'),
           ('thread_caches', 'thread caches', 'freed, kept by threads for their next requests'),
           ('free_partial', 'free between blocks', 'freed, on pages that other blocks pin or may'),
           ('free_dirty', 'free pages', 'freed whole; the allocator returns them when it likes'),
           ('free_top', 'free at the top', 'the end of a heap, which shrinks when it is trimmed'),
           ('pool_free', 'unused in pools', 'reserved by pools and arenas, and not used'),
           ('heap_free', 'unused in managed heaps', 'theirs, without an object'),
           ('heap_garbage', 'garbage', 'dead objects until the next collection; estimated from it'),
           ('mapped', 'mapped by the program', 'by mmap, past the allocator'),
           ('static', 'static data', 'zeroed data (.bss) of code'),
           ('thread_stacks', 'thread stacks', 'as deep as they ever were'),
           ('main_stack', 'main stack', 'of the first thread'),
           ('files', 'files', 'code, data and mapped files'),
           ('shared', 'shared memory', 'shared mappings without a file'),
           ('recorder', 'recorder', 'what recording itself holds'),
           ('unexplained', 'unexplained', '')
)
SELECT m.moment,
       m.time_ns,
       c.component,
       p.bytes,
       p.bytes_low,
       p.bytes_high,
       CAST(ROUND(CAST(p.bytes * 1.0 / NULLIF(m.rss_bytes, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS share,
       CASE WHEN p.part = 'unexplained' THEN m.reason ELSE c.note END AS note,
       m.rss_bytes
  FROM moment m
  JOIN rss_part p ON p.run_id = m.run_id AND p.time_ns = m.time_ns
  JOIN component c ON c.part = p.part
 WHERE p.bytes > 0
    OR p.part = 'unexplained'
    OR p.bytes IS NULL AND p.part NOT IN ('free_dirty', 'free_top') -- not every allocator has both
 ORDER BY m.number, p.place
