/* softmax_cross_entropy: -log softmax(z)[label], from logits; its gradient is p - onehot. */
#include <math.h>

#include "losses.h"

static size_t outputs(size_t n_classes) {
    return n_classes;
}

static double row_loss(const void *options, size_t n, const float *z, int32_t label,
                       const float *value, float *dz) {
    (void)options;
    (void)value;
    double top = z[0], sum = 0;
    for (size_t j = 1; j < n; j++)
        top = z[j] > top ? z[j] : top;
    for (size_t j = 0; j < n; j++)
        sum += exp(z[j] - top);
    for (size_t j = 0; dz != NULL && j < n; j++)
        dz[j] = (float)(exp(z[j] - top) / sum - ((int32_t)j == label ? 1.0 : 0.0));
    return log(sum) - (z[label] - top);
}

const ls_loss_type ls_loss_softmax_cross_entropy = {
    .row = {.name = "softmax_cross_entropy",
            .help = "classes, one output each (logits): -log softmax(z)[class]"},
    .link = LS_LINK_SOFTMAX,
    .takes_labels = true,
    .outputs = outputs,
    .row_loss = row_loss,
};
