/* SPDX-License-Identifier: Apache-2.0 */
/* import_records.c -- the records of a run, one function each: pairs allocations with frees, feeds the
 * sums, hands on what the program told, writes samples. Damage is counted, never fatal. See import_state.h. */
#include "import_state.h"

#include "diag.h"
#include "schema/ring_layout.h"

#include <stdlib.h>
#include <string.h>

enum {
    INTERVAL_CODES = 64,
    AHEAD_SLOTS = 16, /* events */
    AHEAD_PLACES = 8,
    KIND_OBJECT = MR_OP_HEAP_FREE,
    THREAD_NUMBER_MAX = 1 << 24, /* a damaged trace may name any thread */
};

#define SIZE_MAX_BYTES ((UINT64_C(1) << 47) - 1)
#define TIME_MAX_NS    ((INT64_C(1) << 55) - 1) /* a year: beyond it a clock is damaged */

static const char *const kinds[8] = {"other",   "malloc", "calloc", "realloc",
                                     "aligned", "new",    "object", "other"};

static status no_memory(void)
{
    diag_error("could not import: out of memory");
    return FAIL;
}

static inline uint64_t time_ns(struct run *run, uint64_t ticks)
{
    int64_t ns = trace_ns(run->trace, ticks) - run->start_ns;
    uint64_t time = ns <= 0 ? 0 : ns < TIME_MAX_NS ? (uint64_t)ns : TIME_MAX_NS;

    run->last_ns = time > run->last_ns ? time : run->last_ns;
    return time;
}

static status on_header(void *context, const struct header_record *record)
{
    struct run *run = &((struct import *)context)->run;

    if (!run->has_header) { /* else: repeated */
        run->has_header = true;
        if (record->interval_bytes != UNKNOWN && record->interval_bytes > 0) {
            run->interval = record->interval_bytes;
        }
        if (record->start_ticks != UNKNOWN && !run->late) {
            run->start_ns = trace_ns(run->trace, record->start_ticks);
        }
    }
    return OK;
}

static status on_module(void *context, const struct module_record *record)
{
    struct import *import = context;

    return stack_table_module(import->stacks, record,
                              (int64_t)time_ns(&import->run, record->ticks));
}

static status on_module_gone(void *context, const struct module_gone_record *record)
{
    struct import *import = context;

    stack_table_module_gone(import->stacks, record->id,
                            (int64_t)time_ns(&import->run, record->ticks));
    return OK;
}

static status add_thread(struct import *import, uint32_t number, uint64_t first_ns,
                         struct thread_state *state)
{
    struct run *run = &import->run;

    if (run->thread_count == run->thread_room) {
        uint32_t room = run->thread_room + run->thread_room / 2 + 16;
        struct thread_row *rows = realloc(run->thread_rows, room * sizeof *rows);

        if (!rows) {
            return no_memory();
        }
        run->thread_rows = rows;
        run->thread_room = room;
    }
    run->thread_rows[run->thread_count] = (struct thread_row){
        .number = number, .id = ++import->thread_id, .first_ns = (int64_t)first_ns, .ended_ns = -1};
    state->dense = ++run->thread_count;
    return OK;
}

/* The thread of this number: *index into thread_rows. */
static inline status find_thread(struct import *import, uint64_t number, uint64_t now_ns,
                                 uint32_t *index)
{
    struct run *run = &import->run;
    uint32_t known = number < THREAD_NUMBER_MAX ? (uint32_t)number : THREAD_NUMBER_MAX;
    struct thread_state *state = sparse_find(&run->threads, known);

    if (!state && !(state = sparse_make(&run->threads, known))) {
        return no_memory();
    }
    if (!state->dense) {
        TRY(add_thread(import, known, now_ns, state));
    }
    *index = state->dense - 1;
    return OK;
}

static status on_thread(void *context, const struct thread_record *record)
{
    struct import *import = context;
    uint64_t now_ns = time_ns(&import->run, record->ticks);
    uint32_t index;

    TRY(find_thread(import, record->id, now_ns, &index));
    struct thread_row *row = &import->run.thread_rows[index];
    row->tid = record->tid;
    row->has_tid = true;
    row->first_ns = (int64_t)now_ns < row->first_ns ? (int64_t)now_ns : row->first_ns;
    row->older |=
        import->run.late && trace_ns(import->run.trace, record->ticks) < import->run.start_ns;
    if (record->name.length) {
        db_clean_text(row->name, sizeof row->name, record->name);
        row->has_name = true;
    }
    return OK;
}

static status on_thread_counters(void *context, const struct thread_counters_record *record)
{
    struct import *import = context;
    uint64_t now_ns = time_ns(&import->run, record->ticks);
    uint32_t index;

    TRY(find_thread(import, record->thread, now_ns, &index));
    struct thread_row *row = &import->run.thread_rows[index];
    if (!row->has_counters && row->older) {
        row->base[0] = record->alloc_calls;
        row->base[1] = record->alloc_bytes;
        row->base[2] = record->free_calls;
    }
    row->has_counters = true;
    row->inexact |= record->flags & MR_THREAD_INEXACT;
    if (record->flags & MR_THREAD_ENDED && row->ended_ns < 0) {
        row->ended_ns = (int64_t)now_ns;
    }
    row->alloc_calls = record->alloc_calls - row->base[0];
    row->alloc_bytes = record->alloc_bytes - row->base[1];
    row->free_calls = record->free_calls - row->base[2];
    return OK;
}

static status on_stacks(void *context, const struct stack_record *record)
{
    return stack_table_nodes(((struct import *)context)->stacks, record);
}

/* Writes the row of a sample. `death_ns` and `death_thread` are UNKNOWN and 0 for a survivor; `told` is
 * what the program told about it. NULLs at the end of a row are left out: they are as good as there. */
static inline status write_sample(struct import *import, const struct block *block, double weight,
                                  uint64_t death_ns, int64_t death_thread,
                                  const struct voice_columns *told)
{
    const char *kind = kinds[block->kind & 7];
    int64_t interval =
        block->interval ? (int64_t)mr_interval_bytes(import->run.interval, block->interval) : 0;
    int64_t thread = import->run.thread_rows[block->thread].id;
    int64_t id = ++import->sample_id;

    if (import->options->slow_samples) {
        struct statement *insert = import->insert_sample;

        db_bind_int(insert, 1, id);
        db_bind_int(insert, 2, import->run.id);
        db_bind_known(insert, 3, block->stack ? block->stack : UNKNOWN);
        db_bind_int(insert, 4, thread);
        db_bind_int(insert, 5, block->birth_ns);
        db_bind_known(insert, 6, death_ns);
        db_bind_known(insert, 7, death_thread ? (uint64_t)death_thread : UNKNOWN);
        db_bind_int(insert, 8, (int64_t)block->address);
        db_bind_int(insert, 9, (int64_t)block->size_bytes);
        db_bind_int(insert, 10, (int64_t)(block->size_bytes + block->extra_bytes));
        db_bind_known(insert, 11, interval ? (uint64_t)interval : UNKNOWN);
        db_bind_real(insert, 12, weight);
        db_bind_string(insert, 13, kind);
        db_bind_known(insert, 14, block->previous_id ? (uint64_t)block->previous_id : UNKNOWN);
        for (unsigned i = 0; i < told->count; i++) {
            db_bind_known(insert, 15 + (int)i, told->at[i]);
        }
        return db_insert(insert);
    }
    struct table_writer *writer = &import->sample;
    table_writer_null(writer);
    table_writer_int(writer, import->run.id);
    table_writer_known(writer, block->stack ? block->stack : UNKNOWN);
    table_writer_int(writer, thread);
    table_writer_int(writer, block->birth_ns);
    table_writer_known(writer, death_ns);
    table_writer_known(writer, death_thread ? (uint64_t)death_thread : UNKNOWN);
    table_writer_int(writer, (int64_t)block->address);
    table_writer_int(writer, (int64_t)block->size_bytes);
    table_writer_int(writer, (int64_t)(block->size_bytes + block->extra_bytes));
    table_writer_known(writer, interval ? (uint64_t)interval : UNKNOWN);
    table_writer_real(writer, weight);
    table_writer_text(writer, kind, strlen(kind));
    table_writer_known(writer, block->previous_id ? (uint64_t)block->previous_id : UNKNOWN);
    for (unsigned i = 0; i < told->count; i++) {
        table_writer_known(writer, told->at[i]);
    }
    return table_writer_end_row(writer, id);
}

static inline struct rollup_block rollup_block_of(struct import *import, const struct block *block)
{
    return (struct rollup_block){
        .birth_ns = block->birth_ns > 0 ? (uint64_t)block->birth_ns : 0,
        .earlier_ns = block->birth_ns < 0 ? (uint64_t)-block->birth_ns : 0,
        .size_bytes = block->size_bytes,
        .extra_bytes = block->extra_bytes,
        .stack_id = block->stack,
        .thread = block->thread,
        .weight =
            rollup_weight(import->rollup, block->size_bytes, block->interval, import->run.interval),
    };
}

static bool is_twin(const struct import *import, const struct block *block)
{
    return block->kind == KIND_OBJECT && voice_object_is_block(import->voice, block->context);
}

/* The class.id of an object; 0: none. */
static inline uint32_t class_of(const struct voice_columns *told)
{
    return told->count > VOICE_CLASS && told->at[VOICE_CLASS] != UNKNOWN
               ? (uint32_t)told->at[VOICE_CLASS]
               : 0;
}

#define NOBODY VOICE_NO_THREAD

static status drop_row(struct import *import, const struct block *block, double weight)
{
    struct run *run = &import->run;

    run->losses.dropped_rows++;
    run->losses.dropped_row_bytes += weight * (double)block->size_bytes;
    run->last_sample = 0;
    return OK;
}

/* A block ends: its row and its sums. `thread` is an index of thread_rows, or NOBODY. */
static status end_block(struct import *import, const struct block *block, uint64_t death_ns,
                        uint32_t thread)
{
    struct rollup_block rolled = rollup_block_of(import, block);
    struct voice_columns told;
    bool twin = is_twin(import, block);

    told.count = 0;
    if (voice_speaks(import->voice)) {
        TRY(voice_died(import->voice, block->context, thread, &rolled, death_ns, &told));
        rolled.old = told.count > VOICE_GENERATIONS && told.at[VOICE_GENERATIONS] != UNKNOWN &&
                     told.at[VOICE_GENERATIONS] >= ROLLUP_OLD;
        TRY(leak_classes_died(import->classes, class_of(&told), &rolled, death_ns));
    }
    if (block->kind == KIND_OBJECT && !twin) {
        waterfall_rows_object(&import->waterfall, &rolled, -1);
    }
    TRY(rollup_free(twin ? import->twins : import->rollup, &rolled, death_ns));
    if (!keep_rows_dead(&import->run.keep, death_ns - rolled.birth_ns + rolled.earlier_ns,
                        lifetimes_open_count(import->lifetimes), &rolled.weight)) {
        return drop_row(import, block, rolled.weight);
    }
    import->run.last_sample = import->sample_id + 1;
    return write_sample(import, block, rolled.weight, death_ns,
                        thread == NOBODY ? 0 : import->run.thread_rows[thread].id, &told);
}

/* The block that had the key or address of one born now: its free is missing. */
static status end_reused(struct import *import, const struct block *ended, uint64_t now_ns)
{
    import->run.losses.reused_addresses++;
    int64_t death_ns = (int64_t)now_ns > ended->birth_ns ? (int64_t)now_ns : ended->birth_ns;
    return end_block(import, ended, (uint64_t)death_ns, NOBODY);
}

static status on_alloc(struct import *import, struct block *block, uint64_t key, uint32_t node)
{
    struct run *run = &import->run;
    struct block ended;

    TRY(stack_table_use(import->stacks, node, &block->stack));
    enum lifetimes_answer answer = lifetimes_open(import->lifetimes, key, block, &ended);
    if (answer == LIFETIMES_NO_MEMORY) {
        return no_memory();
    }
    if (answer == LIFETIMES_REUSED) {
        TRY(end_reused(import, &ended, (uint64_t)block->birth_ns));
    }
    struct rollup_block rolled = rollup_block_of(import, block);
    if (block->kind != KIND_OBJECT) {
        TRY(pins_born(&import->pins, PINS_ADDRESS(block->address),
                      block->size_bytes + block->extra_bytes));
    }
    if (!block->stack) {
        run->losses.unknown_stacks++;
        run->losses.unknown_stack_bytes += rolled.weight * (double)block->size_bytes;
    }
    if (voice_speaks(import->voice)) {
        TRY(voice_born(import->voice, block->context, &rolled));
    }
    if (block->kind == KIND_OBJECT) {
        uint32_t heap, class;

        voice_object(import->voice, block->context, &heap, &class);
        TRY(leak_classes_born(import->classes, heap, class, &rolled));
        if (is_twin(import, block)) {
            return rollup_alloc(import->twins, &rolled);
        }
        waterfall_rows_object(&import->waterfall, &rolled, 1);
    }
    return rollup_alloc(import->rollup, &rolled);
}

static status on_free(struct import *import, uint64_t key, uint64_t now_ns, uint32_t thread,
                      bool by_realloc)
{
    struct run *run = &import->run;
    struct block ended;

    switch (lifetimes_close(import->lifetimes, key, now_ns, &ended)) {
    case LIFETIMES_DONE:
        if (!run->has_ids && voice_speaks(import->voice) && ended.kind != KIND_OBJECT) {
            TRY(voice_freed(import->voice, thread, ended.size_bytes));
        }
        TRY(end_block(import, &ended, now_ns, thread));
        run->thread_rows[thread].realloc_sample = by_realloc ? run->last_sample : 0;
        break;
    case LIFETIMES_LATE:
        run->losses.late_frees++;
        break;
    default:
        if (run->late && !run->whole_since) {
            run->losses.rotated_frees++;
        } else {
            run->losses.unmatched_frees++;
        }
    }
    return OK;
}

/* ---- where blocks lie ---- */

static inline struct pins_block pins_block_of(struct import *import, const struct block *block)
{
    return (struct pins_block){
        .address = PINS_ADDRESS(block->address),
        .size_bytes = block->size_bytes,
        .usable_bytes = block->size_bytes + block->extra_bytes,
        .birth_ns = block->birth_ns,
        .stack_id = block->stack,
        .weight =
            rollup_weight(import->rollup, block->size_bytes, block->interval, import->run.interval),
    };
}

static status count_block(void *context, const struct block *block)
{
    struct import *import = context;
    struct pins_block placed = pins_block_of(import, block);

    return block->kind == KIND_OBJECT ? OK : pins_count(&import->pins, &placed);
}

static status blame_block(void *context, const struct block *block)
{
    struct import *import = context;
    struct pins_block placed = pins_block_of(import, block);

    return block->kind == KIND_OBJECT ? OK : pins_blame(&import->pins, &placed);
}

/* Looks at every living block, with `count` for the first of two passes. */
static status look(struct import *import, enum pins_look which, uint64_t now_ns,
                   status (*count)(void *context, const struct block *block))
{
    import->pins.late_ns = UINT64_MAX;
    TRY(pins_begin_look(&import->pins, now_ns));
    TRY(lifetimes_each(import->lifetimes, count, import));
    TRY(pins_decide(&import->pins));
    if (pins_wants_blame(&import->pins)) {
        TRY(lifetimes_each(import->lifetimes, blame_block, import));
    }
    return pins_end_look(&import->pins, which);
}

/* ---- events, and the marks among them ---- */

/* By address, managed objects are in a space of their own. */
#define OBJECT_SPACE (UINT64_C(1) << 63)

/* A second reader that runs ahead of the events, to have their blocks on the way to the cache. */
struct ahead {
    size_t event, alloc;
};

static inline uint64_t key_ahead(struct ahead *ahead, const struct event_batch *batch)
{
    size_t event = ahead->event++;

    return batch->ops[event] & MR_OP_ALLOC ? batch->alloc_keys[ahead->alloc++]
                                           : batch->free_keys[event - ahead->alloc];
}

/* Where the reading of a batch is. */
struct reader {
    const struct event_batch *batch;
    size_t event, alloc;
    struct ahead slots, places;
};

/* What only objects and talking programs need, besides the block: its context, and its key. */
static status place_block(struct import *import, const struct event_batch *batch, size_t alloc,
                          bool object, struct block *block, uint64_t *key)
{

    if (object && !batch->has_ids) {
        *key |= OBJECT_SPACE;
    }
    return voice_context(import->voice, block->thread,
                         object && batch->heaps ? batch->heaps[alloc] : 0,
                         object && batch->classes ? batch->classes[alloc] : 0, &block->context);
}

static inline struct block block_of(const struct event_batch *batch, size_t event, size_t alloc,
                                    int64_t birth_ns, uint32_t thread)
{
    uint8_t op = batch->ops[event];
    uint64_t size = batch->sizes[alloc];
    unsigned interval = batch->intervals[alloc];

    return (struct block){
        .birth_ns = birth_ns,
        .address = batch->addresses[alloc],
        .size_bytes = size < SIZE_MAX_BYTES ? size : SIZE_MAX_BYTES,
        .extra_bytes = batch->extras[alloc] < 65535 ? batch->extras[alloc] : 65535,
        .thread = thread,
        .kind = (op & 0x7f) < 8 ? op & 7 : 0,
        .interval = (uint8_t)(interval < INTERVAL_CODES ? interval : INTERVAL_CODES - 1),
    };
}

static inline status on_event(struct import *import, struct reader *at)
{
    struct run *run = &import->run;
    const struct event_batch *batch = at->batch;
    size_t event = at->event++;
    uint8_t op = batch->ops[event];
    uint64_t now_ns = time_ns(run, batch->ticks[event]);
    uint32_t thread;

    if (now_ns >= import->waterfall.next_ns) {
        waterfall_rows_pass(&import->waterfall, now_ns, import->rollup);
    }
    if (event + AHEAD_SLOTS < batch->count) {
        lifetimes_prefetch_slot(import->lifetimes, key_ahead(&at->slots, batch));
    }
    if (event + AHEAD_PLACES < batch->count) {
        lifetimes_prefetch_place(import->lifetimes, key_ahead(&at->places, batch));
    }
    if (now_ns >= import->pins.late_ns) {
        TRY(look(import, PINS_LATE, now_ns, count_block));
    }
    TRY(find_thread(import, batch->threads[event], now_ns, &thread));
    int64_t previous = run->thread_rows[thread].realloc_sample;
    run->thread_rows[thread].realloc_sample = 0;
    if (!(op & MR_OP_ALLOC)) {
        uint64_t key = batch->free_keys[event - at->alloc];

        if (op == MR_OP_HEAP_FREE && !batch->has_ids) {
            key |= OBJECT_SPACE;
        }
        return on_free(import, key, now_ns, thread, op == MR_OP_FREE_BY_REALLOC);
    }
    uint64_t key = batch->alloc_keys[at->alloc];
    struct block block = block_of(batch, event, at->alloc, (int64_t)now_ns, thread);
    block.previous_id = op == MR_OP_REALLOC ? previous : 0;
    if (op == MR_OP_HEAP_ALLOC || voice_speaks(import->voice)) {
        TRY(place_block(import, batch, at->alloc, op == MR_OP_HEAP_ALLOC, &block, &key));
    }
    return on_alloc(import, &block, key, batch->stacks[at->alloc++]);
}

/* A managed object has another address; by address that is its key. */
static status on_move(struct import *import, const struct mark *mark, bool has_ids, uint64_t now_ns)
{
    uint64_t space = has_ids ? 0 : OBJECT_SPACE;
    uint64_t key = mark_argument(mark, 1) | space;
    uint64_t address = mark_argument(mark, 2);
    struct block ended;

    switch (
        lifetimes_move(import->lifetimes, key, has_ids ? key : address | space, address, &ended)) {
    case LIFETIMES_REUSED:
        return end_reused(import, &ended, now_ns);
    case LIFETIMES_NO_MEMORY:
        return no_memory();
    case LIFETIMES_UNKNOWN:
        voice_unmatched_move(import->voice);
        return OK;
    default:
        return OK;
    }
}

static status on_mark(struct import *import, const struct mark *mark, bool has_ids)
{
    struct voice_moment moment = {.now_ns = time_ns(&import->run, mark->ticks), .thread = NOBODY};

    if (mark->thread) { /* else: the recorder */
        TRY(find_thread(import, mark->thread, moment.now_ns, &moment.thread));
        moment.thread_id = import->run.thread_rows[moment.thread].id;
    }
    return mark->kind == MR_MARK_HEAP_MOVE ? on_move(import, mark, has_ids, moment.now_ns)
                                           : voice_mark(import->voice, mark, !has_ids, moment);
}

static status on_events(void *context, const struct event_batch *batch)
{
    struct import *import = context;
    struct run *run = &import->run;
    struct reader at = {.batch = batch};

    run->events += batch->count;
    if (batch->count) {
        run->saw_events = true;
        run->has_ids = batch->has_ids;
    }
    for (size_t i = 0; i < AHEAD_SLOTS && i < batch->count; i++) {
        lifetimes_prefetch_slot(import->lifetimes, key_ahead(&at.slots, batch));
    }
    for (size_t i = 0; i < AHEAD_PLACES && i < batch->count; i++) {
        (void)key_ahead(&at.places, batch);
    }
    for (size_t i = 0; i <= batch->mark_count; i++) {
        const struct mark *mark = i < batch->mark_count ? &batch->marks[i] : NULL;
        size_t end = mark && mark->position < batch->count ? mark->position : batch->count;

        while (at.event < end) {
            TRY(on_event(import, &at));
        }
        if (mark) {
            TRY(on_mark(import, mark, batch->has_ids));
        }
    }
    return OK;
}

/* ---- what was alive when a segment began ---- */

/* A block of which only this is known: that it lives. */
static status carry(struct import *import, const struct event_batch *batch, size_t at, uint64_t key)
{
    struct run *run = &import->run;
    int64_t birth_ns = trace_ns(run->trace, batch->ticks[at]) - run->start_ns;
    uint64_t now_ns = run->last_ns;
    struct block ended;
    uint32_t thread;

    birth_ns = birth_ns < -TIME_MAX_NS ? -TIME_MAX_NS : birth_ns;
    birth_ns = birth_ns > (int64_t)now_ns ? (int64_t)now_ns : birth_ns;
    TRY(find_thread(import, batch->threads[at], birth_ns > 0 ? (uint64_t)birth_ns : 0, &thread));
    struct block block = block_of(batch, at, at, birth_ns, thread);
    bool object = batch->ops[at] == MR_OP_HEAP_ALLOC;
    if (object || voice_speaks(import->voice)) {
        TRY(place_block(import, batch, at, object, &block, &key));
    }
    TRY(stack_table_use(import->stacks, batch->stacks[at], &block.stack));
    if (lifetimes_open(import->lifetimes, key, &block, &ended) == LIFETIMES_NO_MEMORY) {
        return no_memory();
    }
    struct rollup_block rolled = rollup_block_of(import, &block);
    if (object) {
        uint32_t heap, class;

        voice_object(import->voice, block.context, &heap, &class);
        TRY(leak_classes_born(import->classes, heap, class, &rolled));
        if (is_twin(import, &block)) {
            return rollup_carry(import->twins, &rolled, now_ns);
        }
        waterfall_rows_object(&import->waterfall, &rolled, 1);
    } else {
        TRY(pins_born(&import->pins, PINS_ADDRESS(block.address),
                      block.size_bytes + block.extra_bytes));
    }
    return rollup_carry(import->rollup, &rolled, now_ns);
}

static status note_alive(struct run *run, uint64_t key)
{
    if (run->alive_count == run->alive_room) {
        size_t room = run->alive_room + run->alive_room / 2 + 1024;
        uint64_t *alive = reallocarray(run->alive, room, sizeof *alive);

        if (!alive) {
            return no_memory();
        }
        run->alive = alive;
        run->alive_room = room;
    }
    run->alive[run->alive_count++] = key;
    return OK;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

struct vanished {
    struct run *run;
    size_t told; /* of run->alive; those that are not among them follow */
};

static status note_vanished(void *context, uint64_t key)
{
    struct vanished *vanished = context;
    struct run *run = vanished->run;

    return bsearch(&key, run->alive, vanished->told, sizeof key, compare_keys)
               ? OK
               : note_alive(run, key);
}

/* What is open and was not told to be alive ended where nobody could see. */
static status end_vanished(struct import *import)
{
    struct run *run = &import->run;
    struct vanished vanished = {run, run->alive_count};

    qsort(run->alive, run->alive_count, sizeof *run->alive, compare_keys);
    TRY(lifetimes_each_key(import->lifetimes, note_vanished, &vanished));
    for (size_t i = vanished.told; i < run->alive_count; i++) {
        struct block ended;

        if (lifetimes_close(import->lifetimes, run->alive[i], run->last_ns, &ended) ==
            LIFETIMES_DONE) {
            run->losses.ended_in_gap++;
            TRY(end_block(import, &ended, run->last_ns, NOBODY));
        }
    }
    return OK;
}

static status on_alive(void *context, const struct alive_batch *alive)
{
    struct import *import = context;
    struct run *run = &import->run;
    const struct event_batch *batch = alive->blocks;

    if (!run->blind) {
        return OK;
    }
    for (size_t i = 0; i < batch->count; i++) {
        bool object = batch->ops[i] == MR_OP_HEAP_ALLOC;
        uint64_t key = batch->alloc_keys[i];
        uint64_t placed = object && !batch->has_ids ? key | OBJECT_SPACE : key;

        TRY(note_alive(run, placed));
        if (!lifetimes_is_open(import->lifetimes, placed)) {
            TRY(carry(import, batch, i, key));
        }
    }
    if (alive->last) {
        if (alive->whole) {
            TRY(end_vanished(import));
            run->whole_since = true;
        }
        run->alive_count = 0;
        run->blind = !alive->whole;
    }
    return OK;
}

static status on_definition(void *context, const struct definition_record *record)
{
    return voice_definition(((struct import *)context)->voice, record);
}

/* Of a thread that is older than the run: counters since the run began. */
static status take_heap_base(struct thread_row *row, struct heap_counters_record *record)
{
    if (!row->older || record->heap == 0 || record->heap > MR_HEAPS_MAX) {
        return OK;
    }
    if (!row->heap_bases && !(row->heap_bases = calloc(MR_HEAPS_MAX, sizeof *row->heap_bases))) {
        return no_memory();
    }
    struct heap_base *base = &row->heap_bases[record->heap - 1];
    if (!base->known) {
        *base = (struct heap_base){true, record->alloc_calls, record->alloc_bytes,
                                   record->free_calls, record->freed_bytes};
    }
    record->alloc_calls -= base->alloc_calls;
    record->alloc_bytes -= base->alloc_bytes;
    record->free_calls -= base->free_calls;
    record->freed_bytes -= base->freed_bytes;
    return OK;
}

static status on_heap_counters(void *context, const struct heap_counters_record *record)
{
    struct import *import = context;
    uint32_t thread;

    TRY(find_thread(import, record->thread, time_ns(&import->run, record->ticks), &thread));
    struct heap_counters_record since = *record;
    TRY(take_heap_base(&import->run.thread_rows[thread], &since));
    return voice_heap_counters(import->voice, &since, thread);
}

static status on_metric(void *context, const struct metric_record *record)
{
    return import_ticks_metric(((struct import *)context)->ticks, record);
}

static status on_gauges(void *context, const struct gauge_batch *batch)
{
    struct import *import = context;

    for (size_t i = 0; i < batch->count; i++) {
        uint64_t now_ns = time_ns(&import->run, batch->ticks[i]);

        TRY(import_ticks_value(import->ticks, batch->metrics[i], now_ns, batch->values[i]));
        enum import_ticks_kind kind = import_ticks_kind(import->ticks, batch->metrics[i]);
        if (kind == TICK_LOOK) {
            waterfall_rows_look(&import->waterfall, now_ns, batch->values[i]);
        } else if (kind == TICK_ANSWER) {
            waterfall_rows_answer(&import->waterfall, now_ns, batch->values[i]);
        }
    }
    return OK;
}

static status on_end(void *context, const struct end_record *record)
{
    struct run *run = &((struct import *)context)->run;

    (void)time_ns(run, record->ticks);
    run->has_end = true;
    run->end_reason = record->reason;
    return OK;
}

static status on_gap(void *context, const struct gap_record *record)
{
    struct import *import = context;
    struct run *run = &import->run;
    struct statement *insert = import->insert_gap;
    bool before = run->late && run->events == 0 && record->first_byte == 0;

    run->blind = true;
    if (before) {
        run->losses.rotated_events = record->lost_events == UNKNOWN ? 0 : record->lost_events;
    }
    if (record->reason == trace_rotated_away) {
        return OK;
    }
    run->gaps++;
    if (record->last_ticks != UNKNOWN) {
        run->gaps_inside++;
        run->gap_unknown |= record->lost_events == UNKNOWN;
    }
    run->gap_events += record->lost_events == UNKNOWN ? 0 : record->lost_events;
    db_bind_int(insert, 1, run->id);
    db_bind_int(insert, 2,
                before ? -(int64_t)run->late_ns : (int64_t)time_ns(run, record->first_ticks));
    db_bind_known(insert, 3,
                  record->last_ticks == UNKNOWN ? UNKNOWN : time_ns(run, record->last_ticks));
    db_bind_known(insert, 4, record->lost_events);
    db_bind_int(insert, 5, (int64_t)record->first_byte);
    db_bind_int(insert, 6, (int64_t)record->last_byte);
    db_bind_string(insert, 7, record->reason);
    return db_insert(insert);
}

static status on_survivor(void *context, const struct block *block)
{
    struct import *import = context;
    struct rollup_block rolled = rollup_block_of(import, block);

    struct voice_columns told;

    told.count = 0;
    import->totals.survivors++;
    TRY(count_block(import, block));
    TRY(rollup_survivor(is_twin(import, block) ? import->twins : import->rollup, &rolled));
    if (voice_speaks(import->voice)) {
        TRY(voice_survivor(import->voice, block->context, &rolled, &told));
        TRY(leak_classes_survivor(import->classes, class_of(&told), &rolled));
    }
    if (!keep_rows_survivor(&import->run.keep, lifetimes_open_count(import->lifetimes),
                            &rolled.weight)) {
        return drop_row(import, block, rolled.weight);
    }
    return write_sample(import, block, rolled.weight, UNKNOWN, 0, &told);
}

status import_records_survivors(struct import *import)
{
    status result = look(import, PINS_END, import->run.last_ns, on_survivor);

    lifetimes_clear(import->lifetimes);
    return result;
}

struct record_sink import_records_sink(struct import *import)
{
    return (struct record_sink){
        .context = import,
        .header = on_header,
        .module = on_module,
        .module_gone = on_module_gone,
        .thread = on_thread,
        .thread_counters = on_thread_counters,
        .stacks = on_stacks,
        .definition = on_definition,
        .heap_counters = on_heap_counters,
        .events = on_events,
        .alive = on_alive,
        .metric = on_metric,
        .gauges = on_gauges,
        .end = on_end,
        .gap = on_gap,
    };
}
