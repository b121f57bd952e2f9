/* Import of IDX files: images and, mostly, labels (MNIST and its kin).
 * Why here: a row in the table of formats. Never scales pixels: that is a transform's work. */
#include <math.h>
#include <stdio.h>

#include "import_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/idx.h"

typedef struct images {
    ls_idx *file;
    const char *path;
    size_t n, pixels;
} images;

static ls_status open_images(const char *path, images *im) {
    im->path = path;
    LS_TRY(ls_idx_open(path, &im->file));
    const ls_idx_info *about = ls_idx_about(im->file);
    if (about->rank < 2)
        return ls_hint(ls_fail(LS_ERR_DATA, path, "holds a vector, not images"),
                       "the images come first: lockstep import idx IMAGES LABELS -o OUT.h5");
    im->n = about->dim[0];
    im->pixels = 1;
    for (int i = 1; i < about->rank; i++) {
        im->pixels *= about->dim[i]; /* both are below 2^32 */
        if (im->pixels >= UINT32_MAX)
            return ls_fail(LS_ERR_DATA, path, "its images are too large: 2^32 pixels or more");
    }
    return LS_OK;
}

/* The labels as text, so that they become classes as everywhere. */
static ls_status read_labels(const images *im, const char *path, ls_strings *out) {
    ls_idx *file = NULL;
    int32_t *label = NULL;
    char text[32], images_text[32];
    LS_TRY(ls_idx_open(path, &file));
    const ls_idx_info *about = ls_idx_about(file);
    ls_status st = LS_OK;
    if (about->rank != 1 || !about->is_integer)
        st = ls_fail(LS_ERR_DATA, path, "does not hold labels (a vector of whole numbers)");
    else if (about->dim[0] != im->n)
        st = ls_fail(LS_ERR_DATA, path, "%s labels for the %s images of %s",
                     ls_print_count(about->dim[0], text), ls_print_count(im->n, images_text),
                     im->path);
    if (st == LS_OK)
        st = ls_alloc(im->n, sizeof *label, "labels", &label);
    if (st == LS_OK)
        st = ls_idx_read_integers(file, im->n, label);
    if (st == LS_OK)
        st = ls_idx_check_end(file);
    for (size_t i = 0; st == LS_OK && i < im->n; i++) {
        snprintf(text, sizeof text, "%d", (int)label[i]);
        st = ls_strings_add(out, text);
    }
    ls_free(label);
    ls_idx_close(file);
    return st;
}

static ls_status check_finite(const images *im, size_t first, size_t rows, const float *x) {
    if (ls_idx_about(im->file)->is_integer)
        return LS_OK;
    for (size_t i = 0; i < rows * im->pixels; i++)
        if (!isfinite(x[i]))
            return ls_fail(LS_ERR_DATA, im->path, "image %zu, pixel %zu (both from 0): %s",
                           first + i / im->pixels, i % im->pixels,
                           isnan(x[i]) ? "not a number" : "an infinite value");
    return LS_OK;
}

static ls_status write_images(images *im, ls_dataset_writer *w, ls_log *log) {
    const size_t most = im->n < LS_CHUNK_SAMPLES ? im->n : LS_CHUNK_SAMPLES;
    float *x = NULL;
    ls_progress *progress = NULL;
    ls_status st = ls_alloc(most * im->pixels, sizeof *x, "images", &x);
    if (st == LS_OK)
        st = ls_progress_create(log, "import", "rows", (double)im->n, &progress);
    for (size_t i = 0; st == LS_OK && i < im->n; i += LS_CHUNK_SAMPLES) {
        const size_t left = im->n - i, rows = left < most ? left : most;
        st = ls_idx_read(im->file, rows * im->pixels, x);
        if (st == LS_OK)
            st = check_finite(im, i, rows, x);
        if (st == LS_OK)
            st = ls_dataset_writer_block(w, i, rows, 0, im->pixels, x);
        ls_progress_update(progress, (double)(i + rows), NULL);
    }
    if (st == LS_OK)
        st = ls_idx_check_end(im->file);
    ls_progress_finish(progress, st);
    ls_free(x);
    return st;
}

static ls_status write_pixel_names(const images *im, ls_dataset_writer *w) {
    ls_strings names = {0};
    char name[32];
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < im->pixels; i++) {
        snprintf(name, sizeof name, "pixel%zu", i);
        st = ls_strings_add(&names, name);
    }
    if (st == LS_OK)
        st = ls_dataset_writer_names(w, "features", &names);
    ls_strings_free(&names);
    return st;
}

static ls_status run(const ls_import *what, ls_log *log) {
    images im = {0};
    ls_strings labels = {0};
    ls_dataset_writer *w = NULL;
    ls_status st = open_images(what->inputs[0], &im);
    if (st == LS_OK && what->n_inputs > 1)
        st = read_labels(&im, what->inputs[1], &labels);
    if (st == LS_OK)
        st = ls_dataset_writer_create(what->out, im.n, im.pixels, what->gzip_level, &w);
    if (st == LS_OK)
        st = write_images(&im, w, log);
    if (st == LS_OK)
        st = write_pixel_names(&im, w);
    if (st == LS_OK && what->n_inputs > 1)
        st = ls_import_write_labels(w, &labels, log);
    ls_strings_free(&labels);
    ls_idx_close(im.file);
    if (st == LS_OK)
        return ls_dataset_writer_finish(w, log);
    ls_dataset_writer_abandon(w);
    return st;
}

const ls_import_format ls_import_idx = {
    .name = "idx",
    .inputs = "IMAGES [LABELS]",
    .min_inputs = 1,
    .max_inputs = 2,
    .run = run,
};
