-- SPDX-License-Identifier: Apache-2.0
-- span_leftovers: what was allocated inside finished spans and is still alive, by stack.
--
-- Reads:    run, span, span_leftover, stack
-- Params:
--   $1 run          ID     the run's id (default: the first)
--   $2 limit        COUNT  rows to show (default: 20)
--   $3 spans-after  COUNT  spans of its kind that must have begun after its end (default: 10)
--   $4 gcs-after    COUNT  collections that must have begun after its end (default: 0)
--   $5 kind         TEXT   only spans of this kind
-- Columns:
--   rank              COUNT  1 left most bytes
--   kind              TEXT   of the spans
--   function          TEXT   innermost function that is not an allocator's
--   left_bytes        BYTES  allocated inside them, alive at the end of the run
--   left_bytes_low    BYTES
--   left_bytes_high   BYTES
--   left_blocks       COUNT  of these
--   left_blocks_low   COUNT
--   left_blocks_high  COUNT
--   leaving           COUNT  spans that a sampled block of these came from
--   old_enough        COUNT  finished spans of the kind that so many followed
--   leaving_share     RATIO  leaving, of these
--   first_ns          NS     end of the first span that left something, since the start of the run
--   last_ns           NS     end of the last
--   gcs_after         COUNT  collections since the last of them; empty: none are told
--   samples           COUNT  sampled allocations behind this row
--   reason            PROSE  whether it looks like one time, now and then, or each time
--   stack             STACK  innermost call first
--   stack_key         KEY    the same for this stack on every machine
--   all_rows          TOTAL  rows before the limit
--   all_left_bytes    TOTAL  left_bytes of these
-- Table:    rank kind function left_bytes left_blocks leaving old_enough
-- Footer:   {rows} of {all_rows} stacks: {share left_bytes} of {all_left_bytes} left behind
-- Empty:    nothing that was sampled in a finished span is left
-- Caveat:   what was sampled is left; a span of which nothing was may have left something too.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id,
           COALESCE(CAST($3 AS BIGINT), 10) AS spans_after
),
kinds AS (
    SELECT s.run_id, s.kind, MAX(s.begin_ns) AS last_begin_ns
      FROM span s
      JOIN chosen c ON c.id = s.run_id
     WHERE s.kind = COALESCE(CAST($5 AS TEXT), s.kind)
     GROUP BY s.run_id, s.kind
),
-- spans that ended by then are followed by so many; found once, not for every span
deadline AS MATERIALIZED (
    SELECT k.run_id, k.kind,
           CASE
               WHEN COALESCE(CAST($3 AS BIGINT), 10) = 0 THEN 9223372036854775807
               ELSE (SELECT s.begin_ns
                       FROM span s
                      WHERE s.run_id = k.run_id
                        AND s.kind = k.kind
                      ORDER BY s.begin_ns DESC
                      LIMIT 1
                     OFFSET CASE
                                WHEN COALESCE(CAST($3 AS BIGINT), 10) > 0
                                THEN COALESCE(CAST($3 AS BIGINT), 10) - 1
                                ELSE 0
                            END)
           END AS ended_by_ns
      FROM kinds k
),
old AS (
    SELECT s.kind,
           COUNT(*) AS old_enough,
           MIN(s.begin_ns + s.duration_ns) AS first_ns,
           MAX(s.begin_ns + s.duration_ns) AS last_ns
      FROM span s
      JOIN deadline d ON d.run_id = s.run_id AND d.kind = s.kind
     WHERE s.begin_ns + s.duration_ns <= d.ended_by_ns
     GROUP BY s.kind
),
left_behind AS (
    SELECT s.kind, l.stack_id,
           COUNT(*) AS leaving,
           SUM(l.samples) AS samples,
           MIN(s.begin_ns + s.duration_ns) AS first_ns,
           MAX(s.begin_ns + s.duration_ns) AS last_ns,
           MIN(l.gcs_after) AS gcs_after,
           SUM(l.bytes) AS bytes,
           SUM(l.bytes) * SUM(l.bytes) / NULLIF(SUM(l.bytes_sq), 0) AS bytes_n,
           SQRT(SUM(l.bytes_var) / NULLIF(SUM(l.bytes_sq), 0)) AS bytes_spread,
           SUM(l.blocks) AS blocks,
           SUM(l.blocks) * SUM(l.blocks) / NULLIF(SUM(l.blocks_sq), 0) AS blocks_n,
           SQRT(SUM(l.blocks_var) / NULLIF(SUM(l.blocks_sq), 0)) AS blocks_spread
      FROM span_leftover l
      JOIN chosen c ON c.id = l.run_id
      JOIN span s ON s.id = l.span_id
     WHERE l.spans_after >= c.spans_after
       AND (CAST($4 AS BIGINT) IS NULL OR l.gcs_after >= CAST($4 AS BIGINT))
       AND s.kind = COALESCE(CAST($5 AS TEXT), s.kind)
     GROUP BY s.kind, l.stack_id
),
-- the interval of views.sql, for sums over spans
bounded AS (
    SELECT l.*,
           POWER(1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)), 3) AS bytes_low,
           (bytes_n + 1) / bytes_n
               * POWER(1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)), 3)
               AS bytes_high,
           POWER(1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)), 3) AS blocks_low,
           (blocks_n + 1) / blocks_n
               * POWER(1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)), 3)
               AS blocks_high
      FROM left_behind l
)
SELECT ROW_NUMBER() OVER (ORDER BY b.bytes DESC, b.kind, k.key, b.stack_id) AS rank,
       b.kind,
       COALESCE(k.function, '?') AS function,
       CAST(ROUND(b.bytes) AS BIGINT) AS left_bytes,
       CAST(ROUND(b.bytes * (1 - (1 - b.bytes_low) * b.bytes_spread)) AS BIGINT) AS left_bytes_low,
       CAST(ROUND(b.bytes * (1 + (b.bytes_high - 1) * b.bytes_spread)) AS BIGINT)
           AS left_bytes_high,
       CAST(ROUND(b.blocks) AS BIGINT) AS left_blocks,
       CAST(ROUND(b.blocks * (1 - (1 - b.blocks_low) * b.blocks_spread)) AS BIGINT)
           AS left_blocks_low,
       CAST(ROUND(b.blocks * (1 + (b.blocks_high - 1) * b.blocks_spread)) AS BIGINT)
           AS left_blocks_high,
       b.leaving,
       o.old_enough,
       CAST(ROUND(CAST(b.leaving * 1.0 / NULLIF(o.old_enough, 0) AS NUMERIC), 4)
           AS DOUBLE PRECISION) AS leaving_share,
       b.first_ns,
       b.last_ns,
       b.gcs_after,
       CAST(b.samples AS BIGINT) AS samples,
       CASE
           WHEN b.leaving = 1 THEN 'One span left all of it.'
           WHEN b.leaving * 10 >= o.old_enough * 9 THEN 'Nearly every span left some of it.'
           WHEN b.leaving < 5 THEN 'Too few samples to tell whether more spans will.'
           WHEN (b.last_ns - b.first_ns) * 2 >= o.last_ns - o.first_ns
           THEN 'Spans left it again and again while the program ran.'
           ELSE 'Spans left it during a part of the run only.'
       END AS reason,
       k.text AS stack,
       k.key AS stack_key,
       COUNT(*) OVER () AS all_rows,
       CAST(ROUND(SUM(b.bytes) OVER ()) AS BIGINT) AS all_left_bytes
  FROM bounded b
  LEFT JOIN old o ON o.kind = b.kind
  LEFT JOIN stack k ON k.id = b.stack_id
 ORDER BY rank
 LIMIT COALESCE(CAST($2 AS BIGINT), 20)
