/* Config, provenance, names, transforms, split and state of a checkpoint. */
#include "checkpoint_parts.h"

#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/split.h"
#include "lockstep/train/checkpoint.h"

#define ROWS_SUM "rows_xxh3_128_sum"

/* A stranger's file does not make us plan more inputs than this. */
#define MAX_INPUTS ((size_t)1 << 28)

typedef struct state_field {
    const char *name;
    ls_h5_type type;
    size_t offset;
} state_field;

/* The fields of ls_train_state, each an attribute of /state. */
static const state_field state_fields[] = {
    {"epoch", LS_H5_U64, offsetof(ls_train_state, epoch)},
    {"epoch_step", LS_H5_U64, offsetof(ls_train_state, epoch_step)},
    {"step", LS_H5_U64, offsetof(ls_train_state, step)},
    {"best_epoch", LS_H5_U64, offsetof(ls_train_state, best_epoch)},
    {"waited", LS_H5_U64, offsetof(ls_train_state, waited)},
    {"finished", LS_H5_U64, offsetof(ls_train_state, finished)},
    {"best_value", LS_H5_F64, offsetof(ls_train_state, best_value)},
    {"reference", LS_H5_F64, offsetof(ls_train_state, reference)},
    {"train_loss", LS_H5_F64, offsetof(ls_train_state, train_loss)},
    {"train_correct", LS_H5_F64, offsetof(ls_train_state, train_correct)},
    {"train_rows", LS_H5_F64, offsetof(ls_train_state, train_rows)},
    {"seconds", LS_H5_F64, offsetof(ls_train_state, seconds)},
};
#define N_STATE_FIELDS (sizeof state_fields / sizeof *state_fields)

/* Files of before rows had weights do not have it: there each weighs 1. */
static const state_field weight_field = {"train_weight", LS_H5_F64,
                                         offsetof(ls_train_state, train_weight)};

/* The same of its schedule; files of before there were schedules have none of them. */
static const state_field schedule_fields[] = {
    {"schedule_values", LS_H5_U64, offsetof(ls_train_state, schedule.values)},
    {"schedule_reductions", LS_H5_U64, offsetof(ls_train_state, schedule.reductions)},
    {"schedule_waited", LS_H5_U64, offsetof(ls_train_state, schedule.waited)},
    {"schedule_cooldown", LS_H5_U64, offsetof(ls_train_state, schedule.cooldown)},
    {"schedule_reference", LS_H5_F64, offsetof(ls_train_state, schedule.reference)},
};
#define N_SCHEDULE_FIELDS (sizeof schedule_fields / sizeof *schedule_fields)

/* And of the course of its losses. */
static const state_field course_fields[] = {
    {"course_epochs", LS_H5_U64, offsetof(ls_train_state, course.epochs)},
    {"course_rising", LS_H5_U64, offsetof(ls_train_state, course.rising)},
    {"course_train_loss", LS_H5_F64, offsetof(ls_train_state, course.train_loss)},
    {"course_val_loss", LS_H5_F64, offsetof(ls_train_state, course.val_loss)},
    {"course_first_train_loss", LS_H5_F64, offsetof(ls_train_state, course.first_train_loss)},
    {"course_least_train_loss", LS_H5_F64, offsetof(ls_train_state, course.least_train_loss)},
};
#define N_COURSE_FIELDS (sizeof course_fields / sizeof *course_fields)

static ls_status write_fields(ls_h5 *file, const state_field *field, size_t n,
                              const ls_train_state *state) {
    for (size_t i = 0; i < n; i++)
        LS_TRY(ls_h5_write_attribute(file, "/state", field[i].name, field[i].type, 1,
                                     (const char *)state + field[i].offset));
    return LS_OK;
}

static ls_status write_weights(ls_h5 *file, const ls_trained *t) {
    if (t->class_weight == NULL)
        return LS_OK;
    return ls_h5_write(file, "/class_weights", LS_H5_F64, 1, &t->classes.count, t->class_weight);
}

static ls_status read_weights(ls_h5 *file, ls_trained *t) {
    const ls_float_list *asked = &t->config.class_weights;
    ls_h5_info info;
    if (asked->count == 0 && asked->word == 0)
        return LS_OK;
    LS_TRY(ls_h5_describe(file, "/class_weights", &info));
    if (info.rank != 1 || info.type_class != LS_H5_FLOAT || info.dim[0] != t->classes.count)
        return ls_fail(LS_ERR_DATA, ls_h5_path(file), "/class_weights is not a number a class");
    LS_TRY(ls_alloc(t->classes.count, sizeof *t->class_weight, "class weights", &t->class_weight));
    return ls_h5_read(file, "/class_weights", LS_H5_F64, t->classes.count, t->class_weight);
}

static ls_status read_fields(ls_h5 *file, const state_field *field, size_t n,
                             ls_train_state *state) {
    for (size_t i = 0; i < n; i++)
        LS_TRY(ls_h5_read_attribute(file, "/state", field[i].name, field[i].type, 1,
                                    (char *)state + field[i].offset));
    return LS_OK;
}

static ls_status write_state(ls_h5 *file, const ls_train_state *state) {
    LS_TRY(ls_h5_make_group(file, "/state"));
    LS_TRY(write_fields(file, state_fields, N_STATE_FIELDS, state));
    LS_TRY(write_fields(file, &weight_field, 1, state));
    LS_TRY(write_fields(file, course_fields, N_COURSE_FIELDS, state));
    return write_fields(file, schedule_fields, N_SCHEDULE_FIELDS, state);
}

static ls_status read_state(ls_h5 *file, ls_train_state *state) {
    LS_TRY(read_fields(file, state_fields, N_STATE_FIELDS, state));
    state->train_weight = state->train_rows;
    if (ls_h5_has_attribute(file, "/state", weight_field.name))
        LS_TRY(read_fields(file, &weight_field, 1, state));
    if (ls_h5_has_attribute(file, "/state", course_fields[0].name))
        LS_TRY(read_fields(file, course_fields, N_COURSE_FIELDS, state));
    if (!ls_h5_has_attribute(file, "/state", schedule_fields[0].name))
        return LS_OK;
    return read_fields(file, schedule_fields, N_SCHEDULE_FIELDS, state);
}

static ls_status write_names(ls_h5 *file, const ls_trained *t) {
    const struct {
        const char *name;
        const ls_strings *list;
    } lists[] = {{"/classes", &t->classes}, {"/targets", &t->targets}, {"/features", &t->features}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].list->count > 0)
            LS_TRY(ls_h5_write_strings(file, lists[i].name, lists[i].list));
    uint64_t shape[3] = {t->target == LS_TARGET_CLASSES, t->named_classes, t->n_targets};
    return ls_h5_write_attribute(file, "/", "target", LS_H5_U64, 3, shape);
}

static ls_status read_names(ls_h5 *file, ls_trained *t) {
    if (ls_h5_has(file, "/classes"))
        LS_TRY(ls_h5_read_strings(file, "/classes", &t->classes));
    if (ls_h5_has(file, "/targets"))
        LS_TRY(ls_h5_read_strings(file, "/targets", &t->targets));
    if (ls_h5_has(file, "/features"))
        LS_TRY(ls_h5_read_strings(file, "/features", &t->features));
    uint64_t shape[3];
    LS_TRY(ls_h5_read_attribute(file, "/", "target", LS_H5_U64, 3, shape));
    t->target = shape[0] ? LS_TARGET_CLASSES : LS_TARGET_VALUES;
    t->named_classes = shape[1] != 0;
    t->n_targets = (size_t)shape[2];
    if (t->target == LS_TARGET_CLASSES && t->classes.count == 0)
        return ls_fail(LS_ERR_DATA, ls_h5_path(file), "/classes is missing");
    return LS_OK;
}

static ls_status read_split(ls_h5 *file, ls_trained *t) {
    ls_h5_info info;
    LS_TRY(ls_h5_describe(file, "/split", &info));
    if (info.rank != 1 || info.type_class != LS_H5_INTEGER)
        return ls_fail(LS_ERR_DATA, ls_h5_path(file), "/split is not a list of integers");
    t->n_samples = info.dim[0];
    LS_TRY(ls_alloc(t->n_samples, 1, "split", &t->part));
    LS_TRY(ls_h5_read(file, "/split", LS_H5_U8, t->n_samples, t->part));
    char *hex = NULL;
    LS_TRY(ls_h5_read_attribute_text(file, "/split", "dataset_xxh3_128", &hex));
    strncpy(t->fingerprint, hex, sizeof t->fingerprint - 1);
    ls_free(hex);
    if (!ls_h5_has_attribute(file, "/split", ROWS_SUM)) /* version 1 */
        return LS_OK;
    return ls_h5_read_attribute(file, "/split", ROWS_SUM, LS_H5_U64, 2, t->rows_sum);
}

ls_status ls_checkpoint_write_parts(ls_h5 *file, const ls_trained *t) {
    uint64_t version = LS_CHECKPOINT_VERSION;
    LS_TRY(ls_h5_write_attribute_text(file, "/", "format", LS_CHECKPOINT_FORMAT));
    LS_TRY(ls_h5_write_attribute(file, "/", "version", LS_H5_U64, 1, &version));
    char *config = NULL;
    LS_TRY(ls_config_dump(&t->config, &config));
    ls_status st = ls_h5_write_text(file, "/config", config);
    ls_free(config);
    if (st == LS_OK)
        st = ls_h5_write_text(file, "/provenance", t->provenance != NULL ? t->provenance : "{}");
    if (st == LS_OK)
        st = write_state(file, &t->state);
    if (st == LS_OK)
        st = write_names(file, t);
    if (st == LS_OK)
        st = write_weights(file, t);
    if (st == LS_OK)
        st = ls_h5_write(file, "/split", LS_H5_U8, 1, &t->n_samples, t->part);
    if (st == LS_OK)
        st = ls_h5_write_attribute_text(file, "/split", "dataset_xxh3_128", t->fingerprint);
    if (st == LS_OK)
        st = ls_h5_write_attribute(file, "/split", ROWS_SUM, LS_H5_U64, 2, t->rows_sum);
    if (st == LS_OK)
        st = ls_transforms_save(t->transforms, file, "/transforms");
    return st;
}

ls_status ls_checkpoint_check_format(ls_h5 *file, bool unsealed) {
    char *format = NULL;
    uint64_t version = 0;
    if (!ls_h5_has_attribute(file, "/", "format"))
        return ls_fail(LS_ERR_DATA, ls_h5_path(file), "this is not a lockstep checkpoint");
    LS_TRY(ls_h5_read_attribute_text(file, "/", "format", &format));
    bool same = strcmp(format, LS_CHECKPOINT_FORMAT) == 0;
    ls_free(format);
    if (!same)
        return ls_fail(LS_ERR_DATA, ls_h5_path(file), "this is not a lockstep checkpoint");
    LS_TRY(ls_h5_read_attribute(file, "/", "version", LS_H5_U64, 1, &version));
    if (version < 1 || version > LS_CHECKPOINT_VERSION)
        return ls_hint(ls_fail(LS_ERR_DATA, ls_h5_path(file),
                               "checkpoint format version %llu, this program reads 1 to %d",
                               (unsigned long long)version, LS_CHECKPOINT_VERSION),
                       "read it with the version of lockstep that wrote it");
    if (version > 1 && unsealed)
        return ls_fail(LS_ERR_DATA, ls_h5_path(file),
                       "the file is damaged: the checksum at its beginning is gone");
    return LS_OK;
}

/* A config inside a checkpoint that does not hold is damage of that file. */
static ls_status as_data_error(ls_status st) {
    if (st != LS_ERR_CONFIG)
        return st;
    ls_error e = *ls_error_last();
    e.status = LS_ERR_DATA;
    ls_error_set(&e);
    return LS_ERR_DATA;
}

/* No memory for weights that the file can not hold: they are not compressed. */
static ls_status check_weights(ls_h5 *file, const ls_trained *t, size_t inputs) {
    const ls_shape in = {1, {inputs}};
    double weights = 0;
    uint64_t bytes = 0;
    LS_TRY(as_data_error(ls_model_count(&t->config.model, &in, &weights)));
    LS_TRY(ls_h5_size(file, &bytes));
    if (weights * sizeof(float) > (double)bytes)
        return ls_hint(ls_fail(LS_ERR_DATA, ls_h5_path(file),
                               "/config tells of %.0f weights, more than the file can hold",
                               weights),
                       "the checkpoint is damaged or was not written by lockstep");
    return LS_OK;
}

/* A model can be applied where its own library is not: the results differ in their last bits, or
 * where it was trained in bfloat16 by what that loses. */
static ls_status choose_gemm(ls_trained *t) {
    int *kind = &t->config.compute.gemm;
    if (*kind == LS_GEMM_AUTO) /* of before there was a choice */
        *kind = LS_GEMM_OPENBLAS;
    if (ls_gemm_choose(*kind, &t->gemm) != LS_OK)
        LS_TRY(ls_gemm_choose(LS_GEMM_AUTO, &t->gemm));
    if (t->config.precision != LS_PRECISION_BF16)
        return LS_OK;
    const ls_status st = ls_gemm_create_bf16(&t->bf16);
    if (st == LS_OK)
        t->gemm = t->bf16;
    return st == LS_ERR_RUNTIME ? LS_OK : st;
}

ls_status ls_checkpoint_read_parts(ls_h5 *file, size_t ranks, size_t rank, ls_trained *t) {
    char *config = NULL;
    LS_TRY(ls_h5_read_text(file, "/config", &config));
    ls_status st = ls_config_read_text(config, ls_h5_path(file), &t->config);
    ls_free(config);
    LS_TRY(as_data_error(st));
    LS_TRY(choose_gemm(t));
    LS_TRY(ls_h5_read_text(file, "/provenance", &t->provenance));
    LS_TRY(read_state(file, &t->state));
    LS_TRY(read_names(file, t));
    LS_TRY(read_weights(file, t));
    LS_TRY(read_split(file, t));
    LS_TRY(ls_transforms_load(file, "/transforms", &t->transforms));
    size_t inputs = ls_transforms_outputs(t->transforms);
    if (inputs == 0 || inputs > MAX_INPUTS)
        return ls_fail(LS_ERR_DATA, ls_h5_path(file), "/transforms gives %zu features", inputs);
    LS_TRY(check_weights(file, t, inputs));
    if (t->config.parallel.strategy == LS_STRATEGY_AUTO) /* versions 1 and 2 name none */
        t->config.parallel.strategy = LS_STRATEGY_DATA;
    if (t->config.parallel.strategy == LS_STRATEGY_FEATURES &&
        !ls_model_can_shard(&t->config.model))
        return ls_fail(LS_ERR_DATA, ls_h5_path(file),
                       "/config: this model has no strategy features");
    LS_TRY(ls_trained_check_ranks(t, inputs, ranks)); /* of this the file is not to blame */
    return as_data_error(ls_trained_plan_model(t, inputs, ranks, rank));
}
