/* SPDX-License-Identifier: Apache-2.0 */
/* no_memory.c -- no_memory LIBMEMREC TRACE INTERVAL: runs a small host under the recorder again and again; the
 * first time its first system call fails, then the second, until it has no more. Whatever fails -- memory, the
 * files, the trace itself -- the host does what it does, prints what it prints and ends with its own exit code.
 *
 * The recorder enters the kernel by itself, so a tracer fails its calls: those whose instruction lies in
 * libmemrec. Left alone are calls that cannot fail or that the recorder only waits in. */
#define MEMREC_HEADER_ONLY /* this file is the tracer, too, which is not recorded */
#include "check.h"

#include <errno.h>
#include <memrec/memrec.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the host --------------------------------------------------------------------------------- */

static uint64_t allocate_some(unsigned count)
{
    uint64_t sum = 0;
    char *kept[16] = {NULL};

    for (unsigned i = 0; i < count; i++) {
        size_t size = 16 + i * 37 % 5000;
        char *block = i % 3 ? malloc(size) : calloc(1, size);

        if (!block) {
            exit(3);
        }
        memset(block, (int)i, size);
        free(kept[i % 16]);
        kept[i % 16] = block;
        sum += (unsigned char)block[size - 1];
    }
    for (unsigned i = 0; i < 16; i++) {
        free(kept[i]);
    }
    return sum;
}

static void *allocate_in_thread(void *out)
{
    *(uint64_t *)out = allocate_some(300);
    return NULL;
}

/* What the program tells, in a recording, between two, and in a second one. */
static void tell(void)
{
    static char objects[200][16];
    memrec_heap_id heap = memrec_heap("h", 0, 1, 0);
    memrec_stream_id stream = memrec_stream("s", 0);

    for (int part = 0; part < 3; part++) {
        memrec_frame_begin(stream);
        for (int i = 0; i < 200; i++) {
            memrec_heap_alloc(heap, 0, objects[i], 500);
        }
        for (int i = 0; i < 200; i++) {
            memrec_heap_free(heap, objects[i], 500);
        }
        memrec_frame_end(stream);
        if (part == 0) {
            memrec_pause();
            memrec_resume();
            memrec_set_interval(2000);
            memrec_stop();
        } else if (part == 1) {
            memrec_start(NULL);
        }
    }
}

static int be_host(void)
{
    uint64_t sum = allocate_some(600), other = 0;
    pthread_t thread;
    int status = 0;

    errno = 77;
    free(malloc(100000));
    if (errno != 77 || pthread_create(&thread, NULL, allocate_in_thread, &other) != 0) {
        return 4;
    }
    pthread_join(thread, NULL);
    fflush(stdout);
    tell();
    sum += allocate_some(100);
    pid_t child = fork();
    if (child == 0) {
        _exit(allocate_some(300) == other ? 0 : 5);
    }
    if (waitpid(child, &status, 0) != child || status != 0) {
        return 6;
    }
    printf("host %" PRIu64 " %" PRIu64 "\n", sum, other);
    return 9;
}

#define HOST_CODE 9

#if defined(__x86_64__)

/* ---- the tracer ------------------------------------------------------------------------------- */

static bool may_fail(uint64_t call)
{
    switch (call) {
    case SYS_mmap:
    case SYS_munmap:
    case SYS_madvise:
    case SYS_openat:
    case SYS_read:
    case SYS_write:
    case SYS_ftruncate:
    case SYS_lseek:
    case SYS_fcntl:
    case SYS_ioctl:
    case SYS_readlinkat:
    case SYS_unlinkat:
    case SYS_unshare:
    case SYS_getrandom:
    case SYS_prlimit64:
    case SYS_process_vm_readv:
    case SYS_clone:
    case SYS_membarrier:
        return true;
    }
    return false;
}

static long error_of(uint64_t call)
{
    return call == SYS_write || call == SYS_ftruncate ? -ENOSPC
           : call == SYS_openat                       ? -EMFILE
                                                      : -ENOMEM;
}

/* Whether this address is in libmemrec, which every process of the host has at the same place. */
static bool in_recorder(pid_t pid, uint64_t address)
{
    static uint64_t start, end;
    static pid_t known;
    char path[64], line[512];

    if (pid == 0) { /* a new run */
        known = 0;
        start = end = 0;
        return false;
    }
    if (start == 0 && known < 1000) {
        known++;
        snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
        FILE *maps = fopen(path, "r");
        while (maps && fgets(line, sizeof line, maps)) {
            unsigned long from, to;

            if (strstr(line, "libmemrec.so") && strstr(line, " r-xp ") &&
                sscanf(line, "%lx-%lx", &from, &to) == 2) {
                start = from;
                end = to;
            }
        }
        if (maps) {
            fclose(maps);
        }
    }
    return address >= start && address < end;
}

struct run {
    uint64_t calls;  /* of the recorder, that may fail */
    uint64_t failed; /* the call that was made to fail */
    int status;      /* of the host */
};

enum { TASKS_MAX = 64 };

static struct task {
    pid_t id;
    bool inside, fails;
    long error;
} tasks[TASKS_MAX];

static struct task *task_of(pid_t id)
{
    for (int i = 0; i < TASKS_MAX; i++) {
        if (tasks[i].id == id || tasks[i].id == 0) {
            tasks[i].id = id;
            return &tasks[i];
        }
    }
    abort();
}

static void at_call(struct task *task, uint64_t fail_at, struct run *run)
{
    struct user_regs_struct registers;

    task->inside = !task->inside;
    if (ptrace(PTRACE_GETREGS, task->id, NULL, &registers) != 0) {
        return;
    }
    if (!task->inside) {
        if (task->fails) {
            registers.rax = (unsigned long long)task->error;
            ptrace(PTRACE_SETREGS, task->id, NULL, &registers);
            task->fails = false;
        }
        return;
    }
    if (!may_fail(registers.orig_rax) || !in_recorder(task->id, registers.rip)) {
        return;
    }
    if (++run->calls == fail_at) {
        run->failed = registers.orig_rax;
        task->fails = true;
        task->error = error_of(registers.orig_rax);
        registers.orig_rax = (unsigned long long)-1; /* no such call: nothing happens */
        ptrace(PTRACE_SETREGS, task->id, NULL, &registers);
    }
}

/* One run of the host whose call number `fail_at` fails; its stdout into the pipe. */
static struct run run_host(char *self, uint64_t fail_at, int out)
{
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                         PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;
    struct run run = {.status = -1};
    int status;

    memset(tasks, 0, sizeof tasks);
    in_recorder(0, 0);
    pid_t host = fork();
    if (host == 0) {
        dup2(out, STDOUT_FILENO);
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        alarm(30);
        execl(self, self, "host", (char *)NULL);
        _exit(127);
    }
    if (waitpid(host, &status, 0) != host || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, host, NULL, options) != 0) {
        kill(host, SIGKILL);
        waitpid(host, &status, 0);
        return run;
    }
    ptrace(PTRACE_SYSCALL, host, NULL, NULL);
    for (;;) {
        pid_t id = waitpid(-1, &status, __WALL);

        if (id < 0) {
            return run;
        }
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (id == host) {
                run.status = status;
            }
            continue;
        }
        int signal_number = WSTOPSIG(status), pass_on = 0;
        if (signal_number == (SIGTRAP | 0x80)) {
            at_call(task_of(id), fail_at, &run);
        } else if (signal_number != SIGTRAP && signal_number != SIGSTOP) {
            pass_on = signal_number;
        }
        ptrace(PTRACE_SYSCALL, id, NULL, (long)pass_on);
    }
}

static void check_host(char *self, const char *expected, uint64_t fail_at, struct run *run)
{
    char out[256] = "";
    int ends[2];

    if (pipe(ends) != 0) {
        abort();
    }
    *run = run_host(self, fail_at, ends[1]);
    close(ends[1]);
    ssize_t length = read(ends[0], out, sizeof out - 1);
    out[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    if (!CHECK(WIFEXITED(run->status) && WEXITSTATUS(run->status) == HOST_CODE) ||
        !CHECK_STR(out, expected)) {
        fprintf(stderr,
                "when the recorder's call %" PRIu64 " (number %" PRIu64 ") failed: status %x\n",
                fail_at, run->failed, (unsigned)run->status);
    }
}

static int trace_runs(char *self, const char *library, const char *trace, const char *interval)
{
    char expected[256], path[4096];
    struct run run;

    FILE *plain = popen("exec \"$NO_MEMORY_SELF\" host", "r");
    if (!plain || !fgets(expected, sizeof expected, plain) ||
        WEXITSTATUS(pclose(plain)) != HOST_CODE) {
        CHECK(!"the host works by itself");
        return check_summary();
    }
    snprintf(path, sizeof path, "%s.%%p", trace);
    setenv("LD_PRELOAD", library, 1);
    setenv("MEMREC_TRACE", path, 1);
    setenv("MEMREC_INTERVAL", interval, 1);
    check_host(self, expected, UINT64_MAX, &run);
    if (run.status == -1) {
        return check_skip("a process may not be traced here");
    }
    uint64_t calls = run.calls, by_call[512] = {0};
    CHECK(calls > 50); /* else the recorder did not record */

    for (uint64_t n = 1; n <= calls + 5; n++) {
        check_host(self, expected, n, &run);
        by_call[run.failed % 512]++;
    }
    CHECK(by_call[SYS_membarrier] > 1); /* a second recording was begun */
    CHECK(by_call[SYS_mmap] > 5 && by_call[SYS_openat] > 5 && by_call[SYS_write] > 1);
    printf("interval %s: %" PRIu64 " calls, %" PRIu64 " of mmap, %" PRIu64 " of write failed\n",
           interval, calls, by_call[SYS_mmap], by_call[SYS_write]);
    return check_summary();
}

#endif

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "host") == 0) {
        return be_host();
    }
    if (count != 4) {
        return 2;
    }
#if defined(__x86_64__)
    static char self[4096];

    if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0) {
        return 1;
    }
    setenv("NO_MEMORY_SELF", self, 1);
    return trace_runs(self, arguments[1], arguments[2], arguments[3]);
#else
    return check_skip("fails system calls by the registers of x86-64");
#endif
}
