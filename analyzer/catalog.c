/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.c -- see catalog.h. */
#include "catalog.h"

#include "diag.h"
#include "embedded.h"
#include "library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT = 2, INDENT_CONTINUED = 6 };

static const char *const type_names[TYPE_COUNT_OF_TYPES] = {
    [TYPE_VALUE] = "VALUE", [TYPE_TEXT] = "TEXT",   [TYPE_BYTES] = "BYTES", [TYPE_NS] = "NS",
    [TYPE_COUNT] = "COUNT", [TYPE_RATIO] = "RATIO", [TYPE_RATE] = "RATE",   [TYPE_ID] = "ID",
    [TYPE_KEY] = "KEY",     [TYPE_GROUP] = "GROUP", [TYPE_STACK] = "STACK", [TYPE_PROSE] = "PROSE",
    [TYPE_NOTE] = "NOTE",   [TYPE_MIXED] = "MIXED", [TYPE_UNIT] = "UNIT",   [TYPE_TOTAL] = "TOTAL",
    [TYPE_FLOW] = "FLOW",   [TYPE_PACE] = "PACE",
};

const char *catalog_type_name(enum catalog_type type) { return type_names[type]; }

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t end_length = strlen(end);

    return length >= end_length && memcmp(text + length - end_length, end, end_length) == 0;
}

enum catalog_type catalog_type_of_name(const char *name)
{
    static const struct {
        const char *end;
        enum catalog_type type;
    } ends[] = {{"_bytes_per_hour", TYPE_RATE},
                {"_bytes_per_second", TYPE_FLOW},
                {"_per_second", TYPE_PACE},
                {"_bytes", TYPE_BYTES},
                {"_ns", TYPE_NS},
                {"_share", TYPE_RATIO},
                {"_calls", TYPE_COUNT},
                {"_blocks", TYPE_COUNT}};
    size_t length = strlen(name);

    if (ends_with(name, length, "_low")) {
        length -= strlen("_low");
    } else if (ends_with(name, length, "_high")) {
        length -= strlen("_high");
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (ends_with(name, length, ends[i].end)) {
            return ends[i].type;
        }
    }
    return TYPE_VALUE;
}

/* ---- the comment --------------------------------------------------------------------------- */

struct parser {
    struct catalog_report *report;
    unsigned line;
    enum { IN_NOTHING, IN_PARAMETERS, IN_COLUMNS } section;
    char *tail; /* end of the text that a continued line lengthens; NULL: none */
};

static status complain(const struct parser *in, const char *what, const char *word)
{
    diag_error("could not read report \"%s\": line %u: %s \"%s\"",
               in->report->origin ? in->report->origin : in->report->name, in->line, what, word);
    diag_hint("CONTRIBUTING.md shows the comment that opens a report; memanalyze report --sql NAME "
              "prints a shipped one.");
    return FAIL;
}

static char *skip_blanks(char *at) { return at + strspn(at, " \t"); }

/* Cuts off the next word and returns it; "" at the end. */
static char *take_word(char **at)
{
    char *word = skip_blanks(*at);
    char *end = word + strcspn(word, " \t");

    *at = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static status take_type(const struct parser *in, char **at, enum catalog_type *out)
{
    const char *word = take_word(at);

    for (int type = 0; type < TYPE_COUNT_OF_TYPES; type++) {
        if (strcmp(type_names[type], word) == 0) {
            *out = (enum catalog_type)type;
            return OK;
        }
    }
    return complain(in, "there is no type", word);
}

static void keep_meaning(struct parser *in, char *at, const char **out)
{
    char *meaning = skip_blanks(at);

    *out = meaning;
    in->tail = meaning + strlen(meaning);
}

/* `  $1 run  ID  the run's id` */
static status parse_parameter(struct parser *in, char *at)
{
    struct catalog_report *report = in->report;
    struct catalog_parameter *out = &report->parameters[report->parameter_count];
    const char *number = take_word(&at);

    if (number[0] != '$' || number[1] < '1' || number[1] > '9' || number[2]) {
        return complain(in, "expected $1 to $9, found", number);
    }
    if (report->parameter_count == CATALOG_PARAMETERS_MAX) {
        return complain(in, "too many parameters: no room for", number);
    }
    out->number = number[1] - '0';
    out->name = take_word(&at);
    if (!*out->name) {
        return complain(in, "a parameter needs a name:", number);
    }
    TRY(take_type(in, &at, &out->type));
    keep_meaning(in, at, &out->meaning);
    report->parameter_count++;
    return OK;
}

/* `  live_bytes  BYTES  alive at the end` */
static status parse_column(struct parser *in, char *at)
{
    struct catalog_report *report = in->report;
    struct catalog_column *out = &report->columns[report->column_count];

    if (report->column_count == CATALOG_COLUMNS_MAX) {
        return complain(in, "too many columns: no room for", skip_blanks(at));
    }
    out->name = take_word(&at);
    TRY(take_type(in, &at, &out->type));
    keep_meaning(in, at, &out->meaning);
    report->column_count++;
    return OK;
}

/* A longer line goes on here. Its text moves up to what it continues; both are in one buffer, in
 * order, and the comment's dashes between them leave room for the blank. */
static void continue_line(struct parser *in, const char *more)
{
    size_t length = strlen(more);

    if (in->tail && length > 0) {
        *in->tail++ = ' ';
        memmove(in->tail, more, length + 1);
        in->tail += length;
    }
}

/* `Key:  value` */
static status parse_key(struct parser *in, char *at)
{
    struct catalog_report *report = in->report;
    const struct {
        const char *key;
        const char **value;
    } keys[] = {{"Reads", &report->reads},   {"Table", &report->table},  {"Bar", &report->bar},
                {"Footer", &report->footer}, {"Empty", &report->empty},  {"Plain", &report->plain},
                {"With", &report->with},     {"Caveat", &report->caveat}};
    char *colon = strchr(at, ':');

    in->section = IN_NOTHING;
    in->tail = NULL;
    if (!colon) {
        return complain(in, "expected a key and a colon, found", at);
    }
    *colon = '\0';
    if (strcmp(at, "Params") == 0 || strcmp(at, "Columns") == 0) {
        in->section = at[0] == 'P' ? IN_PARAMETERS : IN_COLUMNS;
        return OK;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i].key, at) == 0) {
            keep_meaning(in, colon + 1, keys[i].value);
            return OK;
        }
    }
    if (!report->sentence) { /* the first line: `name: sentence` */
        if (strcmp(at, report->name) != 0) {
            return complain(in, "the file is named otherwise than its report", at);
        }
        keep_meaning(in, colon + 1, &report->sentence);
        return OK;
    }
    return complain(in, "there is no key", at);
}

static status parse_line(struct parser *in, char *at)
{
    size_t indent = strspn(at, " ");

    if (!at[indent]) {
        in->tail = NULL;
        return OK;
    }
    if (strncmp(at + indent, "SPDX-", 5) == 0) {
        return OK;
    }
    if (indent >= INDENT_CONTINUED && in->tail) {
        continue_line(in, at + indent);
        return OK;
    }
    if (indent >= INDENT && in->section == IN_PARAMETERS) {
        return parse_parameter(in, at);
    }
    if (indent >= INDENT && in->section == IN_COLUMNS) {
        return parse_column(in, at);
    }
    return parse_key(in, at + indent);
}

status catalog_parse(const char *name, const char *origin, const char *text,
                     struct catalog_report *out)
{
    size_t name_bytes = strlen(name) + 1, origin_bytes = origin ? strlen(origin) + 1 : 0;
    size_t text_bytes = strlen(text) + 1;
    struct parser in = {.report = out};

    *out = (struct catalog_report){.memory = malloc(name_bytes + origin_bytes + 2 * text_bytes)};
    if (!out->memory) {
        diag_error("could not read report \"%s\": out of memory", name);
        return FAIL;
    }
    char *at = out->memory;
    out->name = memcpy(at, name, name_bytes);
    at += name_bytes;
    if (origin) {
        out->origin = memcpy(at, origin, origin_bytes);
    }
    at += origin_bytes;
    out->text = memcpy(at, text, text_bytes);
    at = memcpy(at + text_bytes, text, text_bytes); /* the copy that is cut into words */

    while (at[0] == '-' && at[1] == '-') {
        char *end = at + strcspn(at, "\n");
        char *next = *end ? end + 1 : end;

        *end = '\0';
        in.line++;
        if (end > at && end[-1] == '\r') {
            end[-1] = '\0';
        }
        TRY(parse_line(&in, at[2] == ' ' ? at + 3 : at + 2));
        at = next;
    }
    out->sentence = out->sentence ? out->sentence : "";
    return OK;
}

void catalog_release(struct catalog_report *report)
{
    free(report->memory);
    *report = (struct catalog_report){0};
}

const struct catalog_column *catalog_column(const struct catalog_report *report, const char *name)
{
    for (size_t i = 0; i < report->column_count; i++) {
        if (strcmp(report->columns[i].name, name) == 0) {
            return &report->columns[i];
        }
    }
    return NULL;
}

bool catalog_takes(const struct catalog_parameter *parameter, const char *value)
{
    const char *at = parameter->meaning;
    size_t length = strcspn(at, ": "), value_length = strlen(value);

    if (!memchr(at, '|', length)) {
        return true;
    }
    for (const char *end = at + length; at < end; at += strcspn(at, "|: ") + 1) {
        if (strcspn(at, "|: ") == value_length && memcmp(at, value, value_length) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- all reports --------------------------------------------------------------------------- */

static status parse(const char *name, const char *origin, const char *text, void *item)
{
    return catalog_parse(name, origin, text, item);
}

static void release(void *item) { catalog_release(item); }

static const struct library_kind kind = {
    "report", embedded_queries, "queries", ".sql", sizeof(struct catalog_report), parse, release};

status catalog_open(struct catalog *out)
{
    struct library library;
    status result = library_open(&kind, &library);

    *out = (struct catalog){library.items, library.count};
    return result;
}

void catalog_close(struct catalog *catalog)
{
    library_close(&kind, &(struct library){catalog->reports, catalog->count});
    *catalog = (struct catalog){0};
}

const struct catalog_report *catalog_find(const struct catalog *catalog, const char *name)
{
    return library_find(&kind, &(struct library){catalog->reports, catalog->count}, name);
}
