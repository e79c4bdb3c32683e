/* Who answers, what is proxied, when asking again ends. */
#include "control/rest/rest.h"
#include "support/cmocka_all.h"

static const struct weir_identity leader = { .self = 1, .leader = 1, .epoch = 3, .jobmanager = true };
static const struct weir_identity suspended = { .self = 1, .leader = 1, .epoch = 3, .suspended = true };
static const struct weir_identity standby = { .self = 1, .leader = 2 };
static const struct weir_identity alone = { .self = 1 };

static void the_leader_answers_and_standbys_ask_it(void **state)
{
    assert_int_equal(weir_rest_decide(&leader, WEIR_REST_WRITE, false), WEIR_REST_ANSWER);
    assert_int_equal(weir_rest_decide(&leader, WEIR_REST_WRITE, true), WEIR_REST_ANSWER);
    assert_int_equal(weir_rest_decide(&standby, WEIR_REST_WRITE, false), WEIR_REST_PROXY);
    assert_int_equal(weir_rest_decide(&standby, WEIR_REST_READ, false), WEIR_REST_PROXY);
    assert_int_equal(weir_rest_decide(&standby, WEIR_REST_OWN, false), WEIR_REST_ANSWER);
    assert_int_equal(weir_rest_decide(&alone, WEIR_REST_READ, false), WEIR_REST_LATER);
}

static void what_was_proxied_once_is_not_proxied_again(void **state)
{
    assert_int_equal(weir_rest_decide(&standby, WEIR_REST_READ, true), WEIR_REST_LATER);
}

static void a_suspended_leader_shows_and_confirms_nothing(void **state)
{
    assert_int_equal(weir_rest_decide(&suspended, WEIR_REST_READ, false), WEIR_REST_ANSWER);
    assert_int_equal(weir_rest_decide(&suspended, WEIR_REST_WRITE, false), WEIR_REST_LATER);
}

static void asking_again_ends_long_before_a_tombstone_does(void **state)
{
    int64_t now_us = 1000, first_us = now_us, at_us = 0;
    uint32_t tries = 1;
    while (weir_rest_on_reply(WEIR__REPLY_CODE__REPLY_UNAVAILABLE, WEIR_REST_WRITE, first_us, tries, now_us,
               &at_us) == WEIR_REST_ASK_AGAIN) {
        assert_true(at_us > now_us && at_us - now_us <= WEIR_REST_RETRY_LAST_US);
        now_us = at_us;
        tries++;
    }
    assert_true(now_us - first_us <= WEIR_REST_RETRY_MAX_US);
    assert_true(now_us - first_us > WEIR_REST_RETRY_MAX_US - 2 * WEIR_REST_RETRY_LAST_US);
    assert_true(tries < 400);
    assert_int_equal(weir_rest_on_reply(WEIR__REPLY_CODE__REPLY_CONFLICT, WEIR_REST_WRITE, 0, 1, 0, &at_us),
        WEIR_REST_FINAL);
}

static void replies_have_their_status(void **state)
{
    assert_int_equal(weir_rest_status(WEIR__REPLY_CODE__REPLY_OK, false), 200);
    assert_int_equal(weir_rest_status(WEIR__REPLY_CODE__REPLY_OK, true), 202);
    assert_int_equal(weir_rest_status(WEIR__REPLY_CODE__REPLY_NOT_FOUND, false), 404);
    assert_int_equal(weir_rest_status(WEIR__REPLY_CODE__REPLY_CONFLICT, true), 409);
    assert_int_equal(weir_rest_status(WEIR__REPLY_CODE__REPLY_BAD_REQUEST, false), 400);
    assert_int_equal(weir_rest_status(WEIR__REPLY_CODE__REPLY_TOO_MANY, false), 429);
    assert_int_equal(weir_rest_status(WEIR__REPLY_CODE__REPLY_UNAVAILABLE, false), 503);
    assert_int_equal(weir_rest_status(WEIR__REPLY_CODE__REPLY_NOT_LEADER, false), 503);
    assert_int_equal(weir_rest_status(WEIR__REPLY_CODE__REPLY_UNSPECIFIED, false), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_leader_answers_and_standbys_ask_it),
        cmocka_unit_test(what_was_proxied_once_is_not_proxied_again),
        cmocka_unit_test(a_suspended_leader_shows_and_confirms_nothing),
        cmocka_unit_test(asking_again_ends_long_before_a_tombstone_does),
        cmocka_unit_test(replies_have_their_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
