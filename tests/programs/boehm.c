/* SPDX-License-Identifier: Apache-2.0 */
/* boehm.c -- a client of the Boehm collector with callbacks of its own: they must run beside the adapter's, and be
 * what the getters say. With ASK it prints how many collections there were. Exit code 1: a callback was lost. */
#include <stdio.h>
#include <stdlib.h>

void GC_init(void);
void *GC_malloc(size_t bytes);
void GC_gcollect(void);
size_t GC_get_gc_no(void);
void GC_set_on_collection_event(void (*run)(int event));
void (*GC_get_on_collection_event(void))(int event);
void GC_set_on_heap_resize(void (*run)(size_t bytes));
void (*GC_get_on_heap_resize(void))(size_t bytes);

static unsigned collections, growths;

static void on_event(int event) { collections += event == 0; }
static void on_resize(size_t bytes) { growths += bytes > 0; }

int main(void)
{
    void **kept = NULL;

    GC_init();
    GC_set_on_collection_event(on_event);
    GC_set_on_heap_resize(on_resize);
    size_t before = GC_get_gc_no();
    for (int i = 0; i < 300000; i++) {
        void **object = GC_malloc(64);

        *object = i % 100 ? NULL : kept;
        kept = i % 100 ? kept : object;
    }
    GC_gcollect();
    if (getenv("ASK"))
        printf("%zu\n", GC_get_gc_no());
    return !(collections == GC_get_gc_no() - before && growths > 0 && kept &&
             GC_get_on_collection_event() == on_event && GC_get_on_heap_resize() == on_resize);
}
