/* IDX files: header and elements.
 * Why here: see lockstep/format/idx.h. Never holds more than a block of elements. */
#include "lockstep/format/idx.h"

#include <stdint.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "lockstep/format/stream.h"

enum { BLOCK_ELEMENTS = 8192 };

struct ls_idx {
    ls_stream *stream;
    ls_idx_info info;
    int type;        /* the code in the file */
    size_t elements; /* as the dimensions promise */
    size_t read;     /* elements so far */
    unsigned char block[BLOCK_ELEMENTS * 8];
};

static uint64_t big_endian(const unsigned char *p, size_t bytes) {
    uint64_t x = 0;
    for (size_t i = 0; i < bytes; i++)
        x = x << 8 | p[i];
    return x;
}

/* Size in bytes of an element of that type code; 0: there is no such type. */
static size_t type_bytes(int type) {
    switch (type) {
    case 0x08: /* unsigned byte */
    case 0x09: /* signed byte */
        return 1;
    case 0x0b: /* short */
        return 2;
    case 0x0c: /* int */
    case 0x0d: /* float */
        return 4;
    case 0x0e: /* double */
        return 8;
    default:
        return 0;
    }
}

static ls_status read_header(ls_idx *f, const char *path) {
    unsigned char head[4], dim[4 * LS_IDX_RANK_MAX];
    size_t got = 0;
    LS_TRY(ls_stream_read(f->stream, head, sizeof head, &got));
    const int rank = head[3];
    f->type = head[2];
    f->info.element_bytes = type_bytes(f->type);
    if (got < sizeof head || head[0] || head[1] || !f->info.element_bytes || rank < 1 ||
        rank > LS_IDX_RANK_MAX)
        return ls_hint(ls_fail(LS_ERR_DATA, path, "is not an IDX file"),
                       "IDX files begin with 00 00, a type and a number of dimensions");
    LS_TRY(ls_stream_read(f->stream, dim, 4 * (size_t)rank, &got));
    if (got < 4 * (size_t)rank)
        return ls_fail(LS_ERR_DATA, path, "is cut short: it ends in its header");
    f->info.is_integer = f->type < 0x0d;
    f->info.rank = rank;
    f->elements = 1;
    for (int i = 0; i < rank; i++) {
        f->info.dim[i] = (size_t)big_endian(dim + 4 * i, 4);
        if (__builtin_mul_overflow(f->elements, f->info.dim[i], &f->elements))
            return ls_fail(LS_ERR_DATA, path, "its header promises more elements than can be");
    }
    if (!ls_stream_can_hold(f->stream, (double)f->elements * (double)f->info.element_bytes)) {
        char promised[32];
        return ls_fail(LS_ERR_DATA, path,
                       "is cut short: it is too small for the %s elements that its header promises",
                       ls_print_count(f->elements, promised));
    }
    return LS_OK;
}

ls_status ls_idx_open(const char *path, ls_idx **out) {
    ls_idx *f = NULL;
    *out = NULL;
    LS_TRY(ls_alloc(1, sizeof *f, "IDX file", &f));
    ls_status st = ls_stream_open(path, &f->stream);
    if (st == LS_OK)
        st = read_header(f, path);
    if (st != LS_OK) {
        ls_idx_close(f);
        return st;
    }
    *out = f;
    return LS_OK;
}

const ls_idx_info *ls_idx_about(const ls_idx *f) {
    return &f->info;
}

static int32_t integer(int type, const unsigned char *p) {
    const uint64_t x = big_endian(p, type_bytes(type));
    switch (type) {
    case 0x08:
        return (int32_t)x;
    case 0x09:
        return (int8_t)x;
    case 0x0b:
        return (int16_t)x;
    default:
        return (int32_t)x;
    }
}

static float element(int type, const unsigned char *p) {
    const uint64_t x = big_endian(p, type_bytes(type));
    float f;
    double d;
    switch (type) {
    case 0x0d:
        memcpy(&f, &(uint32_t){(uint32_t)x}, sizeof f);
        return f;
    case 0x0e:
        memcpy(&d, &x, sizeof d);
        return (float)d;
    default:
        return (float)integer(type, p);
    }
}

/* block[0..*n) = the next elements as they are in the file, at most `elements`. */
static ls_status read_block(ls_idx *f, size_t elements, size_t *n) {
    const size_t bytes = f->info.element_bytes;
    size_t got = 0;
    *n = elements < BLOCK_ELEMENTS ? elements : BLOCK_ELEMENTS;
    LS_TRY(ls_stream_read(f->stream, f->block, *n * bytes, &got));
    f->read += got / bytes;
    if (got == *n * bytes)
        return LS_OK;
    char promised[32], held[32];
    return ls_fail(LS_ERR_DATA, ls_stream_path(f->stream),
                   "is cut short: %s elements, the header promises %s",
                   ls_print_count(f->read, held), ls_print_count(f->elements, promised));
}

ls_status ls_idx_read(ls_idx *f, size_t elements, float *out) {
    for (size_t n = 0; elements > 0; elements -= n) {
        LS_TRY(read_block(f, elements, &n));
        for (size_t i = 0; i < n; i++)
            *out++ = element(f->type, f->block + i * f->info.element_bytes);
    }
    return LS_OK;
}

ls_status ls_idx_read_integers(ls_idx *f, size_t elements, int32_t *out) {
    for (size_t n = 0; elements > 0; elements -= n) {
        LS_TRY(read_block(f, elements, &n));
        for (size_t i = 0; i < n; i++)
            *out++ = integer(f->type, f->block + i * f->info.element_bytes);
    }
    return LS_OK;
}

ls_status ls_idx_check_end(ls_idx *f) {
    char byte, promised[32];
    size_t got = 0;
    LS_TRY(ls_stream_read(f->stream, &byte, 1, &got));
    if (got == 0)
        return LS_OK;
    return ls_fail(LS_ERR_DATA, ls_stream_path(f->stream),
                   "holds more than the %s elements that its header promises",
                   ls_print_count(f->elements, promised));
}

void ls_idx_close(ls_idx *f) {
    if (!f)
        return;
    ls_stream_close(f->stream);
    ls_free(f);
}
