/* The table of synthetic datasets.
 * Why here: see lockstep/data/synth.h. Never makes a value itself. */
#include "lockstep/data/synth.h"

#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/text.h"
#include "synth_private.h"

const ls_synth_kind *const ls_synth_kinds[] = {&ls_synth_gtex, NULL};

ls_status ls_synth_find(const char *name, const ls_synth_kind **out) {
    const char *names[sizeof ls_synth_kinds / sizeof *ls_synth_kinds];
    size_t n = 0;
    for (; ls_synth_kinds[n]; n++) {
        *out = ls_synth_kinds[n];
        names[n] = (*out)->name;
        if (strcmp(names[n], name) == 0)
            return LS_OK;
    }
    return ls_hint_nearest(ls_fail(LS_ERR_USAGE, NULL, "synth: unknown kind of data '%s'", name),
                           name, names, n, "the kinds");
}

static ls_status settle(const char *name, size_t *n, size_t fallback, size_t most) {
    if (*n == 0)
        *n = fallback;
    if (*n <= most)
        return LS_OK;
    char text[32];
    return ls_fail(LS_ERR_USAGE, name, "at most %s", ls_print_count(most, text));
}

ls_status ls_synth_run(const ls_synth_kind *kind, ls_synth_size size, uint32_t seed,
                       const char *out, int gzip_level, ls_log *log) {
    const ls_synth_size *f = &kind->fallback, *most = &kind->most;
    LS_TRY(settle("--samples", &size.samples, f->samples, most->samples));
    LS_TRY(settle("--features", &size.features, f->features, most->features));
    LS_TRY(settle("--classes", &size.classes, f->classes, most->classes));
    LS_TRY(settle("--donors", &size.donors, f->donors, most->donors));
    if (size.samples < size.classes)
        return ls_hint(ls_fail(LS_ERR_USAGE, "--samples", "%zu samples are too few for %zu classes",
                               size.samples, size.classes),
                       "ask for fewer classes with --classes");
    return kind->run(size, seed, out, gzip_level, log);
}
