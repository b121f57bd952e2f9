/* The transforms there are, one row each, and the chain that a config makes of them. */
#include "chain.h"
#include "fit.h"
#include "lockstep/base/error.h"

static const ls_opt_row *const rows[] = {
    &ls_transform_log1p.row,  &ls_transform_log2p1.row,        &ls_transform_standardize.row,
    &ls_transform_minmax.row, &ls_transform_robust.row,        &ls_transform_center.row,
    &ls_transform_scale.row,  &ls_transform_quantile_clip.row, &ls_transform_select.row,
    &ls_transform_cpm.row,    &ls_transform_polynomial.row,    &ls_transform_one_hot.row,
    &ls_transform_pca.row,    &ls_transform_whiten.row,        NULL,
};

const ls_opt_choices ls_transform_choices = {.what = "transform", .rows = rows};

ls_status ls_chain_of_config(const ls_choice_list *chain, size_t inputs, ls_transforms **out) {
    const ls_transform_kind *kind[LS_TRANSFORM_STEPS_MAX];
    double parameter[LS_TRANSFORM_STEPS_MAX][LS_TRANSFORM_PARAMETERS] = {{0}};
    *out = NULL;
    if (chain->count > LS_TRANSFORM_STEPS_MAX)
        return ls_fail(LS_ERR_CONFIG, "data.transform", "%zu transforms, at most %d are possible",
                       chain->count, LS_TRANSFORM_STEPS_MAX);
    for (size_t s = 0; s < chain->count; s++) {
        kind[s] = (const ls_transform_kind *)chain->items[s].row;
        for (size_t k = 0; k < LS_TRANSFORM_PARAMETERS; k++)
            if (kind[s]->parameter[k].of)
                parameter[s][k] = kind[s]->parameter[k].of(chain->items[s].options);
    }
    return ls_chain_create(inputs, chain->count, kind, parameter, out);
}

ls_status ls_transforms_planned_outputs(const ls_choice_list *chain, size_t inputs,
                                        size_t *outputs) {
    ls_transforms *t = NULL;
    LS_TRY(ls_chain_of_config(chain, inputs, &t));
    *outputs = ls_transforms_outputs(t);
    ls_transforms_destroy(t);
    return LS_OK;
}
