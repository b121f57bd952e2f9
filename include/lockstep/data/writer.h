/* Writes a dataset file of the contract, block by block, complete or not at all.
 *
 * Why here: every importer and synthesiser ends in the same file. The matrix is chunked so that
 * blocks of rows and blocks of columns both read fast. Never holds X in memory.
 */
#ifndef LS_DATA_WRITER_H
#define LS_DATA_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/base/text.h"

/* Chunks of X: 256 samples x 512 features, 512 KiB: a block of rows and a block of columns both
 * touch whole chunks only. Smaller matrices take their own size. */
#define LS_CHUNK_SAMPLES 256
#define LS_CHUNK_FEATURES 512

typedef struct ls_dataset_writer ls_dataset_writer;

/* Starts a file of n_samples x n_features float32; gzip_level 0: not compressed.
 * Errors: ERR_IO. */
ls_status ls_dataset_writer_create(const char *path, size_t n_samples, size_t n_features,
                                   int gzip_level, ls_dataset_writer **out) LS_MUST_CHECK;

/* in is [rows, columns]. Fastest where blocks begin and end at chunks. */
ls_status ls_dataset_writer_block(ls_dataset_writer *w, size_t first_row, size_t rows,
                                  size_t first_column, size_t columns,
                                  const float *in) LS_MUST_CHECK;

/* The other arrays; each at most once. */
ls_status ls_dataset_writer_labels(ls_dataset_writer *w, const int32_t *label,
                                   const ls_strings *classes) LS_MUST_CHECK;
/* value is [n_samples, n_outputs] (/y has rank 1 for one output); names (may be NULL) become
 * /targets. */
ls_status ls_dataset_writer_values(ls_dataset_writer *w, const float *value, size_t n_outputs,
                                   const ls_strings *names) LS_MUST_CHECK;
/* what: "features", "samples" or "groups". */
ls_status ls_dataset_writer_names(ls_dataset_writer *w, const char *what,
                                  const ls_strings *names) LS_MUST_CHECK;
ls_status ls_dataset_writer_split(ls_dataset_writer *w, const uint8_t *split) LS_MUST_CHECK;

/* Makes the file appear under its name, and notes what is in it ("wrote gtex.h5: 6,734 samples x
 * 4,000 features, 53 classes, 361 groups", and the rows of the first classes); log may be NULL.
 * Frees in every case. Errors: ERR_IO. */
ls_status ls_dataset_writer_finish(ls_dataset_writer *w, ls_log *log) LS_MUST_CHECK;
/* Removes what was written; safe on NULL. */
void ls_dataset_writer_abandon(ls_dataset_writer *w);

#endif
