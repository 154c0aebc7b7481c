/* SPDX-License-Identifier: Apache-2.0 */
/* table.c -- see table.h. Rows wait as text until the widths are known. */
#include "table.h"

#include "diag.h"
#include "units.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROWS_MAX = 500, /* that wait */
    GAP = 2,
    DETAIL_INDENT = 6,
    TEXT_WIDTH_SMALL = 24,
    TEXT_WIDTH_MIN = 12,
    NOTE_WIDTH_MIN = 16,
    BAR_WIDTH_MIN = 8,
    BAR_WIDTH_MAX = 24,
    NONE = -1,
};

/* A column of the main line. */
struct shown {
    int column, low, high; /* places in a row of cells; NONE */
    enum catalog_type type;
    bool right; /* aligned */
    bool with_interval;
    bool empty;         /* not one value, and a report chose the columns: not shown */
    bool hidden;        /* empty, or no room */
    size_t value_width; /* widest value */
    size_t interval_width;
    size_t text_width; /* TEXT and NOTE: cut or wrapped there */
    char title[64];
};

struct row {
    char **values, **intervals; /* one per shown column */
    double bar;
    char *details, *prose, *stack; /* NULL: none */
    bool starts_group;
    bool all_zero; /* its MIXED figure is 0: no alarm */
};

struct table {
    struct render_options options;
    struct render_layout layout;
    const struct render_column *columns;
    size_t column_count, shown_count;
    int unit_column, prose_column, stack_column, bar_column;
    struct shown *shown;
    bool *in_details; /* per column */
    size_t bar_width;
    double bar_most;
    struct row *waiting;
    size_t waiting_count;
    bool started; /* widths are fixed, heads are out */
    bool has_details;
    uint64_t rows;     /* written or waiting */
    char *group;       /* of the row before */
    double *sums;      /* per column, over the rows shown */
    struct cell *last; /* numbers of the row before */
};

static status no_memory(void)
{
    diag_error("could not print the table: out of memory");
    return FAIL;
}

/* ---- which columns ------------------------------------------------------------------------- */

static int find_column(const struct table *table, const char *name, size_t length)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (strlen(table->columns[i].name) == length &&
            memcmp(table->columns[i].name, name, length) == 0) {
            return (int)i;
        }
    }
    return NONE;
}

static int find_companion(const struct table *table, const char *name, const char *end)
{
    char whole[256];
    int length = snprintf(whole, sizeof whole, "%s%s", name, end);

    return length < (int)sizeof whole ? find_column(table, whole, (size_t)length) : NONE;
}

static bool is_companion(const struct table *table, size_t column)
{
    const char *name = table->columns[column].name;
    size_t length = strlen(name);
    static const char *const ends[] = {"_low", "_high"};

    for (size_t i = 0; i < 2; i++) {
        size_t end = strlen(ends[i]);

        if (length > end && strcmp(name + length - end, ends[i]) == 0 &&
            find_column(table, name, length - end) != NONE) {
            return true;
        }
    }
    return false;
}

static int find_type(const struct table *table, enum catalog_type type)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].type == type) {
            return (int)i;
        }
    }
    return NONE;
}

static bool is_number(enum catalog_type type)
{
    return type == TYPE_BYTES || type == TYPE_NS || type == TYPE_COUNT || type == TYPE_RATIO ||
           type == TYPE_RATE || type == TYPE_FLOW || type == TYPE_PACE || type == TYPE_ID ||
           type == TYPE_MIXED || type == TYPE_TOTAL;
}

static void show_column(struct table *table, int column)
{
    const struct render_column *about = &table->columns[column];
    struct shown *shown = &table->shown[table->shown_count++];

    *shown = (struct shown){
        .column = column,
        .low = find_companion(table, about->name, "_low"),
        .high = find_companion(table, about->name, "_high"),
        .type = about->type,
        .right = is_number(about->type) || about->type == TYPE_VALUE,
    };
    shown->with_interval = shown->low != NONE && shown->high != NONE;
    table->in_details[column] = false;
}

static void choose_columns(struct table *table)
{
    const char *words = table->layout.table;

    for (size_t i = 0; i < table->column_count; i++) {
        enum catalog_type type = table->columns[i].type;

        table->in_details[i] = type != TYPE_KEY && type != TYPE_TOTAL && type != TYPE_UNIT &&
                               type != TYPE_PROSE && type != TYPE_STACK && !is_companion(table, i);
        if (!words && table->in_details[i]) {
            show_column(table, (int)i);
        }
    }
    while (words && *words) {
        size_t length = strcspn(words += strspn(words, " "), " ");
        int column = find_column(table, words, length);

        if (column != NONE && table->shown_count < table->column_count) {
            show_column(table, column);
        }
        words += length;
    }
}

status table_open(const struct render_options *options, const struct render_layout *layout,
                  const struct render_column *columns, size_t column_count, struct table **out)
{
    struct table *table = calloc(1, sizeof *table);

    *out = NULL;
    if (!table) {
        return no_memory();
    }
    table->options = *options;
    table->layout = *layout;
    table->columns = columns;
    table->column_count = column_count;
    table->shown = calloc(column_count + 1, sizeof *table->shown);
    table->in_details = calloc(column_count + 1, sizeof *table->in_details);
    table->sums = calloc(column_count + 1, sizeof *table->sums);
    table->last = calloc(column_count + 1, sizeof *table->last);
    table->waiting = calloc(ROWS_MAX, sizeof *table->waiting);
    if (!table->shown || !table->in_details || !table->sums || !table->last || !table->waiting) {
        table_close(table);
        return no_memory();
    }
    choose_columns(table);
    table->unit_column = find_type(table, TYPE_UNIT);
    table->prose_column = find_type(table, TYPE_PROSE);
    table->stack_column = find_type(table, TYPE_STACK);
    table->has_details = table->prose_column != NONE || table->stack_column != NONE;
    table->bar_column = layout->bar ? find_column(table, layout->bar, strlen(layout->bar)) : NONE;
    *out = table;
    return OK;
}

/* ---- a row as text ------------------------------------------------------------------------- */

static double number_of(const struct cell *cell)
{
    return cell->kind == CELL_INTEGER ? (double)cell->integer
           : cell->kind == CELL_REAL  ? cell->real
                                      : 0;
}

static bool has_number(const struct cell *cell)
{
    return cell->kind == CELL_INTEGER || cell->kind == CELL_REAL;
}

static char *copy_text(const struct table *table, const struct cell *cell)
{
    return cell->kind == CELL_TEXT
               ? units_escape(cell->text, cell->text_bytes, table->options.ascii)
               : NULL;
}

/* The cell with its unit; "" for NULL. */
static char *value_text(const struct table *table, enum catalog_type type, const struct cell *cell,
                        const struct units_mixed *mixed)
{
    char text[UNITS_BYTES + 8];

    if (cell->kind == CELL_TEXT) {
        return copy_text(table, cell);
    }
    if (cell->kind == CELL_NULL) {
        return strdup("");
    }
    if (type == TYPE_MIXED) {
        units_value(text, mixed->type, number_of(cell) * mixed->factor, table->options.ascii);
        strcat(text, mixed->suffix);
    } else if (cell->kind == CELL_INTEGER && (type == TYPE_VALUE || type == TYPE_ID)) {
        snprintf(text, sizeof text, "%lld", (long long)cell->integer);
    } else {
        units_value(text, type, number_of(cell), table->options.ascii);
    }
    return strdup(text);
}

static char *interval_text(const struct table *table, const struct shown *shown,
                           const struct cell *cells, const struct units_mixed *mixed)
{
    const struct cell *value = &cells[shown->column];
    enum catalog_type type = shown->type == TYPE_MIXED ? mixed->type : shown->type;
    double factor = shown->type == TYPE_MIXED ? mixed->factor : 1;
    char text[UNITS_BYTES] = "";

    if (shown->low != NONE && shown->high != NONE && has_number(value) &&
        has_number(&cells[shown->low]) && has_number(&cells[shown->high])) {
        units_interval(text, type, number_of(value) * factor,
                       number_of(&cells[shown->low]) * factor,
                       number_of(&cells[shown->high]) * factor, table->options.ascii);
    }
    return strdup(text);
}

/* A column's name without its unit, which the cells have. */
static void short_title(char *out, size_t out_bytes, const char *name)
{
    static const char *const ends[] = {"_bytes_per_hour", "_bytes_per_second", "_bytes", "_ns"};
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t end = strlen(ends[i]);

        if (length > end && strcmp(name + length - end, ends[i]) == 0) {
            length -= end;
            break;
        }
    }
    snprintf(out, out_bytes, "%.*s", (int)length, name);
}

static const char *dot_of(const struct table *table) { return table->options.ascii ? ", " : " · "; }

/* "onset 0.1 s . samples 400": the columns that are not on the main line. */
static char *details_text(const struct table *table, const struct cell *cells,
                          const struct units_mixed *mixed)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    const char *between = "";

    for (size_t i = 0; out && i < table->column_count; i++) {
        if (!table->in_details[i] || cells[i].kind == CELL_NULL) {
            continue;
        }
        const char *name = table->columns[i].name;
        struct shown shown = {.column = (int)i,
                              .low = find_companion(table, name, "_low"),
                              .high = find_companion(table, name, "_high"),
                              .type = table->columns[i].type};
        char title[64];
        char *value = value_text(table, shown.type, &cells[i], mixed);
        char *interval = interval_text(table, &shown, cells, mixed);

        short_title(title, sizeof title, name);
        fprintf(out, "%s%s %s%s%s", between, title, value ? value : "",
                interval && *interval ? " " : "", interval ? interval : "");
        between = dot_of(table);
        free(value);
        free(interval);
    }
    if (out) {
        fclose(out);
    }
    return text;
}

static void free_row(const struct table *table, struct row *row)
{
    for (size_t i = 0; i < table->shown_count; i++) {
        if (row->values) {
            free(row->values[i]);
        }
        if (row->intervals) {
            free(row->intervals[i]);
        }
    }
    free(row->values);
    free(row->intervals);
    free(row->details);
    free(row->prose);
    free(row->stack);
    *row = (struct row){0};
}

/* The group's name stands in its first row only. */
static status take_group(struct table *table, struct row *row)
{
    for (size_t i = 0; i < table->shown_count; i++) {
        if (table->shown[i].type != TYPE_GROUP) {
            continue;
        }
        row->starts_group = !table->group || strcmp(table->group, row->values[i]) != 0;
        if (row->starts_group) {
            free(table->group);
            table->group = strdup(row->values[i]);
            if (!table->group) {
                return no_memory();
            }
        } else {
            row->values[i][0] = '\0';
        }
        break;
    }
    return OK;
}

static status make_row(struct table *table, const struct cell *cells, struct row *row)
{
    struct units_mixed mixed = {TYPE_VALUE, 1, ""};

    *row = (struct row){.values = calloc(table->shown_count + 1, sizeof *row->values),
                        .intervals = calloc(table->shown_count + 1, sizeof *row->intervals)};
    if (!row->values || !row->intervals) {
        return no_memory();
    }
    if (table->unit_column != NONE && cells[table->unit_column].kind == CELL_TEXT) {
        mixed = units_mixed(cells[table->unit_column].text, cells[table->unit_column].text_bytes);
    }
    for (size_t i = 0; i < table->shown_count; i++) {
        struct shown *shown = &table->shown[i];

        row->values[i] = value_text(table, shown->type, &cells[shown->column], &mixed);
        row->intervals[i] = interval_text(table, shown, cells, &mixed);
        if (!row->values[i] || !row->intervals[i]) {
            return no_memory();
        }
        if (shown->type == TYPE_MIXED && number_of(&cells[shown->column]) == 0) {
            row->all_zero = true;
        }
        if (!table->started && shown->type == TYPE_VALUE &&
            cells[shown->column].kind == CELL_TEXT) {
            shown->right = false;
            shown->type = TYPE_TEXT;
        }
    }
    if (table->has_details) {
        row->details = details_text(table, cells, &mixed);
    }
    if (table->prose_column != NONE) {
        row->prose = copy_text(table, &cells[table->prose_column]);
    }
    if (table->stack_column != NONE) {
        row->stack = copy_text(table, &cells[table->stack_column]);
    }
    if (table->bar_column != NONE) {
        row->bar = number_of(&cells[table->bar_column]);
    }
    return take_group(table, row);
}

/* ---- widths -------------------------------------------------------------------------------- */

static bool is_text(const struct shown *shown) { return shown->type == TYPE_TEXT; }

static size_t width_of(const struct shown *shown)
{
    size_t width = shown->type == TYPE_TEXT || shown->type == TYPE_NOTE ? shown->text_width
                                                                        : shown->value_width;
    if (shown->with_interval && shown->interval_width > 0) {
        width += 1 + shown->interval_width;
    }
    size_t title = strlen(shown->title);

    return width > title ? width : title;
}

static size_t width_of_all(const struct table *table)
{
    size_t width = 0;

    for (size_t i = 0; i < table->shown_count; i++) {
        if (!table->shown[i].hidden) {
            width += width_of(&table->shown[i]) + (width > 0 ? GAP : 0);
        }
    }
    return width + (table->bar_width > 0 ? GAP + table->bar_width : 0);
}

static void measure(struct table *table)
{
    for (size_t i = 0; i < table->shown_count; i++) {
        struct shown *shown = &table->shown[i];

        for (size_t r = 0; r < table->waiting_count; r++) {
            const char *value = table->waiting[r].values[i];
            const char *interval = table->waiting[r].intervals[i];
            size_t width = units_width(value, strlen(value));
            size_t interval_width = units_width(interval, strlen(interval));

            shown->value_width = width > shown->value_width ? width : shown->value_width;
            shown->interval_width =
                interval_width > shown->interval_width ? interval_width : shown->interval_width;
        }
        shown->text_width = shown->value_width;
        shown->empty = shown->value_width == 0 && table->layout.table;
        shown->hidden = shown->empty;
        snprintf(shown->title, sizeof shown->title, "%s", table->columns[shown->column].name);
    }
}

/* How much more than the terminal has. */
static size_t excess(const struct table *table)
{
    size_t width = width_of_all(table);

    return width > table->options.width ? width - table->options.width : 0;
}

/* Makes text columns as wide as they need, down to `least` where there is not enough room. */
static void cut_text(struct table *table, size_t least)
{
    for (size_t i = table->shown_count; i-- > 0;) {
        struct shown *shown = &table->shown[i];
        size_t over = excess(table);

        if (over > 0 && is_text(shown) && shown->text_width > least) {
            shown->text_width = shown->text_width > least + over ? shown->text_width - over : least;
        }
    }
}

static void drop_intervals(struct table *table)
{
    for (size_t i = table->shown_count; i-- > 0 && excess(table) > 0;) {
        table->shown[i].with_interval = false;
    }
}

static void drop_columns(struct table *table)
{
    for (size_t i = table->shown_count; i-- > 1 && excess(table) > 0;) {
        if (!is_text(&table->shown[i])) {
            table->shown[i].hidden = true;
        }
    }
}

/* A note takes what the others leave; too little, and it goes. */
static void fit_note(struct table *table)
{
    for (size_t i = 0; i < table->shown_count; i++) {
        struct shown *note = &table->shown[i];
        size_t over = excess(table);

        if (note->type == TYPE_NOTE && over > 0) {
            if (note->text_width < NOTE_WIDTH_MIN + over) {
                note->hidden = true;
            } else {
                note->text_width -= over;
            }
        }
    }
}

static void fit(struct table *table)
{
    measure(table);
    table->bar_width = table->bar_column != NONE && table->bar_most > 0 ? BAR_WIDTH_MIN : 0;
    for (size_t i = 0; excess(table) > 0 && i < table->shown_count; i++) {
        short_title(table->shown[i].title, sizeof table->shown[i].title,
                    table->columns[table->shown[i].column].name);
    }
    fit_note(table);
    cut_text(table, TEXT_WIDTH_SMALL);
    drop_intervals(table);
    if (excess(table) > 0) {
        table->bar_width = 0;
    }
    cut_text(table, TEXT_WIDTH_MIN);
    drop_columns(table);
    /* what was cut too much comes back */
    for (size_t i = 0; i < table->shown_count; i++) {
        struct shown *shown = &table->shown[i];
        size_t width = width_of_all(table);

        if (is_text(shown) && !shown->hidden && width < table->options.width) {
            size_t more = table->options.width - width;

            shown->text_width = shown->text_width + more < shown->value_width
                                    ? shown->text_width + more
                                    : shown->value_width;
        }
    }
    size_t width = width_of_all(table);
    if (table->bar_width > 0 && width < table->options.width) {
        size_t bar = table->bar_width + table->options.width - width;

        table->bar_width = bar < BAR_WIDTH_MAX ? bar : BAR_WIDTH_MAX;
    }
}

/* ---- writing ------------------------------------------------------------------------------- */

static void put_blanks(const struct table *table, size_t count)
{
    fprintf(table->options.out, "%*s", (int)count, "");
}

/* A verdict shows its urgency. */
static enum render_style style_of(const struct table *table, const struct row *row,
                                  const struct shown *shown, const char *value)
{
    static const struct {
        const char *word;
        enum render_style style;
    } words[] = {{"leak", STYLE_RED},
                 {"growing", STYLE_YELLOW},
                 {"undecided", STYLE_YELLOW},
                 {"cache", STYLE_GREEN},
                 {"startup", STYLE_GREEN},
                 {"steady", STYLE_GREEN},
                 {"suspect", STYLE_RED},
                 {"collected", STYLE_GREEN},
                 {"frames over budget", STYLE_YELLOW},
                 {"growing evals", STYLE_YELLOW},
                 {"pool overflows", STYLE_YELLOW},
                 {"lost events", STYLE_YELLOW},
                 {"gaps", STYLE_YELLOW}};
    const char *name = table->columns[shown->column].name;

    if (shown->type == TYPE_GROUP) {
        return STYLE_BOLD;
    }
    if (shown->type == TYPE_NOTE) {
        return STYLE_DIM;
    }
    if (row->all_zero) {
        return STYLE_NONE;
    }
    if (strcmp(name, "verdict") == 0 || strcmp(name, "what") == 0) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            if (strcmp(words[i].word, value) == 0) {
                return words[i].style;
            }
        }
    }
    return STYLE_NONE;
}

static void put_styled(const struct table *table, enum render_style style, const char *text,
                       size_t bytes)
{
    if (style != STYLE_NONE && bytes > 0) {
        render_style(&table->options, style);
    }
    fwrite(text, 1, bytes, table->options.out);
    if (style != STYLE_NONE && bytes > 0) {
        render_style(&table->options, STYLE_NONE);
    }
}

/* Text in a column that may be too narrow for it; returns the columns written. */
static size_t put_cut(const struct table *table, enum render_style style, const char *text,
                      size_t width)
{
    size_t bytes = strlen(text), needed = units_width(text, bytes);

    if (needed <= width) {
        put_styled(table, style, text, bytes);
        return needed;
    }
    const char *mark = table->options.ascii ? "..." : "…";
    size_t mark_width = table->options.ascii ? 3 : 1;
    size_t take = units_prefix(text, width > mark_width ? width - mark_width : 0);
    put_styled(table, style, text, take);
    fputs(mark, table->options.out);
    return units_width(text, take) + mark_width;
}

/* The start of a note that fits its column, ending between words where it can. */
static size_t wrap_bytes(const char *text, size_t width)
{
    size_t take = units_prefix(text, width), word = take;

    if (!text[take]) {
        return take;
    }
    while (word > 0 && text[word] != ' ') {
        word--;
    }
    return word > 0 ? word : take;
}

static size_t put_cell(const struct table *table, const struct row *row, size_t at)
{
    const struct shown *shown = &table->shown[at];
    const char *value = row->values[at], *interval = row->intervals[at];
    enum render_style style = style_of(table, row, shown, value);
    size_t width = units_width(value, strlen(value)), used;

    if (shown->type == TYPE_NOTE) {
        size_t take = wrap_bytes(value, shown->text_width);

        put_styled(table, style, value, take);
        return units_width(value, take);
    }
    if (shown->type == TYPE_TEXT) {
        return put_cut(table, style, value, shown->text_width);
    }
    bool title_rules = strlen(shown->title) > shown->value_width &&
                       (!shown->with_interval || shown->interval_width == 0);
    size_t column = title_rules ? strlen(shown->title) : shown->value_width;
    used = shown->right && width < column ? column : width;
    put_blanks(table, used - width);
    put_styled(table, style, value, strlen(value));
    if (shown->with_interval && *interval) {
        put_blanks(table, column - used + 1);
        put_styled(table, STYLE_DIM, interval, strlen(interval));
        used = column + 1 + units_width(interval, strlen(interval));
    }
    return used;
}

/* In eighths of a character. */
static size_t bar_steps(const struct table *table, double value)
{
    double share = value > 0 && table->bar_most > 0 ? value / table->bar_most : 0;

    size_t steps = (size_t)((share < 1 ? share : 1) * (double)table->bar_width * 8 + 0.5);

    return table->options.ascii ? (steps + 4) / 8 * 8 : steps;
}

static void put_bar(const struct table *table, double value)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    size_t steps = bar_steps(table, value);

    render_style(&table->options, STYLE_BLUE);
    for (size_t i = 0; i < steps / 8; i++) {
        fputs(table->options.ascii ? "#" : "█", table->options.out);
    }
    fputs(table->options.ascii ? "" : eighths[steps % 8], table->options.out);
    render_style(&table->options, STYLE_NONE);
}

/* What a note could not say in its first line. */
static void put_note_rest(const struct table *table, const struct row *row)
{
    size_t before = 0;

    for (size_t i = 0; i < table->shown_count; i++) {
        const struct shown *shown = &table->shown[i];

        if (shown->hidden) {
            continue;
        }
        if (shown->type == TYPE_NOTE) {
            const char *text = row->values[i];

            for (;;) {
                text += wrap_bytes(text, shown->text_width);
                text += strspn(text, " ");
                if (!*text) {
                    break;
                }
                put_blanks(table, before);
                put_styled(table, STYLE_DIM, text, wrap_bytes(text, shown->text_width));
                putc('\n', table->options.out);
            }
        }
        before += width_of(shown) + GAP;
    }
}

static void put_detail_line(const struct table *table, const char *text, bool wrapped,
                            enum render_style style)
{
    if (!text || !*text) {
        return;
    }
    render_style(&table->options, style);
    if (wrapped) {
        render_paragraph(&table->options, DETAIL_INDENT, text);
    } else {
        put_blanks(table, DETAIL_INDENT);
        put_cut(table, STYLE_NONE, text, table->options.width - DETAIL_INDENT);
        putc('\n', table->options.out);
    }
    render_style(&table->options, STYLE_NONE);
}

/* "7.6-9.2 GiB/h" of a value "8.4 GiB/h" and its interval "(7.6-9.2)". */
static void put_lone_interval(FILE *out, const char *value, const char *interval)
{
    const char *unit = strrchr(value, ' ');
    bool has_unit = unit && (unit[1] < '0' || unit[1] > '9');

    fprintf(out, "%.*s%s", (int)strlen(interval) - 2, interval + 1, has_unit ? unit : "");
}

/* What the main line had no room for, then the other columns. */
static char *join_details(const struct table *table, const struct row *row)
{
    const char *dot = dot_of(table), *between = "";
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    for (size_t i = 0; out && i < table->shown_count; i++) {
        const struct shown *shown = &table->shown[i];
        const char *value = row->values[i], *interval = row->intervals[i];
        char title[64];

        if (shown->empty || !*value || (!shown->hidden && (shown->with_interval || !*interval))) {
            continue;
        }
        short_title(title, sizeof title, table->columns[shown->column].name);
        fprintf(out, "%s%s ", between, title);
        if (shown->hidden) {
            fprintf(out, "%s%s%s", value, *interval ? " " : "", interval);
        } else {
            put_lone_interval(out, value, interval);
        }
        between = dot;
    }
    if (out) {
        const char *others = row->details ? row->details : "";

        fprintf(out, "%s%s", *others ? between : "", others);
        fclose(out);
    }
    return text;
}

/* Wraps between the details, never in one. */
static void put_details(const struct table *table, const struct row *row)
{
    const char *dot = dot_of(table);
    char *text = join_details(table, row);
    size_t used = 0;

    render_style(&table->options, STYLE_DIM);
    for (char *at = text, *next; at && *at; at = next) {
        char *end = strstr(at, dot);
        size_t length = end ? (size_t)(end - at) : strlen(at), width = units_width(at, length);

        if (used > 0 && DETAIL_INDENT + used + strlen(dot) + width > table->options.width) {
            putc('\n', table->options.out);
            used = 0;
        }
        if (used > 0) {
            fputs(dot, table->options.out);
            used += units_width(dot, strlen(dot));
        } else {
            put_blanks(table, DETAIL_INDENT);
        }
        fwrite(at, 1, length, table->options.out);
        used += width;
        next = at + length + (end ? strlen(dot) : 0);
    }
    render_style(&table->options, STYLE_NONE);
    if (used > 0) {
        putc('\n', table->options.out);
    }
    free(text);
}

static void put_row(const struct table *table, const struct row *row, bool first)
{
    size_t owed = 0; /* blanks that stand only before more text */

    if (!first && (row->starts_group || table->has_details)) {
        putc('\n', table->options.out);
    }
    for (size_t i = 0; i < table->shown_count; i++) {
        const struct shown *shown = &table->shown[i];

        if (shown->hidden) {
            continue;
        }
        if (*row->values[i]) {
            put_blanks(table, owed);
            owed = 0;
            owed = width_of(shown) - put_cell(table, row, i) + GAP;
        } else {
            owed += width_of(shown) + GAP;
        }
    }
    if (table->bar_width > 0 && bar_steps(table, row->bar) > 0) {
        put_blanks(table, owed);
        put_bar(table, row->bar);
    }
    putc('\n', table->options.out);
    put_note_rest(table, row);
    if (table->has_details) {
        put_details(table, row);
    }
    put_detail_line(table, row->prose, true, STYLE_NONE);
    put_detail_line(table, row->stack, false, STYLE_BLUE);
}

static void put_titles(const struct table *table)
{
    size_t owed = 0;

    render_style(&table->options, STYLE_BOLD);
    for (size_t i = 0; i < table->shown_count; i++) {
        const struct shown *shown = &table->shown[i];
        size_t title = strlen(shown->title), column = width_of(shown);

        if (shown->hidden) {
            continue;
        }
        if (shown->with_interval &&
            shown->interval_width > 0) { /* over the value, not the interval */
            column = title <= shown->value_width ? shown->value_width : title;
        }
        size_t used = shown->right ? column : title;
        put_blanks(table, owed + used - title);
        fputs(shown->title, table->options.out);
        owed = width_of(shown) - used + GAP;
    }
    render_style(&table->options, STYLE_NONE);
    putc('\n', table->options.out);
}

static void start(struct table *table)
{
    fit(table);
    put_titles(table);
    for (size_t i = 0; i < table->waiting_count; i++) {
        put_row(table, &table->waiting[i], i == 0);
        free_row(table, &table->waiting[i]);
    }
    table->waiting_count = 0;
    table->started = true;
}

static void remember_numbers(struct table *table, const struct cell *cells)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (has_number(&cells[i])) {
            table->sums[i] += number_of(&cells[i]);
            table->last[i] = cells[i];
        }
    }
}

status table_row(struct table *table, const struct cell *cells)
{
    struct row row;
    status made = make_row(table, cells, &row);

    if (made.code != STATUS_OK) {
        free_row(table, &row);
        return made;
    }
    remember_numbers(table, cells);
    table->rows++;
    table->bar_most = row.bar > table->bar_most ? row.bar : table->bar_most;
    if (table->started) {
        put_row(table, &row, false);
        free_row(table, &row);
        return OK;
    }
    table->waiting[table->waiting_count++] = row;
    if (table->waiting_count == ROWS_MAX) {
        start(table);
    }
    return OK;
}

/* ---- the footer ---------------------------------------------------------------------------- */

/* One {...} of the footer's words. */
static void put_footer_word(const struct table *table, const char *word, size_t length)
{
    static const char share[] = "share ";
    char text[UNITS_BYTES] = "?";

    if (length == 4 && memcmp(word, "rows", 4) == 0) {
        units_value(text, TYPE_COUNT, (double)table->rows, table->options.ascii);
    } else if (length > strlen(share) && memcmp(word, share, strlen(share)) == 0) {
        char all[256];
        int column = find_column(table, word + strlen(share), length - strlen(share));
        int all_length = snprintf(all, sizeof all, "all_%.*s", (int)(length - strlen(share)),
                                  word + strlen(share));
        int all_column = find_column(table, all, (size_t)all_length);

        if (column != NONE && all_column != NONE && number_of(&table->last[all_column]) > 0) {
            units_value(text, TYPE_RATIO, table->sums[column] / number_of(&table->last[all_column]),
                        table->options.ascii);
        }
    } else {
        int column = find_column(table, word, length);
        char name[64];

        if (column != NONE && has_number(&table->last[column])) {
            snprintf(name, sizeof name, "%.*s", (int)length, word);
            enum catalog_type type = catalog_type_of_name(name);
            units_value(text, type == TYPE_VALUE ? TYPE_COUNT : type,
                        number_of(&table->last[column]), table->options.ascii);
        }
    }
    fputs(text, table->options.out);
}

static void put_footer(const struct table *table)
{
    const char *at = table->layout.footer;

    fputs("\nshowing ", table->options.out);
    while (*at) {
        size_t plain = strcspn(at, "{");

        fwrite(at, 1, plain, table->options.out);
        at += plain;
        if (*at) {
            size_t length = strcspn(++at, "}");

            put_footer_word(table, at, length);
            at += length + (at[length] != '\0');
        }
    }
    putc('\n', table->options.out);
}

/* Columns that found no room; a note that did not is no loss. */
static void put_hidden(const struct table *table)
{
    const char *before = "\nnot shown, for lack of width: ";

    for (size_t i = 0; i < table->shown_count; i++) {
        const struct shown *shown = &table->shown[i];

        if (shown->hidden && !shown->empty && !table->has_details && shown->type != TYPE_NOTE) {
            fprintf(table->options.out, "%s%s", before, table->columns[shown->column].name);
            before = ", ";
        }
    }
    if (before[0] == ',') {
        fputs(" (--format csv has them)\n", table->options.out);
    }
}

void table_finish(struct table *table)
{
    if (table->rows == 0) {
        fprintf(table->options.out, "%s\n",
                table->layout.empty ? table->layout.empty : "(no rows)");
        return;
    }
    if (!table->started) {
        start(table);
    }
    put_hidden(table);
    if (table->layout.footer) {
        put_footer(table);
    }
}

void table_close(struct table *table)
{
    if (!table) {
        return;
    }
    for (size_t i = 0; table->waiting && i < table->waiting_count; i++) {
        free_row(table, &table->waiting[i]);
    }
    free(table->shown);
    free(table->in_details);
    free(table->sums);
    free(table->last);
    free(table->waiting);
    free(table->group);
    free(table);
}
