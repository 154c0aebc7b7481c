/* SPDX-License-Identifier: Apache-2.0 */
/* session.h -- one recording, from start to stop: options, shared memory, drain thread.
 *
 *   state        means                                                    malloc's slow path
 *   unstarted    the constructor has not run                              starts nothing, forwards
 *   off          nothing is recorded                                      forwards
 *   on           rings and drain thread exist                             records
 *   forked       a child of a recorded process that has not allocated     counts; the first sample
 *                enough yet to be worth a trace                           starts a session of its own
 *
 * There is one session at most. It owns the mapping of the rings, the drain thread and the trace. */
#ifndef MEMREC_SESSION_H
#define MEMREC_SESSION_H

#include "atomics.h"
#include "options.h"
#include "schema/ring_layout.h"

enum mr_state { MR_STATE_UNSTARTED, MR_STATE_OFF, MR_STATE_ON, MR_STATE_FORKED };

#define MR_STACK_CACHE_SLOTS 2048u /* hashes of stacks each ring has announced */

struct mr_session {
    _Atomic int state;
    bool full; /* every allocation */
    struct mr_options options;

    /* The shared mapping, see schema/ring_layout.h. Private memory when there is no /dev/shm. */
    struct mr_shared *shared;
    struct mr_thread_slot *threads;
    struct mr_heap_slot (*heap_slots)[MR_HEAPS_MAX]; /* one row per thread slot */
    struct mr_ring *rings;
    uint8_t *ring_data;
    uint64_t ring_mask;                            /* words */
    char ring_path[64];                            /* empty: private memory */
    uint64_t (*stack_cache)[MR_STACK_CACHE_SLOTS]; /* private, one row per ring */
    struct mr_walk_memory
        *walks; /* private, one per ring: full mode, where stacks repeat; or NULL */

    _Atomic uint32_t paused;          /* 1: nothing new is recorded, only ends */
    _Atomic uint32_t thread_count;    /* ids given so far */
    _Atomic uint32_t thread_slots;    /* slots ever used */
    _Atomic uint32_t untracked;       /* threads that found no slot */
    _Atomic uint32_t rings_used;      /* rings ever taken; those beyond have no memory */
    _Atomic uint64_t next_id;         /* of samples */
    _Atomic uint32_t interval_code;   /* in force, see mr_interval_bytes */
    _Atomic uint32_t asked_code;      /* the recorder does not sample more often than this */
    _Atomic uint64_t stack_epoch;     /* rises when addresses may change their meaning */
    _Atomic uint32_t modules_changed; /* dlopen or dlclose was called */
    _Atomic uint64_t ticks_per_ms;    /* about; 0: not known yet */
    _Atomic uint64_t truncated_stacks;
    _Atomic uint64_t write_errors;  /* blocks that could not be written */
    _Atomic uint64_t written_bytes; /* of the trace file */

    /* Who this is. */
    uint8_t trace_id[16];
    uint8_t parent_trace_id[16];
    bool has_parent;
    int pid;
    unsigned start_reason; /* enum mr_start_reason */
    uint64_t start_ticks, start_monotonic_ns, start_realtime_ns;
    char trace_path[MR_PATH_BYTES];
    uint32_t segment; /* number of the file that is being written, where there are several */
    char allocator[128];

    /* allocator figures: read by a host thread when the drain thread asks (gauges.h) */
    _Atomic uint32_t allocator_wanted;
};

extern struct mr_session mr_session MR_HIDDEN;

/* Zeroed in a child that was forked without the fork handlers. */
extern volatile const uint32_t *mr_alive MR_HIDDEN;

/* Starts recording as the options say. False: it could not, and nothing is recorded. */
bool mr_session_start(unsigned reason);

/* The same at the program's own wish, into a file named by this pattern (NULL: as the environment says); also
 * after an earlier session. True: recording, also when it already was. */
bool mr_session_start_at(const char *trace);

/* Writes what is waiting, ends the trace and removes the rings. Idempotent. */
void mr_session_stop(unsigned reason);

/* Returns when everything published before the call is in the file, or after a second. */
void mr_session_flush(void);

/* Before exec: the trace is brought to an orderly end and the rings are removed, but recording goes
 * on, in case the exec fails. */
void mr_session_prepare_exec(void);

/* In a forked child: forgets the parent's session; the child records on its own when it is worth it. */
void mr_session_forked(void);

static inline int mr_state(void)
{
    return atomic_load_explicit(&mr_session.state, memory_order_acquire);
}

#endif
