/* SPDX-License-Identifier: Apache-2.0 */
/* atomics.h -- loads and stores named by their order, so that grep finds every publication. */
#ifndef MEMREC_ATOMICS_H
#define MEMREC_ATOMICS_H

#include <stdatomic.h>
#include <stdint.h>

/* For what the fast path reads: no detour through the global offset table. */
#define MR_HIDDEN __attribute__((visibility("hidden")))

#define mr_load_relaxed(place)         atomic_load_explicit(place, memory_order_relaxed)
#define mr_load_acquire(place)         atomic_load_explicit(place, memory_order_acquire)
#define mr_store_relaxed(place, value) atomic_store_explicit(place, value, memory_order_relaxed)
#define mr_store_release(place, value) atomic_store_explicit(place, value, memory_order_release)
#define mr_fetch_add_relaxed(place, value)                                                         \
    atomic_fetch_add_explicit(place, value, memory_order_relaxed)
#define mr_exchange_relaxed(place, value)                                                          \
    atomic_exchange_explicit(place, value, memory_order_relaxed)

/* Adds 1 to a counter that only the calling thread stores. Others may read it at any time: on
 * x86-64 an aligned increment in memory is one instruction and never torn, though the compiler
 * will not make it of a relaxed load and store. */
static inline void mr_bump(_Atomic uint64_t *counter)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    __asm__("incq %0" : "+m"(*(uint64_t *)counter) : : "cc");
#else
    mr_store_relaxed(counter, mr_load_relaxed(counter) + 1);
#endif
}

#endif
