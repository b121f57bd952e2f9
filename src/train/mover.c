/* Pieces between ranks and arrays. Why here: see mover.h. */
#include "mover.h"

#include <stdio.h>

#include "lockstep/optim/optimizer.h"

#define NAME_MAX_BYTES (LS_PARAM_NAME_MAX + 64)

/* Memory that holds the floats [range.first, range.first + range.count) of the model's slab. */
typedef struct held {
    float *floats;
    ls_tree_range range;
} held;

static int rank_of(const ls_mover *m) {
    return m->comm != NULL ? ls_comm_rank(m->comm) : 0;
}

/* Passes one rank's share of a piece, floats [first, end) of it, between its memory and rank 0's
 * buffer, where it has its place. */
static void pass_share(const ls_mover *m, const ls_param *param, const ls_piece *piece,
                       size_t first, size_t end, int owner, held h) {
    int rank = rank_of(m);
    bool here = rank == owner;
    float *dense = m->buffer + (rank == 0 ? first : 0);
    size_t bytes = (end - first) * sizeof *dense;
    /* Where the parameter's float 0 would be: the held range need not begin with it. */
    size_t origin = h.range.first > param->offset ? h.range.first - param->offset : 0;
    float *array = h.floats + (param->offset + origin - h.range.first);
    if (here && m->save)
        ls_piece_copy(param, piece, first, end, array, origin, dense, true);
    if (owner != 0 && rank == (m->save ? owner : 0))
        ls_send(m->comm, dense, bytes, m->save ? 0 : owner);
    if (owner != 0 && rank == (m->save ? 0 : owner))
        ls_receive(m->comm, dense, bytes, m->save ? owner : 0);
    if (here && !m->save)
        ls_piece_copy(param, piece, first, end, array, origin, dense, false);
}

/* The shares of all owners; with `all` rank 0 has everything. */
static void pass_piece(const ls_mover *m, const ls_param *param, const ls_piece *piece, bool all,
                       held h) {
    int owners = all ? 1 : ls_comm_size(m->comm);
    for (int r = 0; r < owners; r++) {
        ls_tree_range own = all ? h.range : ls_exchange_owned(m->exchange, r);
        size_t begin = own.first, stop = own.first + own.count, end = param->offset + param->count;
        begin = begin > param->offset ? begin : param->offset;
        stop = stop < end ? stop : end;
        if (begin >= stop)
            continue;
        size_t first = ls_piece_before(param, piece, begin - param->offset);
        size_t last = ls_piece_before(param, piece, stop - param->offset);
        if (first < last && (r == rank_of(m) || rank_of(m) == 0))
            pass_share(m, param, piece, first, last, r, h);
    }
}

/* a is NULL where this is not rank 0, or rank 0 has failed: the messages still go their way, so
 * that nobody waits. */
static ls_status move_array(const ls_mover *m, const ls_param *param, bool all, held h,
                            ls_array_io *a) {
    ls_status st = LS_OK;
    for (ls_piece piece = {0}; ls_piece_next(param, &piece);) {
        if (!m->save && a != NULL && st == LS_OK)
            st = ls_array_io_read(a, &piece, m->buffer);
        pass_piece(m, param, &piece, all, h);
        if (m->save && a != NULL && st == LS_OK)
            st = ls_array_io_write(a, &piece, m->buffer);
    }
    return st;
}

static ls_status begin_array(const ls_mover *m, const char *slot, const ls_param *param,
                             ls_array_io **a) {
    char name[NAME_MAX_BYTES];
    if (slot == NULL)
        snprintf(name, sizeof name, "/model/%s", param->name);
    else
        snprintf(name, sizeof name, "/optimizer/%s/%s", slot, param->name);
    return m->save ? ls_array_io_create(m->file, name, param, a)
                   : ls_array_io_open(m->file, name, param, a);
}

static ls_status end_array(const ls_mover *m, ls_array_io *a, ls_status st) {
    if (st != LS_OK || a == NULL) {
        ls_array_io_abandon(a);
        return st;
    }
    return m->save ? ls_array_io_finish_write(a) : ls_array_io_finish_read(a);
}

ls_status ls_move_weights(const ls_mover *m, ls_model *model) {
    held h = {model->weights, {0, model->slab_floats}};
    for (size_t p = 0; p < model->n_params; p++) {
        ls_array_io *a = NULL;
        ls_status st = begin_array(m, NULL, &model->params[p], &a);
        if (st == LS_OK)
            st = move_array(m, &model->params[p], true, h, a);
        LS_TRY(end_array(m, a, st));
    }
    return LS_OK;
}

ls_status ls_move_slots(const ls_mover *m, const ls_trained *t, const ls_optimizer_state *state,
                        ls_status st) {
    const ls_optimizer_type *type = ls_optimizer_type_of(&t->config.optimizer);
    bool all = m->comm == NULL, root = rank_of(m) == 0;
    ls_tree_range range = {0, t->model->slab_floats};
    if (!all)
        range = ls_exchange_owned(m->exchange, rank_of(m));
    for (size_t k = 0; k < type->n_slots; k++)
        for (size_t p = 0; p < t->model->n_params; p++) {
            const ls_param *param = &t->model->params[p];
            ls_array_io *a = NULL;
            if (root && st == LS_OK)
                st = begin_array(m, type->slot_name[k], param, &a);
            ls_status moved = move_array(m, param, all, (held){state->slot[k], range}, a);
            st = end_array(m, a, st == LS_OK ? moved : st);
        }
    return st;
}
