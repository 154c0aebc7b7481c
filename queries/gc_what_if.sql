-- SPDX-License-Identifier: Apache-2.0
-- gc_what_if: had a heap been allowed half, twice or four times as much: collections, pauses, peak.
--
-- Reads:    run, heap, gc, heap_usage
-- Params:
--   $1 run      ID     the run's id (default: the first)
--   $2 percent  COUNT  one more limit, in percent of what it was
-- Columns:
--   heap                  GROUP  name of the managed heap
--   limit_percent         COUNT  what it may hold when a collection begins, of what it did; 100: as it was
--   collections           COUNT  that would be; empty: cannot be told, or what lives would not fit
--   collections_low       COUNT
--   collections_high      COUNT
--   pause_total_ns        NS     the program would stand for them; empty: pauses are not told
--   pause_total_ns_low    NS
--   pause_total_ns_high   NS
--   pause_max_ns          NS     the longest of these
--   pause_max_ns_low      NS
--   pause_max_ns_high     NS
--   pause_share           RATIO  pause_total, of the time the run would take
--   pause_share_low       RATIO
--   pause_share_high      RATIO
--   peak_bytes            BYTES  most it would hold
--   peak_bytes_low        BYTES
--   peak_bytes_high       BYTES
--   limit_is              TEXT   how its limit behaves: fixed: the same for every collection; grows: in
--                                proportion to what the one before left
--   told                  COUNT  collections that told enough; minor ones are not counted
--   sentence              PROSE  the assumption, or why nothing can be told
-- Table:    heap limit_percent collections pause_total_ns pause_max_ns pause_share peak_bytes
-- Empty:    this program told no managed heap; memrec_heap, memrec_gc_begin and memrec_gc_end do
-- Caveat:   it supposes the same work. A collector that paces itself by time, or whose collections cost by
--           what they free, does otherwise.
WITH chosen AS (
    SELECT id, duration_ns
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
-- The model. What a program allocates, and what of it lives, does not depend on its collector; a collection begins when
-- the heap has filled the room that the one before left: limit less live. So where one recorded collection found
-- allocated bytes D = used - live in its room, another limit f puts D / (f used - live) of them. Where what lives
-- grows and the limit grows with it, each step is longer than the one before, so it is steps of a geometric
-- series that are counted: ln(live'/live) / ln(1 + growth (f used - live) / live). A collection costs what it did there:
-- what it visits is what lives. Those that the program asks for stay. Point: the law that varies less, of both; the
-- interval covers both, 1.96 standard deviations of the collections' parts, a fortieth of them, by which one run differs
-- from the next, one collection at each end. A heap that is given its room at once also skips those of its start.
percent (p) AS (
    SELECT CAST(50 AS BIGINT)
     UNION SELECT 100
     UNION SELECT 200
     UNION SELECT 400
     UNION SELECT COALESCE(CAST($2 AS BIGINT), 100)
),
counted AS MATERIALIZED (
    SELECT g.heap_id, g.number, g.pause_ns, g.used_before_bytes,
           -- before a lazy sweeper is done it is too much
           CASE WHEN g.approximate = 0 THEN g.used_after_bytes END AS used_after_bytes,
           LAG(g.used_after_bytes) OVER (PARTITION BY g.heap_id ORDER BY g.number) AS left_bytes,
           LAG(g.number) OVER (PARTITION BY g.heap_id ORDER BY g.number) AS before,
           ROW_NUMBER() OVER (PARTITION BY g.heap_id ORDER BY g.number DESC) AS next_place,
           CASE
               WHEN g.reason IS NULL THEN 0
               WHEN LOWER(g.reason) LIKE '%explicit%' OR LOWER(g.reason) LIKE '%asked%'
                    OR LOWER(g.reason) LIKE '%collectgarbage%' OR LOWER(g.reason) LIKE '%request%'
                    OR LOWER(g.reason) LIKE '%system.gc%'
               THEN 1
               ELSE 0
           END AS asked
      FROM gc g
      JOIN chosen c ON c.id = g.run_id
     WHERE g.kind <> 'minor'
),
-- one that was asked for began before the room was full, so it says nothing of the limit
stepped AS MATERIALIZED (
    SELECT heap_id, asked, pause_ns, number, next_place, used_before_bytes * 1.0 AS used,
           CASE WHEN before IS NULL THEN 0.0 ELSE left_bytes * 1.0 END AS live,
           used_after_bytes * 1.0 AS next_live,
           -- the logarithm of a step, where what lives grows
           CASE WHEN before IS NOT NULL AND left_bytes > 0 AND used_after_bytes > left_bytes * 1.001
                THEN LN(used_after_bytes * 1.0 / left_bytes) END AS grown
      FROM counted
     WHERE used_before_bytes > 0
       AND used_after_bytes IS NOT NULL
       AND (before IS NULL OR left_bytes < used_before_bytes)
),
known AS MATERIALIZED (
    SELECT heap_id,
           COUNT(*) AS told,
           SUM(asked) AS asked,
           COUNT(pause_ns) AS paused,
           COUNT(*) FILTER (WHERE asked = 0 AND live > 0) AS free_steps,
           AVG(used) FILTER (WHERE asked = 0 AND live > 0) AS used,
           AVG(used * used) FILTER (WHERE asked = 0 AND live > 0) AS used_squared,
           AVG(used / NULLIF(live, 0)) FILTER (WHERE asked = 0 AND live > 0) AS ratio,
           -- of the second half, when the start is over
           SUM(used) FILTER (WHERE asked = 0 AND number >= next_place AND live > 0)
               / NULLIF(SUM(live) FILTER (WHERE asked = 0 AND number >= next_place), 0) AS times_live,
           AVG(used / NULLIF(live, 0) * used / NULLIF(live, 0)) FILTER (WHERE asked = 0 AND live > 0)
               AS ratio_squared,
           MAX(used) AS peak,
           MAX(live / used) FILTER (WHERE asked = 0) AS fullest,
           AVG(live / used) FILTER (WHERE asked = 0 AND live > 0) AS fullness,
           MIN(next_live) AS least_live,
           SUM(used - live) AS allocated,
           COALESCE(MAX(next_live) FILTER (WHERE next_place = 1),
                    MAX(next_live) FILTER (WHERE next_place = 2)) AS last_live,
           MAX(pause_ns) AS pause_max
      FROM stepped
     GROUP BY heap_id
),
-- what it held between collections, and last
heap_end AS (
    SELECT u.heap_id, MAX(u.used_bytes) AS peak,
           MAX(u.used_bytes) FILTER (WHERE u.place = 1) AS end_used
      FROM (
          SELECT x.heap_id, x.used_bytes,
                 ROW_NUMBER() OVER (PARTITION BY x.heap_id ORDER BY x.time_ns DESC) AS place
            FROM heap_usage x
            JOIN chosen c ON c.id = x.run_id
           WHERE x.used_bytes IS NOT NULL
      ) AS u
     GROUP BY u.heap_id
),
every AS (
    SELECT h.id AS heap_id, h.name, h.number, h.capacity_bytes,
           (SELECT COUNT(*) FROM counted n WHERE n.heap_id = h.id) AS collections,
           (SELECT COUNT(*) FROM gc g WHERE g.run_id = c.id AND g.heap_id = h.id) AS all_collections,
           k.told, k.asked, k.paused, k.free_steps, k.fullest, k.fullness, k.least_live, k.pause_max, k.times_live, k.last_live,
           e.end_used,
           CASE WHEN e.peak > k.peak THEN e.peak ELSE k.peak END AS peak,
           CASE WHEN e.end_used > k.last_live THEN k.allocated + e.end_used - k.last_live
                ELSE k.allocated END AS allocated,
           -- at the end: what the last collection left, and as much of what came since as lived before
           k.last_live + CASE WHEN e.end_used > k.last_live AND k.last_live > k.least_live
                              THEN (e.end_used - k.last_live) * (k.last_live - k.least_live) / k.allocated
                              ELSE 0 END AS end_live,
           CASE WHEN k.last_live > k.least_live THEN (k.last_live - k.least_live) / k.allocated
                ELSE 0 END AS growth,
           k.used_squared / (k.used * k.used) - 1 AS used_varies,
           k.ratio_squared / (k.ratio * k.ratio) - 1 AS ratio_varies,
           CASE
               WHEN h.capacity_bytes > 0 AND k.used >= 0.8 * h.capacity_bytes THEN 'fixed'
               WHEN (k.used_squared / (k.used * k.used)) <= (k.ratio_squared / (k.ratio * k.ratio))
               THEN 'fixed'
               ELSE 'grows'
           END AS limit_is
      FROM heap h
      JOIN chosen c ON c.id = h.run_id
      LEFT JOIN known k ON k.heap_id = h.id
      LEFT JOIN heap_end e ON e.heap_id = h.id
),
-- how many collections stand for each recorded one, by both laws
replaced AS MATERIALIZED (
    SELECT s.heap_id, s.p, s.pause_ns, s.used,
           CASE WHEN s.asked = 1 OR s.p = 100 THEN 1.0 ELSE (s.used - s.live) / s.room END AS steady,
           CASE
               WHEN s.asked = 1 OR s.p = 100 THEN 1.0
               WHEN s.grown > 0
               THEN s.grown / LN(1 + (s.next_live - s.live) / (s.used - s.live) * s.room / s.live)
               ELSE (s.used - s.live) / s.room
           END AS growing
      FROM (
          -- a limit that grows leaves some room even where this one would not
          SELECT t.*, p.p,
                 CASE WHEN p.p * t.used / 100 - t.live > 0.05 * t.live
                      THEN p.p * t.used / 100 - t.live ELSE 0.05 * t.live + 1 END AS room
            FROM stepped t
           CROSS JOIN percent p
      ) AS s
),
summed AS MATERIALIZED (
    SELECT heap_id, p, COUNT(*) AS steps,
           SUM(steady) AS steady, SUM(growing) AS growing,
           AVG(steady * steady) - AVG(steady) * AVG(steady) AS steady_var,
           AVG(growing * growing) - AVG(growing) * AVG(growing) AS growing_var,
           SUM(steady * pause_ns) AS steady_ns, SUM(growing * pause_ns) AS growing_ns,
           AVG(growing * pause_ns * growing * pause_ns)
               - AVG(growing * pause_ns) * AVG(growing * pause_ns) AS growing_ns_var
      FROM replaced
     GROUP BY heap_id, p
),
-- the longest first, and how much longer than the tenth of a hundred those before it are
ranked AS MATERIALIZED (
    SELECT heap_id, pause_ns,
           ROW_NUMBER() OVER (PARTITION BY heap_id ORDER BY pause_ns DESC) AS place
      FROM stepped
     WHERE pause_ns IS NOT NULL
),
tail AS (
    SELECT r.heap_id,
           AVG(r.pause_ns * 1.0) FILTER (WHERE r.place <= k.paused / 10)
               - MAX(r.pause_ns) FILTER (WHERE r.place > k.paused / 10) AS mean_ns
      FROM ranked r
      JOIN known k ON k.heap_id = r.heap_id
     GROUP BY r.heap_id
),
predicted AS (
    SELECT e.*, p.p, c.duration_ns,
           CASE
               WHEN COALESCE(e.told, 0) < 3 AND p.p <> 100 THEN 'few'
               WHEN e.free_steps < 1 AND p.p <> 100 THEN 'asked'
               WHEN p.p < 100 AND p.p < 105 * CASE e.limit_is WHEN 'fixed' THEN e.fullest ELSE e.fullness END
               THEN 'full'
           END AS obstacle,
           e.collections * 1.0 / NULLIF(e.told, 0) AS scale,
           s.steady, s.growing,
           CASE e.limit_is WHEN 'fixed' THEN s.steady ELSE s.growing END AS point,
           CASE e.limit_is WHEN 'fixed' THEN e.used_varies ELSE e.ratio_varies END AS varies,
           CASE WHEN s.steady < s.growing THEN s.steady ELSE s.growing END AS fewer,
           CASE WHEN s.steady < s.growing THEN s.growing ELSE s.steady END AS more,
           CASE e.limit_is WHEN 'fixed' THEN s.steady_ns ELSE s.growing_ns END AS point_ns,
           CASE WHEN s.steady < s.growing THEN s.steady_ns ELSE s.growing_ns END AS fewer_ns,
           CASE WHEN s.steady < s.growing THEN s.growing_ns ELSE s.steady_ns END AS more_ns,
           CASE
               WHEN p.p = 100 THEN 0.0
               ELSE 1 + s.growing / 40 + 1.96 * SQRT(s.steps * CASE WHEN s.growing_var > s.steady_var AND s.growing_var > 0
                                                   THEN s.growing_var
                                                   WHEN s.steady_var > 0 THEN s.steady_var
                                                   ELSE 0 END)
           END AS around,
           CASE
               WHEN p.p = 100 THEN 0.0
               ELSE 1.96 * SQRT(s.steps * CASE WHEN s.growing_ns_var > 0 THEN s.growing_ns_var ELSE 0 END)
           END AS around_ns,
           -- as if beyond there pauses were exponential
           CASE WHEN l.mean_ns > 0 THEN l.mean_ns ELSE 0 END AS tail_ns,
           -- no more than was ever allocated, and than the limit at its highest, which may be that of the end
           CASE
               WHEN p.p = 100 THEN e.peak
               WHEN p.p * e.times_live * e.end_live > p.p * e.peak AND p.p * e.times_live * e.end_live / 100 < e.allocated
               THEN p.p * e.times_live * e.end_live / 100
               WHEN p.p * e.peak / 100 < e.allocated AND p.p * e.times_live * e.end_live <= p.p * e.peak
               THEN p.p * e.peak / 100
               WHEN e.allocated > e.peak THEN e.allocated
               ELSE e.peak
           END AS peak_point
      FROM every e
     CROSS JOIN percent p
     CROSS JOIN chosen c
      LEFT JOIN summed s ON s.heap_id = e.heap_id AND s.p = p.p
      LEFT JOIN tail l ON l.heap_id = e.heap_id
),
scaled AS MATERIALIZED (
    SELECT d.*,
           point * scale AS n,
           CASE WHEN fewer * scale - around < asked THEN asked * 1.0
                WHEN fewer * scale < around THEN 0.0
                ELSE fewer * scale - around END AS n_low,
           more * scale + around AS n_high,
           CASE WHEN paused > 0 THEN point_ns * scale END AS total_ns,
           CASE
               WHEN paused = 0 THEN NULL
               WHEN fewer_ns * scale < around_ns + (CASE p WHEN 100 THEN 0 ELSE pause_max END) THEN 0.0
               ELSE fewer_ns * scale - around_ns - (CASE p WHEN 100 THEN 0 ELSE pause_max END)
           END AS total_low,
           CASE
               WHEN paused > 0
               THEN more_ns * scale + around_ns + (CASE p WHEN 100 THEN 0 ELSE pause_max END)
           END AS total_high
      FROM predicted d
),
-- the run without what it stood, and the longest of so many pauses: n of them exceed the place-th longest of all
-- so often that the odds are even, or one in forty that they do not
shared AS (
    SELECT s.*, s.duration_ns - a.total_ns AS run_ns,
           (SELECT MAX(r.pause_ns)
              FROM ranked r
             WHERE r.heap_id = s.heap_id
               AND r.place >= 0.69 * s.paused / CASE WHEN s.n > 1 THEN s.n ELSE 1 END) AS middle,
           (SELECT COALESCE(MAX(r.pause_ns) FILTER (
                                WHERE r.place >= 3.69 * s.paused / CASE WHEN s.n > 1 THEN s.n ELSE 1 END),
                            MIN(r.pause_ns))
              FROM ranked r
             WHERE r.heap_id = s.heap_id) AS longest_low
      FROM scaled s
      LEFT JOIN scaled a ON a.heap_id = s.heap_id AND a.p = 100
)
SELECT name AS heap,
       p AS limit_percent,
       CASE WHEN obstacle IS NULL THEN CAST(ROUND(n) AS BIGINT) END AS collections,
       CASE WHEN obstacle IS NULL THEN CAST(FLOOR(n_low) AS BIGINT) END AS collections_low,
       CASE WHEN obstacle IS NULL THEN CAST(CEIL(n_high) AS BIGINT) END AS collections_high,
       CASE WHEN obstacle IS NULL THEN CAST(ROUND(total_ns) AS BIGINT) END AS pause_total_ns,
       CASE WHEN obstacle IS NULL THEN CAST(ROUND(total_low) AS BIGINT) END AS pause_total_ns_low,
       CASE WHEN obstacle IS NULL THEN CAST(ROUND(total_high) AS BIGINT) END AS pause_total_ns_high,
       CASE WHEN obstacle IS NULL AND paused > 0
            THEN CASE WHEN p = 100 THEN CAST(pause_max AS BIGINT) ELSE COALESCE(middle, 0) END
       END AS pause_max_ns,
       CASE WHEN obstacle IS NULL AND paused > 0
            THEN CASE WHEN p = 100 THEN CAST(pause_max AS BIGINT)
                      WHEN n_low < 1 THEN 0
                      ELSE longest_low END
       END AS pause_max_ns_low,
       CASE WHEN obstacle IS NULL AND paused > 0
            THEN CASE WHEN p = 100 THEN CAST(pause_max AS BIGINT)
                      ELSE CAST(ROUND(pause_max + tail_ns * (3.68
                          + CASE WHEN n > collections THEN LN(n / collections) ELSE 0 END)) AS BIGINT)
                 END
       END AS pause_max_ns_high,
       CASE WHEN obstacle IS NULL
            THEN CAST(ROUND(CAST(total_ns / NULLIF(run_ns + total_ns, 0) AS NUMERIC), 4)
                AS DOUBLE PRECISION)
       END AS pause_share,
       CASE WHEN obstacle IS NULL
            THEN CAST(ROUND(CAST(total_low / NULLIF(run_ns + total_low, 0) AS NUMERIC), 4)
                AS DOUBLE PRECISION)
       END AS pause_share_low,
       CASE WHEN obstacle IS NULL
            THEN CAST(ROUND(CAST(total_high / NULLIF(run_ns + total_high, 0) AS NUMERIC), 4)
                AS DOUBLE PRECISION)
       END AS pause_share_high,
       CASE WHEN obstacle IS NULL THEN CAST(ROUND(peak_point) AS BIGINT) END AS peak_bytes,
       CASE WHEN obstacle IS NULL
            THEN CAST(ROUND(CASE
                                WHEN p = 100 THEN peak
                                -- a limit that grows may have been reached last anywhere in a step
                                WHEN limit_is = 'grows' AND growth > 0
                                THEN CASE WHEN peak_point / (1 + growth * (p * times_live / 100 - 1)) > last_live
                                               AND p * times_live > 100
                                          THEN peak_point / (1 + growth * (p * times_live / 100 - 1))
                                          WHEN last_live < peak_point THEN last_live
                                          ELSE peak_point END
                                ELSE peak_point
                            END) AS BIGINT)
       END AS peak_bytes_low,
       CASE WHEN obstacle IS NULL
            THEN CAST(ROUND(peak_point * CASE WHEN p = 100 THEN 1
                                              ELSE 1 + 1.96 * SQRT(CASE WHEN varies > 0 THEN varies
                                                                        ELSE 0 END / free_steps) END)
                AS BIGINT)
       END AS peak_bytes_high,
       CASE WHEN free_steps > 0 THEN limit_is END AS limit_is,
       COALESCE(told, 0) AS told,
       CASE
           WHEN p = 100
           THEN CASE
                    WHEN all_collections = 0 THEN 'No collection was told.'
                    WHEN collections = 0
                    THEN 'Only minor collections were told: the size of the young space sets their pace.'
                    WHEN COALESCE(told, 0) = 0
                    THEN 'The collections did not tell what was used before and after them.'
                    ELSE RTRIM('As recorded. '
                        || CASE
                               WHEN COALESCE(free_steps, 0) = 0 THEN ''
                               WHEN limit_is = 'fixed' THEN 'The limit is about the same for all collections. '
                               ELSE 'The limit grows with what lives. '
                           END
                        || CASE WHEN asked > 0
                                THEN 'The program asked for ' || CAST(asked AS TEXT)
                                    || ' of them; these would stay.'
                                ELSE '' END)
                END
           WHEN all_collections = 0 OR collections = 0 OR COALESCE(told, 0) = 0 THEN NULL
           WHEN obstacle = 'few' THEN 'Fewer than three collections told enough.'
           WHEN obstacle = 'asked' THEN 'The program asked for all of them, so no limit shows.'
           WHEN obstacle = 'full'
           THEN 'What lives would not fit: it takes '
               || CAST(CAST(ROUND(CASE limit_is WHEN 'fixed' THEN fullest ELSE fullness END * 100) AS BIGINT)
                   AS TEXT) || ' % of what was used.'
           ELSE 'If it does the same work, with ' || CAST(p AS TEXT) || ' % of the limit: '
               || CASE WHEN n < 0.5 THEN 'no collection'
                       ELSE 'about ' || CAST(CAST(ROUND(n) AS BIGINT) AS TEXT) || ' collections' END
               || ' instead of ' || CAST(collections AS TEXT)
               || COALESCE(', and it stands ' || CAST(CAST(ROUND(total_ns / 1000000) AS BIGINT) AS TEXT)
                   || ' ms in all', '') || '.'
       END AS sentence
  FROM shared
 ORDER BY number, p
