/*
 * struct weir_value: one typed value (a literal, an option, a test's expectation): a CONSTANT vector of one
 * row. Text forms of values - Flink's Row.toString ("print"), CAST(x AS STRING), SQL literal - live here so
 * that print sinks, casts, CSV and EXPLAIN agree.
 */
#ifndef WEIR_DATA_VALUE_H
#define WEIR_DATA_VALUE_H

#include "data/vector.h"

enum weir_text_style {
    WEIR_TEXT_PRINT, /* Java's Row.toString: null, [1, a], {k=v}, 2020-01-01T10:00, true, +I[..] for rows */
    WEIR_TEXT_CAST,  /* CAST(x AS STRING): NULL inside nested, (1, a) rows, 2020-01-01 10:00:00.000, TRUE */
};

/* Appends the text of row of v. A top-level NULL is "null" in PRINT and "NULL" in CAST. TIMESTAMP_LTZ prints
 * in PRINT as an instant (..Z), in CAST as local time shifted by zone (see data/zone.h; NULL = UTC). */
struct weir_zone;
void weir_value_print(const struct weir_vector *v, uint32_t row, enum weir_text_style style,
    const struct weir_zone *zone, struct weir_buffer *to);

/* A one-row CONSTANT vector holding a deep copy of row of v, in arena. */
struct weir_vector *weir_value_copy(const struct weir_vector *v, uint32_t row, struct weir_arena *arena);
/* Short makers, in arena. */
struct weir_vector *weir_value_boolean(struct weir_arena *arena, bool value);
struct weir_vector *weir_value_int(struct weir_arena *arena, int32_t value);
struct weir_vector *weir_value_bigint(struct weir_arena *arena, int64_t value);
struct weir_vector *weir_value_double(struct weir_arena *arena, double value);
struct weir_vector *weir_value_string(
    struct weir_arena *arena, const char *text, size_t length); /* CHAR(n) NOT NULL, as Flink's literals */
struct weir_vector *weir_value_null(struct weir_arena *arena, const struct weir_type *type);
/* One row of any column in a stand-alone byte form (state, specs, splits); read validates. */
void weir_value_write(const struct weir_vector *v, uint32_t row, struct weir_buffer *to);
enum weir_error_code weir_value_read(struct weir_vector *to, uint32_t row, struct weir_reader *from,
    struct weir_arena *arena, struct weir_heap_writer *heap, struct weir_error *reterr);

#endif
