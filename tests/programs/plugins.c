/* SPDX-License-Identifier: Apache-2.0 */
/* plugins.c -- loads and unloads copies of plugin.so, so that other code comes to stand at the same
 * addresses; from the main thread and from others, with good names and bad.
 *
 *   plugins PLUGIN.so COPY.so */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *paths[2];

static long use(const char *path, int rounds)
{
    long sum = 0;

    for (int i = 0; i < rounds; i++) {
        void *plugin = dlopen(path, i % 2 ? RTLD_NOW : RTLD_LAZY);
        void *symbol = plugin ? dlsym(plugin, "plugin_work") : NULL;
        int (*work)(int number);

        if (!symbol) {
            printf("cannot: %s\n", dlerror());
            return -1;
        }
        memcpy(&work, &symbol, sizeof work);
        for (int j = 0; j < 200; j++) {
            sum += work(j % 100);
        }
        if (dlclose(plugin) != 0) {
            printf("cannot close: %s\n", dlerror());
        }
    }
    return sum;
}

static void *use_both(void *argument)
{
    long *sum = argument;

    for (int i = 0; i < 10; i++) {
        *sum += use(paths[i % 2], 3);
    }
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t threads[3];
    long sums[3] = {0};
    long sum = 0;

    if (count != 3) {
        return 2;
    }
    paths[0] = arguments[1];
    paths[1] = arguments[2];
    for (int i = 0; i < 20; i++) {
        sum += use(paths[i % 2], 2);
    }
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, use_both, &sums[i]);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        sum += sums[i];
    }
    if (!dlopen("/nowhere/no.so", RTLD_NOW)) {
        printf("refused: %s\n", dlerror());
    }
    printf("relative: %s\n", dlopen("libm.so.6", RTLD_NOW) ? "found" : "not found");
    printf("sum %ld\n", sum);
    return 0;
}
