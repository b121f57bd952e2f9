/* Dealing blocks of rows to lanes, and a lane's order of rows for an epoch. */
#include "lockstep/data/sampler.h"

#include <stdlib.h>

#include "balance.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/random.h"

struct ls_sampler {
    ls_sampler_spec spec;
    ls_tree_range mine;
    size_t per_lane; /* rows of a lane in a full step */
    size_t steps;
    size_t *lane_rows;   /* [lanes] */
    size_t *lane_first;  /* [mine + 1]: where a lane's slots begin */
    size_t *block_first; /* [mine + 1]: where a lane's blocks begin in block_slot */
    size_t *block_slot;  /* [blocks + 1] the first slot of each block of these lanes; their end */
    size_t *block_size;  /* its rows */
    uint32_t *row;       /* [slots] */
    uint32_t *order;     /* [slots]: the epoch's order, as slots */
    uint32_t *sequence;  /* [most blocks or rows of a lane]: work space */
    uint32_t epoch;
    ls_balance *balance; /* NULL: every row once an epoch */
};

static size_t block_rows(const ls_sampler_spec *spec, size_t block) {
    size_t first = block * spec->block_rows, rest = spec->n_rows - first;
    return rest < spec->block_rows ? rest : spec->block_rows;
}

/* lane_of[block] for all blocks: position i of the seeded permutation goes to lane i % lanes. */
static ls_status deal(const ls_sampler_spec *spec, size_t n_blocks, uint32_t **lane_of) {
    uint32_t *order = NULL, *lanes = NULL;
    LS_TRY(ls_alloc(n_blocks, sizeof *order, "sampler", &order));
    ls_status st = ls_alloc(n_blocks, sizeof *lanes, "sampler", &lanes);
    if (st == LS_OK) {
        ls_random_permutation(ls_random_key_make(spec->seed, LS_RANDOM_DEAL, 0), 0, order,
                              n_blocks);
        for (size_t i = 0; i < n_blocks; i++)
            lanes[order[i]] = (uint32_t)(i % spec->lanes);
    }
    ls_free(order);
    *lane_of = lanes;
    return st;
}

static size_t count_steps(const ls_sampler *s) {
    size_t most = 0, least = SIZE_MAX;
    for (size_t l = 0; l < s->spec.lanes; l++) {
        size_t n = s->lane_rows[l];
        size_t up = (n + s->per_lane - 1) / s->per_lane, down = n / s->per_lane;
        most = up > most ? up : most;
        least = down < least ? down : least;
    }
    return s->spec.drop_last ? least : most;
}

/* Slots of the own lanes: a lane's blocks in ascending order. */
static void fill_lanes(ls_sampler *s, const uint32_t *lane_of, size_t n_blocks) {
    size_t slot = 0, block = 0;
    for (size_t i = 0; i < s->mine.count; i++) {
        s->lane_first[i] = slot;
        s->block_first[i] = block;
        for (size_t b = 0; b < n_blocks; b++) {
            if (lane_of[b] != s->mine.first + i)
                continue;
            s->block_slot[block] = slot;
            s->block_size[block++] = block_rows(&s->spec, b);
            for (size_t k = 0; k < block_rows(&s->spec, b); k++)
                s->row[slot++] = (uint32_t)(b * s->spec.block_rows + k);
        }
    }
    s->lane_first[s->mine.count] = slot;
    s->block_first[s->mine.count] = block;
    s->block_slot[block] = slot;
}

static ls_status allocate(ls_sampler *s, const uint32_t *lane_of, size_t n_blocks) {
    size_t slots = 0, blocks = 0;
    LS_TRY(ls_alloc(s->spec.lanes, sizeof *s->lane_rows, "sampler", &s->lane_rows));
    for (size_t b = 0; b < n_blocks; b++) {
        s->lane_rows[lane_of[b]] += block_rows(&s->spec, b);
        if (lane_of[b] >= s->mine.first && lane_of[b] < s->mine.first + s->mine.count) {
            slots += block_rows(&s->spec, b);
            blocks++;
        }
    }
    LS_TRY(ls_alloc(s->mine.count + 1, sizeof *s->lane_first, "sampler", &s->lane_first));
    LS_TRY(ls_alloc(s->mine.count + 1, sizeof *s->block_first, "sampler", &s->block_first));
    LS_TRY(ls_alloc(blocks + 1, sizeof *s->block_slot, "sampler", &s->block_slot));
    LS_TRY(ls_alloc(blocks, sizeof *s->block_size, "sampler", &s->block_size));
    LS_TRY(ls_alloc(slots, sizeof *s->row, "sampler", &s->row));
    LS_TRY(ls_alloc(slots, sizeof *s->order, "sampler", &s->order));
    return ls_alloc(slots + blocks, sizeof *s->sequence, "sampler", &s->sequence);
}

ls_status ls_sampler_create(const ls_sampler_spec *spec, ls_tree_range mine, ls_sampler **out) {
    size_t n_blocks = (spec->n_rows + spec->block_rows - 1) / spec->block_rows;
    uint32_t *lane_of = NULL;
    ls_sampler *s;
    LS_TRY(ls_alloc(1, sizeof *s, "sampler", &s));
    s->spec = *spec;
    s->mine = mine;
    s->per_lane = spec->batch / spec->lanes;
    ls_status st = deal(spec, n_blocks, &lane_of);
    if (st == LS_OK)
        st = allocate(s, lane_of, n_blocks);
    if (st == LS_OK) {
        fill_lanes(s, lane_of, n_blocks);
        s->steps = count_steps(s);
        *out = s;
    }
    ls_free(lane_of);
    if (st != LS_OK)
        ls_sampler_destroy(s);
    return st;
}

void ls_sampler_destroy(ls_sampler *s) {
    if (s == NULL)
        return;
    ls_free(s->lane_rows);
    ls_free(s->lane_first);
    ls_free(s->block_first);
    ls_free(s->block_slot);
    ls_free(s->block_size);
    ls_free(s->row);
    ls_free(s->order);
    ls_free(s->sequence);
    ls_balance_destroy(s->balance);
    ls_free(s);
}

ls_status ls_sampler_balance(ls_sampler *s, const int32_t *label, size_t n_classes) {
    return ls_balance_create(s->mine.count, s->lane_first, s->row, label, n_classes, &s->balance);
}

const ls_sampler_spec *ls_sampler_made_of(const ls_sampler *s, ls_tree_range *mine) {
    *mine = s->mine;
    return &s->spec;
}

size_t ls_sampler_steps(const ls_sampler *s) {
    return s->steps;
}

size_t ls_sampler_rows(const ls_sampler *s) {
    return s->lane_first[s->mine.count];
}

const uint32_t *ls_sampler_row(const ls_sampler *s) {
    return s->row;
}

size_t ls_sampler_blocks(const ls_sampler *s, const size_t **first) {
    *first = s->block_slot;
    return s->block_first[s->mine.count];
}

size_t ls_sampler_lane_rows(const ls_sampler *s, size_t lane) {
    return s->lane_rows[lane];
}

/* A lane's slots with its blocks permuted, into sequence. */
static void permute_blocks(ls_sampler *s, size_t i, uint32_t epoch, uint32_t *sequence,
                           uint32_t *blocks) {
    uint32_t lane = (uint32_t)(s->mine.first + i);
    size_t first = s->block_first[i], n = s->block_first[i + 1] - first, at = 0;
    ls_random_permutation(ls_random_key_make(s->spec.seed, LS_RANDOM_LANE_BLOCKS, lane), epoch,
                          blocks, n);
    for (size_t b = 0; b < n; b++)
        for (size_t k = 0; k < s->block_size[first + blocks[b]]; k++)
            sequence[at++] = (uint32_t)(s->block_slot[first + blocks[b]] + k);
}

/* Draws each row at random from the next `window` rows that have not been drawn: the window is
 * the front of sequence, a drawn row's place is taken by the next one behind the window. */
static void shuffle_window(const ls_sampler *s, size_t i, uint32_t epoch, uint32_t *sequence,
                           uint32_t *order) {
    uint32_t lane = (uint32_t)(s->mine.first + i);
    ls_random_key key = ls_random_key_make(s->spec.seed, LS_RANDOM_LANE_ROWS, lane);
    size_t n = s->lane_first[i + 1] - s->lane_first[i];
    size_t open = n < s->spec.window ? n : s->spec.window, next = open;
    for (size_t k = 0; k < n; k++) {
        uint32_t draw[4];
        ls_random_quad(key, epoch, (uint32_t)k, 0, draw);
        size_t j = (size_t)ls_random_below(draw[0], draw[1], open);
        order[k] = sequence[j];
        sequence[j] = next < n ? sequence[next++] : sequence[--open];
    }
}

static void shuffle(ls_sampler *s, uint32_t epoch) {
    uint32_t *blocks = s->sequence + ls_sampler_rows(s);
    for (size_t i = 0; i < s->mine.count; i++) {
        uint32_t *sequence = s->sequence + s->lane_first[i];
        permute_blocks(s, i, epoch, sequence, blocks + s->block_first[i]);
        shuffle_window(s, i, epoch, sequence, s->order + s->lane_first[i]);
    }
}

static void draw(ls_sampler *s, uint32_t epoch) {
    for (size_t i = 0; i < s->mine.count; i++) {
        const uint32_t lane = (uint32_t)(s->mine.first + i);
        ls_balance_draw(s->balance, i, ls_random_key_make(s->spec.seed, LS_RANDOM_BALANCE, lane),
                        epoch, s->lane_first[i + 1] - s->lane_first[i],
                        s->order + s->lane_first[i]);
    }
}

void ls_sampler_begin_epoch(ls_sampler *s, uint32_t epoch) {
    if (s->balance != NULL)
        draw(s, epoch);
    else
        shuffle(s, epoch);
    s->epoch = epoch;
}

/* Rows that a lane of n rows gives to a step. */
static size_t lane_step(const ls_sampler *s, size_t n, size_t step) {
    size_t first = step * s->per_lane;
    if (first >= n)
        return 0;
    return n - first < s->per_lane ? n - first : s->per_lane;
}

size_t ls_sampler_step(const ls_sampler *s, size_t step, size_t *first, size_t *slot,
                       uint32_t *position) {
    size_t at = 0, all = 0;
    for (size_t i = 0; i < s->mine.count; i++) {
        size_t lane = s->mine.first + i;
        size_t n = lane_step(s, s->lane_rows[lane], step);
        first[i] = at;
        for (size_t k = 0; k < n; k++, at++) {
            slot[at] = s->order[s->lane_first[i] + step * s->per_lane + k];
            position[at] = (uint32_t)(step * s->spec.batch + lane * s->per_lane + k);
        }
    }
    first[s->mine.count] = at;
    for (size_t l = 0; l < s->spec.lanes; l++)
        all += lane_step(s, s->lane_rows[l], step);
    return all;
}
