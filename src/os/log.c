#define _GNU_SOURCE
#include "os/log.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF" };

static _Atomic int level_now = WEIR_LOG_WARN;
static _Atomic int descriptor_now = STDERR_FILENO;
static _Atomic bool json_now;
static char service[64] = "weir"; /* set before other threads are started */

void weir_log_level_set(enum weir_log_level level)
{
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

bool weir_log_enabled(enum weir_log_level level)
{
    return (int)level >= atomic_load_explicit(&level_now, memory_order_relaxed) && level < WEIR_LOG_OFF;
}

bool weir_log_level_parse(const char *text, enum weir_log_level *level)
{
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(level_names); i++) {
        if (strcasecmp(text, level_names[i]) == 0) {
            *level = (enum weir_log_level)i;
            return true;
        }
    }
    return false;
}

void weir_log_json_set(bool json, const char *service_name)
{
    atomic_store_explicit(&json_now, json, memory_order_relaxed);
    snprintf(service, sizeof service, "%s", service_name);
}

void weir_log_descriptor_set(int descriptor)
{
    atomic_store_explicit(&descriptor_now, descriptor, memory_order_relaxed);
}

static size_t write_head(char *line, size_t room, enum weir_log_level level, const char *logger)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm local;
    localtime_r(&now.tv_sec, &local);
    int length = snprintf(line, room, "%04d-%02d-%02d %02d:%02d:%02d,%03ld %-5s %-60.100s [] - ",
        local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
        now.tv_nsec / 1000000, level_names[level], logger);
    return (size_t)length < room ? (size_t)length : room - 1;
}

/* Length of a well-formed sequence of UTF-8 at text, 0 when there is none. */
static size_t utf8_length(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = at[0] >= 0xf0 && at[0] <= 0xf4  ? 4
                    : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                    : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                                                    : 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0)) return 0;
    if ((at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] >= 0x90)) return 0;
    return length;
}

/* One character as it is written, json or not; *ret_taken: bytes of text that it is. */
static size_t escape(const char *text, bool json, char escaped[8], size_t *ret_taken)
{
    unsigned char c = (unsigned char)*text;
    size_t sequence = json && c >= 0x80 ? utf8_length(text) : 0;
    *ret_taken = sequence ? sequence : 1;
    if (sequence) {
        memcpy(escaped, text, sequence);
        return sequence;
    }
    const char *known = c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : NULL;
    if (json && (c == '"' || c == '\\')) known = c == '"' ? "\\\"" : "\\\\";
    if (known) {
        memcpy(escaped, known, 2);
        return 2;
    }
    if (c < 0x20 || c == 0x7f) return (size_t)snprintf(escaped, 8, json ? "\\u%04x" : "\\x%02x", c);
    if (json && c >= 0x80) return (size_t)snprintf(escaped, 8, "\\ufffd"); /* no text at all */
    escaped[0] = (char)c;
    return 1;
}

/* Appends text with what would break the line escaped; false when the line is full. */
static bool append_escaped(char *line, size_t *length, size_t room, const char *text, bool json)
{
    for (size_t taken; *text; text += taken) {
        char escaped[8];
        size_t bytes = escape(text, json, escaped, &taken);
        if (*length + bytes > room) return false;
        memcpy(line + *length, escaped, bytes);
        *length += bytes;
    }
    return true;
}

static const char cut[] = " ... (cut)";

static void append(char *line, size_t *length, const char *text)
{
    size_t bytes = strlen(text);
    memcpy(line + *length, text, bytes);
    *length += bytes;
}

static size_t write_plain(
    char *line, size_t size, enum weir_log_level level, const char *logger, const char *message, bool whole)
{
    size_t room = size - sizeof cut - 1;
    size_t length = write_head(line, room, level, logger);
    if (!append_escaped(line, &length, room, message, false) || !whole) append(line, &length, cut);
    line[length++] = '\n';
    return length;
}

/* The Elastic Common Schema: readers of such logs need no pattern. */
static size_t write_json(
    char *line, size_t size, enum weir_log_level level, const char *logger, const char *message, bool whole)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char thread[32] = "", tail[320];
    pthread_getname_np(pthread_self(), thread, sizeof thread);
    size_t tail_length = 0, room = sizeof tail - 4;
    append(tail, &tail_length, "\",\"process.thread.name\":\"");
    append_escaped(tail, &tail_length, room, thread, true);
    append(tail, &tail_length, "\",\"log.logger\":\"");
    append_escaped(tail, &tail_length, room, logger, true);
    append(tail, &tail_length, "\"}\n");
    int head = snprintf(line, size,
        "{\"@timestamp\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\",\"ecs.version\":\"1.2.0\",\"service.name\":"
        "\"%s\","
        "\"log.level\":\"%s\",\"message\":\"",
        utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
        now.tv_nsec / 1000000, service, level_names[level]);
    size_t length = (size_t)head;
    room = size - sizeof cut - tail_length;
    if (!append_escaped(line, &length, room, message, true) || !whole) append(line, &length, cut);
    memcpy(line + length, tail, tail_length);
    return length + tail_length;
}

void weir_log(enum weir_log_level level, const char *logger, const char *format, ...)
{
    if (!weir_log_enabled(level)) return;
    char message[WEIR_LOG_LINE_BYTES_MAX], line[WEIR_LOG_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    bool whole = wanted >= 0 && (size_t)wanted < sizeof message;
    bool json = atomic_load_explicit(&json_now, memory_order_relaxed);
    size_t length = (json ? write_json : write_plain)(line, sizeof line, level, logger, message, whole);
    /* A log that cannot be written must not stop the stream: the line is lost. */
    ssize_t written = write(atomic_load_explicit(&descriptor_now, memory_order_relaxed), line, length);
    (void)written;
}

void weir_log_error(
    enum weir_log_level level, const char *logger, const char *what, const struct weir_error *error)
{
    if (!weir_log_enabled(level)) return;
    char causes[WEIR_ERROR_CAUSES_MAX * (WEIR_ERROR_CAUSE_BYTES_MAX + 16)] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < error->cause_count; i++) {
        length +=
            (size_t)snprintf(causes + length, sizeof causes - length, "; caused by: %s", error->causes[i]);
    }
    if (error->line) {
        weir_log(level, logger, "%s: %s (line %u, column %u)%s", what, error->message, error->line,
            error->column, causes);
    } else {
        weir_log(level, logger, "%s: %s%s", what, error->message, causes);
    }
}
