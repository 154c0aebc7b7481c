# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# restart.sh COUNT -- recordings that begin and end under load: each trace is whole, holds what was allocated in its
# time and nothing else, and no free of an earlier recording's block ends one of its own.
. "$SOURCE_DIR/tests/real/lib.sh"
need timeout
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi

for interval in 64K 1; do
    rm -f ./*.zst ./*.db
    recordings=$1
    [ $interval = 1 ] && recordings=$(($1 / 5))
    timeout 110 env LD_PRELOAD="$LIBMEMREC" MEMREC_INTERVAL=$interval "$bin/torture_restart" "$recordings" >out 2>err
    code=$?
    cat out
    checks=$((checks + 1))
    if [ $code -ne 0 ] || [ -s err ]; then
        fails "interval $interval" "exit code $code: $(cat err)"
        continue
    fi
    k=0
    while [ $k -lt "$recordings" ]; do
        k=$((k + 1))
        checks=$((checks + 1))
        if ! "$MEMANALYZE" import t$k.zst -o t.db >import.log 2>&1; then
            fails "interval $interval" "cannot import $k: $(cat import.log)"
            continue
        fi
        # In full mode a free names an address: of blocks of earlier recordings, too.
        told=$("$MEMANALYZE" query --format csv t.db "
            SELECT complete,
                   (SELECT count(*) FROM sample
                    WHERE size_bytes BETWEEN 1000 AND 3999
                    AND size_bytes NOT IN (1000 + $k, 3000 + $k)) AS strangers,
                   (SELECT count(*) FROM sample
                    WHERE size_bytes IN (5000, 6000) AND death_ns IS NOT NULL) AS ended,
                   (SELECT coalesce(sum(count), 0) FROM loss
                    WHERE '$interval' = '64K' AND kind = 'unmatched_free') AS unmatched
            FROM run" | tail -n 1)
        [ "$told" = 1,0,0,0 ] || fails "interval $interval" "recording $k: $told"
        rm -f t.db
    done
done
finish
