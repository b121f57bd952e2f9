/* Rows in memory or from the file. Why here: see rows.h. */
#include "rows.h"

#include <math.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/split.h"
#include "lockstep/math/math.h"
#include "lockstep/math/vector.h"
#include "run.h"

#define GIB 1073741824.0
#define SHARE 0.5 /* of the memory that is available */

static double row_bytes(const ls_run *run) {
    return (double)run->t->model->in_size * sizeof(float);
}

static double shard_bytes(const ls_run *run) {
    return (double)ls_sampler_rows(run->sampler) * row_bytes(run);
}

double ls_rows_bytes(const ls_run *run) {
    return run->rows_from.streamed ? (double)ls_stream_rows(run->sampler) * row_bytes(run)
                                   : shard_bytes(run);
}

/* ---- the choice ---- */

/* What the config allows, else this rank's part of what its machine has. Collective. */
static ls_status find_limit(ls_run *run) {
    double *limit = &run->rows_from.limit;
    void *unused = NULL;
    size_t ranks = 1, me = 0;
    LS_TRY(ls_allgather_node(run->comm, &me, sizeof me, &unused, &ranks, &me));
    ls_free(unused);
    *limit = isnan(run->t->config.data.memory_limit)
                 ? SHARE * (double)ls_available_bytes() / (double)ranks
                 : GIB * run->t->config.data.memory_limit;
    return LS_OK;
}

/* Whether the rows of one rank at least are more than it may hold. Collective. */
static ls_status too_many_somewhere(ls_run *run, bool *out) {
    const size_t ranks = (size_t)ls_comm_size(run->comm);
    size_t *bytes = NULL;
    uint8_t *too_many = NULL;
    ls_status st = ls_alloc(ranks, sizeof *bytes, "ranks", &bytes);
    if (st == LS_OK)
        st = ls_alloc(ranks, 1, "ranks", &too_many);
    st = ls_agree(run->comm, st);
    if (st == LS_OK) {
        too_many[ls_comm_rank(run->comm)] = shard_bytes(run) > run->rows_from.limit;
        for (size_t r = 0; r < ranks; r++)
            bytes[r] = 1;
        st = ls_allgather_blocks(run->comm, too_many, bytes);
        for (size_t r = 0; r < ranks; r++)
            *out = *out || too_many[r] != 0;
    }
    ls_free(bytes);
    ls_free(too_many);
    return st;
}

static void warn_of_windows(const ls_run *run) {
    char need[32], limit[32];
    const ls_config_data *d = &run->t->config.data;
    if (run->rows_from.streamed && ls_rows_bytes(run) > run->rows_from.limit)
        ls_warn(run->log,
                "the rows that are shuffled together take %s, more than data.memory_limit, %s: a "
                "data.shuffle_window below %lld takes less (it changes the order of rows, so the "
                "result)",
                ls_print_bytes(ls_rows_bytes(run), need),
                ls_print_bytes(run->rows_from.limit, limit), (long long)d->shuffle_window);
}

ls_status ls_rows_choose(ls_run *run) {
    const int memory = run->t->config.data.memory;
    run->rows_from.streamed = memory == LS_MEMORY_STREAM;
    LS_TRY(find_limit(run));
    if (memory == LS_MEMORY_AUTO)
        LS_TRY(too_many_somewhere(run, &run->rows_from.streamed));
    if (run->rows_from.streamed && run->t->config.batch.sampling == LS_SAMPLING_BALANCED)
        return ls_hint(
            ls_fail(LS_ERR_CONFIG, "batch.sampling",
                    "balanced draws from rows in memory, but those of a rank are more than "
                    "data.memory_limit"),
            "use more ranks or a larger limit, or class_weights: balanced with "
            "batch.sampling: shuffle");
    warn_of_windows(run);
    return LS_OK;
}

void ls_rows_plan(const ls_run *run, ls_buffer *out) {
    const ls_rows *rows = &run->rows_from;
    char held[32], all[32], limit[32];
    ls_buffer_addf(out, "source      %s: %s of %s of training rows in memory (limit %s)\n",
                   rows->streamed ? "stream" : "resident", ls_print_bytes(ls_rows_bytes(run), held),
                   ls_print_bytes(shard_bytes(run), all), ls_print_bytes(rows->limit, limit));
}

/* ---- reading ---- */

/* Steps and stream share the processors. Read by one of two threads, plain rows took 1.1 times as
 * long in the first epoch and 1.02 times in others; more processors want more rows. */
static ls_status create_stream(ls_run *run) {
    ls_rows *rows = &run->rows_from;
    const ls_dataset_paths paths = ls_config_paths(&run->t->config);
    LS_TRY(ls_dataset_open(&paths, &rows->ds));
    LS_TRY(ls_dataset_take_parts(rows->ds));
    LS_TRY(ls_trained_loader(run->t, rows->ds, NULL, &rows->loader));
    const ls_stream_spec spec = {.sampler = run->sampler,
                                 .loader = rows->loader,
                                 .row = rows->row,
                                 .sum = rows->sum,
                                 .width = run->t->model->in_size,
                                 .threads = ls_math_threads()};
    return ls_stream_create(&spec, &rows->stream);
}

/* What a stream knows of its rows. */
static ls_status allocate_known(ls_rows *rows, ls_loader_rows *train) {
    LS_TRY(ls_alloc(train->n, sizeof *rows->row, "rows", &rows->row));
    LS_TRY(ls_alloc(train->n, sizeof *rows->sum, "rows", &rows->sum));
    for (size_t i = 0; i < train->n; i++)
        rows->row[train->slot[i]] = train->row[i];
    train->sum = rows->sum;
    return LS_OK;
}

static ls_status allocate_shard(ls_run *run, ls_loader_rows *train) {
    const size_t zeros = run->t->model->sharded != NULL ? 1 : 0;
    LS_TRY(ls_alloc((train->n + zeros) * run->t->model->in_size, sizeof *run->shard.x,
                    "training rows", &run->shard.x));
    train->out = run->shard.x;
    return LS_OK;
}

ls_status ls_rows_load(ls_run *run, const size_t *row, const size_t *slot, size_t n) {
    const bool streamed = run->rows_from.streamed;
    ls_loader_rows lists[] = {{.row = row, .n = n, .slot = slot}, {.n = 0}};
    LS_TRY(streamed ? allocate_known(&run->rows_from, &lists[0]) : allocate_shard(run, &lists[0]));
    if (run->val != NULL)
        LS_TRY(ls_blocks_to_read(run->val, &lists[1]));
    LS_TRY(ls_loader_read(run->loader, lists, 2, run->log));
    return streamed ? create_stream(run) : LS_OK;
}

ls_status ls_rows_start(ls_run *run) {
    const ls_train_state *state = &run->t->state;
    if (!run->rows_from.streamed)
        return LS_OK;
    return ls_stream_start(run->rows_from.stream, (uint32_t)state->epoch, (size_t)state->epoch_step,
                           (uint32_t)run->t->config.train.epochs);
}

void ls_rows_gather(ls_run *run, const size_t *slot, size_t n, float *out) {
    const ls_train_state *state = &run->t->state;
    ls_rows *rows = &run->rows_from;
    if (rows->streamed)
        rows->status = ls_stream_take(rows->stream, (uint32_t)state->epoch,
                                      (size_t)state->epoch_step, slot, n, out, &rows->wait_s);
    else
        ls_gather_rows(n, run->t->model->in_size, run->shard.x, slot, out);
}

void ls_rows_free(ls_rows *rows) {
    ls_stream_destroy(rows->stream); /* first: its thread reads with the others */
    ls_loader_destroy(rows->loader);
    ls_dataset_close(rows->ds);
    ls_free(rows->row);
    ls_free(rows->sum);
    *rows = (ls_rows){0};
}
