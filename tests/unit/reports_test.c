/* SPDX-License-Identifier: Apache-2.0 */
/* Every report over the runs of tests/sql/fixture.sql, as data and as the table of a narrow and a
 * wide terminal, against tests/golden/<report>/. ACCEPT=1 writes what it finds.                    */
#include "catalog.h"
#include "check.h"
#include "copies.h"
#include "db.h"
#include "distribution.h"
#include "embedded.h"
#include "query.h"
#include "render.h"

#include <stdlib.h>
#include <sys/stat.h>

static const struct golden {
    const char *report, *name;
    enum render_format format;
    size_t width;
    const char *values[8]; /* of $1 ...; NULL: the default. Digits are a number */
} goldens[] = {
#define WHOLE(report)                                                                              \
    {report, "sampled.csv", RENDER_CSV, 80, {NULL}},                                               \
        {report, "sampled_80.txt", RENDER_TABLE, 80, {NULL}},                                      \
        {report, "sampled_120.txt", RENDER_TABLE, 120, {NULL}},                                    \
    {                                                                                              \
        report, "full.csv", RENDER_CSV, 80, { "2" }                                                \
    }
    WHOLE("classes"),
    WHOLE("evals"),
    WHOLE("figures"),
    WHOLE("fragmentation"),
    WHOLE("frame_causes"),
    WHOLE("frames"),
    WHOLE("gc"),
    WHOLE("gc_causes"),
    WHOLE("gc_what_if"),
    WHOLE("hotspots"),
    WHOLE("idle"),
    WHOLE("leaks"),
    WHOLE("losses"),
    WHOLE("peak"),
    WHOLE("pins"),
    WHOLE("pools"),
    WHOLE("pretenuring"),
    WHOLE("retained"),
    WHOLE("rounding"),
    WHOLE("rss"),
    WHOLE("rss_series"),
    WHOLE("sizes"),
    WHOLE("span_causes"),
    WHOLE("span_labels"),
    WHOLE("span_leftovers"),
    WHOLE("spans"),
    WHOLE("stability"),
    WHOLE("summary"),
    WHOLE("survival"),
    WHOLE("survivors"),
    WHOLE("temporary"),
    WHOLE("threads"),
    WHOLE("timeline"),
    {"flame", "sampled.folded", RENDER_PLAIN, 80, {NULL}},
    {"flame", "allocated_blocks.folded", RENDER_PLAIN, 80, {NULL, "allocated", "blocks"}},
    {"leaks", "only_cache.csv", RENDER_CSV, 80, {NULL, NULL, "cache"}},
    {"leaks", "nothing_80.txt", RENDER_TABLE, 80, {"2"}},
    {"leaks", "all.csv", RENDER_CSV, 80, {NULL, NULL, "all"}},
    {"losses", "all.csv", RENDER_CSV, 80, {NULL, "all"}},
    {"leaks", "limit_1_80.txt", RENDER_TABLE, 80, {NULL, "1"}},
    {"peak", "by_stack_80.txt", RENDER_TABLE, 80, {NULL, NULL, "stack"}},
    {"hotspots", "by_stack_calls.csv", RENDER_CSV, 80, {NULL, NULL, "stack", "calls"}},
    {"temporary", "by_stack.csv", RENDER_CSV, 80, {NULL, NULL, "stack"}},
    {"timeline", "three_steps.csv", RENDER_CSV, 80, {NULL, "3"}},
    {"sizes", "live.csv", RENDER_CSV, 80, {NULL, "live"}},
    {"fragmentation", "end.csv", RENDER_CSV, 80, {NULL, "end"}},
    {"pins", "end.csv", RENDER_CSV, 80, {NULL, NULL, "end"}},
    {"rounding", "first.csv", RENDER_CSV, 80, {NULL, "1"}},
    {"rss", "end.csv", RENDER_CSV, 80, {NULL, "end"}},
    {"rss", "at.csv", RENDER_CSV, 80, {NULL, "5"}},
    {"rss_series", "two_steps.csv", RENDER_CSV, 80, {NULL, "2"}},
    {"survival", "all.csv", RENDER_CSV, 80, {NULL, "all"}},
    {"survivors", "by_site.csv", RENDER_CSV, 80, {NULL, NULL, "site"}},
    {"stability", "steps.csv", RENDER_CSV, 80, {NULL, "step"}},
    {"span_labels", "requests.csv", RENDER_CSV, 80, {NULL, "2", "request"}},
    {"gc_causes", "by_stack.csv", RENDER_CSV, 80, {NULL, NULL, "stack"}},
    {"gc_what_if", "three_quarters.csv", RENDER_CSV, 80, {NULL, "75"}},
    {"pretenuring", "by_class.csv", RENDER_CSV, 80, {NULL, NULL, "class", "60"}},
    {"contributors", "peak.csv", RENDER_CSV, 80, {NULL}},
    {"contributors", "peak_80.txt", RENDER_TABLE, 80, {NULL}},
    {"contributors", "leaks.csv", RENDER_CSV, 80, {NULL, "leak.count"}},
    {"diff", "leaky_after.csv", RENDER_CSV, 80, {"1", "2"}},
    {"diff", "leaky_after_120.txt", RENDER_TABLE, 120, {"1", "2"}},
    {"diff", "itself.csv", RENDER_CSV, 80, {NULL}},
    {"diff", "itself_all.csv", RENDER_CSV, 80, {NULL, NULL, NULL, NULL, NULL, NULL, "all"}},
    {"diff", "by_function.csv", RENDER_CSV, 80, {"2", "1", NULL, "function", NULL, NULL, "all"}},
    {"diff_figures", "leaky_after.csv", RENDER_CSV, 80, {"1", "2"}},
    {"diff_figures", "itself_80.txt", RENDER_TABLE, 80, {NULL}},
    {"diff_figures", "all.csv", RENDER_CSV, 80, {"2", "1", NULL, NULL, "all"}},
    {"diff_classes", "itself_all.csv", RENDER_CSV, 80, {NULL, NULL, NULL, NULL, "all"}},
    {"diff_kept", "leaky_after.csv", RENDER_CSV, 80, {"1", "2", NULL, NULL, "all"}},
    {"diff_kept", "leaky_after_120.txt", RENDER_TABLE, 120, {"1", "2"}},
    {"diff_matching", "other.csv", RENDER_CSV, 80, {"1", "2"}},
    {"diff_within", "end.csv", RENDER_CSV, 80, {"2", "150000"}},
    {"diff_work", "spans.csv", RENDER_CSV, 80, {NULL}},
    {"diff_work", "seconds.csv", RENDER_CSV, 80, {"1", "2"}},
    {"frame_causes", "only_gc.csv", RENDER_CSV, 80, {NULL, "1", "screen", "gc"}},
};

static const char *golden_folder(void)
{
    static char folder[512]; /* this file is tests/unit/reports_test.c */

    snprintf(folder, sizeof folder, "%s", __FILE__);
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(folder, '/');

        *(slash ? slash : folder) = '\0';
    }
    return folder;
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    if (file && text) {
        text[fread(text, 1, (1 << 20) - 1, file)] = '\0';
    }
    if (file) {
        fclose(file);
    }
    return text;
}

static struct db *open_fixture(void)
{
    static const char *const names[] = {"schema", "views"};
    struct db *db = NULL;
    char path[600];

    if (!CHECK_EQ(db_open("", DB_BUILD, &db).code, STATUS_OK)) {
        return NULL;
    }
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < embedded_schemas_count; j++) {
            if (strcmp(embedded_schemas[j].name, names[i]) == 0) {
                CHECK_EQ(db_run(db, embedded_schemas[j].text).code, STATUS_OK);
            }
        }
    }
    snprintf(path, sizeof path, "%s/sql/fixture.sql", golden_folder());
    char *fixture = read_file(path);
    CHECK_EQ(db_run(db, fixture).code, STATUS_OK);
    free(fixture);
    attach_copies(db);
    return db;
}

static void print_report(struct db *db, const struct catalog_report *report,
                         const struct golden *golden, FILE *out)
{
    static const char *const numbers[] = {"$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8"};
    struct render_options options = {.format = golden->format, .out = out, .width = golden->width};
    struct render_layout layout = {report->table, report->bar, report->footer, report->empty};
    struct query_parameter parameters[8];
    struct render_column columns[CATALOG_COLUMNS_MAX];
    struct cell cells[CATALOG_COLUMNS_MAX];
    struct query *query = NULL;
    struct render *render = NULL;
    status step;

    for (size_t i = 0; i < 8; i++) {
        const char *value = golden->values[i];

        parameters[i] = (struct query_parameter){numbers[i], {.kind = CELL_NULL}};
        if (value) {
            parameters[i].value = (struct cell){.kind = value[0] <= '9' ? CELL_INTEGER : CELL_TEXT,
                                                .integer = atoll(value),
                                                .text = value,
                                                .text_bytes = strlen(value)};
        }
    }
    if (!CHECK_EQ(query_open(db, report->name, report->text, parameters, 8, &query).code,
                  STATUS_OK)) {
        return;
    }
    for (size_t i = 0; i < report->column_count; i++) {
        columns[i] = (struct render_column){report->columns[i].name, report->columns[i].type};
    }
    CHECK_EQ(render_open(&options, &layout, columns, report->column_count, &render).code,
             STATUS_OK);
    while ((step = query_step(query, cells)).code == STATUS_OK) {
        CHECK_EQ(render_row(render, cells).code, STATUS_OK);
    }
    CHECK_EQ(step.code, STATUS_END);
    CHECK_EQ(render_finish(render).code, STATUS_OK);
    render_close(render);
    query_close(query);
}

static void compare(struct db *db, const struct catalog_report *report, const struct golden *golden)
{
    char path[700], *out = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&out, &bytes);

    print_report(db, report, golden, stream);
    fclose(stream);
    snprintf(path, sizeof path, "%s/golden/%s", golden_folder(), golden->report);
    const char *accept = getenv("ACCEPT");
    if (accept && *accept == '1') {
        mkdir(path, 0755);
    }
    snprintf(path + strlen(path), sizeof path - strlen(path), "/%s", golden->name);
    if (accept && *accept == '1') {
        FILE *file = fopen(path, "w");

        if (CHECK(file)) {
            fputs(out, file);
            fclose(file);
        }
    }
    char *expected = read_file(path);
    if (!CHECK(expected && strcmp(expected, out) == 0)) {
        fprintf(stderr, "--- %s\n%s+++ found\n%s", path, expected ? expected : "", out);
    }
    free(expected);
    free(out);
}

static int column_of(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query_column_count(query); i++) {
        if (strcmp(query_column_name(query, i), name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* The waterfall closes: the parts of each moment add up to its resident set, to the byte. */
static void check_waterfall(struct db *db, const struct catalog_report *rss)
{
    for (int64_t run = 1; run <= 2; run++) {
        const struct query_parameter parameter = {"$1", {.kind = CELL_INTEGER, .integer = run}};
        struct cell cells[CATALOG_COLUMNS_MAX];
        struct query *query = NULL;
        int64_t sum = 0, expected = 0;

        CHECK_EQ(query_open(db, "rss", rss->text, &parameter, 1, &query).code, STATUS_OK);
        int bytes = column_of(query, "bytes"), total = column_of(query, "rss_bytes");
        int part = column_of(query, "component");
        while (query_step(query, cells).code == STATUS_OK) {
            sum += cells[bytes].integer; /* 0 where NULL */
            if (memcmp(cells[part].text, "unex", 4) == 0) {
                expected += cells[total].integer;
            }
        }
        CHECK(expected > 0);
        CHECK_EQ(sum, expected);
        query_close(query);
    }
}

static int64_t count(struct db *db, const char *sql)
{
    struct statement *select;
    bool has_row = false;

    CHECK_EQ(db_prepare(db, sql, &select).code, STATUS_OK);
    CHECK_EQ(db_step(select, &has_row).code, STATUS_OK);
    int64_t answer = has_row ? db_int(select, 0) : -1;
    db_reset(select);
    return answer;
}

/* The fixture sorts its quantiles in SQL: import, which does it in C, finds the same. */
static void check_distribution(struct db *db)
{
    CHECK_EQ(db_run(db, "CREATE TEMP TABLE wanted AS SELECT * FROM quantile;"
                        "CREATE TEMP TABLE wanted_windows AS SELECT * FROM gc_utilisation;"
                        "DELETE FROM quantile; DELETE FROM gc_utilisation")
                 .code,
             STATUS_OK);
    CHECK_EQ(distribution_write(db).code, STATUS_OK);
    CHECK(count(db, "SELECT COUNT(*) FROM wanted") > 10);
    CHECK_EQ(count(db, "SELECT COUNT(*) FROM (SELECT * FROM wanted EXCEPT SELECT * FROM quantile)"),
             0);
    CHECK_EQ(count(db, "SELECT COUNT(*) FROM (SELECT * FROM quantile EXCEPT SELECT * FROM wanted)"),
             0);
    CHECK_EQ(count(db, "SELECT COUNT(*) FROM wanted_windows w JOIN gc_utilisation u"
                       " USING (run_id, heap_id, window_ns)"
                       " WHERE ABS(w.utilisation - u.utilisation) < 1e-6"),
             5);
}

int main(void)
{
    struct catalog catalog;

    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    struct db *db = open_fixture();
    if (!db || catalog_open(&catalog).code != STATUS_OK) {
        return 1;
    }
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
        const struct catalog_report *report = catalog_find(&catalog, goldens[i].report);

        if (CHECK(report)) {
            compare(db, report, &goldens[i]);
        }
    }
    check_waterfall(db, catalog_find(&catalog, "rss"));
    check_distribution(db);
    catalog_close(&catalog);
    db_close(db);
    return check_summary();
}
