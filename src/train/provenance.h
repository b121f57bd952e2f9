/* Where a run came from: program, libraries, machine, command, data. */
#ifndef LS_TRAIN_PROVENANCE_H
#define LS_TRAIN_PROVENANCE_H

#include "run.h"

/* Sets run->t->provenance to a JSON object whose list "starts" holds an entry for each time the
 * run was started, this one last. Errors: ERR_MEMORY. */
ls_status ls_provenance_add(ls_run *run, const ls_train_request *request) LS_MUST_CHECK;

#endif
