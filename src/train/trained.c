/* What a trained model is made of, and whether its parts fit each other. */
#include "lockstep/train/trained.h"

#include <math.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/split.h"

void ls_trained_destroy(ls_trained *t) {
    if (t == NULL)
        return;
    ls_model_destroy(t->model); /* before the config that its layers point into */
    ls_config_free(&t->config);
    ls_transforms_destroy(t->transforms);
    ls_strings_free(&t->classes);
    ls_strings_free(&t->targets);
    ls_strings_free(&t->features);
    ls_free(t->part);
    ls_free(t->provenance);
    ls_free(t);
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
    for (size_t i = 0; i < ds->n_samples * k; i++)
        if (ds->value[i] < min || ds->value[i] > max)
            return ls_hint(ls_fail(LS_ERR_DATA, ds->path,
                                   "%s: row %zu, column %zu: %g, but %s takes targets from %g to "
                                   "%g",
                                   t->config.data.y, i / k, i % k, (double)ds->value[i],
                                   loss->row.name, (double)min, (double)max),
                           "rescale the targets, or use mse");
    return LS_OK;
}

ls_status ls_trained_plan_model(ls_trained *t, size_t inputs) {
    ls_shape in = {1, {inputs}};
    const ls_loss_type *loss = ls_loss_type_of(&t->config.loss);
    LS_TRY(ls_model_create(&t->config.model, &t->config.loss, &in, &t->model));
    return t->target == LS_TARGET_CLASSES ? check_classes(t, loss) : check_values(t, loss);
}
