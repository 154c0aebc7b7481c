-- SPDX-License-Identifier: Apache-2.0
-- pins: which sites' old blocks keep nearly empty pages or regions from being given back.
--
-- Reads:    run, heap_look, pin, stack
-- Params:
--   $1 run     ID     the run's id (default: the first)
--   $2 limit   COUNT  rows to show (default: 20)
--   $3 moment  TEXT   late|end: at nine tenths of the run, or at its end, when the program may
--                     have cleaned up (default: late, where it is known)
-- Columns:
--   rank                 COUNT  1 pins most
--   function             TEXT   innermost function that is not an allocator's
--   caller               TEXT   what called it; empty: none
--   pinned_bytes         BYTES  free in nearly empty units, shared out by the pages on which blocks lie
--   pinned_bytes_low     BYTES
--   pinned_bytes_high    BYTES
--   pinned_share         RATIO  of all that old blocks pin
--   region_pinned_bytes  BYTES  the same with regions for units, also where single pages are known
--   live_bytes           BYTES  of the old blocks there, with their rounding
--   cost                 COUNT  pinned bytes for each of these bytes
--   blocks               COUNT  old blocks there
--   oldest_ns            NS     age of the oldest
--   samples              COUNT  sampled old blocks behind this row
--   unit_bytes           BYTES  a page, or in a sampled run a region
--   time_ns              NS     of the look, since the start of the run
--   stack                STACK  innermost call first
--   stack_key            KEY    the same for this stack on every machine
--   all_rows             TOTAL  sites before the limit
--   all_pinned_bytes     TOTAL  pinned_bytes of these
-- Table:    rank function caller pinned_bytes live_bytes blocks oldest_ns
-- Bar:      pinned_bytes
-- Footer:   {rows} of {all_rows} sites: {share pinned_bytes} of {all_pinned_bytes}
-- Empty:    no old block lies in a nearly empty page or region
-- Caveat:   old is older than a tenth of the time so far. To free one of several sites that share a
--           region gives nothing back before the last is gone. In a sampled run the estimate includes
--           regions whose blocks no sample shows, and its interval the doubt about how many.
WITH chosen AS (
    SELECT l.*,
           ROW_NUMBER() OVER (ORDER BY l.moment DESC) AS place
      FROM heap_look l
     WHERE l.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND l.moment = COALESCE(CAST($3 AS TEXT), l.moment)
)
SELECT p.rank,
       p.function,
       k.caller,
       CAST(ROUND(p.pinned_bytes) AS BIGINT) AS pinned_bytes,
       CAST(ROUND(p.pinned_bytes_low) AS BIGINT) AS pinned_bytes_low,
       CAST(ROUND(p.pinned_bytes_high) AS BIGINT) AS pinned_bytes_high,
       CAST(ROUND(CAST(p.pinned_bytes / NULLIF(SUM(p.pinned_bytes) OVER (), 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS pinned_share,
       CAST(ROUND(p.region_pinned_bytes) AS BIGINT) AS region_pinned_bytes,
       CAST(ROUND(p.live_bytes) AS BIGINT) AS live_bytes,
       CAST(ROUND(p.pinned_bytes / NULLIF(p.live_bytes, 0)) AS BIGINT) AS cost,
       CAST(ROUND(p.blocks) AS BIGINT) AS blocks,
       p.oldest_ns,
       p.samples,
       c.unit_bytes,
       c.time_ns,
       k.text AS stack,
       k.key AS stack_key,
       COUNT(*) OVER () AS all_rows,
       CAST(ROUND(SUM(p.pinned_bytes) OVER ()) AS BIGINT) AS all_pinned_bytes
  FROM chosen c
  JOIN pin p ON p.run_id = c.run_id AND p.moment = c.moment
  LEFT JOIN stack k ON k.id = p.stack_id
 WHERE c.place = 1
 ORDER BY p.rank
 LIMIT COALESCE(CAST($2 AS BIGINT), 20)
