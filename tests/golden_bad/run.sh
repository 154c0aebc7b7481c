#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Damaged traces, and things that are none: each case makes bad.zst, from a .trace by mktrace or by a .sh, and
# its .err holds what `memanalyze info` then says: the gaps, the complaint and the exit code.
# `import` must end with the same code. ACCEPT=1 writes the .err files anew.
set -u
: "${MEMANALYZE:?}" "${MKTRACE:?}" "${SOURCE_DIR:?}"
export MKTRACE
cases=$SOURCE_DIR/tests/golden_bad
failed=0

# Sizes depend on the version of zstd.
normalise() {
    sed -e 's/bytes [0-9]* to [0-9]*/bytes N to N/' -e 's/[0-9]* bytes/N bytes/'
}

for case in "$cases"/*.trace "$cases"/*.sh; do
    name=$(basename "$case")
    name=${name%.*}
    [ "$name" != run ] || continue
    rm -rf "work.$name" && mkdir "work.$name" && cd "work.$name" || exit 1
    command=info
    skip=
    case $case in
    *.trace) "$MKTRACE" "$case" bad.zst || exit 1 ;;
    *)
        # shellcheck source=/dev/null
        . "$case"
        ;;
    esac
    if [ -z "$skip" ]; then
        "$MEMANALYZE" "$command" bad.zst >out 2>err
        code=$?
        {
            normalise <err
            sed -n '/^gaps/,$p' out | normalise
            echo "exit $code"
        } >all
        [ -z "${ACCEPT:-}" ] || cp all "$cases/$name.err"
        diff -u "$cases/$name.err" all || { echo "$name: not the expected complaint" && failed=1; }
        "$MEMANALYZE" import bad.zst -o bad.db >out 2>&1
        imported=$?
        if [ "$imported" -ne "$code" ]; then
            echo "$name: import ends with $imported, $command with $code:" && cat out
            failed=1
        fi
    fi
    cd .. || exit 1
done
exit $failed
