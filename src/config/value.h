/*
 * Texts of option values as Flink writes them: durations, memory sizes, booleans, numbers, lists and maps.
 * Nothing here depends on a locale. Every function returns false for text it does not understand or that does
 * not fit, and then leaves its result alone.
 * @thread any
 */
#ifndef WEIR_CONFIG_VALUE_H
#define WEIR_CONFIG_VALUE_H

#include "base/buffer.h"
#include "config/options.h"

bool weir_value_parse_boolean(struct weir_slice text, bool *value);
bool weir_value_parse_long(struct weir_slice text, int64_t *value);
bool weir_value_parse_double(struct weir_slice text, double *value);
bool weir_value_parse_duration_ns(struct weir_slice text, int64_t *value_ns); /* "10 s", "5min", "200" = ms */
bool weir_value_parse_memory_bytes(struct weir_slice text, uint64_t *value_bytes); /* powers of 1024 */
/* One of "A|B", whatever its case, '-' as '_'; *index is its place, *word the word of the table. */
bool weir_value_parse_enum(const char *words, struct weir_slice text, size_t *index, struct weir_slice *word);
/*
 * Takes the next element off a list "a;b" (separator ';') or a map's entries "k:v,k2:v2" (separator ','). An
 * element may be quoted by ' or ", doubled inside. Appends the element to out. False when there is none left.
 */
bool weir_value_list_next(struct weir_slice *rest, char separator, struct weir_buffer *out);
/* Appends an element so that weir_value_list_next gives it back; separators as above. */
void weir_value_list_append(struct weir_buffer *list, char separator, struct weir_slice element);
/* Whether the text is a value of the option. */
bool weir_value_is_valid(const struct weir_option *option, struct weir_slice text);
struct weir_slice weir_value_trim(struct weir_slice text); /* without ASCII white space at both ends */

#endif
