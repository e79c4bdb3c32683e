/* What a configuration looks like to people: secrets, origins, `weir config`, docs/configuration.md. */
#include "config/internal.h"
#include "base/assert.h"
#include <inttypes.h>
#include <string.h>

static const char redacted[] = "******";

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool contains_ignoring_case(const char *text, struct weir_slice word)
{
    for (; word.length && *text; text++) {
        size_t i = 0;
        while (i < word.length && text[i] && to_lower(text[i]) == to_lower(word.data[i])) i++;
        if (i == word.length) return true;
    }
    return false;
}

bool weir_config_key_is_secret(const struct weir_config *config, const char *key)
{
    static const char *const words[] = { "password", "secret", "fs.azure.account.key", "apikey", "api-key",
        "auth-params", "service-key", "token", "basic-auth", "jaas.config", "http-headers", "access-key",
        "access.key", "accesskey", "client.authorization" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(words); i++) {
        if (contains_ignoring_case(key, (struct weir_slice){ words[i], strlen(words[i]) })) return true;
    }
    const char *more =
        config ? weir_config_get_text(config, "security.redaction.additional-keys", NULL) : NULL;
    if (!more) return false;
    struct weir_slice rest = { more, strlen(more) };
    struct weir_buffer word;
    weir_buffer_init(&word, config->memory, WEIR_CONFIG_VALUE_BYTES_MAX);
    bool secret = false;
    while (!secret && weir_value_list_next(&rest, ';', &word)) {
        secret = contains_ignoring_case(key, (struct weir_slice){ word.data, word.length });
        weir_buffer_clear(&word);
    }
    weir_buffer_done(&word);
    return secret;
}

static void append_origin(const struct config__entry *entry, struct weir_buffer *to)
{
    if (!entry)
        weir_buffer_append_text(to, "default");
    else if (entry->layer == WEIR_CONFIG_SESSION)
        weir_buffer_append_text(to, "SET");
    else if (entry->layer == WEIR_CONFIG_COMMAND_LINE)
        weir_buffer_append_text(to, "command line");
    else if (entry->file)
        weir_buffer_format(to, "%s:%u", entry->file, entry->line);
    else
        weir_buffer_append_text(to, "file");
}

void weir_config_origin(const struct weir_config *config, const char *key, struct weir_buffer *to)
{
    const struct weir_option *option = weir_option_find(key, strlen(key));
    append_origin(option ? config__find(config, option, key) : NULL, to);
}

bool weir_config_next(const struct weir_config *config, size_t *index, struct weir_config_item *item)
{
    while (*index < config->entry_count) {
        const struct config__entry *entry = &config->entries[(*index)++];
        /* Entries are sorted by key, then by layer: the last of a key decides. */
        if (*index < config->entry_count && strcmp(config->entries[*index].key, entry->key) == 0) continue;
        *item = (struct weir_config_item){ .key = entry->key,
            .value = weir_config_key_is_secret(config, entry->key) ? redacted : entry->value,
            .layer = entry->layer };
        return true;
    }
    return false;
}

static void append_value(const char *value, struct weir_buffer *to)
{
    static const char special[] = ":#{}[],&*!|>'\"%@`\\";
    bool plain = *value && *value != ' ' && *value != '-' && *value != '?' && value[strlen(value) - 1] != ' ';
    for (const char *at = value; *at && plain; at++)
        plain = (unsigned char)*at >= 0x20 && !strchr(special, *at);
    plain = plain || (value[0] == '-' && value[1] >= '0' && value[1] <= '9' && !strpbrk(value, ":#"));
    if (plain) {
        weir_buffer_append_text(to, value);
        return;
    }
    weir_buffer_append_byte(to, '"');
    for (const char *at = value; *at; at++) {
        if ((unsigned char)*at < 0x20)
            weir_buffer_format(to, "\\x%02x", (unsigned char)*at);
        else
            weir_buffer_format(to, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
    }
    weir_buffer_append_byte(to, '"');
}

static void print_line(const struct weir_config *config, const char *key, const char *value,
    const struct config__entry *entry, struct weir_buffer *to)
{
    if (!value) {
        weir_buffer_format(to, "# %s: (none)\n", key);
        return;
    }
    append_value(key, to);
    weir_buffer_append_text(to, ": ");
    append_value(weir_config_key_is_secret(config, key) ? redacted : value, to);
    weir_buffer_append_text(to, "  # ");
    append_origin(entry, to);
    if (entry && strcmp(entry->key, key) != 0) weir_buffer_format(to, " as %s", entry->key);
    weir_buffer_append_byte(to, '\n');
}

/* Entries that no line of the table prints: of patterns, of maps ("<map key>.<entry>"). */
static bool is_printed_by_table(const struct config__entry *entry)
{
    size_t from = 0;
    const struct weir_option *option = weir_option_find(entry->key, entry->key_length);
    if (option && strcmp(option->key, entry->key) == 0) return true;
    return weir_option_find_by_old_name(entry->key, entry->key_length, &from) != NULL;
}

void weir_config_print(
    const struct weir_config *config, enum weir_config_extent extent, struct weir_buffer *to)
{
    size_t at = 0;
    for (size_t i = 0; i <= weir_option_count(); i++) {
        const struct weir_option *option = weir_option_at(i);
        /* What is set beside the table goes to its place in the order of the keys. */
        for (; at < config->entry_count && (!option || strcmp(config->entries[at].key, option->key) < 0);
             at++) {
            const struct config__entry *entry = &config->entries[at];
            bool last = at + 1 == config->entry_count || strcmp(config->entries[at + 1].key, entry->key) != 0;
            if (last && !is_printed_by_table(entry)) print_line(config, entry->key, entry->value, entry, to);
        }
        if (!option || weir_option_is_pattern(option)) continue;
        const struct config__entry *entry = config__find(config, option, option->key);
        bool wanted = entry || extent == WEIR_CONFIG_ALL ||
                      (extent == WEIR_CONFIG_USED && option->status == WEIR_OPTION_ACTIVE);
        if (wanted) print_line(config, option->key, entry ? entry->value : option->default_value, entry, to);
    }
}

/* A cell of a table: '|' would end it, '<' would be a tag. */
static void append_cell(const char *text, struct weir_buffer *to)
{
    for (; *text; text++) {
        if (*text == '|')
            weir_buffer_append_text(to, "\\|");
        else if (*text == '<')
            weir_buffer_append_text(to, "&lt;");
        else
            weir_buffer_append_byte(to, *text);
    }
}

static void append_code_list(const char *words, char separator, struct weir_buffer *to)
{
    const char separators[] = { separator, 0 };
    for (bool first = true; *words; first = false) {
        size_t length = strcspn(words, separators);
        weir_buffer_format(to, "%s`%.*s`", first ? "" : ", ", (int)length, words);
        words += length + (words[length] == separator);
    }
}

static void append_unit(const struct weir_option *option, struct weir_buffer *to)
{
    int64_t least, most;
    const char *unit = weir_option_range(option, &least, &most);
    if (unit[0]) weir_buffer_format(to, " Unit: %s.", unit);
    if (unit != option->unit && most == INT32_MAX)
        weir_buffer_format(to, " At least %" PRId64 ".", least);
    else if (unit != option->unit)
        weir_buffer_format(to, " From %" PRId64 " to %" PRId64 ".", least, most);
}

static void print_section(
    enum weir_option_status status, const char *title, const char *text, struct weir_buffer *to)
{
    bool meaning = status == WEIR_OPTION_ACTIVE;
    weir_buffer_format(to, "\n## %s\n\n%s\n\n", title, text);
    weir_buffer_append_text(to, meaning ? "| key | default | type | meaning |\n|---|---|---|---|\n"
                                        : "| key | default | type | old names |\n|---|---|---|---|\n");
    for (size_t i = 0; i < weir_option_count(); i++) {
        const struct weir_option *option = weir_option_at(i);
        if (option->status != status) continue;
        weir_buffer_format(to, "| `%s` | ", option->key);
        append_cell(option->default_value ? option->default_value : "(none)", to);
        weir_buffer_format(to, " | %s | ", weir_option_type_name(option->type));
        if (meaning) {
            append_cell(option->meaning, to);
            if (option->unit[0] && option->type == WEIR_OPTION_ENUM) {
                weir_buffer_append_text(to, " One of ");
                append_code_list(option->unit, '|', to);
                weir_buffer_append_byte(to, '.');
            } else if (option->unit[0]) {
                append_unit(option, to);
            }
            if (option->old_names[0]) weir_buffer_append_text(to, " Old names: ");
        } else if (option->meaning[0]) {
            append_cell(option->meaning, to);
            weir_buffer_append_text(to, option->old_names[0] ? " Old names: " : "");
        }
        append_code_list(option->old_names, ' ', to);
        weir_buffer_append_text(to, " |\n");
    }
}

void weir_config_print_markdown(struct weir_buffer *to)
{
    weir_buffer_append_text(to,
        "# Configuration\n"
        "\n"
        "This page is generated from `src/config/options.def`; change it there.\n"
        "\n"
        "Options are read from `conf/config.yaml` (nested or dotted keys) or, when it exists, from "
        "`conf/flink-conf.yaml`\n"
        "(flat, the rules of Flink 1.x); the folder is `WEIR_CONF_DIR`, else `FLINK_CONF_DIR`, else `conf` "
        "beside `bin`.\n"
        "`-D key=value` goes over the file, `SET 'key' = 'value'` in SQL over both. A key that nobody knows, "
        "or a value of\n"
        "another form, is an error that names file, line and what was expected. An old name counts where the "
        "new one is not\n"
        "set. `weir config` prints what holds and where it comes from; values of keys that contain "
        "`password`, `secret`,\n"
        "`token` and the like are printed as `******`.\n"
        "\n"
        "Forms: a duration is a number with `ms`, `s`, `min`, `h`, `d`, `us` or `ns` (without: "
        "milliseconds); a memory size a\n"
        "number with `b`, `kb`, `mb`, `gb` or `tb`, in powers of 1024 (without: bytes); a list is `[a, b]` "
        "or `a;b`; a map is\n"
        "`{k: v}` or `k:v,k2:v2`. `<name>` in a key stands for a word of your own.\n");
    print_section(
        WEIR_OPTION_ACTIVE, "What every process acts on", "These options change what a program does.", to);
    print_section(WEIR_OPTION_CLUSTER, "Processes of a cluster",
        "These are checked and kept, and belong to the processes of a cluster; a program that runs jobs in "
        "its own process does\n"
        "not use them.",
        to);
    print_section(WEIR_OPTION_NO_MEANING, "Without a meaning in Weir",
        "These are accepted, so that a configuration of Flink can be taken over as it is: each gets one "
        "notice, and nothing\n"
        "changes. Most of them concern a Java virtual machine.",
        to);
}
