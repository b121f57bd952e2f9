/* A model's plan: names and places of parameters, blocks, the absorbed last layer, the hash; and
 * a forward pass against plain loops. */
#include <math.h>

#include "lockstep/base/hash.h"
#include "lockstep/math/math.h"
#include "lockstep/nn/model.h"
#include "nn_config.h"
#include "numbers.h"

static void slab_layout(void **state) {
    (void)state;
    nn_config config =
        nn_config_of("model: [{dense: 5}, relu, {dense: {units: 16, bias: false}}, {dense: 3}]");
    ls_model *m = nn_model_of(&config, 7);
    static const struct {
        const char *name;
        int rank;
        size_t dim[2], offset, count;
    } want[] = {{"0_dense/weight", 2, {5, 7}, 0, 35},
                {"0_dense/bias", 1, {5, 0}, 48, 5},
                {"2_dense/weight", 2, {16, 5}, 64, 80},
                {"3_dense/weight", 2, {3, 16}, 144, 48},
                {"3_dense/bias", 1, {3, 0}, 192, 3}};
    assert_int_equal(m->n_params, 5);
    for (size_t p = 0; p < 5; p++) {
        assert_string_equal(m->params[p].name, want[p].name);
        assert_int_equal(m->params[p].rank, want[p].rank);
        assert_int_equal(m->params[p].dim[0], want[p].dim[0]);
        if (want[p].rank == 2)
            assert_int_equal(m->params[p].dim[1], want[p].dim[1]);
        assert_int_equal(m->params[p].offset, want[p].offset);
        assert_int_equal(m->params[p].count, want[p].count);
    }
    assert_int_equal(m->n_weights, 35 + 5 + 80 + 48 + 3);
    assert_int_equal(m->slab_floats, 208);
    assert_int_equal(m->in_size, 7);
    assert_int_equal(m->out_size, 3);
    ls_model_destroy(m);
    nn_config_free(&config);
}

/* Floats between parameters are zero before and after the first values. */
static void padding_is_zero(void **state) {
    (void)state;
    nn_config config = nn_config_of(
        "model: [{dense: {units: 3, bias_init: {constant: 1}}}, {dense: {units: 5, bias: false}}]");
    ls_model *m = nn_model_of(&config, 5);
    OK(ls_model_init(m, 1));
    size_t zeros = 0;
    for (size_t i = 0; i < m->slab_floats; i++)
        zeros += m->weights[i] == 0;
    assert_int_equal(zeros, m->slab_floats - m->n_weights);
    ls_model_destroy(m);
    nn_config_free(&config);
}

/* Blocks of at most LS_BLOCK_FLOATS and a padding cover the slab, each in one parameter. */
static void blocks(void **state) {
    (void)state;
    static const int units[] = {1, 4095, 4096, 4097, 9000};
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        char yaml[64];
        (void)snprintf(yaml, sizeof yaml, "model: [{dense: %d}, {dense: 2}]", units[u]);
        nn_config config = nn_config_of(yaml);
        ls_model *m = nn_model_of(&config, 1);
        size_t want = 0, p = 0;
        for (size_t q = 0; q < m->n_params; q++)
            want += (m->params[q].count - 1) / LS_BLOCK_FLOATS + 1;
        assert_int_equal(m->n_blocks, want);
        assert_int_equal(m->block_edge[0], 0);
        assert_int_equal(m->block_edge[m->n_blocks], m->slab_floats);
        for (size_t b = 0; b < m->n_blocks; b++) {
            size_t first = m->block_edge[b], end = m->block_edge[b + 1];
            while (p + 1 < m->n_params && m->params[p + 1].offset <= first)
                p++;
            assert_true(first < end && end - first <= LS_BLOCK_FLOATS + 15);
            assert_int_equal((first - m->params[p].offset) % LS_BLOCK_FLOATS, 0);
            if (p + 1 < m->n_params)
                assert_true(end <= m->params[p + 1].offset);
        }
        ls_model_destroy(m);
        nn_config_free(&config);
    }
}

static void absorption(void **state) {
    (void)state;
    static const struct {
        const char *last, *loss;
        size_t active;
    } examples[] = {{"softmax", "softmax_cross_entropy", 1},
                    {"sigmoid", "binary_cross_entropy", 1},
                    {"softmax", "mse", 2},
                    {"sigmoid", "mse", 2},
                    {"tanh", "mse", 2},
                    {"relu", "huber", 2},
                    {"{dense: 4}", "softmax_cross_entropy", 2},
                    {"{dense: 4}", "poisson_nll", 2}};
    for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
        char yaml[128];
        (void)snprintf(yaml, sizeof yaml, "model: [{dense: 4}, %s]\nloss: %s", examples[e].last,
                       examples[e].loss);
        nn_config config = nn_config_of(yaml);
        ls_model *m = nn_model_of(&config, 3);
        assert_int_equal(m->n_layers, 2);
        assert_int_equal(m->n_active, examples[e].active);
        assert_int_equal(m->out_size, 4);
        ls_model_destroy(m);
        nn_config_free(&config);
    }
}

/* A loss with a link takes any number from the last layer that is run: those that give some only
 * are refused, with what to write instead. Only the last layer is absorbed, not one of its kind
 * before it. */
static void bad_pairings(void **state) {
    (void)state;
    static const struct {
        const char *model, *loss, *says, *hint;
    } examples[] = {
        {"[{dense: 4}, softmax]", "binary_cross_entropy",
         "model.1: softmax gives numbers from 0 to 1, but binary_cross_entropy takes logits",
         "leave softmax out, or write sigmoid in its place, or use loss: softmax_cross_entropy, "
         "which goes with softmax"},
        {"[{dense: 4}, sigmoid]", "softmax_cross_entropy", "model.1: sigmoid gives",
         "leave sigmoid out, or write softmax in its place, or use loss: binary_cross_entropy, "
         "which "
         "goes with sigmoid"},
        {"[{dense: 4}, relu]", "softmax_cross_entropy",
         "model.1: relu gives numbers from 0 on, but",
         "leave relu out, or write softmax in its place"},
        {"[{dense: 4}, relu]", "binary_cross_entropy", "model.1: relu",
         "leave relu out, or write sigmoid in its place"},
        {"[{dense: 4}, tanh]", "softmax_cross_entropy", "model.1: tanh", "leave tanh out"},
        {"[{dense: 4}, softmax, softmax]", "softmax_cross_entropy", "model.1: softmax",
         "leave softmax out: the loss does it by itself"},
        {"[{dense: 4}, softmax]", "poisson_nll",
         "model.1: softmax gives numbers from 0 to 1, but poisson_nll takes the logarithm of the "
         "mean, which can be any number",
         "leave softmax out, or use loss: softmax_cross_entropy"},
        {"[{dense: 4}, relu]", "{negative_binomial_nll: 1}", "model.1: relu", "leave relu out"}};
    const ls_gemm *gemm = NULL;
    OK(ls_gemm_choose(LS_GEMM_AUTO, &gemm));
    for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
        char yaml[128];
        ls_model *m = NULL;
        (void)snprintf(yaml, sizeof yaml, "model: %s\nloss: %s", examples[e].model,
                       examples[e].loss);
        nn_config config = nn_config_of(yaml);
        FAILS(LS_ERR_CONFIG, examples[e].says,
              ls_model_create(&config.model, &config.loss, &(ls_shape){1, {3}}, NULL, gemm, &m));
        assert_non_null(strstr(ls_error_last()->hint, examples[e].hint));
        nn_config_free(&config);
    }
}

static bool has_required_option(const ls_opt_row *row) {
    for (const ls_opt *o = row->options; o != NULL && o->kind != LS_OPT_END; o++)
        if (o->key != NULL && o->fallback == NULL)
            return true;
    return false;
}

/* Every layer without parameters that can not give all numbers says which it gives: seen from what
 * it makes of +-1e6. */
static void ranges(void **state) {
    (void)state;
    static const size_t first[] = {0, 2};
    const ls_pass pass = {.rows = {1, first}};
    for (size_t r = 0; ls_layer_choices.rows[r] != NULL; r++) {
        const ls_layer_type *type = (const ls_layer_type *)ls_layer_choices.rows[r];
        float x[8], y[8];
        char yaml[128], memory[1024];
        if (has_required_option(&type->row))
            continue;
        (void)snprintf(yaml, sizeof yaml, "model: [{dense: 4}, %s]", type->row.name);
        nn_config config = nn_config_of(yaml);
        ls_model *m = nn_model_of(&config, 3);
        for (size_t i = 0; i < 8; i++)
            x[i] = i % 3 == 0 ? -1e6f : 1e6f;
        float least = 0, most = 0;
        if (m->layers[1].n_params == 0) {
            type->forward(&m->layers[1], &pass, &(ls_layer_io){.x = x, .y = y, .state = memory});
            for (size_t i = 0; i < 8; i++) {
                least = y[i] < least ? y[i] : least;
                most = y[i] > most ? y[i] : most;
            }
            if ((type->range == NULL) != (least < -100 && most > 100))
                fail_msg("%s gives %g to %g, range: %s", type->row.name, (double)least,
                         (double)most, type->range != NULL ? type->range : "any");
        }
        ls_model_destroy(m);
        nn_config_free(&config);
    }
}

/* XXH3-128 of the floats 1..6 and 7, 8 in a row (by xxhsum -H2), whatever the padding holds. */
static void hash(void **state) {
    (void)state;
    nn_config config = nn_config_of("model: [{dense: {units: 2, init: {values: [1, 2, 3, 4, 5, "
                                    "6]}, bias_init: {values: [7, 8]}}}]");
    static const float known[] = {1, 2, 3, 4, 5, 6, 7, 8};
    char hex[33], want[33];
    ls_model *m = nn_model_of(&config, 3);
    OK(ls_model_init(m, 1));
    OK(ls_model_hash(m, hex));
    assert_string_equal(hex, "bc607dbcbbf1c24fdc161563a5284856");
    assert_string_equal(hex, ls_print_hash(ls_hash_bytes(known, sizeof known), want));
    m->weights[6] = 99;
    OK(ls_model_hash(m, want));
    assert_string_equal(hex, want);
    m->weights[5] = nextafterf(6, 7);
    OK(ls_model_hash(m, want));
    assert_string_not_equal(hex, want);
    ls_model_destroy(m);
    nn_config_free(&config);
}

/* [dense 4, relu, dense 2] in plain float64: 3 products a sum, so a few 2^-24 of values near 1. */
static void forward(void **state) {
    (void)state;
    nn_config config = nn_config_of("model: [{dense: {units: 4, bias_init: {normal: 1}}}, relu, "
                                    "{dense: {units: 2, bias_init: {constant: 0.25}}}]");
    enum { ROWS = 5 };
    static const size_t first[] = {0, 2, 2, ROWS};
    ls_pass pass = {.rows = {3, first}};
    ls_model *m = nn_model_of(&config, 3);
    ls_activations *a = NULL;
    float x[ROWS * 3];
    fill(x, ROWS * 3, 4);
    OK(ls_model_init(m, 2));
    OK(ls_activations_create(m, 0, m->n_layers, ROWS + 2, 0, &a));
    const float *z = ls_model_forward(m, a, &pass, x), *w = m->weights;
    const ls_param *p = m->params;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t o = 0; o < 2; o++) {
            double sum = (double)w[m->params[3].offset + o];
            for (size_t h = 0; h < 4; h++) {
                double unit = (double)w[m->params[1].offset + h];
                for (size_t i = 0; i < 3; i++)
                    unit += (double)x[r * 3 + i] * (double)w[ls_strips_at(&p[0].strips, h, i)];
                sum += fmax(unit, 0) * (double)w[p[2].offset + ls_strips_at(&p[2].strips, o, h)];
            }
            assert_true(fabs((double)z[r * 2 + o] - sum) < 2e-6);
        }
    ls_activations_destroy(a);
    ls_model_destroy(m);
    nn_config_free(&config);
}

/* A step may stand where no gradient is asked of it, and at the end with a loss that takes outputs
 * as they are. */
static void steps(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *says, *hint; /* NULL: it is a model */
    } cases[] = {
        {"model: [{dense: 3}, threshold]\nloss: {mse: 0.5}", NULL, NULL},
        {"model: [threshold, relu, {dense: 3}]", NULL, NULL},
        {"model: [threshold, {dense: 3}, threshold]", NULL, NULL},
        {"model: [{dense: 2}, threshold, {dense: 3}]",
         "model.1: threshold has no gradient: no layer before it would learn", "sigmoid"},
        {"model: [layer_norm, threshold, relu]", "model.1: threshold has no gradient", "inputs"},
        {"model: [{dense: 3}, threshold]\nloss: softmax_cross_entropy",
         "model.1: threshold gives 0 or 1, but softmax_cross_entropy takes logits", "mse: 0.5"},
        {"model: [relu, {dense: 1}, threshold]\nloss: binary_cross_entropy",
         "model.2: threshold gives 0 or 1", "mse: 0.5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nn_config config = nn_config_of(cases[i].yaml);
        ls_model *m = NULL;
        if (cases[i].says == NULL) {
            m = nn_model_of(&config, 3);
        } else {
            FAILS(
                LS_ERR_CONFIG, cases[i].says,
                ls_model_create(&config.model, &config.loss, &(ls_shape){1, {3}}, NULL, NULL, &m));
            assert_non_null(strstr(ls_error_last()->hint, cases[i].hint));
        }
        ls_model_destroy(m);
        nn_config_free(&config);
    }
}

static void impossible_models(void **state) {
    (void)state;
    nn_config config = nn_config_of("model: []");
    ls_model *m = NULL;
    FAILS(LS_ERR_CONFIG, "no layers",
          ls_model_create(&config.model, &config.loss, &(ls_shape){1, {3}}, NULL, NULL, &m));
    nn_config_free(&config);
    config = nn_config_of("model: [relu, tanh]");
    FAILS(LS_ERR_CONFIG, "no layer has anything to train",
          ls_model_create(&config.model, &config.loss, &(ls_shape){1, {3}}, NULL, NULL, &m));
    nn_config_free(&config);
    config = nn_config_of("model: [relu, {dense: 2}]");
    FAILS(LS_ERR_CONFIG, "model.1: dense takes samples of one dimension, not 2",
          ls_model_create(&config.model, &config.loss, &(ls_shape){2, {3, 3}}, NULL, NULL, &m));
    assert_null(m);
    nn_config_free(&config);
}

/* A dense layer's weights are there once; what is tied to it has a bias of its own. Only weights
 * that are trained need the rows of both. */
static void tied_layout(void **state) {
    (void)state;
    nn_config config = nn_config_of("model: [{residual: {layers: [tanh]}}, {dense: 5}, relu, "
                                    "{tied: 1}, {dense: {units: 2, frozen: true}}, "
                                    "{tied: {to: 4, bias: false}}]");
    ls_model *m = nn_model_of(&config, 7);
    static const char *const name[] = {"1_dense/weight", "1_dense/bias", "3_tied/bias",
                                       "4_dense/weight", "4_dense/bias"};
    double weights = 0;
    assert_int_equal(m->n_params, 5);
    for (size_t p = 0; p < 5; p++)
        assert_string_equal(m->params[p].name, name[p]);
    assert_int_equal(m->params[2].count, 7);
    assert_int_equal(m->n_weights, 35 + 5 + 7 + 14 + 2);
    OK(ls_model_count(&config.model, &(ls_shape){1, {7}}, &weights));
    assert_int_equal((int)weights, 35 + 5 + 7 + 14 + 2);
    assert_int_equal(m->out_size, 7);
    assert_ptr_equal(m->layers[5].partner, &m->layers[3]); /* a block is two layers */
    assert_ptr_equal(m->layers[3].partner, &m->layers[5]);
    assert_ptr_equal(m->layers[0].partner, &m->layers[2]);
    assert_null(m->layers[1].partner);
    assert_int_equal(m->plans[3].state_bytes, 2 * (7 + 5) * sizeof(float));
    assert_int_equal(m->plans[6].state_bytes, 0);
    ls_model_destroy(m);
    nn_config_free(&config);
}

static void bad_ties(void **state) {
    (void)state;
    static const struct {
        const char *model, *says, *hint;
    } examples[] = {
        {"[{tied: 0}, {dense: 3}]", "model.0: it is tied to layer 0, which is none before it",
         "the number of a dense layer before it, counted in its list from 0"},
        {"[{dense: 3}, {tied: 2}, {dense: 3}]", "model.1: it is tied to layer 2", "before it"},
        {"[{dense: 3}, {tied: 99}]", "model.1: it is tied to layer 99", "before it"},
        {"[{dense: 3}, relu, {tied: 1}]", "model.2: it is tied to model.1, a relu layer",
         "the number of a dense layer before it"},
        {"[{residual: {layers: [{dense: 3}]}}, {tied: 0}]",
         "model.1: it is tied to model.0, a residual layer", "dense layer"},
        {"[{dense: 3}, {residual: {layers: [relu, {tied: 0}]}}]",
         "model.1.residual.layers.1: it is tied to model.1.residual.layers.0, a relu layer",
         "dense layer"},
        {"[{dense: 3}, {tied: 0}, {dense: 3}, {tied: 0}]",
         "model.3: it is tied to model.0, and so is model.1",
         "a dense layer shares its weights with one other"},
        {"[{dense: 3}, {tied: 0}, {tied: 1}]", "model.2: it is tied to model.1, a tied layer",
         "dense layer"},
        {"[{dense: 5}, {dense: 4}, {tied: 0}]",
         "model.2: 4 features come in, but model.0, whose weights it uses, makes 5",
         "let the layer before it make 5 features, as `dense: {units: 5}` does"}};
    for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
        char yaml[128];
        ls_model *m = NULL;
        (void)snprintf(yaml, sizeof yaml, "model: %s", examples[e].model);
        nn_config config = nn_config_of(yaml);
        FAILS(LS_ERR_CONFIG, examples[e].says,
              ls_model_create(&config.model, &config.loss, &(ls_shape){1, {3}}, NULL, NULL, &m));
        assert_non_null(strstr(ls_error_last()->hint, examples[e].hint));
        nn_config_free(&config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slab_layout), cmocka_unit_test(padding_is_zero),
        cmocka_unit_test(blocks),      cmocka_unit_test(absorption),
        cmocka_unit_test(hash),        cmocka_unit_test(bad_pairings),
        cmocka_unit_test(ranges),      cmocka_unit_test(forward),
        cmocka_unit_test(steps),       cmocka_unit_test(impossible_models),
        cmocka_unit_test(tied_layout), cmocka_unit_test(bad_ties)};
    if (ls_math_init() != LS_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
