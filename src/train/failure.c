/* Failures inside a step, of one rank alone: kept until a message tells the others.
 *
 * Why here: a rank that left at once would keep the others waiting; it goes on with whatever it has
 * instead, rows of the step before or NaN, and all leave before anybody uses what came of it. Never
 * loses the first failure to a later one.
 */
#include <stdio.h>

#include "lockstep/base/error.h"
#include "run.h"

void ls_failure_note(ls_run *run, ls_status st) {
    if (st == LS_OK || run->failure.status != LS_OK)
        return;
    run->failure = *ls_error_last();
    run->failure.status = st;
}

void ls_failure_note_products(ls_run *run) {
    const ls_train_state *state = &run->t->state;
    const ls_status st = ls_gemm_status(run->t->gemm);
    char where[64];
    if (st == LS_OK)
        return;
    snprintf(where, sizeof where, "epoch %llu, step %llu", (unsigned long long)state->epoch + 1,
             (unsigned long long)state->epoch_step + 1);
    ls_failure_note(run, ls_fail_in(st, where));
}

ls_status ls_failure_agree(ls_run *run) {
    ls_error_set(&run->failure);
    return ls_agree(run->comm, run->failure.status);
}

ls_status ls_run_end_steps(ls_run *run) {
    ls_run_settle(run);
    return ls_failure_agree(run);
}
