/*
 * The syntax tree of one SQL statement: what the text says, with nothing looked up and nothing judged. One
 * tagged union per family (type, expression, query, table reference, statement), plain arrays, everything in
 * one arena.
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

#include "base/arena.h"
#include "data/type.h"

enum {
    WEIR_SQL_HEIGHT_MAX = 1000,
    WEIR_SQL_TEXT_BYTES_MAX = 64 << 20, /* of one text handed to the parser */
    WEIR_SQL_IDENTIFIER_BYTES_MAX = 4096,
};

struct weir_sql_expr;
struct weir_sql_query;
struct weir_sql_table_ref;
struct weir_sql_statement;

struct weir_sql_span {
    uint32_t line, column; /* of the first character; 1-based, columns count code points */
    uint32_t begin, end;   /* bytes, end exclusive */
};

struct weir_sql_name {
    struct weir_sql_span span;
    const char *text;
    bool quoted; /* was written in backquotes */
};

/* a.b.c */
struct weir_sql_path {
    struct weir_sql_span span;
    uint32_t count;
    const struct weir_sql_name *parts;
};

struct weir_sql_names {
    uint32_t count;
    const struct weir_sql_name *items;
};

struct weir_sql_exprs {
    uint32_t count;
    const struct weir_sql_expr *const *items;
};

/* 'key' = 'value' of WITH, SET and hints. In hints the key may also be an identifier. */
struct weir_sql_option {
    struct weir_sql_span span, value_span;
    const char *key, *value;
};

struct weir_sql_options {
    uint32_t count;
    const struct weir_sql_option *items;
};

/* A data type. type is NULL when the type, or one inside of it, has no struct weir_type (RAW, STRUCTURED,
 * VARIANT, BITMAP, user-defined types, or parameters out of range are the parser's error): then refused names
 * the first such type and the binder says that it is not supported. Nullable unless NOT NULL is written. */
struct weir_sql_type {
    struct weir_sql_span span;
    const struct weir_type *type;
    const char *refused; /* "RAW", "VARIANT", "mycat.mydb.mytype" */
    const char *text;    /* as written, for refused types */
};

/* ----------------------------------------------------------------------------------------------------
 * expressions */

enum weir_sql_expr_kind {
    WEIR_SQL_EXPR_NULL,
    WEIR_SQL_EXPR_BOOLEAN,
    WEIR_SQL_EXPR_NUMBER,
    WEIR_SQL_EXPR_STRING,
    WEIR_SQL_EXPR_BINARY_STRING, /* X'0A' */
    WEIR_SQL_EXPR_DATE,
    WEIR_SQL_EXPR_TIME,
    WEIR_SQL_EXPR_TIMESTAMP,
    WEIR_SQL_EXPR_TIMESTAMP_LTZ, /* TIMESTAMP WITH LOCAL TIME ZONE '...' */
    WEIR_SQL_EXPR_INTERVAL,      /* INTERVAL '1' DAY */
    WEIR_SQL_EXPR_INTERVAL_OF,   /* INTERVAL n DAY with an expression n */
    WEIR_SQL_EXPR_COLUMN,        /* a.b.c: column, field of a column, or pattern variable and column */
    WEIR_SQL_EXPR_STAR,          /* * or t.*: select lists and COUNT(*) */
    WEIR_SQL_EXPR_FIELD,         /* (expression).name; name.* is .star */
    WEIR_SQL_EXPR_ITEM,          /* a[i] */
    WEIR_SQL_EXPR_UNARY,
    WEIR_SQL_EXPR_BINARY,
    WEIR_SQL_EXPR_IS,
    WEIR_SQL_EXPR_BETWEEN,
    WEIR_SQL_EXPR_LIKE,
    WEIR_SQL_EXPR_IN_LIST,
    WEIR_SQL_EXPR_IN_QUERY,
    WEIR_SQL_EXPR_EXISTS,
    WEIR_SQL_EXPR_UNIQUE,
    WEIR_SQL_EXPR_QUANTIFIED, /* a > ALL (query or list) */
    WEIR_SQL_EXPR_CASE,
    WEIR_SQL_EXPR_CAST,
    WEIR_SQL_EXPR_CALL,
    WEIR_SQL_EXPR_JSON_CALL,
    WEIR_SQL_EXPR_ROW,              /* ROW(a, b) and (a, b) */
    WEIR_SQL_EXPR_ARRAY,            /* ARRAY[a, b] */
    WEIR_SQL_EXPR_MAP,              /* MAP[k, v, k, v]: items alternate */
    WEIR_SQL_EXPR_MULTISET,         /* MULTISET[a, b] */
    WEIR_SQL_EXPR_COLLECTION_QUERY, /* ARRAY(query), MAP(query), MULTISET(query) */
    WEIR_SQL_EXPR_SUBQUERY,
    WEIR_SQL_EXPR_SYMBOL,     /* a keyword as an argument: DAY, BOTH */
    WEIR_SQL_EXPR_DEFAULT,    /* DEFAULT as an argument or a value */
    WEIR_SQL_EXPR_DESCRIPTOR, /* DESCRIPTOR(a, b) */
    WEIR_SQL_EXPR_TABLE,      /* TABLE t [PARTITION BY ..] [ORDER BY ..] as an argument */
    WEIR_SQL_EXPR_MODEL,      /* MODEL m as an argument */
};

enum weir_sql_number { WEIR_SQL_NUMBER_INTEGER, WEIR_SQL_NUMBER_DECIMAL, WEIR_SQL_NUMBER_APPROXIMATE };

enum weir_sql_operator {
    WEIR_SQL_OPERATOR_OR,
    WEIR_SQL_OPERATOR_AND,
    WEIR_SQL_OPERATOR_EQUAL,
    WEIR_SQL_OPERATOR_NOT_EQUAL,
    WEIR_SQL_OPERATOR_LESS,
    WEIR_SQL_OPERATOR_LESS_OR_EQUAL,
    WEIR_SQL_OPERATOR_GREATER,
    WEIR_SQL_OPERATOR_GREATER_OR_EQUAL,
    WEIR_SQL_OPERATOR_IS_DISTINCT_FROM,
    WEIR_SQL_OPERATOR_IS_NOT_DISTINCT_FROM,
    WEIR_SQL_OPERATOR_OVERLAPS, /* of periods: both sides are ROWs */
    WEIR_SQL_OPERATOR_CONTAINS,
    WEIR_SQL_OPERATOR_EQUALS,
    WEIR_SQL_OPERATOR_PRECEDES,
    WEIR_SQL_OPERATOR_SUCCEEDS,
    WEIR_SQL_OPERATOR_IMMEDIATELY_PRECEDES,
    WEIR_SQL_OPERATOR_IMMEDIATELY_SUCCEEDS,
    WEIR_SQL_OPERATOR_MEMBER_OF,
    WEIR_SQL_OPERATOR_SUBMULTISET_OF,
    WEIR_SQL_OPERATOR_CONCAT,
    WEIR_SQL_OPERATOR_ADD,
    WEIR_SQL_OPERATOR_SUBTRACT,
    WEIR_SQL_OPERATOR_MULTIPLY,
    WEIR_SQL_OPERATOR_DIVIDE,
    WEIR_SQL_OPERATOR_MODULO,
    /* unary */
    WEIR_SQL_OPERATOR_NOT,
    WEIR_SQL_OPERATOR_PLUS,
    WEIR_SQL_OPERATOR_MINUS,
    WEIR_SQL_OPERATOR_RUNNING, /* MATCH_RECOGNIZE: RUNNING x, FINAL x */
    WEIR_SQL_OPERATOR_FINAL,
    WEIR_SQL_OPERATOR_COUNT,
};

enum weir_sql_is {
    WEIR_SQL_IS_NULL,
    WEIR_SQL_IS_TRUE,
    WEIR_SQL_IS_FALSE,
    WEIR_SQL_IS_UNKNOWN,
    WEIR_SQL_IS_JSON_VALUE, /* IS JSON alone too */
    WEIR_SQL_IS_JSON_OBJECT,
    WEIR_SQL_IS_JSON_ARRAY,
    WEIR_SQL_IS_JSON_SCALAR,
    WEIR_SQL_IS_A_SET,
    WEIR_SQL_IS_EMPTY,
};

enum weir_sql_like { WEIR_SQL_LIKE, WEIR_SQL_ILIKE, WEIR_SQL_SIMILAR_TO, WEIR_SQL_RLIKE };
enum weir_sql_quantifier { WEIR_SQL_QUANTIFIER_NONE, WEIR_SQL_QUANTIFIER_ALL, WEIR_SQL_QUANTIFIER_DISTINCT };
enum weir_sql_comparison_quantifier { WEIR_SQL_QUANTIFIED_ALL, WEIR_SQL_QUANTIFIED_SOME }; /* ANY is SOME */
enum weir_sql_null_treatment { WEIR_SQL_NULLS_UNSAID, WEIR_SQL_NULLS_RESPECT, WEIR_SQL_NULLS_IGNORE };
enum weir_sql_null_order { WEIR_SQL_NULL_ORDER_UNSAID, WEIR_SQL_NULL_ORDER_FIRST, WEIR_SQL_NULL_ORDER_LAST };

struct weir_sql_order_item {
    struct weir_sql_span span;
    const struct weir_sql_expr *expr;
    bool descending;
    uint8_t null_order; /* enum weir_sql_null_order */
};

struct weir_sql_order {
    uint32_t count;
    const struct weir_sql_order_item *items;
};

enum weir_sql_frame_bound {
    WEIR_SQL_FRAME_UNBOUNDED_PRECEDING,
    WEIR_SQL_FRAME_PRECEDING,
    WEIR_SQL_FRAME_CURRENT_ROW,
    WEIR_SQL_FRAME_FOLLOWING,
    WEIR_SQL_FRAME_UNBOUNDED_FOLLOWING,
};
enum weir_sql_frame_kind { WEIR_SQL_FRAME_NONE, WEIR_SQL_FRAME_ROWS, WEIR_SQL_FRAME_RANGE };

/* OVER (...), OVER name, WINDOW name AS (...) */
struct weir_sql_window {
    struct weir_sql_span span;
    struct weir_sql_name
        name; /* OVER name: reference_only is set; in a WINDOW clause the name that is defined */
    struct weir_sql_name base; /* (base PARTITION BY ...) */
    bool reference_only;
    struct weir_sql_exprs partition_by;
    struct weir_sql_order order_by;
    uint8_t frame; /* enum weir_sql_frame_kind */
    uint8_t frame_from,
        frame_to; /* enum weir_sql_frame_bound; frame_to is CURRENT_ROW when only one bound is written */
    bool frame_between;
    int8_t allow_partial;                  /* 1 ALLOW PARTIAL, -1 DISALLOW PARTIAL, 0 unsaid */
    const struct weir_sql_expr *from, *to; /* of PRECEDING and FOLLOWING */
};

enum weir_sql_json_function {
    WEIR_SQL_JSON_EXISTS,
    WEIR_SQL_JSON_VALUE,
    WEIR_SQL_JSON_QUERY,
    WEIR_SQL_JSON_OBJECT,
    WEIR_SQL_JSON_OBJECTAGG,
    WEIR_SQL_JSON_ARRAY,
    WEIR_SQL_JSON_ARRAYAGG,
};
enum weir_sql_json_behavior {
    WEIR_SQL_JSON_BEHAVIOR_UNSAID,
    WEIR_SQL_JSON_BEHAVIOR_ERROR,
    WEIR_SQL_JSON_BEHAVIOR_NULL,
    WEIR_SQL_JSON_BEHAVIOR_EMPTY, /* EMPTY alone */
    WEIR_SQL_JSON_BEHAVIOR_EMPTY_ARRAY,
    WEIR_SQL_JSON_BEHAVIOR_EMPTY_OBJECT,
    WEIR_SQL_JSON_BEHAVIOR_TRUE,
    WEIR_SQL_JSON_BEHAVIOR_FALSE,
    WEIR_SQL_JSON_BEHAVIOR_UNKNOWN,
    WEIR_SQL_JSON_BEHAVIOR_DEFAULT,
};
enum weir_sql_json_wrapper {
    WEIR_SQL_JSON_WRAPPER_UNSAID,
    WEIR_SQL_JSON_WRAPPER_WITHOUT,
    WEIR_SQL_JSON_WRAPPER_CONDITIONAL,
    WEIR_SQL_JSON_WRAPPER_UNCONDITIONAL,
};
enum weir_sql_json_null {
    WEIR_SQL_JSON_NULL_UNSAID,
    WEIR_SQL_JSON_NULL_ON_NULL,
    WEIR_SQL_JSON_ABSENT_ON_NULL
};

/* EXISTS, VALUE, QUERY: arguments are input and path. OBJECT, OBJECTAGG: key, value, key, value ... ARRAY,
 * ARRAYAGG: values. order_by, filter and over of the aggregates are in struct weir_sql_call, which a JSON
 * call carries too. */
struct weir_sql_json {
    uint8_t function;           /* enum weir_sql_json_function */
    uint8_t wrapper;            /* enum weir_sql_json_wrapper */
    uint8_t nulls;              /* enum weir_sql_json_null */
    uint8_t on_empty, on_error; /* enum weir_sql_json_behavior */
    const struct weir_sql_expr *empty_default, *error_default;
    const struct weir_sql_type *returning;
    const bool *format_json; /* OBJECT: per argument "FORMAT JSON" was written; NULL: nowhere */
};

/* name(arguments). Functions with a syntax of their own become calls with positional arguments, and the
 * keywords among them become SYMBOL expressions (upper case): EXTRACT(unit FROM x)          EXTRACT: unit, x
 *   TRIM(BOTH c FROM x)           TRIM: BOTH | LEADING | TRAILING, c, x. TRIM(x) keeps its one argument
 *   SUBSTRING(x FROM y FOR z)     SUBSTRING: x, y[, z]          OVERLAY(x PLACING y FROM z FOR n)  OVERLAY:
 * x, y, z[, n] POSITION(x IN y [FROM z])     POSITION: x, y[, z]           CEIL | CEILING | FLOOR(x TO unit)
 * CEIL: x, unit TIMESTAMPADD(unit, n, t), TIMESTAMPDIFF(unit, a, b)         the unit is a SYMBOL, SQL_TSI_
 * prefixes are gone CURRENT_DATE, LOCALTIME ...   no arguments, without_parentheses COUNT(*) one STAR
 * argument Other functions keep their arguments. The name's case is as written. */
struct weir_sql_call {
    struct weir_sql_path name;
    struct weir_sql_exprs arguments;
    const struct weir_sql_name
        *argument_names; /* name => argument: NULL, or one per argument (text NULL where positional) */
    bool without_parentheses;
    bool special_syntax;          /* FROM, TO, IN or PLACING was written; for printing */
    uint8_t quantifier;           /* enum weir_sql_quantifier */
    uint8_t null_treatment;       /* enum weir_sql_null_treatment */
    struct weir_sql_order within; /* ORDER BY inside the parentheses */
    struct weir_sql_order within_group;
    struct weir_sql_exprs within_distinct;
    const struct weir_sql_expr *filter;
    const struct weir_sql_window *over;
};

struct weir_sql_when {
    const struct weir_sql_expr *when, *then;
};

struct weir_sql_expr {
    enum weir_sql_expr_kind kind;
    uint32_t height; /* of the tree below: 1 for a leaf */
    struct weir_sql_span span;
    union {
        bool boolean;
        struct {
            enum weir_sql_number kind;
            const char *text; /* digits as written, no sign */
        } number;
        struct {
            const char *text; /* STRING DATE TIME TIMESTAMP TIMESTAMP_LTZ BINARY_STRING: decoded */
            size_t length;
        } string;
        struct {
            bool negative;                     /* INTERVAL -'1' DAY */
            const char *text;                  /* INTERVAL */
            const struct weir_sql_expr *value; /* INTERVAL_OF */
            enum weir_interval_unit unit;
            uint8_t multiplier;                           /* WEEK is 7 DAY, QUARTER is 3 MONTH; else 1 */
            int8_t leading_precision, fraction_precision; /* -1: unsaid */
        } interval;
        struct weir_sql_path column; /* COLUMN; STAR: the qualifier, count 0 if none */
        struct {
            const struct weir_sql_expr *of;
            struct weir_sql_name name;
            bool star;
        } field;
        struct {
            const struct weir_sql_expr *of, *index;
        } item;
        struct {
            enum weir_sql_operator op;
            const struct weir_sql_expr *of;
        } unary;
        struct {
            enum weir_sql_operator op;
            const struct weir_sql_expr *left, *right;
        } binary;
        struct {
            enum weir_sql_is what;
            bool negated;
            const struct weir_sql_expr *of;
        } is;
        struct {
            bool negated, symmetric;
            const struct weir_sql_expr *of, *low, *high;
        } between;
        struct {
            enum weir_sql_like kind;
            bool negated;
            const struct weir_sql_expr *of, *pattern, *escape;
        } like;
        struct {
            bool negated;
            const struct weir_sql_expr *of;     /* may be a ROW */
            struct weir_sql_exprs list;         /* IN_LIST */
            const struct weir_sql_query *query; /* IN_QUERY */
        } in;
        struct {
            enum weir_sql_operator op;
            enum weir_sql_comparison_quantifier quantifier;
            const struct weir_sql_expr *of;
            struct weir_sql_exprs list;
            const struct weir_sql_query *query; /* NULL: list */
        } quantified;
        struct {
            const struct weir_sql_expr *operand; /* NULL: CASE WHEN condition */
            uint32_t count;
            const struct weir_sql_when *whens;
            const struct weir_sql_expr *otherwise; /* NULL: no ELSE */
        } switch_;
        struct {
            bool try_;
            const struct weir_sql_expr *of;
            const struct weir_sql_type *type;
        } cast;
        const struct weir_sql_call *call; /* CALL */
        struct {
            const struct weir_sql_call *call;
            const struct weir_sql_json *clauses;
        } json;
        struct weir_sql_exprs items; /* ROW ARRAY MAP MULTISET */
        struct {
            enum weir_sql_expr_kind of; /* ARRAY MAP MULTISET */
            const struct weir_sql_query *query;
        } collection;
        const struct weir_sql_query *query; /* SUBQUERY EXISTS UNIQUE */
        const char *symbol;
        struct {
            uint32_t count;
            const struct weir_sql_name *columns;
        } descriptor;
        struct {
            const struct weir_sql_table_ref *table; /* TABLE or QUERY reference */
            struct weir_sql_exprs partition_by;
            struct weir_sql_order order_by;
        } table;
        struct weir_sql_path model;
    };
};

/* ---------------------------------------------------------------------------------------------------------
 * queries */

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

/* ------------------------------------------------------------------------------------------------- table
 * definitions */

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

/* ---------------------------------------------------------------------------------------------------------
 * statements */

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
