/* GROUP BY: its keys and sets, and the nodes Project, Expand and Aggregate that compute it. */
#include "sql/bind.h"

#include <string.h>

enum { KEYS_WITH_SETS_MAX = 62 };

/* ------------------------------------------------------------------------------------------ keys and sets */

struct sets {
    uint64_t *items;
    uint32_t count, capacity;
};

static enum weir_error_code sets_add(
    struct bind_context *context, struct sets *sets, uint64_t set, struct weir_sql_span span)
{
    if (sets->count >= BIND_GROUPING_SETS_MAX) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span,
            "GROUP BY has more than %d grouping sets", BIND_GROUPING_SETS_MAX);
    }
    sets->items = weir_bind_grow(context, sets->items, sets->count, &sets->capacity, sizeof *sets->items);
    sets->items[sets->count++] = set;
    return WEIR_OK;
}

static uint32_t add_key(struct bind_scope *scope, struct weir_expr *expr)
{
    struct bind_select *select = scope->select;
    for (uint32_t i = 0; i < select->key_count; i++) {
        if (weir_expr_equal(select->keys[i], expr)) return i;
    }
    uint32_t capacity = select->key_capacity;
    select->keys =
        weir_bind_grow(scope->context, select->keys, select->key_count, &capacity, sizeof *select->keys);
    select->key_names = weir_bind_grow(scope->context, select->key_names, select->key_count,
        &select->key_capacity, sizeof *select->key_names);
    select->keys[select->key_count] = expr;
    select->key_names[select->key_count] = NULL;
    if (expr->kind == WEIR_EXPR_COLUMN && !(expr->column & BIND_MASK)) {
        select->key_names[select->key_count] = scope->rel->fields[expr->column].name;
    }
    return select->key_count++;
}

static enum weir_error_code bind_set(
    struct bind_scope *scope, const struct weir_sql_grouping *group, uint64_t *ret)
{
    *ret = 0;
    for (uint32_t i = 0; i < group->exprs.count; i++) {
        const struct weir_sql_expr *ast = group->exprs.items[i];
        if (weir_bind_is_group_window(ast)) {
            WEIR_TRY(weir_bind_group_window(scope, ast));
            continue;
        }
        if (weir_bind_has_aggregate(ast)) {
            return weir_bind_error(scope->context, WEIR_E_SQL_VALIDATION, ast->span,
                "Aggregate expression is illegal in GROUP BY clause");
        }
        struct weir_expr *expr;
        WEIR_TRY(weir_bind_expr(scope, ast, &expr));
        if (weir_bind_uses(expr, BIND_OUTER)) {
            return weir_bind_unsupported(
                scope->context, ast->span, "A column of the outer query in GROUP BY");
        }
        *ret |= (uint64_t)1 << (add_key(scope, expr) & 63);
    }
    return WEIR_OK;
}

static enum weir_error_code bind_sets(
    struct bind_scope *scope, const struct weir_sql_grouping *group, struct sets *to)
{
    struct bind_context *context = scope->context;
    if (group->kind == WEIR_SQL_GROUPING_EXPRESSION) {
        uint64_t set;
        WEIR_TRY(bind_set(scope, group, &set));
        return sets_add(context, to, set, group->span);
    }
    if (group->kind == WEIR_SQL_GROUPING_SETS) {
        for (uint32_t i = 0; i < group->count; i++) WEIR_TRY(bind_sets(scope, &group->items[i], to));
        return WEIR_OK;
    }
    uint64_t *units = WEIR_ARENA_ARRAY(context->arena, uint64_t, group->count + 1);
    for (uint32_t i = 0; i < group->count; i++) {
        if (group->items[i].kind != WEIR_SQL_GROUPING_EXPRESSION) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, group->items[i].span,
                "ROLLUP and CUBE take expressions and lists of them only");
        }
        WEIR_TRY(bind_set(scope, &group->items[i], &units[i]));
    }
    if (group->kind == WEIR_SQL_GROUPING_ROLLUP) {
        for (uint32_t length = group->count + 1; length-- > 0;) {
            uint64_t set = 0;
            for (uint32_t i = 0; i < length; i++) set |= units[i];
            WEIR_TRY(sets_add(context, to, set, group->span));
        }
        return WEIR_OK;
    }
    if (group->count > 12) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, group->span, "CUBE takes at most 12 columns");
    }
    for (uint32_t mask = 1u << group->count; mask-- > 0;) {
        uint64_t set = 0;
        for (uint32_t i = 0; i < group->count; i++) {
            if (mask >> (group->count - 1 - i) & 1) set |= units[i];
        }
        WEIR_TRY(sets_add(context, to, set, group->span));
    }
    return WEIR_OK;
}

static void drop_equal_sets(struct bind_select *select)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < select->set_count; i++) {
        uint32_t k = 0;
        while (k < count && select->sets[k] != select->sets[i]) k++;
        if (k == count) select->sets[count++] = select->sets[i];
    }
    select->set_count = count;
}

enum weir_error_code weir_bind_group_by(struct bind_scope *scope, const struct weir_sql_select *ast)
{
    struct bind_context *context = scope->context;
    struct bind_select *select = scope->select;
    struct sets all = { 0 };
    bool has_sets = false;
    scope->clause = "GROUP BY";
    struct sets product = { 0 };
    WEIR_TRY(sets_add(context, &product, 0, (struct weir_sql_span){ 0 }));
    for (uint32_t i = 0; i < ast->group_count; i++) {
        const struct weir_sql_grouping *group = &ast->group_by[i];
        has_sets |= group->kind != WEIR_SQL_GROUPING_EXPRESSION;
        memset(&all, 0, sizeof all);
        WEIR_TRY(bind_sets(scope, group, &all));
        struct sets next = { 0 };
        for (uint32_t p = 0; p < product.count; p++) {
            for (uint32_t k = 0; k < all.count; k++) {
                WEIR_TRY(sets_add(context, &next, product.items[p] | all.items[k], group->span));
            }
        }
        product = next;
    }
    if (!has_sets) return WEIR_OK;
    if (select->key_count > KEYS_WITH_SETS_MAX) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, ast->group_by[0].span,
            "Grouping sets take at most %d columns", KEYS_WITH_SETS_MAX);
    }
    if (select->window) {
        return weir_bind_unsupported(context, ast->group_by[0].span, "A group window with grouping sets");
    }
    select->sets = product.items;
    select->set_count = product.count;
    if (ast->group_by_distinct) drop_equal_sets(select);
    return WEIR_OK;
}

/* The value of the $e column of a set: as Flink's, bit 0 is the last key, set where the key is absent; equal
 * sets differ in the bits above. */
static int64_t set_id(const struct bind_select *select, uint32_t index, uint32_t *ret_copy)
{
    int64_t id = 0;
    uint32_t copy = 0;
    for (uint32_t k = 0; k < select->key_count; k++) {
        if (!(select->sets[index] >> k & 1)) id |= (int64_t)1 << (select->key_count - 1 - k);
    }
    for (uint32_t i = 0; i < index; i++) copy += select->sets[i] == select->sets[index];
    if (ret_copy) *ret_copy = copy;
    return id | (int64_t)copy << select->key_count;
}

/* --------------------------------------------------------------------------------------------------- nodes
 */

struct builder {
    struct bind_scope *scope;
    struct bind_select *select;
    struct weir_expr **exprs; /* of the projection below */
    const char **names;
    uint32_t count, capacity;
    uint32_t first_shared; /* expressions from here on may be shared by aggregates */
};

static uint32_t add_input(struct builder *builder, struct weir_expr *expr, const char *name, bool share)
{
    struct bind_context *context = builder->scope->context;
    for (uint32_t i = builder->first_shared; share && i < builder->count; i++) {
        if (weir_expr_equal(builder->exprs[i], expr) && weir_expr_is_deterministic(expr)) return i;
    }
    uint32_t capacity = builder->capacity;
    builder->exprs =
        weir_bind_grow(context, builder->exprs, builder->count, &capacity, sizeof *builder->exprs);
    builder->names =
        weir_bind_grow(context, builder->names, builder->count, &builder->capacity, sizeof *builder->names);
    if (!name && expr->kind == WEIR_EXPR_COLUMN) name = builder->scope->rel->fields[expr->column].name;
    builder->exprs[builder->count] = expr;
    builder->names[builder->count] = name ? name : weir_arena_format(context->arena, "$f%u", builder->count);
    return builder->count++;
}

static struct weir_rel *input_projection(struct builder *builder)
{
    struct bind_scope *scope = builder->scope;
    bool identity = builder->count == scope->rel->field_count;
    for (uint32_t i = 0; identity && i < builder->count; i++) {
        identity = builder->exprs[i]->kind == WEIR_EXPR_COLUMN && builder->exprs[i]->column == i;
    }
    if (identity || builder->count == 0) return scope->rel; /* COUNT(*) alone needs rows, not columns */
    weir_bind_unique_names(scope->context, builder->names, builder->count);
    return weir_bind_project(scope->context, scope->rel, builder->exprs, builder->names, builder->count,
        (struct weir_sql_span){ 0 });
}

static struct weir_expr *bigint_literal(struct weir_arena *arena, int64_t value)
{
    return weir_expr_literal(arena, weir_value_bigint(arena, value));
}

static struct weir_rel *expand_node(struct builder *builder, struct weir_rel *input)
{
    struct bind_context *context = builder->scope->context;
    const struct bind_select *select = builder->select;
    uint32_t width = input->field_count + 1;
    struct weir_rel *rel = weir_bind_rel1(context, WEIR_REL_EXPAND, input, (struct weir_sql_span){ 0 });
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, width);
    memcpy(fields, input->fields, input->field_count * sizeof *fields);
    struct weir_expr *const **lists =
        WEIR_ARENA_ARRAY(context->arena, struct weir_expr *const *, select->set_count);
    for (uint32_t s = 0; s < select->set_count; s++) {
        struct weir_expr **list = WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, width);
        for (uint32_t i = 0; i < input->field_count; i++) {
            bool absent = i < select->key_count && !(select->sets[s] >> i & 1);
            if (absent) fields[i].type = weir_type_nullable(context->arena, fields[i].type, true);
            list[i] = absent ? weir_expr_null(context->arena, input->fields[i].type)
                             : weir_bind_column(context, input, i);
        }
        list[width - 1] = bigint_literal(context->arena, set_id(select, s, NULL));
        lists[s] = list;
    }
    fields[width - 1] = (struct weir_rel_field){ "$e", &weir_type_bigint_not_null };
    rel->fields = fields;
    rel->field_count = width;
    rel->expand.lists = lists;
    rel->expand.list_count = select->set_count;
    return rel;
}

static struct weir_aggregate_call *aggregate_calls(struct builder *builder)
{
    struct bind_context *context = builder->scope->context;
    const struct bind_select *select = builder->select;
    struct weir_aggregate_call *calls =
        WEIR_ARENA_ARRAY(context->arena, struct weir_aggregate_call, select->aggregate_count + 1);
    for (uint32_t i = 0; i < select->aggregate_count; i++) {
        const struct bind_aggregate *from = select->aggregates[i];
        calls[i] = (struct weir_aggregate_call){ .function = from->function,
            .type = from->type,
            .filter = -1,
            .argument_count = from->argument_count,
            .distinct = from->distinct,
            .ignore_nulls = from->ignore_nulls };
        for (uint32_t a = 0; a < from->argument_count; a++) {
            calls[i].arguments[a] = add_input(builder, from->arguments[a], NULL, true);
        }
        if (from->filter) calls[i].filter = (int32_t)add_input(builder, from->filter, NULL, true);
    }
    return calls;
}

static const struct weir_type *property_field_type(
    struct bind_context *context, const struct bind_select *select, enum weir_window_property property)
{
    enum weir_type_id id = WEIR_TYPE_TIMESTAMP;
    enum weir_time_attribute attribute = WEIR_TIME_ATTRIBUTE_NONE;
    if (property == WEIR_WINDOW_PROCTIME || (property == WEIR_WINDOW_ROWTIME && select->window->local_zone)) {
        id = WEIR_TYPE_TIMESTAMP_LTZ;
    }
    if (!context->input->batch && property == WEIR_WINDOW_ROWTIME) attribute = WEIR_TIME_ATTRIBUTE_ROWTIME;
    if (property == WEIR_WINDOW_PROCTIME) attribute = WEIR_TIME_ATTRIBUTE_PROCTIME;
    return weir_type_with_time_attribute(
        context->arena, weir_type_with_precision(context->arena, id, 3, false), attribute);
}

static void aggregate_fields(struct builder *builder, struct weir_rel *rel, const struct weir_rel *input)
{
    static const char *const property_names[] = { "w$start", "w$end", "w$rowtime", "w$proctime" };
    struct bind_context *context = builder->scope->context;
    const struct bind_select *select = builder->select;
    uint32_t keys = rel->aggregate.key_count, calls = select->aggregate_count;
    uint32_t count = keys + calls + select->property_count;
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, count + 1);
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, count + 1);
    for (uint32_t i = 0; i < keys; i++) {
        uint32_t column = rel->aggregate.keys[i];
        names[i] =
            i < select->key_count && select->key_names[i] ? select->key_names[i] : input->fields[column].name;
        fields[i].type = input->fields[column].type;
    }
    for (uint32_t i = 0; i < calls; i++) {
        const char *name = select->aggregates[i]->name;
        names[keys + i] = name ? name : weir_arena_format(context->arena, "$f%u", keys + i);
        fields[keys + i].type = select->aggregates[i]->type;
    }
    for (uint32_t i = 0; i < select->property_count; i++) {
        names[keys + calls + i] = property_names[select->properties[i]];
        fields[keys + calls + i].type = property_field_type(context, select, select->properties[i]);
    }
    weir_bind_unique_names(context, names, count);
    for (uint32_t i = 0; i < count; i++) fields[i].name = names[i];
    rel->fields = fields;
    rel->field_count = count;
}

static struct weir_rel *aggregate_node(struct builder *builder)
{
    struct bind_context *context = builder->scope->context;
    struct bind_select *select = builder->select;
    for (uint32_t i = 0; i < select->key_count; i++) {
        add_input(builder, select->keys[i], select->key_names[i], false);
    }
    if (select->set_count) builder->first_shared = builder->count;
    struct weir_aggregate_call *calls = aggregate_calls(builder);
    uint32_t time_column = select->window ? add_input(builder, select->window_time, NULL, true) : 0;
    struct weir_rel *input = input_projection(builder);
    if (select->set_count) input = expand_node(builder, input);
    struct weir_rel *rel = weir_bind_rel1(context, WEIR_REL_AGGREGATE, input, (struct weir_sql_span){ 0 });
    uint32_t keys = select->key_count + (select->set_count ? 1 : 0);
    uint32_t *columns = WEIR_ARENA_ARRAY(context->arena, uint32_t, keys + 1);
    for (uint32_t i = 0; i < select->key_count; i++) columns[i] = i;
    if (select->set_count) columns[keys - 1] = input->field_count - 1;
    rel->aggregate.keys = columns;
    rel->aggregate.key_count = keys;
    rel->aggregate.calls = calls;
    rel->aggregate.call_count = select->aggregate_count;
    if (select->window) {
        select->window->time_column = time_column;
        rel->aggregate.window = select->window;
        rel->aggregate.properties = memcpy(weir_arena_allocate(context->arena, sizeof select->properties),
            select->properties, sizeof select->properties);
        rel->aggregate.property_count = select->property_count;
    }
    aggregate_fields(builder, rel, input);
    return rel;
}

/* -------------------------------------------------------------------------------------------- mapping
 * upwards */

struct mapping {
    struct bind_scope *scope;
    const struct weir_rel *rel;
    enum weir_error_code code;
    uint32_t late_first; /* column of the first late sub-query */
};

static struct weir_expr *mapped(const struct mapping *mapping, struct weir_arena *arena, uint32_t column)
{
    return weir_expr_column(arena, BIND_MAPPED | column, mapping->rel->fields[column].type);
}

static struct weir_expr *grouping_value(struct mapping *mapping, struct weir_arena *arena, uint32_t index)
{
    const struct bind_select *select = mapping->scope->select;
    const struct bind_grouping *grouping = &select->groupings[index];
    if (select->set_count == 0) return bigint_literal(arena, 0);
    uint32_t count = select->set_count;
    struct weir_expr **pairs = WEIR_ARENA_ARRAY(arena, struct weir_expr *, 2 * count);
    for (uint32_t s = 0; s < count; s++) {
        uint32_t copy;
        struct weir_expr *sides[2] = { mapped(mapping, arena, select->key_count),
            bigint_literal(arena, set_id(select, s, &copy)) };
        int64_t value = grouping->count ? 0 : copy;
        for (uint32_t k = 0; k < grouping->count; k++) {
            value = value << 1 | !(select->sets[s] >> grouping->keys[k] & 1);
        }
        mapping->code = weir_expr_call(arena, "=", sides, 2, &pairs[2 * s], mapping->scope->context->error);
        if (mapping->code) return sides[0];
        pairs[2 * s + 1] = bigint_literal(arena, value);
    }
    struct weir_expr *result = pairs[1];
    mapping->code = weir_expr_case(
        arena, pairs, count - 1, pairs[2 * count - 1], &result, mapping->scope->context->error);
    return count == 1 ? pairs[1] : result;
}

static struct weir_expr *map_special(
    struct mapping *mapping, struct weir_arena *arena, struct weir_expr *expr)
{
    const struct bind_select *select = mapping->scope->select;
    uint32_t keys = mapping->rel->aggregate.key_count, index = expr->column & ~(uint32_t)BIND_MASK;
    switch (expr->column & BIND_MASK) {
    case BIND_AGGREGATE: return mapped(mapping, arena, keys + index);
    case BIND_PROPERTY: return mapped(mapping, arena, keys + select->aggregate_count + index);
    case BIND_GROUPING: return grouping_value(mapping, arena, index);
    case BIND_LATE: return weir_expr_column(arena, BIND_MAPPED | (mapping->late_first + index), expr->type);
    default: return expr;
    }
}

static struct weir_expr *map_up(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    struct mapping *mapping = context;
    const struct bind_select *select = mapping->scope->select;
    if (mapping->code) return expr;
    if (expr->kind == WEIR_EXPR_COLUMN && expr->column & BIND_MASK) return map_special(mapping, arena, expr);
    if (expr->kind == WEIR_EXPR_LITERAL) return expr;
    for (uint32_t i = 0; i < select->key_count; i++) {
        if (weir_expr_equal(select->keys[i], expr)) return mapped(mapping, arena, i);
    }
    return expr;
}

static struct weir_expr *settle(void *context, struct weir_arena *arena, struct weir_expr *expr)
{
    struct mapping *mapping = context;
    if (expr->kind != WEIR_EXPR_COLUMN || mapping->code) return expr;
    if ((expr->column & BIND_MASK) == BIND_MAPPED) {
        return weir_expr_column(arena, expr->column & ~(uint32_t)BIND_MASK, expr->type);
    }
    if (expr->column & BIND_MASK) return expr;
    struct weir_sql_span span = { .line = expr->line, .column = expr->column_position };
    mapping->code = weir_bind_error(mapping->scope->context, WEIR_E_SQL_VALIDATION, span,
        "Expression '%s' is not being grouped", mapping->scope->rel->fields[expr->column].name);
    return expr;
}

static enum weir_error_code map_list(struct mapping *mapping, struct weir_expr **exprs, uint32_t count)
{
    struct weir_arena *arena = mapping->scope->context->arena;
    for (uint32_t i = 0; i < count; i++) {
        exprs[i] = weir_expr_rewrite(arena, exprs[i], map_up, mapping);
        if (!mapping->code) exprs[i] = weir_expr_rewrite(arena, exprs[i], settle, mapping);
        WEIR_TRY(mapping->code);
    }
    return WEIR_OK;
}

static enum weir_error_code map_overs(struct mapping *mapping)
{
    struct bind_select *select = mapping->scope->select;
    for (uint32_t i = 0; i < select->over_count; i++) {
        struct bind_over *over = select->overs[i];
        WEIR_TRY(map_list(mapping, over->partition, over->partition_count));
        WEIR_TRY(map_list(mapping, over->order, over->order_count));
        if (!over->aggregate) continue;
        WEIR_TRY(map_list(mapping, over->aggregate->arguments, over->aggregate->argument_count));
        if (over->aggregate->filter) WEIR_TRY(map_list(mapping, &over->aggregate->filter, 1));
    }
    return WEIR_OK;
}

enum weir_error_code weir_bind_make_aggregate(
    struct bind_scope *scope, struct weir_expr **exprs, uint32_t expr_count, struct weir_rel **ret)
{
    struct bind_context *context = scope->context;
    struct bind_select *select = scope->select;
    struct builder builder = { .scope = scope, .select = select };
    struct weir_rel *aggregate = aggregate_node(&builder), *rel = aggregate;
    struct mapping mapping = { .scope = scope, .rel = aggregate, .late_first = aggregate->field_count };
    for (uint32_t i = 0; i < select->late_count; i++) {
        rel = weir_bind_join(
            context, WEIR_JOIN_LEFT, rel, select->lates[i].rel, NULL, (struct weir_sql_span){ 0 });
    }
    WEIR_TRY(map_list(&mapping, exprs, expr_count));
    WEIR_TRY(map_overs(&mapping));
    *ret = rel;
    return WEIR_OK;
}
