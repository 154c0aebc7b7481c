/* SPDX-License-Identifier: Apache-2.0 */
/* unwind_cfi.h -- how to leave the frame that executes at one address, read from .eh_frame.
 *
 * A compiler describes each function's frame as a little program (call frame information, CFI)
 * that yields, for an address: where the canonical frame address is (CFA: the stack pointer before
 * the call), and where the caller's registers were saved. This file runs that program and reduces
 * the answer to what an x86-64 walk needs: CFA, frame pointer, return address.
 *
 * Reads only the tables of loaded modules. Never allocates, locks or calls the system; safe in a
 * signal handler and on any thread.                                                             */
#ifndef MEMREC_UNWIND_CFI_H
#define MEMREC_UNWIND_CFI_H

#include <stdbool.h>
#include <stdint.h>

enum mr_cfi_form {
    MR_CFI_PLAIN,         /* cfa = base + cfa_offset; return address at cfa - 8 */
    MR_CFI_INDIRECT,      /* cfa = *(base + cfa_offset): a frame that realigned its stack */
    MR_CFI_INDIRECT_8,    /* cfa = *(base + cfa_offset) + 8: an old stack pointer was pushed */
    MR_CFI_SIGNAL,        /* a ucontext lies at sp: it has the interrupted registers */
    MR_CFI_FRAME_POINTER, /* nothing is known here: try the frame pointer */
    MR_CFI_ROOT,          /* the outermost frame: nobody called it */
    MR_CFI_STOP           /* described in a way that this walk cannot follow */
};

enum mr_cfi_saved {
    MR_CFI_UNCHANGED, /* the caller's frame pointer is still in the register */
    MR_CFI_AT_CFA,    /* saved at cfa + fp_offset */
    MR_CFI_AT_FP      /* saved at fp + fp_offset */
};

struct mr_cfi_rule {
    enum mr_cfi_form form;
    enum mr_cfi_saved fp_saved;
    bool base_is_fp; /* base: the frame pointer; else the stack pointer */
    int64_t cfa_offset;
    int64_t fp_offset;
};

/* The rule for the instruction that contains `address`. Some 100 to 200 ns. */
struct mr_cfi_rule mr_cfi_find(uintptr_t address);

/* Does `address` lie in a loaded module? False wherever the C library cannot say without locks. */
bool mr_cfi_in_module(uintptr_t address);

#endif
