-- SPDX-License-Identifier: Apache-2.0
-- classes: how many objects each class has, and which classes grow.
--
-- Reads:    run, heap, class, class_profile, survival_stat
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 limit  COUNT  rows to show (default: 20)
--   $3 order  TEXT   growth|bytes: what comes first (default: growth)
-- Columns:
--   class                  TEXT   its name
--   module                 TEXT   where it is defined; empty: not told
--   heap                   TEXT   name of the managed heap
--   objects                COUNT  of the last profile; empty: no profile was told
--   bytes                  BYTES  that they hold
--   grown_objects          COUNT  more than in the first profile; empty: there was only one
--   grown_bytes            BYTES  the same in bytes
--   growth_bytes_per_hour  RATE   grown_bytes over the time between the two
--   trend                  TEXT   growing or shrinking: in both halves of that time; steady; mixed
--   new_objects            COUNT  of the last profile, in the young space; empty: the heap has none
--   new_bytes              BYTES  that they hold
--   old_objects            COUNT  of the last profile, in the old space or the only one
--   old_bytes              BYTES  that they hold
--   sampled_bytes          BYTES  alive at the end, estimated; empty: no object is sampled, or no
--                                 collection is told
--   sampled_bytes_low      BYTES
--   sampled_bytes_high     BYTES
--   sampled_objects        COUNT  of these
--   sampled_objects_low    COUNT
--   sampled_objects_high   COUNT
--   samples                COUNT  sampled allocations behind the estimate
--   first_ns               NS     the first profile, since the start of the run
--   last_ns                NS     the last
--   all_rows               TOTAL  classes before the limit
-- Table:    class module objects bytes grown_bytes growth_bytes_per_hour trend sampled_bytes
-- Footer:   {rows} of {all_rows} classes
-- Empty:    this program told no classes; memrec_class_profile and memrec_heap_alloc do
-- Caveat:   a profile may hold garbage that no collection has taken yet.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id
),
-- a profile has one number and one moment
profile AS MATERIALIZED (
    SELECT p.heap_id, p.profile, MAX(p.time_ns) AS time_ns
      FROM class_profile p
     WHERE p.run_id = (SELECT id FROM chosen)
     GROUP BY p.profile, p.heap_id
),
ends AS (
    SELECT heap_id, MIN(profile) AS first, MAX(profile) AS last, MIN(time_ns) AS first_ns,
           MAX(time_ns) AS last_ns
      FROM profile
     GROUP BY heap_id
),
-- the first, the last, and the one in the middle of the time between
picked AS MATERIALIZED (
    SELECT e.*,
           (SELECT MIN(m.profile)
              FROM profile m
             WHERE m.heap_id = e.heap_id
               AND m.time_ns * 2 >= e.first_ns + e.last_ns) AS middle
      FROM ends e
),
counted AS (
    SELECT k.heap_id, k.first_ns, k.last_ns, k.first, k.middle, k.last,
           p.class_id,
           SUM(CASE WHEN p.profile = k.last THEN p.new_objects END) AS new_objects,
           SUM(CASE WHEN p.profile = k.last THEN p.new_bytes END) AS new_bytes,
           SUM(CASE WHEN p.profile = k.last THEN p.old_objects END) AS old_objects,
           SUM(CASE WHEN p.profile = k.last THEN p.old_bytes END) AS old_bytes,
           SUM(CASE
                   WHEN p.profile = k.last
                   THEN COALESCE(p.new_objects, 0) + COALESCE(p.old_objects, 0)
                   ELSE 0
               END) AS objects,
           SUM(CASE
                   WHEN p.profile = k.last
                   THEN COALESCE(p.new_bytes, 0) + COALESCE(p.old_bytes, 0)
                   ELSE 0
               END) AS bytes,
           SUM(CASE
                   WHEN p.profile = k.middle
                   THEN COALESCE(p.new_bytes, 0) + COALESCE(p.old_bytes, 0)
                   ELSE 0
               END) AS middle_bytes,
           SUM(CASE
                   WHEN p.profile = k.first
                   THEN COALESCE(p.new_objects, 0) + COALESCE(p.old_objects, 0)
                   ELSE 0
               END) AS first_objects,
           SUM(CASE
                   WHEN p.profile = k.first
                   THEN COALESCE(p.new_bytes, 0) + COALESCE(p.old_bytes, 0)
                   ELSE 0
               END) AS first_bytes
      FROM picked k
     CROSS JOIN chosen c
      JOIN class_profile p
        ON p.run_id = c.id
       AND p.profile IN (k.first, k.middle, k.last)
       AND p.heap_id = k.heap_id
     GROUP BY k.heap_id, k.first_ns, k.last_ns, k.first, k.middle, k.last, p.class_id
),
sampled AS (
    SELECT s.heap_id, s.class_id,
           SUM(s.samples) AS samples,
           SUM(s.bytes) AS bytes,
           SUM(s.bytes) * SUM(s.bytes) / NULLIF(SUM(s.bytes_sq), 0) AS bytes_n,
           COALESCE(SQRT(SUM(s.bytes_var) / NULLIF(SUM(s.bytes_sq), 0)), 0) AS bytes_spread,
           SUM(s.blocks) AS blocks,
           SUM(s.blocks) * SUM(s.blocks) / NULLIF(SUM(s.blocks_sq), 0) AS blocks_n,
           COALESCE(SQRT(SUM(s.blocks_var) / NULLIF(SUM(s.blocks_sq), 0)), 0) AS blocks_spread
      FROM survival_stat s
      JOIN chosen c ON c.id = s.run_id
     WHERE s.class_id > 0
     GROUP BY s.heap_id, s.class_id
),
-- one row per class from both
both_told AS (
    SELECT heap_id, class_id, first_ns, last_ns, first, last, new_objects, new_bytes, old_objects,
           old_bytes, objects, bytes, first_objects, middle_bytes, first_bytes,
           NULL AS samples, CAST(NULL AS DOUBLE PRECISION) AS sampled_bytes,
           CAST(NULL AS DOUBLE PRECISION) AS bytes_n, CAST(NULL AS DOUBLE PRECISION) AS bytes_spread,
           CAST(NULL AS DOUBLE PRECISION) AS blocks, CAST(NULL AS DOUBLE PRECISION) AS blocks_n,
           CAST(NULL AS DOUBLE PRECISION) AS blocks_spread
      FROM counted
     UNION ALL
    SELECT heap_id, class_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, samples, bytes, bytes_n, bytes_spread, blocks, blocks_n, blocks_spread
      FROM sampled
),
merged AS (
    SELECT heap_id, class_id, MAX(first_ns) AS first_ns, MAX(last_ns) AS last_ns,
           MAX(first) AS first, MAX(last) AS last,
           MAX(new_objects) AS new_objects, MAX(new_bytes) AS new_bytes,
           MAX(old_objects) AS old_objects, MAX(old_bytes) AS old_bytes,
           MAX(objects) AS objects, MAX(bytes) AS bytes,
           MAX(first_objects) AS first_objects, MAX(first_bytes) AS first_bytes,
           MAX(middle_bytes) AS middle_bytes,
           MAX(samples) AS samples, MAX(sampled_bytes) AS sampled_bytes, MAX(bytes_n) AS bytes_n,
           MAX(bytes_spread) AS bytes_spread, MAX(blocks) AS blocks, MAX(blocks_n) AS blocks_n,
           MAX(blocks_spread) AS blocks_spread
      FROM both_told
     GROUP BY heap_id, class_id
),
joined AS (
    SELECT m.*, t.name, t.module, h.name AS heap,
           CASE WHEN m.first < m.last THEN m.objects - m.first_objects END AS grown_objects,
           CASE WHEN m.first < m.last THEN m.bytes - m.first_bytes END AS grown_bytes,
           m.middle_bytes - m.first_bytes AS early_bytes,
           m.bytes - m.middle_bytes AS late_bytes
      FROM merged m
      JOIN class t ON t.id = m.class_id
      LEFT JOIN heap h ON h.id = m.heap_id
)
SELECT name AS class,
       module,
       heap,
       CAST(objects AS BIGINT) AS objects,
       CAST(bytes AS BIGINT) AS bytes,
       CAST(grown_objects AS BIGINT) AS grown_objects,
       CAST(grown_bytes AS BIGINT) AS grown_bytes,
       CAST(ROUND(grown_bytes * 3600000000000.0 / NULLIF(last_ns - first_ns, 0)) AS BIGINT)
           AS growth_bytes_per_hour,
       CASE
           WHEN grown_bytes IS NULL THEN NULL
           WHEN early_bytes > 0 AND late_bytes > 0 THEN 'growing'
           WHEN early_bytes < 0 AND late_bytes < 0 THEN 'shrinking'
           WHEN early_bytes = 0 AND late_bytes = 0 THEN 'steady'
           ELSE 'mixed'
       END AS trend,
       CAST(new_objects AS BIGINT) AS new_objects,
       CAST(new_bytes AS BIGINT) AS new_bytes,
       CAST(old_objects AS BIGINT) AS old_objects,
       CAST(old_bytes AS BIGINT) AS old_bytes,
       CAST(ROUND(sampled_bytes) AS BIGINT) AS sampled_bytes,
       CAST(ROUND(sampled_bytes
           * (1 - (1 - POWER(1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)), 3))
               * bytes_spread)) AS BIGINT) AS sampled_bytes_low,
       CAST(ROUND(sampled_bytes
           * (1 + ((bytes_n + 1) / bytes_n
               * POWER(1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)), 3) - 1)
               * bytes_spread)) AS BIGINT) AS sampled_bytes_high,
       CAST(ROUND(blocks) AS BIGINT) AS sampled_objects,
       CAST(ROUND(blocks
           * (1 - (1 - POWER(1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)), 3))
               * blocks_spread)) AS BIGINT) AS sampled_objects_low,
       CAST(ROUND(blocks
           * (1 + ((blocks_n + 1) / blocks_n
               * POWER(1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)), 3) - 1)
               * blocks_spread)) AS BIGINT) AS sampled_objects_high,
       CAST(samples AS BIGINT) AS samples,
       first_ns,
       last_ns,
       COUNT(*) OVER () AS all_rows
  FROM joined
 ORDER BY CASE WHEN CAST($3 AS TEXT) = 'bytes' THEN 0 ELSE COALESCE(grown_bytes, 0) END DESC,
          COALESCE(bytes, sampled_bytes, 0) DESC, name, heap_id, class_id
 LIMIT COALESCE(CAST($2 AS BIGINT), 20)
