# SPDX-License-Identifier: Apache-2.0
memanalyze record --help
