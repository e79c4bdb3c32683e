/* Connector filesystem: what its source and sink share. */
#ifndef WEIR_PLUGINS_CONNECTOR_FILESYSTEM_H
#define WEIR_PLUGINS_CONNECTOR_FILESYSTEM_H

#include "spi/connector.h"

enum { FILESYSTEM_PARTITIONS_MAX = 32 };

/* The scan or sink spec, taken apart; everything lives in the context's arena. */
struct filesystem_table {
    const char *identifier, *path, *format_name;
    const struct weir_spec *options; /* map of texts */
    uint32_t column_count;           /* physical, partition keys included */
    const char **names;
    const struct weir_type **types;
    uint32_t partition_key_count;
    uint32_t *partition_keys;
    bool *is_partition_key; /* per column */
    const char *partition_default_name;
    const struct weir_format *format;
    struct weir_option_value *format_options; /* without the prefix */
    uint32_t format_option_count;
    /* What the format sees: columns without the partition keys. */
    uint32_t schema_count;
    const char **schema_names;
    const struct weir_type **schema_types;
};
enum weir_error_code filesystem_table_read(const struct weir_connectors *all, const struct weir_spec *spec,
    struct weir_arena *arena, struct filesystem_table *ret, struct weir_error *reterr);
const char *filesystem_option(const struct filesystem_table *table, const char *key, const char *otherwise);
/* "10 s", "1min", "500" (ms); -1: malformed. */
int64_t filesystem_duration_ms(const char *text);

extern const struct weir_source_ops weir_filesystem_source_ops;
extern const struct weir_operator_ops weir_filesystem_sink_ops;
enum weir_error_code filesystem_describe_sink(const struct weir_connectors *all,
    const struct weir_table_descriptor *table, struct weir_sink_description *ret, struct weir_error *reterr);
void filesystem_describe_uncommitted(const struct weir_spec *spec, const char *job_id, const char *uid,
    struct weir_arena *arena, struct weir_uncommitted_description *ret);
/* Both halves: the format's own check over the table. */
enum weir_error_code filesystem_describe_format(const struct weir_connectors *all,
    const struct weir_table_descriptor *table, bool decode, uint32_t *ret_kinds, bool *ret_deletes_by_key,
    struct weir_error *reterr);

#endif
