/* The rows of all layers. */
#ifndef LS_NN_LAYERS_H
#define LS_NN_LAYERS_H

#include "lockstep/nn/layer.h"

extern const ls_layer_type ls_layer_dense;
extern const ls_layer_type ls_layer_relu;
extern const ls_layer_type ls_layer_sigmoid;
extern const ls_layer_type ls_layer_tanh;
extern const ls_layer_type ls_layer_softmax;
extern const ls_layer_type ls_layer_dropout;

/* plan() of a layer that keeps the shape and has no parameters. */
ls_status ls_layer_plan_same(const void *options, const ls_shape *in, ls_layer_plan *plan);

/* Elements of a pass's input and output of a layer that keeps the shape. */
size_t ls_layer_elements(const ls_layer *layer, const ls_pass *pass);

#endif
