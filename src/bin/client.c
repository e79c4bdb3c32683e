#include "client.h"
#include "base/buffer.h"
#include "main.h"
#include "store_reader.h"
#include "os/clock.h"
#include "os/memory.h"
#include "os/process.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_MS = 2000,
    REQUEST_TIMEOUT_MS = 12000,
    PAUSE_MS = 50,
    STORE_WAIT_MS = 3000,
    LOOK_AGAIN_MS = 1000,
    LOOKS_MAX = 2
};

int client_failed(const char *format, ...)
{
    char text[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fflush(stdout);
    fprintf(stderr,
        "\n------------------------------------------------------------\n The program finished with the "
        "following exception:\n\n%s\n",
        text);
    return 1;
}

/* ---------------------------------------------------------------- addresses */

static bool is_port(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && number >= 1 && number <= 65535;
}

/* One address, "host", "host:port" or "http://host:port/"; the rest of it as it is to be asked. */
static const char *read_address(
    struct client *client, const char *at, size_t length, long long port, struct weir_error *reterr)
{
    char *text = weir_arena_copy(&client->arena, at, length);
    if (length && text[length - 1] == '/') text[length - 1] = '\0';
    if (strncmp(text, "http://", 7) == 0) text += 7;
    const char *colon = strrchr(text, ':');
    if (!colon && *text) return weir_arena_format(&client->arena, "%s:%lld", text, port);
    if (colon && colon > text && !strstr(text, "://") && is_port(colon + 1)) return text;
    weir_error_set(reterr, WEIR_E_CONFIGURATION,
        "'%.*s' is no address of a JobManager: expected host:port, with a port from 1 to 65535", (int)length,
        at);
    return NULL;
}

/* Adds the addresses of a list "a,b:8082". */
static bool add_list(struct client *client, const char *list, long long port, struct weir_error *reterr)
{
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ",; ");
        if (length && client->address_count == CLIENT_ADDRESSES_MAX) {
            weir_error_set(reterr, WEIR_E_CONFIGURATION, "rest.address names more than %d JobManagers",
                CLIENT_ADDRESSES_MAX);
            return false;
        }
        if (length) {
            const char *address = read_address(client, at, length, port, reterr);
            if (!address) return false;
            client->addresses[client->address_count++] = address;
        }
        at += length + (at[length] != '\0');
    }
    if (!client->address_count)
        weir_error_set(reterr, WEIR_E_CONFIGURATION,
            "'%s' names no JobManager: expected host:port, or several of them with commas between", list);
    return client->address_count > 0;
}

static bool is_here(const char *address)
{
    return strncmp(address, "localhost:", 10) == 0 || strncmp(address, "127.", 4) == 0;
}

/* Those in front of the ones that the configuration names. *ret_found: how many. */
static enum weir_error_code read_store(
    struct client *client, struct store_reader *reader, uint32_t *ret_found, struct weir_error *reterr)
{
    const char *addresses[CLIENT_ADDRESSES_MAX];
    uint32_t room = CLIENT_ADDRESSES_MAX - client->address_count, found;
    enum weir_error_code code =
        store_reader_rest_addresses(reader, &client->arena, addresses, room, &found, reterr);
    memmove(client->addresses + found, client->addresses, sizeof *addresses * client->address_count);
    memcpy(client->addresses, addresses, sizeof *addresses * found);
    client->address_count += found;
    *ret_found = found;
    return code == WEIR_E_NOT_FOUND ? WEIR_OK : code;
}

/* As a client of Flink with high availability does: whoever leads is named in the coordination store. A store
 * of this host says nothing of JobManagers elsewhere, so one that the configuration names elsewhere is left
 * alone. Where several hosts share one and it names nobody, whoever else answers is of another cluster. */
static bool add_those_of_the_store(
    struct client *client, const struct weir_config *config, int64_t patience_ms, struct weir_error *reterr)
{
    struct cluster_setup setup;
    struct store_reader *reader;
    struct weir_error error = { 0 };
    bool all_here = true;
    for (uint32_t i = 0; i < client->address_count; i++) all_here &= is_here(client->addresses[i]);
    if (!cluster_setup_init(&setup, config)) return true; /* it has said why */
    bool of_this_host = strcmp(setup.ha->name, "embedded") == 0;
    if (setup.unprotected || (of_this_host && !all_here)) {
        cluster_setup_done(&setup);
        return true;
    }
    uint32_t found = 0;
    int64_t deadline_ms = weir_clock_monotonic_ms() + patience_ms;
    enum weir_error_code code = store_reader_open(&setup, STORE_WAIT_MS, &reader, &error);
    bool opened = client->follows_store = code == WEIR_OK;
    while (opened) {
        code = read_store(client, reader, &found, &error);
        if (code || found || of_this_host || weir_clock_monotonic_ms() >= deadline_ms) break;
        weir_clock_sleep_ms(PAUSE_MS);
    }
    if (opened) store_reader_close(reader);
    if (code && code != WEIR_E_NOT_FOUND && patience_ms)
        fprintf(stderr, "[WARN] %s: asking %s\n", error.message, client->addresses[0]);
    bool nobody = !code && !found && !of_this_host;
    if (nobody)
        weir_error_set(reterr, WEIR_E_NOT_FOUND,
            "no JobManager of cluster '%s' is in the coordination store; expected one that runs, its "
            "high-availability.cluster-id (-z) and high-availability.zookeeper.path.root, or -m host:port",
            setup.cluster);
    cluster_setup_done(&setup);
    return !nobody;
}

/* Nobody answers at any address: while the client waited for a job, other JobManagers may have come,
 * elsewhere. */
static void look_again(struct client *client)
{
    struct client before = *client;
    struct weir_error ignored;
    uint32_t configured = client->configured_count;
    memmove(client->addresses, client->addresses + client->address_count - configured,
        sizeof *client->addresses * configured);
    client->address_count = configured;
    bool found =
        add_those_of_the_store(client, client->config, 0, &ignored) && client->address_count > configured;
    if (!found) {
        memcpy(client->addresses, before.addresses, sizeof before.addresses);
        client->address_count = before.address_count;
    } else {
        client->present = 0;
    }
}

bool client_init(
    struct client *client, const struct weir_config *config, const char *manager, struct weir_error *reterr)
{
    *client = (struct client){ .address_count = 0 };
    weir_arena_init(&client->arena, weir_os_memory());
    const char *list = manager ? manager : weir_config_get_text(config, "rest.address", NULL);
    if (!list || !*list) list = "localhost";
    if (!add_list(client, list, weir_config_get_integer(config, "rest.port", 8081), reterr)) return false;
    client->configured_count = client->address_count;
    client->config = config;
    if (!manager && !add_those_of_the_store(client, config, CLIENT_REFUSED_MS_MAX, reterr)) return false;
    curl_global_init(CURL_GLOBAL_NOTHING);
    client->curl = curl_easy_init();
    return client->curl != NULL;
}

void client_done(struct client *client)
{
    if (client->curl) curl_easy_cleanup(client->curl);
    weir_arena_done(&client->arena);
}

/* ---------------------------------------------------------------- requests */

static size_t on_body(char *bytes, size_t size, size_t count, void *owner)
{
    struct weir_buffer *buffer = owner;
    weir_buffer_append(buffer, bytes, size * count);
    return buffer->overflowed ? 0 : size * count;
}

struct call {
    const char *method, *path, *content_type;
    const void *body;
    size_t length;
};

static CURLcode perform(struct client *client, const char *address, const struct call *call,
    struct weir_buffer *answer, long *ret_status)
{
    CURL *curl = client->curl;
    curl_easy_reset(curl);
    char url[4096], type[256];
    snprintf(url, sizeof url, "http://%s/v1%s", address, call->path);
    snprintf(type, sizeof type, "Content-Type: %s", call->content_type);
    struct curl_slist *headers = curl_slist_append(NULL, type);
    headers = curl_slist_append(headers, "Expect:");
    weir_buffer_clear(answer);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)REQUEST_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (call->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->length);
    }
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    curl_slist_free_all(headers);
    return code;
}

static void read_errors(struct client_response *response)
{
    json_t *errors = json_object_get(response->json, "errors");
    size_t index, used = 0;
    json_t *item;
    json_array_foreach(errors, index, item)
    {
        const char *text = json_string_value(item);
        if (!text || used >= sizeof response->error) continue;
        int wrote =
            snprintf(response->error + used, sizeof response->error - used, "%s%s", used ? "\n" : "", text);
        if (wrote > 0) used += (size_t)wrote;
    }
    if (response->status >= 400 && !response->error[0])
        snprintf(response->error, sizeof response->error, "HTTP status %ld", response->status);
}

/* Who is asked twice does it once: jobs and triggers have ids. */
static bool looks_again(struct client *client, int64_t passed_ms, uint32_t *looks)
{
    if (!client->follows_store || *looks == LOOKS_MAX || passed_ms < (*looks + 1) * (int64_t)LOOK_AGAIN_MS ||
        weir_os_stop_requested())
        return false;
    ++*looks;
    look_again(client);
    return true;
}

enum weir_error_code client_request(struct client *client, const char *method, const char *path,
    const char *content_type, const void *body, size_t length, struct client_response *ret,
    struct weir_error *reterr)
{
    const struct call call = { method, path, content_type, body, length };
    *ret = (struct client_response){ .status = 0 };
    struct weir_buffer answer;
    weir_buffer_init(&answer, weir_os_memory(), CLIENT_RESPONSE_BYTES_MAX);
    int64_t start_ms = weir_clock_monotonic_ms();
    enum weir_error_code code = WEIR_OK;
    bool reached = false;
    uint32_t looks = 0;
    client->repeated = false;
    for (uint32_t tries = 1; !ret->status && !code; tries++) {
        const char *address = client->addresses[client->present];
        long status = 0;
        CURLcode outcome = perform(client, address, &call, &answer, &status);
        reached = reached || outcome == CURLE_OK;
        int64_t passed_ms = weir_clock_monotonic_ms() - start_ms;
        if (!reached && tries >= client->address_count && looks_again(client, passed_ms, &looks)) {
            tries = 0; /* each of these is asked, too */
            continue;
        }
        /* Each is asked at least once, however long the one before was silent. */
        bool wait = (tries < client->address_count ||
                        passed_ms < (reached ? CLIENT_WAIT_MS_MAX : CLIENT_REFUSED_MS_MAX)) &&
                    !weir_os_stop_requested();
        if (outcome == CURLE_OK && (status != 503 || !wait)) {
            ret->status = status;
        } else if (!wait) {
            code = weir_error_set(reterr, WEIR_E_IO, "Could not reach a JobManager at %s: %s%s", address,
                curl_easy_strerror(outcome),
                client->address_count > 1 ? " (nor at the other addresses)" : "");
        } else {
            client->repeated = client->repeated || outcome != CURLE_COULDNT_CONNECT;
            client->present = (client->present + 1) % client->address_count;
            if (tries % client->address_count == 0) weir_clock_sleep_ms(PAUSE_MS);
        }
    }
    if (!code) {
        ret->json =
            json_loadb(answer.data ? (const char *)answer.data : "", answer.length, JSON_DECODE_ANY, NULL);
        read_errors(ret);
    }
    weir_buffer_done(&answer);
    return code;
}

enum weir_error_code client_get(
    struct client *client, const char *path, struct client_response *ret, struct weir_error *reterr)
{
    return client_request(client, "GET", path, "application/json", NULL, 0, ret, reterr);
}

enum weir_error_code client_send(struct client *client, const char *method, const char *path, json_t *body,
    struct client_response *ret, struct weir_error *reterr)
{
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    enum weir_error_code code =
        client_request(client, method, path, "application/json", text, text ? strlen(text) : 0, ret, reterr);
    free(text);
    return code;
}

void client_response_done(struct client_response *response)
{
    json_decref(response->json);
    response->json = NULL;
}

char *client_absolute(struct weir_arena *arena, const char *path)
{
    char directory[4096];
    if (!path[0] || path[0] == '/' || strchr(path, ':') || !getcwd(directory, sizeof directory))
        return weir_arena_string(arena, path);
    while (path[0] == '.' && path[1] == '/') path += 2;
    return weir_arena_format(arena, "%s/%s", directory, path);
}

/* ---------------------------------------------------------------- command lines */

enum { GENERAL_OPTIONS_MAX = 48, OPTION_IGNORED = 2000 };

static const struct option general_options[] = { { "jobmanager", required_argument, NULL, 'm' },
    { "target", required_argument, NULL, 't' }, { "executor", required_argument, NULL, 'e' },
    { "zookeeperNamespace", required_argument, NULL, 'z' }, { "verbose", no_argument, NULL, 'v' },
    { "help", no_argument, NULL, 'h' } };

static void add_definition(const char *verb, struct client_arguments *arguments, char *text, int *ret_code)
{
    if (arguments->definition_count == WEIR_ARRAY_COUNT(arguments->definitions))
        *ret_code = usage_error(verb, "more than %u times -D", arguments->definition_count);
    else
        arguments->definitions[arguments->definition_count++] = text;
}

/* -z: the cluster's id by its name of old. */
static void add_cluster(const char *verb, struct client_arguments *arguments, const char *id, int *ret_code)
{
    char *text = arguments->cluster_definition;
    size_t room = sizeof arguments->cluster_definition;
    if ((size_t)snprintf(text, room, "high-availability.cluster-id=%s", id) >= room)
        *ret_code = usage_error(verb, "the value of -z is longer than %zu bytes", room - 32);
    else
        add_definition(verb, arguments, text, ret_code);
}

/* False: it is the verb's own. */
static bool general_option(
    const char *verb, struct client_arguments *arguments, int option, const char *value, int *ret_code)
{
    switch (option) {
    case 'm': arguments->manager = value; return true;
    case 't':
    case 'e': arguments->target = value; return true;
    case 'z': add_cluster(verb, arguments, value, ret_code); return true;
    case 'v': return true;
    case 'h':
        printf("usage: %s\n", verb_usage(verb));
        *ret_code = 0;
        return true;
    case 'D': add_definition(verb, arguments, (char *)value, ret_code); return true;
    default: return false;
    }
}

int client_parse(const char *verb, int count, char **arguments, const char *specific,
    const struct option *long_options, bool (*option)(void *owner, int option, const char *value),
    void *owner, struct client_arguments *ret)
{
    struct option all[GENERAL_OPTIONS_MAX + 1] = { 0 };
    char letters[128];
    uint32_t used = 0;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(general_options); i++) all[used++] = general_options[i];
    for (; long_options->name && used < GENERAL_OPTIONS_MAX; long_options++) all[used++] = *long_options;
    snprintf(letters, sizeof letters, ":D:m:t:e:z:vh%s", specific);
    *ret = (struct client_arguments){ .definition_count = 0 };
    optind = 1;
    opterr = 0;
    int code = -1;
    /* getopt wants the program's name first: the verb stands in for it, one before the arguments. */
    for (int found; (found = getopt_long_only(count + 1, arguments - 1, letters, all, NULL)) != -1;) {
        if (found == '?' || found == ':') return option_error(verb, found, arguments - 1);
        if (!general_option(verb, ret, found, optarg, &code) && !option(owner, found, optarg))
            code = usage_exit_code(verb);
        if (code >= 0) return code;
    }
    for (; optind < count + 1; optind++) {
        if (ret->positional_count == CLIENT_POSITIONALS_MAX) return usage_error(verb, "too many arguments");
        ret->positionals[ret->positional_count++] = arguments[optind - 1];
    }
    return -1;
}

static const char *target_of(const struct client_arguments *arguments, const struct weir_config *config)
{
    return arguments->target ? arguments->target : weir_config_get_text(config, "execution.target", "remote");
}

bool client_is_local(const struct client_arguments *arguments, const struct weir_config *config)
{
    const char *target = target_of(arguments, config);
    return strcasecmp(target, "local") == 0 || strcasecmp(target, "embedded") == 0;
}

struct weir_config *client_open(const struct client_arguments *arguments, struct client *client)
{
    struct weir_config *config =
        load_config((char *const *)arguments->definitions, arguments->definition_count, false);
    if (!config) return NULL;
    struct weir_error error = { 0 };
    const char *target = target_of(arguments, config);
    const char *manager = arguments->manager ? arguments->manager : "";
    if (strcmp(manager, "yarn-cluster") == 0) target = manager; /* where the target used to be named */
    if (client_check_target(target, &error)) {
        client_failed("%s", error.message);
        weir_config_free(config);
        return NULL;
    }
    if (client_init(client, config, arguments->manager, &error)) return config;
    client_failed("%s", error.message);
    client_done(client);
    weir_config_free(config);
    return NULL;
}

enum weir_error_code client_check_target(const char *target, struct weir_error *reterr)
{
    static const char *const known[] = { "remote", "standalone", "local", "embedded" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(known); i++)
        if (strcasecmp(target, known[i]) == 0) return WEIR_OK;
    return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
        "execution.target: %s is not implemented; this build submits to a standalone cluster (remote) or "
        "runs in its own process (local)",
        target);
}

bool client_check_job(const char *text)
{
    if (text && strlen(text) == 32 && strspn(text, "0123456789abcdefABCDEF") == 32) return true;
    client_failed("The value '%s' is not a valid JobID: expected 32 hexadecimal digits.", text ? text : "");
    return false;
}
