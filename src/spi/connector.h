/*
 * Connectors and formats. A connector is a folder src/plugins/connector/<name>/ with one const struct
 * weir_connector and a line in plugins.def; a format likewise. The planner asks describe_*() once per table
 * use (options are checked there, with texts that name the option); the operators "source" and "sink" then
 * create the run-time halves from the stored spec.
 */
#ifndef WEIR_SPI_CONNECTOR_H
#define WEIR_SPI_CONNECTOR_H

#include "spi/filesystem.h"
#include "spi/operator.h"

struct weir_option_value {
    const char *key, *value;
};

/* Documentation of an option and the check of its form. type: "String" "Integer" "Long" "Boolean" "Duration"
 * "MemorySize" "Enum(a|b)" "Double" "Map". */
struct weir_option_definition {
    const char *key; /* "fields.#.min": # stands for a name; "properties.*": any rest */
    const char *type, *default_value, *description;
    bool required;
};

enum weir_changelog_kind_bit {
    WEIR_KIND_BIT_I = 1,
    WEIR_KIND_BIT_UB = 2,
    WEIR_KIND_BIT_UA = 4,
    WEIR_KIND_BIT_D = 8
};

/* A table as the catalog knows it, for describe_*(). */
struct weir_table_descriptor {
    const char *identifier; /* "default_catalog.default_database.t", for texts */
    const struct weir_option_value *options;
    uint32_t option_count;
    /* Physical columns (not computed, not metadata) in order. */
    uint32_t column_count;
    const char *const *column_names;
    const struct weir_type *const *column_types;
    const uint32_t *primary_key; /* column indices */
    uint32_t primary_key_count;
    const uint32_t *partition_keys;
    uint32_t partition_key_count;
    bool bounded_wanted; /* execution.runtime-mode = batch: an unbounded source is refused */
    struct weir_arena *arena;
};

struct weir_metadata_column {
    const char *key; /* "file.path" */
    const struct weir_type *type;
    bool writable;
};

struct weir_source_description {
    uint32_t changelog_kinds; /* bits; I only for append sources */
    bool deletes_by_key;
    bool bounded;
    uint32_t parallelism_max; /* 0 = any; scan.parallelism when set */
    bool reads_projected;     /* the source decodes only the columns asked for */
    bool reads_nested;        /* and only the nested ROW fields asked for */
    /* It can be given its splits (struct weir_source_ops, add_split): in a cluster the JobManager does so,
     * and has a reader look for more after split_discovery_ms, until one says that these are all. */
    bool enumerated;
    uint64_t split_discovery_ms;
    /* Restored, it must have as many subtasks as before: a running job is not rescaled there. */
    bool keeps_parallelism;
};
struct weir_sink_description {
    uint32_t accepted_kinds;
    bool takes_deletes_by_key;
    uint32_t parallelism; /* sink.parallelism; 0 = default */
    bool partitioned;
};

struct weir_uncommitted_description {
    const char *directory; /* NULL: there are none */
    const char *prefix;    /* of the names of files, at any depth below directory */
};

/*
 * Scan spec, made by the planner: {
 *   "connector": text, "identifier": text, "options": map of texts, "columns": list of {"name","type"}
 * (physical schema), "projection": list of {"column": physical index, "path": [field indices] } |
 * {"metadata": key} one per output column, "partition_keys": [..], "primary_key": [..] } Sink spec: the same
 * without projection: input columns are the physical columns in order, then the persisted metadata columns
 * listed in "metadata": [keys]; plus "overwrite": bool, "static_partition": map, "changelog_kinds": bits of
 * the input.
 */
struct weir_connector {
    const char *name, *description;
    const struct weir_option_definition *options;
    uint32_t option_count;
    bool takes_format; /* 'format' option: the format's options are accepted with its name as prefix */
    const struct weir_metadata_column *metadata;
    uint32_t metadata_count;
    /* NULL: not a source / not a sink. */
    enum weir_error_code (*describe_source)(const struct weir_connectors *all,
        const struct weir_table_descriptor *table, struct weir_source_description *ret,
        struct weir_error *reterr);
    enum weir_error_code (*describe_sink)(const struct weir_connectors *all,
        const struct weir_table_descriptor *table, struct weir_sink_description *ret,
        struct weir_error *reterr);
    const struct weir_source_ops *source;
    const struct weir_operator_ops *sink; /* an operator without output columns */
    /* H10: where the sink of this spec keeps files that it has not committed. When its job has ended the
     * control plane removes those that nothing kept may name; it knows by the name, which is
     * "<prefix><attempt epoch>-<attempt number>-<subtask>-<checkpoint>-<anything>", where checkpoint is the
     * newest one that the attempt had taken or restored when it began the file. NULL: it leaves none, or not
     * in files. job_id: hexadecimal; uid: the operator's. */
    void (*describe_uncommitted)(const struct weir_spec *spec, const char *job_id, const char *uid,
        struct weir_arena *arena, struct weir_uncommitted_description *ret);
};

/* --- formats --- */
struct weir_decoder;
struct weir_encoder;

/* One output column of a decoder: physical column `column` of the schema, field path into it, or a metadata
 * key of the format. */
struct weir_decoder_column {
    const char *name; /* of the physical column */
    uint32_t column;
    const struct weir_type *column_type; /* of the whole physical column */
    const uint32_t *path;                /* field indices below, path_length 0 = the column itself */
    uint32_t path_length;
    const struct weir_type *type; /* of the output */
    const char *metadata;         /* format metadata key or NULL */
};

struct weir_format_context {
    const struct weir_option_value *options; /* without the format's prefix */
    uint32_t option_count;
    /* The physical schema; what is not in columns need not be decoded. */
    uint32_t schema_count;
    const char *const *schema_names;
    const struct weir_type *const *schema_types;
    const struct weir_decoder_column *columns;
    uint32_t column_count;
    struct weir_arena *arena;
    struct weir_memory *memory;
    const struct weir_zone *local_zone;
    struct weir_operator_metrics *metrics; /* parse_errors */
};

struct weir_format {
    const char *name, *description;
    const struct weir_option_definition *options;
    uint32_t option_count;
    uint32_t changelog_kinds; /* what a decoder may emit at most */
    uint32_t accepted_kinds;  /* what an encoder takes */
    const struct weir_metadata_column *metadata;
    uint32_t metadata_count;
    /* Checks options and schema at planning; *ret_kinds: what this configuration emits (decoder) or takes
     * (encoder). */
    enum weir_error_code (*describe)(const struct weir_format_context *ctx, bool decode,
        const uint32_t *primary_key, uint32_t primary_key_count, uint32_t *ret_kinds,
        bool *ret_deletes_by_key, struct weir_error *reterr);
    enum weir_error_code (*decoder_new)(
        const struct weir_format_context *ctx, struct weir_decoder **ret, struct weir_error *reterr);
    /*
     * Decodes whole records out of bytes[0..length) into out, until out is full (rows, bytes) or no whole
     * record is left. *consumed: bytes used up. final: no more bytes come, an unterminated last record counts
     * as whole. A record may give several rows (both halves of an update are never split between calls). On a
     * bad record: error with "at byte N of the input" where N counts from ctx start given by `position` -
     * unless the format's ignore-parse-errors drops and counts it. Record bytes up to 1 GiB: the caller grows
     * its buffer when *consumed is 0 and out is empty.
     */
    enum weir_error_code (*decode)(struct weir_decoder *decoder, const char *bytes, size_t length, bool final,
        struct weir_batch *out, size_t *consumed, struct weir_error *reterr);
    void (*decoder_free)(struct weir_decoder *decoder);
    enum weir_error_code (*encoder_new)(
        const struct weir_format_context *ctx, struct weir_encoder **ret, struct weir_error *reterr);
    /* Appends selected rows of in (columns = schema) to to, record separators included. */
    enum weir_error_code (*encode)(struct weir_encoder *encoder, const struct weir_batch *in,
        struct weir_buffer *to, struct weir_error *reterr);
    void (*encoder_free)(struct weir_encoder *encoder);
};

/* The process's plug-ins: plugins.def made into a table by src/plugins. */
struct weir_connectors {
    const struct weir_connector *const *connectors;
    uint32_t connector_count;
    const struct weir_format *const *formats;
    uint32_t format_count;
};

#endif
