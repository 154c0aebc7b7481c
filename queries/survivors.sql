-- SPDX-License-Identifier: Apache-2.0
-- survivors: which classes or sites hold what survived many collections.
--
-- Reads:    run, heap, class, stack, gc, gc_survivor, survival_stat
-- Params:
--   $1 run       ID     the run's id (default: the first)
--   $2 limit     COUNT  rows to show (default: 20)
--   $3 by        TEXT   class|site: what makes a row (default: class)
--   $4 survived  COUNT  only what survived at least so many collections (default: 21)
-- Columns:
--   heap               TEXT   name of the managed heap; malloc: blocks, by the collections of all heaps
--   class              TEXT   of the objects; empty: not told
--   site               TEXT   who allocated them; empty for rows by class
--   source             TEXT   told: by the runtime, at its latest collection that said; sampled:
--                             alive at the end, estimated
--   old_objects        COUNT  that survived so many
--   old_objects_low    COUNT
--   old_objects_high   COUNT
--   old_bytes          BYTES  that they hold; empty: the runtime told objects only
--   old_bytes_low      BYTES
--   old_bytes_high     BYTES
--   old_share          RATIO  old_objects over all living objects of this row
--   samples            COUNT  sampled allocations behind an estimate; empty: told
--   stack              STACK  of site: innermost call first
--   stack_key          KEY    the same for this stack on every machine
--   all_rows           TOTAL  rows before the limit
--   all_old_bytes      TOTAL  old_bytes of these
-- Table:    heap class site source old_objects old_bytes old_share
-- Footer:   {rows} of {all_rows}: {share old_bytes} of {all_old_bytes}
-- Empty:    nothing survived so many collections; --survived 1 asks for less
-- Caveat:   caches and startup data survive too; leaks tells them apart.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id,
           COALESCE(CAST($4 AS BIGINT), 21) AS survived,
           COALESCE(CAST($3 AS TEXT), 'class') AS row_is
),
telling AS MATERIALIZED (
    SELECT g.heap_id, MAX(g.id) AS gc_id
      FROM chosen c
      JOIN gc g ON g.run_id = c.id
     WHERE EXISTS (SELECT 1
                     FROM gc_survivor v
                    WHERE v.run_id = g.run_id
                      AND v.gc_id = g.id
                      AND v.class_id > 0)
     GROUP BY g.heap_id
),
told AS (
    SELECT t.heap_id, v.class_id,
           SUM(CASE WHEN v.generation >= c.survived THEN v.objects ELSE 0 END) AS objects,
           SUM(CASE WHEN v.generation >= c.survived THEN v.bytes END) AS bytes,
           SUM(v.objects) AS all_objects
      FROM telling t
     CROSS JOIN chosen c
      JOIN gc_survivor v ON v.run_id = c.id AND v.gc_id = t.gc_id AND v.class_id > 0
     WHERE c.row_is = 'class'
     GROUP BY t.heap_id, v.class_id
),
sampled AS (
    SELECT s.heap_id,
           CASE WHEN c.row_is = 'class' THEN s.class_id END AS class_id,
           CASE WHEN c.row_is = 'site' THEN s.stack_id END AS stack_id,
           SUM(CASE WHEN s.generation >= c.survived THEN s.samples ELSE 0 END) AS samples,
           SUM(CASE WHEN s.generation >= c.survived THEN s.bytes END) AS bytes,
           SUM(CASE WHEN s.generation >= c.survived THEN s.bytes_sq END) AS bytes_sq,
           SUM(CASE WHEN s.generation >= c.survived THEN s.bytes_var END) AS bytes_var,
           SUM(CASE WHEN s.generation >= c.survived THEN s.blocks END) AS blocks,
           SUM(CASE WHEN s.generation >= c.survived THEN s.blocks_sq END) AS blocks_sq,
           SUM(CASE WHEN s.generation >= c.survived THEN s.blocks_var END) AS blocks_var,
           SUM(s.blocks) AS all_blocks
      FROM survival_stat s
      JOIN chosen c ON c.id = s.run_id
     GROUP BY s.heap_id, CASE WHEN c.row_is = 'class' THEN s.class_id END,
              CASE WHEN c.row_is = 'site' THEN s.stack_id END
),
listed (heap_id, class_id, stack_id, source, samples, objects, objects_n, objects_spread, bytes, bytes_n,
        bytes_spread, all_objects) AS (
    SELECT heap_id, class_id, NULL, 'told', NULL, objects * 1.0, NULL, 0, bytes * 1.0, NULL, 0,
           all_objects * 1.0
      FROM told
     WHERE objects > 0
     UNION ALL
    SELECT heap_id, class_id, stack_id, 'sampled', samples,
           blocks, blocks * blocks / NULLIF(blocks_sq, 0),
           COALESCE(SQRT(blocks_var / NULLIF(blocks_sq, 0)), 0),
           bytes, bytes * bytes / NULLIF(bytes_sq, 0),
           COALESCE(SQRT(bytes_var / NULLIF(bytes_sq, 0)), 0), all_blocks
      FROM sampled
     WHERE samples > 0
),
-- the interval of views.sql, for these sums; what was told is exact
bounded AS (
    SELECT l.*,
           COALESCE(POWER(1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)), 3), 1) AS bytes_low,
           COALESCE((bytes_n + 1) / bytes_n
               * POWER(1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)), 3), 1)
               AS bytes_high,
           COALESCE(POWER(1 - 1 / (9 * objects_n) - 1.96 / (3 * SQRT(objects_n)), 3), 1)
               AS objects_low,
           COALESCE((objects_n + 1) / objects_n
               * POWER(1 - 1 / (9 * (objects_n + 1)) + 1.96 / (3 * SQRT(objects_n + 1)), 3), 1)
               AS objects_high
      FROM listed l
)
SELECT COALESCE(h.name, 'malloc') AS heap,
       t.name AS class,
       CASE WHEN b.stack_id IS NOT NULL THEN COALESCE(k.function, '?') END AS site,
       b.source,
       CAST(ROUND(b.objects) AS BIGINT) AS old_objects,
       CAST(ROUND(b.objects * (1 - (1 - b.objects_low) * b.objects_spread)) AS BIGINT)
           AS old_objects_low,
       CAST(ROUND(b.objects * (1 + (b.objects_high - 1) * b.objects_spread)) AS BIGINT)
           AS old_objects_high,
       CAST(ROUND(b.bytes) AS BIGINT) AS old_bytes,
       CAST(ROUND(b.bytes * (1 - (1 - b.bytes_low) * b.bytes_spread)) AS BIGINT) AS old_bytes_low,
       CAST(ROUND(b.bytes * (1 + (b.bytes_high - 1) * b.bytes_spread)) AS BIGINT)
           AS old_bytes_high,
       CAST(ROUND(CAST(b.objects / NULLIF(b.all_objects, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS old_share,
       CAST(b.samples AS BIGINT) AS samples,
       k.text AS stack,
       k.key AS stack_key,
       COUNT(*) OVER () AS all_rows,
       CAST(ROUND(SUM(b.bytes) OVER ()) AS BIGINT) AS all_old_bytes
  FROM bounded b
  LEFT JOIN heap h ON h.id = b.heap_id
  LEFT JOIN class t ON t.id = b.class_id
  LEFT JOIN stack k ON k.id = b.stack_id
 ORDER BY COALESCE(b.bytes, 0) DESC, b.objects DESC, b.source, b.heap_id, b.class_id, b.stack_id
 LIMIT COALESCE(CAST($2 AS BIGINT), 20)
