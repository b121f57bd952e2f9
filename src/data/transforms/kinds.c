/* The transforms there are, one row each. */
#include "kind.h"

static const ls_opt_row *const rows[] = {&ls_transform_log1p.row,       &ls_transform_log2p1.row,
                                         &ls_transform_standardize.row, &ls_transform_minmax.row,
                                         &ls_transform_center.row,      &ls_transform_scale.row,
                                         &ls_transform_select.row,      NULL};

const ls_opt_choices ls_transform_choices = {"transform", rows};

size_t ls_transforms_planned_outputs(const ls_choice_list *chain, size_t inputs) {
    for (size_t i = 0; i < chain->count; i++) {
        const ls_transform_kind *kind = (const ls_transform_kind *)chain->items[i].row;
        if (kind->selects)
            inputs = (size_t)kind->parameter(chain->items[i].options);
    }
    return inputs;
}
