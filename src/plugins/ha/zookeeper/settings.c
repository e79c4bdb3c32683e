/* high-availability.zookeeper.*: checked once, at open. */
#include "internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX "high-availability.zookeeper."

const struct weir_option_definition zookeeper_options[ZOOKEEPER_OPTIONS] = {
    { PREFIX "quorum", "List", NULL, "host:port,host:port,...[/chroot] of the servers.", true },
    { PREFIX "path.root", "String", "/flink", "The node below which all clusters have theirs.", false },
    { PREFIX "client.session-timeout", "Duration", "1 min",
        "How long a process that hangs or is cut off keeps its presence; the servers may raise or lower it.",
        false },
    { PREFIX "client.connection-timeout", "Duration", "15 s",
        "No server reached for so long is said in the log, and names are looked up again.", false },
    { PREFIX "client.retry-wait", "Duration", "5 s",
        "Pause before a session is tried again that could not be begun; doubles each time.", false },
    { PREFIX "client.max-retry-wait", "Duration", "1 min", "The longest such pause.", false },
    { PREFIX "client.max-retry-attempts", "Integer", "3",
        "After so many tries in a row the log says ERROR; trying never ends.", false },
    { PREFIX "client.max-close-wait", "Duration", "3 s", "How long an orderly exit waits for the servers.",
        false },
    { PREFIX "client.acl", "String", "open",
        "open, or creator: nodes are for who has the same authorization alone.", false },
    { PREFIX "client.authorization", "Map", NULL, "scheme:value, like digest:user:password.", false },
    { PREFIX "client.tolerate-suspended-connections", "Boolean", "false",
        "true: a broken connection is a pause for the leader only after two thirds of the session timeout.",
        false },
};

static const char *text_of(const struct weir_ha_config *config, const char *key, const char *otherwise)
{
    for (uint32_t i = 0; i < config->option_count; i++)
        if (strcmp(config->options[i].key + sizeof PREFIX - 1, key) == 0 &&
            strncmp(config->options[i].key, PREFIX, sizeof PREFIX - 1) == 0)
            return config->options[i].value;
    return otherwise;
}

/* Durations come in milliseconds. */
static bool number_of(const struct weir_ha_config *config, const char *key, int64_t otherwise,
    int64_t smallest, int64_t *ret, struct weir_error *reterr)
{
    const char *text = text_of(config, key, NULL);
    *ret = otherwise;
    if (!text) return true;
    char *end;
    *ret = strtoll(text, &end, 10);
    if (end != text && !*end && *ret >= smallest && *ret <= INT32_MAX) return true;
    weir_error_set(reterr, WEIR_E_CONFIGURATION, PREFIX "%s: %s is out of range; expected %lld to %d", key,
        text, (long long)smallest, INT32_MAX);
    return false;
}

static enum weir_error_code add_server(
    struct zookeeper_settings *settings, const char *server, size_t length, struct weir_error *reterr)
{
    while (length && *server == ' ') server++, length--;
    while (length && server[length - 1] == ' ') length--;
    const char *bracket = length && server[0] == '[' ? memchr(server, ']', length) : NULL;
    const char *from = bracket ? bracket : server;
    const char *colon = memchr(from, ':', length - (size_t)(from - server));
    size_t digits = colon ? length - (size_t)(colon + 1 - server) : 0;
    bool good = length > 0 && length < 256 && colon != server && (!server[0] || server[0] != '[' || bracket);
    unsigned long port = 2181;
    if (good && colon) {
        char *end;
        port = strtoul(colon + 1, &end, 10);
        good = digits > 0 && end == colon + 1 + digits && port > 0 && port <= 65535;
    }
    if (!good)
        return weir_error_set(reterr, WEIR_E_CONFIGURATION,
            PREFIX "quorum: '%.*s' is no server; expected host:port,host:port,...[/chroot]", (int)length,
            server);
    size_t host = colon ? (size_t)(colon - server) : length, used = strlen(settings->servers);
    int wrote = snprintf(settings->servers + used, sizeof settings->servers - used, "%s%.*s:%lu",
        used ? "," : "", (int)host, server, port);
    if ((size_t)wrote >= sizeof settings->servers - used)
        return weir_error_set(
            reterr, WEIR_E_CONFIGURATION, PREFIX "quorum: longer than %d bytes", ZOOKEEPER_SERVERS_BYTES_MAX);
    return WEIR_OK;
}

/* Appends /a/b of "a/b/", "/a//b". */
static bool append_path(char base[ZOOKEEPER_PATH_BYTES_MAX], const char *path)
{
    size_t used = strlen(base);
    while (*path) {
        size_t length = strcspn(path, "/");
        if (length) {
            bool dots = (length == 1 && path[0] == '.') || (length == 2 && path[0] == '.' && path[1] == '.');
            /* The rest is for keys. */
            if (dots || used + length + 2 + WEIR_HA_KEY_BYTES_MAX + 1 > ZOOKEEPER_PATH_BYTES_MAX)
                return false;
            base[used++] = '/';
            memcpy(base + used, path, length);
            used += length;
            base[used] = '\0';
        }
        path += length;
        if (*path == '/') path++;
    }
    return true;
}

static enum weir_error_code read_quorum(
    const struct weir_ha_config *config, struct zookeeper_settings *settings, struct weir_error *reterr)
{
    const char *quorum = text_of(config, "quorum", "");
    const char *chroot = strchr(quorum, '/');
    size_t length = chroot ? (size_t)(chroot - quorum) : strlen(quorum);
    if (!length)
        return weir_error_set(reterr, WEIR_E_CONFIGURATION,
            "high-availability.type: zookeeper needs " PREFIX "quorum; expected host:port,host:port,...");
    for (size_t at = 0; at <= length;) {
        size_t part = at;
        while (part < length && quorum[part] != ',' && quorum[part] != ';') part++;
        enum weir_error_code code = add_server(settings, quorum + at, part - at, reterr);
        if (code) return code;
        at = part + 1;
    }
    const char *root = text_of(config, "path.root", "/flink");
    if (!append_path(settings->base, chroot ? chroot : "") || !append_path(settings->base, root) ||
        !append_path(settings->base, config->cluster))
        return weir_error_set(reterr, WEIR_E_CONFIGURATION,
            "%s%s/%s is no path for ZooKeeper: it is too long, or has '.' or '..' in it",
            chroot ? chroot : "", root, config->cluster);
    return WEIR_OK;
}

static size_t unquote(const char **text, size_t length)
{
    while (length && **text == ' ') (*text)++, length--;
    while (length && (*text)[length - 1] == ' ') length--;
    if (length >= 2 && (**text == '\'' || **text == '"') && (*text)[length - 1] == **text) {
        (*text)++;
        length -= 2;
    }
    return length;
}

static enum weir_error_code read_authorization(
    const struct weir_ha_config *config, struct zookeeper_settings *settings, struct weir_error *reterr)
{
    const char *at = text_of(config, "client.authorization", "");
    while (*at) {
        size_t length = strcspn(at, ",");
        const char *entry = at;
        size_t entry_length = unquote(&entry, length);
        const char *colon = memchr(entry, ':', entry_length);
        struct zookeeper_authorization *to = &settings->authorizations[settings->authorization_count];
        const char *value = colon ? colon + 1 : "";
        size_t value_length = colon ? unquote(&value, entry_length - (size_t)(value - entry)) : 0;
        /* The value is a secret: it is not repeated here. */
        if (!colon || colon == entry || (size_t)(colon - entry) >= sizeof to->scheme || !value_length ||
            value_length >= sizeof to->value || settings->authorization_count == ZOOKEEPER_AUTHORIZATIONS_MAX)
            return weir_error_set(reterr, WEIR_E_CONFIGURATION,
                PREFIX "client.authorization: expected at most %d entries scheme:value, like "
                       "digest:user:password",
                ZOOKEEPER_AUTHORIZATIONS_MAX);
        memcpy(to->scheme, entry, (size_t)(colon - entry));
        memcpy(to->value, value, value_length);
        settings->authorization_count++;
        at += length;
        if (*at) at++;
    }
    return WEIR_OK;
}

static enum weir_error_code read_rights(
    const struct weir_ha_config *config, struct zookeeper_settings *settings, struct weir_error *reterr)
{
    const char *acl = text_of(config, "client.acl", "open");
    settings->creator_only = strcasecmp(acl, "creator") == 0;
    if (!settings->creator_only && strcasecmp(acl, "open") != 0)
        return weir_error_set(reterr, WEIR_E_CONFIGURATION,
            PREFIX "client.acl: '%s' is not known; expected open or creator", acl);
    enum weir_error_code code = read_authorization(config, settings, reterr);
    if (code) return code;
    if (settings->creator_only && !settings->authorization_count)
        return weir_error_set(reterr, WEIR_E_CONFIGURATION,
            PREFIX "client.acl: creator needs " PREFIX
                   "client.authorization: digest:user:password; SASL is not "
                   "implemented");
    const char *tolerate = text_of(config, "client.tolerate-suspended-connections", "false");
    settings->tolerate_suspended = strcasecmp(tolerate, "true") == 0;
    return WEIR_OK;
}

enum weir_error_code zookeeper_settings_read(
    const struct weir_ha_config *config, struct zookeeper_settings *ret, struct weir_error *reterr)
{
    *ret = (struct zookeeper_settings){ 0 };
    enum weir_error_code code = read_quorum(config, ret, reterr);
    if (!code) code = read_rights(config, ret, reterr);
    if (code) return code;
    int64_t session_ms, attempts;
    if (!number_of(config, "client.session-timeout", 60000, 1, &session_ms, reterr) ||
        !number_of(config, "client.connection-timeout", 15000, 1, &ret->connection_timeout_ms, reterr) ||
        !number_of(config, "client.retry-wait", 5000, 1, &ret->retry_wait_ms, reterr) ||
        !number_of(config, "client.max-retry-wait", 60000, 1, &ret->retry_wait_max_ms, reterr) ||
        !number_of(config, "client.max-close-wait", 3000, 0, &ret->close_wait_ms, reterr) ||
        !number_of(config, "client.max-retry-attempts", 3, 0, &attempts, reterr))
        return WEIR_E_CONFIGURATION;
    ret->session_timeout_ms = (int)session_ms;
    ret->retry_attempts_max = (uint32_t)attempts;
    return WEIR_OK;
}
