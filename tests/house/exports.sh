# SPDX-License-Identifier: Apache-2.0
#
# exports.sh -- what libmemrec.so defines for others is exports.txt, name by name; what it needs
# from others is libc alone.
set -eu

: "${LIBMEMREC:?}" "${SOURCE_DIR:?}"
status=0

nm -D --defined-only "$LIBMEMREC" | awk '{ sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort -u >exports
grep -v '^#' "$SOURCE_DIR/tests/house/exports.txt" | LC_ALL=C sort -u >expected
diff -u expected exports || {
    echo "hint: change runtime/memrec.map and tests/house/exports.txt together."
    status=1
}

readelf -d "$LIBMEMREC" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >needed
if grep -v -e '^libc\.' -e '^ld-linux' needed; then
    echo "libmemrec.so needs the libraries above; it may need libc only."
    status=1
fi

tls=$(readelf -lW "$LIBMEMREC" | awk '$1 == "TLS" { print $6 }')
if [ $((${tls:-0})) -gt 128 ]; then
    echo "libmemrec.so has $((tls)) bytes of thread-local storage; at most 128 always fit when preloaded late."
    status=1
fi
exit $status
