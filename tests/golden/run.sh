#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A readable trace in, the rows of a report out: <report>/<case>.trace, made real by mktrace, imported and asked,
# must give <report>/<case>.csv. A first line `# args: ...` in the trace adds arguments to the report.
# ACCEPT=1 writes the .csv files anew.
set -u
: "${MEMANALYZE:?}" "${MKTRACE:?}" "${SOURCE_DIR:?}"
export XDG_CONFIG_HOME=/nonexistent
failed=0
cases=0

for trace in "$SOURCE_DIR"/tests/golden/*/*.trace; do
    report=$(basename "$(dirname "$trace")")
    [ -f "$SOURCE_DIR/queries/$report.sql" ] || continue
    expected=${trace%.trace}.csv
    name=$report/$(basename "$trace" .trace)
    arguments=$(sed -n '1s/^# args: //p' "$trace")
    cases=$((cases + 1))
    rm -f case.zst case.zst.db
    "$MKTRACE" "$trace" case.zst || { echo "$name: mktrace failed"; failed=1; continue; }
    # shellcheck disable=SC2086 # several words
    "$MEMANALYZE" report "$report" case.zst --format csv $arguments >out.raw 2>err
    code=$?
    sed 's/^recorder,trace,[0-9]*,[0-9]*,[0-9]*,/recorder,trace,N,N,N,/' out.raw >out.csv # as zstd packs it
    [ $code = 0 ] || [ $code = 3 ] || { echo "$name: exit code $code"; cat err; failed=1; continue; }
    [ -z "${ACCEPT:-}" ] || cp out.csv "$expected"
    diff -u "$expected" out.csv || { echo "$name: not the expected rows"; failed=1; }
done
echo "$cases cases"
[ $cases -gt 0 ] && exit $failed
