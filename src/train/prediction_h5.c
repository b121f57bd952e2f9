/* Predictions as HDF5. */
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "lockstep/format/h5.h"
#include "prediction_file.h"

typedef struct h5_state {
    ls_h5 *file;
    ls_h5_array *p, *code;
    ls_strings names; /* of the predicted classes so far */
} h5_state;

static void free_state(h5_state *s) {
    ls_h5_array_destroy(s->p);
    ls_h5_array_destroy(s->code);
    ls_strings_free(&s->names);
    ls_h5_destroy(s->file);
    ls_free(s);
}

static ls_status begin(ls_prediction_file *f) {
    h5_state *s = NULL;
    bool classes = f->t->target == LS_TARGET_CLASSES;
    const ls_strings *names = classes ? &f->t->classes : &f->t->targets;
    size_t dim[2] = {f->ds->n_samples, f->columns};
    LS_TRY(ls_alloc(1, sizeof *s, "predictions", &s));
    f->state = s;
    LS_TRY(ls_h5_create_pending(&f->pending, &s->file));
    LS_TRY(ls_h5_array_create(s->file, classes ? "/probabilities" : "/outputs", LS_H5_F32, 2, dim,
                              NULL, 0, &s->p));
    if (classes)
        LS_TRY(ls_h5_array_create(s->file, "/class", LS_H5_I32, 1, dim, NULL, 0, &s->code));
    if (names->count > 0)
        LS_TRY(ls_h5_write_strings(s->file, classes ? "/classes" : "/targets", names));
    if (f->ds->samples.count > 0)
        LS_TRY(ls_h5_write_strings(s->file, "/samples", &f->ds->samples));
    return LS_OK;
}

static ls_status rows(ls_prediction_file *f, size_t first, size_t n, const float *p,
                      const int32_t *code) {
    h5_state *s = f->state;
    size_t start[2] = {first, 0}, count[2] = {n, f->columns};
    LS_TRY(ls_h5_array_write(s->p, start, count, LS_H5_F32, p));
    if (s->code == NULL)
        return LS_OK;
    for (size_t r = 0; r < n; r++)
        LS_TRY(ls_strings_add(&s->names, ls_strings_at(&f->t->classes, (size_t)code[r])));
    return ls_h5_array_write(s->code, start, count, LS_H5_I32, code);
}

static ls_status end(ls_prediction_file *f) {
    h5_state *s = f->state;
    ls_status st = LS_OK;
    f->state = NULL;
    if (s->code != NULL)
        st = ls_h5_write_strings(s->file, "/name", &s->names);
    ls_h5_array_destroy(s->p);
    ls_h5_array_destroy(s->code);
    s->p = s->code = NULL;
    if (st == LS_OK) {
        st = ls_h5_close(s->file);
        s->file = NULL;
    }
    free_state(s);
    return st;
}

static void abandon(ls_prediction_file *f) {
    free_state(f->state);
}

const ls_prediction_format ls_prediction_h5 = {".h5", begin, rows, end, abandon};
