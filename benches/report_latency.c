/* SPDX-License-Identifier: Apache-2.0 */
/* report_latency.c -- how long each shipped report takes on a trace of ten million events.
 *
 * The bench records itself: as `--churn` it makes five million allocations from many thousand
 * stacks and frees nearly all of them, in full mode, so that the trace holds every one. Then it imports the trace and runs every report of `report --list` as a user would, process
 * start included. Expected: reports read roll-ups, not events, so each takes tens of milliseconds
 * and none more than a second; that is asserted.
 *
 * Needs MEMANALYZE and LIBMEMREC, which the build gives. MEMREC_BENCH_EVENTS changes the size. */
#include "bench.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    REPORTS_MAX = 64,
    ROUNDS = 3,
    LIVE = 50000,
    DEPTH = 6,
    LATENCY_MS_MAX = 1000,
    BURST = 512,
    PAUSE_US = 500
};

/* ---- the recorded program ------------------------------------------------------------------ */

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* A place of its own: the number keeps the compiler from sharing it. */
#define FROM(place)                                                                                \
    case place:                                                                                    \
        block = descend(path / 8, depth - 1, size);                                                \
        bench_keep(place);                                                                         \
        break

/* One of 8^6 paths of calls, chosen by the digits of `path`: each makes a stack of its own. */
static void *descend(unsigned path, int depth, size_t size)
{
    void *block = NULL;

    if (depth == 0) {
        return malloc(size);
    }
    switch (path % 8) { /* eight places to call from */
        FROM(0);
        FROM(1);
        FROM(2);
        FROM(3);
        FROM(4);
        FROM(5);
        FROM(6);
        FROM(7);
    }
    __asm__ volatile(""); /* no tail call: the frame stays */
    return block;
}

static int churn(uint64_t events)
{
    static void *live[LIVE];
    static unsigned paths[20000];

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        paths[i] = (unsigned)next_random();
    }
    for (uint64_t i = 0; i < events / 2; i++) {
        size_t slot = next_random() % LIVE;
        size_t path = next_random() % (sizeof paths / sizeof paths[0]);

        free(live[slot]);
        live[slot] = descend(paths[path], DEPTH, 16 + next_random() % 500);
        bench_require(live[slot]);
        if (i % BURST == BURST - 1) {
            usleep(PAUSE_US); /* the recorder may lose events of a loop that does nothing else */
        }
    }
    for (size_t i = 0; i < LIVE / 2; i++) { /* the rest is alive at the end */
        free(live[i]);
    }
    return 0;
}

/* ---- the bench ----------------------------------------------------------------------------- */

/* Runs a program; its stdout goes to `output` (NULL: nowhere). Returns its exit code. */
static int run(char *const *arguments, const char *output)
{
    pid_t child = fork();

    bench_require(child >= 0);
    if (child == 0) {
        int file = open(output ? output : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);

        dup2(file, STDOUT_FILENO);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    int result;
    bench_require(waitpid(child, &result, 0) == child);
    return WIFEXITED(result) ? WEXITSTATUS(result) : 128;
}

static size_t list_reports(char *memanalyze, const char *path, char names[][32])
{
    char *const arguments[] = {memanalyze, "report", "--list", NULL};
    size_t count = 0;

    bench_require(run(arguments, path) == 0);
    FILE *file = fopen(path, "r");
    bench_require(file);
    for (char line[512];
         count < REPORTS_MAX && fgets(line, sizeof line, file) && line[0] != '\n';) {
        bench_require(sscanf(line, "%31s", names[count++]) ==
                      1); /* sets of them come after the empty line */
    }
    fclose(file);
    return count;
}

static uint64_t file_bytes(const char *path)
{
    struct stat facts;

    return stat(path, &facts) == 0 ? (uint64_t)facts.st_size : 0;
}

int main(int argc, char **argv)
{
    char *events_wanted = getenv("MEMREC_BENCH_EVENTS");
    uint64_t events = events_wanted ? strtoull(events_wanted, NULL, 10) : 10000000;
    char *memanalyze = getenv("MEMANALYZE"), *library = getenv("LIBMEMREC");
    char folder[] = "/tmp/report_latency.XXXXXX", trace[64], database[64], list[64], count[64];
    char names[REPORTS_MAX][32];
    bool too_slow = false;

    if (argc > 1 && strcmp(argv[1], "--churn") == 0) {
        return churn(events);
    }
    if (!memanalyze || !library) {
        printf("skipped: MEMANALYZE and LIBMEMREC are not set\n");
        return 0;
    }
    bench_require(mkdtemp(folder));
    snprintf(trace, sizeof trace, "%s/churn.zst", folder);
    snprintf(database, sizeof database, "%s/churn.db", folder);
    snprintf(list, sizeof list, "%s/out", folder);

    pid_t child = fork();
    bench_require(child >= 0);
    if (child == 0) {
        setenv("LD_PRELOAD", library, 1);
        setenv("MEMREC_TRACE", trace, 1);
        setenv("MEMREC_INTERVAL", "1", 1);
        execl("/proc/self/exe", argv[0], "--churn", NULL);
        _exit(127);
    }
    int result;
    bench_require(waitpid(child, &result, 0) == child && result == 0);

    char *const import[] = {memanalyze, "import", trace, "-o", database, NULL};
    uint64_t start_ns = bench_now_ns();
    int imported = run(import, NULL);
    bench_require(imported == 0 || imported == 3); /* 3: events were lost, and said */
    double import_s = (double)(bench_now_ns() - start_ns) / 1e9;

    char *const ask[] = {memanalyze, "query", database, "SELECT event_count FROM run",
                         "-f",       "plain", NULL};
    bench_require(run(ask, list) == 0);
    FILE *file = fopen(list, "r");
    bench_require(file && fgets(count, sizeof count, file));
    fclose(file);
    uint64_t found = strtoull(count, NULL, 10);
    bench_require(found >= events / 10 * 9);
    printf("%.1f M events, trace %.1f MB, database %.1f MB, imported in %.2f s (%.2f M events/s)\n",
           (double)found / 1e6, (double)file_bytes(trace) / 1e6, (double)file_bytes(database) / 1e6,
           import_s, (double)found / 1e6 / import_s);

    size_t reports = list_reports(memanalyze, list, names);
    bench_require(reports >= 11);
    for (size_t i = 0; i < reports; i++) {
        char *const report[] = {memanalyze, "report", names[i], database, NULL};
        double times_ms[ROUNDS];

        for (int round = 0; round < ROUNDS; round++) {
            start_ns = bench_now_ns();
            bench_require(run(report, list) == 0);
            times_ms[round] = (double)(bench_now_ns() - start_ns) / 1e6;
            bench_require(file_bytes(list) > 0);
        }
        double median_ms = bench_median(times_ms, ROUNDS);
        printf("report %-33s %10.1f ms  (median %.1f)\n", names[i], times_ms[0], median_ms);
        too_slow = too_slow || median_ms > LATENCY_MS_MAX;
    }
    unlink(trace);
    unlink(database);
    unlink(list);
    rmdir(folder);
    bench_require(!too_slow);
    return 0;
}
