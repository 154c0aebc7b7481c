/* SPDX-License-Identifier: Apache-2.0 */
/* distribution_test.c -- utilisation against every window there is, quantiles against a pencil. */
#include "check.h"
#include "distribution.h"
#include "embedded.h"
#include "pauses.h"

#include <stdlib.h>

enum { RUN = 400, PAUSES = 12 };

/* ---- pauses ---------------------------------------------------------------------------------- */

/* Nanosecond by nanosecond, every window that begins in the run or so little before that it reaches it. */
static double brute_force(const struct pause *pauses, size_t count, int64_t window_ns)
{
    static unsigned char stood[3 * RUN];
    int64_t most = 0;

    memset(stood, 0, sizeof stood);
    for (size_t i = 0; i < count; i++) {
        for (int64_t at = pauses[i].begin_ns; at < pauses[i].end_ns; at++) {
            stood[RUN + at] = 1;
        }
    }
    for (int64_t begin = 0; begin + window_ns <= 3 * RUN; begin++) {
        int64_t sum = 0;

        for (int64_t at = begin; at < begin + window_ns; at++) {
            sum += stood[at];
        }
        most = sum > most ? sum : most;
    }
    return (double)(window_ns - most) / (double)window_ns;
}

/* The part of one window that is said to be the worst. */
static double utilisation_at(const struct pause *pauses, size_t count, int64_t begin_ns,
                             int64_t window_ns)
{
    int64_t paused = 0;

    for (size_t i = 0; i < count; i++) {
        int64_t begin = pauses[i].begin_ns > begin_ns ? pauses[i].begin_ns : begin_ns;
        int64_t end = begin_ns + window_ns;

        end = pauses[i].end_ns < end ? pauses[i].end_ns : end;
        paused += end > begin ? end - begin : 0;
    }
    return (double)(window_ns - paused) / (double)window_ns;
}

static void check_pauses(void)
{
    srand(7);
    for (int round = 0; round < 300; round++) {
        struct pause pauses[PAUSES];
        size_t count = (size_t)(rand() % PAUSES + 1);

        for (size_t i = 0; i < count; i++) { /* overlapping ones too, and empty ones */
            int64_t begin = rand() % (RUN - 40);

            pauses[i] = (struct pause){begin, begin + rand() % 40};
        }
        count = pauses_merge(pauses, count);
        for (size_t i = 1; i < count; i++) {
            CHECK(pauses[i].begin_ns > pauses[i - 1].end_ns);
        }
        for (int64_t window_ns = 1; window_ns <= RUN; window_ns += 1 + window_ns / 3) {
            int64_t worst_ns;
            double found = pauses_utilisation(pauses, count, window_ns, &worst_ns);

            if (!CHECK(found == brute_force(pauses, count, window_ns)) ||
                !CHECK(found == utilisation_at(pauses, count, worst_ns, window_ns))) {
                fprintf(stderr, "round %d, window %d\n", round, (int)window_ns);
            }
        }
    }
    int64_t worst_ns;
    CHECK(pauses_utilisation(NULL, 0, 10, &worst_ns) == 1);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void run_embedded(struct db *db, const char *name)
{
    for (size_t i = 0; i < embedded_schemas_count; i++) {
        if (strcmp(embedded_schemas[i].name, name) == 0) {
            CHECK_EQ(db_run(db, embedded_schemas[i].text).code, STATUS_OK);
        }
    }
}

/* The first column of the first row; -999: there is none. */
static int64_t ask(struct db *db, const char *sql)
{
    struct statement *select;
    bool has_row = false;

    CHECK_EQ(db_prepare(db, sql, &select).code, STATUS_OK);
    CHECK_EQ(db_step(select, &has_row).code, STATUS_OK);
    int64_t answer = has_row ? db_int(select, 0) : -999;
    db_reset(select);
    return answer;
}

#define QUANTILE(column, where) "SELECT " column " FROM quantile WHERE " where

static void check_rows(void)
{
    struct db *db;

    CHECK_EQ(db_open("", DB_BUILD, &db).code, STATUS_OK);
    run_embedded(db, "schema");
    /* run 1: a second, frames of 1 to 200 ns in stream 7; run 2: one frame in stream 8 */
    CHECK_EQ(
        db_run(db, "INSERT INTO run (id, trace_id, trace_path, trace_bytes, duration_ns, mode,"
                   " complete, block_count, event_count, recovered_events, bucket_ns, temporary_ns)"
                   " VALUES (1, 'a', '', 0, 1000000000, 'full', 1, 0, 0, 0, 1, 1),"
                   " (2, 'b', '', 0, 50000000, 'full', 1, 0, 0, 0, 1, 1);"
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
                   " INSERT INTO frame_mark (run_id, stream_id, number, begin_ns, duration_ns,"
                   " ended_by, alloc_bytes)"
                   " SELECT 1, 7, i, i, 1 + i * 7 % 200, 'end', CASE WHEN i > 3 THEN 10 END FROM n;"
                   "INSERT INTO frame_mark (run_id, stream_id, number, begin_ns, duration_ns,"
                   " ended_by) VALUES (2, 8, 1, 0, 5, 'end'), (2, 8, 2, 9, NULL, 'nothing');"
                   "INSERT INTO eval (run_id, label, begin_ns, duration_ns, net_bytes)"
                   " VALUES (1, 'a/b/c', 0, 3, -5), (1, 'a/b/c', 0, 4, -7), (1, NULL, 0, 9, 2);"
                   "INSERT INTO gc (id, run_id, heap_id, number, kind, approximate, trued_up)"
                   " VALUES (1, 1, 4, 1, 'minor', 0, 0), (2, 1, 4, 2, 'major', 0, 0);"
                   /* the two heaps stand at the same time, from 0 to 60 and from 30 to 90 ms */
                   "INSERT INTO gc_pause (run_id, heap_id, gc_id, begin_ns, duration_ns)"
                   " VALUES (1, 4, 1, 0, 60000000), (1, 5, NULL, 30000000, 60000000),"
                   " (1, 4, 2, 500000000, 1000000), (1, 4, 2, 700000000, NULL),"
                   " (2, 6, NULL, 0, 25000000)")
            .code,
        STATUS_OK);
    CHECK_EQ(distribution_write(db).code, STATUS_OK);

#define FRAMES "measure = 'frame_mark.duration_ns' AND run_id = 1 AND subject_id = 7 AND part = ''"
    CHECK_EQ(ask(db, QUANTILE("told", FRAMES)), 200);
    CHECK_EQ(ask(db, QUANTILE("p50", FRAMES)), 100);
    CHECK_EQ(ask(db, QUANTILE("p90", FRAMES)), 180);
    CHECK_EQ(ask(db, QUANTILE("p95", FRAMES)), 190);
    CHECK_EQ(ask(db, QUANTILE("p99", FRAMES)), 198);
    CHECK_EQ(ask(db, QUANTILE("maximum", FRAMES)), 200);
    CHECK_EQ(ask(db, QUANTILE("p50_low", FRAMES)), 86); /* 100 -+ 1.96 sqrt(50), outwards */
    CHECK_EQ(ask(db, QUANTILE("p50_high", FRAMES)), 115);
    CHECK_EQ(ask(db, QUANTILE("p99_low", FRAMES)), 195);
    CHECK_EQ(ask(db, QUANTILE("COUNT(p99_high)", FRAMES)), 0); /* the 202nd of 200 */
    CHECK_EQ(ask(db, QUANTILE("COUNT(p50_low)", "subject_id = 8")), 0);
    CHECK_EQ(ask(db, QUANTILE("told", "measure = 'frame_mark.alloc_bytes'")), 197);
    CHECK_EQ(ask(db, QUANTILE("p99", "subject_id = 8")), 5);
    CHECK_EQ(ask(db, QUANTILE("told", "subject_id = 8")), 1);
    CHECK_EQ(ask(db, QUANTILE("p50", "measure = 'eval.net_bytes' AND part = 'a/b/c'")), -7);
    CHECK_EQ(ask(db, QUANTILE("maximum", "measure = 'eval.net_bytes' AND part = ''")), 2);
    CHECK_EQ(ask(db, QUANTILE("COUNT(*)", "measure = 'frame_mark.heap_alloc_bytes'")), 0);
    CHECK_EQ(ask(db, QUANTILE("told", "measure = 'gc_pause.duration_ns' AND subject_id = 4")), 2);
    CHECK_EQ(ask(db, QUANTILE("maximum", "part = 'major'")), 1000000);

#define PERCENT(where)                                                                             \
    "SELECT CAST(ROUND(utilisation * 100) AS INTEGER) FROM gc_utilisation WHERE " where
    CHECK_EQ(ask(db, PERCENT("heap_id = 4 AND window_ns = 100000000")), 40);
    CHECK_EQ(ask(db, PERCENT("heap_id = 0 AND run_id = 1 AND window_ns = 100000000")), 10);
    CHECK_EQ(ask(db, PERCENT("heap_id = 0 AND run_id = 1 AND window_ns = 1000000000")), 91);
    CHECK_EQ(ask(db, PERCENT("heap_id = 5 AND window_ns = 50000000")), 0);
    CHECK_EQ(ask(db, "SELECT MAX(window_ns) FROM gc_utilisation WHERE run_id = 2"), 50000000);
    CHECK_EQ(
        ask(db, "SELECT worst_ns FROM gc_utilisation WHERE heap_id = 5 AND window_ns = 100000"),
        30000000);
    db_close(db);
}

int main(void)
{
    check_pauses();
    check_rows();
    return check_summary();
}
