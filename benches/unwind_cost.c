/* SPDX-License-Identifier: Apache-2.0 */
/* What one stack costs: mr_unwind against libunwind's unw_backtrace and libgcc's
 * _Unwind_Backtrace, on the same stacks of functions without frame pointers.
 *
 * Expected, warm: two dependent loads per frame (the rule, then the return address), 4 to 7 ns,
 * and no more than libunwind, which does the same with a cache per thread; libgcc, which reads
 * .eh_frame every time, 200 to 300 ns. With a memory, which gives the hash without the addresses,
 * half or less; where 64 unlike stacks take turns, a fifth more. First seen (rules flushed): as
 * libgcc, or better. Every stack is compared with the peer's before it is timed. A is the peer, B is
 * ours.                                                                                          */
#include "bench.h"

#include "runtime/unwinder.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <unwind.h>

enum { ROUNDS = 15, LINKS = 16, CHAIN_MAX = 64, CHAINS = 64 };

typedef int libunwind_backtrace(void **frames, int capacity);

static libunwind_backtrace *libunwind;

struct stack {
    size_t frames;
    uintptr_t pcs[MR_STACK_DEPTH_MAX];
};

/* ---- three walkers -------------------------------------------------------------------------- */

static __attribute__((noinline)) void walk_ours(struct stack *out)
{
    struct mr_registers from = MR_CAPTURE_CALLER();

    out->frames = mr_unwind(from, mr_stack_bounds_here(), out->pcs, MR_STACK_DEPTH_MAX).frames;
}

static struct mr_walk_memory memory;

static __attribute__((noinline)) void walk_again(struct stack *out)
{
    struct mr_registers from = MR_CAPTURE_CALLER();

    out->frames = mr_unwind_again(&memory, from, mr_stack_bounds_here()).frames;
}

static __attribute__((noinline)) void walk_libunwind(struct stack *out)
{
    /* Its first frame is here; the caller's follows. */
    void *pcs[MR_STACK_DEPTH_MAX + 1];
    int frames = libunwind(pcs, MR_STACK_DEPTH_MAX + 1);

    out->frames = frames > 1 ? (size_t)frames - 1 : 0;
    memcpy(out->pcs, pcs + 1, out->frames * sizeof *pcs);
}

struct libgcc_walk {
    struct stack *out;
    bool inside;
};

static _Unwind_Reason_Code libgcc_frame(struct _Unwind_Context *context, void *argument)
{
    struct libgcc_walk *walk = argument;
    uintptr_t pc = _Unwind_GetIP(context);

    if (!walk->inside) {
        walk->inside = true; /* walk_libgcc itself */
    } else if (pc != 0 && walk->out->frames < MR_STACK_DEPTH_MAX) {
        walk->out->pcs[walk->out->frames++] = pc;
    }
    return _URC_NO_REASON;
}

static __attribute__((noinline)) void walk_libgcc(struct stack *out)
{
    struct libgcc_walk walk = {.out = out};

    out->frames = 0;
    _Unwind_Backtrace(libgcc_frame, &walk);
    bench_keep(out->frames); /* not a tail call: this frame must be there to be skipped */
}

typedef void walker(struct stack *out);

/* Called from one place, so that all three see the same return address. */
static __attribute__((noinline)) void walk_times(walker *walk, uint64_t times, struct stack *out)
{
    for (uint64_t i = 0; i < times; i++) {
        walk(out);
        bench_keep(out);
    }
}

static void require_equal(walker *peer)
{
    static struct stack theirs;
    static struct stack ours;

    walk_times(peer, 1, &theirs);
    walk_times(walk_ours, 1, &ours);
    ours.pcs[1] = theirs.pcs[1]; /* the two calls just above */
    bench_require(ours.frames == theirs.frames && ours.frames > 2);
    bench_require(memcmp(ours.pcs, theirs.pcs, ours.frames * sizeof(uintptr_t)) == 0);
}

/* With a memory there are no addresses, only their hash. */
static __attribute__((noinline)) bool same_hashes(void)
{
    static struct stack stack;
    struct mr_registers from = MR_CAPTURE_CALLER();
    struct mr_stack_bounds bounds = mr_stack_bounds_here();
    uint64_t hash = mr_unwind(from, bounds, stack.pcs, MR_STACK_DEPTH_MAX).hash;

    return mr_unwind_again(&memory, from, bounds).hash == hash &&
           mr_unwind_again(&memory, from, bounds).hash == hash;
}

static size_t depth_here(void)
{
    static struct stack stack;

    walk_times(walk_ours, 1, &stack);
    return stack.frames;
}

/* ---- stacks to walk ------------------------------------------------------------------------- */

struct chain;
typedef void link(struct chain *chain, unsigned left);

struct chain {
    unsigned char order[CHAIN_MAX]; /* which link calls which */
    void (*leaf)(void *context);
    void *context;
};

static link *const links[LINKS];

static void go_on(struct chain *chain, unsigned left)
{
    if (left == 0) {
        chain->leaf(chain->context);
    } else {
        links[chain->order[left - 1]](chain, left - 1);
    }
}

/* Each with a frame of its own size; every fourth saves all callee-saved registers. */
#define LINK(n)                                                                                    \
    static __attribute__((noinline)) void link_##n(struct chain *chain, unsigned left)             \
    {                                                                                              \
        char room[24 + 40 * n];                                                                    \
        bench_keep(room);                                                                          \
        if (n % 4 == 3) {                                                                          \
            __asm__ volatile("" ::: "rbx", "rbp", "r12", "r13", "r14", "r15");                     \
        }                                                                                          \
        go_on(chain, left);                                                                        \
        bench_keep(room);                                                                          \
    }
#if !defined(__x86_64__)
#undef LINK
#define LINK(n)                                                                                    \
    static __attribute__((noinline)) void link_##n(struct chain *chain, unsigned left)             \
    {                                                                                              \
        char room[24 + 40 * n];                                                                    \
        bench_keep(room);                                                                          \
        go_on(chain, left);                                                                        \
        bench_keep(room);                                                                          \
    }
#endif
/* clang-format off */
LINK(0) LINK(1) LINK(2) LINK(3) LINK(4) LINK(5) LINK(6) LINK(7)
LINK(8) LINK(9) LINK(10) LINK(11) LINK(12) LINK(13) LINK(14) LINK(15)

static link *const links[LINKS] = {link_0,  link_1,  link_2,  link_3, link_4,  link_5,
                                   link_6,  link_7,  link_8,  link_9, link_10, link_11,
                                   link_12, link_13, link_14, link_15};
/* clang-format on */

static void shuffle(struct chain *chain, uint64_t *seed)
{
    for (unsigned i = 0; i < CHAIN_MAX; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        chain->order[i] = (unsigned char)(*seed >> 60);
    }
}

/* ---- one stack, again and again ------------------------------------------------------------- */

static void same_stack(void *context, uint64_t operations)
{
    static struct stack stack;

    walk_times(*(walker **)context, operations, &stack);
}

/* The best time of one walk of this stack that finds no rule known. */
static double first_seen_ns(walker *walk)
{
    static struct stack stack;
    double best = 1e300;

    for (int i = 0; i < 50 * ROUNDS; i++) {
        mr_unwinder_flush(); /* nothing to libgcc, which keeps nothing */
        uint64_t start_ns = bench_now_ns();
        walk_times(walk, 1, &stack);
        double ns = (double)(bench_now_ns() - start_ns);
        best = ns < best ? ns : best;
    }
    return best;
}

/* How many different addresses a stack has: so many rules are looked up when none is known. */
static size_t distinct_here(void)
{
    static struct stack stack;
    size_t distinct = 0;

    walk_times(walk_ours, 1, &stack);
    for (size_t i = 0; i < stack.frames; i++) {
        size_t earlier = 0;
        while (stack.pcs[earlier] != stack.pcs[i]) {
            earlier++;
        }
        distinct += earlier == i;
    }
    return distinct;
}

static void print_per_frame(const char *name, struct bench_result result, size_t frames)
{
    printf("%-40s A %10.2f ns  B %10.2f ns\n", name, result.a_ns / (double)frames,
           result.b_ns / (double)frames);
}

static void compare_warm(void *context)
{
    walker *ours = walk_ours;
    walker *gcc = walk_libgcc;
    walker *again = walk_again;
    walker *unw = walk_libunwind;
    size_t frames = depth_here() + 2; /* bench_pair and the function it times */
    char name[64];

    (void)context;
    require_equal(gcc);
    if (libunwind) {
        require_equal(unw);
        snprintf(name, sizeof name, "warm, %zu frames, vs libunwind", frames);
        struct bench_result result =
            bench_pair(name, ROUNDS, 20000, same_stack, &unw, same_stack, &ours);
        print_per_frame("  per frame", result, frames);
    }
    bench_require(same_hashes());
    snprintf(name, sizeof name, "warm, %zu frames, ours vs with a memory", frames);
    print_per_frame("  per frame",
                    bench_pair(name, ROUNDS, 20000, same_stack, &ours, same_stack, &again), frames);
    snprintf(name, sizeof name, "warm, %zu frames, vs libgcc", frames);
    bench_pair(name, 5, 500, same_stack, &gcc, same_stack, &ours);
}

static void compare_first_seen(void *context)
{
    size_t addresses = distinct_here();
    size_t frames = depth_here();
    double gcc_ns = first_seen_ns(walk_libgcc);
    double ours_ns = first_seen_ns(walk_ours);
    char name[64];

    (void)context;
    snprintf(name, sizeof name, "first seen, %zu frames, vs libgcc", frames);
    printf("%-40s A %10.2f ns  B %10.2f ns   B/A %.3f\n", name, gcc_ns, ours_ns, ours_ns / gcc_ns);
    snprintf(name, sizeof name, "  per address, of %zu different", addresses);
    printf("%-40s A %10s     B %10.2f ns\n", name, "", ours_ns / (double)addresses);
}

static size_t found_depth;

static void find_depth(void *context)
{
    (void)context;
    found_depth = depth_here() + 2;
}

static unsigned links_for(size_t depth)
{
    struct chain chain = {.leaf = find_depth};

    go_on(&chain, 8);
    bench_require(depth + 8 > found_depth);
    return (unsigned)(depth + 8 - found_depth);
}

static void at_depth(size_t depth, void (*compare)(void *context))
{
    struct chain chain = {.leaf = compare};
    uint64_t seed = depth;

    shuffle(&chain, &seed);
    go_on(&chain, links_for(depth));
}

/* ---- many stacks ---------------------------------------------------------------------------- */

static struct chain many[CHAINS];
static walker *many_walker;

static void walk_here(void *context)
{
    static struct stack stack;

    (void)context;
    if (many_walker) {
        walk_times(many_walker, 1, &stack);
    }
}

static void many_stacks(void *context, uint64_t operations)
{
    many_walker = *(walker **)context;
    for (uint64_t i = 0; i < operations; i++) {
        go_on(&many[i % CHAINS], 24);
    }
}

static void compare_many(void)
{
    walker *ours = walk_ours;
    walker *again = walk_again;
    walker *unw = walk_libunwind;
    walker *none = NULL;
    uint64_t seed = 24;

    for (unsigned i = 0; i < CHAINS; i++) {
        many[i].leaf = walk_here;
        shuffle(&many[i], &seed);
    }
    bench_pair("64 stacks in turn, ours vs with a memory", ROUNDS, 5000, many_stacks, &ours,
               many_stacks, &again);
    if (libunwind) {
        double calls_ns =
            bench_one("64 stacks in turn, the calls alone", ROUNDS, 5000, many_stacks, &none);
        struct bench_result result = bench_pair("64 stacks in turn, vs libunwind", ROUNDS, 5000,
                                                many_stacks, &unw, many_stacks, &ours);
        printf("%-40s A %10.2f ns  B %10.2f ns   B/A %.3f\n", "  without the calls themselves",
               result.a_ns - calls_ns, result.b_ns - calls_ns,
               (result.b_ns - calls_ns) / (result.a_ns - calls_ns));
    }
}

int main(void)
{
    /* Loaded, not linked: linked, it would take the place of libgcc's functions. */
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

    mr_unwinder_start();
    if (library) {
        *(void **)&libunwind = dlsym(library, "unw_backtrace");
    }
    if (!libunwind) {
        printf("libunwind is not installed: not compared with it\n");
    }
    at_depth(14, compare_warm);
    at_depth(26, compare_warm);
    at_depth(46, compare_warm);
    at_depth(26, compare_first_seen);
    at_depth(46, compare_first_seen);
    compare_many();
    return 0;
}
