/* Failures of JSON in the making. Why here: see lockstep/format/json.h. */
#include "lockstep/format/json.h"

static void drop_failed(json_t **container, int failed) {
    if (!failed)
        return;
    json_decref(*container);
    *container = NULL;
}

/* Jansson takes no NULL for a value or a container, and says so. */
void ls_json_set(json_t **object, const char *key, json_t *value) {
    drop_failed(object, json_object_set_new(*object, key, value));
}

void ls_json_append(json_t **array, json_t *value) {
    drop_failed(array, json_array_append_new(*array, value));
}
