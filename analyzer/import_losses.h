/* SPDX-License-Identifier: Apache-2.0 */
/* import_losses.h -- everything a run does not know, counted, and the sentence that goes with each kind. */
#ifndef MEMANALYZE_IMPORT_LOSSES_H
#define MEMANALYZE_IMPORT_LOSSES_H

#include "db.h"
#include "symbols.h"
#include "voice.h"

struct import_losses {
    bool recorder_watched; /* the recorder told its own counters */
    uint64_t dropped_samples, dropped_bytes, dropped_frees, write_errors;
    uint64_t truncated_stacks, broken_stacks, unknown_stacks;
    double unknown_stack_bytes;
    uint64_t unmatched_frees, reused_addresses, late_frees;
    uint64_t rotated_events, rotated_frees, ended_in_gap;
    bool begins_late;
    uint64_t dropped_rows;
    double dropped_row_bytes;
    uint64_t gaps, gap_events;
    bool gap_unknown; /* a gap whose events could not be counted */
    bool missing_end, assumed_interval;
    uint64_t inexact_threads, untracked_threads;
    struct voice_losses voice;
    uint64_t dropped_marks, refused_calls, full_tables; /* UNKNOWN: not told */
};

STATUS_MUST_USE status import_losses_write(const struct import_losses *losses, struct db *db,
                                           int64_t run_id);

/* After the rows of frame and stack_frame: names that were not found, for every run. */
STATUS_MUST_USE status import_losses_write_symbols(struct db *db,
                                                   const struct symbolizer_counts *counts);

#endif
