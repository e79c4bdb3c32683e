/* Helpers that all phases of the planner share: configuration, rule switches, making rels. */
#include "sql/planning.h"

#include "sql/catalog.h"

/* --- configuration --- */

static const char *config_get(const struct weir_sql_config *config, const char *key)
{
    return config && config->get ? config->get(config->context, key) : NULL;
}

static bool text_is(const char *text, const char *word)
{
    for (; *text && *word; text++, word++)
        if ((*text | 0x20) != *word) return false;
    return !*text && !*word;
}

bool weir_sql_config_boolean(const struct weir_sql_config *config, const char *key, bool otherwise)
{
    const char *text = config_get(config, key);
    if (!text) return otherwise;
    return text_is(text, "true") ? true : text_is(text, "false") ? false : otherwise;
}

static bool parse_number(const char **text, int64_t *ret)
{
    const char *at = *text;
    int64_t value = 0;
    while (*at == ' ') at++;
    const char *digits = at;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *at - '0', &value))
            return false;
    if (at == digits) return false;
    *text = at;
    *ret = value;
    return true;
}

int64_t weir_sql_config_integer(const struct weir_sql_config *config, const char *key, int64_t otherwise)
{
    const char *text = config_get(config, key);
    if (!text) return otherwise;
    bool negative = *text == '-';
    if (negative) text++;
    int64_t value;
    if (!parse_number(&text, &value)) return otherwise;
    return negative ? -value : value;
}

/* "PT1H30M", "P1DT0.5S" */
static int64_t iso_duration(const char *text, int64_t otherwise)
{
    int64_t total = 0, value;
    bool time = false, any = false;
    for (text++; *text; text++) {
        if ((*text | 0x20) == 't') {
            time = true;
            continue;
        }
        if (!parse_number(&text, &value) || value > INT64_MAX / 86400000 / 2) return otherwise;
        int64_t thousandths = 0;
        if (*text == '.') {
            int64_t scale = 100;
            for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
                thousandths += (*text - '0') * scale;
        }
        int64_t unit = 0;
        switch (*text | 0x20) {
        case 'd': unit = 86400000; break;
        case 'h': unit = 3600000; break;
        case 'm': unit = time ? 60000 : 0; break;
        case 's': unit = 1000; break;
        default: break;
        }
        if (!unit) return otherwise;
        total += value * unit + thousandths * unit / 1000;
        any = true;
    }
    return any ? total : otherwise;
}

/* "5 s", "200ms", "1 min", "2 h", "1 d", "1000" (milliseconds), "PT5S" is not a duration of Flink's
 * configuration. */
int64_t weir_sql_duration_parse(const char *text, int64_t otherwise)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "ms", 1 }, { "milli", 1 }, { "millis", 1 }, { "millisecond", 1 }, { "milliseconds", 1 },
        { "s", 1000 }, { "sec", 1000 }, { "secs", 1000 }, { "second", 1000 }, { "seconds", 1000 },
        { "m", 60000 }, { "min", 60000 }, { "minute", 60000 }, { "minutes", 60000 }, { "h", 3600000 },
        { "hour", 3600000 }, { "hours", 3600000 }, { "d", 86400000 }, { "day", 86400000 },
        { "days", 86400000 }, { "", 1 } };
    int64_t value, product;
    if (text && (text[0] == 'P' || text[0] == 'p')) return iso_duration(text, otherwise);
    if (!text || !parse_number(&text, &value)) return otherwise;
    while (*text == ' ') text++;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(units); i++)
        if (text_is(text, units[i].unit))
            return __builtin_mul_overflow(value, units[i].ms, &product) ? otherwise : product;
    if (text_is(text, "us") || text_is(text, "micro") || text_is(text, "micros")) return value / 1000;
    if (text_is(text, "ns") || text_is(text, "nano") || text_is(text, "nanos")) return value / 1000000;
    return otherwise;
}

int64_t weir_sql_config_duration_ms(const struct weir_sql_config *config, const char *key, int64_t otherwise)
{
    const char *text = config_get(config, key);
    return text ? weir_sql_duration_parse(text, otherwise) : otherwise;
}

const char *weir_sql_config_text(const struct weir_sql_config *config, const char *key, const char *otherwise)
{
    const char *text = config_get(config, key);
    return text ? text : otherwise;
}

uint32_t weir_default_parallelism(const struct weir_planning *planning)
{
    int64_t parallelism =
        weir_sql_config_integer(planning->config, "table.exec.resource.default-parallelism", -1);
    if (parallelism <= 0) parallelism = weir_sql_config_integer(planning->config, "parallelism.default", 1);
    return parallelism > 0 ? (uint32_t)parallelism : 1;
}

/* --- rules --- */

static const struct {
    const char *name, *description;
} rules[] = {
#define WEIR_RULE(identifier, rule_name, rule_description) { rule_name, rule_description },
#include "sql/rules.def"
#undef WEIR_RULE
};

bool weir_rule_enabled(const struct weir_planning *planning, enum weir_rule rule)
{
    return !planning->rules_off[rule];
}

const char *weir_rule_name(uint32_t rule)
{
    return rule < WEIR_RULE_COUNT ? rules[rule].name : NULL;
}

const char *weir_rule_description(uint32_t rule)
{
    return rule < WEIR_RULE_COUNT ? rules[rule].description : NULL;
}

bool weir_mini_batch_enabled(const struct weir_sql_config *config)
{
    return weir_sql_config_boolean(config, "table.exec.mini-batch.enabled", false);
}

int64_t weir_mini_batch_latency_ms(const struct weir_sql_config *config)
{
    return weir_sql_config_duration_ms(config, "table.exec.mini-batch.allow-latency", 0);
}

enum weir_error_code weir_planning_start(
    struct weir_planning *planning, const struct weir_sql_planner_input *input, struct weir_error *reterr)
{
    *planning = (struct weir_planning){ .input = input,
        .arena = input->arena,
        .memory = input->memory,
        .config = input->config,
        .batch = input->batch,
        .error = reterr };
    planning->rel_id = 1u << 20; /* above what the binder gave */
    planning->rel_id_limit = planning->rel_id + WEIR_PLANNING_RELS_MAX;
    planning->rules_off = WEIR_ARENA_ARRAY(input->arena, uint8_t, WEIR_RULE_COUNT);
    for (uint32_t r = 0; r < WEIR_RULE_COUNT; r++) {
        const char *key = weir_arena_format(input->arena, "table.optimizer.rule.%s", rules[r].name);
        planning->rules_off[r] = !weir_sql_config_boolean(input->config, key, true);
    }
    if (!input->batch && weir_mini_batch_enabled(input->config) &&
        weir_mini_batch_latency_ms(input->config) <= 0) {
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "MiniBatch Latency must be greater than 0 ms. (table.exec.mini-batch.allow-latency)");
    }
    return WEIR_OK;
}

/* --- rels --- */

struct weir_rel *weir_rel_copy(struct weir_planning *planning, const struct weir_rel *rel)
{
    struct weir_rel *copy = WEIR_ARENA_NEW(planning->arena, struct weir_rel);
    *copy = *rel;
    copy->id = ++planning->rel_id;
    struct weir_rel **inputs = WEIR_ARENA_ARRAY(planning->arena, struct weir_rel *, rel->input_count + 1);
    for (uint32_t i = 0; i < rel->input_count; i++) inputs[i] = rel->inputs[i];
    copy->inputs = inputs;
    return copy;
}

struct weir_rel *weir_rel_make(struct weir_planning *planning, enum weir_rel_kind kind,
    struct weir_rel *const *inputs, uint32_t input_count, const struct weir_rel_field *fields,
    uint32_t field_count)
{
    struct weir_rel *rel = WEIR_ARENA_NEW(planning->arena, struct weir_rel);
    struct weir_rel **own = WEIR_ARENA_ARRAY(planning->arena, struct weir_rel *, input_count + 1);
    for (uint32_t i = 0; i < input_count; i++) own[i] = inputs[i];
    rel->kind = kind;
    rel->id = ++planning->rel_id;
    rel->inputs = own;
    rel->input_count = input_count;
    rel->fields = fields;
    rel->field_count = field_count;
    if (input_count) {
        rel->line = inputs[0]->line;
        rel->column = inputs[0]->column;
    }
    return rel;
}

struct weir_rel *weir_rel_filter(
    struct weir_planning *planning, struct weir_rel *input, struct weir_expr *condition)
{
    struct weir_rel *rel =
        weir_rel_make(planning, WEIR_REL_FILTER, &input, 1, input->fields, input->field_count);
    rel->filter.condition = condition;
    return rel;
}

struct weir_rel *weir_rel_project(struct weir_planning *planning, struct weir_rel *input,
    struct weir_expr *const *exprs, const struct weir_rel_field *fields, uint32_t count)
{
    struct weir_rel *rel = weir_rel_make(planning, WEIR_REL_PROJECT, &input, 1, fields, count);
    rel->project.exprs = exprs;
    return rel;
}

struct weir_expr **weir_rel_identity(struct weir_planning *planning, const struct weir_rel *input)
{
    struct weir_expr **exprs = WEIR_ARENA_ARRAY(planning->arena, struct weir_expr *, input->field_count + 1);
    for (uint32_t c = 0; c < input->field_count; c++)
        exprs[c] = weir_expr_column(planning->arena, c, input->fields[c].type);
    return exprs;
}

bool weir_rel_project_is_identity(const struct weir_rel *project)
{
    if (project->field_count != project->inputs[0]->field_count) return false;
    for (uint32_t c = 0; c < project->field_count; c++) {
        const struct weir_expr *expr = project->project.exprs[c];
        if (expr->kind != WEIR_EXPR_COLUMN || expr->column != c) return false;
    }
    return true;
}

static uint32_t count_conjuncts(const struct weir_expr *condition)
{
    uint32_t count = 0;
    if (condition->kind != WEIR_EXPR_AND) return 1;
    for (uint32_t i = 0; i < condition->argument_count; i++)
        count += count_conjuncts(condition->arguments[i]);
    return count;
}

static void collect_conjuncts(struct weir_expr *condition, struct weir_expr **to, uint32_t *count)
{
    if (condition->kind != WEIR_EXPR_AND) {
        to[(*count)++] = condition;
        return;
    }
    for (uint32_t i = 0; i < condition->argument_count; i++)
        collect_conjuncts(condition->arguments[i], to, count);
}

uint32_t weir_expr_conjuncts(struct weir_arena *arena, struct weir_expr *condition, struct weir_expr ***ret)
{
    uint32_t count = 0;
    *ret = NULL;
    if (!condition) return 0;
    *ret = WEIR_ARENA_ARRAY(arena, struct weir_expr *, count_conjuncts(condition) + 1);
    collect_conjuncts(condition, *ret, &count);
    return count;
}

bool weir_expr_columns_within(
    struct weir_arena *arena, const struct weir_expr *expr, uint32_t from, uint32_t to, uint32_t width)
{
    bool *used = WEIR_ARENA_ARRAY(arena, bool, width + 1);
    weir_expr_columns_used(expr, used);
    for (uint32_t c = 0; c < width; c++)
        if (used[c] && (c < from || c >= to)) return false;
    return true;
}

struct weir_expr *weir_expr_shift(
    struct weir_arena *arena, struct weir_expr *expr, int64_t by, uint32_t width)
{
    uint32_t *map = WEIR_ARENA_ARRAY(arena, uint32_t, width + 1);
    for (uint32_t c = 0; c < width; c++)
        map[c] = (int64_t)c + by < 0 ? UINT32_MAX : (uint32_t)((int64_t)c + by);
    return weir_expr_remap(arena, expr, map);
}

static uint64_t count_nodes(struct weir_expr *const *exprs, uint32_t count)
{
    uint64_t nodes = 0;
    for (uint32_t i = 0; i < count; i++) nodes += exprs[i]->node_count;
    return nodes;
}

bool weir_exprs_may_inline(struct weir_expr *const *above, struct weir_expr *const *inlined, uint32_t count,
    struct weir_expr *const *below, uint32_t below_count)
{
    enum { GROWTH_NODES_MAX = 1000 };
    for (uint32_t i = 0; i < count; i++)
        if (inlined[i]->height > WEIR_EXPR_HEIGHT_MAX) return false;
    return count_nodes(inlined, count) <=
           count_nodes(above, count) + count_nodes(below, below_count) + GROWTH_NODES_MAX;
}
