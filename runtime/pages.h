/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h -- memory straight from the kernel: the recorder never calls malloc.
 *
 * Pages are zero when first touched and cost nothing before. Thread-safe; errno is untouched.     */
#ifndef MEMREC_PAGES_H
#define MEMREC_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Private pages, zeroed; NULL when the kernel has none. Free with mr_pages_unmap. */
void *mr_pages_map(size_t size_bytes);
void mr_pages_unmap(void *pages, size_t size_bytes);

/* Shared pages of a file (which may be closed afterwards); NULL on failure. */
void *mr_pages_map_file(int file, size_t size_bytes);

/* Makes private pages zero again and gives their memory back. */
void mr_pages_clear(void *pages, size_t size_bytes);

/* Puts private zeros in the place of a mapping, at once for all threads. False: it is as before. */
bool mr_pages_blank(void *pages, size_t size_bytes);

/* A forked child will find this private memory zeroed: how a fork that called no handlers shows. */
bool mr_pages_wipe_on_fork(void *pages, size_t size_bytes);

/* Takes the memory of shared pages now, so that a full filesystem is an answer here and not a
 * SIGBUS later. False: there is none, or the kernel (before 5.14) cannot. */
bool mr_pages_populate(void *pages, size_t size_bytes);

/* Whether an address lies in private pages of ours: the kernel's lists of mappings do not say. */
bool mr_pages_own(uintptr_t address);

/* Bytes of private pages held at present: nothing may leak. */
uint64_t mr_pages_mapped_bytes(void);

#endif
