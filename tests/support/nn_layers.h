/* An example for each layer: how a config writes it.
 *
 * Why here: tests that walk the table of layers need options for those that ask for some; a layer
 * without an example fails them. */
#ifndef LS_TESTS_SUPPORT_NN_LAYERS_H
#define LS_TESTS_SUPPORT_NN_LAYERS_H

static const struct layer_example {
    const char *name, *yaml;
} layer_examples[] = {
    {"dense", "{dense: {units: 5}}"},
    {"dense", "{dense: {units: 3, bias: false}}"},
    {"linear", "linear"},
    {"relu", "relu"},
    {"leaky_relu", "leaky_relu"},
    {"leaky_relu", "{leaky_relu: 0.25}"},
    {"elu", "elu"},
    {"elu", "{elu: {alpha: 0.5}}"},
    {"selu", "selu"},
    {"gelu", "gelu"},
    {"softplus", "softplus"},
    {"sigmoid", "sigmoid"},
    {"tanh", "tanh"},
    {"threshold", "threshold"},
    {"threshold", "{threshold: 0.5}"},
    {"softmax", "softmax"},
    {"layer_norm", "layer_norm"},
    {"layer_norm", "{layer_norm: {eps: 0.25, affine: false}}"},
    {"batch_norm", "{batch_norm: {eps: 0.5}}"},
    {"batch_norm", "{batch_norm: {eps: 0.25, affine: false}}"},
    {"batch_norm", "{batch_norm: {frozen: true}}"},
    {"dropout", "{dropout: {rate: 0.4}}"},
    {"residual", "{residual: {layers: [tanh]}}"},
    {"tied", "{tied: 0}"},
    {"tied", "{tied: {to: 0, bias: false}}"},
    {"tied", "{tied: {to: 0, frozen: true}}"},
    {"gaussian_noise", "{gaussian_noise: {std: 0.5}}"},
    {"multiplicative_noise", "{multiplicative_noise: 0.5}"},
};
enum { LAYER_EXAMPLES = sizeof layer_examples / sizeof *layer_examples };

#endif
