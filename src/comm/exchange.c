/* The direct exchange of lane roots between the ranks, and the gathering of what was updated. */
#include "lockstep/comm/exchange.h"

#include <limits.h>
#include <string.h>

#include "internal.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

/* Floats that one thread sums at a time: the open sums of a tree stay in its cache. */
#define CHUNK 2048

struct ls_exchange {
    ls_comm *comm;
    ls_tree_range *owned; /* [size] */
    size_t *first_root;   /* [size + 1]: where a rank's roots begin among all */
    ls_tree_program finish;
    float *received;       /* the roots of the other ranks, own range only */
    const float **root_at; /* [roots] where the own range of every root is */
    float *sum;            /* [own range]; NULL where one root is the sum */
    size_t *bytes;         /* [size] of the owned ranges */
    MPI_Request *request;
};

static ls_status allocate(ls_exchange *ex, size_t n_roots) {
    size_t size = (size_t)ex->comm->size, rank = (size_t)ex->comm->rank;
    size_t mine = ex->first_root[rank + 1] - ex->first_root[rank], own = ex->owned[rank].count;
    LS_TRY(ls_alloc(n_roots, sizeof *ex->root_at, "exchange", &ex->root_at));
    LS_TRY(ls_alloc((n_roots - mine) * own, sizeof(float), "received gradients", &ex->received));
    LS_TRY(ls_alloc(n_roots * 2 + mine * size, sizeof *ex->request, "exchange", &ex->request));
    if (n_roots > 1)
        LS_TRY(ls_alloc(own, sizeof(float), "summed gradients", &ex->sum));
    LS_TRY(ls_alloc(size, sizeof *ex->bytes, "exchange", &ex->bytes));
    for (size_t r = 0; r < size; r++)
        ex->bytes[r] = ex->owned[r].count * sizeof(float);
    return LS_OK;
}

/* Fills first_root and the finishing program from everybody's lanes. */
static ls_status plan_roots(ls_exchange *ex, size_t n_lanes) {
    size_t size = (size_t)ex->comm->size, n_roots = 0;
    ls_tree_range *all = NULL;
    LS_TRY(ls_alloc(n_lanes, sizeof *all, "exchange", &all));
    for (size_t r = 0; r < size; r++) {
        ls_tree_range lanes = ls_share(n_lanes, size, r), roots[LS_TREE_DEPTH_MAX];
        size_t n = ls_tree_roots(n_lanes, lanes.first, lanes.first + lanes.count, roots);
        ex->first_root[r] = n_roots;
        memcpy(all + n_roots, roots, n * sizeof *roots);
        n_roots += n;
    }
    ex->first_root[size] = n_roots;
    ls_status st = ls_tree_program_finish(n_lanes, all, n_roots, &ex->finish);
    ls_free(all);
    return st;
}

ls_status ls_exchange_create_owned(ls_comm *comm, size_t n_leaves, const ls_tree_range *owned,
                                   ls_exchange **out) {
    ls_exchange *ex = NULL;
    size_t size = (size_t)comm->size, all = owned[size - 1].first + owned[size - 1].count;
    if (all > INT_MAX) /* MPI counts in ints */
        return ls_fail(LS_ERR_CONFIG, "model", "%zu numbers to exchange, at most %d can be", all,
                       INT_MAX);
    ls_status st = ls_alloc(1, sizeof *ex, "exchange", &ex);
    if (st == LS_OK) {
        ex->comm = comm;
        st = ls_alloc(size, sizeof *ex->owned, "exchange", &ex->owned);
    }
    if (st == LS_OK)
        st = ls_alloc(size + 1, sizeof *ex->first_root, "exchange", &ex->first_root);
    if (st == LS_OK) {
        memcpy(ex->owned, owned, size * sizeof *owned);
        st = plan_roots(ex, n_leaves);
    }
    if (st == LS_OK)
        st = allocate(ex, ex->first_root[size]);
    st = ls_agree(comm, st);
    if (st != LS_OK) {
        ls_exchange_destroy(ex);
        return st;
    }
    *out = ex;
    return LS_OK;
}

/* Rank r owns the blocks that begin in [n * r / size, n * (r + 1) / size) of the slab. */
static void deal_blocks(size_t size, const size_t *edge, size_t n_blocks, ls_tree_range *owned) {
    size_t block = 0, n = edge[n_blocks];
    for (size_t r = 0; r < size; r++) {
        size_t first = edge[block], end = ls_share(n, size, r).first + ls_share(n, size, r).count;
        while (block < n_blocks && (edge[block] < end || r + 1 == size))
            block++;
        owned[r] = (ls_tree_range){first, edge[block] - first};
    }
}

ls_status ls_exchange_create(ls_comm *comm, size_t n_lanes, const size_t *edge, size_t n_blocks,
                             ls_exchange **out) {
    ls_tree_range *owned = NULL;
    LS_TRY(ls_agree(comm, ls_alloc((size_t)comm->size, sizeof *owned, "exchange", &owned)));
    deal_blocks((size_t)comm->size, edge, n_blocks, owned);
    ls_status st = ls_exchange_create_owned(comm, n_lanes, owned, out);
    ls_free(owned);
    return st;
}

void ls_exchange_destroy(ls_exchange *ex) {
    if (ex == NULL)
        return;
    ls_tree_program_free(&ex->finish);
    ls_free(ex->owned);
    ls_free(ex->first_root);
    ls_free(ex->received);
    ls_free(ex->root_at);
    ls_free(ex->sum);
    ls_free(ex->bytes);
    ls_free(ex->request);
    ls_free(ex);
}

ls_tree_range ls_exchange_owned(const ls_exchange *ex, int rank) {
    return ex->owned[rank];
}

/* Runs the finishing program on n floats that begin at offset of every root. */
static void finish_chunk(const ls_exchange *ex, size_t offset, size_t n, float *out) {
    /* Level 0 of the stack is the output; a tree over less than 2^12 roots is no deeper. */
    float open[12][CHUNK], *level[13] = {out};
    for (size_t i = 0; i < 12; i++)
        level[i + 1] = open[i];
    size_t top = 0;
    for (size_t i = 0; i < ex->finish.count; i++) {
        if (ex->finish.op[i] != LS_TREE_ADD) {
            memcpy(level[top++], ex->root_at[ex->finish.op[i]] + offset, n * sizeof(float));
            continue;
        }
        top--;
        float *a = level[top - 1];
        const float *b = level[top];
        for (size_t j = 0; j < n; j++)
            a[j] += b[j];
    }
}

static void finish_tree(const ls_exchange *ex, size_t n) {
    size_t chunks = (n + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(static)
    for (size_t c = 0; c < chunks; c++) {
        size_t offset = c * CHUNK, rest = n - offset;
        finish_chunk(ex, offset, rest < CHUNK ? rest : CHUNK, ex->sum + offset);
    }
}

/* Posts the receives of the others' roots for the own range, and the sends of the own roots. */
static int post(ls_exchange *ex, const float *const *root) {
    ls_comm *comm = ex->comm;
    size_t size = (size_t)comm->size, rank = (size_t)comm->rank;
    ls_tree_range own = ex->owned[rank];
    float *at = ex->received;
    int n = 0;
    for (size_t r = 0; r < size; r++)
        for (size_t i = ex->first_root[r]; i < ex->first_root[r + 1]; i++) {
            if (r == rank) {
                ex->root_at[i] = root[i - ex->first_root[r]] + own.first;
                continue;
            }
            ex->root_at[i] = at;
            LS_MPI(comm, MPI_Irecv(at, (int)own.count, MPI_FLOAT, (int)r, (int)(i & 0x7fff),
                                   comm->mpi, &ex->request[n++]));
            at += own.count;
        }
    for (size_t k = 1; k < size; k++) {
        size_t to = (rank + k) % size;
        ls_tree_range range = ex->owned[to];
        for (size_t i = ex->first_root[rank]; i < ex->first_root[rank + 1]; i++)
            LS_MPI(comm,
                   MPI_Isend(root[i - ex->first_root[rank]] + range.first, (int)range.count,
                             MPI_FLOAT, (int)to, (int)(i & 0x7fff), comm->mpi, &ex->request[n++]));
    }
    return n;
}

ls_status ls_exchange_reduce(ls_exchange *ex, const float *const *root, const float **sum) {
    ls_tree_range own = ex->owned[ex->comm->rank];
    int n = post(ex, root);
    ls_comm_wait(ex->comm, n, ex->request, "exchange of gradients");
    if (ex->sum == NULL) {
        *sum = ex->root_at[0];
        return LS_OK;
    }
    finish_tree(ex, own.count);
    *sum = ex->sum;
    return LS_OK;
}

ls_status ls_exchange_gather(ls_exchange *ex, float *slab) {
    ls_comm_gather(ex->comm, slab, ex->bytes, "gathering of weights");
    return LS_OK;
}

size_t ls_exchange_bytes(const ls_exchange *ex) {
    size_t size = (size_t)ex->comm->size, rank = (size_t)ex->comm->rank, floats = 0;
    size_t mine = ex->first_root[rank + 1] - ex->first_root[rank];
    for (size_t r = 0; r < size; r++)
        if (r != rank)
            floats += mine * ex->owned[r].count + ex->owned[rank].count;
    return floats * sizeof(float);
}
