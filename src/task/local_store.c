/* Copies of snapshot files near the tasks: names and folders. */
#include "task/local_store.h"
#include "task/snapshot.h"
/* The state of a hash over pieces is a plain struct only then. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum { COPY_PIECE_BYTES = 1 << 20, HASH_DIGITS = 16, ORIGIN_BYTES_MAX = 8192 };

static const char origin_name[] = "origin";

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *folder_of(const struct weir_local_store *store, const char *job, struct weir_arena *arena)
{
    return weir_arena_format(arena, "%s/%s/%s", store->root, store->owner, job);
}

static const char *copy_name(const struct weir_snapshot_file *file, struct weir_arena *arena)
{
    return weir_arena_format(arena, "%016llx-%s", (unsigned long long)file->hash, base_name(file->path));
}

/* --- keeping --- */

static enum weir_error_code write_origin(
    struct weir_filesystem *fs, const char *path, const char *directory, struct weir_error *reterr)
{
    struct weir_file *file;
    enum weir_error_code code = fs->open_write(fs, path, true, &file, reterr);
    if (code) return code;
    code = fs->append(file, directory, strlen(directory), reterr);
    fs->close(file);
    return code;
}

static enum weir_error_code copy_bytes(const struct weir_local_store *store, struct weir_file *from,
    struct weir_file *to, const struct weir_snapshot_file *file, uint8_t *piece, struct weir_error *reterr)
{
    XXH3_state_t hash;
    XXH3_64bits_reset(&hash);
    uint64_t offset = 0;
    for (size_t got = 1; got > 0; offset += got) {
        enum weir_error_code code =
            store->storage->read_at(from, (int64_t)offset, piece, COPY_PIECE_BYTES, &got, reterr);
        if (!code && got) code = store->filesystem->append(to, piece, got, reterr);
        if (code) return code;
        XXH3_64bits_update(&hash, piece, got);
    }
    if (offset == file->bytes && XXH3_64bits_digest(&hash) == file->hash) return WEIR_OK;
    return weir_error_set(
        reterr, WEIR_E_STATE, "%s does not hold any more what was written to it", file->path);
}

/* Not synced: what a power loss makes of it is not believed. */
static enum weir_error_code copy_file(const struct weir_local_store *store,
    const struct weir_snapshot_file *file, const char *path, struct weir_error *reterr)
{
    struct weir_filesystem *fs = store->filesystem;
    struct weir_file *from, *to;
    enum weir_error_code code = store->storage->open_read(store->storage, file->path, &from, reterr);
    if (code) return code;
    code = fs->open_write(fs, path, true, &to, reterr);
    if (!code) {
        uint8_t *piece = weir_memory_allocate(store->memory, COPY_PIECE_BYTES);
        code = copy_bytes(store, from, to, file, piece, reterr);
        weir_memory_release(store->memory, piece, COPY_PIECE_BYTES);
        fs->close(to);
        if (code) (void)fs->remove(fs, path, false, NULL);
    }
    store->storage->close(from);
    return code;
}

static bool is_there(struct weir_filesystem *fs, const char *path, uint64_t bytes)
{
    struct weir_file_status status;
    struct weir_error ignored;
    return !fs->status(fs, path, &status, &ignored) && status.is_regular &&
           (uint64_t)status.size_bytes == bytes;
}

enum weir_error_code weir_local_store_keep(const struct weir_local_store *store, const char *job,
    const char *directory, const struct weir_snapshot_file *file, struct weir_error *reterr)
{
    struct weir_filesystem *fs = store->filesystem;
    struct weir_arena arena;
    weir_arena_init(&arena, store->memory);
    const char *folder = folder_of(store, job, &arena);
    const char *path = weir_arena_format(&arena, "%s/%s", folder, copy_name(file, &arena));
    const char *origin = weir_arena_format(&arena, "%s/%s", folder, origin_name);
    enum weir_error_code code = WEIR_OK;
    if (!is_there(fs, path, file->bytes)) {
        code = fs->make_directories(fs, folder, reterr);
        if (!code && !is_there(fs, origin, strlen(directory)))
            code = write_origin(fs, origin, directory, reterr);
        if (!code && (fs != store->storage || !fs->link || fs->link(fs, file->path, path, reterr)))
            code = copy_file(store, file, path, reterr);
    }
    weir_arena_done(&arena);
    return code;
}

/* --- finding --- */

void weir_local_store_folders(const struct weir_local_store *store, const char *job, struct weir_arena *arena,
    struct weir_local_folders *ret)
{
    struct weir_filesystem *fs = store->filesystem;
    struct weir_directory_entry *owners = NULL;
    struct weir_error ignored;
    uint32_t owner_count = 0;
    if (fs->list(fs, arena, store->root, &owners, &owner_count, &ignored)) owner_count = 0;
    ret->paths = WEIR_ARENA_ARRAY(arena, const char *, owner_count + 1);
    ret->paths[0] = folder_of(store, job, arena);
    ret->count = 1;
    for (uint32_t i = 0; i < owner_count; i++) {
        if (!owners[i].status.is_directory || strcmp(owners[i].name, store->owner) == 0) continue;
        const char *path = weir_arena_format(arena, "%s/%s/%s", store->root, owners[i].name, job);
        struct weir_file_status status;
        if (fs->status(fs, path, &status, &ignored) || !status.is_directory) continue;
        ret->paths[ret->count++] = path;
    }
}

/* The newest copy of the subtask, whatever it holds. */
static const char *find_any(const struct weir_local_store *store, const struct weir_local_folders *folders,
    const struct weir_snapshot_file *file, struct weir_arena *arena)
{
    struct weir_directory_entry *entries = NULL;
    struct weir_error ignored;
    uint32_t count = 0;
    const char *best = NULL, *dash = strrchr(file->path, '-'), *begin = strchr(base_name(file->path), '-');
    if (!dash || !begin || begin >= dash) return NULL;
    const char *subtask = weir_arena_copy(arena, begin, (size_t)(dash - begin) + 1);
    if (store->filesystem->list(store->filesystem, arena, folders->paths[0], &entries, &count, &ignored))
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        if (strstr(entries[i].name, subtask))
            best = weir_arena_format(arena, "%s/%s", folders->paths[0], entries[i].name);
    return best;
}

const char *weir_local_store_find(const struct weir_local_store *store,
    const struct weir_local_folders *folders, const struct weir_snapshot_file *file, struct weir_arena *arena)
{
    if (store->unverified) return find_any(store, folders, file, arena);
    const char *name = copy_name(file, arena);
    for (uint32_t i = 0; i < folders->count; i++) {
        const char *path = weir_arena_format(arena, "%s/%s", folders->paths[i], name);
        if (is_there(store->filesystem, path, file->bytes)) return path;
    }
    return NULL;
}

/* --- letting go --- */

static const char *read_origin(struct weir_filesystem *fs, const char *folder, struct weir_arena *arena)
{
    struct weir_file *file;
    struct weir_error ignored;
    const char *path = weir_arena_format(arena, "%s/%s", folder, origin_name);
    if (fs->open_read(fs, path, &file, &ignored)) return NULL;
    char text[ORIGIN_BYTES_MAX];
    size_t length = 0;
    for (size_t got = 1; got > 0 && length < sizeof text - 1; length += got)
        if (fs->read_at(file, (int64_t)length, text + length, sizeof text - 1 - length, &got, &ignored))
            break;
    fs->close(file);
    return length ? weir_arena_copy(arena, text, length) : NULL;
}

/* <hash>-<prefix>-<vertex>-<subtask>-<checkpoint | final>.state; *ret_checkpoint UINT64_MAX: a final one. */
static bool parse(const char *copy, const char **ret_name, uint64_t *ret_checkpoint)
{
    static const char suffix[] = ".state";
    size_t length = strlen(copy);
    if (length <= HASH_DIGITS + sizeof suffix || copy[HASH_DIGITS] != '-') return false;
    if (strcmp(copy + length - (sizeof suffix - 1), suffix) != 0) return false;
    *ret_name = copy + HASH_DIGITS + 1;
    const char *last = strrchr(copy, '-') + 1;
    *ret_checkpoint = 0;
    if (strcmp(last, "final.state") == 0) *ret_checkpoint = UINT64_MAX;
    if (*last == '.') return false;
    for (; *ret_checkpoint != UINT64_MAX && *last != '.'; last++) {
        if (*last < '0' || *last > '9') return false;
        *ret_checkpoint = *ret_checkpoint * 10 + (uint64_t)(*last - '0');
    }
    return true;
}

static bool is_one_of(const char *name, const char *const *files, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(files[i], name) == 0) return true;
    return false;
}

/* An original that cannot be looked at may well be there. */
static bool original_is_gone(struct weir_filesystem *fs, const char *origin, const char *name,
    uint64_t checkpoint, struct weir_arena *arena)
{
    const char *path = checkpoint == UINT64_MAX ? weir_arena_format(arena, "%s/taskowned/%s", origin, name)
                                                : weir_arena_format(arena, "%s/chk-%llu/%s", origin,
                                                      (unsigned long long)checkpoint, name);
    struct weir_file_status status;
    struct weir_error ignored;
    return !fs->status(fs, path, &status, &ignored) && !status.exists;
}

enum weir_error_code weir_local_store_sweep(const struct weir_local_store *store, const char *job,
    uint64_t newest, const char *const *files, uint32_t file_count, uint32_t *ret_left,
    struct weir_error *reterr)
{
    struct weir_filesystem *fs = store->filesystem;
    struct weir_arena arena;
    weir_arena_init(&arena, store->memory);
    const char *folder = folder_of(store, job, &arena);
    struct weir_directory_entry *entries = NULL;
    struct weir_file_status status;
    uint32_t count = 0;
    *ret_left = 0;
    enum weir_error_code code = fs->status(fs, folder, &status, reterr);
    if (!code && status.is_directory) code = fs->list(fs, &arena, folder, &entries, &count, reterr);
    const char *origin = count ? read_origin(fs, folder, &arena) : NULL;
    for (uint32_t i = 0; !code && i < count; i++) {
        const char *name;
        uint64_t checkpoint;
        if (strcmp(entries[i].name, origin_name) == 0) continue;
        bool useful = origin && parse(entries[i].name, &name, &checkpoint);
        if (useful && !is_one_of(name, files, file_count))
            useful =
                checkpoint >= newest && !original_is_gone(store->storage, origin, name, checkpoint, &arena);
        if (useful) {
            ++*ret_left;
            continue;
        }
        const char *path = weir_arena_format(&arena, "%s/%s", folder, entries[i].name);
        code = fs->remove(fs, path, false, reterr);
    }
    weir_arena_done(&arena);
    if (!code && status.is_directory && !*ret_left) code = weir_local_store_forget(store, job, reterr);
    return code;
}

enum weir_error_code weir_local_store_forget(
    const struct weir_local_store *store, const char *job, struct weir_error *reterr)
{
    struct weir_arena arena;
    weir_arena_init(&arena, store->memory);
    const char *folder = folder_of(store, job, &arena);
    enum weir_error_code code = store->filesystem->remove(store->filesystem, folder, true, reterr);
    weir_arena_done(&arena);
    return code;
}

static enum weir_error_code adopt_job(const struct weir_local_store *store, const char *from, const char *job,
    struct weir_arena *arena, struct weir_error *reterr)
{
    struct weir_filesystem *fs = store->filesystem;
    const char *source = weir_arena_format(arena, "%s/%s", from, job);
    const char *target = folder_of(store, job, arena);
    struct weir_directory_entry *entries = NULL;
    uint32_t count = 0;
    enum weir_error_code code = fs->rename(fs, source, target, false, reterr);
    if (!code) return WEIR_OK; /* all of it at once: there was nothing of this job */
    code = fs->list(fs, arena, source, &entries, &count, reterr);
    if (!code && count) code = fs->make_directories(fs, target, reterr);
    for (uint32_t i = 0; !code && i < count; i++)
        code = fs->rename(fs, weir_arena_format(arena, "%s/%s", source, entries[i].name),
            weir_arena_format(arena, "%s/%s", target, entries[i].name), true, reterr);
    return code;
}

enum weir_error_code weir_local_store_adopt(
    const struct weir_local_store *store, const char *owner, struct weir_error *reterr)
{
    struct weir_filesystem *fs = store->filesystem;
    struct weir_arena arena;
    weir_arena_init(&arena, store->memory);
    const char *from = weir_arena_format(&arena, "%s/%s", store->root, owner);
    struct weir_directory_entry *jobs = NULL;
    uint32_t count = 0;
    enum weir_error_code code = fs->list(fs, &arena, from, &jobs, &count, reterr);
    if (!code && count)
        code =
            fs->make_directories(fs, weir_arena_format(&arena, "%s/%s", store->root, store->owner), reterr);
    for (uint32_t i = 0; !code && i < count; i++)
        if (jobs[i].status.is_directory) code = adopt_job(store, from, jobs[i].name, &arena, reterr);
    if (!code) code = fs->remove(fs, from, true, reterr);
    weir_arena_done(&arena);
    return code;
}
