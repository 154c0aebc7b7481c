# SPDX-License-Identifier: Apache-2.0
# What a query may not do, and what is wrong with it, in one sentence, with the place and a hint.
cat >x.trace <<'END'
run full exe /bin/x
thread 1 main
at 10ms alloc 0x1000 100
at 30ms end exit
END
"$MKTRACE" x.trace x.zst
ask() {
    memanalyze query x.zst "$@"
    echo "exit $?"
}
ask 'SELEC * FROM run'
ask 'SELECT functoin
FROM stack'
ask 'SELECT * FROM stak'
ask 'SELECT * FROM nothing_like_it'
ask 'SELECT (1'
ask ''
ask '-- nothing'
ask 'SELECT 1; SELECT 2'
ask 'DROP TABLE run'
ask "INSERT INTO run (id) VALUES (9)"
ask "ATTACH 'other.db' AS other"
ask 'PRAGMA journal_mode = WAL'
ask "SELECT load_extension('x')"
ask 'BEGIN'
ask "SELECT abs(-9223372036854775807 - 1)"
ask 'SELECT 1' --format xml
ask 'SELECT' '1'
memanalyze query x.zst; echo "exit $?"
memanalyze query; echo "exit $?"
memanalyze query missing.db 'SELECT 1'; echo "exit $?"
echo text >text; memanalyze query text 'SELECT 1'; echo "exit $?"
memanalyze query / 'SELECT 1'; echo "exit $?"
# Databases of others: another program's (bytes 68 to 71 are the application id), another version's (60 to
# 63 are the schema's), a broken one.
set_byte() { # FILE OFFSET OCTAL
    printf "\\$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
cp x.zst.db foreign.db
set_byte foreign.db 68 001
cp x.zst.db newer.db
set_byte newer.db 63 143
head -c 5000 x.zst.db >broken.db
for database in foreign newer broken; do
    memanalyze query $database.db 'SELECT 1 AS one'; echo "exit $?"
done
ls
