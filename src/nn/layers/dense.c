/* dense: y = x W^T + b, with W as [out, in], in strips, and b as [out]. */
#include "layers.h"
#include "lockstep/base/error.h"
#include "lockstep/nn/init.h"
#include "weight_rows.h"

typedef struct dense_options {
    int64_t units;
    bool bias;
    ls_choice init, bias_init;
    ls_param_training training;
} dense_options;

static const ls_opt options[] = {
    {.key = "units",
     .kind = LS_OPT_INT,
     .offset = offsetof(dense_options, units),
     .min = 1,
     .max = 1 << 24,
     .help = "outputs of the layer"},
    {.key = "bias",
     .kind = LS_OPT_BOOL,
     .offset = offsetof(dense_options, bias),
     .fallback = "true",
     .help = "add a trained constant to every output"},
    {.key = "init",
     .kind = LS_OPT_CHOICE,
     .offset = offsetof(dense_options, init),
     .fallback = "he_normal",
     .choices = &ls_init_choices,
     .help = "first values of the weights [units, inputs]"},
    {.key = "bias_init",
     .kind = LS_OPT_CHOICE,
     .offset = offsetof(dense_options, bias_init),
     .fallback = "zeros",
     .choices = &ls_init_choices,
     .help = "first values of the biases [units]"},
    LS_PARAM_TRAINING_ROWS(dense_options, training),
    {.kind = LS_OPT_END},
};

enum { WEIGHT, BIAS };

static ls_status plan(const void *opts, const ls_shape *in, ls_layer_plan *p) {
    const dense_options *o = opts;
    size_t units = (size_t)o->units;
    if (in->rank != 1)
        return ls_fail(LS_ERR_CONFIG, NULL, "dense takes samples of one dimension, not %d",
                       in->rank);
    p->out = (ls_shape){1, {units}};
    p->param[WEIGHT] = (ls_param_spec){.name = "weight",
                                       .rank = 2,
                                       .dim = {units, in->dim[0]},
                                       .init = &o->init,
                                       .fan_in = in->dim[0],
                                       .fan_out = units,
                                       .multiplies = true,
                                       .training = &o->training};
    p->param[BIAS] = (ls_param_spec){.name = "bias",
                                     .rank = 1,
                                     .dim = {units},
                                     .init = &o->bias_init,
                                     .fan_in = in->dim[0],
                                     .fan_out = units,
                                     .training = &o->training};
    p->n_params = o->bias ? 2 : 1;
    return LS_OK;
}

/* Outputs in panels, so that others work on W at the same time; one of all where nobody does. */
typedef struct panels {
    size_t outputs; /* of a panel; the last has the rest */
    size_t count;   /* at most 64 */
} panels;

static panels panels_of(const ls_layer *l, const ls_pass *pass) {
    const ls_overlap *o = pass->overlap;
    const size_t least = (l->out_size + 63) / 64;
    const size_t wanted = o != NULL ? o->panel / l->in_size : l->out_size;
    if (wanted >= l->out_size)
        return (panels){l->out_size, 1};
    const size_t outputs = ls_gemm_part(l->gemm, &pass->rows, wanted > least ? wanted : least);
    return (panels){outputs, (l->out_size + outputs - 1) / outputs};
}

static ls_tree_range panel_at(const ls_layer *l, const panels *p, size_t i) {
    const size_t first = i * p->outputs, rest = l->out_size - first;
    return (ls_tree_range){first, rest < p->outputs ? rest : p->outputs};
}

static ls_tree_range weights_of(const ls_layer *l, ls_tree_range panel) {
    return (ls_tree_range){l->offset[WEIGHT] + panel.first * l->in_size, panel.count * l->in_size};
}

static ls_tree_range bias_of(const ls_layer *l) {
    return (ls_tree_range){l->offset[BIAS], l->out_size};
}

/* A panel whose weights are there, of those that are left; else waits for one. */
static size_t next_panel(const ls_layer *l, const ls_pass *pass, const panels *p, uint64_t left) {
    const ls_overlap *o = pass->overlap;
    size_t last = 0;
    for (size_t i = 0; i < p->count; i++) {
        if ((left >> i & 1) == 0)
            continue;
        last = i;
        if (o == NULL || o->has(o->context, weights_of(l, panel_at(l, p, i))))
            return i;
    }
    o->need(o->context, weights_of(l, panel_at(l, p, last)));
    return last;
}

/* For x on the way there, and dy twice on the way back: of twice the rows where a layer is tied to
 * this one. */
static size_t room(const ls_layer *l, size_t rows, size_t lanes) {
    const bool is_shared = l->partner != NULL;
    return ls_gemm_room(l->gemm, is_shared ? 2 * rows : rows, lanes, l->in_size, 1, l->out_size) +
           (is_shared ? ls_shared_rows_room(lanes) : 0);
}

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    const size_t columns[2] = {0, l->in_size};
    const ls_operand x =
        ls_gemm_ready_x(l->gemm, ls_pass_rows(pass), (ls_segments){1, columns}, io->x, io->room);
    const float *bias = l->n_params > BIAS ? io->weights + l->offset[BIAS] : NULL;
    const panels p = panels_of(l, pass);
    uint64_t left = p.count < 64 ? (UINT64_C(1) << p.count) - 1 : UINT64_MAX;
    if (pass->overlap != NULL && bias != NULL)
        pass->overlap->need(pass->overlap->context, bias_of(l));
    while (left != 0) {
        const size_t i = next_panel(l, pass, &p, left);
        ls_gemm_forward_part(l->gemm, &pass->rows, l->out_size, panel_at(l, &p, i), &x,
                             io->weights + l->offset[WEIGHT], bias, io->y, ls_pass_between(pass));
        left &= ~(UINT64_C(1) << i);
    }
}

/* A tile of W's gradient, on its way. */
typedef struct weight_use {
    const ls_gradients *gradients;
    size_t offset;
} weight_use;

static void use_weight_tile(void *context, const ls_tile *tile) {
    const weight_use *u = context;
    u->gradients->use(u->gradients->context, u->offset, tile);
}

/* The panel that backward comes to first: downwards and around from there, the last ones come
 * last. */
static size_t first_panel(const ls_layer *l, const ls_pass *pass, const panels *p) {
    const size_t last = pass->overlap != NULL ? pass->overlap->last : 0;
    const size_t begin = l->offset[WEIGHT], end = begin + l->out_size * l->in_size;
    if (last <= begin || last >= end)
        return p->count - 1;
    return (last - 1 - begin) / l->in_size / p->outputs;
}

static void store_weight(const ls_layer *l, const ls_pass *pass, const ls_gradients *gradients,
                         const float *x, const ls_operand *dy) {
    float *d[LS_TREE_DEPTH_MAX];
    const panels p = panels_of(l, pass);
    size_t i = first_panel(l, pass, &p);
    ls_layer_find_gradient(l, WEIGHT, pass, gradients, d);
    for (size_t n = 0; n < p.count; n++) {
        const ls_tree_range panel = panel_at(l, &p, i);
        ls_gemm_backward_weight_part(l->gemm, pass->lanes, l->in_size, panel, x, dy, d,
                                     ls_pass_between(pass));
        if (pass->overlap != NULL)
            pass->overlap->done(pass->overlap->context, weights_of(l, panel));
        i = i > 0 ? i - 1 : p.count - 1;
    }
}

/* From the rows of this layer and those of the one that is tied to it, if there is one. */
static void backward_weight(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    weight_use use = {io->gradients, l->offset[WEIGHT]};
    ls_weight_rows r = {pass->rows, io->x, io->dy};
    void *room = io->room;
    if (l->partner != NULL)
        room = ls_share_rows(&pass->rows, l->in_size, l->out_size, io, &r);
    const ls_operand dy = ls_gemm_ready_dy(l->gemm, r.rows, l->out_size, r.dy, room);
    if (io->gradients->use != NULL)
        ls_gemm_backward_weight_tiles(l->gemm, pass->lanes, l->in_size, r.x, &dy, use_weight_tile,
                                      &use);
    else
        store_weight(l, pass, io->gradients, r.x, &dy);
}

/* The gradient of x first: it needs the weights as they were. */
static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    float *d[LS_TREE_DEPTH_MAX];
    if (io->dx != NULL)
        ls_gemm_backward_input(l->gemm, &pass->rows, l->in_size, l->out_size, io->dy,
                               io->weights + l->offset[WEIGHT], io->dx, io->room,
                               ls_pass_between(pass));
    if (((const dense_options *)l->options)->training.frozen)
        return;
    if (l->n_params > BIAS) {
        ls_layer_find_gradient(l, BIAS, pass, io->gradients, d);
        ls_gemm_backward_bias(&pass->rows, pass->lanes, l->out_size, io->dy, d);
        if (pass->overlap != NULL)
            pass->overlap->done(pass->overlap->context, bias_of(l));
    }
    backward_weight(l, pass, io);
}

const ls_layer_type ls_layer_dense = {
    .row = {"dense", "every output from every input: y = x W^T + b", options, sizeof(dense_options),
            "units"},
    .columns = LS_COLUMNS_SUMMED,
    .in_panels = true,
    .lends = true,
    .plan = plan,
    .room = room,
    .forward = forward,
    .backward = backward,
};
