/* How fast memory streams: the triad (McCalpin, STREAM), and the update of Adam, which reads and
 * writes three arrays and reads a fourth.
 *
 * Why here: see bench.h. The update of a wide layer can not be faster than such a stream.
 */
#include "bench_private.h"
#include "lockstep/math/vector.h"
#include "lockstep/optim/stream.h"

/* Far more than any cache: GTEx's first layer with its optimiser's state takes as much. */
#define BYTES ((size_t)920 << 20)

typedef struct streams {
    const ls_bench_options *options;
    FILE *to;
    ls_adam_stream adam; /* the triad takes its arrays */
} streams;

LS_SIMD static void triad_loop(size_t n, float s, const float *b, const float *c, float *a) {
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] + s * c[i];
}

static void triad_chunk(void *context, size_t first, size_t n) {
    float *const *array = ((const streams *)context)->adam.array;
    triad_loop(n, 0.5f, array[1] + first, array[2] + first, array[0] + first);
}

static void triad(void *context) {
    ls_for_chunks(((streams *)context)->adam.n, LS_VECTOR_CHUNK, triad_chunk, context);
}

static void adam(void *context) {
    ls_adam_stream_run(&((streams *)context)->adam);
}

static ls_status measure(void *context, int threads) {
    /* Bytes an element, see LS_ADAM_STREAM_BYTES. */
    static const struct {
        const char *name;
        void (*work)(void *);
        double bytes;
    } kinds[] = {{"triad", triad, 12}, {"adam", adam, LS_ADAM_STREAM_BYTES}};
    streams *s = context;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        double seconds = 0;
        LS_TRY(ls_bench_time(s->options, kinds[i].work, s, &seconds));
        json_t *o = json_object();
        ls_json_set(&o, "bench", json_string("memory"));
        ls_json_set(&o, "stream", json_string(kinds[i].name));
        ls_json_set(&o, "floats", json_integer((json_int_t)s->adam.n));
        ls_json_set(&o, "threads", json_integer(threads));
        ls_json_set(&o, "seconds", json_real(seconds));
        ls_json_set(&o, "gb_per_s", json_real(1e-9 * kinds[i].bytes * (double)s->adam.n / seconds));
        LS_TRY(ls_bench_line(o, s->to));
    }
    return LS_OK;
}

static ls_status run_bytes(const ls_bench_options *options, size_t bytes, FILE *to) {
    streams s = {.options = options, .to = to};
    const size_t n = bytes / (LS_ADAM_STREAM_ARRAYS * sizeof(float));
    LS_TRY(ls_adam_stream_create(n > 0 ? n : 1, &s.adam));
    const ls_status st = ls_bench_threads(measure, &s);
    ls_adam_stream_free(&s.adam);
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
