/* Pieces between ranks and arrays. Why here: see mover.h. */
#include "mover.h"

#include <stdio.h>
#include <string.h>

#include "lockstep/optim/optimizer.h"

#define NAME_MAX_BYTES (LS_PARAM_NAME_MAX + 64)
#define PIECE_FLOATS (LS_CHECKPOINT_ROWS * LS_CHECKPOINT_COLUMNS)

/* Memory that holds the floats [range.first, range.first + range.count) of the model's slab. */
typedef struct held {
    float *floats;
    ls_tree_range range;
} held;

static int rank_of(const ls_mover *m) {
    return m->comm != NULL ? ls_comm_rank(m->comm) : 0;
}

/* What goes from rank to rank, as it lies in memory: behind the piece as the file has it. */
static float *travelling(const ls_mover *m) {
    return m->buffer + PIECE_FLOATS;
}

/* Passes one rank's share of a piece, floats [first, end) of it, between its memory and rank 0's
 * buffer, where it has its place. */
static void pass_share(const ls_mover *m, const ls_param *param, const ls_piece *piece,
                       size_t first, size_t end, int owner, held h) {
    int rank = rank_of(m);
    bool here = rank == owner;
    float *dense = travelling(m) + (rank == 0 ? first : 0);
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
    if (rank_of(m) == 0 && !m->save)
        ls_piece_turn(param, piece, travelling(m), m->buffer, piece->columns, false);
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
    if (rank_of(m) == 0 && m->save)
        ls_piece_turn(param, piece, travelling(m), m->buffer, piece->columns, true);
}

/* Passes rank r's columns of a piece, of an array whose columns are spread. */
static void pass_columns_of(const ls_mover *m, const ls_param *param, const ls_piece *piece, int r,
                            ls_tree_range columns, float *array) {
    const int rank = rank_of(m);
    const ls_piece part = {piece->row, piece->rows, columns.first, columns.count};
    const ls_piece local = {piece->row, piece->rows, columns.first - param->first_column,
                            columns.count};
    const size_t floats = part.rows * part.columns;
    float *travels = travelling(m), *place = m->buffer + columns.first - piece->column;
    if (rank == r && m->save)
        ls_piece_copy(param, &local, 0, floats, array, 0, travels, true);
    if (rank == 0 && !m->save)
        ls_piece_turn(param, &part, travels, place, piece->columns, false);
    if (r != 0 && rank == (m->save ? r : 0))
        ls_send(m->comm, travels, floats * sizeof *travels, m->save ? 0 : r);
    if (r != 0 && rank == (m->save ? 0 : r))
        ls_receive(m->comm, travels, floats * sizeof *travels, m->save ? r : 0);
    if (rank == 0 && m->save)
        ls_piece_turn(param, &part, travels, place, piece->columns, true);
    if (rank == r && !m->save)
        ls_piece_copy(param, &local, 0, floats, array, 0, travels, false);
}

static void pass_columns(const ls_mover *m, const ls_param *param, const ls_piece *piece,
                         float *array) {
    const size_t ranks = m->comm != NULL ? (size_t)ls_comm_size(m->comm) : 1,
                 end = piece->column + piece->columns;
    for (size_t r = 0; r < ranks; r++) {
        ls_tree_range c = ls_feature_columns(param->all_columns, ranks, r);
        size_t stop = c.first + c.count < end ? c.first + c.count : end;
        c.first = c.first > piece->column ? c.first : piece->column;
        if (c.first >= stop)
            continue;
        c.count = stop - c.first;
        if (rank_of(m) == 0 || rank_of(m) == (int)r)
            pass_columns_of(m, param, piece, (int)r, c, array);
    }
}

static bool is_spread(const ls_param *param) {
    return param->all_columns != param->dim[1];
}

/* The array as the file has it. */
static ls_param whole_of(const ls_param *param) {
    ls_param whole = *param;
    if (is_spread(param)) {
        whole.dim[1] = whole.strips.in = param->all_columns;
        whole.count = ls_param_all(param);
    }
    return whole;
}

/* a is NULL where this is not rank 0, or rank 0 has failed: the messages still go their way, so
 * that nobody waits. */
static ls_status move_array(const ls_mover *m, const ls_param *param, bool all, held h,
                            ls_array_io *a) {
    const ls_param whole = whole_of(param);
    ls_status st = LS_OK;
    for (ls_piece piece = {0}; ls_piece_next(&whole, &piece);) {
        if (!m->save && a != NULL && st == LS_OK)
            st = ls_array_io_read(a, &piece, m->buffer);
        if (is_spread(param))
            pass_columns(m, param, &piece, h.floats + param->offset - h.range.first);
        else
            pass_piece(m, param, &piece, all, h);
        if (m->save && a != NULL && st == LS_OK)
            st = ls_array_io_write(a, &piece, m->buffer);
    }
    return st;
}

static ls_status begin_array(const ls_mover *m, const char *slot, const ls_param *param,
                             ls_array_io **a) {
    char name[NAME_MAX_BYTES];
    const ls_param whole = whole_of(param);
    if (slot == NULL)
        snprintf(name, sizeof name, "/model/%s", param->name);
    else
        snprintf(name, sizeof name, "/optimizer/%s/%s", slot, param->name);
    return m->save ? ls_array_io_create(m->file, name, &whole, a)
                   : ls_array_io_open(m->file, name, &whole, a);
}

static ls_status end_array(const ls_mover *m, ls_array_io *a, ls_status st) {
    if (st != LS_OK || a == NULL) {
        ls_array_io_abandon(a);
        return st;
    }
    return m->save ? ls_array_io_finish_write(a) : ls_array_io_finish_read(a);
}

/* One array of all ranks. st is what rank 0 has come to before, and what it comes to. */
static ls_status move_one(const ls_mover *m, const char *slot, const ls_param *param, bool all,
                          held h, ls_status st) {
    ls_array_io *a = NULL;
    if (rank_of(m) == 0 && st == LS_OK)
        st = begin_array(m, slot, param, &a);
    ls_status moved = move_array(m, param, all, h, a);
    return end_array(m, a, st == LS_OK ? moved : st);
}

ls_status ls_move_weights(const ls_mover *m, ls_model *model, ls_status st) {
    held h = {model->weights, {0, model->slab_floats}};
    for (size_t p = 0; p < model->n_params; p++)
        if (rank_of(m) == 0 || is_spread(&model->params[p]))
            st = move_one(m, m->averaged ? LS_EMA_SLOT : NULL, &model->params[p], true, h, st);
    return st;
}

ls_status ls_move_slots(const ls_mover *m, const ls_trained *t, const ls_optimizer_state *state,
                        ls_status st) {
    const char *name[LS_STATE_SLOTS_MAX];
    const size_t n_slots = ls_state_slots(&t->config, name);
    const ls_model *model = t->model;
    bool all = m->comm == NULL;
    ls_tree_range range = {0, model->shared_floats};
    if (!all)
        range = ls_exchange_owned(m->exchange, rank_of(m));
    for (size_t k = 0; k < n_slots; k++)
        for (size_t p = 0; p < model->n_params; p++) {
            const ls_param *param = &model->params[p];
            const held shared = {state->slot[k], range};
            const held own = {state->sharded[k], {param->offset, param->count}};
            const bool sharded = param == model->sharded;
            st = move_one(m, name[k], param, all || sharded, sharded ? own : shared, st);
        }
    return st;
}
