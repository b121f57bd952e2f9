/* Short measurements, and what a step makes of them. Why here: see forecast.h. */
#include "forecast.h"

#include <stdio.h>

#include "cost.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/gemm.h"
#include "lockstep/optim/stream.h"

/* No more than this of a layer, of the weights and of what is exchanged is measured. */
#define MOST_INPUTS ((size_t)2048)
#define MOST_UNITS ((size_t)512)
#define MOST_ROWS ((size_t)512)
#define MOST_STREAM ((size_t)4 << 20)
#define MOST_EXCHANGED ((size_t)2 << 20)
/* What is measured is done so often, of which the first is not counted and the fastest is. */
enum { TIMES = 3 };

static size_t at_most(size_t n, size_t most) {
    return n < most ? n : most;
}

/* The largest of the ranks' values, on all of them. */
static ls_status slowest(ls_comm *comm, double *value) {
    double *all = NULL;
    LS_TRY(ls_allgather_numbers(comm, *value, &all));
    for (int r = 0; r < ls_comm_size(comm); r++)
        *value = all[r] > *value ? all[r] : *value;
    ls_free(all);
    return LS_OK;
}

/* A piece of work that is measured; collective where it communicates. */
typedef ls_status ls_forecast_work(void *context);

/* *seconds = what the work takes the slowest rank, while all do it. */
static ls_status time_work(ls_comm *comm, ls_forecast_work *work, void *context, double *seconds) {
    *seconds = 0;
    for (int i = 0; i < TIMES; i++) {
        ls_barrier(comm);
        const double begin = ls_clock_s();
        LS_TRY(work(context));
        const double took = ls_clock_s() - begin;
        if (i <= 1 || took < *seconds)
            *seconds = took;
    }
    return slowest(comm, seconds);
}

/* ---- products ---- */

/* Forward and the weights' gradient of the largest matrix, or of a part of it: by the lanes of this
 * rank, or with the whole batch as one where it is spread. */
typedef struct products {
    const ls_gemm *gemm;
    const ls_lanes *lanes;
    size_t in, out, n_rows;
    size_t *edge; /* [lanes + 1] */
    ls_lanes one;
    float *x, *w, *y, *dw[LS_TREE_DEPTH_MAX];
    void *room;
} products;

static ls_status multiply(void *context) {
    products *p = context;
    const ls_segments rows = {p->lanes->mine.count, p->edge};
    ls_gemm_forward(p->gemm, &rows, p->in, p->out, p->x, p->w, NULL, p->y, p->room);
    ls_gemm_backward_weight(p->gemm, &rows, p->lanes, p->in, p->out, p->x, p->y, p->dw, p->room);
    return LS_OK;
}

/* rows: of a lane. */
static ls_status allocate(products *p, size_t rows) {
    const size_t n = p->lanes->mine.count;
    p->n_rows = n * rows;
    LS_TRY(ls_alloc(n + 1, sizeof *p->edge, "plan", &p->edge));
    for (size_t i = 0; i <= n; i++)
        p->edge[i] = i * rows;
    LS_TRY(ls_alloc(p->n_rows * p->in, sizeof *p->x, "plan", &p->x));
    LS_TRY(ls_alloc(p->in * p->out, sizeof *p->w, "plan", &p->w));
    LS_TRY(ls_alloc(p->n_rows * p->out, sizeof *p->y, "plan", &p->y));
    LS_TRY(ls_alloc(ls_gemm_room(p->gemm, p->n_rows, n, p->in, 1, p->out), 1, "plan", &p->room));
    for (size_t k = 0; k < p->lanes->n_roots; k++)
        LS_TRY(ls_alloc(p->in * p->out, sizeof *p->dw[k], "plan", &p->dw[k]));
    return LS_OK;
}

static void release(products *p) {
    ls_lanes_free(&p->one);
    ls_free(p->edge);
    ls_free(p->x);
    ls_free(p->w);
    ls_free(p->y);
    ls_free(p->room);
    for (size_t k = 0; k < LS_TREE_DEPTH_MAX; k++)
        ls_free(p->dw[k]);
}

static const ls_param *largest(const ls_model *m) {
    const ls_param *found = NULL;
    for (size_t i = 0; i < m->n_params; i++)
        if (m->params[i].rank == 2 && (found == NULL || m->params[i].count > found->count))
            found = &m->params[i];
    return found;
}

static ls_status prepare(const ls_run *run, const ls_param *matrix, products *p) {
    const ls_config_batch *b = &run->t->config.batch;
    const bool spread = matrix == run->t->model->sharded;
    const size_t most = MOST_ROWS / (spread ? 1 : run->lanes.mine.count);
    LS_TRY(ls_lanes_create(1, (ls_tree_range){0, 1}, &p->one));
    p->gemm = run->t->gemm;
    p->lanes = spread ? &p->one : &run->lanes;
    p->in = at_most(matrix->dim[1], MOST_INPUTS);
    p->out = at_most(matrix->dim[0], MOST_UNITS);
    return allocate(p,
                    at_most((size_t)(spread ? b->rows : b->rows / b->lanes), most > 0 ? most : 1));
}

static ls_status measure_products(const ls_run *run, ls_forecast *f) {
    const ls_param *matrix = largest(run->t->model);
    products p = {0};
    double per_flop = 0;
    if (matrix == NULL)
        return LS_OK;
    ls_status st = ls_agree(run->comm, prepare(run, matrix, &p));
    if (st == LS_OK)
        st = time_work(run->comm, multiply, &p, &per_flop);
    if (st == LS_OK)
        st = ls_agree(run->comm, ls_gemm_status(p.gemm));
    if (st == LS_OK) {
        per_flop /= 4 * (double)p.n_rows * (double)p.in * (double)p.out;
        st = slowest(run->comm, &per_flop);
    }
    f->flops_per_s = 1 / per_flop;
    release(&p);
    return st;
}

/* ---- memory ---- */

static ls_status stream(void *context) {
    ls_adam_stream_run(context);
    return LS_OK;
}

static ls_status measure_stream(const ls_run *run, size_t weights, ls_forecast *f) {
    ls_adam_stream s = {0};
    double per_byte = 0;
    const size_t n = at_most(weights > 0 ? weights : 1, MOST_STREAM);
    ls_status st = ls_agree(run->comm, ls_adam_stream_create(n, &s));
    if (st == LS_OK)
        st = time_work(run->comm, stream, &s, &per_byte);
    per_byte /= LS_ADAM_STREAM_BYTES * (double)n;
    ls_adam_stream_free(&s);
    if (st == LS_OK)
        st = slowest(run->comm, &per_byte);
    f->stream_bytes_per_s = 1 / per_byte;
    return st;
}

/* ---- exchange ---- */

static ls_status go_around(void *context) {
    ls_step_exchange(context);
    return LS_OK;
}

/* Ranks own whole blocks, as in a model; by messages where the run's ranks share no memory. */
static ls_status create_exchange(const ls_run *run, size_t leaves, size_t floats, bool apart,
                                 ls_exchange **out) {
    enum { PARTS = 4096 };
    const size_t n = floats < PARTS ? floats : PARTS;
    const size_t sharing = (size_t)run->t->config.parallel.sharing_ranks;
    size_t *edge = NULL;
    ls_status st = ls_agree(run->comm, ls_alloc(n + 1, sizeof *edge, "plan", &edge));
    for (size_t i = 0; st == LS_OK && i <= n; i++)
        edge[i] = i < n ? ls_share(floats, n, i).first : floats;
    const ls_exchange_spec spec = {
        .n_leaves = leaves, .edge = edge, .n_blocks = n, .sharing = apart ? 1 : sharing};
    if (st == LS_OK)
        st = ls_exchange_create(run->comm, &spec, out);
    if (st == LS_OK)
        st = ls_exchange_allocate(*out, NULL);
    ls_free(edge);
    return st;
}

/* Adds what an exchange of so many floats takes: that of a part, and as much for every such part.
 */
static ls_status add_exchange(const ls_run *run, size_t leaves, size_t floats, bool apart,
                              ls_forecast *f) {
    ls_exchange *ex = NULL;
    double seconds = 0;
    if (ls_comm_size(run->comm) == 1 || floats == 0)
        return LS_OK;
    const size_t part = at_most(floats, MOST_EXCHANGED);
    ls_status st = create_exchange(run, leaves, part, apart, &ex);
    if (st == LS_OK)
        st = time_work(run->comm, go_around, ex, &seconds);
    ls_exchange_destroy(ex);
    f->exchange_s += seconds * (double)floats / (double)part;
    return st;
}

/* ---- the step ---- */

/* Bytes of rows that are gathered, of gradients and of an update. A gradient that only one rank has
 * never comes to memory. */
static double bytes_moved(const ls_run *run, const ls_step_facts *cost) {
    const ls_model *m = run->t->model;
    const size_t rows =
        m->sharded != NULL ? cost->rows : run->lanes.mine.count * (cost->rows / cost->lanes);
    const double gradient = m->sharded != NULL || ls_comm_size(run->comm) == 1 ? 0 : 2;
    return sizeof(float) * (2 * (double)(rows * m->in_size) +
                            (2 * (double)(1 + cost->slots) + gradient) * (double)cost->own_weights);
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* The exchange between machines goes on while passes compute, panel by panel. */
static bool is_hidden(const ls_run *run, const ls_step_facts *cost) {
    return cost->front_floats == 0 && ls_exchange_panel(run->exchange) < cost->exchanged_floats;
}

ls_status ls_run_forecast(const ls_run *run, ls_forecast *out) {
    const double begin = ls_clock_s();
    ls_step_facts cost;
    *out = (ls_forecast){0};
    ls_step_cost(run, &cost);
    LS_TRY(measure_products(run, out));
    LS_TRY(measure_stream(run, cost.own_weights, out));
    LS_TRY(add_exchange(run, run->lanes.total, cost.exchanged_floats, cost.front_floats > 0, out));
    LS_TRY(add_exchange(run, run->t->spread.total, cost.front_floats, false, out));
    out->products_s = out->flops_per_s > 0 ? cost.own_flops / out->flops_per_s : 0;
    out->memory_s = bytes_moved(run, &cost) / out->stream_bytes_per_s;
    LS_TRY(slowest(run->comm, &out->products_s));
    LS_TRY(slowest(run->comm, &out->memory_s));
    out->step_s = is_hidden(run, &cost) ? larger(out->products_s + out->memory_s, out->exchange_s)
                                        : out->products_s + out->memory_s + out->exchange_s;
    out->took_s = ls_clock_s() - begin;
    return LS_OK;
}

/* ---- the lines ---- */

static const char *rate(double per_s, double unit, char *text, size_t size) {
    snprintf(text, size, "%.3g", per_s / unit);
    return text;
}

void ls_run_forecast_lines(const ls_run *run, const ls_forecast *f, ls_buffer *out) {
    char a[32], b[32], c[32], d[32];
    const double steps = (double)ls_sampler_steps(run->sampler);
    const double rows = (double)run->t->config.batch.rows;
    ls_buffer_addf(out, "speed       products %s GFLOP/s, memory %s GB/s a rank (measured in %s)\n",
                   rate(f->flops_per_s, 1e9, a, sizeof a),
                   rate(f->stream_bytes_per_s, 1e9, b, sizeof b), ls_print_duration(f->took_s, c));
    ls_buffer_addf(out, "prediction  %s ms a step: products %s, memory %s, exchange %s\n",
                   rate(f->step_s, 1e-3, a, sizeof a), rate(f->products_s, 1e-3, b, sizeof b),
                   rate(f->memory_s, 1e-3, c, sizeof c), rate(f->exchange_s, 1e-3, d, sizeof d));
    ls_buffer_addf(out, "            %s samples/s, %s an epoch without validation\n",
                   ls_print_count((uint64_t)(rows / f->step_s), a),
                   ls_print_duration(steps * f->step_s, b));
}
