/* Formatted text from a va_list, for the functions of base that take "...". Never printed here. */
#ifndef LS_BASE_VFORMAT_H
#define LS_BASE_VFORMAT_H

#include <stdarg.h>

#include "lockstep/base/status.h"

/* *out = the formatted text, freed with ls_free. Errors: ERR_MEMORY. */
ls_status ls_vformat(char **out, const char *format, va_list args)
    __attribute__((format(printf, 2, 0))) LS_MUST_CHECK;

#endif
