/* The state of the numerical environment: OpenBLAS's kind and core type, threads, and the
 * handling of denormals.
 *
 * Why here: the bits of a result depend on these, so they are checked before the first step.
 */
#ifndef LS_MATH_MATH_H
#define LS_MATH_MATH_H

#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/math/gemm.h"

/* Checks that OpenBLAS is its OpenMP build and sets flush-to-zero and denormals-are-zero on
 * every thread. Call once, before any kernel. Errors: ERR_RUNTIME with how to mend it, also in a
 * build without OpenMP where OpenBLAS would use several threads. */
ls_status ls_math_init(void) LS_MUST_CHECK;

/* For a thread beside those of OpenMP whose own loops are to take so many threads: flushes
 * denormals there, too, so that they compute the same bits. */
void ls_math_init_thread(int threads);

/* Threads that a kernel may use: at first what OMP_NUM_THREADS says, else as many as the
 * process may use processors. A build without OpenMP has 1. */
int ls_math_threads(void);
void ls_math_set_threads(int threads);

/* The calling thread's number among those that share a loop: below ls_math_threads(). */
size_t ls_math_thread(void);

/* "OpenBLAS 0.3.21 (OpenMP, core Zen)"; buffer holds at least size bytes. Returns buffer. */
char *ls_math_blas(char *buffer, size_t size);

/* A name for OpenBLAS's variable OPENBLAS_CORETYPE where a processor that is newer than the library
 * was taken for one of 2004; NULL where OpenBLAS, or whoever set the variable, has chosen. */
const char *ls_math_better_core(void);

/* XXH3-128 over the results of some products and functions of fixed inputs: two processes with
 * the same fingerprint compute alike, two with different ones do not. It tells CPU types apart by
 * what they compute, whatever a library took into account (core type, cache sizes, settings). hex
 * holds at least 33 bytes; some milliseconds of work. Errors: ERR_MEMORY; ERR_RUNTIME: the bits
 * depend on the threads. */
ls_status ls_math_fingerprint(const ls_gemm *gemm, char *hex) LS_MUST_CHECK;

#endif
