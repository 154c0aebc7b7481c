# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# lib.sh -- read by the bench scripts (`. "$SOURCE_DIR/benches/lib.sh"`). They find their programs in
# $BUILD_DIR/bin and work in a folder of their own, $work, which goes away at the end.
#
#   line NAME OURS PEER RATIO GOAL VERDICT     one row of the table
#   verdict VALUE GOAL                         "met" or "MISSED"
#   recorded NAME ENV... -- COMMAND            a shell command that records COMMAND into $work/NAME.zst
set -eu

: "${SOURCE_DIR:?run by the target bench}" "${BUILD_DIR:?}" "${LIBMEMREC:?libmemrec is not built}"
bin=$BUILD_DIR/bin
work=$(mktemp -d "${TMPDIR:-/tmp}/memrec_bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
unset LD_PRELOAD MEMREC_TRACE MEMREC_INTERVAL

line() {
    printf '%-34s %12s %12s %8s %8s  %s\n' "$@"
}

verdict() {
    awk -v value="$1" -v goal="$2" 'BEGIN { print value <= goal ? "met" : "MISSED" }'
}

calculate() {
    awk "BEGIN { printf \"%.${2:-2}f\", $1 }"
}

# Field $3 of the row $2 of the output of `interleave` in file $1.
field() {
    awk -v label="$2" -v field="$3" '$1 == label { print $field }' "$1"
}

# A command for `interleave`. Each run writes a new trace; the old one is removed by the same shell,
# outside what is recorded.
recorded() {
    recorded_name=$1
    shift
    recorded_environment=
    while [ "$1" != -- ]; do
        recorded_environment="$recorded_environment $1"
        shift
    done
    shift
    echo "rm -f $work/$recorded_name*.zst; exec env LD_PRELOAD=$LIBMEMREC" \
        "MEMREC_TRACE=$work/$recorded_name.zst$recorded_environment $*"
}

# The same with nothing recorded: as many processes, for a fair comparison.
plain() {
    echo "rm -f $work/none*.zst; exec env A=B B=C $*"
}

find_jemalloc() {
    for library in /usr/lib/*/libjemalloc.so.2 /usr/lib/libjemalloc.so.2 /usr/lib64/libjemalloc.so.2; do
        if [ -e "$library" ]; then
            echo "$library"
            return
        fi
    done
}

find_heaptrack() {
    for library in /usr/lib/heaptrack/libheaptrack_preload.so \
        /usr/lib/*/heaptrack/libheaptrack_preload.so /usr/lib64/heaptrack/libheaptrack_preload.so; do
        if [ -e "$library" ]; then
            echo "$library"
            return
        fi
    done
}
