# shellcheck shell=sh disable=SC1091,SC2016,SC2154  # lib.sh is read at run time; code of other languages
# SPDX-License-Identifier: Apache-2.0
#
# programs.sh NAME -- one program that nobody here wrote does the same recorded as not recorded.
. "$SOURCE_DIR/tests/real/lib.sh"

case $1 in
python3)
    need python3
    settings=PYTHONMALLOC=malloc
    same "python: data" "$python3" -c '
import json, re, sys, threading, gc
data = [{"id": i, "name": "n%d" % (i % 97), "tags": ["t%d" % j for j in range(i % 5)]} for i in range(6000)]
text = json.dumps(data)
groups = {}
for row in json.loads(text):
    groups.setdefault(row["name"], []).append(len(row["tags"]))
print(len(text), sum(sum(v) for v in groups.values()), len(re.findall(r"t\d", text)))
results = []
def work(n):
    results.append(sum(len(str(i)) for i in range(n)))
threads = [threading.Thread(target=work, args=(3000 * k,)) for k in range(1, 6)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(results), gc.collect() >= 0)
print("to stderr", file=sys.stderr)
sys.exit(5)'
    same "python: processes" "$python3" -c '
import multiprocessing, os, subprocess
print(subprocess.run(["sh", "-c", "echo from a shell; exit 4"], capture_output=True))
pid = os.fork()
if pid == 0:
    len([str(i) for i in range(20000)])
    os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(len, ["a" * n for n in range(40)]))'
    same "python: an exception" "$python3" -c '
def deep(n):
    return deep(n + 1)
deep(0)'
    ;;
sqlite3)
    need sqlite3
    cat >input.sql <<'SQL'
CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO t SELECT i, printf('text %d', i * 7919 % 1000) FROM n;
CREATE INDEX tb ON t (b);
SELECT b, count(*), sum(a) FROM t GROUP BY b ORDER BY 3 DESC LIMIT 5;
SELECT count(*) FROM t x JOIN t y ON x.b = y.b WHERE x.a < 300;
SELECT * FROM nothing;
SQL
    input=input.sql
    same sqlite3 sqlite3 :memory:
    ;;
git)
    need git
    export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a \
        GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE=@1700000000 GIT_COMMITTER_DATE=@1700000000
    cat >repository.sh <<'SH'
rm -rf repo
git init -q -b main repo && cd repo || exit 1
for i in 1 2 3 4 5 6 7 8; do
    seq $((i * 10)) $((i * 1000)) >"file$i"
    git add . && git commit -qm "commit $i"
done
git log --stat --oneline
git diff HEAD~3 | cksum
git repack -adq --threads=2
git fsck --strict
git grep -c 77 HEAD
git rev-parse HEAD
git show nothing
SH
    same git sh repository.sh
    ;;
perl)
    need perl
    same perl perl -e '
my %h; for my $i (1..40000) { push @{$h{$i % 500}}, "v$i" }
my $n = 0; for (sort keys %h) { $n += length join ",", @{$h{$_}} }
print "$n\n"; my @parts = map { [split /1/] } sort map { "x$_" x 3 } 1..3000; print scalar(@parts), "\n";
my $child = fork; if (!$child) { my @a = map { "c$_" } 1..20000; exit 6 } waitpid $child, 0; print $? >> 8, "\n";
print `echo backticks`; warn "to stderr\n"; die "the end\n"'
    ;;
lua)
    need lua5.4
    same lua lua5.4 -e '
local t = {} for i = 1, 60000 do t[i % 700] = ("s"):rep(i % 300) .. i end
local n = 0 for i = 0, 699 do n = n + #t[i] end print(n) error("the end")'
    ;;
shell)
    need sed sort awk
    same "a pipeline" sh -c '
seq 1 20000 | sed "s/7/seven/" | awk "{ n += length(\$0) } END { print n }"
(for i in 1 2 3 4 5 6 7 8; do (echo "child $i" | tr a-z A-Z) done) | sort -r
cat </dev/null | (exit 3); echo "code $?"
sh -c "kill -TERM \$\$"; echo "code $?"
nothing-of-this-name; echo "code $?"
x=$(echo substituted); echo "$x" >&2; (echo background; exit 1) & wait $!; echo "code $?"
exec sh -c "exit 21"'
    if command -v bash >/dev/null; then
        same "bash" bash -c '
declare -A map; for i in {1..3000}; do map[k$((i % 300))]+=$i; done
echo "${#map[@]} ${map[k7]}" | tee >(cat >/dev/null); coproc cat; echo x >&"${COPROC[1]}"; read -r y <&"${COPROC[0]}"; echo "$y"
trap "echo trapped" EXIT; false | true; echo "${PIPESTATUS[@]}"; exit 12'
    fi
    ;;
compiler)
    need g++
    printf '#include <map>\n#include <regex>\n#include <string>\nint main() { std::map<int, std::string> m; std::regex r("a+"); return (int)m.size(); }\nint wrong() { return "x" }\n' >broken.cc
    same "a failing compiler" g++ -O1 -c broken.cc -o broken.o
    sed '$d' broken.cc >good.cc
    same "a compiler" sh -c 'g++ -O1 -c good.cc -o good.o && cksum good.o'
    ;;
*)
    exit 2
    ;;
esac
finish
