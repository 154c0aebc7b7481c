/* SPDX-License-Identifier: Apache-2.0 */
/* step.c -- how many instructions a thread executes between two stops of itself.
 *
 *   step COMMAND [ARGUMENT]...
 *
 * Runs the command until it stops itself (raise(SIGSTOP)), then one instruction at a time until it
 * stops itself again, and prints how many there were. Exact, blind to neighbours, and works where
 * there are no hardware counters and where valgrind refuses the recorder's clone(). Other threads run
 * freely and are not counted. About 2 microseconds an instruction. */
#include "bench.h"

#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits for the next stop; the signal that caused it. */
static int wait_for_stop(pid_t child)
{
    int state;

    bench_require(waitpid(child, &state, __WALL) == child);
    if (!WIFSTOPPED(state)) {
        fprintf(stderr, "step: the command ended before it stopped itself twice\n");
        exit(1);
    }
    return WSTOPSIG(state);
}

int main(int count, char **arguments)
{
    uint64_t steps = 0;
    int signal_number = 0;
    pid_t child;

    if (count < 2) {
        fprintf(stderr, "usage: step COMMAND [ARGUMENT]...\n");
        return 2;
    }
    child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execvp(arguments[1], arguments + 1);
        _exit(127);
    }
    bench_require(child > 0);
    bench_require(wait_for_stop(child) == SIGTRAP); /* the exec */
    while (signal_number != SIGSTOP) {
        ptrace(PTRACE_CONT, child, NULL, signal_number == SIGTRAP ? 0 : signal_number);
        signal_number = wait_for_stop(child);
    }
    do {
        bench_require(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0);
        steps++;
    } while (wait_for_stop(child) != SIGSTOP);
    ptrace(PTRACE_DETACH, child, NULL, NULL);
    waitpid(child, &signal_number, 0);
    printf("%llu\n", (unsigned long long)steps);
    return WIFEXITED(signal_number) ? WEXITSTATUS(signal_number) : 1;
}
