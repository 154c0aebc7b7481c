/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.h -- the reports there are, and what each says about itself.
 *
 * A report is one .sql file: a comment that documents it, then one statement. The comment is parsed
 * here, so help, the table on screen and the tests all read the same words:
 *
 *   -- leaks: which sites leak, how fast and since when.       name and sentence
 *   -- Reads:    leak, stack                                   tables
 *   -- With:     base                                          other recordings it needs: attached
 *                                                              databases of these names
 *   -- Params:                                                 $n, name, type, meaning
 *   --   $1 run  ID  the run's id (default: the first)
 *   -- Columns:                                                name, type, meaning
 *   --   live_bytes  BYTES  alive at the end
 *   -- Table:    function live_bytes                           the columns a table shows, in order
 *   -- Bar:      live_bytes                                    ... with a bar for this one
 *   -- Footer:   {rows} of {all_rows} sites                    below the table, see render.h
 *   -- Empty:    no site leaks                                 instead of a table without rows
 *   -- Plain:    why                                           rows are lines for another tool
 *   -- Caveat:   what not to conclude
 *
 * A longer line goes on, indented, in the next. Only the first line is required: an undocumented
 * column gets its type from its name.                                                            */
#ifndef MEMANALYZE_CATALOG_H
#define MEMANALYZE_CATALOG_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

enum { CATALOG_COLUMNS_MAX = 64, CATALOG_PARAMETERS_MAX = 8 };

enum catalog_type {
    TYPE_VALUE, /* as it is */
    TYPE_TEXT,
    TYPE_BYTES,
    TYPE_NS,
    TYPE_COUNT,
    TYPE_RATIO, /* 1 is everything */
    TYPE_RATE,  /* bytes per hour */
    TYPE_FLOW,  /* bytes per second */
    TYPE_PACE,  /* how often in a second */
    TYPE_ID,
    TYPE_KEY,   /* an id for machines: not in tables */
    TYPE_GROUP, /* text that heads the rows that share it */
    TYPE_STACK, /* text on a line of its own, cut at the edge */
    TYPE_PROSE, /* text on lines of its own, wrapped */
    TYPE_NOTE,  /* text that wraps in its column, and gives way */
    TYPE_MIXED, /* a number whose unit is in the UNIT column of its row */
    TYPE_UNIT,  /* bytes, bytes_per_hour, bytes_per_second, count, ns, ppm, ratio */
    TYPE_TOTAL, /* the same in each row, about all rows before the limit: for the footer */
    TYPE_COUNT_OF_TYPES,
};

struct catalog_column {
    const char *name;
    enum catalog_type type;
    const char *meaning; /* "" for the _low and _high of an estimate */
};

struct catalog_parameter {
    int number; /* of $n */
    const char *name;
    enum catalog_type type; /* TEXT, or a number */
    const char *meaning;    /* "a|b|c: ..." when only these are values */
};

struct catalog_report {
    const char *name;
    const char *sentence;
    const char *origin; /* path of the user's file; NULL: shipped */
    const char *text;   /* the whole file */
    const char *reads, *table, *bar, *footer, *empty, *plain, *caveat, *with; /* NULL: not there */
    struct catalog_parameter parameters[CATALOG_PARAMETERS_MAX];
    size_t parameter_count;
    struct catalog_column columns[CATALOG_COLUMNS_MAX];
    size_t column_count;
    char *memory; /* of all the words above */
};

struct catalog {
    struct catalog_report *reports; /* sorted by name */
    size_t count;
};

/* The shipped reports and the user's own: $XDG_CONFIG_HOME/memanalyze/queries/NAME.sql, where a
 * file replaces the shipped report of its name. */
STATUS_MUST_USE status catalog_open(struct catalog *out);
void catalog_close(struct catalog *catalog);

/* NULL: there is none of this name. */
const struct catalog_report *catalog_find(const struct catalog *catalog, const char *name);

/* Parses one file; `name` is the file's without .sql, `origin` its path or NULL. On failure diag
 * knows which line is wrong. *out is released by catalog_release, also after a failure. */
STATUS_MUST_USE status catalog_parse(const char *name, const char *origin, const char *text,
                                     struct catalog_report *out);
void catalog_release(struct catalog_report *report);

/* What the report says about a column; NULL: nothing. */
const struct catalog_column *catalog_column(const struct catalog_report *report, const char *name);

/* Whether a parameter takes this value. */
bool catalog_takes(const struct catalog_parameter *parameter, const char *value);

/* The type of a column that nothing documents: by the unit at the end of its name. */
enum catalog_type catalog_type_of_name(const char *name);

const char *catalog_type_name(enum catalog_type type);

#endif
