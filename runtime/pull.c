/* SPDX-License-Identifier: Apache-2.0 */
#include "pull.h"

#include "os.h"
#include "session.h"
#include "thread.h"
#include "voice.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>

#define API __attribute__((visibility("default")))

enum { KINDS = 2 };
enum outcome { GOOD = 0, FAILED = 1, SLOW = 2 };

#define SLOW_NS       UINT64_C(50000000)
#define BACKOFF_STEPS 6u

static const uint32_t shortest_ms[KINDS] = {
    [MEMREC_PULL_MEMORY] = 500,
    [MEMREC_PULL_CLASSES] = 1000,
};

static struct pull {
    struct mr_callback callback;
    _Atomic uint32_t flags, interval_ms;
    _Atomic uint32_t backoff;  /* the interval is doubled so many times */
    _Atomic uint64_t begun_ns; /* the last run; 0: none yet */
} pulls[KINDS];

/* Bits of pulls, by who runs them. */
static _Atomic uint32_t due_at_safepoint, due_on_thread;
static _Atomic uint32_t running; /* bits: a run that takes long is not due again */
static _Atomic int thread_of;    /* the process that has the pull thread; 0: none */

bool mr_callback_set(struct mr_callback *callback, int (*run)(void *context), void *context)
{
    uint32_t version = mr_load_relaxed(&callback->version);
    if (version % 2 || !atomic_compare_exchange_strong(&callback->version, &version, version + 1))
        return false;
    mr_store_relaxed(&callback->run, run);
    mr_store_relaxed(&callback->context, context);
    mr_store_release(&callback->version, version + 2); /* C1: both are there */
    return true;
}

bool mr_callback_get(struct mr_callback *callback, int (**run)(void *context), void **context)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        uint32_t version = mr_load_acquire(&callback->version); /* pairs with C1 */
        *run = mr_load_acquire(&callback->run);
        *context = mr_load_acquire(&callback->context);
        if (version % 2 == 0 && version == mr_load_relaxed(&callback->version))
            return *run != NULL;
    }
    return false;
}

static uint64_t interval_ns(const struct pull *pull, unsigned kind)
{
    const struct mr_options *options = &mr_session.options;
    uint64_t ms = mr_load_relaxed(&pull->interval_ms);
    if (ms == 0)
        ms = kind == MEMREC_PULL_MEMORY ? options->memory_ms : options->classes_ms;
    return (ms > shortest_ms[kind] ? ms : shortest_ms[kind]) * 1000000
           << mr_load_relaxed(&pull->backoff);
}

void mr_pull_tick(uint64_t now_ns)
{
    if (mr_load_relaxed(&mr_session.paused))
        return;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct pull *pull = &pulls[kind];
        uint32_t bit = 1u << kind;
        if (!mr_load_relaxed(&pull->callback.run) || mr_load_relaxed(&running) & bit ||
            now_ns - mr_load_relaxed(&pull->begun_ns) < interval_ns(pull, kind))
            continue;
        bool safepoint = mr_load_relaxed(&pull->flags) & MEMREC_AT_SAFEPOINT;
        _Atomic uint32_t *due = safepoint ? &due_at_safepoint : &due_on_thread;
        if (mr_load_relaxed(due) & bit)
            continue;
        atomic_fetch_or_explicit(due, bit, memory_order_release);
        if (!safepoint)
            mr_wake(due);
    }
}

static void run_one(unsigned kind)
{
    struct pull *pull = &pulls[kind];
    int (*run)(void *context);
    void *context;
    if (!memrec_recording || !mr_callback_get(&pull->callback, &run, &context))
        return;
    uint64_t begun_ns = mr_monotonic_ns();
    mr_store_relaxed(&pull->begun_ns, begun_ns);
    int result = run(context);
    uint64_t took_ns = mr_monotonic_ns() - begun_ns;
    enum outcome outcome = result != 0 ? FAILED : took_ns > SLOW_NS ? SLOW : GOOD;
    uint32_t backoff = mr_load_relaxed(&pull->backoff);
    backoff = outcome == GOOD ? 0 : backoff < BACKOFF_STEPS ? backoff + 1 : backoff;
    mr_store_relaxed(&pull->backoff, backoff);
    MR_SAY(MR_MARK_PULL, kind, outcome, took_ns, interval_ns(pull, kind));
}

/* Runs what is due, each by one thread at a time. */
static void run_due(_Atomic uint32_t *due)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        uint32_t bit = 1u << kind;
        if (!(mr_load_relaxed(due) & bit) || atomic_fetch_or(&running, bit) & bit)
            continue;
        if (atomic_fetch_and(due, ~bit) & bit)
            run_one(kind);
        atomic_fetch_and(&running, ~bit);
    }
}

static __attribute__((noinline, cold)) void safepoint_slowly(void)
{
    int kept_errno = errno;
    if (!mr_self->busy) /* else: a signal handler inside the recorder; the next one will do */
        run_due(&due_at_safepoint);
    errno = kept_errno;
}

API void memrec_safepoint(void)
{
    if (__builtin_expect(mr_load_relaxed(&due_at_safepoint) != 0, 0))
        safepoint_slowly();
}

static void *pull_thread(void *unused)
{
    mr_set_thread_name("memrec-pull");
    for (;;) {
        if (mr_load_acquire(&due_on_thread) == 0)
            mr_wait(&due_on_thread, 0, UINT64_C(3600000000000));
        run_due(&due_on_thread);
    }
    return unused;
}

static bool needs_thread(void)
{
    for (unsigned kind = 0; kind < KINDS; kind++)
        if (mr_load_relaxed(&pulls[kind].callback.run) &&
            !(mr_load_relaxed(&pulls[kind].flags) & MEMREC_AT_SAFEPOINT))
            return true;
    return false;
}

static void make_thread(void)
{
    sigset_t all, before;
    pthread_attr_t detached;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &detached, pull_thread, NULL) != 0)
        mr_store_relaxed(&thread_of, 0);
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void mr_pull_start(void)
{
    int pid = mr_pid();
    if (memrec_recording && needs_thread() && mr_exchange_relaxed(&thread_of, pid) != pid)
        make_thread();
}

void mr_pull_forked(void)
{
    mr_store_relaxed(&running, 0);
    mr_store_relaxed(&due_at_safepoint, 0);
    mr_store_relaxed(&due_on_thread, 0);
}

API void memrec_on_pull(enum memrec_pull kind, unsigned interval_ms, unsigned flags,
                        int (*run)(void *context), void *context)
{
    int kept_errno = errno;
    if ((unsigned)kind >= KINDS || !mr_callback_set(&pulls[kind].callback, run, context)) {
        mr_voice_refuse();
        return;
    }
    struct pull *pull = &pulls[kind];
    mr_store_relaxed(&pull->flags, flags);
    mr_store_relaxed(&pull->interval_ms, interval_ms);
    mr_store_relaxed(&pull->backoff, 0);
    mr_store_relaxed(&pull->begun_ns, 0);
    mr_pull_start();
    errno = kept_errno;
}
