/* Predictions block by block: in each round every rank computes one block and rank 0 writes
 * them in order, so that memory is bounded and the file does not depend on the ranks. */
#include "lockstep/train/predict.h"

#include <string.h>

#include "apply.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "prediction_file.h"
#include "score.h"

typedef struct predictor {
    ls_comm *comm;
    ls_apply a;
    ls_prediction_file file; /* rank 0 */
    size_t columns;          /* of a row of p */
    float *p;                /* [LS_BLOCK_ROWS, columns] */
    int32_t *code;           /* [LS_BLOCK_ROWS] */
    size_t *of_rank;         /* [ranks] the blocks of a round */
} predictor;

/* Probabilities, codes or outputs of this rank's block of a round. */
static ls_status compute(predictor *w) {
    const ls_trained *t = w->a.t;
    const size_t block = w->of_rank[ls_comm_rank(w->comm)], out = t->model->out_size;
    const float *z = NULL;
    size_t first;
    LS_TRY(ls_blocks_forward(w->a.blocks, w->of_rank, &z));
    LS_TRY(ls_gemm_status(t->gemm));
    if (block == LS_NO_BLOCK)
        return LS_OK;
    const size_t rows = ls_blocks_rows(w->a.blocks, block, &first);
    ls_predict_rows(t, rows, z, w->p);
    for (size_t r = 0; t->target == LS_TARGET_CLASSES && r < rows; r++)
        w->code[r] = ls_predicted_class(t, z + r * out);
    return LS_OK;
}

static ls_status write_block(predictor *w, size_t block) {
    size_t first, rows = ls_blocks_rows(w->a.blocks, block, &first);
    return w->file.format->rows(&w->file, first, rows, w->p, w->code);
}

/* Rank r's block of a round comes to rank 0, which writes it unless it has failed. */
static ls_status hand_over(predictor *w, size_t block, int owner, ls_status st) {
    size_t first, rows = ls_blocks_rows(w->a.blocks, block, &first);
    size_t p_bytes = rows * w->columns * sizeof *w->p, code_bytes = rows * sizeof *w->code;
    int rank = ls_comm_rank(w->comm);
    if (owner != 0 && rank == owner) {
        ls_send(w->comm, w->p, p_bytes, 0);
        ls_send(w->comm, w->code, code_bytes, 0);
    }
    if (owner != 0 && rank == 0) {
        ls_receive(w->comm, w->p, p_bytes, owner);
        ls_receive(w->comm, w->code, code_bytes, owner);
    }
    return rank == 0 && st == LS_OK ? write_block(w, block) : st;
}

static ls_status run_rounds(predictor *w, ls_progress *progress) {
    size_t ranks = (size_t)ls_comm_size(w->comm);
    size_t blocks = ls_blocks_count(w->a.blocks);
    for (size_t b = 0; b < blocks; b += ranks) {
        ls_comm_activity(w->comm, "rows from %zu on", b * LS_BLOCK_ROWS);
        for (size_t r = 0; r < ranks; r++)
            w->of_rank[r] = b + r < blocks ? b + r : LS_NO_BLOCK;
        ls_status st = compute(w);
        LS_TRY(ls_agree(w->comm, st));
        for (size_t r = 0; r < ranks && b + r < blocks; r++)
            st = hand_over(w, b + r, (int)r, st);
        LS_TRY(ls_agree(w->comm, st));
        size_t done = (b + ranks) * LS_BLOCK_ROWS;
        ls_progress_update(progress, (double)(done < w->a.n ? done : w->a.n), NULL);
    }
    return LS_OK;
}

static ls_status begin(predictor *w, const ls_predict_request *request) {
    const ls_trained *t = w->a.t;
    LS_TRY(ls_check_output(request->out, w->a.ds->path));
    LS_TRY(ls_check_output(request->out, w->a.path));
    w->columns = t->target == LS_TARGET_CLASSES ? t->classes.count : t->n_targets;
    size_t widest = w->columns > t->model->out_size ? w->columns : t->model->out_size;
    LS_TRY(ls_alloc(LS_BLOCK_ROWS * widest, sizeof *w->p, "predictions", &w->p));
    LS_TRY(ls_alloc(LS_BLOCK_ROWS, sizeof *w->code, "predictions", &w->code));
    LS_TRY(ls_alloc((size_t)ls_comm_size(w->comm), sizeof *w->of_rank, "blocks", &w->of_rank));
    if (ls_comm_rank(w->comm) != 0)
        return LS_OK;
    return ls_prediction_file_begin(&w->file, request->out, t, w->a.ds, w->columns);
}

static ls_status predict(predictor *w, const ls_predict_request *request, ls_log *log) {
    bool root = ls_comm_rank(w->comm) == 0;
    ls_progress *progress = NULL;
    ls_status st = ls_agree(w->comm, begin(w, request));
    if (st == LS_OK)
        st = ls_agree(w->comm,
                      ls_progress_create(log, "predicted", "rows", (double)w->a.n, &progress));
    if (st == LS_OK)
        st = run_rounds(w, progress);
    ls_progress_finish(progress, st);
    if (root && st == LS_OK)
        st = ls_prediction_file_end(&w->file);
    else if (root)
        ls_prediction_file_abandon(&w->file);
    return ls_agree(w->comm, st);
}

ls_status ls_predict(ls_comm *comm, ls_log *log, const ls_predict_request *request) {
    predictor w = {.comm = comm};
    ls_status st = LS_OK;
    if (ls_prediction_format_of(request->out) == NULL)
        st = ls_fail(LS_ERR_USAGE, request->out, "the name of the output must end in .h5 or .csv");
    st = ls_agree(comm, st);
    if (st == LS_OK)
        st = ls_apply_begin(
            comm, log,
            &(ls_apply_request){.model = request->model, .data = request->data, .split = "all"},
            &w.a);
    if (st == LS_OK)
        st = predict(&w, request, log);
    ls_free(w.p);
    ls_free(w.code);
    ls_free(w.of_rank);
    ls_apply_end(&w.a);
    return st;
}
