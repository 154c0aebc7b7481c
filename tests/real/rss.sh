# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# rss.sh -- the resident set of real processes: it closes, hardly anything is unexplained, every figure that the recorder reads
# for it moves, and what the program knows of itself is what the parts say.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze is not built"
    exit 77
fi

ask() {
    "$MEMANALYZE" query --format csv run.db "$1" | sed 1d
}

# The part at the end, in bytes.
part() {
    ask "SELECT p.bytes FROM rss_part p JOIN rss_moment m USING (run_id, time_ns) WHERE m.is_end = 1 AND p.part = '$1'"
}

# near NAME GOT WANTED LESS MORE: got lies between wanted - LESS and wanted + MORE, in thousands.
near() {
    checks=$((checks + 1))
    awk -v got="$2" -v wanted="$3" -v less="$4" -v more="$5" \
        'BEGIN { exit !(got != "" && got >= wanted - less * 1000 && got <= wanted + more * 1000) }' ||
        fails "$allocator $shape" "$1 is $2, not $3 (- $4 000, + $5 000)"
}

# moves TABLE COLUMN: it was more than 0 once.
moves() {
    checks=$((checks + 1))
    [ "$(ask "SELECT COALESCE(MAX($2), 0) > 0 FROM $1")" = 1 ] || fails "$allocator $shape" "$1.$2 does not move"
}

record() {
    shape=$1
    rm -f trace*.zst run.db
    env LD_PRELOAD="$LIBMEMREC${library:+ $library}" MEMREC_TRACE="$PWD/trace.zst" \
        "$bin/real_rss_shapes" "$shape" 32 100 >out 2>err || fails "$allocator $shape" "exit code $?: $(cat err)"
    "$MEMANALYZE" import trace.zst -o run.db >import.log 2>&1 || fails "$allocator $shape" "$(cat import.log)"
    read -r live mapped stacks statics <out
    checks=$((checks + 1))
    [ "$(ask "SELECT COUNT(*) FROM rss_moment m WHERE rss_bytes <> (SELECT SUM(bytes) FROM rss_part p
        WHERE p.run_id = m.run_id AND p.time_ns = m.time_ns) OR (SELECT MIN(bytes) FROM rss_part p
        WHERE p.run_id = m.run_id AND p.time_ns = m.time_ns) < 0")" = 0 ] || fails "$allocator $shape" "it does not close"
    near unexplained "$(part unexplained)" 0 0 "$(ask "SELECT rss_bytes * 3 / 100000 FROM rss_moment WHERE is_end = 1")"
    # What a thread needs besides; the C library's own data and the program's start.
    near mapped "$(part mapped)" "$mapped" 100 100
    near static "$(part static)" "$statics" 10 200
    near "thread stacks" "$(part thread_stacks)" "$stacks" 10 500
}

for allocator in glibc jemalloc mimalloc tcmalloc; do
    library=
    for library in $(case $allocator in
        jemalloc) echo /usr/lib/*/libjemalloc.so.2 ;;
        mimalloc) echo /usr/lib/*/libmimalloc.so.2 ;;
        tcmalloc) echo /usr/lib/*/libtcmalloc_minimal.so.4 ;;
        esac); do :; done
    if [ $allocator != glibc ] && ! [ -e "$library" ]; then
        echo "without $allocator: it is not installed"
        continue
    fi
    record fragmented
    # Five deviations of an estimate from some hundred samples of up to 64 KiB.
    near live "$(part live)" "$live" 3000 3000
    moves allocator_tick committed_bytes
    case $allocator in
    glibc)
        moves allocator_tick used_bytes
        moves allocator_tick top_bytes
        near "free between blocks" "$(part free_partial)" 28000000 4000 4000
        moves process_tick heap_rss_bytes
        record threads
        moves process_tick arena_rss_bytes
        moves process_tick thread_stack_rss_bytes
        record stacks
        record mapped
        moves process_tick mapped_rss_bytes
        record statics
        moves process_tick static_rss_bytes
        ;;
    jemalloc)
        for column in used free dirty cached metadata; do
            moves allocator_tick ${column}_bytes
        done
        moves process_tick allocator_rss_bytes
        record emptied
        moves allocator_tick retained_bytes
        ;;
    tcmalloc)
        for column in used free dirty cached; do
            moves allocator_tick ${column}_bytes
        done
        ;;
    *) moves process_tick allocator_rss_bytes ;;
    esac
    record large
    near live "$(part live)" "$live" 1500 1500
    near "absent of blocks" "$(ask "SELECT absent_bytes FROM process_tick WHERE absent_bytes IS NOT NULL ORDER BY time_ns DESC LIMIT 1")" \
        12582912 100 100
done
finish
