/* What log.c and progress.c share: the one line of the terminal that a bar may occupy. */
#ifndef LS_BASE_LOG_INTERNAL_H
#define LS_BASE_LOG_INTERNAL_H

#include <stdbool.h>
#include <stdio.h>

#include "lockstep/base/log.h"
#include "lockstep/base/text.h"

struct ls_log {
    bool quiet;
    FILE *file; /* NULL: none */
    char *file_name;
    ls_buffer early;   /* what was said before a file was opened, as it will stand there */
    bool file_failed;  /* a write failed: said once, then the file is left alone */
    bool bar_is_shown; /* the cursor stands behind a bar, which the next line must wipe */
};

/* Writes one whole line, wiping a bar before it. */
void ls_log_stderr(ls_log *log, const char *prefix, const char *line);

#define LS_WIPE_LINE "\r\033[K"

#endif
