# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# own.sh NAME -- the programs of tests/programs do the same recorded as not recorded.
. "$SOURCE_DIR/tests/real/lib.sh"

case $1 in
threads) same threads "$bin/real_threads" 8 700 3 ;;
plugins)
    cp "$BUILD_DIR/lib/real_plugin.so" copy.so
    same plugins "$bin/real_plugins" "$BUILD_DIR/lib/real_plugin.so" "$PWD/copy.so"
    ;;
processes) same processes "$bin/real_processes" ;;
signals) same signals "$bin/real_signals" ;;
edges) same edges "$bin/real_edges" ;;
*) exit 2 ;;
esac
finish
