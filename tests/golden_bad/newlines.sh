# SPDX-License-Identifier: Apache-2.0
# Copied as text: each line feed became carriage return and line feed.
printf 'run sampled\nat 10ms alloc 0x1000 100\nat 20ms end\n' | "$MKTRACE" - whole.zst
LC_ALL=C sed 's/$/\r/' whole.zst >bad.zst
