/* The table of losses, and what is common to all: a new one is a file in losses/ and a row
 * here. */
#include "losses.h"

#include <string.h>

#include "lockstep/math/vector.h"

static const ls_opt_row *const rows[] = {
    &ls_loss_softmax_cross_entropy.row,
    &ls_loss_binary_cross_entropy.row,
    &ls_loss_mse.row,
    NULL,
};

const ls_opt_choices ls_loss_choices = {.what = "loss", .rows = rows};

const ls_loss_type *ls_loss_type_of(const ls_choice *loss) {
    return (const ls_loss_type *)loss->row; /* the row is the first member */
}

void ls_loss_evaluate(const ls_choice *loss, const ls_segments *segments, size_t n, const float *z,
                      const ls_targets *targets, float scale, float *dz, double *row_loss,
                      double *segment_loss) {
    const ls_loss_type *type = ls_loss_type_of(loss);
    size_t n_rows = segments->first[segments->count];
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < n_rows; r++) {
        float *d = dz != NULL ? dz + r * n : NULL;
        row_loss[r] = type->row_loss(loss->options, n, z + r * n,
                                     targets->label != NULL ? targets->label[r] : 0,
                                     targets->value != NULL ? targets->value + r * n : NULL, d);
        for (size_t j = 0; d != NULL && j < n; j++)
            d[j] *= scale;
    }
    for (size_t s = 0; s < segments->count; s++) {
        segment_loss[s] = 0;
        for (size_t r = segments->first[s]; r < segments->first[s + 1]; r++)
            segment_loss[s] += row_loss[r];
    }
}

void ls_loss_predict(const ls_choice *loss, size_t n_rows, size_t n, const float *z, float *p) {
    switch (ls_loss_type_of(loss)->link) {
    case LS_LINK_SOFTMAX:
        ls_softmax(n_rows, n, z, p);
        break;
    case LS_LINK_SIGMOID:
        ls_sigmoid(n_rows * n, z, p);
        break;
    case LS_LINK_NONE:
        if (p != z)
            memcpy(p, z, n_rows * n * sizeof *p);
        break;
    }
}
