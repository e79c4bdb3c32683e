/* What the bind_*.c files share. Nobody else includes it. */
#ifndef WEIR_SQL_BIND_H
#define WEIR_SQL_BIND_H

#include "sql/binder.h"

#define WEIR_TRY(call)                      \
    do {                                    \
        enum weir_error_code try_ = (call); \
        if (try_ != WEIR_OK) return try_;   \
    } while (0)

/*
 * Columns that do not exist yet while a SELECT is bound. Expressions of a SELECT are first bound over the
 * rows of FROM; what is made later (aggregates, window functions, ...) stands in them as a column beyond
 * these bases and is mapped to a real column once its node exists. OUTER columns belong to the query around a
 * sub-query.
 */
enum {
    BIND_BASE = 0x10000000,
    BIND_AGGREGATE = 0x10000000,
    BIND_OVER = 0x20000000,
    BIND_GROUPING = 0x30000000,
    BIND_OUTER = 0x40000000,
    BIND_LATE = 0x50000000,     /* columns of scalar sub-queries joined above the aggregate */
    BIND_PROPERTY = 0x60000000, /* window start, end ... of a legacy group window */
    BIND_MAPPED = 0x70000000,   /* while expressions are mapped to the aggregate's output */
    BIND_MASK = 0x70000000,
    BIND_VIEW_DEPTH_MAX = 64,
    BIND_GROUPING_SETS_MAX = 4096,
};

struct bind_shared {
    const void *key; /* table, view or CTE */
    struct weir_rel *rel;
    struct bind_shared *next;
};

struct bind_cte {
    const struct weir_sql_with_item *item;
    struct weir_rel *rel;  /* NULL until it is first used */
    struct bind_cte *next; /* older ones */
};

struct bind_context {
    const struct weir_sql_binder_input *input;
    struct weir_arena *arena;
    struct weir_error *error;
    uint32_t rel_count;
    const char *catalog, *database; /* names resolve here: those of a view while it is bound */
    struct bind_shared *shared;
    struct bind_cte *ctes;
    uint32_t view_depth;
    const struct weir_sql_span *within; /* stored text is bound: errors point here, not into that text */
};

struct bind_source {
    const char *alias;
    const struct weir_sql_identifier *identifier; /* of a table that was named without an alias; else NULL */
};

struct bind_column {
    const char *name;
    uint32_t source; /* UINT32_MAX: merged by USING or NATURAL */
    struct weir_expr *expr;
    bool hidden; /* stands behind a merged one: only found with its qualifier */
};

struct bind_aggregate {
    const struct weir_aggregate_function *function;
    const struct weir_type *type;
    struct weir_expr *arguments[4];
    uint32_t argument_count;
    struct weir_expr *filter;
    bool distinct, ignore_nulls;
    const char *name; /* of the result, for EXPLAIN */
};

struct bind_over {
    const char *function;
    struct bind_aggregate *aggregate; /* NULL: ranking function */
    const struct weir_type *type;
    struct weir_expr **partition;
    uint32_t partition_count;
    struct weir_expr **order;
    bool *descending, *nulls_first;
    uint32_t order_count;
    bool rows, unbounded_preceding;
    int64_t preceding;
    uint32_t line, column;
    uint32_t result; /* column, once its node exists */
};

struct bind_late { /* a scalar sub-query beside aggregates */
    struct weir_rel *rel;
    const struct weir_type *type;
};

struct bind_grouping { /* GROUPING(a, b): indices of group keys */
    uint32_t count;
    uint32_t keys[32];
};

/* What one SELECT collects while its expressions are bound. */
struct bind_select {
    const struct weir_sql_select *ast;
    bool aggregated;
    struct weir_expr **keys;
    const char **key_names;
    uint32_t key_count, key_capacity;
    uint64_t *sets; /* grouping sets: bit k = key k is in the set; count 0: all keys, no sets */
    uint32_t set_count;
    struct bind_aggregate **aggregates;
    uint32_t aggregate_count, aggregate_capacity;
    struct bind_over **overs;
    uint32_t over_count, over_capacity;
    struct bind_grouping *groupings;
    uint32_t grouping_count, grouping_capacity;
    struct bind_late *lates;
    uint32_t late_count, late_capacity;
    /* legacy group window */
    struct weir_window *window;
    struct weir_expr *window_time;
    enum weir_window_property properties[4];
    uint32_t property_count;
    const struct weir_spec *hints;
};

struct bind_scope {
    struct bind_context *context;
    struct bind_scope *outer; /* the query around: correlation */
    struct weir_rel *rel;     /* grows columns behind when sub-queries are joined on */
    struct bind_source *sources;
    uint32_t source_count;
    struct bind_column *columns;
    uint32_t column_count;
    struct bind_select *select; /* NULL where aggregates and window functions cannot stand */
    const char *clause;         /* "WHERE", for texts */
    bool in_aggregate, in_over;
    bool no_subqueries;
    bool correlated; /* an OUTER column was used */
};

/* A bound sub-query. */
struct bind_result {
    struct weir_rel *rel;
    uint32_t visible_count;        /* columns of the SELECT list; behind them those that conditions need */
    struct weir_expr **conditions; /* correlated: over rel's columns and OUTER ones */
    uint32_t condition_count;
    bool single_row;     /* a global aggregate */
    bool first_is_count; /* the only column is a bare COUNT */
};

/* bind_context.c */
enum weir_error_code weir_bind_error(struct bind_context *context, enum weir_error_code code,
    struct weir_sql_span span, const char *format, ...) WEIR_PRINTF(4, 5);
/* Gives an error that came from a library its position. */
enum weir_error_code weir_bind_at(
    struct bind_context *context, enum weir_error_code code, struct weir_sql_span span);
enum weir_error_code weir_bind_unsupported(
    struct bind_context *context, struct weir_sql_span span, const char *what);
struct weir_rel *weir_bind_rel(
    struct bind_context *context, enum weir_rel_kind kind, uint32_t input_count, struct weir_sql_span span);
struct weir_rel *weir_bind_rel1(struct bind_context *context, enum weir_rel_kind kind, struct weir_rel *input,
    struct weir_sql_span span); /* fields as the input's */
struct weir_rel *weir_bind_filter(struct bind_context *context, struct weir_rel *input,
    struct weir_expr *condition, struct weir_sql_span span);
struct weir_rel *weir_bind_project(struct bind_context *context, struct weir_rel *input,
    struct weir_expr *const *exprs, const char *const *names, uint32_t count, struct weir_sql_span span);
struct weir_expr *weir_bind_column(struct bind_context *context, const struct weir_rel *rel, uint32_t column);
/* A set of names, in the arena of the context; empty where all but the context is 0. The texts stay the
 * caller's. */
struct bind_names {
    struct bind_context *context;
    struct bind_name {
        const char *text;     /* NULL: a free slot */
        uint32_t next_number; /* of weir_bind_unique_names() */
    } * slots;
    uint32_t count, slot_count;
};
bool weir_bind_names_add(struct bind_names *names, const char *name); /* false: it is there already */
/* id, id, id -> id, id0, id1 */
void weir_bind_unique_names(struct bind_context *context, const char **names, uint32_t count);
/* Doubles an array in the arena. */
void *weir_bind_grow(
    struct bind_context *context, void *items, uint32_t count, uint32_t *capacity, size_t bytes);
bool weir_bind_uses(const struct weir_expr *expr, uint32_t base); /* a column beyond that base */
/* Refuses columns of the outer query where they cannot be turned into a join's condition. */
enum weir_error_code weir_bind_no_outer(
    struct bind_context *context, struct weir_expr *const *exprs, uint32_t count, struct weir_sql_span span);
struct weir_expr *weir_bind_without_time_attribute(struct bind_context *context, struct weir_expr *expr);
struct weir_expr *weir_bind_shift(struct bind_context *context, struct weir_expr *expr, uint32_t by);
/* Words of SQL, in whatever case. */
bool weir_bind_same_word(const char *a, const char *b);
bool weir_bind_starts_with(const char *text, const char *prefix);
const char *weir_bind_path_text(struct bind_context *context, const struct weir_sql_path *path);
const char *weir_bind_expr_text(struct bind_context *context, const struct weir_sql_expr *expr);
enum weir_error_code weir_bind_type(
    struct bind_context *context, const struct weir_sql_type *ast, const struct weir_type **ret);
void weir_bind_context_init(
    struct bind_context *context, const struct weir_sql_binder_input *input, struct weir_error *reterr);

/* bind_scope.c */
void weir_bind_scope_of(struct bind_context *context, struct weir_rel *rel, const char *alias,
    const struct weir_sql_identifier *identifier, struct bind_scope *ret);
enum weir_error_code weir_bind_path(struct bind_scope *scope, const struct weir_sql_path *path,
    struct weir_sql_span span, struct weir_expr **ret);
enum weir_error_code weir_bind_star(struct bind_scope *scope, const struct weir_sql_path *qualifier,
    struct weir_sql_span span, struct weir_expr ***ret, const char ***ret_names, uint32_t *ret_count);
enum weir_error_code weir_bind_field(struct bind_context *context, struct weir_expr *row, const char *name,
    struct weir_sql_span span, struct weir_expr **ret);

/* bind_literal.c */
enum weir_error_code weir_bind_literal(
    struct bind_context *context, const struct weir_sql_expr *ast, struct weir_expr **ret);
bool weir_bind_literal_i64(
    const struct weir_expr *expr, int64_t *ret); /* integer or interval literal, not NULL */
struct weir_expr *weir_bind_negate_literal(
    struct bind_context *context, struct weir_expr *literal); /* NULL: not one */

/* bind_expr.c */
enum weir_error_code weir_bind_expr(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret);
enum weir_error_code weir_bind_boolean(
    struct bind_scope *scope, const struct weir_sql_expr *ast, const char *clause, struct weir_expr **ret);
enum weir_error_code weir_bind_compare(struct bind_context *context, enum weir_sql_operator op,
    struct weir_expr *left, struct weir_expr *right, struct weir_sql_span span, struct weir_expr **ret);
enum weir_error_code weir_bind_apply(struct bind_context *context, const char *name,
    struct weir_expr *const *arguments, uint32_t count, struct weir_sql_span span, struct weir_expr **ret);
enum weir_error_code weir_bind_cast(struct bind_context *context, struct weir_expr *expr,
    const struct weir_type *type, bool try_cast, struct weir_sql_span span, struct weir_expr **ret);
/* AND split into its operands. */
uint32_t weir_bind_conjuncts(
    struct bind_context *context, const struct weir_sql_expr *ast, const struct weir_sql_expr ***ret);

/* bind_call.c */
enum weir_error_code weir_bind_call(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret);
bool weir_bind_has_aggregate(
    const struct weir_sql_expr *ast); /* an aggregate that is not OVER, not in a query */
bool weir_bind_is_group_window(const struct weir_sql_expr *ast); /* TUMBLE(x, ..), HOP, SESSION */
enum weir_error_code weir_bind_group_window(struct bind_scope *scope, const struct weir_sql_expr *ast);
enum weir_error_code weir_bind_over(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret);
enum weir_error_code weir_bind_aggregate_call(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct bind_aggregate **ret);

/* bind_query.c */
enum weir_error_code weir_bind_query(struct bind_context *context, const struct weir_sql_query *query,
    struct bind_scope *outer, bool top, struct bind_result *ret);
/* A query that is not correlated. */
enum weir_error_code weir_bind_plain_query(
    struct bind_context *context, const struct weir_sql_query *query, bool top, struct weir_rel **ret);
/* Casts columns to the given types by an implicit conversion (same number); the rel itself where nothing
 * changes. */
struct weir_rel *weir_bind_convert(struct bind_context *context, struct weir_rel *rel,
    const struct weir_type *const *types, struct weir_sql_span span);
enum weir_error_code weir_bind_limit(
    struct bind_context *context, const struct weir_sql_query *query, int64_t *offset, int64_t *limit);

/* bind_select.c */
enum weir_error_code weir_bind_select(struct bind_context *context, const struct weir_sql_query *query,
    struct bind_scope *outer, bool top, struct bind_result *ret);

/* bind_aggregate.c: the nodes of GROUP BY and OVER */
enum weir_error_code weir_bind_group_by(struct bind_scope *scope, const struct weir_sql_select *select);
/* Makes the aggregate over scope->rel; exprs (raw) are mapped to its output in place. */
enum weir_error_code weir_bind_make_aggregate(
    struct bind_scope *scope, struct weir_expr **exprs, uint32_t expr_count, struct weir_rel **ret);
enum weir_error_code weir_bind_make_over(struct bind_scope *scope, struct weir_rel *input,
    struct weir_expr **exprs, uint32_t expr_count, struct weir_rel **ret);

/* bind_from.c */
enum weir_error_code weir_bind_from(struct bind_context *context, const struct weir_sql_table_ref *from,
    const struct weir_spec *hints, struct bind_scope *ret);
enum weir_error_code weir_bind_named(struct bind_context *context, const struct weir_sql_path *path,
    const struct weir_sql_hints *hints, struct weir_rel **ret,
    const struct weir_sql_identifier **ret_identifier);
enum weir_error_code weir_bind_find(struct bind_context *context, const struct weir_sql_path *path,
    const char *what, const struct weir_sql_table **ret);
struct weir_rel *weir_bind_join(struct bind_context *context, enum weir_join_type type, struct weir_rel *left,
    struct weir_rel *right, struct weir_expr *condition, struct weir_sql_span span);

/* bind_scan.c */
enum weir_error_code weir_bind_scan(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_sql_options *hint, struct weir_sql_span span, struct weir_rel **ret);
/* Binds a stored expression of a table over its columns (computed: all but computed ones; watermark: all). */
enum weir_error_code weir_bind_table_expr(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_sql_expr *ast, bool with_computed, struct weir_expr **ret);
/* The metadata key's type as the connector gives it. */
enum weir_error_code weir_bind_metadata(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_spec *options, uint32_t column, struct weir_sql_span span,
    const struct weir_sql_metadata_column **ret);
const struct weir_sql_options *weir_bind_options_hint(const struct weir_sql_hints *hints);

/* bind_window.c: table functions */
enum weir_error_code weir_bind_table_function(
    struct bind_context *context, const struct weir_sql_table_ref *ref, struct weir_rel **ret);

/* bind_subquery.c */
enum weir_error_code weir_bind_scalar_query(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret);
enum weir_error_code weir_bind_membership(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr **ret);
bool weir_bind_is_membership(
    const struct weir_sql_expr *ast, bool *negated, const struct weir_sql_expr **ret);
/* WHERE or HAVING: filters and semi joins on scope->rel. Correlated conditions go to *conditions. */
struct bind_conditions {
    struct weir_expr **items;
    uint32_t count, capacity;
};
enum weir_error_code weir_bind_where(struct bind_scope *scope, const struct weir_sql_expr *ast,
    const char *clause, struct bind_conditions *correlated);
/* One IN or EXISTS conjunct as a join on *rel; left operands (raw) were bound and mapped by the caller. */
enum weir_error_code weir_bind_semi(struct bind_scope *scope, const struct weir_sql_expr *ast, bool negated,
    struct weir_expr *const *left, uint32_t left_count, struct weir_rel **rel);
enum weir_error_code weir_bind_semi_operands(
    struct bind_scope *scope, const struct weir_sql_expr *ast, struct weir_expr ***ret, uint32_t *ret_count);

/* bind_insert.c */
enum weir_error_code weir_bind_insert_root(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_sql_insert *insert, const struct weir_sql_query *query, struct weir_sql_span span,
    struct weir_rel **ret);

/* bind_table.c */
enum weir_error_code weir_bind_create_table(struct bind_context *context,
    const struct weir_sql_create_table *create, struct weir_sql_table **ret, bool *ret_existed);
/* Checks a table that is made or altered: names, types, keys, watermark, computed columns (their types are
 * set). */
enum weir_error_code weir_bind_check_table(
    struct bind_context *context, struct weir_sql_table *table, struct weir_sql_span span);
struct weir_sql_table *weir_bind_copy_table(struct bind_context *context, const struct weir_sql_table *from);
enum weir_error_code weir_bind_add_elements(struct bind_context *context, struct weir_sql_table *table,
    const struct weir_sql_table_elements *elements, bool modify);
enum weir_error_code weir_bind_store_expr(struct bind_context *context, struct weir_sql_table *table,
    const struct weir_sql_expr *ast, const struct weir_sql_expr **ret, const char **ret_text);
void weir_bind_set_identifier(struct weir_sql_table *table, const struct weir_sql_identifier *identifier);
enum weir_error_code weir_bind_identifier(
    struct bind_context *context, const struct weir_sql_path *path, struct weir_sql_identifier *ret);

/* bind_alter.c */
enum weir_error_code weir_bind_alter_table(
    struct bind_context *context, const struct weir_sql_alter_object *alter, struct weir_sql_span span);
enum weir_error_code weir_bind_alter_view(
    struct bind_context *context, const struct weir_sql_alter_object *alter, struct weir_sql_span span);
enum weir_error_code weir_bind_make_view(struct bind_context *context, const struct weir_sql_path *path,
    bool temporary, const struct weir_sql_query *query, const struct weir_sql_name *columns,
    const char *const *column_comments, uint32_t column_count, const char *comment,
    struct weir_sql_table **ret);

#endif
