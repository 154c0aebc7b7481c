/* SPDX-License-Identifier: Apache-2.0 */
/* interval_coverage.c -- does the 95 % interval of an estimate hold the truth? Exact lists of blocks are thinned as the
 * recorder thins them, with many seeds; each seed is a stack of its own, goes through the sums of import and the view
 * stack_stat_interval, and its interval is held against the exact bytes. A stack without a sample has no row.
 *
 *   made     24 cells, blocks of one size: 16 bytes to eight intervals, volumes of 1 to 64 intervals or blocks
 *   real     what the busiest stacks of recorded programs allocated, in full, at intervals that leave 2, 10 and 50 samples
 *
 * Expected, and required: at least 94 % in every cell, and no bias beyond the noise. Arguments: seeds (default 5,000);
 * programs are recorded when LIBMEMREC and LEAK_TREE are set. */
#include "bench.h"
#include "db.h"
#include "embedded.h"
#include "import.h"
#include "rollup.h"

#include <math.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INTERVAL = 65536, CELLS_MAX = 64, STACKS = 5 };

static uint64_t state = 88172645463325252u;
static struct rollup *rollup;
static struct db *db;
static unsigned seeds = 5000;

static double uniform(void) /* in (0, 1) */
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

struct cell { /* `count` blocks of one size, or of the sizes in `sizes` */
    char name[96];
    uint64_t size, count;
    const uint64_t *sizes;
    uint64_t interval;
    double bytes;
};

static void take(const struct cell *cell, uint32_t stack, uint64_t size)
{
    struct rollup_block block = {.birth_ns = 1,
                                 .size_bytes = size,
                                 .stack_id = stack,
                                 .weight = rollup_weight(rollup, size, 1, cell->interval)};

    bench_require(rollup_alloc(rollup, &block).code == STATUS_OK);
}

/* The blocks that a recorder with this seed would have sampled. */
static void thin(const struct cell *cell, uint32_t stack)
{
    if (!cell->sizes) { /* gaps between them, instead of asking each */
        double missed = -(double)cell->size / (double)cell->interval; /* log of the probability */

        for (double at = floor(log(uniform()) / missed); at < (double)cell->count;
             at += 1 + floor(log(uniform()) / missed)) {
            take(cell, stack, cell->size);
        }
        return;
    }
    for (uint64_t i = 0; i < cell->count; i++) {
        if (uniform() < -expm1(-(double)cell->sizes[i] / (double)cell->interval)) {
            take(cell, stack, cell->sizes[i]);
        }
    }
}

/* Of the estimate from one seed, exactly. */
static double variance(const struct cell *cell)
{
    double sum = 0;

    for (uint64_t i = 0; i < (cell->sizes ? cell->count : 1); i++) {
        double size = (double)(cell->sizes ? cell->sizes[i] : cell->size);
        double taken = -expm1(-size / (double)cell->interval);

        sum += size * size * (1 - taken) / taken * (cell->sizes ? 1 : (double)cell->count);
    }
    return sum;
}

/* Whether the cell is as it should be. */
static bool judge(struct cell *cell, int64_t run)
{
    static const int64_t thread_ids[1] = {1};
    struct statement *select;
    bool has_row;
    double covered = 0, rows = 0, sum = 0, width = 0;

    rollup_start(rollup, 1000, 0);
    for (uint32_t stack = 1; stack <= seeds; stack++) {
        thin(cell, stack);
    }
    bench_require(rollup_finish(rollup, 1000).code == STATUS_OK);
    bench_require(rollup_write(rollup, db, NULL, run, thread_ids).code == STATUS_OK);
    bench_require(db_prepare(db,
                             "SELECT bytes, bytes_low, bytes_high FROM stack_stat_interval"
                             " WHERE run_id = ? AND measure = 'allocated'",
                             &select)
                      .code == STATUS_OK);
    db_bind_int(select, 1, run);
    bench_require(db_step(select, &has_row).code == STATUS_OK);
    while (has_row) {
        double bytes = db_real(select, 0);

        rows++;
        sum += bytes;
        width += (db_real(select, 2) - db_real(select, 1)) / cell->bytes;
        covered += db_real(select, 1) <= cell->bytes * (1 + 1e-9) &&
                   cell->bytes <= db_real(select, 2) * (1 + 1e-9);
        bench_require(db_step(select, &has_row).code == STATUS_OK);
    }
    double mean = sum / seeds; /* a stack without a row estimates 0 */
    double noise = sqrt(variance(cell) / seeds);
    bool good = covered >= 0.94 * rows && fabs(mean - cell->bytes) <= 4 * noise + 1e-6 * mean;
    printf("%-44s covered %.3f  bias %+.3f (noise %.3f)  mean width %.2f  seen by %.3f%s\n",
           cell->name, covered / fmax(rows, 1), mean / cell->bytes - 1, noise / cell->bytes,
           width / fmax(rows, 1), rows / seeds, good ? "" : "  MISSED");
    fflush(stdout);
    return good;
}

static bool judge_made(int64_t *run)
{
    static const uint64_t sizes[] = {16, 256, 4096, 32768, 131072, 524288};
    static const uint64_t volumes[] = {1, 4, 16, 64};
    bool good = true;

    for (size_t s = 0; s < 6; s++) {
        for (size_t v = 0; v < 4; v++) {
            uint64_t unit = sizes[s] > INTERVAL ? sizes[s] : INTERVAL;
            struct cell cell = {
                .size = sizes[s], .count = volumes[v] * unit / sizes[s], .interval = INTERVAL};

            cell.bytes = (double)cell.size * (double)cell.count;
            snprintf(cell.name, sizeof cell.name, "made: %llu blocks of %llu",
                     (unsigned long long)cell.count, (unsigned long long)cell.size);
            good &= judge(&cell, ++*run);
        }
    }
    return good;
}

/* ---- real lists ---- */

static bool record(const char *const *command, const char *trace)
{
    int ended;
    pid_t child = fork();

    if (child == 0) {
        setenv("LD_PRELOAD", getenv("LIBMEMREC"), 1);
        setenv("MEMREC_TRACE", trace, 1);
        setenv("MEMREC_INTERVAL", "1", 1);
        if (!freopen("/dev/null", "w", stdout)) {
            _exit(1);
        }
        execv(command[0], (char *const *)command);
        _exit(127);
    }
    return child > 0 && waitpid(child, &ended, 0) == child && access(trace, R_OK) == 0;
}

static bool judge_stack(sqlite3 *exact, int64_t stack, const char *function, int64_t *run)
{
    static const unsigned wanted[] = {2, 10, 50};
    sqlite3_stmt *select;
    struct cell cell = {.count = 0};
    uint64_t *sizes = NULL;
    size_t room = 0;
    bool good = true;

    bench_require(sqlite3_prepare_v2(exact, "SELECT size_bytes FROM sample WHERE stack_id = ?1", -1,
                                     &select, NULL) == SQLITE_OK);
    sqlite3_bind_int64(select, 1, stack);
    while (sqlite3_step(select) == SQLITE_ROW) {
        if (cell.count == room) {
            room = 2 * room + 1024;
            bench_require(sizes = realloc(sizes, room * sizeof *sizes));
        }
        sizes[cell.count] = (uint64_t)sqlite3_column_int64(select, 0);
        cell.bytes += (double)sizes[cell.count++];
    }
    sqlite3_finalize(select);
    cell.sizes = sizes;
    for (size_t i = 0; i < 3; i++) {
        cell.interval = (uint64_t)(cell.bytes / wanted[i]) + 1;
        snprintf(cell.name, sizeof cell.name, "real: %.24s, %u samples", function, wanted[i]);
        good &= judge(&cell, ++*run);
    }
    free(sizes);
    return good;
}

static bool judge_program(const char *const *command, int64_t *run)
{
    const struct import_options options = {.replace = true, .quiet = true};
    const char *trace = "exact.zst";
    sqlite3 *exact;
    sqlite3_stmt *select;
    bool good = true;

    unlink(trace);
    bench_require(record(command, trace));
    bench_require(import_traces(&trace, 1, "exact.db", &options, NULL).code == STATUS_OK);
    bench_require(sqlite3_open("exact.db", &exact) == SQLITE_OK);
    bench_require(
        sqlite3_prepare_v2(exact,
                           "SELECT s.stack_id, k.function FROM stack_stat s"
                           " JOIN stack k ON k.id = s.stack_id"
                           " WHERE s.measure = 'allocated' AND s.samples BETWEEN 200 AND 30000"
                           " ORDER BY s.bytes DESC LIMIT ?1",
                           -1, &select, NULL) == SQLITE_OK);
    sqlite3_bind_int(select, 1, STACKS);
    while (sqlite3_step(select) == SQLITE_ROW) {
        good &= judge_stack(exact, sqlite3_column_int64(select, 0),
                            (const char *)sqlite3_column_text(select, 1), run);
    }
    sqlite3_finalize(select);
    sqlite3_close(exact);
    return good;
}

int main(int argc, char **argv)
{
    const char *const perl[] = {
        "/usr/bin/perl", "-e",
        "my %h; for my $i (1..9000) { $h{$i % 700} = 'x' x ($i % 90); "
        "my @a = split /5/, $i x 5; delete $h{$i * 7 % 700} if $i % 3 == 0 }",
        NULL};
    const char *tree = getenv("LEAK_TREE");
    const char *const service[] = {tree, "20000", NULL};
    char folder[] = "/tmp/interval_coverage.XXXXXX";
    char remove[64];
    int64_t run = 0;

    seeds = argc > 1 ? (unsigned)atoi(argv[1]) : seeds;
    bench_require(mkdtemp(folder) && chdir(folder) == 0);
    bench_require(rollup_open(&rollup).code == STATUS_OK &&
                  db_open("", DB_BUILD, &db).code == STATUS_OK);
    for (size_t i = 0; i < embedded_schemas_count; i++) {
        bench_require(db_run(db, embedded_schemas[i].text).code == STATUS_OK);
    }
    bool good = judge_made(&run);
    if (getenv("LIBMEMREC") && tree) {
        good &= judge_program(service, &run);
        if (access(perl[0], X_OK) == 0) {
            good &= judge_program(perl, &run);
        }
    }
    db_close(db);
    rollup_close(rollup);
    snprintf(remove, sizeof remove, "rm -rf %s", folder);
    bench_require(chdir("/") == 0 && system(remove) == 0);
    printf("%lld cells, %u seeds each: %s\n", (long long)run, seeds,
           good ? "the interval holds the truth in 94 % or more of every one"
                : "a target is missed");
    return good ? 0 : 1;
}
