-- SPDX-License-Identifier: Apache-2.0
-- capacity: how much memory to plan for: the peak to come, a limit, whether it fits, pools, and the load.
--
-- Reads:    run, capacity, capacity_risk, pool, pool_size, heap, span_need, process_tick
-- Params:
--   $1 run      ID     the run's id (default: the first)
--   $2 limit    BYTES  the memory there is, such as 64M: whether it fits, and when it is full
--   $3 profile  TEXT   what the program is: embedded accepts one excess in 1000 periods, of pools too
--   $4 one-in   COUNT  accepted: that a limit is exceeded in one of so many periods as long as the run
--                      (default: 100). Of pools, which have malloc to turn to, ten times as often
--   $5 load     COUNT  planned spans in flight at once
--   $6 rate     COUNT  planned spans per second, instead of --load
--   $7 kind     TEXT   the kind of spans that is planned (default: the one that holds most)
-- Columns:
--   topic       GROUP  observed, next period, growth, limit, fit, pools, load
--   what        TEXT   name of the figure
--   value       MIXED  the figure, in its unit; empty: cannot be told, the note says why
--   value_low   MIXED  95 % interval
--   value_high  MIXED
--   unit        UNIT   bytes, bytes_per_hour, count, ns, ppm (a risk, in parts of a million)
--   note        NOTE   how it was found, and what to conclude
-- Table:    topic what value note
-- Caveat:   a next period is as long as the run and alike: record under the load that counts.
--           Resident memory is that of the process without the recorder; a cgroup also counts its
--           file cache and kernel memory.
WITH asked AS (
    SELECT r.id, r.duration_ns,
           CAST($2 AS BIGINT) AS wanted,
           COALESCE(CAST($3 AS TEXT), 'server') AS profile,
           COALESCE(CAST($4 AS BIGINT),
               CASE WHEN CAST($3 AS TEXT) = 'embedded' THEN 1000 ELSE 100 END) AS one_in,
           (SELECT t.cgroup_limit_bytes
              FROM process_tick t
             WHERE t.run_id = r.id
               AND t.cgroup_limit_bytes IS NOT NULL
             ORDER BY t.time_ns DESC
             LIMIT 1) AS cgroup
      FROM run r
     WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
grid (risk) AS (
    VALUES (0.5), (0.25), (0.1), (0.05), (0.025), (0.01), (0.001), (0.0001)
),
-- the nearest chance that was computed and is no greater
chosen AS (
    SELECT a.*,
           COALESCE((SELECT MAX(risk) FROM grid WHERE risk * a.one_in < 1.000001), 0.0001) AS risk,
           COALESCE((SELECT MAX(risk)
                       FROM grid
                      WHERE risk * a.one_in
                          < CASE a.profile WHEN 'embedded' THEN 1.000001 ELSE 10.000001 END), 0.0001)
               AS pool_risk,
           CASE
               WHEN a.duration_ns < 10000000000
               THEN CAST(a.duration_ns / 1000000 AS TEXT) || ' ms'
               WHEN a.duration_ns < 600000000000
               THEN CAST(a.duration_ns / 1000000000 AS TEXT) || ' s'
               WHEN a.duration_ns < 36000000000000
               THEN CAST(a.duration_ns / 60000000000 AS TEXT) || ' min'
               ELSE CAST(a.duration_ns / 3600000000000 AS TEXT) || ' h'
           END AS period
      FROM asked a
),
level AS MATERIALIZED (
    SELECT k.*, c.risk, c.one_in, c.period, c.wanted,
           CASE k.measure
               WHEN 'rss' THEN 'resident'
               WHEN 'live' THEN 'live'
               ELSE 'heap ' || COALESCE(h.name, '?')
           END AS name,
           CASE k.measure WHEN 'rss' THEN 1 WHEN 'live' THEN 2 ELSE 2 + COALESCE(h.number, 1) END
               AS place,
           r.bytes AS bytes_at_risk,
           -- the whole process: its resident set, or what is known of it
           ROW_NUMBER() OVER (ORDER BY CASE k.measure WHEN 'rss' THEN 1 WHEN 'live' THEN 2 ELSE 3 END)
               AS order_of
      FROM capacity k
      JOIN chosen c ON c.id = k.run_id
      LEFT JOIN heap h ON k.measure = 'heap' AND h.id = k.subject_id
      LEFT JOIN capacity_risk r
        ON r.run_id = k.run_id
       AND r.measure = k.measure
       AND r.subject_id = k.subject_id
       AND r.risk = c.risk
     WHERE k.measure <> 'pool'
),
process AS MATERIALIZED (
    SELECT l.*,
           CASE
               WHEN bytes_at_risk > maximum THEN bytes_at_risk
               WHEN method IS NULL THEN CAST(ROUND(maximum * 1.2) AS BIGINT)
               ELSE maximum
           END AS needed
      FROM level l
     WHERE order_of = 1
       AND measure <> 'heap'
),
-- for how many of the next periods it is enough: 1 in so many exceeds it
room (place, what, bytes) AS (
    SELECT 1, '4 MB', 4194304
     UNION ALL
    SELECT 2, '16 MB', 16777216
     UNION ALL
    SELECT 3, '64 MB', 67108864
     UNION ALL
    SELECT 4, 'the limit', wanted FROM chosen WHERE wanted IS NOT NULL
     UNION ALL
    SELECT 5, 'the cgroup limit', cgroup FROM chosen WHERE cgroup IS NOT NULL AND wanted IS NULL
),
fitted AS (
    SELECT m.place, m.what, m.bytes, p.maximum, p.needed, p.method, p.risk, p.run_id, p.explained, p.trend,
           CASE
               WHEN p.maximum > m.bytes THEN 1
               WHEN p.method IS NOT NULL
               THEN COALESCE((SELECT MAX(r.risk)
                                FROM capacity_risk r
                               WHERE r.run_id = p.run_id
                                 AND r.measure = p.measure
                                 AND r.subject_id = p.subject_id
                                 AND r.bytes > m.bytes), 0)
           END AS least_risk,
           CASE
               WHEN p.maximum > m.bytes THEN 1
               WHEN p.method IS NOT NULL
               THEN COALESCE((SELECT MIN(r.risk)
                                FROM capacity_risk r
                               WHERE r.run_id = p.run_id
                                 AND r.measure = p.measure
                                 AND r.subject_id = p.subject_id
                                 AND r.bytes <= m.bytes), 1)
           END AS most_risk
      FROM room m
     CROSS JOIN process p
),
filled AS (
    SELECT p.*, COALESCE(c.wanted, c.cgroup) AS bytes,
           CASE
               WHEN p.trend = 'grows' AND COALESCE(c.wanted, c.cgroup) > p.level_high_bytes
               THEN CAST(ROUND((COALESCE(c.wanted, c.cgroup) - p.level_high_bytes)
                   / p.slope_bytes_per_hour_high * 3600000000000) AS BIGINT)
               WHEN p.trend = 'grows' THEN 0
           END AS earliest_ns
      FROM process p
     CROSS JOIN chosen c
     WHERE COALESCE(c.wanted, c.cgroup) IS NOT NULL
),
sized AS MATERIALIZED (
    SELECT s.*, p.name, p.number,
           CASE WHEN s.unit = 'bytes' THEN s.size ELSE 0 END AS bytes,
           -- what it takes of the resident set already
           CASE
               WHEN s.unit <> 'bytes' THEN 0
               WHEN s.wanted > s.capacity THEN s.capacity
               ELSE s.wanted
           END AS held
      FROM pool_size s
      JOIN chosen c ON c.id = s.run_id AND s.risk = c.pool_risk
      JOIN pool p ON p.id = s.pool_id
),
-- what the limit leaves to pools, shared out as they need it
budget AS (
    SELECT SUM(s.bytes) AS bytes,
           MAX(c.wanted) - MAX(p.needed) + SUM(s.held) AS bytes_left,
           CASE
               WHEN MAX(c.wanted) - MAX(p.needed) + SUM(s.held) < 0 THEN 0.0
               WHEN MAX(c.wanted) - MAX(p.needed) + SUM(s.held) < SUM(s.bytes)
               THEN (MAX(c.wanted) - MAX(p.needed) + SUM(s.held)) * 1.0 / SUM(s.bytes)
               ELSE 1.0
           END AS scale
      FROM sized s
     CROSS JOIN chosen c
     CROSS JOIN process p
),
given AS (
    SELECT s.*, COALESCE(b.scale, 1) AS scale,
           CASE
               WHEN s.unit = 'bytes' AND b.scale < 1
               THEN CAST(FLOOR(s.size * b.scale) AS BIGINT) / s.slot * s.slot
               ELSE s.size
           END AS granted
      FROM sized s
      LEFT JOIN budget b ON TRUE
),
planned AS MATERIALIZED (
    SELECT n.*, c.wanted, p.p50,
           ROW_NUMBER() OVER (
               ORDER BY CASE WHEN n.spans < 10 THEN 1 ELSE 0 END, n.held_bytes * n.in_flight DESC,
                        n.spans DESC, n.kind
           ) AS place,
           COALESCE(CAST($5 AS BIGINT), CAST($6 AS BIGINT) * n.duration_ns / 1000000000.0) AS load,
           CASE
               WHEN p.p50 > n.in_flight * n.held_bytes THEN p.p50 - n.in_flight * n.held_bytes
               ELSE 0
           END AS idle_bytes
      FROM span_need n
      JOIN chosen c ON c.id = n.run_id
      LEFT JOIN process p ON TRUE
     WHERE n.kind = COALESCE(CAST($7 AS TEXT), n.kind)
),
figure (place, topic, what, value, value_low, value_high, unit, note) AS (
    SELECT 100 + 10 * l.place + part.place, 'observed', l.name || ' ' || part.name,
           CASE part.place
               WHEN 1 THEN l.p50
               WHEN 2 THEN l.p90
               WHEN 3 THEN l.p99
               ELSE l.maximum
           END,
           NULL, NULL, 'bytes',
           CASE part.place
               WHEN 4 THEN 'the highest seen'
               ELSE 'no higher for ' || part.words || ' of the time'
           END
      FROM level l
      JOIN (
          SELECT 1 AS place, 'p50' AS name, 'half' AS words
           UNION ALL SELECT 2, 'p90', '90 %' UNION ALL SELECT 3, 'p99', '99 %'
           UNION ALL SELECT 4, 'peak', NULL
      ) AS part ON l.measure = 'rss' OR part.place = 4
     UNION ALL
    SELECT 1000 + l.place, 'next period', l.name || ' peak', l.next_bytes, l.next_low_bytes,
           l.next_high_bytes, 'bytes',
           CASE l.method
               WHEN 'tail'
               THEN 'in the next ' || l.period || '; tail fitted to the peaks of '
                   || CAST(l.blocks AS TEXT) || ' independent blocks'
               WHEN 'order'
               THEN 'in the next ' || l.period || '; only ' || CAST(l.blocks AS TEXT)
                   || ' independent blocks: one more exceeds the peak seen with a chance of 1 in '
                   || CAST(l.blocks + 1 AS TEXT)
               ELSE 'too short or too few changes to predict; record for longer'
           END
      FROM level l
     UNION ALL
    SELECT 1200 + l.place, 'growth', l.name,
           CAST(ROUND(l.slope_bytes_per_hour) AS BIGINT),
           CAST(ROUND(l.slope_bytes_per_hour_low) AS BIGINT),
           CAST(ROUND(l.slope_bytes_per_hour_high) AS BIGINT), 'bytes_per_hour',
           CASE
               WHEN l.trend IS NULL THEN 'too short to tell growth from noise'
               WHEN l.trend = 'level' THEN 'no growth: the interval of the slope holds 0'
               WHEN l.trend = 'falls' THEN 'falls; that it goes on is not assumed'
               WHEN l.explained = 1 THEN 'grows because of leaks, which go on: see report leaks'
               ELSE 'grows, but no leak explains it: it may also end, as a cache does that is full'
           END
      FROM level l
     WHERE l.trend IS NOT NULL
        OR l.place = 1
     UNION ALL
    SELECT 1300, 'growth', 'full in',
           CASE WHEN f.explained = 1 AND f.bytes > f.level_bytes
               THEN CAST(ROUND((f.bytes - f.level_bytes) / f.slope_bytes_per_hour * 3600000000000)
                   AS BIGINT)
               WHEN f.explained = 1 THEN 0
               ELSE f.earliest_ns
           END,
           f.earliest_ns,
           CASE WHEN f.explained = 1 AND f.bytes > f.level_low_bytes
               THEN CAST(ROUND((f.bytes - f.level_low_bytes) / f.slope_bytes_per_hour_low * 3600000000000)
                   AS BIGINT)
           END,
           'ns',
           CASE
               WHEN f.maximum > f.bytes THEN 'it was over the limit already'
               WHEN f.trend IS NULL THEN 'too short to tell'
               WHEN f.trend <> 'grows' THEN 'never, as far as can be told: no growth'
               WHEN f.explained = 1 THEN 'until the limit, as leaks go on'
               ELSE 'at the earliest; no leak explains the growth, so it may end before'
           END
      FROM filled f
     UNION ALL
    SELECT 1400 + part.place, 'limit', part.what,
           CASE part.place
               WHEN 1 THEN (p.needed + 4095) / 4096 * 4096
               WHEN 2 THEN (COALESCE(p.next_high_bytes, p.maximum) + 4095) / 4096 * 4096
               WHEN 3 THEN (p.needed + 1048575) / 1048576 * 1048576
               WHEN 4 THEN (COALESCE(p.next_bytes, p.maximum) + 1048575) / 1048576 * 1048576
               ELSE (p.needed + 1023) / 1024 * 1024
           END,
           NULL, NULL, 'bytes',
           CASE
               WHEN p.method IS NULL AND part.place IN (1, 3, 5)
               THEN 'a fifth more than the highest seen: too short for a prediction'
               WHEN part.place = 1
               THEN 'exceeded in one of ' || CAST(p.one_in AS TEXT) || ' periods of ' || p.period
               WHEN part.place = 2 THEN 'reclaim starts here: one period in forty'
               WHEN part.place = 3 THEN 'memory.max in whole MiB'
               WHEN part.place = 4 THEN 'every second period needs no more at its peak'
               ELSE 'to provide; exceeded in one of ' || CAST(p.one_in AS TEXT) || ' periods of '
                   || p.period
           END
      FROM process p
     CROSS JOIN chosen c
      JOIN (
          SELECT 1 AS place, 'memory.max' AS what UNION ALL SELECT 2, 'memory.high'
           UNION ALL SELECT 3, 'container limit' UNION ALL SELECT 4, 'container request'
           UNION ALL SELECT 5, 'memory'
      ) AS part
        ON CASE WHEN c.profile = 'embedded' THEN 1 ELSE 0 END = CASE WHEN part.place = 5 THEN 1 ELSE 0 END
     UNION ALL
    SELECT 1500 + f.place, 'fit', f.what,
           CAST(ROUND(f.most_risk * 1000000) AS BIGINT),
           CAST(ROUND(f.least_risk * 1000000) AS BIGINT),
           CAST(ROUND(f.most_risk * 1000000) AS BIGINT),
           'ppm',
           CASE
               WHEN f.maximum > f.bytes
               THEN 'does not fit: it had ' || CAST((f.maximum - f.bytes + 1023) / 1024 AS TEXT)
                   || ' KiB more'
               WHEN f.method IS NULL AND f.needed > f.bytes
               THEN 'fitted so far, with less than a fifth to spare; too short to say more'
               WHEN f.method IS NULL THEN 'fitted so far, with a fifth to spare; too short to say more'
               WHEN f.most_risk <= f.risk AND f.explained = 1
               THEN 'fits for the next period only: leaks go on'
               WHEN f.most_risk <= f.risk AND f.trend = 'grows'
               THEN 'fits for the next period; it grows, so see when it is full'
               WHEN f.most_risk <= f.risk THEN 'fits'
               WHEN f.least_risk >= 0.5 THEN 'does not fit: more likely than not the next period exceeds it'
               ELSE 'fitted so far, but the next period may exceed it'
           END
      FROM fitted f
     UNION ALL
    SELECT 2000 + s.number, 'pools', s.name, s.granted, NULL, NULL, s.unit,
           CASE
               WHEN s.capacity IS NULL THEN ''
               WHEN s.granted > s.capacity THEN 'more than now: '
               WHEN s.granted * 2 < s.capacity THEN 'less than half of now: '
               ELSE 'as now: '
           END
               || COALESCE(
                      CASE WHEN s.unit = 'bytes' AND s.capacity >= 10240
                          THEN CAST(s.capacity / 1024 AS TEXT) || ' KiB; '
                          WHEN s.unit = 'bytes' THEN CAST(s.capacity AS TEXT) || ' B; '
                          ELSE CAST(s.capacity AS TEXT) || '; '
                      END, '')
               || CASE
                      WHEN s.granted < s.size
                      THEN CAST(CAST(ROUND(s.scale * 100) AS BIGINT) AS TEXT)
                          || ' % of what it needs, all that the limit leaves; see report capacity_pools'
                      WHEN s.basis = 'spans' THEN 'a place for every span that was in flight at once'
                      WHEN s.basis = 'places'
                      THEN CAST(CAST(ROUND(s.risk * 1000) AS BIGINT) AS TEXT)
                          || ' of 1000 requests or fewer find no place at once'
                      WHEN s.basis = 'short' THEN 'a fifth more than it wanted: too short to predict'
                      ELSE 'exceeded in one of ' || CAST(CAST(ROUND(1 / s.risk) AS BIGINT) AS TEXT)
                          || ' periods of ' || c.period
                  END
               || CASE
                      WHEN s.censored = 1 AND s.basis <> 'spans'
                      THEN '; what found no place is not known: measure again at this size'
                      ELSE ''
                  END
      FROM given s
     CROSS JOIN chosen c
     UNION ALL
    SELECT 3000 + part.place, 'load', n.kind || ' ' || part.what,
           CASE part.place
               WHEN 1 THEN CAST(ROUND(n.held_bytes) AS BIGINT)
               WHEN 2 THEN CAST(ROUND(n.in_flight) AS BIGINT)
               WHEN 3 THEN CAST(ROUND(n.idle_bytes + n.load * n.held_bytes) AS BIGINT)
               ELSE CAST(FLOOR((n.wanted - n.idle_bytes) / NULLIF(n.held_bytes, 0)) AS BIGINT)
           END,
           CASE part.place
               WHEN 1 THEN CAST(ROUND(n.held_bytes_low) AS BIGINT)
               WHEN 3 THEN CAST(ROUND(n.idle_bytes + n.load * n.held_bytes_low) AS BIGINT)
               WHEN 4 THEN CAST(FLOOR((n.wanted - n.idle_bytes) / NULLIF(n.held_bytes_high, 0)) AS BIGINT)
           END,
           CASE part.place
               WHEN 1 THEN CAST(ROUND(n.held_bytes_high) AS BIGINT)
               WHEN 2 THEN n.in_flight_max
               WHEN 3 THEN CAST(ROUND(n.idle_bytes + n.load * n.held_bytes_high) AS BIGINT)
               WHEN 4 THEN CAST(FLOOR((n.wanted - n.idle_bytes) / NULLIF(n.held_bytes_low, 0)) AS BIGINT)
           END,
           CASE WHEN part.place IN (2, 4) THEN 'count' ELSE 'bytes' END,
           CASE part.place
               WHEN 1 THEN 'that one holds on average while it is in flight'
               WHEN 2 THEN 'on average; at most ' || CAST(n.in_flight_max AS TEXT) || ' at once'
               WHEN 3
               THEN CAST(CAST(ROUND(n.load) AS BIGINT) AS TEXT) || ' in flight, beside '
                   || CAST(CAST(ROUND(n.idle_bytes / 1024) AS BIGINT) AS TEXT) || ' KiB that stay without any'
               ELSE 'so many at once, on average, before the limit is reached'
           END
      FROM planned n
      JOIN (
          SELECT 1 AS place, 'holds' AS what UNION ALL SELECT 2, 'in flight'
           UNION ALL SELECT 3, 'at the load' UNION ALL SELECT 4, 'that fit'
      ) AS part
        ON part.place = 1
        OR part.place = 2
        OR part.place = 3 AND n.load IS NOT NULL
        OR part.place = 4 AND n.wanted > n.idle_bytes AND n.held_bytes > 0
     WHERE n.place = 1
)
SELECT topic,
       what,
       value,
       value_low,
       value_high,
       unit,
       note
  FROM figure
 ORDER BY place
