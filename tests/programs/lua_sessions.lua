-- SPDX-License-Identifier: Apache-2.0
-- Five rounds of sessions, a collection after each and none between. With LEAK=1 every tenth stays in a list.
collectgarbage("stop")
local leak, kept, ring = os.getenv("LEAK") == "1", {}, {}
local function make_session(i)
  return { id = i, name = "session-" .. i, data = ("x"):rep(200) .. i }
end
for round = 1, 5 do
  for i = 1, 10000 do
    local session = make_session(round * 10000 + i)
    if leak and i % 10 == 0 then kept[#kept + 1] = session end
    ring[i % 100 + 1] = session
  end
  collectgarbage()
end
print(#kept)
