-- SPDX-License-Identifier: Apache-2.0
-- losses: what this run does not know: drops, gaps, cut stacks, missing names.
--
-- Reads:    run, loss, gap
-- Params:
--   $1 run    ID    the run's id (default: the first)
--   $2 kinds  TEXT  occurred|all: all adds what was watched and did not occur (default: occurred)
-- Columns:
--   kind      TEXT   what is missing
--   count     COUNT  how often; empty: cannot be told
--   bytes     BYTES  estimated bytes concerned; empty: cannot be told
--   first_ns  NS     start of the stretch that is missing, since the start of the run
--   last_ns   NS     its end; empty: until the end
--   detail    PROSE  what it means and what to do
--   all_rows  TOTAL  kinds that were watched
-- Table:    kind count bytes first_ns last_ns
-- Footer:   {rows} of {all_rows} kinds of loss that were watched
-- Empty:    nothing is known to be missing; --kinds all lists what was watched
-- Caveat:   a kind that --kinds all does not list was not watched.
WITH chosen AS (
    SELECT COALESCE(CAST($1 AS BIGINT), (SELECT MIN(id) FROM run)) AS id
),
listed AS (
    SELECT l.kind, l.count, l.bytes,
           CAST(NULL AS BIGINT) AS first_ns, CAST(NULL AS BIGINT) AS last_ns,
           l.detail, CAST(0 AS BIGINT) AS tie
      FROM loss l
      JOIN chosen c ON c.id = l.run_id
     UNION ALL
    SELECT 'gap_in_trace', g.lost_events, NULL,
           g.first_ns, g.last_ns,
           g.reason, g.id
      FROM gap g
      JOIN chosen c ON c.id = g.run_id
),
counted AS (
    SELECT l.*, COUNT(*) OVER () AS all_rows FROM listed l
)
SELECT kind,
       count,
       bytes,
       first_ns,
       last_ns,
       detail,
       all_rows
  FROM counted
 WHERE CAST($2 AS TEXT) = 'all'
    OR count > 0
    OR count IS NULL
 ORDER BY CASE WHEN count = 0 THEN 1 ELSE 0 END, kind, tie
