# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# crowd.sh -- threads beyond the recorder's places are not watched, and that is told; but what they free is not
# taken for a leak.
. "$SOURCE_DIR/tests/real/lib.sh"
need timeout
if ! "${MEMANALYZE:-false}" import --help >/dev/null 2>&1; then
    echo "skipped: memanalyze import is not built"
    exit 77
fi
checks=1
timeout 60 env LD_PRELOAD="$LIBMEMREC" MEMREC_TRACE="$PWD/trace.zst" MEMREC_INTERVAL=16K "$bin/torture_crowd" >out 2>err
code=$?
if [ $code -eq 77 ]; then
    echo "skipped: 4,200 threads at once are not to be had"
    exit 77
fi
cat out
[ $code -eq 0 ] && ! [ -s err ] || fails crowd "exit code $code: $(cat err)"
"$MEMANALYZE" import trace.zst -o run.db >import.log 2>&1 || fails crowd "cannot import: $(cat import.log)"
told=$("$MEMANALYZE" query --format csv run.db "
    SELECT (SELECT count(*) FROM sample WHERE size_bytes = 5000) AS samples,
           (SELECT count(*) FROM sample WHERE size_bytes = 5000 AND death_ns IS NULL) AS alive,
           (SELECT sum(count) FROM loss WHERE kind = 'dropped_frees') AS dropped" | tail -n 1)
echo "samples, alive at the end, dropped frees: $told"
samples=${told%%,*} rest=${told#*,}
[ "$samples" -gt 200 ] || fails crowd "only $samples samples"
# A free that finds no place is lost, and counted; most find one.
[ "${rest%%,*}" -le "${rest#*,}" ] && [ "${rest%%,*}" -lt $((samples / 3)) ] || fails crowd "blocks seem to be alive that were freed: $told"
finish
