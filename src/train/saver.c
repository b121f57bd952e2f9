/* Checkpoints at once or by a thread. Why here: see saver.h. */
#include "saver.h"

#include <string.h>

#include "checkpoint_files.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/thread.h"
#include "lockstep/optim/optimizer.h"
#include "run.h"

struct ls_saver {
    ls_run *run;
    float *buffer; /* [LS_CHECKPOINT_BUFFER] */
    bool copies;   /* the same on all ranks */

    /* Rank 0's; the thread's while it runs. */
    ls_trained t;             /* the run's, but for its state and its weights */
    ls_model model;           /* the run's, but for its weights */
    ls_optimizer_state whole; /* slot[k]: a slab */
    ls_succession next;       /* what is being written */
    ls_pending_file pending;
    ls_status result;
    ls_error error; /* where result is not LS_OK */
    double took;    /* seconds that writing it took */

    double begin, seconds; /* the clock at its begin; `took` of the last that was joined */
    bool running;          /* there is a thread to join */
    pthread_t thread;
};

static size_t slots(const ls_run *run) {
    return ls_state_slots(&run->t->config, NULL);
}

/* Whether rank 0 may hold a copy at all: where weights are spread nobody holds them all. */
static bool may_copy(const ls_run *run) {
    return run->t->config.checkpoint.background &&
           (run->t->model->sharded == NULL || ls_comm_size(run->comm) == 1);
}

size_t ls_saver_copy_bytes(const ls_run *run) {
    if (!may_copy(run))
        return 0;
    return (1 + slots(run)) * run->t->model->slab_floats * sizeof(float);
}

double ls_saver_seconds(const ls_saver *s) {
    return s->seconds;
}

double ls_saver_last_begin(const ls_saver *s) {
    return s->begin;
}

/* ---- create, destroy ---- */

static void free_copy(ls_saver *s) {
    ls_free(s->model.weights);
    s->model.weights = NULL;
    for (size_t k = 0; k < LS_STATE_SLOTS_MAX; k++) {
        ls_free(s->whole.slot[k]);
        s->whole.slot[k] = NULL;
    }
}

static ls_status allocate_copy(ls_saver *s) {
    const ls_param *sharded = s->run->t->model->sharded;
    size_t floats = s->run->t->model->slab_floats;
    s->model = *s->run->t->model;
    s->model.weights = NULL;
    LS_TRY(ls_alloc(floats, sizeof(float), "copy for checkpoints", &s->model.weights));
    for (size_t k = 0; k < slots(s->run); k++) {
        LS_TRY(ls_alloc(floats, sizeof(float), "copy for checkpoints", &s->whole.slot[k]));
        s->whole.sharded[k] = sharded != NULL ? s->whole.slot[k] + sharded->offset : NULL;
    }
    return LS_OK;
}

/* A copy must leave room: what is available now is not all ours. */
static bool make_copy(ls_saver *s) {
    char need[32], free_bytes[32];
    double wanted = (double)ls_saver_copy_bytes(s->run);
    double available = (double)ls_available_bytes();
    if (!may_copy(s->run))
        return false;
    if (wanted <= 0.5 * available && allocate_copy(s) == LS_OK)
        return true;
    free_copy(s);
    ls_note(s->run->log,
            "checkpoints are written while training waits: a copy would take %s, %s are free",
            ls_print_bytes(wanted, need), ls_print_bytes(available, free_bytes));
    return false;
}

ls_status ls_saver_create(ls_run *run, ls_saver **out) {
    ls_saver *s = NULL;
    ls_status st = ls_alloc(1, sizeof *s, "checkpoints", &s);
    if (st == LS_OK) {
        s->run = run;
        s->begin = ls_clock_s();
        st = ls_alloc(LS_CHECKPOINT_BUFFER, sizeof *s->buffer, "checkpoint buffer", &s->buffer);
    }
    st = ls_agree(run->comm, st);
    if (st != LS_OK) {
        ls_saver_destroy(s);
        return st;
    }
    if (run->resumed_from != NULL && strcmp(run->resumed_from, run->dir.last) == 0)
        s->next = (ls_succession){.keeps_last = true, .last_step = run->t->state.step};
    s->copies = ls_comm_rank(run->comm) == 0 && make_copy(s);
    *out = s;
    return ls_broadcast(run->comm, &s->copies, sizeof s->copies, 0);
}

static void join(ls_saver *s) {
    if (s->running)
        ls_thread_join(s->thread);
    s->running = false;
    s->seconds = s->took;
}

void ls_saver_destroy(ls_saver *s) {
    if (s == NULL)
        return;
    join(s);
    free_copy(s);
    ls_free(s->buffer);
    ls_free(s);
}

/* ---- rank 0: one checkpoint ---- */

/* What is written next follows what was written last, if that went well. */
static void plan_next(ls_saver *s, bool best) {
    s->next.best = best;
    s->next.keep = (uint64_t)s->run->t->config.checkpoint.keep;
    s->begin = ls_clock_s();
}

static ls_status commit(ls_saver *s, uint64_t step, ls_status st) {
    if (st == LS_OK)
        st = ls_checkpoint_commit(&s->run->dir, &s->next, &s->pending);
    ls_pending_abandon(&s->pending);
    if (st == LS_OK) {
        s->next.keeps_last = true;
        s->next.last_step = step;
    }
    s->took = ls_clock_s() - s->begin;
    return st;
}

static void *write_copy(void *context) {
    ls_saver *s = context;
    ls_status st = ls_checkpoint_begin(&s->run->dir, &s->next, &s->pending);
    if (st == LS_OK)
        st = ls_checkpoint_write(&s->pending, &s->t, &s->whole, s->buffer);
    s->result = commit(s, s->t.state.step, st);
    if (s->result != LS_OK)
        s->error = *ls_error_last();
    return NULL;
}

static bool start_thread(ls_saver *s) {
    s->running = ls_thread_start(&s->thread, write_copy, s);
    return s->running;
}

/* ---- all ranks ---- */

ls_status ls_saver_finish(ls_saver *s) {
    join(s);
    ls_status st = s->result; /* other ranks' is LS_OK */
    if (st != LS_OK)
        ls_error_set(&s->error);
    s->result = LS_OK;
    return ls_agree(s->run->comm, st);
}

/* Weights and slots of all ranks into rank 0's copy. */
static void gather_copy(ls_saver *s) {
    ls_run *run = s->run;
    int rank = ls_comm_rank(run->comm), ranks = ls_comm_size(run->comm);
    if (rank == 0) {
        s->t = *run->t;
        s->t.model = &s->model;
        memcpy(s->model.weights, run->t->model->weights,
               run->t->model->slab_floats * sizeof(float));
    }
    const ls_param *sharded = run->t->model->sharded;
    for (size_t k = 0; k < slots(run) && sharded != NULL; k++)
        memcpy(s->whole.sharded[k], run->updates.state.sharded[k], sharded->count * sizeof(float));
    for (size_t k = 0; k < slots(run); k++)
        for (int r = 0; r < ranks; r++) {
            ls_tree_range own = ls_exchange_owned(run->exchange, r);
            size_t bytes = own.count * sizeof(float);
            if (rank == 0 && r == 0)
                memcpy(s->whole.slot[k] + own.first, run->updates.state.slot[k], bytes);
            else if (rank == 0)
                ls_receive(run->comm, s->whole.slot[k] + own.first, bytes, r);
            else if (rank == r)
                ls_send(run->comm, run->updates.state.slot[k], bytes, 0);
        }
}

static ls_status save_at_once(ls_saver *s) {
    ls_run *run = s->run;
    bool root = ls_comm_rank(run->comm) == 0;
    ls_status st = LS_OK;
    if (root)
        st = ls_checkpoint_begin(&run->dir, &s->next, &s->pending);
    st = ls_checkpoint_save(run->comm, &s->pending, run->t, run->exchange, &run->updates.state,
                            s->buffer, st);
    if (root)
        st = commit(s, run->t->state.step, st);
    return ls_agree(run->comm, st);
}

ls_status ls_saver_save(ls_saver *s, bool best) {
    ls_comm_activity(s->run->comm, "checkpoint after step %llu",
                     (unsigned long long)s->run->t->state.step);
    LS_TRY(ls_saver_finish(s));
    plan_next(s, best);
    if (!s->copies)
        return save_at_once(s);
    gather_copy(s);
    if (ls_comm_rank(s->run->comm) == 0 && !start_thread(s))
        (void)write_copy(s); /* the result is looked at by the next call, as the thread's is */
    return LS_OK;
}
