#include "session/result.h"
#include "data/value.h"
#include "session/adapter.h"
#include <string.h>

enum { RESULT_TEXT_BYTES_MAX = 1 << 30, CELL_BYTES_KEPT_MAX = 1 << 20 };

/* Columns a terminal needs for the character at `text` (an East Asian one: two), and how many bytes it has.
 */
static uint32_t character_width(const char *text, size_t length, uint32_t *ret_bytes)
{
    uint8_t lead = (uint8_t)text[0];
    uint32_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t code = bytes == 1 ? lead : lead & (0x3f >> (bytes - 1));
    for (uint32_t k = 1; k < bytes && k < length; k++) code = code << 6 | ((uint8_t)text[k] & 0x3f);
    bool wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
                (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
                (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
                (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) ||
                (code >= 0x20000 && code <= 0x3fffd);
    *ret_bytes = bytes;
    return wide ? 2 : 1;
}

/* Bytes of the longest prefix that takes at most `width` columns. *ret_shown: the columns that it takes. */
static size_t prefix_of_width(const char *text, size_t length, uint32_t width, uint32_t *ret_shown)
{
    size_t used = 0;
    *ret_shown = 0;
    while (used < length) {
        uint32_t bytes, columns = character_width(text + used, length - used, &bytes);
        if (*ret_shown + columns > width) break;
        *ret_shown += columns;
        used += WEIR_MIN(bytes, length - used);
    }
    return used;
}

static uint32_t display_width(const char *text, size_t length)
{
    uint32_t shown;
    prefix_of_width(text, length, UINT32_MAX, &shown);
    return shown;
}

/* The width of a column whose rows are not known yet, as Flink's client chooses it by type. */
static uint32_t width_of_type(const struct weir_type *type, uint32_t width_max)
{
    uint32_t width;
    switch (type->id) {
    case WEIR_TYPE_TINYINT: width = 4; break;
    case WEIR_TYPE_SMALLINT: width = 6; break;
    case WEIR_TYPE_INT: width = 11; break;
    case WEIR_TYPE_BIGINT: width = 20; break;
    case WEIR_TYPE_BOOLEAN: width = 6; break;
    case WEIR_TYPE_DECIMAL: width = type->precision + 2u; break;
    case WEIR_TYPE_DATE: width = 10; break;
    case WEIR_TYPE_TIME: width = type->precision == 0 ? 8 : type->precision + 9u; break;
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ: width = type->precision == 0 ? 19 : type->precision + 20u; break;
    case WEIR_TYPE_CHAR:
    case WEIR_TYPE_VARCHAR: width = (uint32_t)WEIR_MIN(type->length, (int32_t)width_max); break;
    default: width = width_max; break;
    }
    return WEIR_MIN(WEIR_MAX(width, 6u), WEIR_MAX(width_max, 6u));
}

static void flush(struct weir_result *r)
{
    if (r->text.length && !r->gone) r->gone = !r->write(r->owner, r->text.data, r->text.length, false);
    weir_buffer_clear(&r->text);
}

static void rule(const uint32_t *widths, uint32_t count, bool op, struct weir_buffer *to)
{
    if (op) weir_buffer_append_text(to, "+----");
    for (uint32_t c = 0; c < count; c++) {
        weir_buffer_append_byte(to, '+');
        for (uint32_t i = 0; i < widths[c] + 2; i++) weir_buffer_append_byte(to, '-');
    }
    weir_buffer_append_text(to, "+\n");
}

/* One cell, right-aligned; what is too long ends in "...". A value may be as long as a batch can hold: it is
 * gone through once. */
static void cell(const char *text, uint32_t width, struct weir_buffer *to)
{
    size_t length = strlen(text);
    uint32_t shown;
    bool whole = prefix_of_width(text, length, width, &shown) == length;
    if (!whole) {
        length = prefix_of_width(text, length, width > 3 ? width - 3 : 0, &shown);
        shown += 3;
    }
    weir_buffer_append_text(to, " ");
    for (uint32_t i = shown; i < width; i++) weir_buffer_append_byte(to, ' ');
    weir_buffer_append(to, text, length);
    weir_buffer_append_text(to, whole ? " |" : "... |");
}

static void header(
    const char *const *names, const uint32_t *widths, uint32_t count, bool op, struct weir_buffer *to)
{
    rule(widths, count, op, to);
    if (op) weir_buffer_append_text(to, "| op ");
    weir_buffer_append_byte(to, '|');
    for (uint32_t c = 0; c < count; c++) cell(names[c], widths[c], to);
    weir_buffer_append_byte(to, '\n');
    rule(widths, count, op, to);
}

static void csv_name(const char *name, struct weir_buffer *to)
{
    if (!strpbrk(name, ",\"\n\r")) {
        weir_buffer_append_text(to, name);
        return;
    }
    weir_buffer_append_byte(to, '"');
    for (; *name; name++) {
        if (*name == '"') weir_buffer_append_byte(to, '"');
        weir_buffer_append_byte(to, *name);
    }
    weir_buffer_append_byte(to, '"');
}

static enum weir_error_code open_encoder(struct weir_result *r, struct weir_error *reterr)
{
    const char *name = r->mode == WEIR_RESULT_CSV ? "csv" : r->streaming ? "changelog-json" : "json";
    r->format = weir_session_find_format(r->connectors, name);
    if (!r->format || !r->format->encoder_new)
        return weir_error_set(
            reterr, WEIR_E_NOT_FOUND, "this build has no format \"%s\" to print results with", name);
    struct weir_format_context *ctx = WEIR_ARENA_NEW(&r->arena, struct weir_format_context);
    *ctx = (struct weir_format_context){ .schema_count = r->column_count,
        .schema_names = r->names,
        .schema_types = r->types,
        .arena = &r->arena,
        .memory = r->memory,
        .local_zone = r->zone,
        .metrics = &r->metrics };
    return r->format->encoder_new(ctx, &r->encoder, reterr);
}

/* --- a live table --- */

enum { LIVE_ROWS_SHOWN_MAX = 20, LIVE_DRAW_MS = 100, LIVE_ROWS_MAX = 1000000 };

static enum weir_error_code live_begin(struct weir_result *r)
{
    r->widths = WEIR_ARENA_ARRAY(&r->arena, uint32_t, r->column_count + 1);
    for (uint32_t c = 0; c < r->column_count; c++)
        r->widths[c] = display_width(r->names[c], strlen(r->names[c]));
    r->live_hole = SIZE_MAX;
    return WEIR_OK;
}

static void live_add(struct weir_result *r, const char *text, size_t bytes)
{
    if (r->live_count >= LIVE_ROWS_MAX)
        return; /* sql-client.execution.max-table-result.rows: what is shown is bounded */
    if (r->live_count == r->live_capacity) {
        size_t capacity = r->live_capacity ? r->live_capacity * 2 : 64;
        r->live = weir_memory_reallocate(
            r->memory, r->live, r->live_capacity * sizeof *r->live, capacity * sizeof *r->live);
        r->live_capacity = capacity;
    }
    size_t at = r->live_hole == SIZE_MAX ? r->live_count : r->live_hole;
    memmove(r->live + at + 1, r->live + at, (r->live_count - at) * sizeof *r->live);
    r->live[at] = (struct weir_live_row){ weir_memory_allocate(r->memory, bytes), bytes };
    memcpy(r->live[at].text, text, bytes);
    r->live_count++;
    r->live_hole = SIZE_MAX;
}

static void live_remove(struct weir_result *r, const char *text, size_t bytes, bool update)
{
    r->live_hole = SIZE_MAX;
    for (size_t i = r->live_count; i > 0; i--) {
        if (r->live[i - 1].bytes != bytes || memcmp(r->live[i - 1].text, text, bytes) != 0) continue;
        weir_memory_release(r->memory, r->live[i - 1].text, bytes);
        memmove(r->live + i - 1, r->live + i, (r->live_count - i) * sizeof *r->live);
        r->live_count--;
        if (update) r->live_hole = i - 1;
        return;
    }
}

static void live_draw(struct weir_result *r, bool final)
{
    if (r->lines_drawn) weir_buffer_format(&r->text, "\033[%uA\033[J", r->lines_drawn);
    size_t first = !final && r->live_count > LIVE_ROWS_SHOWN_MAX ? r->live_count - LIVE_ROWS_SHOWN_MAX : 0;
    for (size_t i = first; i < r->live_count; i++) {
        const char *text = r->live[i].text;
        for (uint32_t c = 0; c < r->column_count; c++, text += strlen(text) + 1)
            r->widths[c] =
                WEIR_MAX(r->widths[c], WEIR_MIN(display_width(text, strlen(text)), r->column_width_max));
    }
    header(r->names, r->widths, r->column_count, false, &r->text);
    for (size_t i = first; i < r->live_count; i++) {
        const char *text = r->live[i].text;
        weir_buffer_append_byte(&r->text, '|');
        for (uint32_t c = 0; c < r->column_count; c++, text += strlen(text) + 1)
            cell(text, r->widths[c], &r->text);
        weir_buffer_append_byte(&r->text, '\n');
    }
    rule(r->widths, r->column_count, false, &r->text);
    weir_buffer_format(&r->text, "%zu %s, %llu changes%s\n", r->live_count,
        r->live_count == 1 ? "row" : "rows", (unsigned long long)r->row_count,
        first ? " (the last rows are shown)" : "");
    r->lines_drawn = (uint32_t)(r->live_count - first) + 5;
    r->drawn_changes = r->row_count;
    flush(r);
}

static void live_rows(struct weir_result *r, const struct weir_batch *batch)
{
    struct weir_buffer text;
    weir_buffer_init(&text, r->memory, RESULT_TEXT_BYTES_MAX);
    for (uint32_t i = 0; i < weir_batch_selected(batch); i++) {
        uint32_t row = weir_batch_row(batch, i);
        weir_buffer_clear(&text);
        for (uint32_t c = 0; c < batch->column_count; c++) {
            if (weir_vector_is_null(&batch->columns[c], row))
                weir_buffer_append_text(&text, "<NULL>");
            else
                weir_value_print(&batch->columns[c], row, WEIR_TEXT_CAST, r->zone, &text);
            weir_buffer_append_byte(&text, 0);
        }
        uint8_t kind = weir_batch_kind(batch, row);
        if (weir_row_kind_is_add(kind))
            live_add(r, text.data ? text.data : "", text.length);
        else
            live_remove(r, text.data ? text.data : "", text.length, kind == WEIR_ROW_UPDATE_BEFORE);
    }
    weir_buffer_done(&text);
    int64_t now_ms = r->now_ms ? r->now_ms() : 0;
    if (now_ms - r->drawn_ms < LIVE_DRAW_MS) return;
    r->drawn_ms = now_ms;
    live_draw(r, false);
}

void weir_result_refresh(struct weir_result *r)
{
    if (r->mode == WEIR_RESULT_TABLE && r->drawn_changes != r->row_count) live_draw(r, false);
}

static void live_done(struct weir_result *r)
{
    for (size_t i = 0; i < r->live_count; i++)
        weir_memory_release(r->memory, r->live[i].text, r->live[i].bytes);
    weir_memory_release(r->memory, r->live, r->live_capacity * sizeof *r->live);
}

enum weir_error_code weir_result_begin(struct weir_result *r, struct weir_error *reterr)
{
    weir_arena_init(&r->arena, r->memory);
    weir_arena_init(&r->scratch, r->memory);
    weir_buffer_init(&r->text, r->memory, RESULT_TEXT_BYTES_MAX);
    switch (r->mode) {
    case WEIR_RESULT_TABLE: return live_begin(r);
    case WEIR_RESULT_TABLEAU:
        r->widths = WEIR_ARENA_ARRAY(&r->arena, uint32_t, r->column_count + 1);
        for (uint32_t c = 0; c < r->column_count; c++) {
            uint32_t name = display_width(r->names[c], strlen(r->names[c]));
            r->widths[c] = WEIR_MAX(name, r->streaming ? width_of_type(r->types[c], r->column_width_max) : 0);
        }
        if (r->streaming) header(r->names, r->widths, r->column_count, true, &r->text);
        break;
    case WEIR_RESULT_CHANGELOG: break;
    case WEIR_RESULT_CSV:
        if (r->streaming) weir_buffer_append_text(&r->text, "op,");
        for (uint32_t c = 0; c < r->column_count; c++) {
            if (c) weir_buffer_append_byte(&r->text, ',');
            csv_name(r->names[c], &r->text);
        }
        weir_buffer_append_byte(&r->text, '\n');
        /* fall through */
    case WEIR_RESULT_JSON: {
        enum weir_error_code code = open_encoder(r, reterr);
        if (code) return code;
        break;
    }
    }
    flush(r);
    return WEIR_OK;
}

static const char *cell_text(struct weir_result *r, const struct weir_vector *column, uint32_t row)
{
    if (weir_vector_is_null(column, row)) return "<NULL>";
    struct weir_buffer text;
    weir_buffer_init(&text, r->memory, RESULT_TEXT_BYTES_MAX);
    weir_value_print(column, row, WEIR_TEXT_CAST, r->zone, &text);
    size_t length = text.length;
    if (length > CELL_BYTES_KEPT_MAX) { /* wider than any column: the rest would not be shown */
        length = CELL_BYTES_KEPT_MAX;
        while (length && ((uint8_t)text.data[length] & 0xc0) == 0x80) length--;
    }
    const char *kept =
        weir_arena_copy(r->streaming ? &r->scratch : &r->arena, text.data ? text.data : "", length);
    weir_buffer_done(&text);
    return kept;
}

static void keep_cell(struct weir_result *r, uint32_t c, const char *text)
{
    if (r->cell_count == r->cell_capacity) {
        size_t capacity = r->cell_capacity ? r->cell_capacity * 2 : 1024;
        r->cells = weir_memory_reallocate(
            r->memory, (void *)r->cells, r->cell_capacity * sizeof *r->cells, capacity * sizeof *r->cells);
        r->cell_capacity = capacity;
    }
    r->cells[r->cell_count++] = text;
    uint32_t width = display_width(text, strlen(text));
    r->widths[c] = WEIR_MAX(r->widths[c], WEIR_MIN(width, r->column_width_max));
}

static void tableau_rows(struct weir_result *r, const struct weir_batch *batch)
{
    uint32_t count = weir_batch_selected(batch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = weir_batch_row(batch, i);
        if (r->streaming)
            weir_buffer_format(&r->text, "| %s |", weir_row_kind_text(weir_batch_kind(batch, row)));
        for (uint32_t c = 0; c < batch->column_count; c++) {
            const char *text = cell_text(r, &batch->columns[c], row);
            if (r->streaming)
                cell(text, r->widths[c], &r->text);
            else
                keep_cell(r, c, text);
        }
        if (r->streaming) weir_buffer_append_byte(&r->text, '\n');
    }
    weir_arena_reset(&r->scratch);
}

static void changelog_rows(struct weir_result *r, const struct weir_batch *batch)
{
    uint32_t count = weir_batch_selected(batch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = weir_batch_row(batch, i);
        weir_buffer_format(&r->text, "%s[", weir_row_kind_text(weir_batch_kind(batch, row)));
        for (uint32_t c = 0; c < batch->column_count; c++) {
            if (c) weir_buffer_append(&r->text, ", ", 2);
            weir_value_print(&batch->columns[c], row, WEIR_TEXT_PRINT, NULL, &r->text);
        }
        weir_buffer_append(&r->text, "]\n", 2);
    }
}

static enum weir_error_code csv_rows(struct weir_result *r, const struct weir_batch *batch)
{
    if (!r->streaming) return r->format->encode(r->encoder, batch, &r->text, &r->error);
    uint32_t count = weir_batch_selected(batch);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t row = (uint16_t)weir_batch_row(batch, i);
        struct weir_batch one = *batch;
        one.selection = &row;
        one.selected = 1;
        one.kinds = NULL;
        weir_buffer_format(&r->text, "%s,", weir_row_kind_text(weir_batch_kind(batch, row)));
        enum weir_error_code code = r->format->encode(r->encoder, &one, &r->text, &r->error);
        if (code) return code;
    }
    return WEIR_OK;
}

bool weir_result_rows(struct weir_result *r, const struct weir_batch *batch)
{
    r->row_count += weir_batch_selected(batch);
    enum weir_error_code code = WEIR_OK;
    switch (r->mode) {
    case WEIR_RESULT_TABLE: live_rows(r, batch); break;
    case WEIR_RESULT_TABLEAU: tableau_rows(r, batch); break;
    case WEIR_RESULT_CHANGELOG: changelog_rows(r, batch); break;
    case WEIR_RESULT_CSV: code = csv_rows(r, batch); break;
    case WEIR_RESULT_JSON: code = r->format->encode(r->encoder, batch, &r->text, &r->error); break;
    }
    flush(r);
    return !code && !r->gone;
}

static void tableau_end(struct weir_result *r, bool complete)
{
    const char *plural = r->row_count == 1 ? "row" : "rows";
    if (r->streaming) {
        rule(r->widths, r->column_count, true, &r->text);
        weir_buffer_format(&r->text,
            complete ? "Received a total of %llu %s\n" : "Query terminated, received a total of %llu %s\n",
            (unsigned long long)r->row_count, plural);
        return;
    }
    if (r->row_count == 0) {
        weir_buffer_append_text(&r->text, "Empty set\n");
        return;
    }
    header(r->names, r->widths, r->column_count, false, &r->text);
    for (size_t i = 0; i < r->cell_count; i += r->column_count) {
        weir_buffer_append_byte(&r->text, '|');
        for (uint32_t c = 0; c < r->column_count; c++) cell(r->cells[i + c], r->widths[c], &r->text);
        weir_buffer_append_byte(&r->text, '\n');
        if (r->text.length > (1 << 20)) flush(r);
    }
    rule(r->widths, r->column_count, false, &r->text);
    weir_buffer_format(&r->text, "%llu %s in set\n", (unsigned long long)r->row_count, plural);
}

enum weir_error_code weir_result_end(struct weir_result *r, bool complete, struct weir_error *reterr)
{
    if (r->error.code) {
        if (reterr) *reterr = r->error;
        return r->error.code;
    }
    if (r->mode == WEIR_RESULT_TABLE) live_draw(r, true);
    if (r->mode == WEIR_RESULT_TABLEAU) tableau_end(r, complete);
    flush(r);
    if (r->gone)
        return weir_error_set(
            reterr, WEIR_E_IO, "standard output takes no more: it is closed, or its disk is full");
    return WEIR_OK;
}

void weir_result_done(struct weir_result *r)
{
    if (r->encoder && r->format->encoder_free) r->format->encoder_free(r->encoder);
    weir_memory_release(r->memory, (void *)r->cells, r->cell_capacity * sizeof *r->cells);
    live_done(r);
    weir_buffer_done(&r->text);
    weir_arena_done(&r->scratch);
    weir_arena_done(&r->arena);
}

/* --- answers --- */

static void json_string(const char *text, struct weir_buffer *to)
{
    weir_buffer_append_byte(to, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            weir_buffer_format(to, "\\%c", c);
        else if (c == '\n')
            weir_buffer_append_text(to, "\\n");
        else if (c == '\t')
            weir_buffer_append_text(to, "\\t");
        else if (c < 0x20)
            weir_buffer_format(to, "\\u%04x", c);
        else
            weir_buffer_append_byte(to, (char)c);
    }
    weir_buffer_append_byte(to, '"');
}

static void answer_tableau(const char *const *names, uint32_t column_count, const char *const *cells,
    uint32_t row_count, struct weir_buffer *to)
{
    if (row_count == 0) {
        weir_buffer_append_text(to, "Empty set\n");
        return;
    }
    uint32_t widths[64];
    column_count = WEIR_MIN(column_count, (uint32_t)WEIR_ARRAY_COUNT(widths));
    for (uint32_t c = 0; c < column_count; c++) {
        widths[c] = display_width(names[c], strlen(names[c]));
        for (uint32_t i = 0; i < row_count; i++) {
            const char *text = cells[i * column_count + c] ? cells[i * column_count + c] : "<NULL>";
            widths[c] = WEIR_MAX(widths[c], display_width(text, strlen(text)));
        }
    }
    header(names, widths, column_count, false, to);
    for (uint32_t i = 0; i < row_count; i++) {
        weir_buffer_append_byte(to, '|');
        for (uint32_t c = 0; c < column_count; c++)
            cell(cells[i * column_count + c] ? cells[i * column_count + c] : "<NULL>", widths[c], to);
        weir_buffer_append_byte(to, '\n');
    }
    rule(widths, column_count, false, to);
    weir_buffer_format(to, "%u %s in set\n", row_count, row_count == 1 ? "row" : "rows");
}

void weir_result_answer(enum weir_result_mode mode, const char *const *names, uint32_t column_count,
    const char *const *cells, uint32_t row_count, struct weir_buffer *to)
{
    if (mode != WEIR_RESULT_CSV && mode != WEIR_RESULT_JSON) {
        answer_tableau(names, column_count, cells, row_count, to);
        return;
    }
    for (uint32_t c = 0; mode == WEIR_RESULT_CSV && c < column_count; c++) {
        if (c) weir_buffer_append_byte(to, ',');
        csv_name(names[c], to);
        if (c + 1 == column_count) weir_buffer_append_byte(to, '\n');
    }
    for (uint32_t i = 0; i < row_count; i++) {
        if (mode == WEIR_RESULT_JSON) weir_buffer_append_byte(to, '{');
        for (uint32_t c = 0; c < column_count; c++) {
            const char *text = cells[i * column_count + c];
            if (c) weir_buffer_append_byte(to, ',');
            if (mode == WEIR_RESULT_CSV) {
                csv_name(text ? text : "", to);
                continue;
            }
            json_string(names[c], to);
            weir_buffer_append_byte(to, ':');
            if (text)
                json_string(text, to);
            else
                weir_buffer_append_text(to, "null");
        }
        weir_buffer_append_text(to, mode == WEIR_RESULT_JSON ? "}\n" : "\n");
    }
}
