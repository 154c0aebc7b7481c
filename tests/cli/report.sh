# SPDX-License-Identifier: Apache-2.0
# A report of the user's own beside the shipped ones; what a report says about itself; the first screen.
export XDG_CONFIG_HOME="$PWD/config" COLUMNS=80
mkdir -p config/memanalyze/queries
cat >config/memanalyze/queries/mine.sql <<'END'
-- mine: blocks of a size.
--
-- Params:
--   $1 run   ID     which
--   $2 size  BYTES  how large (default: 100)
-- Columns:
--   blocks      COUNT  so many
--   size_bytes  BYTES  of this size
SELECT COUNT(*) AS blocks, size_bytes FROM sample WHERE size_bytes = COALESCE($2, 100) GROUP BY size_bytes
END
cat >x.trace <<'END'
run full exe /bin/x command "x --flag" pid 42
thread 1 main
module x 0x400000 0x1000
stack A = 0x400011
at 10ms alloc 0x1000 100 via A
at 15ms alloc 0x2000 2048 via A
at 20ms free 0x1000
at 30ms end exit
END
"$MKTRACE" x.trace x.zst
memanalyze report --list
memanalyze report mine x.zst
memanalyze report mine x.zst --set size=2048
memanalyze report mine --explain
memanalyze report losses --explain
memanalyze report mine --sql | head -1
memanalyze report x.zst | sed 's/trace  *[0-9.]* [KMi]*B/trace N B/'
memanalyze report x.zst peak --format csv
memanalyze report leaks x.zst
memanalyze report flame x.zst
