/* SPDX-License-Identifier: Apache-2.0 */
/* os.h -- the operating system, as far as the recorder needs it.
 *
 * Everything returns 0 or a count on success and -errno on failure; errno itself is never touched,
 * nothing allocates, and all of it may run on a thread that the C library does not know (see
 * drain_thread.c). One implementation per system: os_linux.c.                                    */
#ifndef MEMREC_OS_H
#define MEMREC_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Time. Ticks are the unit of the trace: cheap to read, monotonic, of unknown rate. */
#if defined(__x86_64__)
#define MR_TICKS_SHIFT 5
static inline uint64_t mr_ticks(void) { return __builtin_ia32_rdtsc() >> MR_TICKS_SHIFT; }
#elif defined(__aarch64__)
static inline uint64_t mr_ticks(void)
{
    uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
}
#else
#define mr_ticks mr_monotonic_ns
#endif
uint64_t mr_monotonic_ns(void);
uint64_t mr_realtime_ns(void);
uint64_t mr_thread_cpu_ns(void); /* of the calling thread */

/* Files. */
int mr_open_read(const char *path);
int mr_open_new(const char *path);    /* write, created, -EEXIST when it is there */
int mr_open_shared(const char *path); /* read and write, created for this user alone */
long mr_read(int file, void *buffer, size_t size);
long mr_read_file(const char *path, char *buffer, size_t size); /* whole; bytes read; terminated */
int mr_write_all(int file, const void *bytes, size_t size);
long mr_read_link(const char *path, char *buffer, size_t size); /* terminated */
int mr_truncate(int file, uint64_t size);
void mr_seek(int file, uint64_t offset);
int mr_unlink(const char *path);
/* The same in an open folder, which stays the same when the program changes its root. */
int mr_open_folder(const char *path); /* for these two only */
int mr_open_new_in(int folder, const char *name);
int mr_unlink_in(int folder, const char *name);
void mr_close(int file);
int mr_move_file_high(int file); /* the same file under a number the host will not meet */
/* Gives the calling thread a descriptor table of its own that holds nothing but the `count` in
 * keep, given rising. False: the system cannot, and the table is still everybody's. */
bool mr_own_files(const int *keep, size_t count);
bool mr_is_terminal(int file);
uint64_t mr_file_size_limit(void);
uint64_t mr_address_space_limit(void); /* bytes; UINT64_MAX: none */

/* Processes and threads. */
int mr_pid(void);
int mr_parent_pid(void);
int mr_tid(void);
int mr_user(void);
bool mr_thread_is_gone(int pid, int tid);
/* Between what the caller did before and does after, every other thread has passed a full memory barrier: what it
 * stored before its own compiler barrier is seen. May take milliseconds. */
void mr_fence_threads(void);
void mr_thread_name(char name[16]);
void mr_set_thread_name(const char *name);
void mr_random_bytes(void *buffer, size_t size);
/* Copies bytes that may not be there: false when any of them is not mapped. */
bool mr_copy_memory(void *to, const void *from, size_t size);

/* Waiting: until *place is not `expected`, a wake, or the time is over. */
void mr_wait(const void *place, uint32_t expected, uint64_t timeout_ns);
void mr_wake(const void *place);

#endif
