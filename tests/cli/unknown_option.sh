# SPDX-License-Identifier: Apache-2.0
memanalyze info --fromat json x.zst
