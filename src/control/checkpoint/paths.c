/* Where a job's files lie, and sets of paths. */
#include "control/checkpoint/internal.h"
#include <string.h>

/* "file:///a", "file:/a" and "//a" are "/a": who restores from it spells it otherwise than who wrote it. */
static const char *plain(const char *path)
{
    if (strncmp(path, "file:", 5) == 0) path += 5;
    while (path[0] == '/' && path[1] == '/') path++;
    return path;
}

bool checkpoint__starts_with(const char *text, const char *prefix)
{
    prefix = plain(prefix);
    return strncmp(plain(text), prefix, strlen(prefix)) == 0;
}

static uint64_t text_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++) hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    return hash ^ (hash >> 32);
}

void checkpoint__set_init(struct text_set *set, struct weir_arena *arena, uint32_t expected)
{
    uint32_t slots = 16;
    while (slots < expected * 2 && slots < 1u << 30) slots *= 2;
    *set = (struct text_set){ .arena = arena, .slot_count = slots };
    set->slots = WEIR_ARENA_ARRAY(arena, const char *, slots);
}

static const char **set_slot(const struct text_set *set, const char *text)
{
    text = plain(text);
    for (uint64_t at = text_hash(text);; at++) {
        const char **slot = &set->slots[at & (set->slot_count - 1)];
        if (!*slot || strcmp(plain(*slot), text) == 0) return slot;
    }
}

void checkpoint__set_add(struct text_set *set, const char *text)
{
    if ((set->count + 1) * 2 > set->slot_count) {
        struct text_set grown;
        checkpoint__set_init(&grown, set->arena, set->slot_count);
        for (uint32_t i = 0; i < set->slot_count; i++) {
            if (set->slots[i]) *set_slot(&grown, set->slots[i]) = set->slots[i];
        }
        grown.count = set->count;
        *set = grown;
    }
    const char **slot = set_slot(set, text);
    if (*slot) return;
    *slot = text;
    set->count++;
}

bool checkpoint__set_has(const struct text_set *set, const char *text)
{
    return *set_slot(set, text) != NULL;
}

const char *checkpoint__job_directory(const struct weir_checkpoint_coordinator *c, struct weir_arena *arena)
{
    char job[WEIR_JOB_ID_TEXT_BYTES];
    const char *parent = c->settings->checkpoint_directory;
    return weir_arena_format(
        arena, "%s/%s", parent && *parent ? parent : "checkpoints", weir_job_id_print(&c->job, job));
}

const char *checkpoint__directory(
    const struct weir_checkpoint_coordinator *c, struct weir_arena *arena, uint64_t id)
{
    return weir_arena_format(
        arena, "%s/chk-%llu", checkpoint__job_directory(c, arena), (unsigned long long)id);
}

/* Named after job and id: a later leader finds the place of a try that was given up. A job that keeps its
 * JobID may begin with the same ids again, in the folder where a savepoint of its earlier life is: when it
 * was submitted tells them apart. */
const char *checkpoint__savepoint_directory(
    const struct weir_checkpoint_coordinator *c, struct weir_arena *arena, const char *parent, uint64_t id)
{
    char job[WEIR_JOB_ID_TEXT_BYTES];
    uint64_t life = (uint64_t)c->record->confirmed->submitted_ms * 0xc2b2ae3d27d4eb4fu;
    uint64_t mixed = (weir_job_id_hash(&c->job) ^ life ^ id * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    return weir_arena_format(arena, "%s/savepoint-%.6s-%012llx", parent, weir_job_id_print(&c->job, job),
        (unsigned long long)((mixed ^ mixed >> 29) & 0xffffffffffffu));
}

uint64_t checkpoint__path_id(const char *job_directory, const char *path)
{
    size_t length = strlen(job_directory);
    if (strncmp(path, job_directory, length) != 0 || path[length] != '/') return 0;
    const char *at = path + length + 1;
    if (strncmp(at, "chk-", 4) != 0) return 0;
    uint64_t id = 0;
    for (at += 4; *at >= '0' && *at <= '9'; at++) {
        if (id > (UINT64_MAX - 9) / 10) return 0;
        id = id * 10 + (uint64_t)(*at - '0');
    }
    return *at == '/' ? id : 0;
}
