#include "base/buffer.h"
#include "base/assert.h"
#include <stdio.h>

void weir_buffer_init(struct weir_buffer *buffer, struct weir_memory *memory, size_t bytes_max)
{
    WEIR_ASSERT(bytes_max > 0);
    *buffer = (struct weir_buffer){ .memory = memory, .bytes_max = bytes_max };
}

void weir_buffer_done(struct weir_buffer *buffer)
{
    if (buffer->memory) weir_memory_release(buffer->memory, buffer->data, buffer->capacity);
    buffer->data = NULL;
    buffer->length = buffer->capacity = 0;
}

void weir_buffer_clear(struct weir_buffer *buffer)
{
    buffer->length = 0;
    buffer->overflowed = false;
}

char *weir_buffer_reserve(struct weir_buffer *buffer, size_t bytes)
{
    if (buffer->overflowed || bytes > buffer->bytes_max - buffer->length) {
        buffer->overflowed = true;
        return NULL;
    }
    size_t needed = buffer->length + bytes + 1; /* one more, so that weir_buffer_text() never grows */
    if (needed > buffer->capacity) {
        size_t capacity = WEIR_MAX(buffer->capacity * 2, (size_t)256);
        while (capacity < needed) capacity *= 2;
        buffer->data = weir_memory_reallocate(buffer->memory, buffer->data, buffer->capacity, capacity);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

void weir_buffer_append(struct weir_buffer *buffer, const void *bytes, size_t length)
{
    char *at = weir_buffer_reserve(buffer, length);
    if (!at || !length) return;
    memcpy(at, bytes, length);
    buffer->length += length;
}

void weir_buffer_append_text(struct weir_buffer *buffer, const char *text)
{
    weir_buffer_append(buffer, text, strlen(text));
}

void weir_buffer_append_byte(struct weir_buffer *buffer, char byte)
{
    weir_buffer_append(buffer, &byte, 1);
}

void weir_buffer_format(struct weir_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    WEIR_ASSERT(length >= 0);
    char *at = weir_buffer_reserve(buffer, (size_t)length);
    if (!at) return;
    va_start(arguments, format);
    vsnprintf(at, (size_t)length + 1, format, arguments); /* the terminator fits: reserve keeps one byte */
    va_end(arguments);
    buffer->length += (size_t)length;
}

void weir_buffer_append_u32(struct weir_buffer *buffer, uint32_t value)
{
    weir_buffer_append(buffer, &value, sizeof value);
}

void weir_buffer_append_u64(struct weir_buffer *buffer, uint64_t value)
{
    weir_buffer_append(buffer, &value, sizeof value);
}

void weir_buffer_append_varint(struct weir_buffer *buffer, uint64_t value)
{
    uint8_t bytes[10];
    size_t count = 0;
    do {
        uint8_t low = value & 0x7f;
        value >>= 7;
        bytes[count++] = low | (value ? 0x80 : 0);
    } while (value);
    weir_buffer_append(buffer, bytes, count);
}

const char *weir_buffer_text(struct weir_buffer *buffer)
{
    if (!buffer->data && !weir_buffer_reserve(buffer, 0)) return "";
    buffer->data[buffer->length] = 0;
    return buffer->data;
}

const void *weir_reader_bytes(struct weir_reader *reader, size_t length)
{
    if (reader->failed || length > reader->length - reader->offset) {
        reader->failed = true;
        return NULL;
    }
    const void *at = reader->data + reader->offset;
    reader->offset += length;
    return at;
}

uint8_t weir_reader_byte(struct weir_reader *reader)
{
    const uint8_t *at = weir_reader_bytes(reader, 1);
    return at ? *at : 0;
}

uint32_t weir_reader_u32(struct weir_reader *reader)
{
    uint32_t value = 0;
    const void *at = weir_reader_bytes(reader, sizeof value);
    if (at) memcpy(&value, at, sizeof value);
    return value;
}

uint64_t weir_reader_u64(struct weir_reader *reader)
{
    uint64_t value = 0;
    const void *at = weir_reader_bytes(reader, sizeof value);
    if (at) memcpy(&value, at, sizeof value);
    return value;
}

uint64_t weir_reader_varint(struct weir_reader *reader)
{
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 64; shift += 7) {
        uint8_t byte = weir_reader_byte(reader);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return reader->failed ? 0 : value;
    }
    reader->failed = true;
    return 0;
}
