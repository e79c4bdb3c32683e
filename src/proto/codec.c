#include "proto/codec.h"
#include "base/assert.h"
#include "proto/metadata.h"

/* What a decoder may take: a multiple of what came in, so that a small message cannot ask for much. */
struct decode_allocator {
    ProtobufCAllocator base;
    struct weir_arena *arena;
    size_t left;
};

static void *decode_allocate(void *data, size_t size)
{
    struct decode_allocator *allocator = data;
    if (size > allocator->left) return NULL;
    allocator->left -= size;
    return weir_arena_allocate(allocator->arena, size ? size : 1);
}

static void decode_free(void *data, void *pointer) {}

static struct decode_allocator decode_allocator(struct weir_arena *arena, size_t left)
{
    struct decode_allocator allocator = {
        .base = { .alloc = decode_allocate, .free = decode_free }, .arena = arena, .left = left
    };
    return allocator;
}

struct encode_sink {
    ProtobufCBuffer base;
    struct weir_buffer *to;
};

static void encode_append(ProtobufCBuffer *buffer, size_t length, const uint8_t *bytes)
{
    weir_buffer_append(((struct encode_sink *)buffer)->to, bytes, length);
}

void weir_proto_encode(const ProtobufCMessage *message, struct weir_buffer *to)
{
    struct encode_sink sink = { .base = { .append = encode_append }, .to = to };
    protobuf_c_message_pack_to_buffer(message, &sink.base);
}

/*
 * protobuf-c takes a field number of zero that is spelled in more than one byte, keeps it as an unknown field
 * and writes it in one byte, which it then refuses: a record written back like that could never be read
 * again. Such a spelling is rare even in opaque bytes, so the message is looked through only where one may
 * be.
 */
static bool may_hold_field_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i + 1 < length; i++) {
        if ((bytes[i] & 0xf8) != 0x80) continue;
        size_t end = i + 1;
        while (end < length && bytes[end] == 0x80) end++;
        if (end < length && bytes[end] == 0) return true;
    }
    return false;
}

static bool holds_field_zero(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->n_unknown_fields; i++)
        if (message->unknown_fields[i].tag == 0) return true;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        const char *at = (const char *)message + field->offset, *quantifier = (const char *)message;
        quantifier += field->quantifier_offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            const ProtobufCMessage *const *items = *(const ProtobufCMessage *const *const *)(const void *)at;
            size_t count = *(const size_t *)(const void *)quantifier;
            for (size_t j = 0; j < count; j++)
                if (holds_field_zero(items[j])) return true;
            continue;
        }
        bool chosen = !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
                      *(const uint32_t *)(const void *)quantifier == field->id;
        const ProtobufCMessage *item = *(const ProtobufCMessage *const *)(const void *)at;
        if (chosen && item && holds_field_zero(item)) return true;
    }
    return false;
}

enum weir_error_code weir_proto_decode(const ProtobufCMessageDescriptor *descriptor, struct weir_arena *arena,
    const void *bytes, size_t length, size_t bytes_max, ProtobufCMessage **ret, struct weir_error *reterr)
{
    if (length > bytes_max)
        return weir_error_set(reterr, WEIR_E_STATE, "%s is %zu bytes long; at most %zu are accepted",
            descriptor->short_name, length, bytes_max);
    struct decode_allocator allocator =
        decode_allocator(arena, 4096 + length * WEIR_DECODE_AMPLIFICATION_MAX);
    allocator.base.allocator_data = &allocator;
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator.base, length, bytes);
    if (!message || (may_hold_field_zero(bytes, length) && holds_field_zero(message)))
        return weir_error_set(reterr, WEIR_E_STATE, "%zu bytes are no %s: truncated or damaged", length,
            descriptor->short_name);
    *ret = message;
    return WEIR_OK;
}

ProtobufCMessage *weir_proto_copy(struct weir_arena *arena, const ProtobufCMessage *message)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = weir_arena_allocate(arena, length ? length : 1);
    protobuf_c_message_pack(message, bytes);
    struct decode_allocator allocator = decode_allocator(arena, SIZE_MAX);
    allocator.base.allocator_data = &allocator;
    ProtobufCMessage *copy = protobuf_c_message_unpack(message->descriptor, &allocator.base, length, bytes);
    WEIR_ASSERT(copy); /* what was packed is well-formed */
    return copy;
}

static enum weir_error_code check_format(const char *what, uint32_t format, struct weir_error *reterr)
{
    if (format == WEIR_RECORD_FORMAT) return WEIR_OK;
    return weir_error_set(reterr, WEIR_E_STATE, "%s has format %u; this version of Weir reads format %u",
        what, format, WEIR_RECORD_FORMAT);
}

enum weir_error_code weir_envelope_decode(struct weir_arena *arena, const void *bytes, size_t length,
    Weir__Envelope **ret, struct weir_error *reterr)
{
    ProtobufCMessage *message = NULL;
    enum weir_error_code code = weir_proto_decode(
        &weir__envelope__descriptor, arena, bytes, length, WEIR_ENVELOPE_BYTES_MAX, &message, reterr);
    if (code) return code;
    Weir__Envelope *envelope = (Weir__Envelope *)message;
    if (envelope->version != WEIR_PROTOCOL_VERSION)
        return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
            "a message of protocol version %u; this process speaks version %u", envelope->version,
            WEIR_PROTOCOL_VERSION);
    if (envelope->body_case == WEIR__ENVELOPE__BODY__NOT_SET)
        return weir_error_set(reterr, WEIR_E_STATE, "a message without a body that this version knows");
    if (!envelope->sender[0] || !envelope->cluster[0])
        return weir_error_set(reterr, WEIR_E_STATE, "a message without sender or cluster");
    if (envelope->job.len != 0 && envelope->job.len != 16)
        return weir_error_set(
            reterr, WEIR_E_STATE, "a message with a job id of %zu bytes; expected 16", envelope->job.len);
    *ret = envelope;
    return WEIR_OK;
}

enum weir_error_code weir_job_record_decode(struct weir_arena *arena, const void *bytes, size_t length,
    Weir__JobRecord **ret, struct weir_error *reterr)
{
    ProtobufCMessage *message = NULL;
    enum weir_error_code code = weir_proto_decode(
        &weir__job_record__descriptor, arena, bytes, length, WEIR_RECORD_BYTES_MAX, &message, reterr);
    if (code) return code;
    Weir__JobRecord *record = (Weir__JobRecord *)message;
    if ((code = check_format("the job record", record->format, reterr))) return code;
    if (record->job.len != 16 || !record->target || !record->epoch ||
        record->status == WEIR__RECORD_STATUS__RECORD_STATUS_UNSPECIFIED ||
        record->target->kind == WEIR__TARGET_KIND__TARGET_UNSPECIFIED)
        return weir_error_set(
            reterr, WEIR_E_STATE, "the job record lacks its id, epoch, target or status: it is damaged");
    *ret = record;
    return WEIR_OK;
}

enum weir_error_code weir_leader_record_decode(struct weir_arena *arena, const void *bytes, size_t length,
    Weir__LeaderRecord **ret, struct weir_error *reterr)
{
    ProtobufCMessage *message = NULL;
    enum weir_error_code code = weir_proto_decode(
        &weir__leader_record__descriptor, arena, bytes, length, WEIR_RECORD_BYTES_MAX, &message, reterr);
    if (code) return code;
    Weir__LeaderRecord *record = (Weir__LeaderRecord *)message;
    if ((code = check_format("the leader record", record->format, reterr))) return code;
    if (!record->epoch || !record->holder || !record->holder->name[0])
        return weir_error_set(
            reterr, WEIR_E_STATE, "the leader record lacks its epoch or holder: it is damaged");
    *ret = record;
    return WEIR_OK;
}

enum weir_error_code weir_execution_plan_decode(struct weir_arena *arena, const void *bytes, size_t length,
    Weir__ExecutionPlan **ret, struct weir_error *reterr)
{
    ProtobufCMessage *message = NULL;
    enum weir_error_code code = weir_proto_decode(
        &weir__execution_plan__descriptor, arena, bytes, length, WEIR_PLAN_BYTES_MAX, &message, reterr);
    if (code) return code;
    Weir__ExecutionPlan *plan = (Weir__ExecutionPlan *)message;
    if ((code = check_format("the execution plan", plan->format, reterr))) return code;
    if (plan->job.len != 16 || !plan->settings || !plan->n_vertices)
        return weir_error_set(
            reterr, WEIR_E_STATE, "the execution plan lacks its id, settings or vertices: it is damaged");
    for (size_t i = 0; i < plan->n_vertices; i++) {
        const Weir__PlanVertex *vertex = plan->vertices[i];
        if (!vertex->parallelism || vertex->parallelism > vertex->max_parallelism ||
            vertex->max_parallelism > 32768)
            return weir_error_set(reterr, WEIR_E_STATE,
                "vertex %u of the execution plan has parallelism %u of at most %u: expected 1 <= parallelism "
                "<= "
                "maximum <= 32768",
                vertex->id, vertex->parallelism, vertex->max_parallelism);
        for (size_t j = 0; j < vertex->n_inputs; j++) {
            bool found = false;
            for (size_t k = 0; k < i && !found; k++)
                found = plan->vertices[k]->id == vertex->inputs[j]->from_vertex;
            if (!found)
                return weir_error_set(reterr, WEIR_E_STATE,
                    "vertex %u of the execution plan reads vertex %u, which does not stand before it",
                    vertex->id, vertex->inputs[j]->from_vertex);
        }
    }
    *ret = plan;
    return WEIR_OK;
}

enum weir_error_code weir_checkpoint_metadata_decode(struct weir_arena *arena, const void *bytes,
    size_t length, Weir__CheckpointMetadata **ret, struct weir_error *reterr)
{
    size_t covered = 0; /* the checksum does not go along: it is not of what this is changed into */
    if (!weir_checkpoint_metadata_is_sound(bytes, length, &covered))
        return weir_error_set(
            reterr, WEIR_E_STATE, "the checkpoint's metadata is damaged: its checksum is wrong");
    ProtobufCMessage *message = NULL;
    enum weir_error_code code = weir_proto_decode(&weir__checkpoint_metadata__descriptor, arena, bytes,
        covered, WEIR_METADATA_BYTES_MAX, &message, reterr);
    if (code) return code;
    Weir__CheckpointMetadata *metadata = (Weir__CheckpointMetadata *)message;
    if ((code = check_format("the checkpoint's metadata", metadata->format, reterr))) return code;
    if (metadata->job.len != 16 || !metadata->id || !metadata->epoch)
        return weir_error_set(
            reterr, WEIR_E_STATE, "the checkpoint's metadata lacks its job, id or epoch: it is damaged");
    *ret = metadata;
    return WEIR_OK;
}

const char *weir_envelope_body_name(Weir__Envelope__BodyCase body)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(&weir__envelope__descriptor, (unsigned)body);
    return field && body >= WEIR__ENVELOPE__BODY_GREETING ? field->name : "nothing";
}

static void print_attempt(const Weir__AttemptId *attempt, struct weir_buffer *buffer)
{
    if (!attempt) return;
    weir_buffer_format(buffer, " v%u/s%u/e%llu.%u", attempt->vertex, attempt->subtask,
        (unsigned long long)attempt->epoch, attempt->number);
}

void weir_envelope_print(const Weir__Envelope *envelope, struct weir_buffer *buffer)
{
    weir_buffer_format(buffer, "%s from %s epoch %llu", weir_envelope_body_name(envelope->body_case),
        envelope->sender, (unsigned long long)envelope->epoch);
    if (envelope->request) weir_buffer_format(buffer, " request %llu", (unsigned long long)envelope->request);
    switch (envelope->body_case) {
    case WEIR__ENVELOPE__BODY_REPORT:
        weir_buffer_format(buffer, " %zu attempts", envelope->report->n_attempts);
        break;
    case WEIR__ENVELOPE__BODY_DEPLOY:
        weir_buffer_format(buffer, " %zu tasks, run %llu.%llu from checkpoint %llu",
            envelope->deploy->n_tasks,
            (unsigned long long)(envelope->deploy->run ? envelope->deploy->run->epoch : 0),
            (unsigned long long)(envelope->deploy->run ? envelope->deploy->run->counter : 0),
            (unsigned long long)(envelope->deploy->run ? envelope->deploy->run->restored_checkpoint : 0));
        break;
    case WEIR__ENVELOPE__BODY_CANCEL_TASKS:
        weir_buffer_format(buffer, " %zu tasks", envelope->cancel_tasks->n_attempts);
        break;
    case WEIR__ENVELOPE__BODY_TASK_STATE:
        if (!envelope->task_state->attempt) break;
        print_attempt(envelope->task_state->attempt->attempt, buffer);
        weir_buffer_format(buffer, " state %d", envelope->task_state->attempt->state);
        break;
    case WEIR__ENVELOPE__BODY_TRIGGER:
        weir_buffer_format(buffer, " checkpoint %llu base %llu",
            (unsigned long long)envelope->trigger->checkpoint,
            (unsigned long long)envelope->trigger->base_checkpoint);
        break;
    case WEIR__ENVELOPE__BODY_ACKNOWLEDGE:
        print_attempt(envelope->acknowledge->attempt, buffer);
        weir_buffer_format(buffer, " checkpoint %llu", (unsigned long long)envelope->acknowledge->checkpoint);
        break;
    case WEIR__ENVELOPE__BODY_DECLINE:
        print_attempt(envelope->decline->attempt, buffer);
        weir_buffer_format(buffer, " checkpoint %llu reason %d",
            (unsigned long long)envelope->decline->checkpoint, envelope->decline->reason);
        break;
    case WEIR__ENVELOPE__BODY_COMPLETE:
        weir_buffer_format(buffer, " checkpoint %llu", (unsigned long long)envelope->complete->checkpoint);
        break;
    case WEIR__ENVELOPE__BODY_COMMITTED:
        print_attempt(envelope->committed->attempt, buffer);
        weir_buffer_format(buffer, " checkpoint %llu", (unsigned long long)envelope->committed->checkpoint);
        break;
    case WEIR__ENVELOPE__BODY_ABORT:
        weir_buffer_format(buffer, " checkpoint %llu", (unsigned long long)envelope->abort->checkpoint);
        break;
    case WEIR__ENVELOPE__BODY_REPLY:
        weir_buffer_format(buffer, " code %d %s", envelope->reply->code, envelope->reply->text);
        break;
    default: break;
    }
}
