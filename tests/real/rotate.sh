# shellcheck shell=sh disable=SC1091,SC2154,SC2016  # lib.sh is read at run time; awk
# SPDX-License-Identifier: Apache-2.0
#
# rotate.sh -- a trace in several files says what one file says; of a ring the last files stay, and a kill in the
# middle of a change of files loses nothing; forks, exec and a full disk are as before.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk od perl
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi
ask() { # DATABASE SQL: one row, fields separated by spaces
    "$MEMANALYZE" query --format csv "$1" "$2" | tail -n 1 | tr ',' ' '
}
expect() { # NAME ACTUAL EXPECTED
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fails "$1" "\"$2\" instead of \"$3\""
}
record() { # the recorder as it would be loaded
    env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" "$@"
}
sums="SELECT event_count, complete, alloc_calls, alloc_bytes, free_calls,
      (SELECT COUNT(*) FROM sample WHERE death_ns IS NULL), (SELECT SUM(size_bytes) FROM sample),
      (SELECT SUM(bytes) FROM stack_stat WHERE measure = 'live'),
      (SELECT COUNT(*) FROM stack_stat WHERE measure = 'allocated'),
      (SELECT SUM(count) FROM loss WHERE kind NOT IN ('unsymbolized_frames', 'truncated_stack')) FROM run"

# Everything of a program that always does the same, in one file and in many.
rm -f trace*
record MEMREC_INTERVAL=1 "$bin/real_steps" 120000 100
"$MEMANALYZE" import trace.zst -o one.db || fails "one file" "cannot import"
one=$(ask one.db "$sums")
rm -f trace*
record MEMREC_INTERVAL=1 MEMREC_ROTATE=64K "$bin/real_steps" 120000 100
files=$(find . -maxdepth 1 -name 'trace*.zst' | wc -l)
[ "$files" -ge 3 ] || fails "many files" "there are only $files"
"$MEMANALYZE" import trace.zst -o many.db 2>/dev/null || fails "many files" "cannot import"
expect "many files" "$(ask many.db "$sums")" "$one"
# One behind the other they are the same again.
# shellcheck disable=SC2046  # file names without spaces
cat $("$MEMANALYZE" query --format csv many.db "SELECT path FROM segment ORDER BY position" | tail -n +2) >whole.zst
"$MEMANALYZE" import whole.zst -o whole.db || fails "whole" "cannot import"
expect "whole" "$(ask whole.db "$sums")" "$one"
# The last file alone: what was alive when it began, and what came then, is what lives at the end.
last=trace.$((files - 1)).zst
mkdir -p alone && cp "$last" alone/
"$MEMANALYZE" import "alone/$last" -o alone.db >/dev/null 2>&1
living="SELECT COUNT(*), SUM(size_bytes), COUNT(DISTINCT stack_id), SUM(address % 1000003) FROM sample WHERE death_ns IS NULL"
expect "the last file alone" "$(ask alone.db "$living")" "$(ask many.db "$living")"
expect "its counts" "$(ask alone.db "SELECT COUNT(*) FROM sample WHERE death_ns IS NOT NULL AND birth_ns < 0 AND death_ns < 0")" 0
# They count from the moment it began, when a few events from before were still on their way: of a short last file all.
exact=$(ask alone.db "SELECT alloc_calls >= 0, alloc_calls <= (SELECT SUM(samples) FROM stack_stat WHERE measure = 'allocated') FROM run")
expect "exact counters of the last file alone" "$exact" "1 1"

# A ring: of many files three stay, and a leak is still one.
rm -f trace* ./*.db
record MEMREC_INTERVAL=1 MEMREC_ROTATE=64K MEMREC_KEEP=3 "$bin/real_steps" 600000 100 leak
files=$(find . -maxdepth 1 -name 'trace*.zst' | wc -l)
expect "a ring of three" "$files" 3
[ -e trace.zst ] && fails "a ring of three" "the first file is still there"
"$MEMANALYZE" import trace.zst -o ring.db 2>/dev/null
expect "a ring is complete" $? 0
expect "a ring begins late" "$(ask ring.db "SELECT MIN(birth_ns) < 0, (SELECT count > 0 FROM loss WHERE kind = 'rotated_events') FROM sample")" "1 1"
leaks=$("$MEMANALYZE" report leaks ring.db --format csv | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "verdict") v = i } NR > 1 && $v == "leak" { n++ } END { print n + 0 }')
[ "$leaks" -ge 1 ] || fails "leaks in a ring" "none is found"

# kill -9 while files change all the time: nothing published is lost, with all files and with the last few.
least=0
for round in 1 2 3 4; do
    checks=$((checks + 1))
    rm -f trace*.zst* run.db progress
    keep=
    [ $((round % 3)) -ne 0 ] || keep=MEMREC_KEEP=4
    # shellcheck disable=SC2086  # none or one
    env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL=1 MEMREC_ROTATE=64K $keep \
        "$bin/real_publisher" "$PWD/progress" 3 400 &
    victim=$!
    sleep "$(awk -v r="$round" 'BEGIN { printf "%.3f", 0.15 + r * 0.061 }')"
    kill -9 $victim
    wait $victim 2>/dev/null
    published=$(od -An -v -t u8 -w128 progress | awk '{ for (i = 1; i <= NF; i++) n += $i } END { print n + 0 }')
    "$MEMANALYZE" import trace.zst -o run.db >import.log 2>&1
    code=$?
    rm -f /dev/shm/memrec-*-$victim-*
    if [ $code -ne 0 ] && [ $code -ne 3 ]; then
        fails "kill, round $round" "cannot import ($code): $(cat import.log)"
        continue
    fi
    read=$(ask run.db "SELECT event_count + coalesce((SELECT SUM(count) FROM loss WHERE kind LIKE 'dropped%'
           OR kind = 'rotated_events'), 0) FROM run")
    [ "$read" -ge "$published" ] ||
        fails "kill, round $round" "$published events were published, $read are known of"
    files=$(find . -maxdepth 1 -name 'trace*.zst' | wc -l)
    least=$((files > least ? files : least))
done
[ "$least" -ge 3 ] || fails "kill" "never more than $least files: the test does not test"

# A forked child has files of its own, named after its own trace; another program begins another trace.
rm -f trace*
record MEMREC_INTERVAL=1 MEMREC_ROTATE=64K perl -e '
    my @kept = map { "x" x ($_ % 300 + 1) } 1 .. 60000;
    my $child = fork();
    my @more = map { "y" x ($_ % 300 + 1) } 1 .. 60000;
    select(undef, undef, undef, 0.1);
    @more = map { "y" x ($_ % 300 + 1) } 1 .. 60000;
    if (!$child) { exec $^X, "-e", "my \@x = map { \"z\" x \$_ } 1 .. 900" }
    waitpid($child, 0)'
expect "parent, child, and what it became" "$("$MEMANALYZE" import trace*.zst -o all.db 2>/dev/null;
    ask all.db "SELECT COUNT(*), MIN(complete), COUNT(parent_trace_id), (SELECT COUNT(*) > 4 FROM segment) FROM run")" "3 1 1 1"

# A disk that is smaller than what is to be kept: the oldest files go, the latest block never.
if unshare -m sh -c 'mkdir -p disk && mount -t tmpfs -o size=600k none disk' 2>/dev/null; then
    rm -f trace*
    export LIBMEMREC bin
    unshare -m sh -c '
        mount -t tmpfs -o size=600k none disk &&
        env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/disk/trace.zst" MEMREC_INTERVAL=1 MEMREC_ROTATE=64K \
            MEMREC_KEEP=1G "$bin/real_steps" 600000 50
        cp disk/trace*.zst .'
    "$MEMANALYZE" import trace.zst -o full.db >import.log 2>&1
    expect "a full disk in a ring" "$? $(ask full.db "SELECT complete, (SELECT count FROM loss WHERE kind = 'write_errors'),
        (SELECT count > 0 FROM loss WHERE kind = 'rotated_events') FROM run")" "0 1 0 1"
fi
finish
