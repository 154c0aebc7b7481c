/* SPDX-License-Identifier: Apache-2.0 */
/* voice_test.c -- what a program tells, as text, and the rows it must become, worked out by hand: each column
 * of each table once with a value that something moved, and each kind of misuse. */
#include "import_case.h"

#include <stdlib.h>
#include <unistd.h>

#define RUN "run full exe /bin/x\nthread 1 main\nthread 2 helper\n"

/* Three frames: one by its end, one by the next begin, one open at the end. 100 bytes of 300 are freed inside. */
static void test_frames(void)
{
    status result =
        import_text(RUN "define stream 1 \"screen\" budget 5000000\n"
                        "define stream 2 \"audio\"\n"
                        "define heap 1 \"lua\"\n"
                        "define pool 1 \"scratch\" kind arena stream 1 capacity 1M\n"
                        "at 9ms main alloc 0x1000 100\n"
                        "at 10ms main frame-begin 1 10 1 5 500 c 1000 10 4 70 7 60 6\n"
                        "at 11ms main free 0x1000\n"
                        "at 11ms main phase-begin 1 \"logic\" c 1000 10 4 70 7 60 6\n"
                        "at 12ms main phase-begin 1 \"ai\" c 1100 12 5 70 7 60 6\n"
                        "at 13ms gc-begin heap 1 kind full flags 1\n"
                        "at 15ms gc-end heap 1 flags 0 used 10\n"
                        "at 16ms main phase-end 1 \"ai\" c 1400 14 6 80 9 60 6\n"
                        "at 16.5ms main phase-end 1 \"logic\" c 1500 15 7 80 9 60 6\n"
                        "at 17ms main frame-end 1 13 3 7 900 c 1600 16 8 90 10 75 9\n"
                        "at 20ms main frame-begin 1 unknown unknown unknown unknown c 1600 16 8\n"
                        "at 24ms main frame-begin 1 unknown unknown unknown unknown c 1650 17 8\n"
                        "at 25ms helper frame-begin 2\n"
                        "at 26ms main frame-end 2\n"
                        "at 30ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT id, run_id, number, name, budget_ns FROM frame_stream"),
              "1|1|1|screen|5000000\n2|1|2|audio|-");
    CHECK_STR(rows("SELECT id, stream_id, number, thread_id, begin_ns, duration_ns, ended_by"
                   " FROM frame_mark ORDER BY id"),
              "1|1|1|1|10000000|7000000|end\n2|1|2|1|20000000|4000000|begin\n"
              "3|1|3|1|24000000|-|nothing\n4|2|1|2|25000000|1000000|end");
    CHECK_STR(
        rows("SELECT id, alloc_bytes, alloc_calls, free_calls, freed_bytes, heap_alloc_bytes,"
             " heap_alloc_calls, heap_freed_bytes, heap_free_calls FROM frame_mark ORDER BY id"),
        "1|600|6|4|100|20|3|15|3\n2|50|1|0|0|-|-|-|-\n3|-|-|-|-|-|-|-|-\n4|-|-|-|-|-|-|-|-");
    CHECK_STR(
        rows("SELECT id, gc_ns, gc_count, gc_id, overflow_count, overflow_bytes, minor_faults,"
             " major_faults, over_ns, why FROM frame_mark ORDER BY id"),
        "1|2000000|1|1|2|400|3|2|2000000|gc\n2|0|0|-|-|-|-|-|-|-\n3|-|-|-|-|-|-|-|-|-\n"
        "4|0|0|-|-|-|-|-|-|-");
    CHECK_STR(
        rows("SELECT id, run_id, frame_id, stream_id, thread_id, depth, name, begin_ns, duration_ns"
             " FROM phase ORDER BY id"),
        "1|1|1|1|1|0|logic|11000000|5500000\n2|1|1|1|1|1|ai|12000000|4000000");
    CHECK_STR(
        rows("SELECT id, alloc_bytes, alloc_calls, free_calls, heap_alloc_bytes, heap_alloc_calls,"
             " gc_ns FROM phase ORDER BY id"),
        "1|500|5|3|10|2|2000000\n2|300|2|1|10|2|2000000");
    CHECK_STR(rows("SELECT birth_frame_id, death_frame_id, death_thread_id FROM sample"), "-|1|1");
    CHECK_STR(rows("SELECT kind, count FROM loss WHERE kind IN ('begin_inside', 'other_thread',"
                   " 'unclosed') ORDER BY kind"),
              "begin_inside|1\nother_thread|1\nunclosed|1");
}

/* Frames over the budget of 5 ms by 1 ms: what could have cost half of that is the reason; in a second stream
 * nothing is known. */
static void test_why(void)
{
    status result = import_text(RUN "define stream 1 \"screen\" budget 5000000\n"
                                    "define stream 2 \"mute\" budget 5000000\n"
                                    "repeat 10 every 10ms\n"
                                    "at 10ms main frame-begin 1 0 0 unknown unknown c 0 0 0\n"
                                    "at 11ms main frame-end 1 50 0 unknown unknown c 100 1 0\n"
                                    "done\n"
                                    "at 200ms main frame-begin 1 0 0 unknown unknown c 0 0 0\n"
                                    "at 206ms main frame-end 1 500 0 unknown unknown c 100 1 0\n"
                                    "at 206ms main frame-begin 1 0 0 unknown unknown c 0 0 0\n"
                                    "at 212ms main frame-end 1 499 0 unknown unknown c 100 1 0\n"
                                    "at 212ms main frame-begin 1 0 0 unknown unknown c 0 0 0\n"
                                    "at 218ms main frame-end 1 0 0 unknown unknown c 10 2500 0\n"
                                    "at 218ms main frame-begin 1 0 0 unknown unknown c 0 0 0\n"
                                    "at 224ms main frame-end 1 0 0 unknown unknown c 2000000 1 0\n"
                                    "at 224ms main frame-begin 1 0 0 unknown unknown c 0 0 0\n"
                                    "at 230ms main frame-end 1 0 0 unknown unknown c 10000 2400 0\n"
                                    "at 230ms main frame-begin 1 0 0 unknown unknown c 0 0 0\n"
                                    "at 236ms main frame-end 1 0 1 unknown unknown c 10 1 0\n"
                                    "at 240ms main frame-begin 2 unknown unknown unknown unknown\n"
                                    "at 246ms main frame-end 2 unknown unknown unknown unknown\n"
                                    "at 300ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(
        rows("SELECT number, over_ns, why, gc_ns FROM frame_mark WHERE over_ns > 0 ORDER BY id"),
        "11|1000000|faults|-\n12|1000000|other|-\n13|1000000|allocation|-\n"
        "14|1000000|allocation|-\n15|1000000|other|-\n16|1000000|faults|-\n1|1000000|unknown|-");
}

/* An evaluation inside another; the collection that begins after it tells what it really left behind. */
static void test_evals(void)
{
    status result = import_text(RUN "define heap 1 \"lisp\"\n"
                                    "at 10ms main eval-begin \"(outer)\" 1 1000 c 0 0 0 0 0 0 0\n"
                                    "at 11ms main eval-begin none none unknown c 10 1 0 5 1 0 0\n"
                                    "at 12ms main alloc 0x1000 10\n"
                                    "at 13ms main eval-end unknown 4096 c 30 3 1 25 4 0 0\n"
                                    "at 14ms gc-begin heap 1 flags 1\n"
                                    "at 15ms gc-end heap 1 flags 0 used 700\n"
                                    "at 20ms main eval-end 900 unknown c 50 5 2 45 6 0 0\n"
                                    "at 21ms main free 0x1000\n"
                                    "at 30ms gc-begin heap 1\n"
                                    "at 31ms gc-end heap 1 flags 0 used 333\n"
                                    "at 32ms main eval-end 1 1\n"
                                    "at 33ms helper eval-begin \"never\" 1 5\n"
                                    "at 40ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT id, run_id, thread_id, parent_id, label, heap_id, begin_ns, duration_ns"
                   " FROM eval ORDER BY id"),
              "1|1|1|-|(outer)|1|10000000|10000000\n2|1|1|1|-|-|11000000|2000000\n"
              "3|1|2|-|never|1|33000000|-");
    CHECK_STR(rows("SELECT id, heap_before_bytes, heap_after_bytes, heap_after_gc_bytes, net_bytes,"
                   " arena_high_water_bytes, gc_ns, gc_count FROM eval ORDER BY id"),
              "1|1000|900|333|-100|-|1000000|1\n2|-|-|-|-|4096|0|0\n3|5|-|-|-|-|-|-");
    CHECK_STR(
        rows("SELECT id, alloc_bytes, alloc_calls, free_calls, heap_alloc_bytes, heap_alloc_calls"
             " FROM eval ORDER BY id"),
        "1|50|5|2|45|6\n2|20|2|1|20|3\n3|-|-|-|-|-");
    CHECK_STR(rows("SELECT birth_eval_id, death_eval_id FROM sample"), "2|-");
    CHECK_STR(rows("SELECT kind, count FROM loss WHERE kind IN ('end_without_begin', 'unclosed')"
                   " ORDER BY kind"),
              "end_without_begin|1\nunclosed|1");
}

/* Requests: one with a child, one whose memory stays, one that is told from another thread. */
static void test_spans(void)
{
    status result =
        import_text(RUN "stack A = 0x1001\n"
                        "stack B = 0x2001\n"
                        "define heap 1 \"lua\"\n"
                        "at 10ms main span-begin 71 \"request\" \"GET /\" 0 0 c 100 1 0 0 0 0 0\n"
                        "at 11ms main alloc 0x1000 100 via A\n"
                        "at 11ms main alloc 0x2000 200 via B\n"
                        "at 12ms main span-begin 72 \"query\" none 0 0 c 300 3 0 50 1 0 0\n"
                        "at 13ms main alloc 0x3000 300 via A\n"
                        "at 13ms main span-first-result 72\n"
                        "at 14ms main span-first-result 72\n"
                        "at 14ms main span-items 72 5\n"
                        "at 14ms main span-items 72 2\n"
                        "at 15ms main span-progress 72 30 100\n"
                        "at 15ms main span-progress 72 10 unknown\n"
                        "at 15ms main span-progress 72 20 100\n"
                        "at 15ms main span-progress 72 15 100\n"
                        "at 16ms gc-begin heap 1 flags 1\n"
                        "at 18ms gc-end heap 1\n"
                        "at 19ms main span-end 72 failed c 600 4 1 80 3 0 0\n"
                        "at 20ms main alloc 0x4000 400 via A\n"
                        "at 21ms main span-end 71 ok c 1000 5 1 80 3 0 0\n"
                        "at 22ms main alloc 0x5000 500 via A\n"
                        "at 23ms main free 0x2000\n"
                        "at 24ms main span-begin 73 \"request\" none 1 72 c 0 0 0\n"
                        "at 24ms helper span-enter 73\n"
                        "at 25ms helper alloc 0x6000 600 via B\n"
                        "at 26ms helper free 0x3000\n"
                        "at 27ms helper span-leave 73\n"
                        "at 28ms helper span-end 73 timed-out c 5 5 5\n"
                        "at 30ms gc-begin heap 1\n"
                        "at 31ms gc-end heap 1\n"
                        "at 32ms helper span-begin 74 \"request\" none 0 0\n"
                        "at 33ms helper alloc 0x7000 700 via B\n"
                        "at 34ms main span-end 72 ok\n"
                        "at 34ms main span-enter 9\n"
                        "at 34ms main span-leave 74\n"
                        "at 40ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(
        rows("SELECT id, run_id, number, kind, label, parent_id, thread_id, begin_ns, duration_ns,"
             " ended FROM span ORDER BY id"),
        "1|1|71|request|GET /|-|1|10000000|11000000|ok\n2|1|72|query|-|1|1|12000000|7000000|failed\n"
        "3|1|73|request|-|2|1|24000000|4000000|timed_out\n4|1|74|request|-|-|2|32000000|-|-");
    CHECK_STR(
        rows("SELECT id, first_result_ns, items, progress, progress_total, progress_regressions,"
             " progress_regression_max, gc_ns FROM span ORDER BY id"),
        "1|-|-|-|-|-|-|2000000\n2|1000000|7|15|100|2|20|2000000\n3|-|-|-|-|-|-|0\n4|-|-|-|-|-|-|-");
    CHECK_STR(
        rows("SELECT id, alloc_bytes, alloc_calls, free_calls, heap_alloc_bytes, heap_alloc_calls"
             " FROM span ORDER BY id"),
        "1|900|4|1|80|3\n2|300|1|1|30|2\n3|-|-|-|-|-\n4|-|-|-|-|-");
    CHECK_STR(
        rows(
            "SELECT id, samples, bytes, bytes_sq, bytes_var, left_samples, left_bytes, left_bytes_sq,"
            " left_bytes_var FROM span ORDER BY id"),
        "1|3|700.0|210000.0|0.0|2|500.0|170000.0|0.0\n2|1|300.0|90000.0|0.0|0|0.0|0.0|0.0\n"
        "3|1|600.0|360000.0|0.0|1|600.0|360000.0|0.0\n4|1|700.0|490000.0|0.0|1|700.0|490000.0|0.0");
    CHECK_STR(rows("SELECT id, held_byte_ns FROM span ORDER BY id"),
              "1|3400000000.0\n2|1800000000.0\n3|1800000000.0\n4|4900000000.0");
    CHECK_STR(
        rows("SELECT run_id, span_id, stack_id, spans_after, gcs_after, samples, bytes, bytes_sq,"
             " bytes_var, blocks, blocks_sq, blocks_var FROM span_leftover"),
        "1|1|1|2|1|2|500.0|170000.0|0.0|2.0|2.0|0.0\n1|3|2|1|1|1|600.0|360000.0|0.0|1.0|1.0|0.0");
    CHECK_STR(rows("SELECT size_bytes, birth_span_id, death_span_id FROM sample ORDER BY 1"),
              "100|1|-\n200|1|-\n300|2|3\n400|1|-\n500|-|-\n600|3|-\n700|4|-");
    CHECK_STR(
        rows(
            "SELECT kind, count FROM loss WHERE kind IN ('span_not_open', 'unclosed') ORDER BY kind"),
        "span_not_open|3\nunclosed|1");

    /* Sampled: what is left stands for more, and its squares and variance say so. */
    result = import_text("run sampled interval 1K exe /bin/x\nthread 1 main\nstack A = 0x1001\n"
                         "at 10ms main span-begin 1 \"load\" none 0 0\n"
                         "at 11ms main alloc 0x1000 1024 via A\n"
                         "at 12ms main span-end 1 ok\nat 20ms end\n");
    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT printf('%.3f %.3f %.4f', left_bytes, left_bytes_sq / bytes_sq,"
                   " left_bytes_var / left_bytes_sq) FROM span"),
              "1619.944 1.000 0.3679");
    CHECK_STR(rows("SELECT printf('%.3f %.4f', blocks, blocks_var / blocks_sq), gcs_after"
                   " FROM span_leftover"),
              "1.582 0.3679|-");
}

/* Collections of two heaps: told live with pauses, lazily swept and trued up, told when over. */
static void test_gc(void)
{
    status result = import_text(
        RUN
        "stack A = 0x1001\nstack B = 0x2001\n"
        "define heap 1 \"lua\" capacity 64M generations 2\n"
        "define heap 2 \"boehm\"\n"
        "define class 1 \"string\" module \"core\"\n"
        "define class 2 \"table\"\n"
        "at 5ms main object 0x1000 100 heap 1 class 1 via A\n"
        "at 5ms main object 0x1100 50 heap 1 class 1 via B\n"
        "at 6ms main alloc 0x1000 1000 via B\n"
        "at 10ms main gc-begin heap 1 kind minor flags 0 reason \"threshold\" used 1000 objects 10\n"
        "at 11ms main gc-pause-begin 1\n"
        "at 13ms main gc-pause-end 1\n"
        "at 14ms main gc-pause-begin 1\n"
        "at 15ms main gc-pause-end 1\n"
        "at 16ms main gc-end heap 1 flags 2 used 600 objects 6 reclaimed 250 promoted 40\n"
        "at 16ms main gc-survivors 1 none 0 0 4 200\n"
        "at 16ms main gc-survivors 1 none 1 1 2 unknown\n"
        "at 16ms main gc-survivors 1 2 0 0 1 64\n"
        "at 17ms main object 0x1200 70 heap 1 class 2 via A\n"
        "at 18ms main object-free 0x1100\n"
        "at 20ms main gc-begin heap 1 kind major flags 1 used 900 objects 9 previous-after 550\n"
        "at 22ms main gc-end heap 1 flags 0 used 400 objects 4\n"
        "at 23ms main gc-pause-begin 1\n"
        "at 24ms main gc-pause-end 1\n"
        "at 30ms helper gc-cycle heap 2 kind concurrent flags 0 reason none used-before 80 objects-before 8 previous-after "
        "unknown used-after 30 objects-after 3 reclaimed 50 promoted 0 duration-ns 4000000 pause-ns 1000000\n"
        "at 31ms main free 0x1000\n"
        "at 40ms helper gc-cycle heap 2 kind full flags 1 reason none used-before 90 objects-before 9 previous-after "
        "unknown used-after 20 objects-after 2 reclaimed unknown promoted unknown duration-ns 2000000\n"
        "at 45ms main heap-counters 1 allocs 3 bytes 220 frees 1 freed 50\n"
        "at 45ms helper heap-counters 1 allocs 1 bytes 8 frees 0 freed 0\n"
        "at 46ms main heap-usage 2 20 128 2\n"
        "at 50ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT * FROM heap ORDER BY id"),
              "1|1|1|lua|67108864|2|0|4|228|1|50\n2|1|2|boehm|-|-|0|-|-|-|-");
    CHECK_STR(
        rows("SELECT id, run_id, heap_id, number, kind, reason, begin_ns, end_ns, duration_ns"
             " FROM gc ORDER BY id"),
        "1|1|1|1|minor|threshold|10000000|16000000|6000000\n2|1|1|2|major|-|20000000|22000000|2000000\n"
        "3|1|2|1|concurrent|-|26000000|30000000|4000000\n4|1|2|2|full|-|38000000|40000000|2000000");
    CHECK_STR(
        rows("SELECT id, pause_ns, pause_max_ns, pause_count, used_before_bytes, used_after_bytes,"
             " objects_before, objects_after FROM gc ORDER BY id"),
        "1|3000000|2000000|2|1000|550|10|6\n2|2000000|2000000|1|900|400|9|4\n"
        "3|1000000|-|-|80|30|8|3\n4|2000000|2000000|1|90|20|9|2");
    CHECK_STR(
        rows("SELECT id, approximate, trued_up, reclaimed_bytes, claimed_bytes, promoted_bytes,"
             " allocated_bytes FROM gc ORDER BY id"),
        "1|0|1|450|250|40|-\n2|0|0|500|-|-|350\n3|0|0|50|50|0|-\n4|0|0|70|-|-|60");
    CHECK_STR(
        rows(
            "SELECT id, run_id, heap_id, gc_id, begin_ns, duration_ns FROM gc_pause ORDER BY begin_ns"),
        "1|1|1|1|11000000|2000000\n2|1|1|1|14000000|1000000\n3|1|1|2|20000000|2000000\n"
        "4|1|1|-|23000000|1000000\n5|1|2|3|29000000|1000000\n6|1|2|4|38000000|2000000");
    CHECK_STR(
        rows(
            "SELECT run_id, gc_id, class_id, generation, and_older, objects, bytes FROM gc_survivor"),
        "1|1|0|0|0|4|200\n1|1|0|1|1|2|-\n1|1|2|0|0|1|64");
    CHECK_STR(rows("SELECT run_id, gc_id, rank, stack_id, samples, bytes, bytes_sq, bytes_var,"
                   " printf('%.3f', share) FROM gc_site"),
              "1|1|1|1|1|100.0|10000.0|0.0|0.667\n1|1|2|2|1|50.0|2500.0|0.0|0.333\n"
              "1|2|1|1|1|70.0|4900.0|0.0|1.000\n1|3|1|2|1|1000.0|1000000.0|0.0|1.000");
    CHECK_STR(rows("SELECT * FROM class ORDER BY id"), "1|1|1|string|core\n2|1|2|table|-");
    CHECK_STR(rows("SELECT * FROM heap_usage"), "1|2|46000000|20|128|2");
    CHECK_STR(
        rows("SELECT size_bytes, kind, heap_id, class_id, generations, birth_gc_id, death_gc_id"
             " FROM sample ORDER BY size_bytes"),
        "50|object|1|1|1|-|1\n70|object|1|2|1|1|-\n100|object|1|1|2|-|-\n1000|malloc|-|-|3|-|3");
    CHECK_STR(rows("SELECT * FROM survival_stat"),
              "1|1|1|1|2|1|100.0|10000.0|0.0|1.0|1.0|0.0\n1|1|2|1|1|1|70.0|4900.0|0.0|1.0|1.0|0.0");
}

/* The program stood from 10 to 20 ms, as two heaps tell one in the other, and in part only afterwards: what
 * overlaps counts once, and only as far as it is inside. */
static void test_pauses_overlap(void)
{
    status result = import_text(
        RUN "define stream 1 \"a\"\ndefine stream 2 \"b\"\n"
            "define heap 1 \"x\"\ndefine heap 2 \"y\"\n"
            "at 5ms main frame-begin 1\n"
            "at 10ms main gc-begin heap 1 flags 1\n"
            "at 12ms helper frame-begin 2\n"
            "at 13ms main gc-pause-begin 2\n"
            "at 15ms main gc-end heap 1\n"
            "at 18ms helper frame-end 2\n"
            "at 20ms main gc-pause-end 2\n"
            "at 21ms main frame-end 1\n"
            "at 30ms main frame-begin 1\n"
            "at 35ms helper frame-begin 2\n"
            "at 40ms main gc-cycle heap 1 kind full flags 1 reason none unknown unknown unknown "
            "unknown unknown unknown unknown duration-ns 8000000\n"
            "at 41ms helper frame-end 2\n"
            "at 42ms main frame-end 1\n"
            "at 50ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(
        rows("SELECT stream_id, number, gc_ns, gc_count, gc_id FROM frame_mark ORDER BY begin_ns"),
        "1|1|10000000|1|1\n2|1|6000000|0|1\n1|2|8000000|1|2\n2|2|5000000|0|2");
    CHECK_STR(rows("SELECT duration_ns, gc_id FROM gc_pause ORDER BY begin_ns"),
              "5000000|1\n7000000|-\n8000000|2");
}

static uint32_t draws = 12345;

static uint32_t draw(uint32_t below)
{
    draws = draws * 1664525 + 1013904223;
    return (draws >> 8) % below;
}

/* Pauses of two heaps in any order, collections of a third told when they are over, frames of two threads: what each
 * frame says must be what is counted millisecond by millisecond. */
static void random_pauses(void)
{
    enum { STEPS = 150 };
    static char text[32768];
    bool stood[STEPS + 1] = {false};
    bool paused[2] = {false, false};
    int frame_begin[2] = {0, 0}; /* 0: none is open */
    int ends[STEPS + 1] = {0};   /* of the frame that begins there */
    char expected[8192] = "";
    size_t used =
        (size_t)snprintf(text, sizeof text,
                         RUN "define heap 1 \"a\"\ndefine heap 2 \"b\"\ndefine heap 3 \"c\"\n"
                             "define stream 1 \"x\"\ndefine stream 2 \"y\"\n"
                             "at 1ms main gc-begin heap 1\nat 1ms main gc-end heap 1\n");

    for (int now = 2; now <= STEPS; now++) {
        unsigned which = draw(2);
        const char *thread = which ? "helper" : "main";

        switch (draw(4)) {
        case 0:
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "at %dms main gc-pause-%s %u\n",
                                 now, paused[which] ? "end" : "begin", which + 1);
            paused[which] = !paused[which];
            break;
        case 1:
            used += (size_t)snprintf(text + used, sizeof text - used, "at %dms %s frame-%s %u\n",
                                     now, thread, frame_begin[which] ? "end" : "begin", which + 1);
            if (frame_begin[which]) {
                ends[frame_begin[which]] = now;
            }
            frame_begin[which] = frame_begin[which] ? 0 : now;
            break;
        case 2: {
            int back = 1 + (int)draw(12);

            back = back < now ? back : now - 1;
            /* A frame that is over by then has its row: it must not be wrong about what it was not told. */
            for (int at = now - back; at < now; at++) {
                for (int begin = 1; begin <= STEPS; begin++) {
                    back = ends[begin] > at && ends[begin] <= now ? now - ends[begin] : back;
                }
            }
            if (back > 0) {
                used += (size_t)snprintf(
                    text + used, sizeof text - used,
                    "at %dms main gc-cycle heap 3 kind full flags 1 reason none unknown "
                    "unknown unknown unknown unknown unknown unknown duration-ns %d000000\n",
                    now, back);
                memset(stood + now - back, true, (size_t)back);
            }
            break;
        }
        default:
            break;
        }
        stood[now] = paused[0] || paused[1]; /* from now to the next */
    }
    snprintf(text + used, sizeof text - used, "at 200ms end\n");
    used = 0;
    for (int begin = 1; begin <= STEPS; begin++) {
        int sum = 0;

        for (int at = begin; at < ends[begin]; at++) {
            sum += stood[at];
        }
        if (ends[begin]) {
            used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%d|%d",
                                     used ? "\n" : "", begin, sum);
        }
    }
    CHECK_EQ(import_text(text).code, STATUS_OK);
    CHECK_STR(
        rows("SELECT begin_ns / 1000000, gc_ns / 1000000 FROM frame_mark WHERE duration_ns >= 0"
             " ORDER BY begin_ns"),
        expected);
}

/* What makes no sense is counted, and the rest goes on. */
static void test_misuse(void)
{
    status result = import_text(RUN "define heap 1 \"x\"\ndefine stream 1 \"s\"\n"
                                    "at 1ms main frame-end 1\n"
                                    "at 1ms main phase-end 1 \"p\"\n"
                                    "at 1ms main phase-begin 1 \"q\"\n"
                                    "at 2ms main gc-end heap 1 flags 0 used 5\n"
                                    "at 2ms main gc-pause-end 1\n"
                                    "at 3ms main gc-begin heap 1 flags 1 reason none used 9\n"
                                    "at 4ms main gc-begin heap 1\n"
                                    "at 5ms main gc-pause-begin 1\n"
                                    "at 6ms main gc-pause-begin 1\n"
                                    "at 7ms main span-begin 5 \"k\" none 0 0\n"
                                    "at 8ms main span-begin 5 \"k\" none 0 0\n"
                                    "at 8ms main span-end 5 9\n"
                                    "at 9ms main resume\n"
                                    "at 9ms main pause\n"
                                    "at 9ms main pause\n"
                                    "at 10ms main frame-begin 0\n"
                                    "at 10ms main frame-begin 5000\n"
                                    "at 10ms main frame-begin 7\n"
                                    "at 10ms main mark 99\n"
                                    "at 10ms main gc-survivors 7 none 0 0 1 1\n"
                                    "at 10ms main heap-move heap 1 key 0x77 address 0x88\n"
                                    "at 11ms main pool-slots 1 1 100 64 0\n"
                                    "at 12ms main frame-end 7\n"
                                    "at 12ms mark-kind 99 1 2 3\n"
                                    "at 20ms gauge recorder.dropped_marks 3\n"
                                    "at 20ms gauge recorder.refused_calls 4\n"
                                    "at 20ms gauge recorder.full_tables 5\n"
                                    "at 30ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(
        rows(
            "SELECT kind, count FROM loss WHERE count > 0 AND kind <> 'inexact_thread' ORDER BY kind"),
        "begin_inside|4\ndropped_marks|3\nend_without_begin|5\nfull_tables|5\npartial_slot_map|1\n"
        "paused_ms|21\nrefused_calls|4\nunclosed|4\nunknown_id|7\nunmatched_move|1");
    CHECK_STR(
        rows("SELECT id, begin_ns, end_ns, used_before_bytes, used_after_bytes, allocated_bytes"
             " FROM gc ORDER BY id"),
        "1|-|2000000|-|5|-\n2|3000000|-|9|-|4\n3|4000000|-|-|-|-");
    CHECK_STR(rows("SELECT gc_id, begin_ns, duration_ns FROM gc_pause ORDER BY begin_ns"),
              "2|3000000|-\n3|5000000|-\n3|6000000|-");
    CHECK_STR(rows("SELECT id, ended, duration_ns FROM span ORDER BY id"), "1|-|-\n2|other|0");
    CHECK_STR(rows("SELECT number, name FROM frame_stream"), "1|s\n7|#7");
    CHECK_STR(rows("SELECT frame_id, name, duration_ns FROM phase"), "-|q|-");
    CHECK_STR(rows("SELECT * FROM mark"), "1|1|10000000|#99");
    CHECK_STR(rows("SELECT * FROM pause"), "1|9000000|-");
}

static void test_pools_and_profiles(void)
{
    status result = import_text(
        RUN
        "define stream 1 \"screen\"\n"
        "define heap 1 \"lua\"\n"
        "define class 1 \"string\"\n"
        "define pool 1 \"scratch\" kind arena stream 1 capacity 1M\n"
        "define pool 2 \"slots\" kind slab slot 64 capacity 64K slots 1024\n"
        "at 10ms main frame-begin 1\n"
        "at 11ms main frame-end 1\n"
        "at 11ms main pool-stale 1 1 777\n"
        "at 20ms pool-state 1 100 200 300 4 500 6 700 8 9 250 1250\n"
        "at 21ms pool-state 1 unknown unknown unknown unknown unknown unknown unknown unknown 10\n"
        /* 1024 slots, 4 to a cell: two words taken but for one slot, the rest free */
        "at 30ms main pool-slots 1 2 1024 0 0xfffffffffffffff7 0xffffffffffffffff 0 0 0 0 0 0\n"
        "at 30ms main pool-slots 1 2 1024 512 0 0 0 0 0 0 0 0x8000000000000000\n"
        "at 31ms main pool-slots 2 2 1024 0 0\n"
        "at 31ms main pool-slots 2 2 1024 128 0\n"
        "at 32ms main pool-slots 3 1 3 0 2\n"
        "at 40ms main class-profile 3 1 1 10 1000 20 unknown\n"
        "at 41ms main retained 4 1 \"small\" 10 1\n"
        "at 41ms main retained 4 1 \"large\" 1000 5\n"
        "at 41ms main retained 4 1 \"untold\" unknown 7\n"
        "at 42ms main retained 5 1 \"next\" 1 1\n"
        "at 50ms pull memory 0 100 2000000000\n"
        "at 51ms pull memory 1 300 4000000000\n"
        "at 52ms pull classes 2 60000000 10000000000\n"
        "at 60ms main pause\n"
        "at 65ms main resume\n"
        "at 70ms main mark \"before\"\n"
        "at 80ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT * FROM pool ORDER BY id"),
              "1|1|1|scratch|arena|1|-|1048576|-\n2|1|2|slots|slab|-|64|65536|1024");
    CHECK_STR(rows("SELECT * FROM pool_tick"), "1|1|20000000|100|200|300|4|500|6|700|8|9|250|1250\n"
                                               "1|1|21000000|-|-|-|-|-|-|-|-|10|-|-");
    CHECK_STR(rows("SELECT * FROM pool_stale"), "1|1|11000000|1|777");
    CHECK_STR(
        rows("SELECT run_id, pool_id, time_ns, slots, used_slots, free_runs, longest_free_run,"
             " length(cells), substr(cells, 1, 2), substr(cells, 32, 2), substr(cells, 255)"
             " FROM pool_map"),
        "1|1|32000000|3|1|2|1|3|0f||\n1|2|30000000|1024|128|2|895|256|bf|f0|04");
    CHECK_STR(rows("SELECT * FROM class_profile"), "1|3|1|1|40000000|10|1000|20|-");
    CHECK_STR(rows("SELECT * FROM retained_set"),
              "1|4|1|1|41000000|large|1000|5\n1|4|1|2|41000000|small|10|1\n"
              "1|4|1|3|41000000|untold|-|7\n1|5|1|1|42000000|next|1|1");
    CHECK_STR(rows("SELECT * FROM pull"),
              "1|classes|1|0|1|60000000|60000000|10000000000\n1|memory|2|1|0|400|300|4000000000");
    CHECK_STR(rows("SELECT * FROM pause"), "1|60000000|65000000");
    CHECK_STR(rows("SELECT * FROM mark"), "1|1|70000000|before");
    CHECK_STR(rows("SELECT count FROM loss WHERE kind = 'partial_slot_map'"), "1");
}

/* Marks stand exactly between the events of their batch, also at one time; a frame of another thread serves
 * where a thread has none. */
static void test_positions(void)
{
    status result = import_text(RUN "define stream 1 \"a\"\ndefine stream 2 \"b\"\n"
                                    "at 10ms main alloc 0x1000 1\n"
                                    "at 10ms main frame-begin 1\n"
                                    "at 10ms main alloc 0x2000 2\n"
                                    "at 10ms helper frame-begin 2\n"
                                    "at 10ms main alloc 0x3000 3\n"
                                    "at 10ms helper alloc 0x4000 4\n"
                                    "at 10ms main frame-end 1\n"
                                    "at 10ms main alloc 0x5000 5\n"
                                    "at 10ms helper frame-end 2\n"
                                    "at 10ms main alloc 0x6000 6\n"
                                    "at 20ms main frame-begin 1\n"
                                    "at 20ms helper free 0x6000\n"
                                    "at 21ms main free 0x1000\n"
                                    "at 30ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT size_bytes, birth_frame_id, death_frame_id FROM sample ORDER BY 1"),
              "1|-|3\n2|1|-\n3|1|-\n4|2|-\n5|2|-\n6|-|3");
}

/* By address, objects are in a space of their own; a moved one keeps its history. */
static void test_objects(void)
{
    status result = import_text(RUN "define heap 1 \"lua\"\n"
                                    "at 10ms main object 0x1000 10 heap 1\n"
                                    "at 11ms main alloc 0x1000 20\n"
                                    "at 12ms main free 0x1000\n"
                                    "at 13ms main object-move 0x1000 0x2000\n"
                                    "at 14ms main object 0x1000 30 heap 1\n"
                                    "at 15ms main object-free 0x2000\n"
                                    "at 16ms main object-move 0x1000 0x5000\n"
                                    "at 30ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT size_bytes, kind, address, birth_ns, death_ns FROM sample ORDER BY 1"),
              "10|object|8192|10000000|15000000\n20|malloc|4096|11000000|12000000\n"
              "30|object|20480|14000000|-");
    CHECK_STR(rows("SELECT SUM(count) FROM loss WHERE kind IN ('reused_address', 'unmatched_free',"
                   " 'unmatched_move')"),
              "0");

    result = import_text("run sampled interval 4K exe /bin/x\nthread 1 main\n"
                         "define heap 1 \"lua\"\n"
                         "at 10ms main object 0x1000 4096 heap 1 interval 33\n"
                         "at 13ms main object-move 0x1000 0x2000\n"
                         "at 15ms main object-free 0x2000\n"
                         "at 30ms end\n");
    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(rows("SELECT address, death_ns, interval_bytes, printf('%.4f', weight) FROM sample"),
              "8192|15000000|2048|1.1565");
}

/* Places of the interpreted program are frames; equal ones are one, also over two runs. */
static void test_places(void)
{
    static const char first[] =
        RUN "trace-id 0000000000000000000000000000000a\n"
            "stack N = 0x401010\n"
            "at 10ms main alloc 0x1000 10 via fib@fib.lua:12<malloc@fib.lua:30<N\n"
            "at 11ms main alloc 0x2000 10 via malloc@fib.lua:30<N\n"
            "at 20ms end\n";
    static const char second[] =
        RUN "trace-id 0000000000000000000000000000000b\n"
            "stack N = 0x401010\n"
            "at 9ms main alloc 0x3000 10 via other@x.lua:1<N\n"
            "at 10ms main alloc 0x1000 20 via fib@fib.lua:12<malloc@fib.lua:30<N\n"
            "at 20ms end\n";
    const char *traces[] = {"first.zst", "second.zst"};

    CHECK(mktrace_file("first", first, "first.zst") &&
          mktrace_file("second", second, "second.zst"));
    CHECK_EQ(make(traces, 2, "places.db", false).code, STATUS_OK);
    open_database("places.db");
    CHECK_STR(
        rows("SELECT key, module_path, build_id, module_offset, inline_level, function, raw_name,"
             " file, line, kind FROM frame WHERE kind = 'interpreted' ORDER BY key"),
        "fib@fib.lua:12+0x0:0|-|-|0|0|fib|fib|fib.lua|12|interpreted\n"
        "malloc@fib.lua:30+0x0:0|-|-|0|0|malloc|malloc|fib.lua|30|interpreted\n"
        "other@x.lua:1+0x0:0|-|-|0|0|other|other|x.lua|1|interpreted");
    CHECK_STR(
        rows("SELECT run_id, function, caller, text FROM sample JOIN stack ON stack.id = stack_id"
             " ORDER BY sample.id"),
        "1|fib|malloc|fib < malloc < 0x40100f\n1|malloc|0x40100f|malloc < 0x40100f\n"
        "2|other|0x40100f|other < 0x40100f\n2|fib|malloc|fib < malloc < 0x40100f");
    CHECK_STR(rows("SELECT COUNT(*) FROM stack"), "3");
    CHECK_STR(rows("SELECT count FROM loss WHERE kind = 'unsymbolized_frames' AND run_id = 1"),
              "1");
}

/* A leaking place is told; of the same class a large array is kept elsewhere, larger than all that leaked. It is one
 * block, so the class need not be told again; where the places are too many to be judged, the class is what leaks. */
static void test_class_leak(void)
{
    char text[8192];
    size_t used;

    for (int places = 1; places <= 20; places += 19) {
        used = (size_t)snprintf(text, sizeof text,
                                RUN "define heap 1 \"lua\"\ndefine class 1 \"array\"\n"
                                    "stack Kept = 0x3001\n");
        for (int i = 0; i < places; i++) {
            used += (size_t)snprintf(text + used, sizeof text - used, "stack L%d = 0x%x 0x%x\n", i,
                                     0x10001 + 0x100 * i, 0x90001 + 0x100 * i);
        }
        for (int i = 0; i < places; i++) {
            used += (size_t)snprintf(
                text + used, sizeof text - used,
                "repeat %d every %.1fms\nat %.1fms main object 0x%x00000+64 48 heap 1 class 1 via L%d\n"
                "done\nrepeat %d every %.1fms\nat %.1fms main object-free 0x%x00000+64\ndone\n",
                200 / places, 0.5 * places, 0.1 + 0.4 * i, 0x10 + i, i, 100 / places, 0.5 * places,
                0.2 + 0.4 * i, 0x10 + i);
        }
        snprintf(text + used, sizeof text - used,
                 "at 30ms main object 0x7000000 1000000 heap 1 class 1 via Kept\n"
                 "repeat 5 every 18ms\nat 18ms main gc-begin heap 1 flags 1\n"
                 "at 18.1ms main gc-end heap 1\ndone\nat 101ms end\n");
        CHECK_EQ(import_text(text).code, STATUS_OK);
        CHECK_STR(rows("SELECT kind, verdict, live_samples FROM leak ORDER BY rank LIMIT 2"),
                  places == 1 ? "object|leak|100\nobject|undecided|1" : "class|leak|101");
    }
}

/* Objects that are blocks of malloc are told twice, and counted once, as blocks: in sums over all, spans and the
 * resident set. Their class and generations are told all the same, and either may say that they leak. */
static void test_heap_of_blocks(void)
{
    char text[4096];

    for (int flags = 0; flags < 2; flags++) {
        snprintf(text, sizeof text,
                 RUN "define heap 1 \"lua\" flags %d\ndefine class 1 \"node\"\n"
                     "stack B = 0x1001\nstack O = 0x2001\n"
                     "at 0.1ms main span-begin span 1 kind \"load\"\n"
                     "repeat 200 every 0.4ms\n"
                     "at 0.2ms main alloc 0x100000+64 50 via B\n"
                     "at 0.2ms main object 0x100000+64 48 heap 1 class 1 via O\n"
                     "done\n"
                     "repeat 100 every 0.4ms\n"
                     "at 0.3ms main free 0x100000+64\n"
                     "at 0.3ms main object-free 0x100000+64\n"
                     "done\n"
                     "repeat 5 every 18ms\nat 18ms main gc-begin heap 1 flags 1\n"
                     "at 18.1ms main gc-end heap 1\ndone\n"
                     "at 99ms main span-end 1 ok\nat 100ms end\n",
                 flags);
        CHECK_EQ(import_text(text).code, STATUS_OK);
        CHECK_STR(rows("SELECT of_blocks FROM heap"), flags ? "1" : "0");
        CHECK_STR(rows("SELECT SUM(bytes) FROM stack_stat WHERE measure = 'allocated'"),
                  flags ? "10000.0" : "19600.0");
        CHECK_STR(rows("SELECT SUM(bytes) FROM stack_stat WHERE measure = 'live'"),
                  flags ? "5000.0" : "9800.0");
        CHECK_STR(rows("SELECT MAX(live_bytes), SUM(alloc_bytes) FROM timeline"),
                  flags ? "5000.0|10000.0" : "9800.0|19600.0");
        CHECK_STR(rows("SELECT bytes, left_bytes FROM span"),
                  flags ? "10000.0|5000.0" : "19600.0|9800.0");
        CHECK_STR(rows("SELECT COUNT(*), SUM(heap_id IS NOT NULL) FROM sample"), "400|200");
        CHECK_STR(rows("SELECT SUM(bytes) FROM survival_stat WHERE class_id = 1"), "4800.0");
        CHECK_STR(
            rows(
                "SELECT verdict, live_samples, class_id, oldest_gcs FROM leak WHERE verdict = 'leak'"),
            "leak|100|1|3\nleak|100|-|3");
    }
}

/* Where a line of the program is in both stacks, one row says it: that of the blocks, with the objects' class, when they
 * are known to be the same; else, as both say as much, that of the objects. */
static void test_two_views(void)
{
    char text[4096];

    for (int flags = 0; flags < 2; flags++) {
        snprintf(text, sizeof text,
                 RUN "define heap 1 \"lua\" flags %d\ndefine class 1 \"node\"\n"
                     "define name 40 \"keep\"\ndefine name 41 \"x.lua\"\ndefine row 6 1 40 41 7\n"
                     "stack B = 0xfffe000000000001 0x1001\nstack O = 0xfffe000000000001 0x2001\n"
                     "repeat 200 every 0.4ms\n"
                     "at 0.2ms main alloc 0x100000+64 50 via B\n"
                     "at 0.2ms main object 0x100000+64 48 heap 1 class 1 via O\n"
                     "done\n"
                     "repeat 5 every 18ms\nat 18ms main gc-begin heap 1 flags 1\n"
                     "at 18.1ms main gc-end heap 1\ndone\nat 100ms end\n",
                 flags);
        CHECK_EQ(import_text(text).code, STATUS_OK);
        CHECK_STR(
            rows("SELECT kind, function, live_samples, live_bytes, heap_id, class_id FROM leak"),
            flags ? "site|keep|200|10000.0|1|1" : "object|keep|200|9600.0|1|1");
    }
}

/* A place that is told only after it was used, or never. */
static void test_late_places(void)
{
    status result = import_text(RUN "stack P = 0xfffe000000000009 0x401010\n"
                                    "stack Q = 0xfffe00000000000a 0x401010\n"
                                    "stack R = 0xfffe00000000000b 0x401010\n"
                                    "at 10ms main alloc 0x1000 10 via P\n"
                                    "at 10ms main alloc 0x2000 20 via Q\n"
                                    "at 11ms block\n"
                                    "define name 1 \"late\"\n"
                                    "define name 2 \"a/late.lua\"\n"
                                    "define row 6 9 1 2 5\n"
                                    "define row 6 10 0 2 6\n"
                                    "at 12ms main alloc 0x3000 30 via R\n"
                                    "at 20ms end\n");

    CHECK_EQ(result.code, STATUS_OK);
    CHECK_STR(
        rows("SELECT function, file, line, raw_name, kind FROM frame WHERE kind = 'interpreted'"
             " ORDER BY id"),
        "late|a/late.lua|5|late|interpreted\nlate.lua:6|a/late.lua|6|-|interpreted\n"
        "place 1.11|-|-|-|interpreted");
    CHECK_STR(rows("SELECT function FROM stack ORDER BY id"), "late\nlate.lua:6\nplace 1.11");
}

/* Items hang in an array that doubles by moving: its copies live so long that age alone decides nothing. Of those
 * that survived three collections hardly any was freed: that does. */
static void test_leak(void)
{
    static const char *const told[2] = {"at 18ms main gc-begin heap 1 flags 1\n"
                                        "at 18.1ms main gc-end heap 1\n",
                                        ""};
    char text[4096];

    for (int silent = 0; silent < 2; silent++) {
        snprintf(text, sizeof text,
                 RUN
                 "define heap 1 \"lua\"\nstack L = 0x1001\n"
                 "repeat 199 every 0.5ms\nat 0.1ms main object 0x100000+64 48 heap 1 via L\ndone\n"
                 "repeat 12 every 4ms\nat 4ms main object 0x900000+64 512 heap 1 via L\ndone\n"
                 "repeat 12 every 8ms\nat 8ms main object-free 0x900000+64\ndone\n"
                 "repeat 5 every 18ms\n%sdone\nat 100ms end\n",
                 told[silent]);
        CHECK_EQ(import_text(text).code, STATUS_OK);
        CHECK_STR(
            rows("SELECT verdict, samples, live_samples, reason LIKE '%survived three collections%'"
                 " FROM leak"),
            silent ? "growing|211|199|0" : "leak|211|199|1");
    }
}

/* Nothing told: nothing in any of the tables, and the rows of samples end where they did. */
static void test_silence(void)
{
    static const char *const tables[] = {
        "mark",      "pause",         "frame_stream",  "frame_mark",    "phase",
        "eval",      "span",          "heap",          "heap_usage",    "gc",
        "gc_pause",  "gc_survivor",   "gc_site",       "class",         "pool",
        "pool_tick", "class_profile", "pool_stale",    "span_leftover", "pool_map",
        "pull",      "retained_set",  "survival_stat", "eval_leftover", "scope_stat"};
    char sql[128];

    CHECK_EQ(import_text(RUN "at 10ms main alloc 0x1000 10\nat 11ms main alloc 0x2000 20\n"
                             "at 12ms main free 0x1000\nat 20ms end\n")
                 .code,
             STATUS_OK);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM %s", tables[i]);
        CHECK_STR(rows(sql), "0");
    }
    CHECK_STR(rows("SELECT heap_id, generations, birth_gc_id, death_span_id FROM sample"),
              "-|-|-|-\n-|-|-|-");
    CHECK_STR(
        rows("SELECT COUNT(*) FROM loss WHERE kind IN ('unclosed', 'dropped_marks', 'paused_ms')"),
        "0");
}

/* Two runs in one database: ids go on, names and what is open do not. */
static void test_two_runs(void)
{
    static const char text[] = RUN "trace-id 0000000000000000000000000000000%s\n"
                                   "define stream 1 \"%s\"\n"
                                   "at 10ms main frame-begin 1\n"
                                   "at 10ms main span-begin 1 \"k\" none 0 0\n"
                                   "at 11ms main alloc 0x1000 10\n"
                                   "at 20ms end\n";
    const char *traces[] = {"first.zst", "second.zst"};
    char one[512];

    snprintf(one, sizeof one, text, "a", "one");
    CHECK(mktrace_file("first", one, "first.zst"));
    snprintf(one, sizeof one, text, "b", "two");
    CHECK(mktrace_file("second", one, "second.zst"));
    CHECK_EQ(make(traces, 2, "two.db", false).code, STATUS_OK);
    open_database("two.db");
    CHECK_STR(
        rows("SELECT frame_mark.run_id, name, frame_mark.id, thread_id, ended_by FROM frame_mark"
             " JOIN frame_stream ON frame_stream.id = stream_id ORDER BY 3"),
        "1|one|1|1|nothing\n2|two|2|3|nothing");
    CHECK_STR(rows("SELECT run_id, birth_frame_id, birth_span_id FROM sample"), "1|1|1\n2|2|2");
    CHECK_STR(rows("SELECT run_id, id, left_samples FROM span"), "1|1|1\n2|2|1");
}

int main(void)
{
    char folder[] = "voice_test.XXXXXX";

    if (!CHECK(mkdtemp(folder) && chdir(folder) == 0)) {
        return check_summary();
    }
    test_frames();
    test_why();
    test_evals();
    test_spans();
    test_gc();
    test_pauses_overlap();
    for (int i = 0; i < 25; i++) {
        random_pauses();
    }
    test_misuse();
    test_pools_and_profiles();
    test_positions();
    test_objects();
    test_places();
    test_late_places();
    test_leak();
    test_class_leak();
    test_heap_of_blocks();
    test_two_views();
    test_silence();
    test_two_runs();
    sqlite3_close(db);
    CHECK_EQ(system("rm -f -- *.zst *.db"), 0);
    CHECK(chdir("..") == 0 && rmdir(folder) == 0);
    return check_summary();
}
