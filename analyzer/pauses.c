/* SPDX-License-Identifier: Apache-2.0 */
/* pauses.c -- see pauses.h. */
#include "pauses.h"

#include <stdlib.h>

static int compare_begins(const void *left, const void *right)
{
    const struct pause *l = left, *r = right;

    return (l->begin_ns > r->begin_ns) - (l->begin_ns < r->begin_ns);
}

size_t pauses_merge(struct pause *pauses, size_t count)
{
    size_t kept = 0;

    if (count > 0) {
        qsort(pauses, count, sizeof *pauses, compare_begins);
    }
    for (size_t i = 0; i < count; i++) {
        struct pause *last = kept > 0 ? &pauses[kept - 1] : NULL;

        if (last && pauses[i].begin_ns <= last->end_ns) {
            last->end_ns = pauses[i].end_ns > last->end_ns ? pauses[i].end_ns : last->end_ns;
        } else {
            pauses[kept++] = pauses[i];
        }
    }
    return kept;
}

struct window {
    int64_t paused_ns, begin_ns;
};

/* The window that begins with a pause and holds most. */
static struct window worst_from_begin(const struct pause *pauses, size_t count, int64_t window_ns)
{
    struct window worst = {0, 0};
    int64_t inside = 0; /* of pauses first to next - 1 */
    size_t next = 0;

    for (size_t first = 0; first < count; first++) {
        int64_t end = pauses[first].begin_ns + window_ns;

        while (next < count && pauses[next].begin_ns < end) {
            inside += pauses[next].end_ns - pauses[next].begin_ns;
            next++;
        }
        int64_t beyond = pauses[next - 1].end_ns - end;
        int64_t paused = inside - (beyond > 0 ? beyond : 0);

        if (paused > worst.paused_ns) {
            worst = (struct window){paused, pauses[first].begin_ns};
        }
        inside -= pauses[first].end_ns - pauses[first].begin_ns;
    }
    return worst;
}

/* The window that ends with a pause and holds most. */
static struct window worst_to_end(const struct pause *pauses, size_t count, int64_t window_ns)
{
    struct window worst = {0, 0};
    int64_t inside = 0; /* of pauses first to last */
    size_t first = 0;

    for (size_t last = 0; last < count; last++) {
        int64_t begin = pauses[last].end_ns - window_ns;

        inside += pauses[last].end_ns - pauses[last].begin_ns;
        while (pauses[first].end_ns <= begin) {
            inside -= pauses[first].end_ns - pauses[first].begin_ns;
            first++;
        }
        int64_t before = begin - pauses[first].begin_ns;
        int64_t paused = inside - (before > 0 ? before : 0);

        if (paused > worst.paused_ns) {
            worst = (struct window){paused, begin};
        }
    }
    return worst;
}

double pauses_utilisation(const struct pause *pauses, size_t count, int64_t window_ns,
                          int64_t *worst_ns)
{
    struct window early = worst_from_begin(pauses, count, window_ns);
    struct window late = worst_to_end(pauses, count, window_ns);
    struct window worst = late.paused_ns > early.paused_ns ? late : early;

    *worst_ns = worst.begin_ns;
    return (double)(window_ns - worst.paused_ns) / (double)window_ns;
}
