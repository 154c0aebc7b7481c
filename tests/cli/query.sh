# SPDX-License-Identifier: Apache-2.0
# A query reads a database or a trace, in every format, from the command line or from stdin.
cat >x.trace <<'END'
run full exe /bin/x
thread 1 main
module x 0x400000 0x1000
stack A = 0x400011
at 10ms alloc 0x1000 100000 via A
at 20ms alloc 0x20000 300 via A
at 30ms end exit
END
"$MKTRACE" x.trace x.zst
sql='SELECT size_bytes, birth_ns, kind, death_ns FROM sample ORDER BY size_bytes'
memanalyze query x.zst "$sql"
memanalyze query x.zst.db "$sql" --format csv
echo "$sql;" | memanalyze query x.zst - -f json
memanalyze query x.zst -f markdown "-- a comment
$sql"
memanalyze query x.zst 'WITH a (n) AS (VALUES (1), (2)) SELECT n, n * 0.5 AS half FROM a' -f plain
memanalyze query x.zst 'PRAGMA table_info(capability)' -f csv
memanalyze query x.zst 'SELECT 1 AS n WHERE 0'
memanalyze report peak --sql | memanalyze query x.zst - -f csv | cut -d, -f1-4
