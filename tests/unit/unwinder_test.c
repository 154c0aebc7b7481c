/* SPDX-License-Identifier: Apache-2.0 */
/* Every stack is walked by us and by libgcc's _Unwind_Backtrace, which reads .eh_frame in full each
 * time, and compared frame by frame: in our own functions of every shape, through the C library,
 * in signal handlers, on other stacks and on other threads. Then what must never happen: a malloc,
 * a changed errno, a fault on garbage.                                                           */
#include "check.h"

#include "runtime/stack_hash.h"
#include "runtime/unwinder.h"

#include <alloca.h>
#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

/* A sanitizer keeps its own frames and stacks; the walk is compared without it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Frame records alone neither show the leaf that a signal interrupted nor leave a stack they were
 * not started on. */
#if defined(__x86_64__)
#define TABLES 1
#else
#define TABLES 0
#endif

/* The linker puts this far from the rest: a module with holes is known to the C library segment by
 * segment, and its tables are in another one than its code. */
static int far_away __attribute__((section(".far_away"), used)) = 1;

#define NOINLINE   __attribute__((noinline))
#define USED(what) __asm__ volatile("" : : "g"(what) : "memory")

/* ---- no malloc ------------------------------------------------------------------------------ */

extern void *__libc_malloc(size_t size_bytes);

static _Thread_local uint64_t mallocs; /* by this thread */

#if !SANITIZED
void *malloc(size_t size_bytes)
{
    mallocs++;
    return __libc_malloc(size_bytes);
}
#endif

/* ---- the oracle ----------------------------------------------------------------------------- */

enum { ORACLE_MAX = 1024 };

struct oracle {
    size_t frames;
    uintptr_t pcs[ORACLE_MAX];
};

static _Unwind_Reason_Code oracle_frame(struct _Unwind_Context *context, void *argument)
{
    struct oracle *oracle = argument;
    int interrupted = 0;
    uintptr_t pc = _Unwind_GetIPInfo(context, &interrupted);

    if (pc != 0 && oracle->frames < ORACLE_MAX) {
        oracle->pcs[oracle->frames++] = pc + (interrupted ? 1 : 0);
    }
    return _URC_NO_REASON;
}

struct seen {
    uint64_t walks;
    size_t frames;
    bool truncated;
    struct mr_stack_bounds bounds;
    struct mr_registers from;
};

static _Thread_local struct seen last;
static _Thread_local struct mr_walk_memory memory;

/* Walks from its caller with both, and compares. Static: a sigaltstack has no room for it. */
static NOINLINE void compare(void)
{
    static _Thread_local struct oracle oracle;
    static _Thread_local uintptr_t pcs[MR_STACK_DEPTH_MAX];
    struct mr_registers from = MR_CAPTURE_CALLER();
    size_t skip = 0;

    last.bounds = mr_stack_bounds_here();
    last.from = from;
    last.walks++;
    for (int warm = 0; warm < 2; warm++) {
        uint64_t mallocs_before = mallocs;
        errno = 4242;
        struct mr_unwound walked = mr_unwind(from, last.bounds, pcs, MR_STACK_DEPTH_MAX);
        CHECK_EQ(errno, 4242);
        CHECK_EQ(mallocs, mallocs_before);
        last.frames = walked.frames;
        last.truncated = walked.truncated;
        CHECK_EQ(walked.hash, mr_stack_hash(pcs, walked.frames));
    }
    uint64_t mallocs_before = mallocs;
    for (int round = 0; round < 2; round++) { /* after another stack, after the same one */
        struct mr_unwound walked = mr_unwind_again(&memory, from, last.bounds);
        CHECK_EQ(walked.frames, last.frames);
        CHECK_EQ(walked.truncated, last.truncated);
        CHECK_EQ(walked.hash, mr_stack_hash(pcs, last.frames));
    }
    CHECK_EQ(errno, 4242);
    CHECK_EQ(mallocs, mallocs_before);
    oracle.frames = 0;
    _Unwind_Backtrace(oracle_frame, &oracle);
    while (skip < oracle.frames && oracle.pcs[skip] != from.pc) {
        skip++;
    }
    size_t expected = oracle.frames - skip;
    bool whole = expected <= MR_STACK_DEPTH_MAX;
    expected = whole ? expected : MR_STACK_DEPTH_MAX;
    if (CHECK_EQ(last.frames, expected)) {
        for (size_t i = 0; i < expected; i++) {
            CHECK_EQ(pcs[i], oracle.pcs[skip + i]);
        }
    }
    CHECK_EQ(last.truncated, !whole);
}

/* ---- functions of every shape --------------------------------------------------------------- */

static NOINLINE unsigned recurse(unsigned left)
{
    if (left == 0) {
        compare();
        return 0;
    }
    unsigned below = recurse(left - 1);
    USED(below);
    return below + 1;
}

static NOINLINE void with_alloca(size_t bytes)
{
    char *room = alloca(bytes);

    USED(room);
    compare();
    USED(room);
}

static NOINLINE void with_big_frame(void)
{
    char room[300000]; /* more than a packed rule can hold */

    USED(room);
    compare();
    USED(room);
}

/* Stronger alignment than the ABI's: the compiler finds its arguments through DRAP. */
static NOINLINE void realigned(int a, int b, int c, int d, int e, int f, int on_stack)
{
    _Alignas(64) char room[64];

    USED(room);
    USED(a + b + c + d + e + f + on_stack);
    CHECK_EQ((uintptr_t)room % 64, 0);
    compare();
    USED(room);
    USED(on_stack);
}

static NOINLINE void realigned_with_alloca(size_t bytes, int a, int b, int c, int d, int e, int f)
{
    _Alignas(64) char aligned[64];
    char *room = alloca(bytes);

    USED(room);
    USED(aligned);
    realigned(a, b, c, d, e, f, (int)bytes);
    USED(room);
    USED(aligned);
    USED(f);
}

/* All callee-saved registers are in use, the frame pointer among them as a mere number. */
static NOINLINE void with_all_registers(unsigned left)
{
#if defined(__x86_64__)
    __asm__ volatile("" ::: "rbx", "r12", "r13", "r14", "r15");
#endif
    if (left == 0) {
        compare();
    } else {
        with_all_registers(left - 1);
    }
    USED(left);
}

#if defined(__x86_64__)
/* Nobody keeps a frame here: rbp is garbage, the tables say where the old one is. */
__asm__(".text\n"
        ".p2align 4\n"
        ".type garbage_fp, @function\n"
        "garbage_fp:\n"
        ".cfi_startproc\n"
        "    pushq %rbp\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_offset rbp, -16\n"
        "    movabsq $0x1234567812345678, %rbp\n"
        "    subq $4000, %rsp\n"
        "    .cfi_def_cfa_offset 4016\n"
        "    call *%rdi\n"
        "    addq $4000, %rsp\n"
        "    .cfi_def_cfa_offset 16\n"
        "    popq %rbp\n"
        "    .cfi_restore rbp\n"
        "    .cfi_def_cfa_offset 8\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size garbage_fp, .-garbage_fp\n"
        /* A frame record and no tables, as a JIT writes. */
        ".type without_tables, @function\n"
        "without_tables:\n"
        "    pushq %rbp\n"
        "    movq %rsp, %rbp\n"
        "    subq $48, %rsp\n"
        "    call *%rdi\n"
        "    leave\n"
        "    ret\n"
        ".size without_tables, .-without_tables\n"
        /* The same, but its frame pointer leads nowhere. */
        ".type without_anything, @function\n"
        "without_anything:\n"
        "    pushq %rbp\n"
        "    movq $-8, %rbp\n"
        "    call *%rdi\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size without_anything, .-without_anything\n"
        /* A stack pointer pushed on an aligned stack: CFA = *(rsp + 24) + 8. */
        ".type pushed_sp, @function\n"
        "pushed_sp:\n"
        ".cfi_startproc\n"
        "    movq %rsp, %rax\n"
        "    .cfi_def_cfa_register rax\n"
        "    subq $64, %rsp\n"
        "    andq $-64, %rsp\n"
        "    movq %rax, 24(%rsp)\n"
        "    .cfi_escape 0x0f,0x05,0x77,0x18,0x06,0x23,0x08\n"
        "    call *%rdi\n"
        "    movq 24(%rsp), %rsp\n"
        "    .cfi_def_cfa rsp, 8\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size pushed_sp, .-pushed_sp\n"
        /* Tables that say something odd: the return address is in a register. */
        ".type odd_tables, @function\n"
        "odd_tables:\n"
        ".cfi_startproc\n"
        "    pushq %rbp\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_register rip, r13\n"
        "    call *%rdi\n"
        "    popq %rbp\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size odd_tables, .-odd_tables\n");

typedef void caller(void (*function)(void));
extern caller garbage_fp, without_tables, without_anything, pushed_sp, odd_tables;

static NOINLINE void compare_deeper(void)
{
    recurse(3);
    with_alloca(100);
    USED(last.walks);
}

/* libgcc stops where there are no tables, so here the walk is compared with a known caller. */
static NOINLINE void walk_alone(void)
{
    uintptr_t pcs[MR_STACK_DEPTH_MAX];
    struct mr_registers from = MR_CAPTURE_CALLER();
    struct mr_stack_bounds bounds = mr_stack_bounds_here();
    struct mr_unwound walked = mr_unwind(from, bounds, pcs, MR_STACK_DEPTH_MAX);

    last.from = from;
    last.bounds = bounds;
    last.frames = walked.frames;
    last.truncated = walked.truncated;
}

static NOINLINE void inner_alloca(size_t bytes)
{
    char *room = alloca(bytes);

    USED(room);
    garbage_fp(compare);
    USED(room);
}

static NOINLINE void between(size_t bytes)
{
    inner_alloca(bytes);
    USED(bytes);
}

static NOINLINE void outer_alloca(size_t outer_bytes, size_t inner_bytes, bool first)
{
    char *room = alloca(outer_bytes);

    USED(room);
    if (first) {
        between(inner_bytes);
        USED(room);
    } else {
        between(inner_bytes);
        USED(outer_bytes);
    }
}

/* Stacks that begin like the last one and then differ in just one of the words read. */
static NOINLINE void nearly_the_same(void)
{
    garbage_fp(compare); /* saves rbp: from here only the return address tells the two apart */
    garbage_fp(compare);
    for (size_t bytes = 0; bytes <= 1024; bytes += 64) {
        /* Here only the saved rbp; where the last one pointed, the last stack still lies. */
        outer_alloca(64 + bytes, 2048 - bytes, bytes % 128 == 0);
    }
    USED(last.walks);
}

static NOINLINE void assembler_frames(void)
{
    nearly_the_same();
    walk_alone();
    size_t here = last.frames;
    bool own_stack = last.from.sp - last.bounds.low < last.bounds.high - last.bounds.low;

    garbage_fp(compare_deeper);
    pushed_sp(compare_deeper);
    without_tables(walk_alone); /* frame pointers are followed on the thread's own stack only */
    CHECK_EQ(last.frames, own_stack ? here + 1 : 1);
    CHECK_EQ(last.truncated, !own_stack);
    without_anything(walk_alone);
    CHECK_EQ(last.frames, 1);
    CHECK(last.truncated);
    odd_tables(walk_alone);
    CHECK_EQ(last.frames, 1);
    CHECK(last.truncated);
}
#endif

static NOINLINE void all_shapes(void)
{
    compare();
    for (unsigned depth = 1; depth < 40; depth += 3) {
        recurse(depth);
    }
    for (size_t bytes = 1; bytes < 5000; bytes = bytes * 3 + 1) {
        with_alloca(bytes);
        realigned_with_alloca(bytes, 1, 2, 3, 4, 5, 6);
    }
    with_big_frame();
    realigned(1, 2, 3, 4, 5, 6, 7);
    with_all_registers(0);
    with_all_registers(9);
#if defined(__x86_64__)
    assembler_frames();
#endif
    USED(last.walks);
}

/* ---- through the C library ------------------------------------------------------------------ */

static int by_value(const void *left, const void *right)
{
    compare();
    return *(const int *)left - *(const int *)right;
}

static void visit(const void *node, VISIT which, int depth)
{
    (void)node;
    (void)which;
    (void)depth;
    compare();
}

static NOINLINE void library_callbacks(void)
{
    int values[40];
    int wanted = 17;
    void *tree = NULL;

    for (int i = 0; i < 40; i++) {
        values[i] = (i * 7) % 40;
    }
    uint64_t before = last.walks;
    qsort(values, 40, sizeof *values, by_value);
    CHECK(bsearch(&wanted, values, 40, sizeof *values, by_value) != NULL);
    for (int i = 0; i < 10; i++) {
        tsearch(&values[(i * 7) % 10], &tree, by_value);
    }
    twalk(tree, visit);
    CHECK(last.walks > before + 100);
}

/* ---- the depth limit ------------------------------------------------------------------------ */

static NOINLINE void depth_limit(void)
{
    recurse(60);
    size_t other = last.frames - 60;

    recurse((unsigned)(MR_STACK_DEPTH_MAX - other)); /* just fits: the root is the last frame */
    CHECK_EQ(last.frames, MR_STACK_DEPTH_MAX);
    CHECK(!last.truncated);
    recurse((unsigned)(MR_STACK_DEPTH_MAX - other + 1));
    CHECK_EQ(last.frames, MR_STACK_DEPTH_MAX);
    CHECK(last.truncated);
    recurse(700);
    CHECK_EQ(last.frames, MR_STACK_DEPTH_MAX);
    CHECK(last.truncated);

    uintptr_t pcs[2] = {0, 4242};
    struct mr_registers from = MR_CAPTURE_CALLER();
    CHECK_EQ(mr_unwind(from, mr_stack_bounds_here(), pcs, 0).frames, 0);
    CHECK_EQ(pcs[0], 0);
    CHECK_EQ(mr_unwind(from, mr_stack_bounds_here(), pcs, 1).frames, 1);
    CHECK_EQ(pcs[0], from.pc);
    CHECK_EQ(pcs[1], 4242);
    from.pc = 0; /* no caller: that is the root */
    CHECK_EQ(mr_unwind(from, mr_stack_bounds_here(), pcs, 2).frames, 0);
    CHECK(!mr_unwind(from, mr_stack_bounds_here(), pcs, 2).truncated);
}

/* ---- signals -------------------------------------------------------------------------------- */

static volatile sig_atomic_t handled;

static void handler(int signal)
{
    (void)signal;
    handled = handled + 1;
    compare();
    recurse(5);
}

static NOINLINE void raise_deep(unsigned left)
{
    if (left == 0) {
        raise(SIGUSR1);
    } else {
        raise_deep(left - 1);
    }
    USED(left);
}

static void set_handler(int signal, void (*function)(int), int flags)
{
    struct sigaction action = {.sa_handler = function, .sa_flags = flags};

    sigaction(signal, &action, NULL);
}

#if defined(__x86_64__)
/* Interrupted at its very first instruction: the address before it belongs to another function. */
__asm__(".text\n"
        ".p2align 4\n"
        ".type trap_at_once, @function\n"
        "trap_at_once:\n"
        ".cfi_startproc\n"
        "    ud2\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size trap_at_once, .-trap_at_once\n"
        /* Interrupted after its pop: compilers go on saying that rbp is saved, now below rsp. */
        ".type trap_in_epilogue, @function\n"
        "trap_in_epilogue:\n"
        ".cfi_startproc\n"
        "    pushq %rbp\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_offset rbp, -16\n"
        "    popq %rbp\n"
        "    .cfi_def_cfa_offset 8\n"
        "    ud2\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size trap_in_epilogue, .-trap_in_epilogue\n");
extern void trap_at_once(void);
extern void trap_in_epilogue(void);

static void skip_instruction(int signal, siginfo_t *info, void *argument)
{
    ucontext_t *context = argument;

    (void)signal;
    (void)info;
    handled = handled + 1;
    recurse(2);
    context->uc_mcontext.gregs[REG_RIP] += 2;
}

static NOINLINE void trapped(void)
{
    struct sigaction action = {.sa_sigaction = skip_instruction, .sa_flags = SA_SIGINFO};
    int before = handled;

    sigaction(SIGILL, &action, NULL);
    trap_at_once();
    trap_in_epilogue();
    CHECK_EQ(handled, before + 2);
}
#endif

static NOINLINE void signals(void)
{
    static _Alignas(64) char other_stack[1 << 16];
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    stack_t none = {.ss_flags = SS_DISABLE};
    int before = handled;

    set_handler(SIGUSR1, handler, 0);
    raise_deep(0);
    raise_deep(12);
    sigaltstack(&stack, NULL);
    set_handler(SIGUSR1, handler, SA_ONSTACK);
    raise_deep(0);
    raise_deep(12);
    sigaltstack(&none, NULL);
    set_handler(SIGUSR1, SIG_DFL, 0);
    CHECK_EQ(handled, before + 4);
#if defined(__x86_64__)
    trapped();
#endif
}

/* A timer interrupts arbitrary code, also the walk itself. Frames that the tables describe wrongly
 * (a few hand-written ones) may differ from libgcc's; nothing may fault. */
static volatile sig_atomic_t ticks;

static void tick(int signal)
{
    uintptr_t pcs[MR_STACK_DEPTH_MAX];
    struct mr_registers from = MR_CAPTURE_CALLER();
    int kept = errno;

    (void)signal;
    ticks = ticks + 1;
    CHECK(mr_unwind(from, mr_stack_bounds_here(), pcs, MR_STACK_DEPTH_MAX).frames > 0);
    CHECK_EQ(errno, kept);
}

static NOINLINE void interrupted_anywhere(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    struct itimerspec every = {.it_interval = {.tv_nsec = 200000}, .it_value = {.tv_nsec = 1000}};
    struct mr_registers from = MR_CAPTURE_CALLER();
    uintptr_t pcs[MR_STACK_DEPTH_MAX];

    set_handler(SIGUSR2, tick, SA_RESTART);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) {
        return;
    }
    struct mr_unwound first = mr_unwind(from, mr_stack_bounds_here(), pcs, MR_STACK_DEPTH_MAX);
    timer_settime(timer, 0, &every, NULL);
    for (unsigned i = 0; ticks < 300 && i < 200000; i++) {
        if (i % 16 == 0) {
            mr_unwinder_flush();
        }
        struct mr_unwound again = mr_unwind(from, mr_stack_bounds_here(), pcs, MR_STACK_DEPTH_MAX);
        CHECK_EQ(again.hash, first.hash);
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        fprintf(out, "%u %f\n", i, (double)i / 3);
        fclose(out);
        free(text);
    }
    timer_delete(timer);
    set_handler(SIGUSR2, SIG_IGN, 0);
    CHECK(ticks > 0);
}

/* ---- other stacks --------------------------------------------------------------------------- */

static ucontext_t back;
static ucontext_t coroutine;

static void coroutine_body(void)
{
    all_shapes();
    library_callbacks();
    recurse(2);
    CHECK(last.from.sp < last.bounds.low || last.from.sp >= last.bounds.high);
    CHECK(!last.truncated);
}

/* The stack ends at an unmapped page: a read past it would end the test. */
static NOINLINE void coroutines(void)
{
    enum { SIZE_BYTES = 1 << 20 };
    long page = sysconf(_SC_PAGESIZE);
    char *map = mmap(NULL, SIZE_BYTES + (size_t)page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (!CHECK(map != MAP_FAILED)) {
        return;
    }
    mprotect(map + SIZE_BYTES, (size_t)page, PROT_NONE);
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = map;
    coroutine.uc_stack.ss_size = SIZE_BYTES;
    coroutine.uc_link = &back;
    makecontext(&coroutine, coroutine_body, 0);
    swapcontext(&back, &coroutine);
    munmap(map, SIZE_BYTES + (size_t)page);
}

static void *thread_body(void *argument)
{
    (void)argument;
    all_shapes();
    library_callbacks();
    depth_limit();
    CHECK(last.from.sp > last.bounds.low && last.from.sp < last.bounds.high);
    return NULL;
}

static NOINLINE void threads(void)
{
    enum { THREADS = 4, SMALL_BYTES = 1 << 20 };
    pthread_t ids[THREADS];
    pthread_attr_t attributes;
    void *map = mmap(NULL, SMALL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (int i = 0; i < THREADS; i++) {
        pthread_attr_init(&attributes);
        if (i == 1) {
            pthread_attr_setstacksize(&attributes, SMALL_BYTES);
        } else if (i == 2) {
            pthread_attr_setstack(&attributes, map, SMALL_BYTES);
        }
        if (!CHECK_EQ(pthread_create(&ids[i], &attributes, thread_body, NULL), 0)) {
            exit(1);
        }
        pthread_attr_destroy(&attributes);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
    }
    munmap(map, SMALL_BYTES);
}

/* ---- garbage -------------------------------------------------------------------------------- */

static uint64_t random_state = 20261121;

static uint64_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uintptr_t code_somewhere(const uintptr_t *real, size_t frames)
{
    static void *const functions[] = {(void *)qsort,          (void *)printf,  (void *)sigaction,
                                      (void *)pthread_create, (void *)recurse, (void *)malloc};
    uint64_t dice = random_word();

    switch (dice % 4) {
    case 0:
        return real[(dice >> 8) % frames];
    case 1:
        return (uintptr_t)functions[(dice >> 8) % 6] + (dice >> 16) % 4096;
    case 2:
        return (uintptr_t)&code_somewhere + (dice >> 8) % 8192;
    default:
        return dice >> ((dice >> 8) % 64);
    }
}

/* A stack of nonsense between two unmapped pages, walked from nonsense registers. */
static NOINLINE void garbage(void)
{
    enum { WORDS = 4096 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size_bytes = WORDS * sizeof(uintptr_t);
    char *map = mmap(NULL, size_bytes + 2 * page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t real[MR_STACK_DEPTH_MAX];
    uintptr_t pcs[MR_STACK_DEPTH_MAX];
    struct mr_registers from = MR_CAPTURE_CALLER();
    struct mr_unwound walked = mr_unwind(from, mr_stack_bounds_here(), real, MR_STACK_DEPTH_MAX);
    size_t frames = walked.frames;
    uint64_t walks_that_went_on = 0;
    static struct mr_walk_memory remembered;

    if (!CHECK(map != MAP_FAILED) || !CHECK(frames > 0)) {
        return;
    }
    mprotect(map, page, PROT_NONE);
    mprotect(map + page + size_bytes, page, PROT_NONE);
    uintptr_t *stack = (uintptr_t *)(void *)(map + page);
    struct mr_stack_bounds bounds = {.low = (uintptr_t)stack, .high = (uintptr_t)(stack + WORDS)};
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < WORDS; i++) {
            uint64_t dice = random_word() % 16;
            stack[i] = dice == 0   ? random_word()
                       : dice == 1 ? bounds.low + random_word() % size_bytes
                       : dice < 5  ? (uintptr_t)&stack[i] + 8 * (random_word() % 32)
                                   : code_somewhere(real, frames);
        }
        for (int i = 0; i < 500; i++) {
            struct mr_registers start = {
                .pc = code_somewhere(real, frames),
                .sp = bounds.low + random_word() % size_bytes / 8 * 8 + (i % 16 == 0 ? 3 : 0),
                .fp = random_word() % 2 ? bounds.low + random_word() % size_bytes : random_word()};
            walked = mr_unwind(start, bounds, pcs, MR_STACK_DEPTH_MAX);
            for (int again = 0; again < 2; again++) {
                struct mr_unwound same = mr_unwind_again(&remembered, start, bounds);
                CHECK(same.hash == walked.hash && same.frames == walked.frames &&
                      same.truncated == walked.truncated);
            }
            walks_that_went_on += walked.frames > 1;
        }
    }
    CHECK(walks_that_went_on > (TABLES ? 5000 : 500)); /* of 100 000 */
    munmap(map, size_bytes + 2 * page);
}

/* ---- what is remembered --------------------------------------------------------------------- */

static jmp_buf way_out;

static NOINLINE void jump_out(unsigned left, size_t bytes)
{
    char *room = alloca(bytes);

    USED(room);
    if (left > 0) {
        jump_out(left - 1, bytes);
    } else {
        compare();
        if (last.frames > 0) { /* always */
            longjmp(way_out, 1);
        }
    }
    USED(room);
}

/* Frames left without a return, then others where they stood. */
static NOINLINE void jumped_over(void)
{
    for (volatile unsigned i = 0; i < 24; i++) {
        if (setjmp(way_out) == 0) {
            jump_out(i % 5, 16 * (i % 7 + 1));
        }
        recurse(i % 6);
    }
}

static size_t remembered_frames(void)
{
    size_t frames = 0;

    for (size_t i = 0; i < MR_WALK_FRAMES; i++) {
        frames += memory.frames[i].pc != 0;
    }
    return frames;
}

static NOINLINE void flushed(void)
{
    struct mr_registers from = MR_CAPTURE_CALLER();
    struct mr_stack_bounds bounds = mr_stack_bounds_here();

    recurse(60);
    CHECK(!TABLES || remembered_frames() > 60);
    mr_unwinder_flush();
    recurse(6);
    CHECK(remembered_frames() <= last.frames + 2); /* compare's caller stands at two places */
    recurse(60);
    CHECK(!TABLES || remembered_frames() > 60);
    bounds.low += 16; /* as of another thread, which was given this memory */
    size_t frames = mr_unwind_again(&memory, from, bounds).frames;
    CHECK(remembered_frames() <= frames);
    recurse(6);
}

int main(void)
{
    if (SANITIZED) {
        return check_skip("a sanitizer has frames and stacks of its own");
    }
    mr_unwinder_start();
    CHECK((uintptr_t)&far_away - (uintptr_t)&main > 0x1000000);
    all_shapes();
    library_callbacks();
    depth_limit();
    threads();
    if (TABLES) {
        signals();
        coroutines();
    }
    jumped_over();
    flushed();
    interrupted_anywhere();
    garbage();
    CHECK(last.walks > (TABLES ? 500 : 200));
    return check_summary();
}
