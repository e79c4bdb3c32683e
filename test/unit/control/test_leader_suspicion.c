/* When a leader is taken for lost, and what a wrong suspicion costs. */
#include "leader_world.h"

static void suspicion_needs_a_broken_connection_a_refusal_and_a_witness_elsewhere(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    lose(w, b, 0, NULL);
    live(w, b, 2);
    assert_false(b->leads); /* no witness */
    leader_lost(w, b, 1, 100, "h2");
    live(w, b, 1);
    assert_false(b->leads); /* on our own host: cut off together with us */
    leader_lost(w, b, 9, 100, "h3");
    leader_lost(w, b, 1, 999, "h3");
    live(w, b, 1);
    assert_false(b->leads); /* of another leader */
    leader_lost(w, b, 1, 100, "h3");
    assert_true(b->leads);
    assert_int_equal(b->epoch, 2);
    assert_null(ha_get(&w->store, candidate_of(0))); /* its presence went with the takeover */
    assert_true(record_of(w)->suspected_at_ms > 0);
    world_free(w);
}

static void a_leader_that_dies_before_its_record_was_read_is_suspected_then(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    (void)a;
    b->hold = true; /* b's look at the new record is slow */
    struct jm *c = start(w, 2);
    ha_delete(&w->store, candidate_of(0));
    live(w, c, 2);
    assert_true(c->leads);
    lose(w, b, 2, "h1");
    assert_false(b->leads);
    b->hold = false;
    answer_all(w, b);
    live(w, b, 1);
    assert_true(b->leads);
    assert_int_equal(b->epoch, 3);
    world_free(w);
}

static void a_refusal_without_a_connection_before_is_no_loss(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    connection(w, b, "jm-1", 0, WEIR_CONNECTION_REFUSED);
    leader_lost(w, b, 1, 100, "h3");
    live(w, b, 2);
    assert_false(b->leads);
    world_free(w);
}

static void no_answer_means_nothing(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    connection(w, b, "jm-1", 100, WEIR_CONNECTION_UP);
    connection(w, b, "jm-1", 0, WEIR_CONNECTION_RESET);
    for (int i = 0; i < 20; i++) {
        connection(w, b, "jm-1", 0, WEIR_CONNECTION_TIMEOUT);
        leader_lost(w, b, 1, 100, "h3");
    }
    live(w, b, 30);
    assert_false(b->leads);
    world_free(w);
}

static void what_a_witness_saw_long_ago_does_not_count(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    leader_lost(w, b, 1, 100, "h3");
    later(w, 6 * SECOND);
    lose(w, b, 0, NULL);
    live(w, b, 1);
    assert_false(b->leads);
    /* And a leader that is there again is not suspected. */
    connection(w, b, "jm-1", 100, WEIR_CONNECTION_UP);
    leader_lost(w, b, 1, 100, "h3");
    live(w, b, 1);
    assert_false(b->leads);
    world_free(w);
}

static void a_dead_process_on_the_same_host_is_proof(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    struct weir_event died = {
        .kind = WEIR_EVENT_PROCESS_DIED, .from = weir_nodes_intern(&b->nodes, "jm-1"), .from_incarnation = 99
    };
    step(w, b, died);
    live(w, b, 1);
    assert_false(b->leads); /* an older incarnation of it */
    died.from_incarnation = 100;
    step(w, b, died);
    assert_true(b->leads);
    world_free(w);
}

/* After a whole host died, the store still names everybody who was there, in any order. */
static void a_standby_that_died_too_hides_nothing(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    b->hold = true; /* b's look at the new record is slow */
    struct jm *c = start(w, 2);
    ha_delete(&w->store, candidate_of(0));
    live(w, c, 2);
    assert_true(c->leads);
    struct weir_event died = { .kind = WEIR_EVENT_PROCESS_DIED,
        .from = weir_nodes_intern(&b->nodes, names[2]),
        .from_incarnation = 102 };
    step(w, b, died);
    died.from = weir_nodes_intern(&b->nodes, names[0]);
    died.from_incarnation = 100;
    step(w, b, died);
    assert_false(b->leads);
    b->hold = false;
    answer_all(w, b);
    live(w, b, 1);
    assert_true(b->leads);
    assert_int_equal(b->epoch, 3);
    world_free(w);
}

static void another_incarnation_at_its_address_is_a_loss(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    connection(w, b, "jm-1", 100, WEIR_CONNECTION_UP);
    connection(w, b, "jm-1", 0, WEIR_CONNECTION_RESET);
    connection(w, b, "jm-1", 555, WEIR_CONNECTION_UP);
    leader_lost(w, b, 1, 100, "h3");
    assert_true(b->leads);
    world_free(w);
}

static void a_restarted_process_takes_over_from_its_predecessor_at_once(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    end(w, 0); /* its session, and with it its presence, live on for a while */
    start_incarnation(w, 0, 200);
    live(w, &w->jms[0], 1);
    assert_true(w->jms[0].leads);
    assert_int_equal(w->jms[0].epoch, 2);
    world_free(w);
}

static void a_wrong_suspicion_is_counted_and_holds_everybody_off(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1), *c = start(w, 2);
    lose(w, b, 0, "h3");
    assert_true(b->leads);
    live(w, a, 1); /* alive: it sees the new record, and comes back as a candidate */
    assert_false(a->leads);
    assert_non_null(ha_get(&w->store, candidate_of(0)));
    live(w, b, 2);
    assert_int_equal(record_of(w)->wrong_suspicions, 1);
    assert_int_equal(record_of(w)->hold_off_ms, 10000);
    assert_int_equal(b->leader_version, ha_get(&w->store, "leader")->version);
    assert_int_equal(b->epoch, 2);
    live(w, a, 1);
    live(w, c, 1);
    lose(w, a, 1, "h3");
    lose(w, c, 1, "h1");
    live(w, a, 1);
    live(w, c, 1);
    assert_false(a->leads || c->leads);
    later(w, 11 * SECOND);
    lose(w, c, 1, "h1");
    assert_true(c->leads); /* a suspicion after the hold-off is one again */
    live(w, b, 1);
    live(w, c, 2);
    assert_int_equal(record_of(w)->wrong_suspicions, 2);
    assert_int_equal(record_of(w)->hold_off_ms, 20000);
    /* Absence is no suspicion: it needs no hold-off. */
    ha_delete(&w->store, candidate_of(2));
    live(w, a, 2);
    assert_true(a->leads);
    world_free(w);
}

static void a_wrong_suspicion_is_counted_though_its_leader_goes(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1), *c = start(w, 2);
    live(w, c, 1);
    lose(w, b, 0, "h3");
    live(w, a, 1); /* alive, and back as a candidate; b has not looked since */
    assert_true(b->leads && !a->leads);
    assert_int_equal(record_of(w)->n_suspected, 1);
    live(w, c, 1); /* sees it, too: it suspects nobody now */
    lose(w, c, 1, "h1");
    live(w, c, 1);
    assert_false(c->leads);
    ha_delete(&w->store, candidate_of(1)); /* b's session is over */
    live(w, c, 2);
    assert_true(c->leads);
    live(w, c, 2);
    assert_int_equal(record_of(w)->wrong_suspicions, 1); /* counted by its successor */
    assert_int_equal(record_of(w)->n_suspected, 0);
    world_free(w);
}

/* A deposed leader that slept through its session has nobody's word but its own that it lives. */
static void who_finds_itself_among_the_suspected_suspects_nobody(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    lose(w, b, 0, "h3");
    assert_true(b->leads);
    store_state(w, a, WEIR_STORE_LOST); /* it wakes: its session is over */
    store_state(w, a, WEIR_STORE_CONNECTED);
    assert_false(a->leads);
    assert_int_equal(record_of(w)->n_suspected, 1); /* b has not looked since */
    lose(w, a, 1, "h3");
    live(w, a, 1);
    assert_false(a->leads);
    /* It leads when b is gone, and counts what it knows. */
    ha_delete(&w->store, candidate_of(1));
    live(w, a, 2);
    assert_true(a->leads);
    assert_int_equal(record_of(w)->wrong_suspicions, 1);
    assert_int_equal(record_of(w)->n_suspected, 0);
    world_free(w);
}

static void two_that_cannot_see_each_other_come_to_rest(void **state)
{
    struct world *w = world_new(true);
    struct jm *jms[2] = { start(w, 0), start(w, 1) };
    uint32_t takeovers = 0;
    for (int i = 0; i < 600; i++) {
        for (uint32_t k = 0; k < 2; k++) {
            if (jms[k]->leads || !record_of(w) || record_of(w)->holder->incarnation != 100u + (1 - k))
                continue;
            lose(w, jms[k], 1 - k, "h3");
        }
        later(w, SECOND);
        for (uint32_t k = 0; k < 2; k++) {
            timer(w, jms[k], LEADER_TAG_BEAT);
            timer(w, jms[k], LEADER_TAG_POLL);
            timer(w, jms[k], LEADER_TAG_RETRY);
        }
    }
    takeovers = jms[0]->grants + jms[1]->grants;
    /* 10 + 20 + 40 + ... seconds: ten minutes hold at most six of them. */
    assert_true(takeovers >= 2 && takeovers <= 8);
    world_free(w);
}

static void a_quiet_hour_forgets_wrong_suspicions(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    lose(w, b, 0, "h3");
    live(w, a, 1);
    live(w, b, 2);
    assert_int_equal(record_of(w)->wrong_suspicions, 1);
    later(w, INT64_C(3601) * SECOND);
    live(w, b, 2);
    assert_int_equal(record_of(w)->wrong_suspicions, 0);
    assert_int_equal(record_of(w)->hold_off_ms, 0);
    assert_true(b->leads);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suspicion_needs_a_broken_connection_a_refusal_and_a_witness_elsewhere),
        cmocka_unit_test(a_leader_that_dies_before_its_record_was_read_is_suspected_then),
        cmocka_unit_test(a_refusal_without_a_connection_before_is_no_loss),
        cmocka_unit_test(no_answer_means_nothing),
        cmocka_unit_test(what_a_witness_saw_long_ago_does_not_count),
        cmocka_unit_test(a_dead_process_on_the_same_host_is_proof),
        cmocka_unit_test(a_standby_that_died_too_hides_nothing),
        cmocka_unit_test(another_incarnation_at_its_address_is_a_loss),
        cmocka_unit_test(a_restarted_process_takes_over_from_its_predecessor_at_once),
        cmocka_unit_test(a_wrong_suspicion_is_counted_and_holds_everybody_off),
        cmocka_unit_test(a_wrong_suspicion_is_counted_though_its_leader_goes),
        cmocka_unit_test(who_finds_itself_among_the_suspected_suspects_nobody),
        cmocka_unit_test(two_that_cannot_see_each_other_come_to_rest),
        cmocka_unit_test(a_quiet_hour_forgets_wrong_suspicions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
