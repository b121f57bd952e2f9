/* What a step would take on 1, 2, 4, ... 256 nodes like this one, joined by a given network.
 *
 * Why here: see bench.h. A plan and no measurement: the step is measured on this machine, with the
 * ranks at hand as those of a node, and then shared out.
 *
 *   work     gather, forward, backward and update of one node by the nodes. But of the weights
 *            that the ranks have alike a node goes through all, whatever its rows: it reads them
 *            forward, and their gradient is written to memory and read to be sent, each at the
 *            speed of a stream
 *   network  2 b (nodes - 1) / nodes bytes that a node sends, and as many that it receives, for
 *            b bytes that go around: sums to their owners, results back. b: the weights that all
 *            ranks have alike, and with strategy features the first layer's outputs of a batch.
 *            A latency for each of these ways, and one for the losses
 *
 * With strategy data the bytes are on their way while the passes compute: the longer of the two
 * counts, and the latencies. With strategy features, whose sums a pass waits for, all is added.
 */
#include "bench_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/train/trained.h"
#include "steps.h"

enum { NODES_MAX = 256 };
#define GBIT 10.0
#define LATENCY_US 20.0

typedef struct scale_run {
    const ls_bench_options *options;
    FILE *to;
    size_t ranks; /* of a node */
    double bits_per_s, latency_s;
    ls_bench_steps step; /* on one node */
} scale_run;

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* Bytes that go around, however many nodes there are. */
static double bytes_around(const ls_step_facts *f) {
    return (double)sizeof(float) * (double)(f->exchanged_floats + f->front_floats);
}

static double sent_by_node(const scale_run *r, double nodes) {
    return 2 * bytes_around(&r->step.facts) * (nodes - 1) / nodes;
}

static double work_s(const scale_run *r, double nodes) {
    const ls_step_figures *of = &r->step.of;
    const double weights = (double)sizeof(float) * (double)r->step.facts.exchanged_floats;
    const double least = weights / ((double)r->ranks * r->step.stream_bytes_per_s);
    if (nodes <= 1)
        return r->step.seconds;
    return larger(of->forward_s / nodes, least) +
           (of->gather_s + of->backward_s + of->update_s) / nodes + 2 * least + of->wait_s;
}

static bool is_spread(const scale_run *r) {
    return r->step.facts.front_floats > 0;
}

static double bytes_s(const scale_run *r, double nodes) {
    return 8 * sent_by_node(r, nodes) / r->bits_per_s;
}

static double latencies_s(const scale_run *r, double nodes) {
    return nodes <= 1 ? 0 : (is_spread(r) ? 5 : 3) * r->latency_s;
}

static double step_s(const scale_run *r, double nodes) {
    const double work = work_s(r, nodes), bytes = bytes_s(r, nodes);
    return (is_spread(r) ? work + bytes : larger(work, bytes)) + latencies_s(r, nodes);
}

static ls_status print(const scale_run *r, size_t n) {
    const ls_step_facts *f = &r->step.facts;
    const double nodes = (double)n, seconds = step_s(r, nodes);
    const size_t ranks = n * r->ranks;
    json_t *o = json_object();
    ls_json_set(&o, "bench", json_string("scale"));
    ls_json_set(&o, "strategy", json_string(f->strategy));
    ls_json_set(&o, "nodes", json_integer((json_int_t)n));
    ls_json_set(&o, "ranks", json_integer((json_int_t)ranks));
    ls_json_set(&o, "lanes", json_integer((json_int_t)(f->lanes > ranks ? f->lanes : ranks)));
    ls_json_set(&o, "gbit", json_real(1e-9 * r->bits_per_s));
    ls_json_set(&o, "latency_us", json_real(1e6 * r->latency_s));
    ls_json_set(&o, "sent_bytes", json_real(sent_by_node(r, nodes) / (double)r->ranks));
    ls_json_set(&o, "work_s", json_real(work_s(r, nodes)));
    ls_json_set(&o, "network_s", json_real(bytes_s(r, nodes) + latencies_s(r, nodes)));
    ls_json_set(&o, "seconds", json_real(seconds));
    ls_json_set(&o, "samples_per_s", json_real(r->step.of.rows / seconds));
    ls_json_set(&o, "efficiency", json_real(r->step.seconds / (nodes * seconds)));
    return ls_bench_line(o, r->to);
}

/* Up to a row a lane, and a block of columns a rank where columns are shared out. */
static size_t most_ranks(const ls_step_facts *f) {
    if (f->front_floats == 0)
        return f->rows;
    return f->rows < LS_FEATURE_BLOCKS ? f->rows : LS_FEATURE_BLOCKS;
}

static ls_status plan(ls_comm *comm, scale_run *r, const char *strategy) {
    LS_TRY(ls_bench_measure_steps(comm, r->options, strategy, &r->step));
    ls_status st = LS_OK;
    for (size_t n = 1; st == LS_OK && n <= NODES_MAX; n *= 2)
        if (n == 1 || n * r->ranks <= most_ranks(&r->step.facts))
            st = print(r, n);
    return ls_agree(comm, st);
}

static ls_status check_machine(ls_comm *comm) {
    char mine = 0;
    void *all = NULL;
    size_t here = 0, me = 0;
    LS_TRY(ls_allgather_node(comm, &mine, sizeof mine, &all, &here, &me));
    ls_free(all);
    const bool one = here == (size_t)ls_comm_size(comm);
    return ls_agree(comm,
                    one ? LS_OK
                        : ls_hint(ls_fail(LS_ERR_USAGE, NULL,
                                          "bench scale plans from one machine, the ranks "
                                          "are on several"),
                                  "start the ranks of one node; bench step measures several"));
}

static ls_status run_ranks(ls_comm *comm, const ls_bench_options *options, FILE *to) {
    scale_run r = {.options = options,
                   .to = to,
                   .ranks = (size_t)ls_comm_size(comm),
                   .bits_per_s = 1e9 * (options->gbit > 0 ? options->gbit : GBIT),
                   .latency_s =
                       1e-6 * (options->latency_us > 0 ? options->latency_us : LATENCY_US)};
    LS_TRY(check_machine(comm));
    if (options->strategy != NULL)
        return plan(comm, &r, options->strategy);
    LS_TRY(plan(comm, &r, "data"));
    const size_t inputs = r.step.facts.inputs;
    const bool enough = r.ranks <= LS_FEATURE_BLOCKS && r.ranks <= inputs;
    return r.step.facts.can_spread && enough ? plan(comm, &r, "features") : LS_OK;
}

const ls_bench_kind ls_bench_scale = {.name = "scale",
                                      .help = "a plan of steps on 1 to 256 nodes",
                                      .reads = LS_BENCH_CONFIG,
                                      .run_ranks = run_ranks};
