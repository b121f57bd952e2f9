/* mse: the mean over outputs of (z - t)^2, times scale. */
#include "losses.h"

typedef struct mse_options {
    double scale;
} mse_options;

static const ls_opt options[] = {
    {.key = "scale",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(mse_options, scale),
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .flags = LS_OPT_ABOVE_MIN,
     .help = "factor; 0.5 gives the textbooks' half square"},
    {.kind = LS_OPT_END},
};

static double row_loss(const void *opts, size_t n, const float *z, int32_t label,
                       const float *value, float *dz) {
    (void)label;
    double scale = ((const mse_options *)opts)->scale / (double)n, sum = 0;
    for (size_t j = 0; j < n; j++) {
        double d = (double)z[j] - (double)value[j];
        sum += d * d;
        if (dz != NULL)
            dz[j] = (float)(2 * scale * d);
    }
    return sum * scale;
}

const ls_loss_type ls_loss_mse = {
    .row = {"mse", "mean squared error over outputs, for regression", options, sizeof(mse_options),
            "scale"},
    .link = LS_LINK_NONE,
    .takes_values = true,
    .row_loss = row_loss,
};
