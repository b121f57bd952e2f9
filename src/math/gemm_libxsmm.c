/* Tiles by libxsmm's kernels, which it makes at run time for a shape and a processor.
 *
 * Every element of c is the plain chain s = fmaf(a, b, s) over k, from s = +0: whatever the tile,
 * the rows beside it, where k is cut, and the instruction set (AVX2 or AVX-512). So the bits do not
 * depend on the machine, and a loop of three lines is the oracle.
 *
 * libxsmm's matrices are column-major: a row-major c[m, n] is its C[n, m], so that its A is our b.
 * Its kernels are vectors along the first of these. They read A where it lies, and are four times
 * slower where its columns lie pages apart: so A is always packed, a panel of PANEL values by STEP
 * steps of k that stays in the second cache. For nt, where A would have to be transposed, the rows
 * of our a take its place, and c's tile is formed as [n][row].
 *
 * Packing reads memory in short pieces that lie pages apart, too slow to be done for each tile. So
 * what all tiles read is made ready before: x as [panel of rows][k][row of the panel], dy as [panel
 * of outputs][k][output of the panel].
 *
 * A panel is never narrower than HALF: with up to 16 by 11 elements its kernels for AVX-512 (1.17)
 * keep several sums an element, which is no chain. From 17 on, with 1 to 40 columns and k up to
 * 300, all were compared with it, on both instruction sets.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <libxsmm.h>

#include "gemm_backend.h"
#include "lockstep/base/error.h"
#include "tiles.h"

enum { PANEL = 64, HALF = 32, STEP = 256, VECTOR = 16 };
enum { OUTPUTS = 128 };             /* of a panel of dy */
enum { ROWS = 256, COLUMNS = 512 }; /* of a piece of c */

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

static void run(const kernel_shape *s, bool more, const float *a, const float *b, float *c) {
    const libxsmm_smmfunction kernel = kernel_for(s, more);
    if (kernel != NULL)
        kernel(a, b, c);
    else
        plain(s, more, a, b, c);
}

/* How wide a panel is that holds so many values: no less than HALF, and whole vectors. */
static size_t panel_of(size_t width) {
    return width <= HALF ? HALF : (width + VECTOR - 1) / VECTOR * VECTOR;
}

/* What a panel has beside `width` values a step: nobody reads what comes of it. */
static void clear_rest(float *panel, size_t steps, size_t width, size_t wide) {
    for (size_t l = 0; width < wide && l < steps; l++)
        memset(panel + l * wide + width, 0, (wide - width) * sizeof *panel);
}

/* ---- ready operands ---- */

/* to[column][row] = from[row][column]: four times as fast as a loop (measured). */
static void transpose(size_t rows, size_t columns, const float *from, size_t from_row, float *to,
                      size_t to_row) {
    libxsmm_otrans(to, from, sizeof *to, (libxsmm_blasint)columns, (libxsmm_blasint)rows,
                   (libxsmm_blasint)from_row, (libxsmm_blasint)to_row);
}

static size_t room(const ls_gemm *gemm, size_t count, size_t terms, size_t segments) {
    (void)gemm;
    (void)segments;
    return (count + HALF) * terms * sizeof(float);
}

/* Where a panel of x or dy begins. */
static float *panel_at(const ls_operand *a, size_t first) {
    return (float *)a->ready + first * a->terms.first[a->terms.count];
}

static void make_x_ready(const ls_operand *a, const ls_operand_piece *piece, size_t term) {
    const size_t wide = panel_of(piece->count);
    float *const to = panel_at(a, piece->first) + term * wide;
    clear_rest(to, piece->terms.count, piece->count, wide);
    transpose(piece->count, piece->terms.count, a->at + piece->first * a->ld + term, a->ld, to,
              wide);
}

static void make_dy_ready(const ls_operand *a, const ls_operand_piece *piece, size_t term) {
    const size_t begin = piece->first / OUTPUTS * OUTPUTS;
    const size_t wide = minimum(OUTPUTS, a->count - begin);
    float *const to = panel_at(a, begin) + (piece->first - begin);
    for (size_t k = term; k < term + piece->terms.count; k++)
        memcpy(to + k * wide, a->at + k * a->ld + piece->first, piece->count * sizeof *to);
}

static void make_ready(const ls_gemm *gemm, const ls_operand *a, const ls_operand_piece *piece) {
    const size_t term = a->terms.first[piece->segment] + piece->terms.first;
    (void)gemm;
    if (a->transposed)
        make_dy_ready(a, piece, term);
    else
        make_x_ready(a, piece, term);
}

/* ---- products ---- */

/* Steps [k, k + step) of the sums of c, a panel of columns whose steps are packed. a is what those
 * steps of it are, as B of the kernel, ldb between its columns (or rows: op). */
static void multiply(size_t rows, size_t width, size_t step, bool more, const float *panel, int op,
                     const float *a, size_t ldb, float *c, size_t ldc) {
    float sum[ROWS * PANEL] __attribute__((aligned(64)));
    const size_t wide = panel_of(width);
    if (width == wide) {
        run(&(kernel_shape){wide, rows, step, wide, ldb, ldc, op}, more, panel, a, c);
        return;
    }
    for (size_t r = 0; more && r < rows; r++)
        memcpy(sum + r * wide, c + r * ldc, width * sizeof *sum);
    run(&(kernel_shape){wide, rows, step, wide, ldb, wide, op}, more, panel, a, sum);
    for (size_t r = 0; r < rows; r++)
        memcpy(c + r * ldc, sum + r * wide, width * sizeof *sum);
}

/* Steps [k, k + step) of b's columns [column, column + width). */
static void pack(const ls_product *p, size_t column, size_t width, size_t k, size_t step,
                 float *panel) {
    const size_t wide = panel_of(width);
    clear_rest(panel, step, width, wide);
    for (size_t l = 0; l < step; l++)
        memcpy(panel + l * wide, p->b + (k + l) * p->ldb + column, width * sizeof *panel);
}

static void nn(const ls_gemm *gemm, const ls_product *p) {
    float panel[STEP * PANEL] __attribute__((aligned(64)));
    const float *const a = ls_product_a(p);
    (void)gemm;
    for (size_t k = 0; k < p->k; k += STEP)
        for (size_t column = 0; column < p->n; column += PANEL) {
            const size_t width = minimum(PANEL, p->n - column), step = minimum(STEP, p->k - k);
            pack(p, column, width, k, step, panel);
            for (size_t row = 0; row < p->m; row += ROWS)
                multiply(minimum(ROWS, p->m - row), width, step, k > 0, panel,
                         LIBXSMM_GEMM_FLAG_NONE, a + row * p->a->ld + k, p->a->ld,
                         p->c + row * p->ldc + column, p->ldc);
        }
}

/* Steps [k, k + step) of c's columns [column, column + width), all of its rows: panel by panel of
 * dy. */
static void tn_column(const ls_product *p, size_t column, size_t width, size_t k, size_t step) {
    float panel[STEP * PANEL] __attribute__((aligned(64)));
    const size_t term = p->a->terms.first[p->segment] + k;
    pack(p, column, width, k, step, panel);
    for (size_t row = 0; row < p->m;) {
        const size_t begin = (p->first + row) / OUTPUTS * OUTPUTS;
        const size_t wide = minimum(OUTPUTS, p->a->count - begin);
        const size_t rows = minimum(begin + wide - p->first - row, p->m - row);
        multiply(rows, width, step, k > 0, panel, LIBXSMM_GEMM_FLAG_TRANS_B,
                 panel_at(p->a, begin) + term * wide + (p->first + row - begin), wide,
                 p->c + row * p->ldc + column, p->ldc);
        row += rows;
    }
}

static void tn(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    for (size_t column = 0; column < p->n; column += PANEL)
        for (size_t k = 0; k < p->k; k += STEP)
            tn_column(p, column, minimum(PANEL, p->n - column), k, minimum(STEP, p->k - k));
}

/* Rows [row, row + rows) of c, at most PANEL, columns [column, column + columns). */
static void nt_piece(const ls_product *p, size_t row, size_t rows, size_t column, size_t columns) {
    float sum[COLUMNS * PANEL] __attribute__((aligned(64)));
    const size_t term = p->a->terms.first[p->segment], first = p->first + row;
    const size_t wide = panel_of(minimum(PANEL, p->a->count - first));
    const float *const a = panel_at(p->a, first) + term * wide;
    for (size_t k = 0; k < p->k; k += STEP) {
        size_t ldb = 0;
        const float *const b = ls_product_b(p, column, k, &ldb);
        run(&(kernel_shape){wide, columns, minimum(STEP, p->k - k), wide, ldb, wide,
                            LIBXSMM_GEMM_FLAG_NONE},
            k > 0, a + k * wide, b, sum);
    }
    transpose(columns, rows, sum, wide, p->c + row * p->ldc + column, p->ldc);
}

static void nt(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    for (size_t row = 0; row < p->m; row += PANEL)
        for (size_t column = 0; column < p->n; column += COLUMNS)
            nt_piece(p, row, minimum(PANEL, p->m - row), column, minimum(COLUMNS, p->n - column));
}

static char *describe(char *buffer, size_t size) {
    snprintf(buffer, size, "libxsmm %s (%s)", LIBXSMM_VERSION, libxsmm_get_target_arch());
    return buffer;
}

/* Whether kernels of a shape give the chain's bits; at most PANEL x 32 x STEP. */
static bool is_chain(const kernel_shape *s) {
    float a[PANEL * STEP], b[PANEL * STEP], got[PANEL * 32], want[PANEL * 32];
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
        {PANEL, 17, 144, PANEL, 150, PANEL, LIBXSMM_GEMM_FLAG_NONE},
        {HALF, 3, 256, HALF, 256, HALF, LIBXSMM_GEMM_FLAG_NONE},
        {PANEL, 10, 33, PANEL, 64, PANEL, LIBXSMM_GEMM_FLAG_TRANS_B},
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
                                 .forward_rows = PANEL,
                                 .forward_out = COLUMNS,
                                 .panel = STEP,
                                 .room = room,
                                 .make_ready = make_ready,
                                 .describe = describe,
                                 .check = check,
                                 .nt = nt,
                                 .nn = nn,
                                 .tn = tn};
