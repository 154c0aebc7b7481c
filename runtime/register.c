/* SPDX-License-Identifier: Apache-2.0 */
/* register.c -- the public registrations: each makes a definition of its arguments. */
#include "definitions.h"
#include "pools.h"
#include "voice.h"

#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>

#define API __attribute__((visibility("default")))

static uint32_t define(enum mr_definition kind, const uint64_t *arguments, unsigned count)
{
    if (arguments[0]) /* its name */
        return mr_define(kind, arguments, count, "", 0);
    mr_voice_refuse();
    return 0;
}

#define DEFINE(kind, ...)                                                                          \
    define(kind, (const uint64_t[]){__VA_ARGS__},                                                  \
           sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

API memrec_name_id memrec_name(const char *text, size_t bytes)
{
    return mr_define_name(text, bytes);
}

API memrec_stream_id memrec_stream(const char *name, uint64_t budget_ns)
{
    return DEFINE(MR_DEFINE_STREAM, mr_define_text(name), budget_ns);
}

API memrec_heap_id memrec_heap(const char *name, uint64_t capacity_bytes, unsigned generations,
                               unsigned flags)
{
    return DEFINE(MR_DEFINE_HEAP, mr_define_text(name), capacity_bytes, generations, flags);
}

API memrec_class_id memrec_class(const char *name, const char *module)
{
    return DEFINE(MR_DEFINE_CLASS, mr_define_text(name), mr_define_text(module));
}

API memrec_place_id memrec_place(memrec_name_id function, memrec_name_id file, unsigned line)
{
    return DEFINE(MR_DEFINE_PLACE, function, file, line);
}

API memrec_pool_id memrec_pool(const char *name, const struct memrec_pool_facts *facts)
{
    static const struct memrec_pool_facts unknown = {
        .capacity_bytes = MEMREC_UNKNOWN,
        .capacity_slots = MEMREC_UNKNOWN,
    };
    facts = facts ? facts : &unknown;
    memrec_pool_id pool =
        DEFINE(MR_DEFINE_POOL, mr_define_text(name), facts->kind, facts->reset_every,
               facts->slot_bytes, facts->capacity_bytes, facts->capacity_slots);
    if (pool) /* the facts that count are those of the first registration */
        mr_pools_follow(pool, (uint32_t)mr_definition_argument(MR_DEFINE_POOL, pool, 2));
    return pool;
}
