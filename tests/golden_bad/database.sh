# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034  # run.sh reads it
printf 'SQLite format 3\000\020\000' >bad.zst
# info takes databases, so ask who does not.
command=recover
