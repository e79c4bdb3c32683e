/* Messages and records: what is refused, what survives, how large they get. */
#include "proto/codec.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <stdio.h>
#include <string.h>

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_buffer bytes;
    struct weir_error error;
};

static void start(struct fixture *fixture)
{
    weir_test_memory_init(&fixture->memory);
    weir_arena_init(&fixture->arena, &fixture->memory.base);
    weir_buffer_init(&fixture->bytes, &fixture->memory.base, 1 << 28);
}

static void end(struct fixture *fixture)
{
    weir_buffer_done(&fixture->bytes);
    weir_arena_done(&fixture->arena);
    weir_test_memory_check(&fixture->memory);
}

static char *text_of(struct fixture *fixture, char byte, size_t length)
{
    char *text = weir_arena_allocate(&fixture->arena, length + 1);
    memset(text, byte, length);
    text[length] = '\0';
    return text;
}

static ProtobufCBinaryData id_of(struct fixture *fixture, uint8_t byte)
{
    return (ProtobufCBinaryData){ .len = 16, .data = (uint8_t *)text_of(fixture, (char)byte, 16) };
}

/* A record as it is at its largest in use: everything there, long paths, ids and epochs that need all bytes.
 */
static Weir__JobRecord *large_record(struct fixture *fixture, uint32_t checkpoints)
{
    struct weir_arena *arena = &fixture->arena;
    Weir__JobRecord *record = WEIR_PROTO_NEW(arena, Weir__JobRecord, weir__job_record);
    char *directory = text_of(fixture, 'd', 200);
    record->format = WEIR_RECORD_FORMAT;
    record->epoch = record->writer_incarnation = record->write_counter = UINT64_MAX;
    record->job = id_of(fixture, 0xff);
    record->name = text_of(fixture, 'n', 255);
    record->plan_pointer = weir_arena_format(arena, "%s/plans/%032d-e%llu-1", directory, 1, ~0ull);
    record->plan_version = UINT64_MAX;
    record->n_overrides = 100;
    record->overrides = WEIR_ARENA_ARRAY(arena, Weir__ParallelismOverride *, 100);
    for (uint32_t i = 0; i < 100; i++) {
        record->overrides[i] = WEIR_PROTO_NEW(arena, Weir__ParallelismOverride, weir__parallelism_override);
        record->overrides[i]->vertex = i;
        record->overrides[i]->parallelism = 32768;
    }
    record->n_checkpoints = checkpoints;
    record->checkpoints = WEIR_ARENA_ARRAY(arena, Weir__CompletedCheckpoint *, checkpoints);
    for (uint32_t i = 0; i < checkpoints; i++) {
        Weir__CompletedCheckpoint *checkpoint =
            WEIR_PROTO_NEW(arena, Weir__CompletedCheckpoint, weir__completed_checkpoint);
        checkpoint->id = UINT64_MAX - i;
        checkpoint->epoch = UINT64_MAX;
        checkpoint->kind = WEIR__CHECKPOINT_KIND__FINAL_CHECKPOINT;
        checkpoint->completed_ms = INT64_MAX;
        checkpoint->pointer = weir_arena_format(
            arena, "%s/%032d/chk-%llu/_metadata", directory, 1, (unsigned long long)checkpoint->id);
        record->checkpoints[i] = checkpoint;
    }
    record->checkpoint_id_reserved = UINT64_MAX;
    record->target = WEIR_PROTO_NEW(arena, Weir__Target, weir__target);
    record->target->kind = WEIR__TARGET_KIND__TARGET_STOP;
    record->target->request = id_of(fixture, 0xee);
    record->target->path = directory;
    record->restore = WEIR_PROTO_NEW(arena, Weir__RestoreOrigin, weir__restore_origin);
    record->restore->path = directory;
    record->restore->claim_mode = WEIR__CLAIM_MODE__CLAIM;
    record->n_savepoints = 16;
    record->savepoints = WEIR_ARENA_ARRAY(arena, Weir__SavepointRequest *, 16);
    for (uint32_t i = 0; i < 16; i++) {
        record->savepoints[i] = WEIR_PROTO_NEW(arena, Weir__SavepointRequest, weir__savepoint_request);
        record->savepoints[i]->request = id_of(fixture, (uint8_t)i);
        record->savepoints[i]->path = directory;
        record->savepoints[i]->error = directory;
    }
    record->status = WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY;
    record->result = WEIR_PROTO_NEW(arena, Weir__JobResult, weir__job_result);
    record->result->error = text_of(fixture, 'e', 4096);
    record->stop_error = text_of(fixture, 's', 1024);
    return record;
}

static void a_record_with_100_retained_checkpoints_is_below_64_kib(void **state)
{
    struct fixture f;
    start(&f);
    weir_proto_encode(&large_record(&f, 100)->base, &f.bytes);
    print_message("a large job record with 100 checkpoints has %zu bytes\n", f.bytes.length);
    assert_true(f.bytes.length > 16 << 10); /* it is as large as it says */
    assert_true(f.bytes.length < 64 << 10);
    Weir__JobRecord *again = NULL;
    assert_int_equal(
        weir_job_record_decode(&f.arena, f.bytes.data, f.bytes.length, &again, &f.error), WEIR_OK);
    assert_int_equal(again->n_checkpoints, 100);
    assert_string_equal(again->checkpoints[99]->pointer, large_record(&f, 100)->checkpoints[99]->pointer);
    end(&f);
}

static void a_record_is_refused_by_what_it_lacks(void **state)
{
    struct fixture f;
    start(&f);
    for (int wrong = 0; wrong < 6; wrong++) {
        Weir__JobRecord *record = large_record(&f, 3), *again = NULL;
        if (wrong == 0) record->format = WEIR_RECORD_FORMAT + 1;
        if (wrong == 1) record->job.len = 15;
        if (wrong == 2) record->target = NULL;
        if (wrong == 3) record->epoch = 0;
        if (wrong == 4) record->status = WEIR__RECORD_STATUS__RECORD_STATUS_UNSPECIFIED;
        if (wrong == 5) record->target->kind = WEIR__TARGET_KIND__TARGET_UNSPECIFIED;
        weir_buffer_clear(&f.bytes);
        weir_proto_encode(&record->base, &f.bytes);
        assert_int_not_equal(
            weir_job_record_decode(&f.arena, f.bytes.data, f.bytes.length, &again, &f.error), WEIR_OK);
        assert_non_null(strstr(f.error.message, wrong == 0 ? "has format 2; this version" : "damaged"));
    }
    end(&f);
}

static void a_cut_record_is_refused_or_reads_as_what_is_left(void **state)
{
    struct fixture f;
    start(&f);
    weir_proto_encode(&large_record(&f, 3)->base, &f.bytes);
    uint32_t refused = 0;
    for (size_t cut = 0; cut < f.bytes.length; cut++) {
        Weir__JobRecord *again = NULL;
        if (weir_job_record_decode(&f.arena, f.bytes.data, cut, &again, &f.error))
            refused++;
        else /* cut between two fields: what a decoder relies on is there all the same */
            assert_true(again->target && again->job.len == 16 && again->epoch);
        weir_arena_reset(&f.arena);
    }
    assert_true(refused > f.bytes.length * 9 / 10);
    end(&f);
}

/* What a newer version has added: a field of number 1000. */
static void unknown_fields_survive(void **state)
{
    struct fixture f;
    start(&f);
    Weir__JobRecord *record = large_record(&f, 1), *again = NULL;
    weir_proto_encode(&record->base, &f.bytes);
    static const uint8_t unknown[] = { 0xc2, 0x3e, 5, 'n', 'e', 'w', 'e', 'r' };
    weir_buffer_append(&f.bytes, unknown, sizeof unknown);
    assert_int_equal(
        weir_job_record_decode(&f.arena, f.bytes.data, f.bytes.length, &again, &f.error), WEIR_OK);
    again->write_counter = 7;
    Weir__JobRecord *copy = WEIR_PROTO_COPY(&f.arena, again);
    weir_buffer_clear(&f.bytes);
    weir_proto_encode(&copy->base, &f.bytes);
    assert_memory_equal(f.bytes.data + f.bytes.length - sizeof unknown, unknown, sizeof unknown);
    end(&f);
}

/* It would be written back as bytes that nobody can read: in the message itself and in one inside of it. */
static void a_field_without_a_number_is_refused(void **state)
{
    static const uint8_t field_zero[] = { 0x81, 0x80, 0x00, 1, 2, 3, 4, 5, 6, 7, 8 };
    struct fixture f;
    start(&f);
    for (int inside = 0; inside < 3; inside++) {
        Weir__TaskManagerReport report = WEIR__TASK_MANAGER_REPORT__INIT;
        Weir__AttemptReport attempt = WEIR__ATTEMPT_REPORT__INIT, *attempts[] = { &attempt };
        Weir__Node node = WEIR__NODE__INIT;
        ProtobufCMessageUnknownField unknown = {
            .tag = 0, .wire_type = PROTOBUF_C_WIRE_TYPE_64BIT, .len = 8, .data = (uint8_t *)field_zero + 3
        };
        report.node = &node;
        report.n_attempts = 1;
        report.attempts = attempts;
        if (inside == 1) node.base.n_unknown_fields = 1, node.base.unknown_fields = &unknown;
        if (inside == 2) attempt.base.n_unknown_fields = 1, attempt.base.unknown_fields = &unknown;
        weir_buffer_clear(&f.bytes);
        weir_proto_encode(&report.base, &f.bytes);
        if (inside) { /* spelled in two bytes, one more for the length of what it is in */
            char *at = memchr(f.bytes.data, 1, f.bytes.length);
            size_t rest = f.bytes.length - (size_t)(at - f.bytes.data);
            weir_buffer_append_byte(&f.bytes, 0);
            at = f.bytes.data + f.bytes.length - 1 - rest;
            memmove(at + 2, at + 1, rest - 1);
            at[0] = (char)0x81;
            at[1] = 0;
            at[-1]++;
        } else {
            weir_buffer_append(&f.bytes, field_zero, sizeof field_zero);
        }
        ProtobufCMessage *message = NULL;
        assert_int_equal(weir_proto_decode(&weir__task_manager_report__descriptor, &f.arena, f.bytes.data,
                             f.bytes.length, 4096, &message, &f.error),
            WEIR_E_STATE);
    }
    end(&f);
}

static void sizes_are_checked_before_decoding(void **state)
{
    struct fixture f;
    start(&f);
    uint8_t *bytes = weir_arena_allocate_zeroed(&f.arena, WEIR_RECORD_BYTES_MAX + 1);
    uint64_t before = atomic_load(&f.memory.base.allocation_count);
    Weir__JobRecord *record = NULL;
    Weir__LeaderRecord *leader = NULL;
    assert_int_equal(
        weir_job_record_decode(&f.arena, bytes, WEIR_RECORD_BYTES_MAX + 1, &record, &f.error), WEIR_E_STATE);
    assert_non_null(strstr(f.error.message, "262145 bytes long; at most 262144"));
    assert_int_equal(weir_leader_record_decode(&f.arena, bytes, WEIR_RECORD_BYTES_MAX + 1, &leader, &f.error),
        WEIR_E_STATE);
    assert_int_equal(atomic_load(&f.memory.base.allocation_count), before);
    end(&f);
}

/* Many empty messages in few bytes: decoding takes at most a multiple of what came in. */
static void little_that_asks_for_much_is_refused(void **state)
{
    struct fixture f;
    start(&f);
    enum { COUNT = 1 << 20 };
    uint8_t *bytes = weir_memory_allocate(&f.memory.base, COUNT * 2);
    for (uint32_t i = 0; i < COUNT; i++) {
        bytes[2 * i] = 0x1a; /* attempts = 3 of a TaskManagerReport, empty */
        bytes[2 * i + 1] = 0;
    }
    ProtobufCMessage *message = NULL;
    size_t before = atomic_load(&f.memory.base.used_bytes);
    enum weir_error_code code = weir_proto_decode(&weir__task_manager_report__descriptor, &f.arena, bytes,
        COUNT * 2, WEIR_ENVELOPE_BYTES_MAX, &message, &f.error);
    assert_int_equal(code, WEIR_E_STATE);
    /* Beside it what is left over at the ends of the arena's blocks. */
    assert_true(atomic_load(&f.memory.base.used_bytes) - before <
                (size_t)COUNT * 2 * (WEIR_DECODE_AMPLIFICATION_MAX + 4));
    weir_memory_release(&f.memory.base, bytes, COUNT * 2);
    end(&f);
}

static Weir__ExecutionPlan *plan(struct fixture *fixture)
{
    struct weir_arena *arena = &fixture->arena;
    Weir__ExecutionPlan *it = WEIR_PROTO_NEW(arena, Weir__ExecutionPlan, weir__execution_plan);
    it->format = WEIR_RECORD_FORMAT;
    it->job = id_of(fixture, 1);
    it->settings = WEIR_PROTO_NEW(arena, Weir__JobSettings, weir__job_settings);
    it->n_vertices = 2;
    it->vertices = WEIR_ARENA_ARRAY(arena, Weir__PlanVertex *, 2);
    for (uint32_t i = 0; i < 2; i++) {
        it->vertices[i] = WEIR_PROTO_NEW(arena, Weir__PlanVertex, weir__plan_vertex);
        it->vertices[i]->id = i + 1;
        it->vertices[i]->parallelism = 2;
        it->vertices[i]->max_parallelism = 128;
    }
    it->vertices[1]->n_inputs = 1;
    it->vertices[1]->inputs = WEIR_ARENA_ARRAY(arena, Weir__PlanEdge *, 1);
    it->vertices[1]->inputs[0] = WEIR_PROTO_NEW(arena, Weir__PlanEdge, weir__plan_edge);
    it->vertices[1]->inputs[0]->from_vertex = 1;
    return it;
}

static void a_plan_is_refused_by_what_is_wrong_with_it(void **state)
{
    static const char *const messages[] = { NULL, "parallelism 0 of at most 128",
        "parallelism 129 of at most", "maximum <= 32768", "reads vertex 9", "reads vertex 2", "lacks its id",
        "lacks its id", "format 2" };
    struct fixture f;
    start(&f);
    for (uint32_t wrong = 0; wrong < WEIR_ARRAY_COUNT(messages); wrong++) {
        Weir__ExecutionPlan *it = plan(&f), *again = NULL;
        if (wrong == 1) it->vertices[0]->parallelism = 0;
        if (wrong == 2) it->vertices[0]->parallelism = 129;
        if (wrong == 3) it->vertices[0]->max_parallelism = 32769;
        if (wrong == 4) it->vertices[1]->inputs[0]->from_vertex = 9;
        if (wrong == 5) it->vertices[1]->inputs[0]->from_vertex = 2;
        if (wrong == 6) it->settings = NULL;
        if (wrong == 7) it->n_vertices = 0;
        if (wrong == 8) it->format = 2;
        weir_buffer_clear(&f.bytes);
        weir_proto_encode(&it->base, &f.bytes);
        enum weir_error_code code =
            weir_execution_plan_decode(&f.arena, f.bytes.data, f.bytes.length, &again, &f.error);
        assert_int_equal(code != WEIR_OK, messages[wrong] != NULL);
        if (messages[wrong]) assert_non_null(strstr(f.error.message, messages[wrong]));
    }
    end(&f);
}

static void a_leader_record_and_metadata_are_refused_by_what_they_lack(void **state)
{
    struct fixture f;
    start(&f);
    for (int wrong = 0; wrong < 4; wrong++) {
        Weir__LeaderRecord *again = NULL, record = WEIR__LEADER_RECORD__INIT;
        Weir__CheckpointMetadata *metadata_again = NULL, metadata = WEIR__CHECKPOINT_METADATA__INIT;
        Weir__Node holder = WEIR__NODE__INIT;
        record.format = metadata.format = wrong == 1 ? 9 : WEIR_RECORD_FORMAT;
        record.epoch = metadata.epoch = wrong == 2 ? 0 : 4;
        record.holder = &holder;
        holder.name = (char *)(wrong == 3 ? "" : "jm");
        metadata.job = id_of(&f, 1);
        metadata.id = wrong == 3 ? 0 : 8;
        weir_buffer_clear(&f.bytes);
        weir_proto_encode(&record.base, &f.bytes);
        assert_int_equal(weir_leader_record_decode(&f.arena, f.bytes.data, f.bytes.length, &again, &f.error),
            wrong ? WEIR_E_STATE : WEIR_OK);
        weir_buffer_clear(&f.bytes);
        weir_proto_encode(&metadata.base, &f.bytes);
        assert_int_equal(weir_checkpoint_metadata_decode(
                             &f.arena, f.bytes.data, f.bytes.length, &metadata_again, &f.error),
            wrong ? WEIR_E_STATE : WEIR_OK);
    }
    end(&f);
}

static void an_envelope_is_refused_by_what_is_wrong_with_it(void **state)
{
    struct fixture f;
    start(&f);
    for (int wrong = 0; wrong < 7; wrong++) {
        Weir__Envelope envelope = WEIR__ENVELOPE__INIT, *again = NULL;
        Weir__Heartbeat heartbeat = WEIR__HEARTBEAT__INIT;
        envelope.version = wrong == 1 ? 2 : WEIR_PROTOCOL_VERSION;
        envelope.cluster = (char *)(wrong == 2 ? "" : "c");
        envelope.sender = (char *)(wrong == 3 ? "" : "s");
        if (wrong != 4) {
            envelope.body_case = WEIR__ENVELOPE__BODY_HEARTBEAT;
            envelope.heartbeat = &heartbeat;
        }
        if (wrong >= 5) envelope.job = id_of(&f, 1);
        if (wrong == 5) envelope.job.len = 4;
        weir_buffer_clear(&f.bytes);
        weir_proto_encode(&envelope.base, &f.bytes);
        enum weir_error_code code =
            weir_envelope_decode(&f.arena, f.bytes.data, f.bytes.length, &again, &f.error);
        assert_int_equal(code, wrong == 0 || wrong == 6 ? WEIR_OK
                               : wrong == 1             ? WEIR_E_UNSUPPORTED
                                                        : WEIR_E_STATE);
    }
    end(&f);
}

static void every_body_has_a_name_and_a_line(void **state)
{
    struct fixture f;
    start(&f);
    assert_string_equal(weir_envelope_body_name(WEIR__ENVELOPE__BODY_REPORT_ACCEPTED), "report_accepted");
    assert_string_equal(weir_envelope_body_name(WEIR__ENVELOPE__BODY__NOT_SET), "nothing");
    assert_string_equal(weir_envelope_body_name((Weir__Envelope__BodyCase)9999), "nothing");
    for (uint32_t i = 0; i < weir__envelope__descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &weir__envelope__descriptor.fields[i];
        if (field->id < WEIR__ENVELOPE__BODY_GREETING) continue;
        const ProtobufCMessageDescriptor *descriptor = field->descriptor;
        ProtobufCMessage *body = weir_arena_allocate_zeroed(&f.arena, descriptor->sizeof_message);
        descriptor->message_init(body); /* every field at its default: nothing may be relied on */
        Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
        envelope.sender = (char *)"s";
        envelope.body_case = (Weir__Envelope__BodyCase)field->id;
        envelope.greeting = (Weir__Greeting *)body;
        weir_buffer_clear(&f.bytes);
        weir_envelope_print(&envelope, &f.bytes);
        const char *text = weir_buffer_text(&f.bytes);
        assert_int_equal(strncmp(text, field->name, strlen(field->name)), 0);
        assert_non_null(strstr(text, " from s epoch 0"));
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_with_100_retained_checkpoints_is_below_64_kib),
        cmocka_unit_test(a_record_is_refused_by_what_it_lacks),
        cmocka_unit_test(a_cut_record_is_refused_or_reads_as_what_is_left),
        cmocka_unit_test(unknown_fields_survive),
        cmocka_unit_test(a_field_without_a_number_is_refused),
        cmocka_unit_test(sizes_are_checked_before_decoding),
        cmocka_unit_test(little_that_asks_for_much_is_refused),
        cmocka_unit_test(a_plan_is_refused_by_what_is_wrong_with_it),
        cmocka_unit_test(a_leader_record_and_metadata_are_refused_by_what_they_lack),
        cmocka_unit_test(an_envelope_is_refused_by_what_is_wrong_with_it),
        cmocka_unit_test(every_body_has_a_name_and_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
