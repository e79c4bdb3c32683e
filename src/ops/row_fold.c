/*
 * Folding by key: a hash directory of changes, one per key, each of which knows the places of the rows that
 * are left of it. Rows are named by place: WEIR_BATCH_ROWS_MAX of them lie in each held batch.
 *
 * links[place] is FOLDED where the row is not left; PAIRED of a row taken away that goes out just before the
 * one added, whose link is its place; of OPS_FOLD_EQUAL the place of the row that came before it; else NONE.
 */
#include "ops/row_fold.h"

static const uint32_t NONE = UINT32_MAX, FOLDED = UINT32_MAX - 1, PAIRED = UINT32_MAX - 2;

struct ops_change {
    uint32_t hash;
    uint32_t key;     /* place of a row with the key, left or not */
    uint32_t retract; /* taken away, from what there was before the bundle; NONE: no row */
    uint32_t add;     /* the row that is left in the end; of OPS_FOLD_EQUAL: the newest that is left */
    uint32_t last;    /* of upserts: taken away after `add` */
    bool inserts;     /* it began with +I: there was no such row before the bundle */
};

static const struct weir_batch *batch_of(const struct ops_held_rows *held, uint32_t place)
{
    return held->rows.items[place / WEIR_BATCH_ROWS_MAX];
}

static uint8_t kind_of(const struct ops_held_rows *held, uint32_t place)
{
    return weir_batch_kind(batch_of(held, place), place % WEIR_BATCH_ROWS_MAX);
}

static void set_kind(struct ops_held_rows *held, uint32_t place, enum weir_row_kind kind)
{
    weir_batch_ensure_kinds(held->rows.items[place / WEIR_BATCH_ROWS_MAX])[place % WEIR_BATCH_ROWS_MAX] =
        (uint8_t)kind;
}

static bool columns_equal(
    const struct ops_held_rows *held, const uint32_t *columns, uint32_t count, uint32_t a, uint32_t b)
{
    const struct weir_batch *left = batch_of(held, a), *right = batch_of(held, b);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t c = columns ? columns[i] : i;
        if (!weir_vector_equal_at(
                &left->columns[c], a % WEIR_BATCH_ROWS_MAX, &right->columns[c], b % WEIR_BATCH_ROWS_MAX))
            return false;
    }
    return true;
}

/* --- the directory --- */

static void reserve(
    struct weir_memory *memory, void **items, uint32_t *capacity, uint32_t count, size_t bytes)
{
    if (count <= *capacity) return;
    uint32_t more = WEIR_MAX(WEIR_MAX((uint32_t)WEIR_BATCH_ROWS_MAX, *capacity * 2), count);
    *items = weir_memory_reallocate(memory, *items, *capacity * bytes, more * bytes);
    *capacity = more;
}

static void enter(struct ops_held_rows *held, uint32_t change)
{
    uint32_t mask = held->slot_count - 1, slot = held->changes[change].hash & mask;
    while (held->slots[slot]) slot = (slot + 1) & mask;
    held->slots[slot] = change + 1;
}

/* Room for `more` changes, with at least half of the slots free. */
static void reserve_changes(struct ops_held_rows *held, uint32_t more, struct weir_memory *memory)
{
    uint32_t count = held->change_count + more, slots = WEIR_MAX(held->slot_count, 2u * WEIR_BATCH_ROWS_MAX);
    reserve(memory, (void **)&held->changes, &held->change_capacity, count, sizeof *held->changes);
    while (slots < 2 * count) slots *= 2;
    if (slots == held->slot_count) return;
    weir_memory_release(memory, held->slots, held->slot_count * sizeof *held->slots);
    held->slots = weir_memory_allocate_zeroed(memory, slots * sizeof *held->slots);
    held->slot_count = slots;
    for (uint32_t i = 0; i < held->change_count; i++) enter(held, i);
}

/* The change of the row's key; a new one has no rows. */
static struct ops_change *change_of(struct ops_held_rows *held, uint32_t hash, uint32_t place)
{
    uint32_t mask = held->slot_count - 1, slot = hash & mask;
    for (; held->slots[slot]; slot = (slot + 1) & mask) {
        struct ops_change *change = &held->changes[held->slots[slot] - 1];
        if (change->hash == hash &&
            columns_equal(held, held->keys.columns, held->keys.count, change->key, place))
            return change;
    }
    struct ops_change *change = &held->changes[held->change_count++];
    *change = (struct ops_change){ hash, place, NONE, NONE, NONE, kind_of(held, place) == WEIR_ROW_INSERT };
    held->slots[slot] = held->change_count;
    return change;
}

/* --- folding --- */

static void drop(struct ops_held_rows *held, uint32_t *place)
{
    if (*place == NONE) return;
    held->links[*place] = FOLDED;
    held->left--;
    *place = NONE;
}

static void fold_by_time(struct ops_held_rows *held, struct ops_change *change, uint32_t place)
{
    if (change->add != NONE) {
        int order = weir_vector_compare_at(&batch_of(held, change->add)->columns[held->time],
            change->add % WEIR_BATCH_ROWS_MAX, &batch_of(held, place)->columns[held->time],
            place % WEIR_BATCH_ROWS_MAX, true);
        if (held->fold == OPS_FOLD_LATEST ? order > 0 : order <= 0) {
            drop(held, &place);
            return;
        }
    }
    drop(held, &change->add);
    change->add = place;
}

static void fold_equal(struct ops_held_rows *held, struct ops_change *change, uint32_t place)
{
    uint32_t top = change->add;
    bool adds = weir_row_kind_is_add(kind_of(held, place));
    if (top == NONE || weir_row_kind_is_add(kind_of(held, top)) == adds) {
        held->links[place] = top;
        change->add = place;
        return;
    }
    change->add = held->links[top];
    drop(held, &top);
    drop(held, &place);
}

/* A row is added: what was added before it is gone. */
static void fold_add(struct ops_held_rows *held, struct ops_change *change, uint32_t place)
{
    drop(held, &change->add);
    drop(held, &change->last);
    change->add = place;
    bool same = held->fold == OPS_FOLD_CHANGES && !held->keeps_equal && change->retract != NONE &&
                columns_equal(held, NULL, held->rows.column_count, change->retract, place);
    if (!same) return;
    drop(held, &change->add);
    drop(held, &change->retract);
}

/* A row is taken away: that of this bundle, or one that was there before. */
static void fold_retract(struct ops_held_rows *held, struct ops_change *change, uint32_t place)
{
    if (change->add == NONE && change->retract == NONE) {
        change->retract = place;
    } else if (change->add != NONE && change->retract == NONE && held->fold == OPS_FOLD_UPSERTS) {
        drop(held, &change->last);
        change->last = place;
    } else {
        drop(held, &change->add);
        drop(held, &place);
    }
}

static void fold_row(struct ops_held_rows *held, struct ops_change *change, uint32_t place)
{
    switch (held->fold) {
    case OPS_FOLD_NONE: break;
    case OPS_FOLD_FIRST:
        if (change->add == NONE)
            change->add = place;
        else
            drop(held, &place);
        break;
    case OPS_FOLD_LAST:
        drop(held, &change->add);
        change->add = place;
        break;
    case OPS_FOLD_EARLIEST:
    case OPS_FOLD_LATEST: fold_by_time(held, change, place); break;
    case OPS_FOLD_EQUAL: fold_equal(held, change, place); break;
    case OPS_FOLD_CHANGES:
    case OPS_FOLD_UPSERTS:
        if (weir_row_kind_is_add(kind_of(held, place)))
            fold_add(held, change, place);
        else
            fold_retract(held, change, place);
        break;
    }
}

void ops_fold_rows(struct ops_held_rows *held, const uint64_t *hashes, uint32_t n, struct weir_memory *memory)
{
    uint32_t first = held->count;
    held->count += n;
    held->left += n;
    if (held->fold == OPS_FOLD_NONE) return;
    reserve(memory, (void **)&held->links, &held->link_capacity, held->count, sizeof *held->links);
    reserve_changes(held, n, memory);
    for (uint32_t i = 0; i < n; i++) {
        held->links[first + i] = NONE;
        fold_row(held, change_of(held, (uint32_t)ops_mix(hashes[i]), first + i), first + i);
    }
}

/* --- what is left --- */

/* Kinds as if nothing but what is left had happened. */
static void settle_change(struct ops_held_rows *held, const struct ops_change *change)
{
    uint32_t retract = change->retract, add = change->add;
    if (retract != NONE && add != NONE) {
        held->links[add] = retract;
        held->links[retract] = PAIRED;
        if (kind_of(held, retract) == WEIR_ROW_UPDATE_BEFORE && kind_of(held, add) == WEIR_ROW_UPDATE_AFTER)
            return;
        set_kind(held, retract, WEIR_ROW_DELETE);
        if (held->fold == OPS_FOLD_CHANGES) set_kind(held, add, WEIR_ROW_INSERT);
    } else if (retract != NONE) {
        set_kind(held, retract, WEIR_ROW_DELETE);
    } else if (add != NONE && change->inserts) {
        set_kind(held, add, WEIR_ROW_INSERT);
    }
}

void ops_fold_arrange(struct ops_held_rows *held, struct weir_memory *memory)
{
    if (held->fold == OPS_FOLD_NONE) return;
    bool changes = held->fold == OPS_FOLD_CHANGES || held->fold == OPS_FOLD_UPSERTS;
    for (uint32_t i = 0; changes && i < held->change_count; i++) settle_change(held, &held->changes[i]);
    reserve(memory, (void **)&held->order, &held->order_capacity, held->left, sizeof *held->order);
    uint32_t count = 0;
    for (uint32_t place = 0; place < held->count; place++) {
        uint32_t link = held->links[place];
        if (link == FOLDED || link == PAIRED) continue;
        if (changes && link != NONE) held->order[count++] = link;
        held->order[count++] = place;
    }
    WEIR_ASSERT(count == held->left);
}

bool ops_fold_is_half(const struct ops_held_rows *held, uint32_t place)
{
    return held->links[place] == PAIRED;
}

void ops_fold_clear(struct ops_held_rows *held)
{
    if (held->change_count) memset(held->slots, 0, held->slot_count * sizeof *held->slots);
    held->count = held->left = held->change_count = 0;
}

void ops_fold_done(struct ops_held_rows *held, struct weir_memory *memory)
{
    weir_memory_release(memory, held->links, held->link_capacity * sizeof *held->links);
    weir_memory_release(memory, held->changes, held->change_capacity * sizeof *held->changes);
    weir_memory_release(memory, held->slots, held->slot_count * sizeof *held->slots);
    weir_memory_release(memory, held->order, held->order_capacity * sizeof *held->order);
}
