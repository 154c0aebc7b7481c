/* SPDX-License-Identifier: Apache-2.0 */
/* report_set_test.c -- the files of report sets are read as written; what the shipped ones name is there. */
#include "catalog.h"
#include "check.h"
#include "report_set.h"

#include <stdlib.h>

static void test_parse(void)
{
    struct report_set set;
    const char *text = "# a remark\n"
                       "mine: what I want to know\n"
                       "      first.\n"
                       "\n"
                       "Rank:   -3\n"
                       "When:   SELECT 'a'\n"
                       "          FROM run\n"
                       "Show:   all summary\n"
                       "Show:   3 leaks --verdict leak --by stack\r\n"
                       "  {function}: {verdict},\n"
                       "      {live_bytes}.\n"
                       "Only:   share >= 0.1, verdict != leak of memory\n"
                       "Else:   nothing\n";

    CHECK_EQ(report_set_parse("mine", NULL, text, &set).code, STATUS_OK);
    CHECK_STR(set.sentence, "what I want to know first.");
    CHECK_STR(set.when, "SELECT 'a' FROM run");
    CHECK_EQ((uint64_t)(set.rank + 3), 0);
    if (CHECK_EQ(set.show_count, 2)) {
        CHECK(set.shows[0].rows == SIZE_MAX && !set.shows[0].line && !set.shows[0].otherwise);
        CHECK_STR(set.shows[1].report, "leaks");
        CHECK_EQ(set.shows[1].rows, 3);
        CHECK_STR(set.shows[1].line, "{function}: {verdict}, {live_bytes}.");
        CHECK_STR(set.shows[1].otherwise, "nothing");
        if (CHECK_EQ(set.shows[1].only_count, 2)) {
            CHECK_STR(set.shows[1].only[0].column, "share");
            CHECK_EQ(set.shows[1].only[0].is, CONDITION_LEAST);
            CHECK_STR(set.shows[1].only[0].value, "0.1");
            CHECK_EQ(set.shows[1].only[1].is, CONDITION_UNEQUAL);
            CHECK_STR(set.shows[1].only[1].value, "leak of memory");
        }
        if (CHECK_EQ(set.shows[1].value_count, 2)) {
            CHECK_STR(set.shows[1].values[1].name, "by");
            CHECK_STR(set.shows[1].values[1].value, "stack");
        }
    }
    CHECK(report_set_shows(&set, "leaks") == &set.shows[1]);
    CHECK(report_set_shows(&set, "rss") == NULL);
    report_set_release(&set);
}

static void test_refuses(void)
{
    static const char *const bad[] = {
        "other: not its name\n",
        "mine: it\nWherever: x\n",
        "mine: it\nno colon\n",
        "mine: it\nShow: none leaks\n",
        "mine: it\nShow: 0 leaks\n",
        "mine: it\nShow: 3\n",
        "mine: it\nShow: 3 leaks verdict leak\n",
        "mine: it\nShow: 3 leaks --verdict\n",
        "mine: it\n  {a line}\n",
        "mine: it\nOnly: a = b\n",
        "mine: it\nShow: 3 leaks\nOnly: a\n",
        "mine: it\nShow: 3 leaks\nOnly: a = 1, b ~ 2\n",
        "mine: it\nShow: 3 leaks\n  {one}\n  {two}\n",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct report_set set;

        CHECK(report_set_parse("mine", NULL, bad[i], &set).code != STATUS_OK);
        report_set_release(&set);
    }
}

/* Every {column} of the line is one that the report documents. */
static void check_line(const struct report_set *set, const struct report_show *show,
                       const struct catalog_report *report)
{
    int depth = 0;

    for (const char *at = show->line; at && *at; at++) {
        char name[64];

        depth += (*at == '[') - (*at == ']');
        CHECK(depth == 0 || depth == 1);
        if (*at == '{') {
            snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 1, "}"), at + 1);
            if (!CHECK(catalog_column(report, name) != NULL)) {
                fprintf(stderr, "set %s: report %s has no column %s\n", set->name, show->report,
                        name);
            }
        }
    }
    CHECK_EQ((uint64_t)depth, 0);
}

static void test_shipped(void)
{
    struct catalog catalog;
    struct report_sets sets;

    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    CHECK_EQ(catalog_open(&catalog).code, STATUS_OK);
    CHECK_EQ(report_sets_open(&sets).code, STATUS_OK);
    CHECK(sets.count >= 7);
    for (size_t i = 0; i < sets.count; i++) {
        const struct report_set *set = &sets.sets[i];

        CHECK(set->when != NULL && *set->sentence && set->show_count > 0);
        for (size_t k = 0; k < sets.count; k++) { /* which of two suits better is never chance */
            CHECK(k == i || sets.sets[k].rank != set->rank);
        }
        for (size_t k = 0; k < set->show_count; k++) {
            const struct report_show *show = &set->shows[k];
            const struct catalog_report *report = catalog_find(&catalog, show->report);
            struct query_parameter parameters[REPORT_VALUES_MAX];
            size_t count;

            if (!CHECK(report != NULL)) {
                fprintf(stderr, "set %s: there is no report %s\n", set->name, show->report);
                continue;
            }
            CHECK_EQ(report_values_bind(report, show->values, show->value_count, parameters, &count)
                         .code,
                     STATUS_OK);
            check_line(set, show, report);
            for (size_t c = 0; c < show->only_count; c++) {
                CHECK(catalog_column(report, show->only[c].column) != NULL);
            }
        }
    }
    report_sets_close(&sets);
    catalog_close(&catalog);
}

int main(void)
{
    test_parse();
    test_refuses();
    test_shipped();
    return check_summary();
}
