/* batch_norm: brings every feature to mean 0 and variance 1 over the rows of a lane, then scales
 * and shifts it by trained numbers: y = (x - mean) / sqrt(variance + eps) weight + bias (Ioffe and
 * Szegedy 2015; with one lane PyTorch's BatchNorm1d).
 *
 * A lane's statistics are its own, so that no rank waits for another in a pass. Outside of training
 * running statistics take their place: after every update they move by the share `momentum` to the
 * mean over the lanes, each counted as often as it has rows, of the mean and of the variance (there
 * the one that divides by rows - 1). A frozen layer uses them in training, too, and leaves them.
 *
 * Sums over rows are float64, row after row. */
#include <math.h>

#include "normal.h"

typedef struct norm_options {
    ls_normal normal;
    double momentum;
} norm_options;

static const ls_opt options[] = {
    {.key = "momentum",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(norm_options, momentum),
     .fallback = "0.1",
     .max = 1,
     .flags = LS_OPT_ABOVE_MIN,
     .help = "share by which the running statistics move to those of a step"},
    LS_NORMAL_ROWS(norm_options, normal),
    {.kind = LS_OPT_END},
};

/* The running statistics are the first two, so that they are where they are with affine and
 * without.
 */
enum { MEAN, VARIANCE, WEIGHT, BIAS };

/* Features that a thread works on at a time. */
enum { PART = 64 };

/* ---- what it asks for ---- */

/* state: a lane's mean and 1 / sqrt(variance + eps), of all features, in its first row's. */
static ls_status plan(const void *opts, const ls_shape *in, ls_layer_plan *p) {
    const norm_options *o = opts;
    const ls_normal *normal = &o->normal;
    const size_t n = ls_shape_size(in);
    p->out = *in;
    p->state_bytes = 2 * n * sizeof(float);
    p->param[MEAN] = ls_normal_param(normal, "running_mean", n, &ls_init_zeros, o->momentum);
    p->param[VARIANCE] = ls_normal_param(normal, "running_variance", n, &ls_init_ones, o->momentum);
    p->param[WEIGHT] = ls_normal_param(normal, "weight", n, &normal->init, 0);
    p->param[BIAS] = ls_normal_param(normal, "bias", n, &normal->bias_init, 0);
    p->n_params = normal->affine ? 4 : 2;
    return LS_OK;
}

static const ls_normal *normal_of(const ls_layer *l) {
    return &((const norm_options *)l->options)->normal;
}

static const float *param_at(const ls_layer *l, const ls_layer_io *io, size_t p) {
    return p < l->n_params ? io->weights + l->offset[p] : NULL;
}

/* Whether rows are seen by their lane's statistics. */
static bool uses_lanes(const ls_layer *l, const ls_pass *pass) {
    return pass->training && !normal_of(l)->training.frozen;
}

static float *mean_of(const ls_layer *l, const ls_layer_io *io, size_t first_row) {
    return (float *)io->state + 2 * l->out_size * first_row;
}

/* ---- statistics ---- */

/* sum[j] = the sum over rows of x[row, j]. */
static void sum_rows(size_t rows, size_t n, size_t count, const float *x, double sum[PART]) {
    for (size_t j = 0; j < count; j++)
        sum[j] = 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < count; j++)
            sum[j] += (double)x[r * n + j];
}

static void sum_squares(size_t rows, size_t n, size_t count, const float *x,
                        const double mean[PART], double sum[PART]) {
    for (size_t j = 0; j < count; j++)
        sum[j] = 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < count; j++) {
            const double d = (double)x[r * n + j] - mean[j];
            sum[j] += d * d;
        }
}

/* mean[j] and scale[j] of `count` features of a lane's rows. */
static void measure(size_t rows, size_t n, size_t count, double eps, const float *x, float *mean,
                    float *scale) {
    double sum[PART], square[PART];
    sum_rows(rows, n, count, x, sum);
    for (size_t j = 0; j < count; j++)
        sum[j] /= (double)rows;
    sum_squares(rows, n, count, x, sum, square);
    for (size_t j = 0; j < count; j++) {
        mean[j] = (float)sum[j];
        scale[j] = (float)(1 / sqrt(square[j] / (double)rows + eps));
    }
}

/* Of all features from the running ones. */
static void use_running(const ls_layer *l, const ls_layer_io *io, size_t first, size_t count,
                        float *mean, float *scale) {
    const float *m = param_at(l, io, MEAN) + first, *v = param_at(l, io, VARIANCE) + first;
    for (size_t j = 0; j < count; j++) {
        mean[j] = m[j];
        scale[j] = (float)(1 / sqrt((double)v[j] + normal_of(l)->eps));
    }
}

/* ---- parts: some features of a segment of rows ---- */

typedef struct part {
    size_t row, rows, first, count; /* rows of the batch, features */
    float mean[PART], scale[PART];
} part;

typedef void part_work(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io, part *p);

/* Over all threads. */
static void for_parts(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io,
                      part_work *work) {
    const size_t parts = (l->out_size + PART - 1) / PART;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < pass->rows.count * parts; i++) {
        const size_t s = i / parts, first = i % parts * PART, rest = l->out_size - first;
        part p = {.row = pass->rows.first[s],
                  .rows = pass->rows.first[s + 1] - pass->rows.first[s],
                  .first = first,
                  .count = rest < PART ? rest : PART};
        if (p.rows > 0)
            work(l, pass, io, &p);
    }
}

static void forward_part(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io, part *p) {
    const size_t n = l->out_size, at = p->row * n + p->first;
    const float *x = io->x + at, *w = param_at(l, io, WEIGHT), *b = param_at(l, io, BIAS);
    float *y = io->y + at;
    if (!uses_lanes(l, pass)) {
        use_running(l, io, p->first, p->count, p->mean, p->scale);
    } else {
        float *mean = mean_of(l, io, p->row) + p->first, *scale = mean + n;
        measure(p->rows, n, p->count, normal_of(l)->eps, x, p->mean, p->scale);
        for (size_t j = 0; j < p->count; j++) {
            mean[j] = p->mean[j];
            scale[j] = p->scale[j];
        }
    }
    for (size_t r = 0; r < p->rows; r++)
        for (size_t j = 0; j < p->count; j++) {
            const float z = (x[r * n + j] - p->mean[j]) * p->scale[j];
            y[r * n + j] = w != NULL ? z * w[p->first + j] + b[p->first + j] : z;
        }
}

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    for_parts(l, pass, io, forward_part);
}

/* ---- backward ---- */

/* room[B, n] = z dy, z the normalised x; dx = scale weight (dy - mean(dy) - z mean(z dy)), where
 * the statistics are the lane's, else without the means. */
static void backward_part(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io, part *p) {
    const size_t n = l->out_size, at = p->row * n + p->first;
    const float *x = io->x + at, *dy = io->dy + at, *w = param_at(l, io, WEIGHT);
    float *z_dy = (float *)io->room + at, *dx = io->dx != NULL ? io->dx + at : NULL;
    double sum[PART] = {0}, slope[PART] = {0};
    if (uses_lanes(l, pass)) {
        const float *mean = mean_of(l, io, p->row) + p->first, *scale = mean + n;
        for (size_t j = 0; j < p->count; j++) {
            p->mean[j] = mean[j];
            p->scale[j] = scale[j];
        }
    } else {
        use_running(l, io, p->first, p->count, p->mean, p->scale);
    }
    for (size_t r = 0; r < p->rows; r++)
        for (size_t j = 0; j < p->count; j++)
            z_dy[r * n + j] = (x[r * n + j] - p->mean[j]) * p->scale[j] * dy[r * n + j];
    if (dx == NULL)
        return;
    if (uses_lanes(l, pass)) {
        sum_rows(p->rows, n, p->count, dy, sum);
        sum_rows(p->rows, n, p->count, z_dy, slope);
    }
    for (size_t r = 0; r < p->rows; r++)
        for (size_t j = 0; j < p->count; j++) {
            const double z = (double)((x[r * n + j] - p->mean[j]) * p->scale[j]);
            const double factor = (double)p->scale[j] * (w != NULL ? (double)w[p->first + j] : 1);
            const double means = (sum[j] + z * slope[j]) / (double)p->rows;
            dx[r * n + j] = (float)(factor * ((double)dy[r * n + j] - means));
        }
}

/* room[B, n] = what a lane's rows add to rows times its variance; a single row has none. */
static void variance_part(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io, part *p) {
    const size_t n = l->out_size, at = p->row * n + p->first;
    const float *mean = mean_of(l, io, p->row) + p->first;
    const double share = p->rows > 1 ? (double)p->rows / (double)(p->rows - 1) : 0;
    (void)pass;
    for (size_t r = 0; r < p->rows; r++)
        for (size_t j = 0; j < p->count; j++) {
            const double d = (double)io->x[at + r * n + j] - (double)mean[j];
            ((float *)io->room)[at + r * n + j] = (float)(share * d * d);
        }
}

/* The gradient of parameter p is the sum over rows of what. */
static void sum_to(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io, size_t p,
                   const float *what) {
    float *d[LS_TREE_DEPTH_MAX];
    ls_layer_find_gradient(l, p, pass, io->gradients, d);
    ls_gemm_backward_bias(&pass->rows, pass->lanes, l->out_size, what, d);
}

/* [B, n] */
static size_t room(const ls_layer *l, size_t rows, size_t lanes) {
    return lanes > 0 ? rows * l->out_size * sizeof(float) : 0;
}

static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    for_parts(l, pass, io, backward_part);
    if (normal_of(l)->training.frozen)
        return;
    if (normal_of(l)->affine) {
        sum_to(l, pass, io, WEIGHT, io->room);
        sum_to(l, pass, io, BIAS, io->dy);
    }
    sum_to(l, pass, io, MEAN, io->x);
    for_parts(l, pass, io, variance_part);
    sum_to(l, pass, io, VARIANCE, io->room);
}

const ls_layer_type ls_layer_batch_norm = {
    .row = {.name = "batch_norm",
            .help = "brings every feature to mean 0 and variance 1 over the rows of a lane, then "
                    "scales and shifts it",
            .options = options,
            .options_size = sizeof(norm_options)},
    .plan = plan,
    .room = room,
    .forward = forward,
    .backward = backward,
};
