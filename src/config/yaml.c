/*
 * config.yaml: libyaml splits the text, the rules are here. Nested maps and dotted keys mean the same and may
 * be mixed; a map becomes one value only where the option is a map. Plain scalars follow the YAML 1.2 core
 * schema. Aliases and several documents are refused: a configuration has no use for them, and aliases
 * multiply.
 */
#include "config/internal.h"
#include <stdio.h>
#include <string.h>
#include <yaml.h>

enum { NESTING_MAX = 32 };

struct reader {
    struct weir_config *config;
    yaml_parser_t parser;
    yaml_event_t event; /* the one that is looked at; deleted when the next is taken */
    bool has_event;
    struct config__place place;
    struct weir_buffer path;  /* "a.b.c" down to the present node */
    struct weir_buffer value; /* a list or map that is being written as text */
    struct weir_error *reterr;
};

static enum weir_error_code refuse(struct reader *reader, const char *what)
{
    return weir_error_set_at(reader->reterr, WEIR_E_CONFIGURATION, reader->place.line, reader->place.column,
        "%s:%u: %s", reader->place.file, reader->place.line, what);
}

static enum weir_error_code next_event(struct reader *reader)
{
    if (reader->has_event) yaml_event_delete(&reader->event);
    reader->has_event = false;
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        const yaml_mark_t *mark = &reader->parser.problem_mark;
        reader->place.line = (uint32_t)mark->line + 1;
        reader->place.column = (uint32_t)mark->column + 1;
        char text[512];
        snprintf(text, sizeof text, "this is no YAML: %.200s; expected 'key: value' lines",
            reader->parser.problem ? reader->parser.problem : "unreadable text");
        return refuse(reader, text);
    }
    reader->has_event = true;
    reader->place.line = (uint32_t)reader->event.start_mark.line + 1;
    reader->place.column = (uint32_t)reader->event.start_mark.column + 1;
    return WEIR_OK;
}

static struct weir_slice scalar_text(const struct reader *reader)
{
    return (
        struct weir_slice){ (const char *)reader->event.data.scalar.value, reader->event.data.scalar.length };
}

static bool scalar_is_plain(const struct reader *reader)
{
    return reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool scalar_is_null(const struct reader *reader)
{
    if (!scalar_is_plain(reader)) return false;
    struct weir_slice text = scalar_text(reader);
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(words); i++) {
        if (text.length == strlen(words[i]) && memcmp(text.data, words[i], text.length) == 0) return true;
    }
    return false;
}

/* 0x1F and 0o17 are whole numbers of the core schema: written as decimal digits, which is what options read.
 */
static bool number_of_other_base(struct weir_slice text, uint64_t *number)
{
    if (text.length < 3 || text.length > 18 || text.data[0] != '0') return false;
    uint64_t base = text.data[1] == 'x' ? 16 : text.data[1] == 'o' ? 8 : 0, sum = 0;
    if (!base) return false;
    for (size_t i = 2; i < text.length; i++) {
        char c = text.data[i];
        uint64_t digit = c >= '0' && c <= '9'   ? (uint64_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint64_t)(c - 'A') + 10
                                                : 99;
        if (digit >= base) return false;
        sum = sum * base + digit;
    }
    *number = sum;
    return true;
}

static enum weir_error_code put(struct reader *reader, struct weir_slice value)
{
    struct weir_slice key = { reader->path.data, reader->path.length };
    const struct config__entry *before = config__entry_in_layer(reader->config, key, WEIR_CONFIG_FILE);
    if (before && before->file == reader->place.file) {
        char text[WEIR_CONFIG_KEY_BYTES_MAX + 64];
        snprintf(text, sizeof text, "'%.*s' was already set in line %u",
            (int)WEIR_MIN(key.length, (size_t)500), key.data, before->line);
        return refuse(reader, text);
    }
    return config__put(reader->config, key, value, reader->place, reader->reterr);
}

static enum weir_error_code put_scalar(struct reader *reader)
{
    uint64_t number;
    char digits[32];
    struct weir_slice text = scalar_text(reader);
    if (scalar_is_null(reader)) { /* a key without a value sets nothing, but must be one */
        struct weir_slice key = { reader->path.data, reader->path.length };
        return config__check_key(key, reader->place, reader->reterr);
    }
    if (scalar_is_plain(reader) && number_of_other_base(text, &number)) {
        int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
        text = (struct weir_slice){ digits, (size_t)length };
    }
    return put(reader, text);
}

/* The present event starts a map of scalars: appended to text as "k:v,k2:v2". */
static enum weir_error_code write_map(struct reader *reader, struct weir_buffer *text)
{
    struct weir_buffer entry;
    weir_buffer_init(&entry, reader->config->memory, WEIR_CONFIG_VALUE_BYTES_MAX);
    enum weir_error_code code = WEIR_OK;
    while (!(code = next_event(reader)) && reader->event.type != YAML_MAPPING_END_EVENT) {
        weir_buffer_clear(&entry);
        for (int part = 0; part < 2 && !code; part++) {
            if (part == 1) code = next_event(reader);
            if (!code && reader->event.type != YAML_SCALAR_EVENT) {
                code = refuse(reader, "the entries of a map value must be plain 'key: value' pairs");
            }
            if (code) break;
            if (part == 1) weir_buffer_append_byte(&entry, ':');
            weir_buffer_append(&entry, scalar_text(reader).data, scalar_text(reader).length);
        }
        if (code) break;
        weir_value_list_append(text, ',', (struct weir_slice){ entry.data, entry.length });
    }
    weir_buffer_done(&entry);
    return code;
}

/* The present event starts a sequence: put as "a;b". */
static enum weir_error_code put_list(struct reader *reader)
{
    struct config__place start = reader->place;
    struct weir_buffer element;
    weir_buffer_init(&element, reader->config->memory, WEIR_CONFIG_VALUE_BYTES_MAX);
    weir_buffer_clear(&reader->value);
    enum weir_error_code code;
    while (!(code = next_event(reader)) && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        weir_buffer_clear(&element);
        if (reader->event.type == YAML_SCALAR_EVENT) {
            weir_buffer_append(&element, scalar_text(reader).data, scalar_text(reader).length);
        } else if (reader->event.type == YAML_MAPPING_START_EVENT) {
            code = write_map(reader, &element);
        } else {
            code = refuse(reader, "the elements of a list must be plain values or maps of plain values");
        }
        if (code) break;
        weir_value_list_append(&reader->value, ';', (struct weir_slice){ element.data, element.length });
    }
    weir_buffer_done(&element);
    if (code) return code;
    reader->place = start;
    if (reader->value.overflowed) return refuse(reader, "the list is too long");
    return put(
        reader, (struct weir_slice){ reader->value.length ? reader->value.data : "", reader->value.length });
}

static bool path_is_map_option(const struct reader *reader)
{
    if (reader->path.length == 0) return false;
    const struct weir_option *option = weir_option_find(reader->path.data, reader->path.length);
    return option && option->type == WEIR_OPTION_MAP && strlen(option->key) == reader->path.length;
}

static enum weir_error_code put_map(struct reader *reader)
{
    struct config__place start = reader->place;
    weir_buffer_clear(&reader->value);
    enum weir_error_code code = write_map(reader, &reader->value);
    if (code) return code;
    reader->place = start;
    if (reader->value.overflowed) return refuse(reader, "the map is too long");
    return put(
        reader, (struct weir_slice){ reader->value.length ? reader->value.data : "", reader->value.length });
}

static enum weir_error_code read_mapping(struct reader *reader, int depth);

static enum weir_error_code read_value(struct reader *reader, int depth)
{
    switch (reader->event.type) {
    case YAML_SCALAR_EVENT: return put_scalar(reader);
    case YAML_SEQUENCE_START_EVENT: return put_list(reader);
    case YAML_MAPPING_START_EVENT:
        if (path_is_map_option(reader)) return put_map(reader);
        return read_mapping(reader, depth + 1);
    case YAML_ALIAS_EVENT:
        return refuse(reader, "aliases (*name) are not accepted here; write the value out");
    default: return refuse(reader, "a value is expected");
    }
}

/* The present event starts a map whose keys go on the path. */
static enum weir_error_code read_mapping(struct reader *reader, int depth)
{
    if (depth > NESTING_MAX)
        return refuse(reader, "keys are nested too deeply: at most 32 levels are expected");
    for (;;) {
        enum weir_error_code code = next_event(reader);
        if (code) return code;
        if (reader->event.type == YAML_MAPPING_END_EVENT) return WEIR_OK;
        if (reader->event.type != YAML_SCALAR_EVENT) return refuse(reader, "a key must be plain text");
        size_t before = reader->path.length;
        if (before) weir_buffer_append_byte(&reader->path, '.');
        weir_buffer_append(&reader->path, scalar_text(reader).data, scalar_text(reader).length);
        if (reader->path.overflowed) return refuse(reader, "the key is too long");
        struct config__place key_place = reader->place;
        code = next_event(reader);
        if (code) return code;
        if (reader->event.type == YAML_SCALAR_EVENT) reader->place = key_place;
        code = read_value(reader, depth);
        if (code) return code;
        reader->path.length = before;
    }
}

static enum weir_error_code read_stream(struct reader *reader)
{
    for (int documents = 0;;) {
        enum weir_error_code code = next_event(reader);
        if (code) return code;
        switch (reader->event.type) {
        case YAML_STREAM_END_EVENT: return WEIR_OK;
        case YAML_DOCUMENT_START_EVENT:
            if (documents++) return refuse(reader, "a second document ('---'); one is expected");
            break;
        case YAML_MAPPING_START_EVENT:
            code = read_mapping(reader, 1);
            if (code) return code;
            break;
        case YAML_SCALAR_EVENT:
            if (!scalar_is_null(reader)) return refuse(reader, "'key: value' lines are expected");
            break;
        case YAML_SEQUENCE_START_EVENT:
        case YAML_ALIAS_EVENT: return refuse(reader, "'key: value' lines are expected, not a list");
        default: break;
        }
    }
}

enum weir_error_code weir_config_read_yaml(struct weir_config *config, const char *file_name,
    const char *bytes, size_t length, struct weir_error *reterr)
{
    if (length > WEIR_CONFIG_FILE_BYTES_MAX) {
        return weir_error_set(
            reterr, WEIR_E_CONFIGURATION, "%s: larger than %d bytes", file_name, WEIR_CONFIG_FILE_BYTES_MAX);
    }
    struct reader reader = { .config = config, .reterr = reterr };
    reader.place = (struct config__place){ .layer = WEIR_CONFIG_FILE,
        .file = weir_arena_string(&config->arena, file_name) };
    if (!yaml_parser_initialize(&reader.parser)) {
        return weir_error_set(reterr, WEIR_E_INTERNAL, "%s: the YAML parser could not be started", file_name);
    }
    weir_buffer_init(&reader.path, config->memory, 4 * WEIR_CONFIG_KEY_BYTES_MAX);
    weir_buffer_init(&reader.value, config->memory, WEIR_CONFIG_VALUE_BYTES_MAX);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes, length);
    enum weir_error_code code = read_stream(&reader);
    if (reader.has_event) yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    weir_buffer_done(&reader.path);
    weir_buffer_done(&reader.value);
    return code;
}
