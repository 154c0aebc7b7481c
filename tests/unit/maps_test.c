/* SPDX-License-Identifier: Apache-2.0 */
/* The ranges that passed through mmap, against a byte per page. */
#include "check.h"
#include "maps.h"

#include <stdlib.h>
#include <string.h>

enum { PAGES = 600, BASE = 1 << 20 };
static unsigned char truth[PAGES]; /* owner + 1 */

static bool is_allocator(uintptr_t code) { return code == 2; }

static uintptr_t address(unsigned page) { return (uintptr_t)(BASE + page) << 12; }

static void compare(void)
{
    static struct mr_range ranges[MR_MAPS_MAX];
    unsigned char seen[PAGES] = {0};

    for (enum mr_map_owner owner = 0; owner < MR_MAP_OWNERS; owner++) {
        size_t count = mr_maps_copy(owner, ranges);

        for (size_t i = 0; i < count; i++) {
            CHECK(i == 0 || ranges[i - 1].end <= ranges[i].start);
            for (uintptr_t at = ranges[i].start; at < ranges[i].end; at += 4096) {
                seen[(at >> 12) - BASE] = (unsigned char)(owner + 1);
            }
        }
    }
    CHECK(memcmp(seen, truth, sizeof truth) == 0);
}

int main(void)
{
    unsigned state = 1;

    mr_maps_add(2, address(0), 4096); /* an allocator is at work before anybody can tell */
    mr_maps_add(1, address(2), 8192);
    mr_maps_add(2, address(8), 8192);
    mr_maps_remove(address(8), 8192);
    mr_maps_sort(is_allocator);
    truth[0] = MR_MAP_ALLOCATOR + 1;
    truth[2] = truth[3] = MR_MAP_PROGRAM + 1;
    compare();
    CHECK_EQ(mr_maps_owner(address(0) + 5), MR_MAP_ALLOCATOR);
    CHECK_EQ(mr_maps_owner(address(3)), MR_MAP_PROGRAM);
    CHECK_EQ(mr_maps_owner(address(1)), MR_MAP_OWNERS);

    for (int round = 0; round < 20000; round++) {
        state = state * 1103515245 + 12345;
        unsigned first = state >> 8 & 511;
        unsigned count = 1 + (state >> 20) % 40;
        unsigned caller = 1 + (state >> 17) % 2;

        mr_maps_remove(address(first), (size_t)count * 4096);
        memset(truth + first, 0, count);
        if (state >> 30) {
            mr_maps_add(caller, address(first), (size_t)count * 4096 - 100); /* a page is whole */
            memset(truth + first, caller == 2 ? MR_MAP_ALLOCATOR + 1 : MR_MAP_PROGRAM + 1, count);
        }
        if (round % 100 == 0) {
            compare();
        }
    }
    CHECK_EQ(mr_maps_forgotten(), 0);
    for (unsigned i = 0; i <= MR_MAPS_MAX; i++) { /* more than there is room for */
        mr_maps_add(1, (uintptr_t)(2 * BASE + 2 * i) << 12, 4096);
    }
    CHECK(mr_maps_forgotten() > 0);
    mr_maps_remove((uintptr_t)(2 * BASE) << 12, (size_t)4 * MR_MAPS_MAX << 12);
    compare();
    return check_summary();
}
