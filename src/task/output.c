#include "task/output.h"
#include "base/assert.h"
#include "data/key_group.h"

/* Up to so many channels a look at every row for each costs less than sorting the rows. */
enum { PICKED_CHANNELS_MAX = 8 };

/* Heaps that a batch under construction may refer to before it is sent, and their bytes. */
enum { HEAPS_MAX = 16, HEAP_BYTES_MAX = 4 << 20 };

/* One number is hashed again in less time than its hash takes from one core's cache to another's. */
static bool is_dear_to_hash(const struct weir_output_edge *edge)
{
    const struct weir_type *type = edge->channels[0]->types[edge->keys[0]];
    return edge->key_count > 1 || weir_type_is_view(type) || weir_type_is_nested(type);
}

static bool is_partitioned(const struct weir_output_edge *edge)
{
    return edge->exchange == WEIR_EXCHANGE_HASH && edge->channel_count > 1 && edge->key_count > 0;
}

/* Which channel has a key group: looked up per row, so that no row costs a division. */
static void fill_consumers(struct weir_output_edge *edge, uint32_t max_parallelism, struct weir_arena *arena)
{
    edge->consumers = WEIR_ARENA_ARRAY(arena, uint16_t, max_parallelism);
    edge->hashes_travel = is_dear_to_hash(edge);
    if (edge->channel_count > PICKED_CHANNELS_MAX)
        edge->starts = WEIR_ARENA_ARRAY(arena, uint32_t, edge->channel_count + 1);
    for (uint32_t group = 0; group < max_parallelism; group++)
        edge->consumers[group] =
            (uint16_t)weir_key_group_subtask(group, max_parallelism, edge->channel_count);
}

void weir_output_init(struct weir_output *output, struct weir_arena *arena, struct weir_output_edge *edges,
    uint32_t edge_count, uint32_t max_parallelism)
{
    *output =
        (struct weir_output){ .edges = edges, .edge_count = edge_count, .max_parallelism = max_parallelism };
    for (uint32_t e = 0; e < edge_count; e++) {
        WEIR_ASSERT(edges[e].channel_count > 0 && edges[e].channel_count <= UINT16_MAX);
        edges[e].building = WEIR_ARENA_ARRAY(arena, struct weir_batch *, edges[e].channel_count);
        if (is_partitioned(&edges[e])) fill_consumers(&edges[e], max_parallelism, arena);
    }
    output->targets = WEIR_ARENA_ARRAY(arena, uint16_t, WEIR_BATCH_ROWS_MAX);
    output->rows = WEIR_ARENA_ARRAY(arena, uint32_t, WEIR_BATCH_ROWS_MAX);
    output->hashes = WEIR_ARENA_ARRAY(arena, uint64_t, WEIR_BATCH_ROWS_MAX);
    output->kinds = WEIR_ARENA_ARRAY(arena, uint8_t, WEIR_BATCH_ROWS_MAX);
}

static bool is_closed(struct weir_channel *channel)
{
    return atomic_load_explicit(&channel->consumer_finished, memory_order_acquire);
}

bool weir_output_has_room(struct weir_output *output)
{
    for (uint32_t e = 0; e < output->edge_count; e++) {
        for (uint32_t c = 0; c < output->edges[e].channel_count; c++) {
            struct weir_channel *channel = output->edges[e].channels[c];
            bool has =
                weir_channel_room(channel) >= WEIR_OUTPUT_RESERVE && weir_channel_is_within_budget(channel);
            if (!has && !is_closed(channel)) return false;
        }
    }
    return true;
}

bool weir_output_unwanted(struct weir_output *output)
{
    for (uint32_t e = 0; e < output->edge_count; e++) {
        for (uint32_t c = 0; c < output->edges[e].channel_count; c++)
            if (!is_closed(output->edges[e].channels[c])) return false;
    }
    return output->edge_count > 0;
}

static void send_building(struct weir_output_edge *edge, uint32_t c)
{
    struct weir_batch *batch = edge->building[c];
    if (!batch) return;
    edge->building[c] = NULL;
    edge->batches++;
    edge->bytes += weir_batch_bytes(batch);
    weir_channel_push(edge->channels[c], (struct weir_element){ .kind = WEIR_ELEMENT_BATCH, .batch = batch });
}

/* Long strings are not waited for: their heaps stay while the batch refers to them, and it may have to go
 * into one frame. */
static bool is_heavy(const struct weir_batch *batch)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < batch->heap_count; i++) bytes += batch->heaps[i]->bytes;
    for (uint32_t i = 0; i < batch->heap.block_count; i++) bytes += batch->heap.blocks[i]->bytes;
    return batch->heap_count >= HEAPS_MAX || bytes >= HEAP_BYTES_MAX;
}

/* Appends rows to channel c's batch under construction, in pieces that keep -U with +U. */
static void append(struct weir_output_edge *edge, uint32_t c, const struct weir_batch *from,
    const uint32_t *rows, uint32_t count)
{
    if (is_closed(edge->channels[c]) && weir_channel_room(edge->channels[c]) < 3)
        return; /* nobody reads it any more */
    for (uint32_t done = 0; done < count;) {
        if (!edge->building[c]) edge->building[c] = weir_channel_take_empty(edge->channels[c]);
        struct weir_batch *to = edge->building[c];
        uint32_t piece = WEIR_MIN(count - done, WEIR_BATCH_ROWS_MAX - to->row_count);
        if (piece < count - done && piece > 0 && from->kinds) {
            uint32_t last = rows[done + piece - 1];
            if (from->kinds[last] == WEIR_ROW_UPDATE_BEFORE) piece--;
        }
        if (piece) weir_batch_append(to, from, rows + done, piece);
        done += piece;
        if (done < count || to->row_count == WEIR_BATCH_ROWS_MAX || is_heavy(to)) send_building(edge, c);
    }
}

/* The rows that count, as row numbers. */
static uint32_t list_rows(struct weir_output *output, const struct weir_batch *batch)
{
    uint32_t count = weir_batch_selected(batch), *restrict rows = output->rows;
    const uint16_t *selection = batch->selection;
    if (selection)
        for (uint32_t i = 0; i < count; i++) rows[i] = selection[i];
    else
        for (uint32_t i = 0; i < count; i++) rows[i] = i;
    return count;
}

/* A pair whose halves go apart is no update any more for those who get them. */
static const uint8_t *downgrade_split_pairs(
    struct weir_output *output, const struct weir_batch *batch, uint32_t count)
{
    bool changed = false;
    for (uint32_t i = 0; i + 1 < count; i++) {
        uint32_t row = output->rows[i], next = output->rows[i + 1];
        if (batch->kinds[row] != WEIR_ROW_UPDATE_BEFORE || batch->kinds[next] != WEIR_ROW_UPDATE_AFTER)
            continue;
        if (output->targets[i] == output->targets[i + 1]) continue;
        if (!changed) memcpy(output->kinds, batch->kinds, batch->row_count);
        changed = true;
        output->kinds[row] = WEIR_ROW_DELETE;
        output->kinds[next] = WEIR_ROW_INSERT;
    }
    return changed ? output->kinds : batch->kinds;
}

static void find_targets(struct weir_output *output, const struct weir_output_edge *edge, uint32_t count)
{
    uint16_t *restrict targets = output->targets;
    const uint16_t *restrict consumers = edge->consumers;
    weir_key_groups(output->hashes, count, output->max_parallelism, targets);
    for (uint32_t i = 0; i < count; i++) targets[i] = consumers[targets[i]];
}

/* The rows of one channel, in order. Every row is written, most of them over: no branch to guess. */
static uint32_t pick_rows(const struct weir_output *output, uint32_t count, uint32_t channel,
    uint32_t picked[restrict WEIR_BATCH_ROWS_MAX + 1])
{
    const uint16_t *restrict targets = output->targets;
    const uint32_t *restrict rows = output->rows;
    uint32_t picked_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        picked[picked_count] = rows[i];
        picked_count += targets[i] == channel;
    }
    return picked_count;
}

/* Sorts the rows by channel, in order within each; starts[c] is where channel c's begin. */
static void sort_rows(const struct weir_output *output, uint32_t count, uint32_t channel_count,
    uint32_t sorted[restrict WEIR_BATCH_ROWS_MAX], uint32_t *restrict starts)
{
    const uint16_t *restrict targets = output->targets;
    memset(starts, 0, (channel_count + 1) * sizeof *starts);
    for (uint32_t i = 0; i < count; i++) starts[targets[i] + 1]++;
    for (uint32_t c = 0; c < channel_count; c++) starts[c + 1] += starts[c];
    for (uint32_t i = 0; i < count; i++) sorted[starts[targets[i]]++] = output->rows[i];
    memmove(starts + 1, starts, channel_count * sizeof *starts); /* each had moved to its end */
    starts[0] = 0;
}

static void write_hash(
    struct weir_output *output, struct weir_output_edge *edge, const struct weir_batch *batch)
{
    uint32_t count = list_rows(output, batch), picked[WEIR_BATCH_ROWS_MAX + 1];
    weir_batch_hash(batch, edge->keys, edge->key_count, output->hashes);
    find_targets(output, edge, count);
    struct weir_batch view = *batch; /* same columns, perhaps other kinds */
    if (batch->kinds) view.kinds = (uint8_t *)downgrade_split_pairs(output, batch, count);
    if (edge->hashes_travel && !batch->selection) { /* else they are not by row */
        view.hashes = output->hashes;
        view.hash_columns = edge->keys;
        view.hash_column_count = edge->key_count;
    }
    if (edge->starts) sort_rows(output, count, edge->channel_count, picked, edge->starts);
    for (uint32_t c = 0; c < edge->channel_count; c++) {
        uint32_t first = edge->starts ? edge->starts[c] : 0;
        uint32_t own = edge->starts ? edge->starts[c + 1] - first : pick_rows(output, count, c, picked);
        if (own) append(edge, c, &view, picked + first, own);
    }
}

void weir_output_write(struct weir_output *output, const struct weir_batch *batch)
{
    if (weir_batch_selected(batch) == 0) return;
    output->building = true;
    for (uint32_t e = 0; e < output->edge_count; e++) {
        struct weir_output_edge *edge = &output->edges[e];
        if (is_partitioned(edge)) {
            write_hash(output, edge, batch);
            continue;
        }
        uint32_t count = list_rows(output, batch);
        switch (edge->exchange) {
        case WEIR_EXCHANGE_BROADCAST:
            for (uint32_t c = 0; c < edge->channel_count; c++) append(edge, c, batch, output->rows, count);
            break;
        case WEIR_EXCHANGE_REBALANCE:
            append(edge, edge->next, batch, output->rows, count);
            edge->next = (edge->next + 1) % edge->channel_count;
            break;
        case WEIR_EXCHANGE_FORWARD:
        case WEIR_EXCHANGE_GLOBAL:
        case WEIR_EXCHANGE_HASH: append(edge, 0, batch, output->rows, count); break;
        }
    }
}

void weir_output_flush(struct weir_output *output)
{
    if (!output->building) return;
    output->building = false;
    for (uint32_t e = 0; e < output->edge_count; e++) {
        for (uint32_t c = 0; c < output->edges[e].channel_count; c++) send_building(&output->edges[e], c);
    }
}

static void send(struct weir_output *output, struct weir_element element)
{
    weir_output_flush(output);
    for (uint32_t e = 0; e < output->edge_count; e++) {
        for (uint32_t c = 0; c < output->edges[e].channel_count; c++) {
            struct weir_channel *channel = output->edges[e].channels[c];
            if (weir_channel_room(channel) == 0 && is_closed(channel))
                continue; /* nobody reads it any more */
            weir_channel_push(channel, element);
        }
    }
}

void weir_output_broadcast(struct weir_output *output, enum weir_element_kind kind, int64_t value)
{
    send(output, (struct weir_element){ .kind = kind, .value = value });
}

void weir_output_barrier(struct weir_output *output, const struct weir_barrier *barrier)
{
    send(output, (struct weir_element){ .kind = WEIR_ELEMENT_BARRIER,
                     .value = (int64_t)barrier->id,
                     .epoch = barrier->epoch,
                     .base_id = barrier->base_id,
                     .savepoint = barrier->savepoint });
}

void weir_output_cancel(struct weir_output *output, uint64_t checkpoint_id, uint64_t epoch)
{
    send(output, (struct weir_element){
                     .kind = WEIR_ELEMENT_CANCEL, .value = (int64_t)checkpoint_id, .epoch = epoch });
}
