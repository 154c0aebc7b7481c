/* SPDX-License-Identifier: Apache-2.0 */
/* import_hostile_test.c -- blocks whose checksums are right and whose content is not: flipped bits, huge
 * numbers, ids from nowhere. Import may refuse or call the trace incomplete; it must not crash, and
 * a database it makes is sound. */
#include "check.h"

#include "encode.h"
#include "import.h"
#include "write.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t state = 7;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* A little of everything, with some numbers replaced by any other. */
static void fill(struct mr_encoder *encoder, bool have_ids, unsigned wildness)
{
#define WILD(usual)                                                                                \
    (wildness && draw() % 200 < wildness ? draw() >> draw() % 64 : (uint64_t)(usual))
    uint32_t parents[40];
    uint64_t pcs[40];

    mr_encode_begin(encoder, MR_SECTION_HEADER);
    mr_encode_header_text(encoder, MR_KEY_EXECUTABLE, "/bin/\xff\x01x");
    mr_encode_header_integer(encoder, MR_KEY_START_TICKS, WILD(1000));
    mr_encode_header_integer(encoder, MR_KEY_START_MONOTONIC_NS, WILD(1000));
    mr_encode_header_integer(encoder, MR_KEY_INTERVAL_BYTES, WILD(65536));
    mr_encode_header_integer(encoder, MR_KEY_MODE, WILD(!have_ids));
    mr_encode_end(encoder);
    for (int i = 0; i < 3; i++) {
        mr_encode_begin(encoder, MR_SECTION_MODULE);
        mr_encode_uvarint(encoder, WILD(i));
        mr_encode_uvarint(encoder, WILD(1000));
        mr_encode_uvarint(encoder, WILD(0x400000));
        mr_encode_uvarint(encoder, 1);
        mr_encode_uvarint(encoder, WILD(0x400000 + i * 0x1000));
        mr_encode_uvarint(encoder, WILD(0x1000));
        mr_encode_text(encoder, "\x12\x34", 2);
        mr_encode_text(encoder, "/no/such", 8);
        mr_encode_end(encoder);
        mr_encode_begin(encoder, MR_SECTION_THREAD);
        mr_encode_uvarint(encoder, WILD(i + 1));
        mr_encode_uvarint(encoder, WILD(70));
        mr_encode_uvarint(encoder, WILD(1000));
        mr_encode_text(encoder, "a\0b\xe2\x82", 5);
        mr_encode_end(encoder);
        mr_encode_begin(encoder, MR_SECTION_METRIC);
        mr_encode_uvarint(encoder, WILD(i));
        mr_encode_uvarint(encoder, WILD(1));
        mr_encode_uvarint(encoder, 0);
        mr_encode_text(encoder, i ? "process.rss_bytes" : "x.y_bytes", i ? 17 : 9);
        mr_encode_end(encoder);
    }
    for (uint32_t i = 0; i < 40; i++) {
        parents[i] = i % 8 ? i + 1 : i % 2;
        pcs[i] = WILD(0x400000 + draw() % 0x3000);
    }
    mr_encode_stacks(encoder, (uint32_t)WILD(2), 40, parents, pcs);
    for (uint64_t i = 0; i < 40; i++) { /* names first: what follows is called by them */
        mr_encode_begin(encoder, MR_SECTION_DEFINE);
        mr_encode_uvarint(encoder, WILD(i < 10 ? MR_DEFINE_NAME : 1 + i % 6));
        mr_encode_uvarint(encoder, WILD(1 + i % 5));
        mr_encode_uvarint(encoder, 6);
        for (uint64_t k = 0; k < 6; k++) {
            mr_encode_uvarint(encoder, WILD(k == 1 ? 300 : 1 + k));
        }
        mr_encode_text(encoder, "n\xffme", 4);
        mr_encode_end(encoder);
    }
    for (uint64_t i = 0; i < 400; i++) {
        bool alloc = i % 3 != 2;
        bool object = i / 7 % 2;
        uint64_t arguments[16];

        for (uint64_t k = 0; k < 16; k++) {
            arguments[k] = WILD(k < 4 ? draw() % 4 : draw() % 4 ? 100 * i : UINT64_MAX);
        }
        mr_encode_mark(encoder, (enum mr_mark)(1 + draw() % 31), (uint32_t)WILD(i % 4),
                       2000 + i * 100, arguments, (unsigned)(draw() % 17));
        struct mr_event event = {
            .op = (uint8_t)WILD(object ? (alloc ? MR_OP_HEAP_ALLOC : MR_OP_HEAP_FREE)
                                       : (alloc ? MR_OP_MALLOC : MR_OP_FREE)),
            .heap = (uint32_t)WILD(1 + i % 3),
            .klass = (uint32_t)WILD(i % 3),
            .interval = (uint8_t)WILD(have_ids),
            .thread = (uint32_t)WILD(1 + i % 3),
            .stack = (uint32_t)WILD(2 + i % 40),
            .extra = (uint32_t)WILD(8),
            .ticks = WILD(2000 + i * 100),
            .address = WILD(i * 64),
            .size = WILD(48),
            .key = have_ids ? WILD(alloc ? i : i - 1) : WILD(i * 64)};

        if (event.op & MR_OP_ALLOC && !have_ids) {
            event.key = event.address;
        }
        mr_encode_event(encoder, &event);
        if (i % 10 == 0) {
            mr_encode_gauge(encoder, WILD(2000 + i * 100), (uint32_t)(draw() % 4),
                            (int64_t)WILD(4096));
        }
    }
    mr_encode_begin(encoder, MR_SECTION_END);
    mr_encode_uvarint(encoder, WILD(0));
    mr_encode_uvarint(encoder, WILD(50000));
    mr_encode_end(encoder);
}

static void write_trace(struct mr_encoder *encoder, bool have_ids, unsigned wildness,
                        unsigned flips)
{
    static uint8_t trace_id[16];
    struct mr_writer writer;

    trace_id[0]++;
    memset(&writer, 0, sizeof writer);
    CHECK(mr_write_open(&writer, open("hostile.zst", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600),
                        trace_id, 1));
    for (int block = 0; block < 2; block++) {
        mr_encode_reset(encoder);
        fill(encoder, have_ids, wildness);
        mr_encode_finish(encoder);
        for (unsigned i = 0; i < flips; i++) {
            encoder->payload[draw() % encoder->used] ^= (uint8_t)(1u << draw() % 8);
        }
        struct mr_block_facts facts = {.first_ticks = 2000,
                                       .last_ticks = 42000,
                                       .clock_ticks = 50000,
                                       .clock_ns = 500000,
                                       .event_count = encoder->event_count,
                                       .flags = block ? MR_BLOCK_LAST : 0};
        CHECK_EQ(mr_write_block(&writer, encoder->payload, encoder->used, &facts), 0);
    }
    mr_write_close(&writer);
}

static bool is_sound(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    bool sound =
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW &&
        strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;

    sqlite3_finalize(statement);
    sqlite3_close(db);
    return sound;
}

int main(void)
{
    const struct import_options options = {.replace = true, .quiet = true};
    const char *traces[] = {"hostile.zst"};
    void *memory =
        mmap(NULL, MR_ENCODER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static struct mr_encoder encoder;
    unsigned made = 0;
    char folder[] = "hostile_test.XXXXXX";

    if (!CHECK(mkdtemp(folder) && chdir(folder) == 0 && memory != MAP_FAILED)) {
        return check_summary();
    }
    fprintf(stderr, "Complaints may follow.\n");
    for (unsigned i = 0; i < 150; i++) {
        bool have_ids = i % 2;

        mr_encode_init(&encoder, memory, have_ids);
        write_trace(&encoder, have_ids, i / 2 % 5, i / 10 % 4);
        unlink("hostile.db");
        status result = import_traces(traces, 1, "hostile.db", &options, NULL);
        bool has_database = result.code == STATUS_OK || result.code == STATUS_INCOMPLETE;
        CHECK(has_database == (access("hostile.db", F_OK) == 0));
        if (has_database) {
            made++;
            CHECK(is_sound("hostile.db"));
        }
        if (i == 0) {
            CHECK_EQ(result.code, STATUS_OK);
        }
    }
    CHECK(made > 30);
    printf("%u of 150 became a database\n", made);
    unlink("hostile.zst");
    unlink("hostile.db");
    CHECK(chdir("..") == 0 && rmdir(folder) == 0);
    return check_summary();
}
