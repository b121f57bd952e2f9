/* Optimisers against their textbook recursions, written here in float64 from the formulas in
 * PyTorch's documentation, one weight at a time. */
#include <math.h>

#include "nn_config.h"
#include "numbers.h"

enum { N = 9001, STEPS = 50 }; /* two whole chunks of 4096 and a part */

/* One weight's state and the parameters of its recursion. */
typedef struct scalar {
    double w, a, b, c;
} scalar;

typedef struct settings {
    double lr, momentum, beta1, beta2, eps, decay, lr_decay, initial;
    bool nesterov, centered;
} settings;

typedef void recursion(const settings *s, int t, double g, scalar *x);

static void sgd(const settings *s, int t, double g, scalar *x) {
    g = g + s->decay * x->w;
    x->a = t == 1 ? g : s->momentum * x->a + g;
    x->w = x->w - s->lr * (s->nesterov ? g + s->momentum * x->a : x->a);
}

static void adagrad(const settings *s, int t, double g, scalar *x) {
    g = g + s->decay * x->w;
    x->a = (t == 1 ? s->initial : x->a) + g * g;
    x->w = x->w - s->lr / (1 + (t - 1) * s->lr_decay) * g / (sqrt(x->a) + s->eps);
}

static void rmsprop(const settings *s, int t, double g, scalar *x) {
    (void)t;
    g = g + s->decay * x->w;
    x->a = s->beta2 * x->a + (1 - s->beta2) * g * g;
    x->b = s->centered ? s->beta2 * x->b + (1 - s->beta2) * g : 0;
    x->c = s->momentum * x->c + g / (sqrt(x->a - x->b * x->b) + s->eps);
    x->w = x->w - s->lr * x->c;
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
    {"sgd",
     "{sgd: {lr: 0.02, momentum: 0.9, nesterov: true, weight_decay: 0.1}}",
     sgd,
     {.lr = 0.02, .momentum = 0.9, .nesterov = true, .decay = 0.1}},
    {"adagrad", "adagrad", adagrad, {.lr = 0.01, .eps = 1e-10}},
    {"adagrad",
     "{adagrad: {lr: 0.05, lr_decay: 0.1, initial_accumulator: 0.3, eps: 1.0e-3, "
     "weight_decay: 0.1}}",
     adagrad,
     {.lr = 0.05, .lr_decay = 0.1, .initial = 0.3, .eps = 1e-3, .decay = 0.1}},
    {"rmsprop", "rmsprop", rmsprop, {.lr = 0.01, .beta2 = 0.99, .eps = 1e-8}},
    {"rmsprop",
     "{rmsprop: {lr: 0.002, alpha: 0.9, eps: 1.0e-3, momentum: 0.8, weight_decay: 0.1}}",
     rmsprop,
     {.lr = 0.002, .beta2 = 0.9, .eps = 1e-3, .momentum = 0.8, .decay = 0.1}},
    {"rmsprop",
     "{rmsprop: {lr: 0.005, centered: true}}",
     rmsprop,
     {.lr = 0.005, .beta2 = 0.99, .eps = 1e-8, .centered = true}},
    {"rmsprop",
     "{rmsprop: {lr: 0.002, alpha: 0.95, momentum: 0.7, centered: true, weight_decay: 0.2}}",
     rmsprop,
     {.lr = 0.002, .beta2 = 0.95, .eps = 1e-8, .momentum = 0.7, .centered = true, .decay = 0.2}},
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
 * adds up to 50 u 2 + 3 * 100 u = 2.4e-5. A wrong formula is off by about 1e-2. The sums of
 * squares of adagrad and rmsprop are of positive numbers, which round by less than 50 u. */
static void check_example(const char *yaml, recursion *step, const settings *s) {
    char text[200];
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
        char text[200];
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

/* Memory and checkpoints hold what the options need, in the order in which update() takes it. */
static void slots_are_those_that_are_needed(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *names;
    } cases[] = {
        {"sgd", ""},
        {"{sgd: {momentum: 0.5}}", "momentum "},
        {"adam", "m v "},
        {"adagrad", "squares "},
        {"rmsprop", "squares "},
        {"{rmsprop: {momentum: 0.5}}", "squares momentum "},
        {"{rmsprop: {centered: true}}", "squares mean "},
        {"{rmsprop: {centered: true, momentum: 0.5}}", "squares mean momentum "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[80], names[80] = "";
        const char *name[LS_OPTIMIZER_SLOTS_MAX];
        (void)snprintf(text, sizeof text, "optimizer: %s", cases[i].yaml);
        nn_config config = nn_config_of(text);
        const size_t n = ls_optimizer_slots(&config.optimizer, name);
        assert_int_equal(ls_optimizer_slots(&config.optimizer, NULL), n);
        for (size_t k = 0, at = 0; k < n; k++)
            at += (size_t)snprintf(names + at, sizeof names - at, "%s ", name[k]);
        assert_string_equal(names, cases[i].names);
        nn_config_free(&config);
    }
}

/* After the first step of the rmsprop that keeps all three; alpha, 0.75, is exact. */
static void slots_hold_what_their_names_say(void **state) {
    (void)state;
    nn_config config =
        nn_config_of("optimizer: {rmsprop: {alpha: 0.75, centered: true, momentum: 0.5}}");
    float *const slots[] = {slot[0], slot[1], slot[2]};
    memset(slot, 0, sizeof slot);
    fill(w, N, 1);
    fill(g, N, 2);
    ls_optimizer_update(&config.optimizer, 1, N, w, g, slots);
    for (size_t i = 0; i < N; i++) {
        assert_true(slot[0][i] == 0.25f * g[i] * g[i]); /* squares, mean, momentum */
        assert_true(slot[1][i] == 0.25f * g[i]);
        const double root = sqrt(0.25 - 0.0625) * fabs((double)g[i]) + 1e-8;
        assert_true(fabs((double)slot[2][i] - (double)g[i] / root) < 1e-5);
    }
    nn_config_free(&config);
}

/* Nesterov's step as textbooks write it, with a look ahead: v = mu v - lr g(x + mu v); x = x + v,
 * for a bowl whose gradient is a (w - c). What lockstep holds is the point looked ahead to. The
 * curvatures go up to 4, so that lr = 0.05 is stable and every weight comes near to its c, 3 at the
 * most: the errors are 50 u 3, which what is still to come shrinks, and 1e-5 allows for them. */
static void nesterov_looks_ahead(void **state) {
    (void)state;
    static double x[N], v[N];
    const double mu = 0.9, lr = 0.05;
    nn_config config = nn_config_of("optimizer: {sgd: {lr: 0.05, momentum: 0.9, nesterov: true}}");
    nn_config plain = nn_config_of("optimizer: {sgd: {lr: 0.05, momentum: 0.9}}");
    static float other[N], other_slot[N];
    float *const slots[] = {slot[0]}, *const other_slots[] = {other_slot};
    double most = 0;
    memset(slot, 0, sizeof slot);
    memset(v, 0, sizeof v);
    memset(other_slot, 0, sizeof other_slot);
    fill(w, N, 1);
    memcpy(other, w, sizeof w);
    for (size_t i = 0; i < N; i++)
        x[i] = (double)w[i];
    for (uint32_t t = 1; t <= STEPS; t++) {
        for (size_t i = 0; i < N; i++) {
            const double a = (double)(i % 9) / 2, c = (double)(i % 7) - 3;
            v[i] = mu * v[i] - lr * (a * (x[i] + mu * v[i] - c));
            x[i] = x[i] + v[i];
            g[i] = (float)(a * ((double)w[i] - c));
        }
        ls_optimizer_update(&config.optimizer, t, N, w, g, slots);
        for (size_t i = 0; i < N; i++)
            g[i] = (float)((double)(i % 9) / 2 * ((double)other[i] - ((double)(i % 7) - 3)));
        ls_optimizer_update(&plain.optimizer, t, N, other, g, other_slots);
    }
    for (size_t i = 0; i < N; i++) {
        const double ahead = x[i] + mu * v[i], off = fabs((double)other[i] - ahead);
        if (!(fabs((double)w[i] - ahead) <= 1e-5))
            fail_msg("weight %zu is %.9g, wanted %.9g", i, (double)w[i], ahead);
        most = off > most ? off : most;
    }
    assert_true(most > 0.1); /* of momentum alone */
    nn_config_free(&config);
    nn_config_free(&plain);
}

static void nesterov_needs_momentum(void **state) {
    (void)state;
    nn_config config = nn_config_of("optimizer: {sgd: {nesterov: true}}");
    FAILS(LS_ERR_CONFIG, "c.yaml: optimizer.sgd.nesterov: there is no momentum",
          ls_optimizer_check(&config.optimizer, "c.yaml"));
    nn_config_free(&config);
    config = nn_config_of("optimizer: {sgd: {nesterov: true, momentum: 0.1}}");
    OK(ls_optimizer_check(&config.optimizer, "c.yaml"));
    nn_config_free(&config);
    config = nn_config_of("optimizer: adam");
    OK(ls_optimizer_check(&config.optimizer, "c.yaml"));
    nn_config_free(&config);
}

/* A gradient that is always the same has no variance; rounding must not make it negative. */
static void a_variance_is_not_negative(void **state) {
    (void)state;
    nn_config config = nn_config_of("optimizer: {rmsprop: {alpha: 0.5, centered: true, eps: 1}}");
    float *const slots[] = {slot[0], slot[1], slot[2]};
    size_t negative = 0;
    memset(slot, 0, sizeof slot);
    fill(w, N, 1);
    fill(g, N, 2);
    for (size_t i = 0; i < N; i++)
        g[i] *= 1.1f; /* so that their squares round */
    for (uint32_t t = 1; t <= STEPS; t++) {
        ls_optimizer_update(&config.optimizer, t, N, w, g, slots);
        for (size_t i = 0; i < N; i++) {
            assert_true(isfinite(w[i]));
            negative += slot[0][i] < slot[1][i] * slot[1][i];
        }
    }
    assert_true(negative > 0);
    nn_config_free(&config);
}

/* The bits of a weight depend on its own numbers: not on threads, nor on where a range that a
 * rank owns begins. */
static void ranges_and_threads_do_not_matter(void **state) {
    (void)state;
    static float one[N], parts[N];
    static const size_t edge[] = {0, 1, 17, 4096, 5000, N};
    for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
        char text[200];
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
                                       cmocka_unit_test(slots_are_those_that_are_needed),
                                       cmocka_unit_test(slots_hold_what_their_names_say),
                                       cmocka_unit_test(nesterov_looks_ahead),
                                       cmocka_unit_test(nesterov_needs_momentum),
                                       cmocka_unit_test(a_variance_is_not_negative),
                                       cmocka_unit_test(ranges_and_threads_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
