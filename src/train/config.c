/* The table of the config, and what ties its options together. */
#include "lockstep/train/config.h"

#include <math.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/transform.h"
#include "lockstep/nn/layer.h"
#include "lockstep/nn/loss.h"
#include "lockstep/optim/optimizer.h"

#define DEFAULT_LANES 8
#define MAX_LANES 1024

static const ls_opt split_table[] = {
    {.kind = LS_OPT_GIVEN, .offset = offsetof(ls_config_split, given)},
    {.key = "train",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(ls_config_split, train),
     .fallback = "null",
     .max = 1,
     .help = "share of the rows to train on; unset: what val and test leave"},
    {.key = "val",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(ls_config_split, val),
     .fallback = "null",
     .max = 1,
     .help = "share of the rows for validation; unset: 0"},
    {.key = "test",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(ls_config_split, test),
     .fallback = "null",
     .max = 1,
     .help = "share of the rows for testing; unset: 0"},
    {.key = "stratify",
     .kind = LS_OPT_BOOL,
     .offset = offsetof(ls_config_split, stratify),
     .fallback = "false",
     .help = "keep the classes' shares in every part"},
    {.key = "group",
     .kind = LS_OPT_STRING,
     .offset = offsetof(ls_config_split, group),
     .fallback = "null",
     .help = "array of the dataset (groups): rows of one group stay in one part"},
    {.kind = LS_OPT_END},
};

static const ls_opt data_table[] = {
    {.key = "file",
     .kind = LS_OPT_PATH,
     .offset = offsetof(ls_config_data, file),
     .flags = LS_OPT_MAY_CHANGE,
     .help = "dataset (HDF5), relative to the config file"},
    {.key = "x",
     .kind = LS_OPT_STRING,
     .offset = offsetof(ls_config_data, x),
     .fallback = "/X",
     .help = "array of the matrix"},
    {.key = "y",
     .kind = LS_OPT_STRING,
     .offset = offsetof(ls_config_data, y),
     .fallback = "/y",
     .help = "array of class codes or targets"},
    {.key = "classes",
     .kind = LS_OPT_STRING,
     .offset = offsetof(ls_config_data, classes),
     .fallback = "/classes",
     .help = "array of class names"},
    {.key = "features",
     .kind = LS_OPT_STRING,
     .offset = offsetof(ls_config_data, features),
     .fallback = "/features",
     .help = "array of feature names"},
    {.key = "samples",
     .kind = LS_OPT_STRING,
     .offset = offsetof(ls_config_data, samples),
     .fallback = "/samples",
     .help = "array of sample ids"},
    {.key = "split_array",
     .kind = LS_OPT_STRING,
     .offset = offsetof(ls_config_data, split_array),
     .fallback = "/split",
     .help = "array of the stored split (0 train, 1 val, 2 test)"},
    {.key = "layout",
     .kind = LS_OPT_WORD,
     .offset = offsetof(ls_config_data, layout),
     .fallback = "samples_by_features",
     .words = "samples_by_features|features_by_samples",
     .help = "orientation of the matrix in the file"},
    {.key = "split",
     .kind = LS_OPT_SECTION,
     .offset = offsetof(ls_config_data, split),
     .fallback = "null",
     .section = split_table,
     .help = "how rows are parted; unset: the stored split, else 0.8, 0.1, 0.1"},
    {.key = "transform",
     .kind = LS_OPT_CHOICE_LIST,
     .offset = offsetof(ls_config_data, transform),
     .fallback = "[]",
     .choices = &ls_transform_choices,
     .help = "transforms of the matrix, in order, fitted on the training rows"},
    {.key = "block_rows",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_config_data, block_rows),
     .fallback = "32",
     .min = 1,
     .max = 1 << 20,
     .help = "consecutive training rows that are dealt to a lane together"},
    {.key = "shuffle_window",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_config_data, shuffle_window),
     .fallback = "1024",
     .min = 1,
     .max = 1 << 30,
     .help = "rows of a lane that are shuffled together"},
    {.kind = LS_OPT_END},
};

static const ls_opt batch_table[] = {
    {.key = "size",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_config_batch, size),
     .fallback = "256",
     .min = 1,
     .max = 1 << 24,
     .help = "rows of a step, over all ranks"},
    {.key = "lanes",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_config_batch, lanes),
     .fallback = "null",
     .min = 1,
     .max = MAX_LANES,
     .help = "parts of a batch and most ranks; unset: largest divisor of size up to 8"},
    {.key = "last",
     .kind = LS_OPT_WORD,
     .offset = offsetof(ls_config_batch, last),
     .fallback = "keep",
     .words = "keep|drop",
     .help = "what becomes of the steps that are not full"},
    {.kind = LS_OPT_END},
};

static const ls_opt parallel_table[] = {
    {.key = "strategy",
     .kind = LS_OPT_WORD,
     .offset = offsetof(ls_config_parallel, strategy),
     .fallback = "auto",
     .words = "auto|data|features",
     .help = "what the ranks share of a wide first layer: its rows (data) or its inputs (features: "
             "weights never travel); auto: features from 8192 inputs on"},
    {.kind = LS_OPT_END},
};

static const ls_opt stopping_table[] = {
    {.kind = LS_OPT_GIVEN, .offset = offsetof(ls_config_stopping, given)},
    {.key = "monitor",
     .kind = LS_OPT_STRING,
     .offset = offsetof(ls_config_stopping, monitor),
     .fallback = "val_loss",
     .help = "metric that decides: val_loss, val_accuracy, train_loss, ..."},
    {.key = "patience",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_config_stopping, patience),
     .fallback = "5",
     .min = 1,
     .max = 1 << 30,
     .help = "epochs without improvement after which training stops"},
    {.key = "min_delta",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(ls_config_stopping, min_delta),
     .fallback = "0",
     .max = 1e30,
     .help = "smallest change that counts as improvement"},
    {.kind = LS_OPT_END},
};

static const ls_opt train_table[] = {
    {.key = "epochs",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_config_train, epochs),
     .fallback = "10",
     .min = 1,
     .max = 1 << 30,
     .flags = LS_OPT_MAY_CHANGE,
     .help = "passes over the training rows"},
    {.key = "early_stopping",
     .kind = LS_OPT_SECTION,
     .offset = offsetof(ls_config_train, early_stopping),
     .fallback = "null",
     .section = stopping_table,
     .help = "stop when a metric no longer improves; unset: never"},
    {.kind = LS_OPT_END},
};

/* None of these can change the result. */
static const ls_opt checkpoint_table[] = {
    {.key = "every_epochs",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_config_checkpoint, every_epochs),
     .fallback = "1",
     .min = 1,
     .max = 1 << 30,
     .flags = LS_OPT_MAY_CHANGE,
     .help = "epochs between checkpoints; the best and the last epoch are always saved"},
    {.key = "every_steps",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_config_checkpoint, every_steps),
     .fallback = "null",
     .min = 1,
     .max = 1 << 30,
     .flags = LS_OPT_MAY_CHANGE,
     .help = "steps between checkpoints inside an epoch; unset: none"},
    {.key = "every_minutes",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(ls_config_checkpoint, every_minutes),
     .fallback = "30",
     .max = 1e6,
     .flags = LS_OPT_MAY_CHANGE | LS_OPT_ABOVE_MIN,
     .help = "longest time without a checkpoint inside an epoch"},
    {.key = "keep",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_config_checkpoint, keep),
     .fallback = "2",
     .min = 1,
     .max = 1 << 20,
     .flags = LS_OPT_MAY_CHANGE,
     .help = "newest checkpoints that are kept: last.h5 and those before it, step-N.h5"},
    {.key = "background",
     .kind = LS_OPT_BOOL,
     .offset = offsetof(ls_config_checkpoint, background),
     .fallback = "true",
     .flags = LS_OPT_MAY_CHANGE,
     .help = "train on while a thread writes a copy, where rank 0 has the memory for one"},
    {.kind = LS_OPT_END},
};

const ls_opt ls_config_table[] = {
    {.key = "name",
     .kind = LS_OPT_STRING,
     .offset = offsetof(ls_config, name),
     .fallback = "run",
     .help = "name of the run; its directory is runs/<name>"},
    {.key = "seed",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_config, seed),
     .fallback = "0",
     .max = 4294967295.0,
     .help = "key of all random draws"},
    {.key = "data",
     .kind = LS_OPT_SECTION,
     .offset = offsetof(ls_config, data),
     .section = data_table,
     .help = "the dataset"},
    {.key = "model",
     .kind = LS_OPT_CHOICE_LIST,
     .offset = offsetof(ls_config, model),
     .choices = &ls_layer_choices,
     .help = "layers, from input to output"},
    {.key = "loss",
     .kind = LS_OPT_CHOICE,
     .offset = offsetof(ls_config, loss),
     .choices = &ls_loss_choices,
     .help = "what is minimised"},
    {.key = "optimizer",
     .kind = LS_OPT_CHOICE,
     .offset = offsetof(ls_config, optimizer),
     .fallback = "adam",
     .choices = &ls_optimizer_choices,
     .help = "how weights are updated"},
    {.key = "batch",
     .kind = LS_OPT_SECTION,
     .offset = offsetof(ls_config, batch),
     .fallback = "{}",
     .section = batch_table,
     .help = "rows of a step"},
    {.key = "parallel",
     .kind = LS_OPT_SECTION,
     .offset = offsetof(ls_config, parallel),
     .fallback = "{}",
     .section = parallel_table,
     .help = "how the work is shared; part of what fixes the result"},
    {.key = "train",
     .kind = LS_OPT_SECTION,
     .offset = offsetof(ls_config, train),
     .fallback = "{}",
     .section = train_table,
     .help = "length of training"},
    {.key = "checkpoint",
     .kind = LS_OPT_SECTION,
     .offset = offsetof(ls_config, checkpoint),
     .fallback = "{}",
     .section = checkpoint_table,
     .help = "when and where the state is saved"},
    {.kind = LS_OPT_END},
};

static ls_status check_split(ls_config_split *s, const char *where) {
    if (!s->given)
        return LS_OK;
    bool none = isnan(s->train) && isnan(s->val) && isnan(s->test);
    if (isnan(s->val))
        s->val = none ? 0.1 : 0;
    if (isnan(s->test))
        s->test = none ? 0.1 : 0;
    if (isnan(s->train))
        s->train = 1 - s->val - s->test;
    if (fabs(s->train + s->val + s->test - 1) > 1e-6)
        return ls_hint(ls_fail(LS_ERR_CONFIG, where, "data.split: train, val and test make %g",
                               s->train + s->val + s->test),
                       "together they must make 1");
    if (s->train <= 0)
        return ls_fail(LS_ERR_CONFIG, where, "data.split: nothing is left to train on");
    return LS_OK;
}

static int64_t default_lanes(int64_t size) {
    int64_t lanes = 1;
    for (int64_t l = 2; l <= DEFAULT_LANES; l++)
        if (size % l == 0)
            lanes = l;
    return lanes;
}

static ls_status check_batch(ls_config_batch *b, const char *where) {
    if (b->lanes == LS_OPT_UNSET)
        b->lanes = default_lanes(b->size);
    if (b->size % b->lanes != 0)
        return ls_hint(ls_fail(LS_ERR_CONFIG, where,
                               "batch.size: %lld is not divisible by batch.lanes: %lld",
                               (long long)b->size, (long long)b->lanes),
                       "choose a batch size that is a multiple of the lanes");
    return LS_OK;
}

static ls_status check_name(const ls_config *c, const char *where) {
    if (c->name == NULL || c->name[0] == '\0' || strchr(c->name, '/') != NULL || c->name[0] == '.')
        return ls_fail(LS_ERR_CONFIG, where,
                       "name: it must be a plain word, as it names a directory");
    return LS_OK;
}

/* Strings that the table lets be null but that must say something. */
static ls_status check_strings(const ls_config *c, const char *where) {
    const struct {
        const char *key, *value;
    } needed[] = {{"data.file", c->data.file},
                  {"data.x", c->data.x},
                  {"data.y", c->data.y},
                  {"data.classes", c->data.classes},
                  {"data.features", c->data.features},
                  {"data.samples", c->data.samples},
                  {"data.split_array", c->data.split_array},
                  {"train.early_stopping.monitor", c->train.early_stopping.monitor}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (needed[i].value == NULL || needed[i].value[0] == '\0')
            return ls_fail(LS_ERR_CONFIG, where, "%s: it must not be empty", needed[i].key);
    if (c->model.count == 0)
        return ls_fail(LS_ERR_CONFIG, where, "model: it has no layers");
    return LS_OK;
}

static ls_status resolve(ls_config *c, const char *where) {
    LS_TRY(check_name(c, where));
    LS_TRY(check_strings(c, where));
    LS_TRY(check_split(&c->data.split, where));
    return check_batch(&c->batch, where);
}

static ls_status from_node(const ls_node *node, const char *where, ls_config *out) {
    *out = (ls_config){0};
    LS_TRY(ls_options_read(ls_config_table, node, out));
    ls_status st = resolve(out, where);
    if (st != LS_OK)
        ls_config_free(out);
    return st;
}

ls_status ls_config_read(const char *path, const char *const *sets, size_t n_sets, ls_config *out) {
    ls_node *node = NULL;
    LS_TRY(ls_node_parse_file(path, &node));
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < n_sets; i++)
        st = ls_node_set(node, sets[i]);
    if (st == LS_OK)
        st = from_node(node, path, out);
    ls_node_destroy(node);
    return st;
}

ls_status ls_config_read_text(const char *text, const char *where, ls_config *out) {
    ls_node *node = NULL;
    LS_TRY(ls_node_parse(text, where, "", &node));
    ls_status st = from_node(node, where, out);
    ls_node_destroy(node);
    return st;
}

void ls_config_free(ls_config *config) {
    ls_options_free(ls_config_table, config);
    *config = (ls_config){0};
}

ls_status ls_config_dump(const ls_config *config, char **out) {
    ls_buffer b = {0};
    ls_options_dump(ls_config_table, config, &b);
    ls_status st = b.status;
    if (st == LS_OK)
        *out = b.data;
    else
        ls_buffer_free(&b);
    return st;
}

ls_dataset_paths ls_config_paths(const ls_config *c) {
    return (ls_dataset_paths){.file = c->data.file,
                              .x = c->data.x,
                              .y = c->data.y,
                              .classes = c->data.classes,
                              .features = c->data.features,
                              .samples = c->data.samples,
                              .groups =
                                  c->data.split.group != NULL ? c->data.split.group : "/groups",
                              .split = c->data.split_array,
                              .layout = c->data.layout};
}
