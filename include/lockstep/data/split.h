/* Which rows train, which validate, which test.
 *
 * Why here: the assignment is made once, from a seed, and stored in the checkpoint. Never reads
 * X. Every rank computes the same assignment from the same inputs.
 */
#ifndef LS_DATA_SPLIT_H
#define LS_DATA_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"

#define LS_SPLIT_TRAIN 0
#define LS_SPLIT_VAL 1
#define LS_SPLIT_TEST 2
#define LS_SPLIT_PARTS 3
#define LS_SPLIT_NONE 255 /* not used */

typedef struct ls_split_spec {
    double fraction[LS_SPLIT_PARTS]; /* train, val, test; each >= 0, their sum 1 within 1e-6 */
    bool stratify;                   /* keep the classes' shares (needs labels) */
    uint32_t seed;
} ls_split_spec;

/* "train", "val", "test". */
const char *ls_split_name(int part);

/* Assigns part[0..n). label (codes below n_classes, or NULL) is used with stratify; group (codes
 * below n_groups, or NULL) keeps all rows of a group in one part. With both, groups are placed
 * greedily, large ones first (ties by a keyed draw), where the parts' class counts fall furthest
 * short of what they should be. Rows whose part already is LS_SPLIT_NONE on entry are left out.
 * Without groups the sizes are exact: floor and largest remainder, per class with stratify (a
 * class's remainders go to the parts that are furthest short overall). A part with a positive
 * fraction that gets no row is an error. Deterministic by seed. Errors: ERR_DATA. */
ls_status ls_split_assign(const ls_split_spec *spec, size_t n, const int32_t *label,
                          size_t n_classes, const uint32_t *group, size_t n_groups,
                          uint8_t *part) LS_MUST_CHECK;

/* How many rows a part has. */
size_t ls_split_count(const uint8_t *part, size_t n, int which);

#endif
