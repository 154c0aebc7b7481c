/* SPDX-License-Identifier: Apache-2.0 */
/* full_disk.c -- full_disk BALLAST: allocates, fills the disk with BALLAST, allocates, gives the disk back, and
 * allocates again, waiting each time until the recorder has had to write. Its output must not change. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 6000 };

static void allocate_and_wait(void)
{
    static char *kept[BLOCKS];

    for (int i = 0; i < BLOCKS; i++) {
        kept[i] = malloc(16 + (size_t)(i * 7919) % 400);
        if (!kept[i]) {
            exit(3);
        }
        kept[i][0] = (char)i;
    }
    for (int i = 0; i < BLOCKS; i++) {
        free(kept[i]);
    }
    usleep(1400000); /* a block is written every second */
}

int main(int count, char **arguments)
{
    static char zeros[4096];

    if (count != 2) {
        return 2;
    }
    allocate_and_wait();
    int ballast = open(arguments[1], O_WRONLY | O_CREAT | O_EXCL, 0600);
    size_t size = sizeof zeros;
    while (size > 0) { /* to the last byte */
        if (write(ballast, zeros, size) != (ssize_t)size) {
            if (errno != ENOSPC) {
                return 4;
            }
            size /= 2;
        }
    }
    allocate_and_wait();
    if (ballast < 0 || close(ballast) != 0 || unlink(arguments[1]) != 0) {
        return 5;
    }
    allocate_and_wait();
    puts("three rounds");
    return 9;
}
