/* Lays out the blocks of a config. Why here: see chain.h. */
#include "chain.h"

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
static ls_status add(ls_chain *chain, const char *prefix, size_t i, const ls_layer_type *type,
                     const void *options) {
    ls_chain_link *link = &chain->links[chain->count];
    *link = (ls_chain_link){.type = type, .options = options, .partner = chain->count};
    const int length =
        snprintf(link->name, sizeof link->name, "%s%zu_%s", prefix, i, type->row.name);
    if (length < 0 || (size_t)length >= sizeof link->name)
        return ls_fail(LS_ERR_CONFIG, "model", "blocks are too deep at %s", link->name);
    chain->count++;
    return LS_OK;
}

static ls_status lay_out(ls_chain *chain, const char *prefix, const ls_choice_list *layers) {
    for (size_t i = 0; i < layers->count; i++) {
        const ls_choice *layer = &layers->items[i];
        const ls_layer_type *type = type_of(layer);
        const ls_choice_list *inner = inside(layer);
        const size_t begin = chain->count;
        LS_TRY(add(chain, prefix, i, type, layer->options));
        if (inner == NULL)
            continue;
        char within[LS_LAYER_NAME_MAX + 1];
        (void)snprintf(within, sizeof within, "%s_", chain->links[begin].name);
        if (inner->count == 0)
            return ls_fail(LS_ERR_CONFIG, chain->links[begin].name, "it has no layers");
        LS_TRY(lay_out(chain, within, inner));
        chain->links[begin].partner = chain->count;
        LS_TRY(add(chain, prefix, i, type->end, layer->options));
        chain->links[chain->count - 1].partner = begin;
    }
    return LS_OK;
}

ls_status ls_chain_create(const ls_choice_list *config, ls_chain *out) {
    *out = (ls_chain){0};
    if (config->count == 0)
        return ls_fail(LS_ERR_CONFIG, "model", "it has no layers");
    LS_TRY(ls_alloc(count(config), sizeof *out->links, "model", &out->links));
    const ls_status st = lay_out(out, "", config);
    if (st != LS_OK)
        ls_chain_free(out);
    return st;
}

void ls_chain_free(ls_chain *chain) {
    ls_free(chain->links);
    *chain = (ls_chain){0};
}
