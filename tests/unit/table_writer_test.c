/* SPDX-License-Identifier: Apache-2.0 */
/* table_writer_test.c -- the same rows through SQLite and through our pages: equal row by row, and
 * SQLite's own integrity check finds nothing, for page sizes and row counts around every level. */
#include "check.h"
#include "table_writer.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static const char create[] =
    "CREATE TABLE other (x INTEGER) STRICT;"
    "CREATE TABLE ours (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT, d INTEGER) STRICT;"
    "CREATE TABLE theirs (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT, d INTEGER) STRICT;"
    "CREATE TABLE keyed (k INTEGER, id INTEGER, a INTEGER, b REAL, c TEXT, d INTEGER,"
    " PRIMARY KEY (k, id)) STRICT, WITHOUT ROWID;";

struct row {
    int64_t id, a;
    double b;
    const char *c; /* NULL: NULL */
};

/* Every width of integer, whole and broken and huge reals, NULLs and texts, gaps between ids. */
static struct row row_at(uint64_t i)
{
    static const char *const texts[] = {"malloc", NULL, "", "aligned",
                                        "a text of some length, 40 bytes..."};
    uint64_t random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    struct row row;

    random ^= random >> 29;
    row.id = (int64_t)(3 * i + 1 + (i > 500 ? UINT64_C(1) << 40 : 0));
    row.a = (int64_t)random >> (random % 64);
    row.b = i % 3 == 0 ? (double)(row.a >> 8) : (double)row.a / 7;
    row.c = texts[i % 5];
    return row;
}

static sqlite3 *open_database(void)
{
    sqlite3 *db = NULL;

    CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF", NULL, NULL, NULL);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    char *message = NULL;

    if (!CHECK(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK)) {
        fprintf(stderr, "%s: %s\n", sql, message);
    }
    sqlite3_free(message);
}

/* The first column of the first row, as text in `out`. */
static const char *answer(sqlite3 *db, const char *sql, char *out)
{
    sqlite3_stmt *statement = NULL;

    strcpy(out, "(nothing)");
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0)) {
        snprintf(out, 256, "%s", (const char *)sqlite3_column_text(statement, 0));
    } else {
        snprintf(out, 256, "%s", sqlite3_errmsg(db));
    }
    sqlite3_finalize(statement);
    return out;
}

static void put_values(struct table_writer *writer, uint64_t i, struct row row)
{
    table_writer_int(writer, row.a);
    table_writer_real(writer, row.b);
    if (row.c) {
        table_writer_text(writer, row.c, strlen(row.c));
    } else {
        table_writer_null(writer);
    }
    table_writer_int(writer, (int64_t)(i % 3));
}

/* The rows into both of our tables, in turns. */
static bool write_ours(const uint32_t roots[2], uint64_t count)
{
    struct table_file *file;
    struct table_writer ours;
    struct table_writer keyed;
    bool good = table_file_open(path, &file).code == STATUS_OK &&
                table_writer_open(&ours, file, roots[0], TABLE_ROWID).code == STATUS_OK &&
                table_writer_open(&keyed, file, roots[1], TABLE_KEYED).code == STATUS_OK;

    for (uint64_t i = 0; good && i < count; i++) {
        struct row row = row_at(i);

        table_writer_null(&ours);
        put_values(&ours, i, row);
        table_writer_int(&keyed, (int64_t)(i / 100));
        table_writer_int(&keyed, row.id);
        put_values(&keyed, i, row);
        good = table_writer_end_row(&ours, row.id).code == STATUS_OK &&
               table_writer_end_row(&keyed, 0).code == STATUS_OK;
    }
    good = good && table_writer_finish(&ours).code == STATUS_OK &&
           table_writer_finish(&keyed).code == STATUS_OK &&
           table_file_finish(file).code == STATUS_OK;
    table_writer_close(&keyed);
    table_writer_close(&ours);
    table_file_close(file);
    return good;
}

/* A fresh database with our tables; the pages of their roots. */
static void make_database(unsigned page_bytes, uint32_t roots[2])
{
    char sql[64];
    char text[256];

    unlink(path);
    sqlite3 *db = open_database();
    snprintf(sql, sizeof sql, "PRAGMA page_size = %u", page_bytes);
    run(db, sql);
    run(db, create);
    roots[0] =
        (uint32_t)atoi(answer(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'ours'", text));
    roots[1] =
        (uint32_t)atoi(answer(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'keyed'", text));
    sqlite3_close(db);
}

static void insert_theirs(sqlite3 *db, uint64_t count)
{
    sqlite3_stmt *statement = NULL;

    sqlite3_prepare_v2(db, "INSERT INTO theirs VALUES (?, ?, ?, ?, ?)", -1, &statement, NULL);
    run(db, "BEGIN");
    for (uint64_t i = 0; i < count; i++) {
        struct row row = row_at(i);

        sqlite3_bind_int64(statement, 1, row.id);
        sqlite3_bind_int64(statement, 2, row.a);
        sqlite3_bind_double(statement, 3, row.b);
        sqlite3_bind_text(statement, 4, row.c, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 5, (int64_t)(i % 3));
        sqlite3_step(statement);
        sqlite3_reset(statement);
    }
    run(db, "COMMIT");
    sqlite3_finalize(statement);
}

static void test_rows(unsigned page_bytes, uint64_t count)
{
    uint32_t roots[2];
    char text[256];

    make_database(page_bytes, roots);
    CHECK(write_ours(roots, count));

    sqlite3 *db = open_database();
    CHECK_STR(answer(db, "PRAGMA integrity_check", text), "ok");
    insert_theirs(db, count);
    CHECK_EQ(strtoull(answer(db, "SELECT COUNT(*) FROM ours", text), NULL, 10), count);
    CHECK_STR(answer(db,
                     "SELECT COUNT(*) FROM (SELECT *, typeof(b) FROM ours EXCEPT "
                     "SELECT *, typeof(b) FROM theirs)",
                     text),
              "0");
    CHECK_STR(
        answer(db, "SELECT COUNT(*) FROM (SELECT * FROM theirs EXCEPT SELECT * FROM ours)", text),
        "0");
    /* Interior pages lead to every row. */
    CHECK_STR(answer(db,
                     "SELECT COUNT(*) FROM theirs WHERE id NOT IN (SELECT o.id FROM theirs t "
                     "CROSS JOIN ours o ON o.id = t.id)",
                     text),
              "0");
    CHECK_STR(answer(db,
                     "SELECT COUNT(*) FROM (SELECT id, a, b, c, d, typeof(b) FROM keyed EXCEPT "
                     "SELECT *, typeof(b) FROM theirs)",
                     text),
              "0");
    CHECK_EQ(strtoull(answer(db, "SELECT COUNT(*) FROM keyed", text), NULL, 10), count);
    CHECK_STR(answer(db,
                     "SELECT COUNT(*) FROM theirs t WHERE NOT EXISTS (SELECT 1 FROM keyed WHERE "
                     "k = CASE WHEN t.id > 1099511627776 "
                     "THEN (t.id - 1099511627777) / 300 ELSE (t.id - 1) / 300 END "
                     "AND keyed.id = t.id)",
                     text),
              "0");
    /* The tables go on living. */
    run(db,
        "INSERT INTO ours (a) VALUES (1); DELETE FROM ours WHERE a < 0; INSERT INTO other VALUES (1);"
        "INSERT INTO keyed VALUES (3, 2, 1, 1.5, 'x', 0); DELETE FROM keyed WHERE d = 1");
    CHECK_STR(answer(db, "PRAGMA integrity_check", text), "ok");
    sqlite3_close(db);
}

/* A database that grew past 1 GiB must leave out the page of the lock byte; a sparse file pretends. */
static void test_lock_byte_page(void)
{
    char text[256];
    enum { PAGE = 65536, LOCK_PAGE = 0x40000000 / PAGE + 1 };
    uint8_t pages_before[4] = {0, 0, (LOCK_PAGE - 4) >> 8, (LOCK_PAGE - 4) & 255};

    uint32_t roots[2];

    make_database(PAGE, roots);
    int file = open(path, O_RDWR);
    CHECK_EQ(pwrite(file, pages_before, 4, 28), 4);
    CHECK_EQ(ftruncate(file, (off_t)(LOCK_PAGE - 4) * PAGE), 0);
    close(file);

    CHECK(write_ours(roots, 20000));
    sqlite3 *db = open_database();
    CHECK_STR(answer(db, "SELECT COUNT(*) || ' ' || COUNT(a) FROM ours", text), "20000 20000");
    CHECK_STR(answer(db, "SELECT COUNT(*) || ' ' || COUNT(a) FROM keyed", text), "20000 20000");
    CHECK(atoi(answer(db, "PRAGMA page_count", text)) > LOCK_PAGE + 2);
    sqlite3_close(db);
}

int main(void)
{
    static const unsigned page_sizes[] = {512, 4096, 8192, 65536};
    static const uint64_t counts[] = {0, 1, 9, 10, 11, 300, 351, 20000};

    snprintf(path, sizeof path, "table_writer_test.%d.db", (int)getpid());
    for (size_t i = 0; i < sizeof page_sizes / sizeof page_sizes[0]; i++) {
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
            test_rows(page_sizes[i], counts[k]);
        }
    }
    for (uint64_t count = 320; count < 420;
         count++) { /* around one full interior page of 512 bytes */
        test_rows(512, count);
    }
    test_lock_byte_page();

    struct table_file *file;
    fprintf(stderr, "The next complaint is expected.\n");
    CHECK(table_file_open("no/such/file.db", &file).code == STATUS_FAILED && !file);
    unlink(path);
    return check_summary();
}
