/* SPDX-License-Identifier: Apache-2.0 */
/* interleave.c -- the CPU time of commands, run in turn: A B C A B C ...
 *
 *   interleave [-w] ROUNDS LABEL COMMAND [LABEL COMMAND]...
 *
 * CPU time is user + system of the command and all it waited for; with -w, wall-clock time. Each
 * command goes to the shell. Prints one line per command, which scripts read:
 *
 *   LABEL  best_ms  median_ms  ratio  median_ratio
 *
 * `ratio` is its best over the first command's best, `median_ratio` the median over the rounds of its
 * time over the first command's in the same round: when the two are far apart the machine was busy.
 * A command that fails stops everything: exit code 1. */
#include "bench.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMANDS_MAX 16u

struct command {
    const char *label, *text;
    double ms[BENCH_ROUNDS_MAX];
};

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double run(const struct command *command, int wall)
{
    struct rusage usage;
    int state;
    uint64_t start_ns = bench_now_ns();
    pid_t child = fork();

    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command->text, (char *)NULL);
        _exit(127);
    }
    bench_require(child > 0 && wait4(child, &state, 0, &usage) == child);
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) {
        fprintf(stderr, "interleave: %s failed (state %d): %s\n", command->label, state,
                command->text);
        exit(1);
    }
    return wall ? (double)(bench_now_ns() - start_ns) / 1e6
                : (seconds(usage.ru_utime) + seconds(usage.ru_stime)) * 1e3;
}

int main(int count, char **arguments)
{
    static struct command commands[COMMANDS_MAX];
    static double first[BENCH_ROUNDS_MAX];
    int wall = count > 1 && strcmp(arguments[1], "-w") == 0;
    double first_best = 0;
    unsigned rounds;
    unsigned command_count;

    arguments += wall;
    count -= wall;
    if (count < 4 || count % 2 != 0 || (unsigned)(count - 2) / 2 > COMMANDS_MAX) {
        fprintf(stderr, "usage: interleave [-w] ROUNDS LABEL COMMAND [LABEL COMMAND]...\n");
        return 2;
    }
    rounds = (unsigned)strtoul(arguments[1], NULL, 10);
    bench_require(rounds > 0 && rounds <= BENCH_ROUNDS_MAX);
    command_count = (unsigned)(count - 2) / 2;
    for (unsigned i = 0; i < command_count; i++) {
        commands[i].label = arguments[2 + 2 * i];
        commands[i].text = arguments[3 + 2 * i];
        run(&commands[i], wall); /* warms the caches */
    }
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < command_count; i++) {
            commands[i].ms[round] = run(&commands[i], wall);
        }
    }
    memcpy(first, commands[0].ms, sizeof first);
    for (unsigned i = 0; i < command_count; i++) {
        double ratios[BENCH_ROUNDS_MAX];

        for (unsigned round = 0; round < rounds; round++) {
            ratios[round] = commands[i].ms[round] / first[round];
        }
        double median = bench_median(commands[i].ms, rounds); /* sorts */

        first_best = i == 0 ? commands[0].ms[0] : first_best;
        printf("%-20s %10.2f %10.2f %8.3f %8.3f\n", commands[i].label, commands[i].ms[0], median,
               commands[i].ms[0] / first_best, bench_median(ratios, rounds));
    }
    return 0;
}
