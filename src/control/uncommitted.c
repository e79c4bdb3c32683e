#include "control/uncommitted.h"
#include "control/planted.h"
#include <string.h>

static bool take_number(const char **text, uint64_t *ret)
{
    const char *at = *text;
    uint64_t number = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (number > (UINT64_MAX - 9) / 10) return false;
        number = number * 10 + (uint64_t)(*at - '0');
    }
    if (at == *text || *at != '-') return false;
    *text = at + 1;
    *ret = number;
    return true;
}

bool weir_uncommitted_may_go(const Weir__UncommittedFiles *files, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t directory = strlen(files->directory), prefix = strlen(files->prefix);
    while (directory > 1 && files->directory[directory - 1] == '/') directory--;
    if (!prefix || strncmp(path, files->directory, directory) != 0 || path[directory] != '/') return false;
    if (strncmp(name, files->prefix, prefix) != 0) return false;
    const char *at = name + prefix;
    uint64_t epoch, number, subtask, checkpoint;
    if (!take_number(&at, &epoch) || !take_number(&at, &number) || !take_number(&at, &subtask) ||
        !take_number(&at, &checkpoint))
        return false;
    return checkpoint >= files->from_checkpoint || WEIR_PLANTED(uncommitted_kept_taken);
}

void weir_uncommitted_note(Weir__JobResult *result, const Weir__ExecutionPlan *plan, uint64_t from_checkpoint,
    struct weir_arena *arena)
{
    size_t count = WEIR_MIN(plan->n_uncommitted, (size_t)WEIR_UNCOMMITTED_MAX);
    result->uncommitted = WEIR_ARENA_ARRAY(arena, Weir__UncommittedFiles *, count + 1);
    result->n_uncommitted = count;
    for (size_t i = 0; i < count; i++) {
        result->uncommitted[i] = WEIR_PROTO_COPY(arena, plan->uncommitted[i]);
        result->uncommitted[i]->from_checkpoint = from_checkpoint;
    }
}

struct weir_blob_effect weir_uncommitted_list(const Weir__UncommittedFiles *files, struct weir_arena *arena)
{
    return (struct weir_blob_effect){ .operation = WEIR_BLOB_LIST,
        .path = weir_arena_string(arena, files->directory),
        .name_prefix = weir_arena_string(arena, files->prefix) };
}
