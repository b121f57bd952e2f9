/* A fitted chain in a checkpoint, and back.
 *
 *   GROUP              attributes inputs, outputs (uint64), chain ("log1p select standardize")
 *   GROUP/source       uint64 [columns], where columns of the file were dropped before any mixed
 *   GROUP/2_standardize/mean, .../scale    float64 [columns]
 *   GROUP/1_select     attribute features (float64)
 *   GROUP/3_pca/mean   float64 [columns], .../axes float64 [components, columns]
 *   GROUP/3_pca/source uint64 [columns], where columns that it makes were dropped
 *
 * Why here: evaluation needs nothing but the checkpoint. Never trusts what it reads: a damaged
 * file gives an error.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"

enum { NAME_MAX_BYTES = 512 };

static void step_name(char *name, const char *group, size_t s, const ls_transform_kind *kind,
                      const char *array) {
    snprintf(name, NAME_MAX_BYTES, "%s/%zu_%s%s%s", group, s, kind->row.name, array ? "/" : "",
             array ? array : "");
}

/* Where the source of a section is. */
static void source_name(char *name, const ls_transforms *t, const ls_section *section,
                        const char *group) {
    if (section->mix)
        step_name(name, group, (size_t)(section->mix - t->step), section->mix->kind, "source");
    else
        snprintf(name, NAME_MAX_BYTES, "%s/source", group);
}

/* ---- writing ---- */

/* columns: those of its section. */
static ls_status save_step(const ls_transforms *t, size_t s, size_t columns, ls_h5 *file,
                           const char *group) {
    const ls_transform_step *step = &t->step[s];
    char name[NAME_MAX_BYTES];
    step_name(name, group, s, step->kind, NULL);
    LS_TRY(ls_h5_make_group(file, name));
    for (size_t k = 0; k < LS_TRANSFORM_PARAMETERS; k++)
        if (step->kind->parameter[k].name)
            LS_TRY(ls_h5_write_attribute(file, name, step->kind->parameter[k].name, LS_H5_F64, 1,
                                         &step->parameter[k]));
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
        if (step->kind->constant_name[k]) {
            size_t dim[2];
            const int rank = ls_step_shape(step, columns, k, dim);
            step_name(name, group, s, step->kind, step->kind->constant_name[k]);
            LS_TRY(ls_h5_write(file, name, LS_H5_F64, rank, dim, step->constant[k]));
        }
    return LS_OK;
}

static ls_status save_source(const ls_transforms *t, const ls_section *section, ls_h5 *file,
                             const char *group) {
    char name[NAME_MAX_BYTES];
    uint64_t *source = NULL;
    source_name(name, t, section, group);
    LS_TRY(ls_alloc(section->outputs, sizeof *source, "transforms", &source));
    for (size_t j = 0; j < section->outputs; j++)
        source[j] = section->source[j];
    ls_status st = ls_h5_write(file, name, LS_H5_U64, 1, &section->outputs, source);
    ls_free(source);
    return st;
}

static ls_status save_section(const ls_transforms *t, const ls_section *section, ls_h5 *file,
                              const char *group) {
    const size_t begin = (size_t)(section->step - t->step);
    if (section->mix)
        LS_TRY(save_step(t, begin - 1, 0, file, group));
    if (section->outputs < section->inputs)
        LS_TRY(save_source(t, section, file, group));
    for (size_t s = begin; s < begin + section->count; s++)
        LS_TRY(save_step(t, s, section->outputs, file, group));
    return LS_OK;
}

ls_status ls_transforms_save(const ls_transforms *t, ls_h5 *file, const char *group) {
    uint64_t inputs = ls_transforms_inputs(t), outputs = ls_transforms_outputs(t);
    ls_buffer chain = {0};
    ls_buffer_add(&chain, "");
    for (size_t s = 0; s < t->count; s++)
        ls_buffer_addf(&chain, "%s%s", s ? " " : "", t->step[s].kind->row.name);
    ls_status st = chain.status;
    if (st == LS_OK)
        st = ls_h5_make_group(file, group);
    if (st == LS_OK)
        st = ls_h5_write_attribute(file, group, "inputs", LS_H5_U64, 1, &inputs);
    if (st == LS_OK)
        st = ls_h5_write_attribute(file, group, "outputs", LS_H5_U64, 1, &outputs);
    if (st == LS_OK)
        st = ls_h5_write_attribute_text(file, group, "chain", chain.data ? chain.data : "");
    for (size_t s = 0; st == LS_OK && s < t->n_sections; s++)
        st = save_section(t, &t->section[s], file, group);
    ls_buffer_free(&chain);
    return st;
}

/* ---- reading ---- */

static ls_status fail_damaged(ls_h5 *file, const char *name, const char *why) {
    return ls_hint(ls_fail(LS_ERR_DATA, ls_h5_path(file), "%s: %s", name, why),
                   "the checkpoint is damaged or was not written by lockstep");
}

/* An array of exactly this shape: nothing is allocated for what the file does not hold. */
static ls_status check_array(ls_h5 *file, const char *name, ls_h5_class class, int rank,
                             const size_t *dim) {
    ls_h5_info info;
    LS_TRY(ls_h5_describe(file, name, &info));
    bool fits = info.type_class == class && info.rank == rank;
    for (int d = 0; fits && d < rank; d++)
        fits = info.dim[d] == dim[d];
    if (!fits)
        return fail_damaged(file, name, "not an array of one number a column");
    return LS_OK;
}

static ls_status load_source(const ls_transforms *t, ls_section *section, ls_h5 *file,
                             const char *group) {
    char name[NAME_MAX_BYTES];
    uint64_t *source = NULL;
    const size_t outputs = section->outputs;
    source_name(name, t, section, group);
    LS_TRY(check_array(file, name, LS_H5_INTEGER, 1, &outputs));
    LS_TRY(ls_alloc(outputs, sizeof *section->source, "transforms", &section->source));
    LS_TRY(ls_alloc(outputs, sizeof *source, "transforms", &source));
    ls_status st = ls_h5_read(file, name, LS_H5_U64, outputs, source);
    for (size_t j = 0; st == LS_OK && j < outputs; j++) {
        if (source[j] >= section->inputs || (j > 0 && source[j] <= source[j - 1]))
            st = fail_damaged(file, name, "not ascending columns");
        else
            section->source[j] = (uint32_t)source[j];
    }
    ls_free(source);
    return st;
}

static ls_status load_step(ls_transforms *t, size_t s, size_t columns, ls_h5 *file,
                           const char *group) {
    ls_transform_step *step = &t->step[s];
    char name[NAME_MAX_BYTES];
    size_t dim[2] = {0};
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
        if (step->kind->constant_name[k]) {
            const int rank = ls_step_shape(step, columns, k, dim);
            step_name(name, group, s, step->kind, step->kind->constant_name[k]);
            LS_TRY(check_array(file, name, LS_H5_FLOAT, rank, dim));
        }
    LS_TRY(ls_step_allocate(step, columns));
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
        if (step->kind->constant_name[k]) {
            const int rank = ls_step_shape(step, columns, k, dim);
            step_name(name, group, s, step->kind, step->kind->constant_name[k]);
            LS_TRY(ls_h5_read(file, name, LS_H5_F64, rank > 1 ? dim[0] * dim[1] : dim[0],
                              step->constant[k]));
        }
    step_name(name, group, s, step->kind, NULL);
    if (ls_step_prepare(step, 0, columns) != LS_NOT_FOUND)
        return fail_damaged(file, name, "constants out of bounds");
    return LS_OK;
}

static ls_status load_section(ls_transforms *t, ls_section *section, ls_h5 *file,
                              const char *group) {
    const size_t begin = (size_t)(section->step - t->step);
    if (section->mix)
        LS_TRY(load_step(t, begin - 1, 0, file, group));
    if (section->outputs < section->inputs)
        LS_TRY(load_source(t, section, file, group));
    for (size_t s = begin; s < begin + section->count; s++)
        LS_TRY(load_step(t, s, section->outputs, file, group));
    return LS_OK;
}

/* The kinds that a chain names and their numbers. */
static ls_status load_kinds(ls_h5 *file, const char *group, char *chain,
                            const ls_transform_kind **kind,
                            double (*parameter)[LS_TRANSFORM_PARAMETERS], size_t *count) {
    char name[NAME_MAX_BYTES], *rest = NULL;
    *count = 0;
    for (char *w = strtok_r(chain, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        const ls_opt_row *row = ls_opt_find(&ls_transform_choices, w);
        const size_t s = (*count)++;
        if (!row || s == LS_TRANSFORM_STEPS_MAX)
            return fail_damaged(file, group, "unknown transforms");
        kind[s] = (const ls_transform_kind *)row;
        step_name(name, group, s, kind[s], NULL);
        for (size_t k = 0; k < LS_TRANSFORM_PARAMETERS; k++) {
            const ls_transform_parameter *p = &kind[s]->parameter[k];
            if (!p->name)
                continue;
            LS_TRY(ls_h5_read_attribute(file, name, p->name, LS_H5_F64, 1, &parameter[s][k]));
            if (!p->valid(parameter[s][k]))
                return fail_damaged(file, name, "parameter out of bounds");
        }
    }
    return LS_OK;
}

static ls_status load_chain(ls_h5 *file, const char *group, char *chain, ls_transforms **out) {
    const ls_transform_kind *kind[LS_TRANSFORM_STEPS_MAX];
    double parameter[LS_TRANSFORM_STEPS_MAX][LS_TRANSFORM_PARAMETERS] = {{0}};
    uint64_t inputs = 0, outputs = 0, bytes = 0;
    size_t count = 0;
    LS_TRY(load_kinds(file, group, chain, kind, parameter, &count));
    LS_TRY(ls_h5_read_attribute(file, group, "inputs", LS_H5_U64, 1, &inputs));
    LS_TRY(ls_h5_read_attribute(file, group, "outputs", LS_H5_U64, 1, &outputs));
    if (inputs == 0 || inputs > LS_TRANSFORM_COLUMNS_MAX || outputs == 0)
        return fail_damaged(file, group, "numbers of columns out of bounds");
    LS_TRY(ls_h5_size(file, &bytes));
    if (outputs > bytes / sizeof(float)) /* each has a weight at least */
        return fail_damaged(file, group, "more columns than the file can hold");
    const ls_status st = ls_chain_create(inputs, count, kind, parameter, out);
    if (st == LS_ERR_CONFIG)
        return fail_damaged(file, group, "transforms that can not follow each other");
    LS_TRY(st);
    if (ls_transforms_outputs(*out) != outputs)
        return fail_damaged(file, group, "the number of columns does not fit the chain");
    for (size_t s = 0; s < (*out)->n_sections; s++)
        LS_TRY(load_section(*out, &(*out)->section[s], file, group));
    return LS_OK;
}

ls_status ls_transforms_load(ls_h5 *file, const char *group, ls_transforms **out) {
    char *chain = NULL;
    *out = NULL;
    LS_TRY(ls_h5_read_attribute_text(file, group, "chain", &chain));
    ls_status st = load_chain(file, group, chain, out);
    if (st != LS_OK) {
        ls_transforms_destroy(*out);
        *out = NULL;
    }
    ls_free(chain);
    return st;
}
