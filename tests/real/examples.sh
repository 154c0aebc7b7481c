# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# examples.sh -- the programs of tests/examples say the same linked and header-only, recorded and not; and the
# reports say what each of them is there to show.
. "$SOURCE_DIR/tests/real/lib.sh"
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze is not built"
    exit 77
fi
input=$PWD/script
{
    echo "set x * 3 - 4 1"
    i=0
    while [ $i -lt 300 ]; do
        printf 'set kept pair range 20 kept\nsum range 900\n'
        i=$((i + 1))
    done
    echo gc
} >"$input"

# example NAME ARGUMENT...: all ways of it; leaves NAME.db.
example() {
    name=$1
    shift
    "$bin/example_${name}_header" "$@" <"$input" >alone.out 2>&1 || fails "$name" "exit code $?"
    for way in header linked; do
        same "$name, $way" "$bin/example_${name}_$way" "$@"
        checks=$((checks + 1))
        cmp -s alone.out plain.out || fails "$name" "$way says something else than header-only without the library"
    done
    # On a busy machine the drain thread may come too late for so many samples: what was dropped is done again.
    for _ in 1 2 3 4 5; do
        rm -f "$name".*
        MEMREC_INTERVAL=${interval:-4K} MEMREC_TRACE=$PWD/$name.zst LD_PRELOAD=$LIBMEMREC "$bin/example_${name}_header" "$@" <"$input" >/dev/null
        "$MEMANALYZE" import "$name.zst" -o "$name.db" >import.log 2>&1 || fails "$name" "not imported: $(cat import.log)"
        "$MEMANALYZE" query "$name.db" -f csv "SELECT 1 FROM loss WHERE kind LIKE 'dropped%'" | grep -q '^1' || break
    done
}

# says NAME REPORT COLUMN TEST: of the report's first row whose first column is $row, or of its first row.
says() {
    checks=$((checks + 1))
    "$MEMANALYZE" report "$2" "$1.db" --format csv >cells.csv 2>cells.err || fails "$1" "report $2: $(cat cells.err)"
    python3 - "$row" "$3" "$4" <<'P' || fails "$1" "report $2, $row: $3 is not $4: $(cat cells.csv)"
import csv, sys
row, column, test = sys.argv[1:]
for cells in csv.DictReader(open("cells.csv")):
    if not row or next(iter(cells.values())) == row:
        value = cells[column]
        try:
            value = float(value)
        except ValueError:
            pass
        sys.exit(not eval("value " + test))
sys.exit(1)
P
}
# opens NAME SET WORDS: the report without a name is that set's, and has the words in one line.
opens() {
    checks=$((checks + 1))
    COLUMNS=1000 "$MEMANALYZE" report "$1.db" >page.out 2>page.err || fails "$1" "no page: $(cat page.err)"
    grep -q "^report set $2, because" page.out || fails "$1" "not the set $2: $(sed -n 3p page.out)"
    grep -q "$3" page.out || fails "$1" "the page does not say '$3': $(cat page.out)"
}
need python3

example game 120 fast
row=screen
says game frames frames '== 120'
says game frames over_budget '>= 1'
says game frames overflow_frames '> 10'
says game frames forgotten_resets '== 0'
row=scratch
says game pools reset_count '== 120'
says game pools forgotten_resets '== 0'
example game 120 fast forget
opens game game '^pools  *scratch: '
says game pools reset_count '== 0'
says game pools forgotten_resets '== 120'
row=screen
says game frames forgotten_resets '== 120'

interval=16K # its cells are many and small: fewer samples say as much
example repl
interval=
checks=$((checks + 1))
"$MEMANALYZE" report evals repl.db --format csv >cells.csv
grep -q ',set kept pair range 20 kept,300,' cells.csv ||
    fails repl "evals does not know what ran 300 times: $(head -n 4 cells.csv)"
verdicts=$("$MEMANALYZE" query --format csv repl.db "SELECT group_concat(verdict, ' ') FROM (SELECT verdict FROM eval_verdict
    WHERE name IN ('set kept pair range 20 kept', 'sum range 900') ORDER BY name)" | tail -n 1)
[ "$verdicts" = "suspect collected" ] || fails repl "what keeps and what does not are $verdicts"
row=cells
says repl gc collections '> 5'
says repl gc wrong_claims '== 0'
says repl gc efficiency '> 0.5'
row=
opens repl repl '^gc_causes  *[a-z_]* allocated [0-9]* % .*of what came before [0-9]* collections of heap cells'
says repl gc_causes site '== "make"'
says repl gc_causes share '> 0.9'
says repl gc_causes heap_pause_ns '> 0'
says repl gc_causes pause_ns_low '> 0'
says repl pretenuring site '== "make"'
says repl pretenuring survival '< 0.5'
says repl retained root '== "kept"'
says repl classes class 'in ("number", "pair")'

example server 800
row=request
says server spans spans '> 800'
says server spans left_bytes '< 50000'
row=database
says server pools wait_count '> 0'
says server pools high_water '== 2'
example server 800 leak
row=request
says server spans left_bytes '> 400000'
row=
says server span_leftovers kind '== "request"'
says server span_leftovers function '== "serve"'
says server leaks function '== "serve"'
says server leaks left_by '[:12] == "span request"'
opens server server '^leaks  *serve: '
says server span_labels label '== "GET /rows"'
says server span_labels left_share '> 0.5'

example inference
row=inference
says inference spans items '> 1000'
says inference spans first_p50_ns '> 0'
says inference spans cancelled '> 0'
row=kv
says inference pools exhausted_count '> 0'
says inference pools slots '== 20'
finish
