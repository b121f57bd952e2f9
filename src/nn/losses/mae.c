/* mae: the mean over outputs of |z - t|. Its gradient is the sign, 0 at 0 (as PyTorch's L1Loss). */
#include <math.h>

#include "losses.h"

static double row_loss(const void *options, size_t n, const float *z, int32_t label,
                       const float *value, float *dz) {
    (void)options;
    (void)label;
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        double d = (double)z[j] - (double)value[j];
        sum += fabs(d);
        if (dz != NULL)
            dz[j] = (float)(((d > 0) - (d < 0)) / (double)n);
    }
    return sum / (double)n;
}

const ls_loss_type ls_loss_mae = {
    .row = {.name = "mae",
            .help = "mean absolute error over outputs, for regression that outliers must not rule"},
    .link = LS_LINK_NONE,
    .takes_values = true,
    .row_loss = row_loss,
};
