/* The choice among the GEMM libraries. */
#include "gemm_backend.h"
#include "lockstep/base/error.h"

/* One that is not in this build is not linked. */
#define ENTRY(name, built, needs) {#name, (built) ? &ls_gemm_##name : NULL, needs},
static const struct {
    const char *name;
    const ls_gemm *gemm; /* NULL: not in this build */
    const char *needs;
} table[] = {LS_GEMM_LIBRARIES(ENTRY)};

enum { COUNT = sizeof table / sizeof *table };

#define WORD(name, built, needs) "|" #name
const char ls_gemm_words[] = "auto" LS_GEMM_LIBRARIES(WORD);

int ls_gemm_kinds(void) {
    return COUNT;
}

static ls_status open_kind(int kind, const ls_gemm **out) {
    const size_t row = (size_t)kind - 1;
    ls_status st = LS_OK;
    if (table[row].gemm == NULL)
        st = ls_fail(LS_ERR_RUNTIME, "compute.gemm", "this lockstep was built without %s",
                     table[row].name);
    else
        st = table[row].gemm->check();
    if (st == LS_OK)
        *out = table[row].gemm;
    return ls_hint(st, "build it where %s; or start a run of its own with compute.gemm: openblas",
                   table[row].needs);
}

ls_status ls_gemm_choose(int kind, const ls_gemm **out) {
    for (int best = COUNT; kind == LS_GEMM_AUTO && best > LS_GEMM_OPENBLAS; best--)
        if (open_kind(best, out) == LS_OK)
            return LS_OK;
    return open_kind(kind == LS_GEMM_AUTO ? LS_GEMM_OPENBLAS : kind, out);
}

ls_status ls_gemm_create_bf16(ls_gemm **out) {
#if LS_HAVE_ONEDNN
    ls_status st = ls_gemm_onednn_create(out);
#else
    (void)out;
    ls_status st =
        ls_fail(LS_ERR_RUNTIME, "precision: bf16", "this lockstep was built without oneDNN");
#endif
    return ls_hint(st, "build it where oneDNN 2 is installed (Debian: libdnnl-dev), on a processor "
                       "with AMX or AVX512-BF16; or use precision: f32");
}

void ls_gemm_destroy(ls_gemm *gemm) {
    if (gemm != NULL && gemm->destroy != NULL)
        gemm->destroy(gemm);
}

ls_status ls_gemm_status(const ls_gemm *gemm) {
    if (gemm->status == NULL)
        return LS_OK;
    return ls_hint(gemm->status(gemm),
                   "start it again (train with --resume), on another machine if it fails again; a "
                   "run of its own with precision: f32 does without it");
}

ls_strips ls_gemm_strips(const ls_gemm *gemm, size_t out, size_t in) {
    return (ls_strips){out, in, gemm->strip};
}

size_t ls_gemm_bytes(const ls_gemm *gemm) {
    return gemm->bytes;
}

int ls_gemm_kind_of(const ls_gemm *gemm) {
    int kind = COUNT;
    while (kind > LS_GEMM_OPENBLAS && table[kind - 1].gemm != gemm)
        kind--;
    return kind;
}

const char *ls_gemm_name(const ls_gemm *gemm) {
    return gemm->name;
}

char *ls_gemm_describe(const ls_gemm *gemm, char *buffer, size_t size) {
    return gemm->describe(buffer, size);
}
