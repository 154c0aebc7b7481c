/* SPDX-License-Identifier: Apache-2.0 */
/* control.c -- control WHAT: calls of memrec.h that begin, end and steer a recording. See real/control.sh, which
 * knows what each must leave in the trace. Exit code 0: what the calls returned is as it should be. */
#define MEMREC_NO_SHORTCUTS
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

static int failures;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%d: not true: %s\n", __LINE__, #condition);                           \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static void *kept[4096];
static unsigned kept_count;

static void keep(size_t size, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        kept[kept_count++ % 4096] = malloc(size);
    }
}

static void drop_all(void)
{
    for (unsigned i = 0; i < kept_count && i < 4096; i++) {
        free(kept[i]);
    }
    kept_count = 0;
}

static struct memrec_status status(void)
{
    struct memrec_status now = {.size = sizeof now};

    EXPECT(memrec_status(&now) == 0);
    return now;
}

/* In full mode: ten blocks each before, in and after a pause. */
static void pauses(void)
{
    memrec_heap_id heap = memrec_heap("h", 0, 1, 0);
    memrec_stream_id stream = memrec_stream("s", 0);
    static char objects[64][16];

    EXPECT(memrec_is_recording() == 1 && status().paused == 0);
    keep(3001, 10);
    memrec_heap_alloc(heap, 0, objects[0], 3101);
    memrec_heap_alloc(heap, 0, objects[3], 3105);
    memrec_pause();
    memrec_pause();
    EXPECT(memrec_is_recording() == 1 && status().paused == 1);
    free(kept[0]);
    kept[0] = NULL;
    memrec_heap_free(heap, objects[0], 3101);
    memrec_heap_move(heap, objects[3], objects[4]);
    keep(3002, 10);
    memrec_heap_alloc(heap, 0, objects[1], 3102);
    memrec_frame_begin(stream);
    memrec_frame_end(stream);
    memrec_resume();
    memrec_resume();
    EXPECT(status().paused == 0);
    keep(3003, 10);
    memrec_heap_alloc(heap, 0, objects[2], 3103);
    memrec_frame_begin(stream);
    memrec_frame_end(stream);
    memrec_flush();
}

/* Sampled: the same bytes under the starting interval, a sixteenth, and 2^10 times it. */
static pthread_barrier_t barrier;

static void churn(size_t size, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += size) {
        void *volatile block = malloc(size);
        free(block);
    }
}

static void *other_thread(void *unused)
{
    churn(700, 1 << 20); /* it has a countdown of the long interval when that ends */
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    churn(701, 32 << 20);
    return unused;
}

static void intervals(void)
{
    pthread_t thread;

    EXPECT(status().interval_bytes == 65536);
    churn(500, 8 << 20);
    memrec_set_interval(4000);
    EXPECT(status().interval_bytes == 4096);
    churn(501, 1 << 20);
    memrec_set_interval(60 << 20);
    EXPECT(status().interval_bytes == 64 << 20);
    churn(502, 8 << 20);
    memrec_set_interval(1);
    EXPECT(status().interval_bytes == 1024);
    memrec_set_interval(UINT64_MAX);
    EXPECT(status().interval_bytes == UINT64_C(65536) << 30);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, other_thread, NULL);
    pthread_barrier_wait(&barrier);
    memrec_set_interval(65536);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    EXPECT(status().interval_bytes == 65536);
}

/* Without MEMREC_TRACE: nothing, a first trace, nothing, a second under the name the first has, a third under
 * the usual name. */
static void starts(void)
{
    char name[64];
    memrec_heap_id heap = memrec_heap("h", 0, 1, 0);
    static char object[16];

    EXPECT(memrec_is_recording() == 0);
    memrec_heap_alloc(heap, 0, object, 4000);
    memrec_pause();
    memrec_set_interval(1);
    memrec_flush();
    memrec_safepoint();
    EXPECT(status().recording == 0 && status().samples == 0);
    keep(2001, 10);
    EXPECT(memrec_start("/nowhere/at/all.zst") == -1 && memrec_is_recording() == 0);
    EXPECT(memrec_start("first.zst") == 0 && memrec_is_recording() == 1);
    EXPECT(memrec_start("other.zst") == 0);
    keep(2002, 10);
    drop_all();
    memrec_heap_alloc(heap, 0, object, 4001);
    memrec_stop();
    memrec_stop();
    EXPECT(memrec_is_recording() == 0 && status().written_bytes > 0);
    keep(2003, 10);
    memrec_heap_free(heap, object, 4001);
    EXPECT(memrec_start("first.zst") == 0);
    keep(2004, 10);
    memrec_heap_alloc(heap, 0, object, 4002);
    memrec_heap_free(heap, object, 4002);
    memrec_stop();
    snprintf(name, sizeof name, "memrec.%d.zst", getpid());
    EXPECT(access(name, F_OK) != 0);
    EXPECT(memrec_start(NULL) == 0 && access(name, F_OK) == 0);
    keep(2005, 10);
}

/* What a runtime's collector does when asked. */
static int collected;
static int collect(void *context)
{
    collected += *(int *)context;
    return 7;
}

static void collects(void)
{
    int step = 5;

    EXPECT(memrec_collect() == -1);
    memrec_on_collect(collect, &step);
    EXPECT(memrec_collect() == 7 && collected == 5);
    memrec_on_collect(NULL, NULL);
    EXPECT(memrec_collect() == -1 && collected == 5);
}

/* Pulls: kind 0 by a thread, kind 1 at safepoints. */
static _Atomic unsigned memory_runs, class_runs;
static _Atomic int result;
static pthread_t main_thread;

static int pull_memory(void *context)
{
    sigset_t blocked;

    EXPECT(context == &memory_runs && !pthread_equal(pthread_self(), main_thread));
    EXPECT(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 &&
           sigismember(&blocked, SIGUSR1) == 1);
    memory_runs++;
    free(malloc(100)); /* it is a thread as any other */
    memrec_heap_usage(1, 1000 + memory_runs, 2000, MEMREC_UNKNOWN);
    return result;
}

static int pull_classes(void *context)
{
    EXPECT(context == NULL && pthread_equal(pthread_self(), main_thread));
    class_runs++;
    memrec_safepoint(); /* comes back at once */
    usleep(60000);
    return 0;
}

static void run_until(unsigned memory, unsigned classes, unsigned at_most_ms)
{
    for (unsigned ms = 0; (memory_runs < memory || class_runs < classes) && ms < at_most_ms;
         ms += 10) {
        usleep(10000);
        memrec_safepoint();
    }
    EXPECT(memory_runs >= memory && class_runs >= classes);
}

static void pulls(void)
{
    main_thread = pthread_self();
    memrec_heap("h", 0, 1, 0);
    memrec_on_pull(MEMREC_PULL_MEMORY, 1, 0, pull_memory, &memory_runs); /* at least 500 ms */
    memrec_on_pull(MEMREC_PULL_CLASSES, 0, MEMREC_AT_SAFEPOINT, pull_classes, NULL);
    memrec_on_pull((enum memrec_pull)9, 0, 0, pull_classes, NULL); /* refused */
    run_until(2, 1, 3000); /* the first at once, the second half a second later */
    result = 1;
    run_until(3, 1, 3000);
    unsigned runs = memory_runs;
    usleep(700000);
    EXPECT(memory_runs == runs); /* it failed: not before a second has passed */
    result = 0;
    run_until(4, 1, 3000);
    memrec_on_pull(MEMREC_PULL_MEMORY, 0, 0, NULL, NULL);
    memrec_on_pull(MEMREC_PULL_CLASSES, 0, 0, NULL, NULL);
    runs = memory_runs;
    usleep(600000);
    EXPECT(memory_runs == runs && class_runs == 1);
}

/* A forked child has a pull thread of its own as soon as it has something to say. */
static int pull_in_child(void *context)
{
    (void)context;
    memory_runs++;
    memrec_heap_usage(1, (uint64_t)getpid(), 2000, MEMREC_UNKNOWN);
    return 0;
}

static void forks(void)
{
    memrec_heap_id heap = memrec_heap("h", 0, 1, 0);
    static char objects[8][16];
    int code;

    memrec_on_pull(MEMREC_PULL_MEMORY, 0, 0, pull_in_child, NULL);
    memrec_heap_alloc(heap, 0, objects[0], 4000);
    run_until(1, 0, 3000);
    pid_t child = fork();
    if (child == 0) {
        memory_runs = 0;
        memrec_heap_alloc(heap, 0, objects[1], 4001);
        memrec_heap_alloc(heap, 0, objects[2], 4002);
        memrec_heap_free(heap, objects[1], 4001);
        memrec_heap_free(heap, objects[0], 4000); /* the parent's: not in this trace */
        run_until(2, 0, 10000);                   /* the second begins: the first is told */
        exit(failures != 0);
    }
    EXPECT(waitpid(child, &code, 0) == child && code == 0);
    child = fork(); /* one that wants none, and one that begins anew elsewhere */
    if (child == 0) {
        memrec_stop();
        EXPECT(memrec_is_recording() == 0);
        memrec_heap_alloc(heap, 0, objects[3], 4003);
        EXPECT(memrec_start("grandchild.zst") == 0);
        memrec_heap_alloc(heap, 0, objects[4], 4004);
        exit(failures != 0);
    }
    EXPECT(waitpid(child, &code, 0) == child && code == 0);
    memrec_heap_free(heap, objects[0], 4000);
}

/* Calls in a signal handler that interrupts them all. */
static memrec_heap_id handled_heap;
static _Atomic unsigned interruptions;

static void handle(int signal_number)
{
    static char object[16];

    (void)signal_number;
    interruptions++;
    memrec_heap_alloc(handled_heap, 0, object, 40);
    memrec_heap_move(handled_heap, object, object + 1);
    memrec_heap_free(handled_heap, object + 1, 40);
    memrec_safepoint();
    memrec_status(&(struct memrec_status){.size = sizeof(struct memrec_status)});
    memrec_collect();
    memrec_is_recording();
}

static size_t provide(void *context, memrec_place_id *places, size_t max)
{
    (void)context;
    EXPECT(max >= 96);
    places[0] = memrec_place(memrec_name("inner", 5), memrec_name("a.lua", 5), 11);
    places[1] = memrec_place(memrec_name("outer", 5), memrec_name("a.lua", 5), 22);
    return 2;
}

static void signals(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 300}, {0, 300}};
    static char objects[4096][32];
    unsigned round;

    handled_heap = memrec_heap("h", 0, 1, 0);
    memrec_stack_provider(provide, NULL, MEMREC_STACK_ABOVE);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (round = 0; interruptions < 2000 && round < 2000; round++) {
        for (int i = 0; i < 4096; i++) {
            memrec_heap_alloc(handled_heap, 0, objects[i], 32);
        }
        for (int i = 0; i < 4096; i++) {
            memrec_heap_free(handled_heap, objects[i], 32);
        }
    }
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    EXPECT(interruptions > 100);
    EXPECT(status().refused_calls == 0);
    memrec_heap_alloc(0, 0, objects, 32);
    memrec_heap_free(99, objects, 32);
    memrec_heap_alloc(5, 0, objects, 32); /* not registered */
    memrec_heap_alloc(handled_heap, 0, objects, SIZE_MAX);
    EXPECT(status().refused_calls == 4);
}

/* In full mode, stacks with the interpreter's frames: sizes tell which is which. */
static unsigned depth_wanted;
static memrec_place_id deep[200];

static size_t provide_deep(void *context, memrec_place_id *places, size_t max)
{
    size_t count = depth_wanted < max ? depth_wanted : max;

    (void)context;
    memcpy(places, deep, count * sizeof *places);
    return count;
}

static __attribute__((noinline)) void native(size_t size)
{
    keep(size, 1);
    __asm__ volatile("");
}

static void provides(void)
{
    char name[16];
    memrec_heap_id heap = memrec_heap("h", 0, 1, 0);
    static char object[3][16];

    for (int i = 0; i < 200; i++) {
        deep[i] = memrec_place(memrec_name(name, (size_t)snprintf(name, sizeof name, "f%d", i)),
                               memrec_name("a.lua", 5), (unsigned)i);
    }
    native(6001);
    memrec_stack_provider(provide, NULL, MEMREC_STACK_ABOVE);
    native(6002);
    memrec_heap_alloc(heap, 0, object[0], 6003);
    memrec_stack_provider(provide, NULL, MEMREC_STACK_INSTEAD);
    native(6004);
    memrec_heap_alloc(heap, 0, object[1], 6005);
    memrec_stack_provider(provide_deep, NULL, MEMREC_STACK_INSTEAD);
    native(6006); /* it has none */
    depth_wanted = 200;
    native(6007);
    memrec_stack_provider(provide_deep, NULL, MEMREC_STACK_ABOVE);
    native(6008);
    memrec_stack_provider(NULL, NULL, 0);
    native(6009);
    volatile int rounds = 3;           /* so that the loop keeps one call of each */
    for (int i = 0; i < rounds; i++) { /* known stacks are known with these frames, too */
        memrec_stack_provider(provide, NULL, MEMREC_STACK_ABOVE);
        native(6010);
        memrec_stack_provider(NULL, NULL, 0);
        native(6011);
    }
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } all[] = {{"pauses", pauses},     {"intervals", intervals}, {"starts", starts},
               {"collects", collects}, {"pulls", pulls},         {"forks", forks},
               {"signals", signals},   {"provides", provides}};

    alarm(60);
    for (size_t i = 0; count == 2 && i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(arguments[1], all[i].name) == 0) {
            all[i].run();
            return failures != 0;
        }
    }
    return 2;
}
