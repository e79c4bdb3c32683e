/*
 * Batches for others, by the Arrow C Data Interface
 * (https://arrow.apache.org/docs/format/CDataInterface.html): a struct array whose children are the columns.
 * The two structs below are that interface's ABI and keep its names.
 *
 * Form: numbers, dates and intervals as in memory; BOOLEAN as bits; DECIMAL as decimal128; strings with
 * 32-bit offsets; TIMESTAMP in microseconds, beyond 6 digits in nanoseconds (of 64 bits: years 1678 to 2262);
 * LTZ with zone UTC; MULTISET as a map to counts.
 */
#ifndef WEIR_DATA_ARROW_H
#define WEIR_DATA_ARROW_H

#include "data/batch.h"

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE           2
#define ARROW_FLAG_MAP_KEYS_SORTED    4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

/* The schema of columns of these types; names may be NULL (f0, f1, ...). The caller releases it; it refers to
 * nothing of the caller but memory. */
void weir_arrow_export_schema(const struct weir_type *const *types, const char *const *names, uint32_t count,
    struct weir_memory *memory, struct ArrowSchema *schema);
/* The selected rows of the batch, copied: the array outlives the batch and its heaps. The caller releases it;
 * children may be moved out and released by themselves. Row kinds are left out. Fails with WEIR_E_DATA where
 * a value has no Arrow form (a time beyond 64-bit nanoseconds, a map with a NULL key, 2 GiB of strings in a
 * column); *array is then untouched. */
enum weir_error_code weir_arrow_export_batch(const struct weir_batch *b, struct weir_memory *memory,
    struct ArrowArray *array, struct weir_error *reterr);

#endif
