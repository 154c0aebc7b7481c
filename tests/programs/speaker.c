/* SPDX-License-Identifier: Apache-2.0 */
/* speaker.c -- a program to be killed while it tells: one frame after the other, each with a phase whose name
 * is new, a span and a collection. After each round it counts it in a shared file, so at any moment the file says
 * how much the recorder must have published.
 *
 *   speaker FILE PAUSE_EVERY    never ends by itself */
#define MEMREC_HEADER_ONLY
#include <fcntl.h>
#include <memrec/memrec.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    struct timespec pause = {0, 1000000};

    if (count != 3) {
        return 2;
    }
    unsigned long pause_every = strtoul(arguments[2], NULL, 10);
    int file = open(arguments[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || pause_every == 0 || ftruncate(file, sizeof(uint64_t)) != 0) {
        return 2;
    }
    _Atomic uint64_t *progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (progress == MAP_FAILED) {
        return 2;
    }
    memrec_stream_id stream = memrec_stream("rounds", 0);
    memrec_heap_id heap = memrec_heap("heap", MEMREC_UNKNOWN, 1);
    memrec_name_id kind = memrec_name("round", 5);
    for (uint64_t i = 1;; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "phase %llu", (unsigned long long)i);
        memrec_name_id phase = memrec_name(text, (size_t)length);
        struct memrec_gc gc = MEMREC_GC_INIT;

        memrec_frame_begin(stream);
        memrec_phase_begin(stream, phase);
        memrec_span_id span = memrec_span_begin(kind, phase);
        memrec_heap_alloc(heap, 0, &pause, 64);
        memrec_heap_free(heap, &pause, 64);
        gc.used_before_bytes = 2 * i;
        memrec_gc_begin(heap, &gc);
        gc.used_after_bytes = i;
        memrec_gc_end(heap, &gc);
        memrec_span_end(span, MEMREC_OK);
        memrec_phase_end(stream, phase);
        memrec_frame_end(stream);
        atomic_store(progress, i);
        if (i % pause_every == 0) {
            nanosleep(&pause, NULL);
        }
    }
}
