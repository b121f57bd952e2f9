/* Statistics of columns, each summed in row order by one thread.
 *
 * Why here: several transforms are fitted from the same few numbers. The loops run over rows
 * outside and a strip of columns inside: memory is read in order and the sums of neighbouring
 * columns become vector code without changing any column's order.
 */
#include "kind.h"
#include "lockstep/base/memory.h"

enum { STRIP = 64 }; /* columns: 256 bytes of a row, 512 bytes a sum */

/* A multiple of a float32 up to 2^29 times is exact in float64: a constant column's mean is its
 * value and its variance 0 without a special case. */
static void strip_moments(const float *x, size_t rows, size_t stride, size_t columns, double *mean,
                          double *variance) {
    double sum[STRIP] = {0}, square[STRIP] = {0};
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            sum[j] += (double)x[i * stride + j];
    for (size_t j = 0; j < columns; j++)
        mean[j] = sum[j] / (double)rows;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            double d = (double)x[i * stride + j] - mean[j];
            square[j] += d * d;
        }
    for (size_t j = 0; j < columns; j++)
        variance[j] = square[j] / (double)rows;
}

ls_status ls_column_moments(const float *x, size_t rows, size_t columns, double *mean,
                            double *variance) {
    double *own_mean = NULL;
    if (!mean) {
        LS_TRY(ls_alloc(columns, sizeof *own_mean, "column means", &own_mean));
        mean = own_mean;
    }
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < columns; first += STRIP) {
        size_t width = columns - first < STRIP ? columns - first : STRIP;
        strip_moments(x + first, rows, columns, width, mean + first, variance + first);
    }
    ls_free(own_mean);
    return LS_OK;
}

void ls_column_bounds(const float *x, size_t rows, size_t columns, double *smallest,
                      double *largest) {
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < columns; first += STRIP) {
        size_t end = columns - first < STRIP ? columns : first + STRIP;
        for (size_t j = first; j < end; j++)
            smallest[j] = largest[j] = (double)x[j];
        for (size_t i = 1; i < rows; i++)
            for (size_t j = first; j < end; j++) {
                double v = (double)x[i * columns + j];
                smallest[j] = v < smallest[j] ? v : smallest[j];
                largest[j] = v > largest[j] ? v : largest[j];
            }
    }
}
