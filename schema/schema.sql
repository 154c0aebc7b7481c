-- SPDX-License-Identifier: Apache-2.0
-- schema.sql: the tables that `memanalyze import` writes, once; everything in them is derived from traces,
-- so a newer version imports again instead of migrating.
--
-- Conventions: *_ns are nanoseconds since the run began unless said otherwise; *_bytes are bytes; ids are ours.
-- NULL means unknown, unsupported or not yet, as each column says; never 0. Unsigned 64-bit values (addresses)
-- are stored as the signed integer with the same bits.
-- An estimate is a Horvitz-Thompson sum over samples: a sample of `size` bytes under mean interval R stands for
-- weight = 1 / (1 - exp(-size / R)) blocks. Next to each sum stand `_sq` (the sum of the squared terms) and
-- `_var` (the sum of squared terms times (1 - 1/weight), the estimated variance), from which the 95 % interval follows:
-- n = sum^2 / sq effective samples, Garwood's exact Poisson interval for n, narrowed by sqrt(var / sq).
-- Views in views.sql spell it out.

CREATE TABLE run (                       -- one recorded process: one trace
    id                INTEGER PRIMARY KEY,
    trace_id          TEXT NOT NULL UNIQUE, -- 32 hex digits, from the trace
    parent_trace_id   TEXT,                 -- of the process that forked this one; NULL: not forked while recorded
    trace_path        TEXT NOT NULL,        -- as given to import; table segment has all files
    trace_bytes       INTEGER NOT NULL,     -- size of the trace, all files
    executable        TEXT,                 -- path; NULL: unknown
    command_line      TEXT,                 -- arguments joined by spaces
    pid               INTEGER,
    parent_pid        INTEGER,
    host              TEXT,
    boot_id           TEXT,
    operating_system  TEXT,
    architecture      TEXT,
    allocator         TEXT,                 -- the malloc underneath, e.g. glibc 2.36
    unwinder          TEXT,                 -- cfi, fp
    recorder_version  TEXT,
    start_reason      TEXT,                 -- process, fork, api
    started_unix_ns   INTEGER,              -- wall-clock time of the start, ns since 1970
    duration_ns       INTEGER NOT NULL,     -- from the start to the last record
    mode              TEXT NOT NULL,        -- sampled, full
    interval_bytes    INTEGER,              -- base mean sampling interval; NULL in full mode
    page_bytes        INTEGER,
    complete          INTEGER NOT NULL,     -- 1: nothing is missing: no gap, and an orderly end or one recovered from the rings
    end_reason        TEXT,                 -- exit, exec, stop; NULL: killed, or the end is missing
    block_count       INTEGER NOT NULL,     -- intact blocks
    event_count       INTEGER NOT NULL,     -- allocations and frees read
    recovered_events  INTEGER NOT NULL,     -- of these, taken from the rings of a killed process
    bucket_ns         INTEGER NOT NULL,     -- width of the time buckets of timeline and stack_time
    temporary_ns      INTEGER NOT NULL,     -- a block freed sooner than this is temporary: 1 ms, at most 1 % of the run
    alloc_calls       INTEGER,              -- exact: all threads; NULL: not told
    alloc_bytes       INTEGER,              -- exact: requested bytes of these calls
    free_calls        INTEGER,              -- exact
    peak_ns           INTEGER               -- when the estimated live bytes were highest; NULL: no sample
) STRICT;

CREATE TABLE capability (                -- what this process could report at all
    run_id INTEGER NOT NULL REFERENCES run(id),
    name   TEXT NOT NULL,                -- e.g. samples, free, mallinfo2, pss
    PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE segment (                   -- one file of a run's trace; most have one
    run_id      INTEGER NOT NULL REFERENCES run(id),
    position    INTEGER NOT NULL,        -- among the files that were read, from 0
    path        TEXT NOT NULL,
    trace_bytes INTEGER NOT NULL,        -- size of the file
    block_count INTEGER NOT NULL,        -- intact blocks
    event_count INTEGER NOT NULL,        -- allocations and frees
    first_ns    INTEGER,                 -- NULL: no block of it is intact
    last_ns     INTEGER,
    recorded_ns INTEGER,                 -- from the start of the recording to first_ns: more than that when the run begins with a later file, as older ones went
    PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE thread (
    id          INTEGER PRIMARY KEY,
    run_id      INTEGER NOT NULL REFERENCES run(id),
    number      INTEGER NOT NULL,        -- the trace's thread id, from 1, never reused
    tid         INTEGER,                 -- the system's, may be reused; NULL: its announcement is lost
    name        TEXT,                    -- last known; NULL: none
    first_ns    INTEGER NOT NULL,        -- first seen
    ended_ns    INTEGER,                 -- NULL: lived at the end
    exact       INTEGER NOT NULL,        -- 1: the three counters miss nothing
    alloc_calls INTEGER,                 -- exact; NULL: not told
    alloc_bytes INTEGER,                 -- exact, requested
    free_calls  INTEGER                  -- exact
) STRICT;

CREATE TABLE module (                    -- a loaded executable or library
    id        INTEGER PRIMARY KEY,
    run_id    INTEGER NOT NULL REFERENCES run(id),
    number    INTEGER NOT NULL,          -- the trace's module id
    path      TEXT NOT NULL,
    build_id  TEXT,                      -- hex; NULL: has none
    bias      INTEGER NOT NULL,          -- address minus virtual address in the file
    first_ns  INTEGER NOT NULL,
    gone_ns   INTEGER,                   -- unloaded; NULL: stayed
    symbols   TEXT                       -- where names came from: dwarf, symtab, dynsym; NULL: no names found
) STRICT;

CREATE TABLE frame (                     -- a place in code: one per return address and inline level
    id            INTEGER PRIMARY KEY,
    key           TEXT NOT NULL UNIQUE,  -- content-addressed: build id (or path) + offset + inline level; the same on every machine. Interpreted: function, file and line
    module_path   TEXT,                  -- NULL: no module covers the address, or interpreted
    build_id      TEXT,
    module_offset INTEGER NOT NULL,      -- return address - 1 - bias; without a module the address; interpreted: 0
    inline_level  INTEGER NOT NULL,      -- 0: the function itself, 1...: inlined into it, deeper is innermost
    function      TEXT NOT NULL,         -- demangled; without a name module+0xoffset
    raw_name      TEXT,                  -- as in the symbol table, or as told; NULL: no name
    file          TEXT,                  -- NULL: no line information
    line          INTEGER,
    kind          TEXT NOT NULL          -- code; allocator: malloc wrappers (operator new and kin) that reports skip; interpreted: a place in the interpreted program
) STRICT;

CREATE TABLE stack (                     -- a distinct call stack
    id        INTEGER PRIMARY KEY,
    key       TEXT NOT NULL UNIQUE,      -- 32 hex digits: XXH3-128 over (build id or path, offset) of its frames, innermost first, and `truncated`
    depth     INTEGER NOT NULL,          -- return addresses
    truncated INTEGER NOT NULL,          -- 1: cut off before its outermost frame
    function  TEXT NOT NULL,             -- innermost function that is not an allocator wrapper: the site
    caller    TEXT,                      -- the function that called it; NULL: none
    text      TEXT NOT NULL,             -- from `function` outwards: a < b < c; long names are shortened
    folded    TEXT NOT NULL,             -- the same, outermost first: c;b;a, as flame graph tools read it
    names_key TEXT NOT NULL              -- 32 hex digits over the functions of `text`, unshortened, without modules and lines: the same in a renamed or rebuilt program. Nameless: the offset
) STRICT;

CREATE TABLE stack_frame (
    stack_id INTEGER NOT NULL REFERENCES stack(id),
    position INTEGER NOT NULL,           -- 0: innermost, inlined functions counted
    frame_id INTEGER NOT NULL REFERENCES frame(id),
    PRIMARY KEY (stack_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE sample (                    -- one sampled allocation (full mode: every one), in the order of death, survivors last
    id             INTEGER PRIMARY KEY,
    run_id         INTEGER NOT NULL,     -- run.id
    stack_id       INTEGER,              -- stack.id; NULL: its stack is lost
    thread_id      INTEGER,              -- thread.id that allocated it
    birth_ns       INTEGER NOT NULL,
    death_ns       INTEGER,              -- NULL: alive at the end (right-censored)
    death_thread_id INTEGER,             -- thread.id that freed it
    address        INTEGER NOT NULL,
    size_bytes     INTEGER NOT NULL,     -- requested
    usable_bytes   INTEGER NOT NULL,     -- what the allocator gave
    interval_bytes INTEGER,              -- mean sampling interval in force; NULL: recorded with certainty
    weight         REAL NOT NULL,        -- blocks it stands for, 1 / inclusion probability
    kind           TEXT NOT NULL,        -- malloc, calloc, realloc, aligned, new; object: of a managed heap; other: unknown to this version
    previous_id    INTEGER,              -- the sample this block was reallocated from; NULL: none, or not sampled
    heap_id        INTEGER,              -- heap.id of a managed object; NULL: a block of malloc
    class_id       INTEGER,              -- class.id of a managed object; NULL: not told
    generations    INTEGER,              -- collections begun in its lifetime: of its heap; of all heaps for a block of malloc; NULL: none was told by the end of it
    birth_gc_id    INTEGER,              -- gc.id of the last such collection that had begun at its birth; NULL: none
    death_gc_id    INTEGER,              -- ... at its death; NULL: none, or it lives
    birth_frame_id INTEGER,              -- frame_mark.id of the frame open then: one of its own thread, else the one begun last; NULL: none
    death_frame_id INTEGER,
    birth_eval_id  INTEGER,              -- eval.id of its thread's innermost evaluation; NULL: none
    death_eval_id  INTEGER,
    birth_span_id  INTEGER,              -- span.id its thread was in; NULL: none
    death_span_id  INTEGER
) STRICT;

CREATE TABLE process_tick (              -- the operating system's view; NULL: not read at this moment
    run_id      INTEGER NOT NULL,
    time_ns     INTEGER NOT NULL,
    rss_bytes   INTEGER,                 -- resident set
    vm_bytes    INTEGER,                 -- mapped
    shared_bytes INTEGER,                -- resident and file-backed or shared
    data_bytes  INTEGER,                 -- private writable mappings
    pss_bytes   INTEGER,                 -- resident, shared pages divided by their users
    swap_bytes  INTEGER,
    heap_rss_bytes  INTEGER,             -- resident part of [heap], by kind of mapping from here on
    anon_rss_bytes  INTEGER,             -- other anonymous memory: mmapped heaps, arenas, thread stacks
    stack_rss_bytes INTEGER,             -- [stack]
    file_rss_bytes  INTEGER,             -- files: code, data, mapped files
    shmem_rss_bytes INTEGER,             -- shared memory
    recorder_rss_bytes INTEGER,          -- of the above, the recorder's own
    minor_faults INTEGER,                -- since the process began
    major_faults INTEGER,
    cgroup_bytes INTEGER,                -- memory.current of its cgroup
    cgroup_limit_bytes INTEGER,          -- memory.max; NULL: none
    static_rss_bytes INTEGER,            -- of anon_rss_bytes: static data (.bss) of loaded objects
    thread_stack_rss_bytes INTEGER,      -- of anon_rss_bytes: stacks of threads but the first, kept ones of ended threads included
    mapped_rss_bytes INTEGER,            -- of anon_rss_bytes: mapped by the program itself (mmap)
    arena_rss_bytes INTEGER,             -- of anon_rss_bytes: glibc's arenas besides [heap]; NULL: another allocator
    absent_bytes INTEGER,                -- of live blocks of 256 KiB and more: what has no memory behind it, not resident; an estimate
    allocator_rss_bytes INTEGER,         -- of anon_rss_bytes: mapped by the allocator; NULL: it is glibc's, whose mmapped blocks cannot be told apart
    PRIMARY KEY (run_id, time_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE allocator_tick (            -- the allocator's own figures, by the interface that capability names (mallinfo2, mallctl, mi_process_info, malloc_extension); NULL: it does not tell
    run_id       INTEGER NOT NULL,
    time_ns      INTEGER NOT NULL,
    used_bytes   INTEGER,                -- in blocks handed out, mmapped ones included; glibc: with headers, and blocks in thread caches
    free_bytes   INTEGER,                -- in free blocks inside the heaps
    top_bytes    INTEGER,                -- of that, releasable at the top
    mapped_bytes INTEGER,                -- in mmapped blocks
    arena_bytes  INTEGER,                -- taken from the system by non-mmapped heaps
    dirty_bytes  INTEGER,                -- of free_bytes: whole free pages that it keeps for a while
    cached_bytes INTEGER,                -- of free_bytes: in the caches of threads
    metadata_bytes INTEGER,              -- its own books
    committed_bytes INTEGER,             -- all that it took from the system and did not give back
    retained_bytes INTEGER,              -- address space that it keeps without memory
    PRIMARY KEY (run_id, time_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE rss_moment (                -- the resident set at moments when everything about it was read; at most 400 in a run
    run_id    INTEGER NOT NULL,
    time_ns   INTEGER NOT NULL,
    rss_bytes INTEGER NOT NULL,          -- all that was resident
    is_peak   INTEGER NOT NULL,          -- 1: the largest of these
    is_end    INTEGER NOT NULL,          -- 1: the last of these
    reason    TEXT NOT NULL,             -- one sentence: what the unexplained part may be
    PRIMARY KEY (run_id, time_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE rss_part (                  -- what it consisted of; the bytes of a moment add up to its rss_bytes exactly
    run_id  INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    place   INTEGER NOT NULL,            -- order in the waterfall, from 1
    part    TEXT NOT NULL,               -- see waterfall.h: live, rounding, headers, ..., unexplained
    bytes   INTEGER,                     -- never negative; NULL: this process could not tell, so it is in another part
    bytes_low  INTEGER,                  -- 95 % interval; equal to bytes: counted, not estimated
    bytes_high INTEGER,
    PRIMARY KEY (run_id, time_ns, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE recorder_tick (             -- the recorder about itself
    run_id          INTEGER NOT NULL,
    time_ns         INTEGER NOT NULL,
    cpu_ns          INTEGER,             -- CPU time of the drain thread since the start
    interval_bytes  INTEGER,             -- mean sampling interval in force
    ring_high_water_bytes INTEGER,       -- most bytes that ever waited in one ring
    dropped_samples INTEGER,             -- allocations that found no room, since the start
    dropped_bytes   INTEGER,             -- what these stood for, estimated
    dropped_frees   INTEGER,
    truncated_stacks INTEGER,            -- stacks cut off, since the start
    written_bytes   INTEGER,             -- size of the trace so far
    write_errors    INTEGER,             -- blocks that could not be written
    memory_bytes    INTEGER,             -- memory the recorder holds
    PRIMARY KEY (run_id, time_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE gauge (                     -- every other metric of the trace, by name
    run_id  INTEGER NOT NULL,
    name    TEXT NOT NULL,               -- e.g. map.alloc_bytes
    unit    TEXT NOT NULL,               -- count, bytes, ns
    time_ns INTEGER NOT NULL,
    value   INTEGER NOT NULL,
    PRIMARY KEY (run_id, name, time_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE gap (                       -- stretches of the trace that could not be read
    id          INTEGER PRIMARY KEY,
    run_id      INTEGER NOT NULL,
    first_ns    INTEGER NOT NULL,        -- negative: before the run begins
    last_ns     INTEGER,                 -- NULL: until the end
    lost_events INTEGER,                 -- allocations and frees missing; NULL: cannot be told
    first_byte  INTEGER NOT NULL,        -- in the file
    last_byte   INTEGER NOT NULL,        -- one past
    reason      TEXT NOT NULL
) STRICT;

CREATE TABLE loss (                      -- everything this run does not know, counted; one row per kind that occurred or was watched
    run_id INTEGER NOT NULL,
    kind   TEXT NOT NULL,                -- see import_losses.c: dropped_samples, unmatched_free, unknown_stack, ...
    count  INTEGER NOT NULL,
    bytes  INTEGER,                      -- estimated bytes concerned; NULL: cannot be told
    detail TEXT NOT NULL,                -- one sentence: what it means and what to do
    PRIMARY KEY (run_id, kind)
) STRICT, WITHOUT ROWID;

-- What the program itself told (memrec.h). NULL in these tables: it did not say, or could not.
-- Bytes and calls allocated between a begin and an end are exact and of the thread that ran both; NULL: begin and end came
-- from two threads, or one of them is lost. heap_* are those of managed heaps, NULL when the process has none.

CREATE TABLE mark (                      -- a point in time with a name
    id      INTEGER PRIMARY KEY,
    run_id  INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    name    TEXT NOT NULL
) STRICT;

CREATE TABLE pause (                     -- recording was paused: no new samples, nothing told
    run_id   INTEGER NOT NULL,
    begin_ns INTEGER NOT NULL,
    end_ns   INTEGER,                    -- NULL: until the end
    PRIMARY KEY (run_id, begin_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE frame_stream (              -- a named stream of frames
    id        INTEGER PRIMARY KEY,
    run_id    INTEGER NOT NULL,
    number    INTEGER NOT NULL,          -- the trace's id
    name      TEXT NOT NULL,
    budget_ns INTEGER                    -- what a frame may take; NULL: no budget
) STRICT;

CREATE TABLE frame_mark (                -- one frame
    id              INTEGER PRIMARY KEY,
    run_id          INTEGER NOT NULL,
    stream_id       INTEGER NOT NULL,    -- frame_stream.id
    number          INTEGER NOT NULL,    -- in its stream, from 1
    thread_id       INTEGER,             -- that began it
    begin_ns        INTEGER NOT NULL,
    duration_ns     INTEGER,             -- NULL: it did not end
    ended_by        TEXT NOT NULL,       -- end; begin: the next one's begin ended it; nothing
    alloc_bytes     INTEGER,             -- exact
    alloc_calls     INTEGER,
    free_calls      INTEGER,
    freed_bytes     INTEGER,             -- exact in full mode; NULL when sampled
    heap_alloc_bytes INTEGER,
    heap_alloc_calls INTEGER,
    heap_freed_bytes INTEGER,
    heap_free_calls INTEGER,
    gc_ns           INTEGER,             -- the program stood for collections inside it; NULL: the process tells no collections
    gc_count        INTEGER,             -- collections begun inside it
    gc_id           INTEGER,             -- gc.id of the one with the longest pause inside it; NULL: none
    overflow_count  INTEGER,             -- pool overflows, all pools; NULL: the process has no pools
    overflow_bytes  INTEGER,
    minor_faults    INTEGER,             -- page faults of its thread; NULL: too short to be asked
    major_faults    INTEGER,
    over_ns         INTEGER,             -- beyond its budget; NULL: inside, or no budget
    why             TEXT                 -- of a frame over budget, what can explain half of over_ns: gc (as measured), faults (at 1 us, from disk 1 ms), allocation (at 200 ns and 0.25 ns a byte), other: none of these, unknown: nothing was told; NULL: inside it
) STRICT;
-- The reports ask for the worst frames of a stream and for those over budget.
CREATE INDEX frame_mark_over ON frame_mark (run_id, stream_id, over_ns) WHERE over_ns IS NOT NULL;

CREATE TABLE phase (                     -- a part of a frame
    id          INTEGER PRIMARY KEY,
    run_id      INTEGER NOT NULL,
    frame_id    INTEGER,                 -- frame_mark.id; NULL: outside any frame
    stream_id   INTEGER NOT NULL,
    thread_id   INTEGER,
    depth       INTEGER NOT NULL,        -- 0: directly in the frame
    name        TEXT NOT NULL,
    begin_ns    INTEGER NOT NULL,
    duration_ns INTEGER,                 -- NULL: it did not end
    alloc_bytes INTEGER,                 -- exact
    alloc_calls INTEGER,
    free_calls  INTEGER,
    heap_alloc_bytes INTEGER,
    heap_alloc_calls INTEGER,
    gc_ns       INTEGER
) STRICT;

CREATE TABLE eval (                      -- one evaluation
    id                INTEGER PRIMARY KEY,
    run_id            INTEGER NOT NULL,
    thread_id         INTEGER,
    parent_id         INTEGER,           -- eval.id it ran inside; NULL: none
    label             TEXT,              -- the expression
    heap_id           INTEGER,           -- heap.id the figures speak of
    begin_ns          INTEGER NOT NULL,
    duration_ns       INTEGER,           -- NULL: it did not end
    heap_before_bytes INTEGER,
    heap_after_bytes  INTEGER,
    heap_after_gc_bytes INTEGER,         -- after the first collection that began after its end; NULL: none did
    net_bytes         INTEGER,           -- heap_after_bytes - heap_before_bytes
    arena_high_water_bytes INTEGER,
    gc_ns             INTEGER,           -- the program stood for collections inside it
    gc_count          INTEGER,
    alloc_bytes       INTEGER,           -- exact
    alloc_calls       INTEGER,
    free_calls        INTEGER,
    heap_alloc_bytes  INTEGER,
    heap_alloc_calls  INTEGER,
    samples           INTEGER NOT NULL DEFAULT 0, -- taken in it, not in those inside it
    left_samples      INTEGER NOT NULL DEFAULT 0, -- of them, alive at the end of the run after a collection; without any: alive
    left_bytes REAL NOT NULL DEFAULT 0, left_bytes_sq REAL NOT NULL DEFAULT 0, left_bytes_var REAL NOT NULL DEFAULT 0,
    left_blocks REAL NOT NULL DEFAULT 0, left_blocks_sq REAL NOT NULL DEFAULT 0, left_blocks_var REAL NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE span (                      -- one unit of work
    id              INTEGER PRIMARY KEY,
    run_id          INTEGER NOT NULL,
    number          INTEGER NOT NULL,    -- the trace's id
    kind            TEXT NOT NULL,       -- request, load, ...; '' when not told
    label           TEXT,
    parent_id       INTEGER,             -- span.id; NULL: none
    thread_id       INTEGER,             -- that began it
    begin_ns        INTEGER NOT NULL,
    duration_ns     INTEGER,             -- NULL: it did not end
    ended           TEXT,                -- ok, failed, cancelled, timed_out; NULL: it did not end
    first_result_ns INTEGER,             -- from its begin; NULL: none was told
    items           INTEGER,             -- NULL: none were told
    progress        INTEGER,             -- last value told
    progress_total  INTEGER,
    progress_regressions INTEGER,        -- times it went back; NULL: no progress was told
    progress_regression_max INTEGER,     -- by how much, at worst
    gc_ns           INTEGER,             -- the program stood for collections inside it
    alloc_bytes     INTEGER,             -- exact
    alloc_calls     INTEGER,
    free_calls      INTEGER,
    heap_alloc_bytes INTEGER,
    heap_alloc_calls INTEGER,
    samples         INTEGER NOT NULL,    -- taken while a thread was in it
    bytes REAL NOT NULL, bytes_sq REAL NOT NULL, bytes_var REAL NOT NULL, -- what these stand for: an estimate over all threads
    left_samples    INTEGER NOT NULL,    -- of them, alive at the end of the run
    left_bytes REAL NOT NULL, left_bytes_sq REAL NOT NULL, left_bytes_var REAL NOT NULL,
    held_byte_ns    REAL NOT NULL        -- bytes allocated in it times how long they lived, until its end: over its duration, what it held on average
) STRICT;

CREATE TABLE span_leftover (             -- allocated inside a finished span and alive at the end of the run, by stack
    run_id      INTEGER NOT NULL,
    span_id     INTEGER NOT NULL,        -- span.id
    stack_id    INTEGER NOT NULL,        -- stack.id; 0: lost stacks
    spans_after INTEGER NOT NULL,        -- spans of its kind begun after its end
    gcs_after   INTEGER,                 -- collections begun after its end; NULL: the process tells none
    samples     INTEGER NOT NULL,
    bytes REAL NOT NULL, bytes_sq REAL NOT NULL, bytes_var REAL NOT NULL,
    blocks REAL NOT NULL, blocks_sq REAL NOT NULL, blocks_var REAL NOT NULL,
    PRIMARY KEY (run_id, span_id, stack_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE eval_leftover (             -- allocated inside an evaluation and alive at the end of the run, after a collection when one was told, by stack
    run_id      INTEGER NOT NULL,
    eval_id     INTEGER NOT NULL,        -- eval.id
    stack_id    INTEGER NOT NULL,        -- stack.id; 0: lost stacks
    evals_after INTEGER NOT NULL,        -- evaluations of its label begun after it
    gcs_after   INTEGER,                 -- collections that one of these blocks survived; NULL: none is told
    samples     INTEGER NOT NULL,
    bytes REAL NOT NULL, bytes_sq REAL NOT NULL, bytes_var REAL NOT NULL,
    blocks REAL NOT NULL, blocks_sq REAL NOT NULL, blocks_var REAL NOT NULL,
    PRIMARY KEY (run_id, eval_id, stack_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE scope_stat (                -- spans by kind, evaluations by label
    run_id      INTEGER NOT NULL,
    scope       TEXT NOT NULL,           -- span, eval
    name        TEXT NOT NULL,           -- kind or label; '': not told
    begun       INTEGER NOT NULL,
    freed_late  INTEGER NOT NULL,        -- samples born in finished ones, freed when ten more of the name had begun: an age at which blocks are still freed proves nothing
    PRIMARY KEY (run_id, scope, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE heap (                      -- a managed heap
    id             INTEGER PRIMARY KEY,
    run_id         INTEGER NOT NULL,
    number         INTEGER NOT NULL,     -- the trace's id
    name           TEXT NOT NULL,
    capacity_bytes INTEGER,
    generations    INTEGER,
    of_blocks      INTEGER NOT NULL,     -- 1: each object is also a block of malloc; sums over both count the block
    alloc_calls    INTEGER,              -- exact: all threads; NULL: it does not tell its objects
    alloc_bytes    INTEGER,
    free_calls     INTEGER,
    freed_bytes    INTEGER
) STRICT;

CREATE TABLE heap_usage (
    run_id      INTEGER NOT NULL,
    heap_id     INTEGER NOT NULL,
    time_ns     INTEGER NOT NULL,
    used_bytes  INTEGER,
    total_bytes INTEGER,
    objects     INTEGER,
    PRIMARY KEY (run_id, heap_id, time_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE gc (                        -- one collection
    id                 INTEGER PRIMARY KEY,
    run_id             INTEGER NOT NULL,
    heap_id            INTEGER NOT NULL, -- heap.id
    number             INTEGER NOT NULL, -- of its heap, from 1
    kind               TEXT NOT NULL,    -- full, minor, major, incremental, concurrent; other
    reason             TEXT,
    begin_ns           INTEGER,          -- NULL: only its end was told
    end_ns             INTEGER,          -- NULL: it did not end
    duration_ns        INTEGER,
    pause_ns           INTEGER,          -- the program stood, in all; NULL: not told
    pause_max_ns       INTEGER,
    pause_count        INTEGER,
    used_before_bytes  INTEGER,
    used_after_bytes   INTEGER,          -- as told at the end, or, when approximate, what the next collection's begin told
    objects_before     INTEGER,
    objects_after      INTEGER,
    approximate        INTEGER NOT NULL, -- 1: after is an estimate (lazy sweeping) and was not trued up
    trued_up           INTEGER NOT NULL, -- 1: after comes from the next begin
    reclaimed_bytes    INTEGER,          -- before - after
    claimed_bytes      INTEGER,          -- what the runtime says it reclaimed; may differ
    promoted_bytes     INTEGER,
    allocated_bytes    INTEGER,          -- in this heap since the collection before: used before - its after; NULL: cannot be told
    samples            INTEGER NOT NULL DEFAULT 0, -- taken since the collection before, of what gc_site ranks: its objects or, when it tells none, blocks of malloc
    sampled_bytes      REAL NOT NULL DEFAULT 0, -- what these stand for, estimate
    sampled_bytes_sq   REAL NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE gc_pause (                  -- the program stood
    id          INTEGER PRIMARY KEY,
    run_id      INTEGER NOT NULL,
    heap_id     INTEGER NOT NULL,
    gc_id       INTEGER,                 -- NULL: outside any collection
    begin_ns    INTEGER NOT NULL,
    duration_ns INTEGER                  -- NULL: it did not end
) STRICT;

CREATE TABLE gc_survivor (               -- what survived a collection, by collections survived, as the runtime told
    run_id     INTEGER NOT NULL,
    gc_id      INTEGER NOT NULL,
    class_id   INTEGER NOT NULL,         -- 0: all classes together
    generation INTEGER NOT NULL,         -- collections survived, 0 to 127
    and_older  INTEGER NOT NULL,         -- 1: also all that survived more
    objects    INTEGER NOT NULL,
    bytes      INTEGER,
    PRIMARY KEY (run_id, gc_id, class_id, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE gc_site (                   -- who allocated most between a collection and the one before it
    run_id   INTEGER NOT NULL,
    gc_id    INTEGER NOT NULL,
    rank     INTEGER NOT NULL,           -- 1 to 5
    stack_id INTEGER NOT NULL,           -- stack.id; 0: lost stacks
    samples  INTEGER NOT NULL,
    bytes REAL NOT NULL, bytes_sq REAL NOT NULL, bytes_var REAL NOT NULL,
    share    REAL NOT NULL,              -- of everything sampled in between
    PRIMARY KEY (run_id, gc_id, rank)
) STRICT, WITHOUT ROWID;

CREATE TABLE gc_late (                   -- a frame over its budget, or a late span, that stood for this collection
    run_id     INTEGER NOT NULL,
    gc_id      INTEGER NOT NULL,         -- gc.id
    kind       TEXT NOT NULL,            -- frame; span: one that took more than twice the median of its kind, of which 20 have ended
    subject_id INTEGER NOT NULL,         -- frame_mark.id or span.id
    pause_ns   INTEGER NOT NULL,         -- how long it stood for this collection
    late_ns    INTEGER NOT NULL,         -- of what it is over its budget (a span: over the median), the part that these pauses explain; collections of one frame share it by their pauses
    PRIMARY KEY (run_id, gc_id, kind, subject_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE class (                     -- a class or type of managed objects
    id     INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL,
    number INTEGER NOT NULL,             -- the trace's id
    name   TEXT NOT NULL,
    module TEXT
) STRICT;

CREATE TABLE class_profile (             -- instances of a class at one moment
    run_id      INTEGER NOT NULL,
    profile     INTEGER NOT NULL,        -- rows of one profile have one number
    heap_id     INTEGER NOT NULL,
    class_id    INTEGER NOT NULL,
    time_ns     INTEGER NOT NULL,
    new_objects INTEGER,                 -- young space; NULL: the heap has none
    new_bytes   INTEGER,
    old_objects INTEGER,                 -- old space, or the only one
    old_bytes   INTEGER,
    PRIMARY KEY (run_id, profile, heap_id, class_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE retained_set (              -- what would go if a root went
    run_id  INTEGER NOT NULL,
    profile INTEGER NOT NULL,
    heap_id INTEGER NOT NULL,
    rank    INTEGER NOT NULL,            -- in its profile, 1: most bytes
    time_ns INTEGER NOT NULL,
    root    TEXT NOT NULL,
    bytes   INTEGER,
    objects INTEGER,
    PRIMARY KEY (run_id, profile, heap_id, rank)
) STRICT, WITHOUT ROWID;

CREATE TABLE pool (
    id             INTEGER PRIMARY KEY,
    run_id         INTEGER NOT NULL,
    number         INTEGER NOT NULL,     -- the trace's id
    name           TEXT NOT NULL,
    kind           TEXT NOT NULL,        -- slab, arena, tier, buffer, connection; other
    stream_id      INTEGER,              -- frame_stream.id whose every frame should reset it; NULL: none
    slot_bytes     INTEGER,
    capacity_bytes INTEGER,
    capacity_slots INTEGER
) STRICT;

CREATE TABLE pool_tick (                 -- its state, written when it moved; counts since the process began
    run_id           INTEGER NOT NULL,
    pool_id          INTEGER NOT NULL,
    time_ns          INTEGER NOT NULL,
    used_bytes       INTEGER,
    reserved_bytes   INTEGER,
    high_water_bytes INTEGER,            -- most ever used, also between ticks
    overflow_count   INTEGER,            -- requests that did not fit and went elsewhere
    overflow_bytes   INTEGER,
    wait_count       INTEGER,
    wait_ns          INTEGER,
    exhausted_count  INTEGER,            -- requests refused
    reset_count      INTEGER,
    highest_bytes    INTEGER,            -- most used since the look before, 100 ms ago; NULL: an older recorder
    wanted_bytes     INTEGER,            -- ... had there been room for what overflowed since the last reset; NULL: cannot be told: it overflowed and was never reset
    PRIMARY KEY (run_id, pool_id, time_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE pool_stale (                -- a frame ended and its arena, not empty, was not reset in it
    run_id     INTEGER NOT NULL,
    pool_id    INTEGER NOT NULL,
    time_ns    INTEGER NOT NULL,
    frame_id   INTEGER,                  -- frame_mark.id
    used_bytes INTEGER,
    PRIMARY KEY (run_id, pool_id, time_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE pool_map (                  -- which slots were taken at one moment
    run_id       INTEGER NOT NULL,
    pool_id      INTEGER NOT NULL,
    time_ns      INTEGER NOT NULL,
    slots        INTEGER NOT NULL,
    used_slots   INTEGER NOT NULL,
    free_runs    INTEGER NOT NULL,       -- stretches of free slots
    longest_free_run INTEGER NOT NULL,   -- slots
    cells        TEXT NOT NULL,          -- at most 256 hex digits, each an equal stretch of slots: 0 all free ... f all taken
    PRIMARY KEY (run_id, pool_id, time_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE pull (                      -- callbacks the recorder asks
    run_id      INTEGER NOT NULL,
    kind        TEXT NOT NULL,           -- memory, classes
    calls       INTEGER NOT NULL,
    failures    INTEGER NOT NULL,
    slow        INTEGER NOT NULL,        -- took longer than 50 ms
    total_ns    INTEGER NOT NULL,
    max_ns      INTEGER NOT NULL,
    interval_ns INTEGER NOT NULL,        -- in force at the end
    PRIMARY KEY (run_id, kind)
) STRICT, WITHOUT ROWID;

-- Roll-ups, computed while importing, so that reports never scan `sample`.

CREATE TABLE stack_stat (                -- per stack: sums over its samples
    run_id     INTEGER NOT NULL,
    measure    TEXT NOT NULL,            -- allocated, live (at the end), peak (live at run.peak_ns), temporary (lived less than run.temporary_ns), waste (usable - requested of the live)
    stack_id   INTEGER NOT NULL,         -- stack.id; 0: lost stacks
    samples    INTEGER NOT NULL,
    bytes      REAL NOT NULL,            -- estimate
    bytes_sq   REAL NOT NULL,
    bytes_var  REAL NOT NULL,
    blocks     REAL,                     -- estimate; NULL: imported from a tool that does not count them
    blocks_sq  REAL,
    blocks_var REAL,
    first_ns   INTEGER NOT NULL,         -- earliest birth among these samples; peak: no later than that
    last_ns    INTEGER NOT NULL,         -- latest birth; peak: no earlier than that
    PRIMARY KEY (run_id, measure, stack_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE stack_time (                -- per stack and time bucket, where anything happened; buckets of run.bucket_ns
    run_id      INTEGER NOT NULL,
    stack_id    INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,        -- floor(time / bucket_ns)
    alloc_bytes REAL NOT NULL,           -- estimate
    freed_bytes REAL NOT NULL,
    survivor_bytes REAL NOT NULL,        -- of alloc_bytes, alive at the end
    samples     INTEGER NOT NULL,        -- allocations
    survivors   INTEGER NOT NULL,        -- of these, alive at the end
    PRIMARY KEY (run_id, stack_id, bucket)
) STRICT, WITHOUT ROWID;

CREATE TABLE timeline (                  -- the whole process per time bucket
    run_id      INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    start_ns    INTEGER NOT NULL,
    samples     INTEGER NOT NULL,        -- allocations sampled in it
    alloc_bytes REAL, alloc_bytes_sq REAL, alloc_bytes_var REAL, -- NULL here and below: imported from a tool that does not tell
    freed_bytes REAL, freed_bytes_sq REAL, freed_bytes_var REAL,
    live_samples INTEGER NOT NULL,       -- alive at the bucket's end ...
    live_bytes  REAL NOT NULL, live_bytes_sq REAL NOT NULL, live_bytes_var REAL NOT NULL,
    live_blocks REAL, live_blocks_sq REAL, live_blocks_var REAL,
    live_usable_bytes REAL NOT NULL,     -- the same blocks with the allocator's rounding
    PRIMARY KEY (run_id, bucket)
) STRICT, WITHOUT ROWID;

CREATE TABLE history (                   -- the run in steps of 100 ms for its last minute, 1 s for the last hour, 10 s for the last 10 hours, and 1 min (from two weeks on 2 min, from four 4 min ...) for all of it
    run_id          INTEGER NOT NULL,
    step_ns         INTEGER NOT NULL,
    start_ns        INTEGER NOT NULL,    -- of the step; a multiple of step_ns
    samples         INTEGER NOT NULL,    -- allocations sampled in it
    alloc_bytes REAL NOT NULL, alloc_bytes_sq REAL NOT NULL, alloc_bytes_var REAL NOT NULL, -- allocated in it, estimated
    alloc_blocks    REAL NOT NULL,       -- allocations in it, estimated
    freed_bytes     REAL NOT NULL,       -- freed in it, estimated
    freed_blocks    REAL NOT NULL,
    live_bytes REAL NOT NULL, live_bytes_sq REAL NOT NULL, live_bytes_var REAL NOT NULL, -- alive at its end, estimated
    live_blocks     REAL NOT NULL,
    rss_bytes       INTEGER,             -- resident set: the highest that was read in it, or last before it; NULL: none was
    gc_ns           INTEGER,             -- the program stood for collections in it; NULL: none are told
    gc_count        INTEGER,             -- pauses that began in it
    frames          INTEGER,             -- that ended in it, all streams; NULL: none are told
    frames_over     INTEGER,             -- of these, over their budget
    PRIMARY KEY (run_id, step_ns, start_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE thread_stat (               -- per allocating thread: sums over its samples
    run_id     INTEGER NOT NULL,
    measure    TEXT NOT NULL,            -- allocated, live
    thread_id  INTEGER NOT NULL,
    samples    INTEGER NOT NULL,
    bytes REAL NOT NULL, bytes_sq REAL NOT NULL, bytes_var REAL NOT NULL,
    blocks REAL NOT NULL, blocks_sq REAL NOT NULL, blocks_var REAL NOT NULL,
    PRIMARY KEY (run_id, measure, thread_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE size_stat (                 -- per size class: powers of two in four steps
    run_id     INTEGER NOT NULL,
    measure    TEXT NOT NULL,            -- allocated, live
    low_bytes  INTEGER NOT NULL,         -- requested sizes from low ...
    high_bytes INTEGER NOT NULL,         -- ... up to and with high
    samples    INTEGER NOT NULL,
    bytes REAL NOT NULL, bytes_sq REAL NOT NULL, bytes_var REAL NOT NULL,
    blocks REAL NOT NULL, blocks_sq REAL NOT NULL, blocks_var REAL NOT NULL,
    waste_bytes REAL NOT NULL,           -- usable - requested, estimate
    PRIMARY KEY (run_id, measure, low_bytes)
) STRICT, WITHOUT ROWID;

CREATE TABLE survival_stat (             -- sampled blocks and objects alive at the end, by collections survived
    run_id     INTEGER NOT NULL,
    heap_id    INTEGER NOT NULL,         -- heap.id; 0: blocks of malloc, by the collections of all heaps
    class_id   INTEGER NOT NULL,         -- class.id; 0: none
    stack_id   INTEGER NOT NULL,         -- stack.id; 0: lost stacks
    generation INTEGER NOT NULL,         -- collections survived, 127: or more
    samples    INTEGER NOT NULL,
    bytes REAL NOT NULL, bytes_sq REAL NOT NULL, bytes_var REAL NOT NULL,
    blocks REAL NOT NULL, blocks_sq REAL NOT NULL, blocks_var REAL NOT NULL,
    PRIMARY KEY (run_id, heap_id, class_id, stack_id, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE first_gc_stat (             -- sampled objects of managed heaps, by whether they survived the first collection they met
    run_id     INTEGER NOT NULL,
    heap_id    INTEGER NOT NULL,         -- heap.id
    class_id   INTEGER NOT NULL,         -- class.id; 0: none
    stack_id   INTEGER NOT NULL,         -- stack.id; 0: lost stacks
    survived   INTEGER NOT NULL,         -- 1: it lived when that one ended; 0: it was freed before. Those alive at the end that met none are left out
    samples    INTEGER NOT NULL,
    bytes REAL NOT NULL, bytes_sq REAL NOT NULL, bytes_var REAL NOT NULL,
    blocks REAL NOT NULL, blocks_sq REAL NOT NULL, blocks_var REAL NOT NULL,
    PRIMARY KEY (run_id, heap_id, class_id, stack_id, survived)
) STRICT, WITHOUT ROWID;

CREATE TABLE quantile (                  -- of what the program told, nearest rank: the least value that such a part does not exceed
    run_id     INTEGER NOT NULL,
    measure    TEXT NOT NULL,            -- table.column: frame_mark.duration_ns, span.first_result_ns, ...; see distribution.c
    subject_id INTEGER NOT NULL,         -- frame_stream.id, heap.id; 0: none
    part       TEXT NOT NULL,            -- kind of spans, label of evaluations, kind of collections; '': none, or all
    told       INTEGER NOT NULL,         -- values that are not NULL
    p50        INTEGER NOT NULL,
    p90        INTEGER NOT NULL,
    p95        INTEGER NOT NULL,
    p99        INTEGER NOT NULL,
    maximum    INTEGER NOT NULL,
    p50_low    INTEGER,                  -- what p50 would be in a longer run of the same: the 95 % interval that holds for any distribution; NULL: too few values
    p50_high   INTEGER,
    p99_low    INTEGER,
    p99_high   INTEGER,
    PRIMARY KEY (run_id, measure, subject_id, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE gc_utilisation (            -- minimum mutator utilisation: how little the program could run in any window of this length
    run_id      INTEGER NOT NULL,
    heap_id     INTEGER NOT NULL,        -- heap.id; 0: all heaps together
    window_ns   INTEGER NOT NULL,        -- 1, 2 and 5 times powers of ten, 100 us to 10 s, none longer than the run
    utilisation REAL NOT NULL,           -- part of the window in which it did not stand for collections; 0: it stood for all of one
    worst_ns    INTEGER NOT NULL,        -- begin of the worst window
    PRIMARY KEY (run_id, heap_id, window_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE capacity (                  -- how high a level was, and how high it will be over a next period as long as the run; see capacity_estimate.h
    run_id     INTEGER NOT NULL,
    measure    TEXT NOT NULL,            -- rss: the resident set without the recorder's own; live: live bytes; heap: of a managed heap; pool: of a pool, in slots for connections
    subject_id INTEGER NOT NULL,         -- heap.id, pool.id; 0: none
    readings   INTEGER NOT NULL,
    p50        INTEGER NOT NULL,         -- it was no higher for half of the time
    p90        INTEGER NOT NULL,
    p95        INTEGER NOT NULL,
    p99        INTEGER NOT NULL,
    maximum    INTEGER NOT NULL,         -- pools: of what was wanted, also between readings
    maximum_ns INTEGER NOT NULL,         -- when it was read
    method     TEXT,                     -- of the prediction. tail: distribution fitted to the highest blocks; order: too few blocks, a tail of standard shape; NULL: too short, no prediction
    warm_up_ns INTEGER,                  -- the start that was left out of it, from the first reading; NULL from here on: no prediction
    period_ns  INTEGER,                  -- of a season that was found; NULL: none
    block_ns   INTEGER,                  -- length of the blocks whose maxima count as independent
    blocks     INTEGER,                  -- how many there are
    next_bytes      INTEGER,             -- highest of the next period: as likely above as below
    next_low_bytes  INTEGER,             -- 95 % interval of it
    next_high_bytes INTEGER,
    trend      TEXT,                     -- level: the interval of the slope holds 0; grows, falls; NULL from here on: too short to say
    explained  INTEGER NOT NULL,         -- 1: it grows, and leaks account for half of that or more, so it will go on
    slope_bytes_per_hour      REAL,
    slope_bytes_per_hour_low  REAL,
    slope_bytes_per_hour_high REAL,
    level_bytes      INTEGER,            -- where it stands at the end: what it exceeds one time in twenty
    level_low_bytes  INTEGER,            -- ... half of the time
    level_high_bytes INTEGER,            -- ... never did, seen along the slope
    PRIMARY KEY (run_id, measure, subject_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE capacity_risk (             -- what the highest of the next period exceeds with a certain chance
    run_id     INTEGER NOT NULL,
    measure    TEXT NOT NULL,            -- as in capacity
    subject_id INTEGER NOT NULL,
    risk       REAL NOT NULL,            -- 0.975, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.001, 0.0001
    bytes      INTEGER NOT NULL,
    PRIMARY KEY (run_id, measure, subject_id, risk)
) STRICT, WITHOUT ROWID;

CREATE TABLE pool_occupancy (            -- how full a pool was, in at most 64 equal steps of whole slots
    run_id     INTEGER NOT NULL,
    pool_id    INTEGER NOT NULL,         -- pool.id
    size_bytes INTEGER NOT NULL,         -- up to and with that, and more than the size before; slots for connections
    held_ns    INTEGER NOT NULL,         -- time in which so much was used, as seen ten times a second
    looks      INTEGER NOT NULL,         -- tenths of a second in which so much was wanted at most; exact, see pool_tick.wanted_bytes
    PRIMARY KEY (run_id, pool_id, size_bytes)
) STRICT, WITHOUT ROWID;

CREATE TABLE pool_wait (                 -- a pool of connections, or one that made wait or refused: what a number of slots means (Erlang's formulas)
    run_id  INTEGER NOT NULL,
    pool_id INTEGER NOT NULL,            -- pool.id
    slots   INTEGER NOT NULL,            -- from 1 until one of 100 000 is refused, at most 4096
    load    REAL NOT NULL,               -- places kept busy, had there been enough: those used, and those who waited; where requests were refused, what keeps so many busy in spite of it
    refused_share REAL NOT NULL,         -- of the requests, those that find no place, when such go away
    waiting_share REAL NOT NULL,         -- ... when such wait
    PRIMARY KEY (run_id, pool_id, slots)
) STRICT, WITHOUT ROWID;

CREATE TABLE span_load (                 -- how many spans of a kind were in flight
    run_id     INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    spans      INTEGER NOT NULL,
    first_ns   INTEGER NOT NULL,         -- first begin
    last_ns    INTEGER NOT NULL,         -- last end; of one that did not end: the run's
    in_flight  REAL NOT NULL,            -- on average in between
    in_flight_max INTEGER NOT NULL,
    in_flight_max_ns INTEGER NOT NULL,   -- when that was reached
    duration_ns REAL,                    -- mean of those that ended; NULL from here on: none did
    held_bytes  REAL,                    -- what one held on average while in flight, the sum of span.held_byte_ns over that of their durations
    bytes REAL, bytes_sq REAL, bytes_var REAL, -- what was allocated in them, which says how sure that is
    PRIMARY KEY (run_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE lifetime_stat (             -- how long freed blocks lived, by size: powers of two of ns and of bytes, whole process
    run_id     INTEGER NOT NULL,
    low_ns     INTEGER NOT NULL,         -- they lived from low ...
    high_ns    INTEGER NOT NULL,         -- ... up to and with high
    low_bytes  INTEGER NOT NULL,         -- requested sizes, likewise
    high_bytes INTEGER NOT NULL,
    samples    INTEGER NOT NULL,
    bytes      REAL NOT NULL,            -- estimate
    blocks     REAL NOT NULL,            -- estimate
    PRIMARY KEY (run_id, low_ns, low_bytes)
) STRICT, WITHOUT ROWID;

-- Where blocks of malloc lie, at two looks: `late`, at nine tenths of the run, when the program does not clean up yet,
-- and `end`. Regions are aligned stretches of addresses in which blocks ever lay; blocks with mappings of their own
-- are not in them.

CREATE TABLE heap_look (
    run_id       INTEGER NOT NULL,
    moment       TEXT NOT NULL,          -- late, end; no late: nothing was recorded after it
    time_ns      INTEGER NOT NULL,
    region_bytes INTEGER NOT NULL,       -- such that a full one holds 32 samples or more; 2 MiB in full mode
    unit_bytes   INTEGER NOT NULL,       -- what counts as empty or nearly empty: a page in full mode, else a region
    samples      INTEGER NOT NULL,       -- living
    mapped_bytes REAL NOT NULL, mapped_bytes_low REAL NOT NULL, mapped_bytes_high REAL NOT NULL, -- living blocks with mappings of their own
    sparse_regions INTEGER NOT NULL,     -- nearly empty: at most a quarter full, with 97.5 % confidence at most half
    unseen_regions REAL NOT NULL,        -- of the empty ones, so many hold something that no sample shows: an estimate, and its upper bound
    unseen_regions_high REAL NOT NULL,
    empty_regions  INTEGER NOT NULL,
    PRIMARY KEY (run_id, moment)
) STRICT, WITHOUT ROWID;

CREATE TABLE address_area (              -- regions not far from each other: a heap, an arena
    run_id         INTEGER NOT NULL,
    moment         TEXT NOT NULL,
    number         INTEGER NOT NULL,     -- 1: the largest
    start_address  INTEGER,              -- NULL: all areas too small for a row
    end_address    INTEGER,              -- one past
    areas          INTEGER NOT NULL,
    regions        INTEGER NOT NULL,
    empty_regions  INTEGER NOT NULL,
    sparse_regions INTEGER NOT NULL,     -- nearly empty
    reserved_bytes INTEGER NOT NULL,     -- in which blocks ever lay: full mode: pages; else from the first to the last touched in adjacent regions
    used_bytes REAL NOT NULL, used_bytes_low REAL NOT NULL, used_bytes_high REAL NOT NULL, -- usable bytes of living blocks
    empty_bytes    REAL NOT NULL,        -- of reserved_bytes, in units in which nothing lives
    sparse_bytes   REAL NOT NULL,        -- free in nearly empty units
    unusable_page  REAL,                 -- part of the free bytes that no block of this size could have; page: 4 KiB. NULL: full mode only, or nothing is free
    unusable_64k   REAL,
    unusable_region REAL,                -- ... of region_bytes
    longest_free_bytes INTEGER NOT NULL, -- longest stretch of empty units
    cells          TEXT,                 -- at most 64 hex digits, each an equal number of regions: 0 nothing lives there ... f full; NULL: several areas
    PRIMARY KEY (run_id, moment, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE region (                    -- the 256 with most free bytes
    run_id         INTEGER NOT NULL,
    moment         TEXT NOT NULL,
    start_address  INTEGER NOT NULL,
    state          TEXT NOT NULL,        -- empty, nearly empty, partly: up to three quarters, full; undecided: too few samples
    reserved_bytes INTEGER NOT NULL,     -- as in address_area
    used_bytes REAL NOT NULL, used_bytes_low REAL NOT NULL, used_bytes_high REAL NOT NULL,
    free_bytes     REAL NOT NULL,        -- reserved - used
    samples        INTEGER NOT NULL,     -- living
    touched_pages  INTEGER,              -- in which blocks ever lay; NULL from here on: full mode only
    empty_pages    INTEGER,
    sparse_pages   INTEGER,              -- nearly empty
    sparse_page_bytes REAL,              -- free in those
    PRIMARY KEY (run_id, moment, start_address)
) STRICT, WITHOUT ROWID;

CREATE TABLE pin (                       -- sites whose old blocks lie in nearly empty units: the 128 that pin most
    run_id         INTEGER NOT NULL,
    moment         TEXT NOT NULL,
    rank           INTEGER NOT NULL,
    stack_id       INTEGER NOT NULL,     -- stack.id: of the site's stacks the one with most such blocks; 0: lost stacks
    function       TEXT NOT NULL,        -- the site: stacks that share the two innermost places in code
    stacks         INTEGER NOT NULL,     -- of it
    samples        INTEGER NOT NULL,     -- old blocks: older than a tenth of the time so far; one in two regions counts twice
    pinned_bytes REAL NOT NULL, pinned_bytes_low REAL NOT NULL, pinned_bytes_high REAL NOT NULL, -- free in nearly empty units, shared out by the pages on which its blocks lie
    region_pinned_bytes REAL NOT NULL,   -- the same by regions, also in full mode
    live_bytes     REAL NOT NULL,        -- of the old blocks, usable
    blocks         REAL NOT NULL,
    oldest_ns      INTEGER NOT NULL,     -- age of the oldest
    PRIMARY KEY (run_id, moment, rank)
) STRICT, WITHOUT ROWID;

CREATE TABLE rounding (                  -- what the allocator gave beyond the request: the 64 functions with most
    run_id       INTEGER NOT NULL,
    moment       TEXT NOT NULL,          -- late, or end when there is no late
    rank         INTEGER NOT NULL,       -- 1: most waste
    place        INTEGER NOT NULL,       -- 0: the function's sum; 1 to 4: its sizes with most waste
    function     TEXT NOT NULL,
    stack_id     INTEGER NOT NULL,       -- stack.id: of its stacks the one with the most waste of one size; 0: lost stacks
    size_bytes   INTEGER,                -- requested; 0: also sizes that were too many to tell apart; NULL: the sum
    usable_bytes INTEGER,                -- given, the most for this size; NULL: the sum
    below_bytes  INTEGER,                -- the largest usable size of any living block that is smaller than the request; NULL: none is, the request is above 64 KiB, or the sum
    samples      INTEGER NOT NULL,       -- living
    blocks       REAL NOT NULL,
    bytes        REAL NOT NULL,          -- requested
    waste REAL NOT NULL, waste_sq REAL NOT NULL, waste_var REAL NOT NULL,
    PRIMARY KEY (run_id, moment, rank, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE leak (                      -- one row per finding: the verdict of the cohort-survival test. A block that lives is in one row only
    id                  INTEGER PRIMARY KEY,
    run_id              INTEGER NOT NULL,
    rank                INTEGER NOT NULL,   -- 1: most urgent
    kind                TEXT NOT NULL,      -- site: blocks of malloc, by stack; object: managed objects, by stack; class: by class; span, eval: left behind by spans of a kind or evaluations of a label. The last three only where their sites do not say it
    verdict             TEXT NOT NULL,      -- leak, growing, cache, startup, steady, undecided
    subject             TEXT NOT NULL,      -- by kind: the function, class, kind of spans, label of evaluations
    stack_id            INTEGER NOT NULL,   -- stack.id: of the stacks merged here, the one with most live bytes; 0: lost stacks
    merged_stacks       INTEGER NOT NULL,   -- stacks judged together because each had too few samples
    function            TEXT NOT NULL,      -- the site: the function of that stack
    heap_id             INTEGER,            -- heap.id of managed objects; NULL: blocks of malloc
    class_id            INTEGER,            -- class.id that most of the survivors have; NULL: none has, or not told
    scope               TEXT,               -- span, eval: what left most of the survivors behind; NULL: no such witness
    scope_name          TEXT,               -- its kind or label
    scope_left          INTEGER,            -- such spans or evaluations that left something, of those that ten more followed
    scope_begun         INTEGER,            -- all such
    samples             INTEGER NOT NULL,   -- allocations sampled
    live_samples        INTEGER NOT NULL,
    live_bytes          REAL NOT NULL, live_bytes_low REAL NOT NULL, live_bytes_high REAL NOT NULL,
    live_blocks         REAL, live_blocks_low REAL, live_blocks_high REAL, -- NULL: imported from a tool that does not count them
    leak_rate_bytes_per_hour      REAL,     -- confirmed survivors per hour since the onset; NULL: no leak seen
    leak_rate_bytes_per_hour_low  REAL,
    leak_rate_bytes_per_hour_high REAL,
    leaked_share        REAL,               -- of the bytes allocated since the onset that were old enough to be judged, the part never freed; NULL: cannot be told
    leaked_share_low    REAL,
    leaked_share_high   REAL,
    onset_ns            INTEGER,            -- since when; NULL: no leak seen
    oldest_ns           INTEGER,            -- age of the oldest survivor at the end; NULL: none
    oldest_gcs          INTEGER,            -- collections begun in its lifetime, of its heap, of all for a block of malloc; NULL: none is told, or the site is steady
    oldest_frames       INTEGER,            -- frames begun in it, of all streams; NULL: none is told, or the site is steady
    oldest_spans        INTEGER,            -- spans begun in it; NULL: none is told, or the site is steady
    lifetime_p99_ns     INTEGER,            -- 99 % of the freed blocks lived no longer; NULL: none was freed
    p_value             REAL,               -- of the survivors under "no leak", before correction; NULL: not tested
    more_ns             INTEGER,            -- for a verdict the run would have to go on so long; NULL: there is one, or that would not help
    suppressed_by       TEXT,               -- pattern of a suppression file that matches its stack; NULL: none does
    reason              TEXT NOT NULL       -- one sentence: why this verdict and why not the others
) STRICT;
-- Whoever asks for the leaks of a run asks often.
CREATE INDEX leak_verdict ON leak (run_id, verdict);
