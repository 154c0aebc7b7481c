/* SPDX-License-Identifier: Apache-2.0 */
/* inference.c -- a small transformer that really computes, and tells the recorder the loading of its weights, each
 * request with its first token and its tokens, and the pool of blocks that hold keys and values.
 *
 *   inference [requests] [tokens] [blocks]      default: 12 requests of up to 200 tokens, four at a time; 20 blocks
 *
 * The weights are noise, so it babbles; but it babbles the same each time. When there is no block left for keys and
 * values, the youngest request is cancelled, gives its blocks back and starts over once another is done.
 *
 * Build: cc inference.c -lm $(pkg-config --cflags --libs memrec), or cc -DMEMREC_HEADER_ONLY inference.c -lm */
#include <math.h>
#include <memrec/memrec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 64,
    LAYERS = 2,
    LETTERS = 28,
    AT_ONCE = 4,
    BLOCK_TOKENS = 16,
    BLOCKS_MAX = 64,
    BLOCKS_EACH = 64
};

struct layer {
    float query[WIDTH][WIDTH], key[WIDTH][WIDTH], value[WIDTH][WIDTH], mix[WIDTH][WIDTH];
};
struct block { /* keys and values of 16 tokens */
    float key[LAYERS][BLOCK_TOKENS][WIDTH], value[LAYERS][BLOCK_TOKENS][WIDTH];
};
struct request {
    memrec_span_id span;
    struct block *blocks[BLOCKS_EACH];
    int number, position, length, letter; /* length: tokens it wants; 0: the place is free */
    int running;                          /* 0: was cancelled and waits */
    unsigned sum;
};

static struct layer *layers[LAYERS];
static float embedding[LETTERS][WIDTH];
static struct block *pool_blocks;
static int block_count = 20;
static uint64_t pool_bits; /* bit i: block i is taken */
static memrec_pool_id pool;

/* Fills it with noise of about +-1/8, from a file it would be read. */
static void load_matrix(float *matrix, int count)
{
    static unsigned seed = 1;

    for (int i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        matrix[i] = ((float)(seed >> 16) / 65536 - 0.5f) / 3;
    }
}

static void load_model(void)
{
    memrec_span_id span = memrec_span_begin(memrec_name("load", 4), memrec_name("babble-64", 9));

    load_matrix(&embedding[0][0], LETTERS * WIDTH);
    for (int i = 0; i < LAYERS; i++) {
        if (!(layers[i] = malloc(sizeof *layers[i])))
            abort();
        load_matrix(&layers[i]->query[0][0], 4 * WIDTH * WIDTH);
        memrec_span_progress(span, (uint64_t)i + 1, LAYERS);
    }
    memrec_span_end(span, MEMREC_OK);
}

static void multiply(float matrix[WIDTH][WIDTH], const float *in, float *out)
{
    for (int row = 0; row < WIDTH; row++) {
        out[row] = 0;
        for (int i = 0; i < WIDTH; i++)
            out[row] += matrix[row][i] * in[i];
    }
}

static void told(void)
{
    memrec_pool_state(pool, (uint64_t)__builtin_popcountll(pool_bits) * sizeof(struct block),
                      (size_t)block_count * sizeof(struct block));
}

/* A free block, or NULL. */
static struct block *take_block(void)
{
    for (int i = 0; i < block_count; i++)
        if (!(pool_bits >> i & 1)) {
            pool_bits |= UINT64_C(1) << i;
            told();
            return &pool_blocks[i];
        }
    memrec_pool_exhausted(pool);
    return NULL;
}

/* Computes the next letter of a request from the one before. 0: there is no block for it. */
static int step(struct request *r)
{
    float x[WIDTH], query[WIDTH], sum[WIDTH], mixed[WIDTH], best = -INFINITY;
    int slot = r->position % BLOCK_TOKENS, here = r->position / BLOCK_TOKENS;

    if (slot == 0 && !r->blocks[here] && !(r->blocks[here] = take_block()))
        return 0;
    memcpy(x, embedding[r->letter], sizeof x);
    for (int l = 0; l < LAYERS; l++) {
        float total = 0;

        multiply(layers[l]->query, x, query);
        multiply(layers[l]->key, x, r->blocks[here]->key[l][slot]);
        multiply(layers[l]->value, x, r->blocks[here]->value[l][slot]);
        memset(sum, 0, sizeof sum);
        for (int p = 0; p <= r->position; p++) {
            struct block *block = r->blocks[p / BLOCK_TOKENS];
            float score = 0;

            for (int i = 0; i < WIDTH; i++)
                score += query[i] * block->key[l][p % BLOCK_TOKENS][i];
            total += score = expf(score + 0.01f * (float)(p % 7));
            for (int i = 0; i < WIDTH; i++)
                sum[i] += score * block->value[l][p % BLOCK_TOKENS][i];
        }
        multiply(layers[l]->mix, sum, mixed);
        for (int i = 0; i < WIDTH; i++)
            x[i] += mixed[i] / total;
    }
    int last = r->letter;
    for (int letter = 0; letter < LETTERS; letter++) {
        float score = letter == last ? -1 : 0.001f * (float)((r->position * 7 + letter) % 11);

        for (int i = 0; i < WIDTH; i++)
            score += x[i] * embedding[letter][i];
        if (score > best) {
            best = score;
            r->letter = letter;
        }
    }
    r->sum = r->sum * 31 + (unsigned)r->letter;
    r->position++;
    return 1;
}

/* Gives back what it holds and ends its span. */
static void end_request(struct request *r, enum memrec_end end)
{
    for (int i = 0; i < BLOCKS_EACH && r->blocks[i]; i++)
        pool_bits &= ~(UINT64_C(1) << (r->blocks[i] - pool_blocks));
    told();
    memrec_pool_slots(pool, &pool_bits, (uint64_t)block_count);
    memrec_span_end(r->span, end);
    memset(r->blocks, 0, sizeof r->blocks);
    r->running = 0;
}

static void begin_request(struct request *r)
{
    r->span = memrec_span_begin_in(0, memrec_name("inference", 9), memrec_name("babble-64", 9));
    r->letter = r->number % LETTERS;
    r->position = 0;
    r->sum = 0;
    r->running = 1;
}

/* Whoever is left can go on: all blocks are enough for the longest request. */
static void cancel_youngest(struct request *places)
{
    struct request *youngest = NULL;

    for (struct request *r = places; r < places + AT_ONCE; r++)
        if (r->running && (!youngest || r->number > youngest->number))
            youngest = r;
    end_request(youngest, MEMREC_CANCELLED);
}

int main(int argc, char **argv)
{
    int requests = argc > 1 ? atoi(argv[1]) : 12, tokens = argc > 2 ? atoi(argv[2]) : 200, next = 0;
    struct request places[AT_ONCE] = {{0}};

    block_count = argc > 3 ? atoi(argv[3]) : block_count;
    if (block_count < 1 || block_count > BLOCKS_MAX || tokens < 4 ||
        tokens > block_count * BLOCK_TOKENS)
        return 2;
    pool_blocks = malloc((size_t)block_count * sizeof *pool_blocks);
    pool = memrec_pool("kv", &(struct memrec_pool_facts){
                                 .kind = MEMREC_POOL_SLAB,
                                 .slot_bytes = sizeof(struct block),
                                 .capacity_bytes = (size_t)block_count * sizeof(struct block),
                                 .capacity_slots = (uint64_t)block_count,
                             });
    load_model();
    for (int ended = 0, may_start = 1; ended < requests;) {
        for (struct request *r = places; r < places + AT_ONCE; r++) {
            if (!r->length && next < requests) {
                r->number = ++next;
                r->length = tokens / 4 + next * 37 % (tokens - tokens / 4);
                begin_request(r);
            } else if (r->length && !r->running && may_start) {
                begin_request(r);
            }
            if (!r->running)
                continue;
            memrec_span_enter(r->span);
            int done = step(r);
            if (done) {
                memrec_span_first_result(r->span);
                memrec_span_items(r->span, 1);
            }
            memrec_span_leave(r->span);
            if (!done) {
                cancel_youngest(places);
                may_start = 0;
            } else if (r->position == r->length) {
                end_request(r, MEMREC_OK);
                printf("request %d: %d tokens, %08x\n", r->number, r->position, r->sum);
                r->length = 0;
                may_start = 1;
                ended++;
            }
        }
    }
    return 0;
}
