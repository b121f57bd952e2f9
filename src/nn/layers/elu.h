/* The loops of elu, which selu has with other factors.
 *
 * Why here: two layers that differ in two numbers. */
#ifndef LS_NN_LAYERS_ELU_H
#define LS_NN_LAYERS_ELU_H

#include <stddef.h>

typedef struct ls_elu {
    float above, below; /* y = above x where x is above 0, else below (exp(x) - 1) */
} ls_elu;

/* For n of at most LS_VECTOR_CHUNK. */
void ls_elu_forward(ls_elu factor, size_t n, const float *x, float *y);
void ls_elu_backward(ls_elu factor, size_t n, const float *x, const float *y, const float *dy,
                     float *dx);

#endif
