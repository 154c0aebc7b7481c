/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog against the statements: a report returns the columns that it documents. */
#include "catalog.h"
#include "check.h"
#include "copies.h"
#include "db.h"
#include "embedded.h"
#include "query.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct db *open_schema(void)
{
    struct db *db = NULL;

    if (db_open("", DB_BUILD, &db).code != STATUS_OK) {
        return NULL;
    }
    static const char *const names[] = {"schema", "views"}; /* the views need the tables */
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < embedded_schemas_count; j++) {
            if (strcmp(embedded_schemas[j].name, names[i]) == 0) {
                CHECK_EQ(db_run(db, embedded_schemas[j].text).code, STATUS_OK);
            }
        }
    }
    attach_copies(db);
    return db;
}

/* Each word of `words` names a column of the report. */
static void check_words(const struct catalog_report *report, const char *words)
{
    char copy[512], *rest = copy, *word;

    snprintf(copy, sizeof copy, "%s", words ? words : "");
    while ((word = strtok_r(rest, " ", &rest))) {
        if (!CHECK(catalog_column(report, word))) {
            fprintf(stderr, "  %s: Table or Bar names \"%s\"\n", report->name, word);
        }
    }
}

/* Each {...} of the footer can be filled in. */
static void check_footer(const struct catalog_report *report)
{
    for (const char *at = report->footer; at && (at = strchr(at, '{')); at++) {
        char word[128] = "", all[160];

        sscanf(at, "{%127[^}]}", word);
        if (strcmp(word, "rows") == 0) {
            continue;
        }
        const char *name = strncmp(word, "share ", 6) == 0 ? word + 6 : word;
        CHECK(catalog_column(report, name));
        snprintf(all, sizeof all, "all_%s", name);
        CHECK(name == word || catalog_column(report, all));
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

/* Estimates come as x, x_low, x_high, side by side; everything else says what it means. */
static void check_companions(const struct catalog_report *report)
{
    for (size_t i = 0; i < report->column_count; i++) {
        const struct catalog_column *at = &report->columns[i];

        if (ends_with(at->name, "_low") && i > 0 &&
            strncmp(at->name, at[-1].name, strlen(at[-1].name)) == 0) {
            char high[128];

            snprintf(high, sizeof high, "%s_high", at[-1].name);
            CHECK(i + 1 < report->column_count && strcmp(at[1].name, high) == 0);
            CHECK_EQ(at->type, at[-1].type);
            CHECK_EQ(at[1].type, at[-1].type);
            i++;
        } else if (!CHECK(*at->meaning)) {
            fprintf(stderr, "  %s.%s has no meaning\n", report->name, at->name);
        }
    }
}

static void check_report(struct db *db, const struct catalog_report *report)
{
    struct query *query = NULL;
    sqlite3_stmt *statement = NULL;

    CHECK(*report->sentence);
    CHECK(report->reads);
    CHECK(report->caveat);
    if (!CHECK_EQ(query_open(db, report->name, report->text, NULL, 0, &query).code, STATUS_OK)) {
        return;
    }
    CHECK_EQ(query_column_count(query), report->column_count);
    for (size_t i = 0; i < query_column_count(query) && i < report->column_count; i++) {
        CHECK_STR(query_column_name(query, i), report->columns[i].name);
    }
    query_close(query);

    CHECK_EQ(sqlite3_prepare_v2(db_connection(db), report->text, -1, &statement, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_bind_parameter_count(statement), report->parameter_count);
    for (size_t i = 0; i < report->parameter_count; i++) {
        char name[8];

        snprintf(name, sizeof name, "$%d", report->parameters[i].number);
        CHECK(sqlite3_bind_parameter_index(statement, name) > 0);
        CHECK_EQ(report->parameters[i].number, i + 1);
    }
    sqlite3_finalize(statement);
    CHECK_STR(report->parameters[0].name, "run");
    check_words(report, report->table);
    check_words(report, report->bar);
    check_footer(report);
    check_companions(report);
}

static void test_shipped(void)
{
    static const char *const names[] = {"flame",     "hotspots", "leaks",   "losses",
                                        "peak",      "rss",      "sizes",   "summary",
                                        "temporary", "threads",  "timeline"};
    struct db *db = open_schema();
    struct catalog catalog;

    CHECK(db);
    CHECK_EQ(catalog_open(&catalog).code, STATUS_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK(catalog_find(&catalog, names[i]));
    }
    CHECK(!catalog_find(&catalog, "nothing"));
    for (size_t i = 0; db && i < catalog.count; i++) {
        check_report(db, &catalog.reports[i]);
    }
    catalog_close(&catalog);
    db_close(db);
}

/* ---- the comment --------------------------------------------------------------------------- */

static void test_parse(void)
{
    static const char text[] = "-- SPDX-License-Identifier: Apache-2.0\n"
                               "-- mine: what I ask\n"
                               "--       over two lines.\n"
                               "--\n"
                               "-- Params:\n"
                               "--   $1 run  ID  which\n"
                               "-- Columns:\n"
                               "--   a_bytes  BYTES  how\n"
                               "--                   much\n"
                               "--   who      TEXT   who\r\n"
                               "-- Caveat:   none\n"
                               "SELECT 1 AS a_bytes, 'x' AS who -- Columns:\n";
    struct catalog_report report;

    CHECK_EQ(catalog_parse("mine", "/x/mine.sql", text, &report).code, STATUS_OK);
    CHECK_STR(report.sentence, "what I ask over two lines.");
    CHECK_STR(report.origin, "/x/mine.sql");
    CHECK_STR(report.text, text);
    CHECK_STR(report.caveat, "none");
    CHECK(!report.table && !report.footer);
    CHECK_EQ(report.parameter_count, 1);
    CHECK_EQ(report.parameters[0].number, 1);
    CHECK_EQ(report.parameters[0].type, TYPE_ID);
    CHECK_EQ(report.column_count, 2);
    CHECK_STR(report.columns[0].meaning, "how much");
    CHECK_EQ(report.columns[1].type, TYPE_TEXT);
    CHECK_STR(catalog_column(&report, "who")->meaning, "who");
    catalog_release(&report);

    CHECK_EQ(catalog_parse("bare", NULL, "SELECT 1", &report).code, STATUS_OK);
    CHECK_STR(report.sentence, "");
    catalog_release(&report);
}

static void test_refused(void)
{
    static const char *const wrong[] = {
        "-- other: a name that is not the file's\nSELECT 1",
        "-- mine: x\n-- Colour:  red\nSELECT 1",
        "-- mine: x\n-- Columns:\n--   a  FURLONG  far\nSELECT 1",
        "-- mine: x\n-- Params:\n--   :run  ID  which\nSELECT 1",
        "-- mine: x\n-- Params:\n--   $0 run  ID  which\nSELECT 1",
        "-- mine: x\n-- no key at all\nSELECT 1",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct catalog_report report;

        CHECK_EQ(catalog_parse("mine", NULL, wrong[i], &report).code, STATUS_FAILED);
        catalog_release(&report);
    }
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (CHECK(file)) {
        fputs(text, file);
        fclose(file);
    }
}

/* A user's file adds a report, replaces one, and does no harm when it is wrong. */
static void test_own_folder(void)
{
    char home[] = "/tmp/catalog_test.XXXXXX", folder[128];
    struct catalog catalog;

    CHECK(mkdtemp(home));
    snprintf(folder, sizeof folder, "%s/memanalyze", home);
    CHECK_EQ(mkdir(folder, 0700), 0);
    strcat(folder, "/queries");
    CHECK_EQ(mkdir(folder, 0700), 0);
    write_file(folder, "mine.sql", "-- mine: my own\nSELECT 1 AS x_bytes");
    write_file(folder, "leaks.sql", "-- leaks: my leaks\nSELECT 2 AS x_bytes");
    write_file(folder, "wrong.sql", "-- other: misnamed\nSELECT 3");
    write_file(folder, "readme.txt", "no report");
    setenv("XDG_CONFIG_HOME", home, 1);
    CHECK_EQ(catalog_open(&catalog).code, STATUS_OK);
    CHECK_EQ(catalog.count, embedded_queries_count + 1);
    CHECK_STR(catalog_find(&catalog, "leaks")->sentence, "my leaks");
    CHECK(catalog_find(&catalog, "leaks")->origin);
    CHECK(catalog_find(&catalog, "mine"));
    CHECK(!catalog_find(&catalog, "wrong"));
    catalog_close(&catalog);
    unsetenv("XDG_CONFIG_HOME");

    static const char *const names[] = {"mine.sql", "leaks.sql", "wrong.sql", "readme.txt"};
    for (size_t i = 0; i < 4; i++) {
        char path[256];

        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    *strrchr(folder, '/') = '\0';
    rmdir(folder);
    rmdir(home);
}

static void test_types_by_name(void)
{
    CHECK_EQ(catalog_type_of_name("live_bytes"), TYPE_BYTES);
    CHECK_EQ(catalog_type_of_name("live_bytes_low"), TYPE_BYTES);
    CHECK_EQ(catalog_type_of_name("leak_rate_bytes_per_hour_high"), TYPE_RATE);
    CHECK_EQ(catalog_type_of_name("allocated_bytes_per_second"), TYPE_FLOW);
    CHECK_EQ(catalog_type_of_name("items_per_second"), TYPE_PACE);
    CHECK_EQ(catalog_type_of_name("onset_ns"), TYPE_NS);
    CHECK_EQ(catalog_type_of_name("leaked_share"), TYPE_RATIO);
    CHECK_EQ(catalog_type_of_name("pid"), TYPE_VALUE);
    CHECK_EQ(catalog_type_of_name("_low"), TYPE_VALUE);
    CHECK_EQ(catalog_type_of_name(""), TYPE_VALUE);
}

int main(void)
{
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    test_shipped();
    test_parse();
    test_refused();
    test_types_by_name();
    test_own_folder();
    return check_summary();
}
