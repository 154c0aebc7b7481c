/* SPDX-License-Identifier: Apache-2.0 */
/* diag.c -- see diag.h. One line is one write, so lines of several threads never mix. */
#include "diag.h"

#include "progress.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 4096 };

static bool silent;

static bool is_control(unsigned char byte) { return byte < 0x20 || byte == 0x7f; }

static void print_line(const char *prefix, const char *format, va_list arguments)
{
    static const char digits[] = "0123456789abcdef";
    char message[MESSAGE_BYTES];
    char line[sizeof("memanalyze: ") + 4 * MESSAGE_BYTES + 1];
    size_t length = strlen(prefix);

    if (silent) {
        return;
    }
    vsnprintf(message, sizeof message, format, arguments);
    memcpy(line, prefix, length);
    for (const char *at = message; *at; at++) {
        unsigned char byte = (unsigned char)*at;

        if (is_control(byte)) {
            line[length++] = '\\';
            line[length++] = 'x';
            line[length++] = digits[byte >> 4];
            line[length++] = digits[byte & 15];
        } else {
            line[length++] = (char)byte;
        }
    }
    line[length++] = '\n';
    progress_clear();
    for (size_t done = 0; done < length;) {
        ssize_t wrote = write(STDERR_FILENO, line + done, length - done);

        if (wrote < 0 && errno != EINTR) {
            return;
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
}

/* errno survives, so that a caller may use %m in the next line too. */
#define PRINT_LINE(prefix)                                                                         \
    do {                                                                                           \
        int saved_errno = errno;                                                                   \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        print_line(prefix, format, arguments);                                                     \
        va_end(arguments);                                                                         \
        errno = saved_errno;                                                                       \
    } while (0)

void diag_error(const char *format, ...) { PRINT_LINE("memanalyze: "); }

void diag_detail(const char *format, ...) { PRINT_LINE("detail: "); }

void diag_hint(const char *format, ...) { PRINT_LINE("hint: "); }

void diag_remark(const char *format, ...) { PRINT_LINE(""); }

void diag_silence(void) { silent = true; }
