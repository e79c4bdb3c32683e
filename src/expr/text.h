/*
 * For the files that implement string and time functions: writing result strings, UTF-8, searching, and the
 * infer helper.
 *
 * Positions and lengths in SQL are code points. Bytes that are no UTF-8 are counted one by one where they
 * start no sequence; nothing here reads past the length it is given, whatever the bytes are.
 */
#ifndef WEIR_EXPR_TEXT_H
#define WEIR_EXPR_TEXT_H

#include "expr/kernel.h"
#include <string.h>

/* --- arguments --- */
static inline const struct weir_string *weir_text_argument(const struct weir_vector *v, uint32_t row)
{
    return &((const struct weir_string *)v->data)[weir_argument_row(v, row)];
}
static inline struct weir_slice weir_text_slice(const struct weir_vector *v, uint32_t row)
{
    const struct weir_string *s = weir_text_argument(v, row);
    return (struct weir_slice){ weir_string_data(s), s->length };
}

/* --- results: a chunk of the heap is taken for many rows, short strings take nothing of it --- */
enum { WEIR_TEXT_CHUNK_BYTES = 4096, WEIR_TEXT_RESULT_BYTES_MAX = 1 << 30 };

struct weir_text_writer {
    struct weir_heap_writer *heap;
    char *at, *end;
};

static inline void weir_text_writer_init(struct weir_text_writer *writer, struct weir_call *call)
{
    *writer = (struct weir_text_writer){ .heap = call->heap };
}
/* Room for bytes; what is used of it is settled by weir_text_finish(). */
static inline char *weir_text_reserve(struct weir_text_writer *writer, size_t bytes)
{
    if (WEIR_UNLIKELY(!writer->at || (size_t)(writer->end - writer->at) < bytes)) {
        size_t chunk = WEIR_MAX(bytes, (size_t)WEIR_TEXT_CHUNK_BYTES);
        writer->at = weir_heap_writer_allocate(writer->heap, chunk);
        writer->end = writer->at + chunk;
    }
    return writer->at;
}
/* The view of length bytes at start, which is what weir_text_reserve() returned last. */
static inline struct weir_string weir_text_finish(
    struct weir_text_writer *writer, const char *start, size_t length)
{
    if (length > WEIR_STRING_INLINE_MAX) writer->at += length;
    return weir_string_view(start, (uint32_t)length);
}
static inline struct weir_string weir_text_copy(
    struct weir_text_writer *writer, const char *data, size_t length)
{
    if (length <= WEIR_STRING_INLINE_MAX) return weir_string_view(data, (uint32_t)length);
    char *to = weir_text_reserve(writer, length);
    memcpy(to, data, length);
    return weir_text_finish(writer, to, length);
}
/* An argument handed through: its bytes are copied, so that results never refer to heaps of the input. */
static inline struct weir_string weir_text_pass(struct weir_text_writer *writer, const struct weir_string *s)
{
    if (s->length <= WEIR_STRING_INLINE_MAX) return *s;
    return weir_text_copy(writer, s->pointer, s->length);
}
/* false after an error was set: a result of that many bytes is refused. */
bool weir_text_fits(struct weir_call *call, const char *function, uint64_t bytes);

/* A growing piece of the call's scratch, for results whose size is not known before. */
struct weir_text_builder {
    struct weir_arena *arena;
    char *data;
    size_t length, capacity;
};
void weir_text_builder_reserve(struct weir_text_builder *builder, size_t more);
static inline void weir_text_builder_add(struct weir_text_builder *builder, const char *data, size_t length)
{
    if (builder->capacity - builder->length < length) weir_text_builder_reserve(builder, length);
    if (length) memcpy(builder->data + builder->length, data, length);
    builder->length += length;
}
static inline void weir_text_builder_byte(struct weir_text_builder *builder, char byte)
{
    if (builder->capacity == builder->length) weir_text_builder_reserve(builder, 1);
    builder->data[builder->length++] = byte;
}

/* --- UTF-8 --- */
static inline bool weir_utf8_is_continuation(char byte)
{
    return ((uint8_t)byte & 0xC0) == 0x80;
}
bool weir_text_is_ascii(const char *data, size_t length);
size_t weir_text_length(const char *data, size_t length); /* in code points */
/* Byte offset of code point `points`, at most length. */
size_t weir_text_offset(const char *data, size_t length, size_t points);
/* Byte offset of the code point that has `points` behind or at it, counted from the end; 0 when there are
 * fewer. */
size_t weir_text_offset_from_end(const char *data, size_t length, size_t points);
/* Bytes of the code point at data (1 for a byte that starts no valid sequence); length > 0. *ret U+FFFD when
 * invalid. */
uint32_t weir_text_decode(const char *data, size_t length, uint32_t *ret);
uint32_t weir_text_encode(uint32_t point, char to[4]);
/* Bytes of the valid sequence at data, 0 when there is none (surrogates and overlong forms are not valid). */
uint32_t weir_utf8_sequence(const char *data, size_t length);

/* --- searching --- */
/* First occurrence of needle, NULL if there is none; an empty needle is found at the start. */
const char *weir_text_find(const char *data, size_t length, const char *needle, size_t needle_length);

/* --- types --- */
enum weir_text_nullability {
    WEIR_TEXT_NULL_AS_ARGUMENTS, /* nullable when any argument is */
    WEIR_TEXT_NULL_ALWAYS,
    WEIR_TEXT_NULL_AS_FIRST,
};
/*
 * Checks and casts the arguments by one letter each; the last letter holds for all that follow:
 *   S a string; other plain types are cast to one    s a string and nothing else
 *   B bytes or a string                              b bytes
 *   I an integer, as INT                             L an integer, as BIGINT      A anything
 * Untyped NULLs become the wanted type. Sets result type and kernel. false: a type does not fit.
 */
bool weir_text_match(struct weir_arena *arena, const struct weir_type *const *given, uint32_t count,
    const char *letters, const struct weir_type *result, enum weir_text_nullability nullability,
    weir_kernel kernel, struct weir_function_match *ret);
/* Answers "Invalid input arguments. Expected signatures are:" and the lines given; returns false. */
bool weir_text_mismatch(struct weir_error *reterr, const char *signatures);
/* The literal as text; false when it is no literal, NULL, or no string. */
bool weir_literal_text(const struct weir_vector *literal, struct weir_slice *ret);

#endif
