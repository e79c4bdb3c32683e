#include "proto/metadata.h"
#include <string.h>

enum { TAG_BYTES = 2, CHECKSUM_BYTES = 8 };
static const uint8_t checksum_tag[TAG_BYTES] = { 0xc1, 0x3e }; /* field 1000, fixed64: 1000 << 3 | 1 */

/* Every byte changes it; damage is not an adversary. */
static uint64_t checksum_of(const uint8_t *bytes, size_t length)
{
    uint64_t sum = 0x9e3779b97f4a7c15u ^ length;
    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ bytes[i]) * 0x100000001b3u;
        sum ^= sum >> 29;
    }
    return sum;
}

uint8_t *weir_checkpoint_metadata_encode(
    struct weir_arena *arena, const Weir__CheckpointMetadata *metadata, size_t *ret_length)
{
    size_t length = weir__checkpoint_metadata__get_packed_size(metadata);
    uint8_t *bytes = weir_arena_allocate(arena, length + TAG_BYTES + CHECKSUM_BYTES);
    weir__checkpoint_metadata__pack(metadata, bytes);
    uint64_t sum = checksum_of(bytes, length);
    memcpy(bytes + length, checksum_tag, TAG_BYTES);
    for (uint32_t i = 0; i < CHECKSUM_BYTES; i++) bytes[length + TAG_BYTES + i] = (uint8_t)(sum >> (8 * i));
    *ret_length = length + TAG_BYTES + CHECKSUM_BYTES;
    return bytes;
}

bool weir_checkpoint_metadata_is_sound(const void *bytes, size_t length, size_t *ret_length)
{
    const uint8_t *from = bytes;
    *ret_length = length;
    if (length < TAG_BYTES + CHECKSUM_BYTES) return true;
    size_t covered = length - TAG_BYTES - CHECKSUM_BYTES;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < CHECKSUM_BYTES; i++) sum |= (uint64_t)from[covered + TAG_BYTES + i] << (8 * i);
    bool matches = sum == checksum_of(from, covered);
    /* Behind another tag it does not match by chance: the tag is damaged, and must not turn the check off. */
    if (memcmp(from + covered, checksum_tag, TAG_BYTES) != 0) return !matches;
    *ret_length = covered;
    return matches;
}

static const char *below(const char *path, const char *directory, size_t length)
{
    return strncmp(path, directory, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

Weir__CheckpointMetadata *weir_checkpoint_metadata_movable(
    struct weir_arena *arena, const Weir__CheckpointMetadata *metadata, const char *directory)
{
    Weir__CheckpointMetadata *copy = WEIR_PROTO_COPY(arena, metadata);
    size_t length = strlen(directory);
    copy->files_relative = true;
    for (size_t v = 0; v < copy->n_vertices; v++) {
        for (size_t s = 0; s < copy->vertices[v]->n_subtasks; s++) {
            Weir__SubtaskSnapshot *snapshot = copy->vertices[v]->subtasks[s];
            for (size_t f = 0; f < snapshot->n_files; f++) {
                const char *name = below(snapshot->files[f], directory, length);
                if (!name) return NULL;
                snapshot->files[f] = (char *)name;
            }
        }
    }
    return copy;
}

/* "..", but not "..." or "a..b". */
static bool leads_out(const char *name)
{
    if (!*name || *name == '/') return true;
    for (const char *at = name; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (strncmp(at, "..", 2) == 0 && (!at[2] || at[2] == '/')) return true;
    return false;
}

enum weir_error_code weir_checkpoint_metadata_place(struct weir_arena *arena,
    Weir__CheckpointMetadata *metadata, const char *pointer, struct weir_error *reterr)
{
    if (!metadata->files_relative) return WEIR_OK;
    const char *slash = strrchr(pointer, '/');
    int length = slash ? (int)(slash - pointer) : 1;
    for (size_t v = 0; v < metadata->n_vertices; v++) {
        for (size_t s = 0; s < metadata->vertices[v]->n_subtasks; s++) {
            Weir__SubtaskSnapshot *snapshot = metadata->vertices[v]->subtasks[s];
            for (size_t f = 0; f < snapshot->n_files; f++) {
                if (leads_out(snapshot->files[f]))
                    return weir_error_set(reterr, WEIR_E_STATE,
                        "the metadata names the file '%.200s', which leads out of its folder",
                        snapshot->files[f]);
                snapshot->files[f] =
                    weir_arena_format(arena, "%.*s/%s", length, slash ? pointer : ".", snapshot->files[f]);
            }
        }
    }
    metadata->files_relative = false;
    return WEIR_OK;
}
