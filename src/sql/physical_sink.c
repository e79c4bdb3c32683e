/* What stands before a sink: the enforcer of its table's constraints. (The materializer comes with changelog
 * inference.) */
#include "sql/physical.h"

#include "sql/catalog.h"

enum nested { NESTED_IGNORE, NESTED_ROWS, NESTED_COLLECTIONS };

static enum nested nested_policy(const struct weir_planning *planning)
{
    const char *text =
        weir_sql_config_text(planning->config, "table.exec.sink.nested-constraint-enforcer", "IGNORE");
    return strcmp(text, "ROWS") == 0                   ? NESTED_ROWS
           : strcmp(text, "ROWS_AND_COLLECTIONS") == 0 ? NESTED_COLLECTIONS
                                                       : NESTED_IGNORE;
}

static bool is_limited(const struct weir_type *type)
{
    return weir_type_is_view(type) && type->length < WEIR_LENGTH_MAX;
}

/* Whether something inside of the type is NOT NULL or (lengths) has a length. Only collections: inside of
 * those alone. */
static bool constrained_inside(
    const struct weir_type *type, enum nested policy, bool lengths, bool only_collections)
{
    bool row = type->id == WEIR_TYPE_ROW;
    if (!weir_type_is_nested(type) || (!row && policy != NESTED_COLLECTIONS)) return false;
    for (uint32_t c = 0; c < type->child_count; c++) {
        const struct weir_type *child = type->children[c];
        bool counts = !(row && only_collections) &&
                      (lengths ? is_limited(child) : !child->nullable || is_limited(child));
        if (counts || constrained_inside(child, policy, lengths, only_collections && row)) return true;
    }
    return false;
}

/* The type with STRING and BYTES for every CHAR(n), VARCHAR(n) and the like inside of ROWs. */
static const struct weir_type *unlimited(struct weir_arena *arena, const struct weir_type *type)
{
    if (is_limited(type)) {
        enum weir_type_id id = weir_type_is_string(type) ? WEIR_TYPE_VARCHAR : WEIR_TYPE_VARBINARY;
        return weir_type_with_length(arena, id, WEIR_LENGTH_MAX, type->nullable);
    }
    if (type->id != WEIR_TYPE_ROW) return type;
    const struct weir_type **children =
        WEIR_ARENA_ARRAY(arena, const struct weir_type *, type->child_count + 1);
    for (uint32_t c = 0; c < type->child_count; c++) children[c] = unlimited(arena, type->children[c]);
    return weir_type_row(arena, children, type->field_names, type->child_count, type->nullable);
}

/* Values inside of ROWs are trimmed and padded by casts: to unlimited types, and back to the declared ones.
 */
static enum weir_error_code trim_nested(
    struct weir_planning *planning, const struct weir_rel *rel, struct weir_physical **input)
{
    struct weir_arena *arena = planning->arena;
    struct weir_physical *below = *input;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(arena, struct weir_expr *, below->field_count + 1);
    bool any = false;
    uint32_t at = 0;
    for (uint32_t f = 0; f < below->field_count; f++)
        exprs[f] = weir_expr_column(arena, f, below->fields[f].type);
    for (uint32_t c = 0; c < rel->sink.table->column_count; c++) {
        if (weir_sql_table_physical_index(rel->sink.table, c) == UINT32_MAX) continue;
        const struct weir_type *type = rel->sink.table->columns[c].type;
        uint32_t f = at++;
        if (constrained_inside(type, NESTED_COLLECTIONS, true, true) &&
            nested_policy(planning) == NESTED_COLLECTIONS)
            return weir_error_set_at(planning->error, WEIR_E_SQL_VALIDATION, rel->line, rel->column,
                "Trimming and/or padding is not supported if constraint checking is enabled on types nested "
                "in collections. "
                "Column '%s' has such types",
                rel->sink.table->columns[c].name);
        if (type->id != WEIR_TYPE_ROW || !constrained_inside(type, NESTED_ROWS, true, false)) continue;
        struct weir_expr *wide;
        enum weir_error_code code =
            weir_expr_cast(arena, exprs[f], unlimited(arena, type), false, &wide, planning->error);
        if (!code) code = weir_expr_cast(arena, wide, type, false, &exprs[f], planning->error);
        if (code) return code;
        any = true;
    }
    if (!any) return WEIR_OK;
    struct weir_physical *calc = weir_physical_new(planning, WEIR_PHYSICAL_CALC, NULL, 1);
    calc->inputs[0] = below;
    calc->projections = exprs;
    calc->fields = below->fields;
    calc->field_count = below->field_count;
    weir_physical_finish(planning, calc);
    *input = calc;
    return WEIR_OK;
}

/* A sink's constraints, as the spec of constraint_enforcer has them. NULL: there are none. */
static struct weir_spec *constraints(struct weir_planning *planning, const struct weir_rel *rel)
{
    const struct weir_sql_table *table = rel->sink.table;
    struct weir_arena *arena = planning->arena;
    struct weir_spec *lists[8];
    static const char *const names[] = { "not_null", "not_null_names", "char_columns", "char_lengths",
        "char_pads", "binary_columns", "binary_lengths", "binary_pads" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(lists); i++) lists[i] = weir_spec_list(arena);
    const char *lengths =
        weir_sql_config_text(planning->config, "table.exec.sink.type-length-enforcer", "IGNORE");
    bool ignored = strcmp(lengths, "IGNORE") == 0;
    uint32_t at = 0, constraint_count = 0;
    enum nested nested = nested_policy(planning);
    struct weir_spec *column_names = weir_spec_list(arena), *column_types = weir_spec_list(arena);
    for (uint32_t c = 0; c < table->column_count; c++) {
        if (weir_sql_table_physical_index(table, c) == UINT32_MAX) continue;
        const struct weir_type *type = table->columns[c].type;
        if (!type->nullable) {
            weir_spec_add(arena, lists[0], weir_spec_integer(arena, at));
            weir_spec_add(arena, lists[1], weir_spec_text(arena, table->columns[c].name));
            constraint_count++;
        }
        if (!ignored && weir_type_is_view(type) && type->length < WEIR_LENGTH_MAX) {
            struct weir_spec **group = &lists[weir_type_is_string(type) ? 2 : 5];
            bool pads = type->id == WEIR_TYPE_CHAR || type->id == WEIR_TYPE_BINARY;
            weir_spec_add(arena, group[0], weir_spec_integer(arena, at));
            weir_spec_add(arena, group[1], weir_spec_integer(arena, type->length));
            weir_spec_add(arena, group[2], weir_spec_boolean(arena, pads));
            constraint_count++;
        }
        constraint_count += nested && constrained_inside(type, nested, false, false);
        weir_spec_add(arena, column_names, weir_spec_text(arena, table->columns[c].name));
        weir_spec_add(arena, column_types, weir_spec_type(arena, type));
        at++;
    }
    if (!constraint_count) return NULL;
    struct weir_spec *spec = weir_spec_map(arena);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(lists); i++) weir_spec_put(arena, spec, names[i], lists[i]);
    const char *nulls = weir_sql_config_text(planning->config, "table.exec.sink.not-null-enforcer", "ERROR");
    weir_spec_put(
        arena, spec, "not_null_policy", weir_spec_text(arena, strcmp(nulls, "DROP") == 0 ? "drop" : "error"));
    weir_spec_put(arena, spec, "length_policy",
        weir_spec_text(arena, ignored                            ? "ignore"
                              : strcmp(lengths, "TRIM_PAD") == 0 ? "trim_pad"
                                                                 : "error"));
    static const char *const nested_names[] = { "ignore", "rows", "rows_and_collections" };
    weir_spec_put(arena, spec, "nested", weir_spec_text(arena, nested_names[nested]));
    weir_spec_put(arena, spec, "column_names", column_names);
    weir_spec_put(arena, spec, "column_types", column_types);
    weir_spec_put(arena, spec, "table", weir_spec_text(arena, table->identifier_text));
    return spec;
}

enum weir_error_code weir_physical_sink(struct weir_planning *planning, const struct weir_rel *rel,
    struct weir_physical *input, struct weir_physical **ret)
{
    if (rel->sink.table && nested_policy(planning) != NESTED_IGNORE &&
        strcmp(weir_sql_config_text(planning->config, "table.exec.sink.type-length-enforcer", "IGNORE"),
            "TRIM_PAD") == 0) {
        enum weir_error_code code = trim_nested(planning, rel, &input);
        if (code) return code;
    }
    if (rel->sink.table) {
        const struct weir_spec *spec = constraints(planning, rel);
        if (spec) {
            struct weir_physical *enforcer = weir_physical_new(planning, WEIR_PHYSICAL_ENFORCER, rel, 1);
            enforcer->fields = input->fields;
            enforcer->field_count = input->field_count;
            enforcer->inputs[0] = input;
            enforcer->spec = spec;
            weir_physical_finish(planning, enforcer);
            input = enforcer;
        }
    }
    struct weir_physical *sink = weir_physical_new(planning, WEIR_PHYSICAL_SINK, rel, 1);
    sink->fields = NULL;
    sink->field_count = 0;
    sink->inputs[0] = input;
    if (rel->sink.sink) sink->parallelism = rel->sink.sink->parallelism;
    weir_physical_finish(planning, sink);
    *ret = sink;
    return WEIR_OK;
}
