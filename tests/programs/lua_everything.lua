-- SPDX-License-Identifier: Apache-2.0
-- Everything that might tell a watched interpreter from one that is not: deep and endless recursion,
-- coroutines in coroutines, finalizers, chunks, errors and their messages. Ends with an error. `endless` recurses to the end of
-- the stack, too: 200,000 frames.
local out = {}
local function deep(n) if n == 0 then return {} end local t = { deep(n - 1) } return t end
for i = 1, 3 do deep(i * 500) end
local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield({ i, tostring(i) }) end end) end
local function nest(n) if n == 0 then return deep(300) end
  local co = coroutine.create(function(...) return nest(n - 1), ... end)
  local ok, r = coroutine.resume(co, n); assert(ok, r) return r end
for i = 1, 5 do nest(i * 30) end
local s = 0
for v in gen(2000) do s = s + v[1] end
out[#out + 1] = s
for i = 1, 200 do
  local ok, e = pcall(function() local t = setmetatable({}, { __index = function(t, k) error({ k }) end }) return t.x end)
  out[#out + 1] = type(e)
  ok, e = xpcall(function() return nil + i end, debug.traceback)
  out[#out + 1] = #e > 0
end
local dead = 0
for i = 1, 3000 do setmetatable({}, { __gc = function() dead = dead + 1 local t = { dead } end }) end
collectgarbage() collectgarbage("step", 100)
out[#out + 1] = dead
for i = 1, 300 do out[#out + 1] = load("local a = " .. i .. " return function() return {a} end")()()[1] end
local co = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() out[#out + 1] = "closed" end }) coroutine.yield(1) end)
coroutine.resume(co) coroutine.close(co)
out[#out + 1] = select("#", table.unpack({}, 1, 5000))
out[#out + 1] = #(("x"):rep(100000):gsub("x", function(c) return c .. "y" end))
table.sort(out, function(a, b) return tostring(a) < tostring(b) end)
print(#out, coroutine.status(co), coroutine.isyieldable(), coroutine.running() ~= nil)
local th = coroutine.running()
local co3 co3 = coroutine.create(function() local t = {coroutine.status(th), coroutine.status(co3), debug.traceback(th)} return t[1] .. t[2] end)
print(coroutine.resume(co3))
print(debug.gethook())
print(pcall(collectgarbage, "foo"))
print(pcall(function() collectgarbage("step", {}) end))
print(pcall(collectgarbage, "step", {}))
print(pcall(string.rep, "x", 1 << 40))
local function through_c(s) return s:gsub("x", through_c) end
print(select(2, pcall(through_c, "x")))
if arg[1] == "endless" then
  print(select(2, pcall(function() local function f() return f() + 1 end f() end)))
end
print(select("#", collectgarbage("stop")), collectgarbage("isrunning"), collectgarbage("restart"), collectgarbage("setpause", 150))
print(collectgarbage("incremental"), collectgarbage("generational"), collectgarbage("step"), collectgarbage(), math.type(collectgarbage("count")))
for k in pairs(package.loaded) do out[k] = 1 end
error(setmetatable({}, { __tostring = function() return "the end" end }))
