/*
 * Relational algebra: what the binder makes of a query and the planner rewrites and turns into a StreamGraph.
 *
 * A node's output row is `fields` (names, types with time attributes). Expressions in a node refer to columns
 * of its input (joins: left columns, then right columns). Nodes form a DAG: a view or CTE used twice may be
 * one node with two parents; rewriting therefore makes new nodes and never changes shared ones in place. All
 * in one statement's arena.
 */
#ifndef WEIR_SQL_REL_H
#define WEIR_SQL_REL_H

#include "expr/aggregate.h"
#include "expr/expr.h"

struct weir_sql_table;              /* catalog.h */
struct weir_sql_source_description; /* catalog.h */
struct weir_sql_sink_description;   /* catalog.h */

enum weir_rel_kind {
    WEIR_REL_SCAN, /* a catalog table (source); fields = projected columns */
    WEIR_REL_VALUES,
    WEIR_REL_PROJECT,
    WEIR_REL_FILTER,
    WEIR_REL_WATERMARK, /* WatermarkAssigner */
    WEIR_REL_AGGREGATE, /* GROUP BY keys with grouping sets already expanded; legacy group windows in `window`
                         */
    WEIR_REL_EXPAND,    /* grouping sets */
    WEIR_REL_WINDOW_TVF, /* TUMBLE HOP CUMULATE SESSION table functions: input columns, window_start,
                            window_end, window_time */
    WEIR_REL_JOIN,
    WEIR_REL_UNION,            /* ALL; n inputs */
    WEIR_REL_DISTINCT,         /* SELECT DISTINCT, UNION */
    WEIR_REL_SORT,             /* ORDER BY and/or LIMIT/OFFSET */
    WEIR_REL_OVER,             /* window functions; ROW_NUMBER here becomes RANK by a rule */
    WEIR_REL_RANK,             /* made by a rule */
    WEIR_REL_DEDUPLICATE,      /* made by a rule */
    WEIR_REL_WINDOW_AGGREGATE, /* made by a rule */
    WEIR_REL_INTERVAL_JOIN,    /* made by a rule */
    WEIR_REL_CHANGELOG_NORMALIZE,
    WEIR_REL_SINK
};

enum weir_join_type {
    WEIR_JOIN_INNER,
    WEIR_JOIN_LEFT,
    WEIR_JOIN_RIGHT,
    WEIR_JOIN_FULL,
    WEIR_JOIN_SEMI,
    WEIR_JOIN_ANTI
};

struct weir_rel_field {
    const char *name;
    const struct weir_type *type;
};

struct weir_sort_key {
    uint32_t column;
    bool descending, nulls_first;
};

enum weir_window_kind { WEIR_WINDOW_TUMBLE, WEIR_WINDOW_HOP, WEIR_WINDOW_CUMULATE, WEIR_WINDOW_SESSION };
struct weir_window {
    enum weir_window_kind kind;
    int64_t size_ms, slide_ms, step_ms, offset_ms, gap_ms;
    uint32_t time_column; /* of the input */
    bool processing_time, local_zone;
    bool legacy;               /* GROUP BY TUMBLE(...) */
    const uint32_t *partition; /* session TVF */
    uint32_t partition_count;
};
/* What a legacy group window's auxiliary functions ask for, appended behind the aggregate's results. */
enum weir_window_property { WEIR_WINDOW_START, WEIR_WINDOW_END, WEIR_WINDOW_ROWTIME, WEIR_WINDOW_PROCTIME };

struct weir_over_call {
    const char *function;                        /* ROW_NUMBER RANK DENSE_RANK, or an aggregate */
    const struct weir_aggregate_call *aggregate; /* NULL for the ranking functions */
    const struct weir_type *type;
    bool rows; /* ROWS, else RANGE */
    bool unbounded_preceding;
    int64_t preceding; /* rows, or ms */
};

struct weir_rel {
    enum weir_rel_kind kind;
    uint32_t id; /* within the statement, growing */
    const struct weir_rel_field *fields;
    uint32_t field_count;
    struct weir_rel *const *inputs;
    uint32_t input_count;
    uint32_t line, column; /* of the clause it came from */
    union {
        struct {
            const struct weir_sql_table *table;
            /* One per field: physical column with a path into its ROW, or metadata key. */
            struct weir_scan_column {
                uint32_t column;
                const uint32_t *path;
                uint32_t path_length;
                const char *metadata;
            } const *columns;
            const struct weir_spec *options; /* table options with OPTIONS hints applied: map of texts */
            const struct weir_sql_source_description *source; /* catalog.h: what the connector says of them */
        } scan;
        struct {
            struct weir_expr *const *const *rows;
            uint32_t row_count;
        } values;
        struct {
            struct weir_expr *const *exprs;
        } project; /* field_count */
        struct {
            struct weir_expr *condition;
        } filter;
        struct {
            uint32_t rowtime;
            struct weir_expr *expression;
            const struct weir_spec *options;
        } watermark;
        struct {
            const uint32_t *keys;
            uint32_t key_count;
            const struct weir_aggregate_call *calls;
            uint32_t call_count;
            const struct weir_window *window; /* legacy group window, or a window aggregate; NULL */
            const enum weir_window_property *properties;
            uint32_t property_count;
            bool attached;
            uint32_t attached_start, attached_end,
                attached_time; /* WINDOW_AGGREGATE on columns that exist; UINT32_MAX = absent */
        } aggregate;           /* AGGREGATE, WINDOW_AGGREGATE: fields = keys, calls, properties */
        struct {
            struct weir_expr *const *const *lists;
            uint32_t list_count;
        } expand; /* each of field_count */
        struct {
            struct weir_window window;
        } tvf;
        struct {
            enum weir_join_type type;
            struct weir_expr *condition; /* whole ON; NULL = cross. Equi keys are split off by the planner */
            bool null_aware;             /* ANTI made of NOT IN */
            const struct weir_spec *hints;
        } join; /* fields: left then right (SEMI, ANTI: left) */
        struct {
            enum weir_join_type type;
            struct weir_expr *condition; /* what is left beside keys and bounds */
            const uint32_t *left_keys, *right_keys;
            uint32_t key_count;
            uint32_t left_time, right_time;
            bool processing_time;
            int64_t lower_ms, upper_ms;
        } interval_join;
        struct {
            const struct weir_sort_key *keys;
            uint32_t key_count;
            int64_t offset, limit; /* -1 = none */
        } sort;
        struct {
            const uint32_t *partition;
            uint32_t partition_count;
            const struct weir_sort_key *order;
            uint32_t order_count;
            const struct weir_over_call *calls;
            uint32_t call_count;
        } over; /* fields: input, then one per call */
        struct {
            const uint32_t *partition;
            uint32_t partition_count;
            const struct weir_sort_key *order;
            uint32_t order_count;
            int64_t start, end;
            int32_t end_column; /* -1 */
            bool with_rank;
            const char *function;
        } rank; /* fields: input [, rank] */
        struct {
            const uint32_t *keys;
            uint32_t key_count;
            int32_t rowtime; /* -1: processing time */
            bool keep_last;
        } deduplicate;
        struct {
            const uint32_t *keys;
            uint32_t key_count;
        } normalize;
        struct {
            const struct weir_sql_table *table; /* NULL: collect (a SELECT) */
            const struct weir_spec *options;
            const struct weir_sql_sink_description *sink; /* catalog.h; NULL: collect */
            bool overwrite;
            const struct weir_spec *static_partition;
            const char *conflict; /* ON CONFLICT DO ..., NULL */
        } sink;
    };
};

struct weir_rel *weir_rel_new(struct weir_arena *arena, enum weir_rel_kind kind, uint32_t input_count);

#endif
