/* The syntax tree: names, types and expressions. Contracts: ast.h. */
#ifndef WEIR_SQL_AST_EXPR_H
#define WEIR_SQL_AST_EXPR_H

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

/* --- expressions --- */

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

#endif
