/* Predictions as CSV. */
#include <stdio.h>

#include "lockstep/base/error.h"
#include "lockstep/base/text.h"
#include "lockstep/format/csv.h"
#include "prediction_file.h"

static ls_status put(ls_prediction_file *f, ls_buffer *line) {
    ls_status st = line->status;
    if (st == LS_OK && fwrite(line->data, 1, line->length, f->state) != line->length)
        st = ls_fail_errno(LS_ERR_IO, f->pending.path, "write");
    ls_buffer_free(line);
    return st;
}

static ls_status begin(ls_prediction_file *f) {
    ls_buffer line = {0};
    const ls_strings *names = f->t->target == LS_TARGET_CLASSES ? &f->t->classes : &f->t->targets;
    f->state = fopen(f->pending.temporary_path, "w");
    if (f->state == NULL)
        return ls_fail_errno(LS_ERR_IO, f->pending.path, "open");
    ls_buffer_add(&line, f->t->target == LS_TARGET_CLASSES ? "sample,class,name" : "sample");
    for (size_t j = 0; j < f->columns; j++) {
        ls_buffer_add(&line, ",");
        if (j < names->count)
            ls_csv_put(&line, ls_strings_at(names, j));
        else
            ls_buffer_addf(&line, "output%zu", j);
    }
    ls_buffer_add(&line, "\n");
    return put(f, &line);
}

static ls_status rows(ls_prediction_file *f, size_t first, size_t n, const float *p,
                      const int32_t *code) {
    ls_buffer line = {0};
    for (size_t r = 0; r < n; r++) {
        if (f->ds->samples.count > 0)
            ls_csv_put(&line, ls_strings_at(&f->ds->samples, first + r));
        else
            ls_buffer_addf(&line, "%zu", first + r);
        if (f->t->target == LS_TARGET_CLASSES) {
            ls_buffer_addf(&line, ",%d,", (int)code[r]);
            ls_csv_put(&line, ls_strings_at(&f->t->classes, (size_t)code[r]));
        }
        for (size_t j = 0; j < f->columns; j++)
            ls_buffer_addf(&line, ",%.9g", (double)p[r * f->columns + j]);
        ls_buffer_add(&line, "\n");
    }
    return put(f, &line);
}

static ls_status end(ls_prediction_file *f) {
    FILE *file = f->state;
    f->state = NULL;
    return fclose(file) == 0 ? LS_OK : ls_fail_errno(LS_ERR_IO, f->pending.path, "write");
}

static void abandon(ls_prediction_file *f) {
    fclose(f->state);
}

const ls_prediction_format ls_prediction_csv = {".csv", begin, rows, end, abandon};
