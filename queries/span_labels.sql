-- SPDX-License-Identifier: Apache-2.0
-- span_labels: per file, route or tenant, as spans are labelled: what each cost, and what of it stayed.
--
-- Reads:    run, span
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 limit  COUNT  rows to show (default: 20)
--   $3 kind   TEXT   only spans of this kind
-- Columns:
--   kind                  TEXT   what the spans are: request, file, ...
--   label                 TEXT   their label; empty: none
--   spans                 COUNT  begun
--   total_ns              NS     time of those that ended
--   max_ns                NS     the longest
--   gc_share              RATIO  of that time, the program stood for collections; empty: none are told
--   allocated_bytes       BYTES  in all of them, on all their threads
--   allocated_bytes_low   BYTES
--   allocated_bytes_high  BYTES
--   left_bytes            BYTES  of these, alive at the end of the run
--   left_bytes_low        BYTES
--   left_bytes_high       BYTES
--   left_per_span_bytes   BYTES  left_bytes for each
--   left_share            RATIO  left_bytes, of allocated_bytes
--   samples               COUNT  sampled allocations behind this
--   left_samples          COUNT  of these, alive at the end
--   all_rows              TOTAL  labels
--   all_left_bytes        TOTAL  left_bytes of these
-- Table:    kind label spans total_ns max_ns allocated_bytes left_bytes left_share
-- Footer:   {rows} of {all_rows} labels: {share left_bytes} of {all_left_bytes} that stayed
-- Empty:    this program told no spans; memrec_span_begin and memrec_span_end do
-- Caveat:   what a cache keeps for a label stays too; span_leftovers says where it was allocated.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id
),
summed AS (
    SELECT s.kind, s.label,
           COUNT(*) AS spans,
           SUM(s.duration_ns) AS total_ns, MAX(s.duration_ns) AS max_ns,
           SUM(s.gc_ns) AS gc_ns,
           SUM(CASE WHEN s.gc_ns IS NOT NULL THEN s.duration_ns END) AS gc_of_ns,
           SUM(s.samples) AS samples, SUM(s.left_samples) AS left_samples,
           SUM(s.bytes) AS bytes,
           SUM(s.bytes) * SUM(s.bytes) / NULLIF(SUM(s.bytes_sq), 0) AS n,
           SQRT(SUM(s.bytes_var) / NULLIF(SUM(s.bytes_sq), 0)) AS spread,
           SUM(s.left_bytes) AS left_bytes,
           SUM(s.left_bytes) * SUM(s.left_bytes) / NULLIF(SUM(s.left_bytes_sq), 0) AS left_n,
           SQRT(SUM(s.left_bytes_var) / NULLIF(SUM(s.left_bytes_sq), 0)) AS left_spread
      FROM span s
      JOIN chosen c ON c.id = s.run_id
     WHERE s.kind = COALESCE(CAST($3 AS TEXT), s.kind)
     GROUP BY s.kind, s.label
),
worst AS (
    SELECT s.*, COUNT(*) OVER () AS all_rows, SUM(left_bytes) OVER () AS all_left_bytes
      FROM summed s
     ORDER BY left_bytes DESC, bytes DESC, COALESCE(total_ns, 0) DESC, kind, COALESCE(label, '')
     LIMIT COALESCE(CAST($2 AS BIGINT), 20)
)
SELECT kind,
       label,
       spans,
       CAST(total_ns AS BIGINT) AS total_ns,
       max_ns,
       CAST(ROUND(CAST(gc_ns * 1.0 / NULLIF(gc_of_ns, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS gc_share,
       CAST(ROUND(bytes) AS BIGINT) AS allocated_bytes,
       CAST(ROUND(COALESCE(bytes
           * (1 - (1 - POWER(1 - 1 / (9 * n) - 1.96 / (3 * SQRT(n)), 3)) * spread), 0)) AS BIGINT)
           AS allocated_bytes_low,
       CAST(ROUND(COALESCE(bytes
           * (1 + ((n + 1) / n * POWER(1 - 1 / (9 * (n + 1)) + 1.96 / (3 * SQRT(n + 1)), 3) - 1)
               * spread), 0)) AS BIGINT) AS allocated_bytes_high,
       CAST(ROUND(left_bytes) AS BIGINT) AS left_bytes,
       CAST(ROUND(COALESCE(left_bytes
           * (1 - (1 - POWER(1 - 1 / (9 * left_n) - 1.96 / (3 * SQRT(left_n)), 3)) * left_spread), 0))
           AS BIGINT) AS left_bytes_low,
       CAST(ROUND(COALESCE(left_bytes
           * (1 + ((left_n + 1) / left_n
               * POWER(1 - 1 / (9 * (left_n + 1)) + 1.96 / (3 * SQRT(left_n + 1)), 3) - 1)
               * left_spread), 0)) AS BIGINT) AS left_bytes_high,
       CAST(ROUND(left_bytes / spans) AS BIGINT) AS left_per_span_bytes,
       CAST(ROUND(CAST(left_bytes / NULLIF(bytes, 0) AS NUMERIC), 4) AS DOUBLE PRECISION) AS left_share,
       CAST(samples AS BIGINT) AS samples,
       CAST(left_samples AS BIGINT) AS left_samples,
       all_rows,
       CAST(ROUND(all_left_bytes) AS BIGINT) AS all_left_bytes
  FROM worst
 ORDER BY left_bytes DESC, bytes DESC, COALESCE(total_ns, 0) DESC, kind, COALESCE(label, '')
