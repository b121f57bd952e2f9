/* Matching a dataset's features and classes to a model's.
 *
 * Why here: see match.h. Never guesses: what has a name is found by it or missing.
 */
#include "lockstep/data/match.h"

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/split.h"

enum { NAMES_SHOWN = 5 };

/* "'a', 'b', 'c', ..." of the names that a message lists; add them one by one. */
static void list_name(ls_buffer *list, size_t shown, const char *name) {
    if (shown < NAMES_SHOWN)
        ls_buffer_addf(list, "%s'%s'", shown ? ", " : "", name);
    else if (shown == NAMES_SHOWN)
        ls_buffer_add(list, ", ...");
}

static ls_status match_by_position(size_t n_model, const ls_dataset *ds, uint32_t *index) {
    if (ds->n_features != n_model) {
        char have[32], want[32];
        return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s has %s features, the model takes %s",
                               ds->x_name, ls_print_count(ds->n_features, have),
                               ls_print_count(n_model, want)),
                       "name the columns (/features) in both the training file and this one to "
                       "match them by name");
    }
    for (size_t j = 0; j < n_model; j++)
        index[j] = (uint32_t)j;
    return LS_OK;
}

/* Names on one side only can not be compared: the order is trusted, and that is said. */
static void warn_of_trust(const ls_dataset *ds, bool model_names, const char *what,
                          const char *array, ls_log *log) {
    ls_warn(log,
            "%s: %s are matched by position, as only the %s names them (%s): check that they "
            "stand in the order of the %s",
            ds->path, what, model_names ? "model" : "dataset", array,
            model_names ? "dataset that the model was trained on" : "model's training data");
}

static ls_status fail_missing(const ls_dataset *ds, size_t n_model, size_t missing,
                              const ls_buffer *list) {
    char count[32], all[32];
    if (list->status != LS_OK)
        return list->status;
    return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s of the model's %s features are missing: %s",
                           ls_print_count(missing, count), ls_print_count(n_model, all),
                           list->data),
                   "the file's columns (/features) must include those the model was trained on, "
                   "under the same names");
}

static ls_status match_by_name(const ls_strings *features, const ls_dataset *ds, uint32_t *index) {
    ls_string_index *columns = NULL;
    ls_buffer list = {0};
    size_t missing = 0;
    ls_status st = ls_string_index_create(&ds->features, NULL, &columns);
    for (size_t j = 0; st == LS_OK && j < features->count; j++) {
        size_t column = ls_string_index_find(columns, ls_strings_at(features, j));
        if (column == LS_NOT_FOUND)
            list_name(&list, missing++, ls_strings_at(features, j));
        else
            index[j] = (uint32_t)column;
    }
    if (missing > 0)
        st = fail_missing(ds, features->count, missing, &list);
    ls_buffer_free(&list);
    ls_string_index_destroy(columns);
    return st;
}

ls_status ls_match_features(const ls_strings *features, size_t n_model, const ls_dataset *ds,
                            ls_log *log, uint32_t *index) {
    const bool model_names = features->count > 0;
    if (!model_names || ds->features.count == 0) {
        LS_TRY(match_by_position(n_model, ds, index));
        if (model_names != (ds->features.count > 0))
            warn_of_trust(ds, model_names, "features", "/features", log);
        return LS_OK;
    }
    if (features->count != n_model)
        return ls_fail(LS_ERR_DATA, NULL, "the model has %zu inputs, but names %zu features",
                       n_model, features->count);
    LS_TRY(match_by_name(features, ds, index));
    if (ds->n_features > n_model) {
        char extra[32];
        ls_note(log, "%s: %s features that the model does not take are ignored", ds->path,
                ls_print_count(ds->n_features - n_model, extra));
    }
    return LS_OK;
}

bool ls_match_is_identity(const ls_dataset *ds, const uint32_t *index, size_t n) {
    if (n != ds->n_features)
        return false;
    for (size_t j = 0; j < n; j++)
        if (index[j] != j)
            return false;
    return true;
}

enum { CLASS_UNKNOWN = -1, CLASS_BLANK = -2 };

/* code[c] = the model's code of the dataset's class c, or one of the above. */
static ls_status match_class_names(const ls_strings *classes, bool named, const ls_dataset *ds,
                                   int32_t *code) {
    ls_string_index *index = NULL;
    if (named && ds->named_classes)
        LS_TRY(ls_string_index_create(classes, NULL, &index));
    for (size_t c = 0; c < ds->classes.count; c++) {
        const char *name = ls_strings_at(&ds->classes, c);
        size_t at = index ? ls_string_index_find(index, name) : c;
        bool known = index ? at != LS_NOT_FOUND : at < classes->count;
        code[c] = *name == '\0' ? CLASS_BLANK : known ? (int32_t)at : CLASS_UNKNOWN;
    }
    ls_string_index_destroy(index);
    return LS_OK;
}

/* Counts, and the names of unknown classes in the order of their codes. */
static ls_status check_unknown(const ls_dataset *ds, const size_t *rows, const int32_t *code,
                               bool ignore_unknown, ls_log *log, ls_class_match *out) {
    ls_buffer list = {0};
    char count[32];
    size_t classes = 0;
    ls_status st = LS_OK;
    for (size_t c = 0; c < ds->classes.count; c++) {
        if (code[c] == CLASS_BLANK)
            out->blank += rows[c];
        if (code[c] != CLASS_UNKNOWN || rows[c] == 0)
            continue;
        out->unknown += rows[c];
        list_name(&list, classes++, ls_strings_at(&ds->classes, c));
    }
    if (list.status != LS_OK)
        st = list.status;
    else if (classes > 0 && ignore_unknown)
        ls_warn(log, "%s: skipped rows of classes that the model does not know: %s (rows: %s)",
                ds->path, list.data, ls_print_count(out->unknown, count));
    else if (classes > 0)
        st = ls_hint(ls_fail(LS_ERR_DATA, ds->path,
                             "classes that the model does not know: %s (rows: %s)", list.data,
                             ls_print_count(out->unknown, count)),
                     "--ignore-unknown leaves such rows out");
    ls_buffer_free(&list);
    return st;
}

static ls_status check_class_count(const ls_strings *classes, bool named, const ls_dataset *ds) {
    if (!ds->named_classes || named || ds->classes.count == classes->count)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_DATA, ds->path,
                           "it has %zu classes, the model has %zu without names", ds->classes.count,
                           classes->count),
                   "name the classes (/classes) in the training file to match them by name");
}

ls_status ls_match_classes(const ls_strings *classes, bool named, const ls_dataset *ds,
                           const uint8_t *part, bool ignore_unknown, ls_log *log, int32_t *label,
                           ls_class_match *out) {
    int32_t *code = NULL;
    size_t *rows = NULL;
    *out = (ls_class_match){0};
    LS_TRY(check_class_count(classes, named, ds));
    ls_status st = ls_alloc(ds->classes.count, sizeof *code, "class codes", &code);
    if (st == LS_OK)
        st = ls_alloc(ds->classes.count, sizeof *rows, "class counts", &rows);
    if (st == LS_OK)
        st = match_class_names(classes, named, ds, code);
    for (size_t i = 0; st == LS_OK && i < ds->n_samples; i++) {
        bool used = !part || part[i] != LS_SPLIT_NONE;
        rows[ds->label[i]] += used;
        label[i] = used && code[ds->label[i]] >= 0 ? code[ds->label[i]] : -1;
    }
    if (st == LS_OK)
        st = check_unknown(ds, rows, code, ignore_unknown, log, out);
    if (st == LS_OK && named != ds->named_classes)
        warn_of_trust(ds, named, "classes", "/classes", log);
    ls_free(rows);
    ls_free(code);
    return st;
}
