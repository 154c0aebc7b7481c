-- SPDX-License-Identifier: Apache-2.0
-- contributors: which sites make up a figure.
--
-- Reads:    run, stack, stack_stat, leak, sample, span, eval
-- Params:
--   $1 run     ID     the run's id (default: the first)
--   $2 figure  TEXT   its name, as in figures: peak., end., alloc., frame.alloc_bytes, span.bytes.KIND,
--                     eval.alloc_bytes, gc., leak. (default: peak.live_bytes)
--   $3 limit   COUNT  rows to show (default: 20)
-- Columns:
--   function    TEXT   innermost function that is not an allocator's
--   bytes       BYTES  peak and end: alive then; leak: alive at the end; frame, span, eval: allocated
--                      inside one; alloc and gc: allocated
--   bytes_low   BYTES
--   bytes_high  BYTES
--   share       RATIO  of all sites
--   samples     COUNT  sampled allocations behind this row
--   reason      PROSE  leak: why it is one
--   stack       STACK  innermost call first
--   stack_key   KEY    the same for this stack on every machine
--   all_rows    TOTAL  sites before the limit
--   all_bytes   TOTAL  bytes of these
-- Table:    function bytes share
-- Footer:   {rows} of {all_rows} sites: {share bytes} of {all_bytes}
-- Empty:    no site makes up this figure, as far as samples tell
-- Caveat:   samples tell bytes; what a figure counts otherwise (calls, time) may have other causes.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS run_id,
           COALESCE(CAST($2 AS TEXT), 'peak.live_bytes') AS figure
),
asked AS (
    SELECT run_id, figure,
           CASE
               WHEN figure LIKE 'peak.%' THEN 'peak'
               WHEN figure LIKE 'end.%' THEN 'live'
               WHEN figure LIKE 'alloc.%' OR figure LIKE 'gc.%' THEN 'allocated'
               WHEN figure LIKE 'leak.%' THEN 'leak'
               WHEN figure LIKE 'frame.%' THEN 'frame'
               WHEN figure LIKE 'span.%' THEN 'span'
               WHEN figure LIKE 'eval.%' THEN 'eval'
           END AS source
      FROM chosen
),
-- only what is asked for is read: of `sample` there may be many, too many to index, which the plus prevents
summed AS (
    SELECT s.stack_id, s.samples, s.bytes, s.bytes_sq, s.bytes_var,
           CAST(NULL AS DOUBLE PRECISION) AS told_low, CAST(NULL AS DOUBLE PRECISION) AS told_high,
           CAST(NULL AS TEXT) AS reason
      FROM asked a
      JOIN stack_stat s ON s.run_id = a.run_id AND s.measure = a.source
     UNION ALL
    SELECT l.stack_id, l.live_samples, l.live_bytes, NULL, NULL, l.live_bytes_low, l.live_bytes_high, l.reason
      FROM asked a
      JOIN leak l
        ON l.run_id = a.run_id
       AND l.verdict = CASE a.figure WHEN 'leak.growing' THEN 'growing' ELSE 'leak' END
       AND l.suppressed_by IS NULL
     WHERE a.source = 'leak'
     UNION ALL
    SELECT COALESCE(x.stack_id, 0), COUNT(*), SUM(x.weight * x.size_bytes),
           SUM(x.weight * x.size_bytes * x.weight * x.size_bytes),
           SUM(x.weight * x.size_bytes * x.weight * x.size_bytes * (1 - 1 / x.weight)), NULL, NULL, NULL
      FROM asked a
     CROSS JOIN sample x
      LEFT JOIN span s ON s.id = x.birth_span_id
     WHERE a.source IN ('frame', 'span', 'eval')
       AND +x.run_id = a.run_id
       AND CASE a.source
               WHEN 'frame' THEN x.birth_frame_id IS NOT NULL
               WHEN 'eval' THEN x.birth_eval_id IS NOT NULL
               ELSE s.kind IS NOT NULL AND a.figure LIKE '%.' || s.kind
           END
     GROUP BY COALESCE(x.stack_id, 0)
),
numbered AS (
    SELECT m.*,
           CASE WHEN bytes_sq > 0 THEN bytes * bytes / bytes_sq ELSE 1.0 END AS n,
           CASE WHEN bytes_sq > 0 AND bytes_var > 0 THEN SQRT(bytes_var / bytes_sq) ELSE 0.0 END AS spread,
           ROW_NUMBER() OVER (ORDER BY bytes DESC, stack_id) AS place,
           COUNT(*) OVER () AS all_rows,
           SUM(bytes) OVER () AS all_bytes
      FROM summed m
)
SELECT COALESCE(s.function, '?') AS function,
       CAST(ROUND(bytes) AS BIGINT) AS bytes,
       CAST(ROUND(COALESCE(told_low, bytes * (1 - (1 - POWER(1 - 1 / (9 * n) - 1.96 / (3 * SQRT(n)), 3)) * spread))) AS BIGINT)
           AS bytes_low,
       CAST(ROUND(COALESCE(told_high, bytes * (1 + ((n + 1) / n * POWER(1 - 1 / (9 * (n + 1)) + 1.96 / (3 * SQRT(n + 1)), 3) - 1)
           * spread))) AS BIGINT) AS bytes_high,
       CAST(ROUND(CAST(bytes / NULLIF(all_bytes, 0) AS NUMERIC), 4) AS DOUBLE PRECISION) AS share,
       samples,
       reason,
       s.text AS stack,
       s.key AS stack_key,
       all_rows,
       CAST(ROUND(all_bytes) AS BIGINT) AS all_bytes
  FROM numbered b
  LEFT JOIN stack s ON s.id = b.stack_id
 WHERE place <= COALESCE(CAST($3 AS BIGINT), 20)
 ORDER BY place
