/*
 * Patterns of dates as Java has them: 'yyyy-MM-dd HH:mm:ss.SSS'. Two dialects: that of DateTimeFormatter
 * (strict: as many digits as letters, checked ranges) and that of SimpleDateFormat (lenient: fields overflow
 * into the next, what follows is ignored), for Flink uses the one for some functions and the other for
 * others. Texts are English.
 */
#ifndef WEIR_EXPR_DATE_PATTERN_H
#define WEIR_EXPR_DATE_PATTERN_H

#include "base/arena.h"
#include "base/error.h"
#include "data/time.h"
#include "data/zone.h"

enum weir_date_dialect { WEIR_DATE_FORMATTER, WEIR_DATE_SIMPLE };
enum { WEIR_DATE_PATTERN_BYTES_MAX = 512 };

struct weir_date_pattern; /* @thread one owner: it remembers the day it wrote last */

/* WEIR_E_ARGUMENT: a letter that is not known, an open quote ... */
enum weir_error_code weir_date_pattern_compile(struct weir_arena *arena, struct weir_slice text,
    enum weir_date_dialect dialect, struct weir_date_pattern **ret, struct weir_error *reterr);
/* Digits of the fraction that the pattern asks for (letters S in a row), 0 when none. */
uint32_t weir_date_pattern_fraction(struct weir_slice text);

/* --- writing --- */
size_t weir_date_pattern_bytes_max(const struct weir_date_pattern *pattern);
/* The pattern's result is the same for all moments within so many microseconds (a divisor of the day). */
int64_t weir_date_pattern_resolution_us(const struct weir_date_pattern *pattern);
/* Writes at most weir_date_pattern_bytes_max() bytes. zone and offset_seconds are for the letters that name
 * them. */
size_t weir_date_pattern_format(struct weir_date_pattern *pattern, int64_t us, int32_t nanoseconds,
    const struct weir_zone *zone, int32_t offset_seconds, char *to);

/* --- reading --- */
struct weir_date_fields {
    int64_t year;
    int32_t month, day, hour, minute, second;
    int32_t nanosecond;
    bool has_offset; /* the text named one */
    int32_t offset_seconds;
};
/* Fields that the pattern does not have are those of 1970-01-01 00:00:00. */
bool weir_date_pattern_parse(
    const struct weir_date_pattern *pattern, struct weir_slice text, struct weir_date_fields *ret);
/* Microseconds since 1970-01-01 00:00 of fields that may overflow. */
int64_t weir_date_fields_us(const struct weir_date_fields *fields);

#endif
