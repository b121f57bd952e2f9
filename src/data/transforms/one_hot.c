/* one_hot: in place of a column of whole numbers, behind all others, a column of 0 and 1 for each
 * number that it may hold. */
#include <math.h>
#include <string.h>

#include "kind.h"
#include "lockstep/base/error.h"

typedef struct one_hot_options {
    char *column;
    int64_t categories;
} one_hot_options;

static const ls_opt options[] = {
    {.key = "column",
     .kind = LS_OPT_STRING,
     .offset = offsetof(one_hot_options, column),
     .fallback = NULL,
     .help = "name of the feature, or its number from 0 on where no feature is called that"},
    {.key = "categories",
     .kind = LS_OPT_INT,
     .offset = offsetof(one_hot_options, categories),
     .fallback = NULL,
     .min = 1,
     .max = (double)LS_TRANSFORM_MADE_MAX,
     .help = "the column holds whole numbers from 0 up to less than this"},
    {.kind = LS_OPT_END}};

static const char *column(const void *o) {
    return ((const one_hot_options *)o)->column;
}

static double categories(const void *o) {
    return (double)((const one_hot_options *)o)->categories;
}

static bool column_valid(double value) {
    return value >= 0 && value <= UINT32_MAX && value == floor(value);
}

static bool categories_valid(double value) {
    return value >= 1 && value <= (double)LS_TRANSFORM_MADE_MAX && value == floor(value);
}

static size_t place_of(const ls_transform_step *step) {
    return (size_t)step->parameter[0];
}

static ls_status outputs(const double *parameter, size_t inputs, size_t *out) {
    if (parameter[0] >= (double)inputs)
        return ls_fail(LS_ERR_CONFIG, "data.transform", "one_hot: no column %.0f among %zu",
                       parameter[0], inputs);
    *out = inputs - 1 + (size_t)parameter[1];
    return LS_OK;
}

static size_t refused(const ls_transform_step *step, const float *in) {
    const double value = (double)in[place_of(step)];
    const bool code = value >= 0 && value < step->parameter[1] && value == floor(value);
    return code ? LS_NOT_FOUND : place_of(step);
}

static void mix(const ls_transform_step *step, const float *in, float *out) {
    const size_t place = place_of(step), others = step->inputs - 1;
    memcpy(out, in, place * sizeof *out);
    memcpy(out + place, in + place + 1, (others - place) * sizeof *out);
    memset(out + others, 0, (step->outputs - others) * sizeof *out);
    out[others + (size_t)in[place]] = 1;
}

static size_t origin(const ls_transform_step *step, size_t j) {
    if (j >= step->inputs - 1)
        return LS_NOT_FOUND;
    return j < place_of(step) ? j : j + 1;
}

static const ls_mixing mixing = {.outputs = outputs,
                                 .mix = mix,
                                 .refused = refused,
                                 .takes = "whole numbers from 0 up to less than its categories",
                                 .origin = origin,
                                 .column = column};

const ls_transform_kind ls_transform_one_hot = {
    .row = {.name = "one_hot",
            .help = "in place of a column of whole numbers, behind the others, a column of 0 and 1 "
                    "for each number",
            .options = options,
            .options_size = sizeof(one_hot_options)},
    .parameter = {{"column", NULL, column_valid}, {"categories", categories, categories_valid}},
    .mixing = &mixing};
