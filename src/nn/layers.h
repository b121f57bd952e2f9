/* The rows of all layers. */
#ifndef LS_NN_LAYERS_H
#define LS_NN_LAYERS_H

#include "lockstep/math/vector.h"
#include "lockstep/nn/layer.h"

extern const ls_layer_type ls_layer_dense;
extern const ls_layer_type ls_layer_linear;
extern const ls_layer_type ls_layer_relu;
extern const ls_layer_type ls_layer_leaky_relu;
extern const ls_layer_type ls_layer_elu;
extern const ls_layer_type ls_layer_selu;
extern const ls_layer_type ls_layer_gelu;
extern const ls_layer_type ls_layer_softplus;
extern const ls_layer_type ls_layer_sigmoid;
extern const ls_layer_type ls_layer_tanh;
extern const ls_layer_type ls_layer_threshold;
extern const ls_layer_type ls_layer_softmax;
extern const ls_layer_type ls_layer_batch_norm;
extern const ls_layer_type ls_layer_layer_norm;
extern const ls_layer_type ls_layer_dropout;
extern const ls_layer_type ls_layer_gaussian_noise;
extern const ls_layer_type ls_layer_multiplicative_noise;
extern const ls_layer_type ls_layer_residual;
extern const ls_layer_type ls_layer_tied;

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

/* What goes on beside a pass's products; NULL: nothing. */
const ls_between *ls_pass_between(const ls_pass *pass);

/* d[k] = where the gradient of parameter p is in the slab of root k. */
void ls_layer_find_gradient(const ls_layer *layer, size_t p, const ls_pass *pass,
                            const ls_gradients *gradients, float *d[LS_TREE_DEPTH_MAX]);

/* An activation: what it does to n consecutive elements, at most LS_VECTOR_CHUNK, by one thread. A
 * NaN stays one. */
typedef struct ls_elementwise {
    void (*forward)(const void *options, size_t n, const float *x, float *y);
    /* dx = dy times the derivative, from what forward took and gave. */
    void (*backward)(const void *options, size_t n, const float *x, const float *y, const float *dy,
                     float *dx);
} ls_elementwise;

/* forward() and backward() of a layer that has such loops: over all elements, by all threads. */
void ls_elementwise_forward(const ls_layer *layer, const ls_pass *pass, const ls_layer_io *io);
void ls_elementwise_backward(const ls_layer *layer, const ls_pass *pass, const ls_layer_io *io);

#endif
