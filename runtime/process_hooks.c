/* SPDX-License-Identifier: Apache-2.0 */
/* process_hooks.c -- the ways a process ends or becomes another without its exit handlers: _exit and
 * exec. The trace is completed first; then the call goes through, its result and errno untouched. */
#include "atomics.h"
#include "session.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

static void *next_of(_Atomic(void *) *kept, const char *name)
{
    void *next = mr_load_relaxed(kept);
    if (!next) {
        next = dlsym(RTLD_NEXT, name);
        mr_store_relaxed(kept, next);
    }
    return next;
}

/* Declares real_NAME, the definition below ours. */
#define NEXT(name)                                                                                 \
    static _Atomic(void *) kept_##name;                                                            \
    __typeof__(name) *real_##name;                                                                 \
    void *next_##name = next_of(&kept_##name, #name);                                              \
    memcpy(&real_##name, &next_##name, sizeof real_##name)

HOOK void _exit(int code)
{
    NEXT(_exit);
    mr_session_stop(MR_END_EXIT);
    real__exit(code);
    __builtin_unreachable();
}

HOOK void _Exit(int code) { _exit(code); }

HOOK int execve(const char *path, char *const arguments[], char *const environment[])
{
    NEXT(execve);
    mr_session_prepare_exec();
    return real_execve(path, arguments, environment);
}

HOOK int execv(const char *path, char *const arguments[])
{
    NEXT(execv);
    mr_session_prepare_exec();
    return real_execv(path, arguments);
}

HOOK int execvp(const char *name, char *const arguments[])
{
    NEXT(execvp);
    mr_session_prepare_exec();
    return real_execvp(name, arguments);
}

HOOK int execvpe(const char *name, char *const arguments[], char *const environment[])
{
    NEXT(execvpe);
    mr_session_prepare_exec();
    return real_execvpe(name, arguments, environment);
}

HOOK int fexecve(int file, char *const arguments[], char *const environment[])
{
    NEXT(fexecve);
    mr_session_prepare_exec();
    return real_fexecve(file, arguments, environment);
}

/* The forms with a list of arguments gather it on the stack, as the C library does. */

#define GATHER(arguments, first)                                                                   \
    va_list list_;                                                                                 \
    size_t count_ = 1;                                                                             \
    va_start(list_, first);                                                                        \
    while (va_arg(list_, char *))                                                                  \
        count_++;                                                                                  \
    va_end(list_);                                                                                 \
    char **arguments = __builtin_alloca((count_ + 1) * sizeof *arguments);                         \
    va_start(list_, first);                                                                        \
    arguments[0] = (char *)(uintptr_t)first;                                                       \
    for (size_t i_ = 1; i_ <= count_; i_++)                                                        \
    arguments[i_] = va_arg(list_, char *)

HOOK int execl(const char *path, const char *first, ...)
{
    GATHER(arguments, first);
    va_end(list_);
    return execv(path, arguments);
}

HOOK int execlp(const char *name, const char *first, ...)
{
    GATHER(arguments, first);
    va_end(list_);
    return execvp(name, arguments);
}

HOOK int execle(const char *path, const char *first, ...)
{
    GATHER(arguments, first);
    char *const *environment = va_arg(list_, char *const *);
    va_end(list_);
    return execve(path, arguments, environment);
}
