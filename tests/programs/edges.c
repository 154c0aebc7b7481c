/* SPDX-License-Identifier: Apache-2.0 */
/* edges.c -- what the malloc family promises at its edges: results and errno of every corner, one line
 * each. Recorded or not, the lines must be the same. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Through volatile, so that the compiler knows nothing about them. */
static volatile size_t huge = SIZE_MAX / 2 + 1;
static volatile size_t zero;
static volatile size_t odd = 24;

static void tell(const char *what, const void *block)
{
    printf("%s: %s, errno %d, aligned %d\n", what, block ? "block" : "NULL", errno,
           block ? (int)((uintptr_t)block % 16 == 0) : -1);
    errno = 33;
}

/* Every errno must survive every call, sampled or not. */
static int errno_survives(void)
{
    void *blocks[64] = {NULL};
    unsigned broken = 0;

    for (int i = 0; i < 60000; i++) {
        errno = i % 100 + 1;
        switch (i % 5) {
        case 0:
            blocks[i % 64] = realloc(blocks[i % 64], (size_t)i % 3000 + 1);
            break;
        case 1:
            free(blocks[i % 64]);
            blocks[i % 64] = malloc((size_t)i % 5000);
            break;
        case 2:
            free(blocks[i % 64]);
            blocks[i % 64] = calloc(3, (size_t)i % 900);
            break;
        case 3:
            free(blocks[i % 64]);
            blocks[i % 64] = aligned_alloc(64, 640);
            break;
        default:
            free(blocks[i % 64]);
            blocks[i % 64] = NULL;
        }
        broken += errno != i % 100 + 1;
    }
    for (int i = 0; i < 64; i++) {
        free(blocks[i]);
    }
    return broken == 0;
}

int main(void)
{
    char *block;
    char *volatile moved; /* a failed realloc leaves the block alone: compilers doubt it */
    void *out = &out;
    int result;

    errno = 33;
    tell("malloc(0)", block = malloc(zero));
    free(block);
    tell("malloc(huge)", malloc(huge));
    tell("calloc(0, 8)", block = calloc(zero, 8));
    free(block);
    tell("calloc overflow", calloc(huge, 4));
    tell("calloc(1000, 1000)", block = calloc(1000, 1000));
    for (int i = 0; i < 1000000; i++) {
        if (block[i]) {
            printf("calloc: not zero at %d\n", i);
            break;
        }
    }
    moved = realloc(block, 1000);
    tell("realloc smaller", moved);
    strcpy(moved, "kept");
    tell("realloc(huge)", realloc(moved, huge));
    printf("the old block: %s\n", moved);
    tell("reallocarray overflow", reallocarray(moved, huge, 16));
    printf("the old block: %s\n", moved);
    tell("realloc(block, 0)", realloc(moved, zero));
    tell("realloc(NULL, 10)", block = realloc(NULL, 10));
    free(block);
    tell("realloc(NULL, 0)", block = realloc(NULL, zero));
    free(block);
    free(NULL);
    tell("free(NULL)", NULL);
    result = posix_memalign(&out, odd, 100);
    printf("posix_memalign(24): %d, untouched %d\n", result, out == (void *)&out);
    tell("posix_memalign(24)", NULL);
    result = posix_memalign(&out, 64, huge);
    printf("posix_memalign(huge): %d, untouched %d\n", result, out == (void *)&out);
    tell("posix_memalign(huge)", NULL);
    result = posix_memalign(&out, 4096, 100);
    printf("posix_memalign(4096): %d, aligned %d\n", result, (uintptr_t)out % 4096 == 0);
    free(out);
    tell("aligned_alloc(24)", block = aligned_alloc(odd, 100));
    free(block);
    tell("aligned_alloc(huge)", aligned_alloc(64, huge));
    tell("memalign(65536)", block = memalign(65536, 100));
    printf("aligned %d\n", (uintptr_t)block % 65536 == 0);
    free(block);
    block = valloc(100);
    printf("valloc: %d\n", block && (uintptr_t)block % (size_t)getpagesize() == 0);
    free(block);
    block = pvalloc(100);
    printf("pvalloc: %d, usable %d\n", block && (uintptr_t)block % (size_t)getpagesize() == 0,
           malloc_usable_size(block) >= (size_t)getpagesize());
    free(block);
    printf("malloc_usable_size(NULL): %zu\n", malloc_usable_size(NULL));
    for (size_t size = 1; size < 300000; size = size * 3 + 1) {
        block = malloc(size);
        printf("usable of %zu: %zu\n", size, malloc_usable_size(block));
        free(block);
    }
    tell("mmap",
         mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? NULL : "");
    block = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(block, "mapped");
    block = mremap(block, 8192, 1 << 20, MREMAP_MAYMOVE);
    printf("mremap: %s\n", block);
    printf("munmap: %d\n", munmap(block, 1 << 20));
    printf("munmap(odd): %d", munmap((char *)8, 5));
    tell("", NULL);
    printf("errno survives: %d\n", errno_survives());
    return 0;
}
