/* SPDX-License-Identifier: Apache-2.0 */
/* import_test.c -- small traces, written as text, become databases whose rows are checked by hand; and
 * every table is the same whether it went through pages or through plain SQL. */
#include "import_case.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A keeps 300 bytes in two blocks; B gives all back, one by realloc. */
static void test_by_hand(void)
{
    status result = import_text(
        "run full exe /bin/x command \"x -a b\" pid 77 page 4096 capabilities \"samples free\"\n"
        "thread 1 main tid 70\n"
        "module libx 0x400000 0x1000 path /no/such/libx.so build-id abcd\n"
        "stack A = 0x400101 0x400201\n"
        "stack B = 0x400301 0x400201 truncated\n"
        "at 10ms alloc 0x1000 100 via A usable 112\n"
        "at 20ms alloc 0x2000 200 via A\n"
        "at 30ms alloc 0x3000 900 via B kind calloc\n"
        "at 40ms free 0x3000 by-realloc\n"
        "at 40ms alloc 0x4000 50 via B kind realloc\n"
        "at 40.5ms free 0x4000\n"
        "at 50ms counters 1 allocs 4 bytes 1250 frees 2\n"
        "at 60ms gauge process.rss_bytes 8192\n"
        "at 60ms gauge process.minor_faults 3\n"
        "at 70ms gauge process.rss_bytes 4096\n"
        "at 70ms gauge map.map_bytes 1\n"
        "at 100ms end exit\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(
        rows(
            "SELECT id, executable, command_line, pid, duration_ns, mode, interval_bytes, complete,"
            " end_reason, event_count, alloc_calls, alloc_bytes, free_calls, peak_ns,"
            " temporary_ns FROM run"),
        "1|/bin/x|x -a b|77|100000000|full|-|1|exit|6|4|1250|2|30000000|1000000");
    CHECK_STR(
        rows("SELECT id, stack_id, thread_id, birth_ns, death_ns, death_thread_id, address,"
             " size_bytes, usable_bytes, interval_bytes, weight, kind, previous_id FROM sample"),
        "1|2|1|30000000|40000000|1|12288|900|900|-|1.0|calloc|-\n"
        "2|2|1|40000000|40500000|1|16384|50|50|-|1.0|realloc|1\n"
        "3|1|1|10000000|-|-|4096|100|112|-|1.0|malloc|-\n"
        "4|1|1|20000000|-|-|8192|200|200|-|1.0|malloc|-");
    CHECK_STR(rows("SELECT measure, stack_id, samples, bytes, bytes_var, blocks, first_ns, last_ns"
                   " FROM stack_stat ORDER BY measure, stack_id"),
              "allocated|1|2|300.0|0.0|2.0|10000000|20000000\n"
              "allocated|2|2|950.0|0.0|2.0|30000000|40000000\n"
              "live|1|2|300.0|0.0|2.0|10000000|20000000\n"
              "peak|1|2|300.0|0.0|2.0|10000000|20000000\n"
              "peak|2|1|900.0|0.0|1.0|30000000|30000000\n"
              "temporary|2|1|50.0|0.0|1.0|40000000|40000000\n"
              "waste|1|2|12.0|0.0|2.0|10000000|20000000");
    CHECK_STR(
        rows("SELECT module_path, module_offset, function, raw_name, kind FROM frame ORDER BY 2"),
        "/no/such/libx.so|256|libx.so+0x100|-|code\n"
        "/no/such/libx.so|512|libx.so+0x200|-|code\n"
        "/no/such/libx.so|768|libx.so+0x300|-|code");
    CHECK_STR(
        rows("SELECT id, length(key), depth, truncated, function, caller, text, folded FROM stack"),
        "1|32|2|0|libx.so+0x100|libx.so+0x200|libx.so+0x100 < libx.so+0x200|"
        "libx.so+0x200;libx.so+0x100\n"
        "2|32|2|1|libx.so+0x300|libx.so+0x200|libx.so+0x300 < libx.so+0x200 < ...|"
        "...;libx.so+0x200;libx.so+0x300");
    CHECK_STR(rows("SELECT time_ns, rss_bytes, minor_faults, pss_bytes FROM process_tick"),
              "60000000|8192|3|-\n70000000|4096|-|-");
    CHECK_STR(rows("SELECT name, unit, time_ns, value FROM gauge"),
              "map.map_bytes|bytes|70000000|1");
    CHECK_STR(rows("SELECT number, tid, name, exact, alloc_calls FROM thread"), "1|70|main|1|4");
    CHECK_STR(rows("SELECT name FROM capability"), "free\nsamples");
    CHECK_STR(rows("SELECT SUM(alloc_bytes), SUM(freed_bytes), SUM(survivor_bytes), SUM(samples),"
                   " SUM(survivors) FROM stack_time"),
              "1250.0|950.0|300.0|4|2");
    CHECK_STR(
        rows("SELECT live_bytes, live_blocks, live_usable_bytes FROM timeline ORDER BY bucket DESC"
             " LIMIT 1"),
        "300.0|2.0|312.0");
    CHECK_STR(rows("SELECT MAX(live_bytes) FROM timeline"), "1200.0");
    CHECK_STR(rows("SELECT low_bytes, high_bytes, samples FROM size_stat WHERE measure = 'live'"),
              "96|111|1\n192|223|1");
    CHECK_STR(rows("SELECT low_ns, high_ns, low_bytes, high_bytes, samples FROM lifetime_stat"),
              "262144|524287|32|63|1\n8388608|16777215|512|1023|1");
    CHECK_STR(rows("SELECT kind, count FROM loss WHERE count > 0 ORDER BY kind"),
              "missing_modules|1\ntruncated_stack|1\nunsymbolized_frames|3");
    CHECK_STR(rows("PRAGMA application_id"), "1836213603");
    CHECK_STR(rows("SELECT bytes_low, bytes_high FROM run_stat_interval WHERE measure = 'live'"),
              "300.0|300.0");
}

/* Sampled: one block of 64 KiB at a mean interval of 64 KiB stands for 1 / (1 - 1/e) blocks. */
static void test_weights(void)
{
    status result = import_text("run sampled interval 64K exe /bin/x\n"
                                "thread 1 main\n"
                                "stack A = 0x1001\n"
                                "at 10ms alloc 0x1000 65536 via A\n"
                                "at 20ms alloc 0x100000 131072 via A interval 2\n"
                                "at 30ms alloc 0x200000 16 via A interval exact\n"
                                "at 100ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT interval_bytes, printf('%.6f', weight) FROM sample ORDER BY id"),
              "65536|1.581977\n131072|1.581977\n-|1.000000");
    CHECK_STR(rows("SELECT printf('%.1f %.4f', bytes, bytes_var / bytes_sq) FROM stack_stat"
                   " WHERE measure = 'live'"),
              "311045.3 0.3679"); /* variance: 1 - p = 1/e */
    CHECK_STR(
        rows("SELECT bytes_low > 0, bytes_low < bytes, bytes < bytes_high FROM run_stat_interval"
             " WHERE measure = 'live'"),
        "1|1|1");
    CHECK_STR(rows("SELECT live_bytes_low < live_bytes, verdict FROM leak"), "1|undecided");
}

/* Strange orders are counted and nothing else is disturbed. */
static void test_anomalies(void)
{
    status result = import_text("run full exe /bin/x\n"
                                "thread 1 main\n"
                                "stack A = 0x1001\n"
                                "at 10ms free 0x9000\n"
                                "at 20ms alloc 0x1000 10 via A\n"
                                "at 30ms alloc 0x1000 20 via A\n"
                                "at 40ms free 0x1000\n"
                                "at 50ms free 0x1000\n"
                                "at 60ms alloc 0x2000 30 via 777\n"
                                "at 100ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT stack_id, birth_ns, death_ns, death_thread_id, size_bytes FROM sample"),
              "1|20000000|30000000|-|10\n1|30000000|40000000|1|20\n-|60000000|-|-|30");
    CHECK_STR(rows("SELECT kind, count, bytes FROM loss WHERE count > 0 ORDER BY kind"),
              "inexact_thread|1|-\nreused_address|1|-\nunknown_stack|1|30\nunmatched_free|2|-\n"
              "unsymbolized_frames|1|-");
    CHECK_STR(rows("SELECT stack_id, bytes FROM stack_stat WHERE measure = 'live'"), "0|30.0");
    CHECK_STR(rows("SELECT function, bytes FROM function_stat_interval WHERE measure = 'live'"),
              "?|30.0");
}

/* A module that goes and another that comes to its place: stacks keep their meaning. */
static void test_modules(void)
{
    status result = import_text("run full exe /bin/x\n"
                                "thread 1 main\n"
                                "module one 0x400000 0x1000 path /lib/one build-id 11\n"
                                "stack A = 0x400101\n"
                                "at 10ms alloc 0x1000 10 via A\n"
                                "at 20ms gone one\n"
                                "at 20ms block\n"
                                "module two 0x400000 0x1000 path /lib/two build-id 22\n"
                                "stack B = 0x400101 0x700001\n"
                                "at 30ms alloc 0x2000 20 via B\n"
                                "at 40ms alloc 0x3000 30 via A\n"
                                "at 100ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(
        rows("SELECT size_bytes, text FROM sample JOIN stack ON stack.id = stack_id ORDER BY 1"),
        "10|one+0x100\n20|two+0x100 < 0x700000\n30|one+0x100");
    CHECK_STR(rows("SELECT path, build_id, gone_ns FROM module ORDER BY id"),
              "/lib/one|11|20000000\n/lib/two|22|-");
}

/* A missing block: the rest is imported, what is missing is said, and the status tells. */
static void test_incomplete(void)
{
    static const char cut[] = "run full exe /bin/x\n"
                              "thread 1 main\n"
                              "stack A = 0x1001\n"
                              "at 10ms alloc 0x1000 10 via A\n"
                              "at 20ms block\n"
                              "at 30ms alloc 0x2000 20 via A\n"
                              "at 30ms free 0x1000\n"
                              "at 40ms block\n"
                              "at 50ms alloc 0x3000 30 via A\n"
                              "at 60ms end\n"
                              "damage remove block 1\n";

    CHECK_EQ(import_text(cut).code, STATUS_INCOMPLETE);
    CHECK_STR(rows("SELECT complete, event_count, end_reason FROM run"), "0|2|exit");
    CHECK_STR(rows("SELECT lost_events FROM gap"), "2");
    CHECK_STR(rows("SELECT count FROM loss WHERE kind = 'gap_events'"), "2");
    CHECK_STR(rows("SELECT size_bytes FROM sample ORDER BY 1"), "10\n30");

    CHECK_EQ(import_text("run full exe /bin/x\nthread 1 main\nat 10ms alloc 0x1000 10\n").code,
             STATUS_INCOMPLETE);
    CHECK_STR(rows("SELECT complete, end_reason FROM run"), "0|-");
    CHECK_STR(rows("SELECT count FROM loss WHERE kind = 'missing_end'"), "1");

    /* Nothing at all happened: still a database. */
    CHECK_EQ(
        import_text("run sampled interval 64K exe /bin/true\nthread 1 main\nat 1ms end\n").code,
        STATUS_OK);
    CHECK_STR(rows("SELECT (SELECT COUNT(*) FROM sample), peak_ns FROM run"), "0|-");
}

/* One leaking site among others that free: the verdict, end to end; several blocks, thousands of rows. */
static void test_leak(void)
{
    status result = import_text("run full exe /bin/x\n"
                                "thread 1 main\n"
                                "stack leak = 0x1001 0x2001\n"
                                "stack ok = 0x1101 0x2001\n"
                                "stack b = 0x1201 0x2001\nstack c = 0x1301\nstack d = 0x1401\n"
                                "stack e = 0x1501\n"
                                "repeat 3000 every 1ms\n"
                                "at 1ms alloc 0x100000+64 48 via leak\n"
                                "at 1ms alloc 0x8000000+64 32 via ok\n"
                                "at 1ms alloc 0x9000000+64 32 via b\n"
                                "at 1ms alloc 0xa000000+64 32 via c\n"
                                "at 1ms alloc 0xb000000+64 32 via d\n"
                                "at 1ms alloc 0xc000000+64 32 via e\n"
                                "at 1.2ms free 0x8000000+64\n"
                                "at 1.3ms free 0x9000000+64\n"
                                "at 1.4ms free 0xa000000+64\n"
                                "at 1.5ms free 0xb000000+64\n"
                                "at 1.6ms free 0xc000000+64\n"
                                "done\n"
                                "at 3.1s end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT rank, verdict, function, live_samples, live_bytes, leaked_share,"
                   " leak_rate_bytes_per_hour_low < 48 * 3600000.0,"
                   " leak_rate_bytes_per_hour_high > 48 * 3600000.0 FROM leak WHERE rank <= 2"),
              "1|leak|0x1000|3000|144000.0|1.0|1|1\n2|steady|0x1100|0|0.0|-|-|-");
    CHECK_STR(
        rows("SELECT COUNT(*), MIN(death_ns - birth_ns), MAX(death_ns - birth_ns) FROM sample"),
        "18000|200000|600000");
    CHECK_STR(rows("SELECT SUM(samples), SUM(survivors) FROM stack_time"), "18000|3000");
}

/* Two traces in one database share sites; the same trace twice is refused; so is an existing file. */
static void test_several(void)
{
    static const char first[] = "run full exe /bin/x\ntrace-id 0000000000000000000000000000000a\n"
                                "thread 1 main\n"
                                "module m 0x400000 0x1000 path /lib/m build-id 77\n"
                                "stack A = 0x400101\nat 10ms alloc 0x1000 10 via A\nat 20ms end\n";
    static const char second[] = "run full exe /bin/x\ntrace-id 0000000000000000000000000000000b\n"
                                 "thread 1 main\n"
                                 "module m 0x7f0000 0x1000 path /lib/m build-id 77\n"
                                 "stack A = 0x7f0101\nat 10ms alloc 0x1000 20 via A\nat 20ms end\n";
    const char *traces[] = {"first.zst", "second.zst", "first.zst"};
    const struct import_options keep = {.quiet = true};

    CHECK(mktrace_file("first", first, "first.zst") &&
          mktrace_file("second", second, "second.zst"));
    CHECK_EQ(make(traces, 2, "both.db", false).code, STATUS_OK);
    open_database("both.db");
    CHECK_STR(rows("PRAGMA integrity_check"), "ok");
    CHECK_STR(rows("SELECT id, trace_path FROM run"), "1|first.zst\n2|second.zst");
    CHECK_STR(rows("SELECT COUNT(*) FROM module"), "2");
    CHECK_STR(rows("SELECT run_id, thread_id, size_bytes, sample.id FROM sample"),
              "1|1|10|1\n2|2|20|2");
    /* The same build at another address: the same place in code, so one frame and one stack. */
    CHECK_STR(rows("SELECT (SELECT COUNT(*) FROM frame), COUNT(*) FROM stack"), "1|1");

    fprintf(stderr, "The next complaints are expected.\n");
    CHECK_EQ(import_traces(traces, 1, "both.db", &keep, NULL).code, STATUS_FAILED);
    CHECK_EQ(make(traces, 3, "thrice.db", false).code, STATUS_FAILED);
    CHECK(access("thrice.db", F_OK) != 0);
    CHECK_EQ(make(traces, 1, "no/such/folder/x.db", false).code, STATUS_FAILED);
    CHECK_EQ(make(traces, 1, "./first.zst", false).code, STATUS_FAILED);
    CHECK_EQ(make(traces, 1, "alone.db", false).code, STATUS_OK); /* the trace is still one */
    const char *missing[] = {"missing.zst"};
    CHECK_EQ(make(missing, 1, "both.db", false).code, STATUS_FAILED);
    open_database("both.db"); /* still there */
    CHECK_STR(rows("SELECT COUNT(*) FROM run"), "2");
}

int main(void)
{
    char folder[] = "import_test.XXXXXX";

    if (!CHECK(mkdtemp(folder) && chdir(folder) == 0)) {
        return check_summary();
    }
    test_by_hand();
    test_weights();
    test_anomalies();
    test_modules();
    test_incomplete();
    test_leak();
    test_several();
    sqlite3_close(db);
    /* Nothing half-made is left. */
    CHECK_EQ(system("test -z \"$(ls | grep -v -e '[.]zst$' -e '[.]db$')\""), 0);
    CHECK_EQ(system("rm -f -- *.zst *.db"), 0);
    CHECK(chdir("..") == 0 && rmdir(folder) == 0);
    return check_summary();
}
