/* Single values as YAML text that every YAML 1.1 or 1.2 reader takes for what it is. */
#ifndef LS_OPT_EMIT_H
#define LS_OPT_EMIT_H

#include "lockstep/base/text.h"

/* Plain where no reader can take it for something else, else in double quotes. */
void ls_emit_string(const char *text, ls_buffer *out);

/* The shortest text that reads back the same, with a '.' and a sign in the exponent; null for
 * NaN. */
void ls_emit_double(double x, ls_buffer *out);

/* As ls_emit_double, with the digits that a float needs. */
void ls_emit_float(float x, ls_buffer *out);

#endif
