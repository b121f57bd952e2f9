/* The buffers of a pass, and the walk through the layers, there and back. */
#include <string.h>

#include "layers.h"
#include "lockstep/base/memory.h"
#include "lockstep/nn/model.h"

/* Floats a row that the widest gradient in front of a layer has: the one to the model's input is
 * never formed. */
static size_t widest(const ls_model *m, size_t first, size_t end) {
    size_t most = m->out_size;
    for (size_t i = first > 0 ? first : 1; i < end; i++)
        if (m->layers[i].in_size > most)
            most = m->layers[i].in_size;
    return most;
}

/* Bytes that the layer which needs most works in. */
static size_t room_of(const ls_model *m, size_t first, size_t end, size_t rows, size_t lanes) {
    size_t most = 0;
    for (size_t i = first; i < end; i++) {
        const ls_layer *l = &m->layers[i];
        const size_t bytes = l->type->room != NULL ? l->type->room(l, rows, lanes) : 0;
        if (bytes > most)
            most = bytes;
    }
    return most;
}

size_t ls_activations_bytes(const ls_model *m, size_t first, size_t end, size_t rows,
                            size_t lanes) {
    const bool training = lanes > 0;
    size_t a_row = 0;
    for (size_t i = first; i < end; i++)
        a_row += m->layers[i].out_size * sizeof(float) + (training ? m->plans[i].state_bytes : 0);
    if (training && end == m->n_layers)
        a_row += (2 * widest(m, first, end) + m->out_size) * sizeof(float);
    return a_row * rows + room_of(m, first, end, rows, lanes);
}

static ls_status allocate(const ls_model *m, ls_activations *a, size_t lanes) {
    const bool training = lanes > 0;
    size_t rows = a->rows;
    LS_TRY(ls_alloc(room_of(m, a->first, a->end, rows, lanes), 1, "activations", &a->room));
    LS_TRY(ls_alloc(m->n_layers, sizeof *a->y, "activations", &a->y));
    LS_TRY(ls_alloc(m->n_layers, sizeof *a->state, "activations", &a->state));
    for (size_t i = a->first; i < a->end; i++) {
        LS_TRY(ls_alloc(rows * m->layers[i].out_size, sizeof(float), "activations", &a->y[i]));
        if (training)
            LS_TRY(ls_alloc(rows * m->plans[i].state_bytes, 1, "activations", &a->state[i]));
    }
    if (!training || a->end < m->n_layers)
        return LS_OK;
    size_t width = widest(m, a->first, a->end);
    LS_TRY(ls_alloc(rows * width, sizeof(float), "activations", &a->delta[0]));
    LS_TRY(ls_alloc(rows * width, sizeof(float), "activations", &a->delta[1]));
    return ls_alloc(rows * m->out_size, sizeof(float), "activations", &a->logits_gradient);
}

ls_status ls_activations_create(const ls_model *m, size_t first, size_t end, size_t rows,
                                size_t lanes, ls_activations **out) {
    ls_activations *a;
    LS_TRY(ls_alloc(1, sizeof *a, "activations", &a));
    a->rows = rows;
    a->n_layers = m->n_layers;
    a->first = first;
    a->end = end;
    ls_status st = allocate(m, a, lanes);
    if (st != LS_OK) {
        ls_activations_destroy(a);
        return st;
    }
    *out = a;
    return LS_OK;
}

void ls_activations_destroy(ls_activations *a) {
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n_layers; i++) {
        if (a->y != NULL)
            ls_free(a->y[i]);
        if (a->state != NULL)
            ls_free(a->state[i]);
    }
    ls_free(a->y);
    ls_free(a->room);
    ls_free(a->state);
    ls_free(a->delta[0]);
    ls_free(a->delta[1]);
    ls_free(a->logits_gradient);
    ls_free(a);
}

/* Layers of a that a pass runs end here. */
static size_t active_end(const ls_model *m, const ls_activations *a) {
    return a->end < m->n_active ? a->end : m->n_active;
}

static ls_tree_range param_of(const ls_model *m, size_t layer, size_t k) {
    const ls_param_spec *spec = &m->plans[layer].param[k];
    size_t count = 1;
    for (int d = 0; d < spec->rank; d++)
        count *= spec->dim[d];
    return (ls_tree_range){m->layers[layer].offset[k], count};
}

/* Whether others wait, or are waited for, for the whole layer. */
static bool overlaps_whole(const ls_layer *l, const ls_pass *pass) {
    return pass->overlap != NULL && l->n_params > 0 && !l->type->in_panels;
}

static const float *partner_y(const ls_layer *l, const ls_activations *a) {
    return l->partner != NULL ? a->y[l->partner->index] : NULL;
}

/* Where backward ends with layer `first`. */
static void *partner_state(const ls_model *m, const ls_layer *l, const ls_activations *a,
                           size_t first) {
    const size_t partner = l->partner != NULL ? l->partner->index : 0;
    if (l->partner == NULL || partner < first || m->plans[partner].state_bytes == 0)
        return NULL;
    return a->state[partner];
}

const float *ls_model_forward(const ls_model *m, ls_activations *a, const ls_pass *pass,
                              const float *x) {
    for (size_t i = a->first; i < active_end(m, a); i++) {
        const ls_layer *l = &m->layers[i];
        ls_layer_io io = {.weights = m->weights,
                          .x = x,
                          .y = a->y[i],
                          .state = a->state[i],
                          .room = a->room,
                          .partner_y = partner_y(l, a)};
        if (overlaps_whole(l, pass))
            for (size_t k = 0; k < l->n_params; k++)
                pass->overlap->need(pass->overlap->context, param_of(m, i, k));
        l->type->forward(l, pass, &io);
        x = a->y[i];
    }
    return x;
}

const float *ls_model_backward(const ls_model *m, ls_activations *a, const ls_pass *pass,
                               const float *x, const ls_gradients *gradients) {
    const size_t first = a->first > m->first_trained ? a->first : m->first_trained;
    const float *dy = a->logits_gradient;
    for (size_t i = active_end(m, a); i-- > first;) {
        const ls_layer *l = &m->layers[i];
        float *dx = i > m->first_trained ? a->delta[i % 2] : NULL;
        ls_layer_io io = {.weights = m->weights,
                          .x = i > a->first ? a->y[i - 1] : x,
                          .y = a->y[i],
                          .state = a->state[i],
                          .dy = dy,
                          .dx = dx,
                          .room = a->room,
                          .gradients = gradients,
                          .partner_state = partner_state(m, l, a, first)};
        l->type->backward(l, pass, &io);
        if (overlaps_whole(l, pass))
            for (size_t k = 0; k < l->n_params; k++)
                pass->overlap->done(pass->overlap->context, param_of(m, i, k));
        dy = dx;
    }
    return first > m->first_trained ? dy : NULL;
}
