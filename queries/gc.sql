-- SPDX-License-Identifier: Apache-2.0
-- gc: per managed heap: what collections give back and cost, and whether they keep up.
--
-- Reads:    run, heap, gc, gc_pause, quantile, gc_utilisation
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   heap                         GROUP  name of the heap
--   kind                         TEXT   kind of collection; all: every one of the heap
--   collections                  COUNT  begun or told
--   reclaimed_bytes              BYTES  used before less used after, of those that told both
--   efficiency                   RATIO  reclaimed_bytes over used before
--   promoted_bytes               BYTES  moved to an older generation; empty: not told
--   pauses                       COUNT  times the program stood
--   pause_p50_ns                 NS     half of the pauses were no longer
--   pause_p95_ns                 NS     95 % were no longer
--   pause_p99_ns                 NS     99 % were no longer
--   pause_max_ns                 NS     the longest
--   pause_total_ns               NS     all of them
--   pause_share                  RATIO  pause_total over the run
--   long_pauses                  COUNT  pauses of more than 10 ms; told for all kinds together
--   long_share                   RATIO  long_pauses, of the pauses
--   utilisation_10ms             RATIO  how little the program could run in any 10 ms: 0 is not at all
--   utilisation_20ms             RATIO  ... in any 20 ms
--   utilisation_50ms             RATIO  ... in any 50 ms
--   utilisation_100ms            RATIO  ... in any 100 ms
--   utilisation_1s               RATIO  ... in any second; empty: the run was shorter
--   allocated_bytes_per_second   FLOW   pressure: from the first collection to the last
--   reclaimed_bytes_per_second   FLOW   what collections gave back in that time
--   grown_bytes                  BYTES  the difference, in all
--   correlation                  VALUE  of a collection's pause with the rate of allocation before it:
--                                       1: pauses follow it, 0: they do not; empty: fewer than 3
--   wrong_claims                 COUNT  collections whose claim differs from before less after by more
--                                       than a tenth; empty: none claim anything
--   claims                       COUNT  collections that claimed and told both
--   claimed_bytes                BYTES  sum of these claims
--   approximate                  COUNT  collections whose use afterwards is an estimate
--   unfinished                   COUNT  collections whose end was not told
--   verdict                      PROSE  whether collections keep up, and what to look at
-- Table:    heap kind collections reclaimed_bytes efficiency pause_p50_ns pause_p99_ns pause_max_ns
--           pause_share
-- Empty:    this program told no collections; memrec_gc_begin, memrec_gc_end and memrec_gc_cycle do
-- Caveat:   a heap that still fills up is no leak yet; survival shows what stays.
WITH chosen AS (
    SELECT id, duration_ns
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
collection AS (
    SELECT g.*,
           COALESCE(g.begin_ns, g.end_ns) AS at_ns,
           CASE WHEN g.reclaimed_bytes IS NOT NULL THEN g.used_before_bytes END AS judged_bytes,
           CASE
               WHEN g.claimed_bytes IS NOT NULL AND g.reclaimed_bytes IS NOT NULL
               THEN CASE
                        WHEN ABS(g.claimed_bytes - g.reclaimed_bytes) * 10 > ABS(g.reclaimed_bytes)
                        THEN 1
                        ELSE 0
                    END
           END AS wrong,
           COALESCE(g.begin_ns, g.end_ns)
               - LAG(COALESCE(g.begin_ns, g.end_ns)) OVER (PARTITION BY g.heap_id ORDER BY g.number)
               AS since_ns
      FROM gc g
      JOIN chosen c ON c.id = g.run_id
),
pressed AS (
    SELECT x.*,
           CASE WHEN since_ns > 0 THEN allocated_bytes * 1.0 / since_ns END AS rate
      FROM collection x
),
counted AS (
    SELECT heap_id, kind,
           COUNT(*) AS collections,
           SUM(reclaimed_bytes) AS reclaimed, SUM(judged_bytes) AS judged,
           SUM(promoted_bytes) AS promoted,
           SUM(wrong) AS wrong, COUNT(wrong) AS claims,
           SUM(CASE WHEN wrong IS NOT NULL THEN claimed_bytes END) AS claimed,
           SUM(CASE WHEN wrong = 1 THEN claimed_bytes END) AS wrong_bytes,
           SUM(CASE WHEN wrong = 1 THEN reclaimed_bytes END) AS right_bytes,
           SUM(approximate) AS approximate,
           COUNT(*) - COUNT(end_ns) AS unfinished,
           SUM(pause_ns) AS paused_ns
      FROM pressed
     GROUP BY heap_id, kind
),
-- over collections that told what was allocated since the one before
pressure AS (
    SELECT heap_id,
           SUM(allocated_bytes) AS allocated, SUM(reclaimed_bytes) AS reclaimed, SUM(since_ns) AS ns
      FROM pressed
     WHERE allocated_bytes IS NOT NULL
       AND reclaimed_bytes IS NOT NULL
       AND since_ns > 0
     GROUP BY heap_id
),
mean AS (
    SELECT heap_id, COUNT(*) AS pairs, AVG(rate) AS rate, AVG(pause_ns * 1.0) AS pause
      FROM pressed
     WHERE rate IS NOT NULL
       AND pause_ns IS NOT NULL
     GROUP BY heap_id
),
correlated AS (
    SELECT p.heap_id, m.pairs,
           SUM((p.rate - m.rate) * (p.pause_ns - m.pause)) AS both_vary,
           SUM((p.rate - m.rate) * (p.rate - m.rate)) AS rate_varies,
           SUM((p.pause_ns - m.pause) * (p.pause_ns - m.pause)) AS pause_varies
      FROM pressed p
      JOIN mean m ON m.heap_id = p.heap_id
     WHERE p.rate IS NOT NULL
       AND p.pause_ns IS NOT NULL
     GROUP BY p.heap_id, m.pairs
),
-- each kind, and all of a heap
part (heap_id, kind, measure, part, collections, reclaimed, judged, promoted, wrong, claims, claimed,
      wrong_bytes, right_bytes, approximate, unfinished, paused_ns, long_pauses) AS (
    SELECT heap_id, kind, 'gc_pause.duration_ns of kind', kind, collections, reclaimed, judged,
           promoted, wrong, claims, claimed, wrong_bytes, right_bytes, approximate, unfinished,
           paused_ns,
           CAST(NULL AS BIGINT)
      FROM counted
     UNION ALL
    SELECT h.id, 'all', 'gc_pause.duration_ns', '', COALESCE(SUM(collections), 0), SUM(reclaimed),
           SUM(judged), SUM(promoted), SUM(wrong), COALESCE(SUM(claims), 0), SUM(claimed),
           SUM(wrong_bytes), SUM(right_bytes), COALESCE(SUM(approximate), 0),
           COALESCE(SUM(unfinished), 0),
           (SELECT SUM(p.duration_ns) FROM gc_pause p
             WHERE p.run_id = h.run_id AND p.heap_id = h.id),
           (SELECT COUNT(*) FROM gc_pause p
             WHERE p.run_id = h.run_id AND p.heap_id = h.id AND p.duration_ns > 10000000)
      FROM heap h
      JOIN chosen c ON c.id = h.run_id
      LEFT JOIN counted n ON n.heap_id = h.id
     GROUP BY h.id, h.run_id
),
paused AS (
    SELECT t.*, q.told AS pauses, q.p50, q.p95, q.p99, q.maximum
      FROM part t
     CROSS JOIN chosen c
      LEFT JOIN quantile q
        ON q.run_id = c.id
       AND q.measure = t.measure
       AND q.subject_id = t.heap_id
       AND q.part = t.part
),
utilised AS (
    SELECT u.heap_id,
           MAX(u.utilisation) FILTER (WHERE u.window_ns = 10000000) AS in_10ms,
           MAX(u.utilisation) FILTER (WHERE u.window_ns = 20000000) AS in_20ms,
           MAX(u.utilisation) FILTER (WHERE u.window_ns = 50000000) AS in_50ms,
           MAX(u.utilisation) FILTER (WHERE u.window_ns = 100000000) AS in_100ms,
           MAX(u.utilisation) FILTER (WHERE u.window_ns = 1000000000) AS in_1s
      FROM gc_utilisation u
      JOIN chosen c ON c.id = u.run_id
     GROUP BY u.heap_id
),
joined AS (
    SELECT h.name, h.number, p.*, c.duration_ns,
           u.in_10ms, u.in_20ms, u.in_50ms, u.in_100ms, u.in_1s,
           r.allocated AS pressed_bytes, r.reclaimed AS relieved_bytes, r.ns AS pressed_ns,
           CASE
               WHEN x.pairs >= 3
               THEN x.both_vary / NULLIF(SQRT(x.rate_varies) * SQRT(x.pause_varies), 0)
           END AS correlation,
           CASE WHEN p.kind = 'all' THEN 0 ELSE 1 END AS place
      FROM paused p
     CROSS JOIN chosen c
      JOIN heap h ON h.id = p.heap_id
      LEFT JOIN utilised u ON u.heap_id = p.heap_id AND p.kind = 'all'
      LEFT JOIN pressure r ON r.heap_id = p.heap_id AND p.kind = 'all'
      LEFT JOIN correlated x ON x.heap_id = p.heap_id AND p.kind = 'all'
)
SELECT name AS heap,
       kind,
       CAST(collections AS BIGINT) AS collections,
       CAST(reclaimed AS BIGINT) AS reclaimed_bytes,
       CAST(ROUND(CAST(reclaimed * 1.0 / NULLIF(judged, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS efficiency,
       CAST(promoted AS BIGINT) AS promoted_bytes,
       pauses,
       p50 AS pause_p50_ns,
       p95 AS pause_p95_ns,
       p99 AS pause_p99_ns,
       maximum AS pause_max_ns,
       CAST(paused_ns AS BIGINT) AS pause_total_ns,
       CAST(ROUND(CAST(paused_ns * 1.0 / NULLIF(duration_ns, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS pause_share,
       CASE WHEN pauses > 0 THEN CAST(long_pauses AS BIGINT) END AS long_pauses,
       CAST(ROUND(CAST(long_pauses * 1.0 / NULLIF(pauses, 0) AS NUMERIC), 4) AS DOUBLE PRECISION)
           AS long_share,
       CAST(ROUND(CAST(in_10ms AS NUMERIC), 4) AS DOUBLE PRECISION) AS utilisation_10ms,
       CAST(ROUND(CAST(in_20ms AS NUMERIC), 4) AS DOUBLE PRECISION) AS utilisation_20ms,
       CAST(ROUND(CAST(in_50ms AS NUMERIC), 4) AS DOUBLE PRECISION) AS utilisation_50ms,
       CAST(ROUND(CAST(in_100ms AS NUMERIC), 4) AS DOUBLE PRECISION) AS utilisation_100ms,
       CAST(ROUND(CAST(in_1s AS NUMERIC), 4) AS DOUBLE PRECISION) AS utilisation_1s,
       CAST(ROUND(pressed_bytes * 1000000000.0 / pressed_ns) AS BIGINT) AS allocated_bytes_per_second,
       CAST(ROUND(relieved_bytes * 1000000000.0 / pressed_ns) AS BIGINT) AS reclaimed_bytes_per_second,
       CAST(pressed_bytes - relieved_bytes AS BIGINT) AS grown_bytes,
       CAST(ROUND(CAST(correlation AS NUMERIC), 2) AS DOUBLE PRECISION) AS correlation,
       CAST(wrong AS BIGINT) AS wrong_claims,
       CAST(NULLIF(claims, 0) AS BIGINT) AS claims,
       CAST(claimed AS BIGINT) AS claimed_bytes,
       CAST(approximate AS BIGINT) AS approximate,
       CAST(unfinished AS BIGINT) AS unfinished,
       CASE
           WHEN kind <> 'all' THEN NULL
           ELSE CASE
                    WHEN collections = 0 THEN 'No collection was told.'
                    WHEN pressed_bytes IS NULL
                    THEN 'What was allocated between collections cannot be told.'
                    WHEN relieved_bytes * 100.0 < pressed_bytes * 95.0
                    THEN 'Growing: collections gave back '
                        || CAST(CAST(FLOOR(relieved_bytes * 100.0 / NULLIF(pressed_bytes, 0))
                            AS BIGINT) AS TEXT) || ' % of what was allocated.'
                    WHEN relieved_bytes * 100.0 > pressed_bytes * 105.0
                    THEN 'Shrinking: collections gave back more than was allocated.'
                    ELSE 'Balanced: collections gave back what was allocated, within 5 %.'
                END
               || CASE
                      WHEN long_pauses * 10 > pauses
                      THEN ' Warning: more than a tenth of the pauses ('
                          || CAST(long_pauses AS TEXT) || ' of ' || CAST(pauses AS TEXT)
                          || ') are longer than 10 ms.'
                      ELSE ''
                  END
               || CASE
                      WHEN wrong > 0
                      THEN ' ' || CAST(wrong AS TEXT) || ' of ' || CAST(claims AS TEXT)
                          || ' claims of reclaimed bytes are off by more than a tenth: '
                          || CAST(wrong_bytes AS TEXT) || ' bytes claimed, '
                          || CAST(right_bytes AS TEXT) || ' gone.'
                      ELSE ''
                  END
       END AS verdict
  FROM joined
 ORDER BY number, place, collections DESC, kind
