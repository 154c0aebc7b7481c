# SPDX-License-Identifier: Apache-2.0
#
# install.sh CC -- installs into an empty prefix and uses it as a stranger would: find_package,
# pkg-config, a static link, C++, the header alone, LD_PRELOAD and `memanalyze record`. Each way must leave a trace
# that memanalyze can import, with what the program told in it, and the program's output must be its own.
set -eu

cc=$1
: "${BUILD_DIR:?}" "${SOURCE_DIR:?}"
prefix=$PWD/prefix
rm -rf "$prefix" stranger ./*.zst ./*.db
cmake --install "$BUILD_DIR" --prefix "$prefix" >install.log
memanalyze=$prefix/bin/memanalyze
libdir=$(dirname "$(find "$prefix" -name libmemrec.so)")

# The trace $1 exists and imports, with samples in it.
check_trace() {
    "$memanalyze" import "$1" -o "$1.db" >import.log 2>&1 || {
        cat import.log
        echo "$1: not imported"
        exit 1
    }
    samples=$("$memanalyze" query --format csv "$1.db" 'SELECT count(*) AS n FROM sample' | sed 1d)
    [ "${samples:-0}" -gt 0 ] || {
        echo "$1: no samples"
        exit 1
    }
    echo "$1: $samples samples"
}

# The trace $1 also holds what the program told.
check_told() {
    told=$("$memanalyze" query --format csv "$1.db" \
        "SELECT (SELECT count(*) FROM span), (SELECT count(*) FROM frame_mark), (SELECT sum(alloc_calls) FROM frame_mark)" | sed 1d)
    [ "$told" = "16,16,65536" ] || {
        echo "$1: spans, frames and their allocations are $told, not 16,16,65536"
        exit 1
    }
}

# run NAME program...: with the variable set, prints "done" and leaves NAME.zst.
run() {
    name=$1
    shift
    said=$(MEMREC_TRACE=$PWD/$name.zst "$@")
    [ "$said" = "done" ] || {
        echo "$name: printed '$said', not 'done'"
        exit 1
    }
    check_trace "$name.zst"
}

cmake -S "$SOURCE_DIR/tests/install/stranger" -B stranger -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_PREFIX_PATH="$prefix" >stranger.log 2>&1 || {
    cat stranger.log
    exit 1
}
cmake --build stranger >>stranger.log 2>&1 || {
    cat stranger.log
    exit 1
}
for way in linked inside cplusplus; do
    run $way ./stranger/$way
    check_told $way.zst
done

# Header-only: nothing is linked, so it runs alone and tells what it does when the library is preloaded.
if readelf -d stranger/header_only | grep 'NEEDED.*memrec'; then
    echo "header-only, but linked with the library"
    exit 1
fi
[ "$(./stranger/header_only)" = "done" ]
run header_only env LD_PRELOAD="$libdir/libmemrec.so" ./stranger/header_only
check_told header_only.zst

PKG_CONFIG_PATH=$libdir/pkgconfig
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
$cc -DWITH_MEMREC "$SOURCE_DIR/tests/install/stranger/main.c" -o pkg_config \
    $(pkg-config --cflags --libs memrec) -Wl,-rpath,"$libdir"
run pkg_config ./pkg_config
check_told pkg_config.zst

$cc "$SOURCE_DIR/tests/install/stranger/main.c" -o plain
run preload env LD_PRELOAD="$libdir/libmemrec.so" ./plain

[ "$(./plain)" = "done" ]
[ "$("$memanalyze" record -o record.zst -- ./plain)" = "done" ]
check_trace record.zst
for adapter in lua boehm; do
    [ "$("$memanalyze" record -f -o adapter.zst --adapter $adapter -- ./plain 2>said)" = "done" ]
    grep -q "using the adapter $adapter" said || {
        cat said
        exit 1
    }
done

# Nothing installed names the build tree, except where that is its prefix here.
if grep -r "$BUILD_DIR" "$prefix" --include='*.cmake' --include='*.pc' --include='*.h' |
    grep -v "$prefix\$\|$prefix/"; then
    echo "the lines above name the build tree"
    exit 1
fi
