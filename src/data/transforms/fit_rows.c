/* The training rows as a step of a chain finds them while the chain is fitted.
 *
 * Columns that no transform has mixed are read as the file has them, block by block, and so are
 * those behind transforms that only multiply a row by a number (cpm): the numbers of all rows are
 * found first. What comes behind other transforms that mix is made of whole rows.
 *
 * Why here: fitting a step need not know where its columns come from. Never changes a row's order.
 */
#include <string.h>

#include "fit.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/loader.h"
#include "lockstep/data/split.h"
#include "lockstep/data/writer.h"

/* Values of a block in memory: 64 MiB. Long columns make narrow blocks. */
#define BLOCK_VALUES_MAX ((size_t)1 << 24)
#define BLOCK_COLUMNS_MIN 16

/* Rows that are read at a time to find their factors. */
#define FACTOR_ROWS ((size_t)LS_CHUNK_SAMPLES)

/* Whether up to section s rows have at most been multiplied. */
static bool is_by_columns(const ls_fitting *f, size_t s) {
    for (; s > 0; s--)
        if (!f->t->section[s].mix->kind->mixing->row_factor)
            return false;
    return true;
}

size_t ls_fitting_width(const ls_fitting *f, size_t s) {
    const size_t columns = f->t->section[s].inputs;
    size_t width = BLOCK_VALUES_MAX / f->n_rows;
    width = width < BLOCK_COLUMNS_MIN ? BLOCK_COLUMNS_MIN : width;
    if (is_by_columns(f, s) && width > LS_CHUNK_FEATURES)
        width = LS_CHUNK_FEATURES;
    return width > columns ? columns : width;
}

ls_status ls_fitting_create(ls_fitting *f, const uint8_t *part) {
    size_t width = 0;
    f->n_rows = ls_split_count(part, f->ds->n_samples, LS_SPLIT_TRAIN);
    if (f->n_rows == 0)
        return ls_fail(LS_ERR_DATA, f->ds->path, "no training rows to fit the transforms on");
    for (size_t s = 0; s < f->t->n_sections; s++) {
        const size_t of_section = ls_fitting_width(f, s);
        width = of_section > width ? of_section : width;
    }
    LS_TRY(ls_alloc((size_t)ls_comm_size(f->comm), sizeof *f->bytes, "transforms", &f->bytes));
    LS_TRY(ls_alloc(f->n_rows, sizeof *f->row, "training rows", &f->row));
    LS_TRY(ls_alloc(f->n_rows * width, sizeof *f->block, "block of X", &f->block));
    LS_TRY(ls_alloc((size_t)LS_CHUNK_SAMPLES * LS_CHUNK_FEATURES, sizeof *f->staging, "block of X",
                    &f->staging));
    for (size_t i = 0, k = 0; i < f->ds->n_samples; i++)
        if (part[i] == LS_SPLIT_TRAIN)
            f->row[k++] = i;
    return LS_OK;
}

void ls_fitting_free(ls_fitting *f) {
    ls_free(f->row);
    ls_free(f->block);
    ls_free(f->staging);
    ls_free(f->bytes);
    for (size_t s = 0; s < sizeof f->factor / sizeof *f->factor; s++)
        ls_free(f->factor[s]);
}

ls_status ls_fitting_apply(ls_fitting *f, size_t s, size_t begin, size_t end, ls_columns columns) {
    const ls_section *section = &f->t->section[s];
    const size_t states = end - begin + 1;
    size_t worst = SIZE_MAX; /* row * states + the step that refused a value, or none: its result */
#pragma omp parallel for schedule(static) reduction(min : worst)
    for (size_t k = 0; k < f->n_rows; k++) {
        float *row = f->block + k * columns.count;
        const size_t failed = ls_section_apply(section, begin, end, columns, row);
        if (failed != LS_NOT_FOUND && k * states + (failed - begin) < worst)
            worst = k * states + (failed - begin);
    }
    if (worst == SIZE_MAX)
        return LS_OK;
    const size_t k = worst / states;
    return ls_chain_fail(f->t, s, begin + worst % states, end, columns,
                         f->block + k * columns.count, (ls_chain_place){f->ds, NULL, f->row[k]});
}

/* ---- columns of the file ---- */

/* Picks from one staged piece of the file, rows [row0, row1) by file columns [column0, column1),
 * what belongs to the block of the file's columns source[count]: training rows k0 and on. */
static void pick_staged(const ls_fitting *f, size_t k0, size_t row0, size_t row1, size_t column0,
                        size_t column1, const uint32_t *source, size_t count) {
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

/* block[n_rows, count] = these columns of the file, which ascend. */
static ls_status read_columns(ls_fitting *f, const uint32_t *source, size_t count) {
    size_t end = (size_t)source[count - 1] + 1;
    for (size_t k = 0; k < f->n_rows;) {
        size_t row0 = f->row[k] / LS_CHUNK_SAMPLES * LS_CHUNK_SAMPLES;
        size_t row1 = row0 + LS_CHUNK_SAMPLES;
        row1 = row1 > f->ds->n_samples ? f->ds->n_samples : row1;
        for (size_t j = 0; j < count;) {
            size_t column0 = source[j];
            size_t column1 = (column0 / LS_CHUNK_FEATURES + 1) * LS_CHUNK_FEATURES;
            column1 = column1 > end ? end : column1;
            LS_TRY(ls_dataset_read_raw(f->ds, row0, row1 - row0, column0, column1 - column0,
                                       f->staging));
            pick_staged(f, k, row0, row1, column0, column1, source, count);
            while (j < count && source[j] < column1)
                j++;
        }
        while (k < f->n_rows && f->row[k] < row1)
            k++;
    }
    return ls_dataset_check(f->ds, f->row, f->n_rows, source, count, f->block);
}

/* Brings the block through section s to where the next one begins: all that it does there is to
 * multiply the rows. */
static ls_status pass_section(ls_fitting *f, size_t s, ls_columns columns) {
    LS_TRY(ls_fitting_apply(f, s, 0, f->t->section[s].count, columns));
#pragma omp parallel for schedule(static)
    for (size_t k = 0; k < f->n_rows; k++) {
        float *row = f->block + k * columns.count;
        ls_row_multiply(columns.count, f->factor[s + 1][k], row, row);
    }
    return LS_OK;
}

/* at[q][count]: which outputs of section q the block comes from, at[s] being the block's own. */
static ls_status load_columns(ls_fitting *f, size_t s, size_t count, uint32_t *const *at,
                              uint32_t *source) {
    for (size_t q = s + 1; q-- > 0;)
        for (size_t j = 0; j < count; j++) {
            source[j] = (uint32_t)ls_section_source(&f->t->section[q], at[q][j]);
            if (q > 0)
                at[q - 1][j] = source[j];
        }
    LS_TRY(read_columns(f, source, count));
    for (size_t q = 0; q < s; q++)
        LS_TRY(pass_section(f, q, (ls_columns){.count = count, .at = at[q]}));
    return LS_OK;
}

static ls_status load_by_columns(ls_fitting *f, size_t s, size_t first, size_t count) {
    uint32_t *at[LS_TRANSFORM_STEPS_MAX + 1], *all = NULL;
    LS_TRY(ls_alloc((s + 2) * count, sizeof *all, "columns of X", &all));
    for (size_t q = 0; q <= s; q++)
        at[q] = all + (q + 1) * count;
    for (size_t j = 0; j < count; j++)
        at[s][j] = (uint32_t)(first + j);
    const ls_status st = load_columns(f, s, count, at, all);
    ls_free(all);
    return st;
}

/* ---- whole rows ---- */

static ls_status load_by_rows(ls_fitting *f, size_t s, size_t first, size_t count) {
    const size_t edge[] = {first, first + count};
    const ls_loader_columns columns = {0, 1, edge};
    ls_transforms view;
    ls_loader *loader = NULL;
    LS_TRY(ls_chain_view(f->t, s, true, &view));
    ls_status st = ls_loader_create(f->ds, NULL, &view, &columns, &loader);
    if (st == LS_OK)
        st = ls_loader_read(
            loader, &(ls_loader_rows){.row = f->row, .n = f->n_rows, .out = f->block}, 1, NULL);
    ls_loader_destroy(loader);
    ls_chain_view_free(&view);
    return st;
}

ls_status ls_fitting_load_block(ls_fitting *f, size_t s, size_t first, size_t count) {
    return is_by_columns(f, s) ? load_by_columns(f, s, first, count)
                               : load_by_rows(f, s, first, count);
}

/* factor[n] of rows x[n, width], from training row k on, at the beginning of section s. */
static ls_status factors_of(const ls_fitting *f, size_t s, size_t k, size_t n, const float *x,
                            double *factor) {
    const ls_transform_step *mix = f->t->section[s].mix;
    size_t failed = n;
#pragma omp parallel for schedule(static) reduction(min : failed)
    for (size_t i = 0; i < n; i++) {
        const ls_mixing *m = mix->kind->mixing;
        const float *row = x + i * mix->inputs;
        if (m->refused && m->refused(mix, row) != LS_NOT_FOUND && i < failed)
            failed = i;
        factor[i] = m->row_factor(row, mix->inputs);
    }
    if (failed == n)
        return LS_OK;
    return ls_chain_check_mix(f->t, s, x + failed * mix->inputs,
                              (ls_chain_place){f->ds, NULL, f->row[k + failed]});
}

/* The factors of this rank's share of the rows. */
static ls_status find_factors(ls_fitting *f, size_t s, ls_tree_range mine, double *factor) {
    const size_t width = f->t->section[s].mix->inputs, last = mine.first + mine.count;
    ls_transforms view;
    ls_loader *loader = NULL;
    float *x = NULL;
    LS_TRY(ls_chain_view(f->t, s, false, &view));
    ls_status st = ls_loader_create(f->ds, NULL, &view, NULL, &loader);
    if (st == LS_OK)
        st = ls_alloc(FACTOR_ROWS * width, sizeof *x, "rows", &x);
    for (size_t k = mine.first; st == LS_OK && k < last; k += FACTOR_ROWS) {
        const size_t n = last - k < FACTOR_ROWS ? last - k : FACTOR_ROWS;
        st =
            ls_loader_read(loader, &(ls_loader_rows){.row = f->row + k, .n = n, .out = x}, 1, NULL);
        if (st == LS_OK)
            st = factors_of(f, s, k, n, x, factor + k);
    }
    ls_free(x);
    ls_loader_destroy(loader);
    ls_chain_view_free(&view);
    return st;
}

ls_status ls_fitting_find_factors(ls_fitting *f, size_t s) {
    const size_t size = (size_t)ls_comm_size(f->comm), me = (size_t)ls_comm_rank(f->comm);
    if (!is_by_columns(f, s))
        return LS_OK;
    for (size_t q = 1; q <= s; q++) {
        if (f->factor[q])
            continue;
        ls_status st = ls_alloc(f->n_rows, sizeof(double), "rows", &f->factor[q]);
        if (st == LS_OK)
            st = find_factors(f, q, ls_share(f->n_rows, size, me), f->factor[q]);
        LS_TRY(ls_agree(f->comm, st));
        for (size_t r = 0; r < size; r++)
            f->bytes[r] = ls_share(f->n_rows, size, r).count * sizeof(double);
        LS_TRY(ls_allgather_blocks(f->comm, f->factor[q], f->bytes));
    }
    return LS_OK;
}

/* ---- for a step that mixes ---- */

typedef struct row_reader {
    const ls_fitting *f;
    ls_loader *loader;
} row_reader;

static ls_status read_rows(void *from, size_t first, size_t n, float *out) {
    const row_reader *reader = from;
    ls_loader_rows rows = {.row = reader->f->row + first, .n = n, .out = out};
    return ls_loader_read(reader->loader, &rows, 1, NULL);
}

ls_status ls_fitting_fit_mix(ls_fitting *f, size_t s) {
    ls_transform_step *step = f->t->section[s].mix;
    row_reader reader = {.f = f};
    const ls_mix_rows rows = {.comm = f->comm,
                              .log = f->log,
                              .path = f->ds->path,
                              .count = f->n_rows,
                              .read = read_rows,
                              .from = &reader};
    ls_transforms view;
    ls_status st = ls_chain_view(f->t, s, false, &view);
    if (st == LS_OK)
        st = ls_loader_create(f->ds, NULL, &view, NULL, &reader.loader);
    st = ls_agree(f->comm, st);
    if (st == LS_OK)
        st = step->kind->mixing->fit(&rows, step);
    ls_loader_destroy(reader.loader);
    ls_chain_view_free(&view);
    return st;
}
