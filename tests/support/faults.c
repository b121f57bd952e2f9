/* Calls that fail when a test wants them to: what the linker's --wrap puts between lockstep and
 * the system, zlib, Jansson, MPI and oneDNN.
 *
 * Why here: `lockstep-faults` is lockstep's own object files linked with this one, so that every
 * place that can fail is made to, and the product holds no code for it. Each row WRAP... below is
 * a function that can fail; CMake reads the names from here. Never fails what is said on stderr:
 * the tests look at it.
 *
 *   LOCKSTEP_FAULT=RANK:FUNCTION:COUNT[+][:ERRNO|:short]
 *       the COUNT-th call of FUNCTION in the process of this rank fails ("+": and all later ones),
 *       with an error number, or after half of what was to be written ("short")
 *   LOCKSTEP_FAULT=RANK:wrong_weights:COUNT
 *       the COUNT-th time that this rank receives weights of another, a bit of them is wrong
 *   LOCKSTEP_FAULT_COUNTS=PREFIX
 *       at its end every process writes to PREFIX.RANK how often each function was called
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <yaml.h>
#include <zlib.h>
#if LS_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif

typedef struct point {
    const char *name;
    int number; /* its usual errno */
    atomic_long calls;
    struct point *next;
} point;

static struct {
    point *points;
    const char *name, *counts;
    int rank, number;
    long count;
    bool later_too, half;
    _Atomic(FILE *) broken; /* a stream whose operation failed: ferror knows of it */
} faults;

static int own_rank(void) {
    const char *text = getenv("OMPI_COMM_WORLD_RANK");
    if (text == NULL)
        text = getenv("PMIX_RANK");
    return text != NULL ? atoi(text) : 0;
}

__attribute__((constructor(200))) static void read_environment(void) {
    static char text[128];
    const char *given = getenv("LOCKSTEP_FAULT");
    faults.rank = own_rank();
    faults.counts = getenv("LOCKSTEP_FAULT_COUNTS");
    if (given == NULL)
        return;
    snprintf(text, sizeof text, "%s", given);
    char *rest = text;
    const char *rank = strsep(&rest, ":"), *name = strsep(&rest, ":"), *count = strsep(&rest, ":");
    if (count == NULL) {
        dprintf(2, "LOCKSTEP_FAULT: expected RANK:FUNCTION:COUNT, got %s\n", given);
        _exit(125);
    }
    if (atoi(rank) != faults.rank)
        return;
    faults.name = name;
    faults.count = atol(count);
    faults.later_too = strchr(count, '+') != NULL;
    faults.half = rest != NULL && strcmp(rest, "short") == 0;
    faults.number = rest != NULL ? atoi(rest) : 0;
}

__attribute__((destructor)) static void write_counts(void) {
    char path[4096];
    if (faults.counts == NULL)
        return;
    snprintf(path, sizeof path, "%s.%d", faults.counts, faults.rank);
    int fd = creat(path, 0666);
    for (const point *p = faults.points; p != NULL; p = p->next)
        dprintf(fd, "%s %ld\n", p->name, (long)p->calls);
    close(fd);
}

/* Counts the call; whether it is to fail, with errno set. */
static bool fails(point *p) {
    long n = ++p->calls;
    if (faults.name == NULL || strcmp(p->name, faults.name) != 0)
        return false;
    if (n != faults.count && !(faults.later_too && n > faults.count))
        return false;
    errno = faults.number != 0 ? faults.number : p->number;
    return true;
}

static bool fails_on(point *p, FILE *stream) {
    if (stream == stderr || !fails(p))
        return false;
    faults.broken = stream;
    return true;
}

#define POINT(name, number)                                                                        \
    static point point_##name = {#name, number, 0, NULL};                                          \
    __attribute__((constructor(101))) static void add_##name(void) {                               \
        point_##name.next = faults.points;                                                         \
        faults.points = &point_##name;                                                             \
    }

#define WRAP(type, name, number, bad, parameters, arguments)                                       \
    POINT(name, number)                                                                            \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters {                                                                \
        return fails(&point_##name) ? (bad) : __real_##name arguments;                             \
    }

/* A stream's operation: the last parameter is f. */
#define WRAP_STREAM(type, name, number, bad, parameters, arguments)                                \
    POINT(name, number)                                                                            \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters {                                                                \
        return fails_on(&point_##name, f) ? (bad) : __real_##name arguments;                       \
    }

#define WRAP_MPI(name, parameters, arguments)                                                      \
    WRAP(int, MPI_##name, 0, MPI_ERR_OTHER, parameters, arguments)

#define WRAP_MPI_THEN(name, parameters, arguments, then)                                           \
    POINT(MPI_##name, 0)                                                                           \
    int __real_MPI_##name parameters;                                                              \
    int __wrap_MPI_##name parameters;                                                              \
    int __wrap_MPI_##name parameters {                                                             \
        if (fails(&point_MPI_##name))                                                              \
            return MPI_ERR_OTHER;                                                                  \
        int code = __real_MPI_##name arguments;                                                    \
        then;                                                                                      \
        return code;                                                                               \
    }

/* No call: data that arrives with a wrong bit, the COUNT-th of those that have the
 * tag of updated weights (src/comm/exchange_round.c) and are too long for anything else. */
POINT(wrong_weights, 0)
static unsigned char *received;
static const MPI_Request *received_by;

static void note_received(void *data, int n, int tag, const MPI_Request *request) {
    if (tag != 4096 || n < 4096 || !fails(&point_wrong_weights))
        return;
    received = data;
    received_by = request;
}

static void spoil_received(bool complete) {
    if (!complete || received == NULL)
        return;
    received[2] ^= 1;
    received = NULL;
}

static void spoil_of_some(const MPI_Request *request, int n, const int *index) {
    for (int i = 0; n != MPI_UNDEFINED && i < n; i++)
        spoil_received(&request[index[i]] == received_by);
}

/* ---- files and directories ---- */

WRAP(int, access, EIO, -1, (const char *path, int mode), (path, mode))
WRAP(int, fstat, EIO, -1, (int fd, struct stat *out), (fd, out))
WRAP(int, fsync, EIO, -1, (int fd), (fd))
WRAP(int, ftruncate, EIO, -1, (int fd, off_t size), (fd, size))
WRAP(char *, getcwd, ENOENT, NULL, (char *path, size_t size), (path, size))
WRAP(int, link, EIO, -1, (const char *old, const char *new), (old, new))
WRAP(off_t, lseek, EIO, -1, (int fd, off_t place, int from), (fd, place, from))
WRAP(int, memfd_create, ENOMEM, -1, (const char *name, unsigned flags), (name, flags))
WRAP(int, mkdir, ENOSPC, -1, (const char *path, mode_t mode), (path, mode))
WRAP(char *, mkdtemp, ENOSPC, NULL, (char *pattern), (pattern))
WRAP(DIR *, opendir, EIO, NULL, (const char *path), (path))
WRAP(ssize_t, pread, EIO, -1, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(struct dirent *, readdir, EIO, NULL, (DIR * entries), (entries))
/* libxsmm, whose calls come this way, too, does not survive that it gets no memory for a kernel's
 * code. lockstep asks for a page of such memory before it uses libxsmm; that can fail. */
POINT(mmap, ENOMEM)
void *__real_mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset) {
    const bool code = (prot & PROT_EXEC) != 0 && length > 4096;
    return !code && fails(&point_mmap) ? MAP_FAILED
                                       : __real_mmap(at, length, prot, flags, fd, offset);
}

WRAP(int, munmap, EINVAL, -1, (void *p, size_t n), (p, n))
WRAP(int, rename, EIO, -1, (const char *old, const char *new), (old, new))
WRAP(int, rmdir, EBUSY, -1, (const char *path), (path))
WRAP(int, stat, EIO, -1, (const char *path, struct stat *out), (path, out))
WRAP(int, unlink, EIO, -1, (const char *path), (path))
WRAP(int, unlinkat, EIO, -1, (int fd, const char *path, int flags), (fd, path, flags))

/* What is closed is closed, whatever it says. */
WRAP(int, close, EIO, (__real_close(fd), errno = EIO, -1), (int fd), (fd))
WRAP(int, closedir, EIO, (__real_closedir(d), errno = EIO, -1), (DIR * d), (d))

/* The third argument is a number or an address, or is not there and nobody looks at it. */
#define WRAP_VARIADIC(name, number, first_type, second_type)                                       \
    POINT(name, number)                                                                            \
    int __real_##name(first_type, second_type, ...);                                               \
    int __wrap_##name(first_type, second_type, ...);                                               \
    int __wrap_##name(first_type a, second_type b, ...) {                                          \
        va_list rest;                                                                              \
        va_start(rest, b);                                                                         \
        void *third = va_arg(rest, void *);                                                        \
        va_end(rest);                                                                              \
        return fails(&point_##name) ? -1 : __real_##name(a, b, third);                             \
    }
WRAP_VARIADIC(open, EIO, const char *, int)
WRAP_VARIADIC(fcntl, ENOLCK, int, int)
WRAP_VARIADIC(ioctl, ENOTTY, int, unsigned long)

POINT(pwrite, ENOSPC)
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at) {
    if (!fails(&point_pwrite))
        return __real_pwrite(fd, p, n, at);
    return faults.half ? __real_pwrite(fd, p, n / 2, at) : -1;
}

/* ---- streams ---- */

WRAP(FILE *, fopen, EIO, NULL, (const char *path, const char *mode), (path, mode))
WRAP(FILE *, popen, EAGAIN, NULL, (const char *command, const char *mode), (command, mode))
WRAP(int, pclose, ECHILD, (__real_pclose(f), errno = ECHILD, -1), (FILE * f), (f))
WRAP_STREAM(int, fclose, ENOSPC, (__real_fclose(f), errno = ENOSPC, EOF), (FILE * f), (f))
WRAP_STREAM(int, fflush, ENOSPC, EOF, (FILE * f), (f))
WRAP_STREAM(int, fputs, ENOSPC, EOF, (const char *text, FILE *f), (text, f))
WRAP_STREAM(int, fputc, ENOSPC, EOF, (int c, FILE *f), (c, f))
WRAP_STREAM(char *, fgets, EIO, NULL, (char *text, int n, FILE *f), (text, n, f))
WRAP_STREAM(size_t, fread, EIO, 0, (void *p, size_t size, size_t n, FILE *f), (p, size, n, f))
WRAP_STREAM(size_t, fwrite, ENOSPC, faults.half ? __real_fwrite(p, size, n / 2, f) : 0,
            (const void *p, size_t size, size_t n, FILE *f), (p, size, n, f))
WRAP(gzFile, gzdopen, ENOMEM, NULL, (int fd, const char *mode), (fd, mode))
WRAP(int, gzbuffer, ENOMEM, -1, (gzFile f, unsigned size), (f, size))
WRAP(int, gzread, EIO, -1, (gzFile f, void *p, unsigned n), (f, p, n))

/* What is printed to stdout. */
POINT(puts, ENOSPC)
int __real_puts(const char *text);
int __wrap_puts(const char *text);
int __wrap_puts(const char *text) {
    return fails_on(&point_puts, stdout) ? EOF : __real_puts(text);
}

POINT(putchar, ENOSPC)
int __real_putchar(int c);
int __wrap_putchar(int c);
int __wrap_putchar(int c) {
    return fails_on(&point_putchar, stdout) ? EOF : __real_putchar(c);
}

POINT(printf, ENOSPC)
int __wrap_printf(const char *format, ...);
int __wrap_printf(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    int n = fails_on(&point_printf, stdout) ? -1 : vprintf(format, rest);
    va_end(rest);
    return n;
}

POINT(fprintf, ENOSPC)
int __wrap_fprintf(FILE *f, const char *format, ...);
int __wrap_fprintf(FILE *f, const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    int n = fails_on(&point_fprintf, f) ? -1 : vfprintf(f, format, rest);
    va_end(rest);
    return n;
}

int __real_ferror(FILE *f);
int __wrap_ferror(FILE *f);
int __wrap_ferror(FILE *f) {
    return f == faults.broken || __real_ferror(f);
}

/* ---- memory, threads and the machine ---- */

/* Jansson keeps its error code behind the text. */
static json_t *no_memory(json_error_t *e) {
    if (e != NULL)
        e->text[JSON_ERROR_TEXT_LENGTH - 1] = json_error_out_of_memory;
    return NULL;
}

WRAP(void *, calloc, ENOMEM, NULL, (size_t n, size_t size), (n, size))
WRAP(int, posix_memalign, ENOMEM, errno, (void **p, size_t edge, size_t n), (p, edge, n))
WRAP(int, madvise, EINVAL, -1, (void *p, size_t n, int advice), (p, n, advice))
WRAP(XXH3_state_t *, XXH3_createState, ENOMEM, NULL, (void), ())
WRAP(int, yaml_parser_initialize, ENOMEM, 0, (yaml_parser_t * parser), (parser))
WRAP(json_t *, json_array, ENOMEM, NULL, (void), ())
WRAP(json_t *, json_integer, ENOMEM, NULL, (json_int_t value), (value))
WRAP(json_t *, json_object, ENOMEM, NULL, (void), ())
WRAP(json_t *, json_real, ENOMEM, NULL, (double value), (value))
WRAP(json_t *, json_string, ENOMEM, NULL, (const char *text), (text))
WRAP(char *, json_dumps, ENOMEM, NULL, (const json_t *o, size_t flags), (o, flags))
WRAP(json_t *, json_loads, ENOMEM, no_memory(e), (const char *text, size_t flags, json_error_t *e),
     (text, flags, e))
WRAP(json_t *, json_loadb, ENOMEM, no_memory(e),
     (const char *text, size_t n, size_t flags, json_error_t *e), (text, n, flags, e))
WRAP(int, json_object_set_new, ENOMEM, (json_decref(v), -1),
     (json_t * o, const char *key, json_t *v), (o, key, v))
WRAP(int, json_array_append_new, ENOMEM, (json_decref(v), -1), (json_t * a, json_t *v), (a, v))
WRAP(int, pthread_create, EAGAIN, errno,
     (pthread_t * thread, const pthread_attr_t *how, void *(*start)(void *), void *context),
     (thread, how, start, context))
WRAP(int, gethostname, ENAMETOOLONG, -1, (char *name, size_t size), (name, size))
WRAP(int, getrusage, EINVAL, -1, (int who, struct rusage *out), (who, out))
WRAP(int, kill, EPERM, -1, (pid_t process, int number), (process, number))
WRAP(int, sched_getaffinity, EINVAL, -1, (pid_t process, size_t size, cpu_set_t *set),
     (process, size, set))
WRAP(int, sched_setaffinity, EINVAL, -1, (pid_t process, size_t size, const cpu_set_t *set),
     (process, size, set))
WRAP(int, sigaction, EINVAL, -1, (int n, const struct sigaction *new, struct sigaction *old),
     (n, new, old))

#if LS_HAVE_ONEDNN
/* ---- bfloat16 ---- */

WRAP(dnnl_status_t, dnnl_engine_create, 0, dnnl_runtime_error,
     (dnnl_engine_t * engine, dnnl_engine_kind_t kind, size_t index), (engine, kind, index))
WRAP(dnnl_status_t, dnnl_stream_create, 0, dnnl_out_of_memory,
     (dnnl_stream_t * stream, dnnl_engine_t engine, unsigned flags), (stream, engine, flags))
WRAP(dnnl_status_t, dnnl_memory_create, 0, dnnl_out_of_memory,
     (dnnl_memory_t * memory, const dnnl_memory_desc_t *shape, dnnl_engine_t engine, void *at),
     (memory, shape, engine, at))
WRAP(dnnl_status_t, dnnl_memory_set_data_handle, 0, dnnl_invalid_arguments,
     (dnnl_memory_t memory, void *at), (memory, at))
WRAP(dnnl_status_t, dnnl_memory_desc_init_by_tag, 0, dnnl_invalid_arguments,
     (dnnl_memory_desc_t * shape, int n, const dnnl_dims_t dims, dnnl_data_type_t type,
      dnnl_format_tag_t tag),
     (shape, n, dims, type, tag))
WRAP(dnnl_status_t, dnnl_matmul_desc_init, 0, dnnl_invalid_arguments,
     (dnnl_matmul_desc_t * matmul, const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *b,
      const dnnl_memory_desc_t *bias, const dnnl_memory_desc_t *c),
     (matmul, a, b, bias, c))
WRAP(dnnl_status_t, dnnl_primitive_attr_create, 0, dnnl_out_of_memory,
     (dnnl_primitive_attr_t * attributes), (attributes))
WRAP(dnnl_status_t, dnnl_primitive_attr_set_scratchpad_mode, 0, dnnl_invalid_arguments,
     (dnnl_primitive_attr_t attributes, dnnl_scratchpad_mode_t mode), (attributes, mode))
WRAP(dnnl_status_t, dnnl_primitive_desc_create, 0, dnnl_unimplemented,
     (dnnl_primitive_desc_t * out, const_dnnl_op_desc_t op, const_dnnl_primitive_attr_t attributes,
      dnnl_engine_t engine, const_dnnl_primitive_desc_t forward),
     (out, op, attributes, engine, forward))
WRAP(dnnl_status_t, dnnl_primitive_desc_query, 0, dnnl_invalid_arguments,
     (const_dnnl_primitive_desc_t described, dnnl_query_t what, int index, void *out),
     (described, what, index, out))
WRAP(dnnl_status_t, dnnl_primitive_create, 0, dnnl_out_of_memory,
     (dnnl_primitive_t * out, const_dnnl_primitive_desc_t described), (out, described))
WRAP(dnnl_status_t, dnnl_primitive_execute, 0, dnnl_runtime_error,
     (const_dnnl_primitive_t primitive, dnnl_stream_t stream, int n, const dnnl_exec_arg_t *args),
     (primitive, stream, n, args))
#endif

/* ---- messages: the call does nothing and says so ---- */

WRAP_MPI(Allgather,
         (const void *mine, int n, MPI_Datatype type, void *all, int n_all, MPI_Datatype type_all,
          MPI_Comm comm),
         (mine, n, type, all, n_all, type_all, comm))
WRAP_MPI(Allreduce,
         (const void *mine, void *sum, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
         (mine, sum, n, type, op, comm))
WRAP_MPI(Bcast, (void *data, int n, MPI_Datatype type, int root, MPI_Comm comm),
         (data, n, type, root, comm))
WRAP_MPI(Comm_dup, (MPI_Comm comm, MPI_Comm *out), (comm, out))
WRAP_MPI(Comm_free, (MPI_Comm * comm), (comm))
WRAP_MPI(Comm_rank, (MPI_Comm comm, int *rank), (comm, rank))
WRAP_MPI(Comm_set_errhandler, (MPI_Comm comm, MPI_Errhandler handler), (comm, handler))
WRAP_MPI(Comm_size, (MPI_Comm comm, int *size), (comm, size))
WRAP_MPI(Comm_split_type, (MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *out),
         (comm, type, key, info, out))
WRAP_MPI(Finalize, (void), ())
WRAP_MPI(Ibcast,
         (void *data, int n, MPI_Datatype type, int root, MPI_Comm comm, MPI_Request *request),
         (data, n, type, root, comm, request))
WRAP_MPI(Init_thread, (int *argc, char ***argv, int wanted, int *provided),
         (argc, argv, wanted, provided))
WRAP_MPI(Iprobe, (int from, int tag, MPI_Comm comm, int *there, MPI_Status *status),
         (from, tag, comm, there, status))
WRAP_MPI_THEN(Irecv,
              (void *data, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm,
               MPI_Request *request),
              (data, n, type, from, tag, comm, request), note_received(data, n, tag, request))
WRAP_MPI(Isend,
         (const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
          MPI_Request *request),
         (data, n, type, to, tag, comm, request))
WRAP_MPI(Recv,
         (void *data, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm,
          MPI_Status *status),
         (data, n, type, from, tag, comm, status))
WRAP_MPI(Sendrecv,
         (const void *data, int n, MPI_Datatype type, int to, int tag, void *into, int n_into,
          MPI_Datatype type_into, int from, int tag_from, MPI_Comm comm, MPI_Status *status),
         (data, n, type, to, tag, into, n_into, type_into, from, tag_from, comm, status))
WRAP_MPI(Test, (MPI_Request * request, int *done, MPI_Status *status), (request, done, status))
WRAP_MPI_THEN(Testall, (int n, MPI_Request *request, int *done, MPI_Status *status),
              (n, request, done, status), spoil_received(*done))
WRAP_MPI_THEN(Testsome, (int n, MPI_Request *request, int *n_done, int *index, MPI_Status *status),
              (n, request, n_done, index, status), spoil_of_some(request, *n_done, index))
WRAP_MPI_THEN(Waitall, (int n, MPI_Request *request, MPI_Status *status), (n, request, status),
              spoil_received(true))
