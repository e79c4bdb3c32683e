/*
 * Bytes to messages and back, with every limit checked before anything is decoded. Messages are protobuf-c
 * structs (weir.proto); decoded ones live in the caller's arena, which is all the memory that decoding takes.
 *
 * Unknown fields survive: a record that a newer version wrote is written back with them.
 * @thread any; no state.
 */
#ifndef WEIR_PROTO_CODEC_H
#define WEIR_PROTO_CODEC_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "proto/weir.pb-c.h"

enum {
    WEIR_PROTOCOL_VERSION = 1,
    WEIR_RECORD_FORMAT = 1, /* of every durable message */
    WEIR_ENVELOPE_BYTES_MAX = 64 << 20,
    WEIR_RECORD_BYTES_MAX = 256 << 10, /* leader and job records; they are tested to stay below 64 KiB */
    WEIR_PLAN_BYTES_MAX = 32 << 20,
    WEIR_METADATA_BYTES_MAX = 256 << 20,
    WEIR_DECODE_AMPLIFICATION_MAX = 64 /* decoded bytes per encoded byte, at most */
};

/* Appends; the message is well-formed by construction. */
void weir_proto_encode(const ProtobufCMessage *message, struct weir_buffer *to);
/* WEIR_E_STATE (says what, how long, where it breaks) when too long, not parseable or of a newer format. */
enum weir_error_code weir_proto_decode(const ProtobufCMessageDescriptor *descriptor, struct weir_arena *arena,
    const void *bytes, size_t length, size_t bytes_max, ProtobufCMessage **ret, struct weir_error *reterr);
/* A deep copy in arena. */
ProtobufCMessage *weir_proto_copy(struct weir_arena *arena, const ProtobufCMessage *message);
/* Of any message pointer, const or not. */
#define WEIR_PROTO_COPY(arena, message) ((void *)weir_proto_copy((arena), &(message)->base))

/* Envelope: checks version, required fields and the length of ids, so that who gets one may rely on them. */
enum weir_error_code weir_envelope_decode(struct weir_arena *arena, const void *bytes, size_t length,
    Weir__Envelope **ret, struct weir_error *reterr);
enum weir_error_code weir_job_record_decode(struct weir_arena *arena, const void *bytes, size_t length,
    Weir__JobRecord **ret, struct weir_error *reterr);
enum weir_error_code weir_leader_record_decode(struct weir_arena *arena, const void *bytes, size_t length,
    Weir__LeaderRecord **ret, struct weir_error *reterr);
enum weir_error_code weir_execution_plan_decode(struct weir_arena *arena, const void *bytes, size_t length,
    Weir__ExecutionPlan **ret, struct weir_error *reterr);
enum weir_error_code weir_checkpoint_metadata_decode(struct weir_arena *arena, const void *bytes,
    size_t length, Weir__CheckpointMetadata **ret, struct weir_error *reterr);

/* One line for traces: "AcknowledgeCheckpoint chk=7 attempt=ab12.../v2/s0/e3.1 ...". */
void weir_envelope_print(const Weir__Envelope *envelope, struct weir_buffer *to);
const char *weir_envelope_body_name(Weir__Envelope__BodyCase body);

/* A new message in an arena: WEIR_PROTO_NEW(arena, Weir__Heartbeat, weir__heartbeat). */
#define WEIR_PROTO_NEW(arena, type, name)                                    \
    __extension__({                                                          \
        type *message_ = (type *)weir_arena_allocate((arena), sizeof(type)); \
        name##__init(message_);                                              \
        message_;                                                            \
    })

#endif
