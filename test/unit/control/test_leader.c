/* Leadership: claims, sessions, epochs and the records that hold them. */
#include "leader_world.h"

static void the_first_candidate_leads_with_epoch_one(void **state)
{
    for (int transactions = 0; transactions < 2; transactions++) {
        struct world *w = world_new(transactions);
        struct jm *a = start(w, 0);
        assert_true(a->leads);
        assert_int_equal(a->epoch, 1);
        assert_int_equal(a->leader_version, ha_get(&w->store, "leader")->version);
        assert_int_equal(a->identity.epoch, 1);
        assert_string_equal(record_of(w)->holder->name, "jm-1");
        assert_non_null(ha_get(&w->store, candidate_of(0)));
        live(w, a, 3);
        assert_int_equal(a->grants, 1);
        assert_int_equal(a->revokes, 0);
        world_free(w);
    }
}

static void others_stand_by_and_know_who_leads(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    live(w, b, 5);
    assert_false(b->leads);
    assert_string_equal(weir_nodes_name(&b->nodes, b->retrieved), "jm-1");
    assert_int_equal(b->retrieved_epoch, 1);
    assert_int_equal(b->identity.epoch, 0);
    assert_int_equal(b->identity.leader, b->retrieved);
    assert_true(a->leads);
    world_free(w);
}

static void absence_of_the_holder_entitles(void **state)
{
    for (int transactions = 0; transactions < 2; transactions++) {
        struct world *w = world_new(transactions);
        start(w, 0);
        struct jm *b = start(w, 1);
        ha_delete(&w->store, candidate_of(0)); /* its session is over */
        live(w, b, 2);
        assert_true(b->leads);
        assert_int_equal(b->epoch, 2);
        assert_int_equal(record_of(w)->suspected_at_ms, 0);
        assert_int_equal(record_of(w)->n_failovers, 1);
        world_free(w);
    }
}

static void the_deposed_learns_by_looking_though_watches_are_lost(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    struct jm *b = start(w, 1);
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_true(b->leads && a->leads); /* a does not know yet: fencing is what makes this safe */
    live(w, a, 2);
    assert_false(a->leads);
    assert_int_equal(a->identity.epoch, 0);
    assert_string_equal(weir_nodes_name(&a->nodes, a->retrieved), "jm-2");
    live(w, b, 2);
    live(w, a, 2);
    assert_true(b->leads && !a->leads);
    world_free(w);
}

static void two_claims_of_the_same_epoch_have_one_winner(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1), *c = start(w, 2);
    (void)a;
    ha_delete(&w->store, candidate_of(0));
    b->hold = c->hold = true;
    for (int i = 0; i < 12; i++) {
        live(w, b, 1);
        live(w, c, 1);
        b->hold = c->hold = false;
        if (i % 2)
            answer_all(w, b);
        else
            answer_all(w, c);
        b->hold = c->hold = true;
    }
    b->hold = c->hold = false;
    answer_all(w, b);
    answer_all(w, c);
    live(w, b, 2);
    live(w, c, 2);
    assert_int_equal(b->leads + c->leads, 1);
    assert_int_equal(b->grants + c->grants, 1);
    world_free(w);
}

/* The claim is sent; its answer is lost. */
static struct weir_effect held_claim(struct world *w, struct jm *jm)
{
    jm->hold = true;
    for (int i = 0; i < 40; i++) {
        live(w, jm, 1);
        for (uint32_t k = 0; k < jm->held_count; k++) {
            const struct weir_effect *effect = &jm->held[k];
            const struct weir_store_operation *last = &effect->operations[effect->operation_count - 1];
            if (strcmp(last->key, "leader") == 0 && last->kind != WEIR_STORE_READ) {
                struct weir_effect claim = *effect;
                jm->held_count = 0;
                return claim;
            }
        }
        struct weir_effect request = jm->held[0];
        if (!jm->held_count) continue;
        memmove(jm->held, jm->held + 1, sizeof request * --jm->held_count);
        step(w, jm, ha_apply(&w->store, &request, &w->arena));
    }
    fail();
    return (struct weir_effect){ 0 };
}

static void answer_unknown(struct world *w, struct jm *jm, const struct weir_effect *request)
{
    struct weir_event event = { .kind = WEIR_EVENT_STORE_DONE, .tag = request->tag };
    event.store.outcome = WEIR_STORE_UNKNOWN;
    step(w, jm, event);
}

static void a_claim_of_unknown_outcome_that_won_is_found(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    ha_delete(&w->store, candidate_of(0));
    struct weir_effect claim = held_claim(w, b);
    ha_apply(&w->store, &claim, &w->arena);
    b->hold = false;
    answer_unknown(w, b, &claim);
    assert_false(b->leads);
    live(w, b, 3);
    assert_true(b->leads);
    assert_int_equal(b->epoch, 2);
    assert_int_equal(b->leader_version, ha_get(&w->store, "leader")->version);
    world_free(w);
}

static void a_claim_that_is_repeated_is_told_once(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    ha_delete(&w->store, candidate_of(0));
    for (int i = 0; i < 5; i++) { /* a store whose disk is full */
        struct weir_effect claim = held_claim(w, b);
        answer_unknown(w, b, &claim);
    }
    assert_int_equal(b->wanted, 1);
    b->hold = false;
    answer_all(w, b);
    live(w, b, 3);
    assert_true(b->leads);
    assert_int_equal(b->wanted, 1);
    world_free(w);
}

static void a_claim_that_applies_late_makes_no_second_leader(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1), *c = start(w, 2);
    ha_delete(&w->store, candidate_of(0));
    struct weir_effect claim = held_claim(w, b);
    answer_unknown(w, b, &claim);
    live(w, c, 3);
    assert_true(c->leads);
    assert_int_equal(ha_apply(&w->store, &claim, &w->arena).store.outcome, WEIR_STORE_NOT_FOUND);
    b->hold = false;
    answer_all(w, b);
    live(w, b, 3);
    assert_false(b->leads);
    assert_true(c->leads);
    world_free(w);
}

static void a_claim_of_an_old_session_is_not_led(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    ha_delete(&w->store, candidate_of(0));
    struct weir_effect claim = held_claim(w, b);
    ha_apply(&w->store, &claim, &w->arena);
    b->hold = false;
    store_state(w, b, WEIR_STORE_SUSPENDED);
    ha_delete(&w->store, candidate_of(1));
    store_state(w, b, WEIR_STORE_LOST);
    store_state(w, b, WEIR_STORE_CONNECTED);
    live(w, b, 2);
    assert_true(b->leads);
    assert_int_equal(b->epoch, 3); /* not the 2 that was claimed */
    world_free(w);
}

static void a_lost_session_ends_leadership_and_a_new_epoch_begins(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    store_state(w, a, WEIR_STORE_SUSPENDED);
    assert_true(a->leads && a->suspended && a->identity.suspended);
    ha_delete(&w->store, candidate_of(0));
    store_state(w, a, WEIR_STORE_LOST);
    assert_false(a->leads);
    store_state(w, a, WEIR_STORE_CONNECTED);
    live(w, a, 2);
    assert_true(a->leads);
    assert_int_equal(a->epoch, 2);
    world_free(w);
}

static void suspended_is_a_pause_that_ends_when_the_record_still_names_us(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    store_state(w, a, WEIR_STORE_SUSPENDED);
    assert_false(a->identity.waits);
    uint32_t beats = a->beats;
    connection(w, a, "tm-1", 7, WEIR_CONNECTION_UP);
    timer(w, a, LEADER_TAG_BEAT);
    assert_true(a->beats > beats); /* tasks go on undisturbed */
    later(w, 3 * SECOND);
    timer(w, a, LEADER_TAG_BEAT);
    assert_true(a->identity.waits); /* past last contact + session timeout: it only waits */
    store_state(w, a, WEIR_STORE_CONNECTED);
    assert_true(a->leads && !a->suspended && !a->identity.waits && !a->identity.suspended);
    assert_int_equal(a->epoch, 1);
    assert_int_equal(a->grants, 1);
    world_free(w);
}

static void a_store_that_answers_no_more_suspends_by_the_own_clock(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    live(w, a, 2);
    a->hold = true;
    live(w, a, 4);
    assert_true(a->suspended && a->identity.waits && a->leads);
    a->hold = false;
    answer_all(w, a);
    live(w, a, 1);
    assert_false(a->suspended);
    world_free(w);
}

static void a_leader_that_wakes_up_late_steps_down(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    store_state(w, a, WEIR_STORE_SUSPENDED);
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_true(b->leads);
    later(w, 100 * SECOND);
    store_state(w, a, WEIR_STORE_CONNECTED);
    live(w, a, 1);
    assert_false(a->leads);
    world_free(w);
}

static void a_larger_epoch_seen_is_gone_above_by_one_write(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    greeting(w, a, "tm-1", 7, 41, 900, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    assert_int_equal(a->epoch, 42);
    assert_int_equal(a->identity.epoch, 42);
    assert_int_equal(record_of(w)->epoch, 42);
    assert_int_equal(a->revokes, 0);
    assert_int_equal(a->leader_version, ha_get(&w->store, "leader")->version);
    /* Ours, under another incarnation, is no better. */
    greeting(w, a, "tm-2", 8, 42, 901, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    assert_int_equal(a->epoch, 43);
    greeting(w, a, "tm-1", 7, 43, 100, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    assert_int_equal(a->epoch, 43);
    world_free(w);
}

static void damage_is_no_epoch(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    greeting(w, a, "tm-1", 7, UINT64_MAX, 900, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    assert_int_equal(a->epoch, 1);
    world_free(w);
}

static void a_deposed_leader_does_not_go_above_its_successor(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_true(b->leads);
    greeting(w, a, "tm-1", 7, 2, 101, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    live(w, a, 1);
    assert_false(a->leads);
    assert_int_equal(record_of(w)->epoch, 2);
    world_free(w);
}

static void a_wiped_store_does_not_let_epochs_fall_back(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    greeting(w, a, "tm-1", 7, 41, 900, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    assert_int_equal(a->epoch, 42);
    memset(&w->store, 0, sizeof w->store);
    live(w, a, 2);
    assert_true(a->leads);
    assert_int_equal(a->epoch, 43);
    assert_int_equal(record_of(w)->epoch, 43);
    assert_int_equal(a->grants, 1);
    assert_non_null(ha_get(&w->store, candidate_of(0)));
    world_free(w);
}

static const char *only_leadership(struct world *w)
{
    const char *found = NULL;
    for (uint32_t i = 0; i < w->store.count; i++) {
        if (strncmp(w->store.entries[i].key, "leaderships/", 12) != 0 || !w->store.entries[i].version)
            continue;
        assert_null(found);
        found = w->store.entries[i].key;
    }
    assert_non_null(found);
    return weir_arena_string(&w->arena, found);
}

static void a_takeover_ends_one_leadership_and_begins_another(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    const char *first = only_leadership(w);
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 3);
    assert_true(b->leads);
    assert_string_not_equal(only_leadership(w), first);
    world_free(w);
}

static void who_finds_its_leadership_gone_takes_another(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    const char *first = only_leadership(w);
    ha_delete(&w->store, first);
    live(w, a, 2);
    assert_true(a->leads);
    assert_int_equal(a->epoch, 2);
    assert_int_equal(a->grants, 1);
    assert_string_not_equal(only_leadership(w), first);
    world_free(w);
}

/* The record has the version that the claim expects. */
static void expect_refused_in_the_record_made_anew(
    struct world *w, struct jm *leads, const struct weir_effect *claim)
{
    ha_delete(&w->store, "leader");
    live(w, leads, 3);
    assert_true(leads->leads);
    assert_int_equal(ha_get(&w->store, "leader")->version, 1);
    assert_int_not_equal(ha_apply(&w->store, claim, &w->arena).store.outcome, WEIR_STORE_OK);
    only_leadership(w);
}

static void a_late_claim_does_not_meet_its_version_again_in_a_wiped_store(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1), *c = start(w, 2);
    ha_delete(&w->store, candidate_of(0));
    struct weir_effect claim = held_claim(w, b);
    answer_unknown(w, b, &claim);
    /* The record is made anew, and has the version that the claim expects; the leaderships were not all
     * wiped. */
    expect_refused_in_the_record_made_anew(w, c, &claim);
    world_free(w);
}

/* The leadership was wiped before the claim, and the record after it: the claim would have nothing to end. */
static void a_late_claim_that_found_no_leadership_does_not_meet_its_version_again(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1), *c = start(w, 2);
    ha_delete(&w->store, only_leadership(w));
    ha_delete(&w->store, candidate_of(0));
    struct weir_effect claim = held_claim(w, b); /* ends the leadership that the record names */
    b->hold = false;
    step(w, b, ha_apply(&w->store, &claim, &w->arena));
    claim = held_claim(w, b);
    answer_unknown(w, b, &claim);
    expect_refused_in_the_record_made_anew(w, c, &claim);
    world_free(w);
}

static void without_a_leader_record_jobs_know_epochs(void **state)
{
    for (int transactions = 0; transactions < 2; transactions++) {
        struct world *w = world_new(transactions);
        Weir__JobRecord job;
        weir__job_record__init(&job);
        job.epoch = 17;
        Weir__JobIndex index;
        weir__job_index__init(&index);
        index.epoch = 23;
        uint8_t bytes[256];
        ha_put(&w->store, "jobs/00000000000000000000000000000001", bytes,
            protobuf_c_message_pack(&job.base, bytes));
        ha_put(&w->store, "index", bytes, protobuf_c_message_pack(&index.base, bytes));
        struct jm *a = start(w, 0);
        assert_true(a->leads);
        assert_int_equal(a->epoch, transactions ? 18 : 24);
        world_free(w);
    }
}

static void a_record_that_was_set_back_is_written_over_by_who_leads(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    struct ha_entry before = *ha_get(&w->store, "leader");
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_int_equal(b->epoch, 2);
    *ha_get(&w->store, "leader") = before; /* names a again, epoch 1 */
    live(w, b, 2);
    assert_true(b->leads);
    assert_int_equal(b->epoch, 3);
    live(w, a, 2);
    assert_false(a->leads);
    world_free(w);
}

static void a_record_of_a_newer_version_is_left_alone(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    Weir__LeaderRecord *record = record_of(w);
    record->format = 2;
    record->epoch = 2;
    uint8_t bytes[HA_STORE_VALUE_BYTES];
    ha_put(&w->store, "leader", bytes, protobuf_c_message_pack(&record->base, bytes));
    uint64_t version = ha_get(&w->store, "leader")->version;
    live(w, a, 30);
    assert_false(a->leads);
    assert_int_equal(ha_get(&w->store, "leader")->version, version);
    world_free(w);
}

static void a_damaged_record_is_mended(void **state)
{
    struct world *w = world_new(true);
    ha_put(&w->store, "leader", "\xff\xff\xff", 3);
    struct jm *a = start(w, 0);
    assert_false(a->leads); /* somebody may be about to mend it */
    live(w, a, 20);
    assert_true(a->leads);
    ha_put(&w->store, "leader", "\xff\xff\xff", 3);
    live(w, a, 2);
    assert_true(a->leads);
    assert_int_equal(record_of(w)->epoch, a->epoch);
    assert_int_equal(a->epoch, 2);
    assert_int_equal(a->grants, 1);
    world_free(w);
}

static void announcements_and_greetings_go_to_every_connection(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    connection(w, a, "tm-1", 7, WEIR_CONNECTION_UP);
    assert_int_equal(a->announced_epoch, 1);
    assert_int_equal(a->greeted_epoch, 1);
    struct jm *b = start(w, 1);
    connection(w, b, "tm-1", 7, WEIR_CONNECTION_UP);
    assert_int_equal(b->announced_epoch, 0);
    assert_int_equal(b->greeted_epoch, 1); /* the newest it knows of */
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_int_equal(b->announced_epoch, 2);
    world_free(w);
}

static void every_connection_hears_a_beat_though_they_are_many(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    char name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "tm-%d", i);
        connection(w, a, name, 1000 + (uint64_t)i, WEIR_CONNECTION_UP);
    }
    a->beats = 0;
    timer(w, a, LEADER_TAG_BEAT);
    assert_int_equal(a->beats, 5000);
    connection(w, a, "tm-17", 0, WEIR_CONNECTION_RESET);
    a->beats = 0;
    timer(w, a, LEADER_TAG_BEAT);
    assert_int_equal(a->beats, 4999);
    world_free(w);
}

static void an_application_has_one_id_until_it_has_ended(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    struct weir_job_id first = a->application;
    assert_false(weir_job_id_is_zero(&first));
    ha_delete(&w->store, "leader"); /* wiped */
    live(w, a, 2);
    assert_true(a->leads);
    struct weir_job_id stored;
    assert_true(weir_job_id_from(&record_of(w)->application, &stored));
    assert_true(weir_job_id_equal(&stored, &first));
    live(w, b, 1);
    lose(w, b, 0, NULL);
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 30);
    assert_true(b->leads);
    assert_true(weir_job_id_equal(&b->application, &first));
    Weir__JobResult result;
    weir__job_result__init(&result);
    result.state = WEIR__JOB_STATE__JOB_FAILED;
    struct weir_local_message shutdown = { .kind = WEIR_LOCAL_SHUTDOWN, .result = &result };
    step(w, b, (struct weir_event){ .kind = WEIR_EVENT_LOCAL, .local = &shutdown });
    assert_true(b->exited);
    assert_int_equal(b->exit_code, 1443 % 256);
    ha_delete(&w->store, candidate_of(1));
    struct jm *c = start(w, 2);
    live(w, c, 1);
    assert_true(c->leads && !c->exited);
    assert_false(weir_job_id_is_zero(&c->application));
    assert_false(weir_job_id_equal(&c->application, &first));
    world_free(w);
}

static void the_end_of_the_cluster_ends_standbys_and_not_a_new_start(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    struct weir_local_message shutdown = { .kind = WEIR_LOCAL_SHUTDOWN };
    step(w, a, (struct weir_event){ .kind = WEIR_EVENT_LOCAL, .local = &shutdown });
    assert_true(a->exited);
    assert_true(record_of(w)->shut_down);
    live(w, b, 2);
    assert_true(b->exited && !b->leads);
    ha_delete(&w->store, candidate_of(0));
    struct jm *c = start(w, 2);
    live(w, c, 1);
    assert_true(c->leads && !c->exited);
    assert_false(record_of(w)->shut_down);
    world_free(w);
}

/* What a client was promised the next leaders keep, until a cluster begins anew. */
static void an_end_that_was_asked_for_is_not_forgotten(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    a->hold = true;
    struct weir_local_message wanted = { .kind = WEIR_LOCAL_END_WANTED };
    step(w, a, (struct weir_event){ .kind = WEIR_EVENT_LOCAL, .local = &wanted });
    live(w, a, 1);
    assert_int_equal(a->ends, 0); /* not written yet */
    for (int i = 0; i < 10 && !a->ends && a->held_count; i++) {
        struct weir_effect request = a->held[0];
        memmove(a->held, a->held + 1, sizeof request * --a->held_count);
        step(w, a, ha_apply(&w->store, &request, &w->arena));
    }
    assert_true(a->ends > 0 && record_of(w)->ends); /* told by the very write that says so */
    a->hold = false;
    answer_all(w, a);
    live(w, a, 30);
    assert_true(record_of(w)->ends && !record_of(w)->shut_down && !a->exited);
    live(w, b, 1);
    assert_int_equal(b->ends, 0);
    lose(w, b, 0, NULL);
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 30);
    assert_true(b->leads && b->ends > 0);
    assert_true(record_of(w)->ends);
    ha_delete(&w->store, "leader"); /* wiped while it ends: who leads knows */
    live(w, b, 30);
    assert_true(record_of(w)->ends);
    struct weir_local_message shutdown = { .kind = WEIR_LOCAL_SHUTDOWN };
    step(w, b, (struct weir_event){ .kind = WEIR_EVENT_LOCAL, .local = &shutdown });
    assert_true(b->exited && record_of(w)->shut_down);
    ha_delete(&w->store, candidate_of(1));
    struct jm *c = start(w, 2);
    live(w, c, 1);
    assert_true(c->leads && !c->exited);
    assert_int_equal(c->ends, 0);
    assert_false(record_of(w)->ends);
    live(w, c, 30);
    assert_int_equal(c->ends, 0);
    assert_false(record_of(w)->ends);
    world_free(w);
}

static void the_failover_history_keeps_the_newest(void **state)
{
    struct world *w = world_new(true);
    struct jm *jms[2] = { start(w, 0), start(w, 1) };
    for (uint32_t i = 0; i < 20; i++) {
        ha_delete(&w->store, candidate_of(i % 2));
        live(w, jms[1 - i % 2], 2);
        live(w, jms[i % 2], 2);
    }
    Weir__LeaderRecord *record = record_of(w);
    assert_int_equal(record->epoch, 21);
    assert_int_equal(record->n_failovers, 16);
    assert_int_equal(record->failovers[15]->epoch, 21);
    assert_int_equal(record->failovers[0]->epoch, 6);
    assert_true(ha_get(&w->store, "leader")->length < 64 << 10);
    world_free(w);
}

static void a_lower_name_dials(void **state)
{
    struct world *w = world_new(true);
    assert_int_equal(start(w, 0)->connects, 2);
    assert_int_equal(start(w, 1)->connects, 1);
    assert_int_equal(start(w, 2)->connects, 0);
    world_free(w);
}

static void present(struct world *w, const char *name, const char *address, uint64_t incarnation)
{
    char key[64];
    uint8_t bytes[128];
    Weir__Node node;
    weir__node__init(&node);
    node.name = (char *)name;
    node.rpc_address = (char *)address;
    node.incarnation = incarnation;
    snprintf(key, sizeof key, "candidates/%s", name);
    ha_put(&w->store, key, bytes, weir__node__pack(&node, bytes));
}

/* Each restart on a port of its own is another name. */
static void standbys_that_are_gone_make_room_for_new_ones(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    uint32_t before = a->connects;
    for (uint32_t i = 0; i < 3 * LEADER_PEERS_MAX; i++) {
        char name[32], key[64];
        snprintf(name, sizeof name, "jm-host:%u", 40000 + i);
        snprintf(key, sizeof key, "candidates/%s", name);
        present(w, name, name + 3, 1000 + i);
        live(w, a, 1);
        ha_delete(&w->store, key);
        live(w, a, 1);
    }
    assert_int_equal(a->connects, before + 3 * LEADER_PEERS_MAX);
    assert_int_equal(a->disconnects, 3 * LEADER_PEERS_MAX);
    world_free(w);
}

static void who_is_connected_or_configured_is_kept(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    present(w, "jm-9", "h9:1", 900);
    live(w, a, 1);
    connection(w, a, "jm-9", 900, WEIR_CONNECTION_UP);
    ha_delete(&w->store, "candidates/jm-9"); /* out of contact with the store alone */
    live(w, a, 3);
    assert_int_equal(a->disconnects, 0);
    connection(w, a, "jm-9", 0, WEIR_CONNECTION_RESET);
    live(w, a, 1);
    assert_int_equal(a->disconnects, 1);
    world_free(w);
}

static void a_standby_at_another_address_is_dialled_there(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    uint32_t before = a->connects;
    present(w, "jm-9", "h9:1", 900);
    live(w, a, 2);
    assert_int_equal(a->connects, before + 1);
    present(w, "jm-9", "h9:2", 901);
    live(w, a, 2);
    assert_int_equal(a->connects, before + 2);
    world_free(w);
}

static void taskmanagers_hear_of_a_standby_with_the_next_beat(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    connection(w, a, "tm-1", 7, WEIR_CONNECTION_UP);
    assert_int_equal(a->announced_standbys, 0);
    connection(w, a, "jm-2", 101, WEIR_CONNECTION_UP);
    greets(w, a, "jm-2", "h2:1", 101, WEIR__NODE_ROLE__NODE_JOBMANAGER);
    timer(w, a, LEADER_TAG_BEAT);
    assert_int_equal(a->announced_standbys, 1);
    assert_string_equal(a->announced_standby, "h2:1");
    a->announced_epoch = 0;
    timer(w, a, LEADER_TAG_BEAT);
    assert_int_equal(a->announced_epoch, 0); /* once */
    connection(w, a, "jm-2", 0, WEIR_CONNECTION_RESET);
    connection(w, a, "tm-2", 8, WEIR_CONNECTION_UP);
    assert_int_equal(a->announced_epoch, 1);
    assert_int_equal(a->announced_standbys, 0);
    world_free(w);
}

static void a_leader_that_was_told_to_end_is_no_lost_session(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    connection(w, a, "jm-2", 101, WEIR_CONNECTION_UP);
    greets(w, a, "jm-2", "h2:1", 101, WEIR__NODE_ROLE__NODE_JOBMANAGER);
    step(w, a, (struct weir_event){ .kind = WEIR_EVENT_STOP });
    assert_true(a->stepped_down);
    connection(w, b, "jm-1", 100, WEIR_CONNECTION_UP);
    steps_down(w, b, 0);
    live(w, b, 2);
    assert_false(b->leads); /* it still leads: nothing is decided by what it says */
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_true(b->leads);
    Weir__LeaderRecord *record = record_of(w);
    assert_string_equal(record->failovers[0]->reason, "the leader was told to end");
    world_free(w);
}

static void whoever_starts_after_the_last_one_ended_says_so(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    live(w, b, 1);
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_true(a->leads && b->leads);
    assert_string_equal(record_of(w)->failovers[0]->reason, "the leader's session was over");
    end(w, 0);
    ha_delete(&w->store, candidate_of(1));
    end(w, 1);
    live(w, start(w, 2), 2);
    assert_string_equal(
        record_of(w)->failovers[1]->reason, "the leader had ended before this JobManager was there");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_candidate_leads_with_epoch_one),
        cmocka_unit_test(others_stand_by_and_know_who_leads),
        cmocka_unit_test(absence_of_the_holder_entitles),
        cmocka_unit_test(the_deposed_learns_by_looking_though_watches_are_lost),
        cmocka_unit_test(two_claims_of_the_same_epoch_have_one_winner),
        cmocka_unit_test(a_claim_of_unknown_outcome_that_won_is_found),
        cmocka_unit_test(a_claim_that_is_repeated_is_told_once),
        cmocka_unit_test(a_claim_that_applies_late_makes_no_second_leader),
        cmocka_unit_test(a_claim_of_an_old_session_is_not_led),
        cmocka_unit_test(a_lost_session_ends_leadership_and_a_new_epoch_begins),
        cmocka_unit_test(suspended_is_a_pause_that_ends_when_the_record_still_names_us),
        cmocka_unit_test(a_store_that_answers_no_more_suspends_by_the_own_clock),
        cmocka_unit_test(a_leader_that_wakes_up_late_steps_down),
        cmocka_unit_test(a_larger_epoch_seen_is_gone_above_by_one_write),
        cmocka_unit_test(damage_is_no_epoch),
        cmocka_unit_test(a_deposed_leader_does_not_go_above_its_successor),
        cmocka_unit_test(a_wiped_store_does_not_let_epochs_fall_back),
        cmocka_unit_test(a_takeover_ends_one_leadership_and_begins_another),
        cmocka_unit_test(who_finds_its_leadership_gone_takes_another),
        cmocka_unit_test(a_late_claim_does_not_meet_its_version_again_in_a_wiped_store),
        cmocka_unit_test(a_late_claim_that_found_no_leadership_does_not_meet_its_version_again),
        cmocka_unit_test(without_a_leader_record_jobs_know_epochs),
        cmocka_unit_test(a_record_that_was_set_back_is_written_over_by_who_leads),
        cmocka_unit_test(a_record_of_a_newer_version_is_left_alone),
        cmocka_unit_test(a_damaged_record_is_mended),
        cmocka_unit_test(announcements_and_greetings_go_to_every_connection),
        cmocka_unit_test(every_connection_hears_a_beat_though_they_are_many),
        cmocka_unit_test(an_application_has_one_id_until_it_has_ended),
        cmocka_unit_test(the_end_of_the_cluster_ends_standbys_and_not_a_new_start),
        cmocka_unit_test(an_end_that_was_asked_for_is_not_forgotten),
        cmocka_unit_test(the_failover_history_keeps_the_newest),
        cmocka_unit_test(a_lower_name_dials),
        cmocka_unit_test(standbys_that_are_gone_make_room_for_new_ones),
        cmocka_unit_test(who_is_connected_or_configured_is_kept),
        cmocka_unit_test(a_standby_at_another_address_is_dialled_there),
        cmocka_unit_test(taskmanagers_hear_of_a_standby_with_the_next_beat),
        cmocka_unit_test(a_leader_that_was_told_to_end_is_no_lost_session),
        cmocka_unit_test(whoever_starts_after_the_last_one_ended_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
