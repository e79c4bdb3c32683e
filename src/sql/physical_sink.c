/* What stands before a sink: the enforcer of its table's constraints. (The materializer comes with changelog
 * inference.) */
#include "sql/physical.h"

#include "sql/catalog.h"

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
    weir_spec_put(arena, spec, "table", weir_spec_text(arena, table->identifier_text));
    return spec;
}

enum weir_error_code weir_physical_sink(struct weir_planning *planning, const struct weir_rel *rel,
    struct weir_physical *input, struct weir_physical **ret)
{
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
