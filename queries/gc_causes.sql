-- SPDX-License-Identifier: Apache-2.0
-- gc_causes: who allocates what forces collections, and how much of what was late is that one's part.
--
-- Reads:    run, heap, gc, gc_site, gc_late, stack
-- Params:
--   $1 run    ID     the run's id (default: the first)
--   $2 limit  COUNT  rows to show (default: 20)
--   $3 by     TEXT   function|stack: what makes a row (default: function)
-- Columns:
--   heap             TEXT   name of the managed heap
--   site             TEXT   who allocated
--   share            RATIO  of what was allocated before each collection, weighted by how much that made
--                           late; nothing late: by how long it stood; not told: each the same
--   share_low        RATIO
--   share_high       RATIO
--   late_ns          NS     its part of the time by which collections made frames and spans late: over
--                           their budget, or over the median of spans that took more than twice that
--   late_ns_low      NS
--   late_ns_high     NS
--   pause_ns         NS     its part of all that the program stood for collections of the heap; empty: not
--                           told
--   pause_ns_low     NS
--   pause_ns_high    NS
--   collections      COUNT  its part of them
--   samples          COUNT  sampled allocations behind the share
--   allocated_bytes  BYTES  what it allocated before collections of which it was among the first five
--   all_collections  COUNT  of the heap, before which anything was sampled
--   trigger          TEXT   kind and reason of most of these
--   frames           COUNT  frames over budget that stood for these, one for each
--   spans            COUNT  late spans that did
--   heap_late_ns     NS     by which these made them late
--   heap_pause_ns    NS     that the program stood for these
--   sentence         PROSE  the chain in words
--   stack            STACK  innermost call first; of several the one with most bytes
--   all_rows         TOTAL  sites
--   all_late_ns      TOTAL  time by which collections made frames and spans late
-- Table:    heap site share late_ns pause_ns collections
-- Footer:   {rows} of {all_rows} sites; collections made late: {all_late_ns}
-- Empty:    no collection was told, or nothing was sampled before one
-- Caveat:   who allocates much before a collection makes it come sooner; what survives makes it long.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id,
           COALESCE(CAST($3 AS TEXT), 'function') AS row_is
),
late AS MATERIALIZED (
    SELECT l.gc_id,
           SUM(l.late_ns) AS late_ns,
           COUNT(*) FILTER (WHERE l.kind = 'frame') AS frames,
           COUNT(*) FILTER (WHERE l.kind = 'span') AS spans
      FROM gc_late l
      JOIN chosen c ON c.id = l.run_id
     GROUP BY l.gc_id
),
collection AS MATERIALIZED (
    SELECT g.id, g.heap_id, g.kind, g.reason, g.sampled_bytes, g.pause_ns,
           g.sampled_bytes_sq / (g.sampled_bytes * g.sampled_bytes) AS inverse_n,
           COALESCE(l.late_ns, 0) AS late_ns,
           COALESCE(l.frames, 0) AS frames, COALESCE(l.spans, 0) AS spans
      FROM gc g
      JOIN chosen c ON c.id = g.run_id
      LEFT JOIN late l ON l.gc_id = g.id
     WHERE g.sampled_bytes > 0
),
heap_total AS MATERIALIZED (
    SELECT heap_id, COUNT(*) AS collections,
           CAST(SUM(late_ns) AS BIGINT) AS late_ns, CAST(SUM(pause_ns) AS BIGINT) AS pause_ns,
           SUM(frames) AS frames, SUM(spans) AS spans,
           CASE WHEN SUM(late_ns) > 0 THEN 1 ELSE 0 END AS by_late,
           CASE WHEN SUM(late_ns) > 0 THEN 0 WHEN SUM(pause_ns) > 0 THEN 1 ELSE 0 END AS by_pause,
           CASE WHEN SUM(late_ns) > 0 OR SUM(pause_ns) > 0 THEN 0 ELSE 1 END AS by_each
      FROM collection
     GROUP BY heap_id
),
-- what weighs a collection: what it made late, or how long it stood, or nothing
weighed AS MATERIALIZED (
    SELECT k.id, k.heap_id, k.sampled_bytes, k.inverse_n, k.late_ns, k.pause_ns,
           t.by_late * k.late_ns + t.by_pause * COALESCE(k.pause_ns, 0) + t.by_each * 1.0 AS weight
      FROM collection k
      JOIN heap_total t ON t.heap_id = k.heap_id
),
-- as many samples as the mean over all of these shares is worth (Kish)
mean AS (
    SELECT heap_id, SUM(weight) AS weight,
           SUM(weight) * SUM(weight) / NULLIF(SUM(weight * weight * inverse_n), 0) AS n
      FROM weighed
     GROUP BY heap_id
),
trigger_count AS (
    SELECT heap_id, kind, reason,
           ROW_NUMBER() OVER (PARTITION BY heap_id ORDER BY COUNT(*) DESC, kind, COALESCE(reason, ''))
               AS place
      FROM collection
     GROUP BY heap_id, kind, reason
),
-- parts add up, so stacks first
by_stack AS MATERIALIZED (
    SELECT w.heap_id, s.stack_id,
           SUM(s.samples) AS samples, SUM(s.bytes) AS bytes, SUM(s.bytes_sq) AS bytes_sq,
           SUM(s.bytes_var) AS bytes_var,
           SUM(s.bytes / w.sampled_bytes) AS collections,
           SUM(s.bytes / w.sampled_bytes * w.weight) AS weight,
           SUM(s.bytes / w.sampled_bytes * w.late_ns) AS late_ns,
           SUM(s.bytes / w.sampled_bytes * w.pause_ns) AS pause_ns
      FROM weighed w
     CROSS JOIN chosen c
      JOIN gc_site s ON s.run_id = c.id AND s.gc_id = w.id
     GROUP BY w.heap_id, s.stack_id
),
named AS (
    SELECT b.*, COALESCE(k.function, '?') AS function, k.text,
           CASE WHEN c.row_is = 'stack' THEN b.stack_id ELSE 0 END AS only_stack
      FROM by_stack b
     CROSS JOIN chosen c
      LEFT JOIN stack k ON k.id = b.stack_id
),
placed AS (
    SELECT n.*,
           ROW_NUMBER() OVER (PARTITION BY heap_id, function, only_stack ORDER BY bytes DESC, stack_id)
               AS place
      FROM named n
),
site AS (
    SELECT heap_id, function, only_stack,
           MAX(text) FILTER (WHERE place = 1) AS stack,
           SUM(samples) AS samples, SUM(bytes) AS bytes,
           SQRT(SUM(bytes_var) / NULLIF(SUM(bytes_sq), 0)) AS spread,
           SUM(collections) AS collections, SUM(weight) AS weight, SUM(late_ns) AS late_ns,
           SUM(pause_ns) AS pause_ns
      FROM placed
     GROUP BY heap_id, function, only_stack
),
shared AS (
    SELECT s.*, a.n,
           CASE WHEN s.weight > a.weight THEN 1.0 ELSE s.weight / a.weight END AS share
      FROM site s
      JOIN mean a ON a.heap_id = s.heap_id
     WHERE a.weight > 0
),
-- Wilson's interval, narrowed where every allocation was recorded
bounded AS (
    SELECT s.*,
           share - spread * (share - ((share + 1.9208 / n
               - 1.96 * SQRT(share * (1 - share) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n))) AS low,
           share + spread * (((share + 1.9208 / n
               + 1.96 * SQRT(share * (1 - share) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n)) - share)
               AS high
      FROM shared s
),
ranked AS (
    SELECT b.*, h.name AS heap, h.number,
           t.late_ns AS heap_late_ns, t.pause_ns AS heap_pause_ns, t.frames, t.spans,
           t.collections AS all_collections,
           g.kind || COALESCE(' (' || g.reason || ')', '') AS trigger_words,
           CASE WHEN b.share > 0 THEN b.low / b.share ELSE 1 END AS low_part,
           CASE WHEN b.share > 0 THEN b.high / b.share ELSE 1 END AS high_part,
           COUNT(*) OVER () AS all_rows,
           (SELECT SUM(late_ns) FROM late) AS every_late_ns
      FROM bounded b
      JOIN heap h ON h.id = b.heap_id
      JOIN heap_total t ON t.heap_id = b.heap_id
      JOIN trigger_count g ON g.heap_id = b.heap_id AND g.place = 1
     ORDER BY b.late_ns DESC, COALESCE(b.pause_ns, 0) DESC, b.weight DESC, h.number, b.function,
              b.only_stack
     LIMIT COALESCE(CAST($2 AS BIGINT), 20)
),
-- milliseconds with one digit behind the point
worded AS (
    SELECT r.*,
           CAST(CAST(ROUND(share * 100) AS BIGINT) AS TEXT) || ' %'
               || CASE WHEN high - low > 0.01
                       THEN ' (' || CAST(CAST(FLOOR(low * 100) AS BIGINT) AS TEXT) || ' to '
                           || CAST(CAST(CEIL(high * 100) AS BIGINT) AS TEXT) || ' %)'
                       ELSE '' END AS share_words,
           CAST(CAST(ROUND(late_ns / 100000) AS BIGINT) / 10 AS TEXT) || '.'
               || CAST(CAST(ROUND(late_ns / 100000) AS BIGINT) % 10 AS TEXT) || ' ms' AS late_words,
           CAST((heap_late_ns + 50000) / 1000000 AS TEXT) || '.'
               || CAST((heap_late_ns + 50000) / 100000 % 10 AS TEXT)
               || ' ms' AS heap_late_words,
           CAST(CAST(ROUND(pause_ns / 100000) AS BIGINT) / 10 AS TEXT) || '.'
               || CAST(CAST(ROUND(pause_ns / 100000) AS BIGINT) % 10 AS TEXT) || ' ms' AS pause_words,
           CAST((heap_pause_ns + 50000) / 1000000 AS TEXT) || '.'
               || CAST((heap_pause_ns + 50000) / 100000 % 10 AS TEXT)
               || ' ms' AS heap_pause_words
      FROM ranked r
)
SELECT heap,
       function AS site,
       CAST(ROUND(CAST(share AS NUMERIC), 4) AS DOUBLE PRECISION) AS share,
       CAST(ROUND(CAST(low AS NUMERIC), 4) AS DOUBLE PRECISION) AS share_low,
       CAST(ROUND(CAST(high AS NUMERIC), 4) AS DOUBLE PRECISION) AS share_high,
       CAST(ROUND(late_ns) AS BIGINT) AS late_ns,
       CAST(ROUND(late_ns * low_part) AS BIGINT) AS late_ns_low,
       CAST(ROUND(late_ns * high_part) AS BIGINT) AS late_ns_high,
       CAST(ROUND(pause_ns) AS BIGINT) AS pause_ns,
       CAST(ROUND(pause_ns * low_part) AS BIGINT) AS pause_ns_low,
       CAST(ROUND(pause_ns * high_part) AS BIGINT) AS pause_ns_high,
       CAST(ROUND(collections) AS BIGINT) AS collections,
       CAST(samples AS BIGINT) AS samples,
       CAST(ROUND(bytes) AS BIGINT) AS allocated_bytes,
       all_collections,
       trigger_words AS trigger,
       CAST(frames AS BIGINT) AS frames,
       CAST(spans AS BIGINT) AS spans,
       heap_late_ns,
       heap_pause_ns,
       function || ' allocated ' || share_words || ' of what came before '
           || CASE all_collections WHEN 1 THEN 'a collection'
                                   ELSE CAST(all_collections AS TEXT) || ' collections' END
           || ' of heap ' || heap || ', ' || CASE WHEN all_collections > 1 THEN 'most of them ' ELSE '' END
           || trigger_words || '.'
           || CASE
                  WHEN heap_late_ns > 0
                  THEN ' They made ' || SUBSTR(
                          CASE frames WHEN 0 THEN '' WHEN 1 THEN ' and 1 frame'
                                      ELSE ' and ' || CAST(CAST(frames AS BIGINT) AS TEXT) || ' frames' END
                          || CASE spans WHEN 0 THEN '' WHEN 1 THEN ' and 1 span'
                                        ELSE ' and ' || CAST(CAST(spans AS BIGINT) AS TEXT) || ' spans'
                             END, 6)
                      || ' late by ' || heap_late_words || '; ' || late_words || ' of that is its part.'
                  WHEN heap_pause_ns > 0
                  THEN ' The program stood ' || heap_pause_words || ' for them; ' || pause_words
                      || ' of that is its part. No frame or span was late because of it.'
                  ELSE ' How long the program stood for them was not told.'
              END AS sentence,
       stack,
       all_rows,
       CAST(COALESCE(every_late_ns, 0) AS BIGINT) AS all_late_ns
  FROM worded
 ORDER BY CAST(ROUND(late_ns) AS BIGINT) DESC, COALESCE(pause_ns, 0) DESC, weight DESC, number, function,
          only_stack
