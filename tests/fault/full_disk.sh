# shellcheck shell=sh disable=SC1091,SC2154,SC2016,SC3045  # lib.sh is read at run time; ulimit -f
# SPDX-License-Identifier: Apache-2.0
#
# full_disk.sh -- a disk that is full for a while: the host does not notice, the trace goes on afterwards, and the
# events that it could not hold are counted to the last one. Then a file that may not grow: the same, without an end.
. "$SOURCE_DIR/tests/real/lib.sh"
need timeout unshare mount awk perl
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi

# A disk of one MiB that only this test sees.
mkdir disk
if ! unshare -m sh -c 'mount -t tmpfs -o size=1m none disk' 2>/dev/null; then
    echo "skipped: no small disk can be made here (needs root)"
    exit 77
fi
export LIBMEMREC
program=$bin/fault_full_disk
export program
unshare -m sh -c '
    mount -t tmpfs -o size=1m none disk &&
    timeout 60 env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/disk/trace.zst" MEMREC_INTERVAL=1 \
        "$program" "$PWD/disk/ballast"
    code=$?
    cp disk/trace.zst .
    exit $code' >out 2>err
code=$?
checks=$((checks + 1))
if [ $code -ne 9 ] || [ "$(cat out)" != "three rounds" ] || [ -s err ]; then
    fails "full disk" "exit code $code, stdout \"$(cat out)\", stderr \"$(cat err)\""
fi
"$MEMANALYZE" import trace.zst -o run.db >import.log 2>&1
code=$?
checks=$((checks + 1))
if [ $code -ne 0 ] && [ $code -ne 3 ]; then
    fails "full disk" "cannot import ($code): $(cat import.log)"
    finish
fi
"$MEMANALYZE" query --format csv run.db "
    SELECT event_count, coalesce((SELECT sum(lost_events) FROM gap), 0), alloc_calls + free_calls, end_reason,
           (SELECT count FROM loss WHERE kind = 'write_errors'),
           (SELECT count FROM loss WHERE kind = 'dropped_samples') FROM run" >numbers 2>&1
tail -n 1 numbers | tee /dev/stderr | awk -F, '
    { read = $1; lost = $2; all = $3 }
    lost < 12000 { print "only " lost " events were lost: the disk was not full" }
    read < 24000 { print "only " read " events were read: the trace did not go on" }
    read + lost != all { print read " read and " lost " lost are not the " all " that were counted" }
    $4 != "exit" { print "the end is missing: " $4 }
    $5 < 1 { print "no write error is told" }
    $6 != 0 { print $6 " samples were dropped: choose less for this test" }' >wrong
checks=$((checks + 1))
[ -s wrong ] && fails "full disk" "$(cat wrong)"

# A limit on the size of files, never lifted. SIGXFSZ must not reach the host either.
rm -f trace.zst run.db
(
    ulimit -f 40
    timeout 60 env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL=1 \
        perl -e 'for my $round (1..4) { my @kept = map { "v$_" x 9 } 1..30000; select undef, undef, undef, 0.6 } print "done\n"' \
        >out 2>err
)
code=$?
checks=$((checks + 1))
if [ $code -ne 0 ] || [ "$(cat out)" != done ] || [ -s err ]; then
    fails "file size limit" "exit code $code, stdout \"$(cat out)\", stderr \"$(cat err)\""
fi
checks=$((checks + 1))
"$MEMANALYZE" info trace.zst >info.out 2>&1
code=$?
[ $code -eq 0 ] || [ $code -eq 3 ] || fails "file size limit" "cannot read the trace: $(tail -n 2 info.out)"
finish
