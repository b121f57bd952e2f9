/* residual: a block of layers that learns what is to be added to its input: y = x + f(x) (He et al.
 * 2016). What f makes has the shape of x.
 *
 * Two layers of the model: the one that a block begins with hands x on and keeps, on the way back,
 * the gradient that came around the layers inside; the one that it ends with adds. */
#include <string.h>

#include "layers.h"
#include "lockstep/base/error.h"
#include "lockstep/math/vector.h"

typedef struct residual_options {
    ls_choice_list layers;
} residual_options;

static const ls_opt options[] = {
    {.key = "layers",
     .kind = LS_OPT_CHOICE_LIST,
     .offset = offsetof(residual_options, layers),
     .choices = &ls_layer_choices,
     .help = "layers whose output is added to the input of the first"},
    {.kind = LS_OPT_END},
};

static const ls_choice_list *inside(const void *opts) {
    return &((const residual_options *)opts)->layers;
}

static size_t bytes(const ls_layer *l, const ls_pass *pass) {
    return ls_layer_elements(l, pass) * sizeof(float);
}

/* state: the gradient that goes around. */
static ls_status plan_begin(const void *opts, const ls_shape *in, ls_layer_plan *p) {
    (void)opts;
    p->out = *in;
    p->state_bytes = ls_shape_size(in) * sizeof(float);
    return LS_OK;
}

static void begin_forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    memcpy(io->y, io->x, bytes(l, pass));
}

static void begin_backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    if (io->dx != NULL)
        ls_add(ls_layer_elements(l, pass), io->dy, io->state, io->dx);
}

static ls_status join_end(const ls_layer *l, ls_layer_plan *p, ls_layer_plan *begin) {
    const size_t in = ls_shape_size(&begin->out);
    (void)p;
    if (l->in_size == in)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_CONFIG, NULL,
                           "its layers make %zu features of %zu, to which they can not be added",
                           l->in_size, in),
                   "let the block end with %zu features, as with `dense: {units: %zu}`", in, in);
}

static void end_forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    ls_add(ls_layer_elements(l, pass), io->x, io->partner_y, io->y);
}

static void end_backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    if (io->partner_state != NULL)
        memcpy(io->partner_state, io->dy, bytes(l, pass));
    if (io->dx != NULL)
        memcpy(io->dx, io->dy, bytes(l, pass));
}

static const ls_layer_type residual_end = {
    .row = {.name = "residual", .help = "adds a block's input"},
    .plan = ls_layer_plan_same,
    .join = join_end,
    .forward = end_forward,
    .backward = end_backward,
};

const ls_layer_type ls_layer_residual = {
    .row = {"residual", "adds the input of a block of layers to their output", options,
            sizeof(residual_options), NULL},
    .inside = inside,
    .end = &residual_end,
    .plan = plan_begin,
    .forward = begin_forward,
    .backward = begin_backward,
};
