# SPDX-License-Identifier: Apache-2.0
# Two traces in one file: the first is meant.
printf 'run sampled\nat 10ms alloc 0x1000 100\nat 20ms end\n' | "$MKTRACE" - first.zst
printf 'trace-id ff\nrun sampled\nat 10ms alloc 0x1000 100\nat 20ms end\n' | "$MKTRACE" - second.zst
cat first.zst second.zst >bad.zst
