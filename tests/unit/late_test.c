/* SPDX-License-Identifier: Apache-2.0 */
/* late_test.c -- which collections made what late: overlaps, shares, several runs, and what is not judged. */
#include "late.h"

#include "check.h"
#include "embedded.h"

#include <stdlib.h>

static struct db *open_schema(void)
{
    struct db *db = NULL;

    CHECK_EQ(db_open("", DB_BUILD, &db).code, STATUS_OK);
    for (size_t i = 0; i < embedded_schemas_count; i++) {
        if (strcmp(embedded_schemas[i].name, "schema") == 0) {
            CHECK_EQ(db_run(db, embedded_schemas[i].text).code, STATUS_OK);
        }
    }
    return db;
}

static int64_t ask(struct db *db, const char *sql)
{
    struct statement *select;
    bool has_row = false;

    CHECK_EQ(db_prepare(db, sql, &select).code, STATUS_OK);
    CHECK_EQ(db_step(select, &has_row).code, STATUS_OK);
    int64_t value = has_row ? db_int(select, 0) : -1;
    db_reset(select);
    return value;
}

#define LATE(column, where) "SELECT " column " FROM gc_late WHERE " where

int main(void)
{
    struct db *db = open_schema();

    /* Run 1: collection 1 stands 100 to 400, 2 stands 450 to 500 and, in the other heap, 3 stands 380 to 480. Run 2 has one at the
     * same times. Frame 1 stood for 300 + 100 + 50 = 450 but is 90 over; frame 2 begins inside a pause; frame 3 is not over. */
    CHECK_EQ(
        db_run(
            db,
            "INSERT INTO gc_pause (run_id, heap_id, gc_id, begin_ns, duration_ns) VALUES"
            " (1, 1, 1, 100, 300), (1, 2, 3, 380, 100), (1, 1, 2, 450, 50), (1, 1, 9, 490, NULL),"
            " (1, 1, NULL, 600, 900), (2, 4, 7, 100, 300), (1, 1, 8, 5000, 10);"
            "INSERT INTO frame_mark (run_id, stream_id, number, begin_ns, duration_ns, ended_by,"
            " gc_ns, over_ns) VALUES (1, 1, 1, 0, 1000, 'end', 450, 90),"
            " (1, 1, 2, 470, 100, 'end', 30, 500), (1, 1, 3, 0, 1000, 'end', 450, NULL),"
            " (2, 2, 1, 350, 100, 'end', 50, 20), (1, 1, 4, 2000, 100, 'end', 0, 50);")
            .code,
        STATUS_OK);
    /* Kind a: 20 that took 100, one that took 500, of which it stood 10 for collection 8; and one of 201 that stood none. Kind b has
     * only 19. */
    CHECK_EQ(
        db_run(
            db,
            "INSERT INTO quantile (run_id, measure, subject_id, part, told, p50, p90, p95, p99, maximum)"
            " VALUES (1, 'span.duration_ns', 0, 'a', 22, 100, 100, 201, 500, 500),"
            " (1, 'span.duration_ns', 0, 'b', 19, 100, 100, 100, 500, 500);"
            "INSERT INTO span (id, run_id, number, kind, begin_ns, duration_ns, gc_ns, samples, bytes,"
            " bytes_sq, bytes_var, left_samples, left_bytes, left_bytes_sq, left_bytes_var, held_byte_ns) VALUES"
            " (1, 1, 1, 'a', 4900, 500, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0),"
            " (2, 1, 2, 'a', 4900, 201, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),"
            " (3, 1, 3, 'a', 4950, 200, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0),"
            " (4, 1, 4, 'b', 4900, 500, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0);")
            .code,
        STATUS_OK);
    CHECK_EQ(late_write(db).code, STATUS_OK);

    CHECK_EQ(ask(db, LATE("pause_ns", "run_id = 1 AND subject_id = 1 AND gc_id = 1")), 300);
    CHECK_EQ(ask(db, LATE("pause_ns", "run_id = 1 AND subject_id = 1 AND gc_id = 3")), 100);
    CHECK_EQ(ask(db, LATE("pause_ns", "run_id = 1 AND subject_id = 1 AND gc_id = 2")), 50);
    CHECK_EQ(ask(db, LATE("late_ns", "run_id = 1 AND subject_id = 1 AND gc_id = 1")), 60);
    CHECK_EQ(ask(db, LATE("late_ns", "run_id = 1 AND subject_id = 1 AND gc_id = 3")), 20);
    CHECK_EQ(ask(db, LATE("late_ns", "run_id = 1 AND subject_id = 1 AND gc_id = 2")), 10);
    CHECK_EQ(
        ask(db, LATE("late_ns", "run_id = 1 AND kind = 'frame' AND subject_id = 2 AND gc_id = 3")),
        10);
    CHECK_EQ(
        ask(db, LATE("late_ns", "run_id = 1 AND kind = 'frame' AND subject_id = 2 AND gc_id = 2")),
        30);
    CHECK_EQ(ask(db, LATE("COUNT(*)", "run_id = 1 AND kind = 'frame' AND subject_id IN (3, 5)")),
             0);
    CHECK_EQ(ask(db, LATE("late_ns", "run_id = 2 AND gc_id = 7 AND subject_id = 4")), 20);
    CHECK_EQ(ask(db, LATE("COUNT(*)", "run_id = 2")), 1);
    CHECK_EQ(ask(db, LATE("COUNT(*)", "kind = 'span'")), 1);
    CHECK_EQ(ask(db, LATE("late_ns", "kind = 'span' AND subject_id = 1 AND gc_id = 8")), 10);
    db_close(db);
    return check_summary();
}
