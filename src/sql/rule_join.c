/* Joins: conditions that follow from others, and key expressions as columns. */
#include "expr/function.h"
#include "sql/optimizer.h"

/* --- what an OR says of each side alone --- */

/* (l1 AND r1) OR (l2 AND r2): l1 OR l2 holds on one side. NULL when some branch says nothing of the columns
 * in [from, to). */
static struct weir_expr *side_of_or(
    struct weir_planning *planning, const struct weir_expr *expr, uint32_t from, uint32_t to, uint32_t width)
{
    struct weir_expr **branches =
        WEIR_ARENA_ARRAY(planning->arena, struct weir_expr *, expr->argument_count + 1);
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        struct weir_expr **parts;
        uint32_t count = weir_expr_conjuncts(planning->arena, expr->arguments[i], &parts), kept = 0;
        for (uint32_t p = 0; p < count; p++)
            if (weir_expr_is_deterministic(parts[p]) && !weir_expr_is_literal(parts[p]) &&
                weir_expr_columns_within(planning->arena, parts[p], from, to, width))
                parts[kept++] = parts[p];
        if (!kept) return NULL;
        branches[i] = weir_expr_and(planning->arena, parts, kept);
    }
    return weir_expr_or(planning->arena, branches, expr->argument_count);
}

static struct weir_rel *derive(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_JOIN || !rel->join.condition) return NULL;
    enum weir_join_type type = rel->join.type;
    bool may[2] = { type == WEIR_JOIN_INNER || type == WEIR_JOIN_RIGHT || type == WEIR_JOIN_SEMI,
        type == WEIR_JOIN_INNER || type == WEIR_JOIN_LEFT || type == WEIR_JOIN_SEMI };
    uint32_t left = rel->inputs[0]->field_count, width = left + rel->inputs[1]->field_count;
    struct weir_expr **conjuncts;
    uint32_t count = weir_expr_conjuncts(planning->arena, rel->join.condition, &conjuncts);
    struct weir_rel *result = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (conjuncts[i]->kind != WEIR_EXPR_OR) continue;
        for (uint32_t side = 0; side < 2; side++) {
            uint32_t from = side ? left : 0, to = side ? width : left;
            struct weir_expr *derived =
                may[side] ? side_of_or(planning, conjuncts[i], from, to, width) : NULL;
            if (!derived) continue;
            if (!result) result = weir_rel_copy(planning, rel);
            if (side) derived = weir_expr_shift(planning->arena, derived, -(int64_t)left, width);
            struct weir_rel **inputs = (struct weir_rel **)result->inputs;
            inputs[side] = weir_rel_filter(planning, inputs[side], derived);
        }
    }
    return result;
}

/* --- a = b AND a = 5: b = 5 --- */

static struct weir_expr *equal_to_literal(struct weir_expr *expr, uint32_t *column)
{
    if (!weir_expr_is_call(expr, "=")) return NULL;
    for (uint32_t i = 0; i < 2; i++) {
        if (expr->arguments[i]->kind != WEIR_EXPR_COLUMN || !weir_expr_is_literal(expr->arguments[1 - i]))
            continue;
        *column = expr->arguments[i]->column;
        return expr->arguments[1 - i];
    }
    return NULL;
}

/* Literals that a column of input must equal, said by a filter right on it. */
static struct weir_expr *literal_of(
    struct weir_planning *planning, const struct weir_rel *input, uint32_t column)
{
    for (; input->kind == WEIR_REL_FILTER || input->kind == WEIR_REL_PROJECT; input = input->inputs[0]) {
        if (input->kind == WEIR_REL_PROJECT) {
            if (input->project.exprs[column]->kind != WEIR_EXPR_COLUMN) return NULL;
            column = input->project.exprs[column]->column;
            continue;
        }
        struct weir_expr **conjuncts;
        uint32_t count = weir_expr_conjuncts(planning->arena, input->filter.condition, &conjuncts), found;
        for (uint32_t i = 0; i < count; i++) {
            struct weir_expr *literal = equal_to_literal(conjuncts[i], &found);
            if (literal && found == column) return literal;
        }
    }
    return NULL;
}

/* Whether a column of the left side (of so many columns) must equal one of the right: which, each of its
 * side. */
static bool equal_columns(const struct weir_expr *conjunct, uint32_t left, uint32_t columns[2])
{
    if (!weir_expr_is_call(conjunct, "=")) return false;
    const struct weir_expr *a = conjunct->arguments[0], *b = conjunct->arguments[1];
    if (a->kind != WEIR_EXPR_COLUMN || b->kind != WEIR_EXPR_COLUMN) return false;
    if ((a->column < left) == (b->column < left)) return false;
    columns[0] = WEIR_MIN(a->column, b->column);
    columns[1] = WEIR_MAX(a->column, b->column) - left;
    return true;
}

static struct weir_rel *transitive(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_JOIN || !rel->join.condition || rel->join.type > WEIR_JOIN_RIGHT) return NULL;
    uint32_t left = rel->inputs[0]->field_count;
    struct weir_expr **conjuncts;
    uint32_t count = weir_expr_conjuncts(planning->arena, rel->join.condition, &conjuncts);
    struct weir_rel *result = NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t columns[2];
        if (!equal_columns(conjuncts[i], left, columns)) continue;
        struct weir_expr *literals[2] = { literal_of(planning, rel->inputs[0], columns[0]),
            literal_of(planning, rel->inputs[1], columns[1]) };
        for (uint32_t side = 0; side < 2; side++) {
            bool may = side ? rel->join.type != WEIR_JOIN_RIGHT : rel->join.type != WEIR_JOIN_LEFT;
            if (!may || literals[side] || !literals[1 - side]) continue;
            const struct weir_rel *input = rel->inputs[side];
            struct weir_expr *pair[2] = { weir_expr_column(planning->arena, columns[side],
                                              input->fields[columns[side]].type),
                literals[1 - side] };
            struct weir_expr *equal;
            if (weir_expr_call(planning->arena, "=", pair, 2, &equal, NULL)) continue;
            if (!result) result = weir_rel_copy(planning, rel);
            struct weir_rel **inputs = (struct weir_rel **)result->inputs;
            inputs[side] = weir_rel_filter(planning, inputs[side], equal);
        }
    }
    return result;
}

/* --- a key that may be NULL never matches: such rows need not be kept --- */

static bool known_not_null(struct weir_planning *planning, const struct weir_rel *input, uint32_t column)
{
    if (!input->fields[column].type->nullable) return true;
    if (input->kind == WEIR_REL_PROJECT)
        return input->project.exprs[column]->kind == WEIR_EXPR_COLUMN &&
               known_not_null(planning, input->inputs[0], input->project.exprs[column]->column);
    if (input->kind != WEIR_REL_FILTER) return false;
    struct weir_expr **conjuncts;
    uint32_t count = weir_expr_conjuncts(planning->arena, input->filter.condition, &conjuncts);
    for (uint32_t i = 0; i < count; i++) {
        if (conjuncts[i]->kind != WEIR_EXPR_CALL ||
            (conjuncts[i]->function->flags & WEIR_FUNCTION_NULLS &&
                strcmp(conjuncts[i]->function->name, "IS NOT NULL") != 0))
            continue;
        for (uint32_t a = 0; a < conjuncts[i]->argument_count; a++)
            if (conjuncts[i]->arguments[a]->kind == WEIR_EXPR_COLUMN &&
                conjuncts[i]->arguments[a]->column == column)
                return true;
    }
    return known_not_null(planning, input->inputs[0], column);
}

static struct weir_rel *not_null(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_JOIN || !rel->join.condition || rel->join.null_aware) return NULL;
    enum weir_join_type type = rel->join.type;
    if (type == WEIR_JOIN_FULL || type == WEIR_JOIN_ANTI) return NULL;
    bool may[2] = { type != WEIR_JOIN_LEFT, type != WEIR_JOIN_RIGHT };
    uint32_t left = rel->inputs[0]->field_count;
    struct weir_expr **conjuncts;
    uint32_t count = weir_expr_conjuncts(planning->arena, rel->join.condition, &conjuncts);
    struct weir_rel *result = NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t columns[2];
        if (!equal_columns(conjuncts[i], left, columns)) continue;
        for (uint32_t side = 0; side < 2; side++) {
            const struct weir_rel *input = (result ? result : rel)->inputs[side];
            /* Only where the filter costs no state of its own: in front of changelogs it changes what updates
             * must carry. */
            if (!may[side] || known_not_null(planning, input, columns[side]) ||
                !weir_rel_is_append(planning, input))
                continue;
            struct weir_expr *column = weir_expr_column(
                                 planning->arena, columns[side], input->fields[columns[side]].type),
                             *test;
            if (weir_expr_call(planning->arena, "IS NOT NULL", &column, 1, &test, NULL)) continue;
            if (!result) result = weir_rel_copy(planning, rel);
            struct weir_rel **inputs = (struct weir_rel **)result->inputs;
            inputs[side] = weir_rel_filter(planning, inputs[side], test);
        }
    }
    return result;
}

/* --- key expressions --- */

struct appended {
    struct weir_expr **exprs; /* over the side's columns */
    uint32_t count;
};

static bool is_key_call(const struct weir_expr *expr)
{
    return (weir_expr_is_call(expr, "=") || weir_expr_is_call(expr, "IS NOT DISTINCT FROM")) &&
           weir_expr_is_deterministic(expr);
}

/* The side on which all columns of expr are; -1: both or none. */
static int side_of(
    struct weir_planning *planning, const struct weir_expr *expr, uint32_t left, uint32_t width)
{
    bool *used = WEIR_ARENA_ARRAY(planning->arena, bool, width + 1), sides[2] = { false, false };
    weir_expr_columns_used(expr, used);
    for (uint32_t c = 0; c < width; c++)
        if (used[c]) sides[c >= left] = true;
    return sides[0] == sides[1] ? -1 : sides[1];
}

static struct weir_rel *append(
    struct weir_planning *planning, struct weir_rel *input, const struct appended *more)
{
    if (!more->count) return input;
    uint32_t count = input->field_count + more->count;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(planning->arena, struct weir_expr *, count);
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(planning->arena, struct weir_rel_field, count);
    for (uint32_t f = 0; f < count; f++) {
        bool own = f < input->field_count;
        exprs[f] = own ? weir_expr_column(planning->arena, f, input->fields[f].type)
                       : more->exprs[f - input->field_count];
        fields[f].name = own ? input->fields[f].name : weir_arena_format(planning->arena, "$f%u", f);
        fields[f].type = exprs[f]->type;
    }
    return weir_rel_project(planning, input, exprs, fields, count);
}

/* a + 1 = b: a column $f = a + 1 is computed below, so that rows can be hashed by it. */
static struct weir_rel *key_columns(struct weir_planning *planning, struct weir_rel *rel)
{
    if (rel->kind != WEIR_REL_JOIN || !rel->join.condition) return NULL;
    struct weir_arena *arena = planning->arena;
    uint32_t widths[2] = { rel->inputs[0]->field_count, rel->inputs[1]->field_count },
             width = widths[0] + widths[1];
    struct weir_expr **conjuncts;
    uint32_t count = weir_expr_conjuncts(arena, rel->join.condition, &conjuncts);
    struct appended more[2] = { { WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 1), 0 },
        { WEIR_ARENA_ARRAY(arena, struct weir_expr *, count + 1), 0 } };
    struct {
        uint32_t conjunct, argument, side, at;
    } *moved = weir_arena_allocate_zeroed(arena, sizeof *moved * (2 * (size_t)count + 1));
    uint32_t moved_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_key_call(conjuncts[i])) continue;
        int sides[2];
        for (uint32_t a = 0; a < 2; a++)
            sides[a] = side_of(planning, conjuncts[i]->arguments[a], widths[0], width);
        if (sides[0] < 0 || sides[1] < 0 || sides[0] == sides[1]) continue;
        for (uint32_t a = 0; a < 2; a++) {
            struct weir_expr *argument = conjuncts[i]->arguments[a];
            if (argument->kind == WEIR_EXPR_COLUMN) continue;
            struct appended *to = &more[sides[a]];
            if (sides[a]) argument = weir_expr_shift(arena, argument, -(int64_t)widths[0], width);
            moved[moved_count].conjunct = i;
            moved[moved_count].argument = a;
            moved[moved_count].side = (uint32_t)sides[a];
            moved[moved_count++].at = to->count;
            to->exprs[to->count++] = argument;
        }
    }
    if (!moved_count) return NULL;
    struct weir_rel *inputs[2] = { append(planning, rel->inputs[0], &more[0]),
        append(planning, rel->inputs[1], &more[1]) };
    /* Old columns in the wider row: the right side moves by what the left got. */
    uint32_t *map = WEIR_ARENA_ARRAY(arena, uint32_t, width + 1), left = inputs[0]->field_count;
    for (uint32_t c = 0; c < width; c++) map[c] = c < widths[0] ? c : c - widths[0] + left;
    for (uint32_t i = 0, m = 0; i < count; i++) {
        struct weir_expr *arguments[2] = { NULL, NULL };
        for (; m < moved_count && moved[m].conjunct == i; m++) {
            uint32_t column = moved[m].side ? left + widths[1] + moved[m].at : widths[0] + moved[m].at;
            arguments[moved[m].argument] =
                weir_expr_column(arena, column, conjuncts[i]->arguments[moved[m].argument]->type);
        }
        struct weir_expr *old = conjuncts[i];
        if (!arguments[0] && !arguments[1]) {
            conjuncts[i] = weir_expr_remap(arena, old, map);
            continue;
        }
        for (uint32_t a = 0; a < 2; a++)
            if (!arguments[a]) arguments[a] = weir_expr_remap(arena, old->arguments[a], map);
        if (weir_expr_call(arena, old->function->name, arguments, 2, &conjuncts[i], planning->error))
            return NULL;
    }
    bool left_only = rel->join.type == WEIR_JOIN_SEMI || rel->join.type == WEIR_JOIN_ANTI;
    uint32_t total = left_only ? left : left + inputs[1]->field_count;
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(arena, struct weir_rel_field, total + 1);
    for (uint32_t f = 0; f < total; f++) {
        fields[f] = f < left ? inputs[0]->fields[f] : inputs[1]->fields[f - left];
        fields[f].type = weir_type_nullable(arena, fields[f].type, true);
    }
    for (uint32_t c = 0; c < rel->field_count; c++) fields[map[c]] = rel->fields[c];
    struct weir_rel *join = weir_rel_make(planning, WEIR_REL_JOIN, inputs, 2, fields, total);
    join->join = rel->join;
    join->join.condition = weir_expr_and(arena, conjuncts, count);
    join->line = rel->line;
    join->column = rel->column;
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(arena, struct weir_expr *, rel->field_count + 1);
    for (uint32_t f = 0; f < rel->field_count; f++)
        exprs[f] = weir_expr_column(arena, map[f], rel->fields[f].type);
    return weir_rel_project(planning, join, exprs, rel->fields, rel->field_count);
}

const struct weir_rewrite_rule weir_join_once_rules[] = {
    { WEIR_RULE_JOIN_DERIVE_CONDITIONS, derive },
    { WEIR_RULE_JOIN_TRANSITIVE, transitive },
    { WEIR_RULE_JOIN_NOT_NULL, not_null },
};
const uint32_t weir_join_once_rule_count = WEIR_ARRAY_COUNT(weir_join_once_rules);

const struct weir_rewrite_rule weir_join_rules[] = {
    { WEIR_RULE_JOIN_KEY_COLUMNS, key_columns },
};
const uint32_t weir_join_rule_count = WEIR_ARRAY_COUNT(weir_join_rules);
