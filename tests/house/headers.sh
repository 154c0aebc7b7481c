# SPDX-License-Identifier: Apache-2.0
#
# headers.sh CC CXX -- every header compiles alone, twice over; the public one also as C++ and as C99,
# linked and header-only, under the warnings a careful stranger may have on.
set -eu

cc=$1
cxx=${2:-}
: "${SOURCE_DIR:?}"
status=0
warnings='-Wall -Wextra -Wno-unused-function -Wno-unused-variable -Werror'

for header in "$SOURCE_DIR"/schema/*.h "$SOURCE_DIR"/runtime/*.h "$SOURCE_DIR"/analyzer/*.h \
    "$SOURCE_DIR"/tests/*.h "$SOURCE_DIR"/benches/*.h; do
    [ -e "$header" ] || continue
    printf '#include "%s"\n#include "%s"\n' "$header" "$header" >alone.c
    # shellcheck disable=SC2086
    $cc -std=gnu11 -D_GNU_SOURCE -DXXH_INLINE_ALL -DZSTD_STATIC_LINKING_ONLY $warnings \
        -I"$SOURCE_DIR" -I"$SOURCE_DIR/runtime" -I"$SOURCE_DIR/runtime/include" \
        -I"$SOURCE_DIR/analyzer" -fsyntax-only alone.c || status=1
done

strict="$warnings -Wshadow -Wundef -Wconversion -Wcast-qual -Wredundant-decls -Wmissing-declarations"
for way in '' -DMEMREC_HEADER_ONLY; do
    for header in "$SOURCE_DIR"/runtime/include/memrec/*.h; do
        [ -e "$header" ] || continue
        printf '#include "%s"\n#include "%s"\nint main(void) { return 0; }\n' "$header" "$header" |
            tee alone.c >alone.cc
        for standard in c99 c11 gnu17; do
            # shellcheck disable=SC2086
            $cc -std=$standard -pedantic $strict -Wstrict-prototypes -Wmissing-prototypes $way \
                -fsyntax-only alone.c || status=1
        done
        for standard in c++11 gnu++17; do
            # shellcheck disable=SC2086
            [ -z "$cxx" ] || $cxx -std=$standard -pedantic $strict $way -fsyntax-only alone.cc ||
                status=1
        done
    done
done
exit $status
