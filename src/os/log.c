#include "os/log.h"
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF" };

static _Atomic int level_now = WEIR_LOG_WARN;
static _Atomic int descriptor_now = STDERR_FILENO;

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

/* Appends text with control characters escaped; false when the line is full. */
static bool append_escaped(char *line, size_t *length, size_t room, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char escaped[8];
        if (c == '\n')
            memcpy(escaped, "\\n", 3);
        else if (c == '\t')
            memcpy(escaped, "\\t", 3);
        else if (c == '\r')
            memcpy(escaped, "\\r", 3);
        else if (c < 0x20 || c == 0x7f)
            snprintf(escaped, sizeof escaped, "\\x%02x", c);
        else
            escaped[0] = *text, escaped[1] = 0;
        size_t bytes = strlen(escaped);
        if (*length + bytes > room) return false;
        memcpy(line + *length, escaped, bytes);
        *length += bytes;
    }
    return true;
}

void weir_log(enum weir_log_level level, const char *logger, const char *format, ...)
{
    if (!weir_log_enabled(level)) return;
    char message[WEIR_LOG_LINE_BYTES_MAX], line[WEIR_LOG_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    static const char cut[] = " ... (cut)";
    size_t room = sizeof line - sizeof cut - 1;
    size_t length = write_head(line, room, level, logger);
    if (!append_escaped(line, &length, room, message) || wanted < 0 || (size_t)wanted >= sizeof message) {
        memcpy(line + length, cut, sizeof cut - 1);
        length += sizeof cut - 1;
    }
    line[length++] = '\n';
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
