/* The additions of an exchange, in the order of the tree. Why here: see exchange_private.h. */
#include <string.h>

#include "exchange_private.h"
#include "lockstep/base/add.h"

/* Floats that one thread sums at a time: the open sums of a tree stay in its cache. */
#define CHUNK ((size_t)4096)

static size_t chunks_of(const ls_panel *panel) {
    return (panel->count + CHUNK - 1) / CHUNK;
}

static size_t chunk_floats(const ls_panel *panel, size_t at) {
    return panel->count - at < CHUNK ? panel->count - at : CHUNK;
}

/* Runs a program on n floats that begin at offset of every value. Where it is but one, *sum is
 * where that lies; else it is written to out. */
static const float *sum_chunk(const ls_tree_program *program, const float *const *value,
                              size_t offset, size_t n, float *out) {
    /* Level 0 of the stack is the output; a tree over less than 2^12 roots is no deeper. */
    float open[12][CHUNK], *level[13] = {out};
    size_t top = 0;
    if (program->count == 1)
        return value[program->op[0]] + offset;
    for (size_t i = 0; i < 12; i++)
        level[i + 1] = open[i];
    for (size_t i = 0; i < program->count; i++) {
        if (program->op[i] != LS_TREE_ADD) {
            memcpy(level[top++], value[program->op[i]] + offset, n * sizeof(float));
            continue;
        }
        top--;
        ls_add_to(n, level[top], level[top - 1]);
    }
    return out;
}

void ls_exchange_combine(const ls_exchange *ex, size_t k, const ls_panel *panel, float *out) {
    const ls_combination *c = &ex->plan.combine[k];
    const size_t chunks = chunks_of(panel);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < chunks; i++) {
        const size_t at = i * CHUNK;
        (void)sum_chunk(&c->program, ex->member + c->first, panel->first + at,
                        chunk_floats(panel, at), out + at);
    }
}

void ls_exchange_use_sums(const ls_exchange *ex, const ls_panel *panel) {
    const ls_exchange_round *round = &ex->round.what;
    const size_t own = ex->owned[ex->comm->rank].first, chunks = chunks_of(panel);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < chunks; i++) {
        float sum[CHUNK];
        const size_t at = i * CHUNK, n = chunk_floats(panel, at), first = panel->first + at;
        round->use(round->context, first, n,
                   sum_chunk(&ex->plan.finish, ex->summand, first - own, n, sum));
    }
}
