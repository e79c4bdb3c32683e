/* A growing byte buffer that cannot exist without its maximum. @thread one owner. */
#ifndef WEIR_BASE_BUFFER_H
#define WEIR_BASE_BUFFER_H

#include "base/memory.h"
#include <stdarg.h>
#include <string.h>

struct weir_buffer {
    struct weir_memory *memory;
    char *data; /* not terminated, see weir_buffer_text() */
    size_t length, capacity, bytes_max;
    bool overflowed; /* an append would have passed bytes_max: it and all later ones were dropped; check once
                        at the end */
};

void weir_buffer_init(struct weir_buffer *buffer, struct weir_memory *memory, size_t bytes_max);
void weir_buffer_done(struct weir_buffer *buffer);
void weir_buffer_clear(struct weir_buffer *buffer); /* keeps the memory */
/* Room for bytes more behind data[length], or NULL past the maximum; length is not changed. */
char *weir_buffer_reserve(struct weir_buffer *buffer, size_t bytes);
void weir_buffer_append(struct weir_buffer *buffer, const void *bytes, size_t length);
void weir_buffer_append_text(struct weir_buffer *buffer, const char *text);
void weir_buffer_append_byte(struct weir_buffer *buffer, char byte);
void weir_buffer_format(struct weir_buffer *buffer, const char *format, ...) WEIR_PRINTF(2, 3);
void weir_buffer_append_u32(struct weir_buffer *buffer, uint32_t value); /* little-endian */
void weir_buffer_append_u64(struct weir_buffer *buffer, uint64_t value);
void weir_buffer_append_varint(struct weir_buffer *buffer, uint64_t value); /* LEB128 */
const char *weir_buffer_text(
    struct weir_buffer *buffer); /* NUL-terminated view, valid until the next append */

/* Reads what the appends above wrote; every read is bounds-checked, failed stays set, reads after a failure
 * give 0. */
struct weir_reader {
    const uint8_t *data;
    size_t length, offset;
    bool failed;
};
uint8_t weir_reader_byte(struct weir_reader *reader);
uint32_t weir_reader_u32(struct weir_reader *reader);
uint64_t weir_reader_u64(struct weir_reader *reader);
uint64_t weir_reader_varint(struct weir_reader *reader);
const void *weir_reader_bytes(struct weir_reader *reader, size_t length); /* NULL when short */

#endif
