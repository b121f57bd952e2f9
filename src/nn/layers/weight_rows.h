/* The rows that the gradient of a dense layer's weights is a sum over: dW = dy^T x.
 *
 * Where another layer uses the weights, too, W's gradient is the sum of two such products. Lane by
 * lane the rows of the other one follow those of the dense layer, so that it is one product over
 * twice the rows: a lane has one sum, which the tree over lanes begins with, and there is a whole
 * gradient or none.
 *
 * Why here: both layers put their rows there. The memory is the dense layer's state: [2 B, out] of
 * dy, then [2 B, in] of x. Never multiplies.
 */
#ifndef LS_NN_LAYERS_WEIGHT_ROWS_H
#define LS_NN_LAYERS_WEIGHT_ROWS_H

#include <stddef.h>

#include "lockstep/nn/layer.h"

typedef struct ls_weight_rows {
    ls_segments rows;
    const float *x;  /* [rows, in] */
    const float *dy; /* [rows, out] */
} ls_weight_rows;

/* Bytes of a dense layer's state a sample. */
size_t ls_shared_rows_state(size_t in, size_t out);

/* Bytes that ls_share_rows works in. */
size_t ls_shared_rows_room(size_t lanes);

/* Where rows of the layer that is tied go: x[B, in] is its dy, and dy[B, out] is its x. */
void ls_lend_rows(const ls_segments *rows, size_t in, size_t out, const float *x, const float *dy,
                  void *state);

/* Puts the dense layer's own rows, io->x and io->dy, to those that are in io->state: *all of them,
 * whose edges lie in io->room. Returns what is left of that. */
void *ls_share_rows(const ls_segments *rows, size_t in, size_t out, const ls_layer_io *io,
                    ls_weight_rows *all);

#endif
