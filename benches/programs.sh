# shellcheck shell=sh disable=SC1091,SC2086,SC2154  # lib.sh is read at run time; commands are words
# SPDX-License-Identifier: Apache-2.0
#
# programs.sh -- what recording costs whole programs that nobody here wrote, at the default interval: CPU
# time, user and system, recorder's own thread included.
#
# Expected: under 1 % where malloc is not the program's main business, 3 % where it is. python3 runs with
# PYTHONMALLOC=malloc, so that every object is a malloc. Inputs are generated, always the same.
. "$SOURCE_DIR/benches/lib.sh"

rounds=${ROUNDS:-9}
cd "$work" || exit 1
jemalloc=$(find_jemalloc)

# ---- inputs ---------------------------------------------------------------------------------
cat >work.py <<'PY'
import json
rows = [{"id": i, "name": "item %d" % (i % 977), "at": {"x": i * 7 % 1000, "y": i % 31},
         "tags": ["t%d" % (i * k % 53) for k in range(i % 6)]} for i in range(16000)]
text = json.dumps(rows)
for _ in range(4):
    groups = {}
    for row in json.loads(text):
        groups.setdefault(row["name"], []).append(sum(len(tag) for tag in row["tags"]))
print(len(text), sum(map(sum, groups.values())))
PY
cat >work.lua <<'LUA'
local sum, ring = 0, {}
for i = 1, 2000000 do
    ring[i % 4096] = {i, tostring(i)}
    if i % 7 == 0 then sum = sum + #ring[i % 4096][2] end
end
print(sum)
LUA
cat >work.sql <<'SQL'
CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
INSERT INTO t SELECT i, printf('text %d of %d', i * 7919 % 5000, i), i * 0.5 FROM n;
CREATE INDEX tb ON t (b);
SELECT substr(b, 1, 7), count(*), sum(c), group_concat(a % 10, '') FROM t GROUP BY 1 ORDER BY 2 DESC LIMIT 3;
SELECT count(*) FROM (SELECT upper(b) || lower(b) AS d FROM t WHERE c > 100 ORDER BY d);
SELECT sum(length(replace(b, '7', 'seven'))) FROM t;
SQL
{
    echo '#include <algorithm>'
    echo '#include <map>'
    echo '#include <regex>'
    echo '#include <string>'
    echo '#include <vector>'
    awk 'BEGIN { for (i = 0; i < 40; i++)
        printf "int f%d(const std::vector<std::string> &v) { std::map<int, std::string> m; std::regex r(\"a+%d\"); for (auto &s : v) { m[(int)s.size() * %d] += s; } return std::count_if(m.begin(), m.end(), [&r](auto &p) { return std::regex_match(p.second, r); }); }\n", i, i, i + 1 }'
} >work.cc
if command -v g++ >/dev/null; then
    g++ -E work.cc -o work.ii
    cc1plus=$(g++ -print-prog-name=cc1plus)
fi

# ---- runs -----------------------------------------------------------------------------------
ratios=
run() {
    run_name=$1
    shift
    set -- "$bin/bench_interleave" "$rounds" plain "$(plain "$@") >/dev/null" \
        ours "$(recorded "program" -- "$@") >/dev/null" \
        jemalloc "exec env LD_PRELOAD=$jemalloc A=B $* >/dev/null" \
        jemalloc-prof "exec env LD_PRELOAD=$jemalloc MALLOC_CONF=prof:true,lg_prof_sample:19 $* >/dev/null"
    [ -n "$jemalloc" ] || set -- "$1" "$2" "$3" "$4" "$5" "$6"
    "$@" >table 2>errors || { cat errors; return; }
    ls program*.zst >/dev/null || exit 1
    ratio=$(field table ours 4)
    median=$(field table ours 5)
    ratios="$ratios $median"
    theirs=-
    if [ -n "$jemalloc" ]; then
        theirs=$(calculate "$(field table jemalloc-prof 2) / $(field table jemalloc 2)" 3)
    fi
    line "$run_name" "$(field table ours 2)" "$(field table plain 2)" "$ratio" 1.035 \
        "$(verdict "$median" 1.035) (median $median; jemalloc's profiler at 512 KiB: $theirs)"
}
line "CPU in ms" ours plain ratio goal ""
command -v python3 >/dev/null && run "python3, every object a malloc" PYTHONMALLOC=malloc \
    "$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')" work.py
command -v lua5.4 >/dev/null && run lua5.4 lua5.4 work.lua
[ -n "${cc1plus:-}" ] && run cc1plus "$cc1plus" -quiet -O1 work.ii -o work.s
command -v sqlite3 >/dev/null && run sqlite3 "sqlite3 :memory: '.read work.sql'"

middle=$(printf '%s\n' $ratios | sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }')
line "median of the programs" "$middle" "" "" 1.010 "$(verdict "$middle" 1.010)"
