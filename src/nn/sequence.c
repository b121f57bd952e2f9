/* Lays out the blocks of a config. Why here: see sequence.h. */
#include "sequence.h"

#include <stdio.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

static const ls_layer_type *type_of(const ls_choice *layer) {
    return (const ls_layer_type *)layer->row; /* the row is the first member */
}

static const ls_choice_list *inside(const ls_choice *layer) {
    const ls_layer_type *type = type_of(layer);
    return type->inside != NULL ? type->inside(layer->options) : NULL;
}

static size_t count(const ls_choice_list *layers) {
    size_t n = layers->count;
    for (size_t i = 0; i < layers->count; i++) {
        const ls_choice_list *inner = inside(&layers->items[i]);
        n += inner != NULL ? 1 + count(inner) : 0;
    }
    return n;
}

/* Appends a link whose name is "<prefix><i>_<type>". */
static ls_status add(ls_sequence *sequence, const char *prefix, size_t i, const ls_layer_type *type,
                     const void *options) {
    ls_sequence_link *link = &sequence->links[sequence->count];
    *link = (ls_sequence_link){.type = type, .options = options, .partner = sequence->count};
    const int length =
        snprintf(link->name, sizeof link->name, "%s%zu_%s", prefix, i, type->row.name);
    if (length < 0 || (size_t)length >= sizeof link->name)
        return ls_fail(LS_ERR_CONFIG, "model", "blocks are too deep at %s", link->name);
    sequence->count++;
    return LS_OK;
}

static ls_status lay_out(ls_sequence *sequence, const char *prefix, const ls_choice_list *layers) {
    for (size_t i = 0; i < layers->count; i++) {
        const ls_choice *layer = &layers->items[i];
        const ls_layer_type *type = type_of(layer);
        const ls_choice_list *inner = inside(layer);
        const size_t begin = sequence->count;
        LS_TRY(add(sequence, prefix, i, type, layer->options));
        if (inner == NULL)
            continue;
        char within[LS_LAYER_NAME_MAX + 1];
        (void)snprintf(within, sizeof within, "%s_", sequence->links[begin].name);
        if (inner->count == 0)
            return ls_fail(LS_ERR_CONFIG, sequence->links[begin].name, "it has no layers");
        LS_TRY(lay_out(sequence, within, inner));
        sequence->links[begin].partner = sequence->count;
        LS_TRY(add(sequence, prefix, i, type->end, layer->options));
        sequence->links[sequence->count - 1].partner = begin;
    }
    return LS_OK;
}

ls_status ls_sequence_create(const ls_choice_list *config, ls_sequence *out) {
    *out = (ls_sequence){0};
    if (config->count == 0)
        return ls_fail(LS_ERR_CONFIG, "model", "it has no layers");
    LS_TRY(ls_alloc(count(config), sizeof *out->links, "model", &out->links));
    const ls_status st = lay_out(out, "", config);
    if (st != LS_OK)
        ls_sequence_free(out);
    return st;
}

void ls_sequence_free(ls_sequence *sequence) {
    ls_free(sequence->links);
    *sequence = (ls_sequence){0};
}
