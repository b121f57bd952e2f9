/* Applying a fitted chain of transforms to rows.
 *
 * Why here: training, evaluation and prediction all go through these functions. Never fits.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "dataset_internal.h"
#include "lockstep/base/error.h"
#include "lockstep/base/simd.h"
#include "lockstep/math/vector.h"

/* ---- steps that work on each column ---- */

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

LS_SIMD static void uniform_loop(size_t n, double shift, double factor, float *x) {
    for (size_t j = 0; j < n; j++)
        x[j] = (float)(((double)x[j] - shift) * factor);
}

LS_SIMD static void bounds_loop(size_t n, const double *low, const double *high, float *x) {
    for (size_t j = 0; j < n; j++) {
        const double v = (double)x[j] < low[j] ? low[j] : (double)x[j];
        x[j] = (float)(v > high[j] ? high[j] : v);
    }
}

/* The same for columns that do not follow each other. */
static void apply_at(const ls_transform_step *step, const ls_columns *columns, float *x) {
    for (size_t j = 0; j < columns->count; j++) {
        const double *a = step->shift + columns->at[j], *b = step->factor + columns->at[j];
        if (step->kind->affine)
            x[j] = (float)(((double)x[j] - *a) * *b);
        else
            bounds_loop(1, a, b, x + j);
    }
}

static void apply_step(const ls_transform_step *step, const ls_columns *columns, float *x) {
    const ls_transform_kind *kind = step->kind;
    const size_t n = columns->count, first = columns->first;
    if (kind->map)
        kind->map(x, n);
    else if (step->uniform)
        uniform_loop(n, step->shift[0], step->factor[0], x);
    else if (step->shift && columns->at)
        apply_at(step, columns, x);
    else if (kind->affine)
        affine_loop(n, step->shift + first, step->factor + first, x);
    else if (kind->bounds)
        bounds_loop(n, step->shift + first, step->factor + first, x);
}

size_t ls_section_apply(const ls_section *section, size_t begin, size_t end, ls_columns columns,
                        float *row) {
    for (size_t k = begin; k < end; k++) {
        const ls_transform_kind *kind = section->step[k].kind;
        if (kind->limited && !all_above(row, columns.count, kind->above))
            return k;
        apply_step(&section->step[k], &columns, row);
    }
    return ls_any_not_finite(columns.count, row) ? end : LS_NOT_FOUND;
}

/* ---- errors ---- */

/* Names the row and input j of section s. */
static void print_place(const ls_transforms *t, size_t s, size_t j, ls_chain_place place, char *out,
                        size_t size) {
    size_t column = ls_chain_origin(t, s, j);
    const bool made = column == LS_NOT_FOUND;
    if (!made && place.index)
        column = place.index[column];
    if (place.ds)
        ls_dataset_place(place.ds, place.row, column, out, size);
    else if (made)
        snprintf(out, size, "row %zu", place.row);
    else
        snprintf(out, size, "row %zu, column %zu", place.row, column);
    const size_t written = strlen(out);
    if (made)
        snprintf(out + written, size - written, ", output %zu of %s", j,
                 t->section[s].mix->kind->row.name);
}

ls_status ls_chain_fail(const ls_transforms *t, size_t s, size_t failed, size_t end,
                        ls_columns columns, const float *row, ls_chain_place place) {
    char text[LS_DATASET_PLACE_MAX];
    const ls_section *section = &t->section[s];
    const ls_transform_kind *kind = failed < end ? section->step[failed].kind : NULL;
    const char *where = place.ds ? place.ds->path : NULL;
    size_t j = 0;
    while (j + 1 < columns.count && (kind ? row[j] > kind->above : isfinite(row[j])))
        j++;
    print_place(t, s, ls_section_source(section, ls_columns_at(&columns, j)), place, text,
                sizeof text);
    if (kind)
        return ls_hint(ls_fail(LS_ERR_DATA, where, "%s: %s can not take %.9g", text, kind->row.name,
                               (double)row[j]),
                       "%s takes values above %g; data on a log scale already needs no %s",
                       kind->row.name, (double)kind->above, kind->row.name);
    return ls_hint(ls_fail(LS_ERR_DATA, where, "%s: the transformed value is not finite", text),
                   "the value is far outside what the transform was fitted on, or %s multiplies "
                   "by too much",
                   ls_transform_scale.row.name);
}

ls_status ls_chain_check_mix(const ls_transforms *t, size_t s, const float *in,
                             ls_chain_place place) {
    char text[LS_DATASET_PLACE_MAX];
    const ls_transform_step *step = t->section[s].mix;
    const ls_mixing *m = step->kind->mixing;
    const size_t j = m->refused ? m->refused(step, in) : LS_NOT_FOUND;
    if (j == LS_NOT_FOUND)
        return LS_OK;
    print_place(t, s - 1, ls_section_source(&t->section[s - 1], j), place, text, sizeof text);
    return ls_hint(ls_fail(LS_ERR_DATA, place.ds ? place.ds->path : NULL,
                           "%s: %s can not take %.9g", text, step->kind->row.name, (double)in[j]),
                   "%s takes %s", step->kind->row.name, m->takes);
}

/* ---- rows ---- */

LS_SIMD void ls_row_multiply(size_t n, double factor, const float *in, float *out) {
    for (size_t j = 0; j < n; j++)
        out[j] = (float)((double)in[j] * factor);
}

/* out[count] = outputs [first, first + count) of a section from its inputs; out may be in. */
static void pick(const ls_section *section, const float *in, size_t first, size_t count,
                 float *out) {
    if (!section->source) {
        if (out != in + first)
            memcpy(out, in + first, count * sizeof *out);
        return;
    }
    for (size_t j = 0; j < count; j++)
        out[j] = in[section->source[first + j]];
}

/* The steps of section s in place. */
static ls_status finish(const ls_transforms *t, size_t s, size_t first, size_t count, float *x,
                        ls_chain_place place) {
    const ls_section *section = &t->section[s];
    const ls_columns columns = {.first = first, .count = count};
    const size_t failed = ls_section_apply(section, 0, section->count, columns, x);
    if (failed == LS_NOT_FOUND)
        return LS_OK;
    return ls_chain_fail(t, s, failed, section->count, columns, x, place);
}

/* out[inputs of section s] from in[outputs of the one before]. */
static ls_status mix(const ls_transforms *t, size_t s, const float *in, float *out,
                     ls_chain_place place) {
    const ls_transform_step *step = t->section[s].mix;
    const ls_mixing *m = step->kind->mixing;
    LS_TRY(ls_chain_check_mix(t, s, in, place));
    if (m->row_factor)
        ls_row_multiply(step->inputs, m->row_factor(in, step->inputs), in, out);
    else
        m->mix(step, in, out);
    return LS_OK;
}

/* Columns of the widest row inside a chain. */
static size_t inner_width(const ls_transforms *t) {
    size_t width = t->section[0].outputs;
    for (size_t s = 1; s < t->n_sections; s++)
        width = t->section[s].inputs > width ? t->section[s].inputs : width;
    return width;
}

size_t ls_transforms_room(const ls_transforms *t) {
    return t->n_sections > 1 ? 2 * inner_width(t) : 0;
}

ls_status ls_transforms_apply_columns(const ls_transforms *t, const ls_dataset *ds,
                                      const uint32_t *index, size_t row, size_t first, size_t count,
                                      float *x) {
    return finish(t, 0, first, count, x, (ls_chain_place){ds, index, row});
}

ls_status ls_transforms_apply(const ls_transforms *t, const ls_dataset *ds, const uint32_t *index,
                              size_t row, const float *in, size_t first, size_t count, float *out,
                              float *room) {
    const ls_chain_place place = {ds, index, row};
    const size_t last = t->n_sections - 1;
    float *from = room, *to = last > 0 ? room + inner_width(t) : NULL;
    for (size_t s = 0; s <= last; s++) {
        const ls_section *section = &t->section[s];
        const bool done = s == last;
        if (s > 0) {
            LS_TRY(mix(t, s, from, to, place));
            in = to;
        }
        float *x = done ? out : (s > 0 ? to : from);
        const size_t begin = done ? first : 0, n = done ? count : section->outputs;
        pick(section, in, begin, n, x);
        LS_TRY(finish(t, s, begin, n, x, place));
        if (s > 0) {
            to = from;
            from = x;
        }
    }
    return LS_OK;
}
