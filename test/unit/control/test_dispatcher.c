/* The dispatcher, stepped by hand over a store and a storage of the test; JobMasters are played by the test.
 */
#include "control/dispatcher/internal.h"
#include "ha_store.h"
#include <stdio.h>
#include <stdlib.h>

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
    bool blobs_fail;
    weir_node client;
    /* what came out */
    Weir__ReplyCode codes[REPLIES_MAX];
    uint64_t requests[REPLIES_MAX];
    Weir__ClientReply *reply; /* the newest */
    uint32_t reply_count;
    struct weir_job_id started[STARTED_MAX];
    uint32_t started_count, stopped_count, client_count, recovered, suspended_count, resumed_count;
    bool started_with_plan;
    uint64_t started_version;
    uint64_t epoch_seen;
    uint32_t shutdowns;
    bool timer_set;
};

static void step(struct world *w, struct weir_event event);

static void put_bytes(struct world *w, const char *key, const ProtobufCMessage *message)
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

static const char *tombstone_key(const struct weir_job_id *id)
{
    static char key[64];
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    snprintf(key, sizeof key, "tombstones/%s", weir_job_id_print(id, hex));
    return key;
}

static struct weir_job_id job_id(uint32_t number)
{
    struct weir_job_id id = { { 0 } };
    memcpy(id.bytes, &number, sizeof number);
    id.bytes[15] = 1;
    return id;
}

static Weir__JobRecord *record_of(
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

static uint32_t blob_count(const struct world *w)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < BLOBS_MAX; i++) count += w->blobs[i][0] != 0;
    return count;
}

static void carry_out_blob(struct world *w, const struct weir_effect *effect)
{
    struct weir_event event = { .kind = WEIR_EVENT_BLOB_DONE, .tag = effect->tag };
    event.blob.path = weir_arena_string(&w->arena, effect->blob.path);
    if (w->blobs_fail) {
        event.blob.outcome = WEIR_BLOB_ERROR;
        event.blob.error = "no disk";
        step(w, event);
        return;
    }
    uint32_t free_slot = BLOBS_MAX, found = BLOBS_MAX, count = 0;
    const char **list = WEIR_ARENA_ARRAY(&w->arena, const char *, BLOBS_MAX);
    for (uint32_t i = 0; i < BLOBS_MAX; i++) {
        if (!w->blobs[i][0]) free_slot = WEIR_MIN(free_slot, i);
        if (strcmp(w->blobs[i], effect->blob.path) == 0) found = i;
        if (strncmp(w->blobs[i], effect->blob.path, strlen(effect->blob.path)) == 0)
            list[count++] = w->blobs[i];
    }
    if (effect->blob.operation == WEIR_BLOB_PUT) {
        assert_true(found == BLOBS_MAX && free_slot < BLOBS_MAX);
        strcpy(w->blobs[free_slot], effect->blob.path);
    } else if (effect->blob.operation == WEIR_BLOB_DELETE && found < BLOBS_MAX) {
        w->blobs[found][0] = '\0';
    } else if (effect->blob.operation == WEIR_BLOB_LIST) {
        event.blob.names = list;
        event.blob.name_count = count;
    }
    step(w, event);
}

static void note_local(struct world *w, const struct weir_effect *effect)
{
    switch (effect->local->kind) {
    case WEIR_LOCAL_RECOVERED: w->recovered++; break;
    case WEIR_LOCAL_EPOCH_SEEN: w->epoch_seen = effect->local->epoch; break;
    case WEIR_LOCAL_CLIENT: w->client_count++; break;
    case WEIR_LOCAL_SUSPENDED: w->suspended_count++; break;
    case WEIR_LOCAL_RESUMED: w->resumed_count++; break;
    case WEIR_LOCAL_SHUTDOWN: w->shutdowns++; break;
    default: break;
    }
}

static struct weir_effect kept(struct world *w, const struct weir_effect *effect)
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

static void note(struct world *w, const struct weir_effect *effect)
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
    case WEIR_EFFECT_LOCAL: note_local(w, effect); break;
    case WEIR_EFFECT_STORE:
    case WEIR_EFFECT_BLOB:
        assert_true(w->held_count < HELD_MAX);
        w->held[w->held_count++] = kept(w, effect);
        break;
    default: break;
    }
}

static void answer_one(struct world *w)
{
    struct weir_effect request = w->held[0];
    memmove(w->held, w->held + 1, sizeof request * --w->held_count);
    if (request.kind == WEIR_EFFECT_BLOB)
        carry_out_blob(w, &request);
    else
        step(w, ha_apply(&w->store, &request, &w->arena));
}

static void step(struct world *w, struct weir_event event)
{
    struct weir_arena arena;
    weir_arena_init(&arena, &w->memory.base);
    struct weir_effects effects;
    weir_effects_init(&effects, &arena);
    event.now_us = ++w->now_us;
    event.wall_us = INT64_C(1700000000000000) + w->now_us;
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

static void local(struct world *w, struct weir_local_message message)
{
    step(w, (struct weir_event){ .kind = WEIR_EVENT_LOCAL, .local = &message });
}

/* The leader takes an epoch: its record gets a new version. */
static uint64_t lead(struct world *w, uint64_t epoch)
{
    const char *leadership = weir_leadership_key(&w->arena, epoch, w->identity.incarnation);
    if (!ha_get(&w->store, leadership)) ha_put(&w->store, leadership, "", 0);
    return ha_put(&w->store, "leader", "", 0)->version;
}

static void grant(struct world *w, uint64_t epoch)
{
    w->identity.epoch = epoch;
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_GRANTED,
                 .epoch = epoch,
                 .incarnation = 50,
                 .leader_version = lead(w, epoch) });
}

static struct world *world_new(bool transactions)
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

static struct world *leading(bool transactions)
{
    struct world *w = world_new(transactions);
    grant(w, 5);
    assert_int_equal(w->recovered, 1);
    return w;
}

static void world_free(struct world *w)
{
    weir_dispatcher_free(w->dispatcher);
    weir_arena_done(&w->arena);
    weir_test_memory_check(&w->memory);
    free(w);
}

static uint64_t next_request;
static uint64_t message(struct world *w, Weir__Envelope *envelope)
{
    envelope->request = ++next_request;
    step(w, (struct weir_event){ .kind = WEIR_EVENT_MESSAGE, .from = w->client, .envelope = envelope });
    return envelope->request;
}

static Weir__ExecutionPlan *plan_of(struct world *w, const struct weir_job_id *id)
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

static uint64_t submit_plan(struct world *w, const struct weir_job_id *id, Weir__ExecutionPlan *plan)
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

static uint64_t submit(struct world *w, uint32_t number)
{
    struct weir_job_id id = job_id(number);
    return submit_plan(w, &id, plan_of(w, &id));
}

static void list(struct world *w)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__QueryJobs body;
    weir__query_jobs__init(&body);
    envelope.body_case = WEIR__ENVELOPE__BODY_QUERY;
    envelope.query = &body;
    message(w, &envelope);
}

static uint64_t cancel(struct world *w, uint32_t number)
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

static bool answered(const struct world *w, uint64_t request, Weir__ReplyCode code)
{
    for (uint32_t i = 0; i < w->reply_count; i++)
        if (w->requests[i] == request) return w->codes[i] == code;
    return false;
}

static bool silent(const struct world *w, uint64_t request)
{
    for (uint32_t i = 0; i < w->reply_count; i++)
        if (w->requests[i] == request) return false;
    return true;
}

/* The JobMaster says that its record is there. */
static void tell_status(struct world *w, uint32_t number, Weir__JobState state)
{
    struct weir_job_id id = job_id(number);
    Weir__JobSummary summary;
    weir__job_summary__init(&summary);
    summary.job = weir_job_id_to(&w->arena, &id);
    summary.name = "a job";
    summary.state = state;
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_STATUS, .job = id, .summary = &summary });
}

static void create_record(struct world *w, uint32_t number, uint64_t epoch, Weir__RecordStatus status)
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
static void run_to_the_end(struct world *w, uint32_t number)
{
    uint64_t request = submit(w, number);
    if (w->transactions) {
        create_record(w, number, 5, WEIR__RECORD_STATUS__RECORD_ACTIVE);
        tell_status(w, number, WEIR__JOB_STATE__JOB_RUNNING);
    }
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_OK));
}

static void finish(struct world *w, uint32_t number)
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

static void timer(struct world *w, uint32_t kind, const struct weir_job_id *id)
{
    struct weir_event event = { .kind = WEIR_EVENT_TIMER };
    event.tag = (struct weir_tag){ .role = WEIR_ROLE_DISPATCHER, .kind = kind };
    if (id) event.tag.job = *id;
    step(w, event);
}

/* ---------------------------------------------------------------- submission */

static void a_submission_is_answered_when_its_record_is_there(void **state)
{
    struct world *w = leading(true);
    uint64_t request = submit(w, 1);
    assert_int_equal(blob_count(w), 1); /* the plan first */
    assert_int_equal(w->started_count, 1);
    assert_true(w->started_with_plan);
    assert_int_equal(w->started_version, 0);
    assert_true(silent(w, request));
    list(w);
    assert_int_equal(w->reply->n_jobs, 0); /* nobody has been promised anything */
    tell_status(w, 1, WEIR__JOB_STATE__JOB_CREATED);
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_OK));
    list(w);
    assert_int_equal(w->reply->n_jobs, 1);
    assert_string_equal(w->reply->jobs[0]->name, "a job");
    world_free(w);
}

static void without_transactions_the_index_names_it_before_it_runs(void **state)
{
    struct world *w = leading(false);
    w->hold = true;
    uint64_t request = submit(w, 1);
    answer_one(w); /* the plan */
    answer_one(w); /* the record, under a fresh name */
    assert_int_equal(w->started_count, 0);
    assert_true(silent(w, request));
    answer_one(w); /* the index */
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_OK));
    w->hold = false;
    while (w->held_count) answer_one(w);
    assert_int_equal(w->started_count, 1);
    assert_true(w->started_version > 0);
    world_free(w);
}

static void the_same_submission_again_is_no_other(void **state)
{
    struct world *w = leading(true);
    uint64_t first = submit(w, 1), second = submit(w, 1);
    assert_int_equal(w->started_count, 1);
    tell_status(w, 1, WEIR__JOB_STATE__JOB_RUNNING);
    assert_true(answered(w, first, WEIR__REPLY_CODE__REPLY_OK));
    assert_true(answered(w, second, WEIR__REPLY_CODE__REPLY_OK));
    uint64_t third = submit(w, 1);
    assert_true(answered(w, third, WEIR__REPLY_CODE__REPLY_OK));
    assert_int_equal(w->started_count, 1);
    assert_int_equal(blob_count(w), 1);
    world_free(w);
}

static void bad_submissions_are_told_what_is_wrong(void **state)
{
    struct world *w = leading(true);
    struct weir_job_id id = job_id(1), other = job_id(2), zero = { { 0 } };
    Weir__ExecutionPlan *plan = plan_of(w, &id);
    assert_true(answered(w, submit_plan(w, &other, plan), WEIR__REPLY_CODE__REPLY_BAD_REQUEST));
    assert_true(answered(w, submit_plan(w, &zero, plan), WEIR__REPLY_CODE__REPLY_BAD_REQUEST));
    assert_true(answered(w, submit_plan(w, &id, NULL), WEIR__REPLY_CODE__REPLY_BAD_REQUEST));
    plan->vertices[0]->parallelism = 7;
    assert_true(answered(w, submit_plan(w, &id, plan), WEIR__REPLY_CODE__REPLY_BAD_REQUEST));
    assert_non_null(strstr(w->reply->text, "parallelism 7"));
    assert_int_equal(w->started_count, 0);
    assert_int_equal(blob_count(w), 0);
    world_free(w);
}

static void storage_that_fails_is_told_and_the_id_is_free_again(void **state)
{
    struct world *w = leading(true);
    struct weir_job_id id = job_id(1);
    w->blobs_fail = true;
    uint64_t request = submit(w, 1);
    for (int i = 0; i < 10 && silent(w, request); i++) timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    w->blobs_fail = false;
    request = submit(w, 1);
    tell_status(w, 1, WEIR__JOB_STATE__JOB_RUNNING);
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_OK));
    world_free(w);
}

static void past_its_limits_a_submission_is_refused(void **state)
{
    struct world *w = leading(true);
    w->options.jobs_max = 2;
    run_to_the_end(w, 1);
    run_to_the_end(w, 2);
    assert_true(answered(w, submit(w, 3), WEIR__REPLY_CODE__REPLY_TOO_MANY));
    finish(w, 1);
    run_to_the_end(w, 3);
    world_free(w);
}

static void too_many_submissions_at_once_are_put_off(void **state)
{
    struct world *w = leading(true);
    w->hold = true; /* storage is slow */
    for (uint32_t i = 1; i <= DISPATCHER_SUBMISSIONS_MAX; i++) assert_true(silent(w, submit(w, i)));
    assert_true(answered(w, submit(w, 1000), WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    world_free(w);
}

static void a_raised_epoch_stores_the_plan_again(void **state)
{
    struct world *w = leading(true);
    w->hold = true;
    submit(w, 1);
    local(
        w, (struct weir_local_message){ .kind = WEIR_LOCAL_EPOCH, .epoch = 9, .leader_version = lead(w, 9) });
    w->hold = false;
    while (w->held_count) answer_one(w);
    assert_int_equal(blob_count(w), 2);
    assert_non_null(strstr(w->blobs[1], "-e9-"));
    assert_int_equal(w->started_count, 1);
    world_free(w);
}

static void a_submission_that_is_fenced_is_not_confirmed(void **state)
{
    struct world *w = leading(true);
    uint64_t request = submit(w, 1);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_FENCED, .job = job_id(1) });
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    assert_int_equal(w->stopped_count, 1);
    world_free(w);
}

/* ---------------------------------------------------------------- who answers */

static void who_does_not_lead_says_who_does(void **state)
{
    struct world *w = world_new(true);
    assert_true(answered(w, submit(w, 1), WEIR__REPLY_CODE__REPLY_NOT_LEADER));
    weir_node other = weir_nodes_intern(&w->nodes, "jm-2");
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_RETRIEVED, .node = other, .epoch = 3 });
    assert_true(answered(w, cancel(w, 1), WEIR__REPLY_CODE__REPLY_NOT_LEADER));
    assert_string_equal(w->reply->leader, "jm-2");
    world_free(w);
}

static void nothing_is_confirmed_while_the_store_is_out_of_reach(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_SUSPENDED });
    assert_int_equal(w->suspended_count, 1);
    assert_true(answered(w, submit(w, 2), WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    assert_true(answered(w, cancel(w, 1), WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    assert_int_equal(w->client_count, 0);
    list(w);
    assert_int_equal(w->reply->n_jobs, 1); /* looking is allowed */
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_RESUMED });
    assert_int_equal(w->resumed_count, 1);
    cancel(w, 1);
    assert_int_equal(w->client_count, 1);
    world_free(w);
}

static void requests_about_a_job_go_to_its_jobmaster(void **state)
{
    struct world *w = leading(true);
    assert_true(answered(w, cancel(w, 1), WEIR__REPLY_CODE__REPLY_NOT_FOUND));
    submit(w, 1);
    assert_true(answered(w, cancel(w, 1), WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    tell_status(w, 1, WEIR__JOB_STATE__JOB_RUNNING);
    uint64_t request = cancel(w, 1);
    assert_int_equal(w->client_count, 1);
    assert_true(silent(w, request)); /* the JobMaster answers, once it is on record */
    world_free(w);
}

static void who_was_deposed_does_not_say_that_a_job_is_not_there(void **state)
{
    struct world *w = leading(true);
    lead(w, 77); /* somebody else leads; this one has not heard of it */
    assert_true(answered(w, cancel(w, 1), WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    world_free(w);
}

static void a_revoked_dispatcher_forgets_and_says_that_it_does_not_know(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    uint64_t request = submit(w, 2);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
    assert_int_equal(w->stopped_count, 2);
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    assert_true(answered(w, cancel(w, 1), WEIR__REPLY_CODE__REPLY_NOT_LEADER));
    /* Answers to what it had asked as a leader change nothing. */
    tell_status(w, 2, WEIR__JOB_STATE__JOB_RUNNING);
    grant(w, 7);
    assert_int_equal(w->recovered, 2);
    world_free(w);
}

/* ---------------------------------------------------------------- recovery */

static void all_jobs_are_recovered_and_a_bad_one_hurts_no_other(void **state)
{
    struct world *w = world_new(true);
    for (uint32_t i = 1; i <= 5; i++) create_record(w, i, 4, WEIR__RECORD_STATUS__RECORD_ACTIVE);
    struct weir_job_id bad = job_id(3), foreign = job_id(9), other = job_id(8);
    ha_put(&w->store, job_key(&bad), "\xff\xff", 2);
    put_bytes(w, job_key(&foreign), &record_of(w, &other, 4, 40)->base); /* of another job */
    uint64_t version = ha_get(&w->store, job_key(&bad))->version;
    grant(w, 5);
    assert_int_equal(w->recovered, 1);
    assert_int_equal(w->started_count, 4);
    list(w);
    assert_int_equal(w->reply->n_jobs, 6);
    uint32_t failed = 0;
    for (size_t i = 0; i < w->reply->n_jobs; i++) {
        if (w->reply->jobs[i]->state != WEIR__JOB_STATE__JOB_FAILED) continue;
        assert_true(w->reply->jobs[i]->error[0] != 0);
        failed++;
    }
    assert_int_equal(failed, 2);
    assert_int_equal(ha_get(&w->store, job_key(&bad))->version, version);
    assert_true(answered(w, cancel(w, 3), WEIR__REPLY_CODE__REPLY_CONFLICT));
    assert_true(answered(w, submit(w, 3), WEIR__REPLY_CODE__REPLY_CONFLICT));
    world_free(w);
}

static void a_thousand_jobs_are_read_at_once(void **state)
{
    struct world *w = world_new(true);
    for (uint32_t i = 1; i <= 1400; i++) create_record(w, i, 4, WEIR__RECORD_STATUS__RECORD_ACTIVE);
    grant(w, 5);
    assert_int_equal(w->recovered, 1);
    assert_int_equal(w->started_count, 1400);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_SUSPENDED });
    assert_int_equal(w->suspended_count, 1400);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
    assert_int_equal(w->stopped_count, 1400);
    world_free(w);
}

static void a_store_that_does_not_answer_is_asked_again(void **state)
{
    struct world *w = world_new(true);
    create_record(w, 1, 4, WEIR__RECORD_STATUS__RECORD_ACTIVE);
    w->hold = true;
    grant(w, 5);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(w->held_count, 1);
        struct weir_event event = { .kind = WEIR_EVENT_STORE_DONE, .tag = w->held[0].tag };
        event.store.outcome = i % 2 ? WEIR_STORE_UNKNOWN : WEIR_STORE_UNAVAILABLE;
        w->held_count = 0;
        step(w, event);
        assert_int_equal(w->recovered, 0);
        timer(w, DISPATCHER_TAG_RECOVERY_RETRY, NULL);
    }
    w->hold = false;
    while (w->held_count) answer_one(w);
    assert_int_equal(w->recovered, 1);
    assert_int_equal(w->started_count, 1);
    world_free(w);
}

static void a_record_of_a_larger_epoch_waits_for_one_above_it(void **state)
{
    struct world *w = world_new(true);
    create_record(w, 1, 4, WEIR__RECORD_STATUS__RECORD_ACTIVE);
    struct weir_job_id id = job_id(2);
    put_bytes(w, job_key(&id), &record_of(w, &id, 30, 77)->base);
    grant(w, 5);
    assert_int_equal(w->recovered, 0);
    assert_int_equal(w->started_count, 0);
    assert_int_equal(w->epoch_seen, 30);
    w->identity.epoch = 31;
    local(w,
        (struct weir_local_message){ .kind = WEIR_LOCAL_EPOCH, .epoch = 31, .leader_version = lead(w, 31) });
    assert_int_equal(w->recovered, 1);
    assert_int_equal(w->started_count, 2);
    world_free(w);
}

static void an_impossible_epoch_fails_its_job_alone(void **state)
{
    struct world *w = world_new(true);
    create_record(w, 1, 4, WEIR__RECORD_STATUS__RECORD_ACTIVE);
    struct weir_job_id id = job_id(2);
    put_bytes(w, job_key(&id), &record_of(w, &id, UINT64_MAX, 77)->base);
    grant(w, 5);
    assert_int_equal(w->recovered, 1);
    assert_int_equal(w->started_count, 1);
    world_free(w);
}

static void a_fenced_job_is_read_again_while_this_one_leads(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    struct weir_job_id id = job_id(1);
    put_bytes(w, job_key(&id), &record_of(w, &id, 8, 77)->base);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_FENCED, .job = id });
    assert_int_equal(w->stopped_count, 1);
    timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    assert_int_equal(w->epoch_seen, 8);
    assert_int_equal(w->started_count, 1);
    local(
        w, (struct weir_local_message){ .kind = WEIR_LOCAL_EPOCH, .epoch = 9, .leader_version = lead(w, 9) });
    timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    assert_int_equal(w->started_count, 2);
    world_free(w);
}

static void without_transactions_only_what_the_index_names_exists(void **state)
{
    struct world *w = leading(false);
    run_to_the_end(w, 1);
    run_to_the_end(w, 2);
    struct weir_job_id stray = job_id(3);
    char key[96];
    snprintf(
        key, sizeof key, "%s-3-1", job_key(&stray)); /* created by one that died before the index named it */
    put_bytes(w, key, &record_of(w, &stray, 3, 30)->base);
    snprintf(key, sizeof key, "%s-99-1",
        job_key(&stray)); /* and by one of a later epoch, which is not ours to judge */
    put_bytes(w, key, &record_of(w, &stray, 99, 30)->base);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
    uint32_t started = w->started_count;
    grant(w, 6);
    assert_int_equal(w->recovered, 2);
    assert_int_equal(w->started_count - started, 2);
    struct ha_entry *entry = ha_get(&w->store, "index");
    ProtobufCMessage *index = NULL;
    assert_int_equal(weir_proto_decode(&weir__job_index__descriptor, &w->arena, entry->value, entry->length,
                         65536, &index, NULL),
        WEIR_OK);
    assert_int_equal(((Weir__JobIndex *)index)->epoch, 6); /* first of all it carries our epoch */
    timer(w, DISPATCHER_TAG_HOUSEKEEPING, NULL);
    assert_non_null(ha_get(&w->store, key));
    snprintf(key, sizeof key, "%s-3-1", job_key(&stray));
    assert_null(ha_get(&w->store, key)); /* swept */
    world_free(w);
}

/* ---------------------------------------------------------------- ends */

static void a_finished_job_leaves_a_tombstone_that_refuses_its_id(void **state)
{
    for (int transactions = 0; transactions < 2; transactions++) {
        struct world *w = leading(transactions);
        struct weir_job_id id = job_id(1);
        run_to_the_end(w, 1);
        finish(w, 1);
        assert_int_equal(w->stopped_count, 1);
        assert_null(ha_get(&w->store, job_key(&id)));
        if (transactions) assert_non_null(ha_get(&w->store, tombstone_key(&id)));
        assert_true(answered(w, submit(w, 1), WEIR__REPLY_CODE__REPLY_CONFLICT));
        list(w);
        assert_int_equal(w->reply->n_jobs, 1);
        assert_int_equal(w->reply->jobs[0]->state, WEIR__JOB_STATE__JOB_FINISHED);
        /* The next leader refuses it, too. */
        local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
        grant(w, 6);
        assert_true(answered(w, submit(w, 1), WEIR__REPLY_CODE__REPLY_CONFLICT));
        assert_int_equal(w->started_count, 1);
        world_free(w);
    }
}

static void a_clean_record_that_is_found_gets_its_tombstone(void **state)
{
    struct world *w = world_new(true);
    struct weir_job_id id = job_id(1);
    create_record(w, 1, 4, WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN);
    create_record(w, 2, 4, WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY);
    grant(w, 5);
    assert_int_equal(w->started_count, 1); /* the dirty one is cleaned on by its JobMaster */
    assert_null(ha_get(&w->store, job_key(&id)));
    assert_non_null(ha_get(&w->store, tombstone_key(&id)));
    world_free(w);
}

static void a_removal_of_unknown_outcome_is_looked_at_again(void **state)
{
    for (int applied = 0; applied < 2; applied++) {
        struct world *w = leading(true);
        struct weir_job_id id = job_id(1);
        run_to_the_end(w, 1);
        w->hold = true;
        finish(w, 1);
        answer_one(w); /* read */
        assert_int_equal(w->held_count, 1);
        struct weir_effect removal = w->held[0];
        w->held_count = 0;
        if (applied) ha_apply(&w->store, &removal, &w->arena);
        struct weir_event event = { .kind = WEIR_EVENT_STORE_DONE, .tag = removal.tag };
        event.store.outcome = WEIR_STORE_UNKNOWN;
        step(w, event);
        timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
        w->hold = false;
        while (w->held_count) answer_one(w);
        assert_null(ha_get(&w->store, job_key(&id)));
        assert_non_null(ha_get(&w->store, tombstone_key(&id)));
        assert_true(answered(w, submit(w, 1), WEIR__REPLY_CODE__REPLY_CONFLICT));
        world_free(w);
    }
}

static void a_deposed_leader_removes_nothing(void **state)
{
    struct world *w = leading(true);
    struct weir_job_id id = job_id(1);
    run_to_the_end(w, 1);
    lead(w, 77); /* somebody else leads */
    finish(w, 1);
    assert_non_null(ha_get(&w->store, job_key(&id)));
    assert_null(ha_get(&w->store, tombstone_key(&id)));
    world_free(w);
}

static void a_leader_whose_leadership_was_wiped_removes_nothing(void **state)
{
    struct world *w = leading(true);
    struct weir_job_id id = job_id(1);
    run_to_the_end(w, 1);
    ha_delete(&w->store,
        weir_leadership_key(&w->arena, 5, 50)); /* and another's leader record has come to our version */
    finish(w, 1);
    assert_non_null(ha_get(&w->store, job_key(&id)));
    world_free(w);
}

static void a_record_that_is_not_clean_is_cleaned_again(void **state)
{
    struct world *w = leading(true);
    struct weir_job_id id = job_id(1);
    run_to_the_end(w, 1);
    create_record(w, 1, 5, WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY); /* the store was set back */
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_CLEAN, .job = id });
    assert_int_equal(w->started_count, 2);
    assert_non_null(ha_get(&w->store, job_key(&id)));
    world_free(w);
}

static void tombstones_are_kept_for_an_hour_and_none_is_dropped(void **state)
{
    struct world *w = leading(true);
    w->options.tombstones_max = 3;
    for (uint32_t i = 1; i <= 3; i++) {
        run_to_the_end(w, i);
        finish(w, i);
    }
    assert_true(answered(w, submit(w, 4), WEIR__REPLY_CODE__REPLY_TOO_MANY));
    w->now_us += INT64_C(3500) * SECOND;
    timer(w, DISPATCHER_TAG_HOUSEKEEPING, NULL);
    assert_true(answered(w, submit(w, 4), WEIR__REPLY_CODE__REPLY_TOO_MANY));
    w->now_us += INT64_C(200) * SECOND;
    timer(w, DISPATCHER_TAG_HOUSEKEEPING, NULL);
    struct weir_job_id id = job_id(1);
    assert_null(ha_get(&w->store, tombstone_key(&id)));
    submit(w, 4);
    tell_status(w, 4, WEIR__JOB_STATE__JOB_RUNNING);
    list(w);
    assert_int_equal(w->reply->n_jobs, 1);
    world_free(w);
}

static void plans_that_nothing_names_are_swept(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    submit(w, 2); /* goes on */
    struct weir_job_id id = job_id(7);
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    weir_job_id_print(&id, hex);
    snprintf(w->blobs[10], sizeof w->blobs[10], "/s/plans/%s-e3-1", hex);
    snprintf(w->blobs[11], sizeof w->blobs[11], "/s/plans/%s-e5-9", hex);
    snprintf(w->blobs[12], sizeof w->blobs[12], "/s/plans/%s-e6-1", hex); /* of a newer leader */
    snprintf(w->blobs[13], sizeof w->blobs[13], "/s/plans/README");
    snprintf(w->blobs[14], sizeof w->blobs[14], "/s/plans/%s-e5-8.tmp-1a", hex); /* its writer has died */
    snprintf(w->blobs[15], sizeof w->blobs[15], "%s.tmp-1a", w->blobs[0]);       /* beside a job that runs */
    snprintf(w->blobs[16], sizeof w->blobs[16], "%s.tmp-1a", w->blobs[1]);       /* may be on its way */
    struct weir_job_id running = job_id(1);
    weir_job_id_print(&running, hex);
    snprintf(w->blobs[17], sizeof w->blobs[17], "/s/plans/%s-e5-77", hex); /* an earlier try of it */
    timer(w, DISPATCHER_TAG_HOUSEKEEPING, NULL);
    assert_int_equal(w->blobs[10][0], 0);
    assert_int_equal(w->blobs[11][0], 0);
    assert_int_not_equal(w->blobs[12][0], 0);
    assert_int_not_equal(w->blobs[13][0], 0);
    assert_int_equal(w->blobs[14][0], 0);
    assert_int_equal(w->blobs[15][0], 0);
    assert_int_not_equal(w->blobs[16][0], 0);
    assert_int_equal(w->blobs[17][0], 0);
    assert_int_equal(blob_count(w), 5);
    world_free(w);
}

static uint64_t collect(struct world *w, bool dry_run)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__CollectGarbage body;
    weir__collect_garbage__init(&body);
    body.dry_run = dry_run;
    envelope.body_case = WEIR__ENVELOPE__BODY_COLLECT_GARBAGE;
    envelope.collect_garbage = &body;
    return message(w, &envelope);
}

static void garbage_is_told_and_deleted_when_asked(void **state)
{
    for (int transactions = 0; transactions < 2; transactions++) {
        struct world *w = leading(transactions);
        run_to_the_end(w, 1);
        char hex[WEIR_JOB_ID_TEXT_BYTES];
        struct weir_job_id stranger = job_id(77);
        weir_job_id_print(&stranger, hex);
        snprintf(w->blobs[20], sizeof w->blobs[20], "/s/plans/%s-e3-1", hex);
        snprintf(w->blobs[21], sizeof w->blobs[21], "/s/plans/%s-e9-1", hex); /* a newer leader's */
        uint32_t before = blob_count(w);
        assert_true(answered(w, collect(w, true), WEIR__REPLY_CODE__REPLY_OK));
        assert_non_null(w->reply->garbage);
        assert_int_equal(w->reply->garbage->n_items, 1);
        assert_string_equal(w->reply->garbage->items[0]->path, w->blobs[20]);
        assert_false(w->reply->garbage->deleted);
        assert_int_equal(blob_count(w), before);
        assert_true(answered(w, collect(w, false), WEIR__REPLY_CODE__REPLY_OK));
        assert_int_equal(w->reply->garbage->n_items, 1);
        assert_true(w->reply->garbage->deleted);
        assert_int_equal(w->blobs[20][0], 0);
        assert_int_equal(blob_count(w), before - 1);
        assert_true(answered(w, collect(w, false), WEIR__REPLY_CODE__REPLY_OK));
        assert_int_equal(w->reply->garbage->n_items, 0);
        w->blobs_fail = true;
        assert_true(answered(w, collect(w, false), WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
        w->blobs_fail = false;
        local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
        assert_true(answered(w, collect(w, false), WEIR__REPLY_CODE__REPLY_NOT_LEADER));
        world_free(w);
    }
}

static void the_cluster_ends_when_its_jobs_have(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__ShutdownCluster body;
    weir__shutdown_cluster__init(&body);
    envelope.body_case = WEIR__ENVELOPE__BODY_SHUTDOWN;
    envelope.shutdown = &body;
    assert_true(answered(w, message(w, &envelope), WEIR__REPLY_CODE__REPLY_OK));
    assert_int_equal(w->client_count, 1); /* cancelled */
    assert_true(answered(w, submit(w, 2), WEIR__REPLY_CODE__REPLY_CONFLICT));
    assert_int_equal(w->shutdowns, 0);
    finish(w, 1);
    assert_int_equal(w->shutdowns, 1);
    world_free(w);
}

static void an_application_ends_with_its_job(void **state)
{
    struct world *w = leading(true);
    w->options.application_mode = true;
    run_to_the_end(w, 1);
    assert_true(answered(w, submit(w, 2), WEIR__REPLY_CODE__REPLY_CONFLICT));
    assert_true(answered(w, submit(w, 1), WEIR__REPLY_CODE__REPLY_OK));
    finish(w, 1);
    assert_int_equal(w->shutdowns, 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_submission_is_answered_when_its_record_is_there),
        cmocka_unit_test(without_transactions_the_index_names_it_before_it_runs),
        cmocka_unit_test(the_same_submission_again_is_no_other),
        cmocka_unit_test(bad_submissions_are_told_what_is_wrong),
        cmocka_unit_test(storage_that_fails_is_told_and_the_id_is_free_again),
        cmocka_unit_test(past_its_limits_a_submission_is_refused),
        cmocka_unit_test(too_many_submissions_at_once_are_put_off),
        cmocka_unit_test(a_raised_epoch_stores_the_plan_again),
        cmocka_unit_test(a_submission_that_is_fenced_is_not_confirmed),
        cmocka_unit_test(who_does_not_lead_says_who_does),
        cmocka_unit_test(nothing_is_confirmed_while_the_store_is_out_of_reach),
        cmocka_unit_test(requests_about_a_job_go_to_its_jobmaster),
        cmocka_unit_test(who_was_deposed_does_not_say_that_a_job_is_not_there),
        cmocka_unit_test(a_revoked_dispatcher_forgets_and_says_that_it_does_not_know),
        cmocka_unit_test(all_jobs_are_recovered_and_a_bad_one_hurts_no_other),
        cmocka_unit_test(a_thousand_jobs_are_read_at_once),
        cmocka_unit_test(a_store_that_does_not_answer_is_asked_again),
        cmocka_unit_test(a_record_of_a_larger_epoch_waits_for_one_above_it),
        cmocka_unit_test(an_impossible_epoch_fails_its_job_alone),
        cmocka_unit_test(a_fenced_job_is_read_again_while_this_one_leads),
        cmocka_unit_test(without_transactions_only_what_the_index_names_exists),
        cmocka_unit_test(a_finished_job_leaves_a_tombstone_that_refuses_its_id),
        cmocka_unit_test(a_clean_record_that_is_found_gets_its_tombstone),
        cmocka_unit_test(a_removal_of_unknown_outcome_is_looked_at_again),
        cmocka_unit_test(a_deposed_leader_removes_nothing),
        cmocka_unit_test(a_leader_whose_leadership_was_wiped_removes_nothing),
        cmocka_unit_test(a_record_that_is_not_clean_is_cleaned_again),
        cmocka_unit_test(tombstones_are_kept_for_an_hour_and_none_is_dropped),
        cmocka_unit_test(plans_that_nothing_names_are_swept),
        cmocka_unit_test(garbage_is_told_and_deleted_when_asked),
        cmocka_unit_test(the_cluster_ends_when_its_jobs_have),
        cmocka_unit_test(an_application_ends_with_its_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
