/* The record writer, stepped by hand: every way that a write can end. */
#include "control/record/record.h"
#include "ha_store.h"
#include <stdlib.h>

enum { TAG_KIND = 7 };

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena, step_arena;
    struct weir_record record;
    struct weir_effects effects;
    struct ha_store store;
    int64_t now_us;
};

static const char key[] = "jobs/00000000000000000000000000000001";

static Weir__JobRecord *content(struct fixture *f, uint64_t epoch, uint64_t incarnation, uint64_t counter)
{
    Weir__JobRecord *record = WEIR_PROTO_NEW(&f->arena, Weir__JobRecord, weir__job_record);
    record->format = WEIR_RECORD_FORMAT;
    record->epoch = epoch;
    record->writer_incarnation = incarnation;
    record->write_counter = counter;
    record->job.len = 16;
    record->job.data = weir_arena_allocate_zeroed(&f->arena, 16);
    record->target = WEIR_PROTO_NEW(&f->arena, Weir__Target, weir__target);
    record->target->kind = WEIR__TARGET_KIND__TARGET_RUN;
    record->status = WEIR__RECORD_STATUS__RECORD_ACTIVE;
    return record;
}

static uint64_t put(struct fixture *f, const Weir__JobRecord *record)
{
    uint8_t bytes[HA_STORE_VALUE_BYTES];
    size_t length = protobuf_c_message_pack(&record->base, bytes);
    return ha_put(&f->store, key, bytes, length)->version;
}

static Weir__JobRecord *stored(struct fixture *f)
{
    struct ha_entry *entry = ha_get(&f->store, key);
    Weir__JobRecord *record = NULL;
    if (!entry) return NULL;
    assert_int_equal(weir_job_record_decode(&f->arena, entry->value, entry->length, &record, NULL), WEIR_OK);
    return record;
}

static void begin(struct fixture *f)
{
    weir_arena_reset(&f->step_arena);
    weir_effects_init(&f->effects, &f->step_arena);
    f->now_us += 1000;
}

/* A copy of the request that was just sent: it may be applied later. */
static struct weir_effect sent(struct fixture *f)
{
    const struct weir_effect *effect = ha_effect(&f->effects, WEIR_EFFECT_STORE, 0);
    assert_non_null(effect);
    struct weir_effect copy = *effect;
    struct weir_store_operation *operations =
        WEIR_ARENA_ARRAY(&f->arena, struct weir_store_operation, effect->operation_count);
    for (uint32_t i = 0; i < effect->operation_count; i++) {
        operations[i] = effect->operations[i];
        operations[i].key = weir_arena_string(&f->arena, operations[i].key);
        if (operations[i].length)
            operations[i].value =
                (uint8_t *)weir_arena_copy(&f->arena, operations[i].value, operations[i].length);
    }
    copy.operations = operations;
    return copy;
}

static bool answer(struct fixture *f, struct weir_event event)
{
    begin(f);
    event.now_us = f->now_us;
    return weir_record_on_event(&f->record, &event, &f->effects);
}

static bool answer_outcome(
    struct fixture *f, const struct weir_effect *request, enum weir_store_outcome outcome)
{
    struct weir_event event = { .kind = WEIR_EVENT_STORE_DONE, .tag = request->tag };
    event.store.outcome = outcome;
    return answer(f, event);
}

static bool apply(struct fixture *f, const struct weir_effect *request)
{
    return answer(f, ha_apply(&f->store, request, &f->arena));
}

/* Lets the record's own timer fire. */
static void retry(struct fixture *f)
{
    assert_true(f->record.retry_at_us > 0);
    struct weir_event event = { .kind = WEIR_EVENT_TIMER, .tag = f->record.tag };
    f->now_us = f->record.retry_at_us;
    assert_false(answer(f, event));
}

static uint64_t change(struct fixture *f)
{
    begin(f);
    f->record.wanted->checkpoint_id_reserved++;
    return weir_record_changed(&f->record, f->now_us, &f->effects);
}

static void start(struct fixture *f, const Weir__JobRecord *record, uint64_t version, bool transactions)
{
    struct weir_tag tag = { .role = WEIR_ROLE_JOBMASTER, .kind = TAG_KIND };
    weir_record_init(&f->record, &f->memory.base, key, tag, record, version, 5, 50, 1, transactions);
}

static struct fixture *fixture_new(bool transactions)
{
    struct fixture *f = calloc(1, sizeof *f);
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    weir_arena_init(&f->step_arena, &f->memory.base);
    ha_put(&f->store, "leader", "x", 1);
    start(f, content(f, 5, 50, 0), 0, transactions);
    return f;
}

static void fixture_free(struct fixture *f)
{
    weir_record_done(&f->record);
    weir_arena_done(&f->arena);
    weir_arena_done(&f->step_arena);
    weir_test_memory_check(&f->memory);
    free(f);
}

/* One that was created and confirmed. */
static struct fixture *created(bool transactions)
{
    struct fixture *f = fixture_new(transactions);
    uint64_t number = change(f);
    struct weir_effect request = sent(f);
    assert_true(apply(f, &request));
    assert_true(weir_record_is_confirmed(&f->record, number));
    return f;
}

static void a_creation_checks_the_leader_record(void **state)
{
    struct fixture *f = fixture_new(true);
    uint64_t number = change(f);
    struct weir_effect request = sent(f);
    assert_int_equal(request.operation_count, 3);
    assert_int_equal(request.operations[0].kind, WEIR_STORE_CHECK);
    assert_string_equal(request.operations[0].key, "leader");
    assert_int_equal(request.operations[2].kind, WEIR_STORE_CREATE);
    assert_false(weir_record_is_settled(&f->record));
    assert_true(apply(f, &request));
    assert_true(weir_record_is_confirmed(&f->record, number) && weir_record_is_settled(&f->record));
    assert_int_equal(stored(f)->epoch, 5);
    assert_int_equal(f->record.confirmed->checkpoint_id_reserved, 1);
    fixture_free(f);
}

static void a_lost_creation_does_not_apply_after_the_job_has_ended(void **state)
{
    struct fixture *f = fixture_new(true);
    change(f);
    struct weir_effect lost = sent(f);
    assert_false(answer_outcome(f, &lost, WEIR_STORE_UNKNOWN));
    retry(f);
    struct weir_effect settle = sent(f);
    assert_true(apply(f, &settle));
    /* It ran, ended and was removed, under the same leader; then the lost request arrives. */
    ha_delete(&f->store, key);
    ha_put(&f->store, "tombstones/00000000000000000000000000000001", "", 0);
    assert_int_equal(ha_apply(&f->store, &lost, &f->arena).store.outcome, WEIR_STORE_CONFLICT);
    assert_null(stored(f));
    fixture_free(f);
}

static const char leadership[] = "leaderships/00000000000000000005-0000000000000032";

static void a_leader_whose_leadership_was_wiped_creates_nothing(void **state)
{
    struct fixture *f = fixture_new(true);
    f->record.leadership = true;
    change(f);
    struct weir_effect request = sent(f);
    assert_int_equal(request.operation_count, 4);
    assert_string_equal(request.operations[1].key, leadership);
    assert_false(apply(f, &request)); /* though the leader record has the version that we know */
    assert_null(stored(f));
    struct weir_effect read = sent(f);
    assert_false(apply(f, &read));
    ha_put(&f->store, leadership, "", 0);
    retry(f);
    request = sent(f);
    assert_true(apply(f, &request));
    fixture_free(f);
}

static void a_late_write_does_not_meet_its_version_again_in_a_wiped_store(void **state)
{
    struct fixture *f = fixture_new(true);
    f->record.leadership = true;
    ha_put(&f->store, leadership, "", 0);
    change(f);
    struct weir_effect request = sent(f);
    assert_true(apply(f, &request));
    change(f);
    struct weir_effect late = sent(f);
    /* Another leader has made the record anew, and it has come to the version that is expected. */
    ha_delete(&f->store, key);
    ha_delete(&f->store, leadership);
    put(f, content(f, 6, 51, 1));
    assert_int_equal(late.operations[late.operation_count - 1].version, 1);
    assert_int_equal(ha_apply(&f->store, &late, &f->arena).store.outcome, WEIR_STORE_NOT_FOUND);
    assert_int_equal(stored(f)->epoch, 6);
    fixture_free(f);
}

static void a_paused_leader_creates_nothing(void **state)
{
    struct fixture *f = fixture_new(true);
    change(f);
    struct weir_effect request = sent(f);
    ha_put(&f->store, "leader", "y", 1); /* another one leads now */
    assert_false(apply(f, &request));
    struct weir_effect read = sent(f);
    assert_false(apply(f, &read));
    assert_null(stored(f));
    assert_int_equal(f->record.confirmed_change, 0);
    /* It tries again: perhaps its own leader record was being rewritten. Then it knows the new version. */
    retry(f);
    request = sent(f);
    assert_false(apply(f, &request));
    read = sent(f);
    assert_false(apply(f, &read));
    begin(f);
    weir_record_epoch(&f->record, 6, 2, f->now_us, &f->effects);
    retry(f);
    request = sent(f);
    assert_true(apply(f, &request));
    assert_int_equal(stored(f)->epoch, 6);
    fixture_free(f);
}

static void many_changes_go_into_one_write(void **state)
{
    struct fixture *f = created(true);
    change(f);
    struct weir_effect first = sent(f);
    uint64_t last = 0;
    for (int i = 0; i < 10; i++) {
        last = change(f);
        assert_null(ha_effect(&f->effects, WEIR_EFFECT_STORE, 0));
    }
    assert_true(apply(f, &first));
    assert_false(weir_record_is_confirmed(&f->record, last));
    struct weir_effect second = sent(f);
    assert_true(apply(f, &second));
    assert_true(weir_record_is_confirmed(&f->record, last));
    assert_int_equal(stored(f)->checkpoint_id_reserved, 12);
    assert_int_equal(f->store.writes, 3);
    fixture_free(f);
}

static void an_unknown_write_that_was_applied_is_found_to_be_ours(void **state)
{
    struct fixture *f = created(true);
    uint64_t number = change(f);
    struct weir_effect lost = sent(f);
    ha_apply(&f->store, &lost, &f->arena);
    assert_false(answer_outcome(f, &lost, WEIR_STORE_UNKNOWN));
    assert_int_equal(f->record.state, WEIR_RECORD_SETTLING);
    assert_false(weir_record_is_confirmed(&f->record, number));
    retry(f);
    struct weir_effect settle = sent(f);
    assert_int_equal(settle.operations[0].version, lost.operations[0].version);
    assert_false(apply(f, &settle));
    struct weir_effect read = sent(f);
    assert_int_equal(read.operations[0].kind, WEIR_STORE_READ);
    assert_true(apply(f, &read));
    assert_true(weir_record_is_confirmed(&f->record, number));
    assert_int_equal(f->record.version, 2);
    fixture_free(f);
}

static void a_lost_write_can_never_apply_after_it_was_settled(void **state)
{
    struct fixture *f = created(true);
    uint64_t number = change(f);
    struct weir_effect lost = sent(f);
    assert_false(answer_outcome(f, &lost, WEIR_STORE_UNKNOWN));
    retry(f);
    struct weir_effect settle = sent(f);
    assert_true(apply(f, &settle));
    assert_true(weir_record_is_confirmed(&f->record, number));
    assert_int_equal(ha_apply(&f->store, &lost, &f->arena).store.outcome, WEIR_STORE_CONFLICT);
    /* The two tries differ, so that a store that compares contents knows them apart, too. */
    assert_true(lost.operations[0].length != settle.operations[0].length ||
                memcmp(lost.operations[0].value, settle.operations[0].value, lost.operations[0].length) != 0);
    fixture_free(f);
}

static void a_late_write_that_beats_the_settling_one_is_ours(void **state)
{
    struct fixture *f = created(true);
    uint64_t number = change(f);
    struct weir_effect lost = sent(f);
    assert_false(answer_outcome(f, &lost, WEIR_STORE_UNKNOWN));
    uint64_t later = change(f);
    retry(f);
    struct weir_effect settle = sent(f);
    ha_apply(&f->store, &lost, &f->arena);
    assert_false(apply(f, &settle));
    struct weir_effect read = sent(f);
    assert_true(apply(f, &read));
    assert_true(weir_record_is_confirmed(&f->record, number));
    assert_false(weir_record_is_confirmed(&f->record, later));
    struct weir_effect next = sent(f);
    assert_true(apply(f, &next));
    assert_true(weir_record_is_confirmed(&f->record, later));
    assert_int_equal(stored(f)->checkpoint_id_reserved, 3);
    fixture_free(f);
}

static void another_leaders_record_fences(void **state)
{
    struct fixture *f = created(true);
    uint64_t number = change(f);
    struct weir_effect request = sent(f);
    put(f, content(f, 6, 60, 1));
    assert_false(apply(f, &request));
    struct weir_effect read = sent(f);
    assert_true(apply(f, &read));
    assert_int_equal(f->record.state, WEIR_RECORD_FENCED);
    assert_false(weir_record_is_confirmed(&f->record, number));
    change(f);
    assert_int_equal(f->effects.count, 0);
    fixture_free(f);
}

static void our_epoch_under_another_incarnation_fences(void **state)
{
    struct fixture *f = created(true);
    change(f);
    struct weir_effect request = sent(f);
    put(f, content(f, 5, 51, 1));
    assert_false(apply(f, &request));
    struct weir_effect read = sent(f);
    assert_true(apply(f, &read));
    assert_int_equal(f->record.state, WEIR_RECORD_FENCED);
    fixture_free(f);
}

static void a_claim_takes_what_the_older_leader_wrote_last(void **state)
{
    struct fixture *f = fixture_new(true);
    weir_record_done(&f->record);
    Weir__JobRecord *old = content(f, 4, 40, 9);
    uint64_t version = put(f, old);
    start(f, old, version, true);
    old->checkpoint_id_reserved = 77; /* one more write, between our read and our claim */
    put(f, old);
    begin(f);
    uint64_t claim = weir_record_claim(&f->record, f->now_us, &f->effects);
    struct weir_effect request = sent(f);
    assert_false(apply(f, &request));
    struct weir_effect read = sent(f);
    assert_false(apply(f, &read));
    assert_false(weir_record_is_confirmed(&f->record, claim));
    retry(f);
    request = sent(f);
    assert_true(apply(f, &request));
    assert_true(weir_record_is_confirmed(&f->record, claim));
    assert_int_equal(f->record.confirmed->checkpoint_id_reserved, 77);
    assert_int_equal(f->record.wanted->checkpoint_id_reserved, 77);
    assert_int_equal(stored(f)->epoch, 5);
    assert_true(stored(f)->write_counter > 9);
    /* H2: from now on the older leader's writes fail, whatever version it believes in. */
    assert_true(f->record.version == ha_get(&f->store, key)->version);
    fixture_free(f);
}

static void nothing_is_written_while_the_store_is_out_of_reach(void **state)
{
    struct fixture *f = created(true);
    weir_record_suspend(&f->record);
    uint64_t number = change(f);
    assert_int_equal(f->effects.count, 0);
    begin(f);
    weir_record_resume(&f->record, f->now_us, &f->effects);
    struct weir_effect request = sent(f);
    weir_record_suspend(&f->record);
    assert_false(answer_outcome(f, &request, WEIR_STORE_UNKNOWN));
    retry(f);
    assert_null(ha_effect(&f->effects, WEIR_EFFECT_STORE, 0));
    assert_false(weir_record_is_settled(&f->record));
    begin(f);
    weir_record_resume(&f->record, f->now_us, &f->effects);
    request = sent(f);
    assert_true(apply(f, &request));
    assert_true(weir_record_is_confirmed(&f->record, number));
    fixture_free(f);
}

static void what_was_refused_for_good_is_written_with_what_came_since(void **state)
{
    struct fixture *f = created(true);
    change(f);
    struct weir_effect request = sent(f);
    assert_false(answer_outcome(f, &request, WEIR_STORE_UNAVAILABLE));
    assert_true(weir_record_is_settled(&f->record)); /* nothing of ours can apply any more */
    uint64_t number = change(f);
    assert_null(ha_effect(&f->effects, WEIR_EFFECT_STORE, 0)); /* its time comes with the timer */
    retry(f);
    request = sent(f);
    assert_true(apply(f, &request));
    assert_true(weir_record_is_confirmed(&f->record, number));
    fixture_free(f);
}

static void a_wiped_store_gets_the_record_again(void **state)
{
    struct fixture *f = created(true);
    ha_delete(&f->store, key);
    uint64_t number = change(f);
    struct weir_effect request = sent(f);
    assert_false(apply(f, &request));
    struct weir_effect read = sent(f);
    assert_false(apply(f, &read));
    retry(f);
    request = sent(f);
    assert_int_equal(request.operations[0].kind, WEIR_STORE_CHECK); /* only while we lead */
    assert_true(apply(f, &request));
    assert_true(weir_record_is_confirmed(&f->record, number));
    assert_int_equal(stored(f)->checkpoint_id_reserved, 2);
    fixture_free(f);
}

static void without_transactions_a_record_that_is_gone_fences(void **state)
{
    struct fixture *f = created(false);
    ha_delete(&f->store, key);
    change(f);
    struct weir_effect request = sent(f);
    assert_int_equal(request.operation_count, 1);
    assert_false(apply(f, &request));
    struct weir_effect read = sent(f);
    assert_true(apply(f, &read));
    assert_int_equal(f->record.state, WEIR_RECORD_FENCED);
    fixture_free(f);
}

static void a_store_that_was_set_back_is_written_over(void **state)
{
    struct fixture *f = created(true);
    change(f);
    struct weir_effect request = sent(f);
    assert_true(apply(f, &request));
    ha_delete(&f->store, key); /* an old backup: our first write, under a version of its own */
    ha_put(&f->store, key, "", 0);
    put(f, content(f, 4, 40, 3));
    put(f, content(f, 4, 40, 3));
    uint64_t number = change(f);
    request = sent(f);
    assert_false(apply(f, &request));
    struct weir_effect read = sent(f);
    assert_false(apply(f, &read));
    retry(f);
    request = sent(f);
    assert_true(apply(f, &request));
    assert_true(weir_record_is_confirmed(&f->record, number));
    assert_int_equal(stored(f)->epoch, 5);
    assert_int_equal(stored(f)->checkpoint_id_reserved, 3);
    fixture_free(f);
}

static void an_epoch_that_is_raised_during_a_write_goes_into_the_next(void **state)
{
    struct fixture *f = created(true);
    change(f);
    struct weir_effect request = sent(f);
    begin(f);
    weir_record_epoch(&f->record, 8, 3, f->now_us, &f->effects);
    assert_int_equal(f->effects.count, 0);
    assert_true(apply(f, &request));
    assert_int_equal(f->record.confirmed->epoch, 5);
    request = sent(f);
    assert_true(apply(f, &request));
    assert_int_equal(f->record.confirmed->epoch, 8);
    assert_int_equal(stored(f)->epoch, 8);
    fixture_free(f);
}

static void answers_to_older_requests_are_not_heard(void **state)
{
    struct fixture *f = created(true);
    uint64_t number = change(f);
    struct weir_effect lost = sent(f);
    assert_false(answer_outcome(f, &lost, WEIR_STORE_UNKNOWN));
    retry(f);
    assert_false(answer_outcome(f, &lost, WEIR_STORE_CONFLICT));
    assert_int_equal(f->record.state, WEIR_RECORD_SETTLING);
    assert_false(weir_record_is_confirmed(&f->record, number));
    fixture_free(f);
}

/* Whether the write that was just sent may be answered before it is durable. */
static bool sent_relaxed(const struct fixture *f)
{
    const struct weir_effect *effect = ha_effect(&f->effects, WEIR_EFFECT_STORE, 0);
    const struct weir_store_operation *last = &effect->operations[effect->operation_count - 1];
    assert_int_equal(last->kind, WEIR_STORE_SET);
    return last->relaxed;
}

static void only_a_claim_is_relaxed(void **state)
{
    for (int changed = 0; changed < 2; changed++) {
        struct fixture *f = fixture_new(false);
        weir_record_done(&f->record);
        Weir__JobRecord *old = content(f, 4, 40, 9);
        uint64_t version = put(f, old);
        start(f, old, version, false);
        begin(f);
        if (changed) f->record.wanted->checkpoint_id_reserved = 77;
        weir_record_claim(&f->record, f->now_us, &f->effects);
        assert_int_equal(sent_relaxed(f), !changed);
        struct weir_effect request = sent(f);
        assert_true(apply(f, &request));
        change(f);
        assert_false(sent_relaxed(f)); /* whatever it says, it is ours */
        request = sent(f);
        assert_true(apply(f, &request));
        fixture_free(f);
    }
}

/* What it takes in its second try is what an older leader had written last: that is durable. */
static void a_claim_that_was_too_late_is_relaxed_again(void **state)
{
    struct fixture *f = fixture_new(false);
    weir_record_done(&f->record);
    Weir__JobRecord *old = content(f, 4, 40, 9);
    uint64_t version = put(f, old);
    start(f, old, version, false);
    old->checkpoint_id_reserved = 77;
    put(f, old);
    begin(f);
    weir_record_claim(&f->record, f->now_us, &f->effects);
    struct weir_effect request = sent(f);
    assert_false(apply(f, &request));
    struct weir_effect read = sent(f);
    assert_false(apply(f, &read));
    retry(f);
    assert_true(sent_relaxed(f));
    request = sent(f);
    assert_true(apply(f, &request));
    assert_int_equal(stored(f)->checkpoint_id_reserved, 77);
    fixture_free(f);
}

static void fields_of_a_newer_version_survive(void **state)
{
    struct fixture *f = fixture_new(true);
    weir_record_done(&f->record);
    Weir__JobRecord *old = content(f, 4, 40, 9);
    uint8_t bytes[HA_STORE_VALUE_BYTES];
    size_t length = protobuf_c_message_pack(&old->base, bytes);
    bytes[length++] = 0xa0; /* field 500, varint */
    bytes[length++] = 0x1f;
    bytes[length++] = 42;
    uint64_t version = ha_put(&f->store, key, bytes, length)->version;
    start(f, stored(f), version, true);
    begin(f);
    weir_record_claim(&f->record, f->now_us, &f->effects);
    struct weir_effect request = sent(f);
    assert_true(apply(f, &request));
    assert_int_equal(stored(f)->base.n_unknown_fields, 1);
    fixture_free(f);
}

static void two_thousand_writes_hold_no_more_memory_than_ten(void **state)
{
    struct fixture *f = created(true);
    size_t used = 0;
    for (int i = 0; i < 2000; i++) {
        change(f);
        struct weir_effect request = *ha_effect(&f->effects, WEIR_EFFECT_STORE, 0);
        struct weir_arena scratch;
        weir_arena_init(&scratch, weir_test_memory_shared());
        assert_true(answer(f, ha_apply(&f->store, &request, &scratch)));
        weir_arena_done(&scratch);
        if (i == 10) used = atomic_load(&f->memory.base.used_bytes);
    }
    assert_int_equal(atomic_load(&f->memory.base.used_bytes), used);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_creation_checks_the_leader_record),
        cmocka_unit_test(a_lost_creation_does_not_apply_after_the_job_has_ended),
        cmocka_unit_test(a_leader_whose_leadership_was_wiped_creates_nothing),
        cmocka_unit_test(a_late_write_does_not_meet_its_version_again_in_a_wiped_store),
        cmocka_unit_test(a_paused_leader_creates_nothing),
        cmocka_unit_test(many_changes_go_into_one_write),
        cmocka_unit_test(an_unknown_write_that_was_applied_is_found_to_be_ours),
        cmocka_unit_test(a_lost_write_can_never_apply_after_it_was_settled),
        cmocka_unit_test(a_late_write_that_beats_the_settling_one_is_ours),
        cmocka_unit_test(another_leaders_record_fences),
        cmocka_unit_test(our_epoch_under_another_incarnation_fences),
        cmocka_unit_test(a_claim_takes_what_the_older_leader_wrote_last),
        cmocka_unit_test(only_a_claim_is_relaxed),
        cmocka_unit_test(a_claim_that_was_too_late_is_relaxed_again),
        cmocka_unit_test(nothing_is_written_while_the_store_is_out_of_reach),
        cmocka_unit_test(what_was_refused_for_good_is_written_with_what_came_since),
        cmocka_unit_test(a_wiped_store_gets_the_record_again),
        cmocka_unit_test(without_transactions_a_record_that_is_gone_fences),
        cmocka_unit_test(a_store_that_was_set_back_is_written_over),
        cmocka_unit_test(an_epoch_that_is_raised_during_a_write_goes_into_the_next),
        cmocka_unit_test(answers_to_older_requests_are_not_heard),
        cmocka_unit_test(fields_of_a_newer_version_survive),
        cmocka_unit_test(two_thousand_writes_hold_no_more_memory_than_ten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
