/* Makes, tests and calls oneDNN's kernels. Why here: see onednn_kernels.h. */
#include "onednn_kernels.h"

#include <math.h>
#include <string.h>

#include <oneapi/dnnl/dnnl_debug.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

enum { HEIGHTS = LS_ONEDNN_HEIGHTS, STEPS = LS_ONEDNN_STEPS, PANEL = LS_BF16_PANEL };
enum { ROWS = LS_ONEDNN_ROWS, TERMS = LS_ONEDNN_TERMS, OUTPUTS = LS_ONEDNN_OUTPUTS };
enum { A = LS_ONEDNN_A, B, C, SCRATCH, OPERANDS };

static const size_t heights[HEIGHTS] = {32, 128};
const size_t ls_onednn_steps[STEPS] = {32, 64, 128, TERMS};

static const int argument[OPERANDS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST,
                                       DNNL_ARG_SCRATCHPAD};

static ls_status fail(dnnl_status_t status, const char *what) {
    if (status == dnnl_success)
        return LS_OK;
    return ls_fail(status == dnnl_out_of_memory ? LS_ERR_MEMORY : LS_ERR_RUNTIME, "oneDNN",
                   "%s failed (%s)", what, dnnl_status2str(status));
}

/* ---- calls ---- */

/* One kernel's work. What it cannot do is NaN, so that nobody takes it for a number. */
static void run(const ls_onednn *d, ls_onednn_room *own, size_t s, size_t h, ls_bf16 *a, ls_bf16 *b,
                float *c) {
    dnnl_memory_t *memory = own->memory[s][h];
    void *const at[OPERANDS] = {a, b, c, own->scratch};
    dnnl_exec_arg_t args[OPERANDS];
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < OPERANDS; i++) {
        args[i] = (dnnl_exec_arg_t){argument[i], memory[i]};
        if (status == dnnl_success)
            status = dnnl_memory_set_data_handle(memory[i], at[i]);
    }
    if (status == dnnl_success)
        status = dnnl_primitive_execute(d->kernels[s][h].primitive, own->stream, OPERANDS, args);
    for (size_t i = 0; status != dnnl_success && i < heights[h] * PANEL; i++)
        c[i] = NAN;
    if (own->failure == dnnl_success)
        own->failure = status;
}

/* A thread writes to its own room alone, so no two at once. */
ls_status ls_onednn_status(const ls_onednn *d) {
    dnnl_status_t failure = dnnl_success;
    for (size_t t = 0; failure == dnnl_success && t < d->n_rooms; t++)
        failure = d->rooms[t].failure;
    return fail(failure, "a product of matrices");
}

void ls_onednn_multiply(const ls_onednn *d, ls_onednn_room *own, size_t step, size_t height,
                        ls_bf16 *a, ls_bf16 *b, float *c) {
    const size_t terms = ls_onednn_steps[step];
    for (size_t r = 0; r < height;) {
        const size_t rest = height - r, h = !d->smaller[step] || 4 * rest > 3 * heights[1] ? 1 : 0;
        run(d, own, step, h, a + r * terms, b, c + r * PANEL);
        r += heights[h];
    }
}

size_t ls_onednn_height(const ls_onednn *d) {
    bool all = true;
    for (size_t s = 0; s < STEPS; s++)
        all = all && d->smaller[s];
    return heights[all ? 0 : 1];
}

/* ---- creation ---- */

/* b in the order that its kernels read without another copy. */
static dnnl_status_t describe_operands(size_t s, size_t h, dnnl_memory_desc_t shape[OPERANDS]) {
    const dnnl_dim_t m = (dnnl_dim_t)heights[h], k = (dnnl_dim_t)ls_onednn_steps[s];
    const dnnl_dims_t a = {m, k}, b = {k, PANEL}, c = {m, PANEL};
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&shape[A], 2, a, dnnl_bf16, dnnl_ab);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_tag(&shape[B], 2, b, dnnl_bf16, dnnl_BA16a64b2a);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_tag(&shape[C], 2, c, dnnl_f32, dnnl_ab);
    return status;
}

/* oneDNN has some way for every shape, but its general one is a thousand times slower. */
static dnnl_status_t check_way(const dnnl_primitive_desc_t description) {
    const char *way = "";
    dnnl_status_t status =
        dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, (void *)&way);
    return status == dnnl_success && strncmp(way, "brg", 3) != 0 ? dnnl_unimplemented : status;
}

/* Fills in the shape of the scratch, too. */
static dnnl_status_t make_primitive(ls_onednn *d, const dnnl_primitive_attr_t attributes,
                                    ls_onednn_kernel *k) {
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status =
        dnnl_matmul_desc_init(&matmul, &k->shape[A], &k->shape[B], NULL, &k->shape[C]);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&description, &matmul, attributes, d->engine, NULL);
    if (status == dnnl_success)
        status = check_way(description);
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

static ls_status create_kernels(ls_onednn *d) {
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    for (size_t s = 0; s < STEPS; s++)
        for (size_t h = 0; status == dnnl_success && h < HEIGHTS; h++) {
            ls_onednn_kernel *k = &d->kernels[s][h];
            status = describe_operands(s, h, k->shape);
            if (status == dnnl_success)
                status = make_primitive(d, attributes, k);
        }
    (void)dnnl_primitive_attr_destroy(attributes);
    return fail(status, "making a kernel");
}

static ls_status create_room(const ls_onednn *d, ls_onednn_room *own) {
    LS_TRY(ls_alloc(ROWS * TERMS, sizeof *own->a, "bfloat16 tiles", &own->a));
    LS_TRY(ls_alloc(TERMS * PANEL, sizeof *own->b, "bfloat16 tiles", &own->b));
    LS_TRY(ls_alloc(ROWS * PANEL, sizeof *own->c, "bfloat16 tiles", &own->c));
    LS_TRY(ls_alloc(ROWS * OUTPUTS, sizeof *own->sums, "bfloat16 tiles", &own->sums));
    LS_TRY(ls_alloc(d->scratch_bytes, 1, "bfloat16 tiles", &own->scratch));
    dnnl_status_t status = dnnl_stream_create(&own->stream, d->engine, dnnl_stream_default_flags);
    for (size_t s = 0; s < STEPS; s++)
        for (size_t h = 0; h < HEIGHTS; h++)
            for (int o = 0; status == dnnl_success && o < OPERANDS; o++)
                status = dnnl_memory_create(&own->memory[s][h][o], &d->kernels[s][h].shape[o],
                                            d->engine, NULL);
    return fail(status, "naming memory");
}

static void destroy_room(ls_onednn_room *own) {
    dnnl_memory_t *memory = &own->memory[0][0][0];
    for (size_t i = 0; i < sizeof own->memory / sizeof *memory; i++)
        (void)dnnl_memory_destroy(memory[i]);
    (void)dnnl_stream_destroy(own->stream);
    ls_free(own->a);
    ls_free(own->b);
    ls_free(own->c);
    ls_free(own->sums);
    ls_free(own->scratch);
}

void ls_onednn_close(ls_onednn *d) {
    for (size_t t = 0; d->rooms != NULL && t < d->n_rooms; t++)
        destroy_room(&d->rooms[t]);
    ls_free(d->rooms);
    ls_onednn_kernel *k = &d->kernels[0][0];
    for (size_t i = 0; i < sizeof d->kernels / sizeof *k; i++)
        (void)dnnl_primitive_destroy(k[i].primitive);
    (void)dnnl_engine_destroy(d->engine);
    *d = (ls_onednn){0};
}

/* ---- tests at the start ---- */

const char *ls_onednn_processor(void) {
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    return (isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx ? "AMX"
                                                                                : "AVX512-BF16";
}

/* The same row of a and the same column of b everywhere. Returns their sum of products. */
static double fill_alike(ls_onednn_room *own, size_t terms) {
    float x[TERMS], y[TERMS];
    double sum = 0;
    for (size_t k = 0; k < terms; k++) {
        x[k] = (float)(int)(k * 2654435761u % 2001) / 1000.0f - 1.0f;
        y[k] = (float)(int)(k * 2246822519u % 1999) / 1000.0f - 1.0f;
        sum += (double)ls_bf16_of(x[k]) * (double)ls_bf16_of(y[k]);
    }
    /* Rows that lie at no distance are the same row. */
    ls_bf16_left(&(ls_bf16_block){ROWS, terms, x, 0, terms, own->a});
    ls_bf16_right_transposed(&(ls_bf16_block){PANEL, terms, y, 0, terms, own->b});
    return sum;
}

/* Whether a kernel gives this sum at every place. */
static bool gives(const ls_onednn *d, size_t s, size_t h, float sum) {
    ls_onednn_room *own = &d->rooms[0];
    run(d, own, s, h, own->a, own->b, own->c);
    for (size_t i = 0; i < heights[h] * PANEL; i++)
        if (memcmp(&own->c[i], &sum, sizeof sum) != 0)
            return false;
    return true;
}

/* Every product is at most 1, and float32 is exact to 2^-24 of each sum. */
static bool is_near(float sum, double exact, size_t terms) {
    return fabs((double)sum - exact) <= (double)terms * (double)terms * 0x1p-24;
}

/* Tests the kernels of a step and settles which of them are used. */
static ls_status check_step(ls_onednn *d, size_t s) {
    ls_onednn_room *own = &d->rooms[0];
    const double exact = fill_alike(own, ls_onednn_steps[s]);
    run(d, own, s, 1, own->a, own->b, own->c);
    const float sum = own->c[0];
    const bool right = is_near(sum, exact, ls_onednn_steps[s]) && gives(d, s, 1, sum);
    d->smaller[s] = gives(d, s, 0, sum);
    LS_TRY(ls_onednn_status(d));
    if (!right)
        return ls_fail(LS_ERR_RUNTIME, "oneDNN",
                       "its sums of %zu products depend on their place, or are wrong, on this "
                       "processor (%s)",
                       ls_onednn_steps[s], ls_onednn_processor());
    return LS_OK;
}

static ls_status fill_in(ls_onednn *d) {
    LS_TRY(fail(dnnl_engine_create(&d->engine, dnnl_cpu, 0), "starting"));
    LS_TRY(create_kernels(d));
    LS_TRY(ls_alloc(d->n_rooms, sizeof *d->rooms, "bfloat16 tiles", &d->rooms));
    for (size_t t = 0; t < d->n_rooms; t++)
        LS_TRY(create_room(d, &d->rooms[t]));
    for (size_t s = 0; s < STEPS; s++)
        LS_TRY(check_step(d, s));
    return LS_OK;
}

ls_status ls_onednn_open(size_t threads, ls_onednn *out) {
    if ((dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) !=
        dnnl_cpu_isa_avx512_core_bf16)
        return ls_fail(LS_ERR_RUNTIME, "precision: bf16",
                       "this processor has neither AMX nor AVX512-BF16");
    *out = (ls_onednn){.n_rooms = threads};
    const ls_status st = fill_in(out);
    if (st != LS_OK)
        ls_onednn_close(out);
    return st;
}

size_t ls_onednn_bytes(const ls_onednn *d) {
    return d->n_rooms * (sizeof *d->rooms + (ROWS + PANEL) * TERMS * sizeof(ls_bf16) +
                         ROWS * (PANEL + OUTPUTS) * sizeof(float) + d->scratch_bytes);
}
