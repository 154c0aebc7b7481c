/* SPDX-License-Identifier: Apache-2.0 */
/* os_linux.c -- os.h for Linux, by bare system calls: the C library's wrappers would set errno. */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>

#include "os_syscall.h"

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0, 0};
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        mr_syscall(SYS_clock_gettime, clock, (long)&now, 0, 0, 0, 0);
    else
        clock_gettime(clock, &now); /* vDSO; cannot fail for these clocks */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t mr_monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
uint64_t mr_realtime_ns(void) { return clock_ns(CLOCK_REALTIME); }
uint64_t mr_thread_cpu_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

static int open_file(const char *path, int flags, int mode)
{
    return (int)mr_syscall(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, mode, 0, 0);
}

int mr_open_read(const char *path) { return open_file(path, O_RDONLY, 0); }

int mr_open_new(const char *path)
{
    return open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, 0644);
}

int mr_open_folder(const char *path) { return open_file(path, O_PATH | O_DIRECTORY, 0); }

int mr_open_new_in(int folder, const char *name)
{
    return (int)mr_syscall(SYS_openat, folder, (long)name,
                           O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC, 0644, 0, 0);
}

int mr_unlink_in(int folder, const char *name)
{
    return (int)mr_syscall(SYS_unlinkat, folder, (long)name, 0, 0, 0, 0);
}

int mr_open_shared(const char *path)
{
    return open_file(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
}

long mr_read(int file, void *buffer, size_t size)
{
    return mr_syscall(SYS_read, file, (long)buffer, (long)size, 0, 0, 0);
}

long mr_read_file(const char *path, char *buffer, size_t size)
{
    int file = mr_open_read(path);
    if (file < 0)
        return file;
    size_t used = 0;
    while (used < size - 1) {
        long got = mr_read(file, buffer + used, size - 1 - used);
        if (got == -EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    mr_close(file);
    buffer[used] = '\0';
    return (long)used;
}

int mr_write_all(int file, const void *bytes, size_t size)
{
    const char *next = bytes;
    while (size > 0) {
        long done = mr_syscall(SYS_write, file, (long)next, (long)size, 0, 0, 0);
        if (done == -EINTR)
            continue;
        if (done < 0)
            return (int)done;
        next += done;
        size -= (size_t)done;
    }
    return 0;
}

long mr_read_link(const char *path, char *buffer, size_t size)
{
    long got = mr_syscall(SYS_readlinkat, AT_FDCWD, (long)path, (long)buffer, (long)size - 1, 0, 0);
    buffer[got > 0 ? got : 0] = '\0';
    return got;
}

int mr_truncate(int file, uint64_t size)
{
    return (int)mr_syscall(SYS_ftruncate, file, (long)size, 0, 0, 0, 0);
}

void mr_seek(int file, uint64_t offset) { mr_syscall(SYS_lseek, file, (long)offset, 0, 0, 0, 0); }

int mr_unlink(const char *path)
{
    return (int)mr_syscall(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
}

void mr_close(int file) { mr_syscall(SYS_close, file, 0, 0, 0, 0, 0); }

int mr_move_file_high(int file)
{
    for (int lowest = 1000; lowest > 3; lowest /= 2) {
        int high = (int)mr_syscall(SYS_fcntl, file, F_DUPFD_CLOEXEC, lowest, 0, 0, 0);
        if (high >= 0) {
            mr_close(file);
            return high;
        }
    }
    return file;
}

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static void close_between(unsigned first, unsigned last)
{
    if (first > last)
        return;
    if (mr_syscall(SYS_close_range, first, last, 0, 0, 0, 0) == 0)
        return;
    for (unsigned file = first; file <= last && file < 65536; file++) /* kernels before 5.9 */
        mr_close((int)file);
}

bool mr_own_files(const int *keep, size_t count)
{
    if (mr_syscall(SYS_unshare, CLONE_FILES, 0, 0, 0, 0, 0) != 0)
        return false;
    unsigned first = 0;
    for (size_t i = 0; i < count; i++) {
        if (keep[i] < 0)
            continue;
        if (keep[i] > 0)
            close_between(first, (unsigned)keep[i] - 1);
        first = (unsigned)keep[i] + 1;
    }
    close_between(first, ~0u);
    return true;
}

bool mr_is_terminal(int file)
{
    struct termios settings;
    return mr_syscall(SYS_ioctl, file, TCGETS, (long)&settings, 0, 0, 0) == 0;
}

static uint64_t soft_limit(int resource)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    mr_syscall(SYS_prlimit64, 0, resource, 0, (long)&limit, 0, 0);
    return limit.rlim_cur;
}

uint64_t mr_file_size_limit(void) { return soft_limit(RLIMIT_FSIZE); }
uint64_t mr_address_space_limit(void) { return soft_limit(RLIMIT_AS); }

int mr_pid(void) { return (int)mr_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0); }
int mr_parent_pid(void) { return (int)mr_syscall(SYS_getppid, 0, 0, 0, 0, 0, 0); }
int mr_tid(void) { return (int)mr_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0); }
int mr_user(void) { return (int)mr_syscall(SYS_getuid, 0, 0, 0, 0, 0, 0); }

bool mr_thread_is_gone(int pid, int tid)
{
    return mr_syscall(SYS_tgkill, pid, tid, 0, 0, 0, 0) == -ESRCH;
}

void mr_fence_threads(void)
{
    static const uint32_t nothing;
    mr_syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
    if (mr_syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0) != 0)
        mr_wait(&nothing, 0,
                20000000); /* no such call: no store stays in a processor for so long */
}

void mr_thread_name(char name[16])
{
    memset(name, 0, 16);
    mr_syscall(SYS_prctl, PR_GET_NAME, (long)name, 0, 0, 0, 0);
}

void mr_set_thread_name(const char *name)
{
    mr_syscall(SYS_prctl, PR_SET_NAME, (long)name, 0, 0, 0, 0);
}

void mr_random_bytes(void *buffer, size_t size)
{
    if (mr_syscall(SYS_getrandom, (long)buffer, (long)size, 1 /* GRND_NONBLOCK */, 0, 0, 0) ==
        (long)size)
        return;
    uint64_t state = mr_monotonic_ns() ^ (uint64_t)mr_pid() << 40; /* early boot: unique enough */
    for (size_t i = 0; i < size; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ((uint8_t *)buffer)[i] = (uint8_t)(state >> 56);
    }
}

bool mr_copy_memory(void *to, const void *from, size_t size)
{
    struct iovec local = {to, size};
    struct iovec remote = {(void *)(uintptr_t)from, size};
    return mr_syscall(SYS_process_vm_readv, mr_pid(), (long)&local, 1, (long)&remote, 1, 0) ==
           (long)size;
}

void mr_wait(const void *place, uint32_t expected, uint64_t timeout_ns)
{
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                               (long)(timeout_ns % 1000000000u)};
    mr_syscall(SYS_futex, (long)place, FUTEX_WAIT_PRIVATE, expected, (long)&timeout, 0, 0);
}

void mr_wake(const void *place)
{
    mr_syscall(SYS_futex, (long)place, FUTEX_WAKE_PRIVATE, 1 << 30, 0, 0, 0);
}
