/*
 * struct weir_config: what was configured, by whom, and what holds.
 *
 * Values come in layers; the highest that names a key decides: SESSION (SQL SET) over COMMAND_LINE (-D) over
 * FILE over the option's default. An old name of an option is a fallback: it counts only where the key itself
 * is set in no layer. Every value is checked when it comes in, so that getters cannot fail: an unknown key or
 * a bad value is an error that names file, line, the nearest key and the expected form. Secrets are never
 * part of a message, and are printed as ******.
 *
 * Pure: bytes of files are handed in; who calls looks for them. The rule of Flink 1.x: in the folder named by
 * WEIR_CONF_DIR, FLINK_CONF_DIR or the program's own conf/, flink-conf.yaml is read when it exists, and only
 * otherwise config.yaml.
 *
 * @thread one owner; a copy for another thread is made with weir_config_copy().
 */
#ifndef WEIR_CONFIG_CONFIG_H
#define WEIR_CONFIG_CONFIG_H

#include "base/buffer.h"
#include "base/error.h"
#include "config/options.h"

enum weir_config_layer {
    WEIR_CONFIG_DEFAULT,
    WEIR_CONFIG_FILE,
    WEIR_CONFIG_COMMAND_LINE,
    WEIR_CONFIG_SESSION
};

enum {
    WEIR_CONFIG_FILE_BYTES_MAX = 4 << 20,
    WEIR_CONFIG_KEY_BYTES_MAX = 512,
    WEIR_CONFIG_VALUE_BYTES_MAX = 1 << 20,
    WEIR_CONFIG_ENTRIES_MAX = 10000
};

struct weir_config;

struct weir_config *weir_config_new(struct weir_memory *memory); /* borrows memory */
struct weir_config *weir_config_copy(const struct weir_config *config, struct weir_memory *memory);
void weir_config_free(struct weir_config *config); /* accepts NULL */

/* config.yaml: nested or dotted keys, lists, maps, YAML 1.2 core schema. file_name is for messages and
 * origins. */
enum weir_error_code weir_config_read_yaml(struct weir_config *config, const char *file_name,
    const char *bytes, size_t length, struct weir_error *reterr);
/* flink-conf.yaml: a line is cut at its first '#' and split at its first ": "; a line without one is skipped
 * with a notice. */
enum weir_error_code weir_config_read_flat(struct weir_config *config, const char *file_name,
    const char *bytes, size_t length, struct weir_error *reterr);
/* What follows -D: "key=value"; "key" alone means true. */
enum weir_error_code weir_config_read_argument(
    struct weir_config *config, const char *argument, struct weir_error *reterr);
enum weir_error_code weir_config_set(struct weir_config *config, enum weir_config_layer layer,
    const char *key, const char *value, struct weir_error *reterr);
/* Takes what SET put in (also under an old name) away; a key that is not set is fine, an unknown one is an
 * error. */
enum weir_error_code weir_config_reset(
    struct weir_config *config, const char *key, struct weir_error *reterr);
void weir_config_reset_all(struct weir_config *config); /* the whole layer SESSION */

/*
 * Getters. key is the key of an option (or a concrete key of a pattern, "table.optimizer.rule.x") of that
 * type: anything else is the programmer's error and asserts. Where there is neither a value nor a default:
 * the given fallback.
 */
bool weir_config_get_boolean(const struct weir_config *config, const char *key, bool fallback);
int64_t weir_config_get_integer(
    const struct weir_config *config, const char *key, int64_t fallback); /* INTEGER, LONG */
double weir_config_get_double(const struct weir_config *config, const char *key, double fallback);
int64_t weir_config_get_duration_ms(const struct weir_config *config, const char *key, int64_t fallback_ms);
uint64_t weir_config_get_memory_bytes(
    const struct weir_config *config, const char *key, uint64_t fallback_bytes);
/* Of any type; valid until the key is set or reset. Not redacted: never print it, see
 * weir_config_key_is_secret(). */
const char *weir_config_get_text(const struct weir_config *config, const char *key, const char *fallback);
/* The place of the value among the option's words ("A|B|C" in options.def). */
size_t weir_config_get_enum(const struct weir_config *config, const char *key, size_t fallback);
bool weir_config_is_set(const struct weir_config *config, const char *key); /* by anybody but the default */
/* Where the value comes from: "default", "config.yaml:12", "command line", "SET". Appended. */
void weir_config_origin(const struct weir_config *config, const char *key, struct weir_buffer *to);

bool weir_config_key_is_secret(const struct weir_config *config, const char *key);

/* All that was set and decides something, in the byte order of the keys; secrets redacted. Start with *index
 * = 0. */
struct weir_config_item {
    const char *key, *value;
    enum weir_config_layer layer;
};
bool weir_config_next(const struct weir_config *config, size_t *index, struct weir_config_item *item);

enum weir_config_extent {
    WEIR_CONFIG_CHANGED, /* what somebody set */
    WEIR_CONFIG_USED,    /* that, and all options that have a meaning in one process */
    WEIR_CONFIG_ALL
};
/* "key: value  # origin" a line: YAML that could be read again (but for secrets). */
void weir_config_print(
    const struct weir_config *config, enum weir_config_extent extent, struct weir_buffer *to);
/* docs/configuration.md, from the table alone. */
void weir_config_print_markdown(struct weir_buffer *to);

enum weir_config_notice_kind {
    WEIR_CONFIG_NOTICE_NO_MEANING, /* worth a line on the terminal */
    WEIR_CONFIG_NOTICE_SKIPPED,    /* a line of flink-conf.yaml that is no "key: value" */
    WEIR_CONFIG_NOTICE_CLUSTER,    /* the key belongs to processes of a cluster: for the log */
    WEIR_CONFIG_NOTICE_OLD_NAME    /* for the log */
};
/* One for each key, in the order of reading. */
size_t weir_config_notice_count(const struct weir_config *config);
const char *weir_config_notice(
    const struct weir_config *config, size_t index, enum weir_config_notice_kind *kind);

#endif
