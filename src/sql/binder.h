/*
 * From syntax tree and catalog to relational nodes (rel.h): names, types, implicit casts, aggregates,
 * windows, sub-queries turned into joins. Also DDL, SHOW and DESCRIBE, which need nothing but the catalog.
 *
 * What the trees look like
 * - Roots are SINK nodes. A SELECT's sink has no table.
 * - A table is SCAN (physical columns, then the metadata columns that are declared, with the connector's
 * types)
 *   -> PROJECT (all columns in the order of the declaration) -> WATERMARK; upsert sources get
 *   CHANGELOG_NORMALIZE right on the SCAN, keyed by the primary key. In batch mode there are no watermarks
 * and no time attributes. One table, view or CTE used several times is one node with several parents, unless
 *   hints differ.
 * - Time attributes are kept wherever a column is passed on as it is (also by joins, group keys, sorts):
 * where they end is the planner's to decide. Any expression but a bare column loses them.
 * - A sink's input has the physical columns in order, then the persisted metadata columns.
 * - Errors are WEIR_E_SQL_VALIDATION (or UNSUPPORTED, with the position of what is refused).
 * All nodes are in the arena. @thread one owner of the catalog.
 */
#ifndef WEIR_SQL_BINDER_H
#define WEIR_SQL_BINDER_H

#include "sql/catalog.h"
#include "sql/rel.h"

struct weir_sql_binder_input {
    struct weir_arena *arena;   /* of the statement */
    struct weir_memory *memory; /* scratch for folding constants */
    struct weir_sql_catalog *catalog;
    const struct weir_sql_connectors *connectors;
    const struct weir_eval_environment *environment; /* for folding; may be NULL */
    bool batch;                                      /* execution.runtime-mode */
};

enum weir_error_code weir_sql_bind_query(const struct weir_sql_binder_input *input,
    const struct weir_sql_query *query, struct weir_rel **ret, struct weir_error *reterr);
enum weir_error_code weir_sql_bind_insert(const struct weir_sql_binder_input *input,
    const struct weir_sql_insert *insert, struct weir_rel **ret, struct weir_error *reterr);
/* One root per INSERT. Tables, views and the like that several of them use are shared nodes. */
enum weir_error_code weir_sql_bind_statement_set(const struct weir_sql_binder_input *input,
    const struct weir_sql_statement_set *set, struct weir_rel *const **ret, uint32_t *ret_count,
    struct weir_error *reterr);
/* QUERY, INSERT or STATEMENT_SET, as EXPLAIN needs it. Others: an error. */
enum weir_error_code weir_sql_bind_statement(const struct weir_sql_binder_input *input,
    const struct weir_sql_statement *statement, struct weir_rel *const **ret, uint32_t *ret_count,
    struct weir_error *reterr);

/* ---------------------------------------------------------------------------------- catalog statements */

/* CREATE, ALTER, DROP, USE of catalogs, databases, tables and views. */
bool weir_sql_statement_is_ddl(const struct weir_sql_statement *statement);
/* All or nothing. *ret_insert is the SINK root of CREATE TABLE AS and REPLACE TABLE AS (the table exists by
 * then), else NULL. */
enum weir_error_code weir_sql_execute_ddl(const struct weir_sql_binder_input *input,
    const struct weir_sql_statement *statement, struct weir_rel **ret_insert, struct weir_error *reterr);

/* What SHOW and DESCRIBE answer: text columns and rows. A cell is NULL for SQL NULL. */
struct weir_sql_answer {
    uint32_t column_count, row_count;
    const char *const *column_names;
    const char *const *cells; /* row after row */
};

/* SHOW and DESCRIBE of what the catalog and the function tables know. */
bool weir_sql_statement_is_show(const struct weir_sql_statement *statement);
enum weir_error_code weir_sql_show(const struct weir_sql_binder_input *input,
    const struct weir_sql_statement *statement, const struct weir_sql_answer **ret,
    struct weir_error *reterr);

#endif
