/* The three matrix products of a dense layer, in lockstep's own tiles, beside the machine's peak.
 *
 * Why here: see bench.h. Rows stand in one lane: what several lanes cost is a matter of the step.
 */
#include "bench_private.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/gemm.h"
#include "lockstep/math/vector.h"

typedef struct shape {
    const char *name;
    size_t rows, in, out;
} shape;

/* A square one, the first layer of GTEx's size, and a small network's. */
static const shape shapes[] = {
    {"square", 2048, 2048, 2048}, {"gtex", 256, 56200, 1024}, {"digits", 128, 784, 100}};

typedef struct product {
    const ls_bench_options *options;
    FILE *to;
    const ls_gemm *gemm;
    shape shape;
    size_t edge[2];
    ls_segments rows;
    ls_lanes lanes;
    float *x, *w, *y, *dw, *dx;
    void *room;
} product;

static void forward(void *context) {
    product *p = context;
    ls_gemm_forward(p->gemm, &p->rows, p->shape.in, p->shape.out, p->x, p->w, NULL, p->y, p->room);
}

static void backward_input(void *context) {
    product *p = context;
    ls_gemm_backward_input(p->gemm, &p->rows, p->shape.in, p->shape.out, p->y, p->w, p->dx, p->room,
                           NULL);
}

static void backward_weight(void *context) {
    product *p = context;
    ls_gemm_backward_weight(p->gemm, &p->rows, &p->lanes, p->shape.in, p->shape.out, p->x, p->y,
                            &p->dw, p->room);
}

static ls_status measure_by(product *p, int threads, double peak) {
    static const struct {
        const char *name;
        void (*work)(void *);
    } products[] = {{"forward", forward},
                    {"backward_input", backward_input},
                    {"backward_weight", backward_weight}};
    const shape *s = &p->shape;
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        double seconds = 0;
        LS_TRY(ls_bench_time(p->options, products[i].work, p, &seconds));
        LS_TRY(ls_gemm_status(p->gemm));
        const double gflops = 2e-9 * (double)s->rows * (double)s->in * (double)s->out / seconds;
        json_t *o = json_object();
        ls_json_set(&o, "bench", json_string("gemm"));
        ls_json_set(&o, "gemm", json_string(ls_gemm_name(p->gemm)));
        ls_json_set(&o, "shape", json_string(s->name));
        ls_json_set(&o, "product", json_string(products[i].name));
        ls_json_set(&o, "rows", json_integer((json_int_t)s->rows));
        ls_json_set(&o, "in", json_integer((json_int_t)s->in));
        ls_json_set(&o, "out", json_integer((json_int_t)s->out));
        ls_json_set(&o, "threads", json_integer(threads));
        ls_json_set(&o, "seconds", json_real(seconds));
        ls_json_set(&o, "gflops", json_real(gflops));
        ls_json_set(&o, "fma_peak_gflops", json_real(peak));
        ls_json_set(&o, "of_peak", json_real(gflops / peak));
        LS_TRY(ls_bench_line(o, p->to));
    }
    return LS_OK;
}

static ls_status measure_with_room(product *p, int threads, double peak) {
    const shape *s = &p->shape;
    LS_TRY(ls_alloc(ls_gemm_room(p->gemm, s->rows, 1, s->in, 1, s->out), 1, "operands", &p->room));
    const ls_status st = measure_by(p, threads, peak);
    ls_free(p->room);
    return st;
}

/* By every library that is here, the one for bfloat16 last. */
static ls_status measure(void *context, int threads) {
    product *p = context;
    double peak = 0;
    LS_TRY(ls_bench_fma_peak(p->options, threads, &peak));
    for (int kind = 1; kind <= ls_gemm_kinds(); kind++)
        if (ls_gemm_choose(kind, &p->gemm) == LS_OK)
            LS_TRY(measure_with_room(p, threads, peak));
    ls_gemm *bf16 = NULL;
    if (ls_gemm_create_bf16(&bf16) != LS_OK)
        return LS_OK;
    p->gemm = bf16;
    ls_status st = measure_with_room(p, threads, peak);
    ls_gemm_destroy(bf16);
    return st;
}

/* Small values of both signs. */
static void fill(void *context, size_t first, size_t count) {
    float *x = context;
    for (size_t i = first; i < first + count; i++)
        x[i] = (float)(int)(i * 2654435761u % 2001) / 1000.0f - 1.0f;
}

static ls_status allocate(product *p) {
    const shape *s = &p->shape;
    LS_TRY(ls_lanes_create(1, (ls_tree_range){0, 1}, &p->lanes));
    LS_TRY(ls_alloc(s->rows * s->in, sizeof *p->x, "rows", &p->x));
    LS_TRY(ls_alloc(s->in * s->out, sizeof *p->w, "weights", &p->w));
    LS_TRY(ls_alloc(s->rows * s->out, sizeof *p->y, "outputs", &p->y));
    LS_TRY(ls_alloc(s->in * s->out, sizeof *p->dw, "gradients", &p->dw));
    return ls_alloc(s->rows * s->in, sizeof *p->dx, "gradients", &p->dx);
}

static ls_status run_shape(const ls_bench_options *options, const shape *s, FILE *to) {
    product p = {.options = options, .to = to, .shape = *s, .edge = {0, s->rows}};
    p.rows = (ls_segments){1, p.edge};
    ls_status st = allocate(&p);
    if (st == LS_OK) {
        ls_for_chunks(s->rows * s->in, LS_VECTOR_CHUNK, fill, p.x);
        ls_for_chunks(s->in * s->out, LS_VECTOR_CHUNK, fill, p.w);
        st = ls_bench_threads(measure, &p);
    }
    ls_lanes_free(&p.lanes);
    ls_free(p.x);
    ls_free(p.w);
    ls_free(p.y);
    ls_free(p.dw);
    ls_free(p.dx);
    return st;
}

static ls_status run(const ls_bench_options *options, FILE *to) {
    const shape own = {"own", options->rows, options->in, options->out};
    if (own.rows > 0 && own.in > 0 && own.out > 0)
        return run_shape(options, &own, to);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        LS_TRY(run_shape(options, &shapes[i], to));
    return LS_OK;
}

const ls_bench_kind ls_bench_gemm = {
    .name = "gemm",
    .help = "the matrix products of a dense layer, beside the peak of the processor",
    .run = run};
