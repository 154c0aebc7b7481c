/* SPDX-License-Identifier: Apache-2.0 */
/* leak_classes.h -- sampled objects of managed heaps, summed by class while they stream by, as rollup.h sums them by
 * stack; and which heap a stack allocates in. A run without objects costs nothing. */
#ifndef MEMANALYZE_LEAK_CLASSES_H
#define MEMANALYZE_LEAK_CLASSES_H

#include "rollup.h"

struct leak_classes;

STATUS_MUST_USE status leak_classes_open(struct leak_classes **out);
void leak_classes_close(struct leak_classes *classes); /* NULL: nothing */

void leak_classes_start(struct leak_classes *classes, uint64_t duration_ns);

/* Of an object of class.id `class_id`; 0: not told. */
STATUS_MUST_USE status leak_classes_born(struct leak_classes *classes, uint32_t heap_id,
                                         uint32_t class_id, const struct rollup_block *block);
STATUS_MUST_USE status leak_classes_died(struct leak_classes *classes, uint32_t class_id,
                                         const struct rollup_block *block, uint64_t death_ns);
STATUS_MUST_USE status leak_classes_finish(struct leak_classes *classes, uint64_t end_ns);
STATUS_MUST_USE status leak_classes_survivor(struct leak_classes *classes, uint32_t class_id,
                                             const struct rollup_block *block);

bool leak_classes_sampled(const struct leak_classes *classes, uint32_t class_id);

/* heap.id of what a stack allocates; 0: blocks of malloc. */
uint32_t leak_classes_heap(const struct leak_classes *classes, uint32_t stack_id);

#endif
