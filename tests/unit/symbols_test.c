/* SPDX-License-Identifier: Apache-2.0 */
/* symbols_test.c -- names, lines and inlined calls of real files, with addr2line as the judge, and every
 * reason for which there is no name. */
#include "check.h"
#include "extents.h"
#include "mangling.h"
#include "symbol_cache.h"
#include "symbols.h"

#include <elf.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADDRESSES 1200u

static char work[64]; /* our folder */
static char fixture[128], stripped[128];
static uint8_t fixture_id[64];
static size_t fixture_id_bytes;

/* Runs a shell command; true: it succeeded. */
__attribute__((format(printf, 1, 2))) static bool run(const char *format, ...)
{
    char command[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command) == 0;
}

static size_t build_id_of(const char *path, uint8_t id[64])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    Elf *elf;
    const void *bits = NULL;
    ssize_t length;

    elf_version(EV_CURRENT);
    elf = elf_begin(file, ELF_C_READ, NULL);
    length = dwelf_elf_gnu_build_id(elf, &bits);
    length = length > 0 && length <= 64 ? length : 0;
    if (length > 0) {
        memcpy(id, bits, (size_t)length);
    }
    elf_end(elf);
    close(file);
    return (size_t)length;
}

static bool text_section(const char *path, uint64_t *start, uint64_t *size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    Elf *elf = elf_begin(file, ELF_C_READ, NULL);
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    size_t names;
    bool found = false;

    elf_getshdrstrndx(elf, &names);
    while (!found && (section = elf_nextscn(elf, section)) != NULL) {
        gelf_getshdr(section, &header);
        found = strcmp(elf_strptr(elf, names, header.sh_name), ".text") == 0;
    }
    *start = found ? header.sh_addr : 0;
    *size = found ? header.sh_size : 0;
    elf_end(elf);
    close(file);
    return found;
}

/* The address of a symbol in the fixture, from nm. */
static uint64_t address_of(const char *symbol)
{
    char line[512] = "";
    char command[512];
    FILE *pipe;

    snprintf(command, sizeof command, "nm '%s' | grep -E ' [tTwW] %s$'", fixture, symbol);
    pipe = popen(command, "r");
    if (!pipe || !fgets(line, sizeof line, pipe)) {
        line[0] = '\0';
    }
    pclose(pipe);
    return strtoull(line, NULL, 16);
}

static struct symbolizer *must_open(void)
{
    struct symbolizer *symbolizer;

    if (symbolizer_open(&symbolizer).code != STATUS_OK) {
        abort();
    }
    return symbolizer;
}

/* The functions of an answer, innermost first, joined by "<"; "" when unknown. */
static const char *names_at(struct symbolizer *symbolizer, const char *path, const uint8_t *id,
                            size_t id_bytes, uint64_t address)
{
    static char names[8192];
    const struct symbol_frame *frames;
    size_t count;
    size_t used = 0;

    names[0] = '\0';
    CHECK_EQ(symbolizer_lookup(symbolizer, path, id, id_bytes, address, &frames, &count).code,
             STATUS_OK);
    for (size_t i = 0; i < count && used < sizeof names; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.*s", i ? "<" : "",
                                 (int)frames[i].function.length, frames[i].function.bytes);
    }
    return names;
}

static const char *fixture_name(struct symbolizer *symbolizer, const char *path, uint64_t address)
{
    return names_at(symbolizer, path, fixture_id, fixture_id_bytes, address);
}

/* ---- leaves --------------------------------------------------------------------------------- */

static void test_extents(void)
{
    struct extents extents = {0};
    size_t cursor = SIZE_MAX;

    CHECK(extents_add(&extents, 100, 200, 1));
    CHECK(extents_add(&extents, 120, 150, 2));
    CHECK(extents_add(&extents, 120, 130, 3));
    CHECK(extents_add(&extents, 300, 300, 4)); /* empty */
    CHECK(extents_add(&extents, 150, 160, 5));
    extents_seal(&extents);
    CHECK_EQ(extents.count, 4);
    CHECK_EQ(extents_find(&extents, 125, &cursor)->value, 3);
    CHECK_EQ(extents_find(&extents, 125, &cursor)->value, 2);
    CHECK_EQ(extents_find(&extents, 125, &cursor)->value, 1);
    CHECK(!extents_find(&extents, 125, &cursor));
    CHECK(!extents_find(&extents, 125, &cursor));
    cursor = SIZE_MAX;
    CHECK_EQ(extents_find(&extents, 199, &cursor)->value, 1);
    cursor = SIZE_MAX;
    CHECK(!extents_find(&extents, 200, &cursor));
    cursor = SIZE_MAX;
    CHECK(!extents_find(&extents, 99, &cursor));
    extents_free(&extents);
    cursor = SIZE_MAX;
    CHECK(!extents_find(&extents, 0, &cursor));
}

static void check_mangling(const char *raw, const char *expected)
{
    char *name = mangling_undo(raw);

    CHECK_STR(name, expected);
    free(name);
}

static void test_mangling(void)
{
    check_mangling("malloc", NULL);
    check_mangling("_Znwm_but_not_quite", NULL);
    check_mangling("_start", NULL);
    check_mangling("_Dmain_loop", NULL);
    if (strcmp(mangling_engine(), "none") == 0) {
        return;
    }
    check_mangling("_Znwm", "operator new(unsigned long)");
    check_mangling("_ZN7orchard6BasketISsE3addESs",
                   "orchard::Basket<std::string>::add(std::string)");
    check_mangling("_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const");
    if (strcmp(mangling_engine(), "libiberty") == 0) {
        check_mangling("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE",
                       "core::fmt::Formatter::pad");
        check_mangling("_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$"
                       "4drop17h1f2e3d4c5b6a7980E",
                       "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop");
        check_mangling("_RNvCskwGfYPst2Cb_3foo3bar", "foo::bar");
        check_mangling("_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>");
    }
}

/* ---- the judge ------------------------------------------------------------------------------ */

struct verdict {
    unsigned asked, ours, theirs, both, same_names, same_all;
    bool dwarf; /* where our names came from */
};

static void trim(char *line) { line[strcspn(line, "\n")] = '\0'; }

/* "folder/file.c:12 (discriminator 3)" becomes "file.c:12": folders are joined in different ways. */
static void plain_place(char *place)
{
    char *mark = strstr(place, " (discriminator");
    char *slash;

    if (mark) {
        *mark = '\0';
    }
    slash = strrchr(place, '/');
    if (slash) {
        memmove(place, slash + 1, strlen(slash + 1) + 1);
    }
    if (strlen(place) > 2 && strcmp(place + strlen(place) - 2, ":?") == 0) {
        strcpy(place + strlen(place) - 1, "0");
    }
}

/* Reads addr2line's answer for one address, names and places apart, and the next address. */
static void read_theirs(FILE *pipe, char *next, size_t next_size, char *names, char *places)
{
    char name[8192];
    char place[8192];

    names[0] = places[0] = '\0';
    while (fgets(name, sizeof name, pipe)) {
        trim(name);
        if (strncmp(name, "0x", 2) == 0) {
            snprintf(next, next_size, "%s", name);
            return;
        }
        if (!fgets(place, sizeof place, pipe)) {
            break;
        }
        trim(place);
        plain_place(place);
        if (strlen(names) + strlen(name) < 60000) {
            strcat(strcat(names, names[0] ? "\n" : ""), name);
            strcat(strcat(places, places[0] ? "<" : ""), place);
        }
    }
    next[0] = '\0';
}

/* Frame by frame. Ours may say more: addr2line leaves out the scope of functions that have no linkage
 * name. */
static bool same_names(const char *ours, const char *theirs)
{
    while (*ours && *theirs) {
        size_t our_length = strcspn(ours, "\n");
        size_t length = strcspn(theirs, "\n");

        if (our_length < length || memcmp(ours + our_length - length, theirs, length) != 0 ||
            (our_length > length &&
             (our_length < length + 2 || memcmp(ours + our_length - length - 2, "::", 2) != 0))) {
            return false;
        }
        ours += our_length + (ours[our_length] == '\n');
        theirs += length + (theirs[length] == '\n');
    }
    return !*ours && !*theirs;
}

static struct verdict judge(const char *path)
{
    static char their_names[65536], their_places[65536], our_names[65536], our_places[65536];
    struct verdict verdict = {0};
    uint8_t id[64];
    size_t id_bytes = build_id_of(path, id);
    struct symbolizer *symbolizer = must_open();
    uint64_t start;
    uint64_t size;
    uint64_t random = 88172645463325252u; /* fixed: the same addresses in each run */
    char name[512];
    FILE *file;
    FILE *pipe;

    snprintf(name, sizeof name, "%s/addresses", work);
    file = fopen(name, "w");
    if (!CHECK(file && text_section(path, &start, &size))) {
        return verdict;
    }
    for (unsigned i = 0; i < ADDRESSES; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        fprintf(file, "0x%" PRIx64 "\n", start + random % size);
    }
    fclose(file);
    snprintf(name, sizeof name, "addr2line -afiC -e '%s' <%s/addresses 2>/dev/null", path, work);
    pipe = popen(name, "r");
    if (!CHECK(pipe && fgets(name, sizeof name, pipe))) {
        return verdict;
    }
    while (name[0]) {
        uint64_t address = strtoull(name, NULL, 16);
        const struct symbol_frame *frames;
        size_t count;

        read_theirs(pipe, name, sizeof name, their_names, their_places);
        CHECK_EQ(symbolizer_lookup(symbolizer, path, id, id_bytes, address, &frames, &count).code,
                 STATUS_OK);
        our_names[0] = our_places[0] = '\0';
        for (size_t i = 0; i < count; i++) {
            char place[4096];

            snprintf(our_names + strlen(our_names), 8000, "%s%.*s", i ? "\n" : "",
                     (int)frames[i].function.length, frames[i].function.bytes);
            snprintf(place, sizeof place, "%.*s:%u",
                     frames[i].file.bytes ? (int)frames[i].file.length : 2,
                     frames[i].file.bytes ? frames[i].file.bytes : "??", frames[i].line);
            plain_place(place);
            strcat(strcat(our_places, i ? "<" : ""), place);
        }
        bool theirs = strncmp(their_names, "??", 2) != 0;

        verdict.asked++;
        verdict.ours += count > 0;
        verdict.theirs += theirs;
        if (count > 0 && theirs) {
            bool same = same_names(our_names, their_names);

            verdict.both++;
            verdict.same_names += same;
            verdict.same_all += same && strcmp(our_places, their_places) == 0;
        }
    }
    const char *source = symbolizer_source(symbolizer, path, id, id_bytes);
    verdict.dwarf = source && strcmp(source, "dwarf") == 0;
    pclose(pipe);
    printf("%s (%s): of %u addresses we name %u, addr2line %u; of %u that both name, %u have the "
           "same names, %u the same lines too\n",
           path, source ? source : "no names", verdict.asked, verdict.ours, verdict.theirs,
           verdict.both, verdict.same_names, verdict.same_all);
    symbolizer_close(symbolizer);
    return verdict;
}

static void test_against_addr2line(void)
{
    static const char *const systems[] = {"/usr/bin/python3.11", "/lib/x86_64-linux-gnu/libc.so.6",
                                          "/lib/aarch64-linux-gnu/libc.so.6",
                                          "/usr/lib/x86_64-linux-gnu/libjq.so.1", "/usr/bin/git"};
    struct verdict verdict = judge(fixture);

    CHECK(verdict.both > ADDRESSES * 9 / 10);
    CHECK(verdict.same_names * 100 >= verdict.both * 99);
    CHECK(verdict.same_all * 100 >= verdict.both * 98);
    verdict = judge(stripped); /* theirs names the nearest neighbour; what we name is right */
    CHECK(verdict.ours < verdict.theirs);
    CHECK_EQ(verdict.same_names, verdict.both);
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        if (access(systems[i], R_OK) == 0) {
            verdict = judge(systems[i]);
            /* Without its DWARF, libc's functions go by several names each: puts and _IO_puts. */
            unsigned same_percent = strstr(systems[i], "libc.so") && !verdict.dwarf ? 80 : 99;
            CHECK(verdict.same_names * 100 >= verdict.both * same_percent);
        }
    }
}

/* ---- where names come from ------------------------------------------------------------------ */

static void test_answers(void)
{
    struct symbolizer *symbolizer = must_open();
    const struct symbol_frame *frames;
    size_t count;
    uint64_t first = address_of("sizeless_first");
    uint64_t second = address_of("sizeless_second");
    uint64_t end = address_of("sizeless_end");

    CHECK_STR(fixture_name(symbolizer, fixture, address_of("visible_twice") + 1), "visible_twice");
    CHECK_STR(symbolizer_source(symbolizer, fixture, fixture_id, fixture_id_bytes), "dwarf");
    CHECK_EQ(symbolizer_lookup(symbolizer, fixture, fixture_id, fixture_id_bytes,
                               address_of("_ZN7orchard10hidden_sum.*") + 1, &frames, &count)
                 .code,
             STATUS_OK);
    if (CHECK(count >= 1)) {
        CHECK(strncmp(frames[count - 1].function.bytes, "orchard::hidden_sum(", 20) == 0);
        CHECK(strncmp(frames[count - 1].raw_name.bytes, "_ZN7orchard10hidden_sum", 23) == 0);
        CHECK(frames[count - 1].line > 0);
        CHECK(strstr(frames[count - 1].file.bytes, "symbols_fixture.cc") != NULL);
    }
    /* No linkage name: the scope is told all the same. */
    /* gcc tells no linkage name of it, so no parameters; clang does. */
    CHECK(strncmp(fixture_name(symbolizer, fixture, address_of("_ZN12_GLOBAL__N_16unseen.*") + 1),
                  "(anonymous namespace)::unseen", 29) == 0);
    /* Without a size: up to the next symbol and no further. */
    CHECK_STR(fixture_name(symbolizer, fixture, first), "sizeless_first");
    CHECK_STR(fixture_name(symbolizer, fixture, second - 1), "sizeless_first");
    CHECK_STR(fixture_name(symbolizer, fixture, second), "sizeless_second");
    CHECK_STR(fixture_name(symbolizer, fixture, end - 1), "sizeless_second");
    CHECK_STR(fixture_name(symbolizer, fixture, end), "sizeless_end");
    CHECK_STR(fixture_name(symbolizer, fixture, UINT64_MAX), "");
    CHECK_STR(fixture_name(symbolizer, fixture, 0), "");
    CHECK_EQ(symbolizer_get_counts(symbolizer)->modules, 1);
    symbolizer_close(symbolizer);
}

static void test_stripped(void)
{
    struct symbolizer *symbolizer = must_open();

    /* Functions that are not exported are gone, and no neighbour stands in for them. */
    CHECK_STR(fixture_name(symbolizer, stripped, address_of("_ZN7orchard10hidden_sum.*") + 1), "");
    CHECK_STR(fixture_name(symbolizer, stripped, address_of("sizeless_first") + 1), "");
    CHECK_EQ(symbolizer_get_counts(symbolizer)->named, 0);
    symbolizer_close(symbolizer);
}

static void test_separate(void)
{
    struct symbolizer *symbolizer;
    uint64_t address = address_of("_ZN7orchard10hidden_sum.*") + 1;
    char hex[2 * 64 + 1];
    char gone[128];

    for (size_t i = 0; i < fixture_id_bytes; i++) {
        snprintf(hex + 2 * i, 3, "%02x", fixture_id[i]);
    }
    /* By .gnu_debuglink, in .debug/ beside the file. */
    CHECK(run("cd %s && mkdir -p linked/.debug && objcopy --only-keep-debug fixture "
              "linked/.debug/fixture.debug && cp stripped linked/fixture && cd linked && objcopy "
              "--add-gnu-debuglink=.debug/fixture.debug fixture",
              work));
    snprintf(gone, sizeof gone, "%s/linked/fixture", work);
    symbolizer = must_open();
    CHECK(strstr(fixture_name(symbolizer, gone, address), "hidden_sum("));
    CHECK_STR(symbolizer_source(symbolizer, gone, fixture_id, fixture_id_bytes), "dwarf");
    symbolizer_close(symbolizer);

    /* .gnu_debugdata: a compressed symbol table inside the file. */
    if (run("command -v xz >/dev/null")) {
        CHECK(run("cd %s && cp fixture mini && objcopy --strip-debug fixture mini.symbols && "
                  "xz -kf mini.symbols && cp stripped mini && "
                  "objcopy --add-section .gnu_debugdata=mini.symbols.xz mini",
                  work));
        snprintf(gone, sizeof gone, "%s/mini", work);
        symbolizer = must_open();
        CHECK(strstr(fixture_name(symbolizer, gone, address), "hidden_sum("));
        CHECK_STR(symbolizer_source(symbolizer, gone, fixture_id, fixture_id_bytes), "symtab");
        symbolizer_close(symbolizer);
    }
    /* By build id, with the object there and with the object gone. */
    CHECK(run("cd %s && mkdir -p debug/.build-id/%.2s && cp linked/.debug/fixture.debug "
              "debug/.build-id/%.2s/%s.debug",
              work, hex, hex, hex + 2));
    symbolizer = must_open();
    CHECK(strstr(fixture_name(symbolizer, stripped, address), "hidden_sum("));
    CHECK_STR(symbolizer_source(symbolizer, stripped, fixture_id, fixture_id_bytes), "dwarf");
    snprintf(gone, sizeof gone, "%s/nowhere", work);
    CHECK(strstr(fixture_name(symbolizer, gone, address), "hidden_sum("));
    CHECK_EQ(symbolizer_get_counts(symbolizer)->missing_modules, 0);
    symbolizer_close(symbolizer);
    CHECK(run("rm -r %s/debug/.build-id", work));
}

static void test_no_names(void)
{
    struct symbolizer *symbolizer = must_open();
    uint64_t address = address_of("visible_twice");
    uint8_t other[64];
    char path[256];

    memcpy(other, fixture_id, sizeof other);
    other[0] ^= 1;
    CHECK_STR(names_at(symbolizer, fixture, other, fixture_id_bytes, address), "");
    CHECK_EQ(symbolizer_get_counts(symbolizer)->stale_modules, 1);
    CHECK_STR(names_at(symbolizer, fixture, fixture_id, fixture_id_bytes - 1, address), "");
    CHECK_EQ(symbolizer_get_counts(symbolizer)->stale_modules, 2);
    CHECK_STR(names_at(symbolizer, fixture, NULL, 0, address), "visible_twice");

    static const char *const nothing[] = {
        "[vdso]", "", "linux-vdso.so.1", "/", "/dev/null", "/nowhere/at/all", "/etc/passwd"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        CHECK_STR(fixture_name(symbolizer, nothing[i], address), "");
        CHECK(!symbolizer_source(symbolizer, nothing[i], fixture_id, fixture_id_bytes));
    }
    CHECK_EQ(symbolizer_get_counts(symbolizer)->missing_modules, sizeof nothing / sizeof *nothing);

    /* A pipe in the place of the file must not stop us. */
    snprintf(path, sizeof path, "%s/pipe", work);
    CHECK_EQ(mkfifo(path, 0600), 0);
    CHECK_STR(fixture_name(symbolizer, path, address), "");

    /* Deleted: what lies there now counts only with the right build id, never without one. */
    snprintf(path, sizeof path, "%s (deleted)", fixture);
    CHECK_STR(fixture_name(symbolizer, path, address), "visible_twice");
    CHECK_STR(names_at(symbolizer, path, other, fixture_id_bytes, address), "");
    CHECK_STR(names_at(symbolizer, path, NULL, 0, address), "");

    /* Cut off, or with its headers overwritten. */
    CHECK(run("cd %s && head -c 5000 fixture >cut && (head -c 4000 /dev/urandom && tail -c +4001 "
              "fixture) >noise && (head -c 64 fixture && head -c 90000 /dev/urandom) >half",
              work));
    static const char *const damaged[] = {"cut", "noise", "half"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        snprintf(path, sizeof path, "%s/%s", work, damaged[i]);
        fixture_name(symbolizer, path, address);
        names_at(symbolizer, path, NULL, 0, address);
    }
    symbolizer_close(symbolizer);
}

/* More modules than may be open at once, asked in turn: all answers stay valid. */
static void test_many_modules(void)
{
    struct symbolizer *symbolizer = must_open();
    const struct symbol_frame *first[24];
    uint64_t address = address_of("visible_twice");
    size_t count;
    char path[256];

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 24; i++) {
            const struct symbol_frame *frames;

            snprintf(path, sizeof path, "%s/copy%u", work, i);
            CHECK(round > 0 || link(fixture, path) == 0);
            CHECK_EQ(symbolizer_lookup(symbolizer, path, fixture_id, fixture_id_bytes,
                                       address + round, &frames, &count)
                         .code,
                     STATUS_OK);
            if (round == 0) {
                first[i] = frames;
            }
        }
    }
    for (unsigned i = 0; i < 24; i++) {
        CHECK(first[i] && strcmp(first[i]->function.bytes, "visible_twice") == 0);
    }
    CHECK_EQ(symbolizer_get_counts(symbolizer)->modules, 24);
    CHECK_EQ(symbolizer_get_counts(symbolizer)->named, 72);
    symbolizer_close(symbolizer);
}

/* ---- the cache ------------------------------------------------------------------------------ */

static const uint64_t cache_steps = 400;

/* Asks for many addresses of the fixture; a digest of all answers. */
static uint64_t digest(const char *path, uint64_t *from_cache)
{
    struct symbolizer *symbolizer = must_open();
    uint64_t start;
    uint64_t size;
    uint64_t sum = 5381;

    text_section(fixture, &start, &size);
    for (uint64_t i = 0; i < cache_steps; i++) {
        const struct symbol_frame *frames;
        size_t count;

        CHECK_EQ(symbolizer_lookup(symbolizer, path, fixture_id, fixture_id_bytes,
                                   start + i * size / cache_steps, &frames, &count)
                     .code,
                 STATUS_OK);
        for (size_t level = 0; level < count; level++) {
            const struct text texts[] = {frames[level].function, frames[level].raw_name,
                                         frames[level].file};

            for (size_t t = 0; t < 3; t++) {
                sum = sum * 33 + (texts[t].bytes ? 1 : 2);
                for (size_t at = 0; at < texts[t].length; at++) {
                    sum = sum * 33 + (uint8_t)texts[t].bytes[at];
                }
            }
            sum = sum * 33 + frames[level].line;
        }
        sum = sum * 33 + count;
    }
    *from_cache = symbolizer_get_counts(symbolizer)->from_cache;
    symbolizer_close(symbolizer);
    return sum;
}

static void test_cache(void)
{
    char folder[128];
    char path[256];
    char gone[128];
    uint64_t from_cache;
    uint64_t plain = digest(fixture, &from_cache);
    struct stat facts;

    CHECK_EQ(from_cache, 0); /* so far MEMANALYZE_CACHE is empty */
    snprintf(folder, sizeof folder, "%s/a/new/cache", work);
    setenv("MEMANALYZE_CACHE", folder, 1);
    CHECK_EQ(digest(fixture, &from_cache), plain);
    CHECK_EQ(from_cache, 0);
    CHECK_EQ(digest(fixture, &from_cache), plain);
    CHECK(from_cache > cache_steps * 8 / 10);

    /* The object is gone: what was found stays true of this build. */
    snprintf(gone, sizeof gone, "%s/nowhere", work);
    CHECK_EQ(digest(gone, &from_cache), plain);
    CHECK(from_cache > 0);

    /* Damage anywhere: the answers stay right, and the file is made anew. */
    char *cache = symbol_cache_folder();
    size_t used = (size_t)snprintf(path, sizeof path, "%s/", cache);
    for (size_t i = 0; i < fixture_id_bytes; i++) {
        used += (size_t)snprintf(path + used, sizeof path - used, "%02x", fixture_id[i]);
    }
    free(cache);
    if (!CHECK_EQ(stat(path, &facts), 0)) {
        return;
    }
    CHECK_EQ(facts.st_mode & 0777, 0600);
    for (off_t at = 0; at < facts.st_size; at += 1 + facts.st_size / 23) {
        int file = open(path, O_RDWR | O_CLOEXEC);
        char byte;

        CHECK_EQ(pread(file, &byte, 1, at), 1);
        byte ^= 0x20;
        CHECK_EQ(pwrite(file, &byte, 1, at), 1);
        close(file);
        CHECK_EQ(digest(fixture, &from_cache), plain);
        CHECK_EQ(from_cache, 0);
    }
    CHECK_EQ(truncate(path, facts.st_size / 2), 0);
    CHECK_EQ(digest(fixture, &from_cache), plain);
    CHECK_EQ(truncate(path, 0), 0);
    CHECK_EQ(digest(fixture, &from_cache), plain);
    CHECK_EQ(digest(fixture, &from_cache), plain);
    CHECK(from_cache > 0);

    /* A folder that cannot be made. */
    setenv("MEMANALYZE_CACHE", "/dev/null/cache", 1);
    CHECK_EQ(digest(fixture, &from_cache), plain);
    setenv("MEMANALYZE_CACHE", "", 1);
}

/* Nothing may reach stderr, whatever the files hold: all of it ran into this file. */
static void quietly(void (*test)(void))
{
    char path[128];
    struct stat facts;
    uint64_t failed = atomic_load(&check_failed);
    int terminal = dup(2);
    int file;

    snprintf(path, sizeof path, "%s/stderr", work);
    file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(file, 2);
    test();
    dup2(terminal, 2);
    close(terminal);
    fstat(file, &facts);
    close(file);
    if (!CHECK_EQ(facts.st_size, 0) || atomic_load(&check_failed) != failed) {
        run("cat %s >&2", path);
    }
}

int main(void)
{
    static const char *const tools[] = {"addr2line", "objcopy", "strip", "nm"};

    test_extents();
    test_mangling();
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        if (!run("command -v %s >/dev/null", tools[i])) {
            return check_failed ? check_summary() : check_skip("needs the tools of binutils");
        }
    }
    snprintf(work, sizeof work, "/tmp/symbols_test.XXXXXX");
    if (!mkdtemp(work)) {
        return check_skip("cannot make a folder in /tmp");
    }
    snprintf(fixture, sizeof fixture, "%s/fixture", work);
    snprintf(stripped, sizeof stripped, "%s/stripped", work);
    setenv("MEMANALYZE_CACHE", "", 1);
    char debug[128];
    snprintf(debug, sizeof debug, "%s/debug:/usr/lib/debug", work);
    setenv("MEMANALYZE_DEBUG_PATH", debug, 1);
    unsetenv("DEBUGINFOD_URLS");

    CHECK(run("cp '%s' %s && strip --strip-all -o %s %s", SYMBOLS_FIXTURE, fixture, stripped,
              fixture));
    fixture_id_bytes = build_id_of(fixture, fixture_id);
    if (fixture_id_bytes == 0) {
        run("rm -r %s", work);
        return check_skip("this linker writes no build id");
    }
    quietly(test_answers);
    quietly(test_stripped);
    quietly(test_separate);
    quietly(test_no_names);
    quietly(test_many_modules);
    quietly(test_cache);
    quietly(test_against_addr2line);
    run("rm -r %s", work);
    return check_summary();
}
