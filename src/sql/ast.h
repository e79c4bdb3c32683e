/*
 * The syntax tree of one SQL statement: what the text says, with nothing looked up and nothing judged. One
 * tagged union per family (type, expression: ast_expr.h; table reference, query: ast_query.h; statement:
 * here), plain arrays, everything in one arena.
 *
 * Contracts
 * - A tree is constant once the parser has returned it and lives as long as the arena that it was made in. It
 * borrows nothing from the caller's text.
 * - Text is valid UTF-8 without NUL bytes and ends in a NUL; identifiers have lost their quotes and are
 * case-sensitive.
 * - An absent part is NULL, an absent list has the count 0 (its pointer is then NULL too), an absent name has
 * text NULL.
 * - Every node has a span into the text that was handed to the parser (not: into the statement);
 * weir_sql_quote gives the original text of a span.
 * - Nesting is bounded by WEIR_SQL_DEPTH_MAX (counted over expressions, queries and types together), so that
 * recursive walks over a tree are safe. Chains of binary operators of one precedence are left-deep and count
 * as nesting.
 */
#ifndef WEIR_SQL_AST_H
#define WEIR_SQL_AST_H

#include "sql/ast_query.h"

/* --- table definitions --- */

enum weir_sql_column_kind { WEIR_SQL_COLUMN_PHYSICAL, WEIR_SQL_COLUMN_METADATA, WEIR_SQL_COLUMN_COMPUTED };
enum weir_sql_position { WEIR_SQL_POSITION_UNSAID, WEIR_SQL_POSITION_FIRST, WEIR_SQL_POSITION_AFTER };

struct weir_sql_column {
    struct weir_sql_span span;
    enum weir_sql_column_kind kind;
    struct weir_sql_path name;        /* more than one part: a nested field, ALTER TABLE only */
    const struct weir_sql_type *type; /* NULL: COMPUTED, or a bare name in CREATE TABLE t (a, b) AS query */
    const struct weir_sql_expr *expr; /* COMPUTED */
    const char *metadata_key;         /* METADATA FROM 'key' */
    bool is_virtual;
    const char *comment;
    uint8_t position; /* enum weir_sql_position; ALTER TABLE only */
    struct weir_sql_path after;
};

enum weir_sql_constraint_kind { WEIR_SQL_CONSTRAINT_PRIMARY_KEY, WEIR_SQL_CONSTRAINT_UNIQUE };
enum weir_sql_enforcement { WEIR_SQL_ENFORCEMENT_UNSAID, WEIR_SQL_ENFORCED, WEIR_SQL_NOT_ENFORCED };

/* Of a table, or behind a column (then columns names that column and inline_ is set). */
struct weir_sql_constraint {
    struct weir_sql_span span;
    struct weir_sql_name name;
    enum weir_sql_constraint_kind kind;
    enum weir_sql_enforcement enforcement;
    bool inline_;
    struct weir_sql_names columns;
};

struct weir_sql_watermark {
    struct weir_sql_span span;
    struct weir_sql_path column;
    const struct weir_sql_expr *expr;
};

enum weir_sql_distribution_kind {
    WEIR_SQL_DISTRIBUTION_UNKNOWN,
    WEIR_SQL_DISTRIBUTION_HASH,
    WEIR_SQL_DISTRIBUTION_RANGE
};

struct weir_sql_distribution {
    struct weir_sql_span span;
    enum weir_sql_distribution_kind kind;
    struct weir_sql_names columns;
    bool has_bucket_count;
    uint32_t bucket_count;
};

/* What stands in the parentheses of CREATE TABLE and ALTER TABLE ADD | MODIFY, in the order of each kind. */
struct weir_sql_table_elements {
    uint32_t column_count, constraint_count, watermark_count;
    const struct weir_sql_column *columns;
    const struct weir_sql_constraint *constraints;
    const struct weir_sql_watermark *watermarks;
};

enum weir_sql_like_merging { WEIR_SQL_LIKE_INCLUDING, WEIR_SQL_LIKE_EXCLUDING, WEIR_SQL_LIKE_OVERWRITING };
enum weir_sql_like_feature {
    WEIR_SQL_LIKE_ALL,
    WEIR_SQL_LIKE_CONSTRAINTS,
    WEIR_SQL_LIKE_DISTRIBUTION,
    WEIR_SQL_LIKE_PARTITIONS,
    WEIR_SQL_LIKE_GENERATED,
    WEIR_SQL_LIKE_OPTIONS,
    WEIR_SQL_LIKE_WATERMARKS,
    WEIR_SQL_LIKE_METADATA,
};

struct weir_sql_like_option {
    struct weir_sql_span span;
    enum weir_sql_like_merging merging;
    enum weir_sql_like_feature feature;
};

struct weir_sql_table_like {
    struct weir_sql_span span;
    struct weir_sql_path table;
    uint32_t option_count;
    const struct weir_sql_like_option *options;
};

/* PARTITION (a = 1, b): value is NULL where only the name is given. */
struct weir_sql_partition_item {
    struct weir_sql_name name;
    const struct weir_sql_expr *value;
};

struct weir_sql_partition {
    struct weir_sql_span span;
    uint32_t count;
    const struct weir_sql_partition_item *items;
    struct weir_sql_options options; /* ALTER TABLE ADD PARTITION (..) WITH (..) */
};

enum weir_sql_refresh_mode { WEIR_SQL_REFRESH_UNSAID, WEIR_SQL_REFRESH_FULL, WEIR_SQL_REFRESH_CONTINUOUS };

/* --- statements --- */

enum weir_sql_statement_kind {
    WEIR_SQL_STATEMENT_QUERY,
    WEIR_SQL_STATEMENT_INSERT, /* also EXECUTE INSERT ... */
    WEIR_SQL_STATEMENT_UPDATE,
    WEIR_SQL_STATEMENT_DELETE,
    WEIR_SQL_STATEMENT_STATEMENT_SET, /* both spellings, with or without EXECUTE */
    WEIR_SQL_STATEMENT_CALL,
    WEIR_SQL_STATEMENT_CREATE_TABLE, /* also CREATE TABLE AS, REPLACE TABLE AS */
    WEIR_SQL_STATEMENT_CREATE_MATERIALIZED_TABLE,
    WEIR_SQL_STATEMENT_CREATE_VIEW,
    WEIR_SQL_STATEMENT_CREATE_DATABASE,
    WEIR_SQL_STATEMENT_CREATE_CATALOG,
    WEIR_SQL_STATEMENT_CREATE_FUNCTION,
    WEIR_SQL_STATEMENT_CREATE_MODEL,
    WEIR_SQL_STATEMENT_CREATE_CONNECTION,
    WEIR_SQL_STATEMENT_ALTER_TABLE,
    WEIR_SQL_STATEMENT_ALTER_MATERIALIZED_TABLE,
    WEIR_SQL_STATEMENT_ALTER_VIEW,
    WEIR_SQL_STATEMENT_ALTER_DATABASE,
    WEIR_SQL_STATEMENT_ALTER_CATALOG,
    WEIR_SQL_STATEMENT_ALTER_FUNCTION,
    WEIR_SQL_STATEMENT_ALTER_MODEL,
    WEIR_SQL_STATEMENT_ALTER_CONNECTION,
    WEIR_SQL_STATEMENT_DROP,
    WEIR_SQL_STATEMENT_TRUNCATE,
    WEIR_SQL_STATEMENT_ANALYZE,
    WEIR_SQL_STATEMENT_SHOW,
    WEIR_SQL_STATEMENT_DESCRIBE,
    WEIR_SQL_STATEMENT_EXPLAIN,
    WEIR_SQL_STATEMENT_COMPILE_PLAN, /* COMPILE PLAN, COMPILE AND EXECUTE PLAN */
    WEIR_SQL_STATEMENT_EXECUTE_PLAN,
    WEIR_SQL_STATEMENT_USE_CATALOG,
    WEIR_SQL_STATEMENT_USE_DATABASE,
    WEIR_SQL_STATEMENT_USE_MODULES,
    WEIR_SQL_STATEMENT_LOAD_MODULE,
    WEIR_SQL_STATEMENT_UNLOAD_MODULE,
    WEIR_SQL_STATEMENT_SET,
    WEIR_SQL_STATEMENT_RESET,
    WEIR_SQL_STATEMENT_ADD_JAR,
    WEIR_SQL_STATEMENT_REMOVE_JAR,
    WEIR_SQL_STATEMENT_STOP_JOB,
    WEIR_SQL_STATEMENT_CLIENT, /* QUIT, EXIT, CLEAR, HELP: words of the SQL client; client.command */
    WEIR_SQL_STATEMENT_COUNT,
};

/* What DROP, SHOW and DESCRIBE speak of. */
enum weir_sql_object {
    WEIR_SQL_OBJECT_TABLE,
    WEIR_SQL_OBJECT_MATERIALIZED_TABLE,
    WEIR_SQL_OBJECT_VIEW,
    WEIR_SQL_OBJECT_DATABASE,
    WEIR_SQL_OBJECT_CATALOG,
    WEIR_SQL_OBJECT_FUNCTION,
    WEIR_SQL_OBJECT_MODEL,
    WEIR_SQL_OBJECT_CONNECTION,
    WEIR_SQL_OBJECT_COLUMN,
    WEIR_SQL_OBJECT_PARTITION,
    WEIR_SQL_OBJECT_MODULE,
    WEIR_SQL_OBJECT_PROCEDURE,
    WEIR_SQL_OBJECT_JAR,
    WEIR_SQL_OBJECT_JOB,
};

enum weir_sql_on_conflict {
    WEIR_SQL_ON_CONFLICT_UNSAID,
    WEIR_SQL_ON_CONFLICT_NOTHING,
    WEIR_SQL_ON_CONFLICT_ERROR,
    WEIR_SQL_ON_CONFLICT_DEDUPLICATE,
};

struct weir_sql_insert {
    bool overwrite, execute;
    struct weir_sql_path table;
    struct weir_sql_hints hints; /* OPTIONS behind the table's name */
    struct weir_sql_partition partition;
    uint32_t column_count;
    const struct weir_sql_path *columns; /* a path where a nested field is given */
    const struct weir_sql_query *query;
    uint8_t on_conflict; /* enum weir_sql_on_conflict */
};

struct weir_sql_assignment {
    struct weir_sql_path column;
    const struct weir_sql_expr *value;
};

struct weir_sql_update {
    struct weir_sql_path table;
    struct weir_sql_hints hints;
    struct weir_sql_name alias;
    uint32_t assignment_count;
    const struct weir_sql_assignment *assignments;
    const struct weir_sql_expr *where;
};

struct weir_sql_delete {
    struct weir_sql_path table;
    struct weir_sql_hints hints;
    struct weir_sql_name alias;
    const struct weir_sql_expr *where;
};

struct weir_sql_statement_set {
    bool execute;    /* EXECUTE STATEMENT SET */
    bool begin_form; /* BEGIN STATEMENT SET; ... END */
    uint32_t count;
    const struct weir_sql_statement *const *statements; /* each an INSERT */
};

/* CREATE [TEMPORARY] TABLE, [CREATE [OR]] REPLACE TABLE, and CREATE [OR ALTER] MATERIALIZED TABLE. */
struct weir_sql_create_table {
    bool temporary, if_not_exists;
    bool create, replace; /* CREATE OR REPLACE has both, REPLACE alone only replace */
    bool or_alter;        /* materialized tables */
    struct weir_sql_path name;
    bool has_elements; /* parentheses are written */
    struct weir_sql_table_elements elements;
    const char *comment;
    const struct weir_sql_distribution *distribution;
    struct weir_sql_names partitioned_by;
    struct weir_sql_options options;
    const struct weir_sql_table_like *like;
    const struct weir_sql_expr *freshness; /* an INTERVAL; materialized tables */
    uint8_t refresh_mode;                  /* enum weir_sql_refresh_mode */
    const struct weir_sql_query *query;
};

struct weir_sql_create_view {
    bool temporary, if_not_exists, replace;
    struct weir_sql_path name;
    uint32_t column_count;
    const struct weir_sql_name *columns;
    const char *const *column_comments; /* NULL, or one per column */
    const char *comment;
    const struct weir_sql_query *query;
};

/* CREATE DATABASE, CATALOG, CONNECTION; and ALTER of them, MODEL included. */
struct weir_sql_create_object {
    bool temporary, system, if_not_exists;
    struct weir_sql_path name;
    const char *comment;
    struct weir_sql_options options;
};

enum weir_sql_language {
    WEIR_SQL_LANGUAGE_UNSAID,
    WEIR_SQL_LANGUAGE_JAVA,
    WEIR_SQL_LANGUAGE_SCALA,
    WEIR_SQL_LANGUAGE_PYTHON,
    WEIR_SQL_LANGUAGE_SQL,
    WEIR_SQL_LANGUAGE_C
};

struct weir_sql_resource {
    const char *kind; /* "JAR", "FILE", "ARCHIVE", "ARTIFACT" */
    const char *uri;
};

struct weir_sql_function { /* CREATE and ALTER */
    bool temporary, system, if_not_exists, if_exists;
    struct weir_sql_path name;
    const char *class_name; /* AS 'class' */
    enum weir_sql_language language;
    uint32_t resource_count;
    const struct weir_sql_resource *resources;
    struct weir_sql_options options;
};

struct weir_sql_create_model {
    bool temporary, if_not_exists;
    struct weir_sql_path name;
    uint32_t input_count, output_count;
    const struct weir_sql_column *inputs, *outputs;
    const char *comment;
    struct weir_sql_options options;
    const struct weir_sql_query *query;
};

enum weir_sql_alter {
    WEIR_SQL_ALTER_RENAME,        /* new_name */
    WEIR_SQL_ALTER_RENAME_COLUMN, /* column, new_name */
    WEIR_SQL_ALTER_ADD,           /* elements, distribution */
    WEIR_SQL_ALTER_MODIFY,        /* elements, distribution */
    WEIR_SQL_ALTER_DROP_COLUMNS,  /* columns */
    WEIR_SQL_ALTER_DROP_PRIMARY_KEY,
    WEIR_SQL_ALTER_DROP_CONSTRAINT, /* constraint */
    WEIR_SQL_ALTER_DROP_WATERMARK,
    WEIR_SQL_ALTER_DROP_DISTRIBUTION,
    WEIR_SQL_ALTER_ADD_PARTITIONS,   /* partitions, if_not_exists_partition */
    WEIR_SQL_ALTER_DROP_PARTITIONS,  /* partitions, if_exists_partition */
    WEIR_SQL_ALTER_RENAME_PARTITION, /* partitions: from, to */
    WEIR_SQL_ALTER_SET,              /* options */
    WEIR_SQL_ALTER_RESET,            /* keys */
    WEIR_SQL_ALTER_COMMENT,          /* comment: catalogs */
    WEIR_SQL_ALTER_AS,               /* query: views, materialized tables */
    WEIR_SQL_ALTER_SUSPEND,
    WEIR_SQL_ALTER_RESUME,       /* options */
    WEIR_SQL_ALTER_REFRESH,      /* partitions: at most one */
    WEIR_SQL_ALTER_FRESHNESS,    /* freshness */
    WEIR_SQL_ALTER_REFRESH_MODE, /* refresh_mode */
};

/* ALTER of a TABLE, MATERIALIZED TABLE, VIEW, DATABASE, CATALOG, MODEL or CONNECTION. */
struct weir_sql_alter_object {
    enum weir_sql_alter action;
    bool if_exists;
    struct weir_sql_path name;
    struct weir_sql_path column, new_name;
    struct weir_sql_name constraint;
    bool has_parentheses; /* ADD, MODIFY, DROP_COLUMNS: a list is written */
    struct weir_sql_table_elements elements;
    const struct weir_sql_distribution *distribution;
    uint32_t drop_count;
    const struct weir_sql_path *drops; /* DROP_COLUMNS */
    bool if_exists_partition, if_not_exists_partition;
    uint32_t partition_count;
    const struct weir_sql_partition *partitions;
    struct weir_sql_options options;
    uint32_t key_count;
    const char *const *keys; /* RESET */
    const char *comment;
    const struct weir_sql_query *query;
    const struct weir_sql_expr *freshness;
    uint8_t refresh_mode; /* enum weir_sql_refresh_mode */
};

enum weir_sql_drop_behavior { WEIR_SQL_DROP_UNSAID, WEIR_SQL_DROP_RESTRICT, WEIR_SQL_DROP_CASCADE };

struct weir_sql_drop {
    enum weir_sql_object object;
    bool temporary, system, if_exists;
    struct weir_sql_path name;
    uint8_t behavior; /* enum weir_sql_drop_behavior */
};

struct weir_sql_analyze {
    struct weir_sql_path table;
    struct weir_sql_partition partition;
    bool all_columns;
    struct weir_sql_names columns;
};

enum weir_sql_show_kind {
    WEIR_SQL_SHOW_LIST,    /* SHOW TABLES: object is TABLE, and so on */
    WEIR_SQL_SHOW_CURRENT, /* SHOW CURRENT CATALOG | DATABASE */
    WEIR_SQL_SHOW_CREATE,  /* SHOW CREATE TABLE | VIEW | CATALOG | MODEL | MATERIALIZED TABLE | CONNECTION */
};

struct weir_sql_show {
    enum weir_sql_show_kind kind;
    enum weir_sql_object object;
    bool user, full;           /* SHOW USER FUNCTIONS, SHOW FULL MODULES */
    struct weir_sql_path name; /* of CREATE, COLUMNS and PARTITIONS */
    bool in;                   /* IN instead of FROM */
    struct weir_sql_path from;
    bool negated, has_like;
    uint8_t like; /* enum weir_sql_like: LIKE or ILIKE */
    const char *pattern;
    struct weir_sql_partition partition;
};

struct weir_sql_describe {
    enum weir_sql_object object;
    bool extended;
    struct weir_sql_path name;
    const char *job_id; /* DESCRIBE JOB 'id' */
};

struct weir_sql_explain {
    bool plan_for; /* EXPLAIN PLAN FOR */
    bool estimated_cost, changelog_mode, json_execution_plan, plan_advice;
    const struct weir_sql_statement *statement;
};

struct weir_sql_plan {
    bool execute; /* COMPILE AND EXECUTE PLAN */
    bool if_not_exists;
    const char *file;
    const struct weir_sql_statement *statement; /* COMPILE: INSERT or STATEMENT_SET */
};

struct weir_sql_module {
    struct weir_sql_name name;
    struct weir_sql_options options;
    struct weir_sql_names names; /* USE MODULES */
};

struct weir_sql_set {
    const char *key, *value; /* SET alone: both NULL; SET 'k' has no value; RESET alone: key NULL */
    bool bare;               /* written without quotes: SET k = v; as old clients did */
};

struct weir_sql_stop_job {
    const char *job_id;
    bool with_savepoint, with_drain;
};

struct weir_sql_statement {
    enum weir_sql_statement_kind kind;
    struct weir_sql_span span; /* without the semicolon */
    const char *text;          /* the text of the span; NUL behind; weir_sql_quote uses it */
    union {
        const struct weir_sql_query *query;
        const struct weir_sql_insert *insert;
        const struct weir_sql_update *update;
        const struct weir_sql_delete *delete_;
        const struct weir_sql_statement_set *statement_set;
        const struct weir_sql_expr *call;                 /* a CALL */
        const struct weir_sql_create_table *create_table; /* and CREATE_MATERIALIZED_TABLE */
        const struct weir_sql_create_view *create_view;
        const struct weir_sql_create_object *create_object; /* DATABASE CATALOG CONNECTION */
        const struct weir_sql_function *function;           /* CREATE_FUNCTION ALTER_FUNCTION */
        const struct weir_sql_create_model *create_model;
        const struct weir_sql_alter_object *alter; /* all ALTERs but ALTER_FUNCTION */
        const struct weir_sql_drop *drop;
        struct weir_sql_path name; /* TRUNCATE USE_CATALOG USE_DATABASE */
        const struct weir_sql_analyze *analyze;
        const struct weir_sql_show *show;
        const struct weir_sql_describe *describe;
        const struct weir_sql_explain *explain;
        const struct weir_sql_plan *plan;     /* COMPILE_PLAN EXECUTE_PLAN */
        const struct weir_sql_module *module; /* LOAD_MODULE UNLOAD_MODULE USE_MODULES */
        struct weir_sql_set set;              /* SET RESET */
        const char *uri;                      /* ADD_JAR REMOVE_JAR */
        struct weir_sql_stop_job stop_job;
        struct {
            const char *command; /* upper case */
        } client;
    };
};

#endif
