/* SPDX-License-Identifier: Apache-2.0 */
/* symbols.c -- remembers every answer, asks the cache on disk, and opens the object file last.
 *
 * Few object files are open at a time: debug information is large, and lookups come sorted. What an
 * answer points to therefore never lies in an object file, but in the pool or in a cache file.     */
#include "symbols.h"

#include "diag.h"
#include "dwarf_index.h"
#include "mangling.h"
#include "object_file.h"
#include "symbol_cache.h"
#include "text_pool.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define SYMBOLS_OPEN_OBJECTS_MAX 8u

enum symbol_source { SOURCE_NONE = 0, SOURCE_DYNSYM, SOURCE_SYMTAB, SOURCE_DWARF };

struct symbol_module {
    char *path;
    uint8_t *build_id;
    size_t build_id_bytes;
    uint64_t hash;
    struct symbol_cache_entry *answers; /* a hash table; frames == NULL: an empty slot */
    size_t answer_slots, answer_count;
    void *cache_memory; /* of the answers that came from disk */
    uint64_t fingerprint;
    bool cache_tried, changed; /* changed: has answers that the cache lacks */
    bool object_tried;
    enum object_state state;
    struct object_file *object; /* NULL: not open now */
    struct dwarf_index *dwarf;
    uint64_t dwarf_bias;
    uint64_t last_use;
    enum symbol_source source;
};

struct symbolizer {
    struct text_pool pool;
    struct symbol_module **modules; /* a hash table */
    size_t module_slots;
    struct symbol_module *last;
    struct symbol_module *open[SYMBOLS_OPEN_OBJECTS_MAX];
    uint64_t clock; /* counts uses, for the one unused longest */
    char *cache_folder;
    struct symbolizer_counts counts;
};

/* An answer without frames must still differ from an empty slot. */
static const struct symbol_frame symbols_no_frames;

static status symbols_no_memory(void)
{
    diag_error("could not name addresses: out of memory");
    return FAIL;
}

status symbolizer_open(struct symbolizer **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out) {
        return symbols_no_memory();
    }
    (*out)->cache_folder = symbol_cache_folder();
    return OK;
}

/* ---- answers -------------------------------------------------------------------------------- */

static struct symbol_cache_entry *symbols_slot(struct symbol_cache_entry *answers, size_t slots,
                                               uint64_t offset)
{
    size_t at = (offset * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (slots - 1);

    while (answers[at].frames && answers[at].offset != offset) {
        at = (at + 1) & (slots - 1);
    }
    return &answers[at];
}

static bool symbols_reserve(struct symbol_module *module, size_t more)
{
    size_t slots = module->answer_slots ? module->answer_slots : 16;

    while ((module->answer_count + more) * 4 >= slots * 3) {
        slots *= 2;
    }
    if (slots == module->answer_slots) {
        return true;
    }
    struct symbol_cache_entry *answers = calloc(slots, sizeof *answers);

    if (!answers) {
        return false;
    }
    for (size_t i = 0; i < module->answer_slots; i++) {
        if (module->answers[i].frames) {
            *symbols_slot(answers, slots, module->answers[i].offset) = module->answers[i];
        }
    }
    free(module->answers);
    module->answers = answers;
    module->answer_slots = slots;
    return true;
}

/* Needs a reserved slot. The first answer for an offset stays. */
static struct symbol_cache_entry *symbols_remember(struct symbol_module *module,
                                                   struct symbol_cache_entry answer)
{
    struct symbol_cache_entry *slot =
        symbols_slot(module->answers, module->answer_slots, answer.offset);

    if (!slot->frames) {
        *slot = answer;
        if (answer.count == 0) {
            slot->frames = &symbols_no_frames;
        }
        module->answer_count++;
    }
    return slot;
}

/* ---- the cache on disk ---------------------------------------------------------------------- */

static void symbols_load(struct symbolizer *symbolizer, struct symbol_module *module)
{
    struct symbol_cache_file file;

    module->cache_tried = true;
    if (!symbolizer->cache_folder || module->build_id_bytes == 0) {
        return;
    }
    module->fingerprint =
        XXH64(mangling_engine(), strlen(mangling_engine()),
              object_fingerprint(module->path, module->build_id, module->build_id_bytes));
    if (!symbol_cache_load(symbolizer->cache_folder, module->build_id, module->build_id_bytes,
                           &file, &module->cache_memory)) {
        return;
    }
    if (file.fingerprint != module->fingerprint) {
        struct object_file *object;
        enum object_state state;

        /* Files came, went or changed. Ask them again if they are there; otherwise what was true of
         * this build still is. */
        if (object_open(module->path, module->build_id, module->build_id_bytes, &object, &state)
                .code != STATUS_OK) {
            return;
        }
        object_close(object);
        if (object) {
            free(module->cache_memory);
            module->cache_memory = NULL;
            return;
        }
    }
    if (file.entry_count <= SIZE_MAX / 8 && symbols_reserve(module, file.entry_count)) {
        for (size_t i = 0; i < file.entry_count; i++) {
            symbols_remember(module, file.entries[i]);
        }
        module->source = file.source <= SOURCE_DWARF ? file.source : SOURCE_NONE;
    }
}

static int symbols_compare(const void *left, const void *right)
{
    uint64_t l = ((const struct symbol_cache_entry *)left)->offset;
    uint64_t r = ((const struct symbol_cache_entry *)right)->offset;

    return (l > r) - (l < r);
}

/* The module's last use of its answers: they are packed and sorted in place. */
static void symbols_save(struct symbolizer *symbolizer, struct symbol_module *module)
{
    size_t count = 0;

    if (!module->changed || !symbolizer->cache_folder || module->build_id_bytes == 0) {
        return;
    }
    for (size_t i = 0; i < module->answer_slots; i++) {
        if (module->answers[i].frames) {
            module->answers[count++] = module->answers[i];
        }
    }
    qsort(module->answers, count, sizeof *module->answers, symbols_compare);
    symbol_cache_save(symbolizer->cache_folder, module->build_id, module->build_id_bytes,
                      &(struct symbol_cache_file){.fingerprint = module->fingerprint,
                                                  .source = (uint8_t)module->source,
                                                  .entries = module->answers,
                                                  .entry_count = count});
}

/* ---- modules -------------------------------------------------------------------------------- */

static void symbols_close_object(struct symbolizer *symbolizer, struct symbol_module *module)
{
    dwarf_index_close(module->dwarf);
    object_close(module->object);
    module->dwarf = NULL;
    module->object = NULL;
    for (size_t i = 0; i < SYMBOLS_OPEN_OBJECTS_MAX; i++) {
        if (symbolizer->open[i] == module) {
            symbolizer->open[i] = NULL;
        }
    }
}

static void symbols_free_module(struct symbol_module *module)
{
    free(module->answers);
    free(module->cache_memory);
    free(module->build_id);
    free(module->path);
    free(module);
}

void symbolizer_close(struct symbolizer *symbolizer)
{
    if (!symbolizer) {
        return;
    }
    for (size_t i = 0; i < symbolizer->module_slots; i++) {
        struct symbol_module *module = symbolizer->modules[i];

        if (module) {
            symbols_close_object(symbolizer, module);
            symbols_save(symbolizer, module);
            symbols_free_module(module);
        }
    }
    free(symbolizer->modules);
    free(symbolizer->cache_folder);
    text_pool_free(&symbolizer->pool);
    free(symbolizer);
}

static bool symbols_is(const struct symbol_module *module, const char *path,
                       const uint8_t *build_id, size_t build_id_bytes)
{
    return module->build_id_bytes == build_id_bytes && strcmp(module->path, path) == 0 &&
           (build_id_bytes == 0 || memcmp(module->build_id, build_id, build_id_bytes) == 0);
}

static struct symbol_module **symbols_module_slot(const struct symbolizer *symbolizer,
                                                  uint64_t hash, const char *path,
                                                  const uint8_t *build_id, size_t build_id_bytes)
{
    size_t at = hash & (symbolizer->module_slots - 1);

    while (symbolizer->modules[at] &&
           (symbolizer->modules[at]->hash != hash ||
            !symbols_is(symbolizer->modules[at], path, build_id, build_id_bytes))) {
        at = (at + 1) & (symbolizer->module_slots - 1);
    }
    return &symbolizer->modules[at];
}

static bool symbols_grow_modules(struct symbolizer *symbolizer)
{
    size_t old_slots = symbolizer->module_slots;
    struct symbol_module **old = symbolizer->modules;
    size_t slots = old_slots ? old_slots * 2 : 64;
    struct symbol_module **modules = calloc(slots, sizeof(struct symbol_module *));

    if (!modules) {
        return false;
    }
    symbolizer->modules = modules;
    symbolizer->module_slots = slots;
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i]) {
            *symbols_module_slot(symbolizer, old[i]->hash, old[i]->path, old[i]->build_id,
                                 old[i]->build_id_bytes) = old[i];
        }
    }
    free(old);
    return true;
}

/* The module, made when it is new; NULL: out of memory. */
static struct symbol_module *symbols_module(struct symbolizer *symbolizer, const char *path,
                                            const uint8_t *build_id, size_t build_id_bytes)
{
    if (symbolizer->last && symbols_is(symbolizer->last, path, build_id, build_id_bytes)) {
        return symbolizer->last;
    }
    if (symbolizer->counts.modules * 4 >= symbolizer->module_slots * 3 &&
        !symbols_grow_modules(symbolizer)) {
        return NULL;
    }
    uint64_t hash = XXH3_64bits_withSeed(
        path, strlen(path), build_id_bytes ? XXH3_64bits(build_id, build_id_bytes) : 0);
    struct symbol_module **slot =
        symbols_module_slot(symbolizer, hash, path, build_id, build_id_bytes);

    if (!*slot) {
        struct symbol_module *module = calloc(1, sizeof *module);

        if (!module) {
            return NULL;
        }
        module->hash = hash;
        module->path = strdup(path);
        module->build_id = malloc(build_id_bytes + 1);
        module->build_id_bytes = build_id_bytes;
        if (!module->path || !module->build_id) {
            symbols_free_module(module);
            return NULL;
        }
        if (build_id_bytes > 0) {
            memcpy(module->build_id, build_id, build_id_bytes);
        }
        *slot = module;
        symbolizer->counts.modules++;
    }
    symbolizer->last = *slot;
    return *slot;
}

/* Opens the module's object file unless it is open or known to be of no use. */
static status symbols_need_object(struct symbolizer *symbolizer, struct symbol_module *module)
{
    size_t place = 0;

    module->last_use = ++symbolizer->clock;
    if (module->object || (module->object_tried && module->state != OBJECT_OPEN)) {
        return OK;
    }
    TRY(object_open(module->path, module->build_id, module->build_id_bytes, &module->object,
                    &module->state));
    if (!module->object) {
        symbolizer->counts.missing_modules += module->state == OBJECT_MISSING;
        symbolizer->counts.stale_modules += module->state == OBJECT_STALE;
        module->object_tried = true;
        return OK;
    }
    for (size_t i = 1; i < SYMBOLS_OPEN_OBJECTS_MAX && symbolizer->open[place]; i++) {
        if (!symbolizer->open[i] ||
            symbolizer->open[i]->last_use < symbolizer->open[place]->last_use) {
            place = i;
        }
    }
    if (symbolizer->open[place]) {
        symbols_close_object(symbolizer, symbolizer->open[place]);
    }
    symbolizer->open[place] = module;

    Dwarf *dwarf = object_dwarf(module->object, &module->dwarf_bias);

    module->dwarf = dwarf ? dwarf_index_open(dwarf) : NULL;
    if (!module->object_tried && !dwarf && !object_has_symbols(module->object)) {
        symbolizer->counts.stripped_modules++;
    }
    module->object_tried = true;
    return dwarf && !module->dwarf ? symbols_no_memory() : OK;
}

/* ---- lookup --------------------------------------------------------------------------------- */

static struct text symbols_text(const char *string)
{
    return (struct text){string, strlen(string)};
}

/* The name and its demangled form, both in the pool; false: out of memory. */
static bool symbols_name(struct symbolizer *symbolizer, const char *name,
                         struct symbol_frame *frame)
{
    struct text *pretty;
    struct text raw = text_pool_keep(&symbolizer->pool, symbols_text(name), &pretty);

    if (!raw.bytes) {
        return false;
    }
    if (!pretty->bytes) {
        char *demangled = mangling_undo(name);
        struct text kept = raw;

        if (demangled) {
            kept = text_pool_keep(&symbolizer->pool, symbols_text(demangled), NULL);
            free(demangled);
            /* The pool may have moved its companions. */
            raw = text_pool_keep(&symbolizer->pool, raw, &pretty);
        }
        if (!kept.bytes) {
            return false;
        }
        *pretty = kept;
    }
    frame->function = *pretty;
    frame->raw_name = pretty->bytes == raw.bytes ? (struct text){0} : raw;
    return true;
}

/* Asks the object file. `found` has room for DWARF_INDEX_FRAMES_MAX. */
static status symbols_find(struct symbolizer *symbolizer, struct symbol_module *module,
                           uint64_t address, struct symbol_frame *found, uint32_t *count)
{
    struct dwarf_frame lines[DWARF_INDEX_FRAMES_MAX];
    size_t known = 0;
    enum symbol_source source = SOURCE_DWARF;

    *count = 0;
    if (module->dwarf) {
        known = dwarf_index_find(module->dwarf, address + module->dwarf_bias, lines);
    }
    /* The outermost function has a symbol; an inlined one without a name is told by its caller's. */
    if (known == 0 || !lines[known - 1].name) {
        bool dynamic = false;
        const char *name = object_symbol(module->object, address, &dynamic);

        if (!name) {
            return OK;
        }
        if (known == 0) {
            lines[0] = (struct dwarf_frame){0};
            known = 1;
        }
        lines[known - 1].name = name;
        source = dynamic ? SOURCE_DYNSYM : SOURCE_SYMTAB;
    }
    for (size_t i = 0; i < known; i++) {
        struct symbol_frame *frame = &found[*count];

        if (!lines[i].name) {
            continue;
        }
        *frame = (struct symbol_frame){.line = lines[i].line};
        if (!symbols_name(symbolizer, lines[i].name, frame)) {
            return symbols_no_memory();
        }
        if (lines[i].file) {
            frame->file = text_pool_keep(&symbolizer->pool, symbols_text(lines[i].file), NULL);
            if (!frame->file.bytes) {
                return symbols_no_memory();
            }
        }
        ++*count;
    }
    module->source = source > module->source ? source : module->source;
    return OK;
}

status symbolizer_lookup(struct symbolizer *symbolizer, const char *module_path,
                         const uint8_t *build_id, size_t build_id_bytes, uint64_t module_offset,
                         const struct symbol_frame **frames, size_t *count)
{
    struct symbol_frame found[DWARF_INDEX_FRAMES_MAX];
    uint32_t found_count = 0;
    struct symbol_module *module =
        symbols_module(symbolizer, module_path, build_id, build_id ? build_id_bytes : 0);
    struct symbol_cache_entry *answer;

    *frames = NULL;
    *count = 0;
    if (!module) {
        return symbols_no_memory();
    }
    symbolizer->counts.lookups++;
    if (!module->cache_tried) {
        symbols_load(symbolizer, module);
    }
    if (!symbols_reserve(module, 1)) {
        return symbols_no_memory();
    }
    answer = symbols_slot(module->answers, module->answer_slots, module_offset);
    if (!answer->frames) {
        struct symbol_frame *kept = NULL;

        TRY(symbols_need_object(symbolizer, module));
        if (!module->object) {
            return OK;
        }
        TRY(symbols_find(symbolizer, module, module_offset, found, &found_count));
        if (found_count > 0) {
            kept = text_pool_room(&symbolizer->pool, found_count * sizeof *kept);
            if (!kept) {
                return symbols_no_memory();
            }
            memcpy(kept, found, found_count * sizeof *kept);
        }
        answer = symbols_remember(module, (struct symbol_cache_entry){.offset = module_offset,
                                                                      .frames = kept,
                                                                      .count = found_count});
        module->changed = true;
    }
    symbolizer->counts.named += answer->count > 0;
    symbolizer->counts.from_cache += answer->count > 0 && answer->from_disk;
    *frames = answer->count > 0 ? answer->frames : NULL;
    *count = answer->count;
    return OK;
}

const char *symbolizer_source(struct symbolizer *symbolizer, const char *module_path,
                              const uint8_t *build_id, size_t build_id_bytes)
{
    static const char *const names[] = {[SOURCE_NONE] = NULL,
                                        [SOURCE_DYNSYM] = "dynsym",
                                        [SOURCE_SYMTAB] = "symtab",
                                        [SOURCE_DWARF] = "dwarf"};
    struct symbol_module *module =
        symbols_module(symbolizer, module_path, build_id, build_id ? build_id_bytes : 0);

    return module ? names[module->source] : NULL;
}

const struct symbolizer_counts *symbolizer_get_counts(const struct symbolizer *symbolizer)
{
    return &symbolizer->counts;
}
