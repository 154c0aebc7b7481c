/* SPDX-License-Identifier: Apache-2.0 */
/* game.c -- a game loop that tells the recorder its frames, their phases and its scratch arena.
 *
 *   game [frames] [forget] [fast] [arena=BYTES]      default: 300 frames, 60 a second, 64 KiB
 *
 * Bodies drift through a box. `logic` lists the pairs that touch, `render` what is to be drawn: both lists live
 * in an arena that is reset at the end of each frame. When the bodies crowd the arena is too small, and malloc
 * steps in. Every 100th frame makes a landscape and misses its budget.
 *
 *   forget   the reset is forgotten: `memanalyze report pools` says so
 *   fast     does not wait for the next sixtieth of a second
 *   arena    how large the arena is: `memanalyze report capacity_config` says how large it should be
 *
 * Build: cc game.c $(pkg-config --cflags --libs memrec), or cc -DMEMREC_HEADER_ONLY game.c */
#include <memrec/memrec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BODIES = 1200,
    WIDTH = 320,
    HEIGHT = 200,
    TOUCH = 3,
    ARENA_BYTES = 64 << 10,
    /* unless told */ LAND = 1024
};
#define FRAME_NS 16666667

struct body {
    unsigned x, y, dx, dy; /* 1/256 of a pixel */
};
struct pair {
    struct pair *next;
    struct body *a, *b;
};

static struct body bodies[BODIES];
static unsigned char screen[HEIGHT][WIDTH];
static char *arena;
static size_t arena_bytes = ARENA_BYTES, arena_used;
static void **spilled; /* each block that went to malloc points to the one before */
static memrec_pool_id scratch_pool;

static void *scratch(size_t bytes)
{
    bytes = (bytes + 15) & ~(size_t)15;
    if (arena_used + bytes > arena_bytes) {
        void **block = malloc(16 + bytes);

        if (!block)
            abort();
        memrec_pool_overflow(scratch_pool, bytes);
        *block = spilled;
        spilled = block;
        return block + 2;
    }
    arena_used += bytes;
    memrec_pool_state(scratch_pool, arena_used, arena_bytes);
    return arena + arena_used - bytes;
}

static void scratch_end(int forget)
{
    while (spilled) {
        void **block = spilled;

        spilled = *block;
        free(block);
    }
    if (!forget) {
        arena_used = 0;
        memrec_pool_reset(scratch_pool);
    }
}

/* Moves everything. What touches swaps its speed; for 20 frames of 60 the bodies are four times as wide. */
static unsigned logic(int frame)
{
    int reach = (frame % 60 < 20 ? 4 : 1) * TOUCH * 256;
    struct pair *pairs = NULL;
    unsigned count = 0;

    for (struct body *a = bodies; a < bodies + BODIES; a++) {
        a->x = (a->x + a->dx) % (WIDTH * 256);
        a->y = (a->y + a->dy) % (HEIGHT * 256);
        for (struct body *b = bodies; b < a; b++) {
            if (abs((int)(a->x - b->x)) < reach && abs((int)(a->y - b->y)) < reach) {
                struct pair *pair = scratch(sizeof *pair);

                *pair = (struct pair){pairs, a, b};
                pairs = pair;
            }
        }
    }
    for (; pairs; pairs = pairs->next, count++) {
        unsigned dx = pairs->a->dx;

        pairs->a->dx = pairs->b->dx;
        pairs->b->dx = dx;
    }
    return count;
}

/* Draws the bodies from the back to the front; returns a checksum of the picture. */
static unsigned render(void)
{
    struct body **list = scratch(BODIES * sizeof *list);
    unsigned count = 0, sum = 0;

    for (unsigned depth = 8; depth-- > 0;)
        for (unsigned i = 0; i < BODIES; i++)
            if (bodies[i].dy % 8 == depth)
                list[count++] = &bodies[i];
    memset(screen, 0, sizeof screen);
    for (unsigned i = 0; i < count; i++)
        memset(&screen[list[i]->y / 256][list[i]->x / 256 % (WIDTH - TOUCH)], (int)i, TOUCH);
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        sum = sum * 31 + screen[i / WIDTH][i % WIDTH];
    return sum;
}

/* Smooths noise until it is hills: some 100 ms of work. */
static unsigned make_landscape(unsigned seed)
{
    unsigned *height = malloc(sizeof *height * LAND * LAND);

    if (!height)
        abort();
    for (int i = 0; i < LAND * LAND; i++)
        height[i] = (seed = seed * 1664525 + 1013904223) >> 8;
    for (int pass = 0; pass < 80; pass++)
        for (int i = LAND; i < LAND * LAND - LAND; i++)
            height[i] = (height[i - 1] + height[i + 1] + height[i - LAND] + height[i + LAND]) / 4;
    seed = height[LAND * LAND / 2];
    free(height);
    return seed;
}

int main(int argc, char **argv)
{
    int frames = argc > 1 ? atoi(argv[1]) : 300, forget = 0, fast = 0;
    unsigned picture = 0, touches = 0, seed = 1;
    struct timespec next;

    for (int i = 2; i < argc; i++) {
        forget |= !strcmp(argv[i], "forget");
        fast |= !strcmp(argv[i], "fast");
        if (!strncmp(argv[i], "arena=", 6))
            arena_bytes = strtoul(argv[i] + 6, NULL, 10);
    }
    if (!(arena = malloc(arena_bytes)))
        abort();

    memrec_stream_id stream = memrec_stream("screen", FRAME_NS);
    memrec_name_id in_logic = memrec_name("logic", 5), in_render = memrec_name("render", 6);
    scratch_pool =
        memrec_pool("scratch", &(struct memrec_pool_facts){.kind = MEMREC_POOL_ARENA,
                                                           .reset_every = stream,
                                                           .capacity_bytes = arena_bytes,
                                                           .capacity_slots = MEMREC_UNKNOWN});
    for (int i = 0; i < BODIES; i++) {
        bodies[i] = (struct body){seed >> 15, seed >> 14, seed >> 23, seed >> 22 & 511};
        seed = seed * 1664525 + 1013904223;
    }
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (int frame = 1; frame <= frames; frame++) {
        memrec_frame_begin(stream);
        memrec_phase_begin(stream, in_logic);
        touches += logic(frame);
        if (frame % 100 == 0)
            picture ^= make_landscape((unsigned)frame);
        memrec_phase_end(stream, in_logic);
        memrec_phase_begin(stream, in_render);
        picture = picture * 31 + render();
        memrec_phase_end(stream, in_render);
        scratch_end(forget);
        memrec_frame_end(stream);
        next.tv_nsec += FRAME_NS;
        if (next.tv_nsec >= 1000000000) {
            next.tv_nsec -= 1000000000;
            next.tv_sec++;
        }
        if (!fast)
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    printf("%d frames, %u touches, picture %08x\n", frames, touches, picture);
    return 0;
}
