# SPDX-License-Identifier: Apache-2.0
#
# off_cost.sh -- while nothing is recorded, a call of memrec.h costs at most three instructions: linked and
# header-only, with each compiler that is here. callgrind counts them.
set -eu

: "${LIBMEMREC:?}" "${SOURCE_DIR:?}"
if ! command -v valgrind >/dev/null || ! command -v callgrind_annotate >/dev/null; then
    echo "skipped: valgrind is not installed"
    exit 77
fi
status=0
unset LD_PRELOAD MEMREC_TRACE
source=$SOURCE_DIR/tests/programs/off_cost.c
header=$SOURCE_DIR/runtime/include
library=$(dirname "$LIBMEMREC")

for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    $cc -O2 -g -I"$header" "$source" -o "$cc.linked" -L"$library" -lmemrec -Wl,-rpath,"$library"
    $cc -O2 -g -I"$header" -DMEMREC_HEADER_ONLY "$source" -o "$cc.header"
    for way in linked header; do
        valgrind --tool=callgrind --callgrind-out-file=counts "./$cc.$way" >said 2>valgrind.log || {
            cat valgrind.log
            exit 1
        }
        # Each case is a row: its instructions, a share, file:case_name.
        callgrind_annotate --threshold=100 --show-percs=no counts |
            sed -n 's/^ *\([0-9,]*\) .*:case_\([a-z_]*\).*/\1 \2/p' | tr -d , >rows
        [ "$(sort -u rows | wc -l) cases" = "$(cat said)" ] || {
            echo "$cc, $way: $(cat said), but callgrind saw $(sort -u rows | wc -l)"
            status=1
        }
        awk -v way="$cc, $way" '
            { count[$2] = $1 }
            END {
                for (name in count) {
                    each = (count[name] - count["empty"]) / 10000
                    worst = each > worst ? each : worst
                    if (each > 3.01) { printf "%s: memrec_%s costs %.2f instructions\n", way, name, each; bad = 1 }
                }
                printf "%s: at most %.2f instructions\n", way, worst
                exit bad
            }' rows || status=1
    done
done
exit $status
