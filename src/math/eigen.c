/* Eigenvalues and orthonormal vectors by LAPACK, and the products that they need. See eigen.h.
 *
 * LAPACK's symbols are declared here, for OpenBLAS holds them but Debian's header of them is of a
 * package of its own. A matrix that lies row by row is its transpose to LAPACK. */
#include "lockstep/math/eigen.h"

#include <math.h>

#include <cblas.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/math.h"

/* Sides of a tile of a sum, rows of one of x z^T: enough for the threads of a node, large enough
 * that a call is worth it. */
enum { TILE = 256, TILE_ROWS = 32 };

/* Fortran passes everything by reference; lengths of texts come last. */
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
             const int *lwork, int *info);
void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau,
             double *work, const int *lwork, int *info);
void dsyevr_(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
             const int *lda, const double *vl, const double *vu, const int *il, const int *iu,
             const double *abstol, int *m, double *w, double *z, const int *ldz, int *isuppz,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info,
             size_t jobz_length, size_t range_length, size_t uplo_length);

/* ---- products ---- */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static void multiply(CBLAS_TRANSPOSE turn_a, CBLAS_TRANSPOSE turn_b, size_t m, size_t n, size_t k,
                     const double *a, size_t lda, const double *b, size_t ldb, double add,
                     double *c, size_t ldc) {
    cblas_dgemm(CblasRowMajor, turn_a, turn_b, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb,
                add, c, (int)ldc);
}

/* sum[count, n] += t^T x, of t[rows, count]; half: of t that is x, half of the symmetric sum. */
static void add_tiles(size_t rows, size_t n, size_t count, const double *t, const double *x,
                      int half, double *sum) {
    const size_t down = (count + TILE - 1) / TILE, across = (n + TILE - 1) / TILE;
#pragma omp parallel for schedule(dynamic)
    for (size_t tile = 0; tile < down * across; tile++) {
        const size_t i = tile / across * TILE, j = tile % across * TILE;
        if (!half || i <= j)
            multiply(CblasTrans, CblasNoTrans, least(TILE, count - i), least(TILE, n - j), rows,
                     t + i, count, x + j, n, 1, sum + i * n + j, n);
    }
}

void ls_gram_add(size_t rows, size_t n, size_t count, const double *x, const double *z,
                 double *room, double *sum) {
    if (z == NULL) {
        add_tiles(rows, n, n, x, x, 1, sum);
        return;
    }
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < rows; i += TILE_ROWS)
        multiply(CblasNoTrans, CblasTrans, least(TILE_ROWS, rows - i), count, n, x + i * n, n, z, n,
                 0, room + i * count, count);
    add_tiles(rows, n, count, room, x, 0, sum);
}

void ls_product_f64(size_t rows, size_t n, size_t count, const double *a, int a_turned,
                    const double *b, int b_turned, double *out) {
    const int threads = ls_math_threads();
    ls_math_set_threads(1);
    multiply(a_turned ? CblasTrans : CblasNoTrans, b_turned ? CblasTrans : CblasNoTrans, rows, n,
             count, a, a_turned ? rows : count, b, b_turned ? count : n, 0, out, n);
    ls_math_set_threads(threads);
}

/* ---- LAPACK ---- */

static ls_status fail(const char *routine, int info) {
    return ls_fail(LS_ERR_RUNTIME, routine, "it can not take the matrix (info %d)", info);
}

static ls_status factor(int n, int count, double *z, double *tau, double *work, int lwork) {
    int info = 0;
    dgeqrf_(&n, &count, z, &n, tau, work, &lwork, &info);
    if (info != 0)
        return fail("dgeqrf", info);
    dorgqr_(&n, &count, &count, z, &n, tau, work, &lwork, &info);
    return info == 0 ? LS_OK : fail("dorgqr", info);
}

ls_status ls_orthonormalize(size_t count, size_t n, double *z) {
    enum { BLOCK = 32 }; /* columns that LAPACK takes together */
    const size_t room = count * BLOCK;
    const int threads = ls_math_threads();
    double *work = NULL;
    LS_TRY(ls_alloc(count + room, sizeof *work, "orthonormal vectors", &work));
    ls_math_set_threads(1);
    const ls_status st = factor((int)n, (int)count, z, work, work + count, (int)room);
    ls_math_set_threads(threads);
    ls_free(work);
    return st;
}

void ls_fix_signs(size_t count, size_t n, double *z) {
    for (size_t k = 0; k < count; k++) {
        double *v = z + k * n;
        size_t most = 0;
        for (size_t j = 1; j < n; j++)
            most = fabs(v[j]) > fabs(v[most]) ? j : most;
        const double turn = v[most] < 0 ? -1 : 1;
        for (size_t j = 0; j < n; j++)
            v[j] *= turn;
    }
}

/* What dsyevr works in. */
typedef struct eigen_room {
    double *value, *vector, *work;
    int *support, *iwork;
    int lwork, liwork;
} eigen_room;

static ls_status create_room(eigen_room *r, size_t n, size_t count) {
    enum {
        WORK = 26 + 32,
        IWORK = 10
    }; /* by its documentation: 26 n at least, (nb + 6) n is best */
    r->lwork = (int)(WORK * n);
    r->liwork = (int)(IWORK * n);
    LS_TRY(ls_alloc(n, sizeof *r->value, "eigenvalues", &r->value));
    LS_TRY(ls_alloc(n * count, sizeof *r->vector, "eigenvectors", &r->vector));
    LS_TRY(ls_alloc(2 * n, sizeof *r->support, "eigenvectors", &r->support));
    LS_TRY(ls_alloc((size_t)r->lwork, sizeof *r->work, "eigenvectors", &r->work));
    return ls_alloc((size_t)r->liwork, sizeof *r->iwork, "eigenvectors", &r->iwork);
}

static void free_room(eigen_room *r) {
    ls_free(r->value);
    ls_free(r->vector);
    ls_free(r->work);
    ls_free(r->support);
    ls_free(r->iwork);
}

static ls_status solve(const eigen_room *r, size_t n, size_t count, double *a) {
    const int size = (int)n, first = (int)(n - count + 1);
    const double none = 0;
    int found = 0, info = 0;
    const int threads = ls_math_threads();
    ls_math_set_threads(1);
    /* "L": the lower triangle column by column is the upper one row by row. */
    dsyevr_("V", "I", "L", &size, a, &size, &none, &none, &first, &size, &none, &found, r->value,
            r->vector, &size, r->support, r->work, &r->lwork, r->iwork, &r->liwork, &info, 1, 1, 1);
    ls_math_set_threads(threads);
    return info == 0 && found == (int)count ? LS_OK : fail("dsyevr", info);
}

ls_status ls_eigen_largest(size_t n, size_t count, double *a, double *value, double *vector) {
    eigen_room r = {0};
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            if (!isfinite(a[i * n + j]))
                return ls_fail(LS_ERR_RUNTIME, "eigenvalues", "the matrix is not finite");
    ls_status st = create_room(&r, n, count);
    if (st == LS_OK)
        st = solve(&r, n, count, a);
    for (size_t k = 0; st == LS_OK && k < count; k++) {
        const size_t from = count - 1 - k; /* they ascend */
        value[k] = r.value[from];
        for (size_t j = 0; j < n; j++)
            vector[k * n + j] = r.vector[from * n + j];
    }
    free_room(&r);
    if (st == LS_OK)
        ls_fix_signs(count, n, vector);
    return st;
}
