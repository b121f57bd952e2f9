/* From a config to a run whose rows, lanes and model are known, before any row is read. */
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/match.h"
#include "lockstep/data/split.h"
#include "run.h"

/* Fewer lanes than ranks can not be served; the mend is in the config or the command. */
static ls_status check_lanes(const ls_run *run) {
    long long lanes = run->t->config.batch.lanes;
    int ranks = ls_comm_size(run->comm);
    if (ranks <= lanes)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_CONFIG, "batch.lanes", "%d ranks are more than the %lld lanes",
                           ranks, lanes),
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

/* Names and targets of a new run are the dataset's. */
static ls_status take_names(ls_run *run) {
    ls_trained *t = run->t;
    t->target = run->ds->target;
    t->n_targets = run->ds->n_outputs;
    t->n_samples = run->ds->n_samples;
    t->named_classes = run->ds->named_classes;
    LS_TRY(ls_strings_copy(&run->ds->classes, &t->classes));
    LS_TRY(ls_strings_copy(&run->ds->targets, &t->targets));
    return ls_strings_copy(&run->ds->features, &t->features);
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
        return ls_fail(LS_ERR_DATA, run->ds->path, "the stored split has no training rows");
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
    if (run->n_rows[LS_SPLIT_TRAIN] >= UINT32_MAX)
        return ls_fail(LS_ERR_DATA, run->ds->path, "more than 2^32 training rows");
    return LS_OK;
}

/* A class without rows in a part is worth a warning: metrics leave it out. */
static ls_status warn_of_missing_classes(ls_run *run) {
    size_t n = run->t->classes.count, *count = NULL;
    if (run->label == NULL)
        return LS_OK;
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

/* "val_loss" and the like: a metric of the part that it names. */
static ls_status check_monitor(const ls_run *run) {
    const char *monitor = run->t->config.train.early_stopping.monitor;
    bool val = strncmp(monitor, "val_", 4) == 0, train = strncmp(monitor, "train_", 6) == 0;
    const char *name = val ? monitor + 4 : train ? monitor + 6 : monitor;
    const ls_metric *m = val || train ? ls_metric_find(run->t, name) : NULL;
    bool in_training = m != NULL && (strcmp(name, "loss") == 0 || strcmp(name, "accuracy") == 0);
    if (m == NULL || (train && !in_training))
        return ls_hint(ls_fail(LS_ERR_CONFIG, "train.early_stopping.monitor",
                               "'%s' is no metric of this run", monitor),
                       "classes: val_loss, val_accuracy, train_loss, train_accuracy; regression: "
                       "val_loss, val_mse, val_mae, val_r2, train_loss");
    if (val && run->n_rows[LS_SPLIT_VAL] == 0 && run->t->config.train.early_stopping.given)
        return ls_hint(ls_fail(LS_ERR_DATA, run->ds->path,
                               "the validation part is empty, but "
                               "train.early_stopping watches %s",
                               monitor),
                       "give data.split a val share, or watch train_loss");
    return LS_OK;
}

static ls_status open_dataset(ls_run *run) {
    ls_dataset_paths paths = ls_config_paths(&run->t->config);
    LS_TRY(ls_dataset_open(&paths, &run->ds));
    return check_target(run);
}

/* A resumed run goes on with the rows that it began with. */
static ls_status check_same_dataset(const ls_run *run) {
    char hex[40];
    if (run->ds->n_samples != run->t->n_samples)
        return ls_fail(LS_ERR_DATA, run->ds->path, "it has %zu samples, the run began with %zu",
                       run->ds->n_samples, run->t->n_samples);
    LS_TRY(ls_dataset_fingerprint(run->ds, hex));
    if (strcmp(hex, run->t->fingerprint) != 0)
        return ls_hint(
            ls_fail(LS_ERR_DATA, run->ds->path, "this is not the dataset that the run began with"),
            "its fingerprint differs from that in %s: restore the file, or start anew "
            "with --overwrite",
            run->resumed_from);
    return LS_OK;
}

static ls_status prepare_data(ls_run *run) {
    LS_TRY(check_lanes(run));
    LS_TRY(open_dataset(run));
    if (run->resumed_from != NULL) {
        LS_TRY(check_same_dataset(run));
        LS_TRY(match_labels(run));
    } else {
        LS_TRY(take_names(run));
        LS_TRY(match_labels(run));
        LS_TRY(ls_dataset_fingerprint(run->ds, run->t->fingerprint));
        LS_TRY(split_rows(run));
    }
    LS_TRY(list_rows(run));
    LS_TRY(check_monitor(run));
    return warn_of_missing_classes(run);
}

static ls_status prepare_sampler(ls_run *run) {
    const ls_config *c = &run->t->config;
    size_t lanes = (size_t)c->batch.lanes;
    ls_tree_range mine =
        ls_share(lanes, (size_t)ls_comm_size(run->comm), (size_t)ls_comm_rank(run->comm));
    ls_sampler_spec spec = {.n_rows = run->n_rows[LS_SPLIT_TRAIN],
                            .batch = (size_t)c->batch.size,
                            .lanes = lanes,
                            .block_rows = (size_t)c->data.block_rows,
                            .window = (size_t)c->data.shuffle_window,
                            .drop_last = c->batch.last == LS_BATCH_DROP,
                            .seed = (uint32_t)c->seed};
    LS_TRY(ls_sampler_create(&spec, mine, &run->sampler));
    if (ls_sampler_steps(run->sampler) == 0)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "batch.last",
                               "drop leaves no step: %zu training rows, batches of %zu",
                               spec.n_rows, spec.batch),
                       "use batch.last: keep, or a smaller batch.size");
    return ls_lanes_create(lanes, mine, &run->lanes);
}

ls_status ls_run_prepare(ls_run *run) {
    ls_status st = prepare_data(run);
    if (st == LS_OK)
        st = prepare_sampler(run);
    if (st == LS_OK && run->t->model == NULL)
        st = ls_trained_plan_model(
            run->t,
            ls_transforms_planned_outputs(&run->t->config.data.transform, run->ds->n_features));
    if (st == LS_OK && run->resumed_from == NULL)
        st = ls_model_init(run->t->model, (uint32_t)run->t->config.seed);
    return ls_agree(run->comm, st);
}
<<<<<<< Updated upstream

static ls_status allocate_batch(ls_run *run) {
    ls_batch *b = &run->batch;
    const ls_config *c = &run->t->config;
    size_t lanes = run->lanes.mine.count, rows = lanes * (size_t)(c->batch.size / c->batch.lanes);
    LS_TRY(ls_alloc(rows * run->t->model->in_size, sizeof *b->x, "batch", &b->x));
    if (run->t->target == LS_TARGET_CLASSES)
        LS_TRY(ls_alloc(rows, sizeof *b->label, "batch", &b->label));
    else
        LS_TRY(ls_alloc(rows * run->t->n_targets, sizeof *b->value, "batch", &b->value));
    LS_TRY(ls_alloc(lanes + 1, sizeof *b->first, "batch", &b->first));
    LS_TRY(ls_alloc(rows, sizeof *b->slot, "batch", &b->slot));
    LS_TRY(ls_alloc(rows, sizeof *b->position, "batch", &b->position));
    LS_TRY(ls_alloc(rows, sizeof *b->row_loss, "batch", &b->row_loss));
    LS_TRY(ls_alloc(lanes, sizeof *b->lane_loss, "batch", &b->lane_loss));
    return ls_activations_create(run->t->model, rows, true, &run->activations);
}

static ls_status allocate_updates(ls_run *run) {
    const ls_model *m = run->t->model;
    size_t ranks = (size_t)ls_comm_size(run->comm);
    size_t own = ls_exchange_owned(run->exchange, ls_comm_rank(run->comm)).count;
    for (size_t i = 0; i < run->lanes.n_roots; i++)
        LS_TRY(ls_alloc(m->slab_floats, sizeof(float), "gradients", &run->gradient[i]));
    for (size_t k = 0; k < ls_optimizer_type_of(&run->t->config.optimizer)->n_slots; k++)
        LS_TRY(ls_alloc(own, sizeof(float), "optimiser state", &run->optimizer.slot[k]));
    /* Two numbers a rank and two a lane: see step.c. */
    LS_TRY(ls_alloc(2 * ranks + 2 * run->lanes.total, sizeof(double), "messages", &run->message));
    LS_TRY(ls_alloc(ranks, sizeof *run->message_bytes, "messages", &run->message_bytes));
    LS_TRY(ls_alloc(ls_score_width(run->t), sizeof(double), "scores", &run->score));
    return LS_OK;
}

/* slots' rows of the dataset in ascending order: lanes interleave, the file is read once. */
static ls_status sort_slots(const ls_run *run, size_t *row, size_t *slot) {
    size_t n = ls_sampler_rows(run->sampler), *of_row = NULL, k = 0;
    const uint32_t *train_row = ls_sampler_row(run->sampler);
    LS_TRY(ls_alloc(run->n_rows[LS_SPLIT_TRAIN], sizeof *of_row, "rows", &of_row));
    for (size_t i = 0; i < n; i++)
        of_row[train_row[i]] = i + 1;
    for (size_t r = 0; r < run->n_rows[LS_SPLIT_TRAIN]; r++)
        if (of_row[r] > 0) {
            row[k] = run->rows[LS_SPLIT_TRAIN][r];
            slot[k++] = of_row[r] - 1;
        }
    ls_free(of_row);
    return LS_OK;
}

static ls_status read_shard(ls_run *run, const size_t *row, const size_t *slot, size_t n) {
    ls_shard *s = &run->shard;
    size_t k = run->t->n_targets;
    ls_progress *progress = NULL;
    LS_TRY(ls_alloc(n * run->t->model->in_size, sizeof *s->x, "training rows", &s->x));
    if (run->t->target == LS_TARGET_CLASSES)
        LS_TRY(ls_alloc(n, sizeof *s->label, "labels", &s->label));
    else
        LS_TRY(ls_alloc(n * k, sizeof *s->value, "targets", &s->value));
    for (size_t i = 0; i < n; i++)
        if (s->label != NULL)
            s->label[slot[i]] = run->label[row[i]];
        else
            memcpy(s->value + slot[i] * k, run->ds->value + row[i] * k, k * sizeof *s->value);
    LS_TRY(ls_progress_create(run->log, "training rows of rank 0", "rows", (double)n, &progress));
    ls_status st = ls_loader_read(run->loader, row, n, slot, s->x, progress);
    ls_progress_finish(progress, NULL);
    return st;
}

static ls_status load_shard(ls_run *run) {
    size_t n = ls_sampler_rows(run->sampler), *row = NULL, *slot = NULL;
    ls_status st = ls_alloc(n, sizeof *row, "rows", &row);
    if (st == LS_OK)
        st = ls_alloc(n, sizeof *slot, "rows", &slot);
    if (st == LS_OK)
        st = sort_slots(run, row, slot);
    if (st == LS_OK)
        st = ls_loader_create(run->ds, NULL, run->t->transforms, &run->loader);
    if (st == LS_OK)
        st = read_shard(run, row, slot, n);
    ls_free(row);
    ls_free(slot);
    return st;
}

static ls_status load_validation(ls_run *run) {
    size_t n = run->n_rows[LS_SPLIT_VAL];
    if (n == 0)
        return LS_OK;
    LS_TRY(ls_blocks_create(run->comm, run->log, run->t, run->ds, run->loader,
                            run->rows[LS_SPLIT_VAL], n, run->label, true, &run->val));
    ls_status st = LS_OK;
    if (run->t->target == LS_TARGET_VALUES) {
        st = ls_alloc(run->t->n_targets, sizeof *run->spread, "targets", &run->spread);
        if (st == LS_OK)
            ls_score_spread(run->ds, run->rows[LS_SPLIT_VAL], n, run->spread);
    }
    return ls_agree(run->comm, st);
}

ls_status ls_run_load(ls_run *run) {
    ls_trained *t = run->t;
    if (t->transforms == NULL)
        LS_TRY(ls_transforms_fit(run->comm, run->ds, t->part, &t->config.data.transform, run->log,
                                 &t->transforms));
    LS_TRY(ls_exchange_create(run->comm, run->lanes.total, t->model->block_edge, t->model->n_blocks,
                              &run->exchange));
    LS_TRY(ls_agree(run->comm, load_shard(run)));
    LS_TRY(load_validation(run));
    ls_status st = allocate_batch(run);
    if (st == LS_OK)
        st = allocate_updates(run);
    LS_TRY(ls_agree(run->comm, st));
    if (run->resumed_from != NULL)
        return ls_checkpoint_load_optimizer(run->comm, run->resumed_from, t, run->exchange,
                                            &run->optimizer);
    return LS_OK;
}

static void free_buffers(ls_run *run) {
    ls_free(run->shard.x);
    ls_free(run->shard.label);
    ls_free(run->shard.value);
    ls_free(run->batch.x);
    ls_free(run->batch.label);
    ls_free(run->batch.value);
    ls_free(run->batch.first);
    ls_free(run->batch.slot);
    ls_free(run->batch.position);
    ls_free(run->batch.row_loss);
    ls_free(run->batch.lane_loss);
    for (size_t i = 0; i < LS_TREE_DEPTH_MAX; i++)
        ls_free(run->gradient[i]);
    for (size_t k = 0; k < LS_OPTIMIZER_SLOTS_MAX; k++)
        ls_free(run->optimizer.slot[k]);
    ls_free(run->message);
    ls_free(run->message_bytes);
    ls_free(run->score);
    ls_free(run->spread);
}

void ls_run_free(ls_run *run) {
    free_buffers(run);
    ls_blocks_destroy(run->val);
    ls_loader_destroy(run->loader);
    ls_activations_destroy(run->activations);
    ls_exchange_destroy(run->exchange);
    ls_lanes_free(&run->lanes);
    ls_sampler_destroy(run->sampler);
    ls_free(run->label);
    for (int p = 0; p < LS_SPLIT_PARTS; p++)
        ls_free(run->rows[p]);
    ls_dataset_close(run->ds);
    ls_trained_destroy(run->t);
    ls_run_dir_free(&run->dir);
    ls_free(run->resumed_from);
}
=======
>>>>>>> Stashed changes
