/* SPDX-License-Identifier: Apache-2.0 */
/* definitions.c -- many threads register overlapping names while a session begins: everyone gets the same id for
 * the same text, and the mirror has each of them. Then every table is filled to its end. */
#include "definitions.h"
#include "check.h"
#include "pages.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4, NAMES = 3000, HEAD_BYTES = 4096 };

static uint32_t ids[THREADS][NAMES];
static _Atomic int ready;

static void *define_names(void *argument)
{
    int thread = (int)(intptr_t)argument;
    char text[32];

    atomic_fetch_add(&ready, 1);
    while (atomic_load(&ready) < THREADS + 1) {
    }
    for (int i = 0; i < NAMES; i++) {
        int name = thread % 2 ? i : NAMES - 1 - i; /* from both ends */
        int length = snprintf(text, sizeof text, "name %d", name);
        ids[thread][name] = mr_define_name(text, (size_t)length);
    }
    return NULL;
}

static struct mr_shared *new_mirror(void)
{
    struct mr_shared *shared = mr_pages_map(HEAD_BYTES + MR_DEFINITIONS_BYTES);

    shared->definitions_offset = HEAD_BYTES;
    shared->definitions_bytes = MR_DEFINITIONS_BYTES;
    return shared;
}

/* Counts the rows of each name's id in the mirror, and compares their texts. */
static void read_mirror(const struct mr_shared *shared, uint8_t *seen, uint32_t seen_count)
{
    const uint8_t *at = (const uint8_t *)shared + shared->definitions_offset;
    const uint8_t *end = at + atomic_load(&shared->definitions_used);

    while (at < end) {
        const struct mr_definition_head *head = (const struct mr_definition_head *)at;
        uint32_t size_and_kind = atomic_load(&head->size_and_kind);

        CHECK(size_and_kind != 0);
        if (!size_and_kind) {
            return;
        }
        if ((size_and_kind & 0xff) == MR_DEFINE_NAME && head->id < seen_count) {
            seen[head->id] = 1;
        }
        at += size_and_kind >> 8;
    }
}

static void test_threads_agree(void)
{
    static uint8_t seen[THREADS * NAMES + 1];
    pthread_t threads[THREADS];
    struct mr_shared *shared = new_mirror();

    for (intptr_t i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, define_names, (void *)i), 0);
    }
    while (atomic_load(&ready) < THREADS) {
    }
    atomic_fetch_add(&ready, 1);
    mr_definitions_mirror(shared, false); /* somewhere in the middle */
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    read_mirror(shared, seen, sizeof seen);
    for (int name = 0; name < NAMES; name++) {
        uint32_t id = ids[0][name];
        bool same = id > 0 && id < sizeof seen && seen[id];
        for (int i = 1; i < THREADS; i++) {
            same = same && ids[i][name] == id;
        }
        CHECK(same);
        CHECK(mr_is_defined(MR_DEFINE_NAME, id));
    }
    mr_definitions_mirror(NULL, false);
    mr_pages_unmap(shared, HEAD_BYTES + MR_DEFINITIONS_BYTES);
}

static void test_later_mirror(void)
{
    static uint8_t seen[THREADS * NAMES + 2];
    struct mr_shared *shared = new_mirror();
    uint32_t id = mr_define_text("made before the mirror");

    mr_definitions_mirror(shared, false);
    read_mirror(shared, seen, sizeof seen);
    CHECK(seen[id]);
    CHECK(seen[ids[0][0]]);
    mr_definitions_mirror(NULL, false);
    mr_pages_unmap(shared, HEAD_BYTES + MR_DEFINITIONS_BYTES);
}

static void test_identity(void)
{
    uint32_t name = mr_define_text("screen");
    uint64_t facts[2] = {name, 1000}, other_facts[2] = {name, 2000};
    uint32_t stream = mr_define(MR_DEFINE_STREAM, facts, 2, "", 0);
    char text[2 * MR_NAME_BYTES_MAX];

    CHECK(stream != 0);
    CHECK_EQ(mr_define(MR_DEFINE_STREAM, other_facts, 2, "", 0), stream);
    CHECK_EQ(mr_definition_argument(MR_DEFINE_STREAM, stream, 1), 1000);
    CHECK_EQ(mr_definition_argument(MR_DEFINE_STREAM, stream, 2), MR_UNKNOWN);
    CHECK_EQ(mr_define_name("", 0), 0);
    CHECK_EQ(mr_define_text(NULL), 0);
    CHECK(!mr_is_defined(MR_DEFINE_STREAM, 0));
    CHECK(!mr_is_defined(MR_DEFINE_STREAM, stream + 1));

    memset(text, 'x', sizeof text); /* cut at the limit, so both are the same */
    CHECK_EQ(mr_define_name(text, sizeof text), mr_define_name(text, MR_NAME_BYTES_MAX));
}

static void test_full_tables(void)
{
    static const struct {
        enum mr_definition kind;
        uint32_t limit;
    } tables[] = {{MR_DEFINE_STREAM, 64},
                  {MR_DEFINE_HEAP, MR_HEAPS_MAX},
                  {MR_DEFINE_POOL, 1024},
                  {MR_DEFINE_CLASS, 1u << 16},
                  {MR_DEFINE_PLACE, 1u << 17}};

    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        uint64_t refused = mr_definitions_refused();
        uint32_t last = 0, count = 0;

        for (uint64_t i = 1; i <= tables[t].limit + 10; i++) {
            uint64_t arguments[6] = {i, i, i};
            uint32_t id = mr_define(tables[t].kind, arguments, 6, "", 0);
            last = id ? id : last;
            count += id != 0;
        }
        /* The log is shared, so the last table finds it full before it is. */
        CHECK(last == tables[t].limit || tables[t].kind == MR_DEFINE_PLACE);
        CHECK(mr_definitions_refused() > refused);
        CHECK(mr_is_defined(tables[t].kind, last));
        CHECK(count > 0);
    }
    CHECK_EQ(mr_define_text("screen"), mr_define_text("screen")); /* what is known stays known */
    CHECK(mr_define_text("screen") != 0);
}

int main(void)
{
    test_threads_agree();
    test_later_mirror();
    test_identity();
    test_full_tables();
    return check_summary();
}
