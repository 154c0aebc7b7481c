/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- allocates 64 MiB in small blocks, frees them, and says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_MEMREC
#include <memrec/memrec.h>
#endif

int main(void)
{
    for (int round = 0; round < 65536; round++) {
        char *block = malloc(1024);

        if (!block) {
            return 1;
        }
        memset(block, round, 1024);
        free(block);
    }
    puts("done");
    return 0;
}
