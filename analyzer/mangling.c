/* SPDX-License-Identifier: Apache-2.0 */
/* mangling.c -- libiberty where it was found, else __cxa_demangle of the C++ runtime, found at run time
 * so that memanalyze does not depend on it. */
#include "mangling.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef MEMREC_HAVE_LIBIBERTY
#include <demangle.h>
#else
#include <dlfcn.h>
#include <stdlib.h>
#endif

/* C names pass by unharmed: the schemes' prefixes are reserved to them. */
static bool mangling_is_used(const char *raw)
{
    return raw[0] == '_' &&
           (raw[1] == 'Z' || raw[1] == 'R' || (raw[1] == 'D' && raw[2] >= '0' && raw[2] <= '9'));
}

#ifdef MEMREC_HAVE_LIBIBERTY

char *mangling_undo(const char *raw)
{
    return mangling_is_used(raw) ? cplus_demangle(raw, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO) : NULL;
}

const char *mangling_engine(void) { return "libiberty"; }

#else

typedef char *mangling_function(const char *name, char *buffer, size_t *length, int *status);

static mangling_function *mangling_find(void)
{
    static mangling_function *found;
    static bool tried;

    if (!tried) {
        void *library = dlopen("libstdc++.so.6", RTLD_LAZY);

        library = library ? library : dlopen("libc++abi.so.1", RTLD_LAZY);
        found = library ? (mangling_function *)dlsym(library, "__cxa_demangle") : NULL;
        tried = true;
    }
    return found;
}

char *mangling_undo(const char *raw)
{
    mangling_function *cxa_demangle = mangling_is_used(raw) ? mangling_find() : NULL;
    int failed = 1;
    char *name = cxa_demangle ? cxa_demangle(raw, NULL, NULL, &failed) : NULL;

    return failed ? NULL : name;
}

const char *mangling_engine(void) { return mangling_find() ? "c++" : "none"; }

#endif
