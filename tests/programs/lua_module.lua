-- SPDX-License-Identifier: Apache-2.0
-- A module that keeps about 50 KB.
local rows = {}
for i = 1, 1000 do rows[i] = { i } end
return rows
