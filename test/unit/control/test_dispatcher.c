/* What clients ask of a dispatcher, and what they are answered. */
#include "dispatcher_world.h"

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

static void a_full_storage_is_told_at_once(void **state)
{
    for (int transactions = 0; transactions < 2; transactions++) {
        struct world *w = leading(transactions);
        w->blobs_fail = w->no_space = true;
        w->hold = true; /* two ask for it */
        uint64_t request = submit(w, 1), again = submit(w, 1);
        w->hold = false;
        answer_one(w);
        assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_NO_SPACE));
        assert_true(answered(w, again, WEIR__REPLY_CODE__REPLY_NO_SPACE));
        assert_string_equal(w->reply->text, "the job's plan could not be stored: no disk");
        assert_int_equal(w->started_count, 0);
        list(w);
        assert_int_equal(w->reply->n_jobs, 0);
        w->blobs_fail = w->no_space = false;
        submit(w, 1);
        assert_int_equal(w->started_count, 1);
        world_free(w);
    }
}

/* Nothing of it was done. */
static void refuse_one(struct world *w)
{
    struct weir_event event = { .kind = WEIR_EVENT_STORE_DONE, .tag = w->held[0].tag };
    assert_int_equal(w->held_count, 1);
    assert_int_equal(w->held[0].kind, WEIR_EFFECT_STORE);
    event.store.outcome = WEIR_STORE_UNAVAILABLE;
    w->held_count = 0;
    step(w, event);
}

static void a_record_that_cannot_be_created_is_told(void **state)
{
    struct world *w = leading(false);
    struct weir_job_id id = job_id(1);
    w->hold = true;
    uint64_t request = submit(w, 1);
    answer_one(w); /* the plan */
    for (int i = 0; i < 10 && silent(w, request); i++) {
        refuse_one(w);
        timer(w, DISPATCHER_TAG_JOB_TIMER, &id);
    }
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_UNAVAILABLE));
    assert_non_null(strstr(w->reply->text, "record could not be written"));
    w->hold = false;
    request = submit(w, 1);
    assert_true(answered(w, request, WEIR__REPLY_CODE__REPLY_OK));
    assert_int_equal(w->started_count, 1);
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

/* The job ends; its newest two checkpoints have so many parts each. */
static void end_with_parts(struct world *w, uint32_t number, uint32_t parts)
{
    run_to_the_end(w, number);
    if (!w->transactions) tell_status(w, number, WEIR__JOB_STATE__JOB_RUNNING);
    struct weir_job_id id = job_id(number);
    Weir__JobResult result = WEIR__JOB_RESULT__INIT;
    Weir__JobDetails details = WEIR__JOB_DETAILS__INIT;
    Weir__CheckpointDetails checkpoints[2], *all[] = { &checkpoints[0], &checkpoints[1] };
    for (uint32_t c = 0; c < 2; c++) {
        weir__checkpoint_details__init(&checkpoints[c]);
        checkpoints[c].id = 7 - c;
        checkpoints[c].n_parts = parts;
        checkpoints[c].parts = WEIR_ARENA_ARRAY(&w->arena, Weir__CheckpointPart *, parts);
        for (uint32_t i = 0; i < parts; i++) {
            checkpoints[c].parts[i] = WEIR_PROTO_NEW(&w->arena, Weir__CheckpointPart, weir__checkpoint_part);
            checkpoints[c].parts[i]->bytes_full = number * 10 + c;
        }
    }
    details.n_checkpoints = 2;
    details.checkpoints = all;
    result.state = WEIR__JOB_STATE__JOB_FINISHED;
    local(w, (struct weir_local_message){
                 .kind = WEIR_LOCAL_JOB_TERMINAL, .job = id, .result = &result, .details = &details });
}

/* How many parts are shown of its checkpoints when one of them is asked for; all are alike. */
static void shown_parts(struct world *w, uint32_t number, uint64_t checkpoint, size_t newest, size_t older)
{
    struct weir_job_id id = job_id(number);
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    Weir__QueryJobs query = WEIR__QUERY_JOBS__INIT;
    query.job = weir_job_id_to(&w->arena, &id);
    query.details = true;
    query.checkpoint = checkpoint;
    envelope.body_case = WEIR__ENVELOPE__BODY_QUERY;
    envelope.query = &query;
    assert_true(answered(w, message(w, &envelope), WEIR__REPLY_CODE__REPLY_OK));
    const Weir__JobDetails *details = w->reply->details;
    assert_non_null(details);
    assert_int_equal(details->n_checkpoints, 2);
    assert_int_equal(details->checkpoints[0]->n_parts, newest);
    assert_int_equal(details->checkpoints[1]->n_parts, older);
    for (uint32_t c = 0; c < 2; c++)
        for (size_t i = 0; i < details->checkpoints[c]->n_parts; i++)
            assert_int_equal(details->checkpoints[c]->parts[i]->bytes_full, number * 10 + c);
}

static void what_subtasks_put_into_checkpoints_is_shown_after_the_end(void **state)
{
    struct world *w = leading(true);
    end_with_parts(w, 1, 100);
    shown_parts(w, 1, 0, 0, 0);
    shown_parts(w, 1, 7, 100, 0);
    shown_parts(w, 1, 6, 0, 100);
    shown_parts(w, 1, 5, 0, 0);
    world_free(w);
}

static void of_many_subtasks_only_the_newest_checkpoints_are_kept(void **state)
{
    struct world *w = leading(true);
    end_with_parts(w, 1, 100);
    end_with_parts(w, 2, 4000);
    shown_parts(w, 1, 7, 100, 0);
    shown_parts(w, 2, 6, 0, 4000);
    end_with_parts(w, 3, 4100); /* 16,384 of all together: the first one loses its own */
    shown_parts(w, 1, 7, 0, 0);
    shown_parts(w, 2, 7, 4000, 0);
    shown_parts(w, 3, 7, 4100, 0);
    end_with_parts(w, 4, 10000); /* of one job there is room for one checkpoint */
    shown_parts(w, 2, 7, 0, 0);
    shown_parts(w, 3, 7, 0, 0);
    shown_parts(w, 4, 7, 10000, 0);
    shown_parts(w, 4, 6, 0, 0);
    end_with_parts(w, 5, 20000);
    shown_parts(w, 5, 7, 0, 0);
    shown_parts(w, 4, 7, 10000, 0);
    world_free(w);
}

static void those_that_ended_first_lose_their_parts_first(void **state)
{
    struct world *w = leading(true);
    for (uint32_t i = 1; i <= DISPATCHER_ENDED_KEPT_MAX; i++) end_with_parts(w, i, 240);
    end_with_parts(w, 33, 600); /* in the place of the first one */
    end_with_parts(w, 34, 600);
    shown_parts(w, 3, 7, 0, 0);
    shown_parts(w, 4, 7, 240, 0);
    shown_parts(w, 33, 7, 600, 0);
    world_free(w);
}

/* A cluster whose storage is configured as "/s" now, and was as "file:///s/" when the job came. */
static void a_plan_is_known_however_its_folder_was_spelled(void **state)
{
    struct world *w = world_new(true);
    struct weir_job_id id = job_id(1);
    Weir__JobRecord *record = record_of(w, &id, 4, 50);
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    weir_job_id_print(&id, hex);
    record->plan_pointer = weir_arena_format(&w->arena, "file:///s//plans/%s-e4-2", hex);
    put_bytes(w, job_key(&id), &record->base);
    snprintf(w->blobs[10], sizeof w->blobs[10], "/s/plans/%s-e4-1", hex); /* an earlier try */
    snprintf(w->blobs[11], sizeof w->blobs[11], "/s/plans/%s-e4-2", hex);
    grant(w, 5);
    timer(w, DISPATCHER_TAG_HOUSEKEEPING, NULL);
    assert_int_equal(w->blobs[10][0], 0);
    assert_int_not_equal(w->blobs[11][0], 0);
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
        cmocka_unit_test(a_full_storage_is_told_at_once),
        cmocka_unit_test(a_record_that_cannot_be_created_is_told),
        cmocka_unit_test(past_its_limits_a_submission_is_refused),
        cmocka_unit_test(too_many_submissions_at_once_are_put_off),
        cmocka_unit_test(a_raised_epoch_stores_the_plan_again),
        cmocka_unit_test(a_submission_that_is_fenced_is_not_confirmed),
        cmocka_unit_test(who_does_not_lead_says_who_does),
        cmocka_unit_test(nothing_is_confirmed_while_the_store_is_out_of_reach),
        cmocka_unit_test(requests_about_a_job_go_to_its_jobmaster),
        cmocka_unit_test(what_subtasks_put_into_checkpoints_is_shown_after_the_end),
        cmocka_unit_test(of_many_subtasks_only_the_newest_checkpoints_are_kept),
        cmocka_unit_test(those_that_ended_first_lose_their_parts_first),
        cmocka_unit_test(a_plan_is_known_however_its_folder_was_spelled),
        cmocka_unit_test(who_was_deposed_does_not_say_that_a_job_is_not_there),
        cmocka_unit_test(a_revoked_dispatcher_forgets_and_says_that_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
