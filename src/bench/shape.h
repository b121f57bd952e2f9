/* The run whose steps are measured: of a config of the user's, or of a shape that has no data.
 *
 * Why here: several benchmarks take the same. What is made up lies in a folder of its own below
 * TMPDIR on every machine, for as long as the run is being loaded. Never takes a time.
 */
#ifndef LS_BENCH_SHAPE_H
#define LS_BENCH_SHAPE_H

#include "lockstep/bench/bench.h"
#include "lockstep/train/measure.h"

/* strategy (NULL: as the options say) beats theirs. Collective. Errors: those of ls_measure_create;
 * ERR_USAGE: neither a file nor a shape, or parts of both; ERR_IO. */
ls_status ls_bench_open_run(ls_comm *comm, const ls_bench_options *options, const char *strategy,
                            ls_measure **out) LS_MUST_CHECK;

#endif
