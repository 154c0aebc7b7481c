/* SPDX-License-Identifier: Apache-2.0 */
/* voice_open.c -- what frames, phases, evaluations and spans share: a begin and an end, the exact counters
 * between them when one thread ran both, and for how long the program stood in between.
 *
 * All that is open hangs in one list by begin, so that a collection told when it is over can correct
 * the few that began inside it. */
#include "voice_state.h"

/* C of TRACE_FORMAT.md. Without heaps those counters are left out: nothing was allocated in them. */
static void read_counters(uint64_t out[VOICE_COUNTERS], const struct mark *mark, unsigned at)
{
    for (unsigned i = 0; i < VOICE_COUNTERS; i++) {
        out[i] = at + i < mark->argument_count ? mark->arguments[at + i] : i < 3 ? UNKNOWN : 0;
    }
}

void voice_opened(struct voice *voice, struct voice_open *open, const struct mark *mark,
                  unsigned counters_at, struct voice_moment moment)
{
    *open = (struct voice_open){.older = voice->newest,
                                .begin_ns = moment.now_ns,
                                .stood_ns = voice_stood_ns(voice, moment.now_ns),
                                .collections = voice->collections,
                                .thread = moment.thread,
                                .thread_id = moment.thread_id};
    read_counters(open->counters, mark, counters_at);
    if (voice->newest) {
        voice->newest->newer = open;
    }
    voice->newest = open;
}

static void unlink_open(struct voice *voice, struct voice_open *open)
{
    if (open->newer) {
        open->newer->older = open->older;
    } else {
        voice->newest = open->older;
    }
    if (open->older) {
        open->older->newer = open->newer;
    }
}

void voice_unended(struct voice *voice, struct voice_open *open, struct voice_elapsed *out)
{
    unlink_open(voice, open);
    memset(out, 0xff, sizeof *out); /* all UNKNOWN */
}

void voice_ended(struct voice *voice, struct voice_open *open, const struct mark *mark,
                 unsigned counters_at, struct voice_moment moment, struct voice_elapsed *out)
{
    bool tells_heaps = counters_at + VOICE_COUNTERS <= mark->argument_count;
    uint64_t now[VOICE_COUNTERS];

    voice_unended(voice, open, out);
    out->duration_ns = moment.now_ns - open->begin_ns;
    if (voice->collections) {
        out->gc_ns = voice_stood_ns(voice, moment.now_ns) - open->stood_ns;
        out->gc_count = voice->collections - open->collections;
    }
    if (open->thread != moment.thread) {
        return;
    }
    read_counters(now, mark, counters_at);
    for (unsigned i = 0; i < (tells_heaps ? VOICE_COUNTERS : 3); i++) {
        if (now[i] != UNKNOWN && open->counters[i] != UNKNOWN && now[i] >= open->counters[i]) {
            out->counters[i] = now[i] - open->counters[i];
        }
    }
}
