/* Tiles in bfloat16 by oneDNN: operands are rounded to it, products summed in float32.
 *
 * oneDNN's kernels are made for a shape, and the bits of a sum depend on the shape that it is part
 * of. So lockstep calls few shapes, all of them made at the start: k is cut into steps of fixed
 * lengths, the operands of a step are rounded into room of their own and filled up with zeros, and
 * the steps' sums are added in order. Then an element's bits depend on its own row, column and k
 * alone, whatever the tile around it. This is tested at the start on the processor at hand: every
 * place of a kernel must give the same sum, and smaller kernels that give another one than the
 * largest for a step (with AVX512-BF16 there are some) are not used.
 *
 * Every result on other kinds of processors is another one: AMX and AVX512-BF16 add in different
 * orders. Never without one of them: oneDNN would emulate them, slower than float32.
 *
 * Measured (oneDNN 2.6, AMX): between 128 x 64 and 256 x 512 elements and for steps from 128 to
 * 1024 its speed is much the same; C is formed in room of its own, since a kernel holds the length
 * of C's rows, too, and copying it costs 2 to 7%.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "bf16.h"
#include "gemm_backend.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/simd.h"
#include "lockstep/math/math.h"
#include "tiles.h"

/* Room for a step: a[ROWS, STEP], b[STEP, COLUMNS], c[ROWS, COLUMNS]. */
enum { ROWS = 256, COLUMNS = 256, STEP = 1024 };

/* What is transposed: the kernels of ls_gemm. */
typedef enum form { NT, NN, TN, FORMS } form;

/* The shapes. A transposed a or b is packed by rows of k, where long steps are slower. */
enum { HEIGHTS = 2, WIDTHS = 2, STEPS = 6 };
static const size_t heights[HEIGHTS] = {32, 128}, widths[WIDTHS] = {64, 256};
static const size_t steps[STEPS] = {32, 64, 128, 256, 512, STEP};
static const size_t steps_of[FORMS] = {[NT] = 6, [NN] = 5, [TN] = 4};

enum { A, B, C, SCRATCH, OPERANDS };
static const int argument[OPERANDS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST,
                                       DNNL_ARG_SCRATCHPAD};

typedef struct kernel {
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t shape[OPERANDS];
} kernel;

/* What a thread works in. */
typedef struct room {
    ls_bf16 *a, *b;
    float *c;
    char *scratch;
    dnnl_stream_t stream;
    dnnl_memory_t memory[FORMS][STEPS][HEIGHTS][WIDTHS][OPERANDS]; /* names for the above */
} room;

typedef struct onednn {
    ls_gemm gemm; /* first: what others see of it */
    dnnl_engine_t engine;
    kernel kernels[FORMS][STEPS][HEIGHTS][WIDTHS];
    bool smaller[FORMS][STEPS]; /* whether smaller kernels than the largest are used */
    size_t scratch_bytes;
    size_t n_rooms;
    room *rooms;
} onednn;

static const onednn *onednn_of(const ls_gemm *gemm) {
    return (const onednn *)gemm;
}

static ls_status fail(dnnl_status_t status, const char *what) {
    if (status == dnnl_success)
        return LS_OK;
    return ls_fail(status == dnnl_out_of_memory ? LS_ERR_MEMORY : LS_ERR_RUNTIME, "oneDNN",
                   "%s failed (status %d)", what, (int)status);
}

/* ---- products ---- */

static room *own_room(const onednn *d) {
#ifdef _OPENMP
    return &d->rooms[omp_get_thread_num()];
#else
    return &d->rooms[0];
#endif
}

/* The step for what is left of k: the longest that fits, or the next one, filled up, where most of
 * it is used. */
static size_t step_for(form f, size_t rest) {
    size_t s = 0;
    while (s + 1 < steps_of[f] && 4 * rest >= 3 * steps[s + 1])
        s++;
    return s;
}

/* One of two sizes for what is left of a side. */
static size_t piece_for(const size_t sizes[2], bool smaller, size_t rest) {
    return !smaller || 4 * rest > 3 * sizes[1] ? 1 : 0;
}

/* One kernel's work. What it cannot do it says as NaN, which the loss then is. */
static void run(const onednn *d, room *own, form f, size_t s, size_t h, size_t w, ls_bf16 *a,
                ls_bf16 *b, float *c) {
    dnnl_memory_t *memory = own->memory[f][s][h][w];
    void *const at[OPERANDS] = {a, b, c, own->scratch};
    dnnl_exec_arg_t args[OPERANDS];
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < OPERANDS; i++) {
        args[i] = (dnnl_exec_arg_t){argument[i], memory[i]};
        if (status == dnnl_success)
            status = dnnl_memory_set_data_handle(memory[i], at[i]);
    }
    if (status == dnnl_success)
        status =
            dnnl_primitive_execute(d->kernels[f][s][h][w].primitive, own->stream, OPERANDS, args);
    for (size_t r = 0; status != dnnl_success && r < heights[h]; r++)
        for (size_t j = 0; j < widths[w]; j++)
            c[r * COLUMNS + j] = NAN;
}

/* own->c = the sums over one step of what own->a and own->b hold. */
static void multiply(const onednn *d, room *own, form f, size_t s, size_t height, size_t width) {
    const size_t a_row = f == TN ? 1 : steps[s], b_column = f == NT ? steps[s] : 1;
    const bool smaller = d->smaller[f][s];
    for (size_t r = 0; r < height;) {
        const size_t h = piece_for(heights, smaller, height - r);
        for (size_t j = 0; j < width;) {
            const size_t w = piece_for(widths, smaller, width - j);
            run(d, own, f, s, h, w, own->a + r * a_row, own->b + j * b_column,
                own->c + r * COLUMNS + j);
            j += widths[w];
        }
        r += heights[h];
    }
}

LS_SIMD static void add_row(size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void store(const room *own, bool more, size_t height, size_t width, float *c, size_t ldc) {
    for (size_t r = 0; r < height; r++)
        if (more)
            add_row(width, own->c + r * COLUMNS, c + r * ldc);
        else
            memcpy(c + r * ldc, own->c + r * COLUMNS, width * sizeof *c);
}

static void round_a(form f, const ls_product *p, size_t row, size_t height, size_t k, size_t step,
                    size_t filled, ls_bf16 *to) {
    if (f == TN)
        ls_bf16_round(&(ls_bf16_block){step, height, p->a + k * p->lda + row, p->lda, filled,
                                       height, to, ROWS});
    else
        ls_bf16_round(&(ls_bf16_block){height, step, p->a + row * p->lda + k, p->lda, height,
                                       filled, to, filled});
}

static void round_b(form f, const ls_product *p, size_t column, size_t width, size_t k, size_t step,
                    size_t filled, ls_bf16 *to) {
    if (f == NT)
        ls_bf16_round(&(ls_bf16_block){width, step, p->b + column * p->ldb + k, p->ldb, width,
                                       filled, to, filled});
    else
        ls_bf16_round(&(ls_bf16_block){step, width, p->b + k * p->ldb + column, p->ldb, filled,
                                       width, to, COLUMNS});
}

/* Rows [row, row + height) of c, at most ROWS. */
static void rows_of(const onednn *d, form f, const ls_product *p, size_t row, size_t height) {
    room *own = own_room(d);
    for (size_t k = 0; k < p->k;) {
        const size_t s = step_for(f, p->k - k), step = minimum(steps[s], p->k - k);
        round_a(f, p, row, height, k, step, steps[s], own->a);
        for (size_t column = 0; column < p->n; column += COLUMNS) {
            const size_t width = minimum(COLUMNS, p->n - column);
            round_b(f, p, column, width, k, step, steps[s], own->b);
            multiply(d, own, f, s, height, width);
            store(own, k > 0, height, width, p->c + row * p->ldc + column, p->ldc);
        }
        k += step;
    }
}

static void product(const ls_gemm *gemm, form f, const ls_product *p) {
    for (size_t row = 0; row < p->m; row += ROWS)
        rows_of(onednn_of(gemm), f, p, row, minimum(ROWS, p->m - row));
}

static void nt(const ls_gemm *gemm, const ls_product *p) {
    product(gemm, NT, p);
}

static void nn(const ls_gemm *gemm, const ls_product *p) {
    product(gemm, NN, p);
}

static void tn(const ls_gemm *gemm, const ls_product *p) {
    product(gemm, TN, p);
}

/* ---- creation ---- */

static dnnl_status_t describe_operands(form f, size_t s, size_t h, size_t w,
                                       dnnl_memory_desc_t shape[OPERANDS]) {
    const dnnl_dim_t m = (dnnl_dim_t)heights[h], n = (dnnl_dim_t)widths[w],
                     k = (dnnl_dim_t)steps[s];
    const dnnl_dims_t a = {m, k}, b = {k, n}, c = {m, n}, rows = {k, 1}, columns = {1, k};
    const dnnl_dims_t a_of_tn = {1, ROWS}, b_by_rows = {COLUMNS, 1};
    dnnl_status_t status =
        dnnl_memory_desc_init_by_strides(&shape[A], 2, a, dnnl_bf16, f == TN ? a_of_tn : rows);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_strides(&shape[B], 2, b, dnnl_bf16,
                                                  f == NT ? columns : b_by_rows);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_strides(&shape[C], 2, c, dnnl_f32, b_by_rows);
    return status;
}

/* Fills in the shape of the scratch, too. */
static dnnl_status_t make_primitive(onednn *d, const dnnl_primitive_attr_t attributes, kernel *k) {
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status =
        dnnl_matmul_desc_init(&matmul, &k->shape[A], &k->shape[B], NULL, &k->shape[C]);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&description, &matmul, attributes, d->engine, NULL);
    if (status == dnnl_success) {
        const dnnl_memory_desc_t *scratch =
            dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
        k->shape[SCRATCH] = *scratch;
        if (dnnl_memory_desc_get_size(scratch) > d->scratch_bytes)
            d->scratch_bytes = dnnl_memory_desc_get_size(scratch);
        status = dnnl_primitive_create(&k->primitive, description);
    }
    (void)dnnl_primitive_desc_destroy(description);
    return status;
}

static ls_status create_kernels(onednn *d) {
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    for (form f = NT; f < FORMS; f++)
        for (size_t s = 0; s < steps_of[f]; s++)
            for (size_t i = 0; status == dnnl_success && i < HEIGHTS * WIDTHS; i++) {
                kernel *k = &d->kernels[f][s][i / WIDTHS][i % WIDTHS];
                status = describe_operands(f, s, i / WIDTHS, i % WIDTHS, k->shape);
                if (status == dnnl_success)
                    status = make_primitive(d, attributes, k);
            }
    (void)dnnl_primitive_attr_destroy(attributes);
    return fail(status, "making a kernel");
}

static ls_status create_room(const onednn *d, room *own) {
    LS_TRY(ls_alloc(ROWS * STEP, sizeof *own->a, "bfloat16 tiles", &own->a));
    LS_TRY(ls_alloc(COLUMNS * STEP, sizeof *own->b, "bfloat16 tiles", &own->b));
    LS_TRY(ls_alloc(ROWS * COLUMNS, sizeof *own->c, "bfloat16 tiles", &own->c));
    LS_TRY(ls_alloc(d->scratch_bytes, 1, "bfloat16 tiles", &own->scratch));
    dnnl_status_t status = dnnl_stream_create(&own->stream, d->engine, dnnl_stream_default_flags);
    for (form f = NT; f < FORMS; f++)
        for (size_t s = 0; s < steps_of[f]; s++)
            for (size_t i = 0; i < HEIGHTS * WIDTHS; i++)
                for (int o = 0; status == dnnl_success && o < OPERANDS; o++)
                    status = dnnl_memory_create(&own->memory[f][s][i / WIDTHS][i % WIDTHS][o],
                                                &d->kernels[f][s][i / WIDTHS][i % WIDTHS].shape[o],
                                                d->engine, NULL);
    return fail(status, "naming memory");
}

static void destroy(ls_gemm *gemm) {
    onednn *d = (onednn *)gemm;
    for (size_t t = 0; d->rooms != NULL && t < d->n_rooms; t++) {
        room *own = &d->rooms[t];
        dnnl_memory_t *memory = &own->memory[0][0][0][0][0];
        for (size_t i = 0; i < sizeof own->memory / sizeof *memory; i++)
            (void)dnnl_memory_destroy(memory[i]);
        (void)dnnl_stream_destroy(own->stream);
        ls_free(own->a);
        ls_free(own->b);
        ls_free(own->c);
        ls_free(own->scratch);
    }
    ls_free(d->rooms);
    kernel *k = &d->kernels[0][0][0][0];
    for (size_t i = 0; i < sizeof d->kernels / sizeof *k; i++)
        (void)dnnl_primitive_destroy(k[i].primitive);
    (void)dnnl_engine_destroy(d->engine);
    ls_free(d);
}

/* ---- tests at the start ---- */

static const char *processor(void) {
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    return (isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx ? "AMX"
                                                                                : "AVX512-BF16";
}

/* The same row of a and the same column of b everywhere. Returns their sum of products. */
static double fill_alike(room *own, form f, size_t step) {
    double sum = 0;
    for (size_t k = 0; k < step; k++) {
        const float x = (float)(int)(k * 2654435761u % 2001) / 1000.0f - 1.0f;
        const float y = (float)(int)(k * 2246822519u % 1999) / 1000.0f - 1.0f;
        ls_bf16 bits[2];
        ls_bf16_round(&(ls_bf16_block){1, 1, &x, 1, 1, 1, &bits[0], 1});
        ls_bf16_round(&(ls_bf16_block){1, 1, &y, 1, 1, 1, &bits[1], 1});
        for (size_t i = 0; i < ROWS; i++)
            own->a[f == TN ? k * ROWS + i : i * step + k] = bits[0];
        for (size_t j = 0; j < COLUMNS; j++)
            own->b[f == NT ? j * step + k : k * COLUMNS + j] = bits[1];
        sum += (double)ls_bf16_of(x) * (double)ls_bf16_of(y);
    }
    return sum;
}

/* Whether a kernel gives this sum at every place. */
static bool gives(const onednn *d, form f, size_t s, size_t h, size_t w, float sum) {
    room *own = &d->rooms[0];
    run(d, own, f, s, h, w, own->a, own->b, own->c);
    for (size_t r = 0; r < heights[h]; r++)
        for (size_t j = 0; j < widths[w]; j++)
            if (memcmp(&own->c[r * COLUMNS + j], &sum, sizeof sum) != 0)
                return false;
    return true;
}

/* Every product is at most 1, and float32 is exact to 2^-24 of each sum. */
static bool is_near(float sum, double exact, size_t step) {
    return fabs((double)sum - exact) <= (double)step * (double)step * 0x1p-24;
}

/* Tests the kernels of a step and settles which of them are used. */
static ls_status check_step(onednn *d, form f, size_t s) {
    room *own = &d->rooms[0];
    const double exact = fill_alike(own, f, steps[s]);
    run(d, own, f, s, 1, 1, own->a, own->b, own->c);
    const float sum = own->c[0];
    if (!is_near(sum, exact, steps[s]) || !gives(d, f, s, 1, 1, sum))
        return ls_fail(LS_ERR_RUNTIME, "oneDNN",
                       "its sums of %zu products depend on their place, or are wrong, on this "
                       "processor (%s)",
                       steps[s], processor());
    d->smaller[f][s] =
        gives(d, f, s, 0, 0, sum) && gives(d, f, s, 0, 1, sum) && gives(d, f, s, 1, 0, sum);
    return LS_OK;
}

static ls_status check(onednn *d) {
    for (form f = NT; f < FORMS; f++)
        for (size_t s = 0; s < steps_of[f]; s++)
            LS_TRY(check_step(d, f, s));
    return LS_OK;
}

static char *describe(char *buffer, size_t size) {
    const dnnl_version_t *v = dnnl_version();
    snprintf(buffer, size, "oneDNN %d.%d.%d (bfloat16, %s)", v->major, v->minor, v->patch,
             processor());
    return buffer;
}

static ls_status check_processor(void) {
    if ((dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) ==
        dnnl_cpu_isa_avx512_core_bf16)
        return LS_OK;
    return ls_fail(LS_ERR_RUNTIME, "precision: bf16",
                   "this processor has neither AMX nor AVX512-BF16");
}

static ls_status fill_in(onednn *d) {
    LS_TRY(fail(dnnl_engine_create(&d->engine, dnnl_cpu, 0), "starting"));
    LS_TRY(create_kernels(d));
    LS_TRY(ls_alloc(d->n_rooms, sizeof *d->rooms, "bfloat16 tiles", &d->rooms));
    for (size_t t = 0; t < d->n_rooms; t++)
        LS_TRY(create_room(d, &d->rooms[t]));
    d->gemm.bytes = d->n_rooms * (sizeof *d->rooms + (ROWS + COLUMNS) * STEP * sizeof(ls_bf16) +
                                  ROWS * COLUMNS * sizeof(float) + d->scratch_bytes);
    return check(d);
}

ls_status ls_gemm_onednn_create(ls_gemm **out) {
    onednn *d = NULL;
    LS_TRY(check_processor());
    LS_TRY(ls_alloc(1, sizeof *d, "bfloat16 tiles", &d));
    const int threads = ls_math_threads();
    d->n_rooms = (size_t)threads;
    d->gemm = (ls_gemm){.name = "onednn",
                        .any_tile = true,
                        .forward_rows = ROWS,
                        .forward_out = 2 * COLUMNS,
                        .keeps_rows = true,
                        .describe = describe,
                        .destroy = destroy,
                        .nt = nt,
                        .nn = nn,
                        .tn = tn};
    ls_math_set_threads(1); /* a kernel is made for as many threads as there are then */
    ls_status st = fill_in(d);
    ls_math_set_threads(threads);
    if (st != LS_OK) {
        destroy(&d->gemm);
        return st;
    }
    *out = &d->gemm;
    return LS_OK;
}
