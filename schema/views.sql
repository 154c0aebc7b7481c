-- SPDX-License-Identifier: Apache-2.0
-- views.sql: the 95 % interval of every estimate in the roll-ups, and the figures of a run; made after the tables, may
-- change freely.
--
-- Each *_interval has all columns of its table and, for each estimate x, x_low and x_high (and two steps on the way: x_n, the
-- effective samples n = x^2 / x_sq, and x_spread = sqrt(x_var / x_sq), 0 when every block was recorded).
-- Garwood's exact Poisson interval for n, in the Wilson-Hilferty form, relative to n
--     low  =            (1 - 1/(9 n)     - 1.96/(3 sqrt(n)))^3
--     high = (n + 1)/n  (1 - 1/(9 (n+1)) + 1.96/(3 sqrt(n+1)))^3
-- narrowed by the spread: x_low = x (1 - (1 - low) spread), x_high = x (1 + (high - 1) spread).
-- Plain SQL on purpose: the same text runs on PostgreSQL.

-- Per stack and measure, with the intervals of bytes and blocks.
CREATE VIEW stack_stat_interval AS
SELECT
    numbered.*,
    bytes * (1 - (1 - (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))
        * (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))
        * (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))) * bytes_spread) AS bytes_low,
    bytes * (1 + ((bytes_n + 1) / bytes_n * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)))
        * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)))
        * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1))) - 1) * bytes_spread) AS bytes_high,
    blocks * (1 - (1 - (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))
        * (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))
        * (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))) * blocks_spread) AS blocks_low,
    blocks * (1 + ((blocks_n + 1) / blocks_n * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)))
        * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)))
        * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1))) - 1) * blocks_spread) AS blocks_high
FROM (
    SELECT
        summed.*,
        CASE WHEN bytes_sq > 0 THEN bytes * bytes / bytes_sq ELSE 1.0 END AS bytes_n,
        CASE WHEN bytes_sq > 0 AND bytes_var > 0 THEN SQRT(bytes_var / bytes_sq) ELSE 0.0 END AS bytes_spread,
        CASE WHEN blocks_sq > 0 THEN blocks * blocks / blocks_sq ELSE 1.0 END AS blocks_n,
        CASE WHEN blocks_sq > 0 AND blocks_var > 0 THEN SQRT(blocks_var / blocks_sq) ELSE 0.0 END AS blocks_spread
    FROM stack_stat AS summed
) AS numbered;

-- stack_stat summed by the function at the site. Lost stacks (stack_id 0) are the function '?'.
CREATE VIEW function_stat_interval AS
SELECT
    numbered.*,
    bytes * (1 - (1 - (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))
        * (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))
        * (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))) * bytes_spread) AS bytes_low,
    bytes * (1 + ((bytes_n + 1) / bytes_n * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)))
        * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)))
        * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1))) - 1) * bytes_spread) AS bytes_high,
    blocks * (1 - (1 - (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))
        * (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))
        * (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))) * blocks_spread) AS blocks_low,
    blocks * (1 + ((blocks_n + 1) / blocks_n * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)))
        * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)))
        * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1))) - 1) * blocks_spread) AS blocks_high
FROM (
    SELECT
        summed.*,
        CASE WHEN bytes_sq > 0 THEN bytes * bytes / bytes_sq ELSE 1.0 END AS bytes_n,
        CASE WHEN bytes_sq > 0 AND bytes_var > 0 THEN SQRT(bytes_var / bytes_sq) ELSE 0.0 END AS bytes_spread,
        CASE WHEN blocks_sq > 0 THEN blocks * blocks / blocks_sq ELSE 1.0 END AS blocks_n,
        CASE WHEN blocks_sq > 0 AND blocks_var > 0 THEN SQRT(blocks_var / blocks_sq) ELSE 0.0 END AS blocks_spread
    FROM (
        SELECT
            stack_stat.run_id, stack_stat.measure, COALESCE(stack.function, '?') AS function,
            COUNT(*) AS stacks,
            SUM(stack_stat.samples) AS samples,
            SUM(stack_stat.bytes) AS bytes, SUM(stack_stat.bytes_sq) AS bytes_sq, SUM(stack_stat.bytes_var) AS bytes_var,
            SUM(stack_stat.blocks) AS blocks, SUM(stack_stat.blocks_sq) AS blocks_sq, SUM(stack_stat.blocks_var) AS blocks_var,
            MIN(stack_stat.first_ns) AS first_ns, MAX(stack_stat.last_ns) AS last_ns
        FROM stack_stat
        LEFT JOIN stack ON stack.id = stack_stat.stack_id
        GROUP BY stack_stat.run_id, stack_stat.measure, COALESCE(stack.function, '?')
    ) AS summed
) AS numbered;

-- stack_stat summed over the run: one row per measure that has a sample.
CREATE VIEW run_stat_interval AS
SELECT
    numbered.*,
    bytes * (1 - (1 - (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))
        * (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))
        * (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))) * bytes_spread) AS bytes_low,
    bytes * (1 + ((bytes_n + 1) / bytes_n * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)))
        * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)))
        * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1))) - 1) * bytes_spread) AS bytes_high,
    blocks * (1 - (1 - (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))
        * (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))
        * (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))) * blocks_spread) AS blocks_low,
    blocks * (1 + ((blocks_n + 1) / blocks_n * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)))
        * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)))
        * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1))) - 1) * blocks_spread) AS blocks_high
FROM (
    SELECT
        summed.*,
        CASE WHEN bytes_sq > 0 THEN bytes * bytes / bytes_sq ELSE 1.0 END AS bytes_n,
        CASE WHEN bytes_sq > 0 AND bytes_var > 0 THEN SQRT(bytes_var / bytes_sq) ELSE 0.0 END AS bytes_spread,
        CASE WHEN blocks_sq > 0 THEN blocks * blocks / blocks_sq ELSE 1.0 END AS blocks_n,
        CASE WHEN blocks_sq > 0 AND blocks_var > 0 THEN SQRT(blocks_var / blocks_sq) ELSE 0.0 END AS blocks_spread
    FROM (
        SELECT
            run_id, measure, COUNT(*) AS stacks,
            SUM(samples) AS samples,
            SUM(bytes) AS bytes, SUM(bytes_sq) AS bytes_sq, SUM(bytes_var) AS bytes_var,
            SUM(blocks) AS blocks, SUM(blocks_sq) AS blocks_sq, SUM(blocks_var) AS blocks_var,
            MIN(first_ns) AS first_ns, MAX(last_ns) AS last_ns
        FROM stack_stat
        GROUP BY run_id, measure
    ) AS summed
) AS numbered;

-- Per allocating thread and measure.
CREATE VIEW thread_stat_interval AS
SELECT
    numbered.*,
    bytes * (1 - (1 - (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))
        * (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))
        * (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))) * bytes_spread) AS bytes_low,
    bytes * (1 + ((bytes_n + 1) / bytes_n * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)))
        * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)))
        * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1))) - 1) * bytes_spread) AS bytes_high,
    blocks * (1 - (1 - (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))
        * (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))
        * (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))) * blocks_spread) AS blocks_low,
    blocks * (1 + ((blocks_n + 1) / blocks_n * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)))
        * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)))
        * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1))) - 1) * blocks_spread) AS blocks_high
FROM (
    SELECT
        summed.*,
        CASE WHEN bytes_sq > 0 THEN bytes * bytes / bytes_sq ELSE 1.0 END AS bytes_n,
        CASE WHEN bytes_sq > 0 AND bytes_var > 0 THEN SQRT(bytes_var / bytes_sq) ELSE 0.0 END AS bytes_spread,
        CASE WHEN blocks_sq > 0 THEN blocks * blocks / blocks_sq ELSE 1.0 END AS blocks_n,
        CASE WHEN blocks_sq > 0 AND blocks_var > 0 THEN SQRT(blocks_var / blocks_sq) ELSE 0.0 END AS blocks_spread
    FROM thread_stat AS summed
) AS numbered;

-- Per size class and measure.
CREATE VIEW size_stat_interval AS
SELECT
    numbered.*,
    bytes * (1 - (1 - (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))
        * (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))
        * (1 - 1 / (9 * bytes_n) - 1.96 / (3 * SQRT(bytes_n)))) * bytes_spread) AS bytes_low,
    bytes * (1 + ((bytes_n + 1) / bytes_n * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)))
        * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1)))
        * (1 - 1 / (9 * (bytes_n + 1)) + 1.96 / (3 * SQRT(bytes_n + 1))) - 1) * bytes_spread) AS bytes_high,
    blocks * (1 - (1 - (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))
        * (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))
        * (1 - 1 / (9 * blocks_n) - 1.96 / (3 * SQRT(blocks_n)))) * blocks_spread) AS blocks_low,
    blocks * (1 + ((blocks_n + 1) / blocks_n * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)))
        * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1)))
        * (1 - 1 / (9 * (blocks_n + 1)) + 1.96 / (3 * SQRT(blocks_n + 1))) - 1) * blocks_spread) AS blocks_high
FROM (
    SELECT
        summed.*,
        CASE WHEN bytes_sq > 0 THEN bytes * bytes / bytes_sq ELSE 1.0 END AS bytes_n,
        CASE WHEN bytes_sq > 0 AND bytes_var > 0 THEN SQRT(bytes_var / bytes_sq) ELSE 0.0 END AS bytes_spread,
        CASE WHEN blocks_sq > 0 THEN blocks * blocks / blocks_sq ELSE 1.0 END AS blocks_n,
        CASE WHEN blocks_sq > 0 AND blocks_var > 0 THEN SQRT(blocks_var / blocks_sq) ELSE 0.0 END AS blocks_spread
    FROM size_stat AS summed
) AS numbered;

-- The process per time bucket.
CREATE VIEW timeline_interval AS
SELECT
    numbered.*,
    alloc_bytes * (1 - (1 - (1 - 1 / (9 * alloc_bytes_n) - 1.96 / (3 * SQRT(alloc_bytes_n)))
        * (1 - 1 / (9 * alloc_bytes_n) - 1.96 / (3 * SQRT(alloc_bytes_n)))
        * (1 - 1 / (9 * alloc_bytes_n) - 1.96 / (3 * SQRT(alloc_bytes_n)))) * alloc_bytes_spread) AS alloc_bytes_low,
    alloc_bytes * (1 + ((alloc_bytes_n + 1) / alloc_bytes_n * (1 - 1 / (9 * (alloc_bytes_n + 1)) + 1.96 / (3 * SQRT(alloc_bytes_n + 1)))
        * (1 - 1 / (9 * (alloc_bytes_n + 1)) + 1.96 / (3 * SQRT(alloc_bytes_n + 1)))
        * (1 - 1 / (9 * (alloc_bytes_n + 1)) + 1.96 / (3 * SQRT(alloc_bytes_n + 1))) - 1) * alloc_bytes_spread) AS alloc_bytes_high,
    freed_bytes * (1 - (1 - (1 - 1 / (9 * freed_bytes_n) - 1.96 / (3 * SQRT(freed_bytes_n)))
        * (1 - 1 / (9 * freed_bytes_n) - 1.96 / (3 * SQRT(freed_bytes_n)))
        * (1 - 1 / (9 * freed_bytes_n) - 1.96 / (3 * SQRT(freed_bytes_n)))) * freed_bytes_spread) AS freed_bytes_low,
    freed_bytes * (1 + ((freed_bytes_n + 1) / freed_bytes_n * (1 - 1 / (9 * (freed_bytes_n + 1)) + 1.96 / (3 * SQRT(freed_bytes_n + 1)))
        * (1 - 1 / (9 * (freed_bytes_n + 1)) + 1.96 / (3 * SQRT(freed_bytes_n + 1)))
        * (1 - 1 / (9 * (freed_bytes_n + 1)) + 1.96 / (3 * SQRT(freed_bytes_n + 1))) - 1) * freed_bytes_spread) AS freed_bytes_high,
    live_bytes * (1 - (1 - (1 - 1 / (9 * live_bytes_n) - 1.96 / (3 * SQRT(live_bytes_n)))
        * (1 - 1 / (9 * live_bytes_n) - 1.96 / (3 * SQRT(live_bytes_n)))
        * (1 - 1 / (9 * live_bytes_n) - 1.96 / (3 * SQRT(live_bytes_n)))) * live_bytes_spread) AS live_bytes_low,
    live_bytes * (1 + ((live_bytes_n + 1) / live_bytes_n * (1 - 1 / (9 * (live_bytes_n + 1)) + 1.96 / (3 * SQRT(live_bytes_n + 1)))
        * (1 - 1 / (9 * (live_bytes_n + 1)) + 1.96 / (3 * SQRT(live_bytes_n + 1)))
        * (1 - 1 / (9 * (live_bytes_n + 1)) + 1.96 / (3 * SQRT(live_bytes_n + 1))) - 1) * live_bytes_spread) AS live_bytes_high,
    live_blocks * (1 - (1 - (1 - 1 / (9 * live_blocks_n) - 1.96 / (3 * SQRT(live_blocks_n)))
        * (1 - 1 / (9 * live_blocks_n) - 1.96 / (3 * SQRT(live_blocks_n)))
        * (1 - 1 / (9 * live_blocks_n) - 1.96 / (3 * SQRT(live_blocks_n)))) * live_blocks_spread) AS live_blocks_low,
    live_blocks * (1 + ((live_blocks_n + 1) / live_blocks_n * (1 - 1 / (9 * (live_blocks_n + 1)) + 1.96 / (3 * SQRT(live_blocks_n + 1)))
        * (1 - 1 / (9 * (live_blocks_n + 1)) + 1.96 / (3 * SQRT(live_blocks_n + 1)))
        * (1 - 1 / (9 * (live_blocks_n + 1)) + 1.96 / (3 * SQRT(live_blocks_n + 1))) - 1) * live_blocks_spread) AS live_blocks_high
FROM (
    SELECT
        summed.*,
        CASE WHEN alloc_bytes_sq > 0 THEN alloc_bytes * alloc_bytes / alloc_bytes_sq ELSE 1.0 END AS alloc_bytes_n,
        CASE WHEN alloc_bytes_sq > 0 AND alloc_bytes_var > 0 THEN SQRT(alloc_bytes_var / alloc_bytes_sq) ELSE 0.0 END AS alloc_bytes_spread,
        CASE WHEN freed_bytes_sq > 0 THEN freed_bytes * freed_bytes / freed_bytes_sq ELSE 1.0 END AS freed_bytes_n,
        CASE WHEN freed_bytes_sq > 0 AND freed_bytes_var > 0 THEN SQRT(freed_bytes_var / freed_bytes_sq) ELSE 0.0 END AS freed_bytes_spread,
        CASE WHEN live_bytes_sq > 0 THEN live_bytes * live_bytes / live_bytes_sq ELSE 1.0 END AS live_bytes_n,
        CASE WHEN live_bytes_sq > 0 AND live_bytes_var > 0 THEN SQRT(live_bytes_var / live_bytes_sq) ELSE 0.0 END AS live_bytes_spread,
        CASE WHEN live_blocks_sq > 0 THEN live_blocks * live_blocks / live_blocks_sq ELSE 1.0 END AS live_blocks_n,
        CASE WHEN live_blocks_sq > 0 AND live_blocks_var > 0 THEN SQRT(live_blocks_var / live_blocks_sq) ELSE 0.0 END AS live_blocks_spread
    FROM timeline AS summed
) AS numbered;

-- Evaluations per label ('' for none), and whether they grow. Five runs that all grow, and as many that are larger after the
-- collection that follows, would be chance once in 32 times each. Heap use includes garbage of before, so what a collection
-- left is compared over time, too, and what samples saw stay speaks first.
CREATE VIEW eval_verdict AS
SELECT
    ranged.*,
    CASE
        WHEN leaving >= 5 AND leaving_spread THEN 'suspect'
        WHEN net_told = 0 THEN 'untold'
        WHEN net_told < 5 THEN 'undecided'
        WHEN grew * 10 < net_told * 9 THEN 'steady'
        WHEN kept_told = 0 THEN 'growing'
        WHEN kept * 10 >= kept_told * 9 THEN 'suspect'
        WHEN samples >= 20 OR floor_rise_bytes * 20 <= floor_bytes THEN 'collected'
        ELSE 'growing'
    END AS verdict
FROM (
    SELECT
        counted.*,
        -- what stayed comes from all over the time of the label: not from the last runs only, which may still use it, nor
        -- from the first, as a cache that is full by now
        left_ns - first_ns BETWEEN (last_ns - first_ns) * 0.25 AND (last_ns - first_ns) * 0.75 AS leaving_spread,
        -- a line through what collections left, by least squares
        COALESCE((floors * sum_tf - sum_t * sum_f) / NULLIF(floors * sum_tt - sum_t * sum_t, 0) * (last_ns - first_ns), 0)
            AS floor_rise_bytes
    FROM (
        SELECT
            run_id, COALESCE(label, '') AS name,
            COUNT(duration_ns) AS runs,
            COUNT(*) - COUNT(duration_ns) AS unfinished,
            COUNT(net_bytes) AS net_told,
            COUNT(*) FILTER (WHERE net_bytes > 0) AS grew,
            CAST(SUM(net_bytes) AS BIGINT) AS net_bytes,
            COUNT(heap_after_gc_bytes - heap_before_bytes) AS kept_told,
            COUNT(*) FILTER (WHERE heap_after_gc_bytes > heap_before_bytes) AS kept,
            AVG((heap_after_gc_bytes - heap_before_bytes) * 1.0) AS after_gc_bytes,
            COUNT(heap_after_gc_bytes) * 1.0 AS floors,
            AVG(heap_after_gc_bytes * 1.0) AS floor_bytes,
            SUM(heap_after_gc_bytes * 1.0) AS sum_f,
            SUM(begin_ns * 1.0) FILTER (WHERE heap_after_gc_bytes IS NOT NULL) AS sum_t,
            SUM(begin_ns * 1.0 * begin_ns) FILTER (WHERE heap_after_gc_bytes IS NOT NULL) AS sum_tt,
            SUM(begin_ns * 1.0 * heap_after_gc_bytes) AS sum_tf,
            CAST(SUM(samples) AS BIGINT) AS samples,
            COUNT(*) FILTER (WHERE left_samples > 0) AS leaving,
            AVG(begin_ns * 1.0) FILTER (WHERE left_samples > 0) AS left_ns,
            SUM(left_bytes) AS left_bytes,
            SUM(left_bytes) * SUM(left_bytes) / NULLIF(SUM(left_bytes_sq), 0) AS left_n,
            SQRT(SUM(left_bytes_var) / NULLIF(SUM(left_bytes_sq), 0)) AS left_spread,
            AVG(alloc_bytes * 1.0) AS alloc_bytes,
            AVG(alloc_calls * 1.0) AS alloc_calls,
            AVG(heap_alloc_bytes * 1.0) AS heap_alloc_bytes,
            MAX(arena_high_water_bytes) AS arena_high_water_bytes,
            SUM(CASE WHEN gc_ns IS NOT NULL THEN duration_ns END) AS gc_of_ns,
            SUM(gc_ns) AS gc_ns,
            CAST(SUM(gc_count) AS BIGINT) AS gc_count,
            CAST(SUM(duration_ns) AS BIGINT) AS total_ns,
            MIN(begin_ns) AS first_ns,
            MAX(begin_ns) AS last_ns
        FROM eval
        GROUP BY run_id, COALESCE(label, '')
    ) AS counted
) AS ranged;

-- Units of work that a run finished: what figures and comparisons are divided by. Frames are those of the
-- first stream; spans and evaluations those that run in no other.
CREATE VIEW work AS
SELECT f.run_id, 'frame' AS unit, CAST(q.told AS DOUBLE PRECISION) AS units
FROM frame_stream AS f
JOIN quantile AS q
    ON q.run_id = f.run_id AND q.measure = 'frame_mark.duration_ns' AND q.subject_id = f.id AND q.part = ''
WHERE f.number = (SELECT MIN(first.number) FROM frame_stream AS first WHERE first.run_id = f.run_id)
UNION ALL
SELECT run_id, 'span', COUNT(*) FROM span WHERE parent_id IS NULL AND duration_ns IS NOT NULL GROUP BY run_id
UNION ALL
SELECT run_id, 'eval', COUNT(*) FROM eval WHERE parent_id IS NULL AND duration_ns IS NOT NULL GROUP BY run_id
UNION ALL
SELECT run_id, 'gc', COUNT(*) FROM gc WHERE end_ns IS NOT NULL GROUP BY run_id
UNION ALL
SELECT id, 'second', duration_ns / 1000000000.0 FROM run WHERE duration_ns > 0;

-- When the units of `work` were finished, counted from 1.
CREATE VIEW work_end AS
SELECT f.run_id, 'frame' AS unit, f.number, f.begin_ns + f.duration_ns AS end_ns
FROM frame_mark AS f
JOIN frame_stream AS s ON s.id = f.stream_id
WHERE f.duration_ns IS NOT NULL AND s.number = (SELECT MIN(first.number) FROM frame_stream AS first WHERE first.run_id = f.run_id)
UNION ALL
SELECT run_id, 'span', ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY begin_ns + duration_ns, id), begin_ns + duration_ns
FROM span
WHERE parent_id IS NULL AND duration_ns IS NOT NULL
UNION ALL
SELECT run_id, 'eval', ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY begin_ns + duration_ns, id), begin_ns + duration_ns
FROM eval
WHERE parent_id IS NULL AND duration_ns IS NOT NULL
UNION ALL
SELECT run_id, 'gc', ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY end_ns, id), end_ns
FROM gc
WHERE end_ns IS NOT NULL;

-- What each pool should be large enough for, by the chance (as in capacity_risk) that the next period, as long as the
-- run, asks for more: by its predicted peak; where requests had to wait or were refused, by Erlang's formula, with no more
-- connections than spans were ever in flight; too short a run: a fifth more than it wanted. `censored`: what it could
-- not hold is not known, so it is half as much again at least, and should be measured again.
CREATE VIEW pool_size AS
SELECT
    run_id, pool_id, risk, unit, slot, capacity, wanted, basis, censored,
    -- whole slots
    (CAST(CEIL(size) AS BIGINT) + slot - 1) / slot * slot AS size
FROM (
    SELECT
        f.*, r.risk,
        CASE
            WHEN l.most BETWEEN f.wanted AND w.slots - 1 AND f.kind = 'connection' THEN 'spans'
            WHEN w.slots IS NOT NULL THEN 'places'
            WHEN k.bytes IS NOT NULL THEN f.method
            ELSE 'short'
        END AS basis,
        CASE
            WHEN l.most BETWEEN f.wanted AND w.slots - 1 AND f.kind = 'connection' THEN l.most * f.slot
            WHEN f.censored = 1 AND f.capacity * 1.5 > COALESCE(w.slots * f.slot, k.bytes, f.wanted * 1.2)
            THEN f.capacity * 1.5
            ELSE COALESCE(w.slots * f.slot, k.bytes, f.wanted * 1.2)
        END AS size
    FROM (
        SELECT
            p.run_id, p.id AS pool_id, p.kind,
            CASE WHEN p.kind = 'connection' AND COALESCE(p.slot_bytes, 1) = 1 THEN 'count' ELSE 'bytes' END AS unit,
            COALESCE(p.capacity_bytes, p.capacity_slots * COALESCE(p.slot_bytes, 1)) AS capacity,
            CASE
                WHEN p.slot_bytes > 0 THEN p.slot_bytes
                WHEN p.kind = 'connection' THEN 1
                WHEN c.maximum > 65536 THEN 4096
                ELSE 64
            END AS slot,
            c.maximum AS wanted, c.method,
            CASE WHEN t.wait_count > 0 OR t.exhausted_count > 0 THEN 1 ELSE 0 END AS lacked,
            CASE
                WHEN t.exhausted_count > 0 OR t.overflow_count > 0 AND COALESCE(t.reset_count, 0) = 0 THEN 1
                ELSE 0
            END AS censored
        FROM pool AS p
        JOIN capacity AS c ON c.run_id = p.run_id AND c.measure = 'pool' AND c.subject_id = p.id
        -- counts only grow
        JOIN pool_tick AS t
            ON t.run_id = p.run_id AND t.pool_id = p.id
            AND t.time_ns = (SELECT MAX(m.time_ns) FROM pool_tick AS m WHERE m.run_id = p.run_id AND m.pool_id = p.id)
    ) AS f
    JOIN (
        SELECT 0.5 AS risk UNION ALL SELECT 0.25 UNION ALL SELECT 0.1 UNION ALL SELECT 0.05 UNION ALL SELECT 0.025
        UNION ALL SELECT 0.01 UNION ALL SELECT 0.001 UNION ALL SELECT 0.0001
    ) AS r ON TRUE
    LEFT JOIN capacity_risk AS k
        ON k.run_id = f.run_id AND k.measure = 'pool' AND k.subject_id = f.pool_id AND k.risk = r.risk
    LEFT JOIN (
        SELECT w.run_id, w.pool_id, q.risk, MIN(w.slots) AS slots
        FROM pool_wait AS w
        JOIN (
            SELECT 0.5 AS risk UNION ALL SELECT 0.25 UNION ALL SELECT 0.1 UNION ALL SELECT 0.05 UNION ALL SELECT 0.025
            UNION ALL SELECT 0.01 UNION ALL SELECT 0.001 UNION ALL SELECT 0.0001
        ) AS q ON w.waiting_share <= q.risk
        GROUP BY w.run_id, w.pool_id, q.risk
    ) AS w ON w.run_id = f.run_id AND w.pool_id = f.pool_id AND w.risk = r.risk AND f.lacked = 1
    LEFT JOIN (SELECT run_id, MAX(in_flight_max) AS most FROM span_load GROUP BY run_id) AS l ON l.run_id = f.run_id
) AS sized;

-- What a span of a kind holds while it is in flight: bytes allocated in it times how long they lived, over its
-- duration; and, by Little's law, how many of them are.
CREATE VIEW span_need AS
SELECT
    run_id, kind, spans, in_flight, in_flight_max, duration_ns, per_second, held_bytes,
    held_bytes * (1 - (1 - POWER(1 - 1 / (9 * n) - 1.96 / (3 * SQRT(n)), 3)) * spread) AS held_bytes_low,
    held_bytes * (1 + ((n + 1) / n * POWER(1 - 1 / (9 * (n + 1)) + 1.96 / (3 * SQRT(n + 1)), 3) - 1) * spread)
        AS held_bytes_high
FROM (
    SELECT
        run_id, kind, spans, in_flight, in_flight_max, duration_ns, held_bytes,
        spans * 1000000000.0 / NULLIF(last_ns - first_ns, 0) AS per_second,
        bytes * bytes / NULLIF(bytes_sq, 0) AS n, SQRT(bytes_var / NULLIF(bytes_sq, 0)) AS spread
    FROM span_load
) AS summed;

-- One row per scalar answer of a run. Names are dotted, and where they end in the name of a stream, kind, heap or
-- pool there is, where it makes sense, one without it: of the one that is worst.
--   value      in `unit`: bytes, count, ns, ratio (1 is everything), bytes_per_second, bytes_per_hour
--   low, high  95 % interval; an exact figure repeats itself; NULL: the bound cannot be told.
--              Of a quantile: where it would lie in a longer run of the same
--   per        what the value is counted by: frame, span, eval, gc, second, hour; NULL: of the whole run
-- A figure that this run cannot tell has no row.
CREATE VIEW figure AS
SELECT
    r.id AS run_id, m.name AS name, 'bytes' AS unit,
    COALESCE(s.bytes, 0) AS value, COALESCE(s.bytes_low, 0) AS low,
    -- nothing sampled: less than Garwood's bound for a count of 0
    COALESCE(s.bytes_high, 3.689 * r.interval_bytes, 0) AS high,
    CAST(NULL AS TEXT) AS per
FROM run AS r
JOIN (SELECT 'peak' AS measure, 'peak.live_bytes' AS name UNION ALL SELECT 'live', 'end.live_bytes') AS m ON TRUE
LEFT JOIN run_stat_interval AS s ON s.run_id = r.id AND s.measure = m.measure
-- of an imported profile, what it does not have is not nothing
WHERE s.bytes IS NOT NULL OR NOT EXISTS (SELECT 1 FROM capability AS c WHERE c.run_id = r.id AND c.name = 'sums')
UNION ALL
SELECT s.run_id, CASE s.measure WHEN 'peak' THEN 'peak.live_blocks' ELSE 'end.live_blocks' END, 'count',
    s.blocks, s.blocks_low, s.blocks_high, NULL
FROM run_stat_interval AS s
WHERE s.measure IN ('peak', 'live') AND s.blocks IS NOT NULL
UNION ALL
SELECT p.run_id, 'peak.rss_bytes', 'bytes', MAX(p.rss_bytes), MAX(p.rss_bytes), MAX(p.rss_bytes), NULL
FROM process_tick AS p
WHERE p.rss_bytes IS NOT NULL
GROUP BY p.run_id
UNION ALL
SELECT p.run_id, 'end.rss_bytes', 'bytes', p.rss_bytes, p.rss_bytes, p.rss_bytes, NULL
FROM process_tick AS p
JOIN (SELECT run_id, MAX(time_ns) AS time_ns FROM process_tick WHERE rss_bytes IS NOT NULL GROUP BY run_id) AS l
    ON l.run_id = p.run_id AND l.time_ns = p.time_ns
-- what was allocated: the exact counters, else the samples; in all and by unit of work
UNION ALL
SELECT a.run_id, a.name || COALESCE('_per_' || w.unit, ''),
    CASE WHEN w.unit = 'second' AND a.name = 'alloc.bytes' THEN 'bytes_per_second' ELSE a.unit END,
    a.value / COALESCE(w.units, 1), a.low / COALESCE(w.units, 1), a.high / COALESCE(w.units, 1), w.unit
FROM (
    SELECT id AS run_id, 'alloc.bytes' AS name, 'bytes' AS unit,
        CAST(alloc_bytes AS DOUBLE PRECISION) AS value, alloc_bytes AS low, alloc_bytes AS high
    FROM run
    WHERE alloc_bytes IS NOT NULL
    UNION ALL
    SELECT id, 'alloc.calls', 'count', alloc_calls, alloc_calls, alloc_calls
    FROM run
    WHERE alloc_calls IS NOT NULL
    UNION ALL
    SELECT s.run_id, 'alloc.bytes', 'bytes', s.bytes, s.bytes_low, s.bytes_high
    FROM run_stat_interval AS s
    JOIN run AS r ON r.id = s.run_id AND r.alloc_bytes IS NULL
    WHERE s.measure = 'allocated'
    UNION ALL
    SELECT s.run_id, 'alloc.calls', 'count', s.blocks, s.blocks_low, s.blocks_high
    FROM run_stat_interval AS s
    JOIN run AS r ON r.id = s.run_id AND r.alloc_calls IS NULL
    WHERE s.measure = 'allocated'
) AS a
LEFT JOIN (
    SELECT run_id, unit, units FROM work WHERE unit <> 'gc' AND units > 0
    UNION ALL
    SELECT id, NULL, NULL FROM run
) AS w ON w.run_id = a.run_id
-- quantiles of what the program told: of each stream, kind and heap (own), and of the worst
UNION ALL
SELECT q.run_id, q.name || '.' || q.part || CASE WHEN a.own = 1 AND q.subject <> '' THEN '.' || q.subject ELSE '' END,
    q.unit, q.value, q.low, q.high, q.per
FROM (
    SELECT
        x.*, ROW_NUMBER() OVER (PARTITION BY run_id, name, part ORDER BY value DESC, subject) AS place
    FROM (
        SELECT
            q.run_id, m.name, m.unit, m.per, m.worst, m.own, p.part, COALESCE(s.name, h.name, q.part) AS subject,
            CASE p.part WHEN 'p50' THEN q.p50 WHEN 'p99' THEN q.p99 ELSE q.maximum END AS value,
            CASE p.part WHEN 'p50' THEN q.p50_low WHEN 'p99' THEN q.p99_low ELSE q.maximum END AS low,
            CASE p.part WHEN 'p50' THEN q.p50_high WHEN 'p99' THEN q.p99_high ELSE q.maximum END AS high
        FROM quantile AS q
        JOIN (
            SELECT 'frame_mark.duration_ns' AS measure, 'frame.duration_ns' AS name, 'ns' AS unit, 'frame' AS per,
                1 AS worst, 1 AS own
            UNION ALL SELECT 'frame_mark.alloc_bytes', 'frame.alloc_bytes', 'bytes', 'frame', 1, 1
            UNION ALL SELECT 'frame_mark.heap_alloc_bytes', 'frame.heap_alloc_bytes', 'bytes', 'frame', 1, 1
            UNION ALL SELECT 'span.duration_ns', 'span.duration_ns', 'ns', 'span', 0, 1
            UNION ALL SELECT 'span.first_result_ns', 'span.first_result_ns', 'ns', 'span', 0, 1
            UNION ALL SELECT 'span.alloc_bytes', 'span.alloc_bytes', 'bytes', 'span', 0, 1
            UNION ALL SELECT 'eval.duration_ns', 'eval.duration_ns', 'ns', 'eval', 1, 0
            UNION ALL SELECT 'eval.alloc_bytes', 'eval.alloc_bytes', 'bytes', 'eval', 1, 0
            UNION ALL SELECT 'gc_pause.duration_ns', 'gc.pause_ns', 'ns', 'gc', 1, 1
        ) AS m ON m.measure = q.measure
        JOIN (SELECT 'p50' AS part UNION ALL SELECT 'p99' UNION ALL SELECT 'max') AS p ON TRUE
        LEFT JOIN frame_stream AS s ON s.id = q.subject_id AND m.per = 'frame'
        LEFT JOIN heap AS h ON h.id = q.subject_id AND m.per = 'gc'
    ) AS x
) AS q
JOIN (SELECT 0 AS own UNION ALL SELECT 1) AS a ON (a.own = 1 AND q.own = 1) OR (a.own = 0 AND q.worst = 1 AND q.place = 1)
-- how much work there was
UNION ALL
SELECT run_id, unit || '.count', 'count', units, units, units, NULL
FROM work
WHERE unit <> 'second'
UNION ALL
SELECT id, 'run.duration_ns', 'ns', duration_ns, duration_ns, duration_ns, NULL
FROM run
-- frames over their budget, of the frames of all streams that have one
UNION ALL
SELECT q.run_id, 'frame.over_budget_share', 'ratio', o.frames * 1.0 / q.told, o.frames * 1.0 / q.told,
    o.frames * 1.0 / q.told, 'frame'
FROM (
    SELECT q.run_id, SUM(q.told) AS told
    FROM quantile AS q
    JOIN frame_stream AS s ON s.id = q.subject_id AND s.budget_ns IS NOT NULL
    WHERE q.measure = 'frame_mark.duration_ns'
    GROUP BY q.run_id
) AS q
JOIN (
    SELECT r.id, (SELECT COUNT(*) FROM frame_mark AS f WHERE f.run_id = r.id AND f.over_ns IS NOT NULL) AS frames
    FROM run AS r
) AS o ON o.id = q.run_id
-- what spans of a kind allocate: exact where one thread ran them
UNION ALL
SELECT run_id, 'span.bytes' || CASE WHEN kind <> '' THEN '.' || kind ELSE '' END, 'bytes', AVG(alloc_bytes * 1.0), AVG(alloc_bytes * 1.0), AVG(alloc_bytes * 1.0),
    'span'
FROM span
WHERE alloc_bytes IS NOT NULL
GROUP BY run_id, kind
-- the part of the run that stood for collections, of each heap and of the worst
UNION ALL
SELECT g.run_id, 'gc.share' || CASE a.own WHEN 1 THEN '.' || g.name ELSE '' END, 'ratio', g.share, g.share, g.share, NULL
FROM (
    SELECT
        x.*, ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY share DESC, name) AS place
    FROM (
        SELECT p.run_id, h.name, SUM(p.duration_ns) * 1.0 / r.duration_ns AS share
        FROM gc_pause AS p
        JOIN heap AS h ON h.id = p.heap_id
        JOIN run AS r ON r.id = p.run_id AND r.duration_ns > 0
        WHERE p.duration_ns IS NOT NULL
        GROUP BY p.run_id, h.id, h.name, r.duration_ns
    ) AS x
) AS g
JOIN (SELECT 0 AS own UNION ALL SELECT 1) AS a ON a.own = 1 OR g.place = 1
-- frames over budget, and spans slower than twice the median, that stood for a collection: of all that were told
UNION ALL
SELECT t.run_id, t.kind || '.gc_late', 'ratio', COALESCE(l.late, 0) * 1.0 / t.told, COALESCE(l.late, 0) * 1.0 / t.told,
    COALESCE(l.late, 0) * 1.0 / t.told, t.kind
FROM (
    SELECT q.run_id, CASE q.measure WHEN 'span.duration_ns' THEN 'span' ELSE 'frame' END AS kind, SUM(q.told) AS told
    FROM quantile AS q
    WHERE q.measure IN ('frame_mark.duration_ns', 'span.duration_ns')
        AND EXISTS (SELECT 1 FROM gc_pause AS p WHERE p.run_id = q.run_id)
    GROUP BY q.run_id, q.measure
) AS t
LEFT JOIN (
    SELECT run_id, kind, COUNT(DISTINCT subject_id) AS late FROM gc_late GROUP BY run_id, kind
) AS l ON l.run_id = t.run_id AND l.kind = t.kind
-- what one span holds while it is in flight
UNION ALL
SELECT run_id, 'span.held_bytes' || CASE WHEN kind <> '' THEN '.' || kind ELSE '' END, 'bytes', held_bytes, held_bytes_low, held_bytes_high, 'span'
FROM span_need
WHERE held_bytes > 0
-- pools
UNION ALL
SELECT t.run_id, c.name || '.' || p.name,
    CASE WHEN c.name = 'pool.high_water' AND p.kind = 'connection' THEN 'count' ELSE c.unit END,
    CASE c.name WHEN 'pool.high_water' THEN t.high_water_bytes WHEN 'pool.overflows' THEN t.overflow_count
        WHEN 'pool.refusals' THEN t.exhausted_count ELSE t.wait_ns END,
    CASE c.name WHEN 'pool.high_water' THEN t.high_water_bytes WHEN 'pool.overflows' THEN t.overflow_count
        WHEN 'pool.refusals' THEN t.exhausted_count ELSE t.wait_ns END,
    CASE c.name WHEN 'pool.high_water' THEN t.high_water_bytes WHEN 'pool.overflows' THEN t.overflow_count
        WHEN 'pool.refusals' THEN t.exhausted_count ELSE t.wait_ns END,
    NULL
FROM (
    SELECT run_id, pool_id, MAX(high_water_bytes) AS high_water_bytes, MAX(overflow_count) AS overflow_count,
        MAX(exhausted_count) AS exhausted_count, MAX(wait_ns) AS wait_ns
    FROM pool_tick
    GROUP BY run_id, pool_id
) AS t
JOIN pool AS p ON p.id = t.pool_id
JOIN (
    SELECT 'pool.high_water' AS name, 'bytes' AS unit
    UNION ALL SELECT 'pool.overflows', 'count'
    UNION ALL SELECT 'pool.refusals', 'count'
    UNION ALL SELECT 'pool.wait_ns', 'ns'
) AS c
    ON CASE c.name WHEN 'pool.high_water' THEN t.high_water_bytes WHEN 'pool.overflows' THEN t.overflow_count
        WHEN 'pool.refusals' THEN t.exhausted_count ELSE t.wait_ns END IS NOT NULL
-- verdicts
UNION ALL
SELECT r.id, v.name, 'count', COUNT(l.id), COUNT(l.id), COUNT(l.id), NULL
FROM run AS r
JOIN (SELECT 'leak.count' AS name, 'leak' AS verdict UNION ALL SELECT 'leak.growing', 'growing') AS v ON TRUE
LEFT JOIN leak AS l ON l.run_id = r.id AND l.verdict = v.verdict AND l.suppressed_by IS NULL
GROUP BY r.id, v.name
UNION ALL
SELECT run_id, 'leak.bytes_per_hour', 'bytes_per_hour', rate, rate - SQRT(down), rate + SQRT(up), 'hour'
FROM (
    SELECT r.id AS run_id,
        COALESCE(SUM(leak_rate_bytes_per_hour), 0) AS rate,
        COALESCE(SUM((leak_rate_bytes_per_hour - leak_rate_bytes_per_hour_low)
            * (leak_rate_bytes_per_hour - leak_rate_bytes_per_hour_low)), 0) AS down,
        COALESCE(SUM((leak_rate_bytes_per_hour_high - leak_rate_bytes_per_hour)
            * (leak_rate_bytes_per_hour_high - leak_rate_bytes_per_hour)), 0) AS up
    FROM run AS r
    LEFT JOIN leak AS l ON l.run_id = r.id AND l.verdict = 'leak' AND l.suppressed_by IS NULL
    GROUP BY r.id
) AS summed
-- where blocks of malloc lay before the program could clean up: what is free among them, and what old ones pin of it
UNION ALL
SELECT a.run_id, 'malloc.free_share', 'ratio', a.free / a.reserved,
    CASE WHEN a.free_low > 0 THEN a.free_low / a.reserved ELSE 0 END, a.free_high / a.reserved, NULL
FROM (
    SELECT a.run_id, SUM(a.reserved_bytes) * 1.0 AS reserved, SUM(a.reserved_bytes - a.used_bytes) AS free,
        SUM(a.reserved_bytes - a.used_bytes_high) AS free_low, SUM(a.reserved_bytes - a.used_bytes_low) AS free_high
    FROM address_area AS a
    WHERE a.moment = (SELECT MAX(l.moment) FROM heap_look AS l WHERE l.run_id = a.run_id)
    GROUP BY a.run_id
) AS a
WHERE a.reserved > 0
UNION ALL
SELECT l.run_id, 'malloc.pinned_bytes', 'bytes', COALESCE(SUM(p.pinned_bytes), 0), COALESCE(SUM(p.pinned_bytes_low), 0),
    COALESCE(SUM(p.pinned_bytes_high), 0), NULL
FROM (SELECT run_id, MAX(moment) AS moment FROM heap_look GROUP BY run_id) AS l
LEFT JOIN pin AS p ON p.run_id = l.run_id AND p.moment = l.moment
GROUP BY l.run_id
UNION ALL
SELECT run_id, 'malloc.rounding_bytes', 'bytes', bytes, bytes_low, bytes_high, NULL
FROM run_stat_interval
WHERE measure = 'waste'
-- the recorder about itself, and what the run does not know
UNION ALL
SELECT t.run_id, c.name, c.unit,
    CASE c.name WHEN 'recorder.dropped_events' THEN t.dropped WHEN 'recorder.cpu_share' THEN t.share ELSE t.bytes END,
    CASE c.name WHEN 'recorder.dropped_events' THEN t.dropped WHEN 'recorder.cpu_share' THEN t.share ELSE t.bytes END,
    CASE c.name WHEN 'recorder.dropped_events' THEN t.dropped WHEN 'recorder.cpu_share' THEN t.share ELSE t.bytes END,
    NULL
FROM (
    SELECT k.run_id,
        MAX(k.dropped_samples) + COALESCE(MAX(k.dropped_frees), 0) AS dropped,
        MAX(k.cpu_ns) * 1.0 / NULLIF(MAX(r.duration_ns), 0) AS share,
        MAX(k.memory_bytes) AS bytes
    FROM recorder_tick AS k
    JOIN run AS r ON r.id = k.run_id
    GROUP BY k.run_id
) AS t
JOIN (
    SELECT 'recorder.dropped_events' AS name, 'count' AS unit
    UNION ALL SELECT 'recorder.cpu_share', 'ratio'
    UNION ALL SELECT 'recorder.memory_bytes', 'bytes'
) AS c
    ON CASE c.name WHEN 'recorder.dropped_events' THEN t.dropped WHEN 'recorder.cpu_share' THEN t.share ELSE t.bytes END
        IS NOT NULL
UNION ALL
SELECT r.id, 'loss.gaps', 'count', COUNT(g.id), COUNT(g.id), COUNT(g.id), NULL
FROM run AS r
LEFT JOIN gap AS g ON g.run_id = r.id
GROUP BY r.id;
