/* A config and a dataset that are made up, and the run that they or the user's give. Why here: see
 * shape.h. */
#include "shape.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/stop.h"
#include "lockstep/base/text.h"
#include "lockstep/data/writer.h"
#include "lockstep/math/vector.h"

/* Batches of rows that are made up: an epoch of so many steps. */
enum { BATCHES = 2 };

typedef struct made_up {
    ls_comm *comm;
    const ls_bench_options *options;
    bool makes;            /* of the ranks of this machine, the one that makes files */
    char folder[PATH_MAX]; /* the same on all of these; "": there is none */
    char data[PATH_MAX + 16], config[PATH_MAX + 16];
} made_up;

/* ---- the folder ---- */

static ls_status make_folder(made_up *m) {
    const char *parent = getenv("TMPDIR");
    parent = parent != NULL && parent[0] != '\0' ? parent : "/tmp";
    const int n = snprintf(m->folder, sizeof m->folder, "%s/lockstep-bench-XXXXXX", parent);
    if (n > 0 && (size_t)n < sizeof m->folder && mkdtemp(m->folder) != NULL)
        return LS_OK;
    m->folder[0] = '\0';
    return ls_hint(ls_fail_errno(LS_ERR_IO, parent, "make a folder for a dataset"),
                   "TMPDIR says where files are that live for a moment");
}

static void remove_folder(const made_up *m) {
    if (!m->makes || m->folder[0] == '\0')
        return;
    (void)unlink(m->data); /* what is not there needs not be removed */
    (void)unlink(m->config);
    (void)rmdir(m->folder);
}

/* Every machine has its own, since no folder for such files need be common to all. */
static ls_status share_folder(made_up *m) {
    void *all = NULL;
    size_t ranks = 0, me = 0;
    LS_TRY(ls_allgather_node(m->comm, m->folder, sizeof m->folder, &all, &ranks, &me));
    ls_free(all);
    m->makes = me == 0;
    LS_TRY(ls_agree(m->comm, m->makes ? make_folder(m) : LS_OK));
    LS_TRY(ls_allgather_node(m->comm, m->folder, sizeof m->folder, &all, &ranks, &me));
    memcpy(m->folder, all, sizeof m->folder);
    ls_free(all);
    snprintf(m->data, sizeof m->data, "%s/shape.h5", m->folder);
    snprintf(m->config, sizeof m->config, "%s/shape.yaml", m->folder);
    return LS_OK;
}

/* ---- the config ---- */

/* Blocks of one row: every lane has as many. */
static ls_status write_config(const made_up *m) {
    const ls_bench_options *o = m->options;
    ls_buffer b = {0};
    ls_buffer_add(&b, "name: shape\n"
                      "data: {file: shape.h5, block_rows: 1, split: {train: 1, val: 0, test: 0}}\n"
                      "model:\n");
    for (size_t i = 0; i < o->n_units; i++)
        ls_buffer_addf(&b, "%s  - dense: {units: %zu}\n", i > 0 ? "  - relu\n" : "", o->units[i]);
    ls_buffer_addf(&b, "loss: softmax_cross_entropy\nbatch: {size: %zu", o->rows);
    if (o->lanes > 0)
        ls_buffer_addf(&b, ", lanes: %zu", o->lanes);
    ls_buffer_add(&b, "}\n");
    const ls_status st = b.status == LS_OK ? ls_write_file(m->config, b.data, b.length) : b.status;
    ls_buffer_free(&b);
    return st;
}

/* Reads a config with what the options set: first their own words, then --set, then `strategy`. */
static ls_status read_config(const ls_bench_options *o, const char *path, const char *strategy,
                             ls_config *out) {
    const char *optimizer = o->optimizer != NULL ? o->optimizer : "adam", **sets = NULL;
    char *first = NULL, *last = NULL;
    size_t n = 0;
    strategy = strategy != NULL ? strategy : o->strategy;
    ls_status st = ls_alloc(o->n_sets + 2, sizeof *sets, "settings", &sets);
    /* A rate that moves weights by next to nothing: the loss stays finite for any shape. */
    if (st == LS_OK && o->file == NULL)
        st = ls_format(&first, "optimizer={%s: {lr: 1.0e-6}}", optimizer);
    if (st == LS_OK && strategy != NULL)
        st = ls_format(&last, "parallel.strategy=%s", strategy);
    if (st == LS_OK && first != NULL)
        sets[n++] = first;
    for (size_t i = 0; st == LS_OK && i < o->n_sets; i++)
        sets[n++] = o->sets[i];
    if (st == LS_OK && last != NULL)
        sets[n++] = last;
    if (st == LS_OK)
        st = ls_config_read(path, sets, n, out);
    ls_free(first);
    ls_free(last);
    ls_free(sets);
    return st;
}

/* ---- the dataset ---- */

/* Small values of both signs. */
static void fill(void *context, size_t first, size_t count) {
    float *x = context;
    for (size_t i = first; i < first + count; i++)
        x[i] = (float)(int)(i * 2654435761u % 2001) / 1000.0f - 1.0f;
}

static ls_status write_rows(ls_dataset_writer *w, size_t rows, size_t in) {
    float *x = NULL;
    LS_TRY(ls_alloc(LS_CHUNK_SAMPLES * in, sizeof *x, "made-up rows", &x));
    ls_for_chunks(LS_CHUNK_SAMPLES * in, LS_VECTOR_CHUNK, fill, x);
    ls_status st = LS_OK;
    for (size_t r = 0; st == LS_OK && r < rows; r += LS_CHUNK_SAMPLES) {
        const size_t n = rows - r < LS_CHUNK_SAMPLES ? rows - r : LS_CHUNK_SAMPLES;
        st = ls_dataset_writer_block(w, r, n, 0, in, x);
        if (ls_stop_is_asked() && st == LS_OK)
            st = LS_STOPPED;
    }
    ls_free(x);
    return st;
}

static ls_status write_labels(ls_dataset_writer *w, size_t rows, size_t n_classes) {
    ls_strings classes = {0};
    int32_t *label = NULL;
    char name[32];
    ls_status st = ls_alloc(rows, sizeof *label, "made-up labels", &label);
    for (size_t c = 0; st == LS_OK && c < n_classes; c++) {
        snprintf(name, sizeof name, "%zu", c);
        st = ls_strings_add(&classes, name);
    }
    for (size_t r = 0; st == LS_OK && classes.count > 0 && r < rows; r++)
        label[r] = (int32_t)(r % classes.count);
    if (st == LS_OK)
        st = ls_dataset_writer_labels(w, label, &classes);
    ls_strings_free(&classes);
    ls_free(label);
    return st;
}

static ls_status write_data(const made_up *m) {
    const ls_bench_options *o = m->options;
    const size_t rows = BATCHES * o->rows;
    ls_dataset_writer *w = NULL;
    LS_TRY(ls_dataset_writer_create(m->data, rows, o->in, 0, &w));
    ls_status st = write_labels(w, rows, o->units[o->n_units - 1]);
    if (st == LS_OK)
        st = write_rows(w, rows, o->in);
    if (st == LS_OK)
        return ls_dataset_writer_finish(w, NULL);
    ls_dataset_writer_abandon(w);
    return st;
}

/* ---- the run ---- */

static bool has_shape(const ls_bench_options *o) {
    return o->rows > 0 || o->in > 0 || o->n_units > 0 || o->lanes > 0 || o->optimizer != NULL;
}

static ls_status check(const ls_bench_options *o) {
    if (o->file != NULL && has_shape(o))
        return ls_hint(ls_fail(LS_ERR_USAGE, NULL, "the config %s tells the shape", o->file),
                       "--set changes it: --set batch.size=512 --set model.0.dense.units=100");
    if (o->file == NULL && (o->rows == 0 || o->in == 0 || o->n_units == 0))
        return ls_hint(ls_fail(LS_ERR_USAGE, NULL, "neither a config nor a whole shape"),
                       "name a config, or a shape: --rows 256 --in 56200 --units 1024 --units 54");
    if (o->lanes > 0 && o->rows % o->lanes != 0)
        return ls_fail(LS_ERR_USAGE, "--lanes", "%zu is no divisor of --rows (%zu)", o->lanes,
                       o->rows);
    return LS_OK;
}

static ls_status open_made_up(made_up *m, const char *strategy, ls_measure **out) {
    ls_config config = {0};
    LS_TRY(share_folder(m));
    LS_TRY(ls_agree(m->comm, m->makes ? write_config(m) : LS_OK));
    LS_TRY(ls_agree(m->comm, read_config(m->options, m->config, strategy, &config)));
    ls_status st = ls_agree(m->comm, m->makes ? write_data(m) : LS_OK);
    if (st == LS_OK)
        st = ls_measure_create(m->comm, NULL, &config, out);
    ls_config_free(&config);
    return st;
}

static ls_status open_file(ls_comm *comm, const ls_bench_options *options, const char *strategy,
                           ls_measure **out) {
    ls_config config = {0};
    LS_TRY(ls_agree(comm, read_config(options, options->file, strategy, &config)));
    const ls_status st = ls_measure_create(comm, options->log, &config, out);
    ls_config_free(&config);
    return st;
}

ls_status ls_bench_open_run(ls_comm *comm, const ls_bench_options *options, const char *strategy,
                            ls_measure **out) {
    LS_TRY(ls_agree(comm, check(options)));
    if (options->file != NULL)
        return open_file(comm, options, strategy, out);
    made_up m = {.comm = comm, .options = options};
    const ls_status st = open_made_up(&m, strategy, out);
    remove_folder(&m);
    return st;
}
