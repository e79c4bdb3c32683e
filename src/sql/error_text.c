/* An error with the line of SQL that it is about. */
#include "sql/parser.h"
#include <string.h>

enum { SHOWN_COLUMNS_MAX = 100, SHOWN_BEFORE_MAX = 60 };

static uint32_t code_point_bytes(const char *at, size_t available)
{
    uint8_t byte = (uint8_t)*at;
    uint32_t count = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return count <= available ? count : 1;
}

/* The line with the number, without its end; NULL: there is none. */
static const char *line_at(const char *text, size_t length, uint32_t line, size_t *ret_length)
{
    const char *at = text, *end = text + length;
    for (uint32_t i = 1; i < line; i++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        if (!next) return NULL;
        at = next + 1;
    }
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop) stop = end;
    if (stop > at && stop[-1] == '\r') stop--;
    *ret_length = (size_t)(stop - at);
    return at;
}

/* Appends the code points [first, first + count) of the line; control characters become blanks. */
static void append_columns(
    const char *line, size_t length, uint32_t first, uint32_t count, struct weir_buffer *to)
{
    uint32_t column = 0;
    for (size_t at = 0; at < length && column < first + count; column++) {
        uint32_t bytes = code_point_bytes(line + at, length - at);
        if (column >= first) {
            if ((uint8_t)line[at] < ' ' || line[at] == 0x7F)
                weir_buffer_append_byte(to, ' ');
            else
                weir_buffer_append(to, line + at, bytes);
        }
        at += bytes;
    }
}

static uint32_t columns_of(const char *line, size_t length)
{
    uint32_t columns = 0;
    for (size_t at = 0; at < length; columns++) at += code_point_bytes(line + at, length - at);
    return columns;
}

void weir_sql_error_render(
    const struct weir_error *error, const char *text, size_t length, struct weir_buffer *to)
{
    size_t line_length;
    const char *line = error->line ? line_at(text, length, error->line, &line_length) : NULL;
    if (!line) {
        weir_buffer_append_text(to, error->message);
        return;
    }
    uint32_t caret = error->column ? error->column - 1 : 0, columns = columns_of(line, line_length);
    if (caret > columns) caret = columns;
    uint32_t first = caret > SHOWN_BEFORE_MAX && columns > SHOWN_COLUMNS_MAX ? caret - SHOWN_BEFORE_MAX : 0;
    uint32_t count = columns - first > SHOWN_COLUMNS_MAX ? SHOWN_COLUMNS_MAX : columns - first;
    weir_buffer_format(to, "line %u, column %u: %s\n  ", error->line, error->column, error->message);
    if (first) weir_buffer_append_text(to, "...");
    append_columns(line, line_length, first, count, to);
    if (first + count < columns) weir_buffer_append_text(to, "...");
    weir_buffer_append_text(to, "\n  ");
    for (uint32_t i = first ? 0 : 3; i < caret - first + 3; i++) weir_buffer_append_byte(to, ' ');
    weir_buffer_append_text(to, "^");
}
