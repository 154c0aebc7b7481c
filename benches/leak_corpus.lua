-- SPDX-License-Identifier: Apache-2.0
-- leak_corpus.lua -- an interpreter at work: sessions, a cache with a bound, text, closures, coroutines. Argument: rounds.
local rounds = tonumber(arg[1]) or 20000
math.randomseed(1)
local sessions, cache, order = {}, {}, {}
local told = 0
local function request(n)
    local words = {}
    for word in ("get /item/%d?user=%d"):format(n % 977, n % 131):gmatch("%w+") do
        words[#words + 1] = word
    end
    return words
end
local function handler(words)
    local count = 0
    return function(text)
        count = count + #words
        return text .. "/" .. count
    end
end
local function look_up(key)
    local value = cache[key]
    if not value then
        value = {key = key, body = ("x"):rep(20 + key % 300), tags = {key, key + 1}}
        cache[key] = value
        order[#order + 1] = key
        if #order > 200 then
            cache[table.remove(order, 1)] = nil
        end
    end
    return value
end
for n = 1, rounds do
    local words = request(n)
    local answer = handler(words)(look_up(math.random(400)).body)
    told = told + #answer
    local id = math.random(100)
    if sessions[id] then
        sessions[id] = nil
    else
        sessions[id] = {user = "u" .. n, seen = {n}, buffer = ("b"):rep(64)}
    end
    if n % 7 == 0 then
        local walk = coroutine.wrap(function()
            for i = 1, 3 do
                coroutine.yield(i .. ":" .. n)
            end
        end)
        told = told + #walk() + #walk()
    end
end
print(told)
