/* Tiles by libxsmm's kernels, which it makes at run time for a shape and a processor.
 *
 * Every element of c is the plain chain s = fmaf(a, b, s) over k, from s = +0: whatever the tile,
 * the rows beside it, where k is cut, and the instruction set (AVX2 or AVX-512). So the bits do not
 * depend on the machine, and a loop of three lines is the oracle.
 *
 * libxsmm's matrices are column-major, and its kernels are vectors down a column of A and C: so A
 * lies [k][outputs of a strip]. It is a strip of W for y, [row][output]. For dW, [input][output],
 * it is dy, which is made ready in strips: as it was given its rows lie pages apart, which is four
 * times slower. For dx there is no such matrix: its transpose is formed, with A = dy transposed,
 * [output][row of a panel], which is made ready, too. B, whose elements are read one by one, is
 * read where it lies.
 *
 * A is never narrower than HALF: with up to 16 by 11 elements its kernels for AVX-512 (1.17)
 * keep several sums an element, which is no chain. From 17 on, with 1 to 40 columns and k up to
 * 300, all were compared with it, on both instruction sets.
 */
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <libxsmm.h>

#include "gemm_backend.h"
#include "lockstep/base/error.h"
#include "tiles.h"

enum { STRIP = LS_STRIP, HALF = 32, STEP = 256, VECTOR = 16 };
enum {
    ROWS = 256,
    OUTPUTS = 512
};                             /* of a tile of y: with its rows of x it stays in a second cache */
enum { WEIGHT_OUTPUTS = 256 }; /* of dW in one sum: 1024 took 1.1 times as long */
enum { COLUMNS = 512 };        /* of what one kernel forms of dW or dx */

_Static_assert((int)ROWS <= (int)COLUMNS && LS_TILE_INPUT_IN <= COLUMNS &&
                   LS_TILE_LANES_IN <= COLUMNS && LS_TILE_SUM_IN <= COLUMNS,
               "a tile is not wider than what one kernel forms");
_Static_assert(WEIGHT_OUTPUTS *LS_TILE_SUM_IN <= LS_TILE_WEIGHT_OUT * LS_TILE_WEIGHT_IN,
               "a tile has room in a thread's scratch");

/* A kernel's shape, in libxsmm's order. */
typedef struct kernel_shape {
    size_t m, n, k, lda, ldb, ldc;
    int flags;
} kernel_shape;

/* C = A B, or C += A B where `more`, which goes on with each element's chain. NULL: libxsmm has no
 * kernel for it. */
static libxsmm_smmfunction kernel_for(const kernel_shape *s, bool more) {
    const libxsmm_blasint lda = (libxsmm_blasint)s->lda, ldb = (libxsmm_blasint)s->ldb,
                          ldc = (libxsmm_blasint)s->ldc;
    const float alpha = 1.0f, beta = more ? 1.0f : 0.0f;
    const int prefetch = LIBXSMM_GEMM_PREFETCH_NONE;
    return libxsmm_smmdispatch((libxsmm_blasint)s->m, (libxsmm_blasint)s->n, (libxsmm_blasint)s->k,
                               &lda, &ldb, &ldc, &alpha, &beta, &s->flags, &prefetch);
}

/* The same chain without libxsmm: slow, for shapes that it makes no kernel for. Every processor
 * that libxsmm is used on fuses; the maths library's fmaf took 50 times as long. */
__attribute__((target("fma"))) static void plain(const kernel_shape *s, bool more, const float *a,
                                                 const float *b, float *c) {
    const size_t along_n = s->flags == LIBXSMM_GEMM_FLAG_TRANS_B ? 1 : s->ldb;
    const size_t along_k = s->flags == LIBXSMM_GEMM_FLAG_TRANS_B ? s->ldb : 1;
    for (size_t j = 0; j < s->n; j++)
        for (size_t i = 0; i < s->m; i++) {
            float sum = more ? c[j * s->ldc + i] : 0.0f;
            for (size_t l = 0; l < s->k; l++)
                sum = fmaf(a[l * s->lda + i], b[j * along_n + l * along_k], sum);
            c[j * s->ldc + i] = sum;
        }
}

/* libxsmm's code leaves values in the upper halves of registers, with which a processor may take
 * some hundred cycles from an instruction that knows these halves to one that does not, and back:
 * without this the loss of 100 classes took a tenth of a step, and that of digits half of it
 * (measured). */
__attribute__((target("avx"))) static void clear_upper_halves(void) {
    _mm256_zeroupper();
}

static void run(const kernel_shape *s, bool more, const float *a, const float *b, float *c) {
    const libxsmm_smmfunction kernel = kernel_for(s, more);
    if (kernel == NULL) {
        plain(s, more, a, b, c);
        return;
    }
    kernel(a, b, c);
    clear_upper_halves();
}

/* How wide A is for so many values: no less than HALF, and whole vectors. */
static size_t wide_for(size_t width) {
    return width <= HALF ? HALF : (width + VECTOR - 1) / VECTOR * VECTOR;
}

/* What A has beside `width` values a step: nobody reads what comes of it. */
static void clear_rest(float *a, size_t steps, size_t width, size_t wide) {
    for (size_t l = 0; width < wide && l < steps; l++)
        memset(a + l * wide + width, 0, (wide - width) * sizeof *a);
}

/* ---- ready operands ---- */

/* to[column][row] = from[row][column]: four times as fast as a loop (measured). */
static void transpose(size_t rows, size_t columns, const float *from, size_t from_row, float *to,
                      size_t to_row) {
    libxsmm_otrans(to, from, sizeof *to, (libxsmm_blasint)columns, (libxsmm_blasint)rows,
                   (libxsmm_blasint)from_row, (libxsmm_blasint)to_row);
    clear_upper_halves();
}

static size_t room(const ls_gemm *gemm, ls_product_kind kind, size_t count, size_t terms,
                   size_t segments) {
    (void)gemm;
    (void)segments;
    return kind == LS_FORWARD ? 0 : (count + 2 * HALF) * terms * sizeof(float);
}

/* A panel of sums of dy, [term][sum], from this term on. */
static float *panel_at(const ls_operand *a, size_t first, size_t term) {
    const size_t wide = wide_for(minimum(STRIP, a->count - first));
    return (float *)a->ready + first * a->terms.first[a->terms.count] + term * wide;
}

static void make_ready(const ls_gemm *gemm, const ls_operand *a, const ls_operand_piece *piece) {
    const size_t term = a->terms.first[piece->segment] + piece->terms.first;
    const size_t n = piece->count, wide = wide_for(n);
    float *const to = panel_at(a, piece->first, term);
    (void)gemm;
    clear_rest(to, piece->terms.count, n, wide);
    if (a->kind == LS_BACKWARD_INPUT)
        transpose(n, piece->terms.count, a->at + piece->first * a->ld + term, a->ld, to, wide);
    else
        for (size_t k = 0; k < piece->terms.count; k++)
            memcpy(to + k * wide, a->at + (term + k) * a->ld + piece->first, n * sizeof *to);
}

/* ---- products ---- */

/* C[width, columns] of `step` steps: a has wide_for(width) values a step; ldb: between columns of b
 * or, transposed (op), between its steps. */
static void multiply(size_t width, size_t columns, size_t step, bool more, const float *a, int op,
                     const float *b, size_t ldb, float *c, size_t ldc) {
    float sum[COLUMNS * STRIP] __attribute__((aligned(64)));
    const size_t wide = wide_for(width);
    if (width == wide) {
        run(&(kernel_shape){wide, columns, step, wide, ldb, ldc, op}, more, a, b, c);
        return;
    }
    for (size_t j = 0; more && j < columns; j++)
        memcpy(sum + j * wide, c + j * ldc, width * sizeof *sum);
    run(&(kernel_shape){wide, columns, step, wide, ldb, wide, op}, more, a, b, sum);
    for (size_t j = 0; j < columns; j++)
        memcpy(c + j * ldc, sum + j * wide, width * sizeof *sum);
}

/* Steps of a strip of W as A: where they lie, but for a strip that is too narrow. */
static const float *strip_as_a(const float *strip, size_t width, size_t step, float *room_for_it) {
    const size_t wide = wide_for(width);
    if (width == wide)
        return strip;
    clear_rest(room_for_it, step, width, wide);
    for (size_t l = 0; l < step; l++)
        memcpy(room_for_it + l * wide, strip + l * width, width * sizeof *strip);
    return room_for_it;
}

/* The sums of a piece of x are formed strip by strip while it is in the cache. */
static void forward(const ls_gemm *gemm, const ls_product *p) {
    float packed[STEP * STRIP] __attribute__((aligned(64)));
    const float *const x = ls_product_a(p);
    (void)gemm;
    for (size_t k = 0; k < p->k; k += STEP)
        for (size_t o = 0; o < p->n; o += STRIP) {
            const size_t step = minimum(STEP, p->k - k);
            const size_t width = ls_strips_width(&p->w, p->output + o);
            const float *const strip = ls_product_strip(p, p->output + o, p->column + k);
            multiply(width, p->m, step, k > 0, strip_as_a(strip, width, step, packed),
                     LIBXSMM_GEMM_FLAG_NONE, x + k, p->a->ld, p->c + o, p->ldc);
        }
}

/* Rows [row, row + rows) of dx, some of one panel: formed as [column][row]. What a kernel reads
 * beside them is in the room, and nobody reads what comes of it. */
static void input_panel(const ls_product *p, size_t row, size_t rows) {
    float sum[COLUMNS * STRIP] __attribute__((aligned(64)));
    const size_t first = p->first + row, begin = first / STRIP * STRIP;
    const size_t lda = wide_for(minimum(STRIP, p->a->count - begin)), wide = wide_for(rows);
    for (size_t o = 0; o < p->k; o += STRIP) {
        const size_t width = ls_strips_width(&p->w, o);
        run(&(kernel_shape){wide, p->n, width, lda, width, wide, LIBXSMM_GEMM_FLAG_NONE}, o > 0,
            panel_at(p->a, begin, o) + (first - begin), ls_product_strip(p, o, p->column), sum);
    }
    transpose(p->n, rows, sum, wide, p->c + row * p->ldc, p->ldc);
}

static void backward_input(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    for (size_t row = 0; row < p->m; row += STRIP)
        input_panel(p, row, minimum(STRIP, p->m - row));
}

static void backward_weight(const ls_gemm *gemm, const ls_product *p) {
    const size_t term = p->a->terms.first[p->segment];
    (void)gemm;
    for (size_t o = 0; o < p->m; o += p->strip)
        for (size_t k = 0; k < p->k; k += STEP)
            multiply(p->strip, p->n, minimum(STEP, p->k - k), k > 0,
                     panel_at(p->a, p->first + o, term + k), LIBXSMM_GEMM_FLAG_TRANS_B,
                     p->b + k * p->ldb, p->ldb, p->c + o / p->strip * p->ldc, p->strip);
}

static char *describe(char *buffer, size_t size) {
    snprintf(buffer, size, "libxsmm %s (%s)", LIBXSMM_VERSION, libxsmm_get_target_arch());
    return buffer;
}

/* Whether kernels of a shape give the chain's bits; at most STRIP x 32 x STEP. */
static bool is_chain(const kernel_shape *s) {
    float a[STRIP * STEP], b[STRIP * STEP], got[STRIP * 32], want[STRIP * 32];
    for (size_t i = 0; i < sizeof a / sizeof *a; i++) {
        a[i] = (float)(int)(i * 2654435761u % 2001) / 1000.0f - 1.0f;
        b[i] = (float)(int)(i * 2246822519u % 1999) / 1000.0f - 1.0f;
    }
    for (int more = 0; more < 2; more++) {
        const libxsmm_smmfunction kernel = kernel_for(s, more);
        if (kernel == NULL)
            return false;
        kernel(a, b, got);
        plain(s, more, a, b, want);
        for (size_t j = 0; j < s->n; j++)
            if (memcmp(got + j * s->ldc, want + j * s->ldc, s->m * sizeof *got) != 0)
                return false;
    }
    return true;
}

/* Whether memory may hold code: some systems forbid it, and libxsmm would not notice. */
static bool may_make_code(void) {
    const size_t page = 4096;
    void *code =
        mmap(NULL, page, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return code != MAP_FAILED && munmap(code, page) == 0;
}

/* Guards the rule about bits on the processor at hand. */
static ls_status check(void) {
    static const kernel_shape shapes[] = {
        {STRIP, 17, 144, STRIP, 150, 80, LIBXSMM_GEMM_FLAG_NONE},
        {HALF, 3, 256, HALF, 256, HALF, LIBXSMM_GEMM_FLAG_NONE},
        {STRIP, 10, 33, STRIP, 64, STRIP, LIBXSMM_GEMM_FLAG_TRANS_B},
        {HALF, 31, 8, HALF, 32, 40, LIBXSMM_GEMM_FLAG_TRANS_B},
    };
    if (libxsmm_get_target_archid() < LIBXSMM_X86_AVX2)
        return ls_fail(LS_ERR_RUNTIME, "libxsmm",
                       "it has no kernels with fused operations for this processor (%s)",
                       libxsmm_get_target_arch());
    if (!may_make_code())
        return ls_fail_errno(LS_ERR_RUNTIME, "libxsmm", "make memory for its kernels");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (!is_chain(&shapes[i]))
            return ls_fail(LS_ERR_RUNTIME, "libxsmm",
                           "its kernels are missing or not exact on this processor (%s)",
                           libxsmm_get_target_arch());
    return LS_OK;
}

const ls_gemm ls_gemm_libxsmm = {.name = "libxsmm",
                                 .any_tile = true,
                                 .forward_rows = ROWS,
                                 .forward_out = OUTPUTS,
                                 .weight_out = WEIGHT_OUTPUTS,
                                 .strip = STRIP,
                                 .room = room,
                                 .make_ready = make_ready,
                                 .describe = describe,
                                 .check = check,
                                 .forward = forward,
                                 .backward_input = backward_input,
                                 .backward_weight = backward_weight};
