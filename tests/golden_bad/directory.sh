# SPDX-License-Identifier: Apache-2.0
mkdir bad.zst
