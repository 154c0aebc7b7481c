/* SPDX-License-Identifier: Apache-2.0 */
/* modules_test.c -- what is read from /proc/self/maps, against what the loader says, while libraries come
 * and go. */
#include "check.h"
#include "decode.h"
#include "modules.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <unistd.h>

enum { SEEN_MAX = 256 };

static struct seen {
    struct seen_module {
        uint64_t id, ticks, bias, start, end; /* of its executable ranges */
        size_t range_count;
        char path[1024];
        uint8_t build_id[64];
        size_t build_id_bytes;
    } module[SEEN_MAX];
    size_t modules;
    uint64_t gone[SEEN_MAX];
    size_t gone_count;
} seen;

static status keep_module(void *unused, const struct module_record *record)
{
    struct seen_module *module = &seen.module[seen.modules++];

    (void)unused;
    *module = (struct seen_module){.id = record->id,
                                   .ticks = record->ticks,
                                   .bias = record->bias,
                                   .range_count = record->range_count};
    memcpy(module->path, record->path.bytes, record->path.length);
    memcpy(module->build_id, record->build_id.bytes, record->build_id.length);
    module->build_id_bytes = record->build_id.length;
    CHECK(record->range_count > 0);
    module->start = record->ranges[0].start;
    for (size_t i = 0; i < record->range_count; i++) {
        module->end = record->ranges[i].start + record->ranges[i].size_bytes;
    }
    return OK;
}

static status keep_gone(void *unused, const struct module_gone_record *record)
{
    (void)unused;
    seen.gone[seen.gone_count++] = record->id;
    return OK;
}

static bool read_modules(struct mr_modules *modules, struct mr_encoder *encoder, uint64_t ticks,
                         bool again)
{
    static struct decoder *decoder;
    struct record_sink sink = {.module = keep_module, .module_gone = keep_gone};
    struct decode_result result;

    memset(&seen, 0, sizeof seen);
    mr_encode_reset(encoder);
    bool gone = mr_modules_read(modules, encoder, ticks, again);
    mr_encode_finish(encoder);
    struct mr_block_header block = {.payload_bytes = (uint32_t)encoder->used};
    decoder = decoder ? decoder : decoder_new();
    CHECK_EQ(decode_payload(decoder, &block, encoder->payload, &sink, &result).code, STATUS_OK);
    CHECK_STR(result.problem, NULL);
    CHECK_EQ(gone, seen.gone_count > 0);
    return gone;
}

static const struct seen_module *find(const char *path)
{
    for (size_t i = 0; i < seen.modules; i++) {
        if (strcmp(seen.module[i].path, path) == 0) {
            return &seen.module[i];
        }
    }
    return NULL;
}

/* ---- the loader's word ------------------------------------------------------------------------- */

static size_t build_id_of(const struct dl_phdr_info *info, const uint8_t **out)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *program = &info->dlpi_phdr[i];

        if (program->p_type != PT_NOTE) {
            continue;
        }
        const uint8_t *at = (const uint8_t *)(info->dlpi_addr + program->p_vaddr);
        const uint8_t *end = at + program->p_filesz;
        while (at + sizeof(ElfW(Nhdr)) < end) {
            const ElfW(Nhdr) *note = (const void *)at;
            const uint8_t *name = at + sizeof *note,
                          *content = name + ((note->n_namesz + 3u) & ~3u);

            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
                memcmp(name, "GNU", 4) == 0) {
                *out = content;
                return note->n_descsz;
            }
            at = content + ((note->n_descsz + 3u) & ~3u);
        }
    }
    return 0;
}

static int compare_object(struct dl_phdr_info *info, size_t size, void *context)
{
    size_t *objects = context;
    char path[4096];
    const uint8_t *build_id = NULL;

    (void)size;
    if (info->dlpi_name[0] == '\0' && *objects == 0) {
        ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
        path[length > 0 ? length : 0] = '\0';
    } else if (info->dlpi_name[0] == '/') {
        CHECK(realpath(info->dlpi_name, path) != NULL);
    } else {
        strcpy(path, "[vdso]");
    }
    ++*objects;
    const struct seen_module *module = find(path);
    if (!CHECK(module)) {
        fprintf(stderr, "not announced: %s\n", path);
        return 0;
    }
    CHECK_EQ(module->bias, info->dlpi_addr);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *program = &info->dlpi_phdr[i];

        if (program->p_type == PT_LOAD && program->p_flags & PF_X) {
            uint64_t start = info->dlpi_addr + program->p_vaddr;

            CHECK(start >= module->start && start + program->p_memsz <= module->end);
        }
    }
    size_t build_id_bytes = build_id_of(info, &build_id);
    CHECK_EQ(module->build_id_bytes, build_id_bytes);
    CHECK_BYTES(module->build_id, build_id, build_id_bytes);
    return 0;
}

static struct mr_encoder encoder;
static struct mr_modules modules;

static void all_that_the_loader_knows(void)
{
    size_t objects = 0;
    uint64_t ids[SEEN_MAX];

    CHECK(!read_modules(&modules, &encoder, 1234, false));
    dl_iterate_phdr(compare_object, &objects);
    CHECK(objects >= 3); /* the program, libc, the loader, the vdso */
    CHECK_EQ(seen.modules, objects);
    for (size_t i = 0; i < seen.modules; i++) {
        CHECK_EQ(seen.module[i].id, i + 1);
        CHECK_EQ(seen.module[i].ticks, 1234);
        CHECK(mr_modules_cover(&modules, seen.module[i].start));
        ids[i] = seen.module[i].id;
    }
    CHECK(mr_modules_cover(&modules, (uintptr_t)all_that_the_loader_knows));
    CHECK(mr_modules_cover(&modules, (uintptr_t)getpid));
    CHECK(!mr_modules_cover(&modules, (uintptr_t)&objects));
    CHECK(!mr_modules_cover(&modules, 0) && !mr_modules_cover(&modules, UINT64_MAX));

    CHECK(!read_modules(&modules, &encoder, 2000, false));
    CHECK_EQ(seen.modules, 0); /* nothing is new */
    CHECK(!read_modules(&modules, &encoder, 3000, true));
    CHECK_EQ(seen.modules, objects); /* and again, under the same ids */
    for (size_t i = 0; i < seen.modules; i++) {
        CHECK_EQ(seen.module[i].id, ids[i]);
    }
}

static void libraries_come_and_go(const char *plugin)
{
    uint64_t last_id = modules.last_id;

    for (int round = 0; round < 20; round++) {
        void *library = dlopen(plugin, RTLD_NOW);

        if (!CHECK(library)) {
            fprintf(stderr, "%s\n", dlerror());
            return;
        }
        uintptr_t code = (uintptr_t)dlsym(library, "plugin_work");
        CHECK(!mr_modules_cover(&modules, code));
        CHECK(!read_modules(&modules, &encoder, 5000, false));
        const struct seen_module *module = find(plugin);
        if (!CHECK_EQ(seen.modules, 1) || !CHECK(module)) {
            dlclose(library);
            return;
        }
        CHECK_EQ(module->id, ++last_id); /* never a number that was used */
        CHECK(module->start <= code && code < module->end);
        CHECK(mr_modules_cover(&modules, code));
        uint64_t id = module->id;

        dlclose(library);
        CHECK(read_modules(&modules, &encoder, 6000, false));
        CHECK_EQ(seen.gone_count, 1);
        CHECK_EQ(seen.gone[0], id);
        CHECK_EQ(seen.modules, 0);
        CHECK(!mr_modules_cover(&modules, code));
    }
}

int main(void)
{
    char *plugin = realpath(PLUGIN, NULL);

    CHECK(mr_modules_open(&modules));
    mr_encode_init(&encoder, calloc(1, MR_ENCODER_BYTES), true);
    all_that_the_loader_knows();
    if (CHECK(plugin)) {
        libraries_come_and_go(plugin);
    }
    mr_modules_close(&modules);
    free(plugin);
    return check_summary();
}
