/* Allocation: overflow-checked, zeroed, aligned to a cache line and never NULL on success.
 *
 * Why here: every allocation of lockstep goes through these, so that a failure has one message
 * and large arrays are aligned for vector code. Never allocates inside a training step.
 */
#ifndef LS_BASE_MEMORY_H
#define LS_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"

#define LS_ALIGNMENT 64

/* *out = count * size zeroed bytes, aligned to LS_ALIGNMENT (a valid pointer for 0 bytes too).
 * what names the array in the error message. Errors: ERR_MEMORY. */
ls_status ls_alloc(size_t count, size_t size, const char *what, void *out) LS_MUST_CHECK;

/* Frees what ls_alloc gave; safe on NULL. */
void ls_free(void *p);

/* Sets bytes to 0 by all threads, huge page by huge page: where memory is touched for the first
 * time it comes to be near them. */
void ls_zero(void *memory, size_t bytes);

/* Grows *array (of *capacity elements) so that it holds at least wanted elements; keeps the
 * contents, doubles at least. Errors: ERR_MEMORY. */
ls_status ls_grow(void *array, size_t *capacity, size_t wanted, size_t size,
                  const char *what) LS_MUST_CHECK;

/* Bytes that this process may still take: what the machine has left, or less where a control group
 * (a batch job) has a limit. UINT64_MAX where the system does not tell. */
uint64_t ls_available_bytes(void);

/* Peak resident memory of this process in bytes, 0 where the system does not tell. */
uint64_t ls_peak_rss_bytes(void);

#endif
