/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include "atomics.h"

#include <string.h>

bool mr_ring_push(struct mr_ring *ring, uint64_t *data, uint64_t mask, const uint64_t *words,
                  unsigned count, uint64_t reserve)
{
    uint64_t head = mr_load_relaxed(&ring->head); /* ours: no one else stores it */
    uint64_t tail = mr_load_acquire(&ring->tail); /* pairs with C1: those words were read */
    uint64_t used = head - tail;
    if (used + count + reserve > mask + 1)
        return false;

    uint64_t at = head & mask;
    uint64_t room = mask + 1 - at;
    unsigned first = count < room ? count : (unsigned)room;
    for (unsigned i = 0; i < first; i++)
        data[at + i] = words[i];
    if (first < count)
        memcpy(data, words + first, (count - first) * sizeof *words);
    if (used + count > mr_load_relaxed(&ring->high_water)) /* a statistic; orders nothing */
        mr_store_relaxed(&ring->high_water, used + count);
    mr_store_release(&ring->head, head + count); /* P1: publishes the words just filled */
    return true;
}

uint64_t mr_ring_published(struct mr_ring *ring)
{
    return mr_load_acquire(&ring->head); /* pairs with P1 */
}

void mr_ring_release(struct mr_ring *ring, uint64_t tail)
{
    mr_store_release(&ring->tail, tail); /* C1: the producer may overwrite what was read */
}
