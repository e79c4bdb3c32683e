/* What a dispatcher does of itself: recovery of all jobs, their removal, sweeping, the end of the cluster. */
#include "dispatcher_world.h"

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

static void raise_epoch(struct world *w, uint64_t epoch)
{
    assert_int_equal(w->epoch_seen, epoch - 1);
    w->identity.epoch = epoch;
    local(w, (struct weir_local_message){
                 .kind = WEIR_LOCAL_EPOCH, .epoch = epoch, .leader_version = lead(w, epoch) });
}

/* What an earlier leader wrote late, while the store had lost who leads. The first JobMaster's attempts bear
 * our epoch: the next one must not number its own from 1 again. */
static void a_job_has_one_jobmaster_in_an_epoch(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    struct weir_job_id id = job_id(1);
    put_bytes(w, job_key(&id), &record_of(w, &id, 4, 77)->base);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_FENCED, .job = id });
    for (int i = 0; i < 3; i++) timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    assert_int_equal(w->started_count, 1);
    raise_epoch(w, 6);
    timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    assert_int_equal(w->started_count, 2);
    world_free(w);
}

/* The JobMaster had taken the leader's larger epoch, and heard what TaskManagers reported under it. */
static void a_job_has_one_jobmaster_in_an_epoch_that_came_while_it_ran(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    struct weir_job_id id = job_id(1);
    w->epoch_seen = 6;
    raise_epoch(w, 7);
    put_bytes(w, job_key(&id), &record_of(w, &id, 6, 77)->base);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_FENCED, .job = id });
    for (int i = 0; i < 3; i++) timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    assert_int_equal(w->started_count, 1);
    raise_epoch(w, 8);
    timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    assert_int_equal(w->started_count, 2);
    world_free(w);
}

static void a_record_that_is_gone_is_told(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    struct weir_job_id id = job_id(1);
    ha_delete(&w->store, job_key(&id));
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_FENCED, .job = id });
    timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    raise_epoch(w, 6);
    timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    assert_non_null(strstr(w->logged, "its record is not there any more"));
    list(w);
    assert_int_equal(w->reply->n_jobs, 0);
    world_free(w);
}

static void what_a_takeover_did_not_find_is_counted(void **state)
{
    struct world *w = world_new(true);
    for (uint32_t i = 1; i <= 2; i++) create_record(w, i, 4, WEIR__RECORD_STATUS__RECORD_ACTIVE);
    grant(w, 5);
    Weir__JobSummary summary;
    weir__job_summary__init(&summary);
    summary.name = "one";
    summary.state = WEIR__JOB_STATE__JOB_RESTARTING;
    for (uint32_t i = 0; i < 3;
         i++) { /* told again, it is no more; 0: the next JobMaster of the job begins */
        static const uint32_t told[] = { 3, 3, 0 };
        summary.tasks_restarted = told[i];
        local(w, (struct weir_local_message){
                     .kind = WEIR_LOCAL_JOB_STATUS, .job = job_id(1), .summary = &summary });
    }
    assert_null(strstr(w->logged, "Reason"));
    summary.tasks_restarted = 2;
    local(w,
        (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_STATUS, .job = job_id(2), .summary = &summary });
    list(w);
    assert_int_equal(w->reply->n_jobs, 2);
    assert_int_equal(w->reply->tasks_restarted, 5);
    query(w, true);
    assert_int_equal(w->reply->n_jobs, 0);
    assert_int_equal(w->reply->tasks_restarted, 5);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
    grant(w, 6);
    list(w);
    assert_int_equal(w->reply->tasks_restarted, 0);
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

/* 1579481 store: a leader slept while another one led and wrote the index; the store was wiped, and the first
 * one leads on, under an epoch above that one's. */
static void an_index_that_an_earlier_leader_wrote_is_read_again(void **state)
{
    struct world *w = leading(false);
    run_to_the_end(w, 1);
    struct ha_entry *entry = ha_get(&w->store, "index");
    ProtobufCMessage *index = NULL;
    assert_int_equal(weir_proto_decode(&weir__job_index__descriptor, &w->arena, entry->value, entry->length,
                         65536, &index, NULL),
        WEIR_OK);
    ((Weir__JobIndex *)index)->epoch = 6;
    ((Weir__JobIndex *)index)->writer_incarnation = 77;
    put_bytes(w, "index", index);
    w->identity.epoch = 7;
    local(
        w, (struct weir_local_message){ .kind = WEIR_LOCAL_EPOCH, .epoch = 7, .leader_version = lead(w, 7) });
    assert_int_equal(w->epoch_seen, 7); /* it is not a later one: but ours has been led in */
    w->identity.epoch = 8;
    local(
        w, (struct weir_local_message){ .kind = WEIR_LOCAL_EPOCH, .epoch = 8, .leader_version = lead(w, 8) });
    assert_true(answered(w, submit(w, 2), WEIR__REPLY_CODE__REPLY_OK));
    list(w);
    assert_int_equal(w->reply->n_jobs, 2);
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

static uint64_t ask(struct world *w, Weir__Envelope__BodyCase body, void *message_of_it)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    envelope.body_case = body;
    envelope.greeting = message_of_it; /* all members of the union are pointers */
    return message(w, &envelope);
}

/* As of a tombstone: the answer was lost with the leader before, and the client asks again. */
static void until_its_tombstone_is_put_a_job_says_how_it_ended(void **state)
{
    struct world *w = world_new(true);
    struct weir_job_id id = job_id(1);
    Weir__JobRecord *record = record_of(w, &id, 4, 50);
    record->status = WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN;
    record->result = WEIR_PROTO_NEW(&w->arena, Weir__JobResult, weir__job_result);
    record->result->state = WEIR__JOB_STATE__JOB_CANCELED;
    record->result->started_ms = 7;
    Weir__SavepointRequest *savepoint =
        WEIR_PROTO_NEW(&w->arena, Weir__SavepointRequest, weir__savepoint_request);
    savepoint->request.len = 16;
    savepoint->request.data = (uint8_t *)"0123456789abcdef";
    savepoint->state = WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED;
    record->result->savepoint = savepoint;
    Weir__SavepointRequest *other = WEIR_PROTO_COPY(&w->arena, savepoint);
    other->request.data = (uint8_t *)"asked for before";
    record->result->savepoints = &other;
    record->result->n_savepoints = 1;
    put_bytes(w, job_key(&id), &record->base);
    w->hold = true;
    grant(w, 5);
    while (w->held[0].tag.kind != DISPATCHER_TAG_REMOVE_READ) answer_one(w);
    Weir__StopJob stop = WEIR__STOP_JOB__INIT;
    stop.job = weir_job_id_to(&w->arena, &id);
    stop.request = savepoint->request;
    assert_true(answered(w, ask(w, WEIR__ENVELOPE__BODY_STOP, &stop), WEIR__REPLY_CODE__REPLY_OK));
    assert_true(answered(w, cancel(w, 1), WEIR__REPLY_CODE__REPLY_OK));
    Weir__QueryJobs about = WEIR__QUERY_JOBS__INIT;
    about.job = stop.job;
    about.request = savepoint->request;
    assert_true(answered(w, ask(w, WEIR__ENVELOPE__BODY_QUERY, &about), WEIR__REPLY_CODE__REPLY_OK));
    assert_int_equal(w->reply->savepoint->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    assert_int_equal(w->reply->jobs[0]->state, WEIR__JOB_STATE__JOB_CANCELED);
    assert_int_equal(w->reply->jobs[0]->started_ms, 7);
    Weir__TriggerSavepoint again = WEIR__TRIGGER_SAVEPOINT__INIT;
    again.job = stop.job;
    again.request = about.request = other->request;
    assert_true(answered(w, ask(w, WEIR__ENVELOPE__BODY_SAVEPOINT, &again), WEIR__REPLY_CODE__REPLY_OK));
    assert_true(answered(w, ask(w, WEIR__ENVELOPE__BODY_QUERY, &about), WEIR__REPLY_CODE__REPLY_OK));
    assert_non_null(w->reply->savepoint);
    stop.request.data = (uint8_t *)"another, later.."; /* somebody else's */
    assert_true(answered(w, ask(w, WEIR__ENVELOPE__BODY_STOP, &stop), WEIR__REPLY_CODE__REPLY_CONFLICT));
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

/* An index that is too long to be read again would be the end of the cluster: nobody knew which jobs there
 * are. */
static void more_jobs_than_an_index_can_name_are_refused(void **state)
{
    struct world *w = leading(false);
    w->options.index_bytes_max = 4096;
    uint32_t ended = 0;
    for (uint32_t i = 1; i < 1000; i++, ended++) {
        if (!answered(w, submit(w, i), WEIR__REPLY_CODE__REPLY_OK)) break;
        finish(w, i);
        memset(w->blobs, 0, sizeof w->blobs); /* a JobMaster removes its plan */
    }
    assert_true(answered(w, next_request, WEIR__REPLY_CODE__REPLY_TOO_MANY));
    assert_in_range(ended, 40, 300);
    assert_true(ha_get(&w->store, "index")->length < 4096);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
    grant(w, 6);
    list(w);
    assert_int_equal(w->reply->n_jobs, ended);
    for (uint32_t i = 0; i < ended; i++)
        assert_int_equal(w->reply->jobs[i]->state, WEIR__JOB_STATE__JOB_FINISHED);
    assert_true(answered(w, submit(w, ended), WEIR__REPLY_CODE__REPLY_CONFLICT)); /* its id is used up */
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

/* What a JobMaster says; paths: one or none. */
static void jobmaster_found(struct world *w, uint32_t job, const char *path)
{
    Weir__GarbageItem item = WEIR__GARBAGE_ITEM__INIT, *items[] = { &item };
    item.path = (char *)path;
    item.bytes = 5;
    item.why = (char *)"why";
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_GARBAGE_FOUND,
                 .job = job_id(job),
                 .garbage = { .number = w->garbage_number, .items = items, .item_count = path ? 1 : 0 } });
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
    w->garbage_number = 0;
    return message(w, &envelope);
}

/* Of one job that runs, which has given up nothing. */
static uint64_t collect_all(struct world *w, uint32_t job, bool dry_run)
{
    uint64_t request = collect(w, dry_run);
    if (w->garbage_number) jobmaster_found(w, job, NULL);
    return request;
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
        assert_true(answered(w, collect_all(w, 1, true), WEIR__REPLY_CODE__REPLY_OK));
        assert_non_null(w->reply->garbage);
        assert_int_equal(w->reply->garbage->n_items, 1);
        assert_string_equal(w->reply->garbage->items[0]->path, w->blobs[20]);
        assert_false(w->reply->garbage->deleted);
        assert_int_equal(blob_count(w), before);
        assert_true(answered(w, collect_all(w, 1, false), WEIR__REPLY_CODE__REPLY_OK));
        assert_int_equal(w->reply->garbage->n_items, 1);
        assert_true(w->reply->garbage->deleted);
        assert_int_equal(w->blobs[20][0], 0);
        assert_int_equal(blob_count(w), before - 1);
        assert_true(answered(w, collect_all(w, 1, false), WEIR__REPLY_CODE__REPLY_OK));
        assert_int_equal(w->reply->garbage->n_items, 0);
        w->blobs_fail = true;
        assert_true(answered(w, collect_all(w, 1, false), WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
        w->blobs_fail = false;
        local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
        assert_true(answered(w, collect_all(w, 1, false), WEIR__REPLY_CODE__REPLY_NOT_LEADER));
        world_free(w);
    }
}

static void what_running_jobs_have_given_up_is_waited_for(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    run_to_the_end(w, 2);
    uint64_t first = collect(w, true);
    jobmaster_found(w, 1, "/c/1/chk-3/x");
    assert_true(silent(w, first));
    jobmaster_found(w, 1, "/c/1/chk-3/x"); /* one answer of each */
    jobmaster_found(w, 77, "/c/77/x");
    assert_true(silent(w, first));
    jobmaster_found(w, 2, "/c/2/chk-3/x");
    assert_true(answered(w, first, WEIR__REPLY_CODE__REPLY_OK));
    assert_int_equal(w->reply->garbage->n_items, 2);
    assert_int_equal(w->reply->garbage->bytes, 10);
    assert_string_equal(w->reply->garbage->items[0]->path, "/c/1/chk-3/x");
    assert_string_equal(w->reply->garbage->items[0]->why, "why");
    uint64_t second = collect(w, false);
    w->garbage_number--;
    jobmaster_found(w, 1, "/c/1/late"); /* of the question before */
    w->garbage_number++;
    jobmaster_found(w, 2, NULL);
    assert_true(silent(w, second));
    finish(w, 1); /* its JobMaster goes, and with it the answer */
    assert_true(answered(w, second, WEIR__REPLY_CODE__REPLY_OK));
    assert_int_equal(w->reply->garbage->n_items, 0);
    assert_true(w->reply->garbage->more);
    assert_true(answered(w, collect_all(w, 2, true), WEIR__REPLY_CODE__REPLY_OK));
    uint64_t third = collect(w, true);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
    grant(w, 7);
    jobmaster_found(w, 2, "/c/2/chk-3/x");
    (void)third; /* who asked a leader that is none any more asks again */
    world_free(w);
}

static void put_old(struct world *w, uint32_t at, uint8_t job, const char *rest, int64_t hours)
{
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    struct weir_job_id id = job_id(job);
    weir_job_id_print(&id, hex);
    snprintf(w->blobs[at], sizeof w->blobs[at], "/s/checkpoints/%s/%s", hex, rest);
    w->modified_us[at] = WALL_US - hours * 3600 * SECOND;
}

static void what_never_became_a_checkpoint_goes_with_a_job_that_nobody_knows(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    finish(w, 1); /* a tombstone */
    run_to_the_end(w, 2);
    memset(w->blobs, 0, sizeof w->blobs);
    put_old(w, 0, 1, "chk-1/e1.1-1-0", 48); /* has just ended: its leftovers are another sweep's */
    put_old(w, 1, 2, "chk-1/e1.1-1-0", 48); /* there is a record */
    put_old(w, 2, 70, "chk-1/e1.1-1-0", 48);
    put_old(w, 3, 70, "taskowned/e1.1-1-0-final", 25);
    put_old(w, 4, 71, "chk-1/e1.1-1-0", 48);
    put_old(w, 5, 71, "chk-2/_metadata", 48); /* may be a user's, and refer to the other */
    put_old(w, 6, 72, "chk-1/e1.1-1-0", 48);
    put_old(w, 7, 72, "chk-1/e1.1-1-1", 23);                  /* somebody may be at it */
    put_old(w, 8, 73, "chk-1/_metadata.0123.inprogress", 48); /* never got its name */
    snprintf(w->blobs[9], sizeof w->blobs[9], "/s/checkpoints/another/folder");
    w->modified_us[9] = 1;
    assert_true(answered(w, collect_all(w, 2, true), WEIR__REPLY_CODE__REPLY_OK));
    assert_int_equal(w->reply->garbage->n_items, 3);
    assert_int_equal(blob_count(w), 10);
    assert_true(answered(w, collect_all(w, 2, false), WEIR__REPLY_CODE__REPLY_OK));
    assert_int_equal(w->reply->garbage->n_items, 3);
    for (uint32_t i = 0; i < 10; i++) assert_int_equal(w->blobs[i][0] != 0, i != 2 && i != 3 && i != 8);
    world_free(w);
}

static void put_blob(struct world *w, uint32_t at, const char *path)
{
    snprintf(w->blobs[at], sizeof w->blobs[at], "%s", path);
}

/* A deposed leader's copy arrives when the job's clean-up is over: whoever leads then looks there again. */
static void what_comes_late_to_a_savepoint_that_was_given_up_is_swept(void **state)
{
    enum { FOLDERS = 18, KEPT = 16 };
    struct world *w = world_new(true);
    struct weir_job_id id = job_id(1);
    char *folders[FOLDERS];
    for (uint32_t i = 0; i < FOLDERS; i++) folders[i] = weir_arena_format(&w->arena, "/user/savepoint-%u", i);
    Weir__JobRecord *record = record_of(w, &id, 4, 50);
    record->status = WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN;
    record->result = WEIR_PROTO_NEW(&w->arena, Weir__JobResult, weir__job_result);
    record->result->state = WEIR__JOB_STATE__JOB_CANCELED;
    record->given_up = folders;
    record->n_given_up = FOLDERS;
    put_bytes(w, job_key(&id), &record->base);
    grant(w, 5);
    for (uint32_t leader = 5; leader < 7; leader++) {
        memset(w->blobs, 0, sizeof w->blobs);
        for (uint32_t i = 0; i < FOLDERS; i++)
            put_blob(w, i, weir_arena_format(&w->arena, "%s/_metadata", folders[i]));
        put_blob(w, FOLDERS, "/user/savepoint-17-mine/_metadata");
        put_blob(w, FOLDERS + 1, "/user/savepoint-17");
        w->now_us += INT64_C(60) * SECOND;
        timer(w, DISPATCHER_TAG_HOUSEKEEPING, NULL);
        for (uint32_t i = 0; i < FOLDERS; i++) assert_int_equal(w->blobs[i][0] != 0, i < FOLDERS - KEPT);
        assert_int_equal(blob_count(w), FOLDERS - KEPT + 2);
        local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
        grant(w, 6);
    }
    put_blob(w, 17, "/user/savepoint-17/e5.1-1-0-final.state"); /* asked for, it goes at once */
    assert_true(answered(w, collect_all(w, 0, false), WEIR__REPLY_CODE__REPLY_OK));
    assert_int_equal(w->reply->garbage->n_items, 1);
    assert_string_equal(w->reply->garbage->items[0]->why, "of a savepoint that came to nothing");
    assert_int_equal(blob_count(w), FOLDERS - KEPT + 2);
    world_free(w);
}

static uint64_t ask_for_the_end(struct world *w)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__ShutdownCluster body;
    weir__shutdown_cluster__init(&body);
    envelope.body_case = WEIR__ENVELOPE__BODY_SHUTDOWN;
    envelope.shutdown = &body;
    return message(w, &envelope);
}

static void end_recorded(struct world *w)
{
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_END_RECORDED });
}

static void the_cluster_ends_when_its_jobs_have(void **state)
{
    struct world *w = leading(true);
    run_to_the_end(w, 1);
    uint64_t request = ask_for_the_end(w);
    assert_int_equal(w->ends_wanted, 1);
    assert_false(answered(w, request, WEIR__REPLY_CODE__REPLY_OK)); /* the record does not say so yet */
    assert_int_equal(w->client_count, 0);
    end_recorded(w);
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_OK));
    assert_int_equal(w->client_count, 1); /* cancelled */
    assert_true(answered(w, ask_for_the_end(w), WEIR__REPLY_CODE__REPLY_OK));
    assert_true(answered(w, submit(w, 2), WEIR__REPLY_CODE__REPLY_CONFLICT));
    assert_int_equal(w->shutdowns, 0);
    finish(w, 1);
    assert_int_equal(w->shutdowns, 1);
    world_free(w);
}

/* DELETE /cluster was answered, and the leader died. */
static void the_next_leader_ends_the_cluster(void **state)
{
    struct world *w = world_new(true);
    create_record(w, 1, 4, WEIR__RECORD_STATUS__RECORD_ACTIVE);
    grant(w, 5);
    end_recorded(w); /* the record that it leads by says so */
    assert_int_equal(w->started_count, 1);
    assert_int_equal(w->client_count, 0);
    tell_status(w, 1, WEIR__JOB_STATE__JOB_RUNNING);
    assert_int_equal(w->client_count, 1);
    tell_status(w, 1, WEIR__JOB_STATE__JOB_RUNNING);
    assert_int_equal(w->client_count, 1);
    assert_true(answered(w, submit(w, 2), WEIR__REPLY_CODE__REPLY_CONFLICT));
    /* Another leader wrote its record: the next JobMaster knows nothing of the cancel. */
    struct weir_job_id id = job_id(1);
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_JOB_FENCED, .job = id });
    timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    local(
        w, (struct weir_local_message){ .kind = WEIR_LOCAL_EPOCH, .epoch = 9, .leader_version = lead(w, 9) });
    timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    assert_int_equal(w->started_count, 2);
    tell_status(w, 1, WEIR__JOB_STATE__JOB_RUNNING);
    assert_int_equal(w->client_count, 2);
    assert_int_equal(w->shutdowns, 0);
    finish(w, 1);
    assert_int_equal(w->shutdowns, 1);
    world_free(w);
}

static void who_asked_for_an_end_that_is_not_recorded_is_told(void **state)
{
    struct world *w = leading(true);
    uint64_t requests[DISPATCHER_WAITING_MAX];
    for (uint32_t i = 0; i < DISPATCHER_WAITING_MAX; i++) requests[i] = ask_for_the_end(w);
    assert_true(answered(w, ask_for_the_end(w), WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    local(w, (struct weir_local_message){ .kind = WEIR_LOCAL_REVOKED });
    for (uint32_t i = 0; i < DISPATCHER_WAITING_MAX; i++)
        assert_true(answered(w, requests[i], WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    uint32_t replies = w->reply_count;
    end_recorded(w);
    assert_int_equal(w->reply_count, replies);
    assert_int_equal(w->shutdowns, 0);
    grant(w, 7);
    assert_int_equal(w->shutdowns, 0);
    world_free(w);
}

static void an_application_ends_with_its_job(void **state)
{
    struct world *w;
    for (int outlives = 0; outlives < 2; outlives++) {
        w = world_new(true);
        w->options.application_mode = true;
        w->options.application = job_id(1);
        w->options.outlives_application = outlives;
        create_record(
            w, 7, 4, WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN); /* leaves a tombstone, and no more */
        grant(w, 5);
        assert_true(answered(w, submit(w, 2), WEIR__REPLY_CODE__REPLY_CONFLICT));
        assert_non_null(strstr(w->reply->text, "one application"));
        run_to_the_end(w, 1);
        assert_true(answered(w, submit(w, 2), WEIR__REPLY_CODE__REPLY_CONFLICT));
        assert_true(answered(w, submit(w, 1), WEIR__REPLY_CODE__REPLY_OK));
        assert_int_equal(w->shutdowns, 0);
        finish(w, 1);
        assert_int_equal(w->shutdowns, !outlives);
        assert_int_equal(w->ended_with, outlives ? 0 : WEIR__JOB_STATE__JOB_FINISHED);
        assert_true(answered(w, submit(w, 1), WEIR__REPLY_CODE__REPLY_CONFLICT));
        world_free(w);
    }
}

static void an_application_that_has_ended_is_not_run_by_the_next_leader(void **state)
{
    struct world *w = world_new(true);
    w->options.application_mode = true; /* its id is what the leader record says */
    create_record(w, 1, 4, WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN);
    w->application = job_id(1);
    grant(w, 5);
    assert_int_equal(w->shutdowns, 1);
    assert_int_equal(w->started_count, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_jobs_are_recovered_and_a_bad_one_hurts_no_other),
        cmocka_unit_test(a_thousand_jobs_are_read_at_once),
        cmocka_unit_test(a_store_that_does_not_answer_is_asked_again),
        cmocka_unit_test(a_record_of_a_larger_epoch_waits_for_one_above_it),
        cmocka_unit_test(an_impossible_epoch_fails_its_job_alone),
        cmocka_unit_test(a_fenced_job_is_read_again_while_this_one_leads),
        cmocka_unit_test(a_job_has_one_jobmaster_in_an_epoch),
        cmocka_unit_test(a_job_has_one_jobmaster_in_an_epoch_that_came_while_it_ran),
        cmocka_unit_test(a_record_that_is_gone_is_told),
        cmocka_unit_test(what_a_takeover_did_not_find_is_counted),
        cmocka_unit_test(without_transactions_only_what_the_index_names_exists),
        cmocka_unit_test(an_index_that_an_earlier_leader_wrote_is_read_again),
        cmocka_unit_test(a_finished_job_leaves_a_tombstone_that_refuses_its_id),
        cmocka_unit_test(a_clean_record_that_is_found_gets_its_tombstone),
        cmocka_unit_test(until_its_tombstone_is_put_a_job_says_how_it_ended),
        cmocka_unit_test(a_removal_of_unknown_outcome_is_looked_at_again),
        cmocka_unit_test(a_deposed_leader_removes_nothing),
        cmocka_unit_test(a_leader_whose_leadership_was_wiped_removes_nothing),
        cmocka_unit_test(a_record_that_is_not_clean_is_cleaned_again),
        cmocka_unit_test(more_jobs_than_an_index_can_name_are_refused),
        cmocka_unit_test(tombstones_are_kept_for_an_hour_and_none_is_dropped),
        cmocka_unit_test(plans_that_nothing_names_are_swept),
        cmocka_unit_test(garbage_is_told_and_deleted_when_asked),
        cmocka_unit_test(what_running_jobs_have_given_up_is_waited_for),
        cmocka_unit_test(what_never_became_a_checkpoint_goes_with_a_job_that_nobody_knows),
        cmocka_unit_test(what_comes_late_to_a_savepoint_that_was_given_up_is_swept),
        cmocka_unit_test(the_cluster_ends_when_its_jobs_have),
        cmocka_unit_test(the_next_leader_ends_the_cluster),
        cmocka_unit_test(who_asked_for_an_end_that_is_not_recorded_is_told),
        cmocka_unit_test(an_application_ends_with_its_job),
        cmocka_unit_test(an_application_that_has_ended_is_not_run_by_the_next_leader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
