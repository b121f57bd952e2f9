/* The speed of fused multiply-adds that touch nothing but registers.
 *
 * Why here: the ceiling above every matrix product, whatever library computes it. Never a product
 * itself.
 */
#include "bench_private.h"
#include "lockstep/math/vector.h"

/* Independent chains hide the latency of an addition: two units, four to five cycles each. */
enum { CHAINS = 12, WIDTH = 16, FLOATS = CHAINS * WIDTH, ROUNDS = 1 << 20 };

/* Contraction is allowed here alone: no result comes from it. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(LS_SANITIZED)
#define FUSED                                                                                      \
    __attribute__((target_clones("avx512f", "fma", "default"), optimize("fp-contract=fast")))
#else
#define FUSED
#endif

FUSED static float chains(size_t rounds, float a, float b) {
    float c[FLOATS], sum = 0;
    for (int i = 0; i < FLOATS; i++)
        c[i] = a * (float)i;
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < FLOATS; i++)
            c[i] = c[i] * a + b;
    for (int i = 0; i < FLOATS; i++)
        sum += c[i];
    return sum;
}

static void chains_of(void *context, size_t first, size_t count) {
    float *out = context;
    for (size_t i = first; i < first + count; i++)
        out[i] = chains(ROUNDS, 0.999f, 0.001f);
}

typedef struct peak_run {
    size_t threads;
    float out[1024];
} peak_run;

static void run_all(void *context) {
    peak_run *p = context;
    ls_for_chunks(p->threads, 1, chains_of, p->out);
}

static peak_run peak_of(int threads) {
    return (peak_run){.threads = (size_t)(threads < 1024 ? threads : 1024)};
}

double ls_bench_fma_run(int threads) {
    peak_run p = peak_of(threads);
    run_all(&p);
    return 2.0 * FLOATS * (double)ROUNDS * (double)p.threads;
}

ls_status ls_bench_fma_peak(const ls_bench_options *options, int threads, double *gflops) {
    peak_run p = peak_of(threads);
    double seconds = 0;
    LS_TRY(ls_bench_time(options, run_all, &p, &seconds));
    *gflops = 2e-9 * FLOATS * (double)ROUNDS * (double)p.threads / seconds;
    return LS_OK;
}
