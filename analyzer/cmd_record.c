/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_record.c -- `memanalyze record`: runs a program with the recorder in it.
 *
 * The program's input, output and exit code are its own. What would fail later is refused before it
 * starts: a static program, one with other privileges, a place that cannot be written to.          */
#include "adapters.h"
#include "command.h"
#include "diag.h"
#include "read.h"
#include "segments.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "runtime/options.h"

enum {
    OPTION_OUTPUT,
    OPTION_INTERVAL,
    OPTION_FULL,
    OPTION_FORCE,
    OPTION_NO_CHILDREN,
    OPTION_ADAPTER,
    OPTION_ROTATE,
    OPTION_KEEP,
    OPTION_QUIET
};
static const struct command_option options[] = {
    [OPTION_OUTPUT] = {"output", 'o', "TRACE",
                       "file to write; PROGRAM.PID.zst unless told; %p pid, %e name"},
    [OPTION_INTERVAL] = {"interval", 'i', "BYTES",
                         "mean bytes between two samples; 64K unless told"},
    [OPTION_FULL] = {"full", 0, NULL, "record every allocation"},
    [OPTION_FORCE] = {"force", 'f', NULL, "replace TRACE when it exists"},
    [OPTION_NO_CHILDREN] = {"no-children", 0, NULL, "leave the processes it starts alone"},
    [OPTION_ADAPTER] = {"adapter", 0, "NAME",
                        "what tells more of a runtime: lua, boehm or none; found unless told"},
    [OPTION_ROTATE] = {"rotate", 0, "AMOUNT",
                       "go on in another file after so much: 256M, 30min or 256M,6h"},
    [OPTION_KEEP] = {"keep", 0, "AMOUNT", "leave only the last of these files: 8 files, 2G or 10h"},
    [OPTION_QUIET] = {"quiet", 'q', NULL, "say nothing at the end"},
    {0},
};

struct request {
    const char *output; /* NULL: named after the program and its pid */
    const char *interval, *rotate, *keep;
    bool full, force, no_children, quiet;
    char **program;        /* argv of the host */
    char path[PATH_MAX];   /* of its executable */
    char loaded[PATH_MAX]; /* what exec loads in the end: itself, or the interpreter of a script */
    char directory[PATH_MAX]; /* of the trace, absolute */
    char name[NAME_MAX + 1];  /* of the trace */
    char library[PATH_MAX];
    const char *adapter; /* one of adapter_names; "none"; NULL: not told, then none was found */
    char adapter_file[PATH_MAX];
};

/* ---- the program ----------------------------------------------------------------------------- */

/* As execvp will look for it. False: not found, or found and *denied. */
static bool search(const char *name, char path[PATH_MAX], bool *denied)
{
    const char *list = getenv("PATH");

    *denied = false;
    if (strchr(name, '/')) {
        snprintf(path, PATH_MAX, "%s", name);
        bool found = access(name, X_OK) == 0;
        *denied = !found && errno == EACCES;
        return found;
    }
    for (const char *at = list ? list : "/bin:/usr/bin"; *at;) {
        size_t length = strcspn(at, ":");
        struct stat facts;

        snprintf(path, PATH_MAX, "%.*s/%s", length ? (int)length : 1, length ? at : ".", name);
        if (stat(path, &facts) == 0 && S_ISREG(facts.st_mode)) {
            if (access(path, X_OK) == 0) {
                return true;
            }
            *denied = true;
        }
        at += length + (at[length] == ':');
    }
    return false;
}

static status find_program(struct request *request)
{
    const char *name = request->program[0];
    bool denied;

    if (search(name, request->path, &denied)) {
        return OK;
    }
    diag_error("could not run \"%s\": %s", name,
               denied ? "it may not be executed" : "there is no such program");
    if (denied) {
        diag_hint("chmod +x makes a file executable.");
    } else if (!strchr(name, '/') && access(name, F_OK) == 0) {
        diag_hint("There is a file of this name here: ./%s", name);
    } else {
        diag_hint(
            "Options of record stand before the program: memanalyze record -o t.zst -- program.");
    }
    return FAIL;
}

static status check_privileges(const char *path, const struct stat *facts)
{
    bool other_user = (facts->st_mode & S_ISUID) && facts->st_uid != geteuid();
    bool other_group = (facts->st_mode & S_ISGID) && facts->st_gid != getegid();
    bool capable = geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;

    if (!other_user && !other_group && !capable) {
        return OK;
    }
    diag_error("could not record \"%s\": it runs with privileges you do not have", path);
    diag_detail("For such a program the system ignores LD_PRELOAD.");
    diag_hint("Record it as the user it runs as, or link it with libmemrec.");
    return FAIL;
}

/* Is there a dynamic loader to preload the recorder? */
static status check_elf(const char *path, int file)
{
    Elf64_Ehdr header;
    Elf64_Phdr segment;

    if (pread(file, &header, sizeof header, 0) != sizeof header ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        return OK; /* a script without #!, or something else that exec will judge */
    }
    if (header.e_ident[EI_CLASS] != ELFCLASS64) {
        diag_error("could not record \"%s\": it is a 32-bit program", path);
        diag_detail("The recorder is built for this machine's 64-bit programs.");
        return FAIL;
    }
    for (unsigned i = 0; i < header.e_phnum && header.e_phentsize == sizeof segment; i++) {
        if (pread(file, &segment, sizeof segment, (off_t)(header.e_phoff + i * sizeof segment)) ==
                sizeof segment &&
            segment.p_type == PT_INTERP) {
            return OK;
        }
    }
    diag_error("could not record \"%s\": it is linked statically", path);
    diag_detail("There is no dynamic loader in it that could load the recorder.");
    diag_hint("Link it dynamically, or link libmemrec.a into it and set MEMREC_TRACE.");
    return FAIL;
}

/* The words after #! of a script. `env` stands for the program it will look for. */
static void find_interpreter(char *words, char out[PATH_MAX])
{
    const char *word = strtok(words, " \t\n");
    const char *base = word ? strrchr(word, '/') : NULL;
    bool denied;

    snprintf(out, PATH_MAX, "%s", word ? word : "");
    if (base && strcmp(base, "/env") == 0) {
        do {
            word = strtok(NULL, " \t\n");
        } while (word && (word[0] == '-' || strchr(word, '=')));
        if (!word || !search(word, out, &denied)) {
            out[0] = '\0';
        }
    }
}

/* A script is its interpreter, as far as memory goes. */
static status check_program(struct request *request, const char *path, int depth)
{
    char line[PATH_MAX] = "";
    struct stat facts;
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0) {
        return OK; /* may be executed but not read */
    }
    status result = OK;
    ssize_t got = pread(file, line, sizeof line - 1, 0);
    if (fstat(file, &facts) == 0 && S_ISDIR(facts.st_mode)) {
        diag_error("could not run \"%s\": it is a directory", path);
        result = FAIL;
    } else if (got > 2 && line[0] == '#' && line[1] == '!' && depth < 4) {
        char interpreter[PATH_MAX];

        find_interpreter(line + 2, interpreter);
        result = check_program(request, interpreter, depth + 1);
    } else {
        snprintf(request->loaded, sizeof request->loaded, "%s", path);
        result = check_privileges(path, &facts);
        if (result.code == STATUS_OK) {
            result = check_elf(path, file);
        }
    }
    close(file);
    return result;
}

/* ---- the trace and the recorder --------------------------------------------------------------- */

static bool is_pattern(const struct request *request)
{
    return request->output && strchr(request->output, '%');
}

/* With all its files. */
static status remove_trace(const char *path)
{
    struct segments segments = {0};
    struct mr_block_header head;
    status result = segments_head(path, &head) ? segments_beside(path, &head, &segments) : OK;

    for (size_t i = 0; i < segments.count; i++) {
        unlink(segments.files[i].path);
    }
    segments_free(&segments);
    if (result.code == STATUS_OK && unlink(path) != 0 && errno != ENOENT) {
        diag_error("could not replace \"%s\": %m", path);
        return FAIL;
    }
    return result;
}

static status check_output(struct request *request)
{
    char directory[PATH_MAX] = ".";
    const char *slash = request->output ? strrchr(request->output, '/') : NULL;
    struct stat facts;

    if (slash) {
        snprintf(directory, sizeof directory, "%.*s",
                 slash == request->output ? 1 : (int)(slash - request->output), request->output);
    }
    if (request->output) {
        snprintf(request->name, sizeof request->name, "%s", slash ? slash + 1 : request->output);
    }
    if (!realpath(directory, request->directory) || access(directory, W_OK | X_OK) != 0) {
        diag_error("could not write into \"%s\": %m", directory);
        diag_hint("-o names the file to write.");
        return FAIL;
    }
    if (!request->output || is_pattern(request)) {
        return OK;
    }
    if (lstat(request->output, &facts) != 0) {
        char *later = request->force ? segments_of_missing(request->output) : NULL;
        status result = later ? remove_trace(later) : OK;

        free(later);
        return result;
    }
    if (S_ISDIR(facts.st_mode)) {
        diag_error("could not write trace \"%s\": it is a directory", request->output);
        diag_hint("-o names the file to write: %s/trace.zst", request->output);
        return FAIL;
    }
    if (!request->force) {
        diag_error("could not write trace \"%s\": it exists", request->output);
        diag_hint("--force replaces it.");
        return FAIL;
    }
    return remove_trace(request->output);
}

/* Beside this program in the build tree, or where it was installed. */
static status find_library(struct request *request)
{
    const char *told = getenv("MEMREC_LIBRARY");
    char self[PATH_MAX], place[2 * PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

    if (told && *told) {
        snprintf(place, sizeof place, "%s", told);
    } else {
        self[length > 0 ? length : 0] = '\0';
        char *slash = strrchr(self, '/');
        *(slash ? slash : self) = '\0';
        snprintf(place, sizeof place, "%s/" MEMREC_LIBDIR_FROM_BINDIR "/libmemrec.so", self);
    }
    if (!realpath(place, request->library)) {
        diag_error("could not find the recorder: no \"%s\"", place);
        diag_hint("Set MEMREC_LIBRARY to the path of libmemrec.so.");
        return FAIL;
    }
    if (strpbrk(request->library, " :")) {
        diag_error("could not preload \"%s\": its path has a space or a colon", request->library);
        diag_hint("Copy it elsewhere and set MEMREC_LIBRARY to the copy.");
        return FAIL;
    }
    return OK;
}

/* The one that was asked for must be there; of the one that suits, nobody spoke. */
static status find_adapter(struct request *request)
{
    bool told = request->adapter != NULL;

    if (!told) {
        request->adapter = adapter_for(request->loaded);
    } else if (strcmp(request->adapter, "none") == 0) {
        request->adapter = NULL;
    }
    if (request->adapter &&
        !adapter_find(request->adapter, request->library, request->adapter_file)) {
        if (told) {
            diag_error("could not find the adapter: no \"%s\"", request->adapter_file);
            diag_hint("It lies beside libmemrec.so; --adapter none does without.");
            return FAIL;
        }
        request->adapter = NULL;
    }
    if (request->adapter && !request->quiet) {
        diag_remark("memanalyze: using the adapter %s%s", request->adapter,
                    told ? "" : "; --adapter none leaves it out");
    }
    return OK;
}

static bool is_adapter(const char *name)
{
    bool known = strcmp(name, "none") == 0;

    for (size_t i = 0; i < ADAPTER_COUNT; i++) {
        known = known || strcmp(name, adapter_names[i]) == 0;
    }
    return known;
}

static bool is_size(const char *text)
{
    char *end;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || value == 0 || errno != 0) {
        return false;
    }
    end += *end && strchr("KMGkmg", *end) ? 1 : 0;
    return *end == '\0';
}

/* As the recorder will read it; a rotation has no number of files. */
static bool is_amount(const char *text, bool files)
{
    struct mr_amount amount;

    return mr_parse_amount(text, &amount) && (files || !amount.files);
}

/* ---- running --------------------------------------------------------------------------------- */

static volatile sig_atomic_t host_pid;

/* What the terminal sends reaches the program anyway; what was sent to us alone is passed on. */
static void forward(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code <= 0 && host_pid > 0) {
        kill(host_pid, number);
    }
}

static void forward_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action = {.sa_sigaction = forward, .sa_flags = SA_SIGINFO | SA_RESTART},
                         old;

        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

static void trace_file_of(const struct request *request, pid_t pid, char out[2 * PATH_MAX])
{
    const char *base = strrchr(request->program[0], '/');

    base = base ? base + 1 : request->program[0];
    if (request->output) {
        snprintf(out, 2 * PATH_MAX, "%s/%s", request->directory, request->name);
    } else {
        snprintf(out, 2 * PATH_MAX, "%s/%.200s.%d.zst", request->directory, base, (int)pid);
    }
}

/* In the child. The path is a pattern to the recorder: unless the user meant one, each % is doubled. */
static void set_environment(const struct request *request)
{
    char trace[2 * PATH_MAX], pattern[4 * PATH_MAX], *preload;
    const char *preloaded = getenv("LD_PRELOAD");
    char *out = pattern;

    trace_file_of(request, getpid(), trace);
    for (const char *at = trace; *at; at++) {
        bool of_name = at >= trace + strlen(request->directory);

        *out++ = *at;
        if (*at == '%' && !(of_name && is_pattern(request))) {
            *out++ = '%';
        }
    }
    *out = '\0';
    bool more = preloaded && *preloaded;
    bool adapter = request->adapter && adapter_is_preloaded(request->adapter);
    if (asprintf(&preload, "%s%s%s%s%s", request->library, adapter ? ":" : "",
                 adapter ? request->adapter_file : "", more ? ":" : "",
                 more ? preloaded : "") >= 0) {
        setenv("LD_PRELOAD", preload, 1);
        free(preload);
    }
    if (request->adapter) {
        adapter_set_environment(request->adapter, request->adapter_file);
    }
    setenv("MEMREC_TRACE", pattern, 1);
    if (request->full || request->interval) {
        setenv("MEMREC_INTERVAL", request->full ? "1" : request->interval, 1);
    }
    if (request->rotate) {
        setenv("MEMREC_ROTATE", request->rotate, 1);
    }
    if (request->keep) {
        setenv("MEMREC_KEEP", request->keep, 1);
    }
    if (request->no_children) {
        setenv("MEMREC_CHILDREN", "0", 1);
    }
}

/* Runs the program; *exit_code is its own, 128 + n when signal n ended it. Fails when it cannot start. */
static status run_program(const struct request *request, pid_t *pid, int *exit_code)
{
    sigset_t all, before;
    int told[2], wait_status, failure = 0;

    if (pipe2(told, O_CLOEXEC) != 0) {
        diag_error("could not run \"%s\": %m", request->program[0]);
        return FAIL;
    }
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    *pid = fork();
    if (*pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        set_environment(request);
        execvp(request->program[0], request->program);
        failure = errno;
        _exit(write(told[1], &failure, sizeof failure) == sizeof failure ? 127 : 126);
    }
    failure = *pid < 0 ? errno : 0;
    host_pid = *pid;
    if (*pid > 0) {
        forward_signals();
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(told[1]);
    if (*pid > 0 && read(told[0], &failure, sizeof failure) != sizeof failure) {
        failure = 0;
    }
    close(told[0]);
    while (*pid > 0 && waitpid(*pid, &wait_status, 0) < 0 && errno == EINTR) {
    }
    host_pid = 0;
    if (failure) {
        diag_error("could not run \"%s\": %s", request->program[0], strerror(failure));
        return FAIL;
    }
    *exit_code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    return OK;
}

/* ---- afterwards ------------------------------------------------------------------------------ */

struct children { /* traces of the processes that the program started, or became */
    uint64_t count;
    off_t largest_bytes;
    char largest[NAME_MAX + 1];
};

/* Whether a file in the trace's folder is a segment of this trace. */
static bool is_segment(const struct request *request, const char *name, const uint8_t trace_id[16])
{
    char path[2 * PATH_MAX];
    struct mr_block_header head;

    snprintf(path, sizeof path, "%s/%s", request->directory, name);
    return segments_head(path, &head) && memcmp(head.trace_id, trace_id, 16) == 0;
}

/* They are named TRACE.PID.zst, as segments may be. */
static struct children find_children(const struct request *request, const char *trace, time_t since,
                                     const uint8_t trace_id[16])
{
    const char *name = strrchr(trace, '/') + 1;
    const char *suffix = strlen(name) > 4 ? name + strlen(name) - 4 : "";
    DIR *directory = opendir(request->directory);
    struct children children = {0};

    suffix = strcmp(suffix, ".zst") == 0 ? suffix : name + strlen(name);
    size_t stem = (size_t)(suffix - name);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        const char *found = entry->d_name;
        size_t length = strlen(found);
        struct stat facts;

        if (length > stem + 1 + strlen(suffix) && strncmp(found, name, stem) == 0 &&
            found[stem] == '.' && found[stem + 1] >= '0' && found[stem + 1] <= '9' &&
            strcmp(found + length - strlen(suffix), suffix) == 0 &&
            fstatat(dirfd(directory), found, &facts, 0) == 0 && facts.st_mtime >= since &&
            !is_segment(request, found, trace_id)) {
            children.count++;
            if (facts.st_size > children.largest_bytes) {
                children.largest_bytes = facts.st_size;
                snprintf(children.largest, sizeof children.largest, "%s", found);
            }
        }
    }
    if (directory) {
        closedir(directory);
    }
    return children;
}

/* The path as the user would type it. */
static const char *shown_path(const struct request *request, const char *trace)
{
    char here[PATH_MAX];

    if (request->output) {
        return request->output;
    }
    size_t length = getcwd(here, sizeof here) ? strlen(here) : 0;
    return length && strncmp(trace, here, length) == 0 && trace[length] == '/' ? trace + length + 1
                                                                               : trace;
}

/* What to look at: the largest trace, which for a wrapper script is not its own. */
static void say_next(const struct request *request, const char *path, const char *shown,
                     time_t started, const struct trace_facts *trace)
{
    struct children children = find_children(request, path, started, trace->trace_id);
    const char *slash = strrchr(shown, '/');
    int folder = slash ? (int)(slash + 1 - shown) : 0;

    if (children.count) {
        diag_remark("memanalyze: %" PRIu64 " more process%s, the largest trace is %.*s%s",
                    children.count, children.count == 1 ? "" : "es", folder, shown,
                    children.largest);
    }
    if (children.largest_bytes > 0 && (uint64_t)children.largest_bytes > trace->file_bytes) {
        diag_hint("memanalyze report %.*s%s", folder, shown, children.largest);
    } else {
        diag_hint("memanalyze report %s", shown);
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void say_what_was_recorded(const struct request *request, const char *path, time_t started)
{
    const char *shown = shown_path(request, path);
    struct trace *trace;
    struct stat facts;

    char *later = stat(path, &facts) == 0 ? NULL : segments_of_missing(path);
    bool nothing = !later && stat(path, &facts) != 0;
    free(later);
    if (nothing) {
        diag_error("recorded nothing: there is no \"%s\"", shown);
        diag_hint("The program may have removed LD_PRELOAD, or it may not write there.");
        return;
    }
    if (trace_open(path, &trace).code != STATUS_OK) {
        return;
    }
    const struct trace_facts *all = trace_get_facts(trace);
    double seconds =
        (double)trace_ns(trace, all->clock_count ? all->clocks[all->clock_count - 1].ticks
                                                 : all->last_ticks) /
        1e9;
    diag_remark("memanalyze: recorded %.3g s: %" PRIu64 " events in %s (%.1f KiB)", seconds,
                all->event_count, shown, (double)all->file_bytes / 1024);
    if (all->segment_count > 1) {
        diag_remark("memanalyze: %zu files, \"%s\" to \"%s\"; any of their names stands for all",
                    all->segment_count, base_name(all->segments[0].path),
                    base_name(all->segments[all->segment_count - 1].path));
    }
    if (!all->ended) {
        diag_remark("memanalyze: the program was killed; its last events wait in shared memory");
        diag_hint("memanalyze recover %s keeps them.", shown);
    }
    say_next(request, path, shown, started, all);
    trace_close(trace);
}

static status record(struct request *request, int *exit_code)
{
    char trace[2 * PATH_MAX];
    time_t started = time(NULL);
    pid_t pid;

    TRY(find_program(request));
    TRY(check_program(request, request->path, 0));
    TRY(find_library(request));
    TRY(check_output(request));
    TRY(find_adapter(request));
    TRY(run_program(request, &pid, exit_code));
    if (!request->quiet && !is_pattern(request)) {
        trace_file_of(request, pid, trace);
        say_what_was_recorded(request, trace, started);
    }
    return OK;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = arguments_of(command, argc, argv);
    struct request *request = calloc(1, sizeof *request);
    int argument, exit_code = EXIT_FAILED;

    if (!request) {
        diag_error("could not record: not enough memory");
        return EXIT_FAILED;
    }
    while ((argument = arguments_next(&arguments)) >= 0) {
        switch (argument) {
        case OPTION_OUTPUT:
            request->output = arguments.value;
            break;
        case OPTION_INTERVAL:
            request->interval = arguments.value;
            break;
        case OPTION_FULL:
            request->full = true;
            break;
        case OPTION_FORCE:
            request->force = true;
            break;
        case OPTION_NO_CHILDREN:
            request->no_children = true;
            break;
        case OPTION_ADAPTER:
            request->adapter = arguments.value;
            break;
        case OPTION_ROTATE:
            request->rotate = arguments.value;
            break;
        case OPTION_KEEP:
            request->keep = arguments.value;
            break;
        case OPTION_QUIET:
            request->quiet = true;
            break;
        }
    }
    request->program = argv + arguments.at - 1;
    if (argument == ARGUMENT_BAD) {
        exit_code = EXIT_USAGE;
    } else if (argument == ARGUMENT_END || request->program[0][0] == '\0') {
        exit_code = command_usage_error(command, "record needs a program to run");
    } else if (request->output && request->output[0] == '\0') {
        exit_code = command_usage_error(command, "-o needs a name");
    } else if (request->interval && !is_size(request->interval)) {
        exit_code = command_usage_error(
            command, "\"%s\" is no interval: bytes, as in 65536, 64K or 2M", request->interval);
    } else if (request->adapter && !is_adapter(request->adapter)) {
        exit_code = command_usage_error(
            command, "\"%s\" is no adapter: there are lua, boehm and none", request->adapter);
    } else if (request->rotate && !is_amount(request->rotate, false)) {
        exit_code = command_usage_error(
            command, "\"%s\" is no size or time: 256M, 30min, or both: 256M,6h", request->rotate);
    } else if (request->keep && !is_amount(request->keep, true)) {
        exit_code = command_usage_error(
            command, "\"%s\" is no number of files, size or time: 8, 2G, 10h, or several: 2G,10h",
            request->keep);
    } else if (request->interval && request->full) {
        exit_code = command_usage_error(command, "--full has no interval");
    } else {
        status result = record(request, &exit_code);

        exit_code = result.code == STATUS_OK ? exit_code : command_exit(result);
    }
    free(request);
    return exit_code;
}

const struct command command_record = {
    .name = "record",
    .sentence = "run a program and record its memory",
    .usage = "record [OPTION...] [--] PROGRAM [ARGUMENT...]",
    .options = options,
    .notes =
        "The exit code is the program's; 128 + n when signal n ended it; 1 or 2 when it was not run.\n"
        "Processes it starts write traces of their own, TRACE.PID.zst.\n\n"
        "Example:\n"
        "  memanalyze record -o jq.zst -- jq . big.json > out.json\n"
        "  memanalyze report leaks jq.zst",
    .host_arguments = true,
    .run = run,
};
