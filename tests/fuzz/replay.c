/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c -- a fuzz target without a fuzzer: traces made from text (*.trace), whole and as bare payloads, and any other
 * files as they are; each also with random changes. Deterministic.
 *
 *   replay ROUNDS FILE...                                                                          */
#include "mktrace.h"

#include "schema/trace_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 1;

static uint64_t next_random(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? state % below : 0;
}

/* One to four changes of the kinds that break decoders; returns the new size. */
static size_t change(uint8_t *bytes, size_t size, size_t capacity)
{
    static const uint8_t nasty[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0x10, 0x40};

    for (uint64_t changes = 1 + next_random(4); changes > 0 && size > 0; changes--) {
        size_t at = (size_t)next_random(size);
        size_t length = 1 + (size_t)next_random(10);

        switch (next_random(5)) {
        case 0:
            bytes[at] ^= (uint8_t)(1 << next_random(8));
            break;
        case 1:
            bytes[at] = nasty[next_random(sizeof nasty)];
            break;
        case 2: /* a huge integer */
            length = length < size - at ? length : size - at;
            memset(bytes + at, 0xff, length);
            break;
        case 3: /* bytes vanish */
            length = length < size - at ? length : size - at;
            memmove(bytes + at, bytes + at + length, size - at - length);
            size -= length;
            break;
        case 4: /* bytes appear */
            if (size + length <= capacity) {
                memmove(bytes + at + length, bytes + at, size - at);
                size += length;
            }
            break;
        }
    }
    return size;
}

static void run_changed(const uint8_t *seed, size_t size, uint64_t rounds)
{
    size_t capacity = size + 64;
    uint8_t *bytes = malloc(capacity);

    if (!bytes) {
        abort();
    }
    LLVMFuzzerTestOneInput(seed, size);
    for (uint64_t i = 0; i < rounds; i++) {
        memcpy(bytes, seed, size);
        LLVMFuzzerTestOneInput(bytes, change(bytes, size, capacity));
    }
    free(bytes);
}

static void run_trace(const uint8_t *bytes, size_t size, uint64_t rounds)
{
    run_changed(bytes, size, rounds);
    for (size_t at = 0; at + MR_BLOCK_HEADER_BYTES <= size;) {
        struct mr_block_header header;

        memcpy(&header, bytes + at, sizeof header);
        if (header.skippable_magic != MR_SKIPPABLE_MAGIC ||
            header.payload_bytes > MR_PAYLOAD_BYTES_MAX ||
            header.frame_bytes > size - at - sizeof header) {
            return; /* damaged on purpose */
        }
        uint8_t *payload = malloc(header.payload_bytes + 1);
        if (!payload ||
            ZSTD_isError(ZSTD_decompress(payload, header.payload_bytes, bytes + at + sizeof header,
                                         header.frame_bytes))) {
            free(payload);
            return;
        }
        run_changed(payload, header.payload_bytes, rounds);
        free(payload);
        at += sizeof header + header.frame_bytes;
    }
}

/* A file that is no text of a trace: its bytes are the input. */
static bool run_file(FILE *in, uint64_t rounds)
{
    static uint8_t bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, in);

    run_changed(bytes, size, rounds);
    return size > 0;
}

static bool is_trace_text(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && strcmp(dot, ".trace") == 0;
}

int main(int argc, char **argv)
{
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    int traces = 0;

    for (int i = 2; i < argc; i++) {
        char text[1 << 16] = "";
        FILE *in = fopen(argv[i], "r");
        uint8_t *bytes;
        size_t size;

        if (in && !is_trace_text(argv[i])) {
            traces += run_file(in, rounds);
            fclose(in);
            continue;
        }
        if (!in || fread(text, 1, sizeof text - 1, in) == 0 ||
            !mktrace(argv[i], text, &bytes, &size)) {
            return 1;
        }
        fclose(in);
        run_trace(bytes, size, rounds);
        free(bytes);
        traces++;
    }
    printf("%d files, %llu changes of each, and of the payloads of traces\n", traces,
           (unsigned long long)rounds);
    return traces ? 0 : 1;
}
