/* Norms and warnings. Why here: see diagnose.h. */
#include "diagnose.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "lockstep/format/json.h"
#include "run.h"

/* Root mean squares of gradients of two matrices that differ more than this, the one nearer to the
 * input smaller (vanishing) or larger (exploding): with sigmoid a layer takes a factor of 4 or
 * more, so 8 to 10 layers; healthy networks stay within 1e2. */
#define GRADIENTS_APART 1e5
/* A training loss so many times the least so far is on its way to nowhere. */
#define LOSS_GROWN 10.0
/* A larger share of a layer's units that are dead is worth a warning. */
#define MANY_DEAD 0.5
/* Epochs in a row in which validation gets worse while training gets better. */
enum { RISING_EPOCHS = 3 };

static void look(void *context, const ls_activations *a, size_t rows) {
    ls_run *run = context;
    ls_dead_units_look(&run->diagnosis.dead, ls_comm_rank(run->comm), a, rows);
}

ls_status ls_diagnosis_create(ls_run *run) {
    ls_diagnosis *d = &run->diagnosis;
    const size_t n = run->updates.rule.n_spans * LS_UPDATE_SQUARES;
    const size_t ranks = (size_t)ls_comm_size(run->comm);
    LS_TRY(ls_alloc(n, sizeof *d->squares, "norms", &d->squares));
    LS_TRY(ls_alloc(n * ranks, sizeof *d->gathered, "norms", &d->gathered));
    LS_TRY(ls_alloc(ranks, sizeof *d->bytes, "norms", &d->bytes));
    if (run->validation == NULL)
        return LS_OK;
    ls_assessment_look(run->validation, look, run);
    return ls_dead_units_create(run->comm, run->t->model, &d->dead);
}

void ls_diagnosis_free(ls_diagnosis *d) {
    ls_free(d->squares);
    ls_free(d->gathered);
    ls_free(d->bytes);
    ls_dead_units_free(&d->dead);
    *d = (ls_diagnosis){0};
}

static size_t numbers(const ls_run *run) {
    return run->updates.rule.n_spans * LS_UPDATE_SQUARES;
}

double *ls_diagnosis_squares(ls_run *run, bool is_last_step) {
    if (!is_last_step || run->diagnosis.squares == NULL)
        return NULL;
    memset(run->diagnosis.squares, 0, numbers(run) * sizeof(double));
    return run->diagnosis.squares;
}

ls_status ls_diagnosis_share(ls_run *run) {
    ls_diagnosis *d = &run->diagnosis;
    const size_t n = numbers(run), ranks = (size_t)ls_comm_size(run->comm);
    for (size_t r = 0; r < ranks; r++)
        d->bytes[r] = n * sizeof *d->squares;
    memcpy(d->gathered + (size_t)ls_comm_rank(run->comm) * n, d->squares, n * sizeof *d->squares);
    LS_TRY(ls_allgather_blocks(run->comm, d->gathered, d->bytes));
    memset(d->squares, 0, n * sizeof *d->squares);
    for (size_t i = 0; i < ranks * n; i++)
        d->squares[i % n] += d->gathered[i];
    return d->dead.n_layers > 0 ? ls_dead_units_count(&d->dead, run->comm) : LS_OK;
}

static bool overfits(const ls_course *c) {
    return c->rising >= RISING_EPOCHS;
}

/* ---- of a parameter ---- */

/* The i-th parameter in model order; *span is its span's number. */
static const ls_param *param_at(const ls_run *run, size_t i, size_t *span) {
    const ls_model *m = run->t->model;
    const ls_param *param = &m->params[i];
    *span = i;
    if (m->sharded != NULL)
        *span = param == m->sharded ? m->n_params - 1 : i - (param > m->sharded ? 1 : 0);
    return param;
}

static double norm(const ls_run *run, size_t span, size_t which) {
    return sqrt(run->diagnosis.squares[LS_UPDATE_SQUARES * span + which]);
}

/* Its order of adding up differs with the ranks: in four digits that does not show. */
static json_t *rounded(double x) {
    char text[32];
    double value = 0;
    snprintf(text, sizeof text, "%.4g", x);
    return isfinite(x) && ls_parse_double(text, &value) ? json_real(value) : json_null();
}

static void dead_to_json(const ls_run *run, json_t **object) {
    const ls_dead_units *dead = &run->diagnosis.dead;
    json_t *o = json_object();
    for (size_t k = 0; k < dead->n_layers; k++)
        ls_json_set(&o, run->t->model->layers[dead->layer[k]].name, rounded(dead->share[k]));
    if (dead->n_layers > 0)
        ls_json_set(object, "dead_units", o);
    else
        json_decref(o);
}

void ls_diagnosis_to_json(const ls_run *run, json_t **object) {
    json_t *layers = json_object();
    for (size_t i = 0; i < run->t->model->n_params; i++) {
        size_t span = 0;
        const ls_param *param = param_at(run, i, &span);
        if (param->lr_scale <= 0 || param->running > 0)
            continue;
        const double weights = norm(run, span, LS_UPDATE_WEIGHTS);
        json_t *o = json_object();
        ls_json_set(&o, "gradient_norm", rounded(norm(run, span, LS_UPDATE_GRADIENT)));
        ls_json_set(&o, "weight_norm", rounded(weights));
        ls_json_set(&o, "update_ratio", rounded(norm(run, span, LS_UPDATE_CHANGE) / weights));
        ls_json_set(&layers, param->name, o);
    }
    ls_json_set(object, "layers", layers);
    dead_to_json(run, object);
    if (run->validation != NULL)
        ls_json_set(object, "overfitting", json_boolean(overfits(&run->t->state.course)));
}

/* ---- warnings ---- */

static bool is_first(ls_run *run, int warning) {
    const bool first = !run->diagnosis.warned[warning];
    run->diagnosis.warned[warning] = true;
    return first;
}

/* Root mean square of a matrix's gradient. */
static double gradient_of(const ls_run *run, const ls_param *param, size_t span) {
    return norm(run, span, LS_UPDATE_GRADIENT) / sqrt((double)ls_param_all(param));
}

/* The trained matrices with the least and the largest gradient, and where they are. */
static void warn_of_gradients(ls_run *run) {
    const ls_model *m = run->t->model;
    size_t least = m->n_params, most = m->n_params, span = 0;
    double low = INFINITY, high = 0;
    for (size_t i = 0; i < m->n_params; i++) {
        const ls_param *param = param_at(run, i, &span);
        if (param->rank < 2 || param->lr_scale <= 0)
            continue;
        const double g = gradient_of(run, param, span);
        if (g < low) {
            low = g;
            least = i;
        }
        if (g > high) {
            high = g;
            most = i;
        }
    }
    if (least == m->n_params || most == m->n_params || low * GRADIENTS_APART >= high)
        return;
    if (least < most && is_first(run, LS_WARNED_VANISHING))
        ls_warn(
            run->log,
            "the gradient vanishes on its way to the input: that of %s is %.1e of that of %s, so "
            "that it hardly learns: use relu with init: he_normal, batch_norm or residual blocks",
            m->params[least].name, low / high, m->params[most].name);
    if (least > most && is_first(run, LS_WARNED_EXPLODING))
        ls_warn(run->log,
                "the gradient explodes on its way to the input: that of %s is %.1e times that of "
                "%s: use init: he_normal or xavier_normal, batch_norm, or clip: {norm: 1}",
                m->params[most].name, high / low, m->params[least].name);
}

static void warn_of_dead_units(ls_run *run) {
    const ls_dead_units *dead = &run->diagnosis.dead;
    for (size_t k = 0; k < dead->n_layers; k++)
        if (dead->share[k] > MANY_DEAD && is_first(run, LS_WARNED_DEAD))
            ls_warn(run->log,
                    "%.0f%% of the units of %s give 0 for all validation rows and learn no more: "
                    "lower the learning rate, or use leaky_relu or init: he_normal",
                    100 * dead->share[k], run->t->model->layers[dead->layer[k]].name);
}

void ls_course_observe(ls_course *c, double train_loss, double val_loss) {
    const bool first = c->epochs == 0;
    const bool rises = !first && val_loss > c->val_loss && train_loss < c->train_loss;
    c->rising = rises ? c->rising + 1 : 0;
    c->first_train_loss = first ? train_loss : c->first_train_loss;
    c->least_train_loss = first ? train_loss : fmin(c->least_train_loss, train_loss);
    c->train_loss = train_loss;
    c->val_loss = val_loss;
    c->epochs++;
}

static bool diverges(const ls_course *c) {
    return c->least_train_loss > 0 && c->train_loss > LOSS_GROWN * c->least_train_loss &&
           c->train_loss > c->first_train_loss;
}

static void warn_of_losses(ls_run *run) {
    const ls_course *c = &run->t->state.course;
    if (diverges(c) && is_first(run, LS_WARNED_DIVERGING))
        ls_warn(run->log,
                "training diverges: its loss is %.3g after %.3g: lower the learning rate, or set "
                "clip: {norm: 1}",
                c->train_loss, c->least_train_loss);
    if (overfits(c) && is_first(run, LS_WARNED_OVERFITTING))
        ls_warn(run->log,
                "over-fitting: for %d epochs the validation loss has risen while the training loss "
                "fell: add dropout, a penalty or data, or set train.early_stopping",
                RISING_EPOCHS);
}

void ls_diagnosis_warn(ls_run *run) {
    warn_of_gradients(run);
    warn_of_dead_units(run);
    warn_of_losses(run);
}
