/* SPDX-License-Identifier: Apache-2.0 */
/* report_set.c -- see report_set.h. */
#include "report_set.h"

#include "diag.h"
#include "embedded.h"
#include "library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT_LINE = 2, INDENT_CONTINUED = 6 };

/* ---- one file ------------------------------------------------------------------------------ */

struct parser {
    struct report_set *set;
    unsigned line;
    char *tail; /* end of the text that a continued line lengthens; NULL: none */
};

static status complain(const struct parser *in, const char *what, const char *word)
{
    diag_error("could not read report set \"%s\": line %u: %s \"%s\"",
               in->set->origin ? in->set->origin : in->set->name, in->line, what, word);
    diag_hint(
        "queries/sets of the source has the shipped ones; CONTRIBUTING.md says how they are read.");
    return FAIL;
}

static char *keep(struct parser *in, char *at)
{
    at += strspn(at, " \t");
    in->tail = at + strlen(at);
    return at;
}

/* Cuts off the next word and returns it; "" at the end. */
static char *take_word(char **at)
{
    char *word = *at + strspn(*at, " \t");
    char *end = word + strcspn(word, " \t");

    *at = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

/* `3 leaks --verdict leak` */
static status parse_show(struct parser *in, char *at)
{
    struct report_set *set = in->set;
    struct report_show *show = &set->shows[set->show_count];
    char *count = take_word(&at), *end;

    if (set->show_count == REPORT_SET_SHOWS_MAX) {
        return complain(in, "too many reports: no room for", at);
    }
    *show = (struct report_show){.rows = SIZE_MAX};
    if (strcmp(count, "all") != 0) {
        show->rows = strtoul(count, &end, 10);
        if (!*count || *end || show->rows == 0) {
            return complain(in, "expected how many rows, or all, found", count);
        }
    }
    show->report = take_word(&at);
    if (!*show->report) {
        return complain(in, "expected a report after", count);
    }
    for (char *word; *(word = take_word(&at));) {
        char *value = take_word(&at);

        if (strncmp(word, "--", 2) != 0 || !*value) {
            return complain(in, "expected --PARAMETER VALUE, found", word);
        }
        if (show->value_count == REPORT_SET_VALUES_MAX) {
            return complain(in, "too many arguments: no room for", word);
        }
        show->values[show->value_count++] = (struct report_value){word + 2, value};
    }
    set->show_count++;
    in->tail = NULL;
    return OK;
}

/* `share >= 0.1, moment = peak` */
static status parse_only(struct parser *in, char *at)
{
    static const char *const words[] = {"=", "!=", ">=", "<="};
    struct report_show *show = &in->set->shows[in->set->show_count - 1];

    for (char *part; (part = strsep(&at, ","));) {
        struct report_condition *only = &show->only[show->only_count];
        size_t is = 0;

        if (show->only_count == REPORT_SET_CONDITIONS_MAX) {
            return complain(in, "too many conditions: no room for", part);
        }
        only->column = take_word(&part);
        const char *word = take_word(&part);
        while (is < 4 && strcmp(words[is], word) != 0) {
            is++;
        }
        if (!*only->column || is == 4) {
            return complain(in, "expected COLUMN, then =, !=, >= or <=, found", word);
        }
        only->is = is;
        only->value = keep(in, part);
        show->only_count++;
    }
    in->tail = NULL;
    return OK;
}

/* `Key: value`, or in the first line `name: sentence` */
static status parse_key(struct parser *in, char *at)
{
    struct report_set *set = in->set;
    char *colon = strchr(at, ':');

    if (!colon) {
        return complain(in, "expected a key and a colon, found", at);
    }
    *colon = '\0';
    if (!set->sentence) {
        if (strcmp(at, set->name) != 0) {
            return complain(in, "the file is named otherwise than its set", at);
        }
        set->sentence = keep(in, colon + 1);
    } else if (strcmp(at, "Rank") == 0) {
        set->rank = atoi(colon + 1);
        in->tail = NULL;
    } else if (strcmp(at, "When") == 0) {
        set->when = keep(in, colon + 1);
    } else if (strcmp(at, "Show") == 0) {
        return parse_show(in, colon + 1);
    } else if (strcmp(at, "Only") == 0 && set->show_count > 0) {
        return parse_only(in, colon + 1);
    } else if (strcmp(at, "Else") == 0 && set->show_count > 0) {
        set->shows[set->show_count - 1].otherwise = keep(in, colon + 1);
    } else {
        return complain(in, "there is no key", at);
    }
    return OK;
}

static status parse_line(struct parser *in, char *at)
{
    struct report_set *set = in->set;
    size_t indent = strspn(at, " "), length = strlen(at + indent);

    if (at[0] == '#') {
        return OK;
    }
    if (length == 0) {
        in->tail = NULL;
        return OK;
    }
    if (indent >= INDENT_CONTINUED &&
        in->tail) { /* the file is one buffer: there is room for a blank */
        *in->tail++ = ' ';
        memmove(in->tail, at + indent, length + 1);
        in->tail += length;
        return OK;
    }
    if (indent < INDENT_LINE) {
        return parse_key(in, at + indent);
    }
    if (set->show_count == 0 || set->shows[set->show_count - 1].line) {
        return complain(in, "expected one line for a report, found", at + indent);
    }
    set->shows[set->show_count - 1].line = keep(in, at);
    return OK;
}

status report_set_parse(const char *name, const char *origin, const char *text,
                        struct report_set *out)
{
    size_t name_bytes = strlen(name) + 1, origin_bytes = origin ? strlen(origin) + 1 : 0;
    size_t text_bytes = strlen(text) + 1;
    struct parser in = {.set = out};

    *out = (struct report_set){.memory = malloc(name_bytes + origin_bytes + text_bytes)};
    if (!out->memory) {
        diag_error("could not read report set \"%s\": out of memory", name);
        return FAIL;
    }
    char *at = out->memory;
    out->name = memcpy(at, name, name_bytes);
    at += name_bytes;
    if (origin) {
        out->origin = memcpy(at, origin, origin_bytes);
    }
    at = memcpy(at + origin_bytes, text, text_bytes);
    while (*at) {
        char *end = at + strcspn(at, "\n"), *next = *end ? end + 1 : end;

        *end = '\0';
        in.line++;
        if (end > at && end[-1] == '\r') {
            end[-1] = '\0';
        }
        TRY(parse_line(&in, at));
        at = next;
    }
    out->sentence = out->sentence ? out->sentence : "";
    return OK;
}

void report_set_release(struct report_set *set)
{
    free(set->memory);
    *set = (struct report_set){0};
}

const struct report_show *report_set_shows(const struct report_set *set, const char *report)
{
    for (size_t i = 0; i < set->show_count; i++) {
        if (strcmp(set->shows[i].report, report) == 0) {
            return &set->shows[i];
        }
    }
    return NULL;
}

/* ---- all sets ------------------------------------------------------------------------------ */

static status parse(const char *name, const char *origin, const char *text, void *item)
{
    return report_set_parse(name, origin, text, item);
}

static void release(void *item) { report_set_release(item); }

static const struct library_kind kind = {
    "report set", embedded_sets, "sets", ".set", sizeof(struct report_set), parse, release};

status report_sets_open(struct report_sets *out)
{
    struct library library;
    status result = library_open(&kind, &library);

    *out = (struct report_sets){library.items, library.count};
    return result;
}

void report_sets_close(struct report_sets *sets)
{
    library_close(&kind, &(struct library){sets->sets, sets->count});
    *sets = (struct report_sets){0};
}

const struct report_set *report_sets_find(const struct report_sets *sets, const char *name)
{
    return library_find(&kind, &(struct library){sets->sets, sets->count}, name);
}

/* ---- which one suits ----------------------------------------------------------------------- */

/* *reason stays NULL when the set does not suit. */
static status ask(const struct report_set *set, struct db *db, int64_t run, char **reason)
{
    const struct query_parameter parameter = {
        "$1", {.kind = run ? CELL_INTEGER : CELL_NULL, .integer = run}};
    struct cell cells[CATALOG_COLUMNS_MAX];
    struct query *query = NULL;
    char title[128];

    snprintf(title, sizeof title, "the condition of report set \"%s\"", set->name);
    TRY(query_open(db, title, set->when, &parameter, 1, &query));
    status step =
        query_column_count(query) <= CATALOG_COLUMNS_MAX ? query_step(query, cells) : FAIL;
    if (step.code == STATUS_OK && cells[0].kind == CELL_TEXT) {
        *reason = strndup(cells[0].text, cells[0].text_bytes);
    }
    query_close(query);
    return step.code == STATUS_END ? OK : step;
}

status report_sets_choose(const struct report_sets *sets, struct db *db, int64_t run,
                          const struct report_set **out, char **reason)
{
    *out = NULL;
    *reason = NULL;
    for (size_t i = 0; i < sets->count; i++) {
        const struct report_set *set = &sets->sets[i];
        char *why = NULL;

        if (!set->when || (*out && set->rank <= (*out)->rank)) {
            continue;
        }
        TRY(ask(set, db, run, &why));
        if (why) {
            free(*reason);
            *reason = why;
            *out = set;
        }
    }
    if (!*out) {
        diag_error("no report set suits this recording");
        diag_hint("--profile NAME chooses one; memanalyze report --list names them.");
        return FAIL;
    }
    return OK;
}
