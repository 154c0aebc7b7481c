# shellcheck shell=sh disable=SC1091,SC2086,SC2154  # lib.sh is read at run time; commands are words
# SPDX-License-Identifier: Apache-2.0
#
# adapters.sh -- what the adapters cost whole programs beside the recorder alone: CPU time, user and system.
#
# Expected: Lua at ten million allocations a second pays 10 ns for each, an eighth of its time; Lua that only
# computes pays nothing; a collector that is told of its collections pays nothing.
. "$SOURCE_DIR/benches/lib.sh"

rounds=${ROUNDS:-9}
adapters=$(dirname "$LIBMEMREC")/memrec/adapters
cd "$work" || exit 1
cat >objects.lua <<'LUA'
local kept = {}
local function make(i) return { id = i, name = "item-" .. i, run = function() return i end } end
for i = 1, 1000000 do
    local object = make(i)
    if i % 100 == 0 then kept[#kept + 1] = object end
end
print(#kept)
LUA
cat >calls.lua <<'LUA'
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(32))
LUA
cat >lists.scm <<'SCM'
(define (request i) (map (lambda (k) (string-append "key-" (number->string (+ i k)))) (iota 20)))
(do ((i 0 (+ i 1))) ((= i 40000)) (request i))
(display "done")
SCM

# run NAME GOAL ENV... -- COMMAND...: the environment is what loads the adapter.
run() {
    run_name=$1 run_goal=$2
    shift 2
    run_environment=
    while [ "$1" != -- ]; do
        run_environment="$run_environment $1"
        shift
    done
    shift
    "$bin/bench_interleave" "$rounds" plain "$(plain "$@") >/dev/null" \
        recorder "$(recorded recorder A=B -- "$@") >/dev/null" \
        adapter "$(recorded adapter $run_environment -- "$@") >/dev/null" >table 2>errors ||
        { cat errors; return; }
    ls adapter*.zst >/dev/null || exit 1
    beside=$(calculate "$(field table adapter 2) / $(field table recorder 2)" 3)
    line "$run_name" "$(field table adapter 2)" "$(field table recorder 2)" "$beside" "$run_goal" \
        "$(verdict "$beside" "$run_goal") (without any recorder $(field table plain 2))"
}

line "CPU in ms" adapter recorder ratio goal ""
if command -v lua5.4 >/dev/null; then
    loads="LUA_INIT=require\\'memrec_lua\\' LUA_CPATH=$adapters/?.so"
    run "lua5.4, objects" 1.15 "$loads" -- lua5.4 objects.lua
    run "lua5.4, calls" 1.02 "$loads" -- lua5.4 calls.lua
fi
if command -v guile >/dev/null; then
    run "guile, lists" 1.05 "LD_PRELOAD=$LIBMEMREC:$adapters/memrec_boehm.so" GUILE_AUTO_COMPILE=0 -- guile lists.scm
fi
