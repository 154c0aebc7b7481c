# SPDX-License-Identifier: Apache-2.0
#
# readers.sh FORMAT -- exports told.trace, lets the format's real reader open it, and compares what that says with
# what SQL says. Then the same with hostile names: they must stay text. Skipped, after the checks that need no
# reader, when it is not there.
set -eu

format=$1
: "${MEMANALYZE:?}" "${MKTRACE:?}" "${SOURCE_DIR:?}" "${BUILD_DIR:?}"
export XDG_CONFIG_HOME=/nonexistent
rm -rf work
mkdir work
cd work

fail() {
    echo "FAILED: $format: $*"
    exit 1
}
skip() {
    echo "skipped: $*"
    exit 77
}
sql() {
    "$MEMANALYZE" query --format plain told.db "$1"
}
# The sum of a measure over its stacks, each rounded as exports do.
sum() {
    sql "SELECT COALESCE(SUM(CAST(ROUND($2) AS INTEGER)), 0) FROM stack_stat WHERE measure = '$1'"
}
same() {
    [ "$2" = "$3" ] || fail "$1: the reader says '$2', SQL says '$3'"
    echo "$1: $2"
}
export_to() {
    "$MEMANALYZE" export "$1" --format "$format" -o "$2" || fail "export of $1 ended with $?"
}
# Node programs, of the versions in package-lock.json; installed where CI runs.
node_tool() {
    modules=$BUILD_DIR/npm/node_modules
    if [ ! -d "$modules" ] && [ -n "${CI:-}" ] && command -v npm >/dev/null; then
        mkdir -p "$BUILD_DIR/npm"
        cp "$SOURCE_DIR"/tests/export/package*.json "$BUILD_DIR/npm/"
        (cd "$BUILD_DIR/npm" && npm ci --ignore-scripts --no-audit --no-fund >/dev/null 2>&1) || true
    fi
    command -v node >/dev/null && [ -d "$modules/$1" ] ||
        skip "there is no $1; npm ci in a copy of tests/export/package.json under $BUILD_DIR/npm installs it"
}
profiler_cli() {
    HOME=$PWD NO_COLOR=1 node "$BUILD_DIR/npm/node_modules/.bin/profiler-cli" "$@"
}
# It starts a daemon that must be ready within half a second, which a busy machine may miss.
profiler_load() {
    for _ in 1 2 3 4 5 6 7 8; do
        if profiler_cli load "$1" >load.log 2>&1; then return; fi
        profiler_cli stop --all >/dev/null 2>&1 || true
        late=$(sed -n 's/.*still be running as pid \([0-9]*\).*/\1/p' load.log)
        [ -z "$late" ] || kill "$late" 2>/dev/null || true
    done
    if grep -q 'did not become ready' load.log; then
        skip "this machine is too busy for profiler-cli, which waits half a second"
    fi
    fail "profiler-cli does not load $1: $(cat load.log)"
}

"$MKTRACE" "$SOURCE_DIR/tests/export/told.trace" told.zst
"$MEMANALYZE" import told.zst -o told.db
same "fixture" "$(sum live bytes) $(sum peak bytes) $(sum allocated blocks)" "44096 52338 802"
same "fixture: leaks" "$(sql "SELECT SUM(live_bytes) FROM leak WHERE verdict = 'leak'")" 40000
cp told.db hostile.db
sqlite3 hostile.db "
    UPDATE frame SET function = '</script><b>' || char(10) || 'x;y \"q\" \\ ' || char(8238) || printf('%.10240c', 'n'),
        file = '/tmp/' || char(13) || '; rm -rf' WHERE id = 1;
    UPDATE stack SET folded = 'a;</script>' || char(10) || 'b ' || char(8238) WHERE id = 1;
    UPDATE span SET label = '</script>' || char(10) || char(8238), kind = '\"}' WHERE number = 1;
    UPDATE run SET command_line = 'x' || char(10) || '</script>\" \\', executable = '\"\\' || char(10);
    UPDATE mark SET name = char(1) || '<!--';
    UPDATE pool SET name = 'p\"' || char(10) || '\\';
    UPDATE loss SET detail = char(10) || detail"
export_to told.db out
export_to hostile.db hostile
case $format in
speedscope | chrome | firefox | dhat | snapshot)
    python3 -c 'import json, sys; [json.load(open(f)) for f in sys.argv[1:]]' out hostile || fail "no JSON"
    if grep -q '</script' hostile; then fail "</script> in a file that may lie in a page"; fi
    ;;
esac

case $format in
pprof)
    for pprof in /usr/lib/go*/pkg/tool/*/pprof /usr/lib/go/pkg/tool/*/pprof; do
        [ ! -x "$pprof" ] || break
    done
    if [ ! -x "$pprof" ]; then
        command -v go >/dev/null && go tool pprof -h >/dev/null 2>&1 || skip "there is no pprof; Debian has it in golang-go"
        pprof="go tool pprof"
    fi
    # Totals of -raw: columns are the sample types in order.
    totals() {
        $pprof -raw "$1" 2>/dev/null | awk '
            /^[a-z_]+\/(count|bytes)/ { types = NF }
            /^Locations/ { exit }
            types && /^ *[0-9]/ { for (i = 1; i <= types; i++) { sub(":", "", $i); sum[i] += $i } }
            END { for (i = 1; i <= types; i++) printf "%d ", sum[i] }'
    }
    expected="$(sum allocated blocks) $(sum allocated bytes) $(sum live blocks) $(sum live bytes) 400 40000"
    expected="$expected $(sum peak blocks) $(sum peak bytes) $(sum temporary blocks) $(sum temporary bytes) "
    same totals "$(totals out)" "$expected"
    same "totals, hostile" "$(totals hostile)" "$expected"
    $pprof -raw out 2>/dev/null | grep -q 'alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes' ||
        fail "the order of Go"
    $pprof -raw out 2>/dev/null | grep -q 'make a.lua:3' || fail "file and line of a script"
    same top "$($pprof -top -sample_index=leaked_space out 2>/dev/null | awk '$2 == "100%" { print $NF; exit }')" x+0x10
    $pprof -comments hostile 2>/dev/null | grep -q '^command: x </script>' || fail "the command is not one line"
    ;;
folded)
    totals() {
        awk '{ if ($NF !~ /^[0-9]+$/ || NF < 2) exit 1; sum += $NF } END { print sum }' "$1"
    }
    same live "$(totals out)" "$(sum live bytes)"
    same "live, hostile" "$(totals hostile)" "$(sum live bytes)"
    same "lines, hostile" "$(wc -l <hostile)" "$(wc -l <out)"
    "$MEMANALYZE" report flame told.db --format plain | cmp - out || fail "it is not what report flame says"
    for value in 'allocated blocks' 'peak bytes' 'temporary bytes'; do
        "$MEMANALYZE" export told.db -F folded --measure "${value% *}" --value "${value#* }" >chosen
        same "$value" "$(totals chosen)" "$(sum "${value% *}" "${value#* }")"
    done
    "$MEMANALYZE" export told.db -F folded --measure leaked >leaked
    same leaked "$(cat leaked)" "x+0x100;x+0x10 40000"
    ;;
speedscope)
    python3 - out >weights <<'END'
import json, sys
for profile in json.load(open(sys.argv[1]))["profiles"]:
    assert len(profile["samples"]) == len(profile["weights"])
    assert sum(profile["weights"]) == profile["endValue"]
    print(profile["name"].replace(" ", "_"), profile["unit"], profile["endValue"])
END
    same profiles "$(tr '\n' ' ' <weights)" "alive_at_the_end bytes $(sum live bytes) leaked bytes 40000 \
alive_at_the_peak bytes $(sum peak bytes) temporary bytes 20000 allocated_in_all bytes $(sum allocated bytes) \
allocations,_counted none $(sum allocated blocks) "
    node_tool speedscope
    for file in out hostile; do
        NODE_PATH=$modules node -e '
            const Ajv = require("ajv").default, fs = require("fs"), [schema, file] = process.argv.slice(1)
            const text = JSON.parse(fs.readFileSync(schema)); delete text.$schema
            const validate = new Ajv({strict: false}).compile(text)
            if (!validate(JSON.parse(fs.readFileSync(file)))) { console.log(validate.errors); process.exit(1) }
        ' "$modules/speedscope/dist/release/file-format-schema.json" $file || fail "$file: not as its schema says"
    done
    ;;
heaptrack)
    command -v heaptrack_print >/dev/null || skip "there is no heaptrack_print; Debian has it in heaptrack"
    for file in out hostile; do
        mv $file $file.txt # its name decides how it is read
        heaptrack_print -f $file.txt -F folded -t 1 --flamegraph-cost-type leaked >print 2>&1 || fail "$(cat print)"
        same "$file: calls" "$(sed -n 's/^calls to allocation functions: \([0-9]*\).*/\1/p' print)" "$(sum allocated blocks)"
        same "$file: leaked" "$(awk '{ sum += $NF } END { print sum }' folded)" "$(sum live bytes)"
        heaptrack_print -f $file.txt -F folded --flamegraph-cost-type peak >/dev/null 2>&1
        same "$file: peak" "$(awk '{ sum += $NF } END { print sum }' folded)" "$(sum peak bytes)"
    done
    grep -q '^peak RSS.*: 2.10M' print || fail "the resident set: $(grep RSS print)"
    ;;
chrome)
    python3 - out <<'END' || fail "slices, counters"
import json, sys
events = json.load(open(sys.argv[1]))["traceEvents"]
def named(phase, name): return [e for e in events if e["ph"] == phase and e["name"] == name]
frame = named("X", "frame 2")[0]
assert (frame["ts"], frame["dur"], frame["args"]["why"]) == (20000.0, 14000.0, "gc"), frame
assert named("X", "full collection")[0]["dur"] == 8000.0
assert named("X", "add(1)") and named("i", "half way") and named("C", "pool scratch")
assert [e["args"]["value"] for e in named("C", "resident bytes")] == [1048576, 2097152]
spans = [e for e in events if e.get("cat") == "span"]
assert [e["ph"] for e in spans] == ["b", "e", "b", "e"] and spans[2]["args"]["unfinished"]
tracks = {}
for e in events:
    if e["ph"] == "X": tracks.setdefault(e["tid"], []).append((e["ts"], e["ts"] + e["dur"]))
for slices in tracks.values(): # they nest
    open_until = []
    for begin, end in slices:
        while open_until and open_until[-1] <= begin: open_until.pop()
        assert not open_until or end <= open_until[-1]
        open_until.append(end)
END
    node_tool @firefox-devtools/profiler-cli
    mv out out.json
    profiler_load out.json
    profiler_cli profile markers --limit 50 >markers
    profiler_cli stop --all >/dev/null
    grep -q 'full collection' markers || fail "no collection: $(cat markers)"
    ;;
firefox)
    python3 - out "$(sum live bytes)" <<'END' || fail "allocations, counters"
import json, sys
profile = json.load(open(sys.argv[1]))
thread = profile["threads"][0]
assert sum(thread["nativeAllocations"]["weight"]) == int(sys.argv[2])
for table in [thread[name] for name in ("samples", "markers", "stackTable", "frameTable", "funcTable", "nativeAllocations")]:
    assert all(len(column) == table["length"] for column in table.values() if isinstance(column, list))
assert [sum(c["samples"]["count"]) for c in profile["counters"]] == [int(sys.argv[2]), 2097152]
END
    node_tool @firefox-devtools/profiler-cli
    for file in out hostile; do
        mv $file $file.json
        profiler_load $file.json
        profiler_cli strategy native-retained-allocations >/dev/null
        profiler_cli thread functions >functions
        profiler_cli thread markers >markers
        profiler_cli stop --all >/dev/null
        grep -q 'x+0x10.* - self: 40.0KB (90.7%)' functions || [ $file = hostile ] || fail "$(cat functions)"
        grep -q 'gc script' markers || fail "$(cat markers)"
    done
    grep -q 'self: 40.0KB (90.7%)\|self: 4,096B (9.3%)' functions || fail "$(cat functions)"
    ;;
dhat)
    # What dh_view.js asks of a file, and its sums.
    python3 - out hostile >totals <<'END' || fail "dh_view would refuse it"
import json, sys
for name in sys.argv[1:]:
    file = json.load(open(name))
    assert file["dhatFileVersion"] == 2 and file["ftbl"][0] == "[root]"
    for key in "mode verb bklt bkacc tu Mtu tuth cmd pid te tg pps ftbl".split(): assert key in file, key
    sums = dict.fromkeys("tb tbk gb gbk eb ebk tl".split(), 0)
    for point in file["pps"]:
        assert point["tb"] >= point["mb"] >= max(point["gb"], point["eb"]) and point["tbk"] >= point["mbk"]
        assert all(0 < frame < len(file["ftbl"]) for frame in point["fs"])
        for key in sums: sums[key] += point[key]
    print(*sums.values())
END
    lived=$(sql "SELECT SUM(COALESCE(death_ns, 2010000000) - birth_ns) / 1000 FROM sample")
    expected="$(sum allocated bytes) $(sum allocated blocks) $(sum peak bytes) $(sum peak blocks) $(sum live bytes) \
$(sum live blocks) $lived"
    same totals "$(sed -n 1p totals)" "$expected"
    same "totals, hostile" "$(sed -n 2p totals)" "$expected"
    node_tool @firefox-devtools/profiler-cli
    mv out dhat.json
    profiler_load dhat.json
    profiler_cli thread functions >functions
    profiler_cli stop --all >/dev/null
    grep -q 'x+0x10.* - self: 40.0KB' functions || fail "$(cat functions)"
    ;;
massif)
    command -v ms_print >/dev/null || skip "there is no ms_print; Debian has it in valgrind"
    for file in out hostile; do
        ms_print --threshold=0 $file >print 2>&1 || fail "$(cat print)"
        peak=$(sed -n 's/^ Detailed.*[^0-9]\([0-9]*\) (peak).*/\1/p' print)
        same "$file: peak" "$(awk -v peak="$peak" '/^ *[0-9]+ / { gsub(",", ""); if ($1 == peak) print $4 }' print)" \
            "$(sum peak bytes)"
        same "$file: end" "$(awk '/^ *[0-9]+ / { gsub(",", ""); last = $4 } END { print last }' print)" "$(sum live bytes)"
    done
    ms_print out | grep -q '90.71% (40,000B) 0x[0-9A-F]*: x+0x10' || fail "the tree of the end: $(ms_print out | tail)"
    ;;
openmetrics)
    grep -q '^memrec_resident_bytes{pid="77",executable="/bin/x"} 1048576 1700000000.001000000$' out || fail "a gauge"
    grep -q "^memrec_run_peak_live_bytes{.*} $(sum peak bytes) 1700000002.010000000\$" out || fail "a figure"
    grep -q '^memrec_run_frame_duration_seconds{.*quantile="0.5",name="screen"} 0.008 ' out || fail "a quantile"
    if python3 -c 'import prometheus_client.openmetrics' 2>/dev/null; then python=python3; else python=/usr/bin/python3; fi
    if $python -c 'import prometheus_client.openmetrics' 2>/dev/null; then
        for file in out hostile; do
            # its comparison of times looks at seconds and nanoseconds apart
            $python -c '
import sys
from prometheus_client.samples import Timestamp
Timestamp.__gt__ = lambda self, other: (self.sec, self.nsec) > (other.sec, other.nsec)
Timestamp.__lt__ = lambda self, other: (self.sec, self.nsec) < (other.sec, other.nsec)
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(len(list(text_string_to_metric_families(open(sys.argv[1], newline="\n").read()))), "families")' $file || fail "$file"
        done
        checked=1
    fi
    if command -v promtool >/dev/null; then
        for file in out hostile; do
            promtool tsdb create-blocks-from openmetrics $file tsdb.$file >print 2>&1 || fail "$file: $(cat print)"
        done
        same samples "$(awk 'END { print $(NF - 3) }' print)" "$(grep -vc '^#' hostile)"
        checked=1
    fi
    [ -n "${checked:-}" ] || skip "there is neither promtool nor python3-prometheus-client"
    ;;
jsonl)
    "$MEMANALYZE" export told.db -F jsonl --prefix 'log: ' >prefixed
    python3 - out hostile prefixed <<'END' || fail "lines"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert [line["event"] for line in lines] == ["gc", "frame_over_budget", "span"], lines
gc, frame, span = lines
assert gc["pause_ns"] == 8000000 and gc["reclaimed_bytes"] == 50 and gc["heap"] == "script"
assert frame["over_ns"] == 4000000 and frame["why"] == "gc" and frame["number"] == 2
assert span["label"] == "GET /" and span["ended"] == "ok" and span["duration_ns"] == 1000000 and span["pid"] == 77
assert span["time"] == "2023-11-14T22:13:20.061000000Z", span
assert json.loads(list(open(sys.argv[2]))[2])["label"] == "</script>\n\u202e"
text = open(sys.argv[2]).read()
assert "\u202e" not in text and "</script" not in text
assert all(line.startswith("log: {") for line in open(sys.argv[3]))
END
    ;;
snapshot)
    for name in told hostile; do
        file=$([ $name = told ] && echo out || echo hostile)
        "$MEMANALYZE" import $file -o again.$name.db || fail "import ended with $?"
        if [ $name = told ]; then
            "$MEMANALYZE" report --list | awk '!NF { exit } { print $1 }' >reports
        fi
        while read -r report; do
            if "$MEMANALYZE" report "$report" --sql | grep -q '^--.*Reads:.*\<sample\>'; then continue; fi
            "$MEMANALYZE" report "$report" $name.db --format csv >before 2>&1 || true
            "$MEMANALYZE" report "$report" again.$name.db --format csv >after 2>&1 || true
            cmp -s before after || fail "report $report differs: $(diff before after | head -5)"
        done <reports
        [ $name = hostile ] || same reports "$(awk 'END { print (NR > 20) }' reports)" 1
        printf '%s\n' summary leaks flame spans losses >reports
        "$MEMANALYZE" export again.$name.db -F snapshot -o again || fail "the second export"
        cmp again $file || fail "a snapshot of a snapshot differs"
        rm again
    done
    ;;
*)
    fail "no such format"
    ;;
esac
