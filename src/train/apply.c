/* From a checkpoint and a dataset to rows that the model can be put to. */
#include "apply.h"

#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/match.h"
#include "lockstep/data/split.h"
#include "lockstep/math/math.h"
#include "lockstep/train/checkpoint.h"

static ls_status open_dataset(ls_apply *a, const ls_apply_request *request) {
    ls_dataset_paths paths = ls_config_paths(&a->t->config);
    if (request->data != NULL)
        paths.file = request->data;
    ls_status st = ls_dataset_open(&paths, &a->ds);
    if (st != LS_OK && request->data == NULL && ls_error_last()->hint[0] == '\0')
        return ls_hint(st, "the checkpoint names this dataset; give another with --data FILE");
    LS_TRY(st);
    if (!request->needs_targets || a->ds->target == a->t->target)
        return LS_OK;
    if (a->ds->target == LS_TARGET_NONE)
        return ls_fail(LS_ERR_DATA, a->ds->path, "it has no targets to evaluate against (array %s)",
                       paths.y);
    return ls_fail(LS_ERR_DATA, a->ds->path, "its targets are %s, the model was trained on %s",
                   a->ds->target == LS_TARGET_CLASSES ? "classes" : "float values",
                   a->t->target == LS_TARGET_CLASSES ? "classes" : "float values");
}

static ls_status match_columns(ls_apply *a, ls_log *log) {
    size_t n = ls_transforms_inputs(a->t->transforms);
    LS_TRY(ls_alloc(n, sizeof *a->index, "features", &a->index));
    LS_TRY(ls_match_features(&a->t->features, n, a->ds, log, a->index));
    if (ls_match_is_identity(a->ds, a->index, n)) {
        ls_free(a->index);
        a->index = NULL;
    }
    return LS_OK;
}

static ls_status match_targets(ls_apply *a, const ls_apply_request *request, const uint8_t *part,
                               ls_log *log) {
    if (a->t->target == LS_TARGET_VALUES) {
        if (a->ds->n_outputs == a->t->n_targets)
            return ls_trained_check_values(a->t, a->ds);
        return ls_fail(LS_ERR_DATA, a->ds->path, "it has %zu targets a sample, the model %zu",
                       a->ds->n_outputs, a->t->n_targets);
    }
    ls_class_match match = {0};
    LS_TRY(ls_alloc(a->ds->n_samples, sizeof *a->label, "labels", &a->label));
    LS_TRY(ls_match_classes(&a->t->classes, a->t->named_classes, a->ds, part,
                            request->ignore_unknown, log, a->label, &match));
    if (match.blank > 0)
        ls_note(log, "%zu rows without a label are left out", match.blank);
    return LS_OK;
}

/* Whether the dataset is the one that the run was split on. */
static ls_status is_training_set(const ls_apply *a, bool *same) {
    char hex[40];
    *same = false;
    if (a->ds->n_samples != a->t->n_samples)
        return LS_OK;
    LS_TRY(ls_dataset_fingerprint(a->ds, hex));
    *same = strcmp(hex, a->t->fingerprint) == 0;
    return LS_OK;
}

/* The assignment that --split refers to: the run's own, or the one stored in the dataset. */
static ls_status find_parts(const ls_apply *a, const ls_apply_request *request,
                            const uint8_t **part) {
    bool same = false;
    LS_TRY(is_training_set(a, &same));
    if (same)
        *part = a->t->part;
    else if (request->data == NULL)
        return ls_hint(ls_fail(LS_ERR_DATA, a->ds->path,
                               "this is not the dataset that the model was trained on"),
                       "the file has changed since; name it with --data to use all of its rows");
    else if (a->ds->split != NULL)
        *part = a->ds->split;
    else
        return ls_hint(ls_fail(LS_ERR_DATA, a->ds->path, "it has no split"),
                       "leave out --split to use all of its rows");
    return LS_OK;
}

static int part_of_name(const char *name) {
    for (int p = 0; p < LS_SPLIT_PARTS; p++)
        if (strcmp(name, ls_split_name(p)) == 0)
            return p;
    return -1;
}

/* chosen[row] = 0 for the rows of the split that is asked for, LS_SPLIT_NONE for others. */
static ls_status choose_part(ls_apply *a, const ls_apply_request *request, uint8_t *chosen) {
    const uint8_t *part = NULL;
    a->split = request->split != NULL ? request->split : request->data != NULL ? "all" : NULL;
    if (a->split != NULL && strcmp(a->split, "all") == 0)
        return LS_OK;
    LS_TRY(find_parts(a, request, &part));
    if (a->split == NULL)
        a->split = ls_split_count(part, a->ds->n_samples, LS_SPLIT_TEST) > 0 ? "test" : "val";
    int which = part_of_name(a->split);
    if (which < 0)
        return ls_fail(LS_ERR_USAGE, "--split", "'%s' is none of train, val, test, all", a->split);
    for (size_t i = 0; i < a->ds->n_samples; i++)
        chosen[i] = part[i] == which ? 0 : LS_SPLIT_NONE;
    return LS_OK;
}

static ls_status list_rows(ls_apply *a, const uint8_t *chosen) {
    LS_TRY(ls_alloc(a->ds->n_samples, sizeof *a->row, "rows", &a->row));
    for (size_t i = 0; i < a->ds->n_samples; i++)
        if (chosen[i] != LS_SPLIT_NONE && (a->label == NULL || a->label[i] >= 0))
            a->row[a->n++] = i;
    if (a->n == 0)
        return ls_fail(LS_ERR_DATA, a->ds->path, "no rows in the %s part", a->split);
    return LS_OK;
}

static ls_status choose_rows(ls_apply *a, const ls_apply_request *request, ls_log *log) {
    uint8_t *chosen = NULL;
    LS_TRY(ls_alloc(a->ds->n_samples, 1, "rows", &chosen));
    ls_status st = choose_part(a, request, chosen);
    if (st == LS_OK && request->needs_targets)
        st = match_targets(a, request, chosen, log);
    if (st == LS_OK)
        st = list_rows(a, chosen);
    ls_free(chosen);
    return st;
}

static ls_status check_split_word(const char *split) {
    if (split == NULL || strcmp(split, "all") == 0 || part_of_name(split) >= 0)
        return LS_OK;
    return ls_fail(LS_ERR_USAGE, "--split", "'%s' is none of train, val, test, all", split);
}

/* This rank's rows, where they are kept. */
static ls_status load(ls_apply *a, ls_log *log) {
    ls_loader_rows rows;
    LS_TRY(ls_blocks_to_read(a->blocks, &rows));
    return ls_loader_read(a->loader, &rows, 1, log);
}

ls_status ls_apply_begin(ls_comm *comm, ls_log *log, const ls_apply_request *request, ls_apply *a) {
    *a = (ls_apply){0};
    ls_comm_activity(comm, "reading of model and data");
    ls_status st = check_split_word(request->split);
    if (st == LS_OK)
        st = ls_math_init();
    if (st == LS_OK)
        st = ls_checkpoint_find(request->model, &a->path);
    LS_TRY(ls_agree(comm, st));
    LS_TRY(ls_checkpoint_load(comm, a->path, true, &a->t));
    if (a->t->config.precision == LS_PRECISION_BF16 && a->t->bf16 == NULL)
        ls_note(log,
                "%s was trained with precision: bf16, which this build or this processor does not "
                "have: it is applied in float32",
                a->path);
    st = open_dataset(a, request);
    if (st == LS_OK)
        st = match_columns(a, log);
    if (st == LS_OK)
        st = choose_rows(a, request, log);
    if (st == LS_OK)
        st = ls_trained_loader(a->t, a->ds, a->index, &a->loader);
    LS_TRY(ls_agree(comm, st));
    LS_TRY(ls_blocks_create(comm, a->t, a->ds, a->loader, a->row, a->n, a->label, request->resident,
                            &a->blocks));
    return request->resident ? ls_agree(comm, load(a, log)) : LS_OK;
}

void ls_apply_end(ls_apply *a) {
    ls_blocks_destroy(a->blocks);
    ls_loader_destroy(a->loader);
    ls_free(a->row);
    ls_free(a->label);
    ls_free(a->index);
    ls_dataset_close(a->ds);
    ls_trained_destroy(a->t);
    ls_free(a->path);
    *a = (ls_apply){0};
}
