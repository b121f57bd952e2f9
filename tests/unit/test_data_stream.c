/* Streams: order and values of rows are those of rows in memory, for all shapes of runs, from any
 * step on; memory is bounded; an error comes at its step, whatever the thread was at. */
#include <math.h>

#include "lockstep/comm/comm.h"
#include "lockstep/data/loader.h"
#include "lockstep/data/split.h"
#include "lockstep/data/stream.h"
#include "lockstep/data/writer.h"
#include "numbers.h"
#include "test_chain.h"
#include "test_files.h"

/* Two chunks of columns, four of rows; a third of the rows does not train. */
enum { N = 900, D = 530, TRAIN = N / 3 * 2, BATCH_MOST = 64, LANES_MOST = 8 };

/* n_rows, batch, lanes, block_rows, window, drop_last, seed. */
static const ls_sampler_spec specs[] = {
    {TRAIN, 64, 8, 32, 1024, false, 1}, /* all in the window */
    {TRAIN, 64, 8, 8, 12, false, 2},      {TRAIN - 3, 48, 8, 7, 1, false, 3},
    {TRAIN - 1, 10, 1, 32, 50, false, 4}, {TRAIN, 60, 3, 1, 7, false, 5},
    {TRAIN, 64, 8, 16, 10, true, 6},      {5, 32, 8, 32, 1024, false, 7}, /* lanes without rows */
    {TRAIN, 64, 2, 500, 3, false, 8}, /* blocks larger than lanes need */
};
enum { SPECS = sizeof specs / sizeof *specs };

static ls_comm *comm;
static float x[N * D];

static void write_x(const char *name) {
    ls_dataset_writer *w = NULL;
    OK(ls_dataset_writer_create(at(name), N, D, 0, &w));
    OK(ls_dataset_writer_block(w, 0, N, 0, D, x));
    OK(ls_dataset_writer_finish(w, NULL));
}

static ls_dataset *open_x(const char *name) {
    ls_dataset *ds = NULL;
    ls_dataset_paths paths = ls_dataset_default_paths(at(name));
    OK(ls_dataset_open(&paths, &ds));
    return ds;
}

static bool trains(size_t row) {
    return row % 3 != 1;
}

/* What rows in memory are, and a stream of the same. */
typedef struct pair {
    ls_dataset *ds;
    ls_transforms *transforms;
    ls_loader *loader;
    ls_sampler *sampler;
    size_t slots, width;
    size_t *row; /* [slots] */
    uint64_t *sum;
    float *resident; /* [slots + 1, width] */
    ls_stream *stream;
} pair;

static ls_transforms *fitted(ls_dataset *ds) {
    ls_transforms *t = NULL;
    static uint8_t part[N];
    for (size_t i = 0; i < N; i++)
        part[i] = trains(i) ? LS_SPLIT_TRAIN : LS_SPLIT_NONE;
    test_chain chain = chain_of("[log1p, standardize]");
    OK(ls_transforms_fit(comm, ds, part, &chain.list, NULL, &t));
    chain_free(&chain);
    return t;
}

/* The rows in file order, as a run loads them: row[k] has slot[k]. */
static void in_file_order(const pair *p, size_t *row, size_t *slot) {
    size_t n = 0;
    for (size_t r = 0; r < N; r++)
        for (size_t i = 0; i < p->slots; i++)
            if (p->row[i] == r) {
                row[n] = r;
                slot[n++] = i;
            }
    assert_int_equal(n, p->slots);
}

static void read_resident(pair *p) {
    static size_t row[N], slot[N];
    in_file_order(p, row, slot);
    ls_loader_rows all = {
        .row = row, .n = p->slots, .slot = slot, .out = p->resident, .sum = p->sum};
    OK(ls_loader_read(p->loader, &all, 1, NULL));
}

/* The stream reads what `file` holds then; the rest is that of good.h5. */
static pair pair_of(const ls_sampler_spec *spec, ls_tree_range mine,
                    const ls_loader_columns *columns, const char *file) {
    static size_t train[N];
    size_t n = 0;
    pair p = {.ds = open_x("good.h5")};
    p.transforms = fitted(p.ds);
    OK(ls_sampler_create(spec, mine, &p.sampler));
    p.slots = ls_sampler_rows(p.sampler);
    p.width = columns != NULL ? columns->edge[columns->n_blocks] - columns->edge[0] : D;
    for (size_t r = 0; r < N; r++)
        if (trains(r))
            train[n++] = r;
    OK(ls_alloc(p.slots, sizeof *p.row, "rows", &p.row));
    OK(ls_alloc(p.slots, sizeof *p.sum, "sums", &p.sum));
    OK(ls_alloc((p.slots + 1) * p.width, sizeof *p.resident, "rows", &p.resident));
    for (size_t i = 0; i < p.slots; i++)
        p.row[i] = train[ls_sampler_row(p.sampler)[i]];
    OK(ls_loader_create(p.ds, NULL, p.transforms, columns, &p.loader));
    read_resident(&p);
    ls_loader_destroy(p.loader);
    ls_dataset_close(p.ds);
    p.ds = open_x(file);
    OK(ls_dataset_take_parts(p.ds));
    OK(ls_loader_create(p.ds, NULL, p.transforms, columns, &p.loader));
    const ls_stream_spec s = {p.sampler, p.loader, p.row, p.sum, p.width, 2};
    OK(ls_stream_create(&s, &p.stream));
    return p;
}

static void end(pair *p) {
    ls_stream_destroy(p->stream);
    ls_loader_destroy(p->loader);
    ls_dataset_close(p->ds);
    ls_transforms_destroy(p->transforms);
    ls_sampler_destroy(p->sampler);
    ls_free(p->row);
    ls_free(p->sum);
    ls_free(p->resident);
}

/* Takes the steps [from, to) of an epoch, which must be as rows in memory; the last row that is
 * asked for is the one of zeros. Returns the status of the first step that fails, *failed. */
static ls_status walk(pair *p, uint32_t epoch, size_t from, size_t to, size_t *failed) {
    static float got[(BATCH_MOST + 1) * D];
    size_t first[LANES_MOST + 1], slot[BATCH_MOST + 1];
    uint32_t position[BATCH_MOST];
    double wait_s = 0;
    ls_tree_range mine;
    const size_t batch = ls_sampler_made_of(p->sampler, &mine)->batch;
    ls_sampler_begin_epoch(p->sampler, epoch);
    for (size_t step = from; step < to; step++) {
        (void)ls_sampler_step(p->sampler, step, first, slot, position);
        size_t n = first[mine.count];
        if (n < batch)
            slot[n++] = p->slots;
        const ls_status st = ls_stream_take(p->stream, epoch, step, slot, n, got, &wait_s);
        *failed = step;
        if (st != LS_OK)
            return st;
        for (size_t k = 0; k < n; k++)
            assert_memory_equal(got + k * p->width, p->resident + slot[k] * p->width,
                                p->width * sizeof *got);
    }
    assert_true(wait_s >= 0);
    return LS_OK;
}

static ls_status walk_epochs(pair *p, uint32_t epoch, size_t from, uint32_t to) {
    const size_t steps = ls_sampler_steps(p->sampler);
    size_t failed;
    OK(ls_stream_start(p->stream, epoch, from, to));
    for (uint32_t e = epoch; e < to; e++)
        LS_TRY(walk(p, e, e == epoch ? from : 0, steps, &failed));
    return LS_OK;
}

static ls_tree_range all_lanes(const ls_sampler_spec *spec) {
    return (ls_tree_range){0, spec->lanes};
}

static void rows_are_those_in_memory(void **state) {
    (void)state;
    for (size_t c = 0; c < SPECS; c++)
        for (size_t rank = 0; rank < 2; rank++) {
            const ls_tree_range half = ls_share(specs[c].lanes, 2, rank);
            pair p = pair_of(&specs[c], rank == 0 ? all_lanes(&specs[c]) : half, NULL, "good.h5");
            OK(walk_epochs(&p, 0, 0, 4));
            end(&p);
        }
}

static void any_step_can_be_the_first(void **state) {
    (void)state;
    for (size_t c = 0; c < SPECS; c++) {
        pair p = pair_of(&specs[c], all_lanes(&specs[c]), NULL, "good.h5");
        const size_t steps = ls_sampler_steps(p.sampler);
        end(&p);
        for (size_t from = 1; from < steps; from += steps / 4 + 1) {
            p = pair_of(&specs[c], all_lanes(&specs[c]), NULL, "good.h5");
            OK(walk_epochs(&p, 3, from, 6));
            end(&p);
        }
    }
}

static void some_columns(void **state) {
    (void)state;
    static const size_t edge[] = {300, 400, 521};
    const ls_loader_columns columns = {5, 2, edge};
    pair p = pair_of(&specs[1], all_lanes(&specs[1]), &columns, "good.h5");
    OK(walk_epochs(&p, 0, 0, 3));
    end(&p);
}

/* Windows, a step, a block and what is read ahead, of each lane; never more than all rows. */
static void memory_is_bounded(void **state) {
    (void)state;
    for (size_t c = 0; c < SPECS; c++) {
        const ls_sampler_spec *s = &specs[c];
        const size_t step = s->batch / s->lanes;
        ls_sampler *sampler = NULL;
        OK(ls_sampler_create(s, all_lanes(s), &sampler));
        const size_t rows = ls_stream_rows(sampler);
        assert_true(rows <= ls_sampler_rows(sampler));
        assert_true(rows <= s->lanes * (s->window + step + s->block_rows +
                                        2 * (step > s->block_rows ? step : s->block_rows)));
        ls_sampler_destroy(sampler);
    }
    ls_sampler *sampler = NULL;
    OK(ls_sampler_create(&specs[1], all_lanes(&specs[1]), &sampler));
    assert_int_equal(ls_stream_rows(sampler), 8 * (12 + 8 + 8 + 16));
    ls_sampler_destroy(sampler);
}

static void ends_whenever_it_is_told(void **state) {
    (void)state;
    size_t failed;
    pair p = pair_of(&specs[1], all_lanes(&specs[1]), NULL, "good.h5");
    end(&p); /* never started */
    for (size_t steps = 0; steps < 4; steps++) {
        p = pair_of(&specs[1], all_lanes(&specs[1]), NULL, "good.h5");
        OK(ls_stream_start(p.stream, 0, 0, 1000));
        OK(walk(&p, 0, 0, steps, &failed));
        end(&p);
    }
}

/* The step of epoch 0 that uses a row of the block of this slot first. */
static size_t first_step_of_block(pair *p, size_t wanted) {
    size_t first[LANES_MOST + 1], slot[BATCH_MOST];
    uint32_t position[BATCH_MOST];
    const size_t *begin;
    const size_t blocks = ls_sampler_blocks(p->sampler, &begin);
    size_t b = 0;
    while (b + 1 < blocks && begin[b + 1] <= wanted)
        b++;
    ls_sampler_begin_epoch(p->sampler, 0);
    for (size_t step = 0;; step++) {
        (void)ls_sampler_step(p->sampler, step, first, slot, position);
        for (size_t k = 0; k < first[LANES_MOST]; k++)
            if (slot[k] >= begin[b] && slot[k] < begin[b + 1])
                return step;
    }
}

/* A row that is not what it was is found before a step uses it; the error stays. */
static void check_error(size_t row, float value, const char *text) {
    const float good = x[row * D + 17];
    size_t slot = 0, failed = SIZE_MAX;
    char said[LS_ERROR_MESSAGE_MAX];
    x[row * D + 17] = value;
    write_x("bad.h5");
    x[row * D + 17] = good;
    pair p = pair_of(&specs[1], all_lanes(&specs[1]), NULL, "bad.h5");
    while (p.row[slot] != row)
        slot++;
    const size_t steps = ls_sampler_steps(p.sampler), expected = first_step_of_block(&p, slot);
    OK(ls_stream_start(p.stream, 0, 0, 2));
    FAILS(LS_ERR_DATA, text, walk(&p, 0, 0, steps, &failed));
    assert_int_equal(failed, expected);
    snprintf(said, sizeof said, "%s", ls_error_last()->message);
    assert_int_equal(ls_fail(LS_ERR_IO, NULL, "something else"), LS_ERR_IO);
    FAILS(LS_ERR_DATA, said, walk(&p, 0, failed, steps, &failed));
    end(&p);
}

static void errors_come_at_their_step(void **state) {
    (void)state;
    for (size_t row = 0; row < N; row += 171)
        if (trains(row)) {
            char text[64];
            snprintf(text, sizeof text, "row %zu: values have changed", row);
            check_error(row, x[row * D + 17] + 1, text);
            snprintf(text, sizeof text, "row %zu, column 17: missing value", row);
            check_error(row, NAN, text);
        }
}

static int setup(void **state) {
    fill(x, N * D, 1);
    for (size_t i = 0; i < N * D; i++)
        x[i] = fabsf(x[i]);
    if (make_dir(state) != 0)
        return -1;
    write_x("good.h5");
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_those_in_memory),
                                       cmocka_unit_test(any_step_can_be_the_first),
                                       cmocka_unit_test(some_columns),
                                       cmocka_unit_test(memory_is_bounded),
                                       cmocka_unit_test(ends_whenever_it_is_told),
                                       cmocka_unit_test(errors_come_at_their_step)};
    if (ls_comm_init(&argc, &argv, &comm) != LS_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, setup, remove_dir);
    ls_comm_finalize(comm);
    return failed;
}
