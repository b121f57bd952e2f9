/* Training rows that are read again every epoch: for data that are larger than memory.
 *
 * A thread reads the blocks of rows in the order in which steps need them, ahead of the steps. In
 * memory are the rows that the shuffle windows of the sampler's lanes hold, and some to read ahead;
 * order and values are those of rows that lie in memory. A row that is not what it was when the
 * stream was made is an error, so that all epochs are of the same data.
 *
 * Why here: where rows come from is not the business of a step. Never decides an order: that is the
 * sampler's.
 */
#ifndef LS_DATA_STREAM_H
#define LS_DATA_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/data/loader.h"
#include "lockstep/data/sampler.h"

typedef struct ls_stream ls_stream;

typedef struct ls_stream_spec {
    const ls_sampler *sampler; /* whose lanes and order; not used after the creation */
    ls_loader *loader;         /* the thread's alone until the stream is destroyed */
    const size_t *row;         /* [slots] the dataset's row of each of the sampler's slots */
    const uint64_t *sum;       /* [slots] of these rows, from ls_loader_read */
    size_t width;              /* the loader's outputs */
    int threads;               /* that read, beside those of the steps */
} ls_stream_spec;

/* Rows that a stream of this order keeps in memory at most. */
size_t ls_stream_rows(const ls_sampler *sampler);

/* The arrays of spec and what it points to must outlive the stream. Errors: ERR_MEMORY. */
ls_status ls_stream_create(const ls_stream_spec *spec, ls_stream **out) LS_MUST_CHECK;

/* Starts to read what the steps from (epoch, step) on need, up to the end of epoch end - 1; epochs
 * and steps count from 0. Once. Errors: ERR_RUNTIME: the system has no thread to give. */
ls_status ls_stream_start(ls_stream *s, uint32_t epoch, size_t step, uint32_t end) LS_MUST_CHECK;

/* out[i, :] = the row of slot[i]; where slot[i] is the number of slots, zeros. slot[0..n), at most
 * a batch, has all rows of the step, and steps are taken one after another, from that of the start
 * on. *wait_s grows by the seconds for which the rows were not there yet. Errors: those of
 * ls_loader_read; ERR_DATA: a row has changed. The status of an error comes again for every later
 * step. */
ls_status ls_stream_take(ls_stream *s, uint32_t epoch, size_t step, const size_t *slot, size_t n,
                         float *out, double *wait_s) LS_MUST_CHECK;

/* Ends the thread, after the block that it is reading; safe on NULL. */
void ls_stream_destroy(ls_stream *s);

#endif
