# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# misuse.sh -- a program that calls memrec.h in every wrong way behaves as it does unrecorded, and each wrong
# way is a counted row of `report losses`.
. "$SOURCE_DIR/tests/real/lib.sh"
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze is not built"
    exit 77
fi

settings=MEMREC_ONLY=torture_misuse
same misuse timeout 60 "$bin/torture_misuse"
[ "$(tail -n 1 plain.out)" = "done" ] || fails misuse "said: $(tail -n 3 plain.out plain.err)"
grep -q ': all$' plain.out && fails misuse "a table has no end: $(grep ': all$' plain.out)"

rm -f trace*.zst
MEMREC_ONLY=torture_misuse MEMREC_TRACE=$PWD/trace.zst LD_PRELOAD=$LIBMEMREC timeout 60 "$bin/torture_misuse" >/dev/null
set -- trace.*.zst
[ $# -eq 1 ] && [ -s "$1" ] || fails fork "the child's trace is missing: $*"
for trace in trace.zst "$1"; do
    "$MEMANALYZE" import "$trace" -o "$trace.db" >import.log 2>&1 || fails "$trace" "not imported: $(cat import.log)"
done
"$MEMANALYZE" report losses trace.zst.db --format csv >losses.csv
for kind in begin_inside end_without_begin other_thread span_not_open unclosed unknown_id refused_calls \
    full_tables; do
    checks=$((checks + 1))
    grep -q "^$kind,[1-9]" losses.csv || fails losses "nothing counted as $kind: $(cat losses.csv)"
done
checks=$((checks + 1))
told=$("$MEMANALYZE" query --format csv trace.zst.db \
    "SELECT (SELECT count(*) FROM frame_stream WHERE name LIKE 'stream%'), (SELECT count(*) FROM heap WHERE name LIKE 'heap%'),
            (SELECT count(*) FROM pool WHERE name LIKE 'pool%'), (SELECT end_reason FROM run)" | tail -n 1)
[ "$told" = "64,8,1024,stop" ] || fails tables "streams, heaps, pools and the end are $told, not 64,8,1024,stop"
finish
