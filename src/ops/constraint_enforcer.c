/*
 * What a sink's table declares: NOT NULL columns (error, or drop the row) and lengths of CHAR, VARCHAR,
 * BINARY, VARBINARY (trim and pad, or error). Rows pass by reference; only columns that must be cut or padded
 * are copied.
 */
#include "ops/constraint_nested.h"

WEIR_OPERATOR(constraint_enforcer);

struct length_rule {
    uint32_t column;
    uint32_t length;
    bool pads, binary;
};

struct enforcer {
    struct weir_operator base;
    uint32_t *not_null;
    uint32_t not_null_count, rule_count;
    const struct weir_spec *names;
    struct length_rule *rules;
    bool drops, fails_on_length;
    struct ops_nested_rules *nested; /* NULL: nobody looks inside of values */
};

static enum weir_error_code read_rules(struct enforcer *op, const char *columns_name,
    const char *lengths_name, const char *pads_name, bool binary)
{
    struct weir_operator_context *ctx = op->base.ctx;
    uint32_t *columns, count;
    enum weir_error_code code = ops_spec_columns(ctx, columns_name, 0, &columns, &count);
    const struct weir_spec *lengths = weir_spec_get(ctx->spec, lengths_name),
                           *pads = weir_spec_get(ctx->spec, pads_name);
    for (uint32_t i = 0; !code && i < count; i++) {
        op->rules[op->rule_count++] = (struct length_rule){ .column = columns[i],
            .length = (uint32_t)lengths->items[i]->integer,
            .pads = pads->items[i]->boolean,
            .binary = binary };
    }
    return code;
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct enforcer *op = WEIR_ARENA_NEW(ctx->arena, struct enforcer);
    op->base = (struct weir_operator){ &weir_constraint_enforcer_operator_ops, ctx };
    op->rules = WEIR_ARENA_ARRAY(ctx->arena, struct length_rule, ctx->input_column_counts[0] + 1);
    enum weir_error_code code = ops_spec_columns(ctx, "not_null", 0, &op->not_null, &op->not_null_count);
    const char *policy = weir_spec_get_text(ctx->spec, "length_policy", "ignore");
    if (!code && strcmp(policy, "ignore") != 0) {
        code = read_rules(op, "char_columns", "char_lengths", "char_pads", false);
        if (!code) code = read_rules(op, "binary_columns", "binary_lengths", "binary_pads", true);
    }
    op->names = weir_spec_get(ctx->spec, "not_null_names");
    op->drops = strcmp(weir_spec_get_text(ctx->spec, "not_null_policy", "error"), "drop") == 0;
    op->fails_on_length = strcmp(policy, "error") == 0;
    op->nested = ops_nested_rules_read(ctx);
    *ret = &op->base;
    return code;
}

static bool fail_null(struct enforcer *op, uint32_t k)
{
    struct weir_slice name = op->names ? op->names->items[k]->text : WEIR_SLICE("?");
    weir_error_set(op->base.ctx->error, WEIR_E_CONSTRAINT,
        "Column '%.*s' is NOT NULL, however, a null value is being written into it. You can set job "
        "configuration "
        "'table.exec.sink.not-null-enforcer'='DROP' to suppress this exception and drop such records "
        "silently.",
        (int)name.length, name.data);
    return false;
}

/* Selects the rows that are not dropped; false: the job fails. */
static bool enforce_not_null(struct enforcer *op, const struct weir_batch *in, struct weir_batch *out)
{
    uint16_t *selection = NULL;
    uint32_t n = weir_batch_selected(in), kept = n;
    for (uint32_t k = 0; k < op->not_null_count; k++) {
        const struct weir_vector *v = &in->columns[op->not_null[k]];
        if (v->encoding == WEIR_ENCODING_FLAT && !v->validity && v->type->id != WEIR_TYPE_NULL) continue;
        if (!op->drops) {
            for (uint32_t i = 0; i < n; i++) {
                if (weir_vector_is_null(v, weir_batch_row(in, i))) return fail_null(op, k);
            }
            continue;
        }
        uint32_t left = 0;
        if (!selection) {
            selection = weir_batch_ensure_selection(out);
            for (uint32_t i = 0; i < n; i++) selection[i] = (uint16_t)weir_batch_row(in, i);
        }
        for (uint32_t i = 0; i < kept; i++) {
            if (!weir_vector_is_null(v, selection[i])) selection[left++] = selection[i];
        }
        kept = left;
    }
    if (selection) {
        out->selected = kept;
        op->base.ctx->metrics->null_records_dropped += n - kept;
    }
    return true;
}

/* Bytes of the first `characters` characters of UTF-8, and how many there are. */
static uint32_t prefix_bytes(const struct weir_string *s, uint32_t characters, bool binary, uint32_t *count)
{
    const char *data = weir_string_data(s);
    if (binary) {
        *count = WEIR_MIN(s->length, characters);
        return *count;
    }
    uint32_t at = 0;
    for (*count = 0; at < s->length && *count < characters; ++*count) {
        at++;
        while (at < s->length && ((uint8_t)data[at] & 0xc0) == 0x80) at++;
    }
    return at;
}

static bool enforce_length(
    struct enforcer *op, const struct length_rule *rule, const struct weir_batch *in, struct weir_batch *out)
{
    const struct weir_vector *v = &in->columns[rule->column];
    struct weir_vector *copy = NULL;
    for (uint32_t i = 0, n = weir_batch_selected(out); i < n; i++) {
        uint32_t row = weir_batch_row(out, i), count;
        const struct weir_vector *flat;
        uint32_t at = weir_vector_locate(v, row, &flat);
        if (weir_vector_is_null(v, row)) continue;
        struct weir_string s = ((const struct weir_string *)flat->data)[at];
        uint32_t bytes = prefix_bytes(&s, rule->length, rule->binary, &count);
        uint32_t padding = rule->pads ? rule->length - count : 0;
        if (bytes == s.length && padding == 0) continue;
        if (op->fails_on_length) {
            weir_error_set(op->base.ctx->error, WEIR_E_CONSTRAINT,
                "Column number %u takes %s%u %s, however, a value of %s is being written into it. You can "
                "set job configuration "
                "'table.exec.sink.type-length-enforcer'='TRIM_PAD' or 'IGNORE' to control this behaviour.",
                rule->column, rule->pads ? "exactly " : "at most ", rule->length,
                rule->binary ? "bytes" : "characters", padding ? "fewer" : "more");
            return false;
        }
        if (!copy) {
            copy = WEIR_ARENA_NEW(&out->arena, struct weir_vector);
            weir_vector_init(copy, v->type, WEIR_BATCH_ROWS_MAX, &out->arena);
            weir_vector_gather(copy, 0, v, NULL, in->row_count, &out->arena, NULL);
        }
        char *to = weir_heap_writer_allocate(&out->heap, (size_t)bytes + padding);
        memcpy(to, weir_string_data(&s), bytes);
        memset(to + bytes, rule->binary ? 0 : ' ', padding);
        ((struct weir_string *)copy->data)[row] = weir_string_view(to, bytes + padding);
    }
    if (copy) out->columns[rule->column] = *copy;
    return true;
}

static bool fail_nested(struct enforcer *op, const struct ops_nested_violation *violation)
{
    if (violation->kind == OPS_VIOLATION_NULL)
        weir_error_set(op->base.ctx->error, WEIR_E_CONSTRAINT,
            "Column '%s' is NOT NULL, however, a null value is being written into it. You can set job "
            "configuration "
            "'table.exec.sink.not-null-enforcer'='DROP' to suppress this exception and drop such records "
            "silently.",
            violation->path);
    else
        weir_error_set(op->base.ctx->error, WEIR_E_CONSTRAINT,
            "Column '%s' is %s, however, a string of length %u is being written into it. You can set job "
            "configuration "
            "'table.exec.sink.type-length-enforcer' to control this behaviour.",
            violation->path,
            weir_type_text(
                op->base.ctx->arena, weir_type_nullable(op->base.ctx->arena, violation->type, true)),
            violation->length);
    return false;
}

/* The same inside of nested values; false: the job fails. */
static bool enforce_nested(struct enforcer *op, const struct weir_batch *in, struct weir_batch *out)
{
    struct ops_nested_violation violation;
    uint32_t n = weir_batch_selected(out), kept = 0;
    uint16_t *selection = NULL;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = weir_batch_row(out, i);
        if (!ops_nested_find(op->nested, in, row, &violation)) {
            if (selection) selection[kept] = (uint16_t)row;
            kept++;
            continue;
        }
        if (violation.kind != OPS_VIOLATION_NULL || !op->drops) return fail_nested(op, &violation);
        if (selection) continue;
        /* The first to be dropped: those before it stay. */
        uint16_t rows[WEIR_BATCH_ROWS_MAX];
        for (uint32_t k = 0; k < n; k++) rows[k] = (uint16_t)weir_batch_row(out, k);
        selection = weir_batch_ensure_selection(out);
        memcpy(selection, rows, n * sizeof *selection);
        out->selected = n;
    }
    if (!selection) return true;
    out->selected = kept;
    op->base.ctx->metrics->null_records_dropped += n - kept;
    return true;
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct enforcer *op = (struct enforcer *)base;
    (void)input;
    struct weir_vector *columns =
        out->columns; /* the output's own: a rule writes into one of them, never into the input's */
    weir_batch_reference(out, in);
    out->columns = columns;
    for (uint32_t c = 0; c < in->column_count; c++) columns[c] = in->columns[c];
    if (!enforce_not_null(op, in, out)) return WEIR_OPERATOR_FAILED;
    if (op->nested && !enforce_nested(op, in, out)) return WEIR_OPERATOR_FAILED;
    for (uint32_t r = 0; r < op->rule_count; r++) {
        if (!enforce_length(op, &op->rules[r], in, out)) return WEIR_OPERATOR_FAILED;
    }
    return WEIR_OPERATOR_NEED_INPUT;
}

const struct weir_operator_ops weir_constraint_enforcer_operator_ops = {
    .name = "constraint_enforcer", .create = create, .process = process
};
