/* SPDX-License-Identifier: Apache-2.0 */
/* announce.h -- the dictionaries of the trace: who recorded, its modules, threads and stacks.
 *
 * Each is told once, before the first event that refers to it, and everything again after 16 MiB of
 * trace, so that a reader which lost a block soon knows all names. Drain thread only.             */
#ifndef MEMREC_ANNOUNCE_H
#define MEMREC_ANNOUNCE_H

#include "encode.h"
#include "modules.h"
#include "stacks.h"
#include "thread.h"

struct mr_announcer {
    struct mr_stacks stacks;
    struct mr_modules modules;
    uint64_t again_at; /* bytes of trace after which everything is told again; 0: at once */
    struct mr_told_thread {
        uint32_t id;
        bool named_twice;
        uint64_t alloc_calls, free_calls, alloc_bytes;
        uint64_t heap_calls[MR_HEAPS_MAX]; /* allocations and frees of each heap */
    } * told;                              /* by slot: what was told of its thread */
    uint64_t definitions_told;             /* bytes of the definition log */
};

/* False: no memory. */
bool mr_announce_open(struct mr_announcer *announcer);
void mr_announce_close(struct mr_announcer *announcer);

/* Tells what is new since the last call: call before the events of a block are closed.
 * `written_bytes` is the size of the trace; `final` asks for the last names. */
void mr_announce(struct mr_announcer *announcer, struct mr_encoder *encoder, uint64_t now_ns,
                 uint64_t written_bytes, bool final);

/* Another file begins: everything is told again, and the counters of every thread. */
void mr_announce_anew(struct mr_announcer *announcer);

/* Whether stacks wait for the next call, as the payload had no more room. */
bool mr_announce_waits(const struct mr_announcer *announcer);

/* The last word on a thread that has ended. */
void mr_announce_ended(struct mr_announcer *announcer, struct mr_encoder *encoder,
                       struct mr_thread_slot *slot);

#endif
