/* SPDX-License-Identifier: Apache-2.0 */
/* status.h -- the result of everything that can fail in the analyzer.
 *
 * A struct, so that it is never confused with a length; ignoring one is a warning. A function that
 * returns a failing status has already told diag.h why, unless its contract says otherwise.       */
#ifndef MEMANALYZE_STATUS_H
#define MEMANALYZE_STATUS_H

enum status_code {
    STATUS_OK = 0,
    STATUS_FAILED,     /* could not: exit code 1 */
    STATUS_USAGE,      /* asked wrongly: exit code 2 */
    STATUS_INCOMPLETE, /* done, but the trace was incomplete: exit code 3 */
    STATUS_END,        /* nothing more to read; not an error */
};

typedef struct {
    enum status_code code;
} status;

#define STATUS_MUST_USE __attribute__((warn_unused_result))
#define OK              ((status){STATUS_OK})
#define FAIL            ((status){STATUS_FAILED})

/* For functions that own nothing: hands a failure up. One that owns something has a `done:` label. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        status try_ = (expr);                                                                      \
        if (try_.code != STATUS_OK)                                                                \
            return try_;                                                                           \
    } while (0)

#endif
