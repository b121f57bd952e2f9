/* poisson_nll: exp(z) - t z, the mean over outputs: what depends on the model of -log of the
 * Poisson probability of the count t at the mean exp(z) (PyTorch's PoissonNLLLoss with log_input,
 * not full). It can be negative. Beyond z = 709 the mean itself is more than float64 holds. */
#include <math.h>

#include "losses.h"

static double row_loss(const void *options, size_t n, const float *z, int32_t label,
                       const float *value, float *dz) {
    (void)options;
    (void)label;
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        const double at = (double)z[j], mean = exp(at), t = (double)value[j];
        sum += mean - t * at;
        if (dz != NULL)
            dz[j] = (float)((mean - t) / (double)n);
    }
    return sum / (double)n;
}

const ls_loss_type ls_loss_poisson_nll = {
    .row = {.name = "poisson_nll",
            .help = "counts whose variance is their mean; outputs are the mean's logarithm"},
    .link = LS_LINK_EXP,
    .takes_values = true,
    .value_max = INFINITY,
    .row_loss = row_loss,
};
