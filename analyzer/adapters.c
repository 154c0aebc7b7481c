/* SPDX-License-Identifier: Apache-2.0 */
#include "adapters.h"

#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LUA, BOEHM };
const char *const adapter_names[ADAPTER_COUNT] = {[LUA] = "lua", [BOEHM] = "boehm"};

/* ---- what a program is ----------------------------------------------------------------------- */

/* Does the program need a library whose name begins with `prefix` and has `part` in it? */
static bool needs_library(Elf *elf, const char *prefix, const char *part)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr header;
        Elf_Data *data = elf_getdata(section, NULL);
        GElf_Dyn entry;

        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNAMIC) {
            continue;
        }
        for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
            const char *name =
                entry.d_tag == DT_NEEDED ? elf_strptr(elf, header.sh_link, entry.d_un.d_val) : NULL;

            if (name && strncmp(name, prefix, strlen(prefix)) == 0 && strstr(name, part)) {
                return true;
            }
        }
    }
    return false;
}

/* Does it define the function for the libraries it loads? */
static bool exports(Elf *elf, const char *function)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr header;
        Elf_Data *data = elf_getdata(section, NULL);
        GElf_Sym symbol;

        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNSYM) {
            continue;
        }
        for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
            const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);

            if (symbol.st_shndx != SHN_UNDEF && name && strcmp(name, function) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool has_constant(Elf *elf, const char *text)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr header;
        Elf_Data *data = elf_getdata(section, NULL);

        if (gelf_getshdr(section, &header) && header.sh_type == SHT_PROGBITS && data &&
            data->d_buf && !(header.sh_flags & SHF_EXECINSTR) &&
            memmem(data->d_buf, data->d_size, text, strlen(text))) {
            return true;
        }
    }
    return false;
}

/* The interpreter reads a variable of its own version; a program that embeds Lua does not. */
static bool is_lua(Elf *elf)
{
    return (exports(elf, "lua_newstate") || needs_library(elf, "liblua", "5.4")) &&
           has_constant(elf, "LUA_INIT_5_4");
}

static bool is_on_boehm(Elf *elf)
{
    return needs_library(elf, "libgc.so", "") || needs_library(elf, "libguile-", "");
}

const char *adapter_for(const char *executable)
{
    const char *found = NULL;
    int file = open(executable, O_RDONLY | O_CLOEXEC);

    elf_version(EV_CURRENT);
    Elf *elf = file >= 0 ? elf_begin(file, ELF_C_READ_MMAP, NULL) : NULL;
    if (elf && elf_kind(elf) == ELF_K_ELF) {
        found = is_lua(elf) ? adapter_names[LUA] : is_on_boehm(elf) ? adapter_names[BOEHM] : NULL;
    }
    elf_end(elf);
    if (file >= 0) {
        close(file);
    }
    return found;
}

/* ---- how it is loaded ------------------------------------------------------------------------ */

bool adapter_find(const char *name, const char *library, char out[PATH_MAX])
{
    const char *slash = strrchr(library, '/');
    int length = snprintf(out, PATH_MAX, "%.*s/memrec/adapters/memrec_%s.so",
                          slash ? (int)(slash - library) : 1, slash ? library : ".", name);

    return length < PATH_MAX && access(out, R_OK) == 0;
}

bool adapter_is_preloaded(const char *name) { return strcmp(name, adapter_names[BOEHM]) == 0; }

/* The interpreter reads the first of the two variables that is set, and names it in error messages. What
 * the user has in it runs after ours, on the same line. */
static void set_lua_init(const char *file)
{
    const char *variable =
        getenv("LUA_INIT_5_4") || !getenv("LUA_INIT") ? "LUA_INIT_5_4" : "LUA_INIT";
    const char *before = getenv(variable);
    bool is_file = before && before[0] == '@';
    char *text;

    if (asprintf(&text,
                 "do local f = package.loadlib([==[%s]==], 'luaopen_memrec_lua') if f then f() end "
                 "end %s%s%s",
                 file, is_file ? "dofile([==[" : "", before ? before + is_file : "",
                 is_file ? "]==])" : "") >= 0) {
        setenv(variable, text, 1);
        free(text);
    }
}

void adapter_set_environment(const char *name, const char *file)
{
    if (strcmp(name, adapter_names[LUA]) == 0) {
        set_lua_init(file);
    }
}
