# SPDX-License-Identifier: Apache-2.0
# What report does not take.
cat >x.trace <<'END'
run full exe /bin/x
thread 1 main
at 10ms alloc 0x1000 100
at 30ms end exit
END
"$MKTRACE" x.trace x.zst
ask() {
    memanalyze report "$@"
    echo "exit $?"
}
ask
ask leaks
ask leeks x.zst
ask leeks
ask nothing-like-it x.zst
ask leaks x.zst third
ask leaks missing.zst
ask leaks x.zst --limit many
ask leaks x.zst --limit -1
ask leaks x.zst --steps 3
ask leaks x.zst --verdict bad
ask leaks x.zst --set verdict
ask leaks x.zst --run 7
ask leaks x.zst --format xml
ask leaks x.zst --limt 3
ask --sql
ask --explain nothing
memanalyze query x.zst 'SELECT 1 AS n' >/dev/full; echo "exit $?"
memanalyze report leaks x.zst >/dev/full; echo "exit $?"
# An incomplete trace: the rows, and exit code 3; now and from the database beside it.
sed '$d' x.trace >killed.trace
"$MKTRACE" killed.trace killed.zst
ask sizes killed.zst --format csv
ask sizes killed.zst --format csv
