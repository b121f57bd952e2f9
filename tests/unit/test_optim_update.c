/* What comes between a gradient and an optimiser's rule, against the same in float64: penalties,
 * clipping, rates, frozen weights, and the rules that look at norms. */
#include "lockstep/optim/update.h"

#include <math.h>

#include "nn_config.h"
#include "numbers.h"

enum { N = 5001, STEPS = 30 };

static float w[N], g[N], slot[LS_OPTIMIZER_SLOTS_MAX][N];

static ls_update_piece piece_of(const ls_update_span *span, size_t first, size_t n) {
    return (ls_update_piece){
        .span = span, .n = n, .w = w + first, .slot = {slot[0] + first, slot[1] + first, NULL}};
}

static ls_update_rule rule_of(const nn_config *config, const ls_update_span *span) {
    return (ls_update_rule){.optimizer = &config->optimizer,
                            .n_slots = ls_optimizer_slots(&config->optimizer, NULL),
                            .clip_value = INFINITY,
                            .clip_norm = INFINITY,
                            .ema = NAN,
                            .accumulate = 1,
                            .n_spans = 1,
                            .span = span};
}

static const ls_update_step first_step = {1, 0.25, 1, 0, NULL};

static void begin(void) {
    memset(slot, 0, sizeof slot);
    fill(w, N, 1);
    fill(g, N, 2);
    w[7] = 0;
}

/* One step of sgd. Three roundings of numbers up to 2: 1e-6 is above them, and any term that is
 * left out is some 1e-2. */
static void penalty_and_clipping(void **state) {
    (void)state;
    static const ls_update_span span = {N, 0.5, 0, true, true};
    nn_config config = nn_config_of("optimizer: sgd");
    ls_update_rule rule = rule_of(&config, &span);
    const ls_update_piece piece = piece_of(&span, 0, N);
    rule.l1 = 0.125;
    rule.l2 = 0.5;
    rule.clip_value = 0.75;
    begin();
    ls_update_now(&rule, &first_step, &piece, 1, 0, g);
    static float before[N];
    fill(before, N, 1);
    before[7] = 0;
    size_t clipped = 0;
    for (size_t i = 0; i < N; i++) {
        const double old = (double)before[i], sign = old > 0 ? 1 : old < 0 ? -1 : 0;
        const double d = (double)g[i] + 0.5 * old + 0.125 * sign;
        const double kept = fmax(-0.75, fmin(0.75, d));
        clipped += kept != d;
        assert_true(fabs((double)w[i] - (old - 0.25 * 0.5 * kept)) < 1e-6);
    }
    assert_in_range(clipped, N / 20, N / 2);
    nn_config_free(&config);
}

static void not_penalised_and_frozen(void **state) {
    (void)state;
    static const ls_update_span biases = {N, 1, 0, false, false}, frozen = {N, 0, 0, true, true};
    static float plain[N], before[N];
    nn_config config = nn_config_of("optimizer: adam");
    ls_update_rule rule = rule_of(&config, &biases);
    ls_update_piece piece = piece_of(&biases, 0, N);
    begin();
    ls_update_now(&rule, &first_step, &piece, 1, 0, g);
    memcpy(plain, w, sizeof w);
    rule.l2 = 1;
    begin();
    memcpy(before, w, sizeof w);
    ls_update_now(&rule, &first_step, &piece, 1, 0, g);
    assert_memory_equal(w, plain, sizeof w);
    piece = piece_of(&frozen, 0, N);
    begin();
    ls_update_now(&rule, &first_step, &piece, 1, 0, g);
    assert_true(ls_update_prepare(&rule, &first_step, &piece, g) == 0);
    ls_update_apply(&rule, &first_step, &piece, 1, g);
    assert_memory_equal(w, before, sizeof w);
    assert_true(slot[0][3] == 0);
    nn_config_free(&config);
}

/* In stretches, and in two parts, it is the same update to the last bit. */
static void parts_do_not_matter(void **state) {
    (void)state;
    static const ls_update_span span = {N, 1, 0, true, true};
    static float whole[N], copy[N];
    nn_config config = nn_config_of("optimizer: {adam: {weight_decay: 0.1}}");
    ls_update_rule rule = rule_of(&config, &span);
    const ls_update_piece piece = piece_of(&span, 0, N), part = piece_of(&span, 10, 40);
    rule.l1 = 0.1;
    rule.clip_value = 0.5;
    begin();
    ls_update_now(&rule, &first_step, &piece, 1, 0, g);
    memcpy(whole, w, sizeof w);
    begin();
    memcpy(copy, g, sizeof g);
    const double squares = ls_update_prepare(&rule, &first_step, &piece, copy);
    ls_update_apply(&rule, &first_step, &piece, 1, copy);
    assert_memory_equal(w, whole, sizeof w);
    double wanted = 0;
    begin();
    for (size_t i = 0; i < N; i++) {
        const double sign = w[i] > 0 ? 1 : w[i] < 0 ? -1 : 0;
        wanted += pow(fmax(-0.5, fmin(0.5, (double)g[i] + 0.1 * sign)), 2);
    }
    assert_true(fabs(squares - wanted) < 1e-5 * wanted); /* N roundings of 6e-8 */
    for (size_t s = 0; s < 3; s++)                       /* rows of 40 floats, 100 apart */
        memcpy(copy + s * 40, g + 10 + s * 100, 40 * sizeof *g);
    ls_update_now(&rule, &first_step, &part, 3, 100, copy);
    for (size_t i = 0; i < N; i++) {
        const bool inside = i >= 10 && i < 310 && (i - 10) % 100 < 40;
        assert_true((w[i] == whole[i]) == inside);
    }
    nn_config_free(&config);
}

/* ---- rules that look at norms ---- */

typedef struct state64 {
    double w[N], a[N], b[N], d[N];
} state64;

static double norm(const double *x) {
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

static void lars64(state64 *s, int t, bool is_matrix) {
    const double lr = 0.5, momentum = 0.8, decay = 0.1, eta = 0.02;
    (void)t;
    const double rate = is_matrix ? eta * norm(s->w) / (norm(s->d) + decay * norm(s->w)) : 1;
    for (size_t i = 0; i < N; i++) {
        s->a[i] = momentum * s->a[i] + lr * rate * (s->d[i] + decay * s->w[i]);
        s->w[i] -= s->a[i];
    }
}

static void lamb64(state64 *s, int t, bool is_matrix) {
    const double lr = 0.01, b1 = 0.9, b2 = 0.99, eps = 1e-6, decay = 0.1;
    for (size_t i = 0; i < N; i++) {
        s->a[i] = b1 * s->a[i] + (1 - b1) * s->d[i];
        s->b[i] = b2 * s->b[i] + (1 - b2) * s->d[i] * s->d[i];
        s->d[i] =
            s->a[i] / (1 - pow(b1, t)) / (sqrt(s->b[i] / (1 - pow(b2, t))) + eps) + decay * s->w[i];
    }
    const double rate = is_matrix ? norm(s->w) / norm(s->d) : 1;
    for (size_t i = 0; i < N; i++)
        s->w[i] -= lr * rate * s->d[i];
}

/* As a run takes them: all norms first. */
static void layerwise_step(const ls_update_rule *rule, const ls_update_span *span, int t) {
    const ls_optimizer_type *type = ls_optimizer_type_of(rule->optimizer);
    const ls_update_step step = {(uint64_t)t, type->learning_rate(rule->optimizer->options), 1, 0,
                                 NULL};
    const ls_update_piece piece = piece_of(span, 0, N);
    double squares[2] = {0, 0};
    (void)ls_update_prepare(rule, &step, &piece, g);
    ls_update_direct(rule, &step, &piece, g, squares);
    const double trust = ls_update_trust(rule, span, sqrt(squares[0]), sqrt(squares[1]));
    ls_update_apply(rule, &step, &piece, trust, g);
}

/* As in test_optim: 30 steps on weights up to 2 in float32 leave less than 2.5e-5. */
static void check_layerwise(const char *yaml, void (*wanted)(state64 *, int, bool)) {
    static state64 s;
    nn_config config = nn_config_of(yaml);
    for (int is_matrix = 0; is_matrix < 2; is_matrix++) {
        const ls_update_span span = {N, 1, 0, true, is_matrix};
        const ls_update_rule rule = rule_of(&config, &span);
        assert_true(ls_update_needs_all(&rule) && ls_update_is_layerwise(&rule));
        begin();
        s = (state64){0};
        for (size_t i = 0; i < N; i++)
            s.w[i] = (double)w[i];
        for (int t = 1; t <= STEPS; t++) {
            fill(g, N, 100 * (uint32_t)t);
            for (size_t i = 0; i < N; i++)
                s.d[i] = (double)g[i];
            wanted(&s, t, is_matrix);
            layerwise_step(&rule, &span, t);
        }
        for (size_t i = 0; i < N; i++)
            if (!(fabs((double)w[i] - s.w[i]) <= 2.5e-5))
                fail_msg("%s: weight %zu is %.9g, wanted %.9g", yaml, i, (double)w[i], s.w[i]);
    }
    nn_config_free(&config);
}

static void lars(void **state) {
    (void)state;
    check_layerwise("optimizer: {lars: {lr: 0.5, momentum: 0.8, weight_decay: 0.1, trust: 0.02}}",
                    lars64);
}

static void lamb(void **state) {
    (void)state;
    check_layerwise("optimizer: {lamb: {lr: 0.01, beta2: 0.99, weight_decay: 0.1}}", lamb64);
}

/* Weights that are 0 have no norm to go by. */
static void no_norm(void **state) {
    (void)state;
    static const ls_update_span span = {N, 1, 0, true, true};
    static const char *const yaml[] = {"optimizer: lars", "optimizer: lamb"};
    for (size_t k = 0; k < 2; k++) {
        nn_config config = nn_config_of(yaml[k]);
        const ls_update_rule rule = rule_of(&config, &span);
        assert_true(ls_update_trust(&rule, &span, 0, 1) == 1);
        assert_true(ls_update_trust(&rule, &span, 1, 0) == 1);
        nn_config_free(&config);
    }
}

static void spans(void **state) {
    (void)state;
    static const ls_update_span span[] = {
        {16, 1, 0, true, true}, {32, 1, 0, false, false}, {4096, 0, 0, true, true}};
    ls_update_rule rule = {.n_spans = 3, .span = span};
    static const struct {
        size_t at, span;
    } cases[] = {{0, 0}, {15, 0}, {16, 1}, {31, 1}, {32, 2}, {4095, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_ptr_equal(ls_update_span_at(&rule, cases[i].at), &span[cases[i].span]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(penalty_and_clipping),
                                       cmocka_unit_test(not_penalised_and_frozen),
                                       cmocka_unit_test(parts_do_not_matter),
                                       cmocka_unit_test(lars),
                                       cmocka_unit_test(lamb),
                                       cmocka_unit_test(no_norm),
                                       cmocka_unit_test(spans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
