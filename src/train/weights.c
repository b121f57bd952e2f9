/* Weights of classes and rows. Why here: see weights.h. */
#include "weights.h"

#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/split.h"

static ls_status take_list(ls_trained *t, const ls_float_list *list) {
    if (list->count != t->classes.count)
        return ls_hint(
            ls_fail(LS_ERR_CONFIG, "class_weights",
                    "%zu weights are given, the dataset has %zu classes", list->count,
                    t->classes.count),
            "give one a class, in the order that `lockstep inspect` lists them, or write "
            "balanced");
    for (size_t c = 0; c < list->count; c++)
        t->class_weight[c] = (double)list->values[c];
    return LS_OK;
}

static void balance(ls_trained *t, const int32_t *label, const size_t *row, size_t n) {
    size_t present = 0;
    double *weight = t->class_weight; /* first the rows of each class */
    for (size_t i = 0; i < n; i++)
        present += weight[label[row[i]]]++ == 0;
    for (size_t c = 0; c < t->classes.count; c++)
        weight[c] = weight[c] > 0 ? (double)n / ((double)present * weight[c]) : 1;
}

ls_status ls_weigh_classes(ls_trained *t, const int32_t *label, const size_t *row, size_t n) {
    const ls_float_list *list = &t->config.class_weights;
    if (list->count == 0 && list->word == 0)
        return LS_OK;
    if (label == NULL)
        return ls_hint(
            ls_fail(LS_ERR_CONFIG, "class_weights", "the dataset has no classes"),
            "an array of the dataset can hold what each row counts: data.weights names it");
    LS_TRY(ls_alloc(t->classes.count, sizeof *t->class_weight, "class weights", &t->class_weight));
    if (list->word == 0)
        return take_list(t, list);
    balance(t, label, row, n);
    return LS_OK;
}

bool ls_has_weights(const ls_trained *t, const ls_dataset *ds) {
    return t->class_weight != NULL || ds->weight != NULL;
}

double ls_row_weight(const ls_trained *t, const ls_dataset *ds, const int32_t *label, size_t row) {
    const double of_class = t->class_weight != NULL ? t->class_weight[label[row]] : 1;
    return ds->weight != NULL ? of_class * (double)ds->weight[row] : of_class;
}

/* As many classes as a line has room for. */
#define SAID ((size_t)8)

static void say_weights(const ls_trained *t, const ls_dataset *ds, ls_log *log) {
    ls_buffer b = {0};
    if (ds->weight != NULL)
        ls_note(log, "%s: its rows count in the loss as %s says", ds->path, t->config.data.weights);
    if (t->class_weight == NULL)
        return;
    for (size_t c = 0; c < t->classes.count && c < SAID; c++)
        ls_buffer_addf(&b, "%s%s %.4g", c > 0 ? ", " : "", ls_strings_at(&t->classes, c),
                       t->class_weight[c]);
    if (b.status == LS_OK)
        ls_note(log, "class weights: %s%s", b.data, t->classes.count > SAID ? ", ..." : "");
    ls_buffer_free(&b);
}

static bool any_counts(const ls_trained *t, const ls_dataset *ds, const int32_t *label,
                       const size_t *row, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ls_row_weight(t, ds, label, row[i]) > 0)
            return true;
    return n == 0;
}

ls_status ls_check_weights(const ls_trained *t, const ls_dataset *ds, const int32_t *label,
                           size_t *const *row, const size_t *n, ls_log *log) {
    const char *array = t->config.data.weights, *usual = ls_dataset_default_paths(NULL).weights;
    if (ds->weight == NULL && *array != '\0' && strcmp(array, usual) != 0)
        return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "it has no array %s", array),
                       "data.weights names what each row counts; leave it out for 1 each");
    for (int p = LS_SPLIT_TRAIN; p <= LS_SPLIT_VAL; p++)
        if (!any_counts(t, ds, label, row[p], n[p]))
            return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "the rows of the %s part all weigh 0",
                                   ls_split_name(p)),
                           "give some of them a weight: class_weights and data.weights tell it");
    say_weights(t, ds, log);
    return LS_OK;
}

ls_status ls_row_weights(const ls_trained *t, const ls_dataset *ds, const int32_t *label,
                         const size_t *row, size_t n, double **weight) {
    *weight = NULL;
    if (!ls_has_weights(t, ds))
        return LS_OK;
    LS_TRY(ls_alloc(n, sizeof **weight, "weights", weight));
    for (size_t i = 0; i < n; i++)
        (*weight)[i] = ls_row_weight(t, ds, label, row[i]);
    return LS_OK;
}
