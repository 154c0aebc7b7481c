/* SPDX-License-Identifier: Apache-2.0 */
/* unwinder.h -- return addresses into the caller's array; never allocates, never locks.
 *
 * On x86-64 the tables of .eh_frame say how to leave each frame; what they say for one address is
 * kept as one 64-bit word in a table of the process, so that a frame met before costs one load
 * from it and one or two from the stack. Code without tables is crossed by its frame pointer,
 * where that can be checked. On arm64 the frame records are followed.
 *
 * Invariant: no byte is read from a stack before it is known to lie in a live frame. unwinder.c
 * says why that holds on the thread's own stack and on others.
 *
 * No function here allocates, locks, enters the kernel or changes errno. All may run on any
 * thread and in a signal handler, also one that interrupted them.                               */
#ifndef MEMREC_UNWINDER_H
#define MEMREC_UNWINDER_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The deepest stack that is recorded; of deeper ones, this many frames next to the leaf. */
#define MR_STACK_DEPTH_MAX 128

/* A thread's own stack: bytes from `low` up to, not including, `high`. All between the stack
 * pointer of a function running there and `high` is mapped; what is below it need not be. */
struct mr_stack_bounds {
    uintptr_t low;
    uintptr_t high;
};

/* Where to start: the registers as a function will find them when its callee has returned. */
struct mr_registers {
    uintptr_t pc; /* a return address into it */
    uintptr_t sp; /* just above that return address on the stack */
    uintptr_t fp;
};

struct mr_unwound {
    uint64_t hash;  /* mr_stack_hash of the addresses written */
    size_t frames;  /* how many there are */
    bool truncated; /* there are more towards the root, or may be */
};

/* The registers of the caller of the function this stands in, which gets a frame pointer by
 * that. Use it before anything that could move the frame: at the top of a noinline function. */
#define MR_CAPTURE_CALLER() mr_registers_above(__builtin_frame_address(0))

/* On x86-64 and arm64 alike a frame begins with the caller's frame pointer and the return
 * address; on arm64 the caller's stack pointer is not known from it, but a bound is. */
static inline struct mr_registers mr_registers_above(const void *frame)
{
    const uintptr_t *record = (const uintptr_t *)frame;

    return (struct mr_registers){.pc = record[1], .sp = (uintptr_t)(record + 2), .fp = record[0]};
}

/* Tells the walker which thread is the first one. Call once on it, before other threads start;
 * without it a first thread that runs on a coroutine's stack may be taken for another one. */
void mr_unwinder_start(void);

/* The bounds of the calling thread's own stack, whichever stack it runs on now. They never
 * change during its life. A few loads. */
struct mr_stack_bounds mr_stack_bounds_here(void);

/* Writes the return addresses of `from` and its callers, leaf first: at most `capacity`, none when
 * from.pc cannot be code. `bounds` are those of the calling thread. Each address minus one lies in
 * the instruction being executed: for a function interrupted by a signal, which makes no call, the
 * address is that of the instruction plus one. */
struct mr_unwound mr_unwind(struct mr_registers from, struct mr_stack_bounds bounds,
                            uintptr_t *frames, size_t capacity);

/* Frames that the walks of one thread met, by address and stack pointer. Starts as zeros. One walk
 * at a time may use it: a walk that interrupts another uses mr_unwind. */
#define MR_WALK_FRAMES 2048
struct mr_walk_memory {
    struct mr_walked_frame {
        alignas(64) uintptr_t pc;
        uintptr_t sp;
        uintptr_t fp;                 /* where the caller's stack pointer was found from it */
        uintptr_t caller_sp;          /* the return address lies below */
        uintptr_t saved_at;           /* where the caller's fp was saved; 0: it was not */
        struct mr_walked_frame *next; /* the caller, last time; never NULL once pc is set */
        uint32_t kind;
    } frames[MR_WALK_FRAMES];
    struct mr_stack_bounds bounds; /* of the thread; zeros: never used */
    uint32_t flushes;              /* how many there had been; a later one makes all worthless */
};

/* What mr_unwind would return with room for MR_STACK_DEPTH_MAX frames, without the frames: the name
 * of a stack, sooner where programs come back to the same places. Each frame tells where its return
 * address is and guesses its caller, so no load but that of the guess waits for another. */
struct mr_unwound mr_unwind_again(struct mr_walk_memory *memory, struct mr_registers from,
                                  struct mr_stack_bounds bounds);

/* Forgets all that was learned about addresses. Call after dlopen and after dlclose: other code
 * may stand there now. Walks in progress are not disturbed. */
void mr_unwinder_flush(void);

#endif
