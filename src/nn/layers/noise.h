/* Standard normal draws for the units of a batch, active in training only.
 *
 * The draw of unit u of a row has the key {seed, NOISE and layer} and the counter {epoch, position,
 * u / 4}: it depends on nothing else, and units are global column indices. By the transformation of
 * Box and Muller (1958) of numbers of 24 bits: no draw is beyond 5.77, nor would one in 10^8 be.
 *
 * Why here: layers of noise differ in what they do with a draw. Never keeps one. */
#ifndef LS_NN_LAYERS_NOISE_H
#define LS_NN_LAYERS_NOISE_H

#include "lockstep/nn/layer.h"

/* y[n] from x[n] and as many draws. */
typedef void ls_noise_use(float std, size_t n, const float *draw, const float *x, float *y);

/* y[B, out] from x[B, out]: in training by `use` and a draw an element, else y = x. */
void ls_noise(const ls_layer *layer, const ls_pass *pass, ls_noise_use *use, const float *x,
              float *y);

/* The options of a layer of noise: {std}. */
typedef struct ls_noise_options {
    double std;
} ls_noise_options;

extern const ls_opt ls_noise_table[];

#endif
