/* SPDX-License-Identifier: Apache-2.0 */
/* gauges.h -- what the system, the allocator and the recorder itself can be asked at intervals.
 *
 * Each source has its own interval, grows it when reading costs too much, and is skipped when it
 * fails: a value that could not be read is absent from the trace, never 0.                        */
#ifndef MEMREC_GAUGES_H
#define MEMREC_GAUGES_H

#include "encode.h"

#include <stdatomic.h>

/* Metric ids of the trace; their names are in gauges.c. */
enum mr_metric {
    MR_METRIC_RSS = 1,
    MR_METRIC_VM,
    MR_METRIC_SHARED,
    MR_METRIC_DATA,
    MR_METRIC_PSS,
    MR_METRIC_SWAP,
    MR_METRIC_HEAP_RSS,
    MR_METRIC_ANON_RSS,
    MR_METRIC_STACK_RSS,
    MR_METRIC_FILE_RSS,
    MR_METRIC_SHMEM_RSS,
    MR_METRIC_RECORDER_RSS,
    MR_METRIC_MINOR_FAULTS,
    MR_METRIC_MAJOR_FAULTS,
    MR_METRIC_CGROUP,
    MR_METRIC_CGROUP_LIMIT,
    MR_METRIC_USED,
    MR_METRIC_FREE,
    MR_METRIC_TOP,
    MR_METRIC_MAPPED,
    MR_METRIC_ARENA,
    MR_METRIC_CPU,
    MR_METRIC_INTERVAL,
    MR_METRIC_RING_HIGH_WATER,
    MR_METRIC_DROPPED_SAMPLES,
    MR_METRIC_DROPPED_BYTES,
    MR_METRIC_DROPPED_FREES,
    MR_METRIC_TRUNCATED_STACKS,
    MR_METRIC_WRITTEN,
    MR_METRIC_WRITE_ERRORS,
    MR_METRIC_UNTRACKED_THREADS,
    MR_METRIC_MAP_CALLS,
    MR_METRIC_MAP_BYTES,
    MR_METRIC_UNMAP_CALLS,
    MR_METRIC_UNMAP_BYTES,
    MR_METRIC_REMAP_CALLS,
    MR_METRIC_DROPPED_MARKS,
    MR_METRIC_REFUSED_CALLS,
    MR_METRIC_FULL_TABLES,
    MR_METRIC_DIRTY,
    MR_METRIC_CACHED,
    MR_METRIC_METADATA,
    MR_METRIC_COMMITTED,
    MR_METRIC_RETAINED,
    MR_METRIC_STATIC_RSS,
    MR_METRIC_THREAD_STACK_RSS,
    MR_METRIC_MAPPED_RSS,
    MR_METRIC_ARENA_RSS,
    MR_METRIC_ALLOCATOR_RSS,
    MR_METRIC_FORGOTTEN_MAPS,
    MR_METRIC_ABSENT,
    MR_METRIC_COUNT,
};

/* Exact counts of the host's own mmap, munmap and mremap calls. Any thread. */
struct mr_map_counters {
    _Atomic uint64_t map_calls, map_bytes, unmap_calls, unmap_bytes, remap_calls;
};
extern struct mr_map_counters mr_map_counters;

/* The METRIC section. */
void mr_gauges_announce(struct mr_encoder *encoder);

/* Forgets what was read before, as a new session must. */
void mr_gauges_start(void);

/* Another file begins, or what was told is lost: everything is due, also what did not move. */
void mr_gauges_anew(void);

/* Reads what is due (everything, when `final`) and tells what moved. Drain thread. */
void mr_gauges_tick(struct mr_encoder *encoder, uint64_t now_ns, bool final);

/* Tells one value. Drain thread. */
void mr_gauges_tell(struct mr_encoder *encoder, uint64_t ticks, enum mr_metric metric,
                    uint64_t value);

/* Asks the allocator for its own figures, on a host thread that could call malloc here: the drain
 * thread is not known to the C library, which therefore may run its heap without locks. Takes the
 * allocator's locks for as long as its free lists are long; how long is measured, and it is asked
 * at most 1/2000 of the time. */
void mr_gauges_read_allocator(void);

#endif
