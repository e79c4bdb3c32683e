/* Looks for NULLs and lengths that a table's declaration forbids inside of ROW, ARRAY, MAP and MULTISET
 * values. */
#include "ops/constraint_nested.h"

struct ops_nested_rules *ops_nested_rules_read(struct weir_operator_context *ctx)
{
    const char *nested = weir_spec_get_text(ctx->spec, "nested", "ignore");
    const struct weir_spec *names = weir_spec_get(ctx->spec, "column_names"),
                           *types = weir_spec_get(ctx->spec, "column_types");
    if (strcmp(nested, "ignore") == 0 || !names || !types) return NULL;
    struct ops_nested_rules *rules = WEIR_ARENA_NEW(ctx->arena, struct ops_nested_rules);
    rules->collections = strcmp(nested, "rows_and_collections") == 0;
    rules->lengths = strcmp(weir_spec_get_text(ctx->spec, "length_policy", "ignore"), "error") == 0;
    rules->column_count = WEIR_MIN(types->count, ctx->input_column_counts[0]);
    rules->names = WEIR_ARENA_ARRAY(ctx->arena, const char *, rules->column_count + 1);
    rules->types = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, rules->column_count + 1);
    for (uint32_t c = 0; c < rules->column_count; c++) {
        struct weir_slice name = names->items[c]->text;
        rules->names[c] = weir_arena_copy(ctx->arena, name.data, name.length);
        rules->types[c] = types->items[c]->type;
    }
    return rules;
}

struct finder {
    const struct ops_nested_rules *rules;
    struct ops_nested_violation *ret;
    size_t path_length;
};

/* Adds a step to the path; what does not fit is cut. Returns the length before it. */
static size_t step(struct finder *f, const char *before, const char *name, const char *after)
{
    size_t old = f->path_length;
    const char *const parts[] = { before, name, after };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(parts); i++) {
        size_t length = strlen(parts[i]);
        length = WEIR_MIN(length, (size_t)OPS_VIOLATION_PATH_BYTES_MAX - 1 - f->path_length);
        memcpy(f->ret->path + f->path_length, parts[i], length);
        f->path_length += length;
    }
    f->ret->path[f->path_length] = '\0';
    return old;
}

static void back(struct finder *f, size_t old)
{
    f->path_length = old;
    f->ret->path[old] = '\0';
}

static uint32_t characters(const struct weir_string *s)
{
    const char *data = weir_string_data(s);
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->length; i++) count += ((uint8_t)data[i] & 0xc0) != 0x80;
    return count;
}

static bool wrong_length(struct finder *f, const struct weir_type *type, const struct weir_string *s)
{
    if (!f->rules->lengths || !weir_type_is_view(type) || type->length == WEIR_LENGTH_MAX) return false;
    uint32_t length = weir_type_is_string(type) ? characters(s) : s->length;
    bool exact = type->id == WEIR_TYPE_CHAR || type->id == WEIR_TYPE_BINARY;
    if (exact ? length == (uint32_t)type->length : length <= (uint32_t)type->length) return false;
    f->ret->kind = OPS_VIOLATION_LENGTH;
    f->ret->type = type;
    f->ret->length = length;
    return true;
}

/* Decimal text of an index into an array. */
static const char *digits(uint32_t value, char buffer[12])
{
    char *at = buffer + 11;
    *at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return at;
}

static bool find(
    struct finder *f, const struct weir_type *type, const struct weir_vector *v, uint32_t row, bool top);

static bool find_in_list(
    struct finder *f, const struct weir_type *type, const struct weir_vector *flat, uint32_t at)
{
    static const char *const map_names[] = { "key", "value" };
    struct weir_list list = ((const struct weir_list *)flat->data)[at];
    uint32_t children = type->id == WEIR_TYPE_MAP ? 2 : 1;
    char buffer[12];
    for (uint32_t i = 0; i < list.length; i++) {
        for (uint32_t c = 0; c < children; c++) {
            const char *name = type->id == WEIR_TYPE_MAP ? map_names[c] : digits(i, buffer);
            size_t old = step(f, "[", name, "]");
            if (find(f, type->children[c], &flat->children[c], list.offset + i, false)) return true;
            back(f, old);
        }
    }
    return false;
}

static bool find(
    struct finder *f, const struct weir_type *type, const struct weir_vector *v, uint32_t row, bool top)
{
    const struct weir_vector *flat;
    uint32_t at = weir_vector_locate(v, row, &flat);
    if (weir_vector_is_null(v, row)) {
        if (top || type->nullable) return false;
        f->ret->kind = OPS_VIOLATION_NULL;
        f->ret->type = type;
        return true;
    }
    if (weir_type_is_view(type))
        return !top && wrong_length(f, type, &((const struct weir_string *)flat->data)[at]);
    if (type->id == WEIR_TYPE_ROW) {
        for (uint32_t c = 0; c < type->child_count; c++) {
            size_t old = step(f, ".", type->field_names[c], "");
            if (find(f, type->children[c], &flat->children[c], at, false)) return true;
            back(f, old);
        }
        return false;
    }
    return weir_type_is_nested(type) && f->rules->collections && find_in_list(f, type, flat, at);
}

bool ops_nested_find(const struct ops_nested_rules *rules, const struct weir_batch *in, uint32_t row,
    struct ops_nested_violation *ret)
{
    struct finder f = { rules, ret, 0 };
    ret->kind = OPS_VIOLATION_NONE;
    for (uint32_t c = 0; c < rules->column_count; c++) {
        if (!weir_type_is_nested(rules->types[c])) continue;
        back(&f, 0);
        step(&f, rules->names[c], "", "");
        if (find(&f, rules->types[c], &in->columns[c], row, true)) return true;
    }
    return false;
}
