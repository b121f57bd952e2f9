/* What the import formats share. Private to src/data/import. */
#ifndef LS_DATA_IMPORT_IMPORT_PRIVATE_H
#define LS_DATA_IMPORT_IMPORT_PRIVATE_H

#include <stdint.h>

#include "lockstep/base/text.h"
#include "lockstep/data/import.h"
#include "lockstep/data/writer.h"

extern const ls_import_format ls_import_idx;
extern const ls_import_format ls_import_csv;
extern const ls_import_format ls_import_tsv;
extern const ls_import_format ls_import_gct;

/* *out = the position of the column that an option names: by its name in the header, or by
 * number from 1. Errors: ERR_USAGE with the nearest name, or the first few. */
ls_status ls_import_find_column(const char *file, const ls_strings *header, const char *option,
                                const char *column, size_t *out) LS_MUST_CHECK;

/* True for a label, group or id that is not there: blank, NA and the like. */
bool ls_import_is_blank(const char *text);

/* ERR_DATA when a name occurs twice: "FILE: two samples are named 'a' (line 3 and line 9)". what
 * is "samples"; place is "line", and number[i] that of the i-th name. */
ls_status ls_import_check_unique(const char *file, const ls_strings *names, const char *what,
                                 const char *place, const size_t *number) LS_MUST_CHECK;

/* Sorts the classes and writes /y and /classes from the label of each sample. Warns of two classes
 * whose names differ only in blanks or in case. */
ls_status ls_import_write_labels(ls_dataset_writer *w, const ls_strings *labels,
                                 ls_log *log) LS_MUST_CHECK;

/* Appends up to five names, and how many more there are: "'a', 'b' and 3 more". */
void ls_import_add_names(ls_buffer *b, const ls_strings *names);

/* What is known of the samples of a matrix: from an attribute table, or from the matrix itself.
 * Texts are "" where there are none. */
typedef struct ls_attributes {
    ls_strings label; /* [samples]; empty list: no labels were asked for */
    ls_strings group; /* [samples]; empty list: no groups */
    uint8_t *known;   /* [samples] 0: the table has no row for it */
    size_t unknown;   /* how many are not known */
} ls_attributes;

/* Reads the table for the samples of these ids (which must be unique). Errors: ERR_DATA:
 * unreadable, two rows for one sample; ERR_USAGE: no such column. */
ls_status ls_attributes_read(const ls_import *what, const ls_strings *ids,
                             ls_attributes *out) LS_MUST_CHECK;
void ls_attributes_free(ls_attributes *a);

/* Adds the donor of a GTEx sample id, its first two dash-separated fields. */
ls_status ls_attributes_add_donor(ls_strings *groups, const char *id) LS_MUST_CHECK;

#endif
