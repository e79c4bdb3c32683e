#include "inspect.h"
#include "main.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *inspect_time(struct weir_arena *arena, int64_t ms)
{
    if (ms == 0) return "-";
    time_t seconds = (time_t)(ms / 1000);
    struct tm civil;
    char text[32];
    if (!gmtime_r(&seconds, &civil) || !strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &civil)) return "-";
    return weir_arena_format(arena, "%s.%03d", text, (int)(ms % 1000));
}

const char *inspect_count(struct weir_arena *arena, uint64_t number)
{
    char text[32], *at = text + sizeof text;
    *--at = 0;
    for (int digits = 0; number || !digits; number /= 10, digits++) {
        if (digits && digits % 3 == 0) *--at = ',';
        *--at = (char)('0' + number % 10);
    }
    return weir_arena_string(arena, at);
}

const char *inspect_hex(struct weir_arena *arena, const uint8_t *bytes, size_t length)
{
    char *text = weir_arena_allocate(arena, 2 * length + 1);
    for (size_t i = 0; i < length; i++) snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    text[2 * length] = 0;
    return text;
}

const char *inspect_word(const ProtobufCEnumDescriptor *descriptor, int value, const char *prefix)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    if (!found) return "unknown";
    size_t length = strlen(prefix);
    return strncmp(found->name, prefix, length) == 0 ? found->name + length : found->name;
}

int inspect_print_json(json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    bool good = text && write_all(STDOUT_FILENO, text, strlen(text)) && write_all(STDOUT_FILENO, "\n", 1);
    free(text);
    return good ? 0 : 1;
}
