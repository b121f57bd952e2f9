/* Quantiles of columns, by selection.
 *
 * Why here: two transforms are fitted from them. A value of rank k is the same whatever way it is
 * found, so nothing depends on threads or on the columns beside it.
 */
#include <math.h>

#include "kind.h"
#include "lockstep/base/memory.h"

enum { STRIP = 64 }; /* columns that are copied to be sorted: a small part of a block */

/* Brings the value of rank k to x[k], smaller ones before it and larger ones behind (Hoare's FIND,
 * with the median of three as pivot). */
static void select_rank(float *x, size_t n, size_t k) {
    size_t low = 0, high = n - 1;
    while (low < high) {
        const float a = x[low], b = x[low + (high - low) / 2], c = x[high];
        const float pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        size_t i = low, j = high;
        for (;;) {
            while (x[i] < pivot)
                i++;
            while (x[j] > pivot)
                j--;
            if (i >= j)
                break;
            const float t = x[i];
            x[i++] = x[j];
            x[j--] = t;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}

/* Between ranks in a straight line, as NumPy's default has it. */
static double quantile(float *x, size_t n, double share) {
    const double place = share * (double)(n - 1);
    const size_t k = (size_t)place;
    select_rank(x, n, k);
    const double at = (double)x[k];
    if (k + 1 >= n)
        return at;
    float next = x[k + 1];
    for (size_t i = k + 2; i < n; i++)
        next = x[i] < next ? x[i] : next;
    return at + (place - (double)k) * ((double)next - at);
}

/* Of the columns [first, first + count), at most STRIP; own[STRIP, rows]: room. */
static void strip_quantiles(const float *x, size_t rows, size_t columns, size_t first, size_t count,
                            const double *share, size_t shares, float *own, double *const *out) {
#pragma omp parallel for schedule(static)
    for (size_t j = 0; j < count; j++) {
        float *column = own + j * rows;
        for (size_t i = 0; i < rows; i++)
            column[i] = x[i * columns + first + j];
        for (size_t k = 0; k < shares; k++)
            out[k][first + j] = quantile(column, rows, share[k]);
    }
}

ls_status ls_column_quantiles(const float *x, size_t rows, size_t columns, const double *share,
                              size_t count, double *const *out) {
    float *own = NULL;
    LS_TRY(ls_alloc(STRIP * rows, sizeof *own, "columns of X", &own));
    for (size_t first = 0; first < columns; first += STRIP) {
        const size_t rest = columns - first;
        strip_quantiles(x, rows, columns, first, rest < STRIP ? rest : STRIP, share, count, own,
                        out);
    }
    ls_free(own);
    return LS_OK;
}
