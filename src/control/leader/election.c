/*
 * What the leader machine asks of the coordination store: presence, looks, claims, rewrites. One request at a
 * time; which one is next follows from what is known (leader__decide). An unknown outcome needs no state of
 * its own: the next look shows whose write won, and until one has, the same claim goes again from the same
 * version.
 */
#include "control/leader/internal.h"
#include "base/assert.h"
#include "control/planted.h"
#include "control/record/record.h"
#include <string.h>

#define CANDIDATES "candidates"

static uint64_t next_random(struct weir_leader *leader)
{
    leader->random ^= leader->random << 13;
    leader->random ^= leader->random >> 7;
    leader->random ^= leader->random << 17;
    return leader->random;
}

static void ask(struct weir_leader *leader, enum leader_request request,
    const struct weir_store_operation *operations, uint32_t count, int64_t now_us,
    struct weir_effects *effects)
{
    leader->request = request;
    leader->request_sent_us = now_us;
    struct weir_tag tag = { .role = WEIR_ROLE_LEADER, .kind = LEADER_TAG_STORE };
    tag.number = ++leader->request_number;
    weir_effect_store(effects, tag, operations, count);
}

static void ask_one(struct weir_leader *leader, enum leader_request request,
    enum weir_store_operation_kind kind, const char *key, int64_t now_us, struct weir_effects *effects)
{
    struct weir_store_operation operation = { .kind = kind, .key = key };
    ask(leader, request, &operation, 1, now_us, effects);
}

static void defer(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    int64_t delay_us = (int64_t)LEADER_RETRY_FIRST_US << WEIR_MIN(leader->retries, 6u);
    delay_us = WEIR_MIN(delay_us, (int64_t)LEADER_RETRY_LAST_US);
    leader->retries++;
    leader->not_before_us = now_us + delay_us / 2 + (int64_t)(next_random(leader) % (uint64_t)delay_us);
    weir_effect_timer(effects, (struct weir_tag){ .role = WEIR_ROLE_LEADER, .kind = LEADER_TAG_RETRY },
        leader->not_before_us);
}

void leader__session_over(struct weir_leader *leader)
{
    leader->request = LEADER_REQUEST_NONE;
    leader->own_present = leader->own_blocked = false;
    leader->known_since_us = INT64_MAX;
    leader->own_stale_version = 0;
    leader->looked = leader->jobs_looked = false;
    leader->look_due = leader->presence_due = true;
    /* What was claimed in that session is not led in another one: its presence is gone. */
    leader->epoch_led = WEIR_MAX(leader->epoch_led, leader->epoch_claimed);
}

static const char *candidate_key(const char *name, struct weir_arena *arena)
{
    return weir_arena_format(arena, CANDIDATES "/%s", name);
}

/* ---------------------------------------------------------------- presence */

static void encode(
    const ProtobufCMessage *message, struct weir_store_operation *operation, struct weir_arena *arena)
{
    operation->length = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = weir_arena_allocate(arena, operation->length ? operation->length : 1);
    protobuf_c_message_pack(message, bytes);
    operation->value = bytes;
}

static void ask_presence(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    leader->presence_due = false;
    const char *key = candidate_key(leader->identity->name, effects->arena);
    struct weir_store_operation operation = { .kind = WEIR_STORE_CREATE_EPHEMERAL, .key = key };
    if (leader->own_stale_version) {
        /* Not in one transaction with the next: not every store sees its own deletion in it. */
        operation.kind = WEIR_STORE_DELETE;
        operation.version = leader->own_stale_version;
    } else {
        encode(&weir_identity_node(leader->identity, effects->arena)->base, &operation, effects->arena);
    }
    ask(leader, LEADER_REQUEST_PRESENCE, &operation, 1, now_us, effects);
}

static void on_presence(
    struct weir_leader *leader, enum weir_store_outcome outcome, int64_t now_us, struct weir_effects *effects)
{
    bool deleted = leader->own_stale_version != 0;
    leader->own_stale_version = 0;
    if (outcome == WEIR_STORE_OK && !deleted) {
        leader->own_present = true;
        leader->retries = 0;
    }
    leader->presence_due = outcome == WEIR_STORE_OK && deleted;
    leader->look_due = true; /* it also shows what became of an unknown outcome */
    if (outcome != WEIR_STORE_OK) defer(leader, now_us, effects);
}

/* ---------------------------------------------------------------- looking */

static bool is_own(const struct weir_leader *leader)
{
    return leader->record && leader->record->holder->incarnation == leader->identity->incarnation &&
           leader->holder == leader->identity->self;
}

static void read_record(
    struct weir_leader *leader, const struct weir_store_entry *entry, struct weir_effects *effects)
{
    uint64_t incarnation = leader->record ? leader->record->holder->incarnation : 0;
    weir_node holder = leader->holder;
    leader->record = NULL;
    leader->holder = 0;
    leader->record_newer = false;
    leader->leaderships_listed = false; /* what is claimed from this version is listed after it */
    leader->record_found = entry && entry->found;
    leader->record_version = leader->record_found ? entry->version : 0;
    if (leader->record_found) {
        struct weir_error error;
        ProtobufCMessage *message = NULL;
        Weir__LeaderRecord *record = NULL;
        weir_arena_reset(&leader->record_arena);
        if (!weir_leader_record_decode(&leader->record_arena, entry->value, entry->length, &record, &error) &&
            record->epoch <= LEADER_EPOCH_MAX) {
            leader->record = record;
            leader->holder = weir_nodes_intern(leader->nodes, record->holder->name);
            leader->epoch_seen = WEIR_MAX(leader->epoch_seen, record->epoch);
            leader->damaged_looks = 0;
            leader->jobs_looked = false;
        } else {
            leader->record_newer =
                !weir_proto_decode(&weir__leader_record__descriptor, effects->arena, entry->value,
                    entry->length, WEIR_RECORD_BYTES_MAX, &message, &error) &&
                ((Weir__LeaderRecord *)message)->format > WEIR_RECORD_FORMAT;
            if (!leader->damaged_looks++)
                weir_effect_log(effects, WEIR_CONTROL_ERROR, "the leader record cannot be read: %s",
                    leader->record_newer ? "a newer version of Weir wrote it" : error.message);
        }
    }
    if (holder != leader->holder || (leader->record && incarnation != leader->record->holder->incarnation)) {
        leader->watching_holder = false;
    }
}

static void read_candidates(struct weir_leader *leader, const struct weir_store_event *store, int64_t now_us,
    struct weir_effects *effects)
{
    const size_t prefix = sizeof CANDIDATES; /* with the slash */
    leader->own_present = leader->own_blocked = leader->holder_present = leader->holder_name_present = false;
    leader->own_stale_version = 0;
    leader->looks++;
    for (uint32_t i = 0; i < store->entry_count; i++) {
        const struct weir_store_entry *entry = &store->entries[i];
        if (strlen(entry->key) <= prefix) continue;
        const char *name = entry->key + prefix;
        ProtobufCMessage *message = NULL;
        struct weir_error error;
        bool readable = !weir_proto_decode(&weir__node__descriptor, effects->arena, entry->value,
            entry->length, WEIR_RECORD_BYTES_MAX, &message, &error);
        const Weir__Node *node = readable ? (Weir__Node *)message : NULL;
        uint64_t incarnation = node ? node->incarnation : 0;
        if (leader->record && strcmp(name, leader->record->holder->name) == 0) {
            leader->holder_name_present = true;
            leader->holder_present = incarnation == leader->record->holder->incarnation;
            if (leader->holder_present) leader->holder_seen = incarnation;
            leader->holder_candidate_version = entry->version;
        }
        if (strcmp(name, leader->identity->name) != 0) {
            if (!node) continue;
            weir_node candidate = weir_nodes_intern(leader->nodes, name);
            if (candidate) leader__peer(leader, candidate)->listed_look = leader->looks;
            leader__dial(leader, name, node->rpc_address, effects);
            /* Its presence was removed with the takeover: it has come back. Without transactions it may be
             * left over. */
            if (leader->transactions) leader__lives(leader, name, incarnation, now_us);
        } else if (incarnation == leader->identity->incarnation) {
            leader->own_present = true;
        } else if (node && node->rpc_address[0] && strcmp(node->host, leader->identity->host) == 0 &&
                   strcmp(node->rpc_address, leader->identity->rpc_address) == 0) {
            /* Our predecessor: this process listens on its address now, so that one does not live any more.
             */
            leader->own_stale_version = entry->version;
        } else {
            leader->own_blocked = true; /* until its session ends */
        }
    }
    leader->presence_due = !leader->own_present && !leader->own_blocked;
    leader->known_since_us = leader->own_present ? WEIR_MIN(leader->known_since_us, now_us) : INT64_MAX;
    leader__hang_up_gone(leader, effects);
}

/* H1: what the store and its jobs know of epochs when there is no leader record. */
static void read_jobs(struct weir_leader *leader, const struct weir_store_event *store,
    enum leader_request request, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < store->entry_count; i++) {
        const struct weir_store_entry *entry = &store->entries[i];
        ProtobufCMessage *message = NULL;
        struct weir_error error;
        uint64_t epoch = 0;
        if (request == LEADER_REQUEST_LOOK_INDEX) {
            if (entry->found && !weir_proto_decode(&weir__job_index__descriptor, effects->arena, entry->value,
                                    entry->length, WEIR_RECORD_INDEX_BYTES_MAX, &message, &error))
                epoch = ((Weir__JobIndex *)message)->epoch;
        } else if (!weir_proto_decode(&weir__job_record__descriptor, effects->arena, entry->value,
                       entry->length, WEIR_RECORD_BYTES_MAX, &message, &error)) {
            epoch = ((Weir__JobRecord *)message)->epoch;
        }
        if (epoch <= LEADER_EPOCH_MAX) leader->epoch_seen = WEIR_MAX(leader->epoch_seen, epoch);
    }
}

/* H1: who led, when no record tells. */
static void read_leaderships(struct weir_leader *leader, const struct weir_store_event *store)
{
    const size_t prefix = sizeof WEIR_LEADERSHIPS; /* with the slash */
    leader->leadership_count = 0;
    leader->leaderships_listed = true;
    leader->leaderships_due = false;
    for (uint32_t i = 0; i < store->entry_count; i++) {
        const struct weir_store_entry *entry = &store->entries[i];
        uint64_t epoch = 0;
        size_t length = strlen(entry->key);
        if (length <= prefix || length >= sizeof leader->leaderships[0].key) continue;
        for (const char *at = entry->key + prefix; *at >= '0' && *at <= '9' && epoch <= LEADER_EPOCH_MAX;
             at++)
            epoch = epoch * 10 + (uint64_t)(*at - '0');
        if (epoch <= LEADER_EPOCH_MAX) leader->epoch_seen = WEIR_MAX(leader->epoch_seen, epoch);
        if (leader->leadership_count++ >= LEADER_LEADERSHIPS_MAX) continue;
        memcpy(leader->leaderships[leader->leadership_count - 1].key, entry->key, length + 1);
        leader->leaderships[leader->leadership_count - 1].version = entry->version;
    }
}

/* The exit codes are Flink's: who supervises the process learns how its application has ended. */
static void end_process(struct weir_leader *leader, struct weir_effects *effects)
{
    enum { APPLICATION_FAILED = 1443 & 0xff };
    leader->ended = true;
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_EXIT);
    effect->text = "the cluster has ended";
    switch (leader->record->application_state) {
    case WEIR__JOB_STATE__JOB_FINISHED:
        effect->text = "the application has finished: the cluster ends";
        break;
    case WEIR__JOB_STATE__JOB_CANCELED:
        effect->text = "the application was canceled: the cluster ends";
        break;
    case WEIR__JOB_STATE__JOB_FAILED:
        effect->text = "the application has failed: the cluster ends";
        effect->exit_code = APPLICATION_FAILED;
        break;
    default: break;
    }
}

/* A leader has looked at its record. */
static void look_as_leader(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    const struct weir_identity *identity = leader->identity;
    if (is_own(leader) && leader->record->epoch >= identity->epoch) {
        if (leader->record_version != leader->led_version) {
            /* Our own rewrite, whose outcome was unknown. */
            leader->led_version = leader->record_version;
            leader__rewritten(leader, leader->record->epoch, now_us, effects);
        } else if (leader->leadership_gone) {
            leader->raise_due = true; /* H1: wiped, too; nothing that we write would pass */
        }
        if (leader->record->shut_down) end_process(leader, effects);
        leader__resume(leader, effects);
        return;
    }
    if (leader->record_newer) {
        leader__revoke(leader, "a newer version of Weir has written the leader record", now_us, effects);
    } else if (leader->record && leader->record->epoch >= identity->epoch) {
        leader__revoke(leader,
            weir_arena_format(effects->arena, "%s leads with epoch %llu", leader->record->holder->name,
                (unsigned long long)leader->record->epoch),
            now_us, effects);
        /* Our session lives, so that was a mistake: we do not make one in return (H12). */
        if (leader->record->suspected_at_ms) {
            uint64_t hold_off_ms = leader__hold_off_ms(leader, leader->record->wrong_suspicions + 1);
            leader->hold_off_until_us =
                WEIR_MAX(leader->hold_off_until_us, now_us + (int64_t)hold_off_ms * 1000);
        }
        leader__retrieved(leader, effects);
    } else {
        /* H1: gone, damaged, or older than what we lead with: the store was wiped or set back. */
        leader->raise_due = true;
    }
}

static void look_as_follower(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    if (leader->state == LEADER_CLAIMING && is_own(leader) &&
        leader->record->epoch == leader->epoch_claimed && leader->epoch_claimed > leader->epoch_led) {
        leader->led_version = leader->record_version;
        leader__grant(leader, now_us, effects);
        return;
    }
    if (leader->record && leader->record->shut_down && leader->was_open) {
        end_process(leader, effects);
        return;
    }
    if (WEIR_PLANTED(takeover_unchecked) && leader->state == LEADER_CLAIMING) return;
    bool led = leader->record && leader->holder_present && !is_own(leader);
    leader__set_state(leader, led ? LEADER_STANDBY : LEADER_CANDIDATE);
    leader__retrieved(leader, effects);
    if (leader->record && !leader->holder_present) return;
    if (leader->record)
        leader__dial(leader, leader->record->holder->name, leader->record->holder->rpc_address, effects);
}

static void after_look(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    leader->looked = leader->fresh = true;
    leader->retries = 0;
    leader__hold_off_read(leader, now_us);
    if (leader->state == LEADER_LEADING)
        look_as_leader(leader, now_us, effects);
    else
        look_as_follower(leader, now_us, effects);
    /* Who finds itself among the suspected knows that this was wrong. One that has slept through its session
     * learns it from nothing else, and would depose its successor before that one has seen it (H12). */
    leader__lives(leader, leader->identity->name, leader->identity->incarnation, now_us);
    if (!leader->record || leader->record->shut_down) return;
    leader->was_open = true;
    (void)weir_job_id_from(&leader->record->application, &leader->application);
}

static void ask_record(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    leader->look_due = false;
    if (!leader->watching_record) {
        leader->watching_record = true;
        weir_effect_add(effects, WEIR_EFFECT_STORE_WATCH)->text = "leader";
    }
    const struct weir_identity *identity = leader->identity;
    bool leads = leader->state == LEADER_LEADING && leader->transactions;
    struct weir_store_operation operations[2] = { { .kind = WEIR_STORE_READ, .key = "leader" },
        { .kind = WEIR_STORE_READ,
            .key = weir_leadership_key(effects->arena, identity->epoch, identity->incarnation) } };
    ask(leader, LEADER_REQUEST_LOOK_RECORD, operations, leads ? 2 : 1, now_us, effects);
}

/* After the record, so that a holder that is not listed was gone when the record named it. */
static void ask_candidates(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    if (leader->record && !leader->watching_holder && leader->holder != leader->identity->self) {
        leader->watching_holder = true;
        weir_effect_add(effects, WEIR_EFFECT_STORE_WATCH)->text =
            candidate_key(leader->record->holder->name, effects->arena);
    }
    ask_one(leader, LEADER_REQUEST_LOOK_CANDIDATES, WEIR_STORE_LIST, CANDIDATES, now_us, effects);
}

/* ---------------------------------------------------------------- claiming and rewriting */

static enum leader_reason entitlement(struct weir_leader *leader, int64_t now_us)
{
    if (!leader->looked || !leader->own_present || leader->record_newer) return LEADER_REASON_NONE;
    if (WEIR_PLANTED(takeover_unchecked) && leader->state == LEADER_CLAIMING) return leader->claim_reason;
    if (!leader->record) {
        bool repair = leader->record_found && leader->damaged_looks < LEADER_REPAIR_LOOKS;
        return repair ? LEADER_REASON_NONE : LEADER_REASON_FIRST;
    }
    if (leader->record->shut_down) return leader->was_open ? LEADER_REASON_NONE : LEADER_REASON_FIRST;
    if (is_own(leader)) return LEADER_REASON_OWN;
    if (!leader->holder_present) return LEADER_REASON_ABSENT;
    return leader__suspicion(leader, now_us);
}

static uint64_t next_epoch(const struct weir_leader *leader)
{
    uint64_t known = leader->record ? leader->record->epoch : 0;
    if (!WEIR_PLANTED(epoch_from_store_only)) {
        known = WEIR_MAX(known, leader->epoch_seen);
        known = WEIR_MAX(known, leader->epoch_led);
        known = WEIR_MAX(known, leader->identity->epoch);
    }
    if (WEIR_PLANTED(takeover_unchecked) && leader->state == LEADER_CLAIMING) return leader->epoch_claimed;
    return known + 1;
}

static const char *reason_text(struct weir_leader *leader, enum leader_reason reason)
{
    bool told = leader->record && leader->holder &&
                leader__peer(leader, leader->holder)->stepped_down == leader->record->holder->incarnation;
    if (told && reason != LEADER_REASON_OWN) return "the leader was told to end";
    switch (reason) {
    case LEADER_REASON_FIRST: return "no leader was recorded";
    case LEADER_REASON_OWN: return "the leader lost its session and took over again";
    case LEADER_REASON_ABSENT:
        return leader->holder_seen == leader->record->holder->incarnation
                   ? "the leader's session was over"
                   : "the leader had ended before this JobManager was there";
    case LEADER_REASON_DIED: return "the leader's process ended";
    case LEADER_REASON_SUSPECTED: return "the leader refused connections, a TaskManager says so too";
    case LEADER_REASON_NONE: break;
    }
    return "?";
}

/* One for as long as the cluster is open, whoever leads; kept through a wiped store. Epoch and incarnation
 * never come together again. */
static void name_application(struct weir_leader *leader, Weir__LeaderRecord *record, struct weir_arena *arena)
{
    const struct weir_identity *identity = leader->identity;
    struct weir_job_id *id = &leader->application;
    if (weir_job_id_is_zero(id)) {
        for (uint32_t i = 0; i < 8; i++) {
            id->bytes[i] =
                (uint8_t)(identity->incarnation >> (56 - 8 * i)); /* names are cut from the front */
            id->bytes[8 + i] = (uint8_t)(record->epoch >> (56 - 8 * i));
        }
    }
    record->application = weir_job_id_to(arena, id);
}

/* The record's content with this process as its holder; fields of newer versions survive. */
static Weir__LeaderRecord *own_record(struct weir_leader *leader, uint64_t epoch, struct weir_arena *arena)
{
    Weir__LeaderRecord *record = leader->record
                                     ? WEIR_PROTO_COPY(arena, leader->record)
                                     : WEIR_PROTO_NEW(arena, Weir__LeaderRecord, weir__leader_record);
    record->format = WEIR_RECORD_FORMAT;
    record->epoch = epoch;
    record->holder = weir_identity_node(leader->identity, arena);
    if (record->shut_down) record->ends = false; /* it has ended, and begins anew */
    record->shut_down = false;
    record->application_state = WEIR__JOB_STATE__JOB_STATE_UNSPECIFIED;
    name_application(leader, record, arena);
    return record;
}

static void add_failover(struct weir_leader *leader, Weir__LeaderRecord *record, enum leader_reason reason,
    int64_t now_us, int64_t wall_us, struct weir_arena *arena)
{
    Weir__Failover *failover = WEIR_PROTO_NEW(arena, Weir__Failover, weir__failover);
    failover->at_ms = wall_us / 1000;
    failover->epoch = record->epoch;
    failover->reason = weir_arena_string(arena, reason_text(leader, reason));
    int64_t since_us = 0;
    if (leader->holder && leader->holder != leader->identity->self)
        since_us = leader__peer(leader, leader->holder)->heard_us;
    leader->detection_ms = since_us ? (uint32_t)((now_us - since_us) / 1000) : 0;
    failover->detection_ms = leader->detection_ms;
    size_t kept = WEIR_MIN(record->n_failovers, (size_t)LEADER_FAILOVERS_MAX - 1);
    Weir__Failover **failovers = WEIR_ARENA_ARRAY(arena, Weir__Failover *, kept + 1);
    for (size_t i = 0; i < kept; i++) failovers[i] = record->failovers[record->n_failovers - kept + i];
    failovers[kept] = failover;
    record->failovers = failovers;
    record->n_failovers = kept + 1;
}

static void add_suspected(Weir__LeaderRecord *record, const Weir__Node *holder, struct weir_arena *arena)
{
    Weir__Peer *peer = WEIR_PROTO_NEW(arena, Weir__Peer, weir__peer);
    peer->name = holder->name;
    peer->incarnation = holder->incarnation;
    size_t kept = WEIR_MIN(record->n_suspected, (size_t)LEADER_SUSPECTED_MAX - 1);
    Weir__Peer **suspected = WEIR_ARENA_ARRAY(arena, Weir__Peer *, kept + 1);
    for (size_t i = 0; i < kept; i++) suspected[i] = record->suspected[record->n_suspected - kept + i];
    suspected[kept] = peer;
    record->suspected = suspected;
    record->n_suspected = kept + 1;
}

/* Those that live are suspected no more. Returns how many suspicions were wrong. */
static uint32_t drop_living(const struct weir_leader *leader, Weir__LeaderRecord *record)
{
    size_t kept = 0;
    for (size_t i = 0; i < record->n_suspected; i++) {
        bool alive = false;
        for (uint32_t k = 0; k < leader->alive_count; k++)
            alive |= leader->alive[k] == record->suspected[i]->incarnation;
        if (!alive) record->suspected[kept++] = record->suspected[i];
    }
    uint32_t dropped = (uint32_t)(record->n_suspected - kept);
    record->n_suspected = kept;
    return dropped;
}

/* Does the record say which leadership stands? Else they are listed first. */
static bool leaderships_are_known(const struct weir_leader *leader)
{
    return !leader->transactions || leader->leaderships_listed ||
           (leader->record && !leader->leaderships_due);
}

/* Ends the leaderships that are there: nothing made under them applies any more, whatever versions it meets.
 */
static uint32_t end_leaderships(
    struct weir_leader *leader, struct weir_store_operation *operations, struct weir_arena *arena)
{
    if (!leader->leaderships_listed) {
        operations[0] = (struct weir_store_operation){ .kind = WEIR_STORE_DELETE,
            .key = weir_leadership_key(arena, leader->record->epoch, leader->record->holder->incarnation),
            .version = 1 };
        return 1;
    }
    uint32_t count = WEIR_MIN(leader->leadership_count, (uint32_t)LEADER_LEADERSHIPS_MAX);
    for (uint32_t i = 0; i < count; i++)
        operations[i] = (struct weir_store_operation){ .kind = WEIR_STORE_DELETE,
            .key = weir_arena_string(arena, leader->leaderships[i].key),
            .version = leader->leaderships[i].version };
    leader->leaderships_listed = false; /* used up */
    return count;
}

/* With a new epoch: ours begins, in the same transaction. */
static uint32_t change_leadership(struct weir_leader *leader, uint64_t epoch,
    struct weir_store_operation *operations, struct weir_arena *arena)
{
    if (!leader->transactions) return 0;
    uint32_t count = end_leaderships(leader, operations, arena);
    const char *name = weir_arena_string(arena, leader->identity->name); /* for who looks with other tools */
    operations[count++] = (struct weir_store_operation){ .kind = WEIR_STORE_CREATE,
        .key = weir_leadership_key(arena, epoch, leader->identity->incarnation),
        .value = (const uint8_t *)name,
        .length = strlen(name) };
    return count;
}

static void ask_tidy(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    struct weir_store_operation operations[LEADER_LEADERSHIPS_MAX];
    uint32_t count = end_leaderships(leader, operations, effects->arena);
    leader->leaderships_due = true;
    ask(leader, LEADER_REQUEST_TIDY, operations, count, now_us, effects);
}

/* What a claim ends tells it from others that were made before or after it. When a store was wiped there may
 * be nothing to end, and versions begin anew: so nobody's leadership is made first. */
static void ask_anchor(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    struct weir_store_operation operation = { .kind = WEIR_STORE_CREATE,
        .key = weir_leadership_key(arena, leader->epoch_seen, 0),
        .value = (const uint8_t *)"nobody",
        .length = sizeof "nobody" - 1 };
    leader->leaderships_listed = false;
    leader->leaderships_due = true;
    ask(leader, LEADER_REQUEST_TIDY, &operation, 1, now_us, effects);
}

static void ask_write(struct weir_leader *leader, enum leader_request request,
    struct weir_store_operation *operations, uint32_t count, const Weir__LeaderRecord *record, int64_t now_us,
    struct weir_effects *effects)
{
    operations[count] =
        (struct weir_store_operation){ .kind = leader->record_found ? WEIR_STORE_SET : WEIR_STORE_CREATE,
            .key = "leader",
            .version = leader->record_version };
    encode(&record->base, &operations[count++], effects->arena);
    ask(leader, request, operations, count, now_us, effects);
}

static void ask_claim(struct weir_leader *leader, enum leader_reason reason, int64_t now_us, int64_t wall_us,
    struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    Weir__LeaderRecord *record = own_record(leader, next_epoch(leader), arena);
    if (reason != LEADER_REASON_FIRST) add_failover(leader, record, reason, now_us, wall_us, arena);
    bool suspected = reason == LEADER_REASON_SUSPECTED;
    record->suspected_at_ms = suspected ? wall_us / 1000 : 0;
    if (suspected) add_suspected(record, leader->record->holder, arena);
    struct weir_store_operation operations[WEIR_STORE_OPERATIONS_MAX];
    uint32_t count = 0;
    if (leader->transactions) {
        /* Who leads is present: nobody finds it absent the moment after. */
        operations[count++] = (struct weir_store_operation){ .kind = WEIR_STORE_CHECK,
            .key = candidate_key(leader->identity->name, arena) };
        const char *holder_key = leader->record ? candidate_key(leader->record->holder->name, arena) : NULL;
        if (suspected || reason == LEADER_REASON_DIED)
            operations[count++] = (struct weir_store_operation){
                .kind = WEIR_STORE_DELETE, .key = holder_key, .version = leader->holder_candidate_version
            };
        else if (reason == LEADER_REASON_ABSENT && !leader->holder_name_present)
            operations[count++] = (struct weir_store_operation){
                .kind = WEIR_STORE_CHECK, .key = holder_key, .version = WEIR_STORE_VERSION_NONE
            };
        count += change_leadership(leader, record->epoch, operations + count, arena);
    }
    /* Once, however often the store does not take it: that is told by the store's driver. */
    if (record->epoch != leader->epoch_claimed || reason != leader->claim_reason)
        weir_effect_log(effects, WEIR_CONTROL_INFO, "wants to lead with epoch %llu: %s",
            (unsigned long long)record->epoch, reason_text(leader, reason));
    leader__set_state(leader, LEADER_CLAIMING);
    leader->epoch_claimed = record->epoch;
    leader->claim_reason = reason;
    leader->claim_started_us = now_us;
    ask_write(leader, LEADER_REQUEST_CLAIM, operations, count, record, now_us, effects);
}

/* The leader's own record again: a larger epoch (H1), a suspicion that was wrong, the end of the cluster. */
static void ask_rewrite(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    const struct weir_identity *identity = leader->identity;
    uint64_t epoch = leader->raise_due ? next_epoch(leader) : identity->epoch;
    leader->epoch_rewritten = epoch;
    Weir__LeaderRecord *record = own_record(leader, epoch, effects->arena);
    uint32_t wrong = drop_living(leader, record);
    if (wrong) {
        record->wrong_suspicions += wrong;
        record->hold_off_ms = leader__hold_off_ms(leader, record->wrong_suspicions);
        leader->quiet_since_us = now_us;
    } else if (now_us - leader->quiet_since_us >= LEADER_QUIET_US) {
        record->wrong_suspicions = 0;
        record->hold_off_ms = 0;
    }
    if (record->n_failovers && !record->failovers[record->n_failovers - 1]->takeover_ms)
        record->failovers[record->n_failovers - 1]->takeover_ms = leader->takeover_ms;
    record->ends = record->ends || leader->end_wanted;
    record->shut_down = leader->shutdown_due;
    record->application_state = leader->application_state;
    leader->alive_count = 0; /* should it not be written: their presence shows it again */
    struct weir_store_operation operations[WEIR_STORE_OPERATIONS_MAX];
    uint32_t count = 0;
    if (epoch > identity->epoch)
        count = change_leadership(leader, epoch, operations, effects->arena);
    else if (leader->transactions)
        operations[count++] = (struct weir_store_operation){ .kind = WEIR_STORE_CHECK,
            .key = weir_leadership_key(effects->arena, epoch, identity->incarnation) };
    ask_write(leader, LEADER_REQUEST_REWRITE, operations, count, record, now_us, effects);
}

static bool rewrite_is_due(const struct weir_leader *leader, int64_t now_us)
{
    if (leader->raise_due || leader->alive_count || leader->shutdown_due) return true;
    if (leader->end_wanted && leader->record && !leader->record->ends) return true;
    return leader->record && leader->record->wrong_suspicions &&
           now_us - leader->quiet_since_us >= LEADER_QUIET_US;
}

/* True: not yet, a request was sent that tells which leaderships end with a new epoch. */
static bool looks_at_leaderships(struct weir_leader *leader, int64_t now_us, struct weir_effects *effects)
{
    if (!leaderships_are_known(leader))
        ask_one(leader, LEADER_REQUEST_LOOK_LEADERSHIPS, WEIR_STORE_LIST, WEIR_LEADERSHIPS, now_us, effects);
    else if (leader->leaderships_listed && leader->leadership_count > LEADER_LEADERSHIPS_MAX)
        ask_tidy(leader, now_us, effects);
    else if (leader->leaderships_listed && !leader->leadership_count && leader->epoch_seen)
        ask_anchor(leader, now_us, effects);
    else
        return false;
    return true;
}

/* What the last look entitles to or asks for. True when a request was sent. */
static bool act(struct weir_leader *leader, int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    if (leader->state == LEADER_LEADING) {
        bool due = rewrite_is_due(leader, now_us);
        if (due && !(leader->raise_due && looks_at_leaderships(leader, now_us, effects)))
            ask_rewrite(leader, now_us, effects);
        return due;
    }
    enum leader_reason reason = entitlement(leader, now_us);
    if (reason == LEADER_REASON_NONE) return false;
    if (!leader->record && !leader->jobs_looked)
        ask_one(leader, LEADER_REQUEST_LOOK_JOBS, WEIR_STORE_LIST, "jobs", now_us, effects);
    else if (!looks_at_leaderships(leader, now_us, effects))
        ask_claim(leader, reason, now_us, wall_us, effects);
    return true;
}

void leader__decide(struct weir_leader *leader, int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    if (leader->ended || leader->request != LEADER_REQUEST_NONE || !leader->connected ||
        now_us < leader->not_before_us)
        return;
    if (leader->presence_due) {
        ask_presence(leader, now_us, effects);
        return;
    }
    /* What was just seen is acted on before it is looked again, or a slow store would be looked at for ever.
     */
    bool fresh = leader->fresh;
    leader->fresh = false;
    if (fresh && act(leader, now_us, wall_us, effects)) return;
    if (leader->look_due)
        ask_record(leader, now_us, effects);
    else if (!fresh)
        act(leader, now_us, wall_us, effects);
}

/* ---------------------------------------------------------------- answers */

/* The value that was sent is the record now. */
static void adopt_written(struct weir_leader *leader, uint64_t epoch, uint64_t version)
{
    struct weir_arena *arena = &leader->record_arena;
    if (!leader->record) {
        weir_arena_reset(arena);
        leader->record = WEIR_PROTO_NEW(arena, Weir__LeaderRecord, weir__leader_record);
        leader->record->format = WEIR_RECORD_FORMAT;
    }
    leader->record->epoch = epoch;
    leader->record->holder = weir_identity_node(leader->identity, arena);
    leader->record->n_suspected = 0; /* as written: the next look, which is due, reads it */
    if (leader->record->shut_down) leader->record->ends = false;
    leader->record->ends = leader->record->ends || leader->end_wanted;
    leader->record->shut_down = leader->shutdown_due;
    leader->record->application_state = leader->application_state;
    leader->record->application = weir_job_id_to(arena, &leader->application);
    leader->holder = leader->identity->self;
    leader->record_found = true;
    leader->record_version = leader->led_version = version;
    leader->watching_holder = false;
    /* Its failovers and hold-off are as written; the next look reads them. */
    leader->look_due = true;
}

static void on_claim(struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_store_event *store = &event->store;
    leader->look_due = true;
    switch (store->outcome) {
    case WEIR_STORE_OK:
        WEIR_ASSERT(store->entry_count);
        adopt_written(leader, leader->epoch_claimed, store->entries[store->entry_count - 1].version);
        leader__grant(leader, event->now_us, effects);
        break;
    case WEIR_STORE_UNKNOWN: defer(leader, event->now_us, effects); break;
    case WEIR_STORE_UNAVAILABLE:
    case WEIR_STORE_CONFLICT:
    case WEIR_STORE_NOT_FOUND:
        /* Somebody was faster, or what was seen is not so any more. An earlier try of unknown outcome may
         * have won: the look knows it by its epoch, so the state stays. */
        leader->leaderships_due = true;
        defer(leader, event->now_us, effects);
        break;
    }
}

static void on_rewrite(
    struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_store_event *store = &event->store;
    if (leader->state != LEADER_LEADING) return;
    leader->look_due = true;
    if (store->outcome != WEIR_STORE_OK) {
        leader->leaderships_due = true;
        defer(leader, event->now_us, effects);
        return;
    }
    WEIR_ASSERT(store->entry_count);
    uint64_t epoch = leader->epoch_rewritten;
    adopt_written(leader, epoch, store->entries[store->entry_count - 1].version);
    leader->raise_due = false;
    leader__rewritten(leader, epoch, event->now_us, effects);
    if (leader->record->shut_down) end_process(leader, effects);
}

static void on_looked(struct weir_leader *leader, const struct weir_event *event, enum leader_request request,
    struct weir_effects *effects)
{
    const struct weir_store_event *store = &event->store;
    if (store->outcome == WEIR_STORE_UNAVAILABLE || store->outcome == WEIR_STORE_UNKNOWN) {
        leader->look_due = true;
        defer(leader, event->now_us, effects);
        return;
    }
    int64_t now_us = event->now_us;
    switch (request) {
    case LEADER_REQUEST_LOOK_RECORD:
        read_record(leader, store->entry_count ? &store->entries[0] : NULL, effects);
        leader->leadership_gone = store->entry_count > 1 && !store->entries[1].found;
        if (leader->leadership_gone) leader->leaderships_due = true;
        ask_candidates(leader, now_us, effects);
        break;
    case LEADER_REQUEST_LOOK_CANDIDATES:
        read_candidates(leader, store, now_us, effects);
        after_look(leader, now_us, effects);
        break;
    case LEADER_REQUEST_LOOK_JOBS:
        read_jobs(leader, store, request, effects);
        leader->jobs_looked = leader->fresh = leader->transactions;
        if (!leader->transactions)
            ask_one(leader, LEADER_REQUEST_LOOK_INDEX, WEIR_STORE_READ, "index", now_us, effects);
        break;
    case LEADER_REQUEST_LOOK_INDEX:
        read_jobs(leader, store, request, effects);
        leader->jobs_looked = leader->fresh = true;
        break;
    case LEADER_REQUEST_LOOK_LEADERSHIPS:
        read_leaderships(leader, store);
        leader->fresh = true;
        break;
    case LEADER_REQUEST_TIDY: leader->fresh = true; break;
    default: WEIR_UNREACHABLE();
    }
}

void leader__store_done(
    struct weir_leader *leader, const struct weir_event *event, struct weir_effects *effects)
{
    if (leader->request == LEADER_REQUEST_NONE || event->tag.number != leader->request_number) return;
    enum leader_request request = leader->request;
    leader->request = LEADER_REQUEST_NONE;
    if (event->store.outcome != WEIR_STORE_UNAVAILABLE && event->store.outcome != WEIR_STORE_UNKNOWN)
        leader->contact_us = leader->request_sent_us;
    switch (request) {
    case LEADER_REQUEST_PRESENCE: on_presence(leader, event->store.outcome, event->now_us, effects); break;
    case LEADER_REQUEST_CLAIM: on_claim(leader, event, effects); break;
    case LEADER_REQUEST_REWRITE: on_rewrite(leader, event, effects); break;
    default: on_looked(leader, event, request, effects); break;
    }
}
