#include "plugins/connector/filesystem/filesystem.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct weir_option_definition options[] = {
    { .key = "path", .type = "String", .required = true, .description = "A file or a directory." },
    { .key = "source.monitor-interval",
        .type = "Duration",
        .description = "Look for new files this often; without it the source is bounded." },
    { .key = "source.path.regex-pattern",
        .type = "String",
        .description = "Only files whose path matches this regular expression." },
    { .key = "source.follow",
        .type = "Boolean",
        .default_value = "false",
        .description =
            "Follow files as they grow, through rotation by rename, copy and truncate, and re-creation." },
    { .key = "partition.default-name",
        .type = "String",
        .default_value = "__DEFAULT_PARTITION__",
        .description = "Directory value that stands for NULL." },
    { .key = "sink.rolling-policy.file-size",
        .type = "MemorySize",
        .default_value = "128MB",
        .description = "A part file is closed when it is this large." },
    { .key = "sink.rolling-policy.rollover-interval",
        .type = "Duration",
        .default_value = "30 min",
        .description = "A part file is open for this long at most." },
    { .key = "sink.rolling-policy.inactivity-interval",
        .type = "Duration",
        .default_value = "30 min",
        .description = "A part file without rows for this long is closed." },
    { .key = "sink.rolling-policy.check-interval",
        .type = "Duration",
        .default_value = "1 min",
        .description = "How often the intervals are looked at." },
    { .key = "sink.partition-commit.trigger",
        .type = "Enum(process-time|partition-time)",
        .default_value = "process-time",
        .description = "What decides that a partition is complete." },
    { .key = "sink.partition-commit.delay",
        .type = "Duration",
        .default_value = "0 s",
        .description = "How long a partition waits before it is committed." },
    { .key = "sink.partition-commit.watermark-time-zone",
        .type = "String",
        .default_value = "UTC",
        .description = "Zone in which partition times are read." },
    { .key = "sink.partition-commit.policy.kind",
        .type = "String",
        .description = "success-file: write _SUCCESS into a committed partition." },
    { .key = "sink.partition-commit.success-file.name",
        .type = "String",
        .default_value = "_SUCCESS",
        .description = "Name of that file." },
    { .key = "partition.time-extractor.kind",
        .type = "Enum(default)",
        .default_value = "default",
        .description = "How a partition's time is found." },
    { .key = "partition.time-extractor.timestamp-pattern",
        .type = "String",
        .description = "Timestamp made of partition keys, such as '$dt $hour:00:00'." },
    { .key = "partition.time-extractor.timestamp-formatter",
        .type = "String",
        .default_value = "yyyy-MM-dd HH:mm:ss",
        .description = "Form of that timestamp." },
    { .key = "sink.shuffle-by-partition.enable",
        .type = "Boolean",
        .default_value = "false",
        .description = "Send the rows of a partition to one subtask." },
    { .key = "sink.parallelism",
        .type = "Integer",
        .description = "Parallelism of the sink; default: the job's." },
};

static const char *descriptor_option(const struct weir_table_descriptor *table, const char *key)
{
    for (uint32_t i = 0; i < table->option_count; i++)
        if (strcmp(table->options[i].key, key) == 0) return table->options[i].value;
    return NULL;
}

int64_t filesystem_duration_ms(const char *text)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "", 1 }, { "ms", 1 }, { "milli", 1 }, { "millis", 1 }, { "millisecond", 1 },
        { "milliseconds", 1 }, { "s", 1000 }, { "sec", 1000 }, { "secs", 1000 }, { "second", 1000 },
        { "seconds", 1000 }, { "m", 60000 }, { "min", 60000 }, { "minute", 60000 }, { "minutes", 60000 },
        { "h", 3600000 }, { "hour", 3600000 }, { "hours", 3600000 }, { "d", 86400000 }, { "day", 86400000 },
        { "days", 86400000 } };
    while (*text == ' ') text++;
    int64_t number = 0;
    if (*text < '0' || *text > '9') return -1;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (number > INT64_MAX / 86400000 / 10 - 10) return -1;
        number = number * 10 + (*text - '0');
    }
    while (*text == ' ') text++;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(units); i++)
        if (strcasecmp(text, units[i].unit) == 0) return number * units[i].ms;
    return -1;
}

/* --- the format's view of a table --- */

static const struct weir_format *find_format(const struct weir_connectors *all, const char *name)
{
    for (uint32_t i = 0; i < all->format_count; i++)
        if (strcmp(all->formats[i]->name, name) == 0) return all->formats[i];
    return NULL;
}

enum weir_error_code filesystem_describe_format(const struct weir_connectors *all,
    const struct weir_table_descriptor *table, bool decode, uint32_t *ret_kinds, bool *ret_deletes_by_key,
    struct weir_error *reterr)
{
    const struct weir_format *format = find_format(all, descriptor_option(table, "format"));
    size_t prefix = strlen(format->name) + 1;
    struct weir_option_value *given =
        WEIR_ARENA_ARRAY(table->arena, struct weir_option_value, table->option_count + 1);
    struct weir_format_context ctx = { .options = given, .arena = table->arena };
    for (uint32_t i = 0; i < table->option_count; i++) {
        const char *key = table->options[i].key;
        if (strncmp(key, format->name, prefix - 1) == 0 && key[prefix - 1] == '.')
            given[ctx.option_count++] = (struct weir_option_value){ key + prefix, table->options[i].value };
    }
    const char **names = WEIR_ARENA_ARRAY(table->arena, const char *, table->column_count + 1);
    const struct weir_type **types =
        WEIR_ARENA_ARRAY(table->arena, const struct weir_type *, table->column_count + 1);
    for (uint32_t c = 0; c < table->column_count; c++) {
        bool is_key = false;
        for (uint32_t k = 0; k < table->partition_key_count; k++) is_key |= table->partition_keys[k] == c;
        if (is_key) continue;
        names[ctx.schema_count] = table->column_names[c];
        types[ctx.schema_count++] = table->column_types[c];
    }
    ctx.schema_names = names;
    ctx.schema_types = types;
    return format->describe(
        &ctx, decode, table->primary_key, table->primary_key_count, ret_kinds, ret_deletes_by_key, reterr);
}

static enum weir_error_code describe_source(const struct weir_connectors *all,
    const struct weir_table_descriptor *table, struct weir_source_description *ret, struct weir_error *reterr)
{
    *ret = (struct weir_source_description){ .reads_projected = true, .reads_nested = true };
    const char *monitor = descriptor_option(table, "source.monitor-interval"),
               *follow = descriptor_option(table, "source.follow");
    if (monitor && filesystem_duration_ms(monitor) <= 0)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "table %s: option 'source.monitor-interval' = '%s': expected a duration such as '10 s'",
            table->identifier, monitor);
    bool follows = follow && strcasecmp(follow, "true") == 0;
    ret->enumerated = !follows;
    ret->split_discovery_ms = monitor ? (uint64_t)filesystem_duration_ms(monitor) : 0;
    ret->bounded = !monitor && !follows;
    for (uint32_t k = 0; k < table->partition_key_count; k++) {
        const struct weir_type *type = table->column_types[table->partition_keys[k]];
        if (type->id >= WEIR_TYPE_BINARY && type->id != WEIR_TYPE_DATE && type->id != WEIR_TYPE_TIMESTAMP)
            return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "table %s: the type of partition key \"%s\" cannot be read from a directory's name",
                table->identifier, table->column_names[table->partition_keys[k]]);
    }
    return filesystem_describe_format(all, table, true, &ret->changelog_kinds, &ret->deletes_by_key, reterr);
}

/* --- spec --- */

const char *filesystem_option(const struct filesystem_table *table, const char *key, const char *otherwise)
{
    return weir_spec_get_text(table->options, key, otherwise);
}

enum weir_error_code filesystem_table_read(const struct weir_connectors *all, const struct weir_spec *spec,
    struct weir_arena *arena, struct filesystem_table *ret, struct weir_error *reterr)
{
    *ret = (struct filesystem_table){ .identifier = weir_spec_get_text(spec, "identifier", "?"),
        .options = weir_spec_get(spec, "options") };
    ret->path = filesystem_option(ret, "path", NULL);
    ret->format_name = filesystem_option(ret, "format", "");
    ret->format = find_format(all, ret->format_name);
    if (!ret->path || !ret->format)
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "table %s: its %s is not known to this process",
            ret->identifier, ret->path ? "format" : "path");
    ret->partition_default_name = filesystem_option(ret, "partition.default-name", "__DEFAULT_PARTITION__");
    const struct weir_spec *columns = weir_spec_get(spec, "columns");
    ret->column_count = columns->count;
    ret->names = WEIR_ARENA_ARRAY(arena, const char *, columns->count + 1);
    ret->types = WEIR_ARENA_ARRAY(arena, const struct weir_type *, columns->count + 1);
    ret->is_partition_key = WEIR_ARENA_ARRAY(arena, bool, columns->count + 1);
    ret->schema_names = WEIR_ARENA_ARRAY(arena, const char *, columns->count + 1);
    ret->schema_types = WEIR_ARENA_ARRAY(arena, const struct weir_type *, columns->count + 1);
    ret->partition_keys = weir_spec_get_integers(spec, "partition_keys", &ret->partition_key_count, arena);
    for (uint32_t k = 0; k < ret->partition_key_count; k++)
        ret->is_partition_key[ret->partition_keys[k]] = true;
    for (uint32_t c = 0; c < columns->count; c++) {
        ret->names[c] = weir_spec_get_text(columns->items[c], "name", "");
        ret->types[c] = weir_spec_get(columns->items[c], "type")->type;
        if (ret->is_partition_key[c]) continue;
        ret->schema_names[ret->schema_count] = ret->names[c];
        ret->schema_types[ret->schema_count++] = ret->types[c];
    }
    size_t prefix = strlen(ret->format_name) + 1;
    ret->format_options = WEIR_ARENA_ARRAY(arena, struct weir_option_value, ret->options->count + 1);
    for (uint32_t i = 0; i < ret->options->count; i++) {
        const char *key = ret->options->names[i];
        if (strncmp(key, ret->format_name, prefix - 1) != 0 || key[prefix - 1] != '.') continue;
        ret->format_options[ret->format_option_count++] =
            (struct weir_option_value){ key + prefix, weir_spec_get_text(ret->options, key, "") };
    }
    return WEIR_OK;
}

/* TIMESTAMP_LTZ(3) NOT NULL, BIGINT NOT NULL: types of the metadata columns. */
static const struct weir_type modification_time_type = { .id = WEIR_TYPE_TIMESTAMP_LTZ, .precision = 3 };
static const struct weir_metadata_column metadata[] = {
    { .key = "file.path", .type = &weir_type_string_not_null },
    { .key = "file.name", .type = &weir_type_string_not_null },
    { .key = "file.size", .type = &weir_type_bigint_not_null },
    { .key = "file.modification-time", .type = &modification_time_type },
};

extern const struct weir_connector weir_connector_filesystem;
const struct weir_connector weir_connector_filesystem = {
    .name = "filesystem",
    .description = "Files: read once, watched for new ones, or followed as they grow; written as part files "
                   "that appear when they are complete.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .takes_format = true,
    .metadata = metadata,
    .metadata_count = WEIR_ARRAY_COUNT(metadata),
    .describe_source = describe_source,
    .source = &weir_filesystem_source_ops,
    .describe_sink = filesystem_describe_sink,
    .sink = &weir_filesystem_sink_ops,
    .describe_uncommitted = filesystem_describe_uncommitted,
};
