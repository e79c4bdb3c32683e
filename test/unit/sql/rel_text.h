/* Bound trees as one line of text, for tests: Filter[($0 > 1)](Scan t). */
#ifndef WEIR_TEST_REL_TEXT_H
#define WEIR_TEST_REL_TEXT_H

#include "expr/function.h"
#include "plan_fixture.h"

static inline void rel_expr_text(const struct weir_expr *expr, struct weir_buffer *to)
{
    weir_expr_print(expr, NULL, WEIR_EXPR_TEXT_PLAN, to);
}

static inline void rel_list_text(struct weir_expr *const *exprs, uint32_t count, struct weir_buffer *to)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i) weir_buffer_append_text(to, ", ");
        rel_expr_text(exprs[i], to);
    }
}

static inline void rel_aggregate_text(const struct weir_rel *rel, struct weir_buffer *to)
{
    weir_buffer_append_byte(to, '[');
    for (uint32_t i = 0; i < rel->aggregate.key_count; i++)
        weir_buffer_format(to, "%s%u", i ? " " : "", rel->aggregate.keys[i]);
    weir_buffer_append_byte(to, ';');
    for (uint32_t i = 0; i < rel->aggregate.call_count; i++) {
        const struct weir_aggregate_call *call = &rel->aggregate.calls[i];
        weir_buffer_format(to, " %s(%s", call->function->name, call->distinct ? "DISTINCT " : "");
        for (uint32_t k = 0; k < call->argument_count; k++)
            weir_buffer_format(to, "%s%u", k ? " " : "", call->arguments[k]);
        weir_buffer_append_byte(to, ')');
        if (call->filter >= 0) weir_buffer_format(to, "?%d", call->filter);
    }
    if (rel->aggregate.window) {
        const struct weir_window *window = rel->aggregate.window;
        weir_buffer_format(to, "; window %d time %u size %lld slide %lld gap %lld", window->kind,
            window->time_column, (long long)window->size_ms, (long long)window->slide_ms,
            (long long)window->gap_ms);
        for (uint32_t i = 0; i < rel->aggregate.property_count; i++)
            weir_buffer_format(to, " p%d", rel->aggregate.properties[i]);
    }
    weir_buffer_append_byte(to, ']');
}

static inline void rel_detail_text(const struct weir_rel *rel, struct weir_buffer *to)
{
    static const char *const joins[] = { "inner", "left", "right", "full", "semi", "anti" };
    switch (rel->kind) {
    case WEIR_REL_SCAN: weir_buffer_format(to, " %s", rel->scan.table->identifier.name); return;
    case WEIR_REL_PROJECT:
        weir_buffer_append_byte(to, '[');
        rel_list_text(rel->project.exprs, rel->field_count, to);
        weir_buffer_append_byte(to, ']');
        return;
    case WEIR_REL_FILTER:
        weir_buffer_append_byte(to, '[');
        rel_expr_text(rel->filter.condition, to);
        weir_buffer_append_byte(to, ']');
        return;
    case WEIR_REL_WATERMARK: weir_buffer_format(to, "[%u]", rel->watermark.rowtime); return;
    case WEIR_REL_AGGREGATE: rel_aggregate_text(rel, to); return;
    case WEIR_REL_EXPAND:
        weir_buffer_append_byte(to, '[');
        for (uint32_t i = 0; i < rel->expand.list_count; i++) {
            if (i) weir_buffer_append_text(to, "; ");
            rel_list_text(rel->expand.lists[i], rel->field_count, to);
        }
        weir_buffer_append_byte(to, ']');
        return;
    case WEIR_REL_WINDOW_TVF:
        weir_buffer_format(to, "[%d time %u size %lld slide %lld step %lld offset %lld gap %lld]",
            rel->tvf.window.kind, rel->tvf.window.time_column, (long long)rel->tvf.window.size_ms,
            (long long)rel->tvf.window.slide_ms, (long long)rel->tvf.window.step_ms,
            (long long)rel->tvf.window.offset_ms, (long long)rel->tvf.window.gap_ms);
        return;
    case WEIR_REL_JOIN:
        weir_buffer_format(to, "[%s", joins[rel->join.type]);
        if (rel->join.condition) {
            weir_buffer_append_byte(to, ' ');
            rel_expr_text(rel->join.condition, to);
        }
        weir_buffer_append_byte(to, ']');
        return;
    case WEIR_REL_SORT:
        weir_buffer_append_byte(to, '[');
        for (uint32_t i = 0; i < rel->sort.key_count; i++)
            weir_buffer_format(to, "%u%s%s ", rel->sort.keys[i].column,
                rel->sort.keys[i].descending ? "-" : "+", rel->sort.keys[i].nulls_first ? "f" : "l");
        weir_buffer_format(to, "%lld %lld]", (long long)rel->sort.offset, (long long)rel->sort.limit);
        return;
    case WEIR_REL_OVER:
        weir_buffer_append_byte(to, '[');
        for (uint32_t i = 0; i < rel->over.call_count; i++)
            weir_buffer_format(to, "%s ", rel->over.calls[i].function);
        for (uint32_t i = 0; i < rel->over.partition_count; i++)
            weir_buffer_format(to, "p%u ", rel->over.partition[i]);
        for (uint32_t i = 0; i < rel->over.order_count; i++)
            weir_buffer_format(
                to, "o%u%s ", rel->over.order[i].column, rel->over.order[i].descending ? "-" : "+");
        weir_buffer_append_byte(to, ']');
        return;
    default: return;
    }
}

static inline void rel_text(const struct weir_rel *rel, struct weir_buffer *to)
{
    static const char *const names[] = { "Scan", "Values", "Project", "Filter", "Watermark", "Aggregate",
        "Expand", "Tvf", "Join", "Union", "Distinct", "Sort", "Over", "Rank", "Deduplicate",
        "WindowAggregate", "IntervalJoin", "Normalize", "Sink" };
    weir_buffer_append_text(to, names[rel->kind]);
    rel_detail_text(rel, to);
    for (uint32_t i = 0; i < rel->input_count; i++) {
        weir_buffer_append_text(to, i ? ", " : "(");
        rel_text(rel->inputs[i], to);
    }
    if (rel->input_count) weir_buffer_append_byte(to, ')');
}

/* The tree below the sink. */
static inline const char *bound(struct plan_fixture *f, const char *sql)
{
    struct weir_sql_planner_input input;
    struct weir_sql_config config;
    if (fixture_bind(f, sql, &input, &config)) fail_msg("%s: %s", sql, f->error.message);
    struct weir_buffer text;
    weir_buffer_init(&text, f->memory, 1 << 20);
    rel_text(input.roots[0]->inputs[0], &text);
    const char *copy = weir_arena_string(&f->arena, weir_buffer_text(&text));
    weir_buffer_done(&text);
    return copy;
}

/* "a INT, b STRING" */
static inline const char *fields(struct plan_fixture *f, const char *sql)
{
    struct weir_sql_planner_input input;
    struct weir_sql_config config;
    if (fixture_bind(f, sql, &input, &config)) fail_msg("%s: %s", sql, f->error.message);
    const char *text = "";
    const struct weir_rel *root = input.roots[0];
    for (uint32_t i = 0; i < root->field_count; i++) {
        struct weir_buffer type;
        weir_buffer_init(&type, f->memory, 1 << 20);
        weir_type_print(root->fields[i].type, true, &type);
        text = weir_arena_format(
            &f->arena, "%s%s%s %s", text, i ? ", " : "", root->fields[i].name, weir_buffer_text(&type));
        weir_buffer_done(&type);
    }
    return text;
}

/* "line:column message" of a statement that must be refused. */
static inline const char *refused(struct plan_fixture *f, const char *sql)
{
    size_t offset = 0;
    const struct weir_sql_statement *statement;
    struct weir_sql_binder_input input = fixture_binder(f);
    struct weir_rel *const *roots, *insert;
    const struct weir_sql_answer *answer;
    uint32_t count;
    memset(&f->error, 0, sizeof f->error);
    enum weir_error_code code =
        weir_sql_parse_statement(&f->arena, sql, strlen(sql), &offset, &statement, &f->error);
    if (code) fail_msg("%s: %s", sql, f->error.message);
    if (weir_sql_statement_is_ddl(statement))
        code = weir_sql_execute_ddl(&input, statement, &insert, &f->error);
    else if (weir_sql_statement_is_show(statement))
        code = weir_sql_show(&input, statement, &answer, &f->error);
    else
        code = weir_sql_bind_statement(&input, statement, &roots, &count, &f->error);
    if (!code) fail_msg("was not refused: %s", sql);
    return weir_arena_format(&f->arena, "%u:%u %s", f->error.line, f->error.column, f->error.message);
}

#endif
