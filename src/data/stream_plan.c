/* Plans of reading. Why here: see stream_plan.h. */
#include "stream_plan.h"

#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

/* Of a lane, in full steps or blocks, whichever are larger: while one is used the next is read. */
#define AHEAD ((size_t)2)

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Before a step has drawn its rows, blocks have been read up to the end of that in which the window
 * ends when it has: window + rows of a step + rows of a block, less what was drawn before. */
size_t ls_planner_places(const ls_sampler *like) {
    ls_tree_range mine;
    const ls_sampler_spec *spec = ls_sampler_made_of(like, &mine);
    const size_t step = spec->batch / spec->lanes, block = spec->block_rows;
    const size_t ahead = AHEAD * (step > block ? step : block);
    const size_t most = spec->window + step + block + ahead;
    size_t places = 0;
    for (size_t l = mine.first; l < mine.first + mine.count; l++)
        places += least(ls_sampler_lane_rows(like, l), most);
    return places;
}

static ls_status allocate(ls_planner *p, const ls_sampler_spec *spec, size_t lanes) {
    const size_t rows = lanes * (spec->batch / spec->lanes);
    LS_TRY(ls_alloc(p->slots, sizeof *p->block_of, "stream", &p->block_of));
    LS_TRY(ls_alloc(p->slots, sizeof *p->used, "stream", &p->used));
    LS_TRY(ls_alloc(p->places, sizeof *p->free_place, "stream", &p->free_place));
    LS_TRY(ls_alloc(p->places, sizeof *p->free_from, "stream", &p->free_from));
    LS_TRY(ls_alloc(p->blocks, sizeof *p->read, "stream", &p->read));
    LS_TRY(ls_alloc(p->blocks, sizeof *p->after, "stream", &p->after));
    LS_TRY(ls_alloc(lanes + 1, sizeof *p->first, "stream", &p->first));
    LS_TRY(ls_alloc(rows, sizeof *p->slot, "stream", &p->slot));
    return ls_alloc(rows, sizeof *p->position, "stream", &p->position);
}

ls_status ls_planner_create(const ls_sampler *like, ls_planner *p) {
    ls_tree_range mine;
    const ls_sampler_spec *spec = ls_sampler_made_of(like, &mine);
    *p = (ls_planner){.places = ls_planner_places(like)};
    LS_TRY(ls_sampler_create(spec, mine, &p->sampler));
    p->slots = ls_sampler_rows(p->sampler);
    p->steps = ls_sampler_steps(p->sampler);
    p->blocks = ls_sampler_blocks(p->sampler, &p->block_first);
    LS_TRY(allocate(p, spec, mine.count));
    for (size_t b = 0; b < p->blocks; b++)
        for (size_t i = p->block_first[b]; i < p->block_first[b + 1]; i++)
            p->block_of[i] = (uint32_t)b;
    for (p->n_free = 0; p->n_free < p->places; p->n_free++)
        p->free_place[p->n_free] = (uint32_t)p->n_free;
    return LS_OK;
}

void ls_planner_free(ls_planner *p) {
    ls_sampler_destroy(p->sampler);
    ls_free(p->block_of);
    ls_free(p->used);
    ls_free(p->free_place);
    ls_free(p->free_from);
    ls_free(p->read);
    ls_free(p->after);
    ls_free(p->first);
    ls_free(p->slot);
    ls_free(p->position);
    *p = (ls_planner){0};
}

ls_status ls_stream_plan_create(const ls_planner *p, ls_stream_plan *out) {
    LS_TRY(ls_alloc(p->slots, sizeof *out->place, "stream", &out->place));
    return ls_alloc(p->steps, sizeof *out->need, "stream", &out->need);
}

void ls_stream_plan_free(ls_stream_plan *plan) {
    ls_free(plan->place);
    ls_free(plan->need);
    *plan = (ls_stream_plan){0};
}

/* The rows of a step, into p->slot; their number. */
static size_t slots_of(ls_planner *p, size_t step) {
    ls_tree_range mine;
    (void)ls_sampler_made_of(p->sampler, &mine);
    (void)ls_sampler_step(p->sampler, step, p->first, p->slot, p->position);
    return p->first[mine.count];
}

static void free_place(ls_planner *p, uint32_t place, uint64_t from) {
    const size_t at = (p->next + p->n_free++) % p->places;
    p->free_place[at] = place;
    p->free_from[at] = from;
}

/* Gives places to the rows of a block that are going to be used. */
static ls_status add_read(ls_planner *p, size_t block, ls_stream_plan *plan) {
    uint64_t after = 0;
    for (size_t i = p->block_first[block]; i < p->block_first[block + 1]; i++) {
        if (!p->used[i])
            continue;
        if (p->n_free == 0)
            return ls_fail(LS_ERR_RUNTIME, "stream", "no place is left for a row");
        plan->place[i] = p->free_place[p->next];
        after = p->free_from[p->next] > after ? p->free_from[p->next] : after;
        p->next = (p->next + 1) % p->places;
        p->n_free--;
    }
    p->read[p->n_reads] = block;
    p->after[p->n_reads++] = after;
    return LS_OK;
}

static ls_status plan_step(ls_planner *p, size_t step, ls_stream_plan *plan) {
    const size_t n = slots_of(p, step);
    for (size_t k = 0; k < n; k++)
        if (plan->place[p->slot[k]] == LS_NO_PLACE)
            LS_TRY(add_read(p, p->block_of[p->slot[k]], plan));
    plan->need[step] = p->blocks_planned + p->n_reads;
    p->steps_planned++;
    for (size_t k = 0; k < n; k++)
        free_place(p, plan->place[p->slot[k]], p->steps_planned);
    return LS_OK;
}

ls_status ls_planner_plan(ls_planner *p, uint32_t epoch, size_t from, ls_stream_plan *plan) {
    ls_sampler_begin_epoch(p->sampler, epoch);
    plan->begin = p->steps_planned;
    p->n_reads = 0;
    memset(p->used, 0, p->slots * sizeof *p->used);
    for (size_t i = 0; i < p->slots; i++)
        plan->place[i] = LS_NO_PLACE;
    for (size_t step = from; step < p->steps; step++)
        for (size_t k = slots_of(p, step); k-- > 0;)
            p->used[p->slot[k]] = true;
    for (size_t step = from; step < p->steps; step++)
        LS_TRY(plan_step(p, step, plan));
    p->blocks_planned += p->n_reads;
    return LS_OK;
}
