/*
 * GROUP BY window_start, window_end over a window table function becomes WINDOW_AGGREGATE. Where nothing
 * between the two looks at the window columns the function disappears (rows are assigned to slices by the
 * aggregate itself); else, and over another window aggregate, the aggregate works on the window columns that
 * its input carries ("attached").
 */
#include "expr/function.h"
#include "sql/optimizer.h"

enum part { PART_NONE, PART_START, PART_END, PART_TIME };

struct origin {
    enum part part;
    const struct weir_rel *rel; /* WINDOW_TVF or WINDOW_AGGREGATE */
};

/* Which window column, if any, a column of rel is, unchanged, through projections and filters. */
static struct origin trace(const struct weir_rel *rel, uint32_t column)
{
    for (;;) {
        if (rel->kind == WEIR_REL_FILTER || rel->kind == WEIR_REL_DEDUPLICATE || rel->kind == WEIR_REL_RANK) {
            if (column >= rel->inputs[0]->field_count) return (struct origin){ PART_NONE, NULL };
            rel = rel->inputs[0];
        } else if (rel->kind == WEIR_REL_PROJECT) {
            const struct weir_expr *expr = rel->project.exprs[column];
            if (expr->kind != WEIR_EXPR_COLUMN) return (struct origin){ PART_NONE, NULL };
            column = expr->column;
            rel = rel->inputs[0];
        } else {
            break;
        }
    }
    if (rel->kind == WEIR_REL_WINDOW_TVF) {
        uint32_t width = rel->inputs[0]->field_count;
        if (column >= width && column - width < 3)
            return (struct origin){ (enum part)(PART_START + (column - width)), rel };
    }
    if (rel->kind == WEIR_REL_WINDOW_AGGREGATE && !rel->aggregate.window->legacy) {
        uint32_t first = rel->aggregate.key_count + rel->aggregate.call_count;
        if (column >= first) {
            static const enum part parts[] = { PART_START, PART_END, PART_TIME, PART_TIME };
            return (struct origin){ parts[rel->aggregate.properties[column - first]], rel };
        }
    }
    return (struct origin){ PART_NONE, NULL };
}

struct grouping {
    const struct weir_rel *source;
    uint32_t start_key, end_key, time_key; /* positions among the keys; UINT32_MAX: absent */
};

static bool find_grouping(const struct weir_rel *rel, struct grouping *ret)
{
    *ret = (struct grouping){ NULL, UINT32_MAX, UINT32_MAX, UINT32_MAX };
    for (uint32_t k = 0; k < rel->aggregate.key_count; k++) {
        struct origin origin = trace(rel->inputs[0], rel->aggregate.keys[k]);
        if (origin.part == PART_NONE) continue;
        if (ret->source && ret->source != origin.rel) return false;
        ret->source = origin.rel;
        if (origin.part == PART_START) ret->start_key = k;
        if (origin.part == PART_END) ret->end_key = k;
        if (origin.part == PART_TIME) ret->time_key = k;
    }
    return ret->source && ret->start_key != UINT32_MAX && ret->end_key != UINT32_MAX;
}

static bool is_window_key(const struct grouping *g, uint32_t k)
{
    return k == g->start_key || k == g->end_key || k == g->time_key;
}

/* The new aggregate and, above it, a projection that gives the columns in the old order. input_of maps the
 * columns of the old input to those of the new one. */
static struct weir_rel *rebuild(struct weir_planning *planning, struct weir_rel *rel,
    const struct grouping *g, struct weir_rel *input, const uint32_t *input_of,
    const struct weir_window *window, bool attached)
{
    struct weir_arena *arena = planning->arena;
    uint32_t key_count = 0, call_count = rel->aggregate.call_count,
             property_count = g->time_key == UINT32_MAX ? 2 : 3;
    uint32_t *keys = WEIR_ARENA_ARRAY(arena, uint32_t, rel->aggregate.key_count + 1);
    uint32_t *output_of = WEIR_ARENA_ARRAY(arena, uint32_t, rel->field_count + 1);
    uint32_t width = rel->aggregate.key_count + call_count;
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(arena, struct weir_rel_field, width + 4);
    for (uint32_t k = 0; k < rel->aggregate.key_count; k++) {
        if (is_window_key(g, k)) continue;
        output_of[k] = key_count;
        fields[key_count] = rel->fields[k];
        keys[key_count++] = input_of[rel->aggregate.keys[k]];
    }
    struct weir_aggregate_call *calls = WEIR_ARENA_ARRAY(arena, struct weir_aggregate_call, call_count + 1);
    for (uint32_t c = 0; c < call_count; c++) {
        calls[c] = rel->aggregate.calls[c];
        for (uint32_t a = 0; a < calls[c].argument_count; a++)
            calls[c].arguments[a] = input_of[calls[c].arguments[a]];
        if (calls[c].filter >= 0) calls[c].filter = (int32_t)input_of[calls[c].filter];
        fields[key_count + c] = rel->fields[rel->aggregate.key_count + c];
        output_of[rel->aggregate.key_count + c] = key_count + c;
    }
    enum weir_window_property *properties = WEIR_ARENA_ARRAY(arena, enum weir_window_property, 3);
    const uint32_t old_keys[3] = { g->start_key, g->end_key, g->time_key };
    for (uint32_t p = 0; p < property_count; p++) {
        static const enum weir_window_property kinds[] = { WEIR_WINDOW_START, WEIR_WINDOW_END,
            WEIR_WINDOW_ROWTIME };
        properties[p] = p == 2 && window->processing_time ? WEIR_WINDOW_PROCTIME : kinds[p];
        fields[key_count + call_count + p] = rel->fields[old_keys[p]];
        if (p == 2) {
            enum weir_time_attribute attribute =
                window->processing_time ? WEIR_TIME_ATTRIBUTE_PROCTIME : WEIR_TIME_ATTRIBUTE_ROWTIME;
            fields[key_count + call_count + p].type = weir_type_with_time_attribute(
                arena, rel->fields[old_keys[p]].type, planning->batch ? WEIR_TIME_ATTRIBUTE_NONE : attribute);
        }
        output_of[old_keys[p]] = key_count + call_count + p;
    }
    struct weir_rel *result = weir_rel_make(
        planning, WEIR_REL_WINDOW_AGGREGATE, &input, 1, fields, key_count + call_count + property_count);
    result->line = rel->line;
    result->column = rel->column;
    result->aggregate.keys = keys;
    result->aggregate.key_count = key_count;
    result->aggregate.calls = calls;
    result->aggregate.call_count = call_count;
    result->aggregate.window = window;
    result->aggregate.properties = properties;
    result->aggregate.property_count = property_count;
    result->aggregate.attached = attached;
    result->aggregate.attached_start = attached ? rel->aggregate.keys[g->start_key] : UINT32_MAX;
    result->aggregate.attached_end = attached ? rel->aggregate.keys[g->end_key] : UINT32_MAX;
    result->aggregate.attached_time =
        attached && g->time_key != UINT32_MAX ? rel->aggregate.keys[g->time_key] : UINT32_MAX;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(arena, struct weir_expr *, rel->field_count + 1);
    for (uint32_t f = 0; f < rel->field_count; f++)
        exprs[f] = weir_expr_column(arena, output_of[f], fields[output_of[f]].type);
    struct weir_rel_field *out = WEIR_ARENA_ARRAY(arena, struct weir_rel_field, rel->field_count + 1);
    for (uint32_t f = 0; f < rel->field_count; f++) {
        out[f] = rel->fields[f];
        out[f].type = exprs[f]->type;
    }
    return weir_rel_project(planning, result, exprs, out, rel->field_count);
}

/* Projections and filters between the aggregate and the function, as expressions over the function's columns.
 */
struct chain {
    struct weir_expr **exprs;
    struct weir_expr *condition; /* NULL: none */
};

static bool compose(struct weir_planning *planning, struct weir_rel *rel, struct chain *ret)
{
    struct weir_arena *arena = planning->arena;
    ret->exprs = weir_rel_identity(planning, rel);
    ret->condition = NULL;
    uint32_t width = rel->field_count;
    for (; rel->kind == WEIR_REL_PROJECT || rel->kind == WEIR_REL_FILTER; rel = rel->inputs[0]) {
        if (rel->kind == WEIR_REL_FILTER) {
            struct weir_expr *both[2] = { rel->filter.condition, ret->condition };
            ret->condition = weir_expr_and(arena, both, ret->condition ? 2 : 1);
            continue;
        }
        for (uint32_t f = 0; f < width; f++)
            ret->exprs[f] = weir_expr_substitute(arena, ret->exprs[f], rel->project.exprs);
        if (ret->condition) ret->condition = weir_expr_substitute(arena, ret->condition, rel->project.exprs);
    }
    return rel->kind == WEIR_REL_WINDOW_TVF;
}

static bool uses_column(const struct weir_rel *rel, uint32_t column)
{
    for (uint32_t k = 0; k < rel->aggregate.key_count; k++)
        if (rel->aggregate.keys[k] == column) return true;
    return false;
}

static bool call_uses(const struct weir_rel *rel, uint32_t column)
{
    for (uint32_t c = 0; c < rel->aggregate.call_count; c++) {
        const struct weir_aggregate_call *call = &rel->aggregate.calls[c];
        if (call->filter == (int32_t)column) return true;
        for (uint32_t a = 0; a < call->argument_count; a++)
            if (call->arguments[a] == column) return true;
    }
    return false;
}

static bool is_partition_column(const struct weir_window *window, uint32_t column)
{
    for (uint32_t p = 0; p < window->partition_count; p++)
        if (window->partition[p] == column) return true;
    return false;
}

/* The aggregate's partition must be the session's: sessions are found per partition. A filter may go below
 * only when it takes or leaves whole partitions: a session is made of the rows that it drops, too. */
static bool session_fits(struct weir_planning *planning, const struct weir_rel *tvf,
    const struct weir_rel *rel, const struct grouping *g, const struct chain *chain)
{
    const struct weir_window *window = &tvf->tvf.window;
    uint32_t others = 0;
    if (window->kind != WEIR_WINDOW_SESSION) return true;
    bool *used = WEIR_ARENA_ARRAY(planning->arena, bool, tvf->field_count + 1);
    if (chain->condition) weir_expr_columns_used(chain->condition, used);
    for (uint32_t c = 0; c < tvf->field_count; c++)
        if (used[c] && !is_partition_column(window, c)) return false;
    for (uint32_t k = 0; k < rel->aggregate.key_count; k++) {
        if (is_window_key(g, k)) continue;
        const struct weir_expr *expr = chain->exprs[rel->aggregate.keys[k]];
        if (expr->kind != WEIR_EXPR_COLUMN || !is_partition_column(window, expr->column)) return false;
        others++;
    }
    return others == window->partition_count;
}

static bool pulls_up(struct weir_planning *planning, const struct weir_rel *rel, const struct grouping *g,
    const struct chain *chain)
{
    const struct weir_rel *tvf = g->source;
    uint32_t width = tvf->inputs[0]->field_count;
    if (chain->condition &&
        !weir_expr_columns_within(planning->arena, chain->condition, 0, width, tvf->field_count))
        return false;
    for (uint32_t f = 0; f < rel->inputs[0]->field_count; f++) {
        if (weir_expr_columns_within(planning->arena, chain->exprs[f], 0, width, tvf->field_count)) continue;
        if (chain->exprs[f]->kind != WEIR_EXPR_COLUMN || call_uses(rel, f)) {
            if (call_uses(rel, f) || uses_column(rel, f)) return false;
        }
    }
    return session_fits(planning, tvf, rel, g, chain);
}

static struct weir_rel *pull_up(
    struct weir_planning *planning, struct weir_rel *rel, const struct grouping *g, const struct chain *chain)
{
    struct weir_arena *arena = planning->arena;
    const struct weir_rel *tvf = g->source;
    struct weir_rel *input = tvf->inputs[0];
    uint32_t width = input->field_count, count = 0, old_count = rel->inputs[0]->field_count;
    if (chain->condition) input = weir_rel_filter(planning, input, chain->condition);
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(arena, struct weir_expr *, old_count + 1);
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(arena, struct weir_rel_field, old_count + 1);
    uint32_t *input_of = WEIR_ARENA_ARRAY(arena, uint32_t, old_count + 1), time_column = UINT32_MAX;
    for (uint32_t f = 0; f < old_count; f++) {
        input_of[f] = UINT32_MAX;
        if (!weir_expr_columns_within(arena, chain->exprs[f], 0, width, tvf->field_count)) continue;
        input_of[f] = count;
        fields[count] = rel->inputs[0]->fields[f];
        bool time = chain->exprs[f]->kind == WEIR_EXPR_COLUMN &&
                    chain->exprs[f]->column == tvf->tvf.window.time_column;
        exprs[count] = chain->exprs[f];
        if (time) {
            exprs[count] = weir_expr_column(
                arena, tvf->tvf.window.time_column, input->fields[tvf->tvf.window.time_column].type);
            fields[count].type = exprs[count]->type;
            time_column = count;
        }
        count++;
    }
    struct weir_window *window = WEIR_ARENA_NEW(arena, struct weir_window);
    *window = tvf->tvf.window;
    if (!window->processing_time && time_column == UINT32_MAX) {
        fields[count] = input->fields[window->time_column];
        exprs[count] = weir_expr_column(arena, window->time_column, fields[count].type);
        time_column = count++;
    }
    window->time_column = window->processing_time ? 0 : time_column;
    window->partition = NULL;
    window->partition_count = 0;
    struct weir_rel *project = weir_rel_project(planning, input, exprs, fields, count);
    return rebuild(planning, rel, g, project, input_of, window, false);
}

static struct weir_rel *window_aggregate(struct weir_planning *planning, struct weir_rel *rel)
{
    struct grouping g;
    if (rel->kind != WEIR_REL_AGGREGATE || rel->aggregate.window || !find_grouping(rel, &g)) return NULL;
    struct chain chain;
    if (g.source->kind == WEIR_REL_WINDOW_TVF && compose(planning, rel->inputs[0], &chain) &&
        pulls_up(planning, rel, &g, &chain))
        return pull_up(planning, rel, &g, &chain);
    const struct weir_window *of =
        g.source->kind == WEIR_REL_WINDOW_TVF ? &g.source->tvf.window : g.source->aggregate.window;
    if (of->processing_time) return NULL; /* nobody can tell when such a window ends: an ordinary aggregate */
    /* Attached: the window columns are in the rows. What names columns of the table function's input means
     * nothing here. */
    struct weir_window *window = WEIR_ARENA_NEW(planning->arena, struct weir_window);
    *window = *of;
    window->partition = NULL;
    window->partition_count = 0;
    uint32_t *same = WEIR_ARENA_ARRAY(planning->arena, uint32_t, rel->inputs[0]->field_count + 1);
    for (uint32_t f = 0; f < rel->inputs[0]->field_count; f++) same[f] = f;
    return rebuild(planning, rel, &g, rel->inputs[0], same, window, true);
}

const struct weir_rewrite_rule weir_window_rules[] = {
    { WEIR_RULE_WINDOW_AGGREGATE, window_aggregate },
};
const uint32_t weir_window_rule_count = WEIR_ARRAY_COUNT(weir_window_rules);
