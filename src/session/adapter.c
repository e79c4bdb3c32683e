#define _GNU_SOURCE
#include "session/adapter.h"
#include "base/assert.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { OPTION_KEY_BYTES_MAX = 512, DISTANCE_MAX = 3, PARALLELISM_MAX = 32768 };

const struct weir_connector *weir_session_find_connector(const struct weir_connectors *all, const char *name)
{
    for (uint32_t i = 0; i < all->connector_count; i++)
        if (strcmp(all->connectors[i]->name, name) == 0) return all->connectors[i];
    return NULL;
}

const struct weir_format *weir_session_find_format(const struct weir_connectors *all, const char *name)
{
    for (uint32_t i = 0; i < all->format_count; i++)
        if (strcmp(all->formats[i]->name, name) == 0) return all->formats[i];
    return NULL;
}

uint32_t weir_session_edit_distance(const char *a, const char *b)
{
    uint32_t row[64];
    size_t length = strlen(b);
    if (length >= WEIR_ARRAY_COUNT(row) || strlen(a) >= WEIR_ARRAY_COUNT(row)) return UINT32_MAX;
    for (uint32_t j = 0; j <= length; j++) row[j] = j;
    for (uint32_t i = 1; a[i - 1]; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= length; j++) {
            uint32_t substituted = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = WEIR_MIN(substituted, WEIR_MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[length];
}

/* --- options --- */

static const char *option_of(const struct weir_sql_table_descriptor *table, const char *key)
{
    for (uint32_t i = 0; i < table->option_count; i++)
        if (strcmp(table->options[i].key, key) == 0) return table->options[i].value;
    return NULL;
}

/* "fields.#.min" fits "fields.x.min" (a name may hold dots), "properties.*" fits "properties.a.b". */
static bool key_fits(const char *pattern, const char *key)
{
    for (; *pattern; pattern++, key++) {
        if (*pattern == '*' && !pattern[1]) return *key != 0;
        if (*pattern == '#') {
            for (const char *at = key + 1; *key && *at; at++)
                if (key_fits(pattern + 1, at)) return true;
            return false;
        }
        if (*pattern != *key) return false;
    }
    return *key == 0;
}

static bool value_fits(const char *type, const char *value)
{
    if (strcmp(type, "Boolean") == 0)
        return strcasecmp(value, "true") == 0 || strcasecmp(value, "false") == 0;
    if (strcmp(type, "Integer") == 0 || strcmp(type, "Long") == 0) {
        char *end;
        (void)strtoll(value, &end, 10);
        return *value && !*end;
    }
    if (strcmp(type, "Double") == 0) {
        char *end;
        (void)strtod(value, &end);
        return *value && !*end;
    }
    if (strncmp(type, "Enum(", 5) == 0) {
        size_t length = strlen(value);
        for (const char *at = type + 5; *at && *at != ')';) {
            size_t word = strcspn(at, "|)");
            if (word == length && strncasecmp(at, value, length) == 0) return true;
            at += word + (at[word] == '|');
        }
        return false;
    }
    return true;
}

struct option_set {
    const struct weir_option_definition *options;
    uint32_t count;
    const char *prefix; /* "json." */
};

static const struct weir_option_definition *find_definition(
    const struct option_set *sets, uint32_t set_count, const char *key)
{
    for (uint32_t s = 0; s < set_count; s++) {
        size_t prefix = strlen(sets[s].prefix);
        if (strncmp(key, sets[s].prefix, prefix) != 0) continue;
        for (uint32_t i = 0; i < sets[s].count; i++)
            if (key_fits(sets[s].options[i].key, key + prefix)) return &sets[s].options[i];
    }
    return NULL;
}

static enum weir_error_code unknown_option(const char *table, const char *connector, const char *key,
    const struct option_set *sets, uint32_t set_count, struct weir_error *reterr)
{
    char nearest[OPTION_KEY_BYTES_MAX] = "", all[2048] = "";
    uint32_t best = DISTANCE_MAX + 1;
    size_t used = 0;
    for (uint32_t s = 0; s < set_count; s++) {
        for (uint32_t i = 0; i < sets[s].count; i++) {
            char name[OPTION_KEY_BYTES_MAX];
            snprintf(name, sizeof name, "%s%s", sets[s].prefix, sets[s].options[i].key);
            uint32_t distance = weir_session_edit_distance(name, key);
            if (distance < best) {
                best = distance;
                memcpy(nearest, name, sizeof nearest);
            }
            int wrote = snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", name);
            used = WEIR_MIN(used + (size_t)WEIR_MAX(wrote, 0), sizeof all - 1);
        }
    }
    if (*nearest)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "table %s: connector '%s' has no option '%s'; did you mean '%s'?", table, connector, key,
            nearest);
    return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
        "table %s: connector '%s' has no option '%s'; it has: %s", table, connector, key, all);
}

/* Options that every table understands, whatever its connector: the planner reads them. */
static const struct weir_option_definition common_options[] = {
    { .key = "connector", .type = "String" },
    { .key = "scan.watermark.emit.strategy", .type = "Enum(on-periodic|on-event)" },
    { .key = "scan.watermark.idle-timeout", .type = "Duration" },
    { .key = "scan.parallelism", .type = "Integer" },
};
static const struct weir_option_definition format_option[] = { { .key = "format", .type = "String" } };

/* sink.parallelism and scan.parallelism of any connector. */
static bool parallelism_fits(const char *key, const char *value)
{
    if (strcmp(key, "sink.parallelism") != 0 && strcmp(key, "scan.parallelism") != 0) return true;
    long long number = strtoll(value, NULL, 10);
    return number >= 1 && number <= PARALLELISM_MAX;
}

static enum weir_error_code check_options(const struct weir_sql_table_descriptor *table,
    const struct weir_connector *connector, const struct weir_format *format, struct weir_error *reterr)
{
    char prefix[128] = "";
    if (format) snprintf(prefix, sizeof prefix, "%s.", format->name);
    const struct option_set sets[] = {
        { connector->options, connector->option_count, "" },
        { format ? format->options : NULL, format ? format->option_count : 0, prefix },
        { format_option, connector->takes_format ? 1 : 0, "" },
        { common_options, WEIR_ARRAY_COUNT(common_options), "" },
    };
    for (uint32_t i = 0; i < table->option_count; i++) {
        const char *key = table->options[i].key, *value = table->options[i].value;
        const struct weir_option_definition *definition = find_definition(sets, WEIR_ARRAY_COUNT(sets), key);
        if (!definition && (strncmp(key, "scan.watermark.alignment.", 25) == 0 ||
                               strcmp(key, "scan.watermark.emit.on-event.gap") == 0))
            return weir_error_set(reterr, WEIR_E_UNSUPPORTED, "table %s: option '%s' is not implemented",
                table->identifier, key);
        if (!definition) return unknown_option(table->identifier, connector->name, key, sets, 3, reterr);
        if (!value_fits(definition->type, value))
            return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "table %s: option '%s' = '%s' is not a value of type %s", table->identifier, key, value,
                definition->type);
        if (!parallelism_fits(key, value))
            return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "table %s: option '%s' = '%s': expected 1 to %d", table->identifier, key, value,
                PARALLELISM_MAX);
    }
    for (uint32_t i = 0; i < connector->option_count; i++) {
        if (!connector->options[i].required || option_of(table, connector->options[i].key)) continue;
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "table %s: connector '%s' requires the option '%s'", table->identifier, connector->name,
            connector->options[i].key);
    }
    return WEIR_OK;
}

static enum weir_error_code unknown_connector(const struct weir_connectors *all,
    const struct weir_sql_table_descriptor *table, const char *name, struct weir_error *reterr)
{
    char names[1024] = "";
    const char *nearest = NULL;
    uint32_t best = DISTANCE_MAX + 1;
    size_t used = 0;
    for (uint32_t i = 0; i < all->connector_count; i++) {
        uint32_t distance = weir_session_edit_distance(all->connectors[i]->name, name);
        if (distance < best) {
            best = distance;
            nearest = all->connectors[i]->name;
        }
        int wrote =
            snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", all->connectors[i]->name);
        used = WEIR_MIN(used + (size_t)WEIR_MAX(wrote, 0), sizeof names - 1);
    }
    return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
        "table %s: connector '%s' is not implemented%s%s%s; there are: %s", table->identifier, name,
        nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'" : "", names);
}

static enum weir_error_code unknown_format(const struct weir_connectors *all,
    const struct weir_sql_table_descriptor *table, const char *name, struct weir_error *reterr)
{
    char names[1024] = "";
    const char *nearest = NULL;
    uint32_t best = DISTANCE_MAX + 1;
    size_t used = 0;
    for (uint32_t i = 0; i < all->format_count; i++) {
        uint32_t distance = weir_session_edit_distance(all->formats[i]->name, name);
        if (distance < best) {
            best = distance;
            nearest = all->formats[i]->name;
        }
        int wrote =
            snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", all->formats[i]->name);
        used = WEIR_MIN(used + (size_t)WEIR_MAX(wrote, 0), sizeof names - 1);
    }
    return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
        "table %s: format '%s' is not implemented%s%s%s; there are: %s", table->identifier, name,
        nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'" : "", names);
}

static enum weir_error_code resolve(const struct weir_connectors *all,
    const struct weir_sql_table_descriptor *table, const struct weir_connector **ret,
    const struct weir_format **ret_format, struct weir_error *reterr)
{
    const char *name = option_of(table, "connector");
    if (!name)
        return weir_error_set(
            reterr, WEIR_E_SQL_VALIDATION, "table %s has no option 'connector'", table->identifier);
    const struct weir_connector *connector = weir_session_find_connector(all, name);
    if (!connector) return unknown_connector(all, table, name, reterr);
    const struct weir_format *format = NULL;
    if (connector->takes_format) {
        const char *format_name = option_of(table, "format");
        if (!format_name)
            return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "table %s: connector '%s' requires the option 'format'", table->identifier, name);
        format = weir_session_find_format(all, format_name);
        if (!format) return unknown_format(all, table, format_name, reterr);
    }
    *ret = connector;
    *ret_format = format;
    return check_options(table, connector, format, reterr);
}

/* --- the three questions --- */

static struct weir_table_descriptor to_spi(const struct weir_sql_table_descriptor *table)
{
    struct weir_option_value *options =
        WEIR_ARENA_ARRAY(table->arena, struct weir_option_value, table->option_count + 1);
    for (uint32_t i = 0; i < table->option_count; i++)
        options[i] = (struct weir_option_value){ table->options[i].key, table->options[i].value };
    return (struct weir_table_descriptor){ .identifier = table->identifier,
        .options = options,
        .option_count = table->option_count,
        .column_count = table->column_count,
        .column_names = table->column_names,
        .column_types = table->column_types,
        .primary_key = table->primary_key,
        .primary_key_count = table->primary_key_count,
        .partition_keys = table->partition_keys,
        .partition_key_count = table->partition_key_count,
        .bounded_wanted = table->bounded_wanted,
        .arena = table->arena };
}

static enum weir_error_code describe_source(void *context, const struct weir_sql_table_descriptor *table,
    struct weir_sql_source_description *ret, struct weir_error *reterr)
{
    const struct weir_connectors *all = context;
    const struct weir_connector *connector;
    const struct weir_format *format;
    enum weir_error_code code = resolve(all, table, &connector, &format, reterr);
    if (code) return code;
    if (!connector->describe_source || !connector->source)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "table %s: connector '%s' cannot be read, only written to", table->identifier, connector->name);
    struct weir_table_descriptor descriptor = to_spi(table);
    struct weir_source_description description = { 0 };
    code = connector->describe_source(all, &descriptor, &description, reterr);
    if (code) return code;
    if (table->bounded_wanted && !description.bounded)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "Querying an unbounded table '%s' in batch mode is not allowed. The table source is unbounded.",
            table->identifier);
    const char *parallelism = option_of(table, "scan.parallelism");
    if (parallelism) description.parallelism_max = (uint32_t)strtoul(parallelism, NULL, 10);
    *ret = (struct weir_sql_source_description){ .changelog_kinds = description.changelog_kinds,
        .deletes_by_key = description.deletes_by_key,
        .bounded = description.bounded,
        .parallelism_max = description.parallelism_max,
        .reads_projected = description.reads_projected,
        .reads_nested = description.reads_nested,
        .enumerated = description.enumerated,
        .keeps_parallelism = description.keeps_parallelism,
        .split_discovery_ms = description.split_discovery_ms };
    return WEIR_OK;
}

static enum weir_error_code describe_sink(void *context, const struct weir_sql_table_descriptor *table,
    struct weir_sql_sink_description *ret, struct weir_error *reterr)
{
    const struct weir_connectors *all = context;
    const struct weir_connector *connector;
    const struct weir_format *format;
    enum weir_error_code code = resolve(all, table, &connector, &format, reterr);
    if (code) return code;
    if (!connector->describe_sink || !connector->sink)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "table %s: connector '%s' cannot be written to, only read", table->identifier, connector->name);
    struct weir_table_descriptor descriptor = to_spi(table);
    struct weir_sink_description description = { 0 };
    code = connector->describe_sink(all, &descriptor, &description, reterr);
    if (code) return code;
    *ret = (struct weir_sql_sink_description){ .accepted_kinds = description.accepted_kinds,
        .takes_deletes_by_key = description.takes_deletes_by_key,
        .parallelism = description.parallelism,
        .partitioned = description.partitioned };
    return WEIR_OK;
}

static enum weir_error_code metadata(void *context, const struct weir_sql_table_descriptor *table,
    const struct weir_sql_metadata_column **ret, uint32_t *ret_count, struct weir_error *reterr)
{
    const struct weir_connector *connector;
    const struct weir_format *format;
    enum weir_error_code code = resolve(context, table, &connector, &format, reterr);
    if (code) return code;
    uint32_t count = connector->metadata_count + (format ? format->metadata_count : 0);
    struct weir_sql_metadata_column *columns =
        WEIR_ARENA_ARRAY(table->arena, struct weir_sql_metadata_column, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_metadata_column *from = i < connector->metadata_count
                                                      ? &connector->metadata[i]
                                                      : &format->metadata[i - connector->metadata_count];
        columns[i] = (struct weir_sql_metadata_column){
            .key = from->key, .type = from->type, .writable = from->writable
        };
    }
    *ret = columns;
    *ret_count = count;
    return WEIR_OK;
}

struct weir_sql_connectors weir_session_sql_connectors(const struct weir_connectors *connectors)
{
    return (struct weir_sql_connectors){ .context = (void *)connectors,
        .describe_source = describe_source,
        .describe_sink = describe_sink,
        .metadata = metadata };
}
