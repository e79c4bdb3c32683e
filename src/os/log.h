/*
 * The log: one line per event on stderr, in the layout that readers of Flink's logs know:
 *
 *     2026-01-31 12:00:00,123 INFO  weir.session                                                 [] - message
 *
 * or, by weir.log.format: JSON, as an object of the Elastic Common Schema. The time is local to the machine,
 * in JSON it is UTC. A line goes out with one write(), so lines of several threads never mix;
 * line breaks and control characters in a message are escaped, so that one event is one line whatever it
 * quotes. Pure libraries never log: they return errors, and the edge logs once. Nothing secret is logged:
 * values of options go through weir_config's redaction.
 * @thread any
 */
#ifndef WEIR_OS_LOG_H
#define WEIR_OS_LOG_H

#include "base/error.h"

enum weir_log_level {
    WEIR_LOG_TRACE,
    WEIR_LOG_DEBUG,
    WEIR_LOG_INFO,
    WEIR_LOG_WARN,
    WEIR_LOG_ERROR,
    WEIR_LOG_OFF
};

enum { WEIR_LOG_LINE_BYTES_MAX = 8192 }; /* a longer line is cut and says so */

void weir_log_level_set(enum weir_log_level level); /* events below it are dropped; WARN at start */
bool weir_log_enabled(enum weir_log_level level);
bool weir_log_level_parse(
    const char *text, enum weir_log_level *level); /* "info", "WARN", "off"; case does not matter */
/* service_name: plain ASCII, for readers that collect several. @thread main, before others are started */
void weir_log_json_set(bool json, const char *service_name);
void weir_log_descriptor_set(int descriptor); /* where lines go; 2 at start. borrowed */
void weir_log(enum weir_log_level level, const char *logger, const char *format, ...) WEIR_PRINTF(3, 4);
/* "<what>: <message>", with the causes behind it. */
void weir_log_error(
    enum weir_log_level level, const char *logger, const char *what, const struct weir_error *error);

#endif
