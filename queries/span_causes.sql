-- SPDX-License-Identifier: Apache-2.0
-- span_causes: the spans that collections made latest, and who allocated what forced these.
--
-- Reads:    run, span, quantile, gc, gc_late, heap, gc_site, stack
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 limit  COUNT  rows to show (default: 20)
--   $3 kind   TEXT   only spans of this kind
-- Columns:
--   kind             TEXT   what the span is: request, load, ...
--   label            TEXT   its label; empty: none
--   begin_ns         NS     when it began, since the start of the run
--   duration_ns      NS     how long it took
--   median_ns        NS     half of its kind took no longer
--   gc_ns            NS     the program stood for collections in it
--   late_ns          NS     of what it took longer than the median, the part that these explain
--   collections      COUNT  for which it stood
--   gc               TEXT   heap, kind and number of the one it stood longest for
--   site             TEXT   who allocated most before that one; empty: nothing was sampled
--   site_share       RATIO  site, of all that was sampled since the collection before
--   site_share_low   RATIO
--   site_share_high  RATIO
--   sentence         PROSE  the same in words
--   stack            STACK  of site: innermost call first
--   all_rows         TOTAL  spans that took more than twice the median and stood for collections
-- Table:    kind label begin_ns duration_ns median_ns gc_ns late_ns site
-- Footer:   {rows} of {all_rows} spans that stood for collections and took more than twice the median
-- Empty:    no span was late because of a collection
-- Caveat:   only kinds of which 20 spans or more ended are judged.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id
),
stood AS (
    SELECT l.subject_id, l.gc_id, l.pause_ns, l.late_ns,
           ROW_NUMBER() OVER (PARTITION BY l.subject_id ORDER BY l.pause_ns DESC, l.gc_id) AS place
      FROM gc_late l
      JOIN chosen c ON c.id = l.run_id
     WHERE l.kind = 'span'
),
late AS (
    SELECT subject_id, COUNT(*) AS collections, SUM(late_ns) AS late_ns, SUM(pause_ns) AS stood_ns,
           MAX(gc_id) FILTER (WHERE place = 1) AS gc_id
      FROM stood
     GROUP BY subject_id
),
worst AS (
    SELECT s.*, l.collections, l.late_ns, l.stood_ns, l.gc_id, COUNT(*) OVER () AS all_rows
      FROM late l
      JOIN span s ON s.id = l.subject_id
     WHERE s.kind = COALESCE(CAST($3 AS TEXT), s.kind)
     ORDER BY l.late_ns DESC, s.begin_ns, s.id
     LIMIT COALESCE(CAST($2 AS BIGINT), 20)
),
joined AS (
    SELECT w.*, q.p50, h.name AS heap, g.kind AS gc_kind,
           h.name || ' ' || g.kind || ' ' || CAST(g.number AS TEXT) AS gc,
           CASE WHEN s.gc_id IS NOT NULL THEN COALESCE(k.function, '?') END AS site, k.text AS stack,
           s.bytes / NULLIF(g.sampled_bytes, 0) AS share,
           g.sampled_bytes * g.sampled_bytes / NULLIF(g.sampled_bytes_sq, 0) AS n,
           SQRT(s.bytes_var / NULLIF(s.bytes_sq, 0)) AS spread
      FROM worst w
     CROSS JOIN chosen c
      JOIN gc g ON g.id = w.gc_id
      JOIN heap h ON h.id = g.heap_id
      LEFT JOIN gc_site s ON s.run_id = c.id AND s.gc_id = w.gc_id AND s.rank = 1
      LEFT JOIN stack k ON k.id = s.stack_id
      LEFT JOIN quantile q
        ON q.run_id = c.id
       AND q.measure = 'span.duration_ns'
       AND q.subject_id = 0
       AND q.part = w.kind
),
-- Wilson's interval, narrowed where every allocation was recorded
bounded AS (
    SELECT j.*,
           share - spread * (share - ((share + 1.9208 / n
               - 1.96 * SQRT(share * (1 - share) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n))) AS low,
           share + spread * (((share + 1.9208 / n
               + 1.96 * SQRT(share * (1 - share) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n)) - share)
               AS high
      FROM joined j
)
SELECT kind,
       label,
       begin_ns,
       duration_ns,
       p50 AS median_ns,
       CAST(stood_ns AS BIGINT) AS gc_ns,
       CAST(late_ns AS BIGINT) AS late_ns,
       collections,
       gc,
       site,
       CAST(ROUND(CAST(share AS NUMERIC), 4) AS DOUBLE PRECISION) AS site_share,
       CAST(ROUND(CAST(low AS NUMERIC), 4) AS DOUBLE PRECISION) AS site_share_low,
       CAST(ROUND(CAST(high AS NUMERIC), 4) AS DOUBLE PRECISION) AS site_share_high,
       'It stood ' || CAST(CAST(stood_ns AS BIGINT) / 1000000 AS TEXT) || '.'
           || CAST(CAST(stood_ns AS BIGINT) / 100000 % 10 AS TEXT)
           || ' ms for ' || CASE collections WHEN 1 THEN 'a collection' ELSE 'collections' END
           || ', longest for a ' || gc_kind || ' one of heap ' || heap
           || COALESCE('; before that ' || site || ' allocated '
               || CAST(CAST(ROUND(share * 100) AS BIGINT) AS TEXT) || ' %'
               || CASE WHEN high - low > 0.01
                       THEN ' (' || CAST(CAST(FLOOR(low * 100) AS BIGINT) AS TEXT) || ' to '
                           || CAST(CAST(CEIL(high * 100) AS BIGINT) AS TEXT) || ' %)'
                       ELSE '' END, '') || '.' AS sentence,
       stack,
       all_rows
  FROM bounded
 ORDER BY late_ns DESC, begin_ns, id
