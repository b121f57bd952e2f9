/* Models, losses and optimisers for tests, from the YAML that a config would hold.
 *
 * Why here: the options of a layer are private to it, so a test gives them as a user does. */
#ifndef LS_TESTS_SUPPORT_NN_CONFIG_H
#define LS_TESTS_SUPPORT_NN_CONFIG_H

#include "lockstep/nn/model.h"
#include "lockstep/opt/options.h"
#include "lockstep/optim/optimizer.h"
#include "test_files.h"

/* "model: [{dense: 3}, relu]", "loss: mse", "optimizer: {sgd: {lr: 1}}": what is left out is a
 * dense layer of one unit, mse and sgd. Free with nn_config_free. */
typedef struct nn_config {
    ls_choice_list model;
    ls_choice loss, optimizer;
} nn_config;

static const ls_opt nn_config_table[] = {{.key = "model",
                                          .kind = LS_OPT_CHOICE_LIST,
                                          .offset = offsetof(nn_config, model),
                                          .fallback = "[{dense: 1}]",
                                          .choices = &ls_layer_choices,
                                          .help = "layers"},
                                         {.key = "loss",
                                          .kind = LS_OPT_CHOICE,
                                          .offset = offsetof(nn_config, loss),
                                          .fallback = "mse",
                                          .choices = &ls_loss_choices,
                                          .help = "loss"},
                                         {.key = "optimizer",
                                          .kind = LS_OPT_CHOICE,
                                          .offset = offsetof(nn_config, optimizer),
                                          .fallback = "sgd",
                                          .choices = &ls_optimizer_choices,
                                          .help = "optimiser"},
                                         {.kind = LS_OPT_END}};

static inline nn_config nn_config_of(const char *yaml) {
    nn_config config = {0};
    ls_node *node = NULL;
    OK(ls_node_parse(yaml, "test", "", &node));
    ls_status st = ls_options_read(nn_config_table, node, &config);
    if (st != LS_OK)
        fail_msg("%s: %s", yaml, ls_error_last()->message);
    ls_node_destroy(node);
    return config;
}

static inline void nn_config_free(nn_config *config) {
    ls_options_free(nn_config_table, config);
}

/* The config's model on samples of `in` numbers, weights zero. */
static inline ls_model *nn_model_of(const nn_config *config, size_t in) {
    ls_model *m = NULL;
    const ls_gemm *gemm = NULL;
    if (ls_gemm_choose(LS_GEMM_AUTO, &gemm) != LS_OK ||
        ls_model_create(&config->model, &config->loss, &(ls_shape){1, {in}}, NULL, gemm, &m) !=
            LS_OK)
        fail_msg("%s", ls_error_last()->message);
    return m;
}

#endif
