/* What the two ways to split share: rows one by one, and whole groups.
 *
 * Why here: ls_split_assign checks and chooses; the ways themselves stay small. */
#ifndef LS_DATA_SPLIT_INTERNAL_H
#define LS_DATA_SPLIT_INTERNAL_H

#include "lockstep/data/split.h"

/* The rows to place, ordered by a key (their class, or their group): the rows of key k are
 * row[first[k]] .. row[first[k + 1] - 1], in file order. */
typedef struct ls_split_rows {
    size_t keys;
    uint32_t *first; /* [keys + 1] */
    uint32_t *row;   /* [first[keys]] */
} ls_split_rows;

/* Orders the rows whose part is not LS_SPLIT_NONE by key (codes below keys; NULL: all 0).
 * Errors: ERR_MEMORY. */
ls_status ls_split_order(size_t n, const uint32_t *key, size_t keys, const uint8_t *part,
                         ls_split_rows *out) LS_MUST_CHECK;
void ls_split_rows_free(ls_split_rows *rows);

/* Places whole groups. label is NULL where classes do not count. */
ls_status ls_split_groups(const ls_split_spec *spec, size_t n, const uint32_t *label,
                          size_t n_classes, const uint32_t *group, size_t n_groups,
                          uint8_t *part) LS_MUST_CHECK;

#endif
