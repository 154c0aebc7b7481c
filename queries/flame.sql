-- SPDX-License-Identifier: Apache-2.0
-- flame: folded stacks with a value each, as flame graph tools read them.
--
-- Reads:    run, stack_stat, stack
-- Params:
--   $1 run      ID    the run's id (default: the first)
--   $2 measure  TEXT  live|allocated|peak|temporary|waste: live is alive at the end (default: live)
--   $3 value    TEXT  bytes|blocks: what to add up (default: bytes)
-- Columns:
--   folded  TEXT   outermost call first, separated by ;
--   value   COUNT  bytes or blocks, estimated
-- Plain:    one line per stack, as flamegraph.pl, inferno and speedscope read it
-- Caveat:   carries no intervals, since these tools know none.
WITH valued AS (
    SELECT COALESCE(k.folded, '(stack lost)') AS folded,
           CASE WHEN CAST($3 AS TEXT) = 'blocks' THEN t.blocks ELSE t.bytes END AS amount
      FROM stack_stat t
      LEFT JOIN stack k ON k.id = t.stack_id
     WHERE t.run_id = COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run))
       AND t.measure = COALESCE(CAST($2 AS TEXT), 'live')
)
SELECT folded,
       CAST(ROUND(SUM(amount)) AS BIGINT) AS value
  FROM valued
 GROUP BY folded
HAVING ROUND(SUM(amount)) > 0
 ORDER BY folded
