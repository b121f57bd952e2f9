/* The exchange of a training step between the ranks, beside MPI_Allreduce of the same bytes.
 *
 * Why here: see bench.h. The exchange keeps the order of sums, which MPI does not, and this tells
 * what that costs. The algorithm bandwidth is the slab's bytes by the time; the bus bandwidth that
 * times 2 (ranks - 1) / ranks, the share of the slab that a rank must at least send, so that it can
 * be set beside the network's speed at any number of ranks (as NVIDIA's nccl-tests define them).
 * Never measures the update in between.
 */
#include <limits.h>
#include <string.h>

#include "bench_private.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/comm/exchange.h"
#include "lockstep/comm/unordered.h"
#include "lockstep/math/math.h"
#include "lockstep/math/vector.h"
#include "lockstep/nn/model.h"

/* LANES: of a config that names none. Small slabs go round often, so that a turn is longer than
 * what it takes the ranks to begin together. */
enum { LANES = 8, LANES_MAX = 1024, ROUNDS_MAX = 100, TURN_BYTES = 4 << 20 };

/* Latency, caches, and GTEx's network with 1024 hidden units. */
static const size_t sizes[] = {4 << 10, 64 << 10, 1 << 20, 16 << 20, 230420696};

typedef struct exchange_run {
    ls_comm *comm;
    const ls_bench_options *options;
    FILE *to;
    size_t floats, rounds, lanes;
    ls_tree_range mine; /* lanes */
    ls_exchange *exchange;
    size_t n_roots;
    ls_tree_range subtree[LS_TREE_DEPTH_MAX];
    float *local; /* the sum of this rank's lanes */
    float *sum;   /* that over all, by MPI */
} exchange_run;

/* Lane l adds i % 61 + l to float i of the slab: whole numbers whose sums are exact in any order.
 */
typedef struct filling {
    ls_tree_range lanes;
    float *out;
} filling;

static void fill(void *context, size_t first, size_t n) {
    const filling *f = context;
    const size_t count = f->lanes.count, numbers = count * (2 * f->lanes.first + count - 1) / 2;
    for (size_t i = first; i < first + n; i++)
        f->out[i] = (float)(count * (i % 61) + numbers);
}

static void fill_lanes(const exchange_run *x, ls_tree_range lanes, float *out) {
    filling f = {lanes, out};
    ls_for_chunks(x->floats, LS_VECTOR_CHUNK, fill, &f);
}

static ls_status allocate(exchange_run *x) {
    LS_TRY(ls_alloc(x->floats, sizeof(float), "sums of lanes", &x->local));
    return ls_alloc(x->floats, sizeof(float), "sums", &x->sum);
}

static void release(exchange_run *x) {
    ls_exchange_destroy(x->exchange);
    ls_free(x->local);
    ls_free(x->sum);
}

/* Cuts the slab as a model cuts its own. */
static ls_status create_exchange(exchange_run *x) {
    const size_t n = (x->floats + LS_BLOCK_FLOATS - 1) / LS_BLOCK_FLOATS;
    size_t *edge = NULL;
    ls_status st = ls_agree(x->comm, ls_alloc(n + 1, sizeof *edge, "blocks", &edge));
    for (size_t b = 0; st == LS_OK && b <= n; b++)
        edge[b] = b < n ? b * LS_BLOCK_FLOATS : x->floats;
    const ls_exchange_spec spec = {
        .n_leaves = x->lanes, .edge = edge, .n_blocks = n, .sharing = x->options->sharing};
    if (st == LS_OK)
        st = ls_exchange_create(x->comm, &spec, &x->exchange);
    if (st == LS_OK)
        st = ls_exchange_allocate(x->exchange, NULL);
    ls_free(edge);
    return st;
}

static void prepare(exchange_run *x) {
    for (size_t k = 0; k < x->n_roots; k++)
        fill_lanes(x, x->subtree[k], ls_exchange_root(x->exchange, k));
    fill_lanes(x, x->mine, x->local);
}

/* What stands in for the update: the own part of the slab becomes the sum, as MPI's is written. */
static void keep(void *context, size_t first, size_t n, const float *sum) {
    memcpy((float *)context + first, sum, n * sizeof *sum);
}

static ls_status by_exchange(void *context, double *seconds) {
    exchange_run *x = context;
    const ls_exchange_round round = {
        .use = keep, .context = ls_exchange_slab(x->exchange), .gathers = true};
    const double begin = ls_clock_s();
    for (size_t i = 0; i < x->rounds; i++)
        ls_exchange_go_round(x->exchange, &round);
    *seconds = (ls_clock_s() - begin) / (double)x->rounds;
    return LS_OK;
}

static ls_status by_allreduce(void *context, double *seconds) {
    exchange_run *x = context;
    const double begin = ls_clock_s();
    for (size_t i = 0; i < x->rounds; i++)
        LS_TRY(ls_allreduce_unordered(x->comm, x->local, x->floats, x->sum));
    *seconds = (ls_clock_s() - begin) / (double)x->rounds;
    return LS_OK;
}

/* of_allreduce: the speed as a share of MPI_Allreduce's; 0 where it says nothing. */
static ls_status print(const exchange_run *x, const char *method, double seconds,
                       double of_allreduce) {
    const double ranks = (double)ls_comm_size(x->comm);
    const size_t bytes = x->floats * sizeof(float);
    const double speed = 1e-9 * (double)bytes / seconds;
    json_t *o = json_object();
    ls_json_set(&o, "bench", json_string("exchange"));
    ls_json_set(&o, "method", json_string(method));
    ls_json_set(&o, "bytes", json_integer((json_int_t)bytes));
    ls_json_set(&o, "ranks", json_integer(ls_comm_size(x->comm)));
    ls_json_set(&o, "lanes", json_integer((json_int_t)x->lanes));
    ls_json_set(&o, "threads", json_integer(ls_math_threads()));
    ls_json_set(&o, "seconds", json_real(seconds));
    ls_json_set(&o, "algorithm_gb_per_s", json_real(speed));
    ls_json_set(&o, "bus_gb_per_s", json_real(speed * 2 * (ranks - 1) / ranks));
    if (of_allreduce > 0)
        ls_json_set(&o, "of_allreduce", json_real(of_allreduce));
    return ls_bench_line(o, x->to);
}

static ls_status measure(exchange_run *x) {
    ls_bench_work *const works[] = {by_exchange, by_allreduce};
    double seconds[2] = {0};
    const bool alone = ls_comm_size(x->comm) == 1; /* nothing is sent */
    prepare(x);
    LS_TRY(ls_bench_turns(x->comm, x->options, 2, works, x, seconds));
    ls_status st = LS_OK;
    if (memcmp(ls_exchange_slab(x->exchange), x->sum, x->floats * sizeof *x->sum) != 0)
        st = ls_fail(LS_ERR_RUNTIME, NULL, "the exchange and MPI_Allreduce gave different sums");
    if (st == LS_OK)
        st = print(x, "lockstep", seconds[0], alone ? 0 : seconds[1] / seconds[0]);
    if (st == LS_OK)
        st = print(x, "MPI_Allreduce", seconds[1], 0);
    return ls_agree(x->comm, st);
}

static ls_status run_bytes(ls_comm *comm, const ls_bench_options *options, size_t lanes,
                           size_t bytes, FILE *to) {
    exchange_run x = {.comm = comm, .options = options, .to = to, .lanes = lanes};
    x.floats = bytes >= sizeof(float) ? bytes / sizeof(float) : 1;
    x.rounds = bytes > 0 && TURN_BYTES / bytes < ROUNDS_MAX ? TURN_BYTES / bytes : ROUNDS_MAX;
    x.rounds = x.rounds > 0 ? x.rounds : 1;
    x.mine = ls_share(lanes, (size_t)ls_comm_size(comm), (size_t)ls_comm_rank(comm));
    x.n_roots = ls_tree_roots(lanes, x.mine.first, x.mine.first + x.mine.count, x.subtree);
    ls_status st = create_exchange(&x);
    if (st == LS_OK)
        st = ls_agree(comm, allocate(&x));
    if (st == LS_OK)
        st = measure(&x);
    release(&x);
    return st;
}

static ls_status run_ranks(ls_comm *comm, const ls_bench_options *options, FILE *to) {
    const size_t ranks = (size_t)ls_comm_size(comm);
    const size_t lanes = options->lanes > 0 ? options->lanes : ranks > LANES ? ranks : LANES;
    const size_t *bytes = options->n_bytes > 0 ? options->bytes : sizes;
    const size_t n = options->n_bytes > 0 ? options->n_bytes : sizeof sizes / sizeof *sizes;
    if (lanes < ranks || lanes > LANES_MAX)
        return ls_fail(LS_ERR_USAGE, "--lanes", "%zu is out of bounds: from %zu, the ranks, to %d",
                       lanes, ranks, LANES_MAX);
    for (size_t i = 0; i < n; i++)
        if (bytes[i] / sizeof(float) > INT_MAX)
            return ls_fail(LS_ERR_USAGE, "--bytes", "%zu is out of bounds: at most %zu", bytes[i],
                           (size_t)INT_MAX * sizeof(float));
    for (size_t i = 0; i < n; i++)
        LS_TRY(run_bytes(comm, options, lanes, bytes[i], to));
    return LS_OK;
}

const ls_bench_kind ls_bench_exchange = {
    .name = "exchange",
    .help = "the exchange of a step between the ranks, beside MPI_Allreduce",
    .run_ranks = run_ranks};
