#include "config/internal.h"
#include "base/assert.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct weir_config *weir_config_new(struct weir_memory *memory)
{
    struct weir_config *config = weir_memory_allocate_zeroed(memory, sizeof *config);
    config->memory = memory;
    weir_arena_init(&config->arena, memory);
    return config;
}

static void release_text(struct weir_config *config, char *text, size_t length)
{
    weir_memory_release(config->memory, text, length + 1);
}

void weir_config_free(struct weir_config *config)
{
    if (!config) return;
    for (size_t i = 0; i < config->entry_count; i++) {
        release_text(config, config->entries[i].key, config->entries[i].key_length);
        release_text(config, config->entries[i].value, config->entries[i].value_length);
    }
    weir_memory_release(config->memory, config->entries, config->entry_capacity * sizeof *config->entries);
    weir_memory_release(config->memory, config->notices, config->notice_capacity * sizeof *config->notices);
    weir_arena_done(&config->arena);
    weir_memory_release(config->memory, config, sizeof *config);
}

static char *keep_text(struct weir_config *config, struct weir_slice text)
{
    char *kept = weir_memory_allocate(config->memory, text.length + 1);
    if (text.length) memcpy(kept, text.data, text.length);
    kept[text.length] = 0;
    return kept;
}

static int compare_keys(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, WEIR_MIN(a_length, b_length));
    if (order) return order;
    return a_length < b_length ? -1 : a_length > b_length;
}

/* The first entry that is not before (key, layer). */
static size_t lower_bound(
    const struct weir_config *config, struct weir_slice key, enum weir_config_layer layer)
{
    size_t low = 0, high = config->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct config__entry *entry = &config->entries[middle];
        int order = compare_keys(entry->key, entry->key_length, key.data, key.length);
        if (order < 0 || (order == 0 && entry->layer < layer))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool entry_has_key(const struct config__entry *entry, struct weir_slice key)
{
    return entry->key_length == key.length && memcmp(entry->key, key.data, key.length) == 0;
}

const struct config__entry *config__entry_in_layer(
    const struct weir_config *config, struct weir_slice key, enum weir_config_layer layer)
{
    size_t at = lower_bound(config, key, layer);
    if (at == config->entry_count || !entry_has_key(&config->entries[at], key)) return NULL;
    return config->entries[at].layer == layer ? &config->entries[at] : NULL;
}

static void store(
    struct weir_config *config, struct weir_slice key, struct weir_slice value, struct config__place place)
{
    size_t at = lower_bound(config, key, place.layer);
    struct config__entry *entry = &config->entries[at];
    if (at < config->entry_count && entry_has_key(entry, key) && entry->layer == place.layer) {
        char *kept = keep_text(config, value); /* before the release: value may be the entry's own */
        release_text(config, entry->value, entry->value_length);
        entry->value = kept;
    } else {
        if (config->entry_count == config->entry_capacity) {
            size_t capacity = WEIR_MAX(config->entry_capacity * 2, (size_t)32),
                   bytes = sizeof *config->entries;
            config->entries = weir_memory_reallocate(
                config->memory, config->entries, config->entry_capacity * bytes, capacity * bytes);
            config->entry_capacity = capacity;
        }
        entry = &config->entries[at];
        memmove(entry + 1, entry, (config->entry_count - at) * sizeof *entry);
        config->entry_count++;
        *entry = (struct config__entry){ .key = keep_text(config, key),
            .key_length = key.length,
            .value = keep_text(config, value),
            .layer = place.layer };
    }
    entry->value_length = value.length;
    entry->file = place.file;
    entry->line = place.line;
}

struct weir_config *weir_config_copy(const struct weir_config *config, struct weir_memory *memory)
{
    struct weir_config *copy = weir_config_new(memory);
    for (size_t i = 0; i < config->entry_count; i++) {
        const struct config__entry *entry = &config->entries[i];
        const char *file = entry->file ? weir_arena_string(&copy->arena, entry->file) : NULL;
        store(copy, (struct weir_slice){ entry->key, entry->key_length },
            (struct weir_slice){ entry->value, entry->value_length },
            (struct config__place){ .layer = entry->layer, .file = file, .line = entry->line });
    }
    return copy;
}

void config__notice(
    struct weir_config *config, enum weir_config_notice_kind kind, const char *key, const char *text)
{
    for (size_t i = 0; i < config->notice_count; i++) {
        if (config->notices[i].kind == kind && strcmp(config->notices[i].key, key) == 0) return;
    }
    if (config->notice_count == config->notice_capacity) {
        size_t capacity = WEIR_MAX(config->notice_capacity * 2, (size_t)16), bytes = sizeof *config->notices;
        config->notices = weir_memory_reallocate(
            config->memory, config->notices, config->notice_capacity * bytes, capacity * bytes);
        config->notice_capacity = capacity;
    }
    config->notices[config->notice_count++] = (struct config__notice){ .kind = kind,
        .key = weir_arena_string(&config->arena, key),
        .text = weir_arena_string(&config->arena, text) };
}

size_t weir_config_notice_count(const struct weir_config *config)
{
    return config->notice_count;
}

const char *weir_config_notice(
    const struct weir_config *config, size_t index, enum weir_config_notice_kind *kind)
{
    WEIR_ASSERT(index < config->notice_count);
    *kind = config->notices[index].kind;
    return config->notices[index].text;
}

/* "config.yaml:12: " in front of a message, "" where there is no file. */
static void write_place(char *text, size_t bytes_max, struct config__place place)
{
    text[0] = 0;
    if (place.file) snprintf(text, bytes_max, "%.200s:%u: ", place.file, place.line);
}

static enum weir_error_code refuse_unknown(
    struct weir_slice key, struct config__place place, struct weir_error *reterr)
{
    char where[256];
    write_place(where, sizeof where, place);
    const char *nearest = weir_option_nearest(key.data, key.length);
    int shown = (int)WEIR_MIN(key.length, (size_t)WEIR_CONFIG_KEY_BYTES_MAX);
    if (nearest) {
        return weir_error_set_at(reterr, WEIR_E_CONFIGURATION, place.line, place.column,
            "%sunknown configuration key '%.*s'; did you mean '%s'?", where, shown, key.data, nearest);
    }
    return weir_error_set_at(reterr, WEIR_E_CONFIGURATION, place.line, place.column,
        "%sunknown configuration key '%.*s', and none is like it; docs/configuration.md lists all", where,
        shown, key.data);
}

enum weir_error_code config__check_key(
    struct weir_slice key, struct config__place place, struct weir_error *reterr)
{
    size_t from = 0;
    bool known =
        weir_option_find(key.data, key.length) || weir_option_find_by_old_name(key.data, key.length, &from);
    return known ? WEIR_OK : refuse_unknown(key, place, reterr);
}

static enum weir_error_code refuse_value(struct weir_config *config, const struct weir_option *option,
    struct weir_slice key, struct weir_slice value, struct config__place place, struct weir_error *reterr)
{
    char where[256], words[512], name[WEIR_CONFIG_KEY_BYTES_MAX + 1];
    write_place(where, sizeof where, place);
    snprintf(name, sizeof name, "%.*s", (int)key.length, key.data);
    const char *form = weir_option_type_form(option->type);
    if (option->type == WEIR_OPTION_ENUM) {
        snprintf(words, sizeof words, "one of %s", option->unit);
        for (char *at = words; *at; at++) *at = *at == '|' ? ',' : *at;
        form = words;
    }
    if (option->type == WEIR_OPTION_INTEGER || option->type == WEIR_OPTION_LONG) {
        int64_t least, most;
        weir_option_range(option, &least, &most);
        snprintf(words, sizeof words, "a whole number from %" PRId64 " to %" PRId64, least, most);
        form = words;
    }
    bool secret = weir_config_key_is_secret(config, name);
    return weir_error_set_at(reterr, WEIR_E_CONFIGURATION, place.line, place.column,
        "%sbad value '%.*s' for '%s'; expected %s", where,
        secret ? 6 : (int)WEIR_MIN(value.length, (size_t)200), secret ? "******" : value.data, name, form);
}

static void notice_status(struct weir_config *config, const struct weir_option *option, struct weir_slice key,
    struct config__place place)
{
    char where[256], name[WEIR_CONFIG_KEY_BYTES_MAX + 1], text[WEIR_CONFIG_KEY_BYTES_MAX * 2 + 400];
    write_place(where, sizeof where, place);
    snprintf(name, sizeof name, "%.*s", (int)key.length, key.data);
    if (option->status == WEIR_OPTION_NO_MEANING) {
        snprintf(text, sizeof text, "%s'%s' has no meaning in Weir: accepted, not used", where, name);
        config__notice(config, WEIR_CONFIG_NOTICE_NO_MEANING, name, text);
    } else if (option->status == WEIR_OPTION_CLUSTER) {
        snprintf(
            text, sizeof text, "%s'%s' belongs to the processes of a cluster: not used here", where, name);
        config__notice(config, WEIR_CONFIG_NOTICE_CLUSTER, name, text);
    }
}

static void notice_old_name(struct weir_config *config, const struct weir_option *option,
    struct weir_slice key, struct config__place place)
{
    char where[256], name[WEIR_CONFIG_KEY_BYTES_MAX + 1], text[WEIR_CONFIG_KEY_BYTES_MAX * 2 + 400];
    write_place(where, sizeof where, place);
    snprintf(name, sizeof name, "%.*s", (int)key.length, key.data);
    snprintf(text, sizeof text, "%s'%s' is an old name of '%s'", where, name, option->key);
    config__notice(config, WEIR_CONFIG_NOTICE_OLD_NAME, name, text);
}

static bool key_is_text(struct weir_slice key)
{
    for (size_t i = 0; i < key.length; i++) {
        if ((unsigned char)key.data[i] <= ' ' || key.data[i] == 0x7f) return false;
    }
    return key.length > 0 && key.length <= WEIR_CONFIG_KEY_BYTES_MAX;
}

static enum weir_error_code check_limits(const struct weir_config *config, struct weir_slice key,
    struct weir_slice value, struct config__place place, struct weir_error *reterr)
{
    char where[256];
    write_place(where, sizeof where, place);
    if (!key_is_text(key)) {
        return weir_error_set_at(reterr, WEIR_E_CONFIGURATION, place.line, place.column,
            "%sa key of 1 to %d bytes without blanks is expected", where, WEIR_CONFIG_KEY_BYTES_MAX);
    }
    if (value.length > WEIR_CONFIG_VALUE_BYTES_MAX || (value.length && memchr(value.data, 0, value.length))) {
        return weir_error_set_at(reterr, WEIR_E_CONFIGURATION, place.line, place.column,
            "%sthe value of '%.*s' must be text of at most %d bytes", where, (int)key.length, key.data,
            WEIR_CONFIG_VALUE_BYTES_MAX);
    }
    if (config->entry_count >= WEIR_CONFIG_ENTRIES_MAX) {
        return weir_error_set_at(reterr, WEIR_E_CONFIGURATION, place.line, place.column,
            "%smore than %d keys are set", where, WEIR_CONFIG_ENTRIES_MAX);
    }
    return WEIR_OK;
}

enum weir_error_code config__put(struct weir_config *config, struct weir_slice key, struct weir_slice value,
    struct config__place place, struct weir_error *reterr)
{
    enum weir_error_code code = check_limits(config, key, value, place, reterr);
    if (code) return code;
    value = weir_value_trim(value);
    const struct weir_option *option = weir_option_find(key.data, key.length);
    bool exact = option && strlen(option->key) == key.length && !weir_option_is_pattern(option);
    if (exact && !weir_value_is_valid(option, value))
        return refuse_value(config, option, key, value, place, reterr);
    const struct weir_option *first_old = NULL;
    size_t from = 0;
    for (const struct weir_option *old; (old = weir_option_find_by_old_name(key.data, key.length, &from));) {
        if (!first_old) first_old = old;
        if (!exact && !weir_value_is_valid(old, value))
            return refuse_value(config, old, key, value, place, reterr);
    }
    if (!option && !first_old) return refuse_unknown(key, place, reterr);
    if (!exact && !first_old && option->type != WEIR_OPTION_MAP && !weir_value_is_valid(option, value)) {
        return refuse_value(config, option, key, value, place, reterr);
    }
    if (exact || !first_old) {
        notice_status(config, option, key, place);
    } else {
        notice_old_name(config, first_old, key, place);
        notice_status(config, first_old, key, place);
    }
    store(config, key, value, place);
    return WEIR_OK;
}

enum weir_error_code weir_config_set(struct weir_config *config, enum weir_config_layer layer,
    const char *key, const char *value, struct weir_error *reterr)
{
    WEIR_ASSERT(layer > WEIR_CONFIG_DEFAULT && layer <= WEIR_CONFIG_SESSION);
    return config__put(config, (struct weir_slice){ key, strlen(key) },
        (struct weir_slice){ value, strlen(value) }, (struct config__place){ .layer = layer }, reterr);
}

enum weir_error_code weir_config_read_argument(
    struct weir_config *config, const char *argument, struct weir_error *reterr)
{
    const char *equals = strchr(argument, '=');
    struct weir_slice key = { argument, equals ? (size_t)(equals - argument) : strlen(argument) };
    struct weir_slice value =
        equals ? (struct weir_slice){ equals + 1, strlen(equals + 1) } : WEIR_SLICE("true");
    enum weir_error_code code = config__put(config, weir_value_trim(key), value,
        (struct config__place){ .layer = WEIR_CONFIG_COMMAND_LINE }, reterr);
    if (code && reterr) return weir_error_set(reterr, code, "option -D: %s", reterr->message);
    return code;
}

static void remove_entry(struct weir_config *config, size_t at)
{
    struct config__entry *entry = &config->entries[at];
    release_text(config, entry->key, entry->key_length);
    release_text(config, entry->value, entry->value_length);
    config->entry_count--;
    memmove(entry, entry + 1, (config->entry_count - at) * sizeof *entry);
}

static void remove_from_session(struct weir_config *config, struct weir_slice key)
{
    size_t at = lower_bound(config, key, WEIR_CONFIG_SESSION);
    if (at < config->entry_count && entry_has_key(&config->entries[at], key)) remove_entry(config, at);
}

enum weir_error_code weir_config_reset(struct weir_config *config, const char *key, struct weir_error *reterr)
{
    struct weir_slice name = { key, strlen(key) };
    size_t from = 0;
    const struct weir_option *option = weir_option_find(key, name.length);
    if (!option && !weir_option_find_by_old_name(key, name.length, &from)) {
        return refuse_unknown(name, (struct config__place){ .layer = WEIR_CONFIG_SESSION }, reterr);
    }
    remove_from_session(config, name);
    for (const char *old = option ? option->old_names : ""; *old;) {
        struct weir_slice old_name = { old, strcspn(old, " ") };
        remove_from_session(config, old_name);
        old += old_name.length;
        old += *old == ' ';
    }
    return WEIR_OK;
}

void weir_config_reset_all(struct weir_config *config)
{
    for (size_t i = config->entry_count; i-- > 0;) {
        if (config->entries[i].layer == WEIR_CONFIG_SESSION) remove_entry(config, i);
    }
}

static const struct config__entry *find_highest(const struct weir_config *config, struct weir_slice key)
{
    size_t after = lower_bound(config, key, WEIR_CONFIG_SESSION + 1);
    if (after == 0 || !entry_has_key(&config->entries[after - 1], key)) return NULL;
    return &config->entries[after - 1];
}

const struct config__entry *config__find(
    const struct weir_config *config, const struct weir_option *option, const char *key)
{
    const struct config__entry *entry = find_highest(config, (struct weir_slice){ key, strlen(key) });
    for (const char *old = option->old_names; *old && !entry;) {
        size_t length = strcspn(old, " ");
        entry = find_highest(config, (struct weir_slice){ old, length });
        if (entry && !weir_value_is_valid(option, (struct weir_slice){ entry->value, entry->value_length }))
            entry = NULL;
        old += length;
        old += *old == ' ';
    }
    return entry;
}

static const struct weir_option *option_of(const char *key)
{
    const struct weir_option *option = weir_option_find(key, strlen(key));
    WEIR_ASSERT(option != NULL);
    return option;
}

/* The text that holds: a value or the default; data NULL where there is neither. */
static struct weir_slice value_of(
    const struct weir_config *config, const struct weir_option *option, const char *key)
{
    const struct config__entry *entry = config__find(config, option, key);
    if (entry) return (struct weir_slice){ entry->value, entry->value_length };
    const char *text = option->default_value;
    return text ? (struct weir_slice){ text, strlen(text) } : (struct weir_slice){ 0 };
}

static bool is_infinite(struct weir_slice text)
{
    return text.length == 8 && memcmp(text.data, "infinite", 8) == 0;
}

bool weir_config_get_boolean(const struct weir_config *config, const char *key, bool fallback)
{
    const struct weir_option *option = option_of(key);
    WEIR_ASSERT(option->type == WEIR_OPTION_BOOLEAN);
    struct weir_slice text = value_of(config, option, key);
    bool value;
    return text.data && weir_value_parse_boolean(text, &value) ? value : fallback;
}

int64_t weir_config_get_integer(const struct weir_config *config, const char *key, int64_t fallback)
{
    const struct weir_option *option = option_of(key);
    WEIR_ASSERT(option->type == WEIR_OPTION_INTEGER || option->type == WEIR_OPTION_LONG);
    struct weir_slice text = value_of(config, option, key);
    if (text.data && is_infinite(text)) return option->type == WEIR_OPTION_INTEGER ? INT32_MAX : INT64_MAX;
    int64_t value;
    return text.data && weir_value_parse_long(text, &value) ? value : fallback;
}

double weir_config_get_double(const struct weir_config *config, const char *key, double fallback)
{
    const struct weir_option *option = option_of(key);
    WEIR_ASSERT(option->type == WEIR_OPTION_DOUBLE);
    struct weir_slice text = value_of(config, option, key);
    double value;
    return text.data && weir_value_parse_double(text, &value) ? value : fallback;
}

int64_t weir_config_get_duration_ms(const struct weir_config *config, const char *key, int64_t fallback_ms)
{
    const struct weir_option *option = option_of(key);
    WEIR_ASSERT(option->type == WEIR_OPTION_DURATION);
    struct weir_slice text = value_of(config, option, key);
    int64_t value_ns;
    return text.data && weir_value_parse_duration_ns(text, &value_ns) ? value_ns / 1000000 : fallback_ms;
}

uint64_t weir_config_get_memory_bytes(
    const struct weir_config *config, const char *key, uint64_t fallback_bytes)
{
    const struct weir_option *option = option_of(key);
    WEIR_ASSERT(option->type == WEIR_OPTION_MEMORY);
    struct weir_slice text = value_of(config, option, key);
    if (text.data && is_infinite(text)) return INT64_MAX;
    uint64_t value;
    return text.data && weir_value_parse_memory_bytes(text, &value) ? value : fallback_bytes;
}

const char *weir_config_get_text(const struct weir_config *config, const char *key, const char *fallback)
{
    struct weir_slice text = value_of(config, option_of(key), key);
    return text.data ? text.data : fallback;
}

size_t weir_config_get_enum(const struct weir_config *config, const char *key, size_t fallback)
{
    const struct weir_option *option = option_of(key);
    WEIR_ASSERT(option->type == WEIR_OPTION_ENUM && option->unit[0]);
    struct weir_slice text = value_of(config, option, key), word;
    size_t index;
    return text.data && weir_value_parse_enum(option->unit, text, &index, &word) ? index : fallback;
}

bool weir_config_is_set(const struct weir_config *config, const char *key)
{
    return config__find(config, option_of(key), key) != NULL;
}
