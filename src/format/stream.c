/* The bytes of a file, plain or gzip, through zlib.
 * Why here: see lockstep/format/stream.h. Never seeks. */
#include "lockstep/format/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "packing.h"

#define BUFFER_BYTES (1u << 18)

struct ls_stream {
    gzFile file;
    char *path;
    double size_bytes; /* on disk; 0: not known (a pipe) */
};

/* Opens the descriptor; *size is that of the file on disk, 0 where it has none. */
static ls_status open_descriptor(const char *path, int *fd, double *size) {
    struct stat about;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return errno == ENOENT ? ls_fail(LS_ERR_DATA, path, "no such file")
                               : ls_fail_errno(LS_ERR_DATA, path, "open");
    if (fstat(*fd, &about) != 0)
        return ls_fail_errno(LS_ERR_DATA, path, "look at");
    if (S_ISDIR(about.st_mode))
        return ls_fail(LS_ERR_DATA, path, "is a directory, not a file");
    *size = S_ISREG(about.st_mode) ? (double)about.st_size : 0;
    return LS_OK;
}

ls_status ls_stream_open(const char *path, ls_stream **out) {
    ls_stream *s = NULL;
    int fd = -1;
    *out = NULL;
    LS_TRY(ls_alloc(1, sizeof *s, "stream", &s));
    ls_status st = ls_strdup(path, &s->path);
    if (st == LS_OK)
        st = open_descriptor(path, &fd, &s->size_bytes);
    if (st == LS_OK && !(s->file = gzdopen(fd, "rb")))
        st = ls_fail(LS_ERR_MEMORY, path, "out of memory");
    if (st != LS_OK) {
        if (fd >= 0)
            close(fd);
        ls_stream_close(s);
        return st;
    }
    gzbuffer(s->file, BUFFER_BYTES); /* a failure only leaves the smaller buffer */
    *out = s;
    return LS_OK;
}

static ls_status read_failed(ls_stream *s, int error, const char *text) {
    char where[32];
    ls_print_count((uint64_t)gzoffset(s->file), where);
    if (error == Z_ERRNO)
        return ls_fail_errno(LS_ERR_DATA, s->path, "read");
    if (error == Z_MEM_ERROR)
        return ls_fail(LS_ERR_MEMORY, s->path, "out of memory");
    if (error == Z_BUF_ERROR)
        return ls_hint(ls_fail(LS_ERR_DATA, s->path,
                               "is cut short: its gzip data ends too early, at byte %s", where),
                       "copy or download the file again; gzip -t checks it");
    return ls_hint(
        ls_fail(LS_ERR_DATA, s->path, "damaged gzip data before byte %s (%s)", where, text),
        "copy or download the file again; gzip -t checks it");
}

ls_status ls_stream_read(ls_stream *s, void *out, size_t bytes, size_t *got) {
    char *p = out;
    *got = 0;
    while (*got < bytes) {
        const size_t left = bytes - *got;
        const unsigned wanted = left < (1u << 30) ? (unsigned)left : 1u << 30;
        const int n = gzread(s->file, p + *got, wanted);
        if (n > 0)
            *got += (size_t)n;
        if (n < 0 || (unsigned)n < wanted) {
            int error = Z_OK;
            const char *text = gzerror(s->file, &error);
            /* At a gzip file's proper end there is no error, at a premature one Z_BUF_ERROR. */
            return error == Z_OK || error == Z_STREAM_END ? LS_OK : read_failed(s, error, text);
        }
    }
    return LS_OK;
}

bool ls_stream_can_hold(const ls_stream *s, double bytes) {
    return s->size_bytes == 0 || bytes <= s->size_bytes * LS_PACKING_RATIO_MAX;
}

double ls_stream_fraction(const ls_stream *s) {
    const double at = (double)gzoffset(s->file);
    return s->size_bytes > 0 && at < s->size_bytes ? at / s->size_bytes : 1;
}

const char *ls_stream_path(const ls_stream *s) {
    return s->path;
}

void ls_stream_close(ls_stream *s) {
    if (!s)
        return;
    if (s->file)
        gzclose_r(s->file);
    ls_free(s->path);
    ls_free(s);
}
