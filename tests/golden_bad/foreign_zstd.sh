# SPDX-License-Identifier: Apache-2.0
# A zstd frame that holds "hello".
printf '\050\265\057\375\040\005\051\000\000hello' >bad.zst
