/* SPDX-License-Identifier: Apache-2.0 */
/* stacks_test.c -- the trie gives each stack one node, walks back to its frames, and survives growth and
 * forgetting. */
#include "check.h"
#include "pages.h"
#include "stack_hash.h"
#include "stacks.h"

#include <stdlib.h>

static uint32_t intern(struct mr_stacks *stacks, const uint64_t *frames, unsigned count,
                       bool truncated)
{
    uint32_t node =
        mr_stacks_intern(stacks, mr_stack_hash(frames, count), frames, count, truncated);

    CHECK(node < stacks->count);
    return node;
}

/* The frames of a node, innermost first, are these, and its root is the one it should be. */
static bool names(const struct mr_stacks *stacks, uint32_t node, const uint64_t *frames,
                  unsigned count, bool truncated)
{
    for (unsigned i = 0; i < count; i++) {
        if (node < MR_STACK_FIRST_ID || node >= stacks->count || stacks->pcs[node] != frames[i] ||
            stacks->parents[node] >= node) {
            return false;
        }
        node = stacks->parents[node];
    }
    return node == (truncated ? MR_STACK_TRUNCATED_ROOT : MR_STACK_ROOT);
}

static void interns_and_shares(void)
{
    static const uint64_t a[] = {0x11, 0x22, 0x33}, b[] = {0x99, 0x22, 0x33}, c[] = {0x22, 0x33};
    static const uint64_t d[] = {0x11, 0x22, 0x33, 0x44};
    struct mr_stacks stacks;

    CHECK(mr_stacks_open(&stacks));
    CHECK_EQ(stacks.count, MR_STACK_FIRST_ID);
    CHECK_EQ(stacks.announced, MR_STACK_FIRST_ID);
    CHECK_EQ(mr_stacks_find(&stacks, mr_stack_hash(a, 3)), 0);

    uint32_t node_a = intern(&stacks, a, 3, false);
    CHECK_EQ(stacks.count, MR_STACK_FIRST_ID + 3);
    CHECK(names(&stacks, node_a, a, 3, false));
    CHECK_EQ(intern(&stacks, a, 3, false), node_a);
    CHECK_EQ(mr_stacks_find(&stacks, mr_stack_hash(a, 3)), node_a);
    CHECK_EQ(stacks.count, MR_STACK_FIRST_ID + 3);

    uint32_t node_b = intern(&stacks, b, 3, false); /* one new frame above two shared ones */
    CHECK_EQ(stacks.count, MR_STACK_FIRST_ID + 4);
    CHECK(names(&stacks, node_b, b, 3, false));
    CHECK_EQ(stacks.parents[node_b], stacks.parents[node_a]);

    CHECK_EQ(mr_stacks_find(&stacks, mr_stack_hash(c, 2)),
             0); /* a part of a stack has no name yet */
    CHECK_EQ(intern(&stacks, c, 2, false), stacks.parents[node_a]);
    CHECK_EQ(stacks.count, MR_STACK_FIRST_ID + 4);

    uint32_t node_d =
        intern(&stacks, d, 4, false); /* the same leaf, another root: nothing shared */
    CHECK(names(&stacks, node_d, d, 4, false));
    CHECK_EQ(stacks.count, MR_STACK_FIRST_ID + 8);
    mr_stacks_close(&stacks);
}

static void truncated_stacks_have_their_own_root(void)
{
    static const uint64_t whole[] = {1, 2, 3}, part[] = {1, 2};
    struct mr_stacks stacks;

    CHECK(mr_stacks_open(&stacks));
    uint32_t a = intern(&stacks, part, 2, true);
    uint32_t b = intern(&stacks, whole, 3, false);
    CHECK(a != b);
    CHECK(names(&stacks, a, part, 2, true));
    CHECK(names(&stacks, b, whole, 3, false));
    mr_stacks_close(&stacks);
}

static void empty_stacks_are_roots(void)
{
    struct mr_stacks stacks;

    CHECK(mr_stacks_open(&stacks));
    CHECK_EQ(intern(&stacks, NULL, 0, false), MR_STACK_ROOT);
    CHECK_EQ(intern(&stacks, NULL, 0, true), MR_STACK_TRUNCATED_ROOT);
    CHECK_EQ(stacks.count, MR_STACK_FIRST_ID);
    CHECK_EQ(mr_stacks_find(&stacks, MR_STACK_HASH_SEED), 0);
    mr_stacks_close(&stacks);
}

static void recursion_is_deep(void)
{
    uint64_t frames[MR_STACK_DEPTH_MAX];
    struct mr_stacks stacks;

    CHECK(mr_stacks_open(&stacks));
    for (unsigned i = 0; i < MR_STACK_DEPTH_MAX; i++) {
        frames[i] = 0x401000; /* one function that calls itself */
    }
    for (unsigned depth = 1; depth <= MR_STACK_DEPTH_MAX; depth++) {
        CHECK(names(&stacks, intern(&stacks, frames, depth, false), frames, depth, false));
    }
    CHECK_EQ(stacks.count, MR_STACK_FIRST_ID + MR_STACK_DEPTH_MAX);
    for (unsigned i = 0; i < MR_STACK_DEPTH_MAX; i++) {
        frames[i] = UINT64_MAX - i * 16;
    }
    CHECK(names(&stacks, intern(&stacks, frames, MR_STACK_DEPTH_MAX, true), frames,
                MR_STACK_DEPTH_MAX, true));
    mr_stacks_close(&stacks);
}

/* Frame i of random stack n: few near the root, many near the leaf. */
static unsigned random_stack(uint64_t n, uint64_t frames[16])
{
    unsigned count = 4 + n % 12;

    for (unsigned i = 0; i < count; i++) {
        uint64_t spread = UINT64_C(1) << (2 * (count - i < 10 ? count - i : 10));

        frames[i] = 0x400000 + (n * UINT64_C(0x9E3779B97F4A7C15) >> 20) % spread * 16 + i;
    }
    return count;
}

static void grows(void)
{
    enum { MANY = 60000 };
    struct mr_stacks stacks;
    uint32_t *nodes = malloc(MANY * sizeof *nodes);
    uint64_t frames[16], before = mr_pages_mapped_bytes(), wrong = 0;

    CHECK(mr_stacks_open(&stacks));
    uint32_t children = stacks.children_capacity, known = stacks.names_capacity;
    for (uint64_t n = 0; n < MANY; n++) {
        unsigned count = random_stack(n, frames);

        nodes[n] =
            mr_stacks_intern(&stacks, mr_stack_hash(frames, count), frames, count, frames[0] & 16);
    }
    CHECK(stacks.children_capacity >= 8 * children);
    CHECK(stacks.names_capacity >= 8 * known);
    CHECK(stacks.children_used == stacks.count - MR_STACK_FIRST_ID);
    uint32_t total = stacks.count;
    for (uint64_t n = 0; n < MANY; n++) {
        unsigned count = random_stack(n, frames);
        uint64_t hash = mr_stack_hash(frames, count);

        wrong += !names(&stacks, nodes[n], frames, count, frames[0] & 16);
        wrong += mr_stacks_find(&stacks, hash) != nodes[n];
        wrong += mr_stacks_intern(&stacks, hash, frames, count, frames[0] & 16) != nodes[n];
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(stacks.count, total); /* nothing was new the second time */
    mr_stacks_close(&stacks);
    CHECK_EQ(mr_pages_mapped_bytes(), before);
    free(nodes);
}

/* One caller of many: its children meet in the table. */
static void siblings_are_told_apart(void)
{
    enum { MANY = 50000 };
    struct mr_stacks stacks;
    uint64_t wrong = 0;

    CHECK(mr_stacks_open(&stacks));
    for (uint64_t i = 0; i < MANY; i++) {
        uint64_t frames[] = {0x500000 + 16 * i, 0x33};

        wrong +=
            !names(&stacks, mr_stacks_intern(&stacks, mr_stack_hash(frames, 2), frames, 2, false),
                   frames, 2, false);
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(stacks.count, MR_STACK_FIRST_ID + 1 + MANY);
    mr_stacks_close(&stacks);
}

static void forgets(void)
{
    static const uint64_t a[] = {0x11, 0x22, 0x33}, b[] = {0x44, 0x33};
    struct mr_stacks stacks;

    CHECK(mr_stacks_open(&stacks));
    uint32_t old_a = intern(&stacks, a, 3, false), old_b = intern(&stacks, b, 2, false);
    uint32_t before = stacks.count;

    mr_stacks_forget(&stacks);
    /* Events that were published before still find their stack by its hash. */
    CHECK_EQ(mr_stacks_find(&stacks, mr_stack_hash(a, 3)), old_a);
    uint32_t new_a = intern(&stacks, a, 3, false);
    CHECK(new_a >= before); /* the same addresses, another meaning */
    CHECK(names(&stacks, new_a, a, 3, false));
    CHECK(names(&stacks, old_a, a, 3, false)); /* and the old one keeps its own */
    CHECK_EQ(mr_stacks_find(&stacks, mr_stack_hash(a, 3)), new_a);
    CHECK_EQ(mr_stacks_find(&stacks, mr_stack_hash(b, 2)), old_b);
    uint32_t new_b = intern(&stacks, b, 2, false);
    CHECK(new_b >= before);
    CHECK_EQ(stacks.count, before + 4); /* 0x33 is shared among the new ones */
    CHECK_EQ(intern(&stacks, a, 3, false), new_a);

    uint32_t capacity = stacks.children_capacity;
    for (int i = 0; i < 5000; i++) {
        mr_stacks_forget(&stacks);
        uint32_t node = intern(&stacks, a, 3, i & 1);
        CHECK(names(&stacks, node, a, 3, i & 1));
    }
    CHECK(stacks.names_used <= 2);                /* names are replaced, not collected */
    CHECK_EQ(stacks.children_capacity, capacity); /* and what was forgotten takes no room */
    mr_stacks_close(&stacks);
}

/* The last ids: what no longer fits is named by its longest known outer part. */
static void fills_up(void)
{
    static const uint64_t known[] = {0x22, 0x33}, fresh[] = {0x11, 0x22, 0x33},
                          other[] = {0x55, 0x66};
    struct mr_stacks stacks;

    CHECK(mr_stacks_open(&stacks));
    uint32_t outer = intern(&stacks, known, 2, false);
    stacks.count = MR_STACK_NODES_MAX;
    CHECK_EQ(mr_stacks_intern(&stacks, mr_stack_hash(fresh, 3), fresh, 3, false), outer);
    CHECK_EQ(mr_stacks_intern(&stacks, mr_stack_hash(other, 2), other, 2, false), MR_STACK_ROOT);
    CHECK_EQ(mr_stacks_intern(&stacks, mr_stack_hash(known, 2), known, 2, false), outer);
    CHECK_EQ(stacks.count, MR_STACK_NODES_MAX);
    mr_stacks_close(&stacks);
}

int main(void)
{
    interns_and_shares();
    truncated_stacks_have_their_own_root();
    empty_stacks_are_roots();
    recursion_is_deep();
    grows();
    siblings_are_told_apart();
    forgets();
    fills_up();
    return check_summary();
}
