/* Checks of the numerical environment. */
#include "lockstep/math/math.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "lockstep/base/error.h"

#define OPENBLAS_OPENMP_BUILD 2

/* Denormals cost a hundred cycles each and carry nothing that training needs. */
static void flush_denormals(void) {
#ifdef __SSE2__
    const unsigned int flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
    _mm_setcsr(_mm_getcsr() | flush_to_zero | denormals_are_zero);
#endif
}

/* On every thread that this one's loops are shared out to, too. */
static void flush_all(void) {
    flush_denormals();
#pragma omp parallel
    flush_denormals();
}

ls_status ls_math_init(void) {
    if (openblas_get_parallel() != OPENBLAS_OPENMP_BUILD)
        return ls_hint(
            ls_fail(LS_ERR_RUNTIME, "OpenBLAS", "this is not its OpenMP build (%s)",
                    openblas_get_config()),
            "Debian: apt-get install libopenblas0-openmp, then update-alternatives "
            "--config libopenblas.so.0-x86_64-linux-gnu; Spack: openblas threads=openmp");
#ifndef _OPENMP
    /* Without OpenMP of our own nothing keeps OpenBLAS from threading inside a call. */
    if (openblas_get_num_threads() != 1)
        return ls_hint(ls_fail(LS_ERR_RUNTIME, "OpenBLAS",
                               "%d threads, and this build of lockstep has no OpenMP",
                               openblas_get_num_threads()),
                       "set OMP_NUM_THREADS=1, or build with -DLS_OPENMP=ON");
#endif
    flush_all();
    return LS_OK;
}

void ls_math_init_thread(int threads) {
    ls_math_set_threads(threads);
    flush_all();
}

const char *ls_math_better_core(void) {
#ifdef __x86_64__
    /* What 0.3.21 falls back to on a Xeon of 2023: a fifth of the speed of SkylakeX (measured). */
    if (getenv("OPENBLAS_CORETYPE") != NULL || strcmp(openblas_get_corename(), "Prescott") != 0 ||
        !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return NULL;
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return wide ? "SkylakeX" : "Haswell";
#else
    return NULL;
#endif
}

int ls_math_threads(void) {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

void ls_math_set_threads(int threads) {
#ifdef _OPENMP
    omp_set_num_threads(threads);
#else
    (void)threads;
#endif
}

size_t ls_math_thread(void) {
#ifdef _OPENMP
    return (size_t)omp_get_thread_num();
#else
    return 0;
#endif
}

char *ls_math_blas(char *buffer, size_t size) {
    static const char *const kinds[] = {"serial", "pthreads", "OpenMP"};
    const char *config = openblas_get_config();
    int kind = openblas_get_parallel();
    size_t name = strcspn(config, " ");
    size_t version = config[name] != '\0' ? strcspn(config + name + 1, " ") : 0;
    snprintf(buffer, size, "%.*s (%s, core %s)", (int)(name + 1 + version), config,
             kind >= 0 && kind <= 2 ? kinds[kind] : "unknown", openblas_get_corename());
    return buffer;
}
