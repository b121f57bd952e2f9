/* What ties the options of a config together; their table is config_table.c. */
#include "lockstep/train/config.h"

#include <math.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/optim/optimizer.h"

#define DEFAULT_LANES 8

static ls_status check_split(ls_config_split *s, const char *where) {
    if (!s->given)
        return LS_OK;
    bool none = isnan(s->train) && isnan(s->val) && isnan(s->test);
    if (isnan(s->val))
        s->val = none ? 0.1 : 0;
    if (isnan(s->test))
        s->test = none ? 0.1 : 0;
    if (isnan(s->train))
        s->train = 1 - s->val - s->test;
    if (fabs(s->train + s->val + s->test - 1) > 1e-6)
        return ls_hint(ls_fail(LS_ERR_CONFIG, where, "data.split: train, val and test make %g",
                               s->train + s->val + s->test),
                       "together they must make 1");
    if (s->train <= 0)
        return ls_fail(LS_ERR_CONFIG, where, "data.split: nothing is left to train on");
    return LS_OK;
}

static int64_t default_lanes(int64_t size) {
    int64_t lanes = 1;
    for (int64_t l = 2; l <= DEFAULT_LANES; l++)
        if (size % l == 0)
            lanes = l;
    return lanes;
}

static ls_status check_batch(ls_config_batch *b, const char *where) {
    if (b->lanes == LS_OPT_UNSET)
        b->lanes = b->size == LS_BATCH_ALL ? DEFAULT_LANES : default_lanes(b->size);
    b->rows = b->size == LS_BATCH_ALL ? 0 : b->size;
    if (b->rows % b->lanes != 0)
        return ls_hint(ls_fail(LS_ERR_CONFIG, where,
                               "batch.size: %lld is not divisible by batch.lanes: %lld",
                               (long long)b->size, (long long)b->lanes),
                       "choose a batch size that is a multiple of the lanes");
    return LS_OK;
}

/* A draw may fall on any row. */
static ls_status check_sampling(const ls_config *c, const char *where) {
    if (c->batch.sampling != LS_SAMPLING_BALANCED || c->data.memory != LS_MEMORY_STREAM)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_CONFIG, where,
                           "batch.sampling: balanced draws from rows in memory, but data.memory is "
                           "stream"),
                   "set data.memory: resident, or use class_weights: balanced with batch.sampling: "
                   "shuffle");
}

static ls_status check_name(const ls_config *c, const char *where) {
    if (c->name == NULL || c->name[0] == '\0' || strchr(c->name, '/') != NULL || c->name[0] == '.')
        return ls_fail(LS_ERR_CONFIG, where,
                       "name: it must be a plain word, as it names a directory");
    return LS_OK;
}

/* Strings that the table lets be null but that must say something. */
static ls_status check_strings(const ls_config *c, const char *where) {
    const struct {
        const char *key, *value;
    } needed[] = {{"data.file", c->data.file},
                  {"data.x", c->data.x},
                  {"data.y", c->data.y},
                  {"data.classes", c->data.classes},
                  {"data.features", c->data.features},
                  {"data.samples", c->data.samples},
                  {"data.split_array", c->data.split_array},
                  {"train.early_stopping.monitor", c->train.early_stopping.monitor}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (needed[i].value == NULL || needed[i].value[0] == '\0')
            return ls_fail(LS_ERR_CONFIG, where, "%s: it must not be empty", needed[i].key);
    if (c->model.count == 0)
        return ls_fail(LS_ERR_CONFIG, where, "model: it has no layers");
    return LS_OK;
}

static ls_status resolve(ls_config *c, const char *where) {
    LS_TRY(check_name(c, where));
    LS_TRY(check_strings(c, where));
    LS_TRY(check_split(&c->data.split, where));
    LS_TRY(check_sampling(c, where));
    LS_TRY(ls_optimizer_check(&c->optimizer, where));
    LS_TRY(ls_warmup_check(&c->warmup, where));
    return check_batch(&c->batch, where);
}

static ls_status from_node(const ls_node *node, const char *where, ls_config *out) {
    *out = (ls_config){0};
    LS_TRY(ls_options_read(ls_config_table, node, out));
    ls_status st = resolve(out, where);
    if (st != LS_OK)
        ls_config_free(out);
    return st;
}

ls_status ls_config_read(const char *path, const char *const *sets, size_t n_sets, ls_config *out) {
    ls_node *node = NULL;
    LS_TRY(ls_node_parse_file(path, &node));
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < n_sets; i++)
        st = ls_node_set(node, sets[i]);
    if (st == LS_OK)
        st = from_node(node, path, out);
    ls_node_destroy(node);
    return st;
}

ls_status ls_config_read_text(const char *text, const char *where, ls_config *out) {
    ls_node *node = NULL;
    LS_TRY(ls_node_parse(text, where, "", &node));
    ls_status st = from_node(node, where, out);
    ls_node_destroy(node);
    return st;
}

void ls_config_free(ls_config *config) {
    ls_options_free(ls_config_table, config);
    *config = (ls_config){0};
}

ls_status ls_config_dump(const ls_config *config, char **out) {
    ls_buffer b = {0};
    ls_options_dump(ls_config_table, config, &b);
    ls_status st = b.status;
    if (st == LS_OK)
        *out = b.data;
    else
        ls_buffer_free(&b);
    return st;
}

ls_dataset_paths ls_config_paths(const ls_config *c) {
    return (ls_dataset_paths){.file = c->data.file,
                              .x = c->data.x,
                              .y = c->data.y,
                              .classes = c->data.classes,
                              .features = c->data.features,
                              .samples = c->data.samples,
                              .groups =
                                  c->data.split.group != NULL ? c->data.split.group : "/groups",
                              .split = c->data.split_array,
                              .weights = c->data.weights,
                              .layout = c->data.layout};
}
