/* Text from files in JSON. Why here: see json_text.h. Never drops a name. */
#include "json_text.h"

#include "lockstep/base/text.h"

json_t *ls_json_text(const char *s) {
    ls_buffer b = {0};
    ls_buffer_add(&b, "");
    ls_buffer_add_utf8(&b, s);
    json_t *text = b.status == LS_OK ? json_string(b.data) : NULL;
    ls_buffer_free(&b);
    return text;
}
