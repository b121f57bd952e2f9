/* Adam's update as a stream of memory: it reads and writes three arrays and reads a fourth.
 *
 * Why here: the update of a wide layer can not be faster than such a stream, so benchmarks and the
 * plan of a dry run measure it. Never takes a time itself, never touches a model's weights.
 */
#ifndef LS_OPTIM_STREAM_H
#define LS_OPTIM_STREAM_H

#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/opt/options.h"

enum { LS_ADAM_STREAM_ARRAYS = 4 };

/* Bytes of a float of the arrays that an update reads or writes, as STREAM counts them: without
 * what a cache reads before it is overwritten. */
#define LS_ADAM_STREAM_BYTES 28.0

typedef struct ls_adam_stream {
    size_t n;                            /* floats an array */
    float *array[LS_ADAM_STREAM_ARRAYS]; /* weights, gradient, two slots */
    ls_choice optimizer;
} ls_adam_stream;

/* Arrays of n floats, filled by all threads. Errors: ERR_MEMORY. */
ls_status ls_adam_stream_create(size_t n, ls_adam_stream *out) LS_MUST_CHECK;
void ls_adam_stream_free(ls_adam_stream *stream);

/* One update, over all threads. */
void ls_adam_stream_run(ls_adam_stream *stream);

#endif
