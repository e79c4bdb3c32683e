/*
 * Texts of numbers, independent of locale and fast: FLOAT and DOUBLE as Java up to 18 prints them (what Flink
 * shows; mostly but not always the shortest digits that read back the same), integers and floating point as
 * CAST reads them.
 */
#ifndef WEIR_DATA_NUMBER_H
#define WEIR_DATA_NUMBER_H

#include "base/macros.h"

enum { WEIR_NUMBER_TEXT_BYTES_MAX = 48 };

/* Printers write at to, add no NUL and return the length. */
size_t weir_i64_print(int64_t value, char *to);
size_t weir_u64_print(uint64_t value, char *to);
size_t weir_i128_print(weir_int128 value, char *to);
size_t weir_double_print(double value, char *to); /* 1.0, 1.0E10, 1.0E-5, NaN, Infinity, -Infinity */
size_t weir_float_print(float value, char *to);

/* Shortest decimal digits (as Java from 19 on has them): value = digits * 10^exponent; value is finite and >
 * 0. */
void weir_double_shortest(double value, uint64_t *digits, int32_t *exponent);
void weir_float_shortest(float value, uint32_t *digits, int32_t *exponent);

enum weir_number_parsed { WEIR_NUMBER_PARSED, WEIR_NUMBER_MALFORMED, WEIR_NUMBER_OVERFLOW };
/* [+-]digits, nothing else; min and max are inclusive. */
enum weir_number_parsed weir_i64_parse(
    const char *text, size_t length, int64_t min, int64_t max, int64_t *value);
/* As CAST(STRING AS INT) reads it: spaces around, a fraction (digits only) is cut off: " 12.9 " is 12. */
enum weir_number_parsed weir_i64_parse_cast(
    const char *text, size_t length, int64_t min, int64_t max, int64_t *value);
/* As Java's Double.parseDouble: spaces around, decimal digits with point and exponent, NaN, Infinity, a
 * d/D/f/F behind. Correctly rounded; too large gives infinity. Hexadecimal forms are not read. */
enum weir_number_parsed weir_double_parse(const char *text, size_t length, double *value);
enum weir_number_parsed weir_float_parse(const char *text, size_t length, float *value);
/* digits * 10^exponent correctly rounded: for decoders that have scanned the number themselves. */
double weir_double_from_decimal(uint64_t digits, int64_t exponent);

/* Java's narrowing of floating point to integers: NaN is 0, beyond the range the nearest end. */
int64_t weir_double_to_i64(double value);
int32_t weir_double_to_i32(double value);

/* Trims bytes <= ' ' at both ends, as Java's String.trim. */
struct weir_slice weir_slice_trim(const char *text, size_t length);

#endif
