/* huber: with d = z - t, the mean over outputs of d^2 / 2 up to |d| = delta, and of
 * delta (|d| - delta / 2) from there on (Huber 1964; PyTorch's HuberLoss). */
#include <math.h>

#include "losses.h"

typedef struct huber_options {
    double delta;
} huber_options;

static const ls_opt options[] = {
    {.key = "delta",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(huber_options, delta),
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .flags = LS_OPT_ABOVE_MIN,
     .help = "error from which on the loss grows linearly, in the targets' unit"},
    {.kind = LS_OPT_END},
};

static double row_loss(const void *opts, size_t n, const float *z, int32_t label,
                       const float *value, float *dz) {
    (void)label;
    const double delta = ((const huber_options *)opts)->delta;
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        double d = (double)z[j] - (double)value[j], size = fabs(d);
        sum += size <= delta ? d * d / 2 : delta * (size - delta / 2);
        if (dz != NULL)
            dz[j] = (float)((size <= delta ? d : copysign(delta, d)) / (double)n);
    }
    return sum / (double)n;
}

const ls_loss_type ls_loss_huber = {
    .row = {"huber", "half the squared error where it is small, linear beyond, for regression",
            options, sizeof(huber_options), "delta"},
    .link = LS_LINK_NONE,
    .takes_values = true,
    .row_loss = row_loss,
};
