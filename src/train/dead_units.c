/* Marks units that answer. Why here: see dead_units.h. */
#include "dead_units.h"

#include <string.h>

#include "lockstep/base/memory.h"

static size_t units_of(const ls_dead_units *d) {
    return d->first[d->n_layers];
}

static bool can_die(const ls_model *m, size_t layer) {
    return layer >= m->front && layer < m->n_active && m->layers[layer].type->can_die;
}

ls_status ls_dead_units_create(ls_comm *comm, const ls_model *m, ls_dead_units *out) {
    const size_t ranks = (size_t)ls_comm_size(comm);
    *out = (ls_dead_units){.model = m};
    LS_TRY(ls_alloc(m->n_layers, sizeof *out->layer, "units", &out->layer));
    LS_TRY(ls_alloc(m->n_layers + 1, sizeof *out->first, "units", &out->first));
    for (size_t i = 0; i < m->n_layers; i++)
        if (can_die(m, i)) {
            out->layer[out->n_layers] = i;
            out->first[out->n_layers + 1] = out->first[out->n_layers] + m->layers[i].out_size;
            out->n_layers++;
        }
    LS_TRY(ls_alloc(out->n_layers, sizeof *out->share, "units", &out->share));
    LS_TRY(ls_alloc(ranks, sizeof *out->bytes, "units", &out->bytes));
    return ls_alloc(ranks * units_of(out), 1, "units", &out->answer);
}

void ls_dead_units_free(ls_dead_units *d) {
    ls_free(d->layer);
    ls_free(d->first);
    ls_free(d->answer);
    ls_free(d->bytes);
    ls_free(d->share);
    *d = (ls_dead_units){0};
}

/* A NaN is an answer, too. */
static void look_at(size_t rows, size_t n, const float *y, uint8_t *answer) {
    for (size_t r = 0; r < rows; r++)
        for (size_t u = 0; u < n; u++)
            answer[u] |= !(y[r * n + u] == 0.0f);
}

void ls_dead_units_look(ls_dead_units *d, int rank, const ls_activations *a, size_t rows) {
    uint8_t *own = d->answer + (size_t)rank * units_of(d);
    for (size_t k = 0; k < d->n_layers; k++)
        look_at(rows, d->first[k + 1] - d->first[k], a->y[d->layer[k]], own + d->first[k]);
}

ls_status ls_dead_units_count(ls_dead_units *d, ls_comm *comm) {
    const size_t ranks = (size_t)ls_comm_size(comm), n = units_of(d);
    for (size_t r = 0; r < ranks; r++)
        d->bytes[r] = n;
    LS_TRY(ls_allgather_blocks(comm, d->answer, d->bytes));
    for (size_t k = 0; k < d->n_layers; k++) {
        size_t dead = 0;
        for (size_t u = d->first[k]; u < d->first[k + 1]; u++) {
            unsigned any = 0;
            for (size_t r = 0; r < ranks; r++)
                any |= d->answer[r * n + u];
            dead += any == 0;
        }
        d->share[k] = (double)dead / (double)(d->first[k + 1] - d->first[k]);
    }
    memset(d->answer, 0, ranks * n);
    return LS_OK;
}
