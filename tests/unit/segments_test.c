/* SPDX-License-Identifier: Apache-2.0 */
/* segments_test.c -- one trace in several files: found, put in order, and read as one; what is missing is known. */
#include "import_case.h"
#include "read.h"
#include "run_cache.h"

#include <stdlib.h>
#include <unistd.h>

#define SEGMENTS 4

/* Four files; of 8 blocks A keeps two, B one, and in each file something of the file before is freed. */
static const char text[] =
    "run sampled interval 64K exe /bin/x start-unix-ns 1000000000 segmented%s\n"
    "thread 1 main tid 70\n"
    "module libx 0x400000 0x10000 path /no/such/libx.so build-id abcd\n"
    "stack A = 0x401010 0x401020\n"
    "stack B = 0x402010 0x402020\n"
    "define heap 1 \"lua\"\n"
    "at 1s alloc 0x10000 100000 via A\n"
    "at 2s alloc 0x20000 200000 via B\n"
    "at 2s object 0x20000 70 heap 1 via A\n"
    "at 2s counters 1 allocs 10 bytes 1000000 frees 5\n"
    "at 2s heap-counters 1 allocs 9 bytes 900 frees 8 freed 800\n"
    "at 3s segment\n"
    "at 4s free 0x10000\n"
    "at 5s alloc 0x30000 300000 via A\n"
    "at 5s object-move 0x20000 0x90000\n"
    "at 5s counters 1 allocs 11 bytes 1300000 frees 6\n"
    "at 6s segment\n"
    "at 7s free 0x20000\n"
    "at 7s object-free 0x90000\n"
    "at 8s alloc 0x40000 400000 via B\n"
    "at 8s counters 1 allocs 14 bytes 1700000 frees 9\n"
    "at 9s segment\n"
    "at 10s free 0x30000\n"
    "at 11s alloc 0x50000 500000 via A\n"
    "at 12s counters 1 allocs 20 bytes 2500000 frees 11\n"
    "at 13s end\n";

static const char samples[] =
    "SELECT birth_ns / 1000000000, death_ns / 1000000000, size_bytes, kind FROM sample"
    " ORDER BY birth_ns, size_bytes";
static const char losses[] = "SELECT kind, count FROM loss WHERE count > 0 AND kind NOT IN"
                             " ('unsymbolized_frames', 'missing_modules') ORDER BY kind";

static const char *const names[SEGMENTS] = {"t.zst", "t.1.zst", "t.2.77.zst", "t.3.zst"};

/* Writes the files whose bit is set, removes the others. */
static void write_files(unsigned which, const char *kept)
{
    char whole[sizeof text + 100], one[sizeof whole + 100];

    snprintf(whole, sizeof whole, text, kept);
    for (int i = 0; i < SEGMENTS; i++) {
        unlink(names[i]);
        snprintf(one, sizeof one, "%sdamage keep segment %d\n", whole, i);
        CHECK(!(which >> i & 1) || mktrace_file("segments", one, names[i]));
    }
}

static enum status_code import_one(const char *path)
{
    status result = make(&path, 1, "case.db", false);

    if (result.code != STATUS_FAILED) {
        open_database("case.db");
    }
    return result.code;
}

static void check_whole(void)
{
    CHECK_STR(rows(samples), "1|4|100000|malloc\n2|7|70|object\n2|7|200000|malloc\n"
                             "5|10|300000|malloc\n8|-|400000|malloc\n11|-|500000|malloc");
    CHECK_STR(
        rows("SELECT event_count, alloc_calls, alloc_bytes, free_calls, complete, duration_ns,"
             " started_unix_ns FROM run"),
        "10|20|2500000|11|1|13000000000|1000000000");
    CHECK_STR(rows(losses), "");
}

/* Whatever file is named, all are read, in the order of the trace. */
static void test_any_of_them(void)
{
    write_files(15, "");
    for (int i = 0; i < SEGMENTS; i++) {
        CHECK_EQ(import_one(names[i]), STATUS_OK);
        check_whole();
    }
    CHECK_STR(rows("SELECT path, event_count, first_ns / 1000000000, last_ns / 1000000000,"
                   " recorded_ns / 1000000000 FROM segment"),
              "t.zst|3|1|2|1\nt.1.zst|2|4|5|4\nt.2.77.zst|3|7|8|7\nt.3.zst|2|10|11|10");
    CHECK_STR(rows("SELECT trace_bytes = (SELECT SUM(trace_bytes) FROM segment) FROM run"), "1");

    /* All of them named, in any order, is the same as one; and so is one file that has them all. */
    const char *const shuffled[] = {"t.3.zst", "t.zst", "t.2.77.zst", "t.1.zst"};
    CHECK_EQ(make(shuffled, 4, "case.db", false).code, STATUS_OK);
    open_database("case.db");
    check_whole();
    CHECK_EQ(system("cat t.zst t.1.zst t.2.77.zst t.3.zst > whole.zst"), 0);
    CHECK_EQ(import_one("whole.zst"), STATUS_OK);
    check_whole();

    /* A copy is no segment; beside another trace they are two runs. */
    const char *const copies[] = {"t.zst", "whole.zst"};
    CHECK_EQ(make(copies, 2, "copies.db", false).code, STATUS_FAILED);
    CHECK(mktrace_file("other",
                       "run full\ntrace-id ff112233445566778899aabbccddeeff\nthread 1 m\n"
                       "at 1s alloc 0x10 1\nat 2s end\n",
                       "other.zst"));
    const char *const two[] = {"t.1.zst", "other.zst", "t.3.zst"};
    CHECK_EQ(make(two, 3, "case.db", false).code, STATUS_OK);
    open_database("case.db");
    CHECK_STR(rows("SELECT event_count FROM run ORDER BY id"), "10\n1");
    unlink("other.zst");
}

/* The last two files: the run begins there, and what was alive is known with its birth, size and stack. */
static void test_late(void)
{
    write_files(12, " only-last");
    CHECK_EQ(import_one("t.3.zst"), STATUS_OK); /* as was asked for: nothing is wrong */
    CHECK_STR(rows(samples), "-5|0|70|object\n-5|0|200000|malloc\n-2|3|300000|malloc\n"
                             "1|-|400000|malloc\n4|-|500000|malloc");
    CHECK_STR(rows("SELECT size_bytes, stack.text FROM sample JOIN stack ON stack.id = stack_id"
                   " WHERE size_bytes = 300000"),
              "300000|libx.so+0x100f < libx.so+0x101f");
    CHECK_STR(rows("SELECT address FROM sample WHERE kind = 'object'"), "589824"); /* 0x90000 */
    CHECK_STR(rows(losses), "rotated_events|5");
    CHECK_STR(rows("SELECT COUNT(*) FROM gap"), "0");
    /* Exact counters, and what was allocated, are those of the run. */
    CHECK_STR(
        rows("SELECT event_count, alloc_calls, alloc_bytes, free_calls, complete, duration_ns,"
             " started_unix_ns FROM run"),
        "5|9|1200000|5|1|6000000000|8000000000");
    CHECK_STR(rows("SELECT SUM(samples) FROM stack_stat WHERE measure = 'allocated'"), "2");
    CHECK_STR(rows("SELECT SUM(samples) FROM stack_stat WHERE measure = 'live'"), "2");
    CHECK_STR(rows("SELECT SUM(samples) FROM timeline"), "2");
    /* A finding knows how old its oldest block is, also when that is older than the run. */
    write_files(4, " only-last");
    CHECK_EQ(import_one("t.2.77.zst"), STATUS_INCOMPLETE); /* it has no end */
    CHECK_STR(rows("SELECT MAX(samples), MAX(oldest_ns) / 1000000000 FROM leak"), "2|3");
    write_files(12, " only-last");

    /* The name of the first file stands for those that are left. */
    CHECK_EQ(import_one("t.zst"), STATUS_OK);
    CHECK_STR(rows("SELECT event_count FROM run"), "5");

    /* Had nobody asked for it, it is a gap. */
    write_files(12, "");
    CHECK_EQ(import_one("t.3.zst"), STATUS_INCOMPLETE);
    CHECK_STR(rows("SELECT first_ns, last_ns, lost_events, reason FROM gap"),
              "-7000000000|0|5|missing segment");
}

/* Without the third file: what it freed has ended, what it allocated and is alive is known. */
static void test_middle(void)
{
    write_files(11, "");
    CHECK_EQ(import_one("t.zst"), STATUS_INCOMPLETE);
    CHECK_STR(rows(samples), "1|4|100000|malloc\n2|10|70|object\n2|10|200000|malloc\n"
                             "5|10|300000|malloc\n8|-|400000|malloc\n11|-|500000|malloc");
    CHECK_STR(
        rows("SELECT first_ns / 1000000000, last_ns / 1000000000, lost_events, reason FROM gap"),
        "5|10|3|missing segment");
    CHECK_STR(rows(losses), "ended_in_gap|2\ngap_events|3");
    CHECK_STR(rows("SELECT alloc_calls FROM run"), "20");
    CHECK_STR(rows("SELECT SUM(samples) FROM stack_stat WHERE measure = 'allocated'"), "5");

    /* Without the last one its end is missing. */
    write_files(7, "");
    CHECK_EQ(import_one("t.zst"), STATUS_INCOMPLETE);
    CHECK_STR(rows("SELECT last_ns, reason FROM gap"), "-|the recording did not end in order");
}

/* A file that ends in the middle of a block costs that block, not the next file; an empty one nothing. */
static void test_cut(void)
{
    write_files(15, "");
    CHECK_EQ(truncate("t.1.zst", 200), 0);
    CHECK_EQ(import_one("t.zst"), STATUS_INCOMPLETE);
    CHECK_STR(rows("SELECT lost_events, reason FROM gap"), "2|cut off");
    CHECK_STR(rows("SELECT SUM(event_count) FROM segment"), "8");
    CHECK_STR(rows("SELECT event_count FROM run"), "8");

    write_files(15, "");
    CHECK_EQ(system(": > t.4.zst"), 0);
    CHECK_EQ(import_one("t.zst"), STATUS_OK);
    check_whole();
    unlink("t.4.zst");
}

/* A cached database is that of all files. */
static void test_cache(void)
{
    struct run_cache cache;

    write_files(7, "");
    CHECK_EQ(run_cache_open("t.zst", &cache).code, STATUS_INCOMPLETE);
    run_cache_close(&cache);
    CHECK_EQ(run_cache_open("t.zst", &cache).code, STATUS_INCOMPLETE);
    run_cache_close(&cache);
    open_database("t.zst.db");
    CHECK_STR(rows("SELECT event_count FROM run"), "8");
    write_files(15, "");
    CHECK_EQ(run_cache_open("t.zst", &cache).code, STATUS_OK);
    run_cache_close(&cache);
    open_database("t.zst.db");
    CHECK_STR(rows("SELECT event_count FROM run"), "10");
}

int main(void)
{
    char folder[] = "segments_test.XXXXXX";
    char command[64];

    if (!CHECK(mkdtemp(folder) && chdir(folder) == 0)) {
        return check_summary();
    }
    fprintf(stderr, "Complaints are expected.\n");
    test_any_of_them();
    test_late();
    test_middle();
    test_cut();
    test_cache();
    sqlite3_close(db);
    snprintf(command, sizeof command, "cd .. && rm -r %s", folder);
    CHECK_EQ(system(command), 0);
    return check_summary();
}
