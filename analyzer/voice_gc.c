/* SPDX-License-Identifier: Apache-2.0 */
/* voice_gc.c -- collections and pauses. For how long the program stood up to a moment is one number that
 * only grows, so what it stood inside of anything is a difference, however many pauses there were.
 *
 * A collection's row waits for the next one's begin, which may tell what it really left. One that is
 * told when it is over counts, as far as it stood, as its last part. */
#include "voice_state.h"

enum { STOPS_WORLD = 1, APPROXIMATE = 2 };

/* ---- for how long the program stood ---- */

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

uint64_t voice_stood_ns(const struct voice *voice, uint64_t now_ns)
{
    return voice->stood_ns + (voice->pauses_open ? now_ns - voice->pause_begin_ns : 0);
}

static void stand(struct voice *voice, uint64_t now_ns)
{
    if (voice->pauses_open++ == 0) {
        voice->pause_begin_ns = now_ns;
    }
}

/* How much of a time is not counted yet. */
static uint64_t uncounted(const struct voice *voice, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t counted = 0;

    for (uint32_t i = 0; i < voice->stand_count; i++) {
        uint64_t begin = later(voice->stands[i].begin_ns, from_ns);
        uint64_t end = earlier(voice->stands[i].end_ns, to_ns);

        counted += end > begin ? end - begin : 0;
    }
    return to_ns - from_ns - counted;
}

/* Counts a time, of which no part lies before `forgotten_ns`. */
static void count_stand(struct voice *voice, uint64_t from_ns, uint64_t to_ns)
{
    voice->stood_ns += uncounted(voice, from_ns, to_ns);
    while (voice->stand_count && voice->stands[voice->stand_count - 1].end_ns >= from_ns) {
        const struct voice_stand *last = &voice->stands[--voice->stand_count];

        from_ns = earlier(from_ns, last->begin_ns);
        to_ns = later(to_ns, last->end_ns);
    }
    if (voice->stand_count == VOICE_STANDS) {
        voice->forgotten_ns = voice->stands[0].end_ns;
        memmove(voice->stands, voice->stands + 1,
                --voice->stand_count * sizeof(struct voice_stand));
    }
    voice->stands[voice->stand_count++] = (struct voice_stand){from_ns, to_ns};
}

static void run_again(struct voice *voice, uint64_t now_ns)
{
    if (--voice->pauses_open == 0) {
        count_stand(voice, voice->pause_begin_ns, now_ns);
    }
}

/* It stood from `begin_ns` until now, as is told only now: what began in between had less ahead. */
static void stood_until(struct voice *voice, uint64_t begin_ns, uint64_t now_ns)
{
    uint64_t from = later(begin_ns, voice->forgotten_ns);
    uint64_t to = voice->pauses_open ? earlier(now_ns, voice->pause_begin_ns) : now_ns;

    if (from >= to) {
        return;
    }
    for (struct voice_open *open = voice->newest; open && open->begin_ns > from;
         open = open->older) {
        open->stood_ns += uncounted(voice, from, earlier(open->begin_ns, to));
    }
    count_stand(voice, from, to);
}

void voice_pauses_seen(struct voice *voice, uint64_t now_ns)
{
    for (uint32_t i = 0; voice->pauses_open && i < voice->heap_count; i++) {
        const struct voice_heap *heap = voice_known_heap(voice, voice->heap_ids[i]);

        if (heap->gc.id && heap->gc.flags & STOPS_WORLD) {
            voice_frames_stood(voice, heap->gc.id, heap->gc.begin_ns, now_ns);
        }
        if (heap->paused) {
            voice_frames_stood(voice, heap->gc.id, heap->pause_begin_ns, now_ns);
        }
    }
}

static status insert_pause(struct voice *voice, const struct voice_heap *heap, int64_t gc,
                           uint64_t begin_ns, uint64_t duration_ns)
{
    struct statement *insert = voice->insert.gc_pause;

    db_bind_int(insert, 1, voice->run_id);
    db_bind_int(insert, 2, heap->is.row);
    voice_bind_id(insert, 3, gc);
    db_bind_int(insert, 4, (int64_t)begin_ns);
    db_bind_known(insert, 5, duration_ns);
    return db_insert(insert);
}

/* ---- rows ---- */

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a == UNKNOWN || b == UNKNOWN ? UNKNOWN : a - b;
}

static status write_gc(struct voice *voice, const struct voice_heap *heap,
                       const struct voice_gc *gc)
{
    static const char *const kinds[] = {"full", "minor", "major", "incremental", "concurrent"};
    struct statement *insert = voice->insert.gc;

    db_bind_int(insert, 1, gc->id);
    db_bind_int(insert, 2, voice->run_id);
    db_bind_int(insert, 3, heap->is.row);
    db_bind_int(insert, 4, (int64_t)gc->number);
    db_bind_string(insert, 5, voice_choose(kinds, 5, gc->kind));
    if (gc->reason && gc->reason != UNKNOWN) {
        voice_bind_name(voice, insert, 6, gc->reason);
    }
    db_bind_known(insert, 7, gc->begin_ns);
    db_bind_known(insert, 8, gc->end_ns);
    db_bind_known(insert, 9, gc->duration_ns);
    db_bind_known(insert, 10, gc->pause_ns);
    db_bind_known(insert, 11, gc->pause_max_ns);
    db_bind_known(insert, 12, gc->pause_count);
    db_bind_known(insert, 13, gc->used_before);
    db_bind_known(insert, 14, gc->used_after);
    db_bind_known(insert, 15, gc->objects_before);
    db_bind_known(insert, 16, gc->objects_after);
    db_bind_int(insert, 17, (gc->flags & APPROXIMATE) != 0);
    db_bind_int(insert, 18, gc->trued_up);
    db_bind_known(insert, 19, minus(gc->used_before, gc->used_after));
    db_bind_known(insert, 20, gc->claimed);
    db_bind_known(insert, 21, gc->promoted);
    db_bind_known(insert, 22, gc->allocated);
    db_bind_int(insert, 23, (int64_t)gc->samples);
    db_bind_real(insert, 24, gc->sampled_bytes);
    db_bind_real(insert, 25, gc->sampled_bytes_sq);
    return db_insert(insert);
}

/* The collection before gets its row, with what it really left when that is told now. */
static status write_before(struct voice *voice, struct voice_heap *heap, uint64_t really_left)
{
    struct voice_gc *before = &heap->before;

    if (!before->id) {
        heap->left_bytes = really_left;
        return OK;
    }
    if (really_left != UNKNOWN && (before->flags & APPROXIMATE || before->used_after == UNKNOWN)) {
        before->used_after = really_left;
        before->flags &= ~(uint64_t)APPROXIMATE;
        before->trued_up = true;
    }
    heap->left_bytes = before->flags & APPROXIMATE ? UNKNOWN : before->used_after;
    status result = write_gc(voice, heap, before);
    before->id = 0;
    return result;
}

/* ---- collections ---- */

/* The begin was told, but no end: another begins, or the run is over. */
static status abandon(struct voice *voice, struct voice_heap *heap)
{
    status result = OK;

    if (heap->gc.id) {
        if (heap->gc.flags & STOPS_WORLD) {
            run_again(voice, voice->now_ns);
            result = insert_pause(voice, heap, heap->gc.id, heap->gc.begin_ns, UNKNOWN);
        }
        if (result.code == STATUS_OK) {
            result = write_gc(voice, heap, &heap->gc);
        }
        heap->gc.id = 0;
        heap->left_bytes = UNKNOWN;
    }
    return result;
}

/* Number, place among the others, who allocated. `begin_ns` UNKNOWN: not told. */
static status start(struct voice *voice, struct voice_heap *heap, uint64_t begin_ns)
{
    if (voice->collections++ == 0) {
        const int64_t rows[4] = {voice->frame_rows, voice->phase_rows, voice->eval_rows,
                                 voice->span_rows};
        memcpy(voice->before_gc, rows, sizeof rows);
    }
    for (struct voice_open *open = voice->newest;
         begin_ns != UNKNOWN && open && open->begin_ns > begin_ns; open = open->older) {
        open->collections++; /* it began before */
    }
    voice->version++;
    heap->gc = (struct voice_gc){.id = ++voice->gc_rows,
                                 .number = ++heap->collections,
                                 .kind = UNKNOWN,
                                 .begin_ns = begin_ns,
                                 .end_ns = UNKNOWN,
                                 .duration_ns = UNKNOWN,
                                 .pause_ns = UNKNOWN,
                                 .pause_max_ns = UNKNOWN,
                                 .pause_count = UNKNOWN,
                                 .used_before = UNKNOWN,
                                 .used_after = UNKNOWN,
                                 .objects_before = UNKNOWN,
                                 .objects_after = UNKNOWN,
                                 .claimed = UNKNOWN,
                                 .promoted = UNKNOWN,
                                 .allocated = UNKNOWN};
    heap->begins[heap->collections % ROLLUP_OLD] = begin_ns == UNKNOWN ? voice->now_ns : begin_ns;
    voice->collection = heap->begun = heap->gc.id;
    return voice_sites_write(voice, heap);
}

/* heap, kind, flags, reason, used, objects, what the previous collection really left */
static status begin_gc(struct voice *voice, struct voice_heap *heap, const struct mark *mark,
                       uint64_t begin_ns)
{
    struct voice_gc *gc = &heap->gc;

    voice->losses.begins_inside += gc->id != 0;
    TRY(abandon(voice, heap));
    TRY(write_before(voice, heap, mark_argument(mark, 6)));
    TRY(start(voice, heap, begin_ns));
    gc->kind = mark_argument(mark, 1);
    gc->flags = mark_argument(mark, 2) == UNKNOWN ? 0 : mark_argument(mark, 2);
    gc->reason = mark_argument(mark, 3);
    gc->used_before = mark_argument(mark, 4);
    gc->objects_before = mark_argument(mark, 5);
    if (gc->used_before != UNKNOWN && heap->left_bytes != UNKNOWN &&
        gc->used_before >= heap->left_bytes) {
        gc->allocated = gc->used_before - heap->left_bytes;
    }
    return OK;
}

/* used, objects, reclaimed, promoted, from argument `at` on; the row waits. */
static void finish_gc(struct voice_heap *heap, const struct mark *mark, unsigned at,
                      uint64_t now_ns)
{
    struct voice_gc *gc = &heap->gc;

    gc->used_after = mark_argument(mark, at);
    gc->objects_after = mark_argument(mark, at + 1);
    gc->claimed = mark_argument(mark, at + 2);
    gc->promoted = mark_argument(mark, at + 3);
    gc->end_ns = now_ns;
    gc->duration_ns = minus(now_ns, gc->begin_ns);
    heap->before = *gc;
    heap->ended = gc->id;
    gc->id = 0;
}

/* The cycle is the pause. */
static status cycle_stood(struct voice *voice, struct voice_heap *heap, uint64_t begin_ns,
                          uint64_t now_ns)
{
    struct voice_gc *gc = &heap->gc;

    gc->pause_ns = gc->pause_max_ns = now_ns - begin_ns;
    gc->pause_count = 1;
    voice_frames_stood(voice, gc->id, begin_ns, now_ns);
    return insert_pause(voice, heap, gc->id, begin_ns, now_ns - begin_ns);
}

static status end_gc(struct voice *voice, struct voice_heap *heap, const struct mark *mark,
                     uint64_t now_ns)
{
    uint64_t flags = mark_argument(mark, 1) == UNKNOWN ? 0 : mark_argument(mark, 1);
    struct voice_gc *gc = &heap->gc;

    if (!gc->id) {
        voice->losses.ends_without_begin++;
        TRY(write_before(voice, heap, UNKNOWN));
        TRY(start(voice, heap, UNKNOWN));
    } else if (gc->flags & STOPS_WORLD) {
        run_again(voice, now_ns);
        TRY(cycle_stood(voice, heap, gc->begin_ns, now_ns));
    } else if (flags & STOPS_WORLD && gc->pause_count == UNKNOWN) { /* is said only now */
        stood_until(voice, gc->begin_ns, now_ns);
        TRY(cycle_stood(voice, heap, gc->begin_ns, now_ns));
    }
    gc->flags |= flags;
    finish_gc(heap, mark, 2, now_ns);
    return OK;
}

static status whole_gc(struct voice *voice, struct voice_heap *heap, const struct mark *mark,
                       uint64_t now_ns)
{
    uint64_t duration = mark_argument(mark, 11);
    uint64_t pause = mark_argument(mark, 12);
    struct voice_gc *gc = &heap->gc;

    TRY(begin_gc(voice, heap, mark,
                 duration == UNKNOWN ? UNKNOWN : now_ns - earlier(duration, now_ns)));
    if (gc->flags & STOPS_WORLD && pause == UNKNOWN) {
        pause = duration;
    }
    if (pause != UNKNOWN) {
        uint64_t begin_ns = now_ns - earlier(pause, now_ns);

        stood_until(voice, begin_ns, now_ns);
        TRY(cycle_stood(voice, heap, begin_ns, now_ns));
        if (!(gc->flags & STOPS_WORLD)) { /* in all: how many it were is not told */
            gc->pause_max_ns = gc->pause_count = UNKNOWN;
        }
    }
    finish_gc(heap, mark, 7, now_ns);
    return OK;
}

/* ---- explicit pauses ---- */

static void add_pause(struct voice_gc *gc, uint64_t pause_ns)
{
    bool first = gc->pause_count == UNKNOWN;

    gc->pause_count = first ? 1 : gc->pause_count + 1;
    gc->pause_ns = first ? pause_ns : gc->pause_ns + pause_ns;
    gc->pause_max_ns = first ? pause_ns : later(gc->pause_max_ns, pause_ns);
}

static status begin_pause(struct voice *voice, struct voice_heap *heap, uint64_t now_ns)
{
    if (heap->paused) {
        voice->losses.begins_inside++;
        run_again(voice, now_ns);
        TRY(insert_pause(voice, heap, heap->pause_gc, heap->pause_begin_ns, UNKNOWN));
    }
    heap->paused = true;
    heap->pause_begin_ns = now_ns;
    heap->pause_gc = heap->gc.id;
    heap->pause_after = heap->begun;
    stand(voice, now_ns);
    return OK;
}

static status end_pause(struct voice *voice, struct voice_heap *heap, uint64_t now_ns)
{
    uint64_t pause_ns = now_ns - heap->pause_begin_ns;

    if (!heap->paused) {
        voice->losses.ends_without_begin++;
        return OK;
    }
    /* A pause may begin a little before its collection, and end after it. */
    int64_t id = heap->pause_gc                     ? heap->pause_gc
                 : heap->begun != heap->pause_after ? heap->begun
                                                    : heap->gc.id;
    struct voice_gc *gc = id && id == heap->gc.id       ? &heap->gc
                          : id && id == heap->before.id ? &heap->before
                                                        : NULL;

    heap->paused = false;
    run_again(voice, now_ns);
    voice_frames_stood(voice, id, heap->pause_begin_ns, now_ns);
    if (gc && gc->flags & STOPS_WORLD) {
        return OK; /* the cycle is the pause, and this a part of it */
    }
    if (gc) {
        add_pause(gc, pause_ns);
    }
    return insert_pause(voice, heap, id, heap->pause_begin_ns, pause_ns);
}

/* ---- survivors ---- */

static status insert_survivors(struct voice *voice, const struct voice_heap *heap,
                               const struct mark *mark)
{
    uint64_t class = mark_argument(mark, 1);
    uint64_t generation = mark_argument(mark, 2);
    uint64_t objects = mark_argument(mark, 4);
    struct statement *insert = voice->insert.gc_survivor;
    struct voice_class *found = NULL;

    if (!heap->ended || generation > 127 || objects == UNKNOWN) {
        voice->losses.unknown_ids++;
        return OK;
    }
    if (class && class != UNKNOWN) {
        TRY(voice_find_class(voice, class, &found));
    }
    db_bind_int(insert, 1, voice->run_id);
    db_bind_int(insert, 2, heap->ended);
    db_bind_int(insert, 3, found ? found->is.row : 0);
    db_bind_int(insert, 4, (int64_t)generation);
    db_bind_int(insert, 5, mark_argument(mark, 3) == 1);
    db_bind_int(insert, 6, (int64_t)objects);
    db_bind_known(insert, 7, mark_argument(mark, 5));
    return db_insert(insert);
}

status voice_gc_mark(struct voice *voice, const struct mark *mark, struct voice_moment moment)
{
    struct voice_heap *heap;

    TRY(voice_find_heap(voice, mark_argument(mark, 0), &heap));
    if (!heap) {
        return OK;
    }
    switch (mark->kind) {
    case MR_MARK_GC_BEGIN:
        TRY(begin_gc(voice, heap, mark, moment.now_ns));
        if (heap->gc.flags & STOPS_WORLD) {
            stand(voice, moment.now_ns);
        }
        return OK;
    case MR_MARK_GC_END:
        return end_gc(voice, heap, mark, moment.now_ns);
    case MR_MARK_GC_CYCLE:
        return whole_gc(voice, heap, mark, moment.now_ns);
    case MR_MARK_GC_PAUSE_BEGIN:
        return begin_pause(voice, heap, moment.now_ns);
    case MR_MARK_GC_PAUSE_END:
        return end_pause(voice, heap, moment.now_ns);
    default:
        return insert_survivors(voice, heap, mark);
    }
}

/* ---- the end ---- */

uint64_t voice_collected_ns(const struct voice *voice)
{
    uint64_t collected = UINT64_MAX;

    for (uint32_t i = 0; i < voice->heap_count; i++) {
        const struct voice_heap *heap = voice_known_heap(voice, voice->heap_ids[i]);

        if (heap->collections) { /* the oldest of the last three; 0 when there were fewer */
            collected = earlier(collected, heap->begins[(heap->collections + 1) % ROLLUP_OLD]);
        }
    }
    return collected == UINT64_MAX ? 0 : collected;
}

status voice_gc_end(struct voice *voice)
{
    for (uint32_t i = 0; i < voice->heap_count; i++) {
        struct voice_heap *heap = voice_known_heap(voice, voice->heap_ids[i]);

        TRY(write_before(voice, heap, UNKNOWN));
        voice->losses.unclosed += (heap->gc.id != 0) + heap->paused;
        TRY(abandon(voice, heap));
        if (heap->paused) {
            TRY(insert_pause(voice, heap, heap->pause_gc, heap->pause_begin_ns, UNKNOWN));
        }
    }
    return OK;
}

/* What ended before the first collection: the process tells them, so there was none. */
status voice_gc_settle(struct voice *voice)
{
    static const char *const tables[4] = {"frame_mark", "phase", "eval", "span"};

    for (int i = 0; i < 4 && voice->collections; i++) {
        if (voice->before_gc[i]) {
            TRY(db_run_formatted(voice->db,
                                 "UPDATE %s SET gc_ns = 0%s WHERE run_id = %lld AND id <= %lld"
                                 " AND gc_ns IS NULL AND duration_ns IS NOT NULL",
                                 tables[i], i % 2 == 0 ? ", gc_count = 0" : "",
                                 (long long)voice->run_id, (long long)voice->before_gc[i]));
        }
    }
    return OK;
}
