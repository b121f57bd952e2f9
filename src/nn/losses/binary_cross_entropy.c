/* binary_cross_entropy: -t log s(z) - (1 - t) log(1 - s(z)) with the logistic function s, from
 * logits, the mean over outputs (PyTorch's BCEWithLogitsLoss). Two classes with one output (t = the
 * class code), or targets in [0, 1], one an output: several labels a row, each there or not. */
#include <math.h>

#include "losses.h"

static size_t outputs(size_t n_classes) {
    (void)n_classes;
    return 1;
}

/* max(z, 0) - z t + log(1 + exp(-|z|)): the same number, without overflow. */
static double one(double z, double t, double *dz) {
    double e = exp(-fabs(z));
    double p = z >= 0 ? 1 / (1 + e) : e / (1 + e);
    *dz = p - t;
    return (z > 0 ? z : 0) - z * t + log1p(e);
}

static double row_loss(const void *options, size_t n, const float *z, int32_t label,
                       const float *value, float *dz) {
    (void)options;
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        double d, t = value != NULL ? (double)value[j] : (double)label;
        sum += one(z[j], t, &d);
        if (dz != NULL)
            dz[j] = (float)(d / (double)n);
    }
    return sum / (double)n;
}

const ls_loss_type ls_loss_binary_cross_entropy = {
    .row =
        {.name = "binary_cross_entropy",
         .help =
             "two classes with one output, or labels that can stand together: a target in [0, 1] "
             "an output (logits)"},
    .link = LS_LINK_SIGMOID,
    .takes_labels = true,
    .takes_values = true,
    .n_classes = 2,
    .value_max = 1,
    .outputs = outputs,
    .row_loss = row_loss,
};
