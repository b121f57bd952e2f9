/* Writing and reading whole checkpoints across the ranks. */
#include "lockstep/train/checkpoint.h"

#include <stdio.h>

#include "array_io.h"
#include "checkpoint_parts.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/optim/optimizer.h"

/* Floats that travel at once to or from rank 0. */
#define PIECE_FLOATS ((size_t)1 << 20)

static void array_name(char *name, size_t size, const char *slot, const ls_param *param) {
    if (slot == NULL)
        snprintf(name, size, "/model/%s", param->name);
    else
        snprintf(name, size, "/optimizer/%s/%s", slot, param->name);
}

#define NAME_MAX_BYTES (LS_PARAM_NAME_MAX + 64)

/* All parameters between the model and the file. */
static ls_status move_weights(ls_h5 *file, ls_model *m, bool save) {
    for (size_t p = 0; p < m->n_params; p++) {
        const ls_param *param = &m->params[p];
        char name[NAME_MAX_BYTES];
        float *w = m->weights + param->offset;
        ls_array_io *a = NULL;
        array_name(name, sizeof name, NULL, param);
        LS_TRY(save ? ls_array_io_create(file, name, param, &a)
                    : ls_array_io_open(file, name, param, &a));
        ls_status st =
            save ? ls_array_io_write(a, w, param->count) : ls_array_io_read(a, w, param->count);
        if (st != LS_OK) {
            ls_array_io_abandon(a);
            return st;
        }
        LS_TRY(save ? ls_array_io_finish_write(a) : ls_array_io_finish_read(a));
    }
    return LS_OK;
}

/* A piece of a parameter that one rank owns. */
typedef struct piece {
    int owner;
    size_t first, count; /* floats in the slab */
} piece;

static piece next_piece(const ls_exchange *exchange, int size, size_t at, size_t end) {
    for (int r = 0; r < size; r++) {
        ls_tree_range own = ls_exchange_owned(exchange, r);
        if (at < own.first || at >= own.first + own.count)
            continue;
        size_t stop = own.first + own.count < end ? own.first + own.count : end;
        size_t n = stop - at < PIECE_FLOATS ? stop - at : PIECE_FLOATS;
        return (piece){r, at, n};
    }
    return (piece){0, at, 0}; /* every float of the slab has an owner */
}

/* Moves one slot of one parameter between the owners and the array; a is NULL where rank 0 has
 * failed already: the messages still go their way, so that nobody waits. */
static ls_status move_slot(ls_comm *comm, const ls_exchange *exchange, const ls_param *param,
                           float *slot, bool save, ls_array_io *a, float *buffer) {
    int rank = ls_comm_rank(comm);
    size_t mine = ls_exchange_owned(exchange, rank).first, end = param->offset + param->count;
    ls_status st = LS_OK;
    for (size_t at = param->offset; at < end;) {
        piece p = next_piece(exchange, ls_comm_size(comm), at, end);
        float *data = p.owner == rank ? slot + (p.first - mine) : buffer;
        size_t bytes = p.count * sizeof *data;
        if (save && p.owner != 0 && rank == p.owner)
            ls_send(comm, data, bytes, 0);
        if (save && p.owner != 0 && rank == 0)
            ls_receive(comm, data, bytes, p.owner);
        if (rank == 0 && a != NULL && st == LS_OK)
            st = save ? ls_array_io_write(a, data, p.count) : ls_array_io_read(a, data, p.count);
        if (!save && p.owner != 0 && rank == 0)
            ls_send(comm, data, bytes, p.owner);
        if (!save && p.owner != 0 && rank == p.owner)
            ls_receive(comm, data, bytes, 0);
        at += p.count;
    }
    return st;
}

/* All slots of all parameters; st is what rank 0 has come to before. Returns rank 0's status. */
static ls_status move_optimizer(ls_comm *comm, ls_h5 *file, const ls_trained *t,
                                const ls_exchange *exchange, const ls_optimizer_state *state,
                                bool save, ls_status st) {
    const ls_optimizer_type *type = ls_optimizer_type_of(&t->config.optimizer);
    bool root = ls_comm_rank(comm) == 0;
    float *buffer = NULL;
    ls_status allocated =
        ls_agree(comm, root ? ls_alloc(PIECE_FLOATS, sizeof *buffer, "buffer", &buffer) : LS_OK);
    if (allocated != LS_OK)
        return allocated;
    for (size_t k = 0; k < type->n_slots; k++)
        for (size_t p = 0; p < t->model->n_params; p++) {
            const ls_param *param = &t->model->params[p];
            char name[NAME_MAX_BYTES];
            ls_array_io *a = NULL;
            array_name(name, sizeof name, type->slot_name[k], param);
            if (root && st == LS_OK)
                st = save ? ls_array_io_create(file, name, param, &a)
                          : ls_array_io_open(file, name, param, &a);
            ls_status moved = move_slot(comm, exchange, param, state->slot[k], save, a, buffer);
            st = st == LS_OK ? moved : st;
            if (st != LS_OK)
                ls_array_io_abandon(a);
            else if (a != NULL)
                st = save ? ls_array_io_finish_write(a) : ls_array_io_finish_read(a);
        }
    ls_free(buffer);
    return st;
}

ls_status ls_checkpoint_save(ls_comm *comm, const char *path, const ls_trained *t,
                             const ls_exchange *exchange, const ls_optimizer_state *state) {
    bool root = ls_comm_rank(comm) == 0;
    ls_pending_file pending = {0};
    ls_h5 *file = NULL;
    ls_status st = LS_OK;
    if (root) {
        st = ls_pending_begin(&pending, path);
        if (st == LS_OK)
            st = ls_h5_create_pending(&pending, &file);
        if (st == LS_OK)
            st = ls_checkpoint_write_parts(file, t);
        if (st == LS_OK)
            st = move_weights(file, t->model, true);
    }
    st = move_optimizer(comm, file, t, exchange, state, true, st);
    if (root) {
        if (st != LS_OK)
            ls_h5_destroy(file);
        else
            st = ls_h5_close(file);
        if (st == LS_OK)
            st = ls_pending_commit(&pending);
        ls_pending_abandon(&pending);
    }
    return ls_agree(comm, st);
}

ls_status ls_checkpoint_read(const char *path, bool weights, ls_trained **out) {
    ls_trained *t = NULL;
    ls_h5 *file = NULL;
    LS_TRY(ls_alloc(1, sizeof *t, "model", &t));
    ls_status st = ls_h5_open(path, &file);
    if (st == LS_OK)
        st = ls_checkpoint_read_parts(file, t);
    if (st == LS_OK && weights)
        st = move_weights(file, t->model, false);
    ls_h5_destroy(file);
    if (st == LS_OK)
        *out = t;
    else
        ls_trained_destroy(t);
    return st;
}

ls_status ls_checkpoint_load(ls_comm *comm, const char *path, ls_trained **out) {
    ls_trained *t = NULL;
    ls_status st = ls_agree(comm, ls_checkpoint_read(path, ls_comm_rank(comm) == 0, &t));
    if (st == LS_OK)
        st = ls_broadcast(comm, t->model->weights, t->model->slab_floats * sizeof(float), 0);
    if (st != LS_OK) {
        ls_trained_destroy(t);
        return st;
    }
    *out = t;
    return LS_OK;
}

ls_status ls_checkpoint_load_optimizer(ls_comm *comm, const char *path, const ls_trained *t,
                                       const ls_exchange *exchange, ls_optimizer_state *state) {
    ls_h5 *file = NULL;
    ls_status st = ls_comm_rank(comm) == 0 ? ls_h5_open(path, &file) : LS_OK;
    st = move_optimizer(comm, file, t, exchange, state, false, st);
    ls_h5_destroy(file);
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
