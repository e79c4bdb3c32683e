/*
 * Physical plan: operators, exchanges and the traits that changelog inference gives them. Internal to the
 * planner. Nodes form a DAG; they are made bottom up and are changed in place only by reuse.c and
 * changelog.c, which own the whole plan.
 */
#ifndef WEIR_SQL_PHYSICAL_H
#define WEIR_SQL_PHYSICAL_H

#include "sql/planning.h"

enum weir_physical_kind {
    WEIR_PHYSICAL_SCAN,
    WEIR_PHYSICAL_VALUES,
    WEIR_PHYSICAL_CALC,
    WEIR_PHYSICAL_WATERMARK,
    WEIR_PHYSICAL_EXPAND,
    WEIR_PHYSICAL_GROUP_AGGREGATE,
    WEIR_PHYSICAL_WINDOW_AGGREGATE, /* on a window table function, or a legacy group window */
    WEIR_PHYSICAL_WINDOW_TVF,
    WEIR_PHYSICAL_JOIN,
    WEIR_PHYSICAL_INTERVAL_JOIN,
    WEIR_PHYSICAL_RANK,
    WEIR_PHYSICAL_DEDUPLICATE,
    WEIR_PHYSICAL_SORT,
    WEIR_PHYSICAL_TEMPORAL_SORT,
    WEIR_PHYSICAL_SORT_LIMIT,
    WEIR_PHYSICAL_LIMIT,
    WEIR_PHYSICAL_UNION,
    WEIR_PHYSICAL_EXCHANGE,
    WEIR_PHYSICAL_CHANGELOG_NORMALIZE,
    WEIR_PHYSICAL_DROP_UPDATE_BEFORE,
    WEIR_PHYSICAL_MATERIALIZER,
    WEIR_PHYSICAL_ENFORCER,
    WEIR_PHYSICAL_SINK
};

/* Bits as in spi/connector.h: weir_changelog_kind_bit. */
enum {
    WEIR_CHANGE_INSERT = 1,
    WEIR_CHANGE_UPDATE_BEFORE = 2,
    WEIR_CHANGE_UPDATE_AFTER = 4,
    WEIR_CHANGE_DELETE = 8
};

/* Trait 1: what kinds of change a node makes. */
enum { WEIR_MODIFY_INSERT = 1, WEIR_MODIFY_UPDATE = 2, WEIR_MODIFY_DELETE = 4, WEIR_MODIFY_ALL = 7 };
/* Trait 2: how updates travel. */
enum weir_update_kind { WEIR_UPDATE_NONE, WEIR_UPDATE_ONLY_AFTER, WEIR_UPDATE_BEFORE_AND_AFTER };
/* Trait 3: what a -D row carries. */
enum weir_delete_kind { WEIR_DELETE_NONE, WEIR_DELETE_BY_KEY, WEIR_DELETE_FULL };

enum weir_rank_strategy { WEIR_RANK_APPEND, WEIR_RANK_UPDATE, WEIR_RANK_RETRACT };

struct weir_column_set {
    uint32_t count;
    const uint32_t *columns; /* ascending */
};
struct weir_key_list {
    uint32_t count;
    struct weir_column_set *keys;
};
enum { WEIR_KEYS_MAX = 32 }; /* of one node; further ones are forgotten */

struct weir_physical {
    enum weir_physical_kind kind;
    uint32_t id;
    const struct weir_rel *rel; /* parameters; NULL for EXCHANGE, DROP_UPDATE_BEFORE and the like */
    const struct weir_rel_field *fields;
    uint32_t field_count;
    struct weir_physical **inputs;
    uint32_t input_count;

    struct weir_expr *const *projections; /* CALC */
    struct weir_expr *condition; /* CALC, JOIN (what is not equi), CHANGELOG_NORMALIZE (pushed filter) */
    enum weir_exchange exchange; /* EXCHANGE */
    const uint32_t *keys; /* EXCHANGE, aggregates, RANK's partition, DEDUPLICATE, normalize, materializer */
    uint32_t key_count;
    const uint32_t *left_keys, *right_keys; /* JOIN, INTERVAL_JOIN */
    uint32_t join_key_count;
    const bool *null_safe;
    enum weir_rank_strategy strategy;    /* RANK, SORT_LIMIT */
    bool windowed;                       /* RANK: partitions are of a window, rows come when it closes */
    bool window_local;                   /* ... which counts in local wall time */
    uint32_t window_end;                 /* ... whose end is this column of the input */
    struct weir_column_set strategy_key; /* RANK: the key of UPDATE; MATERIALIZER: the input's upsert key */
    const struct weir_spec *spec;        /* ENFORCER: made with the node */
    uint32_t parallelism;                /* 0 = the job's */

    uint8_t modify;        /* WEIR_MODIFY_ bits */
    uint8_t update_kind;   /* enum weir_update_kind */
    uint8_t delete_kind;   /* enum weir_delete_kind */
    uint8_t *input_update; /* per input: the enum weir_update_kind asked of it */
    /* Answers of this round, by what was required: a node with many consumers is visited once for each. */
    uint32_t update_round[3], delete_round[3];
    bool update_fits[3], delete_fits[3];
    uint8_t update_asked; /* last required */
    bool estimated;       /* explain.c */
    double estimate[6];
    bool force_before; /* some consumer needs -U, so all get it */
    bool skipped;      /* CHANGELOG_NORMALIZE that nobody needs */
    bool materialized; /* SINK */
    uint8_t sink_update_count;
    enum weir_update_kind sink_updates[2];
    struct weir_key_list upsert_keys;

    uint32_t consumer_count;      /* set by reuse.c */
    uint32_t reference_id;        /* explain.c: of a node that is printed once and then referred to */
    uint32_t node_index;          /* graph.c: + 1, 0 = not written yet */
    uint32_t mark;                /* scratch of whoever walks */
    struct weir_physical *merged; /* reuse.c: what stands for it */
};

/* The window whose start and end are among the columns of node's rows, and which column its end is; NULL:
 * there is none. */
const struct weir_window *weir_physical_window(
    const struct weir_physical *node, const uint32_t *columns, uint32_t count, uint32_t *end);
struct weir_physical *weir_physical_new(struct weir_planning *planning, enum weir_physical_kind kind,
    const struct weir_rel *rel, uint32_t input_count);
/* Once inputs and parameters are set: modify kinds, upsert keys. */
void weir_physical_finish(struct weir_planning *planning, struct weir_physical *node);
/* An exchange over input, or input itself when its rows are distributed that way already. */
struct weir_physical *weir_physical_exchange(struct weir_planning *planning, struct weir_physical *input,
    enum weir_exchange exchange, const uint32_t *keys, uint32_t key_count);

/* Where the consumer runs at another parallelism, the same distribution is not enough. */
struct weir_physical *weir_physical_exchange_always(struct weir_planning *planning,
    struct weir_physical *input, enum weir_exchange exchange, const uint32_t *keys, uint32_t key_count);

/* physical.c */
enum weir_error_code weir_physical_convert(struct weir_planning *planning, struct weir_rel *const *roots,
    uint32_t root_count, struct weir_physical ***ret);
/* physical_join.c: splits the equi keys off. */
enum weir_error_code weir_physical_join(struct weir_planning *planning, const struct weir_rel *rel,
    struct weir_physical *left, struct weir_physical *right, struct weir_physical **ret);
/* physical_rank.c */
void weir_physical_choose_strategy(struct weir_planning *planning, struct weir_physical *rank);
/* physical_sink.c */
enum weir_error_code weir_physical_sink(struct weir_planning *planning, const struct weir_rel *rel,
    struct weir_physical *input, struct weir_physical **ret);

/* keys.c */
void weir_physical_upsert_keys(struct weir_planning *planning, struct weir_physical *node);
bool weir_column_set_contains(struct weir_column_set set, const uint32_t *columns, uint32_t count);
struct weir_column_set weir_column_set_make(
    struct weir_arena *arena, const uint32_t *columns, uint32_t count);
/* The smallest key that contains the columns, NULL: none. */
const struct weir_column_set *weir_key_list_find(
    const struct weir_key_list *list, const uint32_t *columns, uint32_t count);

/* changelog.c */
void weir_physical_modify_kinds(struct weir_planning *planning, struct weir_physical *node);
enum weir_error_code weir_changelog_infer(
    struct weir_planning *planning, struct weir_physical **roots, uint32_t root_count);
/* "[I,UB,UA,D]" */
const char *weir_changelog_text(const struct weir_physical *node);

/* reuse.c */
void weir_physical_reuse(struct weir_planning *planning, struct weir_physical **roots, uint32_t root_count);

/* planner.c: all phases but the last */
enum weir_error_code weir_sql_plan_physical(struct weir_planning *planning,
    const struct weir_sql_planner_input *input, struct weir_physical ***ret, struct weir_error *reterr);

/* graph.c */
enum weir_error_code weir_physical_to_graph(struct weir_planning *planning,
    struct weir_physical *const *roots, uint32_t root_count, const struct weir_stream_graph **ret);

/* explain_node.c: "Calc(select=[a, b], where=[(a > 1)])" */
const char *weir_physical_describe(
    struct weir_planning *planning, const struct weir_physical *node, bool execution);
const char *weir_physical_name(const struct weir_physical *node);
const char *const *weir_physical_names(struct weir_planning *planning, const struct weir_physical *node);

#endif
