#include "sim/filesystem.h"
#include "base/assert.h"
#include "base/buffer.h"
#include <string.h>

enum { REMOVED_MAX = 64, PATH_BYTES_MAX = 1024 };

struct inode {
    uint64_t id;
    struct weir_buffer bytes;
    size_t synced; /* bytes that a power loss leaves alone */
    int64_t modified_us;
    uint32_t names, handles;
};

struct entry {
    char *path;
    struct inode *inode; /* NULL: a directory */
    bool durable;
};

struct removed {
    char *path;
    struct inode *inode;
};

struct weir_sim_filesystem {
    struct weir_sim_filesystem_config config;
    struct weir_memory *memory;
    struct entry *entries; /* by path */
    uint32_t count, capacity;
    struct removed removed[REMOVED_MAX]; /* names that a power loss may bring back: ring of the newest */
    uint32_t removed_next;
    struct weir_sim_filesystem_faults faults;
    uint64_t random, inode_next, calls;
    uint64_t power_losses;
};

struct view {
    struct weir_filesystem spi; /* first */
    struct weir_sim_filesystem *disk;
    bool dead;
    uint32_t open_files;
};

struct weir_file {
    struct view *view;
    struct inode *inode;
    uint64_t power_losses; /* when it was opened: later ones leave it stale */
    char path[PATH_BYTES_MAX];
};

enum { FILE_BYTES_MAX = 256 << 20 };

/* --- chance --- */

static uint64_t next_random(struct weir_sim_filesystem *disk)
{
    uint64_t x = disk->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static bool chance(struct weir_sim_filesystem *disk, uint32_t per_million)
{
    return per_million && next_random(disk) % 1000000 < per_million;
}

/* Whether the call may go on; what: "read", for the text. */
static enum weir_error_code begin_call(
    struct view *view, uint32_t per_million, const char *what, const char *path, struct weir_error *reterr)
{
    if (view->dead) return weir_error_set(reterr, WEIR_E_IO, "cannot %s %s: the process is dead", what, path);
    struct weir_sim_filesystem *disk = view->disk;
    disk->calls++;
    if (disk->faults.down || chance(disk, per_million))
        return weir_error_set(reterr, WEIR_E_IO, "cannot %s %s: input/output error", what, path);
    return WEIR_OK;
}

/* --- names --- */

/* "file:///a//b/" -> "/a/b". */
static enum weir_error_code plain(const char *path, char ret[PATH_BYTES_MAX], struct weir_error *reterr)
{
    if (strncmp(path, "file:", 5) == 0) path += 5;
    while (path[0] == '/' && path[1] == '/') path++;
    size_t length = 0;
    for (const char *at = path; *at; at++) {
        if (*at == '/' && at[1] == '/') continue;
        if (length + 1 >= PATH_BYTES_MAX)
            return weir_error_set(reterr, WEIR_E_ARGUMENT, "the path %.60s... is too long", path);
        ret[length++] = *at;
    }
    while (length > 1 && ret[length - 1] == '/') length--;
    ret[length] = '\0';
    return WEIR_OK;
}

/* Index of path, or of where it would stand. */
static uint32_t position(const struct weir_sim_filesystem *disk, const char *path, bool *ret_found)
{
    uint32_t low = 0, high = disk->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (strcmp(disk->entries[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = low < disk->count && strcmp(disk->entries[low].path, path) == 0;
    return low;
}

static struct entry *find(const struct weir_sim_filesystem *disk, const char *path)
{
    bool found;
    uint32_t at = position(disk, path, &found);
    return found ? &disk->entries[at] : NULL;
}

static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    if (length == 1 && directory[0] == '/') return path[0] == '/' && path[1];
    return strncmp(path, directory, length) == 0 && path[length] == '/';
}

/* First entry below directory: entries below stand together, but names like "a-b" may stand between "a" and
 * "a/". */
static uint32_t first_below(const struct weir_sim_filesystem *disk, const char *directory)
{
    char prefix[PATH_BYTES_MAX + 1];
    size_t length = strlen(directory);
    memcpy(prefix, directory, length);
    if (length > 1 || directory[0] != '/') prefix[length++] = '/';
    prefix[length] = '\0';
    bool found;
    return position(disk, prefix, &found);
}

static bool directory_exists(const struct weir_sim_filesystem *disk, const char *path)
{
    uint32_t at = first_below(disk, path);
    return at < disk->count && is_below(disk->entries[at].path, path);
}

static void inode_drop(struct weir_sim_filesystem *disk, struct inode *inode)
{
    if (!inode || inode->names || inode->handles) return;
    weir_buffer_done(&inode->bytes);
    weir_memory_release(disk->memory, inode, sizeof *inode);
}

static char *text_copy(struct weir_sim_filesystem *disk, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = weir_memory_allocate(disk->memory, bytes);
    memcpy(copy, text, bytes);
    return copy;
}

static struct entry *insert(struct weir_sim_filesystem *disk, const char *path, struct inode *inode)
{
    bool found;
    uint32_t at = position(disk, path, &found);
    WEIR_ASSERT(!found);
    if (disk->count == disk->capacity) {
        uint32_t capacity = WEIR_MAX(disk->capacity * 2, 64u);
        disk->entries = weir_memory_reallocate(disk->memory, disk->entries,
            sizeof *disk->entries * disk->capacity, sizeof *disk->entries * capacity);
        disk->capacity = capacity;
    }
    memmove(&disk->entries[at + 1], &disk->entries[at], sizeof *disk->entries * (disk->count - at));
    disk->count++;
    disk->entries[at] = (struct entry){ .path = text_copy(disk, path), .inode = inode };
    if (inode) inode->names++;
    return &disk->entries[at];
}

static void forget_removed(struct weir_sim_filesystem *disk, struct removed *removed)
{
    if (!removed->path) return;
    weir_memory_release(disk->memory, removed->path, strlen(removed->path) + 1);
    removed->inode->names--;
    inode_drop(disk, removed->inode);
    removed->path = NULL;
}

/* Takes the name away. may_return: a power loss may bring it back. */
static void take_out(struct weir_sim_filesystem *disk, struct entry *entry, bool may_return)
{
    struct entry old = *entry;
    uint32_t at = (uint32_t)(entry - disk->entries);
    disk->count--;
    memmove(&disk->entries[at], &disk->entries[at + 1], sizeof *disk->entries * (disk->count - at));
    if (old.inode && old.durable && may_return) {
        struct removed *removed = &disk->removed[disk->removed_next++ % REMOVED_MAX];
        forget_removed(disk, removed);
        *removed = (struct removed){ .path = old.path, .inode = old.inode };
        return; /* the name's count goes on in the ring */
    }
    weir_memory_release(disk->memory, old.path, strlen(old.path) + 1);
    if (old.inode) {
        old.inode->names--;
        inode_drop(disk, old.inode);
    }
}

/* --- the SPI --- */

static enum weir_error_code sim_status(
    struct weir_filesystem *fs, const char *path, struct weir_file_status *ret, struct weir_error *reterr)
{
    struct view *view = (struct view *)fs;
    char name[PATH_BYTES_MAX];
    enum weir_error_code code = plain(path, name, reterr);
    if (!code) code = begin_call(view, view->disk->faults.read_error, "look at", name, reterr);
    if (code) return code;
    *ret = (struct weir_file_status){ 0 };
    const struct entry *entry = find(view->disk, name);
    if (entry && entry->inode) {
        *ret = (struct weir_file_status){ .exists = true,
            .is_regular = true,
            .size_bytes = (int64_t)entry->inode->bytes.length,
            .modified_us = entry->inode->modified_us,
            .device = 1,
            .inode = entry->inode->id };
    } else if (entry || directory_exists(view->disk, name)) {
        *ret = (struct weir_file_status){ .exists = true, .is_directory = true, .device = 1 };
    }
    return WEIR_OK;
}

static enum weir_error_code sim_list(struct weir_filesystem *fs, struct weir_arena *arena, const char *path,
    struct weir_directory_entry **ret, uint32_t *ret_count, struct weir_error *reterr)
{
    struct view *view = (struct view *)fs;
    struct weir_sim_filesystem *disk = view->disk;
    char name[PATH_BYTES_MAX];
    enum weir_error_code code = plain(path, name, reterr);
    if (!code) code = begin_call(view, disk->faults.read_error, "list", name, reterr);
    if (code) return code;
    if (!find(disk, name) && !directory_exists(disk, name))
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "cannot list %s: no such directory", name);
    uint32_t first = first_below(disk, name), end = first, count = 0;
    while (end < disk->count && is_below(disk->entries[end].path, name)) end++;
    struct weir_directory_entry *entries =
        WEIR_ARENA_ARRAY(arena, struct weir_directory_entry, end - first + 1);
    size_t skip = strlen(name) + (name[1] || name[0] != '/');
    for (uint32_t i = first; i < end; i++) {
        const char *child = disk->entries[i].path + skip;
        size_t length = strcspn(child, "/");
        char *name_of_child = weir_arena_copy(arena, child, length);
        /* "x-1" stands before "x/y": the order of paths is not that of names. */
        uint32_t place = count;
        while (place && strcmp(entries[place - 1].name, name_of_child) > 0) place--;
        if (place && strcmp(entries[place - 1].name, name_of_child) == 0) continue;
        memmove(&entries[place + 1], &entries[place], sizeof *entries * (count - place));
        count++;
        struct weir_directory_entry *entry = &entries[place];
        entry->name = name_of_child;
        const struct inode *inode = child[length] ? NULL : disk->entries[i].inode;
        entry->status = (struct weir_file_status){ .exists = true,
            .is_directory = !inode,
            .is_regular = inode != NULL,
            .size_bytes = inode ? (int64_t)inode->bytes.length : 0,
            .modified_us = inode ? inode->modified_us : 0,
            .device = 1,
            .inode = inode ? inode->id : 0 };
    }
    *ret = entries;
    *ret_count = count;
    return WEIR_OK;
}

static struct weir_file *open_handle(struct view *view, struct inode *inode, const char *path)
{
    struct weir_file *file = weir_memory_allocate(view->disk->memory, sizeof *file);
    file->view = view;
    file->inode = inode;
    file->power_losses = view->disk->power_losses;
    memcpy(file->path, path, strlen(path) + 1);
    inode->handles++;
    view->open_files++;
    return file;
}

static enum weir_error_code sim_open_read(
    struct weir_filesystem *fs, const char *path, struct weir_file **ret, struct weir_error *reterr)
{
    struct view *view = (struct view *)fs;
    char name[PATH_BYTES_MAX];
    enum weir_error_code code = plain(path, name, reterr);
    if (!code) code = begin_call(view, view->disk->faults.read_error, "open", name, reterr);
    if (code) return code;
    const struct entry *entry = find(view->disk, name);
    if (!entry || !entry->inode)
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "cannot open %s: no such file", name);
    *ret = open_handle(view, entry->inode, name);
    return WEIR_OK;
}

static enum weir_error_code begin_file_call(
    struct weir_file *file, uint32_t per_million, const char *what, struct weir_error *reterr)
{
    enum weir_error_code code = begin_call(file->view, per_million, what, file->path, reterr);
    if (!code && file->power_losses != file->view->disk->power_losses)
        code = weir_error_set(reterr, WEIR_E_IO, "cannot %s %s: stale file handle", what, file->path);
    return code;
}

static struct inode *new_inode(struct weir_sim_filesystem *disk)
{
    struct inode *inode = weir_memory_allocate_zeroed(disk->memory, sizeof *inode);
    weir_buffer_init(&inode->bytes, disk->memory, FILE_BYTES_MAX);
    inode->id = ++disk->inode_next;
    inode->modified_us = disk->config.wall_us(disk->config.clock);
    return inode;
}

static enum weir_error_code sim_open_write(struct weir_filesystem *fs, const char *path, bool replace,
    struct weir_file **ret, struct weir_error *reterr)
{
    struct view *view = (struct view *)fs;
    struct weir_sim_filesystem *disk = view->disk;
    char name[PATH_BYTES_MAX];
    enum weir_error_code code = plain(path, name, reterr);
    if (!code) code = begin_call(view, disk->faults.write_error, "create", name, reterr);
    if (code) return code;
    struct entry *entry = find(disk, name);
    if (entry && !entry->inode)
        return weir_error_set(reterr, WEIR_E_IO, "cannot create %s: it is a directory", name);
    if (entry && !replace)
        return weir_error_set(reterr, WEIR_E_ALREADY_EXISTS, "cannot create %s: it exists", name);
    if (entry) { /* truncates, as open(O_TRUNC) does: the old bytes are gone */
        entry->inode->bytes.length = 0;
        entry->inode->synced = 0;
    } else {
        entry = insert(disk, name, new_inode(disk));
    }
    *ret = open_handle(view, entry->inode, name);
    return WEIR_OK;
}

static enum weir_error_code sim_read_at(struct weir_file *file, int64_t offset, void *bytes, size_t length,
    size_t *ret_read, struct weir_error *reterr)
{
    enum weir_error_code code = begin_file_call(file, file->view->disk->faults.read_error, "read", reterr);
    if (code) return code;
    size_t have = file->inode->bytes.length;
    size_t from = offset < 0 ? have : WEIR_MIN((size_t)offset, have);
    size_t count = WEIR_MIN(length, have - from);
    if (count) memcpy(bytes, file->inode->bytes.data + from, count);
    *ret_read = count;
    return WEIR_OK;
}

static enum weir_error_code sim_append(
    struct weir_file *file, const void *bytes, size_t length, struct weir_error *reterr)
{
    struct weir_sim_filesystem *disk = file->view->disk;
    enum weir_error_code code = begin_file_call(file, disk->faults.write_error, "write", reterr);
    if (code) return code;
    bool full = chance(disk, disk->faults.no_space);
    size_t take = full && length ? next_random(disk) % length : length; /* a part of it is there */
    weir_buffer_append(&file->inode->bytes, bytes, take);
    file->inode->modified_us = disk->config.wall_us(disk->config.clock);
    if (full || file->inode->bytes.overflowed)
        return weir_error_set(
            reterr, WEIR_E_NO_SPACE, "cannot write %s: no space left on device", file->path);
    return WEIR_OK;
}

static enum weir_error_code sim_file_status(
    struct weir_file *file, struct weir_file_status *ret, struct weir_error *reterr)
{
    enum weir_error_code code = begin_file_call(file, 0, "look at", reterr);
    if (code) return code;
    *ret = (struct weir_file_status){ .exists = true,
        .is_regular = true,
        .size_bytes = (int64_t)file->inode->bytes.length,
        .modified_us = file->inode->modified_us,
        .device = 1,
        .inode = file->inode->id };
    return WEIR_OK;
}

static enum weir_error_code sim_sync(struct weir_file *file, struct weir_error *reterr)
{
    struct weir_sim_filesystem *disk = file->view->disk;
    enum weir_error_code code = begin_file_call(file, disk->faults.sync_error, "sync", reterr);
    if (code) return code;
    file->inode->synced = file->inode->bytes.length;
    struct entry *entry = find(disk, file->path);
    if (entry && entry->inode == file->inode) entry->durable = true;
    return WEIR_OK;
}

static void sim_close(struct weir_file *file)
{
    if (!file) return;
    struct weir_sim_filesystem *disk = file->view->disk;
    file->inode->handles--;
    file->view->open_files--;
    inode_drop(disk, file->inode);
    weir_memory_release(disk->memory, file, sizeof *file);
}

static enum weir_error_code sim_make_directories(
    struct weir_filesystem *fs, const char *path, struct weir_error *reterr)
{
    struct view *view = (struct view *)fs;
    char name[PATH_BYTES_MAX];
    enum weir_error_code code = plain(path, name, reterr);
    if (!code) code = begin_call(view, view->disk->faults.write_error, "create", name, reterr);
    if (code) return code;
    const struct entry *entry = find(view->disk, name);
    if (entry && entry->inode)
        return weir_error_set(
            reterr, WEIR_E_ALREADY_EXISTS, "cannot create directory %s: it is a file", name);
    if (!entry) insert(view->disk, name, NULL)->durable = true;
    return WEIR_OK;
}

static size_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

/* The directory of this path is synced: no name comes back there. */
static void removals_are_durable(struct weir_sim_filesystem *disk, const char *path)
{
    size_t length = directory_length(path);
    for (uint32_t i = 0; i < REMOVED_MAX; i++) {
        const char *removed = disk->removed[i].path;
        if (removed && directory_length(removed) == length && strncmp(removed, path, length) == 0)
            forget_removed(disk, &disk->removed[i]);
    }
}

static enum weir_error_code sim_rename(
    struct weir_filesystem *fs, const char *from, const char *to, bool replace, struct weir_error *reterr)
{
    struct view *view = (struct view *)fs;
    struct weir_sim_filesystem *disk = view->disk;
    char old[PATH_BYTES_MAX], new[PATH_BYTES_MAX];
    enum weir_error_code code = plain(from, old, reterr);
    if (!code) code = plain(to, new, reterr);
    if (!code) code = begin_call(view, disk->faults.rename_error, "rename", old, reterr);
    if (code) return code;
    struct entry *source = find(disk, old), *target = find(disk, new);
    if (!source || !source->inode)
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "cannot rename %s: no such file", old);
    if (target && (!replace || !target->inode))
        return weir_error_set(reterr, WEIR_E_ALREADY_EXISTS, "cannot rename %s to %s: it exists", old, new);
    struct inode *inode = source->inode;
    inode->names++; /* it stays while it has no name */
    take_out(disk, source, false);
    if ((target = find(disk, new))) take_out(disk, target, false);
    insert(disk, new, inode)->durable = true;
    inode->names--;
    removals_are_durable(disk, old);
    removals_are_durable(disk, new);
    return WEIR_OK;
}

static enum weir_error_code sim_remove(
    struct weir_filesystem *fs, const char *path, bool recursive, struct weir_error *reterr)
{
    struct view *view = (struct view *)fs;
    struct weir_sim_filesystem *disk = view->disk;
    char name[PATH_BYTES_MAX];
    enum weir_error_code code = plain(path, name, reterr);
    if (!code) code = begin_call(view, disk->faults.write_error, "remove", name, reterr);
    if (code) return code;
    if (directory_exists(disk, name)) {
        if (!recursive)
            return weir_error_set(reterr, WEIR_E_IO, "cannot remove %s: the directory is not empty", name);
        uint32_t first = first_below(disk, name);
        while (first < disk->count && is_below(disk->entries[first].path, name))
            take_out(disk, &disk->entries[first], true);
    }
    struct entry *entry = find(disk, name);
    if (entry) take_out(disk, entry, true);
    return WEIR_OK;
}

/* --- life --- */

struct weir_sim_filesystem *weir_sim_filesystem_new(const struct weir_sim_filesystem_config *config)
{
    struct weir_sim_filesystem *disk = weir_memory_allocate_zeroed(config->memory, sizeof *disk);
    disk->config = *config;
    disk->memory = config->memory;
    disk->random = config->seed;
    return disk;
}

void weir_sim_filesystem_free(struct weir_sim_filesystem *disk)
{
    if (!disk) return;
    while (disk->count) take_out(disk, &disk->entries[disk->count - 1], false);
    for (uint32_t i = 0; i < REMOVED_MAX; i++) forget_removed(disk, &disk->removed[i]);
    weir_memory_release(disk->memory, disk->entries, sizeof *disk->entries * disk->capacity);
    weir_memory_release(disk->memory, disk, sizeof *disk);
}

void weir_sim_filesystem_set_faults(
    struct weir_sim_filesystem *disk, const struct weir_sim_filesystem_faults *faults)
{
    disk->faults = *faults;
}

void weir_sim_filesystem_power_loss(struct weir_sim_filesystem *disk)
{
    disk->power_losses++;
    for (uint32_t i = 0; i < disk->count;) {
        struct entry *entry = &disk->entries[i];
        if (entry->inode && entry->inode->bytes.length > entry->inode->synced) {
            size_t loose = entry->inode->bytes.length - entry->inode->synced;
            entry->inode->bytes.length = entry->inode->synced + next_random(disk) % (loose + 1);
        }
        if (entry->inode && !entry->durable && next_random(disk) % 2) {
            take_out(disk, entry, false);
            continue;
        }
        entry->durable = true;
        i++;
    }
    for (uint32_t i = 0; i < REMOVED_MAX; i++) {
        struct removed *removed = &disk->removed[i];
        if (removed->path && next_random(disk) % 2 && !find(disk, removed->path))
            insert(disk, removed->path, removed->inode)->durable = true;
        forget_removed(disk, removed);
    }
}

struct weir_filesystem *weir_sim_filesystem_view(struct weir_sim_filesystem *disk)
{
    struct view *view = weir_memory_allocate_zeroed(disk->memory, sizeof *view);
    *view = (struct view){ .spi = { .status = sim_status,
                               .list = sim_list,
                               .open_read = sim_open_read,
                               .open_write = sim_open_write,
                               .read_at = sim_read_at,
                               .append = sim_append,
                               .file_status = sim_file_status,
                               .sync = sim_sync,
                               .close = sim_close,
                               .make_directories = sim_make_directories,
                               .rename = sim_rename,
                               .remove = sim_remove },
        .disk = disk };
    return &view->spi;
}

void weir_sim_filesystem_view_kill(struct weir_filesystem *fs)
{
    ((struct view *)fs)->dead = true;
}

void weir_sim_filesystem_view_free(struct weir_filesystem *fs)
{
    struct view *view = (struct view *)fs;
    if (!view) return;
    WEIR_ASSERT(view->open_files == 0);
    weir_memory_release(view->disk->memory, view, sizeof *view);
}

const char *weir_sim_filesystem_path(const struct weir_sim_filesystem *disk, uint32_t index)
{
    for (uint32_t i = 0; i < disk->count; i++) {
        if (disk->entries[i].inode && index-- == 0) return disk->entries[i].path;
    }
    return NULL;
}

const uint8_t *weir_sim_filesystem_bytes(
    const struct weir_sim_filesystem *disk, const char *path, size_t *ret_length)
{
    const struct entry *entry = find(disk, path);
    if (!entry || !entry->inode) return NULL;
    *ret_length = entry->inode->bytes.length;
    return entry->inode->bytes.data ? (const uint8_t *)entry->inode->bytes.data : (const uint8_t *)"";
}

void weir_sim_filesystem_write(
    struct weir_sim_filesystem *disk, const char *path, const void *bytes, size_t length)
{
    struct entry *entry = find(disk, path);
    if (!entry) entry = insert(disk, path, new_inode(disk));
    weir_buffer_clear(&entry->inode->bytes);
    weir_buffer_append(&entry->inode->bytes, bytes, length);
    entry->inode->synced = length;
    entry->inode->modified_us = disk->config.wall_us(disk->config.clock);
    entry->durable = true;
}

void weir_sim_filesystem_remove(struct weir_sim_filesystem *disk, const char *path)
{
    struct entry *entry = find(disk, path);
    if (entry) take_out(disk, entry, false);
}

uint64_t weir_sim_filesystem_calls(const struct weir_sim_filesystem *disk)
{
    return disk->calls;
}
