/* SPDX-License-Identifier: Apache-2.0 */
/* provider.h -- the interpreter's own frames of the calling thread, told by the program at each sample.
 *
 * A place of the interpreted program is a frame like any other: the pc MR_PLACE_PC + its id. These frames are
 * the inner ones of the stack, or all of it (memrec_stack_provider).                              */
#ifndef MEMREC_PROVIDER_H
#define MEMREC_PROVIDER_H

#include "thread.h"

/* The calling thread's; fill NULL: it has none. */
struct mr_provider {
    size_t (*fill)(void *context, uint32_t *places, size_t max);
    void *context;
    unsigned how;
};
extern MR_THREAD_LOCAL struct mr_provider mr_provider;

struct mr_provided {
    size_t frames;
    bool instead;   /* of the native ones */
    bool truncated; /* there may be more */
};

/* Asks the calling thread's provider, which it has, inside the guard: `frames` has room for MR_STACK_DEPTH_MAX. */
struct mr_provided mr_provider_frames(uint64_t *frames);

#endif
