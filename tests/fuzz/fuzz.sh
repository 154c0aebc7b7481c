# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh FUZZER SECONDS [SEEDS] -- runs a libFuzzer target for a while, starting from the files in folder SEEDS, or
# without one from every readable trace of the tests: as a file, and as the bare payload of its blocks. What it finds
# stays in crash-* here.
set -eu

fuzzer=$1
seconds=$2
: "${SOURCE_DIR:?}" "${MKTRACE:?}"
rm -rf seeds corpus
mkdir -p seeds corpus
if [ -n "${3:-}" ]; then
    exec "$fuzzer" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 corpus "$3"
fi
for text in "$SOURCE_DIR"/tests/golden/*/*.trace "$SOURCE_DIR"/tests/golden_bad/*.trace; do
    [ -e "$text" ] || continue
    name=$(basename "$text" .trace)
    "$MKTRACE" "$text" "seeds/$name.zst" || continue
    zstd -q -dc "seeds/$name.zst" >"seeds/$name.payload" 2>/dev/null || true
done
exec "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
    corpus seeds
