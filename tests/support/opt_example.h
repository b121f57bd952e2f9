/* Tables of options with a row of every kind, for the tests of opt. Why here: two test programs
 * read them. Never lockstep's own options. */
#ifndef LS_TESTS_SUPPORT_OPT_EXAMPLE_H
#define LS_TESTS_SUPPORT_OPT_EXAMPLE_H

#include "lockstep/opt/options.h"

typedef struct dense_options {
    int64_t units;
    bool bias;
    ls_choice init;
} dense_options;

typedef struct values_options {
    ls_float_list values;
} values_options;

typedef struct normal_options {
    double gain;
} normal_options;

typedef struct adam_options {
    double learning_rate, decay;
} adam_options;

typedef struct data_options {
    char *file;
    int64_t block_rows;
    int order;
    ls_strings columns;
    struct {
        double train, val;
        char *group;
        bool given;
    } split;
} data_options;

typedef struct stop_options {
    int64_t patience;
    char *monitor;
    bool given;
} stop_options;

typedef struct example {
    char *name;
    int64_t seed;
    int64_t lanes;
    data_options data;
    ls_choice_list model;
    ls_choice optimizer;
    ls_choice schedule;
    struct {
        int64_t epochs;
        double clip;
        bool quiet;
        stop_options stop;
        bool given;
    } train;
} example;

static const ls_opt values_table[] = {{.key = "values",
                                       .kind = LS_OPT_FLOAT_LIST,
                                       .offset = offsetof(values_options, values),
                                       .help = "the weights, row by row"},
                                      {0}};

static const ls_opt normal_table[] = {{.key = "gain",
                                       .kind = LS_OPT_FLOAT,
                                       .offset = offsetof(normal_options, gain),
                                       .fallback = "1",
                                       .max = 10,
                                       .flags = LS_OPT_ABOVE_MIN | LS_OPT_BELOW_MAX,
                                       .help = "factor"},
                                      {0}};

static const ls_opt_row values_row = {"values", "these numbers", values_table,
                                      sizeof(values_options), "values"};
static const ls_opt_row normal_row = {"normal", "normal values", normal_table,
                                      sizeof(normal_options), "gain"};
static const ls_opt_row zeros_row = {"zeros", "all 0", NULL, 0, NULL};
static const ls_opt_row *const init_rows[] = {&values_row, &normal_row, &zeros_row, NULL};
static const ls_opt_alias init_aliases[] = {{"gaussian", &normal_row}, {NULL, NULL}};
static const ls_opt_choices inits = {
    .what = "initialiser", .rows = init_rows, .aliases = init_aliases};

static const ls_opt dense_table[] = {{.key = "units",
                                      .kind = LS_OPT_INT,
                                      .offset = offsetof(dense_options, units),
                                      .min = 1,
                                      .max = INFINITY,
                                      .help = "outputs"},
                                     {.key = "bias",
                                      .kind = LS_OPT_BOOL,
                                      .offset = offsetof(dense_options, bias),
                                      .fallback = "true",
                                      .help = "adds a bias"},
                                     {.key = "init",
                                      .kind = LS_OPT_CHOICE,
                                      .offset = offsetof(dense_options, init),
                                      .fallback = "normal",
                                      .choices = &inits,
                                      .help = "first weights"},
                                     {0}};

static const ls_opt_row dense_row = {"dense", "x W + b", dense_table, sizeof(dense_options), NULL};
static const ls_opt_row relu_row = {"relu", "max(x, 0)", NULL, 0, NULL};
static const ls_opt_row *const layer_rows[] = {&dense_row, &relu_row, NULL};
static const ls_opt_choices layers = {.what = "layer", .rows = layer_rows};

static const ls_opt adam_table[] = {{.key = "learning_rate",
                                     .kind = LS_OPT_FLOAT,
                                     .offset = offsetof(adam_options, learning_rate),
                                     .fallback = "1e-3",
                                     .max = INFINITY,
                                     .flags = LS_OPT_ABOVE_MIN,
                                     .help = "step size"},
                                    {.key = "decay",
                                     .kind = LS_OPT_FLOAT,
                                     .offset = offsetof(adam_options, decay),
                                     .fallback = "0",
                                     .help = "weight decay"},
                                    {0}};
static const ls_opt_row adam_row = {"adam", "Kingma and Ba 2014", adam_table, sizeof(adam_options),
                                    NULL};
static const ls_opt_row *const optimizer_rows[] = {&adam_row, NULL};
static const ls_opt_choices optimizers = {.what = "optimiser", .rows = optimizer_rows};

static const ls_opt split_table[] = {
    {.key = "train",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(data_options, split.train) - offsetof(data_options, split),
     .fallback = "0.8",
     .max = 1,
     .help = "fraction"},
    {.key = "val",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(data_options, split.val) - offsetof(data_options, split),
     .help = "fraction"},
    {.key = "group",
     .kind = LS_OPT_STRING,
     .offset = offsetof(data_options, split.group) - offsetof(data_options, split),
     .fallback = "null",
     .help = "column"},
    {.kind = LS_OPT_GIVEN,
     .offset = offsetof(data_options, split.given) - offsetof(data_options, split)},
    {0}};

static const ls_opt data_table[] = {{.key = "file",
                                     .kind = LS_OPT_PATH,
                                     .offset = offsetof(data_options, file),
                                     .help = "the dataset file"},
                                    {.key = "block_rows",
                                     .kind = LS_OPT_INT,
                                     .offset = offsetof(data_options, block_rows),
                                     .fallback = "32",
                                     .min = 1,
                                     .max = 1024,
                                     .help = "rows of a block"},
                                    {.key = "order",
                                     .kind = LS_OPT_WORD,
                                     .offset = offsetof(data_options, order),
                                     .fallback = "shuffled",
                                     .words = "shuffled|file|off",
                                     .help = "of the rows"},
                                    {.key = "columns",
                                     .kind = LS_OPT_STRING_LIST,
                                     .offset = offsetof(data_options, columns),
                                     .fallback = "[]",
                                     .help = "names"},
                                    {.key = "split",
                                     .kind = LS_OPT_SECTION,
                                     .offset = offsetof(data_options, split),
                                     .fallback = "null",
                                     .section = split_table,
                                     .help = "fractions of the rows"},
                                    {0}};

static const ls_opt stop_table[] = {{.key = "patience",
                                     .kind = LS_OPT_INT,
                                     .offset = offsetof(stop_options, patience),
                                     .fallback = "5",
                                     .help = "epochs"},
                                    {.key = "monitor",
                                     .kind = LS_OPT_STRING,
                                     .offset = offsetof(stop_options, monitor),
                                     .fallback = "val_loss",
                                     .help = "metric"},
                                    {.kind = LS_OPT_GIVEN, .offset = offsetof(stop_options, given)},
                                    {0}};

#define TRAIN(member) (offsetof(example, train.member) - offsetof(example, train))
static const ls_opt train_table[] = {{.key = "epochs",
                                      .kind = LS_OPT_INT,
                                      .offset = TRAIN(epochs),
                                      .fallback = "10",
                                      .min = 1,
                                      .max = INFINITY,
                                      .flags = LS_OPT_MAY_CHANGE,
                                      .help = "passes over the rows"},
                                     {.key = "clip",
                                      .kind = LS_OPT_FLOAT,
                                      .offset = TRAIN(clip),
                                      .fallback = "null",
                                      .help = "norm"},
                                     {.key = "quiet",
                                      .kind = LS_OPT_BOOL,
                                      .offset = TRAIN(quiet),
                                      .fallback = "false",
                                      .help = "no notes"},
                                     {.key = "stop",
                                      .kind = LS_OPT_SECTION,
                                      .offset = TRAIN(stop),
                                      .fallback = "null",
                                      .section = stop_table,
                                      .help = "early stopping"},
                                     {.kind = LS_OPT_GIVEN, .offset = TRAIN(given)},
                                     {0}};

static const ls_opt example_table[] = {{.key = "name",
                                        .kind = LS_OPT_STRING,
                                        .offset = offsetof(example, name),
                                        .fallback = "null",
                                        .help = "of the run"},
                                       {.key = "seed",
                                        .kind = LS_OPT_INT,
                                        .offset = offsetof(example, seed),
                                        .fallback = "42",
                                        .max = 4294967295.0,
                                        .help = "of all random numbers"},
                                       {.key = "lanes",
                                        .kind = LS_OPT_INT,
                                        .offset = offsetof(example, lanes),
                                        .fallback = "auto",
                                        .words = "auto|none",
                                        .help = "parts of a batch"},
                                       {.key = "data",
                                        .kind = LS_OPT_SECTION,
                                        .offset = offsetof(example, data),
                                        .section = data_table,
                                        .help = "what to train on"},
                                       {.key = "model",
                                        .kind = LS_OPT_CHOICE_LIST,
                                        .offset = offsetof(example, model),
                                        .fallback = "[]",
                                        .choices = &layers,
                                        .help = "layers in order"},
                                       {.key = "optimizer",
                                        .kind = LS_OPT_CHOICE,
                                        .offset = offsetof(example, optimizer),
                                        .fallback = "adam",
                                        .choices = &optimizers,
                                        .help = "the update"},
                                       {.key = "schedule",
                                        .kind = LS_OPT_CHOICE,
                                        .offset = offsetof(example, schedule),
                                        .fallback = "null",
                                        .choices = &inits,
                                        .help = "of the step size"},
                                       {.key = "train",
                                        .kind = LS_OPT_SECTION,
                                        .offset = offsetof(example, train),
                                        .fallback = "{}",
                                        .section = train_table,
                                        .help = "how long"},
                                       {0}};
#undef TRAIN

#endif
