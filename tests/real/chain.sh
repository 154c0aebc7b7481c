# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# chain.sh -- a Python program tells its frames and its collector's cycles: the report says which collections made which frames
# late, by how much, and that blocks of malloc were allocated before. What is late is no more than what the program itself measured.
. "$SOURCE_DIR/tests/real/lib.sh"

python=/usr/bin/python3
"$python" -c 'import ctypes, sys; sys.exit(not hasattr(sys, "_debugmallocstats"))' 2>/dev/null || {
    echo "skipped: CPython is not installed"
    exit 77
}
PYTHONMALLOC=malloc LD_PRELOAD=$LIBMEMREC MEMREC_TRACE=$PWD/chain.zst "$python" "$SOURCE_DIR/tests/programs/python_frames.py" >out 2>err ||
    fails python "exit code $?: $(cat err)"
read -r collections stood_ms <out
"$MEMANALYZE" import chain.zst -o chain.db >import.log 2>&1 || fails import "$(cat import.log)"

# is NAME TEST: of SELECTed numbers
is() {
    checks=$((checks + 1))
    got=$("$MEMANALYZE" query --format csv chain.db "SELECT $2" | sed 1d)
    [ "$got" = 1 ] || fails "$1" "not so: $2 ($collections collections, $stood_ms ms)"
}

is "every collection is told" "COUNT(*) = $collections FROM gc"
is "six frames stood for one" "COUNT(DISTINCT subject_id) = 6 FROM gc_late WHERE kind = 'frame'"
is "as long as the program measured" "SUM(pause_ns) BETWEEN ($stood_ms - 2) * 900000 AND ($stood_ms + 2) * 1100000 FROM gc_late"
is "late is no more than that" "SUM(late_ns) <= SUM(pause_ns) AND SUM(late_ns) > 0 FROM gc_late"
is "and no more than the frames are over" "SUM(late_ns) <= (SELECT SUM(over_ns) FROM frame_mark) FROM gc_late"
is "what was sampled before" "COUNT(*) = 6 FROM gc WHERE samples > 20 AND sampled_bytes > 1000000"

"$MEMANALYZE" report gc_causes chain.db --limit all --format csv >causes.csv
checks=$((checks + 1))
"$python" - <<'P' || fails gc_causes "$(cat causes.csv)"
import csv
rows = list(csv.DictReader(open("causes.csv")))
late = sum(int(row["late_ns"]) for row in rows)
total = int(rows[0]["all_late_ns"])
assert rows[0]["heap"] == "python" and rows[0]["frames"] == "6" and rows[0]["trigger"] == "full (asked)", rows[0]
assert 0.5 * total < late <= 1.001 * total, (late, total)
assert all(int(row["late_ns_low"]) <= int(row["late_ns"]) <= int(row["late_ns_high"]) for row in rows), rows
assert sum(float(row["share"]) for row in rows) <= 1.001
P
COLUMNS=1000 "$MEMANALYZE" report chain.db >page 2>&1
checks=$((checks + 1))
if ! grep -q '^report set game' page || ! grep -q 'They made 6 frames late by' page; then
    fails page "$(cat page)"
fi
finish
