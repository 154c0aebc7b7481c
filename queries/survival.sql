-- SPDX-License-Identifier: Apache-2.0
-- survival: how many collections the living have survived; a leak grows in the last row.
--
-- Reads:    run, heap, gc, gc_survivor, survival_stat
-- Params:
--   $1 run    ID    the run's id (default: the first)
--   $2 steps  TEXT  buckets|all: 0, 1 to 5, 6 to 20, 21 and more; or each number (default: buckets)
-- Columns:
--   heap           GROUP  name of the managed heap; malloc: blocks, by the collections of all heaps
--   survived       TEXT   collections survived
--   source         TEXT   told: by the runtime, at its latest collection that said; sampled: objects
--                         alive at the end, estimated
--   objects        COUNT  that did
--   objects_low    COUNT
--   objects_high   COUNT
--   objects_share  RATIO  objects over those of the heap
--   bytes          BYTES  that they hold; empty: the runtime told objects only
--   bytes_low      BYTES
--   bytes_high     BYTES
--   bytes_share    RATIO  bytes over those of the heap
--   grown_objects  COUNT  more than at the first collection that said; empty: not told
--   grown_bytes    BYTES  the same in bytes
--   samples        COUNT  sampled allocations behind an estimate; empty: told
-- Table:    heap survived source objects objects_share bytes bytes_share grown_bytes
-- Bar:      bytes
-- Empty:    no survivor is known: it takes collections, and survivors that are told or sampled
-- Caveat:   the last number is a floor: a runtime may stop counting, and 127 means or more.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id
),
-- the first and the latest collection of each heap that told its survivors
telling AS MATERIALIZED (
    SELECT g.heap_id, MIN(g.id) AS first_id, MAX(g.id) AS last_id
      FROM chosen c
      JOIN gc g ON g.run_id = c.id
     WHERE EXISTS (SELECT 1
                     FROM gc_survivor v
                    WHERE v.run_id = g.run_id
                      AND v.gc_id = g.id
                      AND v.class_id = 0)
     GROUP BY g.heap_id
),
told AS (
    SELECT t.heap_id, v.generation, v.and_older,
           CASE WHEN v.gc_id = t.last_id THEN 1 ELSE 0 END AS is_last,
           v.objects, v.bytes
      FROM telling t
     CROSS JOIN chosen c
      JOIN gc_survivor v ON v.run_id = c.id AND v.gc_id IN (t.first_id, t.last_id) AND v.class_id = 0
),
-- where the two are one collection, nothing can be said of growth
told_sum AS (
    SELECT d.heap_id, d.generation,
           MAX(CASE WHEN d.is_last = 1 THEN d.and_older ELSE 0 END) AS and_older,
           COALESCE(SUM(d.objects) FILTER (WHERE d.is_last = 1), 0) AS objects,
           CASE
               WHEN COUNT(d.bytes) > 0
               THEN COALESCE(SUM(d.bytes) FILTER (WHERE d.is_last = 1), 0)
           END AS bytes,
           CASE
               WHEN t.first_id < t.last_id
               THEN COALESCE(SUM(d.objects) FILTER (WHERE d.is_last = 1), 0)
                   - COALESCE(SUM(d.objects) FILTER (WHERE d.is_last = 0), 0)
           END AS grown_objects,
           CASE
               WHEN t.first_id < t.last_id AND COUNT(d.bytes) > 0
               THEN COALESCE(SUM(d.bytes) FILTER (WHERE d.is_last = 1), 0)
                   - COALESCE(SUM(d.bytes) FILTER (WHERE d.is_last = 0), 0)
           END AS grown_bytes
      FROM told d
      JOIN telling t ON t.heap_id = d.heap_id
     GROUP BY d.heap_id, d.generation, t.first_id, t.last_id
),
sampled_sum AS (
    SELECT s.heap_id, s.generation,
           SUM(s.samples) AS samples,
           SUM(s.bytes) AS bytes, SUM(s.bytes_sq) AS bytes_sq, SUM(s.bytes_var) AS bytes_var,
           SUM(s.blocks) AS blocks, SUM(s.blocks_sq) AS blocks_sq, SUM(s.blocks_var) AS blocks_var
      FROM survival_stat s
      JOIN chosen c ON c.id = s.run_id
     GROUP BY s.heap_id, s.generation
),
listed (heap_id, source, place, generation, and_older, objects, objects_sq, objects_var, bytes, bytes_sq,
        bytes_var, grown_objects, grown_bytes, samples) AS (
    SELECT heap_id, 'told', 1, generation, and_older, objects * 1.0, NULL, NULL, bytes * 1.0, NULL,
           NULL, grown_objects, grown_bytes, NULL
      FROM told_sum
     UNION ALL
    SELECT heap_id, 'sampled', 2, generation, CASE WHEN generation = 127 THEN 1 ELSE 0 END,
           blocks, blocks_sq, blocks_var, bytes, bytes_sq, bytes_var, NULL, NULL, samples
      FROM sampled_sum
),
stepped AS (
    SELECT l.*,
           CASE
               WHEN CAST($2 AS TEXT) = 'all' OR generation = 0 THEN generation
               WHEN generation <= 5 THEN 1
               WHEN generation <= 20 THEN 6
               ELSE 21
           END AS low,
           CASE
               WHEN CAST($2 AS TEXT) = 'all' OR generation = 0
               THEN CAST(generation AS TEXT) || CASE WHEN and_older = 1 THEN ' and more' ELSE '' END
               WHEN generation <= 5 THEN '1 to 5'
               WHEN generation <= 20 THEN '6 to 20'
               ELSE '21 and more'
           END AS survived
      FROM listed l
),
summed AS (
    SELECT heap_id, source, place, low, MAX(survived) AS survived,
           SUM(samples) AS samples, SUM(grown_objects) AS grown_objects,
           SUM(grown_bytes) AS grown_bytes,
           SUM(objects) AS objects, SUM(bytes) AS bytes,
           SUM(bytes) * SUM(bytes) / NULLIF(SUM(bytes_sq), 0) AS bytes_n,
           COALESCE(SQRT(SUM(bytes_var) / NULLIF(SUM(bytes_sq), 0)), 0) AS bytes_spread,
           SUM(objects) * SUM(objects) / NULLIF(SUM(objects_sq), 0) AS objects_n,
           COALESCE(SQRT(SUM(objects_var) / NULLIF(SUM(objects_sq), 0)), 0) AS objects_spread
      FROM stepped
     GROUP BY heap_id, source, place, low
),
-- the interval of views.sql, for these sums; what was told is exact
bounded AS (
    SELECT s.*,
           COALESCE(POWER(1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)), 3), 1) AS bytes_low,
           COALESCE((bytes_n + 1) / bytes_n
               * POWER(1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)), 3), 1)
               AS bytes_high,
           COALESCE(POWER(1 - 1 / (9 * objects_n) - 1.96 / (3 * SQRT(objects_n)), 3), 1)
               AS objects_low,
           COALESCE((objects_n + 1) / objects_n
               * POWER(1 - 1 / (9 * (objects_n + 1)) + 1.96 / (3 * SQRT(objects_n + 1)), 3), 1)
               AS objects_high,
           SUM(objects) OVER (PARTITION BY heap_id, source) AS all_objects,
           SUM(bytes) OVER (PARTITION BY heap_id, source) AS all_bytes
      FROM summed s
)
SELECT COALESCE(h.name, 'malloc') AS heap,
       b.survived,
       b.source,
       CAST(ROUND(b.objects) AS BIGINT) AS objects,
       CAST(ROUND(b.objects * (1 - (1 - b.objects_low) * b.objects_spread)) AS BIGINT)
           AS objects_low,
       CAST(ROUND(b.objects * (1 + (b.objects_high - 1) * b.objects_spread)) AS BIGINT)
           AS objects_high,
       CAST(ROUND(CAST(b.objects / NULLIF(b.all_objects, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS objects_share,
       CAST(ROUND(b.bytes) AS BIGINT) AS bytes,
       CAST(ROUND(b.bytes * (1 - (1 - b.bytes_low) * b.bytes_spread)) AS BIGINT) AS bytes_low,
       CAST(ROUND(b.bytes * (1 + (b.bytes_high - 1) * b.bytes_spread)) AS BIGINT) AS bytes_high,
       CAST(ROUND(CAST(b.bytes / NULLIF(b.all_bytes, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS bytes_share,
       CAST(b.grown_objects AS BIGINT) AS grown_objects,
       CAST(b.grown_bytes AS BIGINT) AS grown_bytes,
       CAST(b.samples AS BIGINT) AS samples
  FROM bounded b
  LEFT JOIN heap h ON h.id = b.heap_id
 ORDER BY CASE WHEN h.id IS NULL THEN 1 ELSE 0 END, h.number, b.place, b.low
