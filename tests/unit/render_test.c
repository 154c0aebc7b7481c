/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as people and programs get them: units, intervals, widths, and names that mean harm. */
#include "check.h"
#include "render.h"
#include "units.h"

#include <math.h>
#include <stdlib.h>

static void check_value(enum catalog_type type, double value, const char *expected)
{
    char text[UNITS_BYTES];

    units_value(text, type, value, false);
    CHECK_STR(text, expected);
}

static void test_values(void)
{
    check_value(TYPE_BYTES, 0, "0 B");
    check_value(TYPE_BYTES, 1023, "1023 B");
    check_value(TYPE_BYTES, 1024, "1.0 KiB");
    check_value(TYPE_BYTES, 1048575, "1.0 MiB"); /* not 1024.0 KiB */
    check_value(TYPE_BYTES, 27367834, "26.1 MiB");
    check_value(TYPE_BYTES, -1048576, "-1.0 MiB");
    check_value(TYPE_BYTES, -0.2, "0 B");
    check_value(TYPE_BYTES, 9.3e18, "8260.1 PiB");
    check_value(TYPE_RATE, 9e9, "8.4 GiB/h");
    check_value(TYPE_FLOW, 5e6, "4.8 MiB/s");
    check_value(TYPE_PACE, 59.94, "59.9 /s");
    check_value(TYPE_PACE, 0.0167, "0.017 /s");
    check_value(TYPE_PACE, 0, "0.0 /s");
    check_value(TYPE_PACE, 12345, "12 345 /s");
    check_value(TYPE_NS, 999, "999 ns");
    check_value(TYPE_NS, 3400, "3.4 µs");
    check_value(TYPE_NS, 999960, "1.0 ms");
    check_value(TYPE_NS, 12.34e9, "12.3 s");
    check_value(TYPE_NS, 90e9, "1.5 min");
    check_value(TYPE_NS, 7200e9, "2.0 h");
    check_value(TYPE_NS, 72 * 3600e9, "3.0 d");
    check_value(TYPE_COUNT, 5270, "5 270");
    check_value(TYPE_COUNT, 999, "999");
    check_value(TYPE_COUNT, -1234567, "-1 234 567");
    check_value(TYPE_COUNT, 1e17, "100 000 000 000 000 000");
    check_value(TYPE_RATIO, 0.853, "85.3 %");
    check_value(TYPE_RATIO, 1, "100.0 %");
    check_value(TYPE_RATIO, 0, "0.0 %");
    check_value(TYPE_RATIO, 0.0012, "0.12 %");
    check_value(TYPE_RATIO, 1e-9, "<0.01 %");
    check_value(TYPE_ID, 4242, "4242");
}

static void check_interval(enum catalog_type type, double value, double low, double high,
                           const char *expected)
{
    char text[UNITS_BYTES];

    units_interval(text, type, value, low, high, false);
    CHECK_STR(text, expected);
}

static void test_intervals(void)
{
    check_interval(TYPE_BYTES, 0x1p20 * 26.1, 0x1p20 * 24, 0x1p20 * 28.3, "(24.0–28.3)");
    check_interval(TYPE_BYTES, 0x1p20, 0x1p20 * 0.5, 0x1p20 * 2000, "(0.5–2000.0)");
    check_interval(TYPE_BYTES, 5, 5, 5, "");                        /* exact */
    check_interval(TYPE_BYTES, 0x1p20, 0x1p20 + 9, 0x1p20 + 9, ""); /* no wider than shown */
    check_interval(TYPE_BYTES, 0x1p20, -0x1p20, 0x1p21, "(-1.0 to 2.0)");
    check_interval(TYPE_COUNT, 5270, 4990, 5600, "(4 990–5 600)");
    check_interval(TYPE_RATIO, 0.95, 0.923, 0.969, "(92.3–96.9)");
}

static void check_escape(const char *text, size_t bytes, const char *expected)
{
    char *escaped = units_escape(text, bytes, false);

    CHECK_STR(escaped, expected);
    free(escaped);
}

static void test_escape(void)
{
    check_escape("plain", 5, "plain");
    check_escape("a\033[31mb", 7, "a\\x1b[31mb");
    check_escape("a\0b\nc\td\r", 8, "a\\x00b\\nc\\td\\x0d");
    check_escape("\x7f", 1, "\\x7f");
    check_escape("\xc2\x9b", 2, "\\x9b"); /* the one-byte CSI */
    check_escape("\xe2\x80\xae"
                 "gpj",
                 6, "\\u{202e}gpj"); /* right to left from here */
    check_escape("\xff\xfe", 2, "\\xff\\xfe");
    check_escape("\xc0\xaf", 2, "\\xc0\\xaf"); /* overlong */
    check_escape("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");
    check_escape("\xe2\x82", 2, "\\xe2\\x82"); /* cut */
    check_escape("größe", 7, "größe");
    char *ascii = units_escape("größe", 7, true);
    CHECK_STR(ascii, "gr\\xf6\\xdfe");
    free(ascii);

    CHECK_EQ(units_width("größe", 7), 5);
    CHECK_EQ(units_width("漢字", 6), 4);
    CHECK_EQ(units_prefix("漢字", 3), 3); /* never half a character */
    CHECK_EQ(units_prefix("abc", 9), 3);
}

/* ---- whole outputs ------------------------------------------------------------------------- */

static const struct render_column columns[] = {
    {"name", TYPE_TEXT},
    {"live_bytes", TYPE_BYTES},
    {"live_bytes_low", TYPE_BYTES},
    {"live_bytes_high", TYPE_BYTES},
    {"share", TYPE_RATIO},
    {"all_rows", TYPE_TOTAL},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static struct cell integer(int64_t value)
{
    return (struct cell){.kind = CELL_INTEGER, .integer = value};
}

static struct cell text(const char *value)
{
    return (struct cell){.kind = CELL_TEXT, .text = value, .text_bytes = strlen(value)};
}

/* Two rows, the second hostile; the caller frees the result. */
static char *print(enum render_format format, size_t width, bool escape)
{
    static const struct render_layout layout = {"live_bytes share name", NULL,
                                                "{rows} of {all_rows} names", NULL};
    char *out = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&out, &bytes);
    struct render_options options = {
        .format = format, .out = stream, .width = width, .escape = escape};
    struct cell rows[2][COLUMNS] = {
        {text("parse"),
         integer(24922680),
         integer(22500000),
         integer(27500000),
         {.kind = CELL_REAL, .real = 0.75},
         integer(143)},
        {text("a,\"b\"|\033]0;owned\007\n\xff"),
         integer(512),
         integer(512),
         integer(512),
         {.kind = CELL_NULL},
         integer(143)},
    };
    struct render *render = NULL;

    CHECK_EQ(render_open(&options, &layout, columns, COLUMNS, &render).code, STATUS_OK);
    for (size_t i = 0; i < 2; i++) {
        CHECK_EQ(render_row(render, rows[i]).code, STATUS_OK);
    }
    CHECK_EQ(render_finish(render).code, STATUS_OK);
    render_close(render);
    fclose(stream);
    return out;
}

static void check_print(enum render_format format, size_t width, bool escape, const char *expected)
{
    char *out = print(format, width, escape);

    CHECK_STR(out, expected);
    free(out);
}

static void test_formats(void)
{
    check_print(RENDER_TABLE, 80, true,
                "live_bytes             share  name\n"
                "23.8 MiB (21.5–26.2)  75.0 %  parse\n"
                "   512 B                      a,\"b\"|\\x1b]0;owned\\x07\\n\\xff\n"
                "\n"
                "showing 2 of 143 names\n");
    check_print(RENDER_TABLE, 40, true, /* titles lose their unit, then intervals go, then text */
                "    live   share  name\n"
                "23.8 MiB  75.0 %  parse\n"
                "   512 B          a,\"b\"|\\x1b]0;owned\\x0…\n"
                "\n"
                "showing 2 of 143 names\n");
}

static void test_data(void)
{
    check_print(RENDER_CSV, 80, false,
                "name,live_bytes,live_bytes_low,live_bytes_high,share,all_rows\n"
                "parse,24922680,22500000,27500000,0.75,143\n"
                "\"a,\"\"b\"\"|\033]0;owned\007\n\xff\",512,512,512,,143\n");
    check_print(RENDER_CSV, 80, true,
                "name,live_bytes,live_bytes_low,live_bytes_high,share,all_rows\n"
                "parse,24922680,22500000,27500000,0.75,143\n"
                "\"a,\"\"b\"\"|\\x1b]0;owned\\x07\\n\\xff\",512,512,512,,143\n");
    check_print(RENDER_JSON, 80, false,
                "[\n"
                "{\"name\":\"parse\",\"live_bytes\":24922680,\"live_bytes_low\":22500000,"
                "\"live_bytes_high\":27500000,\"share\":0.75,\"all_rows\":143},\n"
                "{\"name\":\"a,\\\"b\\\"|\\u001b]0;owned\\u0007\\n\\\\xff\",\"live_bytes\":512,"
                "\"live_bytes_low\":512,\"live_bytes_high\":512,\"share\":null,\"all_rows\":143}\n"
                "]\n");
    check_print(RENDER_TSV, 80, false,
                "name\tlive_bytes\tlive_bytes_low\tlive_bytes_high\tshare\tall_rows\n"
                "parse\t24922680\t22500000\t27500000\t0.75\t143\n"
                "a,\"b\"|\x1b]0;owned\x07\\n\xff\t512\t512\t512\t\\N\t143\n");
    check_print(
        RENDER_MARKDOWN, 80, false,
        "| name | live\\_bytes | live\\_bytes\\_low | live\\_bytes\\_high | share | all\\_rows |\n"
        "|---|---:|---:|---:|---:|---:|\n"
        "| parse | 24922680 | 22500000 | 27500000 | 0.75 | 143 |\n"
        "| a,\"b\"\\|\\\\x1b]0;owned\\\\x07\\\\n\\\\xff | 512 | 512 | 512 |  | 143 |\n");
    check_print(RENDER_PLAIN, 80, false,
                "parse 24922680 22500000 27500000 0.75 143\n"
                "a,\"b\"|\\x1b]0;owned\\x07\\n\\xff 512 512 512  143\n");
}

/* Whatever the width, no line of a table is wider. */
static void test_widths(void)
{
    for (size_t width = 40; width < 90; width++) {
        char *out = print(RENDER_TABLE, width, true), *rest = out, *line;

        while ((line = strsep(&rest, "\n"))) {
            if (!CHECK(units_width(line, strlen(line)) <= width)) {
                fprintf(stderr, "  at width %zu: %s\n", width, line);
            }
        }
        free(out);
    }
}

static void test_empty(void)
{
    static const struct render_layout layout = {0};
    static const char *const expected[] = {
        [RENDER_TABLE] = "(no rows)\n",
        [RENDER_CSV] = "name,live_bytes,live_bytes_low,live_bytes_high,share,all_rows\n",
        [RENDER_TSV] = "name\tlive_bytes\tlive_bytes_low\tlive_bytes_high\tshare\tall_rows\n",
        [RENDER_JSON] = "[]\n",
    };

    for (int format = RENDER_TABLE; format <= RENDER_JSON; format++) {
        char *out = NULL;
        size_t bytes = 0;
        FILE *stream = open_memstream(&out, &bytes);
        struct render_options options = {
            .format = (enum render_format)format, .out = stream, .width = 80};
        struct render *render = NULL;

        CHECK_EQ(render_open(&options, &layout, columns, COLUMNS, &render).code, STATUS_OK);
        CHECK_EQ(render_finish(render).code, STATUS_OK);
        render_close(render);
        fclose(stream);
        CHECK_STR(out, expected[format]);
        free(out);
    }
}

static void test_numbers_survive(void)
{
    static const struct render_layout layout = {0};
    static const struct render_column one[] = {{"x", TYPE_VALUE}};
    static const double values[] = {0.1, 1.0 / 3, 1e300, 123456789012345678.0, 5e-324, -0.0};
    char *out = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&out, &bytes);
    struct render_options options = {.format = RENDER_CSV, .out = stream};
    struct render *render = NULL;

    CHECK_EQ(render_open(&options, &layout, one, 1, &render).code, STATUS_OK);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct cell cell = {.kind = CELL_REAL, .real = values[i]};

        CHECK_EQ(render_row(render, &cell).code, STATUS_OK);
    }
    render_close(render);
    fclose(stream);
    char *rest = strchr(out, '\n') + 1;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        CHECK(strtod(rest, &rest) == values[i]);
    }
    free(out);
}

static void test_sparkline(void)
{
    static const double values[] = {0, 1, 7};
    static const double nothing[] = {0, 0, 0};
    char *line = render_sparkline(values, 3, false), *flat = render_sparkline(nothing, 3, true);

    CHECK_STR(line, "▁▂█");
    CHECK_STR(flat, "___");
    free(line);
    free(flat);
}

int main(void)
{
    test_values();
    test_intervals();
    test_escape();
    test_formats();
    test_data();
    test_widths();
    test_empty();
    test_numbers_survive();
    test_sparkline();
    return check_summary();
}
