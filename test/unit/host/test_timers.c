/* Timers against a list that is searched from end to end. */
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <stdlib.h>
#include <string.h>

#include "host/timers.h"

enum { TAGS = 3000, STEPS = 60000 };

struct model {
    int64_t at_us[TAGS]; /* INT64_MAX: not set */
    uint64_t order[TAGS], instance[TAGS], order_next;
};

static struct weir_tag tag_of(uint32_t i)
{
    struct weir_tag tag = { .role = (enum weir_role)(i % 3), .kind = i / 3 % 5, .number = i / 15 };
    if (i % 2) tag.job.bytes[i % sizeof tag.job.bytes] = (uint8_t)(1 + i % 7);
    return tag;
}

static uint32_t index_of(const struct weir_tag *tag)
{
    for (uint32_t i = 0; i < TAGS; i++) {
        struct weir_tag candidate = tag_of(i);
        if (candidate.role == tag->role && candidate.kind == tag->kind && candidate.number == tag->number &&
            weir_job_id_equal(&candidate.job, &tag->job))
            return i;
    }
    fail_msg("a tag that was never set");
    return 0;
}

static uint32_t earliest(const struct model *model)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < TAGS; i++)
        if (model->at_us[i] < model->at_us[best] ||
            (model->at_us[i] == model->at_us[best] && model->order[i] < model->order[best]))
            best = i;
    return best;
}

static void set_both(struct weir_timers *timers, struct model *model, uint32_t i, int64_t at_us)
{
    struct weir_tag tag = tag_of(i);
    tag.instance = model->instance[i] = (uint64_t)rand();
    weir_timers_set(timers, &tag, at_us);
    model->at_us[i] = at_us;
    model->order[i] = model->order_next++;
}

static void take_all_due(struct weir_timers *timers, struct model *model, int64_t now_us)
{
    struct weir_tag tag;
    while (weir_timers_take_due(timers, now_us, &tag)) {
        uint32_t expected = earliest(model);
        assert_int_equal(index_of(&tag), expected);
        assert_true(model->at_us[expected] <= now_us);
        assert_int_equal(tag.instance, model->instance[expected]);
        model->at_us[expected] = INT64_MAX;
    }
    assert_true(model->at_us[earliest(model)] > now_us);
}

static void random_sets_and_unsets(void **state)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    struct weir_timers timers;
    weir_timers_init(&timers, &memory.base);
    static struct model model;
    for (uint32_t i = 0; i < TAGS; i++) model.at_us[i] = INT64_MAX;
    srand(7);
    int64_t now_us = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t i = (uint32_t)rand() % TAGS;
        uint32_t what = (uint32_t)rand() % 10;
        if (what < 6) /* few distinct times: order decides often */
            set_both(&timers, &model, i, now_us + rand() % 50);
        else if (what < 9)
            set_both(&timers, &model, i, INT64_MAX);
        else if (step % 40 == 0)
            take_all_due(&timers, &model, now_us += rand() % 20);
        if (step % 16 == 0) assert_int_equal(weir_timers_next_us(&timers), model.at_us[earliest(&model)]);
    }
    take_all_due(&timers, &model, INT64_MAX - 1);
    assert_int_equal(timers.count, 0);
    assert_int_equal(weir_timers_next_us(&timers), INT64_MAX);
    weir_timers_done(&timers);
    weir_test_memory_check(&memory);
}

/* Two tags that differ only in their instance are one timer, and it belongs to who set it last. */
static void the_last_setter_is_told(void **state)
{
    struct weir_timers timers;
    weir_timers_init(&timers, weir_test_memory_shared());
    struct weir_tag tag = { .kind = 3, .instance = 1 };
    weir_timers_set(&timers, &tag, 100);
    tag.instance = 2;
    weir_timers_set(&timers, &tag, 50);
    assert_int_equal(timers.count, 1);
    struct weir_tag due;
    assert_false(weir_timers_take_due(&timers, 49, &due));
    assert_true(weir_timers_take_due(&timers, 50, &due));
    assert_int_equal(due.instance, 2);
    weir_timers_done(&timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_sets_and_unsets),
        cmocka_unit_test(the_last_setter_is_told) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
