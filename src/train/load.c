/* From a prepared run to its first step: transforms, this rank's rows, buffers.
 *
 * Why here: what a dry run leaves out. Nothing is allocated in a step. */
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/split.h"
#include "run.h"
#include "weights.h"

static ls_status allocate_batch(ls_run *run) {
    ls_batch *b = &run->batch;
    const ls_config *c = &run->t->config;
    const ls_model *m = run->t->model;
    size_t lanes = run->lanes.mine.count, rows = lanes * (size_t)(c->batch.rows / c->batch.lanes);
    size_t all_lanes = run->features != NULL ? run->lanes.total : lanes;
    size_t all = all_lanes * (size_t)(c->batch.rows / c->batch.lanes);
    size_t width = run->features != NULL ? m->layers[m->front - 1].out_size : m->in_size;
    LS_TRY(ls_alloc(rows * width, sizeof *b->x, "batch", &b->x));
    if (run->t->target == LS_TARGET_CLASSES)
        LS_TRY(ls_alloc(rows, sizeof *b->label, "batch", &b->label));
    else
        LS_TRY(ls_alloc(rows * run->t->n_targets, sizeof *b->value, "batch", &b->value));
    if (ls_has_weights(run->t, run->ds))
        LS_TRY(ls_alloc(rows, sizeof *b->weight, "batch", &b->weight));
    LS_TRY(ls_alloc(all_lanes + 1, sizeof *b->first, "batch", &b->first));
    LS_TRY(ls_alloc(lanes + 1, sizeof *b->own_first, "batch", &b->own_first));
    LS_TRY(ls_alloc(all, sizeof *b->slot, "batch", &b->slot));
    LS_TRY(ls_alloc(all, sizeof *b->position, "batch", &b->position));
    if (run->features != NULL) {
        LS_TRY(ls_alloc(all, sizeof *b->all_slot, "batch", &b->all_slot));
        LS_TRY(ls_alloc(all, sizeof *b->all_position, "batch", &b->all_position));
    }
    LS_TRY(ls_alloc(rows, sizeof *b->row_loss, "batch", &b->row_loss));
    LS_TRY(ls_alloc(lanes, sizeof *b->lane_loss, "batch", &b->lane_loss));
    return ls_activations_create(m, m->front, m->n_layers, rows, run->lanes.mine.count,
                                 &run->activations);
}

static ls_status allocate_updates(ls_run *run) {
    size_t ranks = (size_t)ls_comm_size(run->comm);
    LS_TRY(ls_updates_create(run));
    LS_TRY(ls_alloc(RANK_NUMBERS * ranks + LANE_NUMBERS * run->lanes.total, sizeof(double),
                    "messages", &run->message));
    LS_TRY(ls_alloc(ranks, sizeof *run->message_bytes, "messages", &run->message_bytes));
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
    if (run->t->target == LS_TARGET_CLASSES)
        LS_TRY(ls_alloc(n, sizeof *s->label, "labels", &s->label));
    else
        LS_TRY(ls_alloc(n * k, sizeof *s->value, "targets", &s->value));
    for (size_t i = 0; i < n; i++)
        if (s->label != NULL)
            s->label[slot[i]] = run->label[row[i]];
        else
            memcpy(s->value + slot[i] * k, run->ds->value + row[i] * k, k * sizeof *s->value);
    if (ls_has_weights(run->t, run->ds))
        LS_TRY(ls_alloc(n, sizeof *s->weight, "weights", &s->weight));
    for (size_t i = 0; s->weight != NULL && i < n; i++)
        s->weight[slot[i]] = ls_row_weight(run->t, run->ds, run->label, row[i]);
    return ls_rows_load(run, row, slot, n);
}

static ls_status load_rows(ls_run *run) {
    size_t n = ls_sampler_rows(run->sampler), *row = NULL, *slot = NULL;
    ls_status st = ls_alloc(n, sizeof *row, "rows", &row);
    if (st == LS_OK)
        st = ls_alloc(n, sizeof *slot, "rows", &slot);
    if (st == LS_OK)
        st = sort_slots(run, row, slot);
    if (st == LS_OK)
        st = read_shard(run, row, slot, n);
    ls_free(row);
    ls_free(slot);
    return st;
}

/* Whether a metric that something depends on needs the predictions of all rows. */
static bool needs_columns(const ls_run *run) {
    return (run->monitor->traits & LS_METRIC_COLUMNS) != 0 ||
           (run->watched != NULL && (run->watched->traits & LS_METRIC_COLUMNS) != 0);
}

static ls_status create_validation(ls_run *run) {
    size_t n = run->n_rows[LS_SPLIT_VAL];
    if (n == 0)
        return LS_OK;
    LS_TRY(ls_blocks_create(run->comm, run->t, run->ds, run->loader, run->rows[LS_SPLIT_VAL], n,
                            run->label, !run->rows_from.streamed, &run->val));
    return ls_assessment_create(run->comm, run->t, run->ds, run->rows[LS_SPLIT_VAL], n, run->val,
                                needs_columns(run), &run->validation);
}

/* What all ranks have read: a resumed run must go on with the values that it began with. */
static ls_status check_values(ls_run *run) {
    size_t ranks = (size_t)ls_comm_size(run->comm), rank = (size_t)ls_comm_rank(run->comm);
    uint64_t *sums = NULL, total[2] = {0, 0}, *known = run->t->rows_sum;
    LS_TRY(ls_agree(run->comm, ls_alloc(2 * ranks, sizeof *sums, "sums", &sums)));
    ls_loader_sum(run->loader, sums + 2 * rank);
    for (size_t r = 0; r < ranks; r++)
        run->message_bytes[r] = 2 * sizeof *sums;
    ls_status st = ls_allgather_blocks(run->comm, sums, run->message_bytes);
    for (size_t r = 0; r < ranks; r++)
        for (size_t h = 0; h < 2; h++)
            total[h] += sums[2 * r + h];
    ls_free(sums);
    bool compare = run->resumed_from != NULL && (known[0] != 0 || known[1] != 0);
    if (st == LS_OK && compare && memcmp(total, known, sizeof total) != 0)
        return ls_hint(
            ls_fail(LS_ERR_DATA, run->ds->path, "values have changed since the run began"),
            "restore the file, or start anew with --overwrite");
    memcpy(known, total, sizeof total);
    return st;
}

static void warn_of_messages(const ls_run *run, const char *why) {
    if (why != NULL)
        ls_warn(run->log, "the ranks exchange by messages, which takes longer: %s", why);
}

/* A rank goes on with the rows of its lanes. */
void ls_run_front_rows(const ls_run *run, ls_tree_range *rows) {
    const ls_config_batch *b = &run->t->config.batch;
    const size_t ranks = (size_t)ls_comm_size(run->comm), room = (size_t)(b->rows / b->lanes);
    for (size_t r = 0; r < ranks; r++) {
        const ls_tree_range lanes = ls_share(run->lanes.total, ranks, r);
        rows[r] = (ls_tree_range){lanes.first * room, lanes.count * room};
    }
}

static ls_status create_features(ls_run *run) {
    const size_t ranks = (size_t)ls_comm_size(run->comm);
    ls_tree_range *rows = NULL;
    LS_TRY(ls_agree(run->comm, ls_alloc(ranks, sizeof *rows, "batch", &rows)));
    ls_run_front_rows(run, rows);
    ls_status st = ls_features_create(run->comm, run->t, rows, true, &run->features);
    if (st == LS_OK)
        warn_of_messages(run, ls_features_messages_why(run->features));
    ls_free(rows);
    return st;
}

/* Weights that nobody else can use stay where they are: those of a single rank, and those that are
 * not alike on all. */
ls_status ls_run_plan_exchange(ls_run *run) {
    const ls_model *m = run->t->model;
    const bool own = m->sharded != NULL || ls_comm_size(run->comm) == 1;
    const ls_exchange_spec spec = {.n_leaves = run->lanes.total,
                                   .edge = m->block_edge,
                                   .n_blocks = m->n_blocks,
                                   .sharing = (size_t)run->t->config.parallel.sharing_ranks,
                                   .slab = own ? m->weights : NULL};
    return ls_exchange_create(run->comm, &spec, &run->exchange);
}

/* Brings the weights to the exchange's slab. */
static ls_status allocate_exchange(ls_run *run) {
    ls_model *m = run->t->model;
    const char *why = NULL;
    LS_TRY(ls_exchange_allocate(run->exchange, &why));
    warn_of_messages(run, why);
    for (size_t k = 0; k < run->lanes.n_roots; k++)
        run->gradient[k] = ls_exchange_root(run->exchange, k);
    float *slab = ls_exchange_slab(run->exchange);
    if (slab == m->weights)
        return LS_OK;
    ls_exchange_fill(run->exchange, m->weights);
    ls_model_move(m, slab);
    return LS_OK;
}

ls_status ls_run_load(ls_run *run) {
    ls_trained *t = run->t;
    ls_comm_activity(run->comm, "fit of the transforms");
    if (t->transforms == NULL)
        LS_TRY(ls_transforms_fit(run->comm, run->ds, t->part, &t->config.data.transform, run->log,
                                 &t->transforms));
    LS_TRY(ls_run_plan_exchange(run));
    LS_TRY(allocate_exchange(run));
    if (t->model->sharded != NULL)
        LS_TRY(create_features(run));
    ls_comm_activity(run->comm, "reading of the rows");
    LS_TRY(ls_agree(run->comm, ls_trained_loader(run->t, run->ds, NULL, &run->loader)));
    LS_TRY(create_validation(run));
    LS_TRY(ls_agree(run->comm, load_rows(run)));
    ls_status st = allocate_batch(run);
    if (st == LS_OK)
        st = allocate_updates(run);
    LS_TRY(ls_agree(run->comm, st));
    LS_TRY(check_values(run));
    if (run->resumed_from != NULL)
        LS_TRY(ls_checkpoint_load_optimizer(run->comm, run->resumed_from, t, run->exchange,
                                            &run->updates.state));
    LS_TRY(ls_agree(run->comm, ls_rows_start(run)));
    return ls_saver_create(run, &run->saver);
}

static void free_buffers(ls_run *run) {
    ls_free(run->shard.x);
    ls_free(run->shard.label);
    ls_free(run->shard.value);
    ls_free(run->shard.weight);
    ls_free(run->batch.x);
    ls_free(run->batch.label);
    ls_free(run->batch.value);
    ls_free(run->batch.weight);
    ls_free(run->batch.first);
    ls_free(run->batch.own_first);
    ls_free(run->batch.all_slot);
    ls_free(run->batch.all_position);
    ls_free(run->batch.slot);
    ls_free(run->batch.position);
    ls_free(run->batch.row_loss);
    ls_free(run->batch.lane_loss);
    ls_updates_free(&run->updates);
    ls_diagnosis_free(&run->diagnosis);
    ls_free(run->message);
    ls_free(run->message_bytes);
}

void ls_run_free(ls_run *run) {
    ls_saver_destroy(run->saver); /* first: its thread reads what the run holds */
    ls_rows_free(&run->rows_from);
    free_buffers(run);
    ls_assessment_destroy(run->validation);
    ls_blocks_destroy(run->val);
    ls_loader_destroy(run->loader);
    ls_activations_destroy(run->activations);
    ls_features_destroy(run->features);
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
