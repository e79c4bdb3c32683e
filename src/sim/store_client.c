/* The client side of the simulated store: requests on their way, sessions as a process knows them. */
#include "base/assert.h"
#include "sim/store_internal.h"
#include "sim/world.h"
#include <string.h>

struct request {
    uint64_t number, session;
    uint32_t process, start;
    struct weir_tag tag;
    bool late;
    uint32_t count;
    struct weir_store_operation operations[WEIR_STORE_OPERATIONS_MAX];
    char bytes[];
};

struct reply {
    uint64_t number;
    struct weir_tag tag;
    struct weir_store_event event;
    char bytes[];
};

static struct weir_sim_store_client *client_of(struct weir_sim_process *process)
{
    return &process->sim->store.clients[process->index];
}

/* --- answers --- */

static bool pending_take(struct weir_sim_store_client *client, uint64_t number)
{
    for (uint32_t i = 0; i < client->pending_count; i++) {
        if (client->pending[i].number != number) continue;
        client->pending_count--;
        memmove(&client->pending[i], &client->pending[i + 1],
            sizeof *client->pending * (client->pending_count - i));
        return true;
    }
    return false;
}

static const char *const outcomes[] = { "ok", "conflict", "not found", "unavailable", "unknown" };

static void hand_over(
    struct weir_sim_process *process, const struct weir_tag *tag, const struct weir_store_event *store)
{
    struct weir_event event = { .kind = WEIR_EVENT_STORE_DONE, .tag = *tag, .store = *store };
    if (store->outcome != WEIR_STORE_OK)
        weir_sim_trace(process->sim, process, "store answers: %s", outcomes[store->outcome]);
    weir_sim_process_event(process, &event);
}

static void replied(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    const struct reply *reply = (const struct reply *)payload;
    struct weir_sim_store_client *client = client_of(process);
    if (client->cut && reply->event.outcome != WEIR_STORE_UNAVAILABLE) {
        client->lost_something = true;
        return;
    }
    if (pending_take(client, reply->number)) hand_over(process, &reply->tag, &reply->event);
}

static void pending_add(struct weir_sim_process *process, uint64_t number, const struct weir_tag *tag)
{
    struct weir_sim_store_client *client = client_of(process);
    if (client->pending_count == client->pending_capacity) {
        uint32_t capacity = client->pending_capacity ? client->pending_capacity * 2 : 16;
        WEIR_ASSERT(capacity <= WEIR_SIM_STORE_PENDING_MAX);
        size_t bytes = sizeof *client->pending;
        client->pending = (struct weir_sim_pending *)weir_memory_reallocate(
            process->sim->memory, client->pending, bytes * client->pending_capacity, bytes * capacity);
        client->pending_capacity = capacity;
    }
    client->pending[client->pending_count++] = (struct weir_sim_pending){ .number = number, .tag = *tag };
}

static void schedule_reply(struct weir_sim_process *process, int64_t at_us, uint64_t number,
    const struct weir_tag *tag, const struct weir_store_event *event)
{
    size_t bytes = sizeof(struct reply) + sizeof *event->entries * event->entry_count;
    for (uint32_t i = 0; i < event->entry_count; i++)
        bytes += strlen(event->entries[i].key) + 1 + event->entries[i].length;
    struct reply *reply = (struct reply *)weir_sim_payload(&process->sim->scheduler, bytes);
    reply->number = number;
    reply->tag = *tag;
    reply->event = *event;
    struct weir_store_entry *entries = (struct weir_store_entry *)(void *)reply->bytes;
    char *at = (char *)(entries + event->entry_count);
    for (uint32_t i = 0; i < event->entry_count; i++) {
        entries[i] = event->entries[i];
        size_t key_bytes = strlen(entries[i].key) + 1;
        entries[i].key = (const char *)memcpy(at, entries[i].key, key_bytes);
        at += key_bytes;
        if (entries[i].length) memcpy(at, entries[i].value, entries[i].length);
        entries[i].value = (const uint8_t *)at;
        at += entries[i].length;
    }
    reply->event.entries = entries;
    weir_sim_process_schedule(process, at_us, replied, 0, reply, bytes);
}

/* --- requests --- */

static void show_request(struct weir_sim_process *process, const struct weir_effect *effect)
{
    static const char *const names[] = { "check", "read", "read stale", "list", "create", "create ephemeral",
        "set", "delete" };
    for (uint32_t i = 0; i < effect->operation_count; i++)
        weir_sim_trace(process->sim, process, "store %s %s (version %lld)%s",
            names[effect->operations[i].kind], effect->operations[i].key,
            (long long)effect->operations[i].version, i + 1 < effect->operation_count ? " and" : "");
}

static struct request *request_make(
    struct weir_sim_process *process, const struct weir_effect *effect, uint64_t number, size_t *ret_bytes)
{
    size_t bytes = sizeof(struct request);
    for (uint32_t i = 0; i < effect->operation_count; i++)
        bytes += strlen(effect->operations[i].key) + 1 + effect->operations[i].length;
    struct request *request = (struct request *)weir_sim_payload(&process->sim->scheduler, bytes);
    *request = (struct request){ .number = number,
        .session = client_of(process)->session,
        .process = process->index,
        .start = process->start,
        .tag = effect->tag,
        .count = effect->operation_count };
    char *at = request->bytes;
    for (uint32_t i = 0; i < effect->operation_count; i++) {
        struct weir_store_operation *operation = &request->operations[i];
        *operation = effect->operations[i];
        size_t key_bytes = strlen(operation->key) + 1;
        operation->key = (const char *)memcpy(at, operation->key, key_bytes);
        at += key_bytes;
        if (operation->length) memcpy(at, operation->value, operation->length);
        operation->value = (const uint8_t *)at;
        at += operation->length;
    }
    *ret_bytes = bytes;
    return request;
}

static bool is_write(const struct request *request)
{
    for (uint32_t i = 0; i < request->count; i++)
        if (request->operations[i].kind >= WEIR_STORE_CREATE) return true;
    return false;
}

static void arrives(void *owner, void *payload, uint64_t number);

/* The same request again, later: its payload is copied, for the item that carries it ends now. */
static void arrive_later(struct weir_sim *sim, const struct request *request, size_t bytes)
{
    struct request *copy = (struct request *)weir_sim_payload(&sim->scheduler, bytes);
    memcpy(copy, request, bytes);
    for (uint32_t i = 0; i < copy->count; i++) {
        copy->operations[i].key = copy->bytes + (request->operations[i].key - request->bytes);
        copy->operations[i].value =
            (const uint8_t *)copy->bytes + ((const char *)request->operations[i].value - request->bytes);
    }
    copy->late = true;
    weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, "store request applies late");
    weir_sim_schedule(&sim->scheduler,
        (struct weir_sim_item){ .at_us = weir_sim_now(sim) + weir_sim_random_scale(&sim->store.random, 1000,
                                                                 sim->store.late_max_us),
            .function = arrives,
            .owner = sim,
            .number = bytes,
            .process = WEIR_SIM_PROCESS_NONE,
            .payload = copy,
            .payload_bytes = bytes });
}

static void tell_unknown(struct weir_sim_process *process, const struct request *request)
{
    struct weir_sim_store *store = &process->sim->store;
    if (process->start != request->start || !weir_sim_process_is_up(process)) return;
    struct weir_store_event event = { .outcome = WEIR_STORE_UNKNOWN };
    int64_t at = weir_sim_now(process->sim) + weir_sim_random_scale(&store->random, 500, 400000);
    schedule_reply(process, at, request->number, &request->tag, &event);
}

static void serve(struct weir_sim *sim, const struct request *request, bool answered)
{
    struct weir_sim_store *store = &sim->store;
    struct weir_sim_process *process = &sim->processes[request->process];
    struct weir_store_event event = { 0 };
    weir_arena_reset(&sim->scratch);
    event.outcome =
        weir_sim_store__apply(store, process, request->session, request->operations, request->count);
    if (request->late || weir_sim_is_traced(sim))
        weir_sim_trace(sim, NULL, "store: %s's %s of %s%s", process->name,
            is_write(request) ? "write" : "read", request->operations[request->count - 1].key,
            event.outcome == WEIR_STORE_OK ? (request->late ? " applies late" : " applies") : " is refused");
    if (!answered || process->start != request->start || !weir_sim_process_is_up(process)) return;
    if (event.outcome == WEIR_STORE_OK)
        weir_sim_store__answer(store, request->operations, request->count, &sim->scratch, &event);
    struct weir_sim_store_client *client = &store->clients[request->process];
    int64_t at =
        weir_sim_now(sim) + weir_sim_random_range(&store->random, store->delay_min_us, store->delay_max_us);
    client->reply_us = WEIR_MAX(client->reply_us, at);
    schedule_reply(process, client->reply_us, request->number, &request->tag, &event);
    weir_arena_reset(&sim->scratch);
}

static void arrives(void *owner, void *payload, uint64_t number)
{
    struct weir_sim *sim = (struct weir_sim *)owner;
    struct weir_sim_store *store = &sim->store;
    const struct request *request = (const struct request *)payload;
    struct weir_sim_process *process = &sim->processes[request->process];
    bool late = is_write(request) && weir_sim_random_permille(&store->random, store->late_permille);
    if (store->down || store->clients[request->process].cut) {
        if (late && !request->late) arrive_later(sim, request, number);
        if (process->start == request->start) store->clients[request->process].lost_something = true;
        return; /* the client finds out by itself */
    }
    if (store->ended[request->session]) return;
    if (!request->late && weir_sim_random_permille(&store->random, store->unknown_permille)) {
        weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, "store reply lost");
        sim->result->faults++;
        tell_unknown(process, request);
        if (late)
            arrive_later(sim, request, number);
        else if (weir_sim_random_permille(&store->random, 500))
            serve(sim, request, false);
        return;
    }
    serve(sim, request, !request->late);
}

void weir_sim_store_execute(struct weir_sim_process *process, const struct weir_effect *effect)
{
    struct weir_sim *sim = process->sim;
    struct weir_sim_store *store = &sim->store;
    struct weir_sim_store_client *client = client_of(process);
    uint64_t number = ++store->numbers;
    store->requests++;
    sim->result->store_requests++;
    if (weir_sim_is_traced(sim)) show_request(process, effect);
    if (!store->transactions && effect->operation_count > 1)
        weir_sim_fail(sim, "store", "%s asks for %u operations at once of a store without transactions",
            process->name, effect->operation_count);
    pending_add(process, number, &effect->tag);
    if (client->state != WEIR_SIM_SESSION_CONNECTED) {
        struct weir_store_event event = { .outcome = WEIR_STORE_UNAVAILABLE };
        schedule_reply(process, weir_sim_now(sim) + 100, number, &effect->tag, &event);
        return;
    }
    size_t bytes;
    struct request *request = request_make(process, effect, number, &bytes);
    int64_t at =
        weir_sim_now(sim) + weir_sim_random_range(&store->random, store->delay_min_us, store->delay_max_us);
    client->arrival_us = WEIR_MAX(client->arrival_us, at);
    weir_sim_schedule(&sim->scheduler, (struct weir_sim_item){ .at_us = client->arrival_us,
                                           .function = arrives,
                                           .owner = sim,
                                           .number = bytes,
                                           .process = WEIR_SIM_PROCESS_NONE,
                                           .payload = request,
                                           .payload_bytes = bytes });
}

/* --- sessions --- */

static void state_event(struct weir_sim_process *process, enum weir_store_state state)
{
    static const char *const names[] = { "connected", "suspended", "lost" };
    struct weir_sim_store *store = &process->sim->store;
    struct weir_event event = { .kind = WEIR_EVENT_STORE_STATE,
        .store = { .state = state,
            .session_timeout_us = state == WEIR_STORE_CONNECTED ? store->session_timeout_us : 0,
            .transactions = store->transactions } };
    weir_sim_trace(process->sim, process, "store is %s", names[state]);
    weir_sim_process_event(process, &event);
}

static void answer_pending(struct weir_sim_process *process)
{
    struct weir_sim_store_client *client = client_of(process);
    uint32_t start = process->start;
    uint64_t last = process->sim->store.numbers; /* what is asked meanwhile stays */
    while (client->pending_count > 0 && client->pending[0].number <= last && !process->dying &&
           process->start == start) {
        struct weir_tag tag = client->pending[0].tag;
        pending_take(client, client->pending[0].number);
        struct weir_store_event event = { .outcome = WEIR_STORE_UNKNOWN };
        hand_over(process, &tag, &event);
    }
}

static void suspend(struct weir_sim_process *process)
{
    struct weir_sim_store_client *client = client_of(process);
    if (client->state != WEIR_SIM_SESSION_CONNECTED) return;
    client->state = WEIR_SIM_SESSION_SUSPENDED;
    bool state_first = weir_sim_random_permille(&process->sim->store.random, 500);
    if (state_first) state_event(process, WEIR_STORE_SUSPENDED);
    answer_pending(process);
    if (!state_first) state_event(process, WEIR_STORE_SUSPENDED);
}

static void notices(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    if (client_of(process)->link_number == number) suspend(process);
}

static void reconnects(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    struct weir_sim_store *store = &process->sim->store;
    struct weir_sim_store_client *client = client_of(process);
    if (!client->linked || process->dying) return;
    bool over = client->session && store->ended[client->session];
    if (over) {
        suspend(process);
        client->state = WEIR_SIM_SESSION_NONE;
        client->session = 0;
        if (!process->dying) state_event(process, WEIR_STORE_LOST);
        weir_sim_process_schedule(process,
            weir_sim_now(process->sim) + weir_sim_random_range(&store->random, 500, 50000), reconnects, 0,
            NULL, 0);
        return;
    }
    if (client->state == WEIR_SIM_SESSION_CONNECTED) return;
    if (client->state == WEIR_SIM_SESSION_NONE) {
        WEIR_ASSERT(store->sessions + 1 < WEIR_SIM_SESSIONS_MAX);
        client->session = ++store->sessions;
    }
    client->state = WEIR_SIM_SESSION_CONNECTED;
    state_event(process, WEIR_STORE_CONNECTED);
}

struct expiry {
    uint64_t session;
    uint32_t process, link_number;
    bool orphan; /* its process is gone */
};

static void schedule_expiry(struct weir_sim_store *store, struct expiry expiry);

static void expires(void *owner, void *payload, uint64_t number)
{
    struct weir_sim *sim = (struct weir_sim *)owner;
    struct weir_sim_store *store = &sim->store;
    struct expiry expiry = *(const struct expiry *)payload;
    const struct weir_sim_store_client *client = &store->clients[expiry.process];
    if (store->ended[expiry.session]) return;
    bool gone = expiry.orphan || (client->session == expiry.session && !client->linked &&
                                     client->link_number == expiry.link_number);
    if (!gone) return;
    if (store->down) { /* a store that comes back gives every session its whole time again */
        schedule_expiry(store, expiry);
        return;
    }
    weir_sim_trace(sim, NULL, "store: session of %s is over", sim->processes[expiry.process].name);
    weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, "session over");
    weir_sim_store__end_session(store, expiry.session);
}

static void schedule_expiry(struct weir_sim_store *store, struct expiry expiry)
{
    struct weir_sim *sim = store->sim;
    int64_t wait = store->session_timeout_us -
                   weir_sim_random_range(&store->random, 0, store->session_timeout_us / 3) +
                   weir_sim_random_range(&store->random, 0, store->tick_us);
    struct expiry *payload = (struct expiry *)weir_sim_payload(&sim->scheduler, sizeof expiry);
    *payload = expiry;
    weir_sim_schedule(&sim->scheduler, (struct weir_sim_item){ .at_us = weir_sim_now(sim) + wait,
                                           .function = expires,
                                           .owner = sim,
                                           .process = WEIR_SIM_PROCESS_NONE,
                                           .payload = payload,
                                           .payload_bytes = sizeof expiry });
}

static void link_lost(struct weir_sim_store *store, struct weir_sim_process *process)
{
    struct weir_sim_store_client *client = &store->clients[process->index];
    int64_t now = weir_sim_now(store->sim);
    client->unlinked_us = now;
    if (client->session)
        schedule_expiry(store,
            (struct expiry){
                .session = client->session, .process = process->index, .link_number = client->link_number });
    if (process->state != WEIR_SIM_RUNNING || client->state != WEIR_SIM_SESSION_CONNECTED) return;
    bool at_once = store->down ? weir_sim_random_permille(&store->random, 800)
                               : weir_sim_random_permille(&store->random, 300);
    int64_t wait = at_once ? weir_sim_random_range(&store->random, 500, 20000)
                           : weir_sim_random_range(&store->random, store->session_timeout_us / 3,
                                 store->session_timeout_us * 2 / 3);
    weir_sim_process_schedule(process, now + wait, notices, client->link_number, NULL, 0);
}

static void link_found(struct weir_sim_store *store, struct weir_sim_process *process)
{
    struct weir_sim_store_client *client = &store->clients[process->index];
    int64_t now = weir_sim_now(store->sim);
    /* Too long a silence, or a connection that is another one now. */
    bool broken = now - client->unlinked_us > store->session_timeout_us * 2 / 3 || client->lost_something;
    client->lost_something = false;
    if (client->state == WEIR_SIM_SESSION_CONNECTED && broken)
        weir_sim_process_schedule(process, now, notices, client->link_number, NULL, 0);
    weir_sim_process_schedule(
        process, now + weir_sim_random_scale(&store->random, 500, 200000), reconnects, 0, NULL, 0);
}

void weir_sim_store_link_changed(struct weir_sim_store *store, uint32_t index)
{
    struct weir_sim_process *process = &store->sim->processes[index];
    struct weir_sim_store_client *client = &store->clients[index];
    if (process->kind == WEIR_SIM_CLIENT || !weir_sim_process_is_up(process)) return;
    bool linked = process->state == WEIR_SIM_RUNNING && !client->cut && !store->down;
    if (linked == client->linked) return;
    client->linked = linked;
    client->link_number++;
    if (linked)
        link_found(store, process);
    else
        link_lost(store, process);
}

void weir_sim_store_process_started(struct weir_sim_store *store, struct weir_sim_process *process)
{
    struct weir_sim_store_client *client = &store->clients[process->index];
    client->state = WEIR_SIM_SESSION_NONE;
    client->session = 0;
    client->linked = false;
    client->pending_count = 0;
    client->link_number++;
    if (process->kind == WEIR_SIM_TASKMANAGER && weir_sim_has(store->sim, WEIR_SIM_no_store_at_taskmanagers))
        client->cut = true;
    weir_sim_store_link_changed(store, process->index);
}

void weir_sim_store_process_ended(struct weir_sim_store *store, struct weir_sim_process *process)
{
    struct weir_sim_store_client *client = &store->clients[process->index];
    client->linked = false;
    client->link_number++;
    client->pending_count = 0;
    if (!client->session || store->ended[client->session]) return;
    if (store->preset == WEIR_SIM_STORE_EMBEDDED)
        weir_sim_store__end_session(store, client->session); /* the kernel lets go of its lock */
    else
        schedule_expiry(
            store, (struct expiry){ .session = client->session, .process = process->index, .orphan = true });
    client->session = 0;
}

void weir_sim_store_set_down(struct weir_sim_store *store, bool down)
{
    if (store->down == down) return;
    weir_sim_trace(store->sim, NULL, "store: %s", down ? "goes away" : "is back");
    store->down = down;
    for (uint32_t i = 0; i < store->sim->process_count; i++) weir_sim_store_link_changed(store, i);
    if (down) return;
    for (uint32_t i = 0; i < store->sim->process_count; i++) {
        struct weir_sim_store_client *client = &store->clients[i];
        if (client->session && !client->linked)
            schedule_expiry(
                store, (struct expiry){
                           .session = client->session, .process = i, .link_number = client->link_number });
    }
}

void weir_sim_store_set_cut(struct weir_sim_store *store, uint32_t process, bool cut)
{
    if (!cut && store->sim->processes[process].kind == WEIR_SIM_TASKMANAGER &&
        weir_sim_has(store->sim, WEIR_SIM_no_store_at_taskmanagers))
        return;
    if (store->clients[process].cut == cut) return;
    weir_sim_trace(store->sim, &store->sim->processes[process], "%s",
        cut ? "is cut off the store" : "reaches the store");
    store->clients[process].cut = cut;
    weir_sim_store_link_changed(store, process);
}

void weir_sim_store_expire(struct weir_sim_store *store, uint32_t process)
{
    struct weir_sim_store_client *client = &store->clients[process];
    if (!client->session || store->ended[client->session]) return;
    weir_sim_trace(store->sim, NULL, "store: ends the session of %s", store->sim->processes[process].name);
    weir_sim_store__end_session(store, client->session);
    if (client->linked)
        weir_sim_process_schedule(&store->sim->processes[process],
            weir_sim_now(store->sim) + weir_sim_random_range(&store->random, 100, 20000), reconnects, 0, NULL,
            0);
}
