/* How fast the loader brings a dataset's rows into memory, beside plain reads of the same part of
 * the file.
 *
 * Why here: see bench.h. A run begins with this. What the loader does more than a plain read
 * (HDF5's chunks and checksums, conversion, the search for NaN, the sum that guards a resumed run)
 * is in its time, and so is the allocation of the memory in both. Never empties the system's cache
 * of files: a file that fits is read from there by both.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench_private.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/loader.h"
#include "lockstep/data/split.h"
#include "lockstep/math/math.h"

typedef struct read_run {
    ls_comm *comm;
    const ls_bench_options *options;
    FILE *to;
    ls_dataset_paths paths;
    ls_h5_info stored;         /* X in the file */
    size_t samples, features;  /* of the file */
    size_t rows;               /* that are read, from the first on, by all ranks */
    ls_tree_range mine;        /* of them, by this rank */
    ls_transforms *transforms; /* none: rows as they are */
    size_t *row;               /* [mine.count] */
    int fd;
    uint64_t first_byte, end_byte; /* of the file, this rank's share */
    uint64_t file_bytes;           /* all ranks' */
} read_run;

/* A reader of its own each time, as training opens one: HDF5 has kept nothing. */
static ls_status by_loader(void *context, double *seconds) {
    read_run *r = context;
    ls_dataset *ds = NULL;
    ls_loader *loader = NULL;
    float *x = NULL;
    LS_TRY(ls_dataset_open(&r->paths, &ds));
    const double begin = ls_clock_s();
    ls_status st = ls_loader_create(ds, NULL, r->transforms, NULL, &loader);
    if (st == LS_OK)
        st = ls_alloc(r->mine.count * r->features, sizeof *x, "rows", &x);
    if (st == LS_OK)
        st = ls_loader_read(loader, &(ls_loader_rows){.row = r->row, .n = r->mine.count, .out = x},
                            1, NULL);
    *seconds = ls_clock_s() - begin;
    ls_free(x);
    ls_loader_destroy(loader);
    ls_dataset_close(ds);
    return st;
}

static ls_status read_share(const read_run *r, char *to) {
    for (uint64_t at = r->first_byte; at < r->end_byte;) {
        const ssize_t n = pread(r->fd, to, r->end_byte - at, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ls_fail_errno(LS_ERR_IO, r->paths.file, "read");
        if (n == 0)
            return ls_fail(LS_ERR_DATA, r->paths.file, "the file has become shorter");
        at += (uint64_t)n;
        to += n;
    }
    return LS_OK;
}

/* Straight from the system, since ls_alloc would write to the memory first. */
static ls_status by_pread(void *context, double *seconds) {
    const read_run *r = context;
    const size_t bytes = (size_t)(r->end_byte - r->first_byte);
    if (bytes == 0)
        return LS_OK;
    const double begin = ls_clock_s();
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return ls_fail_errno(LS_ERR_MEMORY, r->paths.file, "map memory");
    (void)madvise(p, bytes, MADV_HUGEPAGE); /* as ls_alloc asks for */
    const ls_status st = read_share(r, p);
    *seconds = ls_clock_s() - begin;
    (void)munmap(p, bytes);
    return st;
}

static ls_status open_plain(read_run *r) {
    struct stat facts;
    r->fd = open(r->paths.file, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0 || fstat(r->fd, &facts) != 0)
        return ls_fail_errno(LS_ERR_DATA, r->paths.file, "open");
    const double a_row = (double)facts.st_size / (double)r->samples;
    r->first_byte = (uint64_t)(a_row * (double)r->mine.first);
    r->end_byte = (uint64_t)(a_row * (double)(r->mine.first + r->mine.count));
    r->file_bytes = (uint64_t)(a_row * (double)r->rows);
    return LS_OK;
}

/* This rank's rows, and the loader's transforms: an empty chain, for which one row will do. */
static ls_status prepare(read_run *r, ls_dataset *ds) {
    uint8_t *part = NULL;
    ls_status st = ls_alloc(r->samples, sizeof *part, "rows", &part);
    if (st == LS_OK)
        st = ls_alloc(r->mine.count, sizeof *r->row, "rows", &r->row);
    for (size_t i = 0; st == LS_OK && i < r->mine.count; i++)
        r->row[i] = r->mine.first + i;
    if (st == LS_OK)
        st = open_plain(r);
    st = ls_agree(r->comm, st);
    if (st == LS_OK) {
        memset(part, LS_SPLIT_NONE, r->samples);
        part[0] = LS_SPLIT_TRAIN;
        st = ls_transforms_fit(r->comm, ds, part, &(ls_choice_list){0}, NULL, &r->transforms);
    }
    ls_free(part);
    return st;
}

static ls_status describe(read_run *r) {
    ls_dataset *ds = NULL;
    ls_status st = ls_agree(r->comm, ls_dataset_open(&r->paths, &ds));
    if (st != LS_OK) {
        ls_dataset_close(ds);
        return st;
    }
    r->stored = *ls_h5_array_info(ds->x);
    r->samples = ds->n_samples;
    r->features = ds->n_features;
    r->rows = r->options->rows > 0 && r->options->rows < r->samples ? r->options->rows : r->samples;
    r->mine = ls_share(r->rows, (size_t)ls_comm_size(r->comm), (size_t)ls_comm_rank(r->comm));
    st = prepare(r, ds);
    ls_dataset_close(ds);
    return st;
}

/* of_pread: the speed as a share of pread's; 0 in the line of that itself. */
static ls_status print(const read_run *r, const char *method, double bytes, double seconds,
                       double of_pread) {
    json_t *o = json_object();
    ls_json_set(&o, "bench", json_string("read"));
    ls_json_set(&o, "method", json_string(method));
    ls_json_set(&o, "rows", json_integer((json_int_t)r->rows));
    ls_json_set(&o, "features", json_integer((json_int_t)r->features));
    ls_json_set(&o, "stored", json_string(r->stored.type_name));
    ls_json_set(&o, "compressed", json_boolean(r->stored.compressed));
    ls_json_set(&o, "ranks", json_integer(ls_comm_size(r->comm)));
    ls_json_set(&o, "threads", json_integer(ls_math_threads()));
    ls_json_set(&o, "bytes", json_integer((json_int_t)bytes));
    ls_json_set(&o, "seconds", json_real(seconds));
    ls_json_set(&o, "rows_per_s", json_real((double)r->rows / seconds));
    ls_json_set(&o, "gb_per_s", json_real(1e-9 * bytes / seconds));
    if (of_pread > 0)
        ls_json_set(&o, "of_pread", json_real(of_pread));
    return ls_bench_line(o, r->to);
}

static ls_status measure(read_run *r) {
    ls_bench_work *const works[] = {by_loader, by_pread};
    const double bytes = (double)r->rows * (double)r->features * sizeof(float);
    double seconds[2] = {0};
    LS_TRY(ls_bench_turns(r->comm, r->options, 2, works, r, seconds));
    ls_status st = print(r, "loader", bytes, seconds[0], seconds[1] / seconds[0]);
    if (st == LS_OK)
        st = print(r, "pread", (double)r->file_bytes, seconds[1], 0);
    return ls_agree(r->comm, st);
}

static ls_status run_ranks(ls_comm *comm, const ls_bench_options *options, FILE *to) {
    read_run r = {.comm = comm, .options = options, .to = to, .fd = -1};
    r.paths = ls_dataset_default_paths(options->file);
    ls_status st = describe(&r);
    if (st == LS_OK)
        st = measure(&r);
    ls_transforms_destroy(r.transforms);
    ls_free(r.row);
    if (r.fd >= 0)
        (void)close(r.fd);
    return st;
}

const ls_bench_kind ls_bench_read = {
    .name = "read",
    .help = "rows of a dataset into memory by the loader, beside plain reads",
    .reads = LS_BENCH_DATASET,
    .run_ranks = run_ranks};
