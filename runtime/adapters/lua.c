/* SPDX-License-Identifier: Apache-2.0 */
/* lua.c -- memrec_lua.so: tells what an unmodified Lua 5.4 program does with its memory.
 *
 * A C module of Lua. Any script can load it; the stock interpreter loads it when told by its environment:
 *
 *     LUA_INIT="package.loadlib('/usr/lib/memrec/adapters/memrec_lua.so', 'luaopen_memrec_lua')()"
 *     LD_PRELOAD=libmemrec.so MEMREC_TRACE=x.zst lua5.4 x.lua
 *
 * or, with its folder in LUA_CPATH, LUA_INIT="require 'memrec_lua'". When nothing is recorded, and in any
 * other Lua than 5.4, loading it does nothing.
 *
 * What it tells, and how it knows
 *   objects  the state's allocator is wrapped (lua_setallocf). Lua names the type of a new object there;
 *            everything else (table parts, stacks, code, buffers) is of class "array". The bytes alive are
 *            Lua's own count from then on, to the byte. Where Lua's own allocator is in place they are told to be
 *            blocks of malloc, too, which totals count once.
 *   stacks   function, file and line of the Lua functions that run, also through coroutines. The line is that
 *            of the last instruction that could raise an error: at most a few too early.
 *   cycles   a userdata that nobody keeps is finalized at the end of each cycle, and the next one is armed
 *            then. So only the end of a cycle is told, and neither its begin nor its pauses; `used before`
 *            is the most that was held since the cycle before. An old table that nobody keeps dies in a major
 *            collection and outlives a minor one: that tells them apart.
 *            collectgarbage() is timed: a cycle with duration and pause; a "step" is a pause.
 *   evals    chunks: scripts, modules, lines of the interactive mode, loaded text. Compiling a chunk turns a
 *            call hook on until the next chunk is called, for 1,000 calls at most; its end is seen by a return
 *            hook for 5,000 returns, and after that when a cycle ends, another chunk is compiled or the
 *            state is closed. A hook of the program's own is left alone: then chunks are not seen.
 *
 * The recording of the stand-alone interpreter ends when it closes its state: else nothing would ever be alive at
 * the end.
 *
 * One state belongs to one native thread, the one that loaded the module: hosts that pass a state between
 * threads should not load it.
 *
 * Nothing of Lua is linked: its functions are found in the program, weakly, so that the module can be loaded
 * (and declines) where they are missing. It is never unloaded (-z nodelete): the last block of a state is freed
 * after its modules were closed.                                                                          */
#define MEMREC_HEADER_ONLY
#include <memrec/memrec.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- Lua 5.4's interface, as far as it is used (manual, chapters 4 and 5) ---------------------- */

#define LUA __attribute__((weak)) extern

typedef struct lua_State lua_State;
typedef int (*lua_function)(lua_State *L);
typedef void *(*lua_allocator)(void *context, void *block, size_t old_size, size_t new_size);

enum {
    LUA_VERSION_504 = 504,
    LUA_REGISTRY = -1001000,
    LUA_MAIN_THREAD = 1, /* in the registry */
    LUA_GLOBALS = 2,
    LUA_ALL_RESULTS = -1,

    LUA_NIL = 0,
    LUA_STRING = 4,
    LUA_PROTO = 10, /* only as a tag in the allocator: the code of a function */
    LUA_TYPES = 11,

    LUA_GC_COUNT = 3,
    LUA_GC_COUNT_REST = 4,
    LUA_GC_COLLECT = 2,
    LUA_GC_GENERATIONAL = 10,
    LUA_GC_INCREMENTAL = 11,

    LUA_HOOK_RETURN = 1,
    LUA_MASK_CALL = 1 << 0,
    LUA_MASK_RETURN = 1 << 1,
};
#define LUA_UPVALUE(i) (LUA_REGISTRY - (i))

struct lua_Debug {
    int event;
    const char *name;
    const char *name_kind;
    const char *what;
    const char *source;
    size_t source_bytes;
    int line;
    int first_line;
    int last_line;
    unsigned char upvalues, parameters;
    char variadic, tail_call;
    unsigned short first_transferred, transferred;
    char short_source[60];
    void *private_part;
    char room[512]; /* a build may have a larger short_source */
};
typedef void (*lua_hook)(lua_State *L, struct lua_Debug *at);

LUA double lua_version(lua_State *L);
LUA lua_State *luaL_newstate(void);
LUA void lua_close(lua_State *L);
LUA lua_allocator lua_getallocf(lua_State *L, void **context);
LUA void lua_setallocf(lua_State *L, lua_allocator allocate, void *context);
LUA int lua_gc(lua_State *L, int what, ...);
LUA int lua_status(lua_State *L);
LUA int lua_gettop(lua_State *L);
LUA void lua_settop(lua_State *L, int index);
LUA void lua_pushvalue(lua_State *L, int index);
LUA void lua_rotate(lua_State *L, int index, int places);
LUA int lua_type(lua_State *L, int index);
LUA const char *lua_tolstring(lua_State *L, int index, size_t *bytes);
LUA void *lua_touserdata(lua_State *L, int index);
LUA lua_State *lua_tothread(lua_State *L, int index);
LUA void lua_pushlightuserdata(lua_State *L, void *pointer);
LUA const char *lua_pushstring(lua_State *L, const char *text);
LUA void lua_pushcclosure(lua_State *L, lua_function function, int upvalues);
LUA void lua_createtable(lua_State *L, int places, int fields);
LUA void *lua_newuserdatauv(lua_State *L, size_t bytes, int values);
LUA int lua_getfield(lua_State *L, int index, const char *name);
LUA void lua_setfield(lua_State *L, int index, const char *name);
LUA int lua_rawgeti(lua_State *L, int index, long long i);
LUA void lua_rawseti(lua_State *L, int index, long long i);
LUA void lua_rawsetp(lua_State *L, int index, const void *key);
LUA int lua_setmetatable(lua_State *L, int index);
LUA void lua_callk(lua_State *L, int arguments, int results, intptr_t context, void *continuation);
LUA void lua_sethook(lua_State *L, lua_hook run, int mask, int count);
LUA lua_hook lua_gethook(lua_State *L);
LUA int lua_getstack(lua_State *L, int level, struct lua_Debug *at);
LUA int lua_getinfo(lua_State *L, const char *what, struct lua_Debug *at);
LUA const char *lua_getlocal(lua_State *L, const struct lua_Debug *at, int number);
LUA const char *lua_getupvalue(lua_State *L, int index, int number);
LUA int luaL_checkoption(lua_State *L, int argument, const char *otherwise,
                         const char *const names[]);
LUA long long luaL_optinteger(lua_State *L, int argument, long long otherwise);

__attribute__((visibility("default"))) int luaopen_memrec_lua(lua_State *L);

/* ---- one watched state ----------------------------------------------------------------------- */

enum {
    WATCHES = 8, /* as many as there are heaps */
    CALLS_WATCHED = 1000,
    RETURNS_WATCHED = 5000,
    EVALS_OPEN_MAX = 64,
    TEXTS_MAX = 4096, /* chunks of text that get a label of their own */
    RESUMED_MAX = 64, /* coroutines inside each other */
    FRAMES_MAX = 64,  /* told of one stack: to look at a level, Lua walks the ones above it */
    LEVELS_MAX = 100, /* of calls, when chunks are looked for */
};

struct watch {
    bool taken; /* the rest is of a living state */
    lua_State *main;
    lua_allocator allocate; /* the state's own */
    void *allocate_context;
    memrec_heap_id heap;
    uint64_t live_bytes;
    uint64_t high_bytes;    /* the most since the last cycle */
    const void *moving;     /* block that is being reallocated: it may be a stack; NULL: none */
    bool is_interpreter;    /* it was loaded by LUA_INIT */
    bool generational;      /* the collector's mode, as far as is known */
    bool asked;             /* collectgarbage runs */
    bool cycle_is_over;     /* and waits to be told */
    struct memrec_gc cycle; /* the last one */
    unsigned evals_open;
    unsigned calls_left, returns_left; /* until the hook goes; 0: it is not wanted */
    lua_State *hooked;                 /* where it is */
    unsigned texts;
};

static struct watch watches[WATCHES];
static memrec_class_id class_of_tag[LUA_TYPES];
static memrec_class_id array_class;
static memrec_name_id reason_asked;

static void *watch_allocate(void *context, void *block, size_t old_size, size_t new_size);

static struct watch *watch_of(lua_State *L)
{
    void *context;

    return lua_getallocf(L, &context) == watch_allocate ? context : NULL;
}

static void pop(lua_State *L, int count) { lua_settop(L, -count - 1); }

/* ---- what runs ------------------------------------------------------------------------------- */

/* While a stack is being moved nothing can be read through it. Lua does not say which block is a stack, but
 * its state holds the block's address; and any state has 16 words. */
static bool stack_is_moving(const struct watch *watch, const lua_State *L)
{
    const void *words[16];

    if (!watch->moving)
        return false;
    memcpy(words, L, sizeof words);
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i] == watch->moving)
            return true;
    return false;
}

static bool is_active(lua_State *L)
{
    struct lua_Debug at;

    return lua_status(L) == 0 && lua_getstack(L, 0, &at);
}

/* The coroutine that `L` resumed and waits for; NULL: it runs itself. It is the first argument of the C function
 * on top (coroutine.resume) or its upvalue (coroutine.wrap). A coroutine that is active and not on the way
 * here cannot have been resumed by another. Values are pushed above a C function's own: there is always
 * room for a few, and nothing is allocated. */
static lua_State *resumed_by(lua_State *L, lua_State *const *path, unsigned depth)
{
    struct lua_Debug at;
    lua_State *next = NULL;

    if (!lua_getstack(L, 0, &at) || !lua_getinfo(L, "S", &at) || at.what[0] != 'C')
        return NULL;
    if (lua_getlocal(L, &at, 1)) {
        next = lua_tothread(L, -1);
        pop(L, 1);
    }
    if (!next) {
        lua_getinfo(L, "f", &at);
        if (lua_getupvalue(L, -1, 1)) {
            next = lua_tothread(L, -1);
            pop(L, 1);
        }
        pop(L, 1);
    }
    for (unsigned i = 0; next && i < depth; i++)
        if (path[i] == next)
            next = NULL;
    return next && is_active(next) ? next : NULL;
}

/* From the main thread to the coroutine that runs; 0: cannot be told now. */
static unsigned running_path(const struct watch *watch, lua_State *path[RESUMED_MAX])
{
    unsigned depth = 0;

    for (lua_State *L = watch->main; L && depth < RESUMED_MAX; L = resumed_by(L, path, depth)) {
        if (stack_is_moving(watch, L))
            return 0;
        path[depth++] = L;
    }
    return depth;
}

static memrec_name_id source_name(const struct lua_Debug *at)
{
    if (at->source[0] == '@' || at->source[0] == '=')
        return memrec_name(at->source + 1, at->source_bytes - 1);
    return memrec_name(at->short_source, strlen(at->short_source));
}

static memrec_place_id place_of(const struct lua_Debug *at)
{
    char nameless[sizeof at->short_source + 32];
    const char *name = at->name;

    if (at->what[0] == 'm') {
        name = "main chunk";
    } else if (!name) {
        snprintf(nameless, sizeof nameless, "function <%s:%d>", at->short_source, at->first_line);
        name = nameless;
    }
    return memrec_place(memrec_name(name, strlen(name)), source_name(at),
                        at->line > 0 ? (unsigned)at->line : 0);
}

/* Within one walk, where nothing can be collected, texts at one address are one text. */
static bool same_place(const struct lua_Debug *a, const struct lua_Debug *b)
{
    return a->source == b->source && a->line == b->line && a->name == b->name &&
           a->first_line == b->first_line;
}

/* The stack provider. C functions are left to the native stack, which has them too. */
static size_t lua_stack(void *context, memrec_place_id *places, size_t max)
{
    lua_State *path[RESUMED_MAX];
    struct lua_Debug at[2];
    unsigned now = 0; /* at[now] is looked at, the other is the frame before */
    size_t count = 0;

    max = max < FRAMES_MAX ? max : FRAMES_MAX;
    for (unsigned depth = running_path(context, path); depth > 0; depth--) {
        lua_State *L = path[depth - 1];

        for (int level = 0; count < max && lua_getstack(L, level, &at[now]); level++) {
            if (!lua_getinfo(L, "Sln", &at[now]) || at[now].what[0] == 'C')
                continue;
            bool again = count > 0 && same_place(&at[now], &at[!now]);
            places[count] = again ? places[count - 1] : place_of(&at[now]);
            count++;
            now = !now;
        }
    }
    return count;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static void on_call(lua_State *L, struct lua_Debug *at);

static void set_hook(struct watch *watch, lua_State *L)
{
    int mask = (watch->calls_left ? LUA_MASK_CALL : 0) |
               (watch->returns_left && watch->evals_open ? LUA_MASK_RETURN : 0);
    lua_hook present = lua_gethook(L);

    if (present && present != on_call)
        return;
    watch->hooked = mask ? L : NULL;
    lua_sethook(L, mask ? on_call : NULL, mask, 0);
}

static void begin_eval(struct watch *watch, const struct lua_Debug *at)
{
    bool is_text = at->source[0] != '@' && at->source[0] != '=';

    if (watch->evals_open == EVALS_OPEN_MAX)
        return;
    watch->evals_open++;
    if (!is_text)
        memrec_eval_begin(source_name(at), watch->heap, watch->live_bytes);
    else if (watch->texts++ < TEXTS_MAX)
        memrec_eval_begin(memrec_name(at->source, at->source_bytes), watch->heap,
                          watch->live_bytes);
    else
        memrec_eval_begin(memrec_name("(loaded text)", 13), watch->heap, watch->live_bytes);
}

static void end_eval(struct watch *watch)
{
    watch->evals_open--;
    memrec_eval_end(watch->live_bytes, MEMREC_UNKNOWN);
}

/* Ends the evaluations whose chunks are no longer running. Every look at a level walks the ones above it, so
 * under a deep recursion they wait for the next time. */
static void end_finished(struct watch *watch, lua_State *const *path, unsigned depth)
{
    struct lua_Debug at;
    unsigned running = 0;

    if (watch->evals_open == 0)
        return;
    for (unsigned i = 0; i < depth; i++) {
        if (lua_getstack(path[i], LEVELS_MAX, &at))
            return;
        for (int level = 0; lua_getstack(path[i], level, &at); level++)
            running += lua_getinfo(path[i], "S", &at) && at.what[0] == 'm';
    }
    while (watch->evals_open > running)
        end_eval(watch);
}

static void on_call(lua_State *L, struct lua_Debug *at)
{
    struct watch *watch = watch_of(L);
    bool returns = at->event == LUA_HOOK_RETURN;

    if (!watch || L != watch->hooked) { /* a coroutine that was made with it */
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    lua_getinfo(L, "S", at);
    bool chunk = at->what[0] == 'm';
    if (returns && chunk && watch->evals_open) {
        end_eval(watch);
    } else if (!returns && chunk) {
        begin_eval(watch, at);
        watch->calls_left = 0;
        watch->returns_left = RETURNS_WATCHED;
    } else {
        watch->calls_left -= !returns && watch->calls_left;
        watch->returns_left -= returns && watch->returns_left;
        if (watch->calls_left && watch->returns_left)
            return;
    }
    set_hook(watch, L);
}

/* Code was compiled: a chunk may be called next. Inside the allocator. */
static void expect_chunk(struct watch *watch)
{
    lua_State *path[RESUMED_MAX];
    unsigned depth;

    if (watch->calls_left || (depth = running_path(watch, path)) == 0)
        return;
    end_finished(watch, path, depth);
    watch->calls_left = CALLS_WATCHED;
    set_hook(watch, path[depth - 1]);
}

/* ---- objects --------------------------------------------------------------------------------- */

static void grow(struct watch *watch, size_t more, size_t less)
{
    watch->live_bytes += more - less;
    if (watch->live_bytes > watch->high_bytes)
        watch->high_bytes = watch->live_bytes;
}

/* Its old address is what the sample is told by, as long as Lua's stack can still be read. */
static void *move(struct watch *watch, void *block, size_t old_size, size_t new_size)
{
    watch->moving = block;
    memrec_heap_free(watch->heap, block, old_size);
    memrec_heap_alloc(watch->heap, array_class, block, new_size);
    void *moved = watch->allocate(watch->allocate_context, block, old_size, new_size);
    if (moved && moved != block) {
        memrec_heap_move(watch->heap, block, moved);
    } else if (!moved) {
        memrec_heap_free(watch->heap, block, new_size);
        memrec_heap_alloc(watch->heap, array_class, block, old_size);
    }
    watch->moving = NULL;
    if (moved)
        grow(watch, new_size, old_size);
    return moved;
}

/* The last block, which is the state itself. */
static __attribute__((noinline)) void *free_state(struct watch *watch, void *block, size_t size)
{
    watch->allocate(watch->allocate_context, block, size, 0);
    memrec_stack_provider(NULL, NULL, MEMREC_STACK_ABOVE);
    __atomic_store_n(&watch->taken, false, __ATOMIC_RELEASE);
    return NULL;
}

static void *watch_allocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct watch *watch = context;

    if (!block) { /* old_size is a type */
        void *made = watch->allocate(watch->allocate_context, NULL, old_size, new_size);

        if (!made)
            return NULL;
        grow(watch, new_size, 0);
        memrec_heap_alloc(watch->heap, old_size < LUA_TYPES ? class_of_tag[old_size] : array_class,
                          made, new_size);
        if (old_size == LUA_PROTO)
            expect_chunk(watch);
        return made;
    }
    if (new_size != 0)
        return move(watch, block, old_size, new_size);
    watch->live_bytes -= old_size;
    memrec_heap_free(watch->heap, block, old_size);
    if (watch->live_bytes == 0)
        return free_state(watch, block, old_size);
    return watch->allocate(watch->allocate_context, block, old_size, 0);
}

/* ---- cycles ---------------------------------------------------------------------------------- */

/* What on_cycle closes over, and the places in `kept` and `weak`. */
enum { UP_WATCH = 1, UP_KEPT, UP_WEAK, UP_METATABLE };
enum { KEPT_OLD = 1, WEAK_YOUNG = 1, WEAK_OLD };

/* Makes the userdata that the next cycle will find dead. */
static void arm(lua_State *L, int metatable, int weak)
{
    lua_newuserdatauv(L, 0, 0);
    lua_pushvalue(L, metatable);
    lua_setmetatable(L, -2);
    lua_rawseti(L, weak, WEAK_YOUNG);
}

/* Lets go of the old table that was kept, and keeps a new one. */
static void arm_old(lua_State *L, int kept, int weak)
{
    lua_rawgeti(L, kept, KEPT_OLD);
    lua_rawseti(L, weak, WEAK_OLD);
    lua_createtable(L, 0, 0);
    lua_rawseti(L, kept, KEPT_OLD);
}

/* Tells the cycle that ended, unless it was told. Two may end in one collectgarbage(): one that was under
 * way, and the whole one that was asked for. */
static void tell_cycle(struct watch *watch, uint64_t duration_ns)
{
    if (!watch->cycle_is_over)
        return;
    watch->cycle_is_over = false;
    watch->cycle.duration_ns = watch->cycle.pause_ns = duration_ns;
    memrec_gc_cycle(watch->heap, &watch->cycle);
    memrec_heap_usage(watch->heap, watch->live_bytes, MEMREC_UNKNOWN, MEMREC_UNKNOWN);
}

static void end_cycle(struct watch *watch, enum memrec_gc_kind kind)
{
    struct memrec_gc cycle = MEMREC_GC_INIT;

    tell_cycle(watch, MEMREC_UNKNOWN);
    cycle.kind = kind;
    cycle.flags = kind == MEMREC_GC_INCREMENTAL ? 0 : MEMREC_GC_STOPS_WORLD;
    cycle.reason = watch->asked ? reason_asked : 0;
    cycle.used_before_bytes = watch->high_bytes;
    cycle.used_after_bytes = watch->live_bytes;
    watch->high_bytes = watch->live_bytes;
    watch->cycle = cycle;
    watch->cycle_is_over = true;
}

/* The state is about to be closed, or the process ends. What the interpreter frees on its way out was alive
 * until then, and is to be seen so: its recording is over. */
static void leave(struct watch *watch)
{
    while (watch->evals_open)
        end_eval(watch);
    memrec_heap_usage(watch->heap, watch->live_bytes, MEMREC_UNKNOWN, MEMREC_UNKNOWN);
    memrec_stack_provider(NULL, NULL, MEMREC_STACK_ABOVE);
    if (watch->is_interpreter)
        memrec_stop();
}

/* The finalizer. A cycle has cleared the weak reference before it; the closing of the state has not. */
static int on_cycle(lua_State *L)
{
    struct watch *watch = lua_touserdata(L, LUA_UPVALUE(UP_WATCH));
    lua_State *path[RESUMED_MAX];

    if (lua_rawgeti(L, LUA_UPVALUE(UP_WEAK), WEAK_YOUNG) != LUA_NIL) {
        leave(watch);
        return 0;
    }
    bool all = lua_rawgeti(L, LUA_UPVALUE(UP_WEAK), WEAK_OLD) == LUA_NIL;
    pop(L, 2);
    watch->generational |= !all;
    end_cycle(watch, !watch->generational ? MEMREC_GC_INCREMENTAL
                     : all                ? MEMREC_GC_MAJOR
                                          : MEMREC_GC_MINOR);
    if (!watch->asked)
        tell_cycle(watch, MEMREC_UNKNOWN);
    end_finished(watch, path, running_path(watch, path));
    if (all)
        arm_old(L, LUA_UPVALUE(UP_KEPT), LUA_UPVALUE(UP_WEAK));
    arm(L, LUA_UPVALUE(UP_METATABLE), LUA_UPVALUE(UP_WEAK));
    return 0;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* In place of collectgarbage. What it would refuse is refused here, so that the message names it. */
static int collect_timed(lua_State *L)
{
    enum { COLLECT = 2, STEP = 4, SET_PAUSE, SET_STEP, GENERATIONAL = 8, INCREMENTAL };
    static const char *const names[] = {"stop",         "restart",     "collect",    "count",
                                        "step",         "setpause",    "setstepmul", "isrunning",
                                        "generational", "incremental", NULL};
    struct watch *watch = lua_touserdata(L, LUA_UPVALUE(1));
    int what = luaL_checkoption(L, 1, "collect", names);
    int numbers = what == INCREMENTAL                                     ? 3
                  : what == GENERATIONAL                                  ? 2
                  : what == STEP || what == SET_PAUSE || what == SET_STEP ? 1
                                                                          : 0;
    for (int i = 0; i < numbers; i++)
        luaL_optinteger(L, i + 2, 0);
    int arguments = lua_gettop(L);
    bool runs = (what == COLLECT || what == STEP) && !watch->asked;
    bool whole = what == COLLECT || watch->generational; /* not one step of many */

    lua_pushvalue(L, LUA_UPVALUE(2));
    lua_rotate(L, 1, 1);
    uint64_t began = runs ? now_ns() : 0;
    if (runs) {
        watch->asked = true;
        if (!whole)
            memrec_gc_pause_begin(watch->heap);
    }
    lua_callk(L, arguments, LUA_ALL_RESULTS, 0, NULL);
    if (runs) {
        if (!whole)
            memrec_gc_pause_end(watch->heap);
        if (what == COLLECT && watch->cycle.kind == MEMREC_GC_INCREMENTAL) {
            watch->cycle.kind = MEMREC_GC_FULL;
            watch->cycle.flags = MEMREC_GC_STOPS_WORLD;
        }
        if (whole) /* the other finalizers ran, too */
            watch->cycle.used_after_bytes = watch->high_bytes = watch->live_bytes;
        tell_cycle(watch, whole ? now_ns() - began : MEMREC_UNKNOWN);
        watch->asked = false;
    }
    if (what == GENERATIONAL || what == INCREMENTAL)
        watch->generational = what == GENERATIONAL;
    return lua_gettop(L);
}

/* ---- loading --------------------------------------------------------------------------------- */

/* Is what runs outermost the text of LUA_INIT? */
static bool is_loaded_by_environment(lua_State *L)
{
    struct lua_Debug at;
    bool found = false;

    for (int level = 0; lua_getstack(L, level, &at); level++)
        found |= lua_getinfo(L, "S", &at) && strncmp(at.source, "=LUA_INIT", 9) == 0;
    return found;
}

/* Does Lua's own allocator serve the state, realloc and free? A new state has it. */
static bool is_of_blocks(lua_State *L)
{
    lua_State *fresh = luaL_newstate();
    void *context;

    if (!fresh)
        return false;
    bool is_own = lua_getallocf(L, &context) == lua_getallocf(fresh, &context);
    lua_close(fresh);
    return is_own;
}

static struct watch *new_watch(lua_State *L)
{
    char name[16] = "lua";

    for (unsigned i = 0; i < WATCHES; i++) {
        struct watch *watch = &watches[i];

        if (__atomic_exchange_n(&watch->taken, true, __ATOMIC_ACQUIRE))
            continue;
        memset(watch, 0, sizeof *watch);
        watch->taken = true;
        if (i > 0)
            snprintf(name, sizeof name, "lua %u", i + 1);
        watch->heap =
            memrec_heap(name, MEMREC_UNKNOWN, 2, is_of_blocks(L) ? MEMREC_HEAP_OF_BLOCKS : 0);
        return watch;
    }
    return NULL;
}

static void name_classes(void)
{
    static const char *const names[LUA_TYPES] = {"array",  "array",   "array",    "array",
                                                 "string", "table",   "function", "userdata",
                                                 "thread", "upvalue", "prototype"};

    for (unsigned i = 0; i < LUA_TYPES; i++)
        class_of_tag[i] = memrec_class(names[i], "lua");
    array_class = class_of_tag[0];
    reason_asked = memrec_name("collectgarbage", 14);
}

/* Everything that stays in the state: sentinels, their metatable, and the timed collectgarbage. */
static void move_in(lua_State *L, struct watch *watch)
{
    int base = lua_gettop(L), kept = base + 1, weak = base + 2, metatable = base + 3;

    lua_createtable(L, 1, 0); /* kept */
    lua_createtable(L, 2, 0); /* weak */
    lua_createtable(L, 0, 1);
    lua_pushstring(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, weak);
    lua_createtable(L, 0, 1); /* metatable */
    lua_pushlightuserdata(L, watch);
    lua_pushvalue(L, kept);
    lua_pushvalue(L, weak);
    lua_pushvalue(L, metatable);
    lua_pushcclosure(L, on_cycle, 4);
    lua_setfield(L, metatable, "__gc");
    lua_pushvalue(L, metatable);
    lua_rawsetp(L, LUA_REGISTRY, watch);

    lua_rawgeti(L, LUA_REGISTRY, LUA_GLOBALS);
    lua_pushlightuserdata(L, watch);
    lua_getfield(L, -2, "collectgarbage");
    lua_pushcclosure(L, collect_timed, 2);
    lua_setfield(L, -2, "collectgarbage");

    lua_createtable(L, 0, 0);
    lua_rawseti(L, kept, KEPT_OLD);
    lua_gc(L, LUA_GC_COLLECT); /* what survives is old, where the mode knows ages */
    arm_old(L, kept, weak);
    arm(L, metatable, weak);
    lua_settop(L, base);
}

int luaopen_memrec_lua(lua_State *L)
{
    if (!lua_newuserdatauv || lua_version(L) != LUA_VERSION_504 || !memrec_is_recording() ||
        watch_of(L))
        return 0;
    struct watch *watch = new_watch(L);
    if (!watch)
        return 0;
    name_classes();
    watch->is_interpreter = is_loaded_by_environment(L);
    int mode = lua_gc(L, LUA_GC_GENERATIONAL, 0, 0); /* the way to ask: it returns the one before */
    watch->generational = mode == LUA_GC_GENERATIONAL;
    if (!watch->generational)
        lua_gc(L, LUA_GC_INCREMENTAL, 0, 0, 0);
    lua_rawgeti(L, LUA_REGISTRY, LUA_MAIN_THREAD);
    watch->main = lua_tothread(L, -1);
    pop(L, 1);
    move_in(L, watch);
    watch->live_bytes =
        (uint64_t)lua_gc(L, LUA_GC_COUNT) * 1024 + (uint64_t)lua_gc(L, LUA_GC_COUNT_REST);
    watch->high_bytes = watch->live_bytes;
    watch->allocate = lua_getallocf(L, &watch->allocate_context);
    lua_setallocf(L, watch_allocate, watch);
    watch->calls_left = CALLS_WATCHED;
    set_hook(watch, L);
    memrec_stack_provider(lua_stack, watch, MEMREC_STACK_ABOVE);
    return 0;
}

/* os.exit leaves without closing the state. */
__attribute__((destructor)) static void leave_all(void)
{
    for (unsigned i = 0; i < WATCHES; i++)
        if (watches[i].taken && watches[i].allocate)
            leave(&watches[i]);
}
