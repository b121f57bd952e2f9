/* sgd: stochastic gradient descent with momentum, as PyTorch's SGD defines it:
 * g' = g + weight_decay w;  b = momentum b + g';  w = w - lr b, or w = w - lr (g' + momentum b)
 * with nesterov.
 *
 * Nesterov's step is usually written with a look ahead: v = momentum v - lr g(x + momentum v);
 * x = x + v. It is the same recursion of w = x + momentum v, at a constant learning rate, with
 * v = -lr b (Sutskever et al. 2013; Bengio et al. 2012): what is kept here is the point at which
 * the gradient is taken. */
#include "lockstep/base/error.h"
#include "lockstep/math/vector.h"
#include "optimizers.h"

typedef struct sgd_options {
    double lr, momentum, weight_decay;
    bool nesterov;
} sgd_options;

static const ls_opt options[] = {
    {.key = "lr",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(sgd_options, lr),
     .fallback = "0.01",
     .min = 0,
     .max = 1e6,
     .help = "learning rate"},
    {.key = "momentum",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(sgd_options, momentum),
     .fallback = "0",
     .min = 0,
     .max = 1,
     .flags = LS_OPT_BELOW_MAX,
     .help = "share of the last step that is kept"},
    {.key = "nesterov",
     .kind = LS_OPT_BOOL,
     .offset = offsetof(sgd_options, nesterov),
     .fallback = "false",
     .help = "the gradient is taken where momentum alone would lead"},
    {.key = "weight_decay",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(sgd_options, weight_decay),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .help = "times the weight is added to its gradient"},
    {.kind = LS_OPT_END},
};

static bool has_momentum(const void *opts) {
    return ((const sgd_options *)opts)->momentum > 0;
}

static unsigned needs(const void *opts) {
    return has_momentum(opts) ? 1u : 0u;
}

static ls_status check(const void *opts, const char *where) {
    if (!((const sgd_options *)opts)->nesterov || has_momentum(opts))
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_CONFIG, where, "optimizer.sgd.nesterov: there is no momentum"),
                   "set optimizer.sgd.momentum, to 0.9 say");
}

static double learning_rate(const void *opts) {
    return ((const sgd_options *)opts)->lr;
}

typedef struct sgd_step {
    float lr, momentum, decay;
    bool has_momentum, nesterov;
} sgd_step;
_Static_assert(sizeof(sgd_step) <= LS_OPTIMIZER_NUMBERS_MAX, "the numbers of a step");

static void prepare(const void *opts, uint64_t step, double lr, void *numbers) {
    const sgd_options *o = opts;
    (void)step;
    *(sgd_step *)numbers = (sgd_step){.lr = (float)lr,
                                      .momentum = (float)o->momentum,
                                      .decay = (float)o->weight_decay,
                                      .has_momentum = has_momentum(opts),
                                      .nesterov = o->nesterov};
}

LS_SIMD static void plain(size_t n, sgd_step s, float *restrict w, const float *restrict g) {
    for (size_t i = 0; i < n; i++)
        w[i] -= s.lr * (g[i] + s.decay * w[i]);
}

LS_SIMD static void heavy_ball(size_t n, sgd_step s, float *restrict w, const float *restrict g,
                               float *restrict b) {
    for (size_t i = 0; i < n; i++) {
        b[i] = s.momentum * b[i] + (g[i] + s.decay * w[i]);
        w[i] -= s.lr * b[i];
    }
}

LS_SIMD static void nesterov(size_t n, sgd_step s, float *restrict w, const float *restrict g,
                             float *restrict b) {
    for (size_t i = 0; i < n; i++) {
        const float d = g[i] + s.decay * w[i];
        b[i] = s.momentum * b[i] + d;
        w[i] -= s.lr * (d + s.momentum * b[i]);
    }
}

static void update(const void *numbers, size_t n, float *w, const float *g, float *const *slot) {
    const sgd_step *s = numbers;
    if (!s->has_momentum)
        plain(n, *s, w, g);
    else if (s->nesterov)
        nesterov(n, *s, w, g, slot[0]);
    else
        heavy_ball(n, *s, w, g, slot[0]);
}

const ls_optimizer_type ls_optimizer_sgd = {
    .row = {"sgd", "stochastic gradient descent with momentum", options, sizeof(sgd_options), "lr"},
    .n_slots = 1,
    .slot_name = {"momentum"},
    .needs = needs,
    .check = check,
    .learning_rate = learning_rate,
    .prepare = prepare,
    .update = update,
};
