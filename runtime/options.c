/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "os.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ROTATE_BYTES_MIN (64u << 10) /* a file begins with all names */
#define ROTATE_NS_MIN    UINT64_C(1000000000)
#define KEPT_IN          8
#define KEPT_FILE_BYTES  (64u << 20)

bool mr_parse_size(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    unsigned shift = 0;
    switch (*text | 0x20) {
    case 'k':
        shift = 10;
        break;
    case 'm':
        shift = 20;
        break;
    case 'g':
        shift = 30;
        break;
    }
    if (shift) {
        text++;
        if (*text == 'i')
            text++;
    }
    if (*text == 'B')
        text++;
    if (*text != '\0' || value > UINT64_MAX >> shift)
        return false;
    *out = value << shift;
    return true;
}

/* Times have a unit of their own: s, min, h or d. */
static bool parse_time(const char *text, uint64_t *ns)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    uint64_t value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9)
        return false;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    for (int i = 0; i < 4; i++)
        if (strcmp(text + digits, units[i].name) == 0) {
            *ns = value * units[i].seconds * 1000000000;
            return true;
        }
    return false;
}

bool mr_parse_amount(const char *text, struct mr_amount *out)
{
    struct mr_amount amount = {0};
    for (;;) {
        char part[32];
        size_t length = strcspn(text, ",");
        if (length == 0 || length >= sizeof part)
            return false;
        memcpy(part, text, length);
        part[length] = '\0';
        uint64_t value, *place = &amount.ns;
        if (!parse_time(part, &value)) {
            place = part[strspn(part, "0123456789")] ? &amount.bytes : &amount.files;
            if (!mr_parse_size(part, &value))
                return false;
        }
        if (value == 0 || *place != 0)
            return false;
        *place = value;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    *out = amount;
    return true;
}

/* Without MEMREC_ROTATE a trace of which only the last is kept changes files eight times in that. */
static void read_rotation(struct mr_options *out)
{
    const char *rotate = getenv("MEMREC_ROTATE"), *keep = getenv("MEMREC_KEEP");
    out->rotate = out->keep = (struct mr_amount){0};
    if (keep)
        mr_parse_amount(keep, &out->keep);
    if (rotate && mr_parse_amount(rotate, &out->rotate)) {
        if (out->rotate.files) /* a number alone is one of bytes */
            out->rotate.bytes = out->rotate.files;
        out->rotate.files = 0;
    } else if (out->keep.bytes || out->keep.ns) {
        out->rotate.bytes = out->keep.bytes / KEPT_IN;
        out->rotate.ns = out->keep.ns / KEPT_IN;
    } else if (out->keep.files) {
        out->rotate.bytes = KEPT_FILE_BYTES;
    }
    if (out->rotate.bytes && out->rotate.bytes < ROTATE_BYTES_MIN)
        out->rotate.bytes = ROTATE_BYTES_MIN;
    if (out->rotate.ns && out->rotate.ns < ROTATE_NS_MIN)
        out->rotate.ns = ROTATE_NS_MIN;
}

static void read_number(const char *name, uint64_t low, uint64_t high, uint32_t *out)
{
    const char *text = getenv(name);
    uint64_t value;
    if (text && mr_parse_size(text, &value))
        *out = (uint32_t)(value < low ? low : value > high ? high : value);
}

const char *mr_executable_name(char buffer[MR_PATH_BYTES])
{
    mr_read_link("/proc/self/exe", buffer, MR_PATH_BYTES);
    const char *slash = strrchr(buffer, '/');
    return slash ? slash + 1 : buffer;
}

static bool name_is_in(const char *name, const char *list)
{
    size_t length = strlen(name);
    while (*list) {
        const char *comma = strchr(list, ',');
        size_t part = comma ? (size_t)(comma - list) : strlen(list);
        if (part == length && memcmp(list, name, length) == 0)
            return true;
        list += part + (comma != NULL);
    }
    return false;
}

bool mr_expand_pattern(const char *pattern, char *out, size_t size)
{
    static char executable[MR_PATH_BYTES];
    struct utsname host;
    char number[24];
    size_t used = 0;
    for (; *pattern; pattern++) {
        const char *part = pattern;
        size_t length = 1;
        if (pattern[0] == '%' && pattern[1]) {
            switch (*++pattern) {
            case 'p': {
                char *digit = number + sizeof number - 1;
                *digit = '\0';
                for (unsigned pid = (unsigned)mr_pid(); pid; pid /= 10)
                    *--digit = (char)('0' + pid % 10);
                part = digit;
                length = strlen(part);
                break;
            }
            case 'h':
                part = uname(&host) == 0 ? host.nodename : "localhost";
                length = strlen(part);
                break;
            case 'e':
                part = mr_executable_name(executable);
                length = strlen(part);
                break;
            case '%':
                part = "%";
                break;
            default:
                part = pattern - 1;
                length = 2;
            }
        }
        if (used + length >= size)
            return false;
        memcpy(out + used, part, length);
        used += length;
    }
    out[used] = '\0';
    return used > 0;
}

bool mr_options_read(struct mr_options *out, const char *trace)
{
    if (!trace)
        trace = getenv("MEMREC_TRACE");
    if (!trace || !*trace)
        return false;
    const char *only = getenv("MEMREC_ONLY");
    if (only && *only && !name_is_in(mr_executable_name(out->trace), only))
        return false;

    size_t used = 0;
    if (*trace != '/') { /* the program may change its directory */
        if (!getcwd(out->trace, sizeof out->trace - 1))
            return false;
        used = strlen(out->trace);
        out->trace[used++] = '/';
    }
    size_t length = strlen(trace);
    if (used + length >= sizeof out->trace)
        return false;
    memcpy(out->trace + used, trace, length + 1);

    out->interval_bytes = 65536;
    const char *interval = getenv("MEMREC_INTERVAL");
    uint64_t bytes;
    if (interval && mr_parse_size(interval, &bytes) && bytes > 0)
        out->interval_bytes = bytes < UINT64_C(1) << 40 ? bytes : UINT64_C(1) << 40;
    const char *children = getenv("MEMREC_CHILDREN");
    out->children = !(children && strcmp(children, "0") == 0);
    out->drain_ms = 50;
    out->memory_ms = 2000;
    out->classes_ms = 5000;
    uint32_t level = 1;
    read_number("MEMREC_DRAIN_MS", 1, 1000, &out->drain_ms);
    read_number("MEMREC_MEMORY_MS", 500, 3600000, &out->memory_ms);
    read_number("MEMREC_CLASSES_MS", 1000, 3600000, &out->classes_ms);
    read_number("MEMREC_LEVEL", 1, 9, &level);
    out->level = (int)level;
    read_rotation(out);
    return true;
}
