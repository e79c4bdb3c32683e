/* UTF-8: validation, counting and walking by code points, with fast paths for ASCII. */
#ifndef WEIR_DATA_UTF8_H
#define WEIR_DATA_UTF8_H

#include "base/macros.h"

enum { WEIR_UTF8_BYTES_MAX = 4, WEIR_CODE_POINT_MAX = 0x10ffff, WEIR_CODE_POINT_REPLACEMENT = 0xfffd };

bool weir_ascii_is_all(const char *text, size_t length);
/* No surrogates, no overlong forms, nothing above U+10FFFF. */
bool weir_utf8_is_valid(const char *text, size_t length);
/* Length of the longest valid prefix (= length when all of it is valid). */
size_t weir_utf8_valid_prefix(const char *text, size_t length);
/* The functions below take valid UTF-8; on anything else they stay inside the text and give some answer. */
size_t weir_utf8_count(const char *text, size_t length); /* code points */
/* Byte offset of the code point with that index; length when there are not so many. */
size_t weir_utf8_offset(const char *text, size_t length, size_t index);
/* Bytes of the code point that starts at text, 1..4, at most length (length > 0). */
size_t weir_utf8_width(const char *text, size_t length);
/* Decodes one code point (length > 0), *bytes = its width; a malformed one is U+FFFD of width 1. */
uint32_t weir_utf8_decode(const char *text, size_t length, size_t *bytes);
/* Writes 1..4 bytes; a surrogate or too large a value is written as U+FFFD. */
size_t weir_utf8_encode(uint32_t code_point, char *to);
/* UTF-16 code units that Java's String.length() counts. */
size_t weir_utf8_utf16_count(const char *text, size_t length);
/* Copies with every malformed byte replaced by U+FFFD; to has room for 3 * length. Returns the length. */
size_t weir_utf8_repair(const char *text, size_t length, char *to);

#endif
