/* Runs a group of tests once for every GEMM library that this build and this processor have. */
#ifndef LS_TESTS_SUPPORT_GEMMS_H
#define LS_TESTS_SUPPORT_GEMMS_H

#include <stdio.h>

#include "lockstep/math/gemm.h"
#include "lockstep/math/math.h"
#include "test_files.h"

/* *gemm is what the tests multiply by. Returns the number of tests that failed. */
static inline int run_for_gemms(const struct CMUnitTest *tests, size_t n, const ls_gemm **gemm) {
    int failed = ls_math_init() == LS_OK ? 0 : 1;
    for (int kind = 1; kind <= ls_gemm_kinds(); kind++) {
        if (ls_gemm_choose(kind, gemm) != LS_OK)
            continue;
        printf("by %s\n", ls_gemm_name(*gemm));
        failed += _cmocka_run_group_tests(ls_gemm_name(*gemm), tests, n, NULL, NULL);
    }
    return failed;
}

#endif
