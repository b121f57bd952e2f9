/* The metrics of a trained model on the rows of a dataset. Why here: see
 * lockstep/train/evaluate.h. */
#include "lockstep/train/evaluate.h"

#include <math.h>
#include <stdio.h>

#include "apply.h"
#include "assess.h"
#include "curves.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "score.h"

static ls_status count_pairs(const ls_apply *a, ls_evaluation *out) {
    const size_t n = out->facts.problem.n;
    if (!(out->facts.problem.kind & LS_FOR_CLASSES) || n > LS_CONFUSION_CLASSES_MAX)
        return LS_OK;
    LS_TRY(ls_alloc(n * n, sizeof *out->confusion, "confusion matrix", &out->confusion));
    ls_confusion(a->n, ls_blocks_targets(a->blocks, 0).label,
                 ls_assessment_classes(out->assessment), n, out->confusion);
    return LS_OK;
}

static ls_status fill(const ls_apply *a, ls_evaluation *out) {
    const ls_trained *t = a->t;
    snprintf(out->split, sizeof out->split, "%s", a->split);
    snprintf(out->checkpoint, sizeof out->checkpoint, "%s", a->path);
    snprintf(out->data, sizeof out->data, "%s", a->ds->path);
    out->samples = a->n;
    LS_TRY(
        ls_strings_copy(t->target == LS_TARGET_CLASSES ? &t->classes : &t->targets, &out->names));
    return count_pairs(a, out);
}

static ls_status check_threshold(const ls_evaluate_request *request, const ls_problem *problem,
                                 const ls_criterion **criterion) {
    const char *names[8];
    size_t n = 0;
    *criterion = NULL;
    if (request->threshold == NULL)
        return LS_OK;
    for (const ls_criterion *c = ls_criteria; c->name != NULL && n < 8; c++)
        names[n++] = c->name;
    *criterion = ls_criterion_find(request->threshold);
    if (*criterion == NULL)
        return ls_hint_nearest(
            ls_fail(LS_ERR_USAGE, "--threshold", "'%s' is no criterion", request->threshold),
            request->threshold, names, n, "the criteria");
    if (problem->kind != LS_FOR_TWO)
        return ls_fail(LS_ERR_USAGE, "--threshold",
                       "a threshold is between two classes, this model has %s",
                       problem->kind == LS_FOR_MANY ? "another number of them" : "none");
    return LS_OK;
}

static ls_status check_request(const ls_evaluate_request *request, const ls_apply *a,
                               const ls_problem *problem, const ls_criterion **criterion) {
    LS_TRY(check_threshold(request, problem, criterion));
    if (request->curves == NULL)
        return LS_OK;
    if (problem->kind == LS_FOR_NUMBERS)
        return ls_fail(LS_ERR_USAGE, "--curves", "a regression has no curves");
    if (!ls_path_has_suffix(request->curves, ".csv"))
        return ls_fail(LS_ERR_USAGE, request->curves, "the name of the curves must end in .csv");
    LS_TRY(ls_check_output(request->curves, a->ds->path));
    return ls_check_output(request->curves, a->path);
}

static ls_status find_threshold(ls_comm *comm, const ls_criterion *criterion, ls_evaluation *out) {
    const float *p = NULL;
    ls_column_room *room = NULL;
    size_t row = 0;
    if (criterion == NULL)
        return LS_OK;
    out->best = (ls_best){.criterion = criterion, .threshold = NAN};
    LS_TRY(ls_assessment_column(comm, out->assessment, 1, &p, &room));
    if (ls_order_sort(&room->order, out->samples, p) &&
        ls_best_threshold(&room->order, room->truth, criterion, &row, &out->best.counts))
        out->best.threshold = (double)p[row];
    return LS_OK;
}

static ls_status evaluate(ls_comm *comm, const ls_evaluate_request *request, ls_apply *a,
                          ls_evaluation *out) {
    const ls_facts *facts = NULL;
    const ls_criterion *criterion = NULL;
    const ls_problem problem = ls_problem_of(a->t, a->ds);
    LS_TRY(ls_agree(comm, check_request(request, a, &problem, &criterion)));
    ls_comm_activity(comm, "evaluation");
    LS_TRY(
        ls_assessment_create(comm, a->t, a->ds, a->row, a->n, a->blocks, true, &out->assessment));
    LS_TRY(ls_assess(comm, out->assessment, &facts));
    out->facts = *facts;
    LS_TRY(ls_agree(comm, fill(a, out)));
    LS_TRY(find_threshold(comm, criterion, out));
    if (request->curves == NULL)
        return LS_OK;
    return ls_curves_write(comm, out->assessment, &out->facts.problem, out->samples, &out->names,
                           request->curves);
}

ls_status ls_evaluate(ls_comm *comm, ls_log *log, const ls_evaluate_request *request,
                      ls_evaluation *out) {
    ls_apply a;
    *out = (ls_evaluation){0};
    ls_status st = ls_apply_begin(comm, log,
                                  &(ls_apply_request){.model = request->model,
                                                      .data = request->data,
                                                      .split = request->split,
                                                      .needs_targets = true,
                                                      .ignore_unknown = request->ignore_unknown},
                                  &a);
    if (st == LS_OK)
        st = evaluate(comm, request, &a, out);
    ls_apply_end(&a);
    return st;
}

void ls_evaluation_free(ls_evaluation *e) {
    ls_assessment_destroy(e->assessment);
    ls_strings_free(&e->names);
    ls_free(e->confusion);
    *e = (ls_evaluation){0};
}
