/* Runs a group of tests once for every GEMM library that this build and this processor have. */
#ifndef LS_TESTS_SUPPORT_GEMMS_H
#define LS_TESTS_SUPPORT_GEMMS_H

#include <math.h>
#include <stdio.h>

#include "lockstep/math/gemm.h"
#include "lockstep/math/math.h"
#include "numbers.h"
#include "test_files.h"

enum { GEMM_THREADS = 4 }; /* at most, in these tests */

static inline int run_for_one(const struct CMUnitTest *tests, size_t n, const ls_gemm *gemm) {
    printf("by %s\n", ls_gemm_name(gemm));
    return _cmocka_run_group_tests(ls_gemm_name(gemm), tests, n, NULL, NULL);
}

/* *gemm is what the tests multiply by. Returns the number of tests that failed. */
static inline int run_for_gemms(const struct CMUnitTest *tests, size_t n, const ls_gemm **gemm) {
    const int threads = ls_math_threads();
    int failed = ls_math_init() == LS_OK ? 0 : 1;
    for (int kind = 1; kind <= ls_gemm_kinds(); kind++)
        if (ls_gemm_choose(kind, gemm) == LS_OK)
            failed += run_for_one(tests, n, *gemm);
    ls_gemm *bf16 = NULL;
    use_threads(GEMM_THREADS);
    const ls_status st = ls_gemm_create_bf16(&bf16);
    use_threads(threads);
    if (st == LS_OK) {
        *gemm = bf16;
        failed += run_for_one(tests, n, bf16);
    }
    ls_gemm_destroy(bf16);
    return failed;
}

static inline bool takes_bf16(const ls_gemm *gemm) {
    return strcmp(ls_gemm_name(gemm), "onednn") == 0;
}

/* The nearest number of 8 binary digits, ties to even: a bfloat16, in the range of the tests. */
static inline float nearest_bf16(float x) {
    int exponent = 0;
    (void)frexpf(x, &exponent);
    return ldexpf(rintf(ldexpf(x, 8 - exponent)), exponent - 8);
}

/* Numbers that the library multiplies as they are. */
static inline void fill_exact(const ls_gemm *gemm, float *x, size_t n, uint32_t seed) {
    fill(x, n, seed);
    for (size_t i = 0; takes_bf16(gemm) && i < n; i++)
        x[i] = nearest_bf16(x[i]);
}

#endif
