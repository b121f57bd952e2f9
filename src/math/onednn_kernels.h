/* oneDNN's kernels for bfloat16 in a few fixed shapes, and what a thread multiplies in.
 *
 * Why here: gemm_onednn.c cuts products into what these compute. Never reads float32 operands.
 */
#ifndef LS_MATH_ONEDNN_KERNELS_H
#define LS_MATH_ONEDNN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include <oneapi/dnnl/dnnl.h>

#include "bf16.h"
#include "lockstep/base/status.h"

/* Most rows of c and terms of a sum of one call of ls_onednn_multiply; outputs of a tile. */
enum { LS_ONEDNN_ROWS = 256, LS_ONEDNN_TERMS = 256, LS_ONEDNN_OUTPUTS = 512 };

/* The kernels: c[height, PANEL] = a[height, terms] b[terms, PANEL]. */
enum { LS_ONEDNN_HEIGHTS = 2, LS_ONEDNN_STEPS = 4 };
extern const size_t ls_onednn_steps[LS_ONEDNN_STEPS]; /* their terms, ascending */

enum { LS_ONEDNN_A, LS_ONEDNN_B, LS_ONEDNN_C, LS_ONEDNN_SCRATCH, LS_ONEDNN_OPERANDS };

typedef struct ls_onednn_kernel {
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t shape[LS_ONEDNN_OPERANDS];
} ls_onednn_kernel;

/* What a thread works in. */
typedef struct ls_onednn_room {
    ls_bf16 *a;  /* [ROWS, TERMS], as a left operand */
    ls_bf16 *b;  /* [TERMS, PANEL], as a right one */
    float *c;    /* [ROWS, PANEL] */
    float *sums; /* [OUTPUTS / PANEL][ROWS, PANEL], of several steps */
    char *scratch;
    dnnl_stream_t stream;
    dnnl_status_t failure; /* of its first call that failed, or dnnl_success */
    /* oneDNN's names for the above. */
    dnnl_memory_t memory[LS_ONEDNN_STEPS][LS_ONEDNN_HEIGHTS][LS_ONEDNN_OPERANDS];
} ls_onednn_room;

typedef struct ls_onednn {
    dnnl_engine_t engine;
    ls_onednn_kernel kernels[LS_ONEDNN_STEPS][LS_ONEDNN_HEIGHTS];
    bool smaller[LS_ONEDNN_STEPS]; /* whether smaller kernels than the largest are used */
    size_t scratch_bytes;
    size_t n_rooms;
    ls_onednn_room *rooms; /* one a thread */
} ls_onednn;

/* Makes and tests the kernels. Errors: ERR_MEMORY; ERR_RUNTIME: oneDNN or this processor cannot. */
ls_status ls_onednn_open(size_t threads, ls_onednn *out) LS_MUST_CHECK;
void ls_onednn_close(ls_onednn *d);

/* Whether all calls of ls_onednn_multiply went well. Errors: ERR_MEMORY, ERR_RUNTIME. */
ls_status ls_onednn_status(const ls_onednn *d) LS_MUST_CHECK;

/* Bytes that it holds. */
size_t ls_onednn_bytes(const ls_onednn *d);

/* AMX or AVX512-BF16. */
const char *ls_onednn_processor(void);

/* c[height, PANEL] = a b, of one step. Reads a and writes c up to a multiple of ls_onednn_height
 * rows, b and c up to a whole panel. Where oneDNN fails c is NaN, and ls_onednn_status tells. */
void ls_onednn_multiply(const ls_onednn *d, ls_onednn_room *own, size_t step, size_t height,
                        ls_bf16 *a, ls_bf16 *b, float *c);
size_t ls_onednn_height(const ls_onednn *d);

#endif
