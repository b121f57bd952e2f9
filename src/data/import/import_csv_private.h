/* A table as import sees it: which column is what, and what the first of two passes found.
 *
 * The dataset file needs to know its size and the means before its first row is written, and
 * the rows must not be held in memory: so the text is read twice. Private to import_csv*.c.
 */
#ifndef LS_DATA_IMPORT_IMPORT_CSV_PRIVATE_H
#define LS_DATA_IMPORT_IMPORT_CSV_PRIVATE_H

#include "import_private.h"
#include "lockstep/format/csv.h"

typedef struct ls_table {
    const ls_import *what;
    const char *path;
    char delimiter;

    ls_strings header;       /* names of the columns; their numbers where the file names none */
    size_t label, id, group; /* columns, or LS_NOT_FOUND */
    size_t *target;          /* [what->n_targets] columns */
    size_t *feature;         /* [n_features] columns */
    size_t n_features;

    size_t n_rows; /* in the file; those that are left out, too */
    uint8_t *keep; /* [n_rows] */
    size_t keep_capacity;
    size_t n_kept;
    size_t *line; /* [n_kept] where a kept row is in the file */
    size_t line_capacity;
    ls_strings labels, ids, groups; /* [n_kept] each, or empty */
    float *value;                   /* [n_kept, n_targets] */
    size_t value_capacity;
    double *sum;     /* [n_features] of the values that are there, with --missing mean */
    size_t *present; /* [n_features] how many are there */
    size_t blank_labels, dropped, filled; /* counts, for the notes at the end */
} ls_table;

/* First pass: which rows are kept, their labels, ids, groups and targets, and the means. Errors:
 * ERR_DATA with line and column. */
ls_status ls_table_scan(ls_table *t, ls_log *log) LS_MUST_CHECK;

/* Second pass: writes X. */
ls_status ls_table_write(ls_table *t, ls_dataset_writer *w, ls_log *log) LS_MUST_CHECK;

#endif
