-- SPDX-License-Identifier: Apache-2.0
-- retained: what would go if a root went: the largest sets, and how they grew.
--
-- Reads:    run, heap, retained_set
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 limit  COUNT  rows to show of each heap (default: 20)
-- Columns:
--   heap                   GROUP  name of the managed heap
--   rank                   COUNT  1 holds most bytes
--   root                   TEXT   a global, a binding, a thread, a module
--   bytes                  BYTES  that would go with it
--   objects                COUNT  the same in objects
--   bytes_share            RATIO  bytes over those of all sets of the last profile
--   grown_bytes            BYTES  more than when it was first seen; empty: seen once
--   grown_objects          COUNT  the same in objects
--   growth_bytes_per_hour  RATE   grown_bytes over the time between the two
--   profiles               COUNT  in which it was among the largest
--   first_ns               NS     when it was first seen, since the start of the run
--   last_ns                NS     the last profile
-- Table:    heap rank root bytes bytes_share objects grown_bytes growth_bytes_per_hour profiles
-- Bar:      bytes
-- Empty:    this program told no retained sets; memrec_retained does
-- Caveat:   what two roots share counts for one of them only, or for neither.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id
),
seen AS (
    SELECT r.heap_id, r.root, MIN(r.profile) AS first, MAX(r.profile) AS last, COUNT(*) AS profiles
      FROM retained_set r
      JOIN chosen c ON c.id = r.run_id
     GROUP BY r.heap_id, r.root
),
latest AS (
    SELECT heap_id, MAX(last) AS last FROM seen GROUP BY heap_id
),
-- the last profile, each set beside the first of its root
ranked AS (
    SELECT r.heap_id, r.rank, r.root, r.bytes, r.objects, r.time_ns AS last_ns, s.profiles,
           SUM(r.bytes) OVER (PARTITION BY r.heap_id) AS all_bytes,
           f.time_ns AS first_ns,
           CASE WHEN s.first < s.last THEN r.bytes - f.bytes END AS grown_bytes,
           CASE WHEN s.first < s.last THEN r.objects - f.objects END AS grown_objects,
           ROW_NUMBER() OVER (PARTITION BY r.heap_id, r.rank ORDER BY f.rank) AS twin
      FROM latest l
     CROSS JOIN chosen c
      JOIN retained_set r ON r.run_id = c.id AND r.profile = l.last AND r.heap_id = l.heap_id
      JOIN seen s ON s.heap_id = r.heap_id AND s.root = r.root
      JOIN retained_set f
        ON f.run_id = c.id
       AND f.profile = s.first
       AND f.heap_id = r.heap_id
       AND f.root = r.root
)
SELECT COALESCE(h.name, '?') AS heap,
       r.rank,
       r.root,
       r.bytes,
       r.objects,
       CAST(ROUND(CAST(r.bytes * 1.0 / NULLIF(r.all_bytes, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS bytes_share,
       r.grown_bytes,
       r.grown_objects,
       CAST(ROUND(r.grown_bytes * 3600000000000.0 / NULLIF(r.last_ns - r.first_ns, 0)) AS BIGINT)
           AS growth_bytes_per_hour,
       r.profiles,
       r.first_ns,
       r.last_ns
  FROM ranked r
  LEFT JOIN heap h ON h.id = r.heap_id
 WHERE r.twin = 1
   AND r.rank <= COALESCE(CAST($2 AS BIGINT), 20)
 ORDER BY h.number, r.heap_id, r.rank
