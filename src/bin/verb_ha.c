/*
 * weir ha inspect: what the coordination store holds, read from it alone: no JobManager has to run, nothing
 * is changed. weir ha gc: asks who leads to sweep now what no record names; only the leader deletes.
 */
#include "client.h"
#include "control/record/record.h"
#include "inspect.h"
#include "main.h"
#include "os/memory.h"
#include "plugins/filesystem/file/file_filesystem.h"
#include "store_reader.h"
#include <stdio.h>
#include <string.h>

enum { STORE_WAIT_MS = 10000, ITEMS_MAX = 1 << 20 };

struct ha_view {
    struct weir_arena arena;
    struct cluster_setup setup;
    struct store_reader *reader;
    const Weir__LeaderRecord *leader; /* NULL: nobody has ever led */
    uint64_t leader_version;
    const Weir__JobIndex *index; /* NULL: the store has transactions, or there is none yet */
    const struct weir_ha_entry *candidates, *jobs, *tombstones;
    uint32_t candidate_count, job_count, tombstone_count;
};

/* ---------------------------------------------------------------- reading */

static const ProtobufCMessage *decode(
    struct ha_view *view, const ProtobufCMessageDescriptor *descriptor, const struct weir_ha_entry *entry)
{
    ProtobufCMessage *message = NULL;
    struct weir_error error;
    if (weir_proto_decode(descriptor, &view->arena, entry->value, entry->length, WEIR_RECORD_INDEX_BYTES_MAX,
            &message, &error))
        return NULL;
    return message;
}

static enum weir_error_code read_view(struct ha_view *view, struct weir_error *reterr)
{
    const struct weir_ha_entry *found;
    uint32_t count;
    struct weir_arena *arena = &view->arena;
    enum weir_error_code code =
        store_reader_read(view->reader, "leader", false, arena, &found, &count, reterr);
    if (code) return code;
    if (count) {
        view->leader = (const Weir__LeaderRecord *)decode(view, &weir__leader_record__descriptor, &found[0]);
        view->leader_version = found[0].version;
        if (!view->leader)
            return weir_error_set(reterr, WEIR_E_STATE, "the leader record of cluster '%s' cannot be read",
                view->setup.cluster);
    }
    code = store_reader_read(view->reader, "index", false, arena, &found, &count, reterr);
    if (!code && count)
        view->index = (const Weir__JobIndex *)decode(view, &weir__job_index__descriptor, &found[0]);
    if (!code)
        code = store_reader_read(
            view->reader, "candidates", true, arena, &view->candidates, &view->candidate_count, reterr);
    if (!code)
        code = store_reader_read(view->reader, "jobs", true, arena, &view->jobs, &view->job_count, reterr);
    if (!code)
        code = store_reader_read(
            view->reader, "tombstones", true, arena, &view->tombstones, &view->tombstone_count, reterr);
    return code;
}

/* Of what a record points to; -1: it is not there. */
static json_int_t bytes_of(const char *path)
{
    struct weir_file_status status;
    struct weir_filesystem *fs = &weir_file_filesystem;
    if (!path || !*path || fs->status(fs, path, &status, NULL) || !status.exists) return -1;
    return status.size_bytes;
}

/* ---------------------------------------------------------------- as JSON */

static json_t *json_of_node(const Weir__Node *node)
{
    return json_pack("{s:s,s:s,s:s,s:s}", "name", node->name, "rpc", node->rpc_address, "rest",
        node->rest_address, "host", node->host);
}

static json_t *json_of_leader(struct ha_view *view)
{
    const Weir__LeaderRecord *leader = view->leader;
    if (!leader || !leader->holder) return json_null();
    bool present = false;
    for (uint32_t i = 0; i < view->candidate_count; i++) {
        const Weir__Node *node =
            (const Weir__Node *)decode(view, &weir__node__descriptor, &view->candidates[i]);
        present |= node && strcmp(node->name, leader->holder->name) == 0 &&
                   node->incarnation == leader->holder->incarnation;
    }
    json_t *json = json_of_node(leader->holder);
    json_object_set_new(json, "epoch", json_integer((json_int_t)leader->epoch));
    json_object_set_new(json, "version", json_integer((json_int_t)view->leader_version));
    json_object_set_new(json, "present", json_boolean(present));
    json_object_set_new(json, "failovers", json_integer((json_int_t)leader->n_failovers));
    return json;
}

static json_t *json_of_candidates(struct ha_view *view)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < view->candidate_count; i++) {
        const Weir__Node *node =
            (const Weir__Node *)decode(view, &weir__node__descriptor, &view->candidates[i]);
        if (node && node->name[0]) json_array_append_new(list, json_of_node(node));
    }
    return list;
}

static json_t *json_of_pointer(const char *path)
{
    json_int_t bytes = bytes_of(path);
    return json_pack("{s:s,s:o}", "path", path, "bytes", bytes < 0 ? json_null() : json_integer(bytes));
}

static json_t *json_of_checkpoints(const Weir__JobRecord *record)
{
    json_t *list = json_array();
    for (size_t i = 0; i < record->n_checkpoints; i++) {
        const Weir__CompletedCheckpoint *checkpoint = record->checkpoints[i];
        json_t *json = json_of_pointer(checkpoint->pointer);
        json_object_set_new(json, "id", json_integer((json_int_t)checkpoint->id));
        json_object_set_new(json, "epoch", json_integer((json_int_t)checkpoint->epoch));
        json_object_set_new(json, "kind",
            json_string(inspect_word(&weir__checkpoint_kind__descriptor, (int)checkpoint->kind, "")));
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *json_of_savepoints(const Weir__JobRecord *record)
{
    json_t *list = json_array();
    for (size_t i = 0; i < record->n_savepoints; i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:I}", "path", record->savepoints[i]->path, "state",
                                        inspect_word(&weir__savepoint_state__descriptor,
                                            (int)record->savepoints[i]->state, "SAVEPOINT_"),
                                        "id", (json_int_t)record->savepoints[i]->checkpoint));
    return list;
}

static bool is_named(const struct ha_view *view, const char *key)
{
    if (!view->index) return true;
    for (size_t i = 0; i < view->index->n_jobs; i++) {
        const char *name = view->index->jobs[i]->record;
        if (strcmp(key, name) == 0 || (strncmp(key, "jobs/", 5) == 0 && strcmp(key + 5, name) == 0))
            return true;
    }
    return false;
}

static json_t *json_of_job(struct ha_view *view, const struct weir_ha_entry *entry)
{
    const Weir__JobRecord *record = NULL;
    Weir__JobRecord *read;
    struct weir_error error = { 0 };
    if (!weir_job_record_decode(&view->arena, entry->value, entry->length, &read, &error)) record = read;
    json_t *json = json_pack("{s:s,s:I,s:I,s:b}", "key", entry->key, "version", (json_int_t)entry->version,
        "bytes", (json_int_t)entry->length, "named", is_named(view, entry->key));
    if (!record) {
        json_object_set_new(json, "error", json_string(error.message));
        return json;
    }
    const Weir__JobResult *result = record->result;
    json_object_set_new(
        json, "job", json_string(inspect_hex(&view->arena, record->job.data, record->job.len)));
    json_object_set_new(json, "name", json_string(record->name));
    json_object_set_new(json, "status",
        json_string(inspect_word(&weir__record_status__descriptor, (int)record->status, "RECORD_")));
    json_object_set_new(json, "target",
        json_string(record->target
                        ? inspect_word(&weir__target_kind__descriptor, (int)record->target->kind, "TARGET_")
                        : "RUN"));
    json_object_set_new(json, "result",
        result ? json_string(inspect_word(&weir__job_state__descriptor, (int)result->state, "JOB_"))
               : json_null());
    json_object_set_new(json, "uncommitted-checkpoint",
        result && result->uncommitted_checkpoint ? json_integer((json_int_t)result->uncommitted_checkpoint)
                                                 : json_null());
    json_object_set_new(json, "epoch", json_integer((json_int_t)record->epoch));
    json_object_set_new(json, "write-counter", json_integer((json_int_t)record->write_counter));
    json_object_set_new(json, "submitted", json_integer((json_int_t)record->submitted_ms));
    json_object_set_new(json, "plan", json_of_pointer(record->plan_pointer));
    json_object_set_new(json, "plan-version", json_integer((json_int_t)record->plan_version));
    json_object_set_new(json, "checkpoints", json_of_checkpoints(record));
    json_object_set_new(json, "savepoints", json_of_savepoints(record));
    if (record->restore && record->restore->path[0])
        json_object_set_new(json, "restored-from", json_string(record->restore->path));
    return json;
}

static json_t *json_of_tombstone(struct ha_view *view, const Weir__Tombstone *tombstone)
{
    const Weir__JobResult *result = tombstone->result;
    return json_pack("{s:s,s:s,s:s,s:I,s:I}", "job",
        inspect_hex(&view->arena, tombstone->job.data, tombstone->job.len), "name", tombstone->name, "result",
        result ? inspect_word(&weir__job_state__descriptor, (int)result->state, "JOB_") : "unknown", "at",
        (json_int_t)tombstone->at_ms, "uncommitted-checkpoint",
        (json_int_t)(result ? result->uncommitted_checkpoint : 0));
}

static json_t *json_of_ended(struct ha_view *view)
{
    json_t *list = json_array();
    for (size_t i = 0; view->index && i < view->index->n_tombstones; i++)
        json_array_append_new(list, json_of_tombstone(view, view->index->tombstones[i]));
    for (uint32_t i = 0; i < view->tombstone_count; i++) {
        const Weir__Tombstone *tombstone =
            (const Weir__Tombstone *)decode(view, &weir__tombstone__descriptor, &view->tombstones[i]);
        if (tombstone) json_array_append_new(list, json_of_tombstone(view, tombstone));
    }
    return list;
}

static json_t *json_of(struct ha_view *view)
{
    json_t *jobs = json_array();
    for (uint32_t i = 0; i < view->job_count; i++)
        json_array_append_new(jobs, json_of_job(view, &view->jobs[i]));
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "cluster", view->setup.cluster, "type",
        view->setup.ha->name, "storage", view->setup.storage_directory, "leader", json_of_leader(view),
        "candidates", json_of_candidates(view), "jobs", jobs, "ended", json_of_ended(view));
}

/* ---------------------------------------------------------------- as text */

static const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text && *text ? text : "-";
}

static long long number_of(const json_t *json, const char *key)
{
    return (long long)json_integer_value(json_object_get(json, key));
}

static void print_pointer(struct ha_view *view, const char *what, const json_t *pointer)
{
    const json_t *bytes = json_object_get(pointer, "bytes");
    printf("    %-22s %s (%s%s)\n", what, text_of(pointer, "path"),
        json_is_null(bytes) ? "NOT THERE" : inspect_count(&view->arena, (uint64_t)json_integer_value(bytes)),
        json_is_null(bytes) ? "" : " bytes");
}

static void print_job(struct ha_view *view, const json_t *job)
{
    size_t i;
    const json_t *item;
    if (json_object_get(job, "error")) {
        printf("  %s: version %lld, %lld bytes, CANNOT BE READ: %s\n", text_of(job, "key"),
            number_of(job, "version"), number_of(job, "bytes"), text_of(job, "error"));
        return;
    }
    const char *result = json_string_value(json_object_get(job, "result"));
    printf("  %s : %s (%s%s%s)%s\n", text_of(job, "job"), text_of(job, "name"), text_of(job, "status"),
        result ? " " : "", result ? result : "",
        json_is_true(json_object_get(job, "named")) ? "" : " NOT NAMED BY THE INDEX");
    printf("    record                 %s, version %lld, %s bytes, epoch %lld, write %lld, target %s\n",
        text_of(job, "key"), number_of(job, "version"),
        inspect_count(&view->arena, (uint64_t)number_of(job, "bytes")), number_of(job, "epoch"),
        number_of(job, "write-counter"), text_of(job, "target"));
    char what[64];
    snprintf(what, sizeof what, "plan version %lld", number_of(job, "plan-version"));
    print_pointer(view, what, json_object_get(job, "plan"));
    json_array_foreach(json_object_get(job, "checkpoints"), i, item)
    {
        snprintf(what, sizeof what, "%s %lld", text_of(item, "kind"), number_of(item, "id"));
        print_pointer(view, what, item);
    }
    json_array_foreach(json_object_get(job, "savepoints"), i, item)
        printf("    savepoint %-12s %s\n", text_of(item, "state"), text_of(item, "path"));
    if (json_object_get(job, "restored-from"))
        printf("    restored from          %s\n", text_of(job, "restored-from"));
    if (number_of(job, "uncommitted-checkpoint"))
        printf("    UNCOMMITTED            checkpoint %lld: its state and sink files are kept\n",
            number_of(job, "uncommitted-checkpoint"));
}

static int print_all(struct ha_view *view, json_t *all)
{
    size_t i;
    const json_t *item, *leader = json_object_get(all, "leader");
    printf("Cluster %s\n  Store:      %s\n  Storage:    %s\n", text_of(all, "cluster"), text_of(all, "type"),
        text_of(all, "storage"));
    if (json_is_null(leader))
        puts("  Leader:     nobody has led yet");
    else
        printf("  Leader:     %s, epoch %lld, REST %s, record version %lld%s\n", text_of(leader, "name"),
            number_of(leader, "epoch"), text_of(leader, "rest"), number_of(leader, "version"),
            json_is_true(json_object_get(leader, "present")) ? "" : ": GONE, nobody leads now");
    json_array_foreach(json_object_get(all, "candidates"), i, item)
        printf("  Candidate:  %s, REST %s\n", text_of(item, "name"), text_of(item, "rest"));
    puts("------------------ Jobs -------------------");
    if (!json_array_size(json_object_get(all, "jobs"))) puts("No jobs.");
    json_array_foreach(json_object_get(all, "jobs"), i, item) print_job(view, item);
    if (json_array_size(json_object_get(all, "ended"))) puts("------------------ Ended jobs -------------");
    json_array_foreach(json_object_get(all, "ended"), i, item)
        printf("%s : %s : %s (%s)%s\n", inspect_time(&view->arena, number_of(item, "at")),
            text_of(item, "job"), text_of(item, "name"), text_of(item, "result"),
            number_of(item, "uncommitted-checkpoint") ? ", with sink files that were not committed" : "");
    json_decref(all);
    return fflush(stdout) ? 1 : 0;
}

static int inspect(const struct weir_config *config, bool as_json)
{
    struct ha_view view = { .reader = NULL };
    struct weir_error error = { 0 };
    if (!cluster_setup_init(&view.setup, config)) return 1;
    weir_arena_init(&view.arena, weir_os_memory());
    int code = 1;
    if (view.setup.unprotected) {
        weir_error_set(&error, WEIR_E_CONFIGURATION,
            "high-availability.type is NONE: such a cluster keeps nothing that could be found again");
        print_error(&error);
    } else if (store_reader_open(&view.setup, STORE_WAIT_MS, &view.reader, &error) ||
               read_view(&view, &error)) {
        print_error(&error);
    } else {
        code = as_json ? inspect_print_json(json_of(&view)) : print_all(&view, json_of(&view));
    }
    if (view.reader) store_reader_close(view.reader);
    weir_arena_done(&view.arena);
    cluster_setup_done(&view.setup);
    return code;
}

/* ---------------------------------------------------------------- gc */

static void print_garbage(const json_t *answer)
{
    struct weir_arena arena;
    size_t i;
    const json_t *item, *objects = json_object_get(answer, "objects");
    weir_arena_init(&arena, weir_os_memory());
    json_array_foreach(objects, i, item)
        printf("%14s  %s: %s\n", inspect_count(&arena, (uint64_t)number_of(item, "bytes")),
            text_of(item, "path"), text_of(item, "reason"));
    printf("%zu objects, %s bytes %s.%s\n", json_array_size(objects),
        inspect_count(&arena, (uint64_t)number_of(answer, "bytes")),
        json_is_true(json_object_get(answer, "deleted")) ? "deleted" : "would be deleted",
        json_is_true(json_object_get(answer, "more")) ? " There are more: ask again." : "");
    weir_arena_done(&arena);
}

struct ha_options {
    bool json, dry_run;
};

static bool ha_option(void *owner, int option, const char *value)
{
    struct ha_options *options = owner;
    options->json |= option == 'J';
    options->dry_run |= option == 'N';
    return true;
}

static int collect(struct client *client, const struct ha_options *options)
{
    struct client_response response;
    struct weir_error error = { 0 };
    enum weir_error_code failed = client_send(
        client, "POST", "/ha/gc", json_pack("{s:b}", "dry-run", options->dry_run), &response, &error);
    int code = 0;
    if (failed)
        code = client_failed("Could not have the leader collect garbage.\n%s", error.message);
    else if (response.error[0])
        code = client_failed("Could not have the leader collect garbage.\n%s", response.error);
    else if (options->json)
        code = inspect_print_json(json_incref(response.json));
    else
        print_garbage(response.json);
    client_response_done(&response);
    return code;
}

int verb_ha(int argument_count, char **arguments)
{
    static const struct option long_options[] = { { "json", no_argument, NULL, 'J' },
        { "dry-run", no_argument, NULL, 'N' }, { 0 } };
    const char *what = argument_count > 0 ? arguments[0] : "";
    if (strcmp(what, "-h") == 0 || strcmp(what, "--help") == 0) {
        printf("usage: %s\n", verb_usage("ha"));
        return 0;
    }
    bool inspects = strcmp(what, "inspect") == 0;
    if (!inspects && strcmp(what, "gc") != 0)
        return usage_error("ha", "'%s' is not understood; expected inspect or gc", what);
    struct ha_options options = { .json = false };
    struct client_arguments given;
    int code =
        client_parse("ha", argument_count - 1, arguments + 1, "", long_options, ha_option, &options, &given);
    if (code >= 0) return code;
    if (given.positional_count)
        return usage_error("ha", "'%s' is not understood; expected options alone", given.positionals[0]);
    if (inspects) {
        struct weir_config *config = load_config(given.definitions, given.definition_count, false);
        code = config ? inspect(config, options.json) : 1;
        weir_config_free(config);
        return code;
    }
    struct client client;
    struct weir_config *config = client_open(&given, &client);
    if (!config) return 1;
    code = collect(&client, &options);
    client_done(&client);
    weir_config_free(config);
    return code;
}
