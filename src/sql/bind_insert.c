/* INSERT: the query's columns become the sink's; and the binder's entrances. */
#include "sql/bind.h"

#include <string.h>

/* One column that the sink persists. */
struct target {
    const struct weir_sql_table_column *column;
    uint32_t index; /* in the table */
    struct weir_expr *expr;
};

struct insertion {
    struct bind_context *context;
    const struct weir_sql_table *table;
    const struct weir_sql_insert *insert; /* NULL: CREATE TABLE AS */
    struct weir_sql_span span;
    struct target *targets;
    uint32_t target_count;
    struct target **order; /* targets that the query fills, in its order */
    uint32_t order_count;
    struct weir_rel *rel;
    struct weir_spec *static_partition;
};

static void find_targets(struct insertion *insertion)
{
    const struct weir_sql_table *table = insertion->table;
    struct weir_arena *arena = insertion->context->arena;
    insertion->targets = WEIR_ARENA_ARRAY(arena, struct target, table->column_count + 1);
    insertion->order = WEIR_ARENA_ARRAY(arena, struct target *, table->column_count + 1);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct weir_sql_table_column *column = &table->columns[i];
        if (column->kind == WEIR_SQL_COLUMN_COMPUTED) continue;
        if (column->kind == WEIR_SQL_COLUMN_METADATA && column->is_virtual) continue;
        insertion->targets[insertion->target_count++] = (struct target){ column, i, NULL };
    }
}

static struct target *find_target(struct insertion *insertion, const char *name)
{
    for (uint32_t i = 0; i < insertion->target_count; i++) {
        if (strcmp(insertion->targets[i].column->name, name) == 0) return &insertion->targets[i];
    }
    return NULL;
}

static enum weir_error_code unknown_target(
    struct insertion *insertion, const char *name, struct weir_sql_span span)
{
    struct bind_context *context = insertion->context;
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, insertion->target_count + 1);
    for (uint32_t i = 0; i < insertion->target_count; i++) names[i] = insertion->targets[i].column->name;
    const char *nearest = weir_sql_nearest(name, names, insertion->target_count);
    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, span, "Unknown target column '%s'%s%s%s", name,
        nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* PARTITION (a = 1, b) */
static enum weir_error_code bind_static_partition(struct insertion *insertion)
{
    struct bind_context *context = insertion->context;
    const struct weir_sql_partition *partition = &insertion->insert->partition;
    struct bind_scope scope = { .context = context, .clause = "PARTITION", .no_subqueries = true };
    for (uint32_t i = 0; i < partition->count; i++) {
        const struct weir_sql_partition_item *item = &partition->items[i];
        struct target *target = find_target(insertion, item->name.text);
        bool is_key = false;
        for (uint32_t k = 0; target && k < insertion->table->partition_key_count; k++) {
            is_key |= insertion->table->partition_keys[k] == target->index;
        }
        if (!target) return unknown_target(insertion, item->name.text, item->name.span);
        if (!is_key) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, item->name.span,
                "Static partition column '%s' should be in the partition fields list of table '%s'",
                item->name.text, insertion->table->identifier_text);
        }
        if (!item->value) continue;
        if (target->expr) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, item->name.span,
                "Target column '%s' is assigned more than once", item->name.text);
        }
        struct weir_expr *expr;
        struct weir_vector *value;
        WEIR_TRY(weir_bind_expr(&scope, item->value, &expr));
        WEIR_TRY(weir_bind_cast(context, expr, target->column->type, false, item->value->span, &expr));
        WEIR_TRY(weir_bind_at(context,
            weir_expr_fold(context->arena, context->input->memory, expr, context->input->environment, &value,
                context->error),
            item->value->span));
        target->expr = weir_expr_literal(context->arena, value);
        if (!insertion->static_partition) insertion->static_partition = weir_spec_map(context->arena);
        struct weir_buffer text;
        weir_buffer_init(&text, context->input->memory, 1 << 20);
        weir_value_print(value, 0, WEIR_TEXT_CAST, NULL, &text);
        weir_spec_put(context->arena, insertion->static_partition, item->name.text,
            weir_spec_text(context->arena, weir_buffer_text(&text)));
        weir_buffer_done(&text);
    }
    return WEIR_OK;
}

/* CREATE TABLE AS: by name; columns that the query does not have are NULL. */
static enum weir_error_code order_by_names(struct insertion *insertion)
{
    struct bind_context *context = insertion->context;
    for (uint32_t i = 0; i < insertion->target_count; i++) {
        struct target *target = &insertion->targets[i];
        if (target->column->type->nullable)
            target->expr = weir_expr_null(context->arena, target->column->type);
    }
    for (uint32_t i = 0; i < insertion->rel->field_count; i++) {
        struct target *target = find_target(insertion, insertion->rel->fields[i].name);
        if (!target) return unknown_target(insertion, insertion->rel->fields[i].name, insertion->span);
        insertion->order[insertion->order_count++] = target;
        target->expr = weir_bind_column(context, insertion->rel, i);
    }
    for (uint32_t i = 0; i < insertion->target_count; i++) {
        if (insertion->targets[i].expr) continue;
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, insertion->span,
            "Column '%s' does not allow NULLs and the query has no column of that name",
            insertion->targets[i].column->name);
    }
    return WEIR_OK;
}

/* Which columns the query fills, in which order. */
static enum weir_error_code order_targets(struct insertion *insertion)
{
    struct bind_context *context = insertion->context;
    const struct weir_sql_insert *insert = insertion->insert;
    bool *given = WEIR_ARENA_ARRAY(context->arena, bool, insertion->target_count + 1);
    if (!insert) return order_by_names(insertion);
    if (insert->column_count == 0) {
        for (uint32_t i = 0; i < insertion->target_count; i++) {
            if (!insertion->targets[i].expr)
                insertion->order[insertion->order_count++] = &insertion->targets[i];
        }
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < insert->column_count; i++) {
        const struct weir_sql_path *path = &insert->columns[i];
        if (path->count != 1)
            return weir_bind_unsupported(context, path->span, "INSERT into a field of a column");
        struct target *target = find_target(insertion, path->parts[0].text);
        if (!target) return unknown_target(insertion, path->parts[0].text, path->span);
        if (given[target - insertion->targets] || target->expr) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, path->span,
                "Target column '%s' is assigned more than once", path->parts[0].text);
        }
        given[target - insertion->targets] = true;
        insertion->order[insertion->order_count++] = target;
    }
    for (uint32_t i = 0; i < insertion->target_count; i++) {
        struct target *target = &insertion->targets[i];
        if (given[i] || target->expr) continue;
        if (!target->column->type->nullable) {
            return weir_bind_error(context, WEIR_E_SQL_VALIDATION, insertion->span,
                "Column '%s' has no default value and does not allow NULLs", target->column->name);
        }
        target->expr = weir_expr_null(context->arena, target->column->type);
    }
    return WEIR_OK;
}

/* -------------------------------------------------------------------------------------------------------
 * types */

static const char *query_schema(const struct insertion *insertion)
{
    struct weir_arena *arena = insertion->context->arena;
    const char *text = "[";
    for (uint32_t i = 0; i < insertion->rel->field_count; i++) {
        const struct weir_rel_field *field = &insertion->rel->fields[i];
        text = weir_arena_format(
            arena, "%s%s%s: %s", text, i ? ", " : "", field->name, weir_type_text(arena, field->type));
    }
    return weir_arena_format(arena, "%s]", text);
}

static const char *sink_schema(const struct insertion *insertion)
{
    struct weir_arena *arena = insertion->context->arena;
    const char *text = "[";
    for (uint32_t i = 0; i < insertion->order_count; i++) {
        const struct weir_sql_table_column *column = insertion->order[i]->column;
        text = weir_arena_format(
            arena, "%s%s%s: %s", text, i ? ", " : "", column->name, weir_type_text(arena, column->type));
    }
    return weir_arena_format(arena, "%s]", text);
}

static enum weir_error_code mismatch(const struct insertion *insertion, const char *cause)
{
    return weir_bind_error(insertion->context, WEIR_E_SQL_VALIDATION, insertion->span,
        "Column types of query result and sink for '%s' do not match.\nCause: %s\n\nQuery schema: %s\nSink "
        "schema:  %s",
        insertion->table->identifier_text, cause, query_schema(insertion), sink_schema(insertion));
}

/* A wider string takes a narrower one as it is. */
static bool fits_as_it_is(const struct weir_type *from, const struct weir_type *to)
{
    if (weir_type_same(from, to)) return true;
    bool strings = weir_type_is_string(from) && to->id == WEIR_TYPE_VARCHAR;
    bool bytes = weir_type_is_binary(from) && to->id == WEIR_TYPE_VARBINARY;
    return (strings || bytes) && from->length <= to->length;
}

static enum weir_error_code convert_columns(struct insertion *insertion)
{
    struct bind_context *context = insertion->context;
    if (insertion->rel->field_count != insertion->order_count)
        return mismatch(insertion, "Different number of columns.");
    for (uint32_t i = 0; i < insertion->order_count; i++) {
        struct target *target = insertion->order[i];
        const struct weir_type *to = target->column->type;
        struct weir_expr *expr = weir_bind_column(context, insertion->rel, i);
        if (!fits_as_it_is(expr->type, to)) {
            bool allowed = expr->type->id == WEIR_TYPE_NULL || weir_expr_can_cast_implicitly(expr->type, to);
            if (allowed) allowed = weir_expr_cast(context->arena, expr, to, false, &expr, NULL) == WEIR_OK;
            if (!allowed) {
                return mismatch(insertion,
                    weir_arena_format(context->arena,
                        "Incompatible types for sink column '%s' at position %u.", target->column->name, i));
            }
        }
        target->expr = expr;
    }
    return WEIR_OK;
}

/* ---------------------------------------------------------------------------------------------------------
 * nodes */

/* Physical columns in order, then persisted metadata with the connector's types. */
static enum weir_error_code sink_input(
    struct insertion *insertion, const struct weir_spec *options, struct weir_rel **ret)
{
    struct bind_context *context = insertion->context;
    uint32_t count = 0;
    struct weir_expr **exprs =
        WEIR_ARENA_ARRAY(context->arena, struct weir_expr *, insertion->target_count + 1);
    const char **names = WEIR_ARENA_ARRAY(context->arena, const char *, insertion->target_count + 1);
    for (int metadata = 0; metadata < 2; metadata++) {
        for (uint32_t i = 0; i < insertion->target_count; i++) {
            struct target *target = &insertion->targets[i];
            if ((target->column->kind == WEIR_SQL_COLUMN_METADATA) != metadata) continue;
            struct weir_expr *expr = target->expr;
            if (metadata) {
                const struct weir_sql_metadata_column *column;
                WEIR_TRY(weir_bind_metadata(
                    context, insertion->table, options, target->index, insertion->span, &column));
                if (!column->writable) {
                    return weir_bind_error(context, WEIR_E_SQL_VALIDATION, insertion->span,
                        "Metadata key '%s' of column '%s' of table '%s' cannot be written; declare the "
                        "column VIRTUAL",
                        column->key, target->column->name, insertion->table->identifier_text);
                }
                if (!fits_as_it_is(expr->type, column->type)) {
                    WEIR_TRY(weir_bind_cast(context, expr, column->type, false, insertion->span, &expr));
                }
            }
            exprs[count] = expr;
            names[count++] = target->column->name;
        }
    }
    bool identity = count == insertion->rel->field_count;
    for (uint32_t i = 0; identity && i < count; i++) {
        identity = exprs[i]->kind == WEIR_EXPR_COLUMN && exprs[i]->column == i;
    }
    *ret = identity ? insertion->rel
                    : weir_bind_project(context, insertion->rel, exprs, names, count, insertion->span);
    return WEIR_OK;
}

static enum weir_error_code check_sink(struct insertion *insertion, const struct weir_spec *options,
    const struct weir_sql_sink_description **ret)
{
    struct bind_context *context = insertion->context;
    const struct weir_sql_connectors *connectors = context->input->connectors;
    struct weir_sql_sink_description *sink = WEIR_ARENA_NEW(context->arena, struct weir_sql_sink_description);
    const struct weir_sql_table_descriptor *descriptor =
        weir_sql_table_describe(insertion->table, options, context->input->batch, context->arena);
    enum weir_error_code code =
        connectors->describe_sink(connectors->context, descriptor, sink, context->error);
    if (code) {
        weir_error_wrap(context->error, "Unable to create a sink for writing table '%s'",
            insertion->table->identifier_text);
        return weir_bind_at(context, code, insertion->span);
    }
    if (insertion->table->partition_key_count && !sink->partitioned) {
        return weir_bind_error(context, WEIR_E_SQL_VALIDATION, insertion->span,
            "Table '%s' is a partitioned table, but its connector does not write partitions",
            insertion->table->identifier_text);
    }
    *ret = sink;
    return WEIR_OK;
}

static const char *conflict_text(uint8_t conflict)
{
    switch (conflict) {
    case WEIR_SQL_ON_CONFLICT_NOTHING: return "NOTHING";
    case WEIR_SQL_ON_CONFLICT_ERROR: return "ERROR";
    case WEIR_SQL_ON_CONFLICT_DEDUPLICATE: return "DEDUPLICATE";
    default: return NULL;
    }
}

enum weir_error_code weir_bind_insert_root(struct bind_context *context, const struct weir_sql_table *table,
    const struct weir_sql_insert *insert, const struct weir_sql_query *query, struct weir_sql_span span,
    struct weir_rel **ret)
{
    struct insertion insertion = { .context = context, .table = table, .insert = insert, .span = span };
    if (table->is_view) {
        return weir_bind_error(
            context, WEIR_E_SQL_VALIDATION, span, "View '%s' cannot be written to", table->identifier_text);
    }
    find_targets(&insertion);
    if (insert) WEIR_TRY(bind_static_partition(&insertion));
    WEIR_TRY(weir_bind_plain_query(context, query, true, &insertion.rel));
    WEIR_TRY(order_targets(&insertion));
    WEIR_TRY(convert_columns(&insertion));
    const struct weir_spec *options =
        weir_sql_table_options(table, insert ? weir_bind_options_hint(&insert->hints) : NULL, context->arena);
    const struct weir_sql_sink_description *sink = NULL;
    WEIR_TRY(check_sink(&insertion, options, &sink));
    struct weir_rel *input = NULL;
    WEIR_TRY(sink_input(&insertion, options, &input));
    struct weir_rel *rel = weir_bind_rel1(context, WEIR_REL_SINK, input, span);
    struct weir_rel_field *fields =
        WEIR_ARENA_ARRAY(context->arena, struct weir_rel_field, input->field_count + 1);
    uint32_t count = 0;
    for (int metadata = 0; metadata < 2; metadata++) {
        for (uint32_t i = 0; i < insertion.target_count; i++) {
            const struct weir_sql_table_column *column = insertion.targets[i].column;
            if ((column->kind == WEIR_SQL_COLUMN_METADATA) != metadata) continue;
            fields[count] = (struct weir_rel_field){ column->name, input->fields[count].type };
            count++;
        }
    }
    rel->fields = fields;
    rel->sink.table = table;
    rel->sink.options = options;
    rel->sink.sink = sink;
    rel->sink.overwrite = insert && insert->overwrite;
    rel->sink.static_partition = insertion.static_partition;
    rel->sink.conflict = insert ? conflict_text(insert->on_conflict) : NULL;
    *ret = rel;
    return WEIR_OK;
}

/* -----------------------------------------------------------------------------------------------------
 * entrances */

static enum weir_error_code bind_select_root(
    struct bind_context *context, const struct weir_sql_query *query, struct weir_rel **ret)
{
    struct weir_rel *rel;
    WEIR_TRY(weir_bind_plain_query(context, query, true, &rel));
    *ret = weir_bind_rel1(context, WEIR_REL_SINK, rel, query->span);
    return WEIR_OK;
}

static enum weir_error_code bind_insert(
    struct bind_context *context, const struct weir_sql_insert *insert, struct weir_rel **ret)
{
    const struct weir_sql_table *table;
    WEIR_TRY(weir_bind_find(context, &insert->table, "Table", &table));
    return weir_bind_insert_root(context, table, insert, insert->query, insert->table.span, ret);
}

enum weir_error_code weir_sql_bind_query(const struct weir_sql_binder_input *input,
    const struct weir_sql_query *query, struct weir_rel **ret, struct weir_error *reterr)
{
    struct bind_context context;
    weir_bind_context_init(&context, input, reterr);
    return bind_select_root(&context, query, ret);
}

enum weir_error_code weir_sql_bind_insert(const struct weir_sql_binder_input *input,
    const struct weir_sql_insert *insert, struct weir_rel **ret, struct weir_error *reterr)
{
    struct bind_context context;
    weir_bind_context_init(&context, input, reterr);
    return bind_insert(&context, insert, ret);
}

enum weir_error_code weir_sql_bind_statement_set(const struct weir_sql_binder_input *input,
    const struct weir_sql_statement_set *set, struct weir_rel *const **ret, uint32_t *ret_count,
    struct weir_error *reterr)
{
    struct bind_context context;
    weir_bind_context_init(&context, input, reterr);
    struct weir_rel **roots = WEIR_ARENA_ARRAY(input->arena, struct weir_rel *, set->count + 1);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct weir_sql_statement *statement = set->statements[i];
        if (statement->kind != WEIR_SQL_STATEMENT_INSERT) {
            return weir_bind_error(&context, WEIR_E_SQL_VALIDATION, statement->span,
                "Only INSERT statements can stand in a statement set");
        }
        WEIR_TRY(bind_insert(&context, statement->insert, &roots[i]));
    }
    *ret = roots;
    *ret_count = set->count;
    return WEIR_OK;
}

enum weir_error_code weir_sql_bind_statement(const struct weir_sql_binder_input *input,
    const struct weir_sql_statement *statement, struct weir_rel *const **ret, uint32_t *ret_count,
    struct weir_error *reterr)
{
    struct bind_context context;
    weir_bind_context_init(&context, input, reterr);
    struct weir_rel **root = WEIR_ARENA_NEW(input->arena, struct weir_rel *);
    *ret = root;
    *ret_count = 1;
    switch (statement->kind) {
    case WEIR_SQL_STATEMENT_QUERY: return bind_select_root(&context, statement->query, root);
    case WEIR_SQL_STATEMENT_INSERT: return bind_insert(&context, statement->insert, root);
    case WEIR_SQL_STATEMENT_STATEMENT_SET:
        return weir_sql_bind_statement_set(input, statement->statement_set, ret, ret_count, reterr);
    case WEIR_SQL_STATEMENT_UPDATE: return weir_bind_unsupported(&context, statement->span, "UPDATE");
    case WEIR_SQL_STATEMENT_DELETE: return weir_bind_unsupported(&context, statement->span, "DELETE");
    default:
        return weir_bind_error(&context, WEIR_E_SQL_VALIDATION, statement->span,
            "A query, an INSERT or a STATEMENT SET was expected");
    }
}
