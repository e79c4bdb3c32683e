#include "task/output.h"
#include "base/assert.h"
#include "data/key_group.h"

void weir_output_init(struct weir_output *output, struct weir_arena *arena, struct weir_output_edge *edges,
    uint32_t edge_count, uint32_t max_parallelism)
{
    *output =
        (struct weir_output){ .edges = edges, .edge_count = edge_count, .max_parallelism = max_parallelism };
    for (uint32_t e = 0; e < edge_count; e++) {
        WEIR_ASSERT(edges[e].channel_count > 0 && edges[e].channel_count <= UINT16_MAX);
        edges[e].building = WEIR_ARENA_ARRAY(arena, struct weir_batch *, edges[e].channel_count);
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
            if (weir_channel_room(channel) < WEIR_OUTPUT_RESERVE && !is_closed(channel)) return false;
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
    weir_channel_push(edge->channels[c], (struct weir_element){ .kind = WEIR_ELEMENT_BATCH, .batch = batch });
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
        if (done < count || to->row_count == WEIR_BATCH_ROWS_MAX) send_building(edge, c);
    }
    if (edge->building[c] && edge->building[c]->row_count >= WEIR_OUTPUT_COALESCE_ROWS)
        send_building(edge, c);
}

/* The rows that count, as row numbers. */
static uint32_t list_rows(struct weir_output *output, const struct weir_batch *batch)
{
    uint32_t count = weir_batch_selected(batch);
    for (uint32_t i = 0; i < count; i++) output->rows[i] = weir_batch_row(batch, i);
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

static void write_hash(
    struct weir_output *output, struct weir_output_edge *edge, const struct weir_batch *batch)
{
    uint32_t count = list_rows(output, batch);
    weir_batch_hash(batch, edge->keys, edge->key_count, output->hashes);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t group = weir_key_group_of(output->hashes[i], output->max_parallelism);
        output->targets[i] =
            (uint16_t)weir_key_group_subtask(group, output->max_parallelism, edge->channel_count);
    }
    struct weir_batch view = *batch; /* same columns, perhaps other kinds */
    if (batch->kinds) view.kinds = (uint8_t *)downgrade_split_pairs(output, batch, count);
    uint32_t picked[WEIR_BATCH_ROWS_MAX];
    for (uint32_t c = 0; c < edge->channel_count; c++) {
        uint32_t picked_count = 0;
        for (uint32_t i = 0; i < count; i++) {
            picked[picked_count] = output->rows[i];
            picked_count += output->targets[i] == c;
        }
        if (picked_count) append(edge, c, &view, picked, picked_count);
    }
}

void weir_output_write(struct weir_output *output, const struct weir_batch *batch)
{
    if (weir_batch_selected(batch) == 0) return;
    output->building = true;
    for (uint32_t e = 0; e < output->edge_count; e++) {
        struct weir_output_edge *edge = &output->edges[e];
        if (edge->exchange == WEIR_EXCHANGE_HASH && edge->channel_count > 1 && edge->key_count > 0) {
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
