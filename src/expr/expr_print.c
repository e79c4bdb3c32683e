/* Expressions as text: AST style "=(a, 1)", plan style "(a = 1)". */
#include "expr/build.h"
#include <stdio.h>

#include "base/assert.h"

struct printer {
    const char *const *column_names;
    enum weir_expr_text_style style;
    struct weir_buffer *to;
};

static void print(const struct printer *printer, const struct weir_expr *expr);

/* Without NOT NULL. */
static void print_type(const struct weir_type *type, struct weir_buffer *to)
{
    struct weir_type nullable = *type;
    nullable.nullable = true;
    weir_type_print(&nullable, false, to);
}

static void print_quoted(struct weir_buffer *to, const char *text, uint32_t length)
{
    weir_buffer_append_byte(to, '\'');
    for (uint32_t i = 0; i < length; i++) {
        if (text[i] == '\'') weir_buffer_append_byte(to, '\'');
        weir_buffer_append_byte(to, text[i]);
    }
    weir_buffer_append_byte(to, '\'');
}

static void print_bytes(struct weir_buffer *to, const char *bytes, uint32_t length)
{
    weir_buffer_append_text(to, "X'");
    for (uint32_t i = 0; i < length; i++) weir_buffer_format(to, "%02X", (unsigned char)bytes[i]);
    weir_buffer_append_byte(to, '\'');
}

static void print_interval(struct weir_buffer *to, const struct weir_vector *value)
{
    int64_t amount = value->type->id == WEIR_TYPE_INTERVAL_YEAR_MONTH ? *(const int32_t *)value->data
                                                                      : *(const int64_t *)value->data;
    weir_buffer_format(to, "%lld:", (long long)amount);
    struct weir_type nullable = *value->type;
    nullable.nullable = true;
    size_t begin = to->length;
    weir_type_print(&nullable, false, to);
    /* Precisions are no part of it: INTERVAL SECOND, not INTERVAL SECOND(3). */
    size_t kept = begin;
    bool inside = false;
    for (size_t i = begin; i < to->length; i++) {
        inside |= to->data[i] == '(';
        if (!inside) to->data[kept++] = to->data[i];
        if (to->data[i] == ')') inside = false;
    }
    to->length = kept;
}

static void print_literal(const struct printer *printer, const struct weir_expr *expr)
{
    const struct weir_vector *value = expr->literal;
    struct weir_buffer *to = printer->to;
    if (weir_vector_is_null(value, 0)) {
        weir_buffer_append_text(to, "null");
        if (value->type->id != WEIR_TYPE_NULL) {
            weir_buffer_append_byte(to, ':');
            print_type(value->type, to);
        }
        return;
    }
    if (weir_type_is_string(value->type)) {
        const struct weir_string *string = value->data;
        if (printer->style == WEIR_EXPR_TEXT_AST) weir_buffer_append_text(to, "_UTF-16LE");
        print_quoted(to, weir_string_data(string), string->length);
        bool varying = value->type->id == WEIR_TYPE_VARCHAR && printer->style == WEIR_EXPR_TEXT_AST;
        if (varying) weir_buffer_append_text(to, ":VARCHAR(2147483647) CHARACTER SET \"UTF-16LE\"");
        return;
    }
    if (weir_type_is_binary(value->type)) {
        const struct weir_string *string = value->data;
        print_bytes(to, weir_string_data(string), string->length);
        return;
    }
    if (weir_type_is_interval(value->type)) {
        print_interval(to, value);
        return;
    }
    if (value->type->id == WEIR_TYPE_BOOLEAN) {
        weir_buffer_append_text(to, *(const uint8_t *)value->data ? "true" : "false");
        return;
    }
    weir_value_print(value, 0, WEIR_TEXT_CAST, NULL, to);
    if (value->type->id == WEIR_TYPE_BIGINT) weir_buffer_append_text(to, ":BIGINT");
}

static void print_arguments(
    const struct printer *printer, const char *separator, const struct weir_expr *expr)
{
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        if (i) weir_buffer_append_text(printer->to, separator);
        print(printer, expr->arguments[i]);
    }
}

static bool is_infix(const struct weir_expr *expr)
{
    static const char *const names[] = { "=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||",
        "IS DISTINCT FROM", "IS NOT DISTINCT FROM" };
    if (expr->kind == WEIR_EXPR_AND || expr->kind == WEIR_EXPR_OR) return true;
    if (expr->kind != WEIR_EXPR_CALL || expr->argument_count != 2) return false;
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(names); i++) {
        if (strcmp(expr->function->name, names[i]) == 0) return true;
    }
    return false;
}

static bool is_postfix(const struct weir_expr *expr)
{
    return expr->kind == WEIR_EXPR_CALL && expr->argument_count == 1 &&
           strncmp(expr->function->name, "IS ", 3) == 0;
}

static const char *name_of(const struct weir_expr *expr)
{
    switch (expr->kind) {
    case WEIR_EXPR_AND: return "AND";
    case WEIR_EXPR_OR: return "OR";
    case WEIR_EXPR_CASE: return "CASE";
    case WEIR_EXPR_COALESCE: return "COALESCE";
    case WEIR_EXPR_CALL: return strcmp(expr->function->name, "$ITEM") == 0 ? "ITEM" : expr->function->name;
    case WEIR_EXPR_LITERAL:
    case WEIR_EXPR_COLUMN: break;
    }
    WEIR_UNREACHABLE();
}

static void print_cast(const struct printer *printer, const struct weir_expr *expr)
{
    bool plan = printer->style == WEIR_EXPR_TEXT_PLAN;
    weir_buffer_format(printer->to, "%s(", expr->function->name);
    print(printer, expr->arguments[0]);
    weir_buffer_append_text(printer->to, plan ? " AS " : "):");
    if (plan) {
        print_type(expr->type, printer->to);
        weir_buffer_append_byte(printer->to, ')');
    } else {
        weir_type_print(expr->type, false, printer->to);
    }
}

static void print_call(const struct printer *printer, const struct weir_expr *expr)
{
    const char *name = name_of(expr);
    struct weir_buffer *to = printer->to;
    bool plan = printer->style == WEIR_EXPR_TEXT_PLAN;
    if (strcmp(name, "CAST") == 0 || strcmp(name, "TRY_CAST") == 0) {
        print_cast(printer, expr);
        return;
    }
    if (strcmp(name, "$FIELD") == 0) {
        const struct weir_expr *row = expr->arguments[0];
        print(printer, row);
        weir_buffer_format(
            to, ".%s", row->type->field_names[*(const int32_t *)expr->arguments[1]->literal->data]);
        return;
    }
    if (plan && is_postfix(expr)) {
        print(printer, expr->arguments[0]);
        weir_buffer_format(to, " %s", name);
        return;
    }
    if (plan && is_infix(expr)) {
        char separator[64];
        snprintf(separator, sizeof separator, " %.60s ", name);
        weir_buffer_append_byte(to, '(');
        print_arguments(printer, separator, expr);
        weir_buffer_append_byte(to, ')');
        return;
    }
    weir_buffer_append_text(to, name);
    weir_buffer_append_byte(to, '(');
    print_arguments(printer, ", ", expr);
    weir_buffer_append_byte(to, ')');
}

static void print(const struct printer *printer, const struct weir_expr *expr)
{
    switch (expr->kind) {
    case WEIR_EXPR_LITERAL: print_literal(printer, expr); break;
    case WEIR_EXPR_COLUMN:
        if (printer->column_names) {
            weir_buffer_append_text(printer->to, printer->column_names[expr->column]);
        } else {
            weir_buffer_format(printer->to, "$%u", expr->column);
        }
        break;
    default: print_call(printer, expr); break;
    }
}

void weir_expr_print(const struct weir_expr *expr, const char *const *column_names,
    enum weir_expr_text_style style, struct weir_buffer *to)
{
    struct printer printer = { .column_names = column_names, .style = style, .to = to };
    print(&printer, expr);
}
