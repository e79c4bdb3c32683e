/*
 * Printing the rows of a SELECT and the answers of SHOW and DESCRIBE in the client's modes:
 *   table      on a terminal, in streaming: the table as it is now, drawn anew as it changes; else as tableau
 *   tableau    Flink's frame; in streaming with the op column and fixed widths, in batch fitted to the rows
 *   changelog  one line per change: +I[1, a]
 *   csv        a header, then rows; in streaming the op comes first
 *   json       one object per row; in streaming {"op":"+U","data":{..}}
 * Rows come from one slot thread; begin and end from the session's.
 */
#ifndef WEIR_SESSION_RESULT_H
#define WEIR_SESSION_RESULT_H

#include "spi/connector.h"

enum weir_result_mode {
    WEIR_RESULT_TABLE,
    WEIR_RESULT_TABLEAU,
    WEIR_RESULT_CHANGELOG,
    WEIR_RESULT_CSV,
    WEIR_RESULT_JSON
};

struct weir_result {
    enum weir_result_mode mode;
    bool streaming;
    uint32_t column_count;
    const char *const *names;
    const struct weir_type *const *types;
    const struct weir_zone *zone;
    uint32_t column_width_max;
    const struct weir_connectors *connectors; /* csv and json are the formats of these names */
    struct weir_memory *memory;
    bool (*write)(void *owner, const char *bytes, size_t length, bool to_stderr);
    void *owner;

    struct weir_arena arena, scratch /* cells of one batch */;
    struct weir_buffer text;
    const struct weir_format *format;
    struct weir_encoder *encoder;
    struct weir_operator_metrics metrics;
    uint32_t *widths;
    const char **cells; /* tableau in batch: all rows are kept, to fit the widths */
    size_t cell_count, cell_capacity;
    uint64_t row_count;
    bool gone; /* write said so */
    /* table: rows in order of arrival; a +U takes the place of its -U */
    struct weir_live_row {
        char *text; /* cells, each NUL-terminated; own memory */
        size_t bytes;
    } * live;
    size_t live_count, live_capacity;
    size_t live_hole; /* where the last -U was; SIZE_MAX = none */
    uint32_t lines_drawn;
    int64_t drawn_ms;
    uint64_t drawn_changes; /* row_count when it was drawn */
    int64_t (*now_ms)(void);
    struct weir_error error;
};

/* The caller has filled the fields above the blank line. */
enum weir_error_code weir_result_begin(struct weir_result *result, struct weir_error *reterr);
bool weir_result_rows(struct weir_result *result, const struct weir_batch *batch); /* false: enough */
/* A live table that has changed since it was drawn is drawn. Not beside weir_result_rows(). */
void weir_result_refresh(struct weir_result *result);
enum weir_error_code weir_result_end(struct weir_result *result, bool complete, struct weir_error *reterr);
void weir_result_done(struct weir_result *result);

/* A table of texts (SHOW, DESCRIBE); NULL cells are NULL. */
void weir_result_answer(enum weir_result_mode mode, const char *const *names, uint32_t column_count,
    const char *const *cells, uint32_t row_count, struct weir_buffer *to);

#endif
