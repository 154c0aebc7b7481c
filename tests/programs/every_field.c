/* SPDX-License-Identifier: Apache-2.0 */
/* every_field.c -- calls every function of memrec.h with figures that occur nowhere else, for every_field.sh, which
 * looks for each of them in its column. Lasts two seconds: the pulls take their time. */
#include <memrec/memrec.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define NAME(text) memrec_name(text, sizeof(text) - 1)

static memrec_stream_id stream;
static memrec_heap_id heap;
static memrec_class_id klass;
static memrec_pool_id arena, slab;
static int pulls, class_pulls, collections_asked;
static char objects[64][64];

static void sleep_ms(long ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL); }

__attribute__((noinline)) static char *block(size_t bytes)
{
    char *made = malloc(bytes);

    if (!made)
        abort();
    return memset(made, 1, bytes);
}

static void collection(struct memrec_gc gc, int pauses)
{
    memrec_gc_begin(heap, &gc);
    if (pauses) {
        memrec_gc_pause_begin(heap);
        sleep_ms(3);
        memrec_gc_pause_end(heap);
    }
    memrec_gc_end(heap, &gc);
}

static void tell_collections(void)
{
    struct memrec_gc minor = {.kind = MEMREC_GC_MINOR,
                              .flags = MEMREC_GC_STOPS_WORLD,
                              .reason = NAME("the nursery is full"),
                              .used_before_bytes = 900001,
                              .objects_before = 901,
                              .previous_after_bytes = MEMREC_UNKNOWN,
                              .used_after_bytes = 500003,
                              .objects_after = 503,
                              .reclaimed_bytes = 2404,
                              .promoted_bytes = 10005};
    struct memrec_gc major = minor, concurrent = MEMREC_GC_INIT, incremental = concurrent,
                     cycle = minor;

    collection(minor, 0);
    memrec_gc_survivors(heap, 0, (const uint64_t[]){0, 1101, 1102},
                        (const uint64_t[]){0, 11010, 11020}, 3);
    memrec_gc_survivors(heap, klass, (const uint64_t[]){0, 0, 1201},
                        (const uint64_t[]){0, 0, 12010}, 3);
    major.kind = MEMREC_GC_MAJOR;
    major.flags = MEMREC_GC_APPROXIMATE;
    collection(major, 1);
    concurrent.kind = MEMREC_GC_CONCURRENT;
    concurrent.used_before_bytes = 700007;
    concurrent.previous_after_bytes = 600006;
    concurrent.used_after_bytes = 300003;
    collection(concurrent, 1);
    incremental.kind = MEMREC_GC_INCREMENTAL;
    collection(incremental, 0);
    cycle.kind = MEMREC_GC_FULL;
    cycle.reason = NAME("told at its end");
    cycle.duration_ns = 1234567;
    cycle.pause_ns = 345678;
    memrec_gc_cycle(heap, &cycle);
    memrec_gc_pause_begin(heap);
    memrec_gc_pause_end(heap);
}

/* 3 blocks of 1111 bytes and 2 freed, 2 objects of 222 and one freed, 2 overflows of 777, 5 pages touched. */
static void frame(int reset)
{
    char *pages = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memrec_frame_begin(stream);
    memrec_pool_state(arena, 4096, 8192);
    char *kept = block(1111);
    memrec_phase_begin(stream, NAME("logic"));
    free(block(1111));
    free(block(1111));
    memrec_phase_begin(stream, NAME("inner"));
    memrec_heap_alloc(heap, klass, objects[0], 222);
    memrec_heap_alloc(heap, klass, objects[1], 222);
    memrec_heap_free(heap, objects[1], 222);
    memrec_phase_end(stream, NAME("inner"));
    tell_collections();
    memrec_phase_end(stream, NAME("logic"));
    memrec_pool_overflow(arena, 777);
    memrec_pool_overflow(arena, 777);
    for (int page = 0; page < 5; page++)
        pages[page * 4096] = 1;
    if (reset)
        memrec_pool_reset(arena);
    memrec_frame_end(stream);
    memrec_heap_free(heap, objects[0], 222);
    munmap(pages, 5 * 4096);
    free(kept);
}

static void *elsewhere(void *span)
{
    memrec_span_enter(*(memrec_span_id *)span);
    free(block(50505));
    memrec_span_leave(*(memrec_span_id *)span);
    memrec_span_end(*(memrec_span_id *)span, MEMREC_CANCELLED);
    return NULL;
}

static void spans(void)
{
    memrec_span_id outer = memrec_span_begin(NAME("request"), NAME("GET /every"));
    memrec_span_id inner = memrec_span_begin(NAME("query"), 0);
    pthread_t thread;

    memrec_span_end(inner, MEMREC_FAILED);
    inner = memrec_span_begin_in(outer, NAME("job"), NAME("by another thread"));
    if (pthread_create(&thread, NULL, elsewhere, &inner) == 0)
        pthread_join(thread, NULL);
    sleep_ms(2);
    memrec_span_first_result(outer);
    memrec_span_items(outer, 17);
    memrec_span_items(outer, 4);
    memrec_span_progress(outer, 500, 1000);
    memrec_span_progress(outer, 300, 1000);
    memrec_span_progress(outer, 700, 1000);
    char *leaked = block(1 << 20);
    memrec_heap_alloc(heap, klass, objects[2], 333);
    free(block(20202));
    memrec_heap_free(heap, objects[2], 333);
    memrec_span_end(outer, MEMREC_OK);
    printf("%d kept\n", leaked[5]);
    memrec_span_end(memrec_span_begin(NAME("request"), NAME("later")), MEMREC_TIMED_OUT);
}

static void evals(void)
{
    memrec_eval_begin(NAME("(keep)"), heap, 70000);
    char *leaked = block(1 << 20);
    memrec_eval_end(70000, 0);
    printf("%d kept\n", leaked[5]);
    memrec_eval_begin(NAME("(+ 1 2)"), heap, 70001);
    memrec_eval_begin(NAME("nested"), heap, 70002);
    memrec_eval_end(70002, 0);
    free(block(30303));
    memrec_heap_alloc(heap, klass, objects[3], 444);
    tell_collections();
    memrec_heap_free(heap, objects[3], 444);
    memrec_eval_end(70123, 4567);
}

static void pools(void)
{
    static const char *const names[] = {"a slab", "an arena", "a tier", "a buffer", "connections"};

    for (uint32_t kind = 0; kind < 5; kind++) {
        memrec_pool_id pool =
            memrec_pool(names[kind], &(struct memrec_pool_facts){.kind = kind,
                                                                 .slot_bytes = 160 + kind,
                                                                 .capacity_bytes = 161616,
                                                                 .capacity_slots = 1010});
        memrec_pool_state(pool, 3000 + kind, 5000);
        slab = kind ? slab : pool;
    }
    memrec_pool_state(slab, 9009, 10010);
    memrec_pool_state(slab, 8008, 10010);
    memrec_pool_overflow(slab, 707);
    memrec_pool_wait(slab, 12345);
    memrec_pool_exhausted(slab);
    memrec_pool_exhausted(slab);
    memrec_pool_exhausted(slab);
    memrec_pool_slots(slab, (const uint64_t[]){0x1b}, 6); /* 1 1 0 1 1 0 */
}

static int tell_memory(void *context)
{
    (void)context;
    pulls++;
    memrec_heap_usage(heap, 60606, 808080, 77);
    memrec_retained(heap,
                    (const struct memrec_retained_row[]){{NAME("a binding"), 0, 4040, 44},
                                                         {NAME("a global"), 0, 5050, 55}},
                    2);
    if (pulls == 3)
        sleep_ms(80);
    return pulls == 2;
}

static int tell_classes(void *context)
{
    (void)context;
    class_pulls++;
    memrec_class_profile(heap, &(struct memrec_class_row){klass, 0, 31, 3100, 41, 4100}, 1);
    return 0;
}

static int collect(void *context)
{
    collections_asked += *(int *)context;
    return 0;
}

static size_t interpreter_stack(void *context, memrec_place_id *places, size_t max)
{
    if (max < 2)
        return 0;
    places[0] = memrec_place(NAME("inner_function"), NAME("script.every"), 42);
    places[1] = memrec_place(NAME("outer_function"), NAME("script.every"), 7);
    return context ? 2 : 0;
}

int main(void)
{
    struct memrec_status status = {.size = sizeof status};
    int one = 1;

    stream = memrec_stream("every stream", 5000000);
    heap = memrec_heap("every heap", 123456789, 3, 0);
    klass = memrec_class("EveryClass", "every.module");
    arena =
        memrec_pool("every arena", &(struct memrec_pool_facts){.kind = MEMREC_POOL_ARENA,
                                                               .reset_every = stream,
                                                               .capacity_bytes = 8192,
                                                               .capacity_slots = MEMREC_UNKNOWN});
    memrec_mark(NAME("before the experiment"));
    memrec_on_pull(MEMREC_PULL_MEMORY, 500, MEMREC_AT_SAFEPOINT, tell_memory, NULL);
    memrec_on_pull(MEMREC_PULL_CLASSES, 1000, 0, tell_classes, NULL);
    memrec_on_collect(collect, &one);

    sleep_ms(150); /* the recorder must have learned how long a millisecond is: for page faults */
    for (int i = 0; i < 4; i++)
        frame(i % 2);
    memrec_frame_begin(stream); /* ended by the next one's begin, which nothing ends */
    memrec_frame_begin(stream);
    spans();
    evals();
    pools();
    for (int i = 0; i < 12; i++)
        memrec_heap_alloc(heap, klass, objects[10 + i], 1 << 20);
    memrec_heap_move(heap, objects[10], objects[40]);
    memrec_heap_free(heap, objects[40], 1 << 20);
    memrec_stack_provider(interpreter_stack, &one, MEMREC_STACK_INSTEAD);
    char *interpreted = block(3 << 20);
    memrec_stack_provider(NULL, NULL, 0);
    tell_collections();
    free(interpreted);
    char *young = block(2 << 20);

    memrec_set_interval(8192);
    memrec_pause();
    sleep_ms(5);
    memrec_resume();
    for (int i = 0; i < 170; i++) {
        memrec_safepoint();
        sleep_ms(10);
    }
    memrec_flush();
    int told = memrec_status(&status);
    printf("collect %d, status %d, interval %llu, version %s, %d bytes young\n", memrec_collect(),
           told, (unsigned long long)status.interval_bytes, memrec_version() ? "known" : "none",
           young[7]);
    printf("recording %d, paused %u, pulled %d and %d, collections asked for %d\n",
           memrec_is_recording(), status.paused, pulls, class_pulls, collections_asked);
    return 0;
}
