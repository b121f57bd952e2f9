/* For unit tests that read text and other bytes: makes such files, plain or gzip.
 *
 * Why here: the readers of several formats are tested alike. Never makes HDF5 files. */
#ifndef LS_TESTS_SUPPORT_TEXT_FILES_H
#define LS_TESTS_SUPPORT_TEXT_FILES_H

#include <zlib.h>

#include "test_files.h"

/* Writes a file in the test's directory; a name that ends in .gz is compressed. */
static inline const char *put_file(const char *name, const void *bytes, size_t length) {
    const char *path = at(name);
    const size_t n = strlen(name);
    gzFile f = gzopen(path, n > 3 && strcmp(name + n - 3, ".gz") == 0 ? "wb" : "wbT");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned)length), (int)length);
    assert_int_equal(gzclose(f), Z_OK);
    return path;
}

static inline const char *put_text(const char *name, const char *text) {
    return put_file(name, text, strlen(text));
}

#endif
