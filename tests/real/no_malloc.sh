# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# no_malloc.sh -- the recorder calls malloc zero times. One counter stands in front of it and one behind:
# what arrives at glibc is exactly what the program asked for, in number and in bytes.
. "$SOURCE_DIR/tests/real/lib.sh"

upper=$BUILD_DIR/lib/libcount_upper.so
lower=$BUILD_DIR/lib/libcount_lower.so

between() {
    between_name=$1
    shift
    for interval in 64K 512 1; do
        checks=$((checks + 1))
        rm -f upper lower trace*.zst
        env LD_PRELOAD="$upper $LIBMEMREC $lower" COUNT_UPPER="$PWD/upper" COUNT_LOWER="$PWD/lower" \
            MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL=$interval "$@" >/dev/null 2>&1
        [ -s trace.zst ] || fails "$between_name" "no trace at interval $interval"
        asked=$(od -An -v -t u8 -w24 -N24 upper)
        arrived=$(od -An -v -t u8 -w24 -N24 lower)
        echo "$between_name, interval $interval: calls, bytes, frees $asked"
        [ "$asked" = "$arrived" ] || fails "$between_name" "arrived: $arrived"
        [ "$(echo "$asked" | awk '{ print ($1 > 10) }')" = 1 ] || fails "$between_name" "not counted"
    done
}

cp "$BUILD_DIR/lib/real_plugin.so" copy.so
between threads "$bin/real_threads" 8 300 2
between plugins "$bin/real_plugins" "$BUILD_DIR/lib/real_plugin.so" "$PWD/copy.so"
between signals "$bin/real_signals"
between edges "$bin/real_edges"
command -v python3 >/dev/null && between python3 "$python3" -c 'print(len([str(i) for i in range(30000)]))'
command -v perl >/dev/null && between perl perl -e 'my @a = map { "v$_" } 1..30000; exec "sh", "-c", "exit 0"'
finish
