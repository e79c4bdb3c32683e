/*
 * Any bytes as a message or a durable record: refused, or one that encodes to bytes which decode to the same
 * again, that can be copied and printed. The first byte says what the rest is taken for.
 */
// fuzz-libraries: base proto
#include "base/assert.h"
#include "proto/metadata.h"
#include "support/memory.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum weir_error_code decode(
    struct weir_arena *arena, uint8_t kind, const uint8_t *bytes, size_t length, ProtobufCMessage **ret)
{
    struct weir_error error;
    switch (kind % 5) {
    case 0: return weir_envelope_decode(arena, bytes, length, (Weir__Envelope **)ret, &error);
    case 1: return weir_job_record_decode(arena, bytes, length, (Weir__JobRecord **)ret, &error);
    case 2: return weir_leader_record_decode(arena, bytes, length, (Weir__LeaderRecord **)ret, &error);
    case 3: return weir_execution_plan_decode(arena, bytes, length, (Weir__ExecutionPlan **)ret, &error);
    default:
        return weir_checkpoint_metadata_decode(
            arena, bytes, length, (Weir__CheckpointMetadata **)ret, &error);
    }
}

/* As each is written. Metadata ends with its checksum: without one, last bytes that look like it would be
 * taken for it. */
static void encode(
    struct weir_arena *arena, uint8_t kind, const ProtobufCMessage *message, struct weir_buffer *to)
{
    size_t length = 0;
    if (kind % 5 == 4) {
        const Weir__CheckpointMetadata *metadata = (const Weir__CheckpointMetadata *)message;
        const uint8_t *bytes = weir_checkpoint_metadata_encode(arena, metadata, &length);
        weir_buffer_append(to, bytes, length);
        return;
    }
    weir_proto_encode(message, to);
    WEIR_ASSERT(to->length == protobuf_c_message_get_packed_size(message));
}

static void check_round_trip(
    struct weir_memory *memory, struct weir_arena *arena, uint8_t kind, ProtobufCMessage *message)
{
    struct weir_buffer first, second;
    ProtobufCMessage *again = NULL;
    weir_buffer_init(&first, memory, WEIR_METADATA_BYTES_MAX);
    weir_buffer_init(&second, memory, WEIR_METADATA_BYTES_MAX);
    encode(arena, kind, message, &first);
    WEIR_ASSERT(decode(arena, kind, (const uint8_t *)first.data, first.length, &again) == WEIR_OK);
    encode(arena, kind, weir_proto_copy(arena, again), &second);
    WEIR_ASSERT(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    if (kind % 5 == 0) {
        weir_buffer_clear(&first);
        weir_envelope_print((const Weir__Envelope *)message, &first);
    }
    weir_buffer_done(&first);
    weir_buffer_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct weir_test_memory memory;
    struct weir_arena arena;
    ProtobufCMessage *message = NULL;
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    if (decode(&arena, data[0], data + 1, size - 1, &message) == WEIR_OK)
        check_round_trip(&memory.base, &arena, data[0], message);
    weir_arena_done(&arena);
    WEIR_ASSERT(atomic_load(&memory.base.used_bytes) == 0);
    return 0;
}
