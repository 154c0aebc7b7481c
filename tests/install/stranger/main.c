/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- allocates 64 MiB in small blocks, frees them, and says so. With WITH_MEMREC it also asks
 * the library whether it is being recorded, and fails when it is not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_MEMREC
#include <memrec/memrec.h>
#endif

int main(void)
{
#ifdef WITH_MEMREC
    char version[32];

    snprintf(version, sizeof version, "%d.%d.%d", MEMREC_VERSION_MAJOR, MEMREC_VERSION_MINOR,
             MEMREC_VERSION_PATCH);
    if (!memrec_is_recording() || strcmp(memrec_version(), version) != 0) {
        return 1;
    }
#endif
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
