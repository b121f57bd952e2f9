/* Numbers for tests of kernels: draws, and the number of threads.
 *
 * Why here: several tests fill arrays and compare runs on different numbers of threads. */
#ifndef LS_TESTS_SUPPORT_NUMBERS_H
#define LS_TESTS_SUPPORT_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#ifdef _OPENMP
#include <omp.h>
#endif

/* A draw from [-1, 1) in steps of 2^-15: short enough that products of two are exact floats. */
static inline float draw(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)(*state >> 16) / 32768.0f - 1.0f;
}

static inline void fill(float *x, size_t n, uint32_t seed) {
    for (size_t i = 0; i < n; i++)
        x[i] = draw(&seed);
}

/* Does nothing in a build without OpenMP, which has one thread. */
static inline void use_threads(int n) {
#ifdef _OPENMP
    omp_set_num_threads(n);
#else
    (void)n;
#endif
}

#endif
