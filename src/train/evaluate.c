/* The metrics of a trained model on the rows of a dataset. */
#include "lockstep/train/evaluate.h"

#include <stdio.h>

#include "apply.h"
#include "lockstep/base/memory.h"
#include "score.h"

static void fill(const ls_apply *a, const double *score, const double *spread, ls_evaluation *out) {
    snprintf(out->split, sizeof out->split, "%s", a->split);
    snprintf(out->checkpoint, sizeof out->checkpoint, "%s", a->path);
    snprintf(out->data, sizeof out->data, "%s", a->ds->path);
    out->samples = a->n;
    out->n_metrics = 0;
    for (const ls_metric *m = ls_metrics; m->name != NULL; m++)
        if (ls_metric_applies(m, a->t) && out->n_metrics < LS_EVALUATE_METRICS_MAX) {
            out->metric[out->n_metrics].name = m->name;
            out->metric[out->n_metrics++].value = m->value(a->t, score, spread);
        }
}

static ls_status evaluate(ls_comm *comm, ls_apply *a, ls_evaluation *out) {
    double *score = NULL, *spread = NULL;
    ls_status st = ls_alloc(ls_score_width(a->t), sizeof *score, "scores", &score);
    if (st == LS_OK)
        st = ls_alloc(a->ds->n_outputs, sizeof *spread, "scores", &spread);
    st = ls_agree(comm, st);
    ls_comm_activity(comm, "evaluation");
    if (st == LS_OK)
        st = ls_blocks_score(comm, a->blocks, score);
    if (st == LS_OK) {
        if (a->t->target == LS_TARGET_VALUES)
            ls_score_spread(a->ds, a->row, a->n, spread);
        fill(a, score, spread, out);
    }
    ls_free(score);
    ls_free(spread);
    return st;
}

ls_status ls_evaluate(ls_comm *comm, ls_log *log, const ls_evaluate_request *request,
                      ls_evaluation *out) {
    ls_apply a;
    ls_status st = ls_apply_begin(comm, log,
                                  &(ls_apply_request){.model = request->model,
                                                      .data = request->data,
                                                      .split = request->split,
                                                      .needs_targets = true,
                                                      .ignore_unknown = request->ignore_unknown},
                                  &a);
    if (st == LS_OK)
        st = evaluate(comm, &a, out);
    ls_apply_end(&a);
    return st;
}
