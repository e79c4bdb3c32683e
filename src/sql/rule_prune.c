/*
 * Column pruning over the whole DAG: first, consumers before producers, what is used of each column - all of
 * it, or only some fields of a ROW -, the union over all consumers; then, producers first, every rel is made
 * anew with the columns that are used. A consumer that keeps rows (joins, Top-N ...) gets a projection below
 * it when its input has more than it needs.
 */
#include "base/assert.h"
#include "expr/function.h"
#include "sql/catalog.h"
#include "sql/prune.h"

static bool is_chain(const struct weir_expr *expr, uint32_t *column, struct weir_path *path)
{
    uint32_t reversed[WEIR_PATH_FIELDS_MAX], count = 0;
    int64_t field;
    while (weir_expr_is_call(expr, "$FIELD")) {
        if (count == WEIR_PATH_FIELDS_MAX || !weir_expr_literal_integer(expr->arguments[1], &field))
            return false;
        reversed[count++] = (uint32_t)field;
        expr = expr->arguments[0];
    }
    if (expr->kind != WEIR_EXPR_COLUMN) return false;
    *column = expr->column;
    path->length = count;
    for (uint32_t i = 0; i < count; i++) path->fields[i] = reversed[count - 1 - i];
    return true;
}

bool weir_path_from_expr(const struct weir_expr *expr, uint32_t *column, struct weir_path *path)
{
    return is_chain(expr, column, path);
}

/* --- uses --- */

static bool starts_with(const struct weir_path *path, const struct weir_path *prefix)
{
    return path->length >= prefix->length &&
           (!prefix->length ||
               memcmp(path->fields, prefix->fields, prefix->length * sizeof *prefix->fields) == 0);
}

static void use_path(struct weir_arena *arena, struct weir_use *use, const struct weir_path *path)
{
    if (use->whole) return;
    if (!path->length) {
        use->whole = true;
        use->path_count = 0;
        return;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < use->path_count; i++) {
        if (starts_with(path, &use->paths[i])) return;
        if (!starts_with(&use->paths[i], path)) use->paths[kept++] = use->paths[i];
    }
    use->path_count = kept;
    struct weir_path *grown = WEIR_ARENA_ARRAY(arena, struct weir_path, kept + 1);
    /* In the order of the fields, so that equal uses have equal layouts. */
    uint32_t at = 0;
    while (at < kept && memcmp(use->paths[at].fields, path->fields, sizeof path->fields) < 0) at++;
    for (uint32_t i = 0; i < kept; i++) grown[i < at ? i : i + 1] = use->paths[i];
    grown[at] = *path;
    use->paths = grown;
    use->path_count = kept + 1;
}

void weir_use_whole(struct weir_use *use)
{
    use->whole = true;
    use->path_count = 0;
}

void weir_use_add(
    struct weir_arena *arena, struct weir_use *to, const struct weir_use *from, const struct weir_path *below)
{
    if (from->whole) {
        use_path(arena, to, below);
        return;
    }
    for (uint32_t i = 0; i < from->path_count; i++) {
        struct weir_path path = *below;
        if (path.length + from->paths[i].length > WEIR_PATH_FIELDS_MAX) {
            weir_use_whole(to);
            return;
        }
        memcpy(path.fields + path.length, from->paths[i].fields, from->paths[i].length * sizeof *path.fields);
        path.length += from->paths[i].length;
        use_path(arena, to, &path);
    }
}

void weir_use_expr(struct weir_arena *arena, struct weir_use *uses, const struct weir_expr *expr)
{
    uint32_t column;
    struct weir_path path = { 0 };
    if (is_chain(expr, &column, &path)) {
        use_path(arena, &uses[column], &path);
        return;
    }
    if (expr->kind < WEIR_EXPR_CALL) return;
    for (uint32_t i = 0; i < expr->argument_count; i++) weir_use_expr(arena, uses, expr->arguments[i]);
}

bool weir_use_is_used(const struct weir_use *use)
{
    return use->whole || use->path_count;
}

/* --- layouts --- */

static void add_slot(struct weir_layout *layout, uint32_t old, const struct weir_path *path)
{
    layout->slots[layout->count].old = old;
    layout->slots[layout->count++].path = *path;
}

struct weir_layout weir_layout_of_uses(
    struct weir_arena *arena, const struct weir_use *uses, uint32_t first, uint32_t count, bool nested)
{
    static const struct weir_path whole;
    uint32_t room = 1;
    for (uint32_t c = 0; c < count; c++) room += 1 + uses[c].path_count;
    struct weir_layout layout = { WEIR_ARENA_ARRAY(arena, struct weir_slot, room), 0 };
    for (uint32_t c = first; c < count; c++) {
        if (uses[c].whole || (uses[c].path_count && !nested))
            add_slot(&layout, c, &whole);
        else
            for (uint32_t p = 0; p < uses[c].path_count; p++) add_slot(&layout, c, &uses[c].paths[p]);
    }
    return layout;
}

struct weir_layout weir_layout_join(struct weir_arena *arena, const struct weir_layout *left,
    uint32_t left_width, const struct weir_layout *right)
{
    struct weir_layout layout = { WEIR_ARENA_ARRAY(arena, struct weir_slot, left->count + right->count + 1),
        0 };
    for (uint32_t i = 0; i < left->count; i++) layout.slots[layout.count++] = left->slots[i];
    for (uint32_t i = 0; i < right->count; i++) {
        layout.slots[layout.count] = right->slots[i];
        layout.slots[layout.count++].old += left_width;
    }
    return layout;
}

/* The slot that holds the path, or holds something it lies in. */
static uint32_t find(const struct weir_layout *layout, uint32_t old, const struct weir_path *path)
{
    for (uint32_t s = 0; s < layout->count; s++)
        if (layout->slots[s].old == old && starts_with(path, &layout->slots[s].path)) return s;
    return UINT32_MAX;
}

uint32_t weir_layout_column(const struct weir_layout *layout, uint32_t old)
{
    static const struct weir_path whole;
    uint32_t slot = find(layout, old, &whole);
    WEIR_ASSERT(slot != UINT32_MAX);
    return slot;
}

uint32_t *weir_layout_columns(
    struct weir_arena *arena, const struct weir_layout *layout, const uint32_t *old, uint32_t count)
{
    uint32_t *columns = WEIR_ARENA_ARRAY(arena, uint32_t, count + 1);
    for (uint32_t i = 0; i < count; i++) columns[i] = weir_layout_column(layout, old[i]);
    return columns;
}

/* The column that holds old.path, with field accesses for what remains. */
static struct weir_expr *access(struct weir_arena *arena, const struct weir_layout *layout,
    const struct weir_rel_field *fields, uint32_t old, const struct weir_path *path)
{
    uint32_t slot = find(layout, old, path);
    WEIR_ASSERT(slot != UINT32_MAX);
    struct weir_expr *expr = weir_expr_column(arena, slot, fields[slot].type);
    for (uint32_t i = layout->slots[slot].path.length; i < path->length; i++)
        expr = weir_expr_field(arena, expr, path->fields[i]);
    return expr;
}

struct weir_expr *weir_layout_expr(struct weir_arena *arena, const struct weir_layout *layout,
    const struct weir_rel_field *fields, struct weir_expr *expr)
{
    uint32_t column;
    struct weir_path path = { 0 };
    if (is_chain(expr, &column, &path)) return access(arena, layout, fields, column, &path);
    if (expr->kind < WEIR_EXPR_CALL) return expr;
    struct weir_expr **arguments = WEIR_ARENA_ARRAY(arena, struct weir_expr *, expr->argument_count + 1);
    for (uint32_t i = 0; i < expr->argument_count; i++)
        arguments[i] = weir_layout_expr(arena, layout, fields, expr->arguments[i]);
    struct weir_expr *copy = WEIR_ARENA_NEW(arena, struct weir_expr);
    *copy = *expr;
    copy->arguments = arguments;
    return copy;
}

static const struct weir_type *path_type(
    struct weir_arena *arena, const struct weir_type *type, const struct weir_path *path)
{
    bool nullable = type->nullable;
    for (uint32_t i = 0; i < path->length; i++) {
        type = type->children[path->fields[i]];
        nullable |= type->nullable;
    }
    return path->length ? weir_type_nullable(arena, type, nullable) : type;
}

static const char *path_name(
    struct weir_arena *arena, const struct weir_rel_field *field, const struct weir_path *path)
{
    const char *name = field->name;
    const struct weir_type *type = field->type;
    for (uint32_t i = 0; i < path->length; i++) {
        name = weir_arena_format(arena, "%s_%s", name, type->field_names[path->fields[i]]);
        type = type->children[path->fields[i]];
    }
    return name;
}

struct weir_rel_field *weir_layout_fields(
    struct weir_arena *arena, const struct weir_layout *layout, const struct weir_rel_field *old)
{
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(arena, struct weir_rel_field, layout->count + 1);
    for (uint32_t s = 0; s < layout->count; s++) {
        const struct weir_rel_field *field = &old[layout->slots[s].old];
        fields[s].name = path_name(arena, field, &layout->slots[s].path);
        fields[s].type = path_type(arena, field->type, &layout->slots[s].path);
    }
    return fields;
}

bool weir_layout_equal(const struct weir_layout *a, const struct weir_layout *b)
{
    if (a->count != b->count) return false;
    for (uint32_t s = 0; s < a->count; s++) {
        const struct weir_slot *x = &a->slots[s], *y = &b->slots[s];
        if (x->old != y->old || x->path.length != y->path.length || !starts_with(&x->path, &y->path))
            return false;
    }
    return true;
}

struct weir_rel *weir_layout_trim(struct weir_planning *planning, struct weir_rel *rel,
    const struct weir_layout *has, const struct weir_layout *wanted)
{
    if (weir_layout_equal(has, wanted)) return rel;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(planning->arena, struct weir_expr *, wanted->count + 1);
    struct weir_rel_field *fields =
        WEIR_ARENA_ARRAY(planning->arena, struct weir_rel_field, wanted->count + 1);
    for (uint32_t s = 0; s < wanted->count; s++) {
        const struct weir_slot *slot = &wanted->slots[s];
        exprs[s] = access(planning->arena, has, rel->fields, slot->old, &slot->path);
        uint32_t at = find(has, slot->old, &slot->path);
        const struct weir_path *held = &has->slots[at].path;
        struct weir_path rest = { .length = slot->path.length - held->length };
        memcpy(rest.fields, slot->path.fields + held->length, rest.length * sizeof *rest.fields);
        fields[s].name = path_name(planning->arena, &rel->fields[at], &rest);
        fields[s].type = exprs[s]->type;
    }
    return weir_rel_project(planning, rel, exprs, fields, wanted->count);
}
