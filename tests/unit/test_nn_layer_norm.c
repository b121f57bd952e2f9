/* layer_norm against float64 formulas: outputs, the gradients of inputs and parameters, their sums
 * over lanes, and what the bits of a row depend on. (Its gradients are compared with differences in
 * test_nn_gradients.c, whole trainings with PyTorch in tests/parity.) */
#include <math.h>

#include "lockstep/math/math.h"
#include "nn_config.h"
#include "numbers.h"

enum { LANES = 4, ROWS = 9, MOST = 1003 };

/* Uneven lanes, one of them empty. */
static const size_t first_row[LANES + 1] = {0, 3, 3, 8, 9};

static float x[ROWS * MOST], dy[ROWS * MOST], y[ROWS * MOST], dx[ROWS * MOST];
static double room[ROWS * MOST], state_of_rows[ROWS * 2];

typedef struct norm {
    nn_config config;
    ls_model *model;
    const ls_layer *layer;
    size_t n;
    double eps;
} norm;

static norm norm_of(size_t n, double eps, bool affine) {
    char yaml[160];
    norm m = {.n = n, .eps = eps};
    (void)snprintf(yaml, sizeof yaml,
                   "model: [{layer_norm: {eps: %g, affine: %s, init: {normal: 1}, bias_init: "
                   "{normal: 1}}}, {dense: 1}]",
                   eps, affine ? "true" : "false");
    m.config = nn_config_of(yaml);
    m.model = nn_model_of(&m.config, n);
    m.layer = &m.model->layers[0];
    OK(ls_model_init(m.model, 3));
    return m;
}

static void norm_free(norm *m) {
    ls_model_destroy(m->model);
    nn_config_free(&m->config);
}

/* There and back over rows [0, rows) in `lanes`; gradient: a slab a root. */
static void run(const norm *m, ls_segments rows, const ls_lanes *lanes, float *const *gradient) {
    const ls_gradients to = {.root = gradient};
    const ls_pass pass = {.rows = rows, .training = true, .lanes = lanes};
    ls_layer_io io = {.weights = m->model->weights,
                      .x = x,
                      .y = y,
                      .state = state_of_rows,
                      .dy = dy,
                      .dx = dx,
                      .room = room,
                      .gradients = &to};
    assert_true(m->model->plans[0].state_bytes * ROWS <= sizeof state_of_rows);
    assert_true(m->layer->type->room(m->layer, ROWS, LANES) <= sizeof room);
    m->layer->type->forward(m->layer, &pass, &io);
    m->layer->type->backward(m->layer, &pass, &io);
}

static float *slab_of(const norm *m) {
    float *slab = NULL;
    OK(ls_alloc(m->model->slab_floats, sizeof *slab, "test", &slab));
    return slab;
}

/* The normalised row, and 1 / sqrt(variance + eps). */
static double normalized(const norm *m, const float *row, double *z) {
    double mean = 0, variance = 0;
    for (size_t j = 0; j < m->n; j++)
        mean += (double)row[j] / (double)m->n;
    for (size_t j = 0; j < m->n; j++)
        variance += pow((double)row[j] - mean, 2) / (double)m->n;
    const double scale = 1 / sqrt(variance + m->eps);
    for (size_t j = 0; j < m->n; j++)
        z[j] = ((double)row[j] - mean) * scale;
    return scale;
}

static double factor(const norm *m, size_t p, size_t j) {
    return m->layer->n_params > 0 ? (double)m->model->weights[m->layer->offset[p] + j]
                                  : 1.0 - (double)p;
}

/* y: z is rounded once, its product and the sum once each. dx: g and z once each, the result once;
 * sums are float64, and what is taken from g is of its size. */
static void check_row(const norm *m, size_t r) {
    static double z[MOST];
    const float *d = dy + r * m->n;
    const double scale = normalized(m, x + r * m->n, z);
    double mean = 0, slope = 0, size = 0;
    for (size_t j = 0; j < m->n; j++) {
        const double g = (double)d[j] * factor(m, 0, j);
        mean += g / (double)m->n;
        slope += g * z[j] / (double)m->n;
        size = fmax(size, fabs(g));
    }
    for (size_t j = 0; j < m->n; j++) {
        const double part = z[j] * factor(m, 0, j), want = part + factor(m, 1, j);
        const double g = (double)d[j] * factor(m, 0, j), back = scale * (g - mean - z[j] * slope);
        if (!(fabs((double)y[r * m->n + j] - want) <=
              0x1p-24 * (2 * fabs(part) + fabs(want)) + 1e-30))
            fail_msg("y[%zu, %zu] = %.9g, wanted %.12g", r, j, (double)y[r * m->n + j], want);
        if (!(fabs((double)dx[r * m->n + j] - back) <= 0x1p-22 * scale * size * (1 + z[j] * z[j])))
            fail_msg("dx[%zu, %zu] = %.9g, wanted %.12g", r, j, (double)dx[r * m->n + j], back);
    }
}

/* Of rows [first, end): 2 roundings of each product and one for every sum. */
static void check_parameters(const norm *m, size_t first, size_t end, const float *gradient) {
    static double z[ROWS][MOST];
    for (size_t r = first; r < end; r++)
        (void)normalized(m, x + r * m->n, z[r]);
    for (size_t j = 0; j < m->n && m->layer->n_params > 0; j++) {
        double weight = 0, bias = 0, size = 1e-30;
        for (size_t r = first; r < end; r++) {
            const double d = (double)dy[r * m->n + j];
            weight += d * z[r][j];
            bias += d;
            size += fabs(d) * (1 + fabs(z[r][j]));
        }
        assert_true(fabs((double)gradient[m->layer->offset[0] + j] - weight) <=
                    0x1p-24 * 10 * size);
        assert_true(fabs((double)gradient[m->layer->offset[1] + j] - bias) <= 0x1p-24 * 10 * size);
    }
}

static void formulas(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 7, 8, 9, 64, MOST};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int affine = 0; affine < 2; affine++) {
            norm m = norm_of(sizes[s], s % 2 == 0 ? 1e-5 : 0.125, affine != 0);
            ls_lanes lanes;
            float *gradient = slab_of(&m);
            OK(ls_lanes_create(LANES, (ls_tree_range){0, LANES}, &lanes));
            fill(x, ROWS * m.n, 1);
            fill(dy, ROWS * m.n, 2);
            run(&m, (ls_segments){LANES, first_row}, &lanes, &gradient);
            for (size_t r = 0; r < ROWS; r++)
                check_row(&m, r);
            check_parameters(&m, 0, ROWS, gradient);
            ls_lanes_free(&lanes);
            ls_free(gradient);
            norm_free(&m);
        }
}

/* A rank that has lanes 1, 2 and 3 of 4 gives two sums: of lane 1, and of lanes 2 and 3. */
static void roots(void **state) {
    (void)state;
    static const size_t own[] = {0, 0, 5, 6};
    norm m = norm_of(70, 1e-5, true);
    ls_lanes lanes;
    float *gradient[2] = {slab_of(&m), slab_of(&m)};
    OK(ls_lanes_create(LANES, (ls_tree_range){1, 3}, &lanes));
    assert_int_equal(lanes.n_roots, 2);
    fill(x, ROWS * m.n, 1);
    fill(dy, ROWS * m.n, 2);
    run(&m, (ls_segments){3, own}, &lanes, gradient);
    check_parameters(&m, 0, 0, gradient[0]); /* lane 1 is empty: zeros */
    check_parameters(&m, 0, 6, gradient[1]);
    ls_lanes_free(&lanes);
    ls_free(gradient[0]);
    ls_free(gradient[1]);
    norm_free(&m);
}

/* Float32 sums would lose what is left of numbers near 1e6; a NaN makes its row one, no other. */
static void large_means_and_nan(void **state) {
    (void)state;
    norm m = norm_of(64, 1e-5, false);
    ls_lanes lanes;
    OK(ls_lanes_create(LANES, (ls_tree_range){0, LANES}, &lanes));
    for (size_t i = 0; i < ROWS * m.n; i++)
        x[i] = 1e6f + (float)(i % 3);
    fill(dy, ROWS * m.n, 2);
    x[4 * m.n + 5] = NAN;
    run(&m, (ls_segments){LANES, first_row}, &lanes, NULL);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t j = 0; r == 4 && j < m.n; j++)
            assert_true(isnan(y[r * m.n + j]));
    for (size_t r = 0; r < ROWS; r++)
        if (r != 4)
            check_row(&m, r);
    ls_lanes_free(&lanes);
    norm_free(&m);
}

/* A row alone has the bits that it has among others, on any number of threads. */
static void rows_are_their_own(void **state) {
    (void)state;
    static float whole[ROWS * MOST], whole_dx[ROWS * MOST];
    norm m = norm_of(MOST, 1e-5, true);
    ls_lanes lanes, one;
    float *gradient = slab_of(&m), *first = slab_of(&m);
    const size_t edge[] = {0, 1};
    fill(x, ROWS * MOST, 1);
    fill(dy, ROWS * MOST, 2);
    for (int threads = 1; threads <= 4; threads *= 2) {
        use_threads(threads);
        OK(ls_lanes_create(LANES, (ls_tree_range){0, LANES}, &lanes)); /* for so many threads */
        run(&m, (ls_segments){LANES, first_row}, &lanes, &gradient);
        ls_lanes_free(&lanes);
        if (threads == 1) {
            memcpy(whole, y, sizeof whole);
            memcpy(whole_dx, dx, sizeof whole_dx);
            memcpy(first, gradient, m.model->slab_floats * sizeof *first);
        }
        assert_memory_equal(y, whole, sizeof whole);
        assert_memory_equal(dx, whole_dx, sizeof whole_dx);
        assert_memory_equal(gradient, first, m.model->slab_floats * sizeof *first);
    }
    use_threads(2);
    OK(ls_lanes_create(1, (ls_tree_range){0, 1}, &one));
    for (size_t r = 0; r < ROWS; r++) {
        fill(x, ROWS * MOST, 1);
        fill(dy, ROWS * MOST, 2);
        memmove(x, x + r * MOST, MOST * sizeof *x);
        memmove(dy, dy + r * MOST, MOST * sizeof *dy);
        run(&m, (ls_segments){1, edge}, &one, &gradient);
        assert_memory_equal(y, whole + r * MOST, MOST * sizeof *y);
        assert_memory_equal(dx, whole_dx + r * MOST, MOST * sizeof *dx);
    }
    ls_lanes_free(&one);
    ls_free(gradient);
    ls_free(first);
    norm_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(formulas), cmocka_unit_test(roots),
                                       cmocka_unit_test(large_means_and_nan),
                                       cmocka_unit_test(rows_are_their_own)};
    if (ls_math_init() != LS_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
