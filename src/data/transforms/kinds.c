/* The transforms there are, one row each. */
#include "chain.h"
#include "lockstep/base/error.h"

static const ls_opt_row *const rows[] = {
    &ls_transform_log1p.row,       &ls_transform_log2p1.row,
    &ls_transform_standardize.row, &ls_transform_minmax.row,
    &ls_transform_robust.row,      &ls_transform_center.row,
    &ls_transform_scale.row,       &ls_transform_quantile_clip.row,
    &ls_transform_select.row,      NULL,
};

const ls_opt_choices ls_transform_choices = {.what = "transform", .rows = rows};

static ls_status check_parameter(const ls_transform_kind *kind, double parameter, size_t columns) {
    if (kind->parameter_valid && !kind->parameter_valid(parameter))
        return ls_fail(LS_ERR_CONFIG, "data.transform", "%s: %s can not be %g", kind->row.name,
                       kind->parameter_name, parameter);
    if (kind->selects && parameter > (double)columns)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "data.transform",
                               "%s: %.0f features are wanted, but there are only %zu",
                               kind->row.name, parameter, columns),
                       "lower %s.%s, or leave it out to keep all", kind->row.name,
                       kind->parameter_name);
    return LS_OK;
}

ls_status ls_transforms_planned_outputs(const ls_choice_list *chain, size_t inputs,
                                        size_t *outputs) {
    *outputs = inputs;
    if (chain->count > LS_TRANSFORM_STEPS_MAX)
        return ls_fail(LS_ERR_CONFIG, "data.transform", "%zu transforms, at most %d are possible",
                       chain->count, LS_TRANSFORM_STEPS_MAX);
    for (size_t s = 0; s < chain->count; s++) {
        const ls_transform_kind *kind = (const ls_transform_kind *)chain->items[s].row;
        double parameter = kind->parameter ? kind->parameter(chain->items[s].options) : 0;
        LS_TRY(check_parameter(kind, parameter, *outputs));
        if (kind->selects)
            *outputs = (size_t)parameter;
    }
    return LS_OK;
}
