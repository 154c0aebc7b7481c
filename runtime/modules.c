/* SPDX-License-Identifier: Apache-2.0 */
#include "modules.h"

#include "os.h"
#include "pages.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <xxhash.h>

#define BUFFER_BYTES  65536
#define RANGES_MAX    16
#define BUILD_ID_MAX  64
#define HEADERS_MAX   32
#define NOTE_MAX      1024
#define PATH_MAX_HERE 4096

bool mr_modules_open(struct mr_modules *modules)
{
    memset(modules, 0, sizeof *modules);
    modules->known = mr_pages_map(MR_MODULES_MAX * sizeof *modules->known);
    modules->buffer = mr_pages_map(BUFFER_BYTES);
    return modules->known && modules->buffer;
}

void mr_modules_close(struct mr_modules *modules)
{
    mr_pages_unmap(modules->known, MR_MODULES_MAX * sizeof *modules->known);
    mr_pages_unmap(modules->buffer, BUFFER_BYTES);
}

bool mr_modules_cover(const struct mr_modules *modules, uint64_t address)
{
    for (uint32_t i = 0; i < modules->count; i++)
        if (address - modules->known[i].start < modules->known[i].end - modules->known[i].start)
            return true;
    return false;
}

/* One object while its lines of /proc/self/maps pass by. */
struct object {
    uint64_t start, end;
    struct {
        uint64_t start, bytes;
    } range[RANGES_MAX];
    unsigned range_count;
    char path[PATH_MAX_HERE];
};

struct line {
    uint64_t start, end, offset;
    bool executable;
    const char *path; /* terminated; empty when there is none */
};

static const char *hex(const char *at, uint64_t *out)
{
    *out = 0;
    for (;; at++) {
        if (*at >= '0' && *at <= '9')
            *out = *out << 4 | (uint64_t)(*at - '0');
        else if (*at >= 'a' && *at <= 'f')
            *out = *out << 4 | (uint64_t)(*at - 'a' + 10);
        else
            return at;
    }
}

/* start-end perms offset dev inode   path */
static bool parse_line(const char *at, struct line *line)
{
    at = hex(at, &line->start);
    if (*at++ != '-')
        return false;
    at = hex(at, &line->end);
    if (*at++ != ' ' || strlen(at) < 5)
        return false;
    line->executable = at[2] == 'x';
    at = hex(at + 5, &line->offset);
    for (int field = 0; field < 2; field++) {
        while (*at == ' ')
            at++;
        while (*at && *at != ' ')
            at++;
    }
    while (*at == ' ')
        at++;
    line->path = at;
    return true;
}

struct elf_facts {
    uint64_t bias;
    uint8_t build_id[BUILD_ID_MAX];
    size_t build_id_bytes;
};

static void read_build_id(const uint8_t *note, size_t size, struct elf_facts *facts)
{
    while (size >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) head;
        memcpy(&head, note, sizeof head);
        uint64_t name = ((uint64_t)head.n_namesz + 3) & ~3u;
        uint64_t content = ((uint64_t)head.n_descsz + 3) & ~3u;
        if (sizeof head + name + content > size)
            return;
        if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
            memcmp(note + sizeof head, "GNU", 4) == 0 && head.n_descsz <= BUILD_ID_MAX) {
            memcpy(facts->build_id, note + sizeof head + name, head.n_descsz);
            facts->build_id_bytes = head.n_descsz;
            return;
        }
        note += sizeof head + name + content;
        size -= sizeof head + name + content;
    }
}

/* What the object's headers say, read where they are mapped. False: no ELF object. */
static bool read_elf(uint64_t start, struct elf_facts *facts)
{
    ElfW(Ehdr) header;
    ElfW(Phdr) program[HEADERS_MAX];
    memset(facts, 0, sizeof *facts);
    if (!mr_copy_memory(&header, (const void *)start, sizeof header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof *program)
        return false;
    unsigned count = header.e_phnum < HEADERS_MAX ? header.e_phnum : HEADERS_MAX;
    if (!mr_copy_memory(program, (const void *)(start + header.e_phoff), count * sizeof *program))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (program[i].p_type == PT_LOAD) {
            facts->bias = start - (program[i].p_vaddr & ~(uint64_t)4095);
            break;
        }
    }
    for (unsigned i = 0; i < count && !facts->build_id_bytes; i++) {
        uint8_t note[NOTE_MAX];
        size_t size = program[i].p_filesz < sizeof note ? program[i].p_filesz : sizeof note;
        if (program[i].p_type == PT_NOTE &&
            mr_copy_memory(note, (const void *)(facts->bias + program[i].p_vaddr), size))
            read_build_id(note, size, facts);
    }
    return true;
}

static void announce(struct mr_encoder *encoder, const struct object *object,
                     const struct elf_facts *facts, uint32_t id, uint64_t ticks)
{
    mr_encode_begin(encoder, MR_SECTION_MODULE);
    mr_encode_uvarint(encoder, id);
    mr_encode_uvarint(encoder, ticks);
    mr_encode_uvarint(encoder, facts->bias);
    mr_encode_uvarint(encoder, object->range_count);
    for (unsigned i = 0; i < object->range_count; i++) {
        mr_encode_uvarint(encoder, object->range[i].start);
        mr_encode_uvarint(encoder, object->range[i].bytes);
    }
    mr_encode_text(encoder, facts->build_id, facts->build_id_bytes);
    mr_encode_text(encoder, object->path, strlen(object->path));
    mr_encode_end(encoder);
}

static void take(struct mr_modules *modules, struct mr_encoder *encoder,
                 const struct object *object, uint64_t ticks, bool again)
{
    struct elf_facts facts;
    if (object->range_count == 0 || !read_elf(object->start, &facts) ||
        mr_encode_room(encoder) < 2 * PATH_MAX_HERE)
        return;
    uint64_t name_hash = XXH3_64bits_withSeed(object->path, strlen(object->path),
                                              XXH3_64bits(facts.build_id, facts.build_id_bytes));
    for (uint32_t i = 0; i < modules->count; i++) {
        struct mr_module *known = &modules->known[i];
        if (known->start == object->start && known->name_hash == name_hash) {
            known->seen = true;
            if (again)
                announce(encoder, object, &facts, known->id, ticks);
            return;
        }
    }
    if (modules->count == MR_MODULES_MAX)
        return;
    struct mr_module *fresh = &modules->known[modules->count++];
    *fresh = (struct mr_module){object->start, object->end, name_hash, ++modules->last_id, true};
    announce(encoder, object, &facts, fresh->id, ticks);
}

static void add_line(struct mr_modules *modules, struct mr_encoder *encoder, struct object *object,
                     const struct line *line, uint64_t ticks, bool again)
{
    bool named = line->path[0] == '/' || strcmp(line->path, "[vdso]") == 0;
    bool same =
        named && object->start && line->offset != 0 && strcmp(object->path, line->path) == 0;
    if (!same) {
        if (object->start)
            take(modules, encoder, object, ticks, again);
        object->start = 0;
        if (!named || strlen(line->path) >= sizeof object->path ||
            (line->offset != 0 && line->path[0] == '/'))
            return;
        object->start = line->start;
        object->range_count = 0;
        memcpy(object->path, line->path, strlen(line->path) + 1);
    }
    object->end = line->end;
    if (line->executable && object->range_count < RANGES_MAX) {
        object->range[object->range_count].start = line->start;
        object->range[object->range_count++].bytes = line->end - line->start;
    }
}

static bool drop_gone(struct mr_modules *modules, struct mr_encoder *encoder, uint64_t ticks)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < modules->count; i++) {
        if (modules->known[i].seen) {
            modules->known[kept++] = modules->known[i];
            continue;
        }
        mr_encode_begin(encoder, MR_SECTION_MODULE_GONE);
        mr_encode_uvarint(encoder, modules->known[i].id);
        mr_encode_uvarint(encoder, ticks);
        mr_encode_end(encoder);
    }
    bool gone = kept != modules->count;
    modules->count = kept;
    return gone;
}

bool mr_modules_read(struct mr_modules *modules, struct mr_encoder *encoder, uint64_t ticks,
                     bool again)
{
    static struct object object; /* large; one drain thread */
    int file = mr_open_read("/proc/self/maps");
    if (file < 0)
        return false;
    for (uint32_t i = 0; i < modules->count; i++)
        modules->known[i].seen = false;
    object.start = 0;

    char *buffer = (char *)modules->buffer;
    size_t waiting = 0;
    for (;;) {
        long got = mr_read(file, buffer + waiting, BUFFER_BYTES - 1 - waiting);
        if (got <= 0)
            break;
        size_t end = waiting + (size_t)got, at = 0;
        for (;;) {
            char *newline = memchr(buffer + at, '\n', end - at);
            if (!newline)
                break;
            struct line line;
            *newline = '\0';
            if (parse_line(buffer + at, &line))
                add_line(modules, encoder, &object, &line, ticks, again);
            at = (size_t)(newline - buffer) + 1;
        }
        waiting = end - at;
        memmove(buffer, buffer + at, waiting);
        if (waiting == BUFFER_BYTES - 1)
            waiting = 0; /* no such line exists; do not stall on it */
    }
    mr_close(file);
    if (object.start)
        take(modules, encoder, &object, ticks, again);
    return drop_gone(modules, encoder, ticks);
}
