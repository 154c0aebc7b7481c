# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# compare.sh -- diff and check on real recordings: what is the same is called the same, by a renamed and by a rebuilt
# program too; what was added is found, first; and the outputs of check are read by others.
. "$SOURCE_DIR/tests/real/lib.sh"
export XDG_CONFIG_HOME=/nonexistent MEMANALYZE_CACHE="$PWD/cache"

record() { # FILE OPTION... -- PROGRAM...
    record_file=$1
    shift
    "$MEMANALYZE" record -q -f -o "$record_file" "$@" >/dev/null
}
# changes BEFORE AFTER OPTION...: change, function and how it matched, of the sites that changed, in order
changes() {
    "$MEMANALYZE" diff "$@" --show sites --format csv 2>/dev/null | awk -F, 'NR > 1 {print $1, $2, $3, $18}'
}
expect() { # NAME WANTED FOUND
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fails "$1" "expected '$2', found '$3'"
}

# Everything recorded: sums are exact, and nothing may differ by a byte.
cp "$bin/real_steady" ./renamed
for left in '' 40; do
    record "full$left.zst" --full -- "$bin/real_steady" 800 0 ${left:-0}
    record "renamed$left.zst" --full -- ./renamed 800 0 ${left:-0}
    record "moved$left.zst" --full -- "$bin/real_steady_moved" 800 0 ${left:-0}
done
record fewer.zst --full -- "$bin/real_steady" 400
record extra.zst --full -- "$bin/real_steady" 400 700
expect "the same again" '' "$(changes full.zst renamed.zst)"
expect "another build" '' "$(changes full.zst moved.zst)"
expect "another build, matched" names \
    "$("$MEMANALYZE" diff full.zst moved.zst --show matching --format csv | awk -F, '$1 == "names" && $2 > 0.9 {print $1}')"
expect "half the work" '' "$(changes full.zst fewer.zst)"
expect "twice the work" '' "$(changes fewer.zst full.zst)"
for build in full renamed moved; do
    expect "a leak in $build" 'alive at the end new leave none,allocated new leave none,' \
        "$(changes full.zst ${build}40.zst | tr '\n' ',')"
done
expect "half the work, more for each" 'allocated new look_up none' "$(changes full.zst extra.zst)"
expect "more for each, in bytes" 7000 \
    "$("$MEMANALYZE" diff full.zst extra.zst --show sites --format csv | awk -F, 'NR == 2 {print $13}')"

# Sampled: chance differs, and is called so. One of four pairs may be called different, as 1 % are.
record first.zst -- "$bin/real_steady" 2000
alarms=0
for i in 1 2 3 4; do
    record again.zst -- "$bin/real_steady" 2000
    [ -z "$(changes first.zst again.zst)" ] || alarms=$((alarms + 1))
done
checks=$((checks + 1))
[ $alarms -le 1 ] || fails "the same, sampled" "$alarms of 4 pairs are called different"
record shorter.zst -- "$bin/real_steady" 1200
record left.zst -- "$bin/real_steady" 2000 0 400
record more.zst -- "$bin/real_steady" 2000 1500
expect "a leak, sampled" 'alive at the end new leave none' "$(changes first.zst left.zst | head -1)"
expect "more, sampled" 'allocated new look_up none' "$(changes first.zst more.zst | head -1)"

# A baseline: a run that repeats itself and one of half the work pass, one that leaves something behind does not.
for run in again.zst shorter.zst; do
    "$MEMANALYZE" check $run --baseline first.zst >check.out 2>&1
    expect "$run beside its baseline" 0 $?
done
"$MEMANALYZE" check left.zst --baseline first.zst >check.out 2>&1
expect "a leak beside its baseline" 4 $?
checks=$((checks + 1))
grep -q 'new by .*: leave < serve < main' check.out || fails "a leak beside its baseline" "does not name the site"

# What others read: names that their formats would trip over come back as they are.
need "$python3"
cat >hostile.ini <<'END'
[a,b:c%0A"<&>]
figure end.live_bytes <= 1 B
figure span.count >= 1
optional figure spam <= 1
figure no such, figure: 100% <= 1
END
for format in json junit github; do
    "$MEMANALYZE" check full40.zst --budget hostile.ini --format $format >check.$format 2>/dev/null
    expect "$format" 4 $?
done
checks=$((checks + 1))
"$python3" - >read.out 2>&1 <<'END' || fails "what python reads" "$(cat read.out)"
import json, re, xml.etree.ElementTree as tree

told = json.load(open('check.json'))
budgets = told['budgets']
assert told['schema'] == 'memanalyze-check/1' and not told['passed'], told
assert [b['verdict'] for b in budgets] == ['failed', 'passed', 'skipped', 'unknown'], budgets
assert budgets[0]['section'] == 'a,b:c%0A"<&>', budgets[0]
assert budgets[3]['name'] == 'no such, figure: 100% <= 1', budgets[3]
assert any('leave < serve < main' in line for line in budgets[0]['details']), budgets[0]

suites = tree.parse('check.junit').getroot()
suite, = suites.findall('testsuite')
counts = {name: int(suite.get(name)) for name in ('tests', 'failures', 'errors', 'skipped')}
assert counts == {'tests': 4, 'failures': 1, 'errors': 1, 'skipped': 1}, counts
cases = suite.findall('testcase')
assert suite.get('name') == budgets[0]['section'] and [c.get('name') for c in cases] == [b['name'] for b in budgets]
assert cases[0].find('failure').get('message') == budgets[0]['message']
assert cases[0].find('failure').text.split('\n')[1:-1] == budgets[0]['details']
assert cases[3].find('error') is not None and cases[2].find('skipped') is not None

# as the runner takes a command apart
def data(text): return text.replace('%0D', '\r').replace('%0A', '\n').replace('%25', '%')
def value(text): return data(text.replace('%3A', ':').replace('%2C', ','))
commands = [line.rstrip('\n') for line in open('check.github') if line.startswith('::')]
assert len(commands) == 2, commands
for command, budget in zip(commands, (budgets[0], budgets[3])):
    kind, properties, message = re.match(r'::(\w+) (.*?)::(.*)$', command).groups()
    properties = {k: value(v) for k, v in (p.split('=', 1) for p in properties.split(','))}
    assert kind == 'error' and properties['title'] == budget['name'], properties
    assert properties['file'] == 'hostile.ini' and int(properties['line']) == budget['line'], properties
    assert data(message).split('\n') == [budget['message']] + budget['details'], message
END
if command -v xmllint >/dev/null; then
    checks=$((checks + 1))
    xmllint --noout check.junit 2>xmllint.out || fails "what xmllint reads" "$(cat xmllint.out)"
fi
finish
