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
extern const ls_layer_type ls_layer_residual;

/* Rows for the table of a layer with parameters: its options' ls_param_training `field`. */
#define LS_PARAM_TRAINING_ROWS(options, field)                                                     \
    {.key = "lr_scale",                                                                            \
     .kind = LS_OPT_FLOAT,                                                                         \
     .offset = offsetof(options, field.lr_scale),                                                  \
     .fallback = "1",                                                                              \
     .max = 1e6,                                                                                   \
     .flags = LS_OPT_ABOVE_MIN,                                                                    \
     .help = "times the learning rate is the layer's"},                                            \
    {                                                                                              \
        .key = "frozen", .kind = LS_OPT_BOOL, .offset = offsetof(options, field.frozen),           \
        .fallback = "false", .help = "its parameters stay as they are"                             \
    }

/* plan() of a layer that keeps the shape and has no parameters. */
ls_status ls_layer_plan_same(const void *options, const ls_shape *in, ls_layer_plan *plan);

/* Elements of a pass's input and output of a layer that keeps the shape. */
size_t ls_layer_elements(const ls_layer *layer, const ls_pass *pass);

#endif
