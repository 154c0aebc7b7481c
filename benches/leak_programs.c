/* SPDX-License-Identifier: Apache-2.0 */
/* leak_programs.c -- see leak_programs.h. */
#include "leak_programs.h"

#include "bench.h"

#include <fcntl.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAMES = 4 };

static const char *const all_names[NAMES] = {"cache server", "tree service", "lua5.4", "sqlite3"};
static const char *names[NAMES];
static char script[600];

/* Statements of many kinds over a database in memory. */
static void write_sql(const char *path)
{
    FILE *out = fopen(path, "we");

    bench_require(out);
    fprintf(out, "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT); CREATE INDEX ta ON t(a);\n"
                 "CREATE TABLE log(n INT, what TEXT);\n");
    for (int i = 0; i < 2500; i++) {
        fprintf(out, "INSERT INTO t(a, b) VALUES('name%d', %d), (hex(randomblob(20)), %d);\n",
                i % 700, i, i % 13);
        switch (i % 8) {
        case 0:
            fprintf(out, "SELECT COUNT(*), MAX(b), group_concat(a) FROM t WHERE b %% 97 = %d;\n",
                    i % 97);
            break;
        case 1:
            fprintf(out, "DELETE FROM t WHERE id %% 3 = 0 AND b < %d;\n", i / 2);
            break;
        case 2:
            fprintf(out,
                    "SELECT x.a, y.b FROM t x JOIN t y ON y.a = x.a AND y.id < x.id"
                    " WHERE x.b = %d ORDER BY 2 LIMIT 3;\n",
                    i % 50);
            break;
        case 3:
            fprintf(out, "BEGIN; UPDATE t SET b = b + 1 WHERE a = 'name%d'; COMMIT;\n", i % 700);
            break;
        case 4:
            fprintf(out, "INSERT INTO log SELECT b, json_object('a', a, 'b', b) FROM t LIMIT 2;\n");
            break;
        case 5:
            fprintf(out, "WITH r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 20)"
                         " SELECT SUM(n) FROM r;\n");
            break;
        case 6:
            fprintf(out, "DELETE FROM log WHERE n %% 2 = %d;\n", i / 8 % 2);
            break;
        default:
            fprintf(out, "SELECT upper(a), replace(a, 'n', 'm') FROM t ORDER BY a DESC LIMIT 5;\n");
        }
    }
    fclose(out);
}

static bool exists(const char *name)
{
    static char path[600];

    snprintf(path, sizeof path, "/usr/bin/%s", name);
    return access(path, X_OK) == 0;
}

size_t programs_find(const char *const **out, const char *folder)
{
    size_t count = 0;

    snprintf(script, sizeof script, "%s/work.sql", folder);
    write_sql(script);
    for (size_t i = 0; i < NAMES; i++) {
        if (i < 2 || exists(all_names[i])) {
            names[count++] = all_names[i];
        } else {
            printf("skipped: there is no %s\n", all_names[i]);
        }
    }
    *out = names;
    return count;
}

static const char *needed(const char *variable)
{
    const char *value = getenv(variable);

    if (!value) {
        fprintf(stderr, "leak_corpus: %s is not set; make bench does that\n", variable);
        exit(1);
    }
    return value;
}

static void become(const char *program)
{
    const char *source = needed("SOURCE_DIR");
    char lua[700];

    if (strcmp(program, "cache server") == 0) {
        execl(needed("LEAK_CACHE"), "leak_cache", "60000", (char *)NULL);
    } else if (strcmp(program, "tree service") == 0) {
        execl(needed("LEAK_TREE"), "leak_tree", "150000", (char *)NULL);
    } else if (strcmp(program, "lua5.4") == 0) {
        snprintf(lua, sizeof lua, "%s/benches/leak_corpus.lua", source);
        execl("/usr/bin/lua5.4", "lua5.4", lua, "10000", (char *)NULL);
    } else if (freopen(script, "r", stdin)) {
        execl("/usr/bin/sqlite3", "sqlite3", "-init", "/dev/null", ":memory:", (char *)NULL);
    }
    _exit(127);
}

/* Runs the program with these variables; "NAME=value" each. */
static bool run(const char *program, char variables[][700], size_t count)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (size_t i = 0; i < count; i++) {
            putenv(variables[i]);
        }
        personality(ADDR_NO_RANDOMIZE);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        become(program);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

size_t programs_stacks(const char *program, uint64_t count_min, uint64_t *stacks, size_t room)
{
    char variables[2][700];
    unsigned long long all, hash, frees, stretches;
    size_t count = 0;

    snprintf(variables[0], 700, "LD_PRELOAD=%s:%s", needed("LEAK_INJECT"), needed("LIBMEMREC"));
    snprintf(variables[1], 700, "LEAK_INJECT_LIST=stacks.txt");
    bench_require(run(program, variables, 2));
    FILE *file = fopen("stacks.txt", "re");
    bench_require(file && fscanf(file, "%llu", &all) == 1);
    while (count < room && fscanf(file, "%llx %llu %llu", &hash, &frees, &stretches) == 3) {
        if (frees >= count_min && 10 * stretches >= 3 * all) {
            stacks[count++] = hash;
        }
    }
    fclose(file);
    return count;
}

static void read_blocks(struct injection *injection)
{
    FILE *file = fopen("blocks.txt", "re");
    unsigned long long address;
    size_t room = 0;

    injection->block_count = 0;
    while (file && fscanf(file, "%llu", &address) == 1) {
        if (injection->block_count == room) {
            room = 2 * room + 1024;
            injection->blocks = realloc(injection->blocks, room * sizeof *injection->blocks);
            bench_require(injection->blocks);
        }
        injection->blocks[injection->block_count++] = address;
    }
    if (file) {
        fclose(file);
    }
}

bool programs_record(struct injection *injection, const char *trace)
{
    char variables[7][700];

    unlink(trace);
    unlink("blocks.txt");
    snprintf(variables[0], 700, "LD_PRELOAD=%s:%s", needed("LEAK_INJECT"), needed("LIBMEMREC"));
    snprintf(variables[1], 700, "MEMREC_TRACE=%s", trace);
    snprintf(variables[2], 700, "MEMREC_INTERVAL=1");
    snprintf(variables[3], 700, "LEAK_INJECT_LOG=blocks.txt");
    snprintf(variables[4], 700, "LEAK_INJECT_SHARE=%g", injection->share);
    snprintf(variables[5], 700, "LEAK_INJECT_SEED=%llu", (unsigned long long)injection->seed);
    snprintf(variables[6], 700, "LEAK_INJECT_STACK=%llx", (unsigned long long)injection->stack);
    bool done = run(injection->program, variables, injection->stack ? 7 : 3);
    read_blocks(injection);
    return done && access(trace, R_OK) == 0;
}
