# SPDX-License-Identifier: Apache-2.0
#
# run.sh -- captures of other tools are imported: what the reports then say is in <case>.out, and what is said about
# a damaged one in bad/<case>.err. ACCEPT=1 writes these files anew.
set -u
: "${MEMANALYZE:?}" "${SOURCE_DIR:?}"
export XDG_CONFIG_HOME=/nonexistent XDG_CACHE_HOME=$PWD/cache LC_ALL=C.UTF-8
here=$SOURCE_DIR/tests/foreign
failed=0
cases=0

# compare NAME: against the expected text
compare() {
    cases=$((cases + 1))
    [ -z "${ACCEPT:-}" ] || cp said "$1"
    diff -u "$1" said || { echo "$1: not what was expected"; failed=1; }
}

for file in "$here"/*.heap_v2 "$here"/*.gperftools "$here"/*.massif "$here"/*.heaptrack "$here"/*.pb.gz; do
    name=$(basename "$file")
    rm -f case.db
    {
        "$MEMANALYZE" import "$file" -o case.db 2>&1
        echo "exit $?"
        "$MEMANALYZE" query case.db -f csv "SELECT mode, interval_bytes, duration_ns, executable, command_line,
            recorder_version, complete, peak_ns FROM run"
        "$MEMANALYZE" query case.db -f csv "SELECT GROUP_CONCAT(name) AS capabilities FROM capability"
        "$MEMANALYZE" query case.db -f csv "SELECT measure, samples, ROUND(bytes, 3) AS bytes, ROUND(bytes_var, 1) AS var,
            ROUND(blocks, 3) AS blocks, k.folded FROM stack_stat t LEFT JOIN stack k ON k.id = t.stack_id
            ORDER BY 1, 6"
        "$MEMANALYZE" query case.db -f csv "SELECT function, file, line, kind FROM frame ORDER BY 1, 2, 3"
        "$MEMANALYZE" query case.db -f csv "SELECT bucket, live_bytes, live_usable_bytes, alloc_bytes FROM timeline
            WHERE bucket % 60 = 0 ORDER BY 1"
        "$MEMANALYZE" report sizes case.db -f csv
        "$MEMANALYZE" report leaks case.db -f csv --verdict all 2>&1 | cut -d , -f 1-12
        "$MEMANALYZE" query case.db -f csv "SELECT DISTINCT reason FROM leak ORDER BY 1"
        "$MEMANALYZE" query case.db -f csv "SELECT kind, count, detail FROM loss WHERE kind IN ('not_recorded', 'unmatched_free')"
    } >said
    compare "$file.out"
    # the same, compressed, is the same
    case $name in
    *.gz) ;;
    *)
        "$MEMANALYZE" query case.db -f csv 'SELECT * FROM stack_stat' >plain
        gzip -nc "$file" >packed.gz
        zstd -qf "$file" -o packed.zst
        for packed in packed.gz packed.zst; do
            rm -f packed.db
            "$MEMANALYZE" import $packed -o packed.db || failed=1
            "$MEMANALYZE" query packed.db -f csv 'SELECT * FROM stack_stat' | cmp - plain || failed=1
        done
        ;;
    esac
    # every report answers
    case $name in
    sampled.heap_v2 | grows.massif) "$MEMANALYZE" report --list | awk '!NF { exit } { print $1 }' >reports ;;
    *) printf '%s\n' summary leaks flame hotspots sizes >reports ;;
    esac
    while read -r report; do
        "$MEMANALYZE" report "$report" case.db >said 2>&1 || { echo "$name: report $report: $(cat said)"; failed=1; }
    done <reports
done

# Two in one database, whose snapshot says the version of the schema.
rm -f both.db
"$MEMANALYZE" import "$here/exact.gperftools" "$here/raw.heaptrack" -o both.db || failed=1
[ "$("$MEMANALYZE" query both.db -f csv 'SELECT COUNT(*) FROM run' | tail -n 1)" = 2 ] || { echo "not two runs"; failed=1; }
"$MEMANALYZE" export both.db -F snapshot -o both.json -f
schema=$(sed -n '1s/.*"schema":\([0-9]*\),.*/\1/p' both.json)

for file in "$here"/bad/*; do
    case $file in *.err) continue ;; esac
    rm -f case.db
    sed "s/SCHEMA/$schema/" "$file" >damaged
    "$MEMANALYZE" import damaged -o case.db >said 2>&1
    echo "exit $?" >>said
    [ ! -e case.db ] || { echo "$file: left a database"; failed=1; }
    compare "$file.err"
done

# A snapshot is not among others.
"$MEMANALYZE" import both.json "$here/exact.gperftools" -o case.db >said 2>&1
echo "exit $?" >>said
compare "$here/snapshot_with_others.err"
echo "$cases cases"
exit $failed
