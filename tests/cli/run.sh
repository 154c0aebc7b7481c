#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What the program prints and how it ends: each case is a .sh that runs in an empty folder; its .out is the
# exact stdout, its .err the exact stderr and the exit code. ACCEPT=1 writes both anew. With arguments, only
# these cases.
#
# Cases have $MEMANALYZE, also as `memanalyze`, $MKTRACE and $LIBMEMREC.
set -u
: "${MEMANALYZE:?}" "${MKTRACE:?}" "${LIBMEMREC:?}" "${SOURCE_DIR:?}"
export MEMANALYZE MKTRACE LIBMEMREC
PATH=$(dirname "$MEMANALYZE"):$PATH
cases=$SOURCE_DIR/tests/cli
failed=0

check() { # file expected
    [ -z "${ACCEPT:-}" ] || cp "$1" "$2"
    diff -u "$2" "$1" || failed=1
}

[ $# -gt 0 ] || set -- "$cases"/*.sh
for case in "$@"; do
    name=$(basename "$case" .sh)
    [ "$name" != run ] || continue
    rm -rf "work.$name" && mkdir "work.$name" && cd "work.$name" || exit 1
    sh "$cases/$name.sh" >../out 2>../err </dev/null
    echo "exit $?" >>../err
    cd .. || exit 1
    check out "$cases/$name.out"
    check err "$cases/$name.err"
done
exit $failed
