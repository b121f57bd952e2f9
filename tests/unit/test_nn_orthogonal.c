/* The orthogonal initialiser: that its matrix is orthogonal, and that it is the Q of the normal
 * draws' QR decomposition with R's diagonal positive, of which there is one only. */
#include <math.h>

#include "lockstep/base/random.h"
#include "nn_config.h"
#include "numbers.h"

enum { MOST = 200 };

typedef struct matrix {
    size_t rows, columns;
    double at[MOST * MOST];
} matrix;

static matrix q, drawn;

/* The weight of {dense: {units: rows, init: orthogonal}} on `columns` inputs. */
static void weight_of(size_t rows, size_t columns, const char *init, uint32_t seed, matrix *out) {
    char yaml[128];
    (void)snprintf(yaml, sizeof yaml, "model: [{dense: {units: %zu, init: %s}}]", rows, init);
    nn_config config = nn_config_of(yaml);
    ls_model *m = nn_model_of(&config, columns);
    OK(ls_model_init(m, seed));
    out->rows = rows;
    out->columns = columns;
    for (size_t o = 0; o < rows; o++)
        for (size_t i = 0; i < columns; i++)
            out->at[o * columns + i] = (double)m->weights[ls_strips_at(&m->params[0].strips, o, i)];
    ls_model_destroy(m);
    nn_config_free(&config);
}

/* The same as rows: those of a matrix that has fewer of them than columns, else its columns. */
static double part(const matrix *m, size_t vector, size_t k) {
    return m->rows <= m->columns ? m->at[vector * m->columns + k] : m->at[k * m->columns + vector];
}

static size_t count_of(const matrix *m) {
    return m->rows <= m->columns ? m->rows : m->columns;
}

static size_t length_of(const matrix *m) {
    return m->rows <= m->columns ? m->columns : m->rows;
}

static double dot(const matrix *a, size_t i, const matrix *b, size_t j) {
    double sum = 0;
    for (size_t k = 0; k < length_of(a); k++)
        sum += part(a, i, k) * part(b, j, k);
    return sum;
}

/* Rounded to float32: a dot product of unit vectors has an error of a few 2^-24. */
static void check_orthogonal(const matrix *m, double gain) {
    for (size_t i = 0; i < count_of(m); i++)
        for (size_t j = 0; j <= i; j++)
            if (!(fabs(dot(m, i, m, j) - (i == j ? gain * gain : 0)) <= 4e-7 * gain * gain))
                fail_msg("%zu x %zu: vectors %zu and %zu: %.9g", m->rows, m->columns, i, j,
                         dot(m, i, m, j));
}

static const struct {
    size_t rows, columns;
} shapes[] = {{1, 1},   {1, 7},   {7, 1},    {2, 2},    {16, 16},   {17, 16},
              {15, 33}, {70, 33}, {64, 130}, {130, 64}, {200, 200}, {100, 197}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void orthogonality(void **state) {
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        weight_of(shapes[s].rows, shapes[s].columns, "orthogonal", 5, &q);
        check_orthogonal(&q, 1);
        weight_of(shapes[s].rows, shapes[s].columns, "{orthogonal: {gain: 1.5}}", 5, &q);
        check_orthogonal(&q, 1.5);
    }
}

/* With a_j the vectors of the draws and q_i those found, r_ij = q_i a_j is 0 below the diagonal and
 * positive on it, and a_j is the sum of r_ij q_i (so long as there are as many as the draws span):
 * all to what float32 leaves, relative to |a_j|. */
static void is_the_q_of_its_draws(void **state) {
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        weight_of(shapes[s].rows, shapes[s].columns, "orthogonal", 9, &q);
        weight_of(shapes[s].rows, shapes[s].columns, "{normal: 1}", 9, &drawn);
        for (size_t j = 0; j < count_of(&q); j++) {
            const double size = sqrt(dot(&drawn, j, &drawn, j));
            double found = 0;
            for (size_t i = 0; i < count_of(&q); i++) {
                const double r = dot(&q, i, &drawn, j);
                assert_true(i <= j || fabs(r) <= 1e-6 * size);
                assert_true(i != j || r > 0);
                found += r * r;
            }
            assert_true(fabs(found - size * size) <= 1e-5 * size * size);
        }
    }
}

static void threads_do_not_matter(void **state) {
    (void)state;
    static matrix one;
    for (int threads = 1; threads <= 4; threads *= 2) {
        use_threads(threads);
        weight_of(150, 190, "orthogonal", 3, &q);
        if (threads == 1)
            one = q;
        assert_memory_equal(one.at, q.at, sizeof one.at);
    }
    use_threads(2);
}

static void what_it_does_not_take(void **state) {
    (void)state;
    nn_config config = nn_config_of("model: [{dense: {units: 3, bias_init: orthogonal}}]");
    ls_model *m = nn_model_of(&config, 4);
    FAILS(LS_ERR_CONFIG, "0_dense/bias: bias: init: orthogonal is for matrices",
          ls_model_init(m, 1));
    assert_non_null(strstr(ls_error_last()->hint, "zeros"));
    ls_model_destroy(m);
    nn_config_free(&config);
    config = nn_config_of("model: [{dense: {units: 4097, init: orthogonal}}]");
    m = nn_model_of(&config, 4096);
    FAILS(LS_ERR_CONFIG,
          "4097 x 4096 is too large for orthogonal, which takes matrices of at most "
          "16777216 elements",
          ls_model_init(m, 1));
    assert_non_null(strstr(ls_error_last()->hint, "lecun_normal"));
    ls_model_destroy(m);
    nn_config_free(&config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orthogonality),
        cmocka_unit_test(is_the_q_of_its_draws),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(what_it_does_not_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
