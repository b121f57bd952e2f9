/* lars: layer-wise adaptive rate scaling (You, Gitman and Ginsburg 2017), for large batches:
 * r = trust |w| / (|g| + weight_decay |w|);  b = momentum b + lr r (g + weight_decay w);  w = w -
 * b. r is of each matrix; of biases, and where a norm is 0, it is 1, as in the authors' program. */
#include "lockstep/math/vector.h"
#include "optimizers.h"

typedef struct lars_options {
    double lr, momentum, weight_decay, trust;
} lars_options;

static const ls_opt options[] = {
    {.key = "lr",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(lars_options, lr),
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .help = "learning rate, to be multiplied by the trust of a matrix"},
    {.key = "momentum",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(lars_options, momentum),
     .fallback = "0.9",
     .min = 0,
     .max = 1,
     .flags = LS_OPT_BELOW_MAX,
     .help = "share of the last step that is kept"},
    {.key = "weight_decay",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(lars_options, weight_decay),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .help = "times the weight is added to its gradient"},
    {.key = "trust",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(lars_options, trust),
     .fallback = "0.001",
     .max = 1e6,
     .flags = LS_OPT_ABOVE_MIN,
     .help = "step of a matrix by its norm, at a learning rate of 1"},
    {.kind = LS_OPT_END},
};

static double learning_rate(const void *opts) {
    return ((const lars_options *)opts)->lr;
}

typedef struct lars_step {
    float rate, momentum, decay;
} lars_step;

static void prepare(const void *opts, uint64_t step, double lr, void *numbers) {
    const lars_options *o = opts;
    (void)step;
    *(lars_step *)numbers = (lars_step){(float)lr, (float)o->momentum, (float)o->weight_decay};
}

LS_SIMD static void loop(size_t n, lars_step s, float *restrict w, const float *restrict g,
                         float *restrict b) {
    for (size_t i = 0; i < n; i++) {
        b[i] = s.momentum * b[i] + s.rate * (g[i] + s.decay * w[i]);
        w[i] -= b[i];
    }
}

static void update(const void *numbers, size_t n, float *w, const float *g, float *const *slot) {
    loop(n, *(const lars_step *)numbers, w, g, slot[0]);
}

static double trust(const void *opts, double weights_norm, double gradient_norm) {
    const lars_options *o = opts;
    if (weights_norm <= 0 || gradient_norm <= 0)
        return 1;
    return o->trust * weights_norm / (gradient_norm + o->weight_decay * weights_norm);
}

const ls_optimizer_type ls_optimizer_lars = {
    .row = {"lars", "momentum at a rate for each matrix, for large batches", options,
            sizeof(lars_options), "lr"},
    .n_slots = 1,
    .slot_name = {"momentum"},
    .learning_rate = learning_rate,
    .prepare = prepare,
    .update = update,
    .trust = trust,
};
