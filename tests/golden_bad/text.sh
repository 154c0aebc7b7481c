# SPDX-License-Identifier: Apache-2.0
echo '{"name": "not a trace", "size": 12}' >bad.zst
