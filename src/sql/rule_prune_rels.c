/* Column pruning: what each kind of rel uses of its inputs, and the rel with the columns that are left. */
#include "base/assert.h"
#include "sql/catalog.h"
#include "sql/prune.h"

static const struct weir_path whole;

struct state {
    struct weir_use *uses;     /* of the old columns, by all consumers */
    struct weir_layout layout; /* of the new ones */
    struct weir_rel *rel;      /* the new rel; NULL: not made yet */
};

struct walk {
    struct weir_planning *planning;
    struct weir_arena *arena;
    struct weir_rel_map states;
    struct weir_rel **order; /* producers first */
    uint32_t count, capacity;
};

static void visit(struct walk *w, struct weir_rel *rel)
{
    if (weir_rel_map_get(&w->states, rel)) return;
    struct state *state = WEIR_ARENA_NEW(w->arena, struct state);
    state->uses = WEIR_ARENA_ARRAY(w->arena, struct weir_use, rel->field_count + 1);
    weir_rel_map_put(&w->states, rel, state);
    for (uint32_t i = 0; i < rel->input_count; i++) visit(w, rel->inputs[i]);
    if (w->count == w->capacity) {
        uint32_t capacity = w->capacity ? 2 * w->capacity : 64;
        struct weir_rel **grown = WEIR_ARENA_ARRAY(w->arena, struct weir_rel *, capacity);
        if (w->count) memcpy(grown, w->order, w->count * sizeof *grown);
        w->order = grown;
        w->capacity = capacity;
    }
    w->order[w->count++] = rel;
}

static struct state *state_of(struct walk *w, const struct weir_rel *rel)
{
    return weir_rel_map_get(&w->states, rel);
}

/* --- demand --- */

static void demand_columns(struct weir_use *uses, const uint32_t *columns, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) weir_use_whole(&uses[columns[i]]);
}

static void demand_order(struct weir_use *uses, const struct weir_sort_key *keys, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) weir_use_whole(&uses[keys[i].column]);
}

static void demand_call(struct weir_use *uses, const struct weir_aggregate_call *call)
{
    demand_columns(uses, call->arguments, call->argument_count);
    if (call->filter >= 0) weir_use_whole(&uses[call->filter]);
}

/* Calls that stay: those used, and one where nothing else would make rows. */
static bool keeps_call(const struct weir_rel *rel, const struct weir_use *own, uint32_t call)
{
    if (weir_use_is_used(&own[rel->aggregate.key_count + call])) return true;
    if (call || rel->aggregate.key_count || rel->kind == WEIR_REL_WINDOW_AGGREGATE) return false;
    for (uint32_t c = 1; c < rel->aggregate.call_count; c++)
        if (weir_use_is_used(&own[rel->aggregate.key_count + c])) return false;
    return true;
}

static void demand_aggregate(const struct weir_rel *rel, const struct weir_use *own, struct weir_use *uses)
{
    const struct weir_window *window = rel->aggregate.window;
    demand_columns(uses, rel->aggregate.keys, rel->aggregate.key_count);
    for (uint32_t c = 0; c < rel->aggregate.call_count; c++)
        if (keeps_call(rel, own, c)) demand_call(uses, &rel->aggregate.calls[c]);
    if (rel->aggregate.attached) {
        const uint32_t columns[3] = { rel->aggregate.attached_start, rel->aggregate.attached_end,
            rel->aggregate.attached_time };
        for (uint32_t i = 0; i < 3; i++)
            if (columns[i] != UINT32_MAX) weir_use_whole(&uses[columns[i]]);
    } else if (window && !window->processing_time) {
        weir_use_whole(&uses[window->time_column]);
    }
}

static void demand_project(
    struct walk *w, const struct weir_rel *rel, const struct weir_use *own, struct weir_use *uses)
{
    for (uint32_t f = 0; f < rel->field_count; f++) {
        uint32_t column;
        struct weir_path path = { 0 };
        if (!weir_use_is_used(&own[f])) continue;
        if (weir_path_from_expr(rel->project.exprs[f], &column, &path))
            weir_use_add(w->arena, &uses[column], &own[f], &path);
        else
            weir_use_expr(w->arena, uses, rel->project.exprs[f]);
    }
}

static void demand_join(struct walk *w, const struct weir_rel *rel, const struct weir_use *own,
    uint32_t input, struct weir_use *uses)
{
    uint32_t left = rel->inputs[0]->field_count, right = rel->inputs[1]->field_count;
    struct weir_use *both = WEIR_ARENA_ARRAY(w->arena, struct weir_use, left + right + 1);
    bool interval = rel->kind == WEIR_REL_INTERVAL_JOIN;
    const struct weir_expr *condition = interval ? rel->interval_join.condition : rel->join.condition;
    for (uint32_t f = 0; f < rel->field_count; f++) weir_use_add(w->arena, &both[f], &own[f], &whole);
    if (condition) weir_use_expr(w->arena, both, condition);
    if (interval) {
        demand_columns(both, rel->interval_join.left_keys, rel->interval_join.key_count);
        demand_columns(both + left, rel->interval_join.right_keys, rel->interval_join.key_count);
        weir_use_whole(&both[rel->interval_join.left_time]);
        weir_use_whole(&both[left + rel->interval_join.right_time]);
    }
    uint32_t from = input ? left : 0, count = input ? right : left;
    for (uint32_t c = 0; c < count; c++) weir_use_add(w->arena, &uses[c], &both[from + c], &whole);
}

static void pass(struct walk *w, const struct weir_use *own, struct weir_use *uses, uint32_t count)
{
    for (uint32_t c = 0; c < count; c++) weir_use_add(w->arena, &uses[c], &own[c], &whole);
}

/* What rel uses of its input, given what is used of rel. */
static void demand(struct walk *w, const struct weir_rel *rel, const struct weir_use *own, uint32_t input,
    struct weir_use *uses)
{
    uint32_t width = rel->inputs[input]->field_count;
    switch (rel->kind) {
    case WEIR_REL_PROJECT: demand_project(w, rel, own, uses); break;
    case WEIR_REL_FILTER:
        pass(w, own, uses, width);
        weir_use_expr(w->arena, uses, rel->filter.condition);
        break;
    case WEIR_REL_WATERMARK:
        pass(w, own, uses, width);
        weir_use_whole(&uses[rel->watermark.rowtime]);
        weir_use_expr(w->arena, uses, rel->watermark.expression);
        break;
    case WEIR_REL_AGGREGATE:
    case WEIR_REL_WINDOW_AGGREGATE: demand_aggregate(rel, own, uses); break;
    case WEIR_REL_EXPAND:
        for (uint32_t f = 0; f < rel->field_count; f++)
            for (uint32_t l = 0; l < rel->expand.list_count && weir_use_is_used(&own[f]); l++)
                weir_use_expr(w->arena, uses, rel->expand.lists[l][f]);
        break;
    case WEIR_REL_WINDOW_TVF:
        pass(w, own, uses, width);
        if (!rel->tvf.window.processing_time) weir_use_whole(&uses[rel->tvf.window.time_column]);
        demand_columns(uses, rel->tvf.window.partition, rel->tvf.window.partition_count);
        break;
    case WEIR_REL_JOIN:
    case WEIR_REL_INTERVAL_JOIN: demand_join(w, rel, own, input, uses); break;
    case WEIR_REL_UNION: pass(w, own, uses, width); break;
    case WEIR_REL_SORT:
        pass(w, own, uses, width);
        demand_order(uses, rel->sort.keys, rel->sort.key_count);
        break;
    case WEIR_REL_RANK:
        pass(w, own, uses, width);
        demand_columns(uses, rel->rank.partition, rel->rank.partition_count);
        demand_order(uses, rel->rank.order, rel->rank.order_count);
        if (rel->rank.end_column >= 0) weir_use_whole(&uses[rel->rank.end_column]);
        break;
    case WEIR_REL_DEDUPLICATE:
        pass(w, own, uses, width);
        demand_columns(uses, rel->deduplicate.keys, rel->deduplicate.key_count);
        if (rel->deduplicate.rowtime >= 0) weir_use_whole(&uses[rel->deduplicate.rowtime]);
        break;
    case WEIR_REL_CHANGELOG_NORMALIZE:
        pass(w, own, uses, width);
        demand_columns(uses, rel->normalize.keys, rel->normalize.key_count);
        break;
    default: /* DISTINCT, OVER, SINK: all */
        for (uint32_t c = 0; c < width; c++) weir_use_whole(&uses[c]);
        break;
    }
}

/* The cheapest column, where rows are only counted. */
static uint32_t cheapest(const struct weir_rel *rel)
{
    uint32_t best = 0;
    for (uint32_t f = 1; f < rel->field_count; f++) {
        uint32_t width = weir_type_width(rel->fields[f].type),
                 least = weir_type_width(rel->fields[best].type);
        bool plain = !weir_type_is_view(rel->fields[f].type) && !weir_type_is_nested(rel->fields[f].type);
        bool best_plain =
            !weir_type_is_view(rel->fields[best].type) && !weir_type_is_nested(rel->fields[best].type);
        if ((plain && !best_plain) || (plain == best_plain && plain && width < least)) best = f;
    }
    return best;
}

static void settle_uses(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    bool any = false;
    for (uint32_t f = 0; f < rel->field_count; f++) any |= weir_use_is_used(&state->uses[f]);
    if (!any && rel->field_count) weir_use_whole(&state->uses[cheapest(rel)]);
    for (uint32_t i = 0; i < rel->input_count; i++)
        demand(w, rel, state->uses, i, state_of(w, rel->inputs[i])->uses);
}

/* --- rebuilding --- */

/* Input i with just what rel uses of it, in the order of the old columns. */
static struct weir_rel *trimmed(
    struct walk *w, const struct weir_rel *rel, uint32_t i, struct weir_layout *layout)
{
    struct state *input = state_of(w, rel->inputs[i]);
    struct weir_use *uses = WEIR_ARENA_ARRAY(w->arena, struct weir_use, rel->inputs[i]->field_count + 1);
    demand(w, rel, state_of(w, rel)->uses, i, uses);
    *layout = weir_layout_of_uses(w->arena, uses, 0, rel->inputs[i]->field_count, true);
    if (!layout->count) {
        *layout = input->layout;
        return input->rel;
    }
    return weir_layout_trim(w->planning, input->rel, &input->layout, layout);
}

static void set_input(struct weir_rel *rel, uint32_t i, struct weir_rel *input)
{
    ((struct weir_rel **)rel->inputs)[i] = input;
}

static void build_scan(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    const struct weir_sql_source_description *source = rel->scan.source;
    bool projected =
        weir_rule_enabled(w->planning, WEIR_RULE_SCAN_PROJECTION) && (!source || source->reads_projected);
    bool nested =
        weir_rule_enabled(w->planning, WEIR_RULE_SCAN_NESTED_PROJECTION) && source && source->reads_nested;
    for (uint32_t f = 0; f < rel->field_count; f++)
        if (!projected || (rel->scan.columns[f].metadata && weir_use_is_used(&state->uses[f])))
            weir_use_whole(&state->uses[f]);
    state->layout = weir_layout_of_uses(w->arena, state->uses, 0, rel->field_count, nested);
    struct weir_rel *scan = weir_rel_copy(w->planning, rel);
    struct weir_scan_column *columns =
        WEIR_ARENA_ARRAY(w->arena, struct weir_scan_column, state->layout.count + 1);
    for (uint32_t s = 0; s < state->layout.count; s++) {
        const struct weir_slot *slot = &state->layout.slots[s];
        columns[s] = rel->scan.columns[slot->old];
        if (!slot->path.length) continue;
        uint32_t *path = WEIR_ARENA_ARRAY(w->arena, uint32_t, columns[s].path_length + slot->path.length);
        for (uint32_t i = 0; i < columns[s].path_length; i++) path[i] = columns[s].path[i];
        memcpy(path + columns[s].path_length, slot->path.fields, slot->path.length * sizeof *path);
        columns[s].path = path;
        columns[s].path_length += slot->path.length;
    }
    scan->scan.columns = columns;
    scan->fields = weir_layout_fields(w->arena, &state->layout, rel->fields);
    scan->field_count = state->layout.count;
    state->rel = scan;
}

static void build_values(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    state->layout = weir_layout_of_uses(w->arena, state->uses, 0, rel->field_count, false);
    struct weir_rel *values = weir_rel_copy(w->planning, rel);
    struct weir_expr *const **rows =
        WEIR_ARENA_ARRAY(w->arena, struct weir_expr *const *, rel->values.row_count + 1);
    for (uint32_t r = 0; r < rel->values.row_count; r++) {
        struct weir_expr **row = WEIR_ARENA_ARRAY(w->arena, struct weir_expr *, state->layout.count + 1);
        for (uint32_t s = 0; s < state->layout.count; s++)
            row[s] = rel->values.rows[r][state->layout.slots[s].old];
        rows[r] = row;
    }
    values->values.rows = rows;
    values->fields = weir_layout_fields(w->arena, &state->layout, rel->fields);
    values->field_count = state->layout.count;
    state->rel = values;
}

/* PROJECT and EXPAND: the used expressions, over the new columns. */
static struct weir_expr **kept_exprs(struct walk *w, const struct weir_layout *layout,
    const struct state *input, struct weir_expr *const *exprs)
{
    struct weir_expr **kept = WEIR_ARENA_ARRAY(w->arena, struct weir_expr *, layout->count + 1);
    for (uint32_t s = 0; s < layout->count; s++) {
        struct weir_expr *expr = exprs[layout->slots[s].old];
        for (uint32_t i = 0; i < layout->slots[s].path.length; i++)
            expr = weir_expr_field(w->arena, expr, layout->slots[s].path.fields[i]);
        kept[s] = weir_layout_expr(w->arena, &input->layout, input->rel->fields, expr);
    }
    return kept;
}

/* Uses of columns that are no plain columns stay whole: there is nothing below to take the field from. */
static void build_project(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    struct state *input = state_of(w, rel->inputs[0]);
    for (uint32_t f = 0; f < rel->field_count; f++) {
        uint32_t column;
        struct weir_path path;
        if (weir_use_is_used(&state->uses[f]) && !weir_path_from_expr(rel->project.exprs[f], &column, &path))
            weir_use_whole(&state->uses[f]);
    }
    state->layout = weir_layout_of_uses(w->arena, state->uses, 0, rel->field_count, true);
    state->rel =
        weir_rel_project(w->planning, input->rel, kept_exprs(w, &state->layout, input, rel->project.exprs),
            weir_layout_fields(w->arena, &state->layout, rel->fields), state->layout.count);
}

static void build_expand(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    struct state *input = state_of(w, rel->inputs[0]);
    state->layout = weir_layout_of_uses(w->arena, state->uses, 0, rel->field_count, false);
    struct weir_rel *expand = weir_rel_copy(w->planning, rel);
    struct weir_expr *const **lists =
        WEIR_ARENA_ARRAY(w->arena, struct weir_expr *const *, rel->expand.list_count + 1);
    for (uint32_t l = 0; l < rel->expand.list_count; l++)
        lists[l] = kept_exprs(w, &state->layout, input, rel->expand.lists[l]);
    expand->expand.lists = lists;
    expand->fields = weir_layout_fields(w->arena, &state->layout, rel->fields);
    expand->field_count = state->layout.count;
    set_input(expand, 0, input->rel);
    state->rel = expand;
}

static void build_aggregate(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    struct weir_layout in;
    struct weir_rel *input = trimmed(w, rel, 0, &in), *copy = weir_rel_copy(w->planning, rel);
    uint32_t keys = rel->aggregate.key_count, calls = 0, properties = 0,
             old_calls = rel->aggregate.call_count;
    struct weir_aggregate_call *kept = WEIR_ARENA_ARRAY(w->arena, struct weir_aggregate_call, old_calls + 1);
    struct weir_use *uses = WEIR_ARENA_ARRAY(w->arena, struct weir_use, rel->field_count + 1);
    for (uint32_t k = 0; k < keys; k++) weir_use_whole(&uses[k]);
    for (uint32_t c = 0; c < old_calls; c++) {
        if (!keeps_call(rel, state->uses, c)) continue;
        kept[calls] = rel->aggregate.calls[c];
        for (uint32_t a = 0; a < kept[calls].argument_count; a++)
            kept[calls].arguments[a] = weir_layout_column(&in, kept[calls].arguments[a]);
        if (kept[calls].filter >= 0)
            kept[calls].filter = (int32_t)weir_layout_column(&in, (uint32_t)kept[calls].filter);
        calls++;
        weir_use_whole(&uses[keys + c]);
    }
    enum weir_window_property *asked =
        WEIR_ARENA_ARRAY(w->arena, enum weir_window_property, rel->aggregate.property_count + 1);
    for (uint32_t p = 0; p < rel->aggregate.property_count; p++) {
        if (!weir_use_is_used(&state->uses[keys + old_calls + p])) continue;
        asked[properties++] = rel->aggregate.properties[p];
        weir_use_whole(&uses[keys + old_calls + p]);
    }
    copy->aggregate.keys = weir_layout_columns(w->arena, &in, rel->aggregate.keys, keys);
    copy->aggregate.calls = kept;
    copy->aggregate.call_count = calls;
    copy->aggregate.properties = asked;
    copy->aggregate.property_count = properties;
    if (rel->aggregate.attached) {
        uint32_t *columns[3] = { &copy->aggregate.attached_start, &copy->aggregate.attached_end,
            &copy->aggregate.attached_time };
        for (uint32_t i = 0; i < 3; i++)
            if (*columns[i] != UINT32_MAX) *columns[i] = weir_layout_column(&in, *columns[i]);
    } else if (rel->aggregate.window && !rel->aggregate.window->processing_time) {
        struct weir_window *window = WEIR_ARENA_NEW(w->arena, struct weir_window);
        *window = *rel->aggregate.window;
        window->time_column = weir_layout_column(&in, window->time_column);
        copy->aggregate.window = window;
    }
    state->layout = weir_layout_of_uses(w->arena, uses, 0, rel->field_count, false);
    copy->fields = weir_layout_fields(w->arena, &state->layout, rel->fields);
    copy->field_count = state->layout.count;
    set_input(copy, 0, input);
    state->rel = copy;
}

static void build_join(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    struct weir_layout left, right;
    struct weir_rel *inputs[2] = { trimmed(w, rel, 0, &left), trimmed(w, rel, 1, &right) },
                    *copy = weir_rel_copy(w->planning, rel);
    uint32_t old_left = rel->inputs[0]->field_count;
    struct weir_layout both = weir_layout_join(w->arena, &left, old_left, &right);
    bool left_only =
        rel->field_count == old_left && rel->kind == WEIR_REL_JOIN && rel->join.type >= WEIR_JOIN_SEMI;
    struct weir_rel_field *fields = WEIR_ARENA_ARRAY(w->arena, struct weir_rel_field, both.count + 1);
    for (uint32_t i = 0; i < left.count; i++) fields[i] = inputs[0]->fields[i];
    for (uint32_t i = 0; i < right.count; i++) fields[left.count + i] = inputs[1]->fields[i];
    if (rel->kind == WEIR_REL_JOIN) {
        if (rel->join.condition)
            copy->join.condition = weir_layout_expr(w->arena, &both, fields, rel->join.condition);
    } else {
        uint32_t count = rel->interval_join.key_count;
        if (rel->interval_join.condition)
            copy->interval_join.condition =
                weir_layout_expr(w->arena, &both, fields, rel->interval_join.condition);
        copy->interval_join.left_keys =
            weir_layout_columns(w->arena, &left, rel->interval_join.left_keys, count);
        copy->interval_join.right_keys =
            weir_layout_columns(w->arena, &right, rel->interval_join.right_keys, count);
        copy->interval_join.left_time = weir_layout_column(&left, rel->interval_join.left_time);
        copy->interval_join.right_time = weir_layout_column(&right, rel->interval_join.right_time);
    }
    state->layout = left_only ? left : both;
    copy->fields = weir_layout_fields(w->arena, &state->layout, rel->fields);
    copy->field_count = state->layout.count;
    set_input(copy, 0, inputs[0]);
    set_input(copy, 1, inputs[1]);
    state->rel = copy;
}

static void build_union(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    struct weir_rel *copy = weir_rel_copy(w->planning, rel);
    for (uint32_t i = 0; i < rel->input_count; i++) set_input(copy, i, trimmed(w, rel, i, &state->layout));
    copy->fields = weir_layout_fields(w->arena, &state->layout, rel->fields);
    copy->field_count = state->layout.count;
    state->rel = copy;
}

static const struct weir_sort_key *kept_order(
    struct walk *w, const struct weir_layout *in, const struct weir_sort_key *keys, uint32_t count)
{
    struct weir_sort_key *kept = WEIR_ARENA_ARRAY(w->arena, struct weir_sort_key, count + 1);
    for (uint32_t k = 0; k < count; k++) {
        kept[k] = keys[k];
        kept[k].column = weir_layout_column(in, keys[k].column);
    }
    return kept;
}

/* Kinds whose output is their input, perhaps with columns behind it. */
static void build_passing(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    struct state *below = state_of(w, rel->inputs[0]);
    struct weir_rel *copy = weir_rel_copy(w->planning, rel);
    struct weir_layout in = below->layout;
    struct weir_rel *input = below->rel;
    bool keeps_rows = rel->kind != WEIR_REL_FILTER && rel->kind != WEIR_REL_WATERMARK;
    if (keeps_rows) input = trimmed(w, rel, 0, &in);
    uint32_t old_width = rel->inputs[0]->field_count, more = rel->field_count - old_width;
    switch (rel->kind) {
    case WEIR_REL_FILTER:
        copy->filter.condition = weir_layout_expr(w->arena, &in, input->fields, rel->filter.condition);
        break;
    case WEIR_REL_WATERMARK:
        copy->watermark.rowtime = weir_layout_column(&in, rel->watermark.rowtime);
        copy->watermark.expression =
            weir_layout_expr(w->arena, &in, input->fields, rel->watermark.expression);
        break;
    case WEIR_REL_WINDOW_TVF:
        if (!rel->tvf.window.processing_time)
            copy->tvf.window.time_column = weir_layout_column(&in, rel->tvf.window.time_column);
        copy->tvf.window.partition =
            weir_layout_columns(w->arena, &in, rel->tvf.window.partition, rel->tvf.window.partition_count);
        break;
    case WEIR_REL_SORT: copy->sort.keys = kept_order(w, &in, rel->sort.keys, rel->sort.key_count); break;
    case WEIR_REL_RANK:
        copy->rank.partition =
            weir_layout_columns(w->arena, &in, rel->rank.partition, rel->rank.partition_count);
        copy->rank.order = kept_order(w, &in, rel->rank.order, rel->rank.order_count);
        if (rel->rank.end_column >= 0)
            copy->rank.end_column = (int32_t)weir_layout_column(&in, (uint32_t)rel->rank.end_column);
        if (more && !weir_use_is_used(&state->uses[old_width]) &&
            weir_rule_enabled(w->planning, WEIR_RULE_RANK_NUMBER_REMOVE)) {
            copy->rank.with_rank = false;
            more = 0;
        }
        break;
    case WEIR_REL_DEDUPLICATE:
        copy->deduplicate.keys =
            weir_layout_columns(w->arena, &in, rel->deduplicate.keys, rel->deduplicate.key_count);
        if (rel->deduplicate.rowtime >= 0)
            copy->deduplicate.rowtime = (int32_t)weir_layout_column(&in, (uint32_t)rel->deduplicate.rowtime);
        break;
    case WEIR_REL_CHANGELOG_NORMALIZE:
        copy->normalize.keys =
            weir_layout_columns(w->arena, &in, rel->normalize.keys, rel->normalize.key_count);
        break;
    default: break; /* DISTINCT, OVER, SINK use all, in order */
    }
    struct weir_layout out = { WEIR_ARENA_ARRAY(w->arena, struct weir_slot, in.count + more + 1), 0 };
    for (uint32_t s = 0; s < in.count; s++) out.slots[out.count++] = in.slots[s];
    for (uint32_t m = 0; m < more; m++) out.slots[out.count++] = (struct weir_slot){ .old = old_width + m };
    state->layout = out;
    copy->fields = weir_layout_fields(w->arena, &out, rel->fields);
    copy->field_count = out.count;
    set_input(copy, 0, input);
    state->rel = copy;
}

static void build_sink(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    struct weir_layout in;
    struct weir_rel *copy = weir_rel_copy(w->planning, rel);
    set_input(copy, 0, trimmed(w, rel, 0, &in));
    state->layout = in;
    state->rel = copy;
}

static void build(struct walk *w, const struct weir_rel *rel, struct state *state)
{
    switch (rel->kind) {
    case WEIR_REL_SCAN: build_scan(w, rel, state); break;
    case WEIR_REL_VALUES: build_values(w, rel, state); break;
    case WEIR_REL_PROJECT: build_project(w, rel, state); break;
    case WEIR_REL_EXPAND: build_expand(w, rel, state); break;
    case WEIR_REL_AGGREGATE:
    case WEIR_REL_WINDOW_AGGREGATE: build_aggregate(w, rel, state); break;
    case WEIR_REL_JOIN:
    case WEIR_REL_INTERVAL_JOIN: build_join(w, rel, state); break;
    case WEIR_REL_UNION: build_union(w, rel, state); break;
    case WEIR_REL_SINK: build_sink(w, rel, state); break;
    default: build_passing(w, rel, state); break;
    }
}

void weir_prune(struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count)
{
    if (!weir_rule_enabled(planning, WEIR_RULE_COLUMN_PRUNING)) return;
    struct walk w = { .planning = planning, .arena = planning->arena };
    weir_rel_map_init(&w.states, planning->arena);
    for (uint32_t r = 0; r < root_count; r++) visit(&w, roots[r]);
    for (uint32_t i = w.count; i-- > 0;) settle_uses(&w, w.order[i], state_of(&w, w.order[i]));
    for (uint32_t i = 0; i < w.count; i++) build(&w, w.order[i], state_of(&w, w.order[i]));
    for (uint32_t r = 0; r < root_count; r++) roots[r] = state_of(&w, roots[r])->rel;
}
