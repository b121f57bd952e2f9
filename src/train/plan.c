/* What a dry run tells: rows, lanes, parameters, memory and traffic of the run that would be. */
#include <stdio.h>

#include "forecast.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/split.h"
#include "lockstep/math/math.h"
#include "lockstep/optim/optimizer.h"
#include "run.h"

static const char *count(size_t n, char *buffer) {
    return ls_print_count((uint64_t)n, buffer);
}

static void data_lines(const ls_run *run, size_t inputs, ls_buffer *out) {
    char a[32], b[32], c[32];
    const ls_trained *t = run->t;
    ls_buffer_addf(out, "data        %s\n            %s samples x %s features", run->ds->path,
                   count(run->ds->n_samples, a), count(run->ds->n_features, b));
    if (t->target == LS_TARGET_CLASSES)
        ls_buffer_addf(out, ", %s classes\n", count(t->classes.count, c));
    else
        ls_buffer_addf(out, ", %s targets\n", count(t->n_targets, c));
    ls_buffer_add(out, "transforms ");
    for (size_t i = 0; i < t->config.data.transform.count; i++)
        ls_buffer_addf(out, " %s", t->config.data.transform.items[i].row->name);
    ls_buffer_addf(out, "%s -> %s inputs\n", t->config.data.transform.count == 0 ? " none" : "",
                   count(inputs, a));
    ls_buffer_addf(out, "rows        train %s, val %s, test %s\n",
                   count(run->n_rows[LS_SPLIT_TRAIN], a), count(run->n_rows[LS_SPLIT_VAL], b),
                   count(run->n_rows[LS_SPLIT_TEST], c));
}

static void model_lines(const ls_run *run, size_t inputs, ls_buffer *out) {
    const ls_model *m = run->t->model;
    char a[32], b[32];
    for (size_t i = 0; i < m->n_layers; i++) {
        size_t weights = 0;
        for (size_t p = 0; p < m->n_params; p++)
            for (size_t k = 0; k < m->layers[i].n_params; k++)
                if (m->params[p].offset == m->layers[i].offset[k])
                    weights += ls_param_all(&m->params[p]);
        ls_buffer_addf(out, "%-11s %-24s %8s -> %-8s", i == 0 ? "model" : "", m->layers[i].name,
                       count(i < m->front ? inputs : m->layers[i].in_size, a),
                       count(i + 1 < m->front ? inputs : m->layers[i].out_size, b));
        ls_buffer_addf(out, " %12s parameters%s\n", count(weights, a),
                       i >= m->n_active ? " (absorbed by the loss)" : "");
    }
    ls_buffer_addf(out, "parameters  %s\n", count(m->n_weights, a));
}

static void batch_lines(const ls_run *run, ls_buffer *out) {
    const ls_config *c = &run->t->config;
    char a[32];
    size_t lanes = (size_t)c->batch.lanes, ranks = (size_t)ls_comm_size(run->comm);
    ls_buffer_addf(out, "batch       %lld rows in %zu lanes of %lld\n", (long long)c->batch.rows,
                   lanes, (long long)c->batch.rows / c->batch.lanes);
    const size_t steps = ls_sampler_steps(run->sampler);
    ls_buffer_addf(out, "steps       %s an epoch, %lld epochs\n", count(steps, a),
                   (long long)c->train.epochs);
    if (c->batch.accumulate > 1)
        ls_buffer_addf(out, "updates     %s an epoch\n",
                       count(ls_updates_in(steps, (size_t)c->batch.accumulate), a));
    ls_buffer_addf(out, "ranks       %zu, %d threads each\n", ranks, ls_math_threads());
    for (size_t r = 0; r < ranks; r++) {
        ls_tree_range mine = ls_share(lanes, ranks, r);
        size_t rows = 0;
        for (size_t l = mine.first; l < mine.first + mine.count; l++)
            rows += ls_sampler_lane_rows(run->sampler, l);
        ls_buffer_addf(out, "            rank %zu: lanes %zu to %zu, %s rows\n", r, mine.first,
                       mine.first + mine.count - 1, count(rows, a));
    }
}

/* What the front takes in training and in validation, and sends in a step of training. */
typedef struct front_facts {
    size_t bytes, sent;
} front_facts;

static ls_status plan_front(const ls_run *run, front_facts *out) {
    const size_t ranks = (size_t)ls_comm_size(run->comm);
    ls_tree_range *rows = NULL;
    size_t bytes = 0, unused = 0;
    *out = (front_facts){0};
    if (run->t->model->sharded == NULL)
        return LS_OK;
    LS_TRY(ls_agree(run->comm, ls_alloc(ranks, sizeof *rows, "plan", &rows)));
    ls_run_front_rows(run, rows);
    ls_status st = ls_features_plan(run->comm, run->t, rows, true, &out->bytes, &out->sent);
    for (size_t r = 0; r < ranks; r++)
        rows[r] = (ls_tree_range){r * LS_BLOCK_ROWS, LS_BLOCK_ROWS};
    if (st == LS_OK)
        st = ls_features_plan(run->comm, run->t, rows, false, &bytes, &unused);
    out->bytes += bytes;
    ls_free(rows);
    return st;
}

/* Rank 0's memory, by what it is for, from the same sizes that load.c allocates. */
static void memory_lines(const ls_run *run, size_t inputs, const front_facts *facts,
                         ls_buffer *out) {
    const ls_model *m = run->t->model;
    const ls_config *c = &run->t->config;
    size_t ranks = (size_t)ls_comm_size(run->comm);
    size_t rows = run->lanes.mine.count * (size_t)(c->batch.rows / c->batch.lanes);
    size_t val_blocks = (run->n_rows[LS_SPLIT_VAL] + LS_BLOCK_ROWS - 1) / LS_BLOCK_ROWS;
    const bool features = m->sharded != NULL;
    size_t val_rows =
        (features ? val_blocks : ls_share(val_blocks, ranks, 0).count) * LS_BLOCK_ROWS;
    if (run->rows_from.streamed)
        val_rows = features ? 0 : LS_BLOCK_ROWS;
    if (val_rows > run->n_rows[LS_SPLIT_VAL])
        val_rows = run->n_rows[LS_SPLIT_VAL];
    /* Of weights that the exchange holds, the ranks of a machine have one copy. */
    const bool held = !features && ranks > 1;
    const double slab = held ? 0 : (double)m->slab_floats * sizeof(float);
    double front = features ? (double)m->sharded->count * sizeof(float) : 0;
    size_t width = features ? m->layers[m->front - 1].out_size : inputs;
    double own = (double)ls_exchange_owned(run->exchange, 0).count * sizeof(float);
    const struct {
        const char *what;
        double bytes;
    } parts[] = {
        {"training rows", ls_rows_bytes(run)},
        {"validation rows", (double)(val_rows * inputs) * sizeof(float)},
        {"weights and gradients", slab + (double)ls_exchange_held(run->exchange)},
        {"stored gradients", (double)ls_updates_floats(run) * sizeof(float)},
        {"optimiser", (own + front) * (double)ls_state_slots(c, NULL)},
        {"batch and activations",
         (double)(rows * width) * sizeof(float) + (double)facts->bytes +
             (double)ls_activations_bytes(m, m->front, m->n_layers, rows, run->lanes.mine.count) +
             (double)ls_activations_bytes(m, m->front, m->n_layers, LS_BLOCK_ROWS, 0)},
        {"open sums", (double)ls_lanes_scratch_bytes(&run->lanes)},
        {"bfloat16 tiles", (double)ls_gemm_bytes(run->t->gemm)},
        {"checkpoint buffer", (double)LS_CHECKPOINT_BUFFER * sizeof(float)},
        {"copy for checkpoints", (double)ls_saver_copy_bytes(run)},
    };
    char text[32];
    double total = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].bytes == 0)
            continue;
        total += parts[i].bytes;
        ls_buffer_addf(out, "%-11s %-22s %10s\n", i == 0 ? "memory" : "", parts[i].what,
                       ls_print_bytes(parts[i].bytes, text));
    }
    ls_buffer_addf(out, "            %-22s %10s on rank 0\n", "together",
                   ls_print_bytes(total, text));
    ls_rows_plan(run, out);
    ls_buffer_addf(out, "traffic     %s sent a rank and step (strategy %s)\n",
                   ls_print_bytes((double)(ls_exchange_bytes(run->exchange) + facts->sent), text),
                   features ? "features" : "data");
}

static void strategy_line(const ls_run *run, size_t inputs, ls_buffer *out) {
    char why[LS_STRATEGY_WHY_MAX];
    ls_trained_explain_strategy(run->t, inputs, why, sizeof why);
    ls_buffer_addf(out, "strategy    %s: %s\n",
                   run->t->model->sharded != NULL ? "features" : "data", why);
}

ls_status ls_run_plan(const ls_run *run, ls_buffer *out) {
    const ls_model *m = run->t->model;
    front_facts facts;
    ls_forecast forecast;
    LS_TRY(plan_front(run, &facts));
    LS_TRY(ls_run_forecast(run, &forecast));
    if (ls_comm_rank(run->comm) != 0)
        return LS_OK;
    const size_t inputs = m->sharded != NULL ? m->sharded->all_columns : m->in_size;
    ls_buffer_addf(out, "plan of %s\n", run->t->config.name);
    data_lines(run, inputs, out);
    model_lines(run, inputs, out);
    batch_lines(run, out);
    memory_lines(run, m->in_size, &facts, out);
    strategy_line(run, inputs, out);
    ls_run_forecast_lines(run, &forecast, out);
    ls_buffer_addf(out, "gemm        %s%s\n", ls_gemm_name(run->t->gemm),
                   run->t->bf16 != NULL ? " (bfloat16)" : "");
    ls_buffer_addf(out, "directory   %s\n", run->dir.path);
    return LS_OK;
}
