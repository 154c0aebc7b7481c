/* SPDX-License-Identifier: Apache-2.0 */
/* leak_tree.c -- a service that keeps a tree of names: adds, removes, answers with lists, takes versions that live for
 * a while, and compacts its journal. It leaks nothing by itself, and frees all at its end. Argument: operations. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#define APART __attribute__((noinline))
#else
#define APART __attribute__((noinline, noclone)) /* gcc makes copies under other names */
#endif
enum { VERSIONS = 12, JOURNAL = 400 };

struct node {
    struct node *left, *right;
    uint64_t key;
    char *name;
};
struct answer {
    struct answer *next;
    uint64_t key;
};
static struct node *root;
static struct node *versions[VERSIONS];
static char *journal[JOURNAL];
static size_t journal_used;
static uint64_t state = 7;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

APART static char *new_name(uint64_t key)
{
    char *name = malloc(16 + draw(32));

    snprintf(name, 16, "n%llu", (unsigned long long)(key % 1000000));
    return name;
}
APART static struct node *new_node(uint64_t key)
{
    struct node *node = calloc(1, sizeof *node);

    node->key = key;
    node->name = new_name(key);
    return node;
}
APART static void free_name(struct node *node) { free(node->name); }
APART static void free_node(struct node *node)
{
    free_name(node);
    free(node);
}
APART static void add(uint64_t key)
{
    struct node **at = &root;

    while (*at && (*at)->key != key) {
        at = key < (*at)->key ? &(*at)->left : &(*at)->right;
    }
    if (!*at) {
        *at = new_node(key);
    }
}
APART static void take_out(uint64_t key)
{
    struct node **at = &root;

    while (*at && (*at)->key != key) {
        at = key < (*at)->key ? &(*at)->left : &(*at)->right;
    }
    struct node *gone = *at;
    if (!gone) {
        return;
    }
    if (!gone->left || !gone->right) {
        *at = gone->left ? gone->left : gone->right;
    } else {
        struct node **least = &gone->right;
        while ((*least)->left) {
            least = &(*least)->left;
        }
        struct node *up = *least;
        *least = up->right;
        up->left = gone->left;
        up->right = gone->right;
        *at = up;
    }
    free_node(gone);
}
APART static struct answer *new_answer(uint64_t key, struct answer *next)
{
    struct answer *answer = malloc(sizeof *answer);

    *answer = (struct answer){next, key};
    return answer;
}
APART static struct answer *find(const struct node *node, uint64_t low, uint64_t high,
                                 struct answer *found)
{
    if (!node) {
        return found;
    }
    if (node->key > low) {
        found = find(node->left, low, high, found);
    }
    if (node->key >= low && node->key <= high) {
        found = new_answer(node->key, found);
    }
    return node->key < high ? find(node->right, low, high, found) : found;
}
APART static uint64_t tell(struct answer *answer)
{
    uint64_t count = 0;

    while (answer) {
        struct answer *next = answer->next;

        count++;
        free(answer);
        answer = next;
    }
    return count;
}
APART static struct node *copy(const struct node *node, unsigned depth)
{
    if (!node || depth == 0) {
        return NULL;
    }
    struct node *made = malloc(sizeof *made);
    *made =
        (struct node){copy(node->left, depth - 1), copy(node->right, depth - 1), node->key, NULL};
    return made;
}
APART static void drop_version(struct node *node)
{
    if (node) {
        drop_version(node->left);
        drop_version(node->right);
        free(node);
    }
}
APART static void drop_tree(struct node *node)
{
    if (node) {
        drop_tree(node->left);
        drop_tree(node->right);
        free_node(node);
    }
}
APART static void write_journal(uint64_t key)
{
    if (journal_used == JOURNAL) {
        while (journal_used > 0) {
            free(journal[--journal_used]);
        }
    }
    char *line = malloc(64);
    snprintf(line, 64, "put %llu", (unsigned long long)key);
    journal[journal_used++] = line;
}

int main(int argc, char **argv)
{
    uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    uint64_t told = 0;

    for (uint64_t i = 0; i < operations; i++) {
        uint64_t key = draw(3000);

        if (draw(2)) {
            add(key);
        } else {
            take_out(key);
        }
        write_journal(key);
        if (draw(8) == 0) {
            told += tell(find(root, key, key + 12, NULL));
        }
        if (draw(200) == 0) {
            size_t at = draw(VERSIONS);

            drop_version(versions[at]);
            versions[at] = copy(root, 5);
        }
    }
    for (size_t i = 0; i < VERSIONS; i++) {
        drop_version(versions[i]);
    }
    drop_tree(root);
    while (journal_used > 0) {
        free(journal[--journal_used]);
    }
    printf("%llu told\n", (unsigned long long)told);
    return 0;
}
