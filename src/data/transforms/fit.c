/* Fitting a chain of transforms over the training rows.
 *
 * A section after the other: the step that mixes columns first, then the others. These are cut into
 * stages that end behind each choice of columns. In a stage a rank takes its share of the columns
 * block by block, holds a block's training rows in memory, and fits and applies one step after the
 * other; then the constants are gathered.
 *
 * Why here: the only part of the transforms that is collective. Never changes a row's order,
 * so the constants depend on the data alone.
 */
#include "fit.h"

#include <stdlib.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/writer.h"

/* A stage: steps [begin, end) of section s. */
typedef struct stage {
    size_t s, begin, end;
} stage;

static ls_section *section_of(const ls_fitting *f, const stage *g) {
    return &f->t->section[g->s];
}

static ls_status fit_step(ls_fitting *f, ls_transform_step *step, ls_columns columns) {
    double *constant[LS_TRANSFORM_CONSTANTS];
    for (size_t k = 0; k < LS_TRANSFORM_CONSTANTS; k++)
        constant[k] = step->constant[k] ? step->constant[k] + columns.first : NULL;
    if (step->kind->fit)
        LS_TRY(step->kind->fit(f->block, f->n_rows, columns.count, step->parameter[0], constant));
    if (ls_step_prepare(step, columns.first, columns.count) != LS_NOT_FOUND)
        return ls_fail(LS_ERR_DATA, f->ds->path, "%s can not be fitted", step->kind->row.name);
    return LS_OK;
}

/* Fits a stage on one block of columns; earlier steps are only applied. Nothing needs applying
 * behind the last. */
static ls_status fit_block(ls_fitting *f, const stage *g, ls_columns columns) {
    LS_TRY(ls_fitting_load_block(f, g->s, columns.first, columns.count));
    for (size_t k = 0; k < g->end; k++) {
        if (k >= g->begin)
            LS_TRY(fit_step(f, &section_of(f, g)->step[k], columns));
        if (k + 1 < g->end)
            LS_TRY(ls_fitting_apply(f, g->s, k, k + 1, columns));
    }
    return LS_OK;
}

/* The columns [first, first + count) of a rank's share of n: whole chunks to each. */
static ls_tree_range share_columns(const ls_fitting *f, size_t n, size_t rank) {
    size_t chunks = (n + LS_CHUNK_FEATURES - 1) / LS_CHUNK_FEATURES;
    ls_tree_range chunk = ls_share(chunks, (size_t)ls_comm_size(f->comm), rank);
    size_t first = chunk.first * LS_CHUNK_FEATURES, count = chunk.count * LS_CHUNK_FEATURES;
    first = first > n ? n : first;
    return (ls_tree_range){first, count > n - first ? n - first : count};
}

static ls_status fit_share(ls_fitting *f, const stage *g) {
    ls_tree_range mine = share_columns(f, section_of(f, g)->outputs, (size_t)ls_comm_rank(f->comm));
    size_t last = mine.first + mine.count, width = ls_fitting_width(f, g->s);
    ls_progress *progress = NULL;
    LS_TRY(
        ls_progress_create(f->log, "fitting transforms", "columns", (double)mine.count, &progress));
    ls_status st = LS_OK;
    for (size_t c = mine.first; st == LS_OK && c < last; c += width) {
        size_t count = last - c < width ? last - c : width;
        st = fit_block(f, g, (ls_columns){.first = c, .count = count});
        ls_progress_update(progress, (double)(c + count - mine.first), NULL);
    }
    ls_progress_finish(progress, st);
    return st;
}

/* Every rank's constants of a stage's steps to all. Collective. */
static ls_status gather_constants(ls_fitting *f, const stage *g) {
    const ls_section *section = section_of(f, g);
    size_t size = (size_t)ls_comm_size(f->comm);
    for (size_t r = 0; r < size; r++)
        f->bytes[r] = share_columns(f, section->outputs, r).count * sizeof(double);
    for (size_t k = g->begin; k < g->end; k++)
        for (size_t c = 0; c < LS_TRANSFORM_CONSTANTS; c++)
            if (section->step[k].constant[c])
                LS_TRY(ls_allgather_blocks(f->comm, section->step[k].constant[c], f->bytes));
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

/* Drops all columns but the best of step k, from the section and from its steps before. */
static ls_status select_columns(ls_section *section, size_t k) {
    const size_t count = section->step[k].outputs;
    double **scores = &section->step[k].constant[0];
    column_score *score = NULL;
    LS_TRY(ls_alloc(section->outputs, sizeof *score, "column scores", &score));
    for (size_t j = 0; j < section->outputs; j++)
        score[j] = (column_score){(*scores)[j], (uint32_t)j};
    qsort(score, section->outputs, sizeof *score, compare_scores);
    qsort(score, count, sizeof *score, compare_columns);
    for (size_t i = 0; i < k; i++) {
        const ls_transform_step *step = &section->step[i];
        for (size_t c = 0; c < LS_TRANSFORM_CONSTANTS; c++)
            keep_columns(step->constant[c], score, count);
        keep_columns(step->uniform ? NULL : step->shift, score, count);
        keep_columns(step->uniform ? NULL : step->factor, score, count);
    }
    for (size_t j = 0; j < count; j++)
        section->source[j] = section->source[score[j].column];
    section->outputs = count;
    ls_free(*scores);
    *scores = NULL;
    ls_free(score);
    return LS_OK;
}

/* The last step of a stage that must see data, plus one; begin where none does. */
static size_t last_fitted(const ls_section *section, const stage *g) {
    size_t end = g->end;
    while (end > g->begin && !section->step[end - 1].kind->fit)
        end--;
    return end;
}

/* Fits a stage, of which only the last step may choose columns. Collective. */
static ls_status fit_stage(ls_fitting *f, const stage *g) {
    ls_section *section = section_of(f, g);
    const stage fitted = {g->s, g->begin, last_fitted(section, g)};
    if (fitted.end > fitted.begin) {
        LS_TRY(ls_fitting_find_factors(f, g->s));
        LS_TRY(ls_agree(f->comm, fit_share(f, &fitted)));
        LS_TRY(gather_constants(f, &fitted));
    }
    ls_status st = LS_OK;
    for (size_t k = g->begin; st == LS_OK && k < g->end; k++)
        if (ls_step_prepare(&section->step[k], 0, section->outputs) != LS_NOT_FOUND)
            st = ls_fail(LS_ERR_RUNTIME, section->step[k].kind->row.name,
                         "invalid gathered constants");
    if (st == LS_OK && section->step[g->end - 1].kind->selects)
        st = select_columns(section, g->end - 1);
    return ls_agree(f->comm, st);
}

/* ---- columns by name ---- */

/* The file's column of that name, or number where it has no such name; LS_NOT_FOUND. */
static size_t find_column(const ls_dataset *ds, const char *name) {
    for (size_t j = 0; j < ds->features.count; j++)
        if (strcmp(ls_strings_at(&ds->features, j), name) == 0)
            return j;
    char *rest = NULL;
    const unsigned long long number = strtoull(name, &rest, 10);
    const bool digits = *name != '\0' && strspn(name, "0123456789") == strlen(name);
    return digits && number < ds->n_features ? (size_t)number : LS_NOT_FOUND;
}

/* Finds the place of the column that the config names among what section s is made of. */
static ls_status find_place(ls_fitting *f, size_t s, const char *name) {
    ls_transform_step *step = f->t->section[s].mix;
    const ls_section *before = &f->t->section[s - 1];
    const size_t column = find_column(f->ds, name);
    if (column == LS_NOT_FOUND)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "data.transform", "%s: %s has no column %s",
                               step->kind->row.name, f->ds->path, name),
                       "name a feature, or its number from 0 to %zu", f->ds->n_features - 1);
    for (size_t j = 0; j < before->outputs; j++)
        if (ls_chain_origin(f->t, s - 1, ls_section_source(before, j)) == column) {
            step->parameter[0] = (double)j;
            return LS_OK;
        }
    return ls_hint(ls_fail(LS_ERR_CONFIG, "data.transform",
                           "%s: an earlier transform left nothing of column %s",
                           step->kind->row.name, name),
                   "put %s in front of it", step->kind->row.name);
}

/* ---- sections ---- */

/* Room for what is fitted: a step has the columns that are there when its turn comes. */
static ls_status allocate_section(ls_section *section) {
    section->outputs = section->inputs;
    for (size_t k = 0; k < section->count; k++) {
        ls_transform_step *step = &section->step[k];
        LS_TRY(ls_step_allocate(step, step->inputs));
        if (!step->kind->selects)
            continue;
        LS_TRY(ls_alloc(step->inputs, sizeof(double), "column scores", &step->constant[0]));
        if (section->source)
            continue;
        LS_TRY(ls_alloc(section->inputs, sizeof *section->source, "transforms", &section->source));
        for (size_t j = 0; j < section->inputs; j++)
            section->source[j] = (uint32_t)j;
    }
    return LS_OK;
}

/* Fits what begins a section. Collective. */
static ls_status fit_mix(ls_fitting *f, size_t s, const void *options) {
    ls_transform_step *step = f->t->section[s].mix;
    const ls_mixing *m = step->kind->mixing;
    ls_status st = m->column ? find_place(f, s, m->column(options)) : LS_OK;
    if (st == LS_OK)
        st = ls_step_allocate(step, step->outputs);
    LS_TRY(ls_agree(f->comm, st));
    return m->fit ? ls_fitting_fit_mix(f, s) : LS_OK;
}

/* Collective. */
static ls_status fit_section(ls_fitting *f, size_t s, const ls_choice_list *chain) {
    ls_section *section = &f->t->section[s];
    if (section->mix)
        LS_TRY(fit_mix(f, s, chain->items[section->mix - f->t->step].options));
    LS_TRY(ls_agree(f->comm, allocate_section(section)));
    for (size_t begin = 0; begin < section->count;) {
        size_t end = begin + 1;
        while (end < section->count && !section->step[end - 1].kind->selects)
            end++;
        LS_TRY(fit_stage(f, &(stage){s, begin, end}));
        begin = end;
    }
    return LS_OK;
}

ls_status ls_transforms_fit(ls_comm *comm, ls_dataset *ds, const uint8_t *part,
                            const ls_choice_list *chain, ls_log *log, ls_transforms **out) {
    ls_fitting f = {.comm = comm, .ds = ds, .log = log};
    *out = NULL;
    ls_status st = ls_chain_of_config(chain, ds->n_features, &f.t);
    if (st == LS_OK)
        st = ls_fitting_create(&f, part);
    st = ls_agree(comm, st);
    for (size_t s = 0; st == LS_OK && s < f.t->n_sections; s++)
        st = fit_section(&f, s, chain);
    ls_fitting_free(&f);
    if (st != LS_OK)
        ls_transforms_destroy(f.t);
    else
        *out = f.t;
    return st;
}
