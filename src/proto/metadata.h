/*
 * The file of a checkpoint's metadata: a CheckpointMetadata, and behind it the checksum of its bytes as one
 * more field (fixed64, number 1000), so that a byte damaged anywhere is found when the file is read, not by
 * the tasks that restore from it. Readers that do not know the field skip it; files without it are read
 * unchecked.
 * @thread any; no state.
 */
#ifndef WEIR_PROTO_METADATA_H
#define WEIR_PROTO_METADATA_H

#include "proto/codec.h"

/* In arena. weir_checkpoint_metadata_decode() checks it. */
uint8_t *weir_checkpoint_metadata_encode(
    struct weir_arena *arena, const Weir__CheckpointMetadata *metadata, size_t *ret_length);
/* The length without the checksum, if there is one. False: it, or its tag, is damaged. */
bool weir_checkpoint_metadata_is_sound(const void *bytes, size_t length, size_t *ret_length);

/* A copy, in arena, that may be moved: files below directory are named relative to it. NULL: one lies
 * elsewhere. */
Weir__CheckpointMetadata *weir_checkpoint_metadata_movable(
    struct weir_arena *arena, const Weir__CheckpointMetadata *metadata, const char *directory);
/* The reverse, in place, for metadata that was read from pointer: "<directory>/_metadata". Names that lead
 * out of the directory are refused. */
enum weir_error_code weir_checkpoint_metadata_place(struct weir_arena *arena,
    Weir__CheckpointMetadata *metadata, const char *pointer, struct weir_error *reterr);

#endif
