/* Schedules against their formulas, written here once more; tests/parity compares them with
 * PyTorch's. */
#include <math.h>

#include "lockstep/opt/options.h"
#include "lockstep/optim/schedule.h"
#include "test_files.h"

typedef struct holder {
    ls_choice schedule;
} holder;

static const ls_opt table[] = {{.key = "schedule",
                                .kind = LS_OPT_CHOICE,
                                .offset = offsetof(holder, schedule),
                                .choices = &ls_schedule_choices,
                                .help = "schedule"},
                               {.kind = LS_OPT_END}};

static holder holder_of(const char *yaml) {
    holder h = {0};
    char text[200];
    ls_node *node = NULL;
    (void)snprintf(text, sizeof text, "schedule: %s", yaml);
    OK(ls_node_parse(text, "test", "", &node));
    if (ls_options_read(table, node, &h) != LS_OK)
        fail_msg("%s: %s", yaml, ls_error_last()->message);
    ls_node_destroy(node);
    return h;
}

enum { EPOCH = 7, EPOCHS = 9, UPDATES = EPOCH * EPOCHS };
#define PI 3.14159265358979323846

static ls_schedule_at at_update(uint64_t update, const ls_schedule_state *state) {
    return (ls_schedule_at){update, EPOCH, EPOCHS, 0.5, state};
}

/* ---- formulas: t the update, e its epoch ---- */

typedef double formula(int t, int e);

static double constant(int t, int e) {
    (void)t;
    (void)e;
    return 1;
}

static double halved(int t, int e) {
    (void)t;
    return e < 2 ? 1 : e < 4 ? 0.5 : e < 6 ? 0.25 : e < 8 ? 0.125 : 0.0625;
}

static double to_nothing(int t, int e) {
    (void)t;
    return e < 3 ? 1 : 0;
}

static double exponential(int t, int e) {
    double f = 1;
    (void)t;
    for (int i = 0; i < e; i++)
        f *= 0.9;
    return f;
}

static double inverse_time(int t, int e) {
    (void)e;
    return 4 / (4.0 + t);
}

static double line(int t, int e) {
    (void)e;
    return (UPDATES - t) / (double)UPDATES;
}

static double square(int t, int e) {
    (void)e;
    const double left = t < 4 * EPOCH ? 1 - t / (4.0 * EPOCH) : 0;
    return 0.25 + 0.75 * left * left;
}

static double half_cosine(int t, int e) {
    (void)e;
    return pow(cos(PI / 2 * t / UPDATES), 2); /* (1 + cos 2x) / 2 */
}

static double restarts(int t, int e) { /* at epochs 0, 2, 4, ... */
    (void)e;
    return 0.1 + 0.9 * pow(cos(PI / 2 * (t % (2 * EPOCH)) / (2 * EPOCH)), 2);
}

static double growing(int t, int e) { /* periods of 1, 2, 4 and 8 epochs */
    const int begin = e < 1 ? 0 : e < 3 ? 1 : e < 7 ? 3 : 7, length = begin + 1;
    return pow(cos(PI / 2 * (t - begin * EPOCH) / (length * EPOCH)), 2);
}

static double one_cycle(int t, int e) { /* a third of it up */
    (void)e;
    const double top = UPDATES / 3.0 - 1, last = UPDATES - 1, low = 1 / 25.0, end = low / 10000;
    if (t <= top)
        return 1 - (1 - low) * pow(cos(PI / 2 * t / top), 2);
    return end + (1 - end) * pow(cos(PI / 2 * (t - top) / (last - top)), 2);
}

static const struct {
    const char *name, *yaml;
    formula *factor;
    bool needs_epochs;
} cases[] = {
    {"constant", "constant", constant, false},
    {"step", "{step: {every: 2, factor: 0.5}}", halved, false},
    {"step", "{step: {every: 3, factor: 0}}", to_nothing, false},
    {"exponential", "{exponential: 0.9}", exponential, false},
    {"inverse_time", "{inverse_time: 0.25}", inverse_time, false},
    {"polynomial", "polynomial", line, true},
    {"polynomial", "{polynomial: {power: 2, final: 0.25, epochs: 4}}", square, false},
    {"cosine", "cosine", half_cosine, true},
    {"cosine", "{cosine: {epochs: 2, final: 0.1}}", restarts, false},
    {"cosine", "{cosine: {epochs: 1, multiplier: 2}}", growing, false},
    {"one_cycle", "{one_cycle: {pct_start: 0.3333333333333333}}", one_cycle, true},
};

/* 1e-12: float64, and an argument of the cosine that is rounded differently. */
static void formulas(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        holder h = holder_of(cases[i].yaml);
        assert_string_equal(h.schedule.row->name, cases[i].name);
        assert_int_equal(ls_schedule_needs_epochs(&h.schedule), cases[i].needs_epochs);
        assert_null(ls_schedule_monitor(&h.schedule));
        for (int t = 0; t < UPDATES; t++) {
            const ls_schedule_at at = at_update((uint64_t)t, NULL);
            const double got = ls_schedule_factor(&h.schedule, &at),
                         want = cases[i].factor(t, t / EPOCH);
            if (!(fabs(got - want) <= 1e-12))
                fail_msg("%s: update %d has %.17g, wanted %.17g", cases[i].yaml, t, got, want);
        }
        ls_options_free(table, &h);
    }
}

/* plateau has tests of its own. */
static void every_schedule_is_tested(void **state) {
    (void)state;
    for (size_t r = 0; ls_schedule_choices.rows[r] != NULL; r++) {
        const char *name = ls_schedule_choices.rows[r]->name;
        bool found = strcmp(name, "plateau") == 0;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            found = found || strcmp(name, cases[i].name) == 0;
        if (!found)
            fail_msg("no formula for schedule %s", name);
    }
}

/* The first update of a period has the whole rate, also far from the begin. */
static void restarts_are_exact(void **state) {
    (void)state;
    holder h = holder_of("{cosine: {epochs: 3, multiplier: 3}}");
    uint64_t begin = 0, period = 3 * 1001;
    for (int i = 0; i < 20; i++, begin += period, period *= 3) {
        ls_schedule_at at = {begin, 1001, 1, 1, NULL};
        assert_true(ls_schedule_factor(&h.schedule, &at) == 1.0);
        at.update = begin + period - 1;
        const double last = ls_schedule_factor(&h.schedule, &at);
        assert_true(last >= 0 && last < 1e-6);
    }
    ls_options_free(table, &h);
}

/* A training so short that nothing rises, or nothing falls. */
static void short_cycles(void **state) {
    (void)state;
    static const struct {
        const char *yaml;
        uint64_t updates;
        double want[3];
    } some[] = {
        {"{one_cycle: {div_factor: 4, final_div_factor: 5}}", 1, {0.05}},
        {"{one_cycle: {div_factor: 4, final_div_factor: 5, pct_start: 0.5}}", 2, {1, 0.05}},
        {"{one_cycle: {div_factor: 4, final_div_factor: 5, pct_start: 1}}", 1, {1}},
        {"{one_cycle: {div_factor: 4, final_div_factor: 5, pct_start: 1}}", 3, {0.25, 0.625, 1}},
        {"{one_cycle: {div_factor: 4, final_div_factor: 5, pct_start: 0}}",
         3,
         {0.05 + 0.95 * 0.75, 0.05 + 0.95 * 0.25, 0.05}},
    };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        holder h = holder_of(some[i].yaml);
        for (uint64_t t = 0; t < some[i].updates; t++) {
            const ls_schedule_at at = {t, 1, some[i].updates, 1, NULL};
            assert_true(fabs(ls_schedule_factor(&h.schedule, &at) - some[i].want[t]) < 1e-12);
        }
        ls_options_free(table, &h);
    }
}

static void warmup(void **state) {
    (void)state;
    const ls_warmup none = {false, LS_OPT_UNSET, NAN, 0.1};
    const ls_warmup steps = {true, 4, NAN, 0.5};
    const ls_warmup part = {true, LS_OPT_UNSET, 0.5, 0}; /* of an epoch: 3.5 updates */
    const ls_warmup first = {true, LS_OPT_UNSET, 0.01, 0.25};
    for (uint64_t t = 0; t < 9; t++) {
        const ls_schedule_at at = at_update(t, NULL);
        assert_true(ls_warmup_factor(&none, &at) == 1.0);
        assert_true(ls_warmup_factor(&steps, &at) == (t < 4 ? 0.5 + 0.125 * (double)t : 1.0));
        assert_true(ls_warmup_factor(&part, &at) == (t < 4 ? (double)t / 3.5 : 1.0));
        assert_true(ls_warmup_factor(&first, &at) == (t < 1 ? 0.25 : 1.0));
    }
}

/* ---- plateau ---- */

/* Tells the values of a metric after an epoch each; gives the number of reductions after each. */
static void observe(const holder *h, const double *value, size_t n, bool higher,
                    uint64_t *reductions) {
    ls_schedule_state state = {0};
    for (size_t i = 0; i < n; i++) {
        ls_schedule_observe(&h->schedule, value[i], higher, &state);
        reductions[i] = state.reductions;
    }
}

static void plateau_waits(void **state) {
    (void)state;
    enum { VALUES = 12 };
    static const struct {
        const char *yaml;
        double value[VALUES];
        uint64_t want[VALUES];
    } some[] = {
        /* Two epochs in a row that are no better are let pass, the third is not. */
        {"{plateau: {patience: 2, min_delta: 0}}",
         {5, 5, 6, 4, 4, 4, 4, 4, 4, 4, 3, 4},
         {0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2}},
        /* Better by no more than min_delta is no better: below 5 is what is below 4. */
        {"{plateau: {patience: 0, min_delta: 1}}",
         {5, 4, 3.5, 3, 2.25, 1.5, 1.25, 1.25, 0.5, 0, 0, 0},
         {0, 1, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8}},
        /* After a reduction two epochs do not count. */
        {"{plateau: {patience: 1, min_delta: 0, cooldown: 2}}",
         {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
         {0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3}},
        /* No value is no improvement, and nothing to compare with. */
        {"{plateau: {patience: 2, min_delta: 0}}",
         {NAN, NAN, 9, 8, NAN, NAN, NAN, 7, 7, 7, 7, 7},
         {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2}},
    };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        for (int higher = 0; higher <= 1; higher++) {
            holder h = holder_of(some[i].yaml);
            double value[VALUES];
            uint64_t got[VALUES];
            for (size_t k = 0; k < VALUES; k++)
                value[k] = higher ? -some[i].value[k] : some[i].value[k];
            observe(&h, value, VALUES, higher, got);
            for (size_t k = 0; k < VALUES; k++)
                if (got[k] != some[i].want[k])
                    fail_msg("case %zu: %llu reductions after epoch %zu, wanted %llu", i,
                             (unsigned long long)got[k], k + 1,
                             (unsigned long long)some[i].want[k]);
            ls_options_free(table, &h);
        }
}

static void plateau_reduces(void **state) {
    (void)state;
    holder h = holder_of("{plateau: {monitor: val_mae, factor: 0.5, min_lr: 0.1}}");
    assert_string_equal(ls_schedule_monitor(&h.schedule), "val_mae");
    assert_false(ls_schedule_needs_epochs(&h.schedule));
    static const double want[] = {1, 0.5, 0.25, 0.2, 0.2}; /* 0.2 * 0.5 = 0.1 */
    for (uint64_t r = 0; r < 5; r++) {
        const ls_schedule_state s = {.reductions = r};
        ls_schedule_at at = at_update(3, &s);
        assert_true(ls_schedule_factor(&h.schedule, &at) == want[r]);
        at.lr = 0.05; /* it is below min_lr already, and stays */
        assert_true(ls_schedule_factor(&h.schedule, &at) == 1.0);
        at.lr = 0;
        assert_true(isfinite(ls_schedule_factor(&h.schedule, &at)));
    }
    ls_options_free(table, &h);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(formulas),
                                       cmocka_unit_test(every_schedule_is_tested),
                                       cmocka_unit_test(restarts_are_exact),
                                       cmocka_unit_test(short_cycles),
                                       cmocka_unit_test(warmup),
                                       cmocka_unit_test(plateau_waits),
                                       cmocka_unit_test(plateau_reduces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
