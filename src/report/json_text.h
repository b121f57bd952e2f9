/* Text from files in JSON. Private to report. */
#ifndef LS_REPORT_JSON_TEXT_H
#define LS_REPORT_JSON_TEXT_H

#include <jansson.h>

/* s as a JSON string. Names of files made elsewhere need not be UTF-8, JSON must be: other bytes
 * become \xNN, so that no name is lost. */
json_t *ls_json_text(const char *s);

#endif
