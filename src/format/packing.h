/* How much smaller than its contents a file can be. Private to src/format.
 *
 * Why here: a header's sizes are believed only as far as the file's own size can bear them out,
 * so that some bytes from a stranger cannot ask for all memory. */
#ifndef LS_FORMAT_PACKING_H
#define LS_FORMAT_PACKING_H

/* A byte more than this many cannot come from one: deflate reaches 1,032. */
#define LS_PACKING_RATIO_MAX 1100

#endif
