# SPDX-License-Identifier: Apache-2.0
# What check does not take, and says where.
cat >x.trace <<'END'
run full exe /bin/x
thread 1 main
at 10ms alloc 0x1000 100
at 30ms end exit
END
"$MKTRACE" x.trace x.zst
ask() {
    memanalyze check "$@"
    echo "exit $?"
}
limit() { # LINE: a budget of it
    printf '# one\n%s\n' "$1" >x.ini
    ask x.zst -b x.ini
}
ask
ask x.zst
ask x.zst y.zst -b x.ini
ask x.zst -b missing.ini
ask x.zst -b x.trace
ask x.zst -b x.ini --format xml
ask x.zst -b x.ini --tolerance much
ask x.zst -b x.ini --run 7
ask x.zst --baseline missing.zst
limit 'peak.rss_bytes <= 1'
limit 'figure'
limit 'figure peak.live_bytes'
limit 'figure <= 3'
limit 'figure peak.live_bytes <= much'
limit 'figure peak.live_bytes <= 1 furlong'
limit 'figure peak.live_bytes <= 1 ms'
limit 'figure peak.live_bytes <= 1 MiB/s'
limit 'figures peak.live_bytes <= 1'
limit '[memory'
limit '# nothing'
echo 'SELECT' >x.sql && ask x.zst -b x.sql
echo 'DELETE FROM run' >x.sql && ask x.zst -b x.sql
printf '\n-- two\nSELECT 1 WHERE 0;\n-- a typo\nSELECT functoin FROM stack' >x.sql && ask x.zst -b x.sql
printf 'figure peak.live_bytes <= 1 MiB\n' >x.ini
sed '$d' x.trace >killed.trace
"$MKTRACE" killed.trace killed.zst
ask killed.zst -b x.ini --format github # kept, of what is there
printf 'figure peak.live_bytes <= 1 B\n' >x.ini
ask killed.zst -b x.ini --format github # a broken budget says more than a missing end
memanalyze check x.zst -b x.ini >/dev/full; echo "exit $?"
