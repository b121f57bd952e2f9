/* What layers that normalise their input have in common: options, and the numbers that scale and
 * shift every feature afterwards.
 *
 * Why here: batch_norm and layer_norm differ in what they take the statistics over. Private to the
 * layers. */
#ifndef LS_NN_LAYERS_NORMAL_H
#define LS_NN_LAYERS_NORMAL_H

#include "layers.h"
#include "lockstep/nn/init.h"

typedef struct ls_normal {
    double eps;
    bool affine;
    ls_choice init, bias_init;
    ls_param_training training;
} ls_normal;

/* Rows for the table of a layer: its options' ls_normal `field`. */
#define LS_NORMAL_ROWS(options, field)                                                             \
    {.key = "eps",                                                                                 \
     .kind = LS_OPT_FLOAT,                                                                         \
     .offset = offsetof(options, field.eps),                                                       \
     .fallback = "1.0e-5",                                                                         \
     .min = 1e-37,                                                                                 \
     .max = 1,                                                                                     \
     .help = "added to the variance"},                                                             \
        {.key = "affine",                                                                          \
         .kind = LS_OPT_BOOL,                                                                      \
         .offset = offsetof(options, field.affine),                                                \
         .fallback = "true",                                                                       \
         .help = "scale and shift every feature by trained numbers"},                              \
        {.key = "init",                                                                            \
         .kind = LS_OPT_CHOICE,                                                                    \
         .offset = offsetof(options, field.init),                                                  \
         .fallback = "ones",                                                                       \
         .choices = &ls_init_choices,                                                              \
         .help = "first values of the factors [inputs]"},                                          \
        {.key = "bias_init",                                                                       \
         .kind = LS_OPT_CHOICE,                                                                    \
         .offset = offsetof(options, field.bias_init),                                             \
         .fallback = "zeros",                                                                      \
         .choices = &ls_init_choices,                                                              \
         .help = "first values of the shifts [inputs]"},                                           \
        LS_PARAM_TRAINING_ROWS(options, field.training)

/* One number a feature, of n; running: see ls_param_spec. */
static inline ls_param_spec ls_normal_param(const ls_normal *o, const char *name, size_t n,
                                            const ls_choice *init, double running) {
    return (ls_param_spec){.name = name,
                           .rank = 1,
                           .dim = {n},
                           .init = init,
                           .fan_in = n,
                           .fan_out = n,
                           .training = &o->training,
                           .running = running};
}

#endif
