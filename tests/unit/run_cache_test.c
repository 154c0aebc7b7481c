/* SPDX-License-Identifier: Apache-2.0 */
/* run_cache_test.c -- a trace is imported when it must be, and only then. */
#include "check.h"
#include "mktrace.h"
#include "run_cache.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char small[] =
    "run full exe /bin/x\nthread 1 main\nat 10ms alloc 0x1000 10\nat 20ms end\n";
static const char killed[] = "run full exe /bin/x\nthread 1 main\nat 10ms alloc 0x1000 10\n"
                             "at 12ms alloc 0x2000 10\n";

/* Opens the cache for a path; the database's path and inode. */
static ino_t open_cache(const char *path, enum status_code expected, const char *database)
{
    struct run_cache cache;
    struct stat facts = {0};

    CHECK_EQ(run_cache_open(path, &cache).code, expected);
    if (database) {
        CHECK_STR(cache.path, database);
    }
    CHECK(!cache.path || stat(cache.path, &facts) == 0 || expected == STATUS_FAILED);
    run_cache_close(&cache);
    return facts.st_ino;
}

int main(void)
{
    char folder[] = "run_cache_test.XXXXXX";

    if (!CHECK(mkdtemp(folder) && chdir(folder) == 0)) {
        return check_summary();
    }
    fprintf(stderr, "Complaints are expected.\n");
    CHECK(mktrace_file("small", small, "t.zst"));
    ino_t first = open_cache("t.zst", STATUS_OK, "t.zst.db");
    CHECK_EQ(open_cache("t.zst", STATUS_OK, "t.zst.db"), first);    /* not again */
    CHECK_EQ(open_cache("t.zst.db", STATUS_OK, "t.zst.db"), first); /* a database is itself */

    CHECK(mktrace_file("killed", killed, "t.zst")); /* another trace of that name, and incomplete */
    ino_t second = open_cache("t.zst", STATUS_INCOMPLETE, "t.zst.db");
    CHECK(second != first);
    CHECK_EQ(open_cache("t.zst", STATUS_INCOMPLETE, "t.zst.db"), second);

    /* A database of another version is made anew. */
    sqlite3 *db = NULL;
    CHECK_EQ(sqlite3_open("t.zst.db", &db), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, "PRAGMA user_version = 999", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    CHECK(open_cache("t.zst", STATUS_INCOMPLETE, "t.zst.db") != second);

    /* A file of that name that is not ours stays as it is; the database lives elsewhere for once. */
    CHECK(mktrace_file("small", small, "u.zst"));
    CHECK_EQ(system("echo precious > u.zst.db"), 0);
    open_cache("u.zst", STATUS_OK, NULL);
    CHECK_EQ(system("test \"$(cat u.zst.db)\" = precious"), 0);

    CHECK_EQ(system("echo nonsense > n.zst"), 0);
    open_cache("n.zst", STATUS_FAILED, NULL);
    CHECK(access("n.zst.db", F_OK) != 0);

    CHECK_EQ(system("rm -f -- *"), 0);
    CHECK(chdir("..") == 0 && rmdir(folder) == 0);
    return check_summary();
}
