-- SPDX-License-Identifier: Apache-2.0
-- rounding: what the allocator gave each site beyond its requests, and which size would save most of it.
--
-- Reads:    run, heap_look, rounding, stack
-- Params:
--   $1 run     ID     the run's id (default: the first)
--   $2 limit   COUNT  rows to show (default: 20)
-- Columns:
--   function           TEXT   innermost function that is not an allocator's
--   waste_bytes        BYTES  given beyond the requests of the blocks that live at nine tenths of the run,
--                             or at its end when nothing was recorded after that
--   waste_bytes_low    BYTES
--   waste_bytes_high   BYTES
--   waste_share        RATIO  of what the allocator gave this site
--   live_bytes         BYTES  requested by the living blocks
--   size_bytes         BYTES  the request that wastes most; empty: none does
--   usable_bytes       BYTES  what the allocator gives for it
--   size_blocks        COUNT  living blocks of that size
--   saved_bytes        BYTES  a class of just that size would save
--   saved_bytes_low    BYTES
--   saved_bytes_high   BYTES
--   saved_share        RATIO  of waste_bytes
--   below_bytes        BYTES  the next smaller size that living blocks were given
--   samples            COUNT  sampled living blocks behind this row
--   time_ns            NS     of the look, since the start of the run
--   advice             PROSE  what to change
--   stack              STACK  that wastes most of one size, innermost call first
--   stack_key          KEY    the same for this stack on every machine
--   all_rows           TOTAL  functions before the limit
--   all_waste_bytes    TOTAL  waste_bytes of these
-- Table:    function waste_bytes waste_share size_bytes usable_bytes saved_bytes
-- Bar:      waste_bytes
-- Footer:   {rows} of {all_rows} functions: {share waste_bytes} of {all_waste_bytes}
-- Empty:    every block got what it asked for
-- Caveat:   headers that the allocator keeps beside its blocks are not in it; rss has them.
WITH chosen AS (
    SELECT l.*,
           ROW_NUMBER() OVER (ORDER BY l.moment DESC) AS place
      FROM heap_look l
     WHERE l.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
sized AS MATERIALIZED (
    SELECT r.*, c.time_ns
      FROM chosen c
      JOIN rounding r ON r.run_id = c.run_id AND r.moment = c.moment
     WHERE c.place = 1
),
ranked AS (
    SELECT s.*, w.size_bytes AS worst_size, w.usable_bytes AS worst_usable,
           w.below_bytes AS below,
           w.blocks AS worst_blocks, w.samples AS worst_samples, w.waste AS worst_waste,
           w.waste_sq AS worst_sq, w.waste_var AS worst_var,
           COUNT(*) OVER () AS all_rows, SUM(s.waste) OVER () AS all_waste
      FROM sized s
      LEFT JOIN sized w
        ON w.rank = s.rank
       AND w.place = 1
     WHERE s.place = 0
       AND s.waste > 0
     ORDER BY s.rank
     LIMIT COALESCE(CAST($2 AS BIGINT), 20)
),
-- the interval of views.sql, for these sums
bounded AS (
    SELECT r.*,
           waste * waste / NULLIF(waste_sq, 0) AS n,
           CASE WHEN waste_var > 0 THEN SQRT(waste_var / waste_sq) ELSE 0 END AS spread,
           worst_waste * worst_waste / NULLIF(worst_sq, 0) AS worst_n,
           CASE WHEN worst_var > 0 THEN SQRT(worst_var / worst_sq) ELSE 0 END AS worst_spread
      FROM ranked r
)
SELECT b.function,
       CAST(ROUND(waste) AS BIGINT) AS waste_bytes,
       CAST(ROUND(waste * (1 - (1 - POWER(1 - 1 / (9 * n) - 1.96 / (3 * SQRT(n)), 3)) * spread))
           AS BIGINT) AS waste_bytes_low,
       CAST(ROUND(waste * (1 + ((n + 1) / n
           * POWER(1 - 1 / (9 * (n + 1)) + 1.96 / (3 * SQRT(n + 1)), 3) - 1) * spread))
           AS BIGINT) AS waste_bytes_high,
       CAST(ROUND(CAST(waste / NULLIF(waste + bytes, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS waste_share,
       CAST(ROUND(bytes) AS BIGINT) AS live_bytes,
       NULLIF(worst_size, 0) AS size_bytes,
       worst_usable AS usable_bytes,
       CAST(ROUND(worst_blocks) AS BIGINT) AS size_blocks,
       CAST(ROUND(worst_waste) AS BIGINT) AS saved_bytes,
       CAST(ROUND(worst_waste * (1 - (1 - POWER(1 - 1 / (9 * worst_n)
           - 1.96 / (3 * SQRT(worst_n)), 3)) * worst_spread)) AS BIGINT) AS saved_bytes_low,
       CAST(ROUND(worst_waste * (1 + ((worst_n + 1) / worst_n
           * POWER(1 - 1 / (9 * (worst_n + 1)) + 1.96 / (3 * SQRT(worst_n + 1)), 3) - 1)
           * worst_spread)) AS BIGINT) AS saved_bytes_high,
       CAST(ROUND(CAST(worst_waste / NULLIF(waste, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS saved_share,
       below AS below_bytes,
       samples,
       time_ns,
       CASE
           WHEN worst_size IS NULL OR worst_size = 0 OR waste * 20 < waste + bytes THEN NULL
           WHEN worst_waste * 2 < waste
           THEN 'No one size stands out: a slab with steps of an eighth would waste a sixteenth on'
               || ' average.'
           WHEN below IS NOT NULL AND (worst_size - below) * 8 <= worst_size
           THEN 'Ask for ' || CAST(below AS TEXT) || ' instead of ' || CAST(worst_size AS TEXT)
               || ' bytes, or take them from a slab of ' || CAST(worst_size AS TEXT) || '.'
           ELSE 'Take blocks of ' || CAST(worst_size AS TEXT) || ' bytes from a slab of that size: the'
               || ' allocator gives ' || CAST(worst_usable AS TEXT) || '.'
       END AS advice,
       k.text AS stack,
       k.key AS stack_key,
       all_rows,
       CAST(ROUND(all_waste) AS BIGINT) AS all_waste_bytes
  FROM bounded b
  LEFT JOIN stack k ON k.id = b.stack_id
 ORDER BY b.rank
