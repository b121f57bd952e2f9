/* The table of losses, and what is common to all: a new one is a file in losses/ and a row
 * here. */
#include "losses.h"

#include "lockstep/math/vector.h"

static const ls_opt_row *const rows[] = {
    &ls_loss_softmax_cross_entropy.row,
    &ls_loss_binary_cross_entropy.row,
    &ls_loss_mse.row,
    &ls_loss_mae.row,
    &ls_loss_huber.row,
    &ls_loss_poisson_nll.row,
    &ls_loss_negative_binomial_nll.row,
    NULL,
};

const ls_opt_choices ls_loss_choices = {.what = "loss", .rows = rows};

const ls_loss_type *ls_loss_type_of(const ls_choice *loss) {
    return (const ls_loss_type *)loss->row; /* the row is the first member */
}

static double weight_of(const double *weight, size_t row) {
    return weight != NULL ? weight[row] : 1;
}

void ls_loss_evaluate(const ls_choice *loss, const ls_segments *segments, size_t n, const float *z,
                      const ls_targets *targets, float *dz, double *row_loss, ls_loss_sum *sum) {
    const ls_loss_type *type = ls_loss_type_of(loss);
    size_t n_rows = segments->first[segments->count];
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < n_rows; r++)
        row_loss[r] = type->row_loss(
            loss->options, n, z + r * n, targets->label != NULL ? targets->label[r] : 0,
            targets->value != NULL ? targets->value + r * n : NULL, dz != NULL ? dz + r * n : NULL);
    for (size_t s = 0; s < segments->count; s++) {
        sum[s] = (ls_loss_sum){0};
        for (size_t r = segments->first[s]; r < segments->first[s + 1]; r++) {
            const double w = weight_of(targets->weight, r);
            sum[s].loss += w > 0 ? w * row_loss[r] : 0; /* whatever the loss is */
            sum[s].weight += w;
        }
    }
}

void ls_loss_mean_gradient(size_t n_rows, size_t n, const double *weight, double all, float *dz) {
#pragma omp parallel for schedule(static) if (n_rows * n > LS_VECTOR_CHUNK)
    for (size_t r = 0; r < n_rows; r++) {
        const double w = weight_of(weight, r);
        const float scale = (float)(w / all);
        for (size_t j = 0; j < n; j++)
            dz[r * n + j] = w > 0 ? dz[r * n + j] * scale : 0;
    }
}

void ls_loss_predict(const ls_choice *loss, size_t n_rows, size_t n, const float *z, float *p) {
    ls_link_apply(ls_loss_type_of(loss)->link, n_rows, n, z, p);
}
