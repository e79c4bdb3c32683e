/*
 * Any bytes as the input of a format's decoder: rows, or an error that says where; always an end. The first
 * byte says whether broken records are to be ignored, the second where the input is cut in two, as a file
 * that is still being written is.
 */
#ifndef WEIR_TEST_FUZZ_FORMAT_INPUT_H
#define WEIR_TEST_FUZZ_FORMAT_INPUT_H

#include "base/assert.h"
#include "plugins/plugins.h"
#include "support/memory.h"
#include <string.h>

enum { FORMAT_COLUMNS = 10, FORMAT_FLAT_COLUMNS = 7 };

static inline const struct weir_format *format_by_name(const char *name)
{
    for (uint32_t i = 0; i < weir_plugins.format_count; i++) {
        if (strcmp(weir_plugins.formats[i]->name, name) == 0) return weir_plugins.formats[i];
    }
    WEIR_UNREACHABLE();
}

static inline void format_types(struct weir_arena *arena, const struct weir_type **types)
{
    static const char *const fields[] = { "x", "y" };
    const struct weir_type *text = weir_type_with_length(arena, WEIR_TYPE_VARCHAR, INT32_MAX, true);
    const struct weir_type **children = WEIR_ARENA_ARRAY(arena, const struct weir_type *, 2);
    children[0] = weir_type_of(WEIR_TYPE_INT);
    children[1] = text;
    types[0] = weir_type_of(WEIR_TYPE_INT);
    types[1] = text;
    types[2] = weir_type_of(WEIR_TYPE_DOUBLE);
    types[3] = weir_type_decimal(arena, 20, 3, true);
    types[4] = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP, 3, true);
    types[5] = weir_type_of(WEIR_TYPE_BOOLEAN);
    types[6] = weir_type_of(WEIR_TYPE_DATE);
    types[7] = weir_type_array(arena, text, true);
    types[8] = weir_type_map(arena, text, weir_type_of(WEIR_TYPE_BIGINT), true);
    types[9] = weir_type_row(arena, children, fields, 2, true);
}

/* Feeds one piece; gives how much of it was used, or SIZE_MAX after an error. */
static inline size_t format_feed(const struct weir_format *format, struct weir_decoder *decoder,
    struct weir_batch *out, const char *bytes, size_t length, bool final)
{
    struct weir_error error;
    size_t used = 0;
    for (;;) {
        size_t consumed = 0;
        weir_batch_reset(out);
        if (format->decode(decoder, bytes + used, length - used, final, out, &consumed, &error))
            return SIZE_MAX;
        WEIR_ASSERT(consumed <= length - used);
        used += consumed;
        if (consumed == 0 && out->row_count == 0) return used;
    }
}

static inline int format_run(const char *name, uint32_t columns_wanted, const uint8_t *data, size_t size)
{
    static const char *const names[FORMAT_COLUMNS] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" };
    if (size < 2) return 0;
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_error error;
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    const struct weir_format *format = format_by_name(name);
    const struct weir_type *types[FORMAT_COLUMNS];
    struct weir_decoder_column columns[FORMAT_COLUMNS] = { 0 };
    format_types(&arena, types);
    for (uint32_t i = 0; i < columns_wanted; i++) {
        columns[i] = (struct weir_decoder_column){
            .name = names[i], .column = i, .column_type = types[i], .type = types[i]
        };
    }
    struct weir_option_value options[] = { { .key = "ignore-parse-errors",
        .value = data[0] & 1 ? "true" : "false" } };
    struct weir_operator_metrics metrics = { 0 };
    struct weir_format_context context = { .options = options,
        .option_count = 1,
        .schema_count = columns_wanted,
        .schema_names = names,
        .schema_types = types,
        .columns = columns,
        .column_count = columns_wanted,
        .arena = &arena,
        .memory = &memory.base,
        .metrics = &metrics };
    struct weir_decoder *decoder;
    WEIR_ASSERT(format->decoder_new(&context, &decoder, &error) == WEIR_OK);
    struct weir_batch out;
    weir_batch_init(&out, types, columns_wanted, &memory.base);
    const char *bytes = (const char *)data + 2;
    size_t length = size - 2, cut = length * data[1] / 255;
    size_t used = format_feed(format, decoder, &out, bytes, cut, false);
    if (used != SIZE_MAX) (void)format_feed(format, decoder, &out, bytes + used, length - used, true);
    weir_batch_done(&out);
    format->decoder_free(decoder);
    weir_arena_done(&arena);
    WEIR_ASSERT(atomic_load(&memory.base.used_bytes) == 0);
    return 0;
}

#endif
