/* What activations share: their loops go over the elements of a pass in chunks, on all threads.
 *
 * Why here: an activation is its two loops and its row (src/nn/layers.h). Never knows which. */
#include "layers.h"

typedef struct call {
    const ls_layer *layer;
    const ls_layer_io *io;
} call;

static void forward_chunk(void *context, size_t first, size_t n) {
    const call *c = context;
    c->layer->type->loops->forward(c->layer->options, n, c->io->x + first, c->io->y + first);
}

static void backward_chunk(void *context, size_t first, size_t n) {
    const call *c = context;
    const ls_layer_io *io = c->io;
    c->layer->type->loops->backward(c->layer->options, n, io->x + first, io->y + first,
                                    io->dy + first, io->dx + first);
}

void ls_elementwise_forward(const ls_layer *layer, const ls_pass *pass, const ls_layer_io *io) {
    ls_for_chunks(ls_layer_elements(layer, pass), LS_VECTOR_CHUNK, forward_chunk,
                  &(call){layer, io});
}

void ls_elementwise_backward(const ls_layer *layer, const ls_pass *pass, const ls_layer_io *io) {
    if (io->dx != NULL)
        ls_for_chunks(ls_layer_elements(layer, pass), LS_VECTOR_CHUNK, backward_chunk,
                      &(call){layer, io});
}
