/* SPDX-License-Identifier: Apache-2.0 */
/* week.c -- a trace of seven days in 28 files becomes a database that is bounded.
 *
 * 15 samples a second from 500 stacks: most live for seconds, some for hours, and every 20th of one stack stays. Made
 * with the recorder's own encoder and its list of what is alive. Then the same trace without a bound and with one of
 * 100 MiB: all sums must be equal, survivors must all be there, the rows that are left must stand for all, and the
 * leak must be found, also in the last three files alone. Goals: the file is not larger than asked; history has at
 * most 28,000 rows and answers in 200 ms; memory stays below 128 MiB.
 *
 *     week [days]                                                                                 */
#include "bench.h"

#include "carried.h"
#include "embedded.h"
#include "import.h"
#include "write.h"

#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACKS = 500, SEGMENTS = 28, PER_SECOND = 15, QUEUE = 1 << 20, LEAKING = 7 };

#define SECOND_TICKS UINT64_C(100000000) /* a tick is 10 ns */

static uint64_t state = 0x2545F4914F6CDD1Du;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static struct mr_encoder encoder;
static struct mr_writer writer;
static struct mr_carried carried;
static uint64_t now = 1000, first = 1000, id, events;
static const char *folder;

static void segment_path(char out[512], int number)
{
    if (number) {
        snprintf(out, 512, "%s/week.%d.zst", folder, number);
    } else {
        snprintf(out, 512, "%s/week.zst", folder);
    }
}

static void write_block(uint32_t flags)
{
    mr_encode_finish(&encoder);
    const struct mr_block_facts facts = {
        .first_ticks = encoder.event_count ? encoder.first_event_ticks : now,
        .last_ticks = now,
        .clock_ticks = now,
        .clock_ns = now * 10,
        .event_count = encoder.event_count,
        .flags = flags,
    };
    bench_require(mr_write_block(&writer, encoder.payload, encoder.used, &facts) == 0);
    mr_encode_reset(&encoder);
}

/* What each file begins with. */
static void put_names(int segment)
{
    uint32_t parents[STACKS * 2];
    uint64_t pcs[STACKS * 2];

    mr_encode_begin(&encoder, MR_SECTION_HEADER);
    mr_encode_header_integer(&encoder, MR_KEY_START_TICKS, first);
    mr_encode_header_integer(&encoder, MR_KEY_START_MONOTONIC_NS, first * 10);
    mr_encode_header_integer(&encoder, MR_KEY_MODE, MR_MODE_SAMPLED);
    mr_encode_header_integer(&encoder, MR_KEY_INTERVAL_BYTES, 65536);
    mr_encode_header_integer(&encoder, MR_KEY_SEGMENT, (uint64_t)segment);
    mr_encode_header_integer(&encoder, MR_KEY_ONLY_LAST, 1);
    mr_encode_end(&encoder);
    mr_encode_begin(&encoder, MR_SECTION_METRIC);
    mr_encode_uvarint(&encoder, 1);
    mr_encode_uvarint(&encoder, MR_UNIT_BYTES);
    mr_encode_uvarint(&encoder, MR_METRIC_GAUGE);
    mr_encode_text(&encoder, "process.rss_bytes", 17);
    mr_encode_end(&encoder);
    for (uint32_t i = 0; i < STACKS; i++) { /* two frames each */
        parents[2 * i] = MR_STACK_ROOT;
        parents[2 * i + 1] = MR_STACK_FIRST_ID + 2 * i;
        pcs[2 * i] = 0x400000 + i * 16;
        pcs[2 * i + 1] = 0x500000 + i * 16;
    }
    mr_encode_stacks(&encoder, MR_STACK_FIRST_ID, STACKS * 2, parents, pcs);
    write_block(0);
    for (uint32_t at = 0, told = 0; at < carried.count && segment; at++) {
        struct mr_event event;

        if (mr_carried_get(&carried, at, &event)) {
            mr_encode_event(&encoder, &event);
            if (++told % 32768 == 0) {
                mr_encode_alive(&encoder, 0);
                write_block(0);
            }
        }
    }
    if (segment) {
        mr_encode_alive(&encoder, MR_ALIVE_LAST | MR_ALIVE_WHOLE);
        write_block(0);
    }
}

static void put(struct mr_event event)
{
    event.ticks = now;
    mr_encode_event(&encoder, &event);
    mr_carried_event(&carried, &event);
    events++;
    if (encoder.event_count == MR_BLOCK_EVENTS_MAX) {
        write_block(0);
    }
}

/* Deaths to come, a heap by time. */
struct death {
    uint64_t ticks, id;
    uint32_t place;
};
static struct death *deaths;
static size_t death_count;

/* Addresses are used again. */
static uint32_t *free_places;
static uint32_t free_count, place_count;

static void push_death(struct death death)
{
    size_t at = death_count++;

    bench_require(death_count < QUEUE);
    for (; at && deaths[(at - 1) / 2].ticks > death.ticks; at = (at - 1) / 2) {
        deaths[at] = deaths[(at - 1) / 2];
    }
    deaths[at] = death;
}

static struct death pop_death(void)
{
    struct death top = deaths[0], last = deaths[--death_count];
    size_t at = 0;

    for (size_t child; (child = 2 * at + 1) < death_count; at = child) {
        child += child + 1 < death_count && deaths[child + 1].ticks < deaths[child].ticks;
        if (deaths[child].ticks >= last.ticks) {
            break;
        }
        deaths[at] = deaths[child];
    }
    deaths[at] = last;
    return top;
}

static void allocate(void)
{
    uint32_t stack = (uint32_t)(draw() % STACKS);
    uint64_t fate = draw() % 1000;
    double mean_s = fate < 950 ? 5 : fate < 998 ? 600 : 20000;
    double lives_s = -log(((double)(draw() >> 11) + 1) / 9007199254740993.0) * mean_s;

    uint32_t place = free_count ? free_places[--free_count] : place_count++;

    put((struct mr_event){.op = MR_OP_MALLOC,
                          .thread = 1,
                          .stack = MR_STACK_FIRST_ID + 2 * stack + 1,
                          .interval = 1,
                          .address = 0x10000000 + (uint64_t)place * 0x20000,
                          .size = 1000 + draw() % 100000,
                          .key = ++id});
    if (stack != LEAKING || draw() % 20) {
        push_death((struct death){now + (uint64_t)(lives_s * (double)SECOND_TICKS), id, place});
    }
}

static void generate(uint64_t days)
{
    static const uint8_t trace_id[16] = "seven days _____";
    void *memory =
        mmap(NULL, MR_ENCODER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t seconds = days * 86400;
    char path[512];

    deaths = malloc(QUEUE * sizeof *deaths);
    free_places = malloc(QUEUE * sizeof *free_places);
    bench_require(memory != MAP_FAILED && deaths && free_places && mr_carried_open(&carried, true));
    segment_path(path, 0);
    mr_encode_init(&encoder, memory, true);
    bench_require(mr_write_open(&writer, open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600),
                                trace_id, 1));
    put_names(0);
    for (uint64_t second = 0, segment = 0; second < seconds; second++) {
        for (int i = 0; i < PER_SECOND; i++) {
            now += SECOND_TICKS / PER_SECOND;
            while (death_count && deaths[0].ticks <= now) {
                struct death death = pop_death();

                put((struct mr_event){.op = MR_OP_FREE, .thread = 1, .key = death.id});
                free_places[free_count++] = death.place;
            }
            allocate();
        }
        if (second % 2 == 0) {
            mr_encode_gauge(&encoder, now, 1, (int64_t)(carried.alive * 65536 + second % 7 * 4096));
        }
        if (second % 600 == 599) {
            write_block(0);
        }
        if (second * SEGMENTS / seconds != segment) {
            segment++;
            write_block(0);
            segment_path(path, (int)segment);
            mr_write_continue(&writer, open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600));
            put_names((int)segment);
        }
    }
    mr_encode_begin(&encoder, MR_SECTION_END);
    mr_encode_uvarint(&encoder, MR_END_EXIT);
    mr_encode_uvarint(&encoder, now);
    mr_encode_end(&encoder);
    write_block(MR_BLOCK_LAST);
    mr_write_close(&writer);
}

/* In a process of its own, so that its memory is its own. */
static void import_once(const char *what, const char *trace, const char *database,
                        uint64_t max_bytes)
{
    pid_t child = fork();
    struct rusage usage;
    struct stat facts;
    int result = 1;

    bench_require(child >= 0);
    if (child == 0) {
        const struct import_options options = {
            .replace = true, .quiet = true, .max_bytes = max_bytes};
        const char *traces[] = {trace};

        _exit(import_traces(traces, 1, database, &options, NULL).code != STATUS_OK);
    }
    bench_require(wait4(child, &result, 0, &usage) == child && result == 0);
    bench_require(stat(database, &facts) == 0);
    printf("%-20s %5.1f CPU seconds, peak %4.0f MiB, database %5.0f MiB\n", what,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
           (double)usage.ru_maxrss / 1024, (double)facts.st_size / (1 << 20));
    bench_require((uint64_t)facts.st_size <= max_bytes);
    bench_require(usage.ru_maxrss <= 128 << 10);
}

static uint64_t cpu_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The first number of the first row, and the CPU time it took; -1: none. */
static double ask(const char *database, const char *sql, const char *parameter, double *ms)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    uint64_t start_ns = cpu_ns();
    double answer = -1;

    bench_require(sqlite3_open_v2(database, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
    }
    if (parameter) {
        sqlite3_bind_text(statement, sqlite3_bind_parameter_index(statement, "$2"), parameter, -1,
                          SQLITE_STATIC);
    }
    for (bool is_first = true; sqlite3_step(statement) == SQLITE_ROW; is_first = false) {
        answer = is_first ? sqlite3_column_double(statement, 0) : answer;
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    if (ms) {
        *ms = (double)(cpu_ns() - start_ns) / 1e6;
    }
    return answer;
}

static void compare(const char *small, const char *large)
{
    static const char *const equal[] = {
        "SELECT SUM(bytes) FROM stack_stat WHERE measure = 'allocated'",
        "SELECT SUM(bytes) FROM stack_stat WHERE measure = 'live'",
        "SELECT SUM(bytes_var) FROM stack_stat",
        "SELECT SUM(alloc_bytes) + SUM(freed_bytes) + SUM(live_bytes) FROM timeline",
        "SELECT SUM(alloc_bytes) + SUM(live_bytes) + SUM(rss_bytes) FROM history",
        "SELECT SUM(samples) FROM lifetime_stat",
        "SELECT COUNT(*) FROM leak WHERE verdict = 'leak'",
        "SELECT COUNT(*) FROM sample WHERE death_ns IS NULL",
        "SELECT COUNT(*) FROM sample WHERE death_ns - birth_ns > 6 * 3600000000000",
    };

    for (size_t i = 0; i < sizeof equal / sizeof equal[0]; i++) {
        double a = ask(small, equal[i], NULL, NULL), b = ask(large, equal[i], NULL, NULL);

        if (a != b || a <= 0) {
            fprintf(stderr, "%s: %f and %f\n", equal[i], a, b);
        }
        bench_require(a == b && a > 0);
    }
    static const char stand_for[] = "SELECT SUM(weight * size_bytes) FROM sample";
    double rows = ask(small, "SELECT COUNT(*) FROM sample", NULL, NULL);
    double all = ask(large, "SELECT COUNT(*) FROM sample", NULL, NULL);
    double ratio = ask(small, stand_for, NULL, NULL) / ask(large, stand_for, NULL, NULL);
    double missing = ask(small, "SELECT count FROM loss WHERE kind = 'dropped_rows'", NULL, NULL);

    printf("rows %.0f of %.0f, which stand for %.3f of all bytes; losses says %.0f are missing\n",
           rows, all, ratio, missing);
    bench_require(rows + missing == all && fabs(ratio - 1) < 0.02);
}

static void ask_history(const char *database)
{
    static const char *const ranges[] = {"1m", "5m", "1h", "10h", "all"};
    const char *sql = NULL;

    for (size_t i = 0; embedded_queries[i].name; i++) {
        sql = strcmp(embedded_queries[i].name, "history") == 0 ? embedded_queries[i].text : sql;
    }
    bench_require(sql);
    printf("history: %.0f rows;", ask(database, "SELECT COUNT(*) FROM history", NULL, NULL));
    for (int i = 0; i < 5; i++) {
        double ms, best = 1e9;

        for (int round = 0; round < 3; round++) {
            bench_require(ask(database, sql, ranges[i], &ms) >= 0);
            best = ms < best ? ms : best;
        }
        printf(" %s %.1f ms", ranges[i], best);
        bench_require(best <= 200);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    uint64_t days = argc > 1 ? strtoull(argv[1], NULL, 10) : 7;
    char place[256], trace[512], large[512], small[512], last[512], command[512];

    snprintf(place, sizeof place, "%s/week.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    folder = mkdtemp(place);
    bench_require(folder && days > 0);
    segment_path(trace, 0);
    snprintf(large, sizeof large, "%s/large.db", folder);
    snprintf(small, sizeof small, "%s/small.db", folder);
    snprintf(last, sizeof last, "%s/last.db", folder);
    generate(days);
    printf("%.1f M events in %d files\n", (double)events / 1e6, SEGMENTS);
    import_once("at most 64 GiB", trace, large, UINT64_C(64) << 30);
    import_once("at most 100 MiB", trace, small, 100 << 20);
    compare(small, large);
    ask_history(small);
    for (int i = 0; i < SEGMENTS - 3; i++) {
        segment_path(command, i);
        unlink(command);
    }
    import_once("the last 3 files", trace, last, 1 << 30);
    bench_require(ask(last, "SELECT COUNT(*) FROM leak WHERE verdict = 'leak'", NULL, NULL) == 1);
    bench_require(ask(last, "SELECT COUNT(*) FROM sample WHERE death_ns IS NULL", NULL, NULL) ==
                  ask(large, "SELECT COUNT(*) FROM sample WHERE death_ns IS NULL", NULL, NULL));
    snprintf(command, sizeof command, "rm -r %s", folder);
    bench_require(system(command) == 0);
    return 0;
}
