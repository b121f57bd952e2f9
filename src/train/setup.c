/* From a config to a run whose rows, lanes and model are known, before any row is read. */
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/match.h"
#include "lockstep/data/split.h"
#include "run.h"
#include "weights.h"

/* Fewer lanes than ranks can not be served; the mend is in the config or the command. */
static ls_status check_lanes(const ls_run *run) {
    long long lanes = run->t->config.batch.lanes;
    int ranks = ls_comm_size(run->comm);
    if (ranks <= lanes)
        return LS_OK;
    const ls_status st = ls_fail(LS_ERR_CONFIG, "batch.lanes",
                                 "%d ranks are more than the %lld lanes", ranks, lanes);
    if (run->t->config.batch.size == LS_BATCH_ALL)
        return ls_hint(st,
                       "start at most %lld ranks, or set batch.lanes to at least %d (the lanes are "
                       "part of what fixes the result)",
                       lanes, ranks);
    return ls_hint(st,
                   "start at most %lld ranks, or set batch.lanes to a divisor of batch.size (%lld) "
                   "that is at least %d (the lanes are part of what fixes the result)",
                   lanes, (long long)run->t->config.batch.size, ranks);
}

static ls_status check_target(const ls_run *run) {
    if (run->ds->target == LS_TARGET_NONE)
        return ls_hint(ls_fail(LS_ERR_DATA, run->ds->path, "it has no targets (array %s)",
                               run->t->config.data.y),
                       "import it with --label or --target, or set data.y");
    return LS_OK;
}

/* The blank class is that of rows without a label: the model does not know it. */
static ls_status take_classes(const ls_strings *from, ls_strings *to) {
    for (size_t c = 0; c < from->count; c++)
        if (*ls_strings_at(from, c) != '\0')
            LS_TRY(ls_strings_add(to, ls_strings_at(from, c)));
    return LS_OK;
}

/* Names and targets of a new run are the dataset's. */
static ls_status take_names(ls_run *run) {
    ls_trained *t = run->t;
    t->target = run->ds->target;
    t->n_targets = run->ds->n_outputs;
    t->n_samples = run->ds->n_samples;
    t->named_classes = run->ds->named_classes;
    LS_TRY(take_classes(&run->ds->classes, &t->classes));
    LS_TRY(ls_strings_copy(&run->ds->targets, &t->targets));
    return ls_strings_copy(&run->ds->features, &t->features);
}

/* Codes without names count the classes: codes from 1 on would ask for one class too many. */
static ls_status check_codes(const ls_run *run) {
    const ls_dataset *ds = run->ds;
    int32_t least = INT32_MAX;
    if (run->t->target != LS_TARGET_CLASSES || ds->named_classes)
        return LS_OK;
    for (size_t i = 0; i < ds->n_samples; i++)
        least = ds->label[i] < least ? ds->label[i] : least;
    if (least == 0)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_DATA, ds->path,
                           "%s: class codes start at 0, but the smallest one here is %d",
                           run->t->config.data.y, (int)least),
                   "subtract %d from the codes, or name all classes, from code 0 on, in %s",
                   (int)least, run->t->config.data.classes);
}

/* label[row], -1 where the row has none. */
static ls_status match_labels(ls_run *run) {
    if (run->t->target != LS_TARGET_CLASSES)
        return LS_OK;
    ls_class_match match = {0};
    LS_TRY(ls_alloc(run->ds->n_samples, sizeof *run->label, "labels", &run->label));
    LS_TRY(ls_match_classes(&run->t->classes, run->t->named_classes, run->ds, NULL, false, run->log,
                            run->label, &match));
    if (match.blank > 0)
        ls_note(run->log, "%zu rows without a label are left out", match.blank);
    return LS_OK;
}

/* Rows of one donor in training and in testing make the test look better than it is. */
static void warn_of_groups(const ls_run *run) {
    char groups[32];
    const ls_dataset *ds = run->ds;
    if (ds->group != NULL && ds->groups.count < ds->n_samples)
        ls_warn(run->log,
                "%s: its rows belong to %s groups (/groups), but the split does not keep them "
                "together, so that metrics may be too good: set data.split.group to groups",
                ds->path, ls_print_count(ds->groups.count, groups));
}

static ls_status split_by_fractions(ls_run *run, uint8_t *part) {
    const ls_config_split *s = &run->t->config.data.split;
    const ls_dataset *ds = run->ds;
    ls_split_spec spec = {
        .fraction = {s->given ? s->train : 0.8, s->given ? s->val : 0.1, s->given ? s->test : 0.1},
        .stratify = s->stratify,
        .seed = (uint32_t)run->t->config.seed};
    if (s->stratify && run->label == NULL)
        return ls_fail(LS_ERR_CONFIG, "data.split.stratify", "%s has no classes", ds->path);
    if (s->group != NULL && ds->group == NULL)
        return ls_hint(
            ls_fail(LS_ERR_CONFIG, "data.split.group", "%s has no array %s", ds->path, s->group),
            "import it with --group, or name the array that holds the groups");
    if (s->group == NULL)
        warn_of_groups(run);
    return ls_split_assign(&spec, ds->n_samples, run->label, run->t->classes.count,
                           s->group != NULL ? ds->group : NULL,
                           s->group != NULL ? ds->groups.count : 0, part);
}

/* The config's split beats a stored one. */
static ls_status split_rows(ls_run *run) {
    size_t n = run->ds->n_samples;
    LS_TRY(ls_alloc(n, 1, "split", &run->t->part));
    uint8_t *part = run->t->part;
    for (size_t i = 0; run->label != NULL && i < n; i++)
        part[i] = run->label[i] < 0 ? LS_SPLIT_NONE : 0;
    if (run->t->config.data.split.given || run->ds->split == NULL)
        return ls_fail_in(split_by_fractions(run, part), run->ds->path);
    for (size_t i = 0; i < n; i++)
        part[i] = part[i] == LS_SPLIT_NONE ? part[i] : run->ds->split[i];
    if (ls_split_count(part, n, LS_SPLIT_TRAIN) == 0)
        return ls_hint(ls_fail(LS_ERR_DATA, run->ds->path, "the stored split has no training rows"),
                       "%s: 0 is train, 1 val, 2 test; data.split in the config beats it",
                       run->t->config.data.split_array);
    return LS_OK;
}

/* A row of a part has a label. Where the parts come from a checkpoint, that may not be so. */
static ls_status check_parts(const ls_run *run) {
    for (size_t i = 0; i < run->ds->n_samples; i++) {
        uint8_t p = run->t->part[i];
        bool labeled = run->label == NULL || run->label[i] >= 0;
        if (p != LS_SPLIT_NONE && (p >= LS_SPLIT_PARTS || !labeled))
            return ls_hint(ls_fail(LS_ERR_DATA, run->resumed_from,
                                   "the checkpoint's /split does not fit the dataset: row %zu, "
                                   "%s, is in part %d",
                                   i, labeled ? "with a label" : "without a label", p),
                           "the checkpoint is damaged: start anew with --overwrite");
    }
    return LS_OK;
}

static ls_status list_rows(ls_run *run) {
    const uint8_t *part = run->t->part;
    for (int p = 0; p < LS_SPLIT_PARTS; p++) {
        LS_TRY(ls_alloc(ls_split_count(part, run->ds->n_samples, p), sizeof(size_t), "rows",
                        &run->rows[p]));
        for (size_t i = 0; i < run->ds->n_samples; i++)
            if (part[i] == p)
                run->rows[p][run->n_rows[p]++] = i;
    }
    if (run->resumed_from != NULL)
        LS_TRY(check_parts(run));
    if (run->n_rows[LS_SPLIT_TRAIN] >= UINT32_MAX)
        return ls_fail(LS_ERR_DATA, run->ds->path, "more than 2^32 training rows");
    return LS_OK;
}

/* A class without rows in a part is worth a warning: metrics leave it out. So is a single one. */
static ls_status warn_of_missing_classes(ls_run *run) {
    size_t n = run->t->classes.count, *count = NULL;
    if (run->label == NULL)
        return LS_OK;
    if (n == 1)
        ls_warn(run->log, "%s: all rows are of one class (%s), so there is nothing to learn",
                run->ds->path, ls_strings_at(&run->t->classes, 0));
    LS_TRY(ls_alloc(n, sizeof *count, "classes", &count));
    for (int p = 0; p < LS_SPLIT_PARTS; p++) {
        size_t missing = 0, first = 0;
        memset(count, 0, n * sizeof *count);
        for (size_t i = 0; i < run->n_rows[p]; i++)
            count[run->label[run->rows[p][i]]]++;
        for (size_t c = n; c-- > 0;)
            if (count[c] == 0) {
                missing++;
                first = c;
            }
        if (run->n_rows[p] > 0 && missing > 0)
            ls_warn(run->log, "%zu of %zu classes have no rows in the %s part (%s%s)", missing, n,
                    ls_split_name(p), ls_strings_at(&run->t->classes, first),
                    missing > 1 ? ", ..." : "");
    }
    ls_free(count);
    return LS_OK;
}

static ls_status open_dataset(ls_run *run) {
    ls_dataset_paths paths = ls_config_paths(&run->t->config);
    ls_status st = ls_dataset_open(&paths, &run->ds);
    if (st != LS_OK && ls_error_last()->hint[0] == '\0')
        return ls_hint(st, "data.file names it; `lockstep import` makes datasets from CSV, GCT and "
                           "IDX files, `lockstep inspect` checks them");
    LS_TRY(st);
    LS_TRY(ls_trained_check_values(run->t, run->ds));
    return check_target(run);
}

/* A resumed run goes on with the rows that it began with. */
static ls_status check_same_dataset(const ls_run *run) {
    char hex[40];
    if (run->ds->n_samples != run->t->n_samples)
        return ls_hint(ls_fail(LS_ERR_DATA, run->ds->path,
                               "it has %zu samples, the run began with %zu", run->ds->n_samples,
                               run->t->n_samples),
                       "restore the file, or start anew with --overwrite");
    LS_TRY(ls_dataset_fingerprint(run->ds, hex));
    if (strcmp(hex, run->t->fingerprint) != 0)
        return ls_hint(
            ls_fail(LS_ERR_DATA, run->ds->path, "this is not the dataset that the run began with"),
            "its fingerprint differs from that in %s: restore the file, or start anew "
            "with --overwrite",
            run->resumed_from);
    return LS_OK;
}

/* Of batch.size: all: lanes get whole blocks, one of them perhaps one more than another. */
static void take_all_rows(ls_run *run) {
    ls_config *c = &run->t->config;
    const int64_t rows = (int64_t)run->n_rows[LS_SPLIT_TRAIN], block = c->data.block_rows;
    const int64_t blocks = (rows + block - 1) / block;
    const int64_t most = (blocks + c->batch.lanes - 1) / c->batch.lanes * block;
    if (c->batch.size == LS_BATCH_ALL)
        c->batch.rows = c->batch.lanes * (most < rows ? most : rows);
}

static ls_status prepare_data(ls_run *run) {
    LS_TRY(check_lanes(run));
    LS_TRY(open_dataset(run));
    if (run->resumed_from != NULL) {
        LS_TRY(check_same_dataset(run));
        LS_TRY(match_labels(run));
    } else {
        LS_TRY(take_names(run));
        LS_TRY(check_codes(run));
        LS_TRY(match_labels(run));
        LS_TRY(ls_dataset_fingerprint(run->ds, run->t->fingerprint));
        LS_TRY(split_rows(run));
    }
    LS_TRY(list_rows(run));
    take_all_rows(run);
    if (run->resumed_from == NULL)
        LS_TRY(ls_weigh_classes(run->t, run->label, run->rows[LS_SPLIT_TRAIN],
                                run->n_rows[LS_SPLIT_TRAIN]));
    LS_TRY(ls_check_weights(run->t, run->ds, run->label, run->rows, run->n_rows, run->log));
    LS_TRY(ls_run_find_monitors(run));
    return warn_of_missing_classes(run);
}

/* Few blocks of rows leave lanes without any, and steps smaller than the config says. */
static void warn_of_empty_lanes(const ls_run *run, const ls_sampler_spec *spec) {
    size_t empty = 0;
    for (size_t l = 0; l < spec->lanes; l++)
        empty += ls_sampler_lane_rows(run->sampler, l) == 0;
    if (empty == 0 || run->t->config.batch.size == LS_BATCH_ALL)
        return;
    size_t rows = (spec->lanes - empty) * (spec->batch / spec->lanes);
    bool can_fill = spec->n_rows >= spec->lanes;
    ls_warn(run->log,
            "%zu of %zu lanes have no rows, so a step has at most %zu rows, not the %zu of "
            "batch.size: set %s to at most %zu",
            empty, spec->lanes, rows < spec->n_rows ? rows : spec->n_rows, spec->batch,
            can_fill ? "data.block_rows" : "batch.lanes",
            can_fill ? spec->n_rows / spec->lanes : spec->n_rows);
}

/* Tells a balanced sampler the classes of the training rows. */
static ls_status balance_sampler(ls_run *run) {
    const size_t n = run->n_rows[LS_SPLIT_TRAIN];
    int32_t *label = NULL;
    if (run->t->config.batch.sampling != LS_SAMPLING_BALANCED)
        return LS_OK;
    if (run->label == NULL)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "batch.sampling",
                               "balanced draws rows by their class, but %s has no classes",
                               run->ds->path),
                       "use batch.sampling: shuffle");
    if (run->t->config.class_weights.word > 0)
        ls_warn(run->log, "class_weights and batch.sampling are both balanced: small classes count "
                          "for more than large ones");
    LS_TRY(ls_alloc(n, sizeof *label, "labels", &label));
    for (size_t i = 0; i < n; i++)
        label[i] = run->label[run->rows[LS_SPLIT_TRAIN][i]];
    const ls_status st = ls_sampler_balance(run->sampler, label, run->t->classes.count);
    ls_free(label);
    return st;
}

static ls_status prepare_sampler(ls_run *run) {
    const ls_config *c = &run->t->config;
    size_t lanes = (size_t)c->batch.lanes;
    ls_tree_range mine =
        ls_share(lanes, (size_t)ls_comm_size(run->comm), (size_t)ls_comm_rank(run->comm));
    const bool features = c->parallel.strategy == LS_STRATEGY_FEATURES;
    ls_sampler_spec spec = {.n_rows = run->n_rows[LS_SPLIT_TRAIN],
                            .batch = (size_t)c->batch.rows,
                            .lanes = lanes,
                            .block_rows = (size_t)c->data.block_rows,
                            .window = (size_t)c->data.shuffle_window,
                            .drop_last =
                                c->batch.last == LS_BATCH_DROP && c->batch.size != LS_BATCH_ALL,
                            .seed = (uint32_t)c->seed};
    LS_TRY(ls_sampler_create(&spec, features ? (ls_tree_range){0, lanes} : mine, &run->sampler));
    if (ls_sampler_steps(run->sampler) == 0)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "batch.last",
                               "drop leaves no step: %zu training rows, batches of %zu",
                               spec.n_rows, spec.batch),
                       "use batch.last: keep, or a smaller batch.size");
    warn_of_empty_lanes(run, &spec);
    LS_TRY(balance_sampler(run));
    return ls_lanes_create(lanes, mine, &run->lanes);
}

ls_status ls_run_prepare(ls_run *run) {
    size_t inputs = 0;
    ls_status st = prepare_data(run);
    if (st == LS_OK)
        st = ls_transforms_planned_outputs(&run->t->config.data.transform, run->ds->n_features,
                                           &inputs);
    if (st == LS_OK && run->t->model == NULL)
        st = ls_trained_choose_strategy(run->t, inputs);
    if (st == LS_OK && run->t->model == NULL)
        st = ls_trained_plan_model(run->t, inputs, (size_t)ls_comm_size(run->comm),
                                   (size_t)ls_comm_rank(run->comm));
    if (st == LS_OK)
        st = prepare_sampler(run);
    if (st == LS_OK && run->resumed_from == NULL)
        st = ls_model_init(run->t->model, (uint32_t)run->t->config.seed);
    LS_TRY(ls_agree(run->comm, st));
    return ls_rows_choose(run);
}
