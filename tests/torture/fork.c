/* SPDX-License-Identifier: Apache-2.0 */
/* fork.c -- fork TRUTH COUNT: a process whose threads allocate all the time forks COUNT children, which allocate
 * much or little, alone or in threads, fork again, and end in every way there is.
 *
 * TRUTH gets a line for each process: "pid,parent,kind,allocs,bytes,frees": kind `silent` allocates nothing;
 * `exact` did just these calls since the fork; `least` at least these. Exit code 0: all children ended as they
 * should. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 6, BACKGROUND = 3, BLOCKS = 400, BLOCK_BYTES = 4000, KINDS = 9, CODE = 7 };

static int truth_file;
static _Atomic bool stop;

static void tell(const char *kind, unsigned allocs, unsigned bytes, unsigned frees)
{
    char line[128];
    int length = snprintf(line, sizeof line, "%d,%d,%s,%u,%u,%u\n", (int)getpid(), (int)getppid(),
                          kind, allocs, bytes, frees);

    if (write(truth_file, line, (size_t)length) != length) { /* appended: whole, whoever writes */
        _exit(1);
    }
}

static void *allocate_always(void *unused)
{
    struct timespec pause = {0, 200000};

    while (!stop) {
        for (int i = 0; i < 50; i++) {
            char *block = malloc(300);

            block[0] = 1;
            free(block);
        }
        nanosleep(&pause, NULL);
    }
    return unused;
}

/* Allocates BLOCKS blocks, frees all but one in eight. */
static void allocate_much(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        char *block = malloc(BLOCK_BYTES);

        if (!block) {
            _exit(1);
        }
        memset(block, i, BLOCK_BYTES);
        if (i % 8) {
            free(block);
        }
    }
}

static void *allocate_in_thread(void *unused)
{
    allocate_much();
    return unused;
}

static void allocate_in_threads(void)
{
    pthread_t thread[3];

    for (int i = 0; i < 3; i++) {
        if (pthread_create(&thread[i], NULL, allocate_in_thread, NULL) != 0) {
            _exit(1);
        }
    }
    allocate_much();
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
    }
}

static bool ended_well(pid_t child, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == CODE) {
        return true;
    }
    fprintf(stderr, "child %d ended with status %x\n", (int)child, (unsigned)status);
    return false;
}

#define ALL BLOCKS, BLOCKS *BLOCK_BYTES, BLOCKS - BLOCKS / 8

static void be_child(unsigned kind)
{
    static char *const no_environment[] = {NULL};
    pid_t grandchild;
    int status;

    alarm(60);
    switch (kind) {
    case 0:
        allocate_much();
        tell("exact", ALL);
        exit(CODE);
    case 1:
        allocate_much();
        tell("exact", ALL);
        _exit(CODE);
    case 2:
        allocate_much();
        tell("exact", ALL);
        execle("/bin/sh", "sh", "-c", "exit 7", (char *)NULL, no_environment);
        _exit(1);
    case 3:
        allocate_much();
        execl("/nonexistent", "nonexistent", (char *)NULL);
        allocate_much();
        tell("exact", 2 * BLOCKS, 2 * BLOCKS * BLOCK_BYTES, 2 * (BLOCKS - BLOCKS / 8));
        _exit(CODE);
    case 4:
        tell("silent", 0, 0, 0);
        _exit(CODE);
    case 5:
        allocate_in_threads();
        tell("least", 4 * BLOCKS, 4 * BLOCKS * BLOCK_BYTES, 4 * (BLOCKS - BLOCKS / 8));
        exit(CODE);
    case 6: /* recorded itself when it forks */
        allocate_much();
        /* fall through */
    case 7: /* not yet recorded when it forks */
        grandchild = fork();
        if (grandchild == 0) {
            allocate_much();
            tell("exact", ALL);
            exit(CODE);
        }
        if (waitpid(grandchild, &status, 0) != grandchild || !ended_well(grandchild, status)) {
            _exit(1);
        }
        if (kind == 6) {
            tell("exact", ALL);
        } else {
            tell("silent", 0, 0, 0);
        }
        exit(CODE);
    default: /* allocates while its threads do, and ends under them */
        for (int i = 0; i < 2; i++) {
            pthread_t thread;

            if (pthread_create(&thread, NULL, allocate_always, NULL) != 0) {
                _exit(1);
            }
        }
        allocate_much();
        tell("least", ALL);
        exit(CODE);
    }
}

static bool reap(void)
{
    int status;
    pid_t child = wait(&status);

    return child > 0 && ended_well(child, status);
}

int main(int count_of_arguments, char **arguments)
{
    if (count_of_arguments != 3) {
        return 2;
    }
    unsigned count = (unsigned)atoi(arguments[2]), bad = 0, running = 0;
    pthread_t background[BACKGROUND];

    truth_file = open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    for (int i = 0; i < BACKGROUND; i++) {
        if (pthread_create(&background[i], NULL, allocate_always, NULL) != 0) {
            return 1;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        pid_t child = fork();

        if (child == 0) {
            be_child(i % KINDS);
        }
        if (child < 0) {
            perror("fork");
            return 1;
        }
        if (++running == AT_ONCE) {
            bad += !reap();
            running--;
        }
    }
    for (; running; running--) {
        bad += !reap();
    }
    stop = true;
    for (int i = 0; i < BACKGROUND; i++) {
        pthread_join(background[i], NULL);
    }
    printf("%u children, %u ended badly\n", count, bad);
    return bad ? 1 : 0;
}
