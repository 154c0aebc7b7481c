/* SPDX-License-Identifier: Apache-2.0 */
/* history_test.c -- each list of steps holds what happened in its part of the run, and all of it in the last; a run of
 * any length has a bounded number of rows. */
#include "history.h"
#include "import_case.h"
#include "rollup.h"

#include <stdlib.h>
#include <unistd.h>

/* Eleven hours: a block a minute that lives ten, a pause of 2 s over the end of a minute, frames in the last seconds. */
static void test_by_hand(void)
{
    status result = import_text("run full\n"
                                "thread 1 main\n"
                                "define stream 1 \"screen\" budget 100000000\n"
                                "define heap 1 \"lua\"\n"
                                "repeat 660 every 60s\n"
                                "at 30s alloc 0x10000+64 1000\n"
                                "at 630s free 0x10000+64\n"
                                "done\n"
                                "at 119s gc-begin 1 full\n"
                                "at 119s gc-pause-begin 1\n"
                                "at 121s gc-pause-end 1\n"
                                "at 121s gc-end 1\n"
                                "at 100s gauge process.rss_bytes 5000\n"
                                "at 130s gauge process.rss_bytes 9000\n"
                                "at 140s gauge process.rss_bytes 7000\n"
                                "at 40199s main frame-begin 1\n"
                                "at 40199.05s main frame-end 1\n"
                                "at 40199.1s main frame-begin 1\n"
                                "at 40199.3s main frame-end 1\n"
                                "at 40200s end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT step_ns / 1000000, COUNT(*), MIN(start_ns) / 1000000, SUM(samples),"
                   " SUM(alloc_bytes), SUM(freed_blocks) FROM history GROUP BY step_ns"),
              "100|600|40140100|0|0.0|1.0\n"
              "1000|3600|36601000|50|50000.0|60.0\n"
              "10000|3600|4210000|590|590000.0|600.0\n"
              "60000|671|0|660|660000.0|660.0");
    /* As the timeline has it. */
    CHECK_STR(rows("SELECT SUM(samples), SUM(alloc_bytes), SUM(freed_bytes) FROM timeline"),
              "660|660000.0|660000.0");
    /* Ten are alive, from the tenth minute to the last ten. */
    CHECK_STR(
        rows("SELECT DISTINCT live_bytes, live_blocks FROM history WHERE step_ns = 60000000000"
             " AND start_ns BETWEEN 600000000000 AND 39540000000000"),
        "10000.0|10.0");
    CHECK_STR(
        rows(
            "SELECT live_bytes FROM history WHERE step_ns = 60000000000 AND start_ns = 120000000000"),
        "3000.0");
    CHECK_STR(rows("SELECT DISTINCT live_bytes FROM history WHERE start_ns >= 40190000000000"),
              "0.0");
    CHECK_STR(
        rows(
            "SELECT start_ns / 60000000000, gc_ns, gc_count FROM history WHERE step_ns = 60000000000"
            " AND gc_ns > 0"),
        "1|1000000000|1\n2|1000000000|0");
    CHECK_STR(
        rows(
            "SELECT rss_bytes FROM history WHERE step_ns = 60000000000 AND start_ns < 240000000000"),
        "-\n5000\n9000\n7000");
    CHECK_STR(
        rows("SELECT MIN(rss_bytes), MAX(rss_bytes) FROM history WHERE step_ns < 60000000000"),
        "7000|7000");
    CHECK_STR(
        rows(
            "SELECT start_ns / 100000000, frames, frames_over FROM history WHERE step_ns = 100000000"
            " AND frames > 0"),
        "401990|1|0\n401993|1|1");
    CHECK_STR(rows("SELECT step_ns, SUM(frames), SUM(frames_over) FROM history GROUP BY 1"),
              "100000000|2|1\n1000000000|2|1\n10000000000|2|1\n60000000000|2|1");
}

/* Without collections and frames there are none, not 0. */
static void test_not_told(void)
{
    import_text("run full\nthread 1 main\nat 10ms alloc 0x10 100\nat 20ms end\n");
    CHECK_STR(
        rows("SELECT step_ns, start_ns, samples, rss_bytes, gc_ns, gc_count, frames, frames_over,"
             " live_bytes FROM history"),
        "100000000|0|1|-|-|-|-|-|100.0\n1000000000|0|1|-|-|-|-|-|100.0\n"
        "10000000000|0|1|-|-|-|-|-|100.0\n60000000000|0|1|-|-|-|-|-|100.0");
}

/* Forty days, first believed to be 39: no more rows than there may be, and nothing is lost. */
static void test_long(void)
{
    struct history *history = history_new();
    struct sums one = {.samples = 1, .bytes = 10, .bytes_sq = 100, .blocks = 1}, none = {0};
    uint64_t end_ns = UINT64_C(40) * 86400 * 1000000000, step_ns = UINT64_C(7) * 1000000000;
    uint64_t count = 0;
    struct db *out;

    history_start(history, UINT64_C(39) * 86400 * 1000000000);
    for (uint64_t at = 0; at < end_ns; at += step_ns, count++) {
        uint64_t begin_ns, until_ns;

        history_pass(history, at, &none);
        history_stretch(history, at, &begin_ns, &until_ns);
        CHECK(begin_ns <= at && at < until_ns);
        history_add(history, begin_ns, &one, &none);
    }
    unlink("long.db");
    CHECK_EQ(make((const char *[]){"case.zst"}, 1, "long.db", false).code, STATUS_OK);
    CHECK_EQ(db_open("long.db", DB_BUILD, &out).code, STATUS_OK);
    CHECK_EQ(db_run(out, "DELETE FROM history").code, STATUS_OK);
    CHECK_EQ(history_write(history, out, 1, end_ns, &none).code, STATUS_OK);
    db_close(out);
    history_delete(history);
    open_database("long.db");
    CHECK_STR(rows("SELECT COUNT(*) <= 27960, SUM(step_ns = 240000000000) FROM history"),
              "1|14401");
    CHECK_EQ((uint64_t)atoll(rows("SELECT SUM(samples) FROM history WHERE step_ns = 240000000000")),
             count);
    CHECK_STR(rows("SELECT SUM(samples), COUNT(*) FROM history WHERE step_ns = 10000000000"),
              "5142|3600");
}

int main(void)
{
    char folder[] = "history_test.XXXXXX";
    char command[64];

    if (!CHECK(mkdtemp(folder) && chdir(folder) == 0)) {
        return check_summary();
    }
    test_by_hand();
    test_not_told();
    test_long();
    sqlite3_close(db);
    snprintf(command, sizeof command, "cd .. && rm -r %s", folder);
    CHECK_EQ(system(command), 0);
    return check_summary();
}
