/* SPDX-License-Identifier: Apache-2.0 */
/* render.c -- see render.h. The formats for machines are here, the one for people is in table.c. */
#include "render.h"

#include "diag.h"
#include "json.h"
#include "table.h"
#include "units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_UNKNOWN = 100, WIDTH_MIN = 40, WIDTH_MAX = 1000 };

struct render {
    struct render_options options;
    const struct render_column *columns;
    size_t column_count;
    uint64_t rows;
    struct table *table;
};

/* ---- options ------------------------------------------------------------------------------- */

/* A locale that says so has no characters beyond ASCII; none at all is taken for UTF-8. */
static bool is_ascii_locale(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value && *value) {
            return strcmp(value, "C") == 0 || strcmp(value, "POSIX") == 0;
        }
    }
    return false;
}

static size_t width_of(FILE *out, bool is_terminal)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    long width = columns ? atol(columns) : 0;

    if (width <= 0 && is_terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0) {
        width = size.ws_col;
    }
    if (width <= 0) {
        width = WIDTH_UNKNOWN;
    }
    return (size_t)(width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width);
}

struct render_options render_options_for(FILE *out, enum render_format format)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool is_terminal = isatty(fileno(out));

    return (struct render_options){
        .format = format,
        .out = out,
        .width = width_of(out, is_terminal),
        .colour = is_terminal && format == RENDER_TABLE && !(no_color && *no_color) && term &&
                  strcmp(term, "dumb") != 0,
        .ascii = is_ascii_locale(),
        .escape = is_terminal,
    };
}

bool render_format_of_name(const char *name, enum render_format *out)
{
    static const struct {
        const char *name;
        enum render_format format;
    } formats[] = {{"table", RENDER_TABLE}, {"csv", RENDER_CSV},           {"tsv", RENDER_TSV},
                   {"json", RENDER_JSON},   {"markdown", RENDER_MARKDOWN}, {"md", RENDER_MARKDOWN},
                   {"plain", RENDER_PLAIN}};

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            *out = formats[i].format;
            return true;
        }
    }
    return false;
}

void render_style(const struct render_options *options, enum render_style style)
{
    static const char *const codes[] = {
        [STYLE_NONE] = "\033[0m",   [STYLE_BOLD] = "\033[1m",    [STYLE_DIM] = "\033[2m",
        [STYLE_RED] = "\033[1;31m", [STYLE_YELLOW] = "\033[33m", [STYLE_GREEN] = "\033[32m",
        [STYLE_BLUE] = "\033[36m",
    };

    if (options->colour) {
        fputs(codes[style], options->out);
    }
}

void render_paragraph(const struct render_options *options, size_t indent, const char *text)
{
    render_labelled(options, indent, "", text);
}

void render_labelled(const struct render_options *options, size_t indent, const char *label,
                     const char *text)
{
    size_t width = options->width > indent + 20 ? options->width - indent : 20;

    while (*text) {
        size_t take = units_prefix(text, width);

        if (text[take]) {
            size_t word = take;

            while (word > 0 && text[word] != ' ') {
                word--;
            }
            take = word > 0 ? word : take;
        }
        render_style(options, *label ? STYLE_BOLD : STYLE_NONE);
        fprintf(options->out, "%-*s", (int)indent, label);
        render_style(options, STYLE_NONE);
        fprintf(options->out, "%.*s\n", (int)take, text);
        label = "";
        text += take + strspn(text + take, " ");
    }
}

char *render_sparkline(const double *values, size_t count, bool ascii)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const letters[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    double most = 0;
    char *out = malloc(4 * count + 1), *at = out;

    for (size_t i = 0; i < count; i++) {
        most = values[i] > most ? values[i] : most;
    }
    for (size_t i = 0; out && i < count; i++) {
        double height = most > 0 && values[i] > 0 ? values[i] / most * 7 : 0;

        at = stpcpy(at, (ascii ? letters : blocks)[(size_t)(height + 0.5)]);
    }
    if (out) {
        *at = '\0';
    }
    return out;
}

/* ---- data ---------------------------------------------------------------------------------- */

/* The text as this stream may have it; the caller frees *memory. */
static struct cell safe_text(const struct render *render, const struct cell *cell, char **memory)
{
    struct cell safe = *cell;

    *memory = NULL;
    if (render->options.escape && cell->kind == CELL_TEXT) {
        *memory = units_escape(cell->text, cell->text_bytes, false);
        safe.text = *memory ? *memory : "";
        safe.text_bytes = strlen(safe.text);
    }
    return safe;
}

static void put_csv_text(FILE *out, const char *text, size_t bytes)
{
    bool quoted = false;

    for (size_t i = 0; i < bytes; i++) {
        quoted = quoted || text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
    }
    if (quoted) {
        putc('"', out);
    }
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '"') {
            putc('"', out);
        }
        putc(text[i], out);
    }
    if (quoted) {
        putc('"', out);
    }
}

/* As COPY of PostgreSQL reads it, and with it ClickHouse and DuckDB: a value has no tab or line break of its own. */
static void put_tsv_text(FILE *out, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        static const char plain[] = "\t\n\r\\", letters[] = "tnr\\";
        const char *special = text[i] ? strchr(plain, text[i]) : NULL;

        if (special) {
            putc('\\', out);
        }
        putc(special ? letters[special - plain] : text[i], out);
    }
}

static void put_markdown_text(FILE *out, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '|' || text[i] == '\\' || text[i] == '<' || text[i] == '*' ||
            text[i] == '_' || text[i] == '`') {
            putc('\\', out);
        }
        putc(text[i], out);
    }
}

static void put_row_csv(struct render *render, const struct cell *cells)
{
    FILE *out = render->options.out;

    for (size_t i = 0; i < render->column_count; i++) {
        char *memory;
        struct cell cell = safe_text(render, &cells[i], &memory);

        if (i > 0) {
            putc(',', out);
        }
        if (cell.kind == CELL_TEXT) {
            put_csv_text(out, cell.text, cell.text_bytes);
        } else if (cell.kind != CELL_NULL) {
            json_put_number(out, &cell);
        }
        free(memory);
    }
    putc('\n', out);
}

static void put_row_tsv(struct render *render, const struct cell *cells)
{
    FILE *out = render->options.out;

    for (size_t i = 0; i < render->column_count; i++) {
        char *memory;
        struct cell cell = safe_text(render, &cells[i], &memory);

        fputs(i > 0 ? "\t" : "", out);
        if (cell.kind == CELL_TEXT) {
            put_tsv_text(out, cell.text, cell.text_bytes);
        } else if (cell.kind == CELL_NULL) {
            fputs("\\N", out);
        } else {
            json_put_number(out, &cell);
        }
        free(memory);
    }
    putc('\n', out);
}

static void put_row_json(struct render *render, const struct cell *cells)
{
    FILE *out = render->options.out;

    fputs(render->rows == 0 ? "\n{" : ",\n{", out);
    for (size_t i = 0; i < render->column_count; i++) {
        if (i > 0) {
            putc(',', out);
        }
        json_put_text(out, render->columns[i].name, strlen(render->columns[i].name));
        putc(':', out);
        json_put_cell(out, &cells[i]);
    }
    putc('}', out);
}

static void put_row_markdown(struct render *render, const struct cell *cells)
{
    FILE *out = render->options.out;

    putc('|', out);
    for (size_t i = 0; i < render->column_count; i++) {
        char *escaped = NULL;

        putc(' ', out);
        if (cells[i].kind == CELL_TEXT) { /* a line break would end the row */
            escaped = units_escape(cells[i].text, cells[i].text_bytes, false);
            put_markdown_text(out, escaped ? escaped : "", escaped ? strlen(escaped) : 0);
        } else if (cells[i].kind != CELL_NULL) {
            json_put_number(out, &cells[i]);
        }
        fputs(" |", out);
        free(escaped);
    }
    putc('\n', out);
}

/* A line break in a cell would make two rows of one, so text is always made harmless here. */
static void put_row_plain(struct render *render, const struct cell *cells)
{
    FILE *out = render->options.out;

    for (size_t i = 0; i < render->column_count; i++) {
        if (i > 0) {
            putc(' ', out);
        }
        if (cells[i].kind == CELL_TEXT) {
            char *escaped = units_escape(cells[i].text, cells[i].text_bytes, false);

            fputs(escaped ? escaped : "", out);
            free(escaped);
        } else if (cells[i].kind != CELL_NULL) {
            json_put_number(out, &cells[i]);
        }
    }
    putc('\n', out);
}

static bool is_number(enum catalog_type type)
{
    return type != TYPE_TEXT && type != TYPE_STACK && type != TYPE_PROSE && type != TYPE_NOTE &&
           type != TYPE_GROUP && type != TYPE_UNIT && type != TYPE_KEY && type != TYPE_VALUE;
}

static void put_heads(struct render *render)
{
    FILE *out = render->options.out;

    if (render->options.format == RENDER_JSON) {
        putc('[', out);
        return;
    }
    if (render->options.format == RENDER_TSV) {
        for (size_t i = 0; i < render->column_count; i++) {
            fputs(i > 0 ? "\t" : "", out);
            put_tsv_text(out, render->columns[i].name, strlen(render->columns[i].name));
        }
        putc('\n', out);
        return;
    }
    if (render->options.format == RENDER_CSV) {
        for (size_t i = 0; i < render->column_count; i++) {
            fputs(i > 0 ? "," : "", out);
            put_csv_text(out, render->columns[i].name, strlen(render->columns[i].name));
        }
        putc('\n', out);
        return;
    }
    if (render->options.format == RENDER_MARKDOWN) {
        putc('|', out);
        for (size_t i = 0; i < render->column_count; i++) {
            putc(' ', out);
            put_markdown_text(out, render->columns[i].name, strlen(render->columns[i].name));
            fputs(" |", out);
        }
        fputs("\n|", out);
        for (size_t i = 0; i < render->column_count; i++) {
            fputs(is_number(render->columns[i].type) ? "---:|" : "---|", out);
        }
        putc('\n', out);
    }
}

/* ---- one interface ------------------------------------------------------------------------- */

status render_open(const struct render_options *options, const struct render_layout *layout,
                   const struct render_column *columns, size_t column_count, struct render **out)
{
    struct render *render = calloc(1, sizeof *render);

    *out = NULL;
    if (!render) {
        diag_error("could not print the rows: out of memory");
        return FAIL;
    }
    *render = (struct render){*options, columns, column_count, 0, NULL};
    if (options->format == RENDER_TABLE) {
        status opened = table_open(options, layout, columns, column_count, &render->table);

        if (opened.code != STATUS_OK) {
            free(render);
            return opened;
        }
    } else {
        put_heads(render);
    }
    *out = render;
    return OK;
}

status render_row(struct render *render, const struct cell *cells)
{
    switch (render->options.format) {
    case RENDER_TABLE:
        TRY(table_row(render->table, cells));
        break;
    case RENDER_CSV:
        put_row_csv(render, cells);
        break;
    case RENDER_TSV:
        put_row_tsv(render, cells);
        break;
    case RENDER_JSON:
        put_row_json(render, cells);
        break;
    case RENDER_MARKDOWN:
        put_row_markdown(render, cells);
        break;
    case RENDER_PLAIN:
        put_row_plain(render, cells);
        break;
    }
    render->rows++;
    return OK;
}

status render_finish(struct render *render)
{
    if (render->table) {
        table_finish(render->table);
    } else if (render->options.format == RENDER_JSON) {
        fputs(render->rows ? "\n]\n" : "]\n", render->options.out);
    }
    return OK;
}

void render_close(struct render *render)
{
    if (render) {
        table_close(render->table);
        free(render);
    }
}
