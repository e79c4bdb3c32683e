#define _GNU_SOURCE
#include "internal.h"
#include "os/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * "WEIRKIN1", 16 bytes boot id, u64 process namespace, u64 process, u64 its start (clock ticks since boot), 8
 * bytes zero, "1NIKRIEW". The boot id is this machine's alone. Little-endian.
 */
static const char head[8] = "WEIRKIN1", tail[8] = "1NIKRIEW";
enum { BOOT_AT = 8, BOOT_BYTES = 16, SPACE_AT = 24, PROCESS_AT = 32, START_AT = 40, TAIL_AT = 56 };

static void put_u64(uint8_t *to, uint64_t value)
{
    for (uint32_t i = 0; i < 8; i++) to[i] = (uint8_t)(value >> (8 * i));
}
static uint64_t get_u64(const uint8_t *from)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < 8; i++) value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static size_t read_small(const char *path, char *text, size_t bytes)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = descriptor < 0 ? 0 : read(descriptor, text, bytes - 1);
    if (descriptor >= 0) close(descriptor);
    text[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

/* 0: it cannot be read. The 22nd word of its stat, counted behind the name. */
static uint64_t process_start(uint64_t process)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)process);
    read_small(path, text, sizeof text);
    const char *at = strrchr(text, ')');
    for (uint32_t word = 2; at && word < 22; word++) {
        at = strchr(at + 1, ' ');
    }
    return at ? strtoull(at + 1, NULL, 10) : 0;
}

void zookeeper_mark_write(uint8_t mark[ZOOKEEPER_MARK_BYTES])
{
    memset(mark, 0, ZOOKEEPER_MARK_BYTES);
    memcpy(mark, head, sizeof head);
    char boot[64];
    read_small("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    uint32_t digit = 0;
    for (const char *at = boot; *at && digit < 2 * BOOT_BYTES; at++) {
        if (*at == '-' || *at == '\n') continue;
        char one[2] = { *at, '\0' };
        mark[BOOT_AT + digit / 2] |= (uint8_t)(strtoul(one, NULL, 16) << (digit % 2 ? 0 : 4));
        digit++;
    }
    struct stat status;
    if (stat("/proc/self/ns/pid", &status) == 0) put_u64(mark + SPACE_AT, status.st_ino);
    put_u64(mark + PROCESS_AT, (uint64_t)getpid());
    put_u64(mark + START_AT, process_start((uint64_t)getpid()));
    memcpy(mark + TAIL_AT, tail, sizeof tail);
}

bool zookeeper_mark_find(const uint8_t *value, size_t length)
{
    if (length < ZOOKEEPER_MARK_BYTES) return false;
    const uint8_t *mark = value + length - ZOOKEEPER_MARK_BYTES;
    return memcmp(mark, head, sizeof head) == 0 && memcmp(mark + TAIL_AT, tail, sizeof tail) == 0;
}

static void forget(struct weir_ha_session *session, struct zookeeper_kin *kin)
{
    close(kin->process_descriptor);
    weir_memory_release(session->config.memory, kin->value, kin->length + 1);
    *kin = session->kin[--session->kin_count];
}

/* The descriptor is opened first: if the start is the right one after that, it is that process's. -1: it has
 * ended, or (*ret_ended false) it cannot be looked at, without descriptors, say, which means nothing. */
static int open_process(uint64_t process, uint64_t started, bool *ret_ended)
{
    int descriptor = (int)syscall(SYS_pidfd_open, (pid_t)process, 0);
    *ret_ended = descriptor < 0 && errno == ESRCH;
    if (descriptor < 0) return -1;
    uint64_t start = process_start(process);
    if (start == started) return descriptor;
    *ret_ended = start != 0;
    close(descriptor);
    return -1;
}

void zookeeper_kin_follow(struct weir_ha_session *session, const char *key, const uint8_t *value,
    size_t length, const uint8_t mark[ZOOKEEPER_MARK_BYTES])
{
    const uint8_t *own = session->mark;
    if (memcmp(own, mark, PROCESS_AT) != 0 || memcmp(own, mark, ZOOKEEPER_MARK_BYTES) == 0) return;
    uint64_t process = get_u64(mark + PROCESS_AT), started = get_u64(mark + START_AT);
    if (!process || process > INT32_MAX || !started) return;
    for (uint32_t i = 0; i < session->kin_count; i++) {
        struct zookeeper_kin *kin = &session->kin[i];
        if (strcmp(kin->key, key) != 0) continue;
        if (kin->process == process && kin->started == started && kin->length == length &&
            memcmp(kin->value, value, length) == 0)
            return;
        forget(session, kin);
        break;
    }
    if (session->kin_count == ZOOKEEPER_KIN_MAX) return; /* its session decides */
    bool ended;
    int descriptor = open_process(process, started, &ended);
    if (descriptor < 0) {
        /* It ended before it was followed. */
        if (ended) zookeeper_tell_died(session, key, value, length);
        return;
    }
    struct zookeeper_kin *kin = &session->kin[session->kin_count++];
    *kin = (struct zookeeper_kin){ .process_descriptor = descriptor,
        .process = process,
        .started = started,
        .value = weir_memory_allocate(session->config.memory, length + 1),
        .length = length };
    snprintf(kin->key, sizeof kin->key, "%s", key);
    if (length) memcpy(kin->value, value, length);
}

void zookeeper_kin_died(struct weir_ha_session *session, uint32_t index)
{
    struct zookeeper_kin *kin = &session->kin[index];
    zookeeper_tell_died(session, kin->key, kin->value, kin->length);
    zookeeper_tell_changed(session, kin->key);
    forget(session, kin);
}

void zookeeper_kin_done(struct weir_ha_session *session)
{
    while (session->kin_count) forget(session, &session->kin[session->kin_count - 1]);
}
