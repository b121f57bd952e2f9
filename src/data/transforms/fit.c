/* Fitting a chain of transforms over the training rows, each column by one rank.
 *
 * The chain is cut into stages that end behind each choice of columns. In a stage a rank takes
 * its share of the columns block by block, holds a block's training rows in memory, and fits
 * and applies one step after the other; then the constants are gathered.
 *
 * Why here: the only part of the transforms that is collective. Never changes a row's order,
 * so the constants depend on the data alone.
 */
#include <stdlib.h>

#include "chain.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "lockstep/data/split.h"
#include "lockstep/data/writer.h"

/* Values of a block in memory: 64 MiB. Long columns make narrow blocks. */
#define BLOCK_VALUES_MAX ((size_t)1 << 24)
#define BLOCK_COLUMNS_MIN 16

typedef struct fitting {
    ls_comm *comm;
    ls_dataset *ds;
    ls_log *log;
    ls_transforms *t;
    size_t n_rows;
    size_t *row;    /* [n_rows] the training rows in file order */
    size_t width;   /* columns of a block, at most */
    float *block;   /* [n_rows, width] */
    float *staging; /* [LS_CHUNK_SAMPLES, LS_CHUNK_FEATURES] as read from the file */
    size_t *bytes;  /* [ranks], for gathering */
} fitting;

static void fitting_free(fitting *f) {
    ls_free(f->row);
    ls_free(f->block);
    ls_free(f->staging);
    ls_free(f->bytes);
}

static ls_status fitting_create(fitting *f, const uint8_t *part) {
    f->n_rows = ls_split_count(part, f->ds->n_samples, LS_SPLIT_TRAIN);
    if (f->n_rows == 0)
        return ls_fail(LS_ERR_DATA, f->ds->path, "no training rows to fit the transforms on");
    f->width = BLOCK_VALUES_MAX / f->n_rows;
    f->width = f->width < BLOCK_COLUMNS_MIN ? BLOCK_COLUMNS_MIN : f->width;
    f->width = f->width > LS_CHUNK_FEATURES ? LS_CHUNK_FEATURES : f->width;
    f->width = f->width > f->ds->n_features ? f->ds->n_features : f->width;
    LS_TRY(ls_alloc((size_t)ls_comm_size(f->comm), sizeof *f->bytes, "transforms", &f->bytes));
    LS_TRY(ls_alloc(f->n_rows, sizeof *f->row, "training rows", &f->row));
    LS_TRY(ls_alloc(f->n_rows * f->width, sizeof *f->block, "block of X", &f->block));
    LS_TRY(ls_alloc((size_t)LS_CHUNK_SAMPLES * LS_CHUNK_FEATURES, sizeof *f->staging, "block of X",
                    &f->staging));
    for (size_t i = 0, k = 0; i < f->ds->n_samples; i++)
        if (part[i] == LS_SPLIT_TRAIN)
            f->row[k++] = i;
    return LS_OK;
}

/* Picks from one staged piece of the file, rows [row0, row1) by file columns [column0, column1),
 * what belongs to the block of columns [first, first + count): training rows k0 and on. */
static void pick_staged(const fitting *f, size_t k0, size_t row0, size_t row1, size_t column0,
                        size_t column1, size_t first, size_t count) {
    const uint32_t *source = f->t->source + first;
    size_t j0 = 0;
    while (j0 < count && source[j0] < column0)
        j0++;
    for (size_t k = k0; k < f->n_rows && f->row[k] < row1; k++) {
        const float *in = f->staging + (f->row[k] - row0) * (column1 - column0);
        float *out = f->block + k * count;
        for (size_t j = j0; j < count && source[j] < column1; j++)
            out[j] = in[source[j] - column0];
    }
}

/* block[n_rows, count] = the raw values of columns [first, first + count) of the chain so far,
 * checked: other rows may hold what they like. */
static ls_status load_block(fitting *f, size_t first, size_t count) {
    const uint32_t *source = f->t->source;
    size_t end = (size_t)source[first + count - 1] + 1;
    for (size_t k = 0; k < f->n_rows;) {
        size_t row0 = f->row[k] / LS_CHUNK_SAMPLES * LS_CHUNK_SAMPLES;
        size_t row1 = row0 + LS_CHUNK_SAMPLES;
        row1 = row1 > f->ds->n_samples ? f->ds->n_samples : row1;
        for (size_t j = 0; j < count;) {
            size_t column0 = source[first + j];
            size_t column1 = (column0 / LS_CHUNK_FEATURES + 1) * LS_CHUNK_FEATURES;
            column1 = column1 > end ? end : column1;
            LS_TRY(ls_dataset_read_raw(f->ds, row0, row1 - row0, column0, column1 - column0,
                                       f->staging));
            pick_staged(f, k, row0, row1, column0, column1, first, count);
            while (j < count && source[first + j] < column1)
                j++;
        }
        while (k < f->n_rows && f->row[k] < row1)
            k++;
    }
    return ls_dataset_check(f->ds, f->row, f->n_rows, source + first, count, f->block);
}

/* Applies step s to the block of columns [first, first + count). */
static ls_status apply_to_block(fitting *f, size_t s, size_t first, size_t count) {
    size_t worst = SIZE_MAX; /* row * 2 + (0: the step refused a value, 1: its result) */
#pragma omp parallel for schedule(static) reduction(min : worst)
    for (size_t k = 0; k < f->n_rows; k++) {
        size_t failed = ls_chain_apply_row(f->t, s, s + 1, first, count, f->block + k * count);
        if (failed != LS_NOT_FOUND && k * 2 + (failed - s) < worst)
            worst = k * 2 + (failed - s);
    }
    if (worst == SIZE_MAX)
        return LS_OK;
    size_t k = worst / 2;
    return ls_chain_fail(f->t, f->ds, NULL, s + worst % 2, s + 1, f->row[k], first, count,
                         f->block + k * count);
}

static ls_status fit_step(fitting *f, size_t s, size_t first, size_t count) {
    ls_transform_step *step = &f->t->step[s];
    double *constant[LS_TRANSFORM_CONSTANTS];
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
        constant[k] = step->constant[k] ? step->constant[k] + first : NULL;
    if (step->kind->fit)
        LS_TRY(step->kind->fit(f->block, f->n_rows, count, step->parameter, constant));
    if (ls_step_prepare(step, first, count) != LS_NOT_FOUND)
        return ls_fail(LS_ERR_DATA, f->ds->path, "%s can not be fitted", step->kind->row.name);
    return LS_OK;
}

/* Fits steps [begin, end) on one block of columns; earlier steps are only applied. Nothing needs
 * applying behind the last. */
static ls_status fit_block(fitting *f, size_t begin, size_t end, size_t first, size_t count) {
    LS_TRY(load_block(f, first, count));
    for (size_t s = 0; s < end; s++) {
        if (s >= begin)
            LS_TRY(fit_step(f, s, first, count));
        if (s + 1 < end)
            LS_TRY(apply_to_block(f, s, first, count));
    }
    return LS_OK;
}

/* The columns [first, first + count) of a rank's share of n: whole chunks to each. */
static ls_tree_range share_columns(const fitting *f, size_t rank) {
    size_t n = f->t->outputs, chunks = (n + LS_CHUNK_FEATURES - 1) / LS_CHUNK_FEATURES;
    ls_tree_range chunk = ls_share(chunks, (size_t)ls_comm_size(f->comm), rank);
    size_t first = chunk.first * LS_CHUNK_FEATURES, count = chunk.count * LS_CHUNK_FEATURES;
    first = first > n ? n : first;
    return (ls_tree_range){first, count > n - first ? n - first : count};
}

static ls_status fit_share(fitting *f, size_t begin, size_t end) {
    ls_tree_range mine = share_columns(f, (size_t)ls_comm_rank(f->comm));
    size_t last = mine.first + mine.count;
    ls_progress *progress = NULL;
    LS_TRY(
        ls_progress_create(f->log, "fitting transforms", "columns", (double)mine.count, &progress));
    ls_status st = LS_OK;
    for (size_t c = mine.first; st == LS_OK && c < last; c += f->width) {
        size_t count = last - c < f->width ? last - c : f->width;
        st = fit_block(f, begin, end, c, count);
        ls_progress_update(progress, (double)(c + count - mine.first), NULL);
    }
    ls_progress_finish(progress, st);
    return st;
}

/* Every rank's constants of steps [begin, end) to all. Collective. */
static ls_status gather_constants(fitting *f, size_t begin, size_t end) {
    size_t size = (size_t)ls_comm_size(f->comm);
    for (size_t r = 0; r < size; r++)
        f->bytes[r] = share_columns(f, r).count * sizeof(double);
    for (size_t s = begin; s < end; s++)
        for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
            if (f->t->step[s].constant[k])
                LS_TRY(ls_allgather_blocks(f->comm, f->t->step[s].constant[k], f->bytes));
    return LS_OK;
}

typedef struct column_score {
    double score;
    uint32_t column;
} column_score;

static int compare_scores(const void *pa, const void *pb) {
    const column_score *a = pa, *b = pb;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->column < b->column ? -1 : a->column > b->column;
}

static int compare_columns(const void *pa, const void *pb) {
    uint32_t a = ((const column_score *)pa)->column, b = ((const column_score *)pb)->column;
    return a < b ? -1 : a > b;
}

static void keep_columns(double *value, const column_score *kept, size_t count) {
    for (size_t j = 0; value && j < count; j++)
        value[j] = value[kept[j].column];
}

/* Drops all columns but the best of step s, from the chain and from the steps before it. */
static ls_status select_columns(ls_transforms *t, size_t s) {
    size_t count = (size_t)t->step[s].parameter;
    column_score *score = NULL;
    LS_TRY(ls_alloc(t->outputs, sizeof *score, "column scores", &score));
    for (size_t j = 0; j < t->outputs; j++)
        score[j] = (column_score){t->step[s].constant[0][j], (uint32_t)j};
    qsort(score, t->outputs, sizeof *score, compare_scores);
    qsort(score, count, sizeof *score, compare_columns);
    for (size_t k = 0; k < s; k++) {
        for (size_t c = 0; c < LS_TRANSFORM_CONSTANTS; c++)
            keep_columns(t->step[k].constant[c], score, count);
        keep_columns(t->step[k].shift, score, count);
        keep_columns(t->step[k].factor, score, count);
    }
    for (size_t j = 0; j < count; j++)
        t->source[j] = t->source[score[j].column];
    t->outputs = count;
    ls_free(t->step[s].constant[0]);
    t->step[s].constant[0] = NULL;
    ls_free(score);
    return LS_OK;
}

/* The last step of [begin, end) that must see data, plus one; begin where none does. */
static size_t last_fitted(const ls_transforms *t, size_t begin, size_t end) {
    while (end > begin && !t->step[end - 1].kind->fit)
        end--;
    return end;
}

/* Fits steps [begin, end), of which only the last may choose columns. Collective. */
static ls_status fit_stage(fitting *f, size_t begin, size_t end) {
    ls_transforms *t = f->t;
    size_t fitted = last_fitted(t, begin, end);
    if (fitted > begin) {
        LS_TRY(ls_agree(f->comm, fit_share(f, begin, fitted)));
        LS_TRY(gather_constants(f, begin, fitted));
    }
    ls_status st = LS_OK;
    for (size_t s = begin; st == LS_OK && s < end; s++)
        if (ls_step_prepare(&t->step[s], 0, t->outputs) != LS_NOT_FOUND)
            st = ls_fail(LS_ERR_RUNTIME, t->step[s].kind->row.name, "invalid gathered constants");
    if (st == LS_OK && t->step[end - 1].kind->selects)
        st = select_columns(t, end - 1);
    return ls_agree(f->comm, st);
}

/* The steps of the config with room for their constants. */
static ls_status create_steps(ls_dataset *ds, const ls_choice_list *chain, ls_transforms **out) {
    size_t columns = ds->n_features, outputs = 0;
    LS_TRY(ls_transforms_planned_outputs(chain, columns, &outputs));
    LS_TRY(ls_chain_create(columns, chain->count, out));
    for (size_t s = 0; s < chain->count; s++) {
        const ls_transform_kind *kind = (const ls_transform_kind *)chain->items[s].row;
        double parameter = kind->parameter ? kind->parameter(chain->items[s].options) : 0;
        LS_TRY(ls_step_create(&(*out)->step[s], kind, parameter, columns));
        if (kind->selects)
            columns = (size_t)parameter;
    }
    return LS_OK;
}

ls_status ls_transforms_fit(ls_comm *comm, ls_dataset *ds, const uint8_t *part,
                            const ls_choice_list *chain, ls_log *log, ls_transforms **out) {
    fitting f = {.comm = comm, .ds = ds, .log = log};
    *out = NULL;
    ls_status st = create_steps(ds, chain, &f.t);
    if (st == LS_OK)
        st = fitting_create(&f, part);
    st = ls_agree(comm, st);
    for (size_t begin = 0; st == LS_OK && begin < chain->count;) {
        size_t end = begin + 1;
        while (end < chain->count && !f.t->step[end - 1].kind->selects)
            end++;
        st = fit_stage(&f, begin, end);
        begin = end;
    }
    fitting_free(&f);
    if (st != LS_OK)
        ls_transforms_destroy(f.t);
    else
        *out = f.t;
    return st;
}
