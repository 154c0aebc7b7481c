-- SPDX-License-Identifier: Apache-2.0
-- summary: the first screen: is it leaking, how much memory, and what this run does not know.
--
-- Reads:    run, capability, leak, run_stat_interval, process_tick, allocator_tick, recorder_tick, loss, gap,
--           frame_mark, gc, heap, quantile, eval_verdict, span, span_leftover, pool, pool_tick,
--           pool_stale
-- Params:
--   $1 run  ID  the run's id (default: the first)
-- Columns:
--   topic       GROUP  leaks, heap, process, runtime (what the program told), recorder
--   what        TEXT   name of the figure
--   value       MIXED  the figure, in its unit; empty: unknown, or the note says it
--   value_low   MIXED  95 % interval of an estimate; an exact figure repeats itself
--   value_high  MIXED
--   unit        UNIT   bytes, bytes_per_hour, bytes_per_second, count, ns, ppm (parts of a million)
--   at_ns       NS     when it was so, since the start of the run
--   note        NOTE   what else to know
-- Table:    topic what value at_ns note
-- Caveat:   live bytes are what the program asked for; what else is resident, rss says.
WITH chosen AS (
    SELECT *
      FROM run
     WHERE id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
verdict_count AS (
    SELECT COUNT(*) AS judged,
           COUNT(*) FILTER (WHERE l.verdict = 'leak') AS leaks,
           COUNT(*) FILTER (WHERE l.verdict = 'growing') AS growing,
           COUNT(*) FILTER (WHERE l.verdict = 'undecided') AS undecided,
           COUNT(*) FILTER (WHERE l.verdict = 'cache') AS caches,
           COUNT(*) FILTER (WHERE l.verdict = 'startup') AS startup,
           COUNT(*) FILTER (WHERE l.verdict = 'steady') AS steady
      FROM leak l
      JOIN chosen c ON c.id = l.run_id
     WHERE l.suppressed_by IS NULL
),
-- ', 3 leak' and so on; nothing for none
verdict AS (
    SELECT n.*,
           CASE WHEN leaks > 0 THEN ', ' || CAST(leaks AS TEXT) || ' leak' ELSE '' END AS leak_words,
           CASE WHEN growing > 0 THEN ', ' || CAST(growing AS TEXT) || ' growing' ELSE '' END
               AS growing_words,
           CASE WHEN undecided > 0 THEN ', ' || CAST(undecided AS TEXT) || ' undecided' ELSE '' END
               AS undecided_words,
           CASE WHEN caches > 0 THEN ', ' || CAST(caches AS TEXT) || ' cache' ELSE '' END AS cache_words,
           CASE WHEN startup > 0 THEN ', ' || CAST(startup AS TEXT) || ' startup' ELSE '' END
               AS startup_words,
           CASE WHEN steady > 0 THEN ', ' || CAST(steady AS TEXT) || ' steady' ELSE '' END AS steady_words
      FROM verdict_count n
),
-- the three most urgent
suspect AS (
    SELECT l.*,
           ROW_NUMBER() OVER (
               ORDER BY CASE l.verdict WHEN 'leak' THEN 1 ELSE 2 END,
                        COALESCE(l.leak_rate_bytes_per_hour, 0) DESC, l.live_bytes DESC, l.id
           ) AS place
      FROM leak l
      JOIN chosen c ON c.id = l.run_id
     WHERE l.verdict IN ('leak', 'growing')
       AND l.suppressed_by IS NULL
),
reading AS (
    SELECT p.*,
           ROW_NUMBER() OVER (ORDER BY p.time_ns) AS first_place,
           ROW_NUMBER() OVER (ORDER BY p.time_ns DESC) AS last_place,
           ROW_NUMBER() OVER (ORDER BY p.rss_bytes DESC, p.time_ns) AS peak_place
      FROM process_tick p
      JOIN chosen c ON c.id = p.run_id
     WHERE p.rss_bytes IS NOT NULL
),
allocator AS (
    SELECT a.*, ROW_NUMBER() OVER (ORDER BY a.time_ns DESC) AS last_place
      FROM allocator_tick a
      JOIN chosen c ON c.id = a.run_id
),
-- counters only grow, and a tick leaves out one that stands still
recorder AS (
    SELECT MAX(t.cpu_ns) AS cpu_ns,
           MAX(t.dropped_samples) AS dropped_samples,
           MAX(t.dropped_frees) AS dropped_frees
      FROM recorder_tick t
      JOIN chosen c ON c.id = t.run_id
),
recorder_memory AS (
    SELECT p.time_ns, p.recorder_rss_bytes AS bytes, ROW_NUMBER() OVER (ORDER BY p.time_ns DESC)
        AS last_place
      FROM process_tick p
      JOIN chosen c ON c.id = p.run_id
     WHERE p.recorder_rss_bytes IS NOT NULL
),
missing AS (
    SELECT (SELECT COUNT(*) FROM gap g JOIN chosen c ON c.id = g.run_id) AS gaps,
           (SELECT COUNT(*) FROM loss l JOIN chosen c ON c.id = l.run_id WHERE l.count > 0) AS kinds
),
-- what the program told of itself, where it did
framed AS (
    SELECT SUM(q.told) AS frames,
           (SELECT COUNT(*)
              FROM frame_mark f
              JOIN chosen d ON d.id = f.run_id
             WHERE f.over_ns IS NOT NULL) AS over_count
      FROM quantile q
      JOIN chosen c ON c.id = q.run_id
     WHERE q.measure = 'frame_mark.duration_ns'
),
slowest AS (
    SELECT f.begin_ns, f.why
      FROM frame_mark f
      JOIN chosen c ON c.id = f.run_id
     WHERE f.over_ns IS NOT NULL
     ORDER BY f.over_ns DESC, f.begin_ns, f.id
     LIMIT 1
),
collected AS (
    SELECT COUNT(*) AS collections, MAX(g.end_ns) AS last_ns
      FROM gc g
      JOIN chosen c ON c.id = g.run_id
),
paused AS (
    SELECT q.p99, q.told, h.name, ROW_NUMBER() OVER (ORDER BY q.p99 DESC, h.number) AS place
      FROM quantile q
      JOIN chosen c ON c.id = q.run_id
      JOIN heap h ON h.id = q.subject_id
     WHERE q.measure = 'gc_pause.duration_ns'
),
evaluation AS MATERIALIZED (
    SELECT e.*
      FROM eval_verdict e
      JOIN chosen c ON c.id = e.run_id
),
evaluated AS (
    SELECT COUNT(*) AS labels,
           COUNT(*) FILTER (WHERE e.verdict IN ('suspect', 'growing')) AS growing
      FROM evaluation e
),
worst_eval AS (
    SELECT e.name, e.first_ns
      FROM evaluation e
     WHERE e.verdict IN ('suspect', 'growing')
     ORDER BY e.verdict DESC, e.net_bytes DESC, e.name
     LIMIT 1
),
worked AS (
    SELECT COUNT(s.duration_ns) AS spans,
           COUNT(*) FILTER (WHERE s.ended IN ('failed', 'timed_out')) AS failed
      FROM span s
      JOIN chosen c ON c.id = s.run_id
),
left_behind AS (
    SELECT SUM(l.bytes) AS bytes,
           SUM(l.bytes) * SUM(l.bytes) / NULLIF(SUM(l.bytes_sq), 0) AS n,
           SQRT(SUM(l.bytes_var) / NULLIF(SUM(l.bytes_sq), 0)) AS spread
      FROM span_leftover l
      JOIN chosen c ON c.id = l.run_id
     WHERE l.spans_after >= 10
),
pooled AS (
    SELECT COUNT(*) AS pools,
           COUNT(*) FILTER (WHERE t.overflow_count > 0 OR t.exhausted_count > 0) AS too_small,
           SUM(t.overflow_count) AS overflows, SUM(t.exhausted_count) AS refusals
      FROM pool p
      JOIN chosen c ON c.id = p.run_id
      LEFT JOIN pool_tick t
        ON t.run_id = p.run_id
       AND t.pool_id = p.id
       AND t.time_ns = (SELECT MAX(l.time_ns)
                          FROM pool_tick l
                         WHERE l.run_id = p.run_id
                           AND l.pool_id = p.id)
),
forgotten AS (
    SELECT COUNT(*) AS resets, MIN(e.time_ns) AS first_ns
      FROM pool_stale e
      JOIN chosen c ON c.id = e.run_id
),
figure (place, topic, what, value, value_low, value_high, unit, at_ns, note) AS (
    SELECT 100 + s.place, 'leaks', s.verdict,
           CAST(ROUND(s.leak_rate_bytes_per_hour) AS BIGINT),
           CAST(ROUND(s.leak_rate_bytes_per_hour_low) AS BIGINT),
           CAST(ROUND(s.leak_rate_bytes_per_hour_high) AS BIGINT),
           'bytes_per_hour', s.onset_ns,
           CASE WHEN s.kind IN ('site', 'object') THEN '' ELSE s.kind || ' ' END || s.subject
      FROM suspect s
     WHERE s.place <= 3
     UNION ALL
    SELECT 104, 'leaks', 'sites judged', v.judged, NULL, NULL, 'count', NULL,
           CASE WHEN v.judged > 0 AND v.leaks + v.growing = 0 THEN 'no leak found; ' ELSE '' END
               || SUBSTR(v.leak_words || v.growing_words || v.undecided_words || v.cache_words
                             || v.startup_words || v.steady_words, 3)
      FROM verdict v
     UNION ALL
    SELECT 105, 'leaks', 'suppressed', COUNT(*), NULL, NULL, 'count', NULL,
           'a suppression file names them'
      FROM leak l
      JOIN chosen c ON c.id = l.run_id
     WHERE l.suppressed_by IS NOT NULL
    HAVING COUNT(*) > 0
     UNION ALL
    SELECT 200, 'heap', 'allocated', c.alloc_bytes, NULL, NULL, 'bytes', NULL, 'exact'
      FROM chosen c
     WHERE c.alloc_bytes IS NOT NULL
     UNION ALL
    SELECT 201, 'heap', 'allocations', c.alloc_calls, NULL, NULL, 'count', NULL, 'exact'
      FROM chosen c
     WHERE c.alloc_calls IS NOT NULL
     UNION ALL
    SELECT 202, 'heap', 'frees', c.free_calls, NULL, NULL, 'count', NULL, 'exact'
      FROM chosen c
     WHERE c.free_calls IS NOT NULL
     UNION ALL
    SELECT 203, 'heap', 'allocation rate',
           CAST(ROUND(c.alloc_bytes * 1000000000.0 / c.duration_ns) AS BIGINT), NULL, NULL,
           'bytes_per_second', NULL, 'mean'
      FROM chosen c
     WHERE c.alloc_bytes IS NOT NULL
       AND c.duration_ns > 0
     UNION ALL
    SELECT 204, 'heap', 'peak live',
           CAST(ROUND(COALESCE(s.bytes, 0)) AS BIGINT),
           CAST(ROUND(COALESCE(s.bytes_low, 0)) AS BIGINT),
           CAST(ROUND(COALESCE(s.bytes_high, 0)) AS BIGINT),
           'bytes', c.peak_ns,
           'in ' || CAST(CAST(ROUND(COALESCE(s.blocks, CASE WHEN s.bytes IS NULL THEN 0 END)) AS BIGINT)
               AS TEXT) || ' blocks'
      FROM chosen c
      LEFT JOIN run_stat_interval s ON s.run_id = c.id AND s.measure = 'peak'
     WHERE s.bytes IS NOT NULL
        OR NOT EXISTS (SELECT 1 FROM capability p WHERE p.run_id = c.id AND p.name = 'sums')
     UNION ALL
    SELECT 205, 'heap', 'live at the end',
           CAST(ROUND(COALESCE(s.bytes, 0)) AS BIGINT),
           CAST(ROUND(COALESCE(s.bytes_low, 0)) AS BIGINT),
           CAST(ROUND(COALESCE(s.bytes_high, 0)) AS BIGINT),
           'bytes', c.duration_ns,
           'in ' || CAST(CAST(ROUND(COALESCE(s.blocks, CASE WHEN s.bytes IS NULL THEN 0 END)) AS BIGINT)
               AS TEXT) || ' blocks'
      FROM chosen c
      LEFT JOIN run_stat_interval s ON s.run_id = c.id AND s.measure = 'live'
     WHERE s.bytes IS NOT NULL
        OR NOT EXISTS (SELECT 1 FROM capability p WHERE p.run_id = c.id AND p.name = 'sums')
     UNION ALL
    SELECT 206, 'heap', 'allocator free', a.free_bytes, NULL, NULL, 'bytes', a.time_ns,
           'kept by malloc'
      FROM allocator a
     WHERE a.last_place = 1
       AND a.free_bytes IS NOT NULL
     UNION ALL
    SELECT 300, 'process', 'resident first', r.rss_bytes, NULL, NULL, 'bytes', r.time_ns, NULL
      FROM reading r
     WHERE r.first_place = 1
     UNION ALL
    SELECT 301, 'process', 'resident peak', r.rss_bytes, NULL, NULL, 'bytes', r.time_ns,
           'see report rss'
      FROM reading r
     WHERE r.peak_place = 1
     UNION ALL
    SELECT 302, 'process', 'resident last', r.rss_bytes, NULL, NULL, 'bytes', r.time_ns, NULL
      FROM reading r
     WHERE r.last_place = 1
     UNION ALL
    SELECT 303, 'process', 'swapped out', r.swap_bytes, NULL, NULL, 'bytes', r.time_ns, NULL
      FROM reading r
     WHERE r.last_place = 1
       AND r.swap_bytes > 0
     UNION ALL
    SELECT 304, 'process', 'cgroup limit', r.cgroup_limit_bytes, NULL, NULL,
           'bytes', r.time_ns, NULL
      FROM reading r
     WHERE r.last_place = 1
       AND r.cgroup_limit_bytes IS NOT NULL
     UNION ALL
    SELECT 350, 'runtime', 'frames over budget', f.over_count, NULL, NULL, 'count', s.begin_ns,
           'of ' || CAST(f.frames AS TEXT)
               || COALESCE('; the worst because of ' || s.why || ', see report frame_causes', '')
      FROM framed f
      LEFT JOIN slowest s ON TRUE
     WHERE f.frames > 0
     UNION ALL
    SELECT 351, 'runtime', 'collections', k.collections, NULL, NULL, 'count', k.last_ns,
           'see report gc'
      FROM collected k
     WHERE k.collections > 0
     UNION ALL
    SELECT 352, 'runtime', 'pause p99', p.p99, NULL, NULL, 'ns', NULL,
           'of ' || CAST(p.told AS TEXT) || ' pauses of heap ' || p.name
      FROM paused p
     WHERE p.place = 1
     UNION ALL
    SELECT 353, 'runtime', 'growing evals', e.growing, NULL, NULL, 'count', w.first_ns,
           'of ' || CAST(e.labels AS TEXT) || ' labels' || COALESCE('; first ' || w.name, '')
      FROM evaluated e
      LEFT JOIN worst_eval w ON TRUE
     WHERE e.labels > 0
     UNION ALL
    SELECT 354, 'runtime', 'failed spans', w.failed, NULL, NULL, 'count', NULL,
           'of ' || CAST(w.spans AS TEXT)
      FROM worked w
     WHERE w.spans > 0
     UNION ALL
    SELECT 355, 'runtime', 'left by spans',
           CAST(ROUND(l.bytes) AS BIGINT),
           CAST(ROUND(l.bytes * (1 - (1 - POWER(1 - 1 / (9 * l.n) - 1.96 / (3 * SQRT(l.n)), 3))
               * l.spread)) AS BIGINT),
           CAST(ROUND(l.bytes * (1 + ((l.n + 1) / l.n
               * POWER(1 - 1 / (9 * (l.n + 1)) + 1.96 / (3 * SQRT(l.n + 1)), 3) - 1) * l.spread))
               AS BIGINT),
           'bytes', NULL, 'see report span_leftovers'
      FROM left_behind l
     WHERE l.bytes IS NOT NULL
     UNION ALL
    SELECT 356, 'runtime', 'pool overflows',
           CAST(COALESCE(p.overflows, 0) + COALESCE(p.refusals, 0) AS BIGINT), NULL, NULL, 'count',
           NULL,
           CASE
               WHEN p.too_small > 0
               THEN 'and refusals, in ' || CAST(p.too_small AS TEXT) || ' of '
                   || CAST(p.pools AS TEXT) || ' pools'
               ELSE 'in none of ' || CAST(p.pools AS TEXT) || ' pools'
           END
      FROM pooled p
     WHERE p.pools > 0
     UNION ALL
    SELECT 357, 'runtime', 'forgotten resets', f.resets, NULL, NULL, 'count', f.first_ns,
           'arenas still full when their frame ended'
      FROM forgotten f
     WHERE f.resets > 0
     UNION ALL
    SELECT 400, 'recorder', 'CPU time',
           CAST(ROUND(t.cpu_ns * 1000000.0 / c.duration_ns) AS BIGINT), NULL, NULL,
           'ppm', NULL, 'of a processor'
      FROM recorder t
     CROSS JOIN chosen c
     WHERE t.cpu_ns IS NOT NULL
       AND c.duration_ns > 0
     UNION ALL
    SELECT 401, 'recorder', 'memory', m.bytes, NULL, NULL, 'bytes', m.time_ns, 'resident'
      FROM recorder_memory m
     WHERE m.last_place = 1
     UNION ALL
    SELECT 402, 'recorder', 'trace', c.trace_bytes, NULL, NULL, 'bytes', NULL,
           CAST(c.event_count AS TEXT) || ' events'
      FROM chosen c
     UNION ALL
    SELECT 403, 'recorder', 'lost events',
           COALESCE(t.dropped_samples, 0) + COALESCE(t.dropped_frees, 0), NULL, NULL,
           'count', NULL, NULL
      FROM recorder t
     WHERE t.dropped_samples IS NOT NULL
        OR t.dropped_frees IS NOT NULL
     UNION ALL
    SELECT 404, 'recorder', 'gaps', m.gaps, NULL, NULL, 'count', NULL,
           CASE
               WHEN c.complete = 1 AND m.kinds > 0 THEN 'see report losses'
               WHEN c.complete = 1 THEN 'nothing missing'
               WHEN c.end_reason IS NULL THEN 'no orderly end: killed, or cut off'
               ELSE 'incomplete, see report losses'
           END
      FROM chosen c
     CROSS JOIN missing m
)
SELECT topic,
       what,
       value,
       COALESCE(value_low, value) AS value_low,
       COALESCE(value_high, value) AS value_high,
       unit,
       at_ns,
       note
  FROM figure
 ORDER BY place
