/* SPDX-License-Identifier: Apache-2.0 */
/* leak_reason.h -- the second half of a verdict: which of the benign readings holds where no leak was seen, and
 * one sentence that says why this one and not the others. For leak_test.c. */
#ifndef MEMANALYZE_LEAK_REASON_H
#define MEMANALYZE_LEAK_REASON_H

#include "leak_test.h"

/* The verdict is leak or growing. */
void leak_explain(const struct leak_site *site, struct leak_finding *out);

/* Too few samples or survivors to test: steady or undecided. */
void leak_explain_few(const struct leak_site *site, struct leak_finding *out);

/* No leak was seen. `decidable`: the run is long enough for the age of the freed; `old_die`: survivors would be
 * a leak, but blocks of their age are still freed. */
void leak_explain_benign(const struct leak_site *site, bool decidable, bool old_die,
                         struct leak_finding *out);

/* A leak becomes undecided, because one of so many sites may have its p-value by chance. */
void leak_explain_corrected(double p_needed, size_t sites, uint64_t end_ns,
                            struct leak_finding *out);

#endif
