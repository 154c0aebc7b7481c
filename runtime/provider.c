/* SPDX-License-Identifier: Apache-2.0 */
#include "provider.h"

#include "schema/trace_format.h"
#include "thread.h"

#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>

#define API __attribute__((visibility("default")))

#define FRAMES_ABOVE_MAX 96u /* so that some native ones always follow */

MR_THREAD_LOCAL struct mr_provider mr_provider;

struct mr_provided mr_provider_frames(uint64_t *frames)
{
    struct mr_provided provided = {0};
    memrec_place_id places[MR_STACK_DEPTH_MAX];
    size_t max = mr_provider.how == MEMREC_STACK_INSTEAD ? MR_STACK_DEPTH_MAX : FRAMES_ABOVE_MAX;
    size_t count = mr_provider.fill(mr_provider.context, places, max);
    provided.truncated = count >= max;
    for (size_t i = 0; i < count && i < max; i++)
        if (places[i]) /* 0: the table of places was full, and that is counted */
            frames[provided.frames++] = MR_PLACE_PC + places[i];
    provided.instead = mr_provider.how == MEMREC_STACK_INSTEAD && provided.frames > 0;
    return provided;
}

API void memrec_stack_provider(size_t (*fill)(void *context, memrec_place_id *places, size_t max),
                               void *context, unsigned how)
{
    mr_provider.fill =
        NULL; /* a signal handler meets the old one whole, none, or the new one whole */
    atomic_signal_fence(memory_order_seq_cst);
    mr_provider.context = context;
    mr_provider.how = how;
    atomic_signal_fence(memory_order_seq_cst);
    mr_provider.fill = fill;
}
