/* SPDX-License-Identifier: Apache-2.0 */
/* voice_contexts.c -- in what a sample was born: equal contexts are one, with a number that fits beside the
 * block, and gone with the last block of theirs. */
#include "voice_state.h"

enum { NO_CONTEXT = 0, SURVIVED_MAX = 127 };

static uint32_t bucket_of(const struct voice *voice, const struct voice_context *context)
{
    const uint64_t parts[] = {(uint64_t)context->gc, (uint64_t)context->frame,
                              (uint64_t)context->eval, (uint64_t)(uintptr_t)context->span,
                              (uint64_t)context->heap << 32 | context->class};
    uint64_t hash = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        hash = (hash ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return (uint32_t)hash & (voice->context_bucket_count - 1);
}

static bool equal(const struct voice_context *l, const struct voice_context *r)
{
    return l->gc == r->gc && l->frame == r->frame && l->eval == r->eval && l->span == r->span &&
           l->heap == r->heap && l->class == r->class;
}

/* As many buckets as contexts, about. */
static status reserve_buckets(struct voice *voice)
{
    if (voice->contexts_used < voice->context_bucket_count) {
        return OK;
    }
    uint32_t count = voice->context_bucket_count ? 2 * voice->context_bucket_count : 256;
    uint32_t *buckets = calloc(count, sizeof *buckets);
    if (!buckets) {
        return voice_no_memory();
    }
    free(voice->context_buckets);
    voice->context_buckets = buckets;
    voice->context_bucket_count = count;
    for (uint32_t i = 1; i < voice->context_count; i++) {
        struct voice_context *context = &voice->contexts[i];

        if (context->references) {
            uint32_t *head = &buckets[bucket_of(voice, context)];

            context->next = *head;
            *head = i;
        }
    }
    return OK;
}

/* The number of an equal context, made when there is none, used once more. */
static status intern(struct voice *voice, const struct voice_context *wanted, uint32_t *out)
{
    size_t room = voice->context_room;

    TRY(reserve_buckets(voice));
    uint32_t *head = &voice->context_buckets[bucket_of(voice, wanted)];
    for (uint32_t at = *head; at; at = voice->contexts[at].next) {
        if (equal(&voice->contexts[at], wanted)) {
            voice->contexts[at].references++;
            *out = at;
            return OK;
        }
    }
    uint32_t at = voice->context_free;
    if (at) {
        voice->context_free = voice->contexts[at].next;
    } else {
        TRY(voice_grow(&voice->contexts, voice->context_count, &room, sizeof *voice->contexts));
        voice->context_room = (uint32_t)room;
        if (voice->context_count == 0) {
            voice->contexts[voice->context_count++] = (struct voice_context){0}; /* 0 is none */
        }
        at = voice->context_count++;
    }
    voice->contexts[at] = *wanted;
    voice->contexts[at].references = 1;
    voice->contexts[at].next = *head;
    *head = at;
    voice->contexts_used++;
    if (wanted->span) {
        wanted->span->references++;
    }
    *out = at;
    return OK;
}

static status drop(struct voice *voice, uint32_t at)
{
    struct voice_context *context = at == NO_CONTEXT ? NULL : &voice->contexts[at];

    if (!context || --context->references > 0) {
        return OK;
    }
    struct voice_span *span = context->span;
    uint32_t *link = &voice->context_buckets[bucket_of(voice, context)];
    while (*link != at) {
        link = &voice->contexts[*link].next;
    }
    *link = context->next;
    context->next = voice->context_free;
    voice->context_free = at;
    voice->contexts_used--;
    return span ? voice_span_drop(voice, span) : OK;
}

/* What is open on a thread now. */
static struct voice_context context_now(const struct voice *voice,
                                        const struct voice_thread *thread, uint32_t number,
                                        const struct voice_heap *heap)
{
    const struct voice_eval *eval =
        thread && thread->eval_count ? thread->evals[thread->eval_count - 1] : NULL;

    return (struct voice_context){
        .gc = heap ? heap->begun : voice->collection,
        .collections = (uint32_t)(heap ? heap->collections : voice->collections),
        .frame = voice_frame_of(voice, number),
        .eval = eval ? eval->id : 0,
        .eval_label = eval ? eval->label : 0,
        .eval_number = eval ? (uint32_t)eval->number : 0,
        .span = thread && thread->span_count ? thread->spans[thread->span_count - 1] : NULL,
        .heap = heap ? heap->is.id : 0,
    };
}

status voice_context(struct voice *voice, uint32_t number, uint64_t heap_id, uint64_t class_id,
                     uint32_t *out)
{
    struct voice_thread *thread;
    struct voice_heap *heap = NULL;
    struct voice_class *class = NULL;

    TRY(voice_find_thread(voice, number, &thread));
    struct voice_cached *cached = &thread->cached[heap_id != 0];
    if (cached->version == voice->version && cached->heap == heap_id && cached->class == class_id) {
        *out = cached->context;
        if (*out != NO_CONTEXT) {
            voice->contexts[*out].references++;
        }
        return OK;
    }
    if (heap_id) {
        voice->speaks = voice->losses.told = true;
        TRY(voice_find_heap(voice, heap_id, &heap));
        if (class_id && class_id != UNKNOWN) {
            TRY(voice_find_class(voice, class_id, &class));
        }
        if (heap && !heap->tells_objects) {
            heap->tells_objects = true;
            voice_sites_forget(&heap->sites); /* until now it had to do with blocks of malloc */
        }
    }
    struct voice_context now = context_now(voice, thread, number, heap);
    now.class = class ? class->is.id : 0;
    TRY(drop(voice, cached->context));
    *cached = (struct voice_cached){.version = voice->version, .heap = heap_id, .class = class_id};
    *out = NO_CONTEXT;
    if (now.gc || now.frame || now.eval || now.span || now.heap) {
        TRY(intern(voice, &now, out));
        voice->contexts[*out].references++; /* the cache's */
    }
    cached->context = *out;
    return OK;
}

/* Spans and evaluations count a block of malloc that is an object, too, as a block. */
static bool is_counted_as_block(const struct voice *voice, const struct voice_context *birth)
{
    const struct voice_heap *heap = birth ? voice_known_heap(voice, birth->heap) : NULL;

    return heap && heap->of_blocks;
}

status voice_born(struct voice *voice, uint32_t at, const struct rollup_block *block)
{
    double bytes = (double)block->size_bytes * block->weight;
    const struct voice_context *context = at ? &voice->contexts[at] : NULL;
    bool counts = context && !is_counted_as_block(voice, context);
    struct voice_span *span = counts ? context->span : NULL;

    if (counts && context->eval) {
        const struct voice_thread *thread = sparse_find(&voice->threads, block->thread);

        thread->evals[thread->eval_count - 1]->samples++;
    }
    if (span) {
        span->samples++;
        span->bytes += bytes;
        span->bytes_sq += bytes * bytes;
        span->bytes_var += bytes * bytes * (1 - 1 / block->weight);
    }
    return voice_sites_add(voice, context ? context->heap : 0, block->stack_id, bytes,
                           block->weight);
}

/* ---- what a row of `sample` tells ---- */

static uint64_t id_or_unknown(int64_t id) { return id ? (uint64_t)id : UNKNOWN; }

/* Collections begun since its birth; UNKNOWN when none were told. */
static uint64_t survived(const struct voice *voice, const struct voice_context *context,
                         const struct voice_heap *heap)
{
    uint64_t begun = heap ? heap->collections : voice->collections;

    return begun ? begun - (context ? context->collections : 0) : UNKNOWN;
}

/* The order is that of the columns. `death` NULL: it lives. */
static void fill(const struct voice *voice, const struct voice_context *birth,
                 const struct voice_context *death, struct voice_columns *out)
{
    static const struct voice_context none;
    const struct voice_heap *heap = birth ? voice_known_heap(voice, birth->heap) : NULL;
    const struct voice_context *born = birth ? birth : &none;
    const struct voice_context *died = death ? death : &none;
    const uint64_t columns[VOICE_SAMPLE_COLUMNS] = {
        id_or_unknown(heap ? heap->is.row : 0),
        id_or_unknown(born->class ? voice_class_row(voice, born->class) : 0),
        survived(voice, birth, heap),
        id_or_unknown(born->gc),
        id_or_unknown(died->gc),
        id_or_unknown(born->frame),
        id_or_unknown(died->frame),
        id_or_unknown(born->eval),
        id_or_unknown(died->eval),
        id_or_unknown(born->span ? born->span->id : 0),
        id_or_unknown(died->span ? died->span->id : 0),
    };

    memcpy(out->at, columns, sizeof columns);
    out->count = VOICE_SAMPLE_COLUMNS;
    while (out->count && columns[out->count - 1] == UNKNOWN) {
        out->count--;
    }
}

/* Whether an object outlived the first collection that began in its lifetime. One that lives and has met none
 * says nothing. A collection frees what it does not find before its end is told. */
static status meet_first_gc(struct voice *voice, const struct voice_context *birth, bool lives,
                            const struct rollup_block *block)
{
    const struct voice_heap *heap = birth ? voice_known_heap(voice, birth->heap) : NULL;

    if (!heap) {
        return OK;
    }
    bool survived = heap->collections - (heap->gc.id != 0) > birth->collections;
    if (lives && !survived) {
        return OK;
    }
    const uint64_t key[4] = {(uint64_t)heap->is.row, (uint64_t)voice_class_row(voice, birth->class),
                             block->stack_id, survived};
    return voice_sums_add(voice, &voice->first_gc, key, (double)block->size_bytes * block->weight,
                          block->weight, voice->insert.first_gc);
}

/* A block of the span was held until then, or until the span's end. */
static void hold(struct voice_span *span, const struct rollup_block *block, uint64_t until_ns)
{
    bool ended = span->ended && span->elapsed.duration_ns != UNKNOWN;
    uint64_t end_ns = ended ? span->open.begin_ns + span->elapsed.duration_ns : until_ns;

    if (end_ns > block->birth_ns) {
        span->held_byte_ns +=
            (double)block->size_bytes * block->weight * (double)(end_ns - block->birth_ns);
    }
}

status voice_died(struct voice *voice, uint32_t at, uint32_t number,
                  const struct rollup_block *block, uint64_t death_ns, struct voice_columns *out)
{
    const struct voice_context *birth = at ? &voice->contexts[at] : NULL;
    const struct voice_heap *heap = birth ? voice_known_heap(voice, birth->heap) : NULL;
    const struct voice_thread *thread =
        number == VOICE_NO_THREAD ? NULL : sparse_find(&voice->threads, number);
    struct voice_context death = {.gc = heap ? heap->begun : voice->collection};

    if (number != VOICE_NO_THREAD) {
        death = context_now(voice, thread, number, heap);
    }
    fill(voice, birth, &death, out);
    TRY(meet_first_gc(voice, birth, false, block));
    bool counts = birth && !is_counted_as_block(voice, birth);
    if (counts && birth->span) {
        hold(birth->span, block, death_ns);
    }
    if (counts && (birth->span || birth->eval)) {
        voice_scope_freed(voice, birth);
    }
    return drop(voice, at);
}

status voice_freed(struct voice *voice, uint32_t number, uint64_t size_bytes)
{
    struct voice_thread *thread;

    TRY(voice_find_thread(voice, number, &thread));
    thread->freed_bytes += size_bytes;
    return OK;
}

status voice_survivor(struct voice *voice, uint32_t at, const struct rollup_block *block,
                      struct voice_columns *out)
{
    const struct voice_context *birth = at ? &voice->contexts[at] : NULL;
    const struct voice_heap *heap = birth ? voice_known_heap(voice, birth->heap) : NULL;
    bool counts = birth && !is_counted_as_block(voice, birth);
    struct voice_span *span = counts ? birth->span : NULL;
    double bytes = (double)block->size_bytes * block->weight;

    fill(voice, birth, NULL, out);
    if (span) {
        hold(span, block, voice->now_ns);
        span->left_samples++;
        span->left_bytes += bytes;
        span->left_bytes_sq += bytes * bytes;
        span->left_bytes_var += bytes * bytes * (1 - 1 / block->weight);
    }
    if (span && span->ended) {
        const uint64_t key[4] = {
            (uint64_t)span->id, block->stack_id, voice_spans_after(voice, span),
            voice->collections ? voice->collections - span->collections_begun : UNKNOWN};
        TRY(voice_sums_add(voice, &voice->leftovers, key, bytes, block->weight,
                           voice->insert.leftover));
    }
    TRY(meet_first_gc(voice, birth, true, block));
    uint64_t generation = survived(voice, birth, heap);
    if (counts && birth->eval && generation != 0) {
        const uint64_t sum_key[4] = {(uint64_t)birth->eval};
        const uint64_t key[4] = {(uint64_t)birth->eval, block->stack_id,
                                 voice_evals_after(voice, birth->eval_label, birth->eval_number),
                                 generation};
        TRY(voice_sums_add(voice, &voice->evals_left, sum_key, bytes, block->weight,
                           voice->insert.eval_left));
        TRY(voice_sums_add(voice, &voice->eval_leftovers, key, bytes, block->weight,
                           voice->insert.eval_leftover));
    }
    if (generation != UNKNOWN) {
        const uint64_t key[4] = {heap ? (uint64_t)heap->is.row : 0,
                                 birth ? (uint64_t)voice_class_row(voice, birth->class) : 0,
                                 block->stack_id,
                                 generation < SURVIVED_MAX ? generation : SURVIVED_MAX};
        TRY(voice_sums_add(voice, &voice->survival, key, bytes, block->weight,
                           voice->insert.survival));
    }
    return drop(voice, at);
}

void voice_object(const struct voice *voice, uint32_t at, uint32_t *heap, uint32_t *class)
{
    const struct voice_context *context = at ? &voice->contexts[at] : NULL;

    *heap = context && context->heap ? (uint32_t)voice_heap_row(voice, context->heap) : 0;
    *class = context && context->class ? (uint32_t)voice_class_row(voice, context->class) : 0;
}

bool voice_object_is_block(const struct voice *voice, uint32_t at)
{
    return at && is_counted_as_block(voice, &voice->contexts[at]);
}

/* ---- the end ---- */

status voice_contexts_end(struct voice *voice)
{
    for (uint32_t i = 0; i < voice->threads.piece_count << SPARSE_PIECE_BITS; i++) {
        struct voice_thread *thread = sparse_find(&voice->threads, i);

        if (!thread) {
            i |= SPARSE_PIECE - 1;
            continue;
        }
        for (unsigned k = 0; k < 2; k++) {
            TRY(drop(voice, thread->cached[k].context));
            thread->cached[k] = (struct voice_cached){0};
        }
    }
    return OK;
}

void voice_contexts_clear(struct voice *voice)
{
    free(voice->contexts);
    free(voice->context_buckets);
    voice->contexts = NULL;
    voice->context_buckets = NULL;
    voice->context_count = voice->context_room = voice->context_free = 0;
    voice->context_bucket_count = voice->contexts_used = 0;
}
