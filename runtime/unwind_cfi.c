/* SPDX-License-Identifier: Apache-2.0 */
#include "unwind_cfi.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* glibc 2.35 and newer answer "which module is this, where are its tables" without a lock.
 * Called through a pointer, so that it is bound when the library is loaded and never lazily. */
#ifdef DLFO_EH_SEGMENT_TYPE
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));
static int (*const volatile find_object)(void *, struct dl_find_object *) = _dl_find_object;

static bool find_module(uintptr_t address, struct dl_find_object *found)
{
    return find_object && find_object((void *)address, found) == 0;
}

bool mr_cfi_in_module(uintptr_t address)
{
    struct dl_find_object found;

    return find_module(address, &found);
}
#else
bool mr_cfi_in_module(uintptr_t address)
{
    (void)address;
    return false;
}
#endif

#if defined(__x86_64__) && defined(DLFO_EH_SEGMENT_TYPE)

enum { COLUMN_FP = 6, COLUMN_SP = 7, COLUMN_RETURN = 16 }; /* DWARF's numbers for x86-64 */

/* Where the kernel's ucontext keeps them, from the stack pointer of the signal trampoline. */
enum { UCONTEXT_FP = 120, UCONTEXT_SP = 160, UCONTEXT_PC = 168 };

enum { STATES_MAX = 8, TERMS_MAX = 8 };

/* ---- bytes ---------------------------------------------------------------------------------- */

/* Reading past the end yields zeros and sets `bad`; callers look at it once, at the end. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static bool more(const struct cursor *in) { return in->at < in->end; }

static const uint8_t *take(struct cursor *in, uint64_t bytes)
{
    const uint8_t *start = in->at;

    if ((uint64_t)(in->end - in->at) < bytes) {
        in->bad = true;
        in->at = in->end;
        return NULL;
    }
    in->at += bytes;
    return start;
}

static uint64_t take_unsigned(struct cursor *in, unsigned bytes)
{
    const uint8_t *start = take(in, bytes);
    uint64_t value = 0;

    if (start) {
        memcpy(&value, start, bytes);
    }
    return value;
}

static int64_t take_signed(struct cursor *in, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;

    return (int64_t)(take_unsigned(in, bytes) << shift) >> shift;
}

static uint64_t take_uleb(struct cursor *in)
{
    uint64_t value = 0;

    for (unsigned shift = 0; more(in); shift += 7) {
        uint8_t byte = *in->at++;

        if (shift < 64) {
            value |= (uint64_t)(byte & 0x7f) << shift;
        }
        if (!(byte & 0x80)) {
            return value;
        }
    }
    in->bad = true;
    return 0;
}

static int64_t take_sleb(struct cursor *in)
{
    uint64_t value = 0;

    for (unsigned shift = 0; more(in);) {
        uint8_t byte = *in->at++;

        if (shift < 64) {
            value |= (uint64_t)(byte & 0x7f) << shift;
        }
        shift += 7;
        if (!(byte & 0x80)) {
            if (shift < 64 && (byte & 0x40)) {
                value |= UINT64_MAX << shift;
            }
            return (int64_t)value;
        }
    }
    in->bad = true;
    return 0;
}

/* Skips a length and as many bytes; returns where the length is, for `block_at`. */
static const uint8_t *take_block(struct cursor *in)
{
    const uint8_t *block = in->at;
    uint64_t bytes = take_uleb(in);

    return take(in, bytes) ? block : NULL;
}

/* The bytes of a block that take_block has found whole. */
static struct cursor block_at(const uint8_t *block)
{
    struct cursor in = {.at = block, .end = block + 10};
    uint64_t bytes = take_uleb(&in);

    return (struct cursor){.at = in.at, .end = in.at + bytes};
}

/* DW_EH_PE_*: the low half says how wide, the high half relative to what. */
enum {
    WIDTH_ADDRESS = 0x00,
    WIDTH_ULEB = 0x01,
    WIDTH_U2 = 0x02,
    WIDTH_U4 = 0x03,
    WIDTH_U8 = 0x04,
    WIDTH_SLEB = 0x09,
    WIDTH_S2 = 0x0a,
    WIDTH_S4 = 0x0b,
    WIDTH_S8 = 0x0c,
    RELATIVE_TO_NOTHING = 0x00,
    RELATIVE_TO_HERE = 0x10,
    RELATIVE_TO_TABLE = 0x30,
    ENCODING_OMIT = 0xff
};

static uint64_t take_width(struct cursor *in, uint8_t encoding)
{
    switch (encoding & 0x0f) {
    case WIDTH_ADDRESS:
    case WIDTH_U8:
    case WIDTH_S8:
        return take_unsigned(in, 8);
    case WIDTH_ULEB:
        return take_uleb(in);
    case WIDTH_SLEB:
        return (uint64_t)take_sleb(in);
    case WIDTH_U2:
        return take_unsigned(in, 2);
    case WIDTH_S2:
        return (uint64_t)take_signed(in, 2);
    case WIDTH_U4:
        return take_unsigned(in, 4);
    case WIDTH_S4:
        return (uint64_t)take_signed(in, 4);
    default:
        in->bad = true;
        return 0;
    }
}

/* An address; `table` is what RELATIVE_TO_TABLE means. Indirect ones are refused: only the
 * personality routine, which is skipped, ever is. */
static uintptr_t take_pointer(struct cursor *in, uint8_t encoding, uintptr_t table)
{
    uintptr_t here = (uintptr_t)in->at;
    uint64_t value = take_width(in, encoding);

    switch (encoding & 0xf0) {
    case RELATIVE_TO_NOTHING:
        return value;
    case RELATIVE_TO_HERE:
        return here + value;
    case RELATIVE_TO_TABLE:
        return table + value;
    default:
        in->bad = true;
        return 0;
    }
}

/* ---- expressions ---------------------------------------------------------------------------- */

/* Expressions are folded, not run: with the address known, all that compilers write has the form
 * `constant`, `register + offset` or `*(register + offset) + added`. */
enum base { BASE_NONE, BASE_SP, BASE_FP };

struct term {
    enum base base;
    bool indirect;
    int64_t offset; /* for BASE_NONE the constant itself */
    int64_t added;  /* after the indirection */
};

static bool is_constant(const struct term *term) { return term->base == BASE_NONE; }

static bool add_constant(struct term *term, uint64_t value)
{
    int64_t *sum = term->indirect ? &term->added : &term->offset;

    *sum = (int64_t)((uint64_t)*sum + value);
    return true;
}

/* left = left OP right, where that keeps the form. */
static bool fold(uint8_t op, struct term *left, const struct term *right)
{
    if (op == 0x22 && is_constant(left)) { /* plus commutes */
        struct term sum = *right;

        add_constant(&sum, (uint64_t)left->offset);
        *left = sum;
        return true;
    }
    if (!is_constant(right)) {
        return false;
    }
    uint64_t r = (uint64_t)right->offset;
    if (op == 0x22) {
        return add_constant(left, r);
    }
    if (op == 0x1c) {
        return add_constant(left, 0 - r);
    }
    if (!is_constant(left)) {
        return false;
    }
    uint64_t l = (uint64_t)left->offset;
    int64_t signed_l = left->offset;
    int64_t signed_r = right->offset;
    switch (op) {
    case 0x1a: /* and */
        l &= r;
        break;
    case 0x1e: /* mul */
        l *= r;
        break;
    case 0x21: /* or */
        l |= r;
        break;
    case 0x24: /* shl */
        l = r < 64 ? l << r : 0;
        break;
    case 0x25: /* shr */
        l = r < 64 ? l >> r : 0;
        break;
    case 0x27: /* xor */
        l ^= r;
        break;
    case 0x29: /* eq */
        l = signed_l == signed_r;
        break;
    case 0x2a: /* ge */
        l = signed_l >= signed_r;
        break;
    case 0x2b: /* gt */
        l = signed_l > signed_r;
        break;
    case 0x2c: /* le */
        l = signed_l <= signed_r;
        break;
    case 0x2d: /* lt */
        l = signed_l < signed_r;
        break;
    case 0x2e: /* ne */
        l = signed_l != signed_r;
        break;
    default:
        return false;
    }
    left->offset = (int64_t)l;
    return true;
}

/* One operand-free or operand-carrying push. Returns false when `op` is not a push. */
static bool push_term(uint8_t op, struct cursor *in, uintptr_t address, struct term *out)
{
    *out = (struct term){0};
    if (op >= 0x30 && op <= 0x4f) { /* lit0 ... lit31 */
        out->offset = op - 0x30;
        return true;
    }
    if (op >= 0x70 && op <= 0x8f) { /* breg0 ... breg31 */
        out->offset = take_sleb(in);
        switch (op - 0x70) {
        case COLUMN_FP:
            out->base = BASE_FP;
            return true;
        case COLUMN_SP:
            out->base = BASE_SP;
            return true;
        case COLUMN_RETURN:
            return add_constant(out, address);
        default:
            return false;
        }
    }
    switch (op) {
    case 0x08: /* const1u */
    case 0x0a: /* const2u */
    case 0x0c: /* const4u */
    case 0x0e: /* const8u */
        out->offset = (int64_t)take_unsigned(in, 1u << ((op - 0x08) / 2));
        return true;
    case 0x09: /* const1s */
    case 0x0b: /* const2s */
    case 0x0d: /* const4s */
    case 0x0f: /* const8s */
        out->offset = take_signed(in, 1u << ((op - 0x09) / 2));
        return true;
    case 0x10: /* constu */
        out->offset = (int64_t)take_uleb(in);
        return true;
    case 0x11: /* consts */
        out->offset = take_sleb(in);
        return true;
    default:
        return false;
    }
}

/* Folds the expression for one address. False: it does more than this walk can follow. */
static bool fold_expression(const uint8_t *block, uintptr_t address, struct term *result)
{
    struct cursor in = block_at(block);
    struct term terms[TERMS_MAX];
    unsigned depth = 0;

    while (more(&in)) {
        uint8_t op = *in.at++;

        if (op == 0x06 || op == 0x23) { /* deref, plus_uconst */
            if (depth == 0) {
                return false;
            }
            struct term *top = &terms[depth - 1];
            if (op == 0x23) {
                add_constant(top, take_uleb(&in));
            } else if (is_constant(top) || top->indirect) {
                return false;
            } else {
                top->indirect = true;
            }
        } else if (op >= 0x1a && op <= 0x2e) { /* the operators on two terms */
            if (depth < 2 || !fold(op, &terms[depth - 2], &terms[depth - 1])) {
                return false;
            }
            depth--;
        } else if (op != 0x96) { /* nop */
            if (depth == TERMS_MAX || !push_term(op, &in, address, &terms[depth])) {
                return false;
            }
            depth++;
        }
    }
    if (in.bad || depth != 1) {
        return false;
    }
    *result = terms[0];
    return true;
}

/* ---- the frame program ---------------------------------------------------------------------- */

enum where_kind { WHERE_SAME, WHERE_UNDEFINED, WHERE_CFA, WHERE_EXPRESSION, WHERE_OTHER };

/* Where one register of the caller is. */
struct where {
    enum where_kind kind;
    int64_t offset;            /* WHERE_CFA: saved at cfa + offset */
    const uint8_t *expression; /* WHERE_EXPRESSION: saved at the address it yields */
};

/* One row of the table that the program describes. */
struct row {
    uint64_t cfa_column;
    int64_t cfa_offset;
    const uint8_t *cfa_expression; /* instead, unless NULL */
    struct where fp;
    struct where sp;
    struct where pc;
};

/* What a CIE says of all functions that share it. */
struct common {
    uint64_t code_align;
    int64_t data_align;
    uint8_t pointer_encoding;
    bool has_augmentation;
    bool is_signal;
    struct cursor program;
};

/* An unfollowed column writes to a place of no interest. */
static struct where *column(struct row *row, uint64_t number, struct where *ignored)
{
    switch (number) {
    case COLUMN_FP:
        return &row->fp;
    case COLUMN_SP:
        return &row->sp;
    case COLUMN_RETURN:
        return &row->pc;
    default:
        return ignored;
    }
}

/* Runs a program from `location` until it passes `address`, into `row`. `initial` is what the CIE
 * left, for DW_CFA_restore. False: an instruction this walk does not know. */
static bool run_program(struct cursor in, const struct common *common, uintptr_t location,
                        uintptr_t address, const struct row *initial, struct row *row)
{
    struct row states[STATES_MAX];
    unsigned depth = 0;
    struct where ignored;

    while (more(&in)) {
        uint8_t op = *in.at++;
        uint64_t low = op & 0x3f;
        uint64_t advance = 0;
        uint64_t number;

        switch (op & 0xc0) {
        case 0x40: /* advance_loc */
            location += low * common->code_align;
            if (location > address) {
                return true;
            }
            continue;
        case 0x80: { /* offset */
            int64_t offset = (int64_t)take_uleb(&in) * common->data_align;
            *column(row, low, &ignored) = (struct where){.kind = WHERE_CFA, .offset = offset};
            continue;
        }
        case 0xc0: /* restore */
            ignored = (struct where){0};
            *column(row, low, &ignored) = *column((struct row *)initial, low, &ignored);
            continue;
        default:
            break;
        }

        switch (op) {
        case 0x00: /* nop */
            break;
        case 0x01: /* set_loc */
            location = take_pointer(&in, common->pointer_encoding, 0);
            if (location > address) {
                return !in.bad;
            }
            break;
        case 0x02: /* advance_loc1 */
        case 0x03: /* advance_loc2 */
        case 0x04: /* advance_loc4 */
            advance = take_unsigned(&in, 1u << (op - 0x02));
            location += advance * common->code_align;
            if (location > address) {
                return !in.bad;
            }
            break;
        case 0x05: /* offset_extended */
        case 0x11: /* offset_extended_sf */
        case 0x2f: /* GNU_negative_offset_extended */ {
            number = take_uleb(&in);
            int64_t factor = op == 0x11 ? take_sleb(&in) : (int64_t)take_uleb(&in);
            int64_t offset = factor * common->data_align;
            *column(row, number, &ignored) =
                (struct where){.kind = WHERE_CFA, .offset = op == 0x2f ? -offset : offset};
            break;
        }
        case 0x06: /* restore_extended */
            number = take_uleb(&in);
            ignored = (struct where){0};
            *column(row, number, &ignored) = *column((struct row *)initial, number, &ignored);
            break;
        case 0x07: /* undefined */
        case 0x08: /* same_value */
            number = take_uleb(&in);
            *column(row, number, &ignored) =
                (struct where){.kind = op == 0x07 ? WHERE_UNDEFINED : WHERE_SAME};
            break;
        case 0x09: /* register */
            number = take_uleb(&in);
            take_uleb(&in);
            *column(row, number, &ignored) = (struct where){.kind = WHERE_OTHER};
            break;
        case 0x0a: /* remember_state */
            if (depth == STATES_MAX) {
                return false;
            }
            states[depth++] = *row;
            break;
        case 0x0b: /* restore_state */
            if (depth == 0) {
                return false;
            }
            *row = states[--depth];
            break;
        case 0x0c: /* def_cfa */
        case 0x12: /* def_cfa_sf */
            row->cfa_column = take_uleb(&in);
            row->cfa_offset =
                op == 0x0c ? (int64_t)take_uleb(&in) : take_sleb(&in) * common->data_align;
            row->cfa_expression = NULL;
            break;
        case 0x0d: /* def_cfa_register */
            row->cfa_column = take_uleb(&in);
            row->cfa_expression = NULL;
            break;
        case 0x0e: /* def_cfa_offset */
            row->cfa_offset = (int64_t)take_uleb(&in);
            break;
        case 0x13: /* def_cfa_offset_sf */
            row->cfa_offset = take_sleb(&in) * common->data_align;
            break;
        case 0x0f: /* def_cfa_expression */
            row->cfa_expression = take_block(&in);
            break;
        case 0x10: /* expression */
            number = take_uleb(&in);
            *column(row, number, &ignored) =
                (struct where){.kind = WHERE_EXPRESSION, .expression = take_block(&in)};
            break;
        case 0x14: /* val_offset */
        case 0x15: /* val_offset_sf */ {
            number = take_uleb(&in);
            int64_t factor = op == 0x14 ? (int64_t)take_uleb(&in) : take_sleb(&in);
            /* "The caller's sp is the CFA" only says what holds anyway. */
            *column(row, number, &ignored) = (struct where){
                .kind = number == COLUMN_SP && factor == 0 ? WHERE_SAME : WHERE_OTHER};
            break;
        }
        case 0x16: /* val_expression */
            number = take_uleb(&in);
            take_block(&in);
            *column(row, number, &ignored) = (struct where){.kind = WHERE_OTHER};
            break;
        case 0x2e: /* GNU_args_size */
            take_uleb(&in);
            break;
        default:
            return false;
        }
    }
    return !in.bad;
}

/* ---- a row becomes a rule ------------------------------------------------------------------- */

static const struct mr_cfi_rule stop = {.form = MR_CFI_STOP};
static const struct mr_cfi_rule frame_pointer = {.form = MR_CFI_FRAME_POINTER};

/* `where` is an expression that yields sp + offset. */
static bool is_at_sp(const struct where *where, uintptr_t address, int64_t offset)
{
    struct term term;

    return where->kind == WHERE_EXPRESSION && fold_expression(where->expression, address, &term) &&
           term.base == BASE_SP && !term.indirect && term.offset == offset;
}

/* A signal trampoline is believed when it restores all three from the kernel's ucontext. */
static struct mr_cfi_rule signal_rule(const struct row *row, uintptr_t address)
{
    struct term cfa;

    if (row->cfa_expression && fold_expression(row->cfa_expression, address, &cfa) &&
        cfa.base == BASE_SP && cfa.indirect && cfa.offset == UCONTEXT_SP && cfa.added == 0 &&
        is_at_sp(&row->pc, address, UCONTEXT_PC) && is_at_sp(&row->fp, address, UCONTEXT_FP)) {
        return (struct mr_cfi_rule){.form = MR_CFI_SIGNAL};
    }
    return stop;
}

static bool cfa_rule(const struct row *row, uintptr_t address, struct mr_cfi_rule *rule)
{
    if (!row->cfa_expression) {
        rule->form = MR_CFI_PLAIN;
        rule->base_is_fp = row->cfa_column == COLUMN_FP;
        rule->cfa_offset = row->cfa_offset;
        return row->cfa_column == COLUMN_FP || row->cfa_column == COLUMN_SP;
    }
    struct term cfa;
    if (!fold_expression(row->cfa_expression, address, &cfa) || is_constant(&cfa) ||
        (cfa.indirect && cfa.added != 0 && cfa.added != 8)) {
        return false;
    }
    rule->form = !cfa.indirect ? MR_CFI_PLAIN : cfa.added ? MR_CFI_INDIRECT_8 : MR_CFI_INDIRECT;
    rule->base_is_fp = cfa.base == BASE_FP;
    rule->cfa_offset = cfa.offset;
    return true;
}

static bool fp_rule(const struct row *row, uintptr_t address, struct mr_cfi_rule *rule)
{
    struct term at;

    switch (row->fp.kind) {
    case WHERE_SAME:
    case WHERE_UNDEFINED:
        rule->fp_saved = MR_CFI_UNCHANGED;
        return true;
    case WHERE_CFA:
        rule->fp_saved = MR_CFI_AT_CFA;
        rule->fp_offset = row->fp.offset;
        return true;
    case WHERE_EXPRESSION:
        rule->fp_saved = MR_CFI_AT_FP;
        if (!fold_expression(row->fp.expression, address, &at) || at.indirect) {
            return false;
        }
        rule->fp_offset = at.offset;
        return at.base == BASE_FP;
    default:
        return false;
    }
}

static struct mr_cfi_rule rule_of_row(const struct row *row, const struct common *common,
                                      uintptr_t address)
{
    struct mr_cfi_rule rule = {0};

    if (common->is_signal) {
        return signal_rule(row, address);
    }
    if (row->pc.kind == WHERE_UNDEFINED) {
        return (struct mr_cfi_rule){.form = MR_CFI_ROOT};
    }
    if (row->pc.kind != WHERE_CFA || row->pc.offset != -8 || row->sp.kind != WHERE_SAME ||
        !cfa_rule(row, address, &rule) || !fp_rule(row, address, &rule)) {
        return stop;
    }
    return rule;
}

/* ---- tables --------------------------------------------------------------------------------- */

/* A module's tables, and the bytes in which they lie. */
struct tables {
    const uint8_t *header; /* .eh_frame_hdr */
    const uint8_t *start;
    const uint8_t *end;
};

/* Of a module with holes, only the segment of the code is told, and the tables lie in another: then
 * all they can reach with their 32-bit distances is theirs. */
static struct tables tables_of(const struct dl_find_object *module)
{
    struct tables tables = {module->dlfo_eh_frame, module->dlfo_map_start, module->dlfo_map_end};

    if (tables.header && (tables.header < tables.start || tables.header >= tables.end)) {
        uintptr_t header = (uintptr_t)tables.header;

        tables.start = header > INT32_MAX ? tables.header - INT32_MAX : NULL;
        tables.end = tables.header + INT32_MAX;
    }
    return tables;
}

/* An entry of .eh_frame: its bytes after the length. */
static struct cursor take_entry(const uint8_t *entry, const struct tables *tables)
{
    struct cursor in = {.at = entry, .end = tables->end};

    if (entry < tables->start || entry >= in.end) {
        return (struct cursor){.bad = true};
    }
    uint64_t bytes = take_unsigned(&in, 4);
    if (bytes == UINT32_MAX) {
        bytes = take_unsigned(&in, 8);
    }
    const uint8_t *start = take(&in, bytes);
    return start && bytes ? (struct cursor){.at = start, .end = start + bytes}
                          : (struct cursor){.bad = true};
}

/* CIE: id 0 | version | augmentation "..." | code align | data align | return column | data */
static bool take_common(struct cursor in, struct common *out)
{
    *out = (struct common){.pointer_encoding = WIDTH_ADDRESS};
    if (take_unsigned(&in, 4) != 0) {
        return false;
    }
    uint64_t version = take_unsigned(&in, 1);
    const char *augmentation = (const char *)in.at;
    while (more(&in) && *in.at++ != 0) {
    }
    if (version == 4) {
        take(&in, 2); /* address and segment size */
    }
    out->code_align = take_uleb(&in);
    out->data_align = take_sleb(&in);
    uint64_t return_column = version == 1 ? take_unsigned(&in, 1) : take_uleb(&in);
    if (in.bad || return_column != COLUMN_RETURN ||
        (version != 1 && version != 3 && version != 4)) {
        return false;
    }
    if (*augmentation == 0) {
        out->program = in;
        return true;
    }
    if (*augmentation != 'z') {
        return false;
    }
    const uint8_t *block = take_block(&in);
    if (!block) {
        return false;
    }
    struct cursor data = block_at(block);
    out->has_augmentation = true;
    out->program = in;
    for (const char *letter = augmentation + 1; *letter; letter++) {
        switch (*letter) {
        case 'R':
            out->pointer_encoding = (uint8_t)take_unsigned(&data, 1);
            break;
        case 'P':
            take_width(&data, (uint8_t)take_unsigned(&data, 1));
            break;
        case 'L':
            take(&data, 1);
            break;
        case 'S':
            out->is_signal = true;
            break;
        default:
            return false;
        }
    }
    return !in.bad && !data.bad;
}

/* FDE: distance back to its CIE | first address | bytes of code | augmentation data | program */
static struct mr_cfi_rule rule_in_fde(const uint8_t *fde, uintptr_t address,
                                      const struct tables *tables)
{
    struct cursor in = take_entry(fde, tables);
    const uint8_t *back_from = in.at;
    uint64_t back = take_unsigned(&in, 4);
    struct common common;

    if (in.bad || back == 0 || !take_common(take_entry(back_from - back, tables), &common)) {
        return stop;
    }
    uintptr_t start = take_pointer(&in, common.pointer_encoding, 0);
    uint64_t bytes = take_width(&in, common.pointer_encoding & 0x0f);
    if (common.has_augmentation) {
        take_block(&in);
    }
    if (in.bad) {
        return stop;
    }
    if (address - start >= bytes) {
        return frame_pointer; /* after the last function that starts before it */
    }
    struct row initial = {0};
    if (!run_program(common.program, &common, start, UINTPTR_MAX, &initial, &initial)) {
        return stop;
    }
    struct row row = initial;
    if (!run_program(in, &common, start, address, &initial, &row)) {
        return stop;
    }
    return rule_of_row(&row, &common, address);
}

/* The sorted table of .eh_frame_hdr; both values count from the start of the section. */
struct search_entry {
    int32_t start;
    int32_t fde;
};

/* .eh_frame_hdr: version 1 | three encodings | .eh_frame | number of entries | entries */
static struct mr_cfi_rule rule_in_tables(uintptr_t address, const struct tables *tables)
{
    const uint8_t *header = tables->header;
    struct cursor in = {.at = header, .end = tables->end};

    if (!header) {
        return frame_pointer;
    }
    uint8_t version = (uint8_t)take_unsigned(&in, 1);
    uint8_t frame_encoding = (uint8_t)take_unsigned(&in, 1);
    uint8_t count_encoding = (uint8_t)take_unsigned(&in, 1);
    uint8_t table_encoding = (uint8_t)take_unsigned(&in, 1);
    if (version != 1 || table_encoding != (RELATIVE_TO_TABLE | WIDTH_S4) ||
        frame_encoding == ENCODING_OMIT || count_encoding == ENCODING_OMIT) {
        return frame_pointer;
    }
    take_pointer(&in, frame_encoding, (uintptr_t)header);
    uint64_t count = take_pointer(&in, count_encoding, (uintptr_t)header);
    const uint8_t *bytes = take(&in, count * sizeof(struct search_entry));
    if (in.bad || !bytes || (uintptr_t)bytes % _Alignof(struct search_entry) != 0) {
        return frame_pointer;
    }

    const struct search_entry *table = (const struct search_entry *)(const void *)bytes;
    int64_t wanted = (int64_t)(address - (uintptr_t)header);
    const struct search_entry *low = table; /* the answer, if any, is in [low, low + count) */
    const struct search_entry *end = table + count;
    if (count == 0 || wanted < low->start) {
        return frame_pointer;
    }
    while (count > 1) {
        uint64_t half = count / 2;

        low += wanted >= low[half].start ? half : 0;
        count -= half;
    }
    struct mr_cfi_rule rule = rule_in_fde(header + low->fde, address, tables);
    const struct search_entry *next = low + 1;
    if (rule.form == MR_CFI_FRAME_POINTER && next < end && next->start == wanted + 1) {
        /* In no function, and its successor starts one: as a return address that is no call's,
         * but was put there by hand, for a function to end in. So does makecontext. */
        rule.form = MR_CFI_ROOT;
    }
    return rule;
}

struct mr_cfi_rule mr_cfi_find(uintptr_t address)
{
    struct dl_find_object module;

    if (!find_module(address, &module)) {
        return frame_pointer;
    }
    struct tables tables = tables_of(&module);
    return rule_in_tables(address, &tables);
}

#else

struct mr_cfi_rule mr_cfi_find(uintptr_t address)
{
    (void)address;
    return (struct mr_cfi_rule){.form = MR_CFI_FRAME_POINTER};
}

#endif
