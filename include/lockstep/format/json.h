/* JSON objects and arrays in the making: a failure is not lost.
 *
 * Why here: a value that could not be made must not be missing in silence from what is written.
 * Never writes or reads text: that is Jansson's.
 */
#ifndef LS_FORMAT_JSON_H
#define LS_FORMAT_JSON_H

#include <jansson.h>

/* Gives *object, or *array, the value, which it takes over. Where value is NULL or there is no
 * memory, *object is freed and NULL from then on, and so is what it is put into: in the end
 * json_dumps(NULL) gives NULL. */
void ls_json_set(json_t **object, const char *key, json_t *value);
void ls_json_append(json_t **array, json_t *value);

#endif
