/* A dataset file as training sees it: the matrix X by blocks, and all that is known of its rows
 * and columns in memory.
 *
 * Why here: names, labels, groups and the stored split are small and needed everywhere; X is
 * large and only ever read by blocks. Never changes the file, never splits or transforms.
 */
#ifndef LS_DATA_DATASET_H
#define LS_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/format/h5.h"

typedef enum ls_layout { LS_SAMPLES_BY_FEATURES, LS_FEATURES_BY_SAMPLES } ls_layout;

/* Where a dataset's parts are in its file. */
typedef struct ls_dataset_paths {
    const char *file;
    const char *x;        /* "/X" */
    const char *y;        /* "/y"; may be absent in the file (predict) */
    const char *classes;  /* "/classes" */
    const char *features; /* "/features" */
    const char *samples;  /* "/samples" */
    const char *groups;   /* "/groups" */
    const char *split;    /* "/split" */
    const char *weights;  /* "/weights"; "": none */
    int layout;           /* ls_layout of x */
} ls_dataset_paths;

/* The paths of the contract, for a file made by lockstep. */
ls_dataset_paths ls_dataset_default_paths(const char *file);

typedef enum ls_target { LS_TARGET_NONE, LS_TARGET_CLASSES, LS_TARGET_VALUES } ls_target;

typedef struct ls_dataset {
    char *path;
    ls_h5 *file;
    ls_h5_array *x;
    char *x_name; /* its name in the file, for messages */
    int layout;
    size_t n_samples, n_features;

    ls_target target;
    int32_t *label;     /* [n_samples] classes: code into classes; else NULL */
    ls_strings classes; /* classes: names; the numbers as text where the file names none */
    bool named_classes; /* the file names them */
    float *value;       /* [n_samples, n_outputs] values; else NULL */
    size_t n_outputs;   /* values: columns of y, 1 for a one-dimensional y */
    ls_strings targets; /* values: names of the columns, from /targets; or empty */

    ls_strings features; /* names, or empty */
    ls_strings samples;  /* ids, or empty */
    uint32_t *group;     /* [n_samples] code of the row's group, or NULL */
    ls_strings groups;   /* names of the groups, in order of first appearance */
    uint8_t *split;      /* [n_samples] the stored split, or NULL */
    float *weight;       /* [n_samples] what each row counts in a loss, or NULL: 1 */

    float *turned; /* a block of X as it lies in a file of features by samples */
    size_t turned_capacity;
} ls_dataset;

/* Opens a file and reads all but X. Integer /y of one column are class codes (with /classes:
 * into it; without: 0..max, named "0", "1", ...); string /y are class names, sorted as the contract
 * says; float /y are values, and float /y that a caller wants as classes are its business.
 * A y of integers with several columns is values. Errors: ERR_DATA with the file's name: no such
 * file, not HDF5, no X, wrong rank or type, lengths that disagree, labels outside the classes (with
 * row), NaN in y (with row), a weight that is negative or not finite (with row), weights that are
 * all 0, duplicate sample ids or feature names. Not collective. */
ls_status ls_dataset_open(const ls_dataset_paths *paths, ls_dataset **out) LS_MUST_CHECK;
void ls_dataset_close(ls_dataset *ds);

/* out[rows, columns] = X[first_row.., first_column..] as float32, samples by features whatever
 * the file's layout. NaN and infinity are returned: only who knows which values are going to be
 * used can tell whether that is an error. */
ls_status ls_dataset_read_raw(ls_dataset *ds, size_t first_row, size_t rows, size_t first_column,
                              size_t columns, float *out) LS_MUST_CHECK;

/* The same with row i of the block in row[i][columns]; NULL: it is not wanted. False: not of this
 * file, or something is wrong with it, of which ls_dataset_read_raw can tell. */
bool ls_dataset_read_rows(ls_dataset *ds, size_t first_row, size_t rows, size_t first_column,
                          size_t columns, float *const *row);

/* From now on small blocks are read without the checksums of the file where that is faster: for a
 * caller who has read all before and compares sums of its own. Errors: ERR_MEMORY. */
ls_status ls_dataset_take_parts(ls_dataset *ds) LS_MUST_CHECK;

/* Checks x[rows, columns], whose row i is row[i] of the dataset and column j its column[j] (NULL:
 * j). Errors: ERR_DATA: the first NaN or infinity, with row, column and their names (numbers are
 * counted from 0, as h5py does). */
ls_status ls_dataset_check(const ls_dataset *ds, const size_t *row, size_t rows,
                           const uint32_t *column, size_t columns, const float *x) LS_MUST_CHECK;

#define LS_DATASET_PLACE_MAX 512

/* Writes "/X: row 17 (GTEX-1117F), column 5 (ENSG00000223972)" for messages; names only where
 * the file has them, no column where it is LS_NOT_FOUND. */
void ls_dataset_place(const ls_dataset *ds, size_t row, size_t column, char *buffer, size_t size);

/* XXH3-128 over shapes, names, labels and three blocks of X: tells whether a file is the one
 * that a run began with. hex holds at least 33 bytes. */
ls_status ls_dataset_fingerprint(ls_dataset *ds, char *hex) LS_MUST_CHECK;

#endif
