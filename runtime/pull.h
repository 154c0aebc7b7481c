/* SPDX-License-Identifier: Apache-2.0 */
/* pull.h -- callbacks of the program that the library calls at intervals, on its own clock.
 *
 *   drain thread     decides what is due, and only that: it must not run the host's code
 *   pull thread      runs it: a thread of the C library, made when a callback needs one
 *   memrec_safepoint runs what was registered for it, on its caller's thread
 *
 * A callback that is due is taken by one thread, by clearing its bit. One that fails or is slow is asked
 * half as often, down to 1/64, until it is good again.                                           */
#ifndef MEMREC_PULL_H
#define MEMREC_PULL_H

#include "atomics.h"

#include <stdbool.h>
#include <stdint.h>

/* A function and its context that change together. */
struct mr_callback {
    _Atomic uint32_t version; /* odd while they change */
    int (*_Atomic run)(void *context);
    void *_Atomic context;
};

/* False: it is being changed by someone else. */
bool mr_callback_set(struct mr_callback *callback, int (*run)(void *context), void *context);
/* False: there is none, or it kept changing. */
bool mr_callback_get(struct mr_callback *callback, int (**run)(void *context), void **context);

/* A look of the drain thread. */
void mr_pull_tick(uint64_t now_ns);

/* Makes the pull thread when a callback needs it and this process has none. Not in signal handlers. */
void mr_pull_start(void);

/* In a forked child: nothing is due. */
void mr_pull_forked(void);

#endif
