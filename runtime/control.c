/* SPDX-License-Identifier: Apache-2.0 */
/* control.c -- the public functions over the session: each a few lines. */
#include "definitions.h"
#include "pull.h"
#include "sampler.h"
#include "thread.h"
#include "voice.h"

#include <errno.h>
#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>
#include <string.h>

#define API __attribute__((visibility("default")))

API const char *memrec_version(void) { return MEMREC_VERSION; }

API int memrec_is_recording(void) { return memrec_recording; }

API int memrec_start(const char *trace_path)
{
    int kept_errno = errno;
    bool started = mr_session_start_at(trace_path);
    if (started)
        mr_pull_start();
    errno = kept_errno;
    return started ? 0 : -1;
}

API void memrec_flush(void)
{
    int kept_errno = errno;
    mr_session_flush();
    errno = kept_errno;
}

API void memrec_stop(void)
{
    int kept_errno = errno;
    mr_session_stop(MR_END_STOP);
    errno = kept_errno;
}

API void memrec_pause(void)
{
    if (mr_load_relaxed(&mr_session.paused))
        return;
    mr_voice_push(MR_MARK_PAUSE, NULL, 0);
    if (mr_state() == MR_STATE_ON)
        mr_store_relaxed(&mr_session.paused, 1);
}

API void memrec_resume(void)
{
    if (mr_exchange_relaxed(&mr_session.paused, 0))
        mr_voice_push(MR_MARK_RESUME, NULL, 0);
}

API void memrec_set_interval(uint64_t bytes)
{
    struct mr_session *session = &mr_session;
    struct mr_thread_slot *self = mr_thread_current(SIZE_MAX);
    if (mr_state() != MR_STATE_ON || session->full)
        return;
    uint32_t code = mr_interval_code(session->options.interval_bytes, bytes);
    mr_store_relaxed(&session->asked_code, code);
    mr_store_relaxed(&session->interval_code, code);
    if (self)
        mr_thread_draw_again(self);
    MR_SAY(MR_MARK_INTERVAL, code);
}

API int memrec_status(struct memrec_status *status)
{
    struct mr_session *session = &mr_session;
    const struct mr_shared *shared = session->shared; /* of the last session, when there is none */
    struct memrec_status now = {
        .size = status->size,
        .recording = (uint32_t)memrec_recording,
        .paused = mr_load_relaxed(&session->paused),
        .written_bytes = mr_load_relaxed(&session->written_bytes),
        .write_errors = mr_load_relaxed(&session->write_errors),
        .refused_calls = mr_voice_refused(),
        .full_tables = mr_definitions_refused(),
    };
    if (shared) {
        now.interval_bytes = session->full
                                 ? 1
                                 : mr_interval_bytes(session->options.interval_bytes,
                                                     mr_load_relaxed(&session->interval_code));
        now.samples = session->full ? MEMREC_UNKNOWN : mr_load_relaxed(&session->next_id) - 1;
        now.dropped_samples = mr_load_relaxed(&shared->dropped_samples);
        now.dropped_frees = mr_load_relaxed(&shared->dropped_frees);
        now.dropped_calls = mr_load_relaxed(&shared->dropped_marks);
    }
    memcpy(status, &now, status->size < sizeof now ? status->size : sizeof now);
    return 0;
}

static struct mr_callback collector;

API void memrec_on_collect(int (*run)(void *context), void *context)
{
    if (!mr_callback_set(&collector, run, context))
        mr_voice_refuse();
}

API int memrec_collect(void)
{
    int (*run)(void *context);
    void *context;
    return mr_callback_get(&collector, &run, &context) ? run(context) : -1;
}
