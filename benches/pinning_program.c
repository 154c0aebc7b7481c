/* SPDX-License-Identifier: Apache-2.0 */
/* pinning_program.c -- a program of 40 sites, of which the seed makes one leave a few small blocks behind that stay
 * alone where others were freed. Prints that site's name.
 *
 * What the others do is drawn, too: most allocate in bursts and free it all; some load tables, first of all, that stay
 * and lie together; some are caches of a few hundred blocks, one replaced now and then; one keeps what it allocates
 * last. So survivors are many, and old ones are, too, but only those of the one site are spread over what is free.
 *
 *     pinning_program SEED [MEGABYTES]                                                              */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SITES = 40, CACHED = 300, BURST_SITES = 20, TABLES = 8, CACHES = 4 };

static uint64_t state;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t between(uint64_t low, uint64_t high) { return low + draw() % (high - low + 1); }

#define SITE(number)                                                                               \
    __attribute__((noinline)) static void *site_##number(size_t bytes)                             \
    {                                                                                              \
        void *block = malloc(bytes);                                                               \
                                                                                                   \
        if (!block) {                                                                              \
            abort();                                                                               \
        }                                                                                          \
        return memset(block, number, bytes < 64 ? bytes : 64);                                     \
    }
#define TEN(ten)                                                                                   \
    SITE(ten##0)                                                                                   \
    SITE(ten##1)                                                                                   \
    SITE(ten##2)                                                                                   \
    SITE(ten##3)                                                                                   \
    SITE(ten##4)                                                                                   \
    SITE(ten##5)                                                                                   \
    SITE(ten##6) SITE(ten##7) SITE(ten##8) SITE(ten##9)
#define FORTY TEN(1) TEN(2) TEN(3) TEN(4)
FORTY
#define NAMES(ten)                                                                                 \
    site_##ten##0, site_##ten##1, site_##ten##2, site_##ten##3, site_##ten##4, site_##ten##5,      \
        site_##ten##6, site_##ten##7, site_##ten##8, site_##ten##9
static void *(*const sites[SITES])(size_t) = {NAMES(1), NAMES(2), NAMES(3), NAMES(4)};

struct role {
    unsigned site;
    size_t low_bytes, high_bytes;
};

static void *take(const struct role *role)
{
    return sites[role->site](between(role->low_bytes, role->high_bytes));
}

static void pause_ms(long milliseconds)
{
    const struct timespec time = {0, milliseconds * 1000000};

    nanosleep(&time, NULL);
}

static unsigned order[SITES]; /* of the sites, drawn */

static struct role role_of(unsigned place, size_t least, size_t most)
{
    size_t low = between(least, most);

    return (struct role){order[place], low, low + between(0, low)};
}

int main(int count, char **arguments)
{
    uint64_t seed = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    size_t bytes = (count > 2 ? strtoull(arguments[2], NULL, 10) : 64) << 20;
    size_t room = bytes / 64;
    void **burst = malloc(room * sizeof *burst);
    static void *cached[CACHES][CACHED];

    if (!burst) {
        return 1;
    }
    state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < SITES; i++) {
        unsigned at = (unsigned)(draw() % (i + 1));

        order[i] = order[at];
        order[at] = i;
    }
    struct role pinner = role_of(0, 16, 200);
    struct role young = role_of(1, 100, 2000);
    struct role tables[TABLES];
    struct role caches[CACHES];
    struct role temporary[BURST_SITES];
    size_t apart = between(4096, 12288); /* bytes of a burst between two blocks that stay */
    unsigned bursts = (unsigned)between(1, 4);

    for (unsigned i = 0; i < TABLES; i++) {
        tables[i] = role_of(2 + i, 32, 1000);
    }
    for (unsigned i = 0; i < CACHES; i++) {
        caches[i] = role_of(2 + TABLES + i, 200, 1000);
    }
    for (unsigned i = 0; i < BURST_SITES; i++) {
        temporary[i] = role_of(2 + TABLES + CACHES + i, 32, 2000);
    }
    for (size_t used = 0; used < bytes / 4; used += 500) {
        (void)take(&tables[draw() % TABLES]);
    }
    for (unsigned round = 0; round < bursts; round++) {
        size_t taken = 0;
        size_t kept_at = 0;

        for (size_t used = 0; used < bytes && taken < room;) {
            const struct role *role = &temporary[draw() % BURST_SITES];

            burst[taken++] = take(role);
            used += (role->low_bytes + role->high_bytes) / 2 + 16;
            if (round == 0 && used > kept_at) {
                (void)take(&pinner);
                kept_at = used + apart / 2 + draw() % apart;
            }
            if (draw() % 64 == 0) {
                unsigned cache = (unsigned)(draw() % CACHES);
                size_t at = draw() % CACHED;

                free(cached[cache][at]);
                cached[cache][at] = take(&caches[cache]);
            }
        }
        for (size_t i = 0; i < taken; i++) {
            free(burst[i]);
        }
        pause_ms(20);
    }
    for (unsigned i = 0; i < 30; i++) {
        free(take(&temporary[draw() % BURST_SITES]));
        pause_ms(3);
    }
    for (unsigned i = 0; i < 200; i++) {
        (void)take(&young);
    }
    printf("site_%u\n", 10 + pinner.site);
    fflush(stdout);
    return 0;
}
