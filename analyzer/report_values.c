/* SPDX-License-Identifier: Apache-2.0 */
/* report_values.c -- see report_values.h. */
#include "report_values.h"

#include "diag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_suffix(const char *at, int64_t *number)
{
    static const char letters[] = "KMGT";
    const char *letter = *at ? strchr(letters, *at) : NULL;

    if (!*at) {
        return true;
    }
    if (!letter ||
        (strcmp(at + 1, "") != 0 && strcmp(at + 1, "B") != 0 && strcmp(at + 1, "iB") != 0)) {
        return false;
    }
    int shift = 10 * (int)(letter - letters + 1);
    if (*number > INT64_MAX >> shift) {
        return false;
    }
    *number <<= shift;
    return true;
}

static bool parse_number(const char *text, enum catalog_type type, int64_t *out)
{
    char *end;

    if (strcmp(text, "all") == 0) {
        *out = INT64_MAX;
        return true;
    }
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && errno == 0 && *out >= 0 &&
           (type == TYPE_BYTES ? parse_suffix(end, out) : !*end);
}

/* $n as SQLite and PostgreSQL name them. */
static status bind(const struct catalog_parameter *parameter, const char *value,
                   struct query_parameter *out)
{
    static const char *const numbers[] = {"$0", "$1", "$2", "$3", "$4",
                                          "$5", "$6", "$7", "$8", "$9"};

    out->name = numbers[parameter->number];
    out->value = (struct cell){.kind = CELL_TEXT, .text = value, .text_bytes = strlen(value)};
    if (parameter->type != TYPE_TEXT) {
        out->value.kind = CELL_INTEGER;
        if (!parse_number(value, parameter->type, &out->value.integer)) {
            diag_error("--%s takes a number, not \"%s\"", parameter->name, value);
            diag_hint("--%s: %s", parameter->name, parameter->meaning);
            return (status){STATUS_USAGE};
        }
    } else if (!catalog_takes(parameter, value)) {
        diag_error("--%s does not take \"%s\"", parameter->name, value);
        diag_hint("--%s: %s", parameter->name, parameter->meaning);
        return (status){STATUS_USAGE};
    }
    return OK;
}

static status refuse(const struct catalog_report *report, const char *name)
{
    char list[256] = "";

    for (size_t i = 0; i < report->parameter_count; i++) {
        size_t used = strlen(list);

        snprintf(list + used, sizeof list - used, "%s--%s", i ? ", " : "",
                 report->parameters[i].name);
    }
    diag_error("report \"%s\" has no parameter --%s", report->name, name);
    diag_hint("It has %s.", *list ? list : "none");
    return (status){STATUS_USAGE};
}

status report_values_bind(const struct catalog_report *report, const struct report_value *values,
                          size_t count, struct query_parameter out[REPORT_VALUES_MAX],
                          size_t *out_count)
{
    *out_count = 0;
    for (size_t i = 0; i < count && i < REPORT_VALUES_MAX; i++) {
        const struct catalog_parameter *found = NULL;

        for (size_t j = 0; j < report->parameter_count; j++) {
            const struct catalog_parameter *at = &report->parameters[j];

            found = strcmp(at->name, values[i].name) == 0 ? at : found;
        }
        if (!found) {
            return refuse(report, values[i].name);
        }
        TRY(bind(found, values[i].value, &out[*out_count]));
        ++*out_count;
    }
    return OK;
}
