/* SPDX-License-Identifier: Apache-2.0 */
/* import_rate.c -- trace events per second from a file into a database, all of it: read, verify,
 * decompress, decode, pair, sum, write rows, judge.
 *
 * A full-mode trace of 10 M events: 5 M allocations by 4 threads from 2,000 stacks of 4 to 40 frames;
 * nine in ten live shortly, most others for up to 200,000 allocations, one in a hundred stays. Then
 * the same with ten times fewer events, for the linearity, and the rows alone, ours against
 * prepared statements. Goals: 4 M events/s, 10x events <= 10.5x time, 256 MiB + 48 bytes per live block.
 *
 *     import_rate [events]                                                                        */
#include "bench.h"

#include "encode.h"
#include "import.h"
#include "table_writer.h"
#include "write.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACKS = 2000, THREADS = 4, MEDIUM = 200000, MODULE_BYTES = 1 << 20 };

static uint64_t state = 0x2545F4914F6CDD1Du;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

struct generator {
    struct mr_encoder encoder;
    struct mr_writer writer;
    uint64_t ticks; /* one is 10 ns */
    uint64_t first_ticks;
    uint32_t leaves[STACKS];
    uint64_t events, survivors;
};

static void write_block(struct generator *out, uint32_t flags)
{
    const struct mr_block_facts facts = {
        .first_ticks = out->encoder.event_count ? out->encoder.first_event_ticks : out->first_ticks,
        .last_ticks = out->ticks,
        .clock_ticks = out->ticks,
        .clock_ns = out->ticks * 10,
        .event_count = out->encoder.event_count,
        .flags = flags,
    };

    mr_encode_finish(&out->encoder);
    bench_require(mr_write_block(&out->writer, out->encoder.payload, out->encoder.used, &facts) ==
                  0);
    mr_encode_reset(&out->encoder);
    out->first_ticks = out->ticks;
}

static void put_header(struct mr_encoder *encoder)
{
    mr_encode_begin(encoder, MR_SECTION_HEADER);
    mr_encode_header_text(encoder, MR_KEY_EXECUTABLE, "/bench");
    mr_encode_header_integer(encoder, MR_KEY_START_TICKS, 1000);
    mr_encode_header_integer(encoder, MR_KEY_START_MONOTONIC_NS, 10000);
    mr_encode_header_integer(encoder, MR_KEY_MODE, MR_MODE_FULL);
    mr_encode_end(encoder);
    mr_encode_begin(encoder, MR_SECTION_MODULE);
    mr_encode_uvarint(encoder, 1); /* id, ticks, bias, one range */
    mr_encode_uvarint(encoder, 1000);
    mr_encode_uvarint(encoder, 0x400000);
    mr_encode_uvarint(encoder, 1);
    mr_encode_uvarint(encoder, 0x400000);
    mr_encode_uvarint(encoder, MODULE_BYTES);
    mr_encode_text(encoder, "\x12\x34", 2);
    mr_encode_text(encoder, "/no/such/file", 13);
    mr_encode_end(encoder);
}

/* A trie with shared outer frames: each stack continues some node that is there. */
static void put_stacks(struct generator *out)
{
    static uint32_t parents[STACKS * 40];
    static uint64_t pcs[STACKS * 40];
    static uint8_t depths[STACKS * 40 + MR_STACK_FIRST_ID];
    uint32_t count = 0;

    for (uint32_t i = 0; i < STACKS; i++) {
        uint32_t node = count ? MR_STACK_FIRST_ID + (uint32_t)(draw() % count) : MR_STACK_ROOT;
        uint32_t more = 4 + (uint32_t)(draw() % 8);

        while (more-- > 0 && depths[node] < 40) {
            uint32_t child = MR_STACK_FIRST_ID + count;

            parents[count] = node;
            pcs[count++] = 0x400000 + draw() % MODULE_BYTES;
            depths[child] = (uint8_t)(depths[node] + 1);
            node = child;
        }
        out->leaves[i] = node;
    }
    mr_encode_stacks(&out->encoder, MR_STACK_FIRST_ID, count, parents, pcs);
}

struct lived {
    uint64_t address;
    uint32_t thread;
};

static void put_event(struct generator *out, struct mr_event event)
{
    event.ticks = out->ticks += 1 + draw() % 16;
    mr_encode_event(&out->encoder, &event);
    out->events++;
    if (out->encoder.event_count == MR_BLOCK_EVENTS_MAX || mr_encode_room(&out->encoder) < 4096) {
        write_block(out, 0);
    }
}

static void put_free(struct generator *out, struct lived block)
{
    put_event(out,
              (struct mr_event){.op = MR_OP_FREE, .thread = block.thread, .key = block.address});
}

static void generate(const char *path, uint64_t events, uint64_t *survivors)
{
    static struct generator out;
    static struct lived medium[MEDIUM];
    static const uint8_t trace_id[16] = "import_rate_____";
    void *memory =
        mmap(NULL, MR_ENCODER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t next_address = 0x10000000;
    struct lived young[8] = {{0, 0}};

    memset(&out, 0, sizeof out);
    memset(medium, 0, sizeof medium);
    bench_require(memory != MAP_FAILED);
    mr_encode_init(&out.encoder, memory, false);
    bench_require(mr_write_open(
        &out.writer, open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600), trace_id, 1));
    out.ticks = out.first_ticks = 1000;
    put_header(&out.encoder);
    put_stacks(&out);
    write_block(&out, 0);
    while (out.events + 2 <= events) {
        struct lived block = {next_address, 1 + (uint32_t)(draw() % THREADS)};
        uint64_t size = 16 + (draw() % 64) * 8;
        uint32_t stack = out.leaves[(draw() % STACKS) * (draw() % STACKS) / STACKS];
        uint64_t fate = draw() % 100;

        next_address += 16 + (size + 15) / 16 * 16;
        put_event(&out, (struct mr_event){.op = MR_OP_MALLOC,
                                          .thread = block.thread,
                                          .stack = stack,
                                          .extra = 8,
                                          .address = block.address,
                                          .size = size,
                                          .key = block.address});
        if (fate == 0) {
            out.survivors++;
            continue;
        }
        struct lived *place = fate < 90 ? &young[draw() % 8] : &medium[draw() % MEDIUM];
        struct lived old = *place;
        *place = block;
        if (old.address) {
            put_free(&out, old);
        }
    }
    mr_encode_begin(&out.encoder, MR_SECTION_END);
    mr_encode_uvarint(&out.encoder, MR_END_EXIT);
    mr_encode_uvarint(&out.encoder, out.ticks);
    mr_encode_end(&out.encoder);
    write_block(&out, MR_BLOCK_LAST);
    mr_write_close(&out.writer);
    munmap(memory, MR_ENCODER_BYTES);
    *survivors = out.survivors;
}

/* In a process of its own, so that its memory and CPU time are its own. Returns the seconds it took. */
static double import_once(const char *trace, const char *database, uint64_t events,
                          uint64_t *peak_kib, double *cpu)
{
    uint64_t start_ns = bench_now_ns();
    pid_t child = fork();

    bench_require(child >= 0);
    if (child == 0) {
        struct import_options options = {.replace = true, .quiet = true};
        struct import_totals totals;
        const char *traces[] = {trace};

        bench_require(import_traces(traces, 1, database, &options, &totals).code == STATUS_OK);
        bench_require(totals.events <= events && totals.events + 2 > events);
        _exit(0);
    }
    int result = 1;
    struct rusage usage;
    bench_require(wait4(child, &result, 0, &usage) == child && result == 0);
    *peak_kib = (uint64_t)usage.ru_maxrss;
    *cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    return (double)(bench_now_ns() - start_ns) / 1e9;
}

static double measure(const char *trace, const char *database, uint64_t events)
{
    double best = 1e9;
    double best_cpu = 1e9;
    uint64_t survivors;
    uint64_t peak_kib = 0;

    state = 0x2545F4914F6CDD1Du;
    generate(trace, events, &survivors);
    for (int round = 0; round < 3; round++) {
        double cpu;
        double seconds = import_once(trace, database, events, &peak_kib, &cpu);

        best = seconds < best ? seconds : best;
        best_cpu = cpu < best_cpu ? cpu : best_cpu;
    }
    printf(
        "import of %6.1f M events %8.2f M events/s (%.2f s); %.2f M per CPU second; peak %.0f MiB\n",
        (double)events / 1e6, (double)events / best / 1e6, best, (double)events / best_cpu / 1e6,
        (double)peak_kib / 1024);
    bench_require(peak_kib <= (256u << 10) + 48 * (survivors + MEDIUM) / 1024);
    return best_cpu;
}

/* ---- rows alone ---- */

static const char *database_path;

static sqlite3 *make_table(uint32_t *root_page)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    unlink(database_path);
    bench_require(sqlite3_open(database_path, &db) == SQLITE_OK);
    bench_require(sqlite3_exec(db,
                               "PRAGMA page_size = 8192; PRAGMA journal_mode = OFF;"
                               "PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
                               "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER,"
                               " c INTEGER, d INTEGER, e INTEGER) STRICT",
                               NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema", -1, &statement, NULL);
    bench_require(sqlite3_step(statement) == SQLITE_ROW);
    *root_page = (uint32_t)sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return db;
}

static void rows_by_pages(void *context, uint64_t operations)
{
    struct table_file *file;
    struct table_writer writer;
    uint32_t root_page;

    (void)context;
    sqlite3_close(make_table(&root_page));
    bench_require(table_file_open(database_path, &file).code == STATUS_OK);
    bench_require(table_writer_open(&writer, file, root_page, TABLE_ROWID).code == STATUS_OK);
    for (uint64_t i = 1; i <= operations; i++) {
        table_writer_null(&writer);
        table_writer_int(&writer, (int64_t)(i * 37));
        table_writer_int(&writer, (int64_t)(i & 3));
        table_writer_int(&writer, (int64_t)(0x7f0000000000 + i * 48));
        table_writer_int(&writer, (int64_t)(i * 7919 % 4096));
        table_writer_int(&writer, (int64_t)(i % STACKS));
        bench_require(table_writer_end_row(&writer, (int64_t)i).code == STATUS_OK);
    }
    bench_require(table_writer_finish(&writer).code == STATUS_OK);
    bench_require(table_file_finish(file).code == STATUS_OK);
    table_writer_close(&writer);
    table_file_close(file);
}

static void rows_by_statements(void *context, uint64_t operations)
{
    sqlite3_stmt *insert = NULL;
    uint32_t root_page;
    sqlite3 *db = make_table(&root_page);

    (void)context;
    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", -1, &insert, NULL);
    for (uint64_t i = 1; i <= operations; i++) {
        sqlite3_bind_int64(insert, 1, (int64_t)i);
        sqlite3_bind_int64(insert, 2, (int64_t)(i * 37));
        sqlite3_bind_int64(insert, 3, (int64_t)(i & 3));
        sqlite3_bind_int64(insert, 4, (int64_t)(0x7f0000000000 + i * 48));
        sqlite3_bind_int64(insert, 5, (int64_t)(i * 7919 % 4096));
        sqlite3_bind_int64(insert, 6, (int64_t)(i % STACKS));
        bench_require(sqlite3_step(insert) == SQLITE_DONE);
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(db);
}

int main(int argc, char **argv)
{
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    const char *folder = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    char trace[512];
    char database[512];

    snprintf(trace, sizeof trace, "%s/import_rate.%d.zst", folder, (int)getpid());
    snprintf(database, sizeof database, "%s/import_rate.%d.db", folder, (int)getpid());
    database_path = database;
    double small = measure(trace, database, events / 10);
    double large = measure(trace, database, events);
    printf("10 times the events take %.2f times the CPU time\n", large / small);
    struct bench_result rows = bench_pair("six-column row: statement (A), page (B)", 3, events / 10,
                                          rows_by_statements, NULL, rows_by_pages, NULL);
    printf("rows into pages %27.1f M rows/s\n", 1e3 / rows.b_ns);
    unlink(trace);
    unlink(database);
    return 0;
}
