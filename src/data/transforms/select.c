/* select: keeps the columns whose values vary most over the training rows. */
#include <math.h>

#include "kind.h"

typedef struct select_options {
    int64_t features;
} select_options;

static const ls_opt options[] = {{.key = "features",
                                  .kind = LS_OPT_INT,
                                  .offset = offsetof(select_options, features),
                                  .fallback = NULL,
                                  .min = 1,
                                  .max = UINT32_MAX,
                                  .help = "how many columns are kept, those of largest variance"},
                                 {.kind = LS_OPT_END}};

static double parameter(const void *o) {
    return (double)((const select_options *)o)->features;
}

static bool valid(double features) {
    return features >= 1 && features <= UINT32_MAX && features == floor(features);
}

static ls_status fit(const float *x, size_t rows, size_t columns, double parameter,
                     double *const *constant) {
    (void)parameter;
    return ls_column_moments(x, rows, columns, NULL, constant[0]);
}

const ls_transform_kind ls_transform_select = {
    .row = {.name = "select",
            .help = "keeps the columns of largest variance at this place of the list",
            .options = options,
            .options_size = sizeof(select_options),
            .shorthand = "features"},
    .parameter = {{"features", parameter, valid}},
    .fit = fit,
    .selects = true};
