/* SPDX-License-Identifier: Apache-2.0 */
/* symbol_lookup.c -- microseconds to name an address nobody asked about before.
 *
 * Expected: 1 to 3 from a symbol table, C++ demangling included; 10 to 50 from DWARF, where a unit is
 * read at the first question about it. At most 5 from a symbol table. Addresses are spread evenly over
 * the code of each file, in rising order, as the importer asks. The cache on disk is off, then on. */
#include "bench.h"
#include "symbols.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#define ADDRESSES 20000u

struct object {
    const char *path;
    uint8_t id[64];
    size_t id_bytes;
    uint64_t start, size;
};

static int read_object(struct object *object)
{
    int file = open(object->path, O_RDONLY | O_CLOEXEC);
    Elf *elf = file >= 0 ? elf_begin(file, ELF_C_READ, NULL) : NULL;
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    const void *id = NULL;
    size_t names = 0;
    ssize_t length = elf ? dwelf_elf_gnu_build_id(elf, &id) : 0;

    if (length > 0 && (size_t)length <= sizeof object->id) {
        memcpy(object->id, id, (size_t)length);
        object->id_bytes = (size_t)length;
    }
    if (elf && elf_getshdrstrndx(elf, &names) == 0) {
        while ((section = elf_nextscn(elf, section)) != NULL) {
            gelf_getshdr(section, &header);
            if (strcmp(elf_strptr(elf, names, header.sh_name), ".text") == 0) {
                object->start = header.sh_addr;
                object->size = header.sh_size;
            }
        }
    }
    elf_end(elf);
    close(file);
    return object->size > 0 && object->id_bytes > 0;
}

static void measure(struct object *object, const char *cache)
{
    struct symbolizer *symbolizer;
    uint64_t start_ns = bench_now_ns();
    size_t count;

    setenv("MEMANALYZE_CACHE", cache, 1);
    bench_require(symbolizer_open(&symbolizer).code == STATUS_OK);
    for (uint64_t i = 0; i < ADDRESSES; i++) {
        const struct symbol_frame *frames;

        bench_require(symbolizer_lookup(symbolizer, object->path, object->id, object->id_bytes,
                                        object->start + i * object->size / ADDRESSES, &frames,
                                        &count)
                          .code == STATUS_OK);
    }
    double us = (double)(bench_now_ns() - start_ns) / 1e3 / ADDRESSES;
    const char *source = symbolizer_source(symbolizer, object->path, object->id, object->id_bytes);
    const struct symbolizer_counts *counts = symbolizer_get_counts(symbolizer);

    printf("%-44s %-7s %8.2f us  %s  (%llu of %u named, %llu from the cache)\n", object->path,
           source ? source : "none", us,
           source && strcmp(source, "dwarf") == 0 ? ""
           : us <= 5                              ? "met"
                                                  : "MISSED",
           (unsigned long long)counts->named, ADDRESSES, (unsigned long long)counts->from_cache);
    symbolizer_close(symbolizer);
}

int main(int count, char **arguments)
{
    static const char *const usual[] = {"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                                        "/usr/lib/aarch64-linux-gnu/libstdc++.so.6",
                                        "/lib/x86_64-linux-gnu/libc.so.6",
                                        "/usr/bin/python3.11",
                                        "/usr/bin/perl",
                                        "/proc/self/exe"};
    char folder[] = "/tmp/bench_symbols.XXXXXX";
    char command[64];
    size_t objects = 0;

    elf_version(EV_CURRENT);
    bench_require(mkdtemp(folder));
    for (size_t i = 0; i < sizeof usual / sizeof *usual + (size_t)count - 1; i++) {
        struct object object = {.path = i < (size_t)count - 1 ? arguments[i + 1]
                                                              : usual[i - (size_t)count + 1]};

        if (read_object(&object)) {
            measure(&object, "");
            measure(&object, folder);
            measure(&object, folder);
            objects++;
        }
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    bench_require(system(command) == 0);
    bench_require(objects > 0);
    return 0;
}
