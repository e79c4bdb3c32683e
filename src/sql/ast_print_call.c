/* Function calls and windows as text. */
#include "sql/ast_print.h"
#include "sql/lexer.h"
#include <string.h>

static void frame_bound(
    enum weir_sql_frame_bound bound, const struct weir_sql_expr *offset, struct weir_buffer *to)
{
    static const char *const texts[] = {
        [WEIR_SQL_FRAME_UNBOUNDED_PRECEDING] = "UNBOUNDED PRECEDING",
        [WEIR_SQL_FRAME_PRECEDING] = " PRECEDING",
        [WEIR_SQL_FRAME_CURRENT_ROW] = "CURRENT ROW",
        [WEIR_SQL_FRAME_FOLLOWING] = " FOLLOWING",
        [WEIR_SQL_FRAME_UNBOUNDED_FOLLOWING] = "UNBOUNDED FOLLOWING",
    };
    if (offset) weir_sql_print_expression(offset, to);
    put(to, texts[bound]);
}

static void frame(const struct weir_sql_window *window, struct weir_buffer *to)
{
    put(to, window->frame == WEIR_SQL_FRAME_ROWS ? "ROWS " : "RANGE ");
    if (window->frame_between) put(to, "BETWEEN ");
    frame_bound((enum weir_sql_frame_bound)window->frame_from, window->from, to);
    if (!window->frame_between) return;
    put(to, " AND ");
    frame_bound((enum weir_sql_frame_bound)window->frame_to, window->to, to);
}

void weir_sql_print_window(const struct weir_sql_window *window, struct weir_buffer *to)
{
    const char *gap = "";
    put(to, "(");
    if (window->base.text) {
        weir_sql_print_identifier(window->base.text, to);
        gap = " ";
    }
    if (window->partition_by.count) {
        weir_buffer_format(to, "%sPARTITION BY ", gap);
        weir_sql_print_exprs(&window->partition_by, to);
        gap = " ";
    }
    if (window->order_by.count) {
        weir_buffer_format(to, "%sORDER BY ", gap);
        weir_sql_print_order(&window->order_by, to);
        gap = " ";
    }
    if (window->frame) {
        put(to, gap);
        frame(window, to);
        gap = " ";
    }
    if (window->allow_partial)
        weir_buffer_format(to, "%s%sALLOW PARTIAL", gap, window->allow_partial > 0 ? "" : "DIS");
    put(to, ")");
}

static void null_treatment(const struct weir_sql_call *call, struct weir_buffer *to)
{
    if (call->null_treatment)
        put(to, call->null_treatment == WEIR_SQL_NULLS_IGNORE ? " IGNORE NULLS" : " RESPECT NULLS");
}

void weir_sql_print_call_suffix(const struct weir_sql_call *call, struct weir_buffer *to)
{
    if (call->within_distinct.count) {
        put(to, " WITHIN DISTINCT (");
        weir_sql_print_exprs(&call->within_distinct, to);
        put(to, ")");
    }
    if (call->within_group.count) {
        put(to, " WITHIN GROUP (ORDER BY ");
        weir_sql_print_order(&call->within_group, to);
        put(to, ")");
    }
    if (call->filter) {
        put(to, " FILTER (WHERE ");
        weir_sql_print_expression(call->filter, to);
        put(to, ")");
    }
    null_treatment(call, to);
    if (!call->over) return;
    put(to, " OVER ");
    if (call->over->reference_only)
        weir_sql_print_identifier(call->over->name.text, to);
    else
        weir_sql_print_window(call->over, to);
}

/* The words between the arguments of a function with a syntax of its own. */
static const char *separator(enum weir_sql_keyword function, uint32_t index)
{
    switch (function) {
    case WEIR_SQL_KEYWORD_EXTRACT: return " FROM ";
    case WEIR_SQL_KEYWORD_TRIM: return index == 1 ? " " : " FROM ";
    case WEIR_SQL_KEYWORD_SUBSTRING: return index == 1 ? " FROM " : " FOR ";
    case WEIR_SQL_KEYWORD_OVERLAY: return index == 1 ? " PLACING " : index == 2 ? " FROM " : " FOR ";
    case WEIR_SQL_KEYWORD_POSITION: return index == 1 ? " IN " : " FROM ";
    default: return " TO ";
    }
}

static void arguments(const struct weir_sql_call *call, struct weir_buffer *to)
{
    enum { POWER_ADD = 40 }; /* POSITION(x IN y): x must not swallow IN */
    const struct weir_sql_name *name = &call->name.parts[0];
    enum weir_sql_keyword function = weir_sql_keyword_find(name->text, strlen(name->text));
    for (uint32_t i = 0; i < call->arguments.count; i++) {
        if (i) put(to, call->special_syntax ? separator(function, i) : ", ");
        if (call->argument_names && call->argument_names[i].text) {
            weir_sql_print_identifier(call->argument_names[i].text, to);
            put(to, " => ");
        }
        bool position = i == 0 && function == WEIR_SQL_KEYWORD_POSITION && !name->quoted;
        weir_sql_print_operand(call->arguments.items[i], position ? POWER_ADD : 0, to);
    }
}

void weir_sql_print_call(const struct weir_sql_call *call, struct weir_buffer *to)
{
    if (call->name.count == 1 && !call->name.parts[0].quoted)
        put(to, call->name.parts[0].text); /* quoting would take its own syntax from it */
    else
        weir_sql_print_path(&call->name, to);
    if (!call->without_parentheses) {
        put(to, "(");
        if (call->quantifier)
            put(to, call->quantifier == WEIR_SQL_QUANTIFIER_DISTINCT ? "DISTINCT " : "ALL ");
        arguments(call, to);
        if (call->within.count) {
            put(to, " ORDER BY ");
            weir_sql_print_order(&call->within, to);
        }
        put(to, ")");
    }
    weir_sql_print_call_suffix(call, to);
}

/* ----------------------------------------------------------------------------------------------------------
 * JSON */

static void behavior(enum weir_sql_json_behavior what, const struct weir_sql_expr *value, const char *on,
    struct weir_buffer *to)
{
    static const char *const texts[] = {
        [WEIR_SQL_JSON_BEHAVIOR_UNSAID] = "",
        [WEIR_SQL_JSON_BEHAVIOR_ERROR] = "ERROR",
        [WEIR_SQL_JSON_BEHAVIOR_NULL] = "NULL",
        [WEIR_SQL_JSON_BEHAVIOR_EMPTY] = "EMPTY",
        [WEIR_SQL_JSON_BEHAVIOR_EMPTY_ARRAY] = "EMPTY ARRAY",
        [WEIR_SQL_JSON_BEHAVIOR_EMPTY_OBJECT] = "EMPTY OBJECT",
        [WEIR_SQL_JSON_BEHAVIOR_TRUE] = "TRUE",
        [WEIR_SQL_JSON_BEHAVIOR_FALSE] = "FALSE",
        [WEIR_SQL_JSON_BEHAVIOR_UNKNOWN] = "UNKNOWN",
        [WEIR_SQL_JSON_BEHAVIOR_DEFAULT] = "DEFAULT ",
    };
    if (!what) return;
    weir_buffer_format(to, " %s", texts[what]);
    if (value) weir_sql_print_expression(value, to);
    weir_buffer_format(to, " ON %s", on);
}

static void json_arguments(
    const struct weir_sql_call *call, const struct weir_sql_json *clauses, struct weir_buffer *to)
{
    bool pairs = clauses->function == WEIR_SQL_JSON_OBJECT || clauses->function == WEIR_SQL_JSON_OBJECTAGG;
    for (uint32_t i = 0; i < call->arguments.count; i++) {
        bool value = pairs && i % 2 == 1;
        if (value)
            put(to, " VALUE ");
        else
            put_comma(to, i);
        if (pairs && !value) put(to, "KEY ");
        weir_sql_print_expression(call->arguments.items[i], to);
        if (clauses->format_json && clauses->format_json[i]) put(to, " FORMAT JSON");
    }
}

void weir_sql_print_json(
    const struct weir_sql_call *call, const struct weir_sql_json *clauses, struct weir_buffer *to)
{
    static const char *const names[] = {
        [WEIR_SQL_JSON_EXISTS] = "JSON_EXISTS",
        [WEIR_SQL_JSON_VALUE] = "JSON_VALUE",
        [WEIR_SQL_JSON_QUERY] = "JSON_QUERY",
        [WEIR_SQL_JSON_OBJECT] = "JSON_OBJECT",
        [WEIR_SQL_JSON_OBJECTAGG] = "JSON_OBJECTAGG",
        [WEIR_SQL_JSON_ARRAY] = "JSON_ARRAY",
        [WEIR_SQL_JSON_ARRAYAGG] = "JSON_ARRAYAGG",
    };
    static const char *const wrappers[] = {
        [WEIR_SQL_JSON_WRAPPER_UNSAID] = "",
        [WEIR_SQL_JSON_WRAPPER_WITHOUT] = " WITHOUT ARRAY WRAPPER",
        [WEIR_SQL_JSON_WRAPPER_CONDITIONAL] = " WITH CONDITIONAL ARRAY WRAPPER",
        [WEIR_SQL_JSON_WRAPPER_UNCONDITIONAL] = " WITH UNCONDITIONAL ARRAY WRAPPER",
    };
    weir_buffer_format(to, "%s(", names[clauses->function]);
    json_arguments(call, clauses, to);
    if (call->within.count) {
        put(to, " ORDER BY ");
        weir_sql_print_order(&call->within, to);
    }
    if (clauses->returning) {
        put(to, " RETURNING ");
        weir_sql_print_type(clauses->returning, to);
    }
    put(to, wrappers[clauses->wrapper]);
    behavior((enum weir_sql_json_behavior)clauses->on_empty, clauses->empty_default, "EMPTY", to);
    behavior((enum weir_sql_json_behavior)clauses->on_error, clauses->error_default, "ERROR", to);
    if (clauses->nulls) {
        if (call->arguments.count) put(to, " ");
        put(to, clauses->nulls == WEIR_SQL_JSON_NULL_ON_NULL ? "NULL ON NULL" : "ABSENT ON NULL");
    }
    put(to, ")");
    weir_sql_print_call_suffix(call, to);
}
