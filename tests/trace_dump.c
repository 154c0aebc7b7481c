/* SPDX-License-Identifier: Apache-2.0 */
/* trace_dump.c -- trace_dump TRACE: every record of a trace, as one line of text each. For scripts that want to know
 * what was recorded before anything is made of it. */
#include "read.h"
#include "record_dump.h"

int main(int count, char **arguments)
{
    struct trace *trace;
    struct record_dump dump = {.out = stdout};
    struct record_sink sink = record_dump_sink(&dump);

    if (count != 2 || trace_open(arguments[1], &trace).code != STATUS_OK) {
        return 1;
    }
    status result = trace_read(trace, &sink, NULL, NULL);
    trace_close(trace);
    return result.code == STATUS_OK ? 0 : 1;
}
