/* Workers as processes of this machine: this very program, started again as a TaskManager. */
#define _GNU_SOURCE
#include "base/arena.h"
#include "base/buffer.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/log.h"
#include "spi/resource_driver.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAME_BYTES = 256, PATH_BYTES = 4096, EVENTS_MAX = 16, PID_FILE_BYTES_MAX = 64 << 10 };
#define OWN_PROGRAM "/proc/self/exe"
#define PATIENCE_NS (10 * 1000000000LL) /* from SIGTERM to SIGKILL */

struct request {
    struct request *next;
    bool start;
    char name[NAME_BYTES];
};

struct child {
    struct child *next;
    char name[NAME_BYTES];
    pid_t pid;
    int descriptor;     /* pidfd */
    int64_t kill_at_ns; /* 0: it was not asked to end */
};

struct weir_resource_session {
    struct weir_memory *memory;
    struct weir_arena arena; /* of the configuration's copies; constant once open */
    struct weir_resource_config config;
    char program[PATH_BYTES];
    pthread_t thread;
    pthread_mutex_t mutex; /* guards requests, requests_last and closing */
    struct request *requests, **requests_last;
    bool closing;
    int wake, poll;
    struct child *children; /* the thread's own */
};

extern const struct weir_resource_driver weir_resource_local;

/* --- the thread --- */

static int open_pid(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Descriptors above 2 stay behind: a worker that kept the lock of its JobManager would keep others from
 * leading. */
static void set_files(
    const struct weir_resource_session *session, const char *name, posix_spawn_file_actions_t *files)
{
    posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (session->config.log_directory) {
        char path[PATH_BYTES];
        int flags = O_WRONLY | O_CREAT | O_APPEND;
        snprintf(path, sizeof path, "%s/%s.out", session->config.log_directory, name);
        posix_spawn_file_actions_addopen(files, STDOUT_FILENO, path, flags, 0644);
        snprintf(path, sizeof path, "%s/%s.log", session->config.log_directory, name);
        posix_spawn_file_actions_addopen(files, STDERR_FILENO, path, flags, 0644);
    }
    posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
}

/* A session of its own: what ends its JobManager's terminal or process group does not end it. */
static void set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &defaults);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(struct weir_resource_session *session, const char *name, pid_t *ret)
{
    char resource_id[NAME_BYTES + 40];
    snprintf(resource_id, sizeof resource_id, "-Dtaskmanager.resource-id=%s", name);
    uint32_t count = 0, most = session->config.argument_count + 4;
    char **arguments = weir_memory_allocate(session->memory, sizeof *arguments * most);
    arguments[count++] = session->program;
    for (uint32_t i = 0; i < session->config.argument_count; i++)
        arguments[count++] = (char *)session->config.arguments[i];
    arguments[count++] = resource_id;
    arguments[count] = NULL;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    set_files(session, name, &files);
    set_attributes(&attributes);
    int failure = posix_spawn(ret, session->program, &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    weir_memory_release(session->memory, arguments, sizeof *arguments * most);
    return failure;
}

/* Those of the file that are still there, and this one. */
static void list_pids(struct weir_resource_session *session, pid_t pid, struct weir_buffer *lines)
{
    struct weir_buffer old;
    weir_buffer_init(&old, session->memory, PID_FILE_BYTES_MAX);
    if (weir_file_exists(session->config.pid_file))
        (void)weir_file_read(session->config.pid_file, PID_FILE_BYTES_MAX, &old, NULL);
    for (const char *at = weir_buffer_text(&old); *at; at += strcspn(at, "\n"), at += *at == '\n') {
        long listed = strtol(at, NULL, 10);
        if (listed > 0 && (kill((pid_t)listed, 0) == 0 || errno == EPERM))
            weir_buffer_format(lines, "%ld\n", listed);
    }
    weir_buffer_format(lines, "%ld\n", (long)pid);
    weir_buffer_done(&old);
}

/* Whoever stops a cluster whose JobManagers were killed finds its workers by it. */
static void note_pid(struct weir_resource_session *session, pid_t pid)
{
    const char *path = session->config.pid_file;
    if (!path) return;
    char lock[PATH_BYTES];
    snprintf(lock, sizeof lock, "%s.lock", path);
    struct weir_buffer lines;
    struct weir_error error = { 0 };
    weir_buffer_init(&lines, session->memory, 2 * PID_FILE_BYTES_MAX);
    int descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    bool locked = descriptor >= 0 && flock(descriptor, LOCK_EX) == 0;
    enum weir_error_code code = WEIR_OK;
    if (!locked) code = weir_os_error_set(&error, errno, "cannot lock %s", lock);
    if (!code) list_pids(session, pid, &lines);
    if (!code) code = weir_file_write(path, lines.data, lines.length, &error);
    if (code)
        weir_log(
            WEIR_LOG_WARN, "weir.resourcemanager", "the pid of a worker is not noted: %s", error.message);
    if (descriptor >= 0) close(descriptor);
    weir_buffer_done(&lines);
}

static void start_child(struct weir_resource_session *session, const char *name)
{
    pid_t pid;
    struct weir_error error = { 0 };
    int descriptor = -1, failure = spawn(session, name, &pid);
    if (failure) {
        weir_os_error_set(&error, failure, "%s", session->program);
    } else if ((descriptor = open_pid(pid)) <
               0) { /* nobody but this thread reaps it: the number is its own */
        weir_os_error_set(&error, errno, "process %ld cannot be watched", (long)pid);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (descriptor < 0) {
        weir_log(
            WEIR_LOG_ERROR, "weir.resourcemanager", "worker '%s' cannot be started: %s", name, error.message);
        session->config.ended(session->config.owner, name);
        return;
    }
    note_pid(session, pid);
    struct child *child = weir_memory_allocate_zeroed(session->memory, sizeof *child);
    snprintf(child->name, sizeof child->name, "%s", name);
    child->pid = pid;
    child->descriptor = descriptor;
    child->next = session->children;
    session->children = child;
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = child };
    epoll_ctl(session->poll, EPOLL_CTL_ADD, descriptor, &event);
    weir_log(WEIR_LOG_INFO, "weir.resourcemanager", "worker '%s' was started with pid %ld", name, (long)pid);
}

static void stop_child(struct weir_resource_session *session, const char *name)
{
    for (struct child *child = session->children; child; child = child->next) {
        if (strcmp(child->name, name) != 0) continue;
        if (!child->kill_at_ns) child->kill_at_ns = weir_clock_monotonic_ns() + PATIENCE_NS;
        kill(child->pid, SIGTERM); /* not reaped yet: the number is its own */
        return;
    }
    session->config.ended(session->config.owner, name);
}

static void forget_child(struct weir_resource_session *session, struct child *child)
{
    struct child **at = &session->children;
    while (*at != child) at = &(*at)->next;
    *at = child->next;
    close(child->descriptor);
    weir_memory_release(session->memory, child, sizeof *child);
}

static void reap_child(struct weir_resource_session *session, struct child *child)
{
    int status;
    if (waitpid(child->pid, &status, WNOHANG) != child->pid) return;
    bool killed = WIFSIGNALED(status);
    weir_log(WEIR_LOG_INFO, "weir.resourcemanager", "worker '%s' (pid %ld) has ended: %s %d", child->name,
        (long)child->pid, killed ? "signal" : "exit code", killed ? WTERMSIG(status) : WEXITSTATUS(status));
    session->config.ended(session->config.owner, child->name);
    forget_child(session, child);
}

/* How long the thread may sleep, in ms; -1: until something happens. */
static int end_stubborn(struct weir_resource_session *session)
{
    int64_t now_ns = weir_clock_monotonic_ns();
    bool waiting = false;
    for (struct child *child = session->children; child; child = child->next) {
        if (child->kill_at_ns && child->kill_at_ns <= now_ns) kill(child->pid, SIGKILL);
        waiting |= child->kill_at_ns != 0;
    }
    return waiting ? 1000 : -1;
}

static struct request *take_requests(struct weir_resource_session *session, bool *ret_closing)
{
    pthread_mutex_lock(&session->mutex);
    struct request *requests = session->requests;
    session->requests = NULL;
    session->requests_last = &session->requests;
    *ret_closing = session->closing;
    pthread_mutex_unlock(&session->mutex);
    return requests;
}

static bool serve(struct weir_resource_session *session)
{
    bool closing;
    struct request *request = take_requests(session, &closing);
    while (request) {
        struct request *next = request->next;
        if (request->start && !closing)
            start_child(session, request->name);
        else if (!request->start)
            stop_child(session, request->name);
        weir_memory_release(session->memory, request, sizeof *request);
        request = next;
    }
    return !closing;
}

static void *run(void *argument)
{
    struct weir_resource_session *session = argument;
    while (serve(session)) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(session->poll, events, EVENTS_MAX, end_stubborn(session));
        for (int i = 0; i < count; i++) {
            uint64_t drained;
            if (events[i].data.ptr)
                reap_child(session, events[i].data.ptr);
            else if (read(session->wake, &drained, sizeof drained) < 0)
                continue;
        }
    }
    while (session->children) forget_child(session, session->children);
    return NULL;
}

/* --- the session --- */

static void wake(struct weir_resource_session *session)
{
    uint64_t one = 1;
    ssize_t written = write(session->wake, &one, sizeof one);
    (void)written;
}

static void ask(struct weir_resource_session *session, const char *name, bool start)
{
    struct request *request = weir_memory_allocate_zeroed(session->memory, sizeof *request);
    request->start = start;
    snprintf(request->name, sizeof request->name, "%s", name);
    pthread_mutex_lock(&session->mutex);
    *session->requests_last = request;
    session->requests_last = &request->next;
    pthread_mutex_unlock(&session->mutex);
    wake(session);
}

static void local_start(struct weir_resource_session *session, const char *name)
{
    ask(session, name, true);
}

static void local_stop(struct weir_resource_session *session, const char *name)
{
    ask(session, name, false);
}

static void release(struct weir_resource_session *session)
{
    if (session->wake >= 0) close(session->wake);
    if (session->poll >= 0) close(session->poll);
    pthread_mutex_destroy(&session->mutex);
    weir_arena_done(&session->arena);
    weir_memory_release(session->memory, session, sizeof *session);
}

static void copy_config(struct weir_resource_session *session, const struct weir_resource_config *config)
{
    struct weir_arena *arena = &session->arena;
    session->config = *config;
    const char **arguments = WEIR_ARENA_ARRAY(arena, const char *, config->argument_count + 1);
    for (uint32_t i = 0; i < config->argument_count; i++)
        arguments[i] = weir_arena_string(arena, config->arguments[i]);
    session->config.arguments = arguments;
    if (config->log_directory)
        session->config.log_directory = weir_arena_string(arena, config->log_directory);
    if (config->pid_file) session->config.pid_file = weir_arena_string(arena, config->pid_file);
    /* By name, so that lists of processes show it; the kernel's own link serves when that file was replaced.
     */
    ssize_t length = readlink(OWN_PROGRAM, session->program, sizeof session->program - 1);
    session->program[length > 0 ? length : 0] = '\0';
    if (access(session->program, X_OK)) memcpy(session->program, OWN_PROGRAM, sizeof OWN_PROGRAM);
}

static enum weir_error_code local_open(
    const struct weir_resource_config *config, struct weir_resource_session **ret, struct weir_error *reterr)
{
    struct weir_resource_session *session = weir_memory_allocate_zeroed(config->memory, sizeof *session);
    session->memory = config->memory;
    session->requests_last = &session->requests;
    pthread_mutex_init(&session->mutex, NULL);
    weir_arena_init(&session->arena, config->memory);
    copy_config(session, config);
    session->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    session->poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };
    if (session->wake < 0 || session->poll < 0 ||
        epoll_ctl(session->poll, EPOLL_CTL_ADD, session->wake, &event) ||
        pthread_create(&session->thread, NULL, run, session)) {
        enum weir_error_code code =
            weir_os_error_set(reterr, errno, "the driver of local TaskManagers cannot start");
        release(session);
        return code;
    }
    *ret = session;
    return WEIR_OK;
}

/* What was asked before is done; children live on and are reaped by init. */
static void local_close(struct weir_resource_session *session)
{
    if (!session) return;
    pthread_mutex_lock(&session->mutex);
    session->closing = true;
    pthread_mutex_unlock(&session->mutex);
    wake(session);
    pthread_join(session->thread, NULL);
    release(session);
}

const struct weir_resource_driver weir_resource_local = {
    .name = "local", .open = local_open, .start = local_start, .stop = local_stop, .close = local_close
};
