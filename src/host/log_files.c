#include "host/log_files.h"
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Empty: it goes to no file. */
static void path_of(int descriptor, char *ret, size_t capacity)
{
    char link[64];
    struct stat status;
    ret[0] = '\0';
    if (fstat(descriptor, &status) || !S_ISREG(status.st_mode)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, ret, capacity - 1);
    ret[length > 0 && (size_t)length < capacity - 1 ? length : 0] = '\0';
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *configured_directory(const struct weir_config *config)
{
    const char *directory = getenv("WEIR_LOG_DIR");
    if (!directory || !*directory) directory = getenv("FLINK_LOG_DIR");
    if (!directory || !*directory) directory = weir_config_get_text(config, "env.log.dir", "");
    return directory;
}

static bool same_directory(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

void weir_log_files_find(const struct weir_config *config, const char *option, struct weir_log_files *ret)
{
    *ret = (struct weir_log_files){ .all = false };
    const char *named = weir_config_get_text(config, option, "");
    const char *configured = configured_directory(config);
    if (*named)
        snprintf(ret->log, sizeof ret->log, "%s", named);
    else
        path_of(STDERR_FILENO, ret->log, sizeof ret->log);
    path_of(STDOUT_FILENO, ret->out, sizeof ret->out);
    if (!ret->log[0]) {
        snprintf(ret->directory, sizeof ret->directory, "%s", configured);
        ret->all = ret->directory[0];
        return;
    }
    size_t length = (size_t)(last_part(ret->log) - ret->log);
    if (length)
        snprintf(ret->directory, sizeof ret->directory, "%.*s", (int)length, ret->log);
    else
        snprintf(ret->directory, sizeof ret->directory, "./");
    ret->all = *configured && same_directory(ret->directory, configured);
}

/* "log", "log.1" and "out" of "name.log"; never what is hidden or lies elsewhere. */
static bool is_shown(const struct weir_log_files *files, const char *name)
{
    if (!*name || name[0] == '.' || strchr(name, '/')) return false;
    if (files->all) return true;
    const char *log = last_part(files->log), *dot = strrchr(log, '.');
    size_t stem = dot && dot != log ? (size_t)(dot - log) : strlen(log);
    if (stem && strncmp(name, log, stem) == 0 && (name[stem] == '.' || !name[stem])) return true;
    size_t folder = (size_t)(last_part(files->out) - files->out);
    return files->out[0] && strlen(files->directory) == folder &&
           strncmp(files->directory, files->out, folder) == 0 && strcmp(files->out + folder, name) == 0;
}

struct listed {
    char name[256];
    struct stat status;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

static size_t list_files(const struct weir_log_files *files, struct listed *ret)
{
    size_t count = 0;
    DIR *stream = files->directory[0] ? opendir(files->directory) : NULL;
    const struct dirent *entry;
    while (stream && count < WEIR_LOG_FILES_SHOWN_MAX && (entry = readdir(stream))) {
        struct listed *file = &ret[count];
        if (!is_shown(files, entry->d_name) ||
            fstatat(dirfd(stream), entry->d_name, &file->status, AT_SYMLINK_NOFOLLOW) ||
            !S_ISREG(file->status.st_mode))
            continue;
        snprintf(file->name, sizeof file->name, "%s", entry->d_name);
        count++;
    }
    if (stream) closedir(stream);
    qsort(ret, count, sizeof *ret, compare_names);
    return count;
}

static void print(json_t *json, struct weir_buffer *out)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (text) weir_buffer_append_text(out, text);
    free(text);
    json_decref(json);
}

void weir_log_files_print_json(const struct weir_log_files *files, struct weir_buffer *out)
{
    struct listed *all = calloc(WEIR_LOG_FILES_SHOWN_MAX, sizeof *all);
    size_t count = all ? list_files(files, all) : 0;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *name = json_string(all[i].name); /* NULL: bytes that are no text */
        if (!name) continue;
        json_array_append_new(
            list, json_pack("{s:o,s:I,s:I}", "name", name, "size", (json_int_t)all[i].status.st_size, "mtime",
                      (json_int_t)all[i].status.st_mtim.tv_sec * 1000));
    }
    free(all);
    print(json_pack("{s:o}", "logs", list), out);
}

static int open_path(const struct weir_log_files *files, enum weir_log_kind kind, const char *name)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    if (kind != WEIR_LOG_KIND_NAMED) {
        const char *path = kind == WEIR_LOG_KIND_LOG ? files->log : files->out;
        return *path ? open(path, flags) : -1;
    }
    if (!name || !is_shown(files, name) || !files->directory[0]) return -1;
    int directory = open(files->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -1;
    int file = openat(directory, name, flags | O_NOFOLLOW);
    close(directory);
    return file;
}

int weir_log_files_open(const struct weir_log_files *files, enum weir_log_kind kind, const char *name,
    uint64_t *ret_offset, uint64_t *ret_bytes)
{
    struct stat status;
    int file = open_path(files, kind, name);
    if (file < 0) return -1;
    if (fstat(file, &status) || !S_ISREG(status.st_mode)) {
        close(file);
        return -1;
    }
    uint64_t size = (uint64_t)status.st_size;
    *ret_bytes = size < WEIR_LOG_BYTES_SHOWN_MAX ? size : WEIR_LOG_BYTES_SHOWN_MAX;
    *ret_offset = size - *ret_bytes;
    return file;
}

/* ---------------------------------------------------------------- threads */

/* Of /proc/self/task/<thread>/<what>, its first line; empty: the thread has ended, or it is not told. */
static void read_line(const char *thread, const char *what, char *ret, size_t capacity)
{
    char path[320];
    snprintf(path, sizeof path, "/proc/self/task/%s/%s", thread, what);
    FILE *file = fopen(path, "re");
    ret[0] = '\0';
    if (!file) return;
    if (!fgets(ret, (int)capacity, file)) ret[0] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
    (void)fclose(file);
}

static const char *state_name(char state)
{
    switch (state) {
    case 'R': return "RUNNABLE";
    case 'S':
    case 'I': return "WAITING";
    case 'D': return "BLOCKED";
    case 'T':
    case 't': return "SUSPENDED";
    default: return "TERMINATED";
    }
}

static json_t *thread_shape(const char *thread)
{
    char name[64], stat_line[1024], where[128], text[512];
    read_line(thread, "comm", name, sizeof name);
    read_line(thread, "stat", stat_line, sizeof stat_line);
    read_line(thread, "wchan", where, sizeof where);
    const char *at = strrchr(stat_line, ')'); /* a name may hold blanks and brackets */
    char state = '?';
    unsigned long user = 0, system = 0;
    if (!at ||
        sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state, &user, &system) < 3)
        return NULL;
    long ticks = sysconf(_SC_CLK_TCK);
    snprintf(text, sizeof text,
        "\"%s\" Id=%s %s\n\tat %s\n\tCPU time: %.2f s of its own, %.2f s in the system\n\n", name, thread,
        state_name(state), where[0] && strcmp(where, "0") != 0 ? where : "(user code)",
        (double)user / (double)ticks, (double)system / (double)ticks);
    return json_pack("{s:s,s:s}", "threadName", name, "stringifiedThreadInfo", text);
}

void weir_threads_print_json(struct weir_buffer *out)
{
    json_t *list = json_array();
    DIR *stream = opendir("/proc/self/task");
    const struct dirent *entry;
    while (stream && json_array_size(list) < WEIR_THREADS_SHOWN_MAX && (entry = readdir(stream))) {
        json_t *shown = entry->d_name[0] == '.' ? NULL : thread_shape(entry->d_name);
        if (shown) json_array_append_new(list, shown);
    }
    if (stream) closedir(stream);
    print(json_pack("{s:o}", "threadInfos", list), out);
}
