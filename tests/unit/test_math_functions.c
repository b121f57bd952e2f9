/* SLEEF's functions of arrays: against the maths library's in double, at the ends of their ranges,
 * wherever an element stands, and the same bits on every processor.
 *
 * Tolerance: SLEEF promises 1 ulp. Results below 2^-126 are left out: they are flushed to zero. */
#include <math.h>
#include <stdint.h>

#include "lockstep/base/hash.h"
#include "lockstep/math/functions.h"
#include "lockstep/math/math.h"
#include "numbers.h"
#include "test_files.h"

enum { VALUES = 20011 };

typedef struct function {
    const char *name;
    void (*of)(size_t n, const float *x, float *y);
    double (*exact)(double x);
    float low, high;
    const char *hash; /* of the values at VALUES places from low to high */
} function;

/* The distance from the nearest whole number is exact, which pi x is not. */
static double sinpi(double x) {
    const double whole = nearbyint(x), size = sin(acos(-1.0) * (x - whole));
    return fmod(whole, 2) == 0 ? size : -size;
}

static double cospi(double x) {
    return sinpi(x + 0.5);
}

static const function functions[] = {
    {"exp", ls_exp_of, exp, -87, 88, "6583abc08e731d3112f0b983db4af4f9"},
    {"expm1", ls_expm1_of, expm1, -20, 88, "90c34444d8d6d2545a0572e290e0aef2"},
    {"log1p", ls_log1p_of, log1p, -0.9999f, 1e6f, "57616cb9d2d15c99bb95ee74978706c9"},
    {"tanh", ls_tanh_of, tanh, -12, 12, "258f273ca9750ecf7742f5e4b5d64075"},
    {"erf", ls_erf_of, erf, -4, 4, "6a64732026bb4c812602252369e76424"},
    {"sinpi", ls_sinpi_of, sinpi, -2, 2, "0e660b284f25791a547bc1aac715b9b3"},
    {"cospi", ls_cospi_of, cospi, -2, 2, "c5f31d34046dfa817ac81e2bd850db02"},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static void values(const function *f, float *x) {
    for (size_t i = 0; i < VALUES; i++)
        x[i] = f->low + (f->high - f->low) * ((float)i / (float)(VALUES - 1));
}

static void near_the_exact(void **state) {
    (void)state;
    static float x[VALUES], y[VALUES];
    for (size_t k = 0; k < FUNCTIONS; k++) {
        const function *f = &functions[k];
        values(f, x);
        f->of(VALUES, x, y);
        for (size_t i = 0; i < VALUES; i++) {
            const double want = f->exact((double)x[i]);
            const double ulp = ldexp(1, ilogb(want) - 23);
            if (want != 0 && !(fabs((double)y[i] - want) <= 1.0 * ulp))
                fail_msg("%s(%a) = %a, wanted %a", f->name, (double)x[i], (double)y[i], want);
        }
    }
}

static void at_the_ends(void **state) {
    (void)state;
    static const float x[] = {0, 1e30f, -1e30f, INFINITY, -INFINITY, NAN};
    static const float want[FUNCTIONS][6] = {
        {1, INFINITY, 0, INFINITY, 0, NAN},
        {0, INFINITY, -1, INFINITY, -1, NAN},
        {0, 69.0775528f, NAN, INFINITY, NAN, NAN},
        {0, 1, -1, 1, -1, NAN},
        {0, 1, -1, 1, -1, NAN},
        {0, 0, 0, NAN, NAN, NAN},
        {1, 1, 1, NAN, NAN, NAN},
    };
    for (size_t k = 0; k < FUNCTIONS; k++) {
        float y[6];
        functions[k].of(6, x, y);
        for (size_t i = 0; i < 6; i++)
            if (!(isnan(want[k][i]) ? isnan(y[i]) : y[i] == want[k][i]))
                fail_msg("%s(%g) = %.9g, wanted %.9g", functions[k].name, (double)x[i],
                         (double)y[i], (double)want[k][i]);
    }
}

/* Alone, in a vector of its own, or beside others, in place or not. */
static void neighbours_do_not_matter(void **state) {
    (void)state;
    static float x[VALUES], all[VALUES], some[VALUES];
    for (size_t k = 0; k < FUNCTIONS; k++) {
        values(&functions[k], x);
        functions[k].of(VALUES, x, all);
        for (size_t i = 0; i < VALUES; i++)
            functions[k].of(1, &x[i], &some[i]);
        assert_memory_equal(some, all, sizeof all);
        for (size_t i = 0; i < VALUES; i++)
            some[i] = x[VALUES - 1 - i];
        functions[k].of(VALUES, some, some);
        for (size_t i = 0; i < VALUES; i++)
            assert_memory_equal(&some[i], &all[VALUES - 1 - i], sizeof *all);
    }
}

/* Whatever the processor, if it has fused operations. */
static void known_bits(void **state) {
    (void)state;
    static float x[VALUES], y[VALUES];
    for (size_t k = 0; k < FUNCTIONS; k++) {
        char hex[40];
        ls_hasher *h = NULL;
        OK(ls_hasher_create(&h));
        values(&functions[k], x);
        functions[k].of(VALUES, x, y);
        ls_hasher_add(h, y, sizeof y);
        ls_print_hash(ls_hasher_result(h), hex);
        ls_hasher_destroy(h);
        assert_string_equal(hex, functions[k].hash);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_the_exact),
        cmocka_unit_test(at_the_ends),
        cmocka_unit_test(neighbours_do_not_matter),
        cmocka_unit_test(known_bits),
    };
    if (ls_math_init() != LS_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
