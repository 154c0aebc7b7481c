# SPDX-License-Identifier: Apache-2.0
#
# real.sh TOOL PROGRAM -- lets a tool record PROGRAM, imports what it wrote, and compares sums and names with what the
# tool's own reader says. Skipped without the tool.
set -eu

tool=$1
program=$2
: "${MEMANALYZE:?}"
export XDG_CONFIG_HOME=/nonexistent XDG_CACHE_HOME=$PWD/cache
rm -rf work
mkdir work
cd work

fail() {
    echo "FAILED: $tool: $*"
    exit 1
}
skip() {
    echo "skipped: $*"
    exit 77
}
sql() {
    "$MEMANALYZE" query --format plain old.db "$1"
}
sum() {
    sql "SELECT COALESCE(SUM(CAST(ROUND($2) AS INTEGER)), 0) FROM stack_stat WHERE measure = '$1'"
}
same() {
    [ "$2" = "$3" ] || fail "$1: the tool says '$2', we say '$3'"
    echo "$1: $2"
}
# near NAME THEIRS OURS PERMILLE
near() {
    awk -v a="$2" -v b="$3" -v p="$4" 'BEGIN { d = a > b ? a - b : b - a; exit !(a > 0 && d * 1000 <= a * p) }' ||
        fail "$1: the tool says '$2', we say '$3'"
    echo "$1: $2, $3"
}
import() {
    "$MEMANALYZE" import "$1" -o old.db --force || fail "import of $1 ended with $?"
    same "the site of $1" keep "$(sql "SELECT k.function FROM stack_stat t JOIN stack k ON k.id = t.stack_id
        WHERE measure = '${2:-live}' ORDER BY bytes DESC LIMIT 1")"
}
library() {
    for file in /usr/lib/*/"$1" /usr/lib/"$1" /usr/lib64/"$1"; do
        [ ! -e "$file" ] || { echo "$file"; return; }
    done
}

case $tool in
heaptrack)
    if ! command -v heaptrack >/dev/null || ! command -v heaptrack_print >/dev/null; then
        skip "there is no heaptrack"
    fi
    heaptrack --raw -o raw "$program" >log 2>&1 || skip "heaptrack does not run here: $(tail -n 1 log)"
    heaptrack -o interpreted "$program" >>log 2>&1
    for kind in raw.raw interpreted; do
        for file in $kind.zst $kind.gz; do
            [ ! -e $file ] || break
        done
        import $file
        heaptrack_print -f "$(ls interpreted.zst interpreted.gz 2>/dev/null)" -F folded -t 1 --disable-builtin-suppressions \
            --flamegraph-cost-type peak >print 2>&1 || heaptrack_print -f "$(ls interpreted.zst interpreted.gz 2>/dev/null)" \
            -F folded -t 1 --flamegraph-cost-type peak >print 2>&1
        same "$kind: calls" "$(sed -n 's/^calls to allocation functions: \([0-9]*\).*/\1/p' print)" "$(sum allocated blocks)"
        same "$kind: peak" "$(awk '{ sum += $NF } END { print sum }' folded)" "$(sum peak bytes)"
        near "$kind: temporary" "$(sed -n 's/^temporary memory allocations: \([0-9]*\).*/\1/p' print)" \
            "$(sum temporary blocks)" 50
        near "$kind: resident" 3000000 "$(sql 'SELECT MAX(rss_bytes) FROM process_tick')" 900
    done
    ;;
massif)
    if ! command -v valgrind >/dev/null || ! command -v ms_print >/dev/null; then
        skip "there is no valgrind"
    fi
    valgrind --tool=massif --massif-out-file=massif.out --time-unit=ms --depth=8 "$program" >log 2>&1 ||
        skip "valgrind does not run here: $(tail -n 1 log)"
    import massif.out peak
    ms_print massif.out >print
    peak=$(sed -n 's/^ Detailed.*[^0-9]\([0-9]*\) (peak).*/\1/p' print)
    same peak "$(awk -v peak="$peak" '/^ *[0-9]+ / { gsub(",", ""); if ($1 == peak) print $4 }' print)" "$(sum peak bytes)"
    same end "$(awk '/^ *[0-9]+ / { gsub(",", ""); last = $4 } END { print last }' print)" "$(sum live bytes)"
    same "line" "$(sql "SELECT file || (line > 0) FROM frame WHERE function = 'keep'")" program.c1
    ;;
jemalloc)
    jemalloc=$(library libjemalloc.so.2)
    if [ -z "$jemalloc" ] || ! command -v jeprof >/dev/null; then
        skip "there is no jemalloc with jeprof"
    fi
    MALLOC_CONF=prof:true,prof_accum:true,prof_final:true,lg_prof_sample:10,prof_prefix:je LD_PRELOAD=$jemalloc \
        "$program" >log 2>&1
    profile=$(find . -name 'je.*.heap' | head -n 1)
    [ -n "$profile" ] || skip "this jemalloc was built without profiling"
    import "$profile"
    # jeprof cuts the bytes of each stack to whole ones, after scaling
    near live "$(jeprof --show_bytes --text "$program" "$profile" 2>/dev/null | sed -n 's/^Total: \([0-9]*\) B/\1/p')" "$(sum live bytes)" 0.02
    near allocated "$(jeprof --show_bytes --alloc_space --text "$program" "$profile" 2>/dev/null |
        sed -n 's/^Total: \([0-9]*\) B/\1/p')" "$(sum allocated bytes)" 1
    ;;
gperftools)
    tcmalloc=$(library libtcmalloc.so.4)
    if [ -z "$tcmalloc" ] || ! command -v google-pprof >/dev/null; then
        skip "there is no gperftools"
    fi
    HEAPPROFILE=$PWD/gp LD_PRELOAD=$tcmalloc "$program" >log 2>&1
    profile=$(find . -name 'gp.*.heap' | tail -n 1)
    [ -n "$profile" ] || skip "tcmalloc wrote no profile"
    import "$profile"
    same live "$(google-pprof --show_bytes --text "$program" "$profile" 2>/dev/null | sed -n 's/^Total: \([0-9]*\) B/\1/p')" "$(sum live bytes)"
    ;;
*)
    fail "no such tool"
    ;;
esac
