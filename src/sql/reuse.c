/*
 * Equal sub-plans are run once: nodes with equal operators, specs and (merged) inputs become one node with
 * several consumers. A node that does not always give the same answer is left alone, and so are sinks.
 */
#include "sql/graph.h"

enum { DIGEST_BYTES_MAX = 64 << 20 };

struct known {
    struct weir_physical *node;
    const char *digest;
    size_t length;
    uint64_t hash;
};

struct walk {
    struct weir_planning *planning;
    struct known *known; /* open addressing */
    uint32_t count, capacity;
    bool merge;
};

static uint64_t hash_bytes(const char *bytes, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return hash;
}

static bool is_deterministic(const struct weir_physical *node)
{
    if (node->condition && !weir_expr_is_deterministic(node->condition)) return false;
    for (uint32_t f = 0; node->projections && f < node->field_count; f++)
        if (!weir_expr_is_deterministic(node->projections[f])) return false;
    return true;
}

static struct known *slot_of(struct walk *w, uint64_t hash, const char *digest, size_t length)
{
    uint32_t at = (uint32_t)(hash >> 32) & (w->capacity - 1);
    for (;; at = (at + 1) & (w->capacity - 1)) {
        struct known *slot = &w->known[at];
        if (!slot->node) return slot;
        if (slot->hash == hash && slot->length == length && memcmp(slot->digest, digest, length) == 0)
            return slot;
    }
}

static void grow(struct walk *w)
{
    struct known *old = w->known;
    uint32_t capacity = w->capacity;
    w->capacity = capacity ? 2 * capacity : 128;
    w->known = WEIR_ARENA_ARRAY(w->planning->arena, struct known, w->capacity);
    for (uint32_t i = 0; i < capacity; i++)
        if (old[i].node) *slot_of(w, old[i].hash, old[i].digest, old[i].length) = old[i];
}

/* The node that stands for this one: an equal one met before, or itself. */
static struct weir_physical *canonical(struct walk *w, struct weir_physical *node)
{
    struct weir_spec *spec;
    if (node->kind == WEIR_PHYSICAL_SINK || node->kind == WEIR_PHYSICAL_ENFORCER || !is_deterministic(node))
        return node;
    if (weir_physical_to_spec(w->planning, node, &spec)) return node;
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, w->planning->memory, DIGEST_BYTES_MAX);
    weir_buffer_format(
        &buffer, "%u/%u/%u/%u/", node->kind, node->exchange, node->parallelism, node->field_count);
    for (uint32_t k = 0; k < node->key_count; k++) weir_buffer_append_u32(&buffer, node->keys[k]);
    for (uint32_t i = 0; i < node->input_count; i++) weir_buffer_append_u32(&buffer, node->inputs[i]->id);
    for (uint32_t f = 0; f < node->field_count; f++) weir_type_write(node->fields[f].type, &buffer);
    weir_spec_write(spec, &buffer);
    struct weir_physical *result = node;
    if (!buffer.overflowed) {
        uint64_t hash = hash_bytes(buffer.data, buffer.length);
        if (2 * (w->count + 1) > w->capacity) grow(w);
        struct known *slot = slot_of(w, hash, buffer.data, buffer.length);
        if (slot->node) {
            result = slot->node;
        } else {
            *slot = (struct known){ node, weir_arena_copy(w->planning->arena, buffer.data, buffer.length),
                buffer.length, hash };
            w->count++;
        }
    }
    weir_buffer_done(&buffer);
    return result;
}

static struct weir_physical *merge(struct walk *w, struct weir_physical *node)
{
    if (node->mark == w->planning->mark) return node->merged;
    node->mark = w->planning->mark;
    for (uint32_t i = 0; i < node->input_count; i++) node->inputs[i] = merge(w, node->inputs[i]);
    node->merged = w->merge ? canonical(w, node) : node;
    return node->merged;
}

static void count_consumers(struct weir_planning *planning, struct weir_physical *node)
{
    node->consumer_count++;
    if (node->mark == planning->mark) return;
    node->mark = planning->mark;
    for (uint32_t i = 0; i < node->input_count; i++) count_consumers(planning, node->inputs[i]);
}

void weir_physical_reuse(struct weir_planning *planning, struct weir_physical **roots, uint32_t root_count)
{
    struct walk w = { .planning = planning };
    w.merge = weir_rule_enabled(planning, WEIR_RULE_SUB_PLAN_REUSE) &&
              weir_sql_config_boolean(planning->config, "table.optimizer.reuse-sub-plan-enabled", true);
    planning->mark++;
    for (uint32_t r = 0; r < root_count; r++) roots[r] = merge(&w, roots[r]);
    planning->mark++;
    for (uint32_t r = 0; r < root_count; r++) count_consumers(planning, roots[r]);
}
