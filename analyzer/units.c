/* SPDX-License-Identifier: Apache-2.0 */
/* units.c -- see units.h. */
#include "units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ------------------------------------------------------------------------------- */

struct scale {
    double factor;
    const char *unit;
    int decimals;
};

/* The largest unit in which the value, as it will be printed, is at least 1. */
static struct scale scale_of(const struct scale *scales, size_t count, double value)
{
    for (size_t i = count; i-- > 1;) {
        double half_step = scales[i - 1].factor * 0.5 * pow(10, -scales[i - 1].decimals);

        if (fabs(value) >= scales[i].factor - half_step) {
            return scales[i];
        }
    }
    return scales[0];
}

static struct scale scale_bytes(double value)
{
    static const struct scale scales[] = {{1, "B", 0},        {0x1p10, "KiB", 1},
                                          {0x1p20, "MiB", 1}, {0x1p30, "GiB", 1},
                                          {0x1p40, "TiB", 1}, {0x1p50, "PiB", 1}};

    return scale_of(scales, sizeof scales / sizeof scales[0], value);
}

static struct scale scale_ns(double value, bool ascii)
{
    const struct scale scales[] = {{1, "ns", 0},         {1e3, ascii ? "us" : "µs", 1},
                                   {1e6, "ms", 1},       {1e9, "s", 1},
                                   {60e9, "min", 1},     {3600e9, "h", 1},
                                   {48 * 3600e9, "d", 1}};
    struct scale scale = scale_of(scales, sizeof scales / sizeof scales[0], value);

    if (scale.unit[0] == 'd') {
        scale.factor = 24 * 3600e9; /* days from two on */
    }
    return scale;
}

/* Where the unit starts; a number alone has none. */
static struct scale scale_value(enum catalog_type type, double value, bool ascii)
{
    switch (type) {
    case TYPE_BYTES:
    case TYPE_RATE:
    case TYPE_FLOW:
        return scale_bytes(value);
    case TYPE_NS:
        return scale_ns(value, ascii);
    case TYPE_RATIO:
        return (struct scale){0.01, "%", fabs(value) < 0.00995 && value != 0 ? 2 : 1};
    case TYPE_PACE:
        return (struct scale){1, "/s", fabs(value) < 0.995 && value != 0 ? 3 : 1};
    default:
        return (struct scale){1, "", 0};
    }
}

/* 5270 as "5 270". */
static void group_digits(char *out, double value)
{
    char digits[40];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%.0f", fabs(value)), at = 0;

    if (value <= -0.5) {
        out[at++] = '-';
    }
    for (size_t i = 0; i < length && at + 2 < UNITS_BYTES; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            out[at++] = ' ';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

/* The number alone, in a scale. */
static void print_scaled(char *out, enum catalog_type type, struct scale scale, double value)
{
    bool whole = type == TYPE_COUNT || (type == TYPE_PACE && fabs(value) >= 999.95);

    if (whole && fabs(value) < 1e18) {
        group_digits(out, value);
    } else if (type == TYPE_VALUE || type == TYPE_ID) {
        snprintf(out, UNITS_BYTES, "%.15g", value);
    } else {
        value /= scale.factor;
        if (fabs(value) < 0.5 * pow(10, -scale.decimals)) {
            value = 0; /* never -0.0 */
        }
        snprintf(out, UNITS_BYTES, "%.*f", scale.decimals, value);
    }
}

void units_value(char *out, enum catalog_type type, double value, bool ascii)
{
    struct scale scale = scale_value(type, value, ascii);

    if (type == TYPE_RATIO && value > 0 && value < 0.00005) {
        snprintf(out, UNITS_BYTES, "<0.01 %%");
        return;
    }
    print_scaled(out, type, scale, value);
    if (scale.unit[0]) {
        size_t length = strlen(out);

        snprintf(out + length, UNITS_BYTES - length, " %s%s", scale.unit,
                 type == TYPE_RATE   ? "/h"
                 : type == TYPE_FLOW ? "/s"
                                     : "");
    }
}

void units_interval(char *out, enum catalog_type type, double value, double low, double high,
                    bool ascii)
{
    struct scale scale = scale_value(type, value, ascii);
    char texts[3][UNITS_BYTES];

    print_scaled(texts[0], type, scale, value);
    print_scaled(texts[1], type, scale, low);
    print_scaled(texts[2], type, scale, high);
    if (strcmp(texts[1], texts[2]) == 0 && strcmp(texts[0], texts[1]) == 0) {
        out[0] = '\0';
    } else {
        /* a minus sign beside a dash would not be read */
        const char *dash = low < 0 ? " to " : ascii ? "-" : "–";

        snprintf(out, UNITS_BYTES, "(%.24s%s%.24s)", texts[1], dash, texts[2]);
    }
}

struct units_mixed units_mixed(const char *unit, size_t unit_bytes)
{
    static const struct {
        const char *unit;
        struct units_mixed meaning;
    } units[] = {{"bytes", {TYPE_BYTES, 1, ""}},
                 {"bytes_per_hour", {TYPE_RATE, 1, ""}},
                 {"bytes_per_second", {TYPE_BYTES, 1, "/s"}},
                 {"count", {TYPE_COUNT, 1, ""}},
                 {"ns", {TYPE_NS, 1, ""}},
                 {"ppm", {TYPE_RATIO, 1e-6, ""}},
                 {"ratio", {TYPE_RATIO, 1, ""}}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i].unit) == unit_bytes && memcmp(units[i].unit, unit, unit_bytes) == 0) {
            return units[i].meaning;
        }
    }
    return (struct units_mixed){TYPE_VALUE, 1, ""};
}

/* ---- text ---------------------------------------------------------------------------------- */

/* Bytes of the well-formed character at `at`, and which; 0: it is none. */
static size_t decode_utf8(const unsigned char *at, size_t left, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80             ? 1
                    : (at[0] & 0xe0) == 0xc0 ? 2
                    : (at[0] & 0xf0) == 0xe0 ? 3
                    : (at[0] & 0xf8) == 0xf0 ? 4
                                             : 0;

    if (length == 0 || length > left) {
        return 0;
    }
    uint32_t character = length == 1 ? at[0] : at[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        character = character << 6 | (at[i] & 0x3f);
    }
    if (character < least[length] || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff)) {
        return 0;
    }
    *out = character;
    return length;
}

struct range {
    uint32_t first, last;
};

static bool in_ranges(const struct range *ranges, size_t count, uint32_t character)
{
    for (size_t i = 0; i < count; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* Steers a terminal, or the order in which the text is shown. */
static bool is_dangerous(uint32_t character)
{
    static const struct range ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},
                                          {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069},
                                          {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};

    return in_ranges(ranges, sizeof ranges / sizeof ranges[0], character);
}

static size_t character_width(uint32_t character)
{
    static const struct range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                                        {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                                        {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                                        {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    static const struct range none[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                                        {0x610, 0x61a},   {0x64b, 0x65f},   {0x200b, 0x200d},
                                        {0x20d0, 0x20f0}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

    if (in_ranges(none, sizeof none / sizeof none[0], character)) {
        return 0;
    }
    return in_ranges(wide, sizeof wide / sizeof wide[0], character) ? 2 : 1;
}

char *units_escape(const char *text, size_t bytes, bool ascii)
{
    char *out = malloc(4 * bytes + 1); /* \xNN is the most for a byte */
    size_t used = 0;

    for (size_t at = 0; out && at < bytes;) {
        uint32_t character = 0;
        size_t length = decode_utf8((const unsigned char *)text + at, bytes - at, &character);

        if (length == 0) {
            used += (size_t)sprintf(out + used, "\\x%02x", (unsigned char)text[at++]);
            continue;
        }
        if (character == '\n' || character == '\t') {
            out[used++] = '\\';
            out[used++] = character == '\n' ? 'n' : 't';
        } else if (is_dangerous(character) || (ascii && character >= 0x80)) {
            used +=
                (size_t)sprintf(out + used, character < 0x100 ? "\\x%02x" : "\\u{%04x}", character);
        } else {
            memcpy(out + used, text + at, length);
            used += length;
        }
        at += length;
    }
    if (out) {
        out[used] = '\0';
    }
    return out;
}

char *units_valid(const char *text, size_t bytes)
{
    char *out = malloc(4 * bytes + 1); /* \xNN is the most for a byte */
    size_t used = 0;

    for (size_t at = 0; out && at < bytes;) {
        uint32_t character = 0;
        size_t length = decode_utf8((const unsigned char *)text + at, bytes - at, &character);

        if (length == 0) {
            used += (size_t)sprintf(out + used, "\\x%02x", (unsigned char)text[at++]);
        } else {
            memcpy(out + used, text + at, length);
            used += length;
            at += length;
        }
    }
    if (out) {
        out[used] = '\0';
    }
    return out;
}

size_t units_width(const char *text, size_t bytes)
{
    size_t width = 0;

    for (size_t at = 0; at < bytes;) {
        uint32_t character = 0;
        size_t length = decode_utf8((const unsigned char *)text + at, bytes - at, &character);

        width += length ? character_width(character) : 1;
        at += length ? length : 1;
    }
    return width;
}

size_t units_prefix(const char *text, size_t width)
{
    size_t bytes = strlen(text), at = 0, used = 0;

    while (at < bytes) {
        uint32_t character = 0;
        size_t length = decode_utf8((const unsigned char *)text + at, bytes - at, &character);
        size_t more = length ? character_width(character) : 1;

        if (used + more > width) {
            break;
        }
        used += more;
        at += length ? length : 1;
    }
    return at;
}
