/* SPDX-License-Identifier: Apache-2.0 */
/* voice_cost.c -- what one call of memrec.h costs the thread that makes it, while it is being recorded.
 *
 * Expected: a frame or span 25 ns with the reading of the clock; a gauge 5 ns and an object that is not sampled 2 ns,
 * neither of which reads it. The clock is measured alone, in a loop of its own, and subtracted: what remains is
 * the recorder's. For comparison Tracy publishes 2.25 ns per zone, clock included, on another machine; no
 * build of it runs here.
 *
 * Calls come in batches that fit into a ring; between batches the ring is written out, untimed. The best batch and the
 * median are shown, and a call that found no room spoils the bench. */
#include "bench.h"
#include "memrec/memrec.h"
#include "os.h"

#include <sys/stat.h>
#include <unistd.h>

#define BATCHES 99
#define CALLS   1000 /* of at most 16 words: the ring has 32,768 */

static memrec_stream_id stream;
static memrec_name_id name;
static memrec_heap_id heap;
static memrec_class_id klass;
static memrec_pool_id pool;
static struct memrec_gc gc = MEMREC_GC_INIT;
static char objects[CALLS][16];

#define CASE(function, call)                                                                       \
    static void function(void)                                                                     \
    {                                                                                              \
        for (int i = 0; i < CALLS; i++) {                                                          \
            call;                                                                                  \
        }                                                                                          \
    }

/* Pairs make two calls a round. */
CASE(only_clock, bench_keep(mr_ticks()))
CASE(empty_call, bench_keep(memrec_version()))
CASE(frames, (memrec_frame_begin(stream), memrec_frame_end(stream)))
CASE(phases, (memrec_phase_begin(stream, name), memrec_phase_end(stream, name)))
CASE(spans, memrec_span_end(memrec_span_begin(name, name), MEMREC_OK))
CASE(span_items, memrec_span_items(1, 1))
CASE(evals, (memrec_eval_begin(name, heap, 1000), memrec_eval_end(1000, 1000)))
CASE(collections, (memrec_gc_begin(heap, &gc), memrec_gc_end(heap, &gc)))
CASE(heap_usage, memrec_heap_usage(heap, (uint64_t)i, 1 << 20, 10))
CASE(pool_state, memrec_pool_state(pool, (uint64_t)i, 1 << 20))
CASE(pool_overflow, memrec_pool_overflow(pool, 16))
CASE(pool_wait, memrec_pool_wait(pool, 16))
CASE(pool_reset, memrec_pool_reset(pool))
CASE(heap_alloc, memrec_heap_alloc(heap, klass, objects[i], 16))
CASE(heap_free, memrec_heap_free(heap, objects[i], 16))
CASE(safepoint, memrec_safepoint())
CASE(known_name, bench_keep(memrec_name("GET /index", 10)))
CASE(known_place, bench_keep(memrec_place(name, name, 17)))

static double batch_ns(void (*batch)(void), unsigned calls)
{
    uint64_t start_ns = bench_now_ns();

    batch();
    return (double)(bench_now_ns() - start_ns) / calls;
}

static void measure(const char *what, void (*batch)(void), unsigned calls, bool clock,
                    double clock_ns, double goal_ns, bool goal_with_clock)
{
    double times[BATCHES];

    for (int i = 0; i < BATCHES; i++) {
        memrec_flush();
        times[i] = batch_ns(batch, CALLS * calls);
    }
    double median = bench_median(times, BATCHES);
    double alone = times[0] - (clock ? clock_ns : 0);
    printf("%-30s %8.2f %8.2f %10.2f", what, times[0], median, alone);
    if (goal_ns > 0) {
        printf(" %8.2f  %s", goal_ns,
               (goal_with_clock ? times[0] : alone) <= goal_ns ? "met" : "MISSED");
    }
    putchar('\n');
}

int main(void)
{
    char path[] = "/tmp/memrec_voice_cost.XXXXXX", file[sizeof path + 8];
    struct memrec_status status = {.size = sizeof status};
    double clocks[BATCHES];

    bench_require(mkdtemp(path));
    snprintf(file, sizeof file, "%s/t.zst", path);
    bench_require(memrec_start(file) == 0 && memrec_is_recording());
    stream = memrec_stream("screen", 0);
    name = memrec_name("GET /index", 10);
    heap = memrec_heap("heap", 1 << 30, 1, 0);
    klass = memrec_class("class", NULL);
    pool = memrec_pool("pool", &(struct memrec_pool_facts){.kind = MEMREC_POOL_SLAB});
    bench_require(stream && name && heap && klass && pool);
    bench_require(memrec_place(name, name, 17));
    for (int i = 0; i < BATCHES; i++) {
        clocks[i] = batch_ns(only_clock, CALLS);
    }
    bench_median(clocks, BATCHES);

    printf("%-30s %8s %8s %10s %8s\n", "ns per call", "best", "median", "no clock", "goal");
    printf("%-30s %8.2f\n", "the clock alone", clocks[0]);
    measure("a call that does nothing", empty_call, 1, false, 0, 0, false);
    measure("frame_begin, _end", frames, 2, true, clocks[0], 25, true);
    measure("phase_begin, _end", phases, 2, true, clocks[0], 25, true);
    measure("span_begin, _end", spans, 2, true, clocks[0], 25, true);
    measure("span_items", span_items, 1, true, clocks[0], 25, true);
    measure("eval_begin, _end", evals, 2, true, clocks[0], 25, true);
    measure("gc_begin, _end", collections, 2, true, clocks[0], 15, false);
    measure("heap_usage", heap_usage, 1, true, clocks[0], 8, false);
    measure("pool_state", pool_state, 1, false, 0, 5, false);
    measure("pool_overflow", pool_overflow, 1, false, 0, 5, false);
    measure("pool_wait", pool_wait, 1, false, 0, 5, false);
    measure("pool_reset", pool_reset, 1, false, 0, 5, false);
    measure("heap_alloc, not sampled", heap_alloc, 1, false, 0, 2, false);
    measure("heap_free, not sampled", heap_free, 1, false, 0, 2, false);
    measure("safepoint, nothing due", safepoint, 1, false, 0, 1, false);
    measure("name, known", known_name, 1, false, 0, 20, false);
    measure("place, known", known_place, 1, false, 0, 40, false);
    for (int i = 0; i < 1000; i++) {
        char text[24];

        snprintf(text, sizeof text, "pool %d", i);
        bench_require(memrec_pool(text, &(struct memrec_pool_facts){.kind = MEMREC_POOL_SLAB}));
    }
    measure("frame, with 1,000 pools", frames, 2, true, clocks[0], 25, true);
    puts("a zone of Tracy, as published, with its clock, elsewhere:  2.25");

    bench_require(memrec_status(&status) == 0);
    if (status.dropped_calls || status.refused_calls) {
        printf(
            "%llu calls found no room and %llu were refused: the times above are not those of recorded calls\n",
            (unsigned long long)status.dropped_calls, (unsigned long long)status.refused_calls);
    }
    bench_require(status.dropped_calls == 0 && status.refused_calls == 0);
    memrec_stop();
    unlink(file);
    rmdir(path);
    return 0;
}
