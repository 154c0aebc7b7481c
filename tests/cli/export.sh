# SPDX-License-Identifier: Apache-2.0
# A run goes to stdout or into a file that is not replaced unasked; tables are csv and tsv.
cat >x.trace <<'END'
run full exe /bin/x
thread 1 main
module x 0x400000 0x1000
stack A = 0x400011 0x400101
stack B = 0x400021 0x400101
at 10ms alloc 0x1000 100000 via A
at 20ms alloc 0x40000 300 via B
at 25ms free 0x40000
at 30ms end exit
END
"$MKTRACE" x.trace x.zst
memanalyze export x.zst --format folded
memanalyze export x.zst -F folded --measure allocated --value blocks -o x.folded
cat x.folded
memanalyze export x.zst -F folded -o x.folded
memanalyze export x.zst -F folded -o x.folded --force
cat x.folded
memanalyze export x.zst -F massif -o - | sed -n '2,3p;/heap_tree=peak/,/^#/p'
memanalyze export x.zst -F snapshot -o x.json
memanalyze import x.json -o y.db
memanalyze export y.db -F folded
memanalyze query y.db 'SELECT function, caller, depth FROM stack ORDER BY function' -f tsv
memanalyze query y.db "SELECT 'a' || char(9) || 'b\\' || char(10) AS text, NULL AS none" -f tsv
find . -type f ! -name 'x.zst*' | sort
