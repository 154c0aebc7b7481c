/* SPDX-License-Identifier: Apache-2.0 */
/* teller.c -- a program to be killed while it tells: one thread frames and phases with names that keep being
 * new, another spans, a third managed objects and collections. What a call has told when it has returned is
 * counted in a shared file, so at any moment the file says how much the recorder must have.
 *
 *   teller FILE PAUSE_EVERY    never ends by itself
 *
 * FILE: native 64-bit counters: frames, spans, collections, names. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MEMREC_HEADER_ONLY
#include <memrec/memrec.h>

enum { FRAMES, SPANS, COLLECTIONS, NAMES, COUNTERS };

static _Atomic uint64_t *told;
static unsigned pause_every;

static void rest(uint64_t round)
{
    struct timespec pause = {0, 1000000};

    if (round % pause_every == 0) {
        nanosleep(&pause, NULL);
    }
}

static void *tell_frames(void *context)
{
    memrec_stream_id stream = memrec_stream("screen", 16666667);

    for (uint64_t i = 1;; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "phase %llu", (unsigned long long)i / 16);
        memrec_name_id phase = memrec_name(text, (size_t)length);

        if (phase && i % 16 == 0) {
            atomic_fetch_add(&told[NAMES], 1);
        }
        memrec_frame_begin(stream);
        atomic_fetch_add(&told[FRAMES], 1);
        memrec_phase_begin(stream, phase);
        memrec_phase_end(stream, phase);
        memrec_frame_end(stream);
        rest(i);
    }
    return context;
}

static void *tell_spans(void *context)
{
    memrec_name_id kind = memrec_name("request", 7);

    for (uint64_t i = 1;; i++) {
        memrec_span_id span = memrec_span_begin(kind, 0);

        atomic_fetch_add(&told[SPANS], span != 0);
        memrec_span_end(span, MEMREC_OK);
        rest(i);
    }
    return context;
}

static void *tell_objects(void *context)
{
    memrec_heap_id heap = memrec_heap("objects", MEMREC_UNKNOWN, 1, 0);
    memrec_class_id klass = memrec_class("object", NULL);
    struct memrec_gc gc = MEMREC_GC_INIT;
    char objects[64];

    for (uint64_t i = 1;; i++) {
        for (unsigned j = 0; j < sizeof objects; j++) {
            memrec_heap_alloc(heap, klass, &objects[j], 48);
        }
        memrec_gc_begin(heap, &gc);
        atomic_fetch_add(&told[COLLECTIONS], 1);
        for (unsigned j = 0; j < sizeof objects; j++) {
            memrec_heap_free(heap, &objects[j], 48);
        }
        memrec_gc_end(heap, &gc);
        rest(i);
    }
    return context;
}

int main(int count, char **arguments)
{
    static void *(*const tellers[])(void *) = {tell_frames, tell_spans, tell_objects};
    pthread_t thread;

    if (count != 3) {
        return 2;
    }
    pause_every = (unsigned)strtoul(arguments[2], NULL, 10);
    int file = open(arguments[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || pause_every == 0 || ftruncate(file, COUNTERS * sizeof *told) != 0) {
        return 2;
    }
    told = mmap(NULL, COUNTERS * sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (told == MAP_FAILED || !memrec_is_recording()) {
        return 3;
    }
    for (unsigned i = 0; i < sizeof tellers / sizeof tellers[0]; i++) {
        if (pthread_create(&thread, NULL, tellers[i], NULL) != 0) {
            return 2;
        }
    }
    pthread_join(thread, NULL);
    return 1;
}
