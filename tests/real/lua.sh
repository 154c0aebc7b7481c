# shellcheck shell=sh disable=SC1091,SC2016,SC2089,SC2090,SC2154  # lib.sh is read at run time; code of another language
# SPDX-License-Identifier: Apache-2.0
#
# lua.sh -- an unmodified Lua 5.4 does the same with the adapter as without, and the adapter tells what Lua itself
# knows: bytes, cycles, chunks, objects, stacks. A list that keeps everything is a leak after five collections.
. "$SOURCE_DIR/tests/real/lib.sh"

lua=
for candidate in ${LUA:+"$LUA"} lua5.4 lua; do
    [ -n "$lua" ] || ! "$candidate" -v 2>&1 | grep -q '^Lua 5\.4' || lua=$candidate
done
[ -n "$lua" ] || {
    echo "skipped: Lua 5.4 is not installed"
    exit 77
}
programs=$SOURCE_DIR/tests/programs
adapters=$(dirname "$LIBMEMREC")/memrec/adapters

# ask SELECT: its rows, without the header.
ask() {
    "$MEMANALYZE" query --format csv run.db "$(echo "$1" | tr '\n' ' ')" | sed 1d
}

# is NAME GOT WANTED
is() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fails "$1" "got '$2', not '$3'"
}

# record NAME OPTION... -- COMMAND...: leaves run.db, out and err.
record() {
    record_name=$1
    shift
    rm -f run.zst run.db
    "$MEMANALYZE" record -o run.zst "$@" >out 2>err || fails "$record_name" "exit code $?: $(cat err)"
    "$MEMANALYZE" import run.zst -o run.db >import.log 2>&1 || fails "$record_name" "$(cat import.log)"
}

# ---- it is not noticed; by environment alone ----------------------------------------------------
settings="LUA_INIT=require'memrec_lua' LUA_CPATH=$adapters/?.so"
for mode in incremental generational; do
    same "everything, $mode" "$lua" -e "collectgarbage'$mode'" "$programs/lua_everything.lua"
done
printf 'x = {}\nfor i = 1, 100 do x[i] = {i} end\nprint(#x) error("no")\n#x + y\nreturn #x' >lines
input=lines
same "the interactive mode" "$lua" -i
same "a script from stdin" "$lua" -
input=
same "os.exit" "$lua" -e 'local t = {} for i = 1, 10000 do t[i] = {i} end os.exit(7)'
same "os.exit, closing" "$lua" -e 'x = setmetatable({}, {__gc = function() print("closed") end}) os.exit(true, true)'
settings=
checks=$((checks + 1))
"$lua" "$programs/lua_everything.lua" endless >plain.out 2>plain.err
"$MEMANALYZE" record -q -o endless.zst -- "$lua" "$programs/lua_everything.lua" endless >out 2>err
if ! cmp plain.out out || ! cmp plain.err err; then
    fails "an endless recursion" "output differs"
fi

# ---- what is told is what Lua knows -------------------------------------------------------------
for mode in incremental generational; do
    record "$mode" -- "$lua" -e "collectgarbage'$mode'" "$programs/lua_told.lua"
    read -r cycles bytes <out
    # Its own first cycle may be the second of the process: -e ran before.
    counted=$(ask "SELECT count(*) FROM gc")
    checks=$((checks + 1))
    if [ "$cycles" -le 5 ] || [ "$counted" -lt "$cycles" ] || [ "$counted" -gt $((cycles + 1)) ]; then
        fails "$mode" "$counted cycles, Lua saw $cycles"
    fi
    is "$mode: bytes alive" "$(ask "SELECT used_after_bytes FROM gc ORDER BY id DESC LIMIT 1")" "$bytes"
    is "$mode: bytes alive" "$(ask "SELECT used_bytes FROM heap_usage
        WHERE time_ns <= (SELECT max(end_ns) + 1000000 FROM gc) AND used_bytes = $bytes LIMIT 1")" "$bytes"
    if [ "$mode" = incremental ]; then
        is "kinds" "$(ask "SELECT DISTINCT kind FROM gc ORDER BY 1" | tr '\n' ' ')" "full incremental "
    else
        is "kinds" "$(ask "SELECT DISTINCT kind FROM gc ORDER BY 1" | tr '\n' ' ')" "major minor "
    fi
    is "$mode: only what was asked for has a duration" "$(ask "SELECT count(*) FROM gc
        WHERE (duration_ns IS NULL) <> (reason IS NULL) OR coalesce(duration_ns, 1) <= 0
           OR coalesce(pause_ns, 0) > coalesce(duration_ns, 0)")" 0
    is "$mode: the one at the end" "$(ask "SELECT reason FROM gc ORDER BY id DESC LIMIT 1")" collectgarbage
    is "$mode: it never grows" "$(ask "SELECT count(*) FROM gc WHERE used_after_bytes > used_before_bytes")" 0
    is "$mode: what cannot be known" "$(ask "SELECT count(*) FROM gc WHERE objects_before IS NOT NULL
        OR objects_after IS NOT NULL OR claimed_bytes IS NOT NULL OR promoted_bytes IS NOT NULL")" 0
    is "$mode: chunks" "$(ask "SELECT e.label, p.label FROM eval e JOIN eval p ON p.id = e.parent_id ORDER BY e.id" |
        sed "s|$programs/||g" | tr '\n' ' ')" \
        "lua_module.lua,lua_told.lua lua_module.lua,lua_told.lua coroutines,lua_told.lua closures,lua_told.lua "
    is "$mode: what a module keeps" "$(ask "SELECT count(*) FROM eval WHERE label LIKE '%lua_module.lua'
        AND net_bytes BETWEEN 70000 AND 110000 AND heap_before_bytes > 20000")" 2
    is "$mode: ends" "$(ask "SELECT count(*) FROM eval WHERE duration_ns IS NULL")" 0
    is "$mode: Lua's own allocations" "$(ask "SELECT count(*) FROM heap WHERE name = 'lua'
        AND alloc_calls > 400000 AND abs(alloc_calls - free_calls) < 40000 AND alloc_bytes > freed_bytes")" 1
done

# ---- objects, by class and chunk ----------------------------------------------------------------
record "classes" --full -- "$lua" -e '
for _, text in ipairs { "local t = {} for i = 1, 500 do t[i] = coroutine.create(print) end return t",
                        "local t = {} for i = 1, 500 do local v = i t[i] = function() v = v + 1 end end return t",
                        "local t = {} for i = 1, 500 do t[i] = {} end return t",
                        "local t = {} for i = 1, 500 do t[i] = (\"x\"):rep(i) end return t" } do
  load(text)()
end'
for wanted in "create thread" "function function" "function upvalue" "{} table" "rep string"; do
    is "500 of class ${wanted#* }" "$(ask "SELECT (count(*) + 10) / 500, min(size_bytes) > 0 FROM sample s
        JOIN class c ON c.id = s.class_id JOIN eval e ON e.id = s.birth_eval_id
        WHERE e.label LIKE '%${wanted% *}%' AND c.name = '${wanted#* }'")" 1,1
done
is "the growth of their tables" "$(ask "SELECT count(*) FROM sample s JOIN class c ON c.id = s.class_id
    JOIN eval e ON e.id = s.birth_eval_id WHERE e.label LIKE '%create%' AND c.name = 'array' AND size_bytes = 512 * 16")" 1
is "code" "$(ask "SELECT count(*) > 4 FROM sample s JOIN class c ON c.id = s.class_id WHERE c.name = 'prototype'")" 1

# ---- the interactive mode -----------------------------------------------------------------------
"$MEMANALYZE" record -q -f -o run.zst -- "$lua" -i <lines >/dev/null 2>&1
rm -f run.db
"$MEMANALYZE" import run.zst -o run.db >import.log 2>&1
is "each line is an evaluation" "$(ask "SELECT count(*) FROM eval WHERE label = 'stdin' AND parent_id IS NULL
    AND duration_ns IS NOT NULL")" 5

# ---- how it is chosen ---------------------------------------------------------------------------
printf '#!%s\nprint("a script", ...)\n' "$(command -v "$lua")" >script
printf '#!/usr/bin/env -S %s\n' "$lua" >by_env
chmod +x script by_env
"$MEMANALYZE" record -o by_env.zst -- ./by_env 2>err
is "a script of env" "$(head -n 1 err)" "memanalyze: using the adapter lua; --adapter none leaves it out"
ln -s "$(command -v "$lua")" renamed
for program in ./script "./renamed script"; do
    # shellcheck disable=SC2086  # a program and its argument
    record "$program" -- $program
    is "$program is recognised" "$(head -n 1 err)" "memanalyze: using the adapter lua; --adapter none leaves it out"
    is "$program" "$(cat out; ask "SELECT name FROM heap")" "a script
lua"
done
record "none" --adapter none -- "$lua" script
is "--adapter none" "$(grep -c adapter err; ask "SELECT count(*) FROM heap")" "0
0"
record "another program" -- ls script
is "another program" "$(grep -c adapter err)" 0
rm -f run.db
"$MEMANALYZE" record -f -o sh.zst --adapter lua -- sh -c "exec $lua script" >out 2>err
is "--adapter lua" "$(head -n 1 err)" "memanalyze: using the adapter lua"
"$MEMANALYZE" import sh.*.zst -o run.db >import.log 2>&1
is "--adapter lua, behind a shell" "$(ask "SELECT name FROM heap")" lua
export LUA_INIT='x = "text"'
record "LUA_INIT" -- "$lua" -e 'print(x)'
is "the user's LUA_INIT" "$(cat out; ask "SELECT name FROM heap")" "text
lua"
echo 'x = "file " .. select("#", ...)' >init.lua
export LUA_INIT=@init.lua LUA_INIT_5_4=@init.lua
record "LUA_INIT_5_4" -- "$lua" -e 'print(x)'
is "the user's file" "$(cat out; ask "SELECT name FROM heap")" "file 0
lua"
unset LUA_INIT LUA_INIT_5_4

# ---- a leak, and the same without ---------------------------------------------------------------
for mode in incremental generational; do
    for leak in 1 0; do
        export LEAK=$leak
        record "sessions, $mode" -i 16K -- "$lua" -e "collectgarbage'$mode'" "$programs/lua_sessions.lua"
        is "$mode: collections" "$(ask "SELECT count(*) FROM gc WHERE end_ns > (SELECT max(begin_ns) FROM eval)")" 5
        is "$mode, LEAK=$leak: the verdict" "$(ask "SELECT DISTINCT verdict, function FROM leak WHERE verdict = 'leak'")" \
            "$([ $leak = 0 ] || echo leak,make_session)"
        is "$mode: its objects are blocks, counted once" "$(ask "SELECT of_blocks, abs(alloc_sum - exact) < 0.35 * exact
            FROM heap, (SELECT sum(bytes) AS alloc_sum FROM stack_stat WHERE measure = 'allocated'),
                (SELECT sum(alloc_bytes) AS exact FROM thread)")" 1,1
        is "$mode: where it is" "$(ask "SELECT DISTINCT file FROM frame WHERE function = 'make_session'
            AND line BETWEEN 5 AND 6")" "$programs/lua_sessions.lua"
        is "$mode: who allocates most" "$("$MEMANALYZE" report hotspots --format csv run.db | sed -n 2p |
            grep -c make_session)" 1
    done
done
finish
