#define _GNU_SOURCE
/* flink-conf.yaml, which is no YAML: one "key: value" a line, by the rules of Flink 1.x. */
#include "config/internal.h"
#include <stdio.h>
#include <string.h>

static enum weir_error_code read_line(
    struct weir_config *config, struct weir_slice line, struct config__place place, struct weir_error *reterr)
{
    const char *comment = line.length ? memchr(line.data, '#', line.length) : NULL;
    if (comment) line.length = (size_t)(comment - line.data);
    line = weir_value_trim(line);
    if (line.length == 0) return WEIR_OK;
    const char *split = memmem(line.data, line.length, ": ", 2);
    struct weir_slice key = { line.data, split ? (size_t)(split - line.data) : 0 };
    key = weir_value_trim(key);
    if (!split || key.length == 0) {
        char text[512], name[64];
        snprintf(name, sizeof name, "line %u", place.line);
        snprintf(text, sizeof text,
            "%.200s:%u: skipped, for it is no 'key: value' (a colon and a space between them)", place.file,
            place.line);
        config__notice(config, WEIR_CONFIG_NOTICE_SKIPPED, name, text);
        return WEIR_OK;
    }
    struct weir_slice value = { split + 2, line.length - (size_t)(split + 2 - line.data) };
    return config__put(config, key, value, place, reterr);
}

enum weir_error_code weir_config_read_flat(struct weir_config *config, const char *file_name,
    const char *bytes, size_t length, struct weir_error *reterr)
{
    struct config__place place = { .layer = WEIR_CONFIG_FILE,
        .file = weir_arena_string(&config->arena, file_name) };
    if (length > WEIR_CONFIG_FILE_BYTES_MAX) {
        return weir_error_set(
            reterr, WEIR_E_CONFIGURATION, "%s: larger than %d bytes", file_name, WEIR_CONFIG_FILE_BYTES_MAX);
    }
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    if (length >= 3 &&
        memcmp(bytes, byte_order_mark, 3) == 0) { /* is no part of the first key; YAML has it, too */
        bytes += 3;
        length -= 3;
    }
    while (length) {
        const char *end = memchr(bytes, '\n', length);
        size_t line_length = end ? (size_t)(end - bytes) : length;
        place.line++;
        enum weir_error_code code =
            read_line(config, (struct weir_slice){ bytes, line_length }, place, reterr);
        if (code) return code;
        line_length += end != NULL;
        bytes += line_length;
        length -= line_length;
    }
    return WEIR_OK;
}
