/* pca and whiten: every row by its principal components, the axes along which the training rows
 * vary most, of which whiten also takes the standard deviation out.
 *
 * Narrow rows: the eigenvectors of the covariance. Wide ones: those of the covariance in a subspace
 * that is found by subspace iteration from random vectors (Halko, Martinsson and Tropp 2011,
 * algorithms 4.4 and 5.3, on the products of the matrix with its transpose). Each product is one
 * pass over the rows, which no rank holds; sums have one order (row_sums.h), and what remains is
 * solved by rank 0 and broadcast. An axis points where its element of largest absolute value is
 * positive.
 *
 * Variances are the sample's (divided by n - 1), as in scikit-learn's PCA.
 */
#include <math.h>
#include <string.h>

#include "kind.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/random.h"
#include "lockstep/base/simd.h"
#include "lockstep/math/eigen.h"
#include "lockstep/math/gemm.h"
#include "lockstep/math/math.h"
#include "row_sums.h"

/* Up to so many columns the covariance is kept (32 MiB) and solved (seconds). */
#define NARROW ((size_t)2048)

/* Of subspace iteration: more vectors than are wanted, and products. Each product takes what is not
 * wanted down by the ratio of the variances. */
enum { OVERSAMPLING = 10, PRODUCTS = 8 };

/* Rows that are read and multiplied at a time. */
enum { SOME_ROWS = 256 };

/* What is less than that of the first component's variance is rounding. */
static const double NO_VARIANCE = 1e-12;

typedef struct pca_options {
    int64_t components;
} pca_options;

static const ls_opt options[] = {{.key = "components",
                                  .kind = LS_OPT_INT,
                                  .offset = offsetof(pca_options, components),
                                  .fallback = NULL,
                                  .min = 1,
                                  .max = (double)LS_TRANSFORM_MADE_MAX,
                                  .help = "how many are kept, those of largest variance"},
                                 {.kind = LS_OPT_END}};

static double components(const void *o) {
    return (double)((const pca_options *)o)->components;
}

static bool valid(double value) {
    return value >= 1 && value <= (double)LS_TRANSFORM_MADE_MAX && value == floor(value);
}

static ls_status outputs(const double *parameter, size_t inputs, size_t *out) {
    if (parameter[0] > (double)inputs)
        return ls_hint(
            ls_fail(LS_ERR_CONFIG, "data.transform",
                    "%.0f principal components are wanted, but there are only %zu columns",
                    parameter[0], inputs),
            "lower components");
    *out = (size_t)parameter[0];
    return LS_OK;
}

/* ---- fitting ---- */

enum { MEAN, AXES, SCALE };

typedef struct analysis {
    const ls_mix_rows *rows;
    size_t inputs, vectors; /* of the subspace */
    double *mean;           /* [inputs] */
    double *z;              /* [vectors, inputs]; NULL: the whole space */
    double *sum;            /* [vectors, inputs], on rank 0 */
    float *x;               /* [SOME_ROWS, inputs] */
    double *centered;       /* [SOME_ROWS, inputs] */
    double *room;           /* [SOME_ROWS, vectors] */
    ls_progress *progress;
    size_t done; /* rows */
} analysis;

static void free_analysis(analysis *a) {
    ls_free(a->z);
    ls_free(a->sum);
    ls_free(a->x);
    ls_free(a->centered);
    ls_free(a->room);
}

static ls_status create_analysis(analysis *a, const ls_mix_rows *rows,
                                 const ls_transform_step *step) {
    const size_t n = step->inputs, wanted = step->outputs + OVERSAMPLING;
    const bool narrow = n <= NARROW;
    *a = (analysis){.rows = rows,
                    .inputs = n,
                    .vectors = narrow || wanted > n ? n : wanted,
                    .mean = step->constant[MEAN]};
    if (!narrow)
        LS_TRY(ls_alloc(a->vectors * n, sizeof *a->z, "principal axes", &a->z));
    if (ls_comm_rank(rows->comm) == 0)
        LS_TRY(ls_alloc(a->vectors * n, sizeof *a->sum, "principal axes", &a->sum));
    LS_TRY(ls_alloc(SOME_ROWS * n, sizeof *a->x, "rows", &a->x));
    LS_TRY(ls_alloc(SOME_ROWS * n, sizeof *a->centered, "rows", &a->centered));
    LS_TRY(ls_alloc(SOME_ROWS * a->vectors, sizeof *a->room, "rows", &a->room));
    const size_t passes = 1 + (narrow ? 1 : PRODUCTS);
    return ls_progress_create(rows->log, "fitting principal components", "rows",
                              (double)(passes * ls_row_sum_share(rows->comm, rows->count)),
                              &a->progress);
}

static ls_status read_some(analysis *a, size_t first, size_t n) {
    a->done += n;
    ls_progress_update(a->progress, (double)a->done, NULL);
    return a->rows->read(a->rows->from, first, n, a->x);
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

LS_SIMD static void add_row(size_t n, const float *x, double *sum) {
    for (size_t j = 0; j < n; j++)
        sum[j] += (double)x[j];
}

/* A term of the mean: every column's sum runs over the rows in order. */
static ls_status add_rows(void *context, size_t first, size_t n, double *sum) {
    enum { STRIP = 512 };
    analysis *a = context;
    for (size_t k = 0; k < n; k += SOME_ROWS) {
        const size_t rows = least(SOME_ROWS, n - k);
        LS_TRY(read_some(a, first + k, rows));
#pragma omp parallel for schedule(static)
        for (size_t j = 0; j < a->inputs; j += STRIP)
            for (size_t i = 0; i < rows; i++)
                add_row(least(STRIP, a->inputs - j), a->x + i * a->inputs + j, sum + j);
    }
    return LS_OK;
}

LS_SIMD static void center_row(size_t n, const float *x, const double *mean, double *out) {
    for (size_t j = 0; j < n; j++)
        out[j] = (double)x[j] - mean[j];
}

/* A term of z times the rows' covariance (times n - 1). */
static ls_status add_products(void *context, size_t first, size_t n, double *sum) {
    analysis *a = context;
    for (size_t k = 0; k < n; k += SOME_ROWS) {
        const size_t rows = least(SOME_ROWS, n - k);
        LS_TRY(read_some(a, first + k, rows));
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < rows; i++)
            center_row(a->inputs, a->x + i * a->inputs, a->mean, a->centered + i * a->inputs);
        ls_gram_add(rows, a->inputs, a->vectors, a->centered, a->z, a->room, sum);
    }
    return LS_OK;
}

/* From rank 0 to all, where st says that it has it. */
static ls_status share(ls_comm *comm, ls_status st, double *x, size_t count) {
    LS_TRY(ls_agree(comm, st));
    return ls_broadcast(comm, x, count * sizeof *x, 0);
}

static ls_status find_mean(analysis *a) {
    ls_comm *comm = a->rows->comm;
    LS_TRY(ls_row_sum(comm, a->rows->count, a->inputs, add_rows, a, a->mean));
    for (size_t j = 0; ls_comm_rank(comm) == 0 && j < a->inputs; j++)
        a->mean[j] /= (double)a->rows->count;
    return share(comm, LS_OK, a->mean, a->inputs);
}

/* sum = z C, on rank 0. */
static ls_status multiply(analysis *a) {
    return ls_row_sum(a->rows->comm, a->rows->count, a->vectors * a->inputs, add_products, a,
                      a->sum);
}

/* Gaussian vectors, the same for every config: what is found hardly depends on them. */
static void draw(analysis *a) {
    const ls_random_key key = ls_random_key_make(0, LS_RANDOM_SUBSPACE, 0);
#pragma omp parallel for schedule(static)
    for (size_t k = 0; k < a->vectors; k++)
        for (size_t j = 0; j < a->inputs; j += 4) {
            uint32_t bits[4];
            double normal[4];
            ls_random_quad(key, 0, (uint32_t)k, (uint32_t)(j / 4), bits);
            ls_random_normal2(bits[0], bits[1], normal);
            ls_random_normal2(bits[2], bits[3], normal + 2);
            memcpy(a->z + k * a->inputs + j, normal, least(4, a->inputs - j) * sizeof *normal);
        }
}

/* z spans, more and more nearly, the axes of largest variance; at last sum = z C. */
static ls_status iterate(analysis *a) {
    const bool solves = ls_comm_rank(a->rows->comm) == 0;
    const size_t count = a->vectors * a->inputs;
    draw(a);
    for (int k = 0; k < PRODUCTS; k++) {
        ls_status st = LS_OK;
        if (k > 0 && solves) {
            st = ls_orthonormalize(a->vectors, a->inputs, a->sum);
            memcpy(a->z, a->sum, count * sizeof *a->z);
        }
        LS_TRY(share(a->rows->comm, st, a->z, count));
        LS_TRY(multiply(a));
    }
    return LS_OK;
}

/* The axes within the subspace of z (Rayleigh and Ritz): eigenvectors of z C z^T. */
static ls_status solve_subspace(const analysis *a, size_t count, double *value, double *axes) {
    const size_t n = a->inputs, m = a->vectors;
    double *inner = NULL, *vector = NULL;
    ls_status st = ls_alloc(m * m, sizeof *inner, "principal axes", &inner);
    if (st == LS_OK)
        st = ls_alloc(count * m, sizeof *vector, "principal axes", &vector);
    if (st == LS_OK) {
        ls_product_f64(m, m, n, a->z, false, a->sum, true, inner);
        st = ls_eigen_largest(m, count, inner, value, vector);
    }
    if (st == LS_OK) {
        ls_product_f64(count, n, m, vector, false, a->z, false, axes);
        ls_fix_signs(count, n, axes);
    }
    ls_free(inner);
    ls_free(vector);
    return st;
}

/* value[count] and axes[count, inputs] on all ranks. */
static ls_status find_axes(analysis *a, size_t count, double *value, double *axes) {
    ls_comm *comm = a->rows->comm;
    ls_status st = LS_OK;
    LS_TRY(a->z == NULL ? multiply(a) : iterate(a));
    if (ls_comm_rank(comm) == 0)
        st = a->z == NULL ? ls_eigen_largest(a->inputs, count, a->sum, value, axes)
                          : solve_subspace(a, count, value, axes);
    LS_TRY(share(comm, st, value, count));
    return share(comm, LS_OK, axes, count * a->inputs);
}

/* Eigenvalues become standard deviations. Rows that lie on fewer axes have no further ones. */
static ls_status take_scales(const ls_mix_rows *rows, const ls_transform_step *step,
                             double *value) {
    for (size_t k = 0; k < step->outputs; k++) {
        if (!(value[k] > 0 && value[k] > NO_VARIANCE * value[0] && rows->count > 1))
            return ls_hint(ls_fail(LS_ERR_CONFIG, "data.transform",
                                   "%s: %zu components are wanted, but the %zu training rows of %s "
                                   "vary along %zu axes only",
                                   step->kind->row.name, step->outputs, rows->count, rows->path, k),
                           "lower components to at most %zu", k);
        if (step->constant[SCALE])
            step->constant[SCALE][k] = sqrt(value[k] / (double)(rows->count - 1));
    }
    return LS_OK;
}

/* The products are OpenBLAS's, whatever multiplies elsewhere: all ranks must compute alike. */
static ls_status check_arithmetic(ls_comm *comm) {
    char mine[40] = "", first[40];
    const ls_gemm *gemm = NULL;
    ls_status st = ls_gemm_choose(LS_GEMM_OPENBLAS, &gemm);
    if (st == LS_OK)
        st = ls_math_fingerprint(gemm, mine);
    LS_TRY(ls_agree(comm, st));
    memcpy(first, mine, sizeof first);
    LS_TRY(ls_broadcast(comm, first, sizeof first, 0));
    if (strcmp(mine, first) != 0)
        st = ls_hint(ls_fail(LS_ERR_RUNTIME, "principal components",
                             "rank %d's OpenBLAS does not compute the bits of rank 0's",
                             ls_comm_rank(comm)),
                     "use nodes of one kind, or set OPENBLAS_CORETYPE to one core type on all");
    return ls_agree(comm, st);
}

static ls_status fit(const ls_mix_rows *rows, ls_transform_step *step) {
    analysis a = {0};
    double *value = NULL;
    LS_TRY(check_arithmetic(rows->comm));
    ls_status st = ls_alloc(step->outputs, sizeof *value, "principal axes", &value);
    if (st == LS_OK)
        st = create_analysis(&a, rows, step);
    st = ls_agree(rows->comm, st);
    if (st == LS_OK)
        st = find_mean(&a);
    if (st == LS_OK)
        st = find_axes(&a, step->outputs, value, step->constant[AXES]);
    if (st == LS_OK)
        st = take_scales(rows, step, value);
    ls_progress_finish(a.progress, st);
    free_analysis(&a);
    ls_free(value);
    return st;
}

/* ---- applying ---- */

/* axis . (x - mean), in eight sums, which lie in one vector. */
LS_SIMD static double project(size_t n, const float *x, const double *mean, const double *axis) {
    enum { PARTS = 8 };
    double part[PARTS] = {0}, sum = 0;
    size_t i = 0;
    for (; i + PARTS <= n; i += PARTS)
        for (size_t k = 0; k < PARTS; k++)
            part[k] += ((double)x[i + k] - mean[i + k]) * axis[i + k];
    for (; i < n; i++)
        part[i % PARTS] += ((double)x[i] - mean[i]) * axis[i];
    for (size_t k = 0; k < PARTS; k++)
        sum += part[k];
    return sum;
}

static void mix(const ls_transform_step *step, const float *in, float *out) {
    const size_t n = step->inputs;
    for (size_t k = 0; k < step->outputs; k++) {
        const double along = project(n, in, step->constant[MEAN], step->constant[AXES] + k * n);
        out[k] = (float)(step->constant[SCALE] ? along / step->constant[SCALE][k] : along);
    }
}

static const ls_mixing mixing = {
    .outputs = outputs,
    .mix = mix,
    .fit = fit,
    .by = {[MEAN] = LS_BY_INPUT, [AXES] = LS_BY_OUTPUT | LS_BY_INPUT, [SCALE] = LS_BY_OUTPUT}};

const ls_transform_kind ls_transform_pca = {
    .row = {.name = "pca",
            .help = "the principal components of the training rows, in place of all columns (by "
                    "LAPACK: its bits are those of a type of processor)",
            .options = options,
            .options_size = sizeof(pca_options),
            .shorthand = "components"},
    .parameter = {{"components", components, valid}},
    .constant_name = {[MEAN] = "mean", [AXES] = "axes"},
    .mixing = &mixing};

const ls_transform_kind ls_transform_whiten = {
    .row = {.name = "whiten",
            .help = "pca, and each component by its standard deviation (n - 1) over the training "
                    "rows",
            .options = options,
            .options_size = sizeof(pca_options),
            .shorthand = "components"},
    .parameter = {{"components", components, valid}},
    .constant_name = {[MEAN] = "mean", [AXES] = "axes", [SCALE] = "scale"},
    .mixing = &mixing};
