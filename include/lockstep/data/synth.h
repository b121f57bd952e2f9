/* Synthetic datasets, of any size and from a seed alone.
 *
 * Why here: speed and scaling are measured, and users try things out, where the real data are
 * not at hand. A row a kind. Never claims to be data: the names in the file say so.
 */
#ifndef LS_DATA_SYNTH_H
#define LS_DATA_SYNTH_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"

typedef struct ls_synth_size {
    size_t samples, features, classes, donors;
} ls_synth_size;

typedef struct ls_synth_kind {
    const char *name;
    const char *help;
    ls_synth_size fallback; /* what is made when nothing is asked for */
    ls_synth_size most;     /* the largest that it can make */
    ls_status (*run)(ls_synth_size size, uint32_t seed, const char *out, int gzip_level,
                     ls_log *log);
} ls_synth_kind;

/* All kinds, ended by NULL. */
extern const ls_synth_kind *const ls_synth_kinds[];

/* The kind of that name. Errors: ERR_USAGE, with the nearest. */
ls_status ls_synth_find(const char *name, const ls_synth_kind **out) LS_MUST_CHECK;

/* Makes a dataset file; zeros in size take the kind's own. The file's bytes follow from kind,
 * size, seed and gzip_level alone, on any number of threads. Uses OpenMP. Errors: ERR_USAGE: a
 * size that is too large, fewer samples than classes; ERR_IO. */
ls_status ls_synth_run(const ls_synth_kind *kind, ls_synth_size size, uint32_t seed,
                       const char *out, int gzip_level, ls_log *log) LS_MUST_CHECK;

#endif
