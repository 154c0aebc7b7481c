/* SPDX-License-Identifier: Apache-2.0 */
/* mangling.h -- names as their authors wrote them: C++, Rust (both schemes) and D.
 *
 * With libiberty all of these; without it C++ alone, by the C++ runtime when the machine has one.   */
#ifndef MEMANALYZE_MANGLING_H
#define MEMANALYZE_MANGLING_H

/* The name a mangled one stands for, to be freed by the caller; NULL: it is not mangled, or by a
 * scheme that this build does not know. */
char *mangling_undo(const char *raw);

/* What demangles here: "libiberty", "c++" or "none". */
const char *mangling_engine(void);

#endif
