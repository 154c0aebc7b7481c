/* SPDX-License-Identifier: Apache-2.0 */
/* mark_names.c -- see mark_names.h. */
#include "mark_names.h"

#include "schema/trace_format.h"

#include <string.h>

#define FRAME "stream minor-faults major-faults overflows overflow-bytes"

static const struct mark_names kinds[MR_MARK_KINDS] = {
    [MR_MARK_FRAME_BEGIN] = {"frame-begin", FRAME, true},
    [MR_MARK_FRAME_END] = {"frame-end", FRAME, true},
    [MR_MARK_PHASE_BEGIN] = {"phase-begin", "stream name", true},
    [MR_MARK_PHASE_END] = {"phase-end", "stream name", true},
    [MR_MARK_EVAL_BEGIN] = {"eval-begin", "label heap used", true},
    [MR_MARK_EVAL_END] = {"eval-end", "used high-water", true},
    [MR_MARK_SPAN_BEGIN] = {"span-begin", "span kind label how parent", true},
    [MR_MARK_SPAN_END] = {"span-end", "span end", true},
    [MR_MARK_SPAN_ENTER] = {"span-enter", "span", false},
    [MR_MARK_SPAN_LEAVE] = {"span-leave", "span", false},
    [MR_MARK_SPAN_FIRST_RESULT] = {"span-first-result", "span", false},
    [MR_MARK_SPAN_ITEMS] = {"span-items", "span items", false},
    [MR_MARK_SPAN_PROGRESS] = {"span-progress", "span done total", false},
    [MR_MARK_GC_BEGIN] = {"gc-begin", "heap kind flags reason used objects previous-after", false},
    [MR_MARK_GC_END] = {"gc-end", "heap flags used objects reclaimed promoted", false},
    [MR_MARK_GC_PAUSE_BEGIN] = {"gc-pause-begin", "heap", false},
    [MR_MARK_GC_PAUSE_END] = {"gc-pause-end", "heap", false},
    [MR_MARK_GC_CYCLE] = {"gc-cycle",
                          "heap kind flags reason used-before objects-before previous-after "
                          "used-after objects-after reclaimed promoted duration-ns pause-ns",
                          false},
    [MR_MARK_GC_SURVIVORS] = {"gc-survivors", "heap class generations more objects bytes", false},
    [MR_MARK_HEAP_USAGE] = {"heap-usage", "heap used total objects", false},
    [MR_MARK_CLASS_PROFILE] = {"class-profile",
                               "number heap class new-objects new-bytes old-objects old-bytes",
                               false},
    [MR_MARK_RETAINED] = {"retained", "number heap root bytes objects", false},
    [MR_MARK_POOL_STATE] = {"pool-state",
                            "pool used reserved high-water overflows overflow-bytes waits wait-ns "
                            "exhausted resets highest wanted",
                            false},
    [MR_MARK_POOL_STALE] = {"pool-stale", "pool stream used", false},
    [MR_MARK_POOL_SLOTS] = {"pool-slots", "number pool slots first", false},
    [MR_MARK_MARK] = {"mark", "name", false},
    [MR_MARK_HEAP_MOVE] = {"heap-move", "heap key address", false},
    [MR_MARK_PAUSE] = {"pause", "", false},
    [MR_MARK_RESUME] = {"resume", "", false},
    [MR_MARK_INTERVAL] = {"interval", "code", false},
    [MR_MARK_PULL] = {"pull", "kind outcome duration-ns interval-ns", false},
};

const struct mark_names *mark_names(unsigned kind)
{
    return kind < MR_MARK_KINDS && kinds[kind].name ? &kinds[kind] : NULL;
}

unsigned mark_kind_named(const char *name)
{
    for (unsigned kind = 1; kind < MR_MARK_KINDS; kind++) {
        if (strcmp(kinds[kind].name, name) == 0) {
            return kind;
        }
    }
    return 0;
}

const char *mark_argument_name(const struct mark_names *names, size_t index, size_t *length)
{
    const char *at = names->arguments;

    for (; *at; at += *length, at += strspn(at, " ")) {
        *length = strcspn(at, " ");
        if (index-- == 0) {
            return at;
        }
    }
    return NULL;
}

size_t mark_argument_names(const struct mark_names *names)
{
    size_t count = 0, length;

    while (mark_argument_name(names, count, &length)) {
        count++;
    }
    return count;
}

size_t mark_argument_named(const struct mark_names *names, const char *name)
{
    size_t count = 0, length;

    for (const char *at; (at = mark_argument_name(names, count, &length)); count++) {
        if (strlen(name) == length && memcmp(at, name, length) == 0) {
            break;
        }
    }
    return count;
}
