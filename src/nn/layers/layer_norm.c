/* layer_norm: brings the features of each sample to mean 0 and variance 1, then scales and shifts
 * each by trained numbers: y = (x - mean) / sqrt(variance + eps) weight + bias, with the variance
 * that divides by the number of features (Ba et al. 2016; PyTorch's LayerNorm).
 *
 * Sums over a row are float64, in an order that its length decides. */
#include <math.h>
#include <string.h>

#include "normal.h"

typedef struct norm_options {
    ls_normal normal;
} norm_options;

static const ls_opt options[] = {LS_NORMAL_ROWS(norm_options, normal), {.kind = LS_OPT_END}};

enum { WEIGHT, BIAS };

/* What backward needs of a row. */
typedef struct row_state {
    double mean, scale; /* scale: 1 / sqrt(variance + eps) */
} row_state;

static ls_status plan(const void *opts, const ls_shape *in, ls_layer_plan *p) {
    const ls_normal *o = &((const norm_options *)opts)->normal;
    const size_t n = ls_shape_size(in);
    p->out = *in;
    p->state_bytes = sizeof(row_state);
    p->param[WEIGHT] = ls_normal_param(o, "weight", n, &o->init, 0);
    p->param[BIAS] = ls_normal_param(o, "bias", n, &o->bias_init, 0);
    p->n_params = o->affine ? 2 : 0;
    return LS_OK;
}

static const ls_normal *normal_of(const ls_layer *l) {
    return &((const norm_options *)l->options)->normal;
}

static bool is_affine(const ls_layer *l) {
    return l->n_params > 0;
}

static const float *param_at(const ls_layer *l, const ls_layer_io *io, int p) {
    return is_affine(l) ? io->weights + l->offset[p] : NULL;
}

/* ---- sums along a row: in parts, which lie in one vector ---- */

enum { PARTS = 8 };

static double total(const double part[PARTS]) {
    double sum = 0;
    for (size_t k = 0; k < PARTS; k++)
        sum += part[k];
    return sum;
}

LS_SIMD static double sum_of(size_t n, const float *x) {
    double part[PARTS] = {0};
    for (size_t j = 0; j < n; j++)
        part[j % PARTS] += (double)x[j];
    return total(part);
}

LS_SIMD static double squares_of(size_t n, const float *x, double mean) {
    double part[PARTS] = {0};
    for (size_t j = 0; j < n; j++) {
        const double d = (double)x[j] - mean;
        part[j % PARTS] += d * d;
    }
    return total(part);
}

LS_SIMD static double product_of(size_t n, const float *a, const float *b) {
    double part[PARTS] = {0};
    for (size_t j = 0; j < n; j++)
        part[j % PARTS] += (double)a[j] * (double)b[j];
    return total(part);
}

/* ---- forward ---- */

static row_state measure(size_t n, const float *x, double eps) {
    const double mean = sum_of(n, x) / (double)n;
    return (row_state){mean, 1 / sqrt(squares_of(n, x, mean) / (double)n + eps)};
}

LS_SIMD static void normalize(size_t n, const float *x, row_state s, float *y) {
    for (size_t j = 0; j < n; j++)
        y[j] = (float)(((double)x[j] - s.mean) * s.scale);
}

LS_SIMD static void scale_and_shift(size_t n, const float *w, const float *b, float *y) {
    for (size_t j = 0; j < n; j++)
        y[j] = y[j] * w[j] + b[j];
}

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    const double eps = normal_of(l)->eps;
    const float *w = param_at(l, io, WEIGHT), *b = param_at(l, io, BIAS);
    const size_t rows = ls_pass_rows(pass), n = l->out_size;
    row_state *state = io->state; /* NULL where nothing is trained */
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        const row_state s = measure(n, io->x + r * n, eps);
        if (state != NULL)
            state[r] = s;
        normalize(n, io->x + r * n, s, io->y + r * n);
        if (w != NULL)
            scale_and_shift(n, w, b, io->y + r * n);
    }
}

/* ---- backward ---- */

LS_SIMD static void multiply(size_t n, const float *a, const float *b, float *c) {
    for (size_t j = 0; j < n; j++)
        c[j] = a[j] * b[j];
}

/* dx = scale (g - mean(g) - z mean(g z)), with z the normalised x; dx: g before. */
LS_SIMD static void project(size_t n, double scale, double mean, double slope, const float *z,
                            float *dx) {
    for (size_t j = 0; j < n; j++)
        dx[j] = (float)(scale * ((double)dx[j] - mean - slope * (double)z[j]));
}

/* z[n]: the normalised x; g = dy weight. */
static void backward_row(size_t n, const row_state *s, const float *w, const float *z,
                         const float *dy, float *dx) {
    if (w != NULL)
        multiply(n, dy, w, dx);
    else
        memcpy(dx, dy, n * sizeof *dx);
    const double mean = sum_of(n, dx) / (double)n, slope = product_of(n, dx, z) / (double)n;
    project(n, s->scale, mean, slope, z, dx);
}

/* z[B, n] and then what its products with dy are. */
static size_t room(const ls_layer *l, size_t rows, size_t lanes) {
    return lanes > 0 ? rows * l->out_size * sizeof(float) : 0;
}

/* The gradients of weight and bias are sums over rows, of dy z and of dy. */
static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    const float *w = param_at(l, io, WEIGHT);
    const row_state *state = io->state;
    const size_t rows = ls_pass_rows(pass), n = l->out_size;
    float *z = io->room, *d[LS_TREE_DEPTH_MAX];
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        float *own = z + r * n;
        const float *dy = io->dy + r * n;
        normalize(n, io->x + r * n, state[r], own);
        if (io->dx != NULL)
            backward_row(n, &state[r], w, own, dy, io->dx + r * n);
        multiply(n, dy, own, own);
    }
    if (!is_affine(l) || normal_of(l)->training.frozen)
        return;
    ls_layer_find_gradient(l, WEIGHT, pass, io->gradients, d);
    ls_gemm_backward_bias(&pass->rows, pass->lanes, n, z, d);
    ls_layer_find_gradient(l, BIAS, pass, io->gradients, d);
    ls_gemm_backward_bias(&pass->rows, pass->lanes, n, io->dy, d);
}

const ls_layer_type ls_layer_layer_norm = {
    .row = {.name = "layer_norm",
            .help = "brings the features of a sample to mean 0 and variance 1, then scales and "
                    "shifts each",
            .options = options,
            .options_size = sizeof(norm_options)},
    .plan = plan,
    .room = room,
    .forward = forward,
    .backward = backward,
};
