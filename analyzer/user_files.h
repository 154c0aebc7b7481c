/* SPDX-License-Identifier: Apache-2.0 */
/* user_files.h -- what the user keeps in $XDG_CONFIG_HOME/memanalyze, ~/.config/memanalyze without it. */
#ifndef MEMANALYZE_USER_FILES_H
#define MEMANALYZE_USER_FILES_H

#include "status.h"

/* Calls `take` with each file NAME`end` of the folder: its name without the end, its path, its text. A file that
 * cannot be read, or is not taken, is said, and does not stop the others. */
void user_files_each(const char *folder, const char *end,
                     status (*take)(void *context, const char *name, const char *path,
                                    const char *text),
                     void *context);

#endif
