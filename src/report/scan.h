/* One pass over all of X.
 *
 * Why here: describing and hashing a dataset read it in the same way. Never keeps X. */
#ifndef LS_REPORT_SCAN_H
#define LS_REPORT_SCAN_H

#include <stddef.h>

#include "lockstep/base/hash.h"
#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/data/dataset.h"

/* What values are like. smallest and largest are of the finite ones; 0 where there are none. */
typedef struct ls_value_facts {
    size_t finite, zeros, missing, infinite;
    float smallest, largest;
    double sum; /* of the finite ones */
} ls_value_facts;

/* Of count values, stride apart. */
ls_value_facts ls_value_facts_of(const float *x, size_t count, size_t stride);

/* Adds b to a. */
void ls_value_facts_add(ls_value_facts *a, const ls_value_facts *b);

/* Reads X in sample order; facts and hasher may each be NULL. Errors: ERR_DATA. */
ls_status ls_scan_dataset(ls_dataset *ds, ls_log *log, ls_value_facts *facts,
                          ls_hasher *hasher) LS_MUST_CHECK;

#endif
