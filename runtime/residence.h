/* SPDX-License-Identifier: Apache-2.0 */
/* residence.h -- the resident set by whose memory it is: one pass over /proc/self/smaps.
 *
 * The kernel joins neighbouring anonymous mappings of any origin into one line, so a line is divided by what is known of
 * the addresses in it: ranges that were mapped through mmap (maps.h), the .bss of loaded objects, heaps of glibc's further
 * arenas, thread stacks above their guard page. How much of a piece is resident is asked with mincore where the line is
 * not all of one kind. What nothing claims remains in `anonymous`. Drain thread only.            */
#ifndef MEMREC_RESIDENCE_H
#define MEMREC_RESIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_residence {    /* bytes */
    uint64_t heap;       /* [heap] */
    uint64_t anonymous;  /* other private memory without a file, the next five included */
    uint64_t statics;    /* .bss */
    uint64_t stacks;     /* of threads but the first, ended ones included whose stack is kept */
    uint64_t arenas;     /* of glibc, besides [heap] */
    uint64_t allocator;  /* mapped by an allocator that is not the C library's, and its .bss */
    uint64_t mapped;     /* mapped by the program */
    uint64_t main_stack; /* of the first thread */
    uint64_t files;      /* code, data, mapped files */
    uint64_t shared;     /* shared memory */
    uint64_t recorder;   /* ours */
    uint64_t pss, swap;  /* of all */
    uint64_t absent;     /* of large blocks that live: what has no memory behind it; an estimate */
};

#define MR_RESIDENCE_BYTES (256u << 10)

/* Fills *out; memory is MR_RESIDENCE_BYTES to work in. arenas: look for glibc's. False: it cannot be read. */
bool mr_residence_read(struct mr_residence *out, void *memory, bool arenas);

/* A sampled block this large is looked into: an array that nobody wrote to, a buffer that is half full. */
#define MR_LARGE_BYTES (256u << 10)

/* Such a block was born; it stands for `weight` 1/1024 blocks. Any thread. */
void mr_residence_add_block(const void *block, size_t usable_bytes, uint64_t weight);

/* A sampled block of any size is about to be freed. Any thread. */
void mr_residence_drop_block(const void *block);

/* All blocks are forgotten: another session. */
void mr_residence_clear(void);

/* On the thread of this slot: where its stack ends. A slot beyond the last is ignored. */
void mr_residence_note_stack(uint64_t slot);

#endif
