# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# no_memory.sh -- whichever system call of the recorder fails, the host goes on (no_memory.c), and what trace there
# is can be read as far as it goes.
. "$SOURCE_DIR/tests/real/lib.sh"
need timeout

for interval in 64K 4K 1; do
    checks=$((checks + 1))
    rm -rf traces
    mkdir traces
    timeout 110 "$bin/fault_no_memory" "$LIBMEMREC" "$PWD/traces/t" $interval >out 2>err
    code=$?
    cat out
    if [ $code -eq 77 ]; then
        exit 77
    elif [ $code -ne 0 ]; then
        fails "interval $interval" "exit code $code: $(head -n 8 err)"
    fi
    for trace in traces/*; do
        [ -s "$trace" ] || continue # its first block could not be written
        "${MEMANALYZE:-true}" info "$trace" >info.out 2>&1
        code=$?
        if [ $code -ne 0 ] && [ $code -ne 3 ]; then
            fails "interval $interval" "$trace cannot be read: $(tail -n 2 info.out)"
        fi
    done
done
finish
