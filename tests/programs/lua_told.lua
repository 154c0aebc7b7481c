-- SPDX-License-Identifier: Apache-2.0
-- What the adapter tells must be what this prints: cycles it saw itself, and the bytes alive at the end.
local folder = arg[0]:match(".*/") or "./"
package.path = folder .. "?.lua"
local cycles = 0
local function arm() setmetatable({}, { __gc = function() cycles = cycles + 1 arm() end }) end
arm()
local kept = { dofile(folder .. "lua_module.lua"), require("lua_module") }
kept[3] = load("local t = {} for i = 1, 1000 do t[i] = coroutine.create(print) end return t", "=coroutines")()
kept[4] = load("local t = {} for i = 1, 1000 do local v = i t[i] = function() v = v + 1 end end return t", "=closures")()
for i = 1, 200000 do kept[5 + i % 1000] = { i, tostring(i) } end
local walk = coroutine.wrap(function()
  for i = 1, 1000 do coroutine.yield({ i, ("y"):rep(i) }) end
end)
for i = 1, 1000 do kept[5 + i % 1000] = walk() end
collectgarbage("step", 10)
collectgarbage()
local told = cycles
io.write(told, " ", string.format("%d\n", collectgarbage("count") * 1024))
