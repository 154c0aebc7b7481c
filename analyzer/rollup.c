/* SPDX-License-Identifier: Apache-2.0 */
/* rollup.c -- see rollup.h.
 *
 * The peak by stack, exactly and without a second pass: each new maximum of the live bytes begins a new
 * epoch. A site keeps what it had live at the peak of some epoch. Nothing happened to it since, or it
 * was touched under the current epoch: its copy is right. Otherwise its live sums, which did not
 * change since the maximum, are the copy, and are taken just before it is touched.                */
#include "rollup.h"

#include "diag.h"
#include "history.h"
#include "schema/trace_format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WEIGHTS_BITS = 12,
    SIZE_STEPS = 4,
    SIZE_CLASSES = 64 * SIZE_STEPS,
    LIFETIME_CLASSES = 64,
    SIZE_OCTAVES = 64,
};

struct remembered_weight {
    uint64_t size_bytes; /* with the code in the top byte */
    uint64_t base;
    double weight;
};

struct bucket { /* a row of timeline */
    uint64_t samples;
    struct sums allocated, freed, live; /* live: at its end */
    double live_usable_bytes;
};

struct class_sums {
    struct sums allocated, live;
    double allocated_waste, live_waste;
};

struct lifetime_sums {
    uint64_t samples;
    double bytes, blocks;
};

/* What was allocated and freed in the stretch of time that the present is in: nearly all events fall into the same
 * one as the event before. */
struct flow {
    uint64_t begin_ns, length_ns; /* within one bucket, and one step of each list of the history */
    struct sums allocated, freed;
};

struct rollup {
    struct site **sites; /* by stack id */
    uint32_t site_room;
    uint32_t stack_count;
    uint64_t cells, cells_max;
    uint64_t bucket_ns, temporary_ns;
    struct bucket buckets[ROLLUP_BUCKETS_MAX];
    uint32_t bucket; /* the one that time is in */
    struct flow flow;
    struct history *history;
    struct sums live;
    double live_usable_bytes;
    double peak_bytes;
    uint64_t peak_ns, epoch;
    struct class_sums sizes[SIZE_CLASSES];
    struct lifetime_sums lifetimes[LIFETIME_CLASSES][SIZE_OCTAVES];
    struct class_sums *threads;
    uint32_t thread_count;
    struct remembered_weight weights[1 << WEIGHTS_BITS];
};

static status no_memory(void)
{
    diag_error("could not import: out of memory for the sums");
    return FAIL;
}

status rollup_open(struct rollup **out)
{
    *out = calloc(1, sizeof **out);
    return *out && ((*out)->history = history_new()) ? OK : no_memory();
}

static void forget(struct rollup *rollup)
{
    for (uint32_t i = 0; i < rollup->site_room; i++) {
        if (rollup->sites[i]) {
            free(rollup->sites[i]->cells);
            free(rollup->sites[i]->lifetimes);
            free(rollup->sites[i]);
        }
    }
    free(rollup->sites);
    free(rollup->threads);
}

void rollup_close(struct rollup *rollup)
{
    if (rollup) {
        forget(rollup);
        history_delete(rollup->history);
        free(rollup);
    }
}

void rollup_start(struct rollup *rollup, uint64_t duration_ns, uint64_t temporary_ns)
{
    struct history *history = rollup->history;

    forget(rollup);
    memset(rollup, 0, sizeof *rollup);
    rollup->history = history;
    history_start(history, duration_ns);
    rollup->bucket_ns = duration_ns / ROLLUP_BUCKETS + 1;
    rollup->temporary_ns = temporary_ns;
    rollup->cells_max = ROLLUP_CELLS_MAX;
    rollup->peak_ns = UNKNOWN;
}

/* ---- terms ---- */

double rollup_weight(struct rollup *rollup, uint64_t size_bytes, unsigned interval_code,
                     uint64_t base_interval_bytes)
{
    if (interval_code == 0) {
        return 1;
    }
    uint64_t key = size_bytes | (uint64_t)interval_code << 56;
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - WEIGHTS_BITS);
    struct remembered_weight *known = &rollup->weights[hash];
    if (known->size_bytes != key || known->base != base_interval_bytes) {
        double mean = (double)mr_interval_bytes(base_interval_bytes, interval_code);
        double size = size_bytes ? (double)size_bytes : 1;

        *known = (struct remembered_weight){key, base_interval_bytes, -1 / expm1(-size / mean)};
    }
    return known->weight;
}

static inline void add(struct sums *sums, double bytes, double weight)
{
    double missed = 1 - 1 / weight;

    sums->samples++;
    sums->bytes += bytes;
    sums->bytes_sq += bytes * bytes;
    sums->bytes_var += bytes * bytes * missed;
    sums->blocks += weight;
    sums->blocks_sq += weight * weight;
    sums->blocks_var += weight * weight * missed;
}

/* The inverse; the last one out leaves exact zeros, so that rounding never lingers. */
static inline void subtract(struct sums *sums, double bytes, double weight)
{
    double missed = 1 - 1 / weight;

    if (sums->samples <= 1) {
        *sums = (struct sums){0};
        return;
    }
    sums->samples--;
    sums->bytes -= bytes;
    sums->bytes_sq -= bytes * bytes;
    sums->bytes_var -= bytes * bytes * missed;
    sums->blocks -= weight;
    sums->blocks_sq -= weight * weight;
    sums->blocks_var -= weight * weight * missed;
}

static unsigned log2_floor(uint64_t value) { return 63 - (unsigned)__builtin_clzll(value | 1); }

/* Powers of two in four steps; sizes below 8 each have their own class. */
static unsigned size_class(uint64_t size_bytes)
{
    if (size_bytes < 8) {
        return (unsigned)size_bytes;
    }
    unsigned octave = log2_floor(size_bytes);
    return SIZE_STEPS * (octave - 1) + (unsigned)(size_bytes >> (octave - 2) & 3);
}

static uint64_t size_class_low(unsigned class)
{
    if (class < 8) {
        return class;
    }
    return (uint64_t)(4 + class % SIZE_STEPS) << (class / SIZE_STEPS - 1);
}

void rollup_size_class(uint64_t size_bytes, uint64_t *low, uint64_t *high)
{
    unsigned class = size_class(size_bytes);

    *low = size_class_low(class);
    *high = size_class_low(class + 1) - 1;
}

static unsigned lifetime_bucket(uint64_t lifetime_ns)
{
    if (lifetime_ns >> ROLLUP_LIFETIME_LOW == 0) {
        return 0;
    }
    unsigned octave = log2_floor(lifetime_ns);
    unsigned bucket = ROLLUP_LIFETIME_STEPS * (octave - ROLLUP_LIFETIME_LOW) +
                      (unsigned)(lifetime_ns >> (octave - 2) & 3);
    return bucket < ROLLUP_LIFETIMES ? bucket : ROLLUP_LIFETIMES - 1;
}

uint64_t rollup_lifetime_low_ns(unsigned bucket)
{
    return bucket == 0 ? 0
                       : (uint64_t)(4 + bucket % ROLLUP_LIFETIME_STEPS)
                             << (bucket / ROLLUP_LIFETIME_STEPS + ROLLUP_LIFETIME_LOW - 2);
}

uint64_t rollup_lifetime_high_ns(unsigned bucket) { return rollup_lifetime_low_ns(bucket + 1); }

/* ---- sites and cells ---- */

static status make_site(struct rollup *rollup, uint32_t stack_id, struct site **out)
{
    if (stack_id >= rollup->site_room) {
        uint32_t room = stack_id + stack_id / 2 + 256;
        struct site **sites = realloc(rollup->sites, room * sizeof(struct site *));

        if (!sites) {
            return no_memory();
        }
        memset(sites + rollup->site_room, 0, (room - rollup->site_room) * sizeof(struct site *));
        rollup->sites = sites;
        rollup->site_room = room;
    }
    struct site *site = calloc(1, sizeof *site);
    if (!site) {
        return no_memory();
    }
    site->stack_id = stack_id;
    site->first_ns = site->temporary_first_ns = site->end_first_ns = UINT64_MAX;
    site->peak_epoch = rollup->epoch;
    rollup->sites[stack_id] = site;
    rollup->stack_count = stack_id >= rollup->stack_count ? stack_id + 1 : rollup->stack_count;
    *out = site;
    return OK;
}

static inline status find_site(struct rollup *rollup, uint32_t stack_id, struct site **out)
{
    if (stack_id < rollup->site_room && rollup->sites[stack_id]) {
        *out = rollup->sites[stack_id];
        return OK;
    }
    return make_site(rollup, stack_id, out);
}

struct site *rollup_site(const struct rollup *rollup, uint32_t stack_id)
{
    return stack_id < rollup->site_room ? rollup->sites[stack_id] : NULL;
}

const struct sums *rollup_live(const struct rollup *rollup, double *usable_bytes)
{
    *usable_bytes = rollup->live_usable_bytes;
    return &rollup->live;
}

uint32_t rollup_stack_count(const struct rollup *rollup) { return rollup->stack_count; }

static void add_sums(struct sums *sums, const struct sums *more)
{
    sums->samples += more->samples;
    sums->bytes += more->bytes;
    sums->bytes_sq += more->bytes_sq;
    sums->bytes_var += more->bytes_var;
    sums->blocks += more->blocks;
    sums->blocks_sq += more->blocks_sq;
    sums->blocks_var += more->blocks_var;
}

static void add_cell(struct site_cell *into, const struct site_cell *cell)
{
    into->samples += cell->samples;
    into->survivors += cell->survivors;
    into->freed_samples += cell->freed_samples;
    into->alloc_bytes += cell->alloc_bytes;
    into->freed_bytes += cell->freed_bytes;
    into->survivor_bytes += cell->survivor_bytes;
}

/* Doubles the width of all buckets: two neighbours become one. */
static void widen(struct rollup *rollup)
{
    uint64_t cells = 0;

    for (uint32_t i = 0; i <= rollup->bucket; i += 2) {
        struct bucket merged = rollup->buckets[i];

        if (i + 1 <= rollup->bucket) {
            const struct bucket *second = &rollup->buckets[i + 1];

            merged.samples += second->samples;
            add_sums(&merged.allocated, &second->allocated);
            add_sums(&merged.freed, &second->freed);
            merged.live = second->live;
            merged.live_usable_bytes = second->live_usable_bytes;
        }
        rollup->buckets[i / 2] = merged;
    }
    rollup->bucket /= 2;
    memset(rollup->buckets + rollup->bucket + 1, 0,
           (ROLLUP_BUCKETS_MAX - rollup->bucket - 1) * sizeof *rollup->buckets);
    rollup->bucket_ns *= 2;

    for (uint32_t i = 0; i < rollup->stack_count; i++) {
        struct site *site = rollup->sites[i];
        uint32_t kept = 0;

        for (uint32_t k = 0; site && k < site->cell_count; k++) {
            struct site_cell cell = site->cells[k];

            cell.bucket /= 2;
            if (kept && site->cells[kept - 1].bucket == cell.bucket) {
                add_cell(&site->cells[kept - 1], &cell);
            } else {
                site->cells[kept++] = cell;
            }
        }
        if (site) {
            site->now.bucket /= 2;
            site->cell_count = kept;
            cells += kept;
        }
    }
    rollup->cells = cells;
    if (cells >
        rollup->cells_max / 2) { /* as many stacks as cells: widening again would not help */
        rollup->cells_max = 2 * cells;
    }
}

/* The bucket of a time. Moves the present there when it is later, keeping what was live at each
 * end. */
static uint32_t bucket_at(struct rollup *rollup, uint64_t time_ns)
{
    while (time_ns / rollup->bucket_ns >= ROLLUP_BUCKETS_MAX) {
        widen(rollup);
    }
    uint32_t bucket = (uint32_t)(time_ns / rollup->bucket_ns);
    while (rollup->bucket < bucket) {
        rollup->buckets[rollup->bucket].live = rollup->live;
        rollup->buckets[rollup->bucket].live_usable_bytes = rollup->live_usable_bytes;
        rollup->bucket++;
    }
    return bucket;
}

static inline uint64_t lower(uint64_t a, uint64_t b) { return a < b ? a : b; }

static inline uint64_t higher(uint64_t a, uint64_t b) { return a > b ? a : b; }

static void flush_flow(struct rollup *rollup)
{
    struct flow *flow = &rollup->flow;

    if (flow->allocated.samples || flow->freed.samples) {
        struct bucket *bucket = &rollup->buckets[flow->begin_ns / rollup->bucket_ns];

        bucket->samples += flow->allocated.samples;
        add_sums(&bucket->allocated, &flow->allocated);
        add_sums(&bucket->freed, &flow->freed);
        history_add(rollup->history, flow->begin_ns, &flow->allocated, &flow->freed);
    }
    *flow = (struct flow){0};
}

static struct flow *begin_flow(struct rollup *rollup, uint64_t time_ns)
{
    uint64_t begin_ns;
    uint64_t end_ns;

    flush_flow(rollup);
    uint64_t bucket_ns = bucket_at(rollup, time_ns) * rollup->bucket_ns;
    history_pass(rollup->history, time_ns, &rollup->live);
    history_stretch(rollup->history, time_ns, &begin_ns, &end_ns);
    end_ns = lower(end_ns, bucket_ns + rollup->bucket_ns);
    rollup->flow.begin_ns = higher(begin_ns, bucket_ns);
    rollup->flow.length_ns = end_ns - rollup->flow.begin_ns;
    return &rollup->flow;
}

/* Where what happens at this time is summed. Call before anything begins or ends to live then. */
static inline struct flow *flow_at(struct rollup *rollup, uint64_t time_ns)
{
    return time_ns - rollup->flow.begin_ns < rollup->flow.length_ns ? &rollup->flow
                                                                    : begin_flow(rollup, time_ns);
}

static status insert_cell(struct rollup *rollup, struct site *site, uint32_t at, uint32_t bucket)
{
    if (site->cell_count == site->cell_room) {
        uint32_t room = site->cell_room + site->cell_room / 2 + 4;
        struct site_cell *cells = realloc(site->cells, room * sizeof *cells);

        if (!cells) {
            return no_memory();
        }
        site->cells = cells;
        site->cell_room = room;
    }
    memmove(site->cells + at + 1, site->cells + at, (site->cell_count - at) * sizeof *site->cells);
    site->cells[at] = (struct site_cell){.bucket = bucket};
    site->cell_count++;
    rollup->cells++;
    return OK;
}

/* The site's cell of a bucket among those that are not the latest. */
static status find_old_cell(struct rollup *rollup, struct site *site, uint32_t bucket,
                            struct site_cell **out)
{
    uint32_t low = 0;
    uint32_t at = site->cell_count;

    while (low < at) { /* the first cell beyond the bucket */
        uint32_t middle = (low + at) / 2;

        if (site->cells[middle].bucket > bucket) {
            at = middle;
        } else {
            low = middle + 1;
        }
    }
    if (at > 0 && site->cells[at - 1].bucket == bucket) {
        *out = &site->cells[at - 1];
        return OK;
    }
    TRY(insert_cell(rollup, site, at, bucket));
    *out = &site->cells[at];
    return OK;
}

/* Puts the latest cell to the others. */
static status settle(struct rollup *rollup, struct site *site)
{
    if (site->has_now) {
        struct site_cell *cell;

        TRY(find_old_cell(rollup, site, site->now.bucket, &cell));
        add_cell(cell, &site->now);
        site->has_now = false;
    }
    return OK;
}

/* The site's cell of a bucket; nearly always the latest, which is in the site itself. */
static inline status find_cell(struct rollup *rollup, struct site *site, uint32_t bucket,
                               struct site_cell **out)
{
    if (site->has_now && site->now.bucket > bucket) {
        return find_old_cell(rollup, site, bucket, out);
    }
    if (!site->has_now || site->now.bucket != bucket) {
        TRY(settle(rollup, site));
        site->now = (struct site_cell){.bucket = bucket};
        site->has_now = true;
    }
    *out = &site->now;
    return OK;
}

/* Call before a site's live sums change. */
static inline void keep_peak(const struct rollup *rollup, struct site *site)
{
    if (site->peak_epoch != rollup->epoch) {
        site->peak = site->live;
        site->peak_first_ns = site->live_first_ns;
        site->peak_last_ns = site->last_ns;
        site->peak_epoch = rollup->epoch;
    }
}

static status make_threads(struct rollup *rollup, uint32_t thread)
{
    uint32_t count = thread + thread / 2 + 16;
    struct class_sums *threads = realloc(rollup->threads, count * sizeof *threads);

    if (!threads) {
        return no_memory();
    }
    memset(threads + rollup->thread_count, 0, (count - rollup->thread_count) * sizeof *threads);
    rollup->threads = threads;
    rollup->thread_count = count;
    return OK;
}

/* ---- events ---- */

/* A block lives from now on. */
static inline status begin_life(struct rollup *rollup, const struct rollup_block *block,
                                uint64_t now_ns, struct site **site_out)
{
    double bytes = (double)block->size_bytes * block->weight;
    double waste = (double)block->extra_bytes * block->weight;
    struct site *site;
    struct site_cell *cell;

    if (rollup->cells >= rollup->cells_max) {
        widen(rollup);
    }
    uint32_t bucket = bucket_at(rollup, block->birth_ns);
    TRY(find_site(rollup, block->stack_id, &site));
    TRY(find_cell(rollup, site, bucket, &cell));
    if (block->thread >= rollup->thread_count) {
        TRY(make_threads(rollup, block->thread));
    }
    cell->samples++;
    cell->alloc_bytes += bytes;

    keep_peak(rollup, site);
    if (site->live.samples == 0) {
        site->live_first_ns = block->birth_ns;
    }
    add(&site->live, bytes, block->weight);
    site->first_ns = lower(site->first_ns, block->birth_ns);
    site->last_ns = higher(site->last_ns, block->birth_ns);

    add(&rollup->live, bytes, block->weight);
    rollup->live_usable_bytes += bytes + waste;
    if (rollup->live.bytes > rollup->peak_bytes) {
        rollup->peak_bytes = rollup->live.bytes;
        rollup->peak_ns = now_ns;
        rollup->epoch++;
    }
    *site_out = site;
    return OK;
}

status rollup_alloc(struct rollup *rollup, const struct rollup_block *block)
{
    double bytes = (double)block->size_bytes * block->weight;
    struct site *site;

    add(&flow_at(rollup, block->birth_ns)->allocated, bytes, block->weight);
    TRY(begin_life(rollup, block, block->birth_ns, &site));
    struct class_sums *size = &rollup->sizes[size_class(block->size_bytes)];
    add(&size->allocated, bytes, block->weight);
    size->allocated_waste += (double)block->extra_bytes * block->weight;
    add(&rollup->threads[block->thread].allocated, bytes, block->weight);
    add(&site->allocated, bytes, block->weight);
    return OK;
}

status rollup_carry(struct rollup *rollup, const struct rollup_block *block, uint64_t now_ns)
{
    struct site *site;

    flow_at(rollup, now_ns);
    TRY(begin_life(rollup, block, now_ns, &site));
    site->carried++;
    return OK;
}

static status count_lifetime(struct rollup *rollup, struct site *site,
                             const struct rollup_block *block, uint64_t lifetime_ns, double bytes)
{
    struct lifetime_sums *class =
        &rollup->lifetimes[log2_floor(lifetime_ns)][log2_floor(block->size_bytes)];

    if (!site->lifetimes &&
        !(site->lifetimes = calloc(ROLLUP_LIFETIMES, sizeof *site->lifetimes))) {
        return no_memory();
    }
    site->lifetimes[lifetime_bucket(lifetime_ns)]++;
    site->freed++;
    site->freed_old += block->old;
    site->longest_ns = higher(site->longest_ns, lifetime_ns);
    class->samples++;
    class->bytes += bytes;
    class->blocks += block->weight;
    if (lifetime_ns < rollup->temporary_ns) {
        add(&site->temporary, bytes, block->weight);
        site->temporary_first_ns = lower(site->temporary_first_ns, block->birth_ns);
        site->temporary_last_ns = higher(site->temporary_last_ns, block->birth_ns);
    }
    return OK;
}

status rollup_free(struct rollup *rollup, const struct rollup_block *block, uint64_t death_ns)
{
    double bytes = (double)block->size_bytes * block->weight;
    struct site *site;
    struct site_cell *cell;

    if (rollup->cells >= rollup->cells_max) {
        widen(rollup);
    }
    uint32_t bucket = bucket_at(rollup, death_ns);
    TRY(find_site(rollup, block->stack_id, &site));
    TRY(find_cell(rollup, site, bucket, &cell));
    cell->freed_samples++;
    cell->freed_bytes += bytes;
    add(&flow_at(rollup, death_ns)->freed, bytes, block->weight);
    keep_peak(rollup, site);
    subtract(&site->live, bytes, block->weight);
    subtract(&rollup->live, bytes, block->weight);
    rollup->live_usable_bytes -= bytes + (double)block->extra_bytes * block->weight;
    if (rollup->live.samples == 0) {
        rollup->live_usable_bytes = 0;
    }
    return count_lifetime(rollup, site, block, death_ns - block->birth_ns + block->earlier_ns,
                          bytes);
}

/* ---- the end ---- */

status rollup_finish(struct rollup *rollup, uint64_t end_ns)
{
    flush_flow(rollup);
    bucket_at(rollup, end_ns);
    for (uint32_t i = 0; i < rollup->stack_count; i++) {
        if (rollup->sites[i]) {
            keep_peak(rollup, rollup->sites[i]);
            TRY(settle(rollup, rollup->sites[i]));
        }
    }
    /* Summed afresh from the survivors: the running sums have seen every rounding of the run. */
    memset(&rollup->buckets[rollup->bucket].live, 0, sizeof(struct sums));
    rollup->buckets[rollup->bucket].live_usable_bytes = 0;
    return OK;
}

status rollup_survivor(struct rollup *rollup, const struct rollup_block *block)
{
    double bytes = (double)block->size_bytes * block->weight;
    double waste = (double)block->extra_bytes * block->weight;
    struct bucket *last = &rollup->buckets[rollup->bucket];
    struct site *site;
    struct site_cell *cell;

    TRY(find_site(rollup, block->stack_id, &site));
    TRY(find_old_cell(rollup, site, (uint32_t)(block->birth_ns / rollup->bucket_ns), &cell));
    cell->survivors++;
    cell->survivor_bytes += bytes;
    add(&site->end, bytes, block->weight);
    add(&site->waste, waste, block->weight);
    site->end_first_ns = lower(site->end_first_ns, block->birth_ns);
    site->end_last_ns = higher(site->end_last_ns, block->birth_ns);
    site->end_earlier_ns = higher(site->end_earlier_ns, block->earlier_ns);
    struct class_sums *size = &rollup->sizes[size_class(block->size_bytes)];
    add(&size->live, bytes, block->weight);
    size->live_waste += waste;
    add(&rollup->threads[block->thread].live, bytes, block->weight);
    add(&last->live, bytes, block->weight);
    last->live_usable_bytes += bytes + waste;
    return OK;
}

status rollup_write_history(struct rollup *rollup, struct db *db, int64_t run_id, uint64_t end_ns)
{
    return history_write(rollup->history, db, run_id, end_ns,
                         &rollup->buckets[rollup->bucket].live);
}

uint64_t rollup_bucket_ns(const struct rollup *rollup) { return rollup->bucket_ns; }

uint64_t rollup_peak_ns(const struct rollup *rollup) { return rollup->peak_ns; }

/* ---- rows ---- */

static void bind_sums(struct statement *insert, int at, const struct sums *sums)
{
    db_bind_int(insert, at, (int64_t)sums->samples);
    db_bind_real(insert, at + 1, sums->bytes);
    db_bind_real(insert, at + 2, sums->bytes_sq);
    db_bind_real(insert, at + 3, fmax(sums->bytes_var, 0));
    db_bind_real(insert, at + 4, sums->blocks);
    db_bind_real(insert, at + 5, sums->blocks_sq);
    db_bind_real(insert, at + 6, fmax(sums->blocks_var, 0));
}

static status write_stack_stat(struct rollup *rollup, struct db *db, int64_t run_id)
{
    static const char *const measures[] = {"allocated", "live", "peak", "temporary", "waste"};
    struct statement *insert;

    TRY(db_prepare(db, "INSERT INTO stack_stat VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    for (int measure = 0; measure < 5; measure++) { /* in the order of the primary key */
        for (uint32_t i = 0; i < rollup->stack_count; i++) {
            const struct site *site = rollup->sites[i];
            if (!site) {
                continue;
            }
            const struct sums *sums[] = {&site->allocated, &site->end, &site->peak,
                                         &site->temporary, &site->waste};
            const uint64_t first[] = {site->first_ns, site->end_first_ns, site->peak_first_ns,
                                      site->temporary_first_ns, site->end_first_ns};
            const uint64_t last[] = {site->last_ns, site->end_last_ns, site->peak_last_ns,
                                     site->temporary_last_ns, site->end_last_ns};
            if (sums[measure]->samples == 0) {
                continue;
            }
            db_bind_int(insert, 1, run_id);
            db_bind_string(insert, 2, measures[measure]);
            db_bind_int(insert, 3, i);
            bind_sums(insert, 4, sums[measure]);
            db_bind_int(insert, 11, (int64_t)first[measure]);
            db_bind_int(insert, 12, (int64_t)last[measure]);
            TRY(db_insert(insert));
        }
    }
    return OK;
}

static status write_cell(struct statement *insert, struct table_writer *writer, int64_t run_id,
                         uint32_t stack_id, const struct site_cell *cell)
{
    if (writer) {
        table_writer_int(writer, run_id);
        table_writer_int(writer, stack_id);
        table_writer_int(writer, cell->bucket);
        table_writer_real(writer, cell->alloc_bytes);
        table_writer_real(writer, cell->freed_bytes);
        table_writer_real(writer, cell->survivor_bytes);
        table_writer_int(writer, cell->samples);
        table_writer_int(writer, cell->survivors);
        return table_writer_end_row(writer, 0);
    }
    db_bind_int(insert, 1, run_id);
    db_bind_int(insert, 2, stack_id);
    db_bind_int(insert, 3, cell->bucket);
    db_bind_real(insert, 4, cell->alloc_bytes);
    db_bind_real(insert, 5, cell->freed_bytes);
    db_bind_real(insert, 6, cell->survivor_bytes);
    db_bind_int(insert, 7, cell->samples);
    db_bind_int(insert, 8, cell->survivors);
    return db_insert(insert);
}

static status write_stack_time(struct rollup *rollup, struct db *db, struct table_writer *writer,
                               int64_t run_id)
{
    struct statement *insert;

    TRY(db_prepare(db, "INSERT INTO stack_time VALUES (?, ?, ?, ?, ?, ?, ?, ?)", &insert));
    for (uint32_t i = 0; i < rollup->stack_count; i++) {
        const struct site *site = rollup->sites[i];

        for (uint32_t k = 0; site && k < site->cell_count; k++) {
            TRY(write_cell(insert, writer, run_id, i, &site->cells[k]));
        }
    }
    return OK;
}

static status write_timeline(struct rollup *rollup, struct db *db, int64_t run_id)
{
    struct statement *insert;

    TRY(db_prepare(db,
                   "INSERT INTO timeline VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                   " ?, ?)",
                   &insert));
    for (uint32_t i = 0; i <= rollup->bucket; i++) {
        const struct bucket *bucket = &rollup->buckets[i];

        db_bind_int(insert, 1, run_id);
        db_bind_int(insert, 2, i);
        db_bind_int(insert, 3, (int64_t)(i * rollup->bucket_ns));
        db_bind_int(insert, 4, (int64_t)bucket->samples);
        db_bind_real(insert, 5, bucket->allocated.bytes);
        db_bind_real(insert, 6, bucket->allocated.bytes_sq);
        db_bind_real(insert, 7, bucket->allocated.bytes_var);
        db_bind_real(insert, 8, bucket->freed.bytes);
        db_bind_real(insert, 9, bucket->freed.bytes_sq);
        db_bind_real(insert, 10, bucket->freed.bytes_var);
        bind_sums(insert, 11, &bucket->live);
        db_bind_real(insert, 18, bucket->live_usable_bytes);
        TRY(db_insert(insert));
    }
    return OK;
}

static status write_thread_stat(struct rollup *rollup, struct db *db, int64_t run_id,
                                const int64_t *thread_ids)
{
    struct statement *insert;

    TRY(db_prepare(db, "INSERT INTO thread_stat VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &insert));
    for (uint32_t i = 0; i < rollup->thread_count; i++) {
        for (int live = 0; live < 2; live++) {
            const struct sums *sums =
                live ? &rollup->threads[i].live : &rollup->threads[i].allocated;

            if (sums->samples) {
                db_bind_int(insert, 1, run_id);
                db_bind_string(insert, 2, live ? "live" : "allocated");
                db_bind_int(insert, 3, thread_ids[i]);
                bind_sums(insert, 4, sums);
                TRY(db_insert(insert));
            }
        }
    }
    return OK;
}

static status write_size_stat(struct rollup *rollup, struct db *db, int64_t run_id)
{
    struct statement *insert;

    TRY(db_prepare(db, "INSERT INTO size_stat VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &insert));
    for (unsigned i = 0; i < SIZE_CLASSES; i++) {
        for (int live = 0; live < 2; live++) {
            const struct class_sums *class = &rollup->sizes[i];
            const struct sums *sums = live ? &class->live : &class->allocated;

            if (sums->samples) {
                db_bind_int(insert, 1, run_id);
                db_bind_string(insert, 2, live ? "live" : "allocated");
                db_bind_int(insert, 3, (int64_t)size_class_low(i));
                db_bind_int(insert, 4, (int64_t)size_class_low(i + 1) - 1);
                bind_sums(insert, 5, sums);
                db_bind_real(insert, 12, live ? class->live_waste : class->allocated_waste);
                TRY(db_insert(insert));
            }
        }
    }
    return OK;
}

/* From a power of two, the first of which counts 0 too, to just below the next. */
static void bind_octave(struct statement *insert, int at, unsigned octave)
{
    db_bind_int(insert, at, octave == 0 ? 0 : (int64_t)1 << octave);
    db_bind_int(insert, at + 1, octave >= 62 ? INT64_MAX : ((int64_t)2 << octave) - 1);
}

static status write_lifetime_stat(struct rollup *rollup, struct db *db, int64_t run_id)
{
    struct statement *insert;

    TRY(db_prepare(db, "INSERT INTO lifetime_stat VALUES (?, ?, ?, ?, ?, ?, ?, ?)", &insert));
    for (unsigned i = 0; i < LIFETIME_CLASSES * SIZE_OCTAVES; i++) {
        unsigned life = i / SIZE_OCTAVES, size = i % SIZE_OCTAVES;
        const struct lifetime_sums *class = &rollup->lifetimes[life][size];

        if (class->samples) {
            db_bind_int(insert, 1, run_id);
            bind_octave(insert, 2, life);
            bind_octave(insert, 4, size);
            db_bind_int(insert, 6, (int64_t) class->samples);
            db_bind_real(insert, 7, class->bytes);
            db_bind_real(insert, 8, class->blocks);
            TRY(db_insert(insert));
        }
    }
    return OK;
}

status rollup_write(struct rollup *rollup, struct db *db, struct table_writer *stack_time,
                    int64_t run_id, const int64_t *thread_ids)
{
    TRY(write_stack_stat(rollup, db, run_id));
    TRY(write_stack_time(rollup, db, stack_time, run_id));
    TRY(write_timeline(rollup, db, run_id));
    TRY(write_thread_stat(rollup, db, run_id, thread_ids));
    TRY(write_size_stat(rollup, db, run_id));
    return write_lifetime_stat(rollup, db, run_id);
}
