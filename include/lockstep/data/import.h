/* Import: files of other formats become a dataset file of the contract.
 *
 * Why here: one table of formats, a row and a file each; what they share (finding columns,
 * turning labels into classes, refusing duplicate ids) is written once. Never transforms values.
 */
#ifndef LS_DATA_IMPORT_H
#define LS_DATA_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"

/* What becomes of a missing value of a feature. */
typedef enum ls_missing {
    LS_MISSING_ERROR,
    LS_MISSING_DROP, /* the sample is left out (gct: one that the attribute table does not know;
                        missing values are an error) */
    LS_MISSING_ZERO,
    LS_MISSING_MEAN /* the mean of the feature's other values */
} ls_missing;

/* The options that a format can take, as bits; a row names those it does. */
#define LS_IMPORT_LABEL 0x001u
#define LS_IMPORT_ID 0x002u
#define LS_IMPORT_TARGET 0x004u
#define LS_IMPORT_GROUP 0x008u
#define LS_IMPORT_DROP 0x010u
#define LS_IMPORT_NO_HEADER 0x020u
#define LS_IMPORT_DELIMITER 0x040u
#define LS_IMPORT_MISSING 0x080u
#define LS_IMPORT_ATTRIBUTES 0x100u /* and attributes_id */
#define LS_IMPORT_FEATURE 0x200u

/* What to import, and how. Columns are given by name, or by number from 1. */
typedef struct ls_import {
    const char *const *inputs;
    size_t n_inputs;
    const char *out;
    const char *label; /* NULL: not given; so below */
    const char *id;
    const char *group; /* "donor": of GTEx sample ids, where no column has that name */
    const char *const *targets;
    size_t n_targets;
    const char *const *drops; /* columns that are no features */
    size_t n_drops;
    const char *const *features; /* the columns that are; none: all that have no other use */
    size_t n_features;
    const char *attributes; /* a table of samples beside the matrix */
    const char *attributes_id;
    char delimiter; /* 0: the format's own */
    bool no_header;
    int missing;    /* ls_missing */
    int gzip_level; /* of X in the dataset file; 0: not compressed */
    unsigned given; /* LS_IMPORT_ bits of the options that were given */
} ls_import;

typedef struct ls_import_format {
    const char *name;
    const char *inputs; /* for messages: "IMAGES [LABELS]" */
    size_t min_inputs, max_inputs;
    unsigned takes; /* LS_IMPORT_ bits */
    ls_status (*run)(const ls_import *what, ls_log *log);
} ls_import_format;

/* All formats, ended by NULL. */
extern const ls_import_format *const ls_import_formats[];

/* Reads what->inputs in the format of that name and writes what->out, which appears when it is
 * complete; notes what was written and what was left out. Errors: ERR_USAGE: unknown format, an
 * option it does not take, a column that is not there, an output that is an input; ERR_DATA:
 * files that are missing, damaged or hold what can not be used, with line and column; ERR_IO. */
ls_status ls_import_run(const char *name, const ls_import *what, ls_log *log) LS_MUST_CHECK;

/* Adds to a failure just recorded the call that makes a dataset of this file, where its name is
 * that of a text table (.csv, .tsv, .txt, .gct, with .gz or without); returns st. */
ls_status ls_hint_import(ls_status st, const char *path);

#endif
