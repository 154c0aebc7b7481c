# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A killed process whose shared memory was laid out by version 1: what it still holds cannot be read.
{
    printf 'MRRING1\n\001\000\000\000'
    head -c 28 /dev/zero
    printf '\000\021\042\063\104\125\146\167\210\231\252\273\314\335\356\377' # the trace's id
    head -c 4040 /dev/zero
} >rings
cat >bad.trace <<END
run sampled exe /bin/x pid 4000000000 boot $(cat /proc/sys/kernel/random/boot_id) rings $PWD/rings
at 10ms alloc 0x1000 100
END
"$MKTRACE" bad.trace bad.zst
