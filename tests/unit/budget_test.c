/* SPDX-License-Identifier: Apache-2.0 */
/* budget_test.c -- what files of budgets say, and when a value breaks a limit. */
#include "budget.h"

#include "check.h"
#include "diag.h"
#include "outcome.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static const char *write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");

    if (CHECK(file)) {
        fputs(text, file);
        fclose(file);
    }
    return name;
}

static void test_limits(void)
{
    struct budget budget;

    CHECK_EQ(budget_read(write_file("limits.ini", "# comment\n"
                                                  "figure peak.rss_bytes <= 1.5 KiB\r\n"
                                                  "\n"
                                                  "  [ two words ] \n"
                                                  "figure span.bytes.GET /a<1MB\n"
                                                  "\toptional  figure gc.share > 5 %\n"
                                                  "figure x == 2 min\n"
                                                  "figure y >= -3\n"
                                                  "figure z = 1 GB/h"),
                         &budget)
                 .code,
             STATUS_OK);
    if (CHECK_EQ(budget.count, 6)) {
        const struct budget_rule *rules = budget.rules;

        CHECK_STR(rules[0].section, "limits");
        CHECK_STR(rules[0].figure, "peak.rss_bytes");
        CHECK_STR(rules[0].text, "peak.rss_bytes <= 1.5 KiB");
        CHECK_STR(rules[0].unit, "bytes");
        CHECK_EQ(rules[0].operator, BUDGET_LESS_EQUAL);
        CHECK(rules[0].limit == 1536 && rules[0].line == 2 && !rules[0].optional);
        CHECK_STR(rules[1].section, "two words");
        CHECK_STR(rules[1].figure, "span.bytes.GET /a");
        CHECK(rules[1].limit == 1e6 && rules[1].operator== BUDGET_LESS && rules[1].line == 5);
        CHECK_STR(rules[2].unit, "ratio");
        CHECK(fabs(rules[2].limit - 0.05) < 1e-12 && rules[2].optional);
        CHECK_EQ(rules[2].operator, BUDGET_MORE);
        CHECK_STR(rules[3].unit, "ns");
        CHECK(rules[3].limit == 120e9 && !rules[3].optional);
        CHECK(!rules[4].unit && rules[4].limit == -3 && rules[4].operator== BUDGET_MORE_EQUAL);
        CHECK_STR(rules[5].unit, "bytes_per_hour");
    }
    budget_release(&budget);
}

static void test_statements(void)
{
    struct budget budget;

    CHECK_EQ(budget_read(write_file("some.sql", "-- SPDX-License-Identifier: x\n"
                                                "-- about the file\n"
                                                "\n"
                                                "-- first: ';' is no end\n"
                                                "-- more words\n"
                                                "SELECT ';' /* ; */, \"a;b\" -- ;\n"
                                                "  FROM run;\n"
                                                ";\n"
                                                "SELECT 2"),
                         &budget)
                 .code,
             STATUS_OK);
    if (CHECK_EQ(budget.count, 2)) {
        CHECK_STR(budget.rules[0].text, "first: ';' is no end");
        CHECK_STR(budget.rules[0].sql, "SELECT ';' /* ; */, \"a;b\" -- ;\n  FROM run;");
        CHECK_EQ(budget.rules[0].line, 6);
        CHECK_STR(budget.rules[1].text, "the statement in line 9");
        CHECK_STR(budget.rules[1].sql, "SELECT 2");
        CHECK_STR(budget.rules[1].section, "some");
    }
    budget_release(&budget);
}

static void test_refusals(void)
{
    static const char *const wrong[] = {
        "",
        "# nothing\n",
        "figure",
        "figure x",
        "figure x <=",
        "figure x <= nan",
        "figure x <= 1e999",
        "figure x <= 1 MiB/",
        "figure x <= 1 s/h",
        "figure x <= 1 2",
        "figure < 1",
        "optionalfigure x < 1",
        "limit x < 1",
        "[x",
        "[x] y",
    };
    struct budget budget;

    diag_silence();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (!CHECK_EQ(budget_read(write_file("wrong.ini", wrong[i]), &budget).code, STATUS_USAGE)) {
            fprintf(stderr, "  \"%s\"\n", wrong[i]);
        }
        budget_release(&budget);
    }
    CHECK_EQ(budget_read(write_file("wrong.sql", "-- nothing\n;;"), &budget).code, STATUS_USAGE);
    budget_release(&budget);
    CHECK_EQ(budget_read("limits.txt", &budget).code, STATUS_USAGE);
    budget_release(&budget);
    CHECK_EQ(budget_read("missing.ini", &budget).code, STATUS_FAILED);
    budget_release(&budget);
}

/* What is beyond the limit, but whose interval is not, is no failure. */
static void test_judgement(void)
{
    static const struct {
        enum budget_operator operator;
        double limit, value, low, high;
        enum outcome_verdict verdict;
    } cases[] = {
        {BUDGET_LESS_EQUAL, 10, 10, 10, 10, OUTCOME_PASSED},
        {BUDGET_LESS, 10, 10, 10, 10, OUTCOME_FAILED},
        {BUDGET_LESS_EQUAL, 10, 12, 10, 14, OUTCOME_UNSURE},
        {BUDGET_LESS_EQUAL, 10, 12, 10.5, 14, OUTCOME_FAILED},
        {BUDGET_LESS_EQUAL, 10, 9, 5, 14, OUTCOME_PASSED},
        {BUDGET_LESS_EQUAL, 10, 12, NAN, 14, OUTCOME_UNSURE},
        {BUDGET_MORE_EQUAL, 10, 8, 7, 10, OUTCOME_UNSURE},
        {BUDGET_MORE, 10, 8, 7, 10, OUTCOME_FAILED},
        {BUDGET_MORE_EQUAL, 10, 8, 7, 9, OUTCOME_FAILED},
        {BUDGET_MORE_EQUAL, 10, 8, 7, NAN, OUTCOME_UNSURE},
        {BUDGET_EQUAL, 0, 0, 0, 0, OUTCOME_PASSED},
        {BUDGET_EQUAL, 0, 1, 1, 1, OUTCOME_FAILED},
        {BUDGET_EQUAL, 0, 1, 0, 2, OUTCOME_UNSURE},
        {BUDGET_EQUAL, 3, 1, 0, 2, OUTCOME_FAILED},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (!CHECK_EQ(outcome_judge(cases[i].operator, cases[i].limit, cases[i].value, cases[i].low,
                                    cases[i].high),
                      cases[i].verdict)) {
            fprintf(stderr, "  case %zu\n", i);
        }
    }
}

int main(void)
{
    char folder[] = "/tmp/budget_test.XXXXXX";

    CHECK(mkdtemp(folder) && chdir(folder) == 0);
    test_limits();
    test_statements();
    test_judgement();
    test_refusals();
    static const char *const files[] = {"limits.ini", "some.sql", "wrong.ini", "wrong.sql"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        unlink(files[i]);
    }
    rmdir(folder);
    return check_summary();
}
