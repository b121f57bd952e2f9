/* How long a step of a run would take, from short measurements of the machine at hand.
 *
 * Why here: whether a run is worth its time is asked before it begins. Takes well below a second
 * and the memory of a small part of the run. Never decides anything.
 */
#ifndef LS_TRAIN_FORECAST_H
#define LS_TRAIN_FORECAST_H

#include "run.h"

typedef struct ls_forecast {
    /* Of the slowest rank, while all work: products in the shape of the largest layer, and a stream
     * of memory. */
    double flops_per_s, stream_bytes_per_s;
    /* A step's products, its rows and its update in memory, and its exchange, which come one after
     * the other; and all of it. */
    double products_s, memory_s, exchange_s, step_s;
    double took_s; /* the measurements */
} ls_forecast;

/* Of a run that is prepared and whose exchange is planned. Collective; *out is the same on all
 * ranks. Errors: ERR_MEMORY, agreed. */
ls_status ls_run_forecast(const ls_run *run, ls_forecast *out) LS_MUST_CHECK;

/* What a dry run tells of it. */
void ls_run_forecast_lines(const ls_run *run, const ls_forecast *forecast, ls_buffer *out);

#endif
