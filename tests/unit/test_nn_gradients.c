/* Gradients of every layer and every loss against differences of their values.
 *
 * The tables of layers and losses are walked: one that has no example here fails the test.
 *
 * A derivative is the five-point difference (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h, whose
 * own error is h^4 f''''' / 30. The objective is accumulated in float64 from float32 outputs;
 * inputs are multiples of 2^-8 and h is a power of two, so that x + h is exact. */
#include <math.h>

#include "lockstep/math/math.h"
#include "nn_config.h"
#include "nn_layers.h"
#include "numbers.h"

enum { LANES = 4, ROWS = 9, IN = 7 };

/* Uneven lanes, one of them empty. */
static const size_t first_row[LANES + 1] = {0, 3, 3, 8, 9};
static const uint32_t position[ROWS] = {0, 1, 2, 8, 9, 10, 11, 12, 20};

typedef double objective(void *context);

/* df/d(*x) of an objective that reads *x. */
static double derivative(objective *f, void *context, float *x, float h) {
    float at = *x;
    double value[5];
    for (int k = -2; k <= 2; k++) {
        *x = at + (float)k * h;
        value[k + 2] = k == 0 ? 0 : f(context);
    }
    *x = at;
    return (8 * (value[3] - value[1]) - (value[4] - value[0])) / (12 * (double)h);
}

/* Multiples of 2^-8 with 1/4 <= |x| < 5/4: no step of 2h crosses a kink at 0. */
static void fill_off_kinks(float *x, size_t n, uint32_t seed) {
    for (size_t i = 0; i < n; i++) {
        float v = floorf(draw(&seed) * 256.0f) / 256.0f;
        x[i] = v < 0 ? v - 0.25f : v + 0.25f;
    }
}

static void *room(size_t count, size_t size) {
    void *p = NULL;
    OK(ls_alloc(count, size, "test", &p));
    return p;
}

/* A layer, its arrays, and the objective sum(c y) with float64 sums. */
typedef struct layer_check {
    const ls_layer *layer;
    ls_pass pass;
    ls_gradients gradients;
    ls_layer_io io;
    float *x, *weights, *gradient, *c, *dx;
} layer_check;

static double layer_objective(void *context) {
    layer_check *k = context;
    double sum = 0;
    k->layer->type->forward(k->layer, &k->pass, &k->io);
    for (size_t i = 0; i < ROWS * k->layer->out_size; i++)
        sum += (double)k->c[i] * (double)k->io.y[i];
    return sum;
}

/* The gradient g of x[0..n) against differences. With h = 2^-4 their own error is at most
 * 2^-16 / 30 * 16 = 8e-6 for tanh, whose fifth derivative reaches 16, and less for the others
 * (gelu's reaches 5);
 * roundings of y (2^-24 |y|, |y| up to 8) give 1.5 |y| 2^-24 / h = 1e-5; |c| is at most 5/4. */
static void check_gradient(const char *what, objective *f, void *context, float *x, const float *g,
                           size_t n) {
    for (size_t i = 0; i < n; i++) {
        double want = derivative(f, context, &x[i], 0x1p-4f);
        if (!(fabs((double)g[i] - want) <= 3e-5))
            fail_msg("%s[%zu]: gradient %.9g, difference %.9g", what, i, (double)g[i], want);
    }
}

/* What has no gradient hands on the output's. */
static void check_step(const layer_check *k) {
    assert_int_equal(k->layer->n_params, 0);
    assert_memory_equal(k->dx, k->c, ROWS * k->layer->in_size * sizeof(float));
}

/* Puts a tile where a gradient that is stored would have it. */
static void put_tile(void *context, size_t offset, const ls_tile *t) {
    float *slab = context;
    for (size_t r = 0; r < t->count; r++)
        memcpy(slab + offset + t->first + r * t->stride, t->tile + r * t->floats,
               t->floats * sizeof *slab);
}

/* Gradients of matrices that are handed out tile by tile are those that are stored, bit by bit; the
 * others are stored. */
static void check_tiles(layer_check *k, const ls_model *m) {
    float *other = room(m->slab_floats, sizeof(float)), *root = room(m->slab_floats, sizeof(float));
    const ls_layer *l = k->layer;
    k->gradients = (ls_gradients){&root, put_tile, other};
    l->type->backward(l, &k->pass, &k->io);
    for (size_t p = 0; p < m->n_params; p++)
        for (size_t q = 0; q < l->n_params; q++)
            if (m->params[p].offset == l->offset[q] && m->params[p].lr_scale > 0)
                assert_memory_equal((m->params[p].rank == 2 ? other : root) + l->offset[q],
                                    k->gradient + l->offset[q], m->params[p].count * sizeof(float));
    ls_free(other);
    ls_free(root);
}

/* What running statistics of batch_norm move to, times the rows: over lanes of more than one row
 * the sums of x, or of squared distances from the lane's mean by rows - 1, times the rows. Seven
 * sums of numbers up to 1.5, or of squares up to 2.3, in float32: 1e-5. */
static void check_running(const layer_check *k, const ls_param *param, const float *g) {
    const size_t n = k->layer->out_size;
    const bool of_squares = strstr(param->name, "variance") != NULL;
    for (size_t j = 0; j < n; j++) {
        double want = 0;
        for (size_t s = 0; s < LANES; s++) {
            const size_t first = first_row[s], end = first_row[s + 1];
            const double rows = (double)(end - first);
            double mean = 0, squares = 0;
            for (size_t r = first; r < end; r++)
                mean += (double)k->x[r * n + j] / rows;
            for (size_t r = first; r < end; r++)
                squares += pow((double)k->x[r * n + j] - mean, 2);
            want += !of_squares ? rows * mean : rows > 1 ? squares * rows / (rows - 1) : 0;
        }
        if (!(fabs((double)g[j] - want) <= 1e-5))
            fail_msg("%s[%zu]: sum %.9g, wanted %.9g", param->name, j, (double)g[j], want);
    }
}

static void check_param(layer_check *k, const ls_param *param) {
    float *w = k->weights + param->offset, *g = k->gradient + param->offset;
    if (param->running > 0 && param->lr_scale > 0)
        check_running(k, param, g);
    else if (param->lr_scale > 0)
        check_gradient(param->name, layer_objective, k, w, g, param->count);
}

static ls_pass pass_of(const ls_lanes *lanes) {
    return (ls_pass){.rows = {LANES, first_row},
                     .training = true,
                     .seed = 3,
                     .epoch = 1,
                     .position = position,
                     .lanes = lanes};
}

static void check_layer(const ls_model *m, size_t index) {
    ls_lanes lanes;
    layer_check k = {.layer = &m->layers[index]};
    const ls_layer *l = k.layer;
    OK(ls_lanes_create(LANES, (ls_tree_range){0, LANES}, &lanes));
    k.pass = pass_of(&lanes);
    k.x = room(ROWS * l->in_size, sizeof(float));
    k.dx = room(ROWS * l->in_size, sizeof(float));
    k.c = room(ROWS * l->out_size, sizeof(float));
    k.weights = room(m->slab_floats, sizeof(float));
    k.gradient = room(m->slab_floats, sizeof(float));
    k.io = (ls_layer_io){.weights = k.weights,
                         .x = k.x,
                         .y = room(ROWS * l->out_size, sizeof(float)),
                         .state = room(ROWS * m->plans[index].state_bytes, 1),
                         .dy = k.c,
                         .dx = k.dx,
                         .gradients = &k.gradients};
    if (l->type->room != NULL)
        k.io.room = room(l->type->room(l, ROWS, LANES), 1);
    k.gradients.root = &k.gradient;
    fill_off_kinks(k.x, ROWS * l->in_size, 1);
    fill_off_kinks(k.c, ROWS * l->out_size, 2);
    fill_off_kinks(k.weights, m->slab_floats, 3);
    for (size_t p = 0; p < m->n_params; p++) /* a variance is positive */
        for (size_t i = 0; m->params[p].running > 0 && i < m->params[p].count; i++)
            k.weights[m->params[p].offset + i] = fabsf(k.weights[m->params[p].offset + i]);
    for (size_t i = 0; i < m->slab_floats; i++)
        k.gradient[i] = NAN; /* it is written, not added to */
    (void)layer_objective(&k);
    l->type->backward(l, &k.pass, &k.io);
    if (l->type->is_step)
        check_step(&k);
    else
        check_gradient(l->type->row.name, layer_objective, &k, k.x, k.dx, ROWS * l->in_size);
    for (size_t p = 0; p < m->n_params; p++)
        for (size_t q = 0; q < l->n_params; q++)
            if (m->params[p].offset == l->offset[q])
                check_param(&k, &m->params[p]);
    k.io.dx = NULL; /* not wanted */
    l->type->backward(l, &k.pass, &k.io);
    check_tiles(&k, m);
    ls_free(k.io.y);
    ls_free(k.io.state);
    ls_free(k.io.room);
    ls_free(k.x);
    ls_free(k.dx);
    ls_free(k.c);
    ls_free(k.weights);
    ls_free(k.gradient);
    ls_lanes_free(&lanes);
}

static void every_layer(void **state) {
    (void)state;
    for (size_t r = 0; ls_layer_choices.rows[r] != NULL; r++) {
        size_t found = 0;
        for (size_t e = 0; e < LAYER_EXAMPLES; e++) {
            char yaml[128];
            if (strcmp(layer_examples[e].name, ls_layer_choices.rows[r]->name) != 0)
                continue;
            found++;
            (void)snprintf(yaml, sizeof yaml, "model: [{dense: %d}, %s]", IN,
                           layer_examples[e].yaml);
            nn_config config = nn_config_of(yaml);
            ls_model *m = nn_model_of(&config, 2);
            assert_ptr_equal(m->layers[1].type, ls_layer_choices.rows[r]);
            check_layer(m, 1);
            ls_model_destroy(m);
            nn_config_free(&config);
        }
        if (found == 0)
            fail_msg("no example for layer %s", ls_layer_choices.rows[r]->name);
    }
}

/* Examples for each loss: with labels and with values where it takes them. */
static const struct {
    const char *name, *yaml;
    size_t outputs;
    bool labels;
} loss_examples[] = {
    {"softmax_cross_entropy", "softmax_cross_entropy", 5, true},
    {"softmax_cross_entropy", "softmax_cross_entropy", 2, true},
    {"softmax_cross_entropy", "{softmax_cross_entropy: {label_smoothing: 0.25}}", 4, true},
    {"binary_cross_entropy", "binary_cross_entropy", 1, true},
    {"binary_cross_entropy", "binary_cross_entropy", 3, false},
    {"mse", "mse", 3, false},
    {"mse", "{mse: {scale: 0.5}}", 1, false},
    {"mae", "mae", 3, false},
    {"huber", "huber", 2, false},
    {"huber", "{huber: {delta: 0.25}}", 3, false},
    {"poisson_nll", "poisson_nll", 3, false},
    {"negative_binomial_nll", "{negative_binomial_nll: {dispersion: 0.5}}", 3, false},
    {"negative_binomial_nll", "{negative_binomial_nll: {dispersion: 4}}", 1, false},
};

enum { OUT_MAX = 5 };

typedef struct loss_check {
    const ls_choice *loss;
    size_t n;
    ls_targets targets;
    float z[ROWS * OUT_MAX], dz[ROWS * OUT_MAX];
    double row[ROWS];
    ls_loss_sum lane[LANES];
} loss_check;

static double loss_objective(void *context) {
    loss_check *k = context;
    const ls_segments rows = {LANES, first_row};
    double loss = 0, weight = 0;
    ls_loss_evaluate(k->loss, &rows, k->n, k->z, &k->targets, NULL, k->row, k->lane);
    for (size_t l = 0; l < LANES; l++) {
        loss += k->lane[l].loss;
        weight += k->lane[l].weight;
    }
    return loss / weight;
}

/* The weighted mean of a batch. A loss is float64 inside. With h = 2^-7 the difference's own error
 * is below 2^-28 / 30 times a fifth derivative below 4: 5e-10; roundings of the sum (9 rows of up
 * to 10) below 1e-12 / h. What is left are the two roundings of dz to float32. Outputs are
 * multiples of 1/16 and targets of 1/32 that are none of 1/16: where |z - t| has a kink (0, delta)
 * is more than 2h away. */
static void check_loss(const nn_config *config, size_t outputs, bool labels) {
    static const int32_t label[ROWS] = {0, 1, 1, 0, 1, 0, 0, 1, 1};
    static const double weight[ROWS] = {1, 0.5, 0, 3, 0.125, 2, 1, 1, 7};
    float value[ROWS * OUT_MAX];
    loss_check k = {.loss = &config->loss, .n = outputs};
    const ls_segments rows = {LANES, first_row};
    uint32_t seed = 9;
    fill_off_kinks(k.z, ROWS * outputs, 4);
    for (size_t i = 0; i < ROWS * outputs; i++) {
        value[i] = (floorf(draw(&seed) * 8.0f) + 8.5f) / 16.0f;
        k.z[i] = floorf(k.z[i] * 16.0f) / 16.0f;
    }
    k.targets = (ls_targets){labels ? label : NULL, labels ? NULL : value, weight};
    ls_loss_evaluate(k.loss, &rows, outputs, k.z, &k.targets, k.dz, k.row, k.lane);
    ls_loss_mean_gradient(ROWS, outputs, weight, 15.625, k.dz);
    for (size_t i = 0; i < ROWS * outputs; i++) {
        double want = derivative(loss_objective, &k, &k.z[i], 0x1p-7f);
        if (!(fabs((double)k.dz[i] - want) <= 0x1p-22 * fabs(want) + 1e-9))
            fail_msg("%s: dz[%zu] = %.9g, difference %.9g", config->loss.row->name, i,
                     (double)k.dz[i], want);
    }
}

static void every_loss(void **state) {
    (void)state;
    for (size_t r = 0; ls_loss_choices.rows[r] != NULL; r++) {
        const ls_loss_type *type = (const ls_loss_type *)ls_loss_choices.rows[r];
        bool labels = !type->takes_labels, values = !type->takes_values;
        for (size_t e = 0; e < sizeof loss_examples / sizeof *loss_examples; e++) {
            char yaml[64];
            if (strcmp(loss_examples[e].name, type->row.name) != 0)
                continue;
            (void)snprintf(yaml, sizeof yaml, "loss: %s", loss_examples[e].yaml);
            nn_config config = nn_config_of(yaml);
            check_loss(&config, loss_examples[e].outputs, loss_examples[e].labels);
            nn_config_free(&config);
            labels = labels || loss_examples[e].labels;
            values = values || !loss_examples[e].labels;
        }
        if (!labels || !values)
            fail_msg("no example for loss %s with %s", type->row.name,
                     labels ? "values" : "labels");
    }
}

/* A whole model and its loss. */
typedef struct model_check {
    const nn_config *config;
    ls_model *model;
    ls_activations *a;
    ls_pass pass;
    const float *x;
    const int32_t *label;
    const float *direction; /* [slab_floats] */
    float *origin;          /* [slab_floats]: the weights themselves */
} model_check;

static double model_loss(model_check *k, float *dz) {
    double row[ROWS], sum = 0;
    ls_loss_sum lane[LANES];
    const float *z = ls_model_forward(k->model, k->a, &k->pass, k->x);
    ls_loss_evaluate(&k->config->loss, &k->pass.rows, k->model->out_size, z,
                     &(ls_targets){.label = k->label}, dz, row, lane);
    for (size_t l = 0; l < LANES; l++)
        sum += lane[l].loss;
    return sum;
}

/* The loss at origin + t direction on the floats [first, first + n) of the slab. */
static double loss_along(model_check *k, size_t first, size_t n, float t) {
    for (size_t i = first; i < first + n; i++)
        k->model->weights[i] = k->origin[i] + t * k->direction[i];
    double loss = model_loss(k, NULL);
    memcpy(k->model->weights + first, k->origin + first, n * sizeof(float));
    return loss;
}

/* Matrices that are handed out tile by tile, when the whole pass has come to them, are those that
 * are stored, bit by bit. */
static void check_model_tiles(model_check *k, const float *gradient) {
    const size_t n = k->model->slab_floats;
    float *other = room(n, sizeof(float)), *root = room(n, sizeof(float));
    (void)model_loss(k, k->a->logits_gradient);
    ls_model_backward(k->model, k->a, &k->pass, k->x, &(ls_gradients){&root, put_tile, other});
    for (size_t p = 0; p < k->model->n_params; p++) {
        const ls_param *param = &k->model->params[p];
        assert_memory_equal((param->rank == 2 ? other : root) + param->offset,
                            gradient + param->offset, param->count * sizeof(float));
    }
    ls_free(other);
    ls_free(root);
}

/* One directional derivative a parameter. Layers are checked closely above; here a wrong walk
 * through them shows. The loss of 9 rows carries float32 noise of about 1e-6, a step of 2^-6
 * makes it 1e-4 of a derivative; a buffer or layer mistaken is wrong by its whole size. */
static void check_model(model_check *k, const float *gradient) {
    const float h = 0x1p-6f;
    for (size_t p = 0; p < k->model->n_params; p++) {
        size_t first = k->model->params[p].offset, n = k->model->params[p].count;
        double want = (8 * (loss_along(k, first, n, h) - loss_along(k, first, n, -h)) -
                       (loss_along(k, first, n, 2 * h) - loss_along(k, first, n, -2 * h))) /
                      (12 * (double)h);
        double got = 0, norm = 0;
        for (size_t i = first; i < first + n; i++) {
            got += (double)gradient[i] * (double)k->direction[i];
            norm += (double)gradient[i] * (double)gradient[i];
        }
        assert_true(norm > 1e-4);
        if (!(fabs(got - want) <= 1e-3 * sqrt(norm)))
            fail_msg("%s: gradient %.9g, difference %.9g", k->model->params[p].name, got, want);
    }
}

static void whole_models(void **state) {
    (void)state;
    static const char *const yaml[] = {
        "model: [{dense: 9}, tanh, {dropout: 0.3}, {dense: 12}, sigmoid, {dense: 4}]\n"
        "loss: softmax_cross_entropy",
        "model: [tanh, {dense: {units: 3, bias: false}}, {dense: 11}, softmax, {dense: 4}, "
        "softmax]\nloss: softmax_cross_entropy",
        "model: [{dense: 6}, tanh, {dense: 1}, sigmoid]\nloss: binary_cross_entropy",
        "model: [{gaussian_noise: 0.1}, {dense: 8}, layer_norm, gelu, {dense: 5}, selu, "
        "{multiplicative_noise: 0.3}, {layer_norm: {affine: false}}, {dense: 4}]\n"
        "loss: softmax_cross_entropy",
        "model: [{dense: 4}, tanh, {tied: 0}]\nloss: softmax_cross_entropy",
        "model: [tanh, {dense: 9}, {dense: {units: 5, bias: false}}, sigmoid, {tied: 2}, tanh, "
        "{tied: {to: 1, bias: false}}, {dense: 4}]\nloss: softmax_cross_entropy",
        "model: [{dense: 6}, {residual: {layers: [{residual: {layers: [tanh]}}, {dense: 4}, tanh, "
        "{tied: 1}]}}, {tied: 0}, {dense: 4}]\nloss: softmax_cross_entropy"};
    static const int32_t label[ROWS] = {0, 1, 1, 0, 1, 0, 0, 1, 1};
    for (size_t y = 0; y < sizeof yaml / sizeof *yaml; y++) {
        nn_config config = nn_config_of(yaml[y]);
        ls_lanes lanes;
        float x[ROWS * IN], *gradient, *direction;
        model_check k = {.config = &config, .model = nn_model_of(&config, IN), .label = label};
        size_t n = k.model->slab_floats;
        OK(ls_lanes_create(LANES, (ls_tree_range){0, LANES}, &lanes));
        OK(ls_model_init(k.model, 5));
        OK(ls_activations_create(k.model, 0, k.model->n_layers, ROWS, LANES, &k.a));
        k.pass = pass_of(&lanes);
        k.x = x;
        gradient = room(n, sizeof(float));
        direction = room(n, sizeof(float));
        k.origin = room(n, sizeof(float));
        fill(x, ROWS * IN, 6);
        fill(direction, n, 7);
        k.direction = direction;
        memcpy(k.origin, k.model->weights, n * sizeof(float));
        (void)model_loss(&k, k.a->logits_gradient);
        ls_model_backward(k.model, k.a, &k.pass, k.x, &(ls_gradients){.root = &gradient});
        check_model_tiles(&k, gradient);
        check_model(&k, gradient);
        ls_free(gradient);
        ls_free(direction);
        ls_free(k.origin);
        ls_activations_destroy(k.a);
        ls_model_destroy(k.model);
        ls_lanes_free(&lanes);
        nn_config_free(&config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_layer), cmocka_unit_test(every_loss),
                                       cmocka_unit_test(whole_models)};
    if (ls_math_init() != LS_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
