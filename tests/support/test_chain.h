/* Chains of transforms for tests, made by name and number.
 *
 * Why here: the options of a transform are private to it, so a test gives them as the config
 * would: a number for the option that the row's shorthand names. */
#ifndef LS_TESTS_SUPPORT_TEST_CHAIN_H
#define LS_TESTS_SUPPORT_TEST_CHAIN_H

#include "lockstep/data/transform.h"
#include "lockstep/math/functions.h"
#include "lockstep/opt/options.h"
#include "test_files.h"

/* A chain from YAML: "[log1p, scale: 2, select: 100]". Free with chain_free. */
typedef struct test_chain {
    ls_choice_list list;
} test_chain;

static const ls_opt test_chain_table[] = {{.key = "transform",
                                           .kind = LS_OPT_CHOICE_LIST,
                                           .offset = offsetof(test_chain, list),
                                           .fallback = "[]",
                                           .choices = &ls_transform_choices,
                                           .help = "transforms"},
                                          {.kind = LS_OPT_END}};

static inline test_chain chain_of(const char *yaml) {
    test_chain chain = {0};
    ls_node *node = NULL;
    char *text = NULL;
    OK(ls_format(&text, "transform: %s", yaml));
    OK(ls_node_parse(text, "test", "", &node));
    OK(ls_options_read(test_chain_table, node, &chain));
    ls_node_destroy(node);
    ls_free(text);
    return chain;
}

/* Applies a chain to rows in[n, inputs], which are rows `first` and on of ds; out[n, outputs] may
 * be in where there are as many outputs. The status of the first row that fails. */
static inline ls_status apply_rows(const ls_transforms *t, const ls_dataset *ds, size_t first,
                                   size_t n, const float *in, float *out) {
    const size_t inputs = ls_transforms_inputs(t), outputs = ls_transforms_outputs(t);
    float *room = NULL;
    OK(ls_alloc(ls_transforms_room(t), sizeof *room, "test", &room));
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < n; i++)
        st = ls_transforms_apply(t, ds, NULL, first + i, in + i * inputs, 0, outputs,
                                 out + i * outputs, room);
    ls_free(room);
    return st;
}

static inline void chain_free(test_chain *chain) {
    ls_options_free(test_chain_table, chain);
}

/* A chain of so many inputs is planned to have so many outputs, or refused where they are 0. */
static inline void check_planned(const char *yaml, size_t inputs, size_t outputs) {
    test_chain chain = chain_of(yaml);
    size_t planned = 0;
    const ls_status st = ls_transforms_planned_outputs(&chain.list, inputs, &planned);
    assert_int_equal(st, outputs > 0 ? LS_OK : LS_ERR_CONFIG);
    if (st == LS_OK)
        assert_int_equal(planned, outputs);
    chain_free(&chain);
}

/* What a checkpoint keeps of a chain. */
static inline ls_transforms *through_a_checkpoint(const ls_transforms *t) {
    ls_transforms *u = NULL;
    ls_h5 *f = NULL;
    OK(ls_h5_create(at("c.h5"), &f));
    OK(ls_transforms_save(t, f, "/transforms"));
    OK(ls_h5_close(f));
    OK(ls_h5_open(at("c.h5"), &f));
    OK(ls_transforms_load(f, "/transforms", &u));
    ls_h5_destroy(f);
    assert_int_equal(ls_transforms_outputs(t), ls_transforms_outputs(u));
    assert_int_equal(ls_transforms_inputs(t), ls_transforms_inputs(u));
    return u;
}

/* What the transform log1p gives; how exact it is test_math_functions.c tells. */
static inline float log1p_of(float x) {
    ls_log1p_of(1, &x, &x);
    return x;
}

#endif
