/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_info.c -- `memanalyze info`: what a trace or a database holds, without importing anything. */
#include "command.h"
#include "db.h"
#include "diag.h"
#include "json.h"
#include "progress.h"
#include "read.h"
#include "ring_read.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "schema/trace_format.h"

enum { OPTION_FORMAT };
static const struct command_option options[] = {
    [OPTION_FORMAT] = {"format", 0, "FORMAT", "table (the default) or json"},
    {0},
};

enum { METRIC_NAME_BYTES = 64, METRICS_MAX = 256, GAPS_SHOWN_MAX = 20 };

/* ---- facts on stdout: one line each, or one JSON member each ---------------------------------- */

struct page {
    bool json, started;
};

static void print_shown_text(const char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;

        putchar(byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
}

static void begin_member(struct page *page, const char *key)
{
    printf("%s  \"%s\": ", page->started ? ",\n" : "{\n", key);
    page->started = true;
}

/* A line of the table; JSON has nothing of it. */
static void show(const struct page *page, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void show(const struct page *page, const char *label, const char *format, ...)
{
    char line[4096];
    va_list arguments;

    if (page->json) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    printf("%-11s ", label);
    print_shown_text(line);
    putchar('\n');
}

/* A JSON member; the table has nothing of it. Unknown is null. */
static void tell_number(struct page *page, const char *key, uint64_t value)
{
    if (page->json) {
        begin_member(page, key);
        if (value == UNKNOWN) {
            printf("null");
        } else {
            printf("%" PRIu64, value);
        }
    }
}

static void tell_text(struct page *page, const char *key, struct text text)
{
    if (!page->json) {
        return;
    }
    begin_member(page, key);
    if (text.bytes) {
        json_put_text(stdout, text.bytes, text.length);
    } else {
        printf("null");
    }
}

static void tell_bool(struct page *page, const char *key, bool value)
{
    if (page->json) {
        begin_member(page, key);
        printf(value ? "true" : "false");
    }
}

/* ---- numbers in words ------------------------------------------------------------------------ */

struct words {
    char text[48];
};

static struct words count_words(uint64_t value)
{
    struct words plain, out = {"unknown"};
    size_t at = 0;

    if (value == UNKNOWN) {
        return out;
    }
    int digits = snprintf(plain.text, sizeof plain.text, "%" PRIu64, value);
    for (int i = 0; i < digits; i++) {
        if (i > 0 && (digits - i) % 3 == 0) {
            out.text[at++] = ' ';
        }
        out.text[at++] = plain.text[i];
    }
    out.text[at] = '\0';
    return out;
}

static struct words byte_words(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    struct words out = {"unknown"};
    double value = (double)bytes;
    size_t unit = 0;

    if (bytes == UNKNOWN) {
        return out;
    }
    for (; value >= 1024 && unit < 5; unit++) {
        value /= 1024;
    }
    bool whole = unit == 0 || value == (double)(uint64_t)value;
    snprintf(out.text, sizeof out.text, "%.*f %s", whole ? 0 : 1, value, units[unit]);
    return out;
}

static struct words duration_words(double ns)
{
    struct words out;

    if (ns < 1e3) {
        snprintf(out.text, sizeof out.text, "%.0f ns", ns);
    } else if (ns < 1e6) {
        snprintf(out.text, sizeof out.text, "%.1f us", ns / 1e3);
    } else if (ns < 1e9) {
        snprintf(out.text, sizeof out.text, "%.1f ms", ns / 1e6);
    } else if (ns < 120e9) {
        snprintf(out.text, sizeof out.text, "%.1f s", ns / 1e9);
    } else if (ns < 7200e9) {
        snprintf(out.text, sizeof out.text, "%.1f min", ns / 60e9);
    } else {
        snprintf(out.text, sizeof out.text, "%.1f h", ns / 3600e9);
    }
    return out;
}

static struct words wall_clock_words(uint64_t unix_ns)
{
    struct words out = {"unknown"};
    time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm utc;

    if (unix_ns != UNKNOWN && gmtime_r(&seconds, &utc)) {
        strftime(out.text, sizeof out.text, "%Y-%m-%d %H:%M:%S UTC", &utc);
    }
    return out;
}

/* ---- what a trace holds ---------------------------------------------------------------------- */

struct metric_value {
    char name[METRIC_NAME_BYTES];
    bool known;
    int64_t value;
};

struct gathered {
    struct trace *trace;
    uint64_t thread_count, module_count, stack_nodes;
    struct thread_counters_record *counters; /* exact; the latest of each thread */
    size_t counters_count;
    struct heap_counters_record *heap_counters; /* likewise, of each thread in each heap */
    size_t heap_counters_count;
    struct metric_value metrics[METRICS_MAX]; /* by id; the rest is not shown */
    struct gap_record *gaps;
    size_t gap_count;
    uint64_t rotated_ns,
        rotated_events; /* before the first file there is, as asked for; UNKNOWN: none */
    uint64_t last_ticks, end_reason;
    uint64_t marks[MR_MARK_KINDS];         /* how many, by kind */
    uint64_t objects;                      /* managed ones, sampled or all */
    uint64_t definitions[MR_DEFINE_KINDS]; /* the highest id, by kind */
};

static status no_memory(void)
{
    diag_error("could not read the trace: not enough memory");
    return FAIL;
}

static void saw_ticks(struct gathered *all, uint64_t ticks)
{
    all->last_ticks = ticks > all->last_ticks ? ticks : all->last_ticks;
}

static status gather_module(void *context, const struct module_record *record)
{
    struct gathered *all = context;

    (void)record;
    all->module_count++;
    return OK;
}

static status gather_thread(void *context, const struct thread_record *record)
{
    struct gathered *all = context;

    all->thread_count = record->id > all->thread_count ? record->id : all->thread_count;
    return OK;
}

static status gather_counters(void *context, const struct thread_counters_record *record)
{
    struct gathered *all = context;
    size_t i = 0;

    while (i < all->counters_count && all->counters[i].thread != record->thread) {
        i++;
    }
    if (i == all->counters_count) {
        struct thread_counters_record *grown =
            reallocarray(all->counters, i + 1, sizeof *all->counters);

        if (!grown) {
            return no_memory();
        }
        all->counters = grown;
        all->counters_count++;
    }
    all->counters[i] = *record;
    saw_ticks(all, record->ticks);
    return OK;
}

static status gather_heap_counters(void *context, const struct heap_counters_record *record)
{
    struct gathered *all = context;
    size_t i = 0;

    while (i < all->heap_counters_count && (all->heap_counters[i].thread != record->thread ||
                                            all->heap_counters[i].heap != record->heap)) {
        i++;
    }
    if (i == all->heap_counters_count) {
        struct heap_counters_record *grown =
            reallocarray(all->heap_counters, i + 1, sizeof *all->heap_counters);

        if (!grown) {
            return no_memory();
        }
        all->heap_counters = grown;
        all->heap_counters_count++;
    }
    all->heap_counters[i] = *record;
    saw_ticks(all, record->ticks);
    return OK;
}

static status gather_stacks(void *context, const struct stack_record *record)
{
    struct gathered *all = context;

    all->stack_nodes += record->count;
    return OK;
}

static status gather_definition(void *context, const struct definition_record *record)
{
    struct gathered *all = context;
    uint64_t *highest = &all->definitions[record->kind];

    *highest = record->id > *highest ? record->id : *highest;
    return OK;
}

static status gather_events(void *context, const struct event_batch *batch)
{
    struct gathered *all = context;

    for (size_t i = 0; i < batch->mark_count; i++) {
        all->marks[batch->marks[i].kind]++;
        saw_ticks(all, batch->marks[i].ticks);
    }
    for (size_t i = 0; batch->heaps && i < batch->alloc_count; i++) {
        all->objects += batch->heaps[i] != 0;
    }
    return OK;
}

static status gather_metric(void *context, const struct metric_record *record)
{
    struct gathered *all = context;

    if (record->id < METRICS_MAX) {
        db_clean_text(all->metrics[record->id].name, METRIC_NAME_BYTES, record->name);
    }
    return OK;
}

static status gather_gauges(void *context, const struct gauge_batch *batch)
{
    struct gathered *all = context;

    for (size_t i = 0; i < batch->count; i++) {
        saw_ticks(all, batch->ticks[i]);
        if (batch->metrics[i] < METRICS_MAX) {
            all->metrics[batch->metrics[i]].known = true;
            all->metrics[batch->metrics[i]].value = batch->values[i];
        }
    }
    return OK;
}

static status gather_end(void *context, const struct end_record *record)
{
    struct gathered *all = context;

    all->end_reason = record->reason;
    saw_ticks(all, record->ticks);
    return OK;
}

/* Since the start, or the first clock reading; never negative. */
static uint64_t ns_since_start(const struct gathered *all, uint64_t ticks)
{
    const struct header_record *header = trace_header(all->trace);
    uint64_t start = header && header->start_ticks != UNKNOWN
                         ? header->start_ticks
                         : trace_get_facts(all->trace)->first_ticks;
    int64_t ns = trace_ns(all->trace, ticks) - trace_ns(all->trace, start);

    return ns > 0 ? (uint64_t)ns : 0;
}

static status gather_gap(void *context, const struct gap_record *gap)
{
    struct gathered *all = context;

    if (gap->reason == trace_rotated_away) {
        all->rotated_ns = ns_since_start(all, gap->last_ticks);
        all->rotated_events = gap->lost_events;
        return OK;
    }
    struct gap_record *grown = reallocarray(all->gaps, all->gap_count + 1, sizeof *all->gaps);

    if (!grown) {
        return no_memory();
    }
    all->gaps = grown;
    all->gaps[all->gap_count++] = *gap;
    return OK;
}

static uint64_t metric_value(const struct gathered *all, const char *name)
{
    for (size_t i = 0; i < METRICS_MAX; i++) {
        if (all->metrics[i].known && strcmp(all->metrics[i].name, name) == 0) {
            return (uint64_t)all->metrics[i].value;
        }
    }
    return UNKNOWN;
}

/* ---- the page of a trace --------------------------------------------------------------------- */

static struct text or_unknown(struct text text)
{
    return text.bytes ? text : (struct text){"unknown", 7};
}

#define TEXT(text) (int)(text).length, (text).bytes

static void print_process(struct page *page, const struct header_record *header)
{
    char command[2048];
    struct text line =
        or_unknown(header->command_line.length ? header->command_line : header->executable);
    size_t length = line.length < sizeof command - 1 ? line.length : sizeof command - 1;

    memcpy(command, line.bytes, length);
    while (length > 0 && command[length - 1] == '\0') { /* the kernel ends each argument with one */
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        command[i] = command[i] == '\0' ? ' ' : command[i];
    }
    command[length] = '\0';
    show(page, "process", "%s, pid %" PRId64, command, (int64_t)header->pid);
    show(page, "started", "%s%s", wall_clock_words(header->start_realtime_ns).text,
         header->start_reason == MR_START_FORK  ? ", as a fork"
         : header->start_reason == MR_START_API ? ", by the program itself"
                                                : "");
    tell_text(page, "executable", header->executable);
    tell_text(page, "command_line", (struct text){command, length});
    tell_number(page, "pid", header->pid);
    tell_number(page, "parent_pid", header->parent_pid);
    tell_number(page, "started_unix_ns", header->start_realtime_ns);
}

static void print_recorder(struct page *page, const struct header_record *header)
{
    struct text host = or_unknown(header->host), system = or_unknown(header->operating_system);
    struct text architecture = or_unknown(header->architecture);
    struct text allocator = or_unknown(header->allocator), unwinder = or_unknown(header->unwinder);
    struct text version = or_unknown(header->recorder_version);

    show(page, "machine", "%.*s, %.*s %.*s, %.*s", TEXT(host), TEXT(system), TEXT(architecture),
         TEXT(allocator));
    show(page, "recorder", "memrec %.*s, stacks by %.*s", TEXT(version), TEXT(unwinder));
    if (header->mode == MR_MODE_FULL) {
        show(page, "recorded", "every allocation");
    } else {
        show(page, "recorded", "a sample every %s", byte_words(header->interval_bytes).text);
    }
    tell_text(page, "host", header->host);
    tell_text(page, "operating_system", header->operating_system);
    tell_text(page, "architecture", header->architecture);
    tell_text(page, "allocator", header->allocator);
    tell_text(page, "unwinder", header->unwinder);
    tell_text(page, "recorder_version", header->recorder_version);
    tell_text(page, "mode",
              header->mode == MR_MODE_FULL      ? (struct text){"full", 4}
              : header->mode == MR_MODE_SAMPLED ? (struct text){"sampled", 7}
                                                : (struct text){0});
    tell_number(page, "interval_bytes",
                header->mode == MR_MODE_FULL ? UNKNOWN : header->interval_bytes);
}

static void print_amounts(struct page *page, const struct gathered *all)
{
    const struct trace_facts *facts = trace_get_facts(all->trace);
    uint64_t recovered = trace_recovered_events(all->trace);
    uint64_t events = facts->event_count + recovered,
             duration = ns_since_start(all, all->last_ticks);
    uint64_t calls = 0, bytes = 0, frees = 0;

    show(page, "duration", "%s", duration_words((double)duration).text);
    show(page, "events", "%s", count_words(events).text);
    if (facts->event_count) {
        show(page, "size", "%s, %.1f bytes per event", byte_words(facts->file_bytes).text,
             (double)facts->file_bytes / (double)facts->event_count);
    } else {
        show(page, "size", "%s", byte_words(facts->file_bytes).text);
    }
    for (size_t i = 0; i < all->counters_count; i++) {
        calls += all->counters[i].alloc_calls;
        bytes += all->counters[i].alloc_bytes;
        frees += all->counters[i].free_calls;
    }
    if (all->counters_count) {
        show(page, "counted", "%s allocations of %s, %s frees", count_words(calls).text,
             byte_words(bytes).text, count_words(frees).text);
    }
    show(page, "threads", "%s", count_words(all->thread_count).text);
    show(page, "modules", "%s", count_words(all->module_count).text);
    show(page, "stacks", "%s frames in a tree", count_words(all->stack_nodes).text);
    show(page, "blocks", "%s", count_words(facts->intact_block_count).text);
    tell_number(page, "duration_ns", duration);
    tell_number(page, "event_count", events);
    tell_number(page, "recovered_events", recovered);
    tell_number(page, "trace_bytes", facts->file_bytes);
    tell_number(page, "alloc_calls", all->counters_count ? calls : UNKNOWN);
    tell_number(page, "alloc_bytes", all->counters_count ? bytes : UNKNOWN);
    tell_number(page, "free_calls", all->counters_count ? frees : UNKNOWN);
    tell_number(page, "thread_count", all->thread_count);
    tell_number(page, "module_count", all->module_count);
    tell_number(page, "stack_nodes", all->stack_nodes);
    tell_number(page, "block_count", facts->intact_block_count);
}

struct amount {
    const char *one, *many; /* the JSON key is many, with _ for spaces */
    uint64_t count;
};

/* "3 600 frames, 1 heap": what there is any of, on one line; all of it in one JSON object. */
static void print_told(struct page *page, const char *label, const struct amount *amounts,
                       size_t count)
{
    char line[1024] = "";
    size_t at = 0;

    for (size_t i = 0; i < count && at < sizeof line; i++) {
        const struct amount *amount = &amounts[i];

        if (amount->count && !page->json) {
            at += (size_t)snprintf(line + at, sizeof line - at, "%s%s %s", at ? ", " : "",
                                   count_words(amount->count).text,
                                   amount->count == 1 ? amount->one : amount->many);
        }
    }
    if (at) {
        show(page, label, "%s", line);
    }
    if (!page->json) {
        return;
    }
    begin_member(page, label);
    for (size_t i = 0; i < count; i++) {
        printf("%s\"", i ? ", " : "{");
        for (const char *letter = amounts[i].many; *letter; letter++) {
            putchar(*letter == ' ' ? '_' : *letter);
        }
        printf("\": %" PRIu64, amounts[i].count);
    }
    putchar('}');
}

/* What the program told of itself. */
static void print_voice(struct page *page, const struct gathered *all)
{
    const uint64_t *marks = all->marks, *definitions = all->definitions;
    const struct amount told[] = {
        {"frame", "frames", marks[MR_MARK_FRAME_BEGIN]},
        {"phase", "phases", marks[MR_MARK_PHASE_BEGIN]},
        {"eval", "evals", marks[MR_MARK_EVAL_BEGIN]},
        {"span", "spans", marks[MR_MARK_SPAN_BEGIN]},
        {"collection", "collections", marks[MR_MARK_GC_BEGIN] + marks[MR_MARK_GC_CYCLE]},
        {"gc pause", "gc pauses", marks[MR_MARK_GC_PAUSE_BEGIN]},
        {"survivor row", "survivor rows", marks[MR_MARK_GC_SURVIVORS]},
        {"heap reading", "heap readings", marks[MR_MARK_HEAP_USAGE]},
        {"class reading", "class readings", marks[MR_MARK_CLASS_PROFILE]},
        {"retained set", "retained sets", marks[MR_MARK_RETAINED]},
        {"pool reading", "pool readings", marks[MR_MARK_POOL_STATE]},
        {"managed object", "managed objects", all->objects},
        {"mark", "marks", marks[MR_MARK_MARK]},
    };
    const struct amount defined[] = {
        {"stream", "streams", definitions[MR_DEFINE_STREAM]},
        {"heap", "heaps", definitions[MR_DEFINE_HEAP]},
        {"pool", "pools", definitions[MR_DEFINE_POOL]},
        {"class", "classes", definitions[MR_DEFINE_CLASS]},
        {"place", "places", definitions[MR_DEFINE_PLACE]},
        {"name", "names", definitions[MR_DEFINE_NAME]},
    };

    uint64_t calls = 0, bytes = 0, frees = 0, freed_bytes = 0;

    for (size_t i = 0; i < all->heap_counters_count; i++) {
        calls += all->heap_counters[i].alloc_calls;
        bytes += all->heap_counters[i].alloc_bytes;
        frees += all->heap_counters[i].free_calls;
        freed_bytes += all->heap_counters[i].freed_bytes;
    }
    bool counted = all->heap_counters_count;
    if (counted) {
        show(page, "in heaps", "%s objects of %s, %s freed of %s", count_words(calls).text,
             byte_words(bytes).text, count_words(frees).text, byte_words(freed_bytes).text);
    }
    tell_number(page, "heap_alloc_calls", counted ? calls : UNKNOWN);
    tell_number(page, "heap_alloc_bytes", counted ? bytes : UNKNOWN);
    tell_number(page, "heap_free_calls", counted ? frees : UNKNOWN);
    tell_number(page, "heap_freed_bytes", counted ? freed_bytes : UNKNOWN);
    print_told(page, "told", told, sizeof told / sizeof told[0]);
    print_told(page, "defined", defined, sizeof defined / sizeof defined[0]);
}

/* The recorder's own counts of what it had to give up. */
static void print_losses(struct page *page, const struct gathered *all)
{
    static const struct {
        const char *metric, *key, *words;
    } losses[] = {
        {"recorder.dropped_samples", "dropped_samples", "samples that found no room"},
        {"recorder.dropped_frees", "dropped_frees", "frees that found no room"},
        {"recorder.dropped_marks", "dropped_marks", "marks that found no room"},
        {"recorder.refused_calls", "refused_calls", "calls with ids that nobody defined"},
        {"recorder.full_tables", "full_tables", "definitions that found no room"},
        {"recorder.write_errors", "write_errors", "blocks that could not be written"},
        {"recorder.untracked_threads", "untracked_threads", "threads too many to be watched"},
    };
    bool any = false;

    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        uint64_t value = metric_value(all, losses[i].metric);

        tell_number(page, losses[i].key, value);
        if (value != UNKNOWN && value > 0) {
            show(page, any ? "" : "lost", "%s %s", count_words(value).text, losses[i].words);
            any = true;
        }
    }
}

static void print_gap_line(const struct page *page, const struct gathered *all, bool first,
                           const struct gap_record *gap)
{
    struct words from = duration_words((double)ns_since_start(all, gap->first_ticks));
    struct words to = {"the end"};
    struct words lost = {"an unknown number of"};

    if (gap->last_ticks != UNKNOWN) {
        to = duration_words((double)ns_since_start(all, gap->last_ticks));
    }
    if (gap->lost_events != UNKNOWN) {
        lost = count_words(gap->lost_events);
    }
    show(page, first ? "gaps" : "",
         "%s to %s: %s, %s event%s lost (bytes %" PRIu64 " to %" PRIu64 ")", from.text, to.text,
         gap->reason, lost.text, gap->lost_events == 1 ? "" : "s", gap->first_byte, gap->last_byte);
}

static void print_json_gaps(struct page *page, const struct gathered *all)
{
    begin_member(page, "gaps");
    putchar('[');
    for (size_t i = 0; i < all->gap_count; i++) {
        const struct gap_record *gap = &all->gaps[i];
        struct page object = {.json = true};
        bool open = gap->last_ticks == UNKNOWN;

        printf(i ? ", " : "");
        tell_text(&object, "reason", (struct text){gap->reason, strlen(gap->reason)});
        tell_number(&object, "first_ns", ns_since_start(all, gap->first_ticks));
        tell_number(&object, "last_ns", open ? UNKNOWN : ns_since_start(all, gap->last_ticks));
        tell_number(&object, "lost_events", gap->lost_events);
        tell_number(&object, "first_byte", gap->first_byte);
        tell_number(&object, "last_byte", gap->last_byte);
        putchar('}');
    }
    putchar(']');
}

static void print_ending(struct page *page, const struct gathered *all)
{
    static const char *const reasons[] = {"exit", "exec", "stop", "killed"};
    static const char *const sentences[] = {"in order, when the process exited",
                                            "in order, when the process executed another program",
                                            "in order, when the program stopped the recording",
                                            "killed; its last events were recovered"};
    const char *reason = all->end_reason < 4 ? reasons[all->end_reason] : NULL;
    uint64_t recovered = trace_recovered_events(all->trace);

    if (reason) {
        show(page, "ended", "%s", sentences[all->end_reason]);
    } else if (all->gap_count && all->gaps[all->gap_count - 1].reason == ring_read_still_running) {
        show(page, "ended", "not yet: the process is still being recorded");
    } else if (all->gap_count && all->gaps[all->gap_count - 1].reason == ring_read_other_version) {
        show(page, "ended", "not in order; %s", ring_read_other_version);
    } else if (trace_rings_found(all->trace)) {
        show(page, "ended", "killed; its last %s events are still in shared memory",
             count_words(recovered).text);
    } else {
        show(page, "ended", "not in order, and nothing of it is left in shared memory");
    }
    for (size_t i = 0; i < all->gap_count && i < GAPS_SHOWN_MAX && !page->json; i++) {
        print_gap_line(page, all, i == 0, &all->gaps[i]);
    }
    if (all->gap_count > GAPS_SHOWN_MAX) {
        show(page, "", "and %s more", count_words(all->gap_count - GAPS_SHOWN_MAX).text);
    }
    tell_text(page, "end_reason", (struct text){reason, reason ? strlen(reason) : 0});
    tell_bool(page, "rings_found", trace_rings_found(all->trace));
    tell_bool(page, "complete", all->gap_count == 0);
    if (page->json) {
        print_json_gaps(page, all);
    }
}

static struct text text_of(const char *string)
{
    return (struct text){string, string ? strlen(string) : 0};
}

static void print_segments(struct page *page, const struct gathered *all)
{
    const struct trace_facts *facts = trace_get_facts(all->trace);

    if (all->rotated_ns != UNKNOWN) {
        show(page, "rotated", "the first %s, %s event%s, went with older files, as was asked for",
             duration_words((double)all->rotated_ns).text, count_words(all->rotated_events).text,
             all->rotated_events == 1 ? "" : "s");
    }
    tell_number(page, "rotated_ns", all->rotated_ns);
    tell_number(page, "rotated_events", all->rotated_events);
    for (size_t i = 0; i < facts->segment_count && facts->segment_count > 1; i++) {
        const struct trace_segment *segment = &facts->segments[i];
        uint64_t first_ns = ns_since_start(all, segment->first_ticks);
        uint64_t last_ns = ns_since_start(all, segment->last_ticks);

        show(page, i ? "" : "files", "%s: %s to %s, %s event%s, %s", segment->path,
             duration_words((double)first_ns).text, duration_words((double)last_ns).text,
             count_words(segment->event_count).text, segment->event_count == 1 ? "" : "s",
             byte_words(segment->file_bytes).text);
    }
    if (!page->json) {
        return;
    }
    begin_member(page, "segments");
    putchar('[');
    for (size_t i = 0; i < facts->segment_count; i++) {
        const struct trace_segment *segment = &facts->segments[i];
        struct page object = {.json = true};
        bool known = segment->block_count > 0;

        printf(i ? ", " : "");
        tell_text(&object, "path", text_of(segment->path));
        tell_number(&object, "bytes", segment->file_bytes);
        tell_number(&object, "block_count", segment->block_count);
        tell_number(&object, "event_count", segment->event_count);
        tell_number(&object, "first_sequence", segment->first_sequence);
        tell_number(&object, "last_sequence", segment->last_sequence);
        tell_number(&object, "first_ns",
                    known ? ns_since_start(all, segment->first_ticks) : UNKNOWN);
        tell_number(&object, "last_ns", known ? ns_since_start(all, segment->last_ticks) : UNKNOWN);
        putchar('}');
    }
    putchar(']');
}

static void print_trace(struct page *page, const struct gathered *all)
{
    const struct trace_facts *facts = trace_get_facts(all->trace);
    const struct header_record unknown = {
        .pid = UNKNOWN,
        .parent_pid = UNKNOWN,
        .start_realtime_ns = UNKNOWN,
        .interval_bytes = UNKNOWN,
        .mode = UNKNOWN,
        .start_reason = UNKNOWN,
    };
    const struct header_record *header = trace_header(all->trace);
    char id[33];

    for (size_t i = 0; i < 16; i++) {
        snprintf(id + 2 * i, 3, "%02x", facts->trace_id[i]);
    }
    show(page, "trace", "%s, format %u.%u", trace_path(all->trace), facts->major, facts->minor);
    tell_text(page, "trace_path",
              (struct text){trace_path(all->trace), strlen(trace_path(all->trace))});
    tell_text(page, "trace_id", (struct text){id, 32});
    tell_number(page, "format_major", facts->major);
    tell_number(page, "format_minor", facts->minor);
    if (header || page->json) {
        print_process(page, header ? header : &unknown);
        print_recorder(page, header ? header : &unknown);
    } else {
        show(page, "process", "unknown: the first block is missing");
    }
    print_amounts(page, all);
    print_voice(page, all);
    print_losses(page, all);
    print_segments(page, all);
    print_ending(page, all);
    if (page->json) {
        printf("\n}\n");
    }
}

static status info_trace(struct page *page, const char *path)
{
    struct gathered *all = calloc(1, sizeof *all);
    struct record_sink sink = {
        .context = all,
        .module = gather_module,
        .thread = gather_thread,
        .thread_counters = gather_counters,
        .heap_counters = gather_heap_counters,
        .stacks = gather_stacks,
        .definition = gather_definition,
        .events = gather_events,
        .metric = gather_metric,
        .gauges = gather_gauges,
        .end = gather_end,
        .gap = gather_gap,
    };

    if (!all) {
        return no_memory();
    }
    all->end_reason = all->rotated_ns = all->rotated_events = UNKNOWN;
    status result = trace_open(path, &all->trace);
    if (result.code == STATUS_OK) {
        all->last_ticks = trace_get_facts(all->trace)->last_ticks;
        progress_start("reading");
        result = trace_read(all->trace, &sink, progress_update, NULL);
        progress_end();
    }
    if (result.code == STATUS_OK) {
        print_trace(page, all);
        result.code = all->gap_count ? STATUS_INCOMPLETE : STATUS_OK;
    }
    trace_close(all->trace);
    free(all->counters);
    free(all->heap_counters);
    free(all->gaps);
    free(all);
    return result;
}

/* ---- what a database holds ------------------------------------------------------------------- */

static void print_run(struct page *page, struct statement *run)
{
    const char *command = db_string(run, 1);
    bool complete = db_int(run, 5);

    show(page, "run", "%" PRId64 ": %s, pid %" PRId64, db_int(run, 0),
         command ? command : "unknown", db_int(run, 2));
    show(page, "started", "%s", wall_clock_words((uint64_t)db_int(run, 3)).text);
    show(page, "duration", "%s", duration_words((double)db_int(run, 4)).text);
    show(page, "events", "%s", count_words((uint64_t)db_int(run, 6)).text);
    show(page, "trace", "%s%s", db_string(run, 7), complete ? "" : ", incomplete");
    tell_number(page, "id", (uint64_t)db_int(run, 0));
    tell_text(page, "command_line", text_of(db_string(run, 1)));
    tell_number(page, "pid", (uint64_t)db_int(run, 2));
    tell_number(page, "started_unix_ns", (uint64_t)db_int(run, 3));
    tell_number(page, "duration_ns", (uint64_t)db_int(run, 4));
    tell_bool(page, "complete", complete);
    tell_number(page, "event_count", (uint64_t)db_int(run, 6));
    tell_text(page, "trace_path", text_of(db_string(run, 7)));
    if (page->json) {
        putchar('}');
        page->started = false;
    }
}

static status info_runs(struct page *page, struct db *db)
{
    struct statement *runs;
    bool has_row, incomplete = false;

    TRY(db_prepare(db,
                   "SELECT id, coalesce(command_line, executable), coalesce(pid, -1), "
                   "coalesce(started_unix_ns, -1), duration_ns, complete, event_count, trace_path "
                   "FROM run ORDER BY id",
                   &runs));
    printf(page->json ? "[" : "");
    for (size_t i = 0;; i++) {
        TRY(db_step(runs, &has_row));
        if (!has_row) {
            break;
        }
        printf("%s", i == 0 ? "" : page->json ? ", " : "\n");
        print_run(page, runs);
        incomplete |= !db_int(runs, 5);
    }
    printf(page->json ? "]\n" : "");
    return incomplete ? (status){STATUS_INCOMPLETE} : OK;
}

static status info_database(struct page *page, const char *path)
{
    struct db *db;

    TRY(db_open(path, DB_READ, &db));
    status result = info_runs(page, db);
    db_close(db);
    return result;
}

static bool is_database(const char *path)
{
    char start[16] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is = file >= 0 && read(file, start, sizeof start) == sizeof start &&
              memcmp(start, "SQLite format 3", sizeof start) == 0;

    if (file >= 0) {
        close(file);
    }
    return is;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    struct page page = {0};
    const char *path = NULL;

    for (int argument; (argument = arguments_next(&arguments)) != ARGUMENT_END;) {
        if (argument == ARGUMENT_BAD) {
            return EXIT_USAGE;
        }
        if (argument == ARGUMENT_OPERAND && path) {
            return command_usage_error(command, "info takes one file, not \"%s\" too",
                                       arguments.value);
        }
        if (argument == ARGUMENT_OPERAND) {
            path = arguments.value;
        } else if (strcmp(arguments.value, "json") == 0 || strcmp(arguments.value, "table") == 0) {
            page.json = arguments.value[0] == 'j';
        } else {
            return command_usage_error(command, "info has no format \"%s\"", arguments.value);
        }
    }
    if (!path) {
        return command_usage_error(command, "info needs a trace or a database");
    }
    return command_exit(is_database(path) ? info_database(&page, path) : info_trace(&page, path));
}

const struct command command_info = {
    .name = "info",
    .sentence = "show what a trace or a database holds",
    .usage = "info [--format FORMAT] TRACE|DATABASE",
    .options = options,
    .notes = "Exit code 3: it could be read, but something of it is missing; the gaps are listed.",
    .run = run,
};
