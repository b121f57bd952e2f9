/* A fitted chain in a checkpoint, and back.
 *
 *   GROUP              attributes inputs, outputs (uint64), chain ("log1p select standardize")
 *   GROUP/source       uint64 [outputs], where columns were dropped
 *   GROUP/2_standardize/mean, .../scale    float64 [outputs]
 *   GROUP/1_select     attribute features (float64)
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

static ls_status save_step(const ls_transforms *t, size_t s, ls_h5 *file, const char *group) {
    const ls_transform_step *step = &t->step[s];
    char name[NAME_MAX_BYTES];
    step_name(name, group, s, step->kind, NULL);
    LS_TRY(ls_h5_make_group(file, name));
    if (step->kind->parameter_name)
        LS_TRY(ls_h5_write_attribute(file, name, step->kind->parameter_name, LS_H5_F64, 1,
                                     &step->parameter));
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
        if (step->kind->constant_name[k]) {
            step_name(name, group, s, step->kind, step->kind->constant_name[k]);
            LS_TRY(ls_h5_write(file, name, LS_H5_F64, 1, &t->outputs, step->constant[k]));
        }
    return LS_OK;
}

static ls_status save_source(const ls_transforms *t, ls_h5 *file, const char *group) {
    char name[NAME_MAX_BYTES];
    uint64_t *source = NULL;
    snprintf(name, sizeof name, "%s/source", group);
    LS_TRY(ls_alloc(t->outputs, sizeof *source, "transforms", &source));
    for (size_t j = 0; j < t->outputs; j++)
        source[j] = t->source[j];
    ls_status st = ls_h5_write(file, name, LS_H5_U64, 1, &t->outputs, source);
    ls_free(source);
    return st;
}

ls_status ls_transforms_save(const ls_transforms *t, ls_h5 *file, const char *group) {
    uint64_t inputs = t->inputs, outputs = t->outputs;
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
    if (st == LS_OK && outputs < inputs)
        st = save_source(t, file, group);
    for (size_t s = 0; st == LS_OK && s < t->count; s++)
        st = save_step(t, s, file, group);
    ls_buffer_free(&chain);
    return st;
}

static ls_status fail_damaged(ls_h5 *file, const char *name, const char *why) {
    return ls_hint(ls_fail(LS_ERR_DATA, ls_h5_path(file), "%s: %s", name, why),
                   "the checkpoint is damaged or was not written by lockstep");
}

/* A one-dimensional array of exactly count numbers. */
static ls_status check_array(ls_h5 *file, const char *name, ls_h5_class class, size_t count) {
    ls_h5_info info;
    LS_TRY(ls_h5_describe(file, name, &info));
    if (info.type_class != class || info.rank != 1 || info.dim[0] != count)
        return fail_damaged(file, name, "not an array of one number a column");
    return LS_OK;
}

static ls_status load_source(ls_transforms *t, ls_h5 *file, const char *group, size_t outputs) {
    char name[NAME_MAX_BYTES];
    uint64_t *source = NULL;
    snprintf(name, sizeof name, "%s/source", group);
    LS_TRY(check_array(file, name, LS_H5_INTEGER, outputs));
    LS_TRY(ls_alloc(outputs, sizeof *source, "transforms", &source));
    ls_status st = ls_h5_read(file, name, LS_H5_U64, outputs, source);
    for (size_t j = 0; st == LS_OK && j < outputs; j++) {
        if (source[j] >= t->inputs || (j > 0 && source[j] <= source[j - 1]))
            st = fail_damaged(file, name, "not ascending columns");
        else
            t->source[j] = (uint32_t)source[j];
    }
    ls_free(source);
    return st;
}

static ls_status load_step(ls_transforms *t, size_t s, const ls_transform_kind *kind, ls_h5 *file,
                           const char *group) {
    char name[NAME_MAX_BYTES];
    double parameter = 0;
    step_name(name, group, s, kind, NULL);
    if (kind->parameter_name) {
        LS_TRY(ls_h5_read_attribute(file, name, kind->parameter_name, LS_H5_F64, 1, &parameter));
        if (!kind->parameter_valid(parameter))
            return fail_damaged(file, name, "parameter out of bounds");
    }
    LS_TRY(ls_step_create(&t->step[s], kind, parameter, t->outputs));
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
        if (kind->constant_name[k]) {
            step_name(name, group, s, kind, kind->constant_name[k]);
            LS_TRY(check_array(file, name, LS_H5_FLOAT, t->outputs));
            LS_TRY(ls_h5_read(file, name, LS_H5_F64, t->outputs, t->step[s].constant[k]));
        }
    if (kind->selects) {
        ls_free(t->step[s].constant[0]);
        t->step[s].constant[0] = NULL;
    }
    if (ls_step_prepare(&t->step[s], 0, t->outputs) != LS_NOT_FOUND)
        return fail_damaged(file, name, "constants out of bounds");
    return LS_OK;
}

/* What the steps choose must fit the columns that are there. */
static ls_status check_selects(const ls_transforms *t, ls_h5 *file, const char *group) {
    double columns = (double)t->inputs;
    for (size_t s = 0; s < t->count; s++)
        if (t->step[s].kind->selects) {
            if (t->step[s].parameter > columns)
                return fail_damaged(file, group, "more columns chosen than there are");
            columns = t->step[s].parameter;
        }
    if (columns != (double)t->outputs)
        return fail_damaged(file, group, "the number of columns does not fit the chain");
    return LS_OK;
}

static ls_status load_kinds(ls_h5 *file, const char *group, char *chain,
                            const ls_transform_kind **kind, size_t *count) {
    char *rest = NULL;
    *count = 0;
    for (char *w = strtok_r(chain, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        const ls_opt_row *row = ls_opt_find(&ls_transform_choices, w);
        if (!row || *count == LS_TRANSFORM_STEPS_MAX)
            return fail_damaged(file, group, "unknown transforms");
        kind[(*count)++] = (const ls_transform_kind *)row;
    }
    return LS_OK;
}

static ls_status load_chain(ls_h5 *file, const char *group, char *chain, ls_transforms **out) {
    const ls_transform_kind *kind[LS_TRANSFORM_STEPS_MAX];
    uint64_t inputs = 0, outputs = 0, bytes = 0;
    size_t count = 0;
    LS_TRY(load_kinds(file, group, chain, kind, &count));
    LS_TRY(ls_h5_read_attribute(file, group, "inputs", LS_H5_U64, 1, &inputs));
    LS_TRY(ls_h5_read_attribute(file, group, "outputs", LS_H5_U64, 1, &outputs));
    if (inputs == 0 || inputs > LS_TRANSFORM_COLUMNS_MAX || outputs == 0 || outputs > inputs)
        return fail_damaged(file, group, "numbers of columns out of bounds");
    LS_TRY(ls_h5_size(file, &bytes));
    if (outputs > bytes / sizeof(float)) /* each has a weight at least */
        return fail_damaged(file, group, "more columns than the file can hold");
    LS_TRY(ls_chain_create(outputs, count, out));
    (*out)->inputs = inputs;
    if (outputs < inputs)
        LS_TRY(load_source(*out, file, group, outputs));
    for (size_t s = 0; s < count; s++)
        LS_TRY(load_step(*out, s, kind[s], file, group));
    return check_selects(*out, file, group);
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
