/* SPDX-License-Identifier: Apache-2.0 */
/* off_cost.c -- calls of memrec.h while nothing is recorded, for off_cost.sh, which counts their instructions.
 *
 * Each case is a loop of its own; `empty` is what the loop itself costs. */
#include <memrec/memrec.h>
#include <stdio.h>

#define ROUNDS 10000

/* The compiler may not carry over from one round to the next that nothing is recorded. */
#define CASE(what, call)                                                                           \
    __attribute__((noinline)) void case_##what(unsigned id, struct memrec_gc *gc);                 \
    void case_##what(unsigned id, struct memrec_gc *gc)                                            \
    {                                                                                              \
        for (int i = 0; i < ROUNDS; i++) {                                                         \
            __asm__ volatile("" : : "r"(id), "r"(gc) : "memory");                                  \
            call;                                                                                  \
        }                                                                                          \
    }

#define CASES(_)                                                                                   \
    _(empty, (void)0)                                                                              \
    _(pause, memrec_pause())                                                                       \
    _(resume, memrec_resume())                                                                     \
    _(flush, memrec_flush())                                                                       \
    _(set_interval, memrec_set_interval(id))                                                       \
    _(mark, memrec_mark(id))                                                                       \
    _(frame_begin, memrec_frame_begin(id))                                                         \
    _(frame_end, memrec_frame_end(id))                                                             \
    _(phase_begin, memrec_phase_begin(id, id))                                                     \
    _(phase_end, memrec_phase_end(id, id))                                                         \
    _(eval_begin, memrec_eval_begin(memrec_name((char *)gc, id), id, id))                          \
    _(eval_end, memrec_eval_end(id, id))                                                           \
    _(span_begin, (void)memrec_span_begin(id, id))                                                 \
    _(span_begin_in, (void)memrec_span_begin_in(id, id, id))                                       \
    _(span_end, memrec_span_end(id, MEMREC_OK))                                                    \
    _(span_enter, memrec_span_enter(id))                                                           \
    _(span_leave, memrec_span_leave(id))                                                           \
    _(span_first_result, memrec_span_first_result(id))                                             \
    _(span_items, memrec_span_items(id, id))                                                       \
    _(span_progress, memrec_span_progress(id, id, id))                                             \
    _(gc_begin, memrec_gc_begin(id, gc))                                                           \
    _(gc_end, memrec_gc_end(id, gc))                                                               \
    _(gc_pause_begin, memrec_gc_pause_begin(id))                                                   \
    _(gc_pause_end, memrec_gc_pause_end(id))                                                       \
    _(gc_cycle, memrec_gc_cycle(id, gc))                                                           \
    _(gc_survivors, memrec_gc_survivors(id, id, NULL, NULL, id))                                   \
    _(heap_usage, memrec_heap_usage(id, id, id, id))                                               \
    _(heap_alloc, memrec_heap_alloc(id, id, gc, id))                                               \
    _(heap_free, memrec_heap_free(id, gc, id))                                                     \
    _(heap_move, memrec_heap_move(id, gc, gc))                                                     \
    _(pool_state, memrec_pool_state(id, id, id))                                                   \
    _(pool_overflow, memrec_pool_overflow(id, id))                                                 \
    _(pool_wait, memrec_pool_wait(id, id))                                                         \
    _(pool_exhausted, memrec_pool_exhausted(id))                                                   \
    _(pool_reset, memrec_pool_reset(id))                                                           \
    _(pool_slots, memrec_pool_slots(id, NULL, id))                                                 \
    _(class_profile, memrec_class_profile(id, NULL, id))                                           \
    _(retained, memrec_retained(id, NULL, id))                                                     \
    _(safepoint, memrec_safepoint())

CASES(CASE)

int main(void)
{
    struct memrec_gc gc = MEMREC_GC_INIT;
    int count = 0;

#define RUN(what, call) (case_##what(1, &gc), count++);
    CASES(RUN)
    printf("%d cases\n", count);
    return memrec_is_recording();
}
