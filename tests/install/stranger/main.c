/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- allocates 64 MiB in small blocks, frees them, and says so. With WITH_MEMREC each sixteenth of the
 * work is a span and a frame, and it fails when it is recorded by another version than it was built for, or is
 * not recorded although it is linked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_MEMREC
#include <memrec/memrec.h>
#else
#define memrec_frame_begin(stream)
#define memrec_frame_end(stream)
#endif

static int allocate(void)
{
    for (int round = 0; round < 4096; round++) {
        char *block = (char *)malloc(1024);

        if (!block) {
            return 1;
        }
        memset(block, round, 1024);
        free(block);
    }
    return 0;
}

int main(void)
{
    int status = 0;

#ifdef WITH_MEMREC
    char version[32];

    snprintf(version, sizeof version, "%d.%d.%d", MEMREC_VERSION_MAJOR, MEMREC_VERSION_MINOR,
             MEMREC_VERSION_PATCH);
    if (memrec_version() && strcmp(memrec_version(), version) != 0) {
        return 1;
    }
#ifndef MEMREC_HEADER_ONLY
    if (!memrec_is_recording()) {
        return 1;
    }
#endif
    memrec_stream_id stream = memrec_stream("work", 1000000);
    memrec_name_id kind = memrec_name("part", 4);
#endif
    for (int part = 0; part < 16; part++) {
#ifdef WITH_MEMREC
        memrec_span_id span = memrec_span_begin(kind, 0);
#endif
        memrec_frame_begin(stream);
        status |= allocate();
        memrec_frame_end(stream);
#ifdef WITH_MEMREC
        memrec_span_end(span, MEMREC_OK);
#endif
    }
    puts("done");
    return status;
}
