-- SPDX-License-Identifier: Apache-2.0
-- fragmentation: what malloc, its address areas, managed heaps and pools hold without using it, and what to do.
--
-- Reads:    run, heap_look, address_area, pin, allocator_tick, heap, heap_usage, pool, pool_tick, pool_map
-- Params:
--   $1 run     ID    the run's id (default: the first)
--   $2 moment  TEXT  late|end: at nine tenths of the run, or at its end, when the program may
--                    have cleaned up (default: late, where it is known)
-- Columns:
--   kind             TEXT   malloc: all of it, as the allocator says; area: addresses near each other
--                           in which blocks lay, a heap or an arena; large: blocks with mappings of
--                           their own; heap: managed; pool
--   name             TEXT   its name; areas are numbered, the largest first
--   verdict          TEXT   fragmented: a quarter or more is free, and the interval agrees; perhaps:
--                           it does not; oversized: it was never needed; fine; small: less than
--                           1 MiB is free
--   used             BYTES  in living blocks, with their rounding
--   used_low         BYTES
--   used_high        BYTES
--   reserved         BYTES  held for them
--   free             BYTES  reserved and not used
--   free_low         BYTES
--   free_high        BYTES
--   fragmented       RATIO  free over reserved
--   fragmented_low   RATIO
--   fragmented_high  RATIO
--   nearly_empty     BYTES  free in pages or regions that are nearly empty: old blocks pin them. In a
--                           sampled run with an estimate of those where no sample shows a block
--   empty            BYTES  free in those in which nothing lives
--   unusable         RATIO  of the free bytes, what cannot serve a block of hole_bytes
--   hole_bytes       BYTES  for pools: all of the longest free run
--   longest_free     BYTES  longest stretch without a living block
--   regions          COUNT  of this area
--   sparse_regions   COUNT  of these, nearly empty
--   empty_regions    COUNT  of these, empty
--   unit_bytes       BYTES  what counts as empty or nearly empty: a page, or in a sampled run a region
--   time_ns          NS     of the look, since the start of the run
--   advice           PROSE  what to do
--   map              STACK  by address: · nothing lives there, ▁ little ... █ full
-- Table:    kind name verdict used reserved fragmented nearly_empty empty unusable
-- Empty:    no living block was recorded
-- Caveat:   free here is free inside, whether resident or not: rss says what is resident. In a sampled run
--           a region is nearly empty when at most half full with 97.5 % confidence.
WITH chosen AS (
    SELECT r.id,
           l.moment, l.time_ns, l.region_bytes, l.unit_bytes, l.mapped_bytes, l.mapped_bytes_low,
           l.mapped_bytes_high, l.samples,
           -- of the empty regions, the part that holds something which no sample shows
           COALESCE(l.unseen_regions / NULLIF(l.empty_regions, 0), 0) AS unseen,
           ROW_NUMBER() OVER (ORDER BY l.moment DESC) AS place
      FROM run r
      JOIN heap_look l ON l.run_id = r.id
     WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND l.moment = COALESCE(CAST($2 AS TEXT), l.moment)
),
looked AS (
    SELECT * FROM chosen WHERE place = 1
),
allocator AS (
    SELECT a.*,
           ROW_NUMBER() OVER (ORDER BY ABS(a.time_ns - c.time_ns), a.time_ns) AS nearest
      FROM looked c
      JOIN allocator_tick a ON a.run_id = c.id
     WHERE a.used_bytes IS NOT NULL
),
managed AS (
    SELECT h.id, h.name, u.used_bytes, u.total_bytes,
           ROW_NUMBER() OVER (PARTITION BY h.id ORDER BY ABS(u.time_ns - c.time_ns), u.time_ns)
               AS nearest
      FROM looked c
      JOIN heap h ON h.run_id = c.id
      JOIN heap_usage u ON u.run_id = c.id AND u.heap_id = h.id
     WHERE u.used_bytes IS NOT NULL
       AND u.total_bytes IS NOT NULL
),
pooled AS (
    SELECT p.id, p.number, p.name, p.kind, p.slot_bytes, t.used_bytes, t.high_water_bytes,
           COALESCE(t.reserved_bytes, p.capacity_bytes, p.capacity_slots * p.slot_bytes) AS reserved,
           ROW_NUMBER() OVER (PARTITION BY p.id ORDER BY ABS(t.time_ns - c.time_ns), t.time_ns)
               AS nearest
      FROM looked c
      JOIN pool p ON p.run_id = c.id
      JOIN pool_tick t ON t.run_id = c.id AND t.pool_id = p.id
     WHERE t.used_bytes IS NOT NULL
       AND (p.kind <> 'connection' OR p.slot_bytes > 1)
),
mapped AS (
    SELECT m.*,
           ROW_NUMBER() OVER (PARTITION BY m.pool_id ORDER BY ABS(m.time_ns - c.time_ns), m.time_ns)
               AS nearest
      FROM looked c
      JOIN pool_map m ON m.run_id = c.id
),
part (place, number, kind, name, used, used_low, used_high, reserved, most, sparse, empty, unusable, hole,
      longest, regions, sparse_regions, empty_regions, cells) AS (
    SELECT 1, 0, 'malloc', CASE WHEN r.allocator NOT LIKE '/%' THEN r.allocator ELSE 'malloc' END,
           a.used_bytes, a.used_bytes, a.used_bytes,
           COALESCE(a.committed_bytes, a.used_bytes + a.free_bytes), CAST(NULL AS BIGINT),
           CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS DOUBLE PRECISION),
           CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS BIGINT),
           CAST(NULL AS BIGINT), CAST(NULL AS TEXT)
      FROM allocator a
      JOIN run r ON r.id = a.run_id
     WHERE a.nearest = 1
       AND COALESCE(a.committed_bytes, a.used_bytes + a.free_bytes) IS NOT NULL
     UNION ALL
    SELECT 2, a.number, 'area', NULL, CAST(ROUND(a.used_bytes) AS BIGINT),
           CAST(ROUND(a.used_bytes_low) AS BIGINT), CAST(ROUND(a.used_bytes_high) AS BIGINT),
           a.reserved_bytes, NULL,
           CAST(ROUND(a.sparse_bytes + a.empty_bytes * c.unseen) AS BIGINT),
           CAST(ROUND(a.empty_bytes * (1 - c.unseen)) AS BIGINT), COALESCE(a.unusable_64k, a.unusable_region),
           CASE WHEN a.unusable_64k IS NOT NULL THEN 65536 ELSE c.region_bytes END,
           a.longest_free_bytes, a.regions, a.sparse_regions, a.empty_regions, a.cells
      FROM looked c
      JOIN address_area a ON a.run_id = c.id AND a.moment = c.moment
     UNION ALL
    SELECT 3, 0, 'large', 'large blocks', CAST(ROUND(mapped_bytes) AS BIGINT),
           CAST(ROUND(mapped_bytes_low) AS BIGINT), CAST(ROUND(mapped_bytes_high) AS BIGINT),
           CAST(ROUND(mapped_bytes) AS BIGINT), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL
      FROM looked
     WHERE mapped_bytes > 0
     UNION ALL
    SELECT 4, id, 'heap', name, used_bytes, used_bytes, used_bytes, total_bytes, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM managed
     WHERE nearest = 1
     UNION ALL
    SELECT 5, p.id, 'pool', p.name, p.used_bytes, p.used_bytes, p.used_bytes, p.reserved,
           p.high_water_bytes, NULL, NULL,
           1 - m.longest_free_run * 1.0 / NULLIF(m.slots - m.used_slots, 0),
           m.longest_free_run * p.slot_bytes, m.longest_free_run * p.slot_bytes, NULL, NULL, NULL,
           m.cells
      FROM pooled p
      LEFT JOIN mapped m ON m.pool_id = p.id AND m.nearest = 1
     WHERE p.nearest = 1
),
measured AS (
    SELECT p.*, c.moment, c.time_ns, c.unit_bytes, c.id AS run_id,
           CASE WHEN reserved > used THEN reserved - used ELSE 0 END AS free,
           CASE WHEN reserved > used_high THEN reserved - used_high ELSE 0 END AS free_low,
           CASE WHEN reserved > used_low THEN reserved - used_low ELSE 0 END AS free_high
      FROM part p
     CROSS JOIN looked c
),
judged AS (
    SELECT m.*,
           CASE
               WHEN kind = 'large' THEN 'fine'
               WHEN kind = 'pool' AND most * 4 <= reserved * 3 THEN 'oversized'
               WHEN kind = 'pool' AND unusable >= 0.25 THEN 'fragmented'
               WHEN kind = 'pool' THEN 'fine'
               WHEN free < 1048576 THEN 'small'
               WHEN free_low * 4 >= reserved THEN 'fragmented'
               WHEN free * 4 >= reserved THEN 'perhaps'
               ELSE 'fine'
           END AS verdict,
           CASE
               WHEN sparse >= empty AND sparse * 2 >= free THEN 'pinned'
               WHEN empty * 2 >= free THEN 'empty'
               ELSE 'holes'
           END AS shape
      FROM measured m
),
worst AS (
    SELECT p.function || COALESCE(' < ' || k.caller, '') AS site, p.pinned_bytes
      FROM looked c
      JOIN pin p ON p.run_id = c.id AND p.moment = c.moment AND p.rank = 1
      LEFT JOIN stack k ON k.id = p.stack_id
),
advised AS (
    SELECT j.*,
           CASE
               WHEN kind = 'pool' AND verdict = 'oversized'
               THEN 'Resize: it never needed more than '
                   || CASE WHEN most >= 10485760 THEN CAST(most / 1048576 AS TEXT) || ' MiB.'
                           WHEN most >= 10240 THEN CAST(most / 1024 AS TEXT) || ' KiB.'
                           ELSE CAST(most AS TEXT) || ' B.' END
               WHEN kind = 'pool' AND verdict = 'fragmented'
               THEN 'Compact, or take slots from one end: the free ones are scattered, and no request'
                   || ' for more than the longest free run can be served.'
               WHEN verdict NOT IN ('fragmented', 'perhaps') THEN NULL
               WHEN kind = 'malloc'
               THEN 'Freed memory stays in the allocator; the areas say whether old blocks pin it.'
               WHEN kind = 'heap'
               THEN 'Compact it if the runtime can, or lower its limit: this waits for the next'
                   || ' allocations, and is not given back.'
               WHEN shape = 'pinned'
               THEN 'Split lifetimes: old blocks lie alone where others were freed'
                   || COALESCE(', first of all those of ' || (SELECT site FROM worst), '')
                   || '. Allocate these from a pool or an arena of their own, or copy them together'
                   || ' once they turned out to stay; pins tells who they are.'
               WHEN shape = 'empty'
               THEN 'Give it back: nothing lives in most of it. malloc_trim(0), a lower trim threshold'
                   || ' or decay time does that; keep it when the load comes again.'
               ELSE 'Holes between living blocks: allocate what lives as long in one place, and sizes'
                   || ' that are near each other in one size.'
           END AS advice
      FROM judged j
)
SELECT a.kind,
       COALESCE(a.name,
                CASE WHEN d.areas > 1 THEN 'other areas: ' || CAST(d.areas AS TEXT)
                     ELSE 'area ' || CAST(a.number AS TEXT) END) AS name,
       a.verdict,
       a.used,
       a.used_low,
       a.used_high,
       a.reserved,
       a.free,
       a.free_low,
       a.free_high,
       CAST(ROUND(CAST(a.free * 1.0 / NULLIF(a.reserved, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS fragmented,
       CAST(ROUND(CAST(a.free_low * 1.0 / NULLIF(a.reserved, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS fragmented_low,
       CAST(ROUND(CAST(a.free_high * 1.0 / NULLIF(a.reserved, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS fragmented_high,
       a.sparse AS nearly_empty,
       a.empty,
       CAST(ROUND(CAST(a.unusable AS NUMERIC), 4) AS DOUBLE PRECISION) AS unusable,
       a.hole AS hole_bytes,
       a.longest AS longest_free,
       a.regions,
       a.sparse_regions,
       a.empty_regions,
       CASE WHEN a.kind = 'area' THEN a.unit_bytes END AS unit_bytes,
       a.time_ns,
       a.advice,
       REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(
       REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(a.cells,
           '0', '·'), '1', '▁'), '2', '▁'), '3', '▂'), '4', '▂'), '5', '▃'), '6', '▃'), '7', '▄'),
           '8', '▄'), '9', '▅'), 'a', '▅'), 'b', '▆'), 'c', '▆'), 'd', '▇'), 'e', '▇'), 'f', '█')
           AS map
  FROM advised a
  LEFT JOIN address_area d
    ON a.kind = 'area' AND d.run_id = a.run_id AND d.moment = a.moment AND d.number = a.number
 ORDER BY a.place, a.number
