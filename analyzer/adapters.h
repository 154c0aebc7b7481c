/* SPDX-License-Identifier: Apache-2.0 */
/* adapters.h -- the parts of the recorder that know a language runtime (runtime/adapters): which one suits
 * a program, where it lies, and what makes the program load it.
 *
 *   lua     Lua 5.4's stand-alone interpreter; loaded by LUA_INIT
 *   boehm   programs on the Boehm collector, such as guile; preloaded                              */
#ifndef MEMANALYZE_ADAPTERS_H
#define MEMANALYZE_ADAPTERS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { ADAPTER_COUNT = 2 };
extern const char *const adapter_names[ADAPTER_COUNT];

/* The adapter that suits the executable, one of adapter_names; NULL: none does. */
const char *adapter_for(const char *executable);

/* Where the adapter lies beside the recorder's library; false: it is not there. */
bool adapter_find(const char *name, const char *library, char out[PATH_MAX]);

/* Whether it is preloaded, behind the recorder. */
bool adapter_is_preloaded(const char *name);

/* Sets in this process's environment what makes a runtime load it, where preloading does not. */
void adapter_set_environment(const char *name, const char *file);

#endif
