/* A pass while somebody else works on the weights: it waits for all of them before it reads them,
 * tells of every gradient once, and has the bits of a pass alone. */
#include <math.h>

#include "lockstep/math/math.h"
#include "nn_config.h"
#include "numbers.h"

enum { LANES = 4, ROWS = 9, IN = 7 };

/* Uneven lanes, one of them empty. */
static const size_t first_row[LANES + 1] = {0, 3, 3, 8, 9};
static const uint32_t position[ROWS] = {0, 1, 2, 8, 9, 10, 11, 12, 20};
static const int32_t label[ROWS] = {0, 1, 1, 0, 1, 0, 0, 1, 1};

static void *room(size_t count, size_t size) {
    void *p = NULL;
    OK(ls_alloc(count, size, "test", &p));
    return p;
}

/* Somebody who works on the slabs at the same time: has what he was waited for, and one panel of
 * each three beside. */
typedef struct other {
    float *weights;
    const float *given; /* what the weights are where they are there */
    size_t floats, waits;
    uint8_t *has, *done; /* [floats] */
} other;

static void give(other *o, ls_tree_range range) {
    for (size_t i = range.first; i < range.first + range.count; i++) {
        o->has[i] = 1;
        o->weights[i] = o->given[i];
    }
}

static bool has_floats(void *context, ls_tree_range range) {
    other *o = context;
    if (range.first / 1000 % 3 == 1)
        give(o, range);
    return o->has[range.first] != 0;
}

static void need_floats(void *context, ls_tree_range range) {
    other *o = context;
    o->waits += o->has[range.first] == 0;
    give(o, range);
}

static void done_floats(void *context, ls_tree_range range) {
    other *o = context;
    for (size_t i = range.first; i < range.first + range.count; i++)
        o->done[i]++;
}

static void no_work(void *context) {
    (void)context;
}

/* Forward, loss and backward: the gradient, in a slab that the caller frees. */
static float *gradient_of(const nn_config *config, ls_model *m, const ls_overlap *overlap) {
    double row[ROWS];
    ls_loss_sum lane[LANES];
    float x[ROWS * IN], *gradient = room(m->slab_floats, sizeof *gradient);
    ls_activations *a = NULL;
    ls_lanes lanes;
    OK(ls_lanes_create(LANES, (ls_tree_range){0, LANES}, &lanes));
    OK(ls_activations_create(m, 0, m->n_layers, ROWS, LANES, &a));
    const ls_pass pass = {.rows = {LANES, first_row},
                          .training = true,
                          .position = position,
                          .lanes = &lanes,
                          .overlap = overlap};
    fill(x, ROWS * IN, 6);
    const float *z = ls_model_forward(m, a, &pass, x);
    ls_loss_evaluate(&config->loss, &pass.rows, m->out_size, z, &(ls_targets){.label = label},
                     a->logits_gradient, row, lane);
    ls_model_backward(m, a, &pass, x, &(ls_gradients){.root = &gradient});
    ls_activations_destroy(a);
    ls_lanes_free(&lanes);
    return gradient;
}

static void beside_others(const char *model) {
    char yaml[256];
    (void)snprintf(yaml, sizeof yaml, "model: %s\nloss: softmax_cross_entropy", model);
    nn_config config = nn_config_of(yaml);
    ls_model *m = nn_model_of(&config, IN);
    const size_t n = m->slab_floats;
    OK(ls_model_init(m, 5));
    float *weights = room(n, sizeof *weights), *alone = gradient_of(&config, m, NULL);
    memcpy(weights, m->weights, n * sizeof *weights);
    for (size_t i = 0; i < n; i++)
        m->weights[i] = NAN; /* not there yet */
    other o = {m->weights, weights, n, 0, room(n, 1), room(n, 1)};
    const ls_overlap overlap = {.has = has_floats,
                                .need = need_floats,
                                .done = done_floats,
                                .context = &o,
                                .panel = 1,
                                .last = n / 3,
                                .between = {no_work, NULL}};
    float *beside = gradient_of(&config, m, &overlap);
    assert_memory_equal(beside, alone, n * sizeof *alone);
    assert_true(o.waits > m->n_params); /* for panels, not for parameters */
    for (size_t p = 0; p < m->n_params; p++)
        for (size_t i = 0; i < m->params[p].count; i++)
            assert_int_equal(o.done[m->params[p].offset + i], 1);
    ls_free(alone);
    ls_free(beside);
    ls_free(weights);
    ls_free(o.has);
    ls_free(o.done);
    ls_model_destroy(m);
    nn_config_free(&config);
}

static void panels(void **state) {
    (void)state;
    beside_others("[layer_norm, {dense: 1000}, tanh, {dense: 600}, layer_norm, relu, {dense: 4}]");
}

/* Weights that two layers use are told of once, when both have given their part. */
static void shared_panels(void **state) {
    (void)state;
    beside_others("[{dense: 900}, tanh, {dense: 300}, relu, {tied: 2}, {tied: {to: 0, bias: false}}"
                  ", {dense: 4}]");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(panels), cmocka_unit_test(shared_panels)};
    if (ls_math_init() != LS_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
