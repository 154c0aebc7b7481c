# shellcheck shell=sh disable=SC1091,SC2086,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# trace_size.sh -- bytes of trace per sample lifetime: the allocation, its stack, its free, and a fair share
# of all else in the file. Expected: 8 to 12 with some thousand samples. The interval is so short that each
# program would give more than 4,000; the recorder lets 2,000 a second through, so each runs some seconds.
. "$SOURCE_DIR/benches/lib.sh"

: "${MEMANALYZE:?memanalyze is not built}"
cd "$work" || exit 1
run() {
    run_name=$1 run_interval=$2
    shift 2
    sh -c "$(recorded size MEMREC_INTERVAL=$run_interval -- "$@")" >/dev/null 2>&1
    "$MEMANALYZE" import size.zst -o size.db >import.log 2>&1 || { cat import.log; exit 1; }
    # shellcheck disable=SC2046 # several words
    set -- $("$MEMANALYZE" query --format csv size.db "
        SELECT count(*), (SELECT trace_bytes FROM run), (SELECT count(*) FROM stack) FROM sample" |
        tail -n 1 | tr ',' ' ')
    rm -f size.db
    each=$(calculate "$2 / $1")
    line "$run_name" "$each" - - 12 "$([ "$1" -ge 4000 ] && verdict "$each" 12 ||
        echo "too few samples") ($1 samples, $3 stacks, $2 bytes)"
}
line "bytes a sample" ours - - goal ""
command -v python3 >/dev/null && run "python3, every object a malloc" 16K PYTHONMALLOC=malloc \
    "$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')" -c "'
import json
text = json.dumps([{\"id\": i, \"tags\": [\"t%d\" % (i * k % 53) for k in range(i % 6)]} for i in range(20000)])
for _ in range(150): len(json.loads(text))'"
command -v sqlite3 >/dev/null && run sqlite3 8K "sqlite3 :memory: '
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500000)
SELECT count(*) FROM (SELECT upper(printf(\"text %d\", i)) || i AS d FROM n ORDER BY d)'"
command -v perl >/dev/null && run perl 4K "perl -e 'for (1..90) { my %h; for my \$i (1..60000) { push @{\$h{\$i % 1000}}, \"v\$i\" } }'"
run "churn" 64K "$bin/bench_churn" mixed 60000000
