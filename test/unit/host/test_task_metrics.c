/* Figures of tasks: counters as they are, times that add up, both ways of printing. */
#include "host/task_metrics.h"
#include "os/clock.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct weir_test_memory memory;
    struct weir_task_metrics *metrics;
    struct weir_plan_node nodes[2];
    const struct weir_plan_node *operators[2];
    struct weir_job_vertex vertex;
    struct weir_operator_metrics counters[2];
    struct weir_subtask subtask;
    struct weir_buffer text;
};

static struct fixture *begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    weir_test_memory_init(&f->memory);
    struct weir_task_metrics_labels labels = { .host = "host.name", .taskmanager = "tm-1" };
    f->metrics = weir_task_metrics_new(&f->memory.base, &labels);
    f->nodes[0].id = 1;
    f->nodes[1].id = 2;
    f->operators[0] = &f->nodes[0];
    f->operators[1] = &f->nodes[1];
    f->vertex = (struct weir_job_vertex){
        .name = "Source: g[1] -> Calc[2]", .parallelism = 2, .operators = f->operators, .operator_count = 2
    };
    f->counters[0] = (struct weir_operator_metrics){ .records_out = 7, .current_watermark_ms = INT64_MIN };
    f->counters[1] =
        (struct weir_operator_metrics){ .records_in = 7, .records_out = 5, .late_records_dropped = 2 };
    f->subtask.metrics = f->counters;
    weir_buffer_init(&f->text, &f->memory.base, 1 << 20);
    return f;
}

static struct weir_task_meter *add(struct fixture *f, uint8_t job, uint32_t subtask)
{
    struct weir_attempt_id attempt = {
        .job = { { job } }, .vertex = 3, .subtask = subtask, .epoch = 4, .number = 1
    };
    return weir_task_metrics_add(f->metrics, &attempt, "a job", &f->vertex, &f->subtask);
}

static void end(struct fixture *f)
{
    weir_buffer_done(&f->text);
    weir_task_metrics_free(f->metrics);
    weir_test_memory_check(&f->memory);
}

static const char *json(struct fixture *f, const char *job)
{
    weir_buffer_done(&f->text);
    weir_buffer_init(&f->text, &f->memory.base, 1 << 20);
    weir_task_metrics_print_json(f->metrics, job, &f->text);
    return weir_buffer_text(&f->text);
}

static double value_of(const char *text, const char *name)
{
    char key[128];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(text, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

static void what_a_task_has_done_is_read_at_its_end(void **state)
{
    struct fixture f;
    struct weir_task_meter *meter = add(begin(&f), 1, 0);
    __atomic_store_n(&f.subtask.counters.bytes_in, 70, __ATOMIC_RELAXED);
    weir_task_meter_told(meter, weir_clock_monotonic_ns() - 5000000, WEIR_SUBTASK_WORKED);
    Weir__TaskFigures figures;
    weir_task_meter_read(meter, &figures);
    assert_int_equal(figures.bytes_in, 70);
    assert_int_equal(figures.records_in, 0);
    assert_int_equal(figures.records_out, 5);
    assert_true(figures.busy_ms >= 5);
    assert_int_equal(figures.waiting_ms, 0);
    weir_task_metrics_remove(f.metrics, meter);
    end(&f);
}

static void counters_are_shown_by_job_and_by_operator(void **state)
{
    struct fixture f;
    struct weir_task_meter *meter = add(begin(&f), 1, 0), *other = add(&f, 2, 1);
    const char *text = json(&f, "01000000000000000000000000000000");
    assert_non_null(strstr(text, "[{\"job\":\"01000000000000000000000000000000\",\"vertex\":3,\"subtask\":0,"
                                 "\"attempt\":1,\"epoch\":4,\"metrics\":{\"numRecordsIn\":0,"));
    assert_null(strstr(text, "\"job\":\"02"));
    assert_int_equal(value_of(text, "numRecordsOut"), 5);
    assert_int_equal(value_of(text, "Source__g[1].numRecordsOut"), 7);
    assert_int_equal(value_of(text, "Calc[2].numRecordsIn"), 7);
    assert_int_equal(value_of(text, "numLateRecordsDropped"), 2);
    assert_non_null(strstr(text, "\"currentInputWatermark\":-9223372036854775808,"));
    assert_non_null(strstr(json(&f, NULL), "\"job\":\"02"));
    weir_task_metrics_remove(f.metrics, meter);
    weir_task_metrics_remove(f.metrics, other);
    assert_string_equal(json(&f, NULL), "[]");
    end(&f);
}

static void time_is_busy_idle_or_waiting(void **state)
{
    struct fixture f;
    struct weir_task_meter *meter = add(begin(&f), 1, 0);
    int64_t start_ns = weir_clock_monotonic_ns();
    weir_task_meter_told(meter, start_ns, WEIR_SUBTASK_WORKED);
    weir_clock_sleep_ms(30); /* after work it is busy until it says otherwise */
    weir_task_meter_told(meter, weir_clock_monotonic_ns(), WEIR_SUBTASK_BLOCKED);
    assert_int_equal(value_of(json(&f, NULL), "isBackPressured"), 1);
    weir_clock_sleep_ms(20);
    weir_task_meter_told(meter, weir_clock_monotonic_ns(), WEIR_SUBTASK_IDLE);
    weir_clock_sleep_ms(10);
    const char *text = json(&f, NULL);
    int64_t passed_ms = (weir_clock_monotonic_ns() - start_ns) / 1000000;
    double busy = value_of(text, "accumulateBusyTimeMs"), idle = value_of(text, "accumulateIdleTimeMs"),
           waiting = value_of(text, "accumulateBackPressuredTimeMs");
    assert_true(busy >= 30 && waiting >= 20 && idle >= 10);
    assert_true(busy + idle + waiting <= (double)passed_ms + 1);
    assert_int_equal(value_of(text, "isBackPressured"), 0);
    weir_task_metrics_remove(f.metrics, meter);
    end(&f);
}

static void a_rate_is_of_the_last_seconds(void **state)
{
    struct fixture f;
    struct weir_task_meter *meter = add(begin(&f), 1, 0);
    __atomic_store_n(&f.counters[1].records_out, 1005, __ATOMIC_RELAXED);
    weir_clock_sleep_ms(20);
    double rate = value_of(json(&f, NULL), "numRecordsOutPerSecond");
    assert_true(rate > 0 && rate <= 1000 / 0.02);
    assert_true(value_of(json(&f, NULL), "numRecordsInPerSecond") == 0);
    weir_task_metrics_remove(f.metrics, meter);
    end(&f);
}

static void prometheus_has_the_labels_of_each_scope(void **state)
{
    struct fixture f;
    struct weir_task_meter *meter = add(begin(&f), 1, 1);
    weir_task_metrics_print_prometheus(f.metrics, &f.text);
    const char *text = weir_buffer_text(&f.text);
    assert_non_null(strstr(text,
        "# TYPE flink_taskmanager_job_task_numRecordsOut gauge\n"
        "flink_taskmanager_job_task_numRecordsOut{host=\"host_name\",tm_id=\"tm_1\","
        "job_id=\"01000000000000000000000000000000\",job_name=\"a_job\",task_id="
        "\"00000000000000000000000000000003\","
        "task_name=\"Source:_g_1_____Calc_2_\",task_attempt_id=\"v3_s1_e4_1\",task_attempt_num=\"0\","
        "subtask_index=\"1\",} 5\n"));
    assert_non_null(
        strstr(text, "operator_id=\"00000000000000000000000000000002\",operator_name=\"Calc_2_\",} 7\n"));
    weir_task_metrics_remove(f.metrics, meter);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_task_has_done_is_read_at_its_end),
        cmocka_unit_test(counters_are_shown_by_job_and_by_operator),
        cmocka_unit_test(time_is_busy_idle_or_waiting),
        cmocka_unit_test(a_rate_is_of_the_last_seconds),
        cmocka_unit_test(prometheus_has_the_labels_of_each_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
