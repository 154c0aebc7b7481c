/* SPDX-License-Identifier: Apache-2.0 */
/* signals.c -- handlers that allocate. Where that is allowed: while the program is not inside malloc.
 * So signals are open only between allocations; they come from raise, from a timer and from another
 * thread, on the normal stack and on a small alternate one. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t handled;
static volatile unsigned sum;
static char *kept[8];

static void handler(int number)
{
    int slot = (int)handled % 8;

    (void)number;
    free(kept[slot]);
    kept[slot] = malloc(5000 + (size_t)slot * 100);
    memset(kept[slot], slot, 5000);
    sum = sum + (unsigned)kept[slot][4999];
    handled = handled + 1;
}

static void *send_signals(void *target)
{
    for (int i = 0; i < 200; i++) {
        pthread_kill(*(pthread_t *)target, SIGUSR2);
        usleep(100);
    }
    return NULL;
}

int main(void)
{
    static char alternate[16384]; /* MINSIGSTKSZ may be more than 8 KiB */
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_handler = handler};
    struct itimerval timer = {{0, 500}, {0, 500}};
    pthread_t self = pthread_self();
    pthread_t sender;
    sigset_t open;
    sigset_t all;
    void *blocks[32] = {NULL};

    sigfillset(&action.sa_mask); /* a handler inside malloc is not interrupted either */
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags = SA_ONSTACK | SA_RESTART;
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGALRM, &action, NULL);

    for (int i = 0; i < 500; i++) {
        raise(i % 2 ? SIGUSR1 : SIGUSR2);
    }
    printf("raised: %d\n", (int)handled);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &open);
    pthread_create(&sender, NULL, send_signals, &self);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int i = 0; i < 200000; i++) {
        free(blocks[i % 32]);
        blocks[i % 32] = malloc((size_t)i % 2000);
        if (i % 50 == 0) { /* the moment when they come */
            pthread_sigmask(SIG_SETMASK, &open, NULL);
            pthread_sigmask(SIG_BLOCK, &all, NULL);
        }
    }
    pthread_join(sender, NULL);
    timer = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    pthread_sigmask(SIG_SETMASK, &open, NULL);
    printf("from outside: %s\n", handled > 520 ? "many" : "few");
    for (int i = 0; i < 32; i++) {
        free(blocks[i]);
    }
    return 0;
}
