/* sgd: stochastic gradient descent with momentum, as PyTorch's SGD defines it:
 * g' = g + weight_decay w;  b = momentum b + g';  w = w - lr b. */
#include "lockstep/math/vector.h"
#include "optimizers.h"

typedef struct sgd_options {
    double lr, momentum, weight_decay;
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
    {.key = "weight_decay",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(sgd_options, weight_decay),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .help = "times the weight is added to its gradient"},
    {.kind = LS_OPT_END},
};

static double learning_rate(const void *opts) {
    return ((const sgd_options *)opts)->lr;
}

typedef struct sgd_step {
    float lr, momentum, decay;
} sgd_step;

static void prepare(const void *opts, uint64_t step, double lr, void *numbers) {
    const sgd_options *o = opts;
    (void)step;
    *(sgd_step *)numbers = (sgd_step){(float)lr, (float)o->momentum, (float)o->weight_decay};
}

LS_SIMD static void loop(size_t n, sgd_step s, float *restrict w, const float *restrict g,
                         float *restrict b) {
    for (size_t i = 0; i < n; i++) {
        b[i] = s.momentum * b[i] + (g[i] + s.decay * w[i]);
        w[i] -= s.lr * b[i];
    }
}

static void update(const void *numbers, size_t n, float *w, const float *g, float *const *slot) {
    loop(n, *(const sgd_step *)numbers, w, g, slot[0]);
}

const ls_optimizer_type ls_optimizer_sgd = {
    .row = {"sgd", "stochastic gradient descent with momentum", options, sizeof(sgd_options), "lr"},
    .n_slots = 1,
    .slot_name = {"momentum"},
    .learning_rate = learning_rate,
    .prepare = prepare,
    .update = update,
};
