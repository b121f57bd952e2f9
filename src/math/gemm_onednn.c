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
 * would copy it at every call. W is one for y, of which two terms lie side by side in a strip, and
 * dy for dW, whose strips are what kernels write.
 */
#include <stdio.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "gemm_backend.h"
#include "lockstep/base/add.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/math.h"
#include "onednn_kernels.h"
#include "tiles.h"

enum { ROWS = LS_ONEDNN_ROWS, OUTPUTS = LS_ONEDNN_OUTPUTS, STRIP = LS_STRIP };
/* Of dW in one sum: x is rounded for every tile, with 256 of them the sums took 1.3 times as long.
 */
enum { WEIGHT_OUTPUTS = 1024 };

_Static_assert(LS_BF16_PANEL == STRIP, "a strip is what one kernel forms");
_Static_assert(LS_TILE_INPUT_ROWS <= ROWS, "a tile is not higher than what one call forms");
_Static_assert(WEIGHT_OUTPUTS *LS_TILE_SUM_IN <= LS_TILE_WEIGHT_OUT * LS_TILE_WEIGHT_IN,
               "a tile has room in a thread's scratch");

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

/* How many sums a ready operand has room for: what kernels read, from any row on. */
static size_t room_for(const ls_onednn *d, ls_product_kind kind, size_t count) {
    return kind == LS_BACKWARD_WEIGHT ? up_to(count, STRIP) : count + ls_onednn_height(d);
}

/* A step is filled up by a third at most, but for the least one. */
static size_t room(const ls_gemm *gemm, ls_product_kind kind, size_t count, size_t terms,
                   size_t segments) {
    return room_for(kernels_of(gemm), kind, count) *
           (terms + terms / 3 + segments * ls_onednn_steps[0]) * sizeof(ls_bf16);
}

/* Where a step of sums from `first` on lies: before counts the filled up terms of those before. */
static ls_bf16 *ready_at(const ls_onednn *d, const ls_operand *a, size_t before, size_t first,
                         const step *s) {
    return (ls_bf16 *)a->ready + (before + s->before) * room_for(d, a->kind, a->count) +
           first * s->length;
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
        if (a->kind == LS_BACKWARD_WEIGHT)
            ls_bf16_right(&(ls_bf16_block){
                s.count, piece->count, a->at + term * a->ld + piece->first, a->ld, s.length, to});
        else
            ls_bf16_left(&(ls_bf16_block){
                piece->count, s.count, a->at + piece->first * a->ld + term, a->ld, s.length, to});
    }
}

/* ---- products ---- */

/* c[height, width], rows of ldc, = or += what a kernel has formed, rows of STRIP. */
static void store(const float *from, bool more, size_t height, size_t width, float *c, size_t ldc) {
    for (size_t r = 0; r < height; r++)
        if (more)
            ls_add_to(width, from + r * STRIP, c + r * ldc);
        else
            memcpy(c + r * ldc, from + r * STRIP, width * sizeof *c);
}

/* One step of a tile of y: strip by strip while the step's part of x is in the cache. */
static void forward_step(const ls_onednn *d, const ls_product *p, size_t before, const step *s) {
    ls_onednn_room *own = own_room(d);
    ls_bf16 *const x = ready_at(d, p->a, before, p->first, s);
    for (size_t o = 0; o < p->n; o += STRIP) {
        const size_t width = ls_strips_width(&p->w, p->output + o);
        const float *const strip = ls_product_strip(p, p->output + o, p->column + s->k);
        float *const sums = own->sums + o * ROWS;
        ls_bf16_right(&(ls_bf16_block){s->count, width, strip, width, s->length, own->b});
        ls_onednn_multiply(d, own, s->kind, p->m, x, own->b, s->k > 0 ? own->c : sums);
        if (s->k > 0)
            ls_add_to(p->m * STRIP, own->c, sums);
    }
}

static void forward(const ls_gemm *gemm, const ls_product *p) {
    const ls_onednn *d = kernels_of(gemm);
    const size_t before = filled_before(&p->a->terms, p->segment);
    for (step s = first_step(p->k); is_step(&s); s = next_step(&s))
        forward_step(d, p, before, &s);
    for (size_t o = 0; o < p->n; o += STRIP)
        store(own_room(d)->sums + o * ROWS, false, p->m, minimum(STRIP, p->n - o), p->c + o,
              p->ldc);
}

/* One step of columns [column, column + width) of W, at most STRIP, as a right operand. The step
 * may begin and end within a strip, at an even term. */
static void input_operand(const ls_product *p, size_t column, size_t width, const step *s,
                          ls_bf16 *to) {
    for (size_t o = s->k, n = 0; o < s->k + s->count; o += n) {
        const size_t strip = ls_strips_width(&p->w, o), rest = s->k + s->count - o;
        const size_t at = o - s->k;
        n = minimum(strip - o % STRIP, rest);
        ls_bf16_right_transposed(&(ls_bf16_block){width, n, ls_product_strip(p, o, column), strip,
                                                  n < rest ? n : s->length - at, to + at * STRIP});
    }
}

static void backward_input(const ls_gemm *gemm, const ls_product *p) {
    const ls_onednn *d = kernels_of(gemm);
    ls_onednn_room *own = own_room(d);
    for (step s = first_step(p->k); is_step(&s); s = next_step(&s))
        for (size_t column = 0; column < p->n; column += STRIP) {
            const size_t width = minimum(STRIP, p->n - column);
            input_operand(p, p->column + column, width, &s, own->b);
            ls_onednn_multiply(d, own, s.kind, p->m, ready_at(d, p->a, 0, p->first, &s), own->b,
                               own->c);
            store(own->c, s.k > 0, p->m, width, p->c + column, p->ldc);
        }
}

/* One step of columns [column, column + columns) of dW, all of its strips. */
static void weight_step(const ls_onednn *d, const ls_product *p, size_t before, size_t column,
                        size_t columns, const step *s) {
    ls_onednn_room *own = own_room(d);
    ls_bf16_left_transposed(&(ls_bf16_block){s->count, columns, p->b + s->k * p->ldb + column,
                                             p->ldb, s->length, own->a});
    for (size_t o = 0; o < p->m; o += p->strip) {
        float *const c = p->c + o / p->strip * p->ldc + column * p->strip;
        const bool whole = s->k == 0 && p->strip == STRIP && columns % ls_onednn_height(d) == 0;
        ls_onednn_multiply(d, own, s->kind, columns, own->a,
                           ready_at(d, p->a, before, p->first + o, s), whole ? c : own->c);
        if (!whole)
            store(own->c, s->k > 0, columns, p->strip, c, p->strip);
    }
}

static void backward_weight(const ls_gemm *gemm, const ls_product *p) {
    const ls_onednn *d = kernels_of(gemm);
    const size_t before = filled_before(&p->a->terms, p->segment);
    for (size_t column = 0; column < p->n; column += ROWS)
        for (step s = first_step(p->k); is_step(&s); s = next_step(&s))
            weight_step(d, p, before, column, minimum(ROWS, p->n - column), &s);
}

/* ---- creation ---- */

static char *describe(char *buffer, size_t size) {
    const dnnl_version_t *v = dnnl_version();
    snprintf(buffer, size, "oneDNN %d.%d.%d (bfloat16, %s)", v->major, v->minor, v->patch,
             ls_onednn_processor());
    return buffer;
}

static ls_status status(const ls_gemm *gemm) {
    return ls_onednn_status(kernels_of(gemm));
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
                        .forward_rows = ROWS,
                        .forward_out = OUTPUTS,
                        .weight_out = WEIGHT_OUTPUTS,
                        .strip = STRIP,
                        .room = room,
                        .make_ready = make_ready,
                        .describe = describe,
                        .status = status,
                        .destroy = destroy,
                        .forward = forward,
                        .backward_input = backward_input,
                        .backward_weight = backward_weight};
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
