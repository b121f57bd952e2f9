/* The layers of a config one after the other, as a pass runs them.
 *
 * Why here: a config nests blocks of layers; a model does not. A block becomes the layer that it
 * begins with, those inside, and the layer that it ends with. Layers that belong together find each
 * other here. Never plans a shape.
 */
#ifndef LS_NN_SEQUENCE_H
#define LS_NN_SEQUENCE_H

#include "lockstep/nn/layer.h"

typedef struct ls_sequence_link {
    const ls_layer_type *type;
    const void *options;
    /* See ls_layer. */
    char name[LS_LAYER_NAME_MAX], path[LS_LAYER_PATH_MAX];
    size_t partner;
} ls_sequence_link;

typedef struct ls_sequence {
    size_t count;
    ls_sequence_link *links;
} ls_sequence;

/* Errors: ERR_CONFIG: no layers, blocks too deep, no layer that could be tied to; ERR_MEMORY. */
ls_status ls_sequence_create(const ls_choice_list *config, ls_sequence *out) LS_MUST_CHECK;
void ls_sequence_free(ls_sequence *sequence);

#endif
