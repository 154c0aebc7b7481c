# SPDX-License-Identifier: Apache-2.0
#
# headers.sh CC CXX -- every header compiles alone, twice over; the public one also as C++ and as C99.
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

for header in "$SOURCE_DIR"/runtime/include/memrec/*.h; do
    [ -e "$header" ] || continue
    printf '#include "%s"\nint main(void) { return 0; }\n' "$header" | tee alone.c >alone.cc
    # shellcheck disable=SC2086
    $cc -std=c99 -pedantic $warnings -fsyntax-only alone.c || status=1
    # shellcheck disable=SC2086
    [ -z "$cxx" ] || $cxx -std=c++11 -pedantic $warnings -fsyntax-only alone.cc || status=1
done
exit $status
