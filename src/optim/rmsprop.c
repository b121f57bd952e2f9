/* rmsprop (Tieleman and Hinton 2012; centered: Graves 2013), as PyTorch defines it:
 * g' = g + weight_decay w;  v = alpha v + (1 - alpha) g'^2;  d = g' / (sqrt(v) + eps);
 * w = w - lr d, or with momentum b = momentum b + d;  w = w - lr b.
 * centered: m = alpha m + (1 - alpha) g', and v - m^2 in place of v under the root. It is a
 * variance; where rounding makes it negative, 0 is taken. */
#include "lockstep/math/vector.h"
#include "optimizers.h"

typedef struct rmsprop_options {
    double lr, alpha, eps, momentum, weight_decay;
    bool centered;
} rmsprop_options;

static const ls_opt options[] = {
    {.key = "lr",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(rmsprop_options, lr),
     .fallback = "0.01",
     .min = 0,
     .max = 1e6,
     .help = "learning rate"},
    {.key = "alpha",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(rmsprop_options, alpha),
     .fallback = "0.99",
     .min = 0,
     .max = 1,
     .flags = LS_OPT_BELOW_MAX,
     .help = "decay of the mean of squared gradients"},
    {.key = "eps",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(rmsprop_options, eps),
     .fallback = "1.0e-8",
     .min = 1e-37, /* smaller ones are 0 in float32 */
     .max = 1,
     .help = "added to the denominator"},
    {.key = "momentum",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(rmsprop_options, momentum),
     .fallback = "0",
     .min = 0,
     .max = 1,
     .flags = LS_OPT_BELOW_MAX,
     .help = "share of the last step that is kept"},
    {.key = "centered",
     .kind = LS_OPT_BOOL,
     .offset = offsetof(rmsprop_options, centered),
     .fallback = "false",
     .help = "steps by the root of the gradient's variance, not of its mean square"},
    {.key = "weight_decay",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(rmsprop_options, weight_decay),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .help = "times the weight is added to its gradient (coupled)"},
    {.kind = LS_OPT_END},
};

enum { SQUARES, MEAN, MOMENTUM, SLOTS };

static unsigned needs(const void *opts) {
    const rmsprop_options *o = opts;
    return 1u << SQUARES | (o->centered ? 1u << MEAN : 0u) |
           (o->momentum > 0 ? 1u << MOMENTUM : 0u);
}

static double learning_rate(const void *opts) {
    return ((const rmsprop_options *)opts)->lr;
}

typedef struct rmsprop_step {
    float lr, alpha, rest, eps, momentum, decay;
    bool centered;
} rmsprop_step;
_Static_assert(sizeof(rmsprop_step) <= LS_OPTIMIZER_NUMBERS_MAX, "the numbers of a step");

static void prepare(const void *opts, uint64_t step, double lr, void *numbers) {
    const rmsprop_options *o = opts;
    (void)step;
    *(rmsprop_step *)numbers = (rmsprop_step){
        .lr = (float)lr,
        .alpha = (float)o->alpha,
        .rest = (float)(1 - o->alpha),
        .eps = (float)o->eps,
        .momentum = (float)o->momentum,
        .decay = (float)o->weight_decay,
        .centered = o->centered,
    };
}

/* One weight's running means move on; gives its direction. */
static inline float scaled(const rmsprop_step *s, float d, float *square) {
    *square = s->alpha * *square + s->rest * d * d;
    return d / (__builtin_sqrtf(*square) + s->eps);
}

static inline float centered(const rmsprop_step *s, float d, float *square, float *mean) {
    *square = s->alpha * *square + s->rest * d * d;
    *mean = s->alpha * *mean + s->rest * d;
    const float variance = *square - *mean * *mean;
    return d / (__builtin_sqrtf(variance > 0.0f ? variance : 0.0f) + s->eps);
}

LS_SIMD static void plain_loop(size_t n, rmsprop_step s, float *restrict w, const float *restrict g,
                               float *restrict v) {
    for (size_t i = 0; i < n; i++)
        w[i] -= s.lr * scaled(&s, g[i] + s.decay * w[i], &v[i]);
}

LS_SIMD static void momentum_loop(size_t n, rmsprop_step s, float *restrict w,
                                  const float *restrict g, float *restrict v, float *restrict b) {
    for (size_t i = 0; i < n; i++) {
        b[i] = s.momentum * b[i] + scaled(&s, g[i] + s.decay * w[i], &v[i]);
        w[i] -= s.lr * b[i];
    }
}

LS_SIMD static void centered_loop(size_t n, rmsprop_step s, float *restrict w,
                                  const float *restrict g, float *restrict v, float *restrict m) {
    for (size_t i = 0; i < n; i++)
        w[i] -= s.lr * centered(&s, g[i] + s.decay * w[i], &v[i], &m[i]);
}

LS_SIMD static void whole_loop(size_t n, rmsprop_step s, float *restrict w, const float *restrict g,
                               float *restrict v, float *restrict m, float *restrict b) {
    for (size_t i = 0; i < n; i++) {
        b[i] = s.momentum * b[i] + centered(&s, g[i] + s.decay * w[i], &v[i], &m[i]);
        w[i] -= s.lr * b[i];
    }
}

static void update(const void *numbers, size_t n, float *w, const float *g, float *const *slot) {
    const rmsprop_step *s = numbers;
    if (s->centered && s->momentum > 0.0f)
        whole_loop(n, *s, w, g, slot[0], slot[1], slot[2]);
    else if (s->centered)
        centered_loop(n, *s, w, g, slot[0], slot[1]);
    else if (s->momentum > 0.0f)
        momentum_loop(n, *s, w, g, slot[0], slot[1]);
    else
        plain_loop(n, *s, w, g, slot[0]);
}

const ls_optimizer_type ls_optimizer_rmsprop = {
    .row = {"rmsprop", "steps by the root of the mean of squared gradients", options,
            sizeof(rmsprop_options), "lr"},
    .n_slots = SLOTS,
    .slot_name = {[SQUARES] = "squares", [MEAN] = "mean", [MOMENTUM] = "momentum"},
    .needs = needs,
    .learning_rate = learning_rate,
    .prepare = prepare,
    .update = update,
};
