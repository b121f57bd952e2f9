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

/* Links of the first n layers of a list. */
static size_t count(const ls_choice_list *layers, size_t n) {
    size_t links = n;
    for (size_t i = 0; i < n; i++) {
        const ls_choice_list *inner = inside(&layers->items[i]);
        links += inner != NULL ? 1 + count(inner, inner->count) : 0;
    }
    return links;
}

/* Where a list of layers is: in front of their names and paths. */
typedef struct place {
    char name[LS_LAYER_NAME_MAX + 8], path[LS_LAYER_PATH_MAX + 32];
} place;

/* Appends a link, the i-th layer of a list. */
static ls_status add(ls_sequence *sequence, const place *at, size_t i, const ls_layer_type *type,
                     const void *options) {
    ls_sequence_link *link = &sequence->links[sequence->count];
    *link = (ls_sequence_link){.type = type, .options = options, .partner = sequence->count};
    const int name =
        snprintf(link->name, sizeof link->name, "%s%zu_%s", at->name, i, type->row.name);
    const int path = snprintf(link->path, sizeof link->path, "%s.%zu", at->path, i);
    if (name < 0 || (size_t)name >= sizeof link->name || path < 0 ||
        (size_t)path >= sizeof link->path)
        return ls_fail(LS_ERR_CONFIG, link->path, "blocks in blocks, too deep");
    sequence->count++;
    return LS_OK;
}

/* Whether a link can have the parameter of another one before it. */
static ls_status check_lender(const ls_sequence *sequence, const ls_sequence_link *link,
                              size_t lender) {
    const ls_sequence_link *from = &sequence->links[lender];
    const char *name = link->type->row.name;
    if (!from->type->lends)
        return ls_hint(ls_fail(LS_ERR_CONFIG, link->path, "it is %s to %s, a %s layer", name,
                               from->path, from->type->row.name),
                       "give the number of a dense layer before it");
    if (from->partner != lender)
        return ls_hint(ls_fail(LS_ERR_CONFIG, link->path, "it is %s to %s, and so is %s", name,
                               from->path, sequence->links[from->partner].path),
                       "a dense layer shares its weights with one other");
    return LS_OK;
}

/* Makes partners of the last link so far, layer i of a list that begins with link `first`, and of
 * the one in that list whose parameter it uses. */
static ls_status borrow(ls_sequence *sequence, const ls_choice_list *layers, size_t first,
                        size_t i) {
    const size_t own = sequence->count - 1;
    ls_sequence_link *link = &sequence->links[own];
    const size_t to = link->type->lender(link->options);
    if (to >= i)
        return ls_hint(ls_fail(LS_ERR_CONFIG, link->path,
                               "it is %s to layer %zu, which is none before it",
                               link->type->row.name, to),
                       "give the number of a dense layer before it, counted in its list from 0");
    const size_t lender = first + count(layers, to);
    LS_TRY(check_lender(sequence, link, lender));
    link->partner = lender;
    sequence->links[lender].partner = own;
    return LS_OK;
}

static ls_status lay_out(ls_sequence *sequence, const place *at, const ls_choice_list *layers);

/* What is between a block's begin, the last link so far, and its end. */
static ls_status lay_out_inside(ls_sequence *sequence, const ls_choice_list *inner) {
    const ls_sequence_link *begin = &sequence->links[sequence->count - 1];
    place within;
    if (inner->count == 0)
        return ls_fail(LS_ERR_CONFIG, begin->path, "%s has no layers", begin->type->row.name);
    (void)snprintf(within.name, sizeof within.name, "%s_", begin->name);
    (void)snprintf(within.path, sizeof within.path, "%s.%s.layers", begin->path,
                   begin->type->row.name);
    return lay_out(sequence, &within, inner);
}

static ls_status lay_out(ls_sequence *sequence, const place *at, const ls_choice_list *layers) {
    const size_t first = sequence->count;
    for (size_t i = 0; i < layers->count; i++) {
        const ls_choice *layer = &layers->items[i];
        const ls_layer_type *type = type_of(layer);
        const ls_choice_list *inner = inside(layer);
        const size_t begin = sequence->count;
        LS_TRY(add(sequence, at, i, type, layer->options));
        if (type->lender != NULL)
            LS_TRY(borrow(sequence, layers, first, i));
        if (inner == NULL)
            continue;
        LS_TRY(lay_out_inside(sequence, inner));
        sequence->links[begin].partner = sequence->count;
        LS_TRY(add(sequence, at, i, type->end, layer->options));
        sequence->links[sequence->count - 1].partner = begin;
    }
    return LS_OK;
}

ls_status ls_sequence_create(const ls_choice_list *config, ls_sequence *out) {
    *out = (ls_sequence){0};
    if (config->count == 0)
        return ls_fail(LS_ERR_CONFIG, "model", "it has no layers");
    LS_TRY(ls_alloc(count(config, config->count), sizeof *out->links, "model", &out->links));
    const ls_status st = lay_out(out, &(place){"", "model"}, config);
    if (st != LS_OK)
        ls_sequence_free(out);
    return st;
}

void ls_sequence_free(ls_sequence *sequence) {
    ls_free(sequence->links);
    *sequence = (ls_sequence){0};
}
