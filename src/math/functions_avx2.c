/* SLEEF's functions in vectors of eight; compiled for AVX2 and FMA (see CMakeLists.txt), and called
 * on processors that have them. Sixteen at a time would have the same bits. */
#ifdef __x86_64__
#include <string.h>

#include <immintrin.h>
#include <sleef.h>

#include "functions_table.h"

enum { WIDTH = 8 };

typedef __m256 vector_function(__m256);

static inline void apply(vector_function *f, size_t n, const float *x, float *y) {
    const size_t whole = n - n % WIDTH;
    float rest[WIDTH] = {0};
    for (size_t i = 0; i < whole; i += WIDTH)
        _mm256_storeu_ps(y + i, f(_mm256_loadu_ps(x + i)));
    if (whole == n)
        return;
    memcpy(rest, x + whole, (n - whole) * sizeof *x);
    _mm256_storeu_ps(rest, f(_mm256_loadu_ps(rest)));
    memcpy(y + whole, rest, (n - whole) * sizeof *y);
}

#define EIGHT(name, accuracy)                                                                      \
    static __m256 name##8(__m256 x) {                                                              \
        return Sleef_finz_##name##f8_##accuracy##avx2(x);                                          \
    }                                                                                              \
    static void name##_avx2(size_t n, const float *x, float *y) {                                  \
        apply(name##8, n, x, y);                                                                   \
    }
LS_FUNCTION_TABLE(EIGHT)

#define ENTRY(name, accuracy) .name = name##_avx2,
const ls_functions ls_functions_avx2 = {LS_FUNCTION_TABLE(ENTRY)};
#endif
