/*
 * SQL types (interfaces: Flink's LogicalType). A struct weir_type is immutable once built and lives in the
 * arena it was made in; share pointers freely.
 *
 * Physical form of a value in a flat vector (also of a literal, see value.h):
 *   BOOLEAN                       uint8_t 0 or 1
 *   TINYINT SMALLINT INT BIGINT   int8_t int16_t int32_t int64_t
 *   FLOAT DOUBLE                  float double
 *   DECIMAL(p,s)                  p <= 18: int64_t unscaled; else weir_int128 unscaled
 *   CHAR VARCHAR BINARY VARBINARY struct weir_string (16 bytes: inline to 12, else prefix and pointer)
 *   DATE                          int32_t days since 1970-01-01
 *   TIME(p)                       int32_t milliseconds of the day (as Flink; p is 0..9 in the type, ms are
 * kept) TIMESTAMP(p) TIMESTAMP_LTZ(p) p <= 6: int64_t microseconds since 1970-01-01 00:00 (LTZ: UTC); else
 * weir_int128 nanoseconds INTERVAL_YEAR_MONTH           int32_t months INTERVAL_DAY_TIME             int64_t
 * milliseconds ARRAY MAP MULTISET            struct weir_list {offset, length} into child vectors (ARRAY:
 * element; MAP: key, value; MULTISET: element, count INT NOT NULL) ROW                           no data of
 * its own: child vectors of the same row count; validity is the row's own NULL                          no
 * data; every row is NULL (type of an untyped NULL literal)
 */
#ifndef WEIR_DATA_TYPE_H
#define WEIR_DATA_TYPE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

enum weir_type_id {
    WEIR_TYPE_NULL,
    WEIR_TYPE_BOOLEAN,
    WEIR_TYPE_TINYINT,
    WEIR_TYPE_SMALLINT,
    WEIR_TYPE_INT,
    WEIR_TYPE_BIGINT,
    WEIR_TYPE_FLOAT,
    WEIR_TYPE_DOUBLE,
    WEIR_TYPE_DECIMAL,
    WEIR_TYPE_CHAR,
    WEIR_TYPE_VARCHAR,
    WEIR_TYPE_BINARY,
    WEIR_TYPE_VARBINARY,
    WEIR_TYPE_DATE,
    WEIR_TYPE_TIME,
    WEIR_TYPE_TIMESTAMP,
    WEIR_TYPE_TIMESTAMP_LTZ,
    WEIR_TYPE_INTERVAL_YEAR_MONTH,
    WEIR_TYPE_INTERVAL_DAY_TIME,
    WEIR_TYPE_ARRAY,
    WEIR_TYPE_MAP,
    WEIR_TYPE_MULTISET,
    WEIR_TYPE_ROW,
    WEIR_TYPE_COUNT,
};

/* A time attribute is a property of a column's type during planning (Flink: rowtime, proctime); it never
 * changes data. */
enum weir_time_attribute {
    WEIR_TIME_ATTRIBUTE_NONE,
    WEIR_TIME_ATTRIBUTE_ROWTIME,
    WEIR_TIME_ATTRIBUTE_PROCTIME
};

enum {
    WEIR_LENGTH_MAX = INT32_MAX, /* of VARCHAR (= STRING) and VARBINARY (= BYTES) */
    WEIR_DECIMAL_PRECISION_MAX = 38,
    WEIR_DECIMAL_COMPACT_PRECISION_MAX = 18,
    WEIR_TIMESTAMP_COMPACT_PRECISION_MAX = 6,
    WEIR_TYPE_DEPTH_MAX = 64,
    WEIR_ROW_FIELDS_MAX = 4096,
};

struct weir_type {
    enum weir_type_id id;
    bool nullable;
    uint8_t time_attribute; /* enum weir_time_attribute */
    uint8_t interval_unit;  /* of an interval: enum weir_interval_unit as written, for printing and casts */
    int32_t length;         /* CHAR VARCHAR BINARY VARBINARY: n; else 0 */
    uint8_t precision;      /* DECIMAL TIME TIMESTAMP TIMESTAMP_LTZ and intervals */
    uint8_t scale;          /* DECIMAL */
    uint32_t child_count;   /* ARRAY 1, MAP 2, MULTISET 1, ROW n */
    const struct weir_type *const *children;
    const char *const *field_names; /* ROW: child_count names */
};

enum weir_interval_unit {
    WEIR_INTERVAL_UNIT_YEAR,
    WEIR_INTERVAL_UNIT_YEAR_TO_MONTH,
    WEIR_INTERVAL_UNIT_MONTH,
    WEIR_INTERVAL_UNIT_DAY,
    WEIR_INTERVAL_UNIT_DAY_TO_HOUR,
    WEIR_INTERVAL_UNIT_DAY_TO_MINUTE,
    WEIR_INTERVAL_UNIT_DAY_TO_SECOND,
    WEIR_INTERVAL_UNIT_HOUR,
    WEIR_INTERVAL_UNIT_HOUR_TO_MINUTE,
    WEIR_INTERVAL_UNIT_HOUR_TO_SECOND,
    WEIR_INTERVAL_UNIT_MINUTE,
    WEIR_INTERVAL_UNIT_MINUTE_TO_SECOND,
    WEIR_INTERVAL_UNIT_SECOND,
};

/* Shared constants, nullable, for every type without parameters (and STRING, BYTES); NULL for others. */
const struct weir_type *weir_type_of(enum weir_type_id id);
extern const struct weir_type weir_type_string, weir_type_bytes, weir_type_boolean_not_null,
    weir_type_int_not_null, weir_type_bigint_not_null, weir_type_string_not_null;

const struct weir_type *weir_type_decimal(
    struct weir_arena *arena, uint8_t precision, uint8_t scale, bool nullable);
/* CHAR VARCHAR BINARY VARBINARY */
const struct weir_type *weir_type_with_length(
    struct weir_arena *arena, enum weir_type_id id, int32_t length, bool nullable);
/* TIME TIMESTAMP TIMESTAMP_LTZ */
const struct weir_type *weir_type_with_precision(
    struct weir_arena *arena, enum weir_type_id id, uint8_t precision, bool nullable);
const struct weir_type *weir_type_interval(
    struct weir_arena *arena, enum weir_interval_unit unit, bool nullable);
const struct weir_type *weir_type_array(
    struct weir_arena *arena, const struct weir_type *element, bool nullable);
const struct weir_type *weir_type_map(
    struct weir_arena *arena, const struct weir_type *key, const struct weir_type *value, bool nullable);
const struct weir_type *weir_type_multiset(
    struct weir_arena *arena, const struct weir_type *element, bool nullable);
/* Borrows the children, copies the arrays and the names. names may be NULL: EXPR$0, EXPR$1 ... */
const struct weir_type *weir_type_row(struct weir_arena *arena, const struct weir_type *const *children,
    const char *const *names, uint32_t count, bool nullable);
/* The same type with another nullability or time attribute; returns the argument itself where nothing
 * changes. */
const struct weir_type *weir_type_nullable(
    struct weir_arena *arena, const struct weir_type *type, bool nullable);
const struct weir_type *weir_type_with_time_attribute(
    struct weir_arena *arena, const struct weir_type *type, enum weir_time_attribute attribute);
const struct weir_type *weir_type_copy(struct weir_arena *arena, const struct weir_type *type); /* deep */
uint32_t weir_type_depth(const struct weir_type *type); /* 1: not nested */

/* Equality of id, parameters and children; nullability counts (also of children) in _equal, in _same it does
 * not. Names of ROW fields count in both, time attributes and interval units in neither. */
bool weir_type_equal(const struct weir_type *a, const struct weir_type *b);
bool weir_type_same(const struct weir_type *a, const struct weir_type *b);

/* Bytes of one value in a flat vector: 0 for ROW and NULL. */
uint32_t weir_type_width(const struct weir_type *type);
static inline bool weir_type_is_string(const struct weir_type *t)
{
    return t->id == WEIR_TYPE_CHAR || t->id == WEIR_TYPE_VARCHAR;
}
static inline bool weir_type_is_binary(const struct weir_type *t)
{
    return t->id == WEIR_TYPE_BINARY || t->id == WEIR_TYPE_VARBINARY;
}
static inline bool weir_type_is_view(const struct weir_type *t)
{
    return t->id >= WEIR_TYPE_CHAR && t->id <= WEIR_TYPE_VARBINARY;
}
static inline bool weir_type_is_integer(const struct weir_type *t)
{
    return t->id >= WEIR_TYPE_TINYINT && t->id <= WEIR_TYPE_BIGINT;
}
static inline bool weir_type_is_approximate(const struct weir_type *t)
{
    return t->id == WEIR_TYPE_FLOAT || t->id == WEIR_TYPE_DOUBLE;
}
static inline bool weir_type_is_numeric(const struct weir_type *t)
{
    return t->id >= WEIR_TYPE_TINYINT && t->id <= WEIR_TYPE_DECIMAL;
}
static inline bool weir_type_is_timestamp(const struct weir_type *t)
{
    return t->id == WEIR_TYPE_TIMESTAMP || t->id == WEIR_TYPE_TIMESTAMP_LTZ;
}
static inline bool weir_type_is_interval(const struct weir_type *t)
{
    return t->id == WEIR_TYPE_INTERVAL_YEAR_MONTH || t->id == WEIR_TYPE_INTERVAL_DAY_TIME;
}
static inline bool weir_type_is_nested(const struct weir_type *t)
{
    return t->id >= WEIR_TYPE_ARRAY;
}
static inline bool weir_type_is_wide_decimal(const struct weir_type *t)
{
    return t->id == WEIR_TYPE_DECIMAL && t->precision > WEIR_DECIMAL_COMPACT_PRECISION_MAX;
}
static inline bool weir_type_is_wide_timestamp(const struct weir_type *t)
{
    return weir_type_is_timestamp(t) && t->precision > WEIR_TIMESTAMP_COMPACT_PRECISION_MAX;
}

/* Flink's summary form: "DECIMAL(10, 2) NOT NULL", "ROW<`a` INT, `b` STRING>", "VARCHAR(2147483647)" as
 * "STRING", "TIMESTAMP(3) *ROWTIME*" when with_attributes. */
void weir_type_print(const struct weir_type *type, bool with_attributes, struct weir_buffer *to);
const char *weir_type_text(struct weir_arena *arena, const struct weir_type *type);
/* Flink's serializable form: VARCHAR(2147483647), all parameters explicit. Used by TYPEOF(x, TRUE) and in
 * stored plans. */
void weir_type_print_full(const struct weir_type *type, struct weir_buffer *to);

/* Binary form for plans and snapshots; read validates everything. */
void weir_type_write(const struct weir_type *type, struct weir_buffer *to);
const struct weir_type *weir_type_read(
    struct weir_arena *arena, struct weir_reader *from); /* NULL: malformed */

#endif
