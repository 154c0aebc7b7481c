# SPDX-License-Identifier: Apache-2.0
# Findings that a file names are listed as such, or counted in the footer; stored by import, or for one report only.
"$MKTRACE" "$SOURCE_DIR/tests/golden/leaks/told.trace" x.zst
cat >some.txt <<'END'
# known
leak:^x+0x1f*$
leak:Node
END
echo 'leak:*' >all.txt
echo 'race:x' >wrong.txt
ask() { memanalyze query "$1" -f csv 'SELECT kind, verdict, subject, suppressed_by FROM leak ORDER BY rank'; }
memanalyze import x.zst -o plain.db
memanalyze import x.zst -o known.db --suppressions some.txt
ask plain.db
ask known.db
memanalyze report leaks known.db | sed -n '/^ *[0-9]\|^show/p'
memanalyze report leaks known.db --verdict suppressed | sed -n '/^ *[0-9]\|^show/p'
# a report's own file replaces the stored patterns, in all that it shows
memanalyze report leaks known.db --suppressions all.txt --kind site | sed -n '/^ *[0-9]\|^show/p'
memanalyze report summary plain.db --suppressions some.txt -f csv | grep ^leaks
memanalyze report figures plain.db --suppressions some.txt -f csv | grep ^leak
ask plain.db | grep -c ',$'
memanalyze import x.zst -o wrong.db --suppressions wrong.txt; echo "exit $?"
memanalyze report leaks plain.db --suppressions none.txt; echo "exit $?"
[ -e wrong.db ] || echo "no wrong.db"
