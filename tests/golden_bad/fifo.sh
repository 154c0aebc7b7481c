# SPDX-License-Identifier: Apache-2.0
mkfifo bad.zst
