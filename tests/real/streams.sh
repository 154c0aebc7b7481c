# shellcheck shell=sh disable=SC1091,SC2016,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# streams.sh -- closed streams, and traces that cannot be written: the host does not notice, and nobody's
# descriptor is written to but the trace's.
. "$SOURCE_DIR/tests/real/lib.sh"
need perl

work='perl -e "my @a = map { qq(v\$_) } 1..30000; print STDOUT scalar(@a), qq(\n); print STDERR qq(e\n); open my \$f, q(<), q(/dev/null); print STDOUT fileno(\$f), qq(\n); exit 3"'
same "stdin closed" sh -c "$work <&-"
same "stdout closed" sh -c "$work >&-"
same "stderr closed" sh -c "$work 2>&-"
same "all closed" sh -c "$work <&- >&- 2>&-; echo \$?"
same "stdout full" sh -c "$work >/dev/full; echo \$?"
same "stdout a closed pipe" sh -c "($work; echo \$? >code) | true; cat code"
same "all descriptors closed by the host" perl -e 'use POSIX; print "before\n"; $| = 1; POSIX::close($_) for 3..1023; my @a = map { "v$_" } 1..30000; open my $f, "<", "/dev/null"; print fileno($f), "\n"'
same "the folder changed" sh -c "cd / && $work"

# From here on the trace cannot be written, or not where it should be.
expect_trace=
plain_code=3
plain_out=$(sh -c "$work" 2>/dev/null)
try() {
    try_name=$1 try_trace=$2
    checks=$((checks + 1))
    LD_PRELOAD=$LIBMEMREC MEMREC_TRACE=$try_trace sh -c "$work" >out 2>err
    [ $? -eq $plain_code ] || fails "$try_name" "wrong exit code"
    [ "$(cat out)" = "$plain_out" ] || fails "$try_name" "wrong stdout: $(cat out)"
    [ "$(cat err)" = e ] || fails "$try_name" "wrong stderr: $(cat err)"
}
mkdir folder
echo kept >file
try "a folder that is missing" "$PWD/nothing/trace.zst"
try "a folder in the way" "$PWD/folder"
try "a file as a folder" "$PWD/file/trace.zst"
try "the empty name" ""
try "a name of 5000 bytes" "$PWD/$(printf '%05000d' 0)"
try "a full device" /dev/full
try "no device" /dev/null
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked
    chmod 500 locked
    try "a locked folder" "$PWD/locked/trace.zst"
    chmod 700 locked
fi
[ "$(cat file)" = kept ] || fails "a file in the way" "it was changed"
try "a file in the way" "$PWD/file"
[ "$(cat file)" = kept ] || fails "a file in the way" "it was overwritten"

# A disk that fills up while recording: the host goes on.
if mkdir small && mount -t tmpfs -o size=16k none small 2>/dev/null; then
    for interval in 1 512; do
        checks=$((checks + 1))
        rm -f small/*
        LD_PRELOAD=$LIBMEMREC MEMREC_TRACE=$PWD/small/trace.zst MEMREC_INTERVAL=$interval \
            perl -e 'for my $r (1..20) { my @a = map { "v$_" x 9 } 1..10000; } print "done\n"' \
            >out 2>err || fails "a full disk" "exit code $?"
        [ "$(cat out)" = done ] || fails "a full disk" "wrong stdout: $(cat out)"
        [ -s err ] && fails "a full disk" "not silent: $(cat err)"
    done
    umount small
else
    echo "(no tmpfs can be mounted here: the full disk is not tried)"
fi

# A program that may not be observed: nothing is recorded and nothing is said.
checks=$((checks + 1))
rm -f trace*.zst
env LD_PRELOAD="$LIBMEMREC" MEMREC_ONLY=nothing MEMREC_TRACE="$PWD/trace.zst" sh -c "$work" >out 2>err
[ "$(cat err)" = e ] && ! [ -e trace.zst ] || fails MEMREC_ONLY "$(ls)"
finish
