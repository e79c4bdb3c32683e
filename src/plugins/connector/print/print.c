/*
 * print: every change as a line on stdout, "identifier:task> +I[1, a]", in the words of Java's Row.toString.
 * Lines of one batch are written in one go.
 *
 * Beyond Flink: 'changelog-mode' = 'I,UA,D' narrows the kinds that the sink takes (with a PRIMARY KEY an
 * upsert sink), and 'sink.supports-delete-by-key' = 'true' contents it with deletes that carry only the key.
 */
#include "data/value.h"
#include "spi/connector.h"
#include <string.h>
#include <strings.h>

enum { PRINT_LINE_BYTES_MAX = 1 << 30 };

static const struct weir_option_definition options[] = {
    { .key = "print-identifier", .type = "String", .description = "Text in front of every line." },
    { .key = "standard-error",
        .type = "Boolean",
        .default_value = "false",
        .description = "Print to stderr instead of stdout." },
    { .key = "sink.parallelism",
        .type = "Integer",
        .description = "Parallelism of the sink; default: the job's." },
    { .key = "changelog-mode",
        .type = "String",
        .description = "Kinds that the sink takes, of I,UB,UA,D; default: all." },
    { .key = "sink.supports-delete-by-key",
        .type = "Boolean",
        .default_value = "false",
        .description = "Take deletes that carry only the key columns." },
};

static const char *option(const struct weir_table_descriptor *table, const char *key)
{
    for (uint32_t i = 0; i < table->option_count; i++)
        if (strcmp(table->options[i].key, key) == 0) return table->options[i].value;
    return NULL;
}

static enum weir_error_code parse_kinds(const char *text, uint32_t *ret, struct weir_error *reterr)
{
    static const char *const names[] = { "I", "UB", "UA", "D" };
    *ret = 0;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, ",");
        const char *end = at + length;
        while (length && *at == ' ') at++, length--;
        while (length && at[length - 1] == ' ') length--;
        uint32_t kind = 0;
        while (kind < 4 && (strlen(names[kind]) != length || memcmp(names[kind], at, length) != 0)) kind++;
        if (kind == 4)
            return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "option 'changelog-mode' = '%s': \"%.*s\" is none of I, UB, UA, D", text, (int)length, at);
        *ret |= 1u << kind;
        at = *end ? end + 1 : end;
    }
    if (*ret == 0)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "option 'changelog-mode' is empty: expected kinds of I, UB, UA, D");
    return WEIR_OK;
}

static bool is_true(const char *text)
{
    return text && strcasecmp(text, "true") == 0;
}

static enum weir_error_code print_describe(const struct weir_connectors *all,
    const struct weir_table_descriptor *table, struct weir_sink_description *ret, struct weir_error *reterr)
{
    *ret = (struct weir_sink_description){ .accepted_kinds = WEIR_KIND_BIT_I | WEIR_KIND_BIT_UB |
                                                             WEIR_KIND_BIT_UA | WEIR_KIND_BIT_D,
        .partitioned = true };
    const char *kinds = option(table, "changelog-mode");
    if (kinds) {
        enum weir_error_code code = parse_kinds(kinds, &ret->accepted_kinds, reterr);
        if (code) return code;
    }
    ret->takes_deletes_by_key = is_true(option(table, "sink.supports-delete-by-key"));
    const char *parallelism = option(table, "sink.parallelism");
    for (const char *p = parallelism; p && *p >= '0' && *p <= '9'; p++)
        ret->parallelism = WEIR_MIN(ret->parallelism * 10 + (uint32_t)(*p - '0'), 1u << 20);
    return WEIR_OK;
}

struct print {
    struct weir_operator op;
    struct weir_buffer lines;
    const char *prefix; /* "id:1> " or "" */
    bool to_stderr;
};

static void print_close(struct weir_operator *op)
{
    weir_buffer_done(&((struct print *)op)->lines);
}

static enum weir_operator_result print_process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct print *print = (struct print *)op;
    weir_buffer_clear(&print->lines);
    uint32_t count = weir_batch_selected(in);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = weir_batch_row(in, i);
        weir_buffer_append_text(&print->lines, print->prefix);
        weir_buffer_append_text(&print->lines, weir_row_kind_text(weir_batch_kind(in, row)));
        weir_buffer_append_byte(&print->lines, '[');
        for (uint32_t c = 0; c < in->column_count; c++) {
            if (c) weir_buffer_append(&print->lines, ", ", 2);
            weir_value_print(&in->columns[c], row, WEIR_TEXT_PRINT, NULL, &print->lines);
        }
        weir_buffer_append(&print->lines, "]\n", 2);
    }
    if (print->lines.overflowed) {
        weir_error_set(op->ctx->error, WEIR_E_DATA, "print: the lines of one batch are longer than %d bytes",
            PRINT_LINE_BYTES_MAX);
        return WEIR_OPERATOR_FAILED;
    }
    op->ctx->metrics->bytes_out += print->lines.length;
    op->ctx->write_stdout(op->ctx->console, print->lines.data, print->lines.length, print->to_stderr);
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_error_code print_create(struct weir_operator_context *ctx, struct weir_operator **ret);
static const struct weir_operator_ops sink = {
    .name = "print", .create = print_create, .process = print_process, .close = print_close
};

static enum weir_error_code print_create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct print *print = WEIR_ARENA_NEW(ctx->arena, struct print);
    print->op = (struct weir_operator){ &sink, ctx };
    weir_buffer_init(&print->lines, ctx->memory, PRINT_LINE_BYTES_MAX);
    const struct weir_spec *given = weir_spec_get(ctx->spec, "options");
    const char *identifier = weir_spec_get_text(given, "print-identifier", "");
    print->to_stderr = is_true(weir_spec_get_text(given, "standard-error", NULL));
    const struct weir_spec *partition = weir_spec_get(ctx->spec, "static_partition");
    for (uint32_t i = 0; partition && partition->kind == WEIR_SPEC_MAP && i < partition->count; i++)
        identifier = weir_arena_format(ctx->arena, "%s%s%s=%.*s", identifier, *identifier ? ":" : "",
            partition->names[i], (int)partition->items[i]->text.length, partition->items[i]->text.data);
    if (ctx->parallelism > 1)
        print->prefix = weir_arena_format(
            ctx->arena, "%s%s%u> ", identifier, *identifier ? ":" : "", ctx->subtask_index + 1);
    else
        print->prefix = *identifier ? weir_arena_format(ctx->arena, "%s> ", identifier) : "";
    *ret = &print->op;
    return WEIR_OK;
}

extern const struct weir_connector weir_connector_print;
const struct weir_connector weir_connector_print = {
    .name = "print",
    .description = "A sink that prints every change as a line.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .describe_sink = print_describe,
    .sink = &sink,
};
