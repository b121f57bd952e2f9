/* softmax_cross_entropy: -sum_k q_k log softmax(z)_k from logits; its gradient is p - q. q is
 * one-hot, or with label smoothing e over K classes (1 - e) onehot + e / K (Szegedy et al. 2016;
 * PyTorch's CrossEntropyLoss). */
#include <math.h>

#include "losses.h"

typedef struct softmax_options {
    double label_smoothing;
} softmax_options;

static const ls_opt options[] = {
    {.key = "label_smoothing",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(softmax_options, label_smoothing),
     .fallback = "0",
     .min = 0,
     .max = 1,
     .help = "share of each target that is spread evenly over all classes; part of every loss that "
             "is reported"},
    {.kind = LS_OPT_END},
};

static size_t outputs(size_t n_classes) {
    return n_classes;
}

static double row_loss(const void *opts, size_t n, const float *z, int32_t label,
                       const float *value, float *dz) {
    (void)value;
    const double e = ((const softmax_options *)opts)->label_smoothing, rest = e / (double)n;
    double top = z[0], sum = 0, spread = 0;
    for (size_t j = 1; j < n; j++)
        top = z[j] > top ? z[j] : top;
    for (size_t j = 0; j < n; j++) {
        sum += exp(z[j] - top);
        spread += z[j] - top;
    }
    for (size_t j = 0; dz != NULL && j < n; j++)
        dz[j] = (float)(exp(z[j] - top) / sum - ((int32_t)j == label ? 1 - e + rest : rest));
    return log(sum) - (1 - e) * (z[label] - top) - (e > 0 ? rest * spread : 0);
}

const ls_loss_type ls_loss_softmax_cross_entropy = {
    .row = {"softmax_cross_entropy", "classes, one output each (logits): -log softmax(z)[class]",
            options, sizeof(softmax_options), "label_smoothing"},
    .link = LS_LINK_SOFTMAX,
    .takes_labels = true,
    .outputs = outputs,
    .row_loss = row_loss,
};
