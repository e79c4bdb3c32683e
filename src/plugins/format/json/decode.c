#include "plugins/format/json/json.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { JSON_STRING_BYTES_MAX = 1 << 30 };

/* --- the tree of what is needed --- */

static struct json_node *find_or_add(
    struct weir_arena *arena, struct json_node *parent, const char *name, const struct weir_type *type)
{
    for (uint32_t i = 0; i < parent->child_count; i++)
        if (strcmp(parent->children[i].name, name) == 0) return &parent->children[i];
    struct json_node *grown = WEIR_ARENA_ARRAY(arena, struct json_node, parent->child_count + 1);
    if (parent->child_count) memcpy(grown, parent->children, parent->child_count * sizeof *grown);
    parent->children = grown;
    struct json_node *child = &grown[parent->child_count++];
    *child = (struct json_node){ .name = name, .name_length = strlen(name), .type = type, .column = -1 };
    return child;
}

static void need(struct weir_arena *arena, struct json_node *node, int32_t column)
{
    if (node->column < 0) {
        node->column = column;
        return;
    }
    int32_t *grown = WEIR_ARENA_ARRAY(arena, int32_t, node->more_count + 1);
    if (node->more_count) memcpy(grown, node->more_columns, node->more_count * sizeof *grown);
    grown[node->more_count++] = column;
    node->more_columns = grown;
}

static void build_tree(struct weir_decoder *d)
{
    struct weir_arena *arena = d->ctx.arena;
    for (uint32_t i = 0; i < d->ctx.column_count; i++) {
        const struct weir_decoder_column *c = &d->ctx.columns[i];
        if (c->metadata) continue;
        struct json_node *node = find_or_add(arena, &d->root, c->name, c->column_type);
        const struct weir_type *type = c->column_type;
        for (uint32_t p = 0; p < c->path_length; p++) {
            const char *name = type->field_names[c->path[p]];
            type = type->children[c->path[p]];
            node = find_or_add(arena, node, name, type);
        }
        need(arena, node, (int32_t)i);
    }
}

enum weir_error_code json_decoder_init(struct weir_decoder *d, const struct weir_format_context *ctx,
    const char *format_name, struct weir_error *reterr)
{
    enum weir_error_code code = json_options_read(ctx, format_name, &d->options, reterr);
    if (code) return code;
    d->ctx = *ctx;
    d->root.column = -1;
    build_tree(d);
    weir_buffer_init(&d->scratch, ctx->memory, JSON_STRING_BYTES_MAX);
    return WEIR_OK;
}

void json_decoder_free(struct weir_decoder *d)
{
    if (d) weir_buffer_done(&d->scratch);
}

void json_scanner_begin(struct json_scanner *s, struct weir_decoder *d, const char *line, size_t length,
    struct weir_batch *out, struct weir_error *error)
{
    *s = (struct json_scanner){ .at = line,
        .end = line + length,
        .start = line,
        .out = out,
        .arena = &out->arena,
        .options = &d->options,
        .zone = d->ctx.local_zone,
        .scratch = &d->scratch,
        .error = error };
}

/* --- one record --- */

static void null_subtree(struct json_scanner *s, struct json_node *node, uint32_t row)
{
    if (node->column >= 0) weir_vector_set_null(&s->out->columns[node->column], row, s->arena);
    for (uint32_t i = 0; i < node->more_count; i++)
        weir_vector_set_null(&s->out->columns[node->more_columns[i]], row, s->arena);
    for (uint32_t i = 0; i < node->child_count; i++) null_subtree(s, &node->children[i], row);
}

static bool decode_object(
    struct json_scanner *s, struct weir_decoder *d, struct json_node *node, uint32_t row);

/* A name that comes twice: the last counts, so what the first left (NULL bits) goes. */
static void revalidate(struct weir_vector *v, uint32_t row)
{
    if (v->validity) weir_bit_set(v->validity, row);
}

static bool decode_node(struct json_scanner *s, struct weir_decoder *d, struct json_node *node, uint32_t row)
{
    json_space(s);
    bool again = node->seen == d->stamp;
    node->seen = d->stamp;
    const char *from = s->at;
    s->field = node->name;
    if (node->column >= 0) {
        if (again) revalidate(&s->out->columns[node->column], row);
        if (!json_convert(s, &s->out->columns[node->column], row)) return false;
        for (uint32_t i = 0; i < node->more_count; i++) {
            const char *behind = s->at;
            s->at = from;
            if (again) revalidate(&s->out->columns[node->more_columns[i]], row);
            if (!json_convert(s, &s->out->columns[node->more_columns[i]], row)) return false;
            s->at = behind;
        }
    }
    if (node->child_count == 0) return true;
    s->at = from;
    if (s->end - s->at >= 4 && memcmp(s->at, "null", 4) == 0) {
        s->at += 4;
        for (uint32_t i = 0; i < node->child_count; i++) null_subtree(s, &node->children[i], row);
        return true;
    }
    if (s->at >= s->end || *s->at != '{') {
        s->bad_value = s->at < s->end;
        json_fail(s, "found no object where a ROW is expected");
        if (!json_forgive(s, from, s->depth)) return false;
        for (uint32_t i = 0; i < node->child_count; i++) null_subtree(s, &node->children[i], row);
        return true;
    }
    if (++s->depth > JSON_DEPTH_MAX) return json_fail(s, "nested deeper than %d levels", JSON_DEPTH_MAX);
    bool ok = decode_object(s, d, node, row);
    s->depth--;
    return ok;
}

/* At the opening quote of a name: the child that it names, first tried where it was met last. */
static struct json_node *match_name(struct json_node *node, const char *name, size_t length, uint32_t *hint)
{
    for (uint32_t tried = 0; tried < node->child_count; tried++) {
        uint32_t i = *hint + tried < node->child_count ? *hint + tried : *hint + tried - node->child_count;
        struct json_node *child = &node->children[i];
        if (child->name_length == length && memcmp(child->name, name, length) == 0) {
            *hint = i + 1 < node->child_count ? i + 1 : 0;
            return child;
        }
    }
    return NULL;
}

static bool decode_object(
    struct json_scanner *s, struct weir_decoder *d, struct json_node *node, uint32_t row)
{
    s->at++; /* the brace */
    json_space(s);
    bool more = s->at >= s->end || *s->at != '}';
    if (!more) s->at++;
    for (uint32_t hint = 0; more;) {
        json_space(s);
        if (s->at >= s->end || *s->at != '"')
            return json_fail(s,
                s->at >= s->end ? "the record ends inside an object" : "a field name in quotes is expected");
        const char *name;
        size_t length;
        s->field = NULL;
        if (!json_scan_string(s, &name, &length)) return false;
        struct json_node *child = match_name(node, name, length, &hint);
        if (s->at < s->end && *s->at == ':')
            s->at++;
        else if (!json_expect(s, ':'))
            return false;
        if (!(child ? decode_node(s, d, child, row) : json_skip(s))) return false;
        s->field = NULL;
        if (!json_more(s, '}', &more)) return false;
    }
    for (uint32_t i = 0; i < node->child_count; i++) {
        struct json_node *child = &node->children[i];
        if (child->seen == d->stamp) continue;
        if (d->options.fail_on_missing_field) return json_fail(s, "the field \"%s\" is missing", child->name);
        null_subtree(s, child, row);
    }
    return true;
}

static void forget_seen(struct json_node *node)
{
    node->seen = 0;
    for (uint32_t i = 0; i < node->child_count; i++) forget_seen(&node->children[i]);
}

bool json_decode_row(struct json_scanner *s, struct weir_decoder *d, uint32_t row)
{
    if (++d->stamp == 0) {
        forget_seen(&d->root);
        d->stamp = 1;
    }
    json_space(s);
    if (s->at >= s->end || *s->at != '{') return json_fail(s, "an object is expected");
    return decode_object(s, d, &d->root, row);
}

/* --- lines --- */

/* The end of the record that begins at bytes: the next newline, or length when final. false: not whole yet.
 */
static bool record_end(const char *bytes, size_t length, bool final, size_t *record_length, size_t *consumed)
{
    const char *newline = memchr(bytes, '\n', length);
    if (!newline && !final) return false;
    *record_length = newline ? (size_t)(newline - bytes) : length;
    *consumed = newline ? *record_length + 1 : length;
    return length > 0;
}

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') return false;
    return true;
}

static void forget_vector(struct weir_vector *v, uint32_t row)
{
    if (v->validity) weir_bit_set(v->validity, row);
    if (v->type->id != WEIR_TYPE_ROW) return;
    for (uint32_t i = 0; i < v->type->child_count; i++) forget_vector(&v->children[i], row);
}

/* Half-decoded rows must leave no NULL bits behind. */
static void forget_rows(struct weir_batch *out)
{
    uint32_t end = WEIR_MIN(out->row_count + 2, (uint32_t)WEIR_BATCH_ROWS_MAX);
    for (uint32_t row = out->row_count; row < end; row++)
        for (uint32_t c = 0; c < out->column_count; c++) forget_vector(&out->columns[c], row);
}

static void accept_rows(struct weir_batch *out, uint32_t rows, uint8_t kind)
{
    if (kind != WEIR_ROW_INSERT || out->kinds) {
        uint8_t *kinds = weir_batch_ensure_kinds(out);
        kinds[out->row_count] = kind;
        if (rows == 2) kinds[out->row_count + 1] = WEIR_ROW_UPDATE_AFTER;
    }
    out->row_count += rows;
}

enum weir_error_code json_decode_lines(struct weir_decoder *d, const char *bytes, size_t length, bool final,
    struct weir_batch *out, size_t *consumed, struct weir_error *reterr)
{
    struct weir_error error; /* large: not cleared per record, json_fail() sets all of it */
    size_t at = 0, line, used;
    while (out->row_count < WEIR_BATCH_ROWS_MAX && at < WEIR_BATCH_BYTES_MAX * 4) {
        if (!record_end(bytes + at, length - at, final, &line, &used)) break;
        struct json_scanner s;
        uint32_t rows = 0;
        uint8_t kind = WEIR_ROW_INSERT;
        *consumed = at;
        if (!is_blank(bytes + at, line)) {
            json_scanner_begin(&s, d, bytes + at, line, out, &error);
            bool good = d->record(d, &s, &rows, &kind);
            if (!good || rows == 0) forget_rows(out);
            if (good && rows == 0) return WEIR_OK; /* the next batch begins with it */
            if (good) {
                accept_rows(out, rows, kind);
                if (s.nulled && d->ctx.metrics) d->ctx.metrics->parse_errors += s.nulled;
            } else if (d->options.ignore_parse_errors) {
                if (d->ctx.metrics) d->ctx.metrics->parse_errors++;
            } else {
                if (reterr) *reterr = error;
                return error.code;
            }
        }
        at += used;
    }
    *consumed = at;
    return WEIR_OK;
}
