/* A dispatcher, stepped by hand over a store and a storage of the test; JobMasters are played by the test. */
#ifndef WEIR_TEST_CONTROL_DISPATCHER_WORLD_H
#define WEIR_TEST_CONTROL_DISPATCHER_WORLD_H
#include "control/dispatcher/internal.h"
#include "ha_store.h"
#include <stdio.h>
#include <stdlib.h>

#define UNUSED __attribute__((unused))

#define WALL_US INT64_C(1700000000000000) /* when the world begins */
enum { BLOBS_MAX = 64, REPLIES_MAX = 4096, STARTED_MAX = 4096, HELD_MAX = 4096, SECOND = 1000 * 1000 };

struct world {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_nodes nodes;
    struct weir_identity identity;
    struct weir_control_options options;
    struct weir_dispatcher *dispatcher;
    struct ha_store store;
    bool transactions, hold;
    struct weir_effect held[HELD_MAX];
    uint32_t held_count;
    int64_t now_us;
    char blobs[BLOBS_MAX][256]; /* paths; "" is none */
    int64_t modified_us[BLOBS_MAX];
    bool blobs_fail, no_space;
    weir_node client;
    /* what came out */
    Weir__ReplyCode codes[REPLIES_MAX];
    uint64_t requests[REPLIES_MAX];
    Weir__ClientReply *reply; /* the newest */
    uint32_t reply_count;
    struct weir_job_id started[STARTED_MAX];
    uint32_t started_count, stopped_count, client_count, recovered, suspended_count, resumed_count;
    uint64_t garbage_number; /* of the last question to a JobMaster */
    bool started_with_plan;
    char logged[512]; /* the last line */
    uint64_t started_version;
    uint64_t epoch_seen;
    uint32_t shutdowns, ends_wanted;
    Weir__JobState ended_with; /* of the application */
    struct weir_job_id application;
    bool timer_set;
};

static UNUSED void step(struct world *w, struct weir_event event);

static UNUSED void put_bytes(struct world *w, const char *key, const ProtobufCMessage *message)
{
    uint8_t bytes[HA_STORE_VALUE_BYTES];
    ha_put(&w->store, key, bytes, protobuf_c_message_pack(message, bytes));
}

static const char *job_key(const struct weir_job_id *id)
{
    static char key[64];
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    snprintf(key, sizeof key, "jobs/%s", weir_job_id_print(id, hex));
    return key;
}

static UNUSED const char *tombstone_key(const struct weir_job_id *id)
{
    static char key[64];
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    snprintf(key, sizeof key, "tombstones/%s", weir_job_id_print(id, hex));
    return key;
}

static UNUSED struct weir_job_id job_id(uint32_t number)
{
    struct weir_job_id id = { { 0 } };
    memcpy(id.bytes, &number, sizeof number);
    id.bytes[15] = 1;
    return id;
}

static UNUSED Weir__JobRecord *record_of(
    struct world *w, const struct weir_job_id *id, uint64_t epoch, uint64_t incarnation)
{
    Weir__JobRecord *record = WEIR_PROTO_NEW(&w->arena, Weir__JobRecord, weir__job_record);
    record->format = WEIR_RECORD_FORMAT;
    record->epoch = epoch;
    record->writer_incarnation = incarnation;
    record->job = weir_job_id_to(&w->arena, id);
    record->name = "a job";
    record->plan_pointer = "/s/plans/none";
    record->target = WEIR_PROTO_NEW(&w->arena, Weir__Target, weir__target);
    record->target->kind = WEIR__TARGET_KIND__TARGET_RUN;
    record->status = WEIR__RECORD_STATUS__RECORD_ACTIVE;
    return record;
}

static UNUSED uint32_t blob_count(const struct world *w)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < BLOBS_MAX; i++) count += w->blobs[i][0] != 0;
    return count;
}

static UNUSED void carry_out_blob(struct world *w, const struct weir_effect *effect)
{
    struct weir_event event = { .kind = WEIR_EVENT_BLOB_DONE, .tag = effect->tag };
    event.blob.path = weir_arena_string(&w->arena, effect->blob.path);
    if (w->blobs_fail) {
        event.blob.outcome = WEIR_BLOB_ERROR;
        event.blob.error = "no disk";
        event.blob.no_space = w->no_space;
        step(w, event);
        return;
    }
    uint32_t free_slot = BLOBS_MAX, found = BLOBS_MAX, count = 0;
    const char **list = WEIR_ARENA_ARRAY(&w->arena, const char *, BLOBS_MAX);
    int64_t *modified_us = WEIR_ARENA_ARRAY(&w->arena, int64_t, BLOBS_MAX);
    for (uint32_t i = 0; i < BLOBS_MAX; i++) {
        if (!w->blobs[i][0]) free_slot = WEIR_MIN(free_slot, i);
        if (strcmp(w->blobs[i], effect->blob.path) == 0) found = i;
        if (strncmp(w->blobs[i], effect->blob.path, strlen(effect->blob.path)) != 0) continue;
        modified_us[count] = w->modified_us[i];
        list[count++] = w->blobs[i];
    }
    if (effect->blob.operation == WEIR_BLOB_PUT) {
        assert_true(found == BLOBS_MAX && free_slot < BLOBS_MAX);
        strcpy(w->blobs[free_slot], effect->blob.path);
    } else if (effect->blob.operation == WEIR_BLOB_DELETE && found < BLOBS_MAX) {
        w->blobs[found][0] = '\0';
    } else if (effect->blob.operation == WEIR_BLOB_LIST) {
        event.blob.names = list;
        event.blob.modified_us = modified_us;
        event.blob.name_count = count;
    }
    step(w, event);
}

static UNUSED void note_local(struct world *w, const struct weir_effect *effect)
{
    switch (effect->local->kind) {
    case WEIR_LOCAL_RECOVERED: w->recovered++; break;
    case WEIR_LOCAL_EPOCH_SEEN: w->epoch_seen = effect->local->epoch; break;
    case WEIR_LOCAL_CLIENT: w->client_count++; break;
    case WEIR_LOCAL_GARBAGE: w->garbage_number = effect->local->garbage.number; break;
    case WEIR_LOCAL_SUSPENDED: w->suspended_count++; break;
    case WEIR_LOCAL_RESUMED: w->resumed_count++; break;
    case WEIR_LOCAL_END_WANTED: w->ends_wanted++; break;
    case WEIR_LOCAL_SHUTDOWN:
        w->shutdowns++;
        w->ended_with =
            effect->local->result ? effect->local->result->state : WEIR__JOB_STATE__JOB_STATE_UNSPECIFIED;
        break;
    default: break;
    }
}

static UNUSED struct weir_effect kept(struct world *w, const struct weir_effect *effect)
{
    struct weir_effect copy = *effect;
    if (effect->kind == WEIR_EFFECT_BLOB) {
        copy.blob.path = weir_arena_string(&w->arena, effect->blob.path);
        return copy;
    }
    struct weir_store_operation *operations = (struct weir_store_operation *)weir_arena_copy(
        &w->arena, effect->operations, sizeof *operations * effect->operation_count);
    for (uint32_t i = 0; i < effect->operation_count; i++) {
        operations[i].key = weir_arena_string(&w->arena, operations[i].key);
        if (operations[i].length)
            operations[i].value =
                (const uint8_t *)weir_arena_copy(&w->arena, operations[i].value, operations[i].length);
    }
    copy.operations = operations;
    return copy;
}

static UNUSED void note(struct world *w, const struct weir_effect *effect)
{
    switch (effect->kind) {
    case WEIR_EFFECT_SEND:
        assert_int_equal(effect->envelope->body_case, WEIR__ENVELOPE__BODY_REPLY);
        assert_true(w->reply_count < REPLIES_MAX);
        w->codes[w->reply_count] = effect->envelope->reply->code;
        w->requests[w->reply_count++] = effect->envelope->request;
        w->reply = WEIR_PROTO_COPY(&w->arena, effect->envelope->reply);
        break;
    case WEIR_EFFECT_JOB_START:
        assert_true(w->started_count < STARTED_MAX);
        w->started[w->started_count++] = effect->to_job;
        w->started_with_plan = effect->local->job_start.plan != NULL;
        w->started_version = effect->local->job_start.record_version;
        break;
    case WEIR_EFFECT_JOB_STOP: w->stopped_count++; break;
    case WEIR_EFFECT_LOG: snprintf(w->logged, sizeof w->logged, "%s", effect->text); break;
    case WEIR_EFFECT_LOCAL: note_local(w, effect); break;
    case WEIR_EFFECT_STORE:
    case WEIR_EFFECT_BLOB:
        assert_true(w->held_count < HELD_MAX);
        w->held[w->held_count++] = kept(w, effect);
        break;
    default: break;
    }
}

static UNUSED void answer_one(struct world *w)
{
    struct weir_effect request = w->held[0];
    memmove(w->held, w->held + 1, sizeof request * --w->held_count);
    if (request.kind == WEIR_EFFECT_BLOB)
        carry_out_blob(w, &request);
    else
        step(w, ha_apply(&w->store, &request, &w->arena));
}

static UNUSED void step(struct world *w, struct weir_event event)
{
    struct weir_arena arena;
    weir_arena_init(&arena, &w->memory.base);
    struct weir_effects effects;
    weir_effects_init(&effects, &arena);
    event.now_us = ++w->now_us;
    event.wall_us = WALL_US + w->now_us;
    weir_dispatcher_step(w->dispatcher, &event, &effects);
    for (uint32_t i = 0; i < effects.count; i++) note(w, &effects.items[i]);
    bool more = effects.more;
    weir_arena_done(&arena);
    if (more) {
        struct weir_local_message again = { .kind = WEIR_LOCAL_CONTINUE };
        step(w, (struct weir_event){ .kind = WEIR_EVENT_LOCAL, .local = &again });
    }
    while (w->held_count && !w->hold) answer_one(w);
}

static UNUSED void local(struct world *w, struct weir_local_message message)
{
    step(w, (struct weir_event){ .kind = WEIR_EVENT_LOCAL, .local = &message });
}

/* The leader takes an epoch: its record gets a new version. */
static UNUSED uint64_t lead(struct world *w, uint64_t epoch)
{
    const char *leadership = weir_leadership_key(&w->arena, epoch, w->identity.incarnation);
    if (!ha_get(&w->store, leadership)) ha_put(&w->store, leadership, "", 0);
    return ha_put(&w->store, "leader", "", 0)->version;
}

static UNUSED void grant(struct world *w, uint64_t epoch)
{
    w->identity.epoch = epoch;
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_GRANTED,
                 .epoch = epoch,
                 .incarnation = 50,
                 .job = w->application,
                 .leader_version = lead(w, epoch) });
}

static UNUSED struct world *world_new(bool transactions)
{
    struct world *w = calloc(1, sizeof *w);
    weir_test_memory_init(&w->memory);
    weir_arena_init(&w->arena, &w->memory.base);
    weir_nodes_init(&w->nodes, &w->arena);
    w->transactions = transactions;
    w->now_us = SECOND;
    w->client = weir_nodes_intern(&w->nodes, "client");
    w->identity =
        (struct weir_identity){ .cluster = "c", .name = "jm", .incarnation = 50, .jobmanager = true };
    w->identity.self = weir_nodes_intern(&w->nodes, "jm");
    w->options = (struct weir_control_options){ .tombstone_us = INT64_C(3600) * SECOND,
        .sweep_interval_us = INT64_C(60) * SECOND,
        .jobs_max = 1500,
        .tombstones_max = 2000,
        .storage_directory = "/s" };
    struct weir_machine_config config = { .memory = &w->memory.base,
        .nodes = &w->nodes,
        .identity = &w->identity,
        .options = &w->options,
        .random_seed = 1 };
    w->dispatcher = weir_dispatcher_new(&config);
    step(w, (struct weir_event){ .kind = WEIR_EVENT_START });
    struct weir_event state = { .kind = WEIR_EVENT_STORE_STATE };
    state.store.state = WEIR_STORE_CONNECTED;
    state.store.transactions = transactions;
    step(w, state);
    return w;
}

static UNUSED struct world *leading(bool transactions)
{
    struct world *w = world_new(transactions);
    grant(w, 5);
    assert_int_equal(w->recovered, 1);
    return w;
}

static UNUSED void world_free(struct world *w)
{
    weir_dispatcher_free(w->dispatcher);
    weir_arena_done(&w->arena);
    weir_test_memory_check(&w->memory);
    free(w);
}

static uint64_t next_request;
static UNUSED uint64_t message(struct world *w, Weir__Envelope *envelope)
{
    envelope->request = ++next_request;
    step(w, (struct weir_event){ .kind = WEIR_EVENT_MESSAGE, .from = w->client, .envelope = envelope });
    return envelope->request;
}

static UNUSED Weir__ExecutionPlan *plan_of(struct world *w, const struct weir_job_id *id)
{
    Weir__ExecutionPlan *plan = WEIR_PROTO_NEW(&w->arena, Weir__ExecutionPlan, weir__execution_plan);
    plan->format = WEIR_RECORD_FORMAT;
    plan->job = weir_job_id_to(&w->arena, id);
    plan->name = "a job";
    plan->settings = WEIR_PROTO_NEW(&w->arena, Weir__JobSettings, weir__job_settings);
    plan->vertices = WEIR_ARENA_ARRAY(&w->arena, Weir__PlanVertex *, 1);
    plan->n_vertices = 1;
    plan->vertices[0] = WEIR_PROTO_NEW(&w->arena, Weir__PlanVertex, weir__plan_vertex);
    plan->vertices[0]->parallelism = plan->vertices[0]->max_parallelism = 1;
    return plan;
}

static UNUSED uint64_t submit_plan(struct world *w, const struct weir_job_id *id, Weir__ExecutionPlan *plan)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__SubmitJob body;
    weir__submit_job__init(&body);
    body.job = weir_job_id_to(&w->arena, id);
    body.plan = plan;
    envelope.body_case = WEIR__ENVELOPE__BODY_SUBMIT;
    envelope.submit = &body;
    return message(w, &envelope);
}

static UNUSED uint64_t submit(struct world *w, uint32_t number)
{
    struct weir_job_id id = job_id(number);
    return submit_plan(w, &id, plan_of(w, &id));
}

static UNUSED void query(struct world *w, bool none)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__QueryJobs body;
    weir__query_jobs__init(&body);
    body.none = none;
    envelope.body_case = WEIR__ENVELOPE__BODY_QUERY;
    envelope.query = &body;
    message(w, &envelope);
}

static UNUSED void list(struct world *w)
{
    query(w, false);
}

static UNUSED uint64_t cancel(struct world *w, uint32_t number)
{
    struct weir_job_id id = job_id(number);
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__CancelJob body;
    weir__cancel_job__init(&body);
    body.job = weir_job_id_to(&w->arena, &id);
    envelope.body_case = WEIR__ENVELOPE__BODY_CANCEL;
    envelope.cancel = &body;
    return message(w, &envelope);
}

static UNUSED bool answered(const struct world *w, uint64_t request, Weir__ReplyCode code)
{
    for (uint32_t i = 0; i < w->reply_count; i++)
        if (w->requests[i] == request) return w->codes[i] == code;
    return false;
}

static UNUSED bool silent(const struct world *w, uint64_t request)
{
    for (uint32_t i = 0; i < w->reply_count; i++)
        if (w->requests[i] == request) return false;
    return true;
}

/* The JobMaster says that its record is there. */
static UNUSED void tell_status(struct world *w, uint32_t number, Weir__JobState state)
{
    struct weir_job_id id = job_id(number);
    Weir__JobSummary summary;
    weir__job_summary__init(&summary);
    summary.job = weir_job_id_to(&w->arena, &id);
    summary.name = "a job";
    summary.state = state;
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_STATUS, .job = id, .summary = &summary });
}

static UNUSED void create_record(struct world *w, uint32_t number, uint64_t epoch, Weir__RecordStatus status)
{
    struct weir_job_id id = job_id(number);
    Weir__JobRecord *record = record_of(w, &id, epoch, 50);
    record->status = status;
    if (status != WEIR__RECORD_STATUS__RECORD_ACTIVE) {
        record->result = WEIR_PROTO_NEW(&w->arena, Weir__JobResult, weir__job_result);
        record->result->state = WEIR__JOB_STATE__JOB_FINISHED;
    }
    put_bytes(w, job_key(&id), &record->base);
}

/* From submission to its end, the JobMaster being played. */
static UNUSED void run_to_the_end(struct world *w, uint32_t number)
{
    uint64_t request = submit(w, number);
    if (w->transactions) {
        create_record(w, number, 5, WEIR__RECORD_STATUS__RECORD_ACTIVE);
        tell_status(w, number, WEIR__JOB_STATE__JOB_RUNNING);
    }
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_OK));
}

static UNUSED void finish(struct world *w, uint32_t number)
{
    struct weir_job_id id = job_id(number);
    Weir__JobResult result;
    weir__job_result__init(&result);
    result.state = WEIR__JOB_STATE__JOB_FINISHED;
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_TERMINAL, .job = id, .result = &result });
    if (w->transactions) {
        create_record(w, number, 5, WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN);
    } else {
        for (uint32_t i = 0; i < w->store.count; i++) {
            struct ha_entry *entry = &w->store.entries[i];
            if (strncmp(entry->key, job_key(&id), strlen(job_key(&id))) != 0) continue;
            Weir__JobRecord *record = record_of(w, &id, 5, 50);
            record->status = WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN;
            record->result = &result;
            put_bytes(w, entry->key, &record->base);
        }
    }
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_CLEAN, .job = id });
}

static UNUSED void timer(struct world *w, uint32_t kind, const struct weir_job_id *id)
{
    struct weir_event event = { .kind = WEIR_EVENT_TIMER };
    event.tag = (struct weir_tag){ .role = WEIR_ROLE_DISPATCHER, .kind = kind };
    if (id) event.tag.job = *id;
    step(w, event);
}

#endif
