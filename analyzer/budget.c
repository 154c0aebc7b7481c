/* SPDX-License-Identifier: Apache-2.0 */
/* budget.c -- see budget.h. */
#include "budget.h"

#include "diag.h"

#include <ctype.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 20 };

static status no_memory(const struct budget *budget)
{
    diag_error("could not read budget \"%s\": out of memory", budget->path);
    return FAIL;
}

static status wrong(const struct budget *budget, unsigned line, const char *what, const char *word)
{
    diag_error("could not read budget \"%s\": line %u: %s \"%s\"", budget->path, line, what, word);
    diag_hint("A limit is written: figure peak.rss_bytes <= 64 MiB");
    return (status){STATUS_USAGE};
}

static status read_file(struct budget *budget)
{
    FILE *file = fopen(budget->path, "re");

    if (!file) {
        diag_error("could not read budget \"%s\": %m", budget->path);
        return FAIL;
    }
    budget->memory = malloc(FILE_BYTES_MAX + 1);
    size_t length = budget->memory ? fread(budget->memory, 1, FILE_BYTES_MAX + 1, file) : 0;
    bool failed = ferror(file);
    fclose(file);
    if (!budget->memory) {
        return no_memory(budget);
    }
    if (failed || length > FILE_BYTES_MAX || memchr(budget->memory, '\0', length)) {
        diag_error("could not read budget \"%s\": %s", budget->path,
                   failed                    ? "reading failed"
                   : length > FILE_BYTES_MAX ? "it has more than 1 MiB"
                                             : "it is no text");
        return FAIL;
    }
    budget->memory[length] = '\0';
    return OK;
}

static status add_rule(struct budget *budget, const struct budget_rule *rule)
{
    struct budget_rule *rules = realloc(budget->rules, (budget->count + 1) * sizeof *rules);

    if (!rules) {
        return no_memory(budget);
    }
    budget->rules = rules;
    rules[budget->count++] = *rule;
    return OK;
}

/* ---- limits -------------------------------------------------------------------------------- */

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    char *end = text + strlen(text);
    while (end > text && strchr(" \t\r", end[-1])) {
        *--end = '\0';
    }
    return text;
}

static bool take_unit(const char *text, const char **unit, double *factor)
{
    static const struct {
        const char *name, *unit;
        double factor;
    } units[] = {{"", NULL, 1},     {"%", "ratio", 0.01},     {"ns", "ns", 1},
                 {"us", "ns", 1e3}, {"\xc2\xb5s", "ns", 1e3}, {"ms", "ns", 1e6},
                 {"s", "ns", 1e9},  {"min", "ns", 60e9},      {"h", "ns", 3600e9}};
    static const struct {
        const char *name;
        double factor;
    } sizes[] = {{"B", 1},    {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40},
                 {"kB", 1e3}, {"KB", 1e3},     {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].name, text) == 0) {
            *unit = units[i].unit;
            *factor = units[i].factor;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t length = strlen(sizes[i].name);
        const char *rest = text + length;

        if (strncmp(sizes[i].name, text, length) == 0 &&
            (!*rest || strcmp(rest, "/s") == 0 || strcmp(rest, "/h") == 0)) {
            *unit = !*rest                    ? "bytes"
                    : strcmp(rest, "/s") == 0 ? "bytes_per_second"
                                              : "bytes_per_hour";
            *factor = sizes[i].factor;
            return true;
        }
    }
    return false;
}

/* "peak.rss_bytes <= 64 MiB"; a name may hold blanks, so the operator is looked for. */
static status parse_limit(struct budget *budget, char *text, struct budget_rule *rule)
{
    static const struct {
        const char *name;
        enum budget_operator operator;
    } operators[] = {{"<=", BUDGET_LESS_EQUAL}, {">=", BUDGET_MORE_EQUAL}, {"==", BUDGET_EQUAL},
                     {"<", BUDGET_LESS},        {">", BUDGET_MORE},        {"=", BUDGET_EQUAL}};
    char *at = text + strcspn(text, "<=>"), *end;
    double factor = 1;
    size_t found = 0;

    for (; found < 6 && strncmp(at, operators[found].name, strlen(operators[found].name)) != 0;) {
        found++;
    }
    if (found == 6) {
        return wrong(budget, rule->line, "no <, <=, =, >= or > in", text);
    }
    char *value = trim(at + strlen(operators[found].name));
    rule->operator= operators[found].operator;
    *at = '\0';
    if (!*trim(text)) {
        return wrong(budget, rule->line, "no figure before", value);
    }
    rule->limit = strtod(value, &end);
    if (end == value || !isfinite(rule->limit)) {
        return wrong(budget, rule->line, "expected a number, found", value);
    }
    end = trim(end);
    if (!take_unit(end, &rule->unit, &factor)) {
        return wrong(budget, rule->line, "there is no unit", end);
    }
    rule->limit *= factor;
    return OK;
}

static status parse_line(struct budget *budget, char *line, struct budget_rule *rule)
{
    static const char optional[] = "optional", figure[] = "figure";

    if (*line == '[') {
        char *end = strchr(line, ']');

        if (!end || *trim(end + 1)) {
            return wrong(budget, rule->line, "expected [section], found", line);
        }
        *end = '\0';
        rule->section = trim(line + 1);
        return OK;
    }
    rule->optional = strncmp(line, optional, strlen(optional)) == 0 && isblank(line[8]);
    line = rule->optional ? trim(line + strlen(optional)) : line;
    if (strncmp(line, figure, strlen(figure)) != 0 || !isblank(line[6])) {
        return wrong(budget, rule->line, "expected figure NAME <= VALUE, found", line);
    }
    line = trim(line + strlen(figure));
    rule->text = strdup(line);
    rule->figure = strdup(line); /* of which parse_limit leaves the name */
    status result = rule->text && rule->figure ? OK : no_memory(budget);
    if (result.code == STATUS_OK) {
        result = parse_limit(budget, rule->figure, rule);
    }
    if (result.code == STATUS_OK) {
        result = add_rule(budget, rule);
    }
    if (result.code != STATUS_OK) {
        free(rule->text);
        free(rule->figure);
    }
    return result;
}

static status parse_ini(struct budget *budget)
{
    struct budget_rule rule = {.section = budget->section};

    for (char *line = budget->memory, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        rule.line++;
        line = trim(line);
        if (*line && *line != '#' && *line != ';') {
            TRY(parse_line(budget, line, &rule));
        }
    }
    return OK;
}

/* ---- statements ---------------------------------------------------------------------------- */

static unsigned line_of(const struct budget *budget, const char *at)
{
    unsigned line = 1;

    for (const char *c = budget->memory; c < at; c++) {
        line += *c == '\n';
    }
    return line;
}

/* The end of the statement that begins here: behind its semicolon, or the end of the text. */
static char *statement_end(char *begin)
{
    for (char *at = begin; (at = strchr(at, ';')) != NULL;) {
        char after = *++at;

        *at = '\0';
        bool complete = sqlite3_complete(begin);
        *at = after;
        if (complete) {
            return at;
        }
    }
    return begin + strlen(begin);
}

/* Where the statement begins behind its comments; *title is the first line of the last of these, or
 * NULL. An empty line ends a comment. */
static char *skip_comments(char *at, char **title, size_t *title_length)
{
    *title = NULL;
    for (;;) {
        size_t blank = strspn(at, " \t\r\n;"), lines = 0;

        for (size_t i = 0; i < blank; i++) {
            lines += at[i] == '\n';
        }
        at += blank;
        if (strncmp(at, "--", 2) != 0) {
            return at;
        }
        char *text = at + 2 + strspn(at + 2, " \t-");
        size_t length = strcspn(text, "\r\n");

        *title = lines > 1 ? NULL : *title;
        if (!*title && length > 0 && strncmp(text, "SPDX-", 5) != 0) {
            *title = text;
            *title_length = length;
        }
        at += strcspn(at, "\n");
    }
}

static status parse_sql(struct budget *budget)
{
    for (char *at = budget->memory, *title; *at;) {
        size_t title_length = 0;
        char *sql = skip_comments(at, &title, &title_length);

        if (!*sql) {
            break;
        }
        char *end = statement_end(sql);
        struct budget_rule rule = {.section = budget->section, .line = line_of(budget, sql)};
        char *text = title ? strndup(title, title_length) : NULL;
        if (!title && asprintf(&text, "the statement in line %u", rule.line) < 0) {
            text = NULL;
        }
        char *statement = strndup(sql, (size_t)(end - sql));
        rule.text = text;
        rule.sql = statement;
        if (!text || !statement || add_rule(budget, &rule).code != STATUS_OK) {
            free(text);
            free(statement);
            return no_memory(budget);
        }
        at = end;
    }
    return OK;
}

/* ---- files --------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

status budget_read(const char *path, struct budget *out)
{
    bool ini = ends_with(path, ".ini"), sql = ends_with(path, ".sql");
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    *out = (struct budget){.path = path};
    if (!ini && !sql) {
        diag_error("could not read budget \"%s\": its name must end in .ini or .sql", path);
        return (status){STATUS_USAGE};
    }
    TRY(read_file(out));
    out->section = strndup(name, strlen(name) - 4);
    if (!out->section) {
        return no_memory(out);
    }
    TRY(ini ? parse_ini(out) : parse_sql(out));
    if (out->count == 0) {
        diag_error("could not read budget \"%s\": it has no %s", path, ini ? "limit" : "statement");
        diag_hint("A limit is written: figure peak.rss_bytes <= 64 MiB");
        return (status){STATUS_USAGE};
    }
    return OK;
}

void budget_release(struct budget *budget)
{
    for (size_t i = 0; i < budget->count; i++) {
        free(budget->rules[i].text);
        free(budget->rules[i].sql);
        free(budget->rules[i].figure);
    }
    free(budget->rules);
    free(budget->memory);
    free(budget->section);
    *budget = (struct budget){0};
}
