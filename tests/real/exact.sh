# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# exact.sh -- the exact totals of the trace are exact, and the estimates hold: against a counter that
# stands in front of the recorder in the same run. Only what happened before the recorder's constructor
# may be missing, and that is counted apart.
. "$SOURCE_DIR/tests/real/lib.sh"
need awk
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi

upper=$BUILD_DIR/lib/libcount_upper.so

judge() {
    judge_name=$1
    shift
    for interval in 64K 4K 1; do
        checks=$((checks + 1))
        rm -f upper trace*.zst run.db
        env LD_PRELOAD="$upper $LIBMEMREC" COUNT_UPPER="$PWD/upper" MEMREC_TRACE="$PWD/trace.zst" \
            MEMREC_INTERVAL=$interval MEMREC_CHILDREN=0 "$@" >/dev/null 2>&1
        if ! "$MEMANALYZE" import trace.zst -o run.db >import.log 2>&1; then
            fails "$judge_name" "cannot import: $(cat import.log)"
            continue
        fi
        "$MEMANALYZE" query --format csv run.db "
            SELECT r.alloc_calls, r.alloc_bytes, r.free_calls, r.complete,
                   coalesce((SELECT sum(bytes) FROM stack_stat s
                             WHERE s.run_id = r.id AND measure = 'allocated'), 0) AS estimate,
                   coalesce((SELECT sum(bytes_var) FROM stack_stat s
                             WHERE s.run_id = r.id AND measure = 'allocated'), 0) AS variance,
                   (SELECT count(*) FROM sample s WHERE s.run_id = r.id) AS samples,
                   coalesce((SELECT sum(count) FROM loss l WHERE l.run_id = r.id
                             AND kind = 'dropped_samples'), 0) AS dropped
            FROM run r" 2>&1 | tail -n 1 | tr ',' ' ' >recorded
        # calls, bytes, frees; the same before the constructors
        { od -An -v -t u8 -w48 -N48 upper | tr '\n' ' '; cat recorded; } | awk -v name="$judge_name" -v interval="$interval" '
            {
                printf "%s, interval %s: %d calls, %d bytes, %d frees; missing %d, %d, %d; ", name,
                       interval, $1, $2, $3, $1 - $7, $2 - $8, $3 - $9
                printf "estimate off by %.1f %% with %d samples\n", ($11 / $2 - 1) * 100, $13
                if ($7 > $1 || $1 - $7 > $4) print "wrong calls"
                if ($8 > $2 || $2 - $8 > $5) print "wrong bytes"
                if ($9 > $3 || $3 - $9 > $6) print "wrong frees"
                if ($10 != 1) print "wrong: not complete"
                # Four deviations: one false alarm in 16,000 runs. The variance of few samples is itself
                # a guess; from bytes and interval it is known. Full mode has none to allow for.
                off = $11 - $8; if (off < 0) off = -off
                known = interval == 1 ? 0 : (interval == "4K" ? 4096 : 65536) * $8
                if ($14 == 0 && off > 4 * sqrt($12 > known ? $12 : known) + 0.001 * $8) print "wrong estimate"
                if (interval == 1 && $14 == 0 && $13 != $7) print "wrong: not every call in full mode"
            }' >verdict
        sed -n 1p verdict
        if grep -q '^wrong' verdict; then
            fails "$judge_name" "$(grep '^wrong' verdict | tr '\n' ';') ($(cat recorded))"
        fi
    done
}

cp "$BUILD_DIR/lib/real_plugin.so" copy.so
judge threads "$bin/real_threads" 8 700 3
judge "600 threads ten times" "$bin/real_threads" 600 20 10
judge "2 threads 1500 times" "$bin/real_threads" 2 10 1500
judge plugins "$bin/real_plugins" "$BUILD_DIR/lib/real_plugin.so" "$PWD/copy.so"
judge edges "$bin/real_edges"
judge signals "$bin/real_signals"
export PYTHONMALLOC=malloc
command -v python3 >/dev/null && judge python3 "$python3" -c 'print(len([str(i) * 5 for i in range(60000)]))'
command -v perl >/dev/null && judge perl perl -e 'my @a = map { "v$_" x 7 } 1..60000;'
command -v git >/dev/null && judge git git --version
finish
