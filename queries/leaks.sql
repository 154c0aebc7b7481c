-- SPDX-License-Identifier: Apache-2.0
-- leaks: what leaks, how fast, since when, and why it is not a cache.
--
-- Reads:    run, leak, class, heap, stack
-- Params:
--   $1 run      ID     the run's id (default: the first)
--   $2 limit    COUNT  rows to show (default: 20)
--   $3 verdict  TEXT   leak|growing|undecided|cache|startup|steady|suppressed|all: only this one
--                      (default: all but steady and suppressed)
--   $4 kind     TEXT   site|object|class|span|eval: only findings of this kind
-- Columns:
--   rank                           COUNT  1 is the most urgent
--   kind                           TEXT   site: blocks of malloc from one place; object: managed
--                                         objects from one place; class: objects of a class; span,
--                                         eval: left behind by spans of a kind or evaluations of a
--                                         label, from places that do not tell by themselves
--   verdict                        TEXT   leak; growing: never shrank, may be unbounded; undecided:
--                                         too few samples or too short a run; cache, startup,
--                                         steady: no leak; suppressed
--   subject                        TEXT   the function, class, kind of spans or label
--   live_bytes                     BYTES  alive at the end; each block counts in one row
--   live_bytes_low                 BYTES
--   live_bytes_high                BYTES
--   live_blocks                    COUNT  alive at the end
--   live_blocks_low                COUNT
--   live_blocks_high               COUNT
--   leak_rate_bytes_per_hour       RATE   survivors per hour since the onset; empty: no leak seen
--   leak_rate_bytes_per_hour_low   RATE
--   leak_rate_bytes_per_hour_high  RATE
--   leaked_share                   RATIO  of what was allocated since the onset and is old enough to
--                                         judge, the part never freed; empty: cannot be told
--   leaked_share_low               RATIO
--   leaked_share_high              RATIO
--   onset_ns                       NS     when the leak began, since the start of the run
--   oldest_ns                      NS     age of the oldest survivor
--   oldest_gcs                     COUNT  collections begun in its life; empty here and in the next
--                                         two: none is told, or the site is steady
--   oldest_frames                  COUNT  frames begun in it
--   oldest_spans                   COUNT  spans begun in it
--   left_by                        TEXT   the spans or evaluations that left most of the survivors
--                                         behind; empty: no such witness
--   more_ns                        NS     for a verdict the run would have to go on so long; empty:
--                                         there is one, or that would not help
--   samples                        COUNT  sampled allocations behind this row
--   reason                         PROSE  why this verdict and not another
--   function                       TEXT   innermost function that is not an allocator's
--   class                          TEXT   of most survivors; empty: of none, or not told
--   heap                           TEXT   of managed objects
--   suppressed_by                  TEXT   pattern of the suppression file
--   stack                          STACK  innermost call first
--   stack_key                      KEY    the same for this stack on every machine
--   all_rows                       TOTAL  findings before the limit
--   all_live_bytes                 TOTAL  live_bytes of these
--   steady_rows                    TOTAL  sites judged steady
--   suppressed_rows                TOTAL  findings that a suppression file names
--   suppressed_live_bytes          TOTAL  live_bytes of these
-- Table:    rank kind verdict subject live_bytes leak_rate_bytes_per_hour leaked_share
-- Footer:   {rows} of {all_rows} findings: {share live_bytes} of {all_live_bytes};
--           steady and not listed: {steady_rows};
--           suppressed: {suppressed_rows}, {suppressed_live_bytes}
-- Empty:    nothing leaks, grows or keeps what it allocated; --verdict steady lists the others
-- Caveat:   a cache that never evicted anything during the run looks like a leak.
WITH judged AS (
    SELECT l.id, l.kind, l.live_bytes, l.leak_rate_bytes_per_hour,
           CASE WHEN l.suppressed_by IS NULL THEN l.verdict ELSE 'suppressed' END AS said,
           CASE
               WHEN l.suppressed_by IS NOT NULL THEN 7
               WHEN l.verdict = 'leak' THEN 1
               WHEN l.verdict = 'growing' THEN 2
               WHEN l.verdict = 'undecided' THEN 3
               WHEN l.verdict = 'cache' THEN 4
               WHEN l.verdict = 'startup' THEN 5
               ELSE 6
           END AS urgency
      FROM leak l
     WHERE l.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
ranked AS (
    SELECT j.*,
           ROW_NUMBER() OVER (
               ORDER BY urgency, COALESCE(leak_rate_bytes_per_hour, 0) DESC, live_bytes DESC, id
           ) AS place,
           COUNT(*) FILTER (WHERE said = 'steady') OVER () AS steady_rows,
           COUNT(*) FILTER (WHERE urgency < 6) OVER () AS loud_rows,
           COUNT(*) FILTER (WHERE said = 'suppressed') OVER () AS suppressed_rows,
           COALESCE(SUM(live_bytes) FILTER (WHERE said = 'suppressed') OVER (), 0)
               AS suppressed_live_bytes
      FROM judged j
),
-- where everything is suppressed, that is what is shown
kept AS (
    SELECT r.*,
           COUNT(*) OVER () AS all_rows,
           SUM(live_bytes) OVER () AS all_live_bytes
      FROM ranked r
     WHERE CASE COALESCE(CAST($3 AS TEXT), '')
               WHEN '' THEN urgency < 6 OR (loud_rows = 0 AND urgency = 7)
               WHEN 'all' THEN urgency < 7
               ELSE said = CAST($3 AS TEXT)
           END
       AND kind = COALESCE(CAST($4 AS TEXT), kind)
     ORDER BY place
     LIMIT COALESCE(CAST($2 AS BIGINT), 20)
)
SELECT place AS rank,
       l.kind,
       said AS verdict,
       subject,
       CAST(ROUND(l.live_bytes) AS BIGINT) AS live_bytes,
       CAST(ROUND(live_bytes_low) AS BIGINT) AS live_bytes_low,
       CAST(ROUND(live_bytes_high) AS BIGINT) AS live_bytes_high,
       CAST(ROUND(live_blocks) AS BIGINT) AS live_blocks,
       CAST(ROUND(live_blocks_low) AS BIGINT) AS live_blocks_low,
       CAST(ROUND(live_blocks_high) AS BIGINT) AS live_blocks_high,
       CAST(ROUND(l.leak_rate_bytes_per_hour) AS BIGINT) AS leak_rate_bytes_per_hour,
       CAST(ROUND(leak_rate_bytes_per_hour_low) AS BIGINT) AS leak_rate_bytes_per_hour_low,
       CAST(ROUND(leak_rate_bytes_per_hour_high) AS BIGINT) AS leak_rate_bytes_per_hour_high,
       CAST(ROUND(CAST(leaked_share AS NUMERIC), 4) AS DOUBLE PRECISION) AS leaked_share,
       CAST(ROUND(CAST(leaked_share_low AS NUMERIC), 4) AS DOUBLE PRECISION) AS leaked_share_low,
       CAST(ROUND(CAST(leaked_share_high AS NUMERIC), 4) AS DOUBLE PRECISION) AS leaked_share_high,
       onset_ns,
       oldest_ns,
       oldest_gcs,
       oldest_frames,
       oldest_spans,
       scope || CASE WHEN scope_name = '' THEN '' ELSE ' ' || scope_name END || ': '
           || CAST(scope_left AS TEXT) || ' of ' || CAST(scope_begun AS TEXT) AS left_by,
       more_ns,
       samples,
       reason,
       l.function,
       c.name AS class,
       h.name AS heap,
       suppressed_by,
       s.text AS stack,
       s.key AS stack_key,
       all_rows,
       CAST(ROUND(all_live_bytes) AS BIGINT) AS all_live_bytes,
       steady_rows,
       suppressed_rows,
       CAST(ROUND(suppressed_live_bytes) AS BIGINT) AS suppressed_live_bytes
  FROM kept k
  JOIN leak l ON l.id = k.id
  LEFT JOIN stack s ON s.id = l.stack_id
  LEFT JOIN class c ON c.id = l.class_id
  LEFT JOIN heap h ON h.id = l.heap_id
 ORDER BY place
