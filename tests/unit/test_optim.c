/* Optimisers against their textbook recursions, written here in float64 from the formulas in
 * PyTorch's documentation, one weight at a time. */
#include <math.h>

#include "nn_config.h"
#include "numbers.h"

enum { N = 9001, STEPS = 50 }; /* two whole chunks of 4096 and a part */

/* One weight's state and the parameters of its recursion. */
typedef struct scalar {
    double w, a, b;
} scalar;

typedef struct settings {
    double lr, momentum, beta1, beta2, eps, decay;
} settings;

typedef void recursion(const settings *s, int t, double g, scalar *x);

static void sgd(const settings *s, int t, double g, scalar *x) {
    g = g + s->decay * x->w;
    x->a = t == 1 ? g : s->momentum * x->a + g;
    x->w = x->w - s->lr * x->a;
}

static void adam_core(const settings *s, int t, double g, scalar *x) {
    x->a = s->beta1 * x->a + (1 - s->beta1) * g;
    x->b = s->beta2 * x->b + (1 - s->beta2) * g * g;
    double mean = x->a / (1 - pow(s->beta1, t)), square = x->b / (1 - pow(s->beta2, t));
    x->w = x->w - s->lr * mean / (sqrt(square) + s->eps);
}

static void adam(const settings *s, int t, double g, scalar *x) {
    adam_core(s, t, g + s->decay * x->w, x);
}

static void adamw(const settings *s, int t, double g, scalar *x) {
    x->w = x->w - s->lr * s->decay * x->w;
    adam_core(s, t, g, x);
}

static const struct {
    const char *name, *yaml;
    recursion *step;
    settings settings;
} examples[] = {
    {"sgd", "sgd", sgd, {.lr = 0.01}},
    {"sgd", "{sgd: 0.05}", sgd, {.lr = 0.05}},
    {"sgd",
     "{sgd: {lr: 0.02, momentum: 0.9, weight_decay: 0.1}}",
     sgd,
     {.lr = 0.02, .momentum = 0.9, .decay = 0.1}},
    {"adam", "adam", adam, {.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}},
    {"adam",
     "{adam: {lr: 0.01, beta1: 0.8, beta2: 0.99, eps: 1.0e-3, weight_decay: 0.3}}",
     adam,
     {.lr = 0.01, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-3, .decay = 0.3}},
    {"adamw",
     "adamw",
     adamw,
     {.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .decay = 0.01}},
    {"adamw",
     "{adamw: {lr: 0.01, beta1: 0.8, beta2: 0.99, eps: 1.0e-3, weight_decay: 0.3}}",
     adamw,
     {.lr = 0.01, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-3, .decay = 0.3}},
};

static float w[N], g[N], slot[LS_OPTIMIZER_SLOTS_MAX][N];

/* Runs STEPS steps on w; gradients of step t are fill(t). */
static void run(const ls_choice *optimizer) {
    float *const slots[] = {slot[0], slot[1], slot[2]};
    memset(slot, 0, sizeof slot);
    fill(w, N, 1);
    for (uint32_t t = 1; t <= STEPS; t++) {
        fill(g, N, 1000 * t);
        ls_optimizer_update(optimizer, t, N, w, g, slots);
    }
}

/* With u = 2^-24: a step rounds w (u |w|) and computes a change whose relative error is below
 * 10 u / (1 - beta1) from the running means. Over 50 steps, |w| up to 2 and a way of up to 3 that
 * adds up to 50 u 2 + 3 * 100 u = 2.4e-5. A wrong formula is off by about 1e-2. */
static void check_example(const char *yaml, recursion *step, const settings *s) {
    char text[160];
    (void)snprintf(text, sizeof text, "optimizer: %s", yaml);
    nn_config config = nn_config_of(text);
    static scalar x[N];
    memset(x, 0, sizeof x);
    fill(w, N, 1);
    for (size_t i = 0; i < N; i++)
        x[i].w = (double)w[i];
    for (int t = 1; t <= STEPS; t++) {
        fill(g, N, 1000 * (uint32_t)t);
        for (size_t i = 0; i < N; i++)
            step(s, t, (double)g[i], &x[i]);
    }
    run(&config.optimizer);
    for (size_t i = 0; i < N; i++)
        if (!(fabs((double)w[i] - x[i].w) <= 2.5e-5))
            fail_msg("%s: weight %zu is %.9g, wanted %.9g", yaml, i, (double)w[i], x[i].w);
    nn_config_free(&config);
}

static void recursions(void **state) {
    (void)state;
    for (size_t r = 0; ls_optimizer_choices.rows[r] != NULL; r++) {
        size_t found = 0;
        const ls_choice row = {.row = ls_optimizer_choices.rows[r]};
        if (ls_optimizer_type_of(&row)->trust != NULL)
            continue; /* test_optim_update */
        for (size_t e = 0; e < sizeof examples / sizeof *examples; e++)
            if (strcmp(examples[e].name, ls_optimizer_choices.rows[r]->name) == 0) {
                found++;
                check_example(examples[e].yaml, examples[e].step, &examples[e].settings);
            }
        if (found == 0)
            fail_msg("no recursion for optimiser %s", ls_optimizer_choices.rows[r]->name);
    }
}

/* A checkpoint's slots have names, and lr is the options'. */
static void rows_are_complete(void **state) {
    (void)state;
    for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
        char text[160];
        (void)snprintf(text, sizeof text, "optimizer: %s", examples[e].yaml);
        nn_config config = nn_config_of(text);
        const ls_optimizer_type *type = ls_optimizer_type_of(&config.optimizer);
        assert_string_equal(type->row.name, examples[e].name);
        assert_true(type->learning_rate(config.optimizer.options) == examples[e].settings.lr);
        assert_true(type->n_slots <= LS_OPTIMIZER_SLOTS_MAX);
        for (size_t k = 0; k < type->n_slots; k++)
            assert_non_null(type->slot_name[k]);
        nn_config_free(&config);
    }
}

/* The bits of a weight depend on its own numbers: not on threads, nor on where a range that a
 * rank owns begins. */
static void ranges_and_threads_do_not_matter(void **state) {
    (void)state;
    static float one[N], parts[N];
    static const size_t edge[] = {0, 1, 17, 4096, 5000, N};
    for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
        char text[160];
        (void)snprintf(text, sizeof text, "optimizer: %s", examples[e].yaml);
        nn_config config = nn_config_of(text);
        for (int threads = 1; threads <= 4; threads *= 2) {
            use_threads(threads);
            run(&config.optimizer);
            if (threads == 1)
                memcpy(one, w, sizeof one);
            assert_memory_equal(one, w, sizeof one);
        }
        memset(slot, 0, sizeof slot);
        fill(parts, N, 1);
        for (uint32_t t = 1; t <= STEPS; t++) {
            fill(g, N, 1000 * t);
            for (size_t k = 0; k + 1 < sizeof edge / sizeof *edge; k++) {
                float *const slots[] = {slot[0] + edge[k], slot[1] + edge[k], slot[2] + edge[k]};
                ls_optimizer_update(&config.optimizer, t, edge[k + 1] - edge[k], parts + edge[k],
                                    g + edge[k], slots);
            }
        }
        assert_memory_equal(one, parts, sizeof one);
        nn_config_free(&config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(recursions),
                                       cmocka_unit_test(rows_are_complete),
                                       cmocka_unit_test(ranges_and_threads_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
