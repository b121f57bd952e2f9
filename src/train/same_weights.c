/* Whether the ranks' weights are still the same. Why here: see same_weights.h. */
#include "same_weights.h"

#include "lockstep/base/error.h"
#include "lockstep/base/hash.h"

bool ls_same_weights_due(const ls_run *run) {
    return run->t->state.step % (uint64_t)run->t->config.parallel.check_every == 0;
}

double ls_same_weights_sum(const ls_run *run) {
    const ls_model *m = run->t->model;
    return (double)(ls_hash_bytes(m->weights, m->shared_floats * sizeof *m->weights).low >> 11);
}

ls_status ls_same_weights_fail(const ls_run *run, int rank) {
    char place[LS_RUN_PLACE];
    return ls_hint(
        ls_fail(LS_ERR_RUNTIME, NULL,
                "%s: the weights of rank %d are not those of rank 0: memory, a processor "
                "or the network has failed",
                ls_run_place(run, place), rank),
        "go on with --resume on other machines: what is in the checkpoints was compared "
        "before");
}

/* The buffer of a step's message is free between steps. */
ls_status ls_same_weights_check(const ls_run *run) {
    const int ranks = ls_comm_size(run->comm);
    double *sum = run->message;
    sum[ls_comm_rank(run->comm)] = ls_same_weights_sum(run);
    for (int r = 0; r < ranks; r++)
        run->message_bytes[r] = sizeof *sum;
    LS_TRY(ls_allgather_blocks(run->comm, sum, run->message_bytes));
    for (int r = 1; r < ranks; r++)
        if (sum[r] != sum[0])
            return ls_same_weights_fail(run, r);
    return LS_OK;
}
