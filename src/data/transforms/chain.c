/* A chain of transforms: its steps and sections, its life.
 *
 * Why here: the config, a checkpoint and fitting all make chains of the same parts. Never sees a
 * row.
 */
#include "chain.h"

#include <math.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

/* ---- steps ---- */

static ls_status check_parameters(const ls_transform_kind *kind, const double *parameter) {
    for (size_t k = 0; k < LS_TRANSFORM_PARAMETERS; k++) {
        const ls_transform_parameter *p = &kind->parameter[k];
        if (p->valid && !p->valid(parameter[k]))
            return ls_fail(LS_ERR_CONFIG, "data.transform", "%s: %s can not be %g", kind->row.name,
                           p->name, parameter[k]);
    }
    return LS_OK;
}

ls_status ls_step_plan(const ls_transform_kind *kind, const double *parameter, size_t inputs,
                       size_t *outputs) {
    LS_TRY(check_parameters(kind, parameter));
    *outputs = inputs;
    if (kind->mixing)
        return kind->mixing->outputs(parameter, inputs, outputs);
    if (!kind->selects)
        return LS_OK;
    if (parameter[0] > (double)inputs)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "data.transform",
                               "%s: %.0f features are wanted, but there are only %zu",
                               kind->row.name, parameter[0], inputs),
                       "lower %s.%s, or leave it out to keep all", kind->row.name,
                       kind->parameter[0].name);
    *outputs = (size_t)parameter[0];
    return LS_OK;
}

int ls_step_shape(const ls_transform_step *step, size_t columns, size_t k, size_t dim[2]) {
    const ls_mixing *m = step->kind->mixing;
    int rank = 0;
    if (!m)
        dim[rank++] = columns;
    if (m && (m->by[k] & LS_BY_OUTPUT))
        dim[rank++] = step->outputs;
    if (m && (m->by[k] & LS_BY_INPUT))
        dim[rank++] = step->inputs;
    return rank;
}

ls_status ls_step_allocate(ls_transform_step *step, size_t columns) {
    const ls_transform_kind *kind = step->kind;
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++) {
        size_t dim[2] = {0, 1};
        if (!kind->constant_name[k])
            continue;
        ls_step_shape(step, columns, k, dim);
        LS_TRY(ls_alloc(dim[0] * dim[1], sizeof(double), "transform", &step->constant[k]));
    }
    if (!kind->affine && !kind->bounds)
        return LS_OK;
    step->uniform = kind->affine && !kind->constant_name[0];
    const size_t count = step->uniform ? 1 : columns;
    LS_TRY(ls_alloc(count, sizeof *step->shift, "transform", &step->shift));
    return ls_alloc(count, sizeof *step->factor, "transform", &step->factor);
}

static void free_step(ls_transform_step *step) {
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
        ls_free(step->constant[k]);
    ls_free(step->shift);
    ls_free(step->factor);
}

/* Of a step that mixes: the place of the first number that is not finite, or of a scale (which has
 * one number an output) not above 0. */
static size_t check_constants(const ls_transform_step *step) {
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++) {
        size_t dim[2] = {0, 1};
        if (!step->constant[k])
            continue;
        ls_step_shape(step, 0, k, dim);
        const bool positive = step->kind->mixing->by[k] == LS_BY_OUTPUT;
        for (size_t j = 0; j < dim[0] * dim[1]; j++)
            if (!isfinite(step->constant[k][j]) || (positive && step->constant[k][j] <= 0))
                return j;
    }
    return LS_NOT_FOUND;
}

size_t ls_step_prepare(ls_transform_step *step, size_t first, size_t count) {
    const ls_transform_kind *kind = step->kind;
    if (kind->mixing)
        return check_constants(step);
    if (step->uniform) {
        kind->affine(NULL, step->parameter[0], step->shift, step->factor);
        return LS_NOT_FOUND;
    }
    for (size_t j = first; step->constant[0] && j < first + count; j++) {
        double c[LS_TRANSFORM_CONSTANTS] = {0};
        for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++) {
            c[k] = step->constant[k] ? step->constant[k][j] : 0;
            if (!isfinite(c[k]))
                return j;
        }
        if (kind->constants_valid && !kind->constants_valid(c))
            return j;
        if (kind->affine)
            kind->affine(c, step->parameter[0], &step->shift[j], &step->factor[j]);
        if (kind->bounds)
            kind->bounds(c, step->parameter[0], &step->shift[j], &step->factor[j]);
    }
    return LS_NOT_FOUND;
}

/* ---- sections ---- */

/* Makes the sections of a chain whose steps have kinds and parameters. */
static ls_status plan_sections(ls_transforms *t, size_t inputs) {
    ls_section *section = t->section;
    *section = (ls_section){.inputs = inputs, .outputs = inputs, .step = t->step};
    t->n_sections = 1;
    for (size_t s = 0; s < t->count; s++) {
        ls_transform_step *step = &t->step[s];
        step->inputs = section->outputs;
        LS_TRY(ls_step_plan(step->kind, step->parameter, step->inputs, &step->outputs));
        if (step->kind->mixing) {
            section = &t->section[t->n_sections++];
            *section = (ls_section){.mix = step, .inputs = step->outputs, .step = step + 1};
        } else {
            section->count++;
        }
        section->outputs = step->outputs;
    }
    return LS_OK;
}

ls_status ls_chain_create(size_t inputs, size_t count, const ls_transform_kind *const *kind,
                          double (*parameter)[LS_TRANSFORM_PARAMETERS], ls_transforms **out) {
    ls_transforms *t = NULL;
    *out = NULL;
    LS_TRY(ls_alloc(1, sizeof *t, "transforms", &t));
    ls_status st = ls_alloc(count, sizeof *t->step, "transforms", &t->step);
    if (st == LS_OK)
        st = ls_alloc(count + 1, sizeof *t->section, "transforms", &t->section);
    for (size_t s = 0; st == LS_OK && s < count; s++) {
        t->step[s].kind = kind[s];
        for (size_t k = 0; k < LS_TRANSFORM_PARAMETERS; k++)
            t->step[s].parameter[k] = parameter[s][k];
        t->count++;
    }
    if (st == LS_OK)
        st = plan_sections(t, inputs);
    if (st != LS_OK) {
        ls_transforms_destroy(t);
        return st;
    }
    *out = t;
    return LS_OK;
}

void ls_transforms_destroy(ls_transforms *t) {
    if (!t)
        return;
    for (size_t s = 0; s < t->n_sections; s++)
        ls_free(t->section[s].source);
    for (size_t k = 0; k < t->count; k++)
        free_step(&t->step[k]);
    ls_free(t->section);
    ls_free(t->step);
    ls_free(t);
}

ls_status ls_chain_view(const ls_transforms *t, size_t s, bool begun, ls_transforms *view) {
    *view = (ls_transforms){.n_sections = begun ? s + 1 : s};
    LS_TRY(ls_alloc(view->n_sections, sizeof *view->section, "transforms", &view->section));
    for (size_t k = 0; k < view->n_sections; k++)
        view->section[k] = t->section[k];
    if (begun)
        view->section[s].count = 0;
    return LS_OK;
}

void ls_chain_view_free(ls_transforms *view) {
    ls_free(view->section);
    *view = (ls_transforms){0};
}

size_t ls_chain_origin(const ls_transforms *t, size_t s, size_t j) {
    for (; s > 0 && j != LS_NOT_FOUND; s--) {
        const ls_transform_step *mix = t->section[s].mix;
        j = mix->kind->mixing->origin ? mix->kind->mixing->origin(mix, j) : LS_NOT_FOUND;
        j = j != LS_NOT_FOUND ? ls_section_source(&t->section[s - 1], j) : j;
    }
    return j;
}

/* ---- what others see ---- */

bool ls_transforms_mix(const ls_transforms *t) {
    return t->n_sections > 1;
}

size_t ls_transforms_inputs(const ls_transforms *t) {
    return t->section[0].inputs;
}

size_t ls_transforms_outputs(const ls_transforms *t) {
    return t->section[t->n_sections - 1].outputs;
}

size_t ls_transforms_source(const ls_transforms *t, size_t j) {
    return ls_chain_origin(t, t->n_sections - 1,
                           ls_section_source(&t->section[t->n_sections - 1], j));
}
