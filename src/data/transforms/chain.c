/* Applying a fitted chain of transforms, and its life.
 *
 * Why here: training, evaluation and prediction all go through this one function. Never fits.
 */
#include "chain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dataset_internal.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/simd.h"
#include "lockstep/base/text.h"
#include "lockstep/math/vector.h"

ls_status ls_chain_create(size_t inputs, size_t count, ls_transforms **out) {
    ls_transforms *t = NULL;
    *out = NULL;
    LS_TRY(ls_alloc(1, sizeof *t, "transforms", &t));
    t->inputs = t->outputs = inputs;
    t->count = count;
    ls_status st = ls_alloc(inputs, sizeof *t->source, "transforms", &t->source);
    if (st == LS_OK)
        st = ls_alloc(count, sizeof *t->step, "transforms", &t->step);
    if (st != LS_OK) {
        t->count = 0;
        ls_transforms_destroy(t);
        return st;
    }
    for (size_t j = 0; j < inputs; j++)
        t->source[j] = (uint32_t)j;
    *out = t;
    return LS_OK;
}

void ls_transforms_destroy(ls_transforms *t) {
    if (!t)
        return;
    for (size_t k = 0; k < t->count; k++)
        ls_step_free(&t->step[k]);
    ls_free(t->step);
    ls_free(t->source);
    ls_free(t);
}

ls_status ls_step_create(ls_transform_step *step, const ls_transform_kind *kind, double parameter,
                         size_t columns) {
    *step = (ls_transform_step){.kind = kind, .parameter = parameter};
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
        if (kind->constant_name[k] || (kind->selects && k == 0))
            LS_TRY(ls_alloc(columns, sizeof(double), "transform", &step->constant[k]));
    if (!kind->affine && !kind->bounds)
        return LS_OK;
    LS_TRY(ls_alloc(columns, sizeof *step->shift, "transform", &step->shift));
    return ls_alloc(columns, sizeof *step->factor, "transform", &step->factor);
}

void ls_step_free(ls_transform_step *step) {
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
        ls_free(step->constant[k]);
    ls_free(step->shift);
    ls_free(step->factor);
    *step = (ls_transform_step){0};
}

size_t ls_step_prepare(ls_transform_step *step, size_t first, size_t count) {
    const ls_transform_kind *kind = step->kind;
    for (size_t j = first; j < first + count; j++) {
        double c[LS_TRANSFORM_CONSTANTS] = {0};
        for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++) {
            c[k] = step->constant[k] ? step->constant[k][j] : 0;
            if (!isfinite(c[k]))
                return j;
        }
        if (kind->constants_valid && !kind->constants_valid(c))
            return j;
        if (kind->affine)
            kind->affine(c, step->parameter, &step->shift[j], &step->factor[j]);
        if (kind->bounds)
            kind->bounds(c, step->parameter, &step->shift[j], &step->factor[j]);
    }
    return LS_NOT_FOUND;
}

LS_SIMD static bool all_above(const float *x, size_t count, float bound) {
    unsigned bad = 0;
    for (size_t j = 0; j < count; j++)
        bad |= x[j] > bound ? 0u : 1u;
    return !bad;
}

LS_SIMD static void affine_loop(size_t n, const double *shift, const double *factor, float *x) {
    for (size_t j = 0; j < n; j++)
        x[j] = (float)(((double)x[j] - shift[j]) * factor[j]);
}

LS_SIMD static void bounds_loop(size_t n, const double *low, const double *high, float *x) {
    for (size_t j = 0; j < n; j++) {
        const double v = (double)x[j] < low[j] ? low[j] : (double)x[j];
        x[j] = (float)(v > high[j] ? high[j] : v);
    }
}

size_t ls_chain_apply_row(const ls_transforms *t, size_t begin, size_t end, size_t first,
                          size_t count, float *row) {
    for (size_t k = begin; k < end; k++) {
        const ls_transform_kind *kind = t->step[k].kind;
        if (kind->limited && !all_above(row, count, kind->above))
            return k;
        if (kind->map)
            kind->map(row, count);
        else if (kind->affine)
            affine_loop(count, t->step[k].shift + first, t->step[k].factor + first, row);
        else if (kind->bounds)
            bounds_loop(count, t->step[k].shift + first, t->step[k].factor + first, row);
    }
    return ls_any_not_finite(count, row) ? end : LS_NOT_FOUND;
}

ls_status ls_chain_fail(const ls_transforms *t, const ls_dataset *ds, const uint32_t *index,
                        size_t failed, size_t end, size_t file_row, size_t first, size_t count,
                        const float *row) {
    char place[LS_DATASET_PLACE_MAX];
    const ls_transform_kind *kind = failed < end ? t->step[failed].kind : NULL;
    size_t j = 0;
    while (j + 1 < count && (kind ? row[j] > kind->above : isfinite(row[j])))
        j++;
    size_t input = t->source[first + j], column = index ? index[input] : input;
    if (ds)
        ls_dataset_place(ds, file_row, column, place, sizeof place);
    else
        snprintf(place, sizeof place, "row %zu, column %zu", file_row, column);
    const char *where = ds ? ds->path : NULL;
    if (kind)
        return ls_hint(ls_fail(LS_ERR_DATA, where, "%s: %s can not take %.9g", place,
                               kind->row.name, (double)row[j]),
                       "%s takes values above %g; data on a log scale already needs no %s",
                       kind->row.name, (double)kind->above, kind->row.name);
    return ls_hint(ls_fail(LS_ERR_DATA, where, "%s: the transformed value is not finite", place),
                   "the value is far outside what the transform was fitted on, or %s multiplies "
                   "by too much",
                   ls_transform_scale.row.name);
}

size_t ls_transforms_inputs(const ls_transforms *t) {
    return t->inputs;
}

size_t ls_transforms_outputs(const ls_transforms *t) {
    return t->outputs;
}

size_t ls_transforms_source(const ls_transforms *t, size_t j) {
    return t->source[j];
}

static void pick(const ls_transforms *t, const float *in, float *out) {
    if (t->outputs == t->inputs) {
        if (out != in)
            memcpy(out, in, t->inputs * sizeof *out);
        return;
    }
    for (size_t j = 0; j < t->outputs; j++)
        out[j] = in[t->source[j]];
}

ls_status ls_transforms_apply_columns(const ls_transforms *t, const ls_dataset *ds,
                                      const uint32_t *index, const size_t *row, size_t rows,
                                      size_t first, size_t count, float *x) {
    /* The first row that fails and its step, as one number: row * (steps + 1) + step. */
    size_t states = t->count + 1, worst = SIZE_MAX;
#pragma omp parallel for schedule(static) reduction(min : worst)
    for (size_t i = 0; i < rows; i++) {
        size_t failed = ls_chain_apply_row(t, 0, t->count, first, count, x + i * count);
        if (failed != LS_NOT_FOUND && i * states + failed < worst)
            worst = i * states + failed;
    }
    if (worst == SIZE_MAX)
        return LS_OK;
    size_t i = worst / states;
    return ls_chain_fail(t, ds, index, worst % states, t->count, row[i], first, count,
                         x + i * count);
}

ls_status ls_transforms_apply(const ls_transforms *t, const ls_dataset *ds, const uint32_t *index,
                              const size_t *row, size_t rows, float *in, float *out) {
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows; i++)
        pick(t, in + i * t->inputs, out + i * t->outputs);
    return ls_transforms_apply_columns(t, ds, index, row, rows, 0, t->outputs, out);
}
