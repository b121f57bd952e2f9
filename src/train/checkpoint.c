/* Writing and reading whole checkpoints across the ranks. */
#include "lockstep/train/checkpoint.h"
#include <math.h>

#include "checkpoint_parts.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "mover.h"

static ls_status allocate_buffer(float **buffer) {
    return ls_alloc(LS_CHECKPOINT_BUFFER, sizeof **buffer, "checkpoint buffer", buffer);
}

static ls_status begin_file(ls_mover *m, const ls_pending_file *pending, const ls_trained *t) {
    LS_TRY(ls_h5_create_sealed(pending, LS_CHECKPOINT_FORMAT, &m->file));
    return ls_checkpoint_write_parts(m->file, t);
}

static ls_status end_file(ls_mover *m, ls_status st) {
    if (st == LS_OK)
        return ls_h5_close(m->file);
    ls_h5_destroy(m->file);
    return st;
}

ls_status ls_checkpoint_write(const ls_pending_file *pending, const ls_trained *t,
                              const ls_optimizer_state *state, float *buffer) {
    ls_mover m = {.save = true, .buffer = buffer};
    ls_status st = begin_file(&m, pending, t);
    if (st == LS_OK)
        st = ls_move_weights(&m, t->model, st);
    if (st == LS_OK)
        st = ls_move_slots(&m, t, state, st);
    return end_file(&m, st);
}

ls_status ls_checkpoint_save(ls_comm *comm, const ls_pending_file *pending, const ls_trained *t,
                             const ls_exchange *exchange, const ls_optimizer_state *state,
                             float *buffer, ls_status st) {
    ls_mover m = {.comm = comm, .exchange = exchange, .save = true, .buffer = buffer};
    bool root = ls_comm_rank(comm) == 0;
    if (root && st == LS_OK)
        st = begin_file(&m, pending, t);
    st = ls_move_weights(&m, t->model, st);
    st = ls_move_slots(&m, t, state, st);
    return root ? end_file(&m, st) : st;
}

/* All but the weights, planned as rank `rank` of `ranks` holds them; the file stays open. verify:
 * the sum of the whole file, which takes reading it. */
static ls_status read_parts(const char *path, bool verify, size_t ranks, size_t rank, ls_h5 **file,
                            ls_trained *t) {
    bool sealed = false;
    LS_TRY(verify ? ls_h5_open_sealed(path, LS_CHECKPOINT_FORMAT, &sealed, file)
                  : ls_h5_open(path, file));
    LS_TRY(ls_checkpoint_check_format(*file, verify && !sealed));
    return ls_checkpoint_read_parts(*file, ranks, rank, t);
}

ls_status ls_checkpoint_read(const char *path, bool weights, ls_trained **out) {
    ls_trained *t = NULL;
    ls_mover m = {0};
    LS_TRY(ls_alloc(1, sizeof *t, "model", &t));
    ls_status st = read_parts(path, weights, 1, 0, &m.file, t);
    if (st == LS_OK && weights)
        st = allocate_buffer(&m.buffer);
    if (st == LS_OK && weights)
        st = ls_move_weights(&m, t->model, st);
    ls_free(m.buffer);
    ls_h5_destroy(m.file);
    if (st == LS_OK)
        *out = t;
    else
        ls_trained_destroy(t);
    return st;
}

/* Rank 0 reads the weights; all get those that every rank holds, and each its columns. */
static ls_status load_weights(ls_mover *m, ls_trained *t) {
    LS_TRY(ls_agree(m->comm, allocate_buffer(&m->buffer)));
    LS_TRY(ls_agree(m->comm, ls_move_weights(m, t->model, LS_OK)));
    return ls_broadcast(m->comm, t->model->weights, t->model->shared_floats * sizeof(float), 0);
}

ls_status ls_checkpoint_load(ls_comm *comm, const char *path, bool averaged, ls_trained **out) {
    ls_trained *t = NULL;
    ls_mover m = {.comm = comm};
    const int rank = ls_comm_rank(comm);
    ls_status st = ls_alloc(1, sizeof *t, "model", &t);
    if (st == LS_OK)
        st = read_parts(path, rank == 0, (size_t)ls_comm_size(comm), (size_t)rank, &m.file, t);
    st = ls_agree(comm, st);
    m.averaged = st == LS_OK && averaged && !isnan(t->config.train.ema);
    if (st == LS_OK)
        st = load_weights(&m, t);
    ls_free(m.buffer);
    ls_h5_destroy(m.file);
    if (st != LS_OK) {
        ls_trained_destroy(t);
        return st;
    }
    *out = t;
    return LS_OK;
}

ls_status ls_checkpoint_load_optimizer(ls_comm *comm, const char *path, const ls_trained *t,
                                       const ls_exchange *exchange, ls_optimizer_state *state) {
    ls_mover m = {.comm = comm, .exchange = exchange};
    LS_TRY(ls_agree(comm, allocate_buffer(&m.buffer)));
    ls_status st = ls_comm_rank(comm) == 0 ? ls_h5_open(path, &m.file) : LS_OK;
    st = ls_move_slots(&m, t, state, st);
    ls_h5_destroy(m.file);
    ls_free(m.buffer);
    return ls_agree(comm, st);
}

ls_status ls_checkpoint_find(const char *run_or_file, char **out) {
    if (!ls_path_exists(run_or_file))
        return ls_hint(ls_fail(LS_ERR_DATA, run_or_file, "no such file or directory"),
                       "expected a run directory such as runs/NAME, or a checkpoint in it");
    if (!ls_path_is_directory(run_or_file))
        return ls_strdup(run_or_file, out);
    static const char *const names[] = {"best.h5", "last.h5"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = NULL;
        LS_TRY(ls_format(&path, "%s/checkpoints/%s", run_or_file, names[i]));
        if (ls_path_exists(path)) {
            *out = path;
            return LS_OK;
        }
        ls_free(path);
    }
    return ls_hint(ls_fail(LS_ERR_DATA, run_or_file, "no checkpoint in this run directory"),
                   "expected checkpoints/best.h5 or checkpoints/last.h5");
}
