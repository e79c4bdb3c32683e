/*
 * One operator, random input, every way of driving it: batches of 1, 7 and 1,024 rows; flat, selected,
 * dictionary and constant columns; a snapshot and a restore after every batch, also at another parallelism.
 * The strict fold of each run is that of a naive reference, or of the plain run (rows one by one, flat).
 */
#ifndef WEIR_TEST_OPS_CONFORMANCE_H
#define WEIR_TEST_OPS_CONFORMANCE_H

#include "harness.h"

/* Sanitizers take several times as long. */
#ifdef __SANITIZE_ADDRESS__
enum { CASE_EVENTS_MAX = 600, CASE_SHORT = 80 };
#else
enum { CASE_EVENTS_MAX = 2000, CASE_SHORT = 220 };
#endif
enum { CASE_ROWS_MAX = CASE_EVENTS_MAX + 8 }; /* a change may be two rows */

/* How the input of a side changes. Column 0 is the key; DATA_UNIQUE: column 1 is a unique key; DATA_UPSERT:
 * +I, +U and -D by column 0. */
enum case_data { DATA_APPEND, DATA_UNIQUE, DATA_MULTISET, DATA_UPSERT };

struct case_event {
    bool is_watermark;
    uint8_t input;
    int64_t watermark_ms;
    struct test_row row;
};

struct conformance_case {
    const char *operator_name, *what;
    const char *input_types[2], *output_types;
    struct weir_spec *(*spec)(const struct conformance_case *c);
    /* The rows that must be there when the events are through; NULL: those of the plain run. */
    void (*reference)(const struct conformance_case *c, const struct case_event *events, uint32_t count,
        struct test_fold *expected);
    enum case_data data[2];
    uint32_t key_count; /* keyed by the first columns: 0 is one subtask only */
    int64_t number;     /* for spec() */
    const char *text;   /* for spec() */
    bool swapped;       /* the second input has its two key columns in the other order */
    bool null_safe;
    bool condition;
    bool bounded;
    bool compact;    /* how often a row changes depends on the batches */
    int64_t bundle;  /* compact: the size of a bundle; 0: all that comes before a barrier */
    bool by_kind;    /* the output is no changelog that can be folded strictly: its rows are compared */
    bool ordered;    /* the order of the output is compared, where it is one subtask */
    bool keeps_time; /* what it knows of time is in its snapshot: the watermark is not sent again */
    bool late;       /* some rows are behind the watermark */
    bool no_nulls;   /* of the time column */
    uint32_t ends;   /* 1 + the input that ends half-way; 0: both at the end */
    bool broken;     /* the plan says insert-only of inputs that are not */
    uint32_t rows;   /* 0: CASE_EVENTS_MAX */
};

extern struct weir_arena case_arena;

void case_run(const struct conformance_case *c);
/* "a|b": the text of a row of integers as the harness writes it; values NULL: all NULL. */
char *case_text(char *to, const char *types, const int64_t *values);
/* Folds the events of one input into live rows; returns how many. */
uint32_t case_live(
    const struct case_event *events, uint32_t count, uint32_t input, const struct test_row **live);

/* Cases of two inputs and their references: conformance_joins.h. Cases of one input: conformance_cases.h. */

#endif
