#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# compare_noise.sh -- how often diff calls two recordings of the same different, and how often it finds a leak first.
#
# Each program is recorded PAIRS times two (default: 20), sampled every 64 KiB. Expected: each comparison lets at most one in a
# hundred rows be false, so at most 5 % of the pairs show a changed site or figure. The same program that leaves 4,000
# bytes behind for each request, of 72,000 it handles, must have that site as the first row.
set -eu
: "${MEMANALYZE:?}" "${BUILD_DIR:?}"
pairs=${PAIRS:-20}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CONFIG_HOME=/nonexistent MEMANALYZE_CACHE="$work/cache"

record() { # FILE PROGRAM...
    record_file=$1
    shift
    "$MEMANALYZE" record -q -f -o "$work/$record_file" -- "$@" >/dev/null
}
changed() { # how many sites, and figures, are called different
    "$MEMANALYZE" diff "$work/a.zst" "$work/b.zst" --show sites --format csv | sed 1d
    "$MEMANALYZE" diff "$work/a.zst" "$work/b.zst" --show figures --format csv |
        awk -F, '$2 == "more" || $2 == "less"'
}

failed=0
all=0
alarms=0
measure() { # NAME PROGRAM...
    name=$1 found=0 at=0
    shift
    while [ $at -lt "$pairs" ]; do
        record a.zst "$@"
        record b.zst "$@"
        [ -z "$(changed)" ] || found=$((found + 1))
        at=$((at + 1))
    done
    echo "$name: $found of $pairs pairs of the same are called different"
    all=$((all + pairs))
    alarms=$((alarms + found))
}
measure steady "$BUILD_DIR/bin/real_steady" 1000
# shellcheck disable=SC2016 # perl expands it
! command -v perl >/dev/null || measure perl perl -e 'my %h; push @{$h{$_ % 500}}, "v$_" for 1..60000'
! command -v lua5.4 >/dev/null || measure lua lua5.4 -e 'local t = {} for i = 1, 200000 do t[i % 5000] = {x = i, y = tostring(i)} end'
[ $((alarms * 20)) -le "$all" ] || failed=1
echo "$alarms of $all in all"

first=0 at=0
record a.zst "$BUILD_DIR/bin/real_steady" 1000
while [ $at -lt "$pairs" ]; do
    record b.zst "$BUILD_DIR/bin/real_steady" 1000 0 400
    case $("$MEMANALYZE" diff "$work/a.zst" "$work/b.zst" --show sites --format csv | sed -n 2p) in
    "alive at the end,new,leave,"*) first=$((first + 1)) ;;
    esac
    at=$((at + 1))
done
echo "leak: the first row in $first of $pairs"
[ $((first * 20)) -ge $((pairs * 19)) ] || failed=1
exit $failed
