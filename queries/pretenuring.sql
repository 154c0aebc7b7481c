-- SPDX-License-Identifier: Apache-2.0
-- pretenuring: which sites or classes make objects that nearly all survive their first collection.
--
-- Reads:    run, heap, gc, class, stack, first_gc_stat
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 limit  COUNT  rows to show (default: 20)
--   $3 by     TEXT   site|class: a row is a site and a class, or a class (default: site)
--   $4 share  COUNT  a candidate is what survives for so many percent at least (default: 80)
-- Columns:
--   heap                 TEXT   name of the managed heap
--   site                 TEXT   who allocates; empty for rows by class
--   class                TEXT   of the objects; empty: not told
--   verdict              TEXT   candidate: all of the interval is above share; young: all of it below;
--                               undecided: it is neither
--   survival             RATIO  of the objects, those that lived when the first collection that began in
--                               their lifetime had ended
--   survival_low         RATIO
--   survival_high        RATIO
--   survived_bytes       BYTES  of these: what a collector that copies would not have to copy
--   survived_bytes_low   BYTES
--   survived_bytes_high  BYTES
--   samples              COUNT  sampled objects behind this
--   sentence             PROSE  what to do
--   stack                STACK  of site: innermost call first; of several the one with most objects
--   all_rows             TOTAL  sites or classes
--   all_survived_bytes   TOTAL  survived_bytes of these
-- Table:    heap site class verdict survival survived_bytes samples
-- Footer:   {rows} of {all_rows}: {share survived_bytes} of {all_survived_bytes} that survived
-- Empty:    no objects of managed heaps were told; memrec_heap_alloc and memrec_heap_free do
-- Caveat:   objects that lived at the end and had not met a collection are left out.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id,
           COALESCE(CAST($3 AS TEXT), 'site') AS row_is,
           COALESCE(CAST($4 AS BIGINT), 80) / 100.0 AS wanted
),
-- without a collection nothing could survive one
met AS (
    SELECT f.*,
           CASE WHEN c.row_is = 'site' THEN COALESCE(k.function, '?') ELSE '' END AS site
      FROM first_gc_stat f
      JOIN chosen c ON c.id = f.run_id
      LEFT JOIN stack k ON k.id = f.stack_id
     WHERE EXISTS (SELECT 1 FROM gc g WHERE g.run_id = f.run_id AND g.heap_id = f.heap_id)
),
summed AS (
    SELECT heap_id, site, class_id,
           SUM(samples) AS samples,
           SUM(blocks) AS blocks, SUM(blocks_sq) AS blocks_sq, SUM(blocks_var) AS blocks_var,
           SUM(CASE WHEN survived = 1 THEN blocks ELSE 0 END) AS old_blocks,
           SUM(CASE WHEN survived = 1 THEN bytes ELSE 0 END) AS bytes,
           SUM(CASE WHEN survived = 1 THEN bytes_sq ELSE 0 END) AS bytes_sq,
           SUM(CASE WHEN survived = 1 THEN bytes_var ELSE 0 END) AS bytes_var
      FROM met
     GROUP BY heap_id, site, class_id
),
stack_count AS (
    SELECT heap_id, site, class_id, stack_id,
           ROW_NUMBER() OVER (PARTITION BY heap_id, site, class_id ORDER BY SUM(blocks) DESC, stack_id)
               AS place
      FROM met
     WHERE site <> ''
     GROUP BY heap_id, site, class_id, stack_id
),
shared AS (
    SELECT s.*, old_blocks / blocks AS survival,
           blocks * blocks / blocks_sq AS n,
           SQRT(blocks_var / blocks_sq) AS spread,
           bytes * bytes / NULLIF(bytes_sq, 0) AS bytes_n,
           COALESCE(SQRT(bytes_var / NULLIF(bytes_sq, 0)), 0) AS bytes_spread
      FROM summed s
     WHERE blocks_sq > 0
),
-- Wilson's interval for the share, that of views.sql for the bytes
bounded AS (
    SELECT s.*,
           survival - spread * (survival - ((survival + 1.9208 / n
               - 1.96 * SQRT(survival * (1 - survival) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n)))
               AS low,
           survival + spread * (((survival + 1.9208 / n
               + 1.96 * SQRT(survival * (1 - survival) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n))
               - survival) AS high,
           COALESCE(POWER(1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)), 3), 1) AS bytes_low,
           COALESCE((bytes_n + 1) / bytes_n
               * POWER(1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)), 3), 1)
               AS bytes_high
      FROM shared s
),
judged AS (
    SELECT b.*,
           CASE
               WHEN b.low >= c.wanted THEN 'candidate'
               WHEN b.high < c.wanted THEN 'young'
               ELSE 'undecided'
           END AS verdict,
           h.name AS heap, h.number, h.generations,
           k.text, t.name AS class,
           CAST(CAST(ROUND(survival * 100) AS BIGINT) AS TEXT) || ' %'
               || CASE WHEN high - low > 0.01
                       THEN ' (' || CAST(CAST(FLOOR(low * 100) AS BIGINT) AS TEXT) || ' to '
                           || CAST(CAST(CEIL(high * 100) AS BIGINT) AS TEXT) || ' %)'
                       ELSE '' END AS words
      FROM bounded b
     CROSS JOIN chosen c
      JOIN heap h ON h.id = b.heap_id
      LEFT JOIN class t ON t.id = b.class_id
      LEFT JOIN stack_count n
        ON n.heap_id = b.heap_id
       AND n.site = b.site
       AND n.class_id = b.class_id
       AND n.place = 1
      LEFT JOIN stack k ON k.id = n.stack_id
)
SELECT heap,
       NULLIF(site, '') AS site,
       class,
       verdict,
       CAST(ROUND(CAST(survival AS NUMERIC), 4) AS DOUBLE PRECISION) AS survival,
       CAST(ROUND(CAST(low AS NUMERIC), 4) AS DOUBLE PRECISION) AS survival_low,
       CAST(ROUND(CAST(high AS NUMERIC), 4) AS DOUBLE PRECISION) AS survival_high,
       CAST(ROUND(bytes) AS BIGINT) AS survived_bytes,
       CAST(ROUND(bytes * (1 - (1 - bytes_low) * bytes_spread)) AS BIGINT) AS survived_bytes_low,
       CAST(ROUND(bytes * (1 + (bytes_high - 1) * bytes_spread)) AS BIGINT) AS survived_bytes_high,
       CAST(samples AS BIGINT) AS samples,
       CASE
           WHEN verdict = 'candidate'
           THEN words || ' of ' || COALESCE('class ' || class, 'the objects') || COALESCE(' from ' || NULLIF(site, ''), '')
               || ' survives its first collection: allocated in the old space at once, it need not be copied'
               || CASE
                      WHEN generations <= 1
                      THEN '. This heap has no young space, so today it is only marked again'
                      ELSE ''
                  END || '.'
       END AS sentence,
       text AS stack,
       COUNT(*) OVER () AS all_rows,
       CAST(ROUND(SUM(bytes) OVER ()) AS BIGINT) AS all_survived_bytes
  FROM judged
 ORDER BY CASE verdict WHEN 'candidate' THEN 1 WHEN 'undecided' THEN 2 ELSE 3 END, ROUND(bytes) DESC,
          number, site, class_id
 LIMIT COALESCE(CAST($2 AS BIGINT), 20)
