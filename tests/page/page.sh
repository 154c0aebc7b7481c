# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# page.sh -- pages of real recordings, and of one whose names are hostile, in a browser: see page.mjs.
. "$SOURCE_DIR/tests/real/lib.sh"
need node npm python3
for chromium in chromium chromium-browser google-chrome; do
    command -v $chromium >/dev/null 2>&1 && break
done
need $chromium
cp "$SOURCE_DIR"/tests/page/package*.json "$SOURCE_DIR/tests/page/page.mjs" . || exit 1
if ! npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1; then
    echo "skipped: npm cannot install playwright-core: $(tail -n 1 npm.log)"
    exit 77
fi

record() {
    record_name=$1
    shift
    MEMREC_TRACE=$PWD/$record_name.zst LD_PRELOAD=$LIBMEMREC "$@" >/dev/null 2>&1
    "$MEMANALYZE" html "$record_name.zst" -o "$record_name.html" 2>html.err || fails "$record_name" "no page: $(cat html.err)"
}
export MEMREC_INTERVAL=4K
PYTHONMALLOC=malloc record python "$python3" -c '
import json
keep = []
for round in range(40):
    keep.append([json.loads(json.dumps({str(k): list(range(k % 20)) for k in range(300)})) for i in range(4)][0])'
record game "$bin/example_game_header" 400 fast
wanted="python=verdicts,process,memory,sites,flame,pressure,survival,capacity
        game=verdicts,memory,sites,flame,pressure,frames,capacity,fragmentation"
record before "$bin/example_server_header" 400
record server "$bin/example_server_header" 400 leak
"$MEMANALYZE" html server.zst --baseline before.zst -o server.html || fails server "no page with a baseline"
wanted="$wanted server=verdicts,memory,sites,flame,work,capacity"
lua=${LUA:-lua5.4}
if command -v "$lua" >/dev/null 2>&1; then
    "$MEMANALYZE" record -o lua.zst -- "$lua" -e 'local keep = {} for i = 1, 100000 do local t = {i, tostring(i)}
        if i % 50 == 0 then keep[#keep + 1] = t end end' >/dev/null 2>&1
    "$MEMANALYZE" html lua.zst -o lua.html || fails lua "no page"
    wanted="$wanted lua=verdicts,memory,sites,flame,pressure,gc,work,survival"
fi

# Names that try to be markup, to turn the line around, to be endless.
python3 - >hostile.trace <<'P'
long = "x" * 10000
print(f'''run sampled interval 64K exe "/bin/</script><script>alert(1)</script>"
thread 1 main
module x 0x400000 0x1000
define heap 1 "<img src=x onerror=alert(2)>"
define class 1 "</script><svg onload=alert(3)>"
define stream 1 "\u202eevil" budget 1000000''')
for i in range(300):
    print(f'at {i + 1}ms main object {0x1000 + i * 64:#x} 48 heap 1 class 1 via \u202e{{}}&amp;@x/script:1<{long}@y:2')
    print(f'at {i + 1}ms main mark "</script><!--{i}"')
    print(f'at {i + 1}ms main span-begin span {i + 1} kind "</script>" label "<b onclick=alert(4)>{i}"')
    print(f'at {i + 2}ms main span-end {i + 1} ok')
print('at 400ms end exit')
P
"$MKTRACE" hostile.trace hostile.zst >mktrace.log 2>&1 && "$MEMANALYZE" html hostile.zst -o hostile.html ||
    fails hostile "no page: $(cat mktrace.log)"
wanted="$wanted hostile=verdicts,sites,flame,pressure"

checks=$((checks + 1))
size=$(wc -c <"$BUILD_DIR/analyzer/page/page.c.html")
[ "$size" -le 1000000 ] || fails size "the page itself has $size bytes"
checks=$((checks + 1))
# shellcheck disable=SC2086  # words
node page.mjs "$(command -v $chromium)" "$PWD" $wanted || fails browser "see above"
mkdir -p "$BUILD_DIR/screenshots" && cp ./*.png "$BUILD_DIR/screenshots/"
finish
