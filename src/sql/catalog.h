/*
 * The catalog of a session: catalogs, databases, tables and views, all in memory. And what the binder must
 * know of connectors, as a table of functions that the caller gives (sql may not include spi).
 *
 * Contracts
 * - A struct weir_sql_table is immutable and lives in an arena of its own until it is dropped, replaced or
 * altered; pointers to it are valid until the next statement that changes the catalog. Whoever plans a
 * statement does it before that.
 * - Temporary tables and views hide permanent ones of the same identifier.
 * - Names are case-sensitive.
 * @thread one owner.
 */
#ifndef WEIR_SQL_CATALOG_H
#define WEIR_SQL_CATALOG_H

#include "data/spec.h"
#include "sql/ast.h"

enum {
    WEIR_SQL_TABLES_MAX = 100000, /* in one catalog, views included */
    WEIR_SQL_DATABASES_MAX = 10000,
    WEIR_SQL_CATALOGS_MAX = 1000,
    WEIR_SQL_COLUMNS_MAX = 4096, /* of one table */
};

#define WEIR_SQL_DEFAULT_CATALOG  "default_catalog"
#define WEIR_SQL_DEFAULT_DATABASE "default_database"

struct weir_sql_identifier {
    const char *catalog, *database, *name;
};

struct weir_sql_table_column {
    const char *name;
    enum weir_sql_column_kind kind;
    const struct weir_type *type;     /* as declared; of a COMPUTED column as inferred (no time attribute) */
    const struct weir_sql_expr *expr; /* COMPUTED */
    const char *expr_text;            /* COMPUTED: canonical SQL */
    const char *metadata_key;         /* METADATA: the key, the column's name where none is written */
    bool metadata_key_written, is_virtual;
    const char *comment; /* NULL: none */
};

struct weir_sql_table_option {
    const char *key, *value;
};

struct weir_sql_table {
    struct weir_sql_identifier identifier;
    const char *identifier_text; /* "default_catalog.default_database.t" */
    bool temporary, is_view;
    uint32_t column_count;
    const struct weir_sql_table_column *columns; /* all kinds, in the order of the declaration */
    const char *comment;                         /* NULL: none */

    /* tables */
    bool has_watermark;
    uint32_t watermark_column;                  /* index into columns */
    const struct weir_sql_expr *watermark_expr; /* over all columns */
    const char *watermark_text;                 /* canonical SQL */
    const char *primary_key_name;               /* NULL: no primary key; "PK_a_b" where none is written */
    const uint32_t *primary_key;                /* indices into columns */
    uint32_t primary_key_count;
    const uint32_t *partition_keys; /* indices into columns */
    uint32_t partition_key_count;
    bool has_distribution;
    enum weir_sql_distribution_kind distribution;
    const uint32_t *distribution_keys;
    uint32_t distribution_key_count;
    bool has_bucket_count;
    uint32_t bucket_count;
    const struct weir_sql_table_option *options; /* in the order of the declaration */
    uint32_t option_count;

    /* views */
    const struct weir_sql_query *query;
    const char *query_text; /* canonical SQL of the query */
    const char *query_catalog,
        *query_database; /* current when the view was made: names in it resolve there */

    struct weir_arena arena;
    struct weir_sql_table *next_of_hash; /* the catalog's */
};

/* Physical columns are what the connector sees: their number, and from a column's index to its physical index
 * (UINT32_MAX for computed and metadata columns). */
uint32_t weir_sql_table_physical_count(const struct weir_sql_table *table);
uint32_t weir_sql_table_physical_index(const struct weir_sql_table *table, uint32_t column);
/* Metadata columns that a sink persists (not virtual), as indices into columns; *ret_count of them. */
const uint32_t *weir_sql_table_persisted_metadata(
    const struct weir_sql_table *table, struct weir_arena *arena, uint32_t *ret_count);
uint32_t weir_sql_table_find_column(const struct weir_sql_table *table, const char *name); /* UINT32_MAX */
const char *weir_sql_table_option(const struct weir_sql_table *table, const char *key);    /* NULL: absent */

/* ------------------------------------------------------------------------------------------- connectors */

/* The same as in spi/connector.h: bits of changelog kinds, descriptor and descriptions. */
enum { WEIR_SQL_KIND_I = 1, WEIR_SQL_KIND_UB = 2, WEIR_SQL_KIND_UA = 4, WEIR_SQL_KIND_D = 8 };

struct weir_sql_table_descriptor {
    const char *identifier;
    const struct weir_sql_table_option *options;
    uint32_t option_count;
    uint32_t column_count; /* physical columns */
    const char *const *column_names;
    const struct weir_type *const *column_types;
    const uint32_t *primary_key; /* physical indices */
    uint32_t primary_key_count;
    const uint32_t *partition_keys; /* physical indices */
    uint32_t partition_key_count;
    bool bounded_wanted;
    struct weir_arena *arena;
};
struct weir_sql_source_description {
    uint32_t changelog_kinds;
    bool deletes_by_key, bounded;
    uint32_t parallelism_max;
    bool reads_projected, reads_nested;
    bool keeps_parallelism; /* a running job is not rescaled there */
    bool enumerated;        /* reads splits that an enumerator may give out; looked for again after: */
    uint64_t split_discovery_ms;
};
struct weir_sql_sink_description {
    uint32_t accepted_kinds;
    bool takes_deletes_by_key;
    uint32_t parallelism;
    bool partitioned;
};
struct weir_sql_metadata_column {
    const char *key;
    const struct weir_type *type;
    bool writable;
};

struct weir_sql_connectors {
    void *context;
    /* All three: errors name the connector and the option. */
    enum weir_error_code (*describe_source)(void *context, const struct weir_sql_table_descriptor *table,
        struct weir_sql_source_description *ret, struct weir_error *reterr);
    enum weir_error_code (*describe_sink)(void *context, const struct weir_sql_table_descriptor *table,
        struct weir_sql_sink_description *ret, struct weir_error *reterr);
    /* Metadata columns of connector and format ("value.timestamp"); in descriptor->arena. */
    enum weir_error_code (*metadata)(void *context, const struct weir_sql_table_descriptor *table,
        const struct weir_sql_metadata_column **ret, uint32_t *ret_count, struct weir_error *reterr);
};

/* The descriptor of a table with options (map of texts; NULL: the table's own). */
struct weir_sql_table_descriptor *weir_sql_table_describe(const struct weir_sql_table *table,
    const struct weir_spec *options, bool bounded_wanted, struct weir_arena *arena);
/* The options as a map of texts, with the hint's laid over. */
struct weir_spec *weir_sql_table_options(
    const struct weir_sql_table *table, const struct weir_sql_options *hint, struct weir_arena *arena);

/* ----------------------------------------------------------------------------------------------- catalog */

struct weir_sql_database {
    const char *catalog, *name, *comment; /* comment may be NULL */
    const struct weir_sql_table_option *options;
    uint32_t option_count;
    struct weir_arena arena;
};

struct weir_sql_catalog_entry {
    const char *name, *comment;
    const struct weir_sql_table_option *options;
    uint32_t option_count;
    struct weir_arena arena;
};

struct weir_sql_catalog;

/* With default_catalog.default_database, which is current. */
struct weir_sql_catalog *weir_sql_catalog_new(struct weir_memory *memory);
struct weir_sql_catalog *weir_sql_catalog_free(struct weir_sql_catalog *catalog); /* NULL is fine; NULL */
struct weir_memory *weir_sql_catalog_memory(const struct weir_sql_catalog *catalog);

const char *weir_sql_catalog_current(const struct weir_sql_catalog *catalog);
const char *weir_sql_catalog_current_database(const struct weir_sql_catalog *catalog); /* "" if none */
enum weir_error_code weir_sql_catalog_use(
    struct weir_sql_catalog *catalog, const char *name, struct weir_error *reterr);
enum weir_error_code weir_sql_catalog_use_database(struct weir_sql_catalog *catalog, const char *catalog_name,
    const char *database, struct weir_error *reterr);

/* Completes a path of one to three parts with the current catalog and database. */
enum weir_error_code weir_sql_catalog_qualify(const struct weir_sql_catalog *catalog,
    const struct weir_sql_path *path, struct weir_sql_identifier *ret, struct weir_error *reterr);
/* NULL: there is none. The temporary one first. */
const struct weir_sql_table *weir_sql_catalog_find(
    const struct weir_sql_catalog *catalog, const struct weir_sql_identifier *identifier);
const struct weir_sql_table *weir_sql_catalog_find_kind(
    const struct weir_sql_catalog *catalog, const struct weir_sql_identifier *identifier, bool temporary);
/* The name in that database that is nearest to a misspelt one; NULL: none is near. */
const char *weir_sql_catalog_nearest(
    const struct weir_sql_catalog *catalog, const struct weir_sql_identifier *identifier);

/* An empty table object: fill it in (its memory is table->arena), then add it or throw it away. */
struct weir_sql_table *weir_sql_table_new(struct weir_memory *memory);
struct weir_sql_table *weir_sql_table_free(struct weir_sql_table *table); /* not once it was added */
/* Takes the table in any case. if_not_exists: an existing one stays and all is well; replace: it goes. */
enum weir_error_code weir_sql_catalog_add(struct weir_sql_catalog *catalog, struct weir_sql_table *table,
    bool if_not_exists, bool replace, struct weir_error *reterr);
/* table must be in the catalog. Its memory is kept until the next sweep, for trees that point to it. */
void weir_sql_catalog_remove(struct weir_sql_catalog *catalog, const struct weir_sql_table *table);
void weir_sql_catalog_sweep(struct weir_sql_catalog *catalog); /* weir_sql_execute_ddl begins with it */

enum weir_error_code weir_sql_catalog_add_database(struct weir_sql_catalog *catalog, const char *catalog_name,
    const char *name, const char *comment, const struct weir_sql_options *options, bool if_not_exists,
    struct weir_error *reterr);
enum weir_error_code weir_sql_catalog_drop_database(struct weir_sql_catalog *catalog,
    const char *catalog_name, const char *name, bool if_exists, bool cascade, struct weir_error *reterr);
const struct weir_sql_database *weir_sql_catalog_find_database(
    const struct weir_sql_catalog *catalog, const char *catalog_name, const char *name);
/* Sets (value) or removes (value NULL) options of a database. */
void weir_sql_catalog_set_database_option(struct weir_sql_catalog *catalog,
    const struct weir_sql_database *database, const char *key, const char *value);
enum weir_error_code weir_sql_catalog_add_catalog(struct weir_sql_catalog *catalog, const char *name,
    const char *comment, const struct weir_sql_options *options, bool if_not_exists,
    struct weir_error *reterr);
enum weir_error_code weir_sql_catalog_drop_catalog(
    struct weir_sql_catalog *catalog, const char *name, bool if_exists, struct weir_error *reterr);
const struct weir_sql_catalog_entry *weir_sql_catalog_find_catalog(
    const struct weir_sql_catalog *catalog, const char *name);

/* Looking through: index grows from 0, NULL behind the last. No order is promised. */
const struct weir_sql_catalog_entry *weir_sql_catalog_at(
    const struct weir_sql_catalog *catalog, uint32_t index);
const struct weir_sql_database *weir_sql_catalog_database_at(
    const struct weir_sql_catalog *catalog, uint32_t index);
const struct weir_sql_table *weir_sql_catalog_table_at(
    const struct weir_sql_catalog *catalog, uint32_t index);

/* Among candidates the one nearest to name (edit distance at most a third of its length); NULL: none. */
const char *weir_sql_nearest(const char *name, const char *const *candidates, uint32_t count);

#endif
