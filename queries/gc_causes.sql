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
--   frames           COUNT  frames over budget that stood for these collections, once for each
--   spans            COUNT  late spans that did
--   pause_ns         NS     its part of all that the program stood for collections of the heap; empty: not
--                           told
--   pause_ns_low     NS
--   pause_ns_high    NS
--   collections      COUNT  before which it was among the five that allocated most
--   trigger          TEXT   kind and reason of most of them
--   samples          COUNT  sampled allocations behind the share
--   allocated_bytes  BYTES  what it allocated before them, estimated
--   sentence         PROSE  the chain in words
--   stack            STACK  innermost call first; of several the one with most bytes
--   all_rows         TOTAL  sites
--   all_late_ns      TOTAL  time by which collections made frames and spans late
-- Table:    heap site share late_ns frames spans pause_ns collections
-- Footer:   {rows} of {all_rows} sites; collections made late: {all_late_ns}
-- Empty:    no collection was told, or nothing was sampled before one
-- Caveat:   who allocates much before a collection makes it come sooner; what survives makes it long.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id,
           COALESCE(CAST($3 AS TEXT), 'function') AS row_is
),
late AS (
    SELECT l.gc_id,
           SUM(l.late_ns) AS late_ns,
           COUNT(*) FILTER (WHERE l.kind = 'frame') AS frames,
           COUNT(*) FILTER (WHERE l.kind = 'span') AS spans
      FROM gc_late l
      JOIN chosen c ON c.id = l.run_id
     GROUP BY l.gc_id
),
collection AS (
    SELECT g.id, g.heap_id, g.kind || COALESCE(' (' || g.reason || ')', '') AS trigger_words,
           g.sampled_bytes, g.pause_ns,
           g.sampled_bytes * g.sampled_bytes / g.sampled_bytes_sq AS n,
           COALESCE(l.late_ns, 0) AS late_ns,
           COALESCE(l.frames, 0) AS frames, COALESCE(l.spans, 0) AS spans
      FROM gc g
      JOIN chosen c ON c.id = g.run_id
      LEFT JOIN late l ON l.gc_id = g.id
     WHERE g.sampled_bytes_sq > 0
),
-- what weighs a collection: what it made late, or how long it stood, or nothing
heap_total AS (
    SELECT heap_id,
           CAST(SUM(late_ns) AS BIGINT) AS late_ns,
           CAST(SUM(pause_ns) AS BIGINT) AS pause_ns,
           CASE WHEN SUM(late_ns) > 0 THEN 'late' WHEN SUM(pause_ns) > 0 THEN 'pause' ELSE 'each' END
               AS weighed_by
      FROM collection
     GROUP BY heap_id
),
weighed AS (
    SELECT k.*, t.weighed_by,
           CASE t.weighed_by
               WHEN 'late' THEN k.late_ns * 1.0
               WHEN 'pause' THEN COALESCE(k.pause_ns, 0) * 1.0
               ELSE 1.0
           END AS weight
      FROM collection k
      JOIN heap_total t ON t.heap_id = k.heap_id
),
-- as many samples as the mean over all of these shares is worth (Kish)
mean AS (
    SELECT heap_id, SUM(weight) AS weight,
           SUM(weight) * SUM(weight) / NULLIF(SUM(weight * weight / n), 0) AS n
      FROM weighed
     GROUP BY heap_id
),
-- each site of each collection
part AS (
    SELECT w.heap_id, w.id AS gc_id,
           COALESCE(k.function, '?') AS function,
           CASE WHEN c.row_is = 'stack' THEN s.stack_id ELSE 0 END AS only_stack,
           k.text, s.stack_id, s.samples, s.bytes, s.bytes_sq, s.bytes_var,
           s.bytes / w.sampled_bytes AS share,
           w.weight, w.late_ns, w.pause_ns, w.frames, w.spans, w.trigger_words
      FROM weighed w
     CROSS JOIN chosen c
      JOIN gc_site s ON s.run_id = c.id AND s.gc_id = w.id
      LEFT JOIN stack k ON k.id = s.stack_id
),
-- a function may be there with several stacks
merged AS (
    SELECT heap_id, gc_id, function, only_stack, trigger_words,
           SUM(samples) AS samples, SUM(bytes) AS bytes, SUM(bytes_sq) AS bytes_sq,
           SUM(bytes_var) AS bytes_var, SUM(share) AS share,
           MAX(weight) AS weight, MAX(late_ns) AS late_ns, MAX(pause_ns) AS pause_ns,
           MAX(frames) AS frames, MAX(spans) AS spans
      FROM part
     GROUP BY heap_id, gc_id, function, only_stack, trigger_words
),
trigger_count AS (
    SELECT heap_id, function, only_stack, trigger_words,
           ROW_NUMBER() OVER (PARTITION BY heap_id, function, only_stack
                              ORDER BY COUNT(*) DESC, trigger_words) AS place
      FROM merged
     GROUP BY heap_id, function, only_stack, trigger_words
),
stack_count AS (
    SELECT heap_id, function, only_stack, text,
           ROW_NUMBER() OVER (PARTITION BY heap_id, function, only_stack
                              ORDER BY SUM(bytes) DESC, stack_id) AS place
      FROM part
     GROUP BY heap_id, function, only_stack, stack_id, text
),
site AS (
    SELECT m.heap_id, m.function, m.only_stack,
           COUNT(*) AS collections,
           SUM(m.samples) AS samples, SUM(m.bytes) AS bytes,
           SQRT(SUM(m.bytes_var) / NULLIF(SUM(m.bytes_sq), 0)) AS spread,
           SUM(m.share * m.weight) AS weight,
           SUM(m.share * m.late_ns) AS late_ns,
           SUM(m.share * m.pause_ns) AS pause_ns,
           SUM(CASE WHEN m.late_ns > 0 THEN m.frames ELSE 0 END) AS frames,
           SUM(CASE WHEN m.late_ns > 0 THEN m.spans ELSE 0 END) AS spans
      FROM merged m
     GROUP BY m.heap_id, m.function, m.only_stack
),
shared AS (
    SELECT s.*, t.late_ns AS all_late_ns, t.pause_ns AS all_pause_ns, t.weighed_by,
           CASE WHEN s.weight > a.weight THEN 1.0 ELSE s.weight / a.weight END AS share, a.n
      FROM site s
      JOIN heap_total t ON t.heap_id = s.heap_id
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
           b.late_ns * b.low / NULLIF(b.share, 0) AS late_low,
           b.late_ns * b.high / NULLIF(b.share, 0) AS late_high,
           b.pause_ns * b.low / NULLIF(b.share, 0) AS pause_low,
           b.pause_ns * b.high / NULLIF(b.share, 0) AS pause_high,
           COUNT(*) OVER () AS all_rows,
           (SELECT SUM(late_ns) FROM late) AS every_late_ns
      FROM bounded b
      JOIN heap h ON h.id = b.heap_id
     ORDER BY b.late_ns DESC, COALESCE(b.pause_ns, 0) DESC, b.weight DESC, h.number, b.function,
              b.only_stack
     LIMIT COALESCE(CAST($2 AS BIGINT), 20)
),
worded AS (
    SELECT r.*, g.trigger_words, k.text AS stack,
           CAST(CAST(ROUND(share * 100) AS BIGINT) AS TEXT) || ' %'
               || CASE WHEN high - low > 0.01
                       THEN ' (' || CAST(CAST(FLOOR(low * 100) AS BIGINT) AS TEXT) || ' to '
                           || CAST(CAST(CEIL(high * 100) AS BIGINT) AS TEXT) || ' %)'
                       ELSE '' END AS share_words,
           CAST(CAST(ROUND(late_ns / 100000) AS BIGINT) / 10 AS TEXT) || '.'
               || CAST(CAST(ROUND(late_ns / 100000) AS BIGINT) % 10 AS TEXT) || ' ms' AS late_words,
           CAST(all_late_ns / 1000000 AS TEXT) || '.' || CAST(all_late_ns / 100000 % 10 AS TEXT)
               || ' ms' AS all_late_words,
           CAST(CAST(ROUND(pause_ns / 100000) AS BIGINT) / 10 AS TEXT) || '.'
               || CAST(CAST(ROUND(pause_ns / 100000) AS BIGINT) % 10 AS TEXT) || ' ms' AS pause_words,
           CAST(all_pause_ns / 1000000 AS TEXT) || '.' || CAST(all_pause_ns / 100000 % 10 AS TEXT)
               || ' ms' AS all_pause_words
      FROM ranked r
      LEFT JOIN trigger_count g
        ON g.heap_id = r.heap_id
       AND g.function = r.function
       AND g.only_stack = r.only_stack
       AND g.place = 1
      LEFT JOIN stack_count k
        ON k.heap_id = r.heap_id
       AND k.function = r.function
       AND k.only_stack = r.only_stack
       AND k.place = 1
)
SELECT heap,
       function AS site,
       CAST(ROUND(CAST(share AS NUMERIC), 4) AS DOUBLE PRECISION) AS share,
       CAST(ROUND(CAST(low AS NUMERIC), 4) AS DOUBLE PRECISION) AS share_low,
       CAST(ROUND(CAST(high AS NUMERIC), 4) AS DOUBLE PRECISION) AS share_high,
       CAST(ROUND(late_ns) AS BIGINT) AS late_ns,
       CAST(ROUND(late_low) AS BIGINT) AS late_ns_low,
       CAST(ROUND(late_high) AS BIGINT) AS late_ns_high,
       CAST(frames AS BIGINT) AS frames,
       CAST(spans AS BIGINT) AS spans,
       CAST(ROUND(pause_ns) AS BIGINT) AS pause_ns,
       CAST(ROUND(pause_low) AS BIGINT) AS pause_ns_low,
       CAST(ROUND(pause_high) AS BIGINT) AS pause_ns_high,
       collections,
       trigger_words AS trigger,
       CAST(samples AS BIGINT) AS samples,
       CAST(ROUND(bytes) AS BIGINT) AS allocated_bytes,
       function || ' allocated ' || share_words || ' of what came before collections of heap ' || heap
           || ', most of them ' || trigger_words || '.'
           || CASE
                  WHEN late_ns > 0
                  THEN ' They made ' || SUBSTR(
                          CASE frames WHEN 0 THEN '' WHEN 1 THEN ' and 1 frame'
                                      ELSE ' and ' || CAST(frames AS TEXT) || ' frames' END
                          || CASE spans WHEN 0 THEN '' WHEN 1 THEN ' and 1 span'
                                        ELSE ' and ' || CAST(spans AS TEXT) || ' spans' END, 6)
                      || ' late; of the ' || all_late_words || ' that all collections of this heap did, '
                      || late_words || ' is its part.'
                  WHEN all_late_ns > 0
                  THEN ' What was late was not late because of it.'
                  WHEN all_pause_ns > 0
                  THEN ' Its part of the ' || all_pause_words || ' that the program stood is '
                      || pause_words || '; no frame or span was late because of that.'
                  ELSE ' How long the program stood for them was not told.'
              END AS sentence,
       stack,
       all_rows,
       CAST(COALESCE(every_late_ns, 0) AS BIGINT) AS all_late_ns
  FROM worded
 ORDER BY CAST(ROUND(late_ns) AS BIGINT) DESC, COALESCE(pause_ns, 0) DESC, weight DESC, number, function,
          only_stack
