/* SPDX-License-Identifier: Apache-2.0 */
/* leak_sites.c -- places in code: stacks are judged alone when they have enough samples, else together with those
 * that share their innermost frames. See leak_list.h. */
#include "leak_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENOUGH_SAMPLES = 100, /* a stack with so many is judged alone */
    WITNESSES_MIN = 5,    /* fewer say nothing */
    LEVELS = 4,
};
/* innermost frames that merged stacks share */
static const uint32_t level_frames[LEVELS] = {8, 4, 2, 1};

struct member { /* a stack waiting to be judged, with the key of the group it is in */
    uint64_t key;
    uint32_t stack_id;
};

struct leak_merged {
    struct site_cell cells[ROLLUP_BUCKETS_MAX];
    uint32_t lifetimes[ROLLUP_LIFETIMES];
};

struct witnesses { /* stacks that say how the program treats its memory */
    uint32_t count;
    double weight, tidy; /* of all, and of those that freed half of theirs or more */
};

struct sites {
    struct leak_list *list;
    struct member *members;
    size_t member_count;
    struct witnesses witnesses;
};

static const struct site *site_of(const struct leak_list *list, uint32_t stack_id)
{
    const struct rollup *rollup = leak_rollup_of(list, stack_id);

    return rollup ? rollup_site(rollup, stack_id) : NULL;
}

static uint64_t mixed(uint64_t key, uint64_t value)
{
    key = (key ^ (value + 1)) * UINT64_C(0x9e3779b97f4a7c15);
    return key ^ key >> 29;
}

/* Equal for stacks that share the innermost `frames` frames from the site on, the heap, and the sums they are in. */
static uint64_t group_key(const struct leak_list *list, uint32_t stack_id, uint32_t frames)
{
    uint32_t count;
    bool truncated;
    const uint32_t *at = stack_table_frames(list->input->stacks, stack_id, &count, &truncated);
    uint32_t first = stack_table_site_depth(list->input->stacks, stack_id);
    uint64_t key = mixed(leak_rollup_of(list, stack_id) == list->input->twins,
                         leak_classes_heap(list->input->classes, stack_id));

    for (uint32_t i = first; i < count && i < first + frames; i++) {
        key = mixed(key, at[i]);
    }
    return key;
}

static int compare_members(const void *left, const void *right)
{
    const struct member *l = left;
    const struct member *r = right;

    if (l->key != r->key) {
        return l->key < r->key ? -1 : 1;
    }
    return (l->stack_id > r->stack_id) - (l->stack_id < r->stack_id);
}

/* A busy site says more than one that allocated once, though not as much more as it is busier. */
static void count_witness(struct witnesses *witnesses, const struct site *site, int sign)
{
    double weight = log2(1 + (double)site->allocated.samples);

    witnesses->count += (uint32_t)sign;
    witnesses->weight += sign * weight;
    witnesses->tidy += 2 * site->freed >= site->allocated.samples ? sign * weight : 0;
}

/* Whether a stack tells about the program's manners. One that never frees and allocates to the
 * end is accused itself: two leaks must not excuse each other. */
static bool is_witness(const struct leak_list *list, const struct site *site)
{
    return site->freed > 0 || site->allocated.samples < LEAK_SAMPLES_MIN ||
           (double)site->last_ns < 0.8 * (double)list->input->end_ns;
}

/* ---- one site of several ---- */

static void begin_merge(struct leak_list *list, uint64_t bucket_ns, uint32_t heap_id,
                        struct leak_site *site, struct leak_row *row)
{
    *site = (struct leak_site){.bucket_ns = bucket_ns,
                               .end_ns = list->input->end_ns ? list->input->end_ns : 1,
                               .outlived_ns = voice_collected_ns(list->input->voice),
                               .garbage_ns = UNKNOWN,
                               .oldest_birth_ns = UNKNOWN};
    memset(list->merged, 0, sizeof *list->merged);
    for (uint32_t i = 0; i < ROLLUP_BUCKETS_MAX; i++) {
        list->merged->cells[i].bucket = i;
    }
    for (size_t i = 0; heap_id && i < list->heap_count; i++) {
        if (list->heaps[i].id == heap_id) {
            site->garbage_ns = list->heaps[i].garbage_ns;
            site->collection_ns = list->heaps[i].collection_ns;
        }
    }
    if (site->garbage_ns < site->outlived_ns) { /* minor collections leave old garbage */
        site->outlived_ns = site->garbage_ns;
    }
    *row = (struct leak_row){.kind = heap_id ? LEAK_OBJECT : LEAK_SITE,
                             .heap_id = heap_id,
                             .gcs = UNKNOWN,
                             .frames = UNKNOWN,
                             .spans = UNKNOWN};
}

static void merge(struct leak_list *list, const struct site *from, struct leak_site *site,
                  struct leak_row *row)
{
    struct leak_merged *merged = list->merged;

    for (uint32_t i = 0; i < from->cell_count; i++) {
        const struct site_cell *cell = &from->cells[i];
        struct site_cell *to = &merged->cells[cell->bucket];

        to->samples += cell->samples;
        to->survivors += cell->survivors;
        to->freed_samples += cell->freed_samples;
        to->alloc_bytes += cell->alloc_bytes;
        to->freed_bytes += cell->freed_bytes;
        to->survivor_bytes += cell->survivor_bytes;
    }
    for (unsigned i = 0; from->lifetimes && i < ROLLUP_LIFETIMES; i++) {
        merged->lifetimes[i] += from->lifetimes[i];
    }
    leak_sums_add(&row->live, &from->end);
    row->stacks++;
    site->samples += from->allocated.samples + from->carried;
    site->live_samples += from->end.samples;
    site->freed += from->freed;
    site->freed_old += from->freed_old;
    site->longest_ns = from->longest_ns > site->longest_ns ? from->longest_ns : site->longest_ns;
    site->last_birth_ns = from->last_ns > site->last_birth_ns ? from->last_ns : site->last_birth_ns;
    if (from->end.samples && from->end_first_ns < site->oldest_birth_ns) {
        site->oldest_birth_ns = from->end_first_ns;
    }
    if (from->end_earlier_ns > site->oldest_earlier_ns) {
        site->oldest_earlier_ns = from->end_earlier_ns;
    }
}

static void judge_merged(struct leak_list *list, struct leak_site *site, struct leak_row *row)
{
    site->cells = list->merged->cells;
    site->cell_count = ROLLUP_BUCKETS_MAX;
    site->lifetimes = site->freed ? list->merged->lifetimes : NULL;
    leak_judge(site, &row->finding);
    row->samples = site->samples;
    row->live_samples = site->live_samples;
    row->oldest_birth_ns = site->oldest_birth_ns;
    row->oldest_earlier_ns = site->oldest_earlier_ns;
}

void leak_sites_judge_one(struct leak_list *list, const struct site *site, uint64_t bucket_ns,
                          uint32_t heap_id, struct leak_row *row)
{
    struct leak_site merged;

    begin_merge(list, bucket_ns, heap_id, &merged, row);
    merge(list, site, &merged, row);
    merged.others_tidy_share = -1;
    judge_merged(list, &merged, row);
}

/* ---- groups of stacks ---- */

/* Judges members [0, count) as one site. */
static status judge_group(struct sites *sites, const struct member *members, size_t count)
{
    struct leak_list *list = sites->list;
    struct witnesses others = sites->witnesses;
    struct leak_site site;
    struct leak_row *row;
    double most = -1;

    TRY(leak_list_add(list, &row));
    begin_merge(list, rollup_bucket_ns(leak_rollup_of(list, members[0].stack_id)),
                leak_classes_heap(list->input->classes, members[0].stack_id), &site, row);
    for (size_t i = 0; i < count; i++) {
        const struct site *from = site_of(list, members[i].stack_id);
        double weight = from->end.bytes + 1e-9 * from->allocated.bytes;

        merge(list, from, &site, row);
        if (is_witness(list, from)) {
            count_witness(&others, from, -1);
        }
        if (weight > most) {
            most = weight;
            row->stack_id = members[i].stack_id;
        }
        list->row_of_stack[members[i].stack_id] = (uint32_t)list->count; /* plus 1 */
    }
    site.others_tidy_share = others.count < WITNESSES_MIN ? -1 : others.tidy / others.weight;
    judge_merged(list, &site, row);
    return OK;
}

/* Judges the groups that have enough samples, or all when `rest`; the others stay members. */
static status judge_level(struct sites *sites, uint32_t frames, bool rest)
{
    struct member *members = sites->members;
    size_t kept = 0;

    for (size_t i = 0; i < sites->member_count; i++) {
        members[i].key =
            frames ? group_key(sites->list, members[i].stack_id, frames) : members[i].stack_id;
    }
    qsort(members, sites->member_count, sizeof *members, compare_members);
    for (size_t first = 0, next; first < sites->member_count; first = next) {
        uint64_t samples = 0;

        for (next = first; next < sites->member_count && members[next].key == members[first].key;
             next++) {
            samples += site_of(sites->list, members[next].stack_id)->allocated.samples;
        }
        if (rest || samples >= ENOUGH_SAMPLES) {
            TRY(judge_group(sites, members + first, next - first));
        } else {
            memmove(members + kept, members + first, (next - first) * sizeof *members);
            kept += next - first;
        }
    }
    sites->member_count = kept;
    return OK;
}

static status judge_all(struct sites *sites)
{
    struct leak_list *list = sites->list;

    for (uint32_t i = 1; i < list->stack_count; i++) { /* 0: lost stacks, which are no site */
        const struct site *site = site_of(list, i);

        if (!site) {
            continue;
        }
        sites->members[sites->member_count++].stack_id = i;
        if (is_witness(list, site)) {
            count_witness(&sites->witnesses, site, 1);
        }
    }
    TRY(judge_level(sites, 0, false));
    for (int level = 0; level < LEVELS; level++) {
        TRY(judge_level(sites, level_frames[level], level == LEVELS - 1));
    }
    return OK;
}

status leak_sites_judge(struct leak_list *list)
{
    struct sites sites = {.list = list};

    sites.members = calloc(list->stack_count + 1, sizeof *sites.members);
    list->merged = malloc(sizeof *list->merged);
    status result = sites.members && list->merged ? judge_all(&sites) : leak_no_memory();
    free(sites.members);
    return result;
}

/* ---- two views of one memory ---- */

/* The frame at the site of a row's stack, plus 1; 0: none. */
static uint64_t site_frame(const struct leak_list *list, const struct leak_row *row)
{
    uint32_t count;
    bool truncated;
    const uint32_t *at;

    if (row->kind > LEAK_OBJECT || row->stack_id == 0) {
        return 0;
    }
    at = stack_table_frames(list->input->stacks, row->stack_id, &count, &truncated);
    uint32_t site = stack_table_site_depth(list->input->stacks, row->stack_id);
    return site < count ? (uint64_t)at[site] + 1 : 0;
}

/* A frame that rows share, and what its sites [0] and its objects [1] say together. */
struct place {
    uint64_t frame;
    enum leak_verdict verdict[2]; /* the worst */
    uint64_t live_samples[2];
    uint32_t largest[2]; /* of the rows with most of them, plus 1 */
    bool twins;          /* the objects are known to be blocks */
};

static struct place *place_of(struct place *places, size_t slots, uint64_t frame)
{
    size_t at = mixed(0, frame) & (slots - 1);

    while (places[at].frame && places[at].frame != frame) {
        at = (at + 1) & (slots - 1);
    }
    if (!places[at].frame) {
        places[at] = (struct place){.frame = frame, .verdict = {LEAK_STEADY, LEAK_STEADY}};
    }
    return &places[at];
}

static void note(const struct leak_list *list, struct place *place, uint32_t index)
{
    const struct leak_row *row = &list->rows[index];
    bool object = row->kind == LEAK_OBJECT;
    uint32_t largest = place->largest[object];

    place->live_samples[object] += row->live_samples;
    if (row->live_samples && row->finding.verdict < place->verdict[object]) {
        place->verdict[object] = row->finding.verdict;
    }
    if (!largest || row->live_samples > list->rows[largest - 1].live_samples) {
        place->largest[object] = index + 1;
    }
    place->twins |= object && leak_rollup_of(list, row->stack_id) == list->input->twins;
}

/* One instruction, or one line of an interpreted program, does not allocate both: the heap's objects of there are the
 * blocks of malloc that hold them, and one of the two views says it. When both could, blocks do that all other reports
 * count, and else the larger. */
static void settle(struct leak_list *list, const struct place *place, uint32_t index)
{
    struct leak_row *row = &list->rows[index];
    bool object = row->kind == LEAK_OBJECT;
    bool equal = place->verdict[1] == place->verdict[0];
    bool larger = place->live_samples[1] >= place->live_samples[0];
    bool objects_say = equal ? larger && !place->twins : place->verdict[1] < place->verdict[0];

    if (!place->live_samples[0] || !place->live_samples[1] || object == objects_say) {
        return;
    }
    row->dropped = true;
    if (object) {
        row->finding.verdict = place->verdict[0]; /* its class need not say it again */
        row->told_by = index + 1 == place->largest[1] ? place->largest[0] : 0;
    }
}

status leak_sites_pair(struct leak_list *list)
{
    size_t slots = 64;
    struct place *places;

    while (slots < 2 * list->count) {
        slots *= 2;
    }
    if (list->heap_count == 0) {
        return OK;
    }
    places = calloc(slots, sizeof *places);
    if (!places) {
        return leak_no_memory();
    }
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < list->count; i++) {
            uint64_t frame = site_frame(list, &list->rows[i]);

            if (frame && pass == 0) {
                note(list, place_of(places, slots, frame), i);
            } else if (frame) {
                settle(list, place_of(places, slots, frame), i);
            }
        }
    }
    free(places);
    return OK;
}
