# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034  # run.sh reads it
[ "$(id -u)" -ne 0 ] || skip=yes # root reads everything
echo x >bad.zst
chmod 000 bad.zst
