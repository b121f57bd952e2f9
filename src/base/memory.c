/* Aligned, zeroed allocation; large blocks ask for huge pages.
 *
 * Why here: see memory.h. Large blocks are zeroed by all threads, so that their pages lie where
 * the threads that will use them run. Never hands out memory that was not written to: a later
 * page fault cannot run out of memory in the middle of a step.
 */
#include "lockstep/base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "lockstep/base/error.h"
#include "lockstep/base/text.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define LARGE_BYTES (2 * HUGE_PAGE_BYTES)

void ls_zero(void *memory, size_t bytes) {
    char *p = memory;
    int64_t pieces = (int64_t)((bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < pieces; i++) {
        size_t first = (size_t)i * HUGE_PAGE_BYTES;
        size_t rest = bytes - first;
        memset(p + first, 0, rest < HUGE_PAGE_BYTES ? rest : HUGE_PAGE_BYTES);
    }
}

static void *alloc_zeroed(size_t bytes) {
    void *p = NULL;
    if (bytes < LARGE_BYTES) {
        if (posix_memalign(&p, LS_ALIGNMENT, bytes > 0 ? bytes : 1) != 0)
            return NULL;
        return memset(p, 0, bytes > 0 ? bytes : 1);
    }
    if (posix_memalign(&p, HUGE_PAGE_BYTES, bytes) != 0)
        return NULL;
    (void)madvise(p, bytes, MADV_HUGEPAGE); /* a wish: a kernel without it serves as well */
    ls_zero(p, bytes);
    return p;
}

static ls_status fail_memory(double bytes, const char *what) {
    char size[32];
    return ls_hint(
        ls_fail(LS_ERR_MEMORY, NULL, "%s: no memory for %s", what, ls_print_bytes(bytes, size)),
        "free memory on this machine, use more machines, or make the problem smaller");
}

ls_status ls_alloc(size_t count, size_t size, const char *what, void *out) {
    size_t bytes;
    void *p = NULL;
    if (!__builtin_mul_overflow(count, size, &bytes) && bytes <= PTRDIFF_MAX)
        p = alloc_zeroed(bytes);
    memcpy(out, &p, sizeof p);
    return p != NULL ? LS_OK : fail_memory((double)count * (double)size, what);
}

void ls_free(void *p) {
    free(p);
}

ls_status ls_grow(void *array, size_t *capacity, size_t wanted, size_t size, const char *what) {
    if (wanted <= *capacity)
        return LS_OK;
    size_t next = wanted;
    if (*capacity <= SIZE_MAX / 2 && next < 2 * *capacity)
        next = 2 * *capacity;
    if (next < 16)
        next = 16;
    void *old, *grown;
    LS_TRY(ls_alloc(next, size, what, &grown));
    memcpy(&old, array, sizeof old);
    if (old != NULL)
        memcpy(grown, old, *capacity * size);
    ls_free(old);
    memcpy(array, &grown, sizeof grown);
    *capacity = next;
    return LS_OK;
}

uint64_t ls_peak_rss_bytes(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0 || usage.ru_maxrss < 0)
        return 0;
    return (uint64_t)usage.ru_maxrss * 1024;
}
