/* One line for each rel, as Flink's "Abstract Syntax Tree" writes it: columns by number. */
#include "sql/explain.h"

#include "sql/catalog.h"

struct printer {
    struct weir_buffer *to;
    const char *const *numbers; /* "$0", "$1", ... */
};

static void text(struct printer *p, const char *words)
{
    weir_buffer_append_text(p->to, words);
}

static void expression(struct printer *p, const struct weir_expr *expr)
{
    weir_expr_print(expr, p->numbers, WEIR_EXPR_TEXT_AST, p->to);
}

static void table(struct printer *p, const struct weir_sql_table *named)
{
    weir_buffer_format(p->to, "table=[[%s, %s, %s]]", named->identifier.catalog, named->identifier.database,
        named->identifier.name);
}

static void set(struct printer *p, const uint32_t *columns, uint32_t count)
{
    text(p, "{");
    for (uint32_t i = 0; i < count; i++) weir_buffer_format(p->to, "%s%u", i ? ", " : "", columns[i]);
    text(p, "}");
}

static void assignments(struct printer *p, const struct weir_rel *rel, struct weir_expr *const *exprs)
{
    for (uint32_t f = 0; f < rel->field_count; f++) {
        weir_buffer_format(p->to, "%s%s=[", f ? ", " : "", rel->fields[f].name);
        expression(p, exprs[f]);
        text(p, "]");
    }
}

static void describe_values(struct printer *p, const struct weir_rel *rel)
{
    text(p, "LogicalValues(tuples=[[");
    for (uint32_t r = 0; r < rel->values.row_count; r++) {
        text(p, r ? ", { " : "{ ");
        for (uint32_t f = 0; f < rel->field_count; f++) {
            if (f) text(p, ", ");
            expression(p, rel->values.rows[r][f]);
        }
        text(p, " }");
    }
    text(p, "]])");
}

static void describe_aggregate(struct printer *p, const struct weir_rel *rel)
{
    text(p, "LogicalAggregate(group=[");
    set(p, rel->aggregate.keys, rel->aggregate.key_count);
    text(p, "]");
    for (uint32_t c = 0; c < rel->aggregate.call_count; c++) {
        const struct weir_aggregate_call *call = &rel->aggregate.calls[c];
        weir_buffer_format(p->to, ", %s=[%s(%s", rel->fields[rel->aggregate.key_count + c].name,
            call->function->name, call->distinct ? "DISTINCT " : "");
        for (uint32_t a = 0; a < call->argument_count; a++)
            weir_buffer_format(p->to, "%s$%u", a ? ", " : "", call->arguments[a]);
        text(p, ")");
        if (call->filter >= 0) weir_buffer_format(p->to, " FILTER $%d", call->filter);
        text(p, "]");
    }
    text(p, ")");
}

static void describe_join(struct printer *p, const struct weir_rel *rel)
{
    static const char *const types[] = { "inner", "left", "right", "full", "semi", "anti" };
    text(p, "LogicalJoin(condition=[");
    if (rel->join.condition)
        expression(p, rel->join.condition);
    else
        text(p, "true");
    weir_buffer_format(p->to, "], joinType=[%s])", types[rel->join.type]);
}

static void order(struct printer *p, const struct weir_sort_key *keys, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        weir_buffer_format(p->to, "%ssort%u=[$%u]", k ? ", " : "", k, keys[k].column);
    for (uint32_t k = 0; k < count; k++)
        weir_buffer_format(p->to, ", dir%u=[%s]", k,
            keys[k].descending    ? keys[k].nulls_first ? "DESC" : "DESC-nulls-last"
            : keys[k].nulls_first ? "ASC-nulls-first"
                                  : "ASC");
}

static void describe_sort(struct printer *p, const struct weir_rel *rel)
{
    const char *comma = rel->sort.key_count ? ", " : "";
    text(p, "LogicalSort(");
    order(p, rel->sort.keys, rel->sort.key_count);
    if (rel->sort.offset > 0) {
        weir_buffer_format(p->to, "%soffset=[%lld]", comma, (long long)rel->sort.offset);
        comma = ", ";
    }
    if (rel->sort.limit >= 0) weir_buffer_format(p->to, "%sfetch=[%lld]", comma, (long long)rel->sort.limit);
    text(p, ")");
}

static void describe_over(struct printer *p, const struct weir_rel *rel)
{
    text(p, "LogicalWindow(partition=[");
    set(p, rel->over.partition, rel->over.partition_count);
    text(p, "]");
    if (rel->over.order_count) text(p, ", ");
    order(p, rel->over.order, rel->over.order_count);
    for (uint32_t c = 0; c < rel->over.call_count; c++)
        weir_buffer_format(p->to, ", %s=[%s()]",
            rel->fields[rel->field_count - rel->over.call_count + c].name, rel->over.calls[c].function);
    text(p, ")");
}

static void describe_expand(struct printer *p, const struct weir_rel *rel)
{
    text(p, "LogicalExpand(projects=[");
    for (uint32_t l = 0; l < rel->expand.list_count; l++) {
        text(p, l ? ", {" : "{");
        assignments(p, rel, rel->expand.lists[l]);
        text(p, "}");
    }
    text(p, "])");
}

static void describe_window(struct printer *p, const struct weir_rel *rel)
{
    static const char *const kinds[] = { "TUMBLE", "HOP", "CUMULATE", "SESSION" };
    const struct weir_window *window = &rel->tvf.window;
    weir_buffer_format(p->to, "LogicalTableFunctionScan(invocation=[%s(", kinds[window->kind]);
    if (window->processing_time)
        text(p, "DESCRIPTOR(proctime)");
    else
        weir_buffer_format(p->to, "DESCRIPTOR($%u)", window->time_column);
    if (window->kind == WEIR_WINDOW_HOP)
        weir_buffer_format(p->to, ", %lld:INTERVAL", (long long)window->slide_ms);
    if (window->kind == WEIR_WINDOW_CUMULATE)
        weir_buffer_format(p->to, ", %lld:INTERVAL", (long long)window->step_ms);
    weir_buffer_format(p->to, ", %lld:INTERVAL",
        (long long)(window->kind == WEIR_WINDOW_SESSION ? window->gap_ms : window->size_ms));
    text(p, ")])");
}

static void describe(struct printer *p, const struct weir_rel *rel)
{
    switch (rel->kind) {
    case WEIR_REL_SCAN:
        text(p, "LogicalTableScan(");
        table(p, rel->scan.table);
        text(p, ")");
        break;
    case WEIR_REL_VALUES: describe_values(p, rel); break;
    case WEIR_REL_PROJECT:
        text(p, "LogicalProject(");
        assignments(p, rel, rel->project.exprs);
        text(p, ")");
        break;
    case WEIR_REL_FILTER:
        text(p, "LogicalFilter(condition=[");
        expression(p, rel->filter.condition);
        text(p, "])");
        break;
    case WEIR_REL_WATERMARK:
        weir_buffer_format(p->to, "LogicalWatermarkAssigner(rowtime=[%s], watermark=[",
            rel->fields[rel->watermark.rowtime].name);
        expression(p, rel->watermark.expression);
        text(p, "])");
        break;
    case WEIR_REL_AGGREGATE:
    case WEIR_REL_WINDOW_AGGREGATE: describe_aggregate(p, rel); break;
    case WEIR_REL_EXPAND: describe_expand(p, rel); break;
    case WEIR_REL_WINDOW_TVF: describe_window(p, rel); break;
    case WEIR_REL_JOIN: describe_join(p, rel); break;
    case WEIR_REL_UNION: text(p, "LogicalUnion(all=[true])"); break;
    case WEIR_REL_DISTINCT:
        text(p, "LogicalAggregate(group=[{");
        for (uint32_t f = 0; f < rel->field_count; f++) weir_buffer_format(p->to, "%s%u", f ? ", " : "", f);
        text(p, "}])");
        break;
    case WEIR_REL_SORT: describe_sort(p, rel); break;
    case WEIR_REL_OVER: describe_over(p, rel); break;
    case WEIR_REL_CHANGELOG_NORMALIZE: text(p, "LogicalChangelogNormalize()"); break;
    case WEIR_REL_SINK:
        weir_buffer_format(p->to, "LogicalSink(table=[%s], fields=[", rel->sink.table->identifier_text);
        for (uint32_t f = 0; f < rel->inputs[0]->field_count; f++)
            weir_buffer_format(p->to, "%s%s", f ? ", " : "", rel->inputs[0]->fields[f].name);
        text(p, "])");
        break;
    case WEIR_REL_RANK:
    case WEIR_REL_DEDUPLICATE:
    case WEIR_REL_INTERVAL_JOIN:
        text(p, "LogicalRel()");
        break; /* rules make these; the tree is shown as bound */
    }
}

void weir_rel_describe(struct weir_planning *planning, const struct weir_rel *rel, struct weir_buffer *to)
{
    uint32_t count = rel->field_count;
    for (uint32_t i = 0; i < rel->input_count; i++) count += rel->inputs[i]->field_count;
    const char **numbers = WEIR_ARENA_ARRAY(planning->arena, const char *, count + 1);
    for (uint32_t c = 0; c < count; c++) numbers[c] = weir_arena_format(planning->arena, "$%u", c);
    struct printer p = { to, numbers };
    describe(&p, rel);
}
