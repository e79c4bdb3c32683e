/* The syntax tree: queries and what stands in their FROM. Contracts: ast.h. */
#ifndef WEIR_SQL_AST_QUERY_H
#define WEIR_SQL_AST_QUERY_H

#include "sql/ast_expr.h"

/* One hint of a hint comment: NAME, NAME(a, b), NAME('k'='v', ...). */
struct weir_sql_hint {
    struct weir_sql_span span;
    const char *name;
    uint32_t argument_count; /* identifiers (may be a.b), numbers or strings, when not pairs */
    const char *const *arguments;
    struct weir_sql_options options;
};

struct weir_sql_hints {
    uint32_t count;
    const struct weir_sql_hint *items;
};

enum weir_sql_table_kind {
    WEIR_SQL_TABLE_NAMED,
    WEIR_SQL_TABLE_QUERY,    /* (SELECT ...), (VALUES ...) */
    WEIR_SQL_TABLE_FUNCTION, /* TABLE(f(...)), also f(...) */
    WEIR_SQL_TABLE_UNNEST,
    WEIR_SQL_TABLE_JOIN,
    WEIR_SQL_TABLE_MATCH,
};

enum weir_sql_join {
    WEIR_SQL_JOIN_COMMA,
    WEIR_SQL_JOIN_CROSS,
    WEIR_SQL_JOIN_INNER,
    WEIR_SQL_JOIN_LEFT,
    WEIR_SQL_JOIN_RIGHT,
    WEIR_SQL_JOIN_FULL,
    WEIR_SQL_JOIN_LEFT_SEMI,
    WEIR_SQL_JOIN_LEFT_ANTI,
};

enum weir_sql_pattern_kind {
    WEIR_SQL_PATTERN_VARIABLE,
    WEIR_SQL_PATTERN_CONCATENATION,
    WEIR_SQL_PATTERN_ALTERNATION,
    WEIR_SQL_PATTERN_REPETITION,
    WEIR_SQL_PATTERN_PERMUTATION, /* PERMUTE(a, b) */
    WEIR_SQL_PATTERN_EXCLUSION,   /* {- a -} */
};

struct weir_sql_pattern {
    enum weir_sql_pattern_kind kind;
    struct weir_sql_span span;
    struct weir_sql_name variable;
    uint32_t count; /* CONCATENATION ALTERNATION PERMUTATION; REPETITION and EXCLUSION have one */
    const struct weir_sql_pattern *const *children;
    uint32_t repeat_min, repeat_max; /* UINT32_MAX: without end */
    bool reluctant;
};

struct weir_sql_measure {
    const struct weir_sql_expr *expr;
    struct weir_sql_name alias;
};

struct weir_sql_subset {
    struct weir_sql_name name;
    struct weir_sql_names variables;
};

struct weir_sql_definition {
    struct weir_sql_name variable;
    const struct weir_sql_expr *condition;
};

enum weir_sql_rows_per_match { WEIR_SQL_ROWS_UNSAID, WEIR_SQL_ROWS_ONE, WEIR_SQL_ROWS_ALL };
enum weir_sql_after_match {
    WEIR_SQL_AFTER_UNSAID,
    WEIR_SQL_AFTER_NEXT_ROW,
    WEIR_SQL_AFTER_PAST_LAST_ROW,
    WEIR_SQL_AFTER_FIRST,
    WEIR_SQL_AFTER_LAST, /* SKIP TO LAST v, SKIP TO v */
};

struct weir_sql_match {
    const struct weir_sql_table_ref *input;
    struct weir_sql_exprs partition_by;
    struct weir_sql_order order_by;
    uint32_t measure_count, subset_count, definition_count;
    const struct weir_sql_measure *measures;
    const struct weir_sql_subset *subsets;
    const struct weir_sql_definition *definitions;
    uint8_t rows_per_match;          /* enum weir_sql_rows_per_match */
    uint8_t after_match;             /* enum weir_sql_after_match */
    bool starts_at_row, ends_at_row; /* ^ and $ */
    struct weir_sql_name after_variable;
    const struct weir_sql_pattern *pattern;
    const struct weir_sql_expr *within; /* WITHIN INTERVAL ... */
};

struct weir_sql_table_ref {
    enum weir_sql_table_kind kind;
    uint32_t height;
    struct weir_sql_span span;
    bool lateral;
    struct weir_sql_name alias;
    struct weir_sql_names columns;                 /* AS alias(a, b) */
    const struct weir_sql_expr *system_time;       /* FOR SYSTEM_TIME AS OF expression: NAMED only */
    struct weir_sql_hints hints;                   /* NAMED: OPTIONS(...) behind the name */
    const struct weir_sql_expr *sample_percentage; /* TABLESAMPLE BERNOULLI | SYSTEM (percentage) */
    bool sample_system;
    union {
        struct weir_sql_path name;
        const struct weir_sql_query *query;
        struct {
            const struct weir_sql_expr *call; /* a CALL */
            bool without_table;               /* written f(...), not TABLE(f(...)) */
        } function;
        struct {
            struct weir_sql_exprs of;
            bool with_ordinality;
        } unnest;
        struct {
            enum weir_sql_join kind;
            bool natural;
            const struct weir_sql_table_ref *left, *right;
            const struct weir_sql_expr *on; /* NULL: none */
            struct weir_sql_names using_;
        } join;
        const struct weir_sql_match *match;
    };
};

enum weir_sql_query_kind {
    WEIR_SQL_QUERY_SELECT,
    WEIR_SQL_QUERY_VALUES,
    WEIR_SQL_QUERY_SET_OPERATION,
    WEIR_SQL_QUERY_TABLE,  /* TABLE t */
    WEIR_SQL_QUERY_NESTED, /* (query with its own WITH, ORDER BY or LIMIT) followed by clauses of the outer
                              one */
};
enum weir_sql_set_operation { WEIR_SQL_SET_UNION, WEIR_SQL_SET_INTERSECT, WEIR_SQL_SET_EXCEPT };

enum weir_sql_grouping_kind {
    WEIR_SQL_GROUPING_EXPRESSION, /* one expression; () and (a, b) have 0 or 2 */
    WEIR_SQL_GROUPING_SETS,
    WEIR_SQL_GROUPING_ROLLUP,
    WEIR_SQL_GROUPING_CUBE,
};

struct weir_sql_grouping {
    enum weir_sql_grouping_kind kind;
    struct weir_sql_span span;
    bool parenthesized;          /* EXPRESSION: a set in parentheses */
    struct weir_sql_exprs exprs; /* EXPRESSION */
    uint32_t count;              /* the others */
    const struct weir_sql_grouping *items;
};

struct weir_sql_select_item {
    struct weir_sql_span span;
    const struct weir_sql_expr *expr; /* may be STAR */
    struct weir_sql_name alias;
};

struct weir_sql_select {
    struct weir_sql_hints hints;
    uint8_t quantifier; /* enum weir_sql_quantifier */
    bool stream;        /* SELECT STREAM */
    uint32_t item_count;
    const struct weir_sql_select_item *items;
    const struct weir_sql_table_ref *from; /* NULL: none; commas are joins of kind COMMA */
    const struct weir_sql_expr *where;
    bool grouped;           /* GROUP BY is written (even GROUP BY ()) */
    bool group_by_distinct; /* GROUP BY DISTINCT */
    uint32_t group_count;
    const struct weir_sql_grouping *group_by;
    const struct weir_sql_expr *having, *qualify;
    uint32_t window_count;
    const struct weir_sql_window *windows;
};

struct weir_sql_with_item {
    struct weir_sql_span span;
    struct weir_sql_name name;
    struct weir_sql_names columns;
    const struct weir_sql_query *query;
};

struct weir_sql_query {
    enum weir_sql_query_kind kind;
    uint32_t height;
    struct weir_sql_span span;
    bool recursive; /* WITH RECURSIVE */
    uint32_t with_count;
    const struct weir_sql_with_item *with;
    struct weir_sql_order order_by;
    const struct weir_sql_expr *offset, *limit; /* LIMIT n and FETCH FIRST n ROWS; LIMIT ALL is NULL */
    union {
        const struct weir_sql_select *select;
        struct weir_sql_exprs values; /* one per row: ROW, or any other expression for a row of one column */
        struct {
            enum weir_sql_set_operation operation;
            bool all;
            const struct weir_sql_query *left, *right;
        } set;
        struct weir_sql_path table;
        const struct weir_sql_query *nested;
    };
};

#endif
