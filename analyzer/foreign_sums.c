/* SPDX-License-Identifier: Apache-2.0 */
/* foreign_sums.c -- see foreign_sums.h. */
#include "foreign_sums.h"

#include "diag.h"
#include "pins_result.h"
#include "schema/trace_format.h"
#include "stack_id.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { PATH_BYTES = 4096, ALLOCATOR_RANGES_MAX = 64 };

const char *const foreign_sums_measures[] = {"allocated", "live",     "peak",
                                             "temporary", "timeline", NULL};

struct foreign_sums_range {
    uint64_t start, end;
};

/* ---- begin ---------------------------------------------------------------------------------- */

status foreign_sums_begin(struct import *import, const char *path, const char *format,
                          struct foreign_sums *out)
{
    *out = (struct foreign_sums){.import = import,
                                 .path = path,
                                 .format = format,
                                 .run_id = ++import->run_count,
                                 .node_count = 1, /* 1 is where stacks are cut off */
                                 .duration_ns = 0,
                                 .started_unix_ns = -1,
                                 .peak_ns = -1,
                                 .bucket_ns = 1000000};
    stack_table_begin_run(import->stacks, out->run_id);
    stack_table_native_places(import->stacks, true);
    TRY(db_prepare(import->db,
                   "INSERT INTO stack_stat (run_id, measure, stack_id, samples, bytes, bytes_sq,"
                   " bytes_var, blocks, blocks_sq, blocks_var, first_ns, last_ns)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT DO UPDATE SET"
                   " samples = samples + excluded.samples, bytes = bytes + excluded.bytes,"
                   " bytes_sq = bytes_sq + excluded.bytes_sq,"
                   " bytes_var = bytes_var + excluded.bytes_var, blocks = blocks + excluded.blocks,"
                   " blocks_sq = blocks_sq + excluded.blocks_sq,"
                   " blocks_var = blocks_var + excluded.blocks_var",
                   &out->add));
    return db_prepare(import->db,
                      "INSERT INTO size_stat (run_id, measure, low_bytes, high_bytes, samples,"
                      " bytes, bytes_sq, bytes_var, blocks, blocks_sq, blocks_var, waste_bytes)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET"
                      " samples = samples + excluded.samples, bytes = bytes + excluded.bytes,"
                      " bytes_sq = bytes_sq + excluded.bytes_sq,"
                      " bytes_var = bytes_var + excluded.bytes_var,"
                      " blocks = blocks + excluded.blocks,"
                      " blocks_sq = blocks_sq + excluded.blocks_sq,"
                      " blocks_var = blocks_var + excluded.blocks_var",
                      &out->add_size);
}

void foreign_sums_close(struct foreign_sums *sums)
{
    pair_index_free(&sums->places);
    pair_index_free(&sums->nodes);
    free(sums->allocator);
    stack_table_native_places(sums->import->stacks, false);
}

/* ---- modules -------------------------------------------------------------------------------- */

/* The virtual address of a place in a file; the place itself when the file does not tell. */
static uint64_t address_of(const char *path, uint64_t offset)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t address = offset;

    elf_version(EV_CURRENT);
    Elf *elf = file < 0 ? NULL : elf_begin(file, ELF_C_READ_MMAP, NULL);
    size_t count = 0;
    if (elf && elf_getphdrnum(elf, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            GElf_Phdr segment;

            if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_LOAD &&
                (segment.p_flags & PF_X) && offset < segment.p_offset + segment.p_filesz &&
                offset + 0x1000 > segment.p_offset) {
                address = segment.p_vaddr - segment.p_offset + offset;
            }
        }
    }
    elf_end(elf);
    if (file >= 0) {
        close(file);
    }
    return address;
}

/* Whether a module is an allocator, whose own functions no report should blame. */
static bool is_allocator(const char *path)
{
    static const char *const names[] = {"libjemalloc", "libtcmalloc", "libprofiler"};
    const char *slash = strrchr(path, '/');

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(slash ? slash + 1 : path, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

static status keep_allocator(struct foreign_sums *sums, uint64_t start, uint64_t end)
{
    struct foreign_sums_range *grown =
        realloc(sums->allocator, (sums->allocator_count + 1) * sizeof *grown);

    if (!grown) {
        diag_error("could not import: out of memory");
        return FAIL;
    }
    sums->allocator = grown;
    sums->allocator[sums->allocator_count++] = (struct foreign_sums_range){start, end};
    return OK;
}

status foreign_sums_mapping(struct foreign_sums *sums, const char *line)
{
    char path[PATH_BYTES];
    char rights[8];
    unsigned long long start;
    unsigned long long end;
    unsigned long long offset;

    if (sscanf(line, "%llx-%llx %7s %llx %*s %*s %4095[^\n]", &start, &end, rights, &offset,
               path) != 5 ||
        strlen(rights) < 4 || rights[2] != 'x' || path[0] != '/' || end <= start ||
        sums->module_count >= 65536) {
        return OK;
    }
    struct address_range range = {start, end - start};
    struct module_record module = {.id = ++sums->module_count,
                                   .bias = start - address_of(path, offset),
                                   .ranges = &range,
                                   .range_count = 1,
                                   .path = {path, strlen(path)}};
    if (is_allocator(path) && sums->allocator_count < ALLOCATOR_RANGES_MAX) {
        TRY(keep_allocator(sums, start, end));
    }
    return stack_table_module(sums->import->stacks, &module, 0);
}

/* ---- stacks --------------------------------------------------------------------------------- */

status foreign_sums_place(struct foreign_sums *sums, struct text function, struct text file,
                          uint64_t line, uint64_t *pc)
{
    XXH3_state_t hash;
    uint32_t number;
    bool is_new;

    XXH3_64bits_reset(&hash);
    XXH3_64bits_update(&hash, function.bytes, function.length);
    XXH3_64bits_update(&hash, "", 1);
    XXH3_64bits_update(&hash, file.bytes, file.length);
    TRY(pair_index_of(&sums->places, XXH3_64bits_digest(&hash), line, &number, &is_new));
    *pc = MR_PLACE_PC + number + 1;
    return is_new ? stack_table_place(sums->import->stacks, (uint64_t)number + 1, function, file,
                                      line <= UINT32_MAX ? (uint32_t)line : 0)
                  : OK;
}

static bool is_of_allocator(const struct foreign_sums *sums, uint64_t pc)
{
    for (size_t i = 0; i < sums->allocator_count; i++) {
        if (pc > sums->allocator[i].start && pc <= sums->allocator[i].end) {
            return true;
        }
    }
    return false;
}

status foreign_sums_stack(struct foreign_sums *sums, const uint64_t *pcs, size_t count,
                          uint32_t *stack_id)
{
    uint64_t node = 0;

    for (; count > 1 && is_of_allocator(sums, pcs[0]); pcs++) {
        count--;
    }
    for (size_t i = count; i-- > 0;) {
        uint32_t number;
        bool is_new;

        TRY(pair_index_of(&sums->nodes, node, pcs[i], &number, &is_new));
        if (is_new) {
            const struct stack_record record = {
                .first_id = (uint64_t)number + 2, .count = 1, .parents = &node, .pcs = &pcs[i]};

            TRY(stack_table_nodes(sums->import->stacks, &record));
        }
        node = (uint64_t)number + 2;
    }
    *stack_id = 0;
    return node ? stack_table_use(sums->import->stacks, (uint32_t)node, stack_id) : OK;
}

/* ---- values --------------------------------------------------------------------------------- */

/* bytes, blocks with the sums that views.sql needs for intervals, at parameter `at`. */
static void bind_sums(struct statement *insert, int at, double samples, double bytes, double blocks,
                      double weight)
{
    double missed = 1 - 1 / weight;
    double size = samples > 0 ? bytes / samples : 0; /* what one of them stands for */
    double each = samples > 0 ? blocks / samples : 0;

    db_bind_int(insert, at, llround(samples));
    db_bind_real(insert, at + 1, bytes);
    db_bind_real(insert, at + 2, samples * size * size);
    db_bind_real(insert, at + 3, samples * size * size * missed);
    if (blocks >= 0) {
        db_bind_real(insert, at + 4, blocks);
        db_bind_real(insert, at + 5, samples * each * each);
        db_bind_real(insert, at + 6, samples * each * each * missed);
    }
}

status foreign_sums_add(struct foreign_sums *sums, const char *measure, uint32_t stack_id,
                        const struct foreign_sums_value *value)
{
    double bytes = value->bytes;
    double blocks = value->blocks;
    double weight = 1;

    if (!(bytes >= 0) || !(bytes < 9e15) || !(blocks < 9e15) || (bytes == 0 && blocks <= 0)) {
        return OK; /* nothing, or not what an allocator hands out */
    }
    if (sums->interval_bytes > 0 && blocks > 0) {
        double size = bytes / blocks;
        double chance = -expm1(-(size > 1 ? size : 1) / (double)sums->interval_bytes);

        weight = 1 / chance;
        bytes *= value->scaled ? 1 : weight;
        blocks *= value->scaled ? 1 : weight;
    }
    double samples = blocks > 0 ? blocks / weight : 0;
    db_bind_int(sums->add, 1, sums->run_id);
    db_bind_string(sums->add, 2, measure);
    db_bind_int(sums->add, 3, stack_id);
    bind_sums(sums->add, 4, samples, bytes, blocks, weight);
    TRY(db_insert(sums->add));
    for (size_t i = 0; foreign_sums_measures[i]; i++) {
        sums->has[i] = sums->has[i] || strcmp(foreign_sums_measures[i], measure) == 0;
    }
    sums->entries++;
    if (blocks <= 0 || (strcmp(measure, "live") != 0 && strcmp(measure, "allocated") != 0)) {
        return OK;
    }
    uint64_t low;
    uint64_t high;
    rollup_size_class((uint64_t)(bytes / blocks), &low, &high); /* their mean: no more is known */
    db_bind_int(sums->add_size, 1, sums->run_id);
    db_bind_string(sums->add_size, 2, measure);
    db_bind_int(sums->add_size, 3, (int64_t)low);
    db_bind_int(sums->add_size, 4, (int64_t)high);
    bind_sums(sums->add_size, 5, samples, bytes, blocks, weight);
    return db_insert(sums->add_size);
}

/* ---- the run -------------------------------------------------------------------------------- */

/* The content is the identity: 32 digits. */
static status hash_file(const char *path, char out[33], uint64_t *bytes)
{
    FILE *file = fopen(path, "re");
    XXH3_state_t hash;
    XXH128_canonical_t id;
    char buffer[65536];

    *bytes = 0;
    if (!file) {
        diag_error("could not read \"%s\": %m", path);
        return FAIL;
    }
    XXH3_128bits_reset(&hash);
    for (size_t some; (some = fread(buffer, 1, sizeof buffer, file)) > 0;) {
        XXH3_128bits_update(&hash, buffer, some);
        *bytes += some;
    }
    fclose(file);
    XXH128_canonicalFromHash(&id, XXH3_128bits_digest(&hash));
    stack_id_hex(out, id.digest, 16);
    return OK;
}

static status write_run(struct foreign_sums *sums)
{
    struct statement *insert;
    uint64_t bytes;
    char id[33];

    TRY(hash_file(sums->path, id, &bytes));
    TRY(db_prepare(
        sums->import->db,
        "INSERT INTO run (id, trace_id, trace_path, trace_bytes, executable, command_line,"
        " recorder_version, started_unix_ns, duration_ns, mode, interval_bytes, complete,"
        " block_count, event_count, recovered_events, bucket_ns, temporary_ns, peak_ns)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0, 0, ?, 0, ?)",
        &insert));
    db_bind_int(insert, 1, sums->run_id);
    db_bind_string(insert, 2, id);
    db_bind_string(insert, 3, sums->path);
    db_bind_int(insert, 4, (int64_t)bytes);
    db_bind_string(insert, 5, sums->executable);
    db_bind_string(insert, 6, sums->command);
    db_bind_string(insert, 7, sums->format);
    db_bind_known(insert, 8, (uint64_t)sums->started_unix_ns); /* -1 is UNKNOWN */
    db_bind_int(insert, 9, sums->duration_ns > 0 ? sums->duration_ns : 0);
    db_bind_string(insert, 10, sums->interval_bytes ? "sampled" : "full");
    db_bind_known(insert, 11, sums->interval_bytes ? sums->interval_bytes : UNKNOWN);
    db_bind_int(insert, 12, sums->bucket_ns);
    db_bind_known(insert, 13, (uint64_t)sums->peak_ns);
    return db_insert(insert);
}

static status write_capabilities(struct foreign_sums *sums)
{
    struct statement *insert;
    struct statement *loss;
    char detail[512];
    char list[128] = "";

    TRY(db_prepare(sums->import->db, "INSERT OR IGNORE INTO capability VALUES (?, ?)", &insert));
    TRY(db_prepare(
        sums->import->db,
        "INSERT INTO loss (run_id, kind, count, detail) VALUES (?, 'not_recorded', 1, ?)", &loss));
    for (size_t i = 0; foreign_sums_measures[i]; i++) {
        if (sums->has[i]) {
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? ", " : "",
                     foreign_sums_measures[i]);
            db_bind_int(insert, 1, sums->run_id);
            db_bind_string(insert, 2, foreign_sums_measures[i]);
            TRY(db_insert(insert));
        }
    }
    db_bind_int(insert, 1, sums->run_id);
    db_bind_string(insert, 2, "sums"); /* and nothing that sums do not tell */
    TRY(db_insert(insert));
    snprintf(
        detail, sizeof detail,
        "Imported from a %s, which has sums only (%s): no single blocks with their times, lifetimes "
        "and threads.",
        sums->format, *list ? list : "none");
    db_bind_int(loss, 1, sums->run_id);
    db_bind_string(loss, 2, detail);
    return db_insert(loss);
}

/* What is alive, by stack: nobody can tell from sums whether it would have been freed. */
static status write_findings(struct foreign_sums *sums)
{
    struct statement *select;
    struct statement *insert;
    bool has_row;

    TRY(stack_table_name(sums->import->stacks, sums->import->symbolizer));
    TRY(db_prepare(sums->import->db,
                   "SELECT l.stack_id, l.samples, l.bytes, l.bytes_sq, l.bytes_var, l.blocks,"
                   " l.blocks_sq, l.blocks_var, COALESCE(a.samples, l.samples),"
                   " ROW_NUMBER() OVER (ORDER BY l.bytes DESC, l.stack_id) FROM stack_stat l"
                   " LEFT JOIN stack_stat a ON a.run_id = l.run_id AND a.measure = 'allocated'"
                   " AND a.stack_id = l.stack_id WHERE l.run_id = ? AND l.measure = 'live'"
                   " AND l.bytes > 0 ORDER BY 10",
                   &select));
    TRY(db_prepare(
        sums->import->db,
        "INSERT INTO leak (run_id, rank, kind, verdict, subject, stack_id, merged_stacks,"
        " function, samples, live_samples, live_bytes, live_bytes_low, live_bytes_high,"
        " live_blocks, live_blocks_low, live_blocks_high, reason)"
        " VALUES (?, ?, 'site', 'undecided', ?3, ?4, 1, ?3, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
        " ?12, 'what was imported tells no times: nobody can say whether these blocks"
        " would still have been freed; memanalyze record gives a verdict')",
        &insert));
    db_bind_int(select, 1, sums->run_id);
    TRY(db_step(select, &has_row));
    while (has_row) {
        struct pins_sum bytes = {db_real(select, 2), db_real(select, 3), db_real(select, 4)};
        struct pins_sum blocks = {db_real(select, 5), db_real(select, 6), db_real(select, 7)};
        uint32_t stack_id = (uint32_t)db_int(select, 0);
        double low;
        double high;

        db_bind_int(insert, 1, sums->run_id);
        db_bind_int(insert, 2, db_int(select, 9));
        db_bind_string(insert, 3,
                       stack_id ? stack_table_function(sums->import->stacks, stack_id) : "?");
        db_bind_int(insert, 4, stack_id);
        db_bind_int(insert, 5, db_int(select, 8));
        db_bind_int(insert, 6, db_int(select, 1));
        pins_interval(&bytes, &low, &high);
        db_bind_real(insert, 7, bytes.value);
        db_bind_real(insert, 8, low);
        db_bind_real(insert, 9, high);
        if (!db_is_null(select, 5)) {
            pins_interval(&blocks, &low, &high);
            db_bind_real(insert, 10, blocks.value);
            db_bind_real(insert, 11, low);
            db_bind_real(insert, 12, high);
        }
        TRY(db_insert(insert));
        TRY(db_step(select, &has_row));
    }
    return OK;
}

status foreign_sums_finish(struct foreign_sums *sums)
{
    TRY(write_run(sums));
    TRY(write_capabilities(sums));
    return write_findings(sums);
}
