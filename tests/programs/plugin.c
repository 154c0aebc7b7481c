/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.c -- what plugins.c loads and unloads: it allocates in its constructor, in a call and in its
 * destructor. */
#include <stdlib.h>
#include <string.h>

static char *kept;

int plugin_work(int number);

__attribute__((constructor)) static void plugin_begin(void) { kept = calloc(1, 3000); }

__attribute__((destructor)) static void plugin_end(void)
{
    free(kept);
    free(strdup("the last word"));
}

__attribute__((noinline)) int plugin_work(int number)
{
    char *text = malloc(1000 + (size_t)number);
    int sum;

    memset(text, number, 1000);
    memcpy(kept, text, 1000);
    sum = text[0] + kept[999];
    free(text);
    return sum;
}
