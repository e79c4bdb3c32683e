/*
 * Records are split by a scanner that looks at 16 bytes at a time; only the fields that are needed are
 * converted. A record may span lines inside quotes. Stateless between calls: a call starts at a record.
 */
#include "plugins/format/csv/csv.h"
#include <emmintrin.h>
#include <string.h>

enum { CSV_FIELD_BYTES_MAX = 1 << 28 };

struct csv_target {
    uint32_t output;
    const uint32_t *path; /* a field of a ROW column */
    uint32_t path_length;
};

struct weir_decoder {
    struct csv_options options;
    struct weir_format_context ctx;
    /* Per field of the record: which output columns want it. */
    struct csv_target **targets;
    uint32_t *target_counts;
    uint32_t fields_needed; /* fields behind the last needed one are only counted */
    struct weir_buffer scratch;
    struct weir_batch whole; /* ROW columns of which parts are wanted are decoded here first */
    bool has_whole;
    uint32_t *whole_column; /* per field; UINT32_MAX */
};

enum weir_error_code csv_decoder_new(
    const struct weir_format_context *ctx, struct weir_decoder **ret, struct weir_error *reterr)
{
    struct weir_decoder *d = WEIR_ARENA_NEW(ctx->arena, struct weir_decoder);
    enum weir_error_code code = csv_options_read(ctx, &d->options, reterr);
    if (code) return code;
    d->ctx = *ctx;
    d->targets = WEIR_ARENA_ARRAY(ctx->arena, struct csv_target *, ctx->schema_count + 1);
    d->target_counts = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, ctx->schema_count + 1);
    d->whole_column = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, ctx->schema_count + 1);
    const struct weir_type **whole_types =
        WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, ctx->schema_count + 1);
    uint32_t whole_count = 0;
    for (uint32_t f = 0; f < ctx->schema_count; f++) {
        d->targets[f] = WEIR_ARENA_ARRAY(ctx->arena, struct csv_target, ctx->column_count + 1);
        d->whole_column[f] = UINT32_MAX;
    }
    for (uint32_t c = 0; c < ctx->column_count; c++) {
        const struct weir_decoder_column *column = &ctx->columns[c];
        uint32_t f = column->column;
        d->targets[f][d->target_counts[f]++] = (struct csv_target){ c, column->path, column->path_length };
        d->fields_needed = WEIR_MAX(d->fields_needed, f + 1);
        if (column->path_length > 0 && d->whole_column[f] == UINT32_MAX) {
            d->whole_column[f] = whole_count;
            whole_types[whole_count++] = ctx->schema_types[f];
        }
    }
    weir_buffer_init(&d->scratch, ctx->memory, CSV_FIELD_BYTES_MAX);
    d->has_whole = whole_count > 0;
    if (d->has_whole) weir_batch_init(&d->whole, whole_types, whole_count, ctx->memory);
    *ret = d;
    return WEIR_OK;
}

void csv_decoder_free(struct weir_decoder *d)
{
    if (!d) return;
    if (d->has_whole) weir_batch_done(&d->whole);
    weir_buffer_done(&d->scratch);
}

/* First delimiter or newline (or escape) at or behind at. */
static const char *field_stop(const char *at, const char *end, char delimiter, char escape)
{
    const __m128i d = _mm_set1_epi8(delimiter), n = _mm_set1_epi8('\n'),
                  e = _mm_set1_epi8(escape ? escape : '\n');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i hit = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, d), _mm_cmpeq_epi8(bytes, n)), _mm_cmpeq_epi8(bytes, e));
        int mask = _mm_movemask_epi8(hit);
        if (mask) return at + __builtin_ctz((unsigned)mask);
    }
    for (; at < end; at++)
        if (*at == delimiter || *at == '\n' || (escape && *at == escape)) return at;
    return end;
}

struct record {
    const char *at, *end;
    bool final;
    bool incomplete;
    const char *problem;
};

/* A field in quotes: content to *text; at is then behind the closing quote. */
static bool quoted_field(struct weir_decoder *d, struct record *r, const char **text, size_t *length)
{
    const struct csv_options *o = &d->options;
    const char *from = ++r->at;
    bool copied = false;
    weir_buffer_clear(&d->scratch);
    for (;;) {
        const char *stop = r->at;
        while (stop < r->end && *stop != o->quote && !(o->escape && *stop == o->escape)) stop++;
        if (stop >= r->end) {
            r->incomplete = !r->final;
            r->problem = "a quoted field has no end";
            return false;
        }
        if (*stop == o->quote && !(stop + 1 < r->end && stop[1] == o->quote)) {
            if (stop + 1 == r->end && !r->final) {
                r->incomplete = true; /* the next byte may be a second quote */
                return false;
            }
            if (copied) weir_buffer_append(&d->scratch, from, (size_t)(stop - from));
            *text = copied ? (d->scratch.data ? d->scratch.data : "") : from;
            *length = copied ? d->scratch.length : (size_t)(stop - from);
            r->at = stop + 1;
            return true;
        }
        if (stop + 1 >= r->end) {
            r->incomplete = !r->final;
            r->problem = "an escape character at the end";
            return false;
        }
        weir_buffer_append(&d->scratch, from, (size_t)(stop - from));
        weir_buffer_append_byte(&d->scratch, stop[1]);
        copied = true;
        from = r->at = stop + 2;
    }
}

static bool plain_field(struct weir_decoder *d, struct record *r, const char **text, size_t *length)
{
    const struct csv_options *o = &d->options;
    const char *from = r->at, *stop = field_stop(r->at, r->end, o->delimiter, o->escape);
    if (stop < r->end && o->escape && *stop == o->escape) {
        weir_buffer_clear(&d->scratch);
        while (stop < r->end && *stop == o->escape && *stop != o->delimiter && *stop != '\n') {
            if (stop + 1 >= r->end) {
                r->incomplete = !r->final;
                r->problem = "an escape character at the end";
                return false;
            }
            weir_buffer_append(&d->scratch, from, (size_t)(stop - from));
            weir_buffer_append_byte(&d->scratch, stop[1]);
            from = stop + 2;
            stop = field_stop(from, r->end, o->delimiter, o->escape);
        }
        weir_buffer_append(&d->scratch, from, (size_t)(stop - from));
        *text = d->scratch.data ? d->scratch.data : "";
        *length = d->scratch.length;
    } else {
        *text = from;
        *length = (size_t)(stop - from);
    }
    r->at = stop;
    if (stop >= r->end && !r->final) {
        r->incomplete = true;
        return false;
    }
    if ((stop >= r->end || *stop == '\n') && *length && (*text)[*length - 1] == '\r') --*length;
    if (o->trim_spaces) {
        while (*length && **text == ' ') ++*text, --*length;
        while (*length && (*text)[*length - 1] == ' ') --*length;
    }
    return true;
}

/* The next field; *last: it ends the record. */
static bool next_field(
    struct weir_decoder *d, struct record *r, const char **text, size_t *length, bool *last)
{
    const struct csv_options *o = &d->options;
    if (o->quote && r->at < r->end && *r->at == o->quote) {
        if (!quoted_field(d, r, text, length)) return false;
        if (r->at < r->end && *r->at == '\r' && (r->at + 1 == r->end || r->at[1] == '\n')) {
            if (r->at + 1 == r->end && !r->final) {
                r->incomplete = true;
                return false;
            }
            r->at++;
        }
        if (r->at < r->end && *r->at != o->delimiter && *r->at != '\n') {
            r->problem = "text behind a closing quote";
            return false;
        }
        if (r->at >= r->end && !r->final) {
            r->incomplete = true;
            return false;
        }
    } else if (!plain_field(d, r, text, length)) {
        return false;
    }
    *last = r->at >= r->end || *r->at == '\n';
    if (r->at < r->end) r->at++;
    return true;
}

static bool convert_field(
    struct weir_decoder *d, uint32_t f, const char *text, size_t length, struct weir_batch *out, uint32_t row)
{
    const struct csv_target *targets = d->targets[f];
    if (d->whole_column[f] != UINT32_MAX) {
        weir_batch_reset(&d->whole);
        if (!csv_convert(&d->options, text, length, &d->whole.columns[d->whole_column[f]], 0, &d->whole))
            return false;
    }
    for (uint32_t i = 0; i < d->target_counts[f]; i++) {
        struct weir_vector *to = &out->columns[targets[i].output];
        if (targets[i].path_length == 0) {
            if (!csv_convert(&d->options, text, length, to, row, out)) return false;
            continue;
        }
        const struct weir_vector *from = &d->whole.columns[d->whole_column[f]];
        bool is_null = weir_vector_is_null(from, 0);
        for (uint32_t p = 0; p < targets[i].path_length && !is_null; p++) {
            from = &from->children[targets[i].path[p]];
            is_null = weir_vector_is_null(from, 0);
        }
        if (is_null)
            weir_vector_set_null(to, row, &out->arena);
        else
            weir_vector_gather(to, row, from, NULL, 1, &out->arena, &out->heap);
    }
    return true;
}

static void null_field(struct weir_decoder *d, uint32_t f, struct weir_batch *out, uint32_t row)
{
    for (uint32_t i = 0; i < d->target_counts[f]; i++)
        weir_vector_set_null(&out->columns[d->targets[f][i].output], row, &out->arena);
}

static void forget_row(struct weir_batch *out, uint32_t row)
{
    for (uint32_t c = 0; c < out->column_count; c++)
        if (out->columns[c].validity) weir_bit_set(out->columns[c].validity, row);
}

static enum weir_error_code bad_field(
    const struct weir_decoder *d, uint32_t f, const char *text, size_t length, struct weir_error *reterr)
{
    char type[128];
    struct weir_buffer name;
    weir_buffer_init(&name, d->ctx.memory, sizeof type);
    weir_type_print(d->ctx.schema_types[f], false, &name);
    size_t shown = WEIR_MIN(name.length, sizeof type - 1);
    memcpy(type, name.data ? name.data : "", shown);
    type[shown] = 0;
    weir_buffer_done(&name);
    return weir_error_set(reterr, WEIR_E_DATA, "field %u (\"%s\"): '%.*s' is no value of type %s", f + 1,
        d->ctx.schema_names[f], (int)WEIR_MIN(length, (size_t)100), text, type);
}

/* One record into row. Returns OK and *kept, or an error; r->incomplete: not whole yet. */
static enum weir_error_code decode_record(
    struct weir_decoder *d, struct record *r, struct weir_batch *out, bool *kept, struct weir_error *reterr)
{
    uint32_t row = out->row_count, f = 0;
    *kept = false;
    for (bool last = false; !last; f++) {
        const char *text;
        size_t length;
        if (!next_field(d, r, &text, &length, &last)) {
            return r->incomplete ? WEIR_OK
                                 : weir_error_set(reterr, WEIR_E_DATA, "field %u: %s", f + 1, r->problem);
        }
        if (f >= d->ctx.schema_count) {
            if (f == d->ctx.schema_count && last && length == 0) break; /* a delimiter at the end */
            continue;
        }
        if (d->target_counts[f] == 0 || convert_field(d, f, text, length, out, row)) continue;
        if (!d->options.ignore_parse_errors) return bad_field(d, f, text, length, reterr);
        null_field(d, f, out, row);
        if (d->ctx.metrics) d->ctx.metrics->parse_errors++;
    }
    if (f < d->ctx.schema_count && d->options.ignore_parse_errors) {
        for (; f < d->ctx.schema_count; f++) null_field(d, f, out, row);
    } else if (f != d->ctx.schema_count) {
        return weir_error_set(reterr, WEIR_E_DATA, "Row length mismatch. %u fields expected but was %u.",
            d->ctx.schema_count, f);
    }
    *kept = true;
    return WEIR_OK;
}

/* Empty lines, and comments where they are allowed. */
static bool skip_line(const struct weir_decoder *d, struct record *r)
{
    const char *at = r->at;
    if (at < r->end && *at == '\r') at++;
    bool comment = d->options.allow_comments && r->at < r->end && *r->at == '#';
    if (comment) {
        at = memchr(r->at, '\n', (size_t)(r->end - r->at));
        if (!at) {
            r->incomplete = !r->final;
            r->at = r->final ? r->end : r->at;
            return r->final;
        }
    }
    if (at < r->end && *at == '\n') {
        r->at = at + 1;
        return true;
    }
    return false;
}

/* Behind a record that cannot be split: its line. */
static bool skip_bad_line(struct record *r)
{
    const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    if (!newline && !r->final) return false;
    r->at = newline ? newline + 1 : r->end;
    return true;
}

enum weir_error_code csv_decode(struct weir_decoder *d, const char *bytes, size_t length, bool final,
    struct weir_batch *out, size_t *consumed, struct weir_error *reterr)
{
    struct record r = { .at = bytes, .end = bytes + length, .final = final };
    *consumed = 0;
    while (out->row_count < WEIR_BATCH_ROWS_MAX && r.at < r.end) {
        const char *from = r.at;
        if (skip_line(d, &r)) {
            *consumed = (size_t)(r.at - bytes);
            continue;
        }
        if (r.incomplete) break;
        bool kept;
        struct weir_error error = { 0 };
        enum weir_error_code code = decode_record(d, &r, out, &kept, &error);
        if (r.incomplete || !kept) forget_row(out, out->row_count);
        if (r.incomplete) break;
        if (code) {
            if (!d->options.ignore_parse_errors) {
                if (reterr) *reterr = error;
                return code;
            }
            if (d->ctx.metrics) d->ctx.metrics->parse_errors++;
            r.at = from;
            if (!skip_bad_line(&r)) break;
        }
        out->row_count += kept;
        *consumed = (size_t)(r.at - bytes);
    }
    return WEIR_OK;
}
