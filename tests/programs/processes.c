/* SPDX-License-Identifier: Apache-2.0 */
/* processes.c -- every way to make a process: fork, fork in a thread, vfork, posix_spawn, system, popen,
 * failing and working exec, a daemon's double fork, _exit with blocks alive. Each prints its part. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static unsigned allocate(unsigned count)
{
    static char *blocks[64];
    unsigned sum = 0;

    for (unsigned i = 0; i < count; i++) {
        free(blocks[i % 64]);
        blocks[i % 64] = malloc(i % 900 + 1);
        blocks[i % 64][0] = (char)i;
        sum += (unsigned char)blocks[(i * 7) % 64 <= i ? (i * 7) % 64 : i % 64][0];
    }
    return sum;
}

static void report(const char *what, pid_t child)
{
    int state = -1;

    if (child < 0 || waitpid(child, &state, 0) != child) {
        printf("%s: could not: %s\n", what, strerror(errno));
    } else if (WIFEXITED(state)) {
        printf("%s: exit code %d\n", what, WEXITSTATUS(state));
    } else {
        printf("%s: signal %d\n", what, WTERMSIG(state));
    }
    fflush(stdout);
}

static void *fork_in_thread(void *unused)
{
    pid_t child;

    (void)unused;
    allocate(3000);
    child = fork();
    if (child == 0) {
        exit((int)(allocate(5000) % 50));
    }
    report("fork in a thread", child);
    return NULL;
}

static void *allocate_in_thread(void *stop)
{
    void *blocks[16] = {NULL};
    unsigned i = 0;

    while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
        free(blocks[i % 16]);
        blocks[i % 16] = malloc(i % 3000);
        i++;
    }
    for (i = 0; i < 16; i++) {
        free(blocks[i]);
    }
    return NULL;
}

int main(int count, char **arguments)
{
    char *again[] = {arguments[0], (char *)"child", NULL};
    char *nothing[] = {(char *)"nothing", NULL};
    char line[128];
    pthread_t threads[2];
    int stop = 0;
    pid_t child;
    FILE *pipe;

    if (count > 1) { /* executed anew */
        printf("executed: %u\n", allocate(20000));
        return 7;
    }
    allocate(20000);
    child = fork();
    if (child == 0) {
        printf("child: %u\n", allocate(30000));
        exit(3);
    }
    report("fork", child);
    child = fork();
    if (child == 0) {
        allocate(100);
        _exit(4);
    }
    report("fork and _exit", child);
    child = fork();
    if (child == 0) {
        execv("/nowhere/nothing", nothing);
        printf("exec: %s\n", strerror(errno));
        execv(again[0], again);
        _exit(99);
    }
    report("fork and exec", child);
    child = fork();
    if (child == 0) {
        allocate(50000);
        execl(again[0], again[0], "child", (char *)NULL);
        _exit(99);
    }
    report("fork, much, and execl", child);
    child = vfork();
    if (child == 0) {
        execve(again[0], again, environ);
        _exit(99);
    }
    report("vfork", child);
    child = vfork();
    if (child == 0) {
        execv("/nowhere/nothing", nothing);
        _exit(98);
    }
    report("vfork and no exec", child);
    errno = posix_spawn(&child, again[0], NULL, NULL, again, environ);
    report("posix_spawn", errno ? -1 : child);
    errno = posix_spawnp(&child, "no-such-program", NULL, NULL, nothing, environ);
    printf("posix_spawnp: %s\n", errno == ENOENT ? "no such program" : "?");
    printf("system: %d\n", system("exit 5") >> 8);
    pipe = popen("echo through a pipe", "r");
    printf("popen: %s", pipe && fgets(line, sizeof line, pipe) ? line : "?\n");
    printf("pclose: %d\n", pipe ? pclose(pipe) : -1);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        abort();
    }
    report("abort", child);
    child = fork();
    if (child == 0) { /* a daemon's double fork */
        child = fork();
        if (child == 0) {
            printf("grandchild: %u\n", allocate(10000));
            exit(0);
        }
        report("  grandchild", child);
        exit(0);
    }
    report("double fork", child);
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, allocate_in_thread, &stop);
    }
    for (int i = 0; i < 20; i++) { /* while others are inside malloc */
        child = fork();
        if (child == 0) {
            _exit((int)(allocate(2000) % 2) + 1);
        }
        waitpid(child, &count, 0);
        if (!WIFEXITED(count) || WEXITSTATUS(count) > 2) {
            printf("fork %d among threads: state %d\n", i, count);
        }
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_create(&threads[0], NULL, fork_in_thread, NULL);
    pthread_join(threads[0], NULL);
    printf("parent: %u\n", allocate(20000));
    return 0;
}
