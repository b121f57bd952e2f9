/* orthogonal: gain times a matrix whose rows are orthonormal, or where there are more of them than
 * columns, these: the Q of a QR decomposition of a matrix of normal draws, with R's diagonal
 * positive, which makes every such matrix equally likely (Saxe et al. 2014, Mezzadri 2007;
 * PyTorch's orthogonal_).
 *
 * By the modified Gram-Schmidt process in float64, whose vectors are orthogonal to about 2^-53
 * times the condition number of what it began with (Bjorck 1967): for normal draws that is of the
 * order of the number of vectors (Edelman 1988), so once is enough for float32. Every sum has one
 * order.
 *
 * Every rank computes the whole matrix and keeps the columns that it has: hence the limit. Never
 * calls a library. */
#include <math.h>

#include "init_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/simd.h"

/* Elements of the whole matrix: 128 MiB of float64, and ten seconds of one core for 4096 x 4096. */
#define MOST ((size_t)1 << 24)

/* Vectors that are orthogonal to each other before the rest is made so to all of them: together
 * they stay in a core's second cache. */
enum { PANEL = 16 };

/* Vectors of one matrix, one after the other: its rows or columns, whichever are fewer. */
typedef struct vectors {
    double *at; /* [count][length] */
    size_t count, length;
} vectors;

static double *vector_at(const vectors *v, size_t j) {
    return v->at + j * v->length;
}

/* In eight sums, which lie in one vector. */
LS_SIMD static double dot(size_t n, const double *a, const double *b) {
    enum { PARTS = 8 };
    double part[PARTS] = {0}, sum = 0;
    size_t i = 0;
    for (; i + PARTS <= n; i += PARTS)
        for (size_t k = 0; k < PARTS; k++)
            part[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        part[i % PARTS] += a[i] * b[i];
    for (size_t k = 0; k < PARTS; k++)
        sum += part[k];
    return sum;
}

/* a -= factor q */
LS_SIMD static void subtract(size_t n, double factor, const double *restrict q,
                             double *restrict a) {
    for (size_t i = 0; i < n; i++)
        a[i] -= factor * q[i];
}

LS_SIMD static void divide(size_t n, double by, double *a) {
    for (size_t i = 0; i < n; i++)
        a[i] /= by;
}

/* Takes from vector j what it has of vectors [first, end), one after the other. */
static void make_orthogonal(const vectors *v, size_t j, size_t first, size_t end) {
    double *a = vector_at(v, j);
    for (size_t k = first; k < end; k++) {
        const double *q = vector_at(v, k);
        subtract(v->length, dot(v->length, q, a), q, a);
    }
}

static void orthonormalize(const vectors *v) {
    for (size_t first = 0; first < v->count; first += PANEL) {
        const size_t rest = v->count - first, end = first + (rest < PANEL ? rest : PANEL);
        for (size_t j = first; j < end; j++) {
            double *a = vector_at(v, j);
            make_orthogonal(v, j, first, j);
            divide(v->length, sqrt(dot(v->length, a, a)), a);
        }
#pragma omp parallel for schedule(static)
        for (size_t j = end; j < v->count; j++)
            make_orthogonal(v, j, first, end);
    }
}

/* Where element [o, i] is. */
static double *element_at(const vectors *v, bool by_rows, size_t o, size_t i) {
    return by_rows ? vector_at(v, o) + i : vector_at(v, i) + o;
}

static void draw(const vectors *v, bool by_rows, size_t rows, size_t columns, ls_random_key key) {
#pragma omp parallel for schedule(static)
    for (size_t o = 0; o < rows; o++)
        for (size_t c = 0; c < columns; c += 4) {
            double quad[4];
            ls_init_normal4(key, 0, (uint32_t)o, (uint32_t)(c / 4), quad);
            for (size_t k = 0; k < 4 && c + k < columns; k++)
                *element_at(v, by_rows, o, c + k) = quad[k];
        }
}

static ls_status check(const ls_param_spec *spec, size_t rows, size_t columns) {
    if (spec->rank != 2)
        return ls_hint(ls_fail(LS_ERR_CONFIG, spec->name, "init: orthogonal is for matrices"),
                       "use zeros, constant, normal or uniform for a vector");
    if (columns > MOST / rows)
        return ls_hint(ls_fail(LS_ERR_CONFIG, spec->name,
                               "init: %zu x %zu is too large for orthogonal, which takes matrices "
                               "of at most %zu elements",
                               rows, columns, MOST),
                       "use lecun_normal: rows of so many normal numbers are nearly orthogonal");
    return LS_OK;
}

ls_status ls_init_orthogonal(const ls_param_spec *spec, const ls_strips *as, ls_random_key key,
                             double gain, float *w) {
    const size_t rows = as->out, columns = spec->all_columns > 0 ? spec->all_columns : as->in;
    const bool by_rows = rows <= columns;
    vectors v = {NULL, by_rows ? rows : columns, by_rows ? columns : rows};
    LS_TRY(check(spec, rows, columns));
    LS_TRY(ls_alloc(rows * columns, sizeof *v.at, "orthogonal matrix", &v.at));
    draw(&v, by_rows, rows, columns, key);
    orthonormalize(&v);
    for (size_t o = 0; o < rows; o++)
        for (size_t c = 0; c < as->in; c++)
            w[ls_strips_at(as, o, c)] =
                (float)(gain * *element_at(&v, by_rows, o, spec->first_column + c));
    ls_free(v.at);
    return LS_OK;
}
