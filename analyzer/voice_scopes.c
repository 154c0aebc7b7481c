/* SPDX-License-Identifier: Apache-2.0 */
/* voice_scopes.c -- spans by kind and evaluations by label: how many there were, and whether their blocks are
 * still being freed long after them. */
#include "voice_state.h"

status voice_scope_begun(struct voice *voice, struct sparse_array *scopes, uint32_t name,
                         uint64_t *number)
{
    struct voice_scope *scope = sparse_make(scopes, name);

    if (!scope) {
        return voice_no_memory();
    }
    voice->name_limit = name >= voice->name_limit ? name + 1 : voice->name_limit;
    *number = ++scope->begun;
    return OK;
}

void voice_scope_freed(struct voice *voice, const struct voice_context *birth)
{
    struct voice_scope *kind = birth->span ? sparse_find(&voice->kinds, birth->span->kind) : NULL;
    struct voice_scope *label = birth->eval ? sparse_find(&voice->labels, birth->eval_label) : NULL;

    if (kind && birth->span->ended && voice_spans_after(voice, birth->span) >= VOICE_LATE) {
        kind->freed_late++;
    }
    if (label && voice_evals_after(voice, birth->eval_label, birth->eval_number) >= VOICE_LATE) {
        label->freed_late++;
    }
}

static status write_scopes(struct voice *voice, const struct sparse_array *scopes, const char *what)
{
    struct statement *insert = voice->insert.scope;

    for (uint32_t name = 0; name < voice->name_limit; name++) {
        const struct voice_scope *scope = sparse_find(scopes, name);

        if (!scope || !scope->begun) {
            continue;
        }
        db_bind_int(insert, 1, voice->run_id);
        db_bind_string(insert, 2, what);
        voice_bind_name(voice, insert, 3, name);
        db_bind_int(insert, 4, (int64_t)scope->begun);
        db_bind_int(insert, 5, (int64_t)scope->freed_late);
        TRY(db_insert(insert));
    }
    return OK;
}

status voice_scopes_write(struct voice *voice)
{
    TRY(write_scopes(voice, &voice->kinds, "span"));
    return write_scopes(voice, &voice->labels, "eval");
}
