-- SPDX-License-Identifier: Apache-2.0
-- capacity_config: what report capacity recommends, as the lines of a configuration file.
--
-- Reads:    run, capacity, capacity_risk, pool, pool_size
-- Params:
--   $1 run      ID     the run's id (default: the first)
--   $2 limit    BYTES  the memory there is: pools share what it leaves, in proportion to their need
--   $3 profile  TEXT   what the program is: embedded accepts one excess in 1000 periods, of pools too
--   $4 one-in   COUNT  accepted: that a limit is exceeded in one of so many periods (default: 100)
--   $5 format   TEXT   ini|json|env: of the file (default: ini)
-- Columns:
--   line  TEXT  of the file
-- Plain:    it is a file
-- Empty:    no resident set was read, and no pool was told: there is nothing to configure
-- Caveat:   names with other characters than letters, digits and . _ - / : are replaced by numbers.
WITH asked AS (
    SELECT r.id, CAST($2 AS BIGINT) AS wanted,
           CASE WHEN CAST($3 AS TEXT) = 'embedded' THEN 1 ELSE 0 END AS is_embedded,
           COALESCE(CAST($4 AS BIGINT),
               CASE WHEN CAST($3 AS TEXT) = 'embedded' THEN 1000 ELSE 100 END) AS one_in,
           COALESCE(CAST($5 AS TEXT), 'ini') AS format
      FROM run r
     WHERE r.id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
),
grid (risk) AS (
    VALUES (0.5), (0.25), (0.1), (0.05), (0.025), (0.01), (0.001), (0.0001)
),
chosen AS (
    SELECT a.*,
           COALESCE((SELECT MAX(risk) FROM grid WHERE risk * a.one_in < 1.000001), 0.0001) AS risk,
           COALESCE((SELECT MAX(risk)
                       FROM grid
                      WHERE risk * a.one_in
                          < CASE a.is_embedded WHEN 1 THEN 1.000001 ELSE 10.000001 END), 0.0001)
               AS pool_risk
      FROM asked a
),
level AS MATERIALIZED (
    SELECT k.*, r.bytes AS bytes_at_risk,
           ROW_NUMBER() OVER (ORDER BY CASE k.measure WHEN 'rss' THEN 1 ELSE 2 END) AS order_of
      FROM capacity k
      JOIN chosen c ON c.id = k.run_id
      LEFT JOIN capacity_risk r
        ON r.run_id = k.run_id
       AND r.measure = k.measure
       AND r.subject_id = k.subject_id
       AND r.risk = c.risk
     WHERE k.measure IN ('rss', 'live')
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
),
sized AS MATERIALIZED (
    SELECT s.*, p.name, p.number,
           CASE WHEN s.unit = 'bytes' THEN s.size ELSE 0 END AS bytes,
           CASE
               WHEN s.unit <> 'bytes' THEN 0
               WHEN s.wanted > s.capacity THEN s.capacity
               ELSE s.wanted
           END AS held
      FROM pool_size s
      JOIN chosen c ON c.id = s.run_id AND s.risk = c.pool_risk
      JOIN pool p ON p.id = s.pool_id
),
budget AS (
    SELECT CASE
               WHEN MAX(c.wanted) - MAX(p.needed) + SUM(s.held) < 0 THEN 0.0
               WHEN MAX(c.wanted) - MAX(p.needed) + SUM(s.held) < SUM(s.bytes)
               THEN (MAX(c.wanted) - MAX(p.needed) + SUM(s.held)) * 1.0 / SUM(s.bytes)
               ELSE 1.0
           END AS scale
      FROM sized s
     CROSS JOIN chosen c
     CROSS JOIN process p
),
-- a name that is harmless in all formats
named AS (
    SELECT s.*,
           CASE
               WHEN s.unit = 'bytes' AND b.scale < 1
               THEN CAST(FLOOR(s.size * b.scale) AS BIGINT) / s.slot * s.slot
               ELSE s.size
           END AS granted,
           CASE
               WHEN TRIM(s.name,
                         'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/:') = ''
               THEN s.name
               ELSE CAST(s.number AS TEXT)
           END AS safe
      FROM sized s
      LEFT JOIN budget b ON TRUE
),
item (section_place, place, section, key, value, remark) AS (
    SELECT 1, part.place, 'memory', part.key,
           CASE
               WHEN part.place = 1 AND c.wanted IS NOT NULL THEN c.wanted
               WHEN part.place = 1 THEN (p.needed + 4095) / 4096 * 4096
               WHEN part.place = 2 AND p.next_high_bytes > c.wanted THEN c.wanted
               WHEN part.place = 2 THEN (COALESCE(p.next_high_bytes, p.maximum) + 4095) / 4096 * 4096
               WHEN p.next_bytes > c.wanted THEN c.wanted
               ELSE (COALESCE(p.next_bytes, p.maximum) + 4095) / 4096 * 4096
           END,
           CASE
               WHEN part.place = 1 AND p.needed > c.wanted THEN 'the program needs more: '
                   || CAST(p.needed AS TEXT)
               WHEN part.place = 1 AND p.method IS NULL THEN 'too short for a prediction'
           END
      FROM process p
     CROSS JOIN chosen c
     CROSS JOIN (
          SELECT 1 AS place, 'limit_bytes' AS key UNION ALL SELECT 2, 'high_bytes'
           UNION ALL SELECT 3, 'request_bytes'
      ) AS part
     WHERE c.is_embedded = 0
        OR part.place = 1
     UNION ALL
    SELECT 1 + n.number, 1, 'pool.' || n.safe,
           CASE WHEN n.unit = 'bytes' THEN 'bytes' ELSE 'slots' END, n.granted,
           CASE
               WHEN n.granted < n.size THEN 'less than it needs: ' || CAST(n.size AS TEXT)
               WHEN n.censored = 1 AND n.basis <> 'spans'
               THEN 'what found no place is not known: measure again'
           END
      FROM named n
     UNION ALL
    SELECT 1 + n.number, 2, 'pool.' || n.safe, 'slots', n.granted / n.slot, NULL
      FROM named n
      JOIN pool p ON p.id = n.pool_id
     WHERE n.unit = 'bytes'
       AND p.slot_bytes > 0
),
row_of AS (
    SELECT i.*, c.format, c.one_in,
           ROW_NUMBER() OVER (ORDER BY i.section_place, i.place) AS item_number,
           ROW_NUMBER() OVER (ORDER BY i.section_place DESC, i.place DESC) AS from_end,
           ROW_NUMBER() OVER (PARTITION BY i.section_place ORDER BY i.place) AS in_section,
           ROW_NUMBER() OVER (PARTITION BY i.section_place ORDER BY i.place DESC) AS in_section_from_end,
           COUNT(*) OVER () AS items
      FROM item i
     CROSS JOIN chosen c
),
line (item_number, part, line) AS (
    SELECT item_number, 1,
           CASE format
               WHEN 'json' THEN '{'
               ELSE CASE format WHEN 'env' THEN '# ' ELSE '; ' END
                   || 'memory that one of ' || CAST(one_in AS TEXT)
                   || ' runs as long as the recorded one exceeds'
           END
      FROM row_of
     WHERE item_number = 1
     UNION ALL
    SELECT item_number, 2,
           CASE format WHEN 'json' THEN '  "' || section || '": {' ELSE '[' || section || ']' END
      FROM row_of
     WHERE in_section = 1
       AND format <> 'env'
     UNION ALL
    SELECT item_number, 3,
           CASE format WHEN 'env' THEN '# ' ELSE '; ' END || remark
      FROM row_of
     WHERE remark IS NOT NULL
       AND format <> 'json'
     UNION ALL
    SELECT item_number, 4,
           CASE format
               WHEN 'json'
               THEN '    "' || key || '": ' || CAST(value AS TEXT)
                   || CASE in_section_from_end WHEN 1 THEN '' ELSE ',' END
               WHEN 'env'
               THEN UPPER(REPLACE(REPLACE(REPLACE(REPLACE(section || '_' || key, '.', '_'), '-', '_'),
                   '/', '_'), ':', '_')) || '=' || CAST(value AS TEXT)
               ELSE key || ' = ' || CAST(value AS TEXT)
           END
      FROM row_of
     UNION ALL
    SELECT item_number, 5, '  }' || CASE from_end WHEN 1 THEN '' ELSE ',' END
      FROM row_of
     WHERE in_section_from_end = 1
       AND format = 'json'
     UNION ALL
    SELECT item_number, 6, '}'
      FROM row_of
     WHERE from_end = 1
       AND format = 'json'
)
SELECT line
  FROM line
 ORDER BY item_number, part
