# SPDX-License-Identifier: Apache-2.0
# A trace of three files: whichever is named, all are read; without the first it begins late.
cat >x.trace <<'END'
run sampled interval 64K exe /bin/x pid 42 segmented
thread 1 main
at 10ms alloc 0x1000 100
at 20s segment
at 21s free 0x1000
at 22s alloc 0x2000 100
at 40s segment
at 41s free 0x2000
at 60s end
END
for n in 0 1 2; do
    { cat x.trace && echo "damage keep segment $n"; } | "$MKTRACE" - x.$n.zst
done
mv x.0.zst x.zst
memanalyze import x.1.zst -o x.db
echo "exit $?"
memanalyze info x.zst | sed -n '/^files/,$s/[0-9]* B$/N B/p; /^ended/p'
memanalyze query x.db 'SELECT position, path, event_count, first_ns, recorded_ns FROM segment'
rm x.zst
memanalyze report summary x.zst >/dev/null
echo "exit $?"
memanalyze info x.1.zst | sed -n '/^gaps/p'
memanalyze info y.zst
sed 's/segmented/segmented only-last/' x.trace >y.trace
for n in 1 2; do
    { cat y.trace && echo "damage keep segment $n"; } | "$MKTRACE" - y.$n.zst
done
memanalyze import y.zst -o y.db
echo "exit $?"
memanalyze info y.zst | sed -n '/^rotated/p'
memanalyze recover y.zst
