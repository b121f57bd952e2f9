/* adagrad (Duchi, Hazan and Singer 2011), as PyTorch defines it:
 * g' = g + weight_decay w;  s = s + g'^2;
 * w = w - lr / (1 + (t - 1) lr_decay) g' / (sqrt(s) + eps).
 * PyTorch's s begins at initial_accumulator; here it begins at 0, as every slot does, and what it
 * would have begun with is added under the root. */
#include "lockstep/math/vector.h"
#include "optimizers.h"

typedef struct adagrad_options {
    double lr, lr_decay, initial_accumulator, eps, weight_decay;
} adagrad_options;

static const ls_opt options[] = {
    {.key = "lr",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(adagrad_options, lr),
     .fallback = "0.01",
     .min = 0,
     .max = 1e6,
     .help = "learning rate"},
    {.key = "lr_decay",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(adagrad_options, lr_decay),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .help = "after t updates the learning rate is divided by 1 + t times this"},
    {.key = "initial_accumulator",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(adagrad_options, initial_accumulator),
     .fallback = "0",
     .min = 0,
     .max = 1e30,
     .help = "what the sum of squared gradients begins with"},
    {.key = "eps",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(adagrad_options, eps),
     .fallback = "1.0e-10",
     .min = 1e-37, /* smaller ones are 0 in float32 */
     .max = 1,
     .help = "added to the denominator"},
    {.key = "weight_decay",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(adagrad_options, weight_decay),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .help = "times the weight is added to its gradient (coupled)"},
    {.kind = LS_OPT_END},
};

static double learning_rate(const void *opts) {
    return ((const adagrad_options *)opts)->lr;
}

typedef struct adagrad_step {
    float lr, initial, eps, decay;
} adagrad_step;
_Static_assert(sizeof(adagrad_step) <= LS_OPTIMIZER_NUMBERS_MAX, "the numbers of a step");

static void prepare(const void *opts, uint64_t step, double lr, void *numbers) {
    const adagrad_options *o = opts;
    *(adagrad_step *)numbers = (adagrad_step){
        .lr = (float)(lr / (1 + (double)(step - 1) * o->lr_decay)),
        .initial = (float)o->initial_accumulator,
        .eps = (float)o->eps,
        .decay = (float)o->weight_decay,
    };
}

LS_SIMD static void loop(size_t n, adagrad_step s, float *restrict w, const float *restrict g,
                         float *restrict sum) {
    for (size_t i = 0; i < n; i++) {
        const float d = g[i] + s.decay * w[i];
        sum[i] = sum[i] + d * d;
        w[i] -= s.lr * d / (__builtin_sqrtf(s.initial + sum[i]) + s.eps);
    }
}

static void update(const void *numbers, size_t n, float *w, const float *g, float *const *slot) {
    loop(n, *(const adagrad_step *)numbers, w, g, slot[0]);
}

const ls_optimizer_type ls_optimizer_adagrad = {
    .row = {"adagrad", "steps by the root of the sum of squared gradients", options,
            sizeof(adagrad_options), "lr"},
    .n_slots = 1,
    .slot_name = {"squares"},
    .learning_rate = learning_rate,
    .prepare = prepare,
    .update = update,
};
