/* How fast memory streams: the triad (McCalpin, STREAM), and the update of Adam, which reads and
 * writes three arrays and reads a fourth.
 *
 * Why here: see bench.h. The update of a wide layer can not be faster than such a stream.
 */
#include "bench_private.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/vector.h"
#include "lockstep/opt/options.h"
#include "lockstep/optim/optimizer.h"

/* Far more than any cache: GTEx's first layer with its optimiser's state takes as much. */
#define BYTES ((size_t)920 << 20)
enum { ARRAYS = 4 };

typedef struct streams {
    const ls_bench_options *options;
    FILE *to;
    size_t n;             /* floats an array */
    float *array[ARRAYS]; /* weights, gradient, two slots */
    ls_choice optimizer;
} streams;

static const ls_opt table[] = {{.key = "optimizer",
                                .kind = LS_OPT_CHOICE,
                                .offset = offsetof(streams, optimizer),
                                .fallback = "adam",
                                .choices = &ls_optimizer_choices,
                                .help = "whose update is measured"},
                               {.kind = LS_OPT_END}};

LS_SIMD static void triad_loop(size_t n, float s, const float *b, const float *c, float *a) {
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] + s * c[i];
}

static void triad_chunk(void *context, size_t first, size_t n) {
    const streams *s = context;
    triad_loop(n, 0.5f, s->array[1] + first, s->array[2] + first, s->array[0] + first);
}

static void triad(void *context) {
    ls_for_chunks(((streams *)context)->n, LS_VECTOR_CHUNK, triad_chunk, context);
}

static void adam(void *context) {
    streams *s = context;
    ls_optimizer_update(&s->optimizer, 1, s->n, s->array[0], s->array[1], s->array + 2);
}

static void fill(void *context, size_t first, size_t n) {
    const streams *s = context;
    for (size_t k = 0; k < ARRAYS; k++)
        for (size_t i = first; i < first + n; i++)
            s->array[k][i] = 0.001f * (float)(i % 1000 + 1);
}

static ls_status measure(void *context, int threads) {
    /* Bytes an element that are read or written, as STREAM counts them: without what a cache reads
     * before it is overwritten. */
    static const struct {
        const char *name;
        void (*work)(void *);
        double bytes;
    } kinds[] = {{"triad", triad, 12}, {"adam", adam, 28}};
    streams *s = context;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        double seconds = 0;
        LS_TRY(ls_bench_time(s->options, kinds[i].work, s, &seconds));
        json_t *o = json_object();
        ls_json_set(&o, "bench", json_string("memory"));
        ls_json_set(&o, "stream", json_string(kinds[i].name));
        ls_json_set(&o, "floats", json_integer((json_int_t)s->n));
        ls_json_set(&o, "threads", json_integer(threads));
        ls_json_set(&o, "seconds", json_real(seconds));
        ls_json_set(&o, "gb_per_s", json_real(1e-9 * kinds[i].bytes * (double)s->n / seconds));
        LS_TRY(ls_bench_line(o, s->to));
    }
    return LS_OK;
}

/* The options that a config without any gives. */
static ls_status choose_adam(streams *s) {
    ls_node *nothing = NULL;
    LS_TRY(ls_node_parse("{}", "bench", "", &nothing));
    const ls_status st = ls_options_read(table, nothing, s);
    ls_node_destroy(nothing);
    return st;
}

static ls_status run_bytes(const ls_bench_options *options, size_t bytes, FILE *to) {
    streams s = {.options = options, .to = to};
    s.n = bytes / (ARRAYS * sizeof(float));
    s.n = s.n > 0 ? s.n : 1;
    LS_TRY(choose_adam(&s));
    ls_status st = LS_OK;
    for (size_t k = 0; st == LS_OK && k < ARRAYS; k++)
        st = ls_alloc(s.n, sizeof(float), "arrays", &s.array[k]);
    if (st == LS_OK) {
        ls_for_chunks(s.n, LS_VECTOR_CHUNK, fill, &s);
        st = ls_bench_threads(measure, &s);
    }
    for (size_t k = 0; k < ARRAYS; k++)
        ls_free(s.array[k]);
    ls_options_free(table, &s);
    return st;
}

static ls_status run(const ls_bench_options *options, FILE *to) {
    if (options->n_bytes == 0)
        return run_bytes(options, BYTES, to);
    for (size_t i = 0; i < options->n_bytes; i++)
        LS_TRY(run_bytes(options, options->bytes[i], to));
    return LS_OK;
}

const ls_bench_kind ls_bench_memory = {
    .name = "memory", .help = "memory streams: the triad, and the update of Adam", .run = run};
