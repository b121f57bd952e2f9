/* A dataset like GTEx's: expression of genes in tissues of donors.
 *
 * The logarithm of a value is
 *     purity * level[class, gene] + (1 - purity) * level[sibling, gene]
 *     + donor[donor, module of the gene] + depth[sample] + noise of the gene * a normal draw,
 * where level is the gene's mean, a family's effect, a class's effect and, for its markers, a
 * large one. Where the expected logarithm is low the value is zero with a probability that grows
 * as it falls. The purity of some samples is so low that they look more like the sibling:
 * the error that no classifier gets below, whatever the number of genes.
 *
 * Why here: a row in the table of kinds. Every value is a function of seed, row and column;
 * only additions, multiplications and comparisons make it, so the bits are the same
 * everywhere. Never holds more than a block of rows.
 */
#include <string.h>

#include "lockstep/base/memory.h"
#include "lockstep/data/writer.h"
#include "synth_private.h"

enum {
    MODULES = 64,                          /* of genes that a donor moves together */
    STRIP = 1024,                          /* columns whose draws lie in the first cache */
    BLOCK_COLUMNS = 96 * LS_CHUNK_FEATURES /* 48 MiB with a chunk's rows */
};

typedef struct genes {
    float *noise;    /* [features] standard deviation of the logarithm */
    int32_t *module; /* [features] */
    float *level;    /* [classes, features] expected logarithm */
} genes;

static ls_random_key key_of(const ls_gtex_plan *p, uint32_t stream) {
    return ls_random_key_make(p->seed, LS_RANDOM_SYNTH, stream);
}

/* exp(x) for |x| < 80 to about 1e-6, from operations that round alike everywhere: 2^n times a
 * polynomial of the rest (Taylor). */
static inline float exp_plain(float x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    const float n = (x * 1.44269504f + magic) - magic;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float y = 1.0f / 720;
    y = y * r + 1.0f / 120;
    y = y * r + 1.0f / 24;
    y = y * r + 1.0f / 6;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    const int32_t power = ((int32_t)n + 127) * (1 << 23);
    float scale;
    memcpy(&scale, &power, sizeof scale);
    return y * scale;
}

/* ---- genes, classes, donors ---- */

static float family_effect(const ls_gtex_plan *p, uint32_t family, uint32_t gene) {
    uint32_t r[4];
    ls_random_quad(key_of(p, LS_GTEX_FAMILY), family, gene, 0, r);
    return r[2] < UINT32_MAX / 10 * 3 ? 0.9f * ls_gtex_normal(r[0], r[1]) : 0;
}

static float class_effect(const ls_gtex_plan *p, uint32_t class, uint32_t gene) {
    uint32_t r[4];
    ls_random_quad(key_of(p, LS_GTEX_CLASS), class, gene, 0, r);
    const float marker = r[3] < UINT32_MAX / 50 ? 2.5f : 0;
    return (r[2] < UINT32_MAX / 10 * 3 ? 0.7f * ls_gtex_normal(r[0], r[1]) : 0) + marker;
}

static ls_status make_genes(const ls_gtex_plan *p, genes *g) {
    const size_t n = p->size.features;
    LS_TRY(ls_alloc(n, sizeof *g->noise, "genes", &g->noise));
    LS_TRY(ls_alloc(n, sizeof *g->module, "genes", &g->module));
    LS_TRY(ls_alloc(p->size.classes * n, sizeof *g->level, "genes", &g->level));
#pragma omp parallel for schedule(static)
    for (size_t j = 0; j < n; j++) {
        uint32_t r[4];
        ls_random_quad(key_of(p, LS_GTEX_GENE), 0, (uint32_t)j, 0, r);
        const float mean = 2.3f * ls_gtex_normal(r[0], r[1]);
        g->noise[j] = 0.5f + 0.6f * ls_random_unitf(r[2]);
        g->module[j] = (int32_t)(r[3] % MODULES);
        for (size_t c = 0; c < p->size.classes; c++)
            g->level[c * n + j] = mean + family_effect(p, p->family[c], (uint32_t)j) +
                                  class_effect(p, (uint32_t)c, (uint32_t)j);
    }
    return LS_OK;
}

static void free_genes(genes *g) {
    ls_free(g->noise);
    ls_free(g->module);
    ls_free(g->level);
}

/* ---- values ---- */

/* What a row has in common: its two levels, their weights, and its donor's shifts. */
typedef struct row_facts {
    const float *own, *sibling; /* [features] */
    float purity;
    float shift[MODULES]; /* donor and depth */
} row_facts;

static void know_row(const ls_gtex_plan *p, const genes *g, uint32_t row, row_facts *f) {
    const uint32_t class = (uint32_t)p->class[row];
    uint32_t r[4];
    ls_random_quad(key_of(p, LS_GTEX_SAMPLE), 0, row, 0, r);
    const float u = ls_random_unitf(r[0]), u2 = u * u;
    const float depth = 0.2f * ls_gtex_normal(r[2], r[3]);
    f->purity = 1 - 0.7f * (u2 * u2 * u2); /* below one half for one in twenty */
    f->own = g->level + class * p->size.features;
    f->sibling = g->level + ls_gtex_sibling(p, class) * p->size.features;
    for (uint32_t m = 0; m < MODULES; m++) {
        ls_random_quad(key_of(p, LS_GTEX_DONOR), p->donor[row], m, 0, r);
        f->shift[m] = depth + 0.35f * ls_gtex_normal(r[0], r[1]);
    }
}

/* out[0..n) = the values of a row from an even column on; bits holds two draws for each. */
static void make_strip(const genes *g, const row_facts *f, size_t column, size_t n,
                       const uint32_t *bits, float *out) {
    const float *own = f->own + column, *sibling = f->sibling + column;
    const float *noise = g->noise + column;
    const int32_t *module = g->module + column;
    const float purity = f->purity, rest = 1 - purity;
    for (size_t j = 0; j < n; j++) {
        const uint32_t a = bits[2 * j], b = bits[2 * j + 1];
        const float expected = purity * own[j] + rest * sibling[j] + f->shift[module[j]];
        const float x = exp_plain(expected + noise[j] * ls_gtex_normal(a, b));
        /* The 16 bits that the normal draw leaves: a threshold between -4 and 2. */
        const int32_t u = (int32_t)((a >> 24) << 8 | b >> 24);
        const float threshold = (float)u * (6.0f / 65536) - 4;
        out[j] = expected < threshold ? 0 : x;
    }
}

static void make_row(const ls_gtex_plan *p, const genes *g, uint32_t row, size_t first, size_t n,
                     float *out) {
    const ls_random_key key = key_of(p, LS_GTEX_VALUE);
    uint32_t bits[2 * STRIP];
    row_facts facts;
    know_row(p, g, row, &facts);
    for (size_t at = 0; at < n; at += STRIP) {
        const size_t strip = n - at < STRIP ? n - at : STRIP;
        for (size_t j = 0; j < strip; j += 2)
            ls_random_quad(key, 0, row, (uint32_t)((first + at + j) / 2), &bits[2 * j]);
        make_strip(g, &facts, first + at, strip, bits, out + at);
    }
}

static ls_status write_block(const ls_gtex_plan *p, const genes *g, ls_dataset_writer *w,
                             size_t row, size_t rows, float *block) {
    for (size_t first = 0; first < p->size.features; first += BLOCK_COLUMNS) {
        const size_t left = p->size.features - first;
        const size_t columns = left < BLOCK_COLUMNS ? left : BLOCK_COLUMNS;
#pragma omp parallel for schedule(dynamic, 1)
        for (size_t i = 0; i < rows; i++)
            make_row(p, g, (uint32_t)(row + i), first, columns, block + i * columns);
        LS_TRY(ls_dataset_writer_block(w, row, rows, first, columns, block));
    }
    return LS_OK;
}

static ls_status write_matrix(const ls_gtex_plan *p, const genes *g, ls_dataset_writer *w,
                              ls_log *log) {
    const size_t n = p->size.samples;
    const size_t columns = p->size.features < BLOCK_COLUMNS ? p->size.features : BLOCK_COLUMNS;
    ls_progress *progress = NULL;
    float *block = NULL;
    ls_status st = ls_alloc(LS_CHUNK_SAMPLES * columns, sizeof *block, "block", &block);
    if (st == LS_OK)
        st = ls_progress_create(log, "synth", "rows", (double)n, &progress);
    for (size_t row = 0; st == LS_OK && row < n; row += LS_CHUNK_SAMPLES) {
        const size_t rows = n - row < LS_CHUNK_SAMPLES ? n - row : LS_CHUNK_SAMPLES;
        st = write_block(p, g, w, row, rows, block);
        ls_progress_update(progress, (double)(row + rows), NULL);
    }
    ls_progress_finish(progress, st);
    ls_free(block);
    return st;
}

/* ---- the file ---- */

static ls_status write_names(const ls_gtex_plan *p, ls_dataset_writer *w) {
    ls_strings classes = {0}, samples = {0}, donors = {0}, features = {0};
    ls_status st = ls_gtex_class_names(p, &classes);
    if (st == LS_OK)
        st = ls_gtex_sample_names(p, &samples, &donors);
    if (st == LS_OK)
        st = ls_gtex_feature_names(p, &features);
    if (st == LS_OK)
        st = ls_dataset_writer_labels(w, p->class, &classes);
    if (st == LS_OK)
        st = ls_dataset_writer_names(w, "features", &features);
    if (st == LS_OK)
        st = ls_dataset_writer_names(w, "samples", &samples);
    if (st == LS_OK)
        st = ls_dataset_writer_names(w, "groups", &donors);
    ls_strings_free(&classes);
    ls_strings_free(&samples);
    ls_strings_free(&donors);
    ls_strings_free(&features);
    return st;
}

static ls_status run(ls_synth_size size, uint32_t seed, const char *out, int gzip_level,
                     ls_log *log) {
    ls_gtex_plan plan = {0};
    genes g = {0};
    ls_dataset_writer *w = NULL;
    ls_status st = ls_gtex_plan_create(size, seed, &plan);
    if (st == LS_OK)
        st = ls_dataset_writer_create(out, size.samples, size.features, gzip_level, &w);
    if (st == LS_OK)
        st = make_genes(&plan, &g);
    if (st == LS_OK)
        st = write_matrix(&plan, &g, w, log);
    if (st == LS_OK)
        st = write_names(&plan, w);
    if (st == LS_OK)
        st = ls_dataset_writer_finish(w, log);
    else
        ls_dataset_writer_abandon(w);
    free_genes(&g);
    ls_gtex_plan_free(&plan);
    return st;
}

const ls_synth_kind ls_synth_gtex = {
    .name = "gtex",
    .help = "expression of genes in the tissues of donors",
    .fallback = {.samples = 17382, .features = 56200, .classes = 54, .donors = 948},
    .most = {.samples = 100000000, .features = 10000000, .classes = 10000, .donors = 10000000},
    .run = run,
};
