/* lamb: Adam with a rate for each layer (You et al. 2020), for large batches:
 * m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
 * u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + weight_decay w;  w = w - lr |w| / |u| u.
 * |w| / |u| is of each matrix; of biases, and where a norm is 0, it is 1. */
#include <math.h>

#include "lockstep/math/vector.h"
#include "optimizers.h"

typedef struct lamb_options {
    double lr, beta1, beta2, eps, weight_decay;
} lamb_options;

static const ls_opt options[] = {
    {.key = "lr",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(lamb_options, lr),
     .fallback = "0.001",
     .min = 0,
     .max = 1e6,
     .help = "learning rate: step of a matrix by its norm"},
    {.key = "beta1",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(lamb_options, beta1),
     .fallback = "0.9",
     .min = 0,
     .max = 1,
     .flags = LS_OPT_BELOW_MAX,
     .help = "decay of the mean of gradients"},
    {.key = "beta2",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(lamb_options, beta2),
     .fallback = "0.999",
     .min = 0,
     .max = 1,
     .flags = LS_OPT_BELOW_MAX,
     .help = "decay of the mean of squared gradients"},
    {.key = "eps",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(lamb_options, eps),
     .fallback = "1.0e-6",
     .min = 1e-37, /* smaller ones are 0 in float32 */
     .max = 1,
     .help = "added to the denominator"},
    {.key = "weight_decay",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(lamb_options, weight_decay),
     .fallback = "0.01",
     .min = 0,
     .max = 1e6,
     .help = "times the weight is added to the step, before its norm is taken"},
    {.kind = LS_OPT_END},
};

static double learning_rate(const void *opts) {
    return ((const lamb_options *)opts)->lr;
}

/* The numbers of one step, in the form that the loops use. */
typedef struct lamb_step {
    float beta1, rest1, beta2, rest2, whole1, root2, eps, decay, rate;
} lamb_step;
_Static_assert(sizeof(lamb_step) <= LS_OPTIMIZER_NUMBERS_MAX, "the numbers of a step");

static void prepare(const void *opts, uint64_t step, double lr, void *numbers) {
    const lamb_options *o = opts;
    const double t = (double)step;
    *(lamb_step *)numbers = (lamb_step){
        .beta1 = (float)o->beta1,
        .rest1 = (float)(1 - o->beta1),
        .beta2 = (float)o->beta2,
        .rest2 = (float)(1 - o->beta2),
        .whole1 = (float)(1 - pow(o->beta1, t)),
        .root2 = (float)sqrt(1 - pow(o->beta2, t)),
        .eps = (float)o->eps,
        .decay = (float)o->weight_decay,
        .rate = (float)lr,
    };
}

LS_SIMD static void direct_loop(size_t n, lamb_step s, const float *restrict w, float *restrict g,
                                float *restrict m, float *restrict v) {
    for (size_t i = 0; i < n; i++) {
        m[i] = s.beta1 * m[i] + s.rest1 * g[i];
        v[i] = s.beta2 * v[i] + s.rest2 * g[i] * g[i];
        g[i] = m[i] / s.whole1 / (__builtin_sqrtf(v[i]) / s.root2 + s.eps) + s.decay * w[i];
    }
}

static void direct(const void *numbers, size_t n, const float *w, float *g, float *const *slot) {
    direct_loop(n, *(const lamb_step *)numbers, w, g, slot[0], slot[1]);
}

LS_SIMD static void update_loop(size_t n, float rate, float *restrict w, const float *restrict u) {
    for (size_t i = 0; i < n; i++)
        w[i] -= rate * u[i];
}

static void update(const void *numbers, size_t n, float *w, const float *g, float *const *slot) {
    (void)slot;
    update_loop(n, ((const lamb_step *)numbers)->rate, w, g);
}

static double trust(const void *opts, double weights_norm, double direction_norm) {
    (void)opts;
    return weights_norm > 0 && direction_norm > 0 ? weights_norm / direction_norm : 1;
}

const ls_optimizer_type ls_optimizer_lamb = {
    .row = {"lamb", "adaptive moments at a rate for each matrix, for large batches", options,
            sizeof(lamb_options), "lr"},
    .n_slots = 2,
    .slot_name = {"m", "v"},
    .learning_rate = learning_rate,
    .prepare = prepare,
    .update = update,
    .trust = trust,
    .direct = direct,
};
