/*
 * Steps one machine by hand and writes down, as one line of text, what it wants done: tests of the
 * taskexecutor and the resourcemanager compare that.
 */
#ifndef WEIR_TEST_UNIT_CONTROL_BENCH_H
#define WEIR_TEST_UNIT_CONTROL_BENCH_H

#include "base/buffer.h"
#include "control/machines.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <stdio.h>
#include <string.h>

enum { BENCH_TEXT_BYTES = 1 << 16 };

struct bench {
    struct weir_test_memory memory;
    struct weir_arena lasting, turn;
    struct weir_nodes nodes;
    struct weir_identity identity;
    struct weir_control_options options;
    void (*step)(void *machine, const struct weir_event *event, struct weir_effects *effects);
    void *machine;
    int64_t now_us;
    bool quiet; /* effects are counted, not written down */
    uint64_t effects;
    char text[BENCH_TEXT_BYTES];
    size_t length;
    const struct weir_effects *last;
};

static inline struct weir_machine_config bench_init(struct bench *bench, const char *name)
{
    memset(bench, 0, sizeof *bench);
    weir_test_memory_init(&bench->memory);
    weir_arena_init(&bench->lasting, &bench->memory.base);
    weir_arena_init(&bench->turn, &bench->memory.base);
    weir_nodes_init(&bench->nodes, &bench->lasting);
    bench->now_us = 1000000;
    bench->identity = (struct weir_identity){ .cluster = "c",
        .name = name,
        .self = weir_nodes_intern(&bench->nodes, name),
        .incarnation = 77,
        .host = "here",
        .rpc_address = "here:1",
        .data_address = "here:2",
        .rest_address = "" };
    bench->options = (struct weir_control_options){ .heartbeat_interval_us = 100000,
        .heartbeat_timeout_us = 5000000,
        .leader_silence_us = 500000,
        .leaderless_grace_us = INT64_MAX,
        .registration_timeout_us = 10000000,
        .store_poll_us = 1000000,
        .slot_request_timeout_us = 300000000,
        .idle_taskmanager_us = 30000000 };
    return (struct weir_machine_config){ .memory = &bench->memory.base,
        .nodes = &bench->nodes,
        .identity = &bench->identity,
        .options = &bench->options };
}

static inline void bench_done(struct bench *bench)
{
    weir_arena_done(&bench->turn);
    weir_arena_done(&bench->lasting);
    weir_test_memory_check(&bench->memory);
}

static inline weir_node bench_node(struct bench *bench, const char *name)
{
    return weir_nodes_intern(&bench->nodes, name);
}

static inline void bench_note(struct bench *bench, const char *format, ...) WEIR_PRINTF(2, 3);
static inline void bench_note(struct bench *bench, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(bench->text + bench->length, BENCH_TEXT_BYTES - bench->length, format, arguments);
    va_end(arguments);
    bench->length = WEIR_MIN(bench->length + (size_t)added, (size_t)BENCH_TEXT_BYTES - 1);
}

static inline void bench_forget(struct bench *bench)
{
    bench->length = 0;
    bench->text[0] = '\0';
}

/* What was noted since the last time. */
#define bench_expect(bench, expected)                   \
    do {                                                \
        assert_string_equal((bench)->text, (expected)); \
        bench_forget(bench);                            \
    } while (0)

static inline void bench_note_attempt(struct bench *bench, const Weir__AttemptId *id)
{
    bench_note(bench, "v%us%u.%u", id->vertex, id->subtask, id->number);
}

static inline const char *bench_state_name(Weir__ExecutionState state)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&weir__execution_state__descriptor, (int)state);
    return value ? value->name + strlen("EXECUTION_") : "?";
}

static inline void bench_note_reports(struct bench *bench, Weir__AttemptReport *const *reports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bench_note(bench, "%s", i ? "," : "(");
        bench_note_attempt(bench, reports[i]->attempt);
        bench_note(bench, ":%s", bench_state_name(reports[i]->state));
        if (reports[i]->error[0]) bench_note(bench, ":%.20s", reports[i]->error);
        if (reports[i]->figures)
            bench_note(bench, ":%llu records", (unsigned long long)reports[i]->figures->records_in);
        if (reports[i]->n_splits) bench_note(bench, ":%zu splits", reports[i]->n_splits);
    }
    if (count) bench_note(bench, ")");
}

static inline void bench_note_body(struct bench *bench, const Weir__Envelope *envelope)
{
    bench_note(bench, "%s", weir_envelope_body_name(envelope->body_case));
    switch (envelope->body_case) {
    case WEIR__ENVELOPE__BODY_REPORT:
        bench_note_reports(bench, envelope->report->attempts, envelope->report->n_attempts);
        break;
    case WEIR__ENVELOPE__BODY_TASK_STATE: bench_note_reports(bench, &envelope->task_state->attempt, 1); break;
    case WEIR__ENVELOPE__BODY_GREETING:
        bench_note(bench, "(%llu)", (unsigned long long)envelope->greeting->epoch);
        break;
    case WEIR__ENVELOPE__BODY_ACKNOWLEDGE:
        bench_note(bench, "(%llu,", (unsigned long long)envelope->acknowledge->checkpoint);
        bench_note_attempt(bench, envelope->acknowledge->attempt);
        bench_note(bench, ")");
        break;
    case WEIR__ENVELOPE__BODY_DECLINE:
        bench_note(bench, "(%llu,", (unsigned long long)envelope->decline->checkpoint);
        bench_note_attempt(bench, envelope->decline->attempt);
        bench_note(bench, ",%d)", (int)envelope->decline->reason);
        break;
    case WEIR__ENVELOPE__BODY_COMMITTED:
        bench_note(bench, "(%llu)", (unsigned long long)envelope->committed->checkpoint);
        break;
    case WEIR__ENVELOPE__BODY_REQUEST_SPLITS:
        bench_note(bench, "(%llu,%llu)", (unsigned long long)envelope->request_splits->epoch,
            (unsigned long long)envelope->request_splits->sequence);
        break;
    case WEIR__ENVELOPE__BODY_SPLITS_FOUND:
        bench_note(bench, "(%zu%s%s)", envelope->splits_found->n_ids,
            envelope->splits_found->more ? "..." : "", envelope->splits_found->complete ? " all" : "");
        break;
    case WEIR__ENVELOPE__BODY_CANCEL_TASKS:
        bench_note(bench, "(%zu)", envelope->cancel_tasks->n_attempts);
        break;
    case WEIR__ENVELOPE__BODY_FORGET: bench_note(bench, "(%zu)", envelope->forget->n_attempts); break;
    case WEIR__ENVELOPE__BODY_REPORT_ACCEPTED:
        if (envelope->report_accepted->refused[0]) bench_note(bench, "(refused)");
        break;
    default: break;
    }
}

static inline void bench_note_task(struct bench *bench, const struct weir_task_effect *task)
{
    static const char *const names[] = { "deploy", "cancel", "trigger", "abort", "adopt", "complete", "drain",
        "splits", "discover", "forget" };
    bench_note(bench, "!%s", names[task->action]);
    if (task->action == WEIR_TASK_ADOPT_EPOCH) {
        bench_note(bench, "(%llu)", (unsigned long long)task->epoch);
        return;
    }
    bench_note(bench, "(v%us%u.%u", task->attempt.vertex, task->attempt.subtask, task->attempt.number);
    if (task->checkpoint == WEIR_TASK_FINAL)
        bench_note(bench, ",final");
    else if (task->checkpoint)
        bench_note(bench, ",%llu", (unsigned long long)task->checkpoint);
    if (task->splits) bench_note(bench, ",%zu", task->splits->n_splits);
    bench_note(bench, ")");
}

static inline void bench_note_local(struct bench *bench, const struct weir_effect *effect)
{
    const struct weir_local_message *message = effect->local;
    bench_note(bench, "@%u:", effect->to_job.bytes[0]);
    if (message->kind == WEIR_LOCAL_SLOTS) {
        bench_note(bench, "slots[");
        for (uint32_t i = 0; i < message->slot_count; i++)
            bench_note(bench, "%s%s#%u", i ? " " : "", weir_nodes_name(&bench->nodes, message->slots[i].node),
                message->slots[i].index);
        bench_note(bench, "]");
    } else if (message->kind == WEIR_LOCAL_REPORT) {
        bench_note(bench, "report %s", weir_nodes_name(&bench->nodes, message->node));
        bench_note_reports(bench, message->report.attempts, message->report.attempt_count);
    } else if (message->kind == WEIR_LOCAL_TASKMANAGER_LOST) {
        bench_note(bench, "lost %s.%llu", weir_nodes_name(&bench->nodes, message->node),
            (unsigned long long)message->incarnation);
    } else if (message->kind == WEIR_LOCAL_ALL_REPORTED) {
        bench_note(bench, "all");
    } else {
        bench_note(bench, "local %d", (int)message->kind);
    }
}

/* Timers, logs and heartbeats are left out: they are in every line. */
static inline void bench_note_effect(struct bench *bench, const struct weir_effect *effect)
{
    if (effect->kind == WEIR_EFFECT_TIMER || effect->kind == WEIR_EFFECT_LOG) return;
    if (effect->kind == WEIR_EFFECT_SEND && effect->envelope->body_case == WEIR__ENVELOPE__BODY_HEARTBEAT)
        return;
    if (bench->length) bench_note(bench, " ");
    switch (effect->kind) {
    case WEIR_EFFECT_SEND:
        bench_note(bench, ">%s:", weir_nodes_name(&bench->nodes, effect->node));
        bench_note_body(bench, effect->envelope);
        break;
    case WEIR_EFFECT_TASK: bench_note_task(bench, &effect->task); break;
    case WEIR_EFFECT_LOCAL: bench_note_local(bench, effect); break;
    case WEIR_EFFECT_CONNECT:
        bench_note(bench, "connect %s=%s", weir_nodes_name(&bench->nodes, effect->node), effect->text);
        break;
    case WEIR_EFFECT_DISCONNECT:
        bench_note(bench, "disconnect %s", weir_nodes_name(&bench->nodes, effect->node));
        break;
    case WEIR_EFFECT_WORKER:
        bench_note(bench, "%s %s", effect->worker_start ? "start" : "stop", effect->text);
        break;
    case WEIR_EFFECT_EXIT: bench_note(bench, "exit"); break;
    case WEIR_EFFECT_STORE: bench_note(bench, "read %s", effect->operations[0].key); break;
    case WEIR_EFFECT_STORE_WATCH: bench_note(bench, "watch %s", effect->text); break;
    default: bench_note(bench, "effect %d", (int)effect->kind); break;
    }
}

/* One turn: a step and what it continues with. */
static inline void bench_run(struct bench *bench, struct weir_event *event)
{
    struct weir_local_message again = { .kind = WEIR_LOCAL_CONTINUE };
    struct weir_event next = { .kind = WEIR_EVENT_LOCAL };
    next.local = &again;
    weir_arena_reset(&bench->turn);
    for (bool more = true; more; event = &next) {
        struct weir_effects effects;
        weir_effects_init(&effects, &bench->turn);
        event->now_us = bench->now_us;
        event->wall_us = bench->now_us;
        bench->step(bench->machine, event, &effects);
        bench->effects += effects.count;
        for (uint32_t i = 0; i < effects.count && !bench->quiet; i++)
            bench_note_effect(bench, &effects.items[i]);
        more = effects.more;
    }
}

static inline void bench_connection(
    struct bench *bench, const char *name, uint64_t incarnation, enum weir_connection_state state)
{
    struct weir_event event = { .kind = WEIR_EVENT_CONNECTION,
        .from = bench_node(bench, name),
        .from_incarnation = incarnation,
        .connection = state };
    bench_run(bench, &event);
}

static inline void bench_message(
    struct bench *bench, const char *name, uint64_t incarnation, Weir__Envelope__BodyCase body, void *message)
{
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    envelope.sender = (char *)name;
    envelope.sender_incarnation = incarnation;
    envelope.body_case = body;
    envelope.greeting = message;
    struct weir_event event = { .kind = WEIR_EVENT_MESSAGE,
        .from = bench_node(bench, name),
        .from_incarnation = incarnation,
        .envelope = &envelope };
    bench_run(bench, &event);
}

static inline void bench_timer(struct bench *bench, enum weir_role role, uint32_t kind)
{
    struct weir_event event = { .kind = WEIR_EVENT_TIMER, .tag = { .role = role, .kind = kind } };
    bench_run(bench, &event);
}

#endif
