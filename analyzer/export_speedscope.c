/* SPDX-License-Identifier: Apache-2.0 */
/* export_speedscope.c -- speedscope's file format: a profile for each measure, of type `sampled`, over frames that
 * all share. See https://www.speedscope.app/file-format-schema.json. */
#include "export_stacks.h"
#include "export_write.h"

#include <inttypes.h>

static const struct {
    enum export_measure measure;
    bool blocks, always;
    const char *name;
} profiles[] = {
    {EXPORT_LIVE, false, true, "alive at the end"},
    {EXPORT_LEAKED, false, false, "leaked"},
    {EXPORT_PEAK, false, false, "alive at the peak"},
    {EXPORT_TEMPORARY, false, false, "temporary"},
    {EXPORT_ALLOCATED, false, true, "allocated in all"},
    {EXPORT_ALLOCATED, true, true, "allocations, counted"},
};

/* Stacks with a value in this profile; `weights` tells which of the two arrays is written. *total: their sum. */
static status put_array(struct export_job *job, struct export_stacks *stacks, size_t profile,
                        bool weights, bool quiet, int64_t *total)
{
    struct export_stack stack;
    status result;
    bool first = true;

    *total = 0;
    while ((result = export_stacks_next(stacks, &stack)).code == STATUS_OK) {
        enum export_measure measure = profiles[profile].measure;
        int64_t value =
            export_rounded(profiles[profile].blocks ? stack.blocks[measure] : stack.bytes[measure]);

        if (value == 0) {
            continue;
        }
        *total += value;
        if (quiet) {
            continue;
        }
        fputs(first ? "" : ",\n", job->out);
        first = false;
        if (weights) {
            fprintf(job->out, "%" PRId64, value);
            continue;
        }
        putc('[', job->out);
        for (size_t i = stack.frame_count; i-- > 0;) {
            fprintf(job->out, "%" PRIu32 "%s", stacks->frames[stack.frames[i]].function,
                    i ? "," : "");
        }
        putc(']', job->out);
    }
    return result.code == STATUS_END ? OK : result;
}

static status put_profile(struct export_job *job, struct export_stacks *stacks, size_t profile,
                          bool *first)
{
    int64_t total;

    TRY(put_array(job, stacks, profile, false, true, &total));
    if (total == 0 && !profiles[profile].always) {
        return OK;
    }
    fprintf(job->out, "%s{\"type\":\"sampled\",\"name\":\"%s\",\"unit\":\"%s\",",
            *first ? "" : ",\n", profiles[profile].name,
            profiles[profile].blocks ? "none" : "bytes");
    *first = false;
    fprintf(job->out, "\"startValue\":0,\"endValue\":%" PRId64 ",\"samples\":[\n", total);
    TRY(put_array(job, stacks, profile, false, false, &total));
    fputs("],\"weights\":[\n", job->out);
    TRY(put_array(job, stacks, profile, true, false, &total));
    fputs("]}", job->out);
    return OK;
}

static status put_file(struct export_job *job, struct export_stacks *stacks)
{
    bool first = true;

    fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n", job->out);
    fputs("\"exporter\":\"memanalyze@" MEMREC_VERSION "\",\"name\":", job->out);
    export_json_text(job->out, job->run.title ? job->run.title : "?");
    fputs(",\"activeProfileIndex\":0,\"shared\":{\"frames\":[\n", job->out);
    for (size_t i = 0; i < stacks->function_count; i++) {
        fputs(i ? ",\n{\"name\":" : "{\"name\":", job->out);
        export_json_text(job->out, stacks->functions[i].name);
        if (stacks->functions[i].file) {
            fputs(",\"file\":", job->out);
            export_json_text(job->out, stacks->functions[i].file);
        }
        putc('}', job->out);
    }
    fputs("]},\"profiles\":[\n", job->out);
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        TRY(put_profile(job, stacks, i, &first));
    }
    fputs("]}\n", job->out);
    return OK;
}

status export_speedscope(struct export_job *job)
{
    struct export_stacks stacks;

    TRY(export_stacks_open(job, &stacks));
    status result = put_file(job, &stacks);
    export_stacks_close(&stacks);
    return result;
}
