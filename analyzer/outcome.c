/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c -- see outcome.h. */
#include "outcome.h"

#include "diag.h"
#include "json.h"
#include "units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdict_names[] = {
    [OUTCOME_PASSED] = "passed", [OUTCOME_UNSURE] = "unsure",   [OUTCOME_SKIPPED] = "skipped",
    [OUTCOME_FAILED] = "failed", [OUTCOME_UNKNOWN] = "unknown",
};

struct outcome *outcomes_add(struct outcomes *outcomes)
{
    struct outcome *rows = realloc(outcomes->rows, (outcomes->count + 1) * sizeof *rows);

    if (!rows) {
        diag_error("could not check: out of memory");
        return NULL;
    }
    outcomes->rows = rows;
    rows[outcomes->count] = (struct outcome){.value = NAN, .low = NAN, .high = NAN};
    return &rows[outcomes->count++];
}

void outcomes_release(struct outcomes *outcomes)
{
    for (size_t i = 0; i < outcomes->count; i++) {
        free(outcomes->rows[i].message);
        free(outcomes->rows[i].details);
        free((char *)outcomes->rows[i].unit);
    }
    free(outcomes->rows);
    *outcomes = (struct outcomes){0};
}

size_t outcomes_count(const struct outcomes *outcomes, enum outcome_verdict verdict)
{
    size_t count = 0;

    for (size_t i = 0; i < outcomes->count; i++) {
        count += outcomes->rows[i].verdict == verdict;
    }
    return count;
}

bool outcomes_failed(const struct outcomes *outcomes)
{
    return outcomes_count(outcomes, OUTCOME_FAILED) + outcomes_count(outcomes, OUTCOME_UNKNOWN) > 0;
}

static bool holds(enum budget_operator operator, double value, double limit)
{
    switch (operator) {
    case BUDGET_LESS:
        return value < limit;
    case BUDGET_LESS_EQUAL:
        return value <= limit;
    case BUDGET_EQUAL:
        return value == limit;
    case BUDGET_MORE_EQUAL:
        return value >= limit;
    case BUDGET_MORE:
        return value > limit;
    }
    return false;
}

enum outcome_verdict outcome_judge(enum budget_operator operator, double limit, double value,
                                   double low, double high)
{
    bool from_below = operator== BUDGET_LESS || operator== BUDGET_LESS_EQUAL;

    if (holds(operator, value, limit)) {
        return OUTCOME_PASSED;
    }
    if (operator== BUDGET_EQUAL) {
        return low > limit || high < limit ? OUTCOME_FAILED : OUTCOME_UNSURE;
    }
    double nearest = from_below ? low : high;
    return isnan(nearest) || holds(operator, nearest, limit) ? OUTCOME_UNSURE : OUTCOME_FAILED;
}

bool outcome_format_of_name(const char *name, enum outcome_format *out)
{
    static const char *const names[] = {"text", "json", "junit", "github"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum outcome_format)i;
            return true;
        }
    }
    return false;
}

/* ---- text ---------------------------------------------------------------------------------- */

static void print_safe(FILE *out, const char *text)
{
    char *safe = units_escape(text, strlen(text), false);

    fputs(safe ? safe : "", out);
    free(safe);
}

static void print_lines(FILE *out, const char *lines, int indent)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        char *line = strndup(lines, length);

        fprintf(out, "%*s", indent, "");
        print_safe(out, line ? line : "");
        putc('\n', out);
        free(line);
        lines += length + (lines[length] == '\n');
    }
}

static void print_counts(const struct outcomes *outcomes, FILE *out)
{
    static const enum outcome_verdict order[] = {OUTCOME_FAILED, OUTCOME_UNKNOWN, OUTCOME_UNSURE,
                                                 OUTCOME_SKIPPED, OUTCOME_PASSED};
    const char *separator = ": ";

    fprintf(out, "%zu budget%s", outcomes->count, outcomes->count == 1 ? "" : "s");
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        size_t count = outcomes_count(outcomes, order[i]);

        if (count > 0) {
            fprintf(out, "%s%zu %s", separator, count, verdict_names[order[i]]);
            separator = ", ";
        }
    }
    putc('\n', out);
}

static void print_text(const struct outcomes *outcomes, const struct render_options *out)
{
    static const enum render_style styles[] = {[OUTCOME_PASSED] = STYLE_GREEN,
                                               [OUTCOME_UNSURE] = STYLE_YELLOW,
                                               [OUTCOME_SKIPPED] = STYLE_DIM,
                                               [OUTCOME_FAILED] = STYLE_RED,
                                               [OUTCOME_UNKNOWN] = STYLE_RED};
    const char *suite = NULL;

    for (size_t i = 0; i < outcomes->count; i++) {
        const struct outcome *outcome = &outcomes->rows[i];

        if (!suite || strcmp(suite, outcome->suite) != 0) {
            fputs(suite ? "\n" : "", out->out);
            suite = outcome->suite;
            render_style(out, STYLE_BOLD);
            print_safe(out->out, suite);
            render_style(out, STYLE_NONE);
            putc('\n', out->out);
        }
        fputs("  ", out->out);
        render_style(out, styles[outcome->verdict]);
        fputs(verdict_names[outcome->verdict], out->out);
        render_style(out, STYLE_NONE);
        fprintf(out->out, "%*s", (int)(9 - strlen(verdict_names[outcome->verdict])), "");
        print_safe(out->out, outcome->name);
        fputs(": ", out->out);
        print_safe(out->out, outcome->message);
        putc('\n', out->out);
        print_lines(out->out, outcome->details, 11);
    }
    putc('\n', out->out);
    print_counts(outcomes, out->out);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_member(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\"%s\":", name);
    if (text) {
        json_put_text(out, text, strlen(text));
    } else {
        fputs("null", out);
    }
}

static void put_number(FILE *out, const char *name, double number)
{
    const struct cell cell = {.kind = CELL_REAL, .real = number};

    fprintf(out, ",\"%s\":", name);
    json_put_cell(out, &cell);
}

static void print_json(const struct outcomes *outcomes, const struct outcome_run *run, FILE *out)
{
    fprintf(out, "{\"schema\":\"memanalyze-check/1\",\"passed\":%s",
            outcomes_failed(outcomes) ? "false" : "true");
    put_member(out, "recording", run->recording);
    for (enum outcome_verdict verdict = OUTCOME_PASSED; verdict <= OUTCOME_UNKNOWN; verdict++) {
        fprintf(out, ",\"%s_count\":%zu", verdict_names[verdict],
                outcomes_count(outcomes, verdict));
    }
    fputs(",\"budgets\":[", out);
    for (size_t i = 0; i < outcomes->count; i++) {
        const struct outcome *outcome = &outcomes->rows[i];

        fprintf(out, "%s\n{\"verdict\":\"%s\"", i ? "," : "", verdict_names[outcome->verdict]);
        put_member(out, "section", outcome->suite);
        put_member(out, "name", outcome->name);
        put_member(out, "file", outcome->path);
        fprintf(out, ",\"line\":");
        fprintf(out, outcome->path ? "%u" : "null", outcome->line);
        put_member(out, "message", outcome->message);
        put_member(out, "figure", outcome->figure);
        put_member(out, "unit", outcome->unit);
        put_number(out, "value", outcome->value);
        put_number(out, "low", outcome->low);
        put_number(out, "high", outcome->high);
        fputs(",\"details\":[", out);
        for (const char *at = outcome->details; at && *at;) {
            size_t length = strcspn(at, "\n");

            fputs(at == outcome->details ? "" : ",", out);
            json_put_text(out, at, length);
            at += length + (at[length] == '\n');
        }
        fputs("]}", out);
    }
    fputs("\n]}\n", out);
}

/* ---- JUnit --------------------------------------------------------------------------------- */

/* XML 1.0 has no place for most control characters, not even as references. */
static void put_xml(FILE *out, const char *text)
{
    char *valid = units_valid(text, strlen(text));

    for (const char *at = valid ? valid : ""; *at; at++) {
        switch (*at) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\n':
            fputs("&#10;", out);
            break;
        default:
            if ((unsigned char)*at < 0x20 || *at == 0x7f) {
                fprintf(out, "\\x%02x", (unsigned)(unsigned char)*at);
            } else if (strncmp(at, "\xef\xbf\xbe", 3) == 0 || strncmp(at, "\xef\xbf\xbf", 3) == 0) {
                fprintf(out, "\\uff%02x", 0xc0u | ((unsigned char)at[2] & 0x3fu));
                at += 2;
            } else {
                putc(*at, out);
            }
        }
    }
    free(valid);
}

static bool same_suite(const struct outcomes *outcomes, size_t left, size_t right)
{
    return strcmp(outcomes->rows[left].suite, outcomes->rows[right].suite) == 0;
}

static bool is_first_of_suite(const struct outcomes *outcomes, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (same_suite(outcomes, i, at)) {
            return false;
        }
    }
    return true;
}

static void put_case(FILE *out, const struct outcome *outcome)
{
    static const char *const elements[] = {
        [OUTCOME_SKIPPED] = "skipped", [OUTCOME_FAILED] = "failure", [OUTCOME_UNKNOWN] = "error"};
    const char *element = outcome->verdict == OUTCOME_PASSED || outcome->verdict == OUTCOME_UNSURE
                              ? NULL
                              : elements[outcome->verdict];

    fputs("    <testcase name=\"", out);
    put_xml(out, outcome->name);
    fputs("\" classname=\"memanalyze.", out);
    put_xml(out, outcome->suite);
    fputs("\" time=\"0\">\n", out);
    if (element && outcome->verdict == OUTCOME_SKIPPED) {
        fputs("      <skipped/>\n", out);
    } else if (element) {
        fprintf(out, "      <%s type=\"budget\" message=\"", element);
        put_xml(out, outcome->message);
        fputs("\">", out);
        if (outcome->path) {
            put_xml(out, outcome->path);
            fprintf(out, ":%u: ", outcome->line);
        }
        put_xml(out, outcome->message);
        putc('\n', out);
        put_xml(out, outcome->details ? outcome->details : "");
        fprintf(out, "</%s>\n", element);
    }
    fputs("    </testcase>\n", out);
}

static void print_junit(const struct outcomes *outcomes, const struct outcome_run *run, FILE *out)
{
    unsigned id = 0;

    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", out);
    for (size_t first = 0; first < outcomes->count; first++) {
        if (!is_first_of_suite(outcomes, first)) {
            continue;
        }
        size_t tests = 0, failures = 0, errors = 0, skipped = 0;
        for (size_t i = first; i < outcomes->count; i++) {
            enum outcome_verdict verdict = outcomes->rows[i].verdict;
            bool ours = same_suite(outcomes, first, i);

            tests += ours;
            failures += ours && verdict == OUTCOME_FAILED;
            errors += ours && verdict == OUTCOME_UNKNOWN;
            skipped += ours && verdict == OUTCOME_SKIPPED;
        }
        fprintf(out, "  <testsuite id=\"%u\" package=\"memanalyze\" name=\"", id++);
        put_xml(out, outcomes->rows[first].suite);
        fprintf(out,
                "\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"0\" "
                "timestamp=\"%s\" hostname=\"",
                tests, failures, errors, skipped, run->started);
        put_xml(out, run->host && *run->host ? run->host : "localhost");
        fputs("\">\n    <properties>\n      <property name=\"recording\" value=\"", out);
        put_xml(out, run->recording);
        fputs("\"/>\n    </properties>\n", out);
        for (size_t i = first; i < outcomes->count; i++) {
            if (same_suite(outcomes, first, i)) {
                put_case(out, &outcomes->rows[i]);
            }
        }
        fputs("    <system-out></system-out>\n    <system-err></system-err>\n  </testsuite>\n",
              out);
    }
    fputs("</testsuites>\n", out);
}

/* ---- GitHub -------------------------------------------------------------------------------- */

/* What a workflow command takes for its end, or a property's, is spelled %XX. */
static void put_command_text(FILE *out, const char *text, bool property)
{
    char *valid = units_valid(text, strlen(text));

    for (const char *at = valid ? valid : ""; *at; at++) {
        if (*at == '%' || *at == '\r' || *at == '\n' || (property && (*at == ':' || *at == ','))) {
            fprintf(out, "%%%02X", (unsigned)(unsigned char)*at);
        } else {
            putc(*at, out);
        }
    }
    free(valid);
}

static void print_github(const struct outcomes *outcomes, FILE *out)
{
    for (size_t i = 0; i < outcomes->count; i++) {
        const struct outcome *outcome = &outcomes->rows[i];

        if (outcome->verdict == OUTCOME_PASSED || outcome->verdict == OUTCOME_SKIPPED) {
            continue;
        }
        fputs(outcome->verdict == OUTCOME_UNSURE ? "::warning " : "::error ", out);
        if (outcome->path) {
            fputs("file=", out);
            put_command_text(out, outcome->path, true);
            fprintf(out, ",line=%u,", outcome->line);
        }
        fputs("title=", out);
        put_command_text(out, outcome->name, true);
        fputs("::", out);
        put_command_text(out, outcome->message, false);
        if (outcome->details && *outcome->details) { /* its last newline ends the command */
            char *lines = strndup(outcome->details, strlen(outcome->details) - 1);

            put_command_text(out, "\n", false);
            put_command_text(out, lines ? lines : "", false);
            free(lines);
        }
        putc('\n', out);
    }
    print_counts(outcomes, out);
}

void outcome_print(const struct outcomes *outcomes, const struct outcome_run *run,
                   enum outcome_format format, const struct render_options *out)
{
    switch (format) {
    case OUTCOME_TEXT:
        print_text(outcomes, out);
        break;
    case OUTCOME_JSON:
        print_json(outcomes, run, out->out);
        break;
    case OUTCOME_JUNIT:
        print_junit(outcomes, run, out->out);
        break;
    case OUTCOME_GITHUB:
        print_github(outcomes, out->out);
        break;
    }
}
