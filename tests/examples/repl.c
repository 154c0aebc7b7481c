/* SPDX-License-Identifier: Apache-2.0 */
/* repl.c -- an expression evaluator with a mark-sweep heap of its own, and all it can tell the recorder:
 * evaluations, objects and their classes, collections and what survives them, which variable keeps how much.
 *
 *   repl <script                  operators come first, and each has its number of operands:
 *
 *     set x * 3 - 4 1             x is 9
 *     sum range 100               of the list (1 2 ... 100): 5050
 *     set kept pair x kept        a list that grows: of pair, head, tail
 *     gc                          collects
 *
 * Build: cc repl.c $(pkg-config --cflags --libs memrec), or cc -DMEMREC_HEADER_ONLY repl.c */
#include <ctype.h>
#include <memrec/memrec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNUSED, NUMBER, PAIR, KINDS, CELLS = 1 << 15, STACK = 1 << 12, VARIABLES = 64, AGES = 128 };

struct object {
    int kind, age, marked; /* age: collections survived */
    double number;
    struct object *head, *tail; /* tail of an unused one: the next unused one */
};
#define BYTES sizeof(struct object)

static struct object cells[CELLS], *unused;
static uint64_t used;
static struct object *stack[STACK]; /* values being worked on: the roots, with the variables */
static unsigned depth, depth_max;
static struct {
    char name[16];
    struct object *value;
} variables[VARIABLES];
static const char *rest; /* of the line */
static memrec_heap_id heap;
static memrec_class_id classes[KINDS];

/* Marks what can be reached from it; returns how much of that was not marked before. */
static uint64_t mark(struct object *object)
{
    uint64_t count = 0;

    for (; object && !object->marked; object = object->tail) {
        object->marked = 1;
        count += 1 + mark(object->head);
    }
    return count;
}

static void collect(const char *reason)
{
    static uint64_t objects[KINDS][AGES], bytes[KINDS][AGES]; /* row 0: of all classes */
    struct memrec_gc gc = MEMREC_GC_INIT;

    gc.flags = MEMREC_GC_STOPS_WORLD;
    gc.reason = memrec_name(reason, strlen(reason));
    gc.used_before_bytes = used * BYTES;
    gc.objects_before = used;
    memrec_gc_begin(heap, &gc);
    memset(objects, 0, sizeof objects);
    memset(bytes, 0, sizeof bytes);
    for (unsigned i = 0; i < depth; i++)
        mark(stack[i]);
    for (int i = 0; i < VARIABLES; i++)
        mark(variables[i].value);
    for (struct object *cell = cells; cell < cells + CELLS; cell++) {
        if (cell->marked) {
            cell->marked = 0;
            cell->age += cell->age < AGES - 1;
            objects[0][cell->age]++, objects[cell->kind][cell->age]++;
            bytes[0][cell->age] += BYTES, bytes[cell->kind][cell->age] += BYTES;
        } else if (cell->kind != UNUSED) {
            memrec_heap_free(heap, cell, BYTES);
            *cell = (struct object){.tail = unused};
            unused = cell;
            used--;
        }
    }
    gc.used_after_bytes = used * BYTES;
    gc.objects_after = used;
    gc.reclaimed_bytes = gc.used_before_bytes - gc.used_after_bytes;
    memrec_gc_end(heap, &gc);
    for (int kind = 0; kind < KINDS; kind++)
        memrec_gc_survivors(heap, classes[kind], objects[kind], bytes[kind], AGES);
}

static void check(int good, const char *otherwise)
{
    if (!good) {
        fprintf(stderr, "repl: %s\n", otherwise);
        exit(1);
    }
}

/* Replaces the uppermost `popped` values by a new one, of which two may be head and tail. */
static void make(int kind, double number, struct object *head, struct object *tail, unsigned popped)
{
    if (!unused)
        collect("full");
    check(unused && depth < STACK, "out of memory");
    struct object *cell = unused;
    unused = cell->tail;
    used++;
    *cell = (struct object){.kind = kind, .number = number, .head = head, .tail = tail};
    memrec_heap_alloc(heap, classes[kind], cell, BYTES);
    depth -= popped;
    stack[depth++] = cell;
    depth_max = depth > depth_max ? depth : depth_max;
}

static struct object **variable(const char *name)
{
    int i = 0;

    while (variables[i].name[0] && strcmp(variables[i].name, name) != 0)
        check(++i < VARIABLES, "too many variables");
    strcpy(variables[i].name, name);
    return &variables[i].value;
}

/* Reads one expression and pushes its value. */
static void evaluate(void)
{
    char word[16] = "", name[16] = "";
    int length = 0;

    sscanf(rest, " %15s%n", word, &length);
    rest += length;
    check(depth < STACK - 2, "out of stack");
    if (isdigit((unsigned char)word[0])) {
        make(NUMBER, atof(word), NULL, NULL, 0);
    } else if (!strcmp(word, "set")) {
        sscanf(rest, " %15s%n", name, &length);
        rest += length;
        evaluate();
        *variable(name) = stack[depth - 1];
    } else if (!strcmp(word, "gc") || !word[0]) {
        stack[depth++] = NULL;
        collect("asked");
    } else if (strstr(" + - * pair ", word)) {
        evaluate();
        evaluate();
        struct object *a = stack[depth - 2], *b = stack[depth - 1];
        double x = a ? a->number : 0, y = b ? b->number : 0;
        if (word[0] == 'p')
            make(PAIR, 0, a, b, 2);
        else
            make(NUMBER, word[0] == '+' ? x + y : word[0] == '-' ? x - y : x * y, NULL, NULL, 2);
    } else if (strstr(" head tail sum range ", word)) {
        evaluate();
        struct object **top = &stack[depth - 1], *list = *top;
        double number = list ? list->number : 0, sum = 0;
        if (word[0] == 'h' || word[0] == 't') {
            *top = !list ? NULL : word[0] == 'h' ? list->head : list->tail;
        } else if (word[0] == 's') {
            for (; list && list->head; list = list->tail)
                sum += list->head->number;
            make(NUMBER, sum, NULL, NULL, 1);
        } else {
            for (*top = NULL; number >= 1; number--) {
                make(NUMBER, number, NULL, NULL, 0);
                make(PAIR, 0, stack[depth - 1], stack[depth - 2], 2);
            }
        }
    } else {
        stack[depth++] = *variable(word);
    }
}

/* What each variable keeps alive, and what the heap holds; asked every two seconds, and told at the end. */
static int tell_memory(void *context)
{
    struct memrec_retained_row rows[VARIABLES] = {0};
    int count = 0;

    for (; count < VARIABLES && variables[count].name[0]; count++) {
        rows[count].root = memrec_name(variables[count].name, strlen(variables[count].name));
        rows[count].objects = mark(variables[count].value);
        rows[count].bytes = rows[count].objects * BYTES;
    }
    for (struct object *cell = cells; cell < cells + CELLS; cell++)
        cell->marked = 0;
    memrec_retained(heap, rows, (size_t)count);
    memrec_heap_usage(heap, used * BYTES, sizeof cells, used);
    return context != NULL;
}

/* How many objects of each class there are; every five seconds, and at the end. */
static int tell_classes(void *context)
{
    struct memrec_class_row rows[KINDS] = {{0}};

    for (int kind = 0; kind < KINDS; kind++)
        rows[kind] =
            (struct memrec_class_row){classes[kind], 0, MEMREC_UNKNOWN, MEMREC_UNKNOWN, 0, 0};
    for (struct object *cell = cells; cell < cells + CELLS; cell++) {
        rows[cell->kind].old_objects++;
        rows[cell->kind].old_bytes += BYTES;
    }
    memrec_class_profile(heap, rows + 1, KINDS - 1);
    return context != NULL;
}

int main(void)
{
    char line[256];

    heap = memrec_heap("cells", sizeof cells, 1, 0);
    classes[NUMBER] = memrec_class("number", NULL);
    classes[PAIR] = memrec_class("pair", NULL);
    memrec_on_pull(MEMREC_PULL_MEMORY, 0, MEMREC_AT_SAFEPOINT, tell_memory, NULL);
    memrec_on_pull(MEMREC_PULL_CLASSES, 0, MEMREC_AT_SAFEPOINT, tell_classes, NULL);
    for (struct object *cell = cells; cell < cells + CELLS; cell++)
        *cell = (struct object){.tail = unused}, unused = cell;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        rest = line;
        depth = depth_max = 0;
        memrec_eval_begin(memrec_name(line, strlen(line)), heap, used * BYTES);
        evaluate();
        memrec_eval_end(used * BYTES, depth_max * sizeof stack[0]);
        struct object *value = stack[0];
        if (value && value->kind == NUMBER)
            printf("%.15g\n", value->number);
        else
            puts(value ? "pair" : "nothing");
        memrec_safepoint();
    }
    tell_memory(NULL);
    tell_classes(NULL);
    printf("%u objects alive or not yet collected\n", (unsigned)used);
    return 0;
}
