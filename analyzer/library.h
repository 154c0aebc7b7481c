/* SPDX-License-Identifier: Apache-2.0 */
/* library.h -- named things, each one text: those that the program ships, and the user's own beside or instead of
 * them, from $XDG_CONFIG_HOME/memanalyze, ~/.config/memanalyze without it. Reports and report sets are such. */
#ifndef MEMANALYZE_LIBRARY_H
#define MEMANALYZE_LIBRARY_H

#include "embedded.h"
#include "status.h"

struct library_kind {
    const char *what;                   /* for messages: "report" */
    const struct embedded_sql *shipped; /* ends with a row whose name is NULL */
    const char *folder, *end;           /* the user's are the files NAME`end` of it */
    size_t bytes;                       /* of an item, whose first member is its name */
    /* `origin`: path of the user's file; NULL: shipped. *item is released also after a failure. */
    status (*parse)(const char *name, const char *origin, const char *text, void *item);
    void (*release)(void *item);
};

struct library { /* sorted by name; an array of the kind's items */
    void *items;
    size_t count;
};

/* A shipped text that cannot be parsed is a failure; a file of the user's that cannot be read or parsed is said, and
 * does not stop the others. */
STATUS_MUST_USE status library_open(const struct library_kind *kind, struct library *out);
void library_close(const struct library_kind *kind, struct library *library);

/* NULL: there is none of this name. */
const void *library_find(const struct library_kind *kind, const struct library *library,
                         const char *name);

#endif
