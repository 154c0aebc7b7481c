# SPDX-License-Identifier: Apache-2.0
# What diff does not take.
cat >x.trace <<'END'
run full exe /bin/x
thread 1 main
at 10ms alloc 0x1000 100
at 30ms end exit
END
"$MKTRACE" x.trace x.zst
ask() {
    memanalyze diff "$@"
    echo "exit $?"
}
ask
ask x.zst
ask x.zst missing.zst
ask x.zst x.zst x.zst x.zst
ask x.zst x.zst --per frame
ask x.zst x.zst --per week
ask x.zst x.zst --by colour
ask x.zst x.zst --show colours
ask x.zst x.zst --tolerance many
ask x.zst x.zst --format xml
ask x.zst x.zst --format csv --show all
ask x.zst x.zst --run 7
ask x.zst x.zst --base-run 7 --format csv
memanalyze report diff x.zst; echo "exit $?"
memanalyze report --list | grep diff
sed '$d' x.trace >killed.trace
"$MKTRACE" killed.trace killed.zst
ask x.zst killed.zst --format csv
memanalyze diff x.zst x.zst >/dev/full; echo "exit $?"
