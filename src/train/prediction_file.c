/* The table of formats, and what all have in common. */
#include "prediction_file.h"

#include "lockstep/base/error.h"

static const ls_prediction_format *const formats[] = {&ls_prediction_csv, &ls_prediction_h5, NULL};

const ls_prediction_format *ls_prediction_format_of(const char *path) {
    for (size_t i = 0; formats[i] != NULL; i++)
        if (ls_path_has_suffix(path, formats[i]->suffix))
            return formats[i];
    return NULL;
}

ls_status ls_prediction_file_begin(ls_prediction_file *f, const char *path, const ls_trained *t,
                                   const ls_dataset *ds, size_t columns) {
    *f = (ls_prediction_file){
        .format = ls_prediction_format_of(path), .t = t, .ds = ds, .columns = columns};
    if (f->format == NULL)
        return ls_fail(LS_ERR_USAGE, path, "the name must end in .h5 or .csv");
    LS_TRY(ls_pending_begin(&f->pending, path));
    ls_status st = f->format->begin(f);
    if (st != LS_OK)
        ls_prediction_file_abandon(f);
    return st;
}

ls_status ls_prediction_file_end(ls_prediction_file *f) {
    ls_status st = f->format->end(f);
    if (st == LS_OK)
        st = ls_pending_commit(&f->pending);
    ls_pending_abandon(&f->pending);
    return st;
}

void ls_prediction_file_abandon(ls_prediction_file *f) {
    if (f->state != NULL)
        f->format->abandon(f);
    f->state = NULL;
    ls_pending_abandon(&f->pending);
}
