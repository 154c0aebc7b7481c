-- SPDX-License-Identifier: Apache-2.0
-- views.sql: the 95 % interval of every estimate in the roll-ups; made after the tables, may change freely.
--
-- Each view has all columns of its table and, for each estimate x, x_low and x_high (and two steps on the way: x_n, the
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
