/* SPDX-License-Identifier: Apache-2.0 */
/* import_losses.c -- see import_losses.h. */
#include "import_losses.h"

static status write_loss(struct statement *insert, int64_t run_id, const char *kind, uint64_t count,
                         double bytes, const char *detail)
{
    db_bind_int(insert, 1, run_id);
    db_bind_string(insert, 2, kind);
    db_bind_int(insert, 3, (int64_t)count);
    if (bytes >= 0) {
        db_bind_int(insert, 4, (int64_t)bytes);
    }
    db_bind_string(insert, 5, detail);
    return db_insert(insert);
}

status import_losses_write(const struct import_losses *losses, struct db *db, int64_t run_id)
{
    const struct voice_losses *voice = &losses->voice;
    const struct {
        const char *kind;
        bool watched;
        uint64_t count;
        double bytes; /* negative: cannot be told */
        const char *detail;
    } rows[] = {
        {"dropped_samples", losses->recorder_watched, losses->dropped_samples,
         (double)losses->dropped_bytes,
         "Samples of allocations that found their ring full; estimates are too low by `bytes`. "
         "Record with a larger interval."},
        {"dropped_frees", losses->recorder_watched, losses->dropped_frees, -1,
         "Frees of sampled blocks that found their ring full; as many blocks seem to be alive. "
         "Record with a larger interval."},
        {"write_errors", losses->recorder_watched, losses->write_errors, -1,
         "Blocks that the recorder could not write, on a full disk for instance; what they held is "
         "missing."},
        {"truncated_stack", true, losses->truncated_stacks, -1,
         "Stacks cut off before their outermost frame, by the depth cap or by code that cannot be "
         "unwound; the innermost frames are right."},
        {"partial_stack", true, losses->broken_stacks, -1,
         "Stacks whose outer frames were announced in a part of the trace that is lost; the innermost "
         "frames are right."},
        {"unknown_stack", true, losses->unknown_stacks, losses->unknown_stack_bytes,
         "Samples without any stack; they count in all totals but belong to no site."},
        {"unmatched_free", true, losses->unmatched_frees, -1,
         "Frees of blocks whose allocation this trace does not hold: made before recording began, "
         "dropped, or in a gap. They are ignored."},
        {"reused_address", true, losses->reused_addresses, -1,
         "Blocks whose free is missing but whose address was handed out again; they count as freed at "
         "that moment."},
        {"late_free", true, losses->late_frees, -1,
         "Frees that arrived after their address was handed out again; they belong to the block before "
         "and are ignored."},
        {"gap_events", true, losses->gap_events, -1,
         losses->gap_unknown
             ? "Allocations and frees in stretches of the trace that could not be read; at least this "
               "many, since one stretch cannot be counted. See table gap."
             : "Allocations and frees in stretches of the trace that could not be read. See table gap."},
        {"rotated_events", losses->begins_late, losses->rotated_events, -1,
         "Allocations and frees before the run begins: their files are gone, or were not given. What was "
         "alive then is known, and counts as alive, not as allocated."},
        {"rotated_free", losses->begins_late, losses->rotated_frees, -1,
         "Frees of blocks whose allocation was in an earlier file and that were not told to be alive when "
         "this one began; they are ignored."},
        {"ended_in_gap", losses->gaps > 0, losses->ended_in_gap, -1,
         "Blocks that were freed in a stretch of the trace that could not be read; they count as freed at "
         "its end."},
        {"dropped_rows", losses->dropped_rows > 0, losses->dropped_rows, losses->dropped_row_bytes,
         "Samples without a row in table sample, so that the database stays small; every other table has "
         "them, and each row that was kept of their lifetime weighs as much more. import --max-size keeps "
         "more."},
        {"missing_end", true, losses->missing_end, -1,
         "The trace has no end: the process was killed, is still running, or the file was cut. What was "
         "not yet written is missing, and the verdicts are about the part that is there."},
        {"assumed_interval", losses->assumed_interval, losses->assumed_interval, -1,
         "The block that tells the sampling interval is lost; 64 KiB were assumed, so all estimates may "
         "be wrong by one factor."},
        {"untracked_thread", losses->recorder_watched, losses->untracked_threads, -1,
         "Threads beyond the 4,096 that can be watched at a time; what they did is in no total, and what "
         "they freed seems to be alive."},
        {"inexact_thread", true, losses->inexact_threads, -1,
         "Threads whose exact counters may miss calls, or were not told; the exact totals are too low "
         "by what these did."},
        {"dropped_marks", losses->dropped_marks != UNKNOWN, losses->dropped_marks, -1,
         "Calls of memrec.h that found their ring full, or interrupted the recorder; what they told "
         "is missing."},
        {"refused_calls", losses->refused_calls != UNKNOWN, losses->refused_calls, -1,
         "Calls of memrec.h with an id that was 0 or never given out; they did nothing."},
        {"full_tables", losses->full_tables != UNKNOWN, losses->full_tables, -1,
         "Registrations that found no place: names, streams, heaps, pools, classes or places beyond "
         "what a process may have; calls with their id 0 did nothing."},
        {"end_without_begin", voice->told, voice->ends_without_begin, -1,
         "Ends of frames, phases, evaluations, collections or pauses that had not begun; only such a "
         "collection has a row."},
        {"begin_inside", voice->told, voice->begins_inside, -1,
         "Begins of what was open already; the former frame ends there, a former span, collection or "
         "pause stays without an end."},
        {"other_thread", voice->told, voice->other_threads, -1,
         "Frames and phases that ended on another thread than they began on; their exact counters are "
         "unknown."},
        {"unclosed", voice->told, voice->unclosed, -1,
         "Frames, phases, evaluations, spans, collections and pauses without an end; their durations "
         "are unknown."},
        {"span_not_open", voice->told, voice->spans_not_open, -1,
         "Calls about a span that never began, had ended, or that their thread was not in; they are "
         "ignored."},
        {"unknown_id", voice->told, voice->unknown_ids, -1,
         "Ids of names, streams, heaps, pools or classes whose definition is missing, shown as #id, and "
         "calls that make no sense with theirs."},
        {"unmatched_move", voice->told, voice->unmatched_moves, -1,
         "Moves of objects whose allocation this trace does not hold. They are ignored."},
        {"partial_slot_map", voice->told, voice->partial_slot_maps, -1,
         "Slot maps of pools of which a part is missing; they have no row."},
        {"paused_ms", voice->told, voice->paused_ns / 1000000, -1,
         "Milliseconds in which recording was paused: no samples, nothing told. See table pause."},
    };
    struct statement *insert;

    TRY(db_prepare(db,
                   "INSERT INTO loss (run_id, kind, count, bytes, detail) VALUES (?, ?, ?, ?, ?)",
                   &insert));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].watched) {
            TRY(write_loss(insert, run_id, rows[i].kind, rows[i].count, rows[i].bytes,
                           rows[i].detail));
        }
    }
    return OK;
}

status import_losses_write_symbols(struct db *db, const struct symbolizer_counts *counts)
{
    TRY(db_run(db,
               "INSERT INTO loss (run_id, kind, count, bytes, detail)"
               " SELECT run.id, 'unsymbolized_frames', COUNT(DISTINCT frame.id), NULL,"
               " 'Places in code without a name, shown as module+offset; install the debug symbols"
               " of these modules and import again.'"
               " FROM run LEFT JOIN stack_stat ON stack_stat.run_id = run.id"
               " AND stack_stat.measure = 'allocated'"
               " LEFT JOIN stack_frame ON stack_frame.stack_id = stack_stat.stack_id"
               " LEFT JOIN frame ON frame.id = stack_frame.frame_id AND frame.raw_name IS NULL"
               " GROUP BY run.id"));
    return db_run_formatted(
        db,
        "INSERT INTO loss (run_id, kind, count, bytes, detail)"
        " SELECT id, 'missing_modules', %lld, NULL,"
        " 'Modules, over all runs of this database, whose file was not found at its path.' FROM run"
        " UNION ALL SELECT id, 'stale_modules', %lld, NULL,"
        " 'Modules, over all runs of this database, whose file is another build now; its names"
        " were not used.' FROM run",
        (long long)counts->missing_modules, (long long)counts->stale_modules);
}
