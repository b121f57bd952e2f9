/* What a trained model is made of, and whether its parts fit each other. */
#include "lockstep/train/trained.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/split.h"

void ls_trained_destroy(ls_trained *t) {
    if (t == NULL)
        return;
    ls_model_destroy(t->model); /* before the config that its layers point into */
    ls_gemm_destroy(t->bf16);
    ls_config_free(&t->config);
    ls_transforms_destroy(t->transforms);
    ls_strings_free(&t->classes);
    ls_free(t->class_weight);
    ls_strings_free(&t->targets);
    ls_strings_free(&t->features);
    ls_free(t->part);
    ls_free(t->spread.edge);
    ls_free(t->provenance);
    ls_free(t);
}

size_t ls_state_slots(const ls_config *c, const char *name[LS_STATE_SLOTS_MAX]) {
    size_t n = ls_optimizer_slots(&c->optimizer, name);
    if (isnan(c->train.ema))
        return n;
    if (name != NULL)
        name[n] = LS_EMA_SLOT;
    return n + 1;
}

const char *ls_trained_monitor(const ls_trained *t) {
    const char *monitor = t->config.train.early_stopping.monitor;
    bool val = strncmp(monitor, "val_", 4) == 0;
    return val && ls_split_count(t->part, t->n_samples, LS_SPLIT_VAL) == 0 ? "train_loss" : monitor;
}

static ls_status check_classes(const ls_trained *t, const ls_loss_type *loss) {
    size_t n = t->classes.count, wanted = loss->outputs != NULL ? loss->outputs(n) : 0;
    if (!loss->takes_labels)
        return ls_hint(
            ls_fail(LS_ERR_CONFIG, "loss",
                    "%s wants float targets, the dataset has "
                    "classes",
                    loss->row.name),
            "use softmax_cross_entropy for classes; quantities to predict must be stored as "
            "floats");
    if (loss->n_classes != 0 && n != loss->n_classes)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "loss", "%s takes %zu classes, the dataset has %zu",
                               loss->row.name, loss->n_classes, n),
                       "use softmax_cross_entropy");
    if (wanted != 0 && wanted != t->model->out_size)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "model",
                               "it has %zu outputs, %s over the dataset's %zu classes needs %zu",
                               t->model->out_size, loss->row.name, n, wanted),
                       "set the last dense layer's units to %zu", wanted);
    return LS_OK;
}

static ls_status check_values(const ls_trained *t, const ls_loss_type *loss) {
    if (!loss->takes_values)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "loss",
                               "%s wants classes, the dataset has float "
                               "targets",
                               loss->row.name),
                       "use mse for regression");
    if (t->n_targets != t->model->out_size)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "model",
                               "it has %zu outputs, the dataset has %zu targets a sample",
                               t->model->out_size, t->n_targets),
                       "set the last dense layer's units to %zu", t->n_targets);
    return LS_OK;
}

/* What float targets look like, for a loss that wants classes. */
static bool are_whole(const ls_dataset *ds) {
    for (size_t i = 0; i < ds->n_samples * ds->n_outputs; i++)
        if (ds->value[i] != rintf(ds->value[i]))
            return false;
    return true;
}

static bool are_one_hot(const ls_dataset *ds) {
    for (size_t i = 0; i < ds->n_samples; i++) {
        size_t ones = 0, zeros = 0;
        for (size_t j = 0; j < ds->n_outputs; j++) {
            ones += ds->value[i * ds->n_outputs + j] == 1;
            zeros += ds->value[i * ds->n_outputs + j] == 0;
        }
        if (ones != 1 || ones + zeros != ds->n_outputs)
            return false;
    }
    return ds->n_outputs > 1;
}

static ls_status fail_float_targets(const ls_trained *t, const ls_dataset *ds,
                                    const ls_loss_type *loss) {
    ls_status st =
        ls_fail(LS_ERR_CONFIG, "loss", "%s wants classes, but %s of %s holds %s", loss->row.name,
                t->config.data.y, ds->path, are_one_hot(ds) ? "one-hot rows" : "float targets");
    if (are_one_hot(ds))
        return ls_hint(st, "store one class code a sample instead (numpy: "
                           "y.argmax(axis=1).astype('int32')), or use binary_cross_entropy");
    if (ds->n_outputs == 1 && are_whole(ds))
        return ls_hint(st, "class codes must be stored as integers (h5py: y.astype('int32'); R: "
                           "as.integer(y), and 1L in place of 1); use mse for regression");
    return ls_hint(st, "use mse for regression");
}

ls_status ls_trained_check_values(const ls_trained *t, const ls_dataset *ds) {
    const ls_loss_type *loss = ls_loss_type_of(&t->config.loss);
    float min = loss->value_min, max = loss->value_max;
    size_t k = ds->n_outputs;
    if (ds->value == NULL)
        return LS_OK;
    if (!loss->takes_values)
        return fail_float_targets(t, ds, loss);
    if (min == 0 && max == 0)
        return LS_OK;
    char to[32] = " on";
    if (isfinite(max))
        snprintf(to, sizeof to, " to %g", (double)max);
    for (size_t i = 0; i < ds->n_samples * k; i++)
        if (ds->value[i] < min || ds->value[i] > max)
            return ls_hint(ls_fail(LS_ERR_DATA, ds->path,
                                   "%s: row %zu, column %zu: %g, but %s takes targets from %g%s",
                                   t->config.data.y, i / k, i % k, (double)ds->value[i],
                                   loss->row.name, (double)min, to),
                           "rescale the targets, or use mse");
    return LS_OK;
}

/* ---- strategy features ---- */

/* From so many inputs on, and with so many times the rows of a batch, the weights of the first
 * layer are more to send than what a batch makes of them. */
#define WIDE_INPUTS ((size_t)8192)
#define WIDE_ROWS 4

/* What `auto` means, and why. */
static int auto_strategy(const ls_config *c, size_t inputs, char *why, size_t size) {
    char given[32], limit[32];
    const size_t rows = (size_t)c->batch.rows, lanes = (size_t)c->batch.lanes;
    int strategy = LS_STRATEGY_DATA;
    ls_print_count(inputs, given);
    if (!ls_model_can_shard(&c->model)) {
        snprintf(why, size, "%s", ls_model_why_whole(&c->model));
    } else if (inputs < WIDE_INPUTS) {
        snprintf(why, size, "%s inputs are less than %s", given,
                 ls_print_count(WIDE_INPUTS, limit));
    } else if (inputs < WIDE_ROWS * rows) {
        snprintf(why, size, "%s inputs are less than %d times the %s rows of a batch", given,
                 WIDE_ROWS, ls_print_count(rows, limit));
    } else if (lanes > LS_FEATURE_BLOCKS) { /* it is for as many ranks as lanes */
        snprintf(why, size, "%zu lanes are more than the %zu blocks of columns", lanes,
                 LS_FEATURE_BLOCKS);
    } else {
        snprintf(why, size,
                 "with %s inputs the first layer's weights are more to send than what "
                 "it makes of a batch",
                 given);
        strategy = LS_STRATEGY_FEATURES;
    }
    return strategy;
}

ls_status ls_trained_choose_strategy(ls_trained *t, size_t inputs) {
    char why[LS_STRATEGY_WHY_MAX];
    int *strategy = &t->config.parallel.strategy;
    if (*strategy == LS_STRATEGY_FEATURES && !ls_model_can_shard(&t->config.model))
        return ls_hint(ls_fail(LS_ERR_CONFIG, "parallel.strategy",
                               "features is not for this model: %s",
                               ls_model_why_whole(&t->config.model)),
                       "use parallel.strategy: data");
    if (*strategy == LS_STRATEGY_AUTO)
        *strategy = auto_strategy(&t->config, inputs, why, sizeof why);
    return LS_OK;
}

void ls_trained_explain_strategy(const ls_trained *t, size_t inputs, char *why, size_t size) {
    static const char *const name[] = {"auto", "data", "features"};
    char reason[LS_STRATEGY_WHY_MAX];
    const int chosen = auto_strategy(&t->config, inputs, reason, sizeof reason);
    if (chosen == t->config.parallel.strategy)
        snprintf(why, size, "%s", reason);
    else
        snprintf(why, size, "as asked for; auto would take %s: %s", name[chosen], reason);
}

static size_t blocks_of(size_t inputs) {
    return inputs < LS_FEATURE_BLOCKS ? inputs : LS_FEATURE_BLOCKS;
}

/* The columns of consecutive blocks. */
static ls_tree_range columns_of(size_t inputs, ls_tree_range blocks) {
    const size_t n = blocks_of(inputs);
    const size_t first = ls_share(inputs, n, blocks.first).first;
    const ls_tree_range last = ls_share(inputs, n, blocks.first + blocks.count - 1);
    return (ls_tree_range){first, last.first + last.count - first};
}

ls_tree_range ls_feature_columns(size_t inputs, size_t ranks, size_t rank) {
    return columns_of(inputs, ls_share(blocks_of(inputs), ranks, rank));
}

ls_status ls_trained_check_ranks(const ls_trained *t, size_t inputs, size_t ranks) {
    const size_t n = blocks_of(inputs);
    if (t->config.parallel.strategy != LS_STRATEGY_FEATURES || ranks <= n)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_CONFIG, "parallel.strategy",
                           "features: %zu ranks are more than the %zu blocks of columns", ranks, n),
                   "start at most %zu ranks, or train with parallel.strategy: data", n);
}

static ls_status spread_columns(ls_trained *t, size_t inputs, size_t ranks, size_t rank) {
    ls_spread *s = &t->spread;
    const size_t n = blocks_of(inputs);
    s->total = n;
    s->mine = ls_share(n, ranks, rank);
    LS_TRY(ls_alloc(s->mine.count + 1, sizeof *s->edge, "features", &s->edge));
    for (size_t i = 0; i < s->mine.count; i++) {
        const ls_tree_range block = ls_share(inputs, n, s->mine.first + i);
        s->edge[i] = block.first;
        s->edge[i + 1] = block.first + block.count;
    }
    return LS_OK;
}

ls_status ls_trained_plan_model(ls_trained *t, size_t inputs, size_t ranks, size_t rank) {
    ls_shape in = {1, {inputs}};
    const ls_loss_type *loss = ls_loss_type_of(&t->config.loss);
    ls_tree_range columns, *some = NULL;
    LS_TRY(ls_trained_check_ranks(t, inputs, ranks));
    if (t->config.parallel.strategy == LS_STRATEGY_FEATURES) {
        LS_TRY(spread_columns(t, inputs, ranks, rank));
        const size_t *edge = t->spread.edge, end = edge[t->spread.mine.count];
        columns = (ls_tree_range){edge[0], end - edge[0]};
        some = &columns;
    }
    LS_TRY(ls_model_create(&t->config.model, &t->config.loss, &in, some, t->gemm, &t->model));
    return t->target == LS_TARGET_CLASSES ? check_classes(t, loss) : check_values(t, loss);
}

ls_status ls_trained_loader(const ls_trained *t, ls_dataset *ds, const uint32_t *index,
                            ls_loader **out) {
    const ls_spread *s = &t->spread;
    const ls_loader_columns columns = {s->mine.first, s->mine.count, s->edge};
    return ls_loader_create(ds, index, t->transforms, s->total > 0 ? &columns : NULL, out);
}
