/* What window_aggregate.c (slices) and window_session.c share. */
#ifndef WEIR_OPS_WINDOW_AGGREGATE_H
#define WEIR_OPS_WINDOW_AGGREGATE_H

#include "ops/aggregates.h"
#include "ops/window.h"

enum window_property { WINDOW_START, WINDOW_END, WINDOW_ROWTIME, WINDOW_PROCTIME };

struct ops_session;

struct window_aggregate {
    struct weir_operator base;
    struct ops_window window;
    struct ops_aggregates set;
    struct ops_keys keys;
    uint32_t key_count;
    bool starts; /* rows carry their window's start: part of the key */
    bool retract;
    enum window_property *properties;
    uint32_t property_count;
    struct weir_table *table; /* partition 0: the handle */
    size_t payload;
    /* of a batch */
    uint8_t **rows;
    weir_row_ref *refs;
    int64_t *slices;
    uint16_t *order, *at, *groups;
    uint64_t *hashes, *start_hashes;
    uint8_t *retracts;
    /* firing */
    int64_t fired_end; /* windows up to this end have fired, in window time */
    int64_t firing_end;
    struct weir_table *firing;
    struct weir_table_cursor cursor;
    struct weir_batch key_batch;
    int64_t *restored_ends; /* per key group: fired before the restart */
    struct ops_past past;   /* sessions */
    struct ops_session *session;
};

/* Appends n groups of a window to out: keys, results, properties. */
void ops_window_emit(struct window_aggregate *op, struct weir_table *table, const uint8_t *const *rows,
    const weir_row_ref *refs, uint32_t n, const int64_t *starts, const int64_t *ends, struct weir_batch *out);

/* window_session.c */
enum weir_error_code ops_session_create(struct window_aggregate *op);
void ops_session_close(struct window_aggregate *op);
enum weir_operator_result ops_session_process(struct window_aggregate *op, const struct weir_batch *in);
enum weir_operator_result ops_session_fire(
    struct window_aggregate *op, int64_t time_ms, struct weir_batch *out);

#endif
