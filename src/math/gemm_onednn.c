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
 * A right operand lies in pairs of terms (bf16.h), as kernels read it: in any other order they
 * would copy it at every call. So x takes the right one's place in a forward product, which forms c
 * transposed, and W, which is larger, is only rounded.
 */
#include <stdio.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "gemm_backend.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/simd.h"
#include "lockstep/math/math.h"
#include "onednn_kernels.h"
#include "tiles.h"

enum { ROWS = LS_ONEDNN_ROWS, COLUMNS = LS_ONEDNN_COLUMNS };

typedef struct onednn {
    ls_gemm gemm; /* first: what others see of it */
    ls_onednn kernels;
} onednn;

static const ls_onednn *kernels_of(const ls_gemm *gemm) {
    return &((const onednn *)gemm)->kernels;
}

static ls_onednn_room *own_room(const ls_onednn *d) {
#ifdef _OPENMP
    return &d->rooms[omp_get_thread_num()];
#else
    return &d->rooms[0];
#endif
}

/* ---- steps ---- */

/* The step for what is left of k: the longest that fits, or the next one, filled up, where most of
 * it is used. */
static size_t step_for(size_t rest) {
    size_t s = 0;
    while (s + 1 < LS_ONEDNN_STEPS && 4 * rest >= 3 * ls_onednn_steps[s + 1])
        s++;
    return s;
}

/* One step of a sum of `terms`: of these [k, k + count); with what it is filled up with it has
 * `length`, and the steps before it had `before`. */
typedef struct step {
    size_t terms, kind, k, count, length, before;
} step;

static step first_step(size_t terms) {
    const size_t kind = step_for(terms), length = ls_onednn_steps[kind];
    return (step){terms, kind, 0, minimum(length, terms), length, 0};
}

static step next_step(const step *s) {
    step next = first_step(s->terms - (s->k + s->count));
    next.terms = s->terms;
    next.k = s->k + s->count;
    next.before = s->before + s->length;
    return next;
}

static bool is_step(const step *s) {
    return s->k < s->terms;
}

/* Terms of the segments before this one, filled up. */
static size_t filled_before(const ls_segments *terms, size_t segment) {
    size_t all = 0;
    for (size_t i = 0; i < segment; i++)
        for (step s = first_step(terms->first[i + 1] - terms->first[i]); is_step(&s);
             s = next_step(&s))
            all += s.length;
    return all;
}

/* ---- ready operands: a step of a segment of a sum lies in one piece ---- */

static size_t up_to(size_t n, size_t multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

/* How many sums a ready operand has room for: x comes in panels, dy in what kernels read. */
static size_t room_for(const ls_onednn *d, size_t count) {
    const size_t height = ls_onednn_height(d);
    return up_to(count, height > LS_BF16_PANEL ? height : LS_BF16_PANEL);
}

/* A step is filled up by a third at most, but for the least one. */
static size_t room(const ls_gemm *gemm, size_t count, size_t terms, size_t segments) {
    return room_for(kernels_of(gemm), count) * (terms + terms / 3 + segments * ls_onednn_steps[0]) *
           sizeof(ls_bf16);
}

/* Where a step of sums from `first` on lies: before counts the filled up terms of those before. */
static ls_bf16 *ready_at(const ls_onednn *d, const ls_operand *a, size_t before, size_t first,
                         const step *s) {
    return (ls_bf16 *)a->ready + (before + s->before) * room_for(d, a->count) + first * s->length;
}

static void make_ready(const ls_gemm *gemm, const ls_operand *a, const ls_operand_piece *piece) {
    const ls_onednn *d = kernels_of(gemm);
    const size_t before = filled_before(&a->terms, piece->segment);
    const size_t *edge = a->terms.first + piece->segment;
    const size_t end = piece->terms.first + piece->terms.count;
    for (step s = first_step(edge[1] - edge[0]); is_step(&s); s = next_step(&s)) {
        const size_t term = edge[0] + s.k;
        ls_bf16 *const to = ready_at(d, a, before, piece->first, &s);
        if (s.k < piece->terms.first || s.k >= end)
            continue;
        if (a->transposed)
            ls_bf16_left_transposed(&(ls_bf16_block){
                s.count, piece->count, a->at + term * a->ld + piece->first, a->ld, s.length, to});
        else
            ls_bf16_right_transposed(&(ls_bf16_block){
                piece->count, s.count, a->at + piece->first * a->ld + term, a->ld, s.length, to});
    }
}

/* ---- products ---- */

LS_SIMD static void add_row(size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

/* c[height, width], rows of ldc, = or += what panels hold. */
static void store(const float *from, bool more, size_t height, size_t width, float *c, size_t ldc) {
    for (size_t j = 0; j < width; j += LS_BF16_PANEL) {
        const size_t n = minimum(LS_BF16_PANEL, width - j);
        for (size_t r = 0; r < height; r++)
            if (more)
                add_row(n, from + j * ROWS + r * LS_BF16_PANEL, c + r * ldc + j);
            else
                memcpy(c + r * ldc + j, from + j * ROWS + r * LS_BF16_PANEL, n * sizeof *c);
    }
}

/* c[width, height] = the transpose of what panels hold. */
static void store_transposed(const float *from, size_t height, size_t width, float *c, size_t ldc) {
    for (size_t j = 0; j < width; j++) {
        const float *column = from + j / LS_BF16_PANEL * LS_BF16_PANEL * ROWS + j % LS_BF16_PANEL;
        for (size_t r = 0; r < height; r++)
            c[j * ldc + r] = column[r * LS_BF16_PANEL];
    }
}

/* Rows [row, row + height) of c, columns [column, column + width): formed as [column][row]. */
static void nt_piece(const ls_onednn *d, const ls_product *p, size_t row, size_t height,
                     size_t column, size_t width) {
    ls_onednn_room *own = own_room(d);
    const size_t before = filled_before(&p->a->terms, p->segment);
    for (step s = first_step(p->k); is_step(&s); s = next_step(&s)) {
        float *const c = s.k > 0 ? own->c : own->sums;
        size_t ldb = 0;
        const float *const b = ls_product_b(p, column, s.k, &ldb);
        ls_bf16_left(&(ls_bf16_block){width, s.count, b, ldb, s.length, own->a});
        ls_onednn_multiply(d, own, s.kind, width, height, own->a,
                           ready_at(d, p->a, before, p->first + row, &s), c);
        for (size_t j = 0; s.k > 0 && j < height; j += LS_BF16_PANEL)
            add_row(width * LS_BF16_PANEL, own->c + j * ROWS, own->sums + j * ROWS);
    }
    store_transposed(own->sums, width, height, p->c + row * p->ldc + column, p->ldc);
}

static void nt(const ls_gemm *gemm, const ls_product *p) {
    for (size_t row = 0; row < p->m; row += COLUMNS)
        for (size_t column = 0; column < p->n; column += ROWS)
            nt_piece(kernels_of(gemm), p, row, minimum(COLUMNS, p->m - row), column,
                     minimum(ROWS, p->n - column));
}

/* One step of all rows of c's columns [column, column + width). */
static void tn_column(const ls_onednn *d, const ls_product *p, size_t before, size_t column,
                      size_t width, const step *s) {
    ls_onednn_room *own = own_room(d);
    ls_bf16_right(&(ls_bf16_block){s->count, width, p->b + s->k * p->ldb + column, p->ldb,
                                   s->length, own->b});
    for (size_t row = 0; row < p->m; row += ROWS) {
        const size_t height = minimum(ROWS, p->m - row);
        ls_onednn_multiply(d, own, s->kind, height, width,
                           ready_at(d, p->a, before, p->first + row, s), own->b, own->c);
        store(own->c, s->k > 0, height, width, p->c + row * p->ldc + column, p->ldc);
    }
}

static void tn(const ls_gemm *gemm, const ls_product *p) {
    const ls_onednn *d = kernels_of(gemm);
    const size_t before = filled_before(&p->a->terms, p->segment);
    for (size_t column = 0; column < p->n; column += COLUMNS)
        for (step s = first_step(p->k); is_step(&s); s = next_step(&s))
            tn_column(d, p, before, column, minimum(COLUMNS, p->n - column), &s);
}

/* Rows [row, row + height) of c, at most ROWS. */
static void nn_rows(const ls_onednn *d, const ls_product *p, size_t row, size_t height) {
    ls_onednn_room *own = own_room(d);
    const float *a = ls_product_a(p) + row * p->a->ld;
    for (step s = first_step(p->k); is_step(&s); s = next_step(&s)) {
        ls_bf16_left(&(ls_bf16_block){height, s.count, a + s.k, p->a->ld, s.length, own->a});
        for (size_t column = 0; column < p->n; column += COLUMNS) {
            const size_t width = minimum(COLUMNS, p->n - column);
            ls_bf16_right(&(ls_bf16_block){s.count, width, p->b + s.k * p->ldb + column, p->ldb,
                                           s.length, own->b});
            ls_onednn_multiply(d, own, s.kind, height, width, own->a, own->b, own->c);
            store(own->c, s.k > 0, height, width, p->c + row * p->ldc + column, p->ldc);
        }
    }
}

static void nn(const ls_gemm *gemm, const ls_product *p) {
    for (size_t row = 0; row < p->m; row += ROWS)
        nn_rows(kernels_of(gemm), p, row, minimum(ROWS, p->m - row));
}

/* ---- creation ---- */

static char *describe(char *buffer, size_t size) {
    const dnnl_version_t *v = dnnl_version();
    snprintf(buffer, size, "oneDNN %d.%d.%d (bfloat16, %s)", v->major, v->minor, v->patch,
             ls_onednn_processor());
    return buffer;
}

static void destroy(ls_gemm *gemm) {
    onednn *d = (onednn *)gemm;
    ls_onednn_close(&d->kernels);
    ls_free(d);
}

ls_status ls_gemm_onednn_create(ls_gemm **out) {
    onednn *d = NULL;
    LS_TRY(ls_alloc(1, sizeof *d, "bfloat16 tiles", &d));
    d->gemm = (ls_gemm){.name = "onednn",
                        .any_tile = true,
                        .forward_rows = COLUMNS,
                        .forward_out = ROWS,
                        .panel = LS_ONEDNN_TERMS,
                        .room = room,
                        .make_ready = make_ready,
                        .describe = describe,
                        .destroy = destroy,
                        .nt = nt,
                        .nn = nn,
                        .tn = tn};
    const int threads = ls_math_threads();
    ls_math_set_threads(1); /* a kernel is made for as many threads as there are then */
    ls_status st = ls_onednn_open((size_t)threads, &d->kernels);
    ls_math_set_threads(threads);
    if (st != LS_OK) {
        ls_free(d);
        return st;
    }
    d->gemm.bytes = ls_onednn_bytes(&d->kernels);
    *out = &d->gemm;
    return LS_OK;
}
