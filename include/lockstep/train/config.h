/* The config of a run: every option that lockstep train knows, as one struct and one table.
 *
 * Why here: the config alone decides the result. The table is the reference, the checker, the
 * resolved dump and the comparison at resume; a new option is one row. Parses nothing itself.
 */
#ifndef LS_TRAIN_CONFIG_H
#define LS_TRAIN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/data/dataset.h"
#include "lockstep/opt/options.h"
#include "lockstep/optim/schedule.h"

typedef struct ls_config_split {
    bool given;
    double train, val, test; /* NAN: not given */
    bool stratify;
    char *group; /* the dataset's array of groups, or NULL */
} ls_config_split;

typedef struct ls_config_data {
    char *file;
    char *x, *y, *classes, *features, *samples, *split_array, *weights;
    int layout; /* ls_layout */
    ls_config_split split;
    ls_choice_list transform;
    int64_t block_rows, shuffle_window;
    int memory;          /* ls_memory */
    double memory_limit; /* GiB; NAN: unset */
} ls_config_data;

typedef enum ls_memory { LS_MEMORY_AUTO, LS_MEMORY_RESIDENT, LS_MEMORY_STREAM } ls_memory;

/* batch.size: all */
#define LS_BATCH_ALL ((int64_t)-1)

typedef struct ls_config_batch {
    int64_t size, lanes; /* lanes: LS_OPT_UNSET until resolved */
    int64_t rows;        /* room of a step over all lanes: size; of LS_BATCH_ALL what the training
                            rows take, 0 until they are known */
    int last;            /* ls_batch_last */
    int64_t accumulate;  /* batches */
    int sampling;        /* ls_sampling */
} ls_config_batch;

typedef enum ls_batch_last { LS_BATCH_KEEP, LS_BATCH_DROP } ls_batch_last;

typedef enum ls_sampling { LS_SAMPLING_SHUFFLE, LS_SAMPLING_BALANCED } ls_sampling;

typedef enum ls_strategy { LS_STRATEGY_AUTO, LS_STRATEGY_DATA, LS_STRATEGY_FEATURES } ls_strategy;

typedef struct ls_config_parallel {
    int strategy;          /* ls_strategy; AUTO until the inputs are known */
    int64_t check_every;   /* steps */
    int64_t sharing_ranks; /* 0: all of a machine */
} ls_config_parallel;

typedef struct ls_config_compute {
    int gemm; /* a kind of lockstep/math/gemm.h; AUTO until a run begins */
} ls_config_compute;

typedef enum ls_precision { LS_PRECISION_F32, LS_PRECISION_BF16 } ls_precision;

typedef struct ls_config_penalty {
    double l1, l2;
    bool biases;
} ls_config_penalty;

/* NAN: unset */
typedef struct ls_config_clip {
    double value, norm;
} ls_config_clip;

/* Which values of the monitored metric are better; AUTO: as the metric itself has it. */
typedef enum ls_mode { LS_MODE_AUTO, LS_MODE_MIN, LS_MODE_MAX } ls_mode;

typedef struct ls_config_stopping {
    bool given;
    char *monitor;
    int mode; /* ls_mode */
    int64_t patience;
    double min_delta;
} ls_config_stopping;

typedef struct ls_config_train {
    int64_t epochs;
    double ema; /* NAN: none */
    ls_config_stopping early_stopping;
} ls_config_train;

typedef struct ls_config_checkpoint {
    int64_t every_epochs;
    int64_t every_steps;  /* LS_OPT_UNSET: never inside an epoch */
    double every_minutes; /* NAN: whatever the time */
    int64_t keep;
    bool background;
} ls_config_checkpoint;

typedef struct ls_config {
    char *name;
    int64_t seed;
    ls_config_data data;
    ls_choice_list model;
    ls_choice loss, optimizer, schedule;
    ls_warmup warmup;
    ls_float_list class_weights; /* in the order of the classes; a word: balanced; or empty */
    ls_config_penalty penalty;
    ls_config_clip clip;
    ls_config_batch batch;
    ls_config_parallel parallel;
    ls_config_compute compute;
    int precision; /* ls_precision */
    ls_config_train train;
    ls_config_checkpoint checkpoint;
} ls_config;

/* The table of the whole config. */
extern const ls_opt ls_config_table[];

/* Reads a config file, applies the assignments of --set in order, checks what one option alone
 * can not tell, and resolves what follows from other options (batch.lanes). *out is freed with
 * ls_config_free. Errors: ERR_CONFIG with file, line and column. Not collective. */
ls_status ls_config_read(const char *path, const char *const *sets, size_t n_sets,
                         ls_config *out) LS_MUST_CHECK;

/* The same from a resolved dump, as a checkpoint holds it; where names its origin. */
ls_status ls_config_read_text(const char *text, const char *where, ls_config *out) LS_MUST_CHECK;

void ls_config_free(ls_config *config);

/* The complete resolved config as YAML. *out: ls_free. */
ls_status ls_config_dump(const ls_config *config, char **out) LS_MUST_CHECK;

/* Where the config says that a dataset's parts are; the strings are the config's. */
ls_dataset_paths ls_config_paths(const ls_config *config);

#endif
