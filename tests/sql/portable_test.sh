#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every report on SQLite's own shell and on PostgreSQL: the same file, the same rows, byte for byte.
# Needs sqlite3, psql and initdb; a private cluster that listens on a socket only. Skipped without.
set -eu

SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
for folder in /usr/lib/postgresql/*/bin; do
    PATH=$PATH:$folder
done
for program in sqlite3 psql initdb pg_ctl; do
    command -v $program >/dev/null || { echo "skipped: there is no $program"; exit 77; }
done

work=$(mktemp -d)
separator=$(printf '\037')

# PostgreSQL refuses to run as root.
unprivileged() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=nobody --regid=nogroup --clear-groups env PATH="$PATH" "$@"
    else
        "$@"
    fi
}
stop() {
    unprivileged pg_ctl -D "$work/cluster" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 1' INT TERM

[ "$(id -u)" != 0 ] || chown nobody "$work"
cd "$work"
unprivileged initdb -D "$work/cluster" -A trust -U memrec -E UTF8 --locale=C --no-sync >initdb.log 2>&1 ||
    { cat initdb.log; exit 1; }
unprivileged pg_ctl -D "$work/cluster" -w -l "$work/cluster/log" -o "-h '' -k '$work' -F" start >pg_ctl.log 2>&1 ||
    { cat pg_ctl.log "$work/cluster/log"; exit 1; }

postgres() {
    psql -X -q -A -t -F "$separator" -v ON_ERROR_STOP=1 -h "$work" -U memrec -d postgres "$@"
}

# The schema as PostgreSQL spells it.
sed -E 's/--.*$//; s/\) STRICT, WITHOUT ROWID;/);/; s/\) STRICT;/);/; s/ WITHOUT ROWID//; s/\bINTEGER\b/BIGINT/g; s/\bREAL\b/DOUBLE PRECISION/g' \
    "$SOURCE_DIR/schema/schema.sql" >schema.sql
postgres -f schema.sql -f "$SOURCE_DIR/schema/views.sql" -f "$SOURCE_DIR/tests/sql/fixture.sql"
# What compares recordings finds the same twice: the later one, and those before it under their own names.
for schema in base action; do
    { echo "CREATE SCHEMA $schema; SET search_path TO $schema;"; cat schema.sql "$SOURCE_DIR/schema/views.sql"
      cat "$SOURCE_DIR/tests/sql/fixture.sql"; } >$schema.sql
    postgres -f $schema.sql
done
sqlite3 -bail fixture.db ".read $SOURCE_DIR/schema/schema.sql" ".read $SOURCE_DIR/schema/views.sql" \
    ".read $SOURCE_DIR/tests/sql/fixture.sql"

failed=0
compared=0
# compare REPORT [VALUE...]: the values are $1, $2 ...; NULL leaves one to its default
compare() {
    report=$1
    shift
    file=$SOURCE_DIR/queries/$report.sql
    values=
    echo "ATTACH 'fixture.db' AS base; ATTACH 'fixture.db' AS action;" >shell.sql
    at=1
    while grep -q "^-- *\\\$$at " "$file"; do
        value=${1:-NULL}
        [ $# = 0 ] || shift
        values="$values${values:+, }$value"
        [ "$value" = NULL ] || echo ".parameter set \$$at \"$value\"" >>shell.sql
        at=$((at + 1))
    done
    { echo "PREPARE report AS"; cat "$file"; echo "; EXECUTE report($values);"; } >report.sql
    { cat shell.sql "$file"; echo ";"; } >>shell.full
    postgres -f report.sql >postgres.out
    sqlite3 -bail -list -separator "$separator" fixture.db <shell.full >sqlite.raw
    rm shell.full
    # a whole REAL is 1.0 here and 1 there
    sed -E "s/(^|$separator)(-?[0-9]+)\.0($separator|\$)/\1\2\3/g; s/$separator(-?[0-9]+)\.0($separator|\$)/$separator\1\2/g" \
        sqlite.raw >sqlite.out
    compared=$((compared + 1))
    if ! cmp -s sqlite.out postgres.out; then
        echo "$report($values) differs: SQLite <, PostgreSQL >"
        diff sqlite.out postgres.out | tr '\037' '|' | head -20
        failed=$((failed + 1))
    elif ! [ -s sqlite.out ]; then
        echo "$report($values) returned no rows, so nothing was compared"
        failed=$((failed + 1))
    fi
}

for file in "$SOURCE_DIR"/queries/*.sql; do
    report=$(basename "$file" .sql)
    case $report in
    diff | diff_classes | diff_kept) ;; # a run does not differ from itself
    *) compare "$report" ;;
    esac
done
for report in figures summary rss peak hotspots sizes threads flame losses timeline; do
    compare $report 2
done
compare leaks 1 NULL "'leak'"
compare contributors 1 "'leak.count'"
compare contributors 1 "'end.live_bytes'" 1
compare diff 1 2
compare diff 1 1 NULL NULL NULL NULL "'all'"
compare diff 2 1 NULL "'function'" NULL NULL "'all'"
compare diff 2 1 NULL "'caller'" "'run'" 50 "'all'" "'peak'"
compare diff_figures 1 2
compare diff_figures 2 1 "'run'" 5 "'all'"
compare diff_work 1 2 "'second'"
compare contributors 1 "'leak.count'"
compare contributors 1 "'end.live_bytes'" 1
compare diff_matching 2 1
compare diff_classes 1 1 NULL NULL "'all'"
compare diff_kept 1 2 NULL NULL "'all'"
compare diff_kept 1 2 1 "'function'"
compare diff_within 2 150000 NULL NULL 5 "'function'"
compare leaks 1 2
compare leaks 1 NULL "'all'"
compare losses 1 "'all'"
compare capacity 1 67108864 "'embedded'" 4 100 NULL "'request'"
compare capacity 1 1000000 NULL NULL NULL 25
compare capacity 2
compare capacity_pools 1 "'database'" 3 100
compare capacity_config 1 67108864 NULL NULL "'json'"
compare capacity_config 1 40000000 "'embedded'" NULL "'env'"
compare peak 1 2 "'stack'"
compare hotspots NULL NULL "'stack'" "'calls'"
compare temporary NULL 1 "'stack'"
compare sizes 1 "'live'"
compare timeline 1 3
compare history 1 "'1m'" 3
compare history 1 "'all'" 2
compare rss 1 "'end'"
compare rss 1 "'5.2'"
compare rss_series 1 2
compare fragmentation 1 "'end'"
compare fragmentation 2
compare pins 1 1 "'end'"
compare rounding 1 1
compare rounding 2
compare flame 1 "'allocated'" "'blocks'"
compare frame_causes 1 2 "'screen'" "'gc'"
compare idle 1 90
compare stability 1 "'step'"
compare span_labels 1 2 "'request'"
compare gc_causes 1 2 "'stack'"
compare gc_what_if 1 75
compare pretenuring 1 2 "'class'" 60
compare span_causes 1 1 "'request'"
compare evals 1 NULL "'suspect'"
compare spans 1 16
compare span_leftovers 1 1 0
compare span_leftovers 1 NULL 5 4 "'request'"
compare survival 1 "'all'"
compare survivors 1 NULL "'site'"
compare survivors 1 NULL NULL 1
compare classes 1 2 "'bytes'"
compare retained 1 1

echo "$compared comparisons, $failed failed"
[ $failed = 0 ]
