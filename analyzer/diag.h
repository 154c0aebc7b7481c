/* SPDX-License-Identifier: Apache-2.0 */
/* diag.h -- error, detail, hint: the only code, besides progress.c, that writes to stderr.
 *
 *   memanalyze: could not read trace "run.zst": it is empty        diag_error
 *   detail: It has 0 bytes; a trace has at least 120.              diag_detail
 *   hint: The recorder writes ...                                  diag_hint
 *
 * The error is one lowercase clause without a period: what could not be done, a colon, the fact.
 * Detail and hint are sentences. All are formatted as by printf; control characters in the result
 * are shown as \xNN, so that a name from a trace cannot steer the terminal. Safe from any thread. */
#ifndef MEMANALYZE_DIAG_H
#define MEMANALYZE_DIAG_H

#include <stdarg.h>

#define DIAG_FORMAT(at) __attribute__((format(printf, at, at + 1)))

void diag_error(const char *format, ...) DIAG_FORMAT(1);
void diag_detail(const char *format, ...) DIAG_FORMAT(1);
void diag_hint(const char *format, ...) DIAG_FORMAT(1);

/* A line that is no complaint: what was done, what to do next. No prefix. */
void diag_remark(const char *format, ...) DIAG_FORMAT(1);

/* From here on nothing is written: for tests that expect complaints by the thousand. */
void diag_silence(void);

#endif
