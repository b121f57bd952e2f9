/* A model that holds some columns of its input: its first weights, and what the layers before them
 * make of the input, are those of the whole model. */
#include <string.h>

#include "lockstep/nn/init.h"
#include "nn_config.h"
#include "nn_layers.h"
#include "numbers.h"

enum { IN = 303, UNITS = 20, ROWS = 9 };
static const ls_tree_range parts[] = {{0, 1}, {1, 100}, {101, 149}, {250, 53}, {0, IN}};

static ls_model *part_of(const nn_config *config, const ls_tree_range *columns) {
    ls_model *m = NULL;
    const ls_gemm *gemm = NULL;
    OK(ls_gemm_choose(LS_GEMM_AUTO, &gemm));
    OK(ls_model_create(&config->model, &config->loss, &(ls_shape){1, {IN}}, columns, gemm, &m));
    OK(ls_model_init(m, 7));
    return m;
}

/* Of the first layer. */
static const float *weight_at(const ls_model *m, size_t o, size_t i) {
    return m->weights + m->params[0].offset + ls_strips_at(&m->params[0].strips, o, i);
}

/* Every initialiser that there is, one that is told all values among them. */
static void weights_are_slices(void **state) {
    (void)state;
    static char yaml[32 * IN * UNITS], values[16 * IN * UNITS];
    size_t at = 0;
    for (int i = 0; i < IN * UNITS; i++)
        at += (size_t)snprintf(values + at, sizeof values - at, "%d,", i);
    for (const ls_opt_row *const *row = ls_init_choices.rows; *row != NULL; row++) {
        const bool given = strcmp((*row)->name, "values") == 0;
        snprintf(yaml, sizeof yaml,
                 "model: [{dropout: 0.5}, {dense: {units: %d, bias_init: {uniform: 1}, init: {%s: "
                 "%s%s%s}}}, relu, {dense: 2}]",
                 UNITS, (*row)->name, given ? "[" : "", given ? values : "{}", given ? "]" : "");
        nn_config config =
            nn_config_of(strcmp((*row)->name, "constant") == 0
                             ? "model: [{dense: {units: 20, init: {constant: 3}}}, {dense: 2}]"
                             : yaml);
        ls_model *whole = nn_model_of(&config, IN);
        OK(ls_model_init(whole, 7));
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            ls_model *m = part_of(&config, &parts[p]);
            assert_true(m->sharded == &m->params[0]);
            assert_int_equal(m->n_weights, whole->n_weights);
            assert_int_equal(m->in_size, parts[p].count);
            for (size_t o = 0; o < UNITS; o++)
                for (size_t c = 0; c < parts[p].count; c++)
                    assert_true(*weight_at(m, o, c) == *weight_at(whole, o, parts[p].first + c));
            for (size_t k = 1; k < m->n_params; k++) {
                assert_true(m->params[k].offset + m->params[k].count <= m->shared_floats);
                assert_memory_equal(m->weights + m->params[k].offset,
                                    whole->weights + whole->params[k].offset,
                                    m->params[k].count * sizeof(float));
            }
            ls_model_destroy(m);
        }
        ls_model_destroy(whole);
        nn_config_free(&config);
    }
}

/* y[ROWS, columns] of the layer before the dense one, in training. */
static void front_of(const ls_model *m, ls_tree_range columns, float *y) {
    static float x[ROWS * IN];
    static uint8_t state[ROWS * IN];
    static const uint32_t position[ROWS] = {5, 0, 1, 2, 77, 9, 10, 11, 12};
    const size_t first[] = {0, ROWS};
    const ls_layer *l = &m->layers[0];
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < columns.count; c++)
            x[r * columns.count + c] = (float)((columns.first + c) % 31) / 8 - 2;
    ls_pass pass = {
        .rows = {1, first}, .training = true, .seed = 3, .epoch = 4, .position = position};
    ls_layer_io io = {.x = x, .y = y, .state = state};
    assert_true(m->plans[0].state_bytes <= columns.count);
    l->type->forward(l, &pass, &io);
}

/* Each layer that can stand there. */
static void fronts_are_slices(void **state) {
    (void)state;
    static float whole[ROWS * IN], some[ROWS * IN];
    size_t apart = 0;
    for (size_t e = 0; e < LAYER_EXAMPLES; e++) {
        char yaml[128];
        (void)snprintf(yaml, sizeof yaml, "model: [%s, {dense: 20}]", layer_examples[e].yaml);
        nn_config config = nn_config_of(yaml);
        const ls_layer_type *type = (const ls_layer_type *)config.model.items[0].row;
        const bool can = type->columns == LS_COLUMNS_APART;
        ls_model *m = can ? nn_model_of(&config, IN) : NULL;
        if (can)
            front_of(m, (ls_tree_range){0, IN}, whole);
        ls_model_destroy(m);
        for (size_t p = 0; can && p < sizeof parts / sizeof *parts; p++) {
            const size_t n = parts[p].count;
            m = part_of(&config, &parts[p]);
            front_of(m, parts[p], some);
            for (size_t r = 0; r < ROWS; r++)
                if (memcmp(some + r * n, whole + r * IN + parts[p].first, n * sizeof *some) != 0)
                    fail_msg("%s: columns from %zu on", layer_examples[e].yaml, parts[p].first);
            ls_model_destroy(m);
        }
        apart += can;
        nn_config_free(&config);
    }
    assert_true(apart > 10);
}

static void which_models(void **state) {
    (void)state;
    static const struct {
        const char *yaml;
        bool can;
    } cases[] = {
        {"model: [{dense: 3}]", true},
        {"model: [{dropout: 0.1}, relu, tanh, sigmoid, {dense: 3}, softmax]", true},
        {"model: [softmax, {dense: 3}]", false},
        {"model: [{dropout: 0.1}, softmax, {dense: 3}]", false},
        {"model: [layer_norm, {dense: 3}]", false},
        {"model: [{gaussian_noise: 0.1}, {multiplicative_noise: 0.1}, threshold, {dense: 3}]",
         true},
        {"model: [relu]", false},
        {"model: [{dense: 3}, relu, {tied: 0}]", false},
        {"model: [tanh, {dense: 3}, {residual: {layers: [{dense: 3}, {tied: 0}]}}, {tied: 1}]",
         false},
        {"model: [{dense: 3}, {dense: 4}, {tied: 1}]", true},
        {"model: [{dense: 3}, {residual: {layers: [{dense: 3}, {tied: 0}]}}]", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nn_config config = nn_config_of(cases[i].yaml);
        assert_int_equal(ls_model_can_shard(&config.model), cases[i].can);
        assert_int_equal(ls_model_why_whole(&config.model) == NULL, cases[i].can);
        nn_config_free(&config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_slices),
        cmocka_unit_test(fronts_are_slices),
        cmocka_unit_test(which_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
