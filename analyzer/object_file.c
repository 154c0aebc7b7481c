/* SPDX-License-Identifier: Apache-2.0 */
/* object_file.c -- libdwfl finds the files; the symbols are sorted by us, since its own search is linear. */
#include "object_file.h"

#include "diag.h"
#include "extents.h"

#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define OBJECT_ID_BYTES_MAX 64u

struct object_file {
    Dwfl *dwfl;
    Dwfl_Module *module;
    Elf *elf;      /* the file itself, or the debug file in its place */
    uint64_t bias; /* libdwfl's address minus ours */
    bool symbols_tried;
    struct extents extents; /* value: index of `symbols` */
    struct object_symbol {
        const char *name;
        bool dynamic;
    } * symbols;
    size_t symbol_count;
};

static char *object_debug_path; /* as libdwfl wants it; NULL: its default */

static const Dwfl_Callbacks object_callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
    .debuginfo_path = &object_debug_path,
};

static void object_set_up(void)
{
    const char *folders = getenv("MEMANALYZE_DEBUG_PATH");
    char *path;

    elf_version(EV_CURRENT);
    if (folders && folders[0] && asprintf(&path, ":.debug:%s", folders) >= 0) {
        object_debug_path = path;
    }
}

/* The next folder of the debug path that is absolute; `at` walks along the list. */
static bool object_debug_folder(const char **at, char *folder, size_t size)
{
    while (**at) {
        size_t length = strcspn(*at, ":");
        bool absolute = **at == '/' && length < size;

        if (absolute) {
            memcpy(folder, *at, length);
            folder[length] = '\0';
        }
        *at += length + ((*at)[length] == ':');
        if (absolute) {
            return true;
        }
    }
    return false;
}

/* <folder>/.build-id/ab/cdef... + ending; false: it does not fit. */
static bool object_build_id_path(const char *folder, const uint8_t *build_id, size_t bytes,
                                 const char *ending, char *path, size_t size)
{
    char hex[2 * OBJECT_ID_BYTES_MAX + 1];

    if (bytes < 2 || bytes > OBJECT_ID_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        snprintf(hex + 2 * i, 3, "%02x", build_id[i]);
    }
    return snprintf(path, size, "%s/.build-id/%.2s/%s%s", folder, hex, hex + 2, ending) < (int)size;
}

static void object_hash_file(XXH3_state_t *state, const char *path)
{
    struct stat facts;
    int64_t numbers[3] = {-1, -1, -1};

    if (stat(path, &facts) == 0) {
        numbers[0] = facts.st_size;
        numbers[1] = facts.st_mtim.tv_sec;
        numbers[2] = facts.st_mtim.tv_nsec;
    }
    XXH3_64bits_update(state, numbers, sizeof numbers);
}

uint64_t object_fingerprint(const char *path, const uint8_t *build_id, size_t build_id_bytes)
{
    const char *folders = getenv("MEMANALYZE_DEBUG_PATH");
    const char *servers = getenv("DEBUGINFOD_URLS");
    const char *at = folders && folders[0] ? folders : "/usr/lib/debug";
    char folder[1024];
    char file[1400];
    XXH3_state_t state;

    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    object_hash_file(&state, path);
    while (object_debug_folder(&at, folder, sizeof folder)) {
        if (object_build_id_path(folder, build_id, build_id_bytes, ".debug", file, sizeof file)) {
            object_hash_file(&state, file);
        }
    }
    if (servers) {
        XXH3_64bits_update(&state, servers, strlen(servers));
    }
    return XXH3_64bits_digest(&state);
}

/* Opens the path when it is an ELF file of this build; -1 and the reason otherwise. */
static int object_open_build(const char *path, const uint8_t *build_id, size_t build_id_bytes,
                             enum object_state *state)
{
    struct stat facts;
    const void *found;
    /* Never waits for the writer of a pipe that has taken the place of the file. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    Elf *elf = NULL;

    *state = OBJECT_MISSING;
    if (file >= 0 && fstat(file, &facts) == 0 && S_ISREG(facts.st_mode)) {
        elf = elf_begin(file, ELF_C_READ_MMAP, NULL);
    }
    if (elf && elf_kind(elf) == ELF_K_ELF) {
        ssize_t length = build_id_bytes ? dwelf_elf_gnu_build_id(elf, &found) : 0;

        *state = length == (ssize_t)build_id_bytes &&
                         (length == 0 || memcmp(found, build_id, build_id_bytes) == 0)
                     ? OBJECT_OPEN
                     : OBJECT_STALE;
    }
    elf_end(elf);
    if (*state != OBJECT_OPEN && file >= 0) {
        close(file);
        file = -1;
    }
    return file;
}

/* The separate file of this build in a debug folder, whole or debug information alone; -1: none. */
static int object_open_separate(const uint8_t *build_id, size_t build_id_bytes, char *path,
                                size_t size)
{
    static const char *const endings[] = {"", ".debug"};
    const char *folders = getenv("MEMANALYZE_DEBUG_PATH");
    const char *at = folders && folders[0] ? folders : "/usr/lib/debug";
    char folder[1024];

    while (object_debug_folder(&at, folder, sizeof folder)) {
        for (size_t i = 0; i < 2; i++) {
            enum object_state state;
            int file =
                object_build_id_path(folder, build_id, build_id_bytes, endings[i], path, size)
                    ? object_open_build(path, build_id, build_id_bytes, &state)
                    : -1;

            if (file >= 0) {
                return file;
            }
        }
    }
    return -1;
}

/* A path as the kernel shows it: no file behind "[vdso]", and a mark behind that of a deleted one. */
static bool object_plain_path(const char *path, char *plain, size_t size)
{
    static const char mark[] = " (deleted)";
    size_t length = strlen(path);

    if (path[0] != '/' || length >= size) {
        return false;
    }
    memcpy(plain, path, length + 1);
    if (length > sizeof mark - 1 && strcmp(path + length - (sizeof mark - 1), mark) == 0) {
        plain[length - (sizeof mark - 1)] = '\0';
    }
    return true;
}

status object_open(const char *path, const uint8_t *build_id, size_t build_id_bytes,
                   struct object_file **out, enum object_state *state)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char plain[4096];
    char separate[1400];
    const char *opened = plain;
    struct object_file *object;
    int file = -1;

    pthread_once(&once, object_set_up);
    *out = NULL;
    *state = OBJECT_MISSING;
    if (object_plain_path(path, plain, sizeof plain)) {
        bool deleted = strlen(plain) != strlen(path);

        if (!deleted || build_id_bytes > 0) {
            file = object_open_build(plain, build_id, build_id_bytes, state);
        }
    }
    if (file < 0 && build_id_bytes > 0) {
        file = object_open_separate(build_id, build_id_bytes, separate, sizeof separate);
        opened = separate;
    }
    if (file < 0) {
        return OK;
    }
    object = calloc(1, sizeof *object);
    if (!object) {
        close(file);
        diag_error("could not read symbols: out of memory");
        return FAIL;
    }
    object->dwfl = dwfl_begin(&object_callbacks);
    object->module = object->dwfl ? dwfl_report_offline(object->dwfl, "", opened, file) : NULL;
    if (!object->module) {
        close(file); /* libdwfl takes it over only when it succeeds */
    } else {
        dwfl_report_end(object->dwfl, NULL, NULL);
        object->elf = dwfl_module_getelf(object->module, &object->bias);
    }
    if (!object->elf) {
        object_close(object);
        *state = OBJECT_MISSING;
        return OK;
    }
    *out = object;
    *state = OBJECT_OPEN;
    return OK;
}

void object_close(struct object_file *object)
{
    if (object) {
        extents_free(&object->extents);
        free(object->symbols);
        dwfl_end(object->dwfl);
        free(object);
    }
}

Dwarf *object_dwarf(struct object_file *object, uint64_t *bias)
{
    Dwarf_Addr dwarf_bias = 0;
    Dwarf *dwarf = dwfl_module_getdwarf(object->module, &dwarf_bias);

    *bias = object->bias - dwarf_bias;
    return dwarf;
}

/* ---- symbols -------------------------------------------------------------------------------- */

struct object_candidate {
    uint64_t start, end; /* end of the section when the symbol tells no size */
    const char *name;
    bool sized, dynamic;
    uint8_t binding;
};

static bool object_has_section(Elf *elf, uint32_t type)
{
    Elf_Scn *section = NULL;
    GElf_Shdr header;

    while ((section = elf_nextscn(elf, section)) != NULL) {
        if (gelf_getshdr(section, &header) && header.sh_type == type) {
            return true;
        }
    }
    return false;
}

/* Labels of assemblers and of the ABI ($x, $d on arm64) name no function. */
static bool object_is_label(const char *name)
{
    return name[0] == '\0' || name[0] == '$' || (name[0] == '.' && name[1] == 'L');
}

/* At equal addresses the last one wins: the public name before its aliases, the plainest spelling. */
static int object_compare(const void *left, const void *right)
{
    const struct object_candidate *l = left;
    const struct object_candidate *r = right;
    size_t l_lead = strspn(l->name, "_");
    size_t r_lead = strspn(r->name, "_");

    if (l->start != r->start) {
        return l->start < r->start ? -1 : 1;
    }
    if (l_lead != r_lead) {
        return l_lead > r_lead ? -1 : 1;
    }
    if ((l->binding == STB_LOCAL) != (r->binding == STB_LOCAL)) {
        return l->binding == STB_LOCAL ? -1 : 1;
    }
    size_t l_length = strlen(l->name);
    size_t r_length = strlen(r->name);
    if (l_length != r_length) {
        return l_length > r_length ? -1 : 1;
    }
    return -strcmp(l->name, r->name);
}

static bool object_candidate_from(struct object_file *object, int index, bool full,
                                  struct object_candidate *out)
{
    GElf_Sym symbol;
    GElf_Addr address;
    GElf_Word section_index;
    Elf *elf;
    GElf_Shdr section;
    Dwarf_Addr elf_bias;
    const char *name = dwfl_module_getsym_info(object->module, index, &symbol, &address,
                                               &section_index, &elf, &elf_bias);

    if (!name || object_is_label(name) || section_index == SHN_UNDEF ||
        (section_index >= SHN_LORESERVE && section_index <= SHN_HIRESERVE)) {
        return false;
    }
    switch (GELF_ST_TYPE(symbol.st_info)) {
    case STT_FUNC:
    case STT_GNU_IFUNC:
    case STT_NOTYPE:
        break;
    default:
        return false;
    }
    if (!gelf_getshdr(elf_getscn(elf, section_index), &section) ||
        !(section.sh_flags & SHF_EXECINSTR)) {
        return false;
    }
    *out = (struct object_candidate){
        .start = address - object->bias,
        .name = name,
        .sized = symbol.st_size > 0,
        .dynamic = !full && elf == object->elf,
        .binding = GELF_ST_BIND(symbol.st_info),
    };
    out->end = out->sized ? out->start + symbol.st_size
                          : section.sh_addr + section.sh_size + elf_bias - object->bias;
    return out->sized || full;
}

/* A symbol without a size reaches to the next one, unless it lies inside a sized one. */
static bool object_place_unsized(struct object_file *object, struct object_candidate *candidates,
                                 size_t count)
{
    uint64_t covered = 0; /* by sized symbols so far */

    for (size_t i = 0, next; i < count; i = next) {
        uint64_t start = candidates[i].start;

        for (next = i; next < count && candidates[next].start == start; next++) {
            if (candidates[next].sized && candidates[next].end > covered) {
                covered = candidates[next].end;
            }
        }
        uint64_t limit = next < count ? candidates[next].start : UINT64_MAX;

        for (size_t j = i; j < next; j++) {
            uint64_t end = candidates[j].end < limit ? candidates[j].end : limit;

            if (!candidates[j].sized && start >= covered &&
                !extents_add(&object->extents, start, end, (uint32_t)j)) {
                return false;
            }
        }
    }
    return true;
}

static void object_read_symbols(struct object_file *object)
{
    Dwarf_Addr dwarf_bias;
    Dwarf *dwarf = dwfl_module_getdwarf(object->module, &dwarf_bias);
    Elf *debug_elf = dwarf ? dwarf_getelf(dwarf) : NULL;
    bool full = object_has_section(object->elf, SHT_SYMTAB) ||
                (debug_elf && object_has_section(debug_elf, SHT_SYMTAB));
    int total = dwfl_module_getsymtab(object->module);
    struct object_candidate *candidates =
        total > 0 ? malloc((size_t)total * sizeof *candidates) : NULL;
    size_t count = 0;

    object->symbols_tried = true;
    for (int i = 0; candidates && i < total; i++) {
        count += object_candidate_from(object, i, full, &candidates[count]);
    }
    object->symbols = count > 0 ? malloc(count * sizeof *object->symbols) : NULL;
    if (object->symbols) {
        bool complete;

        qsort(candidates, count, sizeof *candidates, object_compare);
        complete = object_place_unsized(object, candidates, count);
        for (size_t i = 0; i < count; i++) {
            object->symbols[i] = (struct object_symbol){candidates[i].name, candidates[i].dynamic};
            complete = complete &&
                       (!candidates[i].sized || extents_add(&object->extents, candidates[i].start,
                                                            candidates[i].end, (uint32_t)i));
        }
        object->symbol_count = complete ? count : 0;
        if (!complete) {
            extents_free(&object->extents);
        }
        extents_seal(&object->extents);
    }
    free(candidates);
}

const char *object_symbol(struct object_file *object, uint64_t address, bool *dynamic)
{
    size_t cursor = SIZE_MAX;

    if (!object->symbols_tried) {
        object_read_symbols(object);
    }
    const struct extent *extent = extents_find(&object->extents, address, &cursor);

    if (!extent) {
        return NULL;
    }
    *dynamic = object->symbols[extent->value].dynamic;
    return object->symbols[extent->value].name;
}

bool object_has_symbols(struct object_file *object)
{
    if (!object->symbols_tried) {
        object_read_symbols(object);
    }
    return object->symbol_count > 0;
}
