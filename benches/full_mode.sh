# shellcheck shell=sh disable=SC1091,SC2086,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# full_mode.sh -- every allocation recorded: the CPU time it adds, beside what heaptrack adds to the same
# program writing its raw data. Expected: at most half.
. "$SOURCE_DIR/benches/lib.sh"

rounds=${ROUNDS:-5}
heaptrack=$(find_heaptrack)
if [ -z "$heaptrack" ]; then
    echo "(heaptrack is not installed: nothing to compare with)"
    exit 0
fi
cd "$work" || exit 1
cat >work.py <<'PY'
rows = [{"id": i, "tags": ["t%d" % (i * k % 53) for k in range(i % 6)]} for i in range(40000)]
print(sum(len(tag) for row in rows for tag in row["tags"]))
PY
cat >work.sql <<'SQL'
CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO t SELECT i, printf('text %d of %d', i * 7919 % 5000, i) FROM n;
SELECT count(*) FROM (SELECT upper(b) || lower(b) AS d FROM t ORDER BY d);
SQL

run() {
    run_name=$1
    shift
    "$bin/bench_interleave" "$rounds" plain "$(plain "$@") >/dev/null" \
        ours "$(recorded full MEMREC_INTERVAL=1 -- "$@") >/dev/null" \
        heaptrack "rm -f $work/heaptrack; exec env LD_PRELOAD=$heaptrack DUMP_HEAPTRACK_OUTPUT=$work/heaptrack $* >/dev/null" \
        >table 2>errors || { cat errors; return; }
    base=$(field table plain 2)
    ours=$(calculate "$(field table ours 2) - $base")
    theirs=$(calculate "$(field table heaptrack 2) - $base")
    ratio=$(calculate "$ours / ($theirs > 0.01 ? $theirs : 0.01)")
    line "$run_name" "+$ours" "+$theirs" "$ratio" 0.50 \
        "$(verdict "$ratio" 0.5) (plain $base ms; $(stat -c %s full.zst) and $(stat -c %s heaptrack) bytes)"
}
line "added CPU in ms" ours heaptrack ratio goal ""
run "churn" "$bin/bench_churn" mixed 500000
command -v python3 >/dev/null && run "python3, every object a malloc" PYTHONMALLOC=malloc \
    "$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')" work.py
command -v sqlite3 >/dev/null && run sqlite3 "sqlite3 :memory: '.read work.sql'"
command -v perl >/dev/null && run perl "perl -e 'for (1..3) { my %h; for my \$i (1..60000) { push @{\$h{\$i % 1000}}, \"v\$i\" } }'"
