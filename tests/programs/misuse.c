/* SPDX-License-Identifier: Apache-2.0 */
/* misuse.c -- calls of memrec.h as nobody should make them, for misuse.sh: nothing may crash, and what was wrong is
 * counted. What it says does not depend on being recorded. */
#include <memrec/memrec.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME(text) memrec_name(text, sizeof(text) - 1)

static memrec_stream_id stream;
static memrec_heap_id heap;
static memrec_pool_id pool;
static struct memrec_gc gc = MEMREC_GC_INIT;
static _Atomic unsigned interrupted;

/* Ends without begins, begins inside themselves, everything ended twice. */
static void pairs(void)
{
    memrec_frame_end(stream);
    memrec_phase_end(stream, NAME("never begun"));
    memrec_eval_end(1, 2);
    memrec_gc_end(heap, &gc);
    memrec_gc_pause_end(heap);
    memrec_span_end(123456789, MEMREC_OK);
    memrec_resume();
    for (int i = 0; i < 2; i++) {
        memrec_frame_begin(stream);
        memrec_phase_begin(stream, NAME("twice"));
        memrec_eval_begin(NAME("nested"), heap, 0);
        memrec_gc_begin(heap, &gc);
        memrec_gc_pause_begin(heap);
    }
    for (int i = 0; i < 3; i++) {
        memrec_gc_pause_end(heap);
        memrec_gc_end(heap, &gc);
        memrec_eval_end(0, 0);
        memrec_phase_end(stream, NAME("twice"));
        memrec_frame_end(stream);
    }
    memrec_span_id span = memrec_span_begin(0, 0);
    memrec_span_end(span, MEMREC_OK);
    memrec_span_end(span, MEMREC_OK);
    memrec_span_first_result(span);
    memrec_span_items(span, 1);
    memrec_span_leave(span);
    memrec_span_end(span, (enum memrec_end)99);
    memrec_frame_begin(stream); /* its end comes from another thread */
}

/* Ids nobody gave out. */
static void strangers(void)
{
    static const unsigned ids[] = {0, 7777777, UINT32_MAX};
    struct memrec_gc strange = {.kind = 99, .flags = ~0u, .reason = 99999, .reserved = 1};

    for (int i = 0; i < 3; i++) {
        unsigned id = ids[i];

        memrec_mark(id);
        memrec_frame_begin(id);
        memrec_frame_end(id);
        memrec_phase_begin(id, id);
        memrec_phase_end(id, id);
        memrec_eval_begin(id, id, MEMREC_UNKNOWN);
        memrec_eval_end(MEMREC_UNKNOWN, MEMREC_UNKNOWN);
        memrec_span_end(memrec_span_begin(id, id), MEMREC_OK);
        memrec_span_end(memrec_span_begin_in(id, id, id), MEMREC_OK);
        memrec_span_enter(id);
        memrec_span_leave(id);
        memrec_span_progress(id, MEMREC_UNKNOWN, MEMREC_UNKNOWN);
        memrec_gc_begin(id, &strange);
        memrec_gc_end(id, &strange);
        memrec_gc_cycle(id, &strange);
        memrec_gc_pause_begin(id);
        memrec_gc_pause_end(id);
        memrec_gc_survivors(id, id, &(uint64_t){1}, NULL, 1);
        memrec_heap_usage(id, 1, 2, 3);
        memrec_heap_alloc(id, id, &id, 1 << 20);
        memrec_heap_free(id, &id, 1 << 20);
        memrec_heap_move(id, &id, &strange);
        memrec_pool_state(id, 1, 2);
        memrec_pool_overflow(id, 1);
        memrec_pool_wait(id, 1);
        memrec_pool_exhausted(id);
        memrec_pool_reset(id);
        memrec_pool_slots(id, &(uint64_t){1}, 1);
        memrec_class_profile(id, &(struct memrec_class_row){.klass = id}, 1);
        memrec_retained(id, &(struct memrec_retained_row){.root = id}, 1);
    }
    memrec_gc_begin(heap, &strange);
    memrec_gc_end(heap, &strange);
    memrec_gc_survivors(heap, 0, NULL, NULL, 0);
    memrec_class_profile(heap, NULL, 0);
    memrec_retained(heap, NULL, 0);
    memrec_pool_slots(pool, NULL, 0);
    memrec_heap_free(heap, &strange, 12345);
    memrec_heap_move(heap, &strange, &gc);
}

/* Registers more than there is room for. How many find some depends on what was told before. */
static void fill(const char *what, unsigned count, uint32_t (*make)(const char *name, unsigned i))
{
    unsigned made = 0;
    char name[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s %u", what, i);
        made += make(name, i) != 0;
    }
    printf("%s: %s\n", what, made == count ? "all" : "not all");
}

static uint32_t make_stream(const char *name, unsigned i) { return memrec_stream(name, i); }
static uint32_t make_heap(const char *name, unsigned i) { return memrec_heap(name, i, i, 0); }
static uint32_t make_class(const char *name, unsigned i)
{
    return memrec_class(name, i ? name : NULL);
}
static uint32_t make_name(const char *name, unsigned i)
{
    (void)i;
    return memrec_name(name, strlen(name));
}
static uint32_t make_place(const char *name, unsigned i)
{
    (void)name;
    return memrec_place(1, 1, i);
}
static uint32_t make_pool(const char *name, unsigned i)
{
    return memrec_pool(name, &(struct memrec_pool_facts){.kind = i, .reset_every = i});
}

static void tell_a_little(unsigned i)
{
    char name[24];

    memrec_frame_begin(stream);
    memrec_span_id span = memrec_span_begin(NAME("from anywhere"), 0);
    memrec_eval_begin(memrec_name(name, (size_t)snprintf(name, sizeof name, "label %u", i % 64)),
                      heap, i);
    memrec_heap_alloc(heap, 0, &interrupted, 100);
    memrec_pool_state(pool, i, i);
    memrec_pool_overflow(pool, 1);
    memrec_eval_end(i, i);
    memrec_span_end(span, MEMREC_OK);
    memrec_frame_end(stream);
}

static void on_signal(int number)
{
    (void)number;
    tell_a_little(atomic_fetch_add(&interrupted, 1));
}

static void *worker(void *argument)
{
    if (argument)
        memrec_frame_end(stream);
    for (unsigned i = 0; i < 3000; i++) {
        tell_a_little(i);
        free(malloc(i));
    }
    return NULL;
}

/* A timer that interrupts malloc, the recorder and the calls themselves. */
static void interrupt(void)
{
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};

    signal(SIGALRM, on_signal);
    setitimer(ITIMER_REAL, &often, NULL);
    for (unsigned i = 0; atomic_load(&interrupted) < 500; i++) {
        free(malloc(i % 5000));
        tell_a_little(i);
    }
    setitimer(ITIMER_REAL, &never, NULL);
}

__attribute__((constructor(101))) static void before_main(void)
{
    tell_a_little(0); /* ids are still 0 */
    memrec_mark(NAME("before main"));
}

static void at_exit(void) { tell_a_little(1); }

int main(void)
{
    pthread_t threads[8];

    atexit(at_exit);
    stream = memrec_stream("stream", 1000);
    heap = memrec_heap("heap", MEMREC_UNKNOWN, 0, 0);
    pool = memrec_pool("pool", &(struct memrec_pool_facts){.kind = 77, .reset_every = 77});
    printf("stream %d, heap %d, pool %d; again %d\n", stream != 0, heap != 0, pool != 0,
           stream == memrec_stream("stream", 1000));
    static char longest[100000] = "long";
    printf("names: of no bytes %u, cut %d, not text %d\n", memrec_name("", 0),
           memrec_name(longest, sizeof longest) == memrec_name(longest, MEMREC_NAME_BYTES_MAX),
           memrec_name("\xff\0\x80", 3) != 0);
    pairs();
    strangers();
    for (uintptr_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, worker, i ? NULL : (void *)1);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    interrupt();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        tell_a_little(2);
        memrec_frame_end(stream);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    fill("streams", 70, make_stream);
    fill("heaps", 12, make_heap);
    fill("pools", 1100, make_pool);
    fill("classes", 66000, make_class);
    fill("places", (1 << 17) + 1000, make_place);
    fill("names", (1 << 17) + 1000, make_name);
    memrec_flush();
    memrec_stop();
    pairs();
    strangers();
    memrec_stop();
    puts("done");
    return 0;
}
