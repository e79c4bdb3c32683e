#include "sim/network.h"
#include "base/assert.h"
#include "sim/world.h"
#include <string.h>

enum { RESET_EVENT = 1, TIMEOUT_EVENT, REFUSED_EVENT };

struct message {
    uint64_t connection;
    uint32_t from;
    size_t length;
    uint8_t bytes[];
};

static struct weir_sim_route *link_of(struct weir_sim_network *network, uint32_t from, uint32_t to)
{
    return &network->links[from][to];
}

static int64_t delay(struct weir_sim_network *network)
{
    if (network->slow_permille && weir_sim_random_permille(&network->random, network->slow_permille))
        return weir_sim_random_scale(&network->random, 1000, network->slow_max_us);
    return weir_sim_random_range(&network->random, network->delay_min_us, network->delay_max_us);
}

/* When what is sent now arrives: after all that was sent before. */
static int64_t arrival(struct weir_sim_network *network, uint32_t from, uint32_t to)
{
    struct weir_sim_route *link = link_of(network, from, to);
    int64_t at = weir_sim_now(network->sim) + delay(network);
    if (at > link->arrival_us) link->arrival_us = at;
    return link->arrival_us;
}

static void connection_event(
    struct weir_sim_process *process, uint32_t other, enum weir_connection_state state)
{
    static const char *const names[] = { "up", "reset", "refused", "timeout" };
    struct weir_sim *sim = process->sim;
    struct weir_event event = { .kind = WEIR_EVENT_CONNECTION,
        .connection = state,
        .from = weir_sim_process_node(process, &sim->processes[other]),
        .from_incarnation = state == WEIR_CONNECTION_UP ? sim->processes[other].incarnation : 0 };
    weir_sim_trace(sim, process, "connection with %s: %s", sim->processes[other].name, names[state]);
    weir_sim_process_event(process, &event);
}

/* --- dialling --- */

static void dial(void *owner, void *payload, uint64_t number);

static void redial(struct weir_sim_process *process, uint32_t to)
{
    struct weir_sim_network *network = &process->sim->network;
    struct weir_sim_route *link = link_of(network, process->index, to);
    if (!link->standing) return;
    uint32_t step = WEIR_MIN(link->refusals, 6u);
    int64_t wait = step == 0 ? 200 : (int64_t)4000 << step;
    wait += weir_sim_random_range(&network->random, 0, wait / 2);
    weir_sim_process_schedule(
        process, weir_sim_now(process->sim) + wait, dial, (uint64_t)link->attempt << 32 | to, NULL, 0);
}

/* number: kind of event, then connection or attempt */
struct ending {
    uint32_t other, kind;
    uint64_t connection; /* RESET, TIMEOUT of a connection */
    uint32_t attempt;    /* REFUSED, TIMEOUT of an attempt; 0: of a connection */
};

static void ended(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    const struct ending *ending = (const struct ending *)payload;
    struct weir_sim_route *link = link_of(&process->sim->network, process->index, ending->other);
    if (ending->attempt) {
        if (link->attempt != ending->attempt || link->connection) return;
        link->attempt++;
        link->refusals++;
        enum weir_connection_state state =
            ending->kind == REFUSED_EVENT ? WEIR_CONNECTION_REFUSED : WEIR_CONNECTION_TIMEOUT;
        connection_event(process, ending->other, state);
        redial(process, ending->other);
        return;
    }
    if (!link->connection || link->connection != ending->connection) return;
    link->connection = 0;
    link->attempt++;
    link->refusals = 0;
    connection_event(process, ending->other,
        ending->kind == RESET_EVENT ? WEIR_CONNECTION_RESET : WEIR_CONNECTION_TIMEOUT);
    redial(process, ending->other);
}

static void schedule_ending(struct weir_sim_process *process, int64_t at_us, struct ending ending)
{
    struct ending *copy = (struct ending *)weir_sim_payload(&process->sim->scheduler, sizeof *copy);
    *copy = ending;
    weir_sim_process_schedule(process, at_us, ended, 0, copy, sizeof *copy);
}

struct knock {
    uint32_t from, from_start, attempt;
    uint64_t connection;
};

/* The accepting process has greeted: the dialler hears of it. */
static void connected(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    const struct knock *knock = (const struct knock *)payload;
    struct weir_sim *sim = process->sim;
    uint32_t other = (uint32_t)number;
    struct weir_sim_route *link = link_of(&sim->network, process->index, other);
    struct weir_sim_route *back = link_of(&sim->network, other, process->index);
    if (link->attempt != knock->attempt || !link->standing ||
        sim->network.links[other][process->index].blocked)
        return;
    if (link->connection) {
        link->connection = 0;
        connection_event(process, other, WEIR_CONNECTION_RESET);
        if (process->dying) return;
    }
    link->attempt++;
    link->refusals = 0;
    link->connection = knock->connection;
    if (back->connection != knock->connection) { /* it broke meanwhile */
        connection_event(process, other, WEIR_CONNECTION_UP);
        schedule_ending(process, weir_sim_now(sim) + 1,
            (struct ending){ .other = other, .kind = RESET_EVENT, .connection = knock->connection });
        return;
    }
    connection_event(process, other, WEIR_CONNECTION_UP);
}

static void accepted(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    const struct knock *knock = (const struct knock *)payload;
    struct weir_sim *sim = process->sim;
    struct weir_sim_network *network = &sim->network;
    struct weir_sim_process *dialler = &sim->processes[knock->from];
    struct weir_sim_route *link = link_of(network, knock->from, process->index);
    struct weir_sim_route *back = link_of(network, process->index, knock->from);
    if (dialler->start != knock->from_start || dialler->state == WEIR_SIM_DOWN ||
        link->attempt != knock->attempt)
        return;
    if (back->connection) {
        back->connection = 0;
        connection_event(process, knock->from, WEIR_CONNECTION_RESET);
        if (process->dying) return;
    }
    back->connection = knock->connection;
    back->arrival_us = weir_sim_now(sim);
    link->arrival_us = weir_sim_now(sim);
    int64_t at = arrival(network, process->index, knock->from);
    struct knock *copy = (struct knock *)weir_sim_payload(&sim->scheduler, sizeof *copy);
    *copy = *knock;
    weir_sim_process_schedule(dialler, at, connected, process->index, copy, sizeof *copy);
    connection_event(process, knock->from, WEIR_CONNECTION_UP);
}

static void dial(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    struct weir_sim *sim = process->sim;
    struct weir_sim_network *network = &sim->network;
    uint32_t to = (uint32_t)number;
    struct weir_sim_process *peer = &sim->processes[to];
    struct weir_sim_route *link = link_of(network, process->index, to);
    if (!link->standing || link->connection || link->attempt != (uint32_t)(number >> 32)) return;
    int64_t there = delay(network), back = delay(network), now = weir_sim_now(sim);
    struct ending ending = { .other = to, .kind = TIMEOUT_EVENT, .attempt = link->attempt };
    bool through =
        !link->blocked && !network->links[to][process->index].blocked && !network->host_down[peer->host];
    if (through && (peer->state == WEIR_SIM_DOWN || network->refusing[to])) {
        ending.kind = REFUSED_EVENT;
        if (network->refusing[to]) network->refused_us[to] = now + 1;
        schedule_ending(process, now + there + back, ending);
        return;
    }
    schedule_ending(process, now + network->connect_timeout_us, ending);
    if (!through) return;
    struct knock *knock = (struct knock *)weir_sim_payload(&sim->scheduler, sizeof *knock);
    *knock = (struct knock){ .from = process->index,
        .from_start = process->start,
        .attempt = link->attempt,
        .connection = ++network->connections };
    weir_sim_process_schedule(peer, now + there, accepted, 0, knock, sizeof *knock);
}

void weir_sim_network_connect(struct weir_sim_process *from, struct weir_sim_process *to)
{
    struct weir_sim_route *link = link_of(&from->sim->network, from->index, to->index);
    if (from == to || link->standing) return;
    weir_sim_trace(from->sim, from, "dials %s from now on", to->name);
    link->standing = true;
    link->refusals = 0;
    link->attempt = link->attempt + 1 ? link->attempt + 1 : 1;
    redial(from, to->index);
}

void weir_sim_network_disconnect(struct weir_sim_process *from, struct weir_sim_process *to)
{
    struct weir_sim_network *network = &from->sim->network;
    struct weir_sim_route *link = link_of(network, from->index, to->index);
    link->standing = false;
    link->attempt++;
    weir_sim_trace(from->sim, from, "hangs up on %s", to->name);
    if (!link->connection) return;
    uint64_t connection = link->connection;
    link->connection = 0;
    if (!link->blocked && to->state != WEIR_SIM_DOWN)
        schedule_ending(to, arrival(network, from->index, to->index),
            (struct ending){ .other = from->index, .kind = RESET_EVENT, .connection = connection });
}

/* --- messages --- */

static void hold(struct weir_sim_network *network, struct weir_sim_route *link, struct message *message)
{
    struct weir_memory *memory = network->sim->memory;
    if (link->held.count == link->held.capacity) {
        uint32_t capacity = link->held.capacity ? link->held.capacity * 2 : 16;
        WEIR_ASSERT(capacity <= WEIR_SIM_HELD_MAX);
        link->held.payloads = (void **)weir_memory_reallocate(
            memory, link->held.payloads, sizeof(void *) * link->held.capacity, sizeof(void *) * capacity);
        link->held.capacity = capacity;
    }
    size_t bytes = sizeof *message + message->length;
    link->held.payloads[link->held.count++] = memcpy(weir_memory_allocate(memory, bytes), message, bytes);
}

static void break_check(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    const struct ending *ending = (const struct ending *)payload;
    struct weir_sim_network *network = &process->sim->network;
    struct weir_sim_route *link = link_of(network, process->index, ending->other);
    link->breaking = false;
    if (!link->connection || link->connection != ending->connection) return;
    struct weir_sim_process *peer = &process->sim->processes[ending->other];
    bool reachable = !link->blocked && !network->links[ending->other][process->index].blocked;
    if (reachable && link_of(network, ending->other, process->index)->connection == link->connection &&
        !network->host_down[peer->host])
        return;
    ended(owner, payload, 0);
}

/* Nothing comes back for what is sent: after a while the connection is given up. */
static void expect_break(struct weir_sim_process *process, uint32_t other)
{
    struct weir_sim_network *network = &process->sim->network;
    struct weir_sim_route *link = link_of(network, process->index, other);
    if (link->breaking || !link->connection) return;
    link->breaking = true;
    struct ending *ending = (struct ending *)weir_sim_payload(&process->sim->scheduler, sizeof *ending);
    *ending = (struct ending){ .other = other, .kind = TIMEOUT_EVENT, .connection = link->connection };
    int64_t wait =
        weir_sim_random_range(&network->random, network->break_after_us / 2, network->break_after_us);
    weir_sim_process_schedule(
        process, weir_sim_now(process->sim) + wait, break_check, 0, ending, sizeof *ending);
}

static void deliver_later(
    struct weir_sim_process *to, int64_t at_us, const struct message *message, bool was_held);

static void delivered(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    struct message *message = (struct message *)payload;
    struct weir_sim_network *network = &process->sim->network;
    struct weir_sim_route *link = link_of(network, message->from, process->index);
    struct weir_sim_route *back = link_of(network, process->index, message->from);
    if (number) link->draining--;
    if (link->blocked || link->held.count > 0) {
        hold(network, link, message);
        return;
    }
    if (!number && link->draining > 0) { /* behind what waited longer */
        deliver_later(process, weir_sim_now(process->sim), message, false);
        return;
    }
    if (back->connection != message->connection) {
        /* This end has forgotten the connection: its host answers with a reset. */
        struct weir_sim_process *sender = &process->sim->processes[message->from];
        if (!back->blocked && weir_sim_process_is_up(sender) && link->connection == message->connection)
            schedule_ending(sender, weir_sim_now(process->sim) + delay(network),
                (struct ending){
                    .other = process->index, .kind = RESET_EVENT, .connection = message->connection });
        return;
    }
    network->messages++;
    process->sim->result->messages++;
    if (process->dying || !process->self) return;
    process->program->bytes(process->self,
        weir_sim_process_node(process, &process->sim->processes[message->from]), message->bytes,
        message->length);
}

static void deliver_later(
    struct weir_sim_process *to, int64_t at_us, const struct message *message, bool was_held)
{
    size_t bytes = sizeof *message + message->length;
    void *copy = memcpy(weir_sim_payload(&to->sim->scheduler, bytes), message, bytes);
    weir_sim_process_schedule(to, at_us, delivered, was_held, copy, bytes);
}

static void show_sent(struct weir_sim_process *from, struct weir_sim_process *to, const uint8_t *bytes,
    size_t length, bool lost)
{
    struct weir_sim *sim = from->sim;
    struct weir_arena *arena = &sim->scratch;
    Weir__Envelope *envelope;
    if (weir_envelope_decode(arena, bytes, length, &envelope, NULL)) return;
    weir_sim_cover(sim, WEIR_SIM_COVER_MESSAGE, weir_envelope_body_name(envelope->body_case));
    bool beat = envelope->body_case == WEIR__ENVELOPE__BODY_HEARTBEAT;
    if (weir_sim_is_traced(sim) && (!beat || sim->options->trace_heartbeats)) {
        struct weir_buffer text;
        weir_buffer_init(&text, sim->memory, WEIR_SIM_LINE_BYTES_MAX / 2);
        weir_envelope_print(envelope, &text);
        weir_sim_trace(
            sim, from, "%s %s: %s", lost ? "cannot send to" : "->", to->name, weir_buffer_text(&text));
        weir_buffer_done(&text);
    }
    if (!beat) WEIR_SIM_CHECK(sim, sent, from, to, envelope, lost);
    weir_arena_reset(arena);
}

void weir_sim_network_send(
    struct weir_sim_process *from, struct weir_sim_process *to, const uint8_t *bytes, size_t length)
{
    struct weir_sim *sim = from->sim;
    struct weir_sim_network *network = &sim->network;
    struct weir_sim_route *link = link_of(network, from->index, to->index);
    struct weir_sim_route *back = link_of(network, to->index, from->index);
    show_sent(from, to, bytes, length, !link->connection);
    if (!link->connection) {
        network->lost++;
        return;
    }
    network->bytes += length;
    bool gone = network->host_down[to->host] || to->state == WEIR_SIM_DOWN;
    if (link->blocked || back->blocked || network->host_down[to->host]) expect_break(from, to->index);
    if (gone) {
        if (!network->host_down[to->host] && !back->blocked && !link->blocked)
            schedule_ending(from, weir_sim_now(sim) + delay(network),
                (struct ending){ .other = to->index, .kind = RESET_EVENT, .connection = link->connection });
        return;
    }
    size_t total = sizeof(struct message) + length;
    struct message *message = (struct message *)weir_sim_payload(&sim->scheduler, total);
    *message = (struct message){ .connection = link->connection, .from = from->index, .length = length };
    memcpy(message->bytes, bytes, length);
    weir_sim_process_schedule(to, arrival(network, from->index, to->index), delivered, 0, message, total);
}

/* --- faults --- */

static void drop_held(
    struct weir_sim_network *network, struct weir_sim_route *link, struct weir_sim_process *to)
{
    uint32_t count = link->held.count;
    link->held.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct message *message = (struct message *)link->held.payloads[i];
        if (to && weir_sim_process_is_up(to)) {
            deliver_later(to, weir_sim_now(network->sim), message, true);
            link->draining++;
        }
        weir_memory_release(network->sim->memory, message, sizeof *message + message->length);
    }
}

void weir_sim_network_block(struct weir_sim_network *network, uint32_t from, uint32_t to, bool blocked)
{
    struct weir_sim_route *link = link_of(network, from, to);
    if (link->blocked == blocked) return;
    struct weir_sim *sim = network->sim;
    link->blocked = blocked;
    link->blocked_number++;
    if (!blocked) {
        drop_held(network, link, &sim->processes[to]);
        uint32_t ends[2] = { from, to };
        for (uint32_t i = 0; i < 2; i++) { /* what one end has given up, the other learns of now */
            struct weir_sim_route *mine = link_of(network, ends[i], ends[1 - i]);
            struct weir_sim_route *other = link_of(network, ends[1 - i], ends[i]);
            if (mine->connection && mine->connection != other->connection &&
                !link_of(network, ends[1 - i], ends[i])->blocked)
                schedule_ending(&sim->processes[ends[i]], weir_sim_now(sim) + delay(network),
                    (struct ending){
                        .other = ends[1 - i], .kind = RESET_EVENT, .connection = mine->connection });
        }
    }
}

void weir_sim_network_break(struct weir_sim_network *network, uint32_t a, uint32_t b)
{
    uint32_t ends[2] = { a, b };
    for (uint32_t i = 0; i < 2; i++) {
        struct weir_sim_process *process = &network->sim->processes[ends[i]];
        struct weir_sim_route *link = link_of(network, ends[i], ends[1 - i]);
        if (!link->connection || !weir_sim_process_is_up(process)) continue;
        /* What is under way arrives or not. */
        schedule_ending(process, weir_sim_now(network->sim) + delay(network),
            (struct ending){ .other = ends[1 - i], .kind = RESET_EVENT, .connection = link->connection });
    }
}

void weir_sim_network_process_ended(struct weir_sim_network *network, uint32_t process, bool silently)
{
    struct weir_sim *sim = network->sim;
    for (uint32_t i = 0; i < sim->process_count; i++) {
        struct weir_sim_route *link = link_of(network, process, i);
        struct weir_sim_route *back = link_of(network, i, process);
        link->connection = 0;
        link->standing = false;
        link->attempt++;
        link->breaking = false;
        back->draining = 0;
        if (!link->blocked) drop_held(network, back, NULL);
        struct weir_sim_process *peer = &sim->processes[i];
        if (!back->connection || !weir_sim_process_is_up(peer) || silently || link->blocked) continue;
        int64_t at = weir_sim_random_permille(&network->random, 500) ? arrival(network, process, i)
                                                                     : weir_sim_now(sim) + delay(network);
        schedule_ending(peer, at,
            (struct ending){ .other = process, .kind = RESET_EVENT, .connection = back->connection });
    }
}

bool weir_sim_network_is_connected(const struct weir_sim_network *network, uint32_t a, uint32_t b)
{
    return network->links[a][b].connection != 0 &&
           network->links[a][b].connection == network->links[b][a].connection;
}

void weir_sim_network_init(struct weir_sim_network *network, struct weir_sim *sim)
{
    *network = (struct weir_sim_network){ .sim = sim,
        .random = weir_sim_stream(sim, WEIR_SIM_STREAM_NETWORK),
        .delay_min_us = 100,
        .delay_max_us = 1500,
        .connect_timeout_us = 1000000,
        .break_after_us = 8000000,
        .slow_max_us = 1000000 };
}

void weir_sim_network_done(struct weir_sim_network *network)
{
    for (uint32_t i = 0; i < WEIR_SIM_NODES_MAX; i++) {
        for (uint32_t k = 0; k < WEIR_SIM_NODES_MAX; k++) {
            struct weir_sim_route *link = &network->links[i][k];
            drop_held(network, link, NULL);
            weir_memory_release(
                network->sim->memory, link->held.payloads, sizeof(void *) * link->held.capacity);
            link->held = (struct weir_sim_held){ 0 };
        }
    }
}
