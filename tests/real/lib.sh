# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# lib.sh -- read by the tests of real runs. They work in an empty folder and find their programs in
# $BUILD_DIR/bin, the recorder in $LIBMEMREC, memanalyze in $MEMANALYZE.
#
#   same NAME COMMAND...       runs it plainly, then recorded in three ways (sampled, sampled often,
#                              everything): stdout, stderr and exit code must be the same, and a trace
#                              must have been written
#   fails NAME SENTENCE        counts a failure
#   finish                     ends the test: exit code 0, or 1 when anything failed
#   need PROGRAM...            ends it as skipped when one is missing
set -u

checks=0
failures=0
: "${BUILD_DIR:?}" "${SOURCE_DIR:?}"
bin=$BUILD_DIR/bin
unset LD_PRELOAD MEMREC_TRACE MEMREC_INTERVAL MEMREC_CHILDREN MEMREC_ONLY MEMREC_ROTATE MEMREC_KEEP
export LC_ALL=C TZ=UTC PYTHONHASHSEED=0 PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0

if [ -z "${LIBMEMREC:-}" ]; then
    echo "skipped: libmemrec.so is not built"
    exit 77
fi
rm -rf ./run
mkdir run
cd run || exit 1

# The interpreter itself, not a script in front of it.
python3=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))' 2>/dev/null)

need() {
    for need_program in "$@"; do
        if ! command -v "$need_program" >/dev/null 2>&1; then
            echo "skipped: $need_program is not installed"
            exit 77
        fi
    done
}

fails() {
    failures=$((failures + 1))
    echo "FAILED $1: $2"
}

finish() {
    echo "$checks checks, $failures failed"
    [ "$checks" -gt 0 ] && [ "$failures" -eq 0 ] || exit 1
    cd .. && rm -rf ./run
    exit 0
}

# Extra settings for the recorded runs.
settings=
# Set to empty where no trace can be expected.
expect_trace=yes

same() {
    same_name=$1
    shift
    "$@" <"${input:-/dev/null}" >plain.out 2>plain.err
    echo $? >plain.code
    for same_interval in 64K 512 1; do
        checks=$((checks + 1))
        rm -f trace*.zst
        # shellcheck disable=SC2086  # settings are words
        env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL=$same_interval \
            $settings "$@" <"${input:-/dev/null}" >recorded.out 2>recorded.err
        echo $? >recorded.code
        for same_part in out err code; do
            if ! cmp -s plain.$same_part recorded.$same_part; then
                fails "$same_name" "$same_part differs at interval $same_interval:"
                diff plain.$same_part recorded.$same_part | head -n 8
            fi
        done
        if [ -n "$expect_trace" ] && ! [ -s trace.zst ]; then
            fails "$same_name" "no trace at interval $same_interval"
        fi
    done
}
