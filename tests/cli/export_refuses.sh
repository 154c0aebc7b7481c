# SPDX-License-Identifier: Apache-2.0
# What export cannot do it says, and what there is instead.
cat >x.trace <<'END'
run full exe /bin/x
thread 1 main
at 10ms alloc 0x1000 100000
at 30ms end exit
END
"$MKTRACE" x.trace x.zst
memanalyze export
memanalyze export x.zst
memanalyze export x.zst y.zst -F folded
memanalyze export x.zst --format pproof
memanalyze export x.zst --format csv
memanalyze export x.zst -F folded --measure waste
memanalyze export x.zst -F folded --value calls
memanalyze export x.zst -F pprof --value bytes
memanalyze export x.zst -F folded --prefix x
memanalyze export x.zst -F folded --run 0
memanalyze export x.zst -F folded --run 7
memanalyze export x.zst -F snapshot --run 1
memanalyze export x.zst -F folded -o nowhere/x.folded
memanalyze export nothing.zst -F folded
memanalyze export x.zst -F snapshot -o x.json
memanalyze import x.json -o y.db
memanalyze export y.db -F heaptrack -o x.heaptrack
ls x.heaptrack
