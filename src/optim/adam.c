/* adam and adamw (Kingma and Ba 2015; Loshchilov and Hutter 2019), as PyTorch defines them:
 * m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
 * w = w - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps).
 * adam adds weight_decay w to g first (coupled); adamw scales w by 1 - lr weight_decay first
 * (decoupled). */
#include <math.h>

#include "lockstep/math/vector.h"
#include "optimizers.h"

typedef struct adam_options {
    double lr, beta1, beta2, eps, weight_decay;
} adam_options;

/* The two differ in the meaning and the default of weight_decay only. */
#define ADAM_TABLE(decay_default, decay_help)                                                      \
    {                                                                                              \
        {.key = "lr",                                                                              \
         .kind = LS_OPT_FLOAT,                                                                     \
         .offset = offsetof(adam_options, lr),                                                     \
         .fallback = "0.001",                                                                      \
         .min = 0,                                                                                 \
         .max = 1e6,                                                                               \
         .help = "learning rate"},                                                                 \
            {.key = "beta1",                                                                       \
             .kind = LS_OPT_FLOAT,                                                                 \
             .offset = offsetof(adam_options, beta1),                                              \
             .fallback = "0.9",                                                                    \
             .min = 0,                                                                             \
             .max = 1,                                                                             \
             .flags = LS_OPT_BELOW_MAX,                                                            \
             .help = "decay of the mean of gradients"},                                            \
            {.key = "beta2",                                                                       \
             .kind = LS_OPT_FLOAT,                                                                 \
             .offset = offsetof(adam_options, beta2),                                              \
             .fallback = "0.999",                                                                  \
             .min = 0,                                                                             \
             .max = 1,                                                                             \
             .flags = LS_OPT_BELOW_MAX,                                                            \
             .help = "decay of the mean of squared gradients"},                                    \
            {.key = "eps",                                                                         \
             .kind = LS_OPT_FLOAT,                                                                 \
             .offset = offsetof(adam_options, eps),                                                \
             .fallback = "1.0e-8",                                                                 \
             .min = 1e-37, /* smaller ones are 0 in float32 */                                     \
             .max = 1,                                                                             \
             .help = "added to the denominator"},                                                  \
            {.key = "weight_decay",                                                                \
             .kind = LS_OPT_FLOAT,                                                                 \
             .offset = offsetof(adam_options, weight_decay),                                       \
             .fallback = decay_default,                                                            \
             .min = 0,                                                                             \
             .max = 1e6,                                                                           \
             .help = decay_help},                                                                  \
            {.kind = LS_OPT_END},                                                                  \
    }

static const ls_opt adam_table[] =
    ADAM_TABLE("0", "times the weight is added to its gradient (coupled)");
static const ls_opt adamw_table[] =
    ADAM_TABLE("0.01", "times the learning rate is the share that a weight loses (decoupled)");

/* The numbers of one step, in the form that the loop uses. */
typedef struct adam_step {
    float beta1, rest1, beta2, rest2, size, root2, eps, coupled, keep;
} adam_step;
_Static_assert(sizeof(adam_step) <= LS_OPTIMIZER_NUMBERS_MAX, "the numbers of a step");

static double learning_rate(const void *opts) {
    return ((const adam_options *)opts)->lr;
}

static adam_step plain_step(const adam_options *o, uint64_t step, double lr) {
    double t = (double)step;
    return (adam_step){
        .beta1 = (float)o->beta1,
        .rest1 = (float)(1 - o->beta1),
        .beta2 = (float)o->beta2,
        .rest2 = (float)(1 - o->beta2),
        .size = (float)(lr / (1 - pow(o->beta1, t))),
        .root2 = (float)sqrt(1 - pow(o->beta2, t)),
        .eps = (float)o->eps,
        .coupled = 0,
        .keep = 1,
    };
}

static void prepare_adam(const void *opts, uint64_t step, double lr, void *numbers) {
    const adam_options *o = opts;
    adam_step *s = numbers;
    *s = plain_step(o, step, lr);
    s->coupled = (float)o->weight_decay;
}

static void prepare_adamw(const void *opts, uint64_t step, double lr, void *numbers) {
    const adam_options *o = opts;
    adam_step *s = numbers;
    *s = plain_step(o, step, lr);
    s->keep = (float)(1 - lr * o->weight_decay);
}

LS_SIMD static void loop(size_t n, adam_step s, float *restrict w, const float *restrict gradient,
                         float *restrict m, float *restrict v) {
    for (size_t i = 0; i < n; i++) {
        float g = gradient[i] + s.coupled * w[i];
        m[i] = s.beta1 * m[i] + s.rest1 * g;
        v[i] = s.beta2 * v[i] + s.rest2 * g * g;
        w[i] = s.keep * w[i] - s.size * m[i] / (__builtin_sqrtf(v[i]) / s.root2 + s.eps);
    }
}

static void update(const void *numbers, size_t n, float *w, const float *g, float *const *slot) {
    loop(n, *(const adam_step *)numbers, w, g, slot[0], slot[1]);
}

const ls_optimizer_type ls_optimizer_adam = {
    .row = {"adam", "adaptive moments", adam_table, sizeof(adam_options), "lr"},
    .n_slots = 2,
    .slot_name = {"m", "v"},
    .learning_rate = learning_rate,
    .prepare = prepare_adam,
    .update = update,
};

const ls_optimizer_type ls_optimizer_adamw = {
    .row = {"adamw", "adaptive moments with decoupled weight decay", adamw_table,
            sizeof(adam_options), "lr"},
    .n_slots = 2,
    .slot_name = {"m", "v"},
    .learning_rate = learning_rate,
    .prepare = prepare_adamw,
    .update = update,
};
