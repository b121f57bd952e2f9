/* Strings of variable length, taken from the file without HDF5's own reader.
 *
 * The file holds a reference for each string: its length (4 bytes), the address of a collection of
 * objects ("global heap", HDF5 File Format Specification III.E) and the object's index in it (4
 * bytes). HDF5 gives the references as they are stored; the collections are read here.
 *
 * Why here: HDF5 1.10 believes what stands in a collection, and reads or writes behind it,
 * allocates what is promised or does not end where the file is damaged. Here nothing is believed,
 * and no more is read than the file is long. Never writes.
 */
#include <stdlib.h>
#include <string.h>

#include "h5_private.h"
#include "lockstep/base/memory.h"

#define HEADER_MAX 16 /* of a collection, and of an object in it */
#define ALIGNED(n) (((n) + 7) & ~(uint64_t)7)

typedef struct heap_object {
    uint32_t index;
    uint64_t begin, size; /* of its bytes in the collection */
} heap_object;

typedef struct collection {
    uint64_t address;
    char *bytes;
    heap_object *object; /* [count], ascending by index */
    size_t count;
} collection;

typedef struct h5_heap {
    const ls_h5 *file; /* not owned */
    const char *array; /* for messages, not owned */
    size_t address_bytes, size_bytes;
    uint64_t base, end;     /* of HDF5's part of the file */
    uint64_t loaded;        /* bytes of the collections */
    collection *collection; /* [count], ascending by address */
    size_t count, capacity;
} h5_heap;

static uint64_t decode(const char *bytes, size_t count) {
    uint64_t value = 0;
    for (size_t i = count; i-- > 0;)
        value = value << 8 | (unsigned char)bytes[i];
    return value;
}

static ls_status damaged(const h5_heap *heap) {
    return ls_fail(LS_ERR_DATA, heap->file->path,
                   "%s: could not read the strings: the file is damaged", heap->array);
}

/* ---- references as they are stored ---- */

/* HDF5 asks at first whether these types go together; the bytes stay what they are. */
static herr_t keep_bytes(hid_t from, hid_t to, H5T_cdata_t *about, size_t count, size_t stride,
                         size_t background_stride, void *buffer, void *background, hid_t transfer) {
    (void)count;
    (void)stride;
    (void)background_stride;
    (void)buffer;
    (void)background;
    (void)transfer;
    about->need_bkg = H5T_BKG_NO;
    if (about->command != H5T_CONV_INIT)
        return 0;
    return H5Tis_variable_str(from) > 0 && H5Tget_size(from) == H5Tget_size(to) ? 0 : -1;
}

static bool read_references(hid_t dataset, hid_t attribute, size_t size, char *out) {
    static const char name[] = "lockstep: references of strings";
    const hid_t text = ls_h5_text_type(), raw = H5Tcreate(H5T_OPAQUE, size);
    bool ok = false;
    if (text >= 0 && raw >= 0 && H5Tregister(H5T_PERS_SOFT, name, text, raw, keep_bytes) >= 0) {
        ok = dataset >= 0 ? H5Dread(dataset, raw, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0
                          : H5Aread(attribute, raw, out) >= 0;
        H5Tunregister(H5T_PERS_SOFT, name, text, raw, keep_bytes);
    }
    if (raw >= 0)
        H5Tclose(raw);
    if (text >= 0)
        H5Tclose(text);
    return ok;
}

/* ---- collections ---- */

static int by_index(const void *a, const void *b) {
    const heap_object *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

/* Finds the objects of a collection of `size` bytes, behind its header. */
static ls_status find_objects(const h5_heap *heap, collection *c, uint64_t size) {
    const uint64_t header = ALIGNED(8 + heap->size_bytes);
    size_t capacity = 0;
    for (uint64_t at = header; at < size && size - at >= header;) {
        const uint32_t index = (uint32_t)decode(c->bytes + at, 2);
        const uint64_t length = decode(c->bytes + at + 8, heap->size_bytes);
        if (index == 0) { /* free; its length counts the header */
            if (length < header || length > size - at)
                break;
            at += ALIGNED(length);
            continue;
        }
        if (length > size - at - header)
            return damaged(heap);
        LS_TRY(ls_grow(&c->object, &capacity, c->count + 1, sizeof *c->object, "strings"));
        c->object[c->count++] = (heap_object){index, at + header, length};
        at += header + ALIGNED(length);
    }
    if (c->count > 0)
        qsort(c->object, c->count, sizeof *c->object, by_index);
    return LS_OK;
}

static ls_status read_exactly(const h5_heap *heap, uint64_t offset, char *out, size_t size) {
    size_t got = 0;
    LS_TRY(ls_h5_read_at(heap->file, (off_t)offset, out, size, &got));
    return got == size ? LS_OK : damaged(heap);
}

/* Collections do not overlap, so that all of them together are no longer than the file. */
static ls_status load_collection(h5_heap *heap, uint64_t address, collection *c) {
    const uint64_t header = ALIGNED(8 + heap->size_bytes);
    char head[HEADER_MAX];
    *c = (collection){.address = address};
    if (address > heap->end - heap->base || heap->end - heap->base - address < header)
        return damaged(heap);
    LS_TRY(read_exactly(heap, heap->base + address, head, header));
    const uint64_t size = decode(head + 8, heap->size_bytes);
    if (memcmp(head, "GCOL\1", 5) != 0 || size < header ||
        size > heap->end - heap->base - address || size > heap->end - heap->loaded)
        return damaged(heap);
    heap->loaded += size;
    LS_TRY(ls_alloc(size, 1, "strings", &c->bytes));
    LS_TRY(read_exactly(heap, heap->base + address, c->bytes, size));
    return find_objects(heap, c, size);
}

/* Where the collection of that address is, or has to be put. */
static size_t place_of(const h5_heap *heap, uint64_t address) {
    size_t low = 0, high = heap->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (heap->collection[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void free_collection(collection *c) {
    ls_free(c->bytes);
    ls_free(c->object);
}

static ls_status get_collection(h5_heap *heap, uint64_t address, const collection **out) {
    const size_t place = place_of(heap, address);
    collection c;
    *out = NULL;
    if (place == heap->count || heap->collection[place].address != address) {
        ls_status st = load_collection(heap, address, &c);
        if (st == LS_OK)
            st = ls_grow(&heap->collection, &heap->capacity, heap->count + 1,
                         sizeof *heap->collection, "strings");
        if (st != LS_OK) {
            free_collection(&c);
            return st;
        }
        memmove(heap->collection + place + 1, heap->collection + place,
                (heap->count - place) * sizeof *heap->collection);
        heap->collection[place] = c;
        heap->count++;
    }
    *out = &heap->collection[place];
    return LS_OK;
}

/* ---- strings ---- */

static ls_status add_string(h5_heap *heap, const char *reference, ls_strings *out) {
    const uint64_t length = decode(reference, 4);
    const uint64_t address = decode(reference + 4, heap->address_bytes);
    const heap_object key = {.index = (uint32_t)decode(reference + 4 + heap->address_bytes, 4)};
    const collection *c = NULL;
    if (length == 0 || address == 0)
        return ls_strings_add(out, "");
    LS_TRY(get_collection(heap, address, &c));
    const heap_object *object =
        c->count > 0 ? bsearch(&key, c->object, c->count, sizeof key, by_index) : NULL;
    if (object == NULL || length > object->size)
        return damaged(heap);
    const char *text = c->bytes + object->begin;
    return ls_strings_addn(out, text, strnlen(text, length));
}

/* Sizes of the file's addresses and lengths, and where its addresses count from. */
static ls_status measure(h5_heap *heap) {
    hsize_t base = 0;
    const hid_t creation = H5Fget_create_plist(heap->file->id);
    const bool ok = creation >= 0 &&
                    H5Pget_sizes(creation, &heap->address_bytes, &heap->size_bytes) >= 0 &&
                    H5Pget_userblock(creation, &base) >= 0;
    if (creation >= 0)
        H5Pclose(creation);
    if (!ok)
        return ls_h5_fail(heap->file, heap->array, "read the strings");
    LS_TRY(ls_h5_size(heap->file, &heap->end));
    heap->base = base;
    if (heap->address_bytes > 8 || heap->size_bytes > 8 || heap->base > heap->end)
        return damaged(heap);
    return LS_OK;
}

ls_status ls_h5_read_variable(const ls_h5 *file, const char *object, hid_t dataset, hid_t attribute,
                              size_t count, ls_strings *out) {
    h5_heap heap = {.file = file, .array = object};
    char *reference = NULL;
    /* What is being written may not be in the file yet. */
    if (file->writable && H5Fflush(file->id, H5F_SCOPE_LOCAL) < 0)
        return ls_h5_fail(file, object, "read the strings");
    LS_TRY(measure(&heap));
    const size_t size = 8 + heap.address_bytes;
    ls_status st = ls_alloc(count, size, "strings", &reference);
    if (st == LS_OK && !read_references(dataset, attribute, size, reference))
        st = ls_h5_fail(file, object, "read the strings");
    for (size_t i = 0; st == LS_OK && i < count; i++)
        st = add_string(&heap, reference + i * size, out);
    for (size_t i = 0; i < heap.count; i++)
        free_collection(&heap.collection[i]);
    ls_free(heap.collection);
    ls_free(reference);
    return st;
}
