/* The transforms there are, one row each. */
#include "kind.h"

static const ls_opt_row *const rows[] = {&ls_transform_log1p.row,       &ls_transform_log2p1.row,
                                         &ls_transform_standardize.row, &ls_transform_minmax.row,
                                         &ls_transform_center.row,      &ls_transform_scale.row,
                                         &ls_transform_select.row,      NULL};

const ls_opt_choices ls_transform_choices = {"transform", rows};
