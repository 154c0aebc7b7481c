/* SPDX-License-Identifier: Apache-2.0 */
/* Why no read faults.
 *
 * Own stack (sp inside the thread's bounds): everything from the sp we started with to `high` is
 * one mapping that the thread has been using; every read is checked to lie in it. That holds
 * whatever the tables or a frame pointer claim.
 *
 * Another stack (coroutine, sigaltstack): its end is unknown, so nothing is guessed. Starting from
 * the real registers of a live function, each CFA that the tables give is the end of a live frame,
 * and all reads lie between sp and CFA. Frame pointers, which may hold anything, are not followed;
 * a CFA that does not grow, or grows by more than a frame ever does, ends the walk.
 *
 * Signal frames hold the interrupted sp, which the kernel saw in the register: it is believed, and
 * the walk goes on under the rule of the stack it points to. A handler on the thread's own stack
 * has interrupted only that; and after a guess it can only be further up.                        */
#include "unwinder.h"

#include "atomics.h"
#include "stack_hash.h"
#include "unwind_cfi.h"

#include <string.h>

/* More than these is not the stack we think of; smaller ones only lose the use of frame pointers. */
#define MAIN_STACK_MAX   (UINT64_C(128) << 20) /* the kernel maps nothing else so near to it */
#define THREAD_STACK_MAX (UINT64_C(8) << 20)   /* glibc's and musl's usual limit */
#define OTHER_FRAME_MAX  (UINT64_C(1) << 20)
#define OTHER_WALK_MAX   (UINT64_C(64) << 20)
#define ROOT_ROOM        64
#define RED_ZONE         128 /* below sp, a function may use this much; signals leave it alone */

/* Below the first page nothing can be called; above these bits lies the kernel. */
#define CODE_LOW UINT64_C(0x1000)
#if defined(__x86_64__)
#define CODE_HIGH (UINT64_C(1) << 47)
#else
#define CODE_HIGH (UINT64_C(1) << 48)
#endif

#define likely(condition) __builtin_expect((condition), 1)

/* ---- whose stack ---------------------------------------------------------------------------- */

/* Where the kernel put argc: the first thread's frames end here. glibc and musl differ. */
extern void *__libc_stack_end __attribute__((weak));

static _Atomic uintptr_t first_thread;

/* glibc and musl put a thread's control block at the top of its stack mapping. */
static uintptr_t thread_pointer(void)
{
    uintptr_t pointer;

#if defined(__x86_64__)
    __asm__("mov %%fs:0, %0" : "=r"(pointer));
#elif defined(__aarch64__)
    __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
#else
#error "unwinder.c: this processor is not known"
#endif
    return pointer;
}

static struct mr_stack_bounds first_stack(void)
{
    uintptr_t end = &__libc_stack_end ? (uintptr_t)__libc_stack_end : 0;

    return (struct mr_stack_bounds){.low = end - MAIN_STACK_MAX, .high = end};
}

static bool contains(struct mr_stack_bounds bounds, uintptr_t address)
{
    return address - bounds.low < bounds.high - bounds.low;
}

void mr_unwinder_start(void)
{
    if (contains(first_stack(), (uintptr_t)__builtin_frame_address(0))) {
        mr_store_relaxed(&first_thread, thread_pointer());
    }
}

struct mr_stack_bounds mr_stack_bounds_here(void)
{
    struct mr_stack_bounds first = first_stack();
    uintptr_t self = thread_pointer();

    /* Relaxed: stored before other threads exist, and useless to them before they are told. */
    if (contains(first, (uintptr_t)__builtin_frame_address(0)) ||
        mr_load_relaxed(&first_thread) == self) {
        return first;
    }
    return (struct mr_stack_bounds){.low = self - THREAD_STACK_MAX, .high = self};
}

/* ---- a walk in progress --------------------------------------------------------------------- */

struct walk {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t fp;
    uintptr_t floor;     /* nothing below is read */
    uintptr_t high;      /* nothing from here on is read */
    uintptr_t frame_max; /* no frame is larger */
    struct mr_stack_bounds own;
    bool is_own;  /* on the thread's own stack */
    bool guessed; /* a frame pointer was believed */
};

enum step { STEP_TAKEN, STEP_ROOT, STEP_STOP };

static void enter_stack(struct walk *walk, uintptr_t sp)
{
    walk->sp = sp;
    walk->floor = sp;
    walk->is_own = contains(walk->own, sp);
    if (walk->is_own) {
        walk->high = walk->own.high;
        walk->frame_max = walk->high - sp;
    } else {
        walk->high = sp < UINTPTR_MAX - OTHER_WALK_MAX ? sp + OTHER_WALK_MAX : UINTPTR_MAX;
        walk->frame_max = OTHER_FRAME_MAX;
    }
}

static uintptr_t read_word(uintptr_t address)
{
    uintptr_t word;

    memcpy(&word, (const void *)address, sizeof word);
    return word;
}

static bool may_be_code(uintptr_t pc) { return pc - CODE_LOW < CODE_HIGH - CODE_LOW; }

/* The address in a saved return address: on arm64 the bits above may hold a signature of it. */
static uintptr_t code_address(uintptr_t word)
{
#if defined(__aarch64__)
    word &= CODE_HIGH - 1;
#endif
    return word;
}

/* Where there are no tables. The dynamic loader's own start has none, and it is the root of all that
 * runs before main: so is any such frame with no room for another above it. Else believes the frame
 * pointer if it points up this stack to a pair that looks like a frame: the address in a module,
 * or the next frame pointer up this stack again. */
static enum step step_frame_pointer(struct walk *walk)
{
    uintptr_t fp = walk->fp;

    if (walk->is_own && walk->high - walk->sp < ROOT_ROOM) {
        return STEP_ROOT;
    }
    if (!walk->is_own || fp % sizeof(uintptr_t) != 0 || fp < walk->sp ||
        fp > walk->high - 2 * sizeof(uintptr_t)) {
        return STEP_STOP;
    }
    uintptr_t next_fp = read_word(fp);
    uintptr_t pc = code_address(read_word(fp + sizeof(uintptr_t)));
    bool goes_up = next_fp > fp && next_fp < walk->high && next_fp % sizeof(uintptr_t) == 0;
    bool ends = next_fp == 0; /* so both ABIs mark the outermost frame */
    if (!may_be_code(pc) || !(goes_up || ends || mr_cfi_in_module(pc - 1))) {
        return STEP_STOP;
    }
    walk->pc = pc;
    walk->sp = fp + 2 * sizeof(uintptr_t);
    walk->fp = next_fp;
    walk->guessed = true;
    return STEP_TAKEN;
}

#if defined(__x86_64__)

/* ---- one rule, one word --------------------------------------------------------------------- */

/*  63          48 47                    15 14         4 3      1 0
 *  | cfa_offset/8 | tag: pc >> 14, 33 bits | fp slot    | form   | base_is_fp |
 *
 * The index in the table is pc's low 14 bits: index and tag give back the whole pc, so a word can
 * only be taken for the address it was made for. One word is stored and loaded whole: no reader can see half a rule,
 * and every order of stores leaves a true one.
 *
 * fp slot, saved at cfa: at cfa - 8 * slot; 1, where the return address is, means unchanged.
 * fp slot, saved at fp:  at fp + 8 * slot, signed.                                              */
enum { INDEX_BITS = 14, TAG_SHIFT = 15, SLOT_SHIFT = 4, FORM_SHIFT = 1, OFFSET_SHIFT = 48 };
enum { SLOT_MASK = 0x7ff, SLOT_UNCHANGED = 1, SLOT_SIGNED_MAX = 0x3ff };

enum packed_form {
    PACKED_PLAIN, /* and fp saved at cfa or unchanged: nearly all */
    PACKED_PLAIN_AT_FP,
    PACKED_INDIRECT,
    PACKED_INDIRECT_AT_FP,
    PACKED_INDIRECT_8,
    PACKED_SIGNAL,
    PACKED_FRAME_POINTER,
    PACKED_END /* base_is_fp: STOP, else ROOT */
};

#define FORM_BITS ((uint64_t)7 << FORM_SHIFT)
#define TAG_BITS  (((UINT64_C(1) << 33) - 1) << TAG_SHIFT)

static _Atomic uint64_t rules[1 << INDEX_BITS]; /* 0: none */

/* How often all rules were forgotten: a walk made before it is no example any more. */
static _Atomic uint32_t flushes;

static _Atomic uint64_t *rule_slot(uintptr_t pc)
{
    return &rules[pc & ((1 << INDEX_BITS) - 1)]; /* one step shorter than mixing, as good */
}

static uint64_t tag_of(uintptr_t pc) { return (uint64_t)(pc >> INDEX_BITS) << TAG_SHIFT; }

static bool pack_slot(const struct mr_cfi_rule *rule, uint64_t *slot)
{
    int64_t words = rule->fp_offset / 8;

    switch (rule->fp_saved) {
    case MR_CFI_UNCHANGED:
        *slot = SLOT_UNCHANGED;
        return true;
    case MR_CFI_AT_CFA:
        *slot = (uint64_t)-words;
        return rule->fp_offset % 8 == 0 && words < -SLOT_UNCHANGED && words >= -SLOT_MASK;
    case MR_CFI_AT_FP:
        *slot = (uint64_t)words & SLOT_MASK;
        return rule->fp_offset % 8 == 0 && words >= -SLOT_SIGNED_MAX && words <= SLOT_SIGNED_MAX;
    }
    return false;
}

/* The word for `rule` at `pc`, or 0 when it does not fit: then it is worked out every time. */
static uint64_t pack_rule(const struct mr_cfi_rule *rule, uintptr_t pc)
{
    enum packed_form form = PACKED_END;
    bool low_bit = rule->base_is_fp;
    bool at_fp = rule->fp_saved == MR_CFI_AT_FP;
    int64_t words = rule->cfa_offset / 8;
    uint64_t slot;

    if (rule->cfa_offset % 8 != 0 || words != (int16_t)words || !pack_slot(rule, &slot)) {
        return 0;
    }
    switch (rule->form) {
    case MR_CFI_PLAIN:
        form = at_fp ? PACKED_PLAIN_AT_FP : PACKED_PLAIN;
        break;
    case MR_CFI_INDIRECT:
        form = at_fp ? PACKED_INDIRECT_AT_FP : PACKED_INDIRECT;
        break;
    case MR_CFI_INDIRECT_8:
        if (at_fp) {
            return 0;
        }
        form = PACKED_INDIRECT_8;
        break;
    case MR_CFI_SIGNAL:
        form = PACKED_SIGNAL;
        break;
    case MR_CFI_FRAME_POINTER:
        form = PACKED_FRAME_POINTER;
        break;
    case MR_CFI_ROOT:
    case MR_CFI_STOP:
        low_bit = rule->form == MR_CFI_STOP;
        break;
    }
    return (uint64_t)words << OFFSET_SHIFT | tag_of(pc) | slot << SLOT_SHIFT |
           (uint64_t)form << FORM_SHIFT | low_bit;
}

static int64_t packed_cfa_offset(uint64_t word) { return ((int64_t)word >> OFFSET_SHIFT) * 8; }

static struct mr_cfi_rule unpack_rule(uint64_t word)
{
    struct mr_cfi_rule rule = {.base_is_fp = word & 1, .cfa_offset = packed_cfa_offset(word)};
    enum packed_form form = (word & FORM_BITS) >> FORM_SHIFT;
    int64_t slot = word >> SLOT_SHIFT & SLOT_MASK;
    int64_t signed_slot = slot > SLOT_SIGNED_MAX ? slot - SLOT_MASK - 1 : slot;

    if (form == PACKED_PLAIN_AT_FP || form == PACKED_INDIRECT_AT_FP) {
        rule.fp_saved = MR_CFI_AT_FP;
        rule.fp_offset = 8 * signed_slot;
    } else if (slot != SLOT_UNCHANGED) {
        rule.fp_saved = MR_CFI_AT_CFA;
        rule.fp_offset = -8 * slot;
    }
    switch (form) {
    case PACKED_PLAIN:
    case PACKED_PLAIN_AT_FP:
        rule.form = MR_CFI_PLAIN;
        break;
    case PACKED_INDIRECT:
    case PACKED_INDIRECT_AT_FP:
        rule.form = MR_CFI_INDIRECT;
        break;
    case PACKED_INDIRECT_8:
        rule.form = MR_CFI_INDIRECT_8;
        break;
    case PACKED_SIGNAL:
        rule.form = MR_CFI_SIGNAL;
        break;
    case PACKED_FRAME_POINTER:
        rule.form = MR_CFI_FRAME_POINTER;
        break;
    case PACKED_END:
        rule.form = word & 1 ? MR_CFI_STOP : MR_CFI_ROOT;
        break;
    }
    return rule;
}

void mr_unwinder_flush(void)
{
    mr_fetch_add_relaxed(&flushes, 1);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (mr_load_relaxed(&rules[i]) != 0) {
            mr_store_relaxed(&rules[i], 0);
        }
    }
}

/* ---- one step ------------------------------------------------------------------------------- */

/* Offsets in the ucontext that the kernel leaves at the stack pointer of a signal trampoline. */
enum { UCONTEXT_FP = 120, UCONTEXT_SP = 160, UCONTEXT_PC = 168 };

/* One word at `address` may be read: it lies in what is left of the stack, in one frame's reach. */
static bool readable(const struct walk *walk, uintptr_t address)
{
    return address >= walk->floor && address <= walk->high - sizeof(uintptr_t) &&
           (address < walk->sp || address - walk->sp < walk->frame_max);
}

static enum step step_signal(struct walk *walk)
{
    if (!readable(walk, walk->sp + UCONTEXT_FP) || !readable(walk, walk->sp + UCONTEXT_PC)) {
        return STEP_STOP;
    }
    uintptr_t sp = read_word(walk->sp + UCONTEXT_SP);
    uintptr_t pc = read_word(walk->sp + UCONTEXT_PC);
    if (walk->is_own && (!contains(walk->own, sp) || (walk->guessed && sp <= walk->sp))) {
        return STEP_STOP;
    }
    walk->fp = read_word(walk->sp + UCONTEXT_FP);
    enter_stack(walk, sp);
    if (!walk->is_own || sp - walk->own.low >= RED_ZONE) {
        walk->floor -= RED_ZONE; /* in an epilogue, what was just popped still counts as saved */
    }
    walk->pc = pc + 1; /* not a return address: this instruction itself was interrupted */
    return STEP_TAKEN;
}

static enum step step_rule(struct walk *walk, const struct mr_cfi_rule *rule)
{
    uintptr_t cfa = (rule->base_is_fp ? walk->fp : walk->sp) + (uintptr_t)rule->cfa_offset;

    switch (rule->form) {
    case MR_CFI_PLAIN:
        break;
    case MR_CFI_INDIRECT:
    case MR_CFI_INDIRECT_8:
        if (!readable(walk, cfa)) {
            return STEP_STOP;
        }
        cfa = read_word(cfa) + (rule->form == MR_CFI_INDIRECT_8 ? 8 : 0);
        break;
    case MR_CFI_SIGNAL:
        return step_signal(walk);
    case MR_CFI_FRAME_POINTER:
        return step_frame_pointer(walk);
    case MR_CFI_ROOT:
        return STEP_ROOT;
    case MR_CFI_STOP:
        return STEP_STOP;
    }
    if (cfa <= walk->sp || !readable(walk, cfa - 8)) {
        return STEP_STOP;
    }
    if (rule->fp_saved != MR_CFI_UNCHANGED) {
        uintptr_t at =
            (rule->fp_saved == MR_CFI_AT_CFA ? cfa : walk->fp) + (uintptr_t)rule->fp_offset;

        if (!readable(walk, at)) {
            return STEP_STOP;
        }
        walk->fp = read_word(at);
    }
    walk->pc = read_word(cfa - 8);
    walk->sp = cfa;
    return STEP_TAKEN;
}

/* What the tables say at `pc`, also as its word in the table of rules, where it is from now on; the
 * word is 0 when it does not fit. */
static struct mr_cfi_rule find_rule(uintptr_t pc, uint64_t *word)
{
    struct mr_cfi_rule rule;

    *word = mr_load_relaxed(rule_slot(pc));
    if ((*word & TAG_BITS) == tag_of(pc)) {
        return unpack_rule(*word);
    }
    rule = mr_cfi_find(pc - 1);
    *word = pack_rule(&rule, pc);
    if (*word != 0) {
        mr_store_relaxed(rule_slot(pc), *word);
    }
    return rule;
}

/* The step for a pc that the table has no plain rule for. Out of the way of the loops below. */
static __attribute__((noinline, cold)) enum step step_slowly(struct walk *walk, uintptr_t pc,
                                                             uintptr_t sp, uintptr_t fp)
{
    uint64_t word;
    struct mr_cfi_rule rule = find_rule(pc, &word);

    walk->pc = pc;
    walk->sp = sp;
    walk->fp = fp;
    return step_rule(walk, &rule);
}

struct mr_unwound mr_unwind(struct mr_registers from, struct mr_stack_bounds bounds,
                            uintptr_t *frames, size_t capacity)
{
    struct mr_unwound result = {.truncated = true};
    struct walk walk = {.own = bounds};
    uint64_t hash = MR_STACK_HASH_SEED;
    size_t count = 0;

    /* `walk` is in memory, as its address is taken; what changes with each frame is kept out. */
    enter_stack(&walk, from.sp);
    uintptr_t pc = from.pc;
    uintptr_t sp = from.sp;
    uintptr_t fp = from.fp;
    for (;;) {
        if (!likely(may_be_code(pc))) {
            result.truncated = pc != 0;
            break;
        }
        if (count == capacity) {
            break;
        }
        frames[count++] = pc;
        hash = mr_stack_hash_add(hash, pc);

        uint64_t word = mr_load_relaxed(rule_slot(pc));
        uint64_t other = (word ^ tag_of(pc)) & (TAG_BITS | FORM_BITS);
        if (likely(other == 0)) {
            uintptr_t cfa = (word & 1 ? fp : sp) + (uintptr_t)packed_cfa_offset(word);
            uint64_t slot = word >> SLOT_SHIFT & SLOT_MASK;
            uintptr_t saved_at = cfa - 8 * slot;

            /* saved_at <= cfa - 8, as slot is not 0: both words are in [floor, cfa). */
            if (!likely(cfa - sp - 1 < walk.frame_max && cfa <= walk.high &&
                        saved_at >= walk.floor)) {
                break;
            }
            uintptr_t saved = read_word(saved_at);
            pc = read_word(cfa - 8);
            fp = slot == SLOT_UNCHANGED ? fp : saved;
            sp = cfa;
        } else if (other == (uint64_t)PACKED_END << FORM_SHIFT) {
            result.truncated = word & 1;
            break;
        } else {
            enum step step = step_slowly(&walk, pc, sp, fp);
            if (step != STEP_TAKEN) {
                result.truncated = step == STEP_STOP;
                break;
            }
            pc = walk.pc;
            sp = walk.sp;
            fp = walk.fp;
        }
    }
    result.hash = hash;
    result.frames = count;
    return result;
}

/* ---- walks that remember -------------------------------------------------------------------- */

/* A remembered frame is the step from its registers, worked out: where the caller's are is decided
 * by pc, sp and, for some, fp. What they are is read from the stack each time, so a frame that was
 * overwritten, or leads to another caller than last time, only costs a look in the table.
 *
 * The limits of step are not tested again: they were the same, or tighter. Same sp and same bounds
 * mean the same stack; on the thread's own its end is the limit; on another the frame is live. */
enum walked_kind {
    WALKED_BY_SP,   /* the next registers are where it says */
    WALKED_BY_FP,   /* if fp is the same */
    WALKED_SLOWLY,  /* it says nothing: step_slowly */
    WALKED_TO_ROOT, /* the last frame */
    WALKED_TO_STOP  /* the last that is seen */
};

static struct mr_walked_frame *walked_slot(struct mr_walk_memory *memory, uintptr_t pc,
                                           uintptr_t sp)
{
    uint64_t mixed = (pc ^ sp << 16) * UINT64_C(0x9E3779B97F4A7C15);

    return &memory->frames[mixed >> 32 & (MR_WALK_FRAMES - 1)];
}

static void forget_walks(struct mr_walk_memory *memory, struct mr_stack_bounds bounds, uint32_t now)
{
    if (memory->bounds.high != 0) { /* else it is all zeros, and need not take memory yet */
        memset(memory->frames, 0, sizeof memory->frames);
    }
    memory->bounds = bounds;
    memory->flushes = now;
}

/* Makes `frame` the one of these registers, met on `walk`. */
static __attribute__((noinline)) void walked_learn(struct mr_walked_frame *frame,
                                                   const struct walk *walk, uintptr_t pc,
                                                   uintptr_t sp, uintptr_t fp)
{
    uint64_t word = mr_load_relaxed(rule_slot(pc));

    if ((word & TAG_BITS) != tag_of(pc)) {
        find_rule(pc, &word);
    }
    enum packed_form form = (word & FORM_BITS) >> FORM_SHIFT;
    *frame = (struct mr_walked_frame){
        .pc = pc, .sp = sp, .fp = fp, .next = frame, .kind = WALKED_SLOWLY};
    if (word != 0 && form == PACKED_END) {
        frame->kind = word & 1 ? WALKED_TO_STOP : WALKED_TO_ROOT;
    } else if (word != 0 && form == PACKED_PLAIN) {
        uintptr_t cfa = (word & 1 ? fp : sp) + (uintptr_t)packed_cfa_offset(word);
        uint64_t slot = word >> SLOT_SHIFT & SLOT_MASK;
        uintptr_t saved_at = cfa - 8 * slot;

        /* Not what lies in a red zone, as that may be read behind a signal frame only. */
        if (cfa - sp - 1 < walk->frame_max && cfa <= walk->high && saved_at >= sp &&
            walk->is_own == contains(walk->own, sp)) {
            frame->caller_sp = cfa;
            frame->saved_at = slot == SLOT_UNCHANGED ? 0 : saved_at;
            frame->kind = word & 1 ? WALKED_BY_FP : WALKED_BY_SP;
        }
    }
}

struct mr_unwound mr_unwind_again(struct mr_walk_memory *memory, struct mr_registers from,
                                  struct mr_stack_bounds bounds)
{
    struct walk walk = {.own = bounds};
    uint64_t hash = MR_STACK_HASH_SEED;
    size_t count = 0;
    bool truncated = true;
    uint32_t now = mr_load_relaxed(&flushes);

    if (!likely(memory->flushes == now && memory->bounds.low == bounds.low &&
                memory->bounds.high == bounds.high)) {
        forget_walks(memory, bounds, now);
    }
    enter_stack(&walk, from.sp);
    uintptr_t pc = from.pc;
    uintptr_t sp = from.sp;
    uintptr_t fp_at = (uintptr_t)&from.fp; /* the caller's, read when it is asked for */
    struct mr_walked_frame *frame = walked_slot(memory, pc, sp);
    struct mr_walked_frame *last = frame;
    for (;;) {
        if (!likely(frame->pc == pc && frame->sp == sp)) {
            if (!may_be_code(pc)) {
                truncated = pc != 0;
                break;
            }
            frame = walked_slot(memory, pc, sp);
            if (frame->pc != pc || frame->sp != sp) {
                walked_learn(frame, &walk, pc, sp, read_word(fp_at));
            }
            last->next = frame;
        }
        if (count == MR_STACK_DEPTH_MAX) {
            break;
        }
        count++;
        hash = mr_stack_hash_add(hash, pc);
        last = frame;
        if (!likely(frame->kind == WALKED_BY_SP)) {
            if (frame->kind >= WALKED_TO_ROOT) {
                truncated = frame->kind == WALKED_TO_STOP;
                break;
            }
            uintptr_t fp = read_word(fp_at);
            if (frame->kind == WALKED_BY_FP && frame->fp != fp) {
                walked_learn(frame, &walk, pc, sp, fp);
            }
            if (frame->kind == WALKED_SLOWLY) {
                enum step step = step_slowly(&walk, pc, sp, fp);
                if (step != STEP_TAKEN) {
                    truncated = step == STEP_STOP;
                    break;
                }
                pc = walk.pc;
                sp = walk.sp;
                fp_at = (uintptr_t)&walk.fp;
                frame = frame->next;
                continue;
            }
        }
        fp_at = frame->saved_at ? frame->saved_at : fp_at;
        sp = frame->caller_sp;
        pc = read_word(sp - sizeof(uintptr_t));
        frame = frame->next;
    }
    return (struct mr_unwound){.hash = hash, .frames = count, .truncated = truncated};
}

#else

void mr_unwinder_flush(void) {}

/* Frame records: x29 points at {caller's x29, return address}; the chain ends in a zero. */
struct mr_unwound mr_unwind(struct mr_registers from, struct mr_stack_bounds bounds,
                            uintptr_t *frames, size_t capacity)
{
    struct mr_unwound result = {.hash = MR_STACK_HASH_SEED, .truncated = true};
    struct walk walk = {.pc = code_address(from.pc), .fp = from.fp, .own = bounds};

    enter_stack(&walk, from.sp);
    while (result.frames < capacity) {
        frames[result.frames++] = walk.pc;
        result.hash = mr_stack_hash_add(result.hash, walk.pc);
        if (walk.fp == 0) {
            result.truncated = false;
            break;
        }
        if (step_frame_pointer(&walk) != STEP_TAKEN) {
            break;
        }
    }
    return result;
}

/* Following frame records is as fast as guessing them. */
struct mr_unwound mr_unwind_again(struct mr_walk_memory *memory, struct mr_registers from,
                                  struct mr_stack_bounds bounds)
{
    uintptr_t frames[MR_STACK_DEPTH_MAX];

    (void)memory;
    return mr_unwind(from, bounds, frames, MR_STACK_DEPTH_MAX);
}

#endif
